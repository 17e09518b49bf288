// SPDX-License-Identifier: MIT
#include <rlx/kalshi/evaluation.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/kalshi/import_bbo.hpp>
#include <rlx/kalshi/session_builder.hpp>
#include <rlx/risk/bootstrap.hpp>

#include "kalshi/random_market.hpp"
#include "kalshi/real_data.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;
using rlx_test::market_start_us;
using rlx_test::TestMarket;
using rlx_test::view_of;

std::size_t index_of_largest(std::span<const double> values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

// ---- Policies

// A linear function of the features for each action; the highest legal one is taken. HOLD starts ahead by `reserve`.
struct LinearTaker {
  std::uint64_t seed = 0;
  double reserve = 1.0;

  int act(const PolicyInput& input) const {
    std::vector<double> scores(input.mask.size(), -1e9);
    for (std::size_t a = 0; a < scores.size(); ++a) {
      if (input.mask[a] == 0) continue;
      rlx::RandomStream weights({seed, rlx::Purpose::user, static_cast<std::uint32_t>(a), 0});
      scores[a] = a == 0 ? reserve : 0.0;
      for (const float x : input.observation.first(market_feature_count))
        scores[a] += weights.normal() * static_cast<double>(x);
    }
    return static_cast<int>(index_of_largest(scores));
  }
};

// What a trained policy looks like: observation and mask only, drawn or not.
struct Options {
  bool deterministic = true;
  rlx::RandomStream* random = nullptr;
};
struct Observer {
  struct Workspace {
    std::size_t episodes = 0;
    void begin_episode() { ++episodes; }
  };
  Workspace make_workspace() const { return {}; }
  void act(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<std::int32_t> action,
           Workspace& own, const Options& options) const {
    REQUIRE(own.episodes > 0);
    const auto wanted =
        options.deterministic ? (observation[2] > 0.0F ? 1 : 3) : static_cast<std::int32_t>(options.random->bounded(5));
    action[0] = mask[static_cast<std::size_t>(wanted)] != 0 ? wanted : 0;
  }
};
static_assert(ObservationPolicy<Observer> && !MarketPolicy<Observer>);
static_assert(MarketPolicy<LinearTaker> && !ObservationPolicy<LinearTaker>);

// ---- Markets

struct Exchange {
  std::vector<SyntheticSession> sessions;
  ViewSet views;
  std::vector<const MarketTruth*> truths;
};

Exchange make_exchange(std::size_t days, double edge, std::uint64_t seed = 7) {
  SyntheticConfig config;
  config.sessions = days;
  config.edge = edge;
  std::vector<SyntheticSession> sessions = generate_sessions(config, seed);
  std::vector<MarketSessionView> list;
  for (const SyntheticSession& each : sessions) append_views(each.session, {}, list);
  ViewSet views(std::move(list));
  std::vector<const MarketTruth*> truths = truths_of(views, sessions);
  return {std::move(sessions), std::move(views), std::move(truths)};
}

const Exchange& small_exchange() {
  static const Exchange exchange = make_exchange(8, 1.0);
  return exchange;
}

EvaluationConfig without_intervals(std::span<const MarketTruth* const> truths = {}) {
  EvaluationConfig config;
  config.resamples = 0;
  config.truths = truths;
  return config;
}

// Mean and standard error of values that hang together within events.
std::pair<double, double> clustered(const EvaluationTable& table, double (*value)(const MarketResult&)) {
  double mean = 0.0;
  for (const MarketResult& market : table.markets) mean += value(market);
  const auto n = static_cast<double>(table.markets.size());
  mean /= n;
  double squares = 0.0;
  for (const EventResult& event : table.events) {
    double sum = 0.0;
    for (const MarketResult& market : table.markets) sum += market.event == event.event ? value(market) - mean : 0.0;
    squares += sum * sum;
  }
  return {mean, std::sqrt(squares) / n};
}

double reward_of(const MarketResult& market) { return market.reward_mean; }
double luck_of(const MarketResult& market) { return market.reward_mean - market.true_edge.value(); }

MarketResult result(std::size_t source, std::string event, double reward) {
  MarketResult market;
  market.source = source;
  market.event = std::move(event);
  market.ticker = market.event + "-B" + std::to_string(source);
  market.series = std::string(series_of_ticker(market.event));
  market.episodes = 1;
  market.steps = 100.0;
  market.hold_share = 0.5;
  market.reward_mean = market.reward_min = market.reward_max = reward;
  market.length = 10 * (source + 1);
  market.coverage = 0.5;
  return market;
}

bool same(const Estimate& a, const Estimate& b) { return a.value == b.value && a.interval == b.interval; }

}  // namespace

