// SPDX-License-Identifier: MIT
#include <rlx/options/records_json.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/core/random.hpp>

#include "options/hand_log.hpp"
#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx_test::ContainsSubstring;
using rlx_test::dec;
using Json = nlohmann::ordered_json;

namespace {

std::string text_of(const Record& record) { return '{' + record.members + '}'; }

/// Through text and back, as the log does it.
Json reread(const Record& record) { return Json::parse(text_of(record)); }

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& item : object.items()) keys.push_back(item.key());
  return keys;
}

DecisionRecord full_ladder() {
  DecisionRecord record = rlx_test::decision(7);
  const PlannedLeg first = rlx_test::planned("rlx1-a", rlx_test::open_action(rlx_test::btc_call, "conservative", dec("0.1")));
  const PlannedLeg second = rlx_test::planned("rlx1-b", rlx_test::open_action(rlx_test::eth_call, "aggressive", dec("1")));
  LegResult filled = rlx_test::result_of(first, LegState::partial, "0.05", "0.0050", "0.000015");
  OrderRequest order;
  order.symbol = rlx_test::btc_call;
  order.underlying = "BTC";
  order.amount = dec("0.1");
  order.price = dec("0.005");
  order.post_only = true;
  order.label = "rlx1-a";
  order.valid_until_ms = 1'767'341'110'000;
  filled.order = order;
  LegResult denied = rlx_test::result_of(second, LegState::rejected);
  denied.rejected_by = RejectedBy::risk;
  denied.risk_check = {false, {"H7: quote older than 15000 ms", "H9: symbol already open"}};
  denied.code = 11054;
  denied.message = "post_only_reject";
  rlx_test::make_ladder(record, {filled, denied});
  record.execution.status = LadderStatus::partial;
  record.execution.fill_status = FillStatus::partial;
  record.execution.aborted_reason = "2 unknown legs";
  return record;
}

}  // namespace

TEST_CASE("records_json: a training action has the keys of the specification in their order") {
  Action action = rlx_test::open_action("BTC-16JAN26-95000-C", "conservative", dec("0.1"));
  action.diagnostics = ActionDiagnostics{0.2, 13.5, 461.25, 1.25};
  std::string text;
  rlx::io::detail::append_json(text, detail::logged_action(action));
  CHECK(text == R"({"action":"OPEN_COVERED_CALL","mode":"training","strategy":"conservative","underlying":"BTC",)"
                R"("params":{"symbol":"BTC-16JAN26-95000-C","size":0.1},)"
                R"("diagnostics":{"delta":0.2,"dte":13.5,"premium_usd":461.25,"ivrv":1.25},)"
                R"("reasoning":"Training mode [conservative] ladder leg on BTC",)"
                R"("policy_version":"rb_v1_explore","decision_source":"training_mode","propensity":1})");
}

TEST_CASE("records_json: a ladder is one decision with the legs below it") {
  const Record made = make_record(rlx_test::hand_time, full_ladder());
  const Json json = reread(made);
  CHECK(made.type == RecordType::decision);
  CHECK(keys_of(json) == std::vector<std::string>{"tick_seq", "run_id", "environment", "decision_source", "policy_version",
                                                  "state", "candidates", "proposed_action", "risk_check", "final_action",
                                                  "execution", "config_snapshot"});
  std::string proposed;
  rlx::io::detail::append_json(proposed, json["proposed_action"]);
  CHECK_THAT(proposed, ContainsSubstring(R"({"action":"TRAINING_LADDER","mode":"training","params":{"legs":[)"
                                         R"({"strategy":"conservative","symbol":"BTC-16JAN26-100000-C","underlying":"BTC",)"
                                         R"("diagnostics":{"delta":0.2,)"));
  CHECK_THAT(proposed, ContainsSubstring(
                           R"(]},"reasoning":"Training mode on testnet: executed ladder of short calls across profiles."})"));
  CHECK(json["final_action"] == json["proposed_action"]);
  CHECK(json["proposed_action"]["params"]["legs"].size() == 2);  // the denied one too
  CHECK(json["risk_check"].dump() == R"({"allowed":true,"reasons":["training_mode on testnet: risk checks skipped"]})");
  const Json& execution = json["execution"];
  CHECK(keys_of(execution) == std::vector<std::string>{"status", "dry_run", "legs", "fill_status", "totals", "aborted_reason"});
  CHECK(execution["status"] == "partial");
  CHECK(execution["aborted_reason"] == "2 unknown legs");
  CHECK(keys_of(execution["legs"][0]) == std::vector<std::string>{"action", "risk_check", "execution"});
  CHECK(execution["legs"][0]["action"]["strategy"] == "conservative");
  CHECK(execution["legs"][0]["execution"]["status"] == "partial");
  CHECK(execution["legs"][0]["execution"]["orders"][0]["label"] == "rlx1-a");
  CHECK(execution["legs"][1]["risk_check"]["allowed"] == false);
  CHECK(execution["legs"][1]["execution"]["rejected_by"] == "risk");
  // Premium 0.05 · 0.0050 BTC at 90 000.
  CHECK(execution["totals"]["by_strategy"]["conservative"]["premium_usd"].get<double>() == rlx_test::Approx(22.5));
  CHECK(execution["totals"]["by_strategy"]["conservative"]["fee_usd"].get<double>() == rlx_test::Approx(1.35));
  CHECK(execution["totals"]["by_strategy"]["aggressive"]["rejected"] == 1);
  CHECK(execution["totals"]["by_underlying"]["BTC"]["filled_amount"].get<double>() == 0.05);
  CHECK(json["config_snapshot"].dump() == R"({"mode":"research","training_mode":true,"dte_min":1})");
}

