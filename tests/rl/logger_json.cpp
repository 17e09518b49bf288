// SPDX-License-Identifier: MIT
#include <rlx/rl/logger_json.hpp>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <unistd.h>

#include "rlx_catch.hpp"

TEST_CASE("One object per dump and per episode", "[rl][logger_json]") {
  const std::string stem = "/tmp/rlx_test_jsonl_" + std::to_string(::getpid());
  {
    rlx::Logger logger;
    logger.add<rlx::JsonlOutput>(stem + "_p.jsonl", stem + "_e.jsonl");
    logger.open(5.0);
    logger.record("train/loss", 0.5);
    logger.record("bad", std::numeric_limits<double>::quiet_NaN());
    logger.dump(7, 6.0);
    rlx::EpisodeRecord record;
    record.number = 3;
    record.statistics.episode_return = 1.5;
    record.statistics.num_metrics = 1;
    record.statistics.metrics[0] = 9.0;
    logger.episode(record);
  }
  const auto line = [](const std::string& path) {
    std::ifstream file(path);
    std::string text;
    std::getline(file, text);
    return nlohmann::json::parse(text);
  };
  const auto progress = line(stem + "_p.jsonl");
  REQUIRE(progress["step"] == 7);
  REQUIRE(progress["train/loss"] == 0.5);
  REQUIRE(progress["bad"].is_null());
  const auto episode = line(stem + "_e.jsonl");
  REQUIRE(episode["number"] == 3);
  REQUIRE(episode["return"] == 1.5);
  REQUIRE(episode["metrics"][0] == 9.0);

  const auto lines_after = [&](bool append) {
    {
      rlx::JsonlOutput output(stem + "_p.jsonl", {}, append);
      const std::map<std::string, double, std::less<>> values;
      output.write({8, 7.0, &values});
    }
    std::ifstream file(stem + "_p.jsonl");
    std::string text;
    int lines = 0;
    while (std::getline(file, text)) ++lines;
    return lines;
  };
  REQUIRE(lines_after(true) == 2);
  REQUIRE(lines_after(false) == 1);
  std::remove((stem + "_p.jsonl").c_str());
  std::remove((stem + "_e.jsonl").c_str());
}

TEST_CASE("Lines are cut back to the step of the checkpoint that a killed run is resumed from", "[rl][logger_json]") {
  const std::string path = "/tmp/rlx_test_killed_" + std::to_string(::getpid()) + ".jsonl";
  const std::string kept = "{\"number\":1,\"step\":8}\n{\"number\":2,\"step\":8}\n";
  const auto resumed = [&](const std::string& lines, std::uint64_t step) {
    std::ofstream(path) << lines;
    rlx::JsonlOutput({}, path, true, step).open(0.0);
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  CHECK(resumed(kept + "{\"number\":3,\"step\":16}\n{\"number\":4,\"st", 8) == kept);
  CHECK(resumed(kept, 7).empty());
  CHECK(resumed(kept, 16) == kept);
  CHECK(resumed(kept, rlx::every_step) == kept);
  std::remove(path.c_str());
}
