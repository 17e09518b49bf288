// SPDX-License-Identifier: MIT
// Runs learning gates (tests/learning) and prints each as a JSON line and as a row of a table.
//
// Usage: benchmark_learning_gates [--threads N] [--list | --head] [NAME...]     no name: all of them; --head: the table's head
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "learning/gate.hpp"

int main(int argc, char** argv) try {
  const std::vector<rlx_learning::Gate> gates = rlx_learning::all_gates();
  std::size_t threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--list") == 0) {
      for (const auto& gate : gates) std::printf("%s\n", gate.name.c_str());
      return 0;
    }
    if (std::strcmp(argv[i], "--head") == 0) {
      std::printf("%s", rlx_learning::table_head().c_str());
      return 0;
    }
    if (std::strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
      threads = std::max(1UL, std::strtoul(argv[++i], nullptr, 10));
    } else {
      names.emplace_back(argv[i]);
    }
  }
  for (const std::string& name : names) {
    if (std::none_of(gates.begin(), gates.end(), [&](const auto& gate) { return gate.name == name; })) {
      std::fprintf(stderr, "unknown gate '%s'; --list shows all\n", name.c_str());
      return 2;
    }
  }
  bool passed = true;
  for (const auto& gate : gates) {
    if (!names.empty() && std::find(names.begin(), names.end(), gate.name) == names.end()) continue;
    const rlx_learning::GateResult result = rlx_learning::run_gate(gate, threads);
    std::printf("%s\n%s\n", rlx_learning::json_line(gate, result).c_str(), rlx_learning::table_row(gate, result).c_str());
    std::fflush(stdout);
    passed = passed && result.passed;
  }
  return passed ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 2;
}
