// SPDX-License-Identifier: MIT
/// @file
/// @brief Trains with several weights of the tail and shows what each costs in the mean: a frontier as a table and a picture.
#ifndef RLX_RL_CVAR_SWEEP_HPP
#define RLX_RL_CVAR_SWEEP_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/io/svg_chart.hpp>
#include <rlx/io/text_table.hpp>
#include <rlx/risk/bootstrap.hpp>
#include <rlx/risk/tail.hpp>

namespace rlx::inline v0_1 {

/// One training of a sweep.
struct SweepCell {
  double alpha = 0.05;     ///< tail mass that the objective is given and CVaR is measured with
  double weight = 0.0;     ///< cvar_weight
  std::uint64_t seed = 0;  ///< of the training
};

/// What the trained policy did on the held-out episodes: the same ones in the same order for every cell.
struct SweepOutcome {
  std::vector<double> returns;    ///< of each episode, undiscounted and raw
  std::vector<double> drawdowns;  ///< greatest drawdown of each episode, as many
  /// VaR of an episode's return, a loss, known before the held-out episodes, such as `RiskReport::var` at the end of the
  /// training; NaN if there is none, then there is no tail hit rate.
  double var = std::numeric_limits<double>::quiet_NaN();
  /// A number for each episode: those with the same number depend on each other, such as two markets on one event, and are
  /// resampled together. Empty: none do. The same for every cell.
  std::vector<std::size_t> groups = {};
};

/// Which trainings a sweep makes, and how it chooses among them.
struct CvarSweep {
  std::vector<double> weights{0, 0.25, 0.5, 1, 2, 4};  ///< at least 0, ascending, 0 among them
  std::vector<double> alphas{0.05};                    ///< in (0, 1]
  std::vector<std::uint64_t> seeds{1};                 ///< trainings of each cell
  double min_mean_fraction = 0.9;                      ///< share of the mean at weight 0 that has to be left, in [0, 1]
  risk::BootstrapConfig bootstrap = {};                ///< of the intervals; `block` and `method` are not read
};

/// The trainings of one alpha and weight. Each figure is the interquartile mean over the seeds (of fewer than four: the mean).
/// Its interval is a percentile bootstrap on two levels: a replicate draws as many seeds and as many episodes as there are,
/// the same episodes for all seeds. With one seed only episodes are drawn, and the interval says nothing about how much the
/// training itself varies. CVaR is an outcome here, the mean return of the worst episodes: larger is better.
struct FrontierPoint {
  /// @{ See `SweepCell`.
  double alpha = 0.0, weight = 0.0;
  /// @}
  risk::Interval mean;           ///< of the returns
  risk::Interval cvar;           ///< mean return of the worst alpha of the episodes
  risk::Interval max_drawdown;   ///< mean over the episodes of the greatest drawdown in each
  risk::Interval tail_hit_rate;  ///< share of returns below -VaR, alpha if the VaR holds; NaN without one
  /// @{ Of each seed.
  std::vector<double> means, cvars;
  /// @}
  bool enough_mean = false;  ///< the mean is large enough for this weight to be chosen
  bool chosen = false;       ///< the greatest CVaR among those
};

/// Points by alpha, then weight, in the order of the sweep.
struct Frontier {
  std::vector<FrontierPoint> points;  ///< one for each alpha and weight
  double confidence = 0.95;           ///< of all intervals
  std::size_t seeds = 1;              ///< trainings behind each point

