// SPDX-License-Identifier: MIT
/// @file
/// @brief SHA-256 (files, configurations, parameters) and CRC-32C (records of logs).
///
/// Both use the processor's own instructions where it has them; the portable code gives the same result.
#ifndef RLX_CORE_HASH_HPP
#define RLX_CORE_HASH_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#if defined(__x86_64__) && defined(__GNUC__)
#  define RLX_HASH_X86 1
#  include <cpuid.h>  // and none of the headers of intrinsics, which cost a compiler 0.1 to 0.4 s in each file
#else
/// 1 where x86's own instructions may be used, if the machine turns out to have them; else 0.
#  define RLX_HASH_X86 0
#endif

namespace rlx::inline v0_1 {
namespace detail {

/// The constants K of FIPS 180-4, section 4.2.2.
inline constexpr std::array<std::uint32_t, 64> sha256_constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/// H0 .. H7 of FIPS 180-4.
using Sha256State = std::array<std::uint32_t, 8>;

/// Adds `blocks` blocks of 64 bytes to the state (FIPS 180-4, section 6.2.2).
inline void sha256_blocks_portable(Sha256State& state, const std::byte* data, std::size_t blocks) noexcept {
  const auto rotate = [](std::uint32_t x, int n) { return (x >> n) | (x << (32 - n)); };
  std::array<std::uint32_t, 64> w;
  for (; blocks != 0; --blocks, data += 64) {
    for (std::size_t i = 0; i < 16; ++i) {
      const std::byte* const p = data + 4 * i;
      w[i] = (std::to_integer<std::uint32_t>(p[0]) << 24) | (std::to_integer<std::uint32_t>(p[1]) << 16) |
             (std::to_integer<std::uint32_t>(p[2]) << 8) | std::to_integer<std::uint32_t>(p[3]);
    }
    for (std::size_t i = 16; i < 64; ++i) {
      const std::uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const std::uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < 64; ++i) {
      const std::uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + sha256_constants[i] + w[i];
      const std::uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const Sha256State added = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state[i] += added[i];
  }
}

/// Entry [k][b]: the CRC of byte b followed by k zero bytes, for 8 bytes at a time. A template, with those that read it, since
/// a compiler takes long to compute it: so it does only where it is used.
template <class Word>
inline constexpr std::array<std::array<Word, 256>, 8> crc32c_tables = [] {
  std::array<std::array<Word, 256>, 8> tables{};
  for (Word i = 0; i < 256; ++i) {
    Word crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
    tables[0][i] = crc;
  }
  for (std::size_t t = 1; t < 8; ++t)
    for (std::size_t i = 0; i < 256; ++i) tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xFFU];
  return tables;
}();

/// Eight bytes per step through eight tables ("slicing by 8"); takes and gives the inverted register.
template <class Word>
Word crc32c_portable(Word crc, const std::byte* data, std::size_t size) noexcept {
  const auto& t = crc32c_tables<Word>;
  const auto at = [&data](std::size_t i) { return std::to_integer<Word>(data[i]); };
  for (; size >= 8; size -= 8, data += 8) {
    crc = t[7][(crc ^ at(0)) & 0xFFU] ^ t[6][((crc >> 8) ^ at(1)) & 0xFFU] ^ t[5][((crc >> 16) ^ at(2)) & 0xFFU] ^
          t[4][(crc >> 24) ^ at(3)] ^ t[3][at(4)] ^ t[2][at(5)] ^ t[1][at(6)] ^ t[0][at(7)];
  }
  for (; size != 0; --size, ++data) crc = (crc >> 8) ^ t[0][(crc ^ at(0)) & 0xFFU];
  return crc;
}

#if RLX_HASH_X86
struct HashInstructions {
  bool sha = false;     // SHA extensions with SSSE3 and SSE4.1
  bool sse4_2 = false;  // CRC-32C
};

/// What this processor can do; asked once, `cpuid` is slow inside virtual machines.
inline const HashInstructions& hash_instructions() noexcept {
  static const HashInstructions found = [] {
    HashInstructions result;
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0) return result;
    const bool ssse3_and_sse4_1 = (c & (1U << 9)) != 0 && (c & (1U << 19)) != 0;
    result.sse4_2 = (c & (1U << 20)) != 0;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0) result.sha = ssse3_and_sse4_1 && (b & (1U << 29)) != 0;
    return result;
  }();
  return found;
}

