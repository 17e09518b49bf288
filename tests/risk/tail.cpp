// SPDX-License-Identifier: MIT
#include <rlx/risk/tail.hpp>

#include "counting_allocator.hpp"
#include "reference_series.hpp"
#include "rlx_catch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

using namespace rlx;
using namespace rlx::risk;
using rlx_test::ContainsSubstring;
using rlx_test::reference_series;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
const std::vector<double> example{3, -2, 7, -6, 1, -1, 4};  // the specification's, not in order

std::vector<double> weights_of(const std::vector<double>& outcomes, double alpha) {
  std::vector<double> omega(outcomes.size());
  tail_weights(outcomes, {alpha}, omega);
  return omega;
}

}  // namespace

TEST_CASE("the worked tail of the specification in every convention", "[risk][tail]") {
  const TailResult result = tail(example, {0.3});
  REQUIRE_THAT(result.k, WithinRel(2.1, 1e-14));
  REQUIRE(result.var == 1);
  REQUIRE(result.full == 2);
  REQUIRE_THAT(result.tail_mean, WithinAbs(-3.857143, 5e-7));
  REQUIRE(result.cvar == -result.tail_mean);
  REQUIRE(tail(example, {0.3}, TailConvention::floor_count).tail_mean == -4);
  REQUIRE(tail(example, {0.3}, TailConvention::floor_count).var == 1);  // VaR does not depend on the convention
  REQUIRE(tail(example, {0.3}, TailConvention::ceil_count).tail_mean == -3);
  REQUIRE(tail(example, {0.3}, TailConvention::ceil_count).full == 3);
  REQUIRE(tail(example, {0.3}, TailConvention::empyrical).tail_mean == -4);  // int(6 * 0.3) + 1 = 2 of them
  REQUIRE(tail(example, {1.0 / 7}).tail_mean == -6);
  REQUIRE_THAT(tail(example, {1}).tail_mean, WithinRel(6.0 / 7, 1e-14));
}

TEST_CASE("a tail of less than one outcome is the worst one", "[risk][tail]") {
  for (const TailConvention convention : {TailConvention::rockafellar_uryasev, TailConvention::floor_count,
                                          TailConvention::ceil_count, TailConvention::empyrical}) {
    REQUIRE_THAT(tail(example, {0.01}, convention).tail_mean, WithinRel(-6.0, 1e-15));
    REQUIRE_THAT(tail(example, {1e-12}, convention).cvar, WithinRel(6.0, 1e-15));
    REQUIRE(tail(std::vector<double>{2}, {0.5}, convention).tail_mean == 2);
  }
  REQUIRE(tail(example, {0.01}).full == 0);
}

TEST_CASE("alpha times n is an integer where only rounding says otherwise", "[risk][tail]") {
  std::vector<double> x(100);
  std::iota(x.begin(), x.end(), 0.0);
  const TailResult result = tail(x, {0.07});  // 0.07 * 100 is 7.000000000000001
  REQUIRE(result.k == 7);
  REQUIRE(result.var == -6);
  REQUIRE(result.tail_mean == 3);
  REQUIRE(tail(x, {0.07}, TailConvention::ceil_count).full == 7);
  REQUIRE(tail(x, TailMass::from_confidence(0.95)).k == 5);  // 1 - 0.95 is not 0.05
  REQUIRE(TailMass::from_confidence(0.75) == TailMass{0.25});
}

TEST_CASE("the weights of the tail", "[risk][tail]") {
  // Sorted weights (0.476190, 0.476190, 0.047619, 0, ...) of (-6, -2, -1, 1, 3, 4, 7).
  const std::vector<double> omega = weights_of(example, 0.3);
  const std::vector<double> expected{0, 1 / 2.1, 0, 1 / 2.1, 0, 0.1 / 2.1, 0};
  for (std::size_t i = 0; i < omega.size(); ++i) REQUIRE_THAT(omega[i], WithinAbs(expected[i], 1e-14));
}

TEST_CASE("equal outcomes share the rest of the tail equally", "[risk][tail]") {
  // k = 3 of 6; one below the VaR of -1, so 2/3 for three outcomes.
  const std::vector<double> omega = weights_of({-1, 5, -1, -4, -1, 2}, 0.5);
  const std::vector<double> expected{2.0 / 9, 0, 2.0 / 9, 1.0 / 3, 2.0 / 9, 0};
  for (std::size_t i = 0; i < omega.size(); ++i) REQUIRE_THAT(omega[i], WithinAbs(expected[i], 1e-14));
  for (const double w : weights_of({2, 2, 2, 2}, 0.3)) REQUIRE_THAT(w, WithinAbs(0.25, 1e-15));
}