TEST_CASE("Evaluation: statistics of drawn rows equal those of the rows written out", "[kalshi]") {
  rlx::RandomStream random({5, rlx::Purpose::user});
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t n = 1 + random.bounded(12);
    std::vector<double> x(n), y(n), all_x, all_y;
    std::vector<std::uint32_t> draws(n);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = static_cast<double>(random.bounded(6));
      y[i] = static_cast<double>(random.bounded(6)) + 0.5 * x[i];
      draws[i] = static_cast<std::uint32_t>(random.bounded(4));
    }
    draws[random.bounded(n)] += 1;
    for (std::size_t i = 0; i < n; ++i) {
      all_x.insert(all_x.end(), draws[i], x[i]);
      all_y.insert(all_y.end(), draws[i], y[i]);
    }
    const std::vector<std::size_t> order = detail::order_of(x), order_y = detail::order_of(y);
    std::vector<double> copy = all_x;
    CHECK(detail::drawn_median(x, order, draws) == Approx(rlx::risk::linear_quantile(copy, 0.5)));
    CHECK(detail::trimmed_mean(x, order, draws, all_x.size() / 4) ==
          Approx(rlx::risk::interquartile_mean(std::span<const double>(all_x))));
    const std::vector<std::uint32_t> ones(all_x.size(), 1);
    CHECK(detail::pearson(x, y, draws) == Approx(detail::pearson(all_x, all_y, ones)).margin(1e-12));
    std::vector<double> ranks(n), all_ranks(all_x.size());
    detail::mean_ranks(y, order_y, draws, ranks);
    detail::mean_ranks(all_y, detail::order_of(all_y), ones, all_ranks);
    for (std::size_t i = 0, row = 0; i < n; row += draws[i], ++i) {
      if (draws[i] > 0) CHECK(ranks[i] == all_ranks[row]);
    }
  }
}

TEST_CASE("Evaluation: correlations worked by hand", "[kalshi]") {
  const std::vector<std::uint32_t> three(3, 1), five(5, 1);
  // Deviations (-1, 0, 1) and (-4, -1, 5)/3: 3 / sqrt(2 x 42/9).
  CHECK(detail::pearson(std::vector{1.0, 2.0, 3.0}, std::vector{1.0, 2.0, 4.0}, three) == Approx(3.0 / std::sqrt(84.0 / 9.0)));
  const std::vector<double> x{10.0, 20.0, 30.0, 40.0, 50.0}, y{0.2, 0.1, 7.0, 0.3, 9.0};
  const detail::EventBootstrap bootstrap(std::vector<std::uint32_t>{0, 1, 2, 3, 4}, 0, 0);
  // Ranks 2 1 4 3 5: 1 - 6 x 4 / (5 x 24).
  CHECK(detail::spearman_estimate(bootstrap, x, y)->value == Approx(0.8));
  CHECK(detail::pearson_estimate(bootstrap, x, x)->value == Approx(1.0));
  CHECK_FALSE(detail::pearson_estimate(bootstrap, x, std::vector<double>(5, 1.0)));
  CHECK_FALSE(detail::spearman_estimate(bootstrap, std::vector<double>(5, 1.0), y));
  // Ties share their rank: 1 2.5 2.5 4 against 1 2 3 4: covariance 4.5, variances 4.5 and 5.
  const std::vector<double> tied{1.0, 3.0, 3.0, 8.0}, rising{1.0, 2.0, 3.0, 4.0};
  const detail::EventBootstrap four(std::vector<std::uint32_t>{0, 1, 2, 3}, 0, 0);
  CHECK(detail::spearman_estimate(four, tied, rising)->value == Approx(4.5 / std::sqrt(4.5 * 5.0)));
}

