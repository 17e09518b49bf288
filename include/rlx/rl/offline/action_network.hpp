// SPDX-License-Identifier: MIT
/// @file
/// @brief What the offline learners train: functions from observation rows to one number per action and one per row.
///
/// One kind of function serves as Q and as policy, so every actor-critic graph of nn/networks.hpp does. As a Q-function it
/// reads Q(s, b) = value(s) + action(s, b) (dueling, Wang et al. 2016, without centring), so that the level of a state is
/// learned once and the actions need only learn how they differ. As a policy its `action` numbers are logits and its `value` is
/// V(s). Both are files that `InferencePolicy` loads: the greedy action of a Q-function is the mode of its `action` numbers.
#ifndef RLX_RL_OFFLINE_ACTION_NETWORK_HPP
#define RLX_RL_OFFLINE_ACTION_NETWORK_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <rlx/core/error.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/graph_spec.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/parameter_store.hpp>

namespace rlx::inline v0_1 {

/// A differentiable function of observation rows. Const members may run on several threads, each with a workspace of its own.
/// `ActionNetwork` is a model; `forward` computes rows into the workspace, `backward` adds the parameters' gradients of those
/// rows from `d_action` and `d_value`, which `forward` set to 0 and the caller filled.
template <class F>
concept ActionFunction = std::copy_constructible<F> && std::floating_point<typename F::Scalar> &&
    requires(F& f, const F& constant, typename F::Workspace& w, std::span<const typename F::Scalar> parameters,
             std::span<typename F::Scalar> gradients, MatrixView<const typename F::Scalar> rows) {
  { constant.observation_size() } -> std::convertible_to<std::size_t>;
  { constant.num_actions() } -> std::convertible_to<std::size_t>;
  { constant.flops_per_row() } -> std::convertible_to<std::uint64_t>;
  { f.store() } -> std::same_as<nn::ParameterStore<typename F::Scalar>&>;
  { constant.make_workspace(std::size_t{1}) } -> std::same_as<typename F::Workspace>;
  constant.forward(parameters, rows, w);
  constant.backward(parameters, gradients, w);
  { constant.action(w) } -> std::same_as<MatrixView<typename F::Scalar>>;    // [rows, num_actions()]
  { constant.value(w) } -> std::same_as<MatrixView<typename F::Scalar>>;     // [rows, 1]
  { constant.d_action(w) } -> std::same_as<MatrixView<typename F::Scalar>>;  // [rows, num_actions()]
  { constant.d_value(w) } -> std::same_as<MatrixView<typename F::Scalar>>;   // [rows, 1]
};

/// An action function read as Q(s, b) = value(s) + action(s, b).
template <class Q>
concept QFunction = ActionFunction<Q>;

/// An action function read as the logits of a policy, `action`, and the value of the state, `value`.
template <class P>
concept PolicyNet = ActionFunction<P>;

/// An actor-critic graph with one more output, "quantiles": A (K - 1) columns from the layer that "action" reads. Column
/// b (K - 1) + j is the raw increment to the atom j + 2 of action b, as in quantile_critic.hpp; the mean of the atoms stays
/// Q(s, b).
/// @param spec  with an output "action". @param quantiles  K >= 2
/// @throws ConfigError if "action" is not a linear layer (pointer networks) or K < 2
template <class = void>
nn::GraphSpec with_quantiles(nn::GraphSpec spec, std::size_t quantiles) {
  if (quantiles < 2) throw ConfigError("with_quantiles: quantiles = " + std::to_string(quantiles) + ", expected at least 2");
  for (const nn::OutputSpec& output : spec.outputs) {
    if (output.name != "action") continue;
    const nn::NodeSpec& head = spec.nodes.at(output.node);
    if (head.kind != nn::NodeKind::linear) {
      throw ConfigError("with_quantiles: output 'action' is a node of kind " + std::string(nn::to_string(head.kind)) +
                        ", expected linear");
    }
    nn::NodeSpec node{.kind = nn::NodeKind::linear,
                      .name = "quantiles.linear0",
                      .group = "quantiles",
                      .inputs = head.inputs,
                      .width = head.width * (quantiles - 1),
                      .gain = 1.0};
    spec.outputs.push_back({"quantiles", spec.nodes.size()});
    spec.nodes.push_back(std::move(node));
    return spec;
  }
  throw ConfigError("with_quantiles: the graph has no output 'action'");
}

/// A graph with the outputs "action" and "value", perhaps "quantiles", and its parameters. Copies are deep.
template <std::floating_point S>
class ActionNetwork {
 public:
  /// Number type of parameters and rows.
  using Scalar = S;
  /// Scratch of one thread.
  using Workspace = nn::Workspace<S>;

