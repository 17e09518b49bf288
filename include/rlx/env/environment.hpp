// SPDX-License-Identifier: MIT
/// @file
/// @brief The contract between an environment and everything that uses one.
#ifndef RLX_ENV_ENVIRONMENT_HPP
#define RLX_ENV_ENVIRONMENT_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// What a step returns. `terminated`: the task ended (no value beyond it). `truncated`: it was cut by time or data, and the
/// learner bootstraps with the value of the last observation. Both may be true; then `terminated` rules.
struct Transition {
  double reward = 0.0;      ///< of this step
  bool terminated = false;  ///< the task ended
  bool truncated = false;   ///< cut by time or data
};

/// Gymnasium's contract, writing into rows that the caller owns.
///
/// An episode is a function of (environment configuration, source, seed, actions). `reset` and `step` write every float of
/// the observation row. `step` before `reset` or after an end throws `EnvironmentError`. `info()` returns a constant reference
/// to a struct of the environment's own, valid until the next call. Neither `step` nor `info` may allocate.
///
/// A model in 12 lines:
/// @code
/// struct Coin {  // guess the next flip
///   using ActionScalar = std::int32_t;
///   rlx::Box box = rlx::Box::uniform(1, 0.0F, 1.0F);
///   rlx::Discrete actions{2};
///   struct Info {} nothing;
///   const rlx::Box& observation_space() const { return box; }
///   const rlx::Discrete& action_space() const { return actions; }
///   void reset(std::uint64_t, std::span<float> row) { row[0] = 0; }
///   rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) { row[0] = 1; return {double(action[0]),
///   true, false}; } const Info& info() const { return nothing; }
/// };
/// @endcode
template <class E>
concept Environment = requires(E& env, const E& constant, std::uint64_t seed, std::span<const typename E::ActionScalar> action,
                               std::span<float> row) {
  { constant.observation_space() } -> std::convertible_to<const Box&>;
  { constant.action_space() } -> ActionSpace;
  { env.reset(seed, row) } -> std::same_as<void>;
  { env.step(action, row) } -> std::same_as<Transition>;
  constant.info();
};

/// Writes one byte per choice, non-zero = valid, for the action to be taken from the current observation.
template <class E>
concept MaskedEnvironment = Environment<E> && requires(const E& env, std::span<std::uint8_t> row) {
  env.action_masks(row);
};

/// Episodes come from one of several sources (tapes, market sessions); `set_source` is called before `reset`.
template <class E>
concept SourcedEnvironment = Environment<E> && requires(E& env, const E& constant, std::size_t source) {
  { constant.num_sources() } -> std::convertible_to<std::size_t>;
  env.set_source(source);
};

/// Reports figures of the episode beside its return; read after its last step and before the next reset.
template <class E>
concept ReportsMetrics = Environment<E> && requires(const E& env, std::span<double> values) {
  { E::metric_names().size() } -> std::convertible_to<std::size_t>;  // a static container of std::string_view
  env.metrics(values);
};

/// The whole state as bytes; `load_state` restores it exactly and throws `CheckpointError` on foreign bytes.
template <class E>
concept SerializableEnvironment = Environment<E> &&
    requires(const E& constant, E& env, std::vector<std::byte>& out, std::span<const std::byte> in) {
  constant.save_state(out);  // appends
  env.load_state(in);
};

/// Names for messages, hashes and policy files; one per observation element and per action.
template <class E>
concept NamedLayout = Environment<E> && requires(const E& env) {
  { env.observation_names()[0] } -> std::convertible_to<std::string_view>;
  { env.action_names()[0] } -> std::convertible_to<std::string_view>;
};

/// `corrupt_future(seed)` overwrites every datum that is not yet known at the current step; nothing already visible may change.
template <class E>
concept HasFuture = Environment<E> && requires(E& env, std::uint64_t seed) {
  env.corrupt_future(seed);
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_ENVIRONMENT_HPP
