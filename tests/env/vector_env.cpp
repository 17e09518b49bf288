// SPDX-License-Identifier: MIT
#include <rlx/env/vector_env.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "counting_allocator.hpp"

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/time_limit.hpp>

using rlx_test::ContainsSubstring;

namespace {

rlx::MatrixView<const std::int32_t> column(const std::vector<std::int32_t>& actions) {
  return {actions.data(), actions.size(), 1};
}

/// Shows its seed and source, and fails on demand at a step of an episode.
struct Probe {
  enum class Failure { none, nan_observation, infinite_reward, nan_at_reset, no_choice, exception, exception_at_reset };
  using ActionScalar = std::int32_t;
  struct Info {};
  Failure failure = Failure::none;
  int fail_episode = -1, fail_step = -1;
  int length = 5;

  rlx::Box box = rlx::Box::uniform(3, -1e30F, 1e30F);
  rlx::MultiDiscrete actions{{2, 3}};
  Info nothing;
  int episode = -1, steps = 0;
  std::size_t source = 0;

  const rlx::Box& observation_space() const { return box; }
  const rlx::MultiDiscrete& action_space() const { return actions; }
  const Info& info() const { return nothing; }
  static std::vector<std::string> observation_names() { return {"seed", "source", "spread_bps"}; }
  static std::vector<std::string> action_names() { return {"a", "b"}; }
  std::size_t num_sources() const { return 4; }
  void set_source(std::size_t s) { source = s; }
  static std::array<std::string_view, 1> metric_names() { return {"steps"}; }
  void metrics(std::span<double> values) const { values[0] = steps; }

  bool now(Failure f) const { return failure == f && episode == fail_episode && steps == fail_step; }
  void reset(std::uint64_t seed, std::span<float> row) {
    ++episode;
    steps = 0;
    if (now(Failure::exception_at_reset)) throw std::out_of_range("no tape");
    row[0] = static_cast<float>(seed % 1000);
    row[1] = static_cast<float>(source);
    row[2] = now(Failure::nan_at_reset) ? std::numeric_limits<float>::quiet_NaN() : 0.0F;
  }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    ++steps;
    if (now(Failure::exception)) throw std::runtime_error("the tape ended");
    row[0] = static_cast<float>(action[0]);
    row[1] = static_cast<float>(action[1]);
    row[2] = now(Failure::nan_observation) ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(steps);
    return {now(Failure::infinite_reward) ? -std::numeric_limits<double>::infinity() : 1.0, false, steps == length};
  }
  void action_masks(std::span<std::uint8_t> row) const {
    std::fill(row.begin(), row.end(), std::uint8_t{1});
    if (now(Failure::no_choice)) std::fill(row.begin() + 2, row.end(), std::uint8_t{0});
  }
};

/// Steps a vector of 4 probes, of which environment 3 fails, until it throws.
template <class F>
void run_until_error(Probe::Failure failure, int episode, int step, std::size_t threads, F&& on_error) {
  rlx::ThreadPool pool(threads);
  rlx::VectorEnv envs({.num_envs = 4, .seed = 9}, pool, [&](std::size_t e) {
    Probe probe;
    if (e == 3) {
      probe.failure = failure;
      probe.fail_episode = episode;
      probe.fail_step = step;
    }
    return probe;
  });
  const std::vector<std::int32_t> actions(8, 1);
  const rlx::MatrixView<const std::int32_t> view(actions.data(), 4, 2);
  try {
    envs.reset();
    for (int i = 0; i < 40; ++i) envs.step(view);
    FAIL("no error");
  } catch (...) {
    on_error(std::current_exception());
  }
  // The pool and the other environments stay usable; the failed one asks for a reset.
  REQUIRE_THROWS_WITH(envs.step(view), ContainsSubstring("environment 3 has no running episode: call reset()"));
  envs.environment(3).failure = Probe::Failure::none;
  envs.reset();
  REQUIRE_NOTHROW(envs.step(view));
}

struct Misnamed : rlx::CountEnv {
  using rlx::CountEnv::CountEnv;
  void action_mask(std::span<std::uint8_t>) const {}
};
struct Mistyped : rlx::CountEnv {
  using rlx::CountEnv::CountEnv;
  std::vector<bool> action_masks() const { return {}; }
};
struct BothNames : rlx::InvalidActionEnv {
  using rlx::InvalidActionEnv::InvalidActionEnv;
  void action_mask(std::span<std::uint8_t>) const {}
};
static_assert(rlx::detail::has_misnamed_masks<Misnamed>);
static_assert(rlx::detail::has_mistyped_masks<Mistyped>);
static_assert(!rlx::detail::has_misnamed_masks<BothNames> && !rlx::detail::has_misnamed_masks<rlx::CountEnv>);
static_assert(!rlx::detail::has_mistyped_masks<rlx::InvalidActionEnv>);

}  // namespace

