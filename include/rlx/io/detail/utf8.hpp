// SPDX-License-Identifier: MIT
/// @file
/// @brief Steps through UTF-8 text that may be damaged.
#ifndef RLX_IO_DETAIL_UTF8_HPP
#define RLX_IO_DETAIL_UTF8_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rlx::inline v0_1::io::detail {

struct CodePoint {
  std::uint32_t value = 0;  ///< the byte itself where `valid` is false
  std::size_t length = 1;   ///< bytes it takes
  bool valid = false;
};

/// The code point that begins at byte `at` (inside `text`). Overlong forms, surrogates and cut sequences are not valid.
inline CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t lead = byte(at);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xC2 && lead < 0xE0   ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length == 0 || at + length > text.size()) return {lead, 1, false};
  std::uint32_t value = lead & (0x7Fu >> length);
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(at + k) & 0xC0u) != 0x80u) return {lead, 1, false};
    value = value << 6 | (byte(at + k) & 0x3Fu);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return {lead, 1, false};
  return {value, length, true};
}

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_UTF8_HPP
