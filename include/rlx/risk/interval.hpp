// SPDX-License-Identifier: MIT
/// @file
/// @brief An estimate with its interval, and Wilson's interval of a share.
#ifndef RLX_RISK_INTERVAL_HPP
#define RLX_RISK_INTERVAL_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>

namespace rlx::inline v0_1::risk {

/// An estimate and the interval around it.
struct Interval {
  double estimate = 0;  ///< the statistic of the data as they are
  double low = 0;       ///< lower end
  double high = 0;      ///< upper end
  /// Memberwise.
  bool operator==(const Interval&) const = default;
};

/// Two-sided 95 % point of the standard normal distribution.
inline constexpr double normal_975 = 1.959963984540054;

/**
 * @brief Wilson's interval of a share: `count` of `n`. 7 of 20 at 95 %: (0.181192, 0.567146).
 * @param count  cases that hold, at most n
 * @param n      all cases
 * @param z      quantile of the normal distribution, above 0
 * @return   estimate count / n; {NaN, 0, 1} for n = 0, since nothing is known
 * @throws ConfigError if count > n or z is not above 0
 * @par Source Wilson 1927
 */
inline Interval wilson_interval(std::size_t count, std::size_t n, double z = normal_975) {
  if (count > n || !is_finite(z) || !(z > 0)) {
    throw ConfigError("wilson_interval: expected count <= n and z > 0, got " + std::to_string(count) + " of " +
                      std::to_string(n) + ", z " + std::to_string(z));
  }
  if (n == 0) return {std::numeric_limits<double>::quiet_NaN(), 0, 1};
  const auto size = static_cast<double>(n);
  const double p = static_cast<double>(count) / size;
  const double square = z * z;
  const double middle = p + square / (2 * size);
  const double half = z * std::sqrt(p * (1 - p) / size + square / (4 * size * size));
  const double scale = 1 + square / size;
  return {p, std::max(0.0, (middle - half) / scale), std::min(1.0, (middle + half) / scale)};
}

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_INTERVAL_HPP
