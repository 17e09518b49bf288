// SPDX-License-Identifier: MIT
#include <rlx/curriculum/sequential.hpp>

#include "sampler_testing.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <vector>

using namespace rlx::curriculum;
using namespace curriculum_test;

static_assert(rlx::EpisodeSampler<SequentialSampler>);

namespace {

/// Source at a position of the walk, for consecutive = 1.
std::size_t at(const SequentialSampler& sampler, std::uint64_t position, std::size_t num_envs, std::size_t n,
               std::uint64_t seed = 3) {
  return sampler.source({seed, static_cast<std::size_t>(position % num_envs), position / num_envs, num_envs, n});
}

}  // namespace

TEST_CASE("sequential: every pass covers every source once, in another order each time", "[curriculum]") {
  for (const std::size_t n : {1U, 2U, 3U, 7U, 64U, 101U}) {
    const SequentialSampler sampler(make_sources(n));
    std::set<std::vector<std::size_t>> orders;
    for (std::uint64_t pass = 0; pass < 20; ++pass) {
      std::vector<std::size_t> order;
      for (std::size_t i = 0; i < n; ++i) order.push_back(at(sampler, pass * n + i, 3, n));
      orders.insert(order);
      std::sort(order.begin(), order.end());
      for (std::size_t i = 0; i < n; ++i) REQUIRE(order[i] == i);
    }
    if (n >= 7) REQUIRE(orders.size() == 20);
    REQUIRE(at(sampler, 0, 3, n, 3) < n);
  }
}

TEST_CASE("sequential: the order is a uniform permutation", "[curriculum]") {
  // 24 orders of 4 sources over 240,000 passes, and the place of each of 5 sources.
  const SequentialSampler four(make_sources(4));
  std::map<std::array<std::size_t, 4>, std::uint64_t> orders;
  for (std::uint64_t pass = 0; pass < 240'000; ++pass) {
    std::array<std::size_t, 4> order{};
    for (std::size_t i = 0; i < 4; ++i) order[i] = at(four, 4 * pass + i, 4, 4);
    ++orders[order];
  }
  REQUIRE(orders.size() == 24);
  std::vector<std::uint64_t> counts;
  for (const auto& entry : orders) counts.push_back(entry.second);
  require_frequencies(counts, std::vector<double>(24, 1.0 / 24.0));
}

TEST_CASE("sequential: consecutive episodes stay on one source", "[curriculum]") {
  const SequentialSampler sampler(make_sources(5), {.consecutive = 20});
  std::set<std::size_t> seen;
  for (std::uint64_t round = 0; round < 5; ++round) {
    const std::size_t source = sampler.source({3, 0, 20 * round, 1, 5});
    seen.insert(source);
    for (std::uint64_t k = 1; k < 20; ++k) REQUIRE(sampler.source({3, 0, 20 * round + k, 1, 5}) == source);
  }
  REQUIRE(seen.size() == 5);
}

TEST_CASE("sequential: environments start at different sources", "[curriculum]") {
  const SequentialSampler sampler(make_sources(8));
  std::set<std::size_t> first;
  for (std::size_t env = 0; env < 8; ++env) first.insert(sampler.source({3, env, 0, 8, 8}));
  REQUIRE(first.size() == 8);
}

TEST_CASE("sequential: a pass with a budget is its shuffled multiset", "[curriculum]") {
  auto sources = make_sources(3);
  sources[0].length = 100;
  sources[1].length = 200;
  sources[2].length = 400;
  const SequentialSampler sampler(sources, {.budget = {.kind = BudgetKind::proportional}});
  for (std::uint64_t pass = 0; pass < 5; ++pass) {
    std::array<int, 3> counts{};
    for (std::uint64_t i = 0; i < 60; ++i) ++counts[at(sampler, 60 * pass + i, 8, 3)];
    REQUIRE(counts == std::array<int, 3>{9, 17, 34});
  }
  const SequentialSampler fixed(sources, {.budget = {.kind = BudgetKind::fixed, .episodes = 4}});
  std::array<int, 3> counts{};
  for (std::uint64_t i = 0; i < 12; ++i) ++counts[at(fixed, i, 8, 3)];
  REQUIRE(counts == std::array<int, 3>{4, 4, 4});
}

