// SPDX-License-Identifier: MIT
// expect: rlx: DistortedAdvantage reads the atoms of the return's distribution, which this critic does not have
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/rl/distorted_advantage.hpp>
#include <rlx/rl/ppo.hpp>

void f(rlx::VectorEnv<rlx::CartPole>& envs, rlx::ThreadPool& pool) {
  rlx::Ppo ppo({}, envs, rlx::nn::GraphSpec{}, pool, rlx::ScalarCritic{},
               rlx::DistortedAdvantage(rlx::risk::Distortion::cvar(0.1)));
}
