// SPDX-License-Identifier: MIT
/// @file
/// @brief VaR and CVaR of stored forecasts by the time they were issued: what was known of the tail at any moment.
#ifndef RLX_RISK_FORECAST_SERIES_HPP
#define RLX_RISK_FORECAST_SERIES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/risk/quantile_forecast.hpp>
#include <rlx/risk/tail.hpp>

namespace rlx::inline v0_1::risk {

/// The tail of one forecast distribution, as losses: positive is bad.
struct TailForecast {
  std::int64_t issued_ms = 0;  ///< when it became known, ms UTC
  double var = 0.0;            ///< VaR of the outcome
  double cvar = 0.0;           ///< CVaR, at least `var` for samples
};

/**
 * @brief Forecasts of one quantity in the order of their issue, each as stored quantiles or as stored samples.
 *
 * `at(t)` never returns one that was issued after t: there is no look-ahead, whatever else the series holds. Only VaR and CVaR
 * are kept, worked out once when a forecast is added.
 */
class ForecastSeries {
 public:
  /// @param mass  share of the outcomes that is the tail. @throws ConfigError
  explicit ForecastSeries(TailMass mass) : mass_(mass) { detail::check(mass); }

  /// Quantiles of the outcome at `levels`, see `QuantileForecast`; calibrate the level first where forecasts are too sure of
  /// themselves (`recalibrated`). @throws ConfigError (levels; alpha 1; a time not after the last), ShapeError, NumericError
  void add_quantiles(std::int64_t issued_ms, std::span<const double> levels, std::span<const double> quantiles) {
    const QuantileForecast forecast(levels, quantiles);
    add({issued_ms, forecast.var(mass_), forecast.cvar(mass_)});
  }
  /// Equally likely outcomes, see `tail`. @throws ConfigError (none; a time not after the last), NumericError
  void add_samples(std::int64_t issued_ms, std::span<const double> outcomes) {
    const TailResult found = tail(outcomes, mass_, TailConvention::rockafellar_uryasev, scratch_);
    add({issued_ms, found.var, found.cvar});
  }

  /// The newest forecast issued at or before `time_ms`; empty before the first. O(log n)
  std::optional<TailForecast> at(std::int64_t time_ms) const {
    const auto after = std::upper_bound(forecasts_.begin(), forecasts_.end(), time_ms,
                                        [](std::int64_t time, const TailForecast& f) { return time < f.issued_ms; });
    return after == forecasts_.begin() ? std::nullopt : std::optional(*(after - 1));
  }

  TailMass mass() const noexcept { return mass_; }                                 ///< as given
  std::span<const TailForecast> forecasts() const noexcept { return forecasts_; }  ///< all, ascending by time

 private:
  void add(const TailForecast& forecast) {
    if (!forecasts_.empty() && forecast.issued_ms <= forecasts_.back().issued_ms) {
      throw ConfigError("ForecastSeries: a forecast issued at " + std::to_string(forecast.issued_ms) + " ms follows one of " +
                        std::to_string(forecasts_.back().issued_ms) +
                        " ms; expected rising times: sort them, and keep the last of those with equal times");
    }
    forecasts_.push_back(forecast);
  }

  TailMass mass_;
  std::vector<TailForecast> forecasts_;
  std::vector<double> scratch_;
};

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_FORECAST_SERIES_HPP
