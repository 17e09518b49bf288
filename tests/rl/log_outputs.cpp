// SPDX-License-Identifier: MIT
#include <rlx/rl/log_outputs.hpp>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <unistd.h>

#include <rlx/rl/logger.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("The table has a section per part", "[rl][log_outputs]") {
  std::ostringstream out;
  rlx::Logger logger;
  logger.add<rlx::ConsoleTable>(out);
  logger.record("train/loss", 0.25);
  logger.record("rollout/ep_rew_mean", 200.0);
  logger.record("train/explained_variance", std::numeric_limits<double>::quiet_NaN());
  logger.dump(1, 0.0);
  REQUIRE(out.str() ==
          "----------------------------------\n"
          "| rollout/              |        |\n"
          "|    ep_rew_mean        | 200    |\n"
          "| train/                |        |\n"
          "|    explained_variance | nan    |\n"
          "|    loss               | 0.2500 |\n"
          "----------------------------------\n");
}

TEST_CASE("The episode line is the seed's", "[rl][log_outputs]") {
  REQUIRE(rlx::EpisodeLine::line(2, -2.61, 3.08, 2.80) == "Episode 2:   Reward: -2.61   | Loss: 3.08  | Entropy: 2.80");
  REQUIRE(rlx::EpisodeLine::line(10, 3.92, 4.24, 2.27) == "Episode 10:  Reward: 3.92    | Loss: 4.24  | Entropy: 2.27");
  REQUIRE(rlx::EpisodeLine::line(4, -96.71, 377.56, 3.22) == "Episode 4:   Reward: -96.71  | Loss: 377.56 | Entropy: 3.22");
  std::ostringstream out;
  rlx::Logger logger;
  logger.add<rlx::EpisodeLine>(out, 2);
  for (std::uint64_t n = 1; n <= 4; ++n) logger.episode({.number = n, .loss = 1.0, .entropy = 0.5});
  REQUIRE(out.str() ==
          "Episode 2:   Reward: 0.00    | Loss: 1.00  | Entropy: 0.50\nEpisode 4:   Reward: 0.00    | Loss: 1.00  | Entropy: "
          "0.50\n");
}

TEST_CASE("CSV grows when a key appears later", "[rl][log_outputs]") {
  const std::string path = "/tmp/rlx_test_log_" + std::to_string(::getpid()) + ".csv";
  {
    rlx::Logger logger;
    logger.add<rlx::CsvOutput>(path);
    logger.open(0.0);
    logger.record("a", 1.5);
    logger.dump(1, 0.0);
    logger.record("a", std::numeric_limits<double>::infinity());
    logger.dump(2, 0.0);
    logger.record("b", 3.0);
    logger.dump(3, 0.0);
    logger.record("a", 4.0);
    logger.dump(4, 0.0);
  }
  REQUIRE(read(path) == "time/total_timesteps,a,b\n1,1.5,\n2,nan,\n3,,3\n4,4,\n");
  std::remove(path.c_str());
  rlx::Logger logger;
  logger.add<rlx::CsvOutput>("/nonexistent/log.csv");
  REQUIRE_THROWS_AS(logger.open(0.0), rlx::IoError);
}

TEST_CASE("CSV is appended to: a resumed run keeps its rows, a new one begins anew", "[rl][log_outputs]") {
  const std::string path = "/tmp/rlx_test_resumed_" + std::to_string(::getpid()) + ".csv";
  const auto dump = [&](std::uint64_t step, const char* key, bool append) {
    rlx::Logger logger;
    logger.add<rlx::CsvOutput>(path, append);
    logger.open(0.0);
    logger.open(0.0);  // a second `learn` with the same logger
    logger.record(key, 0.5);
    logger.dump(step, 0.0);
  };
  dump(1, "a", true);
  dump(2, "b", true);
  REQUIRE(read(path) == "time/total_timesteps,a,b\n1,0.5,\n2,,0.5\n");
  std::ofstream(path, std::ios::app) << "3,0.";  // the process was killed within this row
  dump(3, "a", true);
  REQUIRE(read(path) == "time/total_timesteps,a,b\n1,0.5,\n2,,0.5\n3,0.5,\n");
  dump(4, "c", false);
  REQUIRE(read(path) == "time/total_timesteps,c\n4,0.5\n");
  std::ofstream(path) << "name,price\n";
  REQUIRE_THROWS_WITH(dump(5, "a", true), ContainsSubstring("name another file"));
  REQUIRE(read(path) == "name,price\n");
  std::remove(path.c_str());
}

TEST_CASE("CSV is cut back to the step of the checkpoint that a killed run is resumed from", "[rl][log_outputs]") {
  const std::string path = "/tmp/rlx_test_killed_" + std::to_string(::getpid()) + ".csv";
  const std::string header = "time/total_timesteps,a\n";
  const auto resumed_at = [&](std::uint64_t step, const std::string& rows) {
    std::ofstream(path) << header << rows;
    rlx::CsvOutput(path, true, step).open(0.0);
    return read(path);
  };
  CHECK(resumed_at(2, "1,0.5\n2,0.5\n3,0.5\n4,0.5\n5,0.") == header + "1,0.5\n2,0.5\n");
  CHECK(resumed_at(1'000'000, "999999,0.5\n1e+06,0.5\n1000001,0.5\n") == header + "999999,0.5\n1e+06,0.5\n");
  CHECK(resumed_at(0, "1,0.5\n") == header);
  CHECK(resumed_at(9, "1,0.5\n") == header + "1,0.5\n");
  CHECK(resumed_at(rlx::every_step, "1,0.5\n8,0.5\n9,0.") == header + "1,0.5\n8,0.5\n");
  std::remove(path.c_str());
}

TEST_CASE("TensorBoard gets the keys as tags", "[rl][log_outputs]") {
  const std::string directory = "/tmp/rlx_test_tb_" + std::to_string(::getpid());
  {
    rlx::Logger logger;
    logger.add<rlx::TensorBoardOutput>(directory);
    logger.open(1000.0);
    logger.record("train/loss", 0.5);
    logger.record("train/explained_variance", std::numeric_limits<double>::quiet_NaN());
    logger.dump(7, 1001.0);  // no episode ended: no histogram
    logger.episode({.number = 1});
    logger.dump(8, 1002.0);
    logger.dump(9, 1003.0);  // nor since
  }
  const std::string path = directory + "/events.out.tfevents.1000.rlx";
  const std::string bytes = read(path);
  REQUIRE_THAT(bytes, ContainsSubstring("brain.Event:2"));
  REQUIRE_THAT(bytes, ContainsSubstring("train/loss"));
  REQUIRE(bytes.find("train/explained_variance") == std::string::npos);
  const std::size_t histogram = bytes.find("rollout/ep_rew");
  REQUIRE(histogram != std::string::npos);
  REQUIRE(bytes.find("rollout/ep_rew", histogram + 1) == std::string::npos);
  std::remove(path.c_str());
  ::rmdir(directory.c_str());
}
