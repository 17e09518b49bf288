// SPDX-License-Identifier: MIT
#include <rlx/funding/observation_features.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cmath>
#include <cstdint>

using namespace rlx::funding;
using rlx_test::WithinAbs;

TEST_CASE("features: compress is the clipped inverse hyperbolic sine", "[funding][features]") {
  for (const double x : {-1e6, -300.0, -2.0, -0.1, -1e-12, 1e-12, 0.003, 0.5, 7.0, 36.0, 1e9}) {
    for (const double a : {0.5, 1.0, 10.0, 20.0}) {
      const double exact = std::asinh(x / a);
      REQUIRE_THAT(features::compress(x, a), WithinAbs(std::min(std::max(exact, -5.0), 5.0), 2e-15));
      REQUIRE(features::compress(-x, a) == -features::compress(x, a));
    }
  }
  REQUIRE(features::compress(0.0, 0.5) == 0.0);
}

TEST_CASE("features: hours, amounts, break-even", "[funding][features]") {
  REQUIRE_THAT(features::hours_to_stamp(8 * ms_per_hour, 4 * ms_per_hour), WithinAbs(0.5, 1e-15));
  REQUIRE(features::hours_to_stamp(100 * ms_per_hour, 0) == 3.0);
  REQUIRE(features::hours_to_stamp(5, 5) == 0.0);
  REQUIRE(features::hours_to_stamp(0, 5) == 0.0);
  REQUIRE_THAT(features::log_amount(1e10, 7.0, 1.5), WithinAbs(2.0, 1e-12));
  REQUIRE(features::log_amount(1e30, 7.0, 1.5) == 3.0);
  REQUIRE(features::log_amount(0.0, 7.0, 1.5) == -3.0);
  REQUIRE(features::log_amount(missing, 7.0, 1.5) == 0.0);
  REQUIRE_THAT(features::break_even(24.0, 1.0), WithinAbs(std::log(25.0) / std::log(721.0), 1e-12));
  REQUIRE_THAT(features::break_even(720.0, 1.0), WithinAbs(1.0, 1e-12));
  REQUIRE(features::break_even(1e9, 1e-9) == 1.5);
  REQUIRE(features::break_even(24.0, 0.0) == 1.5);
  REQUIRE(features::break_even(24.0, -1.0) == 1.5);
}

TEST_CASE("features: the row of an opportunity by hand", "[funding][features]") {
  Opportunity o;
  o.long_rate_bph = -1.0;
  o.short_rate_bph = 0.5;
  o.pair = {1.5, 0.5, 0.25, 2.0, 0.75, 20.0, 0.0, 40.0};
  o.long_interval_h = 1.0;
  o.short_interval_h = 8.0;
  const std::int64_t now = 1'735'689'600'000;
  o.long_next_ms = now + ms_per_hour;
  o.short_next_ms = now + 8 * ms_per_hour;
  o.volume_usd = 1e7;
  o.depth_usd = 1e6;
  o.round_trip_bp = 10.0;
  std::array<float, 20> row{};
  row.fill(9.0F);
  write_opportunity_features(o, now, row);
  const std::array<double, 20> expected{1.0,
                                        std::asinh(-2.0),
                                        std::asinh(1.0),
                                        std::asinh(3.0),
                                        std::asinh(1.0),
                                        std::asinh(0.5),
                                        std::asinh(4.0),
                                        0.5,
                                        0.0,
                                        1.0,
                                        0.125,
                                        1.0,
                                        std::asinh(1.0),
                                        std::asinh(1.0),
                                        std::asinh(2.0),
                                        0.0,
                                        std::asinh(1.0),
                                        1.0,
                                        std::log(1.0 + 10.0 / 1.5) / std::log(721.0),
                                        0.0};
  for (std::size_t i = 0; i < 20; ++i) {
    CAPTURE(i);
    REQUIRE_THAT(static_cast<double>(row[i]), WithinAbs(expected[i], 1e-6));
  }
}

TEST_CASE("features: missing volume and depth are exactly 0", "[funding][features]") {
  std::array<float, 20> row{};
  write_opportunity_features(Opportunity{}, 0, row);
  REQUIRE(row[15] == 0.0F);
  REQUIRE(row[17] == 0.0F);
  for (const float x : row) REQUIRE(std::abs(x) <= 5.0F);
}
