// SPDX-License-Identifier: MIT
#include <rlx/options/risk_gate.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/options/build_state.hpp>
#include <rlx/options/margin.hpp>
#include <rlx/options/production_policy.hpp>
#include <rlx/options/training_policy.hpp>

#include "options/agent_rig.hpp"
#include "options/fake_venue.hpp"
#include "options/memory_files.hpp"
#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx::market::Fixed8;
using rlx_test::ContainsSubstring;
using rlx_test::FakeVenue;
using rlx_test::Fate;
using rlx_test::MemoryFiles;
using rlx_test::Verdict;

namespace {

// What a desk with a loop of its own puts together.
struct Desk {
  rlx::ManualClock clock{FakeVenue::start_ms};
  FakeVenue venue{clock};
  MemoryFiles files;
  Settings settings = rlx_test::rig_settings(true);
  KillSwitch<MemoryFiles> kill{".", files};
  KillCause cause;
  AgentState state;
  NullLog log;
  LegBook book;
  Journal<NullLog> journal{log, book};
  ExecutionMemory memory;
  rlx::RandomStream random{{0, rlx::Purpose::exploration}};

  Desk() {
    settings.order_style = OrderStyle::take_bid;
    settings.underlyings = {"BTC"};
    const TrainingProfiles profiles = get_training_profiles();
    StateInputs inputs;
    inputs.profiles = profiles;
    state = build_state(venue, settings, {}, clock, inputs);
  }
  RiskGate<FakeVenue, rlx::ManualClock, MemoryFiles> gate() {
    return {venue, state, book, settings, *venue.attest().value, clock, kill, cause};
  }
  std::vector<PlannedLeg> plan() {
    PlanRecord plan;
    plan.valid_for_ms = settings.valid_for_ms;
    plan.legs = plan_legs(build_training_actions(state, settings), "a", "r", 1);
    journal.write(plan);
    return plan.legs;
  }
};

}  // namespace

TEST_CASE("Nothing passes the gate before the plan is durable") {
  Desk desk;
  const auto legs = desk.plan();
  auto gate = desk.gate();
  const LegResult result = execute_action(desk.venue, desk.journal, legs[0], desk.settings, desk.clock, gate, desk.memory);
  CHECK(result.rejected_by == RejectedBy::risk);
  CHECK_THAT(result.message, ContainsSubstring("H10"));
  CHECK(desk.venue.orders.empty());
  gate.projected.plan_is_durable = true;
  const ExecutionRecord rest =
      execute_ladder(desk.venue, desk.journal, std::span(legs).subspan(1), desk.settings, desk.clock, gate, desk.memory);
  CHECK(rest.fill_status == FillStatus::full);
  CHECK(gate.projected.legs_this_tick == static_cast<int>(legs.size()) - 1);
}

TEST_CASE("A leg that is resent is checked without its own first send, another one of its symbol is denied") {
  Desk desk;
  const auto legs = desk.plan();
  auto gate = desk.gate();
  gate.projected.plan_is_durable = true;
  const Instrument& instrument = *gate.instrument("BTC", legs[0].action.symbol);
  const Ticker ticker = desk.venue.quote_of(instrument);
  const OrderRequest order = make_order(legs[0], legs[0].amount, ticker, instrument, OrderStyle::take_bid, 0);
  CHECK(gate.check(legs[0], order, ticker).allowed);
  gate.sent(legs[0], order, ticker);
  gate.sent(legs[0], order, ticker);
  CHECK(gate.projected.legs_this_tick == 1);
  CHECK(gate.check(legs[0], order, ticker).allowed);
  PlannedLeg other = legs[0];
  other.label = "rlx1-other";
  CHECK_THAT(gate.check(other, order, ticker).reasons.at(0), ContainsSubstring("H9"));
}

