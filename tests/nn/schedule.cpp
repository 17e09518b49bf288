// SPDX-License-Identifier: MIT
#include <rlx/nn/schedule.hpp>

#include <limits>

#include "rlx_catch.hpp"

using rlx::nn::Schedule;
using rlx_test::WithinAbs;

TEST_CASE("schedules follow their formulas from start (1) to end (0)") {
  const Schedule constant = 3e-4;
  REQUIRE(constant(1.0) == 3e-4);
  REQUIRE(constant(0.0) == 3e-4);
  REQUIRE(constant.kind() == Schedule::Kind::constant);

  const Schedule linear = Schedule::linear(0.2, 0.0);
  REQUIRE(linear(1.0) == 0.2);
  REQUIRE_THAT(linear(0.25), WithinAbs(0.05, 1e-15));
  REQUIRE(linear(0.0) == 0.0);

  const Schedule cosine = Schedule::cosine(1.0, 0.2);
  REQUIRE_THAT(cosine(1.0), WithinAbs(1.0, 1e-15));
  REQUIRE_THAT(cosine(0.5), WithinAbs(0.6, 1e-15));
  REQUIRE_THAT(cosine(0.0), WithinAbs(0.2, 1e-15));

  const Schedule piecewise = Schedule::piecewise({{0.9, 1.0}, {0.5, 3.0}, {0.1, 2.0}});
  REQUIRE(piecewise(1.0) == 1.0);
  REQUIRE_THAT(piecewise(0.7), WithinAbs(2.0, 1e-12));
  REQUIRE(piecewise(0.5) == 3.0);
  REQUIRE_THAT(piecewise(0.2), WithinAbs(2.25, 1e-12));
  REQUIRE(piecewise(0.0) == 2.0);
}

TEST_CASE("progress outside 0 to 1 counts as the nearer end") {
  const Schedule linear = Schedule::linear(2.0, 1.0);
  REQUIRE(linear(1.5) == 2.0);
  REQUIRE(linear(-0.5) == 1.0);
}

TEST_CASE("schedules refuse non-finite values and unordered points") {
  REQUIRE_THROWS_AS(Schedule(std::numeric_limits<double>::quiet_NaN()), rlx::ConfigError);
  REQUIRE_THROWS_AS(Schedule::linear(1.0, std::numeric_limits<double>::infinity()), rlx::ConfigError);
  REQUIRE_THROWS_AS(Schedule::piecewise({}), rlx::ConfigError);
  REQUIRE_THROWS_AS(Schedule::piecewise({{0.5, 1.0}, {0.5, 2.0}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(Schedule::piecewise({{0.2, 1.0}, {0.5, 2.0}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(Schedule::piecewise({{1.2, 1.0}}), rlx::ConfigError);
  REQUIRE(Schedule::linear(1, 0) == Schedule::linear(1, 0));
  REQUIRE_FALSE(Schedule::linear(1, 0) == Schedule::cosine(1, 0));
}
