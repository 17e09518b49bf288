// SPDX-License-Identifier: MIT
/// @file
/// @brief Sums whose order is fixed by the number of terms, whatever the number of threads.
#ifndef RLX_CORE_REDUCTION_HPP
#define RLX_CORE_REDUCTION_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>

namespace rlx::inline v0_1 {

/**
 * @brief Elementwise sum of several buffers into the first one, over a fixed tree.
 *
 * For stride 1, 2, 4, ...: `buffers[i] += buffers[i + stride]` for every i that is a multiple of 2 * stride. Each element has
 * one order of addition, so the range [0, n) may be cut between threads (pass shifted pointers) without changing a bit.
 *
 * @param buffers  pointers to at least `n` numbers each; the result is in `buffers[0]`, the others are overwritten with
 *                 partial sums; they may not overlap. Nothing happens for fewer than 2 buffers.
 * @param n        elements per buffer
 * @par Complexity O(buffers * n), no allocation
 */
template <std::floating_point S>
void tree_sum(std::span<S* const> buffers, std::size_t n) noexcept {
  constexpr std::size_t block = 2048;  // all partial sums of a block stay in the first-level cache
  for (std::size_t begin = 0; begin < n; begin += block) {
    const std::size_t end = std::min(begin + block, n);
    for (std::size_t stride = 1; stride < buffers.size(); stride *= 2) {
      for (std::size_t i = 0; i + stride < buffers.size(); i += 2 * stride) {
        S* const into = buffers[i];
        const S* const from = buffers[i + stride];
        for (std::size_t j = begin; j < end; ++j) into[j] += from[j];
      }
    }
  }
}

/**
 * @brief Sum of numbers over the same fixed tree; 0 for none.
 * @param values  overwritten with partial sums; the result is also left in `values[0]`
 */
inline double tree_sum(std::span<double> values) noexcept {
  for (std::size_t stride = 1; stride < values.size(); stride *= 2)
    for (std::size_t i = 0; i + stride < values.size(); i += 2 * stride) values[i] += values[i + stride];
  return values.empty() ? 0.0 : values[0];
}

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_REDUCTION_HPP
