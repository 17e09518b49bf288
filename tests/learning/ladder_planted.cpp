// SPDX-License-Identifier: MIT
/// @file
/// @brief A gate on the option ladder: one profile sells above its worth; does PPO find it.
#include <cstdint>
#include <vector>

#include "learning/gate.hpp"
#include "learning/ladder.hpp"

namespace rlx_learning {
namespace {

/// Percent of its legs that are of the profile with the edge; 0 for an agent that does not earn more than a random one.
double planted_ladder(std::uint64_t seed) {
  static const PlantedMarket market(944);
  const LadderScore agent = train_and_play(market, seed, 300'000, 20), random = play_random(market.later, 20);
  return agent.mean_return > random.mean_return ? 100.0 * agent.moderate_share : 0.0;
}

}  // namespace

std::vector<Gate> ladder_gates() {
  return {{"ppo.ladder_planted",
           "LadderEnv on a synthetic chain whose moderate band sells 20 % too dear, 300,000 steps; score: percent of moderate "
           "legs on a later range, 0 if a random agent earns more",
           "8 × 112, batch 128, 4 epochs, γ 0.9, lr 1e-3 linear to 0, entropy 0.003, normalize_reward",
           {.every_at_least = 90},
           planted_ladder}};
}

}  // namespace rlx_learning
