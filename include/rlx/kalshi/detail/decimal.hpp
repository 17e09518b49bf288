// SPDX-License-Identifier: MIT
/// @file
/// @brief Decimal text as a scaled integer, never through a double; times with microseconds.
#ifndef RLX_KALSHI_DETAIL_DECIMAL_HPP
#define RLX_KALSHI_DETAIL_DECIMAL_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rlx/io/iso8601.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi::detail {

/// The whole of `text` as a number times 10^places: an optional minus, up to 15 digits, optionally a point and 1 to `places`
/// digits. Empty for anything else: an exponent, a plus, "nan", further decimals.
constexpr std::optional<std::int64_t> parse_decimal(std::string_view text, int places) noexcept {
  const char* p = text.data();
  const char* const end = p + text.size();
  const bool negative = p != end && *p == '-';
  if (negative) ++p;
  const auto is_digit = [&] { return p != end && *p >= '0' && *p <= '9'; };
  std::int64_t value = 0;
  const char* const whole = p;
  for (; is_digit(); ++p) {
    if (p - whole == 15) return std::nullopt;
    value = value * 10 + (*p - '0');
  }
  if (p == whole) return std::nullopt;
  if (p != end && *p == '.') {
    const char* const fraction = ++p;
    for (; is_digit(); ++p, --places) {
      if (places == 0) return std::nullopt;
      value = value * 10 + (*p - '0');
    }
    if (p == fraction) return std::nullopt;
  }
  if (p != end) return std::nullopt;
  for (; places > 0; --places) value *= 10;
  return negative ? -value : value;
}

/// The scaled integer as text with exactly `places` decimals: 1234 with 2 places is "12.34".
inline std::string format_decimal(std::int64_t value, std::size_t places) {
  std::string digits = std::to_string(value < 0 ? -value : value);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  digits.insert(digits.size() - places, 1, '.');
  return value < 0 ? '-' + digits : digits;
}

/// As io::try_parse_time_ms with microseconds; finer digits are cut off.
constexpr std::optional<Micros> parse_time_us(std::string_view text) noexcept {
  const std::optional<std::int64_t> ms = io::try_parse_time_ms(text);
  if (!ms) return std::nullopt;
  Micros us = *ms * 1'000;
  const std::size_t point = text.find_first_of(".,");
  if (point == std::string_view::npos) return us;
  Micros unit = 100;
  for (std::size_t i = point + 4; i < text.size() && i < point + 7 && text[i] >= '0' && text[i] <= '9'; ++i, unit /= 10) {
    us += (text[i] - '0') * unit;
  }
  return us;
}

/// `2025-12-04T20:27:16.079996Z`
inline std::string format_time_us(Micros us) {
  const Micros second = us / 1'000'000 - (us % 1'000'000 < 0 ? 1 : 0);
  std::string text = io::format_time_ms(second * 1'000);
  const std::string digits = std::to_string(us - second * 1'000'000);
  text.back() = '.';
  return text.append(6 - digits.size(), '0') + digits + 'Z';
}

}  // namespace rlx::inline v0_1::kalshi::detail

#endif  // RLX_KALSHI_DETAIL_DECIMAL_HPP
