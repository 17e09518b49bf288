// SPDX-License-Identifier: MIT
/// @file
/// @brief Everything a decision is made from, in raw quantities: the input of the observation, the mask and every policy.
///
/// The environment keeps one up to date; a live program reads one from JSON (decision_state_json.hpp). Nothing in it is a
/// feature, so the feature code exists once.
#ifndef RLX_FUNDING_DECISION_STATE_HPP
#define RLX_FUNDING_DECISION_STATE_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/funding/actions.hpp>
#include <rlx/funding/environment_config.hpp>
#include <rlx/funding/portfolio.hpp>
#include <rlx/funding/sizing.hpp>
#include <rlx/funding/types.hpp>

namespace rlx::inline v0_1::funding {

/// A position slot at the decision time: the position as booked, and what the market shows of its pair.
struct PositionState {
  const Position* position = nullptr;  ///< nullptr: the slot is empty
  LegView long_leg,                    ///< what the market shows of the bought leg
      short_leg;                       ///< what it shows of the sold leg
  PairView pair;                       ///< net rates and spread of the two legs
};

/// A view; whoever made it owns what the pointers and spans refer to.
struct DecisionState {
  std::int64_t time_ms = 0;                                 ///< ms UTC
  std::int64_t step_ms = ms_per_hour;                       ///< time between decisions
  double initial_capital = 0.0;                             ///< E0, USD
  double peak_equity = 0.0;                                 ///< largest equity of the episode so far, USD
  double equity = 0.0;                                      ///< mark to market, USD
  std::span<const double> free_cash;                        ///< per account
  TradingConfig trading;                                    ///< the user's settings, in force
  ExecutionConfig execution;                                ///< how orders fill
  SizingMode sizing = SizingMode::available_margin;         ///< what limits a stake
  double regime_bph = 0.0;                                  ///< median net carry over all eligible symbols
  std::span<const Opportunity> opportunities;               ///< at most 10
  std::array<double, max_opportunities> reference_mids{};   ///< mids at the start of the window; fixed_coins only
  std::span<const LegTerms> terms;                          ///< by InstrumentId
  std::array<PositionState, max_position_slots> positions;  ///< a position keeps its slot

  /// Slots that are taken.
  int open_positions() const {
    int count = 0;
    for (const PositionState& slot : positions) count += slot.position != nullptr ? 1 : 0;
    return count;
  }
  /// Margin in use over all slots, USD.
  double margin() const {
    double sum = 0.0;
    for (const PositionState& slot : positions)
      if (slot.position != nullptr) sum += slot.position->margin();
    return sum;
  }
  /// Whether a slot holds the symbol.
  bool holds(SymbolId symbol) const {
    return std::any_of(positions.begin(), positions.end(), [symbol](const PositionState& slot) {
      return slot.position != nullptr && slot.position->symbol == symbol;
    });
  }
};

/// Funding accrued since the last stamps at the running rates, as a share of E0: the potential of the reward shaping.
inline double accrued_share(const DecisionState& state) {
  double sum = 0.0;
  for (const PositionState& slot : state.positions) {
    if (slot.position == nullptr) continue;
    const auto accrued = [&](const Leg& leg, const LegView& view) {
      if (view.last_settle_ms == 0) return 0.0;
      const double hours = static_cast<double>(state.time_ms - view.last_settle_ms) / static_cast<double>(ms_per_hour);
      return -leg.side * slot.position->quantity * leg.mark * view.rho_bph * hours / 1e4;
    };
    sum += accrued(slot.position->long_leg, slot.long_leg) + accrued(slot.position->short_leg, slot.short_leg);
  }
  return sum / state.initial_capital;
}

/// Rules of sizing of a state.
inline SizingRules sizing_rules(const DecisionState& state) {
  SizingRules rules{&state.trading, &state.execution, costs_of(state.execution, state.initial_capital), state.sizing,
                    state.initial_capital};
  if (state.sizing == SizingMode::fixed_coins) rules.costs.impact_bps = 0.0;
  return rules;
}

/// The account's side of an entry into a pair.
inline AccountView account_view(const DecisionState& state, const PairQuote& quote) {
  return {state.equity,
          state.margin(),
          state.free_cash[state.terms[quote.long_leg].account],
          state.free_cash[state.terms[quote.short_leg].account],
          state.open_positions(),
          state.holds(quote.symbol)};
}

/// Works out ENTER(k, size) in this state. O(1), no allocation.
inline EntryPlan plan_entry(const DecisionState& state, std::size_t k, Size size) {
  if (k >= state.opportunities.size()) return {};
  const PairQuote quote = quote_of(state.opportunities[k]);
  const AccountView account = account_view(state, quote);
  const SizingRules rules = sizing_rules(state);
  return EntryPlanner(quote, state.terms[quote.long_leg], state.terms[quote.short_leg], account, rules, state.reference_mids[k])
      .plan(size);
}

/// EXIT j is allowed: the slot is taken and both its prices are fresh.
inline bool can_exit(const DecisionState& state, std::size_t slot) {
  const PositionState& held = state.positions[slot];
  return held.position != nullptr && held.long_leg.fresh && held.short_leg.fresh;
}

/// Writes the 36 bytes of the mask, 1 = allowed. HOLD is always allowed. Allocates nothing.
/// @throws ConfigError if the row has another length
inline void write_action_mask(const DecisionState& state, std::span<std::uint8_t> mask) {
  if (mask.size() != static_cast<std::size_t>(n_actions)) {
    throw ConfigError("mask row: expected 36 bytes, found " + std::to_string(mask.size()));
  }
  std::fill(mask.begin(), mask.end(), std::uint8_t{0});
  mask[0] = 1;
  for (std::size_t j = 0; j < max_position_slots; ++j) mask[exit_base + j] = can_exit(state, j) ? 1 : 0;
  if (state.open_positions() >= state.trading.max_positions) return;
  const SizingRules rules = sizing_rules(state);
  AccountView account{state.equity, state.margin(), 0.0, 0.0, state.open_positions(), false};
  for (std::size_t k = 0; k < state.opportunities.size(); ++k) {
    if (state.holds(state.opportunities[k].symbol)) continue;
    const PairQuote quote = quote_of(state.opportunities[k]);
    const LegTerms& long_terms = state.terms[quote.long_leg];
    const LegTerms& short_terms = state.terms[quote.short_leg];
    account.free_long = state.free_cash[long_terms.account];
    account.free_short = state.free_cash[short_terms.account];
    const auto allowed = EntryPlanner(quote, long_terms, short_terms, account, rules, state.reference_mids[k]).allowed();
    for (std::size_t size = 0; size < allowed.size(); ++size) {
      mask[enter_base + max_opportunities * size + k] = allowed[size] ? 1 : 0;
    }
  }
}

/// The condition that forbids an action, in words; empty if it is allowed. @throws InvalidActionError for an unknown id
inline std::string why_forbidden(const DecisionState& state, int id) {
  const Action action = decode(id);
  const auto slot = static_cast<std::size_t>(action.slot);
  if (action.kind == ActionKind::enter) {
    const EntryPlan plan = plan_entry(state, slot, action.size);
    return plan.check == EntryCheck::allowed ? "" : std::string(to_string(plan.check));
  }
  if (action.kind == ActionKind::exit && !can_exit(state, slot)) {
    return state.positions[slot].position == nullptr ? "the position slot is empty"
                                                     : std::string(to_string(EntryCheck::stale_price));
  }
  return "";
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_DECISION_STATE_HPP