TEST_CASE("VectorEnv: autoreset modes on CountEnv", "[env]") {
  rlx::ThreadPool pool(2);
  const auto make = [](std::size_t) { return rlx::CountEnv(3); };
  const std::vector<std::int32_t> two(2, 2), seven(2, 7);

  SECTION("same_step") {
    rlx::VectorEnv envs({.num_envs = 2, .seed = 5}, pool, make);
    envs.reset();
    REQUIRE(envs.observations()(0, 0) == 0.0F);
    REQUIRE(envs.episode(0) == 0);
    REQUIRE(envs.episode_seed(1) == rlx::RandomStream({5, rlx::Purpose::environment_reset, 1, 0}).next_u64());
    envs.step(column(two));
    envs.step(column(two));
    REQUIRE(envs.observations()(1, 0) == 2.0F);
    REQUIRE(envs.finished().empty());
    envs.step(column(seven));
    for (std::size_t e = 0; e < 2; ++e) {
      REQUIRE(envs.observations()(e, 0) == 0.0F);
      REQUIRE(envs.final_observations()(e, 0) == 3.0F);
      REQUIRE(envs.terminated()[e] == 1);
      REQUIRE(envs.truncated()[e] == 0);
      REQUIRE(envs.rewards()[e] == 7.0);
      REQUIRE(envs.episode(e) == 1);
      REQUIRE(envs.environment(e).info().resets == 2);
    }
    REQUIRE(envs.finished().size() == 2);
    const rlx::EpisodeStatistics& done = envs.finished()[1];
    REQUIRE(done.env == 1);
    REQUIRE(done.episode == 0);
    REQUIRE(done.seed == rlx::RandomStream({5, rlx::Purpose::environment_reset, 1, 0}).next_u64());
    REQUIRE(done.episode_return == 11.0);
    REQUIRE(done.length == 3);
    REQUIRE(done.terminated);
    REQUIRE_FALSE(done.truncated);
    REQUIRE(done.num_metrics == 1);
    REQUIRE(done.reported_metrics()[0] == 3.0);  // read before the reset, which sets it to 0
    envs.step(column(two));
    REQUIRE(envs.observations()(0, 0) == 1.0F);
    REQUIRE(envs.terminated()[0] == 0);
    REQUIRE(envs.finished().empty());
  }

  SECTION("next_step") {
    rlx::VectorEnv envs({.num_envs = 2, .autoreset = rlx::AutoresetMode::next_step}, pool, make);
    envs.reset();
    for (int i = 0; i < 3; ++i) envs.step(column(two));
    REQUIRE(envs.observations()(0, 0) == 3.0F);
    REQUIRE(envs.terminated()[0] == 1);
    REQUIRE(envs.finished().size() == 2);
    REQUIRE(envs.episode(0) == 0);
    const std::vector<std::int32_t> ignored(2, -100);
    envs.step(column(ignored));
    REQUIRE(envs.observations()(0, 0) == 0.0F);
    REQUIRE(envs.rewards()[0] == 0.0);
    REQUIRE(envs.terminated()[0] == 0);
    REQUIRE(envs.finished().empty());
    REQUIRE(envs.episode(0) == 1);
    envs.step(column(two));
    REQUIRE(envs.observations()(0, 0) == 1.0F);
  }

  SECTION("disabled") {
    rlx::VectorEnv envs({.num_envs = 2, .autoreset = rlx::AutoresetMode::disabled}, pool, make);
    envs.reset();
    for (int i = 0; i < 3; ++i) envs.step(column(two));
    REQUIRE(envs.observations()(1, 0) == 3.0F);
    REQUIRE_THROWS_WITH(envs.step(column(two)),
                        ContainsSubstring("environment 0: episode 0 has ended and autoreset is disabled"));
    const std::vector<std::uint8_t> all(2, 1);
    envs.reset(all);
    envs.step(column(two));
    REQUIRE(envs.observations()(0, 0) == 1.0F);
    const std::vector<std::uint8_t> second = {0, 1};
    envs.reset(second);
    REQUIRE(envs.observations()(0, 0) == 1.0F);
    REQUIRE(envs.observations()(1, 0) == 0.0F);
    REQUIRE(envs.episode(0) == 1);
    REQUIRE(envs.episode(1) == 2);
    REQUIRE_THROWS_AS(envs.reset(std::vector<std::uint8_t>(3, 1)), rlx::ShapeError);
  }
}

