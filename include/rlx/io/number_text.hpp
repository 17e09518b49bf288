// SPDX-License-Identifier: MIT
/// @file
/// @brief Numbers as people read them: fixed decimals, signs, grouped thousands, short magnitudes, durations.
///
/// All functions are locale-independent and write what is not finite as an en dash, so that a missing figure looks
/// missing and never like a number.
#ifndef RLX_IO_NUMBER_TEXT_HPP
#define RLX_IO_NUMBER_TEXT_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <rlx/core/finite.hpp>

namespace rlx::inline v0_1::io {

/// What stands for a number that is not finite.
inline constexpr std::string_view missing_number = "\xE2\x80\x93";

/// `value` with `decimals` (0..17) digits after the point, rounded to nearest; a negative zero loses its sign.
/// @code fixed(-0.004, 2) == "0.00" @endcode
inline std::string fixed(double value, int decimals) {
  if (!is_finite(value)) return std::string(missing_number);
  std::array<char, 352> buffer;  // 309 digits of the largest double, sign, point, 17 decimals
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed, std::clamp(decimals, 0, 17))
          .ptr;
  std::string text(buffer.data(), end);
  if (text.front() == '-' && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

/// `fixed` with a plus sign in front of positive numbers; what rounds to zero has no sign.
inline std::string signed_fixed(double value, int decimals) {
  std::string text = fixed(value, decimals);
  if (is_finite(value) && text.front() != '-' && text.find_first_not_of("0.") != std::string::npos) text.insert(0, 1, '+');
  return text;
}

/// `fixed` with commas between groups of three digits.
/// @code grouped(1234567.891, 2) == "1,234,567.89" @endcode
inline std::string grouped(double value, int decimals = 0) {
  std::string text = fixed(value, decimals);
  if (!is_finite(value)) return text;
  const std::size_t first = text.front() == '-' ? 1 : 0;
  for (std::size_t at = std::min(text.find('.'), text.size()); at > first + 3;) text.insert(at -= 3, 1, ',');
  return text;
}

/// At most `decimals` digits after the point, without trailing zeros.
/// @code trimmed(1.50, 2) == "1.5" @endcode
inline std::string trimmed(double value, int decimals) {
  std::string text = fixed(value, decimals);
  if (!is_finite(value) || text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// A number in at most about six characters: 950, 12.5k, 3.2M, 4B.
inline std::string compact(double value) {
  const double size = std::fabs(value);
  // Just below a unit the rounded text would read 1000k; the next unit is chosen instead.
  for (const auto& [unit, letter] : {std::pair{1e12, 'T'}, std::pair{1e9, 'B'}, std::pair{1e6, 'M'}, std::pair{1e3, 'k'}}) {
    if (is_finite(value) && size >= unit * 0.99995) return trimmed(value / unit, size < 99.95 * unit ? 2 : 1) + letter;
  }
  return trimmed(value, size < 10 ? 3 : size < 100 ? 2 : 1);
}

/// A span of time, coarse to two units: "45 s", "3 min 05 s", "2 h 07 min", "4 d 03 h". Negative spans read "0 s".
inline std::string duration_text(double seconds) {
  if (!is_finite(seconds)) return std::string(missing_number);
  const auto total = static_cast<std::int64_t>(std::llround(std::clamp(seconds, 0.0, 1e15)));
  const auto two_units = [](std::int64_t coarse, std::string_view unit, std::int64_t fine, std::string_view fine_unit) {
    std::string text = std::to_string(coarse);
    text.append(" ").append(unit).append(fine < 10 ? " 0" : " ").append(std::to_string(fine)).append(" ").append(fine_unit);
    return text;
  };
  if (total < 60) return std::to_string(total) + " s";
  if (total < 3'600) return two_units(total / 60, "min", total % 60, "s");
  if (total < 86'400) return two_units(total / 3'600, "h", total % 3'600 / 60, "min");
  return two_units(total / 86'400, "d", total % 86'400 / 3'600, "h");
}

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_NUMBER_TEXT_HPP
