// SPDX-License-Identifier: MIT
#include <rlx/signals/flow_manager.hpp>

#include <limits>
#include <string>
#include <vector>

#include <rlx/signals/records_json.hpp>

#include "rlx_catch.hpp"

using namespace rlx::signals;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

namespace {

constexpr double start = 1'700'000'000.0;  // 2023-11-14T22:13:20Z

struct Rig {
  rlx::ManualClock clock;
  RecentContext context{1000};
  MockAgents agents{};
  FlowManager<MockAgents> flow;
  int number = 0;

  explicit Rig(FlowLimits limits = off(), std::int64_t at = 1'700'000'000'000)
      : clock(at), flow(agents, context, clock, {limits, {}}) {}

  // Only the exposure is limited.
  static FlowLimits off() {
    FlowLimits limits;
    limits.max_loss_pct.reset();
    limits.max_position_size.reset();
    limits.max_daily_trades = 1'000'000;
    return limits;
  }
  Signal signal(double amount, double price) {
    return {.signal_id = "s" + std::to_string(number++),
            .strategy = "momentum",
            .params = {.amount = amount, .base = "BTC", .quote = "USDT", .price = price},
            .timestamp = start};
  }
  // The code of the refusal, or "executed".
  std::string go(double amount, double price) { return go(signal(amount, price)); }
  std::string go(const Signal& signal) {
    const FlowResult result = flow.coordinate_agents(signal);
    const FlowStats stats = flow.stats();
    REQUIRE(stats.total == stats.successful + stats.failed + stats.unknown);
    REQUIRE(result.executed() == !result.rejection);
    if (result.executed()) return "executed";
    REQUIRE(context.find_rejection(signal.signal_id) == result.rejection);
    return std::string(name_of(result.rejection->code));
  }
};

// The same with a log in memory.
struct LoggedRig {
  rlx::ManualClock clock{1'700'000'000'000};
  RecentContext context{};
  MockAgents agents{};
  MemoryLog text{};
  CoreAgentLogger log{text, clock};
  FlowManager<MockAgents> flow{agents, context, clock, {Rig::off(), {}}, &log};
};

}  // namespace

