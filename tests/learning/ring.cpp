// SPDX-License-Identifier: MIT
/// @file
/// @brief The value of an endless task under a time limit, which is wrong if a cut is taken for an end.
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <rlx/env/testing.hpp>
#include <rlx/env/time_limit.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/ppo.hpp>

#include "learning/gate.hpp"

namespace rlx_learning {
namespace {

/// A ring of four states, cut after eight steps; `as_end` reports the cut as an end, which is the mistake to be seen.
struct CutRing {
  using ActionScalar = std::int32_t;
  explicit CutRing(bool end) : as_end(end), inner(rlx::RingEnv(4), 8) {}
  bool as_end;
  rlx::TimeLimit<rlx::RingEnv> inner;
  const rlx::Box& observation_space() const { return inner.observation_space(); }
  const rlx::Discrete& action_space() const { return inner.action_space(); }
  const auto& info() const { return inner.info(); }
  void reset(std::uint64_t seed, std::span<float> row) { inner.reset(seed, row); }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    rlx::Transition t = inner.step(action, row);
    if (as_end && t.truncated) t = {t.reward, true, false};
    return t;
  }
};

/// |V(state 0) - 1 / (1 - 0.98)| after 100 rollouts.
double value_error(std::uint64_t seed, bool as_end) {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 1, .seed = seed}, pool, [&](std::size_t) { return CutRing(as_end); });
  const auto actions = static_cast<std::size_t>(envs.action_space().n);
  rlx::PpoConfig config;
  config.learning_rate = 3e-3;
  config.n_steps = 512;
  config.gamma = 0.98;
  config.seed = seed;
  rlx::Ppo ppo(config, envs, rlx::nn::mlp_actor_critic({.observation = 4, .action = actions}), pool);
  ppo.learn(100 * 512);
  const std::vector<float> state_0{1, 0, 0, 0};
  return std::abs(static_cast<double>(ppo.predict(state_0).value) - 50.0);
}

const char* const setting = "n_steps 512, batch 64, 10 epochs, lr 3e-3, γ 0.98";

}  // namespace

std::vector<Gate> ring_gates() {
  return {
      {"ppo.ring",
       "RingEnv(4), TimeLimit 8, 100 rollouts: how far V(state 0) is from 50",
       setting,
       {.every_at_most = 1},
       [](std::uint64_t seed) { return value_error(seed, false); }},
      {"ppo.ring_cut_as_end", "the same with a cut taken for an end", setting, {.every_at_least = 1}, [](std::uint64_t seed) {
         return value_error(seed, true);
       }}};
}

}  // namespace rlx_learning
