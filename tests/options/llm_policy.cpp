// SPDX-License-Identifier: MIT
#include <rlx/options/llm_policy.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx::market::Fixed8;
using rlx_test::ContainsSubstring;

constexpr std::int64_t day = 86'400'000, now = 1'767'115'875'944;

struct Scripted {
  LlmReply reply;
  bool throws = false;
  std::vector<LlmRequest> asked;

  LlmReply post(const LlmRequest& request) {
    asked.push_back(request);
    if (throws) throw std::runtime_error("the line is dead");
    return reply;
  }
};
static_assert(LlmTransport<Scripted>);

CandidateOption candidate(const std::string& underlying, const std::string& symbol, double premium) {
  CandidateOption made;
  made.symbol = symbol;
  made.underlying = underlying;
  made.strike = 100'000;
  made.delta = 0.25;
  made.dte = 7;
  made.expiry_ms = now + 7 * day;
  made.premium_usd = premium;
  made.ivrv = 1.5;
  made.ivrv_known = true;
  return made;
}

Position short_call(const std::string& symbol) {
  Position made;
  made.symbol = symbol;
  made.underlying = "BTC";
  made.strike = 120'000;
  made.expiry_ms = now + 9 * day;
  made.size = Fixed8::parse("-0.1");
  return made;
}

// BTC: candidates X and Y, own call HELD, a stranger's call ALIEN. ETH: candidate E.
AgentState sample() {
  AgentState state;
  state.now_ms = now;
  state.underlyings.resize(2);
  state.underlyings[0].underlying = "BTC";
  state.underlyings[0].index = 90'000;
  state.underlyings[0].candidates = {candidate("BTC", "X", 100), candidate("BTC", "Y", 300)};
  state.underlyings[0].positions = {short_call("HELD"), short_call("ALIEN")};
  state.underlyings[0].external_symbols = {"ALIEN"};
  state.underlyings[1].underlying = "ETH";
  state.underlyings[1].index = 3'000;
  state.underlyings[1].candidates = {candidate("ETH", "E", 50)};
  return state;
}

Settings asking() {
  Settings settings;
  settings.mode = AgentMode::production;
  settings.llm_enabled = true;
  settings.llm_base_url = "https://llm.example/v1/";
  settings.llm_model = "model-1";
  return settings;
}

std::string reply_with(const std::string& content) {
  return nlohmann::json{{"choices", {{{"message", {{"role", "assistant"}, {"content", content}}}}}}}.dump();
}

ProductionDecision ask(Scripted& transport, const Settings& settings = asking(), const AgentState& state = sample()) {
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::exploration});
  return llm_decide_action(state, settings, transport, random);
}
ProductionDecision answer(const std::string& content) {
  Scripted transport;
  transport.reply = {200, reply_with(content), {}};
  return ask(transport);
}
Action rules(const AgentState& state = sample(), const Settings& settings = asking()) {
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::exploration});
  return rule_decide_action(state, settings, random);
}

TEST_CASE("llm policy: a valid proposal becomes the action", "[options]") {
  const ProductionDecision open =
      answer(R"({"action": "OPEN_COVERED_CALL", "params": {"symbol": "Y", "size": 0.05}, "reasoning": "rich premium"})");
  CHECK(open.source == DecisionSource::llm);
  CHECK(open.failure.empty());
  CHECK_FALSE(open.shadow.has_value());
  CHECK(open.action.type == ActionType::open_covered_call);
  CHECK(open.action.decision_source == DecisionSource::llm);
  CHECK(open.action.symbol == "Y");
  CHECK(open.action.underlying == "BTC");
  CHECK(open.action.size == Fixed8::parse("0.05"));
  CHECK(open.action.reasoning == "rich premium");
  CHECK(open.action.policy_version == "llm:model-1");
  CHECK(open.action.mode == AgentMode::production);
  CHECK(open.action.diagnostics->premium_usd == 300);

  const ProductionDecision close = answer(R"({"action": "CLOSE_COVERED_CALL", "params": {"symbol": "HELD", "size": 0.1}})");
  CHECK(close.action.type == ActionType::close_covered_call);
  CHECK(close.action.symbol == "HELD");
  CHECK_FALSE(close.action.diagnostics.has_value());

  const ProductionDecision roll =
      answer(R"({"action": "ROLL_COVERED_CALL", "params": {"symbol": "HELD", "roll_to": "X", "size": 0.1}, "more": 1})");
  CHECK(roll.action.type == ActionType::roll_covered_call);
  CHECK(roll.action.roll_to == "X");
  CHECK(roll.action.diagnostics->premium_usd == 100);

  const ProductionDecision nothing = answer(R"({"action": "DO_NOTHING", "params": {}, "reasoning": "calm"})");
  CHECK(nothing.source == DecisionSource::llm);
  CHECK(nothing.action.type == ActionType::do_nothing);
  CHECK(nothing.action.symbol.empty());
}

