// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/tag_statistics.hpp>

#include "rlx_catch.hpp"

#include <limits>
#include <vector>

using rlx_test::Approx;

namespace {

rlx::OfflineDataset legs() {
  rlx::OfflineBuilder builder({.observation_size = 1, .action_count = 1});
  const float zero = 0;
  const std::vector<double> calm = {1, 2, 0, 1}, bold = {8, -10, 6, -2};
  for (std::size_t i = 0; i < 8; ++i) {
    const bool is_bold = i % 2 == 1;
    const double reward = (is_bold ? bold : calm)[i / 2];
    builder.add(static_cast<std::int64_t>(i), {.observation = {&zero, 1},
                                               .reward = reward,
                                               .terminated = true,
                                               .tag = is_bold ? "bold" : "calm",
                                               .pnl = i == 1 ? std::numeric_limits<double>::quiet_NaN() : 10 * reward});
    builder.end_episode({&zero, 1});
  }
  return builder.build();
}

}  // namespace

TEST_CASE("tag_statistics: each strategy's rows on their own", "[offline]") {
  const auto all = rlx::tag_statistics(legs(), {.tail = {0.5}});
  REQUIRE(all.size() == 2);  // "unknown" has no rows
  REQUIRE(all[0].tag == "calm");
  REQUIRE(all[0].rows == 4);
  REQUIRE(all[0].mean_reward.estimate == Approx(1.0));
  REQUIRE(all[0].hit_rate == Approx(0.75));  // a zero is no hit
  REQUIRE(all[0].tail_mean == Approx(0.5));  // of 0 and 1
  REQUIRE(all[0].worst == 0.0);
  REQUIRE(all[0].total_pnl == Approx(40.0));
  REQUIRE(all[1].tag == "bold");
  REQUIRE(all[1].mean_reward.estimate == Approx(0.5));
  REQUIRE(all[1].mean_reward.low < 0.5);
  REQUIRE(all[1].mean_reward.high > 0.5);
  REQUIRE(all[1].hit_rate == Approx(0.5));
  REQUIRE(all[1].tail_mean == Approx(-6.0));
  REQUIRE(all[1].worst == -10.0);
  REQUIRE(all[1].total_pnl == Approx(-60.0));  // without the unknown one
  REQUIRE(all[1].rows_with_pnl == 3);
  REQUIRE_THROWS_AS(rlx::tag_statistics(legs(), {.tail = {0}}), rlx::ConfigError);
}
