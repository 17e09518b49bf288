// SPDX-License-Identifier: MIT
#include <rlx/kalshi/success_checks.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace rlx::kalshi;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

// A run and its two tables that pass everything.
struct Run {
  TrainingHistory history;
  EvaluationTable train, held_out;
};

Run good_run() {
  Run run;
  for (int i = 0; i < 40; ++i) {
    UpdateRecord update;
    update.timesteps = static_cast<std::uint64_t>(i + 1) * 1'000;
    update.mean_reward = 0.5 * i;
    update.entropy = 1.2 - 0.02 * i;
    update.legal_entropy = std::log(3.0);
    update.approx_kl = 0.02;
    update.explained_variance = 0.01 * i;
    run.history.updates.push_back(update);
  }
  for (const double mean : {-2.0, 3.0, 6.0, 8.0}) run.history.evaluations.push_back({0, mean, mean + 1.0});
  for (EvaluationTable* const table : {&run.train, &run.held_out}) {
    table->total.views = 20;
    table->total.positive_share.value = 0.85;
    table->total.mean.value = table == &run.train ? 10.0 : 8.0;
    table->total.mean.interval = rlx::risk::Interval{table->total.mean.value, 2.0, 12.0};
    for (const double mean : {12.0, 9.0, 8.0, 6.0, -4.0}) {
      GroupResult fifth;
      fifth.mean.value = mean;
      table->by_difficulty.push_back(fifth);
    }
  }
  return run;
}

std::vector<Check> checks_of(const Run& run) { return success_checks(run.history, run.train, run.held_out); }

Check find(const Run& run, std::string_view criterion) {
  const std::vector<Check> checks = checks_of(run);
  const auto at = std::find_if(checks.begin(), checks.end(), [&](const Check& check) { return check.criterion == criterion; });
  REQUIRE(at != checks.end());
  return *at;
}
bool passes(const Run& run, std::string_view criterion) { return find(run, criterion).passed; }

// The criteria that fail.
std::vector<std::string> failures(const Run& run) {
  std::vector<std::string> names;
  for (const Check& check : checks_of(run)) {
    if (!check.passed) names.push_back(check.criterion);
  }
  return names;
}

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("Success checks: a good run passes all sixteen, with numbers", "[kalshi]") {
  const std::vector<Check> checks = checks_of(good_run());
  REQUIRE(checks.size() == 16);
  for (const Check& check : checks) {
    CAPTURE(check.criterion, check.found);
    CHECK(check.passed);
    CHECK_FALSE(check.found.empty());
  }
  CHECK(all_passed(checks));
}

TEST_CASE("Success checks: nothing measured fails and says so", "[kalshi]") {
  const Run run;
  const std::vector<Check> checks = checks_of(run);
  CHECK_FALSE(all_passed(checks));
  std::size_t passed = 0;
  for (const Check& check : checks) passed += check.passed;
  CHECK(passed == 1);  // that it ran without errors
  CHECK_THAT(find(run, "no forgetting").found, ContainsSubstring("not evaluated"));
  CHECK_THAT(find(run, "strong generalisation").found, ContainsSubstring("without an interval"));
}

TEST_CASE("Success checks: errors and divergence", "[kalshi]") {
  constexpr std::string_view name = "runs without errors, does not diverge";
  Run run = good_run();
  run.history.completed = false;
  CHECK(failures(run) == std::vector<std::string>{std::string(name)});
  run = good_run();
  run.history.parameters_finite = false;
  CHECK_FALSE(passes(run, name));
  run = good_run();
  run.history.updates[3].approx_kl = 0.499;
  CHECK(passes(run, name));
  run.history.updates[3].approx_kl = 0.5;
  CHECK_FALSE(passes(run, name));
  run.history.updates[3].approx_kl = not_a_number;
  CHECK_FALSE(passes(run, name));
}

TEST_CASE("Success checks: entropy of the last ten updates against drawing blindly", "[kalshi]") {
  constexpr std::string_view name = "takes non-random actions";
  Run run = good_run();
  for (std::size_t i = 0; i < 40; ++i) {
    run.history.updates[i].entropy = i < 30 ? 0.1 : 0.79;
    run.history.updates[i].legal_entropy = i < 30 ? 0.1 : 1.0;
  }
  CHECK(passes(run, name));
  for (std::size_t i = 30; i < 40; ++i) run.history.updates[i].entropy = 0.81;
  CHECK_FALSE(passes(run, name));
}

TEST_CASE("Success checks: shares of positive markets", "[kalshi]") {
  Run run = good_run();
  run.held_out.total.positive_share.value = 0.79;
  CHECK(failures(run) == std::vector<std::string>{"positive on 80 % of held-out markets"});
  run.held_out.total.positive_share.value = 0.5;
  CHECK(passes(run, "positive on 50 % of held-out markets"));
  run.held_out.total.positive_share.value = 0.05;
  CHECK(failures(run).size() == 2);
  run.held_out.total.positive_share.value = 0.0;
  CHECK(failures(run).size() == 3);
  run.train.total.positive_share.value = 0.0;
  CHECK(failures(run).size() == 6);
  CHECK_THAT(find(run, "positive on some training markets").found, ContainsSubstring("0.0 % of 20 views"));
}

