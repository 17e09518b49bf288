// SPDX-License-Identifier: MIT
#include <rlx/env/vector_env.hpp>

#include "rlx_catch.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/pendulum.hpp>
#include <rlx/env/record_episode.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/time_limit.hpp>

namespace {

/// Everything that a run shows, as bytes.
class Log {
 public:
  template <class T>
  void add(const T& value) {
    const auto bytes = std::as_bytes(std::span<const T, 1>(&value, 1));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void add(const rlx::EpisodeStatistics& s) {  // field by field: padding is not determined
    add(s.env);
    add(s.episode);
    add(s.seed);
    add(s.episode_return);
    add(s.length);
    add(s.terminated);
    add(s.truncated);
    for (const double m : s.reported_metrics()) add(m);
  }
  bool operator==(const Log&) const = default;
  std::size_t size() const { return bytes_.size(); }

 private:
  std::vector<std::byte> bytes_;
};

constexpr std::uint64_t run_seed = 11;
constexpr int num_steps = 150;

/// The action row of environment `env` at `step`, valid whatever the mask.
template <rlx::ActionSpace Space, class Scalar>
void random_action(const Space& space, std::size_t env, int step, std::span<Scalar> row) {
  rlx::RandomStream random({run_seed, rlx::Purpose::action, static_cast<std::uint32_t>(env), static_cast<std::uint64_t>(step)});
  for (std::size_t i = 0; i < row.size(); ++i) {
    if constexpr (std::is_same_v<Space, rlx::Discrete>) {
      row[i] = static_cast<Scalar>(random.bounded(static_cast<std::uint64_t>(space.n)));
    } else if constexpr (std::is_same_v<Space, rlx::MultiDiscrete>) {
      row[i] = static_cast<Scalar>(random.bounded(static_cast<std::uint64_t>(space.nvec[i])));
    } else {
      row[i] = static_cast<Scalar>(random.uniform(static_cast<double>(space.low[i]), static_cast<double>(space.high[i])));
    }
  }
}

/// One log per environment.
template <class Make>
std::vector<Log> run_vector(Make make, std::size_t n, std::size_t threads, std::size_t shards) {
  rlx::ThreadPool pool(threads);
  rlx::VectorEnv envs({.num_envs = n, .seed = run_seed, .num_shards = shards}, pool, make);
  std::vector<Log> logs(n);
  const std::size_t width = envs.action_width();
  std::vector<typename decltype(envs)::ActionScalar> actions(n * width);
  const auto log_observation = [&](std::size_t e) {
    for (const float x : envs.observations().row(e)) logs[e].add(x);
    if (envs.mask_width() != 0) {
      for (const std::uint8_t m : envs.masks().row(e)) logs[e].add(m);
    }
  };
  envs.reset();
  for (std::size_t e = 0; e < n; ++e) log_observation(e);
  for (int i = 0; i < num_steps; ++i) {
    for (std::size_t e = 0; e < n; ++e) {
      random_action(envs.action_space(), e, i, std::span(actions).subspan(e * width, width));
    }
    envs.step({actions.data(), n, width});
    for (std::size_t e = 0; e < n; ++e) {
      logs[e].add(envs.rewards()[e]);
      logs[e].add(envs.terminated()[e]);
      logs[e].add(envs.truncated()[e]);
      if (envs.terminated()[e] != 0 || envs.truncated()[e] != 0) {
        for (const float x : envs.final_observations().row(e)) logs[e].add(x);
      }
      log_observation(e);
    }
    std::size_t before = 0;
    for (const rlx::EpisodeStatistics& s : envs.finished()) {
      REQUIRE(s.env >= before);
      before = s.env + 1;
      logs[s.env].add(s);
    }
  }
  return logs;
}

/// The same by hand, one environment after the other, from the definitions alone.
template <class Make>
std::vector<Log> run_by_hand(Make make, std::size_t n) {
  std::vector<Log> logs(n);
  for (std::size_t e = 0; e < n; ++e) {
    auto env = make(e);
    using E = decltype(env);
    Log& log = logs[e];
    std::vector<float> row(env.observation_space().size());
    std::vector<std::uint8_t> mask(rlx::MaskedEnvironment<E> ? rlx::mask_width(env.action_space()) : 0);
    std::vector<typename E::ActionScalar> action(rlx::action_width(env.action_space()));
    rlx::EpisodeStatistics s;
    const auto begin = [&](std::uint64_t episode) {
      s = {};
      s.env = static_cast<std::uint32_t>(e);
      s.episode = episode;
      s.seed = rlx::RandomStream({run_seed, rlx::Purpose::environment_reset, s.env, episode}).next_u64();
      env.reset(s.seed, row);
    };
    const auto log_observation = [&] {
      for (const float x : row) log.add(x);
      if constexpr (rlx::MaskedEnvironment<E>) env.action_masks(mask);
      for (const std::uint8_t m : mask) log.add(m);
    };
    begin(0);
    log_observation();
    for (int i = 0; i < num_steps; ++i) {
      random_action(env.action_space(), e, i, std::span(action));
      const rlx::Transition t = env.step(action, row);
      ++s.length;
      s.episode_return += t.reward;
      log.add(t.reward);
      log.add(static_cast<std::uint8_t>(t.terminated));
      log.add(static_cast<std::uint8_t>(t.truncated));
      if (t.terminated || t.truncated) {
        for (const float x : row) log.add(x);
        s.terminated = t.terminated;
        s.truncated = t.truncated;
        if constexpr (rlx::ReportsMetrics<E>) {
          s.num_metrics = static_cast<std::uint8_t>(E::metric_names().size());
          env.metrics(std::span<double>(s.metrics).first(s.num_metrics));
        }
        const rlx::EpisodeStatistics done = s;
        begin(done.episode + 1);
        log_observation();
        log.add(done);
      } else {
        log_observation();
      }
    }
  }
  return logs;
}

template <class Make>
void require_equal_to_hand(Make make) {
  for (const std::size_t n : {std::size_t{1}, std::size_t{7}, std::size_t{64}}) {
    const std::vector<Log> expected = run_by_hand(make, n);
    REQUIRE(expected[0].size() > 1000);
    for (const std::size_t threads : {1U, 2U, 3U, 8U}) {
      for (const std::size_t shards : {std::size_t{0}, n}) {
        CAPTURE(n, threads, shards);
        REQUIRE(run_vector(make, n, threads, shards) == expected);
      }
    }
  }
}

}  // namespace

TEST_CASE("VectorEnv equals its environments stepped by hand, for any number of threads and shards", "[env][properties]") {
  SECTION("CartPole") {
    require_equal_to_hand([](std::size_t) { return rlx::CartPole(); });
  }
  SECTION("masks and two limits") {
    require_equal_to_hand([](std::size_t) { return rlx::TimeLimit(rlx::InvalidActionEnv(6, 3, 31), 23); });
  }
  SECTION("float actions, a limit") {
    require_equal_to_hand([](std::size_t) { return rlx::TimeLimit(rlx::Pendulum(), 60); });
  }
  SECTION("float actions, rewards that depend on them") {
    require_equal_to_hand([](std::size_t) { return rlx::IdentityBoxEnv(0.5, 37); });
  }
  SECTION("several components, recorded") {
    require_equal_to_hand([](std::size_t) { return rlx::RecordEpisode(rlx::IdentityMultiDiscreteEnv({3, 2}, 40), 20); });
  }
  SECTION("metrics, episodes of one step") {
    require_equal_to_hand([](std::size_t) { return rlx::CountEnv(1); });
  }
}

TEST_CASE("VectorEnv: shards that run many steps without a barrier give the same bytes", "[env][properties]") {
  constexpr std::size_t n = 64, steps = 40;
  const auto collect = [&](std::size_t threads) {
    rlx::ThreadPool pool(threads);
    rlx::VectorEnv envs({.num_envs = n, .seed = 3}, pool, [](std::size_t) { return rlx::CartPole(); });
    std::vector<float> observations((steps + 1) * n * 4), finals(n * 4);
    std::vector<double> rewards(steps * n);
    std::vector<std::uint8_t> terminated(steps * n), truncated(steps * n);
    std::vector<std::int32_t> actions(n);
    const auto rows = [&](std::size_t observation, std::size_t step) {
      rlx::VectorEnvRows r;
      r.observations = {observations.data() + observation * n * 4, n, 4};
      r.final_observations = {finals.data(), n, 4};
      r.rewards = std::span<double>(rewards).subspan(step * n, n);
      r.terminated = std::span<std::uint8_t>(terminated).subspan(step * n, n);
      r.truncated = std::span<std::uint8_t>(truncated).subspan(step * n, n);
      return r;
    };
    envs.reset_into(rows(0, 0));
    envs.for_each_shard([&](auto& shard) {
      for (std::size_t t = 0; t < steps; ++t) {
        for (std::size_t e = shard.begin; e < shard.end; ++e) {
          random_action(rlx::Discrete{2}, e, static_cast<int>(t), std::span(actions).subspan(e, 1));
        }
        shard.step({actions.data(), n, 1}, rows(t + 1, t));
      }
    });
    std::vector<std::byte> bytes(observations.size() * sizeof(float) + terminated.size());
    std::memcpy(bytes.data(), observations.data(), observations.size() * sizeof(float));
    std::memcpy(bytes.data() + observations.size() * sizeof(float), terminated.data(), terminated.size());
    return bytes;
  };
  const std::vector<std::byte> one = collect(1);
  for (const std::size_t threads : {2U, 3U, 8U}) REQUIRE(collect(threads) == one);
}
