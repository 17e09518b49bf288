// SPDX-License-Identifier: MIT
#include <rlx/kalshi/tick_grid.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;

constexpr TickGrid grids[] = {TickGrid::linear_cent, TickGrid::deci_cent, TickGrid::tapered_deci_cent};

// The definition of section 3.1, price by price.
bool is_tick(TickGrid grid, Price price) {
  if (price < 0 || price > 10'000) return false;
  switch (grid) {
    case TickGrid::linear_cent:
      return price % 100 == 0;
    case TickGrid::deci_cent:
      return price % 10 == 0;
    case TickGrid::tapered_deci_cent:
      return price % (price < 1'000 || price > 9'000 ? 10 : 100) == 0;
  }
  return false;
}

static_assert(tick_index(TickGrid::linear_cent, 4'800) == 48);
static_assert(tick_index(TickGrid::deci_cent, 4'810) == 481);
static_assert(tick_index(TickGrid::tapered_deci_cent, 990) == 99);
static_assert(tick_index(TickGrid::tapered_deci_cent, 1'000) == 100);
static_assert(tick_index(TickGrid::tapered_deci_cent, 1'100) == 101);
static_assert(tick_index(TickGrid::tapered_deci_cent, 9'000) == 180);
static_assert(tick_index(TickGrid::tapered_deci_cent, 9'010) == 181);
static_assert(tick_index(TickGrid::tapered_deci_cent, 10'000) == 280);

}  // namespace

TEST_CASE("ticks number the prices of a grid without holes, both ways") {
  for (const TickGrid grid : grids) {
    INFO(tick_grid_name(grid));
    int next = 0;
    for (Price price = -200; price <= 10'200; ++price) {
      if (!is_tick(grid, price)) {
        if (find_tick(grid, price) != -1 || on_grid(grid, price)) FAIL("not a tick: " << price);
        continue;
      }
      if (find_tick(grid, price) != next || tick_price(grid, next) != price) FAIL("tick " << next << " at " << price);
      ++next;
    }
    REQUIRE(next == tick_count(grid));
    REQUIRE(next <= max_tick_count);
  }
}

TEST_CASE("the NO price of a tick is the tick counted from the other end") {
  for (const TickGrid grid : grids) {
    for (int i = 0; i < tick_count(grid); ++i) {
      REQUIRE(tick_index(grid, one_dollar - tick_price(grid, i)) == tick_count(grid) - 1 - i);
    }
  }
}

TEST_CASE("neighbouring ticks change their distance where a tapered grid does") {
  constexpr TickGrid tapered = TickGrid::tapered_deci_cent;
  REQUIRE(tick_above(tapered, 990) == 1'000);
  REQUIRE(tick_above(tapered, 1'000) == 1'100);
  REQUIRE(tick_below(tapered, 1'000) == 990);
  REQUIRE(tick_above(tapered, 9'000) == 9'010);
  REQUIRE(tick_below(tapered, 9'000) == 8'900);
  REQUIRE(tick_above(TickGrid::linear_cent, 9'900) == 10'000);
  REQUIRE(tick_below(TickGrid::deci_cent, 10) == 0);
  for (const TickGrid grid : grids) {
    REQUIRE_FALSE(tick_above(grid, 10'000).has_value());
    REQUIRE_FALSE(tick_below(grid, 0).has_value());
  }
}

TEST_CASE("grids are found by their names") {
  for (const TickGrid grid : grids) REQUIRE(tick_grid_from_name(tick_grid_name(grid)) == grid);
  REQUIRE(tick_grid_name(TickGrid::tapered_deci_cent) == "tapered_deci_cent");
  REQUIRE_FALSE(tick_grid_from_name("centi_cent").has_value());
  REQUIRE_FALSE(tick_grid_from_name("").has_value());
}
