// SPDX-License-Identifier: MIT
#include <rlx/options/training_dataset.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>

#include "options/hand_log.hpp"
#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx_test::Approx;
using rlx_test::btc_call;
using rlx_test::changed;
using rlx_test::ContainsSubstring;
using rlx_test::dec;
using rlx_test::eth_call;
using rlx_test::HandLog;
using rlx_test::make_ladder;
using rlx_test::open_action;
using rlx_test::planned;
using rlx_test::result_of;

namespace {

template <class Rows>
std::string exported(const Rows& rows, ExportFormat format) {
  std::ostringstream out;
  if constexpr (std::is_same_v<typename Rows::value_type, TrainingExample>) {
    export_dataset(rows, format, out);
  } else {
    export_candidates(rows, format, out);
  }
  return out.str();
}

PlanRecord plan_of(std::vector<PlannedLeg> legs, std::uint64_t tick_seq = 1) {
  PlanRecord plan;
  plan.tick_seq = tick_seq;
  plan.run_id = "run-0001";
  plan.legs = std::move(legs);
  return plan;
}

SettlementRecord settlement(const char* symbol, const char* amount, double price, const char* payoff, const char* fee) {
  return {{symbol, std::string(symbol, 3), 1'768'550'400'000, dec(amount), price, 1'800'000, dec(payoff), dec(fee)}};
}

/// A log with everything in it: a ladder, a production leg, nothing done, a roll, a close.
void write_everything(HandLog& log) {
  const PlannedLeg a = planned("rlx1-a", open_action(btc_call, "conservative", dec("0.1")));
  const PlannedLeg b = planned("rlx1-b", open_action(eth_call, "aggressive", dec("1")));
  log << plan_of({a, b}) << changed("rlx1-a", LegState::filled, "0.1", "0.0050", "0.00003");
  LegResult denied = result_of(b, LegState::rejected);
  denied.rejected_by = RejectedBy::risk;
  DecisionRecord ladder = rlx_test::decision(1);
  make_ladder(ladder, {result_of(a, LegState::filled, "0.1", "0.0050", "0.00003"), denied});
  log << ladder;

  const PlannedLeg c = planned("rlx1-c", open_action(eth_call, {}, dec("2")));
  DecisionRecord single = rlx_test::decision(2);
  single.decision_source = DecisionSource::llm_fallback_to_rule;
  single.proposed_action = single.final_action = c.action;
  single.execution.legs = {result_of(c, LegState::resting)};
  log << plan_of({c}, 2) << single;

  DecisionRecord nothing = rlx_test::decision(3);
  nothing.decision_source = DecisionSource::rule_based;
  nothing.candidates.clear();
  nothing.proposed_action = nothing.final_action = Action{};
  log << nothing;
  log << changed("rlx1-c", LegState::partial, "0.5", "0.0100", "0.00015", 3'000.0);
}

}  // namespace

TEST_CASE("training_dataset: the columns are those of the specification") {
  const std::vector<std::string> expected = {"decision_time",
                                             "run_id",
                                             "tick_seq",
                                             "label",
                                             "decision_source",
                                             "action",
                                             "strategy",
                                             "underlying",
                                             "symbol",
                                             "strike",
                                             "expiry",
                                             "dte",
                                             "delta",
                                             "iv",
                                             "rv",
                                             "ivrv",
                                             "ivrv_known",
                                             "spot",
                                             "bid",
                                             "ask",
                                             "mark",
                                             "premium_usd",
                                             "spread_pct",
                                             "open_interest",
                                             "size",
                                             "propensity",
                                             "state",
                                             "filled_amount",
                                             "average_price",
                                             "fee",
                                             "settlement_price",
                                             "settlement_gap_h",
                                             "outcome",
                                             "pnl_coin",
                                             "pnl_usd",
                                             "reward"};
  CHECK(training_columns() == expected);
  std::string header;
  for (const std::string& name : expected) header += (header.empty() ? "" : ",") + name;
  // Also without rows, and whatever the rows know.
  CHECK(exported(std::vector<TrainingExample>{}, ExportFormat::csv) == header + '\n');
  CHECK(exported(std::vector<TrainingExample>{}, ExportFormat::jsonl).empty());
  const std::string one = exported(std::vector<TrainingExample>(1), ExportFormat::csv);
  CHECK(one == header + "\n1970-01-01T00:00:00.000Z,,0,,rule_based,DO_NOTHING" + std::string(30, ',') + '\n');
  const auto row = nlohmann::ordered_json::parse(exported(std::vector<TrainingExample>(1), ExportFormat::jsonl));
  std::vector<std::string> keys;
  for (const auto& item : row.items()) keys.push_back(item.key());
  CHECK(keys == expected);
  CHECK(row["strategy"].is_null());
  CHECK(row["reward"].is_null());
}

TEST_CASE("training_dataset: the worked example of a settled leg") {
  HandLog log;
  const PlannedLeg leg = planned("rlx1-a", open_action(btc_call, "moderate", dec("0.1")));
  DecisionRecord decision = rlx_test::decision(1);
  make_ladder(decision, {result_of(leg, LegState::filled, "0.1", "0.0050", "0.00003")});
  log << plan_of({leg}) << changed("rlx1-a", LegState::filled, "0.1", "0.0050", "0.00003") << decision
      << settlement(btc_call, "-0.1", 104'000.0, "0.00384615", "0.000015");
  const auto examples = training_examples(log.reader());
  REQUIRE(examples.size() == 1);
  const TrainingExample& e = examples[0];
  CHECK(e.action == ExampleAction::sell_call);
  CHECK(e.strategy == "moderate");
  CHECK(e.state == "filled");
  CHECK(e.outcome == LegOutcome::settled);
  CHECK(e.pnl_coin == dec("-0.00339115"));
  CHECK(*e.reward == Approx(-0.0339115).epsilon(1e-14));
  CHECK(*e.pnl_usd == Approx((0.0005 - 0.00003) * 90'000.0 - (0.00384615 + 0.000015) * 104'000.0).epsilon(1e-13));
  CHECK(e.settlement_price == 104'000.0);
  CHECK(e.settlement_gap_h == 0.5);
  CHECK(e.filled_amount == dec("0.1"));
  CHECK(e.average_price == dec("0.005"));
  CHECK(e.fee == dec("0.00003"));
  // What the decision knew.
  CHECK(e.spot == 90'000.0);
  CHECK(e.strike == 100'000.0);
  CHECK(e.expiry_ms == 1'768'550'400'000);
  CHECK(e.bid == dec("0.005"));
  CHECK(e.open_interest == 123.4);
  CHECK(e.ivrv_known == true);
  CHECK(e.propensity == 1.0);
  CHECK(e.size == dec("0.1"));
  CHECK(e.decision_time_ms == rlx_test::hand_time);
}

TEST_CASE("training_dataset: strategy of single legs, ladder legs and production") {
  HandLog log;
  write_everything(log);
  const auto examples = training_examples(log.reader());
  REQUIRE(examples.size() == 4);
  CHECK(examples[0].strategy == "conservative");
  CHECK(examples[0].outcome == LegOutcome::open_at_end);
  CHECK_FALSE(examples[0].reward);
  CHECK_FALSE(examples[0].pnl_coin);
  CHECK(examples[1].strategy == "aggressive");
  CHECK(examples[1].state == "rejected(risk)");
  CHECK(examples[1].outcome == LegOutcome::none);
  CHECK(examples[1].filled_amount == dec("0"));
  CHECK_FALSE(examples[2].strategy);
  CHECK(examples[2].state == "partial");
  CHECK(examples[2].filled_amount == dec("0.5"));
  CHECK(examples[2].decision_source == DecisionSource::llm_fallback_to_rule);
  CHECK(*examples[2].propensity == Approx(0.8333333333333334));
  CHECK(examples[3].action == ExampleAction::do_nothing);
  CHECK(examples[3].label.empty());
  CHECK_FALSE(examples[3].strike);
  // A single training leg without a ladder around it.
  HandLog other;
  const PlannedLeg leg = planned("rlx1-z", open_action(btc_call, "aggressive", dec("0.1")));
  DecisionRecord decision = rlx_test::decision(1);
  decision.proposed_action = decision.final_action = leg.action;
  other << decision;
  decision.execution.legs = {result_of(leg, LegState::cancelled)};
  other << decision;
  const auto single = training_examples(other.reader());
  REQUIRE(single.size() == 2);
  CHECK(single[0].strategy == "aggressive");
  CHECK(single[1].strategy == "aggressive");
  CHECK(single[1].state == "cancelled");
}

TEST_CASE("training_dataset: two legs of one strategy on two underlyings keep their own outcomes") {
  HandLog log;
  const PlannedLeg a = planned("rlx1-a", open_action(btc_call, "moderate", dec("0.1")));
  const PlannedLeg b = planned("rlx1-b", open_action(eth_call, "moderate", dec("1")));
  DecisionRecord decision = rlx_test::decision(1);
  make_ladder(decision, {result_of(a, LegState::filled, "0.1", "0.0050", "0.00003"),
                         result_of(b, LegState::filled, "1", "0.0100", "0.0003", 3'000.5)});
  log << plan_of({a, b}) << decision << settlement(eth_call, "-1", 3'100.0, "0", "0")
      << settlement(btc_call, "-0.1", 104'000.0, "0.00384615", "0.000015");
  const auto examples = training_examples(log.reader());
  REQUIRE(examples.size() == 2);
  CHECK(*examples[0].reward == Approx(-0.0339115));
  CHECK(*examples[1].reward == Approx(0.0097));
  CHECK(examples[1].pnl_coin == dec("0.0097"));
  CHECK(*examples[1].pnl_usd == Approx(0.0097 * 3'000.5));
  CHECK(examples[1].underlying == "ETH");
  CHECK(examples[1].spot == 3'000.5);
}

TEST_CASE("training_dataset: a leg that fills in parts at several prices, and is cancelled with the rest open") {
  HandLog log;
  const PlannedLeg leg = planned("rlx1-a", open_action(btc_call, "moderate", dec("0.4")));
  DecisionRecord decision = rlx_test::decision(1);
  make_ladder(decision, {result_of(leg, LegState::partial, "0.1", "0.0050", "0.00003", 90'000.0)});
  log << plan_of({leg}) << changed("rlx1-a", LegState::partial, "0.1", "0.0050", "0.00003", 90'000.0)
      << decision
      // 0.2 more at 0.0065: average 0.0060
      << changed("rlx1-a", LegState::partial, "0.3", "0.0060", "0.00009", 91'000.0)
      << changed("rlx1-a", LegState::cancelled, "0.3", "0.0060", "0.00009", 95'000.0)
      << settlement(btc_call, "-0.3", 99'000.0, "0", "0");
  const auto examples = training_examples(log.reader());
  REQUIRE(examples.size() == 1);
  CHECK(examples[0].state == "cancelled");
  CHECK(examples[0].size == dec("0.4"));
  CHECK(examples[0].filled_amount == dec("0.3"));
  CHECK(examples[0].pnl_coin == dec("0.00171"));
  CHECK(*examples[0].reward == Approx(0.0057));
  CHECK(*examples[0].pnl_usd == Approx((0.0005 - 0.00003) * 90'000.0 + (0.0013 - 0.00006) * 91'000.0));
  CHECK(examples[0].outcome == LegOutcome::settled);
}

TEST_CASE("training_dataset: buying back closes the oldest leg first, a settlement is shared by amount") {
  HandLog log;
  const PlannedLeg a = planned("rlx1-a", open_action(btc_call, "conservative", dec("0.1")));
  const PlannedLeg b = planned("rlx1-b", open_action(btc_call, "aggressive", dec("0.3")));
  Action close = open_action(btc_call, {}, dec("0.2"));
  close.type = ActionType::close_covered_call;
  const PlannedLeg c = planned("rlx1-c", close, LegRole::close);
  DecisionRecord first = rlx_test::decision(1);
  make_ladder(first, {result_of(a, LegState::filled, "0.1", "0.0050", "0.00003"),
                      result_of(b, LegState::filled, "0.3", "0.0060", "0.00009")});
  DecisionRecord second = rlx_test::decision(2);
  second.proposed_action = second.final_action = close;
  second.execution.legs = {result_of(c, LegState::filled, "0.2", "0.0020", "0.00005", 88'000.0)};
  // 0.1 of the 0.2 closes a, 0.1 goes to b; of the position of 0.5 that settles, 0.2 is b's and 0.3 external.
  log << plan_of({a, b}) << first << plan_of({c}, 2) << second
      << settlement(btc_call, "-0.5", 104'000.0, "0.01923077", "0.000075");
  const auto examples = training_examples(log.reader());
  REQUIRE(examples.size() == 3);
  CHECK(examples[0].outcome == LegOutcome::closed);
  CHECK(examples[0].pnl_coin == dec("0.0005") - dec("0.00003") - dec("0.0002") - dec("0.000025"));
  CHECK(*examples[0].pnl_usd == Approx(0.00047 * 90'000.0 - 0.000225 * 88'000.0));
  CHECK(examples[1].outcome == LegOutcome::settled);
  CHECK(examples[1].pnl_coin ==
        dec("0.0018") - dec("0.00009") - dec("0.0002") - dec("0.000025") - dec("0.00769231") - dec("0.00003"));
  CHECK(examples[2].action == ExampleAction::close_call);
  CHECK(examples[2].filled_amount == dec("0.2"));
  CHECK(examples[2].outcome == LegOutcome::none);
  CHECK_FALSE(examples[2].reward);
}

TEST_CASE("training_dataset: whatever is bought back and settled, the legs' results add up to the money that moved") {
  rlx::RandomStream random({11, rlx::Purpose::user});
  for (int round = 0; round < 300; ++round) {
    HandLog log;
    rlx::market::Fixed8 moved, open;
    const auto lots = 1 + random.bounded(4);
    const auto money = [&](std::uint64_t most) {
      return rlx::market::Fixed8::from_units(static_cast<std::int64_t>(1 + random.bounded(most)));
    };
    for (std::uint64_t i = 0; i < lots; ++i) {
      const auto amount = rlx::market::Fixed8::from_units(static_cast<std::int64_t>(1 + random.bounded(50)) * 10'000'000);
      const PlannedLeg leg = planned("rlx1-" + std::to_string(i), open_action(btc_call, "moderate", amount));
      DecisionRecord decision = rlx_test::decision(i + 1);
      LegResult result = result_of(leg, LegState::filled);
      result.filled_amount = amount;
      result.average_price = money(2'000'000);
      result.fee = money(10'000);
      make_ladder(decision, {result});
      log << plan_of({leg}, i + 1) << decision;
      moved += multiply(amount, result.average_price) - result.fee;
      open += amount;
    }
    if (random.bounded(3) != 0) {
      const auto part = rlx::market::Fixed8::from_units(
          1 + static_cast<std::int64_t>(random.bounded(static_cast<std::uint64_t>(open.units()))));
      Action close = open_action(btc_call, {}, part);
      close.type = ActionType::close_covered_call;
      const PlannedLeg leg = planned("rlx1-close", close, LegRole::close);
      LegRecord record = changed("rlx1-close", LegState::filled);
      record.filled_amount = part;
      record.average_price = money(2'000'000);
      record.fee = money(10'000);
      log << plan_of({leg}, lots + 1) << record;
      moved -= multiply(part, record.average_price) + record.fee;
      open -= part;
    }
    if (open.sign() != 0) {
      SettlementRecord settled = settlement(btc_call, "-1", 104'000.0, "0", "0");
      settled.settlement.amount = -open;
      settled.settlement.payoff = money(5'000'000);
      settled.settlement.delivery_fee = money(10'000);
      log << settled;
      moved -= settled.settlement.payoff + settled.settlement.delivery_fee;
    }
    rlx::market::Fixed8 sum;
    for (const TrainingExample& example : training_examples(log.reader())) {
      if (example.action != ExampleAction::sell_call) continue;
      REQUIRE(example.pnl_coin);
      sum += *example.pnl_coin;
    }
    REQUIRE(sum == moved);
  }
}

TEST_CASE("training_dataset: a roll is one example, known by the call it sells") {
  HandLog log;
  const char* const target = "BTC-23JAN26-105000-C";
  Action roll = open_action(btc_call, {}, dec("0.1"));
  roll.type = ActionType::roll_covered_call;
  roll.roll_to = target;
  const PlannedLeg old_leg = planned("rlx1-old", open_action(btc_call, {}, dec("0.1")));
  const PlannedLeg close = planned("rlx1-close", roll, LegRole::roll_close);
  const PlannedLeg open = planned("rlx1-open", roll, LegRole::roll_open);
  DecisionRecord first = rlx_test::decision(1);
  first.proposed_action = first.final_action = old_leg.action;
  first.execution.legs = {result_of(old_leg, LegState::filled, "0.1", "0.0050", "0.00003")};
  DecisionRecord second = rlx_test::decision(2);
  second.candidates.push_back(rlx_test::candidate(target, 105'000.0));
  second.proposed_action = second.final_action = roll;
  second.execution.legs = {result_of(close, LegState::filled, "0.1", "0.0010", "0.00003"),
                           result_of(open, LegState::filled, "0.1", "0.0070", "0.00003")};
  log << plan_of({old_leg}) << first << plan_of({close, open}, 2) << second;
  const auto examples = training_examples(log.reader());
  REQUIRE(examples.size() == 2);
  CHECK(examples[0].outcome == LegOutcome::closed);
  CHECK(examples[0].pnl_coin == dec("0.00034"));
  CHECK(examples[1].action == ExampleAction::roll_call);
  CHECK(examples[1].label == "rlx1-open");
  CHECK(examples[1].symbol == target);
  CHECK(examples[1].strike == 105'000.0);
  CHECK(examples[1].average_price == dec("0.007"));
  CHECK(examples[1].outcome == LegOutcome::open_at_end);
}

TEST_CASE("training_dataset: legs of a tick that a crash cut off before its decision record are not lost") {
  HandLog log;
  const PlannedLeg a = planned("rlx1-a", open_action(btc_call, "aggressive", dec("0.1")));
  const PlannedLeg b = planned("rlx1-b", open_action(eth_call, "moderate", dec("1")));
  PlanRecord next = plan_of({b}, 2);
  DecisionRecord decision = rlx_test::decision(2);
  make_ladder(decision, {result_of(b, LegState::resting)});
  log << plan_of({a}) << changed("rlx1-a", LegState::filled, "0.1", "0.0050", "0.00003") << next << decision
      << settlement(btc_call, "-0.1", 104'000.0, "0.00384615", "0.000015");
  next.tick_seq = 3;
  next.legs[0].label = "rlx1-c";
  log << next;
  const auto examples = training_examples(log.reader());
  REQUIRE(examples.size() == 3);
  CHECK(examples[0].label == "rlx1-a");
  CHECK(examples[0].decision_time_ms == rlx_test::hand_time);  // of the plan
  CHECK(examples[0].decision_source == DecisionSource::training_mode);
  CHECK(examples[0].strategy == "aggressive");
  CHECK(examples[0].delta == 0.2);
  CHECK_FALSE(examples[0].bid);
  CHECK(examples[0].outcome == LegOutcome::settled);
  CHECK(*examples[0].reward == Approx(-0.0339115));
  CHECK(examples[1].state == "resting");
  CHECK(examples[2].state == "planned");
}

TEST_CASE("training_dataset: linear options are rewarded per index") {
  HandLog log;
  const char* const symbol = "XRP_USDC-16JAN26-2d4-C";
  const PlannedLeg leg = planned("rlx1-a", open_action(symbol, "moderate", dec("1000")));
  DecisionRecord decision = rlx_test::decision(1);
  make_ladder(decision, {result_of(leg, LegState::filled, "1000", "0.05", "0.6", 2.0)});
  log << plan_of({leg}) << decision << settlement(symbol, "-1000", 2.5, "100", "0.375");
  const auto examples = training_examples(log.reader());
  REQUIRE(examples.size() == 1);
  CHECK(examples[0].pnl_coin == dec("-50.975"));  // 50 − 0.6 − 100 − 0.375 USDC
  CHECK(*examples[0].pnl_usd == Approx(-50.975));
  CHECK(*examples[0].reward == Approx(-50.975 / 2'000.0));
  CHECK(examples[0].strike == 2.4);  // from its name: it was no candidate
  CHECK_FALSE(examples[0].bid);
}

TEST_CASE("training_dataset: money that no account can hold is an error with its place") {
  const PlannedLeg leg = planned("rlx1-a", open_action(btc_call, "moderate", dec("0.1")));
  HandLog product;  // amount times price leaves the range
  product << plan_of({leg}) << changed("rlx1-a", LegState::filled, "90000000000", "90000000000", "0");
  HandLog sum;  // each figure is possible, their sum is not
  sum << plan_of({leg}) << changed("rlx1-a", LegState::filled, "0.1", "0.005", "-90000000000")
      << settlement(btc_call, "-0.1", 104'000.0, "-90000000000", "0");
  std::size_t line = 2;
  for (HandLog* const log : {&product, &sum}) {
    REQUIRE_THROWS_AS(training_examples(log->reader()), LogError);
    REQUIRE_THROWS_WITH(training_examples(log->reader()),
                        ContainsSubstring("agent_decisions_20260102.jsonl:" + std::to_string(line++) + ": amounts, prices"));
  }
}

TEST_CASE("training_dataset: simulated legs have no outcome") {
  HandLog log;
  const PlannedLeg leg = planned("rlx1-a", open_action(btc_call, "moderate", dec("0.1")));
  LegResult result = result_of(leg, LegState::planned);
  result.simulated = true;
  DecisionRecord decision = rlx_test::decision(1);
  make_ladder(decision, {result});
  log << plan_of({leg}) << decision;
  const auto examples = training_examples(log.reader());
  REQUIRE(examples.size() == 1);
  CHECK(examples[0].state == "simulated");
  CHECK_FALSE(examples[0].filled_amount);
  CHECK(examples[0].outcome == LegOutcome::none);
}

TEST_CASE("training_dataset: log to examples to file to examples") {
  HandLog log;
  write_everything(log);
  log << settlement(btc_call, "-0.1", 104'000.0, "0.00384615", "0.000015");
  const auto examples = training_examples(log.reader());
  const auto candidates = candidate_examples(log.reader());
  for (const ExportFormat format : {ExportFormat::csv, ExportFormat::jsonl}) {
    const std::string text = exported(examples, format);
    CHECK(import_dataset(text, format, "legs") == examples);
    CHECK(import_candidates(exported(candidates, format), format, "candidates") == candidates);
    CHECK(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) ==
          examples.size() + (format == ExportFormat::csv ? 1 : 0));
  }
  CHECK_THAT(exported(examples, ExportFormat::csv),
             ContainsSubstring("2026-01-02T08:05:00.000Z,run-0001,1,rlx1-a,training_mode,SELL_CALL,conservative,BTC,"
                               "BTC-16JAN26-100000-C,100000,2026-01-16T08:00:00.000Z,") &&
                 ContainsSubstring(",filled,0.1,0.005,0.00003,104000,0.5,settled,-0.00339115,"));
}

TEST_CASE("training_dataset: random examples survive both formats") {
  rlx::RandomStream random({5, rlx::Purpose::user});
  const auto number = [&] {
    return random.bounded(3) == 0 ? std::nullopt : std::optional(random.uniform(-1.0, 1.0) * std::exp(random.uniform(-20, 20)));
  };
  const auto money = [&] {
    return random.bounded(3) == 0
               ? std::nullopt
               : std::optional(rlx::market::Fixed8::from_units(static_cast<std::int64_t>(random.next_u64())));
  };
  const auto text = [&] {
    static const char* const texts[] = {"plain", "with,comma", "with \"quotes\"", "line\nend", "\xC3\xA9t\xC3\xA9", "-"};
    return std::string(texts[random.bounded(6)]);
  };
  std::vector<TrainingExample> examples(500);
  for (TrainingExample& e : examples) {
    e.decision_time_ms = static_cast<std::int64_t>(random.bounded(4'000'000'000'000));
    e.run_id = text();
    e.tick_seq = random.bounded(std::uint64_t{1} << 62);
    e.label = text();
    e.decision_source = static_cast<DecisionSource>(random.bounded(7));
    e.action = static_cast<ExampleAction>(random.bounded(4));
    if (random.bounded(2) == 0) e.strategy = text();
    e.underlying = text();
    if (random.bounded(2) == 0) e.expiry_ms = static_cast<std::int64_t>(random.bounded(4'000'000'000'000));
    if (random.bounded(2) == 0) e.ivrv_known = random.bounded(2) == 0;
    for (auto* value : {&e.strike, &e.dte, &e.delta, &e.iv, &e.rv, &e.ivrv, &e.spot, &e.premium_usd, &e.spread_pct,
                        &e.open_interest, &e.propensity, &e.settlement_price, &e.settlement_gap_h, &e.pnl_usd, &e.reward}) {
      *value = number();
    }
    for (auto* value : {&e.bid, &e.ask, &e.mark, &e.size, &e.filled_amount, &e.average_price, &e.fee, &e.pnl_coin}) {
      *value = money();
    }
    e.state = random.bounded(2) == 0 ? "" : text();
    e.outcome = static_cast<LegOutcome>(random.bounded(4));
  }
  for (const ExportFormat format : {ExportFormat::csv, ExportFormat::jsonl}) {
    CHECK(import_dataset(exported(examples, format), format, "x") == examples);
  }
}

TEST_CASE("training_dataset: one row per candidate, with the choice") {
  HandLog log;
  write_everything(log);
  const auto rows = candidate_examples(log.reader());
  REQUIRE(rows.size() == 4);  // the third tick has none
  CHECK(rows[0].symbol == btc_call);
  CHECK(rows[0].chosen);
  CHECK(rows[0].chosen_strategy == "conservative");
  CHECK(rows[1].chosen_strategy == "aggressive");  // proposed, although denied
  CHECK(rows[0].profile_bits == 5);
  CHECK(rows[0].spot == 90'000.0);
  CHECK_FALSE(rows[2].chosen);
  CHECK(rows[3].chosen);
  CHECK_FALSE(rows[3].chosen_strategy);
  CHECK(candidate_columns().back() == "chosen_strategy");
  CHECK_THAT(exported(rows, ExportFormat::csv), ContainsSubstring(",5,1,conservative\n") && ContainsSubstring(",5,0,\n"));
}

TEST_CASE("training_dataset: a file that cannot be read says where") {
  const std::string good = exported(std::vector<TrainingExample>(2), ExportFormat::csv);
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.rfind(from), from.size(), to);
    return text;
  };
  CHECK_THROWS_WITH(import_dataset(replaced("DO_NOTHING", "DO_MORE"), ExportFormat::csv, "f.csv"),
                    ContainsSubstring("f.csv:3:") && ContainsSubstring("action"));
  CHECK_THROWS_WITH(import_dataset(replaced("1970-01-01T", "1970-13-01T"), ExportFormat::csv, "f.csv"),
                    ContainsSubstring("f.csv:3:") && ContainsSubstring("decision_time"));
  CHECK_THROWS_AS(import_dataset(replaced(",reward", ",prize"), ExportFormat::csv, "f.csv"), rlx::DataError);
  CHECK_THROWS_WITH(import_dataset("{}\n", ExportFormat::jsonl, "f.jsonl"), ContainsSubstring("f.jsonl:1: "));
  CHECK_THROWS_WITH(import_dataset("{\n", ExportFormat::jsonl, "f.jsonl"), ContainsSubstring("f.jsonl:1: "));
  std::ostringstream full;
  full.setstate(std::ios::badbit);
  CHECK_THROWS_AS(export_dataset(std::vector<TrainingExample>(1), ExportFormat::csv, full), rlx::IoError);
}

TEST_CASE("training_dataset: a leg that no plan announced is a fault of the log") {
  HandLog log;
  log << changed("rlx1-a", LegState::filled, "0.1", "0.0050", "0.00003");
  CHECK_THROWS_WITH(training_examples(log.reader()), ContainsSubstring(":1: ") && ContainsSubstring("rlx1-a"));
}
