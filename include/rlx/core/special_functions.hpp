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

namespace rlx::inline v0_1 {
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

namespace detail {

/// Value of a polynomial of degree 7, the constant first.
inline double polynomial7(const double (&c)[8], double x) noexcept {
  double value = c[7];
  for (int i = 6; i >= 0; --i) value = value * x + c[i];
  return value;
}

}  // namespace detail

/**
 * @brief Quantile of the standard normal distribution, the inverse of `normal_cdf`.
 * @param p  in [0, 1]; 0 and 1 give the infinities, anything else outside (0, 1) a NaN
 * @return   relative error about 1e-16. Symmetric: the quantile of 1 - p is the negative one
 * @par Source  Wichura 1988, "Algorithm AS 241: the percentage points of the normal distribution", PPND16
 */
inline double normal_quantile(double p) noexcept {
  if (!is_finite(p) || !(p >= 0.0 && p <= 1.0)) return std::numeric_limits<double>::quiet_NaN();
  if (p == 0.0) return -std::numeric_limits<double>::infinity();
  if (p == 1.0) return std::numeric_limits<double>::infinity();
  const double q = p - 0.5;
  if (std::fabs(q) <= 0.425) {
    constexpr double a[8] = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                             1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                             3.3430575583588128105e4, 2.5090809287301226727e3};
    constexpr double b[8] = {1.0,
                             4.2313330701600911252e1,
                             6.8718700749205790830e2,
                             5.3941960214247511077e3,
                             2.1213794301586595867e4,
                             3.9307895800092710610e4,
                             2.8729085735721942674e4,
                             5.2264952788528545610e3};
    const double r = 0.180625 - q * q;
    return q * detail::polynomial7(a, r) / detail::polynomial7(b, r);
  }
  const double r = std::sqrt(-std::log(q < 0 ? p : 1.0 - p));
  double size;
  if (r <= 5.0) {
    constexpr double c[8] = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                             3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                             2.27238449892691845833e-2, 7.74545014278341407640e-4};
    constexpr double d[8] = {1.0,
                             2.05319162663775882187e0,
                             1.67638483018380384940e0,
                             6.89767334985100004550e-1,
                             1.48103976427480074590e-1,
                             1.51986665636164571966e-2,
                             5.47593808499534494600e-4,
                             1.05075007164441684324e-9};
    size = detail::polynomial7(c, r - 1.6) / detail::polynomial7(d, r - 1.6);
  } else {
    constexpr double e[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                             2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                             2.71155556874348757815e-5, 2.01033439929228813265e-7};
    constexpr double f[8] = {1.0,
                             5.99832206555887937690e-1,
                             1.36929880922735805310e-1,
                             1.48753612908506148525e-2,
                             7.86869131145613259100e-4,
                             1.84631831751005468180e-5,
                             1.42151175831644588870e-7,
                             2.04426310338993978564e-15};
    size = detail::polynomial7(e, r - 5.0) / detail::polynomial7(f, r - 5.0);
  }
  return q < 0 ? -size : size;
}

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_SPECIAL_FUNCTIONS_HPP
