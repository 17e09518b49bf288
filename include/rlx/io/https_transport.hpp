// SPDX-License-Identifier: MIT
/// @file
/// @brief Optional component `http` (cpp-httplib, OpenSSL): requests over TLS. Part of no umbrella header; slow to compile.
///
/// Link with the CMake target rlx::http, which defines the macros that cpp-httplib's classes depend on for every source.
#ifndef RLX_IO_HTTPS_TRANSPORT_HPP
#define RLX_IO_HTTPS_TRANSPORT_HPP

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#ifndef CPPHTTPLIB_OPENSSL_SUPPORT
#  define CPPHTTPLIB_OPENSSL_SUPPORT
#endif
#include <httplib.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <rlx/core/error.hpp>
#include <rlx/core/version.hpp>
#include <rlx/io/http.hpp>

namespace rlx::inline v0_1::io {
namespace detail {

/// Shuts a connection down when its deadline passes: the time-outs of cpp-httplib are for single reads, so a server that sends
/// a byte now and then would hold the caller for ever. Owns a duplicate of the descriptor, so it can never meet another file.
class SocketWatchdog {
 public:
  SocketWatchdog() = default;
  SocketWatchdog(const SocketWatchdog&) = delete;
  SocketWatchdog& operator=(const SocketWatchdog&) = delete;
  ~SocketWatchdog() {
    if (thread_.joinable()) {
      {
        const std::lock_guard lock(mutex_);
        stop_ = true;
      }
      changed_.notify_one();
      thread_.join();
    }
    if (socket_ >= 0) ::close(socket_);
  }