  /// The point that the sweep's rule chooses; there is always one. @throws ConfigError for an alpha that was not swept
  const FrontierPoint& chosen(double alpha) const {
    for (const FrontierPoint& point : points) {
      if (point.alpha == alpha && point.chosen) return point;
    }
    throw ConfigError("Frontier::chosen: no weight was swept with alpha = " + std::to_string(alpha));
  }
};

namespace detail {

inline void check(const CvarSweep& sweep) {
  const auto fail = [](const std::string& text) { throw ConfigError("CvarSweep." + text); };
  if (sweep.weights.empty() || sweep.alphas.empty() || sweep.seeds.empty()) {
    fail("weights, alphas, seeds: each needs at least one entry, found " + std::to_string(sweep.weights.size()) + ", " +
         std::to_string(sweep.alphas.size()) + ", " + std::to_string(sweep.seeds.size()));
  }
  for (std::size_t i = 0; i < sweep.weights.size(); ++i) {
    if (!is_finite(sweep.weights[i]) || (i == 0 ? sweep.weights[i] != 0 : sweep.weights[i] <= sweep.weights[i - 1])) {
      fail("weights[" + std::to_string(i) + "] = " + std::to_string(sweep.weights[i]) +
           ", expected 0 first, whose mean the others are compared with, then larger and larger finite numbers");
    }
  }
  for (const double alpha : sweep.alphas) {
    if (!(alpha > 0 && alpha <= 1)) fail("alphas: " + std::to_string(alpha) + " does not lie in (0, 1]");
  }
  if (!(sweep.min_mean_fraction >= 0 && sweep.min_mean_fraction <= 1)) {
    fail("min_mean_fraction = " + std::to_string(sweep.min_mean_fraction) + ", expected in [0, 1]");
  }
}

/// Figures of the trainings of one cell, whose episodes are resampled.
/// @tparam Outcome  SweepOutcome; a parameter so that a program compiles only what it uses
template <class Outcome>
class SweepFigures {
 public:
  /// @throws DataError if the trainings were not judged on the same number of episodes
  SweepFigures(const std::vector<Outcome>& outcomes, const SweepCell& cell, const risk::BootstrapConfig& bootstrap)
      : outcomes_(&outcomes), cell_(cell), bootstrap_(bootstrap) {
    const std::size_t n = outcomes.front().returns.size();
    const std::vector<std::size_t>& groups = outcomes.front().groups;
    for (const Outcome& outcome : outcomes) {
      if (outcome.returns.size() != n || outcome.drawdowns.size() != n || n == 0 || outcome.groups != groups ||
          (!groups.empty() && groups.size() != n)) {
        throw DataError("sweep of cvar_weight " + std::to_string(cell.weight) + ": " + std::to_string(outcome.returns.size()) +
                        " returns, " + std::to_string(outcome.drawdowns.size()) + " drawdowns and " +
                        std::to_string(outcome.groups.size()) + " groups, expected " + std::to_string(n) +
                        " returns and drawdowns, at least one, and the same groups for every training (one for each episode, "
                        "or none)");
      }
    }
    std::map<std::size_t, std::vector<std::size_t>> members;
    for (std::size_t i = 0; i < n; ++i) members[groups.empty() ? i : groups[i]].push_back(i);
    for (auto& [group, episodes] : members) groups_.push_back(std::move(episodes));
    risk::detail::check(bootstrap);
  }

  FrontierPoint point() const {
    FrontierPoint point;
    point.alpha = cell_.alpha;
    point.weight = cell_.weight;
    const risk::TailMass mass{cell_.alpha};
    std::vector<double> scratch;
    const auto tail_mean = [&](std::span<const double> x) {
      return risk::tail(x, mass, risk::TailConvention::rockafellar_uryasev, scratch).tail_mean;
    };
    for (const Outcome& outcome : *outcomes_) {
      point.means.push_back(mean(outcome.returns));
      point.cvars.push_back(tail_mean(outcome.returns));
    }
    point.mean = interval([](const Outcome& o, std::size_t i) { return o.returns[i]; }, mean);
    point.cvar = interval([](const Outcome& o, std::size_t i) { return o.returns[i]; }, tail_mean);
    point.max_drawdown = interval([](const Outcome& o, std::size_t i) { return o.drawdowns[i]; }, mean);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const bool has_var = std::all_of(outcomes_->begin(), outcomes_->end(), [](const auto& o) { return is_finite(o.var); });
    point.tail_hit_rate =
        has_var ? interval([](const Outcome& o, std::size_t i) { return o.returns[i] < -o.var ? 1.0 : 0.0; }, mean)
                : risk::Interval{nan, nan, nan};
    return point;
  }

 private:
  static double mean(std::span<const double> x) {
    double sum = 0.0;
    for (const double value : x) sum += value;
    return sum / static_cast<double>(x.size());
  }

