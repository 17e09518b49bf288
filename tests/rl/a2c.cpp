// SPDX-License-Identifier: MIT
#include <rlx/rl/a2c.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rl/training_run.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

using A2c = rlx::A2c<SourcedMaskedEnv>;
using Run = TrainingRun<A2c, SourcedMaskedEnv>;

rlx::A2cConfig small_config() {
  rlx::A2cConfig config;
  config.n_steps = 6;
  config.gamma = 0.4;
  config.learning_rate = rlx::nn::Schedule::linear(3e-3, 1e-3);
  config.ent_coef = 0.01;
  config.gradient_shards = 5;
  config.normalize_observation = true;
  config.normalize_reward = true;
  config.seed = 5;
  return config;
}

SourcedMaskedEnv make_env(std::size_t) { return SourcedMaskedEnv(); }

std::unique_ptr<Run> make_run(const rlx::A2cConfig& config, const rlx::nn::GraphSpec& graph, std::size_t threads) {
  auto run = std::make_unique<Run>(config, graph, make_env, threads, 20);
  run->envs.set_sampler(EarningsSampler{});
  return run;
}
auto maker(const rlx::A2cConfig& config, const rlx::nn::GraphSpec& graph) {
  return [=](std::size_t threads) { return make_run(config, graph, threads); };
}

}  // namespace

TEST_CASE("A2C: the bytes do not depend on the number of threads", "[rl][a2c]") {
  for (const rlx::nn::GraphSpec& graph : {mlp_of_seven(), slots_of_seven(), lstm_of_seven()})
    require_equal_for_all_threads(maker(small_config(), graph));
}

TEST_CASE("A2C: saving, loading and learning on equals learning without interruption", "[rl][a2c][resume]") {
  rlx::A2cConfig config = small_config();
  require_exact_resume("a2c_rms_prop", maker(config, mlp_of_seven()));
  require_exact_resume("a2c_lstm", maker(config, lstm_of_seven()));
  config.use_rms_prop = false;
  config.normalize_reward = false;
  config.normalize_value = true;
  config.normalize_advantage = true;
  require_exact_resume("a2c_adam", maker(config, mlp_of_seven()));
}

TEST_CASE("A2C: callbacks, logs, evaluation and saving change nothing", "[rl][a2c]") {
  require_unwatched_bytes(maker(small_config(), mlp_of_seven()), make_env);
  require_unwatched_bytes(maker(small_config(), lstm_of_seven()), make_env);
}

TEST_CASE("A2C: a checkpoint of another run is refused, and nothing changes", "[rl][a2c][resume]") {
  const ScratchFile file("a2c_other");
  const rlx::A2cConfig config = small_config();
  const auto saved = make_run(config, mlp_of_seven(), 1);
  saved->learner.learn(2 * saved->rollout());
  saved->learner.save(file.path);

  rlx::A2cConfig changed = config;
  changed.learning_rate = 1e-4;
  const auto other = make_run(changed, mlp_of_seven(), 1);
  other->learner.learn(other->rollout());
  require_refused(other->learner, file.path, "learning_rate: saved");
  other->learner.load(file.path, {.allow = {"learning_rate"}});
  REQUIRE(other->learner.state_hash() == saved->learner.state_hash());

  changed = config;
  changed.use_rms_prop = false;
  const auto adam = make_run(changed, mlp_of_seven(), 1);
  require_refused(adam->learner, file.path, "use_rms_prop: saved true, here false");
  // Even if the key may differ, the moments do not fit.
  require_refused(adam->learner, file.path, "optimizer/", {.allow = {"use_rms_prop"}});

  rlx::PpoConfig ppo_config;
  ppo_config.n_steps = 6;
  rlx::Ppo ppo(ppo_config, other->envs, mlp_of_seven(), other->pool);
  require_refused(ppo, file.path, "expected a ppo checkpoint of version 1, found format \"rlx-checkpoint\", algorithm \"a2c\"");
  ppo.save(file.path);
  require_refused(other->learner, file.path, "expected a a2c checkpoint");
}

