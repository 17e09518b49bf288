// SPDX-License-Identifier: MIT
#include <rlx/rl/risk_objective.hpp>

#include <vector>

#include "rlx_catch.hpp"

namespace {

struct Doubled {  // the model of the concept's comment
  void on_rollout(const rlx::RolloutView&, std::span<float> advantages) {
    for (float& a : advantages) a *= 2;
  }
  double loss(const rlx::MinibatchView&, const rlx::LossGradient&) const { return 0.0; }
  void record(rlx::Logger&) const {}
};
struct Silent {  // a near miss: no record
  void on_rollout(const rlx::RolloutView&, std::span<float>) {}
  double loss(const rlx::MinibatchView&, const rlx::LossGradient&) const { return 0.0; }
};
static_assert(rlx::RiskObjective<Doubled>);
static_assert(!rlx::RiskObjective<Silent>);

}  // namespace

TEST_CASE("The expected return changes nothing", "[rl][risk_objective]") {
  const rlx::ExpectedReturn objective;
  std::vector<float> advantages{1.0F, -2.0F};
  objective.on_rollout({}, advantages);
  REQUIRE(advantages == std::vector<float>{1.0F, -2.0F});
  REQUIRE(objective.loss(rlx::MinibatchView{}, rlx::LossGradient{}) == 0.0);
}
