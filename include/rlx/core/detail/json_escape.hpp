// SPDX-License-Identifier: MIT
/// @file
/// @brief Escapes in JSON texts, for the readers of JSON.
#ifndef RLX_CORE_DETAIL_JSON_ESCAPE_HPP
#define RLX_CORE_DETAIL_JSON_ESCAPE_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rlx::inline v0_1::detail {

/// Appends a code point in UTF-8. @pre code <= 0x10FFFF and no surrogate
inline void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

/// Appends what the escape whose backslash is at byte `at` of `text` stands for, in UTF-8, and moves `at` behind it (RFC 8259,
/// 7; both halves of a surrogate pair are one escape).
/// @return nullptr, or what was expected at `at`, which then is a place inside the escape or its backslash
inline const char* append_json_escape(std::string& out, std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? text[i] : '\0'; };
  const std::size_t letter = at + 1 < text.size() ? std::string_view("\"\\/bfnrt").find(text[at + 1]) : std::string_view::npos;
  if (letter != std::string_view::npos) {
    out += "\"\\/\b\f\n\r\t"[letter];
    at += 2;
    return nullptr;
  }
  if (byte(at + 1) != 'u') return "expected an escape such as \\n or \\u0041";
  const std::size_t begin = at;
  const auto half = [&](std::uint32_t& code) {  // \uXXXX
    code = 0;
    at += 2;
    for (int i = 0; i < 4; ++i, ++at) {
      const std::size_t digit = at < text.size() ? std::string_view("0123456789abcdefABCDEF").find(text[at]) : 22;
      if (digit > 21) return false;
      code = code * 16 + static_cast<std::uint32_t>(digit < 16 ? digit : digit - 6);
    }
    return true;
  };
  constexpr const char* digits = "expected four hexadecimal digits behind \\u";
  std::uint32_t code = 0, low = 0;
  if (!half(code)) return digits;
  if (code >= 0xD800 && code < 0xE000) {
    if (code < 0xDC00 && byte(at) == '\\' && byte(at + 1) == 'u' && !half(low)) return digits;
    if (low < 0xDC00 || low > 0xDFFF) {
      at = begin;
      return "expected both halves of a surrogate pair";
    }
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(out, code);
  return nullptr;
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_CORE_DETAIL_JSON_ESCAPE_HPP
