// SPDX-License-Identifier: MIT
/// @file
/// @brief Sources with fewer episodes are more likely.
#ifndef RLX_CURRICULUM_BALANCED_HPP
#define RLX_CURRICULUM_BALANCED_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <rlx/core/state.hpp>
#include <rlx/curriculum/detail/weighted_sources.hpp>
#include <rlx/curriculum/episode_info.hpp>
#include <rlx/env/episode_sampler.hpp>

namespace rlx::inline v0_1::curriculum {

/// Settings of a BalancedSampler.
struct BalancedConfig {
  std::uint64_t target_episodes = 0;          ///< the log tells when every source has so many; 0: no target
  std::optional<double> max_session_share{};  ///< in (0, 1]; empty: max(0.1, 2 / sessions)
};

/// P_i in proportion to 1 / (1 + finished episodes of i), then every session whose share of the probability exceeds
/// `max_session_share` is scaled down to it and the others up.
///
/// Counts all episodes of the run, those of earlier phases of a `PhasedSampler` too. Choosing goes on in the same way after
/// the target is reached. `source` allocates nothing.
class BalancedSampler {
 public:
  /// @throws ConfigError  no source, a source listed twice, or a session share that cannot hold
  explicit BalancedSampler(std::span<const EpisodeInfo> sources, BalancedConfig config = {})
      : config_(config), table_(sources, config.max_session_share), counts_(sources.size(), 0) {
    set_masses();
  }

  /// As `EpisodeSampler` asks.
  std::size_t source(const EpisodeKey& key) const { return table_.draw(key); }
  /// As `EpisodeSampler` asks.
  void update(std::span<const EpisodeStatistics> finished) {
    if (finished.empty()) return;
    for (const EpisodeStatistics& episode : finished) {
      ++episodes_;
      steps_ += episode.length;
      const std::size_t entry = table_.index().entry(episode.source);
      if (entry < counts_.size()) ++counts_[entry];
    }
    if (config_.target_episodes > 0 && events_.empty() &&
        *std::min_element(counts_.begin(), counts_.end()) >= config_.target_episodes) {
      events_.push_back({.kind = SamplerEventKind::target_reached, .episodes = episodes_, .steps = steps_});
    }
    set_masses();
  }
  /// Called while another phase of a `PhasedSampler` runs: the episodes count all the same.
  void observe(std::span<const EpisodeStatistics> finished) { update(finished); }

  /// Finished episodes of each source, in the order of the constructor's list.
  std::span<const std::uint64_t> counts() const noexcept { return counts_; }
  /// Probability of each source, in the same order.
  std::span<const double> probabilities() const noexcept { return table_.probabilities(); }
  /// At most one event: `target_reached`.
  std::span<const SamplerEvent> events() const noexcept { return events_; }

  /// As `EpisodeSampler` asks.
  void save_state(StateWriter& writer) const {
    table_.index().save_state(writer);
    writer.write(counts_);
    writer.write(episodes_);
    writer.write(steps_);
    writer.write(events_);
  }
  /// @throws CheckpointError  damaged, or saved for other sources; then this object is unchanged
  void load_state(StateReader& reader) {
    BalancedSampler next = *this;
    next.table_.index().check_state(reader);
    reader.read_into(next.counts_);
    reader.read(next.episodes_);
    reader.read(next.steps_);
    next.events_ = reader.read_vector<SamplerEvent>();
    next.set_masses();
    *this = std::move(next);
  }

 private:
  void set_masses() {
    std::vector<double> masses;
    for (const std::uint64_t count : counts_) masses.push_back(1.0 / (1.0 + static_cast<double>(count)));
    table_.set_masses(masses);
  }

  BalancedConfig config_;
  detail::WeightedSources table_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t episodes_ = 0;
  std::uint64_t steps_ = 0;
  std::vector<SamplerEvent> events_;
};

}  // namespace rlx::inline v0_1::curriculum

#endif  // RLX_CURRICULUM_BALANCED_HPP
