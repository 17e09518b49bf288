// SPDX-License-Identifier: MIT
/// @file
/// @brief A rollout written down by hand, for objectives that read a `RolloutView`.
#ifndef RLX_TESTS_RL_ROLLOUT_OF_HPP
#define RLX_TESTS_RL_ROLLOUT_OF_HPP

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <rlx/rl/rollout.hpp>

namespace rlx_test {

/// Owns what a view points to; rewards and ends are time-major, [T][N].
struct RolloutOf {
  std::size_t n_steps = 0, num_envs = 0;
  std::vector<float> rewards = {};
  std::vector<std::uint8_t> ends = {};  ///< 0: goes on, 1: terminated, 2: truncated
  double scale = 1.0, gamma = 1.0, gae_lambda = 1.0;
  std::uint64_t update = 0;
  std::vector<float> step_pnl = {};
  std::vector<double> earlier = {};              ///< [N], rewards of the running episodes before this rollout; none: 0
  std::vector<rlx::EpisodeSlice> episodes = {};  ///< made by `view`, like the next two
  std::vector<std::uint8_t> terminated = {}, truncated = {};

  rlx::RolloutView view() {
    rlx::Rollout<> rollout({.n_steps = n_steps, .num_envs = num_envs});
    rollout.rewards = rewards;
    if (!earlier.empty()) rollout.running_returns = earlier;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      rollout.terminated[i] = ends[i] == 1;
      rollout.truncated[i] = ends[i] == 2;
    }
    rollout.find_episodes();
    earlier = rollout.running_returns;
    episodes = rollout.episodes;
    terminated = rollout.terminated;
    truncated = rollout.truncated;
    rlx::RolloutView view;
    view.n_steps = n_steps;
    view.num_envs = num_envs;
    view.rewards = rewards;
    view.scaled_rewards = rewards;
    view.reward_scale = scale;
    view.terminated = terminated;
    view.truncated = truncated;
    view.episodes = episodes;
    view.gamma = gamma;
    view.gae_lambda = gae_lambda;
    view.update = update;
    view.step_pnl = step_pnl;
    return view;
  }
};

/// One step for each return: an environment for each, ended.
inline RolloutOf one_step_episodes(std::vector<float> returns, std::uint64_t update = 0) {
  const std::size_t n = returns.size();
  return {
      .n_steps = 1, .num_envs = n, .rewards = std::move(returns), .ends = std::vector<std::uint8_t>(n, 1), .update = update};
}

}  // namespace rlx_test

#endif  // RLX_TESTS_RL_ROLLOUT_OF_HPP
