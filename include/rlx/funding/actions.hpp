// SPDX-License-Identifier: MIT
/// @file
/// @brief The 36 actions: hold, enter one of ten opportunities in one of three sizes, exit one of five positions.
#ifndef RLX_FUNDING_ACTIONS_HPP
#define RLX_FUNDING_ACTIONS_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/funding/observation_features.hpp>

namespace rlx::inline v0_1::funding {

/// HOLD 0 · ENTER SMALL 1..10 · ENTER MEDIUM 11..20 · ENTER LARGE 21..30 · EXIT 31..35.
inline constexpr int n_actions = 36;

/// What an action does.
enum class ActionKind : std::uint8_t { hold, enter, exit };
/// How large an entry is; `ExecutionConfig::multipliers` has a share for each.
enum class Size : std::uint8_t { small, medium, large };

/// A decoded action. `slot` is an opportunity slot (enter) or a position slot (exit), 0 for hold; `size` matters for enter
/// only.
struct Action {
  ActionKind kind = ActionKind::hold;              ///< what it does
  int slot = 0;                                    ///< from 0
  Size size = Size::small;                         ///< of an entry
  bool operator==(const Action&) const = default;  ///< Memberwise.
};

/// First id of a block of actions.
inline constexpr int enter_base = 1;
inline constexpr int exit_base = 1 + 3 * static_cast<int>(max_opportunities);  ///< id of EXIT 0

/// As in the names of actions.
constexpr std::string_view to_string(Size size) {
  return size == Size::small ? "SMALL" : size == Size::medium ? "MEDIUM" : "LARGE";
}

/// `HOLD`, `ENTER 3 LARGE`, `EXIT 1`.
inline std::string to_string(const Action& action) {
  if (action.kind == ActionKind::hold) return "HOLD";
  if (action.kind == ActionKind::exit) return "EXIT " + std::to_string(action.slot);
  return "ENTER " + std::to_string(action.slot) + ' ' + std::string(to_string(action.size));
}

/// @throws InvalidActionError for an id outside 0..35
inline Action decode(int id) {
  constexpr int slots = static_cast<int>(max_opportunities);
  if (id < 0 || id >= n_actions) {
    throw InvalidActionError("action " + std::to_string(id) + " does not exist: expected an id in [0, 35]");
  }
  if (id == 0) return {};
  if (id >= exit_base) return {ActionKind::exit, id - exit_base, Size::small};
  return {ActionKind::enter, (id - enter_base) % slots, static_cast<Size>((id - enter_base) / slots)};
}

/// Inverse of `decode`. @throws InvalidActionError for a slot that does not exist
inline int encode(const Action& action) {
  constexpr int slots = static_cast<int>(max_opportunities);
  const int limit = action.kind == ActionKind::exit ? static_cast<int>(max_position_slots) : slots;
  if (action.slot < 0 || action.slot >= limit) {
    throw InvalidActionError(to_string(action) + ": expected a slot in [0, " + std::to_string(limit - 1) + ']');
  }
  if (action.kind == ActionKind::hold) return 0;
  if (action.kind == ActionKind::exit) return exit_base + action.slot;
  return enter_base + slots * static_cast<int>(action.size) + action.slot;
}

/// Names of the 36 actions, by id.
inline std::span<const std::string_view, static_cast<std::size_t>(n_actions)> action_names() {
  static const auto texts = [] {
    std::array<std::string, static_cast<std::size_t>(n_actions)> list;
    for (int id = 0; id < n_actions; ++id) list[static_cast<std::size_t>(id)] = to_string(decode(id));
    return list;
  }();
  static const auto names = [] {
    std::array<std::string_view, static_cast<std::size_t>(n_actions)> list;
    std::copy(texts.begin(), texts.end(), list.begin());
    return list;
  }();
  return names;
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_ACTIONS_HPP
