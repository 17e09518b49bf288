// SPDX-License-Identifier: MIT
#include <rlx/funding/decision_state_json.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include <rlx/funding/baselines.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/observation.hpp>
#include <rlx/funding/synthetic_tape.hpp>

using namespace rlx::funding;
using nlohmann::json;
using rlx::ConfigError;
using rlx_test::ContainsSubstring;

namespace {

// A state in the middle of an episode, with open positions.
json middle_of_an_episode() {
  const auto tape = make_synthetic_tape({.seed = 3, .days = 10}).tape;
  EnvironmentConfig config;
  config.trading = TradingConfig::aggressive();
  config.episode_steps = 50;
  FundingArbitrageEnv env(tape, config);
  std::array<float, 275> row{};
  ResetOptions options;
  options.start_step = 80;
  env.reset(1, row, options);
  for (const std::int32_t action : {22, 13, 0, 4}) env.step({&action, 1}, row);
  return to_json(env.decision_state(), env.tape());
}

LiveState read(const json& state) {
  static const VenueTable venues = VenueTable::builtin();
  return LiveState::from_json(state, venues);
}

}  // namespace

TEST_CASE("state json: an environment's own state gives the same observation, mask and decision", "[funding][state_json]") {
  const auto tape = make_synthetic_tape({.seed = 3, .days = 12}).tape;
  for (const SizingMode sizing : {SizingMode::available_margin, SizingMode::fixed_coins}) {
    EnvironmentConfig config;
    config.window_begin = 72;
    config.episode_steps = 120;
    config.sample_random_config = true;
    config.sizing = sizing;
    FundingArbitrageEnv env(tape, config);
    std::array<float, 275> row{}, read_row{};
    std::array<std::uint8_t, 36> mask{}, read_mask{};
    rlx::RandomStream random(rlx::StreamId{.seed = 1});
    const HysteresisPolicy hysteresis;
    const SettlementTimingPolicy timing;
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      env.reset(seed, row);
      for (bool over = false; !over;) {
        env.action_masks(mask);
        const std::string text = to_json(env.decision_state(), *tape).dump();
        const LiveState live = read(json::parse(text));
        ObservationBuilder().write(live.state(), read_row);
        write_action_mask(live.state(), read_mask);
        REQUIRE(read_row == row);
        REQUIRE(read_mask == mask);
        REQUIRE(hysteresis.act(live.state(), mask) == hysteresis.act(env.decision_state(), mask));
        REQUIRE(timing.act(live.state(), mask) == timing.act(env.decision_state(), mask));
        std::int32_t action = 0;
        do action = static_cast<std::int32_t>(random.bounded(36));
        while (mask[static_cast<std::size_t>(action)] == 0);
        const rlx::Transition t = env.step({&action, 1}, row);
        over = t.terminated || t.truncated;
      }
    }
  }
}

TEST_CASE("state json: what can be worked out may be left out", "[funding][state_json]") {
  json state = middle_of_an_episode();
  const LiveState full = read(state);
  state.erase("equity");
  state.erase("execution");
  state.erase("sizing");
  for (json& one : state["opportunities"]) {
    for (const char* key : {"net_bph", "spread_bp", "depth_usd", "round_trip_bp"}) one.erase(key);
  }
  const LiveState brief = read(state);
  REQUIRE(brief.state().equity == rlx_test::Approx(full.state().equity).margin(1e-8));
  for (std::size_t k = 0; k < full.state().opportunities.size(); ++k) {
    const Opportunity& a = full.state().opportunities[k];
    const Opportunity& b = brief.state().opportunities[k];
    REQUIRE(b.pair.net_bph == rlx_test::Approx(a.pair.net_bph).margin(1e-12));
    REQUIRE(b.pair.spread_bp == rlx_test::Approx(a.pair.spread_bp).margin(1e-9));
    REQUIRE(b.depth_usd == a.depth_usd);
    REQUIRE(b.round_trip_bp == rlx_test::Approx(a.round_trip_bp));
  }
}

