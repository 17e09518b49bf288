// SPDX-License-Identifier: MIT
/// @file
/// @brief A market in which one profile of the option ladder sells above its worth, and PPO on it.
#ifndef RLX_TESTS_LEARNING_LADDER_HPP
#define RLX_TESTS_LEARNING_LADDER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/options/ladder_env.hpp>
#include <rlx/options/ladder_tape.hpp>
#include <rlx/options/synthetic_chain.hpp>
#include <rlx/rl/ppo.hpp>

namespace rlx_learning {

namespace opt = rlx::options;

inline constexpr std::size_t ladder_moderate = 1;  // among conservative, moderate, aggressive

/// Calls of the moderate band (delta 0.25 to 0.35) sell 20 % above what they would. The earlier part is learned on, the later
/// one judges.
struct PlantedMarket {
  std::shared_ptr<const opt::LadderTape> earlier, later;

  explicit PlantedMarket(std::size_t snapshots) {
    const opt::SyntheticChain chain({.seed = 11, .snapshots = snapshots, .planted = {0.25, 0.35, 1.2}});
    opt::LadderTapeConfig config;
    config.last = snapshots * 2 / 3;
    earlier = std::make_shared<const opt::LadderTape>(chain, config);
    config.first = config.last;
    config.last = snapshots - 1;
    later = std::make_shared<const opt::LadderTape>(chain, config);
  }
};

struct LadderScore {
  double mean_return = 0.0;     ///< per episode, share of the coverage
  double moderate_share = 0.0;  ///< of the legs opened
};

/// @param choose  (observation, mask, random) -> action
template <class Choose>
LadderScore play_ladder(const std::shared_ptr<const opt::LadderTape>& tape, std::size_t episodes, Choose&& choose) {
  opt::LadderEnv env(tape);
  std::vector<float> row(env.observation_size());
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(env.action_space().n));
  LadderScore score;
  std::vector<double> legs(env.profiles().size());
  for (std::size_t episode = 0; episode < episodes; ++episode) {
    rlx::RandomStream random({episode, rlx::Purpose::evaluation_action});
    env.reset(1'000 + episode, row);
    for (bool ended = false; !ended;) {
      env.action_masks(mask);
      const std::int32_t action = choose(std::span<const float>(row), std::span<const std::uint8_t>(mask), random);
      const auto bits = static_cast<std::size_t>(action);
      std::size_t profile = 0;
      for (const opt::ProfilePicks& picks : env.proposals(bits)) {
        while ((bits >> profile & 1) == 0) ++profile;
        legs[profile++] += static_cast<double>(picks.candidates.size());
      }
      const rlx::Transition t = env.step(std::span<const std::int32_t>(&action, 1), row);
      score.mean_return += t.reward / static_cast<double>(episodes);
      ended = t.terminated || t.truncated;
    }
  }
  double all = 0.0;
  for (const double count : legs) all += count;
  score.moderate_share = all > 0.0 ? legs[ladder_moderate] / all : 0.0;
  return score;
}

inline LadderScore play_random(const std::shared_ptr<const opt::LadderTape>& tape, std::size_t episodes) {
  return play_ladder(tape, episodes, [](auto, std::span<const std::uint8_t> mask, rlx::RandomStream& random) {
    auto left = random.bounded(static_cast<std::uint64_t>(std::count(mask.begin(), mask.end(), std::uint8_t{1})));
    std::int32_t action = 0;
    while (mask[static_cast<std::size_t>(action)] == 0 || left-- > 0) ++action;
    return action;
  });
}

inline LadderScore train_and_play(const PlantedMarket& market, std::uint64_t seed, std::uint64_t timesteps,
                                  std::size_t episodes) {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 8, .seed = seed}, pool, [&](std::size_t) { return opt::LadderEnv(market.earlier); });
  rlx::PpoConfig config;
  config.learning_rate = rlx::nn::Schedule::linear(1e-3, 0.0);
  config.n_steps = 112;
  config.batch_size = 128;
  config.n_epochs = 4;
  config.gamma = 0.9;
  config.ent_coef = 0.003;
  config.normalize_reward = true;
  config.seed = seed;
  const opt::LadderEnv& env = envs.environment(0);
  const auto actions = static_cast<std::size_t>(env.action_space().n);
  rlx::Ppo learner(config, envs, rlx::nn::mlp_actor_critic({.observation = env.observation_size(), .action = actions}), pool);
  learner.learn(timesteps);
  const rlx::InferencePolicy policy = learner.policy();
  auto workspace = policy.make_workspace();
  return play_ladder(market.later, episodes,
                     [&](std::span<const float> row, std::span<const std::uint8_t> mask, rlx::RandomStream& random) {
                       std::int32_t action = 0;
                       policy.act(row, mask, std::span(&action, 1), workspace, rlx::ActOptions{true, &random});
                       return action;
                     });
}

}  // namespace rlx_learning

#endif  // RLX_TESTS_LEARNING_LADDER_HPP
