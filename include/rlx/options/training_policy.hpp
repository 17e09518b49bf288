// SPDX-License-Identifier: MIT
/// @file
/// @brief The training ladder of a tick: one action per leg, for every underlying.
///
/// Two functions, and only the second belongs into an agent: `build_training_actions` turns a state into proposals and nothing
/// else (LadderEnv, reports and tests use it on recorded data); `propose_training_ladder` is the training branch of the loop.
/// It takes the venue's Attestation and asks `is_training_on_testnet` itself, so a loop that has no attestation cannot be
/// compiled with a training branch, and one that forgets the setting proposes nothing. There is no overload of it without
/// attestation.
#ifndef RLX_OPTIONS_TRAINING_POLICY_HPP
#define RLX_OPTIONS_TRAINING_POLICY_HPP

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/market/fixed8.hpp>
#include <rlx/options/action.hpp>
#include <rlx/options/agent_state.hpp>
#include <rlx/options/attestation.hpp>
#include <rlx/options/detail/order_size.hpp>
#include <rlx/options/endpoint.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/ladder_picker.hpp>
#include <rlx/options/settings.hpp>
#include <rlx/options/training_profile.hpp>

namespace rlx::inline v0_1::options {

/// The caps and the order of the settings.
inline LadderLimits ladder_limits(const Settings& settings) {
  LadderLimits limits;
  limits.max_calls_per_underlying = settings.training_max_calls_per_underlying;
  limits.max_calls_per_expiry = settings.training_max_calls_per_expiry;
  limits.max_open_calls_per_underlying = settings.training_max_open_calls_per_underlying;
  limits.sort = settings.training_sort;
  limits.order = settings.training_leg_order;
  limits.prefer_variety = settings.training_prefer_variety;
  return limits;
}

/// The profiles that trade: those of `training_strategies` in that order; with training_profile_mode `single`, at most one leg
/// each.
/// @throws ConfigError for a name that is no profile or is listed twice
inline TrainingProfiles active_training_profiles(const Settings& settings,
                                                 const TrainingProfiles& profiles = get_training_profiles()) {
  TrainingProfiles active = select_training_profiles(settings.training_strategies, profiles);
  if (settings.training_profile_mode == TrainingProfileMode::single) {
    for (TrainingProfileSet& set : active) {
      set.base.max_legs = std::min(set.base.max_legs, 1);
      for (auto& [asset, profile] : set.per_asset) profile.max_legs = std::min(profile.max_legs, 1);
    }
  }
  return active;
}

/// What counts as open when a ladder is picked: short calls, resting sell orders (external ones too) and own legs in state
/// unknown. The symbols live as long as the state.
inline std::vector<OccupiedLeg> occupied_legs(const UnderlyingState& state) {
  std::vector<OccupiedLeg> legs;
  const auto add = [&](std::string_view symbol) {
    // An external order on something that is no option fills the total cap, but no expiry.
    std::int64_t expiry_ms = std::numeric_limits<std::int64_t>::min();
    if (const auto name = try_parse_instrument_name(symbol)) expiry_ms = name->expiry_ms;
    legs.push_back({symbol, expiry_ms});
  };
  for (const Position& position : state.positions) {
    if (position.type == OptionType::call && position.size.sign() < 0) legs.push_back({position.symbol, position.expiry_ms});
  }
  for (const Order& order : state.open_orders) {
    if (order.side == Side::sell && order.state == OrderState::open) add(order.symbol);
  }
  for (const UnknownLeg& leg : state.unknown_legs) add(leg.symbol);
  return legs;
}

/**
 * @brief One OPEN_COVERED_CALL per picked leg: underlyings in the order of the settings, profiles by priority, best leg first.
 *
 * A pure function of its arguments that asks neither for training mode nor for an environment; see the head of this file. The
 * size is `training_call_size` of the underlying, else the instrument's minimum. A symbol is used at most once. An underlying
 * that the state does not hold has no legs.
 * @throws ConfigError for profiles that check_training_profiles refuses and for an unknown name in `training_strategies`
 */
inline std::vector<Action> build_training_actions(const AgentState& state, const Settings& settings,
                                                  const TrainingProfiles& profiles = get_training_profiles()) {
  const TrainingProfiles active = active_training_profiles(settings, profiles);
  const LadderLimits limits = ladder_limits(settings);
  PickerScratch scratch;
  std::vector<ProfilePicks> picks;
  std::vector<Action> actions;
  for (const std::string& underlying : settings.underlyings) {
    const UnderlyingState* const one = state.find(underlying);
    if (one == nullptr) continue;
    const std::vector<OccupiedLeg> occupied = occupied_legs(*one);
    pick_candidates_for_all_profiles<CandidateOption>(active, underlying, one->candidates, limits, occupied, scratch, picks);
    for (const ProfilePicks& profile : picks) {
      for (const std::uint32_t index : profile.candidates) {
        const CandidateOption& candidate = one->candidates[index];
        // The picker names a symbol once per underlying; a state with one underlying twice must not send it twice either.
        if (std::any_of(actions.begin(), actions.end(), [&](const Action& a) { return a.symbol == candidate.symbol; }))
          continue;
        Action action;
        action.type = ActionType::open_covered_call;
        action.mode = AgentMode::training;
        action.strategy = profile.profile;
        action.underlying = underlying;
        action.symbol = candidate.symbol;
        action.size = detail::order_size(settings.call_size(underlying), *one, candidate.symbol);
        action.diagnostics = {candidate.delta, candidate.dte, candidate.premium_usd, candidate.ivrv};
        action.reasoning = "Training mode [" + *action.strategy + "] ladder leg on " + underlying;
        action.policy_version = settings.policy_version;
        action.decision_source = DecisionSource::training_mode;
        actions.push_back(std::move(action));
      }
    }
  }
  return actions;
}

/**
 * @brief The training branch of a tick: the ladder, or nothing where the production policy has to decide.
 *
 * Empty unless the settings are training on testnet, and where no candidate is picked.
 * @param state        of the tick
 * @param settings     of the agent
 * @param attestation  what the venue proved to be
 * @param profiles     those that `training_strategies` may name
 * @param hosts        the host table; tests pass their loopback policy
 * @throws SafetyError if the venue proved to be mainnet while the settings train
 */
inline std::vector<Action> propose_training_ladder(const AgentState& state, const Settings& settings,
                                                   const Attestation& attestation,
                                                   const TrainingProfiles& profiles = get_training_profiles(),
                                                   const HostPolicy& hosts = HostPolicy()) {
  if (!settings.is_training_on_testnet(hosts)) return {};
  if (attestation.environment() == VenueEnvironment::mainnet) {
    throw SafetyError(
        "training_mode is on, but the venue proved to be mainnet: expected testnet or paper. Nothing was sent; "
        "turn training_mode off or correct deribit_base_url");
  }
  return build_training_actions(state, settings, profiles);
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_TRAINING_POLICY_HPP
