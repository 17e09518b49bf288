// SPDX-License-Identifier: MIT
/// @file
/// @brief The Gaussian distribution squashed into a bounded Box by tanh.
///
/// a = low + (tanh u + 1) (high - low) / 2 with u Gaussian. u is what is stored and evaluated, since a loses it where tanh is
/// flat. log pi(a) = log N(u) - sum of 2 (log 2 - u - softplus(-2u)) + log((high - low) / 2), which stays exact for large |u|.
/// The squashed distribution's entropy has no closed form: the figure given is the base Gaussian's, whose gradient is exact;
/// the entropy itself is the mean of -log pi over samples.
///
/// Rows, types, computation in double, errors and allocation: as gaussian.hpp. Bounds must be finite with low < high.
/// @par Source  Haarnoja et al. 2018, arXiv:1801.01290, appendix C
#ifndef RLX_NN_TANH_GAUSSIAN_HPP
#define RLX_NN_TANH_GAUSSIAN_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/nn/gaussian.hpp>

namespace rlx::inline v0_1::nn::tanh_gaussian {

using gaussian::Evaluation;
using gaussian::ScalarOf;
using gaussian::Values;

namespace detail {

using gaussian::detail::view;

inline void require_bounds(std::size_t low, std::size_t high, std::size_t expected) {
  if (low != expected || high != expected) {
    throw ShapeError("tanh_gaussian: found bounds of length " + std::to_string(low) + " and " + std::to_string(high) +
                     "; expected " + std::to_string(expected) + ", the length of the action");
  }
}

/// Sum of log(da/du).
template <class U, class B>
double log_slope(std::span<const U> u, std::span<const B> low, std::span<const B> high) {
  require_bounds(low.size(), high.size(), u.size());
  double sum = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    const double magnitude = std::abs(static_cast<double>(u[i]));  // the slope is even in u, and exp below cannot overflow
    sum += 2 * (std::numbers::ln2 - magnitude - std::log1p(std::exp(-2 * magnitude)));
    sum += std::log(0.5 * static_cast<double>(high[i]) - 0.5 * static_cast<double>(low[i]));
  }
  return sum;
}

}  // namespace detail

/**
 * @brief log pi of the squashed action and the base Gaussian's entropy, both in nats.
 * @param mean,log_std  [A], of the base Gaussian
 * @param u             [A], as drawn, before tanh
 * @param low,high      [A], finite
 */
template <Values Row, Values Action, Values Bounds>
Evaluation<ScalarOf<Row>> evaluate(const Row& mean, std::span<const ScalarOf<Row>> log_std, const Action& u, const Bounds& low,
                                   const Bounds& high) {
  using S = ScalarOf<Row>;
  const auto base = gaussian::detail::evaluate(detail::view(mean), log_std, detail::view(u));
  const double slope = detail::log_slope(detail::view(u), detail::view(low), detail::view(high));
  return {static_cast<S>(base.log_prob - slope), static_cast<S>(base.entropy)};
}

/// Draws u [A] with one normal number per component, in order; gives log pi of what was stored and the base entropy.
/// `to_action` makes the action of u.
template <Values Row, Values Bounds>
Evaluation<ScalarOf<Row>> sample_and_evaluate(const Row& mean, std::span<const ScalarOf<Row>> log_std, const Bounds& low,
                                              const Bounds& high, RandomStream& random, std::span<ScalarOf<Row>> u) {
  gaussian::detail::sample(detail::view(mean), log_std, random, u);
  return evaluate(mean, log_std, u, low, high);
}

/// u of the deterministic action, the mean, into `u`.
template <Values Row>
void mode(const Row& mean, std::span<ScalarOf<Row>> u) {
  gaussian::mode(mean, u);
}

/// KL(p || q) in nats: that of the base Gaussians, since one invertible map squashes both.
template <Values Row>
ScalarOf<Row> kl(const Row& mean_p, std::span<const ScalarOf<Row>> log_std_p, std::span<const ScalarOf<Row>> mean_q,
                 std::span<const ScalarOf<Row>> log_std_q) {
  return gaussian::kl(mean_p, log_std_p, mean_q, log_std_q);
}

/// Gradients of the loss from d(loss)/d(log pi) and d(loss)/d(base entropy): those of gaussian::backward at u, since the slope
/// of the squashing depends on u alone. `d_mean` [A] is overwritten and may not overlap the mean; `d_log_std` [A] is added to.
template <Values Row, Values Action>
void backward(const Row& mean, std::span<const ScalarOf<Row>> log_std, const Action& u, ScalarOf<Row> d_log_prob,
              ScalarOf<Row> d_entropy, std::span<ScalarOf<Row>> d_mean, std::span<ScalarOf<Row>> d_log_std) {
  gaussian::backward(mean, log_std, u, d_log_prob, d_entropy, d_mean, d_log_std);
}

/**
 * @brief The action of u, inside [low, high] also after rounding.
 * @param u         [A], before tanh
 * @param low,high  [A], finite
 * @param[out] out  [A], may be u itself
 */
template <Values Row, Values Bounds>
void to_action(const Row& u, const Bounds& low, const Bounds& high, std::span<ScalarOf<Row>> out) {
  using S = ScalarOf<Row>;
  const auto raw = detail::view(u);
  const auto lower = detail::view(low);
  const auto upper = detail::view(high);
  detail::require_bounds(lower.size(), upper.size(), raw.size());
  gaussian::detail::require_length("an action", out.size(), raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const double bottom = static_cast<double>(lower[i]);
    const double half = 0.5 * static_cast<double>(upper[i]) - 0.5 * bottom;
    const double a = bottom + (std::tanh(static_cast<double>(raw[i])) + 1) * half;
    out[i] = std::clamp(static_cast<S>(a), static_cast<S>(lower[i]), static_cast<S>(upper[i]));
  }
}

}  // namespace rlx::inline v0_1::nn::tanh_gaussian

#endif  // RLX_NN_TANH_GAUSSIAN_HPP
