// SPDX-License-Identifier: MIT
#include <rlx/rl/cvar_sweep.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>

using rlx::Frontier;
using rlx::FrontierPoint;
using rlx::SweepCell;
using rlx::SweepOutcome;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

namespace {

/// Normal returns whose mean and spread fall with the weight: mean 10 - 3 w, sd 10 / (1 + 10 w).
SweepOutcome play(const SweepCell& cell) {
  SweepOutcome outcome;
  rlx::RandomStream random({99, rlx::Purpose::user});  // the same episodes for all cells
  const double mean = 10 - 3 * cell.weight, sd = 10 / (1 + 10 * cell.weight);
  for (int i = 0; i < 2'000; ++i) {
    outcome.returns.push_back(mean + sd * random.normal());
    outcome.drawdowns.push_back(std::max(0.0, -outcome.returns.back()));
  }
  outcome.var = 1.6448536 * sd - mean;  // of the normal
  return outcome;
}

}  // namespace

TEST_CASE("CvarSweep: figures of hand-made outcomes", "[rl][risk]") {
  std::vector<SweepCell> cells;
  const Frontier frontier =
      rlx::run_sweep({.weights = {0, 1}, .alphas = {0.5}, .seeds = {4, 5, 6, 7}}, [&](const SweepCell& cell) {
        cells.push_back(cell);
        // Seed 7 is an outlier; the interquartile mean of four seeds is that of the middle two.
        const double shift = cell.seed == 7 ? 1'000.0 : static_cast<double>(cell.seed) - 5;
        return SweepOutcome{{shift - 3, shift + 1, shift + 2, shift + 4}, {4, 0, 0, 2}, 0.0};
      });
  REQUIRE(cells.size() == 8);
  REQUIRE(cells[5].weight == 1);
  REQUIRE(cells[5].seed == 5);
  REQUIRE(frontier.points.size() == 2);
  const FrontierPoint& point = frontier.points[1];
  REQUIRE(point.means == std::vector<double>{0, 1, 2, 1'001});
  REQUIRE(point.cvars == std::vector<double>{-2, -1, 0, 999});  // of (-3, 1, 2, 4): -1
  REQUIRE(point.mean.estimate == 1.5);
  REQUIRE(point.cvar.estimate == -0.5);
  REQUIRE(point.max_drawdown.estimate == 1.5);
  REQUIRE(point.tail_hit_rate.estimate == 0.25);  // one of four is below 0, with the last seed none
  REQUIRE(point.mean.low < 1.5);
  REQUIRE(point.mean.high > 1.5);
}

TEST_CASE("CvarSweep: intervals hold the truth, the rule chooses the safest that earns enough", "[rl][risk]") {
  const Frontier frontier = rlx::run_sweep({.bootstrap = {.replicates = 400}}, play);
  REQUIRE(frontier.points.size() == 6);
  for (const FrontierPoint& point : frontier.points) {
    CAPTURE(point.weight);
    const double mean = 10 - 3 * point.weight, sd = 10 / (1 + 10 * point.weight);
    const double cvar = mean - sd * 2.0627128;  // phi(z) / 0.05
    REQUIRE_THAT(point.mean.estimate, WithinAbs(mean, 3 * sd / std::sqrt(2'000.0)));
    REQUIRE(point.cvar.low < cvar);
    REQUIRE(point.cvar.high > cvar);
    REQUIRE(point.tail_hit_rate.low < 0.05);
    REQUIRE(point.tail_hit_rate.high > 0.05);
    REQUIRE(point.enough_mean == (point.weight <= 0.25));  // 9 of 10; at 0.5 the mean is 8.5
  }
  REQUIRE(frontier.chosen(0.05).weight == 0.25);
  REQUIRE_THROWS_AS(frontier.chosen(0.1), rlx::ConfigError);

  const std::string table = rlx::frontier_table(frontier, {.unit = "$"}).to_string();
  REQUIRE_THAT(table, ContainsSubstring("chosen"));
  REQUIRE_THAT(table, ContainsSubstring("mean too low"));
  REQUIRE_THAT(table, ContainsSubstring("mean, $"));
  const std::string svg = rlx::frontier_svg(frontier, 0.05, {.title = "A frontier", .unit = "$"});
  REQUIRE_THAT(svg, ContainsSubstring("A frontier"));
  REQUIRE_THAT(svg, ContainsSubstring("weight 0.25 (chosen)"));
  REQUIRE_THAT(svg, ContainsSubstring("worst 5 %"));
  REQUIRE_THAT(svg, ContainsSubstring("95 % intervals"));
  std::size_t circles = 0;
  for (std::size_t at = svg.find("<circle"); at != std::string::npos; at = svg.find("<circle", at + 1)) ++circles;
  REQUIRE(circles == 12);  // six points and their six keys
  REQUIRE_THAT(rlx::frontier_svg(frontier, 0.1), ContainsSubstring("no data"));
}

TEST_CASE("CvarSweep: episodes of one group are resampled together", "[rl][risk]") {
  // 40 days of 5 episodes that all earn the same: only 40 independent numbers.
  const auto days = [](bool grouped) {
    return [grouped](const SweepCell&) {
      SweepOutcome outcome;
      rlx::RandomStream random({3, rlx::Purpose::user});
      for (std::size_t day = 0; day < 40; ++day) {
        outcome.returns.insert(outcome.returns.end(), 5, random.normal());
        if (grouped) outcome.groups.insert(outcome.groups.end(), 5, 1'000 - day);
      }
      outcome.drawdowns.resize(200);
      return outcome;
    };
  };
  const rlx::risk::Interval apart = rlx::run_sweep({.weights = {0}}, days(false)).points[0].mean;
  const rlx::risk::Interval together = rlx::run_sweep({.weights = {0}}, days(true)).points[0].mean;
  REQUIRE_THAT(apart.estimate, WithinAbs(together.estimate, 1e-12));
  REQUIRE_THAT((together.high - together.low) / (apart.high - apart.low), WithinAbs(std::sqrt(5.0), 0.3));
}

TEST_CASE("CvarSweep: intervals account for seeds", "[rl][risk]") {
  // Trainings that differ and episodes that do not: the replicates are means of three draws from (0, 3, 6). They are below 1
  // with probability 1/27 (0, 0, 0) and at most 1 with 4/27, above 5 with 1/27: the 2.5 % ends are 0 and 6.
  const auto constant = [](const SweepCell& cell) {
    const double level = 3.0 * static_cast<double>(cell.seed - 1);
    return SweepOutcome{std::vector<double>(50, level), std::vector<double>(50, 0.0)};
  };
  const Frontier three = rlx::run_sweep({.weights = {0}, .alphas = {0.1}, .seeds = {1, 2, 3}}, constant);
  REQUIRE(three.seeds == 3);
  REQUIRE(three.points[0].mean == rlx::risk::Interval{3, 0, 6});
  REQUIRE(three.points[0].cvar == rlx::risk::Interval{3, 0, 6});
  const Frontier one = rlx::run_sweep({.weights = {0}, .alphas = {0.1}, .seeds = {2}}, constant);
  REQUIRE(one.points[0].mean == rlx::risk::Interval{3, 3, 3});
  REQUIRE_THAT(rlx::frontier_svg(three, 0.1), ContainsSubstring("95 % intervals over 3 trainings and the held-out episodes"));
  REQUIRE_THAT(rlx::frontier_svg(one, 0.1), ContainsSubstring("95 % intervals over the held-out episodes"));

  // 40 trainings with standard normal effects on the mean, 100 episodes with standard normal noise shared by all: the variance
  // of the mean is about 1/40 + 1/100 (the interquartile mean of normals: 1.2 times the first).
  const auto both = [](const SweepCell& cell) {
    SweepOutcome outcome;
    const double effect = rlx::RandomStream({cell.seed, rlx::Purpose::user}).normal();
    rlx::RandomStream noise({1'000, rlx::Purpose::user});
    for (int i = 0; i < 100; ++i) outcome.returns.push_back(effect + noise.normal());
    outcome.drawdowns.resize(100);
    return outcome;
  };
  std::vector<std::uint64_t> seeds(40);
  for (std::size_t s = 0; s < seeds.size(); ++s) seeds[s] = s + 1;
  const rlx::risk::Interval wide = rlx::run_sweep({.weights = {0}, .seeds = seeds}, both).points[0].mean;
  const rlx::risk::Interval narrow = rlx::run_sweep({.weights = {0}, .seeds = {1}}, both).points[0].mean;
  REQUIRE_THAT(narrow.high - narrow.low, WithinAbs(2 * 1.96 * std::sqrt(1.0 / 100), 0.08));
  REQUIRE_THAT(wide.high - wide.low, WithinAbs(2 * 1.96 * std::sqrt(1.2 / 40 + 1.0 / 100), 0.2));
}

TEST_CASE("CvarSweep: where the mean at weight 0 is a loss, none may lose more", "[rl][risk]") {
  const auto losing = [](const SweepCell& cell) {
    const double mean = cell.weight == 0 ? -2.0 : cell.weight == 1 ? -2.1 : -1.0;
    return SweepOutcome{{mean - cell.weight, mean + cell.weight}, {0, 0}};
  };
  const Frontier frontier = rlx::run_sweep({.weights = {0, 1, 2}, .alphas = {0.5, 1.0}}, losing);
  REQUIRE_FALSE(frontier.points[1].enough_mean);
  REQUIRE(frontier.points[2].enough_mean);
  REQUIRE(frontier.chosen(0.5).weight == 0);  // -2 against -3
  REQUIRE(frontier.chosen(1.0).weight == 2);  // the mean itself
  REQUIRE(std::isnan(frontier.points[0].tail_hit_rate.estimate));
  REQUIRE_THAT(rlx::frontier_table(frontier).to_string(), ContainsSubstring("–"));
}

TEST_CASE("CvarSweep: refuses what it cannot compare", "[rl][risk]") {
  const auto run = [](const rlx::CvarSweep& sweep) { return rlx::run_sweep(sweep, play); };
  REQUIRE_THROWS_AS(run({.weights = {}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(run({.weights = {0.5, 1}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(run({.weights = {0, 1, 1}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(run({.weights = {0, std::numeric_limits<double>::quiet_NaN()}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(run({.alphas = {0.0}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(run({.seeds = {}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(run({.min_mean_fraction = 1.5}), rlx::ConfigError);
  const auto uneven = [](const SweepCell& cell) {
    return SweepOutcome{std::vector<double>(static_cast<std::size_t>(cell.seed), 1.0), {0.0}};
  };
  REQUIRE_THROWS_AS(rlx::run_sweep({.weights = {0}, .seeds = {1, 2}}, uneven), rlx::DataError);
  const auto half_grouped = [](const SweepCell&) { return SweepOutcome{{1, 2}, {0, 0}, 0.0, {7}}; };
  REQUIRE_THROWS_AS(rlx::run_sweep({.weights = {0}}, half_grouped), rlx::DataError);
}
