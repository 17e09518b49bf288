// SPDX-License-Identifier: MIT
/// @file
/// @brief The nouns of the funding market: instruments, price rows, settlements, and what is known of a leg and of a pair.
///
/// Units: time int64 ms UTC; prices and money USD; rates decimal per interval; 1 bp = 1e-4; `bph` = bp per hour.
/// A missing optional input is NaN, never 0.
#ifndef RLX_FUNDING_TYPES_HPP
#define RLX_FUNDING_TYPES_HPP

#include <cstdint>
#include <limits>
#include <string>

namespace rlx::inline v0_1::funding {

using VenueId = std::uint16_t;       ///< index into the venue table
using SymbolId = std::uint32_t;      ///< index into the tape's symbols, ascending by name
using InstrumentId = std::uint32_t;  ///< index into the tape's instruments

inline constexpr std::uint32_t no_id = std::numeric_limits<std::uint32_t>::max();  ///< id of no instrument, no symbol
inline constexpr double missing = std::numeric_limits<double>::quiet_NaN();  ///< quiet NaN, an optional input that is not there
inline constexpr std::int64_t ms_per_hour = 3'600'000;                       ///< milliseconds of an hour
inline constexpr std::int64_t ms_per_day = 24 * ms_per_hour;                 ///< milliseconds of a day

/// A perpetual contract at one venue. The quote currency is part of the symbol.
struct Instrument {
  VenueId venue = 0;        ///< index into the venue table
  SymbolId symbol = 0;      ///< index into the tape's symbols
  std::string venue_name;   ///< lower case
  std::string symbol_name;  ///< with its quote currency
  double lot = 0.0;         ///< smallest step of the quantity in coins; 0 = unknown
};

/// One row of the prices file. `low` and `high` are the extremes since the instrument's previous row, so they are causal.
struct PriceRow {
  std::int64_t ts_ms = 0;                                ///< ms UTC
  double price = 0.0;                                    ///< USD
  double low = missing,                                  ///< NaN: unknown
      high = missing;                                    ///< NaN: unknown
  float volume_quote_24h = static_cast<float>(missing);  ///< USD
  float bid_ask_bps = static_cast<float>(missing);       ///< quoted spread; NaN: unknown
  float depth_usd = static_cast<float>(missing);         ///< depth of the book; NaN: unknown
};

/// One realised funding payment: cash moves at `settle_ms`; a positive rate means that longs pay shorts.
struct Settlement {
  std::int64_t settle_ms = 0;   ///< ms UTC
  InstrumentId instrument = 0;  ///< index into the tape's instruments
  double rate = 0.0;            ///< decimal per interval
  double interval_hours = 8.0;  ///< length of the interval that ended at `settle_ms`
};

/// What is known of one instrument at a decision time (spec: as-of, backward only).
struct LegView {
  const PriceRow* row = nullptr;    ///< newest usable row; nullptr before the first
  bool fresh = false;               ///< its age is within max_price_age_ms
  double rho_bph = 0.0;             ///< running rate: newest indicative if not older than its interval, else last settled
  double settled_bph = 0.0;         ///< last settled rate per hour
  double mean24_bph = missing;      ///< sum(r)/sum(I) over settlements in (t-24h, t]; NaN if none
  double mean72_bph = missing;      ///< the same over 72 h
  double interval_hours = 8.0;      ///< of the running rate
  std::int64_t last_settle_ms = 0;  ///< 0 if none yet
  std::int64_t next_settle_ms = 0;  ///< next stamp known at t; may have passed without a settlement
};

/// What is known of a directed pair (long leg, short leg) at a decision time.
struct PairView {
  double net_bph = 0.0;         ///< rho_short - rho_long
  double net24_bph = 0.0;       ///< 24 h mean, short minus long; a leg without settlements in the window uses rho
  double net72_bph = 0.0;       ///< 72 h mean, formed as net24_bph
  double net_std_bph = 0.0;     ///< population deviation of the 72 full-hour samples of the last-settled net
  double sign_share = 0.0;      ///< share of those samples with the sign of net_bph; 0 if net_bph = 0
  double spread_bp = 0.0;       ///< 1e4 (P_short - P_long) / mid
  double spread_mean_bp = 0.0;  ///< over the grid samples in (t-24h, t]
  double spread_std_bp = 0.0;   ///< the same; 0 with fewer than 3 samples
};

/// One row of the list of the ten best pairs at a decision time; raw quantities only, features are made by observation.hpp.
/// What the mask reads stands first and fills one cache line: a step reads ten of these from anywhere in the tape.
struct alignas(64) Opportunity {
  InstrumentId long_leg = no_id,      ///< what would be bought
      short_leg = no_id;              ///< what would be sold
  SymbolId symbol = no_id;            ///< of both legs
  bool long_fresh = true,             ///< `long_price` is within max_price_age_ms
      short_fresh = true;             ///< `short_price` is within max_price_age_ms
  double long_price = 0.0,            ///< newest price of the long leg, USD
      short_price = 0.0;              ///< newest price of the short leg, USD
  double long_depth_usd = missing,    ///< depth of the long leg's book
      short_depth_usd = missing;      ///< depth of the short leg's book
  double long_bid_ask_bps = missing,  ///< quoted spread of the long leg
      short_bid_ask_bps = missing;    ///< quoted spread of the short leg
  double long_rate_bph = 0.0,         ///< rho of the long leg
      short_rate_bph = 0.0;           ///< rho of the short leg
  PairView pair;                      ///< net rates and spread
  double long_interval_h = 8.0,       ///< interval of the long leg
      short_interval_h = 8.0;         ///< interval of the short leg
  std::int64_t long_next_ms = 0,      ///< next stamp of the long leg, ms UTC
      short_next_ms = 0;              ///< next stamp of the short leg, ms UTC
  double volume_usd = missing;        ///< the smaller of the two legs' 24 h volumes
  double depth_usd = missing;         ///< the smaller of the two
  double round_trip_bp = 0.0;         ///< C of the specification, at the tape's reference notional
  double score = 0.0;                 ///< 12 (net + net24) - C, bp
};

/// Costs of trading, part of the tape because the list of opportunities depends on them.
struct CostModel {
  double fee_scale = 1.0;                             ///< multiplies every taker fee
  double impact_bps = 10.0;                           ///< i(N) = min(100, impact_bps * N / depth) bp
  double default_half_spread_bps = 1.0;               ///< where bid_ask_bps is missing
  double default_depth_usd = 250'000.0;               ///< where depth_usd is missing
  double reference_notional = 1'000.0;                ///< N_ref of the round trip: 0.1 initial capital
  bool operator==(const CostModel&) const = default;  ///< Memberwise.
};

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_TYPES_HPP
