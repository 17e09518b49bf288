// SPDX-License-Identifier: MIT
/// @file
/// @brief Events per second of the synthetic exchange on one core: the default set of 100 events, finished sessions and truth
/// included; medians of 5 runs, with and without planted edge.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include <rlx/kalshi/synthetic_session.hpp>

namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(std::min(line.find(':') + 2, line.size()));
  }
  return "unknown";
}

}  // namespace

int main() {
  using namespace rlx::kalshi;
  std::printf("{\"processor\": \"%s\", \"compiler\": \"%s\"}\n", processor().c_str(), __VERSION__);
  for (const double edge : {1.0, 0.0}) {
    SyntheticConfig config;
    config.edge = edge;
    std::array<double, 5> rates{};
    std::size_t events = 0;
    for (double& rate : rates) {
      const std::clock_t start = std::clock();  // processor time: what other programs take does not count
      const std::vector<SyntheticSession> sessions = generate_sessions(config);
      const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      events = 0;
      for (const SyntheticSession& one : sessions) events += one.session->events();
      rate = static_cast<double>(events) / seconds;
    }
    std::sort(rates.begin(), rates.end());
    std::printf(
        "{\"name\": \"kalshi generator: edge %.0f\", \"value\": %.2f, \"unit\": \"million events/s\", \"events\": %zu}\n", edge,
        rates[2] / 1e6, events);
  }
}
