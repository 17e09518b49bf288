// SPDX-License-Identifier: MIT
#include <rlx/rl/detail/value_scale.hpp>

#include <cmath>
#include <cstdio>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/nn/graph_builder.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/a2c.hpp>
#include <rlx/rl/ppo.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

/// Rewards of 50 a step, so that the scale moves far from 0 and 1.
struct Rich {
  using ActionScalar = std::int32_t;
  rlx::IdentityEnv inner{3, 20};
  using Info = rlx::IdentityEnv::Info;
  const rlx::Box& observation_space() const { return inner.observation_space(); }
  const rlx::Discrete& action_space() const { return inner.action_space(); }
  const Info& info() const { return inner.info(); }
  void reset(std::uint64_t seed, std::span<float> row) { inner.reset(seed, row); }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    rlx::Transition t = inner.step(action, row);
    t.reward = 50.0 + 30.0 * t.reward;
    return t;
  }
  void save_state(std::vector<std::byte>& bytes) const { inner.save_state(bytes); }
  void load_state(std::span<const std::byte> bytes) { inner.load_state(bytes); }
};

template <class Config>
Config config_with_values() {
  Config config;
  config.n_steps = 16;
  config.gamma = 0.9;
  config.normalize_value = true;
  config.normalize_observation = true;
  config.seed = 4;
  config.learning_rate = 0.02;
  config.max_grad_norm = 5.0;
  if constexpr (requires { config.batch_size; }) {
    config.batch_size = 32;
    config.n_epochs = 2;
    config.clip_range_vf = 0.2;
  }
  return config;
}

rlx::nn::GraphSpec network() { return rlx::nn::mlp_actor_critic({.observation = 3, .action = 3, .pi = {8}, .vf = {8}}); }

std::vector<float> one_hot(std::size_t i) {
  std::vector<float> row(3, 0.0F);
  row[i] = 1.0F;
  return row;
}

}  // namespace

TEST_CASE("The value head keeps its outputs: the worked example", "[rl][value_scale]") {
  std::vector<float> weight{0.8F}, bias{0.4F};
  rlx::detail::rescale_value_head(weight, bias, 0.0, 1.0, 10.0, 2.0);
  REQUIRE_THAT(static_cast<double>(weight[0]), WithinAbs(0.4, 1e-7));
  REQUIRE_THAT(static_cast<double>(bias[0]), WithinAbs(-4.8, 1e-6));
  for (const double x : {-3.0, 0.0, 7.0}) {
    const double before = 0.8 * x + 0.4;
    REQUIRE_THAT((static_cast<double>(weight[0]) * x + static_cast<double>(bias[0])) * 2.0 + 10.0, WithinAbs(before, 1e-5));
  }
}

TEST_CASE("Mean and standard deviation are bias-corrected exponential averages", "[rl][value_scale]") {
  rlx::detail::ValueScale scale;
  REQUIRE(scale.mean() == 0.0);
  REQUIRE(scale.std() == 1.0);
  REQUIRE(scale.to_real(1.5F) == 1.5F);
  rlx::RandomStream random({7, rlx::Purpose::user});
  double mean = 0, square = 0;  // the averages of mean and square themselves, with rate 0.1
  for (int t = 1; t <= 30; ++t) {
    std::vector<float> returns(40);
    double sum = 0, squares = 0;
    for (float& x : returns) {
      x = static_cast<float>(3.0 + t + 2.0 * random.normal());
      sum += static_cast<double>(x);
      squares += static_cast<double>(x) * static_cast<double>(x);
    }
    scale.update(returns);
    mean = 0.9 * mean + 0.1 * sum / 40;
    square = 0.9 * square + 0.1 * squares / 40;
    const double correction = 1 - std::pow(0.9, t);
    const double expected = mean / correction;
    REQUIRE_THAT(scale.mean(), WithinRel(expected, 1e-12));
    REQUIRE_THAT(scale.std(), WithinRel(std::sqrt(square / correction - expected * expected), 1e-9));
    const float value = returns[0];
    REQUIRE_THAT(static_cast<double>(scale.to_normalised(value)),
                 WithinAbs((static_cast<double>(value) - scale.mean()) / scale.std(), 1e-6));
    REQUIRE_THAT(static_cast<double>(scale.to_real(scale.to_normalised(value))), WithinAbs(static_cast<double>(value), 1e-5));
  }
  REQUIRE(scale.updates() == 30.0);
}

