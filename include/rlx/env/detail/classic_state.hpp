// SPDX-License-Identifier: MIT
/// @file
/// @brief State of a classic control task: a few doubles, the step counter and whether an episode runs.
#ifndef RLX_ENV_DETAIL_CLASSIC_STATE_HPP
#define RLX_ENV_DETAIL_CLASSIC_STATE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <rlx/core/state.hpp>
#include <rlx/env/detail/guard.hpp>
#include <rlx/env/environment.hpp>

namespace rlx::inline v0_1::detail {

template <std::size_t N>
struct ClassicState {
  std::array<double, N> numbers{};
  std::uint64_t steps = 0;
  EpisodePhase phase = EpisodePhase::fresh;

  void begin(const std::array<double, N>& start) { *this = {start, 0, EpisodePhase::running}; }

  /// Counts a step and ends the episode where a flag or the limit (0: none) says so.
  Transition finish(double reward, bool terminated, std::uint64_t limit) {
    const bool truncated = ++steps == limit;
    if (terminated || truncated) phase = EpisodePhase::ended;
    return {reward, terminated, truncated};
  }

  void save(std::vector<std::byte>& bytes) const {
    StateWriter writer(bytes);
    writer.write(numbers);
    writer.write(steps);
    writer.write(static_cast<std::uint8_t>(phase));
  }
  /// @throws CheckpointError  foreign bytes.
  static ClassicState load(std::span<const std::byte> bytes) {
    StateReader reader(bytes);
    ClassicState state;
    state.numbers = reader.read<std::array<double, N>>();
    state.steps = reader.read<std::uint64_t>();
    state.phase = read_phase(reader);
    reader.expect_end();
    return state;
  }
};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_ENV_DETAIL_CLASSIC_STATE_HPP
