// SPDX-License-Identifier: MIT
// With -ffast-math the compiler may take NaN and infinity for impossible; what the library refuses it must refuse all the same,
// and what a mask forbids must keep probability zero.
#include <bit>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/ppo.hpp>

namespace {

int failures = 0;
void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

const float nan_value = std::bit_cast<float>(std::uint32_t{0x7FC00000});
const float infinite = std::bit_cast<float>(std::uint32_t{0x7F800000});

struct Broken : rlx::CartPole {  // its third reward is NaN
  int steps = 0;
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    rlx::Transition result = rlx::CartPole::step(action, row);
    if (++steps == 3) result.reward = static_cast<double>(nan_value);
    return result;
  }
};

}  // namespace

int main() {
  check(rlx::is_finite(1.0F) && !rlx::is_finite(nan_value) && !rlx::is_finite(infinite), "is_finite");

  const std::vector<float> logits{5.0F, 1.0F, -2.0F};
  const std::vector<std::uint8_t> mask{0, 1, 1};
  std::vector<float> probability(3);
  rlx::nn::categorical::probabilities(logits, mask, probability);
  check(probability[0] == 0.0F && probability[1] > 0.95F && probability[2] > 0.04F, "a forbidden action has probability zero");

  using rlx::nn::NodeKind;
  for (const NodeKind activation : {NodeKind::tanh, NodeKind::relu, NodeKind::gelu, NodeKind::silu}) {
    for (const std::size_t lstm : {0U, 8U}) {
      const auto network = rlx::nn::mlp_actor_critic({.observation = 4, .action = 2, .activation = activation, .lstm = lstm});
      rlx::nn::ParameterStore<float> store;
      const auto graph = rlx::nn::Graph<float>::build(network, store);
      rlx::nn::initialize(store, network, rlx::nn::Initialization::orthogonal, 1);
      auto workspace = graph.make_workspace(1);
      std::vector<float> state(graph.state_size());
      const std::uint8_t starts = 1;
      rlx::nn::Recurrence<float> recurrence;
      if (lstm != 0) recurrence = {1, {state.data(), 1, state.size()}, {&starts, 1}, {}};
      const auto actions_are_finite = [&](float x) {
        const std::vector<float> row{x, -x, x, x};
        graph.forward(store.parameters(), {row.data(), 1, 4}, workspace, recurrence);
        return rlx::first_non_finite(workspace.output("action").row(0)) == 2;
      };
      check(actions_are_finite(1.0F) && actions_are_finite(1e6F), "saturated activations give finite numbers");
      check(!actions_are_finite(nan_value), "activations keep NaN");
    }
  }

  rlx::ThreadPool pool(1);
  rlx::VectorEnv broken({.num_envs = 1, .seed = 1}, pool, [](std::size_t) { return Broken(); });
  broken.reset();
  std::string message;
  try {
    const std::int32_t push_right = 1;
    for (int i = 0; i < 3; ++i) broken.step({&push_right, 1, 1});
  } catch (const rlx::NumericError& error) {
    message = error.what();
  }
  check(message.find("reward") != std::string::npos, "a reward that is NaN is refused");

  rlx::VectorEnv envs({.num_envs = 4, .seed = 1}, pool, [](std::size_t) { return rlx::CartPoleV1(); });
  rlx::Ppo ppo({.n_steps = 64, .batch_size = 64, .n_epochs = 2}, envs,
               rlx::nn::mlp_actor_critic({.observation = 4, .action = 2}), pool);
  ppo.learn(512);
  check(ppo.num_timesteps() == 512, "PPO learns");
  return failures;
}
