// SPDX-License-Identifier: MIT
/// @file
/// @brief What is known of a finished episode.
#ifndef RLX_ENV_EPISODE_STATISTICS_HPP
#define RLX_ENV_EPISODE_STATISTICS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rlx::inline v0_1 {

/// Most metrics that an environment may report.
inline constexpr std::size_t max_episode_metrics = 16;

/// One finished episode. A plain value of fixed size, so that recording one allocates nothing.
struct EpisodeStatistics {
  std::uint32_t env = 0;                              ///< number of the environment inside its vector environment
  std::uint64_t episode = 0;                          ///< number of the episode inside that environment, from 0
  std::uint64_t seed = 0;                             ///< seed that `reset` was called with
  std::size_t source = 0;                             ///< source of the episode (`SourcedEnvironment`); 0 without sources
  double episode_return = 0.0;                        ///< sum of the raw rewards, in double
  std::uint64_t length = 0;                           ///< steps
  bool terminated = false;                            ///< the task ended
  bool truncated = false;                             ///< cut by time or data; both flags may be true
  std::array<double, max_episode_metrics> metrics{};  ///< read after the last step, in the order of `metric_names()`
  std::uint8_t num_metrics = 0;                       ///< entries of `metrics` in use

  /// The metrics in use.
  std::span<const double> reported_metrics() const noexcept { return {metrics.data(), num_metrics}; }
  bool operator==(const EpisodeStatistics&) const = default;  ///< Memberwise.
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_EPISODE_STATISTICS_HPP
