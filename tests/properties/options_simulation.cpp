// SPDX-License-Identifier: MIT
// The whole agent against an exchange and a disk that fail: seeded scenarios, checked at the venue and not only in the log.
#include "options/fault_scenario.hpp"

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>

#include "rlx_catch.hpp"

namespace {

constexpr std::uint64_t scenarios = 10'000;

// Seeds that failed once.
constexpr std::uint64_t regressions[] = {5540, 7008, 7184, 9360};

}  // namespace

TEST_CASE("The agent keeps its promises at an exchange that loses, doubles and delays, on a disk that tears and ends") {
  rlx_test::ScenarioTally tally;
  const char* const only = std::getenv("RLX_SIMULATION_SEED");
  const char* const count = std::getenv("RLX_SIMULATION_SCENARIOS");
  const std::uint64_t most = count != nullptr ? std::strtoull(count, nullptr, 10) : scenarios;
  const auto run = [&](std::uint64_t seed) {
    std::string fault;
    try {
      fault = rlx_test::FaultScenario(seed, tally).run();
    } catch (const std::exception& error) {
      fault = std::string("exception: ") + error.what();
    }
    if (!fault.empty()) FAIL_CHECK("seed " << seed << " (RLX_SIMULATION_SEED=" << seed << "): " << fault);
    return fault.empty();
  };
  if (only != nullptr) {
    run(std::strtoull(only, nullptr, 10));
    return;
  }
  for (const std::uint64_t seed : regressions) run(seed);
  int failures = 0;
  for (std::uint64_t seed = 1; seed <= most && failures < 10; ++seed) failures += run(seed) ? 0 : 1;
  // The scenarios are worth nothing where nothing happens.
  CAPTURE(tally.ticks, tally.orders, tally.fills, tally.crashes, tally.kills, tally.halts, tally.wrong_flags, tally.doubles,
          tally.settled, tally.log_faults);
  if (most >= scenarios) {
    CHECK(tally.orders > 50'000);
    CHECK(tally.crashes > 1'000);
    CHECK(tally.wrong_flags > 20);
    CHECK(tally.rolls > 100);
    CHECK(tally.settled > 1'000);
  }
  if (std::getenv("RLX_SIMULATION_TALLY") != nullptr) {
    WARN("ticks " << tally.ticks << " orders " << tally.orders << " fills " << tally.fills << " crashes " << tally.crashes
                  << " kills " << tally.kills << " halts " << tally.halts << " wrong flags " << tally.wrong_flags << " doubles "
                  << tally.doubles << " settled " << tally.settled << " closes " << tally.rolls << " log faults "
                  << tally.log_faults);
  }
}