  /// @param spec such as nn::mlp_actor_critic, slot_actor_critic or pointer_actor_critic; outputs of other names are left alone
  /// @param seed of the orthogonal initial parameters
  /// @throws ShapeError if "value" is not one column or "quantiles" not as many for each action; ConfigError without these
  /// outputs, or for a graph with memory: rows are
  ///         drawn one by one
  ActionNetwork(nn::GraphSpec spec, std::uint64_t seed = 0)
      : spec_(std::move(spec)), graph_(nn::Graph<S>::build(spec_, store_)) {
    action_ = graph_.output_index("action");
    value_ = graph_.output_index("value");
    if (graph_.output_width(value_) != 1) {
      throw ShapeError("ActionNetwork: output 'value' has " + std::to_string(graph_.output_width(value_)) +
                       " columns, expected 1");
    }
    if (graph_.state_size() != 0) {
      throw ConfigError(
          "ActionNetwork: the graph has lstm nodes; offline learners draw single rows, so give them a graph without memory");
    }
    for (std::size_t i = 0; i < graph_.num_outputs(); ++i) {
      if (spec_.outputs[i].name != "quantiles") continue;
      if (graph_.output_width(i) % num_actions() != 0) {
        throw ShapeError("ActionNetwork: output 'quantiles' has " + std::to_string(graph_.output_width(i)) +
                         " columns, expected a multiple of the " + std::to_string(num_actions()) + " actions");
      }
      increments_ = i;
      num_quantiles_ = graph_.output_width(i) / num_actions() + 1;
    }
    initialize(seed);
  }

  /// Draws all parameters anew.
  void initialize(std::uint64_t seed) { nn::initialize(store_, spec_, nn::Initialization::orthogonal, seed); }

  /// As given.
  const nn::GraphSpec& spec() const noexcept { return spec_; }
  /// Built from `spec()`; its output indices are those of the outputs there.
  const nn::Graph<S>& graph() const noexcept { return graph_; }
  /// @{ Parameters of its own; `forward` reads those that it is given.
  nn::ParameterStore<S>& store() noexcept { return store_; }
  const nn::ParameterStore<S>& store() const noexcept { return store_; }
  /// @}
  /// D
  std::size_t observation_size() const noexcept { return graph_.input_width(); }
  /// A
  std::size_t num_actions() const noexcept { return graph_.output_width(action_); }
  /// Floating-point operations of a forward pass of one row, nominal.
  std::uint64_t flops_per_row() const noexcept { return graph_.flops_per_row(); }
  /// K of a graph made by `with_quantiles`, else 0.
  std::size_t num_quantiles() const noexcept { return num_quantiles_; }

  /// For up to `max_rows` rows at once. Allocates.
  Workspace make_workspace(std::size_t max_rows) const { return graph_.make_workspace(max_rows); }
  /// Computes the outputs of `rows` [n][D] into `w` and sets their gradients to 0.
  void forward(std::span<const S> parameters, MatrixView<const S> rows, Workspace& w) const {
    graph_.forward(parameters, rows, w);
  }
  /// Adds to `gradients` those of the rows of the last `forward`, from `d_action`, `d_value` and `d_increments`.
  void backward(std::span<const S> parameters, std::span<S> gradients, Workspace& w) const {
    graph_.backward(parameters, gradients, w);
  }
  /// @{ Outputs [rows, A] and [rows, 1] of the last `forward`.
  MatrixView<S> action(Workspace& w) const { return w.output(action_); }
  MatrixView<S> value(Workspace& w) const { return w.output(value_); }
  /// @}
  /// @{ Where the caller writes the derivatives of the loss, [rows, A] and [rows, 1].
  MatrixView<S> d_action(Workspace& w) const { return w.output_gradient(action_); }
  MatrixView<S> d_value(Workspace& w) const { return w.output_gradient(value_); }
  /// @}
  /// Raw increments [rows, A (K - 1)], of graphs with quantiles only.
  MatrixView<S> increments(Workspace& w) const { return w.output(increments_); }
  /// Derivatives of the loss with respect to them, written by the caller.
  MatrixView<S> d_increments(Workspace& w) const { return w.output_gradient(increments_); }

 private:
  nn::GraphSpec spec_;
  nn::ParameterStore<S> store_;
  nn::Graph<S> graph_;
  std::size_t action_ = 0, value_ = 0, increments_ = 0, num_quantiles_ = 0;
};

static_assert(ActionFunction<ActionNetwork<float>>);

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_ACTION_NETWORK_HPP
