// SPDX-License-Identifier: MIT
#include <rlx/funding/observation.hpp>

#include "hand_market.hpp"
#include "rlx_catch.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>

#include <rlx/funding/environment.hpp>
#include <rlx/funding/synthetic_tape.hpp>

using namespace rlx::funding;
using rlx_test::at_hour;
using rlx_test::HandMarket;
using rlx_test::WithinAbs;

namespace {

double c(double x, double a) { return std::min(std::max(std::asinh(x / a), -5.0), 5.0); }

}  // namespace

TEST_CASE("observation: the layout is pinned", "[funding][observation]") {
  // A change of the layout makes old checkpoints unreadable; change the version in the first line with it.
  REQUIRE(observation_hash() == "b774ff89eeae451eab2a50954df8340a95fbb5f7ea317186a9eca0f6c7bbda70");
  REQUIRE(observation_layout().substr(0, 18) == "rlx.funding.obs/1\n");
}

TEST_CASE("observation: every float has a unique name", "[funding][observation]") {
  std::set<std::string_view> names(observation_names().begin(), observation_names().end());
  REQUIRE(names.size() == 275);
  REQUIRE(ObservationBuilder::features()[14].name == "portfolio.regime");
  REQUIRE(ObservationBuilder::features()[15].name == "execution0.active");
  REQUIRE(ObservationBuilder::features()[74].name == "execution4.next_hours");
  REQUIRE(ObservationBuilder::features()[75].name == "opportunity0.valid");
  REQUIRE(ObservationBuilder::features()[274].name == "opportunity9.held");
}

TEST_CASE("observation: the slots of the layout", "[funding][observation]") {
  REQUIRE(slots().observation_size() == 275);
  REQUIRE(slots().num_actions() == 36);
  REQUIRE(slots().opportunities.offset == 75);
  REQUIRE(slots().positions.offset == 15);
}