  /// Interquartile mean over the seeds of `figure` of one number of each episode; seeds and groups of episodes are resampled,
  /// the same groups for all seeds.
  template <class Number, class Figure>
  risk::Interval interval(Number number, Figure figure) const {
    const std::size_t seeds = outcomes_->size();
    std::vector<double> column, of_seed(seeds), drawn_figures(seeds);
    std::vector<std::size_t> groups(groups_.size()), drawn_seeds(seeds);
    const auto evaluate = [&] {
      for (std::size_t s = 0; s < seeds; ++s) {
        if (std::find(drawn_seeds.begin(), drawn_seeds.end(), s) == drawn_seeds.end()) continue;
        column.clear();
        for (const std::size_t group : groups) {
          for (const std::size_t i : groups_[group]) column.push_back(number((*outcomes_)[s], i));
        }
        of_seed[s] = figure(std::span<const double>(column));
      }
      for (std::size_t s = 0; s < seeds; ++s) drawn_figures[s] = of_seed[drawn_seeds[s]];
      return risk::interquartile_mean(std::span<const double>(drawn_figures));
    };
    std::iota(groups.begin(), groups.end(), std::size_t{0});
    std::iota(drawn_seeds.begin(), drawn_seeds.end(), std::size_t{0});
    const double estimate = evaluate();
    std::vector<double> replicates(bootstrap_.replicates);
    for (std::size_t j = 0; j < replicates.size(); ++j) {
      RandomStream stream = risk::detail::replicate_stream(bootstrap_, j);
      for (std::size_t& group : groups) group = static_cast<std::size_t>(stream.bounded(groups_.size()));
      if (seeds > 1) {
        for (std::size_t& seed : drawn_seeds) seed = static_cast<std::size_t>(stream.bounded(seeds));
      }
      replicates[j] = evaluate();
    }
    return risk::detail::percentile_interval(estimate, replicates, bootstrap_.confidence);
  }

