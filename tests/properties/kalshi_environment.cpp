// SPDX-License-Identifier: MIT
/// @file
/// @brief What must hold in every episode: exact books, mirrored markets, no look ahead, no order that cannot be paid.
#include <rlx/kalshi/environment.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/kalshi/synthetic_session.hpp>

#include "kalshi/random_agent.hpp"
#include "kalshi/random_market.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::Approx;
using rlx_test::RandomAgent;

using Env = MarketAgnosticKalshiEnv;
using Row = std::array<float, feature_count>;

std::shared_ptr<const ViewSet> random_views(std::size_t n, std::size_t groups) {
  std::vector<MarketSessionView> views;
  for (std::uint64_t seed = 1; seed <= n; ++seed) {
    rlx_test::TestMarket market;
    market.grid = static_cast<TickGrid>(seed % 3);
    market.rows = rlx_test::random_rows(seed, groups + 7 * seed % groups, market.grid, seed % 4 == 0);
    market.has_sizes = seed % 5 != 0;
    market.ticker = "TEST-25DEC01-" + std::to_string(seed);
    if (seed % 3 != 0) market.settlement = seed % 2 == 0 ? 10'000 : seed % 5 == 0 ? 3'700 : 0;
    views.push_back(rlx_test::view_of(market));
  }
  return std::make_shared<const ViewSet>(std::move(views));
}

std::shared_ptr<const ViewSet> synthetic_views(std::size_t days, double fractional_share) {
  SyntheticConfig config;
  config.groups = 200;
  config.fractional_share = fractional_share;
  std::vector<MarketSessionView> views;
  for (std::size_t day = 0; day < days; ++day) append_views(generate_session(config, 7, day).session, all_views(), views);
  return std::make_shared<const ViewSet>(std::move(views));
}

// Configurations that differ in all that an episode depends on.
KalshiEnvConfig config_of(std::uint64_t n) {
  KalshiEnvConfig config;
  if (n % 3 == 1) config.layout = ActionLayout::extended();
  if (n % 3 == 2) config.layout = ActionLayout({PriceRule::join, PriceRule::improve, PriceRule::cross}, {1, 7, 50}, n % 2 == 0);
  if (n % 4 == 1) config.starting_cash = dollars(3) + cents(static_cast<std::int64_t>(n) * 37 % 1'700);
  if (n % 5 == 1) config.order_latency_us = 20'000'000;
  if (n % 5 == 2) config.jitter_us = 40'000'000;
  if (n % 5 == 3) config.order_latency_us = 0;
  if (n % 2 == 0) config.fill = {.trade_share = 0.5, .ahead_share = 1.0};
  if (n % 6 == 5) config.end_of_data = EndOfData::truncate;
  if (n % 7 == 3) config.fees = standard_fees(FeeType::quadratic_with_maker_fees);
  return config;
}

}  // namespace

