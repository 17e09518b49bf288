// SPDX-License-Identifier: MIT
/// @file
/// @brief Figures of a policy on many markets: per view, per event, by series and difficulty, with intervals over events, true
/// edge where the truth is known, and alarms for equity that nothing explains.
#ifndef RLX_KALSHI_EVALUATION_HPP
#define RLX_KALSHI_EVALUATION_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/kalshi/baselines.hpp>
#include <rlx/kalshi/environment.hpp>
#include <rlx/kalshi/synthetic_session.hpp>
#include <rlx/kalshi/ticker.hpp>
#include <rlx/kalshi/types.hpp>
#include <rlx/kalshi/view_filter.hpp>
#include <rlx/risk/bootstrap.hpp>

namespace rlx::inline v0_1::kalshi {

/// A policy that sees observation and mask only, with a workspace per thread, such as a trained one. The last argument is
/// whatever can be made of {deterministic, pointer to the decision's random numbers}.
template <class P>
concept ObservationPolicy = requires(const P& policy, typename P::Workspace& workspace, std::span<const float> observation,
                                     std::span<const std::uint8_t> mask, std::span<std::int32_t> action, RandomStream& random) {
  { policy.make_workspace() } -> std::same_as<typename P::Workspace>;
  policy.act(observation, mask, action, workspace, {true, &random});
};

/// How a policy is evaluated. Spans must outlive the call.
struct EvaluationConfig {
  std::size_t episodes_per_view = 1;             ///< >= 1; more tell something only of policies that draw, and with jitter
  bool deterministic = true;                     ///< told to an ObservationPolicy: the most probable action, or a drawn one
  std::uint64_t seed = 0;                        ///< of episodes, decisions and resampling
  std::size_t resamples = 10'000;                ///< of every interval; 0: no intervals
  std::span<const double> difficulty{};          ///< by view; empty: nothing is said about difficulty
  std::span<const MarketTruth* const> truths{};  ///< by view, see `truths_of`; empty: no true edge
  ThreadPool* pool = nullptr;                    ///< changes nothing but the time it takes
};

/// A figure and, where there are at least 5 events, its 95 % interval.
struct Estimate {
  double value = 0.0;                        ///< of the rows as they are
  std::optional<risk::Interval> interval{};  ///< by drawing events; empty below 5 events or without resamples
};

/// One view. Money in dollars and contracts in contracts unless the type says otherwise; figures without "sum" are means over
/// the view's episodes. Rewards are in units of the environment's reward.
struct MarketResult {
  std::size_t source = 0;              ///< number in the view set
  std::string ticker;                  ///< of the market
  std::string event;                   ///< event ticker
  std::string series;                  ///< series ticker
  SessionId session = 0;               ///< recording that it comes from
  std::int32_t day = 0;                ///< since 1970
  bool mirrored = false;               ///< true: seen from the NO side
  std::size_t length = 0;              ///< decision groups
  double duration_s = 0.0;             ///< from the first to the last decision
  double avg_spread = 0.0;             ///< see ViewStatistics
  double volatility = 0.0;             ///< see ViewStatistics
  double coverage = 0.0;               ///< see ViewStatistics
  std::optional<double> difficulty{};  ///< as given in the configuration; empty if it was not

