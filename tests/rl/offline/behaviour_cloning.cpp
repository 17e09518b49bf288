// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/behaviour_cloning.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/nn/gradient_check.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/offline/ope.hpp>
#include <rlx/rl/offline/record_episodes.hpp>

#include "rl/offline/offline_support.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

/// One state with a mask, action 0 with probability 0.7, else 1; `tag` by action.
rlx::OfflineDataset coin_log(std::size_t episodes, std::int32_t late_action = -1) {
  rlx::OfflineBuilder builder({.observation_size = 1, .action_count = 3, .gamma = 1.0, .tags = {}});
  const std::vector<float> here = {1.0F};
  const std::vector<std::uint8_t> mask = {1, 1, 0};
  for (std::size_t e = 0; e < episodes; ++e) {
    std::int32_t action = e % 10 < 7 ? 0 : 1;
    if (late_action >= 0 && e >= episodes * 8 / 10) action = late_action;
    builder.add(static_cast<std::int64_t>(e), {.observation = here,
                                               .mask = mask,
                                               .action = action,
                                               .reward = 0,
                                               .terminated = true,
                                               .tag = action == 0 ? "calm" : "bold",
                                               .ts = static_cast<std::int64_t>(e)});
    builder.end_episode(here, mask);
  }
  return builder.build();
}

rlx::nn::GraphSpec cloning_net() { return rlx::nn::mlp_actor_critic({.observation = 1, .action = 3, .pi = {4}, .vf = {4}}); }

std::vector<float> learned(rlx::BehaviourCloning& cloning) {
  const rlx::InferencePolicy policy = cloning.policy();
  auto workspace = policy.make_workspace();
  std::vector<float> p(3);
  policy.probabilities(std::vector<float>{1.0F}, std::vector<std::uint8_t>{1, 1, 0}, p, workspace);
  return p;
}

}  // namespace

TEST_CASE("the cloning loss spreads label smoothing over valid actions only") {
  const double big = 1e30, nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> logits = {0.0, big, 1.0, nan, 2.0};
  const std::vector<std::uint8_t> mask = {1, 0, 1, 0, 1};
  std::vector<double> d(5);
  const double z = std::log(1 + std::exp(1.0) + std::exp(2.0));
  // t = 0.7 e_2 + 0.3 / 3 on the three valid actions
  const double expected = -(0.8 * (1.0 - z) + 0.1 * (0.0 - z) + 0.1 * (2.0 - z));
  REQUIRE_THAT(rlx::cloning_loss<double>(logits, mask, 2, 0.3, d), WithinAbs(expected, 1e-12));
  REQUIRE_THAT(d[0], WithinAbs(std::exp(-z) - 0.1, 1e-12));
  REQUIRE_THAT(d[2], WithinAbs(std::exp(1 - z) - 0.8, 1e-12));
  REQUIRE_THAT(d[4], WithinAbs(std::exp(2 - z) - 0.1, 1e-12));
  REQUIRE(d[1] == 0.0);
  REQUIRE(d[3] == 0.0);
}

TEST_CASE("the gradient of the cloning loss agrees with central differences") {
  rlx::RandomStream random({.seed = 7, .purpose = rlx::Purpose::user});
  for (const double smoothing : {0.0, 0.2}) {
    std::vector<double> logits(6);
    for (double& x : logits) x = random.normal();
    const std::vector<std::uint8_t> mask = {1, 1, 0, 1, 0, 1};
    std::vector<double> unused(6);
    REQUIRE(rlx::nn::gradient_check(
                [&](std::span<const double> x, std::span<double> gradient) {
                  return rlx::cloning_loss<double>(x, mask, 3, smoothing,
                                                   gradient.empty() ? std::span<double>(unused) : gradient);
                },
                logits) < 1e-6);
  }
}

TEST_CASE("behaviour cloning finds the frequencies of the log, the smoothed ones, and the weighted ones") {
  const rlx::OfflineDataset data = coin_log(200);
  rlx::ThreadPool threads(1);
  const rlx::OfflineTraining training{.learning_rate = rlx::nn::Schedule::linear(3e-2, 0), .batch_size = 200};
  const auto probability_of_0 = [&](rlx::BehaviourCloningConfig config) {
    config.held_out = 0;
    config.training = training;
    rlx::BehaviourCloning cloning(std::move(config), cloning_net(), data, threads);
    const auto result = cloning.fit();
    REQUIRE(result.epochs == 100);
    const auto p = learned(cloning);
    REQUIRE(p[2] == 0.0F);
    return static_cast<double>(p[0]);
  };
  REQUIRE_THAT(probability_of_0({}), WithinAbs(0.7, 0.01));
  // 0.8 of the target as logged, 0.2 even over two valid actions: 0.8 * 0.7 + 0.1
  REQUIRE_THAT(probability_of_0({.label_smoothing = 0.2}), WithinAbs(0.66, 0.01));
  // 7 rows of weight 1 against 3 of weight 7
  REQUIRE_THAT(probability_of_0({.tag_weights = {{"bold", 7.0}}}), WithinAbs(0.25, 0.01));
}