TEST_CASE("records_json: the state of a decision") {
  const Json json = reread(make_record(rlx_test::hand_time, rlx_test::decision(1)));
  const Json& state = json["state"];
  CHECK(state["timestamp"] == "2026-01-02T08:05:00.000Z");
  CHECK(state["underlyings"].dump() == R"(["BTC","ETH"])");
  CHECK(state["spot"].dump() == R"({"BTC":90000,"ETH":3000.5})");
  CHECK(keys_of(state["portfolio"]) ==
        std::vector<std::string>{"balances", "equity", "margin_used_pct", "net_delta", "positions"});
  CHECK(state["portfolio"]["positions"][0]["symbol"] == rlx_test::btc_call);
  CHECK(state["vol_state"]["rv"]["ETH"].is_null());
  CHECK(state["vol_state"]["ivrv"]["BTC"].get<double>() == rlx_test::Approx(0.45 / 0.3645));
  CHECK(state["vol_state"]["ivrv"]["ETH"].is_null());
  std::string row;
  rlx::io::detail::append_json(row, json["candidates"][0]);
  CHECK_THAT(row, ContainsSubstring(
                      R"(["BTC-16JAN26-100000-C",0.21,13.996527777777779,461.25,1.2345678901234567,0.005,0.0055,0.45,5,)"));
}

TEST_CASE("records_json: a simulated leg") {
  DecisionRecord record = rlx_test::decision(1);
  LegResult leg = rlx_test::result_of(
      rlx_test::planned("rlx1-a", rlx_test::open_action(rlx_test::btc_call, "moderate", dec("0.1"))), LegState::planned);
  leg.simulated = true;
  leg.order = OrderRequest{};
  rlx_test::make_ladder(record, {leg});
  record.execution.status = LadderStatus::simulated;
  record.execution.dry_run = true;
  const Json json = reread(make_record(rlx_test::hand_time, record));
  CHECK(json["execution"]["status"] == "simulated");
  CHECK(json["execution"]["dry_run"] == true);
  const Json& execution = json["execution"]["legs"][0]["execution"];
  CHECK(execution["status"] == "simulated");
  CHECK(execution["orders"].size() == 1);
  CHECK(decision_from_json(json).execution == record.execution);
}

