// SPDX-License-Identifier: MIT
/// @file
/// @brief Gates on tasks whose best action is the state: does the learner learn at all, and what masks are worth.
#include <cstdint>
#include <span>
#include <utility>

#include <rlx/env/testing.hpp>
#include <rlx/nn/graph_builder.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/ppo.hpp>

#include "learning/gate.hpp"

namespace rlx_learning {
namespace {

/// The same task without its masks.
struct Unmasked {
  using ActionScalar = std::int32_t;
  rlx::InvalidActionEnv inner;
  const rlx::Box& observation_space() const { return inner.observation_space(); }
  const rlx::Discrete& action_space() const { return inner.action_space(); }
  const rlx::InvalidActionEnv::Info& info() const { return inner.info(); }
  void reset(std::uint64_t seed, std::span<float> row) { inner.reset(seed, row); }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) { return inner.step(action, row); }
};

rlx::PpoConfig identity_config() {
  rlx::PpoConfig config;
  config.learning_rate = 2e-3;
  config.n_steps = 256;
  config.n_epochs = 4;
  config.gamma = 0.4;
  return config;
}

/// Each state is seen some 30 times in 2,048 steps and one of 15 valid actions is right, so that what little is seen has to be
/// used well: one weight for each state and action and no bias, so that nothing is shared; steps as large as the few updates
/// need; the reward of the step alone (lambda 0 and an untrained critic: the next state is drawn, so nothing later depends on
/// the action).
rlx::PpoConfig invalid_action_config(std::size_t n_steps, std::size_t batch_size) {
  rlx::PpoConfig config;
  config.learning_rate = 1.0;
  config.n_steps = n_steps;
  config.batch_size = batch_size;
  config.gamma = 0.4;
  config.gae_lambda = 0.0;
  config.vf_coef = 0.0;
  return config;
}

rlx::nn::GraphSpec table_network(std::size_t n) {
  rlx::nn::GraphBuilder graph;
  const auto x = graph.input(n);
  graph.group("actor");
  graph.output("action", x.linear(n, {.bias = false, .gain = 0.01}));
  graph.group("critic");
  graph.output("value", x.linear(1, {.gain = 0.01}));
  return graph.spec();
}

rlx::nn::GraphSpec mlp_network(std::size_t n) { return rlx::nn::mlp_actor_critic({.observation = n, .action = n}); }

template <class MakeEnv>
double score_ppo(std::uint64_t seed, std::uint64_t timesteps, rlx::PpoConfig config, const rlx::nn::GraphSpec& graph,
                 const MakeEnv& make) {
  config.seed = seed;
  return train_and_score(seed, {.timesteps = timesteps}, make,
                         [&](auto& envs, rlx::ThreadPool& pool) { return rlx::Ppo(config, envs, graph, pool); });
}

double identity(std::uint64_t seed) {
  return score_ppo(seed, 1'200, identity_config(), mlp_network(4), [](std::size_t) { return rlx::IdentityEnv(4); });
}
double untrained(std::uint64_t seed) {
  return score_ppo(seed, 0, identity_config(), mlp_network(20), [](std::size_t) { return rlx::InvalidActionEnv(20, 19); });
}
double masked_70(std::uint64_t seed) {
  return score_ppo(seed, 2'048, invalid_action_config(256, 64), table_network(70),
                   [](std::size_t) { return rlx::InvalidActionEnv(70, 55); });
}
double unmasked_70(std::uint64_t seed) {
  return score_ppo(seed, 2'048, invalid_action_config(256, 64), table_network(70),
                   [](std::size_t) { return Unmasked{rlx::InvalidActionEnv(70, 55)}; });
}
double masked_80(std::uint64_t seed) {
  return score_ppo(seed, 5'000, invalid_action_config(250, 50), table_network(80),
                   [](std::size_t) { return rlx::InvalidActionEnv(80, 60); });
}

}  // namespace

std::vector<Gate> identity_gates() {
  return {
      {"ppo.identity",
       "IdentityEnv(4), 1,200 steps",
       "n_steps 256, 4 epochs, lr 2e-3, γ 0.4",
       {.every_at_least = 90},
       identity},
      {"ppo.invalid_action_70_55",
       "InvalidActionEnv(70, 55), 2,048 steps",
       "γ 0.4, λ 0, n_steps 256, lr 1, vf_coef 0, linear policy without bias",
       {.every_at_least = 90},
       masked_70},
      {"ppo.invalid_action_70_55_without_mask", "the same without masks", "the same", {.every_at_most = 50}, unmasked_70},
      {"ppo.invalid_action_20_19",
       "InvalidActionEnv(20, 19), untrained",
       "one valid action",
       {.every_at_least = 99},
       untrained},
      {"ppo.invalid_action_80_60",
       "InvalidActionEnv(80, 60), 5,000 steps",
       "γ 0.4, λ 0, n_steps 250, batch 50, lr 1, vf_coef 0, linear policy without bias",
       {.every_at_least = 90},
       masked_80},
  };
}

}  // namespace rlx_learning
