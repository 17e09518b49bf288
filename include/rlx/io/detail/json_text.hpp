// SPDX-License-Identifier: MIT
/// @file
/// @brief JSON text whose bytes depend on the value alone: members in their order, shortest decimals, no spaces.
#ifndef RLX_IO_DETAIL_JSON_TEXT_HPP
#define RLX_IO_DETAIL_JSON_TEXT_HPP

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/finite.hpp>

namespace rlx::inline v0_1::io::detail {

/// The shortest decimal that reads back to the same double, without exponent where that is readable; `null` where the number
/// is not finite.
inline void append_json_number(std::string& text, double value) {
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
void append_json_integer(std::string& text, Integer value) {
  std::array<char, 24> buffer;
  text.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr);
}

/// The text with a replacement character in place of each part that is not UTF-8: the longest beginning of a character, or one
/// byte (Unicode 15, table 3-8).
inline std::string whole_utf8(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t length = rlx::detail::utf8_length(text, i);
    if (length != 0) {
      out += text.substr(i, length);
    } else {
      out += "\xEF\xBF\xBD";
      for (length = 3; length > 1; --length) {  // bytes that could begin a character
        const std::string begun = std::string(text.substr(i, length)) + "\x80\x80";
        if (i + length <= text.size() && rlx::detail::utf8_length(begun, 0) > length) break;
      }
    }
    i += length;
  }
  return out;
}

inline void append_json_string(std::string& text, std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\') continue;
    // Escapes and UTF-8 are rare here; bytes that are not UTF-8 become replacement characters.
    text += rlx::detail::JsonTree(whole_utf8(value)).dump();
    return;
  }
  text += '"';
  text += value;
  text += '"';
}

/// Appends `value` as JSON. The value must not be nested deeper than the stack allows; what this library writes is at most ten
/// levels deep.
/// @tparam Json      nlohmann::json or JsonTree (keys sorted), or nlohmann::ordered_json (in their order)
/// @param is_secret  key -> bool: the member is written as "***", whatever it holds and at any depth
template <class Json, class IsSecret>
void append_json(std::string& text, const Json& value, const IsSecret& is_secret) {
  constexpr bool is_tree = std::is_same_v<Json, rlx::detail::JsonTree>;
  if (value.is_object()) {
    char separator = '{';
    const auto member = [&](const std::string& key, const Json& entry) {
      text += separator;
      append_json_string(text, key);
      text += ':';
      if (is_secret(key)) {
        text += "\"***\"";
      } else {
        append_json(text, entry, is_secret);
      }
      separator = ',';
    };
    if constexpr (is_tree) {
      for (std::size_t i = 0; i < value.size(); ++i) member(value.keys()[i], value[i]);
    } else {
      for (const auto& [key, entry] : value.template get_ref<const typename Json::object_t&>()) member(key, entry);
    }
    text += separator == '{' ? "{}" : "}";
  } else if (value.is_array()) {
    char separator = '[';
    for (const Json& element : value) {
      text += separator;
      append_json(text, element, is_secret);
      separator = ',';
    }
    text += separator == '[' ? "[]" : "]";
  } else if (value.is_string()) {
    if constexpr (is_tree) {
      append_json_string(text, value.template get<std::string_view>());
    } else {
      append_json_string(text, value.template get_ref<const std::string&>());
    }
  } else if (value.is_number_unsigned()) {
    append_json_integer(text, value.template get<std::uint64_t>());
  } else if (value.is_number_integer()) {
    append_json_integer(text, value.template get<std::int64_t>());
  } else if (value.is_number()) {
    append_json_number(text, value.template get<double>());
  } else if (value.is_boolean()) {
    text += value.template get<bool>() ? "true" : "false";
  } else {
    text += "null";
  }
}
template <class Json>
void append_json(std::string& text, const Json& value) {
  append_json(text, value, [](const std::string&) { return false; });
}

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_JSON_TEXT_HPP
