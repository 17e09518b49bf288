// SPDX-License-Identifier: MIT
#include "learner.hpp"

void f(rlx::ThreadPool& pool) {
  rlx::VectorEnv envs({.num_envs = 2}, pool, [](std::size_t) { return Sound(); });
  const rlx::Ppo ppo(rlx::PpoConfig{}, envs, graph(), pool);
  const rlx::A2c a2c({}, envs, graph(), pool, rlx::ScalarCritic{}, rlx::ExpectedReturn{}, rlx::SystemClock{});
}
