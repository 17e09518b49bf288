// SPDX-License-Identifier: MIT
/// @file
/// @brief What `train` and `frontier` learn with: sizes, PPO's settings, the network.
#ifndef FUNDING_ARBITRAGE_PPO_LEARNER_SETUP_HPP
#define FUNDING_ARBITRAGE_PPO_LEARNER_SETUP_HPP

#include "options.hpp"

#include <rlx/nn/graph_spec.hpp>
#include <rlx/rl/ppo_config.hpp>

#include <cstddef>
#include <cstdint>

namespace app {

/// Sizes that follow from the flags: short runs use fewer environments and shorter rollouts, so that they still update.
struct Sizes {
  std::size_t n_envs, n_steps, batch_size;
  std::uint64_t total_steps;
};

Sizes sizes_of(const Options& o);
rlx::PpoConfig ppo_config(const Options& o, const Sizes& sizes);
/// @param appended  columns behind those of the environment
rlx::nn::GraphSpec network_of(const Options& o, std::size_t appended = 0);

}  // namespace app

#endif  // FUNDING_ARBITRAGE_PPO_LEARNER_SETUP_HPP
