// SPDX-License-Identifier: MIT
#include <rlx/env/time_limit.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/testing.hpp>

static_assert(rlx::Environment<rlx::TimeLimit<rlx::RingEnv>>);
static_assert(!rlx::MaskedEnvironment<rlx::TimeLimit<rlx::RingEnv>>);
static_assert(!rlx::ReportsMetrics<rlx::TimeLimit<rlx::RingEnv>>);
static_assert(rlx::MaskedEnvironment<rlx::TimeLimit<rlx::InvalidActionEnv>>);
static_assert(rlx::ReportsMetrics<rlx::TimeLimit<rlx::CountEnv>>);
static_assert(rlx::SerializableEnvironment<rlx::TimeLimit<rlx::CountEnv>>);
static_assert(rlx::NamedLayout<rlx::TimeLimit<rlx::CartPole>>);
static_assert(rlx::TimeLimit<rlx::InvalidActionEnv>::accepts_invalid_actions);
static_assert(!rlx::TimeLimit<rlx::RingEnv>::accepts_invalid_actions);
static_assert(rlx::ReportsMetrics<rlx::TimeLimit<rlx::TimeLimit<rlx::CountEnv>>>);

TEST_CASE("TimeLimit: truncates at the limit and refuses the step after it", "[env]") {
  rlx::TimeLimit env(rlx::RingEnv(4), 8);
  std::array<float, 4> row{};
  const std::array<std::int32_t, 1> action{0};
  for (int episode = 0; episode < 2; ++episode) {
    env.reset(0, row);
    for (int i = 1; i <= 8; ++i) {
      const rlx::Transition t = env.step(action, row);
      REQUIRE_FALSE(t.terminated);
      REQUIRE(t.truncated == (i == 8));
    }
    REQUIRE_THROWS_AS(env.step(action, row), rlx::StateError);
  }
  REQUIRE(env.max_episode_steps() == 8);
  REQUIRE_THROWS_AS(rlx::TimeLimit(rlx::RingEnv(4), 0), rlx::ConfigError);
}

TEST_CASE("TimeLimit: a termination at the limit keeps both flags", "[env]") {
  rlx::TimeLimit env(rlx::CountEnv(3), 3);
  std::array<float, 1> row{};
  const std::array<std::int32_t, 1> action{0};
  env.reset(0, row);
  env.step(action, row);
  env.step(action, row);
  const rlx::Transition t = env.step(action, row);
  REQUIRE(t.terminated);
  REQUIRE(t.truncated);
  rlx::TimeLimit later(rlx::CountEnv(3), 4);
  later.reset(0, row);
  later.step(action, row);
  later.step(action, row);
  REQUIRE_FALSE(later.step(action, row).truncated);
  REQUIRE_THROWS_AS(later.step(action, row), rlx::StateError);  // the inner environment's own refusal
}

TEST_CASE("TimeLimit: masks, metrics and state are those of the inner environment, whatever the nesting", "[env]") {
  rlx::InvalidActionEnv bare(6, 3);
  rlx::TimeLimit once(rlx::InvalidActionEnv(6, 3), 20);
  rlx::TimeLimit<rlx::TimeLimit<rlx::InvalidActionEnv>> twice(rlx::TimeLimit(rlx::InvalidActionEnv(6, 3), 30), 20);
  std::array<float, 6> row{};
  std::array<std::uint8_t, 6> a{}, b{}, c{};
  const std::array<std::int32_t, 1> action{2};
  bare.reset(9, row);
  once.reset(9, row);
  twice.reset(9, row);
  for (int i = 0; i < 10; ++i) {
    bare.action_masks(a);
    once.action_masks(b);
    twice.action_masks(c);
    REQUIRE(a == b);
    REQUIRE(a == c);
    bare.step(action, row);
    once.step(action, row);
    twice.step(action, row);
  }
  std::vector<std::byte> bytes;
  twice.save_state(bytes);
  rlx::TimeLimit<rlx::TimeLimit<rlx::InvalidActionEnv>> copy(rlx::TimeLimit(rlx::InvalidActionEnv(6, 3), 30), 20);
  copy.load_state(bytes);
  copy.action_masks(b);
  twice.action_masks(c);
  REQUIRE(b == c);
  for (int i = 11; i <= 20; ++i) REQUIRE(copy.step(action, row).truncated == (i == 20));

  rlx::TimeLimit shorter(rlx::TimeLimit(rlx::InvalidActionEnv(6, 3), 30), 5);
  REQUIRE_THROWS_AS(shorter.load_state(bytes), rlx::CheckpointError);
  REQUIRE_THROWS_AS(shorter.load_state(std::span<const std::byte>(bytes).first(3)), rlx::CheckpointError);

  rlx::TimeLimit counter(rlx::CountEnv(9), 4);
  std::array<float, 1> one{};
  counter.reset(0, one);
  counter.step(action, one);
  std::array<double, 1> metric{};
  counter.metrics(metric);
  REQUIRE(metric[0] == 1.0);
  REQUIRE(decltype(counter)::metric_names()[0] == "steps");
  REQUIRE(counter.inner().info().steps == 1);
}

namespace {

/// Named, with sources and a future.
struct Abilities : rlx::CountEnv {
  Abilities() : rlx::CountEnv(9) {}
  std::size_t source = 0;
  std::uint64_t corrupted = 0;
  std::size_t num_sources() const { return 3; }
  void set_source(std::size_t s) { source = s; }
  void corrupt_future(std::uint64_t seed) { corrupted = seed; }
  static std::array<std::string_view, 1> observation_names() { return {"steps"}; }
  static std::array<std::string_view, 10> action_names() { return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}; }
};
static_assert(rlx::SourcedEnvironment<rlx::TimeLimit<Abilities>> && rlx::HasFuture<rlx::TimeLimit<Abilities>>);
static_assert(!rlx::SourcedEnvironment<rlx::TimeLimit<rlx::CountEnv>> && !rlx::HasFuture<rlx::TimeLimit<rlx::CountEnv>>);

}  // namespace

TEST_CASE("TimeLimit: sources, names and the future are forwarded", "[env]") {
  rlx::TimeLimit env(Abilities(), 4);
  REQUIRE(env.num_sources() == 3);
  env.set_source(2);
  REQUIRE(env.inner().source == 2);
  env.corrupt_future(7);
  REQUIRE(env.inner().corrupted == 7);
  REQUIRE(env.observation_names()[0] == "steps");
  REQUIRE(env.action_names()[9] == "9");
}
