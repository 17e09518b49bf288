// SPDX-License-Identifier: MIT
/// @file
/// @brief Implicit Q-learning over discrete, masked actions: a policy from a log that never asks Q about an action not in it.
///
/// With u = min(Qbar_1, Qbar_2)(s,a) - V(s) of the logged action:
///   V       mean |tau - 1[u < 0]| u^2, an expectile of what the logged actions of a state are worth;
///   Q_i     mean (r + gamma (1 - terminated) V(s') - Q_i(s,a))^2;
///   policy  -mean min(e^{beta u}, 100) ln pi(a|s), ln pi masked.
/// Qbar_i follow Q_i slowly. Truncated rows bootstrap from their final observation, terminated ones do not.
/// @par Source  Kostrikov et al. 2021, arXiv:2110.06169
#ifndef RLX_RL_OFFLINE_IQL_HPP
#define RLX_RL_OFFLINE_IQL_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/nn/categorical.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/offline/action_network.hpp>
#include <rlx/rl/offline/dataset.hpp>
#include <rlx/rl/offline/detail/batch_gradient.hpp>
#include <rlx/rl/offline/transitions.hpp>

namespace rlx::inline v0_1 {

/// What `DiscreteIql` is told.
struct IqlConfig {
  double expectile = 0.7;         ///< tau in (0, 1); above 1/2 V leans towards the better logged actions
  double beta = 3.0;              ///< sharpness of the policy, >= 0, per unit of the (scaled) rewards; 0: behaviour cloning
  double max_weight = 100.0;      ///< limit of e^{beta u}, > 0
  double polyak = 0.005;          ///< share of Q that Qbar takes over at each update, in (0, 1]
  OfflineTraining training = {};  ///< what all offline learners are told
};

/// Figures of one update, or their means over the updates of `learn`.
struct IqlMetrics {
  /// @{ Parts of the loss; q_loss is that of both twins.
  double value_loss = 0.0, q_loss = 0.0 /* of both */, policy_loss = 0.0;
  /// @}
  double advantage = 0.0;  ///< mean of u
  double weight = 0.0;     ///< mean of min(e^{beta u}, max_weight)
  double clipped = 0.0;    ///< share of rows whose weight is the limit
  double q = 0.0;          ///< mean of min(Qbar_1, Qbar_2)(s,a)
};

/// One row of the asymmetric square |tau - 1[u < 0]| u^2 and its derivative with respect to u.
template <std::floating_point S>
struct ExpectileLoss {
  /// @{ The value, and its derivative.
  S loss = 0, d_u = 0;
  /// @}
};
/// |tau - 1[u < 0]| u^2, tau in (0, 1).
template <std::floating_point S>
ExpectileLoss<S> expectile_loss(S u, std::type_identity_t<S> tau) {
  const S weight = u < S{0} ? S{1} - tau : tau;
  return {weight * u * u, S{2} * weight * u};
}

/// Learns Q, V and a policy from an `OfflineDataset`. Minibatch i is drawn from the stream (seed, permutation, 0, i); the loss
/// of a batch is summed over parts of fixed size, so the parameters are the same bytes for any number of threads. `update`
/// allocates nothing once batches have had their largest size. V is the output "value" of the policy network.
/// @code
/// const auto network = rlx::nn::mlp_actor_critic({.observation = 8, .action = 4});
/// rlx::DiscreteIql iql({.beta = 3}, network, network, log, threads);
/// iql.learn(20'000);
/// const rlx::InferencePolicy policy = iql.policy();
/// @endcode
template <QFunction Q = ActionNetwork<float>, PolicyNet P = Q>
class DiscreteIql {
  static_assert(std::same_as<typename Q::Scalar, typename P::Scalar>, "rlx: Q and policy must compute in the same type");

 public:
  /// Number type of parameters and minibatches.
  using Scalar = typename Q::Scalar;

  /// @param config checked. @param policy kept; gives logits and V.
  /// @param q  the first of the twins; the second is a copy of it with parameters of its own.
  /// @param data must outlive the learner. @param threads likewise.
  /// @throws ConfigError for a setting out of its range, naming it; ShapeError if a network does not fit the dataset
  DiscreteIql(IqlConfig config, Q q, P policy, const OfflineDataset& data, ThreadPool& threads)
      : config_(std::move(config)),
        q_{q, std::move(q)},
        policy_(std::move(policy)),
        data_(&data),
        threads_(&threads),
        scaling_(data, config_.training, detail::unscaled_columns_of(policy_)),
        rows_(data, scaling_, config_.training),
        gradient_{detail::BatchGradient<Scalar>(q_[0].store(), config_.training),
                  detail::BatchGradient<Scalar>(q_[1].store(), config_.training),
                  detail::BatchGradient<Scalar>(policy_.store(), config_.training)} {
    detail::require_fit("DiscreteIql", q_[0], data);
    detail::require_fit("DiscreteIql", policy_, data);
    detail::require("IqlConfig.expectile", config_.expectile, config_.expectile > 0 && config_.expectile < 1,
                    "a number in (0, 1)");
    detail::require("IqlConfig.beta", config_.beta, config_.beta >= 0, "a finite number of at least 0");
    detail::require("IqlConfig.max_weight", config_.max_weight, config_.max_weight > 0, "a number above 0");
    detail::require("IqlConfig.polyak", config_.polyak, config_.polyak > 0 && config_.polyak <= 1, "a number in (0, 1]");
    if constexpr (requires(Q & f) { f.initialize(std::uint64_t{0}); }) q_[1].initialize(config_.training.seed + 1);
    for (std::size_t k = 0; k < 2; ++k) {
      target_[k].assign(q_[k].store().parameters().begin(), q_[k].store().parameters().end());
    }
    for (std::size_t t = 0; t < threads.size(); ++t) scratch_.emplace_back(q_[0], policy_);
  }

