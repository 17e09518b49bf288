// SPDX-License-Identifier: MIT
/// @file
/// @brief The tail of what a pair may lose while it is held, as forecasts and as columns of the observation.
#ifndef RLX_FUNDING_PAIR_FORECASTS_HPP
#define RLX_FUNDING_PAIR_FORECASTS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/risk/forecast_series.hpp>

namespace rlx::inline v0_1::funding {

/// What a forecast from a tape's own past is made of.
struct PairHistory {
  int steps = 168;            ///< changes of the spread that it looks back on, at least `least`
  int least = 24;             ///< fewer known ones give no forecast, at least 2
  risk::TailMass mass{0.05};  ///< share of the outcomes that is the tail
};

/**
 * @brief Forecasts for directed pairs (long leg, short leg): the price result of holding one for a step, bp of the notional.
 *
 * A pair gains what its spread 1e4 (P_short - P_long) / mid falls by. Forecasts come from a tape's own past (`from_history`),
 * or from elsewhere with `series`: stored quantiles or samples by the time of their issue.
 */
class PairForecasts {
 public:
  /// @throws ConfigError
  explicit PairForecasts(risk::TailMass mass) : mass_(mass) { risk::detail::check(mass); }

  /**
   * @brief Historical simulation: at each step, for each pair that is offered, the last results of that pair are the samples.
   *
   * A forecast of step k is a function of prices that are known at time(k). O(steps * offered pairs * history.steps)
   * @throws ConfigError naming the field
   */
  static PairForecasts from_history(const MarketTape& tape, const PairHistory& history = {}) {
    if (history.least < 2 || history.steps < history.least) {
      throw ConfigError("PairHistory: steps = " + std::to_string(history.steps) + ", least = " + std::to_string(history.least) +
                        ", expected 2 <= least <= steps");
    }
    PairForecasts forecasts(history.mass);
    const auto look_back = static_cast<std::size_t>(history.steps), least = static_cast<std::size_t>(history.least);
    std::vector<double> results;
    for (std::size_t k = 0; k < tape.n_steps(); ++k) {
      for (const Opportunity& offered : tape.opportunities(k)) {
        results.clear();
        double later = missing;
        for (std::size_t j = k + 1; j-- > k - std::min(k, look_back);) {
          const double spread = spread_bp(tape, offered, j);
          if (is_finite(spread) && is_finite(later)) results.push_back(spread - later);
          later = spread;
        }
        if (results.size() >= least) forecasts.series(offered.long_leg, offered.short_leg).add_samples(tape.time(k), results);
      }
    }
    return forecasts;
  }

  /// The forecasts of a pair, to add to; made empty on first request.
  risk::ForecastSeries& series(InstrumentId long_leg, InstrumentId short_leg) {
    return pairs_.try_emplace({long_leg, short_leg}, mass_).first->second;
  }
  /// The newest forecast issued at or before `time_ms`; empty where there is none. O(log)
  std::optional<risk::TailForecast> at(InstrumentId long_leg, InstrumentId short_leg, std::int64_t time_ms) const {
    const auto found = pairs_.find({long_leg, short_leg});
    return found == pairs_.end() ? std::nullopt : found->second.at(time_ms);
  }
  /// Directed pairs with a series.
  std::size_t size() const noexcept { return pairs_.size(); }

 private:
  static double spread_bp(const MarketTape& tape, const Opportunity& pair, std::size_t k) {
    const PriceRow* const bought = tape.leg(pair.long_leg, k).row;
    const PriceRow* const sold = tape.leg(pair.short_leg, k).row;
    if (bought == nullptr || sold == nullptr) return missing;
    return 1e4 * (sold->price - bought->price) / (0.5 * (sold->price + bought->price));
  }

  risk::TailMass mass_;
  std::map<std::pair<InstrumentId, InstrumentId>, risk::ForecastSeries> pairs_;
};

/// How forecasts are shown.
struct PairTailConfig {
  double scale_bp = 50.0;                   ///< bp that are shown as 1, above 0; numbers are cut at +-5
  std::int64_t max_age_ms = 2 * 3'600'000;  ///< an older forecast is not shown, at least 0
};

/// 20 columns for `AppendFeatures`: VaR and CVaR of the pair in each opportunity slot, as losses; 0 in an empty slot and
/// without a forecast. Copies share the forecasts.
class PairTailFeatures {
 public:
  static constexpr std::size_t columns_of_slot = 2;                         ///< VaR, CVaR
  static constexpr std::size_t size = max_opportunities * columns_of_slot;  ///< columns

  /// @throws ConfigError naming the field; InternalError without forecasts
  explicit PairTailFeatures(std::shared_ptr<const PairForecasts> forecasts, PairTailConfig config = {})
      : forecasts_(std::move(forecasts)), config_(config) {
    RLX_REQUIRE(forecasts_ != nullptr, "PairTailFeatures: the forecasts are null");
    if (!is_finite(config.scale_bp) || !(config.scale_bp > 0)) {
      throw ConfigError("PairTailConfig.scale_bp = " + std::to_string(config.scale_bp) + ", expected a finite number above 0");
    }
    if (config.max_age_ms < 0) {
      throw ConfigError("PairTailConfig.max_age_ms = " + std::to_string(config.max_age_ms) + ", expected at least 0");
    }
  }

  /// opportunity_0_var, opportunity_0_cvar, ...
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (std::size_t slot = 0; slot < max_opportunities; ++slot) {
      for (const char* figure : {"_var", "_cvar"}) names.push_back("opportunity_" + std::to_string(slot) + figure);
    }
    return names;
  }

  /// Writes the columns for the environment's current step. Allocates nothing. @throws ShapeError another length than `size`
  void operator()(const FundingArbitrageEnv& env, std::span<float> row) const {
    if (row.size() != size) {
      throw ShapeError("PairTailFeatures: a row of " + std::to_string(row.size()) + " numbers, expected " +
                       std::to_string(size));
    }
    std::fill(row.begin(), row.end(), 0.0F);
    const DecisionState& state = env.decision_state();
    for (std::size_t slot = 0; slot < state.opportunities.size() && slot < max_opportunities; ++slot) {
      const Opportunity& pair = state.opportunities[slot];
      const auto forecast = forecasts_->at(pair.long_leg, pair.short_leg, state.time_ms);
      if (!forecast || state.time_ms - forecast->issued_ms > config_.max_age_ms) continue;
      row[columns_of_slot * slot] = shown(forecast->var);
      row[columns_of_slot * slot + 1] = shown(forecast->cvar);
    }
  }

 private:
  float shown(double loss_bp) const { return static_cast<float>(std::clamp(loss_bp / config_.scale_bp, -5.0, 5.0)); }

  std::shared_ptr<const PairForecasts> forecasts_;
  PairTailConfig config_;
};

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_PAIR_FORECASTS_HPP
