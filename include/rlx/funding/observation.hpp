// SPDX-License-Identifier: MIT
/// @file
/// @brief The observation `rlx.funding.obs/1`: 275 floats from a decision state, their names, and the hash of the layout.
///
/// One builder serves the environment, `infer` and live programs.
#ifndef RLX_FUNDING_OBSERVATION_HPP
#define RLX_FUNDING_OBSERVATION_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/slot_layout.hpp>
#include <rlx/funding/decision_state.hpp>
#include <rlx/funding/observation_features.hpp>

namespace rlx::inline v0_1::funding {

inline constexpr std::size_t config_offset = 0;        ///< 5 floats
inline constexpr std::size_t portfolio_offset = 5;     ///< 10 floats
inline constexpr std::size_t execution_offset = 15;    ///< 5 slots of 12
inline constexpr std::size_t opportunity_offset = 75;  ///< 10 slots of 20
inline constexpr std::size_t observation_size = 275;   ///< floats in all
inline constexpr std::size_t held_feature = 19;        ///< within an opportunity slot

/// One float of the observation. `name` is unique (`execution2.pnl`); `formula` identifies the arithmetic with its constants.
struct FeatureInfo {
  std::string name;          ///< such as `execution2.pnl`
  std::string_view formula;  ///< its arithmetic, constants included
  std::string_view unit;     ///< of the raw quantity; 1: none
};

namespace detail {

struct FeatureRow {
  std::string_view name, formula, unit;
};

inline constexpr std::array<FeatureRow, 5> config_features{{
    {"max_leverage", "(x-1)/4.5-1", "1"},
    {"target_utilization", "2x-1", "1"},
    {"max_positions", "(x-3)/2", "1"},
    {"stop_loss_threshold", "1+20x", "1"},
    {"liquidation_buffer", "(x-.275)/.225", "1"},
}};
inline constexpr std::array<FeatureRow, 10> portfolio_features{{
    {"log_equity", "clip(10 ln(E/E0),5)", "1"},
    {"utilisation_headroom", "clip(1-(M/E)/max(target_utilization,.01),5)", "1"},
    {"open_share", "n_open/max_positions", "1"},
    {"venue_imbalance", "clip((max free-min free)/E,5)", "1"},
    {"unrealised", "asinh(100 pnl/E/.5)", "%"},
    {"accrued_funding", "asinh(1e4 phi/1)", "bp of E0"},
    {"drawdown", "clip(((peak-E)/peak)/.25,5)", "1"},
    {"nearest_liquidation", "clip(min d/liquidation_buffer,-1,5);5 if none", "1"},
    {"carry", "asinh(sum q mid net/E/.5)", "bp/h"},
    {"regime", "asinh(median net/.5)", "bp/h"},
}};
inline constexpr std::array<FeatureRow, execution_feature_count> execution_features{{
    {"active", "1", "1"},
    {"pnl", "asinh(100 result_share/.5)", "%"},
    {"exit_cost", "asinh(1e4 exit cost/(q mid)/10)", "bp"},
    {"next_cash", "asinh(sum -side rho I of the earliest stamp/1)", "bp"},
    {"net_now", "asinh(net/.5)", "bp/h"},
    {"net_24h", "asinh(net24/.5)", "bp/h"},
    {"spread_move", "asinh((s-s entry)/20)", "bp"},
    {"spread_vs_mean", "asinh((s-mean24 s)/20)", "bp"},
    {"long_distance", "clip(d/liquidation_buffer,-1,5)", "1"},
    {"short_distance", "clip(d/liquidation_buffer,-1,5)", "1"},
    {"margin_share", "clip(M max_positions/(E max(target_utilization,.01)),0,5)", "1"},
    {"next_hours", "min(hours to the earliest stamp/8,3)", "8 h"},
}};
inline constexpr std::array<FeatureRow, opportunity_feature_count> opportunity_features{{
    {"valid", "1", "1"},
    {"long_rate", "asinh(rho/.5)", "bp/h"},
    {"short_rate", "asinh(rho/.5)", "bp/h"},
    {"net_now", "asinh(net/.5)", "bp/h"},
    {"net_24h", "asinh(net24/.5)", "bp/h"},
    {"net_72h", "asinh(net72/.5)", "bp/h"},
    {"net_std", "asinh(std72 net/.5)", "bp/h"},
    {"sign_share", "2x-1", "1"},
    {"long_interval", "log2(I)/3", "8 h"},
    {"short_interval", "log2(I)/3", "8 h"},
    {"long_next", "min(hours/8,3)", "8 h"},
    {"short_next", "min(hours/8,3)", "8 h"},
    {"spread", "asinh(s/20)", "bp"},
    {"spread_vs_mean", "asinh((s-mean24 s)/20)", "bp"},
    {"spread_std", "asinh(std24 s/20)", "bp"},
    {"volume", "clip((log10 usd-7)/1.5,3)", "log10 USD"},
    {"round_trip", "asinh(C/10)", "bp"},
    {"depth", "clip(log10 usd-5,3)", "log10 USD"},
    {"break_even", "min(ln(1+C/net)/ln 721,1.5);1.5 if net<=0", "month"},
    {"held", "1 if the symbol is open", "1"},
}};

inline std::array<FeatureInfo, observation_size> make_features() {
  std::array<FeatureInfo, observation_size> table;
  std::size_t next = 0;
  const auto add = [&](const std::string& prefix, std::span<const FeatureRow> rows) {
    for (const FeatureRow& row : rows) table[next++] = {prefix + std::string(row.name), row.formula, row.unit};
  };
  add("config.", config_features);
  add("portfolio.", portfolio_features);
  for (std::size_t j = 0; j < max_position_slots; ++j) add("execution" + std::to_string(j) + '.', execution_features);
  for (std::size_t k = 0; k < max_opportunities; ++k) add("opportunity" + std::to_string(k) + '.', opportunity_features);
  return table;
}

}  // namespace detail

/// Turns a decision state into an observation row. Stateless.
class ObservationBuilder {
 public:
  /// Writes all 275 floats; all finite, within [-5, 5]. Allocates nothing.
  void write(const DecisionState& state, std::span<float, observation_size> row) const {
    write_account(state, row);
    std::fill(row.begin() + opportunity_offset, row.end(), 0.0F);
    for (std::size_t k = 0; k < state.opportunities.size(); ++k) {
      write_opportunity_features(state.opportunities[k], state.time_ms,
                                 slot<opportunity_feature_count>(row, opportunity_offset, k));
    }
    write_held(state, row);
  }

