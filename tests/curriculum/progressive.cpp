// SPDX-License-Identifier: MIT
#include <rlx/curriculum/progressive.hpp>

#include "sampler_testing.hpp"

#include <limits>
#include <vector>

using namespace rlx::curriculum;
using namespace curriculum_test;

static_assert(rlx::EpisodeSampler<CurriculumSampler> && ReportsEvents<CurriculumSampler>);

namespace {

std::vector<std::uint64_t> stages(const CurriculumSampler& sampler) {
  return {sampler.stage_of().begin(), sampler.stage_of().end()};
}
std::vector<double> probabilities(const CurriculumSampler& sampler) {
  return {sampler.probabilities().begin(), sampler.probabilities().end()};
}
void require_close(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) REQUIRE_THAT(found[i], rlx_test::WithinAbs(expected[i], 1e-12));
}

}  // namespace

TEST_CASE("stages: equal sizes by difficulty", "[curriculum]") {
  auto sources = make_sources(10);
  for (std::size_t i = 0; i < 10; ++i) sources[i].difficulty = 1.0 - 0.1 * static_cast<double>(i);  // source 9 is easiest
  REQUIRE(stages(CurriculumSampler(sources)) == std::vector<std::uint64_t>{4, 4, 3, 3, 2, 2, 1, 1, 0, 0});
  // 7 sources in 3 stages: floor(7/3) = 2, floor(14/3) = 4.
  REQUIRE(stages(CurriculumSampler(make_sources(7), {.stages = 3})) == std::vector<std::uint64_t>{0, 0, 1, 1, 2, 2, 2});
}

TEST_CASE("stages: ties are cut by the source number, whatever the order of the list", "[curriculum]") {
  auto sources = make_sources(6);
  for (auto& info : sources) {
    info.difficulty = 0.5;
    info.source = 5 - info.source;
  }
  REQUIRE(stages(CurriculumSampler(sources, {.stages = 3})) == std::vector<std::uint64_t>{2, 2, 1, 1, 0, 0});
  sources[5].difficulty = 0.9;  // source 0 is the hardest now
  REQUIRE(stages(CurriculumSampler(sources, {.stages = 3})) == std::vector<std::uint64_t>{2, 1, 1, 0, 0, 2});
}

TEST_CASE("curriculum: missing episodes and revisits by hand, and a million draws", "[curriculum]") {
  CurriculumSampler sampler(make_sources(6), {.stages = 3, .stage_episodes = 4, .revisit = 0.2});
  require_close(probabilities(sampler), {0.5, 0.5, 0, 0, 0, 0});  // nothing to revisit
  sampler.update(finished_times(3, 0));
  require_close(probabilities(sampler), {0.2, 0.8, 0, 0, 0, 0});  // 1 and 4 of 5 missing
  require_frequencies(frequencies(sampler, 6, 1'000'000), probabilities(sampler));
  sampler.update(finished_times(9, 0));  // more than its target
  require_close(probabilities(sampler), {0, 1, 0, 0, 0, 0});
  sampler.update(finished_times(4, 1));
  REQUIRE(sampler.stage() == 1);
  require_close(probabilities(sampler), {0.1, 0.1, 0.4, 0.4, 0, 0});
  sampler.update(finished_times(7, 0));  // revisits count for nothing
  require_close(probabilities(sampler), {0.1, 0.1, 0.4, 0.4, 0, 0});
  sampler.update(finished_times(2, 3));
  require_close(probabilities(sampler), {0.1, 0.1, 0.8 * 4 / 6, 0.8 * 2 / 6, 0, 0});
  sampler.update(finished_times(4, 2));
  sampler.update(finished_times(2, 3));
  REQUIRE(sampler.stage() == 2);
  require_close(probabilities(sampler), {0.05, 0.05, 0.05, 0.05, 0.4, 0.4});
  require_frequencies(frequencies(sampler, 6, 1'000'000), probabilities(sampler));
  sampler.update(finished_times(4, 4));
  sampler.update(finished_times(4, 5));
  REQUIRE(sampler.stage() == sampler.num_stages());
  require_close(probabilities(sampler), std::vector<double>(6, 1.0 / 6.0));  // uniform over all
  sampler.update(finished_times(100, 5));
  require_close(probabilities(sampler), std::vector<double>(6, 1.0 / 6.0));
}

