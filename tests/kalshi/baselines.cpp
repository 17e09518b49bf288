// SPDX-License-Identifier: MIT
#include <rlx/kalshi/baselines.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <rlx/core/error.hpp>

#include "kalshi/random_market.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;
using rlx_test::market_start_us;
using rlx_test::TestMarket;
using rlx_test::view_of;

constexpr Micros apart = 10'000'000;

// A snapshot, then a group every ten seconds in which only a deep level changes.
TestMarket still_market(Price bid, Price ask, std::size_t groups, Price settlement = one_dollar) {
  TestMarket market;
  market.settlement = settlement;
  const auto set = [&](EventKind kind, Price price, Count count) {
    market.rows.push_back({market_start_us, kind, price, count});
  };
  set(EventKind::book_clear, 0, 0);
  set(EventKind::level_set_yes, bid, contracts(200));
  set(EventKind::level_set_yes, 100, contracts(5));
  set(EventKind::level_set_no, ask, contracts(200));
  for (std::size_t k = 1; k < groups; ++k) {
    const Count change = k % 2 == 1 ? contracts(1) : -contracts(1);
    market.rows.push_back({market_start_us + static_cast<Micros>(k) * apart, EventKind::level_delta_yes, 100, change});
  }
  return market;
}

// Moves the best level of a side in group k of a still market.
void move_level(TestMarket& market, std::size_t k, BookSide side, Price from, Price to) {
  const EventKind kind = side == BookSide::yes ? EventKind::level_delta_yes : EventKind::level_delta_no;
  const Micros time = market_start_us + static_cast<Micros>(k) * apart;
  const auto at = std::find_if(market.rows.begin(), market.rows.end(), [&](const EventRow& row) { return row.ts_us == time; });
  market.rows.insert(at, {{time, kind, to, contracts(200)}, {time, kind, from, -contracts(200)}});
}

struct Played {
  std::vector<int> actions;
  double reward = 0.0;
  EpisodeInfoKalshi info;
};

template <class P>
Played play(P policy, MarketAgnosticKalshiEnv& env, std::uint64_t seed = 0, std::size_t most_steps = 1'000'000) {
  Played played;
  std::array<float, feature_count> row{};
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(env.layout().size()));
  env.reset(seed, row);
  for (bool ended = false; !ended && played.actions.size() < most_steps;) {
    env.action_masks(mask);
    rlx::RandomStream random({seed, rlx::Purpose::evaluation_action, 0, played.actions.size()});
    const std::int32_t action = policy.act({row, mask, env, random});
    REQUIRE(mask[static_cast<std::size_t>(action)] == 1);
    played.actions.push_back(action);
    const rlx::Transition transition = env.step(std::span(&action, 1), row);
    played.reward += transition.reward;
    ended = transition.terminated || transition.truncated;
  }
  played.info = env.info();
  return played;
}

template <class P>
Played play(P policy, const TestMarket& market, std::uint64_t seed = 0) {
  MarketAgnosticKalshiEnv env(view_of(market));
  return play(policy, env, seed);
}

// Steps at which something else than HOLD was chosen.
std::vector<std::size_t> active_steps(const Played& played) {
  std::vector<std::size_t> steps;
  for (std::size_t k = 0; k < played.actions.size(); ++k) {
    if (played.actions[k] != 0) steps.push_back(k);
  }
  return steps;
}

enum : int { hold, buy_yes, sell_yes, buy_no, sell_no };

// p* of a still market by group.
template <class F>
MarketTruth truth_by_group(std::size_t groups, F&& probability) {
  MarketTruth truth;
  for (std::size_t k = 0; k < groups; ++k) {
    truth.ts_us.push_back(market_start_us + static_cast<Micros>(k) * apart);
    truth.probability.push_back(probability(k));
  }
  return truth;
}

}  // namespace

static_assert(MarketPolicy<baselines::Hold> && MarketPolicy<baselines::Random> && MarketPolicy<baselines::Favourite> &&
              MarketPolicy<baselines::CrossOnce> && MarketPolicy<baselines::PassiveMaker> && MarketPolicy<baselines::Oracle>);

TEST_CASE("Baselines: hold earns exactly 0 and sends nothing", "[kalshi]") {
  const Played played = play(baselines::Hold{}, still_market(4'800, 5'200, 60));
  CHECK(played.reward == 0.0);
  CHECK(played.info.orders == 0);
  CHECK(played.info.equity == dollars(100));
}

TEST_CASE("Baselines: random draws uniformly from the legal actions on a third of the steps", "[kalshi]") {
  MarketAgnosticKalshiEnv env(view_of(still_market(4'800, 5'200, 10)));
  std::array<float, feature_count> row{};
  env.reset(0, row);
  const std::array<std::uint8_t, 5> mask{1, 1, 0, 1, 0};
  std::array<double, 5> counts{};
  constexpr std::uint64_t n = 30'000;
  for (std::uint64_t i = 0; i < n; ++i) {
    rlx::RandomStream random({11, rlx::Purpose::evaluation_action, 0, i});
    ++counts[static_cast<std::size_t>(baselines::Random{}.act({row, mask, env, random}))];
  }
  const std::array<double, 5> expected{7.0 / 9.0, 1.0 / 9.0, 0.0, 1.0 / 9.0, 0.0};
  for (std::size_t i = 0; i < 5; ++i) {
    const double p = expected[i];
    CHECK(std::abs(counts[i] - n * p) <= 4.0 * std::sqrt(n * p * (1.0 - p)));
  }
}

