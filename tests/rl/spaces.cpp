// SPDX-License-Identifier: MIT
// The learners on MultiDiscrete, Box (clipped and squashed) and Simplex actions.
#include <rlx/rl/ppo.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <rlx/rl/a2c.hpp>

#include "rl/training_run.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

rlx::PpoConfig ppo_config() {
  rlx::PpoConfig config;
  config.n_steps = 8;
  config.batch_size = 40;
  config.n_epochs = 3;
  config.gamma = 0.6;
  config.learning_rate = rlx::nn::Schedule::linear(5e-3, 0.0);
  config.ent_coef = 0.01;
  config.gradient_shards = 3;
  config.normalize_observation = true;
  config.normalize_value = true;
  config.seed = 5;
  return config;
}
rlx::A2cConfig a2c_config() {
  rlx::A2cConfig config;
  config.n_steps = 6;
  config.gamma = 0.6;
  config.ent_coef = 0.01;
  config.gradient_shards = 3;
  config.normalize_observation = true;
  config.normalize_value = true;
  config.seed = 5;
  return config;
}

template <class S>
using PpoRun = TrainingRun<rlx::Ppo<typename S::Env>, typename S::Env>;
template <class S>
using A2cRun = TrainingRun<rlx::A2c<typename S::Env>, typename S::Env>;

template <class Run, class S, class Config>
std::unique_ptr<Run> make_run(Config config, std::size_t threads = 1, std::size_t lstm = 0, std::size_t width = 16) {
  config.squash = S::squash;
  return std::make_unique<Run>(config, S::graph(lstm, width), S::make, threads, 16);
}
template <class S>
auto ppo_maker(const rlx::PpoConfig& config = ppo_config(), std::size_t lstm = 0, std::size_t width = 16) {
  return [=](std::size_t threads) { return make_run<PpoRun<S>, S>(config, threads, lstm, width); };
}
template <class S>
auto a2c_maker(const rlx::A2cConfig& config = a2c_config(), std::size_t width = 16) {
  return [=](std::size_t threads) { return make_run<A2cRun<S>, S>(config, threads, 0, width); };
}

}  // namespace

TEMPLATE_TEST_CASE("Action spaces: the bytes do not depend on the number of threads", "[rl][spaces]", Choices, Numbers,
                   Squashed, Weights) {
  require_equal_for_all_threads(ppo_maker<TestType>(ppo_config(), 0, TestType::wide));
  require_equal_for_all_threads(ppo_maker<TestType>(ppo_config(), 6, TestType::wide));
  require_equal_for_all_threads(a2c_maker<TestType>(a2c_config(), TestType::wide));
}

TEMPLATE_TEST_CASE("Action spaces: saving, loading and learning on equals learning without interruption",
                   "[rl][spaces][resume]", Choices, Numbers, Squashed, Weights) {
  const std::string name = TestType::name;
  require_exact_resume("ppo_" + name, ppo_maker<TestType>(ppo_config(), 0, TestType::wide));
  require_exact_resume("lstm_" + name, ppo_maker<TestType>(ppo_config(), 6, TestType::wide));
  require_exact_resume("a2c_" + name, a2c_maker<TestType>(a2c_config(), TestType::wide));
}

TEMPLATE_TEST_CASE("Action spaces: callbacks, logs, evaluation and saving change nothing", "[rl][spaces]", Choices, Numbers,
                   Squashed, Weights) {
  require_unwatched_bytes(ppo_maker<TestType>(), TestType::make);
  require_unwatched_bytes(a2c_maker<TestType>(), TestType::make);
}

TEMPLATE_TEST_CASE("Action spaces: nothing is allocated between the second and the tenth iteration", "[rl][spaces][allocation]",
                   Choices, Numbers, Squashed, Weights) {
  require_no_allocation(*ppo_maker<TestType>()(2));
  require_no_allocation(*ppo_maker<TestType>(ppo_config(), 6)(2));
  require_no_allocation(*a2c_maker<TestType>()(2));
}

