// SPDX-License-Identifier: MIT
/// @file
/// @brief Trains again by time, by count or because the world has moved; and takes back a model that turned out worse.
#ifndef RLX_SIGNALS_RETRAINING_LOOP_HPP
#define RLX_SIGNALS_RETRAINING_LOOP_HPP

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/signals/clock.hpp>
#include <rlx/signals/core_agent_logger.hpp>
#include <rlx/signals/drift.hpp>
#include <rlx/signals/recent_context.hpp>
#include <rlx/signals/training_module.hpp>

namespace rlx::inline v0_1::signals {

/// When a training is due.
struct RetrainingConfig {
  Seconds interval = 3'600;     ///< between trainings, above 0
  std::size_t min_new = 50;     ///< new labelled signals that make a training due before the interval; 0: never by count
  double psi = 0.2;             ///< drift of a feature that makes one due, above 0
  std::size_t min_drift = 100;  ///< new signals before drift is looked for
  std::optional<Seconds> check_every = {};  ///< how often count and drift are looked at, above 0; none: at each interval only
  std::size_t max_failures = 3;             ///< failures in a row that end the loop, at least 1
  Target target = Target::rejected;         ///< what is trained
};

/// Why a training took place.
enum class RetrainTrigger : std::uint8_t { none, first, drift, time, count };

/// Name of the enumerator, as in the log; "?" for a value that is none.
constexpr std::string_view name_of(RetrainTrigger trigger) {
  constexpr std::string_view names[] = {"none", "first", "drift", "time", "count"};
  return static_cast<std::size_t>(trigger) < std::size(names) ? names[static_cast<std::size_t>(trigger)] : "?";
}

/// What one round did.
struct RetrainResult {
  bool trained = false;                           ///< a challenger was trained, or there were too few rows for one
  bool promoted = false;                          ///< it is the active model now
  bool rolled_back = false;                       ///< the active model gave way to the one before
  RetrainTrigger trigger = RetrainTrigger::none;  ///< why a training took place; `none`: it did not
  TrainReport report{};                           ///< of the training, if there was one
  RollbackCheck rollback{};                       ///< of the active model against the one before
  DriftReport drift{};                            ///< of the new signals
  std::string error{};                            ///< of a round that failed
};

/**
 * @brief Runs the training module on the time of a clock.
 *
 * A round first rolls back an active model that its predecessor beats on at least 100 new signals, then trains if a training is
 * due: without a model yet, by drift, because `interval` has passed since the last one, or by `min_new` new labelled signals.
 * A round that fails is logged and leaves the active model; `max_failures` in a row stop the loop.
 *
 * `run_once` and `run_retraining` are one thread's; `failed` and `rounds` may be asked from any.
 */
template <SignalLearner L>
class RetrainingLoop {
 public:
  /// All three must outlive the loop. @throws ConfigError naming the field
  RetrainingLoop(TrainingModule<L>& training, RecentContext& context, ClockRef clock, RetrainingConfig config = {})
      : training_(&training), clock_(clock), config_(config) {
    static_cast<void>(context);  // the module reads it; named here because the two belong together
    const auto above_zero = [](const char* name, double value) {
      if (!is_finite(value) || !(value > 0)) {
        throw ConfigError(std::string("RetrainingConfig.") + name + " must be finite and above 0, got " +
                          std::to_string(value));
      }
    };
    above_zero("interval", config.interval);
    above_zero("psi", config.psi);
    above_zero("check_every", config.check_every.value_or(1));
    if (config.max_failures == 0) throw ConfigError("RetrainingConfig.max_failures must be at least 1, got 0");
    last_training_ = seen_ = clock_.now();
    seen_monotonic_ = clock_.monotonic_seconds();
  }

  /// One round now. An empty memory skips it, which is logged; nothing due is not.
  RetrainResult run_once() {
    RetrainResult result;
    try {
      round(result);
      if (result.report.failed) {
        result.error = result.report.reason;  // the module has logged it
        ++failures_;
      } else {
        failures_ = 0;
      }
    } catch (const std::exception& error) {
      result.error = error.what();
      ++failures_;
      if (CoreAgentLogger* const logger = training_->logger()) {
        logger->log_error("run_retraining", LogFields::object({{"problem", error.what()}, {"failures", failures_.load()}}));
      }
    }
    ++rounds_;
    return result;
  }

