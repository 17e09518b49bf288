// SPDX-License-Identifier: MIT
/// @file
/// @brief Bootstrap intervals: blocks of a time series, and scores of runs on tasks.
#ifndef RLX_RISK_BOOTSTRAP_HPP
#define RLX_RISK_BOOTSTRAP_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/risk/performance.hpp>

namespace rlx::risk {

/// An estimate and the interval around it.
struct Interval {
  double estimate = 0;  ///< the statistic of the data as they are
  double low = 0;       ///< lower end
  double high = 0;      ///< upper end
  bool operator==(const Interval&) const = default;
};

/// How an interval is drawn. Replicate j uses the stream (seed, bootstrap, env = j), so its numbers depend on nothing else.
struct BootstrapConfig {
  std::size_t block = 1;           ///< steps in a block of a series, 1 to its length; 1 draws single steps. Scores ignore it
  std::size_t replicates = 2'000;  ///< number of resamples, at least 1
  double confidence = 0.95;        ///< share between `low` and `high`, in (0, 1)
  std::uint64_t seed = 0;          ///< seed of the streams
};

/**
 * @brief Quantile by the linear rule: the value at position p * (n - 1) of the sorted numbers, interpolated.
 * @param values  at least one finite number; their order is changed. @param p  in [0, 1]
 * @throws ShapeError if empty, ConfigError for p
 * @par Complexity O(n), no allocation. @par Source Hyndman & Fan 1996, type 7 (the default of NumPy and R)
 */
inline double linear_quantile(std::span<double> values, double p) {
  if (values.empty()) throw ShapeError("linear_quantile: at least one value is needed, got none");
  if (!is_finite(p) || !(p >= 0 && p <= 1))
    throw ConfigError("linear_quantile: p must lie in [0, 1], got " + std::to_string(p));
  const double position = p * static_cast<double>(values.size() - 1);
  const auto lower = static_cast<std::size_t>(position);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(lower);
  std::nth_element(values.begin(), at, values.end());
  const double share = position - static_cast<double>(lower);
  if (share == 0) return *at;
  return *at + share * (*std::min_element(at + 1, values.end()) - *at);
}

namespace detail {
inline void check(const BootstrapConfig& config) {
  if (config.replicates == 0 || config.replicates > std::numeric_limits<std::uint32_t>::max()) {
    throw ConfigError("BootstrapConfig.replicates must lie in [1, 2^32), got " + std::to_string(config.replicates));
  }
  if (!is_finite(config.confidence) || !(config.confidence > 0 && config.confidence < 1)) {
    throw ConfigError("BootstrapConfig.confidence must lie in (0, 1), got " + std::to_string(config.confidence));
  }
}
inline RandomStream replicate_stream(const BootstrapConfig& config, std::size_t replicate) {
  return RandomStream({config.seed, Purpose::bootstrap, static_cast<std::uint32_t>(replicate), 0});
}
inline Interval percentile_interval(double estimate, std::span<double> replicates, double confidence) {
  require_finite(replicates, "bootstrap replicate");
  const double tail = (1 - confidence) / 2;
  return {estimate, linear_quantile(replicates, tail), linear_quantile(replicates, 1 - tail)};
}
}  // namespace detail

/**
 * @brief Interval of a function of the sums of one or more time series, by the circular block bootstrap.
 *
 * Every replicate joins blocks of `config.block` successive steps (starts uniform, the end of the series continues at its
 * beginning, the last block is cut) to the length of the series, takes the sum of each series over the SAME blocks, and
 * evaluates `statistic` on these sums. Series that were measured on the same steps are thereby compared in pairs.
 * @tparam F         double(std::span<const double> sums), one sum for each series
 * @param series     one or more series of equal length n >= 1, finite
 * @throws ConfigError (config; block outside [1, n]), ShapeError (lengths), NumericError (data or a statistic not finite)
 * @par Complexity   O(series * (n + replicates * n / block)): prefix sums make each block O(1); allocates O(series * n)
 * @par Determinism  a function of the arguments only
 * @par Source       Politis & Romano 1992, "A circular block-resampling procedure for stationary data"; percentile interval
 * @test tests/risk/bootstrap.cpp: coverage of the mean of AR(1) series
 */
template <class F>
requires std::invocable<F&, std::span<const double>> Interval block_bootstrap(std::span<const std::span<const double>> series,
                                                                              F statistic, const BootstrapConfig& config) {
  detail::check(config);
  if (series.empty() || series[0].empty()) {
    throw ShapeError("block_bootstrap: at least one series with one step is needed, got none");
  }
  const std::size_t n = series[0].size();
  for (std::size_t k = 0; k < series.size(); ++k) {
    if (series[k].size() != n) {
      throw ShapeError("block_bootstrap: series " + std::to_string(k) + " has " + std::to_string(series[k].size()) +
                       " steps, expected " + std::to_string(n) + " as series 0 (paired series share their steps)");
    }
    detail::require_finite(series[k], "block_bootstrap: series " + std::to_string(k) + " ");
  }
  if (config.block == 0 || config.block > n) {
    throw ConfigError("BootstrapConfig.block must lie in [1, " + std::to_string(n) + "], the length of the series, got " +
                      std::to_string(config.block));
  }

  // prefix[t * S + k] = sum of the first t steps of series k over two turns of the circle.
  const std::size_t width = series.size();
  std::vector<double> prefix((2 * n + 1) * width, 0.0);
  for (std::size_t t = 0; t < 2 * n; ++t) {
    for (std::size_t k = 0; k < width; ++k) prefix[(t + 1) * width + k] = prefix[t * width + k] + series[k][t % n];
  }
  std::vector<double> sums(prefix.begin() + static_cast<std::ptrdiff_t>(n * width),
                           prefix.begin() + static_cast<std::ptrdiff_t>((n + 1) * width));
  const double estimate = statistic(std::span<const double>(sums));
  std::vector<double> replicates(config.replicates);
  for (std::size_t j = 0; j < config.replicates; ++j) {
    RandomStream stream = detail::replicate_stream(config, j);
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::size_t filled = 0; filled < n; filled += config.block) {
      const std::size_t begin = stream.bounded(n);
      const std::size_t end = begin + std::min(config.block, n - filled);
      for (std::size_t k = 0; k < width; ++k) sums[k] += prefix[end * width + k] - prefix[begin * width + k];
    }
    replicates[j] = statistic(std::span<const double>(sums));
  }
  return detail::percentile_interval(estimate, replicates, config.confidence);
}

