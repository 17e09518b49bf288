// SPDX-License-Identifier: MIT
/// @file
/// @brief NumPy's default generator, bit for bit, so that the classic environments reset exactly as Gymnasium's do.
///
/// For that purpose only; everything else draws from core/random.hpp.
#ifndef RLX_CORE_PCG64_HPP
#define RLX_CORE_PCG64_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace rlx::inline v0_1 {

/**
 * @brief `numpy.random.SeedSequence(seed)` for an integer seed below 2^64: spreads its bits over a pool of 128.
 * @par Source  NumPy, numpy/random/bit_generator.pyx, after O'Neill 2015, "Developing a seed_seq alternative"
 */
class SeedSequence {
 public:
  /// Of any 64-bit integer, as NumPy takes it.
  explicit constexpr SeedSequence(std::uint64_t seed) noexcept {
    const std::array<std::uint32_t, 4> words = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32), 0, 0};
    std::uint32_t h = 0x43b0d7e5U;
    const auto hashmix = [&h](std::uint32_t v) {
      v ^= h;
      h *= 0x931e8875U;
      v *= h;
      return v ^ (v >> 16);
    };
    for (std::size_t i = 0; i < 4; ++i) pool_[i] = hashmix(words[i]);
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < 4; ++j) {
        if (i == j) continue;
        const std::uint32_t mixed = 0xca01f9ddU * pool_[j] - 0x4973f715U * hashmix(pool_[i]);
        pool_[j] = mixed ^ (mixed >> 16);
      }
    }
  }

  /// `generate_state(4, uint64)`.
  constexpr std::array<std::uint64_t, 4> generate_state() const noexcept {
    std::array<std::uint64_t, 4> state{};
    std::uint32_t h = 0x8b51f9ddU;
    for (std::size_t i = 0; i < 8; ++i) {
      std::uint32_t v = pool_[i % 4] ^ h;
      h *= 0x58f38dedU;
      v *= h;
      v ^= v >> 16;
      state[i / 2] |= std::uint64_t{v} << (32 * (i % 2));
    }
    return state;
  }

 private:
  std::array<std::uint32_t, 4> pool_{};
};

/**
 * @brief `numpy.random.Generator(PCG64(seed))`: a 128-bit linear congruential generator with output XSL-RR.
 *
 * Never allocates or throws; trivially copyable. Needs a compiler with 128-bit integers (g++ and clang on 64-bit machines).
 * @par Source  O'Neill 2014, "PCG: A family of simple fast space-efficient statistically good algorithms"
 */
class Pcg64 {
 public:
  /// At the first number of NumPy's generator of this seed.
  explicit constexpr Pcg64(std::uint64_t seed) noexcept {
    const auto s = SeedSequence(seed).generate_state();
    increment_ = (join(s[2], s[3]) << 1) | 1U;
    step();
    state_ += join(s[0], s[1]);
    step();
  }

  /// Uniform 64-bit word.
  constexpr std::uint64_t next_u64() noexcept {
    step();
    const std::uint64_t x = static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_);
    const auto rotation = static_cast<unsigned>(state_ >> 122);
    return (x >> rotation) | (x << ((64U - rotation) % 64U));
  }

  /// `generator.uniform(low, high)`: low + (high - low) times 53 bits in [0, 1).
  constexpr double uniform(double low, double high) noexcept {
    const double offset = (high - low) * (static_cast<double>(next_u64() >> 11) * 0x1.0p-53);
    if (std::is_constant_evaluated()) return low + offset;
    const volatile double rounded = offset;  // two roundings as NumPy makes them: no fused multiply-add under -march=native
    return low + rounded;
  }

 private:
  __extension__ using Word = unsigned __int128;

  static constexpr Word join(std::uint64_t high, std::uint64_t low) noexcept { return (Word{high} << 64) | low; }
  constexpr void step() noexcept { state_ = state_ * join(0x2360ed051fc65da4ULL, 0x4385df649fccf645ULL) + increment_; }

  Word state_ = 0;
  Word increment_ = 0;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_PCG64_HPP
