// SPDX-License-Identifier: MIT
#include <rlx/env/normalize_observation.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "counting_allocator.hpp"

#include <rlx/env/classic/pendulum.hpp>
#include <rlx/env/normalize_reward.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/time_limit.hpp>

using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

/// Mean and biased variance of the start (mean 0, variance 1, weight 1e-4) and all numbers together, from the definition.
struct Figures {
  std::vector<double> numbers;
  double weight() const { return 1e-4 + static_cast<double>(numbers.size()); }
  double mean() const {
    double sum = 0.0;
    for (const double x : numbers) sum += x;
    return sum / weight();
  }
  double variance() const {
    double sum = 1e-4 * (1.0 + mean() * mean());
    for (const double x : numbers) sum += (x - mean()) * (x - mean());
    return sum / weight();
  }
  double scaled(double x) const { return std::clamp((x - mean()) / std::sqrt(variance() + 1e-8), -10.0, 10.0); }
};

rlx::MatrixView<const std::int32_t> column(const std::vector<std::int32_t>& actions) {
  return {actions.data(), actions.size(), 1};
}

}  // namespace

TEST_CASE("NormalizeObservation: counts the rows that the caller receives, scales final observations without counting",
          "[env]") {
  rlx::ThreadPool pool(2);
  rlx::VectorEnv envs({.num_envs = 2}, pool, [](std::size_t e) {
    return rlx::TimeLimit(rlx::CountEnv(9), e == 0 ? 2 : 3);  // environment 0 restarts one step earlier
  });
  rlx::NormalizeObservation scaled(envs);
  Figures expected;
  const auto check = [&] {
    const auto raw = scaled.inner().observations();
    for (std::size_t e = 0; e < 2; ++e) expected.numbers.push_back(static_cast<double>(raw(e, 0)));
    REQUIRE_THAT(scaled.statistics().mean()[0], WithinAbs(expected.mean(), 1e-12));
    REQUIRE_THAT(scaled.statistics().variance()[0], WithinRel(expected.variance(), 1e-12));
    for (std::size_t e = 0; e < 2; ++e) {
      REQUIRE_THAT(static_cast<double>(scaled.observations()(e, 0)),
                   WithinAbs(expected.scaled(static_cast<double>(raw(e, 0))), 1e-6));
    }
  };
  const std::vector<std::int32_t> actions(2, 1);
  scaled.reset();
  check();
  scaled.step(column(actions));
  check();
  REQUIRE(scaled.inner().observations()(0, 0) == 1.0F);
  scaled.step(column(actions));
  REQUIRE(scaled.truncated()[0] == 1);
  REQUIRE(scaled.inner().observations()(0, 0) == 0.0F);  // the first of the next episode is what is counted
  check();
  REQUIRE_THAT(static_cast<double>(scaled.final_observations()(0, 0)), WithinAbs(expected.scaled(2.0), 1e-6));
  scaled.step(column(actions));
  check();
  REQUIRE_THAT(static_cast<double>(scaled.final_observations()(1, 0)), WithinAbs(expected.scaled(3.0), 1e-6));
  const std::vector<std::uint8_t> second = {0, 1};
  scaled.reset(second);
  check();

  // Frozen statistics do not move, and still scale.
  scaled.freeze();
  REQUIRE(scaled.frozen());
  const double mean = scaled.statistics().mean()[0], count = scaled.statistics().count();
  scaled.step(column(actions));
  REQUIRE(scaled.statistics().mean()[0] == mean);
  REQUIRE(scaled.statistics().count() == count);
  REQUIRE_THAT(static_cast<double>(scaled.observations()(1, 0)), WithinAbs(expected.scaled(1.0), 1e-6));
  scaled.unfreeze();
  scaled.step(column(actions));
  REQUIRE(scaled.statistics().count() == count + 2.0);
}

