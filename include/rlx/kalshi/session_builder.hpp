// SPDX-License-Identifier: MIT
/// @file
/// @brief Collects the events of a session in the order of their recording and makes the immutable SessionData.
#ifndef RLX_KALSHI_SESSION_BUILDER_HPP
#define RLX_KALSHI_SESSION_BUILDER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/detail/market_quality.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/session.hpp>
#include <rlx/kalshi/ticker.hpp>
#include <rlx/kalshi/tick_grid.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// First time that is believed, 2020-01-01, in microseconds.
inline constexpr Micros first_believed_us = 1'577'836'800'000'000;
/// End of the times that are believed, 2100-01-01 (exclusive), in microseconds.
inline constexpr Micros end_believed_us = 4'102'444'800'000'000;

/**
 * @brief Builds a session from rows in the order of their sequence numbers.
 *
 * Every market is put into one canonical form, so that equal recordings have equal bytes:
 * - a time earlier than that of the market's row before becomes that time and is counted;
 * - rows ahead of the first `book_clear` are skipped and counted;
 * - in a snapshot the YES levels stand before the NO levels, each in the order given, all at the time of its `book_clear`;
 * - `gap_begin` inside a gap is dropped; `gap_end` always is, the builder writes one in front of the
 *   snapshot that ends the gap.
 *
 * One object per thread. `finish` leaves it empty, ready for another session.
 */
class SessionBuilder {
 public:
  /// @param id      0: a store gives one when it saves
  /// @param strict  throw where rows would otherwise be repaired and counted: skipped rows, times dated backwards, deltas that
  ///                make a level negative (these in `finish`)
  explicit SessionBuilder(SessionId id = 0, bool strict = false) : id_(id), strict_(strict) {}

  void set_strict(bool strict) noexcept { strict_ = strict; }  ///< see the constructor
  void set_session_id(SessionId id) noexcept { id_ = id; }     ///< 0: a store gives one
  /// Where the rows come from (`source`) and the exchange's environment, `production` or `demo`.
  void set_source(std::string source, std::string environment = {}) {
    source_ = std::move(source);
    environment_ = std::move(environment);
  }
  /// What the recorder says of its start and end; widened to the events. Without it: first and last event.
  void set_span(Micros start_us, Micros end_us) {
    check_time(start_us);
    check_time(end_us);
    if (end_us < start_us)
      throw DataError("a session ends at " + std::to_string(end_us) + " us before its start at " + std::to_string(start_us) +
                      " us; exchange them");
    span_ = {start_us, end_us};
  }

  /// The handle of a ticker for `append`; a market seen for the first time is added with an unknown grid.
  /// @throws DataError for a ticker that is empty, longer than 100 bytes or has control characters
  std::size_t market(std::string_view ticker) {
    if (const auto at = index_.find(ticker); at != index_.end()) return at->second;
    check_ticker(ticker);
    markets_.emplace_back().info.ticker = ticker;
    index_.emplace(std::string(ticker), markets_.size() - 1);
    return markets_.size() - 1;
  }
  /// Describes a market, before or after its rows. Its grid holds from then on; without a description the grid is the coarsest
  /// that has all its prices. Empty event and series follow from the ticker. Gives the market's handle.
  std::size_t set_market(const MarketInfo& info) {
    const std::size_t handle = market(info.ticker);
    Market& market = markets_[handle];
    if (!fits(market, info.grid)) {
      throw DataError(info.ticker + ": has prices that are not on the grid " + std::string(tick_grid_name(info.grid)) +
                      "; describe the market with a finer grid");
    }
    market.info = info;
    market.described = true;
    return handle;
  }
  /// The description so far; its grid counts only after `set_market`.
  const MarketInfo& info(std::size_t handle) const { return markets_[handle].info; }
  /// True if a market of this ticker has been seen.
  bool has(std::string_view ticker) const { return index_.find(ticker) != index_.end(); }
  std::size_t size() const noexcept { return markets_.size(); }  ///< markets seen so far

  /// Sets what is known beside the events without fixing the grid.
  void set_close(std::size_t handle, std::optional<Micros> close_us) { markets_[handle].info.close_us = close_us; }
  /// False: sizes are not known, as in top-of-book data. Does not fix the grid either.
  void set_has_sizes(std::size_t handle, bool has_sizes) { markets_[handle].info.has_sizes = has_sizes; }
  /// @throws DataError if the market already has another result
  void set_settlement(std::size_t handle, Price value) {
    MarketInfo& info = markets_[handle].info;
    if (info.settlement && *info.settlement != value) {
      throw DataError(info.ticker + ": two results, " + std::to_string(*info.settlement) + " and " + std::to_string(value) +
                      "; a market has one");
    }
    info.settlement = value;
  }