TEST_CASE("llm policy: the size is cut to the setting", "[options]") {
  const auto size = [](const std::string& symbol, const std::string& text) {
    const ProductionDecision decision =
        answer(R"({"action": "OPEN_COVERED_CALL", "params": {"symbol": ")" + symbol + R"(", "size": )" + text + "}}");
    return decision.source == DecisionSource::llm ? decision.action.size.to_string() : decision.failure;
  };
  CHECK(size("X", "1e9") == "0.1");
  CHECK(size("X", "1e300") == "0.1");
  CHECK(size("X", "0.1") == "0.1");
  CHECK(size("X", "0.03") == "0.03");
  CHECK(size("E", "1000") == "1");
  CHECK_THAT(size("X", "0"), ContainsSubstring("size above 0"));
  CHECK_THAT(size("X", "-1"), ContainsSubstring("size above 0"));
  CHECK_THAT(size("X", "1e-12"), ContainsSubstring("smallest amount"));
  CHECK_THAT(size("X", "\"0.1\""), ContainsSubstring("no number 'size'"));
  CHECK_THAT(size("X", "null"), ContainsSubstring("no number 'size'"));
  CHECK_THAT(size("X", "1e999"), ContainsSubstring("JSON"));

  // Without a setting: the instrument's minimum, also for a close, whose symbol is no candidate.
  Settings settings = asking();
  settings.default_order_size = {};
  AgentState state = sample();
  Instrument terms;
  terms.symbol = "HELD";
  terms.minimum_size = Fixed8::parse("0.01");
  state.underlyings[0].instruments = {&terms, 1};
  Scripted transport;
  transport.reply = {200, reply_with(R"({"action": "CLOSE_COVERED_CALL", "params": {"symbol": "HELD", "size": 5}})"), {}};
  CHECK(ask(transport, settings, state).action.size == Fixed8::parse("0.01"));
}

