// SPDX-License-Identifier: MIT
/// @file
/// @brief Covariance of returns: of the sample, and shrunk so that it can be inverted.
#ifndef RLX_RISK_COVARIANCE_HPP
#define RLX_RISK_COVARIANCE_HPP

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/risk/detail/checks.hpp>

namespace rlx::inline v0_1::risk {

/// A symmetric matrix of n x n numbers and how it was made.
struct Covariance {
  std::size_t size = 0;        ///< n, the number of assets
  std::vector<double> values;  ///< n * n, row by row
  double shrinkage = 0;        ///< weight of the target, in [0, 1]; 0 is the sample's covariance
  double target_variance = 0;  ///< the target is this times the identity: the mean variance of the sample

  /// Covariance of assets i and j, both below `size`; not checked.
  double operator()(std::size_t i, std::size_t j) const noexcept { return values[i * size + j]; }
};

namespace detail {
/// Deviations from the column means, row by row.
inline std::vector<double> centred(MatrixView<const double> returns, std::size_t min_rows, const char* function) {
  if (returns.rows() < min_rows || returns.cols() == 0) {
    throw ShapeError(std::string(function) + ": returns have shape [" + std::to_string(returns.rows()) + "][" +
                     std::to_string(returns.cols()) + "] (periods, assets), expected at least " + std::to_string(min_rows) +
                     " periods and one asset");
  }
  std::vector<double> means(returns.cols(), 0.0);
  for (std::size_t t = 0; t < returns.rows(); ++t) {
    require_finite(returns.row(t), "returns of period", t);
    for (std::size_t i = 0; i < returns.cols(); ++i) means[i] += returns(t, i);
  }
  for (double& mean : means) mean /= static_cast<double>(returns.rows());
  std::vector<double> deviations(returns.rows() * returns.cols());
  for (std::size_t t = 0; t < returns.rows(); ++t) {
    for (std::size_t i = 0; i < returns.cols(); ++i) deviations[t * returns.cols() + i] = returns(t, i) - means[i];
  }
  return deviations;
}

inline Covariance covariance_of(std::span<const double> deviations, std::size_t periods, std::size_t size, double divisor) {
  Covariance result;
  result.size = size;
  result.values.assign(size * size, 0.0);
  for (std::size_t t = 0; t < periods; ++t) {
    const double* row = deviations.data() + t * size;
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = i; j < size; ++j) result.values[i * size + j] += row[i] * row[j];
    }
  }
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = i; j < size; ++j) {
      result.values[j * size + i] = result.values[i * size + j] /= divisor;
    }
    result.target_variance += result(i, i) / static_cast<double>(size);
  }
  return result;
}
}  // namespace detail

/// Covariance of the sample with periods - 1 in the denominator. @param returns [periods][assets], at least two periods, finite
/// @throws ShapeError, NumericError. @par Complexity O(periods * assets^2)
inline Covariance sample_covariance(MatrixView<const double> returns) {
  const std::vector<double> deviations = detail::centred(returns, 2, "sample_covariance");
  return detail::covariance_of(deviations, returns.rows(), returns.cols(), static_cast<double>(returns.rows() - 1));
}

/**
 * @brief Covariance shrunk towards a multiple of the identity with the weight that is best in mean square for large samples.
 *
 * Positive definite unless every return is constant, also with more assets than periods. The sample's covariance has the number
 * of periods in the denominator, as in the paper and in scikit-learn.
 * @param returns  [periods][assets], at least one period, finite. @throws ShapeError, NumericError
 * @par Complexity O(periods * assets^2), allocates periods * assets + assets^2
 * @par Source Ledoit & Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices"
 */
inline Covariance ledoit_wolf(MatrixView<const double> returns) {
  const std::vector<double> deviations = detail::centred(returns, 1, "ledoit_wolf");
  const std::size_t n = returns.cols();
  const auto periods = static_cast<double>(returns.rows());
  Covariance result = detail::covariance_of(deviations, returns.rows(), n, periods);
  // In the norm of the paper without its factor 1/n: |S - m I|^2, and the mean of |x_t x_t' - S|^2 over periods, over periods.
  double squares = 0;
  for (const double value : result.values) squares += value * value;
  const double m = result.target_variance;
  const double distance = squares - static_cast<double>(n) * m * m;
  double fourth = 0;
  for (std::size_t t = 0; t < returns.rows(); ++t) {
    double length = 0;
    for (std::size_t i = 0; i < n; ++i) length += deviations[t * n + i] * deviations[t * n + i];
    fourth += length * length;
  }
  const double error = (fourth / periods - squares) / periods;
  // One asset is its own target: nothing to shrink.
  if (n > 1 && error > 0) result.shrinkage = error >= distance ? 1.0 : error / distance;
  for (double& value : result.values) value *= 1 - result.shrinkage;
  for (std::size_t i = 0; i < n; ++i) result.values[i * n + i] += result.shrinkage * m;
  return result;
}

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_COVARIANCE_HPP
