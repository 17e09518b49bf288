// SPDX-License-Identifier: MIT
/// @file
/// @brief Whether forecasts of the value at risk were right: rate of hits, and the tests of Kupiec and Christoffersen.
#ifndef RLX_RISK_TAIL_TESTS_HPP
#define RLX_RISK_TAIL_TESTS_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/special_functions.hpp>
#include <rlx/risk/detail/checks.hpp>
#include <rlx/risk/probability_metrics.hpp>
#include <rlx/risk/tail.hpp>

namespace rlx::inline v0_1::risk {

namespace detail {
inline void require_pairs(std::size_t outcomes, std::size_t forecasts, const char* function) {
  if (outcomes != forecasts) {
    throw ShapeError(std::string(function) + ": " + std::to_string(forecasts) + " forecasts for " + std::to_string(outcomes) +
                     " outcomes, expected one each");
  }
}
/// count * ln(p), 0 for a count of 0 whatever p.
inline double log_power(double p, double count) { return count > 0 ? count * std::log(p) : 0.0; }
}  // namespace detail

/// 1 where the outcome is below -VaR, else 0, into `out`, one for each. `var` are forecasts as losses, each made BEFORE its
/// outcome was known. @throws ConfigError (empty), ShapeError, NumericError
inline void tail_hits(std::span<const double> outcomes, std::span<const double> var, std::span<std::uint8_t> out) {
  detail::require_outcomes(outcomes, "tail_hits");
  detail::require_pairs(outcomes.size(), var.size(), "tail_hits");
  detail::require_pairs(outcomes.size(), out.size(), "tail_hits");
  detail::require_finite(var, "var");
  for (std::size_t t = 0; t < outcomes.size(); ++t) out[t] = outcomes[t] < -var[t] ? 1 : 0;
}

/// Share of outcomes below -VaR; alpha if the forecasts are right on average. @throws as `tail_hits`
inline double tail_hit_rate(std::span<const double> outcomes, std::span<const double> var) {
  detail::require_outcomes(outcomes, "tail_hit_rate");
  detail::require_pairs(outcomes.size(), var.size(), "tail_hit_rate");
  detail::require_finite(var, "var");
  std::size_t hits = 0;
  for (std::size_t t = 0; t < outcomes.size(); ++t) hits += static_cast<std::size_t>(outcomes[t] < -var[t]);
  return static_cast<double>(hits) / static_cast<double>(outcomes.size());
}

/**
 * @brief Kupiec's test that hits occur with probability alpha: likelihood ratio, chi-square with one degree of freedom.
 *
 * 20 hits of 250 with alpha 0.05: 4.03952. No hit and only hits are the limits.
 * @param n     outcomes, at least 1
 * @param hits  at most n
 * @param mass  alpha of the VaR
 * @throws ConfigError
 * @par Source Kupiec 1995, "Techniques for verifying the accuracy of risk measurement models"
 */
inline TestResult kupiec(std::size_t n, std::size_t hits, TailMass mass) {
  detail::check(mass);
  if (n == 0 || hits > n) {
    throw ConfigError("kupiec: " + std::to_string(hits) + " hits of " + std::to_string(n) +
                      " outcomes, expected at least one outcome and at most as many hits");
  }
  const auto x = static_cast<double>(hits);
  const auto rest = static_cast<double>(n - hits);
  const double p = x / static_cast<double>(n);
  const double ratio = detail::log_power(1 - p, rest) + detail::log_power(p, x) - detail::log_power(1 - mass.alpha, rest) -
                       detail::log_power(mass.alpha, x);
  const double statistic = std::max(0.0, 2 * ratio);
  return {statistic, std::erfc(std::sqrt(statistic / 2))};
}

/// One-sided p-value of Kupiec's test against TOO MANY hits, from the signed root of the likelihood ratio: near 0 if there were
/// far more than alpha * n, near 1 if far fewer. For triggers. @throws as `kupiec`
inline double kupiec_excess_p_value(std::size_t n, std::size_t hits, TailMass mass) {
  const double root = std::sqrt(kupiec(n, hits, mass).statistic);
  return normal_cdf(static_cast<double>(hits) >= mass.alpha * static_cast<double>(n) ? -root : root);
}

/// Christoffersen's tests of a sequence of hits.
struct ChristoffersenResult {
  TestResult unconditional;  ///< Kupiec's, one degree of freedom
  TestResult independence;   ///< a hit is as likely after a hit as after none, one degree of freedom
  TestResult conditional;    ///< both at once: the sum, two degrees of freedom
};

/**
 * @brief Tests of the number of hits and of their independence of the hit before.
 * @param hits  0 or not 0 for each outcome in time order, at least one. A single one has no pairs: independence is {0, 1}
 * @param mass  alpha of the VaR
 * @throws ConfigError. @par Complexity O(n), no allocation
 * @par Source Christoffersen 1998, "Evaluating interval forecasts"
 */
inline ChristoffersenResult christoffersen(std::span<const std::uint8_t> hits, TailMass mass) {
  detail::check(mass);
  if (hits.empty()) throw ConfigError("christoffersen: hits is empty, expected at least one");
  std::size_t total = hits[0] != 0 ? 1 : 0;
  double count[2][2] = {};  // [hit before][hit now]
  for (std::size_t t = 1; t < hits.size(); ++t) {
    total += hits[t] != 0 ? 1 : 0;
    count[hits[t - 1] != 0 ? 1 : 0][hits[t] != 0 ? 1 : 0] += 1;
  }
  const auto likelihood = [](double misses, double ones) {  // logarithm, at its maximum
    const double all = misses + ones;
    return all > 0 ? detail::log_power(misses / all, misses) + detail::log_power(ones / all, ones) : 0.0;
  };
  ChristoffersenResult result;
  result.unconditional = kupiec(hits.size(), total, mass);
  const double ratio = likelihood(count[0][0], count[0][1]) + likelihood(count[1][0], count[1][1]) -
                       likelihood(count[0][0] + count[1][0], count[0][1] + count[1][1]);
  const double statistic = std::max(0.0, 2 * ratio);
  result.independence = {statistic, std::erfc(std::sqrt(statistic / 2))};
  result.conditional.statistic = result.unconditional.statistic + statistic;
  result.conditional.p_value = std::exp(-result.conditional.statistic / 2);
  return result;
}

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_TAIL_TESTS_HPP
