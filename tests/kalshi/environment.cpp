// SPDX-License-Identifier: MIT
#include <rlx/kalshi/environment.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/thread_pool.hpp>
#include <rlx/env/check_env.hpp>
#include <rlx/env/vector_env.hpp>

#include "counting_allocator.hpp"
#include "kalshi/random_agent.hpp"
#include "kalshi/random_market.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;
using rlx_test::market_start_us;
using rlx_test::TestMarket;

using Env = MarketAgnosticKalshiEnv;
static_assert(rlx::MaskedEnvironment<Env>);
static_assert(rlx::SourcedEnvironment<Env>);
static_assert(rlx::ReportsMetrics<Env>);
static_assert(rlx::SerializableEnvironment<Env>);
static_assert(rlx::NamedLayout<Env>);
static_assert(rlx::HasFuture<Env>);
static_assert(Env::metric_names().size() <= rlx::max_episode_metrics);

using Row = std::array<float, feature_count>;
enum : std::int32_t { hold, buy_yes, sell_yes, buy_no, sell_no };

rlx::Transition step(Env& env, std::int32_t action, Row& row) { return env.step(std::span(&action, 1), row); }
std::vector<std::uint8_t> mask_of(const Env& env) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(env.action_space().n));
  env.action_masks(mask);
  return mask;
}
using Mask = std::vector<std::uint8_t>;

EventRow yes(Price price, Count change) { return {0, EventKind::level_delta_yes, price, change}; }
EventRow no(Price price, Count change) { return {0, EventKind::level_delta_no, price, change}; }

