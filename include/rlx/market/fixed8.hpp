// SPDX-License-Identifier: MIT
/// @file
/// @brief Exact money: a decimal number with eight places in 64 bits.
///
/// Prices, amounts, fees and balances of a venue are decimals. As multiples of 1e-8 they add, compare and hash exactly; a
/// product or quotient is taken through 128 bits and rounded once, half to even.
#ifndef RLX_MARKET_FIXED8_HPP
#define RLX_MARKET_FIXED8_HPP

#include <bit>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>

namespace rlx::inline v0_1::market {
namespace detail {

/// A product of two 64-bit numbers.
__extension__ using Wide = __int128;

/// numerator / denominator to the nearest integer, halves to the even one. @pre denominator != 0
constexpr Wide divide_half_even(Wide numerator, Wide denominator) noexcept {
  if (denominator < 0) {
    numerator = -numerator;
    denominator = -denominator;
  }
  Wide quotient = numerator / denominator;
  const Wide rest = numerator % denominator;
  const Wide below = rest < 0 ? -rest : rest;
  const Wide above = denominator - below;  // not 2 * rest, which could overflow
  if (below > above || (below == above && quotient % 2 != 0)) quotient += numerator < 0 ? -1 : 1;
  return quotient;
}

/// True if a 64-bit integer holds the value.
constexpr bool fits_64(Wide value) noexcept {
  return value >= std::numeric_limits<std::int64_t>::min() && value <= std::numeric_limits<std::int64_t>::max();
}

/// a * b where it fits into 128 bits. @throws std::logic_error otherwise
constexpr Wide checked_product(Wide a, Wide b) {
  constexpr Wide most = ~(Wide{1} << 127);
  const Wide magnitude_a = a < 0 ? -a : a;
  const Wide magnitude_b = b < 0 ? -b : b;
  RLX_REQUIRE(magnitude_b == 0 || magnitude_a <= most / magnitude_b, "Fixed8: a product does not fit into 128 bits");
  return a * b;
}

/// Throws the DataError of a text that is no Fixed8.
[[noreturn]] inline void fixed8_text_error(std::string_view text, const char* why) {
  throw DataError("expected a decimal number with at most 8 places, found '" + std::string(text.substr(0, 60)) + "': " + why);
}
/// Throws the NumericError of a double that is no Fixed8.
[[noreturn]] inline void fixed8_double_error(double value, const char* why) {
  throw NumericError("expected a finite number between -92233720368 and 92233720368, found " + std::to_string(value) + ": " +
                     why);
}

}  // namespace detail

/// A decimal number: an integer count of 1e-8, range about +-92,233,720,368.54775807. Every operation is exact or says how it
/// rounds; what leaves the range throws `std::logic_error` (a wrong balance must never be booked). No allocation but for text.
class Fixed8 {
 public:
  /// Units in 1.
  static constexpr std::int64_t scale = 100'000'000;

  /// Zero.
  constexpr Fixed8() noexcept = default;

