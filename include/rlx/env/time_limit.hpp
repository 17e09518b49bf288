// SPDX-License-Identifier: MIT
/// @file
/// @brief Cuts episodes after a number of steps.
#ifndef RLX_ENV_TIME_LIMIT_HPP
#define RLX_ENV_TIME_LIMIT_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/env/detail/flags.hpp>
#include <rlx/env/environment.hpp>

namespace rlx {

/// An environment whose episodes are `truncated` at step `max_episode_steps`, whether or not that step also terminates.
///
/// Every ability of the inner environment is forwarded: masks, sources, metrics, state, names, the future. After the cut a
/// step throws `StateError`. `info()` is the inner environment's. Allocates nothing beyond what E does.
template <Environment E>
class TimeLimit {
 public:
  using ActionScalar = typename E::ActionScalar;
  static constexpr bool accepts_invalid_actions = detail::flag_accepts_invalid_actions<E>;
  static constexpr bool metrics_may_be_nan = detail::flag_metrics_may_be_nan<E>;

  /// @param max_episode_steps  at least 1.
  /// @throws ConfigError
  TimeLimit(E environment, std::uint64_t max_episode_steps)
      : environment_(std::move(environment)), max_episode_steps_(max_episode_steps) {
    if (max_episode_steps == 0) throw ConfigError("TimeLimit: max_episode_steps = 0; an episode needs at least 1 step");
  }

  const Box& observation_space() const { return environment_.observation_space(); }
  decltype(auto) action_space() const { return environment_.action_space(); }
  decltype(auto) info() const { return environment_.info(); }
  std::uint64_t max_episode_steps() const noexcept { return max_episode_steps_; }
  E& inner() noexcept { return environment_; }
  const E& inner() const noexcept { return environment_; }

  void reset(std::uint64_t seed, std::span<float> row) {
    environment_.reset(seed, row);
    steps_ = 0;
  }

  Transition step(std::span<const ActionScalar> action, std::span<float> row) {
    if (steps_ >= max_episode_steps_) {
      throw StateError("TimeLimit: the episode was truncated after " + std::to_string(max_episode_steps_) +
                       " steps; call reset before the next step");
    }
    Transition transition = environment_.step(action, row);
    if (++steps_ == max_episode_steps_) transition.truncated = true;
    return transition;
  }

  void action_masks(std::span<std::uint8_t> row) const requires MaskedEnvironment<E> { environment_.action_masks(row); }

  std::size_t num_sources() const requires SourcedEnvironment<E> { return environment_.num_sources(); }
  void set_source(std::size_t source) requires SourcedEnvironment<E> { environment_.set_source(source); }

  static decltype(auto) metric_names() requires ReportsMetrics<E> { return E::metric_names(); }
  void metrics(std::span<double> values) const requires ReportsMetrics<E> { environment_.metrics(values); }

  void save_state(std::vector<std::byte>& bytes) const requires SerializableEnvironment<E> {
    const auto* first = reinterpret_cast<const std::byte*>(&steps_);
    bytes.insert(bytes.end(), first, first + sizeof(steps_));
    environment_.save_state(bytes);
  }
  /// @throws CheckpointError  foreign bytes.
  void load_state(std::span<const std::byte> bytes) requires SerializableEnvironment<E> {
    std::uint64_t steps = 0;
    if (bytes.size() < sizeof(steps)) throw CheckpointError("state of TimeLimit: the bytes end before the step counter");
    std::memcpy(&steps, bytes.data(), sizeof(steps));
    if (steps > max_episode_steps_) {
      throw CheckpointError("state of TimeLimit: step " + std::to_string(steps) + " lies beyond the limit of " +
                            std::to_string(max_episode_steps_) + "; it was saved with another limit");
    }
    environment_.load_state(bytes.subspan(sizeof(steps)));
    steps_ = steps;
  }

  decltype(auto) observation_names() const requires NamedLayout<E> { return environment_.observation_names(); }
  decltype(auto) action_names() const requires NamedLayout<E> { return environment_.action_names(); }

  void corrupt_future(std::uint64_t seed) requires HasFuture<E> { environment_.corrupt_future(seed); }

 private:
  E environment_;
  std::uint64_t max_episode_steps_;
  std::uint64_t steps_ = 0;
};

}  // namespace rlx

#endif  // RLX_ENV_TIME_LIMIT_HPP
