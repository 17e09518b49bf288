// SPDX-License-Identifier: MIT
/// @file
/// @brief Compares analytic gradients with central differences.
#ifndef RLX_NN_GRADIENT_CHECK_HPP
#define RLX_NN_GRADIENT_CHECK_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <rlx/core/finite.hpp>

namespace rlx::inline v0_1::nn {

/// How gradient_check compares.
struct GradientCheckOptions {
  double step = 1e-5;          ///< half the distance of the two points
  std::size_t max_checks = 0;  ///< parameters to check, evenly spaced; 0: all
  double floor = 1e-2;         ///< errors are relative to at least this share of the largest gradient component
};

/**
 * @brief Worst relative error of a gradient in double: |analytic - numeric| / max(|analytic|, |numeric|, floor * largest).
 *
 * The floor keeps components that are 0 up to rounding from dividing rounding by rounding. Points within `step` of a kink
 * (relu, max_pool, clip) give wrong differences; draw others. Use double throughout.
 * @param f           f(parameters, gradient) -> loss; fills `gradient` unless that span is empty
 * @param parameters  where to check; changed during the call, restored after it
 * @param options     step, number of parameters and floor
 * @return infinity if a value is not finite
 */
template <class F>
double gradient_check(F&& f, std::span<double> parameters, GradientCheckOptions options = {}) {
  std::vector<double> analytic(parameters.size(), 0.0);
  f(std::span<const double>(parameters), std::span<double>(analytic));
  double largest = 0;
  for (const double g : analytic) largest = std::max(largest, std::abs(g));
  const std::size_t checks =
      options.max_checks == 0 || options.max_checks > parameters.size() ? parameters.size() : options.max_checks;
  double worst = 0;
  for (std::size_t k = 0; k < checks; ++k) {
    const std::size_t i = k * parameters.size() / checks;
    const double before = parameters[i];
    parameters[i] = before + options.step;
    const double above = f(std::span<const double>(parameters), std::span<double>());
    parameters[i] = before - options.step;
    const double below = f(std::span<const double>(parameters), std::span<double>());
    parameters[i] = before;
    const double numeric = (above - below) / (2 * options.step);
    const double scale = std::max({std::abs(analytic[i]), std::abs(numeric), options.floor * largest});
    const double error = scale == 0 ? 0 : std::abs(analytic[i] - numeric) / scale;
    if (!is_finite(error) || !is_finite(analytic[i]) || !is_finite(numeric)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, error);
  }
  return worst;
}

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_GRADIENT_CHECK_HPP