// Starts at 48/52 with `depth` contracts a side; one group of the given rows per second; a row of size 1 at 1 cent moves time.
TestMarket hand_market(std::initializer_list<std::initializer_list<EventRow>> groups, std::optional<Price> settlement = {},
                       Count depth = contracts(1'000)) {
  TestMarket market;
  market.settlement = settlement;
  Micros time = market_start_us;
  market.rows = {{time, EventKind::book_clear, 0, 0},
                 {time, EventKind::level_set_yes, 4'800, depth},
                 {time, EventKind::level_set_no, 5'200, depth}};
  for (const auto& group : groups) {
    time += 1'000'000;
    for (EventRow row : group) {
      row.ts_us = time;
      market.rows.push_back(row);
    }
  }
  return market;
}
// A group that leaves the touch as it is.
const std::initializer_list<EventRow> quiet = {{0, EventKind::level_delta_yes, 100, 1}};

KalshiEnvConfig free_of_fees() {
  KalshiEnvConfig config;
  config.fees = standard_fees(FeeType::none);
  return config;
}

TestMarket random_test_market(std::uint64_t seed, std::size_t groups = 120, bool has_sizes = true, bool wild = false) {
  TestMarket market;
  market.grid = static_cast<TickGrid>(seed % 3);
  market.rows = rlx_test::random_rows(seed, groups, market.grid, wild);
  market.has_sizes = has_sizes;
  market.ticker = "TEST-25DEC01-" + std::to_string(seed);
  if (seed % 4 != 0) market.settlement = seed % 2 == 0 ? 10'000 : 0;
  return market;
}
std::shared_ptr<const ViewSet> random_views(std::size_t n, bool has_sizes = true, bool wild = false) {
  std::vector<MarketSessionView> views;
  for (std::uint64_t seed = 1; seed <= n; ++seed) {
    views.push_back(rlx_test::view_of(random_test_market(seed, 40 + 20 * seed, has_sizes, wild)));
  }
  return std::make_shared<const ViewSet>(std::move(views));
}

}  // namespace

TEST_CASE("Buying 10 NO at 48/52 without fees loses the spread: worked reward of -0.40") {
  Env env(rlx_test::view_of(hand_market({quiet, quiet, quiet})), free_of_fees());
  Row row{};
  env.reset(1, row);
  REQUIRE(row[37] == 0.0F);
  REQUIRE(mask_of(env) == Mask{1, 1, 0, 1, 0});
  const rlx::Transition t = step(env, buy_no, row);
  REQUIRE(t.reward == -0.4);
  REQUIRE_FALSE(t.terminated);
  REQUIRE(env.account().cash() == dollars(100) - cents(520));
  REQUIRE(env.info().position == -contracts(10));
  REQUIRE(env.info().equity == dollars(100) - cents(40));
  REQUIRE(env.info().taker_fills == 1);
  REQUIRE(env.fills().size() == 1);
  REQUIRE(env.fills()[0] == Fill{market_start_us + 100'000, 4'800, -contracts(10), 0, Liquidity::taker});
  REQUIRE(row[37] == Approx(-0.1));
  REQUIRE(row[36] == Approx(94.8 / 99.6));
  REQUIRE(row[40] == Approx(0.52));
  REQUIRE(row[41] == Approx(10.0 * -0.4 / 100.0));
  REQUIRE(row[43] == Approx((10.0 - 4.8) / 99.6));
  REQUIRE(mask_of(env) == Mask{1, 0, 0, 1, 1});
  REQUIRE(step(env, hold, row).reward == 0.0);
  REQUIRE(env.fills().empty());
}

TEST_CASE("An episode has a step per group after the first, and pays the result at the last") {
  for (const auto& [result, action, profit] : {std::tuple{Price{10'000}, buy_yes, 4.80}, std::tuple{Price{0}, buy_yes, -5.20},
                                               std::tuple{Price{0}, buy_no, 4.80}, std::tuple{Price{3'700}, buy_no, 1.10}}) {
    Env env(rlx_test::view_of(hand_market({quiet, quiet, quiet}, result)), free_of_fees());
    Row row{};
    env.reset(1, row);
    double sum = step(env, action, row).reward;
    sum += step(env, hold, row).reward;
    REQUIRE_FALSE(env.info().finished);
    const rlx::Transition last = step(env, hold, row);
    sum += last.reward;
    REQUIRE(last.terminated);
    REQUIRE_FALSE(last.truncated);
    REQUIRE(env.info().settled);
    REQUIRE(env.info().finished);
    REQUIRE(sum == Approx(profit));
    REQUIRE(env.info().equity - env.info().starting_cash == std::llround(profit * 1e6));
    REQUIRE(env.info().steps == 3);
    REQUIRE(env.info().position == 0);
    // The last observation shows the final account, the last mask HOLD alone.
    REQUIRE(row[36] == 1.0F);
    REQUIRE(row[37] == 0.0F);
    REQUIRE(row[42] == Approx(profit / 10.0));
    REQUIRE(mask_of(env) == Mask{1, 0, 0, 0, 0});
    REQUIRE_THROWS_AS(step(env, hold, row), rlx::StateError);
    REQUIRE(env.info().unexplained == 0);
  }
}

TEST_CASE("Without a result the book is sold through, and what no one bids for is worth 0") {
  // 10 YES bought at .52; then 6 bids at .48 and 2 at .40 are left.
  const auto market =
      hand_market({quiet, {yes(4'800, -contracts(1'000)), yes(4'800, contracts(6)), yes(4'000, contracts(2)), yes(100, -1)}});
  for (const bool with_fees : {false, true}) {
    Env env(rlx_test::view_of(market), with_fees ? KalshiEnvConfig{} : free_of_fees());
    Row row{};
    env.reset(1, row);
    step(env, buy_yes, row);
    const rlx::Transition last = step(env, hold, row);
    REQUIRE(last.terminated);
    REQUIRE_FALSE(env.info().settled);
    REQUIRE(env.info().liquidation_fills == 2);
    REQUIRE(env.info().truncated_depth == contracts(2));
    REQUIRE(env.info().position == 0);
    REQUIRE(env.fills().size() == 2);
    // .07 x 6 x .48 x .52 = .104832 -> .1049, change 2.7751 -> 2.77; .07 x 2 x .4 x .6 = .0336, change .7664 -> .76; the two
    // roundings, .0051 and .0064, exceed a cent: one is paid back. Bought: .1748 on 5.20 -> 5.38.
    const Money fees = with_fees ? cents(18) + cents(11) + cents(4) - cents(1) : 0;
    REQUIRE(env.info().fees == fees);
    REQUIRE(env.info().cash == dollars(100) - cents(520) + cents(288) + cents(80) - fees);
    REQUIRE(env.info().equity == env.info().cash);
    REQUIRE(env.info().attribution.total() == env.info().equity - dollars(100));
    REQUIRE(env.info().unexplained == 0);
  }
}

TEST_CASE("Truncation marks at the touch and leaves the position, settle = false ignores the result") {
  KalshiEnvConfig config = free_of_fees();
  config.end_of_data = EndOfData::truncate;
  Env env(rlx_test::view_of(hand_market({quiet, quiet})), config);
  Row row{};
  env.reset(1, row);
  step(env, buy_yes, row);
  const rlx::Transition last = step(env, hold, row);
  REQUIRE(last.truncated);
  REQUIRE_FALSE(last.terminated);
  REQUIRE(env.info().position == contracts(10));
  REQUIRE(env.info().equity == dollars(100) - cents(40));
  REQUIRE(row[37] == Approx(0.1));

  config.settle = false;
  Env unsettled(rlx_test::view_of(hand_market({quiet, quiet}, 10'000)), config);
  unsettled.reset(1, row);
  step(unsettled, buy_yes, row);
  REQUIRE(step(unsettled, hold, row).truncated);
  config.settle = true;
  Env settled(rlx_test::view_of(hand_market({quiet, quiet}, 10'000)), config);
  settled.reset(1, row);
  step(settled, buy_yes, row);
  REQUIRE(step(settled, hold, row).terminated);
}

TEST_CASE("Messages in flight at the end never arrive, working orders are cancelled") {
  KalshiEnvConfig config = free_of_fees();
  config.order_latency_us = 1'000'001;
  Env env(rlx_test::view_of(hand_market({quiet, quiet}, 10'000)), config);
  Row row{};
  env.reset(1, row);
  step(env, hold, row);
  const rlx::Transition last = step(env, buy_yes, row);
  REQUIRE(last.terminated);
  REQUIRE(last.reward == 0.0);
  REQUIRE(env.info().taker_fills == 0);
  REQUIRE(env.fill_model().idle());
  REQUIRE(row[47] == 0.0F);
}

TEST_CASE("Groups that leave both sides empty at the end are no part of the episode") {
  const auto empty = {yes(4'800, -contracts(1'000)), yes(100, -2), no(5'200, -contracts(1'000))};
  Env env(rlx_test::view_of(hand_market({quiet, quiet, empty})), free_of_fees());
  Row row{};
  env.reset(1, row);
  REQUIRE(env.info().length == 3);
  step(env, buy_yes, row);
  REQUIRE(step(env, hold, row).terminated);
  REQUIRE(env.info().cash == dollars(100) - cents(40));
}

TEST_CASE("An account that is flat, without orders and too poor for one contract at one tick ends early") {
  KalshiEnvConfig config;
  config.starting_cash = cents(4) - 1;  // one contract at 1 cent: 1 cent and its fee, up to 2 cents, and 2 cents
  Env env(rlx_test::view_of(hand_market({quiet, quiet, quiet}, 10'000)), config);
  Row row{};
  env.reset(1, row);
  REQUIRE(mask_of(env) == Mask{1, 0, 0, 0, 0});
  const rlx::Transition t = step(env, hold, row);
  REQUIRE(t.terminated);
  REQUIRE(t.reward == 0.0);
  REQUIRE(env.info().ended_early);
  config.starting_cash = cents(4);
  Env richer(rlx_test::view_of(hand_market({quiet, quiet, quiet}, 10'000)), config);
  richer.reset(1, row);
  REQUIRE_FALSE(step(richer, hold, row).terminated);
}

TEST_CASE("Masked actions are HOLD and counted, actions outside the space and wrong rows throw and change nothing") {
  Env env(rlx_test::view_of(hand_market({quiet, quiet, quiet, quiet})), free_of_fees());
  Row row{};
  REQUIRE_THROWS_AS(step(env, hold, row), rlx::StateError);
  REQUIRE(mask_of(env) == Mask{1, 0, 0, 0, 0});
  env.reset(1, row);
  REQUIRE_THROWS_AS(step(env, -1, row), rlx::EnvironmentError);
  REQUIRE_THROWS_AS(step(env, 5, row), rlx::InvalidActionError);
  std::array<float, 51> shorter{};
  const std::int32_t two[] = {0, 0};
  REQUIRE_THROWS_WITH(env.step(std::span(two).first(1), shorter), ContainsSubstring("52") && ContainsSubstring("51"));
  REQUIRE_THROWS_AS(env.step(two, row), rlx::ShapeError);
  REQUIRE_THROWS_AS(env.reset(1, shorter), rlx::ShapeError);
  REQUIRE(env.info().steps == 0);
  REQUIRE(step(env, sell_yes, row).reward == 0.0);
  REQUIRE(env.info().illegal_actions == 1);
  REQUIRE(env.info().orders == 0);
  step(env, buy_yes, row);
  step(env, buy_no, row);
  REQUIRE(env.info().illegal_actions == 2);
  REQUIRE(env.info().position == contracts(10));
}

TEST_CASE("What does not fill on arrival rests at the touch seen at the decision") {
  // Before the order arrives the ask moves up to 55.
  auto market = hand_market({quiet, quiet, quiet});
  market.rows.insert(market.rows.begin() + 3, {market_start_us + 50'000, EventKind::level_delta_no, 5'500, contracts(50)});
  market.rows.insert(market.rows.begin() + 4, {market_start_us + 50'000, EventKind::level_delta_no, 5'200, -contracts(1'000)});
  Env env(rlx_test::view_of(market), free_of_fees());
  Row row{};
  env.reset(1, row);
  step(env, buy_yes, row);
  REQUIRE(env.fill_model().in_flight(BookSlot::bid) != nullptr);
  REQUIRE(row[47] == 0.25F);
  REQUIRE(row[49] == Approx((0.515 - 0.52) / 0.10));
  REQUIRE(row[51] == Approx(0.02));
  REQUIRE(mask_of(env) == Mask{1, 0, 0, 1, 0});
  step(env, hold, row);
  REQUIRE(env.info().position == 0);
  REQUIRE(env.fill_model().slot(BookSlot::bid).price == 5'200);
  REQUIRE(row[47] == 1.0F);  // nothing ahead
  REQUIRE(row[36] == Approx((100.0 - 5.22) / 100.0));
}

TEST_CASE("An order that replaces a dearer one can be paid even if that fills first") {
  TestMarket market;
  Micros time = market_start_us;
  const auto add = [&](Micros later, EventKind kind, Price price, Count count) {
    market.rows.push_back({time += later, kind, price, count});
  };
  add(0, EventKind::book_clear, 0, 0);
  add(0, EventKind::level_set_yes, 2'000, contracts(10));
  add(0, EventKind::level_set_yes, 5'800, contracts(10));
  add(0, EventKind::level_set_no, 9'000, contracts(10));
  add(1'000'000, EventKind::level_delta_yes, 5'800, -contracts(10));
  add(50'000, EventKind::level_delta_no, 5'800, contracts(49));  // while the second order is under way
  add(1'000'000, EventKind::level_delta_no, 2'000, contracts(500));
  add(1'000'000, EventKind::level_delta_no, 9'900, 1);
  KalshiEnvConfig config = free_of_fees();
  config.starting_cash = cents(2'902);
  config.layout = ActionLayout({PriceRule::join}, {50, 100}, false);
  Env env(rlx_test::view_of(market), config);
  Row row{};
  env.reset(1, row);
  REQUIRE(mask_of(env)[2] == 0);  // 50 at .58 are affordable
  step(env, 1, row);
  REQUIRE(env.fill_model().slot(BookSlot::bid).remaining == contracts(50));
  REQUIRE(mask_of(env) == Mask{1, 1, 0, 0, 0, 0, 0, 0, 0});  // not 100 at .20: 50 of them may be filled at .58
  step(env, 1, row);
  REQUIRE(env.info().position == contracts(49));
  step(env, hold, row);
  REQUIRE(env.info().position == contracts(50));
  REQUIRE(env.info().cash == cents(2'902 - 49 * 58 - 20));
  REQUIRE(env.info().cash_cuts == 0);
}

TEST_CASE("Gaps cancel orders, and their groups are no decisions") {
  auto market = hand_market({quiet, quiet, quiet});
  Micros time = market_start_us + 4'000'000;
  market.rows.push_back({time, EventKind::gap_begin, 0, 0});
  market.rows.push_back({time + 1'000'000, EventKind::level_delta_yes, 100, 5});
  for (const EventRow& row : std::initializer_list<EventRow>{{time + 2'000'000, EventKind::book_clear, 0, 0},
                                                             {time + 2'000'000, EventKind::level_set_yes, 4'000, 100},
                                                             {time + 2'000'000, EventKind::level_set_no, 4'900, 100},
                                                             {time + 3'000'000, EventKind::level_delta_yes, 100, 100}}) {
    market.rows.push_back(row);
  }
  KalshiEnvConfig config = free_of_fees();
  config.layout = ActionLayout::five(PriceRule::join);
  Env env(rlx_test::view_of(market), config);
  Row row{};
  env.reset(1, row);
  step(env, buy_yes, row);
  REQUIRE(env.fill_model().slot(BookSlot::bid).live());
  step(env, hold, row);
  step(env, hold, row);
  REQUIRE(env.fill_model().slot(BookSlot::bid).live());
  step(env, hold, row);
  REQUIRE(env.info().time_us == time + 2'000'000);
  REQUIRE(env.fill_model().idle());
  REQUIRE(env.info().maker_fills == 0);
  REQUIRE(step(env, hold, row).terminated);
}

TEST_CASE("A view given or chosen takes effect at the next reset") {
  const auto one = rlx_test::view_of(hand_market({quiet, quiet, quiet})), two = rlx_test::view_of(hand_market({quiet, quiet}));
  Env env(std::make_shared<const ViewSet>(std::vector{one, two}));
  REQUIRE(env.num_sources() == 2);
  REQUIRE_THROWS_AS(env.set_source(2), rlx::ConfigError);
  Row row{};
  env.reset(1, row);
  REQUIRE(env.info().length == 4);
  env.set_source(1);
  step(env, hold, row);
  REQUIRE(env.info().length == 4);
  env.reset(1, row);
  REQUIRE(env.info().length == 3);
  REQUIRE(env.info().source == 1);
  env.set_market_view(one.mirrored());
  REQUIRE(env.info().length == 3);
  env.reset(1, row);
  REQUIRE(env.info().length == 4);
  REQUIRE(env.info().mirrored);
  REQUIRE(env.info().ticker == "TEST-25DEC01-A");
}

TEST_CASE("Warm-up groups come before the first decision and leave at least one step") {
  KalshiEnvConfig config;
  config.warmup_groups = 2;
  Env env(rlx_test::view_of(hand_market({quiet, quiet, quiet})), config);
  Row row{};
  env.reset(1, row);
  REQUIRE(env.info().group == 1);
  REQUIRE(env.info().start_us == market_start_us + 1'000'000);
  config.warmup_groups = 1'000;
  Env late(rlx_test::view_of(hand_market({quiet, quiet, quiet})), config);
  late.reset(1, row);
  REQUIRE(late.info().group == 2);
  REQUIRE(step(late, hold, row).terminated);
}

TEST_CASE("Configurations that cannot work are refused with field and value") {
  const auto view = rlx_test::view_of(hand_market({quiet, quiet}));
  const auto refuses = [&](auto&& change, const char* field, const char* value) {
    KalshiEnvConfig config;
    change(config);
    REQUIRE_THROWS_WITH(Env(view, config), ContainsSubstring(field) && ContainsSubstring(value));
    REQUIRE_THROWS_AS(Env(view, config), rlx::ConfigError);
  };
  refuses([](auto& c) { c.starting_cash = 0; }, "starting_cash", "0");
  refuses([](auto& c) { c.contracts_per_order = 0; }, "contracts_per_order", "0");
  refuses([](auto& c) { c.contracts_per_order = 101; }, "contracts_per_order", "101");
  refuses([](auto& c) { c.position_limit = -3; }, "position_limit", "-3");
  refuses([](auto& c) { c.layout = ActionLayout::extended({5, 200}); }, "layout", "200");
  refuses([](auto& c) { c.order_latency_us = -1; }, "order_latency_us", "-1");
  refuses([](auto& c) { c.jitter_us = -2; }, "jitter_us", "-2");
  refuses([](auto& c) { c.order_ttl_s = 0; }, "order_ttl_s", "0");
  refuses([](auto& c) { c.warmup_groups = 0; }, "warmup_groups", "0");
  refuses([](auto& c) { c.reward_scale = 0.0; }, "reward_scale", "0");
  refuses([](auto& c) { c.reward_scale = std::numeric_limits<double>::quiet_NaN(); }, "reward_scale", "nan");
  refuses([](auto& c) { c.fill.trade_share = 2.0; }, "trade_share", "2");
  refuses([](auto& c) { c.fees = FeeSchedule{.taker_rate_e6 = 1'000'001}; }, "taker_rate_e6", "1000001");
  REQUIRE_THROWS_AS(Env(std::shared_ptr<const ViewSet>()), std::logic_error);
}

TEST_CASE("The reward is in units of reward_scale") {
  KalshiEnvConfig config = free_of_fees();
  config.reward_scale = 0.1;
  Env env(rlx_test::view_of(hand_market({quiet, quiet})), config);
  Row row{};
  env.reset(1, row);
  REQUIRE(step(env, buy_no, row).reward == Approx(-4.0));
}

TEST_CASE("Jitter is drawn from the seed: same seed, same arrivals, another seed, others") {
  KalshiEnvConfig config = free_of_fees();
  config.jitter_us = 800'000;
  const auto arrival = [&](std::uint64_t seed) {
    Env env(rlx_test::view_of(hand_market({quiet, quiet})), config);
    Row row{};
    env.reset(seed, row);
    step(env, buy_yes, row);
    return env.fills()[0].ts_us - market_start_us;
  };
  REQUIRE(arrival(1) == arrival(1));
  bool differs = false;
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    REQUIRE(arrival(seed) >= 100'000);
    REQUIRE(arrival(seed) <= 900'000);
    differs = differs || arrival(seed) != arrival(1);
  }
  REQUIRE(differs);
}

TEST_CASE("Metrics are figures of the finished episode, and names fit their numbers") {
  Env env(rlx_test::view_of(hand_market({quiet, quiet, quiet}, 10'000)));
  Row row{};
  env.reset(1, row);
  step(env, buy_yes, row);
  step(env, sell_no, row);
  step(env, hold, row);
  std::array<double, 16> values{};
  env.metrics(values);
  const auto value = [&](std::string_view name) {
    const auto names = Env::metric_names();
    const auto at = std::find(names.begin(), names.end(), name);
    REQUIRE(at != names.end());
    return values[static_cast<std::size_t>(at - names.begin())];
  };
  REQUIRE(value("final_equity") == Approx(100.0 - 5.20 - 0.18 + 10.0));
  REQUIRE(value("profit") == Approx(4.62));
  REQUIRE(value("fees") == Approx(0.18));
  REQUIRE(value("taker_fills") == 1.0);
  REQUIRE(value("contracts") == 10.0);
  REQUIRE(value("orders") == 1.0);
  REQUIRE(value("illegal") == 1.0);
  REQUIRE(value("unexplained") == 0.0);
  REQUIRE(value("max_drawdown") == Approx(0.58));
  REQUIRE(value("held_share") == Approx(2.0 / 3.0));
  REQUIRE(value("mark") + value("fill_result") - value("fees") + value("settlement") == Approx(4.62));
  REQUIRE(env.observation_names().size() == 52);
  REQUIRE(env.observation_names()[37] == "position_ratio");
  REQUIRE(env.action_names()[4] == "SELL_NO");
}

TEST_CASE("The environment keeps every rule of the contract, both layouts, with and without sizes") {
  for (const bool has_sizes : {true, false}) {
    const auto views = random_views(5, has_sizes);
    for (const bool extended : {false, true}) {
      KalshiEnvConfig config;
      config.jitter_us = 300'000;
      if (extended) config.layout = ActionLayout::extended();
      rlx::CheckOptions options;
      options.allocations = rlx_test::allocations;
      const rlx::CheckReport report = rlx::check_env([&] { return Env(views, config); }, options);
      for (const rlx::Finding& finding : report.findings) {
        CAPTURE(has_sizes, extended, finding.rule, finding.message);
        // The first observation shows the market alone: it is the same for every seed.
        REQUIRE(finding.message.find("eight seeds") != std::string::npos);
      }
    }
  }
}

TEST_CASE("A restored environment goes on equally from anywhere, also on a view of its own") {
  const auto views = random_views(4, true, true);
  for (const bool own : {false, true}) {
    KalshiEnvConfig config;
    config.layout = ActionLayout::extended();
    config.jitter_us = 50'000;
    const MarketSessionView given = (*views)[2].mirrored();
    Env env(views, config);
    if (own) {
      env.set_market_view(given);
    } else {
      env.set_source(2);
    }
    Row row{};
    env.reset(5, row);
    rlx_test::RandomAgent agent(9);
    for (int round = 0; round < 60; ++round) {
      std::vector<std::byte> bytes;
      env.save_state(bytes);
      Env other(views, config);
      if (own) {
        REQUIRE_THROWS_AS(other.load_state(bytes), rlx::CheckpointError);
        other.set_market_view(given);
      }
      other.load_state(bytes);
      std::vector<std::byte> again;
      other.save_state(again);
      REQUIRE(bytes == again);
      REQUIRE(mask_of(other) == mask_of(env));
      REQUIRE(other.info().ticker == env.info().ticker);
      if (env.info().finished) break;
      Row other_row{};
      env.observe(row);
      other.observe(other_row);
      REQUIRE(row == other_row);
      for (int i = 0; i < 3 && !env.info().finished; ++i) {
        const std::int32_t action = agent(env);
        const rlx::Transition t = step(env, action, row), u = step(other, action, other_row);
        REQUIRE(t.reward == u.reward);
        REQUIRE(row == other_row);
        REQUIRE(env.fills().size() == other.fills().size());
      }
    }
  }
}

TEST_CASE("States of other views, other configurations and damaged bytes are refused") {
  const auto views = random_views(3);
  Env env(views);
  Row row{};
  env.set_source(1);
  env.reset(1, row);
  for (int i = 0; i < 20; ++i) step(env, i % 5, row);
  std::vector<std::byte> bytes;
  env.save_state(bytes);

  Env other(random_views(2, true, true));
  REQUIRE_THROWS_WITH(other.load_state(bytes), ContainsSubstring("other views"));
  KalshiEnvConfig config;
  config.contracts_per_order = 11;
  Env larger(views, config);
  REQUIRE_THROWS_AS(larger.load_state(bytes), rlx::CheckpointError);
  Env same(views);
  for (std::size_t size = 0; size < bytes.size(); size += 5) {
    REQUIRE_THROWS_AS(same.load_state(std::span<const std::byte>(bytes).first(size)), rlx::CheckpointError);
    REQUIRE_THROWS_AS(step(same, hold, row), rlx::StateError);
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {  // no bit that was turned does harm
    std::vector<std::byte> damaged = bytes;
    damaged[at] ^= std::byte{0x10};
    try {
      same.load_state(damaged);
      rlx_test::play(same, rlx_test::RandomAgent(1));
    } catch (const rlx::Error&) {
    } catch (const std::logic_error&) {
    }
  }
  same.load_state(bytes);
  REQUIRE(same.info().equity == env.info().equity);
  std::vector<std::byte> fresh;
  Env(views).save_state(fresh);
  same.load_state(fresh);
  REQUIRE_THROWS_AS(step(same, hold, row), rlx::StateError);
}

TEST_CASE("Copies of an environment are independent") {
  Env env(random_views(2));
  Row row{};
  env.reset(1, row);
  rlx_test::RandomAgent agent(3);
  for (int i = 0; i < 10; ++i) step(env, agent(env), row);
  Env copy = env;
  const double sum = rlx_test::play(env, rlx_test::RandomAgent(4));
  REQUIRE(copy.info().steps == 10);
  REQUIRE(rlx_test::play(copy, rlx_test::RandomAgent(4)) == sum);
}

TEST_CASE("Reset, step and mask allocate nothing, whatever view comes next") {
  const auto views = random_views(4, true, true);
  Env env(views);
  Row row{};
  std::vector<std::uint8_t> mask(5);
  rlx_test::RandomAgent agent(5);
  env.reset(1, row);
  agent(env);
  const rlx_test::AllocationCounter counter;
  for (std::uint64_t episode = 0; episode < 12; ++episode) {
    env.set_source(episode % views->size());
    env.reset(episode, row);
    rlx_test::play(env, agent, [&](const rlx::Transition&, const Row&) { env.action_masks(mask); });
  }
  REQUIRE(counter.count() == 0);
}

TEST_CASE("An environment on a cent grid takes at most 64 KiB") {
  REQUIRE(sizeof(Env) + 2 * 2 * 101 * sizeof(Count) + 64 * sizeof(Fill) + 2 * 52 * sizeof(float) <= 64 * 1024);
}

TEST_CASE("A vector environment cycles through the views and reports metrics before the next episode") {
  const auto views = random_views(3);
  rlx::ThreadPool pool(2);
  rlx::VectorEnv envs(rlx::VectorEnvConfig{.num_envs = 4}, pool, [&](std::size_t) { return Env(views); });
  envs.reset();
  std::vector<std::int32_t> actions(4, 0);
  std::size_t finished = 0;
  for (int i = 0; i < 300; ++i) {
    envs.step(rlx::MatrixView<const std::int32_t>(actions.data(), 4, 1));
    for (const rlx::EpisodeStatistics& episode : envs.finished()) {
      ++finished;
      REQUIRE(episode.metrics[0] == Approx(100.0));  // HOLD earns exactly nothing
      REQUIRE(episode.episode_return == 0.0);
    }
  }
  REQUIRE(finished >= 4);
}