TEST_CASE("A label that the journal holds with another content is denied, and the leg that has it stays as it is") {
  Desk desk;
  const auto legs = desk.plan();
  auto gate = desk.gate();
  gate.projected.plan_is_durable = true;
  PlannedLeg other = legs[1];
  other.label = legs[0].label;
  PlannedLeg larger = legs[2];
  larger.amount += larger.amount;
  for (const PlannedLeg& leg : {other, larger}) {
    const LegResult result = execute_action(desk.venue, desk.journal, leg, desk.settings, desk.clock, gate, desk.memory);
    CHECK(result.rejected_by == RejectedBy::risk);
    CHECK(result.message == "H9 duplicate: the journal holds this label with another content");
    CHECK(desk.book.find(leg.label)->state == LegState::planned);
  }
  CHECK(desk.venue.orders.empty());
  const ExecutionRecord rest = execute_ladder(desk.venue, desk.journal, legs, desk.settings, desk.clock, gate, desk.memory);
  CHECK(rest.fill_status == FillStatus::full);
}

TEST_CASE("The margin limit takes the venue's own margin, and the formula only where the venue does not say it") {
  Desk desk;
  desk.settings.training_mode = false;
  desk.settings.underlyings = {"BTC"};
  const Action action = rule_decide_action(desk.state, desk.settings, desk.random);
  REQUIRE(action.type == ActionType::open_covered_call);
  PlanRecord plan;
  plan.legs = plan_legs(std::span(&action, 1), "a", "r", 1);
  desk.journal.write(plan);
  const PlannedLeg& leg = plan.legs[0];
  auto gate = desk.gate();
  gate.projected.plan_is_durable = true;
  const Instrument& instrument = *gate.instrument("BTC", action.symbol);
  const Ticker ticker = desk.venue.quote_of(instrument);
  const OrderRequest order = make_order(leg, leg.amount, ticker, instrument, OrderStyle::take_bid, 0);
  const double equity = desk.state.underlyings[0].account.equity.to_double();
  const double formula = leg.amount.to_double() *
                         short_call_margin(desk.state.underlyings[0].index, instrument.strike, ticker.mark.to_double()).initial;
  REQUIRE(formula / equity < 0.72);
  // 80 % times 0.9 of the equity is the limit: one unit below passes, the limit itself does not.
  const Fixed8 limit = multiply(desk.state.underlyings[0].account.equity, Fixed8::parse("0.72"));
  desk.venue.margin = Margins{limit - Fixed8::from_units(1), Fixed8()};
  CHECK(gate.check(leg, order, ticker).allowed);
  desk.venue.margin = Margins{limit, Fixed8()};
  const RiskCheck denied = gate.check(leg, order, ticker);
  REQUIRE(denied.reasons.size() == 1);
  CHECK_THAT(denied.reasons[0], ContainsSubstring("S3 margin: 72 % used"));
  // The next leg of the tick finds the venue's figure in the projection.
  desk.venue.margin = Margins{Fixed8::from_integer(2), Fixed8()};
  CHECK(gate.check(leg, order, ticker).allowed);
  gate.sent(leg, order, ticker);
  CHECK(gate.projected.legs.at(0).margin == 2.0);
  // A venue that does not say, and one that cannot mean it.
  desk.venue.margin.reset();
  CHECK(gate.check(leg, order, ticker).allowed);
  desk.venue.margin = Margins{Fixed8::from_integer(-100), Fixed8()};
  desk.settings.max_margin_used_pct = 1e-6;
  CHECK_FALSE(gate.check(leg, order, ticker).allowed);
  // A close is never blocked by it, and training does not look at it: neither asks.
  const auto asked = [&] {
    return std::count(desk.venue.methods.begin(), desk.venue.methods.end(), std::string_view("margins"));
  };
  const auto before = asked();
  PlannedLeg close = leg;
  close.role = LegRole::close;
  close.label = "rlx1-close";
  static_cast<void>(gate.check(close, order, ticker));
  desk.settings.training_mode = true;
  static_cast<void>(gate.check(leg, order, ticker));
  CHECK(asked() == before);
}

