// SPDX-License-Identifier: MIT
/// @file
/// @brief Gates on a bandit whose better mean hides a tail: which arm a distortion of the learnt distribution chooses.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rlx/env/classic/two_arm_bandit.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/distorted_advantage.hpp>
#include <rlx/rl/ppo.hpp>

#include "learning/gate.hpp"

namespace rlx_learning {
namespace {

using rlx::risk::Distortion;

rlx::PpoConfig bandit_config(std::uint64_t seed) {
  rlx::PpoConfig config;
  config.learning_rate = 5e-3;
  config.n_steps = 64;
  config.batch_size = 1024;  // a whole rollout, so that the rare loss is in every minibatch as long as the risky arm is tried
  config.n_epochs = 8;
  config.seed = seed;
  return config;
}

/// Probability of the sure arm after training with that distortion.
double sure_arm(std::uint64_t seed, const Distortion& distortion) {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 16, .seed = seed}, pool, [](std::size_t) { return rlx::TwoArmBandit(); });
  const rlx::QuantileCritic critic;
  rlx::Ppo ppo(bandit_config(seed), envs,
               rlx::nn::mlp_actor_critic({.observation = 1, .action = 2, .pi = {16}, .vf = {16}, .value = critic.outputs()}),
               pool, critic, rlx::DistortedAdvantage(distortion));
  ppo.learn(163'840);
  const rlx::InferencePolicy policy = ppo.policy();
  auto workspace = policy.make_workspace();
  const std::vector<float> observation{1.0F};
  std::vector<float> p(2);
  policy.probabilities(observation, {}, p, workspace);
  return static_cast<double>(p[1]);
}

Gate bandit_gate(const std::string& name, const std::string& setting, const Criterion& criterion,
                 const Distortion& distortion) {
  return {"ppo.bandit_quantile_" + name, "probability of the sure arm of TwoArmBandit, 163,840", setting, criterion,
          [distortion](std::uint64_t seed) { return sure_arm(seed, distortion); }};
}

}  // namespace

std::vector<Gate> quantile_risk_gates() {
  const Criterion sure{.every_at_least = 0.95};
  return {bandit_gate("mean", "quantile critic, mean", {.every_at_most = 0.05}, Distortion::mean()),
          bandit_gate("cvar", "quantile critic, CVaR(0.1)", sure, Distortion::cvar(0.1)),
          bandit_gate("wang", "quantile critic, Wang(1.5)", sure, Distortion::wang(1.5)),
          bandit_gate("power", "quantile critic, power(9)", sure, Distortion::power(9))};
}

}  // namespace rlx_learning
