// SPDX-License-Identifier: MIT
/// @file
/// @brief Behaviour cloning: the policy that decides as the log does, for comparison, as a start, and for unknown propensities.
#ifndef RLX_RL_OFFLINE_BEHAVIOUR_CLONING_HPP
#define RLX_RL_OFFLINE_BEHAVIOUR_CLONING_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/nn/categorical.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/offline/action_network.hpp>
#include <rlx/rl/offline/dataset.hpp>
#include <rlx/rl/offline/detail/batch_gradient.hpp>
#include <rlx/rl/offline/transitions.hpp>

namespace rlx::inline v0_1 {

/// What `BehaviourCloning` is told.
struct BehaviourCloningConfig {
  double label_smoothing = 0.0;  ///< in [0, 1): this share of the target is spread evenly over the valid actions
  std::map<std::string, double> tag_weights = {};  ///< weight of a strategy's rows, >= 0; 1 for tags that are not named
  double held_out = 0.1;        ///< share of the latest episodes kept out to decide when to stop, in [0, 1); 0: none
  std::int64_t embargo_ns = 0;  ///< earlier episodes that end so close to the held-out ones are not trained on
  std::size_t epochs = 100;     ///< at most, >= 1
  std::size_t patience = 5;     ///< epochs without a better held-out loss that end the training, >= 1
  OfflineTraining training = {.learning_rate = 1e-3};  ///< what all offline learners are told
};

/// How `BehaviourCloning::fit` went.
struct BehaviourCloningResult {
  std::size_t epochs = 0;                                           ///< made
  std::size_t best_epoch = 0;                                       ///< whose parameters were kept, from 1
  double train_loss = 0.0;                                          ///< mean over the last epoch's rows, weighted and smoothed
  double held_out_loss = std::numeric_limits<double>::quiet_NaN();  ///< mean of -ln pi(a|s), of the parameters kept
  double held_out_accuracy = std::numeric_limits<double>::quiet_NaN();  ///< share of rows whose action is the most probable
};

/// -sum over valid b of t_b ln p_b with t = (1 - smoothing) e_a + smoothing / |A| on the |A| valid actions, and its derivative.
/// @param logits  one per action. @param mask  empty: all valid. @param action  a. @param smoothing  in [0, 1)
/// @param d_logits  written: p - t, exactly 0 at invalid entries, which may hold anything.
/// @throws ShapeError for other sizes; NumericError if no action is valid
template <std::floating_point S>
S cloning_loss(std::span<const S> logits, nn::categorical::Mask mask, std::size_t action, std::type_identity_t<S> smoothing,
               std::type_identity_t<std::span<S>> d_logits) {
  const S log_prob = nn::categorical::log_prob(logits, mask, action);
  nn::categorical::backward(logits, mask, action, S{-1}, S{0}, d_logits);
  if (smoothing == S{0}) return -log_prob;
  const S log_sum = logits[action] - log_prob;
  S count = 0, sum = 0;
  for (std::size_t b = 0; b < logits.size(); ++b) {
    if (!mask.empty() && mask[b] == 0) continue;
    count += S{1};
    sum += logits[b] - log_sum;
  }
  for (std::size_t b = 0; b < logits.size(); ++b) {
    if (mask.empty() || mask[b] != 0) d_logits[b] -= smoothing / count;
  }
  d_logits[action] += smoothing;
  return -((S{1} - smoothing) * log_prob + smoothing * sum / count);
}

/// Fits the logits of a network to the logged actions. Its output "value" is not trained. Whole episodes are held out, the
/// latest ones; rows are shuffled by the stream (seed, permutation, 1, epoch). The same bytes for any number of threads.
/// @code
/// rlx::BehaviourCloning cloning({}, rlx::nn::mlp_actor_critic({.observation = 8, .action = 4}), log, threads);
/// const auto result = cloning.fit();
/// const rlx::InferencePolicy policy = cloning.policy();  // drawn from, it behaves as the log did
/// @endcode
/// Called BehaviourCloning. @tparam S  float, as policy files hold it; a parameter so that only what is used is compiled
template <std::floating_point S>
class BasicBehaviourCloning {
 public:
  /// @param config checked. @param network kept; its outputs "action" are the logits.
  /// @param data must outlive `fit`. @param threads likewise.
  /// @throws ConfigError for a setting out of its range or a tag that the dataset does not have; ShapeError if the network does
  ///         not fit the dataset
  BasicBehaviourCloning(BehaviourCloningConfig config, ActionNetwork<S> network, const OfflineDataset& data,
                        ThreadPool& threads)
      : config_(std::move(config)),
        network_(std::move(network)),
        data_(&data),
        threads_(&threads),
        scaling_(data, config_.training, detail::unscaled_columns_of(network_)),
        gradient_(network_.store(), config_.training),
        tag_weights_(data.info().tags.size(), 1.0) {
    detail::require_fit("BehaviourCloning", network_, data);
    detail::require("BehaviourCloningConfig.label_smoothing", config_.label_smoothing,
                    config_.label_smoothing >= 0 && config_.label_smoothing < 1, "a number in [0, 1)");
    detail::require("BehaviourCloningConfig.held_out", config_.held_out, config_.held_out >= 0 && config_.held_out < 1,
                    "a number in [0, 1)");
    if (config_.epochs == 0 || config_.patience == 0) {
      throw ConfigError("BehaviourCloningConfig: epochs = " + std::to_string(config_.epochs) +
                        ", patience = " + std::to_string(config_.patience) + "; both must be at least 1");
    }
    const auto& tags = data.info().tags;
    for (const auto& [tag, weight] : config_.tag_weights) {
      detail::require(("BehaviourCloningConfig.tag_weights['" + tag + "']").c_str(), weight, weight >= 0,
                      "a finite number of at least 0");
      const auto found = std::find(tags.begin(), tags.end(), tag);
      if (found == tags.end()) {
        throw ConfigError("BehaviourCloningConfig.tag_weights: the dataset has no tag '" + tag + "'; it has " + list_of(tags));
      }
      tag_weights_[static_cast<std::size_t>(found - tags.begin())] = weight;
    }
    if (config_.training.batch_size == 0) throw ConfigError("OfflineTraining.batch_size = 0, expected at least 1");
    for (std::size_t t = 0; t < threads.size(); ++t) scratch_.push_back(network_.make_workspace(detail::rows_per_shard));
  }

