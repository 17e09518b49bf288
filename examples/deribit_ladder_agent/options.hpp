// SPDX-License-Identifier: MIT
/// @file
/// @brief The flags of the program, and the settings of the agent behind them.
#ifndef DERIBIT_LADDER_AGENT_OPTIONS_HPP
#define DERIBIT_LADDER_AGENT_OPTIONS_HPP

#include "common/usage_error.hpp"

#include <rlx/options/settings_json.hpp>
#include <rlx/options/training_profile.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace app {

namespace opt = rlx::options;

enum class Command { run, replay, export_dataset, report, verify, train };

struct Options {
  Command command = Command::run;

  // market: recorded chains, or the synthetic one
  std::vector<std::string> chain;  ///< files of chains
  std::string index;               ///< file of index samples
  std::uint64_t data_seed = 0;
  double step_minutes = 0.0;    ///< of the synthetic chain; 0: the default of the command
  std::size_t snapshots = 944;  ///< of the synthetic chain
  double planted_edge = 0.0;    ///< share by which calls of the moderate band sell above what they are worth

  // agent
  std::string venue = "paper";
  std::uint64_t ticks = 0;  ///< 0: 288 on the synthetic chain, else to the end
  std::string settings, profiles, log_dir;

  // a log
  std::string log;  ///< folder
  std::string output, format = "csv", table = "legs";
  std::string json, html;

  // training
  std::uint64_t total_steps = 400'000;
  std::size_t n_envs = 8;
  double train_share = 0.6;
  double learning_rate = 3e-4, gamma = 0.9, ent_coef = 0.003;
  std::uint64_t seed = 1;
  std::size_t threads = 0;  ///< 0: as many as the machine has

  bool quiet = false;
  std::vector<std::string> command_line;

  std::size_t thread_count() const;
};

/// @throws UsageError for an unknown flag, command or value, with the nearest name suggested.
/// @return nothing when help or the version was asked for; it has been printed then.
std::optional<Options> parse_options(int argc, char** argv);

/// What decides and what it is told: environment over --settings over defaults, --log-dir over all of them.
struct Agent {
  opt::Settings settings;
  opt::TrainingProfiles profiles;
  opt::EnvironmentVariables environment;  ///< of the process
};

/// On the paper venue nothing is a dry run unless DRY_RUN or the file says so, and every run gets a folder of its own unless
/// one is named. @throws ConfigError with every fault; SafetyError for a host, environment and training mode that disagree
Agent load_agent(const Options& o);

}  // namespace app

#endif  // DERIBIT_LADDER_AGENT_OPTIONS_HPP
