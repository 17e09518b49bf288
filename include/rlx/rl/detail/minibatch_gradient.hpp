// SPDX-License-Identifier: MIT
/// @file
/// @brief Loss and gradient of a minibatch, in shards whose sum no thread can change, and the step that follows.
#ifndef RLX_RL_DETAIL_MINIBATCH_GRADIENT_HPP
#define RLX_RL_DETAIL_MINIBATCH_GRADIENT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/rl/detail/actor_critic.hpp>
#include <rlx/rl/detail/gradient_shards.hpp>
#include <rlx/rl/detail/on_policy_loss.hpp>
#include <rlx/rl/detail/optimizer.hpp>
#include <rlx/rl/losses.hpp>
#include <rlx/rl/risk_objective.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1::detail {

/// A minibatch whose forward pass takes fewer operations in matrix products stays on the calling thread. Its gradient takes 15
/// us (two 64-64 networks, 8 rows) to 50 us (two 16-16 networks, 110 rows) in all; waking others for each minibatch would cost
/// a large part of that.
inline constexpr std::size_t little_work = 150'000;

/// Rows of a minibatch lie anywhere in the rollout; they are asked for this many rows before they are read.
inline constexpr std::size_t rows_ahead = 8;

/// How minibatches are cut and checked.
struct MinibatchSettings {
  std::size_t sequence = 1;  ///< rows of a unit that minibatches are drawn from: 1, or n_steps with an lstm
  std::size_t units = 0;     ///< of a minibatch; an epoch's last one may have fewer
  std::size_t shards = 1;
  bool normalize_advantage = true, check_finite = true;
};

/// Refers to what it is given; allocates in the constructor only.
template <class ActionScalar, class Head, Critic C, RiskObjective R>
class MinibatchGradient {
 public:
  using Scratch = LearnerScratch<ActionScalar>;

  /// @param scratch  one for each thread of the pool, for as many rows as a shard has.
  MinibatchGradient(const MinibatchSettings& settings, ActorCritic<Head, C>& net, Rollout<ActionScalar>& rollout,
                    const R& objective, ThreadPool& threads, std::vector<Scratch>& scratch)
      : settings_(settings),
        net_(&net),
        rollout_(&rollout),
        objective_(&objective),
        threads_(&threads),
        scratch_(&scratch),
        shards_(net.store.gradients(), settings.shards),
        sums_(settings.shards),
        rows_(net.is_recurrent() ? settings.units * settings.sequence : 0) {}

  std::size_t shards() const noexcept { return shards_.count(); }

  /// Loss and gradient of one minibatch, left in the shards.
  LossSums compute(std::span<const std::uint32_t> units, const LossSettings<float>& settings, const UpdatePlace& place) {
    const std::span<const std::uint32_t> rows = rows_of(units);
    const AdvantageMoments moments =
        settings_.normalize_advantage
            ? advantage_moments(rows.size(), [&](std::size_t i) { return rollout_->advantages[rows[i]]; })
            : AdvantageMoments{};
    const auto shard = [&](std::size_t s) {
      const std::size_t first = first_unit(s, units.size()) * settings_.sequence;
      const std::size_t last = first_unit(s + 1, units.size()) * settings_.sequence;
      const std::span<float> gradient = shards_.shard(s);
      std::fill(gradient.begin(), gradient.end(), 0.0F);
      sums_[s] = {};
      if (first != last) {
        sums_[s] = compute_shard(rows.subspan(first, last - first), moments, settings, gradient,
                                 (*scratch_)[ThreadPool::thread_index()], place);
      }
    };
    if (net_->graph.flops_per_row() * rows.size() < little_work) {
      for (std::size_t s = 0; s < shards(); ++s) shard(s);
    } else {
      threads_->run(shards(), shard);
    }
    LossSums sums;
    for (const LossSums& part : sums_) sums.add(part);
    if (settings_.check_finite && (!is_finite(sums.policy) || !is_finite(sums.value) || !is_finite(sums.extra))) {
      throw NumericError("the loss is not finite at " + place.text() + "; the parameters are those before this step", "loss",
                         place.update);
    }
    return sums;
  }

  /// Sums the shards, looks at the norm, clips and steps. @return the norm before clipping
  double step(Optimizer& optimizer, double learning_rate, double max_grad_norm, const UpdatePlace& place) {
    const double norm = shards_.reduce(*threads_);
    if (settings_.check_finite && !is_finite(norm)) [[unlikely]]
      throw_gradient(place);
    optimizer.begin_step(learning_rate, std::min(1.0, max_grad_norm / (norm + 1e-6)));
    shards_.for_each_block(*threads_, [&](std::size_t b) {
      const std::size_t first = b * GradientShards::block;
      const std::size_t count = std::min(GradientShards::block, net_->store.parameters().size() - first);
      optimizer.apply(net_->store.parameters(), shards_.shard(0), first, count);
    });
    return norm;
  }

 private:
  /// First unit (a row, or a whole sequence) of a gradient shard.
  std::size_t first_unit(std::size_t shard, std::size_t units) const { return shard * units / shards(); }

  /// Rows of the rollout that the units stand for: of every shard the rows of its sequences, one time after another.
  std::span<const std::uint32_t> rows_of(std::span<const std::uint32_t> units) {
    if (!net_->is_recurrent()) return units;
    std::size_t next = 0;
    for (std::size_t s = 0; s < shards(); ++s) {
      for (std::size_t t = 0; t < settings_.sequence; ++t) {
        for (std::size_t u = first_unit(s, units.size()); u < first_unit(s + 1, units.size()); ++u)
          rows_[next++] = static_cast<std::uint32_t>(t * rollout_->shape.num_envs) + units[u];
      }
    }
    return std::span<const std::uint32_t>(rows_).first(next);
  }

