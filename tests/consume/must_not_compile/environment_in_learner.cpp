// SPDX-License-Identifier: MIT
// expect: a learner trains on a VectorEnv; pass `rlx::VectorEnv envs({.num_envs = 8}, pool, make)` instead
#include "learner.hpp"

void f(rlx::ThreadPool& pool) {
  Sound env;
  const rlx::Ppo ppo({}, env, graph(), pool);
}
