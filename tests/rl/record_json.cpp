// SPDX-License-Identifier: MIT
#include <rlx/rl/record_json.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/env/classic/pendulum.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/time_limit.hpp>

namespace {

/// A file of this test's own, removed at the end.
struct TemporaryFile {
  std::string path = "rlx_test_record.jsonl";
  ~TemporaryFile() { std::remove(path.c_str()); }
};

std::vector<nlohmann::json> lines_of(const std::string& path) {
  std::ifstream in(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("write_episode: a line per step, the metrics in the last one", "[rl]") {
  rlx::RecordEpisode env(rlx::CountEnv(2), 10);
  std::array<float, 1> row{};
  env.reset(11, row);
  for (const std::int32_t a : {3, 4}) {
    const std::array<std::int32_t, 1> action{a};
    env.step(action, row);
  }
  const TemporaryFile file;
  rlx::write_episode(file.path, env.last());
  rlx::write_episode(file.path, env.last());  // replaces
  const std::vector<nlohmann::json> lines = lines_of(file.path);
  REQUIRE(lines.size() == 3);
  REQUIRE(lines[0] == nlohmann::json::parse(R"({"step": 1, "observation": [0.0], "action": [3], "reward": 3.0,
                                                "terminated": false, "truncated": false})"));
  REQUIRE(lines[1] == nlohmann::json::parse(R"({"step": 2, "observation": [1.0], "action": [4], "reward": 4.0,
                                                "terminated": true, "truncated": false})"));
  REQUIRE(lines[2] == nlohmann::json::parse(R"({"metrics": {"steps": 2.0}, "final_observation": [2.0], "seed": 11,
                                                "source": 0, "length": 2, "steps": 2, "episode_return": 7.0})"));
}

TEST_CASE("write_episode: masks, a full record, float actions, several episodes in one file", "[rl]") {
  rlx::RecordEpisode masked(rlx::InvalidActionEnv(3, 2, 4), 2);
  rlx::RecordEpisode pendulum(rlx::TimeLimit(rlx::Pendulum(), 1), 5);
  std::array<float, 3> row{};
  std::array<std::uint8_t, 3> mask{};
  masked.reset(1, row);
  masked.action_masks(mask);
  const std::array<std::int32_t, 1> choice{1};
  for (int i = 0; i < 4; ++i) masked.step(choice, row);
  pendulum.reset(1, row);
  const std::array<float, 1> torque{0.5F};
  pendulum.step(torque, row);

  const TemporaryFile file;
  std::remove(file.path.c_str());
  {
    rlx::io::JsonlWriter out(file.path);
    rlx::write_episode(out, masked.last());
    rlx::write_episode(out, pendulum.last());
  }
  const std::vector<nlohmann::json> lines = lines_of(file.path);
  REQUIRE(lines.size() == 3 + 2);
  REQUIRE(lines[0]["mask"] == nlohmann::json(mask));
  REQUIRE(lines[2]["length"] == 4);
  REQUIRE(lines[2]["steps"] == 2);
  REQUIRE(lines[2]["metrics"] == nlohmann::json::object());
  REQUIRE(lines[3]["action"] == nlohmann::json::parse("[0.5]"));
  REQUIRE_FALSE(lines[3].contains("mask"));
  REQUIRE(lines[3]["truncated"] == true);
  REQUIRE(lines[4]["final_observation"][2].get<float>() == row[2]);

  REQUIRE_THROWS_AS(rlx::write_episode("no/such/folder/record.jsonl", masked.last()), rlx::IoError);
}
