// SPDX-License-Identifier: MIT
#include <rlx/funding/trading_config.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <limits>
#include <span>
#include <string>
#include <vector>

using rlx::ConfigError;
using rlx::RandomStream;
using rlx::StreamId;
using rlx::funding::TradingConfig;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

TradingConfig with(double TradingConfig::*field, double value) {
  TradingConfig config;
  config.*field = value;
  return config;
}

TradingConfig with_positions(int count) {
  TradingConfig config;
  config.max_positions = count;
  return config;
}

struct Range {
  double least = 1e9, most = -1e9, sum = 0.0;
  void see(double x) {
    least = std::min(least, x);
    most = std::max(most, x);
    sum += x;
  }
};

}  // namespace

TEST_CASE("TradingConfig: defaults", "[funding][trading_config]") {
  const TradingConfig config;
  REQUIRE(config.max_leverage == 1.0);
  REQUIRE(config.target_utilization == 0.5);
  REQUIRE(config.max_positions == 3);
  REQUIRE(config.stop_loss_threshold == -0.02);
  REQUIRE(config.liquidation_buffer == 0.15);
  REQUIRE_NOTHROW(config.validate());
}

TEST_CASE("TradingConfig: conservative preset", "[funding][trading_config]") {
  REQUIRE(TradingConfig::conservative() == TradingConfig{1.0, 0.4, 2, -0.01, 0.25});
  REQUIRE_NOTHROW(TradingConfig::conservative().validate());
}

TEST_CASE("TradingConfig: moderate preset", "[funding][trading_config]") {
  REQUIRE(TradingConfig::moderate() == TradingConfig{3.0, 0.6, 3, -0.02, 0.15});
  REQUIRE_NOTHROW(TradingConfig::moderate().validate());
}

TEST_CASE("TradingConfig: aggressive preset", "[funding][trading_config]") {
  REQUIRE(TradingConfig::aggressive() == TradingConfig{5.0, 0.75, 5, -0.03, 0.10});
  REQUIRE_NOTHROW(TradingConfig::aggressive().validate());
}

TEST_CASE("TradingConfig: max_leverage at both ends", "[funding][trading_config]") {
  REQUIRE_NOTHROW(with(&TradingConfig::max_leverage, 1.0).validate());
  REQUIRE_NOTHROW(with(&TradingConfig::max_leverage, 10.0).validate());
}

TEST_CASE("TradingConfig: max_leverage outside both ends", "[funding][trading_config]") {
  REQUIRE_THROWS_AS(with(&TradingConfig::max_leverage, 0.999999).validate(), ConfigError);
  REQUIRE_THROWS_AS(with(&TradingConfig::max_leverage, 10.000001).validate(), ConfigError);
}

TEST_CASE("TradingConfig: target_utilization at both ends", "[funding][trading_config]") {
  REQUIRE_NOTHROW(with(&TradingConfig::target_utilization, 0.0).validate());
  REQUIRE_NOTHROW(with(&TradingConfig::target_utilization, 1.0).validate());
}

TEST_CASE("TradingConfig: target_utilization outside both ends", "[funding][trading_config]") {
  REQUIRE_THROWS_AS(with(&TradingConfig::target_utilization, -1e-9).validate(), ConfigError);
  REQUIRE_THROWS_AS(with(&TradingConfig::target_utilization, 1.000001).validate(), ConfigError);
}

TEST_CASE("TradingConfig: max_positions at both ends", "[funding][trading_config]") {
  REQUIRE_NOTHROW(with_positions(1).validate());
  REQUIRE_NOTHROW(with_positions(5).validate());
}

TEST_CASE("TradingConfig: max_positions outside both ends", "[funding][trading_config]") {
  REQUIRE_THROWS_AS(with_positions(0).validate(), ConfigError);
  REQUIRE_THROWS_AS(with_positions(6).validate(), ConfigError);
}

TEST_CASE("TradingConfig: stop_loss_threshold at both ends", "[funding][trading_config]") {
  REQUIRE_NOTHROW(with(&TradingConfig::stop_loss_threshold, -0.10).validate());
  REQUIRE_NOTHROW(with(&TradingConfig::stop_loss_threshold, 0.0).validate());
}

