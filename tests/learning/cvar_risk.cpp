// SPDX-License-Identifier: MIT
/// @file
/// @brief Gates on tasks whose better mean hides a tail: at which weight of CVaR a policy turns to the safe action.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/env/classic/two_arm_bandit.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/cvar_constraint.hpp>
#include <rlx/rl/episode_cvar.hpp>
#include <rlx/rl/evaluation.hpp>
#include <rlx/rl/ppo.hpp>
#include <rlx/rl/step_cvar.hpp>

#include "learning/gate.hpp"
#include "learning/premium_seller.hpp"

namespace rlx_learning {
namespace {

/// Whole rollouts are minibatches, so that the rare loss is in each as long as the risky action is tried.
rlx::PpoConfig whole_rollouts(std::uint64_t seed, std::size_t n_steps, double learning_rate) {
  rlx::PpoConfig config;
  config.learning_rate = learning_rate;
  config.n_steps = n_steps;
  config.batch_size = 16 * n_steps;
  config.n_epochs = 8;
  config.seed = seed;
  return config;
}

/// Trains on 16 copies of E. @return the policy
template <class E, class Objective>
rlx::InferencePolicy trained(const rlx::PpoConfig& config, std::uint64_t timesteps, const Objective& objective) {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv<E> envs({.num_envs = 16, .seed = config.seed}, pool, [](std::size_t) { return E(); });
  const auto actions = static_cast<std::size_t>(envs.action_space().n);
  rlx::Ppo<E, rlx::ScalarCritic, Objective> ppo(
      config, envs,
      rlx::nn::mlp_actor_critic({.observation = envs.observation_size(), .action = actions, .pi = {16}, .vf = {16}}), pool, {},
      objective);
  ppo.learn(timesteps);
  return ppo.policy();
}

std::vector<float> probabilities(const rlx::InferencePolicy& policy, const std::vector<float>& observation,
                                 const std::vector<std::uint8_t>& mask) {
  std::vector<float> p(policy.layout().num_actions);
  auto workspace = policy.make_workspace();
  policy.probabilities(observation, mask, p, workspace);
  return p;
}

/// Probability of the bandit's sure arm.
template <class Objective>
double sure_arm(std::uint64_t seed, const Objective& objective) {
  const rlx::InferencePolicy policy = trained<rlx::TwoArmBandit>(whole_rollouts(seed, 64, 5e-3), 163'840, objective);
  return static_cast<double>(probabilities(policy, {1.0F}, {})[1]);
}

/// The step alone is credited (lambda 0): nothing later depends on the action.
rlx::InferencePolicy premium_seller(std::uint64_t seed, double weight) {
  rlx::PpoConfig config = whole_rollouts(seed, 256, 3e-3);
  config.gae_lambda = 0.0;
  return trained<rlx::PremiumSeller>(config, 614'400, rlx::StepCvar({.tail = {0.05}, .cvar_weight = weight}));
}

/// Share of an episode's steps whose most probable action is the hedge.
double hedged_share(const rlx::InferencePolicy& policy) {
  int hedged = 0;
  for (int step = 0; step < 20; ++step) {
    const bool odd = step % 2 == 1;
    const std::vector<float> row{static_cast<float>(step) / 20.0F, odd ? 1.0F : 0.0F};
    const std::vector<float> p = probabilities(policy, row, {1, 1, static_cast<std::uint8_t>(odd ? 0 : 1)});
    hedged += std::max_element(p.begin(), p.end()) == p.begin() + 1 ? 1 : 0;
  }
  return hedged / 20.0;
}

template <class Objective>
Gate bandit_gate(const std::string& name, const std::string& setting, const Criterion& criterion, const Objective& objective) {
  return {"ppo.bandit_" + name, "probability of the sure arm of TwoArmBandit, 163,840", setting, criterion,
          [objective](std::uint64_t seed) { return sure_arm(seed, objective); }};
}
Gate seller_gate(const std::string& name, double weight, const std::string& setting, const Criterion& criterion) {
  return {"ppo.premium_seller_" + name, "share of steps of PremiumSeller that the policy hedges, 614,400", setting, criterion,
          [weight](std::uint64_t seed) { return hedged_share(premium_seller(seed, weight)); }};
}

}  // namespace

std::vector<Gate> cvar_risk_gates() {
  const Criterion sure{.every_at_least = 0.95};
  return {
      bandit_gate("mean", "EpisodeCvar(0.1), weight 0", {.every_at_most = 0.05}, rlx::EpisodeCvar({.tail = {0.1}})),
      bandit_gate("episode_cvar", "EpisodeCvar(0.1), weight 1", sure, rlx::EpisodeCvar({.tail = {0.1}, .cvar_weight = 1.0})),
      bandit_gate("step_cvar", "StepCvar(0.1), weight 1", sure, rlx::StepCvar({.tail = {0.1}, .cvar_weight = 1.0})),
      // The worst tenth of episodes brings -5 from the risky arm and 0.2 from the sure one.
      bandit_gate("constraint_binding", "CvarConstraint(0.1), at least 0.1, η 0.05", sure,
                  rlx::CvarConstraint({.episode = {.tail = {0.1}}, .c_min = 0.1})),
      bandit_gate("constraint_slack", "CvarConstraint(0.1), at least -6, η 0.05", {.every_at_most = 0.05},
                  rlx::CvarConstraint({.episode = {.tail = {0.1}}, .c_min = -6.0})),
      // The means of hedge and risk are equal at 0.02.
      seller_gate("below", 0.008, "StepCvar(0.05), weight 0.008", {.every_at_most = 0.0}),
      seller_gate("above", 0.06, "StepCvar(0.05), weight 0.06", {.every_at_least = 1.0})};
}

rlx::Frontier premium_seller_frontier() {
  return rlx::run_sweep({.weights = {0, 0.005, 0.06, 0.2}, .min_mean_fraction = 0.5}, [](const rlx::SweepCell& cell) {
    const rlx::Evaluation played =
        rlx::evaluate_policy(premium_seller(cell.seed, cell.weight), [](std::size_t) { return rlx::PremiumSeller(); },
                             {.n_eval_episodes = 2'000, .seed = 77});
    rlx::SweepOutcome outcome;
    outcome.returns = played.returns();
    outcome.drawdowns.resize(outcome.returns.size());
    return outcome;
  });
}

}  // namespace rlx_learning
