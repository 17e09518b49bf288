// SPDX-License-Identifier: MIT
#include <rlx/signals/learner.hpp>

#include "rlx_catch.hpp"

#include <rlx/signals/logistic_regression.hpp>
#include <rlx/signals/records_json.hpp>

using namespace rlx::signals;

TEST_CASE("the built-in learner is one, and a number is none") {
  STATIC_REQUIRE(SignalLearner<LogisticRegression>);
  STATIC_REQUIRE_FALSE(SignalLearner<int>);
  REQUIRE_FALSE(FitReport{}.converged);
}
