// SPDX-License-Identifier: MIT
#include <rlx/funding/split.hpp>

#include "rlx_catch.hpp"

#include <limits>
#include <string>

using rlx::funding::Fold;
using rlx::funding::ms_per_hour;
using rlx::funding::split_by_time;
using rlx::funding::Window;

TEST_CASE("one fold: fractions of the span less the embargoes", "[funding]") {
  // 1,048 hourly steps, embargo 24 h twice: span 1,000 = 600 | 200 | 200.
  const auto folds = split_by_time(1'048, ms_per_hour, {}, 168);
  REQUIRE(folds.size() == 1);
  REQUIRE(folds[0].train == Window{0, 600});
  REQUIRE(folds[0].validation == Window{624, 824});
  REQUIRE(folds[0].test == Window{848, 1'048});
}

TEST_CASE("embargo is rounded up to whole steps", "[funding]") {
  const auto folds = split_by_time(1'006, 8 * ms_per_hour, {.embargo_hours = 20.0}, 1);
  REQUIRE(folds[0].validation.begin - folds[0].train.end == 3);
  REQUIRE(folds[0].test.begin - folds[0].validation.end == 3);
}

TEST_CASE("walk-forward: anchored, consecutive disjoint tests that cover the test region", "[funding]") {
  const auto folds = split_by_time(2'048, ms_per_hour, {.folds = 3}, 10);
  REQUIRE(folds.size() == 3);
  const auto whole = split_by_time(2'048, ms_per_hour, {}, 10);
  REQUIRE(folds.front().test.begin == whole[0].test.begin);
  REQUIRE(folds.back().test.end == 2'048);
  for (std::size_t i = 0; i < folds.size(); ++i) {
    const Fold& fold = folds[i];
    REQUIRE(fold.train.begin == 0);
    REQUIRE(fold.train.end + 24 == fold.validation.begin);
    REQUIRE(fold.validation.end + 24 == fold.test.begin);
    if (i > 0) {
      REQUIRE(fold.test.begin == folds[i - 1].test.end);
      REQUIRE(fold.train.size() > folds[i - 1].train.size());
    }
  }
}

TEST_CASE("a window that cannot hold an episode is refused with lengths and advice", "[funding]") {
  try {
    (void)split_by_time(300, ms_per_hour, {}, 168);
    FAIL("expected ConfigError");
  } catch (const rlx::ConfigError& error) {
    const std::string text = error.what();
    REQUIRE_THAT(text, rlx_test::ContainsSubstring("300 steps"));
    REQUIRE_THAT(text, rlx_test::ContainsSubstring("168 steps"));
    REQUIRE_THAT(text, rlx_test::ContainsSubstring("use more data"));
  }
}

TEST_CASE("what is too short to split is told with the times of the windows, and an embargo that is too long is named",
          "[funding]") {
  const auto message = [](std::size_t n_steps, const rlx::funding::SplitConfig& config, std::size_t min_steps) {
    try {
      (void)split_by_time(n_steps, ms_per_hour, config, min_steps, 1'735'689'600'000);  // from 2025-01-01
    } catch (const rlx::ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  using rlx_test::ContainsSubstring;
  // 100 hourly steps less 2 x 24: span 52 = 31 | 10 | 11, at 0, 55 and 89.
  const std::string text = message(100, {}, 12);
  REQUIRE_THAT(text, ContainsSubstring("the data of 100 steps (4.17 days) from 2025-01-01T00:00:00Z to 2025-01-05T03:00:00Z"));
  REQUIRE_THAT(text, ContainsSubstring("train 31 steps (1.29 days) from 2025-01-01T00:00:00Z to 2025-01-02T06:00:00Z"));
  REQUIRE_THAT(text, ContainsSubstring("validation 10 steps (0.42 days) from 2025-01-03T07:00:00Z to 2025-01-03T16:00:00Z"));
  REQUIRE_THAT(text, ContainsSubstring("test 11 steps (0.46 days) from 2025-01-04T17:00:00Z to 2025-01-05T03:00:00Z"));
  // Without an embargo the windows are 60 | 20 | 20: enough for 12 steps, not for 24.
  REQUIRE_THAT(text, ContainsSubstring("the embargo is too long for these data"));
  REQUIRE_THAT(message(100, {}, 24), !ContainsSubstring("the embargo is too long"));
  REQUIRE(message(100, {.embargo_hours = 0.0}, 12) == "no error");
  REQUIRE_THAT(message(40, {}, 1),
               ContainsSubstring("the embargo of 24 steps (1.00 days), which stands twice, leaves nothing"));
}

TEST_CASE("fractions, embargo and folds out of range are refused", "[funding]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_THROWS_AS(split_by_time(5'000, ms_per_hour, {.train_fraction = 0.9, .validation_fraction = 0.2}, 1),
                    rlx::ConfigError);
  REQUIRE_THROWS_AS(split_by_time(5'000, ms_per_hour, {.train_fraction = nan}, 1), rlx::ConfigError);
  REQUIRE_THROWS_AS(split_by_time(5'000, ms_per_hour, {.validation_fraction = 0.0}, 1), rlx::ConfigError);
  REQUIRE_THROWS_AS(split_by_time(5'000, ms_per_hour, {.embargo_hours = -1.0}, 1), rlx::ConfigError);
  REQUIRE_THROWS_AS(split_by_time(5'000, ms_per_hour, {.folds = 0}, 1), rlx::ConfigError);
}
