// SPDX-License-Identifier: MIT
#include <rlx/options/deribit_client.hpp>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/options/detail/hmac.hpp>
#include <rlx/options/endpoint.hpp>

#include "options/rpc_desk.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::options;
using rlx::io::HttpFailure;
using rlx::io::HttpFailureKind;
using rlx::io::HttpReply;
using rlx::market::Fixed8;
using rlx_test::ContainsSubstring;
using rlx_test::RpcDesk;

// A transport without a network: the desk answers at once, or what a test puts in its place.
struct DeskTransport {
  RpcDesk desk;
  std::function<std::optional<rlx::io::HttpResult>(const std::string& method, int status, std::string& body)> spoil;
  std::vector<rlx::io::HttpRequest> sent;

  rlx::io::HttpResult send(const rlx::io::HttpRequest& request) {
    sent.push_back(request);
    std::string authorization;
    for (const auto& [name, value] : request.headers) {
      if (name == "Authorization") authorization = value;
    }
    auto [status, body] = desk.answer(request.path, request.body, authorization);
    if (spoil) {
      if (auto instead = spoil(desk.methods.back(), status, body)) return *std::move(instead);
    }
    return HttpReply{status, {}, body};
  }
};

const std::string secret = "SECRET-key-0123456789";
constexpr std::int64_t start_ms = 1'767'340'800'000;  // 2026-01-02 08:00 UTC

struct Rig {
  DeskTransport transport;
  rlx::ManualClock clock{start_ms};
  DeribitClient<DeskTransport, rlx::ManualClock> client;

  explicit Rig(DeribitGrant grant = DeribitGrant::client_signature, VenueEnvironment environment = VenueEnvironment::testnet)
      : client({.endpoint = {.host = environment == VenueEnvironment::testnet ? "test.deribit.com" : "www.deribit.com",
                             .port = 443,
                             .environment = environment,
                             .ca_file = {}},
                .grant = grant},
               Credentials{"my-client-id", Secret(secret)}, transport, clock) {}
  RpcDesk& desk() { return transport.desk; }
};

OrderRequest sell(const std::string& label = "rlx1-aaaa") {
  return {.side = Side::sell,
          .symbol = "BTC-16JAN26-99000-C",
          .underlying = "BTC",
          .amount = Fixed8::parse("0.1"),
          .price = Fixed8::parse("0.007"),
          .post_only = true,
          .label = label,
          .valid_until_ms = start_ms + 10'000};
}

}  // namespace

static_assert(Venue<DeribitClient<DeskTransport, rlx::ManualClock>>);