  /// Writes the 75 floats in front of the opportunity block.
  void write_account(const DecisionState& state, std::span<float, observation_size> row) const {
    const TradingConfig& trading = state.trading;
    const auto set = [&row](std::size_t index, double value) { row[index] = static_cast<float>(value); };
    set(0, (trading.max_leverage - 1.0) / 4.5 - 1.0);
    set(1, 2.0 * trading.target_utilization - 1.0);
    set(2, (static_cast<double>(trading.max_positions) - 3.0) / 2.0);
    set(3, 1.0 + 20.0 * trading.stop_loss_threshold);
    set(4, (trading.liquidation_buffer - 0.275) / 0.225);

    // Ratios stay defined down to a ruined account.
    const double equity = std::max(state.equity, 1e-6 * state.initial_capital);
    const double utilization = std::max(trading.target_utilization, 0.01);
    Sums sums;
    std::fill(row.begin() + execution_offset, row.begin() + opportunity_offset, 0.0F);
    const CostModel costs = sizing_rules(state).costs;
    for (std::size_t j = 0; j < max_position_slots; ++j) {
      if (state.positions[j].position == nullptr) continue;
      write_position(state, state.positions[j], costs, equity, utilization,
                     slot<execution_feature_count>(row, execution_offset, j), sums);
    }
    using features::compress;
    const auto [least, most] = std::minmax_element(state.free_cash.begin(), state.free_cash.end());
    set(5, clip5(10.0 * std::log(equity / state.initial_capital)));
    set(6, clip5(1.0 - sums.margin / equity / utilization));
    set(7, static_cast<double>(sums.open) / static_cast<double>(trading.max_positions));
    set(8, clip5((*most - *least) / equity));
    set(9, compress(100.0 * sums.price_pnl / equity, features::percent_scale));
    set(10, compress(1e4 * accrued_share(state), features::cash_scale_bp));
    set(11, clip5((state.peak_equity - state.equity) / state.peak_equity / 0.25));
    set(12, sums.open == 0 ? features::limit : std::clamp(sums.distance / trading.liquidation_buffer, -1.0, features::limit));
    set(13, compress(sums.carry / equity, features::rate_scale_bph));
    set(14, compress(state.regime_bph, features::rate_scale_bph));
  }

  /// Sets feature `held` of the listed symbols that are open; the other floats stay.
  void write_held(const DecisionState& state, std::span<float, observation_size> row) const {
    for (std::size_t k = 0; k < state.opportunities.size(); ++k) {
      row[opportunity_offset + k * opportunity_feature_count + held_feature] =
          state.holds(state.opportunities[k].symbol) ? 1.0F : 0.0F;
    }
  }

  /// The 275 entries of the layout, in order. Built once.
  static std::span<const FeatureInfo, observation_size> features() {
    static const std::array<FeatureInfo, observation_size> table = detail::make_features();
    return table;
  }

