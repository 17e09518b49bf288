// SPDX-License-Identifier: MIT
/// @file
/// @brief A piece of a file as it may stand in a message: short and printable.
#ifndef RLX_IO_DETAIL_SHOWN_TEXT_HPP
#define RLX_IO_DETAIL_SHOWN_TEXT_HPP

#include <cstddef>
#include <string>
#include <string_view>

namespace rlx::inline v0_1::io::detail {

/// `text` with control characters as \xNN, cut after `limit` bytes.
inline std::string printable(std::string_view text, std::size_t limit) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string shown;
  for (const char c : text.substr(0, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      shown += "\\x";
      shown += hex[byte >> 4];
      shown += hex[byte & 15];
    } else {
      shown += c;
    }
  }
  return text.size() > limit ? shown + "..." : shown;
}

/// The same, between single quotes.
inline std::string shown_text(std::string_view text, std::size_t limit = 60) {
  std::string shown(1, '\'');
  shown += printable(text, limit);
  return shown += '\'';
}

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_SHOWN_TEXT_HPP
