// SPDX-License-Identifier: MIT
/// @file
/// @brief Finiteness tested on the bits of a number.
///
/// `std::isfinite` is folded to `true` when the consumer compiles with `-ffast-math`; the exponent test here is not.
#ifndef RLX_CORE_FINITE_HPP
#define RLX_CORE_FINITE_HPP

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rlx::inline v0_1 {

/// True unless `x` is NaN or an infinity. Right under every compiler flag; no allocation, never throws.
constexpr bool is_finite(float x) noexcept { return (std::bit_cast<std::uint32_t>(x) & 0x7F800000U) != 0x7F800000U; }

/// True unless `x` is NaN or an infinity, as for float.
constexpr bool is_finite(double x) noexcept {
  return (std::bit_cast<std::uint64_t>(x) & 0x7FF0000000000000ULL) != 0x7FF0000000000000ULL;
}

namespace detail {
/// Without the sign, bits of floating-point numbers are ordered as the numbers are, NaN above infinity.
constexpr std::uint32_t magnitude_bits(float x) noexcept { return std::bit_cast<std::uint32_t>(x) & 0x7FFFFFFFU; }
/// The same for double.
constexpr std::uint64_t magnitude_bits(double x) noexcept { return std::bit_cast<std::uint64_t>(x) & 0x7FFFFFFFFFFFFFFFULL; }

/// As the public overloads, for float and double.
template <class S>
std::size_t first_non_finite(std::span<const S> values) noexcept {
  constexpr std::size_t block = 32;  // tested without a branch, so that the compiler can do several at once
  const auto is_bad = [&](std::size_t first) {
    auto largest = magnitude_bits(S(0));
    for (std::size_t j = 0; j < block; ++j) largest = std::max(largest, magnitude_bits(values[first + j]));
    return !is_finite(std::bit_cast<S>(largest));
  };
  const std::size_t n = values.size();
  std::size_t i = 0;
  while (i + block <= n && !is_bad(i)) i += block;
  // What is left is tested in a block that overlaps the last one: element by element it takes longer than all blocks.
  if (i < n && n >= block && i + block > n && !is_bad(n - block)) return n;
  for (; i < n; ++i)
    if (!is_finite(values[i])) return i;
  return n;
}
}  // namespace detail

/// Index of the first number that is NaN or infinite; `values.size()` if every one is finite. O(n), no allocation.
inline std::size_t first_non_finite(std::span<const float> values) noexcept { return detail::first_non_finite(values); }
/// Index of the first number that is NaN or infinite, as for float.
inline std::size_t first_non_finite(std::span<const double> values) noexcept { return detail::first_non_finite(values); }

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_FINITE_HPP
