// SPDX-License-Identifier: MIT
/// @file
/// @brief Bootstrap intervals: sums and any statistic of a time series, and scores of runs on tasks.
#ifndef RLX_RISK_BOOTSTRAP_HPP
#define RLX_RISK_BOOTSTRAP_HPP

#include <algorithm>
#include <array>
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
#include <rlx/core/special_functions.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/risk/detail/checks.hpp>
#include <rlx/risk/interval.hpp>
#include <rlx/risk/tail.hpp>

namespace rlx::inline v0_1::risk {

/// How the ends of an interval follow from the replicates.
enum class BootstrapMethod : std::uint8_t {
  percentile,  ///< their quantiles by the linear rule (default)
  basic,       ///< twice the estimate less the opposite quantile
  bca          ///< quantiles moved for bias and for a spread that changes with the value (bias-corrected and accelerated)
};

/// A length of block that each function fills in: ceil(n^(1/3)) for `bootstrap` and `bootstrap_paired`, 1 for the others.
inline constexpr std::size_t default_block = std::numeric_limits<std::size_t>::max();

/// How an interval is drawn. Replicate j uses the stream (seed, bootstrap, env = j), so its numbers depend on nothing else.
struct BootstrapConfig {
  std::size_t block = default_block;  ///< steps in a block of a series, 1 to its length; 1 draws single steps. Scores ignore it
  std::size_t replicates = 2'000;     ///< number of resamples, at least 1
  double confidence = 0.95;           ///< share between `low` and `high`, in (0, 1)
  std::uint64_t seed = 0;             ///< seed of the streams
  BootstrapMethod method = BootstrapMethod::percentile;  ///< read by `bootstrap` and `bootstrap_paired`
};

namespace detail {
template <class = void>
void check(const BootstrapConfig& config) {
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
template <class = void>
std::size_t block_of(const BootstrapConfig& config, std::size_t n, std::size_t by_default) {
  if (config.block == default_block) return by_default;
  if (config.block == 0 || config.block > n) {
    throw ConfigError("BootstrapConfig.block must lie in [1, " + std::to_string(n) + "], the length of the series, got " +
                      std::to_string(config.block));
  }
  return config.block;
}
template <class = void>
Interval percentile_interval(double estimate, std::span<double> replicates, double confidence) {
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
 * @param statistic  called once for the data and once for each replicate
 * @param config     `method` is ignored: percentile
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
  const std::size_t block = detail::block_of(config, n, 1);

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
    for (std::size_t filled = 0; filled < n; filled += block) {
      const std::size_t begin = stream.bounded(n);
      const std::size_t end = begin + std::min(block, n - filled);
      for (std::size_t k = 0; k < width; ++k) sums[k] += prefix[end * width + k] - prefix[begin * width + k];
    }
    replicates[j] = statistic(std::span<const double>(sums));
  }
  return detail::percentile_interval(estimate, replicates, config.confidence);
}

/// Interval of the mean of one series per step. See `block_bootstrap` for parameters and errors.
template <class = void>
Interval bootstrap_mean(std::span<const double> values, const BootstrapConfig& config) {
  const auto n = static_cast<double>(values.size());
  return block_bootstrap(
      std::span(&values, 1), [n](std::span<const double> sums) { return sums[0] / n; }, config);
}

/// Interval of the total return exp(sum) - 1 of a series of log returns; zeros give exactly {0, 0, 0}.
template <class = void>
Interval bootstrap_total_return(std::span<const double> log_returns, const BootstrapConfig& config) {
  return block_bootstrap(
      std::span(&log_returns, 1), [](std::span<const double> sums) { return std::expm1(sums[0]); }, config);
}

/// Interval of the difference of two total returns, a less b, paired: both series on the same steps and the same blocks.
/// Above 0 throughout: a is better than b at this confidence.
template <class = void>
Interval bootstrap_total_return_difference(std::span<const double> a, std::span<const double> b,
                                           const BootstrapConfig& config) {
  const std::span<const double> both[] = {a, b};
  return block_bootstrap(
      std::span<const std::span<const double>>(both),
      [](std::span<const double> sums) { return std::expm1(sums[0]) - std::expm1(sums[1]); }, config);
}

// ---- Any statistic of a time series -------------------------------------------------------------------------------------

/// A function of series that gives a number.
template <class F, class... Series>
concept StatisticOf = std::copy_constructible<F> && requires(F& statistic, Series... series) {
  { statistic(series...) } -> std::convertible_to<double>;
};

namespace detail {

/// Resampled copies of one or more series of n steps: the same blocks of all of them.
template <std::size_t K>
class StationaryResampler {
 public:
  StationaryResampler(const std::array<std::span<const double>, K>& series, std::size_t block)
      : n_(series[0].size()), block_(block), twice_(K * 2 * n_), drawn_(K * n_) {
    for (std::size_t k = 0; k < K; ++k) {  // two turns of the circle, so that a block is one piece
      const auto at = twice_.begin() + static_cast<std::ptrdiff_t>(2 * k * n_);
      std::copy(series[k].begin(), series[k].end(), at);
      std::copy(series[k].begin(), series[k].end(), at + static_cast<std::ptrdiff_t>(n_));
    }
  }

