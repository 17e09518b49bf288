// SPDX-License-Identifier: MIT
/// @file
/// @brief The Gaussian distribution with independent components: actions of a Box.
///
/// log p = sum of -((a - mean) / sigma)^2 / 2 - log sigma - log(2 pi) / 2 with sigma = exp(log_std); `log_std` does not depend
/// on the state. The raw sample is what is stored and evaluated; the environment gets it clipped to its bounds.
///
/// Rows are anything that converts to a std::span of float or double; actions and bounds may have another type than the mean.
/// Everything is computed in double. Lengths that do not fit throw ShapeError; nothing here allocates. A log-probability
/// beyond the range of float comes back as minus infinity.
#ifndef RLX_NN_GAUSSIAN_HPP
#define RLX_NN_GAUSSIAN_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/nn/categorical.hpp>

namespace rlx::inline v0_1::nn::gaussian {

using categorical::Evaluation;
using categorical::ScalarOf;

/// A row of float or double numbers.
template <class Row>
concept Values = categorical::Logits<Row>;

namespace detail {

using categorical::detail::view;

inline constexpr double half_log_two_pi = 0.91893853320467274178;

inline void require_length(const char* what, std::size_t found, std::size_t expected) {
  if (found != expected) {
    throw ShapeError("gaussian: found " + std::string(what) + " of length " + std::to_string(found) + "; expected " +
                     std::to_string(expected) + ", the length of the mean");
  }
}

/// Not yet rounded to the type of the rows, so that tanh_gaussian can add to it.
template <class S, class A>
Evaluation<double> evaluate(std::span<const S> mean, std::span<const S> log_std, std::span<const A> action) {
  require_length("log_std", log_std.size(), mean.size());
  require_length("an action", action.size(), mean.size());
  Evaluation<double> sum{};
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double log_sigma = static_cast<double>(log_std[i]);
    const double d = (static_cast<double>(action[i]) - static_cast<double>(mean[i])) * std::exp(-log_sigma);
    sum.log_prob -= 0.5 * d * d + log_sigma + half_log_two_pi;
    sum.entropy += log_sigma + (half_log_two_pi + 0.5);
  }
  return sum;
}

template <class S>
void sample(std::span<const S> mean, std::span<const S> log_std, RandomStream& random, std::span<S> action) {
  require_length("log_std", log_std.size(), mean.size());
  require_length("an action", action.size(), mean.size());
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double sigma = std::exp(static_cast<double>(log_std[i]));
    action[i] = static_cast<S>(static_cast<double>(mean[i]) + sigma * random.normal());
  }
}

}  // namespace detail

/**
 * @brief log p of an action and the entropy in nats, the sum of log sigma + log(2 pi e) / 2.
 * @param mean     [A]
 * @param log_std  [A], natural logarithm of the standard deviations
 * @param action   [A], as drawn, not clipped
 */
template <Values Row, Values Action>
Evaluation<ScalarOf<Row>> evaluate(const Row& mean, std::span<const ScalarOf<Row>> log_std, const Action& action) {
  using S = ScalarOf<Row>;
  const auto e = detail::evaluate(detail::view(mean), log_std, detail::view(action));
  return {static_cast<S>(e.log_prob), static_cast<S>(e.entropy)};
}

/// Draws an action with one normal number per component, in order, and stores the raw sample in `action` [A]; gives log p of
/// what was stored and the entropy.
template <Values Row>
Evaluation<ScalarOf<Row>> sample_and_evaluate(const Row& mean, std::span<const ScalarOf<Row>> log_std, RandomStream& random,
                                              std::span<ScalarOf<Row>> action) {
  detail::sample(detail::view(mean), log_std, random, action);
  return evaluate(mean, log_std, action);
}

/// The most probable action, the mean, into `action`.
template <Values Row>
void mode(const Row& mean, std::span<ScalarOf<Row>> action) {
  const auto mu = detail::view(mean);
  detail::require_length("an action", action.size(), mu.size());
  std::copy(mu.begin(), mu.end(), action.begin());
}

