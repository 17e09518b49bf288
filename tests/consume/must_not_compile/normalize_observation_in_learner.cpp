// SPDX-License-Identifier: MIT
// expect: pass the unwrapped VectorEnv and set normalize_observation / normalize_reward in the learner
#include "learner.hpp"

void f(rlx::VectorEnv<Sound>& envs, rlx::ThreadPool& pool) {
  rlx::NormalizeObservation scaled(envs);
  const rlx::Ppo ppo({}, scaled, graph(), pool);
}