  /// `units` times 1e-8.
  static constexpr Fixed8 from_units(std::int64_t units) noexcept { return Fixed8(units); }
  /// A whole number. @throws std::logic_error beyond the range
  template <std::integral I>
  static constexpr Fixed8 from_integer(I value) {
    return narrowed(detail::Wide{value} * scale);
  }
  /// The multiple of 1e-8 nearest to the exact value of the double, halves to even.
  /// @throws NumericError if it is not finite or out of range
  static constexpr Fixed8 from_double(double value) {
    // In integers, so that the product with the scale is not rounded first.
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const auto biased = static_cast<int>(bits >> 52 & 0x7FF);
    if (biased == 0x7FF) detail::fixed8_double_error(value, "it is not finite");
    const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
    const std::uint64_t mantissa = biased == 0 ? fraction : fraction | (std::uint64_t{1} << 52);
    const int exponent = (biased == 0 ? 1 : biased) - 1075;
    if (exponent >= 0) detail::fixed8_double_error(value, "it is out of range");
    detail::Wide units = 0;  // the product is below 2^80; divided by 2^126 it rounds to 0
    if (exponent > -126) units = detail::divide_half_even(detail::Wide{mantissa} * scale, detail::Wide{1} << -exponent);
    if (!detail::fits_64(units)) detail::fixed8_double_error(value, "it is out of range");
    const auto magnitude = static_cast<std::int64_t>(units);
    return Fixed8(bits >> 63 != 0 ? -magnitude : magnitude);
  }
  /// Reads `-12.5`, `+3`, `.5`, `1e-8`, `8.5E-3` exactly; zeros after the eighth place are allowed.
  /// @throws DataError for anything else: no digits, other characters, more than 8 decimals, out of range
  static constexpr Fixed8 parse(std::string_view text) {
    std::size_t at = 0;
    const bool negative = !text.empty() && text[0] == '-';
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) ++at;
    const auto digit = [&] { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    std::uint64_t mantissa = 0;
    std::int64_t exponent = 0;  // value = mantissa * 10^exponent
    bool any = false, point = false;
    std::int64_t zeros = 0;  // seen, but not yet part of the mantissa
    for (; digit() || (!point && at < text.size() && text[at] == '.'); ++at) {
      if (text[at] == '.') {
        point = true;
        continue;
      }
      any = true;
      if (point) --exponent;
      if (text[at] == '0') {
        ++zeros;
        continue;
      }
      // Zeros in front and behind cost no room, so that 0.00000001 and 100000 both keep their exact mantissa.
      for (std::int64_t i = mantissa == 0 ? zeros : 0; i < zeros; ++i) mantissa = grown(mantissa, 0, text);
      mantissa = grown(mantissa, static_cast<unsigned>(text[at] - '0'), text);
      zeros = 0;
    }
    exponent += zeros;
    if (!any) detail::fixed8_text_error(text, "there are no digits");
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
      ++at;
      const bool down = at < text.size() && text[at] == '-';
      if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
      if (!digit()) detail::fixed8_text_error(text, "the exponent has no digits");
      std::int64_t written = 0;
      for (; digit(); ++at) {
        if (written < 1'000'000) written = written * 10 + (text[at] - '0');
      }
      exponent += down ? -written : written;
    }
    if (at != text.size()) detail::fixed8_text_error(text, "a character that belongs to no number");
    if (mantissa == 0) return {};
    if (exponent < -8) detail::fixed8_text_error(text, "it has more than 8 decimals");
    if (exponent > 11) detail::fixed8_text_error(text, "it is out of range");
    detail::Wide units = mantissa;
    for (; exponent > -8; --exponent) units *= 10;
    if (negative) units = -units;
    if (!detail::fits_64(units)) detail::fixed8_text_error(text, "it is out of range");
    return Fixed8(static_cast<std::int64_t>(units));
  }

  /// The count of 1e-8.
  constexpr std::int64_t units() const noexcept { return units_; }
  /// The nearest double up to one rounding: exact to the last bit below 90,000,000.
  constexpr double to_double() const noexcept { return static_cast<double>(units_) / static_cast<double>(scale); }
  /// Shortest decimal text: `0.0085`, `-3.2`, `0`; never an exponent. `parse` gives the same number back.
  std::string to_string() const {
    const bool negative = units_ < 0;
    const std::uint64_t magnitude =
        negative ? std::uint64_t{0} - static_cast<std::uint64_t>(units_) : static_cast<std::uint64_t>(units_);
    std::string text = negative ? "-" : "";
    text += std::to_string(magnitude / scale);
    if (const std::uint64_t fraction = magnitude % scale; fraction != 0) {
      const std::string digits = std::to_string(fraction);
      text += '.';
      text.append(8 - digits.size(), '0');
      text += digits;
      text.erase(text.find_last_not_of('0') + 1);
    }
    return text;
  }

  constexpr auto operator<=>(const Fixed8&) const noexcept = default;  ///< By value; `==` with it.

  /// Exact. @throws std::logic_error beyond the range, as all arithmetic here
  constexpr Fixed8 operator-() const { return narrowed(-detail::Wide{units_}); }
  /// Exact.
  friend constexpr Fixed8 operator+(Fixed8 a, Fixed8 b) { return narrowed(detail::Wide{a.units_} + b.units_); }
  /// Exact.
  friend constexpr Fixed8 operator-(Fixed8 a, Fixed8 b) { return narrowed(detail::Wide{a.units_} - b.units_); }
  /// Exact multiple. A double does not convert: use `multiply` and say where it is rounded.
  template <std::integral I>
  friend constexpr Fixed8 operator*(Fixed8 a, I times) {
    return narrowed(detail::Wide{a.units_} * times);
  }
  /// Exact multiple.
  template <std::integral I>
  friend constexpr Fixed8 operator*(I times, Fixed8 a) {
    return a * times;
  }
  /// Exact.
  constexpr Fixed8& operator+=(Fixed8 b) { return *this = *this + b; }
  /// Exact.
  constexpr Fixed8& operator-=(Fixed8 b) { return *this = *this - b; }

