// SPDX-License-Identifier: MIT
/// @file
/// @brief From easy sources to hard ones, in stages.
#ifndef RLX_CURRICULUM_PROGRESSIVE_HPP
#define RLX_CURRICULUM_PROGRESSIVE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/state.hpp>
#include <rlx/curriculum/detail/weighted_sources.hpp>
#include <rlx/curriculum/difficulty.hpp>
#include <rlx/curriculum/episode_info.hpp>
#include <rlx/env/episode_sampler.hpp>

namespace rlx::inline v0_1::curriculum {

/// Settings of a CurriculumSampler.
struct CurriculumConfig {
  std::size_t stages = 5;                     ///< K: 1 .. number of sources
  std::uint64_t stage_episodes = 50;          ///< target of each source of a stage, >= 1
  double revisit = 0.2;                       ///< probability of a source of an earlier stage, in [0, 1)
  std::uint64_t steps = 0;                    ///< steps of all stages together; a stage may use 1/K of them; 0: no limit
  std::optional<double> max_session_share{};  ///< in (0, 1]; empty: max(0.1, 2 / sessions that have a source to choose)
};

/// K stages of equal size by difficulty (ties by source number; stage k holds the ranks floor(k n / K) .. floor((k+1) n / K)).
/// Inside a stage P_i in proportion to max(0, target - episodes of i in this stage), with probability `revisit` a source of
/// an earlier stage, uniform. After the last stage uniform over all. The cap on a session's share is applied last, as far as
/// the stage has other sessions to choose from.
///
/// A stage ends at the first update at which all of its sources have their episodes (`EndReason::episodes`) or its finished
/// episodes have used its share of the steps (`EndReason::steps`). `source` allocates nothing.
class CurriculumSampler {
 public:
  /// @throws ConfigError  no source, a source listed twice, a difficulty that is not finite, or a value out of range
  explicit CurriculumSampler(std::span<const EpisodeInfo> sources, CurriculumConfig config = {})
      : config_(config), table_(sources, config.max_session_share), stage_of_(sources.size()), counts_(sources.size(), 0) {
    if (config_.stages == 0 || config_.stages > sources.size()) {
      throw ConfigError("stages = " + std::to_string(config_.stages) + ": expected 1 .. " + std::to_string(sources.size()) +
                        ", the number of sources");
    }
    if (config_.stage_episodes == 0) throw ConfigError("stage_episodes = 0: expected at least 1");
    if (!(config_.revisit >= 0.0 && config_.revisit < 1.0)) {
      throw ConfigError("revisit = " + std::to_string(config_.revisit) + ": expected a probability in [0, 1)");
    }
    for (const EpisodeInfo& info : sources) {
      if (!is_finite(info.difficulty)) {
        throw ConfigError("the difficulty of source " + std::to_string(info.source) + " is not finite");
      }
    }
    const std::vector<EpisodeInfo> sorted = sorted_by_difficulty(sources);
    for (std::size_t k = 0; k < config_.stages; ++k) {
      for (std::size_t i = stage_begin(k); i < stage_begin(k + 1); ++i) stage_of_[table_.index().entry(sorted[i].source)] = k;
    }
    set_masses();
  }

  /// As `EpisodeSampler` asks.
  std::size_t source(const EpisodeKey& key) const { return table_.draw(key); }
  /// As `EpisodeSampler` asks.
  void update(std::span<const EpisodeStatistics> finished) {
    if (finished.empty()) return;
    for (const EpisodeStatistics& episode : finished) {
      ++stage_episodes_;
      stage_steps_ += episode.length;
      const std::size_t entry = table_.index().entry(episode.source);
      if (entry < counts_.size() && stage_of_[entry] == stage_) ++counts_[entry];
    }
    if (stage_ < config_.stages) end_stage_if_due();
    set_masses();
  }

  /// Number of the stage, from 0; `num_stages()` after the last one.
  std::size_t stage() const noexcept { return static_cast<std::size_t>(stage_); }
  std::size_t num_stages() const noexcept { return config_.stages; }  ///< K
  /// Stage of each source, in the order of the constructor's list.
  std::span<const std::uint64_t> stage_of() const noexcept { return stage_of_; }
  /// Probability of each source, in the same order.
  std::span<const double> probabilities() const noexcept { return table_.probabilities(); }
  /// One `stage_ended` for each stage that is over.
  std::span<const SamplerEvent> events() const noexcept { return events_; }

