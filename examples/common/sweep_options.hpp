// SPDX-License-Identifier: MIT
/// @file
/// @brief The flags of a `frontier` command.
#ifndef EXAMPLES_COMMON_SWEEP_OPTIONS_HPP
#define EXAMPLES_COMMON_SWEEP_OPTIONS_HPP

#include <cstddef>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace app {

/// Flags of a sweep over cvar_weight.
struct SweepOptions {
  std::string objective = "step";  ///< step | episode: whose outcomes the tail is of
  /// Small ones: at each step the worst share alpha of the outcomes weighs w / alpha times its loss.
  std::vector<double> weights{0, 0.02, 0.05, 0.1, 0.2};
  double alpha = 0.05;
  std::size_t seeds = 1;
  double min_mean_fraction = 0.9;
  std::string output = "frontier";
};

/// Adds the flags; their defaults are what `o` holds.
void add_sweep_flags(CLI::App& command, SweepOptions& o);

}  // namespace app

#endif  // EXAMPLES_COMMON_SWEEP_OPTIONS_HPP
