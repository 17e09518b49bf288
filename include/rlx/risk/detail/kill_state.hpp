// SPDX-License-Identifier: MIT
/// @file
/// @brief The states of risk/kill_switch.hpp, for headers that act on one and need no switch.
#ifndef RLX_RISK_DETAIL_KILL_STATE_HPP
#define RLX_RISK_DETAIL_KILL_STATE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rlx::inline v0_1::risk {

/// In order of severity.
enum class KillState : std::uint8_t {
  normal,       ///< nothing is held back
  tighten,      ///< new risk in smaller sizes
  reduce_only,  ///< no new risk
  flat,         ///< every position is closed at once
  halted        ///< nothing but cancels, until an operator acts
};
/// Entries of KillState.
inline constexpr std::size_t num_kill_states = 5;

/// "Normal", "Tighten", "ReduceOnly", "Flat", "Halted".
constexpr std::string_view name(KillState state) noexcept {
  constexpr std::array<std::string_view, num_kill_states> names = {"Normal", "Tighten", "ReduceOnly", "Flat", "Halted"};
  return names[static_cast<std::size_t>(state)];
}

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_DETAIL_KILL_STATE_HPP
