// SPDX-License-Identifier: MIT
/// @file
/// @brief What an open option is worth at a snapshot that may not quote it any more.
#ifndef RLX_OPTIONS_LEG_MARK_HPP
#define RLX_OPTIONS_LEG_MARK_HPP

#include <cmath>
#include <cstdint>
#include <span>

#include <rlx/market/black76.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/instrument.hpp>

namespace rlx::inline v0_1::options {

/// A valuation of one contract; also what the next valuation starts from.
struct LegMark {
  double price = 0.0;          ///< settlement currency
  double delta = 0.0;          ///< 0 to 1 for calls, -1 to 0 for puts
  double iv = 0.0;             ///< decimal fraction
  double forward_ratio = 1.0;  ///< forward / index of its expiry
  bool quoted = false;         ///< the snapshot had the instrument itself
};

/**
 * @brief Values one instrument at a snapshot.
 *
 * Quoted: the venue's mark, and its delta or else Black-76. Absent (a recording that is cut by delta loses open legs): Black-76
 * with the forward of any quote of the same expiry, or else the index times the last ratio, and the volatility of the nearest
 * strike quoted for that expiry, or else the last one.
 * @param ts_ms     the instant, UTC ms
 * @param index     USD
 * @param quotes    of the instant; those of other expiries are not looked at and may be missing
 * @param table     what `ChainQuote::instrument` points into
 * @param position  index of the instrument in `table`
 * @param last      the previous valuation of the same instrument (a default one has no volatility: intrinsic value)
 * O(quotes), allocates nothing.
 */
inline LegMark value_leg(std::int64_t ts_ms, double index, std::span<const ChainQuote> quotes,
                         std::span<const Instrument> table, std::uint32_t position, const LegMark& last = {}) {
  const Instrument& instrument = table[position];
  const double years = market::years_of(instrument.expiry_ms - ts_ms);
  LegMark mark{.price = 0.0, .delta = 0.0, .iv = last.iv, .forward_ratio = last.forward_ratio, .quoted = false};
  double nearest = 0.0;
  bool found = false;
  for (const ChainQuote& quote : quotes) {
    const Instrument& other = table[quote.instrument];
    if (other.expiry_ms != instrument.expiry_ms) continue;
    if (quote.instrument == position) {
      mark = {.price = quote.mark.to_double(),
              .delta = quote.delta,
              .iv = quote.mark_iv,
              .forward_ratio = quote.forward / index,
              .quoted = true};
      if (std::isnan(mark.delta)) {
        mark.delta = market::black76(instrument.type, quote.forward, instrument.strike, years, quote.mark_iv).delta;
      }
      return mark;
    }
    const double distance = std::fabs(other.strike - instrument.strike);
    if (!(quote.forward > 0.0) || !(quote.mark_iv > 0.0) || (found && distance >= nearest)) continue;
    found = true;
    nearest = distance;
    mark.iv = quote.mark_iv;
    mark.forward_ratio = quote.forward / index;
  }
  const double forward = index * mark.forward_ratio;
  const auto value = market::black76(instrument.type, forward, instrument.strike, years, mark.iv);
  mark.price = instrument.settlement == SettlementType::inverse ? value.price / forward : value.price;
  mark.delta = value.delta;
  return mark;
}
/// The same over a whole snapshot.
inline LegMark value_leg(const ChainSnapshot& snapshot, std::span<const Instrument> table, std::uint32_t position,
                         const LegMark& last = {}) {
  return value_leg(snapshot.ts_ms, snapshot.index, snapshot.quotes, table, position, last);
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_LEG_MARK_HPP
