// SPDX-License-Identifier: MIT
#include <rlx/env/classic/mountain_car.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cmath>

#include <rlx/env/check_env.hpp>

using rlx_test::WithinAbs;

namespace {
rlx::Transition push(rlx::MountainCar& env, std::int32_t action, std::array<float, 2>& row) {
  const std::array<std::int32_t, 1> a{action};
  return env.step(a, row);
}
}  // namespace

TEST_CASE("MountainCar: reset gives NumPy's bits", "[env]") {
  rlx::MountainCar env;
  std::array<float, 2> row{};
  env.reset(123, row);  // Generator(PCG64(seed)).uniform(-0.6, -0.4)
  REQUIRE(env.info().position == -0x1.daa782b8c9a34p-2);
  REQUIRE(env.info().velocity == 0.0);
  env.reset(42, row);
  REQUIRE(env.info().position == -0x1.c7e4d028ba858p-2);
}

TEST_CASE("MountainCar: dynamics, wall, goal and limit", "[env]") {
  rlx::MountainCar env;
  std::array<float, 2> row{};
  env.set_state(-0.5, 0.01);  // v = 0.01 + 0.001 - 0.0025 cos(-1.5) = 0.010823156995830743
  const rlx::Transition t = push(env, 2, row);
  REQUIRE_THAT(env.info().velocity, WithinAbs(0.010823156995830743, 1e-15));
  REQUIRE_THAT(env.info().position, WithinAbs(-0.48917684300416925, 1e-15));
  REQUIRE(t.reward == -1.0);
  REQUIRE_FALSE(t.terminated);

  env.set_state(-1.19, -0.07);
  push(env, 0, row);
  REQUIRE(env.info().position == -1.2);
  REQUIRE(env.info().velocity == 0.0);

  env.set_state(0.49, 0.05);
  REQUIRE(push(env, 2, row).terminated);
  REQUIRE_THROWS_AS(push(env, 2, row), rlx::StateError);
  rlx::MountainCar fast({.goal_velocity = 0.06});
  fast.set_state(0.49, 0.05);
  REQUIRE_FALSE(push(fast, 2, row).terminated);

  env.reset(1, row);
  for (int i = 1; i <= 200; ++i) REQUIRE(push(env, 1, row).truncated == (i == 200));
  REQUIRE_THROWS_AS(rlx::MountainCar({.reset_low = 1.0}), rlx::ConfigError);
}

TEST_CASE("MountainCar: check_env", "[env]") {
  const rlx::CheckReport report = rlx::check_env([] { return rlx::MountainCar(); });
  CAPTURE(report.text());
  REQUIRE(report.findings.empty());
}
