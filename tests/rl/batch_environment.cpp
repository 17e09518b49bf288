// SPDX-License-Identifier: MIT
// Learners on environments that step as a batch.
#include <rlx/env/batch_environment.hpp>

#include <cstddef>
#include <memory>
#include <string>

#include <rlx/env/classic/cart_pole_batch.hpp>

#include "rl/training_run.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

rlx::nn::GraphSpec graph(std::size_t width) {
  return rlx::nn::mlp_actor_critic({.observation = 4, .action = 2, .pi = {width}, .vf = {width}});
}

rlx::PpoConfig ppo_config() {
  rlx::PpoConfig config;
  config.learning_rate = 2e-3;
  config.n_steps = 64;
  config.batch_size = 256;
  config.n_epochs = 6;
  config.gamma = 0.98;
  config.gae_lambda = 0.9;
  config.normalize_observation = true;
  config.seed = 4;
  return config;
}
rlx::A2cConfig a2c_config() {
  rlx::A2cConfig config;
  config.learning_rate = 2e-3;
  config.normalize_advantage = true;
  config.seed = 4;
  return config;
}

template <class L>
auto maker(const typename L::Config& config, std::size_t limit, std::size_t width = 32) {
  return [=](std::size_t threads) {
    return std::make_unique<TrainingRun<L, rlx::CartPoleBatch>>(
        config, graph(width), [=](std::size_t size) { return rlx::CartPoleBatch(size, limit); }, threads, 32);
  };
}
const auto make_ppo = maker<rlx::Ppo<rlx::CartPoleBatch>>(ppo_config(), 500);
const auto make_a2c = maker<rlx::A2c<rlx::CartPoleBatch>>(a2c_config(), 500);

/// The learner balances the pole far longer than chance, which is about 20 steps.
template <class Run>
void require_learning(Run& run, std::uint64_t timesteps) {
  run.learner.learn(timesteps);
  INFO(run.learner.mean_episode_length());
  REQUIRE(run.learner.mean_episode_length() >= 100.0);
  REQUIRE(run.learner.mean_episode_return() == run.learner.mean_episode_length());
}

}  // namespace

TEST_CASE("PPO and A2C learn on a batch of CartPoles, the same with any number of threads", "[rl][batch_environment]") {
  require_equal_for_all_threads(make_ppo);
  require_equal_for_all_threads(maker<rlx::A2c<rlx::CartPoleBatch>>(a2c_config(), 500, 64));
  require_learning(*make_ppo(2), 60'000);
  require_learning(*make_a2c(2), 100'000);
}

TEST_CASE("A batch gets the value of the last observation where its episodes are cut", "[rl][batch_environment]") {
  const auto run = maker<rlx::Ppo<rlx::CartPoleBatch>>(ppo_config(), 7)(1);  // no pole falls within 7 steps
  run->learner.learn(run->rollout());
  const auto& rollout = run->learner.rollout();
  std::size_t cut = 0;
  for (std::size_t row = 0; row < rollout.rows(); ++row) {
    REQUIRE(rollout.terminated[row] == 0);
    if (rollout.truncated[row] == 0) continue;
    ++cut;
    REQUIRE(rollout.final_values[row] != 0.0F);
    REQUIRE(rollout.final_values[row] != rollout.last_values[row % 32]);
  }
  REQUIRE(cut == 64 / 7 * 32);
  REQUIRE(run->learner.mean_episode_length() == 7.0);
}

TEST_CASE("A batch has no state to save: only new episodes can follow, and steps do not allocate", "[rl][batch_environment]") {
  const ScratchFile file("batch");
  const auto first = make_ppo(1);
  first->learner.learn(2 * first->rollout());
  first->learner.save(file.path);
  const auto second = make_ppo(2);
  require_refused(second->learner, file.path, "LoadOptions.exact");
  second->learner.load(file.path, {.exact = false});
  REQUIRE(second->learner.parameters().sha256() == first->learner.parameters().sha256());
  REQUIRE_THAT(second->learner.warnings().back(), ContainsSubstring("starts its next episode"));
  second->learner.learn(first->rollout(), {.reset_num_timesteps = false});
  REQUIRE(second->learner.num_timesteps() == 3 * first->rollout());
  const auto run = make_ppo(2);
  require_no_allocation(*run);
}
