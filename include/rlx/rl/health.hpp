// SPDX-License-Identifier: MIT
/// @file
/// @brief Warns when the figures of a training run leave the range in which such runs succeed, with what to do about it.
#ifndef RLX_RL_HEALTH_HPP
#define RLX_RL_HEALTH_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/rl/learner.hpp>

namespace rlx::inline v0_1 {

/// Limits and advice. The texts name the program's own flags or fields, so a program sets its own. A limit of NaN is off.
struct HealthLimits {
  double entropy_share_good = 0.42;      ///< good above this share of the mean ln(number of valid actions): 1.5 nats of ln 36
  double entropy_share_stuck = 0.14;     ///< bad below (0.5 nats of ln 36)
  double approx_kl_good = 0.05;          ///< good below
  double approx_kl_bad = 0.1;            ///< bad above
  double clip_fraction_good_low = 0.1;   ///< good from here ...
  double clip_fraction_good_high = 0.3;  ///< ... to here
  double clip_fraction_low = 0.02;       ///< bad below
  double clip_fraction_high = 0.5;       ///< bad above
  double clip_range_judged = 0.02;       ///< below this clip range, which may anneal to 0, its fraction says nothing
  double value_loss_factor = 10.0;       ///< above this multiple of its median over the last 100 updates
  double episode_return_bad = std::numeric_limits<double>::quiet_NaN();  ///< an episode below it
  std::uint64_t flat_episodes = 500;  ///< the mean return moved by less than `flat_share` of its spread over this many
  double flat_share = 0.05;           ///< see flat_episodes
  std::uint64_t quiet_updates = 100;  ///< a metric is reported at most once in this many updates; 0: at every breach
  /// @{ What to do, as the warning says it: last part of the line.
  std::string entropy_advice = "the agent is stuck: increase ent_coef";
  std::string kl_advice = "lower learning_rate";
  std::string clip_low_advice = "updates hardly change the policy: raise learning_rate or n_epochs";
  std::string clip_high_advice = "lower learning_rate or n_epochs";
  std::string value_advice = "lower learning_rate or vf_coef";
  std::string flat_advice = "the mean reward has stopped moving: the run may need tuning";
  std::string return_advice = "check the data and the limits of the environment";
  /// @}
};

/// Where a figure stands: in its good range, outside it but within its limits, or beyond a limit.
enum class HealthMark : std::int8_t { bad = -1, fair = 0, good = 1 };

/// The figures of one update by their limits.
struct HealthMarks {
  /// @{ Of `UpdateMetrics::entropy_share`, `approx_kl` and `clip_fraction`.
  HealthMark entropy = HealthMark::fair;
  HealthMark approx_kl = HealthMark::fair;
  HealthMark clip_fraction = HealthMark::fair;
  /// @}
};

namespace detail {

/// Without a range nothing is clipped, within a tiny one every change of the policy: neither is news.
inline bool judges_clipping(const UpdateMetrics& m, const HealthLimits& limits) {
  return m.clip_range > 0.0 && m.clip_range >= limits.clip_range_judged;
}

}  // namespace detail

/// A figure that is not finite is fair: nothing is known of it. So is the clip fraction where `clip_range_judged` says so.
inline HealthMarks health_marks(const UpdateMetrics& m, const HealthLimits& limits = {}) {
  const auto mark = [](bool good, bool bad) { return bad ? HealthMark::bad : good ? HealthMark::good : HealthMark::fair; };
  HealthMarks marks;
  if (is_finite(m.entropy_share)) {
    marks.entropy = mark(m.entropy_share > limits.entropy_share_good, m.entropy_share < limits.entropy_share_stuck);
  }
  if (is_finite(m.approx_kl)) {
    marks.approx_kl = mark(m.approx_kl<limits.approx_kl_good, m.approx_kl> limits.approx_kl_bad);
  }
  if (is_finite(m.clip_fraction) && detail::judges_clipping(m, limits)) {
    marks.clip_fraction =
        mark(m.clip_fraction >= limits.clip_fraction_good_low && m.clip_fraction <= limits.clip_fraction_good_high,
             m.clip_fraction < limits.clip_fraction_low || m.clip_fraction > limits.clip_fraction_high);
  }
  return marks;
}

/// One breach of a limit.
struct HealthWarning {
  std::uint64_t num_timesteps = 0;  ///< of the learner at the breach
  std::string metric;               ///< "entropy", "KL", "clip fraction", "value loss", "mean reward" or "episode reward"
  double value = 0.0;               ///< that breached the limit
  std::string text;                 ///< one line, advice included
};

/// Calls a function with one line when a figure breaches its limit. A breach is reported once, and one metric at most once in
/// `quiet_updates` updates, so that a figure hovering around its limit does not fill the log; a breach that still holds when
/// that time is over is reported then. The marks of every update go to the log as `health/{entropy,approx_kl,clip_fraction}`:
/// 1 good, 0 fair, -1 bad. Training is not changed.
/// Called HealthCallback. @tparam L  Learner; a parameter so that a program compiles only what it uses
template <class L>
class BasicHealthCallback final : public Callback {
 public:
  /// `report` is called on the thread of `learn`; empty: warnings are kept only.
  explicit BasicHealthCallback(std::function<void(const HealthWarning&)> report, HealthLimits limits = {})
      : report_(std::move(report)), limits_(std::move(limits)) {}

