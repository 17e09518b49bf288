// SPDX-License-Identifier: MIT
#include <rlx/curriculum/budget.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

using namespace rlx::curriculum;
using Counts = std::vector<std::uint32_t>;

TEST_CASE("proportional budget: largest remainder by hand", "[curriculum]") {
  // 20 x 3 = 60 episodes over lengths 1 : 2 : 4 are 8.571, 17.143, 34.286; the one left over goes to the first.
  REQUIRE(proportional_budget(std::vector<std::size_t>{100, 200, 400}, 20) == Counts{9, 17, 34});
  // 2 x 3 = 6 over 7 : 7 : 1 are 2.8, 2.8, 0.4.
  REQUIRE(proportional_budget(std::vector<std::size_t>{7, 7, 1}, 2) == Counts{3, 3, 1});
  // Equal remainders go to the lower index: 1 x 2 over 3 : 1 are 1.5, 0.5.
  REQUIRE(proportional_budget(std::vector<std::size_t>{3, 1}, 1) == Counts{2, 1});
  REQUIRE(proportional_budget(std::vector<std::size_t>{5, 5, 5}, 20) == Counts{20, 20, 20});
  REQUIRE_THROWS_AS(proportional_budget(std::vector<std::size_t>{0, 0}, 20), rlx::ConfigError);
}

TEST_CASE("proportional budget: the sum is kept unless a source is raised to 1", "[curriculum]") {
  std::vector<std::size_t> lengths;
  for (std::size_t i = 0; i < 101; ++i) lengths.push_back(500 + i * i % 997);
  const Counts budget = proportional_budget(lengths, 20);
  REQUIRE(std::accumulate(budget.begin(), budget.end(), 0U) == 20U * 101U);
  const double sum = static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), std::size_t{0}));
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    REQUIRE(std::abs(static_cast<double>(budget[i]) - 2020.0 * static_cast<double>(lengths[i]) / sum) < 1.0);
  }
  // No overflow at lengths near the end of their range.
  const std::size_t huge = std::numeric_limits<std::size_t>::max();
  REQUIRE(proportional_budget(std::vector<std::size_t>{huge, huge, 0}, 1'000) == Counts{1'500, 1'500, 1});
}

TEST_CASE("adaptive budget: half to twice the episodes, most for the lowest return, by hand", "[curriculum]") {
  // F = 7/8, 1/8, 3/8, 5/8: 20 (0.5 + 1.5 (1 - F)) = 13.75, 36.25, 28.75, 21.25.
  REQUIRE(adaptive_budget(std::vector{4.0, -1.0, 0.0, 2.0}, 20) == Counts{14, 36, 29, 21});
  // Ties share their rank: F = 1/3, 1/3, 5/6 gives 30, 30, 15.
  REQUIRE(adaptive_budget(std::vector{1.0, 1.0, 5.0}, 20) == Counts{30, 30, 15});
  // Unknown returns are ranked in the middle and do not enter the ranks: F = 1/4, 3/4, 1/2 gives 32.5, 17.5, 25.
  REQUIRE(adaptive_budget(std::vector{0.0, 1.0, std::nan("")}, 20) == Counts{33, 18, 25});
  REQUIRE(adaptive_budget(std::vector{0.0, 1.0}, 1) == Counts{2, 1});
}

TEST_CASE("first budget of each kind", "[curriculum]") {
  std::vector<EpisodeInfo> infos(2);
  infos[0].length = 100;
  infos[1].length = 300;
  REQUIRE(first_budget(infos, {.kind = BudgetKind::once, .episodes = 0}) == Counts{1, 1});
  REQUIRE(first_budget(infos, {}) == Counts{20, 20});
  REQUIRE(first_budget(infos, {.kind = BudgetKind::proportional}) == Counts{10, 30});
  REQUIRE(first_budget(infos, {.kind = BudgetKind::adaptive}) == Counts{25, 25});
  REQUIRE_THROWS_AS(first_budget(infos, {.episodes = 0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(first_budget(infos, {.episodes = 1'000'001}), rlx::ConfigError);
}
