// SPDX-License-Identifier: MIT
/// @file
/// @brief Figures that summarise scores of several runs: interquartile mean, probability of improvement, bootstrap interval.
#ifndef RLX_RL_STATISTICS_HPP
#define RLX_RL_STATISTICS_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>

namespace rlx {

/// Mean of the scores after dropping floor(n / 4) at each end. Allocates a copy to sort.
/// @throws ConfigError without a score. @par Source Agarwal et al. 2021, "Deep RL at the edge of the statistical precipice"
inline double interquartile_mean(std::span<const double> scores) {
  if (scores.empty()) throw ConfigError("interquartile_mean of no scores; give at least one");
  std::vector<double> sorted(scores.begin(), scores.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t cut = sorted.size() / 4;
  double sum = 0.0;
  for (std::size_t i = cut; i < sorted.size() - cut; ++i) sum += sorted[i];
  return sum / static_cast<double>(sorted.size() - 2 * cut);
}

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

/// Mean over all pairs of 1[x > y] + 1/2 1[x = y]. @throws ConfigError if either is empty
inline double probability_of_improvement(std::span<const double> x, std::span<const double> y) {
  if (x.empty() || y.empty()) throw ConfigError("probability_of_improvement needs scores on both sides");
  double sum = 0.0;
  for (const double a : x) {
    for (const double b : y) sum += a > b ? 1.0 : (a == b ? 0.5 : 0.0);
  }
  return sum / (static_cast<double>(x.size()) * static_cast<double>(y.size()));
}

/// A confidence interval.
struct Interval {
  double low = 0.0;
  double high = 0.0;
};

struct BootstrapConfig {
  std::size_t resamples = 2000;
  double confidence = 0.95;  ///< in (0, 1)
  std::uint64_t seed = 0;    ///< of the stream with purpose bootstrap
};

/// Percentile bootstrap of a statistic of independent scores. Deterministic in the seed.
/// @param statistic double(std::span<const double>), called once per resample.
/// @throws ConfigError without scores or resamples, or for a confidence outside (0, 1).
template <class Statistic>
Interval bootstrap_interval(std::span<const double> scores, Statistic&& statistic, const BootstrapConfig& config = {}) {
  if (scores.empty()) throw ConfigError("bootstrap_interval of no scores; give at least one");
  if (config.resamples == 0 || !(config.confidence > 0.0 && config.confidence < 1.0)) {
    throw ConfigError("BootstrapConfig: resamples = " + std::to_string(config.resamples) + " must be at least 1 and confidence = " +
                      std::to_string(config.confidence) + " must lie in (0, 1)");
  }
  RandomStream random({config.seed, Purpose::bootstrap});
  std::vector<double> sample(scores.size());
  std::vector<double> results(config.resamples);
  for (double& result : results) {
    for (double& s : sample) s = scores[random.bounded(scores.size())];
    result = statistic(std::span<const double>(sample));
  }
  std::sort(results.begin(), results.end());
  const auto quantile = [&](double p) {  // linear between order statistics, NumPy's default
    const double at = p * static_cast<double>(results.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, results.size() - 1);
    return results[below] + (at - static_cast<double>(below)) * (results[above] - results[below]);
  };
  const double tail = (1.0 - config.confidence) / 2.0;
  return {quantile(tail), quantile(1.0 - tail)};
}

}  // namespace rlx

#endif  // RLX_RL_STATISTICS_HPP
