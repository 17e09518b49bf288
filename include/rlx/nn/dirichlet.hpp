// SPDX-License-Identifier: MIT
/// @file
/// @brief The masked Dirichlet distribution over portfolio weights: actions of a Simplex.
///
/// alpha_i = softplus(z_i) + 1 on the valid entries, so that the density is bounded; invalid entries take no part: their weight
/// is exactly 0, and what stands there in `z` or `w` (NaN too) is never used. A mask is one byte per entry, non-zero = valid;
/// an empty mask means that all are valid and gives the same bits as a mask of ones. At least one entry must be valid, else
/// NumericError; with exactly one, its weight is 1, log p and entropy are 0. The density is that of K' - 1 of the K' valid
/// weights.
///
/// Rows are anything that converts to a std::span of float or double; weights may have another type than z. Everything is
/// computed in double. Lengths that do not fit throw ShapeError; nothing here allocates.
#ifndef RLX_NN_DIRICHLET_HPP
#define RLX_NN_DIRICHLET_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/special_functions.hpp>
#include <rlx/nn/categorical.hpp>

namespace rlx::inline v0_1::nn::dirichlet {

using categorical::Evaluation;
using categorical::Mask;
using categorical::ScalarOf;

/// A row of float or double numbers.
template <class Row>
concept Values = categorical::Logits<Row>;

/// No sampled weight of a valid entry is below this, up to the last normalisation: log w stays finite.
inline constexpr double smallest_weight = 1e-10;

namespace detail {

using categorical::detail::is_valid;
using categorical::detail::view;

/// alpha - 1. Kept instead of alpha, of which nothing would be left of a small one.
inline double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

inline double sigmoid(double x) {
  const double e = std::exp(-std::abs(x));
  return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

inline void require_length(const char* what, std::size_t found, std::size_t expected) {
  if (found != expected) {
    throw ShapeError("dirichlet: found " + std::string(what) + " of length " + std::to_string(found) + "; expected " +
                     std::to_string(expected) + ", the length of z");
  }
}

/// Calls f(i) for each valid entry, of which there must be one; gives their number.
template <class F>
std::size_t for_each_valid(std::size_t size, Mask mask, F&& f) {
  if (!mask.empty()) require_length("a mask", mask.size(), size);
  std::size_t count = 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (!is_valid(mask, i)) continue;
    f(i);
    ++count;
  }
  if (count == 0) throw NumericError("dirichlet: no entry is valid among " + std::to_string(size) + "; expected at least one");
  return count;
}

}  // namespace detail

/**
 * @brief log p of weights and the entropy, in nats.
 * @param z     [n], any finite numbers
 * @param mask  [n] or empty
 * @param w     [n], above 0 where valid; a 0 there makes log p minus infinity
 */
template <Values Row, Values Weights>
Evaluation<ScalarOf<Row>> evaluate(const Row& z, Mask mask, const Weights& w) {
  using S = ScalarOf<Row>;
  const auto v = detail::view(z);
  const auto weight = detail::view(w);
  detail::require_length("weights", weight.size(), v.size());
  double total = 0;
  double log_gammas = 0;
  double log_weights = 0;
  double slopes = 0;
  const std::size_t valid = detail::for_each_valid(v.size(), mask, [&](std::size_t i) {
    const double excess = detail::softplus(static_cast<double>(v[i]));
    total += excess;
    log_gammas += rlx::lgamma(1 + excess);
    slopes += excess * rlx::digamma(1 + excess);
    if (excess > 0) log_weights += excess * std::log(static_cast<double>(weight[i]));
  });
  if (valid == 1) return {S(0), S(0)};
  const double alpha_0 = static_cast<double>(valid) + total;
  const double log_norm = rlx::lgamma(alpha_0) - log_gammas;
  return {static_cast<S>(log_norm + log_weights), static_cast<S>(total * rlx::digamma(alpha_0) - slopes - log_norm)};
}

/**
 * @brief Draws weights; gives log p of what was stored and the entropy.
 *
 * Gamma variates of the valid entries, in order, divided by their sum, raised to `smallest_weight`, divided by the sum again.
 * @param      z       [n], any finite numbers
 * @param      mask    [n] or empty
 * @param      random  drawn from once or more for each valid entry
 * @param[out] w       [n]; sum 1 up to rounding, exactly 0 where invalid
 * @throws NumericError if z is not finite at a valid entry
 */
template <Values Row>
Evaluation<ScalarOf<Row>> sample_and_evaluate(const Row& z, Mask mask, RandomStream& random, std::span<ScalarOf<Row>> w) {
  using S = ScalarOf<Row>;
  const auto v = detail::view(z);
  detail::require_length("weights", w.size(), v.size());
  std::fill(w.begin(), w.end(), S(0));
  double total = 0;
  detail::for_each_valid(v.size(), mask, [&](std::size_t i) {
    if (!is_finite(v[i])) {  // the sampler would not end
      throw NumericError("dirichlet: z[" + std::to_string(i) + "] is " + std::to_string(v[i]) + "; expected a finite number",
                         "z");
    }
    w[i] = static_cast<S>(random.gamma(1 + detail::softplus(static_cast<double>(v[i]))));
    total += static_cast<double>(w[i]);
  });
  double raised = 0;
  detail::for_each_valid(v.size(), mask, [&](std::size_t i) {
    w[i] = static_cast<S>(std::max(static_cast<double>(w[i]) / total, smallest_weight));
    raised += static_cast<double>(w[i]);
  });
  detail::for_each_valid(v.size(), mask, [&](std::size_t i) { w[i] = static_cast<S>(static_cast<double>(w[i]) / raised); });
  return evaluate(v, mask, w);
}

/// The deterministic action alpha / alpha_0, the mean of the distribution, into `w`; exactly 0 where invalid.
template <Values Row>
void mode(const Row& z, Mask mask, std::span<ScalarOf<Row>> w) {
  using S = ScalarOf<Row>;
  const auto v = detail::view(z);
  detail::require_length("weights", w.size(), v.size());
  const auto alpha = [&](std::size_t i) { return 1 + detail::softplus(static_cast<double>(v[i])); };
  double alpha_0 = 0;
  detail::for_each_valid(v.size(), mask, [&](std::size_t i) { alpha_0 += alpha(i); });
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = detail::is_valid(mask, i) ? static_cast<S>(alpha(i) / alpha_0) : S(0);
}

/// KL(p || q) in nats, both under one mask.
template <Values Row>
ScalarOf<Row> kl(const Row& p_z, std::span<const ScalarOf<Row>> q_z, Mask mask) {
  const auto p = detail::view(p_z);
  detail::require_length("q_z", q_z.size(), p.size());
  double p_total = 0;
  double q_total = 0;
  double log_gammas = 0;
  double slopes = 0;
  const std::size_t valid = detail::for_each_valid(p.size(), mask, [&](std::size_t i) {
    const double p_excess = detail::softplus(static_cast<double>(p[i]));
    const double q_excess = detail::softplus(static_cast<double>(q_z[i]));
    p_total += p_excess;
    q_total += q_excess;
    log_gammas += rlx::lgamma(1 + q_excess) - rlx::lgamma(1 + p_excess);
    slopes += (p_excess - q_excess) * rlx::digamma(1 + p_excess);
  });
  if (valid == 1) return 0;
  const double p_0 = static_cast<double>(valid) + p_total;
  const double q_0 = static_cast<double>(valid) + q_total;
  const double log_norm = rlx::lgamma(p_0) - rlx::lgamma(q_0) + log_gammas;
  return static_cast<ScalarOf<Row>>(log_norm + slopes - (p_total - q_total) * rlx::digamma(p_0));
}

/**
 * @brief d(loss)/dz from d(loss)/d(log p of the weights) and d(loss)/d(entropy).
 *
 * d log p / d alpha_i = digamma(alpha_0) - digamma(alpha_i) + log w_i,
 * dH / d alpha_i = (alpha_0 - K') trigamma(alpha_0) - (alpha_i - 1) trigamma(alpha_i), d alpha / dz = sigmoid(z).
 * @param      z           [n], finite where valid
 * @param      mask        [n] or empty
 * @param      w           [n], above 0 where valid
 * @param      d_log_prob  d(loss)/d(log p of w)
 * @param      d_entropy   d(loss)/d(entropy)
 * @param[out] d_z         [n], overwritten; exactly 0 where invalid; may not overlap z or w
 */
template <Values Row, Values Weights>
void backward(const Row& z, Mask mask, const Weights& w, ScalarOf<Row> d_log_prob, ScalarOf<Row> d_entropy,
              std::span<ScalarOf<Row>> d_z) {
  using S = ScalarOf<Row>;
  const auto v = detail::view(z);
  const auto weight = detail::view(w);
  detail::require_length("weights", weight.size(), v.size());
  detail::require_length("d_z", d_z.size(), v.size());
  std::fill(d_z.begin(), d_z.end(), S(0));
  double total = 0;
  const std::size_t valid =
      detail::for_each_valid(v.size(), mask, [&](std::size_t i) { total += detail::softplus(static_cast<double>(v[i])); });
  if (valid == 1) return;
  const double alpha_0 = static_cast<double>(valid) + total;
  const double digamma_0 = rlx::digamma(alpha_0);
  const double curvature = total * rlx::trigamma(alpha_0);
  detail::for_each_valid(v.size(), mask, [&](std::size_t i) {
    const double x = static_cast<double>(v[i]);
    const double excess = detail::softplus(x);
    const double log_slope = digamma_0 - rlx::digamma(1 + excess) + std::log(static_cast<double>(weight[i]));
    const double entropy_slope = curvature - excess * rlx::trigamma(1 + excess);
    const double slope = static_cast<double>(d_log_prob) * log_slope + static_cast<double>(d_entropy) * entropy_slope;
    d_z[i] = static_cast<S>(slope * detail::sigmoid(x));
  });
}

}  // namespace rlx::inline v0_1::nn::dirichlet

#endif  // RLX_NN_DIRICHLET_HPP