TEST_CASE("Evaluation: intervals resample events, and need five of them", "[kalshi]") {
  // Two equal brackets for every event: drawing events must give the interval of the events' own rewards.
  const std::vector<double> rewards{3.0, -1.0, 4.0, 1.0, -5.0, 9.0};
  std::vector<MarketResult> markets;
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    for (int twice = 0; twice < 2; ++twice) markets.push_back(result(markets.size(), "S-E" + std::to_string(i), rewards[i]));
  }
  rlx::risk::BootstrapConfig config;
  config.replicates = 10'000;
  config.seed = 3;
  const EvaluationTable table = make_table(markets, 10'000, 3);
  // The reference draws the same event numbers as long as they are given in the same order.
  const auto expected = rlx::risk::bootstrap_interval(
      std::span<const double>(rewards),
      [](std::span<const double> drawn) {
        double sum = 0.0;
        for (const double value : drawn) sum += value;
        return sum / static_cast<double>(drawn.size());
      },
      config);
  REQUIRE(table.total.mean.interval);
  CHECK(table.total.mean.value == Approx(11.0 / 6.0));
  CHECK(table.total.mean.interval->low == Approx(expected.low));
  CHECK(table.total.mean.interval->high == Approx(expected.high));
  CHECK(table.total.mean.interval->low < -1.0);
  CHECK(table.total.events == 6);
  for (const Estimate* const each : {&table.total.median, &table.total.interquartile_mean, &table.total.positive_share,
                                     &table.consistency, &*table.correlations[0].pearson, &*table.correlations[0].spearman}) {
    REQUIRE(each->interval);
    CHECK(each->interval->low <= each->value);
    CHECK(each->interval->high >= each->value);
  }
  markets.resize(8);  // four events
  const EvaluationTable few = make_table(markets, 10'000, 3);
  CHECK(few.total.events == 4);
  CHECK_FALSE(few.total.mean.interval);
  CHECK_FALSE(few.consistency.interval);
  CHECK_FALSE(few.correlations[0].pearson->interval);
  CHECK_FALSE(make_table({markets.begin(), markets.end()}, 0).total.mean.interval);
  REQUIRE_THROWS_AS(make_table({}), rlx::ConfigError);
}

TEST_CASE("Evaluation: a lead is paired by view", "[kalshi]") {
  const std::vector<double> rewards{3.0, -1.0, 4.0, 1.0, -5.0, 9.0}, leads{2.0, 2.0, 2.0, 2.0, 2.0, 8.0};
  std::vector<MarketResult> markets, others;
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    others.push_back(result(i, "S-E" + std::to_string(i), rewards[i]));
    markets.push_back(result(i, "S-E" + std::to_string(i), rewards[i] + leads[i]));
  }
  const EvaluationTable b = make_table(others, 0), a = make_table(markets);
  const Estimate lead = mean_lead(a, b);
  CHECK(lead.value == Approx(3.0));
  REQUIRE(lead.interval);
  CHECK(lead.interval->low == Approx(2.0));   // a third of the draws miss the view of 8; the rewards alone range over 14
  CHECK(lead.interval->high == Approx(5.0));  // three of six draws: 99.1 % of all have at most three
  CHECK(mean_lead(b, a).value == Approx(-3.0));
  CHECK_FALSE(mean_lead(b, a).interval);  // as the table of b has none
  // Against zeros a lead is the mean itself: both intervals come from the same draws, of the table's seed.
  for (MarketResult& market : others) market.reward_mean = 0.0;
  const EvaluationTable c = make_table(markets, 500, 9);
  const Estimate over_zero = mean_lead(c, make_table(others, 500, 8));
  CHECK(over_zero.interval->low == c.total.mean.interval->low);
  CHECK(over_zero.interval->high == c.total.mean.interval->high);
  const EvaluationTable few = make_table({others.begin(), others.begin() + 4});
  CHECK_FALSE(mean_lead(few, few).interval);  // four events
  CHECK(mean_lead(few, few).value == 0.0);
  REQUIRE_THROWS_WITH(mean_lead(a, few), ContainsSubstring("found 6 and 4 views"));
  others[2].ticker = "ELSE";
  REQUIRE_THROWS_AS(mean_lead(a, make_table(others, 0)), rlx::ConfigError);
}

