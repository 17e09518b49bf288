// SPDX-License-Identifier: MIT
/// @file
/// @brief Drawdown of a path of equity: depth, duration, velocity, and its tail; for whole paths and bar by bar.
#ifndef RLX_RISK_DRAWDOWN_HPP
#define RLX_RISK_DRAWDOWN_HPP

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
#include <rlx/core/state.hpp>
#include <rlx/risk/detail/checks.hpp>
#include <rlx/risk/tail.hpp>

namespace rlx::inline v0_1::risk {

/// How a path grows and what a drawdown is measured in.
enum class DrawdownKind : std::uint8_t {
  compounded,  ///< E_{t+1} = E_t (1 + r_t), above 0; drawdown 1 - E/peak, a share
  additive     ///< E is a sum of results, any sign; drawdown peak - E, in the unit of E
};

/// Settings of `drawdown`.
struct DrawdownConfig {
  TailMass tail{0.05};  ///< tail of DaR and CDaR
  std::size_t lag = 5;  ///< bars over which velocity is measured, at least 1
};

/// What a path lost from its peaks. The first value of the path is bar 0: it counts as a peak, not as a return bar.
struct DrawdownSummary {
  std::size_t bars = 0;                     ///< return bars: the length of the path less 1
  double maximum = 0;                       ///< largest drawdown
  std::size_t max_bar = 0;                  ///< the first bar that has it
  double current = 0;                       ///< at the end
  std::size_t longest = 0;                  ///< most bars since the last bar at its peak; a drawdown that is still open counts
  std::size_t duration = 0;                 ///< bars since the last peak, at the end
  bool unfinished = false;                  ///< the path ends below its peak
  double velocity = 0;                      ///< (dd_t - dd_{t-lag})/lag at the end, per bar; NaN for fewer bars than the lag
  double max_velocity = 0;                  ///< the largest of all bars; NaN likewise
  double ulcer = 0;                         ///< root mean square drawdown of the return bars; NaN without one
  double average = 0;                       ///< mean drawdown of the return bars; NaN without one
  double drawdown_at_risk = 0;              ///< VaR of the losses dd_t of the return bars; NaN without one
  double conditional_drawdown_at_risk = 0;  ///< their CVaR; NaN without one
};

namespace detail {
inline void check_path_value(double equity, std::size_t bar, DrawdownKind kind) {
  if (!is_finite(equity) || (kind == DrawdownKind::compounded && !(equity > 0))) {
    const std::string name = "path[" + std::to_string(bar) + ']';
    throw NumericError(
        name + " is " + std::to_string(equity) + " at bar " + std::to_string(bar) +
            (kind == DrawdownKind::compounded ? ", a compounded path needs finite equity above 0" : ", expected finite equity"),
        name);
  }
}
inline double drawdown_of(double equity, double peak, DrawdownKind kind) noexcept {
  return kind == DrawdownKind::compounded ? 1 - equity / peak : peak - equity;
}
inline void check_lag(std::size_t lag) {
  if (lag == 0) throw ConfigError("drawdown: lag must be at least 1 bar, got 0");
}
}  // namespace detail

/// The path of returns: `initial` and the equity after each.
/// @throws NumericError if a return is not finite, or with the bar where a compounded path is not above 0
inline std::vector<double> path_from_returns(std::span<const double> returns, DrawdownKind kind, double initial) {
  std::vector<double> path(returns.size() + 1);
  path[0] = initial;
  detail::require_finite(returns, "returns");
  for (std::size_t t = 0; t < returns.size(); ++t) {
    path[t + 1] = kind == DrawdownKind::compounded ? path[t] * (1 + returns[t]) : path[t] + returns[t];
    detail::check_path_value(path[t + 1], t + 1, kind);
  }
  return path;
}
/// The same from 1 (compounded) or 0 (additive).
inline std::vector<double> path_from_returns(std::span<const double> returns, DrawdownKind kind) {
  return path_from_returns(returns, kind, kind == DrawdownKind::compounded ? 1.0 : 0.0);
}

/// Drawdown at every bar into `out`, which is as long as the path; 0 at bar 0.
/// @throws ConfigError (empty), ShapeError, NumericError with the bar. @par Complexity O(n), no allocation
inline void drawdown_series(std::span<const double> path, DrawdownKind kind, std::span<double> out) {
  if (path.empty()) throw ConfigError("drawdown_series: path is empty, expected at least its starting value");
  if (out.size() != path.size()) {
    throw ShapeError("drawdown_series: room for " + std::to_string(out.size()) + " bars, expected " +
                     std::to_string(path.size()));
  }
  double peak = path[0];
  for (std::size_t t = 0; t < path.size(); ++t) {
    detail::check_path_value(path[t], t, kind);
    peak = std::max(peak, path[t]);
    out[t] = detail::drawdown_of(path[t], peak, kind);
  }
}

/// (dd_t - dd_{t-lag})/lag for each bar, NaN before bar `lag`: above 0 while the drawdown deepens. @throws ConfigError,
/// ShapeError
inline void drawdown_velocity(std::span<const double> drawdowns, std::size_t lag, std::span<double> out) {
  detail::check_lag(lag);
  if (out.size() != drawdowns.size()) {
    throw ShapeError("drawdown_velocity: room for " + std::to_string(out.size()) + " bars, expected " +
                     std::to_string(drawdowns.size()));
  }
  for (std::size_t t = 0; t < drawdowns.size(); ++t) {
    out[t] =
        t < lag ? std::numeric_limits<double>::quiet_NaN() : (drawdowns[t] - drawdowns[t - lag]) / static_cast<double>(lag);
  }
}

/**
 * @brief All drawdown figures of a path.
 *
 * (100, 110, 99, 105, 88, 112), compounded: drawdowns 0, 0, 0.1, 0.0454545, 0.2, 0; longest 3 bars; velocity 0.05 at 88 with
 * lag 2.
 * @param path    E_0 and the equity after each bar; compounded: above 0
 * @param kind    whether a drawdown is a share of the peak or a difference from it
 * @param config  bars of the velocity, and the tail
 * @throws ConfigError (empty, lag 0, tail), NumericError with the bar. @par Complexity O(n), allocates the series twice
 * @par Source Martin & McCann 1989 (ulcer index); Chekhlov, Uryasev & Zabarankin 2005 (conditional drawdown at risk)
 */
inline DrawdownSummary drawdown(std::span<const double> path, DrawdownKind kind, const DrawdownConfig& config = {}) {
  detail::check_lag(config.lag);
  detail::check(config.tail);
  std::vector<double> depth(path.size());
  drawdown_series(path, kind, depth);
  constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
  DrawdownSummary result;
  result.bars = path.size() - 1;
  result.velocity = result.max_velocity = undefined;
  result.ulcer = result.average = result.drawdown_at_risk = result.conditional_drawdown_at_risk = undefined;
  const auto lag = static_cast<double>(config.lag);
  double sum = 0, squares = 0;
  for (std::size_t t = 1; t < depth.size(); ++t) {
    sum += depth[t];
    squares += depth[t] * depth[t];
    if (depth[t] > result.maximum) {
      result.maximum = depth[t];
      result.max_bar = t;
    }
    result.duration = depth[t] > 0 ? result.duration + 1 : 0;
    result.longest = std::max(result.longest, result.duration);
    if (t >= config.lag) {
      result.velocity = (depth[t] - depth[t - config.lag]) / lag;
      result.max_velocity = t == config.lag ? result.velocity : std::max(result.max_velocity, result.velocity);
    }
  }
  result.current = depth.back();
  result.unfinished = result.current > 0;
  if (result.bars == 0) return result;
  const auto n = static_cast<double>(result.bars);
  result.average = sum / n;
  result.ulcer = std::sqrt(squares / n);
  for (double& value : depth) value = -value;  // a drawdown is a loss
  const TailResult worst = tail(std::span<const double>(depth).subspan(1), config.tail);
  result.drawdown_at_risk = worst.var;
  result.conditional_drawdown_at_risk = worst.cvar;
  return result;
}

/**
 * @brief Drawdown bar by bar: O(1) for each, no allocation after construction.
 *
 * Gives at every bar what `drawdown` gives for the path so far. The first update is bar 0. `save_state` and `load_state` carry
 * the peak over a restart; an equity that is refused leaves the tracker unchanged.
 */
class DrawdownTracker {
 public:
  /// `lag`: bars over which velocity is measured, at least 1. @throws ConfigError
  explicit DrawdownTracker(DrawdownKind kind = DrawdownKind::compounded, std::size_t lag = 5) : kind_(kind) {
    detail::check_lag(lag);
    recent_.resize(lag);
  }

