// SPDX-License-Identifier: MIT
/// @file
/// @brief One test case for each learning gate; the slow ones run with `ctest -L learning` only.
#include "learning/gate.hpp"
#include "learning/ladder.hpp"
#include "learning/premium_seller.hpp"

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "rlx_catch.hpp"

using rlx_learning::Criterion;
using rlx_learning::Gate;
using rlx_learning::GateResult;

namespace {

/// Prints the gate's row, so that a log shows how far from its limit it was.
void require_gate(const std::string& name) {
  const std::vector<Gate> gates = rlx_learning::all_gates();
  const auto gate = std::find_if(gates.begin(), gates.end(), [&](const Gate& g) { return g.name == name; });
  REQUIRE(gate != gates.end());
  const GateResult result = rlx_learning::run_gate(*gate, 2);
  std::printf("%s\n", rlx_learning::table_row(*gate, result).c_str());
  std::fflush(stdout);
  INFO(rlx_learning::json_line(*gate, result));
  REQUIRE(result.passed);
}

Gate constant_gate(Criterion criterion) {
  return {"test", "task", "setting", criterion, [](std::uint64_t seed) { return 10.0 * static_cast<double>(seed); }, 4};
}

}  // namespace

TEST_CASE("Criteria judge the worst, the best, the middle and its interval", "[learning][gate]") {
  // Scores 10, 20, 30, 40: the interquartile mean is 25.
  const auto passed = [](const Criterion& criterion) { return rlx_learning::run_gate(constant_gate(criterion), 3).passed; };
  REQUIRE(passed({.every_at_least = 10}));
  REQUIRE_FALSE(passed({.every_at_least = 11}));
  REQUIRE(passed({.every_at_most = 40}));
  REQUIRE_FALSE(passed({.every_at_most = 39}));
  REQUIRE(passed({.iqm_at_least = 25}));
  REQUIRE_FALSE(passed({.iqm_at_least = 25.1}));
  REQUIRE(passed({.low_at_least = 10}));
  REQUIRE_FALSE(passed({.iqm_at_least = 25, .low_at_least = 25}));
  const GateResult result = rlx_learning::run_gate(constant_gate({.every_at_least = 90, .iqm_at_least = 95.5}), 1);
  REQUIRE(result.scores == std::vector<double>{10, 20, 30, 40});
  const std::string row = rlx_learning::table_row(constant_gate({.every_at_least = 90, .iqm_at_least = 95.5}), result);
  REQUIRE_THAT(row, rlx_test::ContainsSubstring("| every seed ≥ 90, IQM ≥ 95.5 | 25.00 |"));
  REQUIRE_THAT(row, rlx_test::ContainsSubstring("| 10.00 | 40.00 | **no** |"));
  REQUIRE_THAT(rlx_learning::json_line(constant_gate({}), result),
               rlx_test::ContainsSubstring("\"scores\":[10.0000,20.0000,30.0000,40.0000],\"met\":false"));
  const Gate reported = constant_gate({});
  REQUIRE_THAT(rlx_learning::table_row(reported, rlx_learning::run_gate(reported, 1)),
               rlx_test::ContainsSubstring("| reported only | 25.00 |"));
  REQUIRE_THAT(rlx_learning::table_row(reported, result), rlx_test::ContainsSubstring("| - |"));
  Gate failing = constant_gate({});
  failing.score = [](std::uint64_t seed) -> double {
    if (seed == 2) throw rlx::NumericError("the loss is nan");
    return 0.0;
  };
  REQUIRE_THROWS_AS(rlx_learning::run_gate(failing, 2), rlx::NumericError);
}

