// SPDX-License-Identifier: MIT
/// @file
/// @brief Several independent masked categorical distributions side by side: actions of a MultiDiscrete space.
///
/// The logits of the components lie one after another, nvec[0] for the first, nvec[1] for the second; the mask likewise, or it
/// is empty: all are valid. Log-probability, entropy and KL divergence are the sums over the components in their order, each
/// computed by categorical.hpp, whose rules on invalid logits hold here too. Sizes that do not fit throw ShapeError; a
/// component without a valid entry throws NumericError that names the component. Nothing here allocates.
#ifndef RLX_NN_MULTI_DISCRETE_HPP
#define RLX_NN_MULTI_DISCRETE_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/nn/categorical.hpp>

namespace rlx::inline v0_1::nn::multi_discrete {

using categorical::Evaluation;
using categorical::Logits;
using categorical::Mask;
using categorical::ScalarOf;

namespace detail {

using categorical::detail::view;

/// Calls f(component, first logit, number of logits, mask of these) for each component in order.
template <class F>
void for_each_component(std::size_t num_logits, Mask mask, std::span<const std::int64_t> nvec, F&& f) {
  std::size_t expected = 0;
  for (const std::int64_t n : nvec) expected += static_cast<std::size_t>(n);
  if (num_logits != expected || (!mask.empty() && mask.size() != expected)) {
    throw ShapeError("multi_discrete: found " + std::to_string(num_logits) + " logits and a mask of " +
                     std::to_string(mask.size()) + " entries; expected " + std::to_string(expected) +
                     ", the sum of nvec, or an empty mask");
  }
  std::size_t begin = 0;
  for (std::size_t c = 0; c < nvec.size(); ++c) {
    const auto n = static_cast<std::size_t>(nvec[c]);
    try {
      f(c, begin, n, mask.empty() ? mask : mask.subspan(begin, n));
    } catch (const NumericError& error) {
      throw NumericError("multi_discrete: component " + std::to_string(c) + ": " + error.what(), error.tensor());
    } catch (const ShapeError& error) {
      throw ShapeError("multi_discrete: component " + std::to_string(c) + ": " + error.what());
    }
    begin += n;
  }
}

inline void require_length(const char* what, std::size_t found, std::size_t expected) {
  if (found != expected) {
    throw ShapeError("multi_discrete: found " + std::string(what) + " of length " + std::to_string(found) + "; expected " +
                     std::to_string(expected));
  }
}

}  // namespace detail

/**
 * @brief log p of an action and the entropy in nats.
 * @param logits  [sum of nvec]
 * @param mask    [sum of nvec] or empty
 * @param nvec    choices of each component
 * @param action  one choice per component, each below its nvec; an invalid one makes log p minus infinity
 */
template <Logits Row>
Evaluation<ScalarOf<Row>> evaluate(const Row& logits, Mask mask, std::span<const std::int64_t> nvec,
                                   std::span<const std::int32_t> action) {
  const auto z = detail::view(logits);
  detail::require_length("an action", action.size(), nvec.size());
  Evaluation<ScalarOf<Row>> sum{};
  detail::for_each_component(z.size(), mask, nvec, [&](std::size_t c, std::size_t begin, std::size_t n, Mask valid) {
    const auto e = categorical::evaluate(z.subspan(begin, n), valid, static_cast<std::size_t>(action[c]));
    sum.log_prob += e.log_prob;
    sum.entropy += e.entropy;
  });
  return sum;
}

/// Draws an action with one uniform double per component, in order, into `action`, one entry each; gives its log p and the
/// entropy.
template <Logits Row>
Evaluation<ScalarOf<Row>> sample_and_evaluate(const Row& logits, Mask mask, std::span<const std::int64_t> nvec,
                                              RandomStream& random, std::span<std::int32_t> action) {
  const auto z = detail::view(logits);
  detail::require_length("an action", action.size(), nvec.size());
  Evaluation<ScalarOf<Row>> sum{};
  detail::for_each_component(z.size(), mask, nvec, [&](std::size_t c, std::size_t begin, std::size_t n, Mask valid) {
    const auto drawn = categorical::sample_and_evaluate(z.subspan(begin, n), valid, random.uniform());
    action[c] = static_cast<std::int32_t>(drawn.action);
    sum.log_prob += drawn.log_prob;
    sum.entropy += drawn.entropy;
  });
  return sum;
}

/// The valid choice of the largest logit of each component, the lowest index on ties, into `action`, one entry each.
template <Logits Row>
void mode(const Row& logits, Mask mask, std::span<const std::int64_t> nvec, std::span<std::int32_t> action) {
  const auto z = detail::view(logits);
  detail::require_length("an action", action.size(), nvec.size());
  detail::for_each_component(z.size(), mask, nvec, [&](std::size_t c, std::size_t begin, std::size_t n, Mask valid) {
    action[c] = static_cast<std::int32_t>(categorical::mode(z.subspan(begin, n), valid));
  });
}

/// Probabilities of each component's choices into `out` (length of the logits); exactly 0 where invalid.
template <Logits Row>
void probabilities(const Row& logits, Mask mask, std::span<const std::int64_t> nvec, std::span<ScalarOf<Row>> out) {
  const auto z = detail::view(logits);
  detail::require_length("probabilities", out.size(), z.size());
  detail::for_each_component(z.size(), mask, nvec, [&](std::size_t, std::size_t begin, std::size_t n, Mask valid) {
    categorical::probabilities(z.subspan(begin, n), valid, out.subspan(begin, n));
  });
}

/// KL(p || q) in nats, both under one mask.
template <Logits Row>
ScalarOf<Row> kl(const Row& p_logits, std::span<const ScalarOf<Row>> q_logits, Mask mask, std::span<const std::int64_t> nvec) {
  const auto z = detail::view(p_logits);
  detail::require_length("q_logits", q_logits.size(), z.size());
  ScalarOf<Row> sum = 0;
  detail::for_each_component(z.size(), mask, nvec, [&](std::size_t, std::size_t begin, std::size_t n, Mask valid) {
    sum += categorical::kl(z.subspan(begin, n), q_logits.subspan(begin, n), valid);
  });
  return sum;
}

/**
 * @brief d(loss)/d(logits) from d(loss)/d(log p of the action) and d(loss)/d(entropy); the formulas of categorical::backward.
 * @param      logits      [sum of nvec]
 * @param      mask        [sum of nvec] or empty
 * @param      nvec        choices of each component
 * @param      action      one choice per component, each below its nvec
 * @param      d_log_prob  d(loss)/d(log p of the action)
 * @param      d_entropy   d(loss)/d(entropy)
 * @param[out] d_logits    overwritten; length of the logits; exactly 0 where invalid; may not overlap the logits
 */
template <Logits Row>
void backward(const Row& logits, Mask mask, std::span<const std::int64_t> nvec, std::span<const std::int32_t> action,
              ScalarOf<Row> d_log_prob, ScalarOf<Row> d_entropy, std::span<ScalarOf<Row>> d_logits) {
  const auto z = detail::view(logits);
  detail::require_length("an action", action.size(), nvec.size());
  detail::require_length("d_logits", d_logits.size(), z.size());
  detail::for_each_component(z.size(), mask, nvec, [&](std::size_t c, std::size_t begin, std::size_t n, Mask valid) {
    categorical::backward(z.subspan(begin, n), valid, static_cast<std::size_t>(action[c]), d_log_prob, d_entropy,
                          d_logits.subspan(begin, n));
  });
}

}  // namespace rlx::inline v0_1::nn::multi_discrete

#endif  // RLX_NN_MULTI_DISCRETE_HPP
