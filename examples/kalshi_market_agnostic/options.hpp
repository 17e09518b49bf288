// SPDX-License-Identifier: MIT
/// @file
/// @brief The flags of the program: one plain struct, filled from the command line and an optional JSON file.
#ifndef KALSHI_MARKET_AGNOSTIC_OPTIONS_HPP
#define KALSHI_MARKET_AGNOSTIC_OPTIONS_HPP

#include "command_line.hpp"

#include <rlx/kalshi/synthetic_session.hpp>
#include <rlx/kalshi/view_filter.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace app {

namespace kalshi = rlx::kalshi;

enum class Command { import, generate, inspect };

struct Options {
  Command command = Command::inspect;

  // import
  std::string format;
  std::vector<std::string> files;
  std::string utc_offset, settlement, taken_at;
  std::string close = "ticker";
  double assumed_touch_size = 10.0;  ///< contracts
  std::string environment = "production";
  bool strict = false;

  // sessions: a store, or the embedded synthetic set
  std::string store;
  std::size_t events = 100;
  double edge = 1.0, lag = 25.0;
  std::uint64_t data_seed = 7;

  // views
  std::size_t min_length = 50;
  double min_coverage = 0.10, min_quality = 0.95;

  // inspect
  std::int64_t session = 0;  ///< 0: all
  std::string market;

  // all
  std::uint64_t seed = 42;
  bool quiet = false;

  std::vector<std::string> command_line;
  std::map<std::string, std::string> flags;  ///< every flag with a value that counts, given or default, for the manifest

  kalshi::SyntheticConfig synthetic() const;
  kalshi::ViewFilter filter() const;
};

/// Parses `argv` and, before it, the JSON file of `--config`; the command line wins.
/// @throws UsageError for an unknown flag, key, command or value, with the nearest name suggested.
/// @return nothing when help or the version was asked for; it has been printed then.
std::optional<Options> parse_options(int argc, char** argv);

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_OPTIONS_HPP
