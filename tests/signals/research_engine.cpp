// SPDX-License-Identifier: MIT
#include <rlx/signals/research_engine.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>

#include <stdlib.h>

#include <rlx/core/clock.hpp>
#include <rlx/core/random.hpp>
#include <rlx/signals/records_json.hpp>

using namespace rlx;
using namespace rlx::signals;
using rlx_test::WithinAbs;

namespace {

Signal signal(const std::string& id, double time, const std::string& strategy = "momentum") {
  return {id, strategy, {.amount = 1.0, .base = "BTC", .quote = "USDT", .price = 10.0, .extra = {}}, time, {}};
}
const Trend& trend(const BehaviorAnalysis& analysis, const std::string& subject) {
  const auto found =
      std::find_if(analysis.trends.begin(), analysis.trends.end(), [&](const Trend& t) { return t.subject == subject; });
  REQUIRE(found != analysis.trends.end());
  return *found;
}

}  // namespace

TEST_CASE("the analysis has the four keys of the seed and equals a count by hand") {
  RecentContext context(300);
  RandomStream random({1, Purpose::user});
  std::map<std::string, std::size_t> strategies, reasons, rejected;
  for (int i = 0; i < 300; ++i) {
    const std::string id = "s" + std::to_string(i), strategy = random.uniform() < 0.3 ? "arbitrage" : "momentum";
    context.store_signal(signal(id, 100 + i, strategy));
    ++strategies[strategy];
    if (random.uniform() < 0.4) {
      const std::string reason = random.uniform() < 0.7 ? "Exposure limit exceeded" : "Missing price";
      context.store_rejection(id, reason);
      ++reasons[reason];
      ++rejected[strategy];
    }
  }
  const BehaviorAnalysis analysis = ResearchEngine(context).analyze_behavior();
  const Json json = analysis.to_json();
  REQUIRE(json["rejection_summary"] == Json(reasons));
  REQUIRE(json["signal_summary"] == Json(strategies));
  REQUIRE(json["total_signals"] == 300);
  REQUIRE(json["total_rejections"] == reasons["Exposure limit exceeded"] + reasons["Missing price"]);
  for (const auto& [strategy, count] : strategies) {
    REQUIRE(analysis.by_strategy.at(strategy).rejections == rejected[strategy]);
    const risk::Interval rate = risk::wilson_interval(rejected[strategy], count);
    REQUIRE(analysis.by_strategy.at(strategy).low == rate.low);
  }
  REQUIRE(analysis.frequent == std::vector<std::string>{"Exposure limit exceeded"});
}

TEST_CASE("shares, stages, agents, P&L and orphans have their hand-worked values") {
  RecentContext context(100);
  for (int i = 0; i < 20; ++i) {
    context.store_signal(signal("s" + std::to_string(i), 100 + i));
    context.store_rejection("s" + std::to_string(i), i < 7 ? "Missing price" : "Daily trade limit exceeded");
    context.store_exchange({static_cast<std::uint64_t>(i),
                            Topic::risk,
                            "s",
                            i < 2 ? AnswerStatus::timeout : AnswerStatus::approved,
                            100,
                            100 + 0.001 * (i - 1),
                            {}});
  }
  context.store_rejection("nobody", "Missing price");
  context.store_pnl_snapshot({"s1", 4, 200, true});
  context.store_pnl_snapshot({"s2", 8, 200, true});
  context.store_pnl_snapshot({"s3", 100, 200, false});
  const BehaviorAnalysis analysis = ResearchEngine(context).analyze_behavior();
  REQUIRE(analysis.total_rejections == 21);
  REQUIRE(analysis.rejection_shares.at("Missing price").count == 8);
  REQUIRE(analysis.orphan_rejections == 1);
  REQUIRE(analysis.by_stage.at("risk").count == 21);
  REQUIRE(analysis.by_code.at("daily_trades").count == 13);
  REQUIRE(analysis.by_strategy.at("momentum").pnl_mean == 6);
  REQUIRE(analysis.by_strategy.at("momentum").pnl_count == 2);
  REQUIRE(analysis.by_strategy.at("momentum").rate == 1);
  const AgentStats& agent = analysis.agents.at("risk");
  REQUIRE(agent.requests == 20);
  REQUIRE(agent.timeouts == 2);
  REQUIRE_THAT(agent.p50_ms, WithinAbs(9.5, 1e-6));  // answers after 1 to 18 ms
  REQUIRE(ResearchEngine(context).analyze_behavior().agents.count("execution") == 0);
}

