// SPDX-License-Identifier: MIT
#include <rlx/signals/promotion.hpp>

#include "rlx_catch.hpp"

#include <cstddef>
#include <vector>

using namespace rlx;
using namespace rlx::signals;
using rlx_test::WithinAbs;

TEST_CASE("the bootstrap p value of clear, absent and negative differences") {
  RandomStream random({1, Purpose::bootstrap});
  const std::vector<double> better(100, 0.1), none(100, 0.0), worse(100, -0.1);
  REQUIRE(bootstrap_p_value(better, 5, 999, random) == 1.0 / 1000);
  REQUIRE(bootstrap_p_value(none, 5, 999, random) == 1);
  REQUIRE(bootstrap_p_value(worse, 5, 999, random) == 1);
  REQUIRE(bootstrap_p_value(std::vector<double>{}, 5, 999, random) == 1);
  REQUIRE_THROWS_AS(bootstrap_p_value(better, 0, 999, random), ConfigError);
  REQUIRE_THROWS_AS(bootstrap_p_value(better, 101, 999, random), ConfigError);
  REQUIRE_THROWS_AS(bootstrap_p_value(better, 5, 0, random), ConfigError);
}

TEST_CASE("without a difference the p value is below 0.05 in about one of twenty samples, also with dependent rows") {
  for (const double memory : {0.0, 0.5}) {
    int small = 0;
    for (std::uint64_t run = 0; run < 600; ++run) {
      RandomStream random({run, Purpose::user});
      std::vector<double> series(200);
      double level = 0;
      for (double& x : series) x = level = memory * level + random.normal();
      RandomStream draws({run, Purpose::bootstrap});
      small += bootstrap_p_value(series, block_length(series.size()), 500, draws) < 0.05 ? 1 : 0;
    }
    // 30 expected of independent rows, three standard errors 16; blocks of 6 leave a part of the dependence.
    REQUIRE(small < (memory == 0 ? 47 : 75));
    REQUIRE(small > 10);
  }
}

TEST_CASE("two predictors are compared on the same rows") {
  const std::vector<double> y = {1, 1, 1, 0}, good = {0.9, 0.8, 0.7, 0.2}, bad = {0.4, 0.8, 0.3, 0.2};
  RandomStream random({1, Purpose::bootstrap});
  const Comparison result = compare_predictions(good, bad, y, 200, random);
  REQUIRE_THAT(result.brier_challenger, WithinAbs((0.01 + 0.04 + 0.09 + 0.04) / 4, 1e-15));
  REQUIRE_THAT(result.brier_champion, WithinAbs((0.36 + 0.04 + 0.49 + 0.04) / 4, 1e-15));
  REQUIRE(result.mcnemar == risk::mcnemar_test(0, 2));
  REQUIRE(block_length(2000) == 13);
  REQUIRE(block_length(1) == 1);
}
