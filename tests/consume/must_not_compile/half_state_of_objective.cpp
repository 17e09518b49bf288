// SPDX-License-Identifier: MIT
// expect: state of a critic or risk objective needs both `void save_state(rlx::StateWriter&) const`
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/rl/ppo.hpp>

struct Counting : rlx::ExpectedReturn {
  void save_state(rlx::StateWriter&) const {}
};
void f(rlx::VectorEnv<rlx::CartPole>& envs, rlx::ThreadPool& pool) {
  rlx::Ppo ppo({}, envs, rlx::nn::GraphSpec{}, pool, rlx::ScalarCritic{}, Counting{});
}