TEST_CASE("TradingConfig: stop_loss_threshold outside both ends", "[funding][trading_config]") {
  REQUIRE_THROWS_AS(with(&TradingConfig::stop_loss_threshold, -0.1000001).validate(), ConfigError);
  REQUIRE_THROWS_AS(with(&TradingConfig::stop_loss_threshold, 1e-9).validate(), ConfigError);
}

TEST_CASE("TradingConfig: liquidation_buffer at both ends", "[funding][trading_config]") {
  REQUIRE_NOTHROW(with(&TradingConfig::liquidation_buffer, 0.05).validate());
  REQUIRE_NOTHROW(with(&TradingConfig::liquidation_buffer, 0.50).validate());
}

TEST_CASE("TradingConfig: liquidation_buffer outside both ends", "[funding][trading_config]") {
  REQUIRE_THROWS_AS(with(&TradingConfig::liquidation_buffer, 0.0499999).validate(), ConfigError);
  REQUIRE_THROWS_AS(with(&TradingConfig::liquidation_buffer, 0.5000001).validate(), ConfigError);
}

TEST_CASE("TradingConfig: NaN is out of every range", "[funding][trading_config]") {
  for (double TradingConfig::*field : {&TradingConfig::max_leverage, &TradingConfig::target_utilization,
                                       &TradingConfig::stop_loss_threshold, &TradingConfig::liquidation_buffer}) {
    REQUIRE_THROWS_AS(with(field, not_a_number).validate(), ConfigError);
  }
}

TEST_CASE("TradingConfig: infinities are out of every range", "[funding][trading_config]") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (double TradingConfig::*field : {&TradingConfig::max_leverage, &TradingConfig::target_utilization,
                                       &TradingConfig::stop_loss_threshold, &TradingConfig::liquidation_buffer}) {
    REQUIRE_THROWS_AS(with(field, infinity).validate(), ConfigError);
    REQUIRE_THROWS_AS(with(field, -infinity).validate(), ConfigError);
  }
}

TEST_CASE("TradingConfig: an error names field, value and range", "[funding][trading_config]") {
  REQUIRE_THROWS_WITH(with(&TradingConfig::max_leverage, 12.5).validate(),
                      ContainsSubstring("max_leverage") && ContainsSubstring("12.5") && ContainsSubstring("[1.00, 10.00]"));
}

TEST_CASE("TradingConfig: array round trip of the presets", "[funding][trading_config]") {
  for (const TradingConfig& config :
       {TradingConfig{}, TradingConfig::conservative(), TradingConfig::moderate(), TradingConfig::aggressive()}) {
    const std::array<float, 5> values = config.to_array();
    const TradingConfig back = TradingConfig::from_array(values);
    REQUIRE(back.to_array() == values);
    REQUIRE(back.max_positions == config.max_positions);
    REQUIRE_THAT(back.target_utilization, WithinAbs(config.target_utilization, 1e-7));
  }
}

TEST_CASE("TradingConfig: the array keeps the ends of the ranges", "[funding][trading_config]") {
  const TradingConfig low{1.0, 0.0, 1, -0.10, 0.05}, high{10.0, 1.0, 5, 0.0, 0.50};
  REQUIRE(TradingConfig::from_array(low.to_array()) == low);
  REQUIRE(TradingConfig::from_array(high.to_array()) == high);
}

TEST_CASE("TradingConfig: an array out of range is refused", "[funding][trading_config]") {
  std::array<float, 5> values = TradingConfig::moderate().to_array();
  values[2] = 2.5F;
  REQUIRE_THROWS_AS(TradingConfig::from_array(values), ConfigError);
  values[2] = std::numeric_limits<float>::quiet_NaN();
  REQUIRE_THROWS_AS(TradingConfig::from_array(values), ConfigError);
  values = TradingConfig::moderate().to_array();
  values[0] = 11.0F;
  REQUIRE_THROWS_AS(TradingConfig::from_array(values), ConfigError);
}

