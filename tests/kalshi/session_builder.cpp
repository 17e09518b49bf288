// SPDX-License-Identifier: MIT
#include <rlx/kalshi/session_builder.hpp>
//
#include <algorithm>
#include <string>
#include <vector>

#include "rlx_catch.hpp"

using namespace rlx::kalshi;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

namespace {

constexpr Micros t0 = 1'750'000'000'000'000;
constexpr Micros ms = 1'000;
using K = EventKind;

std::vector<EventRow> rows_of(const SessionData& session, std::size_t market = 0) {
  std::vector<EventRow> rows;
  for (std::size_t i = 0; i < session.columns(market).size(); ++i) rows.push_back(session.columns(market).row(i));
  return rows;
}

}  // namespace

TEST_CASE("Markets lie by ticker, their rows in the order given", "[kalshi][session_builder]") {
  SessionBuilder builder(7);
  builder.set_source("test", "demo");
  builder.append("B-1", {t0, K::book_clear, 0, 0});
  builder.append("A-1", {t0 + ms, K::book_clear, 0, 0});
  builder.append("B-1", {t0 + 2 * ms, K::level_delta_yes, 4'500, 100});
  builder.append("A-1", {t0 + 3 * ms, K::trade_no, 4'400, 250});
  const auto session = builder.finish();
  REQUIRE(session->session_id() == 7);
  CHECK(session->source() == "test");
  CHECK(session->environment() == "demo");
  CHECK(session->start_us() == t0);
  CHECK(session->end_us() == t0 + 3 * ms);
  REQUIRE(session->markets().size() == 2);
  CHECK(session->markets()[0].ticker == "A-1");
  CHECK(session->markets()[1].event_ticker == "B");
  CHECK(session->find("B-1") == 1);
  CHECK(session->find("C") == 2);
  CHECK(session->events() == 4);
  CHECK(rows_of(*session, 1) ==
        std::vector<EventRow>{{t0, K::book_clear, 0, 0}, {t0 + 2 * ms, K::level_delta_yes, 4'500, 100}});
  CHECK(session->reports()[0].trades == 1);
  CHECK(session->reports()[1].deltas == 1);
  CHECK(session->report().total.snapshots == 2);
  CHECK(builder.size() == 0);
  CHECK(builder.finish()->markets().empty());
}

TEST_CASE("A snapshot has its YES levels first, at one time, without empty ones", "[kalshi][session_builder]") {
  SessionBuilder builder;
  builder.append("A", {t0, K::book_clear, 0, 0});
  CHECK(builder.append("A", {t0, K::level_set_no, 6'000, 300}));
  CHECK(builder.append("A", {t0 + ms, K::level_set_yes, 4'500, 100}));
  CHECK_FALSE(builder.append("A", {t0, K::level_set_yes, 4'700, 0}));
  CHECK(builder.append("A", {t0, K::level_set_yes, 4'400, 200}));
  const auto session = builder.finish();
  CHECK(rows_of(*session) == std::vector<EventRow>{{t0, K::book_clear, 0, 0},
                                                   {t0, K::level_set_yes, 4'500, 100},
                                                   {t0, K::level_set_yes, 4'400, 200},
                                                   {t0, K::level_set_no, 6'000, 300}});
}

TEST_CASE("Times never run backwards inside a market, and other markets do not matter", "[kalshi][session_builder]") {
  SessionBuilder builder;
  builder.append("A", {t0, K::book_clear, 0, 0});
  builder.append("B", {t0 + 9 * ms, K::book_clear, 0, 0});
  builder.append("A", {t0 + 5 * ms, K::level_delta_yes, 4'500, 100});
  builder.append("A", {t0 + 4 * ms, K::level_delta_yes, 4'500, 100});
  const auto session = builder.finish();
  CHECK(session->columns(0).ts_us[2] == t0 + 5 * ms);
  CHECK(session->reports()[0].backwards == 1);
  CHECK(session->reports()[1].backwards == 0);
  CHECK(session->data_quality_score(0) == Approx(1.0 - 1.0 / 3.0));  // one of three rows
}

TEST_CASE("Rows ahead of the first snapshot are skipped and counted", "[kalshi][session_builder]") {
  SessionBuilder builder;
  CHECK_FALSE(builder.append("A", {t0, K::level_delta_yes, 4'500, 100}));
  CHECK_FALSE(builder.append("A", {t0, K::gap_begin, 0, 0}));
  CHECK(builder.append("A", {t0 + ms, K::book_clear, 0, 0}));
  builder.append("B", {t0, K::trade_yes, 4'500, 100});
  const auto session = builder.finish();
  CHECK(session->reports()[0].before_snapshot == 1);
  CHECK(session->columns(0).size() == 1);
  CHECK(session->columns(1).size() == 0);
  CHECK(session->data_quality_score(1) == 0.0);
}

TEST_CASE("The time between the first row and the first snapshot has no quality", "[kalshi][session_builder]") {
  SessionBuilder builder;
  builder.append("A", {t0 + ms, K::level_delta_yes, 4'500, 100});
  builder.append("A", {t0, K::trade_yes, 4'500, 100});  // dated earlier than the row before it
  builder.append("A", {t0 + 10 * ms, K::book_clear, 0, 0});
  builder.append("A", {t0 + 10 * ms, K::level_set_yes, 4'500, 100});
  builder.append("A", {t0 + 40 * ms, K::level_delta_yes, 4'500, 100});
  const auto session = builder.finish();
  CHECK(session->reports()[0].before_snapshot == 2);
  CHECK(session->reports()[0].before_snapshot_us == 10 * ms);
  CHECK(session->data_quality_score(0) == Approx(1.0 - 10.0 / 40.0));
}

TEST_CASE("A gap has one beginning, and one end in front of the next snapshot", "[kalshi][session_builder]") {
  SessionBuilder builder;
  builder.append("A", {t0, K::book_clear, 0, 0});
  builder.append("A", {t0, K::level_set_yes, 4'500, 100});
  builder.append("A", {t0 + 10 * ms, K::gap_begin, 0, 0});
  CHECK_FALSE(builder.append("A", {t0 + 11 * ms, K::gap_begin, 0, 0}));
  CHECK_FALSE(builder.append("A", {t0 + 12 * ms, K::gap_end, 0, 0}));
  builder.append("A", {t0 + 30 * ms, K::book_clear, 0, 0});
  builder.append("A", {t0 + 30 * ms, K::level_set_yes, 4'600, 100});
  builder.append("A", {t0 + 40 * ms, K::level_delta_yes, 4'600, 100});
  const auto session = builder.finish();
  CHECK(rows_of(*session) == std::vector<EventRow>{{t0, K::book_clear, 0, 0},
                                                   {t0, K::level_set_yes, 4'500, 100},
                                                   {t0 + 10 * ms, K::gap_begin, 0, 0},
                                                   {t0 + 30 * ms, K::gap_end, 0, 0},
                                                   {t0 + 30 * ms, K::book_clear, 0, 0},
                                                   {t0 + 30 * ms, K::level_set_yes, 4'600, 100},
                                                   {t0 + 40 * ms, K::level_delta_yes, 4'600, 100}});
  CHECK(session->reports()[0].gaps == 1);
  CHECK(session->data_quality_score(0) == Approx(0.5));  // 20 of 40 ms
}

TEST_CASE("Quality multiplies the shares of gaps, crossed groups, clamps and repeats", "[kalshi][session_builder]") {
  SessionBuilder builder;
  builder.append("A", {t0, K::book_clear, 0, 0});
  builder.append("A", {t0, K::level_set_yes, 4'500, 100});
  builder.append("A", {t0, K::level_set_no, 4'600, 100});
  builder.append("A", {t0 + ms, K::level_delta_no, 4'500, 50});       // locked
  builder.append("A", {t0 + 2 * ms, K::level_delta_no, 4'500, -60});  // clamped
  builder.append("A", {t0 + 3 * ms, K::level_delta_no, 4'700, 60});
  builder.count_duplicate(0, 2);
  builder.append("A", {t0 + 9 * ms, K::level_delta_yes, 4'500, -100});  // from here the closing marker
  builder.append("A", {t0 + 9 * ms, K::level_delta_no, 4'600, -100});
  builder.append("A", {t0 + 9 * ms, K::level_delta_no, 4'700, -60});
  const auto session = builder.finish();
  CHECK(session->reports()[0].clamped == 1);
  CHECK(session->data_quality_score() == Approx((1 - 1.0 / 4) * (1 - 1.0 / 6) * (1 - 2.0 / 11)));
}

TEST_CASE("A market without description has the coarsest grid of its prices", "[kalshi][session_builder]") {
  const auto grid = [](std::vector<Price> prices) {
    SessionBuilder builder;
    builder.append("A", {t0, K::book_clear, 0, 0});
    for (const Price price : prices) builder.append("A", {t0, K::level_set_yes, price, 100});
    return builder.finish()->markets()[0].grid;
  };
  CHECK(grid({100, 4'500, 9'900}) == TickGrid::linear_cent);
  CHECK(grid({110, 4'500, 9'910}) == TickGrid::tapered_deci_cent);
  CHECK(grid({110, 4'510}) == TickGrid::deci_cent);
}

TEST_CASE("A description fixes the grid and fills what the ticker says", "[kalshi][session_builder]") {
  SessionBuilder builder;
  MarketInfo info;
  info.ticker = "S-E-M";
  info.grid = TickGrid::deci_cent;
  info.close_us = t0;
  info.has_sizes = false;
  const std::size_t market = builder.set_market(info);
  builder.set_settlement(market, 10'000);
  REQUIRE_NOTHROW(builder.set_settlement(market, 10'000));
  REQUIRE_THROWS_AS(builder.set_settlement(market, 0), rlx::DataError);
  const auto session = builder.finish();
  CHECK(session->markets()[0].grid == TickGrid::deci_cent);
  CHECK(session->markets()[0].series_ticker == "S");
  CHECK(session->markets()[0].event_ticker == "S-E");
  CHECK(session->markets()[0].settlement == 10'000);
  CHECK_FALSE(session->markets()[0].has_sizes);

  builder.append("A", {t0, K::book_clear, 0, 0});
  builder.append("A", {t0, K::level_set_yes, 110, 100});
  info.ticker = "A";
  info.grid = TickGrid::linear_cent;
  REQUIRE_THROWS_AS(builder.set_market(info), rlx::DataError);
}

TEST_CASE("Rows that cannot be are refused and leave the builder as it was", "[kalshi][session_builder]") {
  SessionBuilder builder;
  builder.append("A", {t0, K::book_clear, 0, 0});
  const auto refused = [&](const EventRow& row, const char* words) {
    try {
      builder.append("A", row);
    } catch (const rlx::DataError& error) {
      CHECK_THAT(error.what(), ContainsSubstring(words));
      return true;
    }
    return false;
  };
  CHECK(refused({1'577'836'799'999'999, K::book_clear, 0, 0}, "2020"));
  CHECK(refused({4'102'444'800'000'000, K::book_clear, 0, 0}, "2020 to 2099"));
  CHECK(refused({t0, K::level_delta_yes, -100, 100}, "-100"));
  CHECK(refused({t0, K::level_delta_yes, 10'100, 100}, "10100"));
  CHECK(refused({t0, K::level_delta_yes, 4'505, 100}, "4505"));
  CHECK(refused({t0, K::level_set_yes, 4'500, -1}, "-1"));
  CHECK(refused({t0, K::trade_yes, 4'500, -1}, "-1"));
  CHECK(refused({t0, K::level_delta_yes, 4'500, max_level_size + 1}, "size"));
  CHECK(refused({t0, K::level_delta_yes, 4'500, -max_level_size - 1}, "size"));
  builder.append("A", {t0, K::level_delta_yes, 4'500, 100});
  CHECK(refused({t0, K::level_set_yes, 4'500, 100}, "outside a snapshot"));
  REQUIRE_THROWS_AS(builder.append("", {t0, K::book_clear, 0, 0}), rlx::DataError);
  REQUIRE_THROWS_AS(builder.set_span(t0, t0 - 1), rlx::DataError);
  CHECK(builder.finish()->events() == 2);
}

TEST_CASE("A level named twice in a snapshot is refused at the end", "[kalshi][session_builder]") {
  SessionBuilder builder;
  builder.append("A", {t0, K::book_clear, 0, 0});
  builder.append("A", {t0, K::level_set_yes, 4'500, 100});
  builder.append("A", {t0, K::level_set_yes, 4'500, 200});
  REQUIRE_THROWS_AS(builder.finish(), rlx::DataError);
  CHECK(builder.size() == 1);
}

TEST_CASE("Strict throws where rows would be repaired", "[kalshi][session_builder]") {
  SessionBuilder builder(0, true);
  REQUIRE_THROWS_AS(builder.append("A", {t0, K::level_delta_yes, 4'500, 100}), rlx::DataError);
  builder.append("A", {t0, K::book_clear, 0, 0});
  REQUIRE_THROWS_AS(builder.append("A", {t0 - 1, K::level_delta_yes, 4'500, 100}), rlx::DataError);
  builder.append("A", {t0, K::level_delta_yes, 4'500, -100});
  REQUIRE_THROWS_AS(builder.finish(), rlx::DataError);
}

TEST_CASE("The recorder's span is widened to the events", "[kalshi][session_builder]") {
  SessionBuilder builder;
  builder.set_span(t0 - 5 * ms, t0 + 5 * ms);
  builder.append("A", {t0, K::book_clear, 0, 0});
  builder.append("A", {t0 + 9 * ms, K::level_delta_yes, 4'500, 100});
  const auto session = builder.finish();
  CHECK(session->start_us() == t0 - 5 * ms);
  CHECK(session->end_us() == t0 + 9 * ms);
}
