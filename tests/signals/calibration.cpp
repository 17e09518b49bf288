// SPDX-License-Identifier: MIT
#include <rlx/signals/calibration.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

#include <rlx/core/random.hpp>

using namespace rlx;
using namespace rlx::signals;
using rlx_test::WithinAbs;

TEST_CASE("Platt's calibration undoes a distortion of the logit") {
  RandomStream random({4, Purpose::user});
  std::vector<double> p, y;
  for (int i = 0; i < 20'000; ++i) {
    const double truth = random.uniform(0.05, 0.95);
    y.push_back(random.uniform() < truth ? 1 : 0);
    p.push_back(sigmoid(3 * logit(truth) - 1));  // overconfident and shifted
  }
  const PlattCalibration calibration = fit_platt(p, y, std::vector<double>(p.size(), 1.0));
  REQUIRE_FALSE(calibration.identity);
  REQUIRE_THAT(calibration.a, WithinAbs(1.0 / 3, 0.02));
  REQUIRE_THAT(calibration.b, WithinAbs(1.0 / 3, 0.05));
  REQUIRE_THAT(calibration(sigmoid(3 * logit(0.7) - 1)), WithinAbs(0.7, 0.02));
}

TEST_CASE("too few rows or one class leave probabilities as they are, flagged") {
  const std::vector<double> p(29, 0.3), ones(29, 1.0);
  std::vector<double> y(29, 0.0);
  y[0] = 1;
  REQUIRE(fit_platt(p, y, ones).identity);
  REQUIRE(fit_platt(std::vector<double>(40, 0.3), std::vector<double>(40, 1.0), std::vector<double>(40, 1.0)).identity);
  REQUIRE(fit_platt(p, y, ones)(0.3) == 0.3);
}

TEST_CASE("separable scores and scores of exactly 0 and 1 stay finite") {
  std::vector<double> p, y;
  for (int i = 0; i < 60; ++i) {
    p.push_back(i < 30 ? 0.0 : 1.0);
    y.push_back(i < 30 ? 0 : 1);
  }
  const PlattCalibration calibration = fit_platt(p, y, std::vector<double>(60, 1.0));
  REQUIRE(std::isfinite(calibration.a));
  REQUIRE_THAT(calibration(1.0), WithinAbs(31.0 / 32, 1e-4));  // Platt's target
  REQUIRE_THAT(calibration(0.0), WithinAbs(1.0 / 32, 1e-4));
}
