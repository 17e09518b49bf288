// SPDX-License-Identifier: MIT
/// @file
/// @brief What happens beside the learning: judging on the held-out views, the history behind the checks, console lines, logs.
#ifndef KALSHI_MARKET_AGNOSTIC_TRAINING_CALLBACKS_HPP
#define KALSHI_MARKET_AGNOSTIC_TRAINING_CALLBACKS_HPP

#include "common/run_main.hpp"
#include "scoring.hpp"
#include "view_sampler.hpp"

#include <rlx/rl/callbacks.hpp>
#include <rlx/rl/log_outputs.hpp>
#include <rlx/rl/logger.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace app {

/// One line of a training run, shown at once; on a terminal the line of progress makes room. Nothing with --quiet.
template <class... Args>
void say(const Options& o, fmt::format_string<Args...> format, Args&&... args) {
  if (o.quiet) return;
  if (isatty(STDOUT_FILENO) != 0) fmt::print("\r\x1b[K");
  fmt::print(format, std::forward<Args>(args)...);
  std::fflush(stdout);
}

/// What a rollout tells beside the figures of its update.
struct RolloutFigures {
  double legal_entropy = 0.0;  ///< mean of ln(legal actions)
  double value_mean = 0.0;     ///< of the critic
};

/// Keeps the history that the checks read, at most some hundred records of a run; part of every checkpoint, so that a resumed
/// run is judged as a whole.
class HistoryCallback final : public rlx::Callback {
 public:
  /// @param rollout  reads the rollout that has just been collected
  HistoryCallback(std::uint64_t total_steps, std::function<RolloutFigures()> rollout);
  void on_training_start(rlx::Learner& learner) override;
  bool on_episode(rlx::Learner& learner, const rlx::EpisodeRecord& record) override;
  bool on_rollout_end(rlx::Learner& learner) override;
  bool on_update_end(rlx::Learner& learner) override;

  void add(const kalshi::EvaluationRecord& evaluation, rlx::Learner& learner);
  const kalshi::TrainingHistory& history() const noexcept { return history_; }

 private:
  void end_record(rlx::Learner& learner);
  void keep(rlx::Learner& learner) const;

  std::uint64_t record_steps_;
  std::function<RolloutFigures()> rollout_;
  kalshi::TrainingHistory history_;
  kalshi::UpdateRecord sum_;  // over the updates of the record to come
  std::size_t updates_ = 0, episodes_ = 0;
  double rewards_ = 0.0;
  std::uint64_t recorded_at_ = 0;
};

/// Plays all held-out views and those of the first stage with the deterministic policy, logs the figures, and keeps the model
/// with the highest held-out mean reward; a tie keeps the earlier one.
class HeldOutCallback final : public rlx::Callback {
 public:
  HeldOutCallback(const Options& o, const Selection& held_out, const Selection& first_stage, std::string best_path,
                  HistoryCallback& history, rlx::ThreadPool& threads);
  void on_training_start(rlx::Learner& learner) override;
  bool on_update_end(rlx::Learner& learner) override;
  void on_training_end(rlx::Learner& learner) override;

 private:
  void evaluate(rlx::Learner& learner);

  const Options* o_;
  const Selection* held_out_;
  const Selection* first_stage_;
  std::string best_path_;
  HistoryCallback* history_;
  rlx::ThreadPool* threads_;
  rlx::detail::Milestones milestones_;
  std::uint64_t evaluated_at_ = 0, begun_at_ = 0;
};

/// Says when a stage or a phase ends, and why.
class SamplerCallback final : public rlx::Callback {
 public:
  SamplerCallback(const Options& o, std::function<std::span<const curriculum::SamplerEvent>()> events)
      : o_(&o), events_(std::move(events)) {}
  void on_training_start(rlx::Learner&) override { told_ = events_().size(); }
  bool on_update_end(rlx::Learner& learner) override;

 private:
  const Options* o_;
  std::function<std::span<const curriculum::SamplerEvent>()> events_;
  std::size_t told_ = 0;
};

/// Episodes of one view in training.
struct ViewTally {
  std::uint64_t episodes = 0, wins = 0, steps = 0;
  double mean = 0.0, squares = 0.0;  ///< of the reward: mean, sum of squared deviations
  double low = 0.0, high = 0.0;      ///< of the reward
  double equity = 0.0;               ///< sum of the final values
};

/// Counts the episodes of each view; part of every checkpoint. A mirrored view counts as its view. Logs
/// `sources/<name>/{ep_rew_std,ep_rew_min,ep_rew_max,final_equity}` over the run so far, beside rlx::SourceStatistics.
class TallyCallback final : public rlx::Callback {
 public:
  /// @param names  of the views, in their order; further ones are ignored
  TallyCallback(std::vector<std::string> names, std::size_t views) : names_(std::move(names)), tallies_(views) {}
  void on_training_start(rlx::Learner& learner) override;
  bool on_episode(rlx::Learner& learner, const rlx::EpisodeRecord& record) override;
  bool on_update_end(rlx::Learner& learner) override;
  const std::vector<ViewTally>& tallies() const noexcept { return tallies_; }

 private:
  std::vector<std::string> names_;
  std::vector<ViewTally> tallies_;
  bool changed_ = false;  // since the note was written
};

/// Ends training at a step or at an interruption, and saves checkpoints: both at updates whose figures are logged, so that none
/// waits in the logger and a resumed run continues the logs as if it had not been away.
class StopAndSave final : public rlx::Callback {
 public:
  /// @param stop_after    0: at an interruption only
  /// @param log_interval  updates between two dumps of the logger
  StopAndSave(std::uint64_t stop_after, std::uint64_t log_interval, rlx::CheckpointCallback& checkpoints)
      : stop_after_(stop_after), log_interval_(log_interval), checkpoints_(&checkpoints) {}
  void on_training_start(rlx::Learner& learner) override { checkpoints_->on_training_start(learner); }
  bool on_update_end(rlx::Learner& learner) override {
    const bool due = interrupted || (stop_after_ != 0 && learner.num_timesteps() >= stop_after_);
    return !due || !logged(learner);
  }
  void on_checkpoint(rlx::Learner& learner) override {
    if (logged(learner)) checkpoints_->on_checkpoint(learner);
  }
  void on_training_end(rlx::Learner& learner) override { checkpoints_->on_training_end(learner); }

 private:
  bool logged(const rlx::Learner& learner) const { return learner.n_updates() % log_interval_ == 0; }

  std::uint64_t stop_after_, log_interval_;
  rlx::CheckpointCallback* checkpoints_;
};

/// `progress.csv` without the columns of single markets, which are for TensorBoard.
class ProgressCsv final : public rlx::LogOutput {
 public:
  ProgressCsv(std::string path, bool append, std::uint64_t last_step) : csv_(std::move(path), append, last_step) {}
  void open(double wall_time) override { csv_.open(wall_time); }
  void write(const rlx::LogRow& row) override {
    auto values = *row.values;
    std::erase_if(values, [](const auto& entry) { return entry.first.rfind("sources/", 0) == 0; });
    csv_.write({row.step, row.wall_time, &values});
  }

 private:
  rlx::CsvOutput csv_;
};

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_TRAINING_CALLBACKS_HPP
