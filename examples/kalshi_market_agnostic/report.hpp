// SPDX-License-Identifier: MIT
/// @file
/// @brief The HTML report of train and evaluate.
#ifndef KALSHI_MARKET_AGNOSTIC_REPORT_HPP
#define KALSHI_MARKET_AGNOSTIC_REPORT_HPP

#include "scoring.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace app {

struct ReportInput {
  std::string title, subtitle, verdict;
  std::vector<PolicyRow> rows;  ///< the first one is the agent
  std::size_t judged = 0;       ///< the row that the verdict is about
  std::string bias;             ///< why these views give no verdict; empty: they do
  std::optional<kalshi::EvaluationTable> train;
  kalshi::TrainingHistory history;
  std::vector<kalshi::Check> checks;
  std::vector<kalshi::FillSensitivity> sensitivity;
  std::vector<std::pair<std::string, std::string>> details;  ///< folded texts
  std::vector<std::string> command_line;
};

/// @throws IoError
void write_report(const std::string& path, const ReportInput& input);

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_REPORT_HPP