TEST_CASE("Returns that do not vary have the smallest standard deviation", "[rl][value_scale]") {
  for (const float value : {5.0F, -3000.0F}) {
    rlx::detail::ValueScale scale;
    for (int t = 0; t < 20; ++t) {
      scale.update(std::vector<float>(8, value));
      REQUIRE_THAT(scale.mean(), WithinRel(static_cast<double>(value), 1e-15));
      REQUIRE(scale.variance() >= 0.0);
      REQUIRE(scale.std() == 1e-4);
    }
  }
}

TEMPLATE_TEST_CASE("A change of the scale leaves the values of a learner as they were", "[rl][value_scale]", (rlx::Ppo<Rich>),
                   (rlx::A2c<Rich>)) {
  auto config = config_with_values<typename TestType::Config>();
  config.normalize_observation = false;  // its statistics move too, and with them the values
  config.learning_rate = rlx::nn::Schedule::linear(0.02, 0.0);
  rlx::ThreadPool pool(1);
  rlx::VectorEnv<Rich> envs({.num_envs = 4, .seed = 2}, pool, [](std::size_t) { return Rich(); });
  TestType learner(config, envs, network(), pool);
  // The last update has learning rate 0: between the start of its rollout and its end only the scale moves.
  struct Watch final : rlx::Callback {
    std::vector<double> values;
    void on_rollout_start(rlx::Learner& learner) override {
      values.clear();
      for (std::size_t i = 0; i < 3; ++i)
        values.push_back(static_cast<double>(dynamic_cast<TestType&>(learner).predict(one_hot(i)).value));
    }
  } watch;
  learner.learn(12 * 64, {.callbacks = {&watch}});
  REQUIRE(learner.last_update().learning_rate == 0.0);
  // The returns are about 500, so float keeps values to 1e-6 of that.
  REQUIRE(std::abs(watch.values[0]) > 100.0);
  for (std::size_t i = 0; i < 3; ++i)
    REQUIRE_THAT(static_cast<double>(learner.predict(one_hot(i)).value), WithinAbs(watch.values[i], 1e-6 * 500));
}

TEST_CASE("Advantages and explained variance are in real units, the critic learns normalised ones", "[rl][value_scale]") {
  rlx::PpoConfig config = config_with_values<rlx::PpoConfig>();
  config.normalize_observation = false;
  config.learning_rate = rlx::nn::Schedule::constant(0.0);
  config.clip_range_vf.reset();
  config.batch_size = 64;
  config.n_epochs = 1;
  rlx::ThreadPool pool(1);
  rlx::VectorEnv<Rich> envs({.num_envs = 4, .seed = 2}, pool, [](std::size_t) { return Rich(); });
  rlx::Ppo<Rich> ppo(config, envs, network(), pool);
  ppo.learn(64);
  const auto& rollout = ppo.rollout();
  // At learning rate 0 and the first update: V of the rollout is the initial network's output; targets are R = A + V in money.
  double sum = 0, squares = 0, loss = 0;
  for (std::size_t i = 0; i < rollout.rows(); ++i) {
    const double target = static_cast<double>(rollout.targets[i]);
    REQUIRE_THAT(target, WithinRel(static_cast<double>(rollout.advantages[i]) + static_cast<double>(rollout.values[i]), 1e-5));
    REQUIRE(std::abs(rollout.values[i]) < 10.0F);
    REQUIRE(target > 40.0);
    sum += target;
    squares += target * target;
  }
  const double mean = sum / 64, std = std::sqrt(squares / 64 - mean * mean);
  for (std::size_t i = 0; i < rollout.rows(); ++i) {
    const double error =
        (static_cast<double>(rollout.values[i]) - mean) / std - (static_cast<double>(rollout.targets[i]) - mean) / std;
    loss += error * error / 64;
  }
  // Learned from normalised errors, logged in money squared; the whole loss adds up what is learned from.
  REQUIRE_THAT(ppo.last_update().value_loss, WithinRel(loss * std * std, 1e-4));
  REQUIRE_THAT(ppo.last_update().loss, WithinAbs(ppo.last_update().policy_gradient_loss + config.vf_coef * loss -
                                                     config.ent_coef(0.0) * ppo.last_update().entropy,
                                                 1e-4 * loss));
  // explained_variance = 1 - Var(R - V) / Var(R) does not care for the units as long as both are the same.
  REQUIRE(ppo.last_update().explained_variance <= 1.0);
}

