// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/import.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <string>
#include <vector>

using rlx_test::Approx;
using rlx_test::ContainsSubstring;

namespace {

rlx::OfflineCsv two_columns() { return {.observation = {"x", "y"}, .action_count = 2}; }

std::string csv_error(const std::string& text, const rlx::OfflineCsv& format) {
  try {
    rlx::import_offline_csv(text, "log.csv", format);
  } catch (const rlx::DataError& error) {
    return error.what();
  }
  return "no error";
}

std::string leg(const std::string& symbol, const std::string& label, const std::string& strategy, const std::string& fill,
                const std::string& role = "open") {
  return R"({"action":{"action":"OPEN_COVERED_CALL",)" + (strategy.empty() ? "" : "\"strategy\":\"" + strategy + "\",") +
         R"("underlying":"BTC","params":{"symbol":")" + symbol +
         R"(","size":0.1},"diagnostics":{"delta":0.25,"dte":7.5,"premium_usd":300,"ivrv":1.2},)"
         R"("decision_source":"training_mode","propensity":1},"execution":{"status":"filled","label":")" +
         label + R"(","role":")" + role + R"(",)" + fill + "}}";
}
std::string decision(const std::string& time, const std::string& legs, const std::string& candidates = "") {
  return R"({"schema":1,"type":"decision","log_timestamp":"2026-01-02T08:05:00.000Z","decision_source":"training_mode",)"
         R"("state":{"timestamp":")" +
         time + R"(","spot":{"BTC":90000},"vol_state":{"iv":{"BTC":0.5},"rv":{"BTC":null}}},)" +
         (candidates.empty() ? "" : "\"candidates\":[" + candidates + "],") +
         R"("final_action":{"action":"TRAINING_LADDER","params":{"legs":[]}},"execution":{"status":"completed","legs":[)" +
         legs + "]}}\n";
}
const std::string fill_a = R"("filled_amount":0.2,"average_price":0.010,"fee":0.00006)";
const std::string fill_b = R"("filled_amount":"0.1","average_price":0.020,"fee":0.00003)";
const std::string settled_a =
    R"({"type":"settlement","symbol":"A","amount":-0.4,"payoff":0.0008,"delivery_fee":0.00004,"settlement_price":95000})"
    "\n";
const std::string settled_b = R"({"type":"settlement","symbol":"B","amount":-0.1,"payoff":0.004,"delivery_fee":0})"
                              "\n";

}  // namespace

TEST_CASE("import_offline_csv: rows, masks, final observations and tags", "[offline]") {
  const std::string text =
      "episode,ts,x,y,action,reward,terminated,truncated,mask,propensity,tag,pnl\n"
      "3,10,1,2,0,0.5,0,0,11,0.25,calm,5\n"
      "3,20,3,4,1,1.5,0,1,01,1,,\n"
      "3,30,5,6,,,,,10,,,\n"
      "4,2026-01-02T08:05:00Z,7,8,1,-1,1,0,,,bold,\n";
  const rlx::OfflineImport imported = rlx::import_offline_csv(text, "log.csv", two_columns());
  const rlx::OfflineDataset& data = imported.data;
  REQUIRE(data.size() == 3);
  REQUIRE(data.episodes().size() == 2);
  REQUIRE(data.episodes()[0].id == 3);
  REQUIRE(data.next_observation(1)[0] == 5.0F);
  REQUIRE(data.next_mask(1)[1] == 0);
  REQUIRE(data.mask(1)[0] == 0);
  REQUIRE(data.mask(2)[0] == 1);
  REQUIRE(data.truncated(1));
  REQUIRE(data.terminated(2));
  REQUIRE(data.propensity(0) == 0.25);
  REQUIRE(std::isnan(data.propensity(2)));
  REQUIRE(data.tag(0) == "calm");
  REQUIRE(data.tag(1) == "unknown");
  REQUIRE(imported.untagged == 1);
  REQUIRE(data.columns().pnl[0] == 5);
  REQUIRE(std::isnan(data.columns().pnl[1]));
  REQUIRE(data.columns().ts[1] == 20);
  REQUIRE(data.columns().ts[2] == 1'767'341'100'000'000'000);
  REQUIRE(data.info().propensity_source == rlx::PropensitySource::logged);
}

