// SPDX-License-Identifier: MIT
/// @file
/// @brief VaR and CVaR of stored forecasts: quantiles at a few levels, checked against what happened.
///
/// Forecast samples need nothing special: `tail` takes them directly.
#ifndef RLX_RISK_QUANTILE_FORECAST_HPP
#define RLX_RISK_QUANTILE_FORECAST_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/special_functions.hpp>
#include <rlx/risk/detail/checks.hpp>
#include <rlx/risk/tail.hpp>

namespace rlx::inline v0_1::risk {

/**
 * @brief A distribution given by some of its quantiles.
 *
 * Between the levels it is linear in z = Phi^-1(tau), that is normal by pieces; the segments at the ends go on. Quantiles that
 * cross are sorted. p10 -0.020, p50 0.001, p90 0.018: VaR(0.05) = 0.0259532.
 */
class QuantileForecast {
 public:
  /// @param levels  two or more in (0, 1), ascending. @param quantiles  the outcome at each, finite
  /// @throws ConfigError (levels), ShapeError (sizes), NumericError (quantiles). Allocates
  QuantileForecast(std::span<const double> levels, std::span<const double> quantiles) {
    if (levels.size() < 2) {
      throw ConfigError("QuantileForecast: at least 2 levels are needed, got " + std::to_string(levels.size()));
    }
    if (quantiles.size() != levels.size()) {
      throw ShapeError("QuantileForecast: " + std::to_string(quantiles.size()) + " quantiles for " +
                       std::to_string(levels.size()) + " levels, expected one each");
    }
    detail::require_finite(quantiles, "quantiles");
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const std::string name = "QuantileForecast: levels[" + std::to_string(i) + ']';
      detail::require_argument(levels[i] > 0 && levels[i] < 1, name, levels[i], "in (0, 1)");
      detail::require_argument(i == 0 || levels[i] > levels[i - 1], name, levels[i], "above the level before it");
      z_.push_back(normal_quantile(levels[i]));
    }
    quantiles_.assign(quantiles.begin(), quantiles.end());
    std::sort(quantiles_.begin(), quantiles_.end());
  }

  /// Outcome at a level. @param level in (0, 1). @throws ConfigError
  double quantile(double level) const {
    detail::require_argument(level > 0 && level < 1, "QuantileForecast::quantile: level", level, "in (0, 1)");
    return at(normal_quantile(level));
  }

  /// Probability of an outcome at most x, the inverse of `quantile`; where quantiles are equal, the largest such level. 0 or 1
  /// beyond an end whose quantiles are equal. @throws NumericError if x is not finite
  double probability(double x) const {
    detail::require_finite(std::span(&x, 1), "x");
    const auto above = static_cast<std::size_t>(std::upper_bound(quantiles_.begin(), quantiles_.end(), x) - quantiles_.begin());
    const std::size_t i = std::clamp<std::size_t>(above, 1, z_.size() - 1);
    const double rise = quantiles_[i] - quantiles_[i - 1];
    if (rise > 0) return normal_cdf(z_[i - 1] + (x - quantiles_[i - 1]) / rise * (z_[i] - z_[i - 1]));
    return above == 0 ? 0 : 1;  // a flat segment is reached only from beyond an end
  }

  /// VaR as a loss. @throws ConfigError for alpha outside (0, 1)
  double var(TailMass mass) const { return -quantile(mass.alpha); }

  /// CVaR as a loss: the mean of the quantiles at 4,096 mid-points of (0, alpha), to relative 1e-4. @throws ConfigError
  double cvar(TailMass mass) const {
    detail::check(mass);
    constexpr int points = 4'096;
    double sum = 0;
    for (int i = 0; i < points; ++i) sum += at(normal_quantile(mass.alpha * (i + 0.5) / points));
    return -sum / points;
  }

 private:
  double at(double z) const {
    const auto above = static_cast<std::size_t>(std::upper_bound(z_.begin(), z_.end(), z) - z_.begin());
    const std::size_t i = std::clamp<std::size_t>(above, 1, z_.size() - 1);
    return quantiles_[i - 1] + (z - z_[i - 1]) / (z_[i] - z_[i - 1]) * (quantiles_[i] - quantiles_[i - 1]);
  }

  std::vector<double> z_, quantiles_;  // both ascending
};

/// VaR of stored quantiles as a loss; see `QuantileForecast`.
inline double var_from_quantiles(std::span<const double> levels, std::span<const double> quantiles, TailMass mass) {
  return QuantileForecast(levels, quantiles).var(mass);
}
/// CVaR of stored quantiles as a loss; see `QuantileForecast`.
inline double cvar_from_quantiles(std::span<const double> levels, std::span<const double> quantiles, TailMass mass) {
  return QuantileForecast(levels, quantiles).cvar(mass);
}

/**
 * @brief The level at which past forecasts held a tail of alpha: use it instead of alpha for the next forecast.
 *
 * Forecasts that are too sure of themselves put far more than alpha of the outcomes below their alpha quantile. The level here
 * is the alpha quantile (linear rule) of the probabilities that past forecasts gave to what then happened.
 * @param probabilities  `QuantileForecast::probability(outcome)` of past forecasts, in [0, 1], at least one
 * @param mass           alpha that the forecasts were to hold
 * @return  in [1e-9, 1 - 1e-9], so that it is a level of `quantile`
 * @throws ConfigError, NumericError. @par Complexity O(n), allocates a copy
 * @par Source Kuleshov, Fenner & Ermon 2018, "Accurate uncertainties for deep learning using calibrated regression"
 */
inline TailMass recalibrated(std::span<const double> probabilities, TailMass mass) {
  detail::check(mass);
  detail::require_outcomes(probabilities, "recalibrated", "probabilities");
  const auto [low, high] = std::minmax_element(probabilities.begin(), probabilities.end());
  detail::require_argument(*low >= 0, "recalibrated: the smallest probability", *low, "in [0, 1]");
  detail::require_argument(*high <= 1, "recalibrated: the largest probability", *high, "in [0, 1]");
  std::vector<double> copy(probabilities.begin(), probabilities.end());
  return {std::clamp(linear_quantile(copy, mass.alpha), 1e-9, 1 - 1e-9)};
}

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_QUANTILE_FORECAST_HPP