  /// Adds the next row of a market.
  /// @throws DataError naming market and time: time before 2020 or after 2100, price outside 0..10,000 or off the grid,
  ///         negative snapshot size or trade, size beyond max_level_size, a level size outside a snapshot; if strict also what
  ///         is repaired otherwise. The builder stays as it was.
  /// @return false if the row was skipped or dropped; a snapshot level of size 0 is, since it says nothing
  bool append(std::size_t handle, const EventRow& row) {
    Market& market = markets_[handle];
    check(market, row);
    const bool level = row.kind == EventKind::level_set_yes || row.kind == EventKind::level_set_no;
    if (row.kind == EventKind::gap_end) return false;
    if (market.report.snapshots == 0 && row.kind != EventKind::book_clear) {
      if (row.kind == EventKind::gap_begin) return false;  // there is no book that it could break
      if (strict_) fail(market, row, "comes before the market's first snapshot; expected a snapshot first");
      ++market.report.before_snapshot;
      market.first_skipped_us = std::min(market.first_skipped_us.value_or(row.ts_us), row.ts_us);
      return false;
    }
    if (level && row.count == 0) return false;
    EventRow stored = row;
    if (!market.rows.empty() && row.ts_us < market.rows.back().ts_us) {
      if (strict_) {
        fail(market, row,
             "is dated earlier than the market's row before, at " + std::to_string(market.rows.back().ts_us) + " us");
      }
      ++market.report.backwards;
      stored.ts_us = market.rows.back().ts_us;
    }
    if (level) stored.ts_us = market.rows.back().ts_us;
    switch (row.kind) {
      case EventKind::gap_begin:
        if (std::exchange(market.in_gap, true)) return false;
        ++market.report.gaps;
        break;
      case EventKind::book_clear:
        if (std::exchange(market.in_gap, false)) market.rows.push_back({stored.ts_us, EventKind::gap_end, 0, 0});
        if (market.report.snapshots++ == 0 && market.first_skipped_us) {
          market.report.before_snapshot_us +=
              static_cast<std::uint64_t>(std::max(row.ts_us - *market.first_skipped_us, Micros{0}));
        }
        break;
      case EventKind::level_set_yes: {
        // NO levels may have come first; they are few and rare enough to be moved up.
        std::size_t at = market.rows.size();
        while (market.rows[at - 1].kind == EventKind::level_set_no) --at;
        market.rows.insert(market.rows.begin() + static_cast<std::ptrdiff_t>(at), stored);
        return true;
      }
      case EventKind::level_delta_yes:
      case EventKind::level_delta_no:
        ++market.report.deltas;
        break;
      case EventKind::trade_yes:
      case EventKind::trade_no:
        ++market.report.trades;
        break;
      case EventKind::level_set_no:
      case EventKind::gap_end:
        break;
    }
    market.rows.push_back(stored);
    return true;
  }
  /// The same by ticker; a market seen for the first time is added.
  bool append(std::string_view ticker, const EventRow& row) { return append(market(ticker), row); }

  /// Counts repeated rows of the market that somebody else left out.
  void count_duplicate(std::size_t handle, std::uint64_t rows = 1) { markets_[handle].report.duplicates += rows; }
  /// Counts rows of the market whose times somebody else raised to their predecessor's.
  void count_backwards(std::size_t handle, std::uint64_t rows = 1) { markets_[handle].report.backwards += rows; }
  /// Counts rows of the market ahead of its first snapshot that somebody else left out, the first of them `us` before it.
  void count_before_snapshot(std::size_t handle, std::uint64_t rows = 1, std::uint64_t us = 0) {
    markets_[handle].report.before_snapshot += rows;
    markets_[handle].report.before_snapshot_us += us;
  }

  /// Makes the session and leaves the builder without markets, id, source and span. Replays every market once.
  /// @throws DataError naming the market for a level named twice in a snapshot or a size beyond max_level_size; if strict for
  ///         a delta below zero. The builder keeps its rows then.
  std::shared_ptr<const SessionData> finish() {
    const auto session = std::make_shared<SessionData>();
    SessionData& data = *session;
    std::vector<const Market*> order;
    std::size_t events = 0;
    for (const Market& market : markets_) {
      order.push_back(&market);
      events += market.rows.size();
    }
    std::sort(order.begin(), order.end(), [](const Market* a, const Market* b) { return a->info.ticker < b->info.ticker; });
    data.id_ = id_;
    data.ts_us_.reserve(events);
    data.kind_.reserve(events);
    data.price_.reserve(events);
    data.count_.reserve(events);
    data.begin_.push_back(0);
    std::optional<std::pair<Micros, Micros>> span = span_;
    OrderBook book(TickGrid::deci_cent);
    for (const Market* const market : order) {
      for (const EventRow& row : market->rows) {
        data.ts_us_.push_back(row.ts_us);
        data.kind_.push_back(row.kind);
        data.price_.push_back(row.price);
        data.count_.push_back(row.count);
      }
      data.begin_.push_back(data.ts_us_.size());
      data.markets_.push_back(completed(*market));
      data.reports_.push_back(market->report);
      MarketReport& report = data.reports_.back();
      report.events = market->rows.size();
      data.quality_.push_back(measured(data, book, report));
      if (market->rows.empty()) continue;
      if (!span) span.emplace(market->rows.front().ts_us, market->rows.back().ts_us);
      span->first = std::min(span->first, market->rows.front().ts_us);
      span->second = std::max(span->second, market->rows.back().ts_us);
    }
    if (span) std::tie(data.start_us_, data.end_us_) = *span;
    data.source_ = source_;
    data.environment_ = environment_;
    *this = SessionBuilder(0, strict_);
    return session;
  }

