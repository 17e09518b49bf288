// SPDX-License-Identifier: MIT
/// @file
/// @brief The figures of an update and of the last episodes, and their names in the log.
#ifndef RLX_RL_DETAIL_UPDATE_LOG_HPP
#define RLX_RL_DETAIL_UPDATE_LOG_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <rlx/rl/detail/on_policy_loss.hpp>
#include <rlx/rl/learner.hpp>
#include <rlx/rl/logger.hpp>

namespace rlx::inline v0_1::detail {

/// Return and length of the last episodes, and how many there were since the count began.
struct EpisodeWindow {
  explicit EpisodeWindow(std::size_t size) : returns(size), lengths(size) {}

  void add(double episode_return, double length) {
    const auto slot = static_cast<std::size_t>(episodes % returns.size());
    returns[slot] = episode_return;
    lengths[slot] = length;
    ++episodes;
  }
  void clear() {
    std::fill(returns.begin(), returns.end(), 0.0);
    std::fill(lengths.begin(), lengths.end(), 0.0);
    episodes = 0;
  }
  double mean_return() const { return mean(returns); }
  double mean_length() const { return mean(lengths); }

  std::vector<double> returns, lengths;
  std::uint64_t episodes = 0;

 private:
  /// NaN before the first episode.
  double mean(const std::vector<double>& window) const {
    const std::size_t n = std::min<std::size_t>(static_cast<std::size_t>(episodes), window.size());
    if (n == 0) return std::numeric_limits<double>::quiet_NaN();
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) sum += window[i];
    return sum / static_cast<double>(n);
  }
};

/// What the means over an update are taken of.
struct UpdateTotals {
  LossSums sums;
  std::size_t rows = 0, minibatches = 0;  ///< whose loss was computed
  double grad_norm = 0.0;                 ///< of the steps taken
};

/// Fills in what is known at the end of an update only. @param value_std what value targets were divided by
/// @param clips whether clip figures mean something. @param squashed whether actions are a squashed Gaussian's
inline void finish_metrics(UpdateMetrics& m, const UpdateTotals& totals, double vf_coef, double value_std, bool clips,
                           bool squashed) {
  const LossSums& sums = totals.sums;
  const auto n = static_cast<double>(totals.rows);
  const auto batches = static_cast<double>(totals.minibatches);
  m.policy_gradient_loss = sums.policy / n;
  m.value_loss = sums.value / batches;
  // A squashed Gaussian's entropy has no closed form: the bonus is paid on the base's, the samples estimate its own.
  m.entropy = (squashed ? sums.minus_log_prob : sums.entropy) / n;
  m.entropy_loss = -sums.entropy / n;
  if (sums.rows_with_choice != 0) {
    m.entropy_rescaled = sums.rescaled_entropy / static_cast<double>(sums.rows_with_choice);
    m.entropy_share = sums.entropy / sums.log_valid;
  }
  m.loss = m.policy_gradient_loss + m.ent_coef * m.entropy_loss + vf_coef * m.value_loss + sums.extra / batches;
  m.value_loss *= value_std * value_std;  // in the units of the rewards
  m.approx_kl = sums.kl / n;
  m.approx_kl_k1 = sums.kl_k1 / n;
  if (clips) m.clip_fraction = static_cast<double>(sums.clipped) / n;
  if (m.minibatches != 0) m.grad_norm = totals.grad_norm / static_cast<double>(m.minibatches);
}

/// Which of the figures an algorithm and its actions have.
struct LoggedFigures {
  bool clips = false, discrete = false, scales_rewards = false;
  std::span<const float> log_std = {};
};

/// @tparam Log  Logger; a parameter so that a program compiles only what it uses, as with `record_progress`
template <class Log>
void record_update(Log& log, const UpdateMetrics& m, const LoggedFigures& figures) {
  log.record("train/approx_kl", m.approx_kl);
  log.record("train/approx_kl_k1", m.approx_kl_k1);
  if (figures.clips) {
    log.record("train/clip_fraction", m.clip_fraction);
    log.record("train/clip_range", m.clip_range);
  }
  log.record("train/entropy", m.entropy);
  log.record("train/entropy_loss", m.entropy_loss);
  if (figures.discrete) log.record("train/entropy_rescaled", m.entropy_rescaled);
  log.record("train/explained_variance", m.explained_variance);
  log.record("train/grad_norm", m.grad_norm);
  log.record("train/learning_rate", m.learning_rate);
  log.record("train/ent_coef", m.ent_coef);
  log.record("train/loss", m.loss);
  log.record("train/n_updates", static_cast<double>(m.n_updates));
  log.record("train/policy_gradient_loss", m.policy_gradient_loss);
  log.record("train/value_loss", m.value_loss);
  if (figures.scales_rewards) log.record("train/reward_std", m.reward_std);
  if (!figures.log_std.empty()) {
    double sum = 0.0;
    for (const float x : figures.log_std) sum += std::exp(static_cast<double>(x));
    log.record("train/std", sum / static_cast<double>(figures.log_std.size()));
  }
}

/// Progress of the run. @param steps made since `learn` began
template <class Log>
void record_progress(Log& log, const Learner& learner, std::uint64_t steps) {
  log.record("rollout/ep_rew_mean", learner.mean_episode_return());
  log.record("rollout/ep_len_mean", learner.mean_episode_length());
  const double seconds = learner.elapsed_seconds();
  log.record("time/iterations", static_cast<double>(learner.n_updates()));
  log.record("time/time_elapsed", seconds);
  log.record("time/total_timesteps", static_cast<double>(learner.num_timesteps()));
  log.record("time/fps", seconds > 0.0 ? static_cast<double>(steps) / seconds : 0.0);
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_UPDATE_LOG_HPP
