// SPDX-License-Identifier: MIT
/// @file
/// @brief Rewards divided by the spread of their discounted returns, once per rollout.
#ifndef RLX_RL_DETAIL_REWARD_SCALE_HPP
#define RLX_RL_DETAIL_REWARD_SCALE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <rlx/core/running_mean_std.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1::detail {

/// The statistics that `NormalizeReward` keeps step by step, merged time-step by time-step in order.
struct RewardScale {
  RunningMeanStd statistics{1};
  std::vector<double> returns;  ///< [N], discounted, of the running episodes

  double std() const { return std::sqrt(statistics.variance()[0] + 1e-8); }

  /// Counts the rollout's own returns first, then scales and clips its rewards.
  template <class A>
  void apply(Rollout<A>& rollout, double gamma, double clip_reward) {
    const std::size_t n = rollout.shape.num_envs;
    for (std::size_t t = 0; t < rollout.shape.n_steps; ++t) {
      for (std::size_t e = 0; e < n; ++e) returns[e] = gamma * returns[e] + static_cast<double>(rollout.rewards[t * n + e]);
      statistics.update(std::span<const double>(returns));
      for (std::size_t e = 0; e < n; ++e) {
        if ((rollout.terminated[t * n + e] | rollout.truncated[t * n + e]) != 0) returns[e] = 0.0;
      }
    }
    const double scale = 1.0 / std();
    for (std::size_t i = 0; i < rollout.rows(); ++i) {
      const double scaled = static_cast<double>(rollout.rewards[i]) * scale;
      rollout.scaled_rewards[i] = static_cast<float>(std::clamp(scaled, -clip_reward, clip_reward));
    }
  }
};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_REWARD_SCALE_HPP
