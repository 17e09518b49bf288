// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/dataset.hpp>

#include "rlx_catch.hpp"

#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <rlx/io/mapped_file.hpp>

using rlx_test::ContainsSubstring;

namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

rlx::OfflineInfo small_info() {
  return {.observation_size = 1,
          .action_count = 2,
          .gamma = 0.5,
          .obs_spec_hash = "abc",
          .tags = {"calm", "bold"},
          .currency = "USD",
          .risk_names = {"drawdown"}};
}

/// Episode 7 of three rows, terminated; episode 4 of two rows, truncated.
rlx::OfflineColumns small_columns() {
  rlx::OfflineColumns c;
  c.obs = {0, 1, 2, 10, 11};
  c.final_obs = {3, 12};
  c.action = {0, 1, 0, 1, 0};
  c.reward = {1, 2, 4, 8, 16};
  c.pnl = {10, unknown, 40, 80, 160};
  c.terminated = {0, 0, 1, 0, 0};
  c.truncated = {0, 0, 0, 0, 1};
  c.mask = {1, 1, 0, 1, 1, 0, 1, 1, 1, 1};
  c.final_mask = {0, 0, 1, 0};
  c.propensity = {0.5, 1, 1, 0.25, unknown};
  c.behaviour_probs = {0.5, 0.5, 0, 1, 1, 0, 0.75, 0.25, 1, 0};
  c.tag = {0, 1, 1, 0, 0};
  c.episode = {7, 7, 7, 4, 4};
  c.ts = {100, 101, 105, 200, 300};
  c.risk = {0.0F, 0.1F, std::numeric_limits<float>::quiet_NaN(), 0.0F, 0.2F};
  return c;
}

rlx::OfflineDataset small() { return {small_info(), small_columns()}; }

std::string complaint(const rlx::OfflineColumns& columns) {
  try {
    const rlx::OfflineDataset data(small_info(), columns);
  } catch (const rlx::DataError& error) {
    return error.what();
  }
  return "no error";
}

struct TemporaryFile {
  explicit TemporaryFile(const std::string& name) : path("/tmp/rlx_" + std::to_string(::getpid()) + '_' + name) {}
  ~TemporaryFile() { ::unlink(path.c_str()); }
  std::string path;
};

