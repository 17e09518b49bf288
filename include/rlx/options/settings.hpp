// SPDX-License-Identifier: MIT
/// @file
/// @brief The agent's settings as plain data. `load_settings` (settings_json.hpp) reads and checks them.
#ifndef RLX_OPTIONS_SETTINGS_HPP
#define RLX_OPTIONS_SETTINGS_HPP

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/options/action.hpp>
#include <rlx/options/endpoint.hpp>

namespace rlx::options {

enum class DecisionMode : std::uint8_t { rule_only, llm_only, hybrid_shadow };
enum class ReconcileAction : std::uint8_t { halt, auto_heal };
enum class OrderStyle : std::uint8_t { post_only, take_bid };
enum class TrainingProfileMode : std::uint8_t { ladder, single };  ///< single: at most one leg per profile
enum class SortKey : std::uint8_t { premium_usd, target_delta };
enum class LegOrder : std::uint8_t { priority, round_robin };

/// A number per underlying. `other`, where there, holds for every underlying that is not named.
struct PerUnderlying {
  std::map<std::string, double, std::less<>> by_name;
  std::optional<double> other;

  /// The number of that underlying; empty where neither it nor `other` is there.
  std::optional<double> find(std::string_view underlying) const {
    const auto found = by_name.find(underlying);
    return found != by_name.end() ? std::optional<double>(found->second) : other;
  }
  bool operator==(const PerUnderlying&) const = default;
};

/// Closed ranges that a candidate of the production policy must lie in.
struct CandidateRange {
  double ivrv_min = 1.2;
  double delta_min = 0.20, delta_max = 0.30;
  double dte_min = 5, dte_max = 10;
  bool operator==(const CandidateRange&) const = default;
};

/// Compiled-in upper bounds of the hard limits: no configuration lifts them.
inline constexpr int hard_bound_legs_per_tick = 200;
inline constexpr double hard_bound_open_notional_usd = 2'500'000;
/// Contracts. Other underlyings have the general bound of a size; the notional still bounds them.
constexpr double hard_bound_leg_size(std::string_view underlying) noexcept {
  return underlying == "BTC" ? 10.0 : underlying == "ETH" ? 100.0 : 1e6;
}

/// Every setting, with its default. The name of the environment variable is the member's in upper case (TRAINING_MODE); the
/// members of `range` and `research_range` are IVRV_MIN … and RESEARCH_IVRV_MIN …. Secrets are no members: they cannot be
/// printed with the settings.
struct Settings {
  AgentMode mode = AgentMode::research;  ///< production or research
  std::string deribit_env = "testnet";   ///< testnet or mainnet; must agree with the host
  std::string deribit_base_url = "https://test.deribit.com";
  std::vector<std::string> underlyings{"BTC", "ETH"};
  bool dry_run = true;  ///< decide, price and log, but send nothing

  CandidateRange range;                                   ///< mode production
  CandidateRange research_range{1.0, 0.10, 0.40, 1, 21};  ///< mode research
  PerUnderlying research_max_expiry_exposure{{{"BTC", 1}, {"ETH", 10}}, {}};
  PerUnderlying premium_min_usd{{{"BTC", 50}, {"ETH", 2}}, {}};  ///< USD per contract
  int max_candidates_per_underlying = 100;
  PerUnderlying default_order_size{{{"BTC", 0.1}, {"ETH", 1}}, {}};  ///< contracts

  double max_margin_used_pct = 80;
  PerUnderlying max_net_delta_abs{{{"BTC", 5}, {"ETH", 50}}, {}};     ///< coin
  PerUnderlying max_expiry_exposure{{{"BTC", 0.3}, {"ETH", 3}}, {}};  ///< contracts, mode production
  double daily_drawdown_limit_pct = 0;                                ///< 0 = off
  bool kill_switch_enabled = false;
  double liquidity_max_spread_pct = 12;
  PerUnderlying liquidity_min_open_interest{{{"BTC", 10}, {"ETH", 100}}, {}};

  double explore_prob = 0.25;
  int explore_top_k = 3;
  std::string policy_version = "rb_v1_explore";

  bool training_mode = false;
  std::vector<std::string> training_strategies{"conservative", "moderate", "aggressive"};  ///< order = priority
  PerUnderlying training_call_size{{{"BTC", 0.1}, {"ETH", 1}}, {}};                        ///< contracts
  int training_max_calls_per_underlying = 5;                                               ///< legs per tick
  int training_max_calls_per_expiry = 3;  ///< per underlying, open legs and resting orders counted
  int training_max_open_calls_per_underlying = 15;
  TrainingProfileMode training_profile_mode = TrainingProfileMode::ladder;
  SortKey training_sort = SortKey::premium_usd;
  LegOrder training_leg_order = LegOrder::priority;
  bool training_prefer_variety = true;
  double training_premium_min_pct = 0.05;  ///< percent of the index

  OrderStyle order_style = OrderStyle::post_only;
  int order_ttl_sec = 240;
  int valid_for_ms = 10'000;
  int min_time_to_expiry_min = 60;
  int max_quote_age_ms = 15'000;
  int max_chain_age_ms = 60'000;

  PerUnderlying hard_max_leg_size{{{"BTC", 1}, {"ETH", 10}}, {}};  ///< contracts
  int hard_max_legs_per_tick = 20;
  double hard_max_open_notional_usd = 250'000;
  double hard_max_drawdown_pct = 50;

  bool llm_enabled = false;
  std::string llm_base_url, llm_model;
  std::optional<DecisionMode> decision_mode;  ///< unset: llm_only when the LLM is enabled

  int loop_interval_sec = 300;
  std::string log_dir = "logs";
  ReconcileAction position_reconcile_action = ReconcileAction::halt;
  std::uint64_t seed = 0;

  /// True only for training mode, environment testnet, and a host that is testnet (the mode plays no part).
  /// @param hosts  the default is the table of specification 3.12; tests pass a loopback policy
  bool is_training_on_testnet(const HostPolicy& hosts = HostPolicy()) const {
    return training_mode && deribit_env == "testnet" && hosts.environment_of(deribit_base_url) == VenueEnvironment::testnet;
  }
  /// Size of a training leg in contracts; empty: the instrument's minimum.
  std::optional<double> call_size(std::string_view underlying) const { return training_call_size.find(underlying); }
  /// Ranges of the mode.
  const CandidateRange& effective_range() const { return mode == AgentMode::research ? research_range : range; }
  /// Exposure per expiry of the mode.
  const PerUnderlying& effective_max_expiry_exposure() const {
    return mode == AgentMode::research ? research_max_expiry_exposure : max_expiry_exposure;
  }
  bool operator==(const Settings&) const = default;
};

}  // namespace rlx::options

#endif  // RLX_OPTIONS_SETTINGS_HPP