/// Interval of the mean of one series per step. See `block_bootstrap` for parameters and errors.
inline Interval bootstrap_mean(std::span<const double> values, const BootstrapConfig& config) {
  const auto n = static_cast<double>(values.size());
  return block_bootstrap(
      std::span(&values, 1), [n](std::span<const double> sums) { return sums[0] / n; }, config);
}

/// Interval of the total return exp(sum) - 1 of a series of log returns; zeros give exactly {0, 0, 0}.
inline Interval bootstrap_total_return(std::span<const double> log_returns, const BootstrapConfig& config) {
  return block_bootstrap(
      std::span(&log_returns, 1), [](std::span<const double> sums) { return std::expm1(sums[0]); }, config);
}

/// Interval of the difference of two total returns, a less b, paired: both series on the same steps and the same blocks.
/// Above 0 throughout: a is better than b at this confidence.
inline Interval bootstrap_total_return_difference(std::span<const double> a, std::span<const double> b,
                                                  const BootstrapConfig& config) {
  const std::span<const double> both[] = {a, b};
  return block_bootstrap(
      std::span<const std::span<const double>>(both),
      [](std::span<const double> sums) { return std::expm1(sums[0]) - std::expm1(sums[1]); }, config);
}

// ---- Scores of runs on tasks --------------------------------------------------------------------------------------------

/// Mean after dropping floor(n/4) numbers at each end: (5,1,3,9,7,2,100,4) -> 4.75. @throws ShapeError if empty
/// @par Source Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", arXiv:2108.13264
inline double interquartile_mean(std::span<const double> scores) {
  if (scores.empty()) throw ShapeError("interquartile_mean: at least one score is needed, got none");
  std::vector<double> sorted(scores.begin(), scores.end());
  std::sort(sorted.begin(), sorted.end());
  const auto drop = static_cast<std::ptrdiff_t>(sorted.size() / 4);
  return std::accumulate(sorted.begin() + drop, sorted.end() - drop, 0.0) /
         static_cast<double>(sorted.size() - 2 * (sorted.size() / 4));
}

namespace detail {
inline std::vector<double> task_means(MatrixView<const double> scores) {
  if (scores.empty()) throw ShapeError("scores: at least one run and one task are needed, got none");
  std::vector<double> means(scores.cols(), 0.0);
  for (std::size_t run = 0; run < scores.rows(); ++run) {
    for (std::size_t task = 0; task < scores.cols(); ++task) means[task] += scores(run, task);
  }
  for (double& mean : means) mean /= static_cast<double>(scores.rows());
  return means;
}
}  // namespace detail

/// Interquartile mean of all scores, shape [runs][tasks], together. @throws ShapeError if empty
inline double interquartile_mean(MatrixView<const double> scores) {
  std::vector<double> all;
  all.reserve(scores.rows() * scores.cols());
  for (std::size_t run = 0; run < scores.rows(); ++run) all.insert(all.end(), scores.row(run).begin(), scores.row(run).end());
  return interquartile_mean(std::span<const double>(all));
}

/// Mean over tasks of the means over runs; scores have shape [runs][tasks]. @throws ShapeError if empty
inline double mean_of_tasks(MatrixView<const double> scores) {
  const std::vector<double> means = detail::task_means(scores);
  return std::accumulate(means.begin(), means.end(), 0.0) / static_cast<double>(means.size());
}

