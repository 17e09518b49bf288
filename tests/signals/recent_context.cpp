// SPDX-License-Identifier: MIT
#include <rlx/signals/recent_context.hpp>

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <rlx/signals/core_agent_logger.hpp>
#include <rlx/signals/records_json.hpp>

#include "rlx_catch.hpp"

using namespace rlx::signals;
using rlx_test::ContainsSubstring;

namespace {

Signal signal(int number, double timestamp = 1000.0) {
  return {.signal_id = "s" + std::to_string(number), .strategy = "momentum", .params = {.amount = 1.0}, .timestamp = timestamp};
}
std::vector<std::string> ids(const std::vector<Signal>& signals) {
  std::vector<std::string> result;
  for (const Signal& s : signals) result.push_back(s.signal_id);
  return result;
}

}  // namespace

TEST_CASE("recent context: the seed's calls", "[signals]") {
  RecentContext context;
  REQUIRE(context.max_history() == 100);
  context.store_signal({.signal_id = "signal1", .strategy = "momentum", .params = {.amount = 0.1}, .timestamp = 1234567890.0});
  context.store_signal(
      Json::parse(R"({"signal_id":"signal2","strategy":"momentum","params":{"amount":0.1},"timestamp":1234567890})"));
  context.store_rejection("signal1", "Exposure limit exceeded");
  REQUIRE(ids(context.get_recent_signals()) == std::vector<std::string>{"signal1", "signal2"});
  REQUIRE(
      context.get_recent_rejections() ==
      std::vector<Rejection>{{"signal1", "Exposure limit exceeded", RejectionCode::exposure_limit, Stage::risk, 1234567890.0}});
  REQUIRE(context.find_signal("signal2")->timestamp == 1234567890.0);
  REQUIRE_FALSE(context.find_signal("signal3"));
}

TEST_CASE("recent context: the record after max_history removes the oldest and its index entry", "[signals]") {
  RecentContext context;
  for (int i = 1; i <= 100; ++i) context.store_signal(signal(i));
  REQUIRE(context.find_signal("s1"));
  context.store_signal(signal(101));
  REQUIRE_FALSE(context.find_signal("s1"));
  REQUIRE(context.find_signal("s2"));
  REQUIRE(context.get_recent_signals().size() == 100);
  REQUIRE(context.get_recent_signals().front().signal_id == "s2");
  REQUIRE(ids(context.get_recent_signals(2)) == std::vector<std::string>{"s100", "s101"});
  REQUIRE(context.counts().evicted == 1);
  // An id that was forgotten may come again, with any content.
  context.store_signal(signal(1, 5.0));
  REQUIRE(context.find_signal("s1")->timestamp == 5.0);
  // Kinds do not push each other out.
  for (int i = 0; i < 300; ++i) context.store_pnl_snapshot({"s101", static_cast<double>(i), 1.0});
  REQUIRE(context.get_recent_pnl().size() == 100);
  REQUIRE(context.get_recent_signals().size() == 100);
}

TEST_CASE("recent context: a memory of one", "[signals]") {
  RecentContext context(1);
  context.store_signal(signal(1));
  context.store_signal(signal(2));
  REQUIRE(ids(context.get_recent_signals()) == std::vector<std::string>{"s2"});
  REQUIRE_FALSE(context.find_signal("s1"));
  context.store_rejection({"a", "x", RejectionCode::risk_agent, Stage::risk, 1.0});
  context.store_rejection({"a", "y", RejectionCode::risk_agent, Stage::risk, 2.0});
  REQUIRE(context.find_rejection("a")->reason == "y");
  context.store_rejection({"b", "z", RejectionCode::risk_agent, Stage::risk, 2.0});
  REQUIRE_FALSE(context.find_rejection("a"));
  REQUIRE_THROWS_AS(RecentContext(0), rlx::ConfigError);
}

TEST_CASE("recent context: equal records are ignored and counted, others of the same id refused", "[signals]") {
  RecentContext context;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  context.store_signal(signal(1));
  context.store_signal(signal(1));
  context.store_signal({.signal_id = "n", .params = {.amount = nan}});
  context.store_signal({.signal_id = "n", .params = {.amount = nan}});
  REQUIRE(context.get_recent_signals().size() == 2);
  REQUIRE(context.counts().duplicates == 2);
  REQUIRE_THROWS_WITH(context.store_signal(signal(1, 7.0)),
                      ContainsSubstring("s1") && ContainsSubstring("1000.0") && ContainsSubstring("7.0"));
  REQUIRE_THROWS_AS(context.store_signal(signal(1, 7.0)), rlx::DataError);
  REQUIRE(context.find_signal("s1")->timestamp == 1000.0);
  const Rejection rejection{"s1", "x", RejectionCode::risk_agent, Stage::risk, 1.0};
  context.store_rejection(rejection);
  context.store_rejection(rejection);
  REQUIRE(context.get_recent_rejections().size() == 1);
  context.store_pnl_snapshot({"s1", 1.0, 1.0, false});
  context.store_pnl_snapshot({"s1", 1.0, 1.0, false});
  context.store_pnl_snapshot({"s1", 2.0, 2.0, true});
  REQUIRE(context.get_recent_pnl().size() == 2);
  REQUIRE(context.find_pnl("s1")->final);
  REQUIRE(context.counts().duplicates == 4);
}

