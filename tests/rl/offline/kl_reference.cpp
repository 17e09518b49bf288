// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/kl_reference.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/space.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/offline/masked_policy.hpp>
#include <rlx/rl/ppo.hpp>

#include "rl/fake_learner.hpp"

using rlx_test::Approx;

namespace {

/// Two rows of two actions, as KlReference reads them.
class RolloutLearner final : public rlx_test::FakeLearner {
 public:
  struct Environments {
    rlx::Discrete space{2};
    const rlx::Discrete& action_space() const { return space; }
  };
  RolloutLearner() : rollout_({.n_steps = 2, .num_envs = 1, .observation_size = 1, .mask_width = 2}) {
    rollout_.masks.assign(rollout_.masks.size(), 1);
    rollout_.actions = {0, 1};
    rollout_.log_probs = {std::log(0.5F), std::log(0.5F)};
    steps = 250;
    total = 1'000;
  }
  const rlx::Rollout<std::int32_t>& rollout() const { return rollout_; }
  const Environments& environments() const { return environments_; }

 private:
  rlx::Rollout<std::int32_t> rollout_;
  Environments environments_;
};

struct NineOne {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t>, std::span<double> out, Workspace&) const {
    out[0] = 0.9;
    out[1] = 0.1;
  }
};

}  // namespace

TEST_CASE("KlPenalty: loss and gradient of the sampled divergence", "[offline]") {
  RolloutLearner learner;
  const rlx::KlPenalty penalty;
  const rlx::KlPenalty held = penalty;  // as the learner's copy
  rlx::KlReference reference(learner, penalty, NineOne{}, {.coef = 0.4, .anneal_timesteps = 1'000});
  const std::vector<std::uint32_t> rows = {1, 0};
  std::vector<double> log_probs = {std::log(0.4), std::log(0.6)};
  const std::vector<double> old = {std::log(0.5), std::log(0.5)};
  std::vector<double> gradient(2, 0.0);
  const rlx::BasicMinibatchView<double> minibatch{.rows = rows,
                                                  .log_probs = log_probs,
                                                  .old_log_probs = old,
                                                  .entropies = {},
                                                  .advantages = {},
                                                  .critic_outputs = {},
                                                  .batch_rows = 2};
  const rlx::BasicLossGradient<double> out{.d_log_prob = gradient, .d_entropy = {}, .d_critic_outputs = {}};
  held.on_rollout({}, {});
  REQUIRE_THROWS_AS(held.loss(minibatch, out), rlx::ConfigError);  // the reference has not seen it
  REQUIRE(reference.on_rollout_end(learner));
  // coef 0.4 * 0.75 = 0.3; rows 1 and 0 have ln 0.1 and ln 0.9.
  const double expected = 0.15 * (0.8 * (std::log(0.4) - std::log(0.1)) + 1.2 * (std::log(0.6) - std::log(0.9)));
  REQUIRE(held.loss(minibatch, out) == Approx(expected).epsilon(1e-6));
  for (std::size_t i = 0; i < 2; ++i) {
    std::vector<double> ignored(2, 0.0);
    const rlx::BasicLossGradient<double> unused{.d_log_prob = ignored, .d_entropy = {}, .d_critic_outputs = {}};
    const double at = log_probs[i];
    log_probs[i] = at + 1e-5;
    const double up = held.loss(minibatch, unused);
    log_probs[i] = at - 1e-5;
    const double down = held.loss(minibatch, unused);
    log_probs[i] = at;
    REQUIRE(gradient[i] == Approx((up - down) / 2e-5).epsilon(1e-6));
  }
  rlx::Logger logger;
  held.record(logger);
  REQUIRE(logger.value("offline/kl_coef") == Approx(0.3));
  REQUIRE(logger.value("offline/kl") == Approx((std::log(0.5 / 0.9) + std::log(0.5 / 0.1)) / 2).epsilon(1e-6));
  rlx_test::FakeLearner other;
  REQUIRE_THROWS_AS(reference.on_rollout_end(other), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::KlReference(learner, penalty, NineOne{}, {.coef = -1}), rlx::ConfigError);
}

TEST_CASE("KlReference: PPO stays near its offline policy as long as the penalty holds it", "[offline]") {
  // The state tells the right one of four actions; the reference has no idea of it.
  const auto train = [](double coef, std::uint64_t anneal) {
    rlx::ThreadPool threads(1);
    rlx::ManualClock clock;
    rlx::VectorEnv envs({.num_envs = 4, .seed = 1}, threads, [](std::size_t) { return rlx::IdentityEnv(4); });
    rlx::PpoConfig config;
    config.learning_rate = 5e-3;
    config.n_steps = 64;
    config.n_epochs = 4;
    config.gamma = 0.4;
    const rlx::KlPenalty penalty;
    rlx::Ppo ppo(config, envs, rlx::nn::mlp_actor_critic({.observation = 4, .action = 4, .pi = {16}, .vf = {16}}), threads,
                 rlx::ScalarCritic{}, penalty, clock);
    rlx::KlReference reference(ppo, penalty, rlx::UniformPolicy{}, {.coef = coef, .anneal_timesteps = anneal});
    ppo.learn(6'400, {.callbacks = {&reference}});
    return ppo.mean_episode_return();  // of 100 steps; 25 by chance
  };
  const double held = train(10.0, 1'000'000'000), untied = train(0.0, 1), released = train(10.0, 1'000);
  CAPTURE(held, untied, released);
  REQUIRE(held < 35);
  REQUIRE(untied > 60);
  REQUIRE(released > 50);
}
