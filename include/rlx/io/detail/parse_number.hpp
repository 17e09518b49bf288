// SPDX-License-Identifier: MIT
/// @file
/// @brief Decimal text to numbers: exact for integers, correctly rounded for doubles, finite only, no locale, no allocation.
#ifndef RLX_IO_DETAIL_PARSE_NUMBER_HPP
#define RLX_IO_DETAIL_PARSE_NUMBER_HPP

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <system_error>

namespace rlx::inline v0_1::io::detail {

/// Why a text is not a number; `ok` if it is one.
enum class NumberStatus : std::uint8_t { ok, malformed, out_of_range };

inline unsigned digit_of(char c) noexcept { return static_cast<unsigned>(static_cast<unsigned char>(c)) - unsigned{'0'}; }

/// The whole of `text` as a decimal integer: optional sign, then digits.
inline NumberStatus parse_integer(std::string_view text, std::int64_t& value) noexcept {
  const char* p = text.data();
  const char* const end = p + text.size();
  const bool negative = p != end && *p == '-';
  if (p != end && (*p == '-' || *p == '+')) ++p;
  if (p == end) return NumberStatus::malformed;
  std::uint64_t magnitude = 0;
  bool overflow = false;
  const bool may_overflow = end - p > 19;  // 19 digits always fit into 64 bits
  for (; p != end; ++p) {
    const unsigned digit = digit_of(*p);
    if (digit > 9) return NumberStatus::malformed;
    if (may_overflow && magnitude > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) overflow = true;
    magnitude = magnitude * 10 + digit;
  }
  const std::uint64_t limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) + (negative ? 1 : 0);
  if (overflow || magnitude > limit) return NumberStatus::out_of_range;
  value = static_cast<std::int64_t>(negative ? std::uint64_t{0} - magnitude : magnitude);
  return NumberStatus::ok;
}

/// The whole of `text` as a finite double: optional sign, digits with at most one point, optional exponent. "nan", "inf"
/// and hexadecimal are malformed; what rounds to infinity is out of range; what is too small rounds to zero.
///
/// Up to 2^53 with a power of ten up to 22 one multiplication or division is already correctly rounded (Clinger 1990);
/// everything else goes to `std::from_chars`.
inline NumberStatus parse_double(std::string_view text, double& value) noexcept {
  static constexpr std::array<double, 23> power_of_ten = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                          1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                          1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const char* p = text.data();
  const char* const end = p + text.size();
  const bool negative = p != end && *p == '-';
  if (p != end && (*p == '-' || *p == '+')) ++p;
  const char* const number = p;

  std::uint64_t mantissa = 0;
  unsigned digit = 0;
  for (; p != end && (digit = digit_of(*p)) <= 9; ++p) mantissa = mantissa * 10 + digit;
  std::ptrdiff_t digits = p - number;
  std::ptrdiff_t exponent = 0;
  if (p != end && *p == '.') {
    const char* const fraction = ++p;
    for (; p != end && (digit = digit_of(*p)) <= 9; ++p) mantissa = mantissa * 10 + digit;
    exponent = fraction - p;
    digits += p - fraction;
  }
  if (digits == 0) return NumberStatus::malformed;
  const char* const mantissa_end = p;
  if (p != end) {
    if (*p != 'e' && *p != 'E') return NumberStatus::malformed;
    ++p;
    const bool negative_exponent = p != end && *p == '-';
    if (p != end && (*p == '-' || *p == '+')) ++p;
    if (p == end) return NumberStatus::malformed;
    std::ptrdiff_t written = 0;
    for (; p != end; ++p) {
      digit = digit_of(*p);
      if (digit > 9) return NumberStatus::malformed;
      if (written < 1'000'000'000) written = written * 10 + static_cast<std::ptrdiff_t>(digit);
    }
    exponent += negative_exponent ? -written : written;
  }
  // 19 digits fit into the 64 bits of the mantissa; more may have wrapped around.
  if (digits <= 19 && mantissa <= (std::uint64_t{1} << 53) && exponent >= -22 && exponent <= 22) {
    const auto exact = static_cast<double>(mantissa);
    const double magnitude = exponent < 0 ? exact / power_of_ten[static_cast<std::size_t>(-exponent)]
                                          : exact * power_of_ten[static_cast<std::size_t>(exponent)];
    value = negative ? -magnitude : magnitude;
    return NumberStatus::ok;
  }
  double magnitude = 0.0;
  if (std::from_chars(number, end, magnitude).ec == std::errc::result_out_of_range) {
    // Both ends of the range give this error; the position of the leading digit tells which one it is.
    const char* leading = number;
    while (leading != mantissa_end && (*leading == '0' || *leading == '.')) ++leading;
    std::ptrdiff_t digits_from_leading = 0;
    for (const char* q = leading; q != mantissa_end; ++q) digits_from_leading += *q != '.' ? 1 : 0;
    if (exponent + digits_from_leading > 0) return NumberStatus::out_of_range;
    magnitude = 0.0;
  }
  value = negative ? -magnitude : magnitude;
  return NumberStatus::ok;
}

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_PARSE_NUMBER_HPP
