// SPDX-License-Identifier: MIT
#include <rlx/env/classic/pendulum.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cmath>

#include <rlx/env/check_env.hpp>

using rlx_test::WithinAbs;

namespace {
rlx::Transition turn(rlx::Pendulum& env, float torque, std::array<float, 3>& row) {
  const std::array<float, 1> action{torque};
  return env.step(action, row);
}
}  // namespace

TEST_CASE("Pendulum: reset gives NumPy's bits", "[env]") {
  rlx::Pendulum env;
  std::array<float, 3> row{};
  env.reset(123, row);  // Generator(PCG64(seed)).uniform(-[pi, 1], [pi, 1])
  REQUIRE(env.info().theta == 0x1.254fe86c98160p+0);
  REQUIRE(env.info().theta_dot == -0x1.c8e32491a0d26p-1);
  env.reset(42, row);
  REQUIRE(env.info().theta == 0x1.b8a834b9184f0p+0);
  REQUIRE(env.info().theta_dot == -0x1.f4b533cb0dc10p-4);
}

TEST_CASE("Pendulum: one step, cost of the old state, angle taken modulo a turn, torque clipped", "[env]") {
  rlx::Pendulum env;
  std::array<float, 3> row{};
  env.set_state(1.0, -0.5);
  // -(1 + 0.1 * 0.25 + 0.001 * 2.25); velocity -0.5 + (15 sin 1 + 4.5) 0.05; angle 1 + 0.05 * that
  const rlx::Transition t = turn(env, 1.5F, row);
  REQUIRE_THAT(t.reward, WithinAbs(-1.02725, 1e-12));
  REQUIRE_THAT(env.info().theta_dot, WithinAbs(0.3561032386059225, 1e-14));
  REQUIRE_THAT(env.info().theta, WithinAbs(1.0178051619302961, 1e-14));
  REQUIRE_THAT(static_cast<double>(row[0]), WithinAbs(std::cos(1.0178051619302961), 1e-7));
  REQUIRE_THAT(static_cast<double>(row[1]), WithinAbs(std::sin(1.0178051619302961), 1e-7));

  env.set_state(-4.0, 0.0);  // (2 pi - 4)^2
  REQUIRE_THAT(turn(env, 0.0F, row).reward, WithinAbs(-5.212935146920741, 1e-12));
  env.set_state(0.0, 0.0);
  REQUIRE_THAT(turn(env, 9.0F, row).reward, WithinAbs(-0.004, 1e-15));  // torque 2
  REQUIRE_THAT(env.info().theta_dot, WithinAbs(0.3, 1e-15));
  env.set_state(1.5, 8.0);
  turn(env, 2.0F, row);
  REQUIRE(env.info().theta_dot == 8.0);
}

TEST_CASE("Pendulum: without torque a step keeps the energy within the error of the integrator", "[env]") {
  rlx::Pendulum env;
  std::array<float, 3> row{};
  const auto energy = [&] { return 0.5 * env.info().theta_dot * env.info().theta_dot + 15.0 * std::cos(env.info().theta); };
  for (int i = 0; i < 100; ++i) {
    const double theta = -3.0 + 0.06 * i, rate = 3.0 - 0.07 * i;
    env.set_state(theta, rate);
    const double before = energy();
    turn(env, 0.0F, row);
    // Expanding one semi-implicit Euler step of h: |dE| <= h^2 (a^2/2 + 7.5 v'^2) with a = 15 sin(theta).
    const double a = 15.0 * std::sin(theta), v = env.info().theta_dot;
    REQUIRE(std::abs(energy() - before) <= 0.05 * 0.05 * (0.5 * a * a + 7.5 * v * v) + 1e-12);
  }
}

TEST_CASE("Pendulum: mirrored state and torque, mirrored motion, never terminates, 200 steps", "[env]") {
  rlx::Pendulum a, b;
  std::array<float, 3> row{};
  a.set_state(2.0, -1.0);
  b.set_state(-2.0, 1.0);
  for (int i = 1; i <= 200; ++i) {
    const float torque = 2.0F * std::sin(0.1F * static_cast<float>(i));
    const rlx::Transition x = turn(a, torque, row), y = turn(b, -torque, row);
    REQUIRE_THAT(a.info().theta, WithinAbs(-b.info().theta, 1e-9));
    REQUIRE_THAT(x.reward, WithinAbs(y.reward, 1e-9));
    REQUIRE_FALSE(x.terminated);
    REQUIRE(x.truncated == (i == 200));
  }
  REQUIRE_THROWS_AS(turn(a, 0.0F, row), rlx::StateError);
  a.reset(0, row);
  REQUIRE_THROWS_AS(turn(a, std::nanf(""), row), rlx::InvalidActionError);
  REQUIRE_THROWS_AS(rlx::Pendulum({.x_init = -1.0}), rlx::ConfigError);
}

TEST_CASE("Pendulum: check_env", "[env]") {
  rlx::CheckOptions options;
  options.squashed = true;
  const rlx::CheckReport report = rlx::check_env([] { return rlx::Pendulum(); }, options);
  CAPTURE(report.text());
  REQUIRE(report.findings.empty());
}
