// SPDX-License-Identifier: MIT
/// @file
/// @brief The views of all sessions, filtered, and what samplers and split know of them.
#ifndef KALSHI_MARKET_AGNOSTIC_VIEWS_HPP
#define KALSHI_MARKET_AGNOSTIC_VIEWS_HPP

#include "recordings.hpp"

#include <rlx/curriculum/difficulty.hpp>
#include <rlx/curriculum/episode_info.hpp>
#include <rlx/kalshi/view_filter.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace app {

namespace curriculum = rlx::curriculum;

struct Views {
  std::vector<kalshi::MarketSessionView> all;  ///< that pass the filter, by session and ticker
  std::vector<kalshi::Rejection> rejected;
  std::vector<curriculum::EpisodeInfo> infos;  ///< parallel to `all`; the source is the position there
};

/// Views of all sessions. The difficulty is still 0: it is relative to the views that are trained on. @throws ConfigError if
/// the filter leaves none
Views make_views(Recordings& recordings, const Options& o);

/// Sets the difficulty of all views, ranked among those listed.
void rate_difficulty(Views& views, std::span<const std::size_t> training);

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_VIEWS_HPP