TEST_CASE("Baselines: favourite buys one order of the dearer side after 30 groups and keeps it", "[kalshi]") {
  const Played yes = play(baselines::Favourite{}, still_market(6'000, 6'200, 60));
  CHECK(active_steps(yes) == std::vector<std::size_t>{30});
  CHECK(yes.actions[30] == buy_yes);
  CHECK(yes.info.taker_contracts == contracts(10));
  CHECK(yes.info.settled);
  // 10 at 62 c: 6.20; fee .07 x 10 x .62 x .38 = .16492, up to .1650; cash falls by whole cents, 6.37; paid out 10.
  CHECK(yes.reward == Approx(3.63).margin(1e-9));
  CHECK(yes.info.fees == cents(17));

  const Played no = play(baselines::Favourite{}, still_market(3'800, 4'000, 60, 0));
  CHECK(active_steps(no) == std::vector<std::size_t>{30});
  CHECK(no.actions[30] == buy_no);
  CHECK(no.reward == Approx(3.63).margin(1e-9));

  CHECK(active_steps(play(baselines::Favourite{}, still_market(5'800, 6'400, 60))).empty());  // 6 c wide
  CHECK(active_steps(play(baselines::Favourite{}, still_market(4'800, 5'200, 60))).empty());  // no favourite
  CHECK(active_steps(play(baselines::Favourite{}, still_market(6'000, 6'200, 30))).empty());  // over before
  TestMarket narrows = still_market(5'800, 6'400, 60);
  move_level(narrows, 40, BookSide::yes, 5'800, 5'900);
  CHECK(active_steps(play(baselines::Favourite{}, narrows)) == std::vector<std::size_t>{40});
}

TEST_CASE("Baselines: cross once tosses a coin that the seed decides", "[kalshi]") {
  const TestMarket market = still_market(4'800, 5'200, 40);
  std::size_t bought_yes = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Played played = play(baselines::CrossOnce{}, market, seed);
    REQUIRE(active_steps(played) == std::vector<std::size_t>{30});
    REQUIRE((played.actions[30] == buy_yes || played.actions[30] == buy_no));
    bought_yes += played.actions[30] == buy_yes;
    CHECK(play(baselines::CrossOnce{}, market, seed).actions == played.actions);
  }
  CHECK(bought_yes > 8);
  CHECK(bought_yes < 32);
}