  /**
   * @brief A round at each interval since the last training, or since this object was made, and at each `check_every`
   *        before it, until a stop is requested.
   *
   * Returns at once when it is, or after the training that is going on; also after `max_failures` failures in a row. Intervals
   * that passed while a training went on, or while the machine slept, are made up for by one round. If the clock goes back, one
   * error is logged and the old time is waited for.
   * @throws what the log throws: nothing goes on unlogged
   */
  void run_retraining(std::stop_token stop) {
    Seconds next = last_training_ + step();
    while (!failed() && clock_.wait_until(next - half_millisecond, stop) && !stop.stop_requested()) {
      look_at_clock();
      run_once();
      next += (std::max(0.0, std::floor((clock_.now() - next + half_millisecond) / step())) + 1) * step();
    }
    if (failed()) {
      if (CoreAgentLogger* const logger = training_->logger()) {
        logger->log_error("run_retraining",
                          LogFields::object({{"problem", "stopped after failures in a row"}, {"failures", failures_.load()}}));
      }
    }
  }

  /// Whether failures in a row have stopped the loop.
  bool failed() const noexcept { return failures_ >= config_.max_failures; }
  /// Rounds made so far.
  std::size_t rounds() const noexcept { return rounds_; }
  /// As given.
  const RetrainingConfig& config() const noexcept { return config_; }

 private:
  /// A clock of milliseconds may show the end of an interval a rounding early.
  static constexpr Seconds half_millisecond = 5e-4;

  Seconds step() const { return std::min(config_.interval, config_.check_every.value_or(config_.interval)); }

  void round(RetrainResult& result) {
    const Seconds now = clock_.now();
    const SignalDataset dataset = training_->prepare_dataset(config_.target);
    if (dataset.rows.empty()) {
      if (CoreAgentLogger* const logger = training_->logger()) {
        logger->log_info("run_retraining", LogFields::object({{"skipped", "the memory holds no signal"}}));
      }
      return;
    }
    result.rollback = training_->check_rollback(dataset);
    if (result.rollback.worse) {
      result.rolled_back = training_->rollback(
          "version before is better on " + std::to_string(result.rollback.rows) + " new signals: Brier score " +
              std::to_string(result.rollback.previous_brier) + " against " + std::to_string(result.rollback.active_brier) +
              ", p " + std::to_string(result.rollback.p_value),
          config_.target);
    }
    result.trigger = due(dataset, now, result.drift);
    if (result.trigger == RetrainTrigger::none) return;
    last_training_ = now;
    labelled_until_ = dataset.rows.back().signal.timestamp;
    result.trained = true;
    result.report = training_->train_model(dataset, name_of(result.trigger));
    result.promoted = result.report.updated;
  }

  RetrainTrigger due(const SignalDataset& dataset, Seconds now, DriftReport& drift) const {
    const auto active = training_->registry().active(config_.target);
    drift = training_->drift(dataset, {.psi = config_.psi, .min_signals = config_.min_drift});
    if (drift.drift) return RetrainTrigger::drift;
    if (now - last_training_ >= config_.interval - half_millisecond) {
      return active == nullptr ? RetrainTrigger::first : RetrainTrigger::time;
    }
    std::optional<double> known = labelled_until_;
    if (!known && active != nullptr) known = active->data_until;  // the model is an earlier process's
    std::size_t fresh = 0;
    for (const SignalRow& row : dataset.rows) fresh += row.label && (!known || row.signal.timestamp > *known) ? 1U : 0U;
    if (config_.min_new == 0 || fresh < config_.min_new) return RetrainTrigger::none;
    return active == nullptr ? RetrainTrigger::first : RetrainTrigger::count;
  }

  /// Logs a time of day that has gone back against the time that has passed.
  void look_at_clock() {
    const Seconds now = clock_.now(), monotonic = clock_.monotonic_seconds();
    const Seconds back = (monotonic - seen_monotonic_) - (now - seen_);
    if (CoreAgentLogger* const logger = training_->logger(); logger != nullptr && back > 1) {
      logger->log_error("clock_went_back", LogFields::object({{"seconds", back}, {"now", now}}));
    }
    seen_ = now;
    seen_monotonic_ = monotonic;
  }

  TrainingModule<L>* training_;
  ClockRef clock_;
  RetrainingConfig config_;
  Seconds last_training_ = 0;
  Seconds seen_ = 0, seen_monotonic_ = 0;  // the clock when it was looked at last
  std::optional<double> labelled_until_;   // newest signal of the last training
  std::atomic<std::size_t> failures_{0};
  std::atomic<std::size_t> rounds_{0};
};

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_RETRAINING_LOOP_HPP
