// SPDX-License-Identifier: MIT
#include <rlx/env/classic/cart_pole.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

static_assert(rlx::Environment<rlx::CartPole>);
static_assert(rlx::SerializableEnvironment<rlx::CartPole>);
static_assert(rlx::NamedLayout<rlx::CartPole>);
static_assert(!rlx::MaskedEnvironment<rlx::CartPole>);

TEST_CASE("CartPole: reset gives the bits of Gymnasium's reset(seed)", "[env]") {
  rlx::CartPole env;
  std::array<float, 4> row{};
  // NumPy 2.4: Generator(PCG64(seed)).uniform(-0.05, 0.05, size=4), which is what Gymnasium 1.x draws.
  struct Reference {
    std::uint64_t seed;
    std::array<double, 4> state;
  };
  const std::array<Reference, 3> references{
      {{123, {0x1.2ac3ea39b2e5cp-6, -0x1.6d8283a7b3db8p-5, -0x1.ca299206fb5a4p-6, -0x1.02900762623b2p-5}},
       {0, {0x1.c0cbca647ced0p-7, -0x1.792e736320f47p-6, -0x1.7808d4489d6d2p-5, -0x1.8c0f80ec8f29dp-5}},
       {(std::uint64_t{1} << 40) + 7,
        {0x1.0e2ec6cd75fa0p-5, -0x1.90e8748f4c96dp-6, -0x1.1b9d59698baa5p-5, 0x1.1de882f007b7cp-6}}}};
  for (const Reference& reference : references) {
    env.reset(reference.seed, row);
    REQUIRE(env.info().x == reference.state[0]);
    REQUIRE(env.info().x_dot == reference.state[1]);
    REQUIRE(env.info().theta == reference.state[2]);
    REQUIRE(env.info().theta_dot == reference.state[3]);
    for (std::size_t i = 0; i < 4; ++i) REQUIRE(row[i] == static_cast<float>(reference.state[i]));
  }
  env.reset(123, row);  // as NumPy prints it
  REQUIRE_THAT(row[0], WithinAbs(0.01823519, 5e-9));
  REQUIRE_THAT(row[1], WithinAbs(-0.0446179, 5e-9));
  REQUIRE_THAT(row[2], WithinAbs(-0.02796401, 5e-9));
  REQUIRE_THAT(row[3], WithinAbs(-0.03156282, 5e-9));
}