 private:
  struct Market {
    MarketInfo info;
    MarketReport report;
    std::vector<EventRow> rows;
    std::optional<Micros> first_skipped_us;  // ahead of the first snapshot
    bool described = false, in_gap = false;
    bool on_cents = true, on_tapered = true;  // all prices so far
  };

  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };

  static bool fits(const Market& market, TickGrid grid) {
    return grid == TickGrid::deci_cent || (grid == TickGrid::linear_cent ? market.on_cents : market.on_tapered);
  }

  static void check_time(Micros us) {
    if (us < first_believed_us || us >= end_believed_us) {
      throw DataError("expected a time from 2020 to 2099 in microseconds since 1970 UTC, found " + std::to_string(us));
    }
  }

  [[noreturn, gnu::cold, gnu::noinline]] static void fail(const Market& market, const EventRow& row,
                                                          const std::string& problem) {
    throw DataError(market.info.ticker + ": the row at " + std::to_string(row.ts_us) + " us " + problem);
  }

  static void check(Market& market, const EventRow& row) {
    check_time(row.ts_us);
    const EventKind kind = row.kind;
    if (kind == EventKind::book_clear || kind == EventKind::gap_begin || kind == EventKind::gap_end) return;
    const bool level = kind == EventKind::level_set_yes || kind == EventKind::level_set_no;
    const bool delta = kind == EventKind::level_delta_yes || kind == EventKind::level_delta_no;
    if (row.count > max_level_size || row.count < (delta ? -max_level_size : 0)) [[unlikely]] {
      fail(market, row,
           "has a size of " + std::to_string(row.count) + " (1e-2 contract); expected at most " +
               std::to_string(max_level_size) + (delta ? " either way" : " and not below 0"));
    }
    if (market.described ? !on_grid(market.info.grid, row.price) : !on_grid(TickGrid::deci_cent, row.price)) [[unlikely]] {
      fail(market, row,
           "has the YES price " + std::to_string(row.price) + "; expected 0..10000 (1e-4 dollar) on the grid " +
               std::string(tick_grid_name(market.described ? market.info.grid : TickGrid::deci_cent)));
    }
    if (level && market.report.snapshots != 0) {
      const EventKind before = market.rows.back().kind;
      const bool open =
          before == EventKind::book_clear || before == EventKind::level_set_yes || before == EventKind::level_set_no;
      if (!open) [[unlikely]]
        fail(market, row, "sets a level outside a snapshot; expected book_clear before it");
    }
    market.on_cents = market.on_cents && on_grid(TickGrid::linear_cent, row.price);
    market.on_tapered = market.on_tapered && on_grid(TickGrid::tapered_deci_cent, row.price);
  }

  static MarketInfo completed(const Market& market) {
    MarketInfo info = market.info;
    if (!market.described) {
      info.grid = market.on_cents     ? TickGrid::linear_cent
                  : market.on_tapered ? TickGrid::tapered_deci_cent
                                      : TickGrid::deci_cent;
    }
    if (info.event_ticker.empty()) info.event_ticker = event_of_ticker(info.ticker);
    if (info.series_ticker.empty()) info.series_ticker = series_of_ticker(info.ticker);
    return info;
  }

  // Quality of the market that was added to `data` last; its clamps go into `report`.
  double measured(const SessionData& data, OrderBook& book, MarketReport& report) const {
    const MarketInfo& info = data.markets_.back();
    double quality = 0.0;
    try {
      quality = detail::measure_market(data.columns(data.markets_.size() - 1), info.grid, book, report);
    } catch (const DataError& error) {
      throw DataError(info.ticker + ": " + error.what());
    }
    if (strict_ && report.clamped != 0) {
      throw DataError(info.ticker + ": " + std::to_string(report.clamped) +
                      " deltas would make a level negative; import without strict to clamp and count them");
    }
    return quality;
  }

  SessionId id_;
  bool strict_;
  std::string source_, environment_;
  std::optional<std::pair<Micros, Micros>> span_;
  std::vector<Market> markets_;
  std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>> index_;
};

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_SESSION_BUILDER_HPP
