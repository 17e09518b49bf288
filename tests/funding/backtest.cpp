// SPDX-License-Identifier: MIT
#include <rlx/funding/backtest.hpp>

#include "hand_market.hpp"
#include "rlx_catch.hpp"

#include <rlx/core/random.hpp>

#include <cmath>
#include <numeric>
#include <vector>

namespace {

using namespace rlx::funding;

SyntheticTape planted(std::uint64_t seed, int days) {
  return make_synthetic_tape({.preset = SyntheticPreset::planted, .seed = seed, .days = days});
}

EnvironmentConfig moderate(SizingMode sizing = SizingMode::available_margin) {
  EnvironmentConfig config;
  config.trading = TradingConfig::moderate();
  config.sizing = sizing;
  return config;
}

/// Any allowed action, holding most of the time so that positions live long enough to matter.
struct RandomPolicy {
  rlx::RandomStream stream;
  int operator()(const DecisionState&, std::span<const float>, std::span<const std::uint8_t> mask) {
    if (stream.uniform() < 0.9) return 0;
    for (;;) {
      const auto action = static_cast<int>(stream.bounded(n_actions));
      if (mask[static_cast<std::size_t>(action)] != 0) return action;
    }
  }
};

}  // namespace

TEST_CASE("backtest: HOLD leaves the equity exactly where it was", "[funding][backtest]") {
  const SyntheticTape market = planted(3, 10);
  const Backtest run = backtest(market.tape, moderate(), {0, market.tape->n_steps()}, as_backtest_policy(HoldPolicy{}));
  REQUIRE(run.log_returns.size() == market.tape->n_steps() - 1);
  REQUIRE(run.equity.size() == market.tape->n_steps());
  for (const double r : run.log_returns) REQUIRE(r == 0.0);
  REQUIRE(run.profit_usd() == 0.0);
  REQUIRE(run.growth_per_day() == 0.0);
  REQUIRE(run.trades.empty());
  REQUIRE_FALSE(std::isfinite(run.win_rate()));
}

TEST_CASE("backtest: path, returns, trades and attribution tell the same story", "[funding][backtest]") {
  const SyntheticTape market = planted(5, 30);
  const Window window{100, 600};
  const Backtest run = backtest(market.tape, moderate(), window, as_backtest_policy(PlantedOraclePolicy(market.regimes)));
  REQUIRE(run.begin_ms == market.tape->time(100));
  REQUIRE(run.log_returns.size() == 499);
  REQUIRE_THAT(run.days(), rlx_test::WithinAbs(499.0 / 24.0, 1e-12));
  const double sum = std::accumulate(run.log_returns.begin(), run.log_returns.end(), 0.0);
  REQUIRE_THAT(sum, rlx_test::WithinAbs(run.log_growth(), 1e-12));
  REQUIRE_THAT(run.reward, rlx_test::WithinAbs(100.0 * sum, 1e-9));
  REQUIRE(run.info.trades > 0);
  REQUIRE(run.info.open_positions == 0);  // closed and charged at the end
  REQUIRE(static_cast<std::int64_t>(run.trades.size()) == run.info.closed_trades);
  double results = run.info.attribution.transfer;
  for (const ClosedTrade& trade : run.trades) results += trade.position.attribution.total();
  REQUIRE_THAT(results, rlx_test::WithinAbs(run.profit_usd(), 1e-6));
  REQUIRE_THAT(run.info.attribution.total(), rlx_test::WithinAbs(run.profit_usd(), 1e-6));
}

TEST_CASE("backtest: an early end leaves zeros to the end of the window", "[funding][backtest]") {
  const SyntheticTape market = planted(5, 20);
  EnvironmentConfig config = moderate();
  config.trading.stop_loss_threshold = 0.0;
  config.termination.max_drawdown = 1e-4;  // the costs of a trade or two
  const Backtest run = backtest(market.tape, config, {48, 480}, RandomPolicy{rlx::RandomStream({1, rlx::Purpose::user})});
  REQUIRE(run.terminated);
  REQUIRE(run.actions.size() < 431);
  REQUIRE(run.equity.size() == 432);
  REQUIRE(run.log_returns.back() == 0.0);
  REQUIRE(run.equity.back() == run.equity[run.actions.size()]);
}

