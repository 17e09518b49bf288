// SPDX-License-Identifier: MIT
/// @file
/// @brief Trains the learner that a configuration belongs to and scores it.
#ifndef RLX_TESTS_LEARNING_SCORE_HPP
#define RLX_TESTS_LEARNING_SCORE_HPP

#include <concepts>
#include <cstdint>

#include <rlx/rl/a2c.hpp>
#include <rlx/rl/ppo.hpp>

#include "learning/gate.hpp"

namespace rlx_learning {

/// `train_and_score` with PPO or A2C. @tparam Config rlx::PpoConfig or rlx::A2cConfig, whose seed is set here
template <class Config, class MakeEnv>
double score(std::uint64_t seed, const TrainOptions& options, Config config, const rlx::nn::GraphSpec& graph,
             const MakeEnv& make) {
  config.seed = seed;
  return train_and_score(seed, options, make, [&](auto& envs, rlx::ThreadPool& pool) {
    if constexpr (std::same_as<Config, rlx::A2cConfig>) {
      return rlx::A2c(config, envs, graph, pool);
    } else {
      return rlx::Ppo(config, envs, graph, pool);
    }
  });
}

}  // namespace rlx_learning

#endif  // RLX_TESTS_LEARNING_SCORE_HPP
