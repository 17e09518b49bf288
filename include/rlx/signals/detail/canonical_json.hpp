// SPDX-License-Identifier: MIT
/// @file
/// @brief Canonical JSON: sorted keys, no spaces, shortest decimals that read back to the same number; secrets left out.
#ifndef RLX_SIGNALS_DETAIL_CANONICAL_JSON_HPP
#define RLX_SIGNALS_DETAIL_CANONICAL_JSON_HPP

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <rlx/io/detail/json_text.hpp>

namespace rlx::inline v0_1::signals::detail {

/// Equal up to the case of ASCII letters; `lower` is in lower case.
inline bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

/// Appends `value`; members of objects at any depth whose key is one of `redacted` (lower case) are written as "***".
template <class Json>
void append_canonical(std::string& text, const Json& value, std::span<const std::string> redacted = {}) {
  io::detail::append_json(text, value, [redacted](const std::string& key) {
    for (const std::string& name : redacted) {
      if (equals_ignoring_case(key, name)) return true;
    }
    return false;
  });
}

/// The canonical text of a value. @tparam Json  nlohmann::json or JsonTree
template <class Json>
std::string canonical_text(const Json& value) {
  std::string text;
  append_canonical(text, value);
  return text;
}

}  // namespace rlx::inline v0_1::signals::detail

#endif  // RLX_SIGNALS_DETAIL_CANONICAL_JSON_HPP