TEST_CASE("VectorEnv: masks and last observations in all three autoreset modes", "[env]") {
  rlx::ThreadPool pool(1);
  for (const auto mode : {rlx::AutoresetMode::same_step, rlx::AutoresetMode::next_step, rlx::AutoresetMode::disabled}) {
    CAPTURE(static_cast<int>(mode));
    rlx::VectorEnv envs({.num_envs = 1, .seed = 21, .autoreset = mode}, pool,
                        [](std::size_t) { return rlx::InvalidActionEnv(6, 4, 3); });
    rlx::InvalidActionEnv by_hand(6, 4, 3);
    std::array<float, 6> row{};
    std::array<std::uint8_t, 6> mask{};
    const std::vector<std::int32_t> action = {2};
    const auto same_rows = [&] {
      by_hand.action_masks(mask);
      return std::equal(row.begin(), row.end(), envs.observations().row(0).begin()) &&
             std::equal(mask.begin(), mask.end(), envs.masks().row(0).begin());
    };
    envs.reset();
    by_hand.reset(rlx::episode_seed(21, 0, 0), row);
    REQUIRE(same_rows());
    for (int i = 0; i < 2; ++i) {
      envs.step(column(action));
      by_hand.step(action, row);
      REQUIRE(same_rows());
    }
    envs.step(column(action));
    const rlx::Transition last = by_hand.step(action, row);
    REQUIRE(last.truncated);
    REQUIRE(envs.truncated()[0] == 1);
    REQUIRE(envs.rewards()[0] == last.reward);
    REQUIRE(envs.finished().size() == 1);
    REQUIRE(envs.finished()[0].length == 3);
    REQUIRE(std::equal(row.begin(), row.end(), envs.final_observations().row(0).begin()));
    if (mode != rlx::AutoresetMode::same_step) {
      REQUIRE(std::equal(row.begin(), row.end(), envs.observations().row(0).begin()));
      for (const std::uint8_t m : envs.masks().row(0)) REQUIRE(m == 1);  // no action is chosen from a last observation
      if (mode == rlx::AutoresetMode::next_step) {
        envs.step(column(action));
        REQUIRE(envs.truncated()[0] == 0);
      } else {
        envs.reset(std::vector<std::uint8_t>{1});
      }
      REQUIRE(envs.finished().empty());
    }
    by_hand.reset(rlx::episode_seed(21, 0, 1), row);
    REQUIRE(same_rows());  // the mask of the new episode's first observation
  }
}

TEST_CASE("VectorEnv: float actions, and an episode that terminates at its limit keeps both flags", "[env]") {
  rlx::ThreadPool pool(2);
  rlx::VectorEnv boxes({.num_envs = 3}, pool, [](std::size_t) { return rlx::IdentityBoxEnv(0.5); });
  static_assert(std::is_same_v<decltype(boxes)::ActionScalar, float> && !decltype(boxes)::has_masks);
  boxes.reset();
  for (int i = 0; i < 250; ++i) {
    std::vector<float> actions(3);
    for (std::size_t e = 0; e < 3; ++e) actions[e] = boxes.observations()(e, 0) + (e == 0 ? 0.4F : e == 1 ? 0.6F : 0.0F);
    boxes.step({actions.data(), 3, 1});
    REQUIRE(boxes.rewards()[0] == 1.0);
    REQUIRE(boxes.rewards()[1] == 0.0);
    REQUIRE(boxes.finished().size() == (i % 100 == 99 ? 3U : 0U));
  }
  const std::vector<float> nan(3, std::numeric_limits<float>::quiet_NaN());
  REQUIRE_THROWS_WITH(boxes.step({nan.data(), 3, 1}), ContainsSubstring("action[0] is not a finite number"));

  rlx::VectorEnv both({.num_envs = 1}, pool, [](std::size_t) { return rlx::TimeLimit(rlx::CountEnv(2), 2); });
  both.reset();
  const std::vector<std::int32_t> one(1, 1);
  both.step(column(one));
  both.step(column(one));
  REQUIRE(both.terminated()[0] == 1);
  REQUIRE(both.truncated()[0] == 1);
  REQUIRE(both.finished()[0].terminated);
  REQUIRE(both.finished()[0].truncated);
  REQUIRE(both.observations()(0, 0) == 0.0F);
}

TEST_CASE("VectorEnv: Simplex weights, masks in the rows", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 2, .seed = 4}, pool, [](std::size_t) { return rlx::SimplexBanditEnv(8, 3, 10); });
  REQUIRE(envs.action_width() == 8);
  REQUIRE(envs.mask_width() == 8);
  envs.reset();
  std::vector<float> weights(16);
  for (int i = 0; i < 30; ++i) {
    for (std::size_t e = 0; e < 2; ++e) {
      for (std::size_t a = 0; a < 8; ++a) {
        weights[e * 8 + a] = envs.observations()(e, a);  // all on the paying asset
        REQUIRE(envs.observations()(e, 8 + a) == static_cast<float>(envs.masks()(e, a)));
      }
    }
    envs.step({weights.data(), 2, 8});
    REQUIRE(envs.rewards()[1] == 1.0);
  }
}

