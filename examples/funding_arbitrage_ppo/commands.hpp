// SPDX-License-Identifier: MIT
/// @file
/// @brief What the program does: one function per command, each returns the exit code.
#ifndef FUNDING_ARBITRAGE_PPO_COMMANDS_HPP
#define FUNDING_ARBITRAGE_PPO_COMMANDS_HPP

#include "data.hpp"
#include "options.hpp"
#include "report.hpp"
#include "scoring.hpp"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>
#include <vector>

namespace app {

int train(const Options& o);
int frontier(const Options& o);
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

/// How the hysteresis rule of a table was tuned, in words.
std::string tuning(const ScoreTable& table);

/// Runs the sensitivity of the agent under the configuration of the headline table, and prints it.
Sensitivity judge_sensitivity(const std::vector<JudgedModel>& models, const ScoreTable& headline, const Data& data,
                              const Options& o, rlx::ThreadPool& threads);

/// The agent's closed positions as CSV, with their configuration, fold and tape (both counted from 1). @throws IoError
void write_trades(const std::string& path, const std::vector<ScoreTable>& tables, const std::vector<Market>& markets);

/// Texts for a model's checkpoint: the data that its training and its choice saw.
std::map<std::string, std::string> known_data(const Options& o, const Data& data, const funding::Fold& fold);

/// What to say of a model that knows the window from its training or its choice; empty if it does not, or does not tell.
std::string overlap_with_training(const rlx::InferencePolicy& policy, const Options& o, const Data& data,
                                  const funding::Window& window);

/// The same as one line on stderr.
void warn_of_overlap(const std::string& overlap);

/// Makes the folder of an output file and fails where nothing could be written, before the work and not after it.
/// An empty path is no output. @throws IoError
void prepare_output(const char* flag, const std::string& path);

/// What every report shows: tables, split, data, command line.
void fill_report(ReportInput& input, const Options& o, const Data& data, const std::vector<ScoreTable>& tables);

/// Figures for JSON files and the report.
nlohmann::json to_json(const ScoreTable& table);
nlohmann::json to_json(const std::vector<ScoreTable>& tables);
nlohmann::json to_json(const Sensitivity& sensitivity);

/// Threads to use: the flag, or all of the machine.
std::size_t thread_count(const Options& o);

}  // namespace app

#endif  // FUNDING_ARBITRAGE_PPO_COMMANDS_HPP
