// SPDX-License-Identifier: MIT
/// @file
/// @brief What the program does: one function per command, each returns the exit code.
#ifndef DERIBIT_LADDER_AGENT_COMMANDS_HPP
#define DERIBIT_LADDER_AGENT_COMMANDS_HPP

#include "options.hpp"

namespace app {

int run(const Options& o);
int replay(const Options& o);
int export_dataset(const Options& o);
int report(const Options& o);
int verify(const Options& o);
int train(const Options& o);

}  // namespace app

#endif  // DERIBIT_LADDER_AGENT_COMMANDS_HPP