TEST_CASE("Every gate has a test case of its own", "[learning][gate]") {
  std::set<std::string> names;
  for (const Gate& gate : rlx_learning::all_gates()) {
    REQUIRE(names.insert(gate.name).second);
    REQUIRE(gate.seeds == 10);
  }
  const std::set<std::string> tested{"ppo.identity",
                                     "ppo.multi_discrete_4_4",
                                     "ppo.multi_discrete_2_2_2_2",
                                     "a2c.identity",
                                     "a2c.multi_discrete_4_4",
                                     "a2c.multi_discrete_2_2_2_2",
                                     "ppo.identity_box",
                                     "a2c.identity_box",
                                     "ppo.simplex_bandit",
                                     "ppo.invalid_action_20_19",
                                     "ppo.invalid_action_70_55",
                                     "ppo.invalid_action_70_55_without_mask",
                                     "ppo.invalid_action_80_60",
                                     "ppo.ring",
                                     "ppo.ring_cut_as_end",
                                     "ppo.cart_pole",
                                     "ppo.acrobot",
                                     "ppo.mountain_car",
                                     "ppo.pendulum",
                                     "a2c.cart_pole",
                                     "ppo.cart_pole_without_velocities",
                                     "ppo.cart_pole_without_velocities_mlp",
                                     "ppo.slot_network",
                                     "ppo.ladder_planted",
                                     "offline.cql.premium_seller",
                                     "offline.iql.premium_seller",
                                     "offline.cql.cart_pole",
                                     "offline.iql.cart_pole",
                                     "offline.cql.fine_tune",
                                     "offline.iql.fine_tune",
                                     "ppo.bandit_quantile_mean",
                                     "ppo.bandit_quantile_cvar",
                                     "ppo.bandit_quantile_wang",
                                     "ppo.bandit_quantile_power",
                                     "ppo.bandit_mean",
                                     "ppo.bandit_episode_cvar",
                                     "ppo.bandit_step_cvar",
                                     "ppo.bandit_constraint_binding",
                                     "ppo.bandit_constraint_slack",
                                     "ppo.premium_seller_below",
                                     "ppo.premium_seller_above"};
  REQUIRE(names == tested);
}