  /// As given.
  const IqlConfig& config() const noexcept { return config_; }
  /// The twins. @param k  0 or 1
  Q& q(std::size_t k) { return q_.at(k); }
  /// The twins, to read.
  const Q& q(std::size_t k) const { return q_.at(k); }
  /// Logits and V.
  P& policy_network() noexcept { return policy_; }
  /// Logits and V, to read.
  const P& policy_network() const noexcept { return policy_; }
  /// Parameters of Qbar_k.
  std::span<const Scalar> target_parameters(std::size_t k) const { return target_.at(k); }
  /// How observations and rewards of the dataset become those of minibatches.
  const TransitionScaling& scaling() const noexcept { return scaling_; }
  /// Made so far.
  std::uint64_t updates() const noexcept { return updates_; }

  /// Minibatches of the dataset; the schedule of the step size runs from its beginning to its end over this call.
  /// @return means over its updates. @throws NumericError naming the update, as `update`
  IqlMetrics learn(std::size_t updates) {
    IqlMetrics sum;
    for (std::size_t i = 0; i < updates; ++i) {
      const IqlMetrics m = update(rows_.draw(updates_), detail::learning_rate_at(config_.training, i, updates));
      for (const auto field : {&IqlMetrics::value_loss, &IqlMetrics::q_loss, &IqlMetrics::policy_loss, &IqlMetrics::advantage,
                               &IqlMetrics::weight, &IqlMetrics::clipped, &IqlMetrics::q}) {
        sum.*field += m.*field / static_cast<double>(updates);
      }
    }
    return sum;
  }

  /// One step on rows of the caller's, already scaled by `scaling()`. With `train_policy` false the logits' loss is 0, so that
  /// a critic can warm up.
  /// @throws NumericError if a loss or gradient is not finite; the parameters are then those before
  IqlMetrics update(const TransitionBatch<Scalar>& batch, double learning_rate, bool train_policy = true) {
    const IqlMetrics m = evaluate(batch, train_policy);
    if (!is_finite(m.value_loss + m.q_loss + m.policy_loss + gradient_[0].norm() + gradient_[1].norm() + gradient_[2].norm())) {
      detail::throw_not_finite("DiscreteIql", updates_);
    }
    for (std::size_t k = 0; k < 2; ++k) {
      gradient_[k].step(q_[k].store(), learning_rate);
      detail::follow<Scalar>(target_[k], q_[k].store().parameters(), config_.polyak);
    }
    gradient_[2].step(policy_.store(), learning_rate);
    ++updates_;
    return m;
  }

  /// Losses of a batch at the parameters as they are; the gradients are left in the stores of the three networks.
  IqlMetrics evaluate(const TransitionBatch<Scalar>& batch, bool train_policy = true) {
    const std::size_t n = batch.size();
    const std::size_t shards = detail::shards_of(n);
    gradient_[0].begin(q_[0].store(), shards);
    gradient_[1].begin(q_[1].store(), shards);
    gradient_[2].begin(policy_.store(), shards);
    sums_.resize(shards);
    threads_->run(shards, [&](std::size_t s) {
      sums_[s] = shard(batch, detail::shard_range(s, n), s, train_policy, scratch_[ThreadPool::thread_index()]);
    });
    IqlMetrics m;
    for (const IqlMetrics& part : sums_) {
      for (const auto field : {&IqlMetrics::value_loss, &IqlMetrics::q_loss, &IqlMetrics::policy_loss, &IqlMetrics::advantage,
                               &IqlMetrics::weight, &IqlMetrics::clipped, &IqlMetrics::q}) {
        m.*field += part.*field / static_cast<double>(n);
      }
    }
    for (auto& gradient : gradient_) gradient.reduce();
    return m;
  }

  /// The policy as it is now, for evaluation and files; Decision.value is V(s) in the units of the scaled rewards.
  InferencePolicy policy() const requires std::same_as<P, ActionNetwork<float>> {
    return detail::policy_of(policy_, *data_, scaling_);
  }

