// SPDX-License-Identifier: MIT
#include <rlx/rl/cvar_constraint.hpp>

#include "rlx_catch.hpp"

#include <limits>
#include <vector>

#include <rlx/core/error.hpp>

#include "rl/rollout_of.hpp"

using rlx_test::one_step_episodes;

namespace {

using Numbers = std::vector<float>;

Numbers from_ones(rlx::CvarConstraint& objective, rlx_test::RolloutOf rollout) {
  Numbers advantages(rollout.rewards.size(), 1.0F);
  objective.on_rollout(rollout.view(), advantages);
  return advantages;
}

}  // namespace

TEST_CASE("CvarConstraint: the weight follows the shortfall, advantages are divided by 1 + w", "[rl][risk]") {
  const rlx::EpisodeCvarConfig tail{.tail = {0.5}, .cvar_weight = 1.0, .max_age_updates = 0};
  rlx::CvarConstraint objective({.episode = tail, .c_min = 0.0, .eta = 0.5, .w_max = 2.0});
  // G = (-3, 1, 2, 4): C = -1, terms (-6, 2, 2, 2) at w = 1; then w = 1 + 0.5 (0 + 1)
  REQUIRE(from_ones(objective, one_step_episodes({-3, 1, 2, 4})) == Numbers{-2.5F, 1.5F, 1.5F, 1.5F});
  REQUIRE(objective.report().weight == 1.0);
  REQUIRE(objective.weight() == 1.5);
  from_ones(objective, one_step_episodes({-3, 1, 2, 4}));
  REQUIRE(objective.weight() == 2.0);
  from_ones(objective, one_step_episodes({-3, 1, 2, 4}));
  REQUIRE(objective.weight() == 2.0);  // w_max
  from_ones(objective, one_step_episodes({1, 1, 2, 4}));
  REQUIRE(objective.weight() == 1.5);  // C = 1 is more than asked for
  from_ones(objective, one_step_episodes({}));
  REQUIRE(objective.weight() == 1.5);  // nothing ended
  from_ones(objective, one_step_episodes({9, 9, 9, 9}));
  REQUIRE(objective.weight() == 0.0);
  REQUIRE(from_ones(objective, one_step_episodes({9, 9, 9, 9})) == Numbers{1, 1, 1, 1});
}

TEST_CASE("CvarConstraint: the weight is part of the state", "[rl][risk]") {
  const rlx::CvarConstraintConfig config{.episode = {.tail = {0.5}}, .c_min = 3.0, .eta = 0.25, .w_max = 10.0};
  rlx::CvarConstraint first(config), second(config);
  from_ones(first, one_step_episodes({-3, 1, 2, 4}));
  REQUIRE(first.weight() == 1.0);  // 0.25 (3 + 1)
  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  first.save_state(writer);
  rlx::StateReader reader(bytes);
  second.load_state(reader);
  reader.expect_end();
  REQUIRE(second.weight() == 1.0);
  const rlx_test::RolloutOf next = one_step_episodes({0, 5, 1, 1}, 1);
  REQUIRE(from_ones(first, next) == from_ones(second, next));
  REQUIRE(first.weight() == second.weight());
  for (double rlx::CvarConstraintConfig::*number :
       {&rlx::CvarConstraintConfig::c_min, &rlx::CvarConstraintConfig::eta, &rlx::CvarConstraintConfig::w_max}) {
    rlx::CvarConstraintConfig changed = config;
    changed.*number += 1.0;
    rlx::CvarConstraint other(changed);
    rlx::StateReader again(bytes);
    REQUIRE_THROWS_AS(other.load_state(again), rlx::CheckpointError);
  }
}

TEST_CASE("CvarConstraint: refuses numbers it cannot use", "[rl][risk]") {
  REQUIRE_THROWS_AS(rlx::CvarConstraint({.c_min = std::numeric_limits<double>::infinity()}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::CvarConstraint({.eta = 0.0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::CvarConstraint({.w_max = -1.0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::CvarConstraint({.episode = {.cvar_weight = 2.0}, .w_max = 1.0}), rlx::ConfigError);
}
