// SPDX-License-Identifier: MIT
#include <rlx/options/training_policy.hpp>

#include <concepts>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/json_text.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/options/candidates.hpp>
#include <rlx/options/error.hpp>
#include <rlx/options/recorded_chain.hpp>
#include <rlx/options/records_json.hpp>

#include "real_data.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx::market::Fixed8;

// Only a checked reply makes an attestation, and the training branch cannot be called without one.
static_assert(!std::is_default_constructible_v<Attestation>);
static_assert(!std::is_constructible_v<Attestation, VenueEnvironment, std::int64_t>);
static_assert(!std::is_aggregate_v<Attestation>);
template <class... Arguments>
concept ProposesLadder = requires(const Arguments&... arguments) {
  propose_training_ladder(arguments...);
};
static_assert(ProposesLadder<AgentState, Settings, Attestation>);
static_assert(ProposesLadder<AgentState, Settings, Attestation, TrainingProfiles>);
static_assert(!ProposesLadder<AgentState, Settings>);
static_assert(!ProposesLadder<AgentState, Settings, TrainingProfiles>);
static_assert(!ProposesLadder<AgentState, Settings, TrainingProfiles, HostPolicy>);

constexpr std::int64_t day = 86'400'000, now = 1'767'115'875'944;

CandidateOption candidate(const std::string& underlying, const std::string& rest, double delta, double premium) {
  CandidateOption made;
  made.symbol = underlying + '-' + rest;
  const InstrumentName name = parse_instrument_name(made.symbol);
  made.underlying = underlying;
  made.strike = name.strike;
  made.expiry_ms = name.expiry_ms;
  made.dte = static_cast<double>(name.expiry_ms - now) / day;
  made.delta = delta;
  made.premium_usd = premium;
  made.ivrv = 1.25;
  made.ivrv_known = true;
  return made;
}

// Eight candidates for each of BTC and ETH, two and more for each profile.
AgentState two_underlyings() {
  AgentState state;
  state.now_ms = now;
  state.underlyings.resize(2);
  for (std::size_t u = 0; u < 2; ++u) {
    const std::string name = u == 0 ? "BTC" : "ETH";
    state.underlyings[u].underlying = name;
    for (const auto& [rest, delta, premium] :
         std::vector<std::tuple<std::string, double, double>>{{"9JAN26-95000-C", 0.15, 200},
                                                              {"9JAN26-93000-C", 0.20, 300},
                                                              {"16JAN26-96000-C", 0.22, 400},
                                                              {"9JAN26-92000-C", 0.28, 420},
                                                              {"16JAN26-94000-C", 0.31, 600},
                                                              {"16JAN26-92000-C", 0.38, 800},
                                                              {"9JAN26-91000-C", 0.40, 640},
                                                              {"9JAN26-90000-C", 0.49, 900}}) {
      state.underlyings[u].candidates.push_back(candidate(name, rest, delta, premium));
    }
  }
  return state;
}

Settings training() {
  Settings settings;
  settings.training_mode = true;
  return settings;
}

TEST_CASE("training actions: one per leg, with the keys and the text of the log", "[options]") {
  AgentState state = two_underlyings();
  state.underlyings[0].candidates[2].dte = 16.5;
  const std::vector<Action> actions = build_training_actions(state, training());
  REQUIRE(actions.size() == 10);
  std::string text;
  rlx::io::detail::append_json(text, detail::logged_action(actions[0]));
  CHECK(text == R"({"action":"OPEN_COVERED_CALL","mode":"training","strategy":"conservative","underlying":"BTC",)"
                R"("params":{"symbol":"BTC-16JAN26-96000-C","size":0.1},)"
                R"("diagnostics":{"delta":0.22,"dte":16.5,"premium_usd":400,"ivrv":1.25},)"
                R"("reasoning":"Training mode [conservative] ladder leg on BTC",)"
                R"("policy_version":"rb_v1_explore","decision_source":"training_mode","propensity":1})");
  const auto leg = [&](std::size_t i) { return *actions[i].strategy + ' ' + actions[i].symbol; };
  // The best by premium, then one that differs in expiry and strike; aggressive gets the fifth leg.
  CHECK(leg(0) == "conservative BTC-16JAN26-96000-C");
  CHECK(leg(1) == "conservative BTC-9JAN26-93000-C");
  CHECK(leg(2) == "moderate BTC-16JAN26-94000-C");
  CHECK(leg(3) == "moderate BTC-9JAN26-92000-C");
  CHECK(leg(4) == "aggressive BTC-9JAN26-90000-C");
  CHECK(leg(5) == "conservative ETH-16JAN26-96000-C");
  std::set<std::string> symbols;
  for (const Action& action : actions) {
    CHECK(symbols.insert(action.symbol).second);
    CHECK(action.type == ActionType::open_covered_call);
    CHECK(action.size == Fixed8::parse(action.underlying == "BTC" ? "0.1" : "1"));
    CHECK(action.decision_source == DecisionSource::training_mode);
    CHECK(action.propensity == 1.0);
    CHECK(action.reasoning == "Training mode [" + *action.strategy + "] ladder leg on " + action.underlying);
  }
}

