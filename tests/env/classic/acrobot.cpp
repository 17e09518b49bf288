// SPDX-License-Identifier: MIT
#include <rlx/env/classic/acrobot.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cmath>

#include <rlx/env/check_env.hpp>

using rlx_test::WithinAbs;

namespace {
rlx::Transition push(rlx::Acrobot& env, std::int32_t action, std::array<float, 6>& row) {
  const std::array<std::int32_t, 1> a{action};
  return env.step(a, row);
}

double energy(const std::array<double, 4>& s) {
  // Two rods of length 1, mass 1, centre at 0.5, moment of inertia 1; angles from hanging down, the second relative.
  const double d1 = 0.25 + (1.25 + std::cos(s[1])) + 2.0, d2 = 0.25 + 0.5 * std::cos(s[1]) + 1.0;
  const double kinetic = 0.5 * d1 * s[2] * s[2] + d2 * s[2] * s[3] + 0.5 * 1.25 * s[3] * s[3];
  return kinetic - 1.5 * 9.8 * std::cos(s[0]) - 0.5 * 9.8 * std::cos(s[0] + s[1]);
}
}  // namespace

TEST_CASE("Acrobot: reset gives NumPy's bits, rounded to float", "[env]") {
  rlx::Acrobot env;
  std::array<float, 6> row{};
  env.reset(123, row);  // Generator(PCG64(seed)).uniform(-0.1, 0.1, 4).astype(float32)
  REQUIRE(env.info().state == std::array<double, 4>{0x1.2ac3eap-5, -0x1.6d8284p-4, -0x1.ca2992p-5, -0x1.029008p-4});
  env.reset(42, row);
  REQUIRE(env.info().state == std::array<double, 4>{0x1.c0d97ep-5, -0x1.9090f6p-7, 0x1.25c37p-4, 0x1.435e26p-5});
}

TEST_CASE("Acrobot: the worked step", "[env]") {
  rlx::Acrobot env;
  std::array<float, 6> row{};
  env.set_state({0.02501909, 0.07944276, 0.05513714, -0.05495856});
  const rlx::Transition t = push(env, 2, row);
  // Both states are given to 8 digits, so the result is known to about twice half a digit.
  const std::array<double, 4> expected{0.02069281, 0.09756899, -0.09672780, 0.23200689};
  for (std::size_t i = 0; i < 4; ++i) REQUIRE_THAT(env.info().state[i], WithinAbs(expected[i], 2e-8));
  REQUIRE(t.reward == -1.0);
  REQUIRE_FALSE(t.terminated);
  REQUIRE_THAT(static_cast<double>(row[0]), WithinAbs(std::cos(0.02069281), 1e-7));
  REQUIRE_THAT(static_cast<double>(row[3]), WithinAbs(std::sin(0.09756899), 1e-7));
}

TEST_CASE("Acrobot: without torque a step keeps the energy, a mirrored state moves mirrored", "[env]") {
  rlx::Acrobot a, b;
  std::array<float, 6> row{};
  for (int i = 0; i < 50; ++i) {
    const double u = 0.02 * i;
    const std::array<double, 4> s{u - 0.5, 0.7 - u, 0.5 * u, u - 0.3};
    a.set_state(s);
    push(a, 1, row);
    // Local error of a fourth-order step of 0.2 s, of order 0.2^5 times the energy's scale of 20 J.
    REQUIRE(std::abs(energy(a.info().state) - energy(s)) < 20 * 0.00032);
    for (const std::int32_t action : {0, 1, 2}) {
      a.set_state(s);
      b.set_state({-s[0], -s[1], -s[2], -s[3]});
      push(a, action, row);
      push(b, 2 - action, row);
      for (std::size_t k = 0; k < 4; ++k) REQUIRE_THAT(a.info().state[k], WithinAbs(-b.info().state[k], 1e-12));
    }
  }
}

TEST_CASE("Acrobot: ends above the line with reward 0, angles wrap, speeds are clipped, 500 steps", "[env]") {
  rlx::Acrobot env;
  std::array<float, 6> row{};
  env.set_state({2.6, 0.1, 0.0, 0.0});
  const rlx::Transition t = push(env, 1, row);
  const auto& s = env.info().state;
  REQUIRE(-std::cos(s[0]) - std::cos(s[0] + s[1]) > 1.0);
  REQUIRE(t.terminated);
  REQUIRE(t.reward == 0.0);
  REQUIRE_THROWS_AS(push(env, 1, row), rlx::StateError);

  constexpr double pi = 3.14159265358979323846;
  env.set_state({3.1, 3.1, 4 * pi, 9 * pi});
  push(env, 2, row);
  REQUIRE(std::abs(s[0]) <= pi);
  REQUIRE(std::abs(s[1]) <= pi);
  REQUIRE(std::abs(s[2]) <= 4 * pi);
  REQUIRE(std::abs(s[3]) <= 9 * pi);

  env.reset(0, row);
  for (int i = 1; i <= 500; ++i) REQUIRE(push(env, 1, row).truncated == (i == 500));
}

TEST_CASE("Acrobot: check_env", "[env]") {
  const rlx::CheckReport report = rlx::check_env([] { return rlx::Acrobot(); });
  CAPTURE(report.text());
  REQUIRE(report.findings.empty());
}
