// SPDX-License-Identifier: MIT
/// @file
/// @brief What a policy proposes: one action on one underlying.
#ifndef RLX_OPTIONS_ACTION_HPP
#define RLX_OPTIONS_ACTION_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rlx/market/fixed8.hpp>

namespace rlx::options {

/// `training_ladder` is a meta action: it is logged above the legs of a tick and can never be executed.
enum class ActionType : std::uint8_t { do_nothing, open_covered_call, roll_covered_call, close_covered_call, training_ladder };

constexpr std::string_view name_of(ActionType type) {
  switch (type) {
    case ActionType::do_nothing:
      return "DO_NOTHING";
    case ActionType::open_covered_call:
      return "OPEN_COVERED_CALL";
    case ActionType::roll_covered_call:
      return "ROLL_COVERED_CALL";
    case ActionType::close_covered_call:
      return "CLOSE_COVERED_CALL";
    case ActionType::training_ladder:
      return "TRAINING_LADDER";
  }
  return "?";
}

/// How settings choose the production policy, and what made an action.
enum class AgentMode : std::uint8_t { production, research, training };

constexpr std::string_view name_of(AgentMode mode) {
  return mode == AgentMode::production ? "production" : mode == AgentMode::research ? "research" : "training";
}

/// Who decided. `name_of` gives the strings of the log.
enum class DecisionSource : std::uint8_t {
  training_mode,
  rule_based,
  llm,
  llm_fallback_to_rule,
  rule_based_shadow_llm,
  halted,
  error
};

constexpr std::string_view name_of(DecisionSource source) {
  switch (source) {
    case DecisionSource::training_mode:
      return "training_mode";
    case DecisionSource::rule_based:
      return "rule_based";
    case DecisionSource::llm:
      return "llm";
    case DecisionSource::llm_fallback_to_rule:
      return "llm_fallback_to_rule";
    case DecisionSource::rule_based_shadow_llm:
      return "rule_based_shadow_llm";
    case DecisionSource::halted:
      return "halted";
    case DecisionSource::error:
      return "error";
  }
  return "?";
}

/// What the candidate looked like when it was chosen.
struct ActionDiagnostics {
  double delta = 0.0, dte = 0.0, premium_usd = 0.0, ivrv = 1.0;
  bool operator==(const ActionDiagnostics&) const = default;
};

/// One proposed action. JSON is made of it for the log only (records_json.hpp).
struct Action {
  ActionType type = ActionType::do_nothing;
  AgentMode mode = AgentMode::production;
  std::optional<std::string> strategy;  ///< the training profile; empty in production
  std::string underlying;               ///< "BTC"; empty for DO_NOTHING
  std::string symbol;                   ///< the call to sell (open), to buy back (close, roll)
  std::string roll_to;                  ///< the call to sell afterwards (roll only)
  market::Fixed8 size;                  ///< contracts, > 0
  std::optional<ActionDiagnostics> diagnostics;
  std::string reasoning;
  std::string policy_version;
  DecisionSource decision_source = DecisionSource::rule_based;
  double propensity = 1.0;  ///< probability with which the policy chose this action
  bool operator==(const Action&) const = default;
};

}  // namespace rlx::options

#endif  // RLX_OPTIONS_ACTION_HPP