template <class T>
std::string bits(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace

TEST_CASE("OfflineDataset: the next observation is the next row's, or the episode's final one", "[offline]") {
  const rlx::OfflineDataset data = small();
  REQUIRE(data.size() == 5);
  REQUIRE(data.episodes().size() == 2);
  REQUIRE(data.episodes()[0] == rlx::EpisodeRange{0, 3, 7});
  REQUIRE(data.episodes()[1] == rlx::EpisodeRange{3, 5, 4});
  REQUIRE(data.next_observation(0)[0] == 1.0F);
  REQUIRE(data.next_observation(2)[0] == 3.0F);
  REQUIRE(data.next_observation(4)[0] == 12.0F);
  REQUIRE(data.next_mask(0)[0] == 0);
  REQUIRE(data.next_mask(4)[0] == 1);
  REQUIRE(data.bootstraps(0));
  REQUIRE_FALSE(data.bootstraps(2));  // terminated
  REQUIRE(data.bootstraps(4));        // truncated
  REQUIRE(data.tag(1) == "bold");
  REQUIRE(data.episode_return(0) == 7.0);
  REQUIRE(data.episode_return(0, 0.5) == 1 + 0.5 * 2 + 0.25 * 4);
  REQUIRE(data.episode_index(3) == 1);
}

TEST_CASE("OfflineDataset: a row that is both terminated and truncated is terminated", "[offline]") {
  rlx::OfflineColumns columns = small_columns();
  columns.terminated[4] = 1;
  columns.final_mask[2] = 0;  // so its next mask need not allow anything
  const rlx::OfflineDataset data(small_info(), columns);
  REQUIRE_FALSE(data.bootstraps(4));
}

TEST_CASE("OfflineDataset: saving and loading keeps every bit", "[offline]") {
  const TemporaryFile file("dataset.safetensors"), again("dataset2.safetensors");
  rlx::OfflineColumns columns = small_columns();
  columns.propensity[4] = std::bit_cast<double>(0x7FF8000000000123ULL);  // a NaN with a payload
  rlx::OfflineInfo info = small_info();
  info.gamma = 0.1 + 0.2;
  info.tags[1] = "bold \"quoted\"";
  info.propensity_source = rlx::PropensitySource::estimated;
  const rlx::OfflineDataset data(info, columns);
  data.save(file.path);
  const rlx::OfflineDataset loaded = rlx::OfflineDataset::load(file.path);
  REQUIRE(loaded.info() == data.info());
  REQUIRE(std::bit_cast<std::uint64_t>(loaded.propensity(4)) == 0x7FF8000000000123ULL);
  const rlx::OfflineColumns &a = data.columns(), &b = loaded.columns();
  REQUIRE(bits(a.obs) == bits(b.obs));
  REQUIRE(bits(a.final_obs) == bits(b.final_obs));
  REQUIRE(bits(a.action) == bits(b.action));
  REQUIRE(bits(a.reward) == bits(b.reward));
  REQUIRE(bits(a.pnl) == bits(b.pnl));
  REQUIRE(bits(a.terminated) == bits(b.terminated));
  REQUIRE(bits(a.truncated) == bits(b.truncated));
  REQUIRE(bits(a.mask) == bits(b.mask));
  REQUIRE(bits(a.final_mask) == bits(b.final_mask));
  REQUIRE(bits(a.propensity) == bits(b.propensity));
  REQUIRE(bits(a.behaviour_probs) == bits(b.behaviour_probs));
  REQUIRE(bits(a.tag) == bits(b.tag));
  REQUIRE(bits(a.episode) == bits(b.episode));
  REQUIRE(bits(a.ts) == bits(b.ts));
  REQUIRE(bits(a.risk) == bits(b.risk));
  loaded.save(again.path);
  REQUIRE(rlx::io::read_file(file.path) == rlx::io::read_file(again.path));
}

TEST_CASE("OfflineDataset: a file of another schema, a damaged one and a missing one are told apart", "[offline]") {
  const TemporaryFile file("schema.safetensors");
  const std::vector<rlx::io::TensorView> none;
  rlx::io::write_safetensors(file.path, {{"schema_version", "9"}}, none);
  REQUIRE_THROWS_AS(rlx::OfflineDataset::load(file.path), rlx::DataError);
  try {
    rlx::OfflineDataset::load(file.path);
  } catch (const rlx::DataError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("'9'") && ContainsSubstring("'1'"));
  }
  small().save(file.path);
  std::string bytes = rlx::io::read_file(file.path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  rlx::io::write_file_atomically(file.path, std::string_view(bytes));
  REQUIRE_THROWS_AS(rlx::OfflineDataset::load(file.path), rlx::CheckpointError);
  REQUIRE_THROWS_AS(rlx::OfflineDataset::load(file.path + ".none"), rlx::IoError);
}

TEST_CASE("OfflineDataset: each fault is named with row, column and episode", "[offline]") {
  const auto with = [](auto change) {
    rlx::OfflineColumns columns = small_columns();
    change(columns);
    return complaint(columns);
  };
  using C = rlx::OfflineColumns;
  REQUIRE(with([](C&) {}) == "no error");
  REQUIRE_THAT(with([](C& c) { c.action[1] = 0; }), ContainsSubstring("row 1, column 'action', episode 7: action 0 is masked"));
  REQUIRE_THAT(with([](C& c) { c.action[3] = 2; }),
               ContainsSubstring("row 3, column 'action', episode 4: expected an action in [0, 2), found 2"));
  REQUIRE_THAT(with([](C& c) { c.propensity[0] = 0; }), ContainsSubstring("row 0, column 'propensity', episode 7"));
  REQUIRE_THAT(with([](C& c) { c.propensity[0] = 1.5; }), ContainsSubstring("found 1.5"));
  REQUIRE_THAT(with([](C& c) {
                 c.episode = {7, 4, 7, 4, 4};
               }),
               ContainsSubstring("row 2, column 'episode', episode 7: not contiguous: its rows stopped at row 0"));
  REQUIRE_THAT(with([](C& c) { c.ts[1] = 100; }), ContainsSubstring("row 1, column 'ts', episode 7: time must rise"));
  REQUIRE_THAT(with([](C& c) { c.obs[2] = std::numeric_limits<float>::infinity(); }),
               ContainsSubstring("row 2, column 'obs', episode 7: element 0 is not finite"));
  REQUIRE_THAT(with([](C& c) { c.final_obs[1] = std::numeric_limits<float>::quiet_NaN(); }),
               ContainsSubstring("row 4, column 'final_obs', episode 4"));
  REQUIRE_THAT(with([](C& c) { c.reward[2] = unknown; }), ContainsSubstring("row 2, column 'reward', episode 7"));
  REQUIRE_THAT(with([](C& c) { c.tag[4] = 2; }),
               ContainsSubstring("row 4, column 'tag', episode 4: expected an index below 2"));
  REQUIRE_THAT(with([](C& c) { c.behaviour_probs[2] = 0.5F; }),
               ContainsSubstring("action 0 has the probability 0.5 but is masked"));
  REQUIRE_THAT(with([](C& c) { c.truncated[4] = 0; }),
               ContainsSubstring("row 4, column 'truncated', episode 4: the last row of an episode must be"));
  REQUIRE_THAT(with([](C& c) { c.terminated[0] = 1; }),
               ContainsSubstring("row 0, column 'terminated', episode 7: set before the last row"));
  REQUIRE_THAT(with([](C& c) { c.final_mask[2] = 0; }),
               ContainsSubstring("row 4, column 'final_mask', episode 4: no valid action in the next observation"));
  REQUIRE_THAT(with([](C& c) { c.reward.pop_back(); }), ContainsSubstring("column 'reward': 4 entries, expected 5"));
}

TEST_CASE("OfflineDataset: all faults come in one message, the first 20 spelt out", "[offline]") {
  rlx::OfflineColumns columns;
  rlx::OfflineInfo info{.observation_size = 1, .action_count = 1};
  for (int i = 0; i < 30; ++i) {
    columns.obs.push_back(0);
    columns.action.push_back(5);
    columns.reward.push_back(0);
    columns.pnl.push_back(0);
    columns.terminated.push_back(1);
    columns.truncated.push_back(0);
    columns.mask.push_back(1);
    columns.propensity.push_back(unknown);
    columns.tag.push_back(0);
    columns.episode.push_back(i);
    columns.ts.push_back(i);
    columns.final_obs.push_back(0);
    columns.final_mask.push_back(0);
  }
  try {
    const rlx::OfflineDataset data(info, columns);
    FAIL("no error");
  } catch (const rlx::DataError& error) {
    const std::string text = error.what();
    REQUIRE_THAT(text, ContainsSubstring("30 errors, the first 20 are"));
    REQUIRE_THAT(text, ContainsSubstring("row 19, column 'action', episode 19"));
    REQUIRE_THAT(text, !ContainsSubstring("row 20,"));
  }
  info.gamma = 1.5;
  REQUIRE_THROWS_AS(rlx::OfflineDataset(info, columns), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::OfflineDataset(rlx::OfflineInfo{.observation_size = 1, .action_count = 1}, {}), rlx::DataError);
}

TEST_CASE("OfflineDataset: a policy for other observations is refused with both digests", "[offline]") {
  const rlx::OfflineDataset data = small();
  REQUIRE_NOTHROW(data.require_obs_spec("abc"));
  REQUIRE_NOTHROW(data.require_obs_spec(""));
  try {
    data.require_obs_spec("def");
    FAIL("no error");
  } catch (const rlx::DataError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("abc") && ContainsSubstring("def"));
  }
}