TEMPLATE_TEST_CASE("Action spaces: as long as the parameters stay the ratio is 1", "[rl][spaces]", Choices, Numbers, Squashed,
                   Weights) {
  for (const std::size_t lstm : {0U, 6U}) {
    const auto run = ppo_maker<TestType>(ppo_config(), lstm)(2);
    strengthen(run->learner.parameters(), run->learner.layout().num_actions, 100.0F);
    run->learner.learn(4 * run->rollout());
    const rlx::UpdateMetrics& last = run->learner.last_update();
    REQUIRE(last.learning_rate == 0.0);  // so every minibatch is a first one
    REQUIRE(last.minibatches == 3 * 4);
    REQUIRE(last.clip_fraction == 0.0);
    REQUIRE(std::abs(last.approx_kl_k1) <= 1e-6);
    REQUIRE(last.approx_kl <= 1e-9);
  }
}

TEMPLATE_TEST_CASE("Action spaces: a checkpoint of other normalisation or learning rate is refused", "[rl][spaces][resume]",
                   Choices, Numbers, Squashed, Weights) {
  const ScratchFile file(std::string("spaces_") + TestType::name);
  const auto saved = ppo_maker<TestType>()(1);
  saved->learner.learn(saved->rollout());
  saved->learner.save(file.path);
  rlx::PpoConfig config = ppo_config();
  config.normalize_value = false;
  config.learning_rate = 1e-3;
  const auto other = ppo_maker<TestType>(config)(1);
  other->learner.learn(other->rollout());
  require_refused(other->learner, file.path, "normalize_value: saved true, here false");
  require_refused(other->learner, file.path, "learning_rate: saved");
  require_refused(other->learner, file.path, "normalizer/value", {.allow = {"normalize_value", "learning_rate"}});
}

TEST_CASE("Box: a squashed checkpoint is refused by a learner that clips", "[rl][spaces][resume]") {
  const ScratchFile file("squash");
  const auto squashed = ppo_maker<Squashed>()(1);
  squashed->learner.save(file.path);
  PpoRun<Numbers> clipped(ppo_config(), Numbers::graph(), Squashed::make);
  require_refused(clipped.learner, file.path, "squash: saved true, here false");
}

TEST_CASE("Box: squashing without bounds is refused", "[rl][spaces][errors]") {
  rlx::PpoConfig config = ppo_config();
  config.squash = true;
  REQUIRE_THROWS_WITH(PpoRun<Numbers>(config, Numbers::graph(), Numbers::make),
                      ContainsSubstring("squash = true needs bounds: element 2"));
  const auto flat = rlx::detail::GaussianHead({0.0F, 1.0F}, {1.0F, 1.0F}, false);
  REQUIRE(flat.outputs() == 2);
  REQUIRE_THROWS_WITH(rlx::detail::GaussianHead({0.0F, 1.0F}, {1.0F, 1.0F}, true), ContainsSubstring("element 1"));
}

TEST_CASE("MultiDiscrete: invalid choices are never taken", "[rl][spaces]") {
  const auto run = ppo_maker<Choices>()(1);
  run->learner.learn(4 * run->rollout());
  const auto& rollout = run->learner.rollout();
  const std::vector<std::size_t> begin{0, 3, 7};
  for (std::size_t row = 0; row < rollout.rows(); ++row) {
    for (std::size_t c = 0; c < 3; ++c)
      REQUIRE(rollout.mask(row)[begin[c] + static_cast<std::size_t>(rollout.action(row)[c])] != 0);
  }
}

TEST_CASE("Simplex: weights are those of a portfolio, 0 where the mask forbids", "[rl][spaces]") {
  const auto run = ppo_maker<Weights>()(1);
  run->learner.learn(4 * run->rollout());
  const auto& rollout = run->learner.rollout();
  for (std::size_t row = 0; row < rollout.rows(); ++row) {
    double sum = 0.0;
    for (std::size_t i = 0; i < 5; ++i) {
      const float weight = rollout.action(row)[i];
      REQUIRE((rollout.mask(row)[i] != 0 ? weight > 0.0F : weight == 0.0F));
      sum += static_cast<double>(weight);
    }
    REQUIRE_THAT(sum, WithinAbs(1.0, 1e-6));
  }
}

