// SPDX-License-Identifier: MIT
/// @file
/// @brief Which of two models is better on the same later rows, and whether that could be chance.
#ifndef RLX_SIGNALS_PROMOTION_HPP
#define RLX_SIGNALS_PROMOTION_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/risk/probability_metrics.hpp>

namespace rlx::inline v0_1::signals {

/// Length of the blocks of time that are resampled together: the cube root of the number of rows.
template <class = void>
std::size_t block_length(std::size_t rows) {
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::cbrt(static_cast<double>(rows)) + 0.5));
}

/**
 * @brief One-sided p value of "the mean of these differences is not above 0" by the circular block bootstrap.
 * @param differences  in the order of time, finite
 * @param block        rows drawn together, 1 to their number
 * @param replicates   resamples, at least 1
 * @param random       where the blocks begin
 * @return             (1 + resamples with a sum <= 0) / (1 + resamples); 1 without a row
 * @throws ConfigError for block or replicates
 * @par Complexity     O(n + replicates * n / block)
 */
template <class = void>
double bootstrap_p_value(std::span<const double> differences, std::size_t block, std::size_t replicates, RandomStream& random) {
  const std::size_t n = differences.size();
  if (n == 0) return 1;
  if (block == 0 || block > n || replicates == 0) {
    throw ConfigError("bootstrap_p_value: block must lie in [1, " + std::to_string(n) + "] and replicates be at least 1, got " +
                      std::to_string(block) + " and " + std::to_string(replicates));
  }
  std::vector<double> prefix(2 * n + 1, 0.0);
  for (std::size_t i = 0; i < 2 * n; ++i) prefix[i + 1] = prefix[i] + differences[i % n];
  std::size_t not_above = 0;
  for (std::size_t j = 0; j < replicates; ++j) {
    double sum = 0;
    for (std::size_t filled = 0; filled < n; filled += block) {
      const std::size_t begin = random.bounded(n);
      sum += prefix[begin + std::min(block, n - filled)] - prefix[begin];
    }
    not_above += sum <= 0 ? 1U : 0U;
  }
  return static_cast<double>(1 + not_above) / static_cast<double>(1 + replicates);
}

/// Two predictors on the same rows.
struct Comparison {
  double brier_challenger = 0;  ///< lower is better
  double brier_champion = 0;    ///< of the rival: the active model or the base rate
  double p_value = 1;           ///< one-sided, that the challenger's Brier score is not lower
  risk::TestResult mcnemar{};   ///< of the decisions at one half
  std::size_t rows = 0;         ///< that both were scored on
};

/// Compares by the Brier score over time blocks. @throws as brier_score; ShapeError for lengths
template <class = void>
Comparison compare_predictions(std::span<const double> challenger, std::span<const double> champion, std::span<const double> y,
                               std::size_t replicates, RandomStream& random) {
  Comparison result;
  result.rows = y.size();
  result.brier_challenger = risk::brier_score(challenger, y);
  result.brier_champion = risk::brier_score(champion, y);
  std::vector<double> gain(y.size());
  std::size_t only_challenger = 0, only_champion = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    gain[i] = (champion[i] - y[i]) * (champion[i] - y[i]) - (challenger[i] - y[i]) * (challenger[i] - y[i]);
    const bool challenger_right = (challenger[i] >= 0.5) == (y[i] == 1), champion_right = (champion[i] >= 0.5) == (y[i] == 1);
    only_challenger += challenger_right && !champion_right ? 1U : 0U;
    only_champion += champion_right && !challenger_right ? 1U : 0U;
  }
  result.p_value = bootstrap_p_value(gain, block_length(y.size()), replicates, random);
  result.mcnemar = risk::mcnemar_test(only_champion, only_challenger);
  return result;
}

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_PROMOTION_HPP