  /// @{ The network with the parameters kept.
  ActionNetwork<S>& network() noexcept { return network_; }
  const ActionNetwork<S>& network() const noexcept { return network_; }
  /// @}

  /// Trains until the held-out loss no longer falls, or for all epochs, and keeps the best parameters.
  /// @throws ConfigError if there are too few episodes to hold some out; NumericError if the loss is not finite
  BehaviourCloningResult fit() {
    if (config_.held_out == 0) return fit(*data_, nullptr);
    const auto [early, late] = data_->split_chronological(1 - config_.held_out, config_.embargo_ns);
    return fit(early, &late);
  }

  /// The policy as it is now, for evaluation and files.
  BasicInferencePolicy<S> policy() const { return detail::policy_of(network_, *data_, scaling_); }

 private:
  struct Sums {
    double loss = 0.0, weight = 0.0, hits = 0.0;
  };

  static std::string list_of(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
    return text;
  }

  BehaviourCloningResult fit(const OfflineDataset& train, const OfflineDataset* held_out) {
    TransitionRows<S> rows(train, scaling_, config_.training);
    std::optional<TransitionRows<S>> held_out_rows;
    if (held_out != nullptr) held_out_rows.emplace(*held_out, scaling_, config_.training);
    std::vector<std::uint32_t> order(train.size());
    std::vector<std::size_t> batch;
    std::vector<S> best(network_.store().parameters().begin(), network_.store().parameters().end());
    BehaviourCloningResult result;
    const std::size_t size = config_.training.batch_size;
    for (std::size_t epoch = 0; epoch < config_.epochs && epoch - result.best_epoch < config_.patience; ++epoch) {
      RandomStream random({config_.training.seed, Purpose::permutation, 1, epoch});
      permutation(random, std::span<std::uint32_t>(order));
      const double rate = detail::learning_rate_at(config_.training, epoch, config_.epochs);
      Sums sums;
      for (std::size_t first = 0; first < order.size(); first += size) {
        const std::size_t last = std::min(first + size, order.size());
        batch.assign(order.begin() + static_cast<std::ptrdiff_t>(first), order.begin() + static_cast<std::ptrdiff_t>(last));
        const Sums part = pass(train, rows, batch, true);
        const double norm = gradient_.reduce();
        if (!is_finite(part.loss) || !is_finite(norm)) detail::throw_not_finite("BehaviourCloning", updates_);
        gradient_.step(network_.store(), rate);
        ++updates_;
        sums.loss += part.loss, sums.weight += part.weight;
      }
      result.epochs = epoch + 1;
      result.train_loss = sums.weight > 0 ? sums.loss / sums.weight : 0.0;
      if (held_out == nullptr) {
        result.best_epoch = result.epochs;
        continue;
      }
      const auto [loss, accuracy] = judge(*held_out, *held_out_rows);
      if (result.best_epoch == 0 || loss < result.held_out_loss) {
        result.best_epoch = result.epochs;
        result.held_out_loss = loss;
        result.held_out_accuracy = accuracy;
        std::copy(network_.store().parameters().begin(), network_.store().parameters().end(), best.begin());
      }
    }
    if (held_out != nullptr) std::copy(best.begin(), best.end(), network_.store().parameters().begin());
    return result;
  }

