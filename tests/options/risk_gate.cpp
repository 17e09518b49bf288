// SPDX-License-Identifier: MIT
#include <rlx/options/risk_gate.hpp>

#include <string>
#include <vector>

#include <rlx/options/build_state.hpp>
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

  Desk() {
    settings.order_style = OrderStyle::take_bid;
    settings.underlyings = {"BTC"};
    const TrainingProfiles profiles = get_training_profiles();
    StateInputs inputs;
    inputs.profiles = profiles;
    state = build_state(venue, settings, {}, clock, inputs);
  }
  RiskGate<FakeVenue, rlx::ManualClock, MemoryFiles> gate() {
    return {venue, state, settings, *venue.attest().value, clock, kill, cause};
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