TEST_CASE("behaviour cloning stops on the latest episodes, keeps the best parameters and never trains on them") {
  // The last fifth does the opposite of the rest: the longer the training, the worse the held-out loss.
  const rlx::OfflineDataset data = coin_log(100, 1);
  rlx::ThreadPool threads(1);
  rlx::BehaviourCloning cloning(
      {.held_out = 0.2, .epochs = 200, .patience = 3, .training = {.learning_rate = 1e-2, .batch_size = 40}}, cloning_net(),
      data, threads);
  const auto result = cloning.fit();
  REQUIRE(result.best_epoch == 1);
  REQUIRE(result.epochs == 4);
  const auto p = learned(cloning);
  REQUIRE_THAT(result.held_out_loss, WithinAbs(-std::log(static_cast<double>(p[1])), 1e-5));
  REQUIRE(result.held_out_accuracy == (p[1] > p[0] ? 1.0 : 0.0));
}

TEST_CASE("behaviour cloning gives the same parameters for any number of threads") {
  const rlx::OfflineDataset data = random_log({.episodes = 40, .steps = 10, .observation = 3, .actions = 4, .seed = 9});
  const auto trained = [&](std::size_t threads) {
    rlx::ThreadPool pool(threads);
    rlx::BehaviourCloning cloning({.label_smoothing = 0.1, .epochs = 3, .training = {.batch_size = 150}},
                                  rlx::nn::mlp_actor_critic({.observation = 3, .action = 4}), data, pool);
    const auto result = cloning.fit();
    return cloning.network().store().sha256() + std::to_string(result.held_out_loss);
  };
  const std::string one = trained(1);
  REQUIRE(trained(2) == one);
  REQUIRE(trained(8) == one);
}

TEST_CASE("behaviour cloning names what it cannot work with") {
  const rlx::OfflineDataset data = coin_log(20);
  rlx::ThreadPool threads(1);
  const auto refuses = [&](const rlx::BehaviourCloningConfig& config, const std::string& text) {
    REQUIRE_THROWS_WITH(rlx::BehaviourCloning(config, cloning_net(), data, threads), ContainsSubstring(text));
  };
  refuses({.label_smoothing = 1.0}, "label_smoothing = 1");
  refuses({.tag_weights = {{"blod", 1.0}}}, "no tag 'blod'; it has 'calm', 'bold'");
  refuses({.tag_weights = {{"bold", -1.0}}}, "tag_weights['bold'] = -1");
  refuses({.held_out = 1.0}, "held_out = 1");
  refuses({.epochs = 0}, "epochs = 0");
  refuses({.patience = 0}, "patience = 0");
  refuses({.training = {.batch_size = 0}}, "batch_size = 0");
  REQUIRE_THROWS_AS(rlx::BehaviourCloning({}, rlx::nn::mlp_actor_critic({.observation = 2, .action = 3}), data, threads),
                    rlx::ShapeError);
  const rlx::OfflineDataset single = coin_log(1);
  REQUIRE_THROWS_AS(rlx::BehaviourCloning({}, cloning_net(), single, threads).fit(), rlx::ConfigError);
}

TEST_CASE("A clone of the behaviour policy gives the propensities that a log lacks", "[offline]") {
  rlx::PremiumSeller env({.loss_probability = 0.2, .episode_steps = 3});
  rlx::RecordOptions<rlx::PremiumSeller> options;
  options.episodes = 600;
  options.gamma = 1;
  const auto logged = rlx::record_episodes(env, rlx::UniformPolicy{}, options);
  const std::vector<double> none(logged.size(), std::numeric_limits<double>::quiet_NaN());
  const auto bare = logged.with_propensities(none, rlx::PropensitySource::logged);
  rlx::ThreadPool threads(1);
  rlx::BehaviourCloning cloning(
      {.epochs = 10, .training = {.learning_rate = 0.01}},
      rlx::ActionNetwork<float>(rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {8}})), bare, threads);
  cloning.fit();
  const auto estimated = rlx::estimate_propensities(bare, cloning.policy());
  double worst = 0;
  for (std::size_t row = 0; row < logged.size(); ++row) {
    worst = std::max(worst, std::abs(estimated.propensity(row) - logged.propensity(row)));
  }
  REQUIRE(worst < 0.1);
  rlx::OpeConfig config;
  config.methods = {rlx::OpeMethod::wis};
  config.replicates = 200;
  const FirstValid unhedged;
  const double with_logged = rlx::evaluate_off_policy(logged, unhedged, config)[rlx::OpeMethod::wis].value.estimate;
  config.propensities = rlx::PropensitySource::estimated;
  const rlx::OpeResult result = rlx::evaluate_off_policy(estimated, unhedged, config);
  REQUIRE(result.propensities == rlx::PropensitySource::estimated);
  REQUIRE(result[rlx::OpeMethod::wis].value.low < with_logged);
  REQUIRE(result[rlx::OpeMethod::wis].value.high > with_logged);
  REQUIRE(rlx::evaluate_off_policy(estimated, cloning.policy(), config)[rlx::OpeMethod::wis].value.estimate ==
          Approx(result.behaviour_value));  // the clone is the behaviour policy of its own estimate
}
