// SPDX-License-Identifier: MIT
/// @file
/// @brief Logarithm of the gamma function with its derivatives, the error function and the normal distribution.
///
/// `std::lgamma` writes the global `signgam`, so two threads may not call it; the functions here are pure. All are computed in
/// double, whatever the argument's type, and allocate nothing.
#ifndef RLX_CORE_SPECIAL_FUNCTIONS_HPP
#define RLX_CORE_SPECIAL_FUNCTIONS_HPP

#include <cmath>
#include <concepts>
#include <limits>
#include <numbers>

#include <rlx/core/finite.hpp>

namespace rlx {
namespace detail {

/// From here on eight terms of the asymptotic series of the gamma family reach the accuracy of double.
inline constexpr double gamma_series_start = 10.0;

/// The domain test comes first and on bits: the loops below would not end on a NaN under `-ffast-math`.
inline bool gamma_domain(double x) noexcept { return is_finite(x) && x > 0.0; }

}  // namespace detail

/**
 * @brief Natural logarithm of the gamma function.
 * @param x  above 0 and finite; NaN otherwise
 * @return   error below 1e-14 * max(1, |result|)
 * @par Source  Stirling's series, Abramowitz & Stegun 6.1.40, after the recurrence 6.1.15
 */
template <std::floating_point S>
S lgamma(S x) noexcept {
  double y = static_cast<double>(x);
  if (!detail::gamma_domain(y)) return std::numeric_limits<S>::quiet_NaN();
  double shift = 1.0;  // x (x+1) ... (y-1), at most 10!
  for (; y < detail::gamma_series_start; y += 1.0) shift *= y;
  const double r = 1.0 / (y * y);
  const double tail = 1.0 / 1680 - r * (1.0 / 1188 - r * (691.0 / 360360 - r * (1.0 / 156 - r * (3617.0 / 122400))));
  const double series = (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r * tail))) / y;
  constexpr double half_log_two_pi = 0.91893853320467274178;
  return static_cast<S>((y - 0.5) * std::log(y) - y + half_log_two_pi + series - std::log(shift));
}

/**
 * @brief Digamma: derivative of `lgamma`.
 * @param x  above 0 and finite; NaN otherwise
 * @return   error below 1e-14 * max(1, |result|)
 * @par Source  Abramowitz & Stegun 6.3.18 after the recurrence 6.3.5
 */
template <std::floating_point S>
S digamma(S x) noexcept {
  double y = static_cast<double>(x);
  if (!detail::gamma_domain(y)) return std::numeric_limits<S>::quiet_NaN();
  double shift = 0.0;
  for (; y < detail::gamma_series_start; y += 1.0) shift += 1.0 / y;
  const double r = 1.0 / (y * y);
  const double tail = 1.0 / 240 - r * (1.0 / 132 - r * (691.0 / 32760 - r * (1.0 / 12)));
  const double series = r * (1.0 / 12 - r * (1.0 / 120 - r * (1.0 / 252 - r * tail)));
  return static_cast<S>(std::log(y) - 0.5 / y - series - shift);
}

/**
 * @brief Trigamma: second derivative of `lgamma`.
 * @param x  above 0 and finite; NaN otherwise
 * @return   relative error below 1e-14
 * @par Source  Abramowitz & Stegun 6.4.11 after the recurrence 6.4.6
 */
template <std::floating_point S>
S trigamma(S x) noexcept {
  double y = static_cast<double>(x);
  if (!detail::gamma_domain(y)) return std::numeric_limits<S>::quiet_NaN();
  double shift = 0.0;
  for (; y < detail::gamma_series_start; y += 1.0) shift += 1.0 / (y * y);
  const double r = 1.0 / (y * y);
  const double tail = 1.0 / 30 - r * (5.0 / 66 - r * (691.0 / 2730 - r * (7.0 / 6)));
  const double series = 1.0 / 6 - r * (1.0 / 30 - r * (1.0 / 42 - r * tail));
  return static_cast<S>((1.0 + (0.5 + series / y) / y) / y + shift);
}

/// Error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.
template <std::floating_point S>
S erf(S x) noexcept {
  return static_cast<S>(std::erf(static_cast<double>(x)));
}

/// Density of the standard normal distribution.
template <std::floating_point S>
S normal_pdf(S x) noexcept {
  const double y = static_cast<double>(x);
  return static_cast<S>(std::exp(-0.5 * y * y) * (0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2));
}

/// Probability that a standard normal variable is at most x; the lower tail keeps its relative accuracy.
template <std::floating_point S>
S normal_cdf(S x) noexcept {
  return static_cast<S>(0.5 * std::erfc(static_cast<double>(x) * (-0.5 * std::numbers::sqrt2)));
}

}  // namespace rlx

#endif  // RLX_CORE_SPECIAL_FUNCTIONS_HPP
