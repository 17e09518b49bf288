// SPDX-License-Identifier: MIT
#include <rlx/rl/step_cvar.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/rl/gae.hpp>

#include "counting_allocator.hpp"
#include "rl/rollout_of.hpp"

using rlx_test::RolloutOf;
using rlx_test::WithinAbs;

namespace {

using Numbers = std::vector<float>;

Numbers term(rlx::StepCvar& objective, RolloutOf rollout) {
  Numbers advantages(rollout.rewards.size(), 0.0F);
  objective.on_rollout(rollout.view(), advantages);
  return advantages;
}

}  // namespace

TEST_CASE("StepCvar: the worked example of five steps", "[rl][risk]") {
  // (-4, 0, 1, 3, 5), alpha 0.4: nu = 0, C = -2, c = 2 - (4, 0, 0, 0, 0) / 0.4
  RolloutOf rollout{.n_steps = 5, .num_envs = 1, .rewards = {-4, 0, 1, 3, 5}, .ends = {0, 0, 0, 0, 0}};
  rlx::StepCvar alone({.tail = {0.4}, .cvar_weight = 1.0, .tail_lambda = 0.0});
  REQUIRE(term(alone, rollout) == Numbers{-8, 2, 2, 2, 2});
  REQUIRE(alone.report().var == 0.0);
  REQUIRE(alone.report().cvar == 2.0);
  REQUIRE(alone.report().tail_episodes == 2.0);

  SECTION("sums to come, cut at ends and at the edge, in units of scaled rewards") {
    rollout.gamma = 0.5;
    rollout.scale = 2.0;
    rollout.ends = {0, 1, 0, 2, 0};
    rlx::StepCvar objective({.tail = {0.4}, .cvar_weight = 4.0});  // lambda 1 of the rollout
    // c / 2 * 4: t = 1, 3, 4 end: 4; t = 2: 4 + 0.5 * 4; t = 0: -16 + 0.5 * 4
    REQUIRE(term(objective, rollout) == Numbers{-14, 4, 6, 4, 4});
  }
  SECTION("a weight of 0 changes nothing and still measures") {
    rlx::StepCvar mean({.tail = {0.4}});
    REQUIRE(term(mean, rollout) == Numbers(5, 0.0F));
    REQUIRE(mean.report().cvar == 2.0);
  }
  SECTION("outcomes are the metric if asked for") {
    rlx::StepCvar objective({.tail = {0.4}, .cvar_weight = 1.0, .tail_lambda = 0.0, .use_metric = true});
    REQUIRE(objective.wants_step_pnl());
    REQUIRE_THROWS_AS(term(objective, rollout), rlx::ConfigError);
    rollout.step_pnl = {5, -4, 0, 1, 3};
    REQUIRE(term(objective, rollout) == Numbers{2, -8, 2, 2, 2});
  }
}

TEST_CASE("StepCvar: is GAE on r + w c with a critic that values r alone", "[rl][risk]") {
  rlx::RandomStream random({17, rlx::Purpose::user});
  constexpr std::size_t T = 40, N = 5, rows = T * N;
  constexpr double w = 1.5, gamma = 0.95, lambda = 0.9;
  RolloutOf rollout{.n_steps = T, .num_envs = N, .gamma = gamma, .gae_lambda = lambda};
  std::vector<double> values(rows), finals(rows), last(N), rewards(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    rewards[i] = static_cast<double>(static_cast<float>(random.normal()));
    rollout.rewards.push_back(static_cast<float>(rewards[i]));
    values[i] = random.normal();
    finals[i] = random.normal();
    const std::uint64_t end = random.bounded(12);
    rollout.ends.push_back(static_cast<std::uint8_t>(end < 3 ? end : 0));
  }
  for (double& v : last) v = random.normal();
  const rlx::RolloutView view = rollout.view();
  const auto gae = [&](const std::vector<double>& r) {
    std::vector<double> advantages(rows), returns(rows);
    rlx::compute_gae(rlx::GaeInput<double>{r, values, finals, view.terminated, view.truncated, last, T, N}, gamma, lambda,
                     advantages, returns);
    return advantages;
  };
  rlx::StepCvar objective({.tail = {0.1}, .cvar_weight = w});
  Numbers added(rows, 0.0F);
  objective.on_rollout(view, added);

  // c from its definition: 200 steps, the tail holds the 20 smallest.
  std::vector<double> sorted = rewards;
  std::sort(sorted.begin(), sorted.end());
  double tail_mean = 0.0;
  for (std::size_t i = 0; i < 20; ++i) tail_mean += sorted[i] / 20;
  const double nu = sorted[19];
  std::vector<double> shaped = rewards;
  double sum = 0.0;
  for (double& r : shaped) {
    const double c = (nu - tail_mean) - std::max(nu - r, 0.0) / 0.1;
    sum += c;
    r += w * c;
  }
  REQUIRE_THAT(sum, WithinAbs(0.0, 1e-9));
  const std::vector<double> with = gae(shaped), without = gae(rewards);
  for (std::size_t i = 0; i < rows; ++i) {
    CAPTURE(i);
    REQUIRE_THAT(static_cast<double>(added[i]), WithinAbs(with[i] - without[i], 1e-4));
  }
}