TEST_CASE("PPO: IdentityEnv(4)", "[learning]") { require_gate("ppo.identity"); }
TEST_CASE("PPO: MultiDiscrete 4, 4", "[learning]") { require_gate("ppo.multi_discrete_4_4"); }
TEST_CASE("PPO: MultiDiscrete 2, 2, 2, 2", "[learning]") { require_gate("ppo.multi_discrete_2_2_2_2"); }
TEST_CASE("A2C: IdentityEnv(4)", "[learning]") { require_gate("a2c.identity"); }
TEST_CASE("A2C: MultiDiscrete 4, 4", "[learning]") { require_gate("a2c.multi_discrete_4_4"); }
TEST_CASE("A2C: MultiDiscrete 2, 2, 2, 2", "[learning]") { require_gate("a2c.multi_discrete_2_2_2_2"); }
TEST_CASE("PPO: IdentityBoxEnv(0.5)", "[learning]") { require_gate("ppo.identity_box"); }
TEST_CASE("A2C: IdentityBoxEnv(0.5)", "[learning]") { require_gate("a2c.identity_box"); }
TEST_CASE("PPO: portfolio weights of SimplexBanditEnv", "[learning][.slow]") { require_gate("ppo.simplex_bandit"); }
TEST_CASE("PPO: InvalidActionEnv(20, 19) needs no training", "[learning]") { require_gate("ppo.invalid_action_20_19"); }
TEST_CASE("PPO: InvalidActionEnv(70, 55)", "[learning]") { require_gate("ppo.invalid_action_70_55"); }
TEST_CASE("PPO: InvalidActionEnv(70, 55) is not learned without masks", "[learning]") {
  require_gate("ppo.invalid_action_70_55_without_mask");
}
TEST_CASE("PPO: InvalidActionEnv(80, 60)", "[learning]") { require_gate("ppo.invalid_action_80_60"); }
TEST_CASE("PPO: the value of RingEnv", "[learning][.slow]") { require_gate("ppo.ring"); }
TEST_CASE("PPO: the value of RingEnv is wrong if a cut is an end", "[learning][.slow]") { require_gate("ppo.ring_cut_as_end"); }
TEST_CASE("PPO: CartPole-v1", "[learning][.slow]") { require_gate("ppo.cart_pole"); }
TEST_CASE("PPO: Acrobot-v1", "[learning][.slow]") { require_gate("ppo.acrobot"); }
TEST_CASE("PPO: MountainCar-v0", "[learning][.slow]") { require_gate("ppo.mountain_car"); }
TEST_CASE("PPO: Pendulum-v1", "[learning][.slow]") { require_gate("ppo.pendulum"); }
TEST_CASE("A2C: CartPole-v1", "[learning][.slow]") { require_gate("a2c.cart_pole"); }
TEST_CASE("PPO: CartPole without velocities, with an LSTM", "[learning][.slow]") {
  require_gate("ppo.cart_pole_without_velocities");
}
TEST_CASE("PPO: CartPole without velocities, without an LSTM", "[learning][.slow]") {
  require_gate("ppo.cart_pole_without_velocities_mlp");
}
TEST_CASE("PPO: the modular network of 791,989 parameters", "[learning][.slow]") { require_gate("ppo.slot_network"); }
TEST_CASE("PPO: the option ladder with one profile sold too dear", "[learning][.slow]") { require_gate("ppo.ladder_planted"); }
TEST_CASE("PPO: the mean of a bandit with a tail", "[learning][.slow]") { require_gate("ppo.bandit_mean"); }
TEST_CASE("PPO: CVaR of a bandit's episodes", "[learning][.slow]") { require_gate("ppo.bandit_episode_cvar"); }
TEST_CASE("PPO: CVaR of a bandit's steps", "[learning][.slow]") { require_gate("ppo.bandit_step_cvar"); }
TEST_CASE("PPO: a constraint that binds takes the sure arm", "[learning][.slow]") {
  require_gate("ppo.bandit_constraint_binding");
}
TEST_CASE("PPO: a constraint that does not bind takes the risk", "[learning][.slow]") {
  require_gate("ppo.bandit_constraint_slack");
}
TEST_CASE("PPO: the premium seller takes the risk at a small weight", "[learning][.slow]") {
  require_gate("ppo.premium_seller_below");
}
TEST_CASE("PPO: the premium seller hedges at a large weight", "[learning][.slow]") { require_gate("ppo.premium_seller_above"); }
TEST_CASE("A sweep of cvar_weight finds where the premium seller hedges", "[learning][.slow]") {
  // Unhedged episodes of 20 steps earn 9.8 on average, hedged ones 6 for sure.
  const rlx::Frontier frontier = rlx_learning::premium_seller_frontier();
  INFO(rlx::frontier_table(frontier).to_string());
  for (const rlx::FrontierPoint& point : frontier.points) {
    CAPTURE(point.weight);
    if (point.weight < 0.01) {
      REQUIRE(point.mean.estimate > 8.0);
      REQUIRE(point.cvar.estimate < -30.0);  // some 18 % of the episodes have a step that loses 50
    } else {
      REQUIRE(point.mean.estimate < 7.0);
      REQUIRE(point.cvar.estimate > 3.0);
    }
  }
  REQUIRE(frontier.chosen(0.05).weight > 0.05);
}
TEST_CASE("PPO: a bandit's tail under no distortion", "[learning][.slow]") { require_gate("ppo.bandit_quantile_mean"); }
TEST_CASE("PPO: a bandit's tail under CVaR of a tenth", "[learning][.slow]") { require_gate("ppo.bandit_quantile_cvar"); }
TEST_CASE("PPO: a bandit's tail under Wang's distortion", "[learning][.slow]") { require_gate("ppo.bandit_quantile_wang"); }
TEST_CASE("PPO: a bandit's tail under a power distortion", "[learning][.slow]") { require_gate("ppo.bandit_quantile_power"); }
TEST_CASE("CQL: PremiumSeller from a log", "[learning][.slow]") { require_gate("offline.cql.premium_seller"); }
TEST_CASE("IQL: PremiumSeller from a log", "[learning][.slow]") { require_gate("offline.iql.premium_seller"); }
TEST_CASE("CQL: masked CartPole from a log", "[learning][.slow]") { require_gate("offline.cql.cart_pole"); }
TEST_CASE("IQL: masked CartPole from a log", "[learning][.slow]") { require_gate("offline.iql.cart_pole"); }
TEST_CASE("CQL goes on learning online", "[learning][.slow]") { require_gate("offline.cql.fine_tune"); }
TEST_CASE("IQL goes on learning online", "[learning][.slow]") { require_gate("offline.iql.fine_tune"); }
TEST_CASE("PPO finds the profile with a planted edge in a few updates", "[learning]") {
  using namespace rlx_learning;
  const PlantedMarket market(360);
  const LadderScore random = play_random(market.later, 10);
  const LadderScore agent = train_and_play(market, 1, 60'000, 10);
  INFO("agent " << agent.mean_return << " with " << agent.moderate_share << " moderate legs, random " << random.mean_return
                << " with " << random.moderate_share);
  REQUIRE(agent.mean_return > random.mean_return);
  REQUIRE(agent.moderate_share > random.moderate_share);
}
