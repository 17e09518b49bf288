// SPDX-License-Identifier: MIT
/// @file
/// @brief What the program does: one function per command, each returns the exit code.
#ifndef FUNDING_ARBITRAGE_PPO_COMMANDS_HPP
#define FUNDING_ARBITRAGE_PPO_COMMANDS_HPP

#include "data.hpp"
#include "options.hpp"
#include "scoring.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace app {

int train(const Options& o);
int evaluate(const Options& o);
int infer(const Options& o);

/// A policy or checkpoint whose observation layout is this program's. @throws CheckpointError
rlx::InferencePolicy load_policy(const std::string& path);

/// Agents beside the baselines under every configuration of the flags (the panel with --sample-random-config).
std::vector<ScoreTable> judge(const std::vector<NamedAgent>& agents, const Data& data, const funding::Fold& fold,
                              const funding::Window& window, const Options& o, rlx::ThreadPool& threads);

/// What all commands that score share about a table.
ScoreConfig score_config(const Options& o);

/// Prints the tables; then come the notes, and the verdict is the last line.
void print_tables(const std::vector<ScoreTable>& tables);
void print_notes(const std::vector<ScoreTable>& tables);
void print_verdict(const std::vector<ScoreTable>& tables);

/// The agent's closed positions as CSV. @throws IoError
void write_trades(const std::string& path, const ScoreTable& table, const std::vector<Market>& markets);

/// Makes the folder of an output file and fails where nothing could be written, before the work and not after it.
/// An empty path is no output. @throws IoError
void prepare_output(const char* flag, const std::string& path);

struct ReportInput;

/// What every report shows: tables, split, data, command line.
void fill_report(ReportInput& input, const Options& o, const Data& data, const std::vector<ScoreTable>& tables);

/// Figures of a table for run.json and the report.
nlohmann::json to_json(const ScoreTable& table);

/// Threads to use: the flag, or all of the machine.
std::size_t thread_count(const Options& o);

}  // namespace app

#endif  // FUNDING_ARBITRAGE_PPO_COMMANDS_HPP