TEST_CASE("observation: settings, account and position by hand", "[funding][observation]") {
  HandMarket market;
  market.bid_ask_bps = 4.0F;
  market.depth_usd = 1e6F;
  market.flat("binance", 0, 5, 100.0).flat("bybit", 0, 5, 100.0);
  for (int hour = 6; hour <= 40; ++hour) market.price("binance", hour, 101.0).price("bybit", hour, 100.5);
  market.settle("binance", 0, -0.0004).settle("bybit", 0, 0.0008);
  EnvironmentConfig config;
  config.trading = TradingConfig::moderate();
  config.episode_steps = 24;
  FundingArbitrageEnv env(market.tape(), config);
  std::array<float, 275> row{};
  ResetOptions options;
  options.start_step = 4;
  env.reset(1, row, options);
  std::int32_t action = 21;
  env.step({&action, 1}, row);
  action = 0;
  env.step({&action, 1}, row);  // hour 6

  const auto at = [&row](std::size_t i) { return static_cast<double>(row[i]); };
  // Moderate: (3-1)/4.5-1, 2*.6-1, 0, 1-20*.02, (.15-.275)/.225.
  const std::array<double, 5> settings{-0.5555556, 0.2, 0.0, 0.6, -0.5555556};
  for (std::size_t i = 0; i < 5; ++i) REQUIRE_THAT(at(i), WithinAbs(settings[i], 1e-6));

  // q = 18: fills with 2 bp half-spread and 10 * 1,800 / 1e6 = 0.018 bp impact.
  const double slip = 2.018e-4, q = 18.0;
  const double long_fill = 100.0 * (1.0 + slip), short_fill = 100.0 * (1.0 - slip);
  const double fees = q * (0.0005 * long_fill + 0.00055 * short_fill);
  const double price_pnl = q * ((101.0 - long_fill) - (100.5 - short_fill));
  const double equity = 10'000.0 + price_pnl - fees, margin = q * (long_fill + short_fill) / 3.0;
  const double free_long = 5'000.0 - q * long_fill * (1.0 / 3.0 + 0.0005);
  const double free_short = 5'000.0 - q * short_fill * (1.0 / 3.0 + 0.00055);
  const double net = 1.5;  // (0.0008 + 0.0004) / 8 h in bp/h
  REQUIRE_THAT(at(5), WithinAbs(10.0 * std::log(equity / 10'000.0), 1e-6));
  REQUIRE_THAT(at(6), WithinAbs(1.0 - margin / equity / 0.6, 1e-6));
  REQUIRE_THAT(at(7), WithinAbs(1.0 / 3.0, 1e-6));
  REQUIRE_THAT(at(8), WithinAbs((free_short - free_long) / equity * (free_short > free_long ? 1.0 : -1.0), 1e-6));
  REQUIRE_THAT(at(9), WithinAbs(c(100.0 * price_pnl / equity, 0.5), 1e-6));
  const double accrued = q * (101.0 * 0.5 + 100.5 * 1.0) * 6.0 / 1e4 / 10'000.0;  // both legs receive, six hours
  REQUIRE_THAT(at(10), WithinAbs(c(1e4 * accrued, 1.0), 1e-6));
  const double peak = std::max(10'000.0, equity);
  REQUIRE_THAT(at(11), WithinAbs((peak - equity) / peak / 0.25, 1e-6));
  const double long_liquidation = long_fill * (2.0 / 3.0) / 0.98;                                // rule mark, m = 2 %
  const double short_liquidation = short_fill + (q * short_fill / 3.0 / q - short_fill * 0.02);  // rule entry
  const double long_distance = (101.0 - long_liquidation) / 101.0, short_distance = (short_liquidation - 100.5) / 100.5;
  REQUIRE_THAT(at(12), WithinAbs(std::min(long_distance, short_distance) / 0.15, 1e-5));
  REQUIRE_THAT(at(13), WithinAbs(c(q * 100.75 * net / equity, 0.5), 1e-6));
  REQUIRE_THAT(at(14), WithinAbs(c(net, 0.5), 1e-6));

  const auto slot = [&](std::size_t i) { return at(15 + i); };
  REQUIRE(slot(0) == 1.0);
  REQUIRE_THAT(slot(1), WithinAbs(c(100.0 * (price_pnl - fees) / (2.0 * q * 100.0), 0.5), 1e-6));
  const double exit_slip = [&](double price) { return (2.0 + 10.0 * q * price / 1e6) / 1e4; }(101.0);
  const double exit_slip_short = (2.0 + 10.0 * q * 100.5 / 1e6) / 1e4;
  const double exit_cost = q * (101.0 * exit_slip + 0.0005 * 101.0 * (1.0 - exit_slip)) +
                           q * (100.5 * exit_slip_short + 0.00055 * 100.5 * (1.0 + exit_slip_short));
  REQUIRE_THAT(slot(2), WithinAbs(c(1e4 * exit_cost / (q * 100.75), 10.0), 1e-6));
  REQUIRE_THAT(slot(3), WithinAbs(c(0.5 * 8.0 + 1.0 * 8.0, 1.0), 1e-6));  // both stamps at hour 8
  REQUIRE_THAT(slot(4), WithinAbs(c(net, 0.5), 1e-6));
  REQUIRE_THAT(slot(5), WithinAbs(c(net, 0.5), 1e-6));
  const double spread = 1e4 * (100.5 - 101.0) / 100.75;
  REQUIRE_THAT(slot(6), WithinAbs(c(spread - 0.0, 20.0), 1e-6));
  REQUIRE_THAT(slot(7), WithinAbs(c(spread - spread / 7.0, 20.0), 1e-6));  // six samples of 0 and this one
  REQUIRE_THAT(slot(8), WithinAbs(long_distance / 0.15, 1e-5));
  REQUIRE_THAT(slot(9), WithinAbs(short_distance / 0.15, 1e-5));
  REQUIRE_THAT(slot(10), WithinAbs(margin * 3.0 / (equity * 0.6), 1e-5));
  REQUIRE_THAT(slot(11), WithinAbs(0.25, 1e-6));
  for (std::size_t i = 27; i < 75; ++i) REQUIRE(row[i] == 0.0F);  // four empty slots
  REQUIRE(row[75] == 1.0F);
  REQUIRE(row[75 + 19] == 1.0F);                                   // held
  for (std::size_t i = 95; i < 275; ++i) REQUIRE(row[i] == 0.0F);  // nine empty slots
}

TEST_CASE("observation: an account without positions", "[funding][observation]") {
  HandMarket market;
  market.flat("binance", 0, 30, 100.0).flat("bybit", 0, 30, 100.0);
  market.settle("binance", 0, -0.0004).settle("bybit", 0, 0.0008);
  EnvironmentConfig config;
  config.episode_steps = 10;
  FundingArbitrageEnv env(market.tape(), config);
  std::array<float, 275> row{};
  env.reset(1, row);
  const std::array<float, 9> expected{0.0F, 1.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 5.0F, 0.0F};
  for (std::size_t i = 0; i < 9; ++i) REQUIRE(row[5 + i] == expected[i]);
}

TEST_CASE("observation: missing volume, spread and depth give exactly 0", "[funding][observation]") {
  HandMarket market;
  market.bid_ask_bps = market.depth_usd = market.volume_usd = static_cast<float>(missing);
  market.flat("binance", 0, 30, 100.0).flat("bybit", 0, 30, 100.0);
  market.settle("binance", 0, -0.0004).settle("bybit", 0, 0.0008);
  EnvironmentConfig config;
  config.episode_steps = 10;
  FundingArbitrageEnv env(market.tape(), config);
  std::array<float, 275> row{};
  env.reset(1, row);
  REQUIRE(row[75] == 1.0F);
  REQUIRE(row[75 + 15] == 0.0F);
  REQUIRE(row[75 + 17] == 0.0F);
}

TEST_CASE("observation: builder and environment write the same bits", "[funding][observation]") {
  const auto tape = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = 3, .days = 12}).tape;
  EnvironmentConfig config;
  config.window_begin = 72;
  config.episode_steps = 150;
  config.sample_random_config = true;
  FundingArbitrageEnv env(tape, config);
  std::array<float, 275> row{}, built{};
  std::array<std::uint8_t, 36> mask{};
  rlx::RandomStream random(rlx::StreamId{.seed = 1});
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    env.reset(seed, row);
    for (bool over = false; !over;) {
      built.fill(7.0F);
      ObservationBuilder().write(env.decision_state(), built);
      REQUIRE(row == built);
      env.action_masks(mask);
      std::int32_t action = 0;
      do action = static_cast<std::int32_t>(random.bounded(36));
      while (mask[static_cast<std::size_t>(action)] == 0);
      const rlx::Transition t = env.step({&action, 1}, row);
      over = t.terminated || t.truncated;
    }
  }
}