TEST_CASE("backtest: the fixed-coins bound holds for baselines and 50 random policies", "[funding][backtest]") {
  for (const std::uint64_t seed : {11U, 12U}) {
    const SyntheticTape market = planted(seed, 15);
    const Window window{0, market.tape->n_steps()};
    const EnvironmentConfig config = moderate(SizingMode::fixed_coins);
    const double bound = clairvoyant_fixed_coins(*market.tape, window, config).profit;
    REQUIRE(bound > 0.0);
    for (const HysteresisPolicy& rule : hysteresis_grid()) {
      REQUIRE(backtest(market.tape, config, window, as_backtest_policy(rule)).profit_usd() <= bound + 1e-6);
    }
    REQUIRE(backtest(market.tape, config, window, as_backtest_policy(PlantedOraclePolicy(market.regimes))).profit_usd() <=
            bound + 1e-6);
    for (std::uint32_t i = 0; i < 50; ++i) {
      RandomPolicy random{rlx::RandomStream({seed, rlx::Purpose::user, i, 0})};
      REQUIRE(backtest(market.tape, config, window, random).profit_usd() <= bound + 1e-6);
    }
  }
}

TEST_CASE("backtest: a coin that comes after the start of the window has no fixed quantity", "[funding][backtest]") {
  rlx_test::HandMarket market;
  market.flat("binance", 0, 60, 100.0).flat("bybit", 0, 60, 100.0);
  market.flat("binance", 5, 60, 50.0, "BUSDT").flat("bybit", 5, 60, 50.0, "BUSDT");
  for (int hour = 8; hour < 60; hour += 8)
    market.settle("binance", hour, -0.04, 8.0, "BUSDT").settle("bybit", hour, 0.04, 8.0, "BUSDT");
  const auto tape = market.tape();
  EnvironmentConfig config;
  config.trading = TradingConfig::moderate();
  config.sizing = SizingMode::fixed_coins;
  const Window window{0, tape->n_steps()};
  const Backtest result = backtest(tape, config, window, as_backtest_policy(HysteresisPolicy{}));
  REQUIRE(result.profit_usd() <= clairvoyant_fixed_coins(*tape, window, config).profit + 1e-9);
  REQUIRE(result.info.trades == 0);
}

TEST_CASE("backtest: the bound counts a stamp that a grace still pays to an entry", "[funding][backtest]") {
  // 80 bp are paid at hour 8 only, where the window begins: without a grace nothing can be earned any more.
  rlx_test::HandMarket market;
  market.flat("binance", 0, 20, 100.0).flat("bybit", 0, 20, 100.0);
  market.settle("binance", 8, -0.004).settle("bybit", 8, 0.004);
  const auto tape = market.tape();
  const Window window{8, tape->n_steps()};
  EnvironmentConfig config = moderate(SizingMode::fixed_coins);
  // In at hour 8, out again.
  const auto once = [](const DecisionState& state, std::span<const float>, std::span<const std::uint8_t> mask) {
    if (state.time_ms == rlx_test::at_hour(8)) return mask[21] != 0 ? 21 : 0;
    return mask[31] != 0 ? 31 : 0;
  };
  REQUIRE(clairvoyant_fixed_coins(*tape, window, config).profit == 0.0);
  REQUIRE(backtest(tape, config, window, once).profit_usd() < 0.0);
  config.execution.grace_ms = 15'000;
  const double bound = clairvoyant_fixed_coins(*tape, window, config).profit;
  const double profit = backtest(tape, config, window, once).profit_usd();
  REQUIRE(profit > 0.0);
  REQUIRE(profit <= bound + 1e-9);
}

TEST_CASE("backtest: the oracle reaches at least 85 % of the bound on planted tapes, mean over 20 seeds",
          "[funding][backtest]") {
  double oracle = 0.0;
  double bound = 0.0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const SyntheticTape market = planted(seed, 40);
    const Window window{0, market.tape->n_steps()};
    const EnvironmentConfig config = moderate(SizingMode::fixed_coins);
    bound += clairvoyant_fixed_coins(*market.tape, window, config).profit;
    oracle += backtest(market.tape, config, window, as_backtest_policy(PlantedOraclePolicy(market.regimes))).profit_usd();
  }
  REQUIRE(oracle / bound >= 0.85);
}

TEST_CASE("backtest: the grid of the hysteresis rule is that of the specification", "[funding][backtest]") {
  const std::vector<HysteresisPolicy> grid = hysteresis_grid();
  REQUIRE(grid.size() == 12);
  REQUIRE(grid.front().horizon_h == 24.0);
  REQUIRE(grid.front().exit_net_bph == 0.0);
  REQUIRE(grid.back().horizon_h == 168.0);
  REQUIRE(grid.back().exit_net_bph == 0.3);
}
