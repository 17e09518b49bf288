// SPDX-License-Identifier: MIT
/// @file
/// @brief PPO that stays near an offline policy: a penalty on its divergence, and the callback that evaluates the policy.
#ifndef RLX_RL_OFFLINE_KL_REFERENCE_HPP
#define RLX_RL_OFFLINE_KL_REFERENCE_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/rl/learner.hpp>
#include <rlx/rl/logger.hpp>
#include <rlx/rl/offline/dataset.hpp>
#include <rlx/rl/offline/masked_policy.hpp>
#include <rlx/rl/risk_objective.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1 {

namespace detail {
struct KlPenaltyState {
  std::vector<float> reference;  // log-probability of the action of each row of the rollout under the reference
  double coef = 0, kl = 0;
  bool ready = false;
};
}  // namespace detail

/**
 * @brief A risk objective that adds kl_coef KL(pi || pi_offline) to the loss of PPO, estimated on the actions of the rollout:
 *        mean of ratio (ln pi - ln pi_offline), whose gradient is that of the divergence where pi is still the rollout's
 * policy.
 *
 * Give one to the learner and the same one to a KlReference among the callbacks. Logs `offline/kl` and `offline/kl_coef`.
 * @code
 * rlx::KlPenalty penalty;
 * rlx::Ppo ppo(config, envs, graph, threads, rlx::ScalarCritic{}, penalty);
 * rlx::copy_parameters(cloning.network().store(), ppo.parameters());
 * rlx::KlReference reference(ppo, penalty, cloning.policy(), {.coef = 0.1, .anneal_timesteps = 100'000});
 * ppo.learn(200'000, {.callbacks = {&reference}});
 * @endcode
 * Called KlPenalty. @tparam State  a parameter so that a program compiles only what it uses
 */
template <class State>
class BasicKlPenalty {
 public:
  BasicKlPenalty() : state_(std::make_shared<State>()) {}

  /// Forgets the probabilities of the rollout before; KlReference gives the new ones.
  void on_rollout(const RolloutView&, std::span<float>) const { state_->ready = false; }
  /// @throws ConfigError if no KlReference has seen the rollout
  template <std::floating_point S>
  double loss(const BasicMinibatchView<S>& minibatch, const BasicLossGradient<S>& gradient) const {
    if (!state_->ready) {
      throw ConfigError("KlPenalty: no reference policy; put a KlReference with this penalty among the callbacks of learn");
    }
    if (state_->coef == 0) return 0;
    const double share = state_->coef / static_cast<double>(minibatch.batch_rows);
    double sum = 0;
    for (std::size_t i = 0; i < minibatch.rows.size(); ++i) {
      const auto now = static_cast<double>(minibatch.log_probs[i]);
      const double ratio = std::exp(now - static_cast<double>(minibatch.old_log_probs[i]));
      const double gap = now - static_cast<double>(state_->reference[minibatch.rows[i]]);
      sum += ratio * gap;
      gradient.d_log_prob[i] += static_cast<S>(share * ratio * (gap + 1));
    }
    return share * sum;
  }
  /// Writes `offline/kl`, nats, and `offline/kl_coef`.
  void record(Logger& logger) const {
    logger.record("offline/kl", state_->kl);
    logger.record("offline/kl_coef", state_->coef);
  }

 private:
  template <class L, MaskedPolicy P>
  friend class KlReference;
  std::shared_ptr<State> state_;  // shared with the copy that the learner holds
};

/// As the library uses it. @see BasicKlPenalty
using KlPenalty = BasicKlPenalty<detail::KlPenaltyState>;
static_assert(RiskObjective<KlPenalty>);

/// How strongly a learner is held near the offline policy, and for how long.
struct KlReferenceConfig {
  double coef = 0.1;                         ///< kl_coef at the start, >= 0
  std::uint64_t anneal_timesteps = 100'000;  ///< over which it falls linearly to 0, >= 1
};

/// Evaluates the offline policy on each rollout of a learner of Discrete actions. A probability below 1e-8 counts as 1e-8.
/// @tparam L  Ppo or A2c with a KlPenalty as risk objective. @tparam P  a policy without memory
template <class L, MaskedPolicy P>
class KlReference final : public Callback {
 public:
  /// @param learner  must outlive this object. @param penalty  the one that the learner was given, or a copy of it
  /// @param policy   kept. @param config  checked. @throws ConfigError
  KlReference(const L& learner, const KlPenalty& penalty, P policy, KlReferenceConfig config = {})
      : learner_(&learner), state_(penalty.state_), policy_(std::move(policy)), config_(config) {
    if (!is_finite(config.coef) || config.coef < 0 || config.anneal_timesteps == 0) {
      throw ConfigError("KlReferenceConfig: expected coef of at least 0 and anneal_timesteps of at least 1, found " +
                        detail::offline_number(config.coef) + " and " + std::to_string(config.anneal_timesteps));
    }
  }

  /// @throws ConfigError if another learner calls; NumericError if the policy's numbers are not finite
  bool on_rollout_end(Learner& learner) override {
    if (&learner != learner_) throw ConfigError("KlReference is a callback of another learner than the one it was made for");
    const auto& rollout = learner_->rollout();
    const double done = static_cast<double>(learner.num_timesteps()) / static_cast<double>(config_.anneal_timesteps);
    state_->coef = config_.coef * std::max(0.0, 1.0 - done);
    state_->reference.resize(rollout.rows());
    state_->kl = 0;
    const auto actions = static_cast<std::size_t>(learner_->environments().action_space().n);
    PolicyProbabilities<P> probabilities(policy_, actions);
    std::vector<double> p(actions);
    const std::vector<std::uint8_t> all(actions, 1);
    for (std::size_t row = 0; row < rollout.rows(); ++row) {
      const bool masked = rollout.shape.mask_width != 0;
      probabilities(rollout.observation(row), masked ? rollout.mask(row) : std::span<const std::uint8_t>(all), p);
      const double log_p = std::log(std::max(p[static_cast<std::size_t>(rollout.action(row)[0])], 1e-8));
      if (!is_finite(log_p)) throw NumericError("KlReference: the reference policy gives NaN", "probabilities", row);
      state_->reference[row] = static_cast<float>(log_p);
      state_->kl += (static_cast<double>(rollout.log_probs[row]) - log_p) / static_cast<double>(rollout.rows());
    }
    state_->ready = true;
    return true;
  }

 private:
  const L* learner_;
  std::shared_ptr<detail::KlPenaltyState> state_;
  P policy_;
  KlReferenceConfig config_;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_KL_REFERENCE_HPP
