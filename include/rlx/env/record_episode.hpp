// SPDX-License-Identifier: MIT
/// @file
/// @brief Keeps every step of the last finished episode, for logs and for looking at what an agent did.
#ifndef RLX_ENV_RECORD_EPISODE_HPP
#define RLX_ENV_RECORD_EPISODE_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/env/detail/environment_wrapper.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// The steps of one episode in rows that were allocated once. Row t of the observations and masks is what the agent saw when
/// it chose action t; reward and flags t are what came of it.
/// @tparam S  `std::int32_t` or `float`, the number type of an action row.
template <class S>
class RecordedEpisode {
 public:
  RecordedEpisode() = default;
  /// Room for `capacity` steps, at least 1; the widths are those of one row, `mask_width` 0 without masks.
  RecordedEpisode(std::size_t capacity, std::size_t observation_size, std::size_t mask_width, std::size_t action_width,
                  std::vector<std::string> metric_names)
      : metric_names_(std::move(metric_names)),
        capacity_(capacity),
        observation_size_(observation_size),
        mask_width_(mask_width),
        action_width_(action_width),
        observations_((capacity + 1) * observation_size),
        masks_(capacity * mask_width),
        terminated_(capacity),
        truncated_(capacity),
        actions_(capacity * action_width),
        rewards_(capacity),
        metrics_(metric_names_.size()) {}

  /// Seed that `reset` was called with.
  std::uint64_t seed() const noexcept { return seed_; }
  /// Source of the episode; 0 without sources.
  std::size_t source() const noexcept { return source_; }
  /// Steps that the episode had.
  std::uint64_t length() const noexcept { return length_; }
  /// T: steps that are kept, the first ones.
  std::size_t steps() const noexcept { return steps_; }
  /// Whether every step fitted.
  bool complete() const noexcept { return steps_ == length_; }
  /// Sum of all rewards, also of those that are not kept.
  double episode_return() const noexcept { return return_; }

  /// [T + 1][D]; row T is the observation after the last kept step.
  MatrixView<const float> observations() const { return {observations_.data(), steps_ + 1, observation_size_}; }
  /// [T][M], non-zero = valid; M is 0 without masks.
  MatrixView<const std::uint8_t> masks() const { return {masks_.data(), steps_, mask_width_}; }
  /// [T][A]
  MatrixView<const S> actions() const { return {actions_.data(), steps_, action_width_}; }
  /// [T]
  std::span<const double> rewards() const noexcept { return std::span<const double>(rewards_).first(steps_); }
  /// [T], 1 where the task ended.
  std::span<const std::uint8_t> terminated() const noexcept { return std::span<const std::uint8_t>(terminated_).first(steps_); }
  /// [T], 1 where time or data cut it.
  std::span<const std::uint8_t> truncated() const noexcept { return std::span<const std::uint8_t>(truncated_).first(steps_); }
  /// Read after the last step, in the order of `metric_names()`.
  std::span<const double> metrics() const noexcept { return metrics_; }
  /// Of the environment; empty without metrics.
  const std::vector<std::string>& metric_names() const noexcept { return metric_names_; }

 private:
  template <Environment E>
  friend class RecordEpisode;

  bool has_room() const noexcept { return steps_ < capacity_; }
  std::span<float> observation_row(std::size_t t) {
    return std::span<float>(observations_).subspan(t * observation_size_, observation_size_);
  }
  std::span<std::uint8_t> mask_row(std::size_t t) {
    return std::span<std::uint8_t>(masks_).subspan(t * mask_width_, mask_width_);
  }
  void begin(std::uint64_t seed, std::size_t source, std::span<const float> observation) {
    seed_ = seed;
    source_ = source;
    length_ = 0;
    steps_ = 0;
    return_ = 0.0;
    std::copy(observation.begin(), observation.end(), observation_row(0).begin());
  }
  void add(std::span<const S> action, const Transition& transition, std::span<const float> observation) {
    ++length_;
    return_ += transition.reward;
    if (!has_room()) return;
    std::copy(action.begin(), action.end(), actions_.begin() + static_cast<std::ptrdiff_t>(steps_ * action_width_));
    rewards_[steps_] = transition.reward;
    terminated_[steps_] = transition.terminated ? 1 : 0;
    truncated_[steps_] = transition.truncated ? 1 : 0;
    ++steps_;
    std::copy(observation.begin(), observation.end(), observation_row(steps_).begin());
  }

