// SPDX-License-Identifier: MIT
/// @file
/// @brief Performance of simple returns with every convention named, and of an equity curve given as log returns per step.
#ifndef RLX_RISK_PERFORMANCE_HPP
#define RLX_RISK_PERFORMANCE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/risk/detail/checks.hpp>
#include <rlx/risk/drawdown.hpp>
#include <rlx/risk/tail.hpp>

namespace rlx::inline v0_1::risk {

/// Log return of every step of an equity curve: n values of equity give n - 1 log returns; fewer than two give none.
/// @param equity  above 0, in one currency. @throws NumericError naming the first value that is not finite or not above 0
inline std::vector<double> log_returns(std::span<const double> equity) {
  detail::require_finite(equity, "equity");
  for (std::size_t t = 0; t < equity.size(); ++t) {
    if (!(equity[t] > 0)) {
      throw NumericError("equity[" + std::to_string(t) + "] is " + std::to_string(equity[t]) +
                             ", a log return needs equity above 0; end the series before the ruin",
                         "equity");
    }
  }
  std::vector<double> returns(equity.size() < 2 ? 0 : equity.size() - 1);
  for (std::size_t t = 0; t < returns.size(); ++t) returns[t] = std::log(equity[t + 1] / equity[t]);
  return returns;
}

/// Equity after every step, the initial one first: n log returns give n + 1 values. @throws NumericError if one is not finite
inline std::vector<double> equity_curve(std::span<const double> log_returns, double initial = 1.0) {
  detail::require_finite(log_returns, "log_returns");
  std::vector<double> equity(log_returns.size() + 1);
  double growth = 0;
  equity[0] = initial;
  for (std::size_t t = 0; t < log_returns.size(); ++t) equity[t + 1] = initial * std::exp(growth += log_returns[t]);
  return equity;
}

/// Share of the highest equity so far that is lost, in [0, 1), after every step and before the first (n + 1 values, the first
/// is 0). Chart it negated. @throws NumericError if a log return is not finite
inline std::vector<double> drawdown_curve(std::span<const double> log_returns) {
  detail::require_finite(log_returns, "log_returns");
  std::vector<double> drawdown(log_returns.size() + 1);
  double growth = 0;
  double peak = 0;
  for (std::size_t t = 0; t < log_returns.size(); ++t) {
    growth += log_returns[t];
    peak = std::max(peak, growth);
    drawdown[t + 1] = -std::expm1(growth - peak);
  }
  return drawdown;
}

/// What `log_return_performance` computes. Shares are fractions: 0.02 is 2 %.
struct LogReturnPerformance {
  std::size_t steps = 0;     ///< number of returns
  double log_growth = 0;     ///< sum of the log returns
  double total_return = 0;   ///< exp(log_growth) - 1
  double annual_return = 0;  ///< exp(log_growth * steps_per_year / steps) - 1; +infinity on overflow
  double annual_volatility =
      0;  ///< standard deviation (n - 1) of the log returns times sqrt(steps_per_year); NaN below 2 steps
  /// Mean over standard deviation (n - 1) of the log returns, times sqrt(steps_per_year); the riskless rate is 0.
  /// NaN where it is not defined: fewer than two steps, or all returns equal (HOLD).
  double sharpe = 0;
  double max_drawdown = 0;                 ///< largest share lost from a peak, in [0, 1); the starting equity counts as a peak
  std::size_t longest_drawdown_steps = 0;  ///< steps from a peak until equity is back at it; one that is still open counts
};

/**
 * @brief Growth, Sharpe ratio and drawdown of a series of log returns.
 *
 * An empty series gives zeros and a NaN Sharpe ratio.
 * @param log_returns     ln(E_{t+1}/E_t) for each step; steps without a position count, with their zeros
 * @param steps_per_year  above 0: 8,760 for hourly steps on a market that never closes
 * @throws ConfigError for steps_per_year, NumericError naming the first return that is not finite
 * @par Complexity O(n), no allocation. Sums are taken in order, so equal input gives equal bits.
 */
inline LogReturnPerformance log_return_performance(std::span<const double> log_returns, double steps_per_year) {
  if (!is_finite(steps_per_year) || !(steps_per_year > 0)) {
    throw ConfigError("steps_per_year must be finite and above 0, got " + std::to_string(steps_per_year));
  }
  detail::require_finite(log_returns, "log_returns");
  constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
  LogReturnPerformance result;
  result.steps = log_returns.size();
  result.annual_volatility = result.sharpe = undefined;
  if (log_returns.empty()) return result;

  const auto n = static_cast<double>(log_returns.size());
  double growth = 0;
  double peak = 0;
  std::size_t peak_step = 0;
  for (std::size_t t = 0; t < log_returns.size(); ++t) {
    growth += log_returns[t];
    if (growth >= peak) {
      peak = growth;
      peak_step = t + 1;
    }
    result.max_drawdown = std::max(result.max_drawdown, -std::expm1(growth - peak));
    result.longest_drawdown_steps = std::max(result.longest_drawdown_steps, t + 1 - peak_step);
  }
  result.log_growth = growth;
  result.total_return = std::expm1(growth);
  result.annual_return = std::expm1(growth * steps_per_year / n);
  if (log_returns.size() < 2) return result;

  const double mean = growth / n;
  double squares = 0;
  for (const double r : log_returns) squares += (r - mean) * (r - mean);
  const double deviation = std::sqrt(squares / (n - 1));
  result.annual_volatility = deviation * std::sqrt(steps_per_year);
  // Equal returns leave a rounding error as deviation, which must not become a huge ratio.
  const auto [low, high] = std::minmax_element(log_returns.begin(), log_returns.end());
  if (*low == *high) {
    result.annual_volatility = 0;
  } else {
    result.sharpe = mean / deviation * std::sqrt(steps_per_year);
  }
  return result;
}

/// Share of results above 0 among those that are not 0 (a zero is neither a win nor a loss); NaN if there is none.
/// @throws NumericError if a result is not finite
inline double win_rate(std::span<const double> results) {
  detail::require_finite(results, "results");
  const auto wins = static_cast<double>(std::count_if(results.begin(), results.end(), [](double x) { return x > 0; }));
  const auto losses = static_cast<double>(std::count_if(results.begin(), results.end(), [](double x) { return x < 0; }));
  return wins + losses > 0 ? wins / (wins + losses) : std::numeric_limits<double>::quiet_NaN();
}

/// Gains over losses: +infinity without a loss, NaN without either. @throws NumericError if a result is not finite
inline double profit_factor(std::span<const double> results) {
  detail::require_finite(results, "results");
  double gains = 0;
  double losses = 0;
  for (const double x : results) (x > 0 ? gains : losses) += std::fabs(x);
  if (losses > 0) return gains / losses;
  return gains > 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
}

// ---- Simple returns -----------------------------------------------------------------------------------------------------

/// Formula of skewness and kurtosis.
enum class MomentRule : std::uint8_t {
  population,  ///< m3 / m2^1.5 and m4 / m2^2 - 3
  sample       ///< the corrections G1 and G2 of it; NaN below 3 and 4 returns
};

/// Which rows count towards the length of the record in years.
enum class YearCount : std::uint8_t {
  observations,  ///< returns that were kept
  rows           ///< all of them, NaN included
};

/// What the statistics mean. Nothing is hidden: two packages that disagree differ in one of these.
struct PerformanceConventions {
  double periods_per_year = 252;                   ///< above 0
  double risk_free = 0;                            ///< return per period subtracted in the Sharpe ratio
  double target = 0;                               ///< return per period of Sortino ratio and downside deviation
  double omega_threshold = 0;                      ///< return per period of the Omega ratio
  unsigned ddof = 1;                               ///< subtracted from n in the standard deviation, 0 or 1
  MomentRule moments = MomentRule::population;     ///< of skewness and kurtosis
  NanPolicy nan = NanPolicy::reject;               ///< what a NaN among the returns does
  YearCount year_count = YearCount::observations;  ///< length of the record in the annual return
  DrawdownKind path = DrawdownKind::compounded;    ///< path of the drawdown figures; Calmar is compounded always
  TailMass tail{0.05};                             ///< tail of VaR and CVaR of the returns
  TailConvention tail_convention = TailConvention::rockafellar_uryasev;  ///< of the CVaR
  QuantileRule var_rule = QuantileRule::order_statistic;                 ///< of the VaR

