// SPDX-License-Identifier: MIT
/// @file
/// @brief The scripted exchange behind a TLS server on this machine, with faults of the network for single methods.
#ifndef RLX_TESTS_OPTIONS_HTTP_EXCHANGE_HPP
#define RLX_TESTS_OPTIONS_HTTP_EXCHANGE_HPP

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <rlx/options/deribit_client.hpp>
#include <rlx/options/endpoint.hpp>

#include "options/rpc_desk.hpp"
#include "options_http/loopback.hpp"

namespace rlx_test {

inline const Certificate& test_authority() {
  static const Certificate one({.name = "rlx test authority", .alternative = "", .authority = true});
  return one;
}
inline const Certificate& test_leaf() {
  static const Certificate one({.issuer = &test_authority()});
  return one;
}
inline const std::string& test_authority_path() {
  static const CertificateFile file(test_authority());
  return file.path();
}

/// A clock that the server's thread may read.
class SharedClock {
 public:
  std::int64_t now_ms() const { return start_ms + advanced_ms_; }
  double monotonic_seconds() const { return static_cast<double>(advanced_ms_) * 1e-3; }
  void advance_ms(std::int64_t ms) { advanced_ms_ += ms; }
  static constexpr std::int64_t start_ms = 1'767'340'800'000;  // 2026-01-02 08:00 UTC

 private:
  std::atomic<std::int64_t> advanced_ms_{0};
};

/// What happens to one reply, after the desk has done what was asked.
struct Fault {
  Delivery delivery = {};
  int status = 0;                               // another HTTP status
  std::function<void(std::string&)> edit = {};  // of the body
  std::string redirect = {};
  std::function<void(RpcDesk&)> before = {};  // before the desk answers
};

class Exchange {
 public:
  explicit Exchange(SharedClock& clock, const Certificate& certificate = test_leaf())
      : clock_(clock),
        server_(certificate, [this](const httplib::Request& request, httplib::Response& response, Delivery& delivery) {
          const std::lock_guard lock(mutex_);
          desk.now_us = clock_.now_ms() * 1000;
          const std::string method = RpcDesk::Json::parse(request.body).at("method");
          std::optional<Fault> fault;
          if (auto& queue = faults[method]; !queue.empty()) {
            fault = std::move(queue.front());
            queue.pop_front();
          }
          if (fault && fault->before) fault->before(desk);
          auto [status, body] = desk.answer(request.path, request.body, request.get_header_value("Authorization"));
          if (fault) {
            if (fault->edit) fault->edit(body);
            if (fault->status != 0) status = fault->status;
            delivery = fault->delivery;
          }
          response.set_content(body, "application/json");
          response.status = status;
          if (fault && !fault->redirect.empty()) response.set_redirect(fault->redirect);
        }) {}

  std::uint16_t port() const { return server_.port(); }
  int requests() const { return server_.requests(); }
  rlx::options::HostPolicy hosts() const { return rlx::options::HostPolicy::loopback_for_tests(port(), test_authority_path()); }
  std::string url() const { return "https://localhost:" + std::to_string(port()); }

  // Touch these only while no request is on its way.
  RpcDesk desk;
  std::map<std::string, std::deque<Fault>> faults;

 private:
  std::mutex mutex_;
  SharedClock& clock_;
  LoopbackServer server_;
};

inline const std::string client_secret = "SECRET-key-0123456789";
inline const std::string client_id = "CLIENT-id-42";

using TlsClient = rlx::options::DeribitClient<rlx::io::HttpsTransport, SharedClock>;

/// A client of an exchange, as a program would make it.
struct Connection {
  rlx::io::HttpsTransport transport;
  TlsClient client;

  Connection(const Exchange& exchange, SharedClock& clock, std::int64_t deadline_ms = 5'000)
      : Connection(exchange.hosts().resolve(exchange.url(), "testnet", true), clock, deadline_ms) {}
  Connection(const rlx::options::Endpoint& endpoint, SharedClock& clock, std::int64_t deadline_ms)
      : transport(rlx::io::HttpsConfig{.ca_file = endpoint.ca_file}),
        client({.endpoint = endpoint, .data_deadline_ms = deadline_ms, .order_deadline_ms = deadline_ms},
               rlx::options::Credentials{client_id, rlx::options::Secret(client_secret)}, transport, clock) {}
};

}  // namespace rlx_test

#endif
