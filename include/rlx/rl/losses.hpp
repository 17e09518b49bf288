// SPDX-License-Identifier: MIT
/// @file
/// @brief The terms of the losses of PPO and of quantile critics and the figures that watch them, as pure functions of spans.
///
/// Sums run in double in index order, those over quantiles and their targets in the targets' type. Nothing allocates.
#ifndef RLX_RL_LOSSES_HPP
#define RLX_RL_LOSSES_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/nn/detail/simd.hpp>

namespace rlx::inline v0_1 {

/// How a value clip range works: `sb3` moves the target of the gradient, `max` takes the larger of both errors (PPO2).
enum class ValueClip : std::uint8_t { sb3, max };

/// One row of PPO's objective (Schulman et al. 2017, eq. 7), to be maximised, and its derivative.
template <std::floating_point S>
struct ClippedObjective {
  S objective = 0;   ///< min(ratio A, clip(ratio, 1 - eps, 1 + eps) A)
  S d_log_prob = 0;  ///< derivative with respect to log pi: ratio A where the first term is not larger, else 0
};

/// @param ratio pi / pi_old > 0. @param advantage A. @param clip_range eps > 0; infinity switches clipping off.
template <std::floating_point S>
ClippedObjective<S> clipped_surrogate(S ratio, std::type_identity_t<S> advantage, std::type_identity_t<S> clip_range) {
  const S plain = ratio * advantage;
  const S clipped = std::min(std::max(ratio, S{1} - clip_range), S{1} + clip_range) * advantage;
  if (plain <= clipped) return {plain, plain};
  return {clipped, S{0}};
}

/// One row of the value loss and its derivative with respect to the value.
template <std::floating_point S>
struct ValueLoss {
  S loss = 0;     ///< >= 0
  S d_value = 0;  ///< derivative with respect to the value
};

/// Without a clip (v - R)^2. With `clip` = c and v_c = v_old + clip(v - v_old, -c, c): `sb3` (v_c - R)^2; `max`
/// max((v - R)^2, (v_c - R)^2) / 2. The derivative is that of the term that counts, 0 where the clip holds it.
template <std::floating_point S>
ValueLoss<S> value_loss(S value, std::type_identity_t<S> old_value, std::type_identity_t<S> target,
                        std::type_identity_t<std::optional<S>> clip = {}, ValueClip mode = ValueClip::sb3) {
  const S error = value - target;
  if (!clip) return {error * error, S{2} * error};
  const S change = value - old_value;
  const bool inside = change >= -*clip && change <= *clip;
  const S clipped_error = inside ? error : old_value + (change < S{0} ? -*clip : *clip) - target;
  if (mode == ValueClip::sb3) return {clipped_error * clipped_error, inside ? S{2} * clipped_error : S{0}};
  if (error * error >= clipped_error * clipped_error) return {S{0.5} * error * error, error};
  return {S{0.5} * clipped_error * clipped_error, inside ? clipped_error : S{0}};
}

/// Mean of `value_loss` over rows; `d_values` gets the derivative of that mean.
/// @throws ShapeError if the spans differ in size.
template <std::floating_point S>
double value_loss(std::span<const S> values, std::span<const S> old_values, std::span<const S> targets, std::optional<S> clip,
                  ValueClip mode, std::span<S> d_values) {
  const std::size_t n = values.size();
  if (old_values.size() != n || targets.size() != n || d_values.size() != n) {
    throw ShapeError("value_loss: " + std::to_string(n) + " values need as many old values, targets and derivatives, found " +
                     std::to_string(old_values.size()) + ", " + std::to_string(targets.size()) + ", " +
                     std::to_string(d_values.size()));
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const ValueLoss<S> row = value_loss(values[i], old_values[i], targets[i], clip, mode);
    sum += static_cast<double>(row.loss);
    d_values[i] = row.d_value / static_cast<S>(n);
  }
  return n == 0 ? 0.0 : sum / static_cast<double>(n);
}

/// How a sum over quantiles is reduced.
enum class Reduction : std::uint8_t { sum, mean };

namespace detail {

/// Sum over quantiles and targets of the loss, divided by `terms`, and its derivative. Quantiles stand side by side in vectors,
/// so that each one's sums over the targets keep their order; their type is S. @tparam Huber false: |u| instead of H(u) / kappa
template <bool Huber, std::floating_point S>
double quantile_mean(std::span<const S> current, std::span<const S> target, S kappa, double terms, std::span<S> d_current) {
  using V = nn::detail::Vec<S>;
  constexpr std::size_t width = nn::detail::lanes<S>;
  const std::size_t k = current.size();
  const double scale = 1.0 / (static_cast<double>(kappa) * terms);
  const S step = static_cast<S>(1.0 / static_cast<double>(k)), slope = static_cast<S>(-scale);
  V index{}, loss{};
  for (std::size_t i = 0; i < width; ++i) index[i] = static_cast<S>(i) + S(0.5);
  double sum = 0.0;
  for (std::size_t first = 0; first < k; first += width) {
    const std::size_t count = std::min(width, k - first);
    const V q = count == width ? nn::detail::load<S>(current.data() + first)
                               : nn::detail::load_partial<S>(current.data() + first, count);
    // With u clamped to [0, kappa] or [-kappa, 0] called c, H(u) = c (u - c / 2) and H'(u) = c: targets above and below a
    // quantile are summed apart and get their weights tau and 1 - tau at the end.
    V loss_above{}, loss_below{}, above{}, below{};
    for (const S y : target) {
      const V u = y - q;
      if constexpr (Huber) {
        const V positive = u > S{0} ? u : V{}, negative = u - positive;
        const V c = positive > kappa ? V{} + kappa : positive, d = negative < -kappa ? V{} - kappa : negative;
        loss_above += c * (u - c * S(0.5));
        loss_below += d * (u - d * S(0.5));
        above += c;
        below += d;
      } else {
        const V is_above = u > S{0} ? V{} + S{1} : V{}, is_below = u < S{0} ? V{} - S{1} : V{};
        loss_above += is_above * u;
        loss_below += is_below * u;
        above += is_above;
        below += is_below;
      }
    }
    const V tau = (index + static_cast<S>(first)) * step, rest = S{1} - tau;
    const V losses = tau * loss_above + rest * loss_below, slopes = (tau * above + rest * below) * slope;
    if (count == width) {
      loss += losses;
      nn::detail::store<S>(d_current.data() + first, slopes);
    } else {
      for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(losses[i]);
      nn::detail::store_partial<S>(d_current.data() + first, slopes, count);
    }
  }
  for (std::size_t i = 0; i < width; ++i) sum += static_cast<double>(loss[i]);
  return sum * scale;
}

}  // namespace detail

/// Quantile regression with the Huber loss (Dabney et al. 2018, eq. 10): of K quantiles q of one row, at tau_i = (i + 1/2) / K,
/// against J targets y. With u_ij = y_j - q_i and H(u) = u^2 / 2 where |u| <= kappa, else kappa (|u| - kappa / 2):
/// L = 1/J sum_j sum_i |tau_i - 1[u_ij < 0]| H(u_ij) / kappa; `Reduction::mean` divides by K, so that the size of the loss does
/// not depend on K. kappa = 0 stands for |u| itself. O(K J).
/// @param current q, [K]. @param target y, [J]. @param reduction see above.
/// @param kappa finite, >= 0. @param d_current [K], written: the derivative of L with respect to the quantiles.
/// @throws ShapeError without quantiles or targets, or if `d_current` differs in size; ConfigError for another kappa
template <std::floating_point S>
double quantile_huber(std::span<const S> current, std::type_identity_t<std::span<const S>> target,
                      std::type_identity_t<S> kappa, Reduction reduction, std::type_identity_t<std::span<S>> d_current) {
  const std::size_t k = current.size();
  if (k == 0 || target.empty() || d_current.size() != k) {
    throw ShapeError("quantile_huber: found " + std::to_string(k) + " quantiles, " + std::to_string(target.size()) +
                     " targets and " + std::to_string(d_current.size()) +
                     " derivatives; expected at least one quantile and target, and a derivative per quantile");
  }
  if (!is_finite(kappa) || kappa < S{0}) {
    throw ConfigError("quantile_huber: kappa = " + std::to_string(kappa) + "; it must be finite and at least 0");
  }
  const double terms = static_cast<double>(target.size()) * (reduction == Reduction::mean ? static_cast<double>(k) : 1.0);
  return kappa > S{0} ? detail::quantile_mean<true>(current, target, kappa, terms, d_current)
                      : detail::quantile_mean<false>(current, target, S{1}, terms, d_current);
}

/// Mean and standard deviation (n - 1) of a minibatch's advantages; the scale is 1 / (std + 1e-8).
struct AdvantageMoments {
  double mean = 0.0;   ///< of the advantages
  double scale = 1.0;  ///< what their distance to the mean is multiplied by
};

/// Moments over `count` numbers read through `at(i)`; fewer than two rows are left as they are.
template <class At>
AdvantageMoments advantage_moments(std::size_t count, At&& at) {
  if (count < 2) return {};
  double sum = 0.0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(at(i));
  const double mean = sum / static_cast<double>(count);
  double squares = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    const double d = static_cast<double>(at(i)) - mean;
    squares += d * d;
  }
  return {mean, 1.0 / (std::sqrt(squares / static_cast<double>(count - 1)) + 1e-8)};
}

