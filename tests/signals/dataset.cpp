// SPDX-License-Identifier: MIT
#include <rlx/signals/dataset.hpp>

#include "rlx_catch.hpp"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <stdlib.h>

#include <rlx/core/random.hpp>
#include <rlx/signals/records_json.hpp>

using namespace rlx;
using namespace rlx::signals;
using rlx_test::ContainsSubstring;

namespace {

Signal signal(const std::string& id, double time) {
  return {id, "momentum", {.amount = 1.0, .base = "BTC", .quote = "USDT", .price = 10.0, .extra = {}}, time, {}};
}
Rejection rejection(const std::string& id, RejectionCode code, double time) {
  return {id, std::string(name_of(code)), code, usual_stage(code), time};
}
const SignalRow& row(const SignalDataset& dataset, const std::string& id) {
  for (const SignalRow& r : dataset.rows) {
    if (r.signal.signal_id == id) return r;
  }
  throw DataError("no row " + id);
}
std::string folder() {
  std::string path = "/tmp/rlx_dataset_XXXXXX";
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  return path;
}

}  // namespace

TEST_CASE("labels say what is known and nothing else") {
  ContextSnapshot records;
  for (const char* id :
       {"executed", "refused", "filtered", "unknown", "resolved", "failed", "waiting", "bad", "executed_open"}) {
    records.signals.push_back(signal(id, 100 + static_cast<double>(records.signals.size())));
  }
  records.rejections = {
      rejection("refused", RejectionCode::exposure_limit, 150),    rejection("filtered", RejectionCode::model_filtered, 150),
      rejection("unknown", RejectionCode::execution_unknown, 150), rejection("resolved", RejectionCode::execution_unknown, 150),
      rejection("failed", RejectionCode::execution_unknown, 150),  rejection("failed", RejectionCode::execution_failed, 160),
      rejection("bad", RejectionCode::invalid_field, 150),         rejection("nobody", RejectionCode::risk_agent, 150)};
  records.executions = {
      {"executed", ExecutionOutcome::executed, 10, 140}, {"unknown", ExecutionOutcome::unknown, 10, 150},
      {"resolved", ExecutionOutcome::unknown, 10, 150},  {"resolved", ExecutionOutcome::executed, 10, 170},
      {"failed", ExecutionOutcome::failed, 10, 160},     {"executed_open", ExecutionOutcome::executed, 10, 141}};
  records.pnl = {
      {"executed", 3, 200, false}, {"executed", -2, 210, true}, {"executed_open", 5, 200, false}, {"refused", 9, 200, true}};
  const SignalDataset rejected = build_dataset(records, Target::rejected, {});
  REQUIRE(rejected.size() == 9);
  REQUIRE(rejected.orphans == 1);
  REQUIRE(row(rejected, "executed").label == 0);
  REQUIRE(row(rejected, "executed").label_time == 140);
  REQUIRE(row(rejected, "executed").pnl == -2);
  REQUIRE(row(rejected, "refused").label == 1);
  REQUIRE(row(rejected, "refused").label_time == 150);
  REQUIRE(row(rejected, "refused").rejection_reason == "exposure_limit");
  REQUIRE_FALSE(row(rejected, "filtered").label);  // the model's own refusal is no label
  REQUIRE(row(rejected, "filtered").rejected);
  REQUIRE_FALSE(row(rejected, "unknown").label);
  REQUIRE(row(rejected, "resolved").label == 0);
  REQUIRE_FALSE(row(rejected, "resolved").rejected);
  REQUIRE(row(rejected, "failed").label == 1);
  REQUIRE(row(rejected, "failed").code == RejectionCode::execution_failed);
  REQUIRE_FALSE(row(rejected, "waiting").label);  // on its way
  REQUIRE(row(rejected, "bad").label == 1);
  REQUIRE(rejected.labelled == 6);

  const SignalDataset profitable = build_dataset(records, Target::profitable, {});
  REQUIRE(row(profitable, "executed").label == 0);
  REQUIRE(row(profitable, "executed").label_time == 210);
  REQUIRE_FALSE(row(profitable, "executed_open").label);  // no final snapshot, no label
  REQUIRE_FALSE(row(profitable, "refused").label);
  REQUIRE(profitable.labelled == 1);
}

TEST_CASE("a memory without executions takes silence for success") {
  ContextSnapshot records;
  records.signals = {signal("a", 100), signal("b", 101)};
  records.rejections = {rejection("b", RejectionCode::risk_agent, 102)};
  const SignalDataset dataset = build_dataset(records, Target::rejected, {});
  REQUIRE(row(dataset, "a").label == 0);
  REQUIRE(row(dataset, "a").label_time == 100);
  REQUIRE(row(dataset, "b").label == 1);
}

TEST_CASE("rows are in the order of time, explored rows weigh more, a time that is not finite is left out") {
  ContextSnapshot records;
  records.signals = {signal("late", 300), signal("early", 100), signal("never", std::numeric_limits<double>::quiet_NaN())};
  records.scores = {{"late", 0.9, 0.05, true, 1, 300}};
  const SignalDataset dataset = build_dataset(records, Target::rejected, {});
  REQUIRE(dataset.size() == 2);
  REQUIRE(dataset.without_time == 1);
  REQUIRE(dataset.rows[0].signal.signal_id == "early");
  REQUIRE(dataset.rows[0].weight == 1);
  REQUIRE(dataset.rows[1].weight == 20);
  REQUIRE(dataset.x().rows() == 2);
  REQUIRE(build_dataset({}, Target::rejected, {}).size() == 0);
}

