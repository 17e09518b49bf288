// SPDX-License-Identifier: MIT
#include <rlx/rl/inference_policy.hpp>

#ifdef RLX_RL_PPO_HPP
#  error "inference_policy.hpp must not include a learner"
#endif

#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <rlx/env/testing.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/ppo.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

struct Trained {
  Trained()
      : pool(1),
        envs({.num_envs = 8, .seed = 3}, pool, [](std::size_t) { return rlx::InvalidActionEnv(7, 4, 11); }),
        ppo({.learning_rate = 2e-3,
             .n_steps = 32,
             .batch_size = 64,
             .n_epochs = 4,
             .gamma = 0.4,
             .normalize_observation = true},
            envs, rlx::nn::mlp_actor_critic({.observation = 7, .action = 7}), pool) {
    ppo.learn(8 * 32 * 4);
  }
  rlx::ThreadPool pool;
  rlx::VectorEnv<rlx::InvalidActionEnv> envs;
  rlx::Ppo<rlx::InvalidActionEnv> ppo;
};

std::string path_of(const char* name) {
  return std::string("/tmp/rlx_test_") + name + '_' + std::to_string(::getpid()) + ".safetensors";
}

/// Observation and mask number i; at least one action valid.
void inputs(std::uint64_t i, std::vector<float>& observation, std::vector<std::uint8_t>& mask) {
  rlx::RandomStream random({i, rlx::Purpose::user});
  for (float& x : observation) x = static_cast<float>(random.normal());
  for (auto& m : mask) m = random.bounded(3) == 0 ? 1 : 0;
  mask[random.bounded(mask.size())] = 1;
}

}  // namespace

TEST_CASE("A loaded policy decides as the learner predicts", "[rl][inference]") {
  Trained trained;
  const std::string policy_path = path_of("policy");
  const std::string checkpoint_path = path_of("checkpoint");
  trained.ppo.identity["data_sha256"] = "abc";
  trained.ppo.export_policy(policy_path, {{"note", "hello"}});
  trained.ppo.save(checkpoint_path);
  const auto policy = rlx::InferencePolicy::load(policy_path);
  const auto from_checkpoint = rlx::InferencePolicy::load(checkpoint_path);
  std::remove(policy_path.c_str());
  std::remove(checkpoint_path.c_str());
  std::remove(rlx::description_path(checkpoint_path).c_str());
  REQUIRE(policy.layout().mask_required);
  REQUIRE(policy.layout().normalize_observation);
  REQUIRE(policy.layout().info.at("note") == "hello");
  REQUIRE(policy.layout().info.at("data_sha256") == "abc");
  REQUIRE(policy.layout().layout_sha256 == trained.ppo.layout().layout_sha256);
  REQUIRE(policy.parameter_count() == trained.ppo.parameters().count());
  REQUIRE(policy.action_name(3) == "3");
  REQUIRE_THROWS_AS(policy.action_name(7), rlx::ShapeError);

  auto workspace = policy.make_workspace();
  auto other = from_checkpoint.make_workspace();
  std::vector<float> observation(7), p(7);
  std::vector<std::uint8_t> mask(7);
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    inputs(i, observation, mask);
    std::int32_t action = -1, same = -1;
    const rlx::Decision decision = policy.act(observation, mask, {&action, 1}, workspace);
    from_checkpoint.act(observation, mask, {&same, 1}, other);
    const rlx::Prediction expected = trained.ppo.predict(observation, mask);
    REQUIRE(action == expected.action);
    REQUIRE(same == action);
    REQUIRE(mask[static_cast<std::size_t>(action)] != 0);
    REQUIRE_THAT(static_cast<double>(decision.value), WithinAbs(static_cast<double>(expected.value), 1e-6));
    REQUIRE_THAT(static_cast<double>(decision.log_probability), WithinAbs(static_cast<double>(expected.log_prob), 1e-6));
    REQUIRE_THAT(static_cast<double>(decision.entropy), WithinAbs(static_cast<double>(expected.entropy), 1e-6));
    if (i % 100 != 0) continue;
    policy.probabilities(observation, mask, p, workspace);
    double sum = 0;
    for (std::size_t a = 0; a < 7; ++a) {
      if (mask[a] == 0) REQUIRE(p[a] == 0.0F);
      sum += static_cast<double>(p[a]);
    }
    REQUIRE_THAT(sum, WithinAbs(1.0, 1e-6));
    REQUIRE_THAT(static_cast<double>(p[static_cast<std::size_t>(action)]),
                 WithinAbs(static_cast<double>(decision.probability), 1e-6));
    // A draw with the same random numbers is the same draw.
    rlx::RandomStream a({i, rlx::Purpose::evaluation_action}), b({i, rlx::Purpose::evaluation_action});
    policy.act(observation, mask, {&action, 1}, workspace, {.deterministic = false, .random = &a});
    REQUIRE(action == trained.ppo.predict(observation, mask, false, &b).action);
  }
}

