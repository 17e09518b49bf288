// SPDX-License-Identifier: MIT
#include <rlx/rl/learner.hpp>

#include "rl/fake_learner.hpp"
#include "rlx_catch.hpp"

TEST_CASE("A callback that overrides nothing goes on", "[rl][learner]") {
  struct Idle final : rlx::Callback {
  } idle;
  rlx_test::FakeLearner learner;
  idle.on_training_start(learner);
  idle.on_rollout_start(learner);
  REQUIRE(idle.on_rollout_end(learner));
  REQUIRE(idle.on_episode(learner, {}));
  REQUIRE(idle.on_update_end(learner));
  idle.on_training_end(learner);
  REQUIRE_FALSE(learner.best);
}