/// (A - mean) / (std + 1e-8), std with n - 1; a single row stays as it is.
template <std::floating_point S>
void normalize_advantages(std::span<S> advantages) {
  const AdvantageMoments m = advantage_moments(advantages.size(), [&](std::size_t i) { return advantages[i]; });
  for (S& a : advantages) a = static_cast<S>((static_cast<double>(a) - m.mean) * m.scale);
}

/// mean((ratio - 1) - log ratio): the k3 estimator of KL(old || new), never negative (Schulman 2020).
template <std::floating_point S>
double approx_kl(std::span<const S> log_ratios) {
  double sum = 0.0;
  for (const S log_ratio : log_ratios) sum += std::expm1(static_cast<double>(log_ratio)) - static_cast<double>(log_ratio);
  return log_ratios.empty() ? 0.0 : sum / static_cast<double>(log_ratios.size());
}

/// mean(-log ratio): the unbiased k1 estimator.
template <std::floating_point S>
double approx_kl_k1(std::span<const S> log_ratios) {
  double sum = 0.0;
  for (const S log_ratio : log_ratios) sum -= static_cast<double>(log_ratio);
  return log_ratios.empty() ? 0.0 : sum / static_cast<double>(log_ratios.size());
}

/// Share of rows with |ratio - 1| > clip_range.
template <std::floating_point S>
double clip_fraction(std::span<const S> log_ratios, std::type_identity_t<S> clip_range) {
  std::size_t clipped = 0;
  for (const S log_ratio : log_ratios) clipped += std::abs(std::exp(log_ratio) - S{1}) > clip_range ? 1U : 0U;
  return log_ratios.empty() ? 0.0 : static_cast<double>(clipped) / static_cast<double>(log_ratios.size());
}

/// 1 - Var(R - V) / Var(R); NaN (written as null in logs) where the returns do not vary.
/// @throws ShapeError if the spans differ in size.
template <std::floating_point S>
double explained_variance(std::span<const S> values, std::span<const S> returns) {
  const std::size_t n = returns.size();
  if (values.size() != n) {
    throw ShapeError("explained_variance: " + std::to_string(values.size()) + " values for " + std::to_string(n) + " returns");
  }
  double mean_return = 0.0;
  double mean_error = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    mean_return += static_cast<double>(returns[i]);
    mean_error += static_cast<double>(returns[i]) - static_cast<double>(values[i]);
  }
  if (n != 0) {
    mean_return /= static_cast<double>(n);
    mean_error /= static_cast<double>(n);
  }
  double var_return = 0.0;
  double var_error = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double r = static_cast<double>(returns[i]) - mean_return;
    const double e = static_cast<double>(returns[i]) - static_cast<double>(values[i]) - mean_error;
    var_return += r * r;
    var_error += e * e;
  }
  return var_return == 0.0 ? std::numeric_limits<double>::quiet_NaN() : 1.0 - var_error / var_return;
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_LOSSES_HPP