TEST_CASE("flow: exposure exactly at the limit passes, above it is refused", "[signals]") {
  Rig rig;
  REQUIRE(rig.go(1.0, 60'000.0) == "executed");
  REQUIRE(rig.go(1.0, 40'001.0) == "exposure_limit");
  REQUIRE(rig.context.get_recent_rejections().back().reason == "Exposure limit exceeded");
  REQUIRE(rig.go(1.0, 40'000.0) == "executed");
  REQUIRE(rig.flow.open_exposure() == 100'000.0);
  REQUIRE(rig.go(1e-6, 1.0) == "exposure_limit");
  // 0.1 * 3 is a little more than 0.3 in double and passes at a limit of 0.3; three of 0.1 fill the same limit.
  FlowLimits limits = Rig::off();
  limits.max_exposure = 0.3;
  Rig product(limits), sum(limits);
  REQUIRE(0.1 * 3.0 > 0.3);
  REQUIRE(product.go(0.1, 3.0) == "executed");
  for (int i = 0; i < 3; ++i) REQUIRE(sum.go(0.1, 1.0) == "executed");
  REQUIRE(sum.go(0.1, 1.0) == "exposure_limit");
  // Too large for a double.
  REQUIRE(Rig().go(1e300, 1e300) == "exposure_limit");
  limits.max_exposure = 0.0;
  REQUIRE(Rig(limits).go(1.0, 1.0) == "exposure_limit");
}

TEST_CASE("flow: final P&L closes a position, an interim one does not", "[signals]") {
  Rig rig;
  REQUIRE(rig.go(1.0, 100'000.0) == "executed");
  rig.flow.settle({"s0", -3.0, start, false});
  REQUIRE(rig.flow.open_exposure() == 100'000.0);
  REQUIRE(rig.flow.realised_today() == 0.0);
  rig.flow.settle({"s0", -5.0, start, true});
  REQUIRE(rig.flow.open_exposure() == 0.0);
  REQUIRE(rig.flow.realised_today() == -5.0);
  rig.flow.settle({"s0", -5.0, start, true});  // the same again
  rig.flow.settle({"s0", -6.0, start + 1.0, true});
  REQUIRE(rig.flow.realised_today() == -5.0);
  REQUIRE(rig.go(1.0, 100'000.0) == "executed");
  REQUIRE_THROWS_AS(rig.flow.settle({"s1", std::numeric_limits<double>::quiet_NaN(), start, true}), rlx::NumericError);
  REQUIRE(rig.flow.open_exposure() == 100'000.0);
}

TEST_CASE("flow: position size is a fraction of equity, which follows P&L", "[signals]") {
  FlowLimits limits = Rig::off();
  limits.max_position_size = 0.1;
  limits.equity = 1000.0;
  Rig rig(limits);
  REQUIRE(rig.go(1.0, 100.0) == "executed");
  REQUIRE(rig.go(1.0, 100.01) == "position_size");
  rig.flow.settle({"s0", 500.0, start});
  REQUIRE(rig.flow.equity() == 1500.0);
  REQUIRE(rig.go(1.0, 150.0) == "executed");
  REQUIRE(rig.go(1.0, 150.01) == "position_size");
}

TEST_CASE("flow: trade 101 of the day is refused, the first one after midnight passes", "[signals]") {
  FlowLimits limits = Rig::off();
  limits.max_daily_trades = 100;
  Rig rig(limits);
  for (int i = 0; i < 100; ++i) REQUIRE(rig.go(1.0, 1.0) == "executed");
  REQUIRE(rig.go(1.0, 1.0) == "daily_trades");
  REQUIRE(rig.agents.requests(Topic::risk) == 100);
  rig.clock.set_ms(1'700'006'399'999);  // 23:59:59.999
  REQUIRE(rig.go(1.0, 1.0) == "daily_trades");
  rig.clock.set_ms(1'700'006'400'000);
  REQUIRE(rig.go(1.0, 1.0) == "executed");
  REQUIRE(rig.flow.trades_today() == 1);
  rig.clock.set_ms(1'700'006'399'999);  // a clock that was set back opens no day again
  REQUIRE(rig.go(1.0, 1.0) == "executed");
  REQUIRE(rig.flow.trades_today() == 2);
  // A failed execution is no trade.
  rig.agents.script(Topic::execution, {mock::reject("no")});
  REQUIRE(rig.go(1.0, 1.0) == "execution_failed");
  REQUIRE(rig.flow.trades_today() == 2);
  limits.max_daily_trades = 0;
  REQUIRE(Rig(limits).go(1.0, 1.0) == "daily_trades");
}

TEST_CASE("flow: the realised loss of the day stops trading until the next day", "[signals]") {
  FlowLimits limits = Rig::off();
  limits.max_loss_pct = 0.02;
  limits.equity = 1000.0;
  Rig rig(limits);
  REQUIRE(rig.go(1.0, 1.0) == "executed");
  REQUIRE(rig.go(1.0, 1.0) == "executed");
  rig.flow.settle({"s0", -19.99, start});
  REQUIRE(rig.go(1.0, 1.0) == "executed");
  rig.flow.settle({"s1", -0.01, start});
  REQUIRE(rig.go(1.0, 1.0) == "max_loss");
  REQUIRE(rig.context.get_recent_rejections().back().reason == "Maximum loss exceeded");
  rig.clock.advance_ms(86'400'000);
  REQUIRE(rig.go(1.0, 1.0) == "executed");
  // The limit is now 2 % of 980.
  rig.flow.settle({"s2", -19.5, start});
  REQUIRE(rig.go(1.0, 1.0) == "executed");
  rig.flow.settle({"s4", -0.1, start});
  REQUIRE(rig.go(1.0, 1.0) == "max_loss");
}

TEST_CASE("flow: a missing price is the market's, strictly before the signal and fresh, else a refusal", "[signals]") {
  Rig rig;
  const auto unpriced = [&] {
    Signal signal = rig.signal(2.0, 1.0);
    signal.params.price.reset();
    return signal;
  };
  const auto market = [&](double time, double price) { rig.context.store_market({"BTC/USDT", time, price, 0.0, 0.0, 0.0}); };
  REQUIRE(rig.go(unpriced()) == "missing_price");
  market(start, 10.0);
  REQUIRE(rig.go(unpriced()) == "missing_price");
  market(start - 60.5, 10.0);
  REQUIRE(rig.go(unpriced()) == "missing_price");
  market(start - 60.0, 10.0);
  REQUIRE(rig.go(unpriced()) == "executed");
  REQUIRE(rig.flow.open_exposure() == 20.0);
  market(start - 1.0, 30.0);
  REQUIRE(rig.go(unpriced()) == "executed");
  REQUIRE(rig.flow.open_exposure() == 80.0);
}

TEST_CASE("flow: a price gap after the signal changes no limit, and is logged", "[signals]") {
  LoggedRig rig;
  rig.context.store_market({"BTC/USDT", start - 1.0, 50'000.0, 0.0, 0.0, 0.0});
  rig.context.store_market({"BTC/USDT", start + 1.0, 25'000.0, 0.0, 0.0, 0.0});
  const Signal signal{
      .signal_id = "a", .strategy = "momentum", .params = {.amount = 2.1, .base = "BTC", .quote = "USDT"}, .timestamp = start};
  const FlowResult result = rig.flow.coordinate_agents(signal);  // 105,000 at the signal's price, 52,500 at the newest
  REQUIRE(result.rejection->code == RejectionCode::exposure_limit);
  REQUIRE(result.notional == 105'000.0);
  REQUIRE_THAT(rig.text.text(), ContainsSubstring("\"price_gap\":-0.5"));
}

TEST_CASE("flow: a silent execution is unknown, sent once, and counted as if it was filled", "[signals]") {
  Rig rig;
  rig.agents.script(Topic::execution, {mock::timeout(), mock::error(), mock::malformed(), mock::wrong_id(), mock::approve()});
  for (int i = 0; i < 4; ++i) REQUIRE(rig.go(1.0, 1000.0) == "execution_unknown");
  REQUIRE(rig.agents.requests(Topic::execution) == 4);
  REQUIRE(rig.flow.open_exposure() == 4000.0);
  REQUIRE(rig.flow.stats().unknown == 4);
  std::vector<TradeCommand> open = rig.flow.unresolved();
  REQUIRE(open.size() == 4);
  REQUIRE(open[0].signal_id == "s0");
  REQUIRE(open[3].signal_id == "s3");
  // The same signal is not sent again while its fate is open.
  Signal again = rig.signal(1.0, 1000.0);
  again.signal_id = "s0";
  REQUIRE_FALSE(rig.flow.coordinate_agents(again).executed());
  REQUIRE(rig.agents.requests(Topic::execution) == 4);

  rig.flow.resolve("s0", ExecutionOutcome::executed);
  rig.flow.resolve("s1", ExecutionOutcome::failed);
  rig.flow.settle({"s2", 5.0, start});  // P&L shows that it was executed
  REQUIRE(rig.flow.unresolved().size() == 1);
  REQUIRE(rig.flow.open_exposure() == 2000.0);  // s0 and s3
  REQUIRE(rig.context.find_execution("s0")->outcome == ExecutionOutcome::executed);
  REQUIRE(rig.context.find_rejection("s1")->code == RejectionCode::execution_failed);
  const FlowStats stats = rig.flow.stats();
  REQUIRE(stats.successful == 2);
  REQUIRE(stats.failed == 2);  // s1, and the second try of s0
  REQUIRE(stats.unknown == 1);
  REQUIRE(stats.execution_failures == 1);
  REQUIRE(stats.total == stats.successful + stats.failed + stats.unknown);
  REQUIRE_THROWS_AS(rig.flow.resolve("s0", ExecutionOutcome::failed), rlx::DataError);
  REQUIRE_THROWS_WITH(rig.flow.resolve("nobody", ExecutionOutcome::failed), ContainsSubstring("nobody"));
  REQUIRE_THROWS_AS(rig.flow.resolve("s3", ExecutionOutcome::unknown), rlx::DataError);
}

TEST_CASE("flow: refusals by agents, in the statistics", "[signals]") {
  Rig rig;
  rig.agents.script(Topic::risk, {mock::reject("too hot"), mock::timeout(), mock::approve(2.0)});
  REQUIRE(rig.go(1.0, 1.0) == "risk_agent");
  REQUIRE(rig.context.get_recent_rejections().back().reason == "too hot");
  REQUIRE(rig.go(1.0, 1.0) == "agent_timeout");
  REQUIRE(rig.context.get_recent_rejections().back().reason == "Agent timeout: risk");
  rig.agents.script(Topic::strategy, {mock::reject(""), mock::approve(4.0)});
  REQUIRE(rig.go(1.0, 1.0) == "strategy_agent");
  REQUIRE(rig.context.get_recent_rejections().back().reason == "Strategy agent rejected");
  rig.agents.script(Topic::risk, {mock::approve(2.0)});
  REQUIRE(rig.go(1.0, 1.0) == "executed");
  const FlowStats stats = rig.flow.stats();
  REQUIRE(stats.total == 4);
  REQUIRE(stats.successful == 1);
  REQUIRE(stats.failed == 3);
  REQUIRE(stats.risk_rejections == 2);
  REQUIRE(stats.strategy_rejections == 1);
  REQUIRE(stats.mean_duration == Approx((0.0 + 30.0 + 2.0 + 6.0) / 4.0));
  REQUIRE(rig.context.get_recent_exchanges().size() == 7);
  const RiskResult risk = rig.flow.check_risk_compliance(rig.signal(2.0, 7.0));
  REQUIRE(risk.passed);
  REQUIRE(risk.price == 7.0);
  REQUIRE(risk.notional == 14.0);
  REQUIRE(rig.flow.stats().total == 4);
}

TEST_CASE("flow: a log that fails stops the way before anything is sent", "[signals]") {
  struct FailsLater : LogSink {
    int left = 2;  // the two questions
    void append(std::string_view) override {
      if (left-- == 0) throw rlx::IoError("disk full");
    }
  };
  rlx::ManualClock clock(1'700'000'000'000);
  RecentContext context;
  MockAgents agents;
  FailsLater sink;
  CoreAgentLogger log(sink, clock);
  FlowManager flow(agents, context, clock, {Rig::off(), {}}, &log);
  Rig other;
  REQUIRE_THROWS_AS(flow.coordinate_agents(other.signal(1.0, 5.0)), rlx::IoError);
  REQUIRE(agents.requests(Topic::strategy) == 1);
  REQUIRE(agents.requests(Topic::execution) == 0);
  REQUIRE(flow.open_exposure() == 0.0);
  REQUIRE(flow.trades_today() == 0);
  REQUIRE_THROWS_AS(flow.settle({"s0", 1.0, start}), rlx::IoError);
  REQUIRE(flow.equity() == 0.0);
}

TEST_CASE("flow: a refusal that the log does not take is not remembered", "[signals]") {
  struct Full : LogSink {
    void append(std::string_view) override { throw rlx::IoError("disk full"); }
  };
  rlx::ManualClock clock(1'700'000'000'000);
  RecentContext context;
  MockAgents agents;
  Full sink;
  CoreAgentLogger log(sink, clock);
  FlowManager flow(agents, context, clock, {Rig::off(), {}}, &log);
  Rig other;
  REQUIRE_THROWS_AS(flow.coordinate_agents(other.signal(1.0, 1e9)), rlx::IoError);
  REQUIRE(context.get_recent_rejections().empty());
  REQUIRE(flow.stats().total == 0);
}

TEST_CASE("flow: what was sent is kept, whatever cannot be recorded afterwards", "[signals]") {
  for (const std::string failing : {"store_exchange", "store_execution", "store_rejection"}) {
    for (const MockStep& step : {mock::approve(), mock::timeout(), mock::reject("no")}) {
      Rig rig;
      rig.agents.script(Topic::execution, {step});
      rig.context.set_observer([&](std::string_view action, std::string_view) {
        if (action == failing && rig.agents.requests(Topic::execution) == 1) throw rlx::IoError("disk full");
      });
      INFO(failing << ", " << name_of(step.kind));
      try {
        rig.flow.coordinate_agents(rig.signal(1.0, 5.0));
      } catch (const rlx::IoError&) {
      }
      const bool failed = step.kind == MockKind::reject, unknown = step.kind == MockKind::timeout;
      REQUIRE(rig.agents.requests(Topic::execution) == 1);
      REQUIRE(rig.flow.open_exposure() == (failed ? 0.0 : 5.0));
      REQUIRE(rig.flow.trades_today() == (failed ? 0 : 1));
      REQUIRE(rig.flow.unresolved().size() == (unknown ? 1 : 0));
      const FlowStats stats = rig.flow.stats();
      REQUIRE(stats.total == 1);
      REQUIRE(stats.successful + stats.failed + stats.unknown == 1);
      rig.context.set_observer({});
      if (unknown) rig.flow.resolve("s0", ExecutionOutcome::executed);
      REQUIRE(rig.flow.stats().unknown == 0);
    }
  }
  // A command that cannot be written into the log is not sent, and no position stays.
  LoggedRig rig;
  Signal odd = Rig().signal(1.0, 5.0);
  odd.params.extra = "[1]";
  REQUIRE_THROWS_AS(rig.flow.coordinate_agents(odd), rlx::DataError);
  REQUIRE(rig.agents.requests(Topic::execution) == 0);
  REQUIRE(rig.flow.open_exposure() == 0.0);
}

TEST_CASE("flow: a restart goes on with positions, unknown fates, trades and losses of the day", "[signals]") {
  FlowLimits limits = Rig::off();
  limits.max_exposure = 1'000.0;
  limits.max_loss_pct = 0.02;
  limits.max_daily_trades = 5;
  limits.equity = 1'000.0;
  Rig before(limits, 1'700'000'000'000 - 86'400'000);  // the process that ends
  before.agents.script(Topic::execution, {mock::approve(), mock::approve(), mock::approve(), mock::timeout(), mock::timeout(),
                                          mock::approve(), mock::reject("no")});
  REQUIRE(before.go(1.0, 100.0) == "executed");  // s0: yesterday, still open
  REQUIRE(before.go(1.0, 100.0) == "executed");  // s1: yesterday, closed today
  before.clock.advance_ms(86'400'000);
  REQUIRE(before.go(1.0, 200.0) == "executed");  // s2: today, closed
  const Signal third = before.signal(1.0, 40.0);
  before.context.store_signal(third);
  REQUIRE(before.go(third) == "execution_unknown");      // s3
  REQUIRE(before.go(1.0, 50.0) == "execution_unknown");  // s4: resolved as executed
  REQUIRE(before.go(1.0, 60.0) == "executed");           // s5: open
  REQUIRE(before.go(1.0, 70.0) == "execution_failed");   // s6
  before.flow.settle({"s1", 3.0, start, true});
  before.flow.settle({"s2", -7.5, start, true});
  before.flow.settle({"s5", 1.0, start, false});
  before.flow.resolve("s4", ExecutionOutcome::executed);
  REQUIRE(before.flow.open_exposure() == 250.0);

  limits.equity = before.flow.equity();
  Rig after(limits);
  after.flow.restore(before.context.snapshot());
  REQUIRE(after.flow.open_exposure() == 250.0);
  REQUIRE(after.flow.trades_today() == before.flow.trades_today());
  REQUIRE(after.flow.trades_today() == 4);
  REQUIRE(after.flow.realised_today() == -4.5);
  REQUIRE(after.flow.equity() == 995.5);
  REQUIRE(after.flow.unresolved() == before.flow.unresolved());
  REQUIRE(after.flow.stats().unknown == 1);
  // No id that was executed, or may have been, is sent again.
  for (const char* id : {"s0", "s1", "s2", "s3", "s4", "s5"}) {
    Signal again = after.signal(1.0, 1.0);
    again.signal_id = id;
    INFO(id);
    REQUIRE(after.go(again) == "invalid_field");
  }
  after.number = 7;
  after.flow.settle({"s2", -7.5, start, true});  // known already
  REQUIRE(after.flow.realised_today() == -4.5);
  REQUIRE(after.go(1.0, 751.0) == "exposure_limit");
  REQUIRE(after.go(1.0, 10.0) == "executed");  // the fifth trade of the day
  REQUIRE(after.go(1.0, 10.0) == "daily_trades");
  after.flow.settle({"s0", -15.5, start, true});  // with it 2 % of the 1,000 at the day's opening
  REQUIRE(after.flow.open_exposure() == 160.0);
  after.flow.resolve("s3", ExecutionOutcome::failed);
  REQUIRE(after.flow.trades_today() == 4);
  REQUIRE(after.go(1.0, 10.0) == "max_loss");
  REQUIRE_THROWS_AS(after.flow.restore({}), rlx::DataError);
}

TEST_CASE("flow: a clock that goes back is told once, durations stay at 0", "[signals]") {
  LoggedRig rig;
  Rig signals;
  REQUIRE(rig.flow.coordinate_agents(signals.signal(1.0, 5.0)).executed());
  rig.clock.set_ms(1'699'999'000'000);
  REQUIRE(rig.flow.coordinate_agents(signals.signal(1.0, 5.0)).executed());
  REQUIRE(rig.flow.coordinate_agents(signals.signal(1.0, 5.0)).executed());
  REQUIRE(rig.log.get_stats().by_kind[static_cast<std::size_t>(LogKind::error)] == 1);
  REQUIRE(rig.flow.stats().mean_duration == 0.0);
}

TEST_CASE("flow: limits that cannot work are refused at construction", "[signals]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [](auto&& change) {
    FlowLimits limits = Rig::off();
    change(limits);
    REQUIRE_THROWS_AS(Rig(limits), rlx::ConfigError);
  };
  for (const double bad : {-1.0, nan, std::numeric_limits<double>::infinity()}) {
    refused([&](FlowLimits& l) { l.max_exposure = bad; });
    refused([&](FlowLimits& l) { l.max_price_age = bad; });
    refused([&](FlowLimits& l) { l.max_loss_pct = bad, l.equity = 1.0; });
    refused([&](FlowLimits& l) { l.max_position_size = bad, l.equity = 1.0; });
    refused([&](FlowLimits& l) { l.equity = bad; });
  }
  refused([](FlowLimits& l) { l.equity = 0.0; });
  refused([](FlowLimits& l) { l.max_loss_pct = 0.02; });
  refused([](FlowLimits& l) { l.max_position_size = 0.1; });
  rlx::ManualClock clock;
  RecentContext context;
  MockAgents agents;
  REQUIRE_THROWS_WITH(FlowManager(agents, context, clock), ContainsSubstring("equity"));
}