  /// As `EpisodeSampler` asks.
  void save_state(StateWriter& writer) const {
    table_.index().save_state(writer);
    writer.write(static_cast<std::uint64_t>(config_.stages));
    writer.write(stage_);
    writer.write(stage_episodes_);
    writer.write(stage_steps_);
    writer.write(counts_);
    writer.write(events_);
  }
  /// @throws CheckpointError  damaged, or saved for other sources or stages; then this object is unchanged
  void load_state(StateReader& reader) {
    CurriculumSampler next = *this;
    next.table_.index().check_state(reader);
    const auto stages = reader.read<std::uint64_t>();
    reader.read(next.stage_);
    if (stages != config_.stages || next.stage_ > stages) {
      throw CheckpointError("CurriculumSampler: saved in stage " + std::to_string(next.stage_) + " of " +
                            std::to_string(stages) + ", expected " + std::to_string(config_.stages) + " stages");
    }
    reader.read(next.stage_episodes_);
    reader.read(next.stage_steps_);
    reader.read_into(next.counts_);
    next.events_ = reader.read_vector<SamplerEvent>();
    if (next.stage_ < stages && next.all_done()) {
      throw CheckpointError("CurriculumSampler: every source of the saved stage has " + std::to_string(config_.stage_episodes) +
                            " episodes already; resume with the stage_episodes of the saved run");
    }
    next.set_masses();
    *this = std::move(next);
  }

 private:
  std::size_t stage_begin(std::size_t k) const noexcept { return k * table_.size() / config_.stages; }

  /// Whether every source of the stage has its episodes.
  bool all_done() const noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (stage_of_[i] == stage_ && counts_[i] < config_.stage_episodes) return false;
    }
    return true;
  }

  void end_stage_if_due() {
    const bool all = all_done();
    const std::uint64_t share = config_.steps / config_.stages + (config_.steps % config_.stages != 0 ? 1 : 0);
    const bool used_up = config_.steps > 0 && stage_steps_ >= share;
    if (!all && !used_up) return;
    events_.push_back({.kind = SamplerEventKind::stage_ended,
                       .reason = all ? EndReason::episodes : EndReason::steps,
                       .stage = static_cast<std::uint32_t>(stage_),
                       .episodes = stage_episodes_,
                       .steps = stage_steps_});
    ++stage_;
    stage_episodes_ = 0;
    stage_steps_ = 0;
    std::fill(counts_.begin(), counts_.end(), 0);
  }

  void set_masses() {
    std::vector<double> masses(table_.size(), 1.0);
    if (stage_ < config_.stages) {
      double missing = 0.0;
      for (std::size_t i = 0; i < masses.size(); ++i) {
        const bool open = stage_of_[i] == stage_ && counts_[i] < config_.stage_episodes;
        masses[i] = open ? static_cast<double>(config_.stage_episodes - counts_[i]) : 0.0;
        missing += masses[i];
      }
      // A share r of the whole is r / (1 - r) times the mass of the stage.
      const double earlier = missing * config_.revisit / (1.0 - config_.revisit);
      const std::size_t begin = stage_begin(stage());
      for (std::size_t i = 0; i < masses.size(); ++i) {
        if (stage_of_[i] < stage_) masses[i] = earlier / static_cast<double>(begin);
      }
    }
    table_.set_masses(masses);
  }

  CurriculumConfig config_;
  detail::WeightedSources table_;
  std::vector<std::uint64_t> stage_of_;
  std::vector<std::uint64_t> counts_;  // of the sources of the current stage, in it
  std::uint64_t stage_ = 0;
  std::uint64_t stage_episodes_ = 0;
  std::uint64_t stage_steps_ = 0;
  std::vector<SamplerEvent> events_;
};

}  // namespace rlx::inline v0_1::curriculum

#endif  // RLX_CURRICULUM_PROGRESSIVE_HPP