/// Median over tasks of the means over runs; scores have shape [runs][tasks]. @throws ShapeError if empty
inline double median_of_tasks(MatrixView<const double> scores) {
  std::vector<double> means = detail::task_means(scores);
  return linear_quantile(means, 0.5);
}

/// P(X > Y): mean over tasks of the share of pairs of runs with x > y, a tie counting one half.
/// @param x scores [runs][tasks]. @param y scores of the other side; its number of runs may differ
/// @throws ShapeError if one is empty or the tasks differ
inline double probability_of_improvement(MatrixView<const double> x, MatrixView<const double> y) {
  if (x.empty() || y.empty() || x.cols() != y.cols()) {
    throw ShapeError("probability_of_improvement: both need at least one run and the same tasks, got " +
                     std::to_string(x.rows()) + " x " + std::to_string(x.cols()) + " and " + std::to_string(y.rows()) + " x " +
                     std::to_string(y.cols()) + " scores [runs][tasks]");
  }
  double wins = 0;
  for (std::size_t task = 0; task < x.cols(); ++task) {
    for (std::size_t i = 0; i < x.rows(); ++i) {
      for (std::size_t j = 0; j < y.rows(); ++j) {
        wins += x(i, task) > y(j, task) ? 1.0 : x(i, task) == y(j, task) ? 0.5 : 0.0;
      }
    }
  }
  return wins / (static_cast<double>(x.rows()) * static_cast<double>(y.rows()) * static_cast<double>(x.cols()));
}

/// Performance profile: for each threshold the share of runs that score above it, averaged over tasks. Falls from 1 to 0 as the
/// threshold grows; of two algorithms whose profiles do not cross, the upper one is better whatever the quantile.
/// @param scores shape [runs][tasks], finite. @param thresholds any order. @throws ShapeError if there is no score, NumericError
/// @par Source Agarwal et al. 2021, section 4.2 (run-score distributions)
inline std::vector<double> performance_profile(MatrixView<const double> scores, std::span<const double> thresholds) {
  if (scores.empty()) throw ShapeError("performance_profile: at least one run and one task are needed, got none");
  std::vector<double> sorted;  // every task has the same number of runs, so all scores weigh the same
  for (std::size_t run = 0; run < scores.rows(); ++run) {
    detail::require_finite(scores.row(run), "scores of run " + std::to_string(run) + ' ');
    sorted.insert(sorted.end(), scores.row(run).begin(), scores.row(run).end());
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> shares;
  for (const double threshold : thresholds) {
    const auto above = sorted.end() - std::upper_bound(sorted.begin(), sorted.end(), threshold);
    shares.push_back(static_cast<double>(above) / static_cast<double>(sorted.size()));
  }
  return shares;
}

/**
 * @brief Interval of a statistic of scores, runs resampled within each task.
 * @tparam F        double(MatrixView<const double> scores [runs][tasks])
 * @param scores    shape [runs][tasks], finite; at least one of each
 * @param statistic such as `mean_of_tasks` or a lambda around `interquartile_mean`
 * @throws ConfigError, ShapeError, NumericError
 * @par Complexity  replicates * (runs * tasks draws + one statistic); allocates one copy of the scores
 * @par Source      Agarwal et al. 2021 (stratified percentile bootstrap)
 */
template <class F>
requires std::invocable<F&, MatrixView<const double>> Interval bootstrap_interval(MatrixView<const double> scores, F statistic,
                                                                                  const BootstrapConfig& config = {}) {
  detail::check(config);
  if (scores.empty()) throw ShapeError("bootstrap_interval: at least one run and one task are needed, got none");
  for (std::size_t run = 0; run < scores.rows(); ++run) {
    detail::require_finite(scores.row(run), "scores of run " + std::to_string(run) + ' ');
  }
  std::vector<double> drawn(scores.rows() * scores.cols());
  const MatrixView<double> rows(drawn.data(), scores.rows(), scores.cols());
  std::vector<double> replicates(config.replicates);
  for (std::size_t j = 0; j < config.replicates; ++j) {
    RandomStream stream = detail::replicate_stream(config, j);
    for (std::size_t task = 0; task < scores.cols(); ++task) {
      for (std::size_t run = 0; run < scores.rows(); ++run) rows(run, task) = scores(stream.bounded(scores.rows()), task);
    }
    replicates[j] = statistic(MatrixView<const double>(rows));
  }
  return detail::percentile_interval(statistic(scores), replicates, config.confidence);
}

/// Interval of a statistic of independent scores, such as the returns of evaluation episodes: one task, one run per score.
/// @tparam F double(std::span<const double>)
template <class F>
requires std::invocable<F&, std::span<const double>> Interval bootstrap_interval(std::span<const double> scores, F statistic,
                                                                                 const BootstrapConfig& config = {}) {
  return bootstrap_interval(
      MatrixView<const double>(scores.data(), scores.size(), 1),
      [&](MatrixView<const double> column) { return statistic(std::span<const double>(column.data(), column.rows())); },
      config);
}

}  // namespace rlx::risk

#endif  // RLX_RISK_BOOTSTRAP_HPP
