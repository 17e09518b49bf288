// SPDX-License-Identifier: MIT
/// @file
/// @brief The arithmetic of one opportunity: net rate, its yearly and eight-hour forms, costs of the round trip, score.
///
/// Pure functions of numbers, shared by the tape, the environment and the baselines so that a cost has one formula.
#ifndef RLX_FUNDING_OPPORTUNITY_HPP
#define RLX_FUNDING_OPPORTUNITY_HPP

#include <algorithm>
#include <limits>

#include <rlx/core/finite.hpp>
#include <rlx/funding/types.hpp>

namespace rlx::inline v0_1::funding {

/// Rate per hour in bp of a decimal rate per interval of `interval_hours`.
inline double rate_bph(double rate, double interval_hours) { return 1e4 * rate / interval_hours; }

/// Net carry of a pair in bp/h: what the short leg receives less what the long leg pays. Rates are decimal per interval.
inline double net_rate_bph(double r_long, double i_long, double r_short, double i_short) {
  return rate_bph(r_short, i_short) - rate_bph(r_long, i_long);
}

/// Yearly rate in percent (simple, 365 days) of a net carry in bp/h. A rate is not an income until it has settled.
inline double fund_apr(double net_bph) { return 87.6 * net_bph; }

/// Carry of eight hours in percent of the notional.
inline double fund_profit_8h(double net_bph) { return 0.08 * net_bph; }

/// Half of the quoted spread in bp; the model's default where the quote is missing.
inline double half_spread_bps(double bid_ask_bps, const CostModel& costs) {
  return is_finite(bid_ask_bps) ? 0.5 * bid_ask_bps : costs.default_half_spread_bps;
}

/// Price impact in bp of a taker order of `notional` USD: min(100, impact_bps N / depth). A missing depth is the model's
/// default; an empty book costs the full 100 bp.
inline double impact_bps(double notional, double depth_usd, const CostModel& costs) {
  constexpr double worst = 100.0;
  const double depth = is_finite(depth_usd) ? depth_usd : costs.default_depth_usd;
  if (depth <= 0.0) return notional > 0.0 ? worst : 0.0;
  return std::min(worst, costs.impact_bps * notional / depth);
}

/// Price paid or received: `direction` +1 buys above, -1 sells below the price by half spread and impact. Never below 0: in an
/// empty market a sale brings nothing.
inline double fill_price(double price, int direction, double half_spread, double impact) {
  return price * std::max(0.0, 1.0 + static_cast<double>(direction) * (half_spread + impact) / 1e4);
}

/// Cost in bp of opening and closing one leg at the reference notional.
/// @param taker        the venue's taker fee, decimal
/// @param bid_ask_bps  quoted spread; NaN: the model's default
/// @param depth_usd    depth of the book; NaN: the model's default
/// @param costs        fee scale, impact, reference notional, defaults
inline double leg_round_trip_bp(double taker, double bid_ask_bps, double depth_usd, const CostModel& costs) {
  return 2.0 * (1e4 * taker * costs.fee_scale + half_spread_bps(bid_ask_bps, costs) +
                impact_bps(costs.reference_notional, depth_usd, costs));
}

/// Hours until the carry has paid the round trip; infinite for a carry that is not positive.
inline double break_even_hours(double round_trip_bp, double net_bph) {
  return net_bph > 0.0 ? round_trip_bp / net_bph : std::numeric_limits<double>::infinity();
}

/// One day's carry less the round trip, in bp: 12 (net + net24) - C.
inline double opportunity_score(double net_bph, double net24_bph, double round_trip_bp) {
  return 12.0 * (net_bph + net24_bph) - round_trip_bp;
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_OPPORTUNITY_HPP
