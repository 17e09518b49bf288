// SPDX-License-Identifier: MIT
#include <rlx/kalshi/synthetic_session.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/features.hpp>
#include <rlx/kalshi/market_session_view.hpp>
#include <rlx/kalshi/order_book.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::ContainsSubstring;

SyntheticConfig without_edge() {
  SyntheticConfig config;
  config.edge = 0.0;
  return config;
}

// The default set and the one without edge, made once.
const std::vector<SyntheticSession>& default_set() {
  static const std::vector<SyntheticSession> set = generate_sessions();
  return set;
}
const std::vector<SyntheticSession>& fair_set() {
  static const std::vector<SyntheticSession> set = generate_sessions(without_edge());
  return set;
}
// At least 2,000 markets.
const std::vector<SyntheticSession>& large_set() {
  static const std::vector<SyntheticSession> set = [] {
    SyntheticConfig config;
    config.sessions = 820;
    return generate_sessions(config, 3);
  }();
  return set;
}

// Replays a market; f(k, book) after the rows of group k, which share a time.
template <class F>
void for_each_group(const EventColumns& rows, F&& f) {
  OrderBook book(TickGrid::linear_cent);
  for (std::size_t i = 0, k = 0; i < rows.size(); ++k) {
    const Micros time = rows.ts_us[i];
    for (; i < rows.size() && rows.ts_us[i] == time; ++i) book.apply(rows.row(i));
    f(k, book);
  }
}

template <class F>
void for_each_market(const std::vector<SyntheticSession>& set, F&& f) {
  for (const SyntheticSession& one : set) {
    for (std::size_t m = 0; m < one.session->markets().size(); ++m) f(one, m);
  }
}

double dollars_of(Price price) { return 1e-4 * price; }
double taker_fee(double price) { return 0.07 * price * (1.0 - price); }
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

TEST_CASE("Synthetic sessions: same seed same bytes, and no day depends on another", "[kalshi]") {
  SyntheticConfig config;
  config.sessions = 4;
  const std::vector<SyntheticSession> four = generate_sessions(config, 7);
  REQUIRE(four.size() == 4);
  for (std::size_t day = 4; day-- > 0;) {
    const SyntheticSession alone = generate_session(config, 7, day);
    CHECK(alone.session->sha256() == four[day].session->sha256());
    CHECK(alone.truth == four[day].truth);
    CHECK(alone.session->session_id() == static_cast<SessionId>(day) + 1);
    CHECK(generate_session(config, 8, day).session->sha256() != alone.session->sha256());
  }
  CHECK(four[0].truth.markets != four[1].truth.markets);
  config.sessions = 2;
  CHECK(generate_sessions(config, 7)[1].session->sha256() == four[1].session->sha256());
  CHECK(default_set()[3].session->sha256() == four[3].session->sha256());
}

TEST_CASE("Synthetic sessions: made anew with their truth from what a store keeps of them", "[kalshi]") {
  SyntheticConfig config;
  config.edge = 0.3;
  config.lag = 17.1;
  const SyntheticSession made = generate_session(config, 12'345'678'901'234'567'890U, 2);
  CHECK(made.session->source() == "synthetic seed=12345678901234567890 edge=0.3 lag=17.1");
  const std::optional<SyntheticSession> again = regenerate_session(made.session);
  REQUIRE(again);
  CHECK(again->truth == made.truth);
  CHECK(again->session == made.session);

  const auto rebuilt = [&](SessionId id, const std::string& source) {
    SessionBuilder builder(id);
    builder.set_source(source);
    builder.set_span(made.session->start_us(), made.session->end_us());
    for (std::size_t m = 0; m < made.session->markets().size(); ++m) {
      const std::size_t handle = builder.set_market(made.session->markets()[m]);
      const EventColumns rows = made.session->columns(m);
      for (std::size_t i = 0; i < rows.size(); ++i) builder.append(handle, rows.row(i));
    }
    return builder.finish();
  };
  CHECK(regenerate_session(rebuilt(3, made.session->source())));
  CHECK_FALSE(regenerate_session(rebuilt(4, made.session->source())));  // another day
  CHECK_FALSE(regenerate_session(rebuilt(0, made.session->source())));
  for (const char* const source :
       {"", "synthetic", "bbo-csv", "synthetic seed=1 edge=0.3 lag=17.1", "synthetic seed=x",
        "synthetic seed=12345678901234567890 edge=0.3 lag=0", "synthetic seed=12345678901234567890 edge=nan lag=17.1",
        "synthetic seed=12345678901234567890 edge=0.3 lag=17.1 "})
    CHECK_FALSE(regenerate_session(rebuilt(3, source)));
  // What the source does not tell makes another session.
  config.size = 30.0;
  CHECK_FALSE(regenerate_session(generate_session(config, 7, 0).session));
}