TEST_CASE("the hash follows every part of the data") {
  ContextSnapshot records;
  records.signals = {signal("a", 100), signal("b", 101)};
  const std::string hash = build_dataset(records, Target::rejected, {}).hash();
  REQUIRE(hash.size() == 64);
  REQUIRE(build_dataset(records, Target::rejected, {}).hash() == hash);
  ContextSnapshot changed = records;
  changed.signals[1].params.amount = 2;
  REQUIRE(build_dataset(changed, Target::rejected, {}).hash() != hash);
  REQUIRE(build_dataset(records, Target::rejected, {.strategies = {"momentum"}}).hash() != hash);
  changed = records;
  changed.rejections = {rejection("a", RejectionCode::risk_agent, 200)};
  REQUIRE(build_dataset(changed, Target::rejected, {}).hash() != hash);
}

TEST_CASE("the report counts and names what is rare") {
  ContextSnapshot records;
  for (int i = 0; i < 100; ++i) {
    records.signals.push_back(signal("s" + std::to_string(i), 100 + i));
    if (i == 0) records.signals.back().strategy = "arbitrage";
    records.signals.back().params.amount = i < 60 ? 1.0 : 1000.0;
    if (i < 30) records.rejections.push_back(rejection("s" + std::to_string(i), RejectionCode::risk_agent, 200));
  }
  const DatasetReport report = report_dataset(build_dataset(records, Target::rejected, {}));
  REQUIRE(report.strategies.at("momentum") == 99);
  REQUIRE(report.strategies.at("mean_reversion") == 0);
  REQUIRE(report.codes.at("risk_agent") == 30);
  REQUIRE(report.amounts.front() == 60);
  REQUIRE(report.amounts.back() == 40);
  REQUIRE(report.volatilities.empty());
  const auto warned = [&](const std::string& text) {
    for (const std::string& warning : report.warnings) {
      if (warning.starts_with(text)) return true;
    }
    return false;
  };
  REQUIRE(warned("strategy 'arbitrage': 1 of 100"));
  REQUIRE(warned("strategy 'mean_reversion': 0"));
  REQUIRE_FALSE(warned("strategy 'momentum'"));
  REQUIRE(warned("rejection code max_loss"));
  REQUIRE_FALSE(warned("rejection code risk_agent"));
  REQUIRE(warned("ln amount, tenth 5"));
}

TEST_CASE("the journal keeps what the memory forgets, once") {
  const std::string path = folder() + "/history.jsonl";
  RecentContext context(2);
  context.store_signal(signal("a", 100));
  context.store_signal(signal("b", 101));
  context.store_rejection(rejection("a", RejectionCode::risk_agent, 100));
  context.store_market({"BTC/USDT", 99, 10, 0, 0, 1});
  {
    HistoryJournal journal(path);
    REQUIRE(journal.append(context.snapshot()) == 4);
    REQUIRE(journal.append(context.snapshot()) == 0);
  }
  context.store_signal(signal("c", 102));
  HistoryJournal(path).append(context.snapshot());
  const ContextSnapshot merged = merge_history(HistoryJournal::load(path), context.snapshot());
  REQUIRE(merged.signals.size() == 3);
  REQUIRE(merged.signals[0] == signal("a", 100));
  REQUIRE(merged.rejections.size() == 1);
  REQUIRE(merged.markets.size() == 1);
  REQUIRE(HistoryJournal::load(path + ".none").signals.empty());

  std::ofstream(path, std::ios::app) << "{\"kind\":\"sig";  // a write that a crash cut off
  REQUIRE(HistoryJournal::load(path).signals.size() == 3);
  HistoryJournal repaired(path);
  context.store_signal(signal("d", 103));
  REQUIRE(repaired.append(context.snapshot()) == 1);
  REQUIRE(HistoryJournal::load(path).signals.size() == 4);
  std::ofstream(path, std::ios::app) << "{\"kind\":\"other\",\"record\":{},\"schema\":1}\n";
  REQUIRE_THROWS_WITH(HistoryJournal::load(path), ContainsSubstring(":7: ") && ContainsSubstring("unknown kind 'other'"));
}

TEST_CASE("a join by id finds what a search through all signals finds, in any order") {
  RandomStream random({7, Purpose::user});
  for (int round = 0; round < 300; ++round) {
    std::vector<Signal> signals(1 + random.bounded(40));
    const bool repeated = round % 3 == 0;  // of equal ids the first counts
    for (std::size_t i = 0; i < signals.size(); ++i) {
      signals[i].signal_id = std::to_string(repeated ? random.bounded(10) : static_cast<std::uint32_t>(i));
    }
    std::vector<PnlSnapshot> others(random.bounded(60));
    const bool in_order = round % 2 == 0;
    for (std::size_t k = 0; k < others.size(); ++k) {
      const std::size_t at = in_order && random.bounded(20) != 0 ? k * 2 / 3 : random.bounded(50);  // 40 to 49: an orphan
      others[k].signal_id = std::to_string(at);
    }
    const std::vector<std::uint32_t> positions = signals::detail::IdTable(signals).join(others);
    REQUIRE(positions.size() == others.size());
    for (std::size_t k = 0; k < others.size(); ++k) {
      std::uint32_t expected = 0;
      while (expected < signals.size() && signals[expected].signal_id != others[k].signal_id) ++expected;
      if (expected == signals.size()) expected = signals::detail::IdTable::none;
      REQUIRE(positions[k] == expected);
    }
  }
}
