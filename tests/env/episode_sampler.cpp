// SPDX-License-Identifier: MIT
#include <rlx/env/episode_sampler.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace {

struct Learning {
  std::uint64_t seen = 0;
  std::size_t source(const rlx::EpisodeKey& key) const { return static_cast<std::size_t>(seen % key.num_sources); }
  void update(std::span<const rlx::EpisodeStatistics> done) { seen += done.size(); }
  void save_state(rlx::StateWriter& writer) const { writer.write(seen); }
  void load_state(rlx::StateReader& reader) { seen = reader.read<std::uint64_t>(); }
};
struct Forgetful {  // cannot be saved
  std::size_t source(const rlx::EpisodeKey&) const { return 0; }
  void update(std::span<const rlx::EpisodeStatistics>) {}
};
struct Impure : Learning {
  std::size_t source(const rlx::EpisodeKey&) { return seen++; }
};

static_assert(rlx::EpisodeSampler<Learning> && rlx::EpisodeSampler<rlx::CyclingSampler>);
static_assert(rlx::EpisodeSampler<rlx::AnyEpisodeSampler>);
static_assert(!rlx::EpisodeSampler<Forgetful> && !rlx::EpisodeSampler<Impure>);

}  // namespace

TEST_CASE("CyclingSampler: all environments together pass every source in turn", "[env]") {
  const rlx::CyclingSampler sampler;
  std::array<int, 7> counts{};
  for (std::uint64_t episode = 0; episode < 7; ++episode) {
    for (std::size_t env = 0; env < 3; ++env) ++counts[sampler.source({1, env, episode, 3, 7})];
  }
  for (const int c : counts) REQUIRE(c == 3);
  REQUIRE(sampler.source({1, 2, 0, 3, 7}) == 2);
  REQUIRE(sampler.source({1, 0, 1, 3, 7}) == 3);
}

TEST_CASE("AnyEpisodeSampler: holds any model, copies its state, saves and loads it", "[env]") {
  rlx::AnyEpisodeSampler sampler{Learning{}};
  const rlx::EpisodeKey key{0, 0, 0, 1, 10};
  REQUIRE(sampler.source(key) == 0);
  sampler.update(std::vector<rlx::EpisodeStatistics>(3));
  REQUIRE(sampler.source(key) == 3);
  rlx::AnyEpisodeSampler copy = sampler;
  copy.update(std::vector<rlx::EpisodeStatistics>(1));
  REQUIRE(copy.source(key) == 4);
  REQUIRE(sampler.source(key) == 3);

  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  copy.save_state(writer);
  rlx::StateReader reader(bytes);
  sampler.load_state(reader);
  reader.expect_end();
  REQUIRE(sampler.source(key) == 4);
  sampler = rlx::AnyEpisodeSampler();
  REQUIRE(sampler.source({0, 1, 0, 4, 10}) == 1);
  const rlx::AnyEpisodeSampler moved = std::move(copy);
  REQUIRE(moved.source(key) == 4);
}

TEST_CASE("AnyEpisodeSampler: target shows the sampler that is held, by its type", "[env]") {
  rlx::AnyEpisodeSampler sampler{Learning{}};
  sampler.update(std::vector<rlx::EpisodeStatistics>(2));
  REQUIRE(std::as_const(sampler).target<Learning>()->seen == 2);
  REQUIRE(sampler.target<rlx::CyclingSampler>() == nullptr);
  sampler.target<Learning>()->seen = 5;
  REQUIRE(sampler.source({0, 0, 0, 1, 10}) == 5);
}
