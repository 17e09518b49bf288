// SPDX-License-Identifier: MIT
#include <rlx/kalshi/features.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/kalshi/market_session_view.hpp>

#include "kalshi/column_figures.hpp"
#include "kalshi/random_market.hpp"
#include "kalshi/real_views.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::Approx;
using rlx_test::ColumnFigures;
using rlx_test::figures;
using rlx_test::make_session;
using rlx_test::market_start_us;
using rlx_test::random_rows;
using rlx_test::TestMarket;
using rlx_test::view_of;

constexpr Micros t0 = market_start_us;
constexpr Micros second = 1'000'000;
using Row = std::array<float, market_feature_count>;
using AccountRow = std::array<float, account_feature_count>;

EventRow at(Micros after, EventKind kind, Price price = 0, Count count = 0) { return {t0 + after, kind, price, count}; }

FeatureConfig config_of(const MarketInfo& market) {
  return {.largest_order = 10, .fees = market.fees, .close_us = market.close_us, .has_sizes = market.has_sizes};
}

// Rows of every decision of a view, as an environment makes them.
std::vector<Row> replay(const MarketSessionView& view) {
  OrderBook book(view.market().grid);
  MarketFeatures features(config_of(view.market()));
  std::vector<Row> rows(view.length());
  for (std::size_t k = 0; k < view.length(); ++k) {
    GroupInfo group{view.group_time_us(k), false};
    for (std::size_t i = view.group_begin(k); i < view.group_end(k); ++i) {
      const EventRow row = view.row(i);
      group.snapshot = group.snapshot || row.kind == EventKind::book_clear;
      book.apply(row);
    }
    features.update(book, group);
    features.write(rows[k]);
  }
  return rows;
}

TestMarket random_market(std::uint64_t seed, std::size_t groups, bool wild = false, TickGrid grid = TickGrid::linear_cent) {
  TestMarket market;
  market.grid = grid;
  market.rows = random_rows(seed, groups, grid, wild);
  market.close_us = market.rows.back().ts_us - 3'600 * second;
  return market;
}

// The market and temporal columns written again from section 3.6, each from the whole history and with the standard functions.
struct Reference {
  struct Moment {
    double time, bid, ask, bid_size, ask_size, mid, volume;
    bool both_empty, snapshot;
    std::map<Price, double> levels[2];  // YES bids by YES price, NO bids by NO price; contracts
  };
  std::vector<Moment> moments;
  FeatureConfig config;

  void add(const OrderBook& book, GroupInfo group) {
    Moment m{};
    m.time = static_cast<double>(group.ts_us - t0) / 1e6;
    m.snapshot = group.snapshot || moments.empty();
    for (const BookSide side : {BookSide::yes, BookSide::no}) {
      book.for_each_level(side, 10'000, [&](Price price, Count size) {
        m.levels[side == BookSide::no][side == BookSide::no ? 10'000 - price : price] = static_cast<double>(size) / 100.0;
      });
    }
    m.both_empty = m.levels[0].empty() && m.levels[1].empty();
    m.bid = m.levels[0].empty() ? 0.0 : m.levels[0].rbegin()->first / 1e4;
    m.ask = m.levels[1].empty() ? 1.0 : 1.0 - m.levels[1].rbegin()->first / 1e4;
    m.bid_size = m.levels[0].empty() ? 0.0 : m.levels[0].rbegin()->second;
    m.ask_size = m.levels[1].empty() ? 0.0 : m.levels[1].rbegin()->second;
    if (!config.has_sizes) m.bid_size = m.ask_size = 1.0;
    m.mid = !m.both_empty ? (m.bid + m.ask) / 2.0 : moments.empty() ? 0.5 : moments.back().mid;
    m.volume = sum(m.levels[0], 10'000) + sum(m.levels[1], 10'000);
    moments.push_back(std::move(m));
  }

  static double sum(const std::map<Price, double>& levels, int best) {
    double total = 0.0;
    for (auto i = levels.rbegin(); i != levels.rend() && best > 0; ++i, --best) total += i->second;
    return total;
  }
  static bool same(double x, double y) { return std::abs(x - y) < 1e-9; }

  // E_n over a series, started at `start` or at the first value.
  static double average(double n, const std::vector<double>& series, std::optional<double> start = {}) {
    if (series.empty()) return start.value_or(0.0);
    double e = start.value_or(series[0]);
    for (std::size_t i = start ? 0 : 1; i < series.size(); ++i) e += 2.0 / (n + 1.0) * (series[i] - e);
    return e;
  }

