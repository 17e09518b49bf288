// SPDX-License-Identifier: MIT
/// @file
/// @brief Gates on tasks whose best action is the state: does the learner learn at all, and what masks are worth.
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/env/testing.hpp>
#include <rlx/nn/graph_builder.hpp>
#include <rlx/nn/networks.hpp>
#include "learning/score.hpp"

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

double identity(std::uint64_t seed) {
  return score(seed, {.timesteps = 1'200}, identity_config(), mlp_network(4), [](std::size_t) { return rlx::IdentityEnv(4); });
}
double identity_a2c(std::uint64_t seed) {
  rlx::A2cConfig config;
  config.gamma = 0.4;
  return score(seed, {.timesteps = 1'200}, config, mlp_network(4), [](std::size_t) { return rlx::IdentityEnv(4); });
}

/// Both tasks have eight inputs and eight logits. The reward of the step alone is credited (lambda 0), since nothing later
/// depends on the action.
double multi_discrete(std::uint64_t seed, const std::vector<std::int64_t>& nvec) {
  rlx::PpoConfig config = identity_config();
  config.gae_lambda = 0.0;
  const rlx::nn::GraphSpec graph = rlx::nn::mlp_actor_critic({.observation = 8, .action = 8, .pi = {128}, .vf = {128}});
  return score(seed, {.timesteps = 1'200}, config, graph, [nvec](std::size_t) { return rlx::IdentityMultiDiscreteEnv(nvec); });
}
/// The entropy bonus keeps a component that was rewarded by chance from being settled at once.
double multi_discrete_a2c(std::uint64_t seed, const std::vector<std::int64_t>& nvec) {
  rlx::A2cConfig config;
  config.learning_rate = 1.5e-3;
  config.gamma = 0.4;
  config.ent_coef = 0.1;
  return score(seed, {.timesteps = 1'200}, config, mlp_network(8),
               [nvec](std::size_t) { return rlx::IdentityMultiDiscreteEnv(nvec); });
}

double untrained(std::uint64_t seed) {
  return score(seed, {.timesteps = 0}, identity_config(), mlp_network(20),
               [](std::size_t) { return rlx::InvalidActionEnv(20, 19); });
}
double masked_70(std::uint64_t seed) {
  return score(seed, {.timesteps = 2'048}, invalid_action_config(256, 64), table_network(70),
               [](std::size_t) { return rlx::InvalidActionEnv(70, 55); });
}
double unmasked_70(std::uint64_t seed) {
  return score(seed, {.timesteps = 2'048}, invalid_action_config(256, 64), table_network(70),
               [](std::size_t) { return Unmasked{rlx::InvalidActionEnv(70, 55)}; });
}
double masked_80(std::uint64_t seed) {
  return score(seed, {.timesteps = 5'000}, invalid_action_config(250, 50), table_network(80),
               [](std::size_t) { return rlx::InvalidActionEnv(80, 60); });
}

}  // namespace

std::vector<Gate> identity_gates() {
  const std::string ppo_setting = "n_steps 256, 4 epochs, lr 2e-3, γ 0.4, λ 0, one hidden layer of 128";
  const std::string a2c_setting = "γ 0.4, lr 1.5e-3, ent_coef 0.1";
  return {
      {"ppo.identity",
       "IdentityEnv(4), 1,200 steps",
       "n_steps 256, 4 epochs, lr 2e-3, γ 0.4",
       {.every_at_least = 90},
       identity},
      {"ppo.multi_discrete_4_4",
       "MultiDiscrete [4, 4], 1,200 steps",
       ppo_setting,
       {.every_at_least = 90},
       [](std::uint64_t seed) {
         return multi_discrete(seed, {4, 4});
       }},
      {"ppo.multi_discrete_2_2_2_2",
       "MultiDiscrete [2, 2, 2, 2], 1,200 steps",
       ppo_setting,
       {.every_at_least = 90},
       [](std::uint64_t seed) {
         return multi_discrete(seed, {2, 2, 2, 2});
       }},
      {"a2c.identity", "IdentityEnv(4), 1,200 steps", "γ 0.4", {.every_at_least = 90}, identity_a2c},
      {"a2c.multi_discrete_4_4",
       "MultiDiscrete [4, 4], 1,200 steps",
       a2c_setting,
       {.every_at_least = 90},
       [](std::uint64_t seed) {
         return multi_discrete_a2c(seed, {4, 4});
       }},
      {"a2c.multi_discrete_2_2_2_2",
       "MultiDiscrete [2, 2, 2, 2], 1,200 steps",
       a2c_setting,
       {.every_at_least = 90},
       [](std::uint64_t seed) {
         return multi_discrete_a2c(seed, {2, 2, 2, 2});
       }},
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
