// SPDX-License-Identifier: MIT
/// @file
/// @brief The known word that a mistyped one most probably meant, for error messages.
#ifndef RLX_CORE_NEAREST_HPP
#define RLX_CORE_NEAREST_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rlx::inline v0_1 {

/// Number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment).
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> two_back(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) current[j] = std::min(current[j], two_back[j - 2] + 1);
    }
    std::swap(two_back, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

/**
 * @brief The candidate with the smallest edit distance to `word`; the first one on ties.
 * @param word        as it was written
 * @param candidates  any range of strings
 * @return empty if there is no candidate, or none within half the length of the longer word: a guess would mislead
 */
template <class Candidates>
requires requires(const Candidates& candidates) {
  { *std::begin(candidates) } -> std::convertible_to<std::string_view>;
}
std::string nearest(std::string_view word, const Candidates& candidates) {
  std::string best;
  std::size_t best_distance = static_cast<std::size_t>(-1);
  for (const auto& entry : candidates) {
    const std::string_view candidate = entry;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && 2 * distance <= std::max(word.size(), candidate.size())) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

/// The same for a list in braces.
inline std::string nearest(std::string_view word, std::initializer_list<std::string_view> candidates) {
  return nearest<std::initializer_list<std::string_view>>(word, candidates);
}

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_NEAREST_HPP
