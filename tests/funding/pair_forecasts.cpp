// SPDX-License-Identifier: MIT
#include <rlx/funding/pair_forecasts.hpp>

#include "counting_allocator.hpp"
#include "hand_market.hpp"
#include "rlx_catch.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/env/append_features.hpp>
#include <rlx/env/check_env.hpp>
#include <rlx/funding/synthetic_tape.hpp>

using namespace rlx::funding;
using rlx::ConfigError;
using rlx_test::at_hour;
using rlx_test::WithinAbs;

namespace {

using Seeing = rlx::AppendFeatures<FundingArbitrageEnv, PairTailFeatures>;
constexpr std::size_t inner = 275;

// Binance at 100; Bybit, which would be sold, at 100, 100, 101, 100, 99.5 and so on.
std::shared_ptr<const MarketTape> hand_tape() {
  rlx_test::HandMarket market;
  market.flat("binance", 0, 30, 100.0).settle("binance", 0, -0.0004).settle("bybit", 0, 0.0004);
  market.price("bybit", 0, 100).price("bybit", 1, 100).price("bybit", 2, 101).price("bybit", 3, 100);
  market.flat("bybit", 4, 30, 99.5);
  return market.tape();
}

EnvironmentConfig config_of(int steps) {
  EnvironmentConfig config;
  config.trading = TradingConfig::moderate();
  config.episode_steps = steps;
  return config;
}

const std::shared_ptr<const MarketTape>& synthetic() {
  static const auto tape = make_synthetic_tape({.preset = SyntheticPreset::calibrated, .seed = 7, .days = 12}).tape;
  return tape;
}

}  // namespace

TEST_CASE("pair forecasts: historical simulation by hand", "[funding][pair_forecasts]") {
  // Spreads 0, 0, 1e4/100.5, 0, -5e3/99.75 bp: holding the pair gives 0, -99.5025, 99.5025, 50.1253. Of four the worst two are
  // the tail of 0.5: VaR 0, CVaR 49.7512.
  const auto tape = hand_tape();
  const Opportunity pair = tape->opportunities(4)[0];
  REQUIRE(tape->instruments()[pair.long_leg].venue_name == "binance");
  const PairForecasts forecasts = PairForecasts::from_history(*tape, {.steps = 4, .least = 4, .mass = {0.5}});
  REQUIRE(forecasts.size() == 1);
  const auto at = [&](double hour) { return forecasts.at(pair.long_leg, pair.short_leg, at_hour(hour)); };
  REQUIRE_FALSE(at(3));  // three changes are too few
  REQUIRE(at(4)->issued_ms == at_hour(4));
  REQUIRE_THAT(at(4)->var, WithinAbs(0, 1e-9));
  REQUIRE_THAT(at(4)->cvar, WithinAbs(49.7512, 1e-3));
  REQUIRE_THAT(at(7)->cvar, WithinAbs(0, 1e-9));                           // only 50.1253 and zeros are left
  REQUIRE_FALSE(forecasts.at(pair.short_leg, pair.long_leg, at_hour(4)));  // never offered

  FundingArbitrageEnv env(tape, config_of(20));
  Seeing seeing(env, PairTailFeatures(std::make_shared<const PairForecasts>(forecasts), {.scale_bp = 100.0}));
  REQUIRE(seeing.observation_names().size() == inner + 20);
  REQUIRE(seeing.observation_names()[inner] == "opportunity_0_var");
  REQUIRE(seeing.observation_names().back() == "opportunity_9_cvar");
  REQUIRE_THROWS_AS(PairTailFeatures(std::make_shared<const PairForecasts>(forecasts))(env, std::span<float>()),
                    rlx::ShapeError);
  std::array<float, inner + 20> row{};
  const std::int32_t hold = 0;
  std::size_t seen = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {  // starts differ
    seeing.reset(seed, row);
    while (seeing.inner().info().tape_step < 8) {
      const std::size_t k = seeing.inner().info().tape_step;
      REQUIRE_THAT(row[inner + 1], WithinAbs(k == 4 || k == 5 ? 0.497512 : 0.0, 1e-5));
      seen += row[inner + 1] != 0.0F ? 1 : 0;
      for (std::size_t empty = 2; empty < 20; ++empty) REQUIRE(row[inner + empty] == 0.0F);
      seeing.step({&hold, 1}, row);
    }
  }
  REQUIRE(seen > 5);
}

