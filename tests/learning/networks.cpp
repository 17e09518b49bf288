// SPDX-License-Identifier: MIT
/// @file
/// @brief Gates on large networks: does the modular network of 791,989 parameters learn.
#include <algorithm>
#include <cstdint>
#include <span>

#include <rlx/env/testing.hpp>
#include <rlx/nn/networks.hpp>

#include "learning/score.hpp"

namespace rlx_learning {
namespace {

/// InvalidActionEnv(36, 26) at the front of 275 inputs, the others 0.
struct Padded {
  using ActionScalar = std::int32_t;
  rlx::InvalidActionEnv inner{36, 26};
  rlx::Box box = rlx::Box::uniform(275, 0.0F, 1.0F);
  const rlx::Box& observation_space() const { return box; }
  const rlx::Discrete& action_space() const { return inner.action_space(); }
  const rlx::InvalidActionEnv::Info& info() const { return inner.info(); }
  void reset(std::uint64_t seed, std::span<float> row) {
    std::fill(row.begin(), row.end(), 0.0F);
    inner.reset(seed, row.first(36));
  }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    std::fill(row.begin(), row.end(), 0.0F);
    return inner.step(action, row.first(36));
  }
  void action_masks(std::span<std::uint8_t> mask) const { inner.action_masks(mask); }
};

double slot_network(std::uint64_t seed) {
  rlx::nn::SlotSpec spec;
  spec.observation = 275;
  spec.action = 36;
  spec.flats = {{"config", 0, 5, 16}, {"portfolio", 5, 10, 32}};
  spec.slots = {{"positions", 15, 5, 12, {}, 32, 2, 64}, {"opportunities", 75, 10, 20, {}, 64, 4, 128}};
  rlx::PpoConfig config;
  config.n_steps = 128;
  config.batch_size = 128;
  config.n_epochs = 4;
  config.gamma = 0.4;
  config.target_kl = 0.05;
  return score(seed, {.timesteps = 100'000, .num_envs = 16}, config, rlx::nn::slot_actor_critic(spec),
               [](std::size_t) { return Padded(); });
}

}  // namespace

std::vector<Gate> network_gates() {
  return {{"ppo.slot_network",
           "InvalidActionEnv(36, 26) padded to 275 inputs, 100,000 steps",
           "slot network of 791,989 parameters, 16 × 128, batch 128, 4 epochs, γ 0.4, target_kl 0.05",
           {.every_at_least = 90},
           slot_network}};
}

}  // namespace rlx_learning
