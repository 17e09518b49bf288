// SPDX-License-Identifier: MIT
#include <rlx/options/production_policy.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx::market::Fixed8;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

constexpr std::int64_t day = 86'400'000, now = 1'767'115'875'944;

rlx::RandomStream stream(std::uint64_t step = 0) {
  return rlx::RandomStream({.seed = 5, .purpose = rlx::Purpose::exploration, .env = 0, .step = step});
}

CandidateOption candidate(const std::string& symbol, double delta, double dte, double premium, double ivrv = 1.5) {
  CandidateOption made;
  made.symbol = symbol;
  made.underlying = "BTC";
  made.strike = 100'000;
  made.delta = delta;
  made.dte = dte;
  made.expiry_ms = now + static_cast<std::int64_t>(dte * day);
  made.premium_usd = premium;
  made.ivrv = ivrv;
  made.ivrv_known = true;
  return made;
}

Position short_call(const std::string& symbol, double strike, double dte, const char* size = "-0.1") {
  Position made;
  made.symbol = symbol;
  made.underlying = "BTC";
  made.strike = strike;
  made.expiry_ms = now + static_cast<std::int64_t>(dte * day);
  made.size = Fixed8::parse(size);
  return made;
}

AgentState state_of(std::vector<CandidateOption> candidates, std::vector<Position> positions = {}) {
  AgentState state;
  state.now_ms = now;
  state.underlyings.resize(1);
  state.underlyings[0].underlying = "BTC";
  state.underlyings[0].index = 90'000;
  state.underlyings[0].candidates = std::move(candidates);
  state.underlyings[0].positions = std::move(positions);
  return state;
}

Settings production() {
  Settings settings;
  settings.mode = AgentMode::production;
  settings.underlyings = {"BTC"};
  return settings;
}

Action decide(const AgentState& state, const Settings& settings, std::uint64_t step = 0) {
  rlx::RandomStream random = stream(step);
  return rule_decide_action(state, settings, random);
}

TEST_CASE("production policy: the score by hand", "[options]") {
  // Production: middles 0.25 and 7.5. ln(101) - 5*0.05^2 - 2*(1.5/7.5)^2 + (1.5 - 1.2).
  const CandidateRange range = production().effective_range();
  CHECK(candidate_score(candidate("S", 0.30, 9, 100), range) == Approx(4.615120516841261 - 0.0125 - 0.08 + 0.3));
  CHECK(candidate_score(candidate("S", 0.25, 7.5, 0), range) == Approx(0.3));
  // Below one day in the middle, the distance is measured in days.
  CHECK(candidate_score(candidate("S", 0.25, 2.25, 0, 0), CandidateRange{0, 0.2, 0.3, 0, 0.5}) == Approx(-8.0));
}

TEST_CASE("production policy: opens the best candidate where no short call is open", "[options]") {
  const AgentState state =
      state_of({candidate("low", 0.25, 7, 60), candidate("best", 0.25, 7, 90), candidate("thin", 0.25, 7, 80)});
  const Action action = decide(state, production());
  CHECK(action.type == ActionType::open_covered_call);
  CHECK(action.symbol == "best");
  CHECK(action.underlying == "BTC");
  CHECK(action.size == Fixed8::parse("0.1"));
  CHECK(action.mode == AgentMode::production);
  CHECK(action.propensity == 1.0);
  CHECK(action.decision_source == DecisionSource::rule_based);
  CHECK(action.policy_version == "rb_v1_explore");
  CHECK_FALSE(action.strategy.has_value());
  REQUIRE(action.diagnostics.has_value());
  CHECK(action.diagnostics->premium_usd == 90);
}

TEST_CASE("production policy: candidates outside the ranges are dropped, ties have an order", "[options]") {
  const auto opened = [](std::vector<CandidateOption> candidates) {
    return decide(state_of(std::move(candidates)), production()).symbol;
  };
  CHECK(opened({candidate("a", 0.25, 7, 100, 1.19)}).empty());
  CHECK(opened({candidate("a", 0.25, 7, 100, 1.2)}) == "a");
  CHECK(opened({candidate("a", 0.301, 7, 100)}).empty());
  CHECK(opened({candidate("a", 0.30, 10, 100)}) == "a");
  CHECK(opened({candidate("a", 0.25, 10.01, 100)}).empty());
  CHECK(opened({candidate("a", 0.25, 7, 49.99)}).empty());
  CHECK(opened({candidate("a", 0.25, 7, std::numeric_limits<double>::quiet_NaN())}).empty());
  CandidateOption unknown = candidate("a", 0.25, 7, 100, 2.0);
  unknown.ivrv_known = false;
  CHECK(opened({unknown}).empty());
  // Equal scores: closer delta, expiry, strike, symbol. 0.24 and 0.26 are equally far from 0.25 up to rounding only, so equal
  // deltas are used.
  CandidateOption far = candidate("a", 0.25, 7, 100), near = candidate("b", 0.25, 7, 100), other = candidate("c", 0.25, 7, 100);
  far.strike = 101'000;
  CHECK(opened({far, near, other}) == "b");
  other.expiry_ms -= 1;
  CHECK(opened({far, near, other}) == "c");
}