TEST_CASE("OfflineDataset: the filter of a tag cuts runs and keeps what follows them", "[offline]") {
  const rlx::OfflineDataset data = small();
  const rlx::OfflineDataset calm = data.filter({"calm"});
  REQUIRE(calm.size() == 3);
  REQUIRE(calm.episodes().size() == 2);
  REQUIRE(calm.truncated(0));  // the bold row follows
  REQUIRE(calm.next_observation(0)[0] == 1.0F);
  REQUIRE(calm.next_mask(0)[0] == 0);
  REQUIRE(calm.truncated(2));
  REQUIRE(calm.next_observation(2)[0] == 12.0F);
  REQUIRE(calm.columns().risk[2] == 0.2F);
  const rlx::OfflineDataset bold = data.filter({"bold"});
  REQUIRE(bold.size() == 2);
  REQUIRE(bold.terminated(1));
  REQUIRE_THROWS_AS(data.filter({"none"}), rlx::ConfigError);
  REQUIRE_THROWS_AS(calm.filter({"bold"}), rlx::ConfigError);  // the name is there, rows are not
}

TEST_CASE("OfflineDataset: select keeps whole episodes in the given order", "[offline]") {
  const rlx::OfflineDataset data = small();
  const std::vector<std::size_t> swapped = {1, 0}, twice = {0, 0}, outside = {2};
  const rlx::OfflineDataset other = data.select(swapped);
  REQUIRE(other.episodes()[0].id == 4);
  REQUIRE(other.next_observation(1)[0] == 12.0F);
  REQUIRE(other.next_observation(4)[0] == 3.0F);
  REQUIRE(other.behaviour_probs(2)[1] == 0.5F);
  REQUIRE_THROWS_AS(data.select(twice), rlx::ConfigError);
  REQUIRE_THROWS_AS(data.select(outside), rlx::ConfigError);
  REQUIRE_THROWS_AS(data.select({}), rlx::ConfigError);
}

