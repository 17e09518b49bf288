// SPDX-License-Identifier: MIT
#include <rlx/kalshi/view_filter.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <rlx/curriculum/split.hpp>
#include <rlx/kalshi/memory_session_store.hpp>

#include "kalshi/random_market.hpp"
#include "kalshi/real_views.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;
using rlx_test::make_session;
using rlx_test::market_start_us;
using rlx_test::random_rows;
using rlx_test::TestMarket;

TestMarket market(const char* ticker, std::uint64_t seed, std::size_t groups) {
  TestMarket made;
  made.ticker = ticker;
  made.rows = random_rows(seed, groups, TickGrid::linear_cent);
  return made;
}

// Four markets for a reason of rejection each, and two that pass.
std::shared_ptr<const SessionData> mixed_session(SessionId id) {
  TestMarket none;
  none.ticker = "EVENT-A-EMPTY";
  TestMarket broken = market("EVENT-B-BROKEN", 3, 60);
  // in a gap for a good part of its time
  broken.rows.push_back({broken.rows.back().ts_us + 1'000'000, EventKind::gap_begin, 0, 0});
  TestMarket after = market("EVENT-B-BROKEN", 4, 200);
  const Micros later = broken.rows.back().ts_us + 3'000'000'000 - market_start_us;
  for (EventRow row : after.rows) {
    row.ts_us += later;
    broken.rows.push_back(row);
  }
  return make_session({market("EVENT-A-LONG", 1, 200), market("EVENT-A-SHORT", 2, 49), none, broken,
                       market("EVENT-B-LONG", 5, 300), market("OTHER-C-BRIEF", 6, 55)},
                      std::pair{market_start_us, market_start_us + 22'000'000'000}, id);
}

std::string reasons(const std::vector<Rejection>& rejections) {
  std::string text;
  for (const Rejection& each : rejections) {
    text += std::to_string(each.session) + ' ' + each.ticker + ": " + std::string(rejection_reason_name(each.reason)) + '\n';
  }
  return text;
}

// A store with a session that is still open.
struct OpenStore {
  MemorySessionStore inner;
  std::vector<SessionSummary> list() {
    auto all = inner.list();
    SessionSummary& open = all.emplace_back();
    open.id = 99;
    open.status = "active";
    open.loadable = false;
    return all;
  }
  std::shared_ptr<const SessionData> load(SessionId id) { return inner.load(id); }
  SessionId save(const SessionData& data) { return inner.save(data); }
  std::vector<MarketInfo> markets() { return inner.markets(); }
};

}  // namespace

TEST_CASE("every market becomes a view or is rejected with its reason") {
  const auto session = mixed_session(7);
  std::vector<MarketSessionView> views;
  std::vector<Rejection> rejections;
  append_views(session, {}, views, &rejections);
  REQUIRE(views.size() == 2);
  CHECK(views[0].market().ticker == "EVENT-A-LONG");
  CHECK(views[1].market().ticker == "EVENT-B-LONG");
  CHECK(reasons(rejections) ==
        "7 EVENT-A-EMPTY: no decision groups\n"
        "7 EVENT-A-SHORT: too short\n"
        "7 EVENT-B-BROKEN: low quality\n"
        "7 OTHER-C-BRIEF: low coverage\n");
  CHECK(rejections[1].found == 49.0);
  CHECK(rejections[2].found > 0.1);
  CHECK(rejections[2].found < 0.95);
  CHECK(rejections[3].found < 0.1);
  CHECK(rejection_counts(rejections) == "1 no decision groups, 1 too short, 1 low coverage, 1 low quality");

  views.clear();
  append_views(session, all_views(), views);
  CHECK(views.size() == 5);
  views.clear();
  rejections.clear();
  append_views(session, {.min_length = 50, .max_length = 250, .min_coverage = 0.0, .min_quality = 0.0}, views, &rejections);
  CHECK(views.size() == 2);  // 200 and 55 groups; not 260 and 300
  CHECK(rejection_counts(rejections) == "1 no decision groups, 1 too short, 2 too long");
}

TEST_CASE("the filter's bounds are inclusive and its defaults those of the specification") {
  const ViewFilter filter;
  CHECK(filter.min_length == 50);
  CHECK(filter.min_coverage == 0.10);
  CHECK(filter.min_quality == 0.95);
  const auto session = make_session({market("EVENT-A-X", 2, 50)});
  std::vector<MarketSessionView> views;
  append_views(session, {.min_length = 50, .max_length = 50, .min_coverage = 0.0}, views);
  CHECK(views.size() == 1);
}

TEST_CASE("views of a store come from every session that can be loaded") {
  OpenStore store;
  store.save(*mixed_session(1));
  store.save(*mixed_session(5));
  std::vector<Rejection> rejections;
  const auto views = make_views(store, {}, &rejections);
  REQUIRE(views.size() == 4);
  CHECK(views[0].session()->session_id() == 1);
  CHECK(views[3].session()->session_id() == 5);
  CHECK(rejections.size() == 8);
  CHECK(rejections[7].session == 5);
}

TEST_CASE("no view left is an error with the counts of every reason") {
  MemorySessionStore store;
  store.save(*mixed_session(1));
  try {
    (void)make_views(store, {.min_length = 100'000});
    FAIL("no error");
  } catch (const rlx::ConfigError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("none is left of 6 markets of 1 closed sessions"));
    CHECK_THAT(error.what(), ContainsSubstring("1 no decision groups, 5 too short"));
  }
}

TEST_CASE("a store without a closed session says so") {
  OpenStore store;
  try {
    (void)make_views(store);
    FAIL("no error");
  } catch (const rlx::ConfigError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("expected at least one closed session, found none beside 1 that are open"));
  }
  MemorySessionStore empty;
  try {
    (void)make_views(empty);
    FAIL("no error");
  } catch (const rlx::ConfigError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("found none; add sessions to the store"));
  }
}

