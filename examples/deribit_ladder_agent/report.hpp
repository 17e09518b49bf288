// SPDX-License-Identifier: MIT
/// @file
/// @brief Dataset and report of a log, as the commands and `replay` write them.
#ifndef DERIBIT_LADDER_AGENT_REPORT_HPP
#define DERIBIT_LADDER_AGENT_REPORT_HPP

#include "options.hpp"

#include <rlx/options/profile_report.hpp>
#include <rlx/options/training_dataset.hpp>

#include <span>
#include <string>

namespace app {

/// One file of a dataset, whole or not at all; `-` is standard output.
void write_dataset(const std::string& path, std::span<const opt::TrainingExample> examples, opt::ExportFormat format);

/// The tables on standard output, the answer to "aggressive against conservative" last; files where named.
void write_report(const std::string& log, std::span<const opt::TrainingExample> examples, const std::string& json,
                  const std::string& html);

}  // namespace app

#endif  // DERIBIT_LADDER_AGENT_REPORT_HPP
