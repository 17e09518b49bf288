// SPDX-License-Identifier: MIT
#include <rlx/rl/follow_nu.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstddef>
#include <limits>

#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/env/running_return.hpp>
#include <rlx/rl/risk_report.hpp>

#include "rl/fake_learner.hpp"

namespace {

struct Objective {
  rlx::RiskReport figures;
  const rlx::RiskReport& report() const { return figures; }
};
struct Trained {
  Objective risk;
  const Objective& objective() const { return risk; }
};
struct Envs {
  std::array<rlx::RunningReturn<rlx::PremiumSeller>, 2> all{rlx::RunningReturn(rlx::PremiumSeller(), {.nu = 4}),
                                                            rlx::RunningReturn(rlx::PremiumSeller(), {.nu = 5})};
  std::size_t num_envs() const { return all.size(); }
  rlx::RunningReturn<rlx::PremiumSeller>& environment(std::size_t e) { return all[e]; }
};

}  // namespace

TEST_CASE("FollowNu: passes the outcome at the quantile on once there is one", "[rl][risk]") {
  Trained trained;
  Envs envs;
  rlx::FollowNu<Trained, Envs> follow(trained, envs);
  rlx_test::FakeLearner learner;
  follow.on_rollout_start(learner);  // nothing measured yet
  REQUIRE(envs.all[0].nu() == 4);
  REQUIRE(envs.all[1].nu() == 5);
  trained.risk.figures.var = 2.5;
  follow.on_rollout_start(learner);
  REQUIRE(envs.all[0].nu() == -2.5);
  REQUIRE(envs.all[1].nu() == -2.5);
  trained.risk.figures.var = std::numeric_limits<double>::quiet_NaN();
  follow.on_rollout_start(learner);
  REQUIRE(envs.all[1].nu() == -2.5);
}
