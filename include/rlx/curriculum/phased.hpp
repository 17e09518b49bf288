// SPDX-License-Identifier: MIT
/// @file
/// @brief One sampler after the other, and the two presets of the long schedule.
#ifndef RLX_CURRICULUM_PHASED_HPP
#define RLX_CURRICULUM_PHASED_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/state.hpp>
#include <rlx/curriculum/balanced.hpp>
#include <rlx/curriculum/episode_info.hpp>
#include <rlx/curriculum/progressive.hpp>
#include <rlx/curriculum/refinement.hpp>
#include <rlx/env/episode_sampler.hpp>

namespace rlx::inline v0_1::curriculum {

/// A sampler that wants to know the episodes of the phases before its own.
template <class P>
concept ObservesEpisodes = requires(P& sampler, std::span<const EpisodeStatistics> finished) {
  sampler.observe(finished);
};

/// One phase of a PhasedSampler: a sampler and how long it chooses.
class Phase {
 public:
  /// @param name      for logs
  /// @param sampler   chooses while the phase runs
  /// @param steps     the phase ends at the first update at or after so many steps of finished episodes; 0: no limit
  /// @param episodes  or after so many episodes, whichever is first; 0: no limit
  template <EpisodeSampler P>
  Phase(std::string name, P sampler, std::uint64_t steps, std::uint64_t episodes = 0)
      : name_(std::move(name)), sampler_(std::move(sampler)), steps_(steps), episodes_(episodes) {
    if constexpr (ReportsEvents<P>) {
      events_ = [](const AnyEpisodeSampler& any) -> std::span<const SamplerEvent> { return any.target<P>()->events(); };
    }
    if constexpr (ObservesEpisodes<P>) {
      observe_ = [](AnyEpisodeSampler& any, std::span<const EpisodeStatistics> done) { any.target<P>()->observe(done); };
    }
  }

  const std::string& name() const noexcept { return name_; }              ///< as given
  const AnyEpisodeSampler& sampler() const noexcept { return sampler_; }  ///< in its present state
  std::uint64_t steps() const noexcept { return steps_; }                 ///< limit by steps; 0: none
  std::uint64_t episodes() const noexcept { return episodes_; }           ///< limit by episodes; 0: none

 private:
  friend class PhasedSampler;

  std::span<const SamplerEvent> events() const {
    return events_ == nullptr ? std::span<const SamplerEvent>{} : events_(sampler_);
  }
  void observe(std::span<const EpisodeStatistics> finished) {
    if (observe_ != nullptr) observe_(sampler_, finished);
  }

  std::string name_;
  AnyEpisodeSampler sampler_;
  std::uint64_t steps_;
  std::uint64_t episodes_;
  std::span<const SamplerEvent> (*events_)(const AnyEpisodeSampler&) = nullptr;
  void (*observe_)(AnyEpisodeSampler&, std::span<const EpisodeStatistics>) = nullptr;
};

/// Phases in order; each switches at the first update at or after its steps or episodes, counted from its own begin. At most
/// one switch per update. The last phase goes on after its end, which is logged once. Samplers of later phases that model
/// `ObservesEpisodes` watch until their phase begins. `source` allocates nothing if the phases' samplers do not.
class PhasedSampler {
 public:
  /// @throws ConfigError  no phase, or a phase before the last without an end
  explicit PhasedSampler(std::vector<Phase> phases) : phases_(std::move(phases)) {
    if (phases_.empty()) throw ConfigError("PhasedSampler: expected at least one phase");
    for (std::size_t i = 0; i + 1 < phases_.size(); ++i) {
      if (phases_[i].steps() == 0 && phases_[i].episodes() == 0) {
        throw ConfigError("phase " + std::to_string(i + 1) + " (" + phases_[i].name() +
                          ") has neither steps nor episodes and would never end; expected one above 0");
      }
    }
  }

  /// As `EpisodeSampler` asks.
  std::size_t source(const EpisodeKey& key) const { return phases_[phase()].sampler_.source(key); }
  /// As `EpisodeSampler` asks. The sampler of the phase learns of all of them, the samplers of later phases may observe.
  void update(std::span<const EpisodeStatistics> finished) {
    Phase& active = phases_[phase()];
    active.sampler_.update(finished);
    for (std::size_t i = phase() + 1; i < phases_.size(); ++i) phases_[i].observe(finished);
    episodes_ += finished.size();
    for (const EpisodeStatistics& episode : finished) steps_ += episode.length;
    const std::span<const SamplerEvent> inner = active.events();
    for (; inner_events_ < inner.size(); ++inner_events_) {
      events_.push_back(inner[static_cast<std::size_t>(inner_events_)]);
      events_.back().phase = static_cast<std::uint32_t>(phase_);
    }
    end_phase_if_due(active);
  }

  /// Number of the phase that chooses, from 0.
  std::size_t phase() const noexcept { return static_cast<std::size_t>(phase_); }
  std::span<const Phase> phases() const noexcept { return phases_; }  ///< in the order they run
  /// `phase_ended`, and the events of the phases' samplers while they chose, oldest first.
  std::span<const SamplerEvent> events() const noexcept { return events_; }

