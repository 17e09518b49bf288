// SPDX-License-Identifier: MIT
/// @file
/// @brief Spread and numerical rank of feature columns.
#ifndef RLX_TESTS_KALSHI_COLUMN_FIGURES_HPP
#define RLX_TESTS_KALSHI_COLUMN_FIGURES_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace rlx_test {

// Eigenvalues of a symmetric matrix by Jacobi rotations. Those of a correlation matrix are proportional to the squares of the
// singular values of the standardised columns.
inline std::vector<double> eigenvalues(std::vector<std::vector<double>> a) {
  const std::size_t n = a.size();
  for (int sweep = 0; sweep < 60; ++sweep) {
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (std::abs(a[p][q]) < 1e-15) continue;
        const double angle = 0.5 * std::atan2(2.0 * a[p][q], a[q][q] - a[p][p]), c = std::cos(angle), s = std::sin(angle);
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[k][p], y = a[k][q];
          a[k][p] = c * x - s * y;
          a[k][q] = s * x + c * y;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a[p][k], y = a[q][k];
          a[p][k] = c * x - s * y;
          a[q][k] = s * x + c * y;
        }
      }
    }
  }
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(a[i][i]);
  std::sort(values.rbegin(), values.rend());
  return values;
}

struct ColumnFigures {
  std::vector<double> deviations;
  std::size_t rank = 0;  // singular values of the standardised columns above 1e-3 of the largest; constant columns left out
};

// @param rows  at least one
template <std::size_t N>
ColumnFigures figures(const std::vector<std::array<float, N>>& rows) {
  ColumnFigures result;
  const auto n = static_cast<double>(rows.size());
  std::vector<std::size_t> alive;
  std::vector<double> means;
  for (std::size_t c = 0; c < N; ++c) {
    double mean = 0.0, squares = 0.0;
    for (const auto& row : rows) mean += static_cast<double>(row[c]) / n;
    for (const auto& row : rows) squares += (static_cast<double>(row[c]) - mean) * (static_cast<double>(row[c]) - mean) / n;
    means.push_back(mean);
    result.deviations.push_back(std::sqrt(squares));
    if (squares > 0.0) alive.push_back(c);
  }
  std::vector<std::vector<double>> correlation(alive.size(), std::vector<double>(alive.size()));
  for (std::size_t i = 0; i < alive.size(); ++i) {
    for (std::size_t j = i; j < alive.size(); ++j) {
      double sum = 0.0;
      for (const auto& row : rows) {
        sum += (static_cast<double>(row[alive[i]]) - means[alive[i]]) * (static_cast<double>(row[alive[j]]) - means[alive[j]]);
      }
      correlation[i][j] = correlation[j][i] = sum / n / result.deviations[alive[i]] / result.deviations[alive[j]];
    }
  }
  const std::vector<double> values = eigenvalues(correlation);
  for (const double value : values) result.rank += std::sqrt(std::max(value, 0.0)) > 1e-3 * std::sqrt(values[0]);
  return result;
}

}  // namespace rlx_test

#endif