  const std::vector<Outcome>* outcomes_;
  SweepCell cell_;
  risk::BootstrapConfig bootstrap_;
  std::vector<std::vector<std::size_t>> groups_;  // numbers of the episodes in each
};

/// Marks, among the points of one alpha, what may be chosen and what is.
template <class Point>
void choose(std::span<Point> points, double min_mean_fraction) {
  const double base = points.front().mean.estimate;
  const double least = base > 0 ? min_mean_fraction * base : base;
  Point* best = nullptr;
  for (Point& point : points) {
    point.enough_mean = point.mean.estimate >= least;
    if (point.enough_mean && (best == nullptr || point.cvar.estimate > best->cvar.estimate)) best = &point;
  }
  best->chosen = true;  // weight 0 always qualifies
}

inline std::string interval_text(const risk::Interval& interval, int decimals, double factor = 1.0) {
  if (!is_finite(interval.estimate)) return std::string(io::missing_number);
  return io::fixed(factor * interval.estimate, decimals) + " [" + io::fixed(factor * interval.low, decimals) + ", " +
         io::fixed(factor * interval.high, decimals) + ']';
}

}  // namespace detail

/**
 * @brief Trains and judges a policy for each alpha, weight and seed of a sweep.
 *
 * Chosen is, for each alpha, the weight with the greatest CVaR among those whose mean is at least `min_mean_fraction` of the
 * mean at weight 0 (if that is positive; else at least that mean).
 * @param sweep  checked
 * @param play  SweepOutcome(const SweepCell&): trains with the cell's objective and seed and plays the held-out episodes.
 * Called in the order of alphas, weights, seeds; may throw to end the sweep
 * @throws ConfigError naming the field, DataError for outcomes of different sizes, what `play` throws
 * @par Determinism a function of what `play` returns
 */
template <class F>
requires std::same_as<std::invoke_result_t<F&, const SweepCell&>, SweepOutcome> Frontier run_sweep(const CvarSweep& sweep,
                                                                                                   F&& play) {
  detail::check(sweep);
  Frontier frontier;
  frontier.confidence = sweep.bootstrap.confidence;
  frontier.seeds = sweep.seeds.size();
  for (const double alpha : sweep.alphas) {
    for (const double weight : sweep.weights) {
      std::vector<SweepOutcome> outcomes;
      for (const std::uint64_t seed : sweep.seeds) outcomes.push_back(play(SweepCell{alpha, weight, seed}));
      frontier.points.push_back(detail::SweepFigures(outcomes, {alpha, weight, 0}, sweep.bootstrap).point());
    }
    detail::choose(std::span(frontier.points).last(sweep.weights.size()), sweep.min_mean_fraction);
  }
  return frontier;
}

/// How a frontier is written.
struct FrontierText {
  std::string title = "Mean against CVaR";  ///< of the chart
  std::string unit = {};                    ///< of the returns, such as "$" or "% of the capital"
  int decimals = 2;                         ///< of the figures in the table
  double drawdown_factor = 1.0;             ///< what drawdowns are multiplied by, 100 for shares in percent
  std::string drawdown_unit = {};           ///< of drawdowns after the factor; empty: not named
};

/// A line for each point: mean, CVaR, drawdown and hit rate with their intervals, and which weight is chosen.
template <class F = Frontier>
io::TextTable frontier_table(const F& frontier, const FrontierText& text = {}) {
  const auto with_unit = [](std::string what, const std::string& unit) { return unit.empty() ? what : what + ", " + unit; };
  io::TextTable table({"alpha", "cvar_weight", with_unit("mean", text.unit), with_unit("CVaR (mean of the worst)", text.unit),
                       with_unit("max drawdown", text.drawdown_unit), "tail hits %", ""});
  for (const FrontierPoint& point : frontier.points) {
    table.row({io::trimmed(point.alpha, 6), io::trimmed(point.weight, 6), detail::interval_text(point.mean, text.decimals),
               detail::interval_text(point.cvar, text.decimals),
               detail::interval_text(point.max_drawdown, text.decimals, text.drawdown_factor),
               detail::interval_text(point.tail_hit_rate, 1, 100.0),
               point.chosen        ? "chosen"
               : point.enough_mean ? ""
                                   : "mean too low"});
  }
  return table;
}

/// The points of one alpha: CVaR to the right, mean upwards, a cross of the two intervals at each. @return SVG text; "no data"
/// for an alpha that was not swept
template <class F = Frontier>
std::string frontier_svg(const F& frontier, double alpha, const FrontierText& text = {}) {
  const std::string unit = text.unit.empty() ? "" : ", " + text.unit;
  io::LineChart chart({.title = text.title,
                       .subtitle = "crosses are " + io::trimmed(100 * frontier.confidence, 3) + " % intervals over " +
                                   (frontier.seeds > 1 ? std::to_string(frontier.seeds) + " trainings and " : "") +
                                   "the held-out episodes",
                       .x_label = "CVaR: mean return of the worst " + io::trimmed(100 * alpha, 3) + " % of the episodes" + unit,
                       .y_label = "mean return of an episode" + unit,
                       .plot_height = 420});
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const FrontierPoint& point : frontier.points) {
    if (point.alpha != alpha) continue;
    low = std::min(low, point.cvar.low);
    high = std::max(high, point.cvar.high);
  }
  if (low <= high) {  // room beside the crosses
    const double nan = std::numeric_limits<double>::quiet_NaN(), room = 0.03 * (high - low);
    chart.add({.x = {low - room, high + room}, .y = {nan, nan}, .color = 0});
  }
  int color = 0;
  for (const FrontierPoint& point : frontier.points) {
    if (point.alpha != alpha) continue;
    const double x = point.cvar.estimate, y = point.mean.estimate;
    chart.add({.x = {point.cvar.low, point.cvar.high}, .y = {y, y}, .color = color});
    chart.add({.x = {x, x}, .y = {point.mean.low, point.mean.high}, .color = color});
    chart.add({.name = "weight " + io::trimmed(point.weight, 6) + (point.chosen ? " (chosen)" : ""),
               .x = {x},
               .y = {y},
               .style = io::SeriesStyle::points,
               .color = color});
    color = (color + 1) % 7;
  }
  return chart.svg();
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_CVAR_SWEEP_HPP
