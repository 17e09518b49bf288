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

namespace rlx::inline v0_1::options {

/// Who decides outside of training when a language model is enabled.
enum class DecisionMode : std::uint8_t {
  rule_only,     ///< rules; the model is not asked
  llm_only,      ///< model; rules where it gives nothing usable
  hybrid_shadow  ///< rules; the model's proposal is only logged
};
/// What happens where log and venue disagree on a position.
enum class ReconcileAction : std::uint8_t {
  halt,      ///< the agent stops until a person has settled it
  auto_heal  ///< the venue's position is adopted, with a record
};
/// How an opening order is priced; closing orders always take the ask.
enum class OrderStyle : std::uint8_t {
  post_only,  ///< rests at the mid price rounded up, at least a tick above the bid
  take_bid    ///< limit at the bid, immediate or cancel
};
/// How many legs a profile may have per underlying and tick.
enum class TrainingProfileMode : std::uint8_t {
  ladder,  ///< as many as the profile says
  single   ///< at most one
};
/// What makes a candidate the better one.
enum class SortKey : std::uint8_t {
  premium_usd,  ///< the higher premium in USD
  target_delta  ///< the delta nearer to the profile's target
};
/// In which order the profiles take their legs.
enum class LegOrder : std::uint8_t {
  priority,    ///< the first profile takes all of its legs, then the next
  round_robin  ///< one leg each in turn
};

/// A number per underlying. `other`, where there, holds for every underlying that is not named.
struct PerUnderlying {
  std::map<std::string, double, std::less<>> by_name;  ///< key: the underlying, "BTC"
  std::optional<double> other;                         ///< empty: underlyings that are not named have no number

  /// The number of that underlying; empty where neither it nor `other` is there.
  std::optional<double> find(std::string_view underlying) const {
    const auto found = by_name.find(underlying);
    return found != by_name.end() ? std::optional<double>(found->second) : other;
  }
  bool operator==(const PerUnderlying&) const = default;  ///< Memberwise.
};

/// Closed ranges that a candidate of the production policy must lie in.
struct CandidateRange {
  double ivrv_min = 1.2;                                   ///< implied over realised volatility, at least; a ratio
  double delta_min = 0.20;                                 ///< 0 to 1
  double delta_max = 0.30;                                 ///< 0 to 1
  double dte_min = 5;                                      ///< days, fractional
  double dte_max = 10;                                     ///< days, fractional
  bool operator==(const CandidateRange&) const = default;  ///< Memberwise.
};

/// Compiled-in upper bound of `hard_max_legs_per_tick`: no configuration lifts it.
inline constexpr int hard_bound_legs_per_tick = 200;
/// Compiled-in upper bound of `hard_max_open_notional_usd`, USD.
inline constexpr double hard_bound_open_notional_usd = 2'500'000;
/// Compiled-in upper bound of `hard_max_leg_size`, contracts. Other underlyings have the general bound of a size; the notional
/// still bounds them.
constexpr double hard_bound_leg_size(std::string_view underlying) noexcept {
  return underlying == "BTC" ? 10.0 : underlying == "ETH" ? 100.0 : 1e6;
}

/// Every setting, with its default. The name of the environment variable is the member's in upper case (TRAINING_MODE); the
/// members of `range` and `research_range` are IVRV_MIN … and RESEARCH_IVRV_MIN …. Secrets are no members: they cannot be
/// printed with the settings.
struct Settings {
  AgentMode mode = AgentMode::research;                       ///< production or research
  std::string deribit_env = "testnet";                        ///< testnet or mainnet; must agree with the host
  std::string deribit_base_url = "https://test.deribit.com";  ///< of the venue's API; its host decides the environment
  std::vector<std::string> underlyings{"BTC", "ETH"};         ///< in the order in which they are looked at; at least one
  bool dry_run = true;                                        ///< decide, price and log, but send nothing