TEST_CASE("StepCvar: at which weight the premium seller hedges", "[rl][risk]") {
  // Shares of the default PremiumSeller: 99 premiums of 1 and one loss of 50 without a hedge, 0.3 with one. Mean plus w times
  // the tail mean of alpha 0.05: 0.49 - 9.2 w against 0.3 + 0.3 w, equal at w = 0.02.
  Numbers unhedged(100, 1.0F);
  unhedged[0] = -50.0F;
  rlx::StepCvar objective({.tail = {0.05}});
  term(objective, {.n_steps = 100, .num_envs = 1, .rewards = unhedged, .ends = std::vector<std::uint8_t>(100, 0)});
  const double risky = -objective.report().cvar;
  REQUIRE_THAT(risky, WithinAbs(-9.2, 1e-6));
  term(objective, {.n_steps = 100, .num_envs = 1, .rewards = Numbers(100, 0.3F), .ends = std::vector<std::uint8_t>(100, 0)});
  const double hedged = -objective.report().cvar;
  REQUIRE_THAT((0.49 - 0.3) / (hedged - risky), WithinAbs(0.02, 1e-8));
}

TEST_CASE("StepCvar: bad settings, state, allocations", "[rl][risk]") {
  REQUIRE_THROWS_AS(rlx::StepCvar({.tail = {1.5}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::StepCvar({.tail_lambda = 1.1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::StepCvar({.tail_lambda = std::numeric_limits<double>::quiet_NaN()}), rlx::ConfigError);
  rlx::StepCvar thin({.tail = {0.05}, .cvar_weight = 1.0});
  const RolloutOf few{.n_steps = 19, .num_envs = 1, .rewards = Numbers(19, 1.0F), .ends = std::vector<std::uint8_t>(19, 0)};
  REQUIRE_THROWS_AS(term(thin, few), rlx::ConfigError);

  rlx::StepCvar objective({.tail = {0.5}, .cvar_weight = 1.0});
  RolloutOf rollout{.n_steps = 2, .num_envs = 2, .rewards = {1, 2, 3, 4}, .ends = {0, 0, 0, 0}};
  rlx::RolloutView view = rollout.view();
  Numbers advantages(4);
  objective.on_rollout(view, advantages);
  const rlx_test::AllocationCounter allocated;
  objective.on_rollout(view, advantages);
  REQUIRE(allocated.count() == 0);

  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  objective.save_state(writer);
  rlx::StepCvar same({.tail = {0.5}, .cvar_weight = 1.0}), other({.tail = {0.25}, .cvar_weight = 1.0});
  rlx::StateReader reader(bytes), again(bytes);
  same.load_state(reader);
  reader.expect_end();
  REQUIRE(same.report().var == objective.report().var);
  REQUIRE_THROWS_AS(other.load_state(again), rlx::CheckpointError);
  for (const rlx::StepCvarConfig& changed : {rlx::StepCvarConfig{.tail = {0.5}, .cvar_weight = 1.0, .tail_lambda = 0.5},
                                             rlx::StepCvarConfig{.tail = {0.5}, .cvar_weight = 1.0, .use_metric = true}}) {
    rlx::StepCvar objective_of_another(changed);
    rlx::StateReader third(bytes);
    REQUIRE_THROWS_AS(objective_of_another.load_state(third), rlx::CheckpointError);
  }
}
