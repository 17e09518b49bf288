// SPDX-License-Identifier: MIT
#ifndef EXAMPLES_OFFLINE_LEARNING_SETTINGS_HPP
#define EXAMPLES_OFFLINE_LEARNING_SETTINGS_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace app {

/// Flags; what is not given is the system's.
struct Settings {
  std::string system = "premium_seller", network = "mlp", log;
  std::size_t seeds = 1, threads = 2;
  std::uint64_t seed = 1;
  std::optional<std::size_t> episodes, judged, updates;
  std::optional<std::uint64_t> market;
  std::optional<double> gamma, chance, alpha, beta, expectile, learning_rate;
  bool estimates = true;
};

/// What fits a system.
struct System {
  std::string behaviour;  ///< in words
  std::size_t episodes, judged, updates;
  double gamma, chance;  ///< chance: share of the behaviour policy's decisions that are drawn evenly
  double alpha, beta, expectile, learning_rate;
  std::optional<double> reward_scale = {};  ///< none: by the deviation of the rewards

  /// The flags that were given in place of these numbers.
  System with(const Settings& s) const;
};

/// None after printing the help. @throws UsageError naming the flag
std::optional<Settings> parse_settings(int argc, char** argv);

}  // namespace app

#endif  // EXAMPLES_OFFLINE_LEARNING_SETTINGS_HPP
