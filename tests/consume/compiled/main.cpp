// SPDX-License-Identifier: MIT
// A network whose code lies in rlx::compiled: both rows of the batch are the same, so are their outputs.
#include <rlx/nn/graph.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/networks.hpp>

#include <vector>

#ifndef RLX_COMPILED
#  error "linking rlx::compiled must define RLX_COMPILED"
#endif

int main() {
  const rlx::nn::GraphSpec spec = rlx::nn::mlp_actor_critic({.observation = 4, .action = 2});
  rlx::nn::ParameterStore<float> store;
  const rlx::nn::Graph<float> graph = rlx::nn::Graph<float>::build(spec, store);
  rlx::nn::initialize(store, spec, rlx::nn::Initialization::orthogonal, 1);
  auto workspace = graph.make_workspace(2);
  const std::vector<float> rows{1, 2, 3, 4, 1, 2, 3, 4};
  graph.forward(store.parameters(), rlx::MatrixView<const float>(rows.data(), 2, 4), workspace);
  const auto logits = workspace.output("action");
  return logits(0, 0) != 0.0F && logits(0, 0) == logits(1, 0) && logits(0, 1) == logits(1, 1) ? 0 : 1;
}