  /// The conventions of this library.
  static PerformanceConventions rlx(double periods_per_year = 252) {
    PerformanceConventions result;
    result.periods_per_year = periods_per_year;
    return result;
  }
  /// Those of the Python package empyrical: NaN left out but counted as rows, its own tail, VaR by the linear rule.
  static PerformanceConventions empyrical(double periods_per_year = 252) {
    PerformanceConventions result = rlx(periods_per_year);
    result.nan = NanPolicy::omit;
    result.year_count = YearCount::rows;
    result.tail_convention = TailConvention::empyrical;
    result.var_rule = QuantileRule::linear;
    return result;
  }
  /// Those of the Python package skfolio: NaN left out, drawdown of the sum of returns.
  static PerformanceConventions skfolio(double periods_per_year = 252) {
    PerformanceConventions result = rlx(periods_per_year);
    result.nan = NanPolicy::omit;
    result.path = DrawdownKind::additive;
    return result;
  }
  /// Memberwise.
  bool operator==(const PerformanceConventions&) const = default;
};

/// Why a statistic is NaN or infinite.
struct PerformanceFlags {
  bool too_few = false;        ///< fewer than two returns: statistics that need two are NaN
  bool zero_variance = false;  ///< all returns equal: Sharpe ratio, skewness, kurtosis and stability are NaN
  bool no_loss = false;        ///< no return below the target: the Sortino ratio is +infinity (NaN if none is above either)
  bool ruined = false;         ///< additive path only: a return of -1 or less leaves no compounded figure, these are NaN
  /// Memberwise.
  bool operator==(const PerformanceFlags&) const = default;
};

/// What `performance` computes. Returns are fractions: 0.02 is 2 %.
struct Performance {
  std::size_t observations = 0;      ///< returns that were kept
  std::size_t omitted = 0;           ///< NaN that were left out
  double mean = 0;                   ///< mean return per period
  double total_return = 0;           ///< prod(1 + r) - 1
  double annual_return = 0;          ///< prod(1 + r)^(periods_per_year / N) - 1, N by `year_count`
  double annual_volatility = 0;      ///< standard deviation times sqrt(periods_per_year)
  double sharpe = 0;                 ///< mean(r - rf) / sd(r - rf) * sqrt(periods_per_year)
  double sortino = 0;                ///< mean(r - target) / sqrt(mean(min(r - target, 0)^2)) * sqrt(periods_per_year)
  double downside_deviation = 0;     ///< sqrt(mean(min(r - target, 0)^2)) * sqrt(periods_per_year)
  double calmar = 0;                 ///< annual return / largest compounded drawdown; +infinity for a gain without drawdown
  double omega = 0;                  ///< sum of (r - threshold)+ over sum of (threshold - r)+; +infinity without a loss
  double stability = 0;              ///< R^2 of the least-squares line through the cumulative ln(1 + r)
  double skewness = 0;               ///< by `moments`
  double kurtosis = 0;               ///< excess, by `moments`
  double profit_factor = 0;          ///< gains over losses, as the function of that name
  double hit_rate = 0;               ///< returns above 0 among those that are not 0, as `win_rate`
  double max_drawdown = 0;           ///< of the chosen path
  std::size_t longest_drawdown = 0;  ///< bars, of the chosen path; one that is open counts
  bool drawdown_unfinished = false;  ///< the path ends below its peak
  double var = 0;                    ///< value at risk of one period as a loss, by `tail` and `var_rule`
  double cvar = 0;                   ///< conditional value at risk of one period as a loss, by `tail` and `tail_convention`
  PerformanceFlags flags{};          ///< why a statistic is not a number
};

namespace detail {
inline void check(const PerformanceConventions& c) {
  require_argument(c.periods_per_year > 0, "PerformanceConventions.periods_per_year", c.periods_per_year, "finite and above 0");
  require_argument(true, "PerformanceConventions.risk_free", c.risk_free, "finite");
  require_argument(true, "PerformanceConventions.target", c.target, "finite");
  require_argument(true, "PerformanceConventions.omega_threshold", c.omega_threshold, "finite");
  if (c.ddof > 1) throw ConfigError("PerformanceConventions.ddof must be 0 or 1, got " + std::to_string(c.ddof));
  check(c.tail);
}

/// Drawdown of a path whose highest value so far is kept at 1 (compounded) or 0 (additive), so that no long path overflows.
struct PathDrawdown {
  double maximum = 0;
  std::size_t duration = 0;
  std::size_t longest = 0;
  void add(double depth) noexcept {
    maximum = std::max(maximum, depth);
    duration = depth > 0 ? duration + 1 : 0;
    longest = std::max(longest, duration);
  }
};
}  // namespace detail

/**
 * @brief All performance statistics of a series of simple returns per period.
 *
 * (0.01, -0.02, 0.03, 0.005, -0.01) with 252 periods a year: Sharpe 2.475829, Sortino 4.762352, largest drawdown 0.02, Omega
 * 1.5. One return leaves the statistics that need two NaN and flagged.
 * @param returns      simple returns in time order, as fractions
 * @param conventions  what the statistics mean
 * @param scratch      overwritten; its capacity is reused, so that repeated calls do not allocate
 * @throws ConfigError (no return kept, conventions), NumericError with the index of a number that is not finite (an infinity
 *         under `omit` too), or with the bar at which a compounded path is no longer above 0
 * @par Complexity O(n), a few passes
 * @par Determinism sums are taken in order
 * @test tests/risk/performance.cpp: the worked example, NumPy and SciPy on daily returns
 */
inline Performance performance(std::span<const double> returns, const PerformanceConventions& conventions,
                               std::vector<double>& scratch) {
  detail::check(conventions);
  constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Performance result;
  std::vector<double> kept;
  const std::size_t rows = returns.size();
  const std::span<const double> given = returns;
  if (conventions.nan == NanPolicy::omit) {
    result.omitted = without_nan(returns, kept);
    if (result.omitted != 0) returns = kept;
  }
  detail::require_outcomes(returns, "performance", "returns");
  const std::size_t count = returns.size();
  const auto n = static_cast<double>(count);
  result.observations = count;
  result.flags.too_few = count < 2;

  double sum = 0, downside = 0, above = 0, below = 0;
  double low = returns[0], high = returns[0];
  for (const double r : returns) {
    sum += r;
    const double short_of = std::min(r - conventions.target, 0.0);
    downside += short_of * short_of;
    const double over = r - conventions.omega_threshold;
    above += std::max(over, 0.0);
    below -= std::min(over, 0.0);
    low = std::min(low, r);
    high = std::max(high, r);
  }
  result.mean = sum / n;
  result.flags.zero_variance = low == high;
  const double per_year = std::sqrt(conventions.periods_per_year);
  const double excess = result.mean - conventions.target;
  const double shortfall = std::sqrt(downside / n);
  result.flags.no_loss = !(low < conventions.target);
  result.downside_deviation = shortfall * per_year;
  result.sortino = shortfall > 0 ? excess / shortfall * per_year : high > conventions.target ? infinity : undefined;
  result.omega = below > 0 ? above / below : above > 0 ? infinity : undefined;
  result.profit_factor = profit_factor(returns);
  result.hit_rate = win_rate(returns);

  // The path, relative to its peak, and the line through its logarithm against centred time.
  detail::PathDrawdown compounded, additive;
  double relative = 1, sunk = 0, growth = 0;
  double sum_y = 0, sum_yy = 0, sum_ty = 0;
  const double middle = 0.5 * (n - 1);
  for (std::size_t t = 0; t < count; ++t) {
    const double factor = 1 + returns[t];
    if (!(factor > 0)) result.flags.ruined = true;
    if (result.flags.ruined) {
      if (conventions.path == DrawdownKind::additive) break;
      std::size_t at = 0;  // where it was given, before what was left out
      for (std::size_t before = 0; before < t || !is_finite(given[at]); ++at) before += is_finite(given[at]) ? 1 : 0;
      const std::string name = "returns[" + std::to_string(at) + ']';
      throw NumericError(name + " is " + std::to_string(returns[t]) + ": the compounded path is not above 0 at bar " +
                             std::to_string(t + 1) + "; end the series before the ruin or use DrawdownKind::additive",
                         name);
    }
    relative = std::min(relative * factor, 1.0);
    compounded.add(1 - relative);
    growth += std::log1p(returns[t]);
    sum_y += growth;
    sum_yy += growth * growth;
    sum_ty += (static_cast<double>(t) - middle) * growth;
  }
  const detail::PathDrawdown* path = &compounded;
  if (conventions.path == DrawdownKind::additive) {
    for (const double r : returns) {
      sunk = std::max(sunk - r, 0.0);
      additive.add(sunk);
    }
    path = &additive;
  }
  result.max_drawdown = path->maximum;
  result.longest_drawdown = path->longest;
  result.drawdown_unfinished = path->duration > 0;
  result.stability = undefined;
  if (result.flags.ruined) {
    result.total_return = result.annual_return = result.calmar = undefined;
  } else {
    const double years_of = conventions.year_count == YearCount::rows ? static_cast<double>(rows) : n;
    result.total_return = std::expm1(growth);
    result.annual_return = std::expm1(growth * conventions.periods_per_year / years_of);
    result.calmar = compounded.maximum > 0     ? result.annual_return / compounded.maximum
                    : result.annual_return > 0 ? infinity
                                               : undefined;
    if (count >= 2 && !(low == 0 && high == 0)) {
      const double time_squares = n * (n * n - 1) / 12;
      result.stability = std::min(1.0, sum_ty * sum_ty / (time_squares * (sum_yy - sum_y * sum_y / n)));
    }
  }

  result.annual_volatility = result.sharpe = result.skewness = result.kurtosis = undefined;
  if (count >= 2 && result.flags.zero_variance) {
    result.annual_volatility = 0;  // not the rounding error that the sums below would leave
  } else if (count >= 2) {
    double second = 0, third = 0, fourth = 0;
    for (const double r : returns) {
      const double d = r - result.mean;
      const double square = d * d;
      second += square;
      third += square * d;
      fourth += square * square;
    }
    const double deviation = std::sqrt(second / (n - conventions.ddof));
    result.annual_volatility = deviation * per_year;
    result.sharpe = (result.mean - conventions.risk_free) / deviation * per_year;
    const double m2 = second / n;
    const double skewness = third / n / (m2 * std::sqrt(m2));
    const double kurtosis = fourth / n / (m2 * m2) - 3;
    if (conventions.moments == MomentRule::population) {
      result.skewness = skewness;
      result.kurtosis = kurtosis;
    } else {
      if (count >= 3) result.skewness = skewness * std::sqrt(n * (n - 1)) / (n - 2);
      if (count >= 4) result.kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * kurtosis + 6);
    }
  }

