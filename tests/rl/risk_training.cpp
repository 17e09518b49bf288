// SPDX-License-Identifier: MIT
/// @file
/// @brief Risk objectives inside a learner: the same bytes for any number of threads and after a resume, the metric of steps.
#include <rlx/rl/follow_nu.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/env/running_return.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/episode_cvar.hpp>
#include <rlx/rl/ppo.hpp>
#include <rlx/rl/step_cvar.hpp>

namespace {

/// Rewards are cut at -1; what a step really earned is a metric.
struct CutSeller : rlx::PremiumSeller {
  static inline std::string_view metric = "step_pnl";
  double pnl = 0.0;

  CutSeller() : PremiumSeller({.loss_probability = 0.2}) {}
  static std::array<std::string_view, 2> metric_names() { return {"steps", metric}; }
  void metrics(std::span<double> values) const {
    values[0] = static_cast<double>(info().steps);
    values[1] = pnl;
  }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    rlx::Transition transition = PremiumSeller::step(action, row);
    pnl = transition.reward;
    transition.reward = std::max(pnl, -1.0);
    return transition;
  }
};

using Shown = rlx::RunningReturn<rlx::PremiumSeller>;
using EpisodeLearner = rlx::Ppo<Shown, rlx::ScalarCritic, rlx::EpisodeCvar>;

/// Keeps what it saw.
struct KeepingCvar : rlx::StepCvar {
  using rlx::StepCvar::StepCvar;
  std::vector<float> seen;
  void on_rollout(const rlx::RolloutView& rollout, std::span<float> advantages) {
    seen.assign(rollout.step_pnl.begin(), rollout.step_pnl.end());
    rlx::StepCvar::on_rollout(rollout, advantages);
  }
};
using StepLearner = rlx::Ppo<CutSeller, rlx::ScalarCritic, KeepingCvar>;

constexpr std::size_t num_envs = 16;

/// Episodes have 20 steps, so a rollout of 30 cuts many of them. Minibatches of 240 rows go to several threads.
rlx::PpoConfig small_config() {
  rlx::PpoConfig config;
  config.n_steps = 30;
  config.batch_size = 240;
  config.n_epochs = 2;
  config.gamma = 1.0;
  config.normalize_reward = true;
  config.seed = 4;
  return config;
}
rlx::nn::GraphSpec network(std::size_t observation) {
  return rlx::nn::mlp_actor_critic({.observation = observation, .action = 3, .pi = {16}, .vf = {16}});
}

struct EpisodeRun {
  explicit EpisodeRun(std::size_t threads)
      : pool(threads),
        envs({.num_envs = num_envs, .seed = 3}, pool,
             [](std::size_t) { return Shown(rlx::PremiumSeller({.loss_probability = 0.05}), {.scale = 50.0}); }),
        learner(small_config(), envs, network(4), pool, {}, rlx::EpisodeCvar({.tail = {0.1}, .cvar_weight = 0.5})),
        follow(learner, envs) {}

  void learn(std::uint64_t updates, bool from_zero) {
    learner.learn(updates * 30 * num_envs, {.callbacks = {&follow}, .reset_num_timesteps = from_zero});
  }

  rlx::ThreadPool pool;
  rlx::VectorEnv<Shown> envs;
  EpisodeLearner learner;
  rlx::FollowNu<EpisodeLearner, rlx::VectorEnv<Shown>> follow;
};

struct StepRun {
  explicit StepRun(std::size_t threads)
      : pool(threads),
        envs({.num_envs = num_envs, .seed = 3}, pool, [](std::size_t) { return CutSeller(); }),
        learner(small_config(), envs, network(2), pool, {},
                KeepingCvar({.tail = {0.1}, .cvar_weight = 0.5, .use_metric = true})) {}

  rlx::ThreadPool pool;
  rlx::VectorEnv<CutSeller> envs;
  StepLearner learner;
};

}  // namespace

TEST_CASE("Episode CVaR: threads and a resume change no byte, observations follow the quantile", "[rl][risk][resume]") {
  EpisodeRun one(1);
  one.learn(6, true);
  REQUIRE(one.learner.objective().report().tail_episodes > 2.0);  // some 24 episodes end in a rollout, older ones beside
  for (const std::size_t threads : {2U, 8U}) {
    EpisodeRun other(threads);
    other.learn(6, true);
    REQUIRE(other.learner.state_hash() == one.learner.state_hash());
  }

  const std::string path = "/tmp/rlx_test_risk_" + std::to_string(::getpid()) + ".safetensors";
  EpisodeRun first(2);
  first.learn(3, true);
  first.learner.save(path);
  const double nu = -first.learner.objective().report().var;
  EpisodeRun second(3);
  second.learner.load(path);
  std::remove(path.c_str());
  std::remove(rlx::description_path(path).c_str());
  REQUIRE(-second.learner.objective().report().var == nu);
  second.learn(1, false);
  REQUIRE(second.envs.environment(7).nu() == nu);  // of the rollout that came before
  second.learn(2, false);
  REQUIRE(second.learner.state_hash() == one.learner.state_hash());
}

TEST_CASE("Step CVaR: reads the metric of every step, the last one of an episode too", "[rl][risk]") {
  StepRun run(1);
  run.learner.learn(4 * 30 * num_envs);
  const auto& rollout = run.learner.rollout();
  const std::vector<float>& outcomes = run.learner.objective().seen;
  REQUIRE(outcomes.size() == rollout.rows());
  std::size_t cut = 0;
  for (std::size_t i = 0; i < rollout.rows(); ++i) {
    REQUIRE(rollout.rewards[i] == std::max(outcomes[i], -1.0F));
    cut += outcomes[i] == -50.0F ? 1U : 0U;
  }
  REQUIRE(cut > 10);
  REQUIRE(run.learner.objective().report().cvar > 1.0);  // rewards are never below -1
  for (const std::size_t threads : {2U, 8U}) {
    StepRun other(threads);
    other.learner.learn(4 * 30 * num_envs);
    REQUIRE(other.learner.state_hash() == run.learner.state_hash());
  }

  CutSeller::metric = "pnl";
  REQUIRE_THROWS_AS(StepRun(1), rlx::ConfigError);
  try {
    StepRun none(1);
  } catch (const rlx::ConfigError& error) {
    REQUIRE_THAT(error.what(), rlx_test::ContainsSubstring("'step_pnl', found only steps, pnl"));
  }
  CutSeller::metric = "step_pnl";
}

TEST_CASE("VectorEnv: gives the metrics of a running episode", "[rl][risk]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv<CutSeller> envs({.num_envs = 2, .seed = 1}, pool, [](std::size_t) { return CutSeller(); });
  envs.reset();
  const std::vector<std::int32_t> actions{0, 1};
  std::vector<double> values(envs.num_metrics());
  for (int i = 1; i < 20; ++i) {
    envs.step(rlx::MatrixView<const std::int32_t>(actions.data(), 2, 1));
    envs.metrics(0, values);
    REQUIRE(envs.rewards()[0] == std::max(values[1], -1.0));
    envs.metrics(1, values);
    REQUIRE(values == std::vector<double>{static_cast<double>(i), 0.3});
  }
}
