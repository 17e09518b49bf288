// SPDX-License-Identifier: MIT
/// @file
/// @brief How advantages and losses bend towards the tail of the returns; by default not at all.
#ifndef RLX_RL_RISK_OBJECTIVE_HPP
#define RLX_RL_RISK_OBJECTIVE_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <rlx/core/matrix.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1 {

template <class Number>
class BasicLogger;
using Logger = BasicLogger<double>;

/// A part of a minibatch as a risk objective sees it; all spans have one entry per row. @tparam S float in the learner.
template <std::floating_point S>
struct BasicMinibatchView {
  std::span<const std::uint32_t> rows;  ///< rows t * N + n of the rollout
  std::span<const S> log_probs;         ///< current parameters
  std::span<const S> old_log_probs;     ///< of the rollout
  std::span<const S> entropies;         ///< of the current distributions, nats
  std::span<const S> advantages;        ///< after `on_rollout` and normalisation
  MatrixView<const S> critic_outputs;   ///< [rows][K]
  std::size_t batch_rows = 0;           ///< rows of the whole minibatch
};
/// In the type of number that learners train with.
using MinibatchView = BasicMinibatchView<float>;

/// Derivatives of the loss that an objective may add to.
template <std::floating_point S>
struct BasicLossGradient {
  std::span<S> d_log_prob;         ///< one per row, with respect to `log_probs`
  std::span<S> d_entropy;          ///< one per row, with respect to `entropies`
  MatrixView<S> d_critic_outputs;  ///< [rows][K]
};
/// In the type of number that learners train with.
using LossGradient = BasicLossGradient<float>;

/// `on_rollout` runs once per rollout, sees it whole and may replace the advantages before they are normalised. `loss` returns
/// an extra term's share of a minibatch (divided by `batch_rows`) and adds its derivatives; several threads call it at once.
/// `record` writes figures to the log. With `template <class Critic> static constexpr void require_critic()` an objective may
/// refuse critics at compile time (`DistortedAdvantage` does). A model:
/// @code
/// struct Doubled {
///   void on_rollout(const rlx::RolloutView&, std::span<float> advantages) { for (float& a : advantages) a *= 2; }
///   double loss(const rlx::MinibatchView&, const rlx::LossGradient&) const { return 0.0; }
///   void record(rlx::Logger&) const {}
/// };
/// @endcode
template <class R>
concept RiskObjective = requires(R& objective, const R& constant, const RolloutView& rollout, std::span<float> advantages,
                                 const MinibatchView& minibatch, const LossGradient& gradient, Logger& logger) {
  objective.on_rollout(rollout, advantages);
  { constant.loss(minibatch, gradient) } -> std::same_as<double>;
  constant.record(logger);
};

/// The plain objective: E[sum of rewards]. Compiles to nothing.
struct ExpectedReturn {
  /// Leaves the advantages as they are.
  void on_rollout(const RolloutView&, std::span<float>) const noexcept {}
  /// 0: nothing is added.
  template <std::floating_point S>
  double loss(const BasicMinibatchView<S>&, const BasicLossGradient<S>&) const noexcept {
    return 0.0;
  }
  /// Nothing to write.
  void record(Logger&) const noexcept {}
};

static_assert(RiskObjective<ExpectedReturn>);

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_RISK_OBJECTIVE_HPP
