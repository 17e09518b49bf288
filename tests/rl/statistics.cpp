// SPDX-License-Identifier: MIT
#include <rlx/rl/statistics.hpp>

#include <cmath>
#include <vector>

#include "rlx_catch.hpp"

using namespace rlx_test;

TEST_CASE("Figures of scores equal the worked examples", "[rl][statistics]") {
  const std::vector<double> scores{5, 1, 3, 9, 7, 2, 100, 4};
  REQUIRE_THAT(rlx::interquartile_mean(scores), WithinAbs(4.75, 1e-12));
  REQUIRE_THAT(rlx::mean_of(scores), WithinAbs(131.0 / 8, 1e-12));
  const std::vector<double> pair{1.0, 3.0};
  REQUIRE_THAT(rlx::population_std(pair), WithinAbs(1.0, 1e-12));
  REQUIRE(rlx::mean_of({}) == 0.0);
  REQUIRE(rlx::population_std({}) == 0.0);
}