 private:
  struct Scratch {
    Scratch(const Q& function, const P& actor)
        : q(function.make_workspace(detail::rows_per_shard)),
          policy(actor.make_workspace(detail::rows_per_shard)),
          lowest(detail::rows_per_shard),
          targets(detail::rows_per_shard) {}
    typename Q::Workspace q;
    typename P::Workspace policy;
    std::vector<Scalar> lowest, targets;
  };

  static Scalar logged(const Q& q, typename Q::Workspace& w, std::size_t row, std::int32_t action) {
    return q.value(w)(row, 0) + q.action(w)(row, static_cast<std::size_t>(action));
  }

  /// Sums over the rows of one part, not yet divided by n.
  IqlMetrics shard(const TransitionBatch<Scalar>& batch, detail::ShardRange range, std::size_t part, bool train_policy,
                   Scratch& w) {
    const auto [first, count] = range;
    const Scalar share = Scalar{1} / static_cast<Scalar>(batch.size());
    const MatrixView<const Scalar> rows = batch.observations.rows_range(first, count);
    IqlMetrics sums;
    for (std::size_t k = 0; k < 2; ++k) {
      q_[k].forward(target_[k], rows, w.q);
      for (std::size_t i = 0; i < count; ++i) {
        const Scalar value = logged(q_[k], w.q, i, batch.actions[first + i]);
        w.lowest[i] = k == 0 ? value : std::min(w.lowest[i], value);
      }
    }
    const std::span<const Scalar> parameters = policy_.store().parameters();
    policy_.forward(parameters, batch.next_observations.rows_range(first, count), w.policy);
    for (std::size_t i = 0; i < count; ++i) {
      const Scalar discount = batch.discounts[first + i];
      w.targets[i] = batch.rewards[first + i];
      if (discount != Scalar{0}) w.targets[i] += discount * policy_.value(w.policy)(i, 0);
    }
    policy_.forward(parameters, rows, w.policy);
    for (std::size_t i = 0; i < count; ++i) {
      const Scalar u = w.lowest[i] - policy_.value(w.policy)(i, 0);
      const auto value = expectile_loss<Scalar>(u, static_cast<Scalar>(config_.expectile));
      policy_.d_value(w.policy)(i, 0) = -value.d_u * share;
      const double weight = std::min(std::exp(config_.beta * static_cast<double>(u)), config_.max_weight);
      const std::size_t action = static_cast<std::size_t>(batch.actions[first + i]);
      sums.value_loss += static_cast<double>(value.loss);
      sums.advantage += static_cast<double>(u);
      sums.weight += weight;
      sums.clipped += weight == config_.max_weight ? 1.0 : 0.0;
      sums.q += static_cast<double>(w.lowest[i]);
      if (!train_policy) continue;
      const auto logits = policy_.action(w.policy).row(i);
      const double log_prob = static_cast<double>(nn::categorical::log_prob(logits, batch.mask(first + i), action));
      sums.policy_loss -= weight * log_prob;
      nn::categorical::backward(logits, batch.mask(first + i), action, static_cast<Scalar>(-weight) * share, Scalar{0},
                                policy_.d_action(w.policy).row(i));
    }
    policy_.backward(parameters, gradient_[2].shard(part), w.policy);
    for (std::size_t k = 0; k < 2; ++k) {
      q_[k].forward(q_[k].store().parameters(), rows, w.q);
      for (std::size_t i = 0; i < count; ++i) {
        const Scalar error = logged(q_[k], w.q, i, batch.actions[first + i]) - w.targets[i];
        sums.q_loss += static_cast<double>(error) * static_cast<double>(error);
        const Scalar slope = Scalar{2} * error * share;
        q_[k].d_value(w.q)(i, 0) = slope;
        q_[k].d_action(w.q)(i, static_cast<std::size_t>(batch.actions[first + i])) = slope;
      }
      q_[k].backward(q_[k].store().parameters(), gradient_[k].shard(part), w.q);
    }
    return sums;
  }

  IqlConfig config_;
  std::array<Q, 2> q_;
  P policy_;
  const OfflineDataset* data_;
  ThreadPool* threads_;
  TransitionScaling scaling_;
  TransitionRows<Scalar> rows_;
  std::array<nn::AlignedVector<Scalar>, 2> target_;
  std::array<detail::BatchGradient<Scalar>, 3> gradient_;
  std::vector<Scratch> scratch_;
  std::vector<IqlMetrics> sums_;
  std::uint64_t updates_ = 0;
};

/// From the graphs of Q and of the policy.
DiscreteIql(IqlConfig, nn::GraphSpec, nn::GraphSpec, const OfflineDataset&, ThreadPool&)->DiscreteIql<ActionNetwork<float>>;

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_IQL_HPP
