// SPDX-License-Identifier: MIT
/// @file
/// @brief Prices of a grid and their dense indices 0..tick_count-1, both ways in O(1).
///
/// Indices ascend with the price and every grid is symmetric, so the index of the NO price is `tick_count - 1 - index`.
#ifndef RLX_KALSHI_TICK_GRID_HPP
#define RLX_KALSHI_TICK_GRID_HPP

#include <cstdint>
#include <optional>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Number of prices of the grid, 0 and 10,000 included.
constexpr int tick_count(TickGrid grid) noexcept {
  return grid == TickGrid::linear_cent ? 101 : grid == TickGrid::deci_cent ? 1001 : 281;
}

/// The largest tick_count of all grids.
inline constexpr int max_tick_count = 1001;

/// Name in files: `linear_cent`, `deci_cent`, `tapered_deci_cent`.
constexpr std::string_view tick_grid_name(TickGrid grid) noexcept {
  return grid == TickGrid::linear_cent ? "linear_cent" : grid == TickGrid::deci_cent ? "deci_cent" : "tapered_deci_cent";
}

/// The grid of that name; empty for another word.
constexpr std::optional<TickGrid> tick_grid_from_name(std::string_view name) noexcept {
  for (const TickGrid grid : {TickGrid::linear_cent, TickGrid::deci_cent, TickGrid::tapered_deci_cent}) {
    if (name == tick_grid_name(grid)) return grid;
  }
  return std::nullopt;
}

/// Index of a price, -1 if it is outside 0..10,000 or between two ticks.
constexpr int find_tick(TickGrid grid, Price price) noexcept {
  if (price < 0 || price > one_dollar) return -1;
  const auto p = static_cast<std::uint32_t>(price);  // unsigned: cheaper divisions by constants
  const bool fine = grid == TickGrid::deci_cent || (grid == TickGrid::tapered_deci_cent && (p < 1'000 || p > 9'000));
  if (fine) {
    const std::uint32_t steps = p / 10;
    if (steps * 10 != p) return -1;
    return static_cast<int>(grid == TickGrid::tapered_deci_cent && p > 9'000 ? steps - 720 : steps);
  }
  const std::uint32_t steps = p / 100;
  if (steps * 100 != p) return -1;
  return static_cast<int>(grid == TickGrid::tapered_deci_cent ? steps + 90 : steps);
}

/// True for the prices of the grid.
constexpr bool on_grid(TickGrid grid, Price price) noexcept { return find_tick(grid, price) >= 0; }

/// Index of a price of the grid. @pre on_grid(grid, price)
constexpr int tick_index(TickGrid grid, Price price) {
  const int index = find_tick(grid, price);
  RLX_ASSERT(index >= 0);
  return index;
}

/// Price of an index. @pre 0 <= index < tick_count(grid)
constexpr Price tick_price(TickGrid grid, int index) {
  RLX_ASSERT(index >= 0 && index < tick_count(grid));
  switch (grid) {
    case TickGrid::linear_cent:
      return index * 100;
    case TickGrid::deci_cent:
      return index * 10;
    case TickGrid::tapered_deci_cent:
      break;
  }
  if (index <= 100) return index * 10;
  return index < 180 ? (index - 90) * 100 : (index + 720) * 10;
}

/// The next higher price of the grid; empty above the last. @pre on_grid(grid, price)
constexpr std::optional<Price> tick_above(TickGrid grid, Price price) {
  const int index = tick_index(grid, price);
  if (index + 1 == tick_count(grid)) return std::nullopt;
  return tick_price(grid, index + 1);
}

/// The next lower price of the grid; empty below the first. @pre on_grid(grid, price)
constexpr std::optional<Price> tick_below(TickGrid grid, Price price) {
  const int index = tick_index(grid, price);
  if (index == 0) return std::nullopt;
  return tick_price(grid, index - 1);
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_TICK_GRID_HPP
