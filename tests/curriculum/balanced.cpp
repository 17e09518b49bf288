// SPDX-License-Identifier: MIT
#include <rlx/curriculum/balanced.hpp>

#include "sampler_testing.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

using namespace rlx::curriculum;
using namespace curriculum_test;

static_assert(rlx::EpisodeSampler<BalancedSampler> && ReportsEvents<BalancedSampler>);

namespace {

std::map<std::int64_t, double> session_shares(const std::vector<EpisodeInfo>& infos, std::span<const double> probabilities) {
  std::map<std::int64_t, double> shares;
  for (std::size_t i = 0; i < infos.size(); ++i) shares[infos[i].session] += probabilities[i];
  return shares;
}

}  // namespace

TEST_CASE("balanced: 1 / (1 + count) by hand, and a million draws", "[curriculum]") {
  BalancedSampler sampler(make_sources(4));
  for (const double p : sampler.probabilities()) REQUIRE_THAT(p, rlx_test::WithinAbs(0.25, 1e-15));
  // Counts 0, 1, 3, 9: masses 1, 1/2, 1/4, 1/10 of 1.85.
  sampler.update(finished_times(1, 1));
  sampler.update(finished_times(3, 2));
  sampler.update(finished_times(9, 3));
  const std::vector<double> expected{1.0 / 1.85, 0.5 / 1.85, 0.25 / 1.85, 0.1 / 1.85};
  for (std::size_t i = 0; i < 4; ++i) {
    REQUIRE_THAT(sampler.probabilities()[i], rlx_test::WithinAbs(expected[i], 1e-12));
  }
  require_frequencies(frequencies(sampler, 4, 1'000'000), expected);
}

TEST_CASE("balanced: the counts of a long run approach each other", "[curriculum]") {
  // Growth in proportion to 1 / (1 + c) keeps differences of (1 + c)^2: a lead of 300 shrinks. 9 c + c' = 3,300 and
  // (1 + c')^2 - (1 + c)^2 = 301^2 - 1 give c = 318.0 and c' = 437.6.
  BalancedSampler sampler(make_sources(10));
  sampler.update(finished_times(300, 4));
  for (std::uint64_t episode = 0; episode < 3'000; ++episode) {
    sampler.update(std::vector{finished(sampler.source({1, 0, episode, 1, 10}))});
  }
  for (std::size_t i = 0; i < 10; ++i) {
    REQUIRE_THAT(static_cast<double>(sampler.counts()[i]), rlx_test::WithinAbs(i == 4 ? 437.6 : 318.0, 40.0));
  }
}

TEST_CASE("balanced: environments start at different sources, each source equally likely", "[curriculum]") {
  const BalancedSampler sampler(make_sources(12));
  std::vector<std::uint64_t> counts(12, 0);
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    std::set<std::size_t> first;
    for (std::size_t env = 0; env < 8; ++env) first.insert(sampler.source({seed, env, 0, 8, 12}));
    REQUIRE(first.size() == 8);
    ++counts[sampler.source({seed, 5, 0, 8, 12})];
  }
  require_frequencies(counts, std::vector<double>(12, 1.0 / 12.0));
}

TEST_CASE("session cap: worked shares", "[curriculum]") {
  // 20 sources: 8 of session 1 and 12 of a session each. 13 sessions: the cap is 2/13.
  auto sources = make_sources(20);
  for (std::size_t i = 0; i < 20; ++i) sources[i].session = i < 8 ? 1 : static_cast<std::int64_t>(i);
  BalancedSampler sampler(sources);
  const double cap = 2.0 / 13.0;
  std::vector<double> expected(20, (1.0 - cap) / 12.0);
  std::fill_n(expected.begin(), 8, cap / 8.0);
  for (std::size_t i = 0; i < 20; ++i) REQUIRE_THAT(sampler.probabilities()[i], rlx_test::WithinAbs(expected[i], 1e-12));
  require_frequencies(frequencies(sampler, 20, 1'000'000), expected);
  // Shares 0.5, 0.3, 0.2 with a cap of 0.36: the first is cut, which raises the others to 0.384 and 0.256, so the second is
  // cut as well.
  for (std::size_t i = 0; i < 20; ++i) sources[i].session = i < 10 ? 1 : (i < 16 ? 2 : 3);
  const BalancedSampler tight(sources, {.max_session_share = 0.36});
  const auto shares = session_shares(sources, tight.probabilities());
  REQUIRE_THAT(shares.at(1), rlx_test::WithinAbs(0.36, 1e-12));
  REQUIRE_THAT(shares.at(2), rlx_test::WithinAbs(0.36, 1e-12));
  REQUIRE_THAT(shares.at(3), rlx_test::WithinAbs(0.28, 1e-12));
}