TEST_CASE("Synthetic sessions: exclusive brackets of one event, one winner, complete descriptions", "[kalshi]") {
  REQUIRE(default_set().size() == 100);
  constexpr Micros hour = 3'600'000'000;
  std::array<std::size_t, 4> by_brackets{};
  for (std::size_t day = 0; day < 100; ++day) {
    const SessionData& session = *default_set()[day].session;
    const SyntheticTruth& truth = default_set()[day].truth;
    const std::size_t n = session.markets().size();
    REQUIRE((n == 2 || n == 3));
    ++by_brackets[n];
    REQUIRE(truth.markets.size() == n);
    REQUIRE(truth.bounds.size() == n - 1);
    REQUIRE(std::is_sorted(truth.bounds.begin(), truth.bounds.end()));
    const Micros close = 1'735'689'600'000'000 + static_cast<Micros>(day) * 24 * hour + 23 * hour;
    Micros open = close;
    for (std::size_t m = 0; m < n; ++m) {
      const MarketInfo& market = session.markets()[m];
      CHECK(market.close_us == close);
      CHECK(market.settlement == (m == truth.winner ? one_dollar : 0));
      CHECK(market.event_ticker == event_of_ticker(market.ticker));
      CHECK(market.series_ticker == "KXSYN");
      CHECK(*date_of_ticker(market.ticker) == close - 23 * hour);
      CHECK(market.open_us == session.columns(m).ts_us.front());
      CHECK(session.columns(m).ts_us.back() < close);
      open = std::min(open, *market.open_us);
    }
    CHECK((truth.winner == 0 || truth.bounds[truth.winner - 1] <= truth.final_level));
    CHECK((truth.winner == n - 1 || truth.final_level < truth.bounds[truth.winner]));
    CHECK(session.start_us() == open);
    CHECK(session.end_us() == close);
    CHECK(session.data_quality_score() == 1.0);
  }
  CHECK(default_set()[31].session->markets()[1].ticker == "KXSYN-25FEB01-B01");
  CHECK(by_brackets[2] > 30);
  CHECK(by_brackets[3] > 30);
}