  std::vector<std::string> metric_names_;
  std::size_t capacity_ = 0, observation_size_ = 0, mask_width_ = 0, action_width_ = 0;
  std::uint64_t seed_ = 0, length_ = 0;
  std::size_t source_ = 0, steps_ = 0;
  double return_ = 0.0;
  std::vector<float> observations_;
  std::vector<std::uint8_t> masks_, terminated_, truncated_;
  std::vector<S> actions_;
  std::vector<double> rewards_, metrics_;
};

/// An environment that keeps its last finished episode.
///
/// Behaves like the inner environment in every respect: masks, sources, metrics, state, names and future are forwarded. Two
/// records of `capacity` steps are allocated at construction, nothing later. An episode that is abandoned by a reset or
/// continued after `load_state`, which does not bring back its beginning, is not kept.
template <Environment E>
class RecordEpisode : public detail::EnvironmentWrapper<E> {
  using Base = detail::EnvironmentWrapper<E>;
  using Base::environment_;
  using Space = std::remove_cvref_t<decltype(std::declval<const E&>().action_space())>;
  static constexpr bool has_masks = MaskedEnvironment<E> && !std::same_as<Space, Box>;

 public:
  using ActionScalar = typename E::ActionScalar;  ///< As `Environment` asks.
  using Record = RecordedEpisode<ActionScalar>;   ///< what is kept of an episode

  /// @param environment  the inner one, moved in
  /// @param capacity     steps that are kept of an episode, the first ones, at least 1.
  /// @throws ConfigError
  RecordEpisode(E environment, std::size_t capacity) : Base(std::move(environment)) {
    if (capacity == 0) throw ConfigError("RecordEpisode: capacity = 0; give the number of steps to keep, at least 1");
    std::vector<std::string> names;
    if constexpr (ReportsMetrics<E>) {
      for (const std::string_view name : E::metric_names()) names.emplace_back(name);
    }
    running_ =
        Record(capacity, environment_.observation_space().size(), has_masks ? mask_width(environment_.action_space()) : 0,
               action_width(environment_.action_space()), std::move(names));
    last_ = running_;
  }

  /// Whether an episode has finished.
  bool has_episode() const noexcept { return has_episode_; }
  /// The last finished episode; valid until the next one finishes. @throws StateError  none has finished
  const Record& last() const {
    if (!has_episode_) throw StateError("RecordEpisode: no episode has finished yet; ask has_episode() first");
    return last_;
  }

  /// As `SourcedEnvironment` asks; to be called before `reset`.
  void set_source(std::size_t source) requires SourcedEnvironment<E> {
    environment_.set_source(source);
    source_ = source;
  }

  /// As `Environment` asks; a running episode is abandoned.
  void reset(std::uint64_t seed, std::span<float> row) {
    recording_ = false;
    environment_.reset(seed, row);
    running_.begin(seed, source_, row);
    recording_ = true;
  }

  /// As `Environment` asks.
  Transition step(std::span<const ActionScalar> action, std::span<float> row) {
    if constexpr (has_masks) {
      if (recording_ && running_.has_room()) environment_.action_masks(running_.mask_row(running_.steps()));
    }
    const Transition transition = environment_.step(action, row);
    if (!recording_) return transition;
    running_.add(action, transition, row);
    if (transition.terminated || transition.truncated) {
      if constexpr (ReportsMetrics<E>) environment_.metrics(running_.metrics_);
      std::swap(running_, last_);
      recording_ = false;
      has_episode_ = true;
    }
    return transition;
  }

  /// @throws CheckpointError  foreign bytes.
  void load_state(std::span<const std::byte> bytes) requires SerializableEnvironment<E> {
    environment_.load_state(bytes);
    recording_ = false;
  }

 private:
  Record running_, last_;
  std::size_t source_ = 0;
  bool recording_ = false, has_episode_ = false;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_RECORD_EPISODE_HPP
