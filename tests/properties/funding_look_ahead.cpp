// SPDX-License-Identifier: MIT
/// @file
/// @brief Nothing after t touches observation, mask, fill or decision at t: 1,000 random times, the future replaced by garbage
/// or shifted by a row.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/funding/baselines.hpp>
#include <rlx/funding/convert.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/synthetic_tape.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/io/mapped_file.hpp>

#include "funding/real_data.hpp"
#include "rlx_catch.hpp"

using namespace rlx::funding;

namespace {

SyntheticConfig small_market(std::uint64_t seed) {
  SyntheticConfig config;
  config.preset = SyntheticPreset::calibrated;
  config.seed = seed;
  config.days = 8;
  config.majors = 2;
  config.persistent = config.spiky = config.background = 2;
  return config;
}

EnvironmentConfig episode_config() {
  EnvironmentConfig config;
  config.trading = TradingConfig::aggressive();
  config.window_begin = 48;
  config.episode_steps = 100;
  return config;
}

struct Decision {
  std::array<float, 275> row{};
  std::array<std::uint8_t, 36> mask{};
  std::array<int, 3> choices{};
  std::vector<double> fills;  // of what is open
  double equity = 0.0;
  bool operator==(const Decision&) const = default;
};

// What is seen at the current step, and the fills of that decision's own entries.
Decision look(const FundingArbitrageEnv& env) {
  Decision d;
  env.observe(d.row);
  env.action_masks(d.mask);
  const DecisionState& state = env.decision_state();
  d.choices = {HysteresisPolicy{}.act(state, d.mask), HysteresisPolicy{168.0, 0.3}.act(state, d.mask),
               SettlementTimingPolicy{}.act(state, d.mask)};
  d.equity = env.info().equity;
  for (std::size_t k = 0; k < state.opportunities.size(); ++k) {
    const EntryPlan plan = plan_entry(state, k, Size::large);
    d.fills.insert(d.fills.end(), {plan.quantity, plan.long_fill, plan.short_fill});
  }
  return d;
}

// An environment after `steps` random legal decisions.
FundingArbitrageEnv played(const std::shared_ptr<const MarketTape>& tape, std::uint64_t seed, int steps,
                           const EnvironmentConfig& config, std::size_t start) {
  FundingArbitrageEnv env(tape, config);
  std::array<float, 275> row{};
  std::array<std::uint8_t, 36> mask{};
  ResetOptions options;
  options.start_step = start;
  env.reset(seed, row, options);
  rlx::RandomStream random(rlx::StreamId{.seed = seed});
  for (int i = 0; i < steps; ++i) {
    env.action_masks(mask);
    std::int32_t action = 0;
    do action = static_cast<std::int32_t>(random.bounded(36));
    while (mask[static_cast<std::size_t>(action)] == 0);
    if (env.step({&action, 1}, row).terminated) break;
  }
  return env;
}

// What is seen and done up to the decision at `steps`.
Decision decide(const std::shared_ptr<const MarketTape>& tape, std::uint64_t seed, int steps,
                const EnvironmentConfig& config = episode_config(), std::size_t start = 60) {
  return look(played(tape, seed, steps, config, start));
}

// The same market with every price row after t moved one row on.
std::shared_ptr<const MarketTape> shifted_after(const MarketTape& tape, std::int64_t t) {
  TapeData data;
  for (InstrumentId id = 0; id < tape.instruments().size(); ++id) {
    InstrumentData one;
    one.venue = tape.instruments()[id].venue_name;
    one.symbol = tape.instruments()[id].symbol_name;
    std::vector<PriceRow> rows;
    if (const auto first = tape.price_asof(id, tape.time(0))) rows.push_back(*first->row);
    for (std::size_t k = 0; k + 1 < tape.n_steps(); ++k) {
      for (const PriceRow& row : tape.rows(id, k)) rows.push_back(row);
    }
    const std::vector<PriceRow> original = rows;
    for (std::size_t i = 1; i < rows.size(); ++i) {
      if (rows[i].ts_ms <= t) continue;
      rows[i] = original[i - 1];
      rows[i].ts_ms = original[i].ts_ms;
    }
    one.rows = std::move(rows);
    for (const Settlement& settlement : tape.settlements(id, tape.time(0) - ms_per_day, tape.time(tape.n_steps()))) {
      one.settlements.push_back(settlement);
    }
    data.instruments.push_back(std::move(one));
  }
  return std::make_shared<const MarketTape>(std::move(data), tape.config(), tape.venues());
}

}  // namespace

TEST_CASE("funding: garbage after t changes nothing at t, 1,000 times", "[properties][funding]") {
  rlx::RandomStream random(rlx::StreamId{.seed = 1});
  int effects = 0;
  for (std::uint64_t market = 0; market < 10; ++market) {
    const auto tape = make_synthetic_tape(small_market(market)).tape;
    for (std::uint64_t i = 0; i < 100; ++i) {
      const int steps = static_cast<int>(random.bounded(100));
      const auto corrupted = tape->corrupted_after(60 + static_cast<std::size_t>(steps), 1000 * market + i);
      REQUIRE(decide(tape, i, steps) == decide(corrupted, i, steps));
      if (steps < 90) effects += decide(tape, i, steps + 5) == decide(corrupted, i, steps + 5) ? 0 : 1;
    }
  }
  REQUIRE(effects > 800);  // the garbage does matter later
}