TEST_CASE("filters that cannot be are refused by name") {
  std::vector<MarketSessionView> views;
  const auto session = mixed_session(1);
  const auto message = [&](const ViewFilter& filter) {
    try {
      append_views(session, filter, views);
    } catch (const rlx::ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(message({.min_coverage = 1.5}), ContainsSubstring("min_coverage") && ContainsSubstring("1.5"));
  CHECK_THAT(message({.min_coverage = -0.1}), ContainsSubstring("min_coverage"));
  CHECK_THAT(message({.min_quality = std::numeric_limits<double>::quiet_NaN()}), ContainsSubstring("min_quality"));
  CHECK_THAT(message({.min_length = 10, .max_length = 5}), ContainsSubstring("min_length"));
}

TEST_CASE("the recorded events: filtered views, and a hold-out of the last days") {
  std::vector<MarketSessionView> views;
  std::vector<Rejection> rejected;
  for (const char* const day : {"05", "06", "07", "08", "10", "11", "12", "13", "14", "15", "16", "19", "20", "21", "22"}) {
    const auto session = rlx_test::real_event(std::string("KXHIGHNY-25DEC") + day);
    if (session == nullptr) return;
    append_views(session, {}, views, &rejected);
  }
  REQUIRE(views.size() + rejected.size() == 90);
  const ViewSet set(views);
  std::vector<rlx::curriculum::EpisodeInfo> infos;
  for (std::size_t i = 0; i < views.size(); ++i) {
    infos.push_back({.source = i,
                     .event = set.events()[i],
                     .session = static_cast<std::int64_t>(set.events()[i]),
                     .day = views[i].day(),
                     .start_us = views[i].start_us(),
                     .end_us = views[i].end_us(),
                     .length = views[i].length()});
  }
  CHECK(reasons(rejected) ==
        "0 KXHIGHNY-25DEC06-T46: low coverage\n0 KXHIGHNY-25DEC07-T37: low coverage\n0 KXHIGHNY-25DEC11-T45: low coverage\n");
  const rlx::curriculum::Split split = rlx::curriculum::hold_out(infos, {.share = 0.2});
  // The last two days have 12 of 87 views, the last three 18: the first number not below 17.4.
  REQUIRE(split.held_out.size() == 18);
  std::set<std::string> events;
  for (const std::size_t i : split.held_out) events.emplace(views[i].event_ticker());
  CHECK(events == std::set<std::string>{"KXHIGHNY-25DEC20", "KXHIGHNY-25DEC21", "KXHIGHNY-25DEC22"});
  for (const std::size_t i : split.training) CHECK(events.count(std::string(views[i].event_ticker())) == 0);
  // The first quote of the 20th came on the 19th at 07:01 Pacific, while four brackets of the 19th were still traded.
  std::string dropped;
  for (const rlx::curriculum::DroppedSource& each : split.dropped) {
    CHECK(each.reason == rlx::curriculum::DropReason::embargo);
    dropped += views[each.source].market().ticker + ' ';
  }
  CHECK(dropped == "KXHIGHNY-25DEC19-B56.5 KXHIGHNY-25DEC19-B58.5 KXHIGHNY-25DEC19-B60.5 KXHIGHNY-25DEC19-T61 ");
  CHECK(split.training.size() == 65);
}

TEST_CASE("a view set numbers events and hands over what difficulty is made of") {
  std::vector<MarketSessionView> views;
  append_views(mixed_session(1), all_views(), views);
  TestMarket fine = market("EVENT-A-FINE", 8, 60);
  fine.grid = TickGrid::tapered_deci_cent;
  append_views(make_session({fine}), all_views(), views);
  const ViewSet set(views);
  REQUIRE(set.size() == 6);
  CHECK(std::vector<std::uint32_t>(set.events().begin(), set.events().end()) ==
        std::vector<std::uint32_t>{0, 0, 1, 1, 2, 0});  // EVENT-A, EVENT-B, OTHER-C
  CHECK(set.largest_grid() == TickGrid::tapered_deci_cent);
  REQUIRE(set.difficulty_statistics_rows().size() == 18);
  for (std::size_t i = 0; i < set.size(); ++i) {
    CHECK(set.difficulty_statistics_rows()[3 * i] == set[i].avg_spread());
    CHECK(set.difficulty_statistics_rows()[3 * i + 1] == set[i].volatility_score());
    CHECK(set.difficulty_statistics_rows()[3 * i + 2] == set[i].market_coverage());
  }
  CHECK_THROWS_AS(set.at(6), rlx::ConfigError);
  CHECK_THROWS_AS(ViewSet({}), rlx::ConfigError);
}
