// SPDX-License-Identifier: MIT
/// @file
/// @brief Logistic regression with a ridge: the built-in learner of the core agent.
#ifndef RLX_SIGNALS_LOGISTIC_REGRESSION_HPP
#define RLX_SIGNALS_LOGISTIC_REGRESSION_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/detail/strict_json.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/signals/detail/any_json.hpp>
#include <rlx/signals/learner.hpp>

namespace rlx::inline v0_1::signals {

/// 1 / (1 + exp(-z)) without overflow.
inline double sigmoid(double z) noexcept {
  if (z >= 0) return 1 / (1 + std::exp(-z));
  const double e = std::exp(z);
  return e / (1 + e);
}

/// How the regression is fitted.
struct LogisticRegressionConfig {
  double l2 = 1.0;                  ///< ridge on the coefficients, not on the intercept; above 0
  bool intercept = true;            ///< a constant term
  bool standardize = true;          ///< columns to mean 0 and deviation 1 of the fitted rows
  std::size_t max_iterations = 50;  ///< Newton steps, at least 1
};

namespace detail {

/// Solves A s = b for symmetric positive definite A (n x n, row-major, lower triangle read and overwritten) by LDL^T; b becomes
/// s. A pivot that is lost to rounding gives its variable a step of 0.
template <class = void>
void solve_ldlt(std::span<double> a, std::span<double> b) {
  const std::size_t n = b.size();
  double largest = 0;
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, a[i * n + i]);
  const double smallest = largest * 1e-15;
  std::vector<double> scaled(n);  // row i of L times D
  for (std::size_t i = 0; i < n; ++i) {
    double* const row = a.data() + i * n;
    for (std::size_t j = 0; j < i; ++j) {
      double sum = row[j];
      for (std::size_t k = 0; k < j; ++k) sum -= scaled[k] * a[j * n + k];
      scaled[j] = sum;
      const double pivot = a[j * n + j];
      row[j] = pivot > smallest ? sum / pivot : 0;
    }
    for (std::size_t k = 0; k < i; ++k) row[i] -= scaled[k] * row[k];
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i * n + k] * b[k];
  }
  for (std::size_t i = 0; i < n; ++i) b[i] = a[i * n + i] > smallest ? b[i] / a[i * n + i] : 0;
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k * n + i] * b[k];
  }
}

/**
 * @brief sum w_i logloss_i + (l2/2)|beta|^2 over the first `columns` of beta; beta[columns], if there, is the intercept.
 * @param x         [rows][columns]
 * @param y         outcomes, one for each row
 * @param w         weights, one for each row
 * @param beta      coefficients, and the intercept if there is one
 * @param l2        ridge, at least 0
 * @param gradient  empty, or of beta's size: receives the gradient
 * @param hessian   empty, or size^2: receives the lower triangle, row-major
 */
template <class = void>
double logistic_objective(MatrixView<const double> x, std::span<const double> y, std::span<const double> w,
                          std::span<const double> beta, double l2, std::span<double> gradient, std::span<double> hessian) {
  const std::size_t columns = x.cols(), size = beta.size();
  std::fill(gradient.begin(), gradient.end(), 0.0);
  std::fill(hessian.begin(), hessian.end(), 0.0);
  double loss = 0;
  std::vector<double> padded(size, 1.0);  // a row followed by the 1 of the intercept
  for (std::size_t i = 0; i < x.rows(); ++i) {
    const double* const row = x.row(i).data();
    double z = size > columns ? beta[columns] : 0;
    for (std::size_t j = 0; j < columns; ++j) z += beta[j] * row[j];
    // -ln of the probability of y: ln(1 + e^z) - y z
    loss += w[i] * (std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))) - y[i] * z);
    if (gradient.empty()) continue;
    const double p = sigmoid(z);
    const double slope = w[i] * (p - y[i]);
    std::copy_n(row, columns, padded.begin());
    for (std::size_t j = 0; j < size; ++j) gradient[j] += slope * padded[j];
    if (hessian.empty()) continue;
    const double curvature = w[i] * p * (1 - p);
    for (std::size_t j = 0; j < size; ++j) {
      const double factor = curvature * padded[j];
      if (factor == 0) continue;  // one-hot columns are mostly 0
      double* const to = hessian.data() + j * size;
      for (std::size_t k = 0; k <= j; ++k) to[k] += factor * padded[k];
    }
  }
  for (std::size_t j = 0; j < columns; ++j) {
    loss += 0.5 * l2 * beta[j] * beta[j];
    if (!gradient.empty()) gradient[j] += l2 * beta[j];
    if (!hessian.empty()) hessian[j * size + j] += l2;
  }
  return loss;
}

}  // namespace detail