  std::size_t episodes = 0;           ///< played
  double reward_mean = 0.0;           ///< of an episode
  double reward_std = 0.0;            ///< standard deviation over the episodes, whose number divides
  double reward_min = 0.0;            ///< worst episode
  double reward_max = 0.0;            ///< best episode
  double success_rate = 0.0;          ///< share of episodes with reward > 0
  double final_equity = 0.0;          ///< cash and value in the end, dollars
  double steps = 0.0;                 ///< decisions
  double hold_share = 0.0;            ///< of the steps: the action was HOLD
  double held_share = 0.0;            ///< of the time: a position was held
  double orders = 0.0;                ///< messages sent, cancellations included
  double taker_fills = 0.0;           ///< fills of orders that crossed; liquidation not included
  double maker_fills = 0.0;           ///< fills of resting orders
  double contracts = 0.0;             ///< filled
  double fees = 0.0;                  ///< net, dollars
  double max_drawdown = 0.0;          ///< the largest of the episodes
  double illegal_actions = 0.0;       ///< masked actions that acted as HOLD
  double truncated_depth = 0.0;       ///< contracts that the liquidation found no bid for
  Attribution attribution{};          ///< sum over the episodes, micro-dollars
  Money unexplained = 0;              ///< sum over the episodes
  std::optional<double> true_edge{};  ///< sum over fills of dx (p* - p) - fee: the reward in dollars without its luck
};

/// Views that are taken together.
struct GroupResult {
  std::string name;                     ///< `all`, a series, or a fifth by difficulty such as `1 easiest`
  std::size_t views = 0;                ///< in the group
  std::size_t events = 0;               ///< that they belong to
  Estimate mean;                        ///< of the views' mean rewards
  Estimate median;                      ///< of the views' mean rewards
  Estimate interquartile_mean;          ///< of the views' mean rewards, a quarter dropped at each end
  Estimate positive_share;              ///< views with mean reward > 0
  std::optional<Estimate> true_edge{};  ///< mean over the views
};

/// All brackets of an event.
struct EventResult {
  std::string event;      ///< event ticker
  std::size_t views = 0;  ///< views of its brackets
  double reward = 0.0;    ///< sum of the views' mean rewards
};

/// Mean reward against a property of the views. Empty where one of the two does not vary.
struct Correlation {
  std::string with;                    ///< the property
  std::optional<Estimate> pearson{};   ///< of the values
  std::optional<Estimate> spearman{};  ///< of their ranks
};

/// Bin i counts values in [low + i width, low + (i+1) width); the last one includes its end.
struct Histogram {
  double low = 0.0;                 ///< start of the first bin
  double width = 0.0;               ///< of every bin; 0 if all values are equal
  std::vector<std::size_t> counts;  ///< values by bin
};

/// Something that correct books cannot show.
struct Alarm {
  std::size_t source = 0;  ///< number in the view set
  std::string ticker;      ///< of the market
  std::string text;        ///< what was found
};

/// Figures of one policy on a set of views.
struct EvaluationTable {
  std::vector<MarketResult> markets;        ///< by source
  std::size_t resamples = 10'000;           ///< of its intervals; 0: it has none
  std::uint64_t seed = 0;                   ///< of the resampling
  GroupResult total;                        ///< all views
  std::vector<EventResult> events;          ///< by name
  Estimate consistency;                     ///< share of events with a positive sum
  std::vector<GroupResult> by_series;       ///< by name
  std::vector<GroupResult> by_difficulty;   ///< fifths of the views, easy ones first; empty without difficulty
  std::vector<Correlation> correlations;    ///< difficulty (where given), length, coverage
  Histogram histogram;                      ///< of the views' mean rewards, 20 bins
  std::vector<std::size_t> always_failing;  ///< sources that lose and never win in any episode
  double hold_share = 0.0;                  ///< of all steps
  std::vector<Alarm> alarms;                ///< in the order of the views
};

/// Mean held-out over mean training reward; empty unless the latter is above 0.
inline std::optional<double> generalisation_score(const EvaluationTable& train, const EvaluationTable& held_out) {
  if (!(train.total.mean.value > 0.0)) return std::nullopt;
  return held_out.total.mean.value / train.total.mean.value;
}

/// Aggregates of results. Alarms are left empty.
/// @param markets    by source; at least one
/// @param resamples  of every interval; 0: no intervals. @throws ConfigError without results
/// @param seed       of the resampling
inline EvaluationTable make_table(std::vector<MarketResult> markets, std::size_t resamples = 10'000, std::uint64_t seed = 0);

/// How much more one policy earned than another on the same views: mean over the views of the difference of their mean rewards,
/// so that what a market gives to both does not widen the interval. The events are drawn as for the intervals of `policy`.
/// @throws ConfigError if the tables are not of the same views
inline Estimate mean_lead(const EvaluationTable& policy, const EvaluationTable& other);

/**
 * @brief Plays every view and tells how it went. A result at the end is paid, else the position is liquidated.
 *
 * Episode e of view v, number i = v * episodes_per_view + e, has the seed of stream (seed, evaluation_reset, 0, i), and its
 * decision s draws from stream (seed, evaluation_action, i, s). Hence the same table for any number of threads.
 * @param policy  a MarketPolicy, copied for every episode, or an ObservationPolicy, called from the pool's threads
 * @param views        what is played, each `episodes_per_view` times
 * @param environment  of every episode
 * @param config       how often, with what seeds and intervals, on which pool
 * @throws ConfigError for 0 episodes, spans of another length than the views, and what the environment's constructor throws
 */
template <class Policy>
EvaluationTable evaluate_markets(Policy&& policy, const ViewSet& views, KalshiEnvConfig environment,
                                 const EvaluationConfig& config = {});

/// The table at several shares of unexplained decreases that count as trades: {0, 0.10, 0.25, 0.50}.
struct FillSensitivity {
  double trade_share = 0.0;  ///< share that the fills assume
  EvaluationTable table;     ///< result of the evaluation with it
};
/// One evaluation for each trade share that FillSensitivity names; all else as given. @throws what `evaluate_markets` does
template <class Policy>
std::vector<FillSensitivity> evaluate_fill_sensitivity(const Policy& policy, const ViewSet& views,
                                                       const KalshiEnvConfig& environment,
                                                       const EvaluationConfig& config = {}) {
  std::vector<FillSensitivity> rows;
  for (const double trade_share : {0.0, 0.10, 0.25, 0.50}) {
    KalshiEnvConfig changed = environment;
    changed.fill.trade_share = trade_share;
    rows.push_back({trade_share, evaluate_markets(policy, views, changed, config)});
  }
  return rows;
}

// ---- Statistics of rows that are drawn several times ------------------------------------------------------------------------

namespace detail {

/// How often each row was drawn.
using Draws = std::span<const std::uint32_t>;

/// Rows drawn, repetitions included.
inline std::size_t drawn_rows(Draws draws) { return std::accumulate(draws.begin(), draws.end(), std::size_t{0}); }

/// Mean of `value(i)` over the drawn rows.
template <class F>
double drawn_mean(Draws draws, F&& value) {
  double sum = 0.0, count = 0.0;
  for (std::size_t i = 0; i < draws.size(); ++i) {
    sum += static_cast<double>(draws[i]) * value(i);
    count += static_cast<double>(draws[i]);
  }
  return sum / count;
}

/// Positions of the values in ascending order; equal ones keep theirs.
inline std::vector<std::size_t> order_of(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return order;
}

/// Mean of the sorted drawn values after dropping `drop` at each end.
inline double trimmed_mean(std::span<const double> values, std::span<const std::size_t> order, Draws draws, std::size_t drop) {
  const std::size_t end = drawn_rows(draws) - drop;
  double sum = 0.0;
  std::size_t at = 0;
  for (const std::size_t i : order) {
    const std::size_t from = std::max(at, drop), to = std::min(at + draws[i], end);
    if (from < to) sum += static_cast<double>(to - from) * values[i];
    at += draws[i];
  }
  return sum / static_cast<double>(end - drop);
}

/// Median of the drawn rows: the middle value or the mean of the two.
inline double drawn_median(std::span<const double> values, std::span<const std::size_t> order, Draws draws) {
  return trimmed_mean(values, order, draws, (drawn_rows(draws) - 1) / 2);  // the middle one or two
}

/// True unless all drawn values are equal.
inline bool varies(std::span<const double> values, Draws draws) {
  std::optional<double> first;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (draws[i] == 0) continue;
    if (first && *first != values[i]) return true;
    first = values[i];
  }
  return false;
}

/// 0 where one of the two does not vary.
inline double pearson(std::span<const double> x, std::span<const double> y, Draws draws) {
  if (!varies(x, draws) || !varies(y, draws)) return 0.0;
  const double mean_x = drawn_mean(draws, [&](std::size_t i) { return x[i]; });
  const double mean_y = drawn_mean(draws, [&](std::size_t i) { return y[i]; });
  const double xx = drawn_mean(draws, [&](std::size_t i) { return (x[i] - mean_x) * (x[i] - mean_x); });
  const double yy = drawn_mean(draws, [&](std::size_t i) { return (y[i] - mean_y) * (y[i] - mean_y); });
  const double xy = drawn_mean(draws, [&](std::size_t i) { return (x[i] - mean_x) * (y[i] - mean_y); });
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

/// Mean rank of each row among the drawn ones, ties sharing theirs.
inline void mean_ranks(std::span<const double> values, std::span<const std::size_t> order, Draws draws,
                       std::span<double> ranks) {
  double before = 0.0;
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    double count = 0.0;
    for (; end < order.size() && values[order[end]] == values[order[begin]]; ++end) {
      count += static_cast<double>(draws[order[end]]);
    }
    for (; begin < end; ++begin) ranks[order[begin]] = before + 0.5 * count;
    before += count;
  }
}

// Percentile bootstrap over events: all rows of a drawn event are drawn.
class EventBootstrap {
 public:
  static constexpr std::size_t least_events = 5;

  // events: number of the event of each row
  EventBootstrap(std::span<const std::uint32_t> events, std::size_t resamples, std::uint64_t seed)
      : resamples_(resamples), seed_(seed), event_of_row_(events.begin(), events.end()), ones_(events.size(), 1) {
    std::vector<std::uint32_t> names = event_of_row_;
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (std::uint32_t& event : event_of_row_) {
      event = static_cast<std::uint32_t>(std::lower_bound(names.begin(), names.end(), event) - names.begin());
    }
    numbers_.resize(names.size());
    std::iota(numbers_.begin(), numbers_.end(), 0.0);
  }

  std::size_t events() const noexcept { return numbers_.size(); }
  Draws once() const noexcept { return ones_; }

  // statistic: double(Draws), finite
  template <class F>
  Estimate operator()(F&& statistic) const {
    Estimate estimate{statistic(Draws(ones_)), std::nullopt};
    if (events() < least_events || resamples_ == 0) return estimate;
    std::vector<std::uint32_t> of_event(events()), of_row(event_of_row_.size());
    const auto drawn = [&](std::span<const double> numbers) {
      std::fill(of_event.begin(), of_event.end(), 0U);
      for (const double number : numbers) ++of_event[static_cast<std::size_t>(number)];
      for (std::size_t i = 0; i < of_row.size(); ++i) of_row[i] = of_event[event_of_row_[i]];
      return statistic(Draws(of_row));
    };
    risk::BootstrapConfig config;
    config.replicates = resamples_;
    config.seed = seed_;
    estimate.interval = risk::bootstrap_interval(std::span<const double>(numbers_), drawn, config);
    return estimate;
  }

 private:
  std::size_t resamples_;
  std::uint64_t seed_;
  std::vector<std::uint32_t> event_of_row_, ones_;
  std::vector<double> numbers_;
};

/// Correlation of the values with its interval; empty where one of the two does not vary.
inline std::optional<Estimate> pearson_estimate(const EventBootstrap& bootstrap, std::span<const double> x,
                                                std::span<const double> y) {
  if (!varies(x, bootstrap.once()) || !varies(y, bootstrap.once())) return std::nullopt;
  return bootstrap([&](Draws draws) { return pearson(x, y, draws); });
}

/// Correlation of the ranks with its interval; empty where one of the two does not vary.
inline std::optional<Estimate> spearman_estimate(const EventBootstrap& bootstrap, std::span<const double> x,
                                                 std::span<const double> y) {
  if (!varies(x, bootstrap.once()) || !varies(y, bootstrap.once())) return std::nullopt;
  const std::vector<std::size_t> order_x = order_of(x), order_y = order_of(y);
  std::vector<double> ranks_x(x.size()), ranks_y(y.size());
  return bootstrap([&](Draws draws) {
    mean_ranks(x, order_x, draws, ranks_x);
    mean_ranks(y, order_y, draws, ranks_y);
    return pearson(ranks_x, ranks_y, draws);
  });
}

/// Figures of the views of one group. `events`: number of the event of each.
inline GroupResult group_result(std::string name, std::span<const MarketResult* const> markets,
                                std::span<const std::uint32_t> events, std::size_t resamples, std::uint64_t seed) {
  const EventBootstrap bootstrap(events, resamples, seed);
  std::vector<double> rewards, edges;
  for (const MarketResult* const market : markets) {
    rewards.push_back(market->reward_mean);
    if (market->true_edge) edges.push_back(*market->true_edge);
  }
  const std::vector<std::size_t> order = order_of(rewards);
  GroupResult group;
  group.name = std::move(name);
  group.views = markets.size();
  group.events = bootstrap.events();
  group.mean = bootstrap([&](Draws draws) { return drawn_mean(draws, [&](std::size_t i) { return rewards[i]; }); });
  group.median = bootstrap([&](Draws draws) { return drawn_median(rewards, order, draws); });
  group.interquartile_mean = bootstrap([&](Draws draws) { return trimmed_mean(rewards, order, draws, drawn_rows(draws) / 4); });
  group.positive_share =
      bootstrap([&](Draws draws) { return drawn_mean(draws, [&](std::size_t i) { return rewards[i] > 0.0 ? 1.0 : 0.0; }); });
  if (edges.size() == markets.size()) {
    group.true_edge = bootstrap([&](Draws draws) { return drawn_mean(draws, [&](std::size_t i) { return edges[i]; }); });
  }
  return group;
}

/// Equal bins from the smallest to the largest value. @pre at least one value
inline Histogram histogram_of(std::span<const double> values, std::size_t bins) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  Histogram histogram{*low, (*high - *low) / static_cast<double>(bins), std::vector<std::size_t>(bins, 0)};
  for (const double value : values) {
    const double at = histogram.width > 0.0 ? (value - histogram.low) / histogram.width : 0.0;
    ++histogram.counts[std::min(static_cast<std::size_t>(at), bins - 1)];
  }
  return histogram;
}

}  // namespace detail

