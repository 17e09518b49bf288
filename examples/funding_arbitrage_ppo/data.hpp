// SPDX-License-Identifier: MIT
/// @file
/// @brief From flags to markets: files, converted files or the embedded generator, cut to --start and --end, split by time.
#ifndef FUNDING_ARBITRAGE_PPO_DATA_HPP
#define FUNDING_ARBITRAGE_PPO_DATA_HPP

#include "options.hpp"
#include "scoring.hpp"

#include <rlx/funding/data_report.hpp>
#include <rlx/funding/split.hpp>

#include <string>
#include <vector>

namespace app {

/// Everything that trading happens on: one tape of real data, or several synthetic ones of equal length.
struct Data {
  std::vector<Market> markets;
  funding::Window range;             ///< steps between --start and --end
  std::vector<funding::Fold> folds;  ///< of `range`, in steps of the tape; empty for `infer --window all`
  std::string sha256;                ///< of all tapes together
  std::string venues_sha256;
};

/// Builtin venues, with the file of --venues-path on top.
funding::VenueTable load_venues(const Options& o);

/// The tapes alone, unsplit. @throws DataError, ConfigError
std::vector<Market> load_markets(const Options& o);

/// The tapes, split. @throws DataError, ConfigError (too short, no eligible pair)
Data load_data(const Options& o);

/// The window by the name of --window; of several folds, the last one's.
funding::Window window_of(const Data& data, const std::string& name);

/// Refuses windows of the folds in which nothing could be traded, before any time goes into training.
/// @throws ConfigError naming the window, its times and the reasons
void check_windows(const Options& o, const Data& data);

/// The environment that the flags describe, without a window.
funding::EnvironmentConfig environment_config(const Options& o);

/// The seed's data block: path, number of opportunities, date range, required columns.
std::string data_block(const Options& o, const Data& data);

/// A finding and its advice as one line.
std::string to_line(const funding::DataWarning& warning);

/// The warnings of the data report, one line each; to stderr where --quiet leaves stdout to tables.
void print_warnings(const Options& o, const Data& data);

/// Commands.
int generate_data(const Options& o);
int validate_data(const Options& o);

}  // namespace app

#endif  // FUNDING_ARBITRAGE_PPO_DATA_HPP
