// SPDX-License-Identifier: MIT
/// @file
/// @brief What an observation or an action may be: Discrete, MultiDiscrete, Box, Simplex.
#ifndef RLX_ENV_SPACE_HPP
#define RLX_ENV_SPACE_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <vector>

namespace rlx::inline v0_1 {

/// One integer in [0, n).
struct Discrete {
  std::int64_t n = 0;                                ///< choices, at least 1
  bool operator==(const Discrete&) const = default;  ///< Memberwise.
};

/// Independent integers; component i lies in [0, nvec[i]).
struct MultiDiscrete {
  std::vector<std::int64_t> nvec;                         ///< choices of each component
  bool operator==(const MultiDiscrete&) const = default;  ///< Memberwise.
};

/// A vector with bounds per element; low and high have the same length and may be infinite.
struct Box {
  std::vector<float> low,  ///< smallest value of each element
      high;                ///< largest value of each element
  /// `size` elements with the same bounds.
  static Box uniform(std::size_t size, float low, float high) {
    return {std::vector<float>(size, low), std::vector<float>(size, high)};
  }
  std::size_t size() const noexcept { return low.size(); }  ///< elements
  bool operator==(const Box&) const = default;              ///< Memberwise.
};

/// n weights, each >= 0, that sum to 1.
struct Simplex {
  std::int64_t n = 0;                               ///< weights
  bool operator==(const Simplex&) const = default;  ///< Memberwise.
};

/// Any of the four.
template <class T>
concept ActionSpace = std::same_as<std::remove_cvref_t<T>, Discrete> || std::same_as<std::remove_cvref_t<T>, MultiDiscrete> ||
    std::same_as<std::remove_cvref_t<T>, Box> || std::same_as<std::remove_cvref_t<T>, Simplex>;

/// The number type of an action row: `std::int32_t` for integers, `float` for vectors.
template <ActionSpace T>
using ActionScalarOf = std::conditional_t<std::same_as<T, Discrete> || std::same_as<T, MultiDiscrete>, std::int32_t, float>;

/// Numbers in one action row.
inline std::size_t action_width(const Discrete&) { return 1; }
inline std::size_t action_width(const MultiDiscrete& space) { return space.nvec.size(); }            ///< one per component
inline std::size_t action_width(const Box& space) { return space.size(); }                           ///< one per element
inline std::size_t action_width(const Simplex& space) { return static_cast<std::size_t>(space.n); }  ///< one per weight

/// Bytes in one mask row: one per choice, the components of a MultiDiscrete one after another; a Box has none.
inline std::size_t mask_width(const Discrete& space) { return static_cast<std::size_t>(space.n); }
/// The components one after another.
inline std::size_t mask_width(const MultiDiscrete& space) {
  return static_cast<std::size_t>(std::accumulate(space.nvec.begin(), space.nvec.end(), std::int64_t{0}));
}
inline std::size_t mask_width(const Box&) { return 0; }                                            ///< none
inline std::size_t mask_width(const Simplex& space) { return static_cast<std::size_t>(space.n); }  ///< one per weight

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_SPACE_HPP
