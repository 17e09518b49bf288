// SPDX-License-Identifier: MIT
/// @file
/// @brief Where a language model may be asked.
#ifndef RLX_OPTIONS_DETAIL_LLM_URL_HPP
#define RLX_OPTIONS_DETAIL_LLM_URL_HPP

#include <string_view>

namespace rlx::inline v0_1::options::detail {

/// https to any host, http to loopback only; neither user name nor password, and no characters that end a request line.
constexpr bool is_allowed_llm_url(std::string_view url) noexcept {
  for (const char c : url) {
    if (c <= ' ' || c > '~' || c == '@' || c == '\\') return false;
  }
  const bool secure = url.starts_with("https://");
  if (!secure && !url.starts_with("http://")) return false;
  url.remove_prefix(secure ? 8 : 7);
  std::string_view host = url.substr(0, url.find_first_of("/?#"));
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos || (end + 1 < host.size() && host[end + 1] != ':')) return false;
    host = host.substr(0, end + 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  if (host.empty() || url.find_first_of("?#") != std::string_view::npos) return false;
  return secure || host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

}  // namespace rlx::inline v0_1::options::detail

#endif  // RLX_OPTIONS_DETAIL_LLM_URL_HPP