TEST_CASE("pair forecasts: stored quantiles are shown until they are too old", "[funding][pair_forecasts]") {
  const auto tape = hand_tape();
  const Opportunity pair = tape->opportunities(4)[0];
  auto forecasts = std::make_shared<PairForecasts>(rlx::risk::TailMass{0.05});
  const std::array levels{0.1, 0.5, 0.9}, quantiles{-20.0, 1.0, 18.0};  // bp; the worked forecast of the specification
  forecasts->series(pair.long_leg, pair.short_leg).add_quantiles(at_hour(6), levels, quantiles);
  const PairTailFeatures features(forecasts, {.scale_bp = 10.0, .max_age_ms = 3 * ms_per_hour});
  FundingArbitrageEnv env(tape, config_of(12));
  std::array<float, inner> row{};
  std::array<float, PairTailFeatures::size> columns{};
  ResetOptions start;
  start.start_step = 0;
  env.reset(1, row, start);
  const std::int32_t hold = 0;
  for (int hour = 0; hour <= 11; ++hour) {
    features(env, columns);
    REQUIRE_THAT(columns[0], WithinAbs(hour >= 6 && hour <= 9 ? 2.59532 : 0.0, 1e-4));
    REQUIRE((columns[1] > columns[0]) == (hour >= 6 && hour <= 9));
    env.step({&hold, 1}, row);
  }
}

TEST_CASE("pair forecasts: nothing after t changes a column at t", "[funding][pair_forecasts]") {
  const PairForecasts known = PairForecasts::from_history(*synthetic());
  REQUIRE(known.size() > 5);
  std::size_t compared = 0, changed = 0;
  for (const std::size_t k : {60, 150, 250}) {
    const auto corrupted = synthetic()->corrupted_after(k, k);
    const PairForecasts other = PairForecasts::from_history(*corrupted);
    for (std::size_t j = 0; j < synthetic()->n_steps(); ++j) {
      for (const Opportunity& pair : synthetic()->opportunities(j)) {
        const std::int64_t time = synthetic()->time(j);
        const auto mine = known.at(pair.long_leg, pair.short_leg, time), theirs = other.at(pair.long_leg, pair.short_leg, time);
        const bool same =
            mine.has_value() == theirs.has_value() &&
            (!mine || (mine->issued_ms == theirs->issued_ms && mine->var == theirs->var && mine->cvar == theirs->cvar));
        if (j <= k) {
          REQUIRE(same);
          compared += mine ? 1 : 0;
        } else {
          changed += same ? 0 : 1;
        }
      }
    }
  }
  REQUIRE(compared > 1'000);
  REQUIRE(changed > 1'000);
}

TEST_CASE("pair forecasts: the environment with its columns keeps the contract", "[funding][pair_forecasts]") {
  const auto forecasts = std::make_shared<const PairForecasts>(PairForecasts::from_history(*synthetic()));
  rlx::CheckOptions options;
  options.allocations = &rlx_test::allocations;
  EnvironmentConfig config = config_of(100);
  config.window_begin = 72;
  const rlx::CheckReport report =
      rlx::check_env([&] { return Seeing(FundingArbitrageEnv(synthetic(), config), PairTailFeatures(forecasts)); }, options);
  CAPTURE(report.text());
  REQUIRE(report.findings.empty());

  REQUIRE_THROWS_AS(PairForecasts::from_history(*synthetic(), {.steps = 10, .least = 11}), ConfigError);
  REQUIRE_THROWS_AS(PairForecasts::from_history(*synthetic(), {.mass = {0.0}}), ConfigError);
  REQUIRE_THROWS_AS(PairTailFeatures(forecasts, {.scale_bp = 0}), ConfigError);
  REQUIRE_THROWS_AS(PairTailFeatures(forecasts, {.max_age_ms = -1}), ConfigError);
}