TEST_CASE("sequential: the adaptive budget of the next pass, by hand", "[curriculum]") {
  // No return known: 4 (0.5 + 1.5 / 2) = 5 each. Then F = 1/4 and 3/4: 4 x 1.625 = 6.5 and 4 x 0.875 = 3.5, rounded up.
  SequentialSampler sampler(make_sources(2), {.budget = {.kind = BudgetKind::adaptive, .episodes = 4}, .num_envs = 2});
  REQUIRE(sampler.budget() == std::vector<std::uint32_t>{5, 5});
  auto good = finished(1, 2.0);
  good.env = 1;
  sampler.update(std::vector{finished(0, -1.0), good});
  REQUIRE(sampler.budget() == std::vector<std::uint32_t>{7, 4});
  std::array<int, 2> first{};
  std::array<int, 2> second{};
  for (std::uint64_t i = 0; i < 10; ++i) ++first[at(sampler, i, 2, 2)];
  for (std::uint64_t i = 10; i < 21; ++i) ++second[at(sampler, i, 2, 2)];
  REQUIRE(first == std::array<int, 2>{5, 5});
  REQUIRE(second == std::array<int, 2>{7, 4});
  // The averages cross: the pass that nobody has reached follows. 2 + 0.1 (x - 2) < -1 for x = -38.
  good.episode_return = -38.0;
  good.episode = 1;
  sampler.update(std::vector{good});
  REQUIRE(sampler.budget() == std::vector<std::uint32_t>{4, 7});
  // Environment 0 reaches position 10, in the second pass: its budget is frozen, the third one is free.
  auto far = finished(1, 1'000.0);
  far.episode = 4;
  sampler.update(std::vector{far});
  second = {};
  for (std::uint64_t i = 10; i < 21; ++i) ++second[at(sampler, i, 2, 2)];
  REQUIRE(second == std::array<int, 2>{4, 7});
  REQUIRE(sampler.budget() == std::vector<std::uint32_t>{7, 4});
}

TEST_CASE("sequential: adaptive passes are covered exactly by environments of any speed", "[curriculum]") {
  constexpr std::size_t n = 6;
  constexpr std::size_t num_envs = 4;
  SequentialSampler sampler(make_sources(n), {.budget = {.kind = BudgetKind::adaptive, .episodes = 3}, .num_envs = num_envs});
  rlx::RandomStream random({.seed = 11, .purpose = rlx::Purpose::user});
  std::array<std::uint64_t, num_envs> episode{};
  std::array<std::size_t, num_envs> running{};
  std::map<std::uint64_t, std::size_t> walk;  // position -> source
  const auto start = [&](std::size_t env) {
    running[env] = sampler.source({3, env, episode[env], num_envs, n});
    walk[episode[env] * num_envs + env] = running[env];
  };
  for (std::size_t env = 0; env < num_envs; ++env) start(env);
  std::set<std::vector<std::uint32_t>> budgets{sampler.budget()};
  for (int update = 0; update < 400; ++update) {
    std::vector<rlx::EpisodeStatistics> done;
    for (std::size_t env = 0; env < num_envs; ++env) {
      for (std::uint64_t k = random.bounded(2 + env); k > 0; --k) {  // the last environment is the fastest
        auto statistics = finished(running[env], random.normal() + static_cast<double>(running[env]));
        statistics.env = static_cast<std::uint32_t>(env);
        statistics.episode = episode[env];
        done.push_back(statistics);
        ++episode[env];
        start(env);
      }
    }
    sampler.update(done);
    budgets.insert(sampler.budget());
  }
  while (*std::min_element(episode.begin(), episode.end()) < *std::max_element(episode.begin(), episode.end())) {
    for (std::size_t env = 0; env < num_envs; ++env) {
      if (episode[env] < *std::max_element(episode.begin(), episode.end())) {
        ++episode[env];
        start(env);
      }
    }
  }
  // Cut the walk greedily: the counts since the last cut become one of the budgets that the sampler announced.
  std::vector<std::uint32_t> counts(n, 0);
  std::size_t passes = 0;
  std::size_t since = 0;
  std::uint64_t position = 0;
  for (const auto& [where, source] : walk) {
    REQUIRE(where == position++);
    ++counts[source];
    ++since;
    if (budgets.count(counts) != 0) {
      counts.assign(n, 0);
      ++passes;
      since = 0;
    }
    REQUIRE(since < 2 * 3 * n);
  }
  REQUIRE(passes > 40);
}

TEST_CASE("sequential: save, load, same choices, from any thread, no allocation", "[curriculum]") {
  const SequentialConfig adaptive{.budget = {.kind = BudgetKind::adaptive, .episodes = 3}, .num_envs = 4};
  SequentialSampler sampler(make_sources(9), adaptive);
  require_pure(sampler, 9);
  for (std::uint64_t i = 0; i < 200; ++i) {
    auto done = finished(static_cast<std::size_t>(i * 5 % 9), static_cast<double>(i % 7) - 3.0);
    done.env = static_cast<std::uint32_t>(i % 4);
    done.episode = i / 4;
    sampler.update(std::vector{done});
  }
  require_pure(sampler, 9);
  require_resumes(sampler, SequentialSampler(make_sources(9), adaptive), 9);
  require_resumes(SequentialSampler(make_sources(9)), SequentialSampler(make_sources(9)), 9);

  const std::vector<std::byte> bytes = state_of(sampler);
  auto other = make_sources(9);
  other[4].source = 77;
  SequentialSampler wrong(other, adaptive);
  rlx::StateReader reader(bytes);
  REQUIRE_THROWS_AS(wrong.load_state(reader), rlx::CheckpointError);
}

TEST_CASE("sequential: wrong settings are refused", "[curriculum]") {
  REQUIRE_THROWS_AS(SequentialSampler({}), rlx::ConfigError);
  REQUIRE_THROWS_AS(SequentialSampler(make_sources(2), {.consecutive = 0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(SequentialSampler(make_sources(2), {.budget = {.kind = BudgetKind::adaptive}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(SequentialSampler(make_sources(2), {.budget = {.alpha = 0.0}}), rlx::ConfigError);
  auto twice = make_sources(3);
  twice[2].source = 0;
  REQUIRE_THROWS_AS(SequentialSampler(twice), rlx::ConfigError);
  const SequentialSampler sampler(make_sources(5));
  const auto all_of_five = [&] {
    for (std::uint64_t i = 0; i < 5; ++i) (void)sampler.source({0, 0, i, 1, 4});
  };
  REQUIRE_THROWS_AS(all_of_five(), rlx::ConfigError);
  const SequentialSampler adaptive(make_sources(5), {.budget = {.kind = BudgetKind::adaptive}, .num_envs = 2});
  REQUIRE_THROWS_AS(adaptive.source({0, 0, 0, 3, 5}), rlx::ConfigError);
}
