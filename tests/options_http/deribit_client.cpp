// SPDX-License-Identifier: MIT
#include <rlx/options/deribit_client.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <rlx/io/https_transport.hpp>

#include "options_http/exchange.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx::market::Fixed8;
using rlx_test::Connection;
using rlx_test::ContainsSubstring;
using rlx_test::Exchange;
using rlx_test::Fault;
using rlx_test::SharedClock;

OrderRequest sell(const std::string& label) {
  return {.side = Side::sell,
          .symbol = "BTC-16JAN26-99000-C",
          .underlying = "BTC",
          .amount = Fixed8::parse("0.1"),
          .price = Fixed8::parse("0.007"),
          .post_only = true,
          .label = label,
          .valid_until_ms = SharedClock::start_ms + 10'000};
}

struct Rig {
  SharedClock clock;
  Exchange exchange{clock};
  Connection connection{exchange, clock};
  rlx_test::TlsClient& client = connection.client;
};

}  // namespace

TEST_CASE("every method works over TLS", "[options][deribit][http]") {
  Rig rig;
  rig.exchange.desk.check_token = true;
  auto& client = rig.client;
  CHECK(client.attest().value->environment() == VenueEnvironment::testnet);
  CHECK(client.server_time_ms().value == SharedClock::start_ms);
  CHECK(client.index_price("BTC").value == 90000.5);
  REQUIRE(client.instruments("BTC").is_confirmed());
  ChainSnapshot chain;
  REQUIRE(client.chain("BTC", chain).is_confirmed());
  CHECK(chain.quotes.size() == 2);
  CHECK(client.ticker("BTC-16JAN26-99000-C").value->delta == 0.151);
  CHECK(client.account("BTC").value->equity == Fixed8::parse("2.5"));
  CHECK(client.positions("BTC").value->size() == 1);
  CHECK(client.margins("BTC-16JAN26-99000-C", Fixed8::parse("0.1"), Fixed8::parse("0.007")).is_confirmed());
  CHECK(client.hourly_closes("BTC", 0, SharedClock::start_ms).value->size() == 2);
  CHECK(client.settlements("BTC", 0).value->size() == 2);
  const auto placed = client.submit(sell("rlx1-a"));
  REQUIRE(placed.is_confirmed());
  CHECK(client.open_orders("BTC").value->size() == 1);
  CHECK(client.orders_by_label("BTC", "rlx1-a").value->front() == *placed.value);
  CHECK(client.cancel(placed.value->order_id).value->state == OrderState::cancelled);
  REQUIRE(client.submit(sell("rlx1-b")).is_confirmed());
  CHECK(client.cancel_by_label("BTC", "rlx1-b").value == 1);
  CHECK(client.cancel_all().value == 0);
  CHECK(rig.exchange.desk.calls("public/auth") == 1);
}

