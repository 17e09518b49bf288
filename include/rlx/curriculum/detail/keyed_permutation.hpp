// SPDX-License-Identifier: MIT
#ifndef RLX_CURRICULUM_DETAIL_KEYED_PERMUTATION_HPP
#define RLX_CURRICULUM_DETAIL_KEYED_PERMUTATION_HPP

#include <algorithm>
#include <bit>
#include <cstdint>

#include <rlx/core/random.hpp>

namespace rlx::inline v0_1::curriculum::detail {

/// Environment number of the streams that belong to a whole pass; no run has so many environments.
inline constexpr std::uint32_t pass_stream = 0xFFFFFFFFU;

/// Element x of the pass's permutation of [0, n), without the memory of a permutation, so that any thread may ask for any
/// element of any pass.
/// @par Source  "swap-or-not": Hoang, Morris, Rogaway 2012, "An enciphering scheme based on a card shuffle"
inline std::uint64_t permuted(std::uint64_t x, std::uint64_t n, std::uint64_t seed, std::uint64_t pass) {
  RandomStream keys({.seed = seed, .purpose = Purpose::curriculum, .env = pass_stream, .step = pass});
  const std::uint64_t coin_seed = keys.next_u64();
  const auto rounds = static_cast<std::uint32_t>(32 + 6 * static_cast<int>(std::bit_width(n)));
  for (std::uint32_t round = 0; round < rounds; ++round) {
    const std::uint64_t key = keys.bounded(n);
    const std::uint64_t partner = key >= x ? key - x : key + n - x;
    RandomStream coin({.seed = coin_seed, .purpose = Purpose::curriculum, .env = round, .step = std::max(x, partner)});
    if ((coin.next_u32() >> 31) != 0) x = partner;
  }
  return x;
}

}  // namespace rlx::inline v0_1::curriculum::detail

#endif  // RLX_CURRICULUM_DETAIL_KEYED_PERMUTATION_HPP
