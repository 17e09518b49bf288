// SPDX-License-Identifier: MIT
/// @file
/// @brief From the raw outputs of a quantile head to atoms that cannot cross, and back with derivatives.
#ifndef RLX_RL_DETAIL_QUANTILE_HEAD_HPP
#define RLX_RL_DETAIL_QUANTILE_HEAD_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/nn/detail/simd.hpp>

namespace rlx::inline v0_1::detail {

/// Atoms of one row fit on the stack up to this number.
inline constexpr std::size_t max_atoms = 512;

/// @throws ConfigError. @param type  of the configuration
inline void check_atoms(const std::string& type, std::size_t atoms) {
  if (atoms < 2 || atoms > max_atoms) {
    throw ConfigError(type + ".atoms = " + std::to_string(atoms) + "; it must lie in [2, " + std::to_string(max_atoms) + ']');
  }
}
/// @throws ConfigError
inline void check_kappa(const std::string& type, const char* field, double kappa) {
  if (!is_finite(kappa) || kappa < 0.0) {
    throw ConfigError(type + '.' + field + " = " + std::to_string(kappa) + "; it must be finite and at least 0");
  }
}

template <std::floating_point S>
struct SoftplusLanes {
  nn::detail::Vec<S> value, slope;
};

/// ln(1 + e^x) and its derivative 1 / (1 + e^-x) of every lane; float: relative error below 1e-6.
template <std::floating_point S>
RLX_NN_INLINE SoftplusLanes<S> softplus(nn::detail::Vec<S> x) {
  using V = nn::detail::Vec<S>;
  const V y = nn::detail::exp(x < S{0} ? x : -x);
  V log_of_sum;
  if constexpr (std::same_as<S, float>) {
    // ln(1 + y) = 2 atanh(t), t = y / (2 + y) <= 1/3: eight terms leave 1e-9.
    const V t = y / (y + S{2});
    const V square = t * t;
    V p = square * S(1.0 / 15.0) + S(1.0 / 13.0);
    p = p * square + S(1.0 / 11.0);
    p = p * square + S(1.0 / 9.0);
    p = p * square + S(1.0 / 7.0);
    p = p * square + S(1.0 / 5.0);
    p = p * square + S(1.0 / 3.0);
    p = p * square + S(1.0);
    log_of_sum = (t + t) * p;
  } else {
    for (std::size_t i = 0; i < nn::detail::lanes<S>; ++i) log_of_sum[i] = std::log1p(y[i]);
  }
  return {(x < S{0} ? V{} : x) + log_of_sum, (x < S{0} ? y : V{} + S{1}) / (y + S{1})};
}

/// ln of every lane of positive normal numbers, absolute error below 2e-7 times the larger of 1 and the size of the result.
RLX_NN_INLINE nn::detail::Vec<float> log_lanes(nn::detail::Vec<float> x) {
  using V = nn::detail::Vec<float>;
  using I = nn::detail::VectorOf<float>::integers;
  constexpr std::int32_t root_half = 0x3F3504F3;  // bits of sqrt(1/2): x = 2^e m, m in [sqrt(1/2), sqrt(2))
  const I e = (std::bit_cast<I>(x) - root_half) >> 23;
  const V m = std::bit_cast<V>(std::bit_cast<I>(x) - (e << 23));
  constexpr float shift = 12582912.0F;  // 1.5 * 2^23 holds whole numbers in its low bits; conversions are slow with g++ 12
  const V exponent = nn::detail::keep(std::bit_cast<V>(e + std::bit_cast<std::int32_t>(shift)) - shift);
  const V t = (m - 1.0F) / (m + 1.0F), square = t * t;  // ln m = 2 atanh(t), |t| < 0.172
  V p = square * (1.0F / 9.0F) + 1.0F / 7.0F;
  p = p * square + 1.0F / 5.0F;
  p = p * square + 1.0F / 3.0F;
  p = p * square + 1.0F;
  return exponent * 0.69314718F + (t + t) * p;
}

/// theta_i = z_1 + c_i - mean(c), c_1 = 0, c_i = sum of softplus(z_j), 2 <= j <= i.
/// @param z, atoms  K each. @param slopes  K, softplus'(z_j); empty if they are not wanted
template <std::floating_point S>
void quantile_head(std::span<const S> z, std::span<S> atoms, std::span<S> slopes) {
  constexpr std::size_t width = nn::detail::lanes<S>;
  const std::size_t k = z.size();
  std::size_t i = 0;
  for (; i + width <= k; i += width) {
    const SoftplusLanes<S> step = softplus<S>(nn::detail::load<S>(z.data() + i));
    nn::detail::store<S>(atoms.data() + i, step.value);
    if (!slopes.empty()) nn::detail::store<S>(slopes.data() + i, step.slope);
  }
  if (i < k) {
    const SoftplusLanes<S> step = softplus<S>(nn::detail::load_partial<S>(z.data() + i, k - i));
    nn::detail::store_partial<S>(atoms.data() + i, step.value, k - i);
    if (!slopes.empty()) nn::detail::store_partial<S>(slopes.data() + i, step.slope, k - i);
  }
  atoms[0] = S{0};
  // Four sums side by side, one for each quarter: a single chain of additions would wait for itself.
  const std::size_t part = (k + 3) / 4;
  std::array<S, 4> c{}, total{};
  const auto add = [&](std::size_t p, std::size_t j) {
    c[p] += atoms[j];
    atoms[j] = c[p];
    total[p] += c[p];
  };
  for (std::size_t j = 0; j < part; ++j) {
    for (std::size_t p = 0; p < 4; ++p) {
      if (p * part + j < k) add(p, p * part + j);
    }
  }
  double sum = 0.0;
  std::array<S, 4> before{};
  for (std::size_t p = 0; p < 4 && p * part < k; ++p) {
    before[p] = p == 0 ? S{0} : before[p - 1] + c[p - 1];
    sum += static_cast<double>(total[p]) + static_cast<double>(before[p]) * static_cast<double>(std::min(part, k - p * part));
  }
  const S shift = static_cast<S>(static_cast<double>(z[0]) - sum / static_cast<double>(k));
  // What stands before a quarter first, then the shift: so rounding cannot let neighbours cross.
  for (std::size_t p = 1; p < 4 && p * part < k; ++p) {
    for (S& atom : atoms.subspan(p * part, std::min(part, k - p * part))) atom += before[p];
  }
  for (S& atom : atoms) atom += shift;
}

/// Adds `scale` * d(loss)/d(z) to `d_z`. @param slopes  of `quantile_head`. @param d_atoms  d(loss)/d(atoms)
template <std::floating_point S>
void quantile_head_backward(std::span<const S> slopes, std::span<const S> d_atoms, S scale, std::span<S> d_z) {
  const std::size_t k = slopes.size(), part = (k + 3) / 4;
  // Sums of d_atoms from j to the end of its quarter, four quarters side by side; then what lies behind the quarter.
  std::array<S, max_atoms> above;
  std::array<S, 4> c{}, behind{};
  for (std::size_t j = part; j-- > 0;) {
    for (std::size_t p = 0; p < 4; ++p) {
      if (p * part + j < k) above[p * part + j] = c[p] += d_atoms[p * part + j];
    }
  }
  for (std::size_t p = 3; p-- > 0;) behind[p] = behind[p + 1] + c[p + 1];
  const S total = behind[0] + c[0], mean = total / static_cast<S>(k);
  d_z[0] += scale * total;
  for (std::size_t p = 0; p < 4 && p * part < k; ++p) {
    for (std::size_t j = std::max<std::size_t>(p * part, 1); j < std::min((p + 1) * part, k); ++j)
      d_z[j] += scale * slopes[j] * (above[j] + behind[p] - static_cast<S>(k - j) * mean);
  }
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_QUANTILE_HEAD_HPP
