// SPDX-License-Identifier: MIT
/// @file
/// @brief What the program does: one function per command, each returns the exit code.
#ifndef KALSHI_MARKET_AGNOSTIC_COMMANDS_HPP
#define KALSHI_MARKET_AGNOSTIC_COMMANDS_HPP

#include "ensemble.hpp"
#include "options.hpp"

#include <rlx/kalshi/evaluation.hpp>
#include <rlx/rl/inference_policy.hpp>

#include <string>

namespace app {

inline constexpr int exit_alarm = 7;

int import(const Options& o);
int generate(const Options& o);
int train(const Options& o);
int frontier(const Options& o);
int evaluate(const Options& o);
int inspect(const Options& o);

/// A policy or checkpoint made for these features and actions. @throws CheckpointError naming both sides
rlx::InferencePolicy load_policy(const std::string& path, const Options& o);

/// Prints the alarms of a table. @return their number
std::size_t print_alarms(const std::string& name, const kalshi::EvaluationTable& table);

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_COMMANDS_HPP