TEST_CASE("CartPole: reset bounds are configurable, impossible ones are refused", "[env]") {
  rlx::CartPole env({.reset_low = 0.1, .reset_high = 0.1});
  std::array<float, 4> row{};
  env.reset(5, row);
  for (const float x : row) REQUIRE(x == 0.1F);
  REQUIRE_THROWS_AS(rlx::CartPole({.reset_low = 0.2, .reset_high = 0.1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::CartPole({.reset_low = 0.0, .reset_high = std::nan("")}), rlx::ConfigError);
}

TEST_CASE("CartPole: one step from rest by hand", "[env]") {
  // theta = 0, all rates 0, force +10: temp = 10/1.1; thetaacc = -temp / (0.5 (4/3 - 0.1/1.1)); xacc = temp - 0.05
  // thetaacc/1.1.
  rlx::CartPole env;
  env.set_state(0, 0, 0, 0);
  std::array<float, 4> row{};
  const std::array<std::int32_t, 1> right{1};
  const rlx::Transition t = env.step(right, row);
  const double temp = 10.0 / 1.1;
  const double theta_acceleration = -temp / (0.5 * (4.0 / 3.0 - 0.1 / 1.1));
  const double x_acceleration = temp - 0.05 * theta_acceleration / 1.1;
  REQUIRE(env.info().x == 0.0);  // positions move with the velocities of before the step
  REQUIRE(env.info().theta == 0.0);
  REQUIRE_THAT(env.info().x_dot, WithinAbs(0.02 * x_acceleration, 1e-15));
  REQUIRE_THAT(env.info().theta_dot, WithinAbs(0.02 * theta_acceleration, 1e-15));
  REQUIRE_THAT(env.info().x_dot, WithinAbs(0.19512195121951, 1e-12));       // 8/41
  REQUIRE_THAT(env.info().theta_dot, WithinAbs(-0.29268292682927, 1e-12));  // -12/41
  REQUIRE(t.reward == 1.0);
  REQUIRE_FALSE(t.terminated);
}

TEST_CASE("CartPole: a negated state and action give the negated state, bit for bit", "[env]") {
  rlx::CartPole a, b;
  std::array<float, 4> row{};
  for (int i = 0; i < 200; ++i) {
    const double s = 0.001 * i;
    a.set_state(s, 0.3 - s, 0.05 - 0.4 * s, s * s);
    b.set_state(-s, s - 0.3, 0.4 * s - 0.05, -s * s);
    for (int k = 0; k < 5; ++k) {
      const std::array<std::int32_t, 1> action{(i + k) % 2}, other{1 - (i + k) % 2};
      const rlx::Transition x = a.step(action, row);
      const rlx::Transition y = b.step(other, row);
      REQUIRE(x.terminated == y.terminated);
      const auto same = [](double u, double v) { return u == -v; };
      REQUIRE(same(a.info().x, b.info().x));
      REQUIRE(same(a.info().x_dot, b.info().x_dot));
      REQUIRE(same(a.info().theta, b.info().theta));
      REQUIRE(same(a.info().theta_dot, b.info().theta_dot));
      if (x.terminated) break;
    }
  }
}

TEST_CASE("CartPole: the ends", "[env]") {
  rlx::CartPole env;
  std::array<float, 4> row{};
  const std::array<std::int32_t, 1> right{1};
  env.set_state(2.39, 1.0, 0, 0);  // x = 2.41 after the step
  REQUIRE(env.step(right, row).terminated);
  env.set_state(0, 0, 0.2, 0.5);  // 0.21 rad > 12 degrees = 0.20944 rad
  const rlx::Transition fallen = env.step(right, row);
  REQUIRE(fallen.terminated);
  REQUIRE(fallen.reward == 1.0);  // the last step too
  REQUIRE_THROWS_AS(env.step(right, row), rlx::StateError);
  env.set_state(0, 0, 0.2, 0.45);  // 0.209 rad
  REQUIRE_FALSE(env.step(right, row).terminated);
  REQUIRE(env.observation_space().high[0] == 4.8F);
}

namespace {
/// Keeps the pole up for a long time: pushes towards where it falls.
std::int32_t balance(const rlx::CartPole::Info& s) {
  return s.theta + 0.5 * s.theta_dot + 0.05 * s.x + 0.1 * s.x_dot > 0 ? 1 : 0;
}
}  // namespace

TEST_CASE("CartPole: truncated at step 500, not before, 0 means no limit", "[env]") {
  for (const std::uint64_t limit : {std::uint64_t{500}, std::uint64_t{0}}) {
    rlx::CartPole env({.max_episode_steps = limit});
    std::array<float, 4> row{};
    env.reset(1, row);
    double total = 0.0;
    for (int i = 1; i <= 500; ++i) {
      const std::array<std::int32_t, 1> action{balance(env.info())};
      const rlx::Transition t = env.step(action, row);
      total += t.reward;
      REQUIRE_FALSE(t.terminated);
      REQUIRE(t.truncated == (limit == 500 && i == 500));
    }
    REQUIRE(total == 500.0);
  }
}

TEST_CASE("CartPole: misuse and foreign states are refused", "[env]") {
  rlx::CartPole env;
  std::array<float, 4> row{};
  const std::array<std::int32_t, 1> right{1}, two{2}, minus{-1};
  REQUIRE_THROWS_WITH(env.step(right, row), ContainsSubstring("CartPole: step before the first reset"));
  env.reset(0, row);
  REQUIRE_THROWS_WITH(env.step(two, row), ContainsSubstring("action[0] = 2 is not in [0, 2)"));
  REQUIRE_THROWS_AS(env.step(minus, row), rlx::InvalidActionError);
  std::vector<std::byte> bytes;
  env.save_state(bytes);
  bytes.pop_back();
  REQUIRE_THROWS_AS(env.load_state(bytes), rlx::CheckpointError);
  bytes.push_back(std::byte{9});
  REQUIRE_THROWS_AS(env.load_state(bytes), rlx::CheckpointError);
}
