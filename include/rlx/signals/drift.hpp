// SPDX-License-Identifier: MIT
/// @file
/// @brief Has the world moved since the model was trained? Population stability of every feature, and the rejection rate.
#ifndef RLX_SIGNALS_DRIFT_HPP
#define RLX_SIGNALS_DRIFT_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/special_functions.hpp>
#include <rlx/risk/probability_metrics.hpp>

namespace rlx::inline v0_1::signals {

/// Bins of one feature and the share of the training block in each.
struct FeatureBins {
  std::vector<double> edges{};   ///< ascending, all different; bin k holds edges[k-1] <= x < edges[k]
  std::vector<double> shares{};  ///< one more than edges
  double effective = 0;          ///< independent rows that the block is worth
  /// Memberwise.
  bool operator==(const FeatureBins&) const = default;
};

namespace detail {
/// Share of the values in each bin; one more than edges, NaN without a value.
template <class = void>
std::vector<double> bin_shares(std::span<const double> edges, std::span<const double> values) {
  std::vector<double> shares(edges.size() + 1, 0.0);
  for (const double x : values) {
    shares[static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), x) - edges.begin())] += 1;
  }
  for (double& share : shares) share /= static_cast<double>(values.size());
  return shares;
}

/// Probability of shares that differ at least as much if both samples have one distribution: Pearson's test of homogeneity, the
/// chi-square tail of Wilson & Hilferty 1931. `n` and `m`, the sizes of the samples, are above 0.
template <class = void>
double homogeneity_p_value(std::span<const double> p, double n, std::span<const double> q, double m) {
  double statistic = 0, degrees = -1;
  for (std::size_t k = 0; k < p.size(); ++k) {
    const double pooled = (n * p[k] + m * q[k]) / (n + m);
    if (pooled == 0) continue;
    statistic += (p[k] - q[k]) * (p[k] - q[k]) / (pooled * (1 / n + 1 / m));
    degrees += 1;
  }
  if (degrees < 1) return 1;
  const double spread = 2 / (9 * degrees);
  return normal_cdf((1 - spread - std::cbrt(statistic / degrees)) / std::sqrt(spread));
}
}  // namespace detail

/// Independent values that a series in the order of time is worth: its length over the sum of its autocorrelations, which is
/// cut at the first below 0.05. At least 1; the length itself for a series that does not vary. O(n * length of the dependence)
template <class = void>
double effective_size(std::span<const double> series) {
  const auto n = static_cast<double>(series.size());
  const double mean = std::accumulate(series.begin(), series.end(), 0.0) / n;
  double variance = 0;
  for (const double x : series) variance += (x - mean) * (x - mean);
  double sum = 1;
  for (std::size_t lag = 1; variance > 0 && lag <= series.size() / 3; ++lag) {
    double covariance = 0;
    for (std::size_t i = lag; i < series.size(); ++i) covariance += (series[i] - mean) * (series[i - lag] - mean);
    if (!(covariance > 0.05 * variance)) break;
    sum += 2 * covariance / variance;
  }
  return std::max(1.0, n / sum);
}

/// Ten bins with equal shares of `values`; a feature of at most ten different values (a flag, a one-hot column) gets a bin for
/// each, and one below and above them. @param values finite, in the order of time. @throws ShapeError without a value. O(n log
/// n)
template <class = void>
FeatureBins make_bins(std::span<const double> values) {
  if (values.empty()) throw ShapeError("make_bins: at least one value is needed, got none");
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> edges = sorted;
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  if (edges.size() <= 10) {
    edges.push_back(std::nextafter(edges.back(), std::numeric_limits<double>::infinity()));
  } else {
    edges.clear();
    for (std::size_t k = 1; k < 10; ++k) edges.push_back(sorted[k * sorted.size() / 10]);
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  }
  std::vector<double> shares = detail::bin_shares(edges, values);
  return {std::move(edges), std::move(shares), effective_size(values)};
}

/// What the model was trained on, as far as drift needs it.
struct DriftReference {
  std::vector<FeatureBins> features{};  ///< of the training block; without edges: a feature that is not watched
  std::size_t rows = 0;                 ///< of the training block
  std::size_t rejected = 0;             ///< among them
  double effective = 0;                 ///< independent labels that they are worth
  /// Memberwise.
  bool operator==(const DriftReference&) const = default;
};