  /// Mean of -ln pi(a|s) and share of hits.
  std::pair<double, double> judge(const OfflineDataset& data, TransitionRows<S>& rows) {
    Sums sums;
    std::vector<std::size_t> batch;
    constexpr std::size_t most = 1024;
    for (std::size_t first = 0; first < data.size(); first += most) {
      batch.resize(std::min(most, data.size() - first));
      std::iota(batch.begin(), batch.end(), first);
      const Sums part = pass(data, rows, batch, false);
      sums.loss += part.loss, sums.hits += part.hits;
    }
    const auto n = static_cast<double>(data.size());
    return {sums.loss / n, sums.hits / n};
  }

  /// Sums of loss and weight over the rows; for training weighted and smoothed, with the gradient of the mean.
  Sums pass(const OfflineDataset& data, TransitionRows<S>& buffers, std::span<const std::size_t> rows, bool train) {
    const TransitionBatch<S> batch = buffers.gather(rows);
    const std::size_t shards = detail::shards_of(rows.size());
    if (train) gradient_.begin(network_.store(), shards);
    sums_.assign(shards, {});
    threads_->run(shards, [&](std::size_t s) {
      const auto [first, count] = detail::shard_range(s, rows.size());
      nn::Workspace<S>& w = scratch_[ThreadPool::thread_index()];
      network_.forward(network_.store().parameters(), batch.observations.rows_range(first, count), w);
      for (std::size_t i = 0; i < count; ++i) {
        const std::span<const S> logits = network_.action(w).row(i);
        const auto action = static_cast<std::size_t>(batch.actions[first + i]);
        const auto mask = batch.mask(first + i);
        if (!train) {
          sums_[s].loss -= static_cast<double>(nn::categorical::log_prob(logits, mask, action));
          sums_[s].hits += nn::categorical::mode(logits, mask) == action ? 1.0 : 0.0;
          continue;
        }
        const auto tag = static_cast<std::size_t>(data.columns().tag[rows[first + i]]);
        const double weight = tag_weights_[tag];
        const std::span<S> d_logits = network_.d_action(w).row(i);
        const S loss = cloning_loss<S>(logits, mask, action, static_cast<S>(config_.label_smoothing), d_logits);
        const auto scale = static_cast<S>(weight / static_cast<double>(rows.size()));
        for (float& d : d_logits) d *= scale;
        sums_[s].loss += weight * static_cast<double>(loss);
        sums_[s].weight += weight;
      }
      if (train) network_.backward(network_.store().parameters(), gradient_.shard(s), w);
    });
    Sums sums;
    for (const Sums& part : sums_) sums.loss += part.loss, sums.weight += part.weight, sums.hits += part.hits;
    return sums;
  }

  BehaviourCloningConfig config_;
  ActionNetwork<S> network_;
  const OfflineDataset* data_;
  ThreadPool* threads_;
  TransitionScaling scaling_;
  detail::BatchGradient<S> gradient_;
  std::vector<double> tag_weights_;
  std::vector<nn::Workspace<S>> scratch_;
  std::vector<Sums> sums_;
  std::uint64_t updates_ = 0;
};

/// Of single precision, as policy files are. @see BasicBehaviourCloning
using BehaviourCloning = BasicBehaviourCloning<float>;

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_BEHAVIOUR_CLONING_HPP