TEST_CASE("production policy: when an open call is rolled, at the edges", "[options]") {
  const std::vector<CandidateOption> targets = {candidate("target", 0.25, 7, 100)};
  const auto rolled = [&](double strike, double dte) {
    const Action action = decide(state_of(targets, {short_call("held", strike, dte)}), production());
    CHECK((action.type == ActionType::roll_covered_call || action.type == ActionType::do_nothing));
    return action.type == ActionType::roll_covered_call;
  };
  CHECK(rolled(120'000, 0.999));
  CHECK_FALSE(rolled(120'000, 1.0));
  CHECK(rolled(89'999, 2.999));  // in the money, two whole days
  CHECK_FALSE(rolled(89'999, 3.0));
  CHECK_FALSE(rolled(90'000, 2.5));    // at the money is not in the money
  CHECK(rolled(91'799, 1.999));        // 1.9989 % out of the money, one whole day
  CHECK_FALSE(rolled(91'800, 1.999));  // exactly 2 %
  CHECK_FALSE(rolled(91'799, 2.0));
}

TEST_CASE("production policy: a roll takes another symbol, and closes where there is none", "[options]") {
  const std::vector<Position> held = {short_call("held", 120'000, 0.5, "-0.3")};
  const Action roll =
      decide(state_of({candidate("held", 0.25, 7, 900), candidate("target", 0.25, 7, 100)}, held), production());
  CHECK(roll.type == ActionType::roll_covered_call);
  CHECK(roll.symbol == "held");
  CHECK(roll.roll_to == "target");
  CHECK(roll.size == Fixed8::parse("0.3"));
  CHECK(roll.diagnostics->premium_usd == 100);

  const Action close = decide(state_of({candidate("held", 0.25, 7, 900)}, held), production());
  CHECK(close.type == ActionType::close_covered_call);
  CHECK(close.symbol == "held");
  CHECK(close.roll_to.empty());
  CHECK(close.size == Fixed8::parse("0.3"));

  // A symbol that is open or about to be cannot be opened twice.
  AgentState busy =
      state_of({candidate("other", 0.25, 7, 900), candidate("resting", 0.25, 7, 800), candidate("last", 0.25, 7, 100)},
               {held[0], short_call("other", 120'000, 9)});
  busy.underlyings[0].open_orders.resize(1);
  busy.underlyings[0].open_orders[0].symbol = "resting";
  CHECK(decide(busy, production()).roll_to == "last");
}

TEST_CASE("production policy: what is not its own, expired or unknown is left alone", "[options]") {
  const std::vector<CandidateOption> targets = {candidate("target", 0.25, 7, 100)};
  AgentState state = state_of(targets, {short_call("held", 120'000, 0.5)});
  REQUIRE(decide(state, production()).type == ActionType::roll_covered_call);
  AgentState external = state;
  external.underlyings[0].external_symbols = {"held"};
  CHECK(decide(external, production()).type == ActionType::do_nothing);
  AgentState unknown = state;
  unknown.underlyings[0].unknown_legs = {{"held", "BTC", Fixed8::parse("0.1")}};
  CHECK(decide(unknown, production()).type == ActionType::do_nothing);
  AgentState expired = state_of(targets, {short_call("held", 120'000, 0)});
  CHECK(decide(expired, production()).type == ActionType::do_nothing);

  // Bought calls and puts are no short calls.
  Position bought = short_call("bought", 120'000, 0.5, "0.1"), put = short_call("put", 80'000, 0.5);
  put.type = OptionType::put;
  CHECK(decide(state_of(targets, {bought, put}), production()).type == ActionType::open_covered_call);
}

TEST_CASE("production policy: a pending sell keeps the underlying from another", "[options]") {
  AgentState state = state_of({candidate("a", 0.25, 7, 100)});
  state.underlyings[0].open_orders.resize(1);
  state.underlyings[0].open_orders[0].symbol = "b";
  CHECK(decide(state, production()).type == ActionType::do_nothing);
  state.underlyings[0].open_orders[0].side = Side::buy;
  CHECK(decide(state, production()).type == ActionType::open_covered_call);
  state.underlyings[0].unknown_legs = {{"b", "BTC", Fixed8::parse("0.1")}};
  const Action nothing = decide(state, production());
  CHECK(nothing.type == ActionType::do_nothing);
  CHECK_THAT(nothing.reasoning, ContainsSubstring("BTC: a sell order is pending"));
}

TEST_CASE("production policy: one action, underlyings in the order of the settings", "[options]") {
  AgentState state = state_of({candidate("b", 0.25, 7, 100)});
  state.underlyings.push_back(state.underlyings[0]);
  state.underlyings[1].underlying = "ETH";
  state.underlyings[1].candidates[0].symbol = "e";
  Settings settings = production();
  settings.underlyings = {"ETH", "BTC"};
  CHECK(decide(state, settings).symbol == "e");
  CHECK(decide(state, settings).size == Fixed8::from_integer(1));
  state.underlyings[1].candidates.clear();
  CHECK(decide(state, settings).symbol == "b");
  state.underlyings[0].positions = {short_call("b", 120'000, 9)};
  const Action nothing = decide(state, settings);
  CHECK(nothing.type == ActionType::do_nothing);
  CHECK(nothing.reasoning == "ETH: no candidates; BTC: the open short call needs no roll");
  CHECK(nothing.size == Fixed8());
  CHECK(decide(AgentState(), settings).reasoning == "ETH: no state; BTC: no state");
}

TEST_CASE("production policy: exploration and its propensity", "[options]") {
  CHECK(choice_propensity(0.25, 3, 0) == Approx(0.833333).epsilon(1e-6));
  CHECK(choice_propensity(0.25, 3, 1) == Approx(0.083333).epsilon(1e-5));
  CHECK(choice_propensity(0.25, 1, 0) == 1.0);

  const AgentState state = state_of({candidate("third", 0.25, 11, 100), candidate("best", 0.25, 11, 300),
                                     candidate("never", 0.25, 11, 60), candidate("second", 0.25, 11, 200)});
  Settings settings = production();
  settings.mode = AgentMode::research;
  std::map<std::string, int> chosen;
  constexpr int draws = 60'000;
  for (int i = 0; i < draws; ++i) {
    const Action action = decide(state, settings, static_cast<std::uint64_t>(i));
    ++chosen[action.symbol];
    CHECK(action.propensity == choice_propensity(0.25, 3, action.symbol == "best" ? 0 : 1));
  }
  CHECK(chosen.size() == 3);
  // Six standard deviations of a binomial count.
  const auto near = [&](const std::string& symbol, double p) {
    return std::fabs(chosen[symbol] - draws * p) < 6 * std::sqrt(draws * p * (1 - p));
  };
  CHECK(near("best", 5.0 / 6));
  CHECK(near("second", 1.0 / 12));
  CHECK(near("third", 1.0 / 12));
  CHECK(chosen["never"] == 0);

  settings.explore_prob = 0;
  CHECK(decide(state, settings).symbol == "best");
  CHECK(decide(state, settings).propensity == 1.0);
  settings.explore_prob = 1;
  settings.explore_top_k = 100;  // more than there are
  CHECK(decide(state, settings).propensity == 0.25);
  // Production draws nothing: the stream stays where it was.
  settings = production();
  settings.range.dte_max = 21;
  rlx::RandomStream used = stream(), fresh = stream();
  CHECK(rule_decide_action(state, settings, used).symbol == "best");
  CHECK(used.next_u64() == fresh.next_u64());
}

TEST_CASE("production policy: training settings and candidates of profiles change nothing", "[options]") {
  AgentState state = state_of({candidate("a", 0.25, 7, 100)});
  const Action plain = decide(state, production());
  Settings settings = production();
  settings.training_mode = true;
  settings.training_strategies = {"aggressive"};
  settings.training_call_size = PerUnderlying{{}, 9.0};
  settings.training_max_calls_per_underlying = 0;
  settings.training_prefer_variety = false;
  CHECK(decide(state, settings) == plain);
  state.underlyings[0].candidates.push_back(candidate("aggressive", 0.45, 7, 5'000));  // outside the rules' own range
  CHECK(decide(state, settings) == plain);
}

}  // namespace
