// SPDX-License-Identifier: MIT
#include <rlx/risk/interval.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstddef>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>

using namespace rlx;
using rlx_test::WithinAbs;

TEST_CASE("Wilson's interval of 7 of 20, of none and of all") {
  const risk::Interval interval = risk::wilson_interval(7, 20);
  REQUIRE(interval.estimate == 0.35);
  REQUIRE_THAT(interval.low, WithinAbs(0.181192, 5e-7));
  REQUIRE_THAT(interval.high, WithinAbs(0.567146, 5e-7));
  const double square = risk::normal_975 * risk::normal_975;
  REQUIRE(risk::wilson_interval(0, 20).low == 0);
  REQUIRE_THAT(risk::wilson_interval(0, 20).high, WithinAbs(square / (20 + square), 1e-15));
  REQUIRE(risk::wilson_interval(20, 20).high == 1);
  REQUIRE(risk::wilson_interval(0, 0).low == 0);
  REQUIRE(risk::wilson_interval(0, 0).high == 1);
  REQUIRE(std::isnan(risk::wilson_interval(0, 0).estimate));
  REQUIRE_THROWS_AS(risk::wilson_interval(3, 2), ConfigError);
}

TEST_CASE("Wilson's interval covers the true share in about 95 of 100 samples") {
  RandomStream random({11, Purpose::user});
  for (const double truth : {0.05, 0.3, 0.5, 0.9}) {
    constexpr int samples = 4000;
    int covered = 0;
    for (int s = 0; s < samples; ++s) {
      std::size_t count = 0;
      for (int i = 0; i < 50; ++i) count += random.uniform() < truth ? 1U : 0U;
      const risk::Interval interval = risk::wilson_interval(count, 50);
      covered += interval.low <= truth && truth <= interval.high ? 1 : 0;
    }
    // The exact coverage at n = 50 lies between 0.93 and 0.97 at these shares; 4,000 samples add 3 * 0.0034.
    REQUIRE(covered > 0.92 * samples);
    REQUIRE(covered < 0.985 * samples);
  }
}