TEST_CASE("Eight threads on one policy decide as one, and a decision allocates nothing", "[rl][inference][allocation]") {
  Trained trained;
  const rlx::InferencePolicy policy = trained.ppo.policy();
  constexpr std::size_t count = 2000;
  const auto run = [&](std::vector<std::int32_t>& actions) {
    auto workspace = policy.make_workspace();
    std::vector<float> observation(7);
    std::vector<std::uint8_t> mask(7);
    for (std::size_t i = 0; i < count; ++i) {
      inputs(i, observation, mask);
      policy.act(observation, mask, {&actions[i], 1}, workspace);
    }
  };
  std::vector<std::vector<std::int32_t>> results(9, std::vector<std::int32_t>(count));
  run(results[8]);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 8; ++t) threads.emplace_back([&, t] { run(results[t]); });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < 8; ++t) REQUIRE(results[t] == results[8]);

  auto workspace = policy.make_workspace();
  std::vector<float> observation(7, 0.5F), p(7);
  std::vector<std::uint8_t> mask(7, 1);
  std::int32_t action = 0;
  const AllocationCounter counter;
  policy.act(observation, mask, {&action, 1}, workspace);
  policy.probabilities(observation, mask, p, workspace);
  REQUIRE(counter.count() == 0);
}

TEST_CASE("Wrong input is refused by name", "[rl][inference][errors]") {
  Trained trained;
  const rlx::InferencePolicy policy = trained.ppo.policy();
  auto workspace = policy.make_workspace();
  std::vector<float> observation(7, 0.5F);
  std::vector<std::uint8_t> mask(7, 1);
  std::int32_t action = 0;
  REQUIRE_THROWS_AS(policy.act(std::span<const float>(observation).first(6), mask, {&action, 1}, workspace), rlx::ShapeError);
  REQUIRE_THROWS_AS(policy.act(observation, {}, {&action, 1}, workspace), rlx::ShapeError);
  REQUIRE_THROWS_AS(policy.act(observation, mask, {&action, 1}, workspace, {.deterministic = false}), rlx::ConfigError);
  const std::vector<std::uint8_t> none(7, 0);
  REQUIRE_THROWS_AS(policy.act(observation, none, {&action, 1}, workspace), rlx::ShapeError);
  observation[3] = std::numeric_limits<float>::quiet_NaN();
  REQUIRE_THROWS_WITH(policy.act(observation, mask, {&action, 1}, workspace), ContainsSubstring("observation[3]"));
  REQUIRE_THROWS_AS(rlx::InferencePolicy::load("/nonexistent/policy.safetensors"), rlx::IoError);
  const std::vector<std::byte> bytes(100);
  REQUIRE_THROWS_AS(rlx::InferencePolicy::from_bytes(bytes), rlx::CheckpointError);
}

TEST_CASE("Columns that say whether a slot is filled pass unscaled", "[rl][inference]") {
  rlx::nn::SlotSpec spec;
  spec.observation = 14;
  spec.action = 3;
  spec.flats = {{"flat", 0, 2, 8}};
  spec.slots = {{"slots", 2, 3, 4, 1, 8, 2, 8}};
  const rlx::detail::ObservationScaling scaling{10.0, rlx::nn::unscaled_columns(rlx::nn::slot_actor_critic(spec))};
  REQUIRE(scaling.unscaled == std::vector<std::size_t>{3, 7, 11});
  rlx::RunningMeanStd statistics(14);
  std::vector<float> rows(14 * 4, 1.0F), out(14);
  rows[3] = 0.0F;
  statistics.update(rlx::MatrixView<const float>(rows.data(), 4, 14));
  scaling.apply(statistics, std::span<const float>(rows).first(14), out);
  REQUIRE(out[3] == 0.0F);
  REQUIRE(out[7] == 1.0F);
  REQUIRE(out[0] != 1.0F);
}
