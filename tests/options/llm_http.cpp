// SPDX-License-Identifier: MIT
#include <rlx/options/llm_http.hpp>

#include <string>
#include <vector>

#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx_test::ContainsSubstring;

struct OneReply {
  rlx::io::HttpResult reply = rlx::io::HttpReply{200, {}, "{}"};
  std::vector<rlx::io::HttpRequest> sent;
  std::vector<std::string> keys;
  rlx::io::HttpResult send(const rlx::io::HttpRequest& request) {
    sent.push_back(request);
    keys.push_back(request.headers.empty() ? "" : request.headers[0].second);
    return reply;
  }
};
static_assert(LlmTransport<LlmHttp<OneReply>>);

}  // namespace

TEST_CASE("a model is asked at the address of its base URL", "[options][llm]") {
  OneReply transport;
  LlmHttp llm(transport, Secret("llm-key-123"));
  const auto reply = llm.post({llm_url("https://api.example.com/v1/"), "{\"model\":\"m\"}"});
  CHECK(reply.status == 200);
  CHECK(reply.failure.empty());
  REQUIRE(transport.sent.size() == 1);
  const auto& sent = transport.sent[0];
  CHECK(sent.host == "api.example.com");
  CHECK(sent.port == 443);
  CHECK(sent.tls);
  CHECK(sent.path == "/v1/chat/completions");
  CHECK(sent.deadline_ms == 10'000);
  CHECK(sent.max_reply_bytes == 1'048'576);
  CHECK(transport.keys[0] == "Bearer llm-key-123");
  CHECK(sent.body == "{\"model\":\"m\"}");

  llm.post({"http://127.0.0.1:8080/chat/completions", ""});
  CHECK(transport.sent[1].port == 8080);
  CHECK_FALSE(transport.sent[1].tls);
  llm.post({"http://[::1]:8080/x", ""});
  CHECK(transport.sent[2].host == "::1");
  CHECK(transport.sent[2].port == 8080);
  llm.post({"http://[::1]/x", ""});
  CHECK(transport.sent[3].host == "::1");
  CHECK(transport.sent[3].port == 80);
  LlmHttp local(transport);
  local.post({"https://localhost:1/x", ""});
  CHECK(transport.sent[4].headers.empty());
}

TEST_CASE("addresses that are not allowed are not asked", "[options][llm]") {
  OneReply transport;
  LlmHttp llm(transport, Secret("llm-key-123"));
  for (const char* url : {"http://api.example.com/v1", "https://user:pass@host/", "https://host:0/", "https://host:65536/",
                          "https://host:x/", "https://host:/", "ftp://host/", "", "https://", "https://host/\r\nX: y"}) {
    INFO(url);
    CHECK_THAT(llm.post({url, ""}).failure, ContainsSubstring("llm_base_url"));
  }
  CHECK(transport.sent.empty());
}

TEST_CASE("failures are told and the key is not", "[options][llm]") {
  OneReply transport;
  LlmHttp llm(transport, Secret("llm-key-123"));
  transport.reply = rlx::io::HttpFailure{rlx::io::HttpFailureKind::too_large, true, "host: llm-key-123 too long"};
  const auto failed = llm.post({"https://host/x", ""});
  CHECK(failed.failure == "reply too large: host: *** too long");
  transport.reply = rlx::io::HttpReply{401, {}, "wrong key llm-key-123, llm-key-123"};
  const auto echoed = llm.post({"https://host/x", ""});
  CHECK(echoed.status == 401);
  CHECK(echoed.body == "wrong key ***, ***");
}

TEST_CASE("a reply that spells the key in escapes brings it into no record", "[options][llm]") {
  OneReply transport;
  LlmHttp llm(transport, Secret("llm-key-123"));
  Settings settings;
  settings.llm_enabled = true;
  settings.llm_model = "m";
  settings.llm_base_url = "https://api.example.com/v1";
  rlx::RandomStream random({0, rlx::Purpose::exploration});
  const auto decide = [&](const std::string& content) {
    transport.reply = rlx::io::HttpReply{200, {}, R"({"choices":[{"message":{"content":")" + content + R"("}}]})"};
    return llm_decide_action(AgentState(), settings, llm, random);
  };
  // Escaped once in the reply, and once more in the content.
  for (const std::string key : {R"(\u006clm-key-123)", R"(llm\\u002dkey-123)"}) {
    INFO(key);
    const auto kept = decide(R"({\"action\":\"DO_NOTHING\",\"reasoning\":\"the key is )" + key + R"(\"})");
    CHECK(kept.source == DecisionSource::llm);
    CHECK(kept.action.reasoning == "the key is ***");
    CHECK(decide(R"({\"action\":\")" + key + R"(\"})").failure == "expected one of the four actions, found '***'");
    // A message is cut to a length, here in the middle of the key.
    const std::string dots(50, '.');
    CHECK(decide(R"({\"action\":\")" + dots + key + R"(\"})").failure ==
          "expected one of the four actions, found '" + dots + "***...'");
  }
}
