// SPDX-License-Identifier: MIT
/// @file
/// @brief The order book of one binary market: YES bids and NO bids by tick, best prices and totals in O(1).
#ifndef RLX_KALSHI_ORDER_BOOK_HPP
#define RLX_KALSHI_ORDER_BOOK_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/tick_grid.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Best prices in YES terms; a side without levels is empty.
struct Touch {
  std::optional<Price> bid;                       ///< best YES bid
  std::optional<Price> ask;                       ///< best YES ask
  bool operator==(const Touch&) const = default;  ///< Memberwise.
};

/// Largest size of a level, 10^12 contracts: with it no product of price and size leaves 64 bits.
inline constexpr Count max_level_size = 100'000'000'000'000;

/// The public book of one market. Only bids are stored: a NO bid at q is a YES ask at 10,000 - q of the same size, so the best
/// prices of YES and NO agree by construction. All prices here are YES prices.
///
/// A snapshot is a `book_clear` followed by `level_set` rows. From `gap_begin` to the next snapshot the book is broken: rows
/// other than `book_clear` are ignored, since what they change is not known; `gap_end` alone repairs nothing.
///
/// Memory: 16 bytes per tick of the grid, kept over `reset`; nothing else allocates.
class OrderBook {
 public:
  /// An empty book that is not broken. Allocates.
  explicit OrderBook(TickGrid grid) { reset(grid); }

  /// As newly constructed for `grid`. Allocates only if no earlier grid of this book had as many ticks.
  void reset(TickGrid grid) {
    grid_ = grid;
    ticks_ = static_cast<std::size_t>(tick_count(grid));
    sizes_.assign(2 * ticks_, 0);
    sides_ = {};
    broken_ = false;
    clamped_ = 0;
  }

  /// Applies one event in O(1) (`book_clear`: in the number of levels). Trades do not change the book: the delta does.
  /// @throws DataError for a price off the grid, a snapshot size below 0 or a size beyond max_level_size; the book stays as it
  /// was
  void apply(const EventRow& event) {
    switch (event.kind) {
      case EventKind::level_delta_yes:
        return change(BookSide::yes, event);
      case EventKind::level_delta_no:
        return change(BookSide::no, event);
      case EventKind::level_set_yes:
        return set(BookSide::yes, event);
      case EventKind::level_set_no:
        return set(BookSide::no, event);
      case EventKind::book_clear:
        return clear();
      case EventKind::gap_begin:
        broken_ = true;
        return;
      case EventKind::gap_end:
      case EventKind::trade_yes:
      case EventKind::trade_no:
        return;
    }
  }

  /// Empties both sides and ends a gap, as a snapshot begins. The count of clamps stays.
  void clear() noexcept {
    for (std::size_t s = 0; s < 2; ++s) {
      for (std::uint32_t summary = sides_[s].summary; summary != 0; summary &= summary - 1) {
        const auto word = static_cast<std::size_t>(std::countr_zero(summary));
        for (std::uint64_t bits = sides_[s].words[word]; bits != 0; bits &= bits - 1) {
          sizes_[s * ticks_ + word * 64 + static_cast<std::size_t>(std::countr_zero(bits))] = 0;
        }
      }
    }
    sides_ = {};
    broken_ = false;
  }

  TickGrid grid() const noexcept { return grid_; }  ///< prices that levels may have

  /// Best YES bid; empty without YES bids. O(1)
  std::optional<Price> best_bid() const {
    const Side& side = sides_[0];
    if (side.summary == 0) return std::nullopt;
    return tick_price(grid_, highest(side));
  }
  /// Best YES ask = 10,000 - best NO bid; empty without NO bids. O(1)
  std::optional<Price> best_ask() const {
    const Side& side = sides_[1];
    if (side.summary == 0) return std::nullopt;
    return tick_price(grid_, lowest(side));
  }
  /// Both best prices. O(1)
  Touch touch() const { return {best_bid(), best_ask()}; }

  /// Size of the bids of `side` at a YES price; 0 where there are none or the price is off the grid. O(1)
  Count size_at(BookSide side, Price yes_price) const noexcept {
    const int tick = find_tick(grid_, yes_price);
    return tick < 0 ? 0 : sizes_[offset(side) + static_cast<std::size_t>(tick)];
  }
  /// Size of the best level of `side`; 0 if it has none. O(1)
  Count best_size(BookSide side) const noexcept {
    const Side& s = sides_[static_cast<std::size_t>(side)];
    if (s.summary == 0) return 0;
    return sizes_[offset(side) + static_cast<std::size_t>(side == BookSide::yes ? highest(s) : lowest(s))];
  }
  /// Sum of the sizes of `side`. O(1)
  Count total(BookSide side) const noexcept { return sides_[static_cast<std::size_t>(side)].total; }
  /// Number of levels of `side` with a size. O(1)
  int levels(BookSide side) const noexcept { return sides_[static_cast<std::size_t>(side)].levels; }