/// KL(p || q) in nats.
template <Values Row>
ScalarOf<Row> kl(const Row& mean_p, std::span<const ScalarOf<Row>> log_std_p, std::span<const ScalarOf<Row>> mean_q,
                 std::span<const ScalarOf<Row>> log_std_q) {
  const auto mu = detail::view(mean_p);
  detail::require_length("log_std_p", log_std_p.size(), mu.size());
  detail::require_length("mean_q", mean_q.size(), mu.size());
  detail::require_length("log_std_q", log_std_q.size(), mu.size());
  double sum = 0;
  for (std::size_t i = 0; i < mu.size(); ++i) {
    const double log_q = static_cast<double>(log_std_q[i]);
    const double log_ratio = static_cast<double>(log_std_p[i]) - log_q;
    const double d = (static_cast<double>(mu[i]) - static_cast<double>(mean_q[i])) * std::exp(-log_q);
    // (sigma_p / sigma_q)^2 - 1 without the cancellation, which would drown the divergence of two close policies.
    sum += 0.5 * (std::expm1(2 * log_ratio) + d * d) - log_ratio;
  }
  return static_cast<ScalarOf<Row>>(sum);
}

/**
 * @brief Gradients of the loss from d(loss)/d(log p of the action) and d(loss)/d(entropy).
 *
 * d log p / d mean = (a - mean) / sigma^2, d log p / d log_std = ((a - mean) / sigma)^2 - 1, dH / d log_std = 1.
 * @param         mean,log_std  [A], of the distribution
 * @param         action        [A], as drawn, not clipped
 * @param         d_log_prob    d(loss)/d(log p of the action)
 * @param         d_entropy     d(loss)/d(entropy)
 * @param[out]    d_mean        [A], overwritten; may not overlap the mean
 * @param[in,out] d_log_std     [A], added to, since all states share log_std
 */
template <Values Row, Values Action>
void backward(const Row& mean, std::span<const ScalarOf<Row>> log_std, const Action& action, ScalarOf<Row> d_log_prob,
              ScalarOf<Row> d_entropy, std::span<ScalarOf<Row>> d_mean, std::span<ScalarOf<Row>> d_log_std) {
  using S = ScalarOf<Row>;
  const auto mu = detail::view(mean);
  const auto a = detail::view(action);
  detail::require_length("log_std", log_std.size(), mu.size());
  detail::require_length("an action", a.size(), mu.size());
  detail::require_length("d_mean", d_mean.size(), mu.size());
  detail::require_length("d_log_std", d_log_std.size(), mu.size());
  const double slope = static_cast<double>(d_log_prob);
  for (std::size_t i = 0; i < mu.size(); ++i) {
    const double inverse = std::exp(-static_cast<double>(log_std[i]));
    const double d = (static_cast<double>(a[i]) - static_cast<double>(mu[i])) * inverse;
    d_mean[i] = static_cast<S>(slope * d * inverse);
    d_log_std[i] += static_cast<S>(slope * (d * d - 1) + static_cast<double>(d_entropy));
  }
}

/**
 * @brief The action as the environment gets it: each component clipped to its bounds.
 * @param action    [A], as drawn
 * @param low,high  [A], bounds, low <= high; may be infinite
 * @param[out] out  [A], may be the action itself
 */
template <Values Row, Values Bounds>
void clip(const Row& action, const Bounds& low, const Bounds& high, std::span<ScalarOf<Row>> out) {
  using S = ScalarOf<Row>;
  const auto a = detail::view(action);
  const auto lower = detail::view(low);
  const auto upper = detail::view(high);
  if (lower.size() != a.size() || upper.size() != a.size() || out.size() != a.size()) {
    throw ShapeError("gaussian::clip: found bounds of length " + std::to_string(lower.size()) + " and " +
                     std::to_string(upper.size()) + " and room for " + std::to_string(out.size()) + "; expected " +
                     std::to_string(a.size()) + ", the length of the action");
  }
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = std::clamp(a[i], static_cast<S>(lower[i]), static_cast<S>(upper[i]));
}

}  // namespace rlx::inline v0_1::nn::gaussian

#endif  // RLX_NN_GAUSSIAN_HPP
