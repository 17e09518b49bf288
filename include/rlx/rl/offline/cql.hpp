// SPDX-License-Identifier: MIT
/// @file
/// @brief Conservative Q-learning over discrete, masked actions: a Q-function from a log that does not believe in what it never
/// saw.
///
/// Loss over a batch, A(s) the valid actions of s:
///   alpha * mean[ln sum_{b in A(s)} e^{Q(s,b)} - Q(s,a)] + 1/2 mean (Q(s,a) - y)^2,
///   y = r + gamma (1 - terminated) Qbar(s', argmax_{b in A(s')} Q(s',b)),
/// Qbar the slowly following copy of Q. Truncated rows bootstrap from their final observation, terminated ones do not.
/// With `quantiles` = K the square gives way to the quantile Huber loss of K atoms of (s, a), whose mean is Q(s, a), against
/// r + gamma (1 - terminated) thetabar_j(s', argmax); the gap stays.
/// @par Source  Kumar et al. 2020, arXiv:2006.04779, CQL(H); the target of van Hasselt et al. 2016
#ifndef RLX_RL_OFFLINE_CQL_HPP
#define RLX_RL_OFFLINE_CQL_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/nn/categorical.hpp>
#include <rlx/rl/detail/quantile_head.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/losses.hpp>
#include <rlx/rl/offline/action_network.hpp>
#include <rlx/rl/offline/dataset.hpp>
#include <rlx/rl/offline/detail/batch_gradient.hpp>
#include <rlx/rl/offline/transitions.hpp>

namespace rlx::inline v0_1 {

/// What `DiscreteCql` is told.
struct CqlConfig {
  double alpha = 1.0;                        ///< weight of the gap, >= 0, in the units of the (scaled) rewards
  std::optional<double> cql_threshold = {};  ///< set: alpha is driven so that the mean gap holds this number (nats)
  double alpha_learning_rate = 3e-3;         ///< step of ln alpha per update and unit of gap, > 0; read with cql_threshold
  double polyak = 0.005;                     ///< share of Q that Qbar takes over at each update, in (0, 1]
  /// K of a network made with `with_quantiles`; 0: the square.
  std::size_t quantiles = 0;
  double kappa_relative = 0.1;    ///< threshold of the Huber loss as a share of the sd of the minibatch's targets, >= 0
  OfflineTraining training = {};  ///< what all offline learners are told
};

/// Figures of one update, or their means over the updates of `learn`.
struct CqlMetrics {
  double loss = 0.0;       ///< the whole
  double td_loss = 0.0;    ///< 1/2 mean (Q(s,a) - y)^2, or the mean quantile Huber loss
  double gap = 0.0;        ///< mean of ln sum e^Q - Q(s,a) over the rows, >= 0, nats
  double alpha = 0.0;      ///< that the loss used
  double q = 0.0;          ///< mean of Q(s,a) over the rows
  double grad_norm = 0.0;  ///< before clipping
};

/// One row of the loss.
template <std::floating_point S>
struct CqlRow {
  S gap = 0;  ///< ln sum over valid b of e^{Q(s,b)}, less Q(s,a)
  S td = 0;   ///< Q(s,a) - y
};

/// The gap of one row, ln sum over valid b of e^{Q(s,b)} less Q(s,a), and its derivative with respect to Q(s, .).
/// @param q one number per action; invalid entries may be anything and change nothing. @param mask empty: all valid.
/// @param action a, a valid one. @param alpha weight of the gap in `d_q`; the value returned is without it.
/// @param d_q [actions], written: alpha (softmax_A - e_a), exactly 0 at invalid entries.
/// @throws ShapeError for other sizes; NumericError if no action is valid
template <std::floating_point S>
S cql_gap(std::span<const S> q, nn::categorical::Mask mask, std::size_t action, std::type_identity_t<S> alpha,
          std::type_identity_t<std::span<S>> d_q) {
  nn::categorical::backward(q, mask, action, -alpha, S{0}, d_q);
  return -nn::categorical::log_prob(q, mask, action);
}

/// Gap and error of one row and the derivative of alpha * gap + td^2 / 2: that of `cql_gap` plus (Q_a - y) e_a.
template <std::floating_point S>
CqlRow<S> cql_row(std::span<const S> q, nn::categorical::Mask mask, std::size_t action, std::type_identity_t<S> target,
                  std::type_identity_t<S> alpha, std::type_identity_t<std::span<S>> d_q) {
  const S gap = cql_gap<S>(q, mask, action, alpha, d_q);
  const S td = q[action] - target;
  d_q[action] += td;
  return {gap, td};
}

/// Valid action of the largest number, the lowest on ties. @throws NumericError if no action is valid, or on NaN
template <std::floating_point S>
std::size_t masked_argmax(std::span<const S> values, nn::categorical::Mask mask) {
  return nn::categorical::mode(values, mask);
}

/// Learns Q from an `OfflineDataset`. Minibatch i is drawn from the stream (seed, permutation, 0, i); the loss of a batch is
/// summed over parts of fixed size, so the parameters are the same bytes for any number of threads. `update` allocates nothing
/// once batches have had their largest size.
/// @code
/// rlx::DiscreteCql cql({.alpha = 0.1}, rlx::nn::mlp_actor_critic({.observation = 8, .action = 4}), log, threads);
/// cql.learn(20'000);
/// const rlx::InferencePolicy policy = cql.policy();  // deterministic: the greedy action
/// @endcode
template <QFunction Q = ActionNetwork<float>>
class DiscreteCql {
 public:
  /// Number type of parameters and minibatches.
  using Scalar = typename Q::Scalar;

