// SPDX-License-Identifier: MIT
/// @file
/// @brief Gates on a task that takes memory: CartPole without its velocities, by an LSTM and, to compare, without one.
#include <cstddef>
#include <cstdint>
#include <string>

#include <rlx/env/testing.hpp>
#include <rlx/nn/networks.hpp>

#include "learning/score.hpp"

namespace rlx_learning {
namespace {

/// @param lstm  width of the memory; 0: none.
double cart_pole_without_velocities(std::uint64_t seed, std::size_t lstm) {
  rlx::PpoConfig config;
  config.learning_rate = rlx::nn::Schedule::linear(1e-3, 0.0);
  config.clip_range = rlx::nn::Schedule::linear(0.2, 0.0);
  config.n_steps = 64;
  config.batch_size = 256;
  config.n_epochs = 20;
  config.gamma = 0.98;
  config.gae_lambda = 0.9;
  config.normalize_observation = true;
  config.normalize_value = true;
  return score(seed, {.timesteps = 200'000, .num_envs = 8}, config,
               rlx::nn::mlp_actor_critic({.observation = 2, .action = 2, .lstm = lstm}),
               [](std::size_t) { return rlx::CartPoleWithoutVelocities(); });
}

}  // namespace

std::vector<Gate> memory_gates() {
  const std::string setting =
      "8 × 64, batch 256 (4 whole sequences), 20 epochs, γ 0.98, λ 0.9, lr 1e-3 and clip 0.2 both linear to 0, "
      "normalize_observation and _value";
  return {{"ppo.cart_pole_without_velocities",
           "CartPole without velocities, LSTM 64, 200,000 steps",
           setting,
           {.iqm_at_least = 450},
           [](std::uint64_t seed) { return cart_pole_without_velocities(seed, 64); }},
          {"ppo.cart_pole_without_velocities_mlp", "the same without an LSTM", "the same", {}, [](std::uint64_t seed) {
             return cart_pole_without_velocities(seed, 0);
           }}};
}

}  // namespace rlx_learning
