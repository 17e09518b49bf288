// SPDX-License-Identifier: MIT
#include <rlx/risk/forecast_series.hpp>

#include "real_data.hpp"
#include "rlx_catch.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>

using rlx::risk::ForecastSeries;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

namespace {
constexpr std::array levels{0.1, 0.5, 0.9};
constexpr std::array quantiles{-0.020, 0.001, 0.018};
constexpr std::array samples{-6.0, -2.0, -1.0, 1.0, 3.0, 4.0, 7.0};
}  // namespace

TEST_CASE("stored quantiles and samples give the worked figures", "[risk][forecast_series]") {
  ForecastSeries series({0.05});
  series.add_quantiles(1'000, levels, quantiles);
  REQUIRE_THAT(series.at(1'000)->var, WithinAbs(0.0259532, 5e-8));  // of the specification
  REQUIRE(series.at(1'000)->cvar == rlx::risk::cvar_from_quantiles(levels, quantiles, {0.05}));
  ForecastSeries of_samples({0.3});
  of_samples.add_samples(5, samples);
  REQUIRE(of_samples.at(9)->var == 1.0);  // of the specification: VaR 1, tail mean -3.857143
  REQUIRE_THAT(of_samples.at(9)->cvar, WithinAbs(3.857143, 1e-6));
  REQUIRE(of_samples.at(9)->issued_ms == 5);
}

TEST_CASE("only what was issued by then is seen", "[risk][forecast_series]") {
  ForecastSeries series({0.3});
  REQUIRE_FALSE(series.at(0));
  series.add_samples(10, samples);
  series.add_samples(20, std::array{-100.0});
  REQUIRE_FALSE(series.at(9));
  for (const std::int64_t time : {10, 15, 19}) REQUIRE(series.at(time)->var == 1.0);
  REQUIRE(series.at(20)->var == 100.0);
  REQUIRE(series.at(std::numeric_limits<std::int64_t>::max())->var == 100.0);
}

TEST_CASE("a series refuses disorder and distributions that are none", "[risk][forecast_series]") {
  REQUIRE_THROWS_AS(ForecastSeries({0.0}), rlx::ConfigError);
  ForecastSeries series({0.3});
  series.add_samples(10, samples);
  REQUIRE_THROWS_WITH(series.add_samples(10, samples), ContainsSubstring("issued at 10 ms follows one of 10 ms"));
  REQUIRE_THROWS_AS(series.add_samples(11, std::array{1.0, std::nan("")}), rlx::NumericError);
  REQUIRE_THROWS_AS(series.add_samples(11, std::array<double, 0>{}), rlx::ConfigError);
  REQUIRE_THROWS_AS(series.add_quantiles(11, levels, samples), rlx::ShapeError);
  REQUIRE(series.forecasts().size() == 1);
  REQUIRE(series.at(11)->issued_ms == 10);
}

TEST_CASE("real stored quantiles become a series of losses", "[risk][forecast_series]") {
  const auto rows = rlx_test::real_rows("chronos_hourly_quantile_forecasts/GOOG.csv");
  if (rows.empty()) return;
  ForecastSeries series({0.1});
  std::int64_t issued = 0;
  for (const auto& row : rows) {  // of the close against its median: p10 is the VaR at 0.1
    const double median = std::stod(row[3]);
    series.add_quantiles(++issued, levels, std::array{std::stod(row[2]) / median - 1, 0.0, std::stod(row[4]) / median - 1});
  }
  const double p10 = std::stod(rows[0][2]), p50 = std::stod(rows[0][3]);
  REQUIRE_THAT(series.at(1)->var, WithinAbs(1 - p10 / p50, 1e-12));
  for (const auto& forecast : series.forecasts()) REQUIRE(forecast.cvar >= forecast.var);
}