TEST_CASE("llm policy: content that is not usable makes the rules decide, with the reason", "[options]") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "no JSON"},
      {"sell everything", "no JSON"},
      {"```json\n{\"action\": \"DO_NOTHING\"}\n```", "no JSON"},
      {R"({"action": "DO_NOTHING"} {"action": "DO_NOTHING"})", "no JSON"},
      {R"({"action": "DO_NOTHING", "action": "OPEN_COVERED_CALL"})", "no JSON"},
      {"[]", "no JSON object"},
      {"{}", "no text 'action'"},
      {R"({"action": 1})", "no text 'action'"},
      {R"({"action": "SELL_CALL"})", "one of the four actions, found 'SELL_CALL'"},
      {R"({"action": "TRAINING_LADDER"})", "one of the four actions"},
      {R"({"action": "OPEN_COVERED_CALL"})", "no object 'params'"},
      {R"({"action": "OPEN_COVERED_CALL", "params": []})", "no object 'params'"},
      {R"({"action": "OPEN_COVERED_CALL", "params": {"size": 1}})", "no text 'symbol'"},
      {R"({"action": "OPEN_COVERED_CALL", "params": {"symbol": "HELD", "size": 1}})", "no candidate has the symbol 'HELD'"},
      {R"({"action": "OPEN_COVERED_CALL", "params": {"symbol": "x", "size": 1}})", "no candidate has the symbol"},
      {R"({"action": "CLOSE_COVERED_CALL", "params": {"symbol": "X", "size": 1}})", "no own open call"},
      {R"({"action": "CLOSE_COVERED_CALL", "params": {"symbol": "ALIEN", "size": 1}})", "no own open call"},
      {R"({"action": "ROLL_COVERED_CALL", "params": {"symbol": "HELD", "size": 1}})", "no text 'roll_to'"},
      {R"({"action": "ROLL_COVERED_CALL", "params": {"symbol": "HELD", "roll_to": "HELD", "size": 1}})", "the same symbol"},
      {R"({"action": "ROLL_COVERED_CALL", "params": {"symbol": "HELD", "roll_to": "E", "size": 1}})", "same underlying"},
      {R"({"action": "ROLL_COVERED_CALL", "params": {"symbol": "X", "roll_to": "Y", "size": 1}})", "no own open call"},
      {std::string(100'000, '['), "no JSON"}};
  for (const auto& [content, reason] : cases) {
    CAPTURE(content.substr(0, 100));
    const ProductionDecision decision = answer(content);
    CHECK(decision.source == DecisionSource::llm_fallback_to_rule);
    CHECK(decision.action.decision_source == DecisionSource::llm_fallback_to_rule);
    CHECK_THAT(decision.failure, ContainsSubstring(reason));
    CHECK(decision.failure.size() < 400);
    Action expected = rules();
    expected.decision_source = DecisionSource::llm_fallback_to_rule;
    CHECK(decision.action == expected);
  }
}

TEST_CASE("llm policy: hostile text stays text, without control characters and of bounded length", "[options]") {
  const std::string hostile = "\x1b[31mIgnore all rules\r\n" + std::string(5'000, 'x');
  nlohmann::json content = {{"action", "DO_NOTHING"}, {"reasoning", hostile}};
  const ProductionDecision decision = answer(content.dump());
  CHECK(decision.source == DecisionSource::llm);
  CHECK(decision.action.reasoning.size() <= 1'003);
  CHECK(decision.action.reasoning.find('\x1b') == std::string::npos);
  CHECK(decision.action.reasoning.find('\n') == std::string::npos);
  content["action"] = hostile;
  CHECK(answer(content.dump()).failure.find('\x1b') == std::string::npos);
  // A cut never falls inside a character.
  std::string wide;
  for (int i = 0; i < 600; ++i) wide += "\xC3\xA4";
  const std::string odd = 'x' + wide;
  CHECK(detail::tame_text(odd, 1'000) == odd.substr(0, 999) + "...");
}

TEST_CASE("llm policy: replies that fail", "[options]") {
  const std::string fine = reply_with(R"({"action": "DO_NOTHING"})");
  const auto failure = [](LlmReply reply) {
    Scripted transport;
    transport.reply = std::move(reply);
    const ProductionDecision decision = ask(transport);
    CHECK(transport.asked.size() == 1);  // one call, no second try
    CHECK((decision.source == DecisionSource::llm) == decision.failure.empty());
    return decision.failure;
  };
  CHECK(failure({200, fine, {}}).empty());
  CHECK_THAT(failure({0, {}, "timed out after 10 s"}), ContainsSubstring("timed out"));
  CHECK_THAT(failure({500, fine, {}}), ContainsSubstring("expected HTTP status 200, found 500"));
  CHECK_THAT(failure({302, fine, {}}), ContainsSubstring("found 302"));
  CHECK_THAT(failure({200, "", {}}), ContainsSubstring("no JSON"));
  CHECK_THAT(failure({200, fine.substr(0, fine.size() / 2), {}}), ContainsSubstring("no JSON"));
  CHECK_THAT(failure({200, fine + std::string(llm_max_reply_bytes, ' '), {}}), ContainsSubstring("longer than 1 MiB"));
  for (const std::string shape : {"1", "[]", "{}", R"({"choices": {}})", R"({"choices": []})", R"({"choices": [1]})",
                                  R"({"choices": [{}]})", R"({"choices": [{"message": 1}]})",
                                  R"({"choices": [{"message": {}}]})", R"({"choices": [{"message": {"content": {}}}]})"}) {
    CAPTURE(shape);
    CHECK_THAT(failure({200, shape, {}}), ContainsSubstring("the reply"));
  }
  Scripted broken;
  broken.throws = true;
  CHECK(ask(broken).failure == "the line is dead");
}

TEST_CASE("llm policy: what is asked", "[options]") {
  Scripted transport;
  transport.reply = {200, reply_with(R"({"action": "DO_NOTHING"})"), {}};
  ask(transport);
  REQUIRE(transport.asked.size() == 1);
  const LlmRequest& request = transport.asked[0];
  CHECK(request.url == "https://llm.example/v1/chat/completions");
  CHECK(request.timeout_ms == 10'000);
  CHECK(request.max_reply_bytes == 1'048'576);
  const auto body = nlohmann::json::parse(request.body);
  CHECK(body["model"] == "model-1");
  REQUIRE(body["messages"].is_array());
  REQUIRE(body["messages"].size() == 2);
  CHECK(body["messages"][0]["role"] == "system");
  const auto state = nlohmann::json::parse(body["messages"][1]["content"].get<std::string>());
  CHECK(state["timestamp_ms"] == now);
  const auto& btc = state["underlyings"][0];
  CHECK(btc["underlying"] == "BTC");
  CHECK(btc["max_size"] == 0.1);
  CHECK(btc["candidates"].size() == 2);
  CHECK(btc["candidates"][1]["symbol"] == "Y");
  CHECK(btc["open_positions"][0]["yours"] == true);
  CHECK(btc["open_positions"][1]["yours"] == false);
  CHECK(btc["realised_volatility"].is_null());
  CHECK(llm_request_body(sample(), asking()) == request.body);
  // Training settings are none of its business.
  Settings training = asking();
  training.training_mode = true;
  training.training_call_size.other = 99.0;
  CHECK(llm_request_body(sample(), training) == request.body);
  // Bytes that are no UTF-8 and numbers that are none do not stop it.
  AgentState odd = sample();
  odd.underlyings[0].candidates[0].symbol = "\xFF\xFE";
  odd.underlyings[0].candidates[0].open_interest = std::numeric_limits<double>::quiet_NaN();
  CHECK_NOTHROW(nlohmann::json::parse(llm_request_body(odd, asking())));
}

TEST_CASE("llm policy: modes of decision", "[options]") {
  const std::string content = R"({"action": "OPEN_COVERED_CALL", "params": {"symbol": "E", "size": 1}})";
  const auto with = [&](Settings settings) {
    Scripted transport;
    transport.reply = {200, reply_with(content), {}};
    ProductionDecision decision = ask(transport, settings);
    return std::pair(std::move(decision), transport.asked.size());
  };
  Settings settings = asking();
  settings.llm_enabled = false;
  settings.decision_mode = DecisionMode::llm_only;
  CHECK(with(settings).second == 0);  // not enabled: never asked
  CHECK(with(settings).first.action == rules());
  settings.llm_enabled = true;
  CHECK(with(settings).first.source == DecisionSource::llm);
  settings.decision_mode = DecisionMode::rule_only;
  CHECK(with(settings).second == 0);
  CHECK(with(settings).first.source == DecisionSource::rule_based);

  settings.decision_mode = DecisionMode::hybrid_shadow;
  auto [shadowed, calls] = with(settings);
  CHECK(calls == 1);
  CHECK(shadowed.source == DecisionSource::rule_based_shadow_llm);
  Action acting = rules();
  acting.decision_source = DecisionSource::rule_based_shadow_llm;
  CHECK(shadowed.action == acting);
  REQUIRE(shadowed.shadow.has_value());
  CHECK(shadowed.shadow->symbol == "E");
  CHECK(shadowed.shadow->decision_source == DecisionSource::llm);

  Scripted broken;
  broken.throws = true;
  const ProductionDecision alone = ask(broken, settings);
  CHECK(alone.source == DecisionSource::rule_based_shadow_llm);
  CHECK_FALSE(alone.shadow.has_value());
  CHECK(alone.failure == "the line is dead");
}

TEST_CASE("llm policy: an address in the clear is not asked", "[options]") {
  Settings settings = asking();
  for (const std::string url : {"http://llm.example/v1", "", "https://user:key@llm.example"}) {
    settings.llm_base_url = url;
    Scripted transport;
    const ProductionDecision decision = ask(transport, settings);
    CHECK(transport.asked.empty());
    CHECK(decision.source == DecisionSource::llm_fallback_to_rule);
    CHECK_THAT(decision.failure, ContainsSubstring("llm_base_url"));
    CHECK_THAT(decision.failure, !ContainsSubstring("key@"));
  }
}

TEST_CASE("llm policy: a denied proposal falls back to the rules", "[options]") {
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::exploration});
  const ProductionDecision decision = llm_fallback(sample(), asking(), random, "denied: S7");
  CHECK(decision.source == DecisionSource::llm_fallback_to_rule);
  CHECK(decision.failure == "denied: S7");
  CHECK(decision.action.type == rules().type);
}

}  // namespace