  /// -1, 0 or 1.
  constexpr int sign() const noexcept { return units_ < 0 ? -1 : units_ > 0 ? 1 : 0; }
  /// Whether the number is an integer multiple of `step`. @pre step > 0
  constexpr bool is_multiple_of(Fixed8 step) const {
    require_step(step);
    return units_ % step.units_ == 0;
  }
  /// The smallest multiple of `step` that is not below the number. @pre step > 0
  constexpr Fixed8 round_up_to(Fixed8 step) const {
    require_step(step);
    const std::int64_t rest = units_ % step.units_;
    return rest == 0 ? *this : narrowed(detail::Wide{units_} - rest + (rest > 0 ? step.units_ : 0));
  }
  /// The largest multiple of `step` that is not above the number. @pre step > 0
  constexpr Fixed8 round_down_to(Fixed8 step) const {
    require_step(step);
    const std::int64_t rest = units_ % step.units_;
    return rest == 0 ? *this : narrowed(detail::Wide{units_} - rest - (rest < 0 ? step.units_ : 0));
  }

  /// a * b, rounded once, half to even.
  friend constexpr Fixed8 multiply(Fixed8 a, Fixed8 b) {
    return narrowed(detail::divide_half_even(detail::Wide{a.units_} * b.units_, scale));
  }
  /// a * b * c, rounded once, half to even. @throws std::logic_error if the three counts of 1e-8 leave 128 bits
  friend constexpr Fixed8 multiply(Fixed8 a, Fixed8 b, Fixed8 c) {
    const detail::Wide product = detail::checked_product(detail::Wide{a.units_} * b.units_, c.units_);
    return narrowed(detail::divide_half_even(product, detail::Wide{scale} * scale));
  }
  /// a / b, rounded once, half to even. @pre b != 0
  friend constexpr Fixed8 divide(Fixed8 a, Fixed8 b) {
    RLX_REQUIRE(b.units_ != 0, "Fixed8: a division by zero");
    return narrowed(detail::divide_half_even(detail::Wide{a.units_} * scale, b.units_));
  }
  /// a * b / c, rounded once, half to even. @pre c != 0
  friend constexpr Fixed8 multiply_divide(Fixed8 a, Fixed8 b, Fixed8 c) {
    RLX_REQUIRE(c.units_ != 0, "Fixed8: a division by zero");
    return narrowed(detail::divide_half_even(detail::Wide{a.units_} * b.units_, c.units_));
  }
  /// a * b * c / d, rounded once, half to even. @pre d != 0 @throws std::logic_error if the three counts leave 128 bits
  friend constexpr Fixed8 multiply_divide(Fixed8 a, Fixed8 b, Fixed8 c, Fixed8 d) {
    RLX_REQUIRE(d.units_ != 0, "Fixed8: a division by zero");
    const detail::Wide product = detail::checked_product(detail::Wide{a.units_} * b.units_, c.units_);
    return narrowed(detail::divide_half_even(product, detail::Wide{d.units_} * scale));
  }

  /// Magnitude. @throws std::logic_error for the smallest number, which has none
  friend constexpr Fixed8 abs(Fixed8 a) { return a.units_ < 0 ? -a : a; }
  /// The smaller one.
  friend constexpr Fixed8 min(Fixed8 a, Fixed8 b) noexcept { return b < a ? b : a; }
  /// The larger one.
  friend constexpr Fixed8 max(Fixed8 a, Fixed8 b) noexcept { return a < b ? b : a; }

 private:
  explicit constexpr Fixed8(std::int64_t units) noexcept : units_(units) {}

  static constexpr Fixed8 narrowed(detail::Wide units) {
    RLX_REQUIRE(detail::fits_64(units), "Fixed8: a result beyond +-92233720368.54775807");
    return Fixed8(static_cast<std::int64_t>(units));
  }
  static constexpr void require_step(Fixed8 step) { RLX_REQUIRE(step.units_ > 0, "Fixed8: a step must be above 0"); }
  static constexpr std::uint64_t grown(std::uint64_t mantissa, unsigned digit, std::string_view text) {
    if (mantissa > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) {
      detail::fixed8_text_error(text, "it is out of range or has too many decimals");
    }
    return mantissa * 10 + digit;
  }

  std::int64_t units_ = 0;
};

}  // namespace rlx::inline v0_1::market

/// @cond
/// Of the count of 1e-8.
template <>
struct std::hash<rlx::market::Fixed8> {
  /// As `std::hash` of an integer.
  std::size_t operator()(rlx::market::Fixed8 value) const noexcept { return std::hash<std::int64_t>()(value.units()); }
};
/// @endcond

#endif  // RLX_MARKET_FIXED8_HPP
