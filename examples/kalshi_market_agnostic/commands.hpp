// SPDX-License-Identifier: MIT
/// @file
/// @brief What the program does: one function per command, each returns the exit code.
#ifndef KALSHI_MARKET_AGNOSTIC_COMMANDS_HPP
#define KALSHI_MARKET_AGNOSTIC_COMMANDS_HPP

#include "options.hpp"

namespace app {

int import(const Options& o);
int generate(const Options& o);
int inspect(const Options& o);

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_COMMANDS_HPP
