// SPDX-License-Identifier: MIT
#include <rlx/signals/features.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>

using namespace rlx;
using namespace rlx::signals;
using rlx_test::WithinAbs;

namespace {

constexpr double midnight = 1'767'225'600;  // 2026-01-01T00:00:00Z, a Thursday

Signal signal(const std::string& id, double time, double amount, std::optional<double> price = {}) {
  return {id, "momentum", {.amount = amount, .base = "BTC", .quote = "USDT", .price = price, .extra = {}}, time, {}};
}

double column(const ContextSnapshot& records, const Signal& of, const std::string& name, FeatureConfig config = {}) {
  const FeatureSchema schema = feature_schema(config);
  std::vector<double> row(schema.size());
  FeatureBuilder(records, config).features(of, row);
  const auto at = std::find(schema.names.begin(), schema.names.end(), name);
  REQUIRE(at != schema.names.end());
  return row[static_cast<std::size_t>(at - schema.names.begin())];
}

}  // namespace

TEST_CASE("features have their hand-worked values") {
  ContextSnapshot records;
  records.markets = {{"BTC/USDT", midnight + 20, 100, 0.02, 0.3, 4}, {"ETH/USDT", midnight + 21, 7, 9, 9, 9}};
  records.signals = {signal("a", midnight + 1, 200, 100), signal("b", midnight + 2, 100, 100),
                     signal("c", midnight + 3, 1, 100)};
  records.rejections = {{"b", "no", RejectionCode::risk_agent, Stage::risk, midnight + 4}};
  records.pnl = {{"c", -30, midnight + 5, true}};
  records.exchanges = {{1, Topic::risk, "a", AnswerStatus::approved, midnight + 1, midnight + 1.5, {}}};
  const Signal now = signal("d", midnight + 6 * 3'600, 300);
  const Signal soon = signal("d", midnight + 30, 300);

  REQUIRE(column(records, soon, "strategy=momentum") == 1);
  REQUIRE(column(records, soon, "strategy_other") == 0);
  REQUIRE_THAT(column(records, soon, "ln_amount"), WithinAbs(std::log(300), 1e-12));
  REQUIRE_THAT(column(records, soon, "ln_notional"), WithinAbs(std::log(30'000), 1e-12));
  REQUIRE(column(records, soon, "volatility") == 0.02);
  REQUIRE(column(records, soon, "trend_score") == 0.3);
  REQUIRE(column(records, soon, "spread_bps") == 4);
  REQUIRE(column(records, soon, "market_age") == 10);
  // "a" is open with 20,000; "b" was refused, "c" is closed.
  REQUIRE(column(records, soon, "exposure_share") == 0.2);
  REQUIRE_THAT(column(records, soon, "exposure_after_share"), WithinAbs(0.5, 1e-12));
  REQUIRE(column(records, soon, "trades_today_share") == 0.02);
  REQUIRE(column(records, soon, "loss_missing") == 1);
  REQUIRE_THAT(column(records, soon, "loss_today_share", {.equity = 10'000}), WithinAbs(30 / 200.0, 1e-12));
  REQUIRE(column(records, soon, "strategy_rejection_rate") == 2.0 / 5);
  REQUIRE_THAT(column(records, soon, "recent_rejection_rate"), WithinAbs(1.0 / 3, 1e-12));
  REQUIRE(column(records, soon, "strategy_mean_pnl") == -30);
  REQUIRE_THAT(column(records, soon, "agent_latency"), WithinAbs(0.5, 1e-6));

  // Six hours later: a quarter of the day, and the price is too old for a notional but not for volatility.
  REQUIRE_THAT(column(records, now, "hour_sin"), WithinAbs(1, 1e-12));
  REQUIRE_THAT(column(records, now, "weekday_cos"), WithinAbs(std::cos(2 * std::numbers::pi * 3 / 7), 1e-12));
  REQUIRE_THAT(column(records, now, "weekday_sin"), WithinAbs(std::sin(2 * std::numbers::pi * 3 / 7), 1e-12));
  REQUIRE(column(records, now, "notional_missing") == 1);
  REQUIRE(column(records, now, "ln_notional") == 0);
  REQUIRE(column(records, now, "market_missing") == 0);

  // A day later the counts of the day are new.
  REQUIRE(column(records, signal("d", midnight + 86'400 + 1, 1), "trades_today_share") == 0);
  // An agent that remembers one signal knows of "c" only.
  REQUIRE(column(records, soon, "exposure_share", {.memory = 1}) == 0);
  REQUIRE(column(records, soon, "strategy_rejection_rate", {.memory = 1}) == 1.0 / 3);

  // An unknown execution counts as filled, a second final P&L changes nothing, and what a model refused is no rejection.
  records.rejections.push_back({"a", "?", RejectionCode::execution_unknown, Stage::execution, midnight + 6});
  records.pnl.push_back({"c", -30, midnight + 7, true});
  records.signals.push_back(signal("f", midnight + 8, 1, 100));
  records.rejections.push_back({"f", "no", RejectionCode::model_filtered, Stage::model, midnight + 8.5});
  REQUIRE(column(records, soon, "exposure_share") == 0.2);
  REQUIRE(column(records, soon, "trades_today_share") == 0.02);
  REQUIRE_THAT(column(records, soon, "loss_today_share", {.equity = 10'000}), WithinAbs(30 / 200.0, 1e-12));
  REQUIRE_THAT(column(records, soon, "recent_rejection_rate"), WithinAbs(1.0 / 3, 1e-12));
}

TEST_CASE("what is missing is 0 with a flag, and an unknown strategy counts as other") {
  const ContextSnapshot nothing;
  Signal bare{"x", "new", {}, midnight, {}};
  for (const char* flag : {"amount_missing", "notional_missing", "market_missing", "loss_missing", "recent_missing",
                           "pnl_missing", "latency_missing"}) {
    REQUIRE(column(nothing, bare, flag) == 1);
  }
  REQUIRE(column(nothing, bare, "strategy_other") == 1);
  REQUIRE(column(nothing, bare, "time_missing") == 0);
  REQUIRE(column(nothing, bare, "strategy_rejection_rate") == 0.5);
  bare.timestamp = std::numeric_limits<double>::quiet_NaN();
  bare.params.amount = std::numeric_limits<double>::infinity();
  REQUIRE(column(nothing, bare, "time_missing") == 1);
  REQUIRE(column(nothing, bare, "amount_missing") == 1);
  REQUIRE(column(nothing, signal("y", midnight, 1e300, 1e300), "ln_notional") == 0);  // overflows
}

TEST_CASE("the schema's hash follows strategies and names") {
  REQUIRE(feature_schema({}).hash == feature_schema({.max_exposure = 1}).hash);
  REQUIRE(feature_schema({}).hash != feature_schema({.strategies = {"momentum"}}).hash);
  REQUIRE(feature_schema({}).size() == 4 + common_features.size());
  const std::vector<bool> watched = feature_schema({}).watched();
  REQUIRE(std::count(watched.begin(), watched.end(), false) == 4);  // the calendar
  REQUIRE_THROWS_AS(FeatureBuilder({}, {.max_exposure = 0}), ConfigError);
  REQUIRE_THROWS_AS(check(FeatureConfig{.equity = std::numeric_limits<double>::quiet_NaN()}), ConfigError);
}

TEST_CASE("no record at or after a signal's time changes any of its features") {
  RandomStream random({21, Purpose::user});
  const FeatureConfig config{.equity = 10'000, .memory = 40};
  const std::size_t width = feature_schema(config).size();
  for (int trial = 0; trial < 1'000; ++trial) {
    ContextSnapshot records;
    const auto time = [&] { return midnight + static_cast<double>(random.bounded(200)); };
    const std::size_t count = 20 + random.bounded(40);
    for (std::size_t i = 0; i < count; ++i) {
      Signal s = signal("s" + std::to_string(i), time(), random.uniform(1, 100));
      if (random.uniform() < 0.5) s.params.price = random.uniform(1, 100);
      if (random.uniform() < 0.3) s.strategy = "arbitrage";
      records.signals.push_back(s);
      const std::string other = "s" + std::to_string(random.bounded(count));
      const auto code = static_cast<RejectionCode>(random.bounded(num_rejection_codes));
      if (random.uniform() < 0.4) records.rejections.push_back({other, "r", code, Stage::risk, time()});
      if (random.uniform() < 0.4) records.pnl.push_back({other, random.normal(), time(), random.uniform() < 0.7});
      if (random.uniform() < 0.4)
        records.markets.push_back({"BTC/USDT", time(), random.uniform(1, 100), random.uniform(), 0, 1});
      if (random.uniform() < 0.4) {
        const double sent = time();
        records.exchanges.push_back({i, Topic::risk, other, AnswerStatus::approved, sent, sent + random.uniform(), {}});
      }
    }
    const Signal probe = signal("probe", midnight + 100, 5);
    std::vector<double> before(width), after(width);
    FeatureBuilder(records, config).features(probe, before);

    ContextSnapshot changed = records;  // everything at or after the probe's time is changed, and more is added
    for (Signal& s : changed.signals) {
      if (s.timestamp >= probe.timestamp) s.params.amount = 1e6;
    }
    for (Rejection& r : changed.rejections) {
      if (r.timestamp >= probe.timestamp) r.code = RejectionCode::max_loss;
    }
    for (PnlSnapshot& p : changed.pnl) {
      if (p.timestamp >= probe.timestamp) p = {p.signal_id, -1e6, p.timestamp, true};
    }
    for (MarketSnapshot& m : changed.markets) {
      if (m.timestamp >= probe.timestamp) m.price = 1e5;
    }
    std::erase_if(changed.exchanges, [&](const AgentExchange& e) { return e.received_at >= probe.timestamp; });
    changed.signals.push_back(signal("late", probe.timestamp, 9));
    changed.rejections.push_back({"s1", "late", RejectionCode::risk_agent, Stage::risk, probe.timestamp});
    changed.pnl.push_back({"s2", 5, probe.timestamp, true});
    changed.markets.push_back({"BTC/USDT", probe.timestamp, 42, 1, 1, 1});
    FeatureBuilder(changed, config).features(probe, after);
    REQUIRE(before == after);
  }
}
