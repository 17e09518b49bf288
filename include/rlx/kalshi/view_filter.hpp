// SPDX-License-Identifier: MIT
/// @file
/// @brief Which views are traded: filters that never read spread, volatility or result, rejections with their reason, and the
/// set of views that environments share.
#ifndef RLX_KALSHI_VIEW_FILTER_HPP
#define RLX_KALSHI_VIEW_FILTER_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/market_session_view.hpp>
#include <rlx/kalshi/session_store.hpp>

namespace rlx::inline v0_1::kalshi {

/// What a view must have to be traded. `create` already asks for 3 groups and a two-sided one.
struct ViewFilter {
  std::size_t min_length = 50;                                       ///< decision groups
  std::size_t max_length = std::numeric_limits<std::size_t>::max();  ///< for groups by length
  double min_coverage = 0.10;                                        ///< least ViewStatistics::market_coverage, 0..1
  double min_quality = 0.95;                                         ///< least ViewStatistics::data_quality_score, 0..1
  ViewConfig view{};                                                 ///< how decisions are laid over the events
};

/// No filter beyond what a view needs to exist.
inline ViewFilter all_views() { return {.min_length = 0, .min_coverage = 0.0, .min_quality = 0.0}; }

/// A market that was not taken, and why.
struct Rejection {
  SessionId session = 0;                                ///< recording of the market
  std::string ticker;                                   ///< of the market
  RejectionReason reason = RejectionReason::no_groups;  ///< which test it failed
  double found = 0.0;  ///< the length or share that was too small or too large; 0 where there is no view
};

/// @throws ConfigError naming the field and its value
inline void validate(const ViewFilter& filter) {
  for (const auto& [name, share] : {std::pair<const char*, double>{"min_coverage", filter.min_coverage},
                                    std::pair<const char*, double>{"min_quality", filter.min_quality}}) {
    if (share >= 0.0 && share <= 1.0) continue;  // false for NaN
    throw ConfigError(std::string(name) + ": expected a share of 0..1, found " + std::to_string(share));
  }
  if (filter.min_length > filter.max_length) {
    throw ConfigError("min_length: expected at most max_length " + std::to_string(filter.max_length) + ", found " +
                      std::to_string(filter.min_length));
  }
}

/// Appends the views of one session, by ticker. Every market that gives none is added to `rejections`, where given.
/// @throws ConfigError for the filter, DataError for events that no book accepts
inline void append_views(const std::shared_ptr<const SessionData>& session, const ViewFilter& filter,
                         std::vector<MarketSessionView>& views, std::vector<Rejection>* rejections = nullptr) {
  validate(filter);
  for (const MarketInfo& market : session->markets()) {
    const auto reject = [&](RejectionReason reason, double found) {
      if (rejections != nullptr) rejections->push_back({session->session_id(), market.ticker, reason, found});
    };
    RejectionReason reason{};
    auto view = MarketSessionView::create(session, market.ticker, filter.view, &reason);
    if (!view) {
      reject(reason, 0.0);
    } else if (view->length() < filter.min_length) {
      reject(RejectionReason::too_short, static_cast<double>(view->length()));
    } else if (view->length() > filter.max_length) {
      reject(RejectionReason::too_long, static_cast<double>(view->length()));
    } else if (view->market_coverage() < filter.min_coverage) {
      reject(RejectionReason::low_coverage, view->market_coverage());
    } else if (view->data_quality_score() < filter.min_quality) {
      reject(RejectionReason::low_quality, view->data_quality_score());
    } else {
      views.push_back(*std::move(view));
    }
  }
}

/// "12 too short, 3 low coverage": the number of rejections for every reason that occurs.
inline std::string rejection_counts(std::span<const Rejection> rejections) {
  std::array<std::size_t, rejection_reason_count> counts{};
  for (const Rejection& rejection : rejections) ++counts[static_cast<std::size_t>(rejection.reason)];
  std::string text;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    text += (text.empty() ? "" : ", ") + std::to_string(counts[i]) + ' ' +
            std::string(rejection_reason_name(static_cast<RejectionReason>(i)));
  }
  return text;
}