TEMPLATE_TEST_CASE("Policies tell values in real units, from the learner, a policy file and a checkpoint", "[rl][value_scale]",
                   (rlx::Ppo<Rich>), (rlx::A2c<Rich>)) {
  const auto config = config_with_values<typename TestType::Config>();
  rlx::ThreadPool pool(1);
  rlx::VectorEnv<Rich> envs({.num_envs = 4, .seed = 2}, pool, [](std::size_t) { return Rich(); });
  TestType learner(config, envs, network(), pool);
  learner.learn(30 * 64);
  const std::string path = "/tmp/rlx_test_value_scale_" + std::to_string(::getpid());
  learner.export_policy(path + ".policy");
  learner.save(path + ".checkpoint");
  std::vector<rlx::InferencePolicy> policies{learner.policy(), rlx::InferencePolicy::load(path + ".policy"),
                                             rlx::InferencePolicy::load(path + ".checkpoint")};
  std::remove((path + ".policy").c_str());
  std::remove((path + ".checkpoint").c_str());
  std::remove(rlx::description_path(path + ".checkpoint").c_str());
  for (std::size_t p = 0; p < policies.size(); ++p) {
    CAPTURE(p);
    auto workspace = policies[p].make_workspace();
    for (std::size_t i = 0; i < 3; ++i) {
      std::int32_t action = -1;
      const rlx::Decision decision = policies[p].act(one_hot(i), {}, {&action, 1}, workspace);
      const auto expected = learner.predict(one_hot(i));
      REQUIRE(action == expected.action);
      REQUIRE_THAT(static_cast<double>(decision.value), WithinRel(static_cast<double>(expected.value), 1e-5));
      REQUIRE(decision.value > 20.0F);
    }
  }
}

TEST_CASE("normalize_value is refused where it cannot work", "[rl][value_scale][errors]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv<Rich> envs({.num_envs = 4, .seed = 2}, pool, [](std::size_t) { return Rich(); });
  SECTION("with normalize_reward") {
    auto config = config_with_values<rlx::PpoConfig>();
    config.normalize_reward = true;
    REQUIRE_THROWS_AS(rlx::Ppo(config, envs, network(), pool), rlx::ConfigError);
    REQUIRE_THROWS_WITH(rlx::Ppo(config, envs, network(), pool), ContainsSubstring("PpoConfig.normalize_value"));
    auto other = config_with_values<rlx::A2cConfig>();
    other.normalize_reward = true;
    REQUIRE_THROWS_WITH(rlx::A2c(other, envs, network(), pool), ContainsSubstring("A2cConfig.normalize_value"));
  }
  SECTION("without a linear value head") {
    for (const bool bias : {true, false}) {
      rlx::nn::GraphBuilder graph;
      const auto x = graph.input(3);
      graph.output("action", x.linear(3));
      const auto value = x.linear(1, {.bias = bias});
      graph.output("value", bias ? value.tanh() : value);
      const auto config = config_with_values<rlx::PpoConfig>();
      REQUIRE_THROWS_AS(rlx::Ppo(config, envs, graph.spec(), pool), rlx::ConfigError);
      REQUIRE_THROWS_WITH(rlx::Ppo(config, envs, graph.spec(), pool), ContainsSubstring("linear layer with bias"));
    }
  }
  SECTION("with a critic of one's own") {
    struct Own : rlx::ScalarCritic {};
    const auto config = config_with_values<rlx::PpoConfig>();
    REQUIRE_THROWS_WITH(rlx::Ppo(config, envs, network(), pool, Own{}), ContainsSubstring("ScalarCritic"));
  }
}
