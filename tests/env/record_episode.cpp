// SPDX-License-Identifier: MIT
#include <rlx/env/record_episode.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <vector>

#include "counting_allocator.hpp"

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/pendulum.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/time_limit.hpp>
#include <rlx/env/vector_env.hpp>

static_assert(rlx::MaskedEnvironment<rlx::RecordEpisode<rlx::InvalidActionEnv>>);
static_assert(rlx::RecordEpisode<rlx::InvalidActionEnv>::accepts_invalid_actions);
static_assert(!rlx::MaskedEnvironment<rlx::RecordEpisode<rlx::CountEnv>>);
static_assert(rlx::ReportsMetrics<rlx::RecordEpisode<rlx::CountEnv>>);
static_assert(rlx::SerializableEnvironment<rlx::RecordEpisode<rlx::CountEnv>>);
static_assert(rlx::NamedLayout<rlx::RecordEpisode<rlx::CartPole>> && !rlx::HasFuture<rlx::RecordEpisode<rlx::CartPole>>);
static_assert(!rlx::SourcedEnvironment<rlx::RecordEpisode<rlx::CartPole>>);

namespace {

/// Two sources, a future, and a mask that follows the step.
struct Sourced {
  using ActionScalar = std::int32_t;
  struct Info {};
  rlx::Box box = rlx::Box::uniform(1, 0.0F, 100.0F);
  rlx::Discrete actions{3};
  Info nothing;
  std::size_t chosen = 0;
  std::uint64_t corrupted = 0;
  int t = 0;
  const rlx::Box& observation_space() const { return box; }
  const rlx::Discrete& action_space() const { return actions; }
  const Info& info() const { return nothing; }
  std::size_t num_sources() const { return 2; }
  void set_source(std::size_t s) { chosen = s; }
  void corrupt_future(std::uint64_t seed) { corrupted = seed; }
  void reset(std::uint64_t, std::span<float> row) {
    t = 0;
    row[0] = 10.0F * static_cast<float>(chosen);
  }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    ++t;
    row[0] = 10.0F * static_cast<float>(chosen) + static_cast<float>(t);
    return {0.5 * action[0], t == 3, t == 3};
  }
  void action_masks(std::span<std::uint8_t> row) const {
    for (std::size_t i = 0; i < 3; ++i) row[i] = static_cast<int>(i) <= t ? 1 : 0;
  }
};

}  // namespace

TEST_CASE("RecordEpisode: rows hold what the agent saw, was allowed, did and got", "[env]") {
  rlx::RecordEpisode env(Sourced(), 10);
  REQUIRE_FALSE(env.has_episode());
  REQUIRE_THROWS_AS(env.last(), rlx::StateError);
  std::array<float, 1> row{};
  env.set_source(1);
  env.reset(42, row);
  for (const std::int32_t a : {0, 1, 2}) {
    REQUIRE_FALSE(env.has_episode());
    const std::array<std::int32_t, 1> action{a};
    env.step(action, row);
  }
  REQUIRE(env.has_episode());
  const auto& episode = env.last();
  REQUIRE(episode.seed() == 42);
  REQUIRE(episode.source() == 1);
  REQUIRE(episode.length() == 3);
  REQUIRE(episode.steps() == 3);
  REQUIRE(episode.complete());
  REQUIRE(episode.episode_return() == 1.5);
  REQUIRE(episode.observations().rows() == 4);
  REQUIRE(episode.masks().cols() == 3);
  for (std::size_t t = 0; t < 4; ++t) REQUIRE(episode.observations()(t, 0) == 10.0F + static_cast<float>(t));
  for (std::size_t t = 0; t < 3; ++t) {
    for (std::size_t i = 0; i < 3; ++i) REQUIRE(episode.masks()(t, i) == (i <= t ? 1 : 0));
    REQUIRE(episode.actions()(t, 0) == static_cast<std::int32_t>(t));
    REQUIRE(episode.rewards()[t] == 0.5 * static_cast<double>(t));
    REQUIRE(episode.terminated()[t] == (t == 2 ? 1 : 0));
    REQUIRE(episode.truncated()[t] == (t == 2 ? 1 : 0));
  }
  REQUIRE(episode.metrics().empty());

  // An abandoned episode does not replace the finished one, the next finished one does.
  const std::array<std::int32_t, 1> action{2};
  env.set_source(0);
  env.reset(43, row);
  env.step(action, row);
  env.reset(44, row);
  REQUIRE(env.last().seed() == 42);
  for (int i = 0; i < 3; ++i) env.step(action, row);
  REQUIRE(env.last().seed() == 44);
  REQUIRE(env.last().source() == 0);
  REQUIRE(env.last().observations()(3, 0) == 3.0F);
  env.corrupt_future(9);
  REQUIRE(env.inner().corrupted == 9);
}

