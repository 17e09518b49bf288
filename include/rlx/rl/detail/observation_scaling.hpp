// SPDX-License-Identifier: MIT
/// @file
/// @brief What stands between an environment and a network's input, and between its output and a value.
#ifndef RLX_RL_DETAIL_OBSERVATION_SCALING_HPP
#define RLX_RL_DETAIL_OBSERVATION_SCALING_HPP

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <rlx/core/running_mean_std.hpp>

namespace rlx::inline v0_1::detail {

/// How observations reach the network: scaled by running statistics and clipped, except the columns that say whether
/// a slot is filled and those that hold categories.
struct ObservationScaling {
  double clip = 10.0;
  std::vector<std::size_t> unscaled;

  /// `row` and `out` may not overlap. Until the statistics hold a row the observation passes unchanged.
  void apply(const RunningMeanStd& statistics, std::span<const float> row, std::span<float> out) const {
    if (statistics.count() < 1.0) {
      std::copy(row.begin(), row.end(), out.begin());
      return;
    }
    statistics.normalize(row, out, clip);
    for (const std::size_t column : unscaled) out[column] = row[column];
  }
};

/// Probability-weighted critics have several outputs; their mean is the value.
inline float mean_output(std::span<const float> outputs) {
  float sum = 0.0F;
  for (const float o : outputs) sum += o;
  return outputs.size() == 1 ? outputs[0] : sum / static_cast<float>(outputs.size());
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_OBSERVATION_SCALING_HPP
