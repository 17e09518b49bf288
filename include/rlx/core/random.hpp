// SPDX-License-Identifier: MIT
/// @file
/// @brief Counter-based random streams: every number is a function of (seed, purpose, env, step, position).
///
/// Nothing in the library draws from anything else (except the classic environments' resets, see core/pcg64.hpp), and no
/// `std::` distribution is used, since those differ between standard libraries.
#ifndef RLX_CORE_RANDOM_HPP
#define RLX_CORE_RANDOM_HPP

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>

#include <rlx/core/error.hpp>

namespace rlx::inline v0_1 {

/// What a stream is drawn for; two purposes never share numbers. 128..255 are the user's: `Purpose(128 + k)`.
enum class Purpose : std::uint8_t {
  initialisation = 0,        ///< parameters; env = tensor number
  environment_reset = 1,     ///< episode seeds; env, step = episode number of that environment
  environment_dynamics = 2,  ///< seed = the episode's seed, env = 0, step = step of the episode
  action = 3,                ///< env, step = steps that environment has made since training began
  permutation = 4,           ///< env = 0, step = epoch counter of the run
  critic_target = 5,         ///< random targets of a critic
  evaluation_action = 6,     ///< env = evaluation episode, step = step in it
  evaluation_reset = 7,      ///< env = 0, step = evaluation episode
  bootstrap = 8,             ///< resampling for intervals
  curriculum = 9,            ///< which episode comes next
  exploration = 10,          ///< exploration outside the policy's own distribution
  user = 128                 ///< first purpose that is free for the user
};

/// Name of a stream. Equal names give equal numbers on every machine.
struct StreamId {
  std::uint64_t seed = 0;                     ///< the run's (or the episode's) seed
  Purpose purpose = Purpose::initialisation;  ///< what the numbers are for
  std::uint32_t env = 0;                      ///< environment, tensor or episode, see Purpose
  std::uint64_t step = 0;                     ///< below 2^56; higher bits are ignored
};

/**
 * @brief One block of Philox4x32-10: 4 words from a counter of 4 words and a key of 2.
 * @par Source  Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; known answers of Random123 1.14
 */
constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                  std::array<std::uint32_t, 2> key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

/**
 * @brief A stream of random numbers named by a StreamId.
 *
 * Construction costs nothing until the first draw; a copy continues independently from the same place. Words are consumed in
 * the order of the blocks; a 64-bit draw takes two words, low first. A stream repeats after 2^34 words. Trivially copyable
 * without padding, so `StateWriter::write` saves one exactly. Not safe for two threads on one object; never allocates.
 */
class RandomStream {
 public:
  /// At the first number of the stream that `id` names.
  explicit constexpr RandomStream(StreamId id) noexcept
      : key_{static_cast<std::uint32_t>(id.seed), static_cast<std::uint32_t>(id.seed >> 32)},
        counter_{0, static_cast<std::uint32_t>(id.step), id.env,
                 (static_cast<std::uint32_t>(id.purpose) << 24) | (static_cast<std::uint32_t>(id.step >> 32) & 0xFFFFFFU)} {}

  /// Uniform 32-bit word.
  constexpr std::uint32_t next_u32() noexcept {
    if (position_ == 4) {
      words_ = philox4x32(counter_, key_);
      ++counter_[0];
      position_ = 0;
    }
    return words_[position_++];
  }

  /// Uniform 64-bit word: two 32-bit words, low first.
  constexpr std::uint64_t next_u64() noexcept {
    const std::uint64_t low = next_u32();
    return low | (static_cast<std::uint64_t>(next_u32()) << 32);
  }

  /// Uniform in [0, 1): 24 bits of one word for float, 53 bits of two words for double.
  template <std::floating_point S = double>
  constexpr S uniform() noexcept {
    if constexpr (sizeof(S) == sizeof(float)) {
      return static_cast<S>(next_u32() >> 8) * static_cast<S>(0x1.0p-24);
    } else {
      return static_cast<S>(next_u64() >> 11) * static_cast<S>(0x1.0p-53);
    }
  }

  /// Uniform double between `low` and `high`, as `low + (high - low) * uniform()`; rounding may return `high` itself.
  constexpr double uniform(double low, double high) noexcept { return low + (high - low) * uniform<double>(); }

