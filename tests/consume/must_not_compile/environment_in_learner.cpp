// SPDX-License-Identifier: MIT
// expect: pass `rlx::VectorEnv envs({.num_envs = 8}, pool, make)` instead
#include "learner.hpp"

void f(rlx::ThreadPool& pool) {
  Sound env;
  const rlx::Ppo ppo({}, env, graph(), pool);
}
