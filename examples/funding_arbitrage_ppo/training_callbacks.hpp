// SPDX-License-Identifier: MIT
/// @file
/// @brief What happens beside the learning: judging on the validation window, console lines, TensorBoard, an early stop.
#ifndef FUNDING_ARBITRAGE_PPO_TRAINING_CALLBACKS_HPP
#define FUNDING_ARBITRAGE_PPO_TRAINING_CALLBACKS_HPP

#include "commands.hpp"
#include "report.hpp"

#include <rlx/io/tensorboard.hpp>
#include <rlx/rl/callbacks.hpp>
#include <rlx/rl/health.hpp>

#include <fmt/format.h>
#include <nlohmann/json_fwd.hpp>

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
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

class MonitorCallback;

/// Scores the policy on the validation window and keeps the best model.
///
/// Score: mean log growth per day of the deterministic policy over the whole window (over the panel with sampled
/// configurations), averaged over the last three evaluations; a tie keeps the earlier model. The history is part of the
/// checkpoint, so a resumed run chooses as an uninterrupted one does.
class ValidationCallback final : public rlx::Callback {
 public:
  ValidationCallback(const Options& o, const Data& data, const funding::Fold& fold, std::string best_path,
                     MonitorCallback& monitor, rlx::ThreadPool& threads);
  void on_training_start(rlx::Learner& learner) override;
  bool on_update_end(rlx::Learner& learner) override;
  void on_training_end(rlx::Learner& learner) override;

  /// Judges the model now if none was chosen yet: a run too short for an evaluation still leaves a best model.
  void choose_one(rlx::Learner& learner);
  /// Begins the choice anew: scores on other data do not compare.
  static void forget(rlx::Learner& learner);

  struct Evaluation {
    std::uint64_t step = 0;
    std::uint64_t episode = 0;
    double growth_per_day = 0.0;  ///< of this model
    double score = 0.0;           ///< averaged
    double reward_mean = 0.0, reward_std = 0.0;
    double trades = 0.0, max_drawdown = 0.0;
  };
  /// Evaluations since this object began.
  const std::vector<Evaluation>& evaluations() const noexcept { return evaluations_; }
  /// Evaluations of the whole run, resumed parts included.
  static std::size_t candidates(const rlx::Learner& learner);
  static nlohmann::json history_json(const rlx::Learner& learner);

 private:
  void evaluate(rlx::Learner& learner);

  const Options* o_;
  const Data* data_;
  funding::Window window_;
  std::string best_path_;
  MonitorCallback* monitor_;  ///< told about every evaluation
  rlx::ThreadPool* threads_;
  rlx::detail::Milestones milestones_;
  std::vector<Evaluation> evaluations_;
};

/// What to do about liquidations and about episodes that lose everything.
inline constexpr const char* loss_advice = "reduce --max-leverage or raise --liquidation-buffer; check data";

/// The seed's console lines per logged episode, a warning where a position was liquidated, and the TensorBoard tags of the
/// specification.
class MonitorCallback final : public rlx::Callback {
 public:
  explicit MonitorCallback(const Options& o);
  void on_training_start(rlx::Learner& learner) override;
  bool on_episode(rlx::Learner& learner, const rlx::EpisodeRecord& record) override;
  bool on_update_end(rlx::Learner& learner) override;

  /// Writes the TensorBoard figures of an evaluation.
  void evaluated(const ValidationCallback::Evaluation& e, const rlx::Learner& learner);

  /// Liquidations in training episodes; after one, the next 100 updates are quiet.
  const std::vector<rlx::HealthWarning>& warnings() const noexcept { return warnings_; }

  /// Figures of every update beside the validation scores, for the report.
  std::vector<LearningPoint> learning(const ValidationCallback& validation) const;

 private:
  double fps(const rlx::Learner& learner) const;
  void warn_of_liquidations(const rlx::Learner& learner, std::uint64_t episode, double count);

  const Options* o_;
  std::unique_ptr<rlx::io::TensorBoardWriter> tensorboard_;
  std::vector<LearningPoint> points_;
  std::vector<rlx::HealthWarning> warnings_;
  std::optional<std::uint64_t> warned_at_update_;
  std::uint64_t first_step_ = 0;
};

/// Ends training at a step, as an interruption would.
class StopAfter final : public rlx::Callback {
 public:
  explicit StopAfter(std::uint64_t steps) : steps_(steps) {}
  bool on_update_end(rlx::Learner& learner) override { return steps_ == 0 || learner.num_timesteps() < steps_; }

 private:
  std::uint64_t steps_;
};

}  // namespace app

#endif  // FUNDING_ARBITRAGE_PPO_TRAINING_CALLBACKS_HPP