TEST_CASE("VectorEnv: a step before the first reset is refused", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 2}, pool, [](std::size_t) { return rlx::CountEnv(3); });
  const std::vector<std::int32_t> actions(2, 0);
  REQUIRE_THROWS_AS(envs.step(column(actions)), rlx::EnvironmentError);
}

TEST_CASE("VectorEnv: masks belong to the observation beside them", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 5, .seed = 3}, pool, [](std::size_t) { return rlx::InvalidActionEnv(6, 4, 3); });
  REQUIRE(envs.mask_width() == 6);
  envs.reset();
  std::vector<std::int32_t> actions(5);
  for (int i = 0; i < 20; ++i) {
    for (std::size_t e = 0; e < 5; ++e) {
      int valid = 0;
      for (std::size_t a = 0; a < 6; ++a) {
        valid += envs.masks()(e, a);
        if (envs.observations()(e, a) == 1.0F) {
          actions[e] = static_cast<std::int32_t>(a);
          REQUIRE(envs.masks()(e, a) == 1);  // also at the first step of an episode, right after an autoreset
        }
      }
      REQUIRE(valid == 2);
    }
    envs.step(column(actions));
    for (std::size_t e = 0; e < 5; ++e) REQUIRE(envs.rewards()[e] == 1.0);
    if (i % 3 == 2) {
      REQUIRE(envs.finished().size() == 5);
      REQUIRE(envs.finished()[4].truncated);
      REQUIRE(envs.finished()[4].episode_return == 3.0);
    }
  }
}

TEST_CASE("VectorEnv: N steps are N steps, every environment finishes its share", "[env]") {
  rlx::ThreadPool pool(3);
  rlx::VectorEnv envs({.num_envs = 50}, pool, [](std::size_t) { return rlx::CountEnv(7); });
  REQUIRE(envs.num_shards() == 6);
  envs.reset();
  std::size_t finished = 0;
  std::uint64_t steps = 0;
  const std::vector<std::int32_t> actions(50, 1);
  for (int i = 0; i < 700; ++i) {
    envs.step(column(actions));
    finished += envs.finished().size();
    for (const rlx::EpisodeStatistics& done : envs.finished()) steps += done.length;
  }
  REQUIRE(finished == 50 * 100);
  REQUIRE(steps == 50 * 700);
}

TEST_CASE("VectorEnv: shards are contiguous, nearly equal, and chosen by the sizes alone", "[env]") {
  rlx::ThreadPool pool(2);
  const auto shards_of = [&](std::size_t n, std::size_t wanted) {
    rlx::VectorEnv envs({.num_envs = n, .num_shards = wanted}, pool, [](std::size_t) { return rlx::RingEnv(2); });
    std::vector<std::array<std::size_t, 3>> ranges(envs.num_shards());
    envs.for_each_shard([&](auto& shard) { ranges[shard.index] = {shard.index, shard.begin, shard.end}; });
    std::size_t next = 0;
    for (const auto& range : ranges) {
      REQUIRE(range[1] == next);
      next = range[2];
      REQUIRE(range[2] - range[1] >= n / ranges.size());
      REQUIRE(range[2] - range[1] <= n / ranges.size() + 1);
    }
    REQUIRE(next == n);
    for (std::size_t e = 0; e < n; ++e) REQUIRE_NOTHROW(envs.environment(e));
    REQUIRE_THROWS_AS(envs.environment(n), rlx::ShapeError);
    return envs.num_shards();
  };
  REQUIRE(shards_of(1, 0) == 1);
  REQUIRE(shards_of(2, 0) == 2);
  REQUIRE(shards_of(7, 0) == 2);
  REQUIRE(shards_of(16, 0) == 2);
  REQUIRE(shards_of(64, 0) == 8);
  REQUIRE(shards_of(1024, 0) == 64);
  REQUIRE(shards_of(7, 3) == 3);
  REQUIRE(shards_of(11, 11) == 11);
}

