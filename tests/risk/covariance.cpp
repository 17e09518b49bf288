// SPDX-License-Identifier: MIT
#include <rlx/risk/covariance.hpp>

#include "reference_series.hpp"
#include "rlx_catch.hpp"

#include <cmath>
#include <limits>
#include <vector>

using namespace rlx;
using namespace rlx::risk;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

MatrixView<const double> view(const std::vector<double>& x, std::size_t rows, std::size_t cols) {
  return {x.data(), rows, cols};
}

/// Whether Cholesky's factorisation finds only pivots above 0.
bool is_positive_definite(Covariance c) {
  for (std::size_t k = 0; k < c.size; ++k) {
    if (!(c(k, k) > 0)) return false;
    for (std::size_t i = k + 1; i < c.size; ++i) {
      const double factor = c(i, k) / c(k, k);
      for (std::size_t j = k; j < c.size; ++j) c.values[i * c.size + j] -= factor * c(k, j);
    }
  }
  return true;
}

}  // namespace

TEST_CASE("the covariance of the sample by hand", "[risk][covariance]") {
  const std::vector<double> x{1, 10, 2, 8, 3, 12};  // columns 1, 2, 3 and 10, 8, 12
  const Covariance c = sample_covariance(view(x, 3, 2));
  REQUIRE_THAT(c(0, 0), WithinRel(1.0, 1e-15));
  REQUIRE_THAT(c(1, 1), WithinRel(4.0, 1e-15));
  REQUIRE_THAT(c(0, 1), WithinRel(1.0, 1e-15));
  REQUIRE(c(0, 1) == c(1, 0));
  REQUIRE(c.shrinkage == 0);
  REQUIRE_THAT(c.target_variance, WithinRel(2.5, 1e-15));
}

TEST_CASE("Ledoit and Wolf against scikit-learn", "[risk][covariance]") {
  std::vector<double> x = rlx_test::reference_series(240, 15'485'863, 11);
  for (std::size_t t = 0; t < 60; ++t) x[4 * t + 1] += 0.8 * x[4 * t];
  const Covariance shrunk = ledoit_wolf(view(x, 60, 4));  // reference.py
  REQUIRE_THAT(shrunk.shrinkage, WithinRel(0.0414048112445, 1e-10));
  const double row[] = {0.000132626270517, 5.55628100817e-05, -4.6161982097e-05, 0.000127155990223};
  const Covariance sample = sample_covariance(view(x, 60, 4));
  const double sample_row[] = {0.000134896542373, 5.89451661017e-05, -4.89720677966e-05, 0.000134896542373};
  for (std::size_t j = 0; j < 4; ++j) {
    REQUIRE_THAT(shrunk(0, j), WithinRel(row[j], 1e-10));
    REQUIRE_THAT(sample(0, j), WithinRel(sample_row[j], 1e-10));
    REQUIRE(shrunk(0, j) == shrunk(j, 0));
  }
}

TEST_CASE("more assets than periods still give a matrix that can be inverted", "[risk][covariance]") {
  const std::vector<double> x = rlx_test::reference_series(60, 15'485'863, 11);
  const Covariance shrunk = ledoit_wolf(view(x, 6, 10));  // reference.py
  REQUIRE_THAT(shrunk.shrinkage, WithinRel(0.209132906198, 1e-10));
  REQUIRE_THAT(shrunk(0, 1), WithinRel(-4.48617777225e-05, 1e-10));
  REQUIRE(is_positive_definite(shrunk));
  REQUIRE_FALSE(is_positive_definite(sample_covariance(view(x, 4, 10))));
}

TEST_CASE("shrinkage stays within 0 and 1 at the edges", "[risk][covariance]") {
  const std::vector<double> x{0.01, -0.02, 0.03, 0.005};
  const Covariance one = ledoit_wolf(view(x, 4, 1));  // one asset is its own target
  REQUIRE(one.shrinkage == 0);
  REQUIRE_THAT(one(0, 0), WithinRel(one.target_variance, 1e-15));
  const std::vector<double> constant(6, 0.5);
  const Covariance none = ledoit_wolf(view(constant, 3, 2));
  REQUIRE(none.shrinkage == 0);
  REQUIRE(none.values == std::vector<double>(4, 0.0));
  // Two uncorrelated assets of equal variance are the target already: all weight goes there.
  const std::vector<double> equal{1, 1, 1, -1, -1, 1, -1, -1};
  const Covariance target = ledoit_wolf(view(equal, 4, 2));
  REQUIRE(target.shrinkage == 1);
  REQUIRE(target.values == std::vector<double>{1, 0, 0, 1});
  REQUIRE(ledoit_wolf(view(x, 1, 4)).values == std::vector<double>(16, 0.0));  // one period says nothing
}

TEST_CASE("returns that have no covariance are refused", "[risk][covariance]") {
  std::vector<double> x{1, 2, 3, std::numeric_limits<double>::quiet_NaN()};
  REQUIRE_THROWS_WITH(sample_covariance(view(x, 1, 4)), ContainsSubstring("at least 2 periods"));
  REQUIRE_THROWS_AS(ledoit_wolf({}), ShapeError);
  REQUIRE_THROWS_WITH(ledoit_wolf(view(x, 2, 2)), ContainsSubstring("returns of period 1 [1] is not finite"));
}