  /// @param config checked. @param q kept, with its parameters.
  /// @param data must outlive the learner. @param threads likewise.
  /// @throws ConfigError for a setting out of its range, naming it; ShapeError if `q` does not fit the dataset
  DiscreteCql(CqlConfig config, Q q, const OfflineDataset& data, ThreadPool& threads)
      : config_(std::move(config)),
        q_(std::move(q)),
        data_(&data),
        threads_(&threads),
        scaling_(data, config_.training, detail::unscaled_columns_of(q_)),
        rows_(data, scaling_, config_.training),
        target_(q_.store().parameters().begin(), q_.store().parameters().end()),
        gradient_(q_.store(), config_.training),
        alpha_(config_.alpha) {
    for (std::size_t t = 0; t < threads.size(); ++t) scratch_.emplace_back(q_);
    detail::require_fit("DiscreteCql", q_, data);
    detail::require("CqlConfig.alpha", config_.alpha, config_.alpha >= 0, "a finite number of at least 0");
    detail::require("CqlConfig.polyak", config_.polyak, config_.polyak > 0 && config_.polyak <= 1, "a number in (0, 1]");
    detail::require("CqlConfig.alpha_learning_rate", config_.alpha_learning_rate, config_.alpha_learning_rate > 0,
                    "a number above 0");
    detail::require("CqlConfig.kappa_relative", config_.kappa_relative, config_.kappa_relative >= 0,
                    "a finite number of at least 0");
    if (quantiles_of(q_) != config_.quantiles) {
      throw ConfigError("CqlConfig.quantiles = " + std::to_string(config_.quantiles) + ", the network has " +
                        std::to_string(quantiles_of(q_)) + "; make it by with_quantiles(graph, quantiles)");
    }
    if (config_.quantiles != 0) detail::check_atoms("CqlConfig: network", config_.quantiles);
    if (config_.cql_threshold) {
      detail::require("CqlConfig.cql_threshold", *config_.cql_threshold, *config_.cql_threshold >= 0,
                      "a finite number of at least 0");
      detail::require("CqlConfig.alpha", config_.alpha, config_.alpha > 0, "a number above 0 to start from");
    }
  }

  /// As given.
  const CqlConfig& config() const noexcept { return config_; }
  /// @{ The function that is learned; its numbers are in the units of the scaled rewards.
  Q& q() noexcept { return q_; }
  const Q& q() const noexcept { return q_; }
  /// @}
  /// Parameters of Qbar, in the layout of `q().store()`.
  std::span<const Scalar> target_parameters() const noexcept { return target_; }
  /// How observations and rewards of the dataset become those of minibatches.
  const TransitionScaling& scaling() const noexcept { return scaling_; }
  /// Made so far.
  std::uint64_t updates() const noexcept { return updates_; }
  /// Weight of the gap in the next update.
  double alpha() const noexcept { return alpha_; }
  /// For fine-tuning, which lets go of the conservatism by and by. @throws ConfigError below 0 or not finite
  void set_alpha(double alpha) {
    detail::require("DiscreteCql::set_alpha: alpha", alpha, alpha >= 0, "a finite number of at least 0");
    alpha_ = alpha;
  }

  /// Minibatches of the dataset; the schedule of the step size runs from its beginning to its end over this call.
  /// @return means over its updates. @throws NumericError naming the update, as `update`
  CqlMetrics learn(std::size_t updates) {
    CqlMetrics sum;
    for (std::size_t i = 0; i < updates; ++i) {
      const CqlMetrics m = update(rows_.draw(updates_), detail::learning_rate_at(config_.training, i, updates));
      for (const auto field : {&CqlMetrics::loss, &CqlMetrics::td_loss, &CqlMetrics::gap, &CqlMetrics::alpha, &CqlMetrics::q,
                               &CqlMetrics::grad_norm}) {
        sum.*field += m.*field / static_cast<double>(updates);
      }
    }
    return sum;
  }

