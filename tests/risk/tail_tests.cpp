// SPDX-License-Identifier: MIT
#include <rlx/risk/tail_tests.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <limits>
#include <vector>

using namespace rlx;
using namespace rlx::risk;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
}

TEST_CASE("hits are outcomes below the forecast", "[risk][tail_tests]") {
  const std::vector<double> outcomes{-3, -2, 1, -0.5, -2};
  const std::vector<double> var{2, 2, -2, 1, 1};  // a VaR below 0: even the tail was expected to gain 2
  std::vector<std::uint8_t> hits(5);
  tail_hits(outcomes, var, hits);
  REQUIRE(hits == std::vector<std::uint8_t>{1, 0, 1, 0, 1});  // equal to -VaR is no hit
  REQUIRE_THAT(tail_hit_rate(outcomes, var), WithinRel(0.6, 1e-15));
}

TEST_CASE("the worked Kupiec test of the specification", "[risk][tail_tests]") {
  const TestResult result = kupiec(250, 20, {0.05});
  REQUIRE_THAT(result.statistic, WithinAbs(4.03952, 5e-6));
  REQUIRE_THAT(result.p_value, WithinAbs(0.0444464618464, 1e-7));  // reference.py: scipy.stats.chi2.sf(4.03952, 1)
  REQUIRE_THAT(kupiec_excess_p_value(250, 20, {0.05}), WithinAbs(0.0444464618464 / 2, 1e-7));
}

TEST_CASE("Kupiec's test at its limits", "[risk][tail_tests]") {
  REQUIRE_THAT(kupiec(100, 0, {0.05}).statistic, WithinRel(-200 * std::log(0.95), 1e-13));
  REQUIRE_THAT(kupiec(100, 100, {0.05}).statistic, WithinRel(-200 * std::log(0.05), 1e-13));
  REQUIRE_THAT(kupiec(100, 5, {0.05}).statistic, WithinAbs(0, 1e-12));
  REQUIRE_THAT(kupiec(100, 5, {0.05}).p_value, WithinAbs(1, 1e-6));
  REQUIRE(kupiec(10, 10, {1}) == TestResult{0, 1});
  REQUIRE(kupiec(10, 9, {1}).p_value == 0);  // impossible
  // One-sided: many hits are near 0, few near 1, the expected number at a half.
  REQUIRE(kupiec_excess_p_value(250, 60, {0.05}) < 1e-10);
  REQUIRE(kupiec_excess_p_value(250, 0, {0.05}) > 0.999);
  REQUIRE_THAT(kupiec_excess_p_value(100, 5, {0.05}), WithinAbs(0.5, 1e-6));
}

TEST_CASE("Christoffersen's tests against SciPy", "[risk][tail_tests]") {
  std::vector<std::uint8_t> hits(250);
  for (std::size_t t = 0; t < 250; ++t) hits[t] = t * t % 17 == 4 || t % 40 < 2 ? 1 : 0;
  const ChristoffersenResult result = christoffersen(hits, {0.05});  // reference.py
  REQUIRE_THAT(result.unconditional.statistic, WithinRel(43.9688113453, 1e-11));
  REQUIRE_THAT(result.unconditional.p_value, WithinRel(3.33650223105e-11, 1e-9));
  REQUIRE_THAT(result.independence.statistic, WithinRel(1.17807034397, 1e-11));
  REQUIRE_THAT(result.independence.p_value, WithinRel(0.277749185529, 1e-11));
  REQUIRE_THAT(result.conditional.statistic, WithinRel(45.1468816893, 1e-11));
  REQUIRE_THAT(result.conditional.p_value, WithinRel(1.57209651005e-10, 1e-9));
}

TEST_CASE("clustered hits fail independence, and a sequence without pairs passes", "[risk][tail_tests]") {
  std::vector<std::uint8_t> clustered(200, 0), single(1, 1), none(50, 0), all(50, 1);
  for (std::size_t t = 90; t < 100; ++t) clustered[t] = 1;
  REQUIRE(christoffersen(clustered, {0.05}).unconditional.p_value > 0.9);
  REQUIRE(christoffersen(clustered, {0.05}).independence.p_value < 1e-10);
  REQUIRE(christoffersen(single, {0.05}).independence == TestResult{0, 1});
  REQUIRE(christoffersen(none, {0.05}).independence == TestResult{0, 1});
  REQUIRE(christoffersen(all, {0.05}).independence == TestResult{0, 1});
}

TEST_CASE("tail tests refuse what does not fit", "[risk][tail_tests]") {
  const std::vector<double> x{1, 2};
  std::vector<std::uint8_t> hits(2);
  REQUIRE_THROWS_WITH(tail_hit_rate(x, std::vector<double>{1}), ContainsSubstring("1 forecasts for 2 outcomes"));
  REQUIRE_THROWS_AS(tail_hits(x, std::vector<double>{1}, hits), ShapeError);
  REQUIRE_THROWS_AS(tail_hits(x, x, std::span(hits).first(1)), ShapeError);
  REQUIRE_THROWS_AS(tail_hit_rate({}, {}), ConfigError);
  REQUIRE_THROWS_AS(tail_hits({}, {}, {}), ConfigError);
  REQUIRE_THROWS_WITH(tail_hit_rate(x, std::vector<double>{1, not_a_number}), ContainsSubstring("var[1] is not finite"));
  REQUIRE_THROWS_AS(tail_hits(std::vector<double>{1, not_a_number}, x, hits), NumericError);
  REQUIRE_THROWS_AS(kupiec(0, 0, {0.05}), ConfigError);
  REQUIRE_THROWS_AS(kupiec(5, 6, {0.05}), ConfigError);
  REQUIRE_THROWS_AS(kupiec(5, 1, {0}), ConfigError);
  REQUIRE_THROWS_AS(christoffersen({}, {0.05}), ConfigError);
  REQUIRE_THROWS_AS(christoffersen(hits, {not_a_number}), ConfigError);
}
