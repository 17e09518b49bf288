// SPDX-License-Identifier: MIT
/// @file
/// @brief What programs with a `frontier` command share: its sweep, its files, the objective of a cell.
#ifndef EXAMPLES_COMMON_SWEEP_HPP
#define EXAMPLES_COMMON_SWEEP_HPP

#include "sweep_options.hpp"

#include <rlx/rl/cvar_sweep.hpp>
#include <rlx/rl/episode_cvar.hpp>
#include <rlx/rl/logger.hpp>
#include <rlx/rl/step_cvar.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace app {

/// @param seed  of the first training and of the intervals. @throws UsageError for weights that do not begin with 0
rlx::CvarSweep sweep_of(const SweepOptions& o, std::uint64_t seed, std::size_t replicates);

/// Makes the output folder and fails where nothing could be written there. @throws IoError
void prepare_frontier(const SweepOptions& o);

/// Prints the table and what it says, writes it as frontier.txt, the picture as frontier.svg and all figures, those of each
/// seed too, as frontier.json. @throws IoError
void write_frontier(const SweepOptions& o, const rlx::Frontier& frontier, const rlx::FrontierText& text);

/// Passes what a learner warns of to stderr.
class WarningsToStderr final : public rlx::LogOutput {
 public:
  void write(const rlx::LogRow&) override {}
  void warning(std::string_view text) override;
};

/// The objective that a cell trains with. @tparam Objective rlx::EpisodeCvar or rlx::StepCvar
template <class Objective>
Objective objective_of(const rlx::SweepCell& cell) {
  return Objective({.tail = {cell.alpha}, .cvar_weight = cell.weight});
}

}  // namespace app

#endif  // EXAMPLES_COMMON_SWEEP_HPP