TEST_CASE("Ten thousand random legal episodes are explained to the micro-dollar and never short of cash") {
  const auto random = random_views(30, 40), synthetic = synthetic_views(6, 0.1);
  std::uint64_t steps = 0, takers = 0, makers = 0, liquidated = 0, settled = 0, early = 0;
  std::uint64_t episode = 0;
  for (std::uint64_t n = 0; n < 50; ++n) {
    const auto views = n % 5 == 4 ? synthetic : random;
    Env env(views, config_of(n));
    Row row{};
    RandomAgent agent(n, n % 4 == 0 ? 0.3 : 1.0);
    for (int i = 0; i < (n % 5 == 4 ? 40 : 240); ++i, ++episode) {
      env.set_source(episode % views->size());
      env.reset(episode, row);
      bool sound = true;
      Money before = env.info().equity, drawdown = 0, peak = before;
      const double sum = rlx_test::play(env, agent, [&](const rlx::Transition& t, const Row&) {
        const EpisodeInfoKalshi& info = env.info();
        sound = sound && info.cash >= 0 && info.equity >= 0 && info.unexplained == 0 && info.taker_improvement <= 0;
        sound = sound && info.step_attribution.total() == info.equity - before;
        sound = sound && t.reward == static_cast<double>(info.equity - before) / 1e6;
        sound = sound && std::abs(info.position) <= contracts(env.config().position_limit);
        const Account& account = env.account();
        sound = sound && info.equity == info.starting_cash + account.realized() + account.unrealized(info.touch) - info.fees;
        before = info.equity;
        peak = std::max(peak, before);
        drawdown = std::max(drawdown, peak - before);
      });
      const EpisodeInfoKalshi& info = env.info();
      CAPTURE(n, episode, info.ticker);
      REQUIRE(sound);
      REQUIRE(info.illegal_actions == 0);
      REQUIRE(info.attribution.total() == info.equity - info.starting_cash);
      REQUIRE(sum == Approx(static_cast<double>(info.equity - info.starting_cash) / 1e6).margin(1e-9));
      REQUIRE(info.max_drawdown == drawdown);
      REQUIRE(info.filled_decreases <= info.decreases);
      REQUIRE(env.fill_model().idle());
      if (info.settled) REQUIRE(info.position == 0);
      steps += info.steps;
      takers += info.taker_fills;
      makers += info.maker_fills;
      liquidated += info.liquidation_fills != 0 ? 1 : 0;
      settled += info.settled ? 1 : 0;
      early += info.ended_early ? 1 : 0;
    }
  }
  CAPTURE(steps, takers, makers, liquidated, settled, early);
  REQUIRE(episode >= 10'000);
  REQUIRE(std::min({takers, makers}) > 10'000);
  REQUIRE(std::min(liquidated, settled) > 1'000);
  REQUIRE(early > 0);
}

TEST_CASE("A million random legal steps on whole contracts without a fill that cash does not pay") {
  const auto views = synthetic_views(12, 0.0);
  std::uint64_t steps = 0, fills = 0;
  for (std::uint64_t n = 0; steps < 1'000'000; ++n) {
    // Little cash, large orders, and time for old orders to fill while new ones are under way.
    KalshiEnvConfig config;
    config.layout = ActionLayout({PriceRule::join, PriceRule::improve, PriceRule::cross}, {1, 10, 100}, n % 2 == 0);
    config.starting_cash = cents(50 + static_cast<std::int64_t>(n) * 173 % (n % 3 == 0 ? 6'000 : 1'000));
    config.order_latency_us = std::array{100'000, 60'000'000, 200'000'000, 600'000'000}[n % 4];
    config.fill.trade_share = n % 5 == 0 ? 0.1 : 1.0;
    Env env(views, config);
    Row row{};
    RandomAgent agent(n);
    for (std::uint64_t i = 0; i < 20; ++i) {
      env.set_source((n * 20 + i) % views->size());
      env.reset(i, row);
      rlx_test::play(env, agent);
      CAPTURE(n, i);
      REQUIRE(env.info().cash_cuts == 0);
      REQUIRE(env.info().illegal_actions == 0);
      steps += env.info().steps;
      fills += env.info().taker_fills + env.info().maker_fills;
    }
  }
  REQUIRE(fills > 100'000);
}

TEST_CASE("A thousand episodes on mirrored markets with mapped actions have equal equity at every step") {
  const auto random = random_views(30, 60), synthetic = synthetic_views(4, 0.1);
  for (std::uint64_t n = 0; n < 1'000; ++n) {
    const auto& views = n % 10 == 9 ? *synthetic : *random;
    const MarketSessionView& view = views[n % views.size()];
    const KalshiEnvConfig config = config_of(n);
    Env env(view, config), mirror(view.mirrored(), config);
    Row row{}, mirror_row{};
    env.reset(n, row);
    mirror.reset(n, mirror_row);
    RandomAgent agent(n);
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(env.action_space().n));
    for (bool ended = false; !ended;) {
      const std::int32_t action = agent(env), mapped = env.layout().mirrored(action);
      mirror.action_masks(mask);
      bool sound = true;
      for (int id = 0; id < env.layout().size(); ++id) {
        sound =
            sound && agent.mask()[static_cast<std::size_t>(id)] == mask[static_cast<std::size_t>(env.layout().mirrored(id))];
      }
      const rlx::Transition t = env.step(std::span(&action, 1), row);
      const rlx::Transition u = mirror.step(std::span(&mapped, 1), mirror_row);
      sound = sound && t.reward == u.reward && t.terminated == u.terminated && t.truncated == u.truncated;
      sound = sound && env.info().equity == mirror.info().equity && env.info().cash == mirror.info().cash;
      sound = sound && env.info().position == -mirror.info().position && env.info().fees == mirror.info().fees;
      sound = sound && env.info().attribution == mirror.info().attribution;
      sound = sound && row[37] == -mirror_row[37] && row[36] == mirror_row[36];
      for (std::size_t i = 38; i <= 46; ++i) sound = sound && std::abs(row[i] - mirror_row[i]) < 1e-6F;
      for (std::size_t i = 47; i <= 50; ++i) sound = sound && std::abs(row[i] - mirror_row[i ^ (i < 49 ? 31U : 3U)]) < 1e-6F;
      sound = sound && row[51] == mirror_row[51];
      CAPTURE(n, view.market().ticker, env.info().steps);
      REQUIRE(sound);
      ended = t.terminated || t.truncated;
    }
  }
}

TEST_CASE("Nothing before a group changes when all that follows it is replaced, and the result only the last reward") {
  const auto random = random_views(6, 400), synthetic = synthetic_views(2, 0.1);
  std::size_t compared = 0, results = 0;
  for (const auto& views : {random, synthetic}) {
    for (std::size_t source = 0; source < views->size(); ++source) {
      const MarketSessionView& view = (*views)[source];
      struct Seen {
        Row row{};
        std::vector<std::uint8_t> mask;
        double reward = 0.0;
        bool operator==(const Seen&) const = default;
      };
      // The first `groups` observations; the agent draws the same numbers everywhere.
      const auto watch = [&](Env& env, std::size_t groups) {
        std::vector<Seen> all(1);
        env.reset(source, all[0].row);
        RandomAgent agent(source);
        bool ended = false;
        while (!ended && all.size() < groups) {
          const std::int32_t action = agent(env);
          all.back().mask.assign(agent.mask().begin(), agent.mask().end());
          Seen next;
          const rlx::Transition t = env.step(std::span(&action, 1), next.row);
          next.reward = t.reward;
          ended = t.terminated || t.truncated;
          all.push_back(std::move(next));
        }
        agent(env);
        all.back().mask.assign(agent.mask().begin(), agent.mask().end());
        return all;
      };
      KalshiEnvConfig config;
      config.layout = ActionLayout::extended();
      Env reference(view, config);
      const std::vector<Seen> truth = watch(reference, view.length());
      for (std::size_t known = 1; known < truth.size(); known += 100) {
        Env env(view, config);
        watch(env, known + 1);
        Seen now;
        env.corrupt_future(known);
        env.observe(now.row);
        now.mask.resize(truth[known].mask.size());
        env.action_masks(now.mask);
        REQUIRE(now.row == truth[known].row);
        REQUIRE(now.mask == truth[known].mask);
        const std::vector<Seen> again = watch(env, known + 1);
        REQUIRE(std::equal(again.begin(), again.end(), truth.begin()));
        ++compared;
      }
      if (!view.market().settlement || truth.size() < view.length()) continue;
      Env other(view.with_corrupted_future(view.length() - 1, 5), config);
      const std::vector<Seen> changed = watch(other, view.length());
      REQUIRE(std::equal(changed.begin(), changed.end() - 1, truth.begin()));
      results += changed.back().reward != truth.back().reward ? 1 : 0;
    }
  }
  REQUIRE(compared >= 20);
  REQUIRE(results >= 3);
}

TEST_CASE("On a book that never moves no sequence of orders raises equity") {
  rlx_test::TestMarket market;
  Micros time = rlx_test::market_start_us;
  market.rows = {{time, EventKind::book_clear, 0, 0},
                 {time, EventKind::level_set_yes, 4'900, contracts(30)},
                 {time, EventKind::level_set_yes, 4'700, contracts(300)},
                 {time, EventKind::level_set_no, 5'000, contracts(30)},
                 {time, EventKind::level_set_no, 5'300, contracts(300)}};
  for (int k = 0; k < 300; ++k) market.rows.push_back({time += 1'000'000, EventKind::trade_yes, 5'000, 1});
  for (std::uint64_t n = 0; n < 60; ++n) {
    Env env(rlx_test::view_of(market), config_of(n));
    Row row{};
    env.reset(n, row);
    RandomAgent agent(n);
    rlx_test::play(env, agent, [&](const rlx::Transition& t, const Row&) { REQUIRE(t.reward <= 0.0); });
    REQUIRE(env.info().equity <= env.info().starting_cash);
  }
}
