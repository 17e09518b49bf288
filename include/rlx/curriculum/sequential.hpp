// SPDX-License-Identifier: MIT
/// @file
/// @brief Passes over all sources in shuffled order.
#ifndef RLX_CURRICULUM_SEQUENTIAL_HPP
#define RLX_CURRICULUM_SEQUENTIAL_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/state.hpp>
#include <rlx/curriculum/budget.hpp>
#include <rlx/curriculum/detail/keyed_permutation.hpp>
#include <rlx/curriculum/detail/source_averages.hpp>
#include <rlx/curriculum/detail/source_index.hpp>
#include <rlx/curriculum/episode_info.hpp>
#include <rlx/env/episode_sampler.hpp>

namespace rlx::inline v0_1::curriculum {

/// Settings of a SequentialSampler.
struct SequentialConfig {
  std::uint64_t consecutive = 1;                  ///< episodes in a row on one source, >= 1; 1 moves on after each
  BudgetConfig budget{.kind = BudgetKind::once};  ///< how often a pass visits each source
  std::size_t num_envs = 0;                       ///< environments of the run; only the adaptive budget needs it
};

/// Position floor(episode / consecutive) x num_envs + env walks through passes; a pass visits every source as often as its
/// budget says, in an order shuffled over sessions and days by (seed, pass). The environments of a run share one walk, so
/// together they cover each pass exactly.
///
/// Adaptive budget: the pass that no environment has reached yet takes the newest average returns at every update; a pass
/// that begins within a rollout repeats the budget of the one before. Its state grows by 4 bytes per source and pass.
///
/// `source` takes some microseconds and allocates nothing.
class SequentialSampler {
 public:
  /// @throws ConfigError  no source, a source listed twice, or a value out of range
  explicit SequentialSampler(std::span<const EpisodeInfo> sources, SequentialConfig config = {})
      : index_(sources), config_(config), averages_(sources.size(), config.budget.alpha) {
    if (config_.consecutive == 0) throw ConfigError("consecutive = 0: expected at least 1 episode in a row");
    if (adaptive() && config_.num_envs == 0) {
      throw ConfigError("num_envs = 0: the adaptive budget needs the number of environments to know where a pass ends");
    }
    if (adaptive()) reached_ = config_.num_envs - 1;
    passes_.push_back(make_passes(0, 0, first_budget(sources, config_.budget)));
  }

  /// @throws ConfigError  the environment lacks the source, or (adaptive) the run has another number of environments
  std::size_t source(const EpisodeKey& key) const {
    if (adaptive() && key.num_envs != config_.num_envs) {
      throw ConfigError("num_envs = " + std::to_string(config_.num_envs) + " in the sampler, but the run has " +
                        std::to_string(key.num_envs) + " environments");
    }
    const std::uint64_t position = key.episode / config_.consecutive * key.num_envs + key.env;
    const auto after = std::upper_bound(passes_.begin(), passes_.end(), position,
                                        [](std::uint64_t p, const Passes& passes) { return p < passes.start; });
    const Passes& passes = *(after - 1);
    const std::uint64_t length = passes.cumulative.back();
    const std::uint64_t within = position - passes.start;
    const std::uint64_t card = detail::permuted(within % length, length, key.seed, passes.first_pass + within / length);
    const auto found = std::upper_bound(passes.cumulative.begin(), passes.cumulative.end(), card);
    return index_.source(static_cast<std::size_t>(found - passes.cumulative.begin()), key);
  }

  /// Only the adaptive budget learns.
  void update(std::span<const EpisodeStatistics> finished) {
    if (!adaptive() || finished.empty()) return;
    for (const EpisodeStatistics& episode : finished) {
      const std::uint64_t running = episode.episode + 1;
      reached_ = std::max(reached_, running / config_.consecutive * config_.num_envs + episode.env);
      const std::size_t entry = index_.entry(episode.source);
      if (entry < index_.size()) averages_.add(entry, episode.episode_return);
    }
    std::uint64_t start = passes_.back().start;
    std::uint64_t first_pass = passes_.back().first_pass;
    if (start > reached_) {
      passes_.pop_back();
    } else {
      const std::uint64_t length = passes_.back().cumulative.back();
      const std::uint64_t begun = (reached_ - start) / length + 1;
      start += begun * length;
      first_pass += begun;
    }
    passes_.push_back(make_passes(start, first_pass, adaptive_budget(averages_.returns(), config_.budget.episodes)));
  }

  /// Episodes of each source, in the order of the constructor's list, in the newest pass.
  std::vector<std::uint32_t> budget() const { return budget_of(passes_.back()); }

  /// As `EpisodeSampler` asks.
  void save_state(StateWriter& writer) const {
    index_.save_state(writer);
    averages_.save_state(writer);
    writer.write(reached_);
    writer.write(static_cast<std::uint64_t>(passes_.size()));
    for (const Passes& passes : passes_) {
      writer.write(passes.start);
      writer.write(passes.first_pass);
      writer.write(budget_of(passes));
    }
  }
  /// @throws CheckpointError  damaged, or saved for other sources; then this object is unchanged
  void load_state(StateReader& reader) {
    SequentialSampler next = *this;
    next.index_.check_state(reader);
    next.averages_.load_state(reader);
    reader.read(next.reached_);
    const auto count = reader.read<std::uint64_t>();
    next.passes_.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto start = reader.read<std::uint64_t>();
      const auto first_pass = reader.read<std::uint64_t>();
      std::vector<std::uint32_t> budget(index_.size());
      reader.read_into(budget);
      const bool in_order = i == 0 ? start == 0 : start > next.passes_.back().start;
      if (!in_order || std::find(budget.begin(), budget.end(), 0U) != budget.end()) break;
      next.passes_.push_back(make_passes(start, first_pass, budget));
    }
    if (next.passes_.size() != count || count == 0) {
      throw CheckpointError("SequentialSampler: pass " + std::to_string(next.passes_.size()) +
                            " of the saved state is damaged; expected passes in order, each source at least once");
    }
    *this = std::move(next);
  }

 private:
  struct Passes {
    std::uint64_t start;                    // first position
    std::uint64_t first_pass;               // number of the pass that begins there; later ones repeat the budget
    std::vector<std::uint64_t> cumulative;  // of the budget
  };

  static Passes make_passes(std::uint64_t start, std::uint64_t first_pass, const std::vector<std::uint32_t>& budget) {
    Passes passes{start, first_pass, {}};
    std::uint64_t sum = 0;
    for (const std::uint32_t count : budget) passes.cumulative.push_back(sum += count);
    return passes;
  }
  static std::vector<std::uint32_t> budget_of(const Passes& passes) {
    std::vector<std::uint32_t> budget;
    std::uint64_t before = 0;
    for (const std::uint64_t sum : passes.cumulative) {
      budget.push_back(static_cast<std::uint32_t>(sum - before));
      before = sum;
    }
    return budget;
  }
  bool adaptive() const noexcept { return config_.budget.kind == BudgetKind::adaptive; }

  detail::SourceIndex index_;
  SequentialConfig config_;
  detail::SourceAverages averages_;
  std::uint64_t reached_ = 0;   // highest position that an environment has been sent to
  std::vector<Passes> passes_;  // in order of position
};

}  // namespace rlx::inline v0_1::curriculum

#endif  // RLX_CURRICULUM_SEQUENTIAL_HPP
