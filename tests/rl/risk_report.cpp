// SPDX-License-Identifier: MIT
#include <rlx/rl/risk_report.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <vector>

#include <rlx/core/error.hpp>

TEST_CASE("RiskReport: is logged under risk/ and saved", "[rl][risk]") {
  rlx::RiskReport report;
  REQUIRE(std::isnan(report.var));
  report = {.var = 1, .cvar = 2, .tail_episodes = 3, .uncredited_fraction = 0.25, .weight = 5};
  rlx::Logger logger;
  report.record(logger);
  REQUIRE(logger.value("risk/var") == 1);
  REQUIRE(logger.value("risk/cvar") == 2);
  REQUIRE(logger.value("risk/tail_episodes") == 3);
  REQUIRE(logger.value("risk/uncredited_fraction") == 0.25);
  REQUIRE(logger.value("risk/weight") == 5);

  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  report.save_state(writer);
  rlx::RiskReport copy;
  rlx::StateReader reader(bytes);
  copy.load_state(reader);
  reader.expect_end();
  REQUIRE(copy.uncredited_fraction == 0.25);
  REQUIRE(copy.weight == 5);
  bytes.pop_back();
  rlx::StateReader torn(bytes);
  REQUIRE_THROWS_AS(copy.load_state(torn), rlx::CheckpointError);
}