TEST_CASE("import_offline_csv: the examples that the option agent writes", "[offline]") {
  const std::string text =
      "decision_time,action,strategy,delta,dte,ivrv,propensity,pnl_coin,reward\n"
      "2026-01-02T08:00:00Z,SELL_CALL,aggressive,0.4,7,1.1,1,0.002,0.01\n"
      "2026-01-02T08:00:00Z,SELL_CALL,conservative,0.2,7,,1,-0.004,-0.02\n"
      "2026-01-02T14:00:00Z,SELL_CALL,aggressive,0.4,7,1,1,,\n"  // still open: no outcome
      "2026-01-02T20:00:00Z,DO_NOTHING,,,,,1,,0\n";
  rlx::OfflineCsv format{.observation = {"delta", "dte", "ivrv"},
                         .actions = {"DO_NOTHING", "SELL_CALL"},
                         .time = "decision_time",
                         .tag = "strategy",
                         .pnl = "pnl_coin",
                         .deterministic = true,
                         .missing_value = 0.0F,
                         .currency = "BTC"};
  const rlx::OfflineImport imported = rlx::import_offline_csv(text, "examples.csv", format);
  REQUIRE(imported.data.size() == 3);
  REQUIRE(imported.without_outcome == 1);
  REQUIRE(imported.untagged == 1);
  REQUIRE(imported.data.episodes().size() == 3);
  REQUIRE(imported.data.terminated(0));
  REQUIRE(imported.data.action(0) == 1);
  REQUIRE(imported.data.action(2) == 0);
  REQUIRE(imported.data.observation(1)[2] == 0.0F);
  REQUIRE(imported.data.filter({"aggressive"}).reward(0) == 0.01);
  REQUIRE(std::isnan(imported.data.propensity(0)));
  REQUIRE(imported.data.info().propensity_source == rlx::PropensitySource::deterministic);
  format.missing_value.reset();
  REQUIRE_THAT(csv_error(text, format), ContainsSubstring("log.csv:3") && ContainsSubstring("ivrv"));
}