inline Estimate mean_lead(const EvaluationTable& policy, const EvaluationTable& other) {
  const auto same = [](const MarketResult& a, const MarketResult& b) {
    return a.ticker == b.ticker && a.session == b.session && a.mirrored == b.mirrored;
  };
  if (policy.markets.empty() ||
      !std::equal(policy.markets.begin(), policy.markets.end(), other.markets.begin(), other.markets.end(), same)) {
    throw ConfigError("mean_lead: expected two tables of the same views, found " + std::to_string(policy.markets.size()) +
                      " and " + std::to_string(other.markets.size()) + " views; evaluate both policies on one set");
  }
  std::map<std::string_view, std::uint32_t> numbers;
  std::vector<std::uint32_t> events;
  for (const MarketResult& market : policy.markets) {
    events.push_back(numbers.try_emplace(market.event, static_cast<std::uint32_t>(numbers.size())).first->second);
  }
  return detail::EventBootstrap(events, policy.resamples, policy.seed)([&](detail::Draws draws) {
    return detail::drawn_mean(draws,
                              [&](std::size_t i) { return policy.markets[i].reward_mean - other.markets[i].reward_mean; });
  });
}

inline EvaluationTable make_table(std::vector<MarketResult> markets, std::size_t resamples, std::uint64_t seed) {
  if (markets.empty()) throw ConfigError("evaluation: expected at least one view, found none");
  EvaluationTable table;
  table.markets = std::move(markets);
  table.resamples = resamples;
  table.seed = seed;
  const std::size_t n = table.markets.size();

  std::vector<std::string_view> names;
  for (const MarketResult& market : table.markets) names.push_back(market.event);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string_view name : names) table.events.push_back({std::string(name), 0, 0.0});
  std::vector<std::uint32_t> events;
  std::vector<double> rewards;
  double steps = 0.0, held = 0.0;
  for (const MarketResult& market : table.markets) {
    events.push_back(static_cast<std::uint32_t>(std::lower_bound(names.begin(), names.end(), market.event) - names.begin()));
    rewards.push_back(market.reward_mean);
    ++table.events[events.back()].views;
    table.events[events.back()].reward += market.reward_mean;
    const auto episodes = static_cast<double>(market.episodes);
    steps += episodes * market.steps;
    held += episodes * market.steps * market.hold_share;
    if (market.reward_mean < 0.0 && market.reward_max <= 0.0) table.always_failing.push_back(market.source);
  }
  table.hold_share = steps > 0.0 ? held / steps : 1.0;
  table.histogram = detail::histogram_of(rewards, 20);

  const auto group = [&](std::string name, std::span<const std::size_t> rows) {
    std::vector<const MarketResult*> chosen;
    std::vector<std::uint32_t> chosen_events;
    for (const std::size_t row : rows) {
      chosen.push_back(&table.markets[row]);
      chosen_events.push_back(events[row]);
    }
    return detail::group_result(std::move(name), chosen, chosen_events, resamples, seed);
  };
  std::vector<std::size_t> all(n);
  std::iota(all.begin(), all.end(), std::size_t{0});
  table.total = group("all", all);

  std::vector<std::size_t> by_series = all;
  const auto series = [&](std::size_t row) -> const std::string& { return table.markets[row].series; };
  std::stable_sort(by_series.begin(), by_series.end(), [&](std::size_t a, std::size_t b) { return series(a) < series(b); });
  for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
    while (end < n && series(by_series[end]) == series(by_series[begin])) ++end;
    table.by_series.push_back(group(series(by_series[begin]), std::span(by_series).subspan(begin, end - begin)));
  }

  const detail::EventBootstrap over_views(events, resamples, seed);
  const auto correlate = [&](std::string with, auto&& property) {
    std::vector<double> values;
    for (const MarketResult& market : table.markets) values.push_back(property(market));
    table.correlations.push_back({std::move(with), detail::pearson_estimate(over_views, values, rewards),
                                  detail::spearman_estimate(over_views, values, rewards)});
  };
  const bool rated = std::all_of(table.markets.begin(), table.markets.end(),
                                 [](const MarketResult& market) { return market.difficulty.has_value(); });
  if (rated) {
    std::vector<std::size_t> order = all;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return *table.markets[a].difficulty < *table.markets[b].difficulty; });
    constexpr std::size_t fifths = 5;
    constexpr std::string_view labels[fifths] = {"1 easiest", "2", "3", "4", "5 hardest"};
    for (std::size_t k = 0; k < fifths; ++k) {
      const std::size_t begin = k * n / fifths, end = (k + 1) * n / fifths;
      if (begin < end) {
        table.by_difficulty.push_back(group(std::string(labels[k]), std::span(order).subspan(begin, end - begin)));
      }
    }
    correlate("difficulty", [](const MarketResult& market) { return *market.difficulty; });
  }
  correlate("length", [](const MarketResult& market) { return static_cast<double>(market.length); });
  correlate("coverage", [](const MarketResult& market) { return market.coverage; });

  std::vector<std::uint32_t> each(table.events.size());
  std::iota(each.begin(), each.end(), 0U);
  const detail::EventBootstrap over_events(each, resamples, seed);
  table.consistency = over_events([&](detail::Draws draws) {
    return detail::drawn_mean(draws, [&](std::size_t i) { return table.events[i].reward > 0.0 ? 1.0 : 0.0; });
  });
  return table;
}

