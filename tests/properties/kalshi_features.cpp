// SPDX-License-Identifier: MIT
/// @file
/// @brief What the 52 columns must be in whole episodes: alive, independent of each other, and blind to who the market is.
#include <rlx/kalshi/environment.hpp>

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

#include "kalshi/column_figures.hpp"
#include "kalshi/random_agent.hpp"
#include "kalshi/random_market.hpp"
#include "kalshi/real_views.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::RandomAgent;
using rlx_test::TestMarket;

using Env = MarketAgnosticKalshiEnv;
using Row = std::array<float, feature_count>;

// Every observation of an episode, with random legal actions on a third of the steps.
void append_rows(const MarketSessionView& view, std::uint64_t seed, std::vector<Row>& rows) {
  Env env(view, {});
  env.reset(seed, rows.emplace_back());
  RandomAgent agent(seed, 1.0 / 3.0);
  rlx_test::play(env, agent, [&](const rlx::Transition&, const Row& row) { rows.push_back(row); });
}

struct Seen {
  Row row{};
  std::vector<std::uint8_t> mask;
  double reward = 0.0;
  bool operator==(const Seen&) const = default;
};

// A whole episode as the agent sees it. @param acting  share of random legal actions
std::vector<Seen> watch(const MarketSessionView& view, double acting) {
  KalshiEnvConfig config;
  config.layout = ActionLayout::extended();
  Env env(view, config);
  std::vector<Seen> all(1);
  env.reset(3, all[0].row);
  RandomAgent agent(3, acting);
  const auto remember = [&](const rlx::Transition& t, const Row& row) {
    all.back().mask.assign(agent.mask().begin(), agent.mask().end());
    all.push_back({row, {}, t.reward});
  };
  rlx_test::play(env, agent, remember);
  return all;
}

TestMarket market(std::uint64_t seed, const char* ticker) {
  TestMarket made;
  made.ticker = ticker;
  made.rows = rlx_test::random_rows(seed, 500, TickGrid::linear_cent);
  made.close_us = made.rows.back().ts_us + 3'600'000'000;
  made.settlement = 10'000;
  return made;
}

}  // namespace

TEST_CASE("On generated markets all 52 columns vary and none follows from the others") {
  std::vector<Row> rows;
  for (std::size_t day = 0; rows.size() < 100'000; ++day) {
    std::vector<MarketSessionView> views;
    append_views(generate_session({}, 7, day).session, {}, views);
    for (const MarketSessionView& view : views) append_rows(view, day, rows);
  }
  const rlx_test::ColumnFigures found = rlx_test::figures(rows);
  for (std::size_t c = 0; c < feature_count; ++c) {
    CAPTURE(c, feature_layout[c].name);
    CHECK(found.deviations[c] >= 0.03);
  }
  CHECK(found.rank == feature_count);
}

TEST_CASE("On recorded top-of-book markets exactly the eleven columns of sizes are constant, the others have rank 41") {
  std::vector<Row> rows;
  for (const char* const event : {"KXHIGHNY-25DEC05", "KXHIGHNY-25DEC16"}) {
    const auto session = rlx_test::real_event(event);
    if (session == nullptr) return;
    std::vector<MarketSessionView> views;
    append_views(session, {}, views);
    for (std::size_t i = 0; i < views.size(); ++i) append_rows(views[i], i, rows);
  }
  const rlx_test::ColumnFigures found = rlx_test::figures(rows);
  for (std::size_t c = 0; c < feature_count; ++c) {
    CAPTURE(c, feature_layout[c].name);
    CHECK((found.deviations[c] == 0.0) == (c >= 10 && c <= 20));
  }
  CHECK(found.rank == 41);
}

TEST_CASE("An episode is the same by any name and at any date") {
  const TestMarket here = market(21, "TEST-25DEC01-A");
  TestMarket there = here;
  there.ticker = "OTHER-26JAN07-T99.5";
  constexpr Micros shift = (37 * 24 + 5) * Micros{3'600'000'000};
  for (EventRow& row : there.rows) row.ts_us += shift;
  *there.close_us += shift;
  const std::vector<Seen> seen = watch(rlx_test::view_of(here), 1.0);
  CHECK(seen.size() > 400);
  CHECK(watch(rlx_test::view_of(there), 1.0) == seen);
}

TEST_CASE("All sizes times four change nothing that the agent sees while it holds, if touches have 15 orders") {
  TestMarket thin = market(22, "TEST-25DEC01-A");
  for (EventRow& row : thin.rows) row.count *= 1'000'000;
  TestMarket deep = thin;
  for (EventRow& row : deep.rows) row.count *= 4;
  const std::vector<Seen> a = watch(rlx_test::view_of(thin), 0.0), b = watch(rlx_test::view_of(deep), 0.0);
  REQUIRE(a.size() == b.size());
  for (std::size_t k = 0; k < a.size(); ++k) {
    REQUIRE(a[k].mask == b[k].mask);
    REQUIRE(a[k].reward == b[k].reward);
    for (std::size_t c = 0; c < feature_count; ++c) {
      CAPTURE(k, c);
      REQUIRE(std::abs(a[k].row[c] - b[k].row[c]) <= 1e-6F);
    }
  }
}

TEST_CASE("No decision changes when another market of the event is edited") {
  const TestMarket ours = market(23, "TEST-25DEC01-A");
  TestMarket other = market(24, "TEST-25DEC01-B"), another = market(25, "TEST-25DEC01-B");
  another.rows.resize(another.rows.size() / 2);
  another.settlement = 0;
  const auto seen_beside = [&](const TestMarket& neighbour) {
    return watch(MarketSessionView::create(rlx_test::make_session({ours, neighbour}), ours.ticker).value(), 1.0);
  };
  CHECK(seen_beside(other) == seen_beside(another));
}
