// SPDX-License-Identifier: MIT
/// @file
/// @brief From the raw outputs of a quantile head to atoms that cannot cross, and back with derivatives.
#ifndef RLX_RL_DETAIL_QUANTILE_HEAD_HPP
#define RLX_RL_DETAIL_QUANTILE_HEAD_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/nn/detail/simd.hpp>

namespace rlx::detail {

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
  S c{0};
  double sum = 0.0;
  atoms[0] = S{0};
  for (std::size_t j = 1; j < k; ++j) {
    c += atoms[j];
    atoms[j] = c;
    sum += static_cast<double>(c);
  }
  const S shift = static_cast<S>(static_cast<double>(z[0]) - sum / static_cast<double>(k));
  for (S& atom : atoms) atom += shift;
}

/// Adds `scale` * d(loss)/d(z) to `d_z`. @param slopes  of `quantile_head`. @param d_atoms  d(loss)/d(atoms)
template <std::floating_point S>
void quantile_head_backward(std::span<const S> slopes, std::span<const S> d_atoms, S scale, std::span<S> d_z) {
  const std::size_t k = slopes.size();
  double total = 0.0;
  for (const S d : d_atoms) total += static_cast<double>(d);
  const double mean = total / static_cast<double>(k);
  double above = 0.0;  // sum of d_atoms[j..]
  for (std::size_t j = k; j-- > 1;) {
    above += static_cast<double>(d_atoms[j]);
    d_z[j] += scale * slopes[j] * static_cast<S>(above - static_cast<double>(k - j) * mean);
  }
  d_z[0] += scale * static_cast<S>(total);
}

}  // namespace rlx::detail

#endif  // RLX_RL_DETAIL_QUANTILE_HEAD_HPP
