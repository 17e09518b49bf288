// SPDX-License-Identifier: MIT
/// @file
/// @brief One pass of a policy over a window of a tape: equity path, trades, attribution.
#ifndef RLX_FUNDING_BACKTEST_HPP
#define RLX_FUNDING_BACKTEST_HPP

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include <rlx/funding/actions.hpp>
#include <rlx/funding/baselines.hpp>
#include <rlx/funding/clairvoyant.hpp>
#include <rlx/funding/decision_state.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/feature_tape.hpp>
#include <rlx/funding/observation.hpp>
#include <rlx/funding/sizing.hpp>
#include <rlx/funding/split.hpp>

namespace rlx::inline v0_1::funding {

/// What a policy did on a window.
struct Backtest {
  std::int64_t begin_ms = 0;          ///< time of the first value of `equity`
  std::int64_t step_ms = 0;           ///< distance of the values of `equity`
  std::vector<double> equity;         ///< USD, before the first step and after each; flat after an early end
  std::vector<double> log_returns;    ///< ln(E_{t+1}/E_t), one per step of the window; 0 after an early end
  std::vector<ClosedTrade> trades;    ///< in the order of their closing
  std::vector<std::int32_t> actions;  ///< one per decision made
  EpisodeInfo info;                   ///< figures at the end
  double reward = 0.0;                ///< sum of the environment's rewards
  bool terminated = false;            ///< ruin or drawdown ended it early