TEST_CASE("whatever breaks after the order was taken is unknown, and the label finds the order", "[options][deribit][http]") {
  const auto cut = [](std::size_t bytes) { return [bytes](std::string& body) { body.resize(std::min(bytes, body.size())); }; };
  const auto previous = [](std::string& body) { body.replace(body.find("\"id\":"), 5, "\"id\":9"); };
  const std::vector<std::pair<const char*, Fault>> faults = {
      {"no reply in time", {.delivery = {.delay_ms = 3'000}}},
      {"slow body", {.delivery = {.byte_delay_ms = 30}}},
      {"connection closed before the body", {.delivery = {.cut_after = 0}}},
      {"connection closed inside the body", {.delivery = {.cut_after = 50}}},
      {"reply of another request", {.edit = previous}},
      {"two replies in one", {.edit = [](std::string& body) { body += body; }}},
      {"truncated JSON", {.edit = cut(60)}},
      {"empty body", {.edit = cut(0)}},
      {"no JSON", {.edit = [](std::string& body) { body = "<html>It works!</html>"; }}},
      {"JSON of something else", {.edit = [](std::string& body) { body = "[1,2,3]"; }}},
      {"a NUL byte", {.edit = [](std::string& body) { body[20] = '\0'; }}},
      {"HTTP 500", {.status = 500}},
      {"HTTP 502 without JSON", {.status = 502, .edit = [](std::string& body) { body = "bad gateway"; }}},
      {"HTTP 204", {.status = 204}},
      {"no order id", {.edit = [](std::string& body) { body.replace(body.find("\"order_id\""), 10, "\"order_xx\""); }}},
      {"filled above the amount",
       {.edit = [](std::string& body) { body.replace(body.find("\"filled_amount\":0.0"), 19, "\"filled_amount\":9.0"); }}},
      {"unknown state", {.edit = [](std::string& body) { body.replace(body.find("\"open\""), 6, "\"ajar\""); }}},
  };
  SharedClock clock;
  Exchange exchange(clock);
  Connection connection(exchange, clock, 400);
  auto& client = connection.client;
  REQUIRE(client.authenticate().is_confirmed());
  int n = 0;
  for (const auto& [what, fault] : faults) {
    INFO(what);
    const std::string label = "rlx1-" + std::to_string(n++);
    exchange.faults["private/sell"].push_back(fault);
    const auto begin = std::chrono::steady_clock::now();
    const auto outcome = client.submit(sell(label));
    CHECK(outcome.kind == OutcomeKind::unknown);
    CHECK_FALSE(outcome.value.has_value());
    CHECK_THAT(outcome.message, ContainsSubstring("private/sell"));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
    const auto found = client.orders_by_label("BTC", label);
    REQUIRE(found.is_confirmed());
    CHECK(found.value->size() == 1);
  }
  CHECK(exchange.desk.orders.size() == faults.size());  // nothing was sent twice
}

TEST_CASE("a failed read is no value", "[options][deribit][http]") {
  SharedClock clock;
  Exchange exchange(clock);
  Connection connection(exchange, clock, 400);
  ChainSnapshot chain;
  exchange.faults["public/get_book_summary_by_currency"] = {
      {.edit = [](std::string& body) { body.resize(body.size() / 2); }},
      {.edit = [](std::string& body) { body = std::string((33U << 20), ' '); }}};
  CHECK(connection.client.chain("BTC", chain).kind == OutcomeKind::unknown);
  CHECK(connection.client.chain("BTC", chain).kind == OutcomeKind::unknown);  // longer than 32 MiB, or than the deadline
  // The next one is read again; on a busy machine not always within the 400 ms.
  bool read = false;
  for (int attempt = 0; attempt < 5 && !read; ++attempt) read = connection.client.chain("BTC", chain).is_confirmed();
  CHECK(read);
}

TEST_CASE("refusals say whether to come again", "[options][deribit][http]") {
  Rig rig;
  for (const auto& [code, retryable] :
       std::vector<std::pair<int, bool>>{{10028, true}, {10040, true}, {11054, false}, {10009, false}}) {
    rig.exchange.desk.errors["private/sell"] = {{{"code", code}, {"message", "no"}}};
    const auto outcome = rig.client.submit(sell("rlx1-r"));
    CHECK(outcome.kind == OutcomeKind::rejected);
    CHECK(outcome.code == code);
    CHECK(outcome.retryable == retryable);
  }
  CHECK(rig.exchange.desk.orders.empty());
}

TEST_CASE("a token that the server forgets is replaced", "[options][deribit][http]") {
  Rig rig;
  rig.exchange.desk.check_token = true;
  REQUIRE(rig.client.submit(sell("rlx1-1")).is_confirmed());
  rig.exchange.desk.token = "TOKEN-second";
  REQUIRE(rig.client.positions("BTC").is_confirmed());  // read again by itself
  CHECK(rig.exchange.desk.calls("public/auth") == 2);
  rig.exchange.desk.token = "TOKEN-third";
  const auto refused = rig.client.submit(sell("rlx1-2"));
  CHECK(refused.code == 13009);
  CHECK(refused.retryable);
  CHECK(rig.client.orders_by_label("BTC", "rlx1-2").value->empty());
  REQUIRE(rig.client.submit(sell("rlx1-2")).is_confirmed());
  CHECK(rig.exchange.desk.orders.size() == 2);
  CHECK(rig.exchange.desk.calls("public/auth") == 3);
}

TEST_CASE("partial fills come with their trades", "[options][deribit][http]") {
  Rig rig;
  rig.exchange.desk.fill_part = 0.5;
  const auto placed = rig.client.submit(sell("rlx1-p"));
  REQUIRE(placed.is_confirmed());
  CHECK(placed.value->filled_amount == Fixed8::parse("0.05"));
  CHECK(placed.value->fills.size() == 1);
  const auto found = rig.client.orders_by_label("BTC", "rlx1-p");
  REQUIRE(found.is_confirmed());
  CHECK(found.value->front().fee == placed.value->fee);
}

TEST_CASE("a wrong or missing flag stops the client over TLS too", "[options][deribit][http]") {
  for (const std::string flag : {"false", "", "\"true\""}) {
    Rig rig;
    REQUIRE(rig.client.submit(sell("rlx1-f")).is_confirmed());
    rig.exchange.desk.testnet = flag;
    CHECK_THROWS_AS(rig.client.server_time_ms(), AttestationError);
    const int requests = rig.exchange.requests();
    CHECK_THROWS_AS(rig.client.submit(sell("rlx1-g")), AttestationError);
    CHECK_THROWS_AS(rig.client.cancel_all(), AttestationError);
    CHECK(rig.exchange.requests() == requests);
    CHECK(rig.client.cancel_by_label("BTC", "rlx1-f").value == 1);
    CHECK(rig.exchange.requests() == requests + 1);
  }
}

TEST_CASE("redirects and false certificates end in errors, with nothing sent elsewhere", "[options][deribit][http]") {
  Rig rig;
  rig.exchange.faults["private/sell"] = {{.redirect = "https://www.deribit.com/api/v2/private/sell"}};
  CHECK_THROWS_AS(rig.client.submit(sell("rlx1-x")), SafetyError);

  const rlx_test::Certificate self_signed({});
  const rlx_test::Certificate expired({.from_s = -7200, .to_s = -3600, .issuer = &rlx_test::test_authority()});
  const rlx_test::Certificate wrong_name(
      {.name = "test.deribit.com", .alternative = "DNS:test.deribit.com", .issuer = &rlx_test::test_authority()});
  for (const rlx_test::Certificate* certificate : {&self_signed, &expired, &wrong_name}) {
    SharedClock clock;
    Exchange exchange(clock, *certificate);
    Connection connection(exchange, clock);
    CHECK_THROWS_AS(connection.client.attest(), rlx::VenueError);
    CHECK_THROWS_AS(connection.client.submit(sell("rlx1-y")), rlx::VenueError);
    CHECK(exchange.requests() == 0);
  }
}

TEST_CASE("no message over TLS holds the secret, the id or the token", "[options][deribit][http]") {
  SharedClock clock;
  Exchange exchange(clock);
  Connection connection(exchange, clock, 400);
  std::vector<std::string> messages;
  const auto echo = [&](const std::string& text) {
    return Fault{.edit = [text](std::string& body) {
      body = "{\"jsonrpc\":\"2.0\",\"id\":" +
             body.substr(body.find("\"id\":") + 5, body.find(',', body.find("\"id\":")) - body.find("\"id\":") - 5) +
             ",\"testnet\":true,\"error\":{\"code\":10000,\"message\":\"" + text + "\"}}";
    }};
  };
  exchange.faults["public/auth"] = {
      echo("bad " + rlx_test::client_secret + " of " + rlx_test::client_id),
      {.edit = [](std::string& body) { body = rlx_test::client_secret; }},
      {.edit = [](std::string& body) { body.replace(body.find("\"expires_in\":900"), 16, "\"expires_in\":\"x\""); }}};
  for (int i = 0; i < 3; ++i) messages.push_back(connection.client.account("BTC").message);
  const std::string token = exchange.desk.token;
  exchange.faults["private/sell"] = {
      echo("token " + token),
      {.edit = [&](std::string& body) { body = token; }},
      {.delivery = {.delay_ms = 2'000}},
      {.status = 500},
      {.edit = [&](std::string& body) { body.replace(body.find("\"open\""), 6, '"' + token + '"'); }}};
  for (int i = 0; i < 5; ++i) messages.push_back(connection.client.submit(sell("rlx1-" + std::to_string(i))).message);
  exchange.desk.testnet = '"' + token + '"';
  try {
    connection.client.account("BTC");
  } catch (const AttestationError& error) {
    messages.push_back(error.what());
  }
  REQUIRE(messages.size() == 9);
  for (const std::string& message : messages) {
    INFO(message);
    CHECK_FALSE(message.empty());
    CHECK(message.find(rlx_test::client_secret) == std::string::npos);
    CHECK(message.find(rlx_test::client_id) == std::string::npos);
    CHECK(message.find(token) == std::string::npos);
  }
}
