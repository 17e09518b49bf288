// SPDX-License-Identifier: MIT
#include <rlx/risk/sizing.hpp>

#include "rlx_catch.hpp"

#include <limits>
#include <vector>

using namespace rlx;
using namespace rlx::risk;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
}  // namespace

TEST_CASE("kelly_lite of the specification, its bounds and its zeros", "[risk][sizing]") {
  REQUIRE_THAT(kelly_lite(0.002, 0.08), WithinRel(0.0625, 1e-14));
  REQUIRE(kelly_lite(0.1, 0.08) == 0.15);
  REQUIRE(kelly_lite(0.1, 0.08, 0.5) == 0.5);
  REQUIRE(kelly_lite(0.002, 1e-200) == 0.15);  // sigma squared would be 0
  REQUIRE(kelly_lite(-0.002, 0.08) == 0);
  REQUIRE(kelly_lite(0.002, 0) == 0);
  REQUIRE(kelly_lite(0.002, -0.08) == 0);
  for (const double bad : {not_a_number, infinity, -infinity}) {
    REQUIRE(kelly_lite(bad, 0.08) == 0);
    REQUIRE(kelly_lite(0.002, bad) == 0);
    REQUIRE(kelly_lite(0.002, 0.08, bad) == 0);
  }
}

TEST_CASE("the drawdown scale falls to its floor", "[risk][sizing]") {
  REQUIRE(drawdown_scale(0, 0.2) == 1);
  REQUIRE_THAT(drawdown_scale(0.05, 0.2), WithinRel(0.75, 1e-15));
  REQUIRE(drawdown_scale(0.3, 0.2) == 0);
  REQUIRE(drawdown_scale(0.3, 0.2, 0.1) == 0.1);
  REQUIRE(drawdown_scale(-0.1, 0.2) == 1);
  REQUIRE(drawdown_scale(not_a_number, 0.2, 0.1) == 0.1);
  REQUIRE(drawdown_scale(infinity, 0.2) == 0);
  REQUIRE_THROWS_WITH(drawdown_scale(0, 0), ContainsSubstring("drawdown_scale: cap"));
  REQUIRE_THROWS_AS(drawdown_scale(0, not_a_number), ConfigError);
  REQUIRE_THROWS_AS(drawdown_scale(0, 0.2, 1.5), ConfigError);
}

TEST_CASE("entries stop at one drawdown and go on at a smaller one", "[risk][sizing]") {
  EntrySuspension suspension(0.10);
  REQUIRE_FALSE(suspension.suspended());
  const double drawdowns[] = {0.05, 0.0999, 0.10, 0.09, 0.0801, 0.08, 0.09, 0.2};
  const bool expected[] = {false, false, true, true, true, false, false, true};
  for (std::size_t t = 0; t < 8; ++t) {
    INFO(t);
    REQUIRE(suspension.update(drawdowns[t]) == expected[t]);
    REQUIRE(suspension.suspended() == expected[t]);
  }
  EntrySuspension own(0.10, 0.02);
  REQUIRE(own.update(not_a_number));
  REQUIRE(own.update(0.03));
  REQUIRE_FALSE(own.update(0.02));
  own.restore(true);
  REQUIRE(own.update(0.05));  // between the two thresholds the earlier state counts
  REQUIRE_THROWS_WITH(EntrySuspension(0), ContainsSubstring("EntrySuspension.suspend"));
  REQUIRE_THROWS_WITH(EntrySuspension(0.1, 0.2), ContainsSubstring("EntrySuspension.resume"));
  REQUIRE_THROWS_AS(EntrySuspension(not_a_number), ConfigError);
}

TEST_CASE("leverage and concentration", "[risk][sizing]") {
  REQUIRE(gross_leverage(std::vector<double>{0.5, -1, 0.25}) == 1.75);
  REQUIRE(leverage_scale(1.75, 3) == 1);
  REQUIRE_THAT(leverage_scale(2, 1.5), WithinRel(0.75, 1e-15));
  REQUIRE(leverage_scale(2, 0) == 0);
  REQUIRE(leverage_scale(0, 0) == 1);
  REQUIRE(leverage_scale(not_a_number, 2) == 0);
  REQUIRE_THROWS_AS(leverage_scale(1, -1), ConfigError);
  // Shares 1/2, 1/4, 1/4 whatever the signs: 0.375.
  REQUIRE_THAT(concentration(std::vector<double>{2, -1, 1}), WithinAbs(0.375, 1e-15));
  REQUIRE_THAT(concentration(std::vector<double>(8, -0.1)), WithinAbs(0.125, 1e-15));
  REQUIRE(concentration(std::vector<double>{0, 3}) == 1);
  REQUIRE(concentration(std::vector<double>{0, 0}) == 0);
  REQUIRE(concentration({}) == 0);
  REQUIRE_THROWS_WITH(concentration(std::vector<double>{1, not_a_number}), ContainsSubstring("weights[1] is not finite"));
  REQUIRE_THROWS_AS(gross_leverage(std::vector<double>{infinity}), NumericError);
}
