// SPDX-License-Identifier: MIT
#include <rlx/signals/logic_executor.hpp>

#include <string>

#include <rlx/signals/records_json.hpp>

#include "rlx_catch.hpp"

using namespace rlx::signals;
using rlx_test::ContainsSubstring;

namespace {

struct Rig {
  rlx::ManualClock clock{1'700'000'000'000};
  RecentContext context{1000};
  MockAgents agents{};
  SignalFilter filter{clock};
  FlowManager<MockAgents> flow{agents, context, clock, config()};
  LogicExecutor<MockAgents> logic{filter, flow, context};

  static FlowConfig config() {
    FlowConfig config;
    config.limits.equity = 5e5;
    return config;
  }
  Rejection last() const { return context.get_recent_rejections().back(); }
};
Signal listed(const char* id = "signal1") {
  return {.signal_id = id,
          .strategy = "momentum",
          .params = {.amount = 0.1, .base = "BTC", .quote = "USDT"},
          .timestamp = 1'700'000'000.0};
}

}  // namespace

TEST_CASE("logic executor: the seed's two signals", "[signals]") {
  Rig rig;
  REQUIRE_FALSE(rig.logic.execute_logic_tree(
      {.signal_id = "signal1", .strategy = "momentum", .params = {.amount = 0.1}, .timestamp = 1234567890.0}));
  REQUIRE(rig.last() ==
          Rejection{"signal1", "Missing required params: base, quote", RejectionCode::missing_field, Stage::validation, 1.7e9});
  REQUIRE(rig.agents.requests(Topic::risk) == 0);

  REQUIRE_FALSE(rig.logic.execute_logic_tree(listed("signal2")));  // no price is known
  REQUIRE(rig.last().code == RejectionCode::missing_price);
  rig.context.store_market({"BTC/USDT", 1'699'999'990.0, 50'000.0, 0.01, 0.0, 1.0});
  const auto command = rig.logic.execute_logic_tree(listed("signal3"));
  REQUIRE(command);
  REQUIRE(command->signal_id == "signal3");
  REQUIRE(command->strategy == "momentum");
  REQUIRE(command->params == listed().params);
  REQUIRE(command->metadata.timestamp == 1.7e9);
  REQUIRE(rig.context.find_execution("signal3")->notional == 5000.0);
  REQUIRE(rig.context.get_recent_rejections().size() == 2);
  REQUIRE(rig.context.get_recent_signals().size() == 3);
  const ExecutorStats& stats = rig.logic.stats();
  REQUIRE(stats.total == 3);
  REQUIRE(stats.accepted == 1);
  REQUIRE(stats.refused == std::array<std::uint64_t, num_stages>{1, 1, 0, 0, 0});
}

TEST_CASE("logic executor: the first refusal ends the way, each stage in turn, with one rejection", "[signals]") {
  struct Case {
    const char* id;
    RejectionCode code;
    Stage stage;
    std::array<std::uint64_t, num_topics> asked;  // strategy, risk, execution
  };
  const auto check = [](const Case& expected, auto&& prepare) {
    Rig rig;
    Signal signal = listed(expected.id);
    signal.params.price = 50'000.0;
    prepare(rig, signal);
    REQUIRE_FALSE(rig.logic.execute_logic_tree(signal));
    REQUIRE(rig.context.get_recent_rejections().size() == 1);
    REQUIRE(rig.last().signal_id == expected.id);
    REQUIRE(rig.last().code == expected.code);
    REQUIRE(rig.last().stage == expected.stage);
    for (std::size_t t = 0; t < num_topics; ++t) REQUIRE(rig.agents.requests(static_cast<Topic>(t)) == expected.asked[t]);
    REQUIRE(rig.logic.stats().refused[static_cast<std::size_t>(expected.stage)] == 1);
  };
  using enum RejectionCode;
  check({"a", unknown_strategy, Stage::validation, {0, 0, 0}}, [](Rig&, Signal& s) { s.strategy = "x"; });
  check({"b", model_filtered, Stage::model, {0, 0, 0}}, [](Rig& rig, Signal&) {
    rig.logic.set_model_filter([](const Signal& s) { return SignalScore{s.signal_id, 0.9, 0.05, false, 1, s.timestamp}; });
  });
  check({"c", position_size, Stage::risk, {0, 0, 0}}, [](Rig&, Signal& s) { s.params.amount = 1.1; });
  check({"d", risk_agent, Stage::risk, {0, 1, 0}},
        [](Rig& rig, Signal&) { rig.agents.script(Topic::risk, {mock::reject("no")}); });
  check({"e", agent_timeout, Stage::risk, {0, 1, 0}},
        [](Rig& rig, Signal&) { rig.agents.script(Topic::risk, {mock::timeout()}); });
  check({"f", strategy_agent, Stage::strategy, {1, 1, 0}},
        [](Rig& rig, Signal&) { rig.agents.script(Topic::strategy, {mock::reject("no")}); });
  check({"g", agent_timeout, Stage::strategy, {1, 1, 0}},
        [](Rig& rig, Signal&) { rig.agents.script(Topic::strategy, {mock::wrong_id()}); });
  check({"h", agent_error, Stage::strategy, {1, 1, 0}},
        [](Rig& rig, Signal&) { rig.agents.script(Topic::strategy, {mock::malformed()}); });
  check({"i", execution_failed, Stage::execution, {1, 1, 1}},
        [](Rig& rig, Signal&) { rig.agents.script(Topic::execution, {mock::reject("no money")}); });
  check({"j", execution_unknown, Stage::execution, {1, 1, 1}},
        [](Rig& rig, Signal&) { rig.agents.script(Topic::execution, {mock::timeout()}); });
}

TEST_CASE("logic executor: what the model says is stored, whatever follows", "[signals]") {
  Rig rig;
  rig.context.store_market({"BTC/USDT", 1'699'999'990.0, 50'000.0, 0.0, 0.0, 0.0});
  bool known = true;
  rig.logic.set_model_filter([&](const Signal& s) {
    return known ? std::optional(SignalScore{s.signal_id, 0.3, 1.0, true, 7, s.timestamp}) : std::nullopt;
  });
  REQUIRE(rig.logic.execute_logic_tree(listed("a")));
  REQUIRE(rig.context.find_score("a")->version == 7);
  known = false;  // no model: nothing is filtered
  REQUIRE(rig.logic.execute_logic_tree(listed("b")));
  REQUIRE_FALSE(rig.context.find_score("b"));
  rig.logic.set_model_filter({});
  REQUIRE(rig.logic.execute_logic_tree(listed("c")));
}

TEST_CASE("logic executor: an id is executed once", "[signals]") {
  Rig rig;
  rig.context.store_market({"BTC/USDT", 1'699'999'990.0, 50'000.0, 0.0, 0.0, 0.0});
  rig.agents.script(Topic::risk, {mock::reject("not now"), mock::approve()});
  REQUIRE_FALSE(rig.logic.execute_logic_tree(listed("a")));
  REQUIRE(rig.logic.execute_logic_tree(listed("a")));  // a refused signal may be tried again
  REQUIRE_FALSE(rig.logic.execute_logic_tree(listed("a")));
  REQUIRE(rig.last().reason == "Invalid signal_id: already executed");
  REQUIRE(rig.agents.requests(Topic::execution) == 1);
  rig.flow.settle({"a", 5.0, 1.7e9});
  REQUIRE_FALSE(rig.logic.execute_logic_tree(listed("a")));  // nor after its position is closed
  Signal other = listed("a");
  other.params.amount = 0.2;
  REQUIRE_THROWS_AS(rig.logic.execute_logic_tree(other), rlx::DataError);
  REQUIRE(rig.agents.requests(Topic::execution) == 1);
}

TEST_CASE("logic executor: without an id a signal is refused, and the rejection kept", "[signals]") {
  Rig rig;
  REQUIRE_FALSE(rig.logic.execute_logic_tree(listed("")));
  REQUIRE(rig.last().code == RejectionCode::invalid_field);
  REQUIRE(rig.context.counts().orphan_rejections == 1);
  REQUIRE(rig.context.get_recent_signals().empty());
}

TEST_CASE("logic executor: one record of its own for each call", "[signals]") {
  rlx::ManualClock clock(1'700'000'000'000);
  RecentContext context;
  MockAgents agents;
  MemoryLog sink;
  CoreAgentLogger log(sink, clock);
  SignalFilter filter(clock);
  FlowManager flow(agents, context, clock, Rig::config(), &log);
  LogicExecutor logic(filter, flow, context, &log);
  context.store_market({"BTC/USDT", 1'699'999'990.0, 50'000.0, 0.0, 0.0, 0.0});
  const auto kinds = [&](LogKind kind) { return log.get_stats().by_kind[static_cast<std::size_t>(kind)]; };
  REQUIRE(logic.execute_logic_tree(listed("a")));
  REQUIRE(kinds(LogKind::signal_processing) == 1);
  REQUIRE(kinds(LogKind::agent_coordination) == 2);
  REQUIRE(kinds(LogKind::trade_command) == 1);
  REQUIRE(kinds(LogKind::flow_management) == 1);
  REQUIRE(log.get_stats().records == 5);
  REQUIRE_FALSE(logic.execute_logic_tree({.signal_id = "b", .strategy = "momentum", .timestamp = 5.0}));
  REQUIRE(log.get_stats().records == 6);
  logic.set_model_filter([](const Signal& s) { return SignalScore{s.signal_id, 0.9, 1.0, false, 1, 1.0}; });
  REQUIRE(log.get_stats().records == 7);
  REQUIRE_FALSE(logic.execute_logic_tree(listed("c")));
  REQUIRE(log.get_stats().records == 9);
  REQUIRE(kinds(LogKind::signal_filtering) == 1);
  REQUIRE(kinds(LogKind::error) == 0);
}