TEST_CASE("VectorEnv: errors name element, environment, episode and step", "[env]") {
  for (const std::size_t threads : {1U, 2U}) {
    run_until_error(Probe::Failure::nan_observation, 2, 4, threads, [](std::exception_ptr error) {
      try {
        std::rethrow_exception(error);
      } catch (const rlx::NumericError& e) {
        REQUIRE_THAT(e.what(), ContainsSubstring("observation[2] (spread_bps) of environment 3, episode 2, step 4 is nan"));
        REQUIRE(e.tensor() == "observation[2] (spread_bps)");
        REQUIRE(e.env() == std::size_t{3});
        REQUIRE(e.step() == std::uint64_t{4});
      }
    });
    run_until_error(Probe::Failure::nan_at_reset, 1, 0, threads, [](std::exception_ptr error) {
      REQUIRE_THROWS_WITH(std::rethrow_exception(error), ContainsSubstring("environment 3, episode 1, step 0 is nan"));
    });
    run_until_error(Probe::Failure::infinite_reward, 0, 2, threads, [](std::exception_ptr error) {
      REQUIRE_THROWS_WITH(std::rethrow_exception(error),
                          ContainsSubstring("reward of environment 3, episode 0, step 2 is -inf"));
      REQUIRE_THROWS_AS(std::rethrow_exception(error), rlx::NumericError);
    });
    run_until_error(Probe::Failure::no_choice, 1, 3, threads, [](std::exception_ptr error) {
      try {
        std::rethrow_exception(error);
      } catch (const rlx::EnvironmentError& e) {
        REQUIRE_THAT(e.what(), ContainsSubstring("environment 3, episode 1, step 3: no action of component 1 (3 choices) "
                                                 "is valid"));
        REQUIRE(e.env() == std::size_t{3});
      }
    });
    run_until_error(Probe::Failure::exception, 2, 4, threads, [](std::exception_ptr error) {
      try {
        std::rethrow_exception(error);
      } catch (const rlx::EnvironmentError& e) {
        REQUIRE_THAT(e.what(), ContainsSubstring("environment 3, episode 2, step 4: step threw: the tape ended"));
        REQUIRE(e.env() == std::size_t{3});
        REQUIRE(e.step() == std::uint64_t{4});
        REQUIRE_THROWS_AS(std::rethrow_if_nested(e), std::runtime_error);
        REQUIRE_THROWS_WITH(std::rethrow_if_nested(e), "the tape ended");
      }
    });
    run_until_error(Probe::Failure::exception_at_reset, 1, 0, threads, [](std::exception_ptr error) {
      REQUIRE_THROWS_WITH(std::rethrow_exception(error),
                          ContainsSubstring("environment 3, episode 1, step 0: reset threw: no tape"));
    });
  }
}

TEST_CASE("VectorEnv: a bad row is found although an environment behind it threw at the same step", "[env]") {
  for (const auto autoreset : {rlx::AutoresetMode::same_step, rlx::AutoresetMode::next_step, rlx::AutoresetMode::disabled}) {
    for (const auto& [bad, text] : {std::pair(Probe::Failure::nan_observation, "observation[2] (spread_bps) of environment 1"),
                                    std::pair(Probe::Failure::no_choice, "environment 1, episode 0, step 2: no action")}) {
      rlx::ThreadPool pool(1);
      rlx::VectorEnv envs({.num_envs = 4, .num_shards = 1, .autoreset = autoreset}, pool, [bad = bad](std::size_t e) {
        Probe probe;
        if (e == 1) probe.failure = bad;
        if (e == 2) probe.failure = Probe::Failure::exception;
        if (e == 3) probe.failure = Probe::Failure::nan_observation;  // does not make the step
        probe.fail_episode = 0;
        probe.fail_step = 2;
        probe.length = 50;
        return probe;
      });
      envs.reset();
      const std::vector<std::int32_t> actions(8, 0);
      const rlx::MatrixView<const std::int32_t> view(actions.data(), 4, 2);
      envs.step(view);
      REQUIRE_THROWS_WITH(envs.step(view), ContainsSubstring(text));
      REQUIRE_THROWS_WITH(envs.step(view), ContainsSubstring("environment 1 has no running episode"));
      envs.reset(std::vector<std::uint8_t>{0, 1, 0, 0});
      REQUIRE_THROWS_WITH(envs.step(view), ContainsSubstring("environment 2 has no running episode"));
      envs.reset(std::vector<std::uint8_t>{0, 0, 1, 0});
      REQUIRE_THROWS_WITH(envs.step(view), ContainsSubstring("environment 3, episode 0, step 2 is nan"));
      envs.reset(std::vector<std::uint8_t>{0, 0, 0, 1});
      REQUIRE_NOTHROW(envs.step(view));
    }
  }
}