TEST_CASE("probabilities: mass is consumed from the worst", "[risk][tail]") {
  // Mass 0.3 is 0.1 of -10, 0.15 of -2 and 0.05 of 4: (-1 - 0.3 + 0.2)/0.3.
  const std::vector<double> x{4, -10, 8, -2, -100};
  const std::vector<double> p{2, 0.5, 1.75, 0.75, 0};  // not normalised: 5 in all
  const TailResult result = tail_weighted(x, p, {0.3});
  REQUIRE_THAT(result.tail_mean, WithinRel(-1.1 / 0.3, 1e-13));
  REQUIRE(result.var == -4);
  REQUIRE(result.full == 2);
  REQUIRE_THAT(tail_weighted(x, p, {1}).tail_mean, WithinRel(8 * 0.35 + 4 * 0.4 - 0.3 - 1, 1e-13));
  REQUIRE(tail_weighted(x, p, {0.1}).var == 10);  // exactly the mass of the worst
  REQUIRE(tail_weighted(x, p, {0.1}).full == 1);
}

TEST_CASE("value at risk by both rules", "[risk][tail]") {
  REQUIRE(value_at_risk(example, {0.3}) == 1);
  // Rank 0.3 * 6 = 1.8 between -2 and -1. NumPy: quantile(x, 0.3) = -1.2.
  REQUIRE_THAT(value_at_risk(example, {0.3}, QuantileRule::linear), WithinRel(1.2, 1e-13));
  REQUIRE(value_at_risk(example, {1}, QuantileRule::linear) == -7);
  REQUIRE(value_at_risk(example, {0.5}, QuantileRule::linear) == -1);
  REQUIRE(value_at_risk(std::vector<double>{5}, {0.5}, QuantileRule::linear) == -5);
}

