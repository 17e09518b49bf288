// SPDX-License-Identifier: MIT
/// @file
/// @brief Which view the next episode plays: the strategies as phases, and the coin that mirrors half of the episodes.
#ifndef KALSHI_MARKET_AGNOSTIC_VIEW_SAMPLER_HPP
#define KALSHI_MARKET_AGNOSTIC_VIEW_SAMPLER_HPP

#include "options.hpp"

#include <rlx/core/random.hpp>
#include <rlx/curriculum/episode_info.hpp>
#include <rlx/curriculum/phased.hpp>
#include <rlx/curriculum/sequential.hpp>
#include <rlx/env/episode_sampler.hpp>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace app {

namespace curriculum = rlx::curriculum;

/// Phases of a strategy over n views. With `mirror` the environments have 2 n sources, view i mirrored being source n + i, and
/// every episode tosses a coin of its own.
class ViewSampler {
 public:
  ViewSampler(curriculum::PhasedSampler phases, std::size_t views, bool mirror)
      : phases_(std::move(phases)), views_(views), mirror_(mirror) {}

  std::size_t source(const rlx::EpisodeKey& key) const {
    rlx::EpisodeKey plain = key;
    plain.num_sources = views_;
    const std::size_t view = phases_.source(plain);
    if (!mirror_) return view;
    rlx::RandomStream coin({key.seed, rlx::Purpose::user, static_cast<std::uint32_t>(key.env), key.episode});
    return coin.bounded(2) == 0 ? view : view + views_;
  }
  void update(std::span<const rlx::EpisodeStatistics> finished) {
    std::vector<rlx::EpisodeStatistics> plain(finished.begin(), finished.end());
    for (rlx::EpisodeStatistics& episode : plain) episode.source %= views_;
    phases_.update(plain);
  }
  void save_state(rlx::StateWriter& writer) const { phases_.save_state(writer); }
  void load_state(rlx::StateReader& reader) { phases_.load_state(reader); }

  const curriculum::PhasedSampler& phases() const noexcept { return phases_; }

 private:
  curriculum::PhasedSampler phases_;
  std::size_t views_;
  bool mirror_;
};

/// The strategy of the flags. @throws ConfigError
inline curriculum::PhasedSampler make_phases(const Options& o, std::span<const curriculum::EpisodeInfo> views) {
  curriculum::PresetConfig preset;
  preset.curriculum.stages = o.stages;
  preset.curriculum.stage_episodes = o.stage_episodes;
  preset.curriculum.revisit = o.revisit;
  preset.balanced.target_episodes = o.episodes_per_view;
  if (o.strategy == "hybrid") return curriculum::hybrid_sampler(views, o.total_timesteps, preset);
  if (o.strategy == "schedule") return curriculum::schedule_sampler(views, o.total_timesteps, preset);
  const auto one_phase = [&](auto sampler) {
    return curriculum::PhasedSampler({curriculum::Phase(o.strategy, std::move(sampler), o.total_timesteps)});
  };
  if (o.strategy == "balanced") return one_phase(curriculum::BalancedSampler(views, preset.balanced));
  if (o.strategy == "curriculum") {
    preset.curriculum.steps = o.total_timesteps;
    return one_phase(curriculum::CurriculumSampler(views, preset.curriculum));
  }
  const auto kind = o.budget == "proportional" ? curriculum::BudgetKind::proportional
                    : o.budget == "adaptive"   ? curriculum::BudgetKind::adaptive
                                               : curriculum::BudgetKind::fixed;
  return one_phase(
      curriculum::SequentialSampler(views, {.budget = {.kind = kind, .episodes = o.episodes_per_view}, .num_envs = o.n_envs}));
}

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_VIEW_SAMPLER_HPP
