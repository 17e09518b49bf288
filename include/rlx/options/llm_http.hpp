// SPDX-License-Identifier: MIT
/// @file
/// @brief A language model over HTTP: the networked model of LlmTransport.
#ifndef RLX_OPTIONS_LLM_HTTP_HPP
#define RLX_OPTIONS_LLM_HTTP_HPP

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include <rlx/io/http.hpp>
#include <rlx/options/credentials.hpp>
#include <rlx/options/detail/llm_url.hpp>
#include <rlx/options/llm_policy.hpp>

namespace rlx::inline v0_1::options {
namespace detail {

/// Where an allowed URL points to.
struct LlmTarget {
  std::string host, path;
  std::uint16_t port = 443;
  bool tls = true;
};

/// Nothing for a URL that is not allowed or has no valid port.
inline std::optional<LlmTarget> llm_target(std::string_view url) {
  if (!is_allowed_llm_url(url)) return {};
  LlmTarget out;
  out.tls = url.starts_with("https://");
  out.port = out.tls ? 443 : 80;
  url.remove_prefix(out.tls ? 8 : 7);
  const std::size_t slash = url.find('/');
  std::string_view authority = url.substr(0, slash);
  out.path = slash == std::string_view::npos ? "/" : std::string(url.substr(slash));
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    if (error != std::errc() || end != digits.data() + digits.size() || out.port == 0) return {};
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[')) authority = authority.substr(1, authority.size() - 2);
  out.host = authority;
  return out;
}

}  // namespace detail

/**
 * @brief Posts the requests of the LLM policy with the key that it was given.
 *
 * The key is sent as a bearer token, is in no URL, and is cut out of whatever comes back. One request, no retry, no redirect.
 * The transport must outlive it; one of its own is best, since the venue's keeps its connection.
 */
template <io::HttpTransport T>
class LlmHttp {
 public:
  /// @param transport  must outlive the object
  /// @param key        LLM_API_KEY; empty: no authorisation is sent (a local model)
  explicit LlmHttp(T& transport, Secret key = {}) : transport_(transport), key_(std::move(key)) {}

  /// Never throws for what a network may do.
  LlmReply post(const LlmRequest& request) {
    LlmReply out;
    const auto target = detail::llm_target(request.url);
    if (!target) {
      out.failure = "llm_base_url: expected https:// (http:// to loopback only) with a host and a port of 1 to 65535";
      return out;
    }
    io::HttpRequest http;
    http.host = target->host;
    http.port = target->port;
    http.tls = target->tls;
    http.path = target->path;
    http.body = request.body;
    http.deadline_ms = request.timeout_ms;
    http.max_reply_bytes = request.max_reply_bytes;
    if (!key_.empty()) http.headers.emplace_back("Authorization", "Bearer " + std::string(key_.reveal()));
    io::HttpResult result = transport_.send(http);
    for (auto& [name, value] : http.headers) Secret::wipe(value);
    if (const auto* const failure = std::get_if<io::HttpFailure>(&result)) {
      out.failure = redacted(std::string(name_of(failure->kind)) + ": " + failure->message);
    } else {
      auto& reply = std::get<io::HttpReply>(result);
      out.status = reply.status;
      // The whole key only: what is left of it in other bytes is cut out of what is read.
      out.body = without_secret(reply.body, key_.reveal(), std::string_view::npos);
    }
    return out;
  }

  /// The text without the key or a part of it. Also for what was read from a reply: JSON can hold a key in other bytes than its
  /// own, and a message is cut to a length.
  std::string redacted(const std::string& text) const { return without_secret(text, key_.reveal()); }

 private:
  T& transport_;
  Secret key_;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_LLM_HTTP_HPP