/**
 * @brief Minimises sum w_i logloss_i + (l2/2)|beta|^2, intercept free, by Newton's method with halved steps.
 *
 * Columns are standardised by the fitted rows; one that does not vary gets the coefficient 0. The objective is strictly convex,
 * so a warm start changes the number of steps and not the result beyond the tolerance. Finite also on separable rows.
 * A column far outside what was fitted gives a probability near 0 or 1, never NaN.
 * @par Complexity  a fit O(steps * rows * columns^2), allocates one copy of the rows; a prediction O(columns), no allocation
 * Called LogisticRegression. @tparam Config  LogisticRegressionConfig; a parameter so that a program compiles only what it uses
 */
template <class Config>
class BasicLogisticRegression {
 public:
  /// @throws ConfigError naming the field
  explicit BasicLogisticRegression(Config config = {}) : config_(config) {
    if (!is_finite(config.l2) || !(config.l2 > 0)) {
      throw ConfigError("LogisticRegressionConfig.l2 must be finite and above 0, got " + std::to_string(config.l2));
    }
    if (config.max_iterations == 0) throw ConfigError("LogisticRegressionConfig.max_iterations must be at least 1, got 0");
  }

  /// As `SignalLearner` asks.
  static constexpr std::string_view name() noexcept { return "logistic_regression"; }

