// SPDX-License-Identifier: MIT
/// @file
/// @brief Gates on small tasks whose actions are numbers: a Gaussian on a Box, a Dirichlet on masked portfolio weights.
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/nn/networks.hpp>

#include "learning/score.hpp"

namespace rlx_learning {
namespace {

rlx::IdentityBoxEnv make_identity_box(std::size_t) { return rlx::IdentityBoxEnv(0.5); }

double identity_box(std::uint64_t seed) {
  rlx::PpoConfig config;
  config.learning_rate = 2e-3;
  config.n_steps = 250;
  config.batch_size = 50;
  config.n_epochs = 4;
  config.gamma = 0.4;
  return score(seed, {.timesteps = 1'000}, config, rlx::nn::mlp_actor_critic({.observation = 1, .action = 1}),
               make_identity_box);
}

/// The mean is the number seen, so a line without hidden layers suffices.
double identity_box_a2c(std::uint64_t seed) {
  rlx::A2cConfig config;
  config.learning_rate = 2e-3;
  config.gamma = 0.4;
  return score(seed, {.timesteps = 2'000}, config,
               rlx::nn::mlp_actor_critic({.observation = 1, .action = 1, .pi = {}, .vf = {}}), make_identity_box);
}

/// The smallest weight that the trained policy gives to the paying asset in any of 100 x 100 steps, or -1 if it gives a masked
/// asset anything at all.
double simplex_bandit(std::uint64_t seed) {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 4, .seed = seed}, pool, [](std::size_t) { return rlx::SimplexBanditEnv(); });
  rlx::PpoConfig config;
  config.learning_rate = 3e-3;
  config.n_steps = 128;
  config.gamma = 0.0;
  config.seed = seed;
  rlx::Ppo ppo(config, envs, rlx::nn::mlp_actor_critic({.observation = 16, .action = 8}), pool);
  ppo.learn(50'000);

  const rlx::InferencePolicy policy = ppo.policy();
  auto workspace = policy.make_workspace();
  rlx::SimplexBanditEnv env;
  std::vector<float> row(16), weights(8);
  std::vector<std::uint8_t> mask(8);
  double least = 1.0;
  for (std::uint64_t episode = 0; episode < 100; ++episode) {
    env.reset(rlx::RandomStream({seed + 1'000, rlx::Purpose::evaluation_reset, 0, episode}).next_u64(), row);
    for (bool ended = false; !ended;) {
      env.action_masks(mask);
      policy.act(row, mask, std::span<float>(weights), workspace);
      for (std::size_t i = 0; i < weights.size(); ++i) {
        if (mask[i] == 0 && weights[i] != 0.0F) return -1.0;
      }
      const rlx::Transition transition = env.step(weights, row);
      least = std::min(least, transition.reward);  // the reward is the weight
      ended = transition.terminated || transition.truncated;
    }
  }
  return least;
}

}  // namespace

std::vector<Gate> continuous_gates() {
  return {
      {"ppo.identity_box",
       "IdentityBoxEnv(0.5), 1,000 steps",
       "n_steps 250, batch 50, 4 epochs, lr 2e-3, γ 0.4",
       {.every_at_least = 90},
       identity_box},
      {"a2c.identity_box",
       "IdentityBoxEnv(0.5), 2,000 steps",
       "γ 0.4, lr 2e-3, linear policy and value",
       {.every_at_least = 90},
       identity_box_a2c},
      {"ppo.simplex_bandit",
       "SimplexBanditEnv(8, 3), 50,000 steps: least weight of the paying asset in any step; -1 if a masked one is not exactly "
       "0",
       "Dirichlet, 4 × 128, batch 64, 10 epochs, γ 0, lr 3e-3",
       {.every_at_least = 0.9},
       simplex_bandit},
  };
}

}  // namespace rlx_learning
