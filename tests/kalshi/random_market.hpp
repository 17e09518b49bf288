// SPDX-License-Identifier: MIT
/// @file
/// @brief Sessions for tests: rows written by hand, and random markets whose deltas fit the book they meet.
#ifndef RLX_TESTS_KALSHI_RANDOM_MARKET_HPP
#define RLX_TESTS_KALSHI_RANDOM_MARKET_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/kalshi/market_session_view.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/session_builder.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx_test {

inline constexpr rlx::kalshi::Micros market_start_us = 1'764'547'200'000'000;  // 2025-12-01T00:00:00Z

struct TestMarket {
  std::string ticker = "TEST-25DEC01-A";
  std::vector<rlx::kalshi::EventRow> rows;
  rlx::kalshi::TickGrid grid = rlx::kalshi::TickGrid::linear_cent;
  std::optional<rlx::kalshi::Micros> close_us{};
  std::optional<rlx::kalshi::Price> settlement{};
  bool has_sizes = true;
};

// Without a span the session lasts from the first to the last event.
inline std::shared_ptr<const rlx::kalshi::SessionData> make_session(
    const std::vector<TestMarket>& markets, std::optional<std::pair<rlx::kalshi::Micros, rlx::kalshi::Micros>> span = {},
    rlx::kalshi::SessionId id = 1) {
  rlx::kalshi::SessionBuilder builder(id);
  for (const TestMarket& market : markets) {
    rlx::kalshi::MarketInfo info;
    info.ticker = market.ticker;
    info.grid = market.grid;
    info.close_us = market.close_us;
    info.settlement = market.settlement;
    info.has_sizes = market.has_sizes;
    const std::size_t handle = builder.set_market(info);
    for (const auto& row : market.rows) builder.append(handle, row);
  }
  if (span) builder.set_span(span->first, span->second);
  return builder.finish();
}

inline rlx::kalshi::MarketSessionView view_of(const TestMarket& market) {
  return rlx::kalshi::MarketSessionView::create(make_session({market}), market.ticker).value();
}

// A market of `groups` decision groups. Calm: a wandering touch with resizes, trades and moves, sometimes a side goes or a gap
// comes. Wild: anything that a book takes, crossed, one-sided and empty included.
inline std::vector<rlx::kalshi::EventRow> random_rows(std::uint64_t seed, std::size_t groups, rlx::kalshi::TickGrid grid,
                                                      bool wild = false) {
  using namespace rlx::kalshi;
  rlx::RandomStream random({seed, rlx::Purpose::user});
  const auto below = [&random](int n) { return static_cast<int>(random.bounded(static_cast<std::uint64_t>(n))); };
  const int ticks = tick_count(grid);
  std::vector<EventRow> rows;
  OrderBook book(grid);
  Micros time = market_start_us;
  const auto push = [&](EventKind kind, int tick, Count count) {
    rows.push_back({time, kind, tick_price(grid, tick), count});
    book.apply(rows.back());
  };
  const auto size = [&] { return Count{1 + below(3'000 << below(5))}; };
  int bid = ticks / 2 - 1, ask = ticks / 2 + 1;
  const auto snapshot = [&] {
    push(EventKind::book_clear, 0, 0);
    for (int distance = 0; distance < 10; ++distance) {
      if (bid - distance >= 1 && below(5) > 0) push(EventKind::level_set_yes, bid - distance, size());
      if (ask + distance <= ticks - 2 && below(5) > 0) push(EventKind::level_set_no, ask + distance, size());
    }
  };
  const auto resize = [&](BookSide side, int tick, Count to) {
    const Count from = book.size_at(side, tick_price(grid, tick));
    if (to != from) push(side == BookSide::yes ? EventKind::level_delta_yes : EventKind::level_delta_no, tick, to - from);
  };
  snapshot();
  bool burst = false;
  for (std::size_t g = 1; g < groups; ++g) {
    if (below(burst ? 30 : 60) == 0) burst = !burst;
    time += 1'000 + below(burst ? 2'000'000 : 60'000'000);
    if (below(1'500) == 0) {
      push(EventKind::gap_begin, 0, 0);
      time += 30'000'000;
      push(EventKind::gap_end, 0, 0);
      snapshot();
    } else if (wild) {
      const BookSide side = below(2) == 0 ? BookSide::yes : BookSide::no;
      const int what = below(40);
      if (what == 0) {
        push(EventKind::book_clear, 0, 0);
      } else if (what == 1) {
        for (int tick = 0; tick < ticks; ++tick) resize(side, tick, 0);
        push(EventKind::trade_yes, 1, 100);
      } else {
        resize(side, below(ticks), below(3) == 0 ? 0 : size());
        push(EventKind::trade_no, 1, 100);
      }
    } else {
      const int move = below(8);
      if (move < 2) {  // the touch moves: what stands in its way goes
        const int step = move == 0 ? 1 : -1;
        bid = std::clamp(bid + step * below(3), 2, ticks - 6);
        ask = std::clamp(ask + step * below(3), bid + 1, std::min(bid + 5, ticks - 3));
        for (int tick = bid + 1; tick < ticks; ++tick) resize(BookSide::yes, tick, 0);
        for (int tick = 0; tick < ask; ++tick) resize(BookSide::no, tick, 0);
        resize(BookSide::yes, bid, size());
        resize(BookSide::no, ask, size());
      } else if (below(200) == 0) {
        const BookSide side = below(2) == 0 ? BookSide::yes : BookSide::no;
        for (int tick = 0; tick < ticks; ++tick) resize(side, tick, 0);
      } else {
        const BookSide side = below(2) == 0 ? BookSide::yes : BookSide::no;
        const int distance = below(2) == 0 ? 0 : below(8);
        const int tick = side == BookSide::yes ? std::max(bid - distance, 1) : std::min(ask + distance, ticks - 2);
        resize(side, tick, distance > 0 && below(3) == 0 ? 0 : size());
      }
      push(below(2) == 0 ? EventKind::trade_yes : EventKind::trade_no, bid, 100);
    }
  }
  return rows;
}

}  // namespace rlx_test

#endif
