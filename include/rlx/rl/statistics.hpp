// SPDX-License-Identifier: MIT
/// @file
/// @brief Figures that summarise scores: mean and deviation here; intervals, interquartile mean, mean and median over tasks,
/// probability of improvement and performance profiles are those of risk/bootstrap.hpp.
#ifndef RLX_RL_STATISTICS_HPP
#define RLX_RL_STATISTICS_HPP

#include <cmath>
#include <span>

#include <rlx/risk/bootstrap.hpp>

namespace rlx::inline v0_1 {

using risk::bootstrap_interval;
using risk::BootstrapConfig;
using risk::interquartile_mean;
using risk::Interval;
using risk::mean_of_tasks;
using risk::median_of_tasks;
using risk::performance_profile;
using risk::probability_of_improvement;

/// Arithmetic mean; 0 for none.
inline double mean_of(std::span<const double> values) {
  double sum = 0.0;
  for (const double v : values) sum += v;
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

/// Standard deviation divided by n (NumPy's default); 0 for none.
inline double population_std(std::span<const double> values) {
  const double mean = mean_of(values);
  double squares = 0.0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return values.empty() ? 0.0 : std::sqrt(squares / static_cast<double>(values.size()));
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_STATISTICS_HPP