  bool on_episode(Learner& learner, const EpisodeRecord& record) override {
    const double value = record.statistics.episode_return;
    check(learner, bad_return_, is_finite(limits_.episode_return_bad) && value < limits_.episode_return_bad, "episode reward",
          value, "below " + io::fixed(limits_.episode_return_bad, 2) + ": " + limits_.return_advice);
    means_.push_back(learner.mean_episode_return());
    sum_ += value;
    squares_ += value * value;
    ++episodes_;
    if (limits_.flat_episodes != 0 && means_.size() >= limits_.flat_episodes) check_flat(learner);
    return true;
  }

  bool on_update_end(Learner& learner) override {
    ++updates_;
    const UpdateMetrics& m = learner.last_update();
    if (Logger* const logger = learner.logger()) {
      const HealthMarks marks = health_marks(m, limits_);
      logger->record("health/entropy", static_cast<double>(marks.entropy));
      logger->record("health/approx_kl", static_cast<double>(marks.approx_kl));
      logger->record("health/clip_fraction", static_cast<double>(marks.clip_fraction));
    }
    check(learner, stuck_, m.entropy_share < limits_.entropy_share_stuck, "entropy", m.entropy_rescaled,
          "only " + io::fixed(100.0 * m.entropy_share, 0) + " % of the largest possible: " + limits_.entropy_advice);
    check(learner, kl_, m.approx_kl > limits_.approx_kl_bad, "KL", m.approx_kl,
          "above " + io::trimmed(limits_.approx_kl_bad, 3) + ": " + limits_.kl_advice);
    const bool clips = detail::judges_clipping(m, limits_);
    check(learner, clip_low_, clips && m.clip_fraction < limits_.clip_fraction_low, "clip fraction", m.clip_fraction,
          "below " + io::trimmed(limits_.clip_fraction_low, 3) + ": " + limits_.clip_low_advice);
    check(learner, clip_high_, clips && m.clip_fraction > limits_.clip_fraction_high, "clip fraction", m.clip_fraction,
          "above " + io::trimmed(limits_.clip_fraction_high, 3) + ": " + limits_.clip_high_advice);
    const double usual = median_value_loss();
    check(learner, value_, is_finite(usual) && m.value_loss > limits_.value_loss_factor * usual, "value loss", m.value_loss,
          "more than " + io::trimmed(limits_.value_loss_factor, 1) + " times its median of " + io::compact(usual) + ": " +
              limits_.value_advice);
    value_losses_.push_back(m.value_loss);
    if (value_losses_.size() > 100) value_losses_.erase(value_losses_.begin());
    return true;
  }

  /// All warnings so far.
  const std::vector<HealthWarning>& warnings() const noexcept { return warnings_; }

 private:
  // @param told  whether the present breach of this limit has been reported; false while there is none
  void check(const L& learner, bool& told, bool breach, const char* metric, double value, const std::string& why) {
    if (!breach || !is_finite(value)) {
      told = false;
      return;
    }
    const auto last = reported_at_.find(metric);
    if (told || (last != reported_at_.end() && updates_ - last->second < limits_.quiet_updates)) return;
    told = true;
    reported_at_[metric] = updates_;
    warnings_.push_back({learner.num_timesteps(), metric, value, std::string(metric) + ' ' + io::compact(value) + ' ' + why});
    if (report_) report_(warnings_.back());
  }

  void check_flat(const L& learner) {
    const auto [low, high] = std::minmax_element(means_.begin(), means_.end());
    const auto n = static_cast<double>(episodes_);
    const double spread = std::sqrt(std::max(0.0, squares_ / n - (sum_ / n) * (sum_ / n)));
    check(learner, flat_, *high - *low < limits_.flat_share * spread, "mean reward", means_.back(),
          "within " + io::compact(*high - *low) + " over " + std::to_string(limits_.flat_episodes) +
              " episodes: " + limits_.flat_advice);
    means_.clear();
  }

  /// Infinity until there are ten updates to compare with; then no limit holds.
  double median_value_loss() const {
    if (value_losses_.size() < 10) return std::numeric_limits<double>::infinity();
    std::vector<double> sorted = value_losses_;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
    return sorted[sorted.size() / 2];
  }

  std::function<void(const HealthWarning&)> report_;
  HealthLimits limits_;
  std::vector<HealthWarning> warnings_;
  std::vector<double> means_, value_losses_;
  double sum_ = 0.0, squares_ = 0.0;
  std::uint64_t episodes_ = 0, updates_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> reported_at_;  // per metric, the update of its last warning
  bool bad_return_ = false, stuck_ = false, kl_ = false, clip_low_ = false, clip_high_ = false, value_ = false, flat_ = false;
};

/// As programs use it. @see BasicHealthCallback
using HealthCallback = BasicHealthCallback<Learner>;

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_HEALTH_HPP