TEST_CASE("import_offline_csv: what a cell should have been is said with its place", "[offline]") {
  const std::string head = "episode,ts,x,y,action,reward,terminated,truncated,mask\n";
  REQUIRE_THAT(csv_error(head + "1,1,0,0,2,0,1,0,\n", two_columns()),
               ContainsSubstring("log.csv:2:") && ContainsSubstring("[0, 2)"));
  REQUIRE_THAT(csv_error(head + "1,1,0,0,1,0,1,0,012\n", two_columns()), ContainsSubstring("2 characters"));
  REQUIRE_THAT(csv_error(head + "1,1,0,0,1,0,yes,0,\n", two_columns()), ContainsSubstring("'yes'"));
  REQUIRE_THAT(csv_error(head + "1,soon,0,0,1,0,1,0,\n", two_columns()), ContainsSubstring("'soon'"));
  REQUIRE_THAT(csv_error(head + "1,1,0,0,1,0,0,1,\n", two_columns()), ContainsSubstring("episode 1 is truncated"));
  REQUIRE_THAT(csv_error(head + "1,1,0,0,,,,,\n", two_columns()), ContainsSubstring("no decision of this episode"));
  REQUIRE_THAT(csv_error(head + "1,1,0,0,1,0,0,0,10\n1,2,0,0,1,0,1,0,\n", two_columns()),
               ContainsSubstring("row 0, column 'action', episode 1: action 1 is masked"));
  REQUIRE_THROWS_AS(rlx::import_offline_csv(head, "log.csv", {.observation = {"x"}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::import_offline_csv(head, "log.csv", {.observation = {}, .action_count = 2}), rlx::ConfigError);
}

TEST_CASE("import_decision_log: legs carry their strategy and what became of them", "[offline]") {
  const std::string text =
      decision("2026-01-02T08:00:00.000Z", leg("A", "a", "conservative", fill_a) + "," + leg("B", "b", "aggressive", fill_b)) +
      R"({"type":"start","run_id":"r"})"
      "\n" +
      settled_a + settled_b;
  const rlx::OfflineImport imported = rlx::import_decision_log(text, "log.jsonl");
  const rlx::OfflineDataset& data = imported.data;
  REQUIRE(data.size() == 2);
  REQUIRE(imported.skipped == 1);
  REQUIRE(imported.without_outcome == 0);
  REQUIRE(data.tag(0) == "conservative");
  REQUIRE(data.tag(1) == "aggressive");
  // A: 0.2 contracts at 0.010, fee 0.00006, cost of a contract (0.0008 + 0.00004) / 0.4 = 0.0021.
  REQUIRE(data.columns().pnl[0] == Approx(0.2 * (0.010 - 0.0021) - 0.00006));
  REQUIRE(data.reward(0) == Approx((0.2 * (0.010 - 0.0021) - 0.00006) / 0.2));
  // B: 0.1 at 0.020, cost 0.04: a loss.
  REQUIRE(data.reward(1) == Approx((0.1 * (0.020 - 0.04) - 0.00003) / 0.1));
  REQUIRE(data.observation(0)[0] == 0.25F);
  REQUIRE(data.observation(0)[3] == 1.2F);
  REQUIRE(data.action(0) == 1);
  REQUIRE(data.terminated(0));
  REQUIRE(data.columns().ts[0] == 1'767'340'800'000'000'000);
  REQUIRE(std::isnan(data.propensity(0)));
  REQUIRE(data.info().propensity_source == rlx::PropensitySource::deterministic);
}

TEST_CASE("import_decision_log: a single action, later fills, a missing strategy", "[offline]") {
  const std::string single =
      R"({"type":"decision","log_timestamp":"2026-01-02T08:05:00.000Z","decision_source":"rule_based","final_action":)"
      R"({"strategy":"moderate","params":{"symbol":"A"},"propensity":0.75},"execution":{"label":"s",)" +
      fill_a + "}}\n";
  const std::string late = decision("2026-01-02T09:00:00.000Z", leg("B", "l", "", R"("filled_amount":0)")) +
                           R"({"type":"leg","label":"l",)" + fill_b + "}\n";
  const rlx::OfflineImport imported = rlx::import_decision_log(single + late + settled_a + settled_b, "log.jsonl");
  REQUIRE(imported.data.size() == 2);
  REQUIRE(imported.data.tag(0) == "moderate");
  REQUIRE(imported.data.propensity(0) == 0.75);
  REQUIRE(imported.data.info().propensity_source == rlx::PropensitySource::logged);
  REQUIRE(imported.data.tag(1) == "unknown");
  REQUIRE(imported.untagged == 1);
  REQUIRE(imported.data.columns().pnl[1] == Approx(0.1 * (0.020 - 0.04) - 0.00003));
}

TEST_CASE("import_decision_log: legs without outcome are counted, not guessed", "[offline]") {
  const std::string open =
      decision("2026-01-02T08:00:00.000Z", leg("A", "a", "calm", fill_a) + "," + leg("C", "c", "calm", fill_b) + "," +
                                               leg("D", "d", "calm", R"("filled_amount":0)"));
  const rlx::OfflineImport imported = rlx::import_decision_log(open + settled_a, "log.jsonl");
  REQUIRE(imported.data.size() == 1);
  REQUIRE(imported.without_outcome == 2);
  REQUIRE_THROWS_AS(rlx::import_decision_log(open, "log.jsonl"), rlx::DataError);
}

TEST_CASE("import_decision_log: buying back takes the oldest leg first", "[offline]") {
  // Two legs of A: 0.2 at 0.010 and 0.1 at 0.020. 0.25 are bought back at 0.004 with a fee of 0.00025, the rest settles at
  // 0.0021.
  const std::string sold =
      decision("2026-01-02T08:00:00.000Z", leg("A", "a", "calm", fill_a) + "," + leg("A", "b", "bold", fill_b));
  const std::string plan = R"({"type":"plan","legs":[{"label":"x","role":"close","action":{"params":{"symbol":"A"}}}]})"
                           "\n"
                           R"({"type":"leg","label":"x","filled_amount":0.15,"average_price":0.004,"fee":0.00015})"
                           "\n";
  const std::string bought = decision(
      "2026-01-03T08:00:00.000Z", leg("A", "x", "", R"("filled_amount":0.25,"average_price":0.004,"fee":0.00025)", "close") +
                                      "," + leg("A", "y", "", R"("filled_amount":0)", "roll_close"));
  const rlx::OfflineImport imported = rlx::import_decision_log(
      sold + plan + bought +
          R"({"type":"settlement","symbol":"A","amount":-0.05,"payoff":0.0001,"delivery_fee":0.000005})"
          "\n",
      "log.jsonl");
  REQUIRE(imported.data.size() == 2);
  REQUIRE(imported.skipped == 2);
  REQUIRE(imported.data.columns().pnl[0] == Approx(0.2 * 0.010 - 0.00006 - 0.2 * (0.004 + 0.001)));
  REQUIRE(imported.data.columns().pnl[1] == Approx(0.1 * 0.020 - 0.00003 - 0.05 * (0.004 + 0.001) - 0.05 * 0.0021));
}

TEST_CASE("import_decision_log: candidates that no leg sold are decisions to do nothing", "[offline]") {
  const std::string candidates = R"(["A",0.25,7.5,300,1.2,0.01,0.011,0.4,1,"BTC"],["E",0.1,14,100,1.1,0.01,0.011,0.4,3,"BTC"],)"
                                 R"(["F",0.9,1,10,1.0,0.01,0.011,0.4,0,"BTC"])";
  rlx::DecisionLogFormat format{.features = {"delta", "spot", "iv", "rv"}, .unchosen = true};
  const rlx::OfflineImport imported = rlx::import_decision_log(
      decision("2026-01-02T08:00:00.000Z", leg("A", "a", "calm", fill_a), candidates) + settled_a, "log.jsonl", format);
  REQUIRE(imported.data.size() == 2);  // F is accepted by no profile
  REQUIRE(imported.data.action(1) == 0);
  REQUIRE(imported.data.reward(1) == 0.0);
  REQUIRE(imported.data.observation(1)[0] == 0.1F);
  REQUIRE(imported.data.observation(0)[1] == 90'000.0F);
  REQUIRE(imported.data.observation(0)[2] == 0.5F);
  REQUIRE(imported.data.observation(0)[3] == 0.0F);  // unknown
  format.features = {"detla"};
  try {
    rlx::import_decision_log("", "log.jsonl", format);
    FAIL("no error");
  } catch (const rlx::ConfigError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("'delta'"));
  }
}

TEST_CASE("import_decision_log: damaged lines are named", "[offline]") {
  const auto text_of = [](const std::string& text) -> std::string {
    try {
      rlx::import_decision_log(text, "log.jsonl");
    } catch (const rlx::DataError& error) {
      return error.what();
    }
    return "no error";
  };
  REQUIRE_THAT(text_of(settled_a + "{\"type\":"), ContainsSubstring("log.jsonl:2"));
  REQUIRE_THAT(text_of("[1]\n"), ContainsSubstring("log.jsonl:1"));
  REQUIRE_THAT(text_of(R"({"type":5})"
                       "\n"),
               ContainsSubstring("log.jsonl:1") && ContainsSubstring("'type'"));
  REQUIRE_THAT(text_of(std::string(100'000, '[')), ContainsSubstring("log.jsonl:1") && ContainsSubstring("nested"));
  REQUIRE_THAT(text_of(R"({"type":"settlement","amount":1})"
                       "\n"),
               ContainsSubstring("'symbol'"));
  REQUIRE_THAT(text_of(R"({"type":"settlement","symbol":"A","amount":"x"})"
                       "\n"),
               ContainsSubstring("'amount'"));
  REQUIRE_THAT(text_of(R"({"type":"decision","execution":{}})"
                       "\n"),
               ContainsSubstring("log_timestamp"));
  REQUIRE_THAT(text_of(""), ContainsSubstring("at least one leg"));
}
