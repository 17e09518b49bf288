// SPDX-License-Identifier: MIT
#include <rlx/env/batch_environment.hpp>

#include "rlx_catch.hpp"

#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "counting_allocator.hpp"

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/cart_pole_batch.hpp>
#include <rlx/env/vector_env.hpp>

using rlx_test::ContainsSubstring;

namespace {

static_assert(!rlx::BatchEnvironment<rlx::CartPole> && !rlx::Environment<rlx::CartPoleBatch>);

/// Counts to 3 in every environment. Environment 1 of each batch may show nan, or earn nothing finite at an action 1.
struct Counters {
  using ActionScalar = std::int32_t;
  rlx::Box box = rlx::Box::uniform(1, 0.0F, 3.0F);
  rlx::Discrete actions{2};
  std::vector<int> counts;
  bool broken = false, worthless = false;
  explicit Counters(std::size_t n) : counts(n) {}
  std::size_t size() const { return counts.size(); }
  const rlx::Box& observation_space() const { return box; }
  const rlx::Discrete& action_space() const { return actions; }
  void reset(std::size_t i, std::uint64_t, std::span<float> row) {
    counts[i] = 0;
    row[0] = 0.0F;
  }
  void step(rlx::MatrixView<const std::int32_t> a, rlx::MatrixView<float> rows, std::span<double> rewards,
            std::span<std::uint8_t> terminated, std::span<std::uint8_t> truncated) {
    for (std::size_t i = 0; i < size(); ++i) {
      rows(i, 0) = static_cast<float>(++counts[i]);
      if (broken && i == 1 && counts[i] == 2) rows(i, 0) = std::numeric_limits<float>::quiet_NaN();
      if (a(i, 0) > 1) throw rlx::InvalidActionError("Counters: action");
      rewards[i] = worthless && i == 1 && a(i, 0) == 1 ? std::numeric_limits<double>::infinity() : 0.1 * a(i, 0);
      terminated[i] = counts[i] == 3 ? 1 : 0;
      truncated[i] = 0;
    }
  }
};
static_assert(rlx::BatchEnvironment<Counters>);

}  // namespace

TEST_CASE("VectorEnv of batches: autoreset, final observations and statistics as with single environments", "[env]") {
  rlx::ThreadPool pool(2);
  rlx::VectorEnv envs({.num_envs = 5, .seed = 2}, pool, [](std::size_t size) { return Counters(size); });
  REQUIRE(envs.num_shards() == 2);
  envs.reset();
  std::vector<std::int32_t> actions(5, 1);
  for (int round = 0; round < 4; ++round) {
    for (int i = 1; i <= 3; ++i) {
      envs.step({actions.data(), 5, 1});
      for (std::size_t e = 0; e < 5; ++e) REQUIRE(envs.observations()(e, 0) == static_cast<float>(i % 3));
    }
    REQUIRE(envs.finished().size() == 5);
    for (std::size_t e = 0; e < 5; ++e) {
      REQUIRE(envs.final_observations()(e, 0) == 3.0F);
      const rlx::EpisodeStatistics& done = envs.finished()[e];
      REQUIRE(done.env == e);
      REQUIRE(done.episode == static_cast<std::uint64_t>(round));
      REQUIRE(done.seed == rlx::episode_seed(2, static_cast<std::uint32_t>(e), done.episode));
      REQUIRE(done.episode_return == 0.1 + 0.1 + 0.1);  // in double
      REQUIRE(done.length == 3);
      REQUIRE(done.terminated);
    }
  }
  const rlx_test::AllocationCounter counter;
  for (int i = 0; i < 10; ++i) envs.step({actions.data(), 5, 1});
  REQUIRE(counter.count() == 0);
}

TEST_CASE("VectorEnv of batches: errors and impossible configurations", "[env]") {
  rlx::ThreadPool pool(1);
  const auto make = [](std::size_t size) { return Counters(size); };
  REQUIRE_THROWS_AS(rlx::VectorEnv({.num_envs = 4, .autoreset = rlx::AutoresetMode::next_step}, pool, make), rlx::ConfigError);
  REQUIRE_THROWS_WITH(rlx::VectorEnv({.num_envs = 4}, pool, [](std::size_t) { return Counters(7); }),
                      ContainsSubstring("a batch of 7 environments for a shard of 2"));

  rlx::VectorEnv envs({.num_envs = 4}, pool, make);
  std::vector<std::int32_t> actions(4, 1);
  REQUIRE_THROWS_AS(envs.step({actions.data(), 4, 1}), rlx::EnvironmentError);
  envs.reset();
  actions[3] = 2;
  REQUIRE_THROWS_WITH(envs.step({actions.data(), 4, 1}),
                      ContainsSubstring("environment 2, episode 0, step 0: step of its batch"));
  actions[3] = 1;
  REQUIRE_THROWS_WITH(envs.step({actions.data(), 4, 1}), ContainsSubstring("environment 2 has no running episode"));
  envs.environment(0).broken = true;
  envs.reset();
  envs.step({actions.data(), 4, 1});
  REQUIRE_THROWS_WITH(envs.step({actions.data(), 4, 1}),
                      ContainsSubstring("observation[0] of environment 1, episode 1, step 2 is nan"));
}

TEST_CASE("VectorEnv of batches: behind an environment that fails, the others fail too, as their ends went unseen", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 3, .num_shards = 1}, pool, [](std::size_t size) { return Counters(size); });
  envs.reset();
  std::vector<std::int32_t> actions(3, 0);
  envs.step({actions.data(), 3, 1});
  envs.step({actions.data(), 3, 1});
  envs.environment(0).worthless = true;
  actions[1] = 1;
  REQUIRE_THROWS_WITH(envs.step({actions.data(), 3, 1}),
                      ContainsSubstring("reward of environment 1, episode 0, step 3 is inf"));
  envs.reset(std::vector<std::uint8_t>{0, 1, 0});
  actions[1] = 0;
  REQUIRE_THROWS_WITH(envs.step({actions.data(), 3, 1}), ContainsSubstring("environment 2 has no running episode"));
  envs.reset(std::vector<std::uint8_t>{0, 0, 1});
  for (int i = 0; i < 3; ++i) envs.step({actions.data(), 3, 1});
  REQUIRE(envs.finished().size() == 3);
  for (const rlx::EpisodeStatistics& done : envs.finished()) {
    REQUIRE(done.episode == 1);
    REQUIRE(done.length == 3);
  }
}

TEST_CASE("VectorEnv of batches: threads do not change a byte", "[env]") {
  const auto run = [](std::size_t threads) {
    rlx::ThreadPool pool(threads);
    rlx::VectorEnv envs({.num_envs = 64, .seed = 2}, pool, [](std::size_t size) { return rlx::CartPoleBatch(size); });
    envs.reset();
    std::vector<std::int32_t> actions(64);
    std::vector<float> all;
    for (std::size_t i = 0; i < 200; ++i) {
      for (std::size_t e = 0; e < 64; ++e) actions[e] = static_cast<std::int32_t>((i * 7 + e * 13) / 5 % 2);
      envs.step({actions.data(), 64, 1});
      all.insert(all.end(), envs.observations().data(), envs.observations().data() + 64 * 4);
    }
    return all;
  };
  const std::vector<float> one = run(1);
  for (const std::size_t threads : {2U, 3U, 8U}) {
    const std::vector<float> other = run(threads);
    REQUIRE(std::memcmp(one.data(), other.data(), one.size() * sizeof(float)) == 0);
  }
}
