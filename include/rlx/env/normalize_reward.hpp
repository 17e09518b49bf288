// SPDX-License-Identifier: MIT
/// @file
/// @brief A vector environment whose rewards are scaled by the spread of its discounted returns.
#ifndef RLX_ENV_NORMALIZE_REWARD_HPP
#define RLX_ENV_NORMALIZE_REWARD_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/running_mean_std.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/detail/statistics_wrapper.hpp>
#include <rlx/env/vector_env.hpp>

namespace rlx::inline v0_1 {

/// Discount and limit of the scaled rewards.
struct NormalizeRewardConfig {
  double gamma = 0.99;        ///< discount of the running returns, in [0, 1]; the learner's
  double clip_reward = 10.0;  ///< largest size of a scaled reward, > 0
};

/// Scales every reward by the running standard deviation of the discounted return: clip(r / sqrt(variance + 1e-8)).
///
/// Per step: G <- gamma * G + r for each environment, the statistics grow by the N values of G (less those of environments that
/// were only reset, in autoreset mode `next_step`), the rewards are scaled (no mean is subtracted, so that their sign stays),
/// then G = 0 where an episode ended, terminated or truncated. G = 0 at `reset()`.
/// `freeze()` keeps the figures as they are. Episode returns in `finished()` stay raw. Everything else is the inner vector
/// environment's.
///
/// For programs that step a vector environment themselves. A learner takes the unwrapped `VectorEnv` and does the same inside
/// under its configuration's `normalize_reward`. Nothing is allocated after construction.
///
/// @tparam V  a `VectorEnv` or a wrapper of one; it is referred to, must outlive this object and be stepped through it only.
template <class V>
class NormalizeReward : public detail::StatisticsWrapper<V> {
  using Base = detail::StatisticsWrapper<V>;
  using Base::inner_;
  using Base::statistics_;

 public:
  using ActionScalar = typename V::ActionScalar;  ///< number type of an action row

  /// @throws ConfigError  gamma outside [0, 1], clip_reward not above 0.
  explicit NormalizeReward(V& envs, NormalizeRewardConfig config = {})
      : Base(envs, 1), config_(config), returns_(envs.num_envs()), rewards_(envs.num_envs()), counted_(envs.num_envs()) {
    if (!(config.gamma >= 0.0 && config.gamma <= 1.0)) {
      throw ConfigError("NormalizeRewardConfig.gamma = " + std::to_string(config.gamma) + ", expected a number in [0, 1]");
    }
    if (!(config.clip_reward > 0.0)) {
      throw ConfigError("NormalizeRewardConfig.clip_reward = " + std::to_string(config.clip_reward) + ", expected above 0");
    }
  }

  /// Scaled; the raw ones are `inner().rewards()`.
  std::span<const double> rewards() const noexcept { return rewards_; }

  /// Resets every environment; running returns and rewards become 0.
  void reset() {
    inner_->reset();
    std::fill(returns_.begin(), returns_.end(), 0.0);
    std::fill(rewards_.begin(), rewards_.end(), 0.0);
  }
  /// Resets the environments whose byte is not 0 and their running returns; the rewards of all become 0.
  void reset(std::span<const std::uint8_t> reset_mask) {
    inner_->reset(reset_mask);
    for (std::size_t e = 0; e < returns_.size(); ++e) {
      if (reset_mask[e] != 0) returns_[e] = 0.0;
    }
    std::fill(rewards_.begin(), rewards_.end(), 0.0);
  }
  /// @param actions  [N][A].
  void step(MatrixView<const ActionScalar> actions) {
    inner_->step(actions);
    const std::span<const double> raw = inner_->rewards();
    std::size_t counted = 0;
    for (std::size_t e = 0; e < raw.size(); ++e) {
      returns_[e] = config_.gamma * returns_[e] + raw[e];
      if (!only_reset(e)) counted_[counted++] = returns_[e];
    }
    statistics_.update(std::span<const double>(counted_).first(counted));
    const double deviation = std::sqrt(statistics_.variance()[0] + 1e-8);
    for (std::size_t e = 0; e < raw.size(); ++e) {
      rewards_[e] = std::clamp(raw[e] / deviation, -config_.clip_reward, config_.clip_reward);
      if ((this->terminated()[e] | this->truncated()[e]) != 0) returns_[e] = 0.0;
    }
  }

  /// Writes the configuration, the statistics, the running returns and the inner vector environment.
  void save_state(StateWriter& writer) const {
    this->save(writer, {{"gamma", config_.gamma}, {"clip_reward", config_.clip_reward}}, returns_);
  }
  /// @throws CheckpointError  damaged, of other sizes, another gamma or clip_reward; then nothing changes. What is frozen stays
  ///                          frozen.
  void load_state(StateReader& reader) {
    this->load(reader, {{"gamma", config_.gamma}, {"clip_reward", config_.clip_reward}}, returns_);
    std::fill(rewards_.begin(), rewards_.end(), 0.0);
  }

 private:
  /// Whether the last step was no step of environment `e`: with `next_step` an ended episode is followed by its reset.
  bool only_reset(std::size_t e) const {
    return this->config().autoreset == AutoresetMode::next_step && this->episode_length(e) == 0;
  }

  NormalizeRewardConfig config_;
  std::vector<double> returns_, rewards_, counted_;
};

/// `NormalizeReward` is one.
template <class V>
inline constexpr bool is_statistics_wrapper<NormalizeReward<V>> = true;

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_NORMALIZE_REWARD_HPP
