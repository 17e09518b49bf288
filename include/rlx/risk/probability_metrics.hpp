// SPDX-License-Identifier: MIT
/// @file
/// @brief How good probabilities are: accuracy, Brier score, log loss, AUC, calibration; and the tests that go with shares.
///
/// Everywhere `p` are predicted probabilities in [0, 1] and `y` what happened, 0 or 1, of the same length.
#ifndef RLX_RISK_PROBABILITY_METRICS_HPP
#define RLX_RISK_PROBABILITY_METRICS_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/special_functions.hpp>
#include <rlx/risk/interval.hpp>

namespace rlx::inline v0_1::risk {

namespace detail {
template <class = void>
void check_probabilities(std::span<const double> p, std::span<const double> y, const char* who) {
  if (p.size() != y.size() || p.empty()) {
    throw ShapeError(std::string(who) + ": as many outcomes as probabilities are needed, at least one; got " +
                     std::to_string(p.size()) + " probabilities and " + std::to_string(y.size()) + " outcomes");
  }
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (!is_finite(p[i]) || !(p[i] >= 0 && p[i] <= 1)) {
      throw NumericError(
          std::string(who) + ": p[" + std::to_string(i) + "] is " + std::to_string(p[i]) + ", expected a probability in [0, 1]",
          "p");
    }
    if (!(y[i] == 0 || y[i] == 1)) {
      throw NumericError(std::string(who) + ": y[" + std::to_string(i) + "] is " + std::to_string(y[i]) + ", expected 0 or 1",
                         "y");
    }
  }
}
}  // namespace detail

// Every score throws ShapeError for lengths that differ or are 0, NumericError for the first value out of its range.

/// Share of (p >= 0.5) = y.
template <class = void>
double accuracy(std::span<const double> p, std::span<const double> y) {
  detail::check_probabilities(p, y, "accuracy");
  std::size_t right = 0;
  for (std::size_t i = 0; i < p.size(); ++i) right += (p[i] >= 0.5) == (y[i] == 1) ? 1U : 0U;
  return static_cast<double>(right) / static_cast<double>(p.size());
}

/// Accuracy of always saying the more frequent outcome; belongs beside every accuracy. NaN for no outcome.
template <class = void>
double majority_share(std::span<const double> y) {
  const double ones = std::accumulate(y.begin(), y.end(), 0.0) / static_cast<double>(y.size());
  return std::max(ones, 1 - ones);
}

/// Mean of (p - y)^2. p (0.2, 0.6, 0.6, 0.9), y (0, 1, 0, 1): 0.1425. @par Source Brier 1950
template <class = void>
double brier_score(std::span<const double> p, std::span<const double> y) {
  detail::check_probabilities(p, y, "brier_score");
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += (p[i] - y[i]) * (p[i] - y[i]);
  return sum / static_cast<double>(p.size());
}

/// Mean of -ln of the probability given to what happened; p is clipped to [1e-12, 1 - 1e-12], so it is finite.
template <class = void>
double log_loss(std::span<const double> p, std::span<const double> y) {
  detail::check_probabilities(p, y, "log_loss");
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double clipped = std::clamp(p[i], 1e-12, 1 - 1e-12);
    sum -= std::log(y[i] == 1 ? clipped : 1 - clipped);
  }
  return sum / static_cast<double>(p.size());
}

/// Probability that a positive scores above a negative, a tie counting one half; NaN if all outcomes are equal.
/// The example of `brier_score` gives 0.875. O(n log n), allocates O(n).
/// @par Source  the Mann-Whitney statistic by midranks, Hanley & McNeil 1982
template <class = void>
double auc(std::span<const double> p, std::span<const double> y) {
  detail::check_probabilities(p, y, "auc");
  std::vector<std::pair<double, bool>> scored(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) scored[i] = {p[i], y[i] == 1};
  std::sort(scored.begin(), scored.end());
  double wins = 0, positives = 0, negatives = 0;
  for (std::size_t i = 0; i < scored.size();) {
    double tied_positives = 0, tied_negatives = 0;
    for (const double score = scored[i].first; i < scored.size() && scored[i].first == score; ++i) {
      (scored[i].second ? tied_positives : tied_negatives) += 1;
    }
    wins += tied_positives * (negatives + 0.5 * tied_negatives);
    positives += tied_positives;
    negatives += tied_negatives;
  }
  if (positives == 0 || negatives == 0) return std::numeric_limits<double>::quiet_NaN();
  return wins / (positives * negatives);
}