// ---- Playing ----------------------------------------------------------------------------------------------------------------

namespace detail {

/// A few small levels that trades took whole are no alarm: below so many contracts the share says nothing.
inline constexpr Count least_alarming_decreases = contracts(100);

/// What correct books cannot show, one text each.
inline void find_alarms(const EpisodeInfoKalshi& info, std::vector<Alarm>& alarms) {
  const auto raise = [&](std::string text) { alarms.push_back({info.source, std::string(info.ticker), std::move(text)}); };
  if (info.unexplained != 0) {
    raise("equity changed by " + std::to_string(info.unexplained) + " micro-dollars that no part of the attribution explains");
  }
  if (info.taker_improvement > 0) {
    raise("taker fills were better than the touch at their arrival by " + std::to_string(info.taker_improvement) +
          " micro-dollars together");
  }
  if (info.decreases >= least_alarming_decreases && info.filled_decreases * 100 > info.decreases * 95) {
    raise("maker fills took " + std::to_string(info.filled_decreases) + " of " + std::to_string(info.decreases) +
          " hundredths of contracts by which levels decreased, more than 95 %");
  }
}

// The episodes of one view, one after another.
class ViewTally {
 public:
  ViewTally(const MarketSessionView& view, std::size_t source, const EvaluationConfig& config) {
    const MarketInfo& market = view.market();
    result.source = source;
    result.ticker = market.ticker;
    result.event = view.event_ticker();
    result.series = market.series_ticker.empty() ? std::string(series_of_ticker(market.ticker)) : market.series_ticker;
    result.session = view.session()->session_id();
    result.day = view.day();
    result.mirrored = view.is_mirrored();
    result.length = view.length();
    result.duration_s = 1e-6 * static_cast<double>(view.total_duration_us());
    result.avg_spread = view.avg_spread();
    result.volatility = view.volatility_score();
    result.coverage = view.market_coverage();
    if (!config.difficulty.empty()) result.difficulty = config.difficulty[source];
    if (!config.truths.empty()) result.true_edge = 0.0;
  }

