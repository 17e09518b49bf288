// SPDX-License-Identifier: MIT
/// @file
/// @brief The checks that every environment of the library makes on entry.
#ifndef RLX_ENV_DETAIL_GUARD_HPP
#define RLX_ENV_DETAIL_GUARD_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/state.hpp>

namespace rlx::inline v0_1::detail {

enum class EpisodePhase : std::uint8_t { fresh, running, ended };

/// Reads a phase back. @throws CheckpointError  no such phase.
inline EpisodePhase read_phase(StateReader& reader) {
  const auto phase = reader.read<std::uint8_t>();
  if (phase > static_cast<std::uint8_t>(EpisodePhase::ended)) {
    throw CheckpointError("saved environment state: episode phase " + std::to_string(phase) +
                          " does not exist; the bytes are damaged");
  }
  return static_cast<EpisodePhase>(phase);
}

[[noreturn]] inline void throw_not_running(const char* name, EpisodePhase phase) {
  const char* when = phase == EpisodePhase::fresh ? "before the first reset" : "after the end of the episode";
  throw StateError(std::string(name) + ": step " + when + "; call reset first");
}
inline void require_running(const char* name, EpisodePhase phase) {
  if (phase != EpisodePhase::running) [[unlikely]]
    throw_not_running(name, phase);
}

/// Throws `ShapeError` unless a row has the expected length.
inline void require_length(const char* name, const char* what, std::size_t found, std::size_t expected) {
  if (found != expected) [[unlikely]] {
    throw ShapeError(std::string(name) + ": " + what + " row has " + std::to_string(found) + " entries, expected " +
                     std::to_string(expected));
  }
}

/// Throws `ShapeError` unless both rows of a step have the expected lengths.
inline void require_rows(const char* name, std::size_t action, std::size_t expected_action, std::size_t observation,
                         std::size_t expected_observation) {
  require_length(name, "action", action, expected_action);
  require_length(name, "observation", observation, expected_observation);
}

[[noreturn]] inline void throw_not_a_choice(const char* name, std::size_t component, std::int32_t action, std::int64_t n) {
  throw InvalidActionError(std::string(name) + ": action[" + std::to_string(component) + "] = " + std::to_string(action) +
                           " is not in [0, " + std::to_string(n) + ')');
}
/// Component `component` of an action row of integers. @throws InvalidActionError  outside [0, n).
inline std::int32_t require_choice(const char* name, std::span<const std::int32_t> action, std::size_t component,
                                   std::int64_t n) {
  const std::int32_t choice = action[component];
  if (choice < 0 || choice >= n) [[unlikely]]
    throw_not_a_choice(name, component, choice, n);
  return choice;
}

/// A number of a continuous action row. @throws InvalidActionError  nan or infinite.
inline float require_number(const char* name, std::span<const float> action, std::size_t component) {
  if (!is_finite(action[component])) [[unlikely]] {
    throw InvalidActionError(std::string(name) + ": action[" + std::to_string(component) + "] is not a finite number");
  }
  return action[component];
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_ENV_DETAIL_GUARD_HPP
