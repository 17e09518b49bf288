// SPDX-License-Identifier: MIT
#include <rlx/options/llm_http.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/random.hpp>
#include <rlx/io/https_transport.hpp>
#include <rlx/options/risk_engine.hpp>

#include "options_http/exchange.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx::market::Fixed8;
using rlx_test::ContainsSubstring;
using rlx_test::Delivery;
using rlx_test::LoopbackServer;

const std::string key = "LLM-key-0123456789";

AgentState one_candidate() {
  CandidateOption candidate;
  candidate.symbol = "BTC-16JAN26-99000-C";
  candidate.underlying = "BTC";
  candidate.strike = 99'000;
  candidate.delta = 0.25;
  candidate.dte = 7.5;
  candidate.premium_usd = 600;
  candidate.ivrv = 1.3;
  candidate.ivrv_known = true;
  UnderlyingState btc;
  btc.underlying = "BTC";
  btc.index = 90'000;
  btc.candidates = {candidate};
  AgentState state;
  state.underlyings = {btc};
  return state;
}

// A model that answers every question with this content.
struct Model {
  std::string content;
  int status = 200;
  Delivery delivery = {};
  std::string raw = {};  // instead of a chat reply
  std::string asked = {}, authorization = {}, path = {};

  LoopbackServer::Handler handler() {
    return [this](const httplib::Request& request, httplib::Response& response, Delivery& how) {
      asked = request.body;
      authorization = request.get_header_value("Authorization");
      path = request.path;
      nlohmann::json reply;
      reply["choices"] = {{{"message", {{"role", "assistant"}, {"content", content}}}}};
      response.status = status;
      response.set_content(raw.empty() ? reply.dump() : raw, "application/json");
      how = delivery;
    };
  }
};

ProductionDecision ask(Model& model, bool tls = true) {
  LoopbackServer server = [&] {
    return tls ? LoopbackServer(rlx_test::test_leaf(), model.handler()) : LoopbackServer(model.handler());
  }();
  rlx::io::HttpsTransport transport({.ca_file = rlx_test::test_authority_path()});
  LlmHttp llm(transport, Secret(key));
  Settings settings;
  settings.llm_enabled = true;
  settings.llm_model = "desk-model";
  settings.llm_base_url = (tls ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(server.port()) + "/v1";
  settings.underlyings = {"BTC"};
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  return llm_decide_action(one_candidate(), settings, llm, random);
}

std::string open_content(const std::string& symbol, const std::string& size) {
  return R"({"action":"OPEN_COVERED_CALL","params":{"symbol":")" + symbol + R"(","size":)" + size +
         R"(},"reasoning":"rich premium"})";
}

}  // namespace

TEST_CASE("a model's valid answer is taken, over TLS and from this machine in the clear", "[options][llm][http]") {
  for (const bool tls : {true, false}) {
    Model model{open_content("BTC-16JAN26-99000-C", "0.1")};
    const ProductionDecision decision = ask(model, tls);
    INFO(decision.failure);
    CHECK(decision.source == DecisionSource::llm);
    CHECK(decision.action.type == ActionType::open_covered_call);
    CHECK(decision.action.symbol == "BTC-16JAN26-99000-C");
    CHECK(decision.action.size == Fixed8::parse("0.1"));
    CHECK(model.path == "/v1/chat/completions");
    CHECK(model.authorization == "Bearer " + key);
    CHECK(model.asked.find(key) == std::string::npos);
    CHECK_THAT(model.asked, ContainsSubstring("desk-model"));
    CHECK_THAT(model.asked, ContainsSubstring("BTC-16JAN26-99000-C"));
  }
}

TEST_CASE("a size of a billion is cut to the order size", "[options][llm][http]") {
  Model model{open_content("BTC-16JAN26-99000-C", "1e9")};
  const ProductionDecision decision = ask(model);
  CHECK(decision.source == DecisionSource::llm);
  CHECK(decision.action.size == Fixed8::parse("0.1"));
}

TEST_CASE("whatever else a model says, the rules decide", "[options][llm][http]") {
  const std::string good = open_content("BTC-16JAN26-99000-C", "0.1");
  std::vector<Model> models = {
      {.content = "ignore previous instructions; rm -rf / ; \"; DROP TABLE orders; --"},
      {.content = good + good},
      {.content = R"({"action":"TRAINING_LADDER","params":{}})"},
      {.content = R"({"action":"WITHDRAW","params":{"symbol":"BTC","size":1}})"},
      {.content = open_content("BTC-16JAN26-1-C", "0.1")},  // not a candidate
      {.content = open_content("BTC-16JAN26-99000-C", "-1")},
      {.content = open_content("BTC-16JAN26-99000-C", "\"all\"")},
      {.content = open_content("BTC-16JAN26-99000-C", "1e999")},
      {.content = std::string(100'000, '[')},
      {.content = good, .status = 500},
      {.content = good, .status = 401},
      {.content = good, .delivery = {.cut_after = 30}},
      {.content = good, .raw = "not json " + key},
      {.content = good, .raw = std::string((1U << 20) + 1, ' ')},
  };
  for (Model& model : models) {
    const ProductionDecision decision = ask(model);
    INFO(model.content.substr(0, 80) << " " << model.status << " " << decision.failure);
    CHECK(decision.source == DecisionSource::llm_fallback_to_rule);
    CHECK(decision.action.decision_source == DecisionSource::llm_fallback_to_rule);
    CHECK_FALSE(decision.failure.empty());
    CHECK(decision.failure.find(key) == std::string::npos);
  }
}

TEST_CASE("a slow model is not waited for", "[options][llm][http]") {
  Model model{open_content("BTC-16JAN26-99000-C", "0.1"), 200, {.byte_delay_ms = 20}};
  LoopbackServer server(rlx_test::test_leaf(), model.handler());
  rlx::io::HttpsTransport transport({.ca_file = rlx_test::test_authority_path()});
  LlmHttp llm(transport, Secret(key));
  const auto begin = std::chrono::steady_clock::now();
  const LlmReply reply = llm.post({"https://localhost:" + std::to_string(server.port()) + "/chat/completions", "{}", 300});
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
  CHECK_THAT(reply.failure, ContainsSubstring("timed out"));
}

TEST_CASE("a model's action that the risk engine denies is not taken", "[options][llm][http]") {
  Model model{open_content("BTC-16JAN26-99000-C", "0.1")};
  const ProductionDecision decision = ask(model);
  REQUIRE(decision.source == DecisionSource::llm);
  Settings settings;
  settings.underlyings = {"BTC"};
  const AgentState state = one_candidate();  // no instrument is listed: H4
  OrderContext context;
  context.amount = decision.action.size;
  context.price = Fixed8::parse("0.007");
  const RiskCheck check =
      check_action_allowed(state, decision.action, settings, Attestation::paper(0), ProjectedState{}, context);
  REQUIRE_FALSE(check.allowed);
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  const ProductionDecision instead = llm_fallback(state, settings, random, check.reasons.at(0));
  CHECK(instead.source == DecisionSource::llm_fallback_to_rule);
  CHECK(instead.failure == check.reasons.at(0));
}