TEST_CASE("Success checks: reward rises by its slope or by its tenths", "[kalshi]") {
  // 1 2 4: slope 1.5, errors 1/6 -1/3 1/6, squares 1/6; half width 1.96 sqrt(1/6 / 1 / 2).
  const auto trend = slope(std::vector<double>{1.0, 2.0, 4.0});
  REQUIRE(trend);
  CHECK(trend->estimate == Approx(1.5));
  CHECK(trend->high - trend->estimate == Approx(1.959964 * std::sqrt(1.0 / 12.0)));
  CHECK(trend->estimate - trend->low == Approx(1.959964 * std::sqrt(1.0 / 12.0)));
  CHECK_FALSE(slope(std::vector<double>{1.0, 2.0}));

  constexpr std::string_view name = "reward increases";
  Run run = good_run();
  // Starts high, falls, then rises: the last tenth is below the first, the last half rises.
  for (std::size_t i = 0; i < 40; ++i) {
    run.history.updates[i].mean_reward = i < 20 ? 100.0 - 5.0 * static_cast<double>(i) : static_cast<double>(i);
  }
  CHECK(passes(run, name));
  for (std::size_t i = 0; i < 40; ++i) run.history.updates[i].mean_reward = 40.0 - static_cast<double>(i);
  CHECK_FALSE(passes(run, name));
  for (std::size_t i = 0; i < 40; ++i) run.history.updates[i].mean_reward = i < 30 ? 1.0 : 1.0 + 0.1 * (i % 2 == 0);
  CHECK(passes(run, name));  // tenths
  for (UpdateRecord& update : run.history.updates) update.mean_reward.reset();
  CHECK_FALSE(passes(run, name));
  run.history.updates[0].mean_reward = 1.0;
  CHECK_FALSE(passes(run, name));
  run.history.updates[20].mean_reward = 2.0;  // updates in which nothing ended do not count
  CHECK(passes(run, name));
}

TEST_CASE("Success checks: last tenth against first tenth", "[kalshi]") {
  Run run = good_run();
  for (UpdateRecord& update : run.history.updates) update.entropy = 0.4;
  CHECK(failures(run) == std::vector<std::string>{"entropy decreases"});
  run = good_run();
  for (std::size_t i = 36; i < 40; ++i) run.history.updates[i].explained_variance = -1.0;
  CHECK(failures(run) == std::vector<std::string>{"value estimates improve"});
  run.history.updates[35].explained_variance = 99.0;  // not in the last tenth
  CHECK_FALSE(passes(run, "value estimates improve"));
}

TEST_CASE("Success checks: evaluations during training", "[kalshi]") {
  Run run = good_run();
  const auto held_out = [&run](const std::vector<double>& means) {
    run.history.evaluations.clear();
    for (const double mean : means) run.history.evaluations.push_back({0, mean, 1.0});
  };
  held_out({3.0, 2.0, 3.0});
  CHECK_FALSE(passes(run, "validation improves"));
  held_out({3.0, 3.1, 2.0});
  CHECK(passes(run, "validation improves"));
  held_out({3.0});
  CHECK_FALSE(passes(run, "validation improves"));
  // Steps 4 -4: deviation 4; level (1+5+1)/3.
  held_out({1.0, 5.0, 1.0});
  CHECK_FALSE(passes(run, "smooth curve"));
  // Steps 2 -2: deviation 2; level (3+5+3)/3.
  held_out({-3.0, -5.0, -3.0});
  CHECK(passes(run, "smooth curve"));
  held_out({1.0, 2.0});
  CHECK_FALSE(passes(run, "smooth curve"));

  const auto first_stage = [&run](const std::vector<double>& means) {
    run.history.evaluations.clear();
    for (const double mean : means) run.history.evaluations.push_back({0, 0.0, mean});
    return passes(run, "no forgetting");
  };
  CHECK(first_stage({1.0, 10.0, 8.0}));
  CHECK_FALSE(first_stage({1.0, 10.0, 7.9}));
  CHECK(first_stage({-5.0, -1.0, -9.0}));  // never positive
  run.history.evaluations.back().first_stage_mean.reset();
  CHECK(passes(run, "no forgetting"));
}

TEST_CASE("Success checks: worst difficulty and generalisation", "[kalshi]") {
  Run run = good_run();
  run.held_out.by_difficulty[4].mean.value = -8.0;
  CHECK(passes(run, "consistent across market types"));
  run.held_out.by_difficulty[4].mean.value = -8.1;
  CHECK(failures(run) == std::vector<std::string>{"consistent across market types"});
  run = good_run();
  run.held_out.total.mean.value = 5.0;
  CHECK(passes(run, "strong generalisation"));
  run.held_out.total.mean.value = 4.9;
  CHECK_FALSE(passes(run, "strong generalisation"));
  run = good_run();
  run.held_out.total.mean.interval->low = 0.0;
  CHECK_FALSE(passes(run, "strong generalisation"));
  run.held_out.total.mean.interval.reset();
  CHECK_FALSE(passes(run, "strong generalisation"));
  run = good_run();
  run.train.total.mean.value = -1.0;
  CHECK_FALSE(passes(run, "strong generalisation"));
  CHECK_THAT(find(run, "strong generalisation").found, ContainsSubstring("no score"));
}
