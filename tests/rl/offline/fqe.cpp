// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/fqe.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/rl/offline/behaviour_policies.hpp>

using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

namespace {

/// Two states, one-hot. Action 0 stays and earns 1 in state 0, 0 in state 1; action 1 moves to the other state and earns 0.
/// From state 1 action 0 ends the episode. Episodes of at most 8 steps, uniformly random, truncated at the end.
rlx::OfflineDataset chain(std::size_t episodes, double gamma, double scale) {
  rlx::OfflineBuilder builder({.observation_size = 2, .action_count = 2, .gamma = gamma});
  for (std::size_t e = 0; e < episodes; ++e) {
    rlx::RandomStream random({7, rlx::Purpose::user, static_cast<std::uint32_t>(e), 0});
    std::size_t state = random.bounded(2);
    const auto row_of = [](std::size_t s) { return std::vector<float>{s == 0 ? 1.0F : 0.0F, s == 0 ? 0.0F : 1.0F}; };
    for (std::int64_t t = 0; t < 8; ++t) {
      const auto action = static_cast<std::int32_t>(random.bounded(2));
      const auto row = row_of(state);
      const bool ends = state == 1 && action == 0;
      builder.add(static_cast<std::int64_t>(e), {.observation = row,
                                                 .action = action,
                                                 .reward = state == 0 && action == 0 ? scale : 0.0,
                                                 .terminated = ends,
                                                 .truncated = t == 7 && !ends,
                                                 .propensity = 0.5,
                                                 .ts = t});
      if (action == 1) state = 1 - state;
      if (ends || t == 7) {
        builder.end_episode(row_of(state));
        break;
      }
    }
  }
  return builder.build();
}

/// Probability p of action 0.
struct Biased {
  struct Workspace {};
  struct Layout {
    std::string layout_sha256;
  };
  double p;
  Layout made_for = {};
  const Layout& layout() const { return made_for; }
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t>, std::span<double> out, Workspace&) const {
    out[0] = p;
    out[1] = 1 - p;
  }
};

}  // namespace

TEST_CASE("fit_q: finds the value of the policy, not of the log, in any unit", "[offline]") {
  // With p = 0.8, gamma = 0.5: V0 = 0.8 (1 + 0.5 V0) + 0.2 * 0.5 V1, V1 = 0.2 * 0.5 V0. So V0 (0.6 - 0.01) = 0.8.
  const double v0 = 0.8 / 0.59, v1 = 0.1 * v0;
  for (const double scale : {1.0, 1e-4}) {
    const rlx::OfflineDataset data = chain(200, 0.5, scale);
    const auto table = rlx::PolicyTable::of(data, Biased{0.8});
    const rlx::FittedQ q = rlx::fit_q(data, table, {.hidden = {}, .updates = 1'500, .batch_size = 64, .learning_rate = 0.02});
    auto workspace = q.make_workspace();
    std::vector<double> values(2);
    q.values(std::vector<float>{1, 0}, {}, values, workspace);
    REQUIRE_THAT(values[0] / scale, WithinAbs(1 + 0.5 * v0, 0.03));
    REQUIRE_THAT(values[1] / scale, WithinAbs(0.5 * v1, 0.03));
    q.values(std::vector<float>{0, 1}, {}, values, workspace);
    REQUIRE_THAT(values[0] / scale, WithinAbs(0.0, 0.03));  // terminated: nothing follows
    REQUIRE_THAT(values[1] / scale, WithinAbs(0.5 * v0, 0.03));
  }
}

TEST_CASE("fit_q: the same arguments give the same numbers", "[offline]") {
  const rlx::OfflineDataset data = chain(20, 0.5, 1);
  const auto table = rlx::PolicyTable::of(data, Biased{0.3});
  const rlx::FqeConfig config{.hidden = {8}, .updates = 20, .batch_size = 16};
  std::vector<double> a(2), b(2);
  const rlx::FittedQ first = rlx::fit_q(data, table, config), second = rlx::fit_q(data, table, config);
  auto workspace = first.make_workspace();
  first.values(std::vector<float>{1, 0}, {}, a, workspace);
  second.values(std::vector<float>{1, 0}, {}, b, workspace);
  REQUIRE(a == b);
}

TEST_CASE("PolicyTable: refuses what are no probabilities", "[offline]") {
  const rlx::OfflineDataset data = chain(2, 0.5, 1);
  REQUIRE_THROWS_AS(rlx::PolicyTable::of(data, Biased{-0.1}), rlx::NumericError);
  REQUIRE_THROWS_AS(rlx::PolicyTable::of(data, Biased{std::numeric_limits<double>::quiet_NaN()}), rlx::NumericError);
  // Made for other observations; within another policy too. Where either side does not say, they are taken to fit.
  rlx::OfflineInfo info = data.info();
  info.obs_spec_hash = "abc";
  const rlx::OfflineDataset labelled(info, data.columns());
  const Biased other{0.25, {"def"}};
  REQUIRE_THROWS_AS(rlx::PolicyTable::of(labelled, other), rlx::DataError);
  REQUIRE_THROWS_WITH(rlx::PolicyTable::of(labelled, rlx::ExploringPolicy(other, 0.1)),
                      ContainsSubstring("abc") && ContainsSubstring("def"));
  REQUIRE_NOTHROW(rlx::PolicyTable::of(labelled, Biased{0.25, {"abc"}}));
  REQUIRE_NOTHROW(rlx::PolicyTable::of(labelled, Biased{0.25}));
  REQUIRE_NOTHROW(rlx::PolicyTable::of(data, other));
  const auto table = rlx::PolicyTable::of(data, Biased{0.25});
  REQUIRE(table.taken[0] == (data.action(0) == 0 ? 0.25 : 0.75));
  REQUIRE_THROWS_AS(rlx::fit_q(data, table, {.updates = 0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::fit_q(data, table, {.polyak = 0}), rlx::ConfigError);
}