TEST_CASE("training actions: settings choose caps, strategies, order and size", "[options]") {
  const AgentState state = two_underlyings();
  Settings settings = training();
  const auto strategies = [&] {
    std::string text;
    for (const Action& action : build_training_actions(state, settings)) {
      if (action.underlying == "BTC") text += (*action.strategy)[0];
    }
    return text;
  };
  CHECK(strategies() == "ccmma");
  settings.training_max_calls_per_underlying = 3;
  CHECK(strategies() == "ccm");
  settings.training_leg_order = LegOrder::round_robin;
  CHECK(strategies() == "cma");
  settings.training_max_calls_per_underlying = 0;
  CHECK(strategies().empty());
  settings.training_max_calls_per_underlying = 5;
  settings.training_strategies = {"aggressive", "conservative"};  // an unnamed profile takes no room in an expiry either
  settings.training_leg_order = LegOrder::priority;
  CHECK(strategies() == "aacc");
  settings.training_max_calls_per_expiry = 1;
  CHECK(strategies() == "aa");
  settings.training_max_calls_per_expiry = 3;
  settings.training_profile_mode = TrainingProfileMode::single;
  CHECK(strategies() == "ac");
  settings.training_strategies.clear();
  CHECK(strategies().empty());
  settings.training_strategies = {"bold"};
  CHECK_THROWS_AS(strategies(), rlx::ConfigError);

  settings = training();
  settings.underlyings = {"ETH", "SOL"};
  settings.training_call_size = PerUnderlying{{{"ETH", 3}}, {}};
  const std::vector<Action> actions = build_training_actions(state, settings);
  REQUIRE(actions.size() == 5);
  CHECK(actions[0].underlying == "ETH");
  CHECK(actions[0].size == Fixed8::from_integer(3));
}

TEST_CASE("training actions: without a size the instrument's minimum is taken", "[options]") {
  AgentState state = two_underlyings();
  Settings settings = training();
  settings.training_call_size = {};
  std::vector<Instrument> table;
  for (const CandidateOption& one : state.underlyings[1].candidates) table.push_back(paper_instrument(one.symbol));
  state.underlyings[1].instruments = table;
  const std::vector<Action> actions = build_training_actions(state, settings);
  CHECK(actions.front().size == Fixed8());  // BTC has no table here: the risk engine denies a size of 0
  CHECK(actions.back().underlying == "ETH");
  CHECK(actions.back().size == Fixed8::from_integer(1));
}

TEST_CASE("training actions: open calls, resting sells and unknown legs occupy symbols, expiries and room", "[options]") {
  AgentState state = two_underlyings();
  UnderlyingState& btc = state.underlyings[0];
  Position call, bought, put;
  call.symbol = "BTC-16JAN26-96000-C";
  call.expiry_ms = parse_instrument_name(call.symbol).expiry_ms;
  call.size = Fixed8::parse("-0.1");
  bought = call;
  bought.symbol = "BTC-16JAN26-94000-C";
  bought.size = Fixed8::parse("0.1");
  put = call;
  put.symbol = "BTC-16JAN26-80000-P";
  put.type = OptionType::put;
  btc.positions = {call, bought, put};
  Order sell, buy, done;
  sell.symbol = "BTC-9JAN26-93000-C";
  buy = done = sell;
  buy.symbol = "BTC-9JAN26-92000-C";
  buy.side = Side::buy;
  done.symbol = "BTC-9JAN26-91000-C";
  done.state = OrderState::cancelled;
  btc.open_orders = {sell, buy, done};
  btc.unknown_legs = {{"BTC-9JAN26-90000-C", "BTC", Fixed8::parse("0.1")}};

  const std::vector<OccupiedLeg> legs = occupied_legs(btc);
  REQUIRE(legs.size() == 3);
  CHECK(legs[0].symbol == call.symbol);
  CHECK(legs[1].symbol == sell.symbol);
  CHECK(legs[1].expiry_ms == parse_instrument_name(sell.symbol).expiry_ms);
  CHECK(legs[2].symbol == "BTC-9JAN26-90000-C");

  // Per expiry 3: one more in the 9th, which has two, two more in the 16th, which has one.
  std::map<std::int64_t, int> per_expiry;
  for (const Action& action : build_training_actions(state, training())) {
    if (action.underlying != "BTC") continue;
    for (const OccupiedLeg& leg : legs) CHECK(action.symbol != leg.symbol);
    ++per_expiry[parse_instrument_name(action.symbol).expiry_ms];
  }
  CHECK(per_expiry[legs[0].expiry_ms] == 2);
  CHECK(per_expiry[legs[1].expiry_ms] == 1);

  Settings settings = training();
  settings.training_max_open_calls_per_underlying = 4;
  std::size_t btc_legs = 0;
  for (const Action& action : build_training_actions(state, settings)) btc_legs += action.underlying == "BTC" ? 1U : 0U;
  CHECK(btc_legs == 1);

  // An order on something that is no option fills the total cap only.
  btc.open_orders[0].symbol = "BTC-PERPETUAL";
  CHECK(occupied_legs(btc).size() == 3);
  CHECK_NOTHROW(build_training_actions(state, training()));
}