TEST_CASE("recent context: bad input is refused and nothing stored", "[signals]") {
  RecentContext context;
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  REQUIRE_THROWS_AS(context.store_signal(Signal{}), rlx::DataError);
  REQUIRE_THROWS_AS(context.store_signal(Json::parse("[1]")), rlx::DataError);
  REQUIRE_THROWS_AS(context.store_signal(Json::parse(R"({"strategy":"momentum"})")), rlx::DataError);
  REQUIRE_THROWS_AS(context.store_pnl_snapshot({"a", nan, 1.0}), rlx::NumericError);
  REQUIRE_THROWS_AS(context.store_pnl_snapshot({"a", 1.0, inf}), rlx::NumericError);
  REQUIRE_THROWS_AS(context.store_rejection({"a", "x", RejectionCode::risk_agent, Stage::risk, nan}), rlx::NumericError);
  REQUIRE_THROWS_AS(context.store_market({"BTC/USDT", 1.0, nan, 0.0, 0.0, 0.0}), rlx::NumericError);
  REQUIRE_THROWS_AS(context.store_market({"BTC/USDT", 1.0, 0.0, 0.0, 0.0, 0.0}), rlx::DataError);
  REQUIRE_THROWS_AS(context.store_market({"", 1.0, 1.0, 0.0, 0.0, 0.0}), rlx::DataError);
  REQUIRE_THROWS_AS(context.store_score({"a", nan, 1.0, true, 0, 0.0}), rlx::NumericError);
  REQUIRE_THROWS_AS(context.store_score({"a", 0.5, 0.0, true, 0, 0.0}), rlx::NumericError);
  REQUIRE_THROWS_AS(context.store_execution({"a", ExecutionOutcome::executed, inf, 0.0}), rlx::NumericError);
  REQUIRE_THROWS_AS(context.store_exchange({1, Topic::risk, "a", AnswerStatus::approved, nan, 0.0, ""}), rlx::NumericError);
  const ContextSnapshot all = context.snapshot();
  REQUIRE(all.signals.size() + all.rejections.size() + all.pnl.size() + all.markets.size() + all.exchanges.size() +
              all.executions.size() + all.scores.size() ==
          0);
  REQUIRE(all.counts == ContextCounts{});
}

TEST_CASE("recent context: records of unknown ids are stored and counted as orphans", "[signals]") {
  RecentContext context;
  context.store_rejection("nobody", "Maximum loss exceeded");
  context.store_pnl_snapshot({"nobody", 1.0, 50.0});
  context.store_rejection("nobody else", "x");
  REQUIRE(context.counts().orphan_rejections == 2);
  REQUIRE(context.counts().orphan_pnl == 1);
  REQUIRE(context.get_recent_rejections()[0].code == RejectionCode::max_loss);
  // Without a signal the newest time of any record stands in.
  REQUIRE(context.get_recent_rejections()[0].timestamp == 0.0);
  REQUIRE(context.get_recent_rejections()[1].timestamp == 50.0);
}

TEST_CASE("recent context: the market strictly before a time, stored in any order", "[signals]") {
  RecentContext context(4);
  const auto market = [](const char* name, double time, double price) {
    return MarketSnapshot{name, time, price, 0.0, 0.0, 0.0};
  };
  context.store_market(market("BTC/USDT", 10.0, 1.0));
  context.store_market(market("BTC/USDT", 30.0, 3.0));
  context.store_market(market("BTC/USDT", 20.0, 2.0));
  context.store_market(market("ETH/USDT", 15.0, 9.0));
  REQUIRE_FALSE(context.market_before("BTC/USDT", 10.0));
  REQUIRE(context.market_before("BTC/USDT", 10.5)->price == 1.0);
  REQUIRE(context.market_before("BTC/USDT", 20.0)->price == 1.0);
  REQUIRE(context.market_before("BTC/USDT", 30.0)->price == 2.0);
  REQUIRE(context.price_before("BTC/USDT", 31.0)->price == 3.0);
  REQUIRE(context.price_before("ETH/USDT", 31.0)->timestamp == 15.0);
  REQUIRE_FALSE(context.market_before("XRP/USDT", 31.0));
  // Of equal times the later stored one; the first stored is evicted.
  context.store_market(market("BTC/USDT", 20.0, 2.5));
  REQUIRE(context.market_before("BTC/USDT", 30.0)->price == 2.5);
  REQUIRE_FALSE(context.market_before("BTC/USDT", 20.0));
  for (int i = 0; i < 4; ++i) context.store_market(market("XRP/USDT", 1.0 + i, 5.0));
  REQUIRE_FALSE(context.market_before("ETH/USDT", 99.0));
  REQUIRE(context.get_recent_markets().size() == 4);
}

