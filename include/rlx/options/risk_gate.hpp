// SPDX-License-Identifier: MIT
/// @file
/// @brief What stands between a plan and the venue: the risk engine on the projected state of the tick, and the kill switch.
#ifndef RLX_OPTIONS_RISK_GATE_HPP
#define RLX_OPTIONS_RISK_GATE_HPP

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/io/append_file.hpp>
#include <rlx/options/agent_state.hpp>
#include <rlx/options/attestation.hpp>
#include <rlx/options/execution.hpp>
#include <rlx/options/kill_switch.hpp>
#include <rlx/options/leg_book.hpp>
#include <rlx/options/records.hpp>
#include <rlx/options/risk_engine.hpp>
#include <rlx/options/settings.hpp>
#include <rlx/options/venue.hpp>

namespace rlx::inline v0_1::options {

/// The ExecutionGate of an agent, for one tick: every order is checked at its own quote against everything that the tick has
/// sent before. There is none without an attestation. All references must outlive it.
template <Venue V, Clock C, io::AppendFiles Files>
class RiskGate {
 public:
  /// @param venue        asked for margins and for a new attestation
  /// @param state        of the tick; the plan is not durable yet: say so in `projected` once it is
  /// @param book         of the journal: a label that it holds with another content is denied
  /// @param settings     limits, and whether it is training
  /// @param attestation  copied; renewed when it has half of its greatest age
  /// @param clock        the agent's
  /// @param kill_switch  looked at before every order; `kill` latches it
  /// @param cause        takes the first reason for which execution latches the switch
  RiskGate(V& venue, const AgentState& state, const LegBook& book, const Settings& settings, const Attestation& attestation,
           C& clock, KillSwitch<Files>& kill_switch, KillCause& cause)
      : venue_(venue),
        state_(state),
        book_(book),
        settings_(settings),
        attestation_(attestation),
        clock_(clock),
        kill_(kill_switch),
        cause_(cause) {}

  /// As `ExecutionGate` asks: from the state of the tick.
  const Instrument* instrument(std::string_view underlying, std::string_view symbol) const {
    const UnderlyingState* const one = state_.find(underlying);
    return one == nullptr ? nullptr : detail::find_instrument(*one, symbol);
  }
  /// As `ExecutionGate` asks; a resend is checked without its own first send.
  RiskCheck check(const PlannedLeg& leg, const OrderRequest& order, const Ticker& ticker) {
    projected.kill_latched = kill_.is_latched();
    refresh_attestation();
    ask_margins(leg, order);
    const OrderContext context = context_of(leg, order, ticker);
    if (!was_sent(leg.label)) return check_action_allowed(state_, leg.action, settings_, attestation_, projected, context);
    // A resend must not find its own first send in the way.
    ProjectedState without = projected;
    --without.legs_this_tick;
    if (side_of(leg.role) == Side::sell) {
      std::erase_if(without.legs, [&](const ProjectedLeg& one) { return one.symbol == order.symbol && one.amount.sign() > 0; });
    }
    return check_action_allowed(state_, leg.action, settings_, attestation_, without, context);
  }
  /// As `ExecutionGate` asks; a second call for a leg changes nothing.
  void sent(const PlannedLeg& leg, const OrderRequest& order, const Ticker& ticker) {
    if (was_sent(leg.label)) return;
    sent_.push_back(leg.label);
    project(projected, state_, leg.action, context_of(leg, order, ticker));
  }
  /// As `ExecutionGate` asks.
  void closed(const PlannedLeg& leg, market::Fixed8 filled) { project_close(projected, state_, leg.action, filled); }
  /// As `ExecutionGate` asks: latched, or asked for by the operator's file.
  std::string stop_reason() const {
    if (kill_.is_latched()) return "kill switch: " + kill_.reason();
    if (kill_.is_requested()) return "kill switch: the operator asks for a stop";
    return {};
  }
  /// As `ExecutionGate` asks.
  void kill(std::string_view reason, std::string_view message) {
    kill_.latch(reason, message, clock_.now_ms());
    if (cause_.reason.empty()) cause_ = {std::string(reason), std::string(message)};
  }

  ProjectedState projected;  ///< what the tick has sent so far

 private:
  OrderContext context_of(const PlannedLeg& leg, const OrderRequest& order, const Ticker& ticker) const {
    OrderContext context;
    context.role = leg.role;
    context.now_ms = clock_.now_ms();
    context.amount = order.amount;
    context.price = order.price;
    context.ticker = ticker;
    if (margins_of_ == leg.label) context.margins = margins_;
    const BookedLeg* const booked = book_.find(leg.label);
    context.label_conflict = booked != nullptr && booked->leg != leg;
    return context;
  }
  // What the venue itself would ask for the call that is sold, at once or by the second order of a roll; without an answer the
  // formula stands. Only where a limit looks at it.
  void ask_margins(const PlannedLeg& leg, const OrderRequest& order) {
    margins_.reset();
    margins_of_ = leg.label;
    const bool unchecked = projected.kill_latched || settings_.is_training_on_testnet(projected.hosts);
    std::string_view symbol = order.symbol;
    market::Fixed8 price = order.price;
    if (leg.role == LegRole::roll_close) {
      const UnderlyingState* const one = state_.find(leg.action.underlying);
      const CandidateOption* const target = one == nullptr ? nullptr : detail::find_candidate(*one, leg.action.roll_to);
      symbol = leg.action.roll_to;
      price = target == nullptr ? market::Fixed8() : target->bid;
    }
    if (leg.role == LegRole::close || unchecked || order.amount.sign() <= 0 || price.sign() <= 0) return;
    const Outcome<Margins> answer = venue_.margins(symbol, order.amount, price);
    if (answer.is_confirmed() && answer.value->initial.sign() >= 0) margins_ = answer.value;
  }
  bool was_sent(std::string_view label) const { return std::find(sent_.begin(), sent_.end(), label) != sent_.end(); }
  // A tick that waits for unknown legs can outlast an attestation.
  void refresh_attestation() {
    if (clock_.now_ms() - attestation_.at_ms() <= max_attestation_age_ms / 2) return;
    if (auto renewed = venue_.attest(); renewed.is_confirmed()) attestation_ = *renewed.value;
  }

  V& venue_;
  const AgentState& state_;
  const LegBook& book_;
  const Settings& settings_;
  Attestation attestation_;
  C& clock_;
  KillSwitch<Files>& kill_;
  KillCause& cause_;
  std::vector<std::string> sent_;
  std::optional<Margins> margins_;  // of the order checked last
  std::string margins_of_;          // its label
};

/// Executes one leg whose plan is durable. @return what became of it
/// @throws InvalidActionError  for TRAINING_LADDER and DO_NOTHING, which have no order
template <Venue V, OrderLog L, Clock C, ExecutionGate G>
LegResult execute_action(V& venue, Journal<L>& journal, const PlannedLeg& leg, const Settings& settings, C& clock, G& gate,
                         ExecutionMemory& memory) {
  return Executor(venue, journal, settings, clock, gate, memory).execute(std::span(&leg, 1)).legs.front();
}

/// Executes the legs of a durable plan one after the other. Arguments as `execute_action`.
template <Venue V, OrderLog L, Clock C, ExecutionGate G>
ExecutionRecord execute_ladder(V& venue, Journal<L>& journal, std::span<const PlannedLeg> legs, const Settings& settings,
                               C& clock, G& gate, ExecutionMemory& memory) {
  return Executor(venue, journal, settings, clock, gate, memory).execute(legs);
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_RISK_GATE_HPP
