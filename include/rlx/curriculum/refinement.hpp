// SPDX-License-Identifier: MIT
/// @file
/// @brief More episodes on the sources that the policy still fails on.
#ifndef RLX_CURRICULUM_REFINEMENT_HPP
#define RLX_CURRICULUM_REFINEMENT_HPP

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
#include <rlx/curriculum/detail/source_averages.hpp>
#include <rlx/curriculum/detail/weighted_sources.hpp>
#include <rlx/curriculum/difficulty.hpp>
#include <rlx/curriculum/episode_info.hpp>
#include <rlx/env/episode_sampler.hpp>

namespace rlx::inline v0_1::curriculum {

/// Settings of a RefinementSampler.
struct RefinementConfig {
  double struggling_share = 0.7;              ///< probability of a struggling source, in [0, 1]
  double alpha = 0.1;                         ///< weight of a new episode in the averages, in (0, 1]
  double min_success = 0.5;                   ///< an average success below it is struggling
  double lowest_share = 0.25;                 ///< so is an average return whose rank F is below it
  std::optional<double> max_session_share{};  ///< in (0, 1]; empty: max(0.1, 2 / sessions)
};

/// With probability `struggling_share` a struggling source, in proportion to 1 / (1 + episodes in this phase); else any
/// source, in proportion to 1 / (1 + episodes of the run). Without a struggling source always the latter. The cap on a
/// session's share is applied last.
///
/// Struggling: the exponential average of the success (return > 0; started at 0.5) is below `min_success`, or that of the
/// return (started at the first one) is in the lowest quarter of the sources that have one. A `PhasedSampler` lets it watch
/// the phases before its own, so that it knows the struggling sources when it begins. `source` allocates nothing.
class RefinementSampler {
 public:
  /// @throws ConfigError  no source, a source listed twice, or a value out of range
  explicit RefinementSampler(std::span<const EpisodeInfo> sources, RefinementConfig config = {})
      : config_(config),
        table_(sources, config.max_session_share),
        averages_(sources.size(), config.alpha),
        counts_(sources.size(), 0),
        phase_counts_(sources.size(), 0),
        struggling_(sources.size(), 0) {
    check_share(config_.struggling_share, "struggling_share");
    check_share(config_.min_success, "min_success");
    check_share(config_.lowest_share, "lowest_share");
    set_masses();
  }

  /// As `EpisodeSampler` asks.
  std::size_t source(const EpisodeKey& key) const { return table_.draw(key); }
  /// As `EpisodeSampler` asks.
  void update(std::span<const EpisodeStatistics> finished) { add(finished, true); }
  /// Called while another phase of a `PhasedSampler` runs: averages and counts of the run, not of this phase.
  void observe(std::span<const EpisodeStatistics> finished) { add(finished, false); }

  /// 1 for each struggling source, in the order of the constructor's list.
  std::span<const std::uint8_t> struggling() const noexcept { return struggling_; }
  /// Probability of each source, in the same order.
  std::span<const double> probabilities() const noexcept { return table_.probabilities(); }

  /// As `EpisodeSampler` asks.
  void save_state(StateWriter& writer) const {
    table_.index().save_state(writer);
    averages_.save_state(writer);
    writer.write(counts_);
    writer.write(phase_counts_);
  }
  /// @throws CheckpointError  damaged, or saved for other sources; then this object is unchanged
  void load_state(StateReader& reader) {
    RefinementSampler next = *this;
    next.table_.index().check_state(reader);
    next.averages_.load_state(reader);
    reader.read_into(next.counts_);
    reader.read_into(next.phase_counts_);
    next.set_masses();
    *this = std::move(next);
  }

 private:
  static void check_share(double value, const char* name) {
    if (!(value >= 0.0 && value <= 1.0)) {
      throw ConfigError(std::string(name) + " = " + std::to_string(value) + ": expected a share in [0, 1]");
    }
  }

  void add(std::span<const EpisodeStatistics> finished, bool in_phase) {
    if (finished.empty()) return;
    for (const EpisodeStatistics& episode : finished) {
      const std::size_t entry = table_.index().entry(episode.source);
      if (entry == counts_.size()) continue;
      averages_.add(entry, episode.episode_return);
      ++counts_[entry];
      if (in_phase) ++phase_counts_[entry];
    }
    set_masses();
  }

  void set_masses() {
    std::vector<double> known;
    for (const double value : averages_.returns()) {
      if (is_finite(value)) known.push_back(value);
    }
    const MidRank rank(std::move(known));
    double struggling_mass = 0.0;
    double any_mass = 0.0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const double average = averages_.returns()[i];
      const bool low = is_finite(average) && rank(average) < config_.lowest_share;
      struggling_[i] = low || averages_.success()[i] < config_.min_success ? 1 : 0;
      if (struggling_[i] != 0) struggling_mass += inverse(phase_counts_[i]);
      any_mass += inverse(counts_[i]);
    }
    const double share = struggling_mass > 0.0 ? config_.struggling_share : 0.0;
    std::vector<double> masses(counts_.size());
    for (std::size_t i = 0; i < masses.size(); ++i) {
      masses[i] = (1.0 - share) * inverse(counts_[i]) / any_mass;
      if (struggling_[i] != 0) masses[i] += share * inverse(phase_counts_[i]) / struggling_mass;
    }
    table_.set_masses(masses);
  }
  static double inverse(std::uint64_t count) noexcept { return 1.0 / (1.0 + static_cast<double>(count)); }

  RefinementConfig config_;
  detail::WeightedSources table_;
  detail::SourceAverages averages_;
  std::vector<std::uint64_t> counts_;
  std::vector<std::uint64_t> phase_counts_;
  std::vector<std::uint8_t> struggling_;
};

}  // namespace rlx::inline v0_1::curriculum

#endif  // RLX_CURRICULUM_REFINEMENT_HPP
