// SPDX-License-Identifier: MIT
/// @file
/// @brief How many episodes each source gets in one pass of a SequentialSampler.
#ifndef RLX_CURRICULUM_BUDGET_HPP
#define RLX_CURRICULUM_BUDGET_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/curriculum/difficulty.hpp>

namespace rlx::inline v0_1::curriculum {

/// How often a pass visits each source.
enum class BudgetKind : std::uint8_t {
  once,          ///< one episode of each source
  fixed,         ///< `episodes` of each
  proportional,  ///< by length, `episodes` on average
  adaptive       ///< more for the sources with the lowest returns, half to twice `episodes`; recomputed for every pass
};

/// How the episodes of a pass are divided among the sources.
struct BudgetConfig {
  BudgetKind kind = BudgetKind::fixed;  ///< how the episodes are divided
  std::uint32_t episodes = 20;          ///< 1 .. 1,000,000; `once` does not read it
  double alpha = 0.1;                   ///< adaptive: weight of a new return in a source's average, in (0, 1]
};

/// Largest-remainder shares of `episodes` x n in proportion to the lengths (ties to the lower index), then at least 1 each,
/// so that the sum may exceed `episodes` x n.
/// @throws ConfigError  every length is 0
inline std::vector<std::uint32_t> proportional_budget(std::span<const std::size_t> lengths, std::uint32_t episodes) {
  __extension__ using u128 = unsigned __int128;
  u128 sum = 0;
  for (const std::size_t length : lengths) sum += length;
  if (sum == 0) throw ConfigError("proportional budget: every source has length 0; expected a length above 0");
  const std::uint64_t total = std::uint64_t{episodes} * lengths.size();
  std::vector<std::uint32_t> budget(lengths.size());
  std::vector<u128> remainder(lengths.size());
  std::uint64_t given = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const u128 product = static_cast<u128>(total) * lengths[i];
    budget[i] = static_cast<std::uint32_t>(product / sum);
    remainder[i] = product % sum;
    given += budget[i];
  }
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return remainder[a] > remainder[b]; });
  for (std::size_t i = 0; given < total; ++i, ++given) ++budget[order[i]];
  for (std::uint32_t& count : budget) count = std::max(count, 1U);
  return budget;
}

/// N_i = round(episodes x (0.5 + 1.5 x (1 - F(return_i)))), halves away from zero, at least 1.
/// @param returns   average return of each source; a NaN is a source without episodes, which is ranked in the middle
/// @param episodes  of each source on average
inline std::vector<std::uint32_t> adaptive_budget(std::span<const double> returns, std::uint32_t episodes) {
  std::vector<double> known;
  for (const double value : returns) {
    if (is_finite(value)) known.push_back(value);
  }
  const MidRank rank(std::move(known));
  std::vector<std::uint32_t> budget;
  for (const double value : returns) {
    const double share = is_finite(value) ? rank(value) : 0.5;
    const double count = std::round(static_cast<double>(episodes) * (0.5 + 1.5 * (1.0 - share)));
    budget.push_back(static_cast<std::uint32_t>(std::max(count, 1.0)));
  }
  return budget;
}

/// The budget of the first pass, before any return is known.
/// @throws ConfigError  `episodes` out of range, or every length 0
inline std::vector<std::uint32_t> first_budget(std::span<const EpisodeInfo> sources, const BudgetConfig& config) {
  if (config.kind == BudgetKind::once) return std::vector<std::uint32_t>(sources.size(), 1);
  if (config.episodes == 0 || config.episodes > 1'000'000) {
    throw ConfigError("budget.episodes = " + std::to_string(config.episodes) + ": expected 1 .. 1000000 episodes per source");
  }
  if (config.kind == BudgetKind::fixed) return std::vector<std::uint32_t>(sources.size(), config.episodes);
  if (config.kind == BudgetKind::adaptive) {
    return adaptive_budget(std::vector<double>(sources.size(), std::nan("")), config.episodes);
  }
  std::vector<std::size_t> lengths;
  for (const EpisodeInfo& info : sources) lengths.push_back(info.length);
  return proportional_budget(lengths, config.episodes);
}

}  // namespace rlx::inline v0_1::curriculum

#endif  // RLX_CURRICULUM_BUDGET_HPP