TEST_CASE("Baselines: the passive maker rests at both touches and follows them", "[kalshi]") {
  TestMarket market = still_market(4'800, 5'200, 20);
  move_level(market, 6, BookSide::yes, 4'800, 4'700);
  MarketAgnosticKalshiEnv env(view_of(market), passive_maker_config({}));
  const ActionLayout& layout = env.layout();
  const auto name = [&layout](int id) { return layout.names()[static_cast<std::size_t>(id)]; };

  const Played played = play(baselines::PassiveMaker{}, env, 0, 4);
  CHECK(name(played.actions[0]) == "BUY_YES JOIN 10");
  CHECK(name(played.actions[1]) == "BUY_NO JOIN 10");
  CHECK(name(played.actions[2]) == "HOLD");
  CHECK(env.decision_state().slots[0].price == 4'800);
  CHECK(env.decision_state().slots[1].price == 5'200);

  const Played moved = play(baselines::PassiveMaker{}, env, 0, 8);
  CHECK(active_steps(moved) == std::vector<std::size_t>{0, 1, 6});
  CHECK(name(moved.actions[6]) == "BUY_YES JOIN 10");
  CHECK(env.decision_state().slots[0].price == 4'700);
  CHECK(env.decision_state().slots[1].price == 5'200);
}

TEST_CASE("Baselines: the passive maker stops at the limit, and sells what it has been given first", "[kalshi]") {
  TestMarket market = still_market(4'800, 5'200, 20);
  // A trade takes the whole bid in group 5: with 200 ahead only trades below would reach the order; all 200 leave, 10 more at
  // the price below.
  const Micros time = market_start_us + 5 * apart;
  const auto at = std::find_if(market.rows.begin(), market.rows.end(), [&](const EventRow& row) { return row.ts_us == time; });
  market.rows.insert(at, {{time, EventKind::level_delta_no, 4'800, contracts(10)},
                          {time, EventKind::level_delta_yes, 4'800, -contracts(200)},
                          {time, EventKind::level_delta_no, 4'800, -contracts(10)},
                          {time, EventKind::level_delta_yes, 4'800, contracts(200)}});
  KalshiEnvConfig config = passive_maker_config({});
  config.position_limit = 10;
  MarketAgnosticKalshiEnv env(view_of(market), config);
  const Played played = play(baselines::PassiveMaker{}, env, 0, 8);
  const auto name = [&env](int id) { return env.layout().names()[static_cast<std::size_t>(id)]; };
  CHECK(played.info.position == contracts(10));
  CHECK(played.info.maker_fills == 1);
  for (std::size_t k = 5; k < 8; ++k) CHECK(name(played.actions[k]) != "BUY_YES JOIN 10");
}

TEST_CASE("Baselines: the passive maker keeps a layout that joins and cancels", "[kalshi]") {
  KalshiEnvConfig config;
  config.layout = ActionLayout::extended({5, 20});
  CHECK(passive_maker_config(config).layout == ActionLayout::extended({5, 20}));
  config.layout = ActionLayout::five(PriceRule::join);
  config.contracts_per_order = 7;
  CHECK(passive_maker_config(config).layout == ActionLayout::extended({7}));
}

TEST_CASE("Baselines: the oracle trades p* against the touch and closes before it turns", "[kalshi]") {
  const TestMarket market = still_market(6'000, 6'200, 60);
  // .70 - .62 - f(.62) = .0635: buys. .61 and .6416: neither side pays 1 c. .40: .60 - .40 - f(.60) = .1832: sells, then NO.
  const MarketTruth truth = truth_by_group(60, [](std::size_t k) { return k < 3 ? 0.70 : k < 10 ? 0.61 : 0.40; });
  const MarketTruth* truths[] = {&truth};
  const Played played = play(baselines::Oracle(truths), market);
  for (std::size_t k = 0; k < 3; ++k) CHECK(played.actions[k] == buy_yes);
  for (std::size_t k = 3; k < 10; ++k) CHECK(played.actions[k] == hold);
  for (std::size_t k = 10; k < 13; ++k) CHECK(played.actions[k] == sell_yes);
  CHECK(played.actions[13] == buy_no);
  CHECK(played.info.illegal_actions == 0);

  const auto trades_at = [&](double p) {
    const MarketTruth flat = truth_by_group(60, [p](std::size_t) { return p; });
    const MarketTruth* flats[] = {&flat};
    return active_steps(play(baselines::Oracle(flats), market)).size();
  };
  // Bounds: .62 + .016492 + .01 = .646492 and .60 - .0168 - .01 = .5732.
  CHECK(trades_at(0.6464) == 0);
  CHECK(trades_at(0.6466) > 0);
  CHECK(trades_at(0.5733) == 0);
  CHECK(trades_at(0.5731) > 0);
}

TEST_CASE("Baselines: the oracle does the mirrored thing on the mirrored market", "[kalshi]") {
  const MarketSessionView view = view_of(still_market(6'000, 6'200, 40));
  const MarketTruth truth = truth_by_group(40, [](std::size_t k) { return k < 15 ? 0.70 : 0.40; });
  const MarketTruth* truths[] = {&truth};
  MarketAgnosticKalshiEnv env(view), mirrored(view.mirrored());
  const Played played = play(baselines::Oracle(truths), env), reflected = play(baselines::Oracle(truths), mirrored);
  REQUIRE(played.actions.size() == reflected.actions.size());
  for (std::size_t k = 0; k < played.actions.size(); ++k) {
    CHECK(reflected.actions[k] == env.layout().mirrored(played.actions[k]));
  }
  CHECK(reflected.info.equity == played.info.equity);
}

TEST_CASE("Baselines: the truth behind views is found by session and ticker", "[kalshi]") {
  SyntheticConfig config;
  config.sessions = 3;
  const std::vector<SyntheticSession> sessions = generate_sessions(config);
  std::vector<MarketSessionView> list;
  for (std::size_t day = 3; day-- > 0;) append_views(sessions[day].session, all_views(), list);
  list.push_back(list.front().mirrored());
  const ViewSet views(list);
  const std::vector<const MarketTruth*> truths = truths_of(views, sessions);
  REQUIRE(truths.size() == views.size());
  for (std::size_t v = 0; v < views.size(); ++v) {
    REQUIRE(views[v].length() + views[v].closing_groups() == truths[v]->ts_us.size());
    CHECK(views[v].group_time_us(1) == truths[v]->ts_us[1]);
  }
  CHECK(truths.back() == truths.front());
  const Micros time = views[0].group_time_us(5);
  CHECK(true_probability(*truths[0], views[0], time) == truths[0]->probability[5]);
  CHECK(true_probability(*truths[0], list.back(), time) == 1.0 - truths[0]->probability[5]);
  REQUIRE_THROWS_AS(truths_of(views, std::span(sessions).first(2)), rlx::ConfigError);
  const ViewSet other({view_of(still_market(4'800, 5'200, 10))});
  REQUIRE_THROWS_WITH(truths_of(other, sessions), ContainsSubstring("TEST-25DEC01-A"));
}
