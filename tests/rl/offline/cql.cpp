// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/cql.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/nn/gradient_check.hpp>
#include <rlx/nn/networks.hpp>

#include "counting_allocator.hpp"
#include "rl/offline/offline_support.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

rlx::nn::GraphSpec small_net(std::size_t observation, std::size_t actions) {
  return rlx::nn::mlp_actor_critic({.observation = observation, .action = actions, .pi = {8}, .vf = {8}});
}

/// Worst error of the gradient that `evaluate` leaves, against central differences of its loss.
double gradient_error(rlx::DiscreteCql<rlx::ActionNetwork<double>>& cql, const rlx::TransitionBatch<double>& batch) {
  return rlx::nn::gradient_check(
      [&](std::span<const double>, std::span<double> gradient) {
        const double loss = cql.evaluate(batch).loss;
        const auto found = cql.q().store().gradients();
        if (!gradient.empty()) std::copy(found.begin(), found.end(), gradient.begin());
        return loss;
      },
      cql.q().store().parameters(), {.step = 1e-6});
}

}  // namespace

TEST_CASE("the gap of CQL is that of the worked example") {
  const std::vector<double> q = {0, 1, -1};
  const std::vector<std::uint8_t> mask = {1, 1, 0};
  std::vector<double> d(3);
  // ln(e^0 + e^1) - 0; softmax of the valid two is (1, e) / (1 + e); Q_a - y = 0 - 0.5
  const auto row = rlx::cql_row<double>(q, mask, 0, 0.5, 2.0, d);
  REQUIRE_THAT(row.gap, WithinAbs(1.313262, 1e-6));
  REQUIRE_THAT(row.td, WithinAbs(-0.5, 1e-15));
  const double e = std::exp(1.0);
  REQUIRE_THAT(d[0], WithinAbs(2.0 * (1 / (1 + e) - 1) - 0.5, 1e-12));
  REQUIRE_THAT(d[1], WithinAbs(2.0 * e / (1 + e), 1e-12));
  REQUIRE(d[2] == 0.0);
}

