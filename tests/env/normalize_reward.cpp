// SPDX-License-Identifier: MIT
#include <rlx/env/normalize_reward.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <rlx/env/testing.hpp>
#include <rlx/env/time_limit.hpp>

using rlx_test::WithinRel;

namespace {

/// Biased variance of the start (mean 0, variance 1, weight 1e-4) and all numbers together, from the definition.
double variance_with_start(const std::vector<double>& numbers) {
  const double weight = 1e-4 + static_cast<double>(numbers.size());
  double mean = 0.0, sum = 0.0;
  for (const double x : numbers) mean += x / weight;
  for (const double x : numbers) sum += (x - mean) * (x - mean);
  return (sum + 1e-4 * (1.0 + mean * mean)) / weight;
}

rlx::MatrixView<const std::int32_t> column(const std::vector<std::int32_t>& actions) {
  return {actions.data(), actions.size(), 1};
}

}  // namespace

TEST_CASE("NormalizeReward: discounted returns restart after an end and at a reset, no mean is subtracted", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 2}, pool, [](std::size_t e) { return rlx::TimeLimit(rlx::CountEnv(4), e == 0 ? 2 : 3); });
  rlx::NormalizeReward scaled(envs, {.gamma = 0.5});
  scaled.reset();
  std::vector<double> returns;
  const auto step = [&](std::int32_t a, std::int32_t b, double g_a, double g_b) {
    const std::vector<std::int32_t> actions = {a, b};
    scaled.step(column(actions));
    returns.insert(returns.end(), {g_a, g_b});
    const double deviation = std::sqrt(variance_with_start(returns) + 1e-8);
    REQUIRE_THAT(scaled.statistics().variance()[0], WithinRel(variance_with_start(returns), 1e-12));
    REQUIRE_THAT(scaled.rewards()[0], WithinRel(std::min(a / deviation, 10.0), 1e-12));
    REQUIRE_THAT(scaled.rewards()[1], WithinRel(std::min(b / deviation, 10.0), 1e-12));
    REQUIRE(scaled.inner().rewards()[0] == a);
  };
  step(2, 1, 2.0, 1.0);
  step(4, 9, 5.0, 9.5);  // 0.5 * 2 + 4; 0.5 * 1 + 9; environment 0 is truncated
  REQUIRE(scaled.truncated()[0] == 1);
  REQUIRE(scaled.finished()[0].episode_return == 6.0);  // raw
  step(3, 1, 3.0, 5.75);                                // starts again from 0; 0.5 * 9.5 + 1, truncated
  step(1, 7, 2.5, 7.0);
  scaled.reset();
  REQUIRE(scaled.rewards()[0] == 0.0);
  step(6, 2, 6.0, 2.0);
  const std::vector<std::uint8_t> first = {1, 0};
  scaled.reset(first);
  step(8, 5, 8.0, 6.0);  // only environment 0 starts again

  scaled.freeze();
  const double variance = scaled.statistics().variance()[0];
  const std::vector<std::int32_t> nine(2, 9);
  scaled.step(column(nine));
  REQUIRE(scaled.statistics().variance()[0] == variance);
  REQUIRE_THAT(scaled.rewards()[0], WithinRel(9.0 / std::sqrt(variance + 1e-8), 1e-12));
}

TEST_CASE("NormalizeReward: termination restarts the return too, rewards are clipped", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 1}, pool, [](std::size_t) { return rlx::CountEnv(1); });  // terminated at every step
  rlx::NormalizeReward scaled(envs, {.gamma = 1.0, .clip_reward = 0.5});
  scaled.reset();
  std::vector<double> returns;
  for (const std::int32_t a : {1, 9, 1, 9}) {
    scaled.step(column({a}));
    returns.push_back(a);
    REQUIRE_THAT(scaled.statistics().variance()[0], WithinRel(variance_with_start(returns), 1e-12));
    REQUIRE(scaled.rewards()[0] <= 0.5);
  }
  REQUIRE(scaled.rewards()[0] == 0.5);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_THROWS_AS(rlx::NormalizeReward(envs, {.gamma = 1.01}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::NormalizeReward(envs, {.gamma = nan}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::NormalizeReward(envs, {.clip_reward = nan}), rlx::ConfigError);
}

TEST_CASE("NormalizeReward: the step that only resets is not counted in autoreset mode next_step", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 2, .autoreset = rlx::AutoresetMode::next_step}, pool,
                      [](std::size_t e) { return rlx::TimeLimit(rlx::CountEnv(9), e == 0 ? 2 : 4); });
  rlx::NormalizeReward scaled(envs, {.gamma = 0.5});
  scaled.reset();
  std::vector<double> returns;
  const auto step = [&](std::int32_t a, std::int32_t b, const std::vector<double>& counted) {
    scaled.step(column({a, b}));
    returns.insert(returns.end(), counted.begin(), counted.end());
    REQUIRE_THAT(scaled.statistics().variance()[0], WithinRel(variance_with_start(returns), 1e-12));
    REQUIRE_THAT(scaled.statistics().count(), WithinRel(static_cast<double>(returns.size()) + 1e-4, 1e-12));
  };
  step(2, 1, {2.0, 1.0});
  step(4, 3, {5.0, 3.5});  // environment 0 is truncated
  step(7, 1, {2.75});      // its action is ignored
  REQUIRE(scaled.rewards()[0] == 0.0);
  step(6, 2, {6.0, 3.375});  // environment 1 is truncated
  step(2, 9, {5.0});         // and environment 0
  step(1, 8, {8.0});         // environment 0 is reset, environment 1 makes its first step
}
