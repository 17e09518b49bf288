// SPDX-License-Identifier: MIT
/// @file
/// @brief Ready-made actor-critic networks: two MLPs, a modular network over slots, and a pointer network over slots.
///
/// Every graph has the outputs "action" (logits or means) and "value".
#ifndef RLX_NN_NETWORKS_HPP
#define RLX_NN_NETWORKS_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/nn/graph_builder.hpp>
#include <rlx/nn/graph_spec.hpp>

namespace rlx::nn {

/// Gains of the orthogonal initialisation of the two heads ("37 implementation details of PPO", detail 2).
inline constexpr double policy_gain = 0.01;
inline constexpr double value_gain = 1.0;

/// Two separate MLPs.
struct MlpSpec {
  std::size_t observation = 0;                ///< columns of the observation
  std::size_t action = 0;                     ///< columns of the "action" output
  std::vector<std::size_t> pi = {64, 64};     ///< hidden widths of the actor
  std::vector<std::size_t> vf = {64, 64};     ///< hidden widths of the critic
  NodeKind activation = NodeKind::tanh;       ///< tanh, relu, gelu or silu
  std::size_t value = 1;                      ///< columns of the "value" output: 1, or the number of quantiles
};

/// Actor and critic without shared parts (SB3's MlpPolicy). Groups "actor" and "critic".
inline GraphSpec mlp_actor_critic(const MlpSpec& spec) {
  GraphBuilder graph;
  const auto x = graph.input(spec.observation);
  const auto tower = [&](const char* group, const std::vector<std::size_t>& hidden, std::size_t outputs, double gain) {
    graph.group(group);
    auto h = x;
    for (const std::size_t width : hidden) h = h.linear(width).activation(spec.activation);
    return h.linear(outputs, {.gain = gain});
  };
  graph.output("action", tower("actor", spec.pi, spec.action, policy_gain));
  graph.output("value", tower("critic", spec.vf, spec.value, value_gain));
  return graph.spec();
}

}  // namespace rlx::nn

#endif  // RLX_NN_NETWORKS_HPP