  const TailResult worst = tail(returns, conventions.tail, conventions.tail_convention, scratch);
  result.cvar = worst.cvar;
  result.var = conventions.var_rule == QuantileRule::order_statistic
                   ? worst.var
                   : value_at_risk(returns, conventions.tail, conventions.var_rule);
  return result;
}

/// The same with memory of its own, O(n).
inline Performance performance(std::span<const double> returns, const PerformanceConventions& conventions = {}) {
  std::vector<double> scratch;
  return performance(returns, conventions, scratch);
}

/**
 * @brief Mean turnover per rebalancing: the sum of |new weight - weight that the old one drifted to|, buys and sells counted
 * both.
 * @param weights  [periods][assets]: weights at the start of each period, finite; what they leave to 1 is cash at no return
 * @param returns  [periods][assets]: simple returns of the assets over the period; the last row changes nothing
 * @return  NaN for fewer than two periods
 * @throws ShapeError if the shapes differ, NumericError (not finite; a portfolio that loses everything in a period)
 */
inline double turnover(MatrixView<const double> weights, MatrixView<const double> returns) {
  if (weights.rows() != returns.rows() || weights.cols() != returns.cols()) {
    throw ShapeError("turnover: weights [" + std::to_string(weights.rows()) + "][" + std::to_string(weights.cols()) +
                     "] and returns [" + std::to_string(returns.rows()) + "][" + std::to_string(returns.cols()) +
                     "] need the same shape [periods][assets]");
  }
  for (std::size_t t = 0; t < weights.rows(); ++t) {
    detail::require_finite(weights.row(t), "weights of period", t);
    detail::require_finite(returns.row(t), "returns of period", t);
  }
  if (weights.rows() < 2) return std::numeric_limits<double>::quiet_NaN();
  double total = 0;
  for (std::size_t t = 1; t < weights.rows(); ++t) {
    double growth = 1;
    for (std::size_t i = 0; i < weights.cols(); ++i) growth += weights(t - 1, i) * returns(t - 1, i);
    if (!(growth > 0)) {
      throw NumericError("turnover: the portfolio is worth " + std::to_string(growth) + " of itself after period " +
                         std::to_string(t - 1) + ", drifted weights need more than 0");
    }
    for (std::size_t i = 0; i < weights.cols(); ++i) {
      total += std::fabs(weights(t, i) - weights(t - 1, i) * (1 + returns(t - 1, i)) / growth);
    }
  }
  return total / static_cast<double>(weights.rows() - 1);
}

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_PERFORMANCE_HPP