TEST_CASE("TradingConfig: sample_random stays in its ranges and fills them", "[funding][trading_config]") {
  RandomStream stream(StreamId{.seed = 3});
  Range leverage, utilization, stop, buffer;
  std::array<int, 6> positions{};
  for (int i = 0; i < 10'000; ++i) {
    const TradingConfig config = TradingConfig::sample_random(stream);
    config.validate();
    leverage.see(config.max_leverage);
    utilization.see(config.target_utilization);
    stop.see(config.stop_loss_threshold);
    buffer.see(config.liquidation_buffer);
    ++positions.at(static_cast<std::size_t>(config.max_positions));
  }
  REQUIRE(leverage.least >= 1.0);
  REQUIRE(leverage.most <= 10.0);
  REQUIRE_THAT(leverage.sum / 1e4, WithinAbs(5.5, 0.1));  // standard error 0.026
  REQUIRE(utilization.least >= 0.3);
  REQUIRE(utilization.most <= 0.8);
  REQUIRE_THAT(utilization.sum / 1e4, WithinAbs(0.55, 0.006));
  REQUIRE(stop.least >= -0.05);
  REQUIRE(stop.most <= -0.01);
  REQUIRE_THAT(stop.sum / 1e4, WithinAbs(-0.03, 0.0005));
  REQUIRE(buffer.least >= 0.1);
  REQUIRE(buffer.most <= 0.3);
  REQUIRE_THAT(buffer.sum / 1e4, WithinAbs(0.2, 0.003));
  REQUIRE(positions[0] == 0);
  for (std::size_t n = 1; n <= 5; ++n) REQUIRE_THAT(positions[n], WithinAbs(2000.0, 160.0));  // 4 standard deviations
}

TEST_CASE("TradingConfig: sample_moderate stays in its ranges and fills them", "[funding][trading_config]") {
  RandomStream stream(StreamId{.seed = 4});
  Range leverage, utilization, stop, buffer;
  std::array<int, 6> positions{};
  for (int i = 0; i < 10'000; ++i) {
    const TradingConfig config = TradingConfig::sample_moderate(stream);
    config.validate();
    leverage.see(config.max_leverage);
    utilization.see(config.target_utilization);
    stop.see(config.stop_loss_threshold);
    buffer.see(config.liquidation_buffer);
    ++positions.at(static_cast<std::size_t>(config.max_positions));
  }
  REQUIRE((leverage.least >= 1.0 && leverage.most <= 5.0));
  REQUIRE((utilization.least >= 0.4 && utilization.most <= 0.7));
  REQUIRE((stop.least >= -0.03 && stop.most <= -0.015));
  REQUIRE((buffer.least >= 0.12 && buffer.most <= 0.20));
  REQUIRE_THAT(leverage.sum / 1e4, WithinAbs(3.0, 0.05));
  REQUIRE((positions[1] == 0 && positions[5] == 0));
  for (const std::size_t n : {2U, 3U, 4U}) REQUIRE_THAT(positions[n], WithinAbs(3333.0, 190.0));
}

TEST_CASE("TradingConfig: the same stream gives the same settings, another seed others", "[funding][trading_config]") {
  RandomStream a(StreamId{.seed = 5}), b(StreamId{.seed = 5}), c(StreamId{.seed = 6});
  const TradingConfig first = TradingConfig::sample_random(a);
  REQUIRE(first == TradingConfig::sample_random(b));
  REQUIRE_FALSE(first == TradingConfig::sample_random(c));
  REQUIRE_FALSE(first == TradingConfig::sample_random(a));
}

TEST_CASE("TradingConfig: text form", "[funding][trading_config]") {
  REQUIRE(TradingConfig{2.5, 0.55, 4, -0.025, 0.18}.to_string() ==
          "TradingConfig(leverage=2.5x, util=55.0%, max_pos=4, stop_loss=-2.50%, liq_buffer=18.0%)");
}

TEST_CASE("TradingConfig: equality looks at every field", "[funding][trading_config]") {
  const TradingConfig base = TradingConfig::moderate();
  REQUIRE(base == TradingConfig::moderate());
  for (double TradingConfig::*field : {&TradingConfig::max_leverage, &TradingConfig::target_utilization,
                                       &TradingConfig::stop_loss_threshold, &TradingConfig::liquidation_buffer}) {
    TradingConfig other = base;
    other.*field += 1e-12;
    REQUIRE_FALSE(other == base);
  }
  TradingConfig other = base;
  other.max_positions = 4;
  REQUIRE_FALSE(other == base);
}