  /**
   * @brief Uniform integer in [0, n), without bias.
   *
   * Takes one 32-bit word per attempt for n <= 2^32 - 1, else one 64-bit word.
   * @param n  at least 1; 0 throws std::logic_error
   * @par Source  Lemire 2019, "Fast random integer generation in an interval", arXiv:1805.10941
   */
  std::uint64_t bounded(std::uint64_t n) {
    RLX_REQUIRE(n != 0, "RandomStream::bounded(0): no integer lies in [0, 0)");
    if (n <= 0xFFFFFFFFU) {
      const auto limit = static_cast<std::uint32_t>(n);
      std::uint64_t product = std::uint64_t{next_u32()} * limit;
      if (static_cast<std::uint32_t>(product) < limit) {
        const std::uint32_t threshold = (0U - limit) % limit;
        while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{next_u32()} * limit;
      }
      return product >> 32;
    }
    __extension__ using u128 = unsigned __int128;
    u128 product = static_cast<u128>(next_u64()) * n;
    if (static_cast<std::uint64_t>(product) < n) {
      const std::uint64_t threshold = (std::uint64_t{0} - n) % n;
      while (static_cast<std::uint64_t>(product) < threshold) product = static_cast<u128>(next_u64()) * n;
    }
    return static_cast<std::uint64_t>(product >> 64);
  }

  /// Standard normal double. Box-Muller on two 64-bit words: the cosine is returned first, the sine by the next call.
  double normal() noexcept {
    if (has_spare_ != 0) {
      has_spare_ = 0;
      return spare_;
    }
    const double radius = std::sqrt(-2.0 * std::log(uniform_positive()));
    const double angle = 2.0 * std::numbers::pi * uniform<double>();
    spare_ = radius * std::sin(angle);
    has_spare_ = 1;
    return radius * std::cos(angle);
  }

  /**
   * @brief Gamma variate with the given shape and scale 1.
   * @param shape  above 0; anything else throws std::logic_error. Very small shapes may underflow to 0.
   * @par Source  Marsaglia & Tsang 2000, "A simple method for generating gamma variables"; boosted for shape < 1
   */
  double gamma(double shape) {
    RLX_REQUIRE(shape > 0.0, "RandomStream::gamma: the shape must be above 0");
    if (shape < 1.0) {
      const double larger = gamma(shape + 1.0);
      return larger * std::pow(uniform_positive(), 1.0 / shape);
    }
    const double d = shape - 1.0 / 3.0;
    const double c = 1.0 / std::sqrt(9.0 * d);
    for (;;) {
      const double x = normal();
      const double cube_root = 1.0 + c * x;
      if (cube_root <= 0.0) continue;
      const double v = cube_root * cube_root * cube_root;
      if (std::log(uniform_positive()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
    }
  }

 private:
  /// Uniform in (0, 1], safe for a logarithm.
  constexpr double uniform_positive() noexcept { return static_cast<double>((next_u64() >> 11) + 1) * 0x1.0p-53; }

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> words_{};
  double spare_ = 0.0;
  std::uint32_t position_ = 4;
  std::uint32_t has_spare_ = 0;
};

/// What a sampler needs of a source of random numbers; `RandomStream` models it.
///
/// `uniform()` lies in [0, 1), `bounded(n)` in [0, n), `normal()` is standard normal. A model for tests:
/// @code
/// struct Fixed {
///   double uniform() { return 0.5; }
///   std::uint64_t bounded(std::uint64_t) { return 0; }
///   double normal() { return 0.0; }
/// };
/// @endcode
template <class R>
concept RandomStreamLike = requires(R& random, std::uint64_t n) {
  { random.uniform() } -> std::same_as<double>;
  { random.bounded(n) } -> std::convertible_to<std::uint64_t>;
  { random.normal() } -> std::same_as<double>;
};

/// Overwrites `indices` with a uniform permutation of 0 .. size-1: Fisher-Yates from the top, `j = bounded(i + 1)`. O(n).
inline void permutation(RandomStream& random, std::span<std::uint32_t> indices) {
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::uint32_t>(i);
  for (std::size_t i = indices.size(); i-- > 1;) std::swap(indices[i], indices[random.bounded(i + 1)]);
}

/// Seed of episode `episode` of environment `env` in a run: first 64-bit word of its environment_reset stream.
inline std::uint64_t episode_seed(std::uint64_t run_seed, std::uint32_t env, std::uint64_t episode) noexcept {
  return RandomStream({run_seed, Purpose::environment_reset, env, episode}).next_u64();
}

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_RANDOM_HPP