TEST_CASE("funding: prices shifted by a row after t change nothing at t", "[properties][funding]") {
  const auto tape = make_synthetic_tape(small_market(3)).tape;
  rlx::RandomStream random(rlx::StreamId{.seed = 2});
  int effects = 0;
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const int steps = static_cast<int>(random.bounded(90));
    const auto shifted = shifted_after(*tape, tape->time(60 + static_cast<std::size_t>(steps)));
    REQUIRE(decide(tape, i, steps) == decide(shifted, i, steps));
    effects += decide(tape, i, steps + 3) == decide(shifted, i, steps + 3) ? 0 : 1;
  }
  REQUIRE(effects > 900);
}

TEST_CASE("funding: garbage after t changes nothing at t with delays, indicative rates and delayed orders",
          "[properties][funding]") {
  EnvironmentConfig config = episode_config();
  config.execution.delay_steps = 1;
  config.execution.grace_ms = 15'000;
  config.termination = {.max_drawdown = 1.0, .min_equity_ratio = 0.0};  // garbage must not end an episode before its look
  rlx::RandomStream random(rlx::StreamId{.seed = 5});
  int effects = 0;
  for (std::uint64_t market = 0; market < 4; ++market) {
    SyntheticConfig synthetic = small_market(20 + market);
    synthetic.tape.price_delay_ms = 60'000;
    synthetic.tape.funding_delay_ms = 90 * 60'000;  // a settlement is paid before it is seen
    const auto plain = make_synthetic_tape(synthetic).tape;
    TapeData data = plain->data();
    for (InstrumentData& one : data.instruments)
      for (std::size_t k = 0; k < plain->n_steps(); k += 1 + random.bounded(3)) {
        IndicativeRate rate;
        rate.ts_ms = plain->time(k) + static_cast<std::int64_t>(random.bounded(ms_per_hour));
        rate.rate = random.uniform(-0.001, 0.001);
        rate.next_settle_ms = plain->time(k) + static_cast<std::int64_t>(1 + random.bounded(8)) * ms_per_hour;
        one.indicative.push_back(rate);
      }
    const auto tape = std::make_shared<const MarketTape>(std::move(data), plain->config(), plain->venues());
    for (std::uint64_t i = 0; i < 100; ++i) {
      // The past is not played again: a settlement that is not yet seen may have been paid already.
      FundingArbitrageEnv env = played(tape, i, static_cast<int>(random.bounded(90)), config, 60);
      FundingArbitrageEnv other = env;
      other.corrupt_future(100 * market + i);
      REQUIRE(look(env) == look(other));
      for (int later = 0; later < 5; ++later) {
        const std::int32_t hold = 0;
        std::array<float, 275> row{};
        env.step({&hold, 1}, row);
        other.step({&hold, 1}, row);
      }
      effects += look(env) == look(other) ? 0 : 1;
    }
  }
  REQUIRE(effects > 360);
}

namespace {

// 1,000 random cuts in all of a real tape, episodes started anywhere; `history` steps are left before the first start.
void check_real_tape(const std::shared_ptr<const MarketTape>& tape, std::size_t history, int longest, int cuts) {
  EnvironmentConfig config = episode_config();
  config.window_begin = history;
  config.episode_steps = longest;
  rlx::RandomStream random(rlx::StreamId{.seed = 4});
  const std::size_t starts = tape->n_steps() - history - static_cast<std::size_t>(longest);
  int effects = 0;
  for (int i = 0; i < cuts; ++i) {
    const std::size_t start = history + random.bounded(starts);
    const int steps = static_cast<int>(random.bounded(static_cast<std::uint64_t>(longest)));
    const std::size_t cut = start + static_cast<std::size_t>(steps);
    const auto corrupted = tape->corrupted_after(cut, static_cast<std::uint64_t>(i));
    const auto seed = static_cast<std::uint64_t>(i);
    REQUIRE(decide(tape, seed, steps, config, start) == decide(corrupted, seed, steps, config, start));
    effects += decide(tape, seed, longest, config, start) == decide(corrupted, seed, longest, config, start) ? 0 : 1;
  }
  REQUIRE(effects > cuts / 4);  // the garbage does matter later
}

}  // namespace

TEST_CASE("funding: garbage after t changes nothing at t on the real 8 h bars", "[properties][funding]") {
  const std::string name = "spot_perp_funding_8h_btc_eth.csv";
  if (!rlx_test::have_funding_data(name)) return;
  const std::string text = rlx::io::read_file(rlx_test::funding_data_path(name));
  TapeConfig config;
  config.step_ms = 8 * ms_per_hour;
  check_real_tape(std::make_shared<const MarketTape>(convert_spot_perp_8h({text, name}), config, VenueTable::builtin()), 10, 20,
                  1'000);
}

TEST_CASE("funding: garbage after t changes nothing at t on the real settlements", "[properties][funding]") {
  const std::string name = "settlements_binance_bybit_hyperliquid.csv.gz";
  if (!rlx_test::have_funding_data(name)) return;
  const std::string text = rlx::io::gunzip_file(rlx_test::funding_data_path(name));
  TapeConfig config;
  config.step_ms = 8 * ms_per_hour;
  check_real_tape(std::make_shared<const MarketTape>(convert_settlements({text, name}), config, VenueTable::builtin()), 10, 20,
                  100);
}
