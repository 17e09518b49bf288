// SPDX-License-Identifier: MIT
#include <rlx/options/leg_book.hpp>

#include <stdexcept>
#include <string>

#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx::market::Fixed8;

namespace {

const std::string call = "BTC-16JAN26-95000-C";

PlanRecord plan_of(std::uint64_t tick, std::string label, LegRole role = LegRole::open) {
  PlannedLeg leg;
  leg.label = std::move(label);
  leg.role = role;
  leg.action.type = ActionType::open_covered_call;
  leg.action.underlying = "BTC";
  leg.action.symbol = call;
  leg.amount = Fixed8::parse("0.3");
  PlanRecord plan;
  plan.tick_seq = tick;
  plan.valid_for_ms = 10'000;
  plan.legs = {leg};
  return plan;
}
LegRecord change(const std::string& label, LegState to, std::string_view filled = "0") {
  LegRecord record;
  record.label = label;
  record.to = to;
  record.filled_amount = Fixed8::parse(filled);
  return record;
}

}  // namespace

TEST_CASE("Positions are the sum of the fills, sold below zero, bought above, less what was settled") {
  LegBook book;
  book.apply(plan_of(1, "a"));
  book.apply(change("a", LegState::sent));
  book.apply(change("a", LegState::partial, "0.1"));
  book.apply(change("a", LegState::partial, "0.2"));  // a further fill is no change of state
  CHECK(book.positions().at(call) == Fixed8::parse("-0.2"));
  book.apply(change("a", LegState::cancelled, "0.2"));
  book.apply(plan_of(2, "b", LegRole::close));
  book.apply(change("b", LegState::sent));
  book.apply(change("b", LegState::cancelled, "0.05"));
  CHECK(book.positions().at(call) == Fixed8::parse("-0.15"));
  SettlementRecord settled;
  settled.settlement.symbol = call;
  settled.settlement.amount = Fixed8::parse("-0.15");
  book.apply(settled);
  CHECK(book.positions().at(call) == Fixed8());
  book.forget_expired(2'000'000'000'000);
  CHECK(book.positions().empty());
}

TEST_CASE("The book refuses what cannot be") {
  LegBook book;
  book.apply(plan_of(1, "a"));
  CHECK_THROWS_AS(book.apply(plan_of(1, "a")), LogError);
  CHECK_THROWS_AS(book.apply(change("unplanned", LegState::sent)), LogError);
  CHECK_THROWS_AS(book.apply(change("a", LegState::filled, "0.3")), std::logic_error);
  book.apply(change("a", LegState::sent));
  CHECK_THROWS_AS(book.apply(change("a", LegState::filled, "0.4")), std::logic_error);
  book.apply(change("a", LegState::partial, "0.2"));
  CHECK_THROWS_AS(book.apply(change("a", LegState::partial, "0.1")), std::logic_error);
  CHECK(book.find("a")->state == LegState::partial);
  CHECK(book.positions().at(call) == Fixed8::parse("-0.2"));
}

TEST_CASE("Finished legs of earlier ticks are forgotten, open ones are kept") {
  LegBook book;
  book.apply(plan_of(1, "a"));
  book.apply(plan_of(2, "b"));
  book.apply(plan_of(3, "c"));
  book.apply(change("a", LegState::rejected));
  book.apply(change("c", LegState::rejected));
  book.forget_finished(3);
  CHECK(book.find("a") == nullptr);
  REQUIRE(book.find("b") != nullptr);
  CHECK(book.find("b")->leg.label == "b");
  REQUIRE(book.find("c") != nullptr);
  CHECK(book.unfinished() == std::vector<std::string>{"b"});
}

TEST_CASE("A position adopted from the venue replaces the sum of fills") {
  LegBook book;
  ReconcileRecord record;
  record.symbol = call;
  record.venue_size = Fixed8::parse("-0.4");
  book.apply(record);
  CHECK(book.positions().empty());
  record.adopted = true;
  book.apply(record);
  CHECK(book.positions().at(call) == Fixed8::parse("-0.4"));
}