TEST_CASE("a trend is the newer half against the older, and small halves are not tested") {
  RecentContext context(100);
  for (int i = 0; i < 100; ++i) {
    const std::string id = "s" + std::to_string(i);
    context.store_signal(signal(id, 100 + i));
    if (i % 10 == 0 || (i >= 50 && i % 5 == 0)) context.store_rejection(id, "Missing price");  // 5 of 50, then 10 of 50
    if (i >= 50 && i % 10 == 1) context.store_rejection(id, "Missing price");                  // and 5 more: 15 of 50
  }
  const BehaviorAnalysis analysis = ResearchEngine(context).analyze_behavior();
  const Trend& found = trend(analysis, "reason Missing price");
  REQUIRE(found.older_count == 5);
  REQUIRE(found.newer_count == 15);
  REQUIRE_THAT(found.z, WithinAbs(2.5, 1e-12));
  REQUIRE_THAT(found.p_value, WithinAbs(0.012419, 5e-7));
  REQUIRE(found.significant);
  REQUIRE_FALSE(trend(analysis, "strategy momentum").significant);

  // A signal counts once for each of its reasons, an orphan for none.
  RecentContext twice(100);
  for (int i = 0; i < 40; ++i) twice.store_signal(signal("s" + std::to_string(i), 100 + i));
  for (const char* reason : {"a", "b", "a", "b", "a"}) {
    twice.store_rejection({"s1", reason, RejectionCode::risk_agent, Stage::risk, 200});
    twice.store_rejection({"nobody", reason, RejectionCode::risk_agent, Stage::risk, 200});
  }
  const BehaviorAnalysis counted = ResearchEngine(twice).analyze_behavior();
  REQUIRE(counted.rejection_summary.at("a") == 6);
  for (const char* reason : {"reason a", "reason b"}) {
    REQUIRE(trend(counted, reason).older_count == 1);
    REQUIRE(trend(counted, reason).newer_count == 0);
  }
  REQUIRE(trend(counted, "rejections of momentum").older_count == 1);

  RecentContext few(39);
  for (int i = 0; i < 39; ++i) few.store_signal(signal("s" + std::to_string(i), 100 + i));
  REQUIRE(ResearchEngine(few).analyze_behavior().trends.empty());
  RecentContext none;
  REQUIRE(ResearchEngine(none).analyze_behavior().total_signals == 0);
}

TEST_CASE("market data goes into the memory, and logs are counted and checked") {
  std::string path = "/tmp/rlx_research_XXXXXX";
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  RecentContext context;
  ResearchEngine research(context);
  research.collect_market_data({"BTC/USDT", 100, 50'000, 0.01, 0, 2});
  REQUIRE(context.market_before("BTC/USDT", 101)->price == 50'000);
  ManualClock clock(1'767'225'600'000);
  {
    CoreAgentLogger logger(path, clock);
    logger.log_action("train_model", {{"reason", "too small"}});
    clock.advance_ms(60'000);
    logger.log_error("train_model", {{"reason", "no luck"}});
    logger.log_error("train_model", {{"reason", "no luck"}});
  }
  const LogSummary summary = research.load_logs(path);
  REQUIRE(summary.verification.ok);
  REQUIRE(summary.by_kind.at("error") == 2);
  REQUIRE(summary.by_name.at("train_model") == 3);
  REQUIRE(summary.errors.at("train_model: no luck") == 2);
  REQUIRE(summary.first_time == "2026-01-01T00:00:00Z");
  REQUIRE(summary.last_time == "2026-01-01T00:01:00Z");
  REQUIRE_THROWS_AS(research.load_logs(path + "/none"), IoError);
  // What comes after a changed record is not counted.
  io::PosixFiles files;
  std::string text = io::read_all(path + "/core_agent.0.log", files);
  text[text.rfind("no luck")] = 'N';
  io::replace_file(path + "/core_agent.0.log", text, files);
  const LogSummary damaged = research.load_logs(path);
  REQUIRE_FALSE(damaged.verification.ok);
  REQUIRE(damaged.verification.bad->line == 4);  // the first is that of the opening
  REQUIRE(damaged.by_kind.at("error") == 1);
}
