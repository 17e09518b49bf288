// SPDX-License-Identifier: MIT
#include <rlx/risk/quantile_forecast.hpp>

#include "real_data.hpp"
#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>

using namespace rlx;
using namespace rlx::risk;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
const std::vector<double> levels{0.1, 0.5, 0.9};
const std::vector<double> quantiles{-0.020, 0.001, 0.018};
}  // namespace

TEST_CASE("the worked forecast of the specification", "[risk][quantile_forecast]") {
  REQUIRE_THAT(var_from_quantiles(levels, quantiles, {0.05}), WithinAbs(0.0259532, 5e-8));
  REQUIRE_THAT(cvar_from_quantiles(levels, quantiles, {0.05}), WithinRel(0.0328001263565, 1e-11));  // reference.py
  // Below p50 it is a normal with mean 0.001, so its CVaR is known; 4,096 mid-points give it to 1e-4.
  const double sigma = 0.021 / -normal_quantile(0.1);
  REQUIRE_THAT(cvar_from_quantiles(levels, quantiles, {0.05}), WithinRel(normal_cvar(0.001, sigma, {0.05}), 1e-4));
}

TEST_CASE("a forecast passes through its quantiles and is linear in z between and beyond them", "[risk][quantile_forecast]") {
  const QuantileForecast forecast(levels, quantiles);
  for (std::size_t i = 0; i < 3; ++i) REQUIRE_THAT(forecast.quantile(levels[i]), WithinAbs(quantiles[i], 1e-16));
  const double z = 0.5 * normal_quantile(0.9);
  REQUIRE_THAT(forecast.quantile(normal_cdf(z)), WithinAbs(0.5 * (0.001 + 0.018), 1e-15));
  REQUIRE_THAT(forecast.quantile(normal_cdf(4 * z)), WithinAbs(0.001 + 2 * 0.017, 1e-14));
  for (const double p : {0.001, 0.05, 0.3, 0.5, 0.77, 0.999}) {
    REQUIRE_THAT(forecast.probability(forecast.quantile(p)), WithinAbs(p, 1e-13));
  }
}

TEST_CASE("crossing quantiles are sorted", "[risk][quantile_forecast]") {
  const std::vector<double> crossed{0.001, -0.020, 0.018};
  REQUIRE(var_from_quantiles(levels, crossed, {0.05}) == var_from_quantiles(levels, quantiles, {0.05}));
}

TEST_CASE("equal quantiles have a probability", "[risk][quantile_forecast]") {
  const QuantileForecast point(levels, std::vector<double>{2, 2, 2});
  REQUIRE(point.quantile(0.01) == 2);
  REQUIRE(point.probability(1.9) == 0);
  REQUIRE(point.probability(2.1) == 1);
  const QuantileForecast flat(levels, std::vector<double>{1, 1, 2});
  REQUIRE(flat.probability(0.5) == 0);
  REQUIRE_THAT(flat.probability(1), WithinAbs(0.5, 1e-15));
}