TEST_CASE("OfflineDataset: a chronological split leaves out what the embargo covers", "[offline]") {
  rlx::OfflineBuilder builder({.observation_size = 1, .action_count = 1});
  const float zero = 0;
  const std::int64_t starts[] = {30, 0, 10, 20, 40};  // not in the order of time
  for (std::int64_t e = 0; e < 5; ++e) {
    for (std::int64_t t = 0; t < 2; ++t) {
      builder.add(e, {.observation = {&zero, 1}, .truncated = t == 1, .ts = starts[e] + 5 * t});
    }
    builder.end_episode({&zero, 1});
  }
  const rlx::OfflineDataset data = builder.build();
  const auto ids = [](const rlx::OfflineDataset& part) {
    std::vector<std::int64_t> list;
    for (const auto& episode : part.episodes()) list.push_back(episode.id);
    return list;
  };
  const auto [early, late] = data.split_chronological(0.6, 0);
  REQUIRE(ids(early) == std::vector<std::int64_t>{1, 2, 3});
  REQUIRE(ids(late) == std::vector<std::int64_t>{0, 4});
  const auto [purged, rest] = data.split_chronological(0.6, 6);  // episode 3 ends at 25, the late part begins at 30
  REQUIRE(ids(purged) == std::vector<std::int64_t>{1, 2});
  REQUIRE(ids(rest) == std::vector<std::int64_t>{0, 4});
  REQUIRE_THROWS_AS(data.split_chronological(0.6, 1'000), rlx::ConfigError);
  REQUIRE_THROWS_AS(data.split_chronological(0.99, 0), rlx::ConfigError);
  REQUIRE_THROWS_AS(data.split_chronological(1.0, 0), rlx::ConfigError);
  REQUIRE_THROWS_AS(data.split_chronological(0.5, -1), rlx::ConfigError);
}

TEST_CASE("OfflineBuilder: spans of another length are refused, missing masks allow everything", "[offline]") {
  rlx::OfflineBuilder builder({.observation_size = 2, .action_count = 3, .tags = {}});
  const std::vector<float> row = {1, 2}, longer = {1, 2, 3};
  const std::vector<std::uint8_t> mask = {1, 0};
  REQUIRE_THROWS_AS(builder.add(0, {.observation = longer}), rlx::ShapeError);
  REQUIRE_THROWS_AS(builder.add(0, {.observation = row, .mask = mask}), rlx::ShapeError);
  builder.add(0, {.observation = row, .action = 2, .truncated = true, .tag = "new"});
  REQUIRE_THROWS_AS(builder.end_episode(longer), rlx::ShapeError);
  builder.end_episode(row);
  const rlx::OfflineDataset data = builder.build();
  REQUIRE(data.mask(0)[1] == 1);
  REQUIRE(data.tag(0) == "new");
  REQUIRE(std::isnan(data.propensity(0)));
  REQUIRE_FALSE(data.has_behaviour_probs());
}
