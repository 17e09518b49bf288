// SPDX-License-Identifier: MIT
#include <rlx/kalshi/order_book.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::ContainsSubstring;

EventRow row(EventKind kind, Price price = 0, Count count = 0) { return {1'782'878'400'000'000, kind, price, count}; }

std::vector<std::pair<Price, Count>> levels_of(const OrderBook& book, BookSide side, int max_levels = 10'000) {
  std::vector<std::pair<Price, Count>> found;
  book.for_each_level(side, max_levels, [&](Price price, Count size) { found.emplace_back(price, size); });
  return found;
}

// The slow book of section 3.3: two maps from the side's own price, everything else recounted.
struct MapBook {
  std::map<Price, Count> bids[2];  // YES by YES price, NO by NO price
  bool broken = false;
  std::uint64_t clamped = 0;

  void apply(const EventRow& event) {
    if (event.kind == EventKind::book_clear) {
      bids[0].clear();
      bids[1].clear();
      broken = false;
    }
    if (event.kind == EventKind::gap_begin) broken = true;
    const bool yes = event.kind == EventKind::level_set_yes || event.kind == EventKind::level_delta_yes;
    const bool no = event.kind == EventKind::level_set_no || event.kind == EventKind::level_delta_no;
    if ((!yes && !no) || broken) return;
    std::map<Price, Count>& side = bids[yes ? 0 : 1];
    const Price own = yes ? event.price : 10'000 - event.price;
    Count size = event.count;
    if (event.kind == EventKind::level_delta_yes || event.kind == EventKind::level_delta_no) {
      const auto held = side.find(own);
      if (held != side.end()) size += held->second;
      if (size < 0) {
        ++clamped;
        size = 0;
      }
    }
    if (size == 0) {
      side.erase(own);
    } else {
      side[own] = size;
    }
  }
};

// Best prices, totals and numbers of levels against recounts.
bool same_figures(const OrderBook& book, const MapBook& slow) {
  for (const BookSide side : {BookSide::yes, BookSide::no}) {
    const auto& bids = slow.bids[static_cast<std::size_t>(side)];
    Count total = 0;
    for (const auto& [price, size] : bids) total += size;
    if (book.total(side) != total || book.levels(side) != static_cast<int>(bids.size())) return false;
    if (book.best_size(side) != (bids.empty() ? 0 : bids.rbegin()->second)) return false;
    const std::optional<Price> best = side == BookSide::yes ? book.best_bid() : book.best_ask();
    if (best.has_value() == bids.empty()) return false;
    // best YES ask + best NO bid = 10,000
    if (best && (side == BookSide::yes ? *best : 10'000 - *best) != bids.rbegin()->first) return false;
  }
  const bool both = !slow.bids[0].empty() && !slow.bids[1].empty();
  const bool crossed = both && slow.bids[0].rbegin()->first + slow.bids[1].rbegin()->first >= 10'000;
  return book.crossed() == crossed && book.two_sided() == (both && !crossed) && book.broken() == slow.broken &&
         book.clamped() == slow.clamped;
}

// Every level, in order, and nothing between them.
bool same_levels(const OrderBook& book, const MapBook& slow) {
  for (const BookSide side : {BookSide::yes, BookSide::no}) {
    const auto& bids = slow.bids[static_cast<std::size_t>(side)];
    auto expected = bids.rbegin();
    bool same = true;
    book.for_each_level(side, 10'000, [&](Price price, Count size) {
      const Price own = side == BookSide::yes ? price : 10'000 - price;
      same = expected != bids.rend() && expected->first == own && expected->second == size && book.size_at(side, price) == size;
      if (same) ++expected;
      return same;
    });
    if (!same || expected != bids.rend()) return false;
  }
  return true;
}

// Any event but a bad one, on `ticks` prices around the middle of the grid.
EventRow random_event(rlx::RandomStream& random, TickGrid grid, int ticks) {
  const auto below = [&](int n) { return static_cast<int>(random.bounded(static_cast<std::uint64_t>(n))); };
  const Price price = tick_price(grid, below(ticks) + (tick_count(grid) - ticks + 1) / 2);
  const int draw = below(200);
  if (draw == 0) return row(EventKind::gap_begin);
  if (draw == 1) return row(EventKind::gap_end);
  if (draw < 5) return row(EventKind::book_clear);
  if (draw < 8) return row(EventKind::trade_yes, price, 100);
  const bool yes = below(2) == 0;
  const Count size = below(4) == 0 ? 0 : below(500);
  if (draw < 60) return row(yes ? EventKind::level_set_yes : EventKind::level_set_no, price, size);
  return row(yes ? EventKind::level_delta_yes : EventKind::level_delta_no, price, below(2) == 0 ? size : -size);
}

constexpr TickGrid grids[] = {TickGrid::linear_cent, TickGrid::deci_cent, TickGrid::tapered_deci_cent};

}  // namespace

TEST_CASE("a NO bid is a YES ask of the same size at 10,000 less its price") {
  OrderBook book(TickGrid::linear_cent);
  REQUIRE(book.touch() == Touch{});
  REQUIRE_FALSE(book.two_sided());
  book.apply(row(EventKind::book_clear));
  book.apply(row(EventKind::level_set_yes, 4'800, 3'000));
  book.apply(row(EventKind::level_set_yes, 4'700, 500));
  book.apply(row(EventKind::level_set_no, 5'200, 1'000));  // NO bid at 48 cents
  book.apply(row(EventKind::level_set_no, 5'500, 150));
  REQUIRE(book.touch() == Touch{4'800, 5'200});
  REQUIRE(book.best_size(BookSide::yes) == 3'000);
  REQUIRE(book.best_size(BookSide::no) == 1'000);
  REQUIRE(book.total(BookSide::yes) == 3'500);
  REQUIRE(book.total(BookSide::no) == 1'150);
  REQUIRE(book.levels(BookSide::yes) == 2);
  REQUIRE(book.levels(BookSide::no) == 2);
  REQUIRE(book.size_at(BookSide::no, 5'500) == 150);
  REQUIRE(book.size_at(BookSide::yes, 5'500) == 0);
  REQUIRE(book.size_at(BookSide::yes, 4'755) == 0);
  REQUIRE(book.size_at(BookSide::yes, -100) == 0);
  REQUIRE(book.two_sided());
  REQUIRE_FALSE(book.crossed());
}

TEST_CASE("levels are walked from the best, as far as asked") {
  OrderBook book(TickGrid::deci_cent);
  for (const Price price : {10, 640, 4'800, 4'790, 0}) book.apply(row(EventKind::level_set_yes, price, price + 1));
  for (const Price price : {9'990, 5'210, 5'200, 10'000}) book.apply(row(EventKind::level_set_no, price, price + 2));
  using Levels = std::vector<std::pair<Price, Count>>;
  REQUIRE(levels_of(book, BookSide::yes) == Levels{{4'800, 4'801}, {4'790, 4'791}, {640, 641}, {10, 11}, {0, 1}});
  REQUIRE(levels_of(book, BookSide::no) == Levels{{5'200, 5'202}, {5'210, 5'212}, {9'990, 9'992}, {10'000, 10'002}});
  REQUIRE(levels_of(book, BookSide::yes, 2) == Levels{{4'800, 4'801}, {4'790, 4'791}});
  REQUIRE(levels_of(book, BookSide::no, 0).empty());
  int seen = 0;
  book.for_each_level(BookSide::yes, 100, [&](Price price, Count) {
    ++seen;
    return price > 4'790;
  });
  REQUIRE(seen == 2);
}

TEST_CASE("locked and crossed books are both crossed, one-sided ones are not") {
  OrderBook book(TickGrid::linear_cent);
  book.apply(row(EventKind::level_set_yes, 5'000, 100));
  REQUIRE_FALSE(book.crossed());
  book.apply(row(EventKind::level_set_no, 5'000, 100));
  REQUIRE(book.crossed());
  REQUIRE_FALSE(book.two_sided());
  book.apply(row(EventKind::level_set_no, 4'900, 100));
  REQUIRE(book.touch() == Touch{5'000, 4'900});
  REQUIRE(book.crossed());
  book.apply(row(EventKind::level_set_no, 4'900, 0));
  book.apply(row(EventKind::level_delta_no, 5'000, -100));
  REQUIRE_FALSE(book.crossed());
  REQUIRE_FALSE(book.best_ask().has_value());
}

TEST_CASE("a delta below zero empties the level and is counted") {
  OrderBook book(TickGrid::linear_cent);
  book.apply(row(EventKind::level_delta_yes, 3'000, 250));
  book.apply(row(EventKind::level_delta_yes, 3'000, -250));
  REQUIRE(book.clamped() == 0);
  REQUIRE(book.levels(BookSide::yes) == 0);
  book.apply(row(EventKind::level_delta_yes, 3'000, 100));
  book.apply(row(EventKind::level_delta_yes, 3'000, -101));
  book.apply(row(EventKind::level_delta_no, 7'000, -1));
  REQUIRE(book.clamped() == 2);
  REQUIRE(book.total(BookSide::yes) == 0);
  REQUIRE(book.touch() == Touch{});
  book.apply(row(EventKind::book_clear));
  REQUIRE(book.clamped() == 2);
  book.reset(TickGrid::linear_cent);
  REQUIRE(book.clamped() == 0);
}

TEST_CASE("from a gap to the next snapshot the book is broken and keeps its last levels") {
  OrderBook book(TickGrid::linear_cent);
  book.apply(row(EventKind::level_set_yes, 4'000, 100));
  book.apply(row(EventKind::gap_begin));
  REQUIRE(book.broken());
  book.apply(row(EventKind::level_delta_yes, 4'000, -500));  // not known what it changes: no clamp either
  book.apply(row(EventKind::level_set_no, 6'000, 100));
  book.apply(row(EventKind::trade_no, 4'000, 100));
  book.apply(row(EventKind::gap_end));
  REQUIRE(book.broken());
  REQUIRE(book.clamped() == 0);
  REQUIRE(levels_of(book, BookSide::yes) == std::vector<std::pair<Price, Count>>{{4'000, 100}});
  REQUIRE(book.levels(BookSide::no) == 0);
  book.apply(row(EventKind::book_clear));
  REQUIRE_FALSE(book.broken());
  REQUIRE(book.touch() == Touch{});
  book.apply(row(EventKind::level_set_no, 6'000, 100));
  REQUIRE(book.best_ask() == 6'000);
}

TEST_CASE("a snapshot replaces all, and a book is equal to another with the same levels") {
  OrderBook book(TickGrid::tapered_deci_cent), other(TickGrid::tapered_deci_cent);
  for (const Price price : {10, 500, 1'000, 4'800, 9'990}) book.apply(row(EventKind::level_set_yes, price, 100));
  book.apply(row(EventKind::level_delta_yes, 4'800, -30));
  REQUIRE_FALSE(book == other);
  book.apply(row(EventKind::book_clear));
  REQUIRE(book == other);
  for (OrderBook* const one : {&book, &other}) one->apply(row(EventKind::level_set_no, 9'010, 700));
  REQUIRE(book == other);
  REQUIRE(levels_of(book, BookSide::yes).empty());
  REQUIRE(book.total(BookSide::no) == 700);
  REQUIRE_FALSE(OrderBook(TickGrid::linear_cent) == OrderBook(TickGrid::deci_cent));
}

TEST_CASE("rows that no book can hold are refused and leave it unchanged") {
  OrderBook book(TickGrid::linear_cent);
  book.apply(row(EventKind::level_set_yes, 4'800, 100));
  const OrderBook before = book;
  REQUIRE_THROWS_AS(book.apply(row(EventKind::level_delta_yes, 4'850, 100)), rlx::DataError);
  REQUIRE_THROWS_AS(book.apply(row(EventKind::level_set_no, -100, 100)), rlx::DataError);
  REQUIRE_THROWS_AS(book.apply(row(EventKind::level_set_no, 10'100, 100)), rlx::DataError);
  REQUIRE_THROWS_AS(book.apply(row(EventKind::level_set_yes, 4'700, -1)), rlx::DataError);
  REQUIRE_THROWS_AS(book.apply(row(EventKind::level_delta_yes, 4'800, max_level_size)), rlx::DataError);
  for (const Count count : {std::numeric_limits<Count>::max(), std::numeric_limits<Count>::min()}) {
    REQUIRE_THROWS_AS(book.apply(row(EventKind::level_delta_yes, 4'800, count)), rlx::DataError);
    REQUIRE_THROWS_AS(book.apply(row(EventKind::level_set_yes, 4'800, count)), rlx::DataError);
  }
  REQUIRE(book == before);
  REQUIRE(book.total(BookSide::yes) == 100);
  REQUIRE(book.clamped() == 0);
  REQUIRE_THROWS_WITH(book.apply(row(EventKind::level_set_yes, 4'850, 100)),
                      ContainsSubstring("linear_cent") && ContainsSubstring("4850") && ContainsSubstring("1782878400000000"));
  REQUIRE_THROWS_WITH(book.apply(row(EventKind::level_set_yes, 4'800, -7)), ContainsSubstring("-7"));
  book.apply(row(EventKind::level_set_yes, 4'800, max_level_size));
  REQUIRE(book.total(BookSide::yes) == max_level_size);
}

TEST_CASE("neither events nor a reset on a seen grid allocate") {
  OrderBook book(TickGrid::deci_cent);
  rlx::RandomStream random(rlx::StreamId{.seed = 3, .purpose = rlx::Purpose::user});
  const rlx_test::AllocationCounter counter;
  Count sum = 0;
  for (const TickGrid grid : {TickGrid::deci_cent, TickGrid::linear_cent, TickGrid::tapered_deci_cent, TickGrid::deci_cent}) {
    book.reset(grid);
    for (int i = 0; i < 1'000; ++i) {
      book.apply(random_event(random, grid, 100));
      sum += book.best_bid().value_or(0) + book.best_size(BookSide::no);
    }
    book.for_each_level(BookSide::yes, 10, [&](Price, Count size) { sum += size; });
  }
  REQUIRE(counter.count() == 0);
  REQUIRE(sum > 0);
}

TEST_CASE("a million random sequences of events equal a book of maps") {
  rlx::RandomStream random(rlx::StreamId{.seed = 11, .purpose = rlx::Purpose::user});
  OrderBook book(TickGrid::linear_cent);
  MapBook slow;
  std::uint64_t clamps = 0, crossed = 0;
  for (int sequence = 0; sequence < 1'000'000; ++sequence) {
    if (sequence % 4 == 0) {
      book.reset(grids[random.bounded(3)]);
      slow = {};
    }
    book.apply(row(EventKind::book_clear));
    slow.apply(row(EventKind::book_clear));
    const std::uint64_t length = 1 + random.bounded(12);
    for (std::uint64_t i = 0; i < length; ++i) {
      const EventRow event = random_event(random, book.grid(), 6);
      book.apply(event);
      slow.apply(event);
      if (!same_figures(book, slow)) FAIL("sequence " << sequence << ", event " << i);
    }
    if (!same_levels(book, slow)) FAIL("levels after sequence " << sequence);
    clamps += book.clamped();
    crossed += book.crossed();
  }
  REQUIRE(clamps > 0);
  REQUIRE(crossed > 0);
}

TEST_CASE("long sequences over whole grids equal a book of maps") {
  rlx::RandomStream random(rlx::StreamId{.seed = 12, .purpose = rlx::Purpose::user});
  for (const TickGrid grid : grids) {
    for (const int ticks : {5, 60, tick_count(grid)}) {
      OrderBook book(grid);
      MapBook slow;
      for (int i = 0; i < 20'000; ++i) {
        const EventRow event = random_event(random, grid, ticks);
        book.apply(event);
        slow.apply(event);
        if (!same_figures(book, slow)) FAIL(tick_grid_name(grid) << ", event " << i);
        if (i % 64 == 0 && !same_levels(book, slow)) FAIL(tick_grid_name(grid) << ", levels after event " << i);
      }
    }
  }
}
