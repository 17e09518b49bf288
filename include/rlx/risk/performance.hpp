// SPDX-License-Identifier: MIT
/// @file
/// @brief Performance of an equity curve given as log returns per step.
#ifndef RLX_RISK_PERFORMANCE_HPP
#define RLX_RISK_PERFORMANCE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>

namespace rlx::risk {

namespace detail {
inline void require_finite(std::span<const double> values, std::string_view what) {
  if (const std::size_t at = first_non_finite(values); at != values.size()) {
    const std::string name = std::string(what) + '[' + std::to_string(at) + ']';
    throw NumericError(name + " is not finite; expected finite numbers only", name);
  }
}
}  // namespace detail

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

}  // namespace rlx::risk

#endif  // RLX_RISK_PERFORMANCE_HPP
