// SPDX-License-Identifier: MIT
// How often chance is promoted, and how often a better model is, over many trainings.
#include <rlx/signals/training_module.hpp>

#include <rlx/signals/records_json.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "../signals/planted.hpp"

using namespace rlx;
using namespace rlx::signals;
using rlx_test::plant;

TEST_CASE("labels that are noise are promoted in at most one of twenty trainings", "[.slow]") {
  constexpr int runs = 200;
  int promoted = 0;
  for (std::uint64_t run = 0; run < runs; ++run) {
    const auto noise = [](double, RandomStream& random) { return random.uniform() < 0.4; };
    RecentContext context(1'000);
    plant(context, 1'000, run, noise);
    TrainingModule training(context, {.seed = run});
    promoted += training.train_model(training.prepare_dataset()).updated ? 1 : 0;
  }
  const double limit = runs * 0.05 + 3 * std::sqrt(runs * 0.05 * 0.95);
  CAPTURE(promoted);
  REQUIRE(promoted <= limit);
}

TEST_CASE("a challenger whose signal has doubled is promoted in at least 95 of 100 runs", "[.slow]") {
  int promoted = 0, trained = 0;
  for (std::uint64_t run = 0; run < 100; ++run) {
    RecentContext context(12'000);
    constexpr double hour = 3'600, start = 1'767'225'600;  // half a year, so that no weekday is new at the end
    plant(context, 5'000, run, rlx_test::logistic_rule(1), start, "s", hour);
    TrainingModule training(context, {.window = 5'000, .seed = run});
    if (!training.train_model(training.prepare_dataset()).updated) continue;
    ++trained;
    plant(context, 5'000, run + 500, rlx_test::logistic_rule(2), start + 5'000 * hour, "t", hour);
    promoted += training.train_model(training.prepare_dataset()).updated ? 1 : 0;
  }
  CAPTURE(trained, promoted);
  REQUIRE(promoted >= 95);
}

TEST_CASE("a known logistic truth is calibrated within 0.02", "[.slow]") {
  RecentContext context(20'000);
  plant(context, 20'000, 1, rlx_test::logistic_rule(1));
  TrainingModule training(context, {.window = 20'000});
  const TrainReport report = training.train_model(training.prepare_dataset());
  REQUIRE(report.updated);
  REQUIRE(report.ece < 0.02);
}