TEST_CASE("A2C: one step per rollout, on the gradient of -mean(A log pi) + vf_coef mean (v - R)^2", "[rl][a2c]") {
  rlx::A2cConfig config;
  config.n_steps = 4;
  config.gamma = 0.9;
  config.max_grad_norm = std::numeric_limits<double>::infinity();
  config.vf_coef = 0.25;
  config.use_rms_prop = false;  // Adam's first moment is a tenth of the first gradient
  config.gradient_shards = 3;
  const rlx::nn::GraphSpec linear = rlx::nn::mlp_actor_critic({.observation = 7, .action = 7, .pi = {}, .vf = {}});
  Run run(config, linear, make_env, 1, 3);
  const rlx::InferencePolicy before = run.learner.policy();
  run.learner.learn(run.rollout());
  REQUIRE(run.learner.last_update().minibatches == 1);
  REQUIRE(run.learner.n_updates() == 1);
  REQUIRE(run.learner.last_update().learning_rate == 7e-4);

  const auto& rollout = run.learner.rollout();
  const auto rows = static_cast<double>(rollout.rows());
  std::vector<double> actor(7), critic(1);
  auto workspace = before.make_workspace();
  std::vector<float> p(7);
  double policy_loss = 0.0;
  for (std::size_t row = 0; row < rollout.rows(); ++row) {
    before.probabilities(rollout.observation(row), rollout.mask(row), p, workspace);
    const auto advantage = static_cast<double>(rollout.advantages[row]);
    const auto action = static_cast<std::size_t>(rollout.action(row)[0]);
    for (std::size_t j = 0; j < 7; ++j) actor[j] -= advantage * ((j == action ? 1.0 : 0.0) - static_cast<double>(p[j])) / rows;
    critic[0] += 0.25 * 2.0 * static_cast<double>(rollout.values[row] - rollout.targets[row]) / rows;
    policy_loss -= advantage * std::log(static_cast<double>(p[action])) / rows;
  }
  REQUIRE_THAT(run.learner.last_update().policy_gradient_loss, WithinAbs(policy_loss, 1e-6));

  const ScratchFile file("a2c_moments");
  run.learner.save(file.path);
  const auto saved = rlx::io::Safetensors::open(file.path);
  const std::vector<float> m = saved.values<float>("optimizer/m");
  std::size_t found = 0;
  for (const rlx::nn::TensorInfo& tensor : run.learner.parameters().layout()) {
    if (!tensor.name.ends_with(".bias")) continue;
    const std::vector<double>& expected = tensor.size == 7 ? actor : critic;
    REQUIRE(tensor.size == expected.size());
    for (std::size_t j = 0; j < tensor.size; ++j)
      REQUIRE_THAT(static_cast<double>(m.at(tensor.offset + j)), WithinAbs(0.1 * expected[j], 1e-6));
    ++found;
  }
  REQUIRE(found == 2);
}

TEST_CASE("A2C: nothing is allocated between the second and the tenth iteration", "[rl][a2c][allocation]") {
  for (const rlx::nn::GraphSpec& graph : {mlp_of_seven(), lstm_of_seven()}) {
    const auto run = make_run(small_config(), graph, 2);
    require_no_allocation(*run);
  }
}

TEST_CASE("A2C: there is no clipping, so nothing of it is logged", "[rl][a2c]") {
  const auto run = make_run(small_config(), mlp_of_seven(), 1);
  rlx::Logger logger;
  run->learner.learn(2 * run->rollout(), {.logger = &logger});
  for (const char* const key : {"train/entropy", "train/grad_norm", "train/learning_rate", "train/value_loss"}) {
    INFO(key);
    REQUIRE(rlx::is_finite(logger.value(key)));
  }
  REQUIRE_FALSE(rlx::is_finite(logger.value("train/clip_range")));
  REQUIRE_FALSE(rlx::is_finite(logger.value("train/clip_fraction")));
}

TEST_CASE("A2C: configurations that cannot work are refused by name", "[rl][a2c][errors]") {
  const auto refused = [](auto change, const std::string& part) {
    rlx::A2cConfig config = small_config();
    change(config);
    try {
      make_run(config, mlp_of_seven(), 1);
      FAIL("expected ConfigError with " + part);
    } catch (const rlx::ConfigError& error) {
      REQUIRE_THAT(error.what(), ContainsSubstring(part));
    }
  };
  refused([](rlx::A2cConfig& c) { c.n_steps = 0; }, "A2cConfig.n_steps = 0");
  refused([](rlx::A2cConfig& c) { c.rms_prop_alpha = 1.0; }, "A2cConfig.rms_prop_alpha");
  refused([](rlx::A2cConfig& c) { c.weight_decay = 0.1; }, "use_rms_prop = false");
  refused([](rlx::A2cConfig& c) { c.normalize_value = true; }, "A2cConfig.normalize_value");
  refused([](rlx::A2cConfig& c) { c.gradient_shards = 121; }, "A2cConfig.gradient_shards = 121");
}
