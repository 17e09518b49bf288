// SPDX-License-Identifier: MIT
/// @file
/// @brief European options on a forward without interest: value, greeks and implied volatility.
/// @par Source F. Black, "The pricing of commodity contracts", Journal of Financial Economics 3 (1976), with r = 0
#ifndef RLX_MARKET_BLACK76_HPP
#define RLX_MARKET_BLACK76_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <optional>

#include <rlx/core/special_functions.hpp>

namespace rlx::inline v0_1::market {

/// What the buyer may do with the underlying at the strike.
enum class OptionType : std::uint8_t {
  call,  ///< pays what the forward ends above the strike
  put    ///< pays what it ends below
};

/// Milliseconds in a day.
inline constexpr double ms_per_day = 86'400'000.0;
/// Milliseconds in a year of 365 days, the year of every annual volatility here.
inline constexpr double ms_per_year = 365.0 * ms_per_day;

/// Years of 365 days in a span of milliseconds.
constexpr double years_of(std::int64_t ms) noexcept { return static_cast<double>(ms) / ms_per_year; }

/// Value and sensitivities of one option. An inverse (coin-settled) price is `price` / forward.
struct Black76 {
  double price = 0.0;  ///< in the currency of forward and strike
  double delta = 0.0;  ///< per unit of the forward: calls 0..1, puts -1..0
  double gamma = 0.0;  ///< change of delta per unit of the forward
  double vega = 0.0;   ///< per volatility point (0.01)
  double theta = 0.0;  ///< per day; at most 0
};

namespace detail {

struct Black76Terms {
  double d1, d2, deviation, root_years;
};

/// d1, d2 and what they are made of. @pre all arguments above 0
inline Black76Terms black76_terms(double forward, double strike, double years, double sigma) noexcept {
  const double root_years = std::sqrt(years);
  const double deviation = sigma * root_years;
  const double d1 = std::log(forward / strike) / deviation + 0.5 * deviation;
  return {d1, d1 - deviation, deviation, root_years};
}

/// Both types by their own formula: a put out of the money is not the difference of two large numbers.
inline double black76_value(OptionType type, double forward, double strike, double d1, double d2) noexcept {
  return type == OptionType::call ? forward * normal_cdf(d1) - strike * normal_cdf(d2)
                                  : strike * normal_cdf(-d2) - forward * normal_cdf(-d1);
}

/// Value if it were exercised now, at least 0.
inline double intrinsic_value(OptionType type, double forward, double strike) noexcept {
  return std::max(type == OptionType::call ? forward - strike : strike - forward, 0.0);
}

}  // namespace detail

/**
 * @brief Value of one option.
 * @param type     call or put
 * @param forward  of the option's expiry, above 0
 * @param strike   above 0
 * @param years    to expiry, see `years_of`
 * @param sigma    volatility per year as a fraction (0.45, not 45), at least 0
 * @return  the intrinsic value where years <= 0 or sigma = 0; NaN where an argument is NaN. No allocation.
 */
inline double black76_price(OptionType type, double forward, double strike, double years, double sigma) noexcept {
  if (years <= 0.0 || sigma == 0.0) return detail::intrinsic_value(type, forward, strike);
  const auto terms = detail::black76_terms(forward, strike, years, sigma);
  return detail::black76_value(type, forward, strike, terms.d1, terms.d2);
}

/**
 * @brief Value and greeks of one option; arguments as `black76_price`.
 * @return  where years <= 0 or sigma = 0: intrinsic value, delta 0 or 1 (half at the strike; a put one less) and no other
 *          greeks. About 80 ns; no allocation.
 */
inline Black76 black76(OptionType type, double forward, double strike, double years, double sigma) noexcept {
  Black76 result;
  const double put = type == OptionType::put ? 1.0 : 0.0;
  if (years <= 0.0 || sigma == 0.0) {
    result.price = detail::intrinsic_value(type, forward, strike);
    result.delta = (forward > strike ? 1.0 : forward < strike ? 0.0 : 0.5) - put;
    return result;
  }
  const auto terms = detail::black76_terms(forward, strike, years, sigma);
  const double density = normal_pdf(terms.d1);
  // One tail of d1 serves price and delta; of a put both are tails below zero.
  const double side = 1.0 - 2.0 * put;
  const double tail = normal_cdf(side * terms.d1);
  result.price = side * (forward * tail - strike * normal_cdf(side * terms.d2));
  result.delta = side * tail;
  result.gamma = density / (forward * terms.deviation);
  result.vega = forward * density * terms.root_years / 100.0;
  result.theta = -forward * density * sigma / (2.0 * terms.root_years) / 365.0;
  return result;
}

/**
 * @brief The volatility at which the option has this price, by Newton's method inside a bracket.
 * @param type     call or put
 * @param forward  of the option's expiry
 * @param strike   in the currency of the forward
 * @param years    to expiry, see `years_of`
 * @param price  in the currency of forward and strike (an inverse price times the forward)
 * @return  sigma with |price(sigma) - price| <= 1e-12 forward; 0 for the intrinsic value itself. Nothing where no volatility
 *          gives the price (below the intrinsic value, or not below forward for calls and strike for puts), at or after
 *          expiry, for arguments that are not finite and positive, and after 60 steps. No allocation.
 */
inline std::optional<double> implied_volatility(OptionType type, double forward, double strike, double years,
                                                double price) noexcept {
  constexpr double most = std::numeric_limits<double>::max();
  if (!(forward > 0.0 && forward <= most && strike > 0.0 && strike <= most && years > 0.0 && years <= most)) return {};
  const double tolerance = 1e-12 * forward;
  const double intrinsic = detail::intrinsic_value(type, forward, strike);
  if (!(price >= intrinsic - tolerance && price < (type == OptionType::call ? forward : strike))) return {};
  if (price <= intrinsic) return 0.0;

  // The unknown is sigma sqrt(T). The option out of the money has the same time value and no large part to cancel.
  const OptionType other = forward > strike ? OptionType::put : OptionType::call;
  const double target = price - intrinsic;
  const double log_ratio = std::log(forward / strike);
  double low = 0.0, high = 40.0;  // at 40 the value is its limit to the last bit
  // The price is convex in sigma below this point and concave above, so that Newton's method from it cannot overshoot.
  double deviation = std::sqrt(2.0 * std::fabs(log_ratio));
  if (deviation <= 0.0) deviation = std::min(1.0, target / forward * std::sqrt(2.0 * std::numbers::pi));
  for (int step = 0; step < 60; ++step) {
    const double d1 = log_ratio / deviation + 0.5 * deviation;
    const double difference = detail::black76_value(other, forward, strike, d1, d1 - deviation) - target;
    const double slope = forward * normal_pdf(d1);
    (difference > 0.0 ? high : low) = deviation;
    double next = deviation - difference / slope;
    const bool inside = next > low && next < high;
    // Where the criterion is met one more step is free and usually doubles the correct digits.
    if (std::fabs(difference) <= tolerance) return (inside ? next : deviation) / std::sqrt(years);
    if (!inside) next = 0.5 * (low + high);
    deviation = next;
  }
  return {};
}

}  // namespace rlx::inline v0_1::market

#endif  // RLX_MARKET_BLACK76_HPP
