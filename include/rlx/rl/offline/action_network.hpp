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

namespace rlx {

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

/// A graph with the outputs "action" and "value" and its parameters. Copies are deep.
template <std::floating_point S>
class ActionNetwork {
 public:
  using Scalar = S;
  using Workspace = nn::Workspace<S>;

  /// @param spec such as nn::mlp_actor_critic, slot_actor_critic or pointer_actor_critic; outputs of other names are left alone
  /// @param seed of the orthogonal initial parameters
  /// @throws ShapeError if "value" is not one column; ConfigError without these outputs, or for a graph with memory: rows are
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
    initialize(seed);
  }

  /// Draws all parameters anew.
  void initialize(std::uint64_t seed) { nn::initialize(store_, spec_, nn::Initialization::orthogonal, seed); }

  const nn::GraphSpec& spec() const noexcept { return spec_; }
  const nn::Graph<S>& graph() const noexcept { return graph_; }
  nn::ParameterStore<S>& store() noexcept { return store_; }
  const nn::ParameterStore<S>& store() const noexcept { return store_; }
  std::size_t observation_size() const noexcept { return graph_.input_width(); }
  std::size_t num_actions() const noexcept { return graph_.output_width(action_); }
  std::uint64_t flops_per_row() const noexcept { return graph_.flops_per_row(); }

  Workspace make_workspace(std::size_t max_rows) const { return graph_.make_workspace(max_rows); }
  void forward(std::span<const S> parameters, MatrixView<const S> rows, Workspace& w) const {
    graph_.forward(parameters, rows, w);
  }
  void backward(std::span<const S> parameters, std::span<S> gradients, Workspace& w) const {
    graph_.backward(parameters, gradients, w);
  }
  MatrixView<S> action(Workspace& w) const { return w.output(action_); }
  MatrixView<S> value(Workspace& w) const { return w.output(value_); }
  MatrixView<S> d_action(Workspace& w) const { return w.output_gradient(action_); }
  MatrixView<S> d_value(Workspace& w) const { return w.output_gradient(value_); }

 private:
  nn::GraphSpec spec_;
  nn::ParameterStore<S> store_;
  nn::Graph<S> graph_;
  std::size_t action_ = 0, value_ = 0;
};

static_assert(ActionFunction<ActionNetwork<float>>);

}  // namespace rlx

#endif  // RLX_RL_OFFLINE_ACTION_NETWORK_HPP