TEST_CASE("state json: what is wrong is named by its path", "[funding][state_json]") {
  const json good = middle_of_an_episode();
  REQUIRE_NOTHROW(read(good));
  REQUIRE(good["positions"].size() >= 2);
  const auto refused = [&good](const std::string& word, const std::function<void(json&)>& change) {
    json bad = good;
    change(bad);
    REQUIRE_THROWS_AS(read(bad), ConfigError);
    REQUIRE_THROWS_WITH(read(bad), ContainsSubstring(word));
  };
  refused("schema", [](json& s) { s["schema"] = "other"; });
  refused("time_ms", [](json& s) { s.erase("time_ms"); });
  refused("initial_capital", [](json& s) { s["initial_capital"] = -5; });
  refused("free_cash", [](json& s) { s["free_cash"] = json::object(); });
  refused("free_cash", [](json& s) { s["free_cash"]["nowhere"] = 1.0; });
  refused("max_leverage", [](json& s) { s["trading"]["max_leverage"] = 99; });
  refused("regime", [](json& s) { s["regime_pbh"] = 1.0; });
  refused("at most 10", [](json& s) {
    while (s["opportunities"].size() < 11) s["opportunities"].push_back(s["opportunities"][0]);
  });
  refused("at most 5", [](json& s) {
    while (s["positions"].size() < 6) s["positions"].push_back(s["positions"][0]);
  });
  refused("each slot once", [](json& s) { s["positions"][1]["slot"] = s["positions"][0]["slot"]; });
  refused("slot", [](json& s) { s["positions"][0]["slot"] = 5; });
  refused("positions[1].symbol: expected each symbol once",
          [](json& s) { s["positions"][1]["symbol"] = s["positions"][0]["symbol"]; });
  refused("opportunities[1].symbol: expected each symbol once",
          [](json& s) { s["opportunities"][1]["symbol"] = s["opportunities"][0]["symbol"]; });
  refused("opportunities[0].long", [](json& s) { s["opportunities"][0]["long"].erase("price"); });
  refused("venue", [](json& s) { s["opportunities"][0]["long"]["venue"] = "kraken"; });
  refused("short.venue", [](json& s) { s["opportunities"][0]["short"]["venue"] = s["opportunities"][0]["long"]["venue"]; });
  refused("opportunities[0].short.bid_ask_bps: expected 0 to 20000",
          [](json& s) { s["opportunities"][0]["short"]["bid_ask_bps"] = 20'001; });
  refused("positions[0].long.bid_ask_bps: expected 0 to 20000",
          [](json& s) { s["positions"][0]["long"]["bid_ask_bps"] = -0.5; });
  refused("positions[1]", [](json& s) { s["positions"][1]["quantity"] = "two"; });
  // Out of range: a feature would leave [-5, 5], or a cost would become a gain.
  refused("opportunities[0].long.interval_h: expected 1, 2, 4",
          [](json& s) { s["opportunities"][0]["long"]["interval_h"] = 1e300; });
  refused("positions[0].short.interval_h", [](json& s) { s["positions"][0]["short"]["interval_h"] = 3; });
  refused("opportunities[0].sign_share", [](json& s) { s["opportunities"][0]["sign_share"] = -7; });
  refused("opportunities[0].volume_usd: expected 0 or more", [](json& s) { s["opportunities"][0]["volume_usd"] = -1; });
  refused("opportunities[0].short.depth_usd", [](json& s) { s["opportunities"][0]["short"]["depth_usd"] = -1; });
  refused("opportunities[0].long.lot", [](json& s) { s["opportunities"][0]["long"]["lot"] = -1; });
  refused("positions[0].long.margin", [](json& s) { s["positions"][0]["long"]["margin"] = -1; });
  refused("opportunities[0].depth_usd: expected 0 or more", [](json& s) { s["opportunities"][0]["depth_usd"] = -1; });
  refused("opportunities[0].round_trip_bp: expected 0 or more", [](json& s) { s["opportunities"][0]["round_trip_bp"] = -1; });
  refused("positions[0].entry_fees: expected 0 or more", [](json& s) { s["positions"][0]["entry_fees"] = -1; });
  refused("positions[0].short.venue: expected another venue",
          [](json& s) { s["positions"][0]["short"]["venue"] = s["positions"][0]["long"]["venue"]; });
  refused("execution.fee_scale = -1", [](json& s) { s["execution"]["fee_scale"] = -1; });
  refused("execution.multipliers", [](json& s) { s["execution"]["multipliers"] = {0.1, -0.2, 0.3}; });
}

TEST_CASE("state json: times in other units and times that have not come are refused", "[funding][state_json]") {
  const json good = middle_of_an_episode();
  const auto refused = [](const std::string& word, const json& bad) {
    REQUIRE_THROWS_AS(read(bad), ConfigError);
    REQUIRE_THROWS_WITH(read(bad), ContainsSubstring(word));
  };
  const auto at = [](const char* pointer) { return json::json_pointer(pointer); };
  for (const char* path : {"/time_ms", "/opportunities/0/long/next_ms", "/opportunities/0/short/next_ms",
                           "/positions/0/opened_ms", "/positions/0/long/last_ms", "/positions/1/short/next_ms"}) {
    CAPTURE(path);
    const auto stamp = good.at(at(path)).get<std::int64_t>();
    json bad = good;
    bad[at(path)] = stamp / 1000;
    refused("looks like seconds; multiply by 1000", bad);
    bad[at(path)] = stamp * 1000;
    refused("looks like microseconds; divide by 1000", bad);
    bad[at(path)] = -1;
    REQUIRE_THROWS_AS(read(bad), ConfigError);
  }
  for (const char* path : {"/positions/0/opened_ms", "/positions/0/long/last_ms"}) {
    json bad = good;
    bad[at(path)] = good["time_ms"].get<std::int64_t>() + 1;
    refused("expected a time not after time_ms", bad);
  }
  for (const char* path : {"/opportunities/0/long/next_ms", "/positions/0/long/last_ms", "/positions/0/long/next_ms"}) {
    json unknown = good;
    unknown[at(path)] = 0;  // not known
    REQUIRE_NOTHROW(read(unknown));
  }
  json bad = good;
  bad["step_ms"] = -1;
  refused("step_ms", bad);
}