TEST_CASE("training actions: every recorded snapshot gives a ladder on BTC and on ETH", "[options][real]") {
  const std::string name = "series/chain_6h_calls_dte0-35_delta0.03-0.75.csv.gz";
  if (!rlx_test::have_options_data(name)) return;
  const std::vector<std::string> paths = {rlx_test::options_data_path(name)};
  const RecordedChain chain =
      load_recorded_chain(paths, {}, [](const std::string& path) { return rlx::io::gunzip_file(path); });
  REQUIRE(chain.size() == 481);
  const std::vector<CandidateBand> bands = {{0.10, 0.25, 1, 21, 0.20}, {0.25, 0.35, 1, 21, 0.30}, {0.35, 0.50, 1, 21, 0.40}};
  ChainSnapshot snapshot;
  std::map<std::string, std::size_t> legs;  // by underlying and strategy
  for (std::size_t i = 0; i < chain.size(); ++i) {
    AgentState state;
    for (const std::string underlying : {"BTC", "ETH"}) {
      chain.load(i, underlying, snapshot);
      CandidateRequest request;
      request.bands = bands;
      request.premium_min_usd = 0.0005 * snapshot.index;
      request.max_quote_age_ms = 3'600'000;
      request.max_candidates = 100;
      request.now_ms = snapshot.ts_ms;
      UnderlyingState& one = state.underlyings.emplace_back();
      one.underlying = underlying;
      one.candidates = build_candidates(snapshot, chain.instruments(i, underlying), request);
      REQUIRE(one.candidates.size() >= 15);
    }
    std::map<std::string, int> of_underlying;
    for (const Action& action : build_training_actions(state, training())) {
      ++of_underlying[action.underlying];
      ++legs[action.underlying + ' ' + action.strategy.value_or("-")];
    }
    CAPTURE(i);
    REQUIRE(of_underlying == std::map<std::string, int>{{"BTC", 5}, {"ETH", 5}});
  }
  CHECK(legs.size() == 6);
}

TEST_CASE("training branch: the switch, the environment, the host and the attestation", "[options]") {
  const AgentState state = two_underlyings();
  const Attestation paper = Attestation::paper(now);
  const Attestation testnet = Attestation::from_reply(VenueEnvironment::testnet, "test.deribit.com", true, now);
  const Attestation mainnet = Attestation::from_reply(VenueEnvironment::mainnet, "www.deribit.com", false, now);
  Settings settings = training();
  CHECK(propose_training_ladder(state, settings, paper).size() == 10);
  CHECK(propose_training_ladder(state, settings, testnet) == build_training_actions(state, settings));
  CHECK_THROWS_AS(propose_training_ladder(state, settings, mainnet), SafetyError);
  for (const AgentMode mode : {AgentMode::production, AgentMode::research}) {
    settings.mode = mode;
    CHECK(propose_training_ladder(state, settings, testnet).size() == 10);
  }
  settings.training_mode = false;
  CHECK(propose_training_ladder(state, settings, testnet).empty());
  CHECK(propose_training_ladder(state, settings, mainnet).empty());
  settings = training();
  settings.deribit_env = "mainnet";
  CHECK(propose_training_ladder(state, settings, testnet).empty());
  settings = training();
  settings.deribit_base_url = "https://www.deribit.com";
  CHECK(propose_training_ladder(state, settings, testnet).empty());
  settings.deribit_base_url = "https://localhost:4433";
  CHECK(propose_training_ladder(state, settings, testnet).empty());
  const HostPolicy hosts = HostPolicy::loopback_for_tests(4433, "ca.pem");
  CHECK(propose_training_ladder(state, settings, testnet, get_training_profiles(), hosts).size() == 10);

  AgentState empty = state;
  for (UnderlyingState& one : empty.underlyings) one.candidates.clear();
  CHECK(propose_training_ladder(empty, training(), testnet).empty());
}

}  // namespace