  void add(const MarketAgnosticKalshiEnv& environment, double reward, std::uint64_t holds, double edge) {
    const EpisodeInfoKalshi& info = environment.info();
    std::array<double, MarketAgnosticKalshiEnv::metric_names().size()> metrics{};
    environment.metrics(metrics);
    rewards_.push_back(reward);
    const auto steps = static_cast<double>(info.steps);
    result.success_rate += reward > 0.0 ? 1.0 : 0.0;
    result.final_equity += 1e-6 * static_cast<double>(info.equity);
    result.steps += steps;
    holds_ += static_cast<double>(holds);
    result.held_share += metric(metrics, "held_share");
    result.orders += static_cast<double>(info.orders);
    result.taker_fills += static_cast<double>(info.taker_fills);
    result.maker_fills += static_cast<double>(info.maker_fills);
    result.contracts += metric(metrics, "contracts");
    result.fees += metric(metrics, "fees");
    result.max_drawdown = std::max(result.max_drawdown, metric(metrics, "max_drawdown"));
    result.illegal_actions += static_cast<double>(info.illegal_actions);
    result.truncated_depth += metric(metrics, "truncated_depth");
    result.attribution += info.attribution;
    result.unexplained += info.unexplained;
    if (result.true_edge) *result.true_edge += edge;
    find_alarms(info, alarms);
  }

