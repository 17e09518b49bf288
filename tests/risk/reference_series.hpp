// SPDX-License-Identifier: MIT
/// @file
/// @brief The series of reference.py, which makes the expected numbers of this folder with other packages.
#ifndef RLX_TESTS_RISK_REFERENCE_SERIES_HPP
#define RLX_TESTS_RISK_REFERENCE_SERIES_HPP

#include <cstddef>
#include <vector>

namespace rlx_test {

inline std::vector<double> reference_series(std::size_t n, std::size_t step = 7919, std::size_t shift = 13) {
  std::vector<double> values(n);
  for (std::size_t t = 0; t < n; ++t) values[t] = (static_cast<double>((t * step + shift) % 2003) - 1001) / 50'000;
  return values;
}

/// 500 returns with a bad stretch.
inline std::vector<double> reference_returns() {
  std::vector<double> returns = reference_series(500);
  for (std::size_t t = 100; t < 110; ++t) returns[t] -= 0.01;
  return returns;
}

}  // namespace rlx_test

#endif  // RLX_TESTS_RISK_REFERENCE_SERIES_HPP
