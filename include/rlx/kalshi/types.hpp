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

namespace rlx::inline v0_1::kalshi {

using Price = std::int32_t;   ///< 1e-4 dollar, YES price, 0..10,000
using Count = std::int64_t;   ///< 1e-2 contract
using Money = std::int64_t;   ///< 1e-6 dollar; price x count is exact
using Micros = std::int64_t;  ///< microseconds since 1970 UTC

/// A dollar as a Price.
inline constexpr Price one_dollar = 10'000;
/// A contract as a Count.
inline constexpr Count one_contract = 100;

constexpr Money dollars(std::int64_t whole) { return whole * 1'000'000; }       ///< whole dollars as Money
constexpr Money cents(std::int64_t whole) { return whole * 10'000; }            ///< whole cents as Money
constexpr Count contracts(std::int64_t whole) { return whole * one_contract; }  ///< whole contracts as Count

/// The side whose bids a level belongs to: a NO bid at q is a YES ask at 10,000 - q.
enum class BookSide : std::uint8_t {
  yes,  ///< YES bids
  no    ///< NO bids
};

/// The other side.
constexpr BookSide opposite(BookSide side) { return side == BookSide::yes ? BookSide::no : BookSide::yes; }

/// What a row of a recorded session says.
enum class EventKind : std::uint8_t {
  book_clear,       ///< a snapshot begins: both sides are empty
  level_set_yes,    ///< absolute size of a YES bid level, from a snapshot
  level_set_no,     ///< the same of a NO bid level
  level_delta_yes,  ///< signed change of a YES bid level
  level_delta_no,   ///< signed change of a NO bid level
  trade_yes,        ///< a taker bought YES
  trade_no,         ///< a taker bought NO
  gap_begin,        ///< messages were lost: the book is broken until the next snapshot
  gap_end           ///< the gap is over: a snapshot follows, which alone mends the book
};

/// One event. `price` is a YES price for every kind.
struct EventRow {
  Micros ts_us = 0;                                  ///< time of the event
  EventKind kind = EventKind::book_clear;            ///< what happened
  Price price = 0;                                   ///< YES price of the level or trade
  Count count = 0;                                   ///< size, signed change, or contracts traded
  bool operator==(const EventRow&) const = default;  ///< Memberwise.
};

/// Events of one market as columns of equal length, ordered in time; 24 bytes an event with padding in mind.
struct EventColumns {
  std::span<const Micros> ts_us;    ///< times, ascending
  std::span<const EventKind> kind;  ///< what happened
  std::span<const Price> price;     ///< YES prices
  std::span<const Count> count;     ///< sizes, signed changes, or contracts traded

  std::size_t size() const noexcept { return ts_us.size(); }                             ///< number of events
  EventRow row(std::size_t i) const { return {ts_us[i], kind[i], price[i], count[i]}; }  ///< event i. @pre i < size()
};

/// Prices that an exchange accepts.
enum class TickGrid : std::uint8_t {
  linear_cent,       ///< step 100
  deci_cent,         ///< step 10
  tapered_deci_cent  ///< step 10 below 1,000 and above 9,000, else 100
};

/// How a fee follows from price and count.
enum class FeeType : std::uint8_t {
  quadratic,                  ///< taker 7 % p (1 - p), maker nothing
  quadratic_with_maker_fees,  ///< also a maker rate
  flat,                       ///< so many micro-dollars per contract
  none                        ///< no fees
};

/// To what a fee is rounded.
enum class FeeRounding : std::uint8_t {
  centicent,  ///< current rule: rounded to the precision of the member with an accumulator per order
  cent        ///< older table: up to the cent per fill
};

/// Fees of a market. @par Source Kalshi fee schedule as given in the specification, section 3.9
struct FeeSchedule {
  FeeType type = FeeType::quadratic;                    ///< formula of both fees
  std::int64_t taker_rate_e6 = 70'000;                  ///< 1e-6 of p (1 - p); flat: micro-dollars per contract
  std::int64_t maker_rate_e6 = 0;                       ///< the same for fills of resting orders
  FeeRounding rounding = FeeRounding::centicent;        ///< to what fees are rounded
  Money member_precision = 10'000;                      ///< micro-dollars that balances are kept in: 1 cent; direct members 100
  bool operator==(const FeeSchedule&) const = default;  ///< Memberwise.
};

/// What is known of a market beside its events.
struct MarketInfo {
  std::string ticker;                                  ///< name of the market
  std::string event_ticker;                            ///< event that it is a bracket of; empty: follows from the ticker
  std::string series_ticker;                           ///< series of the event; empty: follows from the ticker
  std::optional<Micros> open_us;                       ///< announced opening; empty: not known
  std::optional<Micros> close_us;                      ///< announced close; empty: not known
  std::optional<Price> settlement;                     ///< 0..10,000; YES = 10,000; empty: not known
  TickGrid grid = TickGrid::linear_cent;               ///< prices that orders may have
  FeeSchedule fees;                                    ///< of every fill in the market
  bool has_sizes = true;                               ///< false: top-of-book data without sizes
  bool operator==(const MarketInfo&) const = default;  ///< Memberwise.
};

/// Number of a recorded session; 0: none yet, a store gives one.
using SessionId = std::int64_t;

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_TYPES_HPP
