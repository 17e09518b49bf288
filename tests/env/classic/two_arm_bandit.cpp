// SPDX-License-Identifier: MIT
#include <rlx/env/classic/two_arm_bandit.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstdint>

#include <rlx/core/error.hpp>
#include <rlx/env/check_env.hpp>

TEST_CASE("TwoArmBandit: one arm is sure, the other loses one time in ten", "[env]") {
  rlx::TwoArmBandit env;
  std::array<float, 1> row{};
  const std::array<std::int32_t, 1> risky{0}, sure{1}, none{2};
  REQUIRE_THROWS_AS(env.step(sure, row), rlx::StateError);
  int lost = 0;
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    env.reset(seed, row);
    REQUIRE(row[0] == 1.0F);
    const rlx::Transition played = env.step(risky, row);
    REQUIRE(played.terminated);
    REQUIRE((played.reward == 1.0 || played.reward == -5.0));
    lost += played.reward < 0 ? 1 : 0;
    env.reset(seed, row);
    REQUIRE(env.step(sure, row).reward == 0.2);
  }
  REQUIRE(lost > 2'000 - 4 * 43);  // binomial with standard deviation sqrt(20,000 * 0.09) = 42.4
  REQUIRE(lost < 2'000 + 4 * 43);
  REQUIRE_THROWS_AS(env.step(sure, row), rlx::StateError);
  env.reset(0, row);
  REQUIRE_THROWS_AS(env.step(none, row), rlx::InvalidActionError);
}

TEST_CASE("TwoArmBandit: check_env", "[env]") {
  const rlx::CheckReport report = rlx::check_env([] { return rlx::TwoArmBandit(); });
  CAPTURE(report.text());
  REQUIRE(report.ok());
}
