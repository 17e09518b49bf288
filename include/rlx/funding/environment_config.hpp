// SPDX-License-Identifier: MIT
/// @file
/// @brief Everything that can be set about an environment: reward, execution, transfers, ends of an episode, sizing.
#ifndef RLX_FUNDING_ENVIRONMENT_CONFIG_HPP
#define RLX_FUNDING_ENVIRONMENT_CONFIG_HPP

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/funding/trading_config.hpp>
#include <rlx/funding/types.hpp>

namespace rlx::inline v0_1::funding {

/// R = scale ln(E'/E) + scale shaping_scale (gamma Phi(s') - Phi(s)), Phi = funding accrued since the last stamps / E0.
struct RewardConfig {
  double scale = 100.0;                                  ///< 1 is about 1 % of equity
  double shaping_scale = 0.0;                            ///< 0: no shaping
  double shaping_gamma = 0.0;                            ///< must equal the trainer's discount where shaping is on, else unused
  bool operator==(const RewardConfig&) const = default;  ///< Memberwise.
};

/// How orders become fills. The four cost numbers must be those of the tape, whose list of opportunities depends on them.
struct ExecutionConfig {
  std::array<double, 3> multipliers{0.10, 0.20, 0.30};      ///< of SMALL, MEDIUM, LARGE
  int delay_steps = 0;                                      ///< 0: fills at the decision's prices; 1: one step later
  std::int64_t grace_ms = 0;                                ///< a settlement S is paid iff entry - grace < S <= exit
  double fee_scale = 1.0;                                   ///< multiplies every taker fee
  double impact_bps = 10.0;                                 ///< i(N) = min(100, impact_bps N / depth) bp
  double default_half_spread_bps = 1.0;                     ///< where the spread is missing
  double default_depth_usd = 250'000.0;                     ///< where the depth is missing
  double stale_extra_bps = 50.0;                            ///< added to the forced close of a stale leg
  double min_notional = 10.0;                               ///< least notional of a leg, USD
  double max_depth_share = 0.10;                            ///< most notional of a leg / known depth
  double leg_fail_probability = 0.0;                        ///< that the short leg does not fill and the long is undone at once
  bool operator==(const ExecutionConfig&) const = default;  ///< Memberwise.
};

/// Transfers between venues: every `interval_ms`, half of the difference if (max free - min free) / E > threshold.
struct RebalanceConfig {
  std::int64_t interval_ms = 8 * ms_per_hour;               ///< 0: no transfers
  double threshold = 0.20;                                  ///< of the difference, as a share of equity
  std::int64_t delay_ms = ms_per_hour;                      ///< under way: counts in equity, not in free cash
  double fee = 1.0;                                         ///< USD
  bool operator==(const RebalanceConfig&) const = default;  ///< Memberwise.
};

/// When an episode ends before its time.
struct TerminationConfig {
  double max_drawdown = 0.25;                                 ///< (peak - E) / peak, on mark-to-market equity
  double min_equity_ratio = 0.5;                              ///< ruin: E <= ratio E0
  bool operator==(const TerminationConfig&) const = default;  ///< Memberwise.
};

/// What limits a stake.
enum class SizingMode : std::uint8_t {
  available_margin,  ///< stakes from free cash; the real account
  fixed_coins  ///< fixed coins per pair and no limits of cash, impact, liquidation: for comparison with the clairvoyant bound
};

/// `EnvironmentConfig::window_end` of the last step, whatever the tape.
inline constexpr std::size_t whole_tape = std::numeric_limits<std::size_t>::max();

/// Configuration of `FundingArbitrageEnv`.
struct EnvironmentConfig {
  TradingConfig trading{};                           ///< of every episode, unless sample_random_config
  bool sample_random_config = false;                 ///< every episode draws its own TradingConfig
  double initial_capital = 10'000.0;                 ///< USD, split equally over the venues of the tape
  int episode_steps = 168;                           ///< decisions per episode
  std::size_t window_begin = 0;                      ///< first step an episode may start at
  std::size_t window_end = whole_tape;               ///< last step an episode may reach (inclusive)
  RewardConfig reward{};                             ///< what a step earns
  ExecutionConfig execution{};                       ///< how orders fill
  RebalanceConfig rebalance{};                       ///< transfers between venues
  TerminationConfig termination{};                   ///< early ends of an episode
  SizingMode sizing = SizingMode::available_margin;  ///< what limits a stake
  bool close_at_end = false;       ///< evaluation: open positions are closed and charged at the end of the episode
  std::size_t ledger_entries = 0;  ///< > 0: the ledger keeps its entries, with room for that many before it allocates
  bool walk_all_rows = false;      ///< replays every price row even where no limit can be touched; same results, for tests

