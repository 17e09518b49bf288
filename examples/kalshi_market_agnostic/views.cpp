// SPDX-License-Identifier: MIT
#include "views.hpp"

#include <rlx/core/error.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/kalshi/baselines.hpp>

#include <fmt/format.h>

#include <utility>

namespace app {

Views make_views(Recordings& recordings, const Options& o) {
  if (recordings.store.list().empty()) {  // it holds only those that can be loaded
    throw rlx::DataError(
        fmt::format("--store {}: expected at least one closed session, found {} that are open or failed; end their recording "
                    "or add sessions",
                    o.store, recordings.listed.size()));
  }
  Views views;
  views.all = kalshi::make_views(recordings.store, o.filter(), &views.rejected);
  const kalshi::ViewSet numbered(views.all);
  for (std::size_t i = 0; i < views.all.size(); ++i) {
    const kalshi::MarketSessionView& view = views.all[i];
    views.infos.push_back({.source = i,
                           .event = numbered.events()[i],
                           .session = view.session()->session_id(),
                           .day = view.day(),
                           .start_us = view.start_us(),
                           .end_us = view.end_us(),
                           .length = view.length()});
  }
  return views;
}

void rate_difficulty(Views& views, std::span<const std::size_t> training) {
  std::vector<double> rows;
  for (const std::size_t i : training)
    for (const double value : kalshi::difficulty_statistics(views.all[i])) rows.push_back(value);
  const std::size_t terms = curriculum::market_difficulty_terms().size();
  const curriculum::DifficultyScale scale(curriculum::market_difficulty_terms(),
                                          rlx::MatrixView<const double>(rows.data(), training.size(), terms));
  for (curriculum::EpisodeInfo& info : views.infos)
    info.difficulty = scale(kalshi::difficulty_statistics(views.all[info.source]));
}

curriculum::Split split_views(Views& views, const Options& o) {
  const auto kind = o.split == "walk_forward" ? curriculum::HoldOutKind::walk_forward : curriculum::HoldOutKind::random_events;
  curriculum::Split split = curriculum::hold_out(views.infos, {.share = o.hold_out, .kind = kind, .seed = o.seed});
  rate_difficulty(views, split.training);
  return split;
}

Selection select(const Recordings& recordings, const Views& views, std::span<const std::size_t> numbers, std::string name) {
  Selection selection;
  selection.name = std::move(name);
  std::vector<kalshi::MarketSessionView> chosen;
  rlx::Sha256 hash;
  for (const std::size_t i : numbers) {
    chosen.push_back(views.all[i]);
    curriculum::EpisodeInfo& info = selection.infos.emplace_back(views.infos[i]);
    info.source = selection.infos.size() - 1;
    selection.difficulty.push_back(info.difficulty);
    hash.update(fmt::format("{} {}\n", info.session, views.all[i].market().ticker));
  }
  selection.set = std::make_shared<const kalshi::ViewSet>(std::move(chosen));
  if (!recordings.synthetic.empty()) selection.truths = kalshi::truths_of(*selection.set, recordings.synthetic);
  selection.sha256 = hash.hex();
  return selection;
}

}  // namespace app
