// SPDX-License-Identifier: MIT
/// @file
/// @brief Shows an episode's return so far, which a policy averse to the tail of whole episodes has to know.
#ifndef RLX_ENV_RUNNING_RETURN_HPP
#define RLX_ENV_RUNNING_RETURN_HPP

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/detail/environment_wrapper.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// Scale and quantile of what is shown.
struct RunningReturnConfig {
  double scale = 1.0;  ///< size of a usual return, above 0; divides what is shown
  double nu = 0.0;     ///< the return at the quantile, -VaR; a learner that estimates it calls `set_nu` between rollouts
};

/**
 * @brief Appends two numbers to the observation: [sum of raw rewards so far / scale, (nu - sum) / scale].
 *
 * Which action is right for the tail of an episode's return depends on what the episode has earned already, so without them
 * the static CVaR of whole episodes has no good policy of the observation alone. Every ability of the inner environment is
 * forwarded. Saved with the state: the sum and nu. Nothing is allocated in a step.
 *
 * While `EpisodeCvar` trains, `FollowNu` (rl/follow_nu.hpp) passes its nu on at the start of each rollout; an exported
 * policy needs the nu of its training in the environments that it acts in.
 * @par Source Baeuerle & Ott 2011, "Markov decision processes with average-value-at-risk criteria"
 */
template <Environment E>
class RunningReturn : public detail::EnvironmentWrapper<E> {
  using Base = detail::EnvironmentWrapper<E>;
  using Base::environment_;

 public:
  using ActionScalar = typename E::ActionScalar;  ///< As `Environment` asks.

  /// @throws ConfigError  a scale that is not above 0, numbers that are not finite.
  explicit RunningReturn(E environment, RunningReturnConfig config = {})
      : Base(std::move(environment)), config_(config), observations_(environment_.observation_space()) {
    if (!is_finite(config.scale) || !(config.scale > 0)) {
      throw ConfigError("RunningReturnConfig.scale = " + std::to_string(config.scale) + ", expected a finite number above 0");
    }
    set_nu(config.nu);
    constexpr float unbounded = std::numeric_limits<float>::infinity();
    observations_.low.insert(observations_.low.end(), 2, -unbounded);
    observations_.high.insert(observations_.high.end(), 2, unbounded);
    if constexpr (NamedLayout<E>) {
      for (std::size_t i = 0; i + 2 < observations_.size(); ++i) {
        names_.emplace_back(std::string_view(environment_.observation_names()[i]));
      }
      names_.insert(names_.end(), {"running_return", "return_to_quantile"});
    }
  }

  const Box& observation_space() const noexcept { return observations_; }  ///< the inner space and two unbounded numbers
  /// The inner names, `running_return`, `return_to_quantile`.
  const std::vector<std::string>& observation_names() const noexcept requires NamedLayout<E> { return names_; }

  double nu() const noexcept { return config_.nu; }  ///< as last set
  /// From the next observation on. @throws ConfigError if it is not finite
  void set_nu(double nu) {
    if (!is_finite(nu)) throw ConfigError("RunningReturn: nu is not a finite number, which the observation would show");
    config_.nu = nu;
  }
  /// Raw rewards of the running episode.
  double running_return() const noexcept { return sum_; }

  /// @throws ShapeError  a row of another length.
  void reset(std::uint64_t seed, std::span<float> row) {
    detail::require_length("RunningReturn", "observation", row.size(), observations_.size());
    environment_.reset(seed, row.first(row.size() - 2));
    sum_ = 0.0;
    write(row);
  }

  /// @throws ShapeError  a row of another length; what the inner environment throws.
  Transition step(std::span<const ActionScalar> action, std::span<float> row) {
    detail::require_length("RunningReturn", "observation", row.size(), observations_.size());
    const Transition transition = environment_.step(action, row.first(row.size() - 2));
    sum_ += transition.reward;
    write(row);
    return transition;
  }

  /// As `SerializableEnvironment` asks.
  void save_state(std::vector<std::byte>& bytes) const requires SerializableEnvironment<E> {
    StateWriter writer(bytes);
    writer.write(sum_);
    writer.write(config_.nu);
    environment_.save_state(bytes);
  }
  /// @throws CheckpointError  foreign bytes; then nothing changes.
  void load_state(std::span<const std::byte> bytes) requires SerializableEnvironment<E> {
    StateReader reader(bytes);
    const auto sum = reader.read<double>(), nu = reader.read<double>();
    environment_.load_state(bytes.subspan(2 * sizeof(double)));
    sum_ = sum;
    config_.nu = nu;
  }

 private:
  void write(std::span<float> row) const {
    row[row.size() - 2] = static_cast<float>(sum_ / config_.scale);
    row[row.size() - 1] = static_cast<float>((config_.nu - sum_) / config_.scale);
  }

  RunningReturnConfig config_;
  Box observations_;
  std::vector<std::string> names_;
  double sum_ = 0.0;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_RUNNING_RETURN_HPP