  /// Block lengths are geometric with mean `block`, from one logarithm each, which is the rule "go on with probability 1 -
  /// 1/b".
  void draw(RandomStream stream) {
    const double log_continue = block_ == 1 ? 0 : std::log1p(-1 / static_cast<double>(block_));
    for (std::size_t filled = 0; filled < n_;) {
      const std::size_t begin = stream.bounded(n_);
      const std::size_t room = n_ - filled;
      std::size_t length = 1;
      if (block_ != 1) {
        const double more = std::log(1 - stream.uniform()) / log_continue;  // 1 - uniform lies in (0, 1]
        length = more < static_cast<double>(room) ? std::min(room, 1 + static_cast<std::size_t>(more)) : room;
      }
      for (std::size_t k = 0; k < K; ++k) {
        const double* from = twice_.data() + 2 * k * n_ + begin;
        double* to = drawn_.data() + k * n_ + filled;
        for (std::size_t i = 0; i < length; ++i) to[i] = from[i];
      }
      filled += length;
    }
  }

  /// The series without the steps [begin, end).
  void leave_out(std::size_t begin, std::size_t end) {
    for (std::size_t k = 0; k < K; ++k) {
      const double* from = twice_.data() + 2 * k * n_;
      double* to = drawn_.data() + k * n_;
      std::copy(from, from + begin, to);
      std::copy(from + end, from + n_, to + begin);
    }
  }

  std::span<const double> series(std::size_t k, std::size_t length) const { return {drawn_.data() + k * n_, length}; }

