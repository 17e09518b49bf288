// SPDX-License-Identifier: MIT
#include <rlx/funding/baselines.hpp>

#include "hand_market.hpp"
#include "rlx_catch.hpp"

#include <array>
#include <cstdint>
#include <vector>

#include <rlx/funding/environment.hpp>
#include <rlx/funding/synthetic_tape.hpp>

using namespace rlx::funding;
using rlx_test::HandMarket;
using rlx_test::WithinAbs;

namespace {

// Actions of a policy over an episode; every one is checked against the mask by the environment.
template <class Policy>
std::vector<int> run(FundingArbitrageEnv& env, const Policy& policy, std::size_t start, int steps) {
  std::array<float, 275> row{};
  std::array<std::uint8_t, 36> mask{};
  ResetOptions options;
  options.start_step = start;
  env.reset(1, row, options);
  std::vector<int> actions;
  for (int i = 0; i < steps; ++i) {
    env.action_masks(mask);
    const std::int32_t action = policy.act(env.decision_state(), mask);
    actions.push_back(action);
    const rlx::Transition t = env.step({&action, 1}, row);
    if (t.terminated || t.truncated) break;
  }
  return actions;
}

EnvironmentConfig config_of(int positions, int steps) {
  EnvironmentConfig config;
  config.trading = TradingConfig::moderate();
  config.trading.max_positions = positions;
  config.episode_steps = steps;
  config.rebalance.interval_ms = 0;
  return config;
}

}  // namespace

TEST_CASE("baselines: hold earns exactly nothing", "[funding][baselines]") {
  const auto tape = make_synthetic_tape({.seed = 1, .days = 10}).tape;
  EnvironmentConfig config = config_of(3, 100);
  FundingArbitrageEnv env(tape, config);
  for (const int action : run(env, HoldPolicy{}, 72, 100)) REQUIRE(action == 0);
  REQUIRE(env.info().equity == 10'000.0);
}

TEST_CASE("baselines: hysteresis enters what pays in time and leaves when the rate is gone", "[funding][baselines]") {
  // Taker costs of 21 bp and 2 bp of half-spreads and impact: 1 bp/h breaks even within 48 h, 0.3 bp/h does not.
  const auto actions_at = [](double rate_8h) {
    HandMarket market;
    market.flat("binance", 0, 48, 100.0).flat("bybit", 0, 48, 100.0);
    market.settle("binance", 0, 0.0).settle("bybit", 0, rate_8h);
    market.settle("binance", 8, 0.0).settle("bybit", 8, 0.0);  // gone from hour 8
    FundingArbitrageEnv env(market.tape(), config_of(3, 24));
    return run(env, HysteresisPolicy{}, 4, 6);
  };
  REQUIRE(actions_at(0.0008) == std::vector<int>{21, 0, 0, 0, 31, 0});
  REQUIRE(actions_at(0.00024) == std::vector<int>{0, 0, 0, 0, 0, 0});
}

TEST_CASE("baselines: hysteresis rotates to a clearly better pair", "[funding][baselines]") {
  const auto second_action = [](double better_8h) {
    HandMarket market;
    for (const char* venue : {"binance", "bybit"}) market.flat(venue, 0, 48, 100.0).flat(venue, 0, 48, 50.0, "BUSDT");
    market.settle("binance", 0, 0.0).settle("bybit", 0, 0.0008);  // 1 bp/h
    market.settle("binance", 0, 0.0, 8.0, "BUSDT").settle("bybit", 0, 0.0, 8.0, "BUSDT");
    market.settle("bybit", 5, better_8h, 8.0, "BUSDT");
    FundingArbitrageEnv env(market.tape(), config_of(1, 24));
    return run(env, HysteresisPolicy{}, 4, 3);
  };
  // C is about 21 bp (deep book, no spread), so the margin is 2 * 21 / 48 = 0.875 bp/h above 1 bp/h.
  REQUIRE(second_action(8 * 1.8e-4) == std::vector<int>{21, 0, 0});
  REQUIRE(second_action(8 * 2.0e-4) == std::vector<int>{21, 31, 21});
}

TEST_CASE("baselines: settlement timing enters before a rich stamp and leaves after it", "[funding][baselines]") {
  const auto actions_at = [](double rate) {
    HandMarket market;
    market.flat("binance", 0, 48, 100.0).flat("bybit", 0, 48, 100.0);
    market.settle("binance", 0, 0.0).settle("bybit", 0, rate);
    market.settle("binance", 8, 0.0).settle("bybit", 8, rate);
    FundingArbitrageEnv env(market.tape(), config_of(3, 24));
    return run(env, SettlementTimingPolicy{}, 5, 5);
  };
  REQUIRE(actions_at(0.0030) == std::vector<int>{0, 0, 21, 31, 0});  // 30 bp against about 21
  REQUIRE(actions_at(0.0020) == std::vector<int>{0, 0, 0, 0, 0});
}

TEST_CASE("baselines: the oracle trades the planted regimes", "[funding][baselines]") {
  const SyntheticTape synthetic = make_synthetic_tape({.preset = SyntheticPreset::planted, .seed = 5, .days = 40});
  EnvironmentConfig config = config_of(3, 800);
  config.sizing = SizingMode::fixed_coins;
  config.close_at_end = true;
  FundingArbitrageEnv oracle(synthetic.tape, config), hysteresis(synthetic.tape, config);
  run(oracle, PlantedOraclePolicy(synthetic.regimes), 100, 800);
  run(hysteresis, HysteresisPolicy{}, 100, 800);
  REQUIRE(oracle.info().trades > 3);
  REQUIRE(oracle.info().equity > 10'000.0);
  REQUIRE(oracle.info().equity > hysteresis.info().equity);
}

TEST_CASE("baselines: legal on every market and setting", "[funding][baselines]") {
  const SyntheticTape synthetic = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = 6, .days = 30});
  EnvironmentConfig config = config_of(3, 300);
  config.sample_random_config = true;
  FundingArbitrageEnv env(synthetic.tape, config);
  std::array<float, 275> row{};
  std::array<std::uint8_t, 36> mask{};
  const auto play = [&](const auto& policy) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      env.reset(seed, row);
      for (bool over = false; !over;) {
        env.action_masks(mask);
        const std::int32_t action = policy.act(env.decision_state(), mask);
        const rlx::Transition t = env.step({&action, 1}, row);
        over = t.terminated || t.truncated;
      }
    }
  };
  for (const double horizon : {24.0, 168.0})
    for (const double exit : {0.0, 0.3}) play(HysteresisPolicy{horizon, exit});
  play(SettlementTimingPolicy{});
  play(PlantedOraclePolicy(synthetic.regimes));
}