TEST_CASE("NormalizeObservation: a constant column gives finite numbers, far outliers are clipped", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 3}, pool, [](std::size_t) { return rlx::RingEnv(1); });  // always 1
  rlx::NormalizeObservation scaled(envs, {.clip_obs = 0.25});
  REQUIRE(scaled.observation_space() == rlx::Box::uniform(1, -0.25F, 0.25F));
  const std::vector<std::int32_t> actions(3, 0);
  scaled.reset();
  for (int i = 0; i < 100; ++i) {
    scaled.step(column(actions));
    REQUIRE(std::abs(scaled.observations()(0, 0)) <= 0.25F);
  }
  rlx::RunningMeanStd narrow(1);
  const std::vector<double> mean = {0.0}, variance = {1e-6};
  narrow.set(mean, variance, 5.0);
  scaled.set_statistics(narrow);
  scaled.freeze();
  scaled.step(column(actions));
  REQUIRE(scaled.observations()(2, 0) == 0.25F);
  REQUIRE_THROWS_AS(rlx::NormalizeObservation(envs, {.clip_obs = 0.0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(scaled.set_statistics(rlx::RunningMeanStd(2)), rlx::ShapeError);
}

TEST_CASE("NormalizeObservation: everything else is the inner environment's, nested in either order", "[env]") {
  rlx::ThreadPool pool(2);
  const auto make = [](std::size_t) { return rlx::TimeLimit(rlx::InvalidActionEnv(5, 2), 7); };
  const rlx::VectorEnvConfig config{.num_envs = 6, .seed = 3};
  rlx::VectorEnv bare(config, pool, make), first(config, pool, make), second(config, pool, make);
  rlx::NormalizeObservation first_observation(first);
  rlx::NormalizeReward a(first_observation);
  rlx::NormalizeReward second_reward(second);
  rlx::NormalizeObservation b(second_reward);
  static_assert(rlx::is_statistics_wrapper<decltype(a)> && rlx::is_statistics_wrapper<decltype(b)>);
  static_assert(!rlx::is_statistics_wrapper<decltype(bare)>);
  a.set_sampler(rlx::CyclingSampler());
  bare.reset();
  a.reset();
  b.reset();
  std::vector<std::int32_t> actions(6);
  for (int i = 0; i < 30; ++i) {
    for (std::size_t e = 0; e < 6; ++e) {
      actions[e] = static_cast<std::int32_t>((static_cast<std::size_t>(i) + e) % 5);
      for (std::size_t m = 0; m < 5; ++m) {
        REQUIRE(a.masks()(e, m) == bare.masks()(e, m));
        REQUIRE(b.masks()(e, m) == bare.masks()(e, m));
        REQUIRE(a.observations()(e, m) == b.observations()(e, m));
      }
    }
    bare.step(column(actions));
    a.step(column(actions));
    b.step(column(actions));
    REQUIRE(std::equal(a.rewards().begin(), a.rewards().end(), b.rewards().begin()));
    REQUIRE(std::equal(bare.rewards().begin(), bare.rewards().end(), a.inner().inner().rewards().begin()));
    REQUIRE(std::equal(bare.truncated().begin(), bare.truncated().end(), a.truncated().begin()));
    REQUIRE(std::equal(bare.finished().begin(), bare.finished().end(), a.finished().begin(), a.finished().end()));
    REQUIRE(std::equal(bare.finished().begin(), bare.finished().end(), b.finished().begin(), b.finished().end()));
  }
  REQUIRE(a.num_envs() == 6);
  REQUIRE(a.mask_width() == 5);
  REQUIRE(a.action_space() == bare.action_space());
  REQUIRE(b.episode(2) == bare.episode(2));
  REQUIRE(b.environment(1).max_episode_steps() == 7);
}

TEST_CASE("NormalizeObservation, NormalizeReward: a saved state continues exactly, a damaged one changes nothing", "[env]") {
  rlx::ThreadPool pool(2);
  const auto make = [](std::size_t) { return rlx::TimeLimit(rlx::Pendulum(), 9); };
  const rlx::VectorEnvConfig config{.num_envs = 3, .seed = 8};
  rlx::VectorEnv envs(config, pool, make), other(config, pool, make);
  rlx::NormalizeObservation observation(envs), other_observation(other);
  rlx::NormalizeReward original(observation, {.gamma = 0.9}), copy(other_observation, {.gamma = 0.9});
  std::vector<float> actions(3);
  const auto drive = [&](auto& vector, int from, int to) {
    for (int i = from; i < to; ++i) {
      for (std::size_t e = 0; e < 3; ++e) actions[e] = 0.1F * static_cast<float>(i % 7) - 0.2F * static_cast<float>(e);
      vector.step({actions.data(), 3, 1});
    }
  };
  const auto saved = [](const auto& vector) {
    std::vector<std::byte> bytes;
    rlx::StateWriter writer(bytes);
    vector.save_state(writer);
    return bytes;
  };
  original.reset();
  drive(original, 0, 23);
  const std::vector<std::byte> bytes = saved(original);
  rlx::StateReader reader(bytes);
  copy.load_state(reader);
  reader.expect_end();
  REQUIRE(saved(copy) == bytes);
  for (std::size_t e = 0; e < 3; ++e) REQUIRE(copy.observations()(e, 1) == original.observations()(e, 1));
  drive(original, 23, 50);
  drive(copy, 23, 50);
  REQUIRE(saved(copy) == saved(original));
  REQUIRE(std::equal(copy.rewards().begin(), copy.rewards().end(), original.rewards().begin()));

  const std::vector<std::byte> before = saved(copy);
  for (std::size_t length = 0; length < bytes.size(); length += 13) {
    rlx::StateReader damaged(std::span<const std::byte>(bytes).first(length));
    REQUIRE_THROWS_AS(copy.load_state(damaged), rlx::CheckpointError);
    REQUIRE(saved(copy) == before);
  }
}

TEST_CASE("NormalizeObservation, NormalizeReward: a state of other settings is refused by name, a frozen wrapper stays so",
          "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 2, .seed = 8}, pool, [](std::size_t) { return rlx::TimeLimit(rlx::Pendulum(), 9); });
  const std::vector<float> actions(2, 0.5F);
  const auto saved = [](const auto& vector) {
    std::vector<std::byte> bytes;
    rlx::StateWriter writer(bytes);
    vector.save_state(writer);
    return bytes;
  };
  const auto load = [](auto& vector, const std::vector<std::byte>& bytes) {
    rlx::StateReader reader(bytes);
    vector.load_state(reader);
  };
  const auto require_refused = [&](auto& vector, const std::vector<std::byte>& bytes, const std::string& field) {
    const std::vector<std::byte> before = saved(vector);
    REQUIRE_THROWS_WITH(load(vector, bytes), rlx_test::ContainsSubstring(field));
    REQUIRE_THROWS_AS(load(vector, bytes), rlx::CheckpointError);
    REQUIRE(saved(vector) == before);
  };
  rlx::NormalizeObservation observation(envs), tighter(envs, {.clip_obs = 5.0});
  rlx::NormalizeReward reward(envs), discounted(envs, {.gamma = 0.5}), clipped(envs, {.clip_reward = 5.0});
  observation.reset();
  observation.step({actions.data(), 2, 1});
  require_refused(tighter, saved(observation), "clip_obs is 10");
  require_refused(discounted, saved(reward), "gamma is 0.99");
  require_refused(clipped, saved(reward), "clip_reward is 10");

  // Figures of training into a frozen wrapper for evaluation: it must not begin to count.
  rlx::NormalizeObservation evaluation(envs);
  evaluation.freeze();
  load(evaluation, saved(observation));
  REQUIRE(evaluation.frozen());
  REQUIRE(evaluation.statistics().count() == observation.statistics().count());
  evaluation.step({actions.data(), 2, 1});
  REQUIRE(evaluation.statistics().count() == observation.statistics().count());
  // What was frozen when it was saved continues frozen.
  observation.freeze();
  rlx::NormalizeObservation again(envs);
  load(again, saved(observation));
  REQUIRE(again.frozen());
}

TEST_CASE("NormalizeObservation, NormalizeReward: no allocation per step or reset, threads do not matter", "[env]") {
  const auto run = [](std::size_t threads) {
    rlx::ThreadPool pool(threads);
    rlx::VectorEnv envs({.num_envs = 20}, pool, [](std::size_t) { return rlx::TimeLimit(rlx::Pendulum(), 9); });
    rlx::NormalizeObservation observation(envs);
    rlx::NormalizeReward both(observation);
    const std::vector<float> actions(20, 0.5F);
    both.reset();
    both.step({actions.data(), 20, 1});
    const rlx_test::AllocationCounter counter;
    for (int i = 0; i < 50; ++i) both.step({actions.data(), 20, 1});
    both.reset();
    REQUIRE(counter.count() == 0);
    return both.observations()(19, 1) + static_cast<float>(both.statistics().variance()[0]);
  };
  const float one = run(1);
  REQUIRE(run(3) == one);
}
