// SPDX-License-Identifier: MIT
/// @file
/// @brief A vector environment whose observations have mean 0 and variance 1.
#ifndef RLX_ENV_NORMALIZE_OBSERVATION_HPP
#define RLX_ENV_NORMALIZE_OBSERVATION_HPP

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
#include <rlx/env/space.hpp>
#include <rlx/env/vector_env.hpp>

namespace rlx::inline v0_1 {

/// Limit of the scaled numbers.
struct NormalizeObservationConfig {
  double clip_obs = 10.0;  ///< largest size of a scaled number, > 0
};

/// Scales every observation by the running mean and variance of its column: clip((x - mean) / sqrt(variance + 1e-8)).
///
/// The statistics grow by the N rows that `observations()` returns, once per reset and once per step, before those rows are
/// scaled; final observations are scaled by the same figures and not counted. `freeze()` keeps the figures as they are, for
/// evaluation. Everything else is the inner vector environment's.
///
/// For programs that step a vector environment themselves. A learner takes the unwrapped `VectorEnv` and does the same inside
/// under its configuration's `normalize_observation`. Nothing is allocated after construction.
///
/// @tparam V  a `VectorEnv` or a wrapper of one; it is referred to, must outlive this object and be stepped through it only.
template <class V>
class NormalizeObservation : public detail::StatisticsWrapper<V> {
  using Base = detail::StatisticsWrapper<V>;
  using Base::inner_;
  using Base::statistics_;

 public:
  using ActionScalar = typename V::ActionScalar;  ///< number type of an action row

  /// @throws ConfigError  clip_obs is not above 0.
  explicit NormalizeObservation(V& envs, NormalizeObservationConfig config = {})
      : Base(envs, envs.observation_size()),
        config_(config),
        observations_(envs.num_envs() * envs.observation_size()),
        final_observations_(observations_.size()) {
    if (!(config.clip_obs > 0.0)) {
      throw ConfigError("NormalizeObservationConfig.clip_obs = " + std::to_string(config.clip_obs) + ", expected above 0");
    }
    const auto limit = static_cast<float>(config.clip_obs);
    space_ = Box::uniform(envs.observation_size(), -limit, limit);
  }

  /// -clip_obs to clip_obs.
  const Box& observation_space() const noexcept { return space_; }
  /// Scaled; the raw ones are `inner().observations()`.
  MatrixView<const float> observations() const { return {observations_.data(), this->num_envs(), this->observation_size()}; }
  /// Scaled; row e is meaningful where an episode of e ended.
  MatrixView<const float> final_observations() const {
    return {final_observations_.data(), this->num_envs(), this->observation_size()};
  }

  /// Resets every environment; the first observations count.
  void reset() {
    inner_->reset();
    take_observations();
  }
  /// Resets the environments whose byte is not 0; the rows of all count again.
  void reset(std::span<const std::uint8_t> reset_mask) {
    inner_->reset(reset_mask);
    take_observations();
  }
  /// @param actions  [N][A].
  void step(MatrixView<const ActionScalar> actions) {
    inner_->step(actions);
    take_observations();
    for (std::size_t e = 0; e < this->num_envs(); ++e) {
      if ((this->terminated()[e] | this->truncated()[e]) == 0) continue;
      statistics_.normalize(inner_->final_observations().row(e), row(final_observations_, e), config_.clip_obs);
    }
  }

  /// Writes the configuration, the statistics, the scaled rows and the inner vector environment.
  void save_state(StateWriter& writer) const { this->save(writer, {{"clip_obs", config_.clip_obs}}, observations_); }
  /// @throws CheckpointError  damaged, of other sizes or another clip_obs; then nothing changes. What is frozen stays frozen.
  void load_state(StateReader& reader) { this->load(reader, {{"clip_obs", config_.clip_obs}}, observations_); }

 private:
  std::span<float> row(std::vector<float>& rows, std::size_t e) const {
    return std::span<float>(rows).subspan(e * this->observation_size(), this->observation_size());
  }
  void take_observations() {
    const MatrixView<const float> raw = inner_->observations();
    statistics_.update(raw);
    for (std::size_t e = 0; e < raw.rows(); ++e) statistics_.normalize(raw.row(e), row(observations_, e), config_.clip_obs);
  }

  NormalizeObservationConfig config_;
  Box space_;
  std::vector<float> observations_, final_observations_;
};

/// `NormalizeObservation` is one.
template <class V>
inline constexpr bool is_statistics_wrapper<NormalizeObservation<V>> = true;

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_NORMALIZE_OBSERVATION_HPP
