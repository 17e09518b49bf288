// SPDX-License-Identifier: MIT
#include <rlx/risk/probability_metrics.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>

using namespace rlx;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

namespace {

const std::vector<double> p = {0.2, 0.6, 0.6, 0.9};
const std::vector<double> y = {0, 1, 0, 1};

}  // namespace

TEST_CASE("scores of four probabilities have their hand-worked values") {
  REQUIRE(risk::accuracy(p, y) == 0.75);  // 0.6 for a 0 is the one mistake
  REQUIRE(risk::majority_share(y) == 0.5);
  REQUIRE_THAT(risk::brier_score(p, y), WithinAbs((0.04 + 0.16 + 0.36 + 0.01) / 4, 1e-15));  // 0.1425
  REQUIRE_THAT(risk::log_loss(p, y), WithinAbs(-(std::log(0.8) + std::log(0.6) + std::log(0.4) + std::log(0.9)) / 4, 1e-15));
  // Pairs: 0.6 > 0.2, 0.6 = 0.6 (half), 0.9 > 0.2, 0.9 > 0.6.
  REQUIRE(risk::auc(p, y) == 3.5 / 4);
  // Bins [0, 0.5): 0.2 against 0; [0.5, 1]: mean 0.7 against 2/3. (1 * 0.2 + 3 * 1/30) / 4 = 0.075.
  REQUIRE_THAT(risk::expected_calibration_error(p, y, 2), WithinAbs(0.075, 1e-15));
}

TEST_CASE("one half counts as a positive decision and 1 lies in the last bin") {
  const std::vector<double> one = {1};
  REQUIRE(risk::accuracy(std::vector{0.5}, one) == 1);
  REQUIRE(risk::expected_calibration_error(one, one) == 0);
  REQUIRE_THAT(risk::log_loss(one, std::vector{0.0}), WithinAbs(-std::log(1e-12), 1e-4));  // clipped, not infinite
}

TEST_CASE("the AUC of one class is not a number") {
  REQUIRE(std::isnan(risk::auc(std::vector{0.1, 0.9}, std::vector{1.0, 1.0})));
  REQUIRE(std::isnan(risk::auc(std::vector{0.1, 0.9}, std::vector{0.0, 0.0})));
}

TEST_CASE("the AUC equals the count of pairs for random scores with ties") {
  RandomStream random({7, Purpose::user});
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<double> scores(60), outcomes(60);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      scores[i] = static_cast<double>(random.bounded(12)) / 11;
      outcomes[i] = random.uniform() < 0.4 ? 1 : 0;
    }
    double wins = 0, pairs = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      for (std::size_t j = 0; j < scores.size(); ++j) {
        if (outcomes[i] != 1 || outcomes[j] != 0) continue;
        ++pairs;
        wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
      }
    }
    REQUIRE_THAT(risk::auc(scores, outcomes), WithinAbs(wins / pairs, 1e-12));
  }
}

TEST_CASE("scores refuse what is no probability, no outcome and no pair of them") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_THROWS_AS(risk::brier_score(p, std::vector{1.0}), ShapeError);
  REQUIRE_THROWS_AS(risk::auc(std::vector<double>{}, std::vector<double>{}), ShapeError);
  REQUIRE_THROWS_AS(risk::log_loss(std::vector{1.5}, std::vector{1.0}), NumericError);
  REQUIRE_THROWS_AS(risk::accuracy(std::vector{nan}, std::vector{1.0}), NumericError);
  REQUIRE_THROWS_WITH(risk::accuracy(std::vector{0.5}, std::vector{0.5}), ContainsSubstring("y[0] is 0.5"));
  REQUIRE_THROWS_AS(risk::expected_calibration_error(p, y, 0), ConfigError);
}

TEST_CASE("tests of shares have their hand-worked values") {
  REQUIRE_THAT(risk::mcnemar_test(15, 5).statistic, WithinAbs(4.05, 1e-12));
  REQUIRE_THAT(risk::mcnemar_test(15, 5).p_value, WithinAbs(0.04417, 5e-6));  // chi-square, one degree of freedom
  REQUIRE(risk::mcnemar_test(5, 15) == risk::mcnemar_test(15, 5));
  REQUIRE(risk::mcnemar_test(0, 0).p_value == 1);
  REQUIRE(risk::mcnemar_test(3, 3).statistic == 0);  // the correction does not turn no difference into one

  const risk::TestResult trend = risk::two_proportion_test(5, 50, 15, 50);
  REQUIRE_THAT(trend.statistic, WithinAbs(2.5, 1e-12));
  REQUIRE_THAT(trend.p_value, WithinAbs(0.012419, 5e-7));
  REQUIRE_THAT(risk::two_proportion_test(15, 50, 5, 50).statistic, WithinAbs(-2.5, 1e-12));
  REQUIRE(risk::two_proportion_test(0, 50, 0, 50).p_value == 1);
  REQUIRE(risk::two_proportion_test(0, 0, 5, 50).p_value == 1);
  REQUIRE_THROWS_AS(risk::two_proportion_test(6, 5, 1, 5), ConfigError);
}

TEST_CASE("Benjamini-Hochberg refuses up to the last p value below its line") {
  // At rate 0.10 the lines are 0.02, 0.04, 0.06, 0.08, 0.10: 0.055 is below the third, so 0.05 goes with it.
  const std::vector<double> values = {0.5, 0.01, 0.055, 0.05, 0.09};
  REQUIRE(risk::benjamini_hochberg(values, 0.10) == std::vector<bool>{false, true, true, true, false});
  REQUIRE(risk::benjamini_hochberg(std::vector{0.03, 0.9}, 0.05) == std::vector<bool>{false, false});
  REQUIRE(risk::benjamini_hochberg(std::vector<double>{}, 0.05).empty());
  REQUIRE_THROWS_AS(risk::benjamini_hochberg(values, 0), ConfigError);
}

TEST_CASE("the population stability index has its hand-worked value and floors empty bins") {
  const std::vector<double> before = {0.5, 0.3, 0.2}, after = {0.4, 0.3, 0.3};
  REQUIRE_THAT(risk::population_stability_index(before, after), WithinAbs(0.0628609, 5e-8));
  REQUIRE(risk::population_stability_index(before, before) == 0);
  REQUIRE_THAT(risk::population_stability_index(std::vector{0.5, 0.5}, std::vector{1.0, 0.0}),
               WithinAbs(0.5 * std::log(2.0) + (1e-4 - 0.5) * std::log(1e-4 / 0.5), 1e-12));
  REQUIRE_THROWS_AS(risk::population_stability_index(before, std::vector{1.0}), ShapeError);
  REQUIRE_THROWS_AS(risk::population_stability_index(std::vector{2.0}, std::vector{1.0}), NumericError);
}
