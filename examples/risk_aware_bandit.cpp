// SPDX-License-Identifier: MIT
// Sells insurance five times an episode, without a hedge (0.37 on average, -20 at worst) or with one (0.3): for the mean, for
// mean and tail of the episode, and averse to the tail from every state on.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/risk/tail.hpp>
#include <rlx/rl/distorted_advantage.hpp>
#include <rlx/rl/episode_cvar.hpp>
#include <rlx/rl/evaluation.hpp>
#include <rlx/rl/ppo.hpp>

namespace {

/// Trains with that critic and objective and prints what 1,000 new episodes earn.
template <class Critic, class Objective>
void sell(const char* name, Critic critic, Objective objective, std::uint64_t seed) {
  const auto make_env = [](std::size_t) {
    return rlx::PremiumSeller({.loss = -20.0, .loss_probability = 0.03, .episode_steps = 5});
  };
  rlx::ThreadPool threads(1);
  rlx::VectorEnv envs({.num_envs = 16, .seed = seed}, threads, make_env);
  const rlx::nn::GraphSpec graph =
      rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {16}, .vf = {16}, .value = critic.outputs()});
  const rlx::PpoConfig config{
      .learning_rate = 5e-3, .n_steps = 200, .batch_size = 3'200, .normalize_reward = true, .seed = seed};
  rlx::Ppo ppo(config, envs, graph, threads, critic, objective);
  ppo.learn(200'000);

  const rlx::Evaluation result = rlx::evaluate_policy(ppo.policy(), make_env, {.n_eval_episodes = 1'000, .seed = seed + 1'000});
  std::vector<double> returns;
  for (const rlx::EpisodeStatistics& episode : result.episodes) returns.push_back(episode.episode_return);
  std::printf("%-38s mean %6.2f, worst twentieth %7.2f\n", name, result.mean_reward,
              rlx::risk::tail(returns, {0.05}).tail_mean);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  sell("expected return", rlx::ScalarCritic{}, rlx::ExpectedReturn{}, seed);
  sell("expected return + CVaR of the episode", rlx::ScalarCritic{}, rlx::EpisodeCvar({.tail = {0.05}, .cvar_weight = 1.0}),
       seed);
  sell("Wang's distortion, quantile critic", rlx::QuantileCritic{}, rlx::DistortedAdvantage(rlx::risk::Distortion::wang(1.0)),
       seed);
  return 0;
} catch (const rlx::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