  LossSums compute_shard(std::span<const std::uint32_t> rows, const AdvantageMoments& moments,
                         const LossSettings<float>& settings, std::span<float> gradient, Scratch& scratch,
                         const UpdatePlace& place) {
    const std::size_t n = rows.size();
    const RolloutShape& shape = rollout_->shape;
    const MatrixView<const float> old_outputs = rollout_->all_critic_outputs();
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t row = rows[i];
      if (i + rows_ahead < n) {
        const std::span<const float> ahead = rollout_->observation(rows[i + rows_ahead]);
        for (std::size_t k = 0; k < ahead.size(); k += 16) __builtin_prefetch(ahead.data() + k);
      }
      const std::span<float> input(scratch.input.data() + i * shape.observation_size, shape.observation_size);
      const std::span<const float> observation = rollout_->observation(row);
      if (net_->normalizes_observation) {
        net_->scaling.apply(net_->observation_statistics, observation, input);
      } else {
        std::copy(observation.begin(), observation.end(), input.begin());
      }
      std::copy_n(rollout_->masks.data() + row * shape.mask_width, shape.mask_width,
                  scratch.masks.data() + i * shape.mask_width);
      std::copy_n(rollout_->action(row).data(), shape.action_width, scratch.actions.data() + i * shape.action_width);
      scratch.old_log_probs[i] = rollout_->log_probs[row];
      scratch.advantages[i] =
          static_cast<float>((static_cast<double>(rollout_->advantages[row]) - moments.mean) * moments.scale);
      std::copy_n(old_outputs.row(row).data(), shape.critic_outputs, scratch.old_outputs.data() + i * shape.critic_outputs);
      std::copy_n(rollout_->targets.data() + row * shape.target_width, shape.target_width,
                  scratch.targets.data() + i * shape.target_width);
      if (net_->normalizes_value) {  // one output and one target
        scratch.old_outputs[i] = net_->value_scale.to_normalised(scratch.old_outputs[i]);
        scratch.targets[i] = net_->value_scale.to_normalised(scratch.targets[i]);
      }
    }
    const ActorCritic<Head, C>& net = *net_;
    net.graph.forward(net.store.parameters(), MatrixView<const float>(scratch.input.data(), n, shape.observation_size),
                      scratch.workspace, whole_sequences(rows, scratch));
    const MatrixView<const float> action_rows = net.action_rows(scratch);
    const MatrixView<const float> critic_rows = net.critic_rows(scratch);
    const LossRows<float, ActionScalar> in{rows,
                                           {scratch.masks.data(), n, shape.mask_width},
                                           {scratch.actions.data(), n, shape.action_width},
                                           std::span<const float>(scratch.old_log_probs).first(n),
                                           std::span<const float>(scratch.advantages).first(n),
                                           {scratch.old_outputs.data(), n, shape.critic_outputs},
                                           {scratch.targets.data(), n, shape.target_width}};
    const LossSums sums = on_policy_loss<float>(net.head, in, settings, action_rows, critic_rows, net.log_std(),
                                                scratch.workspace.output_gradient(net.action_output),
                                                scratch.workspace.output_gradient(net.value_output),
                                                gradient.first(net.head.log_std_size()), scratch.loss, net.critic, *objective_);
    if (sums.first_bad < n && settings_.check_finite) [[unlikely]] {
      const std::size_t i = sums.first_bad;
      net.throw_outputs({action_rows.row(i), std::as_const(*rollout_).mask(rows[i]), net.log_std()}, critic_rows.row(i),
                        place.text(), place.update, {});
    }
    net.graph.backward(net.store.parameters(), gradient, scratch.workspace);
    return sums;
  }

  /// The sequences of a gradient shard with the state that each began the rollout with.
  LearnerRecurrence whole_sequences(std::span<const std::uint32_t> rows, Scratch& scratch) const {
    LearnerRecurrence recurrence;
    if (!net_->is_recurrent()) return recurrence;
    const std::size_t size = rollout_->shape.state_size;
    recurrence.sequences = rows.size() / settings_.sequence;
    for (std::size_t i = 0; i < recurrence.sequences; ++i)
      std::copy_n(rollout_->initial_state.data() + rows[i] * size, size, scratch.state.data() + i * size);
    for (std::size_t i = 0; i < rows.size(); ++i) scratch.starts[i] = rollout_->episode_starts[rows[i]];
    recurrence.state = {scratch.state.data(), recurrence.sequences, size};
    recurrence.starts = std::span<const std::uint8_t>(scratch.starts).first(rows.size());
    return recurrence;
  }

  [[noreturn]] void throw_gradient(const UpdatePlace& place) const {
    for (const nn::TensorInfo& tensor : net_->store.layout()) {
      const std::span<const float> values = net_->store.gradients().subspan(tensor.offset, tensor.size);
      if (first_non_finite(values) != values.size()) {
        throw NumericError("the gradient of '" + tensor.name + "' is not finite at " + place.text() +
                               "; the parameters are those before this step",
                           tensor.name, place.update);
      }
    }
    throw NumericError("the norm of the gradient overflows at " + place.text() + "; the parameters are those before this step",
                       "gradient", place.update);
  }

  MinibatchSettings settings_;
  ActorCritic<Head, C>* net_;
  Rollout<ActionScalar>* rollout_;
  const R* objective_;
  ThreadPool* threads_;
  std::vector<Scratch>* scratch_;
  GradientShards shards_;
  std::vector<LossSums> sums_;
  std::vector<std::uint32_t> rows_;  // of a minibatch of sequences
};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_MINIBATCH_GRADIENT_HPP
