// SPDX-License-Identifier: MIT
/// @file
/// @brief How the training profiles performed, and whether they can be told apart.
#ifndef RLX_OPTIONS_PROFILE_REPORT_HPP
#define RLX_OPTIONS_PROFILE_REPORT_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/finite.hpp>
#include <rlx/core/special_functions.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/io/text_table.hpp>
#include <rlx/options/training_dataset.hpp>
#include <rlx/risk/bootstrap.hpp>
#include <rlx/risk/tail.hpp>

namespace rlx::inline v0_1::options {

/// Figures of the rewards of finished legs (settled or closed). NaN where there are too few.
struct RewardFigures {
  std::size_t legs = 0;                                         ///< finished ones with a reward
  double win_rate = std::numeric_limits<double>::quiet_NaN();   ///< share with a reward above 0; read it with the mean only
  double mean = std::numeric_limits<double>::quiet_NaN();       ///< of TrainingExample::reward, as all that follow
  double median = std::numeric_limits<double>::quiet_NaN();     ///< mean of the two in the middle for an even number
  double sd = std::numeric_limits<double>::quiet_NaN();         ///< with n − 1; needs two legs
  double worst = std::numeric_limits<double>::quiet_NaN();      ///< lowest reward
  double cvar_5pct = std::numeric_limits<double>::quiet_NaN();  ///< mean of the worst 5 % (at least one leg)
};

/// The sold calls of one strategy, over all underlyings or of one.
struct ReportGroup {
  std::string strategy;                                          ///< "production" for legs without one
  std::string underlying;                                        ///< empty: all
  std::size_t planned = 0;                                       ///< legs, whatever became of them
  std::size_t simulated = 0;                                     ///< in a dry run; not counted further
  std::size_t sent = 0;                                          ///< not denied or aborted before
  std::size_t filled = 0;                                        ///< with a fill, at least in part
  std::size_t settled = 0;                                       ///< filled and expired
  std::size_t closed = 0;                                        ///< filled and bought back
  std::size_t open_at_end = 0;                                   ///< filled and open at the end of the log
  std::map<std::string, std::size_t> rejected;                   ///< by cause: risk, venue, timed_out, abort
  double fill_rate = std::numeric_limits<double>::quiet_NaN();   ///< legs with a fill / legs sent
  double mean_delta = std::numeric_limits<double>::quiet_NaN();  ///< of legs with a fill, as known at the decision
  double mean_dte = std::numeric_limits<double>::quiet_NaN();    ///< days, of legs with a fill, at the decision
  double mean_ivrv = std::numeric_limits<double>::quiet_NaN();   ///< of legs with a fill and a measured ratio, at the decision
  double premium_usd = 0.0;      ///< sum over legs with a fill, USD at the index of the decision
  double fees_usd = 0.0;         ///< sum over legs with a fill, USD at the index of the decision
  double spread_cost_usd = 0.0;  ///< what the mark was above the fill; sum over legs with a fill, USD as above
  RewardFigures reward;          ///< of finished legs
  std::map<std::string, market::Fixed8> total_coin;  ///< P&L of finished legs by settlement currency: coins do not add
  double total_usd = 0.0;                            ///< the same at the index of every payment
};

/// Two strategies compared by the rewards of their finished legs.
struct PairComparison {
  std::string a;                                           ///< strategy
  std::string b;                                           ///< strategy, later in the report
  std::string underlying;                                  ///< empty: all
  std::size_t legs_a = 0;                                  ///< with a reward
  std::size_t legs_b = 0;                                  ///< with a reward
  std::size_t expiries = 0;                                ///< that they have together
  risk::Interval difference;                               ///< mean of a less mean of b; NaN where there is no interval
  double ks_p = std::numeric_limits<double>::quiet_NaN();  ///< Kolmogorov–Smirnov; legs of one expiry are not independent, so
                                                           ///< it is rather too small
  bool different = false;                                  ///< the interval lies on one side of 0
  std::string verdict;                                     ///< one sentence
};

/// How the intervals are made.
struct ReportConfig {
  std::size_t resamples = 2'000;  ///< of the bootstrap
  double confidence = 0.95;       ///< of the intervals, between 0 and 1
  std::uint64_t seed = 0;         ///< of the bootstrap
};

/// What a dataset says of the strategies.
struct ProfileReport {
  std::vector<ReportGroup> groups;    ///< every strategy in the order of its first leg, each followed by its underlyings
  std::vector<PairComparison> pairs;  ///< all underlyings together first, then each
  std::string verdict;                ///< what can be said about keeping or merging the strategies
  ReportConfig config;                ///< as given
};

namespace detail {

/// Quantile of Student's t from the normal one, Cornish–Fisher. @par Source Abramowitz & Stegun 26.7.5
inline double t_quantile(double z, double freedom) {
  const double z2 = z * z;
  return z * (1.0 + (z2 + 1.0) / (4.0 * freedom) + ((5.0 * z2 + 16.0) * z2 + 3.0) / (96.0 * freedom * freedom) +
              (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / (384.0 * freedom * freedom * freedom));
}

}  // namespace detail

/**
 * @brief P-value of the two-sample Kolmogorov–Smirnov test: how likely two samples of one distribution differ so much.
 * @param a, b  in any order; ties allowed (the value is then rather too large)
 * @return      NaN where a sample is empty
 * @par Source  asymptotic distribution with Stephens' correction for small samples (Stephens 1970; Press et al., Numerical
 *              Recipes, 14.3)
 */
inline double kolmogorov_smirnov_p(std::vector<double> a, std::vector<double> b) {
  if (a.empty() || b.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  const auto size_a = static_cast<double>(a.size()), size_b = static_cast<double>(b.size());
  double distance = 0.0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const double value = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= value) ++i;
    while (j < b.size() && b[j] <= value) ++j;
    distance = std::max(distance, std::fabs(static_cast<double>(i) / size_a - static_cast<double>(j) / size_b));
  }
  const double root = std::sqrt(size_a * size_b / (size_a + size_b));
  const double x = (root + 0.12 + 0.11 / root) * distance;
  if (x < 0.2) return 1.0;  // the series converges slowly there, and 1 − p is below 1e-12
  double p = 0.0;
  for (int k = 1; k <= 100; ++k) {
    const double term = std::exp(-2.0 * x * x * k * k);
    p += (k % 2 == 1 ? 2.0 : -2.0) * term;
    if (term < 1e-17) break;
  }
  return std::clamp(p, 0.0, 1.0);
}

/// Figures of a set of rewards. @par Complexity O(n log n)
inline RewardFigures reward_figures(std::vector<double> rewards) {
  RewardFigures figures;
  figures.legs = rewards.size();
  if (rewards.empty()) return figures;
  std::sort(rewards.begin(), rewards.end());
  const auto n = static_cast<double>(rewards.size());
  figures.mean = std::accumulate(rewards.begin(), rewards.end(), 0.0) / n;
  figures.win_rate = static_cast<double>(rewards.end() - std::upper_bound(rewards.begin(), rewards.end(), 0.0)) / n;
  const std::size_t middle = rewards.size() / 2;
  figures.median = rewards.size() % 2 == 1 ? rewards[middle] : 0.5 * (rewards[middle - 1] + rewards[middle]);
  figures.worst = rewards.front();
  figures.cvar_5pct = risk::tail(rewards, {0.05}, risk::TailConvention::ceil_count).tail_mean;
  if (rewards.size() > 1) {
    double squares = 0.0;
    for (const double reward : rewards) squares += (reward - figures.mean) * (reward - figures.mean);
    figures.sd = std::sqrt(squares / (n - 1.0));
  }
  return figures;
}

/// One reward and the expiry that it shares with others.
struct ExpiryReward {
  std::int64_t expiry_ms = 0;  ///< UTC ms
  double reward = 0.0;         ///< of one leg
};

/// Expiries that each of two samples needs before an interval says anything.
inline constexpr std::size_t min_report_expiries = 5;

/**
 * @brief Interval of mean(a) − mean(b), resampling whole expiries: all legs of one expiry share the fate of the same index.
 *
 * Every replicate draws as many expiries as there are, with replacement, for both strategies the same ones; a draw without legs
 * of one side is repeated. The percentiles are those of the expanded percentile interval, which holds its level for few blocks;
 * the number of blocks is the effective one of the side that has fewer, (Σ legs)² / Σ legs².
 * @return  ends of NaN where a side has legs in fewer than `min_report_expiries` expiries; all NaN where a side is empty
 * @throws ConfigError for resamples or confidence
 * @par Source Hesterberg 2015, "What teachers should know about the bootstrap", section 4.3 (expanded percentile interval)
 * @par Determinism a function of the arguments only
 */
inline risk::Interval bootstrap_difference(std::span<const ExpiryReward> a, std::span<const ExpiryReward> b,
                                           const ReportConfig& config = {}) {
  struct Block {
    double sum_a = 0.0, sum_b = 0.0, count_a = 0.0, count_b = 0.0;  // rewards and legs
    void add(const Block& other) {
      sum_a += other.sum_a;
      sum_b += other.sum_b;
      count_a += other.count_a;
      count_b += other.count_b;
    }
    double difference() const { return sum_a / count_a - sum_b / count_b; }
  };
  risk::BootstrapConfig bootstrap;
  bootstrap.replicates = config.resamples;
  bootstrap.confidence = config.confidence;
  bootstrap.seed = config.seed;
  risk::detail::check(bootstrap);
  std::map<std::int64_t, Block> by_expiry;
  for (const ExpiryReward& one : a) by_expiry[one.expiry_ms].add({one.reward, 0.0, 1.0, 0.0});
  for (const ExpiryReward& one : b) by_expiry[one.expiry_ms].add({0.0, one.reward, 0.0, 1.0});
  std::vector<Block> blocks;
  Block all;
  std::size_t expiries_a = 0, expiries_b = 0;
  double squares_a = 0.0, squares_b = 0.0;
  for (const auto& [expiry, block] : by_expiry) {
    blocks.push_back(block);
    all.add(block);
    expiries_a += block.count_a > 0.0 ? 1 : 0;
    expiries_b += block.count_b > 0.0 ? 1 : 0;
    squares_a += block.count_a * block.count_a;
    squares_b += block.count_b * block.count_b;
  }
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  if (a.empty() || b.empty()) return {none, none, none};
  if (std::min(expiries_a, expiries_b) < min_report_expiries) return {all.difference(), none, none};

  std::vector<double> replicates(config.resamples);
  for (std::size_t j = 0; j < replicates.size(); ++j) {
    RandomStream stream = risk::detail::replicate_stream(bootstrap, j);
    Block drawn;
    do {
      drawn = {};
      for (std::size_t i = 0; i < blocks.size(); ++i) drawn.add(blocks[stream.bounded(blocks.size())]);
    } while (drawn.count_a == 0.0 || drawn.count_b == 0.0);
    replicates[j] = drawn.difference();
  }
  const double n = std::max(2.0, std::min(all.count_a * all.count_a / squares_a, all.count_b * all.count_b / squares_b));
  const double z = normal_quantile(0.5 + config.confidence / 2);
  const double tail = normal_cdf(-std::sqrt(n / (n - 1.0)) * detail::t_quantile(z, n - 1.0));
  return {all.difference(), risk::linear_quantile(replicates, tail), risk::linear_quantile(replicates, 1.0 - tail)};
}

namespace detail {

inline constexpr std::string_view production_legs = "production";

inline std::string strategy_of(const TrainingExample& example) {
  return example.strategy.value_or(std::string(production_legs));
}

inline ReportGroup make_group(std::string strategy, std::string underlying, std::span<const TrainingExample* const> legs) {
  ReportGroup group;
  group.strategy = std::move(strategy);
  group.underlying = std::move(underlying);
  std::vector<double> rewards;
  struct Mean {
    double sum = 0.0, count = 0.0;
    void add(const std::optional<double>& value) {
      sum += value.value_or(0.0);
      count += value ? 1.0 : 0.0;
    }
    double value() const { return count == 0.0 ? std::numeric_limits<double>::quiet_NaN() : sum / count; }
  } delta, dte, ivrv;
  for (const TrainingExample* const leg : legs) {
    ++group.planned;
    if (leg->state == "simulated") {
      ++group.simulated;
      continue;
    }
    const bool rejected = leg->state.starts_with("rejected");
    const std::string cause = rejected && leg->state.size() > 10 ? leg->state.substr(9, leg->state.size() - 10) : "unknown";
    if (rejected) ++group.rejected[cause];
    const bool unsent = leg->state.empty() || leg->state == "planned" || cause == "risk" || cause == "abort";
    group.sent += unsent ? 0 : 1;
    if (leg->filled_amount.value_or(market::Fixed8()).sign() <= 0) continue;
    ++group.filled;
    group.settled += leg->outcome == LegOutcome::settled ? 1 : 0;
    group.closed += leg->outcome == LegOutcome::closed ? 1 : 0;
    group.open_at_end += leg->outcome == LegOutcome::open_at_end ? 1 : 0;
    delta.add(leg->delta);
    dte.add(leg->dte);
    if (leg->ivrv_known.value_or(false)) ivrv.add(leg->ivrv);
    const double amount = leg->filled_amount->to_double();
    const double price = leg->average_price.value_or(market::Fixed8()).to_double();
    const double usd = is_linear(leg->symbol) ? 1.0 : leg->spot.value_or(0.0);
    group.premium_usd += amount * price * usd;
    group.fees_usd += leg->fee.value_or(market::Fixed8()).to_double() * usd;
    if (leg->mark) group.spread_cost_usd += amount * (leg->mark->to_double() - price) * usd;
    if (leg->pnl_coin) {
      market::Fixed8& total = group.total_coin[is_linear(leg->symbol) ? "USDC" : leg->underlying];
      try {
        total += *leg->pnl_coin;
      } catch (const std::logic_error&) {
        throw DataError("dataset, leg " + leg->label + ": its pnl_coin of " + leg->pnl_coin->to_string() + " on top of " +
                        total.to_string() + " is more than a sum can hold; look for a wrong amount in the log");
      }
    }
    group.total_usd += leg->pnl_usd.value_or(0.0);
    if (leg->reward) rewards.push_back(*leg->reward);
  }
  if (group.sent != 0) group.fill_rate = static_cast<double>(group.filled) / static_cast<double>(group.sent);
  group.mean_delta = delta.value();
  group.mean_dte = dte.value();
  group.mean_ivrv = ivrv.value();
  group.reward = reward_figures(std::move(rewards));
  return group;
}

inline PairComparison compare(const std::string& a, const std::string& b, const std::string& underlying,
                              std::span<const TrainingExample* const> legs, const ReportConfig& config) {
  PairComparison pair;
  pair.a = a;
  pair.b = b;
  pair.underlying = underlying;
  std::vector<ExpiryReward> side_a, side_b;
  std::vector<double> rewards_a, rewards_b;
  std::map<std::int64_t, bool> expiries;
  for (const TrainingExample* const leg : legs) {
    if (!leg->reward || !leg->expiry_ms || (!underlying.empty() && leg->underlying != underlying)) continue;
    const std::string strategy = strategy_of(*leg);
    if (strategy != a && strategy != b) continue;
    (strategy == a ? side_a : side_b).push_back({*leg->expiry_ms, *leg->reward});
    (strategy == a ? rewards_a : rewards_b).push_back(*leg->reward);
    expiries[*leg->expiry_ms] = true;
  }
  pair.legs_a = side_a.size();
  pair.legs_b = side_b.size();
  pair.expiries = expiries.size();
  pair.difference = bootstrap_difference(side_a, side_b, config);
  pair.ks_p = kolmogorov_smirnov_p(std::move(rewards_a), std::move(rewards_b));
  pair.different = is_finite(pair.difference.low) && (pair.difference.low > 0.0 || pair.difference.high < 0.0);
  const std::size_t legs_count = pair.legs_a + pair.legs_b;
  const std::string names = a + " and " + b + (underlying.empty() ? "" : " on " + underlying);
  if (pair.different) {
    pair.verdict = names + ": different; " + (pair.difference.estimate > 0.0 ? a : b) + " has the higher mean reward, by " +
                   io::fixed(std::fabs(pair.difference.estimate), 6) + " on " + std::to_string(legs_count) + " legs";
  } else {
    pair.verdict = names + ": not distinguishable on " + std::to_string(legs_count) + " legs";
    if (!is_finite(pair.difference.low)) {
      pair.verdict += "; an interval needs " + std::to_string(min_report_expiries) + " expiries of each";
    }
  }
  return pair;
}

// About the training strategies: production legs are no profile that could be kept or merged.
inline std::string overall_verdict(const ProfileReport& report, std::span<const std::string> strategies) {
  const auto profiles = std::count_if(strategies.begin(), strategies.end(), [](const auto& s) { return s != production_legs; });
  if (profiles == 0) return "No training leg was planned.";
  if (profiles == 1) return "One training strategy only: there is nothing to compare.";
  std::string different, same;
  for (const PairComparison& pair : report.pairs) {
    if (!pair.underlying.empty() || pair.a == production_legs || pair.b == production_legs) continue;
    std::string& list = pair.different ? different : same;
    list += (list.empty() ? "" : ", ") + pair.a + "/" + pair.b;
  }
  if (same.empty()) return "All strategies differ in mean reward (" + different + "): keep them apart.";
  if (different.empty()) return "No two strategies can be told apart (" + same + "): nothing here speaks against merging them.";
  return "Different: " + different + ". Not distinguishable, so candidates for merging: " + same + '.';
}

}  // namespace detail

/**
 * @brief The report over the sold calls (SELL_CALL and ROLL_CALL) of a dataset.
 * @throws ConfigError for resamples or confidence
 * @throws DataError   results whose sum leaves the range of Fixed8
 * @par Determinism a function of the arguments only
 */
inline ProfileReport profile_report(std::span<const TrainingExample> examples, const ReportConfig& config = {}) {
  ProfileReport report;
  report.config = config;
  std::vector<const TrainingExample*> legs;
  std::vector<std::string> strategies, underlyings;
  const auto add = [](std::vector<std::string>& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const TrainingExample& example : examples) {
    if (example.action != ExampleAction::sell_call && example.action != ExampleAction::roll_call) continue;
    legs.push_back(&example);
    add(strategies, detail::strategy_of(example));
    add(underlyings, example.underlying);
  }
  for (const std::string& strategy : strategies) {
    std::vector<const TrainingExample*> chosen;
    for (const TrainingExample* const leg : legs) {
      if (detail::strategy_of(*leg) == strategy) chosen.push_back(leg);
    }
    report.groups.push_back(detail::make_group(strategy, {}, chosen));
    for (const std::string& underlying : underlyings) {
      std::vector<const TrainingExample*> part;
      for (const TrainingExample* const leg : chosen) {
        if (leg->underlying == underlying) part.push_back(leg);
      }
      if (!part.empty()) report.groups.push_back(detail::make_group(strategy, underlying, part));
    }
  }
  std::vector<std::string> scopes{std::string()};
  if (underlyings.size() > 1) scopes.insert(scopes.end(), underlyings.begin(), underlyings.end());
  for (const std::string& scope : scopes) {
    for (std::size_t i = 0; i < strategies.size(); ++i) {
      for (std::size_t j = i + 1; j < strategies.size(); ++j) {
        report.pairs.push_back(detail::compare(strategies[i], strategies[j], scope, legs, config));
      }
    }
  }
  report.verdict = detail::overall_verdict(report, strategies);
  return report;
}

/// The tables of a report for a terminal or a page: legs, results, comparisons.
struct ReportTables {
  io::TextTable legs;     ///< what became of them, by group
  io::TextTable results;  ///< rewards and money, by group
  io::TextTable pairs;    ///< comparisons
};

/// A win rate always stands beside its mean.
inline ReportTables report_tables(const ProfileReport& report) {
  ReportTables tables{
      io::TextTable({"strategy", "on", "planned", "simulated", "sent", "filled", "settled", "closed", "open", "rejected",
                     "fill %", "delta", "DTE", "IV/RV", "premium $", "fees $", "spread cost $"}),
      io::TextTable({"strategy", "on", "legs", "win %", "mean", "median", "sd", "worst", "CVaR 5 %", "total coin", "total $"}),
      io::TextTable({"pair", "on", "legs", "expiries", "difference of means", "interval", "KS p", "verdict"})};
  for (const ReportGroup& group : report.groups) {
    const std::string scope = group.underlying.empty() ? "all" : group.underlying;
    std::string rejected;
    for (const auto& [cause, count] : group.rejected) {
      rejected += (rejected.empty() ? "" : ", ") + std::to_string(count) + ' ' + cause;
    }
    tables.legs.row({group.strategy, scope, std::to_string(group.planned), std::to_string(group.simulated),
                     std::to_string(group.sent), std::to_string(group.filled), std::to_string(group.settled),
                     std::to_string(group.closed), std::to_string(group.open_at_end), rejected.empty() ? "0" : rejected,
                     io::fixed(100.0 * group.fill_rate, 1), io::fixed(group.mean_delta, 3), io::fixed(group.mean_dte, 2),
                     io::fixed(group.mean_ivrv, 2), io::grouped(group.premium_usd, 2), io::grouped(group.fees_usd, 2),
                     io::grouped(group.spread_cost_usd, 2)});
    std::string coin;
    for (const auto& [currency, total] : group.total_coin) {
      coin += (coin.empty() ? "" : ", ") + total.to_string() + ' ' + currency;
    }
    const RewardFigures& reward = group.reward;
    tables.results.row({group.strategy, scope, std::to_string(reward.legs), io::fixed(100.0 * reward.win_rate, 1),
                        io::signed_fixed(reward.mean, 6), io::signed_fixed(reward.median, 6), io::fixed(reward.sd, 6),
                        io::signed_fixed(reward.worst, 6), io::signed_fixed(reward.cvar_5pct, 6), coin.empty() ? "0" : coin,
                        io::grouped(group.total_usd, 2)});
  }
  for (const PairComparison& pair : report.pairs) {
    const bool interval = is_finite(pair.difference.low);
    tables.pairs.row(
        {pair.a + " − " + pair.b, pair.underlying.empty() ? "all" : pair.underlying,
         std::to_string(pair.legs_a) + " + " + std::to_string(pair.legs_b), std::to_string(pair.expiries),
         io::signed_fixed(pair.difference.estimate, 6),
         interval ? '[' + io::signed_fixed(pair.difference.low, 6) + ", " + io::signed_fixed(pair.difference.high, 6) + ']'
                  : std::string(io::missing_number),
         io::fixed(pair.ks_p, 4), pair.different ? "different" : "not distinguishable"});
  }
  return tables;
}

/// The report as text.
inline std::string report_text(const ProfileReport& report) {
  const ReportTables tables = report_tables(report);
  std::string text = "Legs\n" + tables.legs.to_string() + "\nResults: reward per contract sold, in coin (linear: per index)\n" +
                     tables.results.to_string();
  if (!report.pairs.empty()) {
    text += "\nPairs: " + io::trimmed(100.0 * report.config.confidence, 1) + " % interval, " +
            std::to_string(report.config.resamples) + " resamples of whole expiries\n" + tables.pairs.to_string();
    for (const PairComparison& pair : report.pairs) text += pair.verdict + '\n';
  }
  return text + '\n' + report.verdict + '\n';
}

/// The report as JSON; what is not known is null.
inline nlohmann::ordered_json report_json(const ProfileReport& report) {
  using Json = nlohmann::ordered_json;
  const auto number = [](double value) { return is_finite(value) ? Json(value) : Json(); };
  const auto scope = [](const std::string& underlying) { return underlying.empty() ? Json() : Json(underlying); };
  Json groups = Json::array(), pairs = Json::array();
  for (const ReportGroup& group : report.groups) {
    Json coin = Json::object();
    for (const auto& [currency, total] : group.total_coin) coin[currency] = detail::money_json(total);
    Json rejected = Json::object();
    for (const auto& [cause, count] : group.rejected) rejected[cause] = count;
    const RewardFigures& reward = group.reward;
    groups.push_back({{"strategy", group.strategy},
                      {"underlying", scope(group.underlying)},
                      {"planned", group.planned},
                      {"simulated", group.simulated},
                      {"sent", group.sent},
                      {"filled", group.filled},
                      {"settled", group.settled},
                      {"closed", group.closed},
                      {"open_at_end", group.open_at_end},
                      {"rejected", std::move(rejected)},
                      {"fill_rate", number(group.fill_rate)},
                      {"mean_delta", number(group.mean_delta)},
                      {"mean_dte", number(group.mean_dte)},
                      {"mean_ivrv", number(group.mean_ivrv)},
                      {"premium_usd", number(group.premium_usd)},
                      {"fees_usd", number(group.fees_usd)},
                      {"spread_cost_usd", number(group.spread_cost_usd)},
                      {"reward",
                       {{"legs", reward.legs},
                        {"win_rate", number(reward.win_rate)},
                        {"mean", number(reward.mean)},
                        {"median", number(reward.median)},
                        {"sd", number(reward.sd)},
                        {"worst", number(reward.worst)},
                        {"cvar_5pct", number(reward.cvar_5pct)}}},
                      {"total_coin", std::move(coin)},
                      {"total_usd", number(group.total_usd)}});
  }
  for (const PairComparison& pair : report.pairs) {
    pairs.push_back({{"a", pair.a},
                     {"b", pair.b},
                     {"underlying", scope(pair.underlying)},
                     {"legs_a", pair.legs_a},
                     {"legs_b", pair.legs_b},
                     {"expiries", pair.expiries},
                     {"difference", number(pair.difference.estimate)},
                     {"low", number(pair.difference.low)},
                     {"high", number(pair.difference.high)},
                     {"ks_p", number(pair.ks_p)},
                     {"different", pair.different},
                     {"verdict", pair.verdict}});
  }
  return {{"groups", std::move(groups)},
          {"pairs", std::move(pairs)},
          {"verdict", report.verdict},
          {"resamples", report.config.resamples},
          {"confidence", report.config.confidence},
          {"seed", report.config.seed}};
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_PROFILE_REPORT_HPP
