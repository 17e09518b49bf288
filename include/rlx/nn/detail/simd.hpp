// SPDX-License-Identifier: MIT
/// @file
/// @brief Fixed-width vectors of the widest registers the compiler was told of, with the few functions the kernels need.
///
/// The compiler's vector extension is used instead of intrinsics, so that one source serves every instruction set.
/// Sums over lanes follow a fixed tree. No function here relies on the absence of NaN or infinity.
#ifndef RLX_NN_DETAIL_SIMD_HPP
#define RLX_NN_DETAIL_SIMD_HPP

#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#if !defined(__GNUC__)
#  error "rlx/nn needs a compiler with GNU vector extensions (g++ >= 12 or clang >= 14)"
#endif

#define RLX_NN_INLINE [[gnu::always_inline]] inline

#if defined(__clang__)
#  define RLX_NN_UNROLL _Pragma("clang loop unroll(full)")
#else
#  define RLX_NN_UNROLL _Pragma("GCC unroll 16")
#endif

namespace rlx::inline v0_1::nn::detail {

/// The value, opaque to the optimiser: what was summed first stays summed first, also with -ffast-math.
template <class T>
RLX_NN_INLINE T keep(T value) {
#if defined(__AVX512F__)
  asm("" : "+v"(value));
  return value;
#elif defined(__x86_64__)
  asm("" : "+x"(value));
  return value;
#elif defined(__aarch64__)
  asm("" : "+w"(value));
  return value;
#else
  volatile T kept = value;
  return kept;
#endif
}

#if defined(__AVX512F__)
inline constexpr std::size_t vector_bytes = 64;
#elif defined(__AVX__)
inline constexpr std::size_t vector_bytes = 32;
#else
inline constexpr std::size_t vector_bytes = 16;
#endif

template <class S>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(vector_bytes)));
  typedef std::int32_t integers __attribute__((vector_size(vector_bytes)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(vector_bytes)));
  typedef std::int64_t integers __attribute__((vector_size(vector_bytes)));
};

template <class S>
using Vec = typename VectorOf<S>::type;
template <class S>
inline constexpr std::size_t lanes = vector_bytes / sizeof(S);

template <class S>
RLX_NN_INLINE Vec<S> load(const S* p) {
  Vec<S> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class S>
RLX_NN_INLINE void store(S* p, Vec<S> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <class S>
RLX_NN_INLINE Vec<S> broadcast(S value) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) { return Vec<S>{((void)I, value)...}; }
  (std::make_index_sequence<lanes<S>>{});
}

/// The first `count` lanes from memory, the others `fill`.
template <class S>
RLX_NN_INLINE Vec<S> load_partial(const S* p, std::size_t count, S fill = S(0)) {
  alignas(vector_bytes) S buffer[lanes<S>];
  for (std::size_t i = 0; i < lanes<S>; ++i) buffer[i] = i < count ? p[i] : fill;
  return load<S>(buffer);
}

template <class S>
RLX_NN_INLINE void store_partial(S* p, Vec<S> v, std::size_t count) {
  alignas(vector_bytes) S buffer[lanes<S>];
  store<S>(buffer, v);
  for (std::size_t i = 0; i < lanes<S>; ++i) {  // this form becomes a masked store; a loop up to count, a call of memcpy
    if (i < count) p[i] = buffer[i];
  }
}

template <class S>
RLX_NN_INLINE Vec<S> maximum(Vec<S> a, Vec<S> b) {
  return a > b ? a : b;
}

/// max(x, 0) that keeps NaN, also with -ffast-math: the bits of negative numbers, as integers, are those up to minus
/// infinity's.
template <class S>
RLX_NN_INLINE Vec<S> rectify(Vec<S> x) {
  using I = typename VectorOf<S>::integers;
  constexpr auto bound =
      std::bit_cast<std::conditional_t<sizeof(S) == 4, std::int32_t, std::int64_t>>(-std::numeric_limits<S>::infinity());
  return std::bit_cast<I>(x) <= bound ? Vec<S>{} : x;
}

#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
/// With -ffast-math comparisons with NaN may come out either way, and 1 / infinity, by a step of Newton's, as NaN.
inline constexpr bool finite_math_only = true;
#else
inline constexpr bool finite_math_only = false;
#endif

/// `result` of a function of `x`; NaN where `x` is NaN, also with -ffast-math.
RLX_NN_INLINE Vec<float> keep_nan(Vec<float> result, Vec<float> x) {
  if constexpr (!finite_math_only) return result;
  using I = VectorOf<float>::integers;
  const I bits = std::bit_cast<I>(x);
  const I is_nan = (bits & 0x7FFFFFFF) > 0x7F800000;
  return std::bit_cast<Vec<float>>((is_nan & bits) | (~is_nan & std::bit_cast<I>(result)));
}

/// Swaps halves, then quarters, ...: after log2(lanes) steps every lane holds the reduction over all lanes.
template <class S, std::size_t Step>
RLX_NN_INLINE Vec<S> rotate_lanes(Vec<S> v) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return __builtin_shufflevector(v, v, static_cast<int>(I ^ Step)...);
  }
  (std::make_index_sequence<lanes<S>>{});
}

