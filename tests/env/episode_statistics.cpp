// SPDX-License-Identifier: MIT
#include <rlx/env/episode_statistics.hpp>

#include "rlx_catch.hpp"

#include <type_traits>

static_assert(std::is_trivially_copyable_v<rlx::EpisodeStatistics>);  // recording one cannot allocate

TEST_CASE("EpisodeStatistics: reports the metrics in use and compares by value", "[env]") {
  rlx::EpisodeStatistics a;
  REQUIRE(a.reported_metrics().empty());
  a.num_metrics = 2;
  a.metrics[1] = 3.5;
  REQUIRE(a.reported_metrics().size() == 2);
  REQUIRE(a.reported_metrics()[1] == 3.5);
  rlx::EpisodeStatistics b = a;
  REQUIRE(a == b);
  b.length = 1;
  REQUIRE_FALSE(a == b);
  REQUIRE(a.metrics.size() == rlx::max_episode_metrics);
}
