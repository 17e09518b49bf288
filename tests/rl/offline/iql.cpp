// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/iql.hpp>

#include <algorithm>
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

rlx::nn::GraphSpec iql_net(std::size_t observation, std::size_t actions) {
  return rlx::nn::mlp_actor_critic({.observation = observation, .action = actions, .pi = {8}, .vf = {8}});
}

}  // namespace

TEST_CASE("the expectile loss of IQL is that of the worked example") {
  // u = (1, -2), tau 0.8: mean of 0.8 * 1 and 0.2 * 4
  const auto above = rlx::expectile_loss<double>(1.0, 0.8), below = rlx::expectile_loss<double>(-2.0, 0.8);
  REQUIRE_THAT((above.loss + below.loss) / 2, WithinAbs(0.8, 1e-15));
  REQUIRE_THAT(above.d_u, WithinAbs(1.6, 1e-15));
  REQUIRE_THAT(below.d_u, WithinAbs(-0.8, 1e-15));
}

TEST_CASE("the minimum of the expectile loss is the closed form") {
  // Of the values 0 and 1 with equal weight the tau-expectile is tau.
  for (const double tau : {0.1, 0.5, 0.7, 0.9}) {
    double v = 0.3;
    for (int i = 0; i < 2'000; ++i)
      v += 0.05 * (rlx::expectile_loss<double>(0.0 - v, tau).d_u + rlx::expectile_loss<double>(1.0 - v, tau).d_u);
    REQUIRE_THAT(v, WithinAbs(tau, 1e-9));
  }
}

TEST_CASE("the gradients of IQL agree with central differences") {
  const rlx::OfflineDataset data = random_log({.episodes = 6, .steps = 5, .observation = 3, .actions = 4, .seed = 3});
  rlx::ThreadPool threads(1);
  const rlx::OfflineTraining training{.batch_size = 30};
  rlx::DiscreteIql iql({.expectile = 0.8, .beta = 0.5, .training = training}, rlx::ActionNetwork<double>(iql_net(3, 4), 5),
                       rlx::ActionNetwork<double>(iql_net(3, 4), 6), data, threads);
  rlx::TransitionRows<double> rows(data, iql.scaling(), training);
  const auto batch = rows.draw(0);
  for (const std::size_t twin : {0, 1}) {
    REQUIRE(rlx::nn::gradient_check(
                [&](std::span<const double>, std::span<double> gradient) {
                  const double loss = iql.evaluate(batch).q_loss;
                  const auto found = iql.q(twin).store().gradients();
                  if (!gradient.empty()) std::copy(found.begin(), found.end(), gradient.begin());
                  return loss;
                },
                iql.q(twin).store().parameters(), {.step = 1e-6}) < 1e-6);
  }
  // The weights e^{beta u} depend on V but are constants of the policy's loss. With beta 0 they are 1, and one check holds for
  // V and policy together.
  rlx::DiscreteIql flat({.expectile = 0.8, .beta = 0.0, .training = training}, iql.q(0), iql.policy_network(), data, threads);
  const auto v_and_policy = rlx::nn::gradient_check(
      [&](std::span<const double>, std::span<double> gradient) {
        const auto m = flat.evaluate(batch);
        const auto found = flat.policy_network().store().gradients();
        if (!gradient.empty()) std::copy(found.begin(), found.end(), gradient.begin());
        return m.value_loss + m.policy_loss;
      },
      flat.policy_network().store().parameters(), {.step = 1e-6});
  REQUIRE(v_and_policy < 1e-6);
  // With weights other than 1: only the actor's tensors move the logits.
  auto& actor = iql.policy_network();
  std::vector<double> analytic(actor.store().gradients().size());
  iql.evaluate(batch);
  std::copy(actor.store().gradients().begin(), actor.store().gradients().end(), analytic.begin());
  for (const auto& tensor : actor.store().layout()) {
    if (tensor.group != "actor") continue;
    for (std::size_t i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
      double& p = actor.store().parameters()[i];
      const double before = p;
      p = before + 1e-5;
      const double above = iql.evaluate(batch).policy_loss;
      p = before - 1e-5;
      const double below = iql.evaluate(batch).policy_loss;
      p = before;
      REQUIRE_THAT(analytic[i], WithinAbs((above - below) / 2e-5, 1e-7));
    }
  }
}

TEST_CASE("IQL weights the log of the policy by the advantage and limits the weight") {
  // One state, one step: with V at its value and Qbar fixed, the weight is min(e^{beta u}, 100).
  rlx::OfflineBuilder builder({.observation_size = 1, .action_count = 2, .gamma = 1.0});
  const std::vector<float> here = {1.0F};
  builder.add(0, {.observation = here, .action = 1, .reward = 1.0, .terminated = true});
  builder.end_episode(here);
  const rlx::OfflineDataset data = builder.build();
  rlx::ThreadPool threads(1);
  const rlx::OfflineTraining training{.batch_size = 1, .normalize_observation = false};
  for (const double beta : {2.0, 1e6}) {
    rlx::DiscreteIql iql({.beta = beta, .training = training}, rlx::ActionNetwork<double>(iql_net(1, 2), 1),
                         rlx::ActionNetwork<double>(iql_net(1, 2), 3), data, threads);
    rlx::TransitionRows<double> rows(data, iql.scaling(), training);
    const auto batch = rows.draw(0);
    const double at = 1.0;
    const auto outputs = [&](const rlx::ActionNetwork<double>& net) {
      auto w = net.make_workspace(1);
      net.forward(net.store().parameters(), rlx::MatrixView<const double>(&at, 1, 1), w);
      return std::vector{net.value(w)(0, 0), net.action(w)(0, 0), net.action(w)(0, 1)};
    };
    const auto q0 = outputs(iql.q(0)), q1 = outputs(iql.q(1)), p = outputs(iql.policy_network());
    const double u = std::min(q0[0] + q0[2], q1[0] + q1[2]) - p[0];
    const double weight = std::min(std::exp(beta * u), 100.0);
    const auto m = iql.evaluate(batch);
    REQUIRE_THAT(m.advantage, WithinRel(u, 1e-12));
    REQUIRE_THAT(m.weight, WithinRel(weight, 1e-12));
    REQUIRE_THAT(m.policy_loss, WithinRel(weight * (std::log(std::exp(p[1]) + std::exp(p[2])) - p[2]), 1e-9));
    REQUIRE_THAT(m.q_loss, WithinRel(std::pow(q0[0] + q0[2] - 1, 2) + std::pow(q1[0] + q1[2] - 1, 2), 1e-9));
  }
}

TEST_CASE("IQL gives the same parameters for any number of threads") {
  const rlx::OfflineDataset data = random_log({.episodes = 40, .steps = 10, .observation = 3, .actions = 4, .seed = 9});
  const auto trained = [&](std::size_t threads) {
    rlx::ThreadPool pool(threads);
    rlx::DiscreteIql iql({.training = {.batch_size = 200}}, iql_net(3, 4), iql_net(3, 4), data, pool);
    iql.learn(20);
    return iql.q(0).store().sha256() + iql.q(1).store().sha256() + iql.policy_network().store().sha256();
  };
  const std::string one = trained(1);
  REQUIRE(trained(2) == one);
  REQUIRE(trained(8) == one);
}

TEST_CASE("IQL reads nothing at invalid actions") {
  // Logits at invalid actions are pushed to 1e30 by the bias of the last layer: losses and gradients stay finite and the
  // policy gives them no probability.
  rlx::OfflineBuilder builder({.observation_size = 1, .action_count = 3, .gamma = 0.9});
  const std::vector<float> here = {1.0F};
  const std::vector<std::uint8_t> mask = {1, 1, 0};
  for (std::int64_t e = 0; e < 4; ++e) {
    builder.add(e, {.observation = here,
                    .mask = mask,
                    .action = static_cast<std::int32_t>(e % 2),
                    .reward = 1.0,
                    .truncated = true,
                    .ts = e});
    builder.end_episode(here, mask);
  }
  const rlx::OfflineDataset data = builder.build();
  rlx::ThreadPool threads(1);
  rlx::DiscreteIql iql({.training = {.batch_size = 8}}, iql_net(1, 3), iql_net(1, 3), data, threads);
  for (auto* network : {&iql.q(0), &iql.q(1), &iql.policy_network()}) network->store().tensor("actor.linear1.bias")[2] = 1e30F;
  const auto m = iql.learn(1);
  REQUIRE(std::isfinite(m.q_loss + m.policy_loss + m.value_loss));
  const rlx::InferencePolicy policy = iql.policy();
  auto workspace = policy.make_workspace();
  std::vector<float> p(3);
  policy.probabilities(here, mask, p, workspace);
  REQUIRE(p[2] == 0.0F);
  REQUIRE(policy.layout().mask_required);
}

TEST_CASE("an update of IQL allocates nothing after the first one") {
  const rlx::OfflineDataset data = random_log({.episodes = 40, .steps = 10, .observation = 3, .actions = 4, .seed = 9});
  rlx::ThreadPool pool(2);
  rlx::DiscreteIql learner({.training = {.batch_size = 200}}, iql_net(3, 4), iql_net(3, 4), data, pool);
  learner.learn(1);
  const AllocationCounter counter;
  learner.learn(3);
  REQUIRE(counter.count() == 0);
}

TEST_CASE("IQL names what it cannot work with") {
  const rlx::OfflineDataset data = random_log({.episodes = 4, .steps = 5, .observation = 3, .actions = 4, .seed = 3});
  rlx::ThreadPool threads(1);
  const auto refuses = [&](const rlx::IqlConfig& config, const std::string& text) {
    REQUIRE_THROWS_WITH(rlx::DiscreteIql(config, iql_net(3, 4), iql_net(3, 4), data, threads), ContainsSubstring(text));
  };
  refuses({.expectile = 1.0}, "IqlConfig.expectile = 1");
  refuses({.expectile = std::numeric_limits<double>::quiet_NaN()}, "IqlConfig.expectile");
  refuses({.beta = -1}, "IqlConfig.beta = -1");
  refuses({.max_weight = 0}, "IqlConfig.max_weight");
  refuses({.polyak = 1.5}, "IqlConfig.polyak");
  refuses({.training = {.batch_size = 0}}, "batch_size = 0");
  REQUIRE_THROWS_AS(rlx::DiscreteIql({}, iql_net(2, 4), iql_net(3, 4), data, threads), rlx::ShapeError);
  REQUIRE_THROWS_AS(rlx::DiscreteIql({}, iql_net(3, 4), iql_net(3, 5), data, threads), rlx::ShapeError);
  rlx::DiscreteIql iql({.training = {.learning_rate = 1e30}}, iql_net(3, 4), iql_net(3, 4), data, threads);
  REQUIRE_THROWS_AS(iql.learn(50), rlx::NumericError);
}
