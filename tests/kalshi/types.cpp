// SPDX-License-Identifier: MIT
#include <rlx/kalshi/types.hpp>

#include <type_traits>
#include <vector>

#include "rlx_catch.hpp"

using namespace rlx::kalshi;

TEST_CASE("A price times a count is exact money: 1e-4 dollar times 1e-2 contract is 1e-6 dollar", "[kalshi][types]") {
  static_assert(std::is_integral_v<Price> && std::is_integral_v<Count> && std::is_integral_v<Money>);
  static_assert(Money{4'800} * contracts(10) == dollars(4) + cents(80));  // 10 contracts at 48 cents
  static_assert(Money{1} * Count{1} == 1);
  static_assert(one_dollar * contracts(1) == dollars(1));
  static_assert(dollars(-3) == cents(-300));
  CHECK(contracts(7) == 7 * one_contract);
}

TEST_CASE("The opposite of a side is the other one", "[kalshi][types]") {
  CHECK(opposite(BookSide::yes) == BookSide::no);
  CHECK(opposite(opposite(BookSide::yes)) == BookSide::yes);
}

TEST_CASE("A row of columns is the event at that place", "[kalshi][types]") {
  const std::vector<Micros> time{5, 6};
  const std::vector<EventKind> kind{EventKind::book_clear, EventKind::trade_no};
  const std::vector<Price> price{0, 4'800};
  const std::vector<Count> count{0, 150};
  const EventColumns columns{time, kind, price, count};
  REQUIRE(columns.size() == 2);
  CHECK(columns.row(1) == EventRow{6, EventKind::trade_no, 4'800, 150});
  CHECK_FALSE(columns.row(0) == columns.row(1));
  CHECK(EventColumns{}.size() == 0);
}

TEST_CASE("Kinds of events keep their numbers, which levels and deltas are told apart by", "[kalshi][types]") {
  CHECK(static_cast<int>(EventKind::book_clear) == 0);
  CHECK(static_cast<int>(EventKind::level_delta_yes) == 3);
  CHECK(static_cast<int>(EventKind::gap_end) == 8);
  CHECK(EventKind::level_set_no < EventKind::level_delta_yes);
}

TEST_CASE("A market is on whole cents, with sizes and standard fees unless it is described otherwise", "[kalshi][types]") {
  const MarketInfo info;
  CHECK(info.grid == TickGrid::linear_cent);
  CHECK(info.has_sizes);
  CHECK_FALSE(info.settlement);
  CHECK(info.fees == FeeSchedule{FeeType::quadratic, 70'000, 0, FeeRounding::centicent, 10'000});
  MarketInfo other = info;
  other.settlement = 0;
  CHECK_FALSE(other == info);
}
