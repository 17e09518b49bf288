// SPDX-License-Identifier: MIT
/// @file
/// @brief A recorded session: the events of all its markets in columns, immutable once built.
#ifndef RLX_KALSHI_SESSION_HPP
#define RLX_KALSHI_SESSION_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/hash.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Figures of one market's recording that say how far it can be trusted.
struct MarketReport {
  std::uint64_t events = 0;                              ///< rows of its columns
  std::uint64_t snapshots = 0;                           ///< `book_clear` rows
  std::uint64_t deltas = 0;                              ///< `level_delta_*` rows
  std::uint64_t trades = 0;                              ///< `trade_*` rows
  std::uint64_t clamped = 0;                             ///< deltas that would have made a level negative
  std::uint64_t backwards = 0;                           ///< times earlier than their predecessor, raised to it
  std::uint64_t duplicates = 0;                          ///< repeated rows, dropped
  std::uint64_t before_snapshot = 0;                     ///< rows ahead of the first snapshot, skipped
  std::uint64_t before_snapshot_us = 0;                  ///< time from the first of these rows to the first snapshot
  std::uint64_t gaps = 0;                                ///< stretches with a broken book
  bool operator==(const MarketReport&) const = default;  ///< Memberwise.
};

/// The sums over the markets of a session.
struct SessionReport {
  std::size_t markets = 0;          ///< of the session
  MarketReport total;               ///< sums over the markets
  double data_quality_score = 0.0;  ///< 0..1; of the markets, weighted by events
};

/// Immutable, so one object serves any number of threads. Markets are sorted by ticker; their events lie one market after
/// another. 21 bytes an event.
class SessionData {
 public:
  /// 0 until a store has given it a number.
  SessionId session_id() const noexcept { return id_; }
  /// Time of the first event of all markets, or what the recorder said.
  Micros start_us() const noexcept { return start_us_; }
  /// Time of the last event of all markets, or what the recorder said.
  Micros end_us() const noexcept { return end_us_; }
  /// Where the rows came from, such as `bbo-csv`; may be empty.
  const std::string& source() const noexcept { return source_; }
  /// `production`, `demo` or empty.
  const std::string& environment() const noexcept { return environment_; }

  std::span<const MarketInfo> markets() const noexcept { return markets_; }  ///< by ticker
  /// Parallel to markets().
  std::span<const MarketReport> reports() const noexcept { return reports_; }
  /// Events of one market: spans into this session's memory. @pre market < markets().size()
  EventColumns columns(std::size_t market) const {
    const std::size_t begin = begin_[market], size = begin_[market + 1] - begin;
    return {std::span(ts_us_).subspan(begin, size), std::span(kind_).subspan(begin, size),
            std::span(price_).subspan(begin, size), std::span(count_).subspan(begin, size)};
  }
  /// Position of a ticker; markets().size() if it is not there. O(log markets)
  std::size_t find(std::string_view ticker) const noexcept {
    const auto at = std::lower_bound(markets_.begin(), markets_.end(), ticker,
                                     [](const MarketInfo& market, std::string_view name) { return market.ticker < name; });
    const bool found = at != markets_.end() && at->ticker == ticker;
    return found ? static_cast<std::size_t>(at - markets_.begin()) : markets_.size();
  }
  /// Events of all markets.
  std::size_t events() const noexcept { return ts_us_.size(); }

  /// Quality of one market's whole recording, 0..1. @pre market < markets().size() @see detail::measure_market
  double data_quality_score(std::size_t market) const { return quality_[market]; }
  /// Mean of the markets', weighted by events; 0 without events.
  double data_quality_score() const noexcept {
    double sum = 0.0;
    for (std::size_t m = 0; m < markets_.size(); ++m) sum += quality_[m] * static_cast<double>(reports_[m].events);
    return events() == 0 ? 0.0 : sum / static_cast<double>(events());
  }
  /// Sums over the markets.
  SessionReport report() const noexcept {
    SessionReport result;
    result.markets = markets_.size();
    for (const MarketReport& market : reports_) {
      MarketReport& total = result.total;
      total.events += market.events;
      total.snapshots += market.snapshots;
      total.deltas += market.deltas;
      total.trades += market.trades;
      total.clamped += market.clamped;
      total.backwards += market.backwards;
      total.duplicates += market.duplicates;
      total.before_snapshot += market.before_snapshot;
      total.before_snapshot_us += market.before_snapshot_us;
      total.gaps += market.gaps;
    }
    result.data_quality_score = data_quality_score();
    return result;
  }

  /// SHA-256 over start, end, the descriptions of the markets and their canonical rows. The session's number, source and
  /// environment do not enter: the same recording has the same hash in every store.
  std::string sha256() const {
    Sha256 hash;
    const auto add = [&hash](std::int64_t value) { hash.update(std::as_bytes(std::span(&value, 1))); };
    const auto add_text = [&](const std::string& text) {
      add(static_cast<std::int64_t>(text.size()));
      hash.update(text);
    };
    add(start_us_);
    add(end_us_);
    for (std::size_t m = 0; m < markets_.size(); ++m) {
      const MarketInfo& market = markets_[m];
      for (const std::string* const text : {&market.ticker, &market.event_ticker, &market.series_ticker}) add_text(*text);
      for (const std::optional<Micros>& time : {market.open_us, market.close_us}) {
        add(time.has_value());
        add(time.value_or(0));
      }
      add(market.settlement.value_or(-1));
      add(static_cast<std::int64_t>(market.grid));
      add(static_cast<std::int64_t>(market.fees.type));
      add(market.fees.taker_rate_e6);
      add(market.fees.maker_rate_e6);
      add(static_cast<std::int64_t>(market.fees.rounding));
      add(market.fees.member_precision);
      add(market.has_sizes);
      const EventColumns rows = columns(m);
      add(static_cast<std::int64_t>(rows.size()));
      hash.update(std::as_bytes(rows.ts_us)).update(std::as_bytes(rows.kind));
      hash.update(std::as_bytes(rows.price)).update(std::as_bytes(rows.count));
    }
    return hash.hex();
  }

 private:
  friend class SessionBuilder;
  SessionId id_ = 0;
  Micros start_us_ = 0, end_us_ = 0;
  std::string source_, environment_;
  std::vector<MarketInfo> markets_;
  std::vector<MarketReport> reports_;
  std::vector<double> quality_;
  std::vector<std::size_t> begin_;  // per market, plus one
  std::vector<Micros> ts_us_;
  std::vector<EventKind> kind_;
  std::vector<Price> price_;
  std::vector<Count> count_;
};

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_SESSION_HPP
