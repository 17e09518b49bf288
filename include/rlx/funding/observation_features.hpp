// SPDX-License-Identifier: MIT
/// @file
/// @brief The arithmetic of observation features, and the one function that writes the row of an opportunity.
///
/// Every feature is finite and lies in [-5, 5]; a missing optional input gives exactly 0.
#ifndef RLX_FUNDING_OBSERVATION_FEATURES_HPP
#define RLX_FUNDING_OBSERVATION_FEATURES_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include <rlx/core/finite.hpp>
#include <rlx/funding/types.hpp>

namespace rlx::inline v0_1::funding {

inline constexpr std::size_t max_opportunities = 10;          ///< opportunity slots of the observation
inline constexpr std::size_t max_position_slots = 5;          ///< position slots of the observation
inline constexpr std::size_t opportunity_feature_count = 20;  ///< floats per opportunity slot
inline constexpr std::size_t execution_feature_count = 12;    ///< floats per position slot

namespace features {

/// Scales of `compress`, in the unit of the compressed quantity. Part of the layout hash.
inline constexpr double rate_scale_bph = 0.5;
inline constexpr double spread_scale_bp = 20.0;  ///< of spreads
inline constexpr double cost_scale_bp = 10.0;    ///< of costs
inline constexpr double cash_scale_bp = 1.0;     ///< of payments
inline constexpr double percent_scale = 0.5;     ///< of profits, %
inline constexpr double limit = 5.0;             ///< largest size of a feature

/// c(x, a) = clip(asinh(x / a), -5, 5): linear near zero, logarithmic far from it. x finite, a > 0.
/// The absolute error is below 1e-15, and c(0, a) is exactly 0; the logarithm is cheaper than `std::asinh`.
inline double compress(double x, double a) {
  const double y = x / a;
  const double magnitude = std::log(std::abs(y) + std::sqrt(y * y + 1.0));
  return std::copysign(std::min(magnitude, limit), y);
}

/// Hours from `now_ms` to the stamp in units of eight hours, at most 3; 0 for a stamp that has passed.
inline double hours_to_stamp(std::int64_t stamp_ms, std::int64_t now_ms) {
  if (stamp_ms <= now_ms) return 0.0;
  return std::min(static_cast<double>(stamp_ms - now_ms) / (8.0 * static_cast<double>(ms_per_hour)), 3.0);
}

/// log10 of a positive amount, shifted, scaled and clipped to +-3; exactly 0 where the amount is missing (NaN).
inline double log_amount(double amount_usd, double offset, double scale) {
  if (!is_finite(amount_usd)) return 0.0;
  return std::clamp((std::log10(std::max(amount_usd, 1.0)) - offset) / scale, -3.0, 3.0);
}

/// Share of the way to a month: ln(1 + B) / ln 721 with B = cost / net hours, at most 1.5; 1.5 where nothing is earned.
inline double break_even(double round_trip_bp, double net_bph) {
  if (!(net_bph > 0.0)) return 1.5;
  return std::min(std::log1p(round_trip_bp / net_bph) / std::log(721.0), 1.5);
}

}  // namespace features

/// Writes the 20 features of one valid opportunity as seen at `now_ms` (names and formulas: `ObservationBuilder::features()`).
/// Feature 19, `held`, depends on the portfolio and is written as 0. Allocates nothing.
inline void write_opportunity_features(const Opportunity& opportunity, std::int64_t now_ms,
                                       std::span<float, opportunity_feature_count> row) {
  using namespace features;
  const PairView& pair = opportunity.pair;
  const auto set = [&row](std::size_t index, double value) { row[index] = static_cast<float>(value); };
  set(0, 1.0);
  set(1, compress(opportunity.long_rate_bph, rate_scale_bph));
  set(2, compress(opportunity.short_rate_bph, rate_scale_bph));
  set(3, compress(pair.net_bph, rate_scale_bph));
  set(4, compress(pair.net24_bph, rate_scale_bph));
  set(5, compress(pair.net72_bph, rate_scale_bph));
  set(6, compress(pair.net_std_bph, rate_scale_bph));
  set(7, 2.0 * pair.sign_share - 1.0);
  set(8, std::log2(opportunity.long_interval_h) / 3.0);
  set(9, std::log2(opportunity.short_interval_h) / 3.0);
  set(10, hours_to_stamp(opportunity.long_next_ms, now_ms));
  set(11, hours_to_stamp(opportunity.short_next_ms, now_ms));
  set(12, compress(pair.spread_bp, spread_scale_bp));
  set(13, compress(pair.spread_bp - pair.spread_mean_bp, spread_scale_bp));
  set(14, compress(pair.spread_std_bp, spread_scale_bp));
  set(15, log_amount(opportunity.volume_usd, 7.0, 1.5));
  set(16, compress(opportunity.round_trip_bp, cost_scale_bp));
  set(17, log_amount(opportunity.depth_usd, 5.0, 1.0));
  set(18, break_even(opportunity.round_trip_bp, pair.net_bph));
  set(19, 0.0);
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_OBSERVATION_FEATURES_HPP
