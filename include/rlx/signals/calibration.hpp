// SPDX-License-Identifier: MIT
/// @file
/// @brief Platt's calibration: turns a score that ranks well into a probability that can be believed.
#ifndef RLX_SIGNALS_CALIBRATION_HPP
#define RLX_SIGNALS_CALIBRATION_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/signals/logistic_regression.hpp>

namespace rlx::inline v0_1::signals {

/// ln(p / (1 - p)), p clipped to [1e-12, 1 - 1e-12].
inline double logit(double p) noexcept {
  const double clipped = std::clamp(p, 1e-12, 1 - 1e-12);
  return std::log(clipped) - std::log1p(-clipped);
}

/// p -> sigmoid(a logit(p) + b).
struct PlattCalibration {
  double a = 1;          ///< slope on the scale of the logit
  double b = 0;          ///< shift on that scale
  bool identity = true;  ///< nothing was fitted: a is 1, b is 0

  /// The calibrated probability of the learner's `p`.
  double operator()(double p) const noexcept { return identity ? p : sigmoid(a * logit(p) + b); }
  /// Memberwise.
  bool operator==(const PlattCalibration&) const = default;
};

/**
 * @brief Fits a and b to rows that the learner has not seen.
 *
 * The targets are Platt's (n1 + 1)/(n1 + 2) and 1/(n0 + 2) instead of 1 and 0, so a and b stay finite on separable rows.
 * @param p  probabilities in [0, 1]. @param y 0 or 1. @param w weights above 0
 * @return   the identity, and flagged, for fewer than 30 rows or one class
 * @throws ShapeError, NumericError as LogisticRegression::fit
 * @par Source  Platt 1999, "Probabilistic outputs for support vector machines"
 */
template <class = void>
PlattCalibration fit_platt(std::span<const double> p, std::span<const double> y, std::span<const double> w) {
  const auto ones = static_cast<std::size_t>(std::count(y.begin(), y.end(), 1.0));
  if (p.size() < 30 || ones == 0 || ones == y.size()) return {};
  std::vector<double> scores(p.size()), targets(y.size());
  std::transform(p.begin(), p.end(), scores.begin(), logit);
  const double high = (static_cast<double>(ones) + 1) / (static_cast<double>(ones) + 2);
  const double low = 1 / (static_cast<double>(y.size() - ones) + 2);
  std::transform(y.begin(), y.end(), targets.begin(), [&](double outcome) { return outcome == 1 ? high : low; });
  LogisticRegression regression({.l2 = 1e-6, .standardize = false});
  RandomStream unused{StreamId{}};
  regression.fit(MatrixView<const double>(scores.data(), scores.size(), 1), targets, w, unused);
  return {regression.coefficients()[0], regression.intercept(), false};
}

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_CALIBRATION_HPP
