// SPDX-License-Identifier: MIT
#include <rlx/signals/scenarios.hpp>

#include <rlx/signals/records_json.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstddef>
#include <span>
#include <string>

using namespace rlx;
using namespace rlx::signals;
using rlx_test::ContainsSubstring;

TEST_CASE("every edge case ends as the rules demand") {
  for (const SignalScenario& scenario : edge_cases()) {
    INFO(scenario.name);
    const ScenarioResult result = run_scenario(scenario);
    REQUIRE(result.accepted == !scenario.expected.code);
    if (!scenario.expected.code) continue;
    REQUIRE(result.rejection);
    REQUIRE(result.rejection->code == *scenario.expected.code);
    if (!scenario.expected.reason.empty()) REQUIRE(result.rejection->reason == scenario.expected.reason);
    REQUIRE(result.requests[static_cast<std::size_t>(Topic::execution)] <= 1);  // never sent twice
  }
  REQUIRE(validate_logic(edge_cases()).ok());
}

TEST_CASE("a price gap is noted in the log") {
  for (const SignalScenario& scenario : edge_cases()) {
    if (scenario.name.find("price gap") == std::string::npos) continue;
    ManualClock clock(0);
    MemoryLog text;
    CoreAgentLogger logger(text, clock);
    run_scenario(scenario, &logger);
    REQUIRE_THAT(text.text(), ContainsSubstring("price_gap"));
  }
}

TEST_CASE("generated scenarios end as computed, alone and one after another") {
  RandomStream random({3, Purpose::user});
  const auto scenarios = generate_scenarios({.count = 2'000}, random);
  const ValidationReport alone = validate_logic(scenarios);
  REQUIRE(alone.ok());
  REQUIRE(alone.scenarios == 2'000);
  RecentContext context(2'000);
  ManualClock clock(static_cast<std::int64_t>(scenarios.front().now) * 1'000);
  ScenarioRunner runner(context, clock, scenarios.front().flow);
  const ValidationReport together = validate_logic(runner, scenarios);
  REQUIRE(together.ok());
  REQUIRE(together.outcomes == alone.outcomes);
  for (const char* outcome : {"accepted", "exposure_limit", "missing_price", "risk_agent", "agent_timeout", "agent_error"}) {
    REQUIRE(alone.outcomes.contains({outcome, outcome}));
  }
  const FlowStats stats = runner.flow().stats();
  REQUIRE(stats.total == stats.successful + stats.failed + stats.unknown);
}

TEST_CASE("an executor of the caller's is checked in the caller's world, and a wrong one is found out") {
  RandomStream random({4, Purpose::user});
  const auto scenarios = generate_scenarios({.count = 300}, random);
  RecentContext context(1'000);
  ManualClock clock(static_cast<std::int64_t>(scenarios.front().now) * 1'000);
  MockAgents agents;
  SignalFilter filter(clock);
  FlowManager flow(agents, context, clock, scenarios.front().flow);
  LogicExecutor executor(filter, flow, context);
  const auto report = validate_logic(executor, std::span<const SignalScenario>(scenarios), [&](const SignalScenario& s) {
    clock.set_ms(static_cast<std::int64_t>(s.now * 1e3));
    for (const MarketSnapshot& market : s.markets) context.store_market(market);
  });  // agents that approve everything, and positions that stay open
  REQUIRE_FALSE(report.ok());
  REQUIRE(report.outcomes.contains({"risk_agent", "accepted"}));
}

TEST_CASE("more scenarios do not change those before, and the truth is what is drawn") {
  RandomStream one({5, Purpose::user}), two({5, Purpose::user});
  const auto few = generate_scenarios({.count = 100}, one), many = generate_scenarios({.count = 4'000}, two);
  for (std::size_t i = 0; i < few.size(); ++i) {
    REQUIRE(few[i].signal == many[i].signal);
    REQUIRE(few[i].markets == many[i].markets);
    REQUIRE(few[i].pnl == many[i].pnl);
  }
  double expected = 0, earned = 0, likely = 0, refused = 0;
  std::size_t open = 0;
  for (const SignalScenario& s : many) {
    expected += s.profit_probability;
    earned += s.pnl > 0 ? 1 : 0;
    if (s.rejection_probability == 1) {
      REQUIRE(s.expected.code);
      continue;
    }
    ++open;
    likely += s.rejection_probability;
    refused += s.expected.code == RejectionCode::risk_agent ? 1 : 0;
  }
  REQUIRE(std::abs(expected - earned) < 3 * std::sqrt(4'000 * 0.25));
  REQUIRE(std::abs(likely - refused) < 3 * std::sqrt(static_cast<double>(open) * 0.25));
}

TEST_CASE("the generator's configuration is checked") {
  RandomStream random({5, Purpose::user});
  REQUIRE_THROWS_AS(generate_scenarios({.pairs = {"BTC"}}, random), ConfigError);
  REQUIRE_THROWS_AS(generate_scenarios({.step = 0}, random), ConfigError);
  REQUIRE_THROWS_AS(generate_scenarios({.strategies = {}}, random), ConfigError);
  REQUIRE_THROWS_AS(generate_scenarios({.min_amount = 2, .max_amount = 1}, random), ConfigError);
  REQUIRE_THROWS_AS(generate_scenarios({.agent_trouble = 2}, random), ConfigError);
}