TEST_CASE("Evaluation: aggregates by event, series and difficulty worked by hand", "[kalshi]") {
  std::vector<MarketResult> markets;
  const double rewards[] = {4.0, -6.0, 1.0, 2.0, 0.0, 7.0, -1.0, 3.0, 5.0, -5.0};
  const char* const events[] = {"KXA-1", "KXA-1", "KXA-2", "KXA-2", "KXB-1", "KXB-1", "KXB-2", "KXB-2", "KXC-1", "KXC-2"};
  for (std::size_t i = 0; i < 10; ++i) {
    markets.push_back(result(i, events[i], rewards[i]));
    markets.back().difficulty = 1.0 - 0.1 * static_cast<double>(i);  // the last is the easiest
    markets.back().true_edge = 1.0;
  }
  const EvaluationTable table = make_table(markets, 100);
  CHECK(table.total.mean.value == Approx(1.0));
  CHECK(table.total.median.value == Approx(1.5));              // -6 -5 -1 0 1 | 2 3 4 5 7
  CHECK(table.total.interquartile_mean.value == Approx(1.5));  // -1 0 1 2 3 4
  CHECK(table.total.positive_share.value == Approx(0.6));
  REQUIRE(table.total.true_edge);
  CHECK(table.total.true_edge->value == Approx(1.0));
  CHECK(table.hold_share == Approx(0.5));
  // Sums by event: -2 3 7 2 5 -5.
  REQUIRE(table.events.size() == 6);
  CHECK(table.events[0].event == "KXA-1");
  CHECK(table.events[0].reward == Approx(-2.0));
  CHECK(table.events[2].reward == Approx(7.0));
  CHECK(table.events[0].views == 2);
  CHECK(table.consistency.value == Approx(4.0 / 6.0));
  REQUIRE(table.by_series.size() == 3);
  CHECK(table.by_series[0].name == "KXA");
  CHECK(table.by_series[0].mean.value == Approx(0.25));
  CHECK(table.by_series[1].mean.value == Approx(2.25));
  CHECK(table.by_series[2].views == 2);
  REQUIRE(table.by_difficulty.size() == 5);
  CHECK(table.by_difficulty[0].mean.value == Approx(0.0));   // 5 -5
  CHECK(table.by_difficulty[4].mean.value == Approx(-1.0));  // 4 -6
  CHECK(table.by_difficulty[0].views == 2);
  REQUIRE(table.correlations.size() == 3);
  CHECK(table.correlations[0].with == "difficulty");
  CHECK(table.correlations[1].with == "length");
  // Length rises as difficulty falls, both evenly.
  CHECK(table.correlations[0].pearson->value == Approx(-table.correlations[1].pearson->value));
  CHECK(table.correlations[0].spearman->value == Approx(-table.correlations[1].spearman->value));
  CHECK_FALSE(table.correlations[2].pearson);  // coverage is the same everywhere
  CHECK(table.always_failing == std::vector<std::size_t>{1, 6, 9});
  CHECK(table.histogram.low == -6.0);
  CHECK(table.histogram.width == Approx(0.65));
  REQUIRE(table.histogram.counts.size() == 20);
  CHECK(table.histogram.counts[0] == 1);
  CHECK(table.histogram.counts[1] == 1);   // -5: 1.54 widths
  CHECK(table.histogram.counts[19] == 1);  // 7, the end
  CHECK(std::accumulate(table.histogram.counts.begin(), table.histogram.counts.end(), std::size_t{0}) == 10);

  EvaluationTable train, held_out;
  train.total.mean.value = 4.0;
  held_out.total.mean.value = 3.0;
  CHECK(generalisation_score(train, held_out) == 0.75);
  train.total.mean.value = 0.0;
  CHECK_FALSE(generalisation_score(train, held_out));
}

