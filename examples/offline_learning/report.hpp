// SPDX-License-Identifier: MIT
#ifndef EXAMPLES_OFFLINE_LEARNING_REPORT_HPP
#define EXAMPLES_OFFLINE_LEARNING_REPORT_HPP

#include "settings.hpp"

#include <rlx/risk/bootstrap.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace app {

/// What one seed found: returns of the same judged episodes, policy by policy: behaviour, BC, its mode, CQL, IQL.
struct Judged {
  std::vector<std::string> names;
  std::vector<std::vector<double>> returns;
};

std::string interval_text(const rlx::risk::Interval& interval);

/// Prints the table of returns and that of their differences. @param judged  episodes that each policy played for a seed
void print_report(const Settings& s, const std::vector<Judged>& results, std::size_t judged);

}  // namespace app

#endif  // EXAMPLES_OFFLINE_LEARNING_REPORT_HPP
