// SPDX-License-Identifier: MIT
/// @file
/// @brief The network of a learner with what stands around it, and the memory one thread needs to run and train it.
#ifndef RLX_RL_DETAIL_ACTOR_CRITIC_HPP
#define RLX_RL_DETAIL_ACTOR_CRITIC_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/running_mean_std.hpp>
#include <rlx/env/space.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/parameter_store.hpp>
#include <rlx/rl/critic.hpp>
#include <rlx/rl/detail/action_head.hpp>
#include <rlx/rl/detail/observation_scaling.hpp>
#include <rlx/rl/detail/on_policy_loss.hpp>
#include <rlx/rl/detail/value_scale.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1::detail {

inline CategoricalHead make_head(const Discrete& space, bool) { return CategoricalHead(static_cast<std::size_t>(space.n)); }
inline MultiCategoricalHead make_head(const MultiDiscrete& space, bool) { return MultiCategoricalHead(space.nvec); }
inline GaussianHead make_head(const Box& space, bool squash) { return GaussianHead(space.low, space.high, squash); }
inline DirichletHead make_head(const Simplex& space, bool) { return DirichletHead(static_cast<std::size_t>(space.n)); }

using LearnerRecurrence = nn::Recurrence<float>;

/// Memory of one thread for up to `rows` rows of the network.
template <class ActionScalar>
struct LearnerScratch {
  LearnerScratch(const nn::Graph<float>& graph, const RolloutShape& shape, std::size_t rows)
      : workspace(graph.make_workspace(rows)),
        input(rows * shape.observation_size),
        masks(rows * shape.mask_width),
        actions(rows * shape.action_width),
        old_log_probs(rows),
        advantages(rows),
        old_outputs(rows * shape.critic_outputs),
        targets(rows * shape.target_width),
        state(shape.num_envs * shape.state_size),
        starts(shape.state_size > 0 ? rows : 0),
        loss(rows) {}
  nn::Workspace<float> workspace;
  std::vector<float> input;
  std::vector<std::uint8_t> masks;
  std::vector<ActionScalar> actions;
  std::vector<float> old_log_probs, advantages, old_outputs, targets;
  std::vector<float> state;
  std::vector<std::uint8_t> starts;
  LossScratch<float> loss;
};

/// Where in training a number was computed, as messages name it.
struct UpdatePlace {
  std::uint64_t update = 0;
  std::size_t epoch = 0, minibatch = 0;
  std::string text() const {
    return "update " + std::to_string(update) + ", epoch " + std::to_string(epoch) + ", minibatch " + std::to_string(minibatch);
  }
};

/// Network, parameters, the distribution that its output "action" stands for, the critic that reads its output "value", and the
/// scales of what goes in and comes out. Const members may run on several threads at once, each with a scratch of its own.
template <class Head, Critic C>
struct ActorCritic {
  /// @param config  clip_obs, normalize_observation, normalize_value and squash are read
  template <class Config, class Space>
  ActorCritic(const Config& config, const Space& actions, std::size_t observation_size, C value_critic,
              nn::GraphSpec graph_spec)
      : head(make_head(actions, config.squash)),
        critic(std::move(value_critic)),
        spec(std::move(graph_spec)),
        graph(build()),
        scaling{config.clip_obs, nn::unscaled_columns(spec)},
        observation_statistics(observation_size),
        normalizes_observation(config.normalize_observation),
        normalizes_value(config.normalize_value) {}

  /// @param name  of the learner. @throws ShapeError, ConfigError naming what of the network does not fit
  void require_fit(const std::string& name) {
    const auto expect = [](const std::string& what, std::size_t found, std::size_t expected, const char* why) {
      if (found != expected) {
        throw ShapeError("graph: " + what + " has width " + std::to_string(found) + ", expected " + std::to_string(expected) +
                         ' ' + why);
      }
    };
    expect("the input", graph.input_width(), observation_statistics.columns(), "(floats of an observation)");
    expect("output 'action'", graph.output_width("action"), head.outputs(),
           is_gaussian ? "(a mean per element of the action)" : "(one number per choice)");
    expect("output 'value'", graph.output_width("value"), critic.outputs(), "(outputs of the critic)");
    action_output = graph.output_index("action");
    value_output = graph.output_index("value");
    if (!normalizes_value) return;
    if (!std::same_as<C, ScalarCritic>) {
      throw ConfigError(name + "Config.normalize_value = true; it needs the ScalarCritic, whose one output is the value");
    }
    const std::optional<ValueHead> found = find_value_head(spec, store);
    if (!found) {
      throw ConfigError(name +
                        "Config.normalize_value = true; it needs a network whose output 'value' is a linear layer with bias");
    }
    value_head = *found;
  }