TEST_CASE("records_json: a decision survives the way through text") {
  for (DecisionRecord record : {full_ladder(), rlx_test::decision(3)}) {
    const bool ladder = !record.ladder.empty();
    if (!ladder) {
      record.decision_source = DecisionSource::rule_based_shadow_llm;
      record.proposed_action = rlx_test::open_action(rlx_test::eth_call, {}, dec("1"));
      record.final_action.reasoning = "denied";
      record.final_action.policy_version = "rb_v1_explore";
      record.shadow_action = Action{};
      record.shadow_action->type = ActionType::roll_covered_call;
      record.shadow_action->underlying = "BTC";
      record.shadow_action->symbol = rlx_test::btc_call;
      record.shadow_action->roll_to = "BTC-23JAN26-100000-C";
      record.shadow_action->size = dec("0.1");
      record.error = "state: 21 % of the rows were dropped";
      record.candidates[1].bid = {};
      record.candidates[1].ivrv_known = false;
      record.candidates[1].rv = 0.0;
    }
    const Record made = make_record(rlx_test::hand_time, record);
    const DecisionRecord back = decision_from_json(reread(made));
    CHECK(back.tick_seq == record.tick_seq);
    CHECK(back.run_id == record.run_id);
    CHECK(back.environment == record.environment);
    CHECK(back.decision_source == record.decision_source);
    CHECK(back.policy_version == record.policy_version);
    CHECK(back.timestamp_ms == record.timestamp_ms);
    CHECK(back.underlyings == record.underlyings);
    CHECK(back.candidates == record.candidates);
    CHECK(back.ladder == record.ladder);
    CHECK(back.proposed_action == record.proposed_action);
    CHECK(back.risk_check == record.risk_check);
    CHECK(back.final_action == record.final_action);
    CHECK(back.shadow_action == record.shadow_action);
    CHECK(back.execution == record.execution);
    CHECK(back.error == record.error);
    REQUIRE(back.config_snapshot);
    CHECK(*back.config_snapshot == *record.config_snapshot);
    CHECK(text_of(make_record(rlx_test::hand_time, back)) == text_of(made));
  }
}

TEST_CASE("records_json: every other record survives the way through text") {
  PlanRecord plan;
  plan.tick_seq = 42;
  plan.run_id = "run-0001";
  plan.valid_for_ms = 10'000;
  plan.legs = {rlx_test::planned("rlx1-a", rlx_test::open_action(rlx_test::btc_call, "conservative", dec("0.1"))),
               rlx_test::planned("rlx1-b", rlx_test::open_action(rlx_test::btc_call, {}, dec("0.3")), LegRole::roll_open)};
  plan.legs[1].amount = dec("0.2");
  CHECK(plan_from_json(reread(make_record(0, plan))) == plan);

  LegRecord leg = rlx_test::changed("rlx1-a", LegState::rejected, "0.1", "0.0005", "0.00000125");
  leg.rejected_by = RejectedBy::timed_out;
  leg.code = 13888;
  leg.message = "timed_out";
  CHECK(leg_from_json(reread(make_record(0, leg))) == leg);

  const SettlementRecord settlement{{"BTC-16JAN26-100000-C", "BTC", 1'768'550'400'000, dec("-0.1"), 104'000.0, 3'600'000,
                                     dec("0.00384615"), dec("0.000015")}};
  CHECK(settlement_from_json(reread(make_record(0, settlement))) == settlement);

  const StartRecord start{"run-0001", "acct-7", VenueEnvironment::testnet, 17, 93'000.25};
  CHECK(start_from_json(reread(make_record(0, start))) == start);
  const ReconcileRecord reconcile{5, "BTC-16JAN26-100000-C", "rlx1-a", "BTC-42", dec("-0.1"), dec("-0.2"), true, "fill unseen"};
  CHECK(reconcile_from_json(reread(make_record(0, reconcile))) == reconcile);
  const ErrorRecord error{5, "state", "chain timed out", true};
  CHECK(error_from_json(reread(make_record(0, error))) == error);
  const KillRecord kill{6, "attestation", "testnet flag missing"};
  CHECK(kill_from_json(reread(make_record(0, kill))) == kill);
  const KillReleasedRecord released{"run-0001", "attestation"};
  CHECK(kill_released_from_json(reread(make_record(0, released))) == released);
  const StopRecord stop{"run-0001", 7, "asked to"};
  CHECK(stop_from_json(reread(make_record(0, stop))) == stop);
}

TEST_CASE("records_json: money is exact at every size") {
  rlx::RandomStream random({7, rlx::Purpose::user});
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = static_cast<int>(random.bounded(63));
    const auto units = static_cast<std::int64_t>(random.next_u64() >> (63 - bits));
    const auto value = rlx::market::Fixed8::from_units(random.bounded(2) == 0 ? units : -units);
    std::string text;
    rlx::io::detail::append_json(text, Json{{"m", detail::money_json(value)}});
    const Json json = Json::parse(text);
    REQUIRE(detail::Fields(json, "test").money("m") == value);
    if (bits < 49) REQUIRE(text == "{\"m\":" + value.to_string() + "}");  // as a person would write it
  }
}

TEST_CASE("records_json: numbers that are not finite become null and read as unknown") {
  DecisionRecord record = rlx_test::decision(1);
  record.candidates[0].open_interest = std::numeric_limits<double>::quiet_NaN();
  const Json json = reread(make_record(0, record));
  CHECK(json["candidates"][0][15].is_null());
  CHECK(std::isnan(decision_from_json(json).candidates[0].open_interest));
}