  std::array<double, market_feature_count> row() const {
    const Moment& now = moments.back();
    const double b = now.bid, a = now.ask, s = now.both_empty ? 1.0 : std::max(a - b, 0.0), m = now.mid;
    const auto clip = [](double x) { return std::min(1.0, std::max(-1.0, x)); };
    const auto ratio = [](double x, double y) { return y == 0.0 ? 0.0 : x / y; };
    const auto f = [](double p) { return 0.07 * p * (1.0 - p); };
    const auto level = [](double t, double most) { return std::min(1.0, std::log(1.0 + t) / std::log(1.0 + most)); };
    std::vector<double> mids, spreads, volumes, waits, flow, flow_size, balance, squares, reversals;
    double bid_since = now.time, ask_since = now.time, activity = 0.0, dt = 0.0;
    int last_sign = 0;
    for (std::size_t k = 0; k < moments.size(); ++k) {
      const Moment& x = moments[k];
      mids.push_back(x.mid);
      spreads.push_back(std::max(x.both_empty ? 1.0 : std::max(x.ask - x.bid, 0.0), 0.005));
      volumes.push_back(std::max(x.volume, 0.01));
      double e = 0.0, moved = 0.0, change = 0.0;
      dt = k == 0 ? 0.0 : x.time - moments[k - 1].time;
      if (k > 0) waits.push_back(std::max(dt, 0.001));
      if (k == 0 || !same(x.bid, moments[k - 1].bid)) bid_since = x.time;
      if (k == 0 || !same(x.ask, moments[k - 1].ask)) ask_since = x.time;
      if (k > 0 && !x.snapshot) {
        const Moment& y = moments[k - 1];
        const bool bid_same = same(x.bid, y.bid), ask_same = same(x.ask, y.ask);
        if (x.bid > y.bid || bid_same) e += x.bid_size;
        if (x.bid < y.bid || bid_same) e -= y.bid_size;
        if (x.ask < y.ask || ask_same) e -= x.ask_size;
        if (x.ask > y.ask || ask_same) e += y.ask_size;
        moved = (bid_same ? 0.0 : 1.0) - (ask_same ? 0.0 : 1.0);
        change = same(x.mid, y.mid) ? 0.0 : x.mid - y.mid;
      }
      flow.push_back(e);
      flow_size.push_back(std::abs(e));
      balance.push_back(moved);
      squares.push_back(1e4 * change * change);
      if (change != 0.0) {
        const int sign = change > 0.0 ? 1 : -1;
        if (last_sign != 0) reversals.push_back(sign != last_sign ? 1.0 : 0.0);
        last_sign = sign;
      }
      activity = activity * std::exp(-dt / 60.0) + 1.0;
    }
    const double r8 = 1.0 / average(8, waits, 60.0), r32 = 1.0 / average(32, waits, 60.0),
                 r128 = 1.0 / average(128, waits, 60.0);
    const double bounded = std::min(0.995, std::max(0.005, m));
    std::array<double, market_feature_count> v{};
    v[0] = b;
    v[1] = 1.0 - a;
    v[2] = std::log(bounded / (1.0 - bounded)) / std::log(199.0);
    v[3] = std::log(1.0 + 100.0 * s) / std::log(101.0);
    v[4] = ratio(s, a);
    v[5] = ratio(s, 1.0 - b);
    v[6] = std::min(1.0, (s + f(a) + f(b)) / 0.25);
    v[7] = average(8, balance);
    v[8] = (f(a) + f(b)) / (f(a) + f(b) + std::max(s, 0.0001));
    v[9] = clip(std::log(spreads.back() / average(128, spreads)) / std::log(4.0));
    if (config.has_sizes) {
      const double q = config.largest_order, sy = now.bid_size, sn = now.ask_size;
      const double vy = sum(now.levels[0], 10'000), vn = sum(now.levels[1], 10'000);
      const double ny = static_cast<double>(now.levels[0].size()), nn = static_cast<double>(now.levels[1].size());
      v[10] = std::log2(1.0 + std::min(sy / q, 15.0)) / 4.0;
      v[11] = std::log2(1.0 + std::min(sn / q, 15.0)) / 4.0;
      v[12] = ratio(sy - sn, sy + sn);
      v[13] = clip(v[12] * (s / 2.0) / 0.05);
      v[14] = ratio(vy - vn, vy + vn);
      const double near_y = sum(now.levels[0], 5), near_n = sum(now.levels[1], 5);
      v[15] = ratio(near_y - near_n, near_y + near_n);
      v[16] = clip(std::log(volumes.back() / average(128, volumes)) / std::log(4.0));
      v[17] = ny / (ny + 10.0);
      v[18] = nn / (nn + 10.0);
      v[19] = ratio(sum(now.levels[0], 3), vy);
      v[20] = ratio(sum(now.levels[1], 3), vn);
    }
    v[21] = level(now.time - bid_since, 3600.0);
    v[22] = level(now.time - ask_since, 3600.0);
    v[23] = ratio(average(8, flow), average(8, flow_size));
    v[24] = ratio(average(64, flow), average(64, flow_size));
    v[25] = clip((m - average(128, mids)) / 0.15);
    v[26] = level(dt, 3600.0);
    const double minutes = config.close_us ? (static_cast<double>(*config.close_us - t0) / 1e6 - now.time) / 60.0 : 0.0;
    v[27] = !config.close_us ? 1.0 : minutes <= 0.0 ? 0.0 : std::min(1.0, std::log(1.0 + minutes) / std::log(10081.0));
    v[28] = activity / (activity + 10.0);
    v[29] = (r8 - r32) / (r8 + r32);
    v[30] = std::min(1.0, std::log(1.0 + 60.0 * r32) / std::log(6001.0));
    v[31] = r8 > 4.0 * r128 ? 1.0 : 0.0;
    v[32] = (r32 - r128) / (r32 + r128);
    v[33] = clip((m - average(32, mids)) / 0.05);
    v[34] = std::min(1.0, std::sqrt(average(32, squares)) / 2.0);
    v[35] = average(32, reversals, 0.5);
    return v;
  }
};

}  // namespace