TEST_CASE("VectorEnv: bad rows of several environments: the first is named, all need a reset", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 4, .num_shards = 1}, pool, [](std::size_t e) {
    Probe probe;
    if (e != 0) probe.failure = e == 3 ? Probe::Failure::no_choice : Probe::Failure::nan_observation;
    probe.fail_episode = 0;
    probe.fail_step = 2;
    if (e == 0 || e == 2) probe.length = 2;  // the next episode of 2 overwrites the row; that of 0 has nothing to hide
    return probe;
  });
  envs.reset();
  const std::vector<std::int32_t> actions(8, 0);
  const rlx::MatrixView<const std::int32_t> view(actions.data(), 4, 2);
  envs.step(view);
  REQUIRE_THROWS_WITH(envs.step(view), ContainsSubstring("environment 1, episode 0, step 2 is nan"));
  REQUIRE(envs.finished().size() == 1);
  REQUIRE(envs.finished()[0].env == 0);
  REQUIRE(envs.finished()[0].length == 2);
  REQUIRE_THROWS_AS(envs.step({actions.data(), 4, 1}), rlx::ShapeError);
  REQUIRE(envs.finished().empty());
  REQUIRE_THROWS_WITH(envs.step(view), ContainsSubstring("environment 1 has no running episode"));
  envs.reset(std::vector<std::uint8_t>{0, 1, 0, 0});
  REQUIRE_THROWS_WITH(envs.step(view), ContainsSubstring("environment 2 has no running episode"));
  envs.reset(std::vector<std::uint8_t>{0, 0, 1, 0});
  REQUIRE_THROWS_WITH(envs.step(view), ContainsSubstring("environment 3, episode 0, step 2: no action of component 1"));
}

TEST_CASE("VectorEnv: one valid choice is found wherever it stands, and its neighbours count for other components", "[env]") {
  for (std::size_t width = 1; width <= 100; ++width) {
    const std::array<std::size_t, 3> components{4, width, 4};
    std::vector<std::uint8_t> mask(width + 8, 0);
    mask[3] = mask[width + 4] = 255;
    REQUIRE(rlx::detail::component_without_choice(mask, components) == std::size_t{1});
    for (std::size_t valid = 4; valid < width + 4; ++valid) {
      mask[valid] = 128;
      REQUIRE_FALSE(rlx::detail::component_without_choice(mask, components).has_value());
      mask[valid] = 0;
    }
  }
}

TEST_CASE("VectorEnv: checks can be switched off", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 1, .check_finite = false, .check_masks = false}, pool, [](std::size_t) {
    Probe probe;
    probe.failure = Probe::Failure::nan_observation;
    probe.fail_episode = 0;
    probe.fail_step = 2;
    return probe;
  });
  envs.reset();
  const std::vector<std::int32_t> actions(2, 0);
  for (int i = 0; i < 4; ++i) REQUIRE_NOTHROW(envs.step({actions.data(), 1, 2}));
}

TEST_CASE("VectorEnv: impossible configurations are refused and named", "[env]") {
  rlx::ThreadPool pool(1);
  const auto ring = [](std::size_t) { return rlx::RingEnv(2); };
  REQUIRE_THROWS_WITH(rlx::VectorEnv({.num_envs = 0}, pool, ring), ContainsSubstring("VectorEnvConfig.num_envs = 0"));
  REQUIRE_THROWS_WITH(rlx::VectorEnv({.num_envs = 2, .num_shards = 3}, pool, ring), ContainsSubstring("num_shards = 3"));
  REQUIRE_THROWS_WITH(rlx::VectorEnv({.num_envs = 3}, pool, [](std::size_t e) { return rlx::IdentityEnv(e == 2 ? 5 : 4); }),
                      ContainsSubstring("environment 2 differs from environment 0 in its observation space: "
                                        "Box of 5 numbers instead of Box of 4 numbers"));
  REQUIRE_THROWS_WITH(rlx::VectorEnv({.num_envs = 2}, pool, [](std::size_t e) { return rlx::CountEnv(3, e == 1 ? 5 : 4); }),
                      ContainsSubstring("environment 1 differs from environment 0 in its action space: "
                                        "Discrete(5) instead of Discrete(4)"));
  REQUIRE_THROWS_AS(rlx::VectorEnv({.num_envs = 2}, pool, [](std::size_t e) { return rlx::CountEnv(e == 1 ? 5 : 4); }),
                    rlx::ConfigError);
}