  double profit_share() const { return equity.back() / equity.front() - 1.0; }    ///< share of the first equity
  double profit_usd() const { return equity.back() - equity.front(); }            ///< last less first equity
  double log_growth() const { return std::log(equity.back() / equity.front()); }  ///< ln(last / first equity)
  /// Length of the window, also after an early end.
  double days() const {
    return static_cast<double>(log_returns.size()) * static_cast<double>(step_ms) / static_cast<double>(ms_per_day);
  }
  /// Mean log growth per day: the score by which a model is chosen.
  double growth_per_day() const { return log_growth() / days(); }
  /// Mean over the closed trades; NaN without one.
  double mean_hold_hours() const {
    return info.closed_trades > 0 ? info.hold_hours / static_cast<double>(info.closed_trades) : missing;
  }
  /// Share of the closed trades with a profit after all costs; NaN without one.
  double win_rate() const {
    return info.closed_trades > 0 ? static_cast<double>(info.wins) / static_cast<double>(info.closed_trades) : missing;
  }
  /// Mean over the steps of margin in use / equity.
  double utilization() const { return info.step > 0 ? info.utilization_sum / static_cast<double>(info.step) : 0.0; }
};

/// Configuration that runs one episode over the whole window, open positions closed and charged at its end.
inline EnvironmentConfig backtest_config(EnvironmentConfig config, const Window& window) {
  config.window_begin = window.begin;
  config.window_end = window.end - 1;
  config.episode_steps = static_cast<int>(config.window_end - config.window_begin);
  config.sample_random_config = false;
  config.close_at_end = true;
  return config;
}

/// Chooses an action id from the state, its observation row (275) and its mask (36).
template <class P>
concept BacktestPolicy = requires(P& policy, const DecisionState& state, std::span<const float> observation,
                                  std::span<const std::uint8_t> mask) {
  { policy(state, observation, mask) } -> std::convertible_to<int>;
};

/**
 * @brief Runs `policy` from the first to the last step of `window`.
 * @param tape    market, shared
 * @param config  of the environment; window, episode length and the end rule are set here
 * @param window  steps of the tape, at least two
 * @param policy  called once per step
 * @param seed    of the episode (leg failures)
 * @throws whatever the environment throws
 * @par Allocation  the paths only
 */
template <BacktestPolicy P>
Backtest backtest(const std::shared_ptr<const MarketTape>& tape, const EnvironmentConfig& config, const Window& window,
                  P&& policy, std::uint64_t seed = 0) {
  FundingArbitrageEnv env(tape, backtest_config(config, window));
  std::array<float, observation_size> observation{};
  std::array<std::uint8_t, static_cast<std::size_t>(n_actions)> mask{};
  ResetOptions options;
  options.start_step = window.begin;
  env.reset(seed, observation, options);

  const std::size_t steps = window.size() - 1;
  Backtest result;
  result.begin_ms = tape->time(window.begin);
  result.step_ms = tape->step_ms();
  result.equity.reserve(steps + 1);
  result.log_returns.reserve(steps);
  result.actions.reserve(steps);
  result.equity.push_back(env.info().equity);
  for (bool ended = false; !ended;) {
    env.action_masks(mask);
    const std::int32_t action =
        policy(env.decision_state(), std::span<const float>(observation), std::span<const std::uint8_t>(mask));
    const Transition transition = env.step({&action, 1}, observation);
    result.actions.push_back(action);
    result.reward += transition.reward;
    result.log_returns.push_back(std::log(env.info().equity / result.equity.back()));
    result.equity.push_back(env.info().equity);
    for (const ClosedTrade& trade : env.closed_trades()) result.trades.push_back(trade);
    result.terminated = transition.terminated;
    ended = transition.terminated || transition.truncated;
  }
  result.info = env.info();
  result.log_returns.resize(steps, 0.0);
  result.equity.resize(steps + 1, result.equity.back());
  return result;
}

/// A baseline (baselines.hpp) as a backtest policy.
template <class Baseline>
auto as_backtest_policy(Baseline baseline) {
  return [baseline](const DecisionState& state, std::span<const float>, std::span<const std::uint8_t> mask) {
    return baseline.act(state, mask);
  };
}

/// The settings of the hysteresis rule that are tried on a validation window: H in {24, 48, 96, 168} h, exit at {0, 0.1, 0.3}
/// bp/h.
inline std::vector<HysteresisPolicy> hysteresis_grid() {
  std::vector<HysteresisPolicy> grid;
  for (const double horizon_h : {24.0, 48.0, 96.0, 168.0})
    for (const double exit_net_bph : {0.0, 0.1, 0.3}) grid.push_back({horizon_h, exit_net_bph});
  return grid;
}

/**
 * @brief Upper bound in USD on the profit of every policy that trades `window` with `SizingMode::fixed_coins`.
 *
 * The units are max_positions LARGE positions of the quantity that the environment would trade.
 * @param tape    market
 * @param window  steps of the tape, at least two
 * @param config  trading settings, initial capital and multipliers; the cost model is the tape's, without impact
 * @throws ConfigError for a window outside the tape
 * @par Complexity  see clairvoyant.hpp
 */
inline ClairvoyantResult clairvoyant_fixed_coins(const MarketTape& tape, const Window& window,
                                                 const EnvironmentConfig& config) {
  const FeatureTape features(tape);
  const std::span<const LegTerms> terms = features.terms();
  CostModel costs = costs_of(config.execution, config.initial_capital);
  costs.impact_bps = 0.0;
  const double stake_at_1x = config.initial_capital * config.trading.target_utilization / config.trading.max_positions *
                             config.execution.multipliers[static_cast<std::size_t>(Size::large)];
  const auto quantity = [&](InstrumentId long_leg, InstrumentId short_leg) {
    const LegView l = tape.leg(long_leg, window.begin);
    const LegView s = tape.leg(short_leg, window.begin);
    if (l.row == nullptr || s.row == nullptr) return 0.0;
    const double leverage =
        entry_leverage(config.trading, terms[long_leg], terms[short_leg], stake_at_1x * config.trading.max_leverage);
    return stake_at_1x * leverage / (0.5 * (l.row->price + s.row->price));
  };
  return clairvoyant_bound(tape, window.begin, window.end - 1, config.trading.max_positions, costs, quantity,
                           config.execution.grace_ms);
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_BACKTEST_HPP
