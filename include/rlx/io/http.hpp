// SPDX-License-Identifier: MIT
/// @file
/// @brief One HTTP request and what became of it: the concept that clients of web services are written against.
///
/// Needs no third-party library. `HttpsTransport` (io/https_transport.hpp, component `http`) is the model that reaches a
/// network; tests bring their own.
#ifndef RLX_IO_HTTP_HPP
#define RLX_IO_HTTP_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace rlx::inline v0_1::io {

/// How a request is made; `get` sends no body.
enum class HttpMethod : std::uint8_t { get, post };

/// Name and value. Names of replies keep the server's case; compare them without it.
using HttpHeader = std::pair<std::string, std::string>;

/// One request. The host, not a URL, so that there is nothing to misread: no user-info, no scheme, no escapes.
struct HttpRequest {
  HttpMethod method = HttpMethod::post;           ///< `get` sends no body
  std::string host;                               ///< name or address
  std::uint16_t port = 443;                       ///< TCP port
  bool tls = true;                                ///< plain HTTP is for loopback hosts only
  std::string path = "/";                         ///< begins with '/', no blanks or control characters
  std::vector<HttpHeader> headers;                ///< beside those of the protocol; no control characters
  std::string body;                               ///< POST only
  std::string content_type = "application/json";  ///< of the body
  std::int64_t deadline_ms = 10'000;              ///< for everything together: connecting, sending, the last byte of the reply
  std::size_t max_reply_bytes = std::size_t{32} << 20;  ///< longest body of a reply; beyond it HttpFailureKind::too_large
};

/// A complete reply, whatever its status (redirects apart).
struct HttpReply {
  int status = 0;                   ///< HTTP status code, never 3xx
  std::vector<HttpHeader> headers;  ///< names in the server's case
  std::string body;                 ///< at most HttpRequest::max_reply_bytes
};

/// Why there is no reply.
enum class HttpFailureKind : std::uint8_t {
  timed_out,   ///< the deadline, or the time to connect, passed
  connection,  ///< no connection, or it broke before the reply was complete
  tls,         ///< the server is not who it should be, or speaks no acceptable protocol; nothing was sent
  too_large,   ///< the reply is longer than allowed
  redirect     ///< status 3xx; never followed
};

/// In words, for messages.
constexpr std::string_view name_of(HttpFailureKind kind) {
  switch (kind) {
    case HttpFailureKind::timed_out:
      return "timed out";
    case HttpFailureKind::connection:
      return "connection failed";
    case HttpFailureKind::tls:
      return "TLS failed";
    case HttpFailureKind::too_large:
      return "reply too large";
    case HttpFailureKind::redirect:
      return "redirect refused";
  }
  return "?";
}

/// No reply.
struct HttpFailure {
  HttpFailureKind kind = HttpFailureKind::connection;  ///< the cause, for programs
  bool may_have_been_sent = true;                      ///< false only if the server cannot have received the whole request
  std::string message;                                 ///< host, port and cause; never a header or a body
};

/// A complete reply, or why there is none.
using HttpResult = std::variant<HttpReply, HttpFailure>;

/// What sends requests. `send` returns after at most about the request's deadline, sends a request at most once (no retry of
/// its own), never follows a redirect, and throws only for a request that is malformed.
template <class T>
concept HttpTransport = requires(T& transport, const HttpRequest& request) {
  { transport.send(request) } -> std::same_as<HttpResult>;
};

/// Whether a host can only be this machine.
constexpr bool is_loopback_host(std::string_view host) { return host == "localhost" || host == "127.0.0.1" || host == "::1"; }

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_HTTP_HPP
