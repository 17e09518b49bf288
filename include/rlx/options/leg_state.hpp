// SPDX-License-Identifier: MIT
/// @file
/// @brief Which changes of state a leg can make.
#ifndef RLX_OPTIONS_LEG_STATE_HPP
#define RLX_OPTIONS_LEG_STATE_HPP

#include <string>

#include <rlx/core/error.hpp>
#include <rlx/options/records.hpp>

namespace rlx::inline v0_1::options {

/**
 * @brief Whether a leg may go from one state to another.
 *
 * | from | to |
 * |---|---|
 * | planned | sent, rejected |
 * | sent, unknown | resting, partial, filled, cancelled, rejected; from sent also unknown |
 * | resting | partial, filled, cancelled |
 * | partial | filled, cancelled |
 *
 * Terminal states have no way out, and no state follows itself: a further fill of a partial leg changes its amount only. A
 * remainder that is cancelled after a partial fill leaves the leg cancelled, with a filled amount above 0.
 */
constexpr bool can_change(LegState from, LegState to) noexcept {
  switch (from) {
    case LegState::planned:
      return to == LegState::sent || to == LegState::rejected;
    case LegState::sent:
      return to != LegState::planned && to != LegState::sent;
    case LegState::unknown:
      return to != LegState::planned && to != LegState::sent && to != LegState::unknown;
    case LegState::resting:
      return to == LegState::partial || to == LegState::filled || to == LegState::cancelled;
    case LegState::partial:
      return to == LegState::filled || to == LegState::cancelled;
    case LegState::filled:
    case LegState::cancelled:
    case LegState::rejected:
      return false;
  }
  return false;
}

/// @throws std::logic_error  for a change that cannot be: an error of the program, after which the agent must not trade on
inline void require_change(LegState from, LegState to, const std::string& label) {
  if (!can_change(from, to)) {
    throw std::logic_error("leg " + label + ": a change from " + std::string(name_of(from)) + " to " +
                           std::string(name_of(to)) + " is impossible");
  }
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_LEG_STATE_HPP
