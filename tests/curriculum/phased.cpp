// SPDX-License-Identifier: MIT
#include <rlx/curriculum/phased.hpp>

#include <rlx/curriculum/sequential.hpp>
#include <rlx/env/vector_env.hpp>

#include "sampler_testing.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace rlx::curriculum;
using namespace curriculum_test;

static_assert(rlx::EpisodeSampler<PhasedSampler> && ReportsEvents<PhasedSampler>);
static_assert(ObservesEpisodes<BalancedSampler> && ObservesEpisodes<RefinementSampler>);
static_assert(!ObservesEpisodes<CurriculumSampler> && !ObservesEpisodes<rlx::CyclingSampler>);

namespace {

/// A market of 3 + 2 * source steps, whose return depends on the source and on the episode's seed.
class Market {
 public:
  using ActionScalar = std::int32_t;
  explicit Market(std::size_t sources) : num_sources_(sources) {}
  const rlx::Box& observation_space() const { return observation_space_; }
  const rlx::Discrete& action_space() const { return action_space_; }
  std::size_t num_sources() const { return num_sources_; }
  void set_source(std::size_t source) { source_ = source; }
  void reset(std::uint64_t seed, std::span<float> row) {
    step_ = 0;
    lucky_ = seed % 3 == 0;
    row[0] = 0.0F;
  }
  rlx::Transition step(std::span<const std::int32_t>, std::span<float> row) {
    ++step_;
    row[0] = static_cast<float>(step_);
    const double reward = (lucky_ ? 1.0 : -0.2) * static_cast<double>(source_ % 5) - 0.1;
    return {.reward = reward, .terminated = step_ == 3 + 2 * source_, .truncated = false};
  }
  int info() const { return 0; }

 private:
  rlx::Box observation_space_ = rlx::Box::uniform(1, 0.0F, 1000.0F);
  rlx::Discrete action_space_{2};
  std::size_t num_sources_;
  std::size_t source_ = 0;
  std::size_t step_ = 0;
  bool lucky_ = false;
};

struct Choice {
  std::uint32_t env;
  std::uint64_t episode;
  std::size_t source;
  bool operator==(const Choice&) const = default;
};

/// 60 rollouts of 25 steps of 8 environments, as a learner makes them. At rollout `resume_at` the sampler goes through its
/// saved state into `fresh`.
std::vector<Choice> run(rlx::AnyEpisodeSampler sampler, std::size_t sources, std::size_t threads,
                        const rlx::AnyEpisodeSampler* fresh = nullptr, int resume_at = -1,
                        std::vector<SamplerEvent>* events = nullptr) {
  rlx::ThreadPool pool(threads);
  rlx::VectorEnv envs({.num_envs = 8, .seed = 21, .num_shards = 4}, pool, [&](std::size_t) { return Market(sources); });
  envs.set_sampler(std::move(sampler));
  envs.reset();
  const std::vector<std::int32_t> actions(8, 0);
  std::vector<Choice> chosen;
  for (int rollout = 0; rollout < 60; ++rollout) {
    std::vector<rlx::EpisodeStatistics> done;
    for (int t = 0; t < 25; ++t) {
      envs.step({actions.data(), 8, 1});
      done.insert(done.end(), envs.finished().begin(), envs.finished().end());
    }
    std::sort(done.begin(), done.end(),
              [](const auto& a, const auto& b) { return a.env != b.env ? a.env < b.env : a.episode < b.episode; });
    for (const auto& statistics : done) chosen.push_back({statistics.env, statistics.episode, statistics.source});
    envs.update_sampler(done);
    if (rollout == resume_at) {
      const auto bytes = state_of(envs.sampler());
      rlx::AnyEpisodeSampler loaded = *fresh;
      rlx::StateReader reader(bytes);
      loaded.load_state(reader);
      reader.expect_end();
      envs.set_sampler(std::move(loaded));
    }
  }
  if (events != nullptr) {
    const auto found = envs.sampler().target<PhasedSampler>()->events();
    events->assign(found.begin(), found.end());
  }
  return chosen;
}

std::vector<SamplerEvent> events_of(const PhasedSampler& sampler) { return {sampler.events().begin(), sampler.events().end()}; }

}  // namespace

