// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/behaviour_policies.hpp>

#include <cstdint>
#include <vector>

#include <rlx/nn/networks.hpp>
#include <rlx/rl/offline/action_network.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

rlx::InferencePolicy leaning_policy() {
  rlx::ActionNetwork<float> network(rlx::nn::mlp_actor_critic({.observation = 2, .action = 4}), 3);
  network.store().tensor("actor.linear2.bias")[2] = 1.0F;
  rlx::PolicyLayout layout;
  layout.observation_size = 2;
  layout.num_actions = 4;
  return {network.spec(), network.store(), layout, nullptr};
}

const std::vector<float> observed = {0.5F, -1.0F};
const std::vector<std::uint8_t> allowed = {1, 0, 1, 1};

}  // namespace

TEST_CASE("a greedy policy has probability 1 on the most probable valid action") {
  const rlx::GreedyPolicy policy(leaning_policy());
  auto w = policy.make_workspace();
  std::vector<double> p(4), small(3);
  policy.probabilities(observed, allowed, p, w);
  REQUIRE(p == std::vector<double>{0, 0, 1, 0});
  policy.probabilities(observed, std::vector<std::uint8_t>{0, 1, 0, 0}, p, w);
  REQUIRE(p == std::vector<double>{0, 1, 0, 0});
  REQUIRE_THROWS_AS(policy.probabilities(observed, allowed, small, w), rlx::ShapeError);
}

TEST_CASE("an exploring policy gives each valid action its share of chance and no other one any") {
  const rlx::ExploringPolicy greedy(rlx::GreedyPolicy(leaning_policy()), 0.3);
  auto w = greedy.make_workspace();
  std::vector<double> p(4);
  greedy.probabilities(observed, allowed, p, w);
  REQUIRE_THAT(p[0], WithinAbs(0.1, 1e-15));
  REQUIRE(p[1] == 0.0);
  REQUIRE_THAT(p[2], WithinAbs(0.8, 1e-15));
  REQUIRE_THAT(p[3], WithinAbs(0.1, 1e-15));
  // The same from a policy whose probabilities are float.
  const rlx::InferencePolicy base = leaning_policy();
  auto network = base.make_workspace();
  std::vector<float> q(4);
  base.probabilities(observed, allowed, q, network);
  const rlx::ExploringPolicy sampled(base, 0.3);
  auto v = sampled.make_workspace();
  sampled.probabilities(observed, allowed, p, v);
  for (const std::size_t a : {0, 2, 3}) REQUIRE_THAT(p[a], WithinAbs(0.7 * static_cast<double>(q[a]) + 0.1, 1e-7));
  REQUIRE(p[1] == 0.0);
  REQUIRE_THROWS_AS(rlx::ExploringPolicy(rlx::UniformPolicy{}, 1.5), rlx::ConfigError);
}