  CandidateRange range;                                                       ///< mode production
  CandidateRange research_range{1.0, 0.10, 0.40, 1, 21};                      ///< mode research
  PerUnderlying research_max_expiry_exposure{{{"BTC", 1}, {"ETH", 10}}, {}};  ///< contracts, mode research
  PerUnderlying premium_min_usd{{{"BTC", 50}, {"ETH", 2}}, {}};               ///< USD per contract
  int max_candidates_per_underlying = 100;                                    ///< kept after sorting
  PerUnderlying default_order_size{{{"BTC", 0.1}, {"ETH", 1}}, {}};           ///< contracts

  double max_margin_used_pct = 80;  ///< percent of the equity; margin after a leg must stay below 90 % of this
  PerUnderlying max_net_delta_abs{{{"BTC", 5}, {"ETH", 50}}, {}};     ///< coin
  PerUnderlying max_expiry_exposure{{{"BTC", 0.3}, {"ETH", 3}}, {}};  ///< contracts, mode production
  double daily_drawdown_limit_pct = 0;                                ///< 0 = off
  bool kill_switch_enabled = false;      ///< true: latches the kill switch, so that nothing is sent and the agent ends
  double liquidity_max_spread_pct = 12;  ///< (ask - bid)/mid, percent; wider spreads deny
  PerUnderlying liquidity_min_open_interest{{{"BTC", 10}, {"ETH", 100}}, {}};  ///< contracts; less, or unknown, denies

  double explore_prob = 0.25;                    ///< mode research: probability of a draw among the best, 0 to 1
  int explore_top_k = 3;                         ///< how many the draw is among
  std::string policy_version = "rb_v1_explore";  ///< for the log; not empty

  bool training_mode = false;  ///< acts only on testnet; with mainnet the agent does not start
  std::vector<std::string> training_strategies{"conservative", "moderate", "aggressive"};  ///< order = priority
  PerUnderlying training_call_size{{{"BTC", 0.1}, {"ETH", 1}}, {}};                        ///< contracts
  int training_max_calls_per_underlying = 5;                                               ///< legs per tick
  int training_max_calls_per_expiry = 3;            ///< per underlying, open legs and resting orders counted
  int training_max_open_calls_per_underlying = 15;  ///< open legs and resting orders counted
  TrainingProfileMode training_profile_mode = TrainingProfileMode::ladder;  ///< legs per profile
  SortKey training_sort = SortKey::premium_usd;                             ///< which candidate a profile takes first
  LegOrder training_leg_order = LegOrder::priority;                         ///< in which order the profiles choose
  bool training_prefer_variety = true;     ///< prefer legs whose expiry and strike the profile does not have yet
  double training_premium_min_pct = 0.05;  ///< percent of the index

  OrderStyle order_style = OrderStyle::post_only;  ///< of opening orders
  int order_ttl_sec = 240;                         ///< seconds that an order may rest before the agent cancels it
  int valid_for_ms = 10'000;                       ///< milliseconds of server time in which the venue may accept an order
  int min_time_to_expiry_min = 60;                 ///< minutes that a call must have left to be sold
  int max_quote_age_ms = 15'000;                   ///< of the quote that an order is checked at
  int max_chain_age_ms = 60'000;                   ///< of a quote that makes a candidate

  PerUnderlying hard_max_leg_size{{{"BTC", 1}, {"ETH", 10}}, {}};  ///< contracts
  int hard_max_legs_per_tick = 20;                                 ///< orders, closing ones too
  double hard_max_open_notional_usd = 250'000;                     ///< USD; open calls × index over all underlyings
  double hard_max_drawdown_pct = 50;  ///< percent of the equity since the start; reached: the kill switch latches

  bool llm_enabled = false;                   ///< asked only outside of training
  std::string llm_base_url;                   ///< https:// (http:// to loopback only), without `/chat/completions`
  std::string llm_model;                      ///< sent with every request; needed where enabled
  std::optional<DecisionMode> decision_mode;  ///< unset: llm_only when the LLM is enabled

  int loop_interval_sec = 300;                                        ///< seconds; ticks begin at its multiples
  std::string log_dir = "logs";                                       ///< folder of the decision log
  ReconcileAction position_reconcile_action = ReconcileAction::halt;  ///< where log and venue disagree
  std::uint64_t seed = 0;  ///< of the exploration in mode research, and part of a new run's id

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
  bool operator==(const Settings&) const = default;  ///< Memberwise.
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_SETTINGS_HPP
