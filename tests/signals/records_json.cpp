// SPDX-License-Identifier: MIT
#include <rlx/signals/records_json.hpp>

#include <limits>
#include <string>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/random.hpp>
#include <rlx/signals/detail/canonical_json.hpp>

#include "rlx_catch.hpp"

using namespace rlx::signals;
using rlx_test::ContainsSubstring;

namespace {
Signal read(const char* text) { return signal_from_json(Json::parse(text)); }
}  // namespace

TEST_CASE("records json: a signal with integer or fractional numbers", "[signals]") {
  const Signal signal = read(R"({"signal_id":"signal1","strategy":"momentum","timestamp":1234567890,
      "params":{"amount":1,"base":"BTC","quote":"USDT","price":50000,"note":{"z":1,"a":2.50}}})");
  REQUIRE(
      signal ==
      Signal{
          .signal_id = "signal1",
          .strategy = "momentum",
          .params = {.amount = 1.0, .base = "BTC", .quote = "USDT", .price = 50000.0, .extra = R"({"note":{"a":2.5,"z":1}})"},
          .timestamp = 1234567890.0});
  REQUIRE(read(R"({"signal_id":"a","timestamp":1234567890.5})").timestamp == 1234567890.5);
  REQUIRE(signal_from_json(to_json(signal)) == signal);
  REQUIRE(parse_signal(to_json(signal).dump()) == signal);
}

TEST_CASE("records json: what has another type is kept, and survives the way there and back", "[signals]") {
  for (const char* text : {R"({"signal_id":"a","params":{"amount":"0.1","base":1},"timestamp":true})",
                           R"({"signal_id":"a","params":[1,2],"timestamp":"now"})",
                           R"({"signal_id":"a","strategy":null,"params":{"amount":true,"quote":{},"price":"1"},"timestamp":5})",
                           R"({"signal_id":"a","params":{}})"}) {
    const Signal signal = read(text);
    REQUIRE_FALSE(signal.malformed.empty());
    REQUIRE(signal_from_json(to_json(signal)) == signal);
  }
  const Signal signal = read(R"({"signal_id":"a","strategy":7,"params":{"amount":"0.1"},"timestamp":5})");
  REQUIRE(signal.malformed == std::vector<MalformedField>{{"strategy", "7"}, {"params.amount", "\"0.1\""}});
  REQUIRE(read(R"({"signal_id":"a"})").malformed == std::vector<MalformedField>{{"timestamp", ""}});
}

TEST_CASE("records json: no object, no id", "[signals]") {
  REQUIRE_THROWS_AS(read("[]"), rlx::DataError);
  REQUIRE_THROWS_WITH(read("{}"), ContainsSubstring("signal.signal_id"));
  REQUIRE_THROWS_WITH(read(R"({"signal_id":5})"), ContainsSubstring("signal.signal_id"));
  REQUIRE_THROWS_WITH(read(R"({"signal_id":""})"), ContainsSubstring("signal.signal_id"));
}

TEST_CASE("records json: every other record comes back as it went", "[signals]") {
  const Rejection rejection{"a", "Exposure limit exceeded", RejectionCode::exposure_limit, Stage::risk, 5.25};
  REQUIRE(rejection_from_json(to_json(rejection)) == rejection);
  REQUIRE(rejection_from_json(Json::parse(R"({"signal_id":"a","reason":"Exposure limit exceeded","timestamp":5.25})")) ==
          rejection);
  const PnlSnapshot pnl{"a", -3.5, 7.0, false};
  REQUIRE(pnl_snapshot_from_json(to_json(pnl)) == pnl);
  REQUIRE(pnl_snapshot_from_json(Json::parse(R"({"signal_id":"a","pnl":1,"timestamp":2})")) == PnlSnapshot{"a", 1.0, 2.0});
  const MarketSnapshot market{"BTC/USDT", 1.0, 2.0, 3.0, 4.0, 5.0};
  REQUIRE(market_snapshot_from_json(to_json(market)) == market);
  const TradeCommand command{"a", "momentum", {.amount = 1.0, .base = "B", .quote = "Q", .extra = R"({"x":1})"}, {9.0}};
  REQUIRE(trade_command_from_json(to_json(command)) == command);
  const PipelinePackage package{command, 10.0, 2.0};
  REQUIRE(pipeline_package_from_json(to_json(package)) == package);
  const AgentExchange exchange{7, Topic::risk, "a", AnswerStatus::timeout, 1.0, 31.0, "no answer"};
  REQUIRE(agent_exchange_from_json(to_json(exchange)) == exchange);
  REQUIRE(exchange.latency() == 30.0);
  const Execution execution{"a", ExecutionOutcome::unknown, 12.5, 3.0};
  REQUIRE(execution_from_json(to_json(execution)) == execution);
  const SignalScore score{"a", 0.25, 0.05, false, 3, 1.0};
  REQUIRE(signal_score_from_json(to_json(score)) == score);
}