  /// One step on rows of the caller's, already scaled by `scaling()`.
  /// @throws NumericError if loss or gradient is not finite; the parameters are then those before
  CqlMetrics update(const TransitionBatch<Scalar>& batch, double learning_rate) {
    const CqlMetrics m = evaluate(batch);
    if (!is_finite(m.loss) || !is_finite(m.grad_norm)) detail::throw_not_finite("DiscreteCql", updates_);
    gradient_.step(q_.store(), learning_rate);
    detail::follow<Scalar>(target_, q_.store().parameters(), config_.polyak);
    if (config_.cql_threshold) {
      alpha_ = std::clamp(alpha_ * std::exp(config_.alpha_learning_rate * (m.gap - *config_.cql_threshold)), 1e-6, 1e6);
    }
    ++updates_;
    return m;
  }

  /// Loss of a batch at the parameters as they are; its gradient is left in `q().store().gradients()`.
  CqlMetrics evaluate(const TransitionBatch<Scalar>& batch) {
    const std::size_t n = batch.size();
    const std::size_t shards = detail::shards_of(n);
    gradient_.begin(q_.store(), shards);
    sums_.resize(shards);
    targets_.resize(n * std::max<std::size_t>(config_.quantiles, 1));
    threads_->run(
        shards, [&](std::size_t s) { write_targets(batch, detail::shard_range(s, n), scratch_[ThreadPool::thread_index()]); });
    const double kappa = config_.quantiles == 0 ? 0.0 : config_.kappa_relative * deviation(targets_);
    threads_->run(shards, [&](std::size_t s) {
      sums_[s] = shard(batch, detail::shard_range(s, n), static_cast<Scalar>(kappa), gradient_.shard(s),
                       scratch_[ThreadPool::thread_index()]);
    });
    CqlMetrics m;
    m.alpha = alpha_;
    m.grad_norm = gradient_.reduce();
    const auto rows = static_cast<double>(n);
    for (const Sums& part : sums_) {
      m.td_loss += part.td_loss / rows;
      m.gap += part.gap / rows;
      m.q += part.q / rows;
    }
    m.loss = alpha_ * m.gap + m.td_loss;
    return m;
  }

  /// The policy as it is now, for evaluation and files: `deterministic` acts greedily, else it draws from the softmax of Q.
  /// Decision.value is value(s), the level of the state; Q(s,a) adds the action's number.
  InferencePolicy policy() const requires std::same_as<Q, ActionNetwork<float>> {
    return detail::policy_of(q_, *data_, scaling_);
  }

 private:
  struct Scratch {
    explicit Scratch(const Q& function)
        : online(function.make_workspace(detail::rows_per_shard)),
          frozen(function.make_workspace(detail::rows_per_shard)),
          q(function.num_actions()),
          raw(quantiles_of(function)),
          atoms(raw.size()),
          slopes(raw.size()),
          d_atoms(raw.size()) {}
    typename Q::Workspace online, frozen;
    std::vector<Scalar> q, raw, atoms, slopes, d_atoms;
  };
  struct Sums {
    double td_loss = 0.0, gap = 0.0, q = 0.0;
  };

  static std::size_t quantiles_of(const Q& function) {
    if constexpr (requires { function.num_quantiles(); }) return function.num_quantiles();
    return 0;
  }
  static double deviation(std::span<const Scalar> x) {
    double mean = 0.0, squares = 0.0;
    for (const Scalar value : x) mean += static_cast<double>(value);
    mean /= static_cast<double>(x.size());
    for (const Scalar value : x) squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
    return std::sqrt(squares / static_cast<double>(x.size()));
  }

  /// Raw outputs of the quantile head of one action: Q(s, b), then its increments.
  void raw_of(typename Q::Workspace& w, std::size_t row, std::size_t action, std::span<Scalar> raw) const {
    raw[0] = q_.value(w)(row, 0) + q_.action(w)(row, action);
    const std::size_t width = raw.size() - 1;
    const std::span<const Scalar> increments = q_.increments(w).row(row).subspan(action * width, width);
    std::copy(increments.begin(), increments.end(), raw.begin() + 1);
  }