TEST_CASE("records_json: what cannot be read says which member is wrong") {
  const Json good = reread(make_record(0, full_ladder()));
  const auto refusal = [](const Json& json) {
    try {
      decision_from_json(json);
    } catch (const LogError& error) {
      return std::string(error.what());
    }
    return std::string("read");
  };
  CHECK(refusal(good) == "read");
  Json bad = good;
  bad.erase("run_id");
  CHECK_THAT(refusal(bad), ContainsSubstring("missing 'run_id'"));
  bad = good;
  bad["tick_seq"] = -1;
  CHECK_THAT(refusal(bad), ContainsSubstring("tick_seq"));
  bad = good;
  bad["environment"] = "mars";
  CHECK_THAT(refusal(bad), ContainsSubstring("environment") && ContainsSubstring("mars"));
  bad = good;
  bad["candidates"][1] = Json::array({1, 2});
  CHECK_THAT(refusal(bad), ContainsSubstring("candidates"));
  bad = good;
  bad["execution"]["legs"][0]["execution"]["fee"] = "x";
  CHECK_THAT(refusal(bad), ContainsSubstring("fee"));
  bad = good;
  bad["state"]["spot"].erase("ETH");
  CHECK_THAT(refusal(bad), ContainsSubstring("missing 'ETH' in spot"));
  CHECK_THAT(refusal(Json::array()), ContainsSubstring("to be an object"));
  DecisionRecord config = full_ladder();
  config.config_snapshot = std::make_shared<const std::string>("not JSON");
  CHECK_THROWS_AS(make_record(0, config), LogError);
  // A member of the wrong type anywhere is an error, never a crash.
  for (const auto& [key, member] : good.items()) {
    for (const Json& wrong : {Json(), Json(true), Json(1.5), Json("x"), Json::array(), Json::object()}) {
      bad = good;
      bad[key] = wrong;
      try {
        decision_from_json(bad);
      } catch (const LogError&) {
      }
    }
  }
}

TEST_CASE("records_json: the writer stamps records with its clock and waits for the device where a plan depends on it") {
  rlx_test::MemoryFiles files;
  auto log = DecisionLog<rlx_test::MemoryFiles>::open("log", files);
  rlx::ManualClock clock(rlx_test::hand_time);
  LogWriter writer(log, clock);
  const auto flushes = [&] { return std::count(files.calls.begin(), files.calls.end(), rlx_test::FileCall::fsync); };
  writer.write(StartRecord{});
  CHECK(flushes() == 1);
  writer.write(PlanRecord{});
  writer.write(KillRecord{});
  writer.write(DecisionRecord{});
  CHECK(flushes() == 4);
  clock.advance_ms(1'500);
  writer.write(LegRecord{});
  writer.write(SettlementRecord{});
  writer.write(ErrorRecord{});
  CHECK(flushes() == 4);
  LogWriter replay(log, clock, false);
  replay.write(PlanRecord{});
  CHECK(flushes() == 4);
  std::vector<std::int64_t> times;
  const LogReader reader("log", files);
  reader.for_each([&](const LogEntry& entry) { times.push_back(entry.timestamp_ms); });
  CHECK(times.front() == rlx_test::hand_time);
  CHECK(times.back() == rlx_test::hand_time + 1'500);
  std::size_t plans = 0, decisions = 0;
  for_each_record(reader, [&](const auto& record) {
    plans += std::is_same_v<std::remove_cvref_t<decltype(record)>, PlanRecord> ? 1 : 0;
    decisions += std::is_same_v<std::remove_cvref_t<decltype(record)>, DecisionRecord> ? 1 : 0;
  });
  CHECK(plans == 2);
  CHECK(decisions == 1);
}

TEST_CASE("records_json: a record that cannot be read names file and line") {
  rlx_test::MemoryFiles files;
  auto log = DecisionLog<rlx_test::MemoryFiles>::open("log", files);
  log.append(make_record(rlx_test::hand_time, StopRecord{}));
  log.append({RecordType::plan, rlx_test::hand_time, {{"tick_seq", 1}}});
  const LogReader reader("log", files);
  CHECK_THROWS_WITH(for_each_record(reader, [](const auto&) {}),
                    ContainsSubstring("agent_decisions_20260102.jsonl:2: ") && ContainsSubstring("run_id"));
}
