// SPDX-License-Identifier: MIT
/// @file
/// @brief Sources, episodes and checks that every sampler's test needs.
#ifndef RLX_TESTS_CURRICULUM_SAMPLER_TESTING_HPP
#define RLX_TESTS_CURRICULUM_SAMPLER_TESTING_HPP

#include <rlx/core/thread_pool.hpp>
#include <rlx/curriculum/episode_info.hpp>
#include <rlx/env/episode_sampler.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace curriculum_test {

/// n sources, source numbers 0 .. n-1, sessions in turn, difficulty growing with the number.
inline std::vector<rlx::curriculum::EpisodeInfo> make_sources(std::size_t n, std::size_t sessions = 1) {
  std::vector<rlx::curriculum::EpisodeInfo> infos(n);
  for (std::size_t i = 0; i < n; ++i) {
    infos[i].source = i;
    infos[i].event = static_cast<std::uint32_t>(i);
    infos[i].session = static_cast<std::int64_t>(100 + i % sessions);
    infos[i].length = 100;
    infos[i].difficulty = static_cast<double>(i) / static_cast<double>(n);
  }
  return infos;
}

inline rlx::EpisodeStatistics finished(std::size_t source, double episode_return = 0.0, std::uint64_t length = 10) {
  rlx::EpisodeStatistics statistics;
  statistics.source = source;
  statistics.episode_return = episode_return;
  statistics.length = length;
  return statistics;
}

inline std::vector<rlx::EpisodeStatistics> finished_times(std::size_t times, std::size_t source, double episode_return = 0.0,
                                                          std::uint64_t length = 10) {
  return std::vector<rlx::EpisodeStatistics>(times, finished(source, episode_return, length));
}

/// How often each of n sources is chosen in `draws` episodes of 8 environments.
template <rlx::EpisodeSampler P>
std::vector<std::uint64_t> frequencies(const P& sampler, std::size_t n, std::uint64_t draws, std::uint64_t seed = 5) {
  std::vector<std::uint64_t> counts(n, 0);
  for (std::uint64_t i = 0; i < draws; ++i) ++counts[sampler.source({seed, i % 8, 1 + i / 8, 8, n})];
  return counts;
}

/// Pearson's statistic within 5 standard deviations of its mean; a source of probability 0 never occurs.
inline void require_frequencies(std::span<const std::uint64_t> counts, std::span<const double> probabilities) {
  REQUIRE(counts.size() == probabilities.size());
  double draws = 0.0;
  double total = 0.0;
  for (const std::uint64_t count : counts) draws += static_cast<double>(count);
  for (const double probability : probabilities) total += probability;
  REQUIRE_THAT(total, rlx_test::WithinAbs(1.0, 1e-12));
  double statistic = 0.0;
  double freedom = -1.0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (probabilities[i] == 0.0) {
      REQUIRE(counts[i] == 0);
      continue;
    }
    const double expected = draws * probabilities[i];
    statistic += (static_cast<double>(counts[i]) - expected) * (static_cast<double>(counts[i]) - expected) / expected;
    freedom += 1.0;
  }
  INFO("chi-square " << statistic << " with " << freedom << " degrees of freedom");
  REQUIRE(std::abs(statistic - freedom) <= 5.0 * std::sqrt(2.0 * freedom));
}

/// Choices of 4 environments and `episodes` episodes each.
template <rlx::EpisodeSampler P>
std::vector<std::size_t> choices(const P& sampler, std::size_t n, std::uint64_t episodes = 50) {
  std::vector<std::size_t> chosen;
  for (std::uint64_t episode = 0; episode < episodes; ++episode) {
    for (std::size_t env = 0; env < 4; ++env) chosen.push_back(sampler.source({9, env, episode, 4, n}));
  }
  return chosen;
}

template <rlx::EpisodeSampler P>
std::vector<std::byte> state_of(const P& sampler) {
  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  sampler.save_state(writer);
  return bytes;
}

/// `fresh` continues as `sampler` does: after loading, and after the same further updates. Every shorter state is refused
/// and leaves the sampler as it was.
template <rlx::EpisodeSampler P>
void require_resumes(P sampler, P fresh, std::size_t n) {
  const std::vector<std::byte> bytes = state_of(sampler);
  const std::vector<std::byte> before = state_of(fresh);
  for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 40) {
    rlx::StateReader cut(std::span<const std::byte>(bytes).first(size));
    REQUIRE_THROWS_AS(fresh.load_state(cut), rlx::CheckpointError);
    REQUIRE(state_of(fresh) == before);
  }
  rlx::StateReader reader(bytes);
  fresh.load_state(reader);
  reader.expect_end();
  REQUIRE(state_of(fresh) == bytes);
  REQUIRE(choices(fresh, n) == choices(sampler, n));
  for (std::size_t i = 0; i < 20; ++i) {
    const auto done = finished_times(1 + i % 3, (7 * i) % n, i % 2 == 0 ? 1.5 : -0.5, 60 + i);
    sampler.update(done);
    fresh.update(done);
  }
  REQUIRE(state_of(fresh) == state_of(sampler));
  REQUIRE(choices(fresh, n) == choices(sampler, n));
}

/// `source` asked by 8 threads at once gives what one thread gets, and allocates nothing.
template <rlx::EpisodeSampler P>
void require_pure(const P& sampler, std::size_t n) {
  const std::vector<std::size_t> expected = choices(sampler, n, 200);
  std::vector<std::size_t> found(expected.size());
  rlx::ThreadPool pool(8);
  pool.run(expected.size(), [&](std::size_t i) { found[i] = sampler.source({9, i % 4, i / 4, 4, n}); });
  REQUIRE(found == expected);
  const rlx_test::AllocationCounter counter;
  std::size_t sum = 0;
  for (std::uint64_t episode = 0; episode < 100; ++episode) sum += sampler.source({1, 2, episode, 4, n});
  REQUIRE(counter.count() == 0);
  REQUIRE(sum < 100 * n);
}

}  // namespace curriculum_test

#endif  // RLX_TESTS_CURRICULUM_SAMPLER_TESTING_HPP