TEST_CASE("the worked row of a first group") {
  OrderBook book(TickGrid::linear_cent);
  book.apply(at(0, EventKind::book_clear));
  book.apply(at(0, EventKind::level_set_yes, 4'800, contracts(30)));
  book.apply(at(0, EventKind::level_set_no, 5'200, contracts(10)));
  MarketFeatures features({.largest_order = 10, .close_us = t0 + 10'080 * 60 * second});
  CHECK(features.mid() == 0.5);
  features.update(book, {t0, true});
  Row row;
  features.write(row);
  const auto near = [&row](std::size_t column, double expected) {
    CAPTURE(column);
    CHECK(static_cast<double>(row[column]) == Approx(expected).margin(5e-7));
  };
  near(0, 0.48);
  near(1, 0.48);
  near(2, 0.0);
  near(3, 0.348733);
  near(4, 0.076923);
  near(5, 0.076923);
  near(6, 0.299776);
  near(7, 0.0);
  near(8, 0.466268);
  near(9, 0.0);
  near(10, 0.5);
  near(11, 0.25);
  near(12, 0.5);
  near(13, 0.2);
  near(14, 0.5);
  near(15, 0.5);
  near(16, 0.0);
  near(17, 1.0 / 11.0);
  near(18, 1.0 / 11.0);
  near(19, 1.0);
  near(20, 1.0);
  for (const std::size_t column : {21U, 22U, 23U, 24U, 25U, 26U}) near(column, 0.0);
  near(27, 1.0);  // a week to the close
  near(28, 1.0 / 11.0);
  near(29, 0.0);
  near(30, std::log(2.0) / std::log(6001.0));  // once a minute until more is known
  for (const std::size_t column : {31U, 32U, 33U, 34U}) near(column, 0.0);
  near(35, 0.5);
}

TEST_CASE("a second group by hand: flow, moves, ages and rates") {
  OrderBook book(TickGrid::linear_cent);
  book.apply(at(0, EventKind::book_clear));
  book.apply(at(0, EventKind::level_set_yes, 4'800, contracts(30)));
  book.apply(at(0, EventKind::level_set_no, 5'200, contracts(10)));
  MarketFeatures features(FeatureConfig{});
  features.update(book, {t0, true});
  book.apply(at(6 * second, EventKind::level_delta_yes, 4'900, contracts(20)));
  book.apply(at(6 * second, EventKind::level_delta_no, 5'200, contracts(-4)));
  features.update(book, {t0 + 6 * second, false});
  Row row;
  features.write(row);
  const auto near = [&row](std::size_t column, double expected) {
    CAPTURE(column);
    CHECK(static_cast<double>(row[column]) == Approx(expected).epsilon(2e-7));
  };
  CHECK(features.mid() == Approx(0.505).epsilon(1e-12));
  near(7, 2.0 / 9.0);  // only the YES bid moved
  near(21, 0.0);
  near(22, std::log(7.0) / std::log(3601.0));
  near(23, 1.0);  // e = 20 - 6 + 10 = 24, after 0
  near(24, 1.0);
  near(25, (0.505 - (0.5 + 2.0 / 129.0 * 0.005)) / 0.15);
  near(26, std::log(7.0) / std::log(3601.0));
  near(27, 1.0);  // unknown close
  near(28, (std::exp(-0.1) + 1.0) / (std::exp(-0.1) + 11.0));
  const double e8 = 60.0 - 2.0 / 9.0 * 54.0, e32 = 60.0 - 2.0 / 33.0 * 54.0;
  near(29, (e32 - e8) / (e32 + e8));
  near(30, std::log(1.0 + 60.0 / e32) / std::log(6001.0));
  near(34, std::sqrt(2.0 / 33.0 * 0.25) / 2.0);  // half a cent
  near(35, 0.5);                                 // the first move has no predecessor

  book.apply(at(7 * second, EventKind::level_delta_yes, 4'900, contracts(-20)));
  features.update(book, {t0 + 7 * second, false});
  features.write(row);
  // e = -20: back at 48 c the size of 49 c is gone
  const double flow = 24.0 * 2.0 / 9.0, back = flow + 2.0 / 9.0 * (-20.0 - flow), size = flow + 2.0 / 9.0 * (20.0 - flow);
  near(23, back / size);
  near(35, 0.5 + 2.0 / 33.0 * 0.5);

  // A snapshot: nothing is counted, but the price's age starts again.
  book.apply(at(8 * second, EventKind::book_clear));
  book.apply(at(8 * second, EventKind::level_set_yes, 4'000, contracts(1)));
  const float balance = row[7];
  features.update(book, {t0 + 8 * second, true});
  features.write(row);
  near(7, static_cast<double>(balance) * 7.0 / 9.0);
  near(21, 0.0);
  near(23, back / size);
  near(35, 0.5 + 2.0 / 33.0 * 0.5);
}

TEST_CASE("columns equal those worked out from the whole history") {
  for (const auto& [wild, grid, sizes] :
       {std::tuple{false, TickGrid::linear_cent, true}, std::tuple{true, TickGrid::linear_cent, true},
        std::tuple{false, TickGrid::tapered_deci_cent, true}, std::tuple{true, TickGrid::linear_cent, false}}) {
    TestMarket market = random_market(7, 500, wild, grid);
    market.has_sizes = sizes;
    const MarketSessionView view = view_of(market);
    const std::vector<Row> rows = replay(view);
    OrderBook book(grid);
    Reference reference{{}, config_of(view.market())};
    for (std::size_t k = 0; k < view.length(); ++k) {
      GroupInfo group{view.group_time_us(k), false};
      for (std::size_t i = view.group_begin(k); i < view.group_end(k); ++i) {
        group.snapshot = group.snapshot || view.row(i).kind == EventKind::book_clear;
        book.apply(view.row(i));
      }
      reference.add(book, group);
      const auto expected = reference.row();
      for (std::size_t c = 0; c < market_feature_count; ++c) {
        const double found = static_cast<double>(rows[k][c]);
        if (std::abs(found - expected[c]) > 1e-6 * std::max(0.1, std::abs(expected[c]))) {
          FAIL("group " << k << ", column " << c << " " << feature_layout[c].name << ": " << found << ", from scratch "
                        << expected[c]);
        }
      }
    }
  }
}

TEST_CASE("a million random steps stay finite and within their bounds") {
  for (const TickGrid grid : {TickGrid::linear_cent, TickGrid::deci_cent}) {
    std::size_t steps = 0;
    rlx::RandomStream random({3, rlx::Purpose::user});
    const auto below = [&random](int n) { return static_cast<int>(random.bounded(static_cast<std::uint64_t>(n))); };
    OrderBook book(grid);
    MarketFeatures features({.close_us = t0 + 100'000'000 * second});
    Row row;
    Micros time = t0;
    const int ticks = tick_count(grid);
    for (; steps < 500'000; ++steps) {
      time += below(4) == 0 ? 0 : Micros{1'000} * below(1 << below(24));
      bool snapshot = false;
      for (int i = below(4); i >= 0; --i) {
        const Price price = tick_price(grid, below(3) == 0 ? below(ticks) : ticks / 2 + below(5) - 2);
        const auto kind = below(2) == 0 ? EventKind::level_delta_yes : EventKind::level_delta_no;
        const Count size = book.size_at(kind == EventKind::level_delta_yes ? BookSide::yes : BookSide::no, price);
        book.apply({time, kind, price, below(2) == 0 ? -size : Count{1} << below(40)});
      }
      if (below(30) == 0) {
        book.clear();
        snapshot = below(2) == 0;
      }
      features.update(book, {time, snapshot});
      features.write(row);
      for (std::size_t c = 0; c < market_feature_count; ++c) {
        if (!rlx::is_finite(row[c]) || row[c] < feature_layout[c].low || row[c] > feature_layout[c].high) {
          FAIL("step " << steps << ", column " << c << ": " << row[c]);
        }
      }
    }
  }
}

TEST_CASE("columns 10 to 20 are neutral without sizes, the others are those of sizes of 1") {
  TestMarket market = random_market(8, 400);
  market.has_sizes = false;
  for (const Row& row : replay(view_of(market))) {
    for (std::size_t c = 10; c <= 20; ++c) REQUIRE(row[c] == 0.0F);
  }
}

TEST_CASE("every column varies on books with depth and none repeats another") {
  std::vector<Row> rows;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    TestMarket market = random_market(100 + seed, 1'000);
    const auto more = replay(view_of(market));
    rows.insert(rows.end(), more.begin(), more.end());
  }
  const ColumnFigures found = figures(rows);
  for (std::size_t c = 0; c < market_feature_count; ++c) {
    CAPTURE(c);
    CHECK(found.deviations[c] >= 0.01);
  }
  CHECK(found.rank == market_feature_count);
}

TEST_CASE("on recorded top-of-book data exactly the columns of sizes are constant") {
  const auto session = rlx_test::real_event("KXHIGHNY-25DEC16");
  if (session == nullptr) return;
  std::vector<Row> rows;
  for (const MarketInfo& market : session->markets()) {
    const auto view = MarketSessionView::create(session, market.ticker);
    if (!view) continue;
    const auto more = replay(*view);
    rows.insert(rows.end(), more.begin(), more.end());
  }
  const ColumnFigures found = figures(rows);
  for (std::size_t c = 0; c < market_feature_count; ++c) {
    CAPTURE(c);
    CHECK((found.deviations[c] == 0.0) == (c >= 10 && c <= 20));
  }
  CHECK(found.rank == 25);  // of the 36; the other 16 of the 41 are the account's
}

TEST_CASE("names and absolute times do not reach a column") {
  TestMarket market = random_market(9, 600);
  const auto rows = replay(view_of(market));
  TestMarket other = market;
  other.ticker = "ELSE-30JAN01-T99";
  const Micros shift = (37 * 24 + 5) * 3'600 * second;
  for (EventRow& row : other.rows) row.ts_us += shift;
  *other.close_us += shift;
  CHECK(replay(view_of(other)) == rows);  // equal bytes: no NaN
}

TEST_CASE("a market four times as deep looks the same") {
  TestMarket market = random_market(10, 600);
  for (EventRow& row : market.rows) row.count *= 1'000'000;  // every touch of 15 orders and more
  TestMarket deep = market;
  for (EventRow& row : deep.rows) row.count *= 4;
  const auto rows = replay(view_of(market)), more = replay(view_of(deep));
  REQUIRE(rows.size() == more.size());
  for (std::size_t k = 0; k < rows.size(); ++k) {
    for (std::size_t c = 0; c < market_feature_count; ++c) REQUIRE(std::abs(rows[k][c] - more[k][c]) <= 1e-6F);
  }
}

TEST_CASE("another market of the event does not reach a column") {
  const TestMarket ours = random_market(11, 300);
  TestMarket other = random_market(12, 300), another = random_market(13, 200);
  other.ticker = another.ticker = "TEST-25DEC01-B";
  const auto a = MarketSessionView::create(make_session({ours, other}), ours.ticker).value();
  const auto b = MarketSessionView::create(make_session({ours, another}), ours.ticker).value();
  CHECK(replay(a) == replay(b));
}

TEST_CASE("a corrupted future does not reach a column of the past") {
  TestMarket market = random_market(14, 500);
  market.settlement = 0;
  const auto view = view_of(market);
  const auto rows = replay(view);
  for (std::size_t group = 0; group < view.length(); group += 100) {
    const auto bad = replay(view.with_corrupted_future(group, group + 1));
    for (std::size_t k = 0; k <= group; ++k) REQUIRE(bad[k] == rows[k]);
    REQUIRE(bad[group + 1] != rows[group + 1]);
  }
}

TEST_CASE("the live path, event by event, gives the bytes of the replay") {
  const TestMarket market = random_market(15, 700);
  const auto view = view_of(market);
  const auto expected = replay(view);
  std::vector<Row> rows;
  OrderBook book(TickGrid::linear_cent);
  MarketFeatures features(config_of(view.market()));
  GroupInfo group;
  bool any = false;
  const auto decide = [&] {
    if (!any || book.broken()) return;
    features.update(book, group);
    features.write(rows.emplace_back());
    group.snapshot = false;
  };
  for (const EventRow& row : market.rows) {
    if (any && millisecond_of(row.ts_us) != group.ts_us) decide();
    group.ts_us = millisecond_of(row.ts_us);
    group.snapshot = group.snapshot || row.kind == EventKind::book_clear;
    book.apply(row);
    any = true;
  }
  decide();
  REQUIRE(rows.size() == expected.size());
  CHECK(rows == expected);
}

TEST_CASE("the mirrored market has the mirrored columns") {
  const auto view = view_of(random_market(16, 600));
  const auto rows = replay(view), other = replay(view.mirrored());
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const auto near = [&](std::size_t column, float expected) {
      if (std::abs(other[k][column] - expected) > 2e-6F) FAIL("group " << k << ", column " << column);
    };
    for (const auto& [yes, no] : {std::pair{0U, 1U}, {4U, 5U}, {10U, 11U}, {17U, 18U}, {19U, 20U}, {21U, 22U}}) {
      near(no, rows[k][yes]);
      near(yes, rows[k][no]);
    }
    for (const std::size_t c : {2U, 7U, 12U, 13U, 14U, 15U, 23U, 24U, 25U, 33U}) near(c, -rows[k][c]);
    for (const std::size_t c : {3U, 6U, 8U, 9U, 16U, 26U, 27U, 28U, 29U, 30U, 31U, 32U, 34U, 35U}) near(c, rows[k][c]);
  }
}

TEST_CASE("flow that has stopped keeps its ratio without denormal numbers") {
  OrderBook book(TickGrid::linear_cent);
  book.apply(at(0, EventKind::level_delta_yes, 4'800, 300));
  book.apply(at(0, EventKind::level_delta_no, 5'200, 100));
  MarketFeatures features(FeatureConfig{});
  features.update(book, {t0, true});
  book.apply(at(1, EventKind::level_delta_yes, 4'800, 100));
  features.update(book, {t0 + second, false});
  book.apply(at(1, EventKind::level_delta_no, 5'200, 50));
  features.update(book, {t0 + 2 * second, false});
  Row row;
  features.write(row);
  const float ratio = row[23];
  CHECK(static_cast<double>(ratio) == Approx((100.0 * 7.0 / 9.0 - 50.0) / (100.0 * 7.0 / 9.0 + 50.0)).epsilon(1e-6));
  for (int k = 0; k < 50'000; ++k) {
    features.update(book, {t0 + (3 + k) * second, false});
    features.write(row);
    REQUIRE(std::abs(row[23] - ratio) < 1e-6F);
    for (const float x : row) REQUIRE((x == 0.0F || std::abs(x) >= std::numeric_limits<float>::min()));
  }
}

TEST_CASE("fees of every type enter as they are charged") {
  OrderBook book(TickGrid::linear_cent);
  book.apply(at(0, EventKind::level_delta_yes, 4'800, 300));
  book.apply(at(0, EventKind::level_delta_no, 5'200, 100));
  const auto breakeven = [&book](const FeeSchedule& fees) {
    MarketFeatures features({.fees = fees});
    features.update(book, {t0, true});
    Row row;
    features.write(row);
    return static_cast<double>(row[6]);
  };
  CHECK(breakeven(standard_fees(FeeType::none)) == Approx(0.04 / 0.25));
  FeeSchedule flat = standard_fees(FeeType::flat);
  flat.taker_rate_e6 = 5'000;
  CHECK(breakeven(flat) == Approx(0.05 / 0.25));
  CHECK(breakeven(scaled_fees(standard_fees(FeeType::quadratic), 500'000)) == Approx((0.04 + 0.017472) / 0.25));
}

TEST_CASE("feature averages are saved and restored exactly, damage is refused") {
  const auto view = view_of(random_market(17, 300));
  OrderBook book(TickGrid::linear_cent);
  MarketFeatures features(config_of(view.market())), resumed(config_of(view.market()));
  for (std::size_t k = 0; k < view.length(); ++k) {
    for (std::size_t i = view.group_begin(k); i < view.group_end(k); ++i) book.apply(view.row(i));
    features.update(book, {view.group_time_us(k), k == 0});
    if (k == 150) {
      std::vector<std::byte> bytes;
      rlx::StateWriter out(bytes);
      features.save_state(out);
      rlx::StateReader in(bytes);
      resumed.load_state(in);
      in.expect_end();
      for (const std::size_t size : {std::size_t{0}, bytes.size() / 2, bytes.size() - 1}) {
        rlx::StateReader cut(std::span<const std::byte>(bytes).first(size));
        CHECK_THROWS_AS(resumed.load_state(cut), rlx::CheckpointError);
      }
      std::vector<std::byte> damaged = bytes;
      std::fill(damaged.end() - 8, damaged.end(), std::byte{0xFF});  // NaN in the row
      rlx::StateReader bad(damaged);
      CHECK_THROWS_AS(resumed.load_state(bad), rlx::CheckpointError);
    } else if (k > 150) {
      resumed.update(book, {view.group_time_us(k), false});
    }
    if (k >= 150) {
      Row a, b;
      features.write(a);
      resumed.write(b);
      REQUIRE(a == b);
    }
  }
}

TEST_CASE("reset forgets the market before") {
  const auto first = view_of(random_market(18, 200)), second_view = view_of(random_market(19, 200));
  MarketFeatures features(config_of(first.market()));
  OrderBook book(TickGrid::linear_cent);
  for (const auto* view : {&first, &second_view}) {
    book.reset(TickGrid::linear_cent);
    features.reset(config_of(view->market()));
    const auto rows = replay(*view);
    for (std::size_t k = 0; k < view->length(); ++k) {
      bool snapshot = false;
      for (std::size_t i = view->group_begin(k); i < view->group_end(k); ++i) {
        snapshot = snapshot || view->row(i).kind == EventKind::book_clear;
        book.apply(view->row(i));
      }
      features.update(book, {view->group_time_us(k), snapshot});
      Row row;
      features.write(row);
      REQUIRE(row == rows[k]);
    }
  }
  CHECK_THROWS_AS(features.reset({.largest_order = 0}), rlx::ConfigError);
}

TEST_CASE("features allocate nothing") {
  const auto view = view_of(random_market(20, 200));
  OrderBook book(TickGrid::linear_cent);
  MarketFeatures features;
  const FeatureConfig config = config_of(view.market());
  Row row;
  AccountRow account;
  const auto before = rlx_test::allocations();
  features.reset(config);
  for (std::size_t k = 0; k < view.length(); ++k) {
    for (std::size_t i = view.group_begin(k); i < view.group_end(k); ++i) book.apply(view.row(i));
    features.update(book, {view.group_time_us(k), k == 0});
    features.write(row);
    write_account_features({.now_us = view.group_time_us(k), .mid = features.mid()}, account);
  }
  CHECK(rlx_test::allocations() == before);
}

TEST_CASE("logarithms are those of the standard library") {
  rlx::RandomStream random({1, rlx::Purpose::user});
  for (int i = 0; i < 100'000; ++i) {
    std::array<double, 4> values{};
    for (double& value : values) value = std::exp(random.uniform(-40.0, 40.0));
    values[3] = 1.0 + random.uniform(-1e-3, 1e-3);
    const auto arguments = values;
    rlx::kalshi::detail::logarithms(values);
    for (std::size_t j = 0; j < 4; ++j) {
      const double expected = std::log(arguments[j]);
      REQUIRE(std::abs(values[j] - expected) <= 5e-16 + 1e-15 * std::abs(expected));
    }
  }
  std::array<double, 2> exact{1.0, 2.0};
  rlx::kalshi::detail::logarithms(exact);
  CHECK(exact[0] == 0.0);
  CHECK(exact[1] == 0.6931471805599453);
}

TEST_CASE("account columns of a held position and two orders, by hand") {
  AccountFeatureInput in;
  in.now_us = t0 + 1'000 * second;
  in.mid = 0.5;
  in.available_cash = dollars(60);
  in.equity = dollars(105);
  in.position = contracts(40);
  in.value = 40 * cents(48);
  in.basis = 40 * cents(45);
  in.realized = dollars(2);
  in.fees = cents(50);
  in.position_since_us = t0 + 401 * second;
  in.highest_unrealized = dollars(2);
  in.last_fill_us = t0 + 901 * second;
  in.last_fill_price = 4'600;
  in.last_fill_added_yes = true;
  in.bid = {SlotFeatureInput::State::working, 4'700, contracts(30)};
  in.ask = {SlotFeatureInput::State::in_flight, 5'500, 0};
  in.oldest_order_us = t0 + 970 * second;
  AccountRow row;
  write_account_features(in, row);
  const auto near = [&row](std::size_t column, double expected) {
    CAPTURE(column);
    CHECK(static_cast<double>(row[column - 36]) == Approx(expected).epsilon(2e-7));
  };
  near(36, 60.0 / 105.0);
  near(37, 0.4);
  near(38, 0.4);
  near(39, std::log(100.0) / std::log(3601.0));
  near(40, 0.45);
  near(41, 10.0 * 1.2 / 100.0);
  near(42, 0.2);
  near(43, (40.0 - 19.2) / 105.0);
  near(44, std::log(600.0) / std::log(86401.0));
  near(45, 10.0 * (2.0 - 1.2) / 100.0);
  near(46, 0.5 / 2.5);
  near(47, 0.5 + 0.5 * 10.0 / 40.0);
  near(48, 0.25);
  near(49, 0.3);
  near(50, 0.5);
  near(51, std::log(31.0) / std::log(301.0));
}

TEST_CASE("account columns of the start and of extremes stay in their bounds") {
  AccountRow row;
  write_account_features({}, row);
  const AccountRow start{1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  CHECK(row == start);
  AccountFeatureInput young;
  young.now_us = young.oldest_order_us.emplace(t0);
  write_account_features(young, row);
  CHECK(row[15] == 0.02F);

  rlx::RandomStream random({2, rlx::Purpose::user});
  const auto money = [&random](Money most) { return static_cast<Money>(random.bounded(static_cast<std::uint64_t>(most) + 1)); };
  for (int i = 0; i < 200'000; ++i) {
    AccountFeatureInput in;
    in.now_us = t0 + money(1'000'000'000'000);
    in.mid = random.uniform();
    in.available_cash = money(dollars(300)) - dollars(1);
    in.equity = money(4) == 0 ? 0 : money(dollars(300));
    in.position = money(contracts(200)) - contracts(100);
    const Count held = std::abs(in.position);
    in.value = money(held * one_dollar);
    in.basis = money(held * one_dollar);
    in.realized = money(dollars(200)) - dollars(100);
    in.fees = money(dollars(50)) - cents(1);
    in.position_since_us = in.now_us - money(200'000 * second);
    in.highest_unrealized = in.value - in.basis + money(dollars(50));
    if (money(3) > 0) in.last_fill_us = in.now_us - money(9'000 * second);
    in.last_fill_price = static_cast<Price>(money(10'000));
    in.last_fill_added_yes = money(1) == 0;
    for (SlotFeatureInput* slot : {&in.bid, &in.ask}) {
      *slot = {static_cast<SlotFeatureInput::State>(money(2)), static_cast<Price>(money(10'000)), money(max_level_size)};
    }
    if (money(1) == 0) in.oldest_order_us = in.now_us - money(400 * second);
    write_account_features(in, row);
    for (std::size_t c = 0; c < account_feature_count; ++c) {
      const FeatureInfo& info = feature_layout[36 + c];
      if (!rlx::is_finite(row[c]) || row[c] < info.low || row[c] > info.high) FAIL("column " << 36 + c << ": " << row[c]);
    }
    // The mirrored account: position and distances turn, all else stays.
    AccountFeatureInput mirror = in;
    mirror.mid = 1.0 - in.mid;
    mirror.position = -in.position;
    mirror.last_fill_price = 10'000 - in.last_fill_price;
    mirror.last_fill_added_yes = !in.last_fill_added_yes;
    std::swap(mirror.bid, mirror.ask);
    mirror.bid.limit = 10'000 - mirror.bid.limit;
    mirror.ask.limit = 10'000 - mirror.ask.limit;
    AccountRow other;
    write_account_features(mirror, other);
    REQUIRE(other[1] == -row[1]);
    for (const std::size_t c : {0U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U, 10U, 15U}) REQUIRE(std::abs(other[c] - row[c]) < 2e-6F);
    for (const auto& [a, b] : {std::pair{11U, 12U}, {13U, 14U}}) {
      REQUIRE(std::abs(other[a] - row[b]) < 2e-6F);
      REQUIRE(std::abs(other[b] - row[a]) < 2e-6F);
    }
  }
}

TEST_CASE("the layout: 52 unique names in four groups, and a hash of all that it says") {
  std::map<std::string, int> names;
  std::map<FeatureGroup, int> groups;
  for (const FeatureInfo& info : feature_layout) {
    ++names[std::string(info.name)];
    ++groups[info.group];
    CHECK((info.low == 0.0F || info.low == -1.0F));
    CHECK(info.high == 1.0F);
    CHECK(!info.formula.empty());
  }
  CHECK(names.size() == 52);
  CHECK(groups[FeatureGroup::market] == 26);
  CHECK(groups[FeatureGroup::temporal] == 10);
  CHECK(groups[FeatureGroup::portfolio] == 11);
  CHECK(groups[FeatureGroup::order] == 5);
  CHECK(feature_layout[20].name == "no_liquidity_concentration");
  CHECK(feature_layout[37].name == "position_ratio");
  CHECK(feature_layout[51].name == "time_since_order");
  const std::string text = feature_layout_text();
  CHECK(text.find("\n23 order_flow_imbalance | market | -1..1 | E8[e]/E8[|e|]\n") != std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 54);
  CHECK(layout_hash().size() == 64);
  CHECK(layout_hash() == rlx::sha256_hex(text));
}