TEST_CASE("recent context: exchanges have room for three topics, clear forgets all", "[signals]") {
  RecentContext context(2);
  for (std::uint64_t i = 0; i < 8; ++i) context.store_exchange({i, Topic::risk, "a", AnswerStatus::approved, 1.0, 2.0, ""});
  REQUIRE(context.get_recent_exchanges().size() == 6);
  REQUIRE(context.get_recent_exchanges().front().correlation_id == 2);
  context.store_signal(signal(1));
  context.store_market({"BTC/USDT", 1.0, 1.0, 0.0, 0.0, 0.0});
  context.store_execution({"s1", ExecutionOutcome::executed, 1.0, 1.0});
  context.store_score({"s1", 0.5, 1.0, true, 1, 1.0});
  REQUIRE(context.find_execution("s1")->notional == 1.0);
  REQUIRE(context.find_score("s1")->version == 1);
  context.clear_context();
  REQUIRE(context.snapshot().counts == ContextCounts{});
  REQUIRE_FALSE(context.find_signal("s1"));
  REQUIRE_FALSE(context.market_before("BTC/USDT", 9.0));
  REQUIRE(context.get_recent_exchanges().empty());
  context.store_signal(signal(1, 3.0));
  REQUIRE(context.get_recent_signals().size() == 1);
}

TEST_CASE("recent context: every change leaves exactly one record, and none without its record", "[signals]") {
  struct Sink : MemoryLog {
    bool full = false;
    void append(std::string_view line) override {
      if (full) throw rlx::IoError("disk full");
      MemoryLog::append(line);
    }
  };
  const rlx::ManualClock clock(0);
  Sink sink;
  CoreAgentLogger log(sink, clock);
  RecentContext context;
  context.set_observer(log.recorder());
  std::uint64_t records = 0;
  const auto logged = [&](std::string_view name, auto&& change) {
    change();
    REQUIRE(log.get_stats().records == ++records);
    const std::size_t last = sink.text().rfind("{\"fields\"");
    REQUIRE_THAT(sink.text().substr(last), ContainsSubstring("\"kind\":\"action\",\"name\":\"" + std::string(name) + '"'));
    change();  // the same again is no change
    if (name.starts_with("store_market") || name.starts_with("store_exchange") || name == "clear_context") ++records;
    REQUIRE(log.get_stats().records == records);
  };
  logged("store_signal", [&] { context.store_signal(signal(1)); });
  logged("store_rejection", [&] { context.store_rejection("s1", "Missing price"); });
  logged("store_pnl_snapshot", [&] { context.store_pnl_snapshot({"s1", 1.0, 5.0}); });
  logged("store_market", [&] { context.store_market({"BTC/USDT", 1.0, 1.0, 0.0, 0.0, 0.0}); });
  logged("store_exchange", [&] { context.store_exchange({1, Topic::risk, "s1", AnswerStatus::approved, 1.0, 2.0, ""}); });
  logged("store_execution", [&] { context.store_execution({"s1", ExecutionOutcome::executed, 1.0, 1.0}); });
  logged("store_score", [&] { context.store_score({"s1", 0.5, 1.0, true, 1, 1.0}); });
  REQUIRE_THROWS_AS(context.store_signal(signal(1, 7.0)), rlx::DataError);
  REQUIRE(log.get_stats().records == records);
  REQUIRE_THAT(sink.text(), ContainsSubstring("{\"id\":\"BTC/USDT\"}"));
  logged("clear_context", [&] { context.clear_context(); });

  sink.full = true;
  REQUIRE_THROWS_AS(context.store_signal(signal(2)), rlx::IoError);
  REQUIRE_THROWS_AS(context.store_market({"BTC/USDT", 1.0, 1.0, 0.0, 0.0, 0.0}), rlx::IoError);
  REQUIRE(context.get_recent_signals().empty());
  REQUIRE(context.get_recent_markets().empty());
  REQUIRE(context.counts() == ContextCounts{});
  context.set_observer({});
  context.store_signal(signal(2));
  REQUIRE(context.get_recent_signals().size() == 1);
}

TEST_CASE("recent context: readers see one moment while others write", "[signals]") {
  RecentContext context(50);
  constexpr int rounds = 2000;
  std::jthread writer([&] {
    for (int i = 0; i < rounds; ++i) {
      context.store_signal(signal(i));
      context.store_rejection({"s" + std::to_string(i), "x", RejectionCode::risk_agent, Stage::risk, 1.0});
    }
  });
  bool consistent = true;
  for (int i = 0; i < 500; ++i) {
    const ContextSnapshot all = context.snapshot();
    // A signal is stored before its rejection, so at most one signal has none.
    consistent = consistent && (all.counts.signals == all.counts.rejections || all.counts.signals == all.counts.rejections + 1);
    if (!all.rejections.empty()) {
      const std::string& last = all.rejections.back().signal_id;
      consistent =
          consistent && (all.signals.back().signal_id == last || all.signals[all.signals.size() - 2].signal_id == last);
    }
  }
  writer.join();
  REQUIRE(consistent);
  REQUIRE(context.counts().signals == rounds);
  REQUIRE(context.counts().orphan_rejections == 0);
}