TEST_CASE("Box: numbers that are not finite are named, and the parameters stay", "[rl][spaces][errors]") {
  rlx::PpoConfig config = ppo_config();
  config.normalize_observation = false;
  const auto run = ppo_maker<Numbers>(config)(2);
  auto& store = run->learner.parameters();
  REQUIRE(store.layout().front().name == "log_std");
  SECTION("observation and reward") {
    run->envs.environment(9).nan_observation_at = 1;
    require_numeric_error(run->learner, "observation[1]", 9, "observation[1] of environment 9, episode 0, step 1 is nan");
    run->envs.environment(9).nan_observation_at = 0;
    run->envs.environment(6).nan_reward_at = 1;
    require_numeric_error(run->learner, "reward", 6, "reward of environment 6, episode 1, step 1 is nan");
  }
  SECTION("log_std") {
    for (const float broken : {nan_f, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
      store.parameters()[1] = broken;
      require_numeric_error(run->learner, "log_std", 0, "log_std[1] is not finite at environment 0, step 0;");
    }
  }
  SECTION("means") {
    const rlx::nn::TensorInfo first = store.layout().at(1);
    REQUIRE(first.group == "actor");
    run->learner.learn(run->rollout());
    store.parameters()[first.offset] = nan_f;
    require_numeric_error(run->learner, "action", 0, "mean[0] is not finite at environment 0, step 8;");
  }
  SECTION("means and log_std in the update") {
    struct Break final : rlx::Callback {
      std::size_t at = 0;
      bool on_rollout_end(rlx::Learner& learner) override {
        dynamic_cast<rlx::Ppo<NumbersEnv>&>(learner).parameters().parameters()[at] = nan_f;
        return true;
      }
    } callback;
    for (const bool std : {false, true}) {
      const auto fresh = ppo_maker<Numbers>(config)(2);
      callback.at = std ? 0 : store.layout().at(1).offset;
      try {
        fresh->learner.learn(fresh->rollout(), {.callbacks = {&callback}});
        FAIL("expected NumericError");
      } catch (const rlx::NumericError& error) {
        REQUIRE(error.tensor() == (std ? "log_std" : "action"));
        REQUIRE_THAT(error.what(), ContainsSubstring("at update 0, epoch 0, minibatch 0"));
      }
    }
  }
  SECTION("gradient and loss") {
    for (const bool in_gradient : {true, false}) {
      config.normalize_value = false;
      rlx::Ppo ppo(config, run->envs, Numbers::graph(), run->pool, NanCritic(in_gradient));
      require_numeric_error(ppo, in_gradient ? "critic.linear0.weight" : "loss", std::nullopt,
                            "at update 0, epoch 0, minibatch 0");
    }
  }
}

TEST_CASE("Simplex and MultiDiscrete: outputs that are not finite are named with their environment", "[rl][spaces][errors]") {
  const auto check = [](auto& run) {
    auto& store = run.learner.parameters();
    const rlx::nn::TensorInfo first = store.layout().front();
    REQUIRE(first.group == "actor");
    for (const float broken : {nan_f, std::numeric_limits<float>::infinity()}) {
      const float before = std::exchange(store.parameters()[first.offset], broken);
      try {
        run.learner.learn(run.rollout());
        FAIL("expected NumericError");
      } catch (const rlx::NumericError& error) {
        INFO(error.what());
        REQUIRE(error.tensor() == "action");
        REQUIRE(error.env().has_value());
        REQUIRE_THAT(error.what(),
                     ContainsSubstring("is not finite at environment " + std::to_string(*error.env()) + ", step "));
      }
      store.parameters()[first.offset] = before;
      run.learner.learn(run.rollout());
    }
  };
  rlx::PpoConfig config = ppo_config();
  config.normalize_observation = false;
  check(*ppo_maker<Weights>(config)(2));
  check(*ppo_maker<Choices>(config)(2));
}
