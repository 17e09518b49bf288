// SPDX-License-Identifier: MIT
/// @file
/// @brief Canonical JSON: sorted keys, no spaces, shortest decimals that read back to the same number; secrets left out.
#ifndef RLX_SIGNALS_DETAIL_CANONICAL_JSON_HPP
#define RLX_SIGNALS_DETAIL_CANONICAL_JSON_HPP

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <rlx/core/finite.hpp>

namespace rlx::signals::detail {

/// Without exponent where that is readable; `null` where the number is not finite.
inline void append_number(std::string& text, double value) {
  if (!is_finite(value)) {
    text += "null";
    return;
  }
  if (value == 0.0) {
    text += std::signbit(value) ? "-0.0" : "0";  // "-0" would read back as the integer 0
    return;
  }
  std::array<char, 40> buffer;
  const double size = std::fabs(value);
  const auto format = size >= 1e-9 && size < 1e15 ? std::chars_format::fixed : std::chars_format::scientific;
  text.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr);
}

template <class Integer>
void append_integer(std::string& text, Integer value) {
  std::array<char, 24> buffer;
  text.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr);
}

/// Bytes that are not UTF-8 become replacement characters.
inline void append_string(std::string& text, std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\') continue;
    text += nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return;
  }
  text += '"';
  text += value;
  text += '"';
}

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
inline void append_canonical(std::string& text, const nlohmann::json& value, std::span<const std::string> redacted = {}) {
  using Type = nlohmann::json::value_t;
  switch (value.type()) {
    case Type::object: {
      char separator = '{';
      for (const auto& [key, member] : value.get_ref<const nlohmann::json::object_t&>()) {
        text += separator;
        append_string(text, key);
        text += ':';
        bool secret = false;
        for (const std::string& name : redacted) secret = secret || equals_ignoring_case(key, name);
        if (secret) {
          text += "\"***\"";
        } else {
          append_canonical(text, member, redacted);
        }
        separator = ',';
      }
      text += separator == '{' ? "{}" : "}";
      return;
    }
    case Type::array: {
      char separator = '[';
      for (const nlohmann::json& element : value) {
        text += separator;
        append_canonical(text, element, redacted);
        separator = ',';
      }
      text += separator == '[' ? "[]" : "]";
      return;
    }
    case Type::string:
      return append_string(text, value.get_ref<const std::string&>());
    case Type::boolean:
      text += value.get<bool>() ? "true" : "false";
      return;
    case Type::number_integer:
      return append_integer(text, value.get<std::int64_t>());
    case Type::number_unsigned:
      return append_integer(text, value.get<std::uint64_t>());
    case Type::number_float:
      return append_number(text, value.get<double>());
    case Type::null:
    case Type::binary:
    case Type::discarded:
      break;
  }
  text += "null";
}

/// The canonical text of a value.
inline std::string canonical_text(const nlohmann::json& value) {
  std::string text;
  append_canonical(text, value);
  return text;
}

}  // namespace rlx::signals::detail

#endif  // RLX_SIGNALS_DETAIL_CANONICAL_JSON_HPP