  /// As `EpisodeSampler` asks.
  void save_state(StateWriter& writer) const {
    writer.write(static_cast<std::uint64_t>(phases_.size()));
    writer.write(phase_);
    writer.write(episodes_);
    writer.write(steps_);
    writer.write(inner_events_);
    writer.write(std::uint64_t{ended_});
    writer.write(events_);
    for (const Phase& phase : phases_) phase.sampler_.save_state(writer);
  }
  /// @throws CheckpointError  damaged, or saved for other phases; then this object is unchanged
  void load_state(StateReader& reader) {
    PhasedSampler next = *this;
    const auto count = reader.read<std::uint64_t>();
    reader.read(next.phase_);
    if (count != phases_.size() || next.phase_ >= count) {
      throw CheckpointError("PhasedSampler: saved in phase " + std::to_string(next.phase_) + " of " + std::to_string(count) +
                            ", expected " + std::to_string(phases_.size()) + " phases");
    }
    reader.read(next.episodes_);
    reader.read(next.steps_);
    reader.read(next.inner_events_);
    next.ended_ = reader.read<std::uint64_t>() != 0;
    next.events_ = reader.read_vector<SamplerEvent>();
    for (Phase& phase : next.phases_) phase.sampler_.load_state(reader);
    *this = std::move(next);
  }

 private:
  void end_phase_if_due(const Phase& active) {
    const bool by_episodes = active.episodes() > 0 && episodes_ >= active.episodes();
    const bool by_steps = active.steps() > 0 && steps_ >= active.steps();
    if (ended_ || (!by_episodes && !by_steps)) return;
    events_.push_back({.kind = SamplerEventKind::phase_ended,
                       .reason = by_episodes ? EndReason::episodes : EndReason::steps,
                       .phase = static_cast<std::uint32_t>(phase_),
                       .episodes = episodes_,
                       .steps = steps_});
    if (phase_ + 1 == phases_.size()) {
      ended_ = true;
      return;
    }
    ++phase_;
    episodes_ = 0;
    steps_ = 0;
    inner_events_ = phases_[phase()].events().size();  // what it logged while watching is not of its phase
  }

  std::vector<Phase> phases_;
  std::vector<SamplerEvent> events_;
  std::uint64_t phase_ = 0;
  std::uint64_t episodes_ = 0;  // of this phase
  std::uint64_t steps_ = 0;
  std::uint64_t inner_events_ = 0;  // of the phase's sampler, already in the log
  bool ended_ = false;              // the last phase
};

/// Settings of the presets' samplers; `curriculum.steps` is set by the preset.
struct PresetConfig {
  CurriculumConfig curriculum{};  ///< of the phases that learn by stages
  BalancedConfig balanced{};      ///< of the phases that balance
  RefinementConfig refinement{};  ///< of the phase of the struggling sources
};

namespace detail {
/// A quarter of the steps, at least 1. @throws ConfigError below 4 steps
inline std::uint64_t quarter(std::uint64_t total_steps) {
  if (total_steps < 4) {
    throw ConfigError("total_steps = " + std::to_string(total_steps) + ": expected at least 4, one for each quarter");
  }
  return total_steps / 4;
}
}  // namespace detail

/// Half of the steps curriculum, a quarter balanced, a quarter refinement (4M: 2M, 1M, 1M).
/// @throws ConfigError  as the samplers; fewer than 4 steps
inline PhasedSampler hybrid_sampler(std::span<const EpisodeInfo> sources, std::uint64_t total_steps = 4'000'000,
                                    PresetConfig config = {}) {
  const std::uint64_t quarter = detail::quarter(total_steps);
  config.curriculum.steps = 2 * quarter;
  return PhasedSampler({Phase("curriculum", CurriculumSampler(sources, config.curriculum), 2 * quarter),
                        Phase("balanced", BalancedSampler(sources, config.balanced), quarter),
                        Phase("refinement", RefinementSampler(sources, config.refinement), total_steps - 3 * quarter)});
}

/// A quarter of the steps balanced, half curriculum, a quarter balanced (4M: 1M, 2M, 1M).
/// @throws ConfigError  as the samplers; fewer than 4 steps
inline PhasedSampler schedule_sampler(std::span<const EpisodeInfo> sources, std::uint64_t total_steps = 4'000'000,
                                      PresetConfig config = {}) {
  const std::uint64_t quarter = detail::quarter(total_steps);
  config.curriculum.steps = 2 * quarter;
  return PhasedSampler({Phase("balanced", BalancedSampler(sources, config.balanced), quarter),
                        Phase("curriculum", CurriculumSampler(sources, config.curriculum), 2 * quarter),
                        Phase("balanced", BalancedSampler(sources, config.balanced), total_steps - 3 * quarter)});
}

}  // namespace rlx::inline v0_1::curriculum

#endif  // RLX_CURRICULUM_PHASED_HPP