  // Sums become means.
  void finish() {
    result.episodes = rewards_.size();
    const auto n = static_cast<double>(rewards_.size());
    result.reward_mean = std::accumulate(rewards_.begin(), rewards_.end(), 0.0) / n;
    double squares = 0.0;
    for (const double reward : rewards_) squares += (reward - result.reward_mean) * (reward - result.reward_mean);
    result.reward_std = std::sqrt(squares / n);
    const auto [low, high] = std::minmax_element(rewards_.begin(), rewards_.end());
    result.reward_min = *low;
    result.reward_max = *high;
    result.hold_share = result.steps > 0.0 ? holds_ / result.steps : 1.0;
    for (double* const sum :
         {&result.success_rate, &result.final_equity, &result.steps, &result.held_share, &result.orders, &result.taker_fills,
          &result.maker_fills, &result.contracts, &result.fees, &result.illegal_actions, &result.truncated_depth}) {
      *sum /= n;
    }
    if (result.true_edge) *result.true_edge /= n;
  }

  MarketResult result;
  std::vector<Alarm> alarms;

 private:
  static double metric(std::span<const double> values, std::string_view name) {
    constexpr auto names = MarketAgnosticKalshiEnv::metric_names();
    return values[static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin())];
  }

  std::vector<double> rewards_;
  double holds_ = 0.0;
};

