// SPDX-License-Identifier: MIT
#include <rlx/rl/logger.hpp>

#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/finite.hpp>

#include "rlx_catch.hpp"

namespace {

/// An output of a user's own, that writes down what it is told.
class Diary final : public rlx::LogOutput {
 public:
  explicit Diary(std::vector<std::string>& lines) : lines_(&lines) {}
  void open(double wall_time) override { lines_->push_back("open " + std::to_string(static_cast<int>(wall_time))); }
  void write(const rlx::LogRow& row) override {
    std::string line = "step " + std::to_string(row.step);
    for (const auto& [key, value] : *row.values) line += ' ' + key + '=' + std::to_string(static_cast<int>(value));
    lines_->push_back(line + (rlx::is_finite(row.at("missing")) ? " found" : " none"));
  }
  void episode(const rlx::EpisodeRecord& record) override { lines_->push_back("episode " + std::to_string(record.number)); }
  void warning(std::string_view text) override { lines_->push_back("warning " + std::string(text)); }

 private:
  std::vector<std::string>* lines_;
};

}  // namespace

TEST_CASE("The last number and the mean", "[rl][logger]") {
  rlx::Logger logger;
  logger.record("a", 1.0);
  logger.record("a", 2.0);
  logger.record_mean("b", 1.0);
  logger.record_mean("b", 4.0);
  REQUIRE(logger.value("a") == 2.0);
  REQUIRE(logger.value("b") == 2.5);
  REQUIRE(!rlx::is_finite(logger.value("c")));
  logger.dump(10, 0.0);
  REQUIRE(logger.value("b") == 2.5);
  logger.record_mean("b", 7.0);
  REQUIRE(logger.value("b") == 7.0);
}

TEST_CASE("Every output is told everything, in order, and a dump forgets what it wrote", "[rl][logger]") {
  std::vector<std::string> lines, others;
  rlx::Logger logger;
  logger.add<Diary>(lines);
  logger.add<Diary>(others);
  logger.open(7.0);
  logger.warning("slow");
  logger.episode({.number = 3});
  logger.record("b", 2.0);
  logger.record("a", 1.0);
  logger.dump(10, 0.0);
  logger.record("b", 4.0);
  logger.dump(20, 0.0);
  REQUIRE(lines == std::vector<std::string>{"open 7", "warning slow", "episode 3", "step 10 a=1 b=2 none", "step 20 b=4 none"});
  REQUIRE(others == lines);
}
