// SPDX-License-Identifier: MIT
#include <rlx/env/running_return.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/env/check_env.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/env/testing.hpp>

using rlx_test::WithinAbs;

namespace {
using Seller = rlx::RunningReturn<rlx::PremiumSeller>;

rlx::Transition sell(Seller& env, std::int32_t action, std::array<float, 4>& row) {
  const std::array<std::int32_t, 1> a{action};
  return env.step(a, row);
}
Seller calm() { return Seller(rlx::PremiumSeller({.loss_probability = 0, .episode_steps = 4}), {.scale = 2, .nu = -3}); }
}  // namespace

static_assert(rlx::MaskedEnvironment<Seller> && rlx::SerializableEnvironment<Seller> && rlx::NamedLayout<Seller>);
static_assert(!rlx::MaskedEnvironment<rlx::RunningReturn<rlx::CartPole>>);

TEST_CASE("RunningReturn: shows the sum so far and its distance to the quantile", "[env]") {
  Seller env = calm();
  std::array<float, 4> row{};
  env.reset(1, row);
  REQUIRE(row == std::array<float, 4>{0.0F, 0.0F, 0.0F, -1.5F});  // the inner two, 0 / 2, (-3 - 0) / 2
  sell(env, 0, row);                                              // +1
  REQUIRE(row == std::array<float, 4>{0.25F, 1.0F, 0.5F, -2.0F});
  sell(env, 1, row);  // +0.3
  REQUIRE_THAT(row[2], WithinAbs(0.65, 1e-6));
  REQUIRE_THAT(row[3], WithinAbs(-2.15, 1e-6));
  env.set_nu(1.0);  // seen from the next observation on
  sell(env, 2, row);
  REQUIRE_THAT(row[2], WithinAbs(0.65, 1e-6));
  REQUIRE_THAT(row[3], WithinAbs(-0.15, 1e-6));
  REQUIRE(sell(env, 0, row).terminated);
  env.reset(2, row);
  REQUIRE(row == std::array<float, 4>{0.0F, 0.0F, 0.0F, 0.5F});
  REQUIRE(env.running_return() == 0.0);
}

TEST_CASE("RunningReturn: space, names, saved sum and quantile", "[env]") {
  Seller env = calm();
  REQUIRE(env.observation_space().size() == 4);
  REQUIRE(env.observation_space().high[1] == 1.0F);
  REQUIRE(env.observation_space().low[3] == -std::numeric_limits<float>::infinity());
  REQUIRE(env.observation_names() ==
          std::vector<std::string>{"share_of_episode", "odd_step", "running_return", "return_to_quantile"});
  std::array<float, 4> row{}, other{};
  env.reset(1, row);
  sell(env, 0, row);
  env.set_nu(7.5);
  std::vector<std::byte> bytes;
  env.save_state(bytes);
  Seller copy = calm();
  copy.load_state(bytes);
  REQUIRE(copy.nu() == 7.5);
  REQUIRE(copy.running_return() == 1.0);
  sell(env, 1, row);
  sell(copy, 1, other);
  REQUIRE(row == other);
  REQUIRE_THROWS_AS(copy.load_state(std::span<const std::byte>(bytes).first(9)), rlx::CheckpointError);
  REQUIRE(copy.nu() == 7.5);

  std::array<float, 3> narrow{};
  REQUIRE_THROWS_AS(env.reset(1, narrow), rlx::ShapeError);
  REQUIRE_THROWS_AS(env.set_nu(std::numeric_limits<double>::quiet_NaN()), rlx::ConfigError);
  REQUIRE_THROWS_AS(Seller(rlx::PremiumSeller(), {.scale = 0}), rlx::ConfigError);
}

TEST_CASE("RunningReturn: check_env", "[env]") {
  const rlx::CheckReport report =
      rlx::check_env([] { return rlx::RunningReturn(rlx::InvalidActionEnv(5, 2, 20), {.scale = 10, .nu = 3}); });
  CAPTURE(report.text());
  REQUIRE(report.findings.empty());
}