  void write_targets(const TransitionBatch<Scalar>& batch, detail::ShardRange range, Scratch& w) {
    const auto [first, count] = range;
    const MatrixView<const Scalar> next = batch.next_observations.rows_range(first, count);
    q_.forward(std::as_const(q_).store().parameters(), next, w.online);
    q_.forward(target_, next, w.frozen);
    for (std::size_t i = 0; i < count; ++i) {
      const Scalar reward = batch.rewards[first + i];
      const Scalar discount = batch.discounts[first + i];
      const std::size_t width = targets_.size() / batch.size();
      const std::span<Scalar> y = std::span(targets_).subspan((first + i) * width, width);
      if (discount == Scalar{0}) {
        std::fill(y.begin(), y.end(), reward);
        continue;
      }
      const std::size_t best = masked_argmax<Scalar>(q_.action(w.online).row(i), batch.next_mask(first + i));
      if (config_.quantiles == 0) {
        y[0] = reward + discount * (q_.action(w.frozen)(i, best) + q_.value(w.frozen)(i, 0));
      } else if constexpr (has_increments) {
        raw_of(w.frozen, i, best, w.raw);
        detail::quantile_head<Scalar>(w.raw, y, {});
        for (Scalar& atom : y) atom = reward + discount * atom;
      }
    }
  }

  Sums shard(const TransitionBatch<Scalar>& batch, detail::ShardRange range, Scalar kappa, std::span<Scalar> gradient,
             Scratch& w) const {
    const auto [first, count] = range;
    const std::span<const Scalar> parameters = q_.store().parameters();
    q_.forward(parameters, batch.observations.rows_range(first, count), w.online);
    const Scalar share = Scalar{1} / static_cast<Scalar>(batch.size());
    const Scalar alpha = static_cast<Scalar>(alpha_);
    Sums sums;
    for (std::size_t i = 0; i < count; ++i) {
      const Scalar value = q_.value(w.online)(i, 0);
      const std::span<const Scalar> advantages = q_.action(w.online).row(i);
      for (std::size_t b = 0; b < w.q.size(); ++b) w.q[b] = value + advantages[b];
      const std::size_t action = static_cast<std::size_t>(batch.actions[first + i]);
      const auto mask = batch.mask(first + i);
      const std::span<Scalar> d_q = q_.d_action(w.online).row(i);
      Scalar level = 0;  // derivative with respect to value(s), which the gap does not see
      if (config_.quantiles == 0) {
        const CqlRow<Scalar> row = cql_row<Scalar>(w.q, mask, action, targets_[first + i], alpha, d_q);
        sums.gap += static_cast<double>(row.gap);
        sums.td_loss += 0.5 * static_cast<double>(row.td) * static_cast<double>(row.td);
        level = row.td;
      } else if constexpr (has_increments) {
        const std::size_t k = config_.quantiles;
        sums.gap += static_cast<double>(cql_gap<Scalar>(w.q, mask, action, alpha, d_q));
        raw_of(w.online, i, action, w.raw);
        detail::quantile_head<Scalar>(w.raw, w.atoms, w.slopes);
        sums.td_loss += quantile_huber<Scalar>(w.atoms, std::span<const Scalar>(targets_).subspan((first + i) * k, k), kappa,
                                               Reduction::mean, w.d_atoms);
        std::fill(w.raw.begin(), w.raw.end(), Scalar{0});
        detail::quantile_head_backward<Scalar>(w.slopes, w.d_atoms, Scalar{1}, w.raw);
        level = w.raw[0];
        d_q[action] += level;
        const std::span<Scalar> d_increments = q_.d_increments(w.online).row(i).subspan(action * (k - 1), k - 1);
        for (std::size_t j = 0; j + 1 < k; ++j) d_increments[j] = w.raw[j + 1] * share;
      }
      for (Scalar& d : d_q) d *= share;
      q_.d_value(w.online)(i, 0) = level * share;
      sums.q += static_cast<double>(w.q[action]);
    }
    q_.backward(parameters, gradient, w.online);
    return sums;
  }

  static constexpr bool has_increments = requires(const Q& f, typename Q::Workspace& w) { f.increments(w); };

  CqlConfig config_;
  Q q_;
  const OfflineDataset* data_;
  ThreadPool* threads_;
  TransitionScaling scaling_;
  TransitionRows<Scalar> rows_;
  nn::AlignedVector<Scalar> target_;
  detail::BatchGradient<Scalar> gradient_;
  std::vector<Scratch> scratch_;
  std::vector<Sums> sums_;
  std::vector<Scalar> targets_;
  double alpha_;
  std::uint64_t updates_ = 0;
};

/// From a graph, whose parameters are drawn with seed 0.
DiscreteCql(CqlConfig, nn::GraphSpec, const OfflineDataset&, ThreadPool&)->DiscreteCql<ActionNetwork<float>>;

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_CQL_HPP