  /// Takes the equity of the next bar. @return the drawdown. @throws NumericError as `drawdown_series`
  double update(double equity) {
    detail::check_path_value(equity, count_, kind_);
    peak_ = count_ == 0 ? equity : std::max(peak_, equity);
    current_ = detail::drawdown_of(equity, peak_, kind_);
    double& slot = recent_[count_ % recent_.size()];  // holds the drawdown `lag` bars ago
    if (count_ >= recent_.size()) {
      velocity_ = (current_ - slot) / static_cast<double>(recent_.size());
    }
    slot = current_;
    ++count_;
    maximum_ = std::max(maximum_, current_);
    duration_ = current_ > 0 ? duration_ + 1 : 0;
    longest_ = std::max(longest_, duration_);
    return current_;
  }

  double peak() const noexcept { return peak_; }                 ///< highest equity so far; 0 before the first bar
  double current() const noexcept { return current_; }           ///< drawdown of the last bar
  double maximum() const noexcept { return maximum_; }           ///< largest drawdown so far
  std::uint64_t duration() const noexcept { return duration_; }  ///< bars since the last peak
  std::uint64_t longest() const noexcept { return longest_; }    ///< the most of them so far
  double velocity() const noexcept { return velocity_; }         ///< per bar; NaN until `lag` bars have passed
  std::uint64_t bars() const noexcept { return count_; }         ///< updates taken

  /// For `load_state` of a tracker with the same kind and lag.
  void save_state(StateWriter& writer) const {
    writer.write(kind_);
    writer.write(std::span<const double>(recent_));
    for (const double value : {peak_, current_, maximum_, velocity_}) writer.write(value);
    for (const std::uint64_t value : {duration_, longest_, count_}) writer.write(value);
  }
  /// @throws CheckpointError if the state is damaged or that of a tracker with another kind or lag; then nothing changed
  void load_state(StateReader& reader) {
    DrawdownTracker read(*this);
    if (reader.read<DrawdownKind>() != kind_) throw CheckpointError("DrawdownTracker: the state is of another kind of path");
    reader.read_into(std::span<double>(read.recent_));
    for (double* value : {&read.peak_, &read.current_, &read.maximum_, &read.velocity_}) *value = reader.read<double>();
    for (std::uint64_t* value : {&read.duration_, &read.longest_, &read.count_}) *value = reader.read<std::uint64_t>();
    *this = std::move(read);
  }

 private:
  DrawdownKind kind_;
  std::vector<double> recent_;
  double peak_ = 0, current_ = 0, maximum_ = 0;
  double velocity_ = std::numeric_limits<double>::quiet_NaN();
  std::uint64_t duration_ = 0, longest_ = 0, count_ = 0;
};

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_DRAWDOWN_HPP