  /// Stops at |gradient|_inf <= 1e-8 * rows. `y` may be anywhere in [0, 1]. The stream is not used.
  /// @throws ShapeError for lengths, NumericError for a number that is not finite, a weight that is not above 0 or y outside
  ///         [0, 1]; the learner is then unchanged
  FitReport fit(MatrixView<const double> x, std::span<const double> y, std::span<const double> w, RandomStream&) {
    check(x, y, w);
    const std::size_t rows = x.rows(), columns = x.cols();
    std::vector<double> mean(columns, 0.0), scale(columns, 1.0);
    if (config_.standardize) standardize(x, mean, scale);
    std::vector<double> standard(rows * columns);
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) standard[i * columns + j] = (x(i, j) - mean[j]) * scale[j];
    }
    const MatrixView<const double> data(standard.data(), rows, columns);

    const std::size_t size = columns + (config_.intercept ? 1 : 0);
    std::vector<double> beta = start(mean, scale, size), gradient(size), hessian(size * size), step(size), trial(size);
    const double tolerance = 1e-8 * static_cast<double>(rows);
    FitReport report;
    double loss = detail::logistic_objective(data, y, w, beta, config_.l2, gradient, hessian);
    for (;;) {
      double steepest = 0;
      for (const double g : gradient) steepest = std::max(steepest, std::abs(g));
      report.converged = steepest <= tolerance;
      if (report.converged || report.iterations == config_.max_iterations) break;
      ++report.iterations;
      step = gradient;
      detail::solve_ldlt(hessian, step);
      bool better = false;
      for (double factor = 1; !better && factor > 1e-10; factor *= 0.5) {
        for (std::size_t j = 0; j < size; ++j) trial[j] = beta[j] - factor * step[j];
        const double trial_loss = detail::logistic_objective(data, y, w, trial, config_.l2, {}, {});
        better = is_finite(trial_loss) && trial_loss <= loss;
      }
      if (!better) break;  // rounding is all that is left
      beta = trial;
      loss = detail::logistic_objective(data, y, w, beta, config_.l2, gradient, hessian);
    }
    report.loss = loss;
    if (first_non_finite(std::span<const double>(beta)) != beta.size()) {
      throw NumericError("LogisticRegression: the fit left the finite numbers", "beta");
    }
    intercept_ = config_.intercept ? beta[columns] : 0;
    beta.resize(columns);
    coefficients_ = std::move(beta);
    mean_ = std::move(mean);
    scale_ = std::move(scale);
    return report;
  }

  /// @throws ShapeError if the width is not the fitted one or `p` has another length; std::logic_error before a fit
  void predict_probability(MatrixView<const double> x, std::span<double> p) const {
    RLX_REQUIRE(!coefficients_.empty(), "LogisticRegression::predict_probability: fit it first");
    if (x.cols() != coefficients_.size() || x.rows() != p.size()) {
      throw ShapeError("LogisticRegression: expected rows of " + std::to_string(coefficients_.size()) +
                       " columns and as many probabilities, found " + std::to_string(x.rows()) + " x " +
                       std::to_string(x.cols()) + " and " + std::to_string(p.size()));
    }
    for (std::size_t i = 0; i < x.rows(); ++i) {
      const double* const row = x.row(i).data();
      double z = intercept_;
      for (std::size_t j = 0; j < coefficients_.size(); ++j) z += coefficients_[j] * ((row[j] - mean_[j]) * scale_[j]);
      p[i] = sigmoid(z);
    }
  }

  /// Coefficients of the standardised columns; empty before a fit.
  std::span<const double> coefficients() const noexcept { return coefficients_; }
  /// Intercept for standardised columns.
  double intercept() const noexcept { return intercept_; }
  /// Coefficient of a column in its own units. @throws std::out_of_range
  double raw_coefficient(std::size_t column) const { return coefficients_.at(column) * scale_.at(column); }
  /// As given, or as read from a file.
  const Config& config() const noexcept { return config_; }

  /// As `SignalLearner` asks: configuration and parameters.
  template <AnyJson J = Json>
  J to_json() const {
    return detail::any_object<J>({{"l2", config_.l2},
                                  {"use_intercept", config_.intercept},
                                  {"standardize", config_.standardize},
                                  {"max_iterations", config_.max_iterations},
                                  {"coefficients", coefficients_},
                                  {"intercept", intercept_},
                                  {"mean", mean_},
                                  {"scale", scale_}});
  }
  /// @throws ConfigError naming the key
  template <AnyJson J>
  static BasicLogisticRegression from_json(const J& json) {
    BasicJsonObject<J> in(json, std::string(name()));
    Config config;
    config.l2 = in.template get<double>("l2");
    config.intercept = in.template get<bool>("use_intercept");
    config.standardize = in.template get<bool>("standardize");
    config.max_iterations = in.template get<std::size_t>("max_iterations");
    BasicLogisticRegression learner(config);
    learner.coefficients_ = in.template get<std::vector<double>>("coefficients");
    learner.intercept_ = in.template get<double>("intercept");
    learner.mean_ = in.template get<std::vector<double>>("mean");
    learner.scale_ = in.template get<std::vector<double>>("scale");
    in.finish();
    const std::size_t width = learner.coefficients_.size();
    if (learner.mean_.size() != width || learner.scale_.size() != width) {
      throw ConfigError("logistic_regression: coefficients, mean and scale must have one length");
    }
    return learner;
  }

 private:
  static void check(MatrixView<const double> x, std::span<const double> y, std::span<const double> w) {
    if (x.empty() || y.size() != x.rows() || w.size() != x.rows()) {
      throw ShapeError("LogisticRegression::fit: expected one outcome and one weight for each of at least one row, found " +
                       std::to_string(x.rows()) + " x " + std::to_string(x.cols()) + " numbers, " + std::to_string(y.size()) +
                       " outcomes, " + std::to_string(w.size()) + " weights");
    }
    for (std::size_t i = 0; i < x.rows(); ++i) {
      const bool row_ok = first_non_finite(x.row(i)) == x.cols();
      if (row_ok && is_finite(y[i]) && y[i] >= 0 && y[i] <= 1 && is_finite(w[i]) && w[i] > 0) continue;
      throw NumericError("LogisticRegression::fit: row " + std::to_string(i) + ": expected finite numbers, y in [0, 1] and a " +
                             "weight above 0, found y " + std::to_string(y[i]) + ", weight " + std::to_string(w[i]) +
                             (row_ok ? "" : " and a number that is not finite"),
                         row_ok ? "y" : "x");
    }
  }

  /// `scale` becomes 1 / deviation; 0 for a column that does not vary.
  static void standardize(MatrixView<const double> x, std::span<double> mean, std::span<double> scale) {
    const auto n = static_cast<double>(x.rows());
    for (std::size_t j = 0; j < x.cols(); ++j) {
      double sum = 0, squares = 0;
      bool varies = false;
      for (std::size_t i = 0; i < x.rows(); ++i) {
        sum += x(i, j);
        varies |= x(i, j) != x(0, j);
      }
      mean[j] = sum / n;
      for (std::size_t i = 0; i < x.rows(); ++i) squares += (x(i, j) - mean[j]) * (x(i, j) - mean[j]);
      const double deviation = std::sqrt(squares / n);
      scale[j] = varies && is_finite(1 / deviation) ? 1 / deviation : 0;
    }
  }

  /// The present coefficients for columns standardised anew; zeros without a fit of this width.
  std::vector<double> start(std::span<const double> mean, std::span<const double> scale, std::size_t size) const {
    std::vector<double> beta(size, 0.0);
    if (coefficients_.size() != mean.size()) return beta;
    double intercept = intercept_;
    for (std::size_t j = 0; j < mean.size(); ++j) {
      const double raw = coefficients_[j] * scale_[j];
      if (scale[j] > 0) beta[j] = raw / scale[j];
      intercept += raw * (mean[j] - mean_[j]);
    }
    if (size > mean.size()) beta.back() = intercept;
    return first_non_finite(std::span<const double>(beta)) == size ? beta : std::vector<double>(size, 0.0);
  }

  Config config_;
  std::vector<double> coefficients_;
  double intercept_ = 0;
  std::vector<double> mean_;
  std::vector<double> scale_;  // 1 / deviation, or 0
};

/// As the library uses it. @see BasicLogisticRegression
using LogisticRegression = BasicLogisticRegression<LogisticRegressionConfig>;

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_LOGISTIC_REGRESSION_HPP