typedef std::uint32_t HashLanes __attribute__((vector_size(16)));
typedef std::int32_t SignedHashLanes __attribute__((vector_size(16)));  // as the built-in functions want them
typedef std::uint8_t HashBytes __attribute__((vector_size(16)));

inline HashLanes load_lanes(const void* from) noexcept {
  HashLanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

#  define RLX_SHA __attribute__((target("sha,sse4.1"))) inline
RLX_SHA HashLanes sha256_message1(HashLanes a, HashLanes b) noexcept {
  return reinterpret_cast<HashLanes>(
      __builtin_ia32_sha256msg1(reinterpret_cast<SignedHashLanes>(a), reinterpret_cast<SignedHashLanes>(b)));
}
RLX_SHA HashLanes sha256_message2(HashLanes a, HashLanes b) noexcept {
  return reinterpret_cast<HashLanes>(
      __builtin_ia32_sha256msg2(reinterpret_cast<SignedHashLanes>(a), reinterpret_cast<SignedHashLanes>(b)));
}
RLX_SHA HashLanes sha256_two_rounds(HashLanes a, HashLanes b, HashLanes input) noexcept {
  return reinterpret_cast<HashLanes>(__builtin_ia32_sha256rnds2(
      reinterpret_cast<SignedHashLanes>(a), reinterpret_cast<SignedHashLanes>(b), reinterpret_cast<SignedHashLanes>(input)));
}
#  undef RLX_SHA

/// The same as sha256_blocks_portable with the SHA extensions; four rounds per step, the message schedule in a ring of four.
__attribute__((target("sha,ssse3,sse4.1"))) inline void sha256_blocks_x86(Sha256State& state, const std::byte* data,
                                                                          std::size_t blocks) noexcept {
  // The instructions want the state as (a,b,e,f) and (c,d,g,h), highest lane first.
  HashLanes low = load_lanes(state.data());       // d c b a
  HashLanes high = load_lanes(state.data() + 4);  // h g f e
  low = __builtin_shufflevector(low, low, 1, 0, 3, 2);
  high = __builtin_shufflevector(high, high, 3, 2, 1, 0);
  HashLanes abef = __builtin_shufflevector(high, low, 2, 3, 4, 5);
  HashLanes cdgh = __builtin_shufflevector(high, low, 0, 1, 6, 7);
  for (; blocks != 0; --blocks, data += 64) {
    const HashLanes abef_before = abef;
    const HashLanes cdgh_before = cdgh;
    HashLanes w[4];
    for (std::size_t i = 0; i < 16; ++i) {
      HashLanes& now = w[i % 4];
      if (i < 4) {
        const auto bytes = reinterpret_cast<HashBytes>(load_lanes(data + 16 * i));
        now = reinterpret_cast<HashLanes>(  // big-endian
            __builtin_shufflevector(bytes, bytes, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
      } else {  // w[t] from w[t-16], w[t-15], w[t-7], w[t-2]
        const HashLanes back1 = w[(i + 3) % 4];
        const HashLanes back2 = w[(i + 2) % 4];
        const HashLanes back3 = w[(i + 1) % 4];
        const HashLanes sum = sha256_message1(now, back3) + __builtin_shufflevector(back2, back1, 1, 2, 3, 4);
        now = sha256_message2(sum, back1);
      }
      const HashLanes input = now + load_lanes(sha256_constants.data() + 4 * i);
      cdgh = sha256_two_rounds(cdgh, abef, input);
      abef = sha256_two_rounds(abef, cdgh, __builtin_shufflevector(input, input, 2, 3, 0, 0));
    }
    abef += abef_before;
    cdgh += cdgh_before;
  }
  low = __builtin_shufflevector(abef, abef, 3, 2, 1, 0);  // f e b a -> a b e f reversed
  high = __builtin_shufflevector(cdgh, cdgh, 1, 0, 3, 2);
  const HashLanes first = __builtin_shufflevector(low, high, 0, 1, 6, 7),
                  second = __builtin_shufflevector(low, high, 2, 3, 4, 5);
  std::memcpy(state.data(), &first, sizeof first);
  std::memcpy(state.data() + 4, &second, sizeof second);
}

__attribute__((target("sse4.2"))) inline std::uint32_t crc32c_x86(std::uint32_t crc, const std::byte* data,
                                                                  std::size_t size) noexcept {
  std::uint64_t wide = crc;
  for (; size >= 8; size -= 8, data += 8) {
    std::uint64_t word;
    std::memcpy(&word, data, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; size != 0; --size, ++data) crc = __builtin_ia32_crc32qi(crc, std::to_integer<std::uint8_t>(*data));
  return crc;
}
#endif

/// The same by the fastest way that the machine has.
inline void sha256_blocks(Sha256State& state, const std::byte* data, std::size_t blocks) noexcept {
#if RLX_HASH_X86
  if (hash_instructions().sha) return sha256_blocks_x86(state, data, blocks);
#endif
  sha256_blocks_portable(state, data, blocks);
}

}  // namespace detail

/**
 * @brief SHA-256 of bytes given in any number of pieces.
 *
 * Copies continue independently, so the hash of a common beginning can be reused. Never throws, allocates only in `hex`.
 * @par Source  FIPS 180-4 and its published vectors
 */
class Sha256 {
 public:
  /// Appends bytes to what is hashed. @return this object
  Sha256& update(std::span<const std::byte> bytes) noexcept {
    length_ += bytes.size();
    if (used_ != 0) {
      const std::size_t taken = std::min(bytes.size(), buffer_.size() - used_);
      std::copy_n(bytes.begin(), taken, buffer_.begin() + static_cast<std::ptrdiff_t>(used_));
      used_ += taken;
      bytes = bytes.subspan(taken);
      if (used_ < buffer_.size()) return *this;
      detail::sha256_blocks(state_, buffer_.data(), 1);
      used_ = 0;
    }
    detail::sha256_blocks(state_, bytes.data(), bytes.size() / 64);
    const auto rest = bytes.subspan(bytes.size() / 64 * 64);
    std::copy(rest.begin(), rest.end(), buffer_.begin());
    used_ = rest.size();
    return *this;
  }
  /// Appends the bytes of a text.
  Sha256& update(std::string_view text) noexcept { return update(std::as_bytes(std::span(text.data(), text.size()))); }

  /// The 32 bytes of the hash of everything so far; the object can be updated further.
  std::array<std::byte, 32> digest() const noexcept {
    Sha256 end = *this;
    constexpr std::array<std::byte, 64> padding = {std::byte{0x80}};
    const std::uint64_t bits = length_ * 8;
    end.update(std::span(padding).first(used_ < 56 ? 56 - used_ : 120 - used_));
    std::array<std::byte, 8> tail;
    for (std::size_t i = 0; i < 8; ++i) tail[i] = static_cast<std::byte>(bits >> (56 - 8 * i));
    end.update(tail);
    std::array<std::byte, 32> out;
    for (std::size_t i = 0; i < 32; ++i) out[i] = static_cast<std::byte>(end.state_[i / 4] >> (24 - 8 * (i % 4)));
    return out;
  }

  /// The hash as 64 lower-case hexadecimal digits.
  std::string hex() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(64);
    for (const std::byte b : digest()) {
      text += digits[std::to_integer<std::size_t>(b >> 4)];
      text += digits[std::to_integer<std::size_t>(b & std::byte{15})];
    }
    return text;
  }

 private:
  detail::Sha256State state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> buffer_{};
  std::size_t used_ = 0;
  std::uint64_t length_ = 0;
};

/// SHA-256 as 64 lower-case hexadecimal digits.
inline std::string sha256_hex(std::span<const std::byte> bytes) { return Sha256().update(bytes).hex(); }
/// The same of the bytes of a text.
inline std::string sha256_hex(std::string_view text) { return Sha256().update(text).hex(); }

/**
 * @brief CRC-32C (Castagnoli), as in TensorBoard's records, without their mask.
 * @param bytes   of the record; none leaves `before` as it is
 * @param before  the result for the bytes that precede these; 0 at the beginning
 * @tparam Word   std::uint32_t; a parameter so that only a program that calls this computes its tables
 * @par Source    RFC 3720 appendix B.4, with its test vectors
 */
template <class Word = std::uint32_t>
Word crc32c(std::span<const std::byte> bytes, std::type_identity_t<Word> before = 0) noexcept {
#if RLX_HASH_X86
  if (detail::hash_instructions().sse4_2) return ~detail::crc32c_x86(~before, bytes.data(), bytes.size());
#endif
  return ~detail::crc32c_portable(~before, bytes.data(), bytes.size());
}

}  // namespace rlx::inline v0_1

#undef RLX_HASH_X86

#endif  // RLX_CORE_HASH_HPP