 private:
  struct Sums {
    double margin = 0.0, price_pnl = 0.0, carry = 0.0, distance = std::numeric_limits<double>::infinity();
    int open = 0;
  };

  template <std::size_t Width>
  static std::span<float, Width> slot(std::span<float, observation_size> row, std::size_t offset, std::size_t index) {
    return std::span<float, Width>(row.data() + offset + index * Width, Width);
  }
  static double clip5(double value) { return std::clamp(value, -features::limit, features::limit); }

  static void write_position(const DecisionState& state, const PositionState& held, const CostModel& costs, double equity,
                             double utilization, std::span<float, execution_feature_count> row, Sums& sums) {
    using features::compress;
    const Position& position = *held.position;
    const TradingConfig& trading = state.trading;
    const double mid = 0.5 * (position.long_leg.mark + position.short_leg.mark);
    const double buffer = trading.liquidation_buffer;
    const double long_distance = position.long_leg.distance();
    const double short_distance = position.short_leg.distance();
    const double spread_bp = 1e4 * (position.short_leg.mark - position.long_leg.mark) / mid;
    const std::int64_t stamp = std::min(held.long_leg.next_settle_ms, held.short_leg.next_settle_ms);
    double next_cash = 0.0;
    if (held.long_leg.next_settle_ms == stamp) next_cash -= held.long_leg.rho_bph * held.long_leg.interval_hours;
    if (held.short_leg.next_settle_ms == stamp) next_cash += held.short_leg.rho_bph * held.short_leg.interval_hours;
    const double cost =
        exit_cost(position.long_leg, position.quantity, costs) + exit_cost(position.short_leg, position.quantity, costs);

    const auto set = [&row](std::size_t index, double value) { row[index] = static_cast<float>(value); };
    set(0, 1.0);
    set(1, compress(100.0 * position.result_share(), features::percent_scale));
    set(2, compress(1e4 * cost / (position.quantity * mid), features::cost_scale_bp));
    set(3, compress(next_cash, features::cash_scale_bp));
    set(4, compress(held.pair.net_bph, features::rate_scale_bph));
    set(5, compress(held.pair.net24_bph, features::rate_scale_bph));
    set(6, compress(spread_bp - position.spread_entry_bp, features::spread_scale_bp));
    set(7, compress(held.pair.spread_bp - held.pair.spread_mean_bp, features::spread_scale_bp));
    set(8, std::clamp(long_distance / buffer, -1.0, features::limit));
    set(9, std::clamp(short_distance / buffer, -1.0, features::limit));
    set(10, std::clamp(position.margin() * static_cast<double>(trading.max_positions) / (equity * utilization), 0.0,
                       features::limit));
    set(11, features::hours_to_stamp(stamp, state.time_ms));

    sums.open += 1;
    sums.margin += position.margin();
    sums.price_pnl += position.price_pnl();
    sums.carry += position.quantity * mid * held.pair.net_bph;
    sums.distance = std::min({sums.distance, long_distance, short_distance});
  }

  // Fee, half-spread and impact of closing one leg at its last quote, USD.
  static double exit_cost(const Leg& leg, double quantity, const CostModel& costs) {
    const double fill = taker_fill(leg.quote(), leg.side > 0.0 ? -1 : +1, quantity, costs);
    return quantity * (std::abs(leg.mark - fill) + leg.terms.taker * costs.fee_scale * fill);
  }
};

/// Canonical text of the layout: one line per float, "index name | formula | unit".
inline const std::string& observation_layout() {
  static const std::string text = [] {
    std::string lines = "rlx.funding.obs/1\n";
    std::size_t index = 0;
    for (const FeatureInfo& feature : ObservationBuilder::features()) {
      lines += std::to_string(index++) + ' ' + feature.name + " | " + std::string(feature.formula) + " | " +
               std::string(feature.unit) + '\n';
    }
    return lines;
  }();
  return text;
}

/// SHA-256 of `observation_layout()`: part of every checkpoint.
inline std::string observation_hash() { return sha256_hex(std::string_view(observation_layout())); }

/// Names of the 275 floats.
inline std::span<const std::string_view, observation_size> observation_names() {
  static const auto names = [] {
    std::array<std::string_view, observation_size> list;
    for (std::size_t i = 0; i < observation_size; ++i) list[i] = ObservationBuilder::features()[i].name;
    return list;
  }();
  return names;
}

/// Where the slots lie in the observation, for networks that know slots.
inline SlotLayout slots() {
  return {config_offset,
          5,
          portfolio_offset,
          10,
          {execution_offset, max_position_slots, execution_feature_count, 0},
          {opportunity_offset, max_opportunities, opportunity_feature_count, 0},
          3};
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_OBSERVATION_HPP
