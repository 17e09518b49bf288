// SPDX-License-Identifier: MIT
#include <rlx/curriculum/difficulty.hpp>

#include "rlx_catch.hpp"

#include <limits>
#include <vector>

using namespace rlx::curriculum;

TEST_CASE("MidRank: share below plus half the share equal", "[curriculum]") {
  const MidRank rank({3.0, 1.0, 2.0, 2.0});
  REQUIRE(rank(0.0) == 0.0);
  REQUIRE(rank(1.0) == 0.125);
  REQUIRE(rank(1.5) == 0.25);
  REQUIRE(rank(2.0) == 0.5);
  REQUIRE(rank(3.0) == 0.875);
  REQUIRE(rank(9.0) == 1.0);
  REQUIRE(MidRank({})(4.0) == 0.5);
}

TEST_CASE("difficulty: wide, restless and badly covered is hard, by hand", "[curriculum]") {
  // Columns: spread, volatility, coverage. Ranks F of four sources are 1/8, 3/8, 5/8, 7/8 in every column.
  const std::vector<double> table{1.0, 0.1, 0.9, 2.0, 0.2, 0.7, 3.0, 0.3, 0.5, 4.0, 0.4, 0.3};
  const DifficultyScale scale(market_difficulty_terms(), {table.data(), 4, 3});
  REQUIRE_THAT(scale(std::vector{1.0, 0.1, 0.9}), rlx_test::WithinAbs(0.125, 1e-12));  // easiest in each
  REQUIRE_THAT(scale(std::vector{4.0, 0.4, 0.3}), rlx_test::WithinAbs(0.875, 1e-12));
  REQUIRE_THAT(scale(std::vector{2.0, 0.4, 0.9}), rlx_test::WithinAbs(0.3 * 0.375 + 0.5 * 0.875 + 0.2 * 0.125, 1e-12));
  // A held-out source beyond the training range: 0 or 1, never outside.
  REQUIRE_THAT(scale(std::vector{0.0, 0.0, 1.0}), rlx_test::WithinAbs(0.0, 1e-12));
  REQUIRE_THAT(scale(std::vector{9.0, 9.0, 0.0}), rlx_test::WithinAbs(1.0, 1e-12));
}

TEST_CASE("difficulty: weights are relative", "[curriculum]") {
  const std::vector<double> table{1.0, 5.0, 2.0, 4.0};
  const DifficultyScale scale({{3.0, false}, {1.0, false}}, {table.data(), 2, 2});
  REQUIRE_THAT(scale(std::vector{1.0, 5.0}), rlx_test::WithinAbs((3.0 * 0.25 + 0.75) / 4.0, 1e-12));
}

TEST_CASE("difficulty: what cannot be ranked is refused", "[curriculum]") {
  const std::vector<double> table{1.0, std::numeric_limits<double>::quiet_NaN()};
  const std::vector<double> good{1.0, 2.0};
  REQUIRE_THROWS_AS(DifficultyScale({{1.0, false}}, {table.data(), 2, 1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(DifficultyScale({}, {good.data(), 2, 1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(DifficultyScale({{-1.0, false}}, {good.data(), 2, 1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(DifficultyScale({{0.0, false}}, {good.data(), 2, 1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(DifficultyScale({{1.0, false}}, {good.data(), 0, 1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(DifficultyScale({{1.0, false}}, {good.data(), 1, 2}), rlx::ShapeError);
  const DifficultyScale scale({{1.0, false}}, {good.data(), 2, 1});
  REQUIRE_THROWS_AS(scale(good), rlx::ShapeError);
  REQUIRE_THROWS_AS(scale(std::vector{std::numeric_limits<double>::infinity()}), rlx::NumericError);
}

TEST_CASE("sources are sorted from easy to hard, equal ones by number", "[curriculum]") {
  std::vector<EpisodeInfo> infos(4);
  for (std::size_t i = 0; i < 4; ++i) infos[i].source = 3 - i;
  infos[0].difficulty = 0.5;  // source 3
  infos[1].difficulty = 0.1;  // source 2
  infos[2].difficulty = 0.5;  // source 1
  infos[3].difficulty = 0.9;  // source 0
  const auto sorted = sorted_by_difficulty(infos);
  const std::vector<std::size_t> expected{2, 1, 3, 0};
  for (std::size_t i = 0; i < 4; ++i) REQUIRE(sorted[i].source == expected[i]);
}