 private:
  std::size_t n_, block_;
  std::vector<double> twice_, drawn_;
};

template <std::size_t K, class F>
double evaluate(F& statistic, const StationaryResampler<K>& resampler, std::size_t length) {
  if constexpr (K == 1) {
    return static_cast<double>(statistic(resampler.series(0, length)));
  } else {
    return static_cast<double>(statistic(resampler.series(0, length), resampler.series(1, length)));
  }
}

/// Acceleration: a sixth of the skewness of the jackknife over blocks, 0 where it has no spread.
template <std::size_t K, class F>
double acceleration(F& statistic, StationaryResampler<K>& resampler, std::size_t n, std::size_t block) {
  const std::size_t blocks = (n + block - 1) / block;
  if (blocks < 2) return 0;
  std::vector<double> values(blocks);
  for (std::size_t g = 0; g < blocks; ++g) {
    const std::size_t begin = g * block, end = std::min(n, begin + block);
    resampler.leave_out(begin, end);
    values[g] = evaluate<K>(statistic, resampler, n - (end - begin));
  }
  require_finite(values, "bootstrap: statistic of the jackknife");
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(blocks);
  double squares = 0, cubes = 0;
  for (const double value : values) {
    const double d = mean - value;
    squares += d * d;
    cubes += d * d * d;
  }
  const double scale = squares * std::sqrt(squares);
  return scale > 0 ? cubes / (6 * scale) : 0;
}

/// Quantile levels of the two ends by BCa. @param share of the replicates below the estimate, ties half
template <class = void>
std::array<double, 2> bca_levels(double share, std::size_t replicates, double acceleration, double confidence) {
  const double edge = 0.5 / static_cast<double>(replicates);  // a share of 0 or 1 has no quantile
  const double bias = normal_quantile(std::clamp(share, edge, 1 - edge));
  std::array<double, 2> levels{};
  for (const std::size_t end : {0u, 1u}) {
    const double z = bias + normal_quantile(end == 0 ? (1 - confidence) / 2 : 1 - (1 - confidence) / 2);
    const double spread = 1 - acceleration * z;
    levels[end] = spread > 0 ? normal_cdf(bias + z / spread) : (z > 0 ? 1.0 : 0.0);
  }
  return levels;
}

template <std::size_t K, class F>
Interval stationary_bootstrap(const std::array<std::span<const double>, K>& series, const F& statistic,
                              const BootstrapConfig& config, ThreadPool* pool) {
  check(config);
  const std::size_t n = series[0].size();
  if (n == 0) throw ShapeError("bootstrap: at least one step is needed, got none");
  for (std::size_t k = 0; k < K; ++k) {
    if (series[k].size() != n) {
      throw ShapeError("bootstrap: series " + std::to_string(k) + " has " + std::to_string(series[k].size()) +
                       " steps, expected " + std::to_string(n) + " as series 0 (paired series share their steps)");
    }
    require_finite(series[k], "bootstrap: series " + std::to_string(k) + ' ');
  }
  std::size_t cube_root = 1;
  while (cube_root * cube_root * cube_root < n) ++cube_root;
  const std::size_t block = block_of(config, n, cube_root);

  std::vector<double> replicates(config.replicates);
  const std::size_t shards = pool == nullptr ? 1 : std::min(config.replicates, 4 * pool->size());
  const auto run = [&](std::size_t shard) {
    StationaryResampler<K> resampler(series, block);
    F own = statistic;  // a statistic may have state of its own, such as a workspace
    const std::size_t end = (shard + 1) * config.replicates / shards;
    for (std::size_t j = shard * config.replicates / shards; j < end; ++j) {
      resampler.draw(replicate_stream(config, j));
      replicates[j] = evaluate<K>(own, resampler, n);
    }
  };
  if (pool == nullptr) {
    run(0);
  } else {
    pool->run(shards, run);
  }

  F own = statistic;
  StationaryResampler<K> resampler(series, block);
  resampler.leave_out(n, n);
  const double estimate = evaluate<K>(own, resampler, n);
  require_finite(std::span(&estimate, 1), "bootstrap: estimate");
  if (config.method != BootstrapMethod::bca) {
    const Interval interval = percentile_interval(estimate, replicates, config.confidence);
    if (config.method == BootstrapMethod::percentile) return interval;
    return {estimate, 2 * estimate - interval.high, 2 * estimate - interval.low};
  }
  require_finite(replicates, "bootstrap replicate");
  double below = 0;
  for (const double value : replicates) below += value < estimate ? 1.0 : value == estimate ? 0.5 : 0.0;
  const auto levels = bca_levels(below / static_cast<double>(config.replicates), config.replicates,
                                 acceleration<K>(own, resampler, n, block), config.confidence);
  return {estimate, linear_quantile(replicates, levels[0]), linear_quantile(replicates, levels[1])};
}

}  // namespace detail

/**
 * @brief Interval of any statistic of a time series, by the stationary bootstrap.
 *
 * A replicate joins blocks of the series, which is taken as a circle: starts are uniform, a block goes on with probability
 * 1 - 1/b, b the mean length `config.block` (ceil(n^(1/3)) by default; 1 draws single steps).
 * @tparam F         double(std::span<const double> series). Every shard of the pool has its own copy
 * @param x          at least one step, finite
 * @param statistic  called for the data and each replicate
 * @param config     `method` chooses the ends. BCa needs n/b more evaluations, with one block of b left out each
 * @param pool       runs the replicates; the result does not depend on it. May be null
 * @throws ConfigError (config; block outside [1, n]), ShapeError (empty), NumericError (data or a statistic not finite)
 * @par Complexity   O(replicates * (n + one statistic)), allocates O(n) for each shard and one number for each replicate
 * @par Determinism  replicate j draws from stream (seed, bootstrap, env = j)
 * @par Source       Politis & Romano 1994, "The stationary bootstrap"; Efron & Tibshirani 1993, chapters 13 and 14
 * @test tests/properties/risk_bootstrap.cpp: coverage on normal and on correlated series
 */
template <class F>
requires StatisticOf<F, std::span<const double>> Interval bootstrap(std::span<const double> x, F statistic,
                                                                    const BootstrapConfig& config = {},
                                                                    ThreadPool* pool = nullptr) {
  return detail::stationary_bootstrap<1>({x}, statistic, config, pool);
}

/// Interval of a statistic of two series that share their steps: both are drawn with the same indices, so what they have in
/// common cancels in a difference. See `bootstrap`. @tparam F double(std::span<const double> a, std::span<const double> b)
template <class F>
requires StatisticOf<F, std::span<const double>, std::span<const double>> Interval
bootstrap_paired(std::span<const double> a, std::span<const double> b, F statistic, const BootstrapConfig& config = {},
                 ThreadPool* pool = nullptr) {
  return detail::stationary_bootstrap<2>({a, b}, statistic, config, pool);
}

// ---- Scores of runs on tasks --------------------------------------------------------------------------------------------

/// Mean after dropping floor(n/4) numbers at each end: (5,1,3,9,7,2,100,4) -> 4.75. @throws ShapeError if empty
/// @par Source Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", arXiv:2108.13264
template <class = void>
double interquartile_mean(std::span<const double> scores) {
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
template <class = void>
double interquartile_mean(MatrixView<const double> scores) {
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
template <class = void>
double probability_of_improvement(MatrixView<const double> x, MatrixView<const double> y) {
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
/// @param scores shape [runs][tasks], finite. @param thresholds any order. @throws ShapeError if there is no score,
/// NumericError
/// @par Source Agarwal et al. 2021, section 4.2 (run-score distributions)
template <class = void>
std::vector<double> performance_profile(MatrixView<const double> scores, std::span<const double> thresholds) {
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
 * @param config    block and method are ignored: scores are drawn singly, the ends are percentiles
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

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_BOOTSTRAP_HPP
