// SPDX-License-Identifier: MIT
/// @file
/// @brief UTF-8 for the readers of JSON.
#ifndef RLX_CORE_DETAIL_UTF8_HPP
#define RLX_CORE_DETAIL_UTF8_HPP

#include <cstdint>
#include <string>

namespace rlx::inline v0_1::detail {

/// Appends a code point. @pre code <= 0x10FFFF and no surrogate
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

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_CORE_DETAIL_UTF8_HPP
