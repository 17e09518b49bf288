// SPDX-License-Identifier: MIT
/// @file
/// @brief What any program of commands and flags does with its command line: a JSON file of flags, nearest names, one message.
#ifndef EXAMPLES_COMMON_COMMAND_LINE_HPP
#define EXAMPLES_COMMON_COMMAND_LINE_HPP

#include "usage_error.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace app {

/// Flags that change nothing beside others, each with the reason, which follows "has no effect".
using UnusedFlags = std::map<std::string, std::string>;

/// CLI11 reads -5 as a huge unsigned number and cuts what does not fit: both are refused from here on.
void refuse_wrapped_numbers(CLI::App& command);

/// Parses the arguments and, before them, the JSON file of flags that `config_path` names once they are parsed.
/// @param usual     the command that is meant where none is named
/// @param defaults  flags to stand before those of the file, read once the arguments are parsed: a JSON object of texts
/// @return the command given; null if help or the version was asked for, and has been printed
/// @throws UsageError naming the nearest known flag, key or command
CLI::App* parse_command_line(CLI::App& app, std::vector<std::string> arguments, const std::string& config_path,
                             const std::string& usual,
                             const std::function<std::map<std::string, std::string>()>& defaults = {});

/// @throws UsageError for a flag that was given although it has no effect
void refuse_unused_flags(const UnusedFlags& unused, const CLI::App& command);

/// What the command runs with, flag by flag, in the form that a JSON file of flags has.
std::map<std::string, std::string> values_of(const CLI::App& command, const UnusedFlags& unused);

}  // namespace app

#endif  // EXAMPLES_COMMON_COMMAND_LINE_HPP
