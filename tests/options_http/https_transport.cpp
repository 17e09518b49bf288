// SPDX-License-Identifier: MIT
#include <rlx/io/https_transport.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <variant>

#include "options_http/loopback.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::io;
using rlx_test::Certificate;
using rlx_test::CertificateFile;
using rlx_test::ContainsSubstring;
using rlx_test::Delivery;
using rlx_test::LoopbackServer;
using rlx_test::RawServer;

const Certificate& authority() {
  static const Certificate one({.name = "rlx test authority", .alternative = "", .authority = true});
  return one;
}
const Certificate& leaf() {
  static const Certificate one({.issuer = &authority()});
  return one;
}
const std::string& authority_path() {
  static const CertificateFile file(authority());
  return file.path();
}

HttpRequest request_to(std::uint16_t port, std::string body = "{\"a\":1}") {
  HttpRequest request;
  request.host = "localhost";
  request.port = port;
  request.path = "/api/v2/x";
  request.body = std::move(body);
  request.deadline_ms = 5'000;
  return request;
}

const HttpFailure& failure_of(const HttpResult& result) {
  REQUIRE(std::holds_alternative<HttpFailure>(result));
  return std::get<HttpFailure>(result);
}
const HttpReply& reply_of(const HttpResult& result) {
  if (const auto* const failure = std::get_if<HttpFailure>(&result)) FAIL(failure->message);
  return std::get<HttpReply>(result);
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void echo(const httplib::Request& request, httplib::Response& response, Delivery&) {
  response.set_content(request.body + '|' + request.get_header_value("Authorization") + '|' + request.path, "application/json");
}

}  // namespace

TEST_CASE("a request goes out with its headers and comes back whole", "[http]") {
  LoopbackServer server(leaf(), echo);
  HttpsTransport transport({.ca_file = authority_path()});
  HttpRequest request = request_to(server.port());
  request.headers.emplace_back("Authorization", "Bearer t");
  for (int i = 0; i < 3; ++i) {
    const auto result = transport.send(request);
    CHECK(reply_of(result).status == 200);
    CHECK(reply_of(result).body == "{\"a\":1}|Bearer t|/api/v2/x");
  }
  request.method = HttpMethod::get;
  request.host = "127.0.0.1";  // an address that the certificate names too
  CHECK(reply_of(transport.send(request)).body == "|Bearer t|/api/v2/x");
  const std::string large(3'000'000, 'x');
  request = request_to(server.port(), large);
  CHECK(reply_of(transport.send(request)).body == large + "||/api/v2/x");
  CHECK(server.requests() == 5);
}

