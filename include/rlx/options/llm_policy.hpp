// SPDX-License-Identifier: MIT
/// @file
/// @brief Asks a language model for the action of a tick, behind a transport; what it says is parsed, checked and clamped.
///
/// The model's text is data from outside: it is never executed, its symbols must be known ones, its size has a ceiling, and the
/// risk engine decides afterwards like for any other action. Whatever goes wrong, the rules decide.
#ifndef RLX_OPTIONS_LLM_POLICY_HPP
#define RLX_OPTIONS_LLM_POLICY_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/json.hpp>
#include <rlx/core/random.hpp>
#include <rlx/market/fixed8.hpp>
#include <rlx/options/action.hpp>
#include <rlx/options/agent_state.hpp>
#include <rlx/options/detail/llm_url.hpp>
#include <rlx/options/detail/order_size.hpp>
#include <rlx/options/production_policy.hpp>
#include <rlx/options/settings.hpp>

namespace rlx::inline v0_1::options {

/// How long a model may take.
inline constexpr int llm_timeout_ms = 10'000;
/// Bytes of a reply that are read at most.
inline constexpr std::size_t llm_max_reply_bytes = std::size_t{1} << 20;

/// One POST of a JSON body. It holds no key: a transport adds the authorisation that it was given itself.
struct LlmRequest {
  std::string url;                                    ///< of the chat endpoint, without secrets
  std::string body;                                   ///< JSON, UTF-8
  int timeout_ms = llm_timeout_ms;                    ///< for the whole request; no reply by then is a failure
  std::size_t max_reply_bytes = llm_max_reply_bytes;  ///< a transport stops reading there and reports a failure
};

/// What came back. `failure` tells why there is no reply (time-out, connection, certificate, too long); empty where `status`
/// and `body` are there.
struct LlmReply {
  int status = 0;       ///< HTTP status; 0 where there is no reply
  std::string body;     ///< as received
  std::string failure;  ///< why there is no reply; empty otherwise
};

/// Sends one request and waits for its reply or its deadline. It throws nothing for what a network may do; an exception counts
/// as a failure. One that also has `redacted(text)` takes its secrets out of everything that is kept of a reply.
template <class T>
concept LlmTransport = requires(T& transport, const LlmRequest& request) {
  { transport.post(request) } -> std::same_as<LlmReply>;
};

/// The action of a tick outside of training, and how it came about.
struct ProductionDecision {
  Action action;                                       ///< what to do; checked against the state, not by the risk engine
  DecisionSource source = DecisionSource::rule_based;  ///< also in `action`
  std::optional<Action> shadow;                        ///< hybrid_shadow: the model's proposal, which is only logged
  std::string failure;                                 ///< why the model's proposal is not there; empty otherwise
};

/// What the model asks for, or why that cannot be used.
struct LlmProposal {
  std::optional<Action> action;  ///< empty: it cannot be used
  std::string failure;           ///< why; empty where the action is there
};

namespace detail {

inline nlohmann::ordered_json llm_candidate(const CandidateOption& candidate) {
  return {{"symbol", candidate.symbol},
          {"strike", candidate.strike},
          {"dte", candidate.dte},
          {"delta", candidate.delta},
          {"premium_usd", candidate.premium_usd},
          {"iv", candidate.iv},
          {"ivrv", candidate.ivrv_known ? nlohmann::ordered_json(candidate.ivrv) : nlohmann::ordered_json()},
          {"bid", candidate.bid.to_double()},
          {"ask", candidate.ask.to_double()},
          {"spread_pct", candidate.spread_pct},
          {"open_interest", candidate.open_interest}};
}

using Json = nlohmann::ordered_json;

inline Json llm_state(const AgentState& state, const Settings& settings) {
  Json all = Json::array();
  for (const std::string& underlying : settings.underlyings) {
    const UnderlyingState* const one = state.find(underlying);
    if (one == nullptr) continue;
    Json positions = Json::array(), candidates = Json::array(), pending = Json::array();
    for (const Position& position : one->positions) {
      const bool external =
          std::find(one->external_symbols.begin(), one->external_symbols.end(), position.symbol) != one->external_symbols.end();
      positions.push_back({{"symbol", position.symbol},
                           {"size", position.size.to_double()},
                           {"strike", position.strike},
                           {"dte", static_cast<double>(position.expiry_ms - state.now_ms) / 86'400'000.0},
                           {"delta", position.delta},
                           {"mark", position.mark.to_double()},
                           {"average_price", position.average_price.to_double()},
                           {"yours", !external}});
    }
    for (const Order& order : one->open_orders) pending.push_back(order.symbol);
    for (const UnknownLeg& leg : one->unknown_legs) pending.push_back(leg.symbol);
    for (const CandidateOption& candidate : one->candidates) candidates.push_back(llm_candidate(candidate));
    all.push_back({{"underlying", one->underlying},
                   {"index", one->index},
                   {"realised_volatility", one->rv ? Json(*one->rv) : Json()},
                   {"atm_iv", one->atm_iv},
                   {"equity", one->account.equity.to_double()},
                   {"max_size", order_size(settings.default_order_size.find(underlying), *one,
                                           one->candidates.empty() ? std::string_view() : one->candidates.front().symbol)
                                    .to_double()},
                   {"open_positions", std::move(positions)},
                   {"pending_orders", std::move(pending)},
                   {"candidates", std::move(candidates)}});
  }
  return {{"timestamp_ms", state.now_ms}, {"underlyings", std::move(all)}};
}

/// A short, printable form of text from outside.
inline std::string tame_text(std::string text, std::size_t longest) {
  if (text.size() > longest) {
    std::size_t end = longest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;  // not inside a UTF-8 character
    text.resize(end);
    text += "...";
  }
  for (char& c : text) {
    if ((c >= 0 && c < ' ') || c == '\x7F') c = ' ';
  }
  return text;
}

inline LlmProposal no_proposal(std::string failure) { return {std::nullopt, std::move(failure)}; }

}  // namespace detail

/// The address of the chat endpoint below a base URL: `<base>/chat/completions`.
inline std::string llm_url(std::string_view base_url) {
  while (base_url.ends_with('/')) base_url.remove_suffix(1);
  return std::string(base_url) + "/chat/completions";
}

/// The body of the request: model, instructions, and state with candidates and open positions as JSON. The same bytes for the
/// same state. No outcome of an earlier decision and no secret is in it.
inline std::string llm_request_body(const AgentState& state, const Settings& settings) {
  constexpr auto replace = nlohmann::ordered_json::error_handler_t::replace;
  constexpr std::string_view instructions =
      "You manage short calls that are covered by coins held on Deribit. Choose one action for this tick. Answer with one JSON "
      "object and nothing else: {\"action\": ..., \"params\": {...}, \"reasoning\": \"...\"}. Actions and their params: "
      "DO_NOTHING {}; OPEN_COVERED_CALL {\"symbol\", \"size\"}: sell a candidate; CLOSE_COVERED_CALL {\"symbol\", \"size\"}: "
      "buy "
      "back one of your open positions; ROLL_COVERED_CALL {\"symbol\", \"roll_to\", \"size\"}: buy back an open position and "
      "sell a candidate of the same underlying. Sizes are contracts, at most max_size.";
  nlohmann::ordered_json body;
  body["model"] = settings.llm_model;
  body["temperature"] = 0;
  body["response_format"] = {{"type", "json_object"}};
  body["messages"] = {{{"role", "system"}, {"content", std::string(instructions)}},
                      {{"role", "user"}, {"content", detail::llm_state(state, settings).dump(-1, ' ', false, replace)}}};
  return body.dump(-1, ' ', false, replace);
}

/**
 * @brief The action that a model's content asks for, checked against the state.
 *
 * The content is one JSON object {action, params, reasoning}; other members are ignored. The action is one of the four; an open
 * needs a candidate, a close an own open short call, a roll both (`symbol` and `roll_to`, of one underlying). The size is
 * finite and above 0; it is cut to `default_order_size` of the underlying (else the instrument's minimum).
 * @return the action with source llm, or why there is none; never throws for any content
 */
inline LlmProposal parse_llm_content(std::string_view content, const AgentState& state, const Settings& settings) {
  using detail::no_proposal;
  nlohmann::json json;
  try {
    json = parse_json(content, "content");
  } catch (const DataError& error) {
    return no_proposal("content is no JSON: " + detail::tame_text(error.what(), 200));
  }
  if (!json.is_object()) return no_proposal("content is no JSON object");
  const auto text_of = [](const nlohmann::json& object, const char* key) -> std::optional<std::string> {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return {};
    return found->get<std::string>();
  };
  const auto shown = [](const std::string& text) { return '\'' + detail::tame_text(text, 60) + '\''; };

  const auto word = text_of(json, "action");
  if (!word) return no_proposal("content has no text 'action'");
  Action action;
  bool known = false;
  for (const ActionType type :
       {ActionType::do_nothing, ActionType::open_covered_call, ActionType::roll_covered_call, ActionType::close_covered_call}) {
    if (name_of(type) != *word) continue;
    action.type = type;
    known = true;
  }
  if (!known) return no_proposal("expected one of the four actions, found " + shown(*word));
  action.mode = settings.mode;
  action.policy_version = "llm:" + settings.llm_model;
  action.decision_source = DecisionSource::llm;
  action.reasoning = detail::tame_text(text_of(json, "reasoning").value_or(std::string()), 1000);
  if (action.type == ActionType::do_nothing) return {std::move(action), {}};

  const auto params = json.find("params");
  if (params == json.end() || !params->is_object()) return no_proposal("content has no object 'params'");
  const auto symbol = text_of(*params, "symbol");
  if (!symbol) return no_proposal("params have no text 'symbol'");
  action.symbol = *symbol;

  // The symbol to sell must be a candidate, the symbol to buy back an own open short call.
  const bool opens = action.type == ActionType::open_covered_call;
  const bool rolls = action.type == ActionType::roll_covered_call;
  if (rolls) {
    const auto target = text_of(*params, "roll_to");
    if (!target) return no_proposal("params have no text 'roll_to'");
    if (*target == *symbol) return no_proposal("a roll into the same symbol");
    action.roll_to = *target;
  }
  const std::string& sold = opens ? action.symbol : action.roll_to;
  const UnderlyingState* owner = nullptr;
  const CandidateOption* candidate = nullptr;
  for (const std::string& underlying : settings.underlyings) {
    const UnderlyingState* const one = state.find(underlying);
    if (one == nullptr) continue;
    const bool held = std::any_of(one->positions.begin(), one->positions.end(), [&](const Position& position) {
      return position.symbol == action.symbol && position.type == OptionType::call && position.size.sign() < 0 &&
             std::find(one->external_symbols.begin(), one->external_symbols.end(), position.symbol) ==
                 one->external_symbols.end();
    });
    const auto found = std::find_if(one->candidates.begin(), one->candidates.end(),
                                    [&](const CandidateOption& option) { return option.symbol == sold; });
    if (!opens && !held) continue;
    if ((opens || rolls) && found == one->candidates.end()) continue;
    owner = one;
    if (opens || rolls) candidate = &*found;
    break;
  }
  if (owner == nullptr) {
    return no_proposal(opens   ? "no candidate has the symbol " + shown(action.symbol)
                       : rolls ? "no own open call " + shown(action.symbol) + " with a candidate " + shown(action.roll_to) +
                                     " of the same underlying"
                               : "no own open call has the symbol " + shown(action.symbol));
  }
  action.underlying = owner->underlying;

  const auto size = params->find("size");
  if (size == params->end() || !size->is_number()) return no_proposal("params have no number 'size'");
  const double asked = size->get<double>();
  if (!is_finite(asked) || !(asked > 0.0)) return no_proposal("expected a finite size above 0");
  const market::Fixed8 most =
      detail::order_size(settings.default_order_size.find(owner->underlying), *owner, rolls ? action.roll_to : action.symbol);
  action.size = asked < most.to_double() ? market::Fixed8::from_double(asked) : most;
  if (action.size.sign() <= 0) return no_proposal("the size is below the smallest amount");
  if (candidate != nullptr) {
    action.diagnostics = {candidate->delta, candidate->dte, candidate->premium_usd, candidate->ivrv};
  }
  return {std::move(action), {}};
}

/// The action in a reply of the chat endpoint: status 200, at most 1 MiB, JSON, `choices[0].message.content` a text; then as
/// parse_llm_content. Never throws for any reply.
inline LlmProposal parse_llm_reply(const LlmReply& reply, const AgentState& state, const Settings& settings) {
  using detail::no_proposal;
  if (!reply.failure.empty()) return no_proposal(detail::tame_text(reply.failure, 200));
  if (reply.status != 200) return no_proposal("expected HTTP status 200, found " + std::to_string(reply.status));
  if (reply.body.size() > llm_max_reply_bytes) return no_proposal("the reply is longer than 1 MiB");
  nlohmann::json json;
  try {
    json = parse_json(reply.body, "reply");
  } catch (const DataError& error) {
    return no_proposal("the reply is no JSON: " + detail::tame_text(error.what(), 200));
  }
  const nlohmann::json* at = &json;
  if (!at->is_object() || !at->contains("choices") || !(*at)["choices"].is_array() || (*at)["choices"].empty())
    return no_proposal("the reply has no 'choices'");
  at = &(*at)["choices"][0];
  for (const char* const key : {"message", "content"}) {
    if (!at->is_object() || !at->contains(key)) return no_proposal(std::string("the reply has no '") + key + '\'');
    at = &(*at)[key];
  }
  if (!at->is_string()) return no_proposal("the reply's content is no text");
  return parse_llm_content(at->get_ref<const std::string&>(), state, settings);
}

/// What acts where the model's proposal cannot: the rules, source llm_fallback_to_rule.
/// @param state     of the tick
/// @param settings  of the agent
/// @param random    for the rules
/// @param failure   why; also for a proposal that the risk engine denied
inline ProductionDecision llm_fallback(const AgentState& state, const Settings& settings, RandomStream& random,
                                       std::string failure) {
  ProductionDecision decision;
  decision.action = rule_decide_action(state, settings, random);
  decision.source = decision.action.decision_source = DecisionSource::llm_fallback_to_rule;
  decision.failure = std::move(failure);
  return decision;
}

/**
 * @brief The action of a tick outside of training.
 *
 * Without `llm_enabled`, or with decision_mode rule_only, the rules decide and the transport is not called. llm_only (also when
 * unset): one call; any failure makes the rules decide. hybrid_shadow: the rules decide, the proposal is only kept. Training
 * settings play no part.
 *
 * The caller gives a proposal that its risk check denies to `llm_fallback`.
 * @param state      of the tick
 * @param settings   of the agent
 * @param transport  called at most once
 * @param random     drawn from only where the rules decide
 */
template <LlmTransport T>
ProductionDecision llm_decide_action(const AgentState& state, const Settings& settings, T& transport, RandomStream& random) {
  const DecisionMode mode =
      settings.llm_enabled ? settings.decision_mode.value_or(DecisionMode::llm_only) : DecisionMode::rule_only;
  ProductionDecision decision;
  if (mode == DecisionMode::rule_only) {
    decision.action = rule_decide_action(state, settings, random);
    return decision;
  }
  LlmProposal proposal;
  if (!detail::is_allowed_llm_url(settings.llm_base_url)) {
    proposal.failure = "llm_base_url: expected https:// (http:// to loopback only) without user name, query or fragment";
  } else {
    try {
      const LlmReply reply = transport.post({llm_url(settings.llm_base_url), llm_request_body(state, settings)});
      proposal = parse_llm_reply(reply, state, settings);
      if constexpr (requires { transport.redacted(proposal.failure); }) {
        proposal.failure = transport.redacted(std::move(proposal.failure));
        if (proposal.action) proposal.action->reasoning = transport.redacted(std::move(proposal.action->reasoning));
      }
    } catch (const std::exception& error) {
      proposal.failure = detail::tame_text(error.what(), 200);
    }
  }
  if (mode == DecisionMode::hybrid_shadow) {
    decision.action = rule_decide_action(state, settings, random);
    decision.source = decision.action.decision_source = DecisionSource::rule_based_shadow_llm;
    decision.shadow = std::move(proposal.action);
    decision.failure = std::move(proposal.failure);
    return decision;
  }
  if (!proposal.action) return llm_fallback(state, settings, random, std::move(proposal.failure));
  decision.action = std::move(*proposal.action);
  decision.source = DecisionSource::llm;
  return decision;
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_LLM_POLICY_HPP
