// SPDX-License-Identifier: MIT
#include <rlx/env/classic/cart_pole_batch.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cmath>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/env/classic/cart_pole.hpp>

using rlx_test::WithinAbs;

static_assert(rlx::BatchEnvironment<rlx::CartPoleBatch>);

TEST_CASE("CartPoleBatch: one step from the same state differs from CartPole by at most 1e-5", "[env]") {
  constexpr std::size_t n = 1000;
  rlx::CartPoleBatch batch(n);
  rlx::CartPole pole;
  rlx::RandomStream random({5, rlx::Purpose::user, 0, 0});
  std::vector<float> states(n * 4), rows(n * 4);
  std::vector<std::int32_t> actions(n);
  for (std::size_t i = 0; i < n; ++i) {  // any state of a running episode, and rates beyond what episodes reach
    states[4 * i] = static_cast<float>(random.uniform(-2.4, 2.4));
    states[4 * i + 1] = static_cast<float>(random.uniform(-3.0, 3.0));
    states[4 * i + 2] = static_cast<float>(random.uniform(-0.2094, 0.2094));
    states[4 * i + 3] = static_cast<float>(random.uniform(-3.0, 3.0));
    batch.set_state(i, std::span<const float>(states).subspan(4 * i, 4));
    actions[i] = static_cast<std::int32_t>(random.bounded(2));
  }
  std::vector<double> rewards(n);
  std::vector<std::uint8_t> terminated(n), truncated(n);
  batch.step({actions.data(), n, 1}, {rows.data(), n, 4}, rewards, terminated, truncated);
  std::array<float, 4> row{};
  int ended = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto at = [&](std::size_t k) { return static_cast<double>(states[4 * i + k]); };
    pole.set_state(at(0), at(1), at(2), at(3));
    const rlx::Transition t = pole.step(std::span<const std::int32_t>(&actions[i], 1), row);
    for (std::size_t k = 0; k < 4; ++k) REQUIRE_THAT(rows[4 * i + k], WithinAbs(static_cast<double>(row[k]), 1e-5));
    const bool clear = std::abs(std::abs(row[0]) - 2.4F) > 1e-5F && std::abs(std::abs(row[2]) - 0.20943951F) > 1e-5F;
    if (clear) REQUIRE((terminated[i] != 0) == t.terminated);
    ended += terminated[i];
    REQUIRE(rewards[i] == 1.0);
    REQUIRE(truncated[i] == 0);
  }
  REQUIRE(ended > 50);
  REQUIRE(ended < 500);
}

TEST_CASE("CartPoleBatch: resets follow the seed, the limit cuts, bad actions are refused", "[env]") {
  rlx::CartPoleBatch batch(2, 3);
  std::array<float, 8> rows{};
  std::array<double, 2> rewards{};
  std::array<std::uint8_t, 2> terminated{}, truncated{};
  batch.reset(0, 7, std::span<float>(rows).first(4));
  batch.reset(1, 7, std::span<float>(rows).last(4));
  for (std::size_t k = 0; k < 4; ++k) {
    REQUIRE(rows[k] == rows[4 + k]);
    REQUIRE(std::abs(rows[k]) <= 0.05F);
  }
  std::array<std::int32_t, 2> actions{1, 0};
  for (int i = 1; i <= 3; ++i) {
    batch.step({actions.data(), 2, 1}, {rows.data(), 2, 4}, rewards, terminated, truncated);
    REQUIRE(truncated[1] == (i == 3 ? 1 : 0));
  }
  actions[1] = 2;
  REQUIRE_THROWS_AS(batch.step({actions.data(), 2, 1}, {rows.data(), 2, 4}, rewards, terminated, truncated),
                    rlx::InvalidActionError);
  REQUIRE_THROWS_AS(rlx::CartPoleBatch(0), rlx::ConfigError);
}
