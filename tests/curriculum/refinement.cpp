// SPDX-License-Identifier: MIT
#include <rlx/curriculum/refinement.hpp>

#include "sampler_testing.hpp"

#include <limits>
#include <vector>

using namespace rlx::curriculum;
using namespace curriculum_test;

static_assert(rlx::EpisodeSampler<RefinementSampler>);

namespace {

std::vector<int> struggling(const RefinementSampler& sampler) {
  return {sampler.struggling().begin(), sampler.struggling().end()};
}

}  // namespace

TEST_CASE("refinement: without a struggling source every one by its count", "[curriculum]") {
  RefinementSampler sampler(make_sources(3));
  REQUIRE(struggling(sampler) == std::vector<int>{0, 0, 0});
  for (const double p : sampler.probabilities()) REQUIRE_THAT(p, rlx_test::WithinAbs(1.0 / 3.0, 1e-12));
  sampler.update(finished_times(1, 1, 2.0));
  REQUIRE(struggling(sampler) == std::vector<int>{0, 0, 0});
  REQUIRE_THAT(sampler.probabilities()[1], rlx_test::WithinAbs(0.2, 1e-12));  // 1 : 1/2 : 1
}

TEST_CASE("refinement: average success below one half, by hand", "[curriculum]") {
  RefinementSampler sampler(make_sources(3));
  sampler.update(finished_times(1, 0, 1.0));  // success 0.55
  sampler.update(finished_times(1, 0, 0.0));  // a return of 0 is none: 0.495
  REQUIRE(struggling(sampler) == std::vector<int>{1, 0, 0});
  sampler.update(finished_times(1, 0, 1.0));  // 0.5455
  REQUIRE(struggling(sampler) == std::vector<int>{0, 0, 0});
}

TEST_CASE("refinement: the lowest quarter of the average returns, by hand", "[curriculum]") {
  RefinementSampler sampler(make_sources(6));
  for (std::size_t i = 0; i < 4; ++i) sampler.update(finished_times(1, i, 1.0 + static_cast<double>(i)));
  // Ranks of the four known are 1/8, 3/8, ...; sources 4 and 5 have no episode.
  REQUIRE(struggling(sampler) == std::vector<int>{1, 0, 0, 0, 0, 0});
  sampler.update(finished_times(1, 3, -40.0));  // 4 + 0.1 (-44) = -0.4, success 0.495
  REQUIRE(struggling(sampler) == std::vector<int>{0, 0, 0, 1, 0, 0});
}

TEST_CASE("refinement: equal returns are no lowest quarter", "[curriculum]") {
  RefinementSampler sampler(make_sources(8));
  for (std::size_t i = 0; i < 8; ++i) sampler.update(finished_times(1, i, 1.0));
  REQUIRE(struggling(sampler) == std::vector<int>(8, 0));
}

TEST_CASE("refinement: shares by hand, and a million draws", "[curriculum]") {
  RefinementSampler sampler(make_sources(4), {.lowest_share = 0.0});
  sampler.observe(finished_times(3, 0, -1.0));  // before its phase: struggling, 3 episodes of the run, none of the phase
  sampler.observe(finished_times(1, 1, 1.0));
  sampler.update(finished_times(1, 2, -1.0));  // struggling, 1 episode of both
  REQUIRE(struggling(sampler) == std::vector<int>{1, 0, 1, 0});
  // Struggling: 1 : 1/2. Any: 1/4 : 1/2 : 1/2 : 1, sum 9/4.
  const std::vector<double> expected{0.7 * 2 / 3 + 0.3 / 9, 0.3 * 2 / 9, 0.7 / 3 + 0.3 * 2 / 9, 0.3 * 4 / 9};
  for (std::size_t i = 0; i < 4; ++i) {
    REQUIRE_THAT(sampler.probabilities()[i], rlx_test::WithinAbs(expected[i], 1e-12));
  }
  require_frequencies(frequencies(sampler, 4, 1'000'000), expected);
}

TEST_CASE("refinement: save, load, same choices, from any thread, no allocation", "[curriculum]") {
  RefinementSampler sampler(make_sources(10, 4));
  for (std::size_t i = 0; i < 30; ++i) {
    if (i < 12) sampler.observe(finished_times(1, i % 10, i % 3 == 0 ? 1.0 : -2.0));
    if (i >= 12) sampler.update(finished_times(1 + i % 2, i * 3 % 10, static_cast<double>(i % 5) - 1.0));
  }
  require_pure(sampler, 10);
  require_resumes(sampler, RefinementSampler(make_sources(10, 4)), 10);
}

TEST_CASE("refinement: wrong settings are refused", "[curriculum]") {
  REQUIRE_THROWS_AS(RefinementSampler({}), rlx::ConfigError);
  REQUIRE_THROWS_AS(RefinementSampler(make_sources(2), {.struggling_share = 1.1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(RefinementSampler(make_sources(2), {.alpha = 0.0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(RefinementSampler(make_sources(2), {.min_success = -0.1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(RefinementSampler(make_sources(2), {.lowest_share = std::numeric_limits<double>::quiet_NaN()}),
                    rlx::ConfigError);
}
