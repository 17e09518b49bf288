// SPDX-License-Identifier: MIT
/// @file
/// @brief Gates on the classic control tasks.
#include <cstdint>

#include <rlx/env/classic/acrobot.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/mountain_car.hpp>
#include <rlx/env/classic/pendulum.hpp>
#include <rlx/nn/networks.hpp>

#include "learning/score.hpp"

namespace rlx_learning {
namespace {

rlx::nn::GraphSpec mlp(std::size_t observation, std::size_t action) {
  return rlx::nn::mlp_actor_critic({.observation = observation, .action = action});
}

double cart_pole(std::uint64_t seed) {
  rlx::PpoConfig config;
  config.learning_rate = rlx::nn::Schedule::linear(1e-3, 0.0);
  config.clip_range = rlx::nn::Schedule::linear(0.2, 0.0);
  config.n_steps = 32;
  config.batch_size = 256;
  config.n_epochs = 20;
  config.gamma = 0.98;
  config.gae_lambda = 0.8;
  return score(seed, {.timesteps = 100'000, .num_envs = 8}, config, mlp(4, 2), [](std::size_t) { return rlx::CartPole(); });
}

double acrobot(std::uint64_t seed) {
  rlx::PpoConfig config;
  config.n_steps = 256;
  config.n_epochs = 4;
  config.gae_lambda = 0.94;
  config.normalize_observation = true;
  config.normalize_reward = true;
  return score(seed, {.timesteps = 500'000, .num_envs = 16}, config, mlp(6, 3), [](std::size_t) { return rlx::Acrobot(); });
}

double mountain_car(std::uint64_t seed) {
  rlx::PpoConfig config;
  config.learning_rate = rlx::nn::Schedule::linear(1e-3, 0.0);
  config.n_steps = 16;
  config.n_epochs = 4;
  config.gae_lambda = 0.98;
  config.normalize_observation = true;
  config.normalize_reward = true;
  return score(seed, {.timesteps = 1'000'000, .num_envs = 16}, config, mlp(2, 3),
               [](std::size_t) { return rlx::MountainCar(); });
}

double pendulum(std::uint64_t seed) {
  rlx::PpoConfig config;
  config.learning_rate = 1e-3;
  config.n_steps = 1'024;
  config.batch_size = 256;
  config.gamma = 0.9;
  return score(seed, {.timesteps = 300'000, .num_envs = 4}, config, mlp(3, 1), [](std::size_t) { return rlx::Pendulum(); });
}

double cart_pole_a2c(std::uint64_t seed) {
  rlx::A2cConfig config;
  config.learning_rate = rlx::nn::Schedule::linear(7e-4, 0.0);
  return score(seed, {.timesteps = 500'000, .num_envs = 8}, config, mlp(4, 2), [](std::size_t) { return rlx::CartPole(); });
}

}  // namespace

std::vector<Gate> classic_gates() {
  return {
      {"ppo.cart_pole",
       "CartPole-v1, 100,000 steps",
       "8 × 32, batch 256, 20 epochs, γ 0.98, λ 0.8, lr 1e-3 and clip 0.2 both linear to 0",
       {.iqm_at_least = 495, .low_at_least = 475},
       cart_pole},
      {"ppo.acrobot",
       "Acrobot-v1, 500,000 steps",
       "16 × 256, 4 epochs, λ 0.94, normalize_observation and _reward",
       {.iqm_at_least = -85},
       acrobot},
      {"ppo.mountain_car",
       "MountainCar-v0, 1,000,000 steps",
       "16 × 16, 4 epochs, λ 0.98, lr 1e-3 linear to 0, normalize_observation and _reward",
       {.iqm_at_least = -115},
       mountain_car},
      {"ppo.pendulum",
       "Pendulum-v1, 300,000 steps",
       "4 × 1,024, batch 256, 10 epochs, γ 0.9, λ 0.95, lr 1e-3",
       {.iqm_at_least = -200},
       pendulum},
      {"a2c.cart_pole", "CartPole-v1, 500,000 steps", "8 × 5, lr 7e-4 linear to 0", {.iqm_at_least = 475}, cart_pole_a2c},
  };
}

}  // namespace rlx_learning
