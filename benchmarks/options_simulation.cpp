// SPDX-License-Identifier: MIT
/// @file
/// @brief Processor seconds of 10,000 seeded scenarios of the agent at an exchange that loses, doubles and delays, on a disk
/// that tears and ends: those of tests/properties/options_simulation.cpp. Exit code 1 if one breaks a promise.
///
/// Usage: options_simulation [scenarios]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "common.hpp"
#include "options/fault_scenario.hpp"

int main(int argc, char** argv) {
  const std::uint64_t scenarios = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000;
  rlx_test::ScenarioTally tally;
  bool good = true;
  const double start = bench::cpu_seconds();
  for (std::uint64_t seed = 1; seed <= scenarios; ++seed) {
    const std::string fault = rlx_test::FaultScenario(seed, tally).run();
    if (fault.empty()) continue;
    good = false;
    std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed), fault.c_str());
  }
  bench::print("options_simulation", bench::cpu_seconds() - start, "s",
               bench::member("scenarios", static_cast<double>(scenarios)) + ", " +
                   bench::member("orders", static_cast<double>(tally.orders)));
  return good ? 0 : 1;
}