TEST_CASE("forecasts that are too sure are recalibrated", "[risk][quantile_forecast]") {
  // The truth has twice the forecast's standard deviation. A tail of 0.05 then lies at the level Phi(2 Phi^-1(0.05)) = 0.0005.
  RandomStream random({5, Purpose::user, 0, 0});
  const std::vector<double> unit{normal_quantile(0.1), 0, normal_quantile(0.9)};
  const QuantileForecast forecast(levels, unit);
  std::vector<double> past(20'000);
  for (double& p : past) p = forecast.probability(2 * random.normal());
  const TailMass level = recalibrated(past, {0.05});
  REQUIRE_THAT(forecast.var(level), WithinRel(-2 * normal_quantile(0.05), 0.03));
  std::size_t naive = 0, right = 0;
  for (int i = 0; i < 20'000; ++i) {
    const double x = 2 * random.normal();
    naive += x < -forecast.var({0.05}) ? 1u : 0u;
    right += x < -forecast.var(level) ? 1u : 0u;
  }
  REQUIRE(naive > 3'900);  // Phi(-1.645/2) = 0.2054
  REQUIRE_THAT(static_cast<double>(right) / 20'000, WithinAbs(0.05, 0.006));
  // Forecasts that are right are left alone.
  for (std::size_t i = 0; i < past.size(); ++i) past[i] = (static_cast<double>(i) + 0.5) / 20'000;
  REQUIRE_THAT(recalibrated(past, {0.05}).alpha, WithinAbs(0.05, 1e-4));
  REQUIRE(recalibrated(std::vector<double>{0, 0}, {0.05}).alpha > 0);
}

TEST_CASE("forecasts that are none are refused", "[risk][quantile_forecast]") {
  REQUIRE_THROWS_WITH(QuantileForecast(std::array{0.5}, std::array{1.0}), ContainsSubstring("at least 2 levels"));
  REQUIRE_THROWS_AS(QuantileForecast(levels, std::array{1.0, 2.0}), ShapeError);
  REQUIRE_THROWS_WITH(QuantileForecast(levels, std::vector<double>{1, not_a_number, 2}), ContainsSubstring("quantiles[1]"));
  REQUIRE_THROWS_WITH(QuantileForecast(std::array{0.5, 0.5}, std::array{1.0, 2.0}), ContainsSubstring("levels[1]"));
  for (const double bad : {0.0, 1.0, -0.5, not_a_number}) {
    REQUIRE_THROWS_AS(QuantileForecast(std::array{bad, 0.5}, std::array{1.0, 2.0}), ConfigError);
    REQUIRE_THROWS_AS(QuantileForecast(levels, quantiles).quantile(bad), ConfigError);
  }
  REQUIRE_THROWS_AS(QuantileForecast(levels, quantiles).probability(not_a_number), NumericError);
  REQUIRE_THROWS_AS(cvar_from_quantiles(levels, quantiles, {0}), ConfigError);
  REQUIRE_THROWS_AS(recalibrated({}, {0.05}), ConfigError);
  REQUIRE_THROWS_AS(recalibrated(std::array{0.5, 1.5}, {0.05}), ConfigError);
  REQUIRE_THROWS_AS(recalibrated(std::array{not_a_number}, {0.05}), NumericError);
}

TEST_CASE("real forecasts that are too sure hold their tail after recalibration", "[risk][quantile_forecast]") {
  // Hourly forecasts of closes: the nominal 80 % interval holds about half of them, 31 % lie below p10.
  std::vector<std::pair<std::string, double>> probabilities;  // by time of issue
  for (const char* symbol : {"DBX", "GOOG", "META", "MSFT", "NET", "NVDA", "NYT", "PLTR", "TRIP", "YELP"}) {
    for (const auto& row : rlx_test::real_rows("chronos_hourly_quantile_forecasts/" + std::string(symbol) + ".csv")) {
      if (row.size() < 8 || row[7].empty()) continue;
      const QuantileForecast forecast(levels, std::array{std::stod(row[2]), std::stod(row[3]), std::stod(row[4])});
      probabilities.emplace_back(row[0], forecast.probability(std::stod(row[7])));
    }
  }
  if (probabilities.empty()) return;
  std::sort(probabilities.begin(), probabilities.end());
  const std::size_t half = probabilities.size() / 2;
  std::vector<double> past;
  for (std::size_t i = 0; i < half; ++i) past.push_back(probabilities[i].second);
  const double level = recalibrated(past, {0.1}).alpha;
  double naive = 0, right = 0;
  for (std::size_t i = half; i < probabilities.size(); ++i) {
    naive += probabilities[i].second < 0.1 ? 1 : 0;
    right += probabilities[i].second < level ? 1 : 0;
  }
  const auto later = static_cast<double>(probabilities.size() - half);
  REQUIRE(naive / later > 0.25);  // NumPy: 0.288 before, 0.105 after
  REQUIRE_THAT(right / later, WithinAbs(0.1, 0.03));
}