TEST_CASE("Evaluation: the figures of one view worked by hand", "[kalshi]") {
  // 60/62 c for 40 groups ten seconds apart; the favourite buys 10 at .62 in group 30 and is paid 10.
  TestMarket market;
  market.settlement = one_dollar;
  market.rows = {{market_start_us, EventKind::book_clear, 0, 0},
                 {market_start_us, EventKind::level_set_yes, 6'000, contracts(200)},
                 {market_start_us, EventKind::level_set_no, 6'200, contracts(200)}};
  MarketTruth truth;
  for (Micros k = 0; k < 40; ++k) {
    if (k > 0) market.rows.push_back({market_start_us + k * 10'000'000, EventKind::level_delta_yes, 100, contracts(1)});
    truth.ts_us.push_back(market_start_us + k * 10'000'000);
    truth.probability.push_back(0.70);
  }
  const ViewSet views({view_of(market), view_of(market).mirrored()});
  const MarketTruth* truths[] = {&truth, &truth};
  const double difficulty[] = {0.25, 0.75};
  EvaluationConfig config;
  config.truths = truths;
  config.difficulty = difficulty;
  config.episodes_per_view = 3;
  const EvaluationTable table = evaluate_markets(baselines::Favourite{}, views, {}, config);
  REQUIRE(table.markets.size() == 2);
  for (const MarketResult& each : table.markets) {
    CHECK(each.ticker == "TEST-25DEC01-A");
    CHECK(each.event == "TEST-25DEC01");
    CHECK(each.series == "TEST");
    CHECK(each.length == 40);
    CHECK(each.duration_s == Approx(390.0));
    CHECK(each.avg_spread == Approx(2.0));
    CHECK(each.difficulty == difficulty[each.source]);
    CHECK(each.mirrored == (each.source == 1));
    CHECK(each.episodes == 3);
    CHECK(each.reward_mean == Approx(3.63));
    CHECK(each.reward_min == each.reward_max);
    CHECK(each.reward_std == Approx(0.0).margin(1e-12));
    CHECK(each.success_rate == 1.0);
    CHECK(each.final_equity == Approx(103.63));
    CHECK(each.steps == 39.0);
    CHECK(each.hold_share == Approx(38.0 / 39.0));
    CHECK(each.held_share == Approx(8.0 / 39.0));  // from the decision of group 31 on
    CHECK(each.orders == 1.0);
    CHECK(each.taker_fills == 1.0);
    CHECK(each.maker_fills == 0.0);
    CHECK(each.contracts == Approx(10.0));
    CHECK(each.fees == Approx(0.17));
    CHECK(each.max_drawdown == Approx(0.37));  // spread and fee
    CHECK(each.illegal_actions == 0.0);
    CHECK(each.attribution.total() == 3 * Money{3'630'000});
    CHECK(each.attribution.fees == 3 * cents(17));
    CHECK(each.attribution.settlement == 3 * dollars(4));  // paid 10, valued 6 at the bid
    CHECK(each.unexplained == 0);
    CHECK(each.true_edge.value() == Approx(10.0 * (0.70 - 0.62) - 0.17));
  }
  CHECK(table.alarms.empty());
  CHECK(table.total.true_edge->value == Approx(0.63));
  CHECK(table.by_difficulty.size() == 2);  // of two views
}

TEST_CASE("Evaluation: the same table for any number of threads, with copies of the policy", "[kalshi]") {
  const Exchange& exchange = small_exchange();
  EvaluationConfig config;
  config.resamples = 200;
  config.truths = exchange.truths;
  config.episodes_per_view = 2;
  config.deterministic = false;
  config.seed = 9;
  const auto compare = [&](const auto& policy) {
    config.pool = nullptr;
    const EvaluationTable alone = evaluate_markets(policy, exchange.views, {}, config);
    rlx::ThreadPool pool(3);
    config.pool = &pool;
    const EvaluationTable together = evaluate_markets(policy, exchange.views, {}, config);
    REQUIRE(alone.markets.size() == together.markets.size());
    bool drawn_differently = false;
    for (std::size_t v = 0; v < alone.markets.size(); ++v) {
      const MarketResult &a = alone.markets[v], &b = together.markets[v];
      CHECK(a.reward_mean == b.reward_mean);
      CHECK(a.reward_std == b.reward_std);
      CHECK(a.true_edge == b.true_edge);
      CHECK(a.attribution == b.attribution);
      CHECK(a.hold_share == b.hold_share);
      drawn_differently = drawn_differently || a.reward_min != a.reward_max;
    }
    CHECK(same(alone.total.mean, together.total.mean));
    CHECK(same(alone.consistency, together.consistency));
    return drawn_differently;
  };
  CHECK(compare(baselines::Random{}));
  CHECK(compare(Observer{}));
  CHECK_FALSE(compare(baselines::Favourite{}));
  config.deterministic = true;
  CHECK_FALSE(compare(Observer{}));
}

TEST_CASE("Evaluation: errors name what does not fit", "[kalshi]") {
  const Exchange& exchange = small_exchange();
  EvaluationConfig config;
  config.episodes_per_view = 0;
  REQUIRE_THROWS_AS(evaluate_markets(baselines::Hold{}, exchange.views, {}, config), rlx::ConfigError);
  config.episodes_per_view = 1;
  const std::vector<double> one{0.5};
  config.difficulty = one;
  REQUIRE_THROWS_WITH(evaluate_markets(baselines::Hold{}, exchange.views, {}, config), ContainsSubstring("difficulty"));
  config.difficulty = {};
  config.truths = std::span(exchange.truths).first(1);
  REQUIRE_THROWS_WITH(evaluate_markets(baselines::Hold{}, exchange.views, {}, config), ContainsSubstring("truths"));
}

TEST_CASE("Evaluation: alarms for what correct books cannot show", "[kalshi]") {
  const auto texts = [](const EpisodeInfoKalshi& info) {
    std::vector<Alarm> alarms;
    detail::find_alarms(info, alarms);
    return alarms;
  };
  EpisodeInfoKalshi info;
  info.ticker = "KXA-1-B";
  info.source = 4;
  CHECK(texts(info).empty());
  info.unexplained = 1;
  REQUIRE(texts(info).size() == 1);
  CHECK(texts(info)[0].source == 4);
  CHECK(texts(info)[0].ticker == "KXA-1-B");
  CHECK_THAT(texts(info)[0].text, ContainsSubstring("attribution"));
  info.unexplained = 0;
  info.taker_improvement = 1;
  REQUIRE(texts(info).size() == 1);
  CHECK_THAT(texts(info)[0].text, ContainsSubstring("touch"));
  info.taker_improvement = -1;  // worse than the touch: an order that walked the book
  CHECK(texts(info).empty());
  info.decreases = contracts(1'000);
  info.filled_decreases = contracts(950);
  CHECK(texts(info).empty());
  info.filled_decreases += 1;
  REQUIRE(texts(info).size() == 1);
  CHECK_THAT(texts(info)[0].text, ContainsSubstring("95 %"));
  info.decreases = info.filled_decreases = contracts(99);
  CHECK(texts(info).empty());
}

TEST_CASE("Evaluation: fills assumed of resting orders change the maker, not the one who holds", "[kalshi]") {
  const Exchange& exchange = small_exchange();
  const EvaluationConfig config = without_intervals(exchange.truths);
  const auto maker = evaluate_fill_sensitivity(baselines::PassiveMaker{}, exchange.views, passive_maker_config({}), config);
  REQUIRE(maker.size() == 4);
  const auto fills = [](const EvaluationTable& table) {
    double sum = 0.0;
    for (const MarketResult& market : table.markets) sum += market.maker_fills;
    return sum;
  };
  CHECK(maker[0].trade_share == 0.0);
  CHECK(maker[3].trade_share == 0.5);
  CHECK(fills(maker[0].table) < fills(maker[3].table));
  for (const FillSensitivity& each : evaluate_fill_sensitivity(baselines::Hold{}, exchange.views, {}, config)) {
    CHECK(each.table.total.mean.value == 0.0);
    CHECK(each.table.hold_share == 1.0);
  }
}

TEST_CASE("True edge: realised reward differs from it by luck only, and the oracle has what the generator planted",
          "[kalshi]") {
  const Exchange exchange = make_exchange(100, 1.0);
  const EvaluationConfig config = without_intervals(exchange.truths);
  const auto check = [&](const char* name, const auto& policy, const KalshiEnvConfig& environment) {
    const EvaluationTable table = evaluate_markets(policy, exchange.views, environment, config);
    const auto [luck, error] = clustered(table, luck_of);
    CAPTURE(name, luck, error, table.total.mean.value, table.total.true_edge->value);
    CHECK(std::abs(luck) <= 3.0 * error);
    CHECK(error > 0.0);
    CHECK(table.alarms.empty());
    return table;
  };
  CHECK(check("random", baselines::Random{}, {}).total.true_edge->value < -10.0);
  check("maker", baselines::PassiveMaker{}, passive_maker_config({}));
  const EvaluationTable oracle = check("oracle", baselines::Oracle(exchange.truths), {});
  CHECK(oracle.total.true_edge->value >= 20.0);
  const auto positive = std::count_if(oracle.markets.begin(), oracle.markets.end(),
                                      [](const MarketResult& market) { return market.true_edge.value() > 0.0; });
  CHECK(static_cast<double>(positive) >= 0.9 * static_cast<double>(oracle.markets.size()));
}

namespace {

// 20 takers that know only the features, on markets without edge.
void check_no_edge(std::size_t days) {
  const Exchange exchange = make_exchange(days, 0.0);
  const EvaluationConfig config = without_intervals(exchange.truths);
  std::size_t traders = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const EvaluationTable table =
        evaluate_markets(LinearTaker{seed, 1.0 + 0.1 * static_cast<double>(seed)}, exchange.views, {}, config);
    const auto [mean, error] = clustered(table, reward_of);
    CAPTURE(seed, mean, error, table.total.true_edge->value, table.hold_share);
    CHECK(mean <= 3.0 * error);
    CHECK(table.total.true_edge->value <= 0.0);
    CHECK(table.alarms.empty());
    traders += table.hold_share < 1.0;
  }
  CHECK(traders >= 15);
  const EvaluationTable oracle = evaluate_markets(baselines::Oracle(exchange.truths), exchange.views, {}, config);
  CHECK(oracle.hold_share == 1.0);
  CHECK(oracle.total.mean.value == 0.0);
}

}  // namespace

TEST_CASE("True edge: without a planted one no taker profits", "[kalshi]") { check_no_edge(15); }
TEST_CASE("True edge: without a planted one no taker profits, all days", "[.slow][kalshi]") { check_no_edge(100); }

// ---- The recorded markets

namespace {

std::vector<MarketSessionView> resolved_views(const std::vector<std::string>& days) {
  const MarketResults results =
      read_results_csv(rlx::io::read_file(rlx_test::kalshi_data_path("kxhighny_bbo/settlement_inferred.csv")));
  std::set<std::string, std::less<>> known;
  for (const auto& each : results) known.insert(each.first);
  std::vector<MarketSessionView> views;
  for (const std::string& day : days) {
    BboImportConfig config;
    config.utc_offset_us = parse_utc_offset("-08:00");
    config.file = rlx_test::kalshi_data_path("kxhighny_bbo/market_data_KXHIGHNY-25DEC" + day + ".csv.gz");
    SessionBuilder builder;
    import_bbo_csv(std::string_view(rlx::io::gunzip_file(config.file)), config, builder);
    apply_results(results, std::span(&builder, 1), known);
    std::vector<MarketSessionView> of_day;
    append_views(builder.finish(), {}, of_day);
    std::copy_if(of_day.begin(), of_day.end(), std::back_inserter(views),
                 [](const MarketSessionView& view) { return view.market().settlement.has_value(); });
  }
  return views;
}

}  // namespace

TEST_CASE("Recorded markets: baselines on every resolved view", "[kalshi]") {
  if (!rlx_test::have_kalshi_data("kxhighny_bbo/settlement_inferred.csv")) return;
  const ViewSet views(
      resolved_views({"05", "06", "07", "08", "10", "11", "12", "13", "14", "15", "16", "19", "20", "21", "22"}));
  REQUIRE(views.size() >= 80);
  const EvaluationTable hold = evaluate_markets(baselines::Hold{}, views, {});
  CHECK(hold.hold_share == 1.0);
  for (const MarketResult& market : hold.markets) CHECK(market.reward_mean == 0.0);
  const EvaluationTable favourite = evaluate_markets(baselines::Favourite{}, views, {});
  CHECK(std::abs(favourite.total.mean.value) < 1.5);
  const EvaluationTable cross = evaluate_markets(baselines::CrossOnce{}, views, {});
  CHECK(std::abs(cross.total.mean.value) < 1.5);
  // Under the strict rule for data without sizes; it is in fact significantly negative.
  const EvaluationTable maker = evaluate_markets(baselines::PassiveMaker{}, views, passive_maker_config({}));
  CHECK(maker.total.mean.interval.value().low <= 0.0);
  CHECK(maker.total.mean.interval.value().high < 0.0);
  for (const EvaluationTable* const table : {&hold, &favourite, &cross, &maker}) CHECK(table->alarms.empty());
}