TEST_CASE("VectorEnv: rows and actions of other sizes are refused", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 2}, pool, [](std::size_t) { return rlx::InvalidActionEnv(4, 1); });
  std::vector<float> observations(8), finals(8);
  std::vector<std::uint8_t> masks(8), terminated(2), truncated(2);
  std::vector<double> rewards(2);
  const std::vector<std::int32_t> actions(2, 0);
  using Rows = rlx::VectorEnvRows;
  const Rows good{{observations.data(), 2, 4}, {masks.data(), 2, 4}, {finals.data(), 2, 4}, rewards, terminated, truncated};
  envs.reset_into(good);
  Rows rows = good;
  rows.masks = {};
  REQUIRE_THROWS_AS(envs.reset_into(rows), rlx::ShapeError);
  rows = good;
  rows.observations = {observations.data(), 2, 3};
  REQUIRE_THROWS_AS(envs.reset_into(rows), rlx::ShapeError);
  const auto step = [&](const Rows& r, const std::vector<std::int32_t>& a) {
    envs.for_each_shard([&](auto& shard) { shard.step(column(a), r); });
  };
  step(good, actions);
  rows = good;
  rows.rewards = rows.rewards.first(1);
  REQUIRE_THROWS_AS(step(rows, actions), rlx::ShapeError);
  rows = good;
  rows.final_observations = {finals.data(), 1, 4};
  REQUIRE_THROWS_AS(step(rows, actions), rlx::ShapeError);
  REQUIRE_THROWS_AS(step(good, std::vector<std::int32_t>(3, 0)), rlx::ShapeError);
  rows = good;
  rows.final_observations = {};
  REQUIRE_NOTHROW(step(rows, actions));  // nobody reads them
}

TEST_CASE("VectorEnv: sources cycle by default and follow a sampler", "[env]") {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 3, .seed = 1}, pool, [](std::size_t) { return Probe(); });
  envs.reset();
  for (std::size_t e = 0; e < 3; ++e) REQUIRE(envs.observations()(e, 1) == static_cast<float>(e));
  const std::vector<std::int32_t> actions(6, 1);
  for (int i = 0; i < 5; ++i) envs.step({actions.data(), 3, 2});
  for (std::size_t e = 0; e < 3; ++e) {  // episode 1: (3 + e) mod 4
    REQUIRE(envs.finished()[e].source == e);
    REQUIRE(envs.observations()(e, 1) == static_cast<float>((3 + e) % 4));
  }

  struct Fixed {
    std::size_t value = 2;
    std::size_t source(const rlx::EpisodeKey&) const { return value; }
    void update(std::span<const rlx::EpisodeStatistics> done) { value = done.empty() ? value : done.size(); }
    void save_state(rlx::StateWriter& writer) const { writer.write(value); }
    void load_state(rlx::StateReader& reader) { value = reader.read<std::size_t>(); }
  };
  envs.set_sampler(Fixed{});
  envs.reset();
  REQUIRE(envs.observations()(1, 1) == 2.0F);
  envs.update_sampler(std::vector<rlx::EpisodeStatistics>(3));
  envs.reset();
  REQUIRE(envs.observations()(1, 1) == 3.0F);
  envs.update_sampler(std::vector<rlx::EpisodeStatistics>(9));
  REQUIRE_THROWS_WITH(envs.reset(), ContainsSubstring("the episode sampler chose source 9, but the environment has 4"));
}

TEST_CASE("VectorEnv: a saved state continues exactly, in the middle of episodes", "[env]") {
  rlx::ThreadPool pool(2);
  const auto make = [](std::size_t) { return rlx::TimeLimit(rlx::InvalidActionEnv(5, 2), 13); };
  const rlx::VectorEnvConfig config{.num_envs = 9, .seed = 77};
  rlx::VectorEnv original(config, pool, make);
  static_assert(decltype(original)::saves_environments);
  std::vector<std::int32_t> actions(9);
  const auto drive = [&](auto& envs, int from, int to) {
    for (int i = from; i < to; ++i) {
      for (std::size_t e = 0; e < 9; ++e) actions[e] = static_cast<std::int32_t>((static_cast<std::size_t>(i) + e) % 5);
      envs.step(column(actions));
    }
  };
  original.reset();
  drive(original, 0, 20);
  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  original.save_state(writer);

  rlx::VectorEnv copy(config, pool, make);
  rlx::StateReader reader(bytes);
  copy.load_state(reader);
  reader.expect_end();
  REQUIRE(std::memcmp(copy.masks().data(), original.masks().data(), 9 * 5) == 0);
  drive(original, 20, 60);
  drive(copy, 20, 60);
  REQUIRE(std::memcmp(copy.observations().data(), original.observations().data(), 9 * 5 * sizeof(float)) == 0);
  REQUIRE(std::memcmp(copy.masks().data(), original.masks().data(), 9 * 5) == 0);
  REQUIRE(copy.episode(8) == original.episode(8));
  std::vector<std::byte> a, b;
  rlx::StateWriter write_a(a), write_b(b);
  original.save_state(write_a);
  copy.save_state(write_b);
  REQUIRE(a == b);

  // Damaged or foreign states are refused and leave everything as it was.
  const auto refuses = [&](std::span<const std::byte> damaged) {
    rlx::StateReader again(damaged);
    REQUIRE_THROWS_AS(copy.load_state(again), rlx::CheckpointError);
    std::vector<std::byte> now;
    rlx::StateWriter write_now(now);
    copy.save_state(write_now);
    REQUIRE(now == b);
  };
  for (const std::size_t length : {std::size_t{0}, std::size_t{7}, bytes.size() / 2, bytes.size() - 1}) {
    refuses(std::span<const std::byte>(bytes).first(length));
  }
  std::vector<std::byte> foreign = bytes;
  foreign[0] = std::byte{8};
  refuses(foreign);
  rlx::VectorEnv other({.num_envs = 9, .seed = 78}, pool, make);
  rlx::StateReader again(bytes);
  REQUIRE_THROWS_WITH(other.load_state(again), ContainsSubstring("seed is 77 in the file and 78 here"));
}

