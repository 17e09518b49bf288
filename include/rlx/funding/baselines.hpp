// SPDX-License-Identifier: MIT
/// @file
/// @brief Policies to measure an agent against: hold, hysteresis on the net rate, settlement timing, the planted truth.
///
/// Every policy is `int act(const DecisionState&, std::span<const std::uint8_t> mask)` and returns a legal action. The upper
/// bound of all of them is in clairvoyant.hpp.
#ifndef RLX_FUNDING_BASELINES_HPP
#define RLX_FUNDING_BASELINES_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <rlx/funding/actions.hpp>
#include <rlx/funding/decision_state.hpp>
#include <rlx/funding/opportunity.hpp>
#include <rlx/funding/synthetic_tape.hpp>
#include <rlx/funding/types.hpp>

namespace rlx::inline v0_1::funding {

namespace detail {

inline int enter_large(std::size_t k) { return encode({ActionKind::enter, static_cast<int>(k), Size::large}); }
inline int exit_slot(std::size_t j) { return encode({ActionKind::exit, static_cast<int>(j), Size::small}); }
inline bool legal(std::span<const std::uint8_t> mask, int action) { return mask[static_cast<std::size_t>(action)] != 0; }

}  // namespace detail

/// Never trades; its profit is exactly 0.
struct HoldPolicy {
  int act(const DecisionState&, std::span<const std::uint8_t>) const { return 0; }  ///< 0, HOLD
};

/// Enters the largest net rate that pays its costs within a horizon, leaves when the rate is gone, rotates to a better pair.
/// One action per step: exits come first, then entries, then rotation.
struct HysteresisPolicy {
  double horizon_h = 48.0;    ///< H: an entry must break even within it; tuned over {24, 48, 96, 168}
  double exit_net_bph = 0.1;  ///< leaves at or below it; tuned over {0, 0.1, 0.3}

  /// Id of the action; 0, HOLD, where nothing is to be done.
  int act(const DecisionState& state, std::span<const std::uint8_t> mask) const {
    const int exit = weakest(state, mask);
    if (exit >= 0 && net_of(state, exit) <= exit_net_bph) return detail::exit_slot(static_cast<std::size_t>(exit));
    const bool slot_free = state.open_positions() < state.trading.max_positions;
    int best = -1;
    for (std::size_t k = 0; k < state.opportunities.size(); ++k) {
      const Opportunity& candidate = state.opportunities[k];
      if (!(break_even_hours(candidate.round_trip_bp, candidate.pair.net_bph) <= horizon_h)) continue;
      // Without a free slot nothing can be entered; then the mask says nothing about a rotation.
      if (slot_free ? !detail::legal(mask, detail::enter_large(k)) : state.holds(candidate.symbol)) continue;
      if (best < 0 || candidate.pair.net_bph > state.opportunities[static_cast<std::size_t>(best)].pair.net_bph)
        best = static_cast<int>(k);
    }
    if (best < 0) return 0;
    if (slot_free) return detail::enter_large(static_cast<std::size_t>(best));
    const Opportunity& candidate = state.opportunities[static_cast<std::size_t>(best)];
    if (exit < 0 || !(candidate.pair.net_bph - net_of(state, exit) > 2.0 * candidate.round_trip_bp / horizon_h)) return 0;
    return detail::exit_slot(static_cast<std::size_t>(exit));
  }

 private:
  static double net_of(const DecisionState& state, int slot) {
    return state.positions[static_cast<std::size_t>(slot)].pair.net_bph;
  }
  /// Slot with the smallest net rate among those that may be left; -1 without one.
  static int weakest(const DecisionState& state, std::span<const std::uint8_t> mask) {
    int slot = -1;
    for (std::size_t j = 0; j < max_position_slots; ++j) {
      if (!detail::legal(mask, detail::exit_slot(j))) continue;
      if (slot < 0 || state.positions[j].pair.net_bph < net_of(state, slot)) slot = static_cast<int>(j);
    }
    return slot;
  }
};

/// Enters at the last step before a stamp whose expected cash exceeds the round trip, leaves at the first step after it.
struct SettlementTimingPolicy {
  /// Id of the action; 0, HOLD, where nothing is to be done.
  int act(const DecisionState& state, std::span<const std::uint8_t> mask) const {
    for (std::size_t j = 0; j < max_position_slots; ++j) {
      if (!detail::legal(mask, detail::exit_slot(j))) continue;
      const PositionState& held = state.positions[j];
      if (std::max(held.long_leg.last_settle_ms, held.short_leg.last_settle_ms) > held.position->opened_ms) {
        return detail::exit_slot(j);
      }
    }
    int best = -1;
    double best_gain = 0.0;
    for (std::size_t k = 0; k < state.opportunities.size(); ++k) {
      if (!detail::legal(mask, detail::enter_large(k))) continue;
      const Opportunity& o = state.opportunities[k];
      const auto due = [&state](std::int64_t stamp) { return stamp > state.time_ms && stamp <= state.time_ms + state.step_ms; };
      double cash = 0.0;
      if (due(o.long_next_ms)) cash -= o.long_rate_bph * o.long_interval_h;
      if (due(o.short_next_ms)) cash += o.short_rate_bph * o.short_interval_h;
      if (cash - o.round_trip_bp > best_gain) {
        best_gain = cash - o.round_trip_bp;
        best = static_cast<int>(k);
      }
    }
    return best < 0 ? 0 : detail::enter_large(static_cast<std::size_t>(best));
  }
};

/// Sees the regime labels of a synthetic tape: enters every persistent regime while slots are free, leaves at its end.
class PlantedOraclePolicy {
 public:
  /// @param labels  of the tape that is traded; must outlive the policy
  explicit PlantedOraclePolicy(std::span<const RegimeLabel> labels) : labels_(labels) {}

  /// Id of the action; 0, HOLD, where nothing is to be done.
  int act(const DecisionState& state, std::span<const std::uint8_t> mask) const {
    for (std::size_t j = 0; j < max_position_slots; ++j) {
      if (!detail::legal(mask, detail::exit_slot(j))) continue;
      const Position& held = *state.positions[j].position;
      if (regime(held.long_leg.instrument, held.short_leg.instrument, state.time_ms) == nullptr) return detail::exit_slot(j);
    }
    int best = -1;
    double best_net = 0.0;
    for (std::size_t k = 0; k < state.opportunities.size(); ++k) {
      if (!detail::legal(mask, detail::enter_large(k))) continue;
      const RegimeLabel* label = regime(state.opportunities[k].long_leg, state.opportunities[k].short_leg, state.time_ms);
      if (label != nullptr && label->net_bph > best_net) {
        best_net = label->net_bph;
        best = static_cast<int>(k);
      }
    }
    return best < 0 ? 0 : detail::enter_large(static_cast<std::size_t>(best));
  }

 private:
  const RegimeLabel* regime(InstrumentId long_leg, InstrumentId short_leg, std::int64_t now) const {
    for (const RegimeLabel& label : labels_) {
      if (label.kind == RegimeKind::persistent && label.long_leg == long_leg && label.short_leg == short_leg &&
          label.begin_ms <= now && now < label.end_ms)
        return &label;
    }
    return nullptr;
  }

  std::span<const RegimeLabel> labels_;
};

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_BASELINES_HPP
