// SPDX-License-Identifier: MIT
/// @file
/// @brief All that a sampler or a split knows of an episode's source, and the log of what a sampler decided.
#ifndef RLX_CURRICULUM_EPISODE_INFO_HPP
#define RLX_CURRICULUM_EPISODE_INFO_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace rlx::inline v0_1::curriculum {

/// One source of episodes: one market of one recorded session, one tape. Numbers only; no name reaches a sampler.
struct EpisodeInfo {
  std::size_t source = 0;     ///< what `EpisodeSampler::source` answers; no two entries share one
  std::uint32_t event = 0;    ///< sources of one event have related outcomes and stay on one side of a split
  std::int64_t session = 0;   ///< recording that the source comes from
  std::int32_t day = 0;       ///< UTC day of the source's close, days since 1970
  std::int64_t start_us = 0;  ///< first moment of the data, microseconds since 1970 UTC
  std::int64_t end_us = 0;    ///< last moment of the data, >= start_us
  std::size_t length = 0;     ///< of an episode, in one unit for all sources: steps or decision points
  double difficulty = 0.0;    ///< 0 easy .. 1 hard, see difficulty.hpp
};

/// What happened.
enum class SamplerEventKind : std::uint32_t {
  target_reached,  ///< BalancedSampler: every source has its target of episodes
  stage_ended,     ///< CurriculumSampler
  phase_ended      ///< PhasedSampler
};

/// Why it happened.
enum class EndReason : std::uint32_t {
  episodes,  ///< the episodes were reached
  steps      ///< the share of steps was used up
};

/// An entry of a sampler's log. Without padding, so that it is saved as it is.
struct SamplerEvent {
  SamplerEventKind kind = SamplerEventKind::target_reached;  ///< what happened
  EndReason reason = EndReason::episodes;                    ///< what limit was reached
  std::uint32_t phase = 0;                                   ///< number of the phase, from 0; 0 outside a PhasedSampler
  std::uint32_t stage = 0;                                   ///< number of the stage, from 0; 0 where there are none
  std::uint64_t episodes = 0;  ///< episodes that finished in the stage, in the phase, or until the target was reached
  std::uint64_t steps = 0;     ///< their steps
  bool operator==(const SamplerEvent&) const = default;  ///< Memberwise.
};

/// A line to print, such as `phase 1, stage 2 ended: episodes (1000 episodes, 52000 steps)`; phases and stages count from 1.
inline std::string to_string(const SamplerEvent& event) {
  std::string text = "phase " + std::to_string(event.phase + 1);
  switch (event.kind) {
    case SamplerEventKind::target_reached:
      text += ", target reached: ";
      break;
    case SamplerEventKind::stage_ended:
      text += ", stage " + std::to_string(event.stage + 1) + " ended: ";
      break;
    case SamplerEventKind::phase_ended:
      text += " ended: ";
      break;
  }
  text += event.reason == EndReason::episodes ? "episodes" : "steps";
  return text + " (" + std::to_string(event.episodes) + " episodes, " + std::to_string(event.steps) + " steps)";
}

/// A sampler with a log, oldest event first. `PhasedSampler` gathers the logs of its phases. A model:
/// @code
/// struct Silent { std::span<const rlx::curriculum::SamplerEvent> events() const { return {}; } };
/// @endcode
template <class P>
concept ReportsEvents = requires(const P& sampler) {
  { sampler.events() } -> std::convertible_to<std::span<const SamplerEvent>>;
};

}  // namespace rlx::inline v0_1::curriculum

#endif  // RLX_CURRICULUM_EPISODE_INFO_HPP
