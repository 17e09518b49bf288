// SPDX-License-Identifier: MIT
/// @file
/// @brief The user's risk settings: what the agent may do, and part of what it sees.
#ifndef RLX_FUNDING_TRADING_CONFIG_HPP
#define RLX_FUNDING_TRADING_CONFIG_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>

namespace rlx::inline v0_1::funding {

/// Five settings that an episode is traded under. The observation carries all of them, so one agent serves every setting.
struct TradingConfig {
  double max_leverage = 1.0;           ///< of each leg, [1, 10]
  double target_utilization = 0.5;     ///< cap on margin in use / equity, [0, 1]
  int max_positions = 3;               ///< pairs open at once, 1..5
  double stop_loss_threshold = -0.02;  ///< closes a pair whose result / its two notionals falls below, [-0.10, 0]; 0 = off
  double liquidation_buffer = 0.15;    ///< least initial distance to the liquidation price, as a share of price, [0.05, 0.50]

  /// @throws ConfigError naming the field, its value and its range; NaN is out of every range.
  void validate() const {
    require("max_leverage", max_leverage, 1.0, 10.0);
    require("target_utilization", target_utilization, 0.0, 1.0);
    require("max_positions", static_cast<double>(max_positions), 1.0, 5.0);
    require("stop_loss_threshold", stop_loss_threshold, -0.10, 0.0);
    require("liquidation_buffer", liquidation_buffer, 0.05, 0.50);
  }

  /// The fields in the order of their declaration, rounded to float.
  std::array<float, 5> to_array() const {
    return {static_cast<float>(max_leverage), static_cast<float>(target_utilization), static_cast<float>(max_positions),
            static_cast<float>(stop_loss_threshold), static_cast<float>(liquidation_buffer)};
  }

  /// Reads what `to_array` wrote; a value that rounding moved past the end of its range is moved back.
  /// @throws ConfigError for anything else out of range, and for a number of positions that is not whole.
  static TradingConfig from_array(std::span<const float, 5> values) {
    if (!is_finite(values[2]) || values[2] < 1.0F || values[2] > 5.0F || values[2] != std::floor(values[2])) {
      throw ConfigError("max_positions = " + number(static_cast<double>(values[2]), 3) + ": expected a whole number in [1, 5]");
    }
    TradingConfig config;
    config.max_leverage = snap(values[0], 1.0, 10.0);
    config.target_utilization = snap(values[1], 0.0, 1.0);
    config.max_positions = static_cast<int>(values[2]);
    config.stop_loss_threshold = snap(values[3], -0.10, 0.0);
    config.liquidation_buffer = snap(values[4], 0.05, 0.50);
    config.validate();
    return config;
  }

  /// Leverage 1x, utilisation 40 %, 2 positions, stop-loss -1 %, buffer 25 %.
  static TradingConfig conservative() { return make(1.0, 0.4, 2, -0.01, 0.25); }
  /// Leverage 3x, utilisation 60 %, 3 positions, stop-loss -2 %, buffer 15 %.
  static TradingConfig moderate() { return make(3.0, 0.6, 3, -0.02, 0.15); }
  /// Leverage 5x, utilisation 75 %, 5 positions, stop-loss -3 %, buffer 10 %.
  static TradingConfig aggressive() { return make(5.0, 0.75, 5, -0.03, 0.10); }

  /// Leverage U(1, 10), utilisation U(.3, .8), 1..5 positions, stop-loss U(-.05, -.01), buffer U(.1, .3); drawn in this order.
  template <RandomStreamLike R>
  static TradingConfig sample_random(R& stream) {
    TradingConfig config;
    config.max_leverage = between(stream, 1.0, 10.0);
    config.target_utilization = between(stream, 0.3, 0.8);
    config.max_positions = 1 + static_cast<int>(stream.bounded(5));
    config.stop_loss_threshold = between(stream, -0.05, -0.01);
    config.liquidation_buffer = between(stream, 0.1, 0.3);
    return config;
  }

  /// Leverage U(1, 5), utilisation U(.4, .7), 2..4 positions, stop-loss U(-.03, -.015), buffer U(.12, .20).
  template <RandomStreamLike R>
  static TradingConfig sample_moderate(R& stream) {
    TradingConfig config;
    config.max_leverage = between(stream, 1.0, 5.0);
    config.target_utilization = between(stream, 0.4, 0.7);
    config.max_positions = 2 + static_cast<int>(stream.bounded(3));
    config.stop_loss_threshold = between(stream, -0.03, -0.015);
    config.liquidation_buffer = between(stream, 0.12, 0.20);
    return config;
  }

  /// `TradingConfig(leverage=2.5x, util=55.0%, max_pos=4, stop_loss=-2.50%, liq_buffer=18.0%)`
  std::string to_string() const {
    return "TradingConfig(leverage=" + number(max_leverage, 1) + "x, util=" + number(100.0 * target_utilization, 1) +
           "%, max_pos=" + std::to_string(max_positions) + ", stop_loss=" + number(100.0 * stop_loss_threshold, 2) +
           "%, liq_buffer=" + number(100.0 * liquidation_buffer, 1) + "%)";
  }

  bool operator==(const TradingConfig&) const = default;  ///< Memberwise.

 private:
  static TradingConfig make(double leverage, double utilization, int positions, double stop_loss, double buffer) {
    TradingConfig config;
    config.max_leverage = leverage;
    config.target_utilization = utilization;
    config.max_positions = positions;
    config.stop_loss_threshold = stop_loss;
    config.liquidation_buffer = buffer;
    return config;
  }

  static void require(const char* field, double value, double low, double high) {
    if (!is_finite(value) || value < low || value > high) {
      throw ConfigError(std::string("TradingConfig.") + field + " = " + number(value, 6) + ": expected a value in [" +
                        number(low, 2) + ", " + number(high, 2) + "]");
    }
  }

  template <RandomStreamLike R>
  static double between(R& stream, double low, double high) {
    return low + (high - low) * static_cast<double>(stream.uniform());
  }

  /// A float within half a unit of its last place of an end of the range is that end.
  static double snap(float value, double low, double high) {
    if (value == static_cast<float>(low)) return low;
    if (value == static_cast<float>(high)) return high;
    return static_cast<double>(value);
  }

  /// Fixed notation, independent of the locale.
  static std::string number(double value, int decimals) {
    std::array<char, 400> text{};  // the longest double in fixed notation has 309 digits before the point
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, decimals);
    return {text.data(), end.ptr};
  }
};

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_TRADING_CONFIG_HPP
