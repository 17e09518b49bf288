// SPDX-License-Identifier: MIT
#include <rlx/funding/environment_config.hpp>

#include "rlx_catch.hpp"

#include <functional>
#include <limits>
#include <string>

using namespace rlx::funding;
using rlx::ConfigError;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

TEST_CASE("environment config: the defaults are valid", "[funding][environment_config]") {
  REQUIRE_NOTHROW(EnvironmentConfig{}.validate());
  REQUIRE(EnvironmentConfig{}.execution.multipliers == std::array<double, 3>{0.10, 0.20, 0.30});
}

TEST_CASE("environment config: every field out of range is named", "[funding][environment_config]") {
  const double nan_value = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [](const char* field, const std::function<void(EnvironmentConfig&)>& change) {
    EnvironmentConfig config;
    change(config);
    REQUIRE_THROWS_AS(config.validate(), ConfigError);
    REQUIRE_THROWS_WITH(config.validate(), ContainsSubstring(field));
  };
  for (const double bad : {-1.0, nan_value}) {
    refused("initial_capital", [bad](EnvironmentConfig& c) { c.initial_capital = bad; });
    refused("reward.scale", [bad](EnvironmentConfig& c) { c.reward.scale = bad; });
    refused("shaping_scale", [bad](EnvironmentConfig& c) { c.reward.shaping_scale = bad; });
    refused("multipliers", [bad](EnvironmentConfig& c) { c.execution.multipliers[1] = bad; });
    refused("fee_scale", [bad](EnvironmentConfig& c) { c.execution.fee_scale = bad; });
    refused("impact_bps", [bad](EnvironmentConfig& c) { c.execution.impact_bps = bad; });
    refused("default_half_spread_bps", [bad](EnvironmentConfig& c) { c.execution.default_half_spread_bps = bad; });
    refused("default_depth_usd", [bad](EnvironmentConfig& c) { c.execution.default_depth_usd = bad; });
    refused("stale_extra_bps", [bad](EnvironmentConfig& c) { c.execution.stale_extra_bps = bad; });
    refused("min_notional", [bad](EnvironmentConfig& c) { c.execution.min_notional = bad; });
    refused("max_depth_share", [bad](EnvironmentConfig& c) { c.execution.max_depth_share = bad; });
    refused("leg_fail_probability", [bad](EnvironmentConfig& c) { c.execution.leg_fail_probability = bad; });
    refused("rebalance.threshold", [bad](EnvironmentConfig& c) { c.rebalance.threshold = bad; });
    refused("rebalance.fee", [bad](EnvironmentConfig& c) { c.rebalance.fee = bad; });
    refused("max_drawdown", [bad](EnvironmentConfig& c) { c.termination.max_drawdown = bad; });
    refused("min_equity_ratio", [bad](EnvironmentConfig& c) { c.termination.min_equity_ratio = bad; });
  }
  refused("episode_steps", [](EnvironmentConfig& c) { c.episode_steps = 0; });
  refused("delay_steps", [](EnvironmentConfig& c) { c.execution.delay_steps = 2; });
  refused("grace_ms", [](EnvironmentConfig& c) { c.execution.grace_ms = -1; });
  refused("interval_ms", [](EnvironmentConfig& c) { c.rebalance.interval_ms = -1; });
  refused("delay_ms", [](EnvironmentConfig& c) { c.rebalance.delay_ms = -1; });
  refused("leg_fail_probability", [](EnvironmentConfig& c) { c.execution.leg_fail_probability = 1.01; });
  refused("shaping_gamma", [](EnvironmentConfig& c) { c.reward.shaping_scale = 1.0; });
}

TEST_CASE("environment config: the discount of a step", "[funding][environment_config]") {
  REQUIRE_THAT(default_gamma(ms_per_hour), WithinAbs(0.99703, 5e-6));
  REQUIRE_THAT(default_gamma(8 * ms_per_hour), WithinAbs(0.97647, 5e-6));
}

TEST_CASE("environment config: shaping needs the trainer's discount", "[funding][environment_config]") {
  RewardConfig reward;
  REQUIRE_NOTHROW(check_shaping_gamma(reward, 0.99));
  reward.shaping_scale = 1.0;
  reward.shaping_gamma = 0.98;
  REQUIRE_NOTHROW(check_shaping_gamma(reward, 0.98));
  REQUIRE_THROWS_AS(check_shaping_gamma(reward, 0.99), ConfigError);
}