TEST_CASE("curriculum: a stage ends by its episodes or by its share of the steps", "[curriculum]") {
  // 1,000 steps in 3 stages: 334 close a stage.
  CurriculumSampler sampler(make_sources(6), {.stages = 3, .stage_episodes = 2, .steps = 1'000});
  sampler.update(finished_times(2, 0, 0.0, 10));
  sampler.update(finished_times(2, 1, 0.0, 20));
  REQUIRE(sampler.stage() == 1);
  sampler.update(finished_times(1, 2, 0.0, 333));
  REQUIRE(sampler.stage() == 1);
  sampler.update(finished_times(1, 0, 0.0, 1));  // a revisit uses steps too
  REQUIRE(sampler.stage() == 2);
  sampler.update(finished_times(5, 4, 0.0, 100));
  REQUIRE(sampler.stage() == 3);
  const auto stage_ended = [](std::uint32_t stage, EndReason reason, std::uint64_t episodes, std::uint64_t steps) {
    return SamplerEvent{SamplerEventKind::stage_ended, reason, 0, stage, episodes, steps};
  };
  REQUIRE(std::vector<SamplerEvent>(sampler.events().begin(), sampler.events().end()) ==
          std::vector{stage_ended(0, EndReason::episodes, 4, 60), stage_ended(1, EndReason::steps, 2, 334),
                      stage_ended(2, EndReason::steps, 5, 500)});
  sampler.update(finished_times(50, 4, 0.0, 1'000));
  REQUIRE(sampler.events().size() == 3);
}

TEST_CASE("curriculum: nothing happens without a finished episode", "[curriculum]") {
  CurriculumSampler sampler(make_sources(5), {.steps = 5});
  const auto before = state_of(sampler);
  sampler.update({});
  REQUIRE(state_of(sampler) == before);
}

TEST_CASE("curriculum: the session cap holds inside a stage as far as it has sessions", "[curriculum]") {
  // Stage 0 holds 9 sources of session 1 and one of each of 11 others: 12 active sessions, cap 1/6.
  auto sources = make_sources(40);
  for (std::size_t i = 0; i < 40; ++i) sources[i].session = i < 9 ? 1 : static_cast<std::int64_t>(i);
  const CurriculumSampler sampler(sources, {.stages = 2});
  double share = 0.0;
  for (std::size_t i = 0; i < 9; ++i) share += sampler.probabilities()[i];
  REQUIRE_THAT(share, rlx_test::WithinAbs(1.0 / 6.0, 1e-12));
  REQUIRE_THAT(sampler.probabilities()[9], rlx_test::WithinAbs(5.0 / 6.0 / 11.0, 1e-12));
  REQUIRE(sampler.probabilities()[20] == 0.0);
}

TEST_CASE("curriculum: save, load, same choices, from any thread, no allocation", "[curriculum]") {
  const CurriculumConfig config{.stages = 4, .stage_episodes = 3, .steps = 4'000};
  CurriculumSampler sampler(make_sources(13, 3), config);
  require_pure(sampler, 13);
  require_resumes(sampler, CurriculumSampler(make_sources(13, 3), config), 13);
  for (std::uint64_t episode = 0; sampler.stage() < 2; ++episode) {
    sampler.update(std::vector{finished(sampler.source({1, 0, episode, 1, 13}))});
  }
  sampler.update(std::vector{finished(sampler.source({1, 0, 999, 1, 13}))});
  require_pure(sampler, 13);
  require_resumes(sampler, CurriculumSampler(make_sources(13, 3), config), 13);

  const auto bytes = state_of(sampler);
  CurriculumSampler wrong(make_sources(13, 3), {.stages = 5});
  rlx::StateReader reader(bytes);
  REQUIRE_THROWS_AS(wrong.load_state(reader), rlx::CheckpointError);
  // A lower target would leave nothing to choose in the saved stage.
  CurriculumSampler half(make_sources(2), {.stages = 1, .stage_episodes = 3});
  half.update(finished_times(2, 0));
  half.update(finished_times(2, 1));
  const auto half_bytes = state_of(half);
  CurriculumSampler lower(make_sources(2), {.stages = 1, .stage_episodes = 2});
  rlx::StateReader half_reader(half_bytes);
  REQUIRE_THROWS_AS(lower.load_state(half_reader), rlx::CheckpointError);
}

TEST_CASE("curriculum: wrong settings are refused", "[curriculum]") {
  REQUIRE_THROWS_AS(CurriculumSampler({}), rlx::ConfigError);
  REQUIRE_THROWS_AS(CurriculumSampler(make_sources(4)), rlx::ConfigError);  // 5 stages
  REQUIRE_THROWS_AS(CurriculumSampler(make_sources(4), {.stages = 0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(CurriculumSampler(make_sources(5), {.stage_episodes = 0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(CurriculumSampler(make_sources(5), {.revisit = 1.0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(CurriculumSampler(make_sources(5), {.revisit = std::numeric_limits<double>::quiet_NaN()}),
                    rlx::ConfigError);
  auto nan = make_sources(5);
  nan[3].difficulty = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_THROWS_AS(CurriculumSampler(nan), rlx::ConfigError);
}
