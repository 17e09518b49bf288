// SPDX-License-Identifier: MIT
#include <rlx/funding/tape_data.hpp>

#include <functional>
#include <limits>
#include <string>

#include "rlx_catch.hpp"

using namespace rlx::funding;
using rlx_test::ContainsSubstring;

TEST_CASE("TapeConfig: all grids of the specification and no other", "[funding]") {
  for (const int minutes : {5, 15, 30, 60, 120, 240, 480}) {
    TapeConfig config;
    config.step_ms = minutes * 60'000;
    REQUIRE_NOTHROW(validate(config));
  }
  for (const std::int64_t step : {0, 1, 60'000, 20 * 60'000, 3'600'001, -3'600'000, 24 * 3'600'000}) {
    TapeConfig config;
    config.step_ms = step;
    REQUIRE_THROWS_WITH(validate(config), ContainsSubstring("step_ms") && ContainsSubstring(std::to_string(step)));
  }
}

TEST_CASE("TapeConfig: negative or NaN delays, costs and filters are refused by name", "[funding]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [](const std::string& field, const std::function<void(TapeConfig&)>& change) {
    TapeConfig config;
    change(config);
    CAPTURE(field);
    REQUIRE_THROWS_AS(validate(config), rlx::ConfigError);
    REQUIRE_THROWS_WITH(validate(config), ContainsSubstring(field));
  };
  refused("price_delay_ms", [](TapeConfig& c) { c.price_delay_ms = -1; });
  refused("funding_delay_ms", [](TapeConfig& c) { c.funding_delay_ms = -1; });
  refused("max_price_age_ms", [](TapeConfig& c) { c.max_price_age_ms = -1; });
  for (const double bad : {-0.1, nan, std::numeric_limits<double>::infinity()}) {
    refused("fee_scale", [&](TapeConfig& c) { c.costs.fee_scale = bad; });
    refused("impact_bps", [&](TapeConfig& c) { c.costs.impact_bps = bad; });
    refused("default_half_spread_bps", [&](TapeConfig& c) { c.costs.default_half_spread_bps = bad; });
    refused("default_depth_usd", [&](TapeConfig& c) { c.costs.default_depth_usd = bad; });
    refused("reference_notional", [&](TapeConfig& c) { c.costs.reference_notional = bad; });
    refused("max_bid_ask_bps", [&](TapeConfig& c) { c.filter.max_bid_ask_bps = bad; });
    refused("min_depth", [&](TapeConfig& c) { c.filter.min_depth = bad; });
    refused("min_volume", [&](TapeConfig& c) { c.filter.min_volume = bad; });
    refused("min_history_h", [&](TapeConfig& c) { c.filter.min_history_h = bad; });
  }
  refused("default_depth_usd", [](TapeConfig& c) { c.costs.default_depth_usd = 0; });
}