TEST_CASE("a connection is kept, and a stale one is not used", "[http]") {
  int connections = 0;
  LoopbackServer server(leaf(), [&](const httplib::Request& request, httplib::Response& response, Delivery&) {
    static int last_port = 0;
    connections += request.remote_port == last_port ? 0 : 1;
    last_port = request.remote_port;
    response.set_content("{}", "application/json");
  });
  HttpsTransport transport({.ca_file = authority_path()});
  for (int i = 0; i < 10; ++i) CHECK(reply_of(transport.send(request_to(server.port()))).status == 200);
  CHECK(connections <= 2);                                        // TLS tickets that wait unread may cost one more
  std::this_thread::sleep_for(std::chrono::milliseconds(1'500));  // the server says good-bye after a second
  CHECK(reply_of(transport.send(request_to(server.port()))).status == 200);
  CHECK(server.requests() == 11);
}

TEST_CASE("certificates that prove nothing are refused and nothing is sent", "[http]") {
  const Certificate self_signed({});
  const Certificate expired({.from_s = -7200, .to_s = -3600, .issuer = &authority()});
  const Certificate future({.from_s = 3600, .to_s = 7200, .issuer = &authority()});
  const Certificate wrong_name({.name = "test.deribit.com", .alternative = "DNS:test.deribit.com", .issuer = &authority()});
  const Certificate common_name_only(
      {.name = "otherhost", .alternative = "DNS:*.localhost,IP:127.0.0.2", .issuer = &authority()});
  const Certificate other_authority({.name = "another authority", .alternative = "", .authority = true});
  const Certificate wrong_issuer({.issuer = &other_authority});
  const Certificate not_an_authority({.issuer = &leaf()});
  for (const Certificate* bad :
       {&self_signed, &expired, &future, &wrong_name, &common_name_only, &wrong_issuer, &not_an_authority}) {
    LoopbackServer server(*bad, echo);
    HttpsTransport transport({.ca_file = authority_path()});
    const auto result = transport.send(request_to(server.port()));
    CHECK(failure_of(result).kind == HttpFailureKind::tls);
    CHECK_FALSE(failure_of(result).may_have_been_sent);
    CHECK(server.requests() == 0);
  }
  // The system's authorities do not know the test's.
  LoopbackServer server(leaf(), echo);
  HttpsTransport transport;
  CHECK(failure_of(transport.send(request_to(server.port()))).kind == HttpFailureKind::tls);
  HttpsTransport nowhere({.ca_file = "/nonexistent/ca.pem"});
  CHECK(failure_of(nowhere.send(request_to(server.port()))).kind == HttpFailureKind::tls);
  CHECK(server.requests() == 0);
}

TEST_CASE("TLS below 1.2 is refused", "[http]") {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    LoopbackServer server(leaf(), echo, version);
    HttpsTransport transport({.ca_file = authority_path()});
    const auto result = transport.send(request_to(server.port()));
    CHECK(failure_of(result).kind == HttpFailureKind::tls);
    CHECK(server.requests() == 0);
  }
  LoopbackServer server(leaf(), echo, TLS1_2_VERSION);
  HttpsTransport transport({.ca_file = authority_path()});
  CHECK(reply_of(transport.send(request_to(server.port()))).status == 200);
}

TEST_CASE("redirects are not followed", "[http]") {
  for (const int status : {301, 302, 303, 307, 308}) {
    LoopbackServer server(leaf(), [&](const httplib::Request& request, httplib::Response& response, Delivery&) {
      if (request.path == "/elsewhere") return;
      response.set_redirect("/elsewhere", status);
    });
    HttpsTransport transport({.ca_file = authority_path()});
    const auto result = transport.send(request_to(server.port()));
    CHECK(failure_of(result).kind == HttpFailureKind::redirect);
    CHECK(failure_of(result).may_have_been_sent);
    CHECK(server.requests() == 1);
  }
}

TEST_CASE("the deadline holds against every way of being slow", "[http]") {
  const auto within = [](double limit, const HttpResult& result, double begin) {
    CHECK(failure_of(result).kind == HttpFailureKind::timed_out);
    CHECK(failure_of(result).may_have_been_sent);
    CHECK(seconds() - begin < limit);
  };
  {
    LoopbackServer late(leaf(), [](const httplib::Request&, httplib::Response& response, Delivery& delivery) {
      delivery.delay_ms = 5'000;
      response.set_content("{}", "application/json");
    });
    HttpsTransport transport({.ca_file = authority_path()});
    HttpRequest request = request_to(late.port());
    request.deadline_ms = 300;
    const double begin = seconds();
    within(2.0, transport.send(request), begin);
  }
  {
    LoopbackServer slow(leaf(), [](const httplib::Request&, httplib::Response& response, Delivery& delivery) {
      delivery.byte_delay_ms = 20;
      response.set_content(std::string(1'000, 'x'), "application/json");
    });
    HttpsTransport transport({.ca_file = authority_path()});
    HttpRequest request = request_to(slow.port());
    request.deadline_ms = 300;
    const double begin = seconds();
    within(2.0, transport.send(request), begin);
  }
  {
    RawServer* self = nullptr;  // a header that never ends, byte by byte
    RawServer trickle(leaf(), [&](SSL* tls) {
      SSL_write(tls, "HTTP/1.1 200 OK\r\nX: ", 20);
      for (int i = 0; i < 500 && !self->stopping() && SSL_write(tls, "y", 1) == 1; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    });
    self = &trickle;
    HttpsTransport transport({.ca_file = authority_path()});
    HttpRequest request = request_to(trickle.port());
    request.deadline_ms = 300;
    const double begin = seconds();
    within(2.0, transport.send(request), begin);
    CHECK(trickle.requests() == 1);
  }
  {
    LoopbackServer late(leaf(),
                        [](const httplib::Request&, httplib::Response&, Delivery& delivery) { delivery.delay_ms = 5'000; });
    HttpsTransport transport({.read_timeout_ms = 200, .ca_file = authority_path()});
    const double begin = seconds();
    const auto result = transport.send(request_to(late.port()));
    CHECK(failure_of(result).kind == HttpFailureKind::connection);
    CHECK(failure_of(result).may_have_been_sent);
    CHECK(seconds() - begin < 2.0);
  }
}

TEST_CASE("a request without an answer is sent once", "[http]") {
  // cpp-httplib connects again and repeats the request where the server closes politely without a reply.
  RawServer silent(leaf(), [](SSL*) {});
  HttpsTransport transport({.ca_file = authority_path()});
  const auto result = transport.send(request_to(silent.port()));
  CHECK(failure_of(result).kind == HttpFailureKind::connection);
  CHECK(failure_of(result).may_have_been_sent);
  CHECK(silent.requests() == 1);
  for (const char* text :
       {"HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":", "garbage\r\n\r\n"}) {
    RawServer broken(leaf(), [text](SSL* tls) { SSL_write(tls, text, static_cast<int>(std::string(text).size())); });
    HttpsTransport once({.ca_file = authority_path()});
    const auto got = once.send(request_to(broken.port()));
    CHECK(failure_of(got).kind == HttpFailureKind::connection);
    CHECK(failure_of(got).may_have_been_sent);
    CHECK(broken.requests() == 1);
  }
}

TEST_CASE("bodies longer than allowed are not read", "[http]") {
  LoopbackServer server(leaf(), [](const httplib::Request&, httplib::Response& response, Delivery&) {
    response.set_content(std::string(2'000, 'x'), "application/json");
  });
  HttpsTransport transport({.ca_file = authority_path()});
  HttpRequest request = request_to(server.port());
  request.max_reply_bytes = 1'999;
  const auto result = transport.send(request);
  CHECK(failure_of(result).kind == HttpFailureKind::too_large);
  CHECK(failure_of(result).may_have_been_sent);
  request.max_reply_bytes = 2'000;
  CHECK(reply_of(transport.send(request)).body.size() == 2'000);
}

TEST_CASE("a server that is not there got nothing", "[http]") {
  std::uint16_t port = 0;
  {
    const LoopbackServer server(leaf(), echo);
    port = server.port();
  }
  HttpsTransport transport({.ca_file = authority_path()});
  const auto result = transport.send(request_to(port));
  CHECK(failure_of(result).kind == HttpFailureKind::connection);
  CHECK_FALSE(failure_of(result).may_have_been_sent);
  CHECK_THAT(failure_of(result).message, ContainsSubstring("localhost:" + std::to_string(port)));
  // A server that speaks no TLS.
  LoopbackServer plain(echo);
  const auto mixed = transport.send(request_to(plain.port()));
  CHECK_FALSE(failure_of(mixed).may_have_been_sent);
  HttpRequest request = request_to(plain.port());
  request.tls = false;
  CHECK(reply_of(transport.send(request)).status == 200);
}

TEST_CASE("requests that could be misread are refused", "[http]") {
  HttpsTransport transport;
  const auto refused = [&](auto&& spoil) {
    HttpRequest request = request_to(1);
    spoil(request);
    CHECK_THROWS_AS(transport.send(request), rlx::ConfigError);
  };
  refused([](HttpRequest& r) { r.host = ""; });
  refused([](HttpRequest& r) { r.host = "user@localhost"; });
  refused([](HttpRequest& r) { r.host = "localhost/x"; });
  refused([](HttpRequest& r) { r.host = "local\nhost"; });
  refused([](HttpRequest& r) { r.path = "x"; });
  refused([](HttpRequest& r) { r.path = "/x y"; });
  refused([](HttpRequest& r) { r.path = "/x\r\nHost: y"; });
  refused([](HttpRequest& r) { r.headers.emplace_back("Authorization", "a\r\nX: y"); });
  refused([](HttpRequest& r) { r.headers.emplace_back("A:", "a"); });
  refused([](HttpRequest& r) { r.content_type = "a\nb"; });
  refused([](HttpRequest& r) { r.deadline_ms = 0; });
  refused([](HttpRequest& r) {
    r.host = "example.com";
    r.tls = false;
  });
  HttpsTransport own({.ca_file = authority_path()});
  HttpRequest request = request_to(443);
  request.host = "test.deribit.com";
  CHECK_THROWS_AS(own.send(request), rlx::ConfigError);
}
