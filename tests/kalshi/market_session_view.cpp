// SPDX-License-Identifier: MIT
#include <rlx/kalshi/market_session_view.hpp>

#include "rlx_catch.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <rlx/kalshi/account.hpp>
#include <rlx/kalshi/order_book.hpp>

#include "kalshi/random_market.hpp"
#include "kalshi/real_views.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::Approx;
using rlx_test::make_session;
using rlx_test::market_start_us;
using rlx_test::random_rows;
using rlx_test::TestMarket;
using rlx_test::view_of;

constexpr Micros t0 = market_start_us;
constexpr Micros second = 1'000'000;

EventRow at(Micros after, EventKind kind, Price price = 0, Count count = 0) { return {t0 + after, kind, price, count}; }

// Five groups: 40/44, 40/42, -/42, 41/45, 41/43 (cents) at 0, 60, 120, 180 and 300 seconds.
TestMarket five_groups() {
  TestMarket market;
  market.rows = {at(0, EventKind::book_clear),
                 at(0, EventKind::level_set_yes, 4'000, 500),
                 at(0, EventKind::level_set_no, 4'400, 500),
                 at(60 * second, EventKind::level_delta_no, 4'400, -500),
                 at(60 * second, EventKind::level_delta_no, 4'200, 500),
                 at(120 * second, EventKind::level_delta_yes, 4'000, -500),
                 at(180 * second, EventKind::level_delta_yes, 4'100, 500),
                 at(180 * second, EventKind::level_delta_no, 4'200, -500),
                 at(180 * second, EventKind::level_delta_no, 4'500, 500),
                 at(300 * second, EventKind::level_delta_no, 4'300, 500)};
  return market;
}

TestMarket random_market(std::uint64_t seed, std::size_t groups) {
  TestMarket market;
  market.rows = random_rows(seed, groups, TickGrid::linear_cent);
  market.settlement = one_dollar;
  return market;
}

std::vector<EventRow> rows_of(const MarketSessionView& view) {
  std::vector<EventRow> rows;
  for (std::size_t i = 0; i < view.events().size(); ++i) rows.push_back(view.row(i));
  return rows;
}

}  // namespace

TEST_CASE("a view's statistics equal the hand-worked ones") {
  const auto session = make_session({five_groups()}, std::pair{t0 - 100 * second, t0 + 700 * second});
  const auto view = MarketSessionView::create(session, "TEST-25DEC01-A").value();
  CHECK(view.length() == 5);
  CHECK(view.total_duration_us() == 300 * second);
  CHECK(view.start_us() == t0);
  CHECK(view.group_time_us(3) == t0 + 180 * second);
  // (4 * 60 + 2 * 60 + 4 * 120) / 240; the last group has no duration
  CHECK(view.avg_spread() == Approx(3.5).epsilon(1e-12));
  // 60 + 60 + 120 + min(400, 300) of 800 seconds
  CHECK(view.market_coverage() == Approx(0.675).epsilon(1e-12));
  // every 5 s: 42 -> 41 -> 43 -> 42 in 60 steps, sqrt(6 / 60 * 60 / 5)
  CHECK(view.volatility_score() == Approx(1.0954451150103321).epsilon(1e-12));
  CHECK(view.data_quality_score() == 1.0);
}

TEST_CASE("view columns alias the session's memory and copies share it") {
  const auto session = make_session({five_groups()});
  const auto view = MarketSessionView::create(session, "TEST-25DEC01-A").value();
  const EventColumns columns = session->columns(0);
  const MarketSessionView copy = view, mirror = view.mirrored();
  for (const MarketSessionView* each : {&view, &copy, &mirror}) {
    CHECK(each->events().ts_us.data() == columns.ts_us.data());
    CHECK(each->events().kind.data() == columns.kind.data());
    CHECK(each->events().price.data() == columns.price.data());
    CHECK(each->events().count.data() == columns.count.data());
    CHECK(each->groups().data() == view.groups().data());
  }
  CHECK(&view.market() == &session->markets()[0]);
}

TEST_CASE("events of one millisecond are one group, and all are applied before its decision") {
  TestMarket market = five_groups();
  market.rows.push_back(at(400 * second, EventKind::level_delta_yes, 4'200, 100));
  market.rows.push_back(at(400 * second + 999, EventKind::level_delta_yes, 4'200, 50));
  market.rows.push_back(at(400 * second + 1'000, EventKind::level_delta_yes, 4'200, 7));
  const auto view = view_of(market);
  REQUIRE(view.length() == 7);
  CHECK(view.group_time_us(5) == t0 + 400 * second);
  CHECK(view.group_time_us(6) == t0 + 400 * second + 1'000);
  CHECK(view.group_begin(0) == 0);
  CHECK(view.group_end(6) == market.rows.size());
  OrderBook book(TickGrid::linear_cent);
  for (std::size_t k = 0; k <= 5; ++k) {
    for (std::size_t i = view.group_begin(k); i < view.group_end(k); ++i) book.apply(view.row(i));
  }
  CHECK(book.size_at(BookSide::yes, 4'200) == 150);
}

TEST_CASE("groups closer than the decision interval are merged") {
  TestMarket market = five_groups();
  const auto session = make_session({market});
  const auto view = MarketSessionView::create(session, market.ticker, {.min_decision_interval_ms = 60'001}).value();
  REQUIRE(view.length() == 3);  // 0 and 60, 120 and 180, 300 seconds
  CHECK(view.group_time_us(0) == t0 + 60 * second);
  CHECK(view.group_time_us(1) == t0 + 180 * second);
  CHECK(view.group_end(2) == market.rows.size());
  CHECK_THROWS_AS(MarketSessionView::create(session, market.ticker, {.min_decision_interval_ms = -1}), rlx::ConfigError);
}

TEST_CASE("no decision is offered while the book is broken") {
  TestMarket market = five_groups();
  const std::vector<EventRow> gap = {at(400 * second, EventKind::gap_begin),
                                     at(410 * second, EventKind::level_delta_yes, 4'200, 100),
                                     at(420 * second, EventKind::level_delta_yes, 4'200, 100),
                                     at(430 * second, EventKind::book_clear),
                                     at(430 * second, EventKind::level_set_yes, 3'900, 300),
                                     at(430 * second, EventKind::level_set_no, 4'000, 300),
                                     at(500 * second, EventKind::level_delta_yes, 3'900, 1)};
  market.rows.insert(market.rows.end(), gap.begin(), gap.end());
  const auto view = view_of(market);
  REQUIRE(view.length() == 7);
  CHECK(view.group_time_us(4) == t0 + 300 * second);
  CHECK(view.group_time_us(5) == t0 + 430 * second);
  CHECK(view.group_begin(5) == 10);  // the broken groups' events belong to the next decision
  CHECK(view.data_quality_score() == Approx(1.0 - 30.0 / 500.0).epsilon(1e-12));
}

TEST_CASE("groups that leave nothing at the end are cut and counted") {
  TestMarket market = five_groups();
  market.rows.push_back(at(301 * second, EventKind::book_clear));
  market.rows.push_back(at(302 * second, EventKind::trade_yes, 4'300, 100));
  const auto view = view_of(market);
  CHECK(view.length() == 5);
  CHECK(view.closing_groups() == 2);
  CHECK(view.end_us() == t0 + 300 * second);
}

TEST_CASE("a market without an episode gives no view and the reason") {
  const auto reason = [](const TestMarket& market, const char* ticker = "TEST-25DEC01-A") {
    RejectionReason why{};
    const auto view = MarketSessionView::create(make_session({market}), ticker, {}, &why);
    REQUIRE(!view);
    return why;
  };
  TestMarket market = five_groups();
  CHECK(reason(market, "TEST-25DEC01-B") == RejectionReason::unknown_ticker);
  market.rows.clear();
  CHECK(reason(market) == RejectionReason::no_groups);
  market.rows = {at(0, EventKind::book_clear), at(second, EventKind::trade_yes, 4'000, 1)};
  CHECK(reason(market) == RejectionReason::no_groups);
  market.rows = {at(0, EventKind::book_clear), at(0, EventKind::level_set_yes, 4'000, 1),
                 at(second, EventKind::level_delta_yes, 4'000, 1)};
  CHECK(reason(market) == RejectionReason::too_few_groups);
  market.rows.push_back(at(2 * second, EventKind::level_delta_yes, 4'000, 1));
  CHECK(reason(market) == RejectionReason::never_two_sided);
  market.rows.push_back(at(3 * second, EventKind::level_delta_no, 4'000, 1));  // locked
  CHECK(reason(market) == RejectionReason::never_two_sided);
  CHECK(rejection_reason_name(RejectionReason::never_two_sided) == "never two-sided");
}

TEST_CASE("statistics do not change when another market of the session changes") {
  const TestMarket ours = random_market(1, 500);
  TestMarket other = random_market(2, 500), another = random_market(3, 400);
  other.ticker = another.ticker = "TEST-25DEC01-B";
  const std::pair span{t0, t0 + 100'000 * second};
  const auto a = MarketSessionView::create(make_session({ours, other}, span), ours.ticker).value();
  const auto b = MarketSessionView::create(make_session({ours, another}, span), ours.ticker).value();
  CHECK(a.statistics() == b.statistics());
  CHECK(a.length() == b.length());
  CHECK(a.volatility_score() > 0.0);
}

TEST_CASE("event and day come from the description, else from ticker and last decision") {
  TestMarket market = five_groups();
  CHECK(view_of(market).event_ticker() == "TEST-25DEC01");
  CHECK(view_of(market).day() == 20'423);  // 2025-12-01
  market.close_us = t0 + 29 * 3'600 * second;
  CHECK(view_of(market).day() == 20'424);
}

TEST_CASE("a mirrored view is a valid market: sides, prices and result are swapped") {
  TestMarket market = random_market(4, 800);
  market.settlement = 3'700;
  const auto view = view_of(market);
  const auto mirror = view.mirrored();
  REQUIRE(mirror.is_mirrored());
  CHECK(mirror.market().settlement == 6'300);
  CHECK(mirror.statistics() == view.statistics());
  OrderBook book(TickGrid::linear_cent), other(TickGrid::linear_cent);
  for (std::size_t i = 0; i < view.events().size(); ++i) {
    book.apply(view.row(i));
    other.apply(mirror.row(i));
    REQUIRE(other.clamped() == book.clamped());
    REQUIRE(other.total(BookSide::yes) == book.total(BookSide::no));
    REQUIRE(other.best_size(BookSide::no) == book.best_size(BookSide::yes));
    REQUIRE(other.best_bid().has_value() == book.best_ask().has_value());
    if (book.best_ask()) REQUIRE(*other.best_bid() == 10'000 - *book.best_ask());
    // a position and its opposite are worth the same
    REQUIRE(value_of(-500, other.touch()) == value_of(500, book.touch()));
  }
  // mirrored, the session built from the mirrored rows has the same statistics
  TestMarket turned = market;
  turned.rows = rows_of(mirror);
  CHECK(view_of(turned).statistics().avg_spread == view.avg_spread());
  CHECK(view_of(turned).statistics().volatility_score == Approx(view.volatility_score()).epsilon(1e-9));
  // twice is nothing
  CHECK(rows_of(mirror.mirrored()) == rows_of(view));
  CHECK(mirror.mirrored().market().settlement == 3'700);
  CHECK(!mirror.mirrored().is_mirrored());
}

TEST_CASE("a corrupted future leaves what was known and changes what was not") {
  for (const bool sizes : {true, false}) {
    TestMarket market = random_market(5, 300);
    market.has_sizes = sizes;
    const auto view = view_of(market);
    for (const bool mirrored : {false, true}) {
      const auto base = mirrored ? view.mirrored() : view;
      for (std::size_t group = 0; group < view.length(); group += 37) {
        const auto bad = base.with_corrupted_future(group, 11);
        REQUIRE(bad.length() > group + 1);
        REQUIRE(bad.market().settlement != base.market().settlement);
        REQUIRE(bad.is_mirrored() == mirrored);
        for (std::size_t k = 0; k <= group; ++k) {
          REQUIRE(bad.group_end(k) == base.group_end(k));
          REQUIRE(bad.group_time_us(k) == base.group_time_us(k));
        }
        const std::size_t known = base.group_end(group);
        for (std::size_t i = 0; i < known; ++i) REQUIRE(bad.row(i) == base.row(i));
        std::size_t same = 0;
        for (std::size_t i = known; i < base.events().size(); ++i) same += bad.row(i) == base.row(i);
        REQUIRE(same == 0);
        CHECK(rows_of(base.with_corrupted_future(group, 11)) == rows_of(bad));
        CHECK(rows_of(base.with_corrupted_future(group, 12)) != rows_of(bad));
      }
      const auto end = base.with_corrupted_future(view.length() - 1, 11);
      CHECK(rows_of(end) == rows_of(base));
      CHECK(end.market().settlement != base.market().settlement);
      CHECK_THROWS_AS(base.with_corrupted_future(view.length(), 1), std::logic_error);
    }
  }
}

TEST_CASE("a corrupted future never merges with the decision it follows") {
  TestMarket market = random_market(6, 300);
  const auto view =
      MarketSessionView::create(make_session({market}), market.ticker, {.min_decision_interval_ms = 45'000}).value();
  for (std::size_t group = 0; group < view.length(); group += 11) {
    const auto bad = view.with_corrupted_future(group, group);
    for (std::size_t k = 0; k <= group; ++k) REQUIRE(bad.group_end(k) == view.group_end(k));
  }
}

TEST_CASE("the worked figures of a recorded market") {
  const auto session = rlx_test::real_event("KXHIGHNY-25DEC16");
  if (session == nullptr) return;
  const auto view = MarketSessionView::create(session, "KXHIGHNY-25DEC16-B32.5").value();
  CHECK(view.length() == 6'504);
  CHECK(view.avg_spread() == Approx(1.564257).margin(5e-7));
  CHECK(view.market_coverage() == Approx(0.652655).margin(5e-7));
  CHECK(view.volatility_score() == Approx(0.976942).margin(5e-7));
  CHECK(view.data_quality_score() > 0.95);
  CHECK(view.event_ticker() == "KXHIGHNY-25DEC16");
  CHECK(view.day() == 20'439);  // closes 2025-12-17T05:00Z
}