TEST_CASE("session cap: no session's share is ever above it, whatever the counts", "[curriculum]") {
  rlx::RandomStream random({.seed = 4, .purpose = rlx::Purpose::user});
  for (int round = 0; round < 60; ++round) {
    const std::size_t n = 2 + random.bounded(120);
    auto sources = make_sources(n);
    for (auto& info : sources) info.session = static_cast<std::int64_t>(random.gamma(1.0) * 8.0);  // uneven
    std::set<std::int64_t> sessions;
    for (const auto& info : sources) sessions.insert(info.session);
    const double number = static_cast<double>(sessions.size());
    const bool given = random.uniform() < 0.5;
    const double cap = given ? std::min(1.0, (1.0 + random.uniform()) / number) : std::max(0.1, 2.0 / number);
    BalancedSampler sampler(sources, {.max_session_share = given ? std::optional<double>(cap) : std::nullopt});
    for (int update = 0; update < 10; ++update) {
      double sum = 0.0;
      for (const auto& [session, share] : session_shares(sources, sampler.probabilities())) {
        REQUIRE(share <= cap + 1e-9);
        sum += share;
      }
      REQUIRE_THAT(sum, rlx_test::WithinAbs(1.0, 1e-9));
      sampler.update(finished_times(1 + random.bounded(40), random.bounded(n)));
    }
  }
}

TEST_CASE("balanced: the target is logged once and choosing goes on", "[curriculum]") {
  BalancedSampler sampler(make_sources(3), {.target_episodes = 2});
  sampler.update(finished_times(5, 0));
  sampler.update(finished_times(2, 1));
  sampler.update(finished_times(1, 2));
  REQUIRE(sampler.events().empty());
  sampler.update(finished_times(1, 2));
  REQUIRE(sampler.events().size() == 1);
  REQUIRE(sampler.events()[0] ==
          SamplerEvent{.kind = SamplerEventKind::target_reached, .reason = EndReason::episodes, .episodes = 9, .steps = 90});
  sampler.update(finished_times(9, 2));
  REQUIRE(sampler.events().size() == 1);
  REQUIRE(sampler.counts()[2] == 11);
}

TEST_CASE("balanced: sources that are not listed are not chosen and not counted", "[curriculum]") {
  auto sources = make_sources(3);
  for (auto& info : sources) info.source = 10 + 5 * info.source;
  BalancedSampler sampler(sources);
  sampler.update(finished_times(4, 11));
  sampler.update(finished_times(4, 15));
  REQUIRE(std::vector<std::uint64_t>(sampler.counts().begin(), sampler.counts().end()) == std::vector<std::uint64_t>{0, 4, 0});
  for (std::uint64_t episode = 0; episode < 300; ++episode) {
    const std::size_t source = sampler.source({1, 0, episode, 1, 21});
    REQUIRE((source == 10 || source == 15 || source == 20));
  }
}

TEST_CASE("balanced: save, load, same choices, from any thread, no allocation", "[curriculum]") {
  const BalancedConfig config{.target_episodes = 1};
  BalancedSampler sampler(make_sources(11, 5), config);
  require_pure(sampler, 11);
  for (std::size_t i = 0; i < 40; ++i) sampler.update(finished_times(1 + i % 4, i * 3 % 11));
  REQUIRE(sampler.events().size() == 1);
  require_pure(sampler, 11);
  require_resumes(sampler, BalancedSampler(make_sources(11, 5), config), 11);
  const auto bytes = state_of(sampler);
  BalancedSampler wrong(make_sources(12, 5), config);
  rlx::StateReader reader(bytes);
  REQUIRE_THROWS_AS(wrong.load_state(reader), rlx::CheckpointError);
}

TEST_CASE("balanced: wrong settings are refused", "[curriculum]") {
  REQUIRE_THROWS_AS(BalancedSampler({}), rlx::ConfigError);
  REQUIRE_THROWS_AS(BalancedSampler(make_sources(3), {.max_session_share = 0.0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(BalancedSampler(make_sources(3), {.max_session_share = 1.5}), rlx::ConfigError);
  REQUIRE_THROWS_AS(BalancedSampler(make_sources(9, 3), {.max_session_share = 0.3}), rlx::ConfigError);  // 3 x 0.3 < 1
}