TEST_CASE("Synthetic sessions: books are never crossed, deltas never clamped, trades have their delta", "[kalshi]") {
  std::size_t fractional = 0, trades = 0, moves = 0, deletions = 0, one_sided = 0, levels = 0;
  for (const auto* const set : {&default_set(), &fair_set()}) {
    for_each_market(*set, [&](const SyntheticSession& one, std::size_t m) {
      const EventColumns rows = one.session->columns(m);
      OrderBook book(TickGrid::linear_cent);
      bool clean = true;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const EventRow row = rows.row(i);
        clean = clean && row.ts_us % 1000 == 0 && row.price % 100 == 0;
        const bool trade = row.kind == EventKind::trade_yes || row.kind == EventKind::trade_no;
        if (trade) {
          // A buyer of YES takes NO bids: the delta follows in the same millisecond, at the touch.
          const bool yes = row.kind == EventKind::trade_yes;
          const EventRow delta = rows.row(i + 1);
          clean = clean && row.count > 0 && (yes ? book.best_ask() : book.best_bid()) == row.price;
          clean = clean && delta == EventRow{row.ts_us, yes ? EventKind::level_delta_no : EventKind::level_delta_yes, row.price,
                                             -row.count};
          ++trades;
        }
        book.apply(row);
        clean = clean && !book.crossed();
        fractional += row.count % 100 != 0;
        if (row.kind == EventKind::level_delta_yes || row.kind == EventKind::level_delta_no) {
          clean = clean && row.count != 0;
          const BookSide side = row.kind == EventKind::level_delta_yes ? BookSide::yes : BookSide::no;
          const bool gone = book.size_at(side, row.price) == 0;
          deletions += gone;
          moves += gone && i + 1 < rows.size() && rows.ts_us[i + 1] == row.ts_us && rows.count[i + 1] > 0;
        }
      }
      CHECK(clean);
      CHECK(book.clamped() == 0);
      CHECK(one.session->reports()[m].clamped == 0);
      CHECK(one.session->reports()[m].snapshots == 1);
      for_each_group(rows, [&](std::size_t k, const OrderBook& after) {
        one_sided += !after.two_sided();
        if (k == 0) levels = std::max(levels, static_cast<std::size_t>(after.levels(BookSide::yes)));
      });
    });
  }
  CHECK(fractional > 10'000);
  CHECK(trades > 10'000);
  CHECK(moves > 5'000);
  CHECK(deletions > moves);
  CHECK(one_sided > 1'000);
  CHECK(levels == 10);
}

TEST_CASE("Synthetic truth: one entry per decision group of the view", "[kalshi]") {
  std::size_t views = 0;
  for_each_market(default_set(), [&](const SyntheticSession& one, std::size_t m) {
    const MarketTruth& truth = one.truth.markets[m];
    for (const auto* const values : {&truth.probability, &truth.belief, &truth.clock, &truth.level}) {
      REQUIRE(values->size() == truth.ts_us.size());
    }
    const auto view = MarketSessionView::create(one.session, one.session->markets()[m].ticker);
    if (!view) return;
    ++views;
    REQUIRE(view->length() + view->closing_groups() == truth.ts_us.size());
    for (std::size_t k = 0; k < view->length(); ++k) REQUIRE(view->group_time_us(k) == truth.ts_us[k]);
    CHECK(truth.probability_at(truth.ts_us[1]) == truth.probability[1]);
    CHECK(truth.probability_at(truth.ts_us[1] + 1) == truth.probability[1]);
    CHECK(truth.probability_at(truth.ts_us[1] - 1) == truth.probability[0]);
    CHECK(truth.probability_at(0) == truth.probability[0]);
    CHECK(truth.probability_at(std::numeric_limits<Micros>::max()) == truth.probability.back());
  });
  CHECK(views >= 200);
}

TEST_CASE("Synthetic truth: probabilities sum to 1 and belong to the bracket", "[kalshi]") {
  for_each_market(default_set(), [&](const SyntheticSession& one, std::size_t m) {
    const MarketTruth& truth = one.truth.markets[m];
    double clock = 0.0;
    for (std::size_t k = 0; k < truth.ts_us.size(); ++k) {
      const std::vector<double> all = one.truth.probabilities(truth.clock[k], truth.level[k]);
      REQUIRE(std::abs(std::accumulate(all.begin(), all.end(), 0.0) - 1.0) < 1e-12);
      REQUIRE(all[m] == truth.probability[k]);
      REQUIRE((truth.probability[k] >= 0.0 && truth.probability[k] <= 1.0));
      REQUIRE((truth.clock[k] >= clock && truth.clock[k] < 1.0));
      clock = truth.clock[k];
    }
  });
  // By hand: bounds -1 and 1, nothing known: 15.87 %, 68.27 %, 15.87 %; three quarters known, level 1: half above, and
  // Phi(-4) below.
  SyntheticTruth truth;
  truth.bounds = {-1.0, 1.0};
  CHECK_THAT(truth.probabilities(0.0, 0.0)[0], rlx_test::WithinAbs(0.158655, 1e-6));
  CHECK_THAT(truth.probabilities(0.0, 0.0)[1], rlx_test::WithinAbs(0.682689, 1e-6));
  CHECK_THAT(truth.probabilities(0.75, 1.0)[0], rlx_test::WithinAbs(3.167e-5, 1e-8));
  CHECK_THAT(truth.probabilities(0.75, 1.0)[2], rlx_test::WithinAbs(0.5, 1e-12));
}

TEST_CASE("Synthetic truth: calibrated by deciles over 2,000 markets", "[kalshi]") {
  struct Bin {
    double sum = 0.0, variance = 0.0;
    std::size_t won = 0, n = 0;
  };
  for (const double place : {0.0, 0.5, 0.9}) {
    std::array<Bin, 10> bins{};
    std::size_t markets = 0;
    for_each_market(large_set(), [&](const SyntheticSession& one, std::size_t m) {
      const std::vector<double>& p = one.truth.markets[m].probability;
      const double value = p[static_cast<std::size_t>(place * static_cast<double>(p.size()))];
      Bin& bin = bins[std::min<std::size_t>(static_cast<std::size_t>(10.0 * value), 9)];
      bin.sum += value;
      bin.variance += value * (1.0 - value);
      bin.won += m == one.truth.winner;
      ++bin.n;
      ++markets;
    });
    REQUIRE(markets >= 2'000);
    for (const Bin& bin : bins) {
      CAPTURE(place, bin.n, bin.sum, bin.won);
      CHECK(std::abs(static_cast<double>(bin.won) - bin.sum) <= 3.0 * std::sqrt(bin.variance));
    }
  }
}

TEST_CASE("Synthetic markets: durations, groups, short markets and arrivals as configured", "[kalshi]") {
  std::vector<double> hours, groups;
  double few = 0.0, markets = 0.0, squares = 0.0, gaps = 0.0;
  for_each_market(large_set(), [&](const SyntheticSession& one, std::size_t m) {
    const MarketInfo& market = one.session->markets()[m];
    hours.push_back(static_cast<double>(*market.close_us - *market.open_us) / 3.6e9);
    const std::vector<Micros>& times = one.truth.markets[m].ts_us;
    groups.push_back(static_cast<double>(times.size()));
    few += times.size() <= 52;
    ++markets;
    const double mean = static_cast<double>(times.back() - times.front()) / (groups.back() - 1.0);
    for (std::size_t k = 1; k < times.size() && times.size() > 100; ++k) {
      const double gap = static_cast<double>(times[k] - times[k - 1]) / mean;
      squares += gap * gap;
      ++gaps;
    }
  });
  // Standard error of a median: 1.2533 deviations / sqrt(n).
  const double root = std::sqrt(markets);
  CHECK(std::abs(std::log(median(hours) / 12.0)) < 3.0 * 1.2533 * 0.4 / root);
  // In the long run 3/19 of the groups are in bursts: a mean gap of (16/19)/0.6 + (3/19)/4 = 1.44298 nominal ones.
  CHECK(std::abs(std::log(median(groups) / (700.0 / 1.44298))) < 0.1);
  CHECK(std::abs(few / markets - 0.05) < 3.0 * std::sqrt(0.05 * 0.95 / markets) + 0.01);
  // Mean square of gaps: 2 (16/19 / 0.36 + 3/19 / 16) = 4.6974 over the squared mean 2.0822: 2.256; without bursts it is 2.
  CHECK(std::abs(squares / gaps - 2.256) < 0.1);
}

TEST_CASE("Synthetic markets: the belief lags by 25 groups, quotes, trades and sizes follow it", "[kalshi]") {
  double buys = 0.0, leaning_trades = 0.0, heavier = 0.0, leaning_groups = 0.0;
  for_each_market(default_set(), [&](const SyntheticSession& one, std::size_t m) {
    const MarketTruth& truth = one.truth.markets[m];
    REQUIRE(truth.belief[0] == truth.probability[0]);
    double before = truth.belief[0];
    for (std::size_t k = 1; k < truth.belief.size(); ++k) {
      REQUIRE(std::abs(truth.belief[k] - (before + (truth.probability[k] - before) / 25.0)) < 1e-12);
      before = truth.belief[k];
    }
    const EventColumns rows = one.session->columns(m);
    std::size_t row = 0;
    for_each_group(rows, [&](std::size_t k, const OrderBook& book) {
      // The noise of the quotes, 0.15 c, does not reach the smallest half-spread of 0.75 c.
      if (book.best_bid()) REQUIRE(dollars_of(*book.best_bid()) <= truth.belief[k]);
      if (book.best_ask()) REQUIRE(dollars_of(*book.best_ask()) >= truth.belief[k]);
      const double edge = truth.probability[k] - truth.belief[k];
      for (; row < rows.size() && rows.ts_us[row] == truth.ts_us[k]; ++row) {
        const bool yes = rows.kind[row] == EventKind::trade_yes;
        if ((!yes && rows.kind[row] != EventKind::trade_no) || std::abs(edge) < 0.04 || !book.two_sided()) continue;
        buys += yes == (edge > 0.0);
        ++leaning_trades;
      }
      if (std::abs(edge) < 0.08 || !book.two_sided()) return;
      heavier += (book.best_size(BookSide::yes) > book.best_size(BookSide::no)) == (edge > 0.0);
      ++leaning_groups;
    });
  });
  REQUIRE(leaning_trades > 1'000);
  CHECK(buys / leaning_trades > 0.885);  // at least Phi(1.2)
  REQUIRE(leaning_groups > 1'000);
  CHECK(heavier / leaning_groups > 0.8);
}

TEST_CASE("Synthetic sessions: the bands of the default set", "[kalshi]") {
  double sum = 0.0, squares = 0.0, half_spread = 0.0, n = 0.0;
  for_each_market(default_set(), [&](const SyntheticSession& one, std::size_t m) {
    for_each_group(one.session->columns(m), [&](std::size_t k, const OrderBook& book) {
      if (!book.two_sided()) return;
      const double bid = dollars_of(*book.best_bid()), ask = dollars_of(*book.best_ask());
      const double off = one.truth.markets[m].probability[k] - 0.5 * (bid + ask);
      sum += off;
      squares += off * off;
      half_spread += 0.5 * (ask - bid);
      ++n;
    });
  });
  const double deviation = std::sqrt(squares / n - sum / n * (sum / n));
  CAPTURE(deviation, half_spread / n, n);
  CHECK((deviation >= 0.045 && deviation <= 0.075));
  CHECK((half_spread / n >= 0.015 && half_spread / n <= 0.023));
}

TEST_CASE("Synthetic sessions: the features explain the planted edge out of sample", "[kalshi]") {
  constexpr std::size_t columns = market_feature_count + 1;
  std::array<std::array<double, columns + 1>, columns> system{};
  std::array<double, columns> weights{};
  double errors = 0.0, squares = 0.0, sum = 0.0, n = 0.0;
  const auto for_each_row = [](std::size_t first_day, std::size_t end_day, auto&& f) {
    for (std::size_t day = first_day; day < end_day; ++day) {
      const SyntheticSession& one = default_set()[day];
      for (std::size_t m = 0; m < one.truth.markets.size(); ++m) {
        FeatureConfig config;
        config.close_us = one.session->markets()[m].close_us;
        MarketFeatures features(config);
        for_each_group(one.session->columns(m), [&](std::size_t k, const OrderBook& book) {
          features.update(book, {one.truth.markets[m].ts_us[k], k == 0});
          std::array<float, market_feature_count> row{};
          features.write(row);
          std::array<double, columns> x{};
          std::copy(row.begin(), row.end(), x.begin());
          x.back() = 1.0;
          f(x, one.truth.markets[m].probability[k] - features.mid());
        });
      }
    }
  };
  for_each_row(0, 80, [&](const std::array<double, columns>& x, double y) {
    for (std::size_t i = 0; i < columns; ++i) {
      for (std::size_t j = 0; j < columns; ++j) system[i][j] += x[i] * x[j];
      system[i][columns] += x[i] * y;
    }
  });
  for (std::size_t i = 0; i < columns; ++i) system[i][i] += 1e-6;
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t r = 0; r < columns; ++r) {
      const double factor = system[r][i] / system[i][i];
      for (std::size_t j = i; j <= columns && r != i; ++j) system[r][j] -= factor * system[i][j];
    }
  }
  for (std::size_t i = 0; i < columns; ++i) weights[i] = system[i][columns] / system[i][i];
  for_each_row(80, 100, [&](const std::array<double, columns>& x, double y) {
    const double error = y - std::inner_product(x.begin(), x.end(), weights.begin(), 0.0);
    errors += error * error;
    squares += y * y;
    sum += y;
    ++n;
  });
  const double explained = 1.0 - errors / (squares - sum * sum / n);
  CAPTURE(explained, n);
  CHECK(explained >= 0.40);
}

TEST_CASE("Synthetic sessions: without edge the belief is the truth and no taker expects a profit", "[kalshi]") {
  double best = -1.0;
  for_each_market(fair_set(), [&](const SyntheticSession& one, std::size_t m) {
    const MarketTruth& truth = one.truth.markets[m];
    REQUIRE(truth.belief == truth.probability);
    for_each_group(one.session->columns(m), [&](std::size_t k, const OrderBook& book) {
      const double p = truth.probability[k];
      if (book.best_ask()) {
        const double ask = dollars_of(*book.best_ask());
        best = std::max(best, p - ask - taker_fee(ask));
      }
      if (book.best_bid()) {
        const double bid = dollars_of(*book.best_bid());
        best = std::max(best, bid - p - taker_fee(bid));
      }
    });
  });
  CHECK(best < 0.0);
  // The news are the same with and without: only what makers know of them differs.
  CHECK(fair_set()[5].truth.markets[0].probability == default_set()[5].truth.markets[0].probability);
  // A lag of one group is none.
  SyntheticConfig config;
  config.lag = 1.0;
  CHECK(generate_session(config, 7, 5).session->sha256() == fair_set()[5].session->sha256());
}

TEST_CASE("Synthetic sessions: other sizes of events, fees and series", "[kalshi]") {
  SyntheticConfig config;
  config.min_brackets = config.max_brackets = 12;
  config.news = 0;
  config.series = "TEST";
  config.fees = standard_fees(FeeType::quadratic_with_maker_fees);
  const SyntheticSession one = generate_session(config, 1, 0);
  REQUIRE(one.session->markets().size() == 12);
  CHECK(one.session->markets()[11].ticker == "TEST-25JAN01-B11");
  CHECK(one.session->markets()[0].fees.maker_rate_e6 == 17'500);
  // Without news the information comes evenly.
  for (const MarketTruth& truth : one.truth.markets) {
    for (std::size_t k = 0; k < truth.ts_us.size(); ++k) {
      const double share = static_cast<double>(truth.ts_us[k] - one.session->start_us()) /
                           static_cast<double>(one.session->end_us() - one.session->start_us());
      REQUIRE(std::abs(truth.clock[k] - share) < 1e-9);
    }
  }
}

TEST_CASE("Synthetic sessions: a config that cannot be is refused by field and value", "[kalshi]") {
  const auto refused = [](auto&& change, const char* field, const char* value) {
    SyntheticConfig config;
    change(config);
    CHECK_THROWS_AS(generate_session(config, 7, 0), rlx::ConfigError);
    CHECK_THROWS_WITH(generate_sessions(config, 7), ContainsSubstring(field) && ContainsSubstring(value));
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  refused([](auto& c) { c.sessions = 0; }, "sessions", "found 0");
  refused([](auto& c) { c.edge = -0.5; }, "edge", "-0.5");
  refused([&](auto& c) { c.edge = nan; }, "edge", "nan");
  refused([](auto& c) { c.lag = 0.5; }, "lag", "0.5");
  refused([](auto& c) { c.min_brackets = 1; }, "min_brackets", "found 1");
  refused([](auto& c) { c.max_brackets = 1; }, "max_brackets", "expected 2");
  refused([](auto& c) { c.duration_s = 0.0; }, "duration_s", "found 0");
  refused([](auto& c) { c.groups = 9000.0; }, "SyntheticConfig.groups", "9000");
  refused([](auto& c) { c.short_share = 1.5; }, "short_share", "1.5");
  refused([](auto& c) { c.burst_rate = 0.0; }, "burst_rate", "found 0");
  refused([&](auto& c) { c.size = nan; }, "size", "nan");
  refused([](auto& c) { c.series = "A-B"; }, "series", "A-B");
  refused([](auto& c) { c.first_day_us += 1; }, "first_day_us", "1735689600000001");
  refused(
      [](auto& c) {
        c.first_day_us = first_believed_us;
        c.duration_s = 1e6;
      },
      "first_day_us", "before 2020");
  refused([](auto& c) { c.fees.taker_rate_e6 = -1; }, "taker_rate_e6", "-1");
  CHECK_THROWS_WITH(generate_session(SyntheticConfig(), 7, 1'000'000), ContainsSubstring("1000000"));
}