TEST_CASE("masked logsumexp and maximum of CQL ignore whatever stands at invalid actions") {
  const std::vector<std::uint8_t> mask = {1, 0, 1, 0};
  const std::vector<double> clean = {0.3, 0, -0.7, 0};
  std::vector<double> d_clean(4), d(4);
  const auto expected = rlx::cql_row<double>(clean, mask, 2, 1.0, 1.0, d_clean);
  for (const double bad : {1e30, -1e30, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    const std::vector<double> q = {0.3, bad, -0.7, bad};
    const auto row = rlx::cql_row<double>(q, mask, 2, 1.0, 1.0, d);
    REQUIRE(row.gap == expected.gap);
    REQUIRE(d == d_clean);
    REQUIRE(rlx::masked_argmax<double>(q, mask) == 0);
  }
  const std::vector<float> single = {1e30F, 2.0F, 1e30F};
  const std::vector<std::uint8_t> only = {0, 1, 0};
  std::vector<float> d_single(3);
  const auto row = rlx::cql_row<float>(single, only, 1, 2.0F, 1.0F, d_single);
  REQUIRE(row.gap == 0.0F);
  REQUIRE(d_single == std::vector<float>{0.0F, 0.0F, 0.0F});
  REQUIRE_THROWS_AS(rlx::masked_argmax<float>(single, std::vector<std::uint8_t>{0, 0, 0}), rlx::NumericError);
}

TEST_CASE("the gradient of CQL agrees with central differences") {
  const rlx::OfflineDataset data = random_log({.episodes = 6, .steps = 5, .observation = 3, .actions = 4, .seed = 3});
  rlx::ThreadPool threads(1);
  const rlx::OfflineTraining training{.batch_size = 24};
  for (const std::size_t k : {0, 5}) {
    auto spec = small_net(3, 4);
    if (k != 0) spec = rlx::with_quantiles(spec, k);
    rlx::DiscreteCql cql({.alpha = 0.7, .quantiles = k, .kappa_relative = 0.5, .training = training},
                         rlx::ActionNetwork<double>(spec, 5), data, threads);
    // Targets use the online argmax, which a step of 1e-6 does not change, and a fixed copy: the same loss on both sides.
    rlx::TransitionRows<double> rows(data, cql.scaling(), training);
    rlx::nn::ParameterStore<double>& store = cql.q().store();
    rlx::RandomStream random({.seed = 4, .purpose = rlx::Purpose::user});
    for (double& p : store.parameters()) p += 0.1 * random.normal();
    for (const auto& tensor : store.layout()) {  // padding stays 0
      const std::size_t end = tensor.offset + tensor.size;
      for (std::size_t i = end; i % 8 != 0; ++i) store.parameters()[i] = 0;
    }
    REQUIRE(gradient_error(cql, rows.draw(0)) < 1e-6);
  }
}

TEST_CASE("CQL gives the same parameters for any number of threads and after equal calls") {
  const rlx::OfflineDataset data = random_log({.episodes = 40, .steps = 10, .observation = 3, .actions = 4, .seed = 9});
  const auto trained = [&](std::size_t threads, std::size_t quantiles) {
    rlx::ThreadPool pool(threads);
    auto spec = small_net(3, 4);
    if (quantiles != 0) spec = rlx::with_quantiles(spec, quantiles);
    rlx::DiscreteCql cql({.cql_threshold = 0.5, .quantiles = quantiles, .training = {.batch_size = 200}}, spec, data, pool);
    cql.learn(20);
    return cql.q().store().sha256() + std::to_string(cql.alpha());
  };
  for (const std::size_t quantiles : {0, 4}) {
    const std::string one = trained(1, quantiles);
    REQUIRE(trained(2, quantiles) == one);
    REQUIRE(trained(8, quantiles) == one);
  }
}

TEST_CASE("terminated rows of CQL do not bootstrap, truncated ones do, and terminated rules") {
  // One row per kind, one state, one action; Qbar(s') = value(s') of an untrained net, read from the network itself.
  rlx::ThreadPool threads(1);
  for (const bool terminated : {false, true}) {
    for (const bool truncated : {false, true}) {
      if (!terminated && !truncated) continue;
      rlx::OfflineBuilder builder({.observation_size = 1, .action_count = 1, .gamma = 0.5});
      const std::vector<float> here = {1.0F}, there = {-2.0F};
      builder.add(0, {.observation = here, .action = 0, .reward = 3.0, .terminated = terminated, .truncated = truncated});
      builder.end_episode(there);
      const rlx::OfflineDataset data = builder.build();
      const rlx::OfflineTraining training{.batch_size = 1, .normalize_observation = false};
      rlx::DiscreteCql cql({.training = training}, rlx::ActionNetwork<double>(small_net(1, 1), 2), data, threads);
      const auto value = [&](double x) {
        auto w = cql.q().make_workspace(1);
        cql.q().forward(cql.q().store().parameters(), rlx::MatrixView<const double>(&x, 1, 1), w);
        return cql.q().value(w)(0, 0) + cql.q().action(w)(0, 0);
      };
      const double target = 3.0 + (terminated ? 0.0 : 0.5 * value(-2.0));
      rlx::TransitionRows<double> rows(data, cql.scaling(), training);
      const double expected = 0.5 * std::pow(value(1.0) - target, 2);
      REQUIRE_THAT(cql.evaluate(rows.draw(0)).td_loss, WithinRel(expected, 1e-12));
    }
  }
}

TEST_CASE("CQL is conservative on a tabular problem: its mean Q is at most the true value") {
  // Two states in turn, three actions of which one is invalid in state 1. The log prefers action 0; the best is action 1.
  // Deterministic rewards r[s][a]; the optimal values solve V0 = 1 + g V1, V1 = 2 + g V0.
  constexpr double g = 0.8;
  const double r[2][3] = {{0.0, 1.0, -1.0}, {0.5, 2.0, 0.0}};
  rlx::OfflineBuilder builder({.observation_size = 2, .action_count = 3, .gamma = g});
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  const std::vector<std::vector<float>> states = {{1, 0}, {0, 1}};
  const std::vector<std::vector<std::uint8_t>> masks = {{1, 1, 1}, {1, 1, 0}};
  for (std::int64_t episode = 0; episode < 100; ++episode) {
    for (std::size_t t = 0; t < 10; ++t) {
      const std::size_t s = t % 2;
      const double u = random.uniform();
      const std::int32_t a = u < 0.7 ? 0 : u < 0.9 || s == 1 ? 1 : 2;
      builder.add(episode, {.observation = states[s],
                            .mask = masks[s],
                            .action = a,
                            .reward = r[s][a],
                            .truncated = t == 9,
                            .ts = episode * 100 + static_cast<std::int64_t>(t)});
    }
    builder.end_episode(states[0], masks[0]);
  }
  const rlx::OfflineDataset data = builder.build();
  const double v0 = (1 + g * 2) / (1 - g * g), v1 = 2 + g * v0;
  double truth = 0;  // mean of Q*(s, a) over the log
  for (std::size_t row = 0; row < data.size(); ++row) {
    const bool odd = data.observation(row)[1] != 0;
    truth += (r[odd ? 1 : 0][data.action(row)] + g * (odd ? v0 : v1)) / static_cast<double>(data.size());
  }
  rlx::ThreadPool threads(1);
  const auto learn = [&](double alpha) {
    rlx::DiscreteCql cql(
        {.alpha = alpha, .polyak = 0.05, .training = {.learning_rate = rlx::nn::Schedule::linear(1e-2, 0), .batch_size = 128}},
        rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {}, .vf = {}}), data, threads);
    cql.learn(2'500);
    double q = 0;
    auto w = cql.q().make_workspace(1);
    std::vector<float> scratch(2), row_of(2);
    for (std::size_t row = 0; row < data.size(); ++row) {
      cql.scaling().scale<float>(data.observation(row), scratch, row_of);
      cql.q().forward(cql.q().store().parameters(), rlx::MatrixView<const float>(row_of.data(), 1, 2), w);
      const auto a = static_cast<std::size_t>(data.action(row));
      q += static_cast<double>(cql.q().value(w)(0, 0) + cql.q().action(w)(0, a)) / static_cast<double>(data.size());
    }
    const rlx::InferencePolicy policy = cql.policy();
    auto workspace = policy.make_workspace();
    for (std::size_t s = 0; s < 2; ++s) {
      std::int32_t action = -1;
      policy.act(states[s], masks[s], std::span(&action, 1), workspace);
      REQUIRE(action == (alpha > 1 ? 0 : 1));  // much conservatism imitates, little optimises
    }
    return q;
  };
  REQUIRE_THAT(learn(0.0), WithinAbs(truth, 0.02));  // without the gap it is plain Q-learning
  REQUIRE(learn(0.1) <= truth);
  REQUIRE(learn(5.0) <= truth);
}

