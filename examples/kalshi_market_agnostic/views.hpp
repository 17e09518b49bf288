// SPDX-License-Identifier: MIT
/// @file
/// @brief The views of all sessions, filtered, and what samplers and split know of them.
#ifndef KALSHI_MARKET_AGNOSTIC_VIEWS_HPP
#define KALSHI_MARKET_AGNOSTIC_VIEWS_HPP

#include "recordings.hpp"

#include <rlx/curriculum/difficulty.hpp>
#include <rlx/curriculum/episode_info.hpp>
#include <rlx/curriculum/split.hpp>
#include <rlx/kalshi/view_filter.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace app {

namespace curriculum = rlx::curriculum;

struct Views {
  std::vector<kalshi::MarketSessionView> all;  ///< that pass the filter, by session and ticker
  std::vector<kalshi::Rejection> rejected;
  std::vector<curriculum::EpisodeInfo> infos;  ///< parallel to `all`; the source is the position there
};

/// Views of all sessions. The difficulty is still 0: it is relative to the views that are trained on. @throws ConfigError if
/// the filter leaves none, DataError if no session is closed
Views make_views(Recordings& recordings, const Options& o);

/// Divides the views and rates their difficulty among those that are trained on. @throws ConfigError if that is impossible
curriculum::Split split_views(Views& views, const Options& o);

/// Sets the difficulty of all views, ranked among those listed.
void rate_difficulty(Views& views, std::span<const std::size_t> training);

/// Some of the views, as environments and samplers take them.
struct Selection {
  std::string name;
  std::shared_ptr<const kalshi::ViewSet> set;
  std::vector<curriculum::EpisodeInfo> infos;      ///< numbered as in the set
  std::vector<double> difficulty;                  ///< by view
  std::vector<const kalshi::MarketTruth*> truths;  ///< by view; empty unless the sessions are synthetic
  std::string sha256;                              ///< of the sessions' numbers and tickers
};

/// @param numbers  positions in `views.all`, at least one. The recordings must outlive the result.
Selection select(const Recordings& recordings, const Views& views, std::span<const std::size_t> numbers, std::string name);

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_VIEWS_HPP