template <class S, std::size_t Step = lanes<S> / 2>
RLX_NN_INLINE S sum_lanes(Vec<S> v) {
  v += rotate_lanes<S, Step>(v);
  if constexpr (Step > 1) {
    return sum_lanes<S, Step / 2>(v);
  } else {
    return v[0];
  }
}

template <class S, std::size_t Step = lanes<S> / 2>
RLX_NN_INLINE S max_lanes(Vec<S> v) {
  v = maximum<S>(v, rotate_lanes<S, Step>(v));
  if constexpr (Step > 1) {
    return max_lanes<S, Step / 2>(v);
  } else {
    return v[0];
  }
}

/// Transposes a square of `lanes` x `lanes` numbers held in registers (Eklundh's exchange of ever smaller blocks).
template <class S, std::size_t Step = lanes<S> / 2>
RLX_NN_INLINE void transpose(Vec<S> (&r)[lanes<S>]) {
  constexpr std::size_t n = lanes<S>;
  RLX_NN_UNROLL
  for (std::size_t i = 0; i < n; ++i) {
    if ((i & Step) != 0) continue;
    const Vec<S> a = r[i];
    const Vec<S> b = r[i + Step];
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      r[i] = __builtin_shufflevector(a, b, static_cast<int>((I & Step) == 0 ? I : n + I - Step)...);
      r[i + Step] = __builtin_shufflevector(a, b, static_cast<int>((I & Step) == 0 ? I + Step : n + I)...);
    }
    (std::make_index_sequence<n>{});
  }
  if constexpr (Step > 1) transpose<S, Step / 2>(r);
}

/**
 * @brief exp of every lane. float: own polynomial, relative error below 2e-7 in [-87, 88], 0 below, infinity above (the
 *        largest finite number with -ffast-math, so that it can be divided by); double: the C library's.
 */
RLX_NN_INLINE Vec<float> exp(Vec<float> x) {
  using V = Vec<float>;
  using I = VectorOf<float>::integers;
  constexpr float low = -87.33654F;
  constexpr float high = 88.72283F;
  const V clamped = x < low ? V{} + low : (x > high ? V{} + high : x);
  // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits; conversions of vectors are slow with g++ 12.
  constexpr float shift = 12582912.0F;
  const V shifted = keep(clamped * 1.44269504F + shift);
  const V k = shifted - shift;
  const I n = std::bit_cast<I>(shifted) - std::bit_cast<std::int32_t>(shift);
  V r = keep(clamped - k * 0.693359375F);  // ln 2 in two parts, so that the product is exact
  r = r - k * -2.12194440e-4F;
  V p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  // 2^n in two factors: n = 128 is not representable as one.
  const I half = n >> 1;
  const V result = p * std::bit_cast<V>((half + 127) << 23) * std::bit_cast<V>((n - half + 127) << 23);
  constexpr float above = finite_math_only ? std::numeric_limits<float>::max() : std::numeric_limits<float>::infinity();
  const V limited = x > high ? V{} + above : result;
  return keep_nan(x < low ? V{} : limited, x);
}

RLX_NN_INLINE Vec<double> exp(Vec<double> x) {
  for (std::size_t i = 0; i < lanes<double>; ++i) x[i] = std::exp(x[i]);
  return x;
}

/// tanh of every lane; float: relative error below 4e-7.
RLX_NN_INLINE Vec<float> tanh(Vec<float> x) {
  using V = Vec<float>;
  const V magnitude = x < 0.0F ? -x : x;
  const V square = x * x;
  V p = square * -5.70498872745e-3F + 2.06390887954e-2F;
  p = p * square - 5.37397155531e-2F;
  p = p * square + 1.33314422036e-1F;
  p = p * square - 3.33332819422e-1F;
  const V small = p * square * x + x;
  const V large = 1.0F - 2.0F / (exp(magnitude + magnitude) + 1.0F);
  return keep_nan(magnitude < 0.625F ? small : (x < 0.0F ? -large : large), x);
}

RLX_NN_INLINE Vec<double> tanh(Vec<double> x) {
  for (std::size_t i = 0; i < lanes<double>; ++i) x[i] = std::tanh(x[i]);
  return x;
}

/**
 * @brief Square root of every lane; float: of normal numbers and 0, relative error below 1.3e-7.
 *
 * The C library's sqrt sets errno, which keeps compilers from vectorising it; Newton's iteration for 1/sqrt does not.
 */
RLX_NN_INLINE Vec<float> square_root(Vec<float> x) {
  using V = Vec<float>;
  using I = VectorOf<float>::integers;
  V y = std::bit_cast<V>(0x5F375A86 - (std::bit_cast<I>(x) >> 1));
  const V half = x * 0.5F;
  y = y * (1.5F - keep(half * y) * y);
  y = y * (1.5F - keep(half * y) * y);
  y = y * (1.5F - keep(half * y) * y);
  const V root = keep(x * y);
  return root + (y * 0.5F) * keep(x - root * root);
}

RLX_NN_INLINE Vec<double> square_root(Vec<double> x) {
  for (std::size_t i = 0; i < lanes<double>; ++i) x[i] = std::sqrt(x[i]);
  return x;
}

}  // namespace rlx::inline v0_1::nn::detail

#endif  // RLX_NN_DETAIL_SIMD_HPP