TEST_CASE("The first order of a roll takes the venue's own margin for the call that the second one sells") {
  Desk desk;
  desk.settings.training_mode = false;
  desk.venue.held["BTC-4JAN26-91800-C"] = Fixed8::parse("-0.1");
  desk.state = build_state(desk.venue, desk.settings, {}, desk.clock, {});
  const std::vector<CandidateOption>& candidates = desk.state.underlyings[0].candidates;
  REQUIRE_FALSE(candidates.empty());
  Action roll;
  roll.type = ActionType::roll_covered_call;
  roll.underlying = "BTC";
  roll.symbol = "BTC-4JAN26-91800-C";
  roll.roll_to = candidates[0].symbol;
  roll.size = Fixed8::parse("0.1");
  const std::vector<PlannedLeg> legs = plan_legs(std::span(&roll, 1), "a", "r", 1);
  auto gate = desk.gate();
  gate.projected.plan_is_durable = true;
  const auto check = [&] {
    const Instrument& instrument = *gate.instrument("BTC", roll.symbol);
    const Ticker ticker = desk.venue.quote_of(instrument);
    return gate.check(legs[0], make_order(legs[0], roll.size, ticker, instrument, OrderStyle::take_bid, 0), ticker);
  };
  // Without the venue's word the formula asks for less than a tenth of the coin.
  CHECK(check() == RiskCheck{true, {}});
  // What the close releases by the formula, and 72 % of the equity (80 % times 0.9), is the room.
  const Position& position = desk.state.underlyings[0].positions.at(0);
  const double released = 0.1 * short_call_margin(90'000.0, 91'800.0, position.mark.to_double()).initial;
  const double room = 0.72 * desk.state.underlyings[0].account.equity.to_double() + released;
  desk.venue.margin = Margins{Fixed8::from_double(room - 1e-6), Fixed8()};
  CHECK(check() == RiskCheck{true, {}});
  desk.venue.margin = Margins{Fixed8::from_double(room + 1e-6), Fixed8()};
  const RiskCheck denied = check();
  REQUIRE(denied.reasons.size() == 1);
  CHECK_THAT(denied.reasons[0], ContainsSubstring("S3 margin: 72"));
}

TEST_CASE("An attestation that grows old is renewed, and where it cannot be the order is denied") {
  Desk desk;
  const auto legs = desk.plan();
  auto gate = desk.gate();
  gate.projected.plan_is_durable = true;
  const Instrument& instrument = *gate.instrument("BTC", legs[0].action.symbol);
  const auto check = [&] {
    const Ticker ticker = desk.venue.quote_of(instrument);
    return gate.check(legs[0], make_order(legs[0], legs[0].amount, ticker, instrument, OrderStyle::take_bid, 0), ticker);
  };
  desk.clock.advance_ms(45'000);
  CHECK(check().allowed);
  desk.clock.advance_ms(100'000);
  CHECK(check().allowed);
  desk.venue.fate = [](std::string_view) { return Verdict{Fate::lose_request, 0, 0}; };
  desk.clock.advance_ms(100'000);
  CHECK_THAT(check().reasons.at(0), ContainsSubstring("H3"));
}

TEST_CASE("The gate keeps the first cause of a kill and stops what follows") {
  Desk desk;
  auto gate = desk.gate();
  CHECK(gate.stop_reason().empty());
  gate.kill(kill_reason::duplicate_label, "first");
  gate.kill(kill_reason::internal, "second");
  CHECK(desk.cause.reason == "duplicate_label");
  CHECK(desk.cause.message == "first");
  CHECK(desk.kill.is_latched());
  CHECK_THAT(gate.stop_reason(), ContainsSubstring("first"));
}

TEST_CASE("The meta action of a ladder cannot be executed") {
  Desk desk;
  auto gate = desk.gate();
  PlannedLeg leg;
  leg.action.type = ActionType::training_ladder;
  CHECK_THROWS_AS(execute_action(desk.venue, desk.journal, leg, desk.settings, desk.clock, gate, desk.memory),
                  rlx::InvalidActionError);
}