  /// @throws ConfigError naming field, value and range
  void validate() const;
};

/// The discount that goes with a step: exp(-step_hours / 336), a memory of two weeks.
inline double default_gamma(std::int64_t step_ms) {
  return std::exp(-static_cast<double>(step_ms) / static_cast<double>(ms_per_hour) / 336.0);
}

/// Refuses shaping with another discount than the trainer's, which would move the optimum.
/// @throws ConfigError naming both
inline void check_shaping_gamma(const RewardConfig& reward, double trainer_gamma) {
  if (reward.shaping_scale > 0.0 && reward.shaping_gamma != trainer_gamma) {
    throw ConfigError("reward.shaping_gamma = " + std::to_string(reward.shaping_gamma) + " but the trainer's gamma is " +
                      std::to_string(trainer_gamma) + ": shaping keeps the optimum only with equal discounts");
  }
}

inline void EnvironmentConfig::validate() const {
  const auto require = [](bool ok, const char* field, double value, const char* range) {
    if (!ok || !is_finite(value)) throw ConfigError(std::string(field) + " = " + std::to_string(value) + ": expected " + range);
  };
  const auto at_least_zero = [&require](const char* field, double value) {
    require(is_finite(value) && value >= 0.0, field, value, "a finite number >= 0");
  };
  trading.validate();
  require(is_finite(initial_capital) && initial_capital > 0.0, "initial_capital", initial_capital, "a positive amount in USD");
  require(episode_steps >= 1, "episode_steps", episode_steps, "at least 1");
  require(is_finite(reward.scale) && reward.scale > 0.0, "reward.scale", reward.scale, "a positive number");
  at_least_zero("reward.shaping_scale", reward.shaping_scale);
  if (reward.shaping_scale > 0.0) {
    require(reward.shaping_gamma > 0.0 && reward.shaping_gamma <= 1.0, "reward.shaping_gamma", reward.shaping_gamma,
            "a discount in (0, 1], equal to the trainer's");
  }
  for (const double multiplier : execution.multipliers) {
    require(is_finite(multiplier) && multiplier > 0.0, "execution.multipliers", multiplier, "positive numbers");
  }
  require(execution.delay_steps == 0 || execution.delay_steps == 1, "execution.delay_steps", execution.delay_steps, "0 or 1");
  require(execution.grace_ms >= 0, "execution.grace_ms", static_cast<double>(execution.grace_ms), "0 or more");
  at_least_zero("execution.fee_scale", execution.fee_scale);
  at_least_zero("execution.impact_bps", execution.impact_bps);
  at_least_zero("execution.default_half_spread_bps", execution.default_half_spread_bps);
  require(is_finite(execution.default_depth_usd) && execution.default_depth_usd > 0.0, "execution.default_depth_usd",
          execution.default_depth_usd, "a positive amount in USD");
  at_least_zero("execution.stale_extra_bps", execution.stale_extra_bps);
  at_least_zero("execution.min_notional", execution.min_notional);
  at_least_zero("execution.max_depth_share", execution.max_depth_share);
  require(execution.leg_fail_probability >= 0.0 && execution.leg_fail_probability <= 1.0, "execution.leg_fail_probability",
          execution.leg_fail_probability, "a probability in [0, 1]");
  require(rebalance.interval_ms >= 0, "rebalance.interval_ms", static_cast<double>(rebalance.interval_ms), "0 or more");
  at_least_zero("rebalance.threshold", rebalance.threshold);
  require(rebalance.delay_ms >= 0, "rebalance.delay_ms", static_cast<double>(rebalance.delay_ms), "0 or more");
  at_least_zero("rebalance.fee", rebalance.fee);
  require(termination.max_drawdown > 0.0 && termination.max_drawdown <= 1.0, "termination.max_drawdown",
          termination.max_drawdown, "a share in (0, 1]");
  require(termination.min_equity_ratio >= 0.0 && termination.min_equity_ratio < 1.0, "termination.min_equity_ratio",
          termination.min_equity_ratio, "a share in [0, 1)");
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_ENVIRONMENT_CONFIG_HPP