TEST_CASE("HMAC-SHA256 gives the vectors of RFC 4231", "[options][deribit]") {
  CHECK(detail::hmac_sha256_hex(std::string(20, '\x0b'), "Hi There") ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(detail::hmac_sha256_hex("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(detail::hmac_sha256_hex(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("every method of the venue reads its reply", "[options][deribit]") {
  Rig rig;
  auto& client = rig.client;
  CHECK(client.environment() == VenueEnvironment::testnet);
  const auto attested = client.attest();
  REQUIRE(attested.is_confirmed());
  CHECK(attested.value->environment() == VenueEnvironment::testnet);
  CHECK(attested.value->at_ms() == rig.clock.now_ms());
  CHECK(client.server_time_ms().value == start_ms);
  CHECK(client.index_price("BTC").value == 90000.5);
  CHECK(rig.desk().params.back().at("index_name") == "btc_usd");

  const auto listed = client.instruments("BTC");
  REQUIRE(listed.is_confirmed());
  REQUIRE(listed.value->size() == 3);
  CHECK((*listed.value)[1].symbol == "BTC-16JAN26-95000-C");  // ascending by symbol
  ChainSnapshot chain;
  const auto ts = client.chain("BTC", chain);
  REQUIRE(ts.is_confirmed());
  CHECK(*ts.value == start_ms + 1);  // usOut
  CHECK(chain.index == 90000.5);
  REQUIRE(chain.quotes.size() == 2);
  CHECK(chain.rejected_rows == 0);
  CHECK((*listed.value)[chain.quotes[0].instrument].symbol == "BTC-16JAN26-99000-C");
  CHECK(chain.quotes[0].mark_iv == 0.45);
  CHECK(chain.quotes[0].bid == Fixed8::parse("0.0065"));
  CHECK(chain.quotes[1].bid == Fixed8());  // null: no bid

  const auto ticker = client.ticker("BTC-16JAN26-99000-C");
  REQUIRE(ticker.is_confirmed());
  CHECK(ticker.value->delta == 0.151);
  CHECK(ticker.value->mark_iv == 0.452);
  const auto account = client.account("BTC");
  REQUIRE(account.is_confirmed());
  CHECK(account.value->equity == Fixed8::parse("2.5"));
  const auto positions = client.positions("BTC");
  REQUIRE(positions.is_confirmed());
  REQUIRE(positions.value->size() == 1);
  CHECK(positions.value->front().size == Fixed8::parse("-0.2"));
  CHECK(positions.value->front().delta == rlx_test::Approx(0.151));
  CHECK(client.margins("BTC-16JAN26-99000-C", Fixed8::parse("0.1"), Fixed8::parse("0.007")).value->initial ==
        Fixed8::parse("0.1125"));
  const auto closes = client.hourly_closes("BTC", start_ms - 86'400'000, start_ms);
  REQUIRE(closes.is_confirmed());
  CHECK(closes.value->back().value == 90010.5);
  // The venue names the beginning of an hour; its close belongs to the end.
  REQUIRE(closes.value->size() == 2);
  CHECK(closes.value->back().ts_ms - closes.value->front().ts_ms == 3'600'000);
  CHECK(std::llabs(closes.value->back().ts_ms - start_ms) < 60'000);
  CHECK(rig.desk().params.back().at("instrument_name") == "BTC-PERPETUAL");

  const auto settled = client.settlements("BTC", start_ms - 3'600'000);
  REQUIRE(settled.is_confirmed());
  REQUIRE(settled.value->size() == 1);  // the older one is before the instant
  // 0.1 * (90000 - 88000)/90000 = 0.00222222, fee 0.1 * min(0.00015, 0.125 * 0.0222) = 0.000015
  CHECK(settled.value->front().payoff == Fixed8::parse("0.00222222"));
  CHECK(settled.value->front().delivery_fee == Fixed8::parse("0.000015"));

  for (const char* impossible : {"1e-9", "1e30", "99999999"}) {
    rig.desk().results["private/get_settlement_history_by_currency"] =
        std::string(R"({"settlements":[{"type":"delivery","instrument_name":"BTC-2JAN26-88000-C","timestamp":1,)") +
        R"("position":-10000,"index_price":)" + impossible + "}]}";
    CHECK(client.settlements("BTC", 0).kind == OutcomeKind::unknown);
  }
  rig.desk().results.clear();

  rig.desk().fill_part = 0.5;
  const auto placed = client.submit(sell());
  REQUIRE(placed.is_confirmed());
  CHECK(placed.value->state == OrderState::open);
  CHECK(placed.value->filled_amount == Fixed8::parse("0.05"));
  CHECK(placed.value->fee == Fixed8::parse("0.00001"));
  const auto& params = rig.desk().params.back();
  CHECK(
      params.dump() ==
      R"({"instrument_name":"BTC-16JAN26-99000-C","amount":0.1,"type":"limit","price":0.007,"time_in_force":"good_til_cancelled",)"
      R"("post_only":true,"reject_post_only":true,"label":"rlx1-aaaa","valid_until":1767340810000})");
  const auto found = client.orders_by_label("BTC", "rlx1-aaaa");
  REQUIRE(found.is_confirmed());
  REQUIRE(found.value->size() == 1);
  CHECK(found.value->front().fee == Fixed8::parse("0.00001"));  // from its trades
  CHECK(client.orders_by_label("BTC", "rlx1-other").value->empty());
  CHECK(client.open_orders("BTC").value->size() == 1);
  const auto cancelled = client.cancel(found.value->front().order_id);
  REQUIRE(cancelled.is_confirmed());
  CHECK(cancelled.value->state == OrderState::cancelled);
  CHECK(cancelled.value->filled_amount == Fixed8::parse("0.05"));
  rig.desk().fill_part = 0.0;
  REQUIRE(client.submit(sell("rlx1-bbbb")).is_confirmed());
  REQUIRE(client.submit(sell("rlx1-cccc")).is_confirmed());
  CHECK(client.cancel_by_label("BTC", "rlx1-bbbb").value == 1);
  CHECK(client.cancel_all().value == 1);

  OrderRequest close = sell("rlx1-dddd");
  close.side = Side::buy;
  close.post_only = false;
  close.reduce_only = true;
  close.time_in_force = TimeInForce::immediate_or_cancel;
  REQUIRE(client.submit(close).is_confirmed());
  CHECK(rig.desk().methods.back() == "private/buy");
  CHECK(rig.desk().params.back().at("time_in_force") == "immediate_or_cancel");
  CHECK(rig.desk().params.back().at("reduce_only") == true);
  CHECK_FALSE(rig.desk().params.back().contains("post_only"));
  CHECK_THROWS_AS(client.submit(sell("")), rlx::ConfigError);
  CHECK_THROWS_AS(client.submit(sell(std::string(65, 'x'))), rlx::ConfigError);
}

TEST_CASE("authentication signs, asks for its scope, is renewed at four fifths and never shows the secret",
          "[options][deribit]") {
  Rig rig;
  rig.desk().check_token = true;
  REQUIRE(rig.client.account("BTC").is_confirmed());
  REQUIRE(rig.client.positions("BTC").is_confirmed());
  CHECK(rig.desk().calls("public/auth") == 1);
  const auto& auth = rig.desk().params.front();
  CHECK(auth.at("grant_type") == "client_signature");
  CHECK(auth.at("scope") == "trade:read_write account:read wallet:none");
  const std::string signed_text =
      std::to_string(auth.at("timestamp").get<std::int64_t>()) + '\n' + auth.at("nonce").get<std::string>() + '\n';
  CHECK(auth.at("signature") == detail::hmac_sha256_hex(secret, signed_text));
  CHECK_FALSE(auth.contains("client_secret"));

  rig.clock.advance_ms(719'000);
  REQUIRE(rig.client.positions("BTC").is_confirmed());
  CHECK(rig.desk().calls("public/auth") == 1);
  rig.clock.advance_ms(2'000);  // 0.8 * 900 s have passed
  REQUIRE(rig.client.positions("BTC").is_confirmed());
  CHECK(rig.desk().calls("public/auth") == 2);

  for (const auto& request : rig.transport.sent) {
    CHECK(request.method == rlx::io::HttpMethod::post);
    CHECK(request.tls);
    CHECK(request.path.find(secret) == std::string::npos);
    CHECK(request.path.find(rig.desk().token) == std::string::npos);
    CHECK(request.body.find(secret) == std::string::npos);
  }

  Rig plain(DeribitGrant::client_credentials);
  REQUIRE(plain.client.account("BTC").is_confirmed());
  CHECK(plain.desk().params.front().at("client_secret") == secret);

  rlx::ManualClock clock;
  DeskTransport transport;
  DeribitClient<DeskTransport, rlx::ManualClock> reader(
      {.endpoint = {.host = "test.deribit.com", .port = 443, .environment = VenueEnvironment::testnet, .ca_file = {}}},
      std::nullopt, transport, clock);
  REQUIRE(reader.attest().is_confirmed());
  const auto refused = reader.account("BTC");
  CHECK(refused.kind == OutcomeKind::rejected);
  CHECK(classify_code(refused.code) == CodeClass::stop);
  CHECK(transport.sent.size() == 1);
}

TEST_CASE("an expired token is renewed once, and an order is given back instead of being repeated", "[options][deribit]") {
  Rig rig;
  const nlohmann::ordered_json expired = {
      {"code", 13009}, {"message", "invalid_token"}, {"data", {{"reason", "token has expired"}, {"param", "access_token"}}}};
  rig.desk().errors["private/get_positions"] = {expired};
  REQUIRE(rig.client.positions("BTC").is_confirmed());
  CHECK(rig.desk().calls("private/get_positions") == 2);
  CHECK(rig.desk().calls("public/auth") == 2);

  rig.desk().errors["private/get_positions"] = {expired, expired, expired};
  const auto twice = rig.client.positions("BTC");
  CHECK(twice.kind == OutcomeKind::rejected);
  CHECK(twice.code == 13009);
  CHECK_FALSE(twice.retryable);
  CHECK(rig.desk().calls("private/get_positions") == 4);
  CHECK_THAT(twice.message, ContainsSubstring("token has expired"));

  rig.desk().errors["private/get_positions"].clear();
  rig.desk().errors["private/sell"] = {expired};
  const auto refused = rig.client.submit(sell());
  CHECK(refused.kind == OutcomeKind::rejected);
  CHECK(refused.code == 13009);
  CHECK(refused.retryable);
  CHECK(rig.desk().calls("private/sell") == 1);
  const int before = rig.desk().calls("public/auth");
  CHECK(rig.client.orders_by_label("BTC", "rlx1-aaaa").value->empty());  // the look-up brings the new token
  CHECK(rig.desk().calls("public/auth") == before + 1);
  REQUIRE(rig.client.submit(sell()).is_confirmed());
  CHECK(rig.desk().orders.size() == 1);

  rig.clock.advance_ms(3'600'000);
  rig.desk().errors["public/auth"] = {{{"code", 13004}, {"message", "invalid_credentials"}}};
  const auto stopped = rig.client.submit(sell("rlx1-bbbb"));
  CHECK(stopped.kind == OutcomeKind::rejected);
  CHECK(classify_code(stopped.code) == CodeClass::stop);
  CHECK(rig.desk().calls("private/sell") == 2);
}

TEST_CASE("what a reply proves decides the outcome", "[options][deribit]") {
  const auto outcome = [](auto&& spoil) {
    Rig rig;
    REQUIRE(rig.client.authenticate().is_confirmed());
    rig.transport.spoil = spoil;
    return rig.client.submit(sell());
  };
  using Result = std::optional<rlx::io::HttpResult>;
  const auto failure = [&](HttpFailureKind kind) {
    return outcome([kind](const std::string&, int, std::string&) -> Result {
      return HttpFailure{kind, true, "test.deribit.com:443: x"};
    });
  };
  for (const auto kind : {HttpFailureKind::timed_out, HttpFailureKind::connection, HttpFailureKind::too_large}) {
    const auto got = failure(kind);
    CHECK(got.kind == OutcomeKind::unknown);
    CHECK_FALSE(got.value.has_value());
    CHECK_THAT(got.message, ContainsSubstring("private/sell"));
  }
  CHECK_THROWS_AS(failure(HttpFailureKind::tls), rlx::VenueError);
  CHECK_THROWS_AS(failure(HttpFailureKind::redirect), SafetyError);

  const auto status = [&](int code, std::optional<std::string> text) {
    return outcome([=](const std::string&, int, std::string& body) -> Result {
      return HttpReply{code, {}, text.value_or(body)};
    });
  };
  CHECK(status(500, std::nullopt).kind == OutcomeKind::unknown);
  CHECK(status(500, std::nullopt).code == 500);
  CHECK(status(503, "<html>busy</html>").kind == OutcomeKind::unknown);
  CHECK(status(503, "<html>busy</html>").code == 503);
  CHECK(status(200, "").kind == OutcomeKind::unknown);
  CHECK(status(200, "null").kind == OutcomeKind::unknown);
  CHECK(status(400, std::nullopt).kind == OutcomeKind::unknown);  // a result cannot come with this status
  CHECK(outcome([](const std::string&, int, std::string& body) -> Result {
          body.pop_back();
          return std::nullopt;
        }).kind == OutcomeKind::unknown);

  const auto edited = [&](const std::string& from, const std::string& to) {
    return outcome([=](const std::string&, int, std::string& body) -> Result {
      const std::size_t at = body.find(from);
      REQUIRE(at != std::string::npos);
      body.replace(at, from.size(), to);
      return std::nullopt;
    });
  };
  CHECK(edited("\"id\":2", "\"id\":3").kind == OutcomeKind::unknown);
  CHECK(edited("\"id\":2", "\"id\":\"2\"").kind == OutcomeKind::unknown);
  CHECK(edited("\"result\":", "\"error\":{\"code\":1,\"message\":\"\"},\"result\":").kind == OutcomeKind::unknown);
  CHECK(edited("\"result\":", "\"results\":").kind == OutcomeKind::unknown);
  CHECK(edited("\"order_id\":\"BTC-1\"", "\"order_id\":\"\"").kind == OutcomeKind::unknown);
  CHECK(edited("\"order_id\":\"BTC-1\",", "").kind == OutcomeKind::unknown);
  CHECK(edited("\"order_state\":\"open\"", "\"order_state\":\"sleeping\"").kind == OutcomeKind::unknown);
  CHECK(edited("\"filled_amount\":0.0", "\"filled_amount\":0.2").kind == OutcomeKind::unknown);
  CHECK(edited("rlx1-aaaa", "rlx1-aaab").kind == OutcomeKind::unknown);
  CHECK(edited("\"amount\":0.1", "\"amount\":0.2").kind == OutcomeKind::unknown);
  CHECK(edited("99000-C", "95000-C").kind == OutcomeKind::unknown);
  CHECK(edited("\"direction\":\"sell\"", "\"direction\":\"buy\"").kind == OutcomeKind::unknown);
}

TEST_CASE("codes of the venue are kept and classed", "[options][deribit]") {
  const auto refused = [](int code, const std::string& message) {
    Rig rig;
    rig.desk().errors["private/sell"] = {{{"code", code}, {"message", message}}};
    return rig.client.submit(sell());
  };
  for (const int code : {10028, 10040, 10041, 10047, 10066, 11051, 13028}) {
    const auto got = refused(code, "later");
    CHECK(got.kind == OutcomeKind::rejected);
    CHECK(got.retryable);
    CHECK(got.code == code);
    CHECK(got.message == "later");
  }
  for (const int code : {11054, 10009, 13004, 13021, 13403, -32602, 424242}) {
    const auto got = refused(code, "no");
    CHECK(got.kind == OutcomeKind::rejected);
    CHECK_FALSE(got.retryable);
    CHECK(got.code == code);
  }
  CHECK(refused(11094, "internal_server_error").kind == OutcomeKind::unknown);
  CHECK(refused(11094, "internal_server_error").code == 11094);
  CHECK(refused(13888, "timed_out").code == 13888);
  CHECK(refused(1, "timed_out").code == 13888);
  CHECK(refused(13032, "label_not_unique").code == 13032);
}

TEST_CASE("a reply without the right flag stops everything but cancels of own labels", "[options][deribit]") {
  for (const std::string flag : {"false", "\"true\"", "1", "null", ""}) {
    Rig rig;
    REQUIRE(rig.client.submit(sell()).is_confirmed());
    rig.desk().testnet = flag;
    CHECK_THROWS_AS(rig.client.submit(sell("rlx1-bbbb")), AttestationError);
    CHECK(rig.client.is_halted());
    const std::size_t sent = rig.transport.sent.size();
    ChainSnapshot chain;
    CHECK_THROWS_AS(rig.client.submit(sell("rlx1-cccc")), AttestationError);
    CHECK_THROWS_AS(rig.client.attest(), AttestationError);
    CHECK_THROWS_AS(rig.client.chain("BTC", chain), AttestationError);
    CHECK_THROWS_AS(rig.client.cancel("BTC-1"), AttestationError);
    CHECK_THROWS_AS(rig.client.cancel_all(), AttestationError);
    CHECK_THROWS_AS(rig.client.account("BTC"), AttestationError);
    CHECK_THROWS_AS(rig.client.orders_by_label("BTC", "rlx1-aaaa"), AttestationError);
    CHECK_THROWS_AS(rig.client.cancel_by_label("BTC", "a-label-of-others"), AttestationError);
    CHECK(rig.transport.sent.size() == sent);
    CHECK(rig.client.cancel_by_label("BTC", "rlx1-aaaa").value == 1);
    CHECK(rig.transport.sent.size() == sent + 1);
  }
  // An error must carry the flag too, and mainnet must not say testnet.
  Rig refused;
  refused.desk().testnet = "";
  refused.desk().errors["public/test"] = {{{"code", 10028}, {"message", "too_many_requests"}}};
  CHECK_THROWS_AS(refused.client.attest(), AttestationError);
  Rig mainnet(DeribitGrant::client_signature, VenueEnvironment::mainnet);
  CHECK_THROWS_AS(mainnet.client.attest(), AttestationError);
  Rig good(DeribitGrant::client_signature, VenueEnvironment::mainnet);
  good.desk().testnet = "false";
  CHECK(good.client.attest().value->environment() == VenueEnvironment::mainnet);
  // Without a token a cancel cannot be sent, and none is asked for.
  Rig early;
  early.desk().testnet = "false";
  CHECK_THROWS_AS(early.client.account("BTC"), AttestationError);
  CHECK(early.client.cancel_by_label("BTC", "rlx1-aaaa").kind == OutcomeKind::unknown);
  CHECK(early.transport.sent.size() == 1);
}

TEST_CASE("messages hold no secret even if the server echoes it", "[options][deribit]") {
  Rig rig;
  rig.desk().errors["public/auth"] = {{{"code", 13004}, {"message", "bad " + secret}, {"data", {{"reason", secret}}}}};
  const auto refused = rig.client.account("BTC");
  CHECK(refused.code == 13004);
  CHECK(refused.message.find(secret) == std::string::npos);
  CHECK_THAT(refused.message, ContainsSubstring("***"));
  REQUIRE(rig.client.account("BTC").is_confirmed());
  rig.desk().errors["private/sell"] = {{{"code", 10009}, {"message", "token " + rig.desk().token}}};
  CHECK(rig.client.submit(sell()).message.find(rig.desk().token) == std::string::npos);
  // A long message is cut to 100 bytes, here in the middle of the secret.
  rig.desk().errors["private/sell"] = {{{"code", 10009}, {"message", std::string(85, '.') + secret}}};
  const std::string cut = rig.client.submit(sell()).message;
  CHECK(cut == std::string(85, '.') + "***...");
  // Text that is no JSON is shown too, cut to fewer bytes.
  rig.transport.spoil = [](const std::string&, int, std::string& body) {
    body = R"({"jsonrpc":"2.0","id":1,"result":)" + secret;
    return std::nullopt;
  };
  CHECK(rig.client.server_time_ms().message.find(secret.substr(0, 8)) == std::string::npos);
  Rig odd;
  odd.desk().results["public/auth"] = R"({"access_token":"TOPSECRET TOKEN","expires_in":"TOPSECRET"})";
  const auto unread = odd.client.account("BTC");
  CHECK(unread.kind == OutcomeKind::unknown);
  CHECK(unread.message.find("TOPSECRET") == std::string::npos);
}

TEST_CASE("instruments are kept for an hour and asked for again after 08:00 UTC", "[options][deribit]") {
  Rig rig;
  const auto asked = [&] {
    REQUIRE(rig.client.instruments("BTC").is_confirmed());
    return rig.desk().calls("public/get_instruments");
  };
  CHECK(asked() == 1);
  rig.clock.advance_ms(3'599'000);
  CHECK(asked() == 1);
  rig.clock.advance_ms(1'001);
  CHECK(asked() == 2);
  rig.clock.set_ms(start_ms + 86'400'000 - 1'000);
  CHECK(asked() == 3);
  rig.clock.set_ms(start_ms + 86'400'000);
  CHECK(asked() == 4);
  ChainSnapshot chain;
  REQUIRE(rig.client.chain("BTC", chain).is_confirmed());
  CHECK(rig.desk().calls("public/get_instruments") == 4);
  rig.desk().errors["public/get_instruments"] = {{{"code", 10028}, {"message", "too_many_requests"}}};
  rig.clock.advance_ms(4'000'000);
  CHECK(rig.client.instruments("BTC").code == 10028);
}

TEST_CASE("requests wait on the clock for the venue's limits", "[options][deribit]") {
  Rig rig;
  const double begin = rig.clock.monotonic_seconds();
  for (int i = 0; i < 240; ++i) REQUIRE(rig.client.server_time_ms().is_confirmed());
  CHECK(rig.clock.monotonic_seconds() - begin == rlx_test::Approx(10.0).margin(0.2));  // (240 - 80)/16
  rig.desk().limits_rate = 5;
  REQUIRE(rig.client.account("BTC").is_confirmed());
  const double then = rig.clock.monotonic_seconds();
  for (int i = 0; i < 40; ++i) REQUIRE(rig.client.server_time_ms().is_confirmed());
  CHECK(rig.clock.monotonic_seconds() - then == rlx_test::Approx(10.0).margin(1.1));  // 0.8 * 5 a second
  const double orders = rig.clock.monotonic_seconds();
  for (int i = 0; i < 16; ++i) REQUIRE(rig.client.submit(sell("rlx1-" + std::to_string(i))).is_confirmed());
  CHECK(rig.clock.monotonic_seconds() - orders == rlx_test::Approx(3.0).margin(0.5));  // a burst of 4, then 4 a second
  const double wait = rig.clock.monotonic_seconds();
  rig.client.wait_ms(1'500);
  CHECK(rig.clock.monotonic_seconds() - wait == 1.5);
}