TEST_CASE("alpha of CQL rises while the gap exceeds its threshold and falls below it") {
  const rlx::OfflineDataset data = random_log({.episodes = 20, .steps = 10, .observation = 2, .actions = 3, .seed = 2});
  rlx::ThreadPool threads(1);
  const auto alpha_after = [&](double threshold) {
    rlx::DiscreteCql cql({.alpha = 1.0, .cql_threshold = threshold, .alpha_learning_rate = 0.01}, small_net(2, 3), data,
                         threads);
    const double gap = cql.learn(1).gap;
    REQUIRE_THAT(cql.alpha(), WithinRel(std::exp(0.01 * (gap - threshold)), 1e-12));
    return cql.alpha();
  };
  REQUIRE(alpha_after(0.0) > 1.0);
  REQUIRE(alpha_after(10.0) < 1.0);
}

TEST_CASE("an update of CQL allocates nothing after the first one") {
  const rlx::OfflineDataset data = random_log({.episodes = 40, .steps = 10, .observation = 3, .actions = 4, .seed = 9});
  rlx::ThreadPool pool(2);
  rlx::DiscreteCql learner({.training = {.batch_size = 200}}, small_net(3, 4), data, pool);
  learner.learn(1);
  const AllocationCounter counter;
  learner.learn(3);
  REQUIRE(counter.count() == 0);
}

TEST_CASE("CQL names what it cannot work with") {
  const rlx::OfflineDataset data = random_log({.episodes = 4, .steps = 5, .observation = 3, .actions = 4, .seed = 3});
  rlx::ThreadPool threads(1);
  const auto net = small_net(3, 4);
  const auto refuses = [&](const rlx::CqlConfig& config, const std::string& text) {
    REQUIRE_THROWS_WITH(rlx::DiscreteCql(config, net, data, threads), ContainsSubstring(text));
  };
  refuses({.alpha = -1}, "CqlConfig.alpha = -1");
  refuses({.alpha = std::numeric_limits<double>::quiet_NaN()}, "CqlConfig.alpha");
  refuses({.cql_threshold = -0.5}, "CqlConfig.cql_threshold");
  refuses({.alpha = 0, .cql_threshold = 0.5}, "to start from");
  refuses({.polyak = 0}, "CqlConfig.polyak");
  refuses({.quantiles = 8}, "with_quantiles");
  refuses({.training = {.batch_size = 0}}, "batch_size = 0");
  refuses({.training = {.gamma = 1.5}}, "OfflineTraining.gamma = 1.5");
  refuses({.training = {.max_grad_norm = 0}}, "max_grad_norm");
  refuses({.training = {.learning_rate = -1e-3}}, "OfflineTraining.learning_rate = -0.001");
  refuses({.training = {.learning_rate = rlx::nn::Schedule::linear(1e-3, -1e-4)}}, "OfflineTraining.learning_rate");
  refuses({.training = {.reward_scale = 0.0}}, "reward_scale");
  refuses({.training = {.clip_obs = 0}}, "clip_obs");
  REQUIRE_THROWS_AS(rlx::DiscreteCql({}, small_net(2, 4), data, threads), rlx::ShapeError);
  REQUIRE_THROWS_AS(rlx::DiscreteCql({}, small_net(3, 5), data, threads), rlx::ShapeError);
  rlx::DiscreteCql cql({.training = {.learning_rate = 1e30}}, net, data, threads);
  REQUIRE_THROWS_AS(cql.learn(50), rlx::NumericError);
  REQUIRE_THROWS_AS(cql.set_alpha(-1), rlx::ConfigError);
}
