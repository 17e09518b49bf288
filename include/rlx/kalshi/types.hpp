// SPDX-License-Identifier: MIT
/// @file
/// @brief Units, events and market descriptions of the Kalshi domain. All money is integer.
///
/// One binary market is one YES book: prices are YES prices, a NO price p is stored as 10,000 - p.
#ifndef RLX_KALSHI_TYPES_HPP
#define RLX_KALSHI_TYPES_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rlx::kalshi {

using Price = std::int32_t;   ///< 1e-4 dollar, YES price, 0..10,000
using Count = std::int64_t;   ///< 1e-2 contract
using Money = std::int64_t;   ///< 1e-6 dollar; price x count is exact
using Micros = std::int64_t;  ///< microseconds since 1970 UTC

inline constexpr Price one_dollar = 10'000;
inline constexpr Count one_contract = 100;

constexpr Money dollars(std::int64_t whole) { return whole * 1'000'000; }
constexpr Money cents(std::int64_t whole) { return whole * 10'000; }
constexpr Count contracts(std::int64_t whole) { return whole * one_contract; }

/// The side whose bids a level belongs to: a NO bid at q is a YES ask at 10,000 - q.
enum class BookSide : std::uint8_t { yes, no };

constexpr BookSide opposite(BookSide side) { return side == BookSide::yes ? BookSide::no : BookSide::yes; }

/// What a row of a recorded session says.
enum class EventKind : std::uint8_t {
  book_clear,       ///< a snapshot begins: both sides are empty
  level_set_yes,    ///< absolute size of a YES bid level, from a snapshot
  level_set_no,     ///< the same of a NO bid level
  level_delta_yes,  ///< signed change of a YES bid level
  level_delta_no,
  trade_yes,  ///< a taker bought YES
  trade_no,   ///< a taker bought NO
  gap_begin,  ///< messages were lost: the book is broken until the next snapshot
  gap_end
};

/// One event. `price` is a YES price for every kind.
struct EventRow {
  Micros ts_us = 0;
  EventKind kind = EventKind::book_clear;
  Price price = 0;
  Count count = 0;  ///< size, signed change, or contracts traded
  bool operator==(const EventRow&) const = default;
};

/// Events of one market as columns of equal length, ordered in time; 24 bytes an event with padding in mind.
struct EventColumns {
  std::span<const Micros> ts_us;
  std::span<const EventKind> kind;
  std::span<const Price> price;
  std::span<const Count> count;

  std::size_t size() const noexcept { return ts_us.size(); }
  EventRow row(std::size_t i) const { return {ts_us[i], kind[i], price[i], count[i]}; }
};

/// Prices that an exchange accepts.
enum class TickGrid : std::uint8_t {
  linear_cent,       ///< step 100
  deci_cent,         ///< step 10
  tapered_deci_cent  ///< step 10 below 1,000 and above 9,000, else 100
};

enum class FeeType : std::uint8_t {
  quadratic,                  ///< taker 7 % p (1 - p), maker nothing
  quadratic_with_maker_fees,  ///< also a maker rate
  flat,                       ///< so many micro-dollars per contract
  none
};

enum class FeeRounding : std::uint8_t {
  centicent,  ///< current rule: rounded to the precision of the member with an accumulator per order
  cent        ///< older table: up to the cent per fill
};

/// Fees of a market. @par Source Kalshi fee schedule as given in the specification, section 3.9
struct FeeSchedule {
  FeeType type = FeeType::quadratic;
  std::int64_t taker_rate_e6 = 70'000;  ///< flat: micro-dollars per contract
  std::int64_t maker_rate_e6 = 0;
  FeeRounding rounding = FeeRounding::centicent;
  Money member_precision = 10'000;  ///< micro-dollars that balances are kept in: 1 cent; direct members 100
  bool operator==(const FeeSchedule&) const = default;
};

/// What is known of a market beside its events.
struct MarketInfo {
  std::string ticker, event_ticker, series_ticker;
  std::optional<Micros> open_us, close_us;
  std::optional<Price> settlement;  ///< 0..10,000; YES = 10,000; empty: not known
  TickGrid grid = TickGrid::linear_cent;
  FeeSchedule fees;
  bool has_sizes = true;  ///< false: top-of-book data without sizes
  bool operator==(const MarketInfo&) const = default;
};

using SessionId = std::int64_t;

}  // namespace rlx::kalshi

#endif  // RLX_KALSHI_TYPES_HPP