  bool is_recurrent() const noexcept { return graph.state_size() > 0; }

  std::span<float> log_std() {
    return head.log_std_size() == 0 ? std::span<float>() : store.parameters().first(head.log_std_size());
  }
  std::span<const float> log_std() const {
    return head.log_std_size() == 0 ? std::span<const float>() : store.parameters().first(head.log_std_size());
  }

  /// Runs the network on raw observations; rows must be contiguous.
  template <class ActionScalar>
  void forward(MatrixView<const float> rows, LearnerScratch<ActionScalar>& scratch, const LearnerRecurrence& recurrence) const {
    if (normalizes_observation) {
      const MatrixView<float> scaled(scratch.input.data(), rows.rows(), rows.cols());
      for (std::size_t i = 0; i < rows.rows(); ++i) scaling.apply(observation_statistics, rows.row(i), scaled.row(i));
      rows = scaled;
    }
    graph.forward(store.parameters(), rows, scratch.workspace, recurrence);
  }
  template <class ActionScalar>
  MatrixView<const float> action_rows(const LearnerScratch<ActionScalar>& scratch) const {
    return scratch.workspace.output(action_output);
  }
  template <class ActionScalar>
  MatrixView<const float> critic_rows(const LearnerScratch<ActionScalar>& scratch) const {
    return scratch.workspace.output(value_output);
  }

  /// The value in the units of the (scaled) rewards.
  float real_value(std::span<const float> outputs) const {
    const float value = critic.value(outputs);
    return normalizes_value ? value_scale.to_real(value) : value;
  }
  void store_critic(std::span<const float> from, std::span<float> outputs, float& value) const {
    std::copy(from.begin(), from.end(), outputs.begin());  // of a ScalarCritic this is `value` itself
    value = real_value(from);
  }
  /// The scale follows the returns; the head changes so that every value stays what it was.
  void rescale_values(std::span<const float> returns) {
    const double mean = value_scale.mean(), std = value_scale.std();
    value_scale.update(returns);
    rescale_value_head(store.tensor(value_head.weight), store.tensor(value_head.bias), mean, std, value_scale.mean(),
                       value_scale.std());
  }

  /// Names the first output that is not finite. @param place in words. @param step for NumericError
  [[noreturn]] void throw_outputs(const HeadRow<float>& row, std::span<const float> critic_row, const std::string& place,
                                  std::uint64_t step, std::optional<std::size_t> env) const {
    const auto fail = [&](const std::string& what, const char* tensor) {
      throw NumericError(what + " is not finite at " + place + "; lower learning_rate or max_grad_norm", tensor, step, env);
    };
    for (std::size_t i = 0; i < critic_row.size(); ++i) {
      if (!is_finite(critic_row[i])) fail("value[" + std::to_string(i) + ']', "value");
    }
    const char* const output = is_gaussian ? "mean[" : "logit[";
    for (std::size_t i = 0; i < row.outputs.size(); ++i) {
      if ((row.mask.empty() || row.mask[i] != 0) && !is_finite(row.outputs[i]))
        fail(output + std::to_string(i) + ']', "action");
    }
    for (std::size_t i = 0; i < row.log_std.size(); ++i) {
      if (!is_finite(row.log_std[i])) fail("log_std[" + std::to_string(i) + ']', "log_std");
    }
    throw NumericError("the loss is not finite at " + place +
                           ": the probability ratio or an advantage overflows, or the stored action is "
                           "invalid under its mask",
                       "loss", step, env);
  }

  static constexpr bool is_gaussian = std::same_as<Head, GaussianHead>;

  Head head;
  C critic;
  nn::GraphSpec spec;
  nn::ParameterStore<float> store;
  std::size_t action_output = 0, value_output = 0;
  nn::Graph<float> graph;
  ObservationScaling scaling;
  RunningMeanStd observation_statistics;
  ValueScale value_scale;
  ValueHead value_head{};  // if normalizes_value
  bool normalizes_observation, normalizes_value;

 private:
  nn::Graph<float> build() {
    // Before the graph's own tensors, so that its buffers are the whole store.
    if (head.log_std_size() > 0) store.add("log_std", {head.log_std_size()}, "actor");
    return nn::Graph<float>::build(spec, store);
  }
};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_ACTOR_CRITIC_HPP
