// SPDX-License-Identifier: MIT
/// @file
/// @brief Cuts episodes after a number of steps.
#ifndef RLX_ENV_TIME_LIMIT_HPP
#define RLX_ENV_TIME_LIMIT_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/state.hpp>
#include <rlx/env/detail/environment_wrapper.hpp>
#include <rlx/env/environment.hpp>

namespace rlx::inline v0_1 {

/// An environment whose episodes are `truncated` at step `max_episode_steps`, whether or not that step also terminates.
///
/// Every ability of the inner environment is forwarded: masks, sources, metrics, state, names, the future. After the cut a
/// step throws `StateError`. `info()` is the inner environment's. Allocates nothing beyond what E does.
template <Environment E>
class TimeLimit : public detail::EnvironmentWrapper<E> {
  using Base = detail::EnvironmentWrapper<E>;
  using Base::environment_;

 public:
  using ActionScalar = typename E::ActionScalar;  ///< As `Environment` asks.

  /// @param environment        the inner one, moved in
  /// @param max_episode_steps  at least 1.
  /// @throws ConfigError
  TimeLimit(E environment, std::uint64_t max_episode_steps)
      : Base(std::move(environment)), max_episode_steps_(max_episode_steps) {
    if (max_episode_steps == 0) throw ConfigError("TimeLimit: max_episode_steps = 0; an episode needs at least 1 step");
  }

  std::uint64_t max_episode_steps() const noexcept { return max_episode_steps_; }  ///< as given

  /// As `Environment` asks.
  void reset(std::uint64_t seed, std::span<float> row) {
    environment_.reset(seed, row);
    steps_ = 0;
  }

  /// As `Environment` asks. @throws StateError  after the cut
  Transition step(std::span<const ActionScalar> action, std::span<float> row) {
    if (steps_ >= max_episode_steps_) {
      throw StateError("TimeLimit: the episode was truncated after " + std::to_string(max_episode_steps_) +
                       " steps; call reset before the next step");
    }
    Transition transition = environment_.step(action, row);
    if (++steps_ == max_episode_steps_) transition.truncated = true;
    return transition;
  }

  /// As `SerializableEnvironment` asks.
  void save_state(std::vector<std::byte>& bytes) const requires SerializableEnvironment<E> {
    StateWriter(bytes).write(steps_);
    environment_.save_state(bytes);
  }
  /// @throws CheckpointError  foreign bytes.
  void load_state(std::span<const std::byte> bytes) requires SerializableEnvironment<E> {
    const auto steps = StateReader(bytes).read<std::uint64_t>();
    if (steps > max_episode_steps_) {
      throw CheckpointError("state of TimeLimit: step " + std::to_string(steps) + " lies beyond the limit of " +
                            std::to_string(max_episode_steps_) + "; it was saved with another limit");
    }
    environment_.load_state(bytes.subspan(sizeof(steps)));
    steps_ = steps;
  }

 private:
  std::uint64_t max_episode_steps_;
  std::uint64_t steps_ = 0;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_TIME_LIMIT_HPP