/// The views of every session of a store that can be loaded, by session id and ticker.
/// @throws ConfigError if no session is closed or the filter leaves none, with the number of rejections for each reason; what
///         `load` throws
template <SessionStore Store>
std::vector<MarketSessionView> make_views(Store& store, const ViewFilter& filter = {},
                                          std::vector<Rejection>* rejections = nullptr) {
  std::vector<MarketSessionView> views;
  std::vector<Rejection> rejected;
  std::size_t sessions = 0, open = 0;
  for (const SessionSummary& summary : store.list()) {
    if (!summary.loadable) {
      ++open;
      continue;
    }
    ++sessions;
    append_views(store.load(summary.id), filter, views, &rejected);
  }
  if (sessions == 0) {
    throw ConfigError(
        "views: expected at least one closed session, found none" +
        (open == 0 ? "; add sessions to the store"
                   : " beside " + std::to_string(open) + " that are open or failed; end their recording or add sessions"));
  }
  if (views.empty()) {
    throw ConfigError("views: none is left of " + std::to_string(rejected.size()) + " markets of " + std::to_string(sessions) +
                      " closed sessions (" + rejection_counts(rejected) + "); relax the filters or add sessions");
  }
  if (rejections != nullptr) *rejections = std::move(rejected);
  return views;
}

/// The numbers that difficulty is made of, in the order spread, volatility, coverage (the last: more is easier).
inline std::array<double, 3> difficulty_statistics(const MarketSessionView& view) {
  return {view.avg_spread(), view.volatility_score(), view.market_coverage()};
}

/// The views that environments trade, numbered from 0. Immutable, shared by all environments and threads.
class ViewSet {
 public:
  /// @throws ConfigError for an empty set
  explicit ViewSet(std::vector<MarketSessionView> views) : views_(std::move(views)) {
    if (views_.empty())
      throw ConfigError("view set: expected at least one view, found none; relax the filters or add sessions");
    std::vector<std::string_view> names;
    names.reserve(views_.size());
    for (const MarketSessionView& view : views_) {
      names.push_back(view.event_ticker());
      if (tick_count(view.market().grid) > tick_count(largest_grid_)) largest_grid_ = view.market().grid;
    }
    std::vector<std::string_view> sorted = names;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    for (const std::string_view name : names) {
      events_.push_back(static_cast<std::uint32_t>(std::lower_bound(sorted.begin(), sorted.end(), name) - sorted.begin()));
    }
    for (const MarketSessionView& view : views_) {
      const auto row = difficulty_statistics(view);
      statistics_.insert(statistics_.end(), row.begin(), row.end());
    }
  }

  std::size_t size() const noexcept { return views_.size(); }  ///< number of views, at least 1
  /// The view of a source. @pre source < size()
  const MarketSessionView& operator[](std::size_t source) const { return views_[source]; }
  /// The same, checked. @throws ConfigError for an unknown source
  const MarketSessionView& at(std::size_t source) const {
    if (source < views_.size()) return views_[source];
    throw ConfigError("view set: expected a source below " + std::to_string(views_.size()) + ", found " +
                      std::to_string(source));
  }
  std::span<const MarketSessionView> views() const noexcept { return views_; }  ///< by source
  /// Number of the event of each view, by the order of the events' names: brackets of one event share it.
  std::span<const std::uint32_t> events() const noexcept { return events_; }
  /// [views][3], row by row: difficulty_statistics of each view.
  std::span<const double> difficulty_statistics_rows() const noexcept { return statistics_; }
  /// The grid with the most ticks: a book made for it takes every view without allocating.
  TickGrid largest_grid() const noexcept { return largest_grid_; }

 private:
  std::vector<MarketSessionView> views_;
  std::vector<std::uint32_t> events_;
  std::vector<double> statistics_;
  TickGrid largest_grid_ = TickGrid::linear_cent;
};

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_VIEW_FILTER_HPP