/// Plays the running view once; `choose` gives the action. Adds to the tally.
template <class Choose>
void play_episode(MarketAgnosticKalshiEnv& environment, std::size_t episode, const EvaluationConfig& config, Choose&& choose,
                  ViewTally& tally) {
  std::array<float, feature_count> row{};
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(environment.layout().size()));
  environment.reset(RandomStream({config.seed, Purpose::evaluation_reset, 0, episode}).next_u64(), row);
  const MarketTruth* const truth = config.truths.empty() ? nullptr : config.truths[environment.info().source];
  double reward = 0.0, edge = 0.0;
  std::uint64_t holds = 0;
  for (bool ended = false; !ended;) {
    environment.action_masks(mask);
    RandomStream random(
        {config.seed, Purpose::evaluation_action, static_cast<std::uint32_t>(episode), environment.info().steps});
    const std::int32_t action = choose(PolicyInput{row, mask, environment, random});
    holds += action == 0;
    const Transition transition = environment.step(std::span(&action, 1), row);
    reward += transition.reward;
    ended = transition.terminated || transition.truncated;
    if (truth == nullptr) continue;
    for (const Fill& fill : environment.fills()) {
      const double p = true_probability(*truth, environment.view(), fill.ts_us);
      edge += 1e-2 * static_cast<double>(fill.dx) * (p - dollars_of(fill.price)) - 1e-6 * static_cast<double>(fill.fee);
    }
  }
  tally.add(environment, reward, holds, edge);
}

}  // namespace detail

