// SPDX-License-Identifier: MIT
/// @file
/// @brief Global gradient norm and clipping.
#ifndef RLX_NN_GRAD_NORM_HPP
#define RLX_NN_GRAD_NORM_HPP

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>

namespace rlx::inline v0_1::nn {

/**
 * @brief Square root of the sum of squares, summed in double in a fixed order (16 interleaved sums, then their tree).
 * @par Determinism  a function of the numbers and their positions only; never allocates
 */
template <std::floating_point S>
double grad_norm(std::span<const S> gradients) {
  constexpr std::size_t width = 16;
  double sums[width] = {};
  std::size_t i = 0;
  for (; i + width <= gradients.size(); i += width) {
    for (std::size_t j = 0; j < width; ++j)
      sums[j] += static_cast<double>(gradients[i + j]) * static_cast<double>(gradients[i + j]);
  }
  for (std::size_t j = 0; i + j < gradients.size(); ++j)
    sums[j] += static_cast<double>(gradients[i + j]) * static_cast<double>(gradients[i + j]);
  for (std::size_t step = width / 2; step > 0; step /= 2) {
    for (std::size_t j = 0; j < step; ++j) sums[j] += sums[j + step];
  }
  return std::sqrt(sums[0]);
}
template <std::floating_point S>
double grad_norm(std::span<S> gradients) {
  return grad_norm(std::span<const S>(gradients));
}

/// min(1, max_norm / (norm + 1e-6)): the factor that brings gradients of that norm to at most `max_norm` (PyTorch's rule).
inline double clip_factor(double norm, double max_norm) {
  const double factor = max_norm / (norm + 1e-6);
  return factor < 1.0 ? factor : 1.0;
}

/// Scales the gradients by clip_factor and returns their norm before. Where an optimiser follows, pass it the factor instead.
template <std::floating_point S>
double clip_grad_norm(std::span<S> gradients, double max_norm) {
  const double norm = grad_norm(std::span<const S>(gradients));
  const double factor = clip_factor(norm, max_norm);
  if (factor != 1.0) {
    for (S& g : gradients) g = static_cast<S>(static_cast<double>(g) * factor);
  }
  return norm;
}

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_GRAD_NORM_HPP