  /// Watches another connection from now on.
  void attach(int socket) {
    const std::lock_guard lock(mutex_);
    if (socket_ >= 0) ::close(socket_);
    socket_ = ::dup(socket);
    if (fired_ && socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);  // the deadline passed before there was a connection
  }
  void detach() {
    const std::lock_guard lock(mutex_);
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  /// Whether the connection is open and silent. Bytes that wait before a request was sent are the server's good-bye (or TLS
  /// tickets, for which a new connection is the small price): a request sent now might never be answered.
  bool is_idle() {
    const std::lock_guard lock(mutex_);
    char byte = 0;
    return socket_ >= 0 && ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
  void arm(std::chrono::steady_clock::time_point deadline) {
    {
      const std::lock_guard lock(mutex_);
      deadline_ = deadline;
      armed_ = true;
      fired_ = false;
    }
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    changed_.notify_one();
  }
  /// @return whether the deadline passed
  bool disarm() {
    const std::lock_guard lock(mutex_);
    armed_ = false;
    return fired_;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      if (!armed_) {
        changed_.wait(lock);
      } else if (std::chrono::steady_clock::now() < deadline_) {
        changed_.wait_until(lock, deadline_);
      } else {
        armed_ = false;
        fired_ = true;
        if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
  std::chrono::steady_clock::time_point deadline_;
  int socket_ = -1;
  bool armed_ = false, fired_ = false, stop_ = false;
};

/// OpenSSL writes without MSG_NOSIGNAL: a connection that the server has closed would end the process. The signal is held back
/// in this thread and taken away again, whatever the program has set for it.
class BrokenPipeGuard {
 public:
  BrokenPipeGuard() {
    sigset_t pending;
    sigpending(&pending);
    if (sigismember(&pending, SIGPIPE) == 1) return;  // somebody else's: leave it
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    active_ = pthread_sigmask(SIG_BLOCK, &pipe_, &before_) == 0;
  }
  BrokenPipeGuard(const BrokenPipeGuard&) = delete;
  BrokenPipeGuard& operator=(const BrokenPipeGuard&) = delete;
  ~BrokenPipeGuard() {
    if (!active_) return;
    sigset_t pending;
    sigpending(&pending);
    int taken = 0;
    if (sigismember(&pending, SIGPIPE) == 1) sigwait(&pipe_, &taken);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{}, before_{};
  bool active_ = false;
};

/// OpenSSL's settings of a client. Versions of cpp-httplib with several TLS libraries name the function anew.
template <class Client>
::SSL_CTX* tls_settings(Client& client) {
  if constexpr (requires { client.tls_context(); }) {
    return static_cast<::SSL_CTX*>(client.tls_context());
  } else {
    return client.ssl_context();
  }
}

inline bool is_plain_text(std::string_view text, bool blanks) {
  return std::all_of(text.begin(), text.end(),
                     [blanks](char c) { return static_cast<unsigned char>(c) > 0x20 ? c != 0x7F : blanks && c == ' '; });
}

}  // namespace detail

/// Time-outs of single steps, beside the deadline of each request.
struct HttpsConfig {
  std::int64_t connect_timeout_ms = 5'000;  ///< also for the TLS handshake
  std::int64_t read_timeout_ms = 10'000;    ///< without a single byte
  std::int64_t write_timeout_ms = 5'000;    ///< without a single byte taken
  std::string ca_file;                      ///< PEM; for loopback hosts only (tests). Empty: the system's certificates
};

/**
 * @brief Sends requests over TLS 1.2 or newer and keeps the connection for the next one.
 *
 * Certificate and host name are always checked; there is no switch. No redirects, no proxies, no retries: cpp-httplib would
 * send a request again by itself where the server closes a connection without an answer, which is prevented here. Reads no
 * environment variable: the certificates come from OpenSSL's compiled-in places and the usual bundles. Only looking up a host
 * name is not covered by the deadline (the resolver has its own).
 *
 * One thread at a time. A model of HttpTransport.
 */
class HttpsTransport {
 public:
  /// Connects at the first request.
  explicit HttpsTransport(HttpsConfig config = {}) : config_(std::move(config)) {}
  ~HttpsTransport() { watchdog_.detach(); }
  HttpsTransport(const HttpsTransport&) = delete;
  HttpsTransport& operator=(const HttpsTransport&) = delete;

  /// @throws ConfigError for a malformed request: control characters in host, path or headers, plain HTTP or an own CA file for
  ///         another host than loopback, a deadline that is not positive
  HttpResult send(const HttpRequest& request) {
    check(request);
    const auto now = std::chrono::steady_clock::now();
    const auto deadline = now + std::chrono::milliseconds(request.deadline_ms);
    connect_to(request);
    set_timeouts(request.deadline_ms);

    Attempt attempt;
    attempt.deadline = deadline;
    attempt.max_bytes = request.max_reply_bytes;
    httplib::Request sent = make(request, attempt);
    httplib::Response reply;
    httplib::Error error = httplib::Error::Success;
    watchdog_.arm(deadline);
    bool complete = false;
    {
      const detail::BrokenPipeGuard no_signal;
      complete = client_->send(sent, reply, error);
    }
    const bool late = watchdog_.disarm();
    if (!complete || late) drop_connection();
    if (complete && !late && attempt.offers <= 1) return finish(request, std::move(reply), std::move(attempt.body));
    return failure(request, attempt, error, late || std::chrono::steady_clock::now() >= deadline);
  }

 private:
  /// What happened to one request on its way.
  struct Attempt {
    std::chrono::steady_clock::time_point deadline;
    std::size_t max_bytes = 0;
    std::string body;
    int offers = 0;  ///< times the body was asked for from its beginning
    bool too_large = false;
  };

  static std::string where(const HttpRequest& request) { return request.host + ':' + std::to_string(request.port); }

  void check(const HttpRequest& request) const {
    const auto wrong = [&](const std::string& what) { throw ConfigError("HTTP request to '" + request.host + "': " + what); };
    if (request.host.empty() || !detail::is_plain_text(request.host, false) ||
        request.host.find_first_of("/@?#") != std::string::npos)
      wrong("expected a host name or address and nothing else");
    if (request.path.empty() || request.path[0] != '/' || !detail::is_plain_text(request.path, false))
      wrong("expected a path that begins with / and has no blanks or control characters");
    for (const auto& [name, value] : request.headers) {
      if (name.empty() || !detail::is_plain_text(name, false) || name.find(':') != std::string::npos ||
          !detail::is_plain_text(value, true))
        wrong("expected headers without control characters; look at '" + name.substr(0, 40) + "'");
    }
    if (!detail::is_plain_text(request.content_type, true)) wrong("expected a content type without control characters");
    if (request.deadline_ms <= 0) wrong("expected a deadline above 0 ms, found " + std::to_string(request.deadline_ms));
    if (is_loopback_host(request.host)) return;
    if (!request.tls) wrong("plain HTTP is allowed to localhost, 127.0.0.1 and ::1 only; use TLS");
    if (!config_.ca_file.empty()) wrong("an own CA file is for localhost, 127.0.0.1 and ::1 only; leave ca_file empty");
  }

  // A client for the host, kept while the host stays the same.
  void connect_to(const HttpRequest& request) {
    const std::string place = (request.tls ? "https://" : "http://") + where(request);
    if (client_ != nullptr && place == place_ && watchdog_.is_idle()) return;
    drop_connection();
    place_ = place;
    if (request.tls) {
      auto secure = std::make_unique<httplib::SSLClient>(request.host, request.port);
      if (::SSL_CTX* const context = detail::tls_settings(*secure)) {
        ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
        // OpenSSL checks the name too, by its own rules, beside cpp-httplib.
        ::X509_VERIFY_PARAM* const rules = ::SSL_CTX_get0_param(context);
        ::X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (::X509_VERIFY_PARAM_set1_ip_asc(rules, request.host.c_str()) != 1)
          ::X509_VERIFY_PARAM_set1_host(rules, request.host.c_str(), 0);
      }
      const std::string file = config_.ca_file.empty() ? system_certificates() : config_.ca_file;
      secure->set_ca_cert_path(file, file.empty() ? ::X509_get_default_cert_dir() : "");
      secure->enable_server_certificate_verification(true);
      client_ = std::move(secure);
    } else {
      client_ = std::make_unique<httplib::ClientImpl>(request.host, request.port);
    }
    client_->set_keep_alive(true);
    client_->set_follow_location(false);
    client_->set_tcp_nodelay(true);
    client_->set_socket_options([this](auto socket) { watchdog_.attach(static_cast<int>(socket)); });
  }

  // The first bundle that can be read; named, because OpenSSL's default would follow SSL_CERT_FILE of the environment.
  static std::string system_certificates() {
    for (const char* const file : {::X509_get_default_cert_file(), "/etc/ssl/certs/ca-certificates.crt",
                                   "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
      if (std::ifstream(file).good()) return file;
    }
    return {};
  }

  void set_timeouts(std::int64_t deadline_ms) {
    const auto parts = [&](std::int64_t ms) {
      ms = std::clamp<std::int64_t>(ms, 1, deadline_ms);
      return std::pair{static_cast<std::time_t>(ms / 1000), static_cast<std::time_t>(ms % 1000 * 1000)};
    };
    const auto [connect_s, connect_us] = parts(config_.connect_timeout_ms);
    const auto [read_s, read_us] = parts(config_.read_timeout_ms);
    const auto [write_s, write_us] = parts(config_.write_timeout_ms);
    client_->set_connection_timeout(connect_s, connect_us);
    client_->set_read_timeout(read_s, read_us);
    client_->set_write_timeout(write_s, write_us);
  }

  static httplib::Request make(const HttpRequest& request, Attempt& attempt) {
    httplib::Request out;
    out.method = request.method == HttpMethod::post ? "POST" : "GET";
    out.path = request.path;
    out.headers.emplace("User-Agent", "rlx/" RLX_VERSION_STRING);
    for (const auto& [name, value] : request.headers) out.headers.emplace(name, value);
    if (request.method == HttpMethod::post) {
      out.headers.emplace("Content-Type", request.content_type);
      out.content_length_ = request.body.size();
      out.is_chunked_content_provider_ = false;
      // The body is given once: where cpp-httplib connects again and repeats the request, the second one stays without its body
      // and therefore without effect.
      out.content_provider_ = [&request, &attempt](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
        if (offset == 0 && ++attempt.offers > 1) return false;
        const std::size_t size = std::min(length, request.body.size() - std::min(offset, request.body.size()));
        return sink.write(request.body.data() + offset, size);
      };
    }
    out.content_receiver = [&attempt](const char* data, std::size_t size, auto, auto) {
      if (std::chrono::steady_clock::now() >= attempt.deadline) return false;
      if (size > attempt.max_bytes - std::min(attempt.max_bytes, attempt.body.size())) {
        attempt.too_large = true;
        return false;
      }
      attempt.body.append(data, size);
      return true;
    };
    return out;
  }

  static HttpResult finish(const HttpRequest& request, httplib::Response reply, std::string body) {
    if (reply.status >= 300 && reply.status < 400)
      return HttpFailure{HttpFailureKind::redirect, true,
                         where(request) + " answered " + std::to_string(reply.status) + "; redirects are never followed"};
    HttpReply out;
    out.status = reply.status;
    for (const auto& [name, value] : reply.headers) out.headers.emplace_back(name, value);
    out.body = std::move(body);
    return out;
  }

  static HttpResult failure(const HttpRequest& request, const Attempt& attempt, httplib::Error error, bool late) {
    HttpFailure out;
    const std::string text = httplib::to_string(error);
    const bool secure = text.find("SSL") != std::string::npos && attempt.offers == 0;
    const bool connecting = secure || error == httplib::Error::Connection || error == httplib::Error::ConnectionTimeout ||
                            error == httplib::Error::BindIPAddress;
    // A POST needs its body; whether a GET left is not known once there was a connection.
    out.may_have_been_sent = request.method == HttpMethod::post ? attempt.offers > 0 : !connecting;
    if (attempt.too_large) {
      out.kind = HttpFailureKind::too_large;
      out.message = where(request) + ": the reply is longer than " + std::to_string(request.max_reply_bytes) + " bytes";
    } else if (late || error == httplib::Error::ConnectionTimeout) {
      out.kind = HttpFailureKind::timed_out;
      out.message = where(request) + ": no complete reply within " + std::to_string(request.deadline_ms) + " ms";
    } else if (secure) {
      out.kind = HttpFailureKind::tls;
      out.message = where(request) + ": " + text +
                    ". The certificate must be valid, of a known issuer and for this host, over TLS 1.2 or newer";
    } else {
      out.kind = HttpFailureKind::connection;
      out.message = where(request) + ": " + (attempt.offers > 1 ? "closed without a reply" : text);
    }
    return out;
  }

  void drop_connection() {
    client_.reset();
    place_.clear();
    watchdog_.detach();
  }

  HttpsConfig config_;
  detail::SocketWatchdog watchdog_;  // before the client, whose sockets it is told of
  std::unique_ptr<httplib::ClientImpl> client_;
  std::string place_;
};

static_assert(HttpTransport<HttpsTransport>);

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_HTTPS_TRANSPORT_HPP
