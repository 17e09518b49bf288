// SPDX-License-Identifier: MIT
#include <rlx/env/classic/premium_seller.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/env/check_env.hpp>
#include <rlx/env/environment.hpp>

using rlx_test::WithinAbs;

namespace {
rlx::Transition sell(rlx::PremiumSeller& env, std::int32_t action, std::array<float, 2>& row) {
  const std::array<std::int32_t, 1> a{action};
  return env.step(a, row);
}
}  // namespace

static_assert(rlx::MaskedEnvironment<rlx::PremiumSeller> && rlx::SerializableEnvironment<rlx::PremiumSeller> &&
              rlx::NamedLayout<rlx::PremiumSeller>);

TEST_CASE("PremiumSeller: rewards, mask of odd steps, end", "[env]") {
  rlx::PremiumSeller env({.loss_probability = 0, .episode_steps = 4});
  std::array<float, 2> row{};
  std::array<std::uint8_t, 3> mask{};
  REQUIRE_THROWS_AS(sell(env, 0, row), rlx::StateError);
  env.reset(5, row);
  REQUIRE(row == std::array<float, 2>{0.0F, 0.0F});
  env.action_masks(mask);
  REQUIRE(mask == std::array<std::uint8_t, 3>{1, 1, 1});
  REQUIRE(sell(env, 2, row).reward == 0.0);
  REQUIRE(row == std::array<float, 2>{0.25F, 1.0F});
  env.action_masks(mask);
  REQUIRE(mask == std::array<std::uint8_t, 3>{1, 1, 0});
  REQUIRE_THROWS_AS(sell(env, 2, row), rlx::InvalidActionError);
  REQUIRE_THROWS_AS(sell(env, 3, row), rlx::InvalidActionError);
  REQUIRE(sell(env, 1, row).reward == 0.3);
  REQUIRE(sell(env, 0, row).reward == 1.0);
  const rlx::Transition last = sell(env, 0, row);
  REQUIRE(last.terminated);
  REQUIRE_FALSE(last.truncated);
  REQUIRE_THROWS_AS(sell(env, 0, row), rlx::StateError);

  rlx::PremiumSeller ruin({.loss_probability = 1});
  ruin.reset(5, row);
  REQUIRE(sell(ruin, 0, row).reward == -50.0);
  REQUIRE(ruin.info().loss);
  REQUIRE(sell(ruin, 1, row).reward == 0.3);
}

TEST_CASE("PremiumSeller: one step in a hundred loses, whatever the actions", "[env]") {
  rlx::PremiumSeller env({.episode_steps = 40'000}), other({.episode_steps = 40'000});
  std::array<float, 2> row{};
  env.reset(11, row);
  other.reset(11, row);
  double sum = 0.0;
  for (int i = 0; i < 40'000; ++i) {
    const double reward = sell(env, 0, row).reward;
    REQUIRE((reward == 1.0 || reward == -50.0));
    sum += reward;
    REQUIRE(sell(other, 1, row).reward == 0.3);
    REQUIRE(env.info().loss == other.info().loss);
  }
  // mean 0.49; the standard deviation of a step is 51 sqrt(0.01 * 0.99) = 5.07, of the mean 0.0254
  REQUIRE_THAT(sum / 40'000, WithinAbs(0.49, 4 * 0.0254));
}

TEST_CASE("PremiumSeller: refuses numbers it cannot use and passes check_env", "[env]") {
  REQUIRE_THROWS_AS(rlx::PremiumSeller({.loss = -std::numeric_limits<double>::infinity()}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::PremiumSeller({.loss_probability = 1.5}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::PremiumSeller({.episode_steps = 0}), rlx::ConfigError);
  std::array<float, 2> row{};
  rlx::PremiumSeller longer({.episode_steps = 30}), shorter({.episode_steps = 2});
  longer.reset(1, row);
  for (int i = 0; i < 5; ++i) sell(longer, 1, row);
  std::vector<std::byte> bytes;
  longer.save_state(bytes);
  REQUIRE_THROWS_AS(shorter.load_state(bytes), rlx::CheckpointError);
  const rlx::CheckReport report = rlx::check_env([] { return rlx::PremiumSeller(); });
  CAPTURE(report.text());
  REQUIRE(report.ok());  // every episode begins with the same observation, which is worth a warning
  REQUIRE(report.findings.size() == 1);
}