template <class Policy>
EvaluationTable evaluate_markets(Policy&& policy, const ViewSet& views, KalshiEnvConfig environment,
                                 const EvaluationConfig& config) {
  using P = std::remove_cvref_t<Policy>;
  static_assert(MarketPolicy<P> || ObservationPolicy<P>,
                "rlx: evaluate_markets needs `int act(const PolicyInput&)`, or a policy with make_workspace and "
                "`act(observation, mask, action, workspace, options)`");
  if (config.episodes_per_view == 0) throw ConfigError("episodes_per_view: expected at least 1, found 0");
  const auto check = [&](const char* field, std::size_t size) {
    if (size == 0 || size == views.size()) return;
    throw ConfigError(std::string(field) + ": expected one entry for each of the " + std::to_string(views.size()) +
                      " views, found " + std::to_string(size));
  };
  check("difficulty", config.difficulty.size());
  check("truths", config.truths.size());
  environment.end_of_data = EndOfData::liquidate;

  std::vector<MarketResult> results(views.size());
  std::vector<std::vector<Alarm>> alarms(views.size());
  const std::shared_ptr<const ViewSet> shared(std::shared_ptr<void>(), &views);  // alive for the call
  const MarketAgnosticKalshiEnv fresh(shared, environment);
  const std::size_t shards = std::min(config.pool == nullptr ? 1 : config.pool->size(), views.size());
  const auto run_shard = [&](std::size_t shard) {
    MarketAgnosticKalshiEnv env = fresh;
    const auto run_views = [&](auto&& play) {
      for (std::size_t source = shard; source < views.size(); source += shards) {
        detail::ViewTally tally(views[source], source, config);
        for (std::size_t e = 0; e < config.episodes_per_view; ++e) {
          env.set_source(source);
          play(source * config.episodes_per_view + e, tally);
        }
        tally.finish();
        results[source] = std::move(tally.result);
        alarms[source] = std::move(tally.alarms);
      }
    };
    if constexpr (MarketPolicy<P>) {
      run_views([&](std::size_t episode, detail::ViewTally& tally) {
        P player = policy;
        detail::play_episode(
            env, episode, config, [&](const PolicyInput& input) { return static_cast<std::int32_t>(player.act(input)); },
            tally);
      });
    } else {
      typename P::Workspace workspace = policy.make_workspace();
      run_views([&](std::size_t episode, detail::ViewTally& tally) {
        if constexpr (requires { workspace.begin_episode(); }) workspace.begin_episode();
        const auto choose = [&](const PolicyInput& input) {
          std::int32_t action = 0;
          policy.act(input.observation, input.mask, std::span<std::int32_t>(&action, 1), workspace,
                     {config.deterministic, &input.random});
          return action;
        };
        detail::play_episode(env, episode, config, choose, tally);
      });
    }
  };
  if (config.pool != nullptr) {
    config.pool->run(shards, run_shard);
  } else {
    run_shard(0);
  }

  EvaluationTable table = make_table(std::move(results), config.resamples, config.seed);
  for (std::vector<Alarm>& some : alarms) {
    table.alarms.insert(table.alarms.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  }
  return table;
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_EVALUATION_HPP