  /// Calls f(Price yes_price, Count size) for at most `max_levels` levels of `side`, the best first: falling YES prices for YES
  /// bids, rising ones for NO bids. If f returns bool, false ends the walk. f must not change the book.
  template <class F>
  void for_each_level(BookSide side, int max_levels, F&& f) const {
    const Side& s = sides_[static_cast<std::size_t>(side)];
    for (std::uint32_t summary = s.summary; summary != 0;) {
      const int word = side == BookSide::yes ? 31 - std::countl_zero(summary) : std::countr_zero(summary);
      summary ^= 1U << word;
      for (std::uint64_t bits = s.words[static_cast<std::size_t>(word)]; bits != 0;) {
        const int bit = side == BookSide::yes ? 63 - std::countl_zero(bits) : std::countr_zero(bits);
        bits ^= std::uint64_t{1} << bit;
        if (max_levels-- <= 0) return;
        const int tick = word * 64 + bit;
        const Count size = sizes_[offset(side) + static_cast<std::size_t>(tick)];
        if constexpr (std::is_same_v<std::invoke_result_t<F&, Price, Count>, bool>) {
          if (!f(tick_price(grid_, tick), size)) return;
        } else {
          f(tick_price(grid_, tick), size);
        }
      }
    }
  }

  /// Both sides present and bid >= ask: crossed or locked.
  bool crossed() const noexcept {
    return sides_[0].summary != 0 && sides_[1].summary != 0 && highest(sides_[0]) >= lowest(sides_[1]);
  }
  /// Both sides present and bid < ask.
  bool two_sided() const noexcept {
    return sides_[0].summary != 0 && sides_[1].summary != 0 && highest(sides_[0]) < lowest(sides_[1]);
  }
  /// True from `gap_begin` to the next snapshot.
  bool broken() const noexcept { return broken_; }
  /// Deltas since construction or `reset` that would have made a level negative and set it to 0 instead.
  std::uint64_t clamped() const noexcept { return clamped_; }

  /// Same grid and same levels, whatever their history.
  friend bool operator==(const OrderBook& a, const OrderBook& b) { return a.grid_ == b.grid_ && a.sizes_ == b.sizes_; }

 private:
  // A bit per tick that has a size, and a bit per word that is not 0.
  struct Side {
    std::array<std::uint64_t, (max_tick_count + 63) / 64> words{};
    std::uint32_t summary = 0;
    int levels = 0;
    Count total = 0;
  };

  static int highest(const Side& side) noexcept {
    const int word = 31 - std::countl_zero(side.summary);
    return word * 64 + 63 - std::countl_zero(side.words[static_cast<std::size_t>(word)]);
  }
  static int lowest(const Side& side) noexcept {
    const int word = std::countr_zero(side.summary);
    return word * 64 + std::countr_zero(side.words[static_cast<std::size_t>(word)]);
  }
  std::size_t offset(BookSide side) const noexcept { return side == BookSide::yes ? 0 : ticks_; }

  void change(BookSide side, const EventRow& event) {
    if (broken_) return;
    const std::size_t tick = checked_tick(event, -max_level_size);
    const Count before = sizes_[offset(side) + tick];
    const Count after = before + event.count;
    if (after > max_level_size) [[unlikely]]
      refuse(event);
    clamped_ += after < 0;
    store(side, tick, before, std::max(after, Count{0}));
  }

  void set(BookSide side, const EventRow& event) {
    if (broken_) return;
    const std::size_t tick = checked_tick(event, 0);
    store(side, tick, sizes_[offset(side) + tick], event.count);
  }

  void store(BookSide side, std::size_t tick, Count before, Count after) noexcept {
    Side& s = sides_[static_cast<std::size_t>(side)];
    sizes_[offset(side) + tick] = after;
    s.total += after - before;
    if ((before != 0) == (after != 0)) return;
    const std::size_t word = tick / 64;
    s.words[word] ^= std::uint64_t{1} << tick % 64;
    s.levels += after != 0 ? 1 : -1;
    const std::uint32_t bit = 1U << word;
    s.summary = s.words[word] != 0 ? s.summary | bit : s.summary & ~bit;
  }

  std::size_t checked_tick(const EventRow& event, Count least) const {
    const int tick = find_tick(grid_, event.price);
    if (tick < 0 || event.count < least || event.count > max_level_size) [[unlikely]]
      refuse(event);
    return static_cast<std::size_t>(tick);
  }

  [[noreturn, gnu::cold, gnu::noinline]] void refuse(const EventRow& event) const {
    const std::string at = " (event at " + std::to_string(event.ts_us) + " us)";
    if (!on_grid(grid_, event.price)) {
      throw DataError("order book: expected a price of the grid " + std::string(tick_grid_name(grid_)) +
                      " in 0..10000 (1e-4 dollar), found " + std::to_string(event.price) + at +
                      "; correct the data or give the market its own grid");
    }
    throw DataError("order book: expected a level size of 0..." + std::to_string(max_level_size) +
                    " (1e-2 contract), found a size or change of " + std::to_string(event.count) + " at price " +
                    std::to_string(event.price) + at + "; correct the data");
  }

  std::vector<Count> sizes_;  // [2][ticks]: YES bids, NO bids
  std::size_t ticks_ = 0;
  std::array<Side, 2> sides_{};
  std::uint64_t clamped_ = 0;
  TickGrid grid_ = TickGrid::linear_cent;
  bool broken_ = false;
};

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_ORDER_BOOK_HPP
