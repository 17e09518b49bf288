// SPDX-License-Identifier: MIT
/// @file
/// @brief Whether a training run reached its criteria: one PASS or FAIL for each, with the numbers behind it.
#ifndef RLX_KALSHI_SUCCESS_CHECKS_HPP
#define RLX_KALSHI_SUCCESS_CHECKS_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/io/number_text.hpp>
#include <rlx/kalshi/evaluation.hpp>
#include <rlx/risk/bootstrap.hpp>

namespace rlx::inline v0_1::kalshi {

/// One update of the learner.
struct UpdateRecord {
  std::uint64_t timesteps = 0;          ///< environment steps of the run by then
  std::optional<double> mean_reward{};  ///< of the episodes that ended in the rollout; empty if none did
  double entropy = 0.0;                 ///< mean of the policy's, nats
  double legal_entropy = 0.0;           ///< mean of ln(number of legal actions): that of a policy that draws blindly
  double approx_kl = 0.0;               ///< KL divergence of the policy from the one that collected, nats
  double explained_variance = 0.0;      ///< 1: the value function explains all of the returns; 0 or less: nothing
};

/// One evaluation during training.
struct EvaluationRecord {
  std::uint64_t timesteps = 0;               ///< environment steps of the run by then
  double held_out_mean = 0.0;                ///< mean reward of the held-out views
  std::optional<double> first_stage_mean{};  ///< of the training views that came first: those of the first stage
};

/// What a run leaves for judging it, in the order of time.
struct TrainingHistory {
  bool completed = true;                      ///< no exception ended it
  bool parameters_finite = true;              ///< all of them, at the end
  std::vector<UpdateRecord> updates;          ///< ascending in timesteps
  std::vector<EvaluationRecord> evaluations;  ///< ascending in timesteps
};

/// One criterion and whether it holds.
struct Check {
  std::string criterion;  ///< in words
  bool passed = false;    ///< true if it holds
  std::string found;      ///< the numbers compared, or what was not measured
};

/// Least-squares slope of values against their position, with its 95 % normal interval. Empty for fewer than 3 values.
inline std::optional<risk::Interval> slope(std::span<const double> values);

/// The criteria of a run, in a fixed order. What was not measured fails and says so.
/// @param history   of the run
/// @param train     the final policy on the training views
/// @param held_out  the final policy on the held-out views
inline std::vector<Check> success_checks(const TrainingHistory& history, const EvaluationTable& train,
                                         const EvaluationTable& held_out);

/// True if every check passed.
inline bool all_passed(std::span<const Check> checks) {
  return std::all_of(checks.begin(), checks.end(), [](const Check& check) { return check.passed; });
}

inline std::optional<risk::Interval> slope(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  if (values.size() < 3) return std::nullopt;
  const double mean_y = std::accumulate(values.begin(), values.end(), 0.0) / n, mean_x = 0.5 * (n - 1.0);
  double xx = 0.0, xy = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = static_cast<double>(i) - mean_x;
    xx += x * x;
    xy += x * (values[i] - mean_y);
  }
  const double b = xy / xx;
  double squares = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double error = values[i] - mean_y - b * (static_cast<double>(i) - mean_x);
    squares += error * error;
  }
  const double half = 1.959963984540054 * std::sqrt(squares / (n - 2.0) / xx);
  return risk::Interval{b, b - half, b + half};
}

namespace detail {

/// Arithmetic mean. @pre at least one value
inline double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Means of the first and the last tenth, at least one value each.
inline std::pair<double, double> first_and_last_tenth(std::span<const double> values) {
  const std::size_t tenth = std::max<std::size_t>(values.size() / 10, 1);
  return {mean_of(values.first(tenth)), mean_of(values.last(tenth))};
}

/// Three decimals.
inline std::string number(double value) { return io::fixed(value, 3); }

class CheckList {
 public:
  CheckList(const TrainingHistory& history, const EvaluationTable& train, const EvaluationTable& held_out)
      : history_(history), train_(train), held_out_(held_out) {}

  std::vector<Check> run() && {
    runs_without_errors();
    takes_non_random_actions();
    for (const auto& [name, table] : {std::pair<const char*, const EvaluationTable*>{"training", &train_},
                                      std::pair<const char*, const EvaluationTable*>{"held-out", &held_out_}}) {
      positive_markets(name, *table);
    }
    reward_increases();
    first_against_last("entropy decreases", &UpdateRecord::entropy, false);
    first_against_last("value estimates improve", &UpdateRecord::explained_variance, true);
    validation_improves();
    consistent_across_market_types();
    no_forgetting();
    smooth_curve();
    strong_generalisation();
    return std::move(checks_);
  }

 private:
  void add(std::string criterion, bool passed, std::string found) {
    checks_.push_back({std::move(criterion), passed, std::move(found)});
  }

  std::vector<double> of_updates(double UpdateRecord::*field) const {
    std::vector<double> values;
    for (const UpdateRecord& update : history_.updates) values.push_back(update.*field);
    return values;
  }

  void runs_without_errors() {
    const std::vector<double> kl = of_updates(&UpdateRecord::approx_kl);
    const bool small = std::all_of(kl.begin(), kl.end(), [](double value) { return value < 0.5; });  // false for NaN
    std::string found = history_.completed ? "completed" : "ended by an error";
    found += history_.parameters_finite ? ", parameters finite" : ", parameters not finite";
    if (!kl.empty()) found += ", largest approx_kl " + number(*std::max_element(kl.begin(), kl.end())) + " (limit 0.5)";
    add("runs without errors, does not diverge", history_.completed && history_.parameters_finite && small, std::move(found));
  }

