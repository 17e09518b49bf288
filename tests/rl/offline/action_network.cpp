// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/action_network.hpp>

#include <vector>

#include <rlx/nn/networks.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;

TEST_CASE("an action network reads any actor-critic graph and draws its parameters from the seed") {
  const auto spec = rlx::nn::mlp_actor_critic({.observation = 3, .action = 5});
  rlx::ActionNetwork<float> network(spec, 1);
  REQUIRE(network.observation_size() == 3);
  REQUIRE(network.num_actions() == 5);
  REQUIRE(network.num_quantiles() == 0);
  REQUIRE(rlx::ActionNetwork<float>(spec, 1).store().sha256() == network.store().sha256());
  REQUIRE(rlx::ActionNetwork<float>(spec, 2).store().sha256() != network.store().sha256());
  auto w = network.make_workspace(2);
  const std::vector<float> rows = {1, 2, 3, 4, 5, 6};
  network.forward(network.store().parameters(), rlx::MatrixView<const float>(rows.data(), 2, 3), w);
  REQUIRE(network.action(w).cols() == 5);
  REQUIRE(network.value(w).cols() == 1);
}

TEST_CASE("quantiles are one more output beside actions and value, which stay as they are") {
  const auto plain = rlx::nn::mlp_actor_critic({.observation = 3, .action = 2});
  rlx::ActionNetwork<float> network(rlx::with_quantiles(plain, 4), 1);
  REQUIRE(network.num_quantiles() == 4);
  auto w = network.make_workspace(1);
  const std::vector<float> row = {1, 2, 3};
  network.forward(network.store().parameters(), rlx::MatrixView<const float>(row.data(), 1, 3), w);
  REQUIRE(network.increments(w).cols() == 2 * 3);
  rlx::ActionNetwork<float> other(plain, 1);
  auto v = other.make_workspace(1);
  other.forward(other.store().parameters(), rlx::MatrixView<const float>(row.data(), 1, 3), v);
  REQUIRE(network.action(w)(0, 1) == other.action(v)(0, 1));
  REQUIRE(network.value(w)(0, 0) == other.value(v)(0, 0));
}

TEST_CASE("an action network refuses graphs that it cannot read") {
  REQUIRE_THROWS_AS(rlx::ActionNetwork<float>(rlx::nn::mlp_actor_critic({.observation = 3, .action = 5, .value = 4})),
                    rlx::ShapeError);
  REQUIRE_THROWS_WITH(rlx::ActionNetwork<float>(rlx::nn::mlp_actor_critic({.observation = 3, .action = 5, .lstm = 8})),
                      ContainsSubstring("without memory"));
  REQUIRE_THROWS_AS(rlx::with_quantiles(rlx::nn::mlp_actor_critic({.observation = 3, .action = 5}), 1), rlx::ConfigError);
}
