// SPDX-License-Identifier: MIT
#include <rlx/signals/model_filter.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include <rlx/signals/records_json.hpp>
#include <rlx/signals/scenarios.hpp>

#include "planted.hpp"

using namespace rlx;
using namespace rlx::signals;

namespace {

Signal probe(const std::string& id, double amount) {
  return {id, "momentum", {.amount = amount, .base = "BTC", .quote = "USDT", .price = 100.0, .extra = {}}, 1'767'400'000, {}};
}

}  // namespace

TEST_CASE("without a model or switched off there is no score, and advice lets everything pass") {
  RecentContext context(1'000);
  TrainingModule training(context);
  ModelFilter filter(training);
  REQUIRE_FALSE(filter(probe("a", 1)));
  rlx_test::plant(context, 1'000, 1, rlx_test::above_limit);
  REQUIRE(training.train_model(training.prepare_dataset()).updated);
  const auto score = filter(probe("a", 1e5));
  REQUIRE(score);
  REQUIRE(score->probability > 0.9);
  REQUIRE(score->passed);
  REQUIRE(score->propensity == 1);
  REQUIRE(score->version == 1);
  ModelFilter off(training, {.mode = FilterMode::off});
  REQUIRE_FALSE(off(probe("a", 1e5)));
  Signal timeless = probe("a", 1);
  timeless.timestamp = std::numeric_limits<double>::infinity();
  REQUIRE_FALSE(filter(timeless));
}

TEST_CASE("an enforcing model refuses what it expects to be rejected, but for the explored share") {
  RecentContext context(1'000);
  rlx_test::plant(context, 1'000, 1, rlx_test::above_limit);
  TrainingModule training(context);
  REQUIRE(training.train_model(training.prepare_dataset()).updated);
  ModelFilter filter(training, {.mode = FilterMode::enforce, .explore = 0.2, .seed = 3});
  int passed = 0;
  for (int i = 0; i < 500; ++i) {
    const auto score = filter(probe("a", 1e5));
    REQUIRE(score->propensity == 0.2);
    passed += score->passed ? 1 : 0;
  }
  REQUIRE(std::abs(passed - 100) < 3 * std::sqrt(500 * 0.2 * 0.8));
  REQUIRE(filter(probe("a", 1))->passed);
  REQUIRE(filter(probe("a", 1))->propensity == 1);
  ModelFilter again(training, {.mode = FilterMode::enforce, .explore = 0.2, .seed = 3});
  int same = 0;
  for (int i = 0; i < 500; ++i) same += again(probe("a", 1e5))->passed ? 1 : 0;
  REQUIRE(same == passed);
  REQUIRE_THROWS_AS(ModelFilter(training, {.threshold = 2}), ConfigError);
  REQUIRE_THROWS_AS(ModelFilter(training, {.explore = 0}), ConfigError);
}

TEST_CASE("in the pipeline a filtered signal is rejected without a label and an explored one weighs more") {
  RecentContext context(2'000);
  rlx_test::plant(context, 1'000, 1, rlx_test::above_limit);
  TrainingModule training(context);
  REQUIRE(training.train_model(training.prepare_dataset()).updated);
  ManualClock clock(1'767'400'000'000);
  FlowConfig limits;
  limits.limits = {.max_loss_pct = {}, .max_position_size = {}};
  ScenarioRunner runner(context, clock, limits);
  ModelFilter filter(training, {.mode = FilterMode::enforce, .explore = 0.3});
  runner.executor().set_model_filter(std::ref(filter));
  std::size_t filtered = 0, explored = 0;
  for (int i = 0; i < 50; ++i) {
    SignalScenario scenario;
    scenario.signal = probe("p" + std::to_string(i), 1e5);
    scenario.now = scenario.signal.timestamp;
    const ScenarioResult result = runner.run(scenario);
    REQUIRE_FALSE(result.accepted);
    (result.rejection->code == RejectionCode::model_filtered ? filtered : explored) += 1;
  }
  REQUIRE(filtered > 20);
  REQUIRE(explored > 3);
  std::size_t labelled = 0;
  for (const SignalRow& row : training.prepare_dataset().rows) {
    if (!row.signal.signal_id.starts_with("p")) continue;
    labelled += row.label ? 1U : 0U;
    if (row.label) REQUIRE(row.weight == 1 / 0.3);
  }
  REQUIRE(labelled == explored);
}