  void takes_non_random_actions() {
    constexpr const char* name = "takes non-random actions";
    if (history_.updates.empty()) return add(name, false, "no update");
    const std::size_t n = std::min<std::size_t>(history_.updates.size(), 10);
    const std::vector<double> entropy = of_updates(&UpdateRecord::entropy), legal = of_updates(&UpdateRecord::legal_entropy);
    const double mean = mean_of(std::span(entropy).last(n)), limit = 0.8 * mean_of(std::span(legal).last(n));
    add(name, mean < limit, "entropy " + number(mean) + " < " + number(limit));
  }

  void positive_markets(const std::string& name, const EvaluationTable& table) {
    const double share = table.total.positive_share.value;
    const std::string found = io::fixed(100.0 * share, 1) + " % of " + std::to_string(table.total.views) + " views";
    add("positive on some " + name + " markets", share > 0.0, found);
    add("positive on 50 % of " + name + " markets", share >= 0.5, found);
    add("positive on 80 % of " + name + " markets", share >= 0.8, found);
  }

  void reward_increases() {
    constexpr const char* name = "reward increases";
    std::vector<double> rewards;
    for (const UpdateRecord& update : history_.updates) {
      if (update.mean_reward) rewards.push_back(*update.mean_reward);
    }
    if (rewards.size() < 2) return add(name, false, "fewer than two updates in which episodes ended");
    const std::optional<risk::Interval> trend = slope(std::span(rewards).last(rewards.size() - rewards.size() / 2));
    const auto [first, last] = first_and_last_tenth(rewards);
    std::string found = "first tenth " + number(first) + ", last tenth " + number(last);
    if (trend) found += ", slope of the last half " + io::compact(trend->low) + " to " + io::compact(trend->high);
    add(name, (trend && trend->low > 0.0) || last >= first, std::move(found));
  }

  void first_against_last(const char* name, double UpdateRecord::*field, bool rises) {
    const std::vector<double> values = of_updates(field);
    if (values.size() < 2) return add(name, false, "fewer than two updates");
    const auto [first, last] = first_and_last_tenth(values);
    add(name, rises ? last > first : last < first, "first tenth " + number(first) + ", last tenth " + number(last));
  }

  void validation_improves() {
    constexpr const char* name = "validation improves";
    if (history_.evaluations.size() < 2) return add(name, false, "fewer than two evaluations");
    const double first = history_.evaluations.front().held_out_mean;
    double best = first;
    for (const EvaluationRecord& each : history_.evaluations) best = std::max(best, each.held_out_mean);
    add(name, best > first, "first " + number(first) + ", best " + number(best));
  }

  void consistent_across_market_types() {
    constexpr const char* name = "consistent across market types";
    if (held_out_.by_difficulty.empty()) return add(name, false, "the views have no difficulty");
    double worst = held_out_.by_difficulty.front().mean.value;
    for (const GroupResult& group : held_out_.by_difficulty) worst = std::min(worst, group.mean.value);
    const double limit = -std::abs(held_out_.total.mean.value);
    add(name, worst >= limit, "worst fifth by difficulty " + number(worst) + " >= " + number(limit));
  }

  void no_forgetting() {
    constexpr const char* name = "no forgetting";
    std::optional<double> best, last;
    for (const EvaluationRecord& each : history_.evaluations) {
      if (!each.first_stage_mean) continue;
      last = each.first_stage_mean;
      best = std::max(best.value_or(*last), *last);
    }
    if (!best) return add(name, false, "the first stage's views were not evaluated");
    if (*best <= 0.0) return add(name, true, "first stage never above 0 (best " + number(*best) + "): nothing to forget");
    add(name, *last >= 0.8 * *best, "first stage " + number(*last) + " >= 0.8 of its best " + number(*best));
  }

  void smooth_curve() {
    constexpr const char* name = "smooth curve";
    const std::vector<EvaluationRecord>& all = history_.evaluations;
    if (all.size() < 3) return add(name, false, "fewer than three evaluations");
    std::vector<double> steps;
    double level = std::abs(all.front().held_out_mean);
    for (std::size_t i = 1; i < all.size(); ++i) {
      steps.push_back(all[i].held_out_mean - all[i - 1].held_out_mean);
      level += std::abs(all[i].held_out_mean);
    }
    level /= static_cast<double>(all.size());
    const double mean = mean_of(steps);
    double squares = 0.0;
    for (const double step : steps) squares += (step - mean) * (step - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(steps.size()));
    add(name, deviation <= level, "deviation of the steps " + number(deviation) + " <= mean level " + number(level));
  }

  void strong_generalisation() {
    const std::optional<double> score = generalisation_score(train_, held_out_);
    const std::optional<risk::Interval>& interval = held_out_.total.mean.interval;
    std::string found = "held-out mean " + number(held_out_.total.mean.value);
    found += interval ? " in " + number(interval->low) + " to " + number(interval->high) : " without an interval";
    found += score ? ", score " + number(*score) + " >= 0.5" : ", no score: the training mean is not above 0";
    add("strong generalisation", interval && interval->low > 0.0 && score && *score >= 0.5, std::move(found));
  }

  const TrainingHistory& history_;
  const EvaluationTable &train_, &held_out_;
  std::vector<Check> checks_;
};

}  // namespace detail

inline std::vector<Check> success_checks(const TrainingHistory& history, const EvaluationTable& train,
                                         const EvaluationTable& held_out) {
  return detail::CheckList(history, train, held_out).run();
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_SUCCESS_CHECKS_HPP
