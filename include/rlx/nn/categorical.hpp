// SPDX-License-Identifier: MIT
/// @file
/// @brief The masked categorical distribution over actions.
///
/// p_i = exp(z_i - m) / Z on the valid set, exactly 0 outside, with m the largest valid logit and Z the sum over valid ones.
/// Invalid logits are excluded, never replaced by a finite number: they may be NaN or infinite and change nothing. A mask is
/// one byte per logit, non-zero = valid, as sb3-contrib's `action_masks`; an empty mask means that all are valid and gives the
/// same bits as a mask of ones. At least one entry must be valid, else NumericError. Nothing here allocates.
///
/// Rows are anything that converts to a std::span of float or double (spans, vectors, arrays). float uses the library's own
/// vectorised exp (relative error 2e-7), double the C library's.
/// @par Source  Huang and Ontanon 2022, arXiv:2006.14171
#ifndef RLX_NN_CATEGORICAL_HPP
#define RLX_NN_CATEGORICAL_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <rlx/core/error.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/nn/detail/simd.hpp>

namespace rlx::inline v0_1::nn::categorical {

/// One byte per action, non-zero = valid; empty: all are valid.
using Mask = std::span<const std::uint8_t>;

/// Scalar of a row of logits.
template <class Row>
using ScalarOf = std::remove_cv_t<typename decltype(std::span(std::declval<const Row&>()))::element_type>;
/// A row of float or double logits.
template <class Row>
concept Logits = std::floating_point<ScalarOf<Row>>;

/// What one pass over a row finds out.
template <std::floating_point S>
struct Summary {
  S largest{};  ///< valid logit
  S sum{};      ///< of exp(logit - largest) over the valid ones
  S log_sum{};  ///< its logarithm
  S entropy{};  ///< in nats
};

/// What a policy gradient needs of an action.
template <std::floating_point S>
struct Evaluation {
  S log_prob;            ///< of the action; minus infinity if it is invalid
  S entropy;             ///< in nats
  Summary<S> summary{};  ///< saves `backward` of the same row a pass
};

/// A drawn action with its evaluation.
template <std::floating_point S>
struct Sample {
  std::size_t action;  ///< a valid one, if the valid logits are numbers
  S log_prob;          ///< of the action
  S entropy;           ///< of the distribution, in nats
};

namespace detail {

using nn::detail::lanes;
using nn::detail::Vec;

template <class S>
using LaneMask = typename nn::detail::VectorOf<S>::integers;

/// Lanes of the mask as all ones or all zeros; lanes beyond `count` are invalid.
template <class S>
RLX_NN_INLINE LaneMask<S> load_mask(Mask mask, std::size_t j, std::size_t count) {
  using Integer = std::remove_cvref_t<decltype(LaneMask<S>{}[0])>;
  alignas(nn::detail::vector_bytes) Integer entries[lanes<S>];
  if (mask.empty()) {
    for (std::size_t i = 0; i < lanes<S>; ++i) entries[i] = i < count ? -1 : 0;
  } else if (count == lanes<S>) {
    for (std::size_t i = 0; i < lanes<S>; ++i) entries[i] = mask[j + i] != 0 ? -1 : 0;
  } else {
    for (std::size_t i = 0; i < lanes<S>; ++i) entries[i] = i < count && mask[j + i] != 0 ? -1 : 0;
  }
  LaneMask<S> result;
  __builtin_memcpy(&result, entries, sizeof result);
  return result;
}

/// Calls f(j, count, valid lanes, logits) for each vector of the row.
template <class S, class F>
RLX_NN_INLINE void for_each_block(std::span<const S> logits, Mask mask, F&& f) {
  for (std::size_t j = 0; j < logits.size(); j += lanes<S>) {
    const std::size_t count = std::min(lanes<S>, logits.size() - j);
    const S* p = logits.data() + j;
    f(j, count, load_mask<S>(mask, j, count),
      count == lanes<S> ? nn::detail::load<S>(p) : nn::detail::load_partial<S>(p, count));
  }
}

inline void require_mask(Mask mask, std::size_t logits) {
  if (!mask.empty() && mask.size() != logits) {
    throw ShapeError("categorical: found a mask of " + std::to_string(mask.size()) + " entries for " + std::to_string(logits) +
                     " logits; expected equal lengths or an empty mask");
  }
}

template <class S>
[[gnu::flatten]] Summary<S> summarize(std::span<const S> logits, Mask mask) {
  require_mask(mask, logits.size());
  const Vec<S> lowest = nn::detail::broadcast<S>(std::numeric_limits<S>::lowest());
  Vec<S> best = lowest;
  LaneMask<S> any{};
  const auto look = [&](LaneMask<S> valid, Vec<S> z) {
    best = nn::detail::maximum<S>(valid ? z : lowest, best);
    any |= valid;
  };
  S largest{};
  const auto finish_look = [&] {
    bool found = false;
    for (std::size_t i = 0; i < lanes<S>; ++i) found = found || any[i] != 0;
    if (!found)
      throw NumericError("categorical: no action is valid among " + std::to_string(logits.size()) + "; expected at least one");
    largest = nn::detail::max_lanes<S>(best);
  };
  Vec<S> sum{};
  Vec<S> weighted{};
  const auto add = [&](LaneMask<S> valid, Vec<S> z) {
    const Vec<S> d = z - largest;
    const Vec<S> e = valid ? nn::detail::exp(d) : Vec<S>{};
    sum += e;
    weighted += e == S(0) ? Vec<S>{} : e * d;  // 0 log 0 = 0, also where d is minus infinity
  };
  if (logits.size() < lanes<S>) {  // both looks at once: loading a part of a vector takes as long as the rest
    const LaneMask<S> valid = load_mask<S>(mask, 0, logits.size());
    const Vec<S> z = nn::detail::load_partial<S>(logits.data(), logits.size());
    look(valid, z);
    finish_look();
    add(valid, z);
  } else {
    for_each_block<S>(logits, mask, [&](std::size_t, std::size_t, LaneMask<S> valid, Vec<S> z) { look(valid, z); });
    finish_look();
    for_each_block<S>(logits, mask, [&](std::size_t, std::size_t, LaneMask<S> valid, Vec<S> z) { add(valid, z); });
  }
  const S total = nn::detail::sum_lanes<S>(sum);
  const S log_sum = std::log(total);
  return {largest, total, log_sum, log_sum - nn::detail::sum_lanes<S>(weighted) / total};
}

inline bool is_valid(Mask mask, std::size_t action) { return mask.empty() || mask[action] != 0; }

template <class S>
S log_prob(std::span<const S> logits, Mask mask, std::size_t action, const Summary<S>& s) {
  if (action >= logits.size()) {
    throw ShapeError("categorical: action " + std::to_string(action) + " is not below the number of logits, " +
                     std::to_string(logits.size()));
  }
  if (!is_valid(mask, action)) return -std::numeric_limits<S>::infinity();
  return nn::detail::keep(logits[action] - s.largest) - s.log_sum;  // added first, log_sum would be lost beside a large logit
}

/// First valid action whose cumulative sum exceeds u * sum, else the last valid one of positive probability.
template <class S>
[[gnu::flatten]] std::size_t draw(std::span<const S> logits, Mask mask, double u, const Summary<S>& s) {
  const double target = u * static_cast<double>(s.sum);
  double cumulative = 0;
  std::size_t last = 0;
  for (std::size_t j = 0; j < logits.size(); j += lanes<S>) {
    const std::size_t count = std::min(lanes<S>, logits.size() - j);
    const S* p = logits.data() + j;
    const Vec<S> z = count == lanes<S> ? nn::detail::load<S>(p) : nn::detail::load_partial<S>(p, count);
    const Vec<S> e = load_mask<S>(mask, j, count) ? nn::detail::exp(z - s.largest) : Vec<S>{};
    alignas(nn::detail::vector_bytes) S weights[lanes<S>];
    nn::detail::store<S>(weights, e);
    for (std::size_t i = 0; i < count; ++i) {
      if (!(weights[i] > S(0))) continue;
      last = j + i;
      cumulative += static_cast<double>(weights[i]);
      if (cumulative > target) return last;
    }
  }
  return last;
}

template <class S>
[[gnu::flatten]] void backward(std::span<const S> logits, Mask mask, std::size_t action, S d_log_prob, S d_entropy,
                               std::span<S> d_logits, const Summary<S>& s) {
  const S inverse = S(1) / s.sum;
  for_each_block<S>(logits, mask, [&](std::size_t j, std::size_t count, LaneMask<S> valid, Vec<S> z) {
    const Vec<S> d = z - s.largest;
    const Vec<S> p = (valid ? nn::detail::exp(d) : Vec<S>{}) * inverse;
    const Vec<S> slope = p * (d - (s.log_sum - s.entropy));
    const Vec<S> g = p == S(0) ? Vec<S>{} : -d_log_prob * p - d_entropy * slope;
    if (count == lanes<S>) {
      nn::detail::store<S>(d_logits.data() + j, g);
    } else {
      nn::detail::store_partial<S>(d_logits.data() + j, g, count);
    }
  });
  if (is_valid(mask, action)) d_logits[action] += d_log_prob;
}

template <Logits Row>
std::span<const ScalarOf<Row>> view(const Row& row) {
  return std::span(row);
}

template <class S>
Mask row_of(MatrixView<const std::uint8_t> masks, std::size_t r) {
  return masks.empty() ? Mask{} : Mask(masks.row(r));
}

}  // namespace detail

/// log p of an action; minus infinity if it is invalid.
template <Logits Row>
ScalarOf<Row> log_prob(const Row& logits, Mask mask, std::size_t action) {
  const auto z = detail::view(logits);
  return detail::log_prob(z, mask, action, detail::summarize(z, mask));
}

/// Entropy in nats, with 0 log 0 = 0.
template <Logits Row>
ScalarOf<Row> entropy(const Row& logits, Mask mask = {}) {
  return detail::summarize(detail::view(logits), mask).entropy;
}

/// log p of an action and the entropy, in one pass.
template <Logits Row>
Evaluation<ScalarOf<Row>> evaluate(const Row& logits, Mask mask, std::size_t action) {
  const auto z = detail::view(logits);
  const auto summary = detail::summarize(z, mask);
  return {detail::log_prob(z, mask, action, summary), summary.entropy, summary};
}

/// All probabilities into `out` (length of the logits, else ShapeError); exactly 0 where invalid.
template <Logits Row>
void probabilities(const Row& logits, Mask mask, std::span<ScalarOf<Row>> out) {
  using S = ScalarOf<Row>;
  const auto z = detail::view(logits);
  if (out.size() != z.size()) {
    throw ShapeError("categorical::probabilities: found room for " + std::to_string(out.size()) + ", expected " +
                     std::to_string(z.size()));
  }
  const auto summary = detail::summarize(z, mask);
  const S inverse = S(1) / summary.sum;
  detail::for_each_block<S>(z, mask, [&](std::size_t j, std::size_t count, detail::LaneMask<S> valid, nn::detail::Vec<S> v) {
    const nn::detail::Vec<S> p = (valid ? nn::detail::exp(v - summary.largest) : nn::detail::Vec<S>{}) * inverse;
    nn::detail::store_partial<S>(out.data() + j, p, count);
  });
}

/// Valid action of the largest logit, the lowest index on ties.
template <Logits Row>
std::size_t mode(const Row& logits, Mask mask = {}) {
  const auto z = detail::view(logits);
  const auto summary = detail::summarize(z, mask);
  for (std::size_t i = 0; i < z.size(); ++i) {
    if (detail::is_valid(mask, i) && z[i] == summary.largest) return i;
  }
  throw NumericError("categorical::mode: no valid logit equals the largest; found NaN among the valid logits", "logits");
}

/// Action drawn with one uniform number `u` in [0, 1): the first valid one whose cumulative sum exceeds u.
template <Logits Row>
std::size_t sample(const Row& logits, Mask mask, double u) {
  const auto z = detail::view(logits);
  return detail::draw(z, mask, u, detail::summarize(z, mask));
}

/// The same with log p of the drawn action and the entropy.
template <Logits Row>
Sample<ScalarOf<Row>> sample_and_evaluate(const Row& logits, Mask mask, double u) {
  const auto z = detail::view(logits);
  const auto summary = detail::summarize(z, mask);
  const std::size_t action = detail::draw(z, mask, u, summary);
  return {action, detail::log_prob(z, mask, action, summary), summary.entropy};
}

/// KL(p || q) in nats, both under one mask.
template <Logits Row>
ScalarOf<Row> kl(const Row& p_logits, const Row& q_logits, Mask mask = {}) {
  using S = ScalarOf<Row>;
  const auto zp = detail::view(p_logits);
  const auto zq = detail::view(q_logits);
  if (zp.size() != zq.size()) {
    throw ShapeError("categorical::kl: found " + std::to_string(zp.size()) + " and " + std::to_string(zq.size()) +
                     " logits, expected equal numbers");
  }
  const auto p = detail::summarize(zp, mask);
  const auto q = detail::summarize(zq, mask);
  S sum = 0;
  for (std::size_t i = 0; i < zp.size(); ++i) {
    if (!detail::is_valid(mask, i)) continue;
    const S log_p = zp[i] - p.largest - p.log_sum;
    const S probability = std::exp(log_p);
    if (probability > S(0)) sum += probability * (log_p - (zq[i] - q.largest - q.log_sum));
  }
  return sum;
}

/**
 * @brief d(loss)/d(logits) from d(loss)/d(log p of the action) and d(loss)/d(entropy), in one pass.
 *
 * d log p_a / dz_i = 1[i = a] - p_i and dH / dz_i = -p_i (log p_i + H) on the valid set, exactly 0 outside.
 * @param      logits      row of the distribution
 * @param      mask        length of the logits, or empty
 * @param      action      below the number of logits
 * @param      d_log_prob  d(loss)/d(log p of the action)
 * @param      d_entropy   d(loss)/d(entropy)
 * @param[out] d_logits    overwritten; length of the logits, else ShapeError; may not overlap them
 * @param      summary     of the same row, from `evaluate`
 */
template <Logits Row>
void backward(const Row& logits, Mask mask, std::size_t action, ScalarOf<Row> d_log_prob, ScalarOf<Row> d_entropy,
              std::span<ScalarOf<Row>> d_logits, const Summary<ScalarOf<Row>>& summary) {
  const auto z = detail::view(logits);
  if (d_logits.size() != z.size() || action >= z.size()) {
    throw ShapeError("categorical::backward: found room for " + std::to_string(d_logits.size()) + " gradients and action " +
                     std::to_string(action) + ", expected " + std::to_string(z.size()) + " and an action below");
  }
  detail::require_mask(mask, z.size());
  detail::backward(z, mask, action, d_log_prob, d_entropy, d_logits, summary);
}
/// The same of a row that nothing is known of yet.
template <Logits Row>
void backward(const Row& logits, Mask mask, std::size_t action, ScalarOf<Row> d_log_prob, ScalarOf<Row> d_entropy,
              std::span<ScalarOf<Row>> d_logits) {
  backward(logits, mask, action, d_log_prob, d_entropy, d_logits, detail::summarize(detail::view(logits), mask));
}

/// Row by row over a batch; `masks` may be empty. actions, log_probs and entropies have one entry per row.
template <std::floating_point S>
void evaluate(MatrixView<const S> logits, MatrixView<const std::uint8_t> masks, std::span<const std::int32_t> actions,
              std::span<S> log_probs, std::span<S> entropies) {
  for (std::size_t r = 0; r < logits.rows(); ++r) {
    const auto e = evaluate(logits.row(r), detail::row_of<S>(masks, r), static_cast<std::size_t>(actions[r]));
    log_probs[r] = e.log_prob;
    entropies[r] = e.entropy;
  }
}

/// Draws one action per row with one uniform number each.
template <std::floating_point S>
void sample(MatrixView<const S> logits, MatrixView<const std::uint8_t> masks, std::span<const double> u,
            std::span<std::int32_t> actions, std::span<S> log_probs) {
  for (std::size_t r = 0; r < logits.rows(); ++r) {
    const auto drawn = sample_and_evaluate(logits.row(r), detail::row_of<S>(masks, r), u[r]);
    actions[r] = static_cast<std::int32_t>(drawn.action);
    log_probs[r] = drawn.log_prob;
  }
}

/// The most probable action of each row.
template <std::floating_point S>
void mode(MatrixView<const S> logits, MatrixView<const std::uint8_t> masks, std::span<std::int32_t> actions) {
  for (std::size_t r = 0; r < logits.rows(); ++r) {
    actions[r] = static_cast<std::int32_t>(mode(logits.row(r), detail::row_of<S>(masks, r)));
  }
}

/// Gradients of each row, as backward of one row.
template <std::floating_point S>
void backward(MatrixView<const S> logits, MatrixView<const std::uint8_t> masks, std::span<const std::int32_t> actions,
              std::span<const S> d_log_probs, std::span<const S> d_entropies, MatrixView<S> d_logits) {
  for (std::size_t r = 0; r < logits.rows(); ++r) {
    backward(logits.row(r), detail::row_of<S>(masks, r), static_cast<std::size_t>(actions[r]), d_log_probs[r], d_entropies[r],
             d_logits.row(r));
  }
}

}  // namespace rlx::inline v0_1::nn::categorical

#endif  // RLX_NN_CATEGORICAL_HPP