TEST_CASE("large inputs are filtered first and still exact", "[risk][tail]") {
  // Random, ascending, descending, almost all equal, and one that a sample at a regular distance misjudges completely.
  const std::size_t n = 50'000;
  std::vector<std::vector<double>> inputs(5, std::vector<double>(n));
  for (std::size_t t = 0; t < n; ++t) {
    inputs[0][t] = static_cast<double>((t * 7'919'919) % 1'000'003);
    inputs[1][t] = static_cast<double>(t);
    inputs[2][t] = -static_cast<double>(t);
    inputs[3][t] = t % 1'000 == 0 ? -1 : 0;
    inputs[4][t] = t % 24 == 0 ? -1e6 : static_cast<double>((t * 104'729) % 10'007);
  }
  for (std::size_t input = 0; input < inputs.size(); ++input) {
    const std::vector<double>& x = inputs[input];
    std::vector<double> sorted = x;
    std::sort(sorted.begin(), sorted.end());
    for (const double alpha : {1e-5, 0.001, 0.05, 0.3, 0.5, 0.9, 1.0}) {
      INFO("input " << input << " alpha " << alpha);
      const double k = alpha * static_cast<double>(n);
      const double tolerance = 1e-9 * static_cast<double>(n);
      const auto rank = static_cast<std::size_t>(std::ceil(k - tolerance));
      double sum = 0;
      for (std::size_t i = 0; i + 1 < rank; ++i) sum += sorted[i];
      sum += (k - static_cast<double>(rank - 1)) * sorted[rank - 1];
      const TailResult result = tail(x, {alpha});
      REQUIRE(result.var == -sorted[rank - 1]);
      REQUIRE_THAT(result.tail_mean, WithinRel(sum / k, 1e-10) || WithinAbs(sum / k, 1e-10));
      REQUIRE(value_at_risk(x, {alpha}) == -sorted[rank - 1]);
      const double position = alpha * static_cast<double>(n - 1);
      const auto lower = static_cast<std::size_t>(position);
      const double upper = sorted[std::min(lower + 1, n - 1)];
      const double linear = sorted[lower] + (position - static_cast<double>(lower)) * (upper - sorted[lower]);
      REQUIRE_THAT(value_at_risk(x, {alpha}, QuantileRule::linear), WithinAbs(-linear, 1e-9));
    }
  }
}

TEST_CASE("repeated tails reuse one scratch", "[risk][tail]") {
  const std::vector<double> x = reference_series(20'000);
  std::vector<double> scratch;
  tail(x, {0.05}, TailConvention::rockafellar_uryasev, scratch);
  const rlx_test::AllocationCounter count;
  tail(x, {0.05}, TailConvention::rockafellar_uryasev, scratch);
  tail(x, {0.9}, TailConvention::rockafellar_uryasev, scratch);
  REQUIRE(count.count() == 0);
}

TEST_CASE("entropic measures against SciPy", "[risk][tail]") {
  // reference.py: SciPy's bounded scalar minimisation of the same function.
  const std::vector<double> x = reference_series(400, 104'729, 7);
  REQUIRE_THAT(evar(x, {0.3}), WithinRel(0.0156195310025, 1e-11));
  REQUIRE_THAT(evar(x, {0.05}), WithinRel(0.0192911639972, 1e-11));
  REQUIRE_THAT(evar(x, {0.01}), WithinRel(0.019870182406, 1e-11));
  REQUIRE_THAT(entropic_risk(x, 0.01, {0.05}), WithinRel(0.0359421209019, 1e-11));
  // Two equal outcomes 0 and 2: theta ln((1 + e^(-2/theta))/2); theta 1: ln((1 + e^-2)/2).
  REQUIRE_THAT(entropic_risk(std::vector<double>{0, 2}, 1), WithinRel(std::log((1 + std::exp(-2.0)) / 2), 1e-13));
}

TEST_CASE("EVaR is the greatest loss where that loss has the mass of the tail, and never more", "[risk][tail]") {
  REQUIRE(evar(example, {0.1}) == 6);  // 1 of 7 is more than 0.1
  REQUIRE(evar(example, {1.0 / 7}) == 6);
  REQUIRE(evar(std::vector<double>{1, 1, 1}, {0.2}) == -1);
  const double close = evar(example, {1.0 / 7 + 1e-6});
  REQUIRE(close < 6);
  REQUIRE(close > 5.99);
  // Alpha 1 is the mean loss, and it is approached.
  REQUIRE_THAT(evar(example, {1}), WithinRel(-6.0 / 7, 1e-13));
  REQUIRE_THAT(evar(example, {1 - 1e-12}), WithinAbs(-6.0 / 7, 1e-4));
  // Neither the unit nor an offset matters, also far from 1.
  const double base = evar(example, {0.3});
  std::vector<double> small = example, shifted = example;
  for (double& v : small) v *= 1e-9;
  for (double& v : shifted) v += 1e6;
  REQUIRE_THAT(evar(small, {0.3}), WithinRel(base * 1e-9, 1e-11));
  REQUIRE_THAT(evar(shifted, {0.3}), WithinRel(base - 1e6, 1e-14));
}

TEST_CASE("semi-deviation, mean difference and the normal tail", "[risk][tail]") {
  const std::vector<double> x = reference_series(400, 104'729, 7);
  REQUIRE_THAT(semi_deviation(x), WithinRel(0.00818781869151, 1e-11));       // reference.py
  REQUIRE_THAT(gini_mean_difference(x), WithinRel(0.0134105218045, 1e-11));  // reference.py, all pairs
  REQUIRE_THAT(semi_deviation(std::vector<double>{-1, 0, 1}), WithinRel(std::sqrt(1.0 / 3), 1e-14));
  REQUIRE_THAT(gini_mean_difference(std::vector<double>{4, 1, 2}), WithinRel(2.0, 1e-14));  // 3, 1 and 2
  REQUIRE_FALSE(is_finite(gini_mean_difference(std::vector<double>{4})));
  REQUIRE(semi_deviation(std::vector<double>{4}) == 0);
  REQUIRE_THAT(normal_cvar(0.001, 0.02, {0.01}), WithinRel(0.0523042844069, 1e-11));  // reference.py, SciPy
  REQUIRE_THAT(normal_cvar(0.001, 0.02, {0.05}), WithinRel(0.0402542561501, 1e-11));
  REQUIRE_THAT(normal_cvar(0.001, 0.02, {0.5}), WithinRel(0.0149576912161, 1e-11));
  REQUIRE(normal_cvar(0.001, 0.02, {1}) == -0.001);
  REQUIRE(normal_cvar(0.5, 0, {0.05}) == -0.5);
}

TEST_CASE("NaN can be left out and is counted, an infinity cannot", "[risk][tail]") {
  std::vector<double> kept{9, 9, 9};
  REQUIRE(without_nan(std::vector<double>{1, not_a_number, 2, not_a_number}, kept) == 2);
  REQUIRE(kept == std::vector<double>{1, 2});
  REQUIRE(without_nan(std::vector<double>{-not_a_number}, kept) == 1);
  REQUIRE(kept.empty());
  REQUIRE_THROWS_WITH(without_nan(std::vector<double>{1, -infinity}, kept), ContainsSubstring("values[1] is infinite"));
}

TEST_CASE("tail measures refuse what has no tail, by name", "[risk][tail]") {
  const std::vector<double> none;
  std::vector<double> out(7);
  for (const double alpha : {0.0, -0.1, 1.1, not_a_number, infinity}) {
    REQUIRE_THROWS_WITH(tail(example, {alpha}), ContainsSubstring("TailMass.alpha must be in (0, 1], got"));
    REQUIRE_THROWS_AS(tail_weighted(example, example, {alpha}), ConfigError);
    REQUIRE_THROWS_AS(tail_weights(example, {alpha}, out), ConfigError);
    REQUIRE_THROWS_AS(value_at_risk(example, {alpha}), ConfigError);
    REQUIRE_THROWS_AS(evar(example, {alpha}), ConfigError);
    REQUIRE_THROWS_AS(normal_cvar(0, 1, {alpha}), ConfigError);
  }
  REQUIRE_THROWS_WITH(tail(none, {0.1}), ContainsSubstring("tail: outcomes is empty"));
  REQUIRE_THROWS_AS(tail_weighted(none, none, {0.1}), ConfigError);
  REQUIRE_THROWS_AS(value_at_risk(none, {0.1}), ConfigError);
  REQUIRE_THROWS_AS(evar(none, {0.1}), ConfigError);
  REQUIRE_THROWS_AS(semi_deviation(none), ConfigError);
  REQUIRE_THROWS_AS(gini_mean_difference(none), ConfigError);
  for (const double bad : {not_a_number, infinity, -infinity}) {
    const std::vector<double> x{1, 2, bad};
    REQUIRE_THROWS_WITH(tail(x, {0.1}), ContainsSubstring("outcomes[2] is not finite"));
    REQUIRE_THROWS_AS(tail_weights(x, {0.1}, std::span(out).first(3)), NumericError);
    REQUIRE_THROWS_AS(value_at_risk(x, {0.1}), NumericError);
    REQUIRE_THROWS_AS(evar(x, {0.1}), NumericError);
    REQUIRE_THROWS_AS(entropic_risk(x, 1), NumericError);
  }
  REQUIRE_THROWS_AS(entropic_risk(example, 0), ConfigError);
  REQUIRE_THROWS_AS(entropic_risk(example, not_a_number), ConfigError);
  REQUIRE_THROWS_AS(normal_cvar(not_a_number, 1, {0.1}), ConfigError);
  REQUIRE_THROWS_AS(normal_cvar(0, -1, {0.1}), ConfigError);
  for (const double confidence : {-0.1, 1.0, not_a_number}) {
    REQUIRE_THROWS_AS(TailMass::from_confidence(confidence), ConfigError);
  }
  REQUIRE_THROWS_AS(tail_weights(example, {0.1}, std::span(out).first(3)), ShapeError);
}

TEST_CASE("probabilities that are none are refused", "[risk][tail]") {
  const std::vector<double> x{1, 2};
  REQUIRE_THROWS_WITH(tail_weighted(x, std::vector<double>{1, -0.5}, {0.1}), ContainsSubstring("probabilities[1] is -0.5"));
  REQUIRE_THROWS_WITH(tail_weighted(x, std::vector<double>{0, 0}, {0.1}), ContainsSubstring("probabilities sum to 0"));
  REQUIRE_THROWS_AS(tail_weighted(x, std::vector<double>{1, not_a_number}, {0.1}), NumericError);
  REQUIRE_THROWS_AS(tail_weighted(x, std::vector<double>{1}, {0.1}), ShapeError);
}

TEST_CASE("the linear quantile rule", "[risk][tail]") {
  // NumPy: quantile([1, 2, 3, 4], [0, 0.25, 0.5, 0.9, 1]) = 1, 1.75, 2.5, 3.7, 4.
  const double expected[][2] = {{0, 1}, {0.25, 1.75}, {0.5, 2.5}, {0.9, 3.7}, {1, 4}};
  for (const auto& [p, value] : expected) {
    std::vector<double> x{3, 1, 4, 2};
    REQUIRE_THAT(linear_quantile(x, p), WithinAbs(value, 1e-12));
  }
  std::vector<double> one{7};
  REQUIRE(linear_quantile(one, 0.3) == 7);
  std::vector<double> none;
  REQUIRE_THROWS_AS(linear_quantile(none, 0.5), ShapeError);
  REQUIRE_THROWS_AS(linear_quantile(one, not_a_number), ConfigError);
}