/// Expected calibration error: |mean p - mean y| of equal-width bins of p, weighted by their counts. 1.0 lies in the last bin.
/// The example of `brier_score` with 2 bins gives 0.075. ConfigError for 0 bins
template <class = void>
double expected_calibration_error(std::span<const double> p, std::span<const double> y, std::size_t bins = 10) {
  detail::check_probabilities(p, y, "expected_calibration_error");
  if (bins == 0) throw ConfigError("expected_calibration_error: bins must be at least 1, got 0");
  std::vector<double> excess(bins);  // sum of p - y
  for (std::size_t i = 0; i < p.size(); ++i) {
    excess[std::min(bins - 1, static_cast<std::size_t>(p[i] * static_cast<double>(bins)))] += p[i] - y[i];
  }
  double sum = 0;
  for (const double x : excess) sum += std::abs(x);
  return sum / static_cast<double>(p.size());
}

/// A test statistic and the probability of one at least as extreme if there is no difference.
struct TestResult {
  double statistic = 0;  ///< at least 0; each test says of which distribution
  double p_value = 1;    ///< in [0, 1]
  /// Memberwise.
  bool operator==(const TestResult&) const = default;
};

/// McNemar's test of two deciders on the same cases, with continuity correction: (|b - c| - 1)^2 / (b + c), chi-square with one
/// degree of freedom. b 15, c 5: 4.05. @param b cases that only the first got right. @param c cases that only the second got
/// right. @return {0, 1} for b + c = 0 @par Source McNemar 1947, correction of Edwards 1948
template <class = void>
TestResult mcnemar_test(std::size_t b, std::size_t c) {
  if (b + c == 0) return {};
  const auto apart = static_cast<double>(b > c ? b - c : c - b);
  const double excess = std::max(0.0, apart - 1);
  const double statistic = excess * excess / static_cast<double>(b + c);
  return {statistic, std::erfc(std::sqrt(statistic / 2))};
}

/// Two shares compared by the pooled z test, two-sided; positive if the second share is higher. 5 of 50 and 15 of 50: z 2.5,
/// p 0.012419. @return {0, 1} if a sample is empty or both shares are 0 or 1. @throws ConfigError if a count exceeds its n
template <class = void>
TestResult two_proportion_test(std::size_t count_a, std::size_t n_a, std::size_t count_b, std::size_t n_b) {
  if (count_a > n_a || count_b > n_b) throw ConfigError("two_proportion_test: a count is larger than its sample");
  const auto na = static_cast<double>(n_a), nb = static_cast<double>(n_b);
  const auto ones = static_cast<double>(count_a + count_b);
  if (n_a == 0 || n_b == 0 || ones == 0 || ones == na + nb) return {};
  const double pooled = ones / (na + nb);
  const double z = (static_cast<double>(count_b) / nb - static_cast<double>(count_a) / na) /
                   std::sqrt(pooled * (1 - pooled) * (1 / na + 1 / nb));
  return {z, std::erfc(std::abs(z) / std::sqrt(2.0))};
}

/// Which of several hypotheses are refused when at most a share `rate` of the refused ones may be false on average.
/// @param p_values  in [0, 1], any order. @param rate in (0, 1), else ConfigError. O(n log n)
/// @par Source Benjamini & Hochberg 1995
template <class = void>
std::vector<bool> benjamini_hochberg(std::span<const double> p_values, double rate) {
  if (!is_finite(rate) || !(rate > 0 && rate < 1)) {
    throw ConfigError("benjamini_hochberg: rate must lie in (0, 1), got " + std::to_string(rate));
  }
  std::vector<double> sorted(p_values.begin(), p_values.end());
  std::sort(sorted.begin(), sorted.end());
  double threshold = -1;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] <= rate * static_cast<double>(i + 1) / static_cast<double>(sorted.size())) threshold = sorted[i];
  }
  std::vector<bool> refused(p_values.size());
  for (std::size_t i = 0; i < p_values.size(); ++i) refused[i] = p_values[i] <= threshold;
  return refused;
}

/// Population stability index of two distributions over the same bins: sum (q - p) ln(q / p), shares floored at 1e-4.
/// (0.5, 0.3, 0.2) to (0.4, 0.3, 0.3): 0.0628609. 0 where they are equal; above 0.2 counts as a shift.
/// @throws ShapeError if the numbers of bins differ or are 0, NumericError for a share that is not in [0, 1]
template <class = void>
double population_stability_index(std::span<const double> before, std::span<const double> after) {
  if (before.size() != after.size() || before.empty()) {
    throw ShapeError("population_stability_index: both need the same bins, at least one; got " + std::to_string(before.size()) +
                     " and " + std::to_string(after.size()));
  }
  double sum = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (const double share : {before[i], after[i]}) {
      if (!is_finite(share) || !(share >= 0 && share <= 1)) {
        throw NumericError("population_stability_index: share " + std::to_string(share) + " of bin " + std::to_string(i) +
                               " does not lie in [0, 1]",
                           "share");
      }
    }
    const double p = std::max(before[i], 1e-4), q = std::max(after[i], 1e-4);
    sum += (q - p) * std::log(q / p);
  }
  return sum;
}

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_PROBABILITY_METRICS_HPP