TEST_CASE("RecordEpisode: a longer episode keeps its first steps and all its figures", "[env]") {
  rlx::RecordEpisode env(rlx::CountEnv(5), 2);
  std::array<float, 1> row{};
  env.reset(1, row);
  for (const std::int32_t a : {1, 2, 3, 4, 5}) {
    const std::array<std::int32_t, 1> action{a};
    env.step(action, row);
  }
  const auto& episode = env.last();
  REQUIRE(episode.length() == 5);
  REQUIRE(episode.steps() == 2);
  REQUIRE_FALSE(episode.complete());
  REQUIRE(episode.episode_return() == 15.0);
  REQUIRE(episode.observations().rows() == 3);
  REQUIRE(episode.observations()(2, 0) == 2.0F);
  REQUIRE(episode.actions()(1, 0) == 2);
  REQUIRE(episode.terminated()[1] == 0);
  REQUIRE(episode.masks().cols() == 0);
  REQUIRE(episode.metrics().size() == 1);
  REQUIRE(episode.metrics()[0] == 5.0);
  REQUIRE(episode.metric_names()[0] == "steps");
  REQUIRE_THROWS_AS(rlx::RecordEpisode(rlx::CountEnv(5), 0), rlx::ConfigError);
}

TEST_CASE("RecordEpisode: float actions, and a refused action leaves no row", "[env]") {
  rlx::RecordEpisode env(rlx::TimeLimit(rlx::Pendulum(), 4), 4);
  std::array<float, 3> row{};
  env.reset(1, row);
  const std::array<float, 1> nan{std::numeric_limits<float>::quiet_NaN()};
  REQUIRE_THROWS_AS(env.step(nan, row), rlx::InvalidActionError);
  for (int i = 0; i < 4; ++i) {
    const std::array<float, 1> action{0.25F * static_cast<float>(i)};
    env.step(action, row);
  }
  REQUIRE(env.last().steps() == 4);
  REQUIRE(env.last().actions()(3, 0) == 0.75F);
  REQUIRE(env.last().truncated()[3] == 1);
  REQUIRE(env.last().observations()(4, 0) == row[0]);
  REQUIRE_THROWS_AS(env.step(nan, row), rlx::StateError);
}

TEST_CASE("RecordEpisode: after load_state the rest of that episode runs but is not kept", "[env]") {
  rlx::RecordEpisode env(rlx::CountEnv(4), 8), copy(rlx::CountEnv(4), 8);
  std::array<float, 1> row{};
  const std::array<std::int32_t, 1> action{1};
  env.reset(1, row);
  env.step(action, row);
  std::vector<std::byte> bytes;
  env.save_state(bytes);
  copy.load_state(bytes);
  for (int i = 0; i < 3; ++i) copy.step(action, row);
  REQUIRE(row[0] == 4.0F);
  REQUIRE_FALSE(copy.has_episode());
  copy.reset(2, row);
  for (int i = 0; i < 4; ++i) copy.step(action, row);
  REQUIRE(copy.last().seed() == 2);
}

TEST_CASE("RecordEpisode: the order of wrappers changes neither masks nor steps", "[env]") {
  rlx::TimeLimit outside(rlx::RecordEpisode(rlx::InvalidActionEnv(6, 3), 50), 12);
  rlx::RecordEpisode inside(rlx::TimeLimit(rlx::InvalidActionEnv(6, 3), 12), 50);
  std::array<float, 6> a{}, b{};
  std::array<std::uint8_t, 6> mask_a{}, mask_b{};
  outside.reset(5, a);
  inside.reset(5, b);
  for (int i = 0; i < 12; ++i) {
    outside.action_masks(mask_a);
    inside.action_masks(mask_b);
    REQUIRE(mask_a == mask_b);
    REQUIRE(a == b);
    const std::array<std::int32_t, 1> action{i % 6};
    const rlx::Transition x = outside.step(action, a), y = inside.step(action, b);
    REQUIRE(x.reward == y.reward);
    REQUIRE(x.truncated == y.truncated);
  }
  REQUIRE(inside.last().steps() == 12);
  REQUIRE_FALSE(outside.inner().has_episode());  // it was cut outside of the recorder
}

TEST_CASE("RecordEpisode: no allocation in steps and resets, also in a VectorEnv", "[env]") {
  rlx::ThreadPool pool(2);
  rlx::VectorEnv envs({.num_envs = 4}, pool, [](std::size_t) { return rlx::RecordEpisode(rlx::InvalidActionEnv(6, 3, 9), 5); });
  envs.reset();
  const std::vector<std::int32_t> actions(4, 2);
  envs.step({actions.data(), 4, 1});
  const rlx_test::AllocationCounter counter;
  for (int i = 0; i < 100; ++i) envs.step({actions.data(), 4, 1});
  REQUIRE(counter.count() == 0);
  REQUIRE(envs.environment(3).last().length() == 9);
  REQUIRE(envs.environment(3).last().masks().rows() == 5);
}
