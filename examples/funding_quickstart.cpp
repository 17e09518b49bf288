// SPDX-License-Identifier: MIT
// Trains the funding-arbitrage agent on an embedded synthetic market and evaluates its exported policy; about a minute on two
// cores. Prints the mean and deviation of the episode rewards (1 = 1 % of equity).
//
//   sh examples/run.sh funding_quickstart
#include <rlx/funding.hpp>
#include <rlx/rlx.hpp>

#include <fmt/format.h>

namespace funding = rlx::funding;

int main() {
  const auto market = funding::make_synthetic_tape({.preset = funding::SyntheticPreset::planted, .seed = 7, .days = 80}).tape;
  const auto make_env = [&](std::size_t) {
    return funding::FundingArbitrageEnv(market, {.trading = funding::TradingConfig::moderate()});
  };

  rlx::ThreadPool threads(2);
  rlx::VectorEnv envs({.num_envs = 16, .seed = 1}, threads, make_env);
  rlx::Ppo ppo({.n_steps = 128, .batch_size = 128, .n_epochs = 4, .normalize_reward = true}, envs,
               rlx::nn::slot_actor_critic(funding::slots()), threads);
  ppo.learn(100'000);  // adapt: 1'000'000 steps for an agent worth evaluating
  ppo.export_policy("policy.safetensors");

  const auto policy = rlx::InferencePolicy::load("policy.safetensors");  // needs no learner, allocates nothing per decision
  const auto result = rlx::evaluate_policy(policy, make_env, {.n_eval_episodes = 20});
  fmt::print("{:.2f} ± {:.2f}\n", result.mean_reward, result.std_reward);
}
