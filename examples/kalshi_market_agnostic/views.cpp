// SPDX-License-Identifier: MIT
#include "views.hpp"

#include <rlx/core/matrix.hpp>

namespace app {

Views make_views(Recordings& recordings, const Options& o) {
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
                           .length = view.length() - 1});
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

}  // namespace app