TEST_CASE("VectorEnv: an environment that refuses its state leaves the others as they were", "[env]") {
  struct Picky : rlx::CountEnv {
    explicit Picky(bool refuse) : CountEnv(5), refuses(refuse) {}
    bool refuses;
    void load_state(std::span<const std::byte> bytes) {
      if (refuses) throw rlx::CheckpointError("not mine");
      CountEnv::load_state(bytes);
    }
  };
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 3}, pool, [](std::size_t e) { return Picky(e == 2); });
  static_assert(decltype(envs)::saves_environments);
  const std::vector<std::int32_t> actions(3, 1);
  const auto state = [&] {
    std::vector<std::byte> bytes;
    rlx::StateWriter writer(bytes);
    envs.save_state(writer);
    return bytes;
  };
  envs.reset();
  const std::vector<std::byte> first = state();
  envs.step(column(actions));
  const std::vector<std::byte> second = state();
  REQUIRE(first != second);
  rlx::StateReader reader(first);
  REQUIRE_THROWS_AS(envs.load_state(reader), rlx::CheckpointError);
  REQUIRE(state() == second);
}

TEST_CASE("VectorEnv: returns are sums in double of rewards that nothing rounds", "[env]") {
  struct Tenths : rlx::CountEnv {
    Tenths() : CountEnv(3) {}
    rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
      rlx::Transition transition = CountEnv::step(action, row);
      transition.reward *= 0.1;
      return transition;
    }
  };
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 2}, pool, [](std::size_t) { return Tenths(); });
  const std::vector<std::int32_t> actions(2, 1);
  envs.reset();
  for (int i = 0; i < 3; ++i) envs.step(column(actions));
  REQUIRE(envs.finished().size() == 2);
  REQUIRE(envs.finished()[1].episode_return == 0.1 + 0.1 + 0.1);
}

TEST_CASE("VectorEnv: an environment without state starts its next episode after a load", "[env]") {
  rlx::ThreadPool pool(1);
  const auto make = [](std::size_t) { return Probe(); };
  rlx::VectorEnv envs({.num_envs = 2, .seed = 4}, pool, make);
  static_assert(!decltype(envs)::saves_environments);
  envs.reset();
  const std::vector<std::int32_t> actions(4, 1);
  for (int i = 0; i < 7; ++i) envs.step({actions.data(), 2, 2});
  REQUIRE(envs.episode(0) == 1);
  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  envs.save_state(writer);
  rlx::VectorEnv copy({.num_envs = 2, .seed = 4}, pool, make);
  rlx::StateReader reader(bytes);
  copy.load_state(reader);
  REQUIRE_THROWS_AS(copy.step({actions.data(), 2, 2}), rlx::EnvironmentError);
  copy.reset();
  REQUIRE(copy.episode(0) == 2);
  REQUIRE(copy.episode_seed(0) == rlx::episode_seed(4, 0, 2));
}

TEST_CASE("VectorEnv: no heap allocation per step or reset, with episodes ending and sources chosen", "[env]") {
  rlx::ThreadPool pool(2);
  rlx::VectorEnv probes({.num_envs = 20}, pool, [](std::size_t) { return Probe(); });
  rlx::VectorEnv poles({.num_envs = 20}, pool, [](std::size_t) { return rlx::CartPole(); });
  probes.reset();
  poles.reset();
  const std::vector<std::int32_t> actions(40, 1);
  const auto run = [&] {
    for (int i = 0; i < 100; ++i) {
      probes.step({actions.data(), 20, 2});
      poles.step({actions.data(), 20, 1});
    }
    probes.reset();
  };
  run();
  const rlx_test::AllocationCounter counter;
  run();
  REQUIRE(counter.count() == 0);
  const rlx_test::AllocationCounter live;  // and the counter does count
  auto* volatile number = new int(3);
  delete number;
  REQUIRE(live.count() == 1);
}