TEST_CASE("records json: a member that does not fit is named", "[signals]") {
  REQUIRE_THROWS_WITH(rejection_from_json(Json::parse(R"({"signal_id":"a","reason":"r","code":"no","timestamp":1})")),
                      ContainsSubstring("rejection.code") && ContainsSubstring("\"no\""));
  REQUIRE_THROWS_WITH(pnl_snapshot_from_json(Json::parse(R"({"signal_id":"a","pnl":"1","timestamp":1})")),
                      ContainsSubstring("pnl_snapshot.pnl"));
  REQUIRE_THROWS_WITH(trade_command_from_json(Json::parse(R"({"signal_id":"a","strategy":"s","params":{"amount":"1"}})")),
                      ContainsSubstring("params.amount"));
  REQUIRE_THROWS_AS(to_json(Signal{.signal_id = "a", .params = {.extra = "[1]"}}), rlx::DataError);
}

TEST_CASE("records json: text from outside has limits", "[signals]") {
  const std::string big = "\"" + std::string(1 << 20, 'x') + "\"";
  REQUIRE_THROWS_WITH(parse_untrusted(big, "agent"), ContainsSubstring("agent: expected at most 65536 bytes"));
  REQUIRE_THROWS_WITH(parse_untrusted(std::string(1000, '[') + std::string(1000, ']'), "agent"),
                      ContainsSubstring("nested deeper than 32"));
  REQUIRE_NOTHROW(parse_untrusted(std::string(32, '[') + std::string(32, ']'), "agent"));
  REQUIRE_THROWS_AS(parse_untrusted(std::string(33, '[') + std::string(33, ']'), "agent"), rlx::DataError);
  REQUIRE_NOTHROW(parse_untrusted("\"" + std::string(100, '[') + "\\\"[\"", "agent"));
  REQUIRE_THROWS_AS(parse_untrusted("\"\xFF\xFE\"", "agent"), rlx::DataError);
  REQUIRE_THROWS_AS(parse_untrusted("__import__('os')", "agent"), rlx::DataError);
  REQUIRE_THROWS_AS(parse_untrusted(R"({"a":1,"a":2})", "agent"), rlx::DataError);
  REQUIRE_THROWS_AS(parse_untrusted("1e999", "agent"), rlx::DataError);
}

TEST_CASE("records json: the library's own value writes the bytes that nlohmann/json writes", "[signals]") {
  using Tree = rlx::detail::JsonTree;
  // Whole characters of 1 to 4 bytes, beginnings of some, bytes that begin none, escapes.
  const std::vector<std::string> parts = {
      "a",    "\"",   "\\",       "\n",           "\x01", "\x7F", "\xC3\xA9",         "\xE2\x82\xAC",
      "\xC3", "\xE2", "\xE2\x82", "\xF0\x9F\x98", "\x80", "\xFF", "\xF0\x9F\x98\x80", "\xED\xA0"};
  rlx::RandomStream random({1, rlx::Purpose::user});
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (std::uint64_t n = random.bounded(6); n > 0; --n) text += parts[random.bounded(parts.size())];
    std::string written;
    rlx::io::detail::append_json_string(written, text);
    REQUIRE(written == Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  const auto same = [](const auto& record) {
    const std::string text = detail::canonical_text(to_json(record));
    REQUIRE(detail::canonical_text(to_json<Tree>(record)) == text);
    REQUIRE(detail::canonical_text(Json::parse(text)) == detail::canonical_text(Tree::parse(text, "record")));
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double number : {0.0, -0.0, 1.0, 0.1, -2.5, 1e-10, 1e15, 1e300, 123456789.125, nan}) {
    const Signal signal{
        "s", "momentum", {number, "BTC", "USDT", {}, R"({"a":[1,-2,3.5,1e30,null,true,"\u00e9"],"b":{}})"}, number, {}};
    same(signal);
    same(Rejection{"s", "why \xE2\x82\xAC", RejectionCode::max_loss, Stage::risk, number});
    same(PnlSnapshot{"s", number, 1.0, false});
    same(MarketSnapshot{"BTC/USDT", 1.0, number, number, number, number});
    const TradeCommand command{"s", "momentum", signal.params, {number}};
    same(command);
    same(PipelinePackage{command, 1.0, number});
    same(AgentExchange{18446744073709551615U, Topic::risk, "s", AnswerStatus::timeout, number, 2.0, ""});
    same(Execution{"s", ExecutionOutcome::unknown, number, 1.0});
    same(SignalScore{"s", 0.5, number, true, 3, 1.0});
  }
  Signal malformed{"s", "", {}, 0.0, {{"timestamp", ""}, {"params.amount", "\"1\""}, {"strategy", "7"}}};
  same(malformed);
}
