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

namespace rlx::inline v0_1::options {

/// `training_ladder` is a meta action: it is logged above the legs of a tick and can never be executed.
enum class ActionType : std::uint8_t {
  do_nothing,          ///< no order
  open_covered_call,   ///< sells one call
  roll_covered_call,   ///< buys one back and sells another
  close_covered_call,  ///< buys one back
  training_ladder      ///< stands above the legs of a training tick
};

/// "DO_NOTHING", "OPEN_COVERED_CALL", ...: the strings of the log; "?" for no such type.
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
enum class AgentMode : std::uint8_t {
  production,  ///< the ranges `range` and `max_expiry_exposure` of the settings
  research,    ///< those named `research_...`, and exploration where the settings ask for it
  training     ///< of actions only: made by the training ladder
};

/// "production", "research" or "training", as in settings and log.
constexpr std::string_view name_of(AgentMode mode) {
  return mode == AgentMode::production ? "production" : mode == AgentMode::research ? "research" : "training";
}

/// Who decided. `name_of` gives the strings of the log.
enum class DecisionSource : std::uint8_t {
  training_mode,          ///< the training ladder
  rule_based,             ///< the rules
  llm,                    ///< a language model
  llm_fallback_to_rule,   ///< the rules, since the model gave nothing that could be used
  rule_based_shadow_llm,  ///< the rules; the model was asked for comparison
  halted,                 ///< nobody: the agent had been told to stop
  error                   ///< nobody: the tick failed before an order was sent
};

/// The name of the enumerator; "?" for no such source.
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
  double delta = 0.0;                                         ///< 0 to 1
  double dte = 0.0;                                           ///< days to expiry, fractional
  double premium_usd = 0.0;                                   ///< of one contract at the mid price
  double ivrv = 1.0;                                          ///< implied over realised volatility; 1 where that is unknown
  bool operator==(const ActionDiagnostics&) const = default;  ///< Memberwise.
};

/// One proposed action. JSON is made of it for the log only (records_json.hpp).
struct Action {
  ActionType type = ActionType::do_nothing;                     ///< what is proposed
  AgentMode mode = AgentMode::production;                       ///< which branch made it
  std::optional<std::string> strategy;                          ///< the training profile; empty in production
  std::string underlying;                                       ///< "BTC"; empty for DO_NOTHING
  std::string symbol;                                           ///< the call to sell (open), to buy back (close, roll)
  std::string roll_to;                                          ///< the call to sell afterwards (roll only)
  market::Fixed8 size;                                          ///< contracts, > 0
  std::optional<ActionDiagnostics> diagnostics;                 ///< of the candidate; empty where none was chosen
  std::string reasoning;                                        ///< for people: why this action
  std::string policy_version;                                   ///< of the rules or the model that decided
  DecisionSource decision_source = DecisionSource::rule_based;  ///< who decided
  double propensity = 1.0;                                      ///< probability with which the policy chose this action
  bool operator==(const Action&) const = default;               ///< Memberwise.
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_ACTION_HPP