TEST_CASE("phases end by steps or by episodes, and say which", "[curriculum]") {
  const auto sources = make_sources(4);
  PhasedSampler sampler({Phase("cycle", rlx::CyclingSampler(), 100), Phase("balanced", BalancedSampler(sources), 1'000, 5),
                         Phase("rest", SequentialSampler(sources), 30)});
  REQUIRE(sampler.source({0, 0, 6, 1, 4}) == 2);
  sampler.update(finished_times(9, 1, 0.0, 11));
  REQUIRE(sampler.phase() == 0);  // 99 steps
  sampler.update({});
  REQUIRE(sampler.phase() == 0);
  sampler.update(finished_times(1, 1, 0.0, 400));
  REQUIRE(sampler.phase() == 1);  // the first update at or after its steps; the excess is not carried over
  sampler.update(finished_times(4, 0, 0.0, 10));
  REQUIRE(sampler.phase() == 1);
  sampler.update(finished_times(2, 2, 0.0, 10));
  REQUIRE(sampler.phase() == 2);
  for (int i = 0; i < 3; ++i) sampler.update(finished_times(4, 0, 0.0, 10));
  REQUIRE(sampler.phase() == 2);  // the last one goes on
  REQUIRE(events_of(sampler) == std::vector<SamplerEvent>{{SamplerEventKind::phase_ended, EndReason::steps, 0, 0, 10, 499},
                                                          {SamplerEventKind::phase_ended, EndReason::episodes, 1, 0, 6, 60},
                                                          {SamplerEventKind::phase_ended, EndReason::steps, 2, 0, 4, 40}});
}

TEST_CASE("phases: the active sampler chooses, and later ones watch", "[curriculum]") {
  const auto sources = make_sources(3);
  PhasedSampler sampler({Phase("curriculum", CurriculumSampler(sources, {.stages = 3, .stage_episodes = 5}), 100),
                         Phase("balanced", BalancedSampler(sources), 100), Phase("refinement", RefinementSampler(sources), 0)});
  for (std::uint64_t episode = 0; episode < 50; ++episode) REQUIRE(sampler.source({1, 0, episode, 1, 3}) == 0);
  sampler.update(finished_times(10, 0, -1.0, 10));
  REQUIRE(sampler.phase() == 1);
  const auto* balanced = sampler.phases()[1].sampler().target<BalancedSampler>();
  REQUIRE(balanced->counts()[0] == 10);
  REQUIRE_THAT(balanced->probabilities()[0], rlx_test::WithinAbs(1.0 / 23.0, 1e-12));  // 1/11 : 1 : 1
  const auto* refinement = sampler.phases()[2].sampler().target<RefinementSampler>();
  REQUIRE(refinement->struggling()[0] == 1);
  REQUIRE(sampler.phases()[0].name() == "curriculum");
}

TEST_CASE("phases: the samplers' events appear in order with their phase", "[curriculum]") {
  const auto sources = make_sources(2);
  PhasedSampler sampler({Phase("balanced", BalancedSampler(sources, {.target_episodes = 1}), 40),
                         Phase("curriculum", CurriculumSampler(sources, {.stages = 2, .stage_episodes = 2, .steps = 60}), 60)});
  sampler.update(std::vector{finished(0), finished(1)});
  sampler.update(finished_times(2, 1));
  sampler.update(finished_times(2, 0));
  sampler.update(finished_times(4, 0));
  const std::vector<SamplerEvent> expected{{SamplerEventKind::target_reached, EndReason::episodes, 0, 0, 2, 20},
                                           {SamplerEventKind::phase_ended, EndReason::steps, 0, 0, 4, 40},
                                           {SamplerEventKind::stage_ended, EndReason::episodes, 1, 0, 2, 20},
                                           {SamplerEventKind::stage_ended, EndReason::steps, 1, 1, 4, 40},
                                           {SamplerEventKind::phase_ended, EndReason::steps, 1, 0, 6, 60}};
  REQUIRE(events_of(sampler) == expected);
}

TEST_CASE("presets: phases and their steps", "[curriculum]") {
  const auto sources = make_sources(10);
  const auto steps = [](const PhasedSampler& sampler) {
    std::vector<std::pair<std::string, std::uint64_t>> found;
    for (const Phase& phase : sampler.phases()) found.emplace_back(phase.name(), phase.steps());
    return found;
  };
  using Steps = std::vector<std::pair<std::string, std::uint64_t>>;
  REQUIRE(steps(hybrid_sampler(sources)) ==
          Steps{{"curriculum", 2'000'000}, {"balanced", 1'000'000}, {"refinement", 1'000'000}});
  REQUIRE(steps(schedule_sampler(sources)) ==
          Steps{{"balanced", 1'000'000}, {"curriculum", 2'000'000}, {"balanced", 1'000'000}});
  REQUIRE(steps(hybrid_sampler(sources, 1'003)) == Steps{{"curriculum", 500}, {"balanced", 250}, {"refinement", 253}});
  REQUIRE_THROWS_AS(hybrid_sampler(sources, 3), rlx::ConfigError);
  // A stage of the preset's curriculum may use a fifth of its phase: 100 steps of 500.
  PhasedSampler hybrid = hybrid_sampler(sources, 1'000);
  hybrid.update(finished_times(1, 0, 0.0, 99));
  REQUIRE(hybrid.events().empty());
  hybrid.update(finished_times(1, 0, 0.0, 1));
  REQUIRE(hybrid.events()[0].kind == SamplerEventKind::stage_ended);
  REQUIRE(hybrid.events()[0].reason == EndReason::steps);
}

TEST_CASE("phases: save, load, same choices in every phase, from any thread, no allocation", "[curriculum]") {
  const auto sources = make_sources(10, 4);
  PhasedSampler sampler = hybrid_sampler(sources, 2'000);
  for (std::size_t i = 0; i < 30; ++i) {
    require_pure(sampler, 10);
    require_resumes(sampler, hybrid_sampler(sources, 2'000), 10);
    sampler.update(finished_times(1 + i % 3, i * 3 % 10, i % 4 == 0 ? 1.0 : -0.3, 50));
  }
  REQUIRE(sampler.phase() == 2);
  const auto bytes = state_of(sampler);
  PhasedSampler wrong({Phase("cycle", rlx::CyclingSampler(), 0)});
  rlx::StateReader reader(bytes);
  REQUIRE_THROWS_AS(wrong.load_state(reader), rlx::CheckpointError);
}

TEST_CASE("phases: phases without an end and without a sampler are refused", "[curriculum]") {
  REQUIRE_THROWS_AS(PhasedSampler({}), rlx::ConfigError);
  REQUIRE_THROWS_AS(PhasedSampler({Phase("a", rlx::CyclingSampler(), 0), Phase("b", rlx::CyclingSampler(), 0)}),
                    rlx::ConfigError);
}

TEST_CASE("samplers in a vector environment: choices do not depend on threads, nor on a resume", "[curriculum]") {
  constexpr std::size_t n = 15;
  const auto sources = make_sources(n, 6);
  const SequentialConfig adaptive{.budget = {.kind = BudgetKind::adaptive, .episodes = 2}, .num_envs = 8};
  const std::vector<rlx::AnyEpisodeSampler> samplers{
      SequentialSampler(sources),     SequentialSampler(sources, adaptive),
      BalancedSampler(sources),       CurriculumSampler(sources, {.stage_episodes = 4}),
      RefinementSampler(sources),     schedule_sampler(sources, 10'000),
      hybrid_sampler(sources, 10'000)};
  for (const rlx::AnyEpisodeSampler& sampler : samplers) {
    const auto expected = run(sampler, n, 1);
    REQUIRE(expected.size() > 300);
    REQUIRE(run(sampler, n, 2) == expected);
    REQUIRE(run(sampler, n, 8) == expected);
    for (const int resume_at : {0, 17, 44}) REQUIRE(run(sampler, n, 2, &sampler, resume_at) == expected);
  }
}

TEST_CASE("samplers in a vector environment: the hybrid goes through its phases, and the log can be read", "[curriculum]") {
  const auto sources = make_sources(15, 6);
  std::vector<SamplerEvent> events;
  run(hybrid_sampler(sources, 10'000), 15, 2, nullptr, -1, &events);
  std::size_t stages = 0;
  std::size_t phases = 0;
  for (const SamplerEvent& event : events) {
    stages += event.kind == SamplerEventKind::stage_ended ? 1 : 0;
    phases += event.kind == SamplerEventKind::phase_ended ? 1 : 0;
  }
  REQUIRE(stages >= 4);
  REQUIRE(phases >= 2);
}