/// Bins of every column. @param x training block. @param y its labels. @param watched one flag for each column
template <class = void>
DriftReference make_drift_reference(MatrixView<const double> x, std::span<const double> y, const std::vector<bool>& watched) {
  DriftReference reference;
  reference.rows = x.rows();
  reference.rejected = static_cast<std::size_t>(std::count(y.begin(), y.end(), 1.0));
  reference.effective = effective_size(y);
  std::vector<double> column(x.rows());
  for (std::size_t j = 0; j < x.cols(); ++j) {
    for (std::size_t i = 0; i < x.rows(); ++i) column[i] = x(i, j);
    reference.features.push_back(watched.at(j) ? make_bins(column) : FeatureBins{});
  }
  return reference;
}

/// What counts as drift.
struct DriftConfig {
  double psi = 0.2;               ///< a feature's index above this is a shift
  std::size_t min_signals = 100;  ///< fewer new signals say nothing
  double rate_p = 0.01;           ///< a rejection rate that differs with a smaller p value is a shift
};

/// What was found.
struct DriftReport {
  bool drift = false;             ///< a feature or the rejection rate has shifted
  std::size_t new_signals = 0;    ///< that were compared
  std::vector<double> psi{};      ///< one for each feature; 0 where it is not watched
  std::size_t worst_feature = 0;  ///< the column with the largest index
  double max_psi = 0;             ///< index of that column
  double rate_before = 0;         ///< share of rejected among the labelled rows of the training block
  double rate_now = 0;            ///< the same of the new signals
  double rate_p = 1;              ///< two-sided, of the two rates
};

/**
 * @brief Compares new signals with the training block.
 *
 * A feature has shifted if its index exceeds `config.psi` and its shares differ by more than sampling explains (Pearson's test,
 * the 1 % level divided among the features). Without the second condition 100 signals of thirty unchanged features would often
 * show one index above 0.2 by chance. Neighbouring signals resemble each other (a volatile hour, a rate that adapts slowly), so
 * both tests count the independent rows that a block is worth, `effective_size`.
 * @param reference  of the model's training block
 * @param x          features of the new signals, finite, in the order of time
 * @param y          labels of those that have one
 * @param config     what counts as drift
 * @throws ShapeError if the width is not the reference's
 */
template <class = void>
DriftReport detect_drift(const DriftReference& reference, MatrixView<const double> x, std::span<const double> y,
                         const DriftConfig& config = {}) {
  const std::size_t width = reference.features.size();
  if (x.rows() != 0 && x.cols() != width) {
    throw ShapeError("detect_drift: expected " + std::to_string(width) + " columns, found " + std::to_string(x.cols()));
  }
  DriftReport report;
  report.new_signals = x.rows();
  report.psi.assign(width, 0.0);
  if (x.rows() == 0) return report;
  bool shifted = false;
  std::vector<double> column(x.rows());
  for (std::size_t j = 0; j < width; ++j) {
    const FeatureBins& bins = reference.features[j];
    if (bins.edges.empty()) continue;
    for (std::size_t i = 0; i < x.rows(); ++i) column[i] = x(i, j);
    const std::vector<double> shares = detail::bin_shares(bins.edges, column);
    report.psi[j] = risk::population_stability_index(bins.shares, shares);
    shifted |= report.psi[j] > config.psi &&
               detail::homogeneity_p_value(bins.shares, std::max(1.0, bins.effective), shares, effective_size(column)) *
                       static_cast<double>(width) <
                   0.01;
    if (report.psi[j] > report.max_psi) {
      report.max_psi = report.psi[j];
      report.worst_feature = j;
    }
  }
  const auto rejected = static_cast<std::size_t>(std::count(y.begin(), y.end(), 1.0));
  if (reference.rows != 0) report.rate_before = static_cast<double>(reference.rejected) / static_cast<double>(reference.rows);
  if (!y.empty()) report.rate_now = static_cast<double>(rejected) / static_cast<double>(y.size());
  if (reference.rows != 0 && !y.empty()) {
    const double z = risk::two_proportion_test(reference.rejected, reference.rows, rejected, y.size()).statistic;
    const auto n = static_cast<double>(reference.rows), m = static_cast<double>(y.size());
    const double independent = 1 / std::max(1.0, reference.effective) + 1 / effective_size(y);
    report.rate_p = 2 * normal_cdf(-std::abs(z) * std::sqrt((1 / n + 1 / m) / independent));
  }
  report.drift =
      x.rows() >= config.min_signals && (shifted || (y.size() >= config.min_signals && report.rate_p < config.rate_p));
  return report;
}

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_DRIFT_HPP
