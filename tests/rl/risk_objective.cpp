// SPDX-License-Identifier: MIT
#include <rlx/rl/risk_objective.hpp>

#include <cstddef>
#include <vector>

#include <rlx/rl/detail/extension_state.hpp>

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

// State is whole, absent, or an error: of the three near misses none would be saved.
struct Whole {
  void save_state(rlx::StateWriter&) const {}
  void load_state(rlx::StateReader&) {}
};
struct OnlySaves {
  void save_state(rlx::StateWriter&) const {}
};
struct NotConst {
  void save_state(rlx::StateWriter&) {}
  void load_state(rlx::StateReader&) {}
};
struct OtherTypes {
  void save_state(std::vector<std::byte>&) const {}
  void load_state(std::vector<std::byte>&) {}
};
static_assert(rlx::detail::has_state<Whole>);
static_assert(!rlx::detail::has_state<OnlySaves> && rlx::detail::names_state<OnlySaves>);
static_assert(!rlx::detail::has_state<NotConst> && rlx::detail::names_state<NotConst>);
static_assert(!rlx::detail::has_state<OtherTypes> && rlx::detail::names_state<OtherTypes>);
static_assert(!rlx::detail::names_state<Doubled>);

}  // namespace

TEST_CASE("The expected return changes nothing", "[rl][risk_objective]") {
  const rlx::ExpectedReturn objective;
  std::vector<float> advantages{1.0F, -2.0F};
  objective.on_rollout({}, advantages);
  REQUIRE(advantages == std::vector<float>{1.0F, -2.0F});
  REQUIRE(objective.loss(rlx::MinibatchView{}, rlx::LossGradient{}) == 0.0);
}
