// SPDX-License-Identifier: MIT
/// @file
/// @brief A training run as callbacks see it, whatever the algorithm and the environment.
#ifndef RLX_RL_LEARNER_HPP
#define RLX_RL_LEARNER_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/rl/logger.hpp>
#include <rlx/rl/policy_layout.hpp>

namespace rlx::inline v0_1 {

/// Figures of one update: means over the minibatches whose loss was computed.
struct UpdateMetrics {
  double policy_gradient_loss = 0.0;  ///< the policy's term, which the update lowers
  double value_loss = 0.0;            ///< the critic's, before vf_coef; of values in the units of the (scaled) rewards
  double entropy_loss = 0.0;          ///< -mean entropy
  double entropy = 0.0;               ///< nats
  double entropy_rescaled =
      std::numeric_limits<double>::quiet_NaN();  ///< H ln(n) / ln(n_valid), over states with at least two valid actions
  double entropy_share = std::numeric_limits<double>::quiet_NaN();  ///< sum of H over sum of ln(n_valid); NaN without choices
  double loss = 0.0;                                                ///< the whole
  double approx_kl = 0.0;                                           ///< k3 estimator of KL(old || new), >= 0
  double approx_kl_k1 = 0.0;                                        ///< k1 estimator, of either sign
  double clip_fraction = 0.0;  ///< share of rows whose ratio left the clip range; 0 without clipping
  double clip_range = 0.0;     ///< of this update; 0 without clipping
  double explained_variance = std::numeric_limits<double>::quiet_NaN();  ///< NaN if the returns do not vary
  double grad_norm = 0.0;                                                ///< before clipping
  double learning_rate = 0.0;                                            ///< of this update
  double ent_coef = 0.0;                                                 ///< of this update
  double reward_std = 1.0;                                               ///< what rewards were divided by
  std::size_t minibatches = 0;                                           ///< optimiser steps taken
  bool stopped_by_kl = false;                                            ///< target_kl ended the update
  std::uint64_t n_updates = 0;                                           ///< updates so far, this one included
};

/// The best evaluation so far; part of the checkpoint.
struct BestScore {
  double score = 0.0;               ///< what was compared
  std::uint64_t num_timesteps = 0;  ///< at the evaluation
  std::uint64_t episode = 0;        ///< episodes finished by then
};

/// What a callback may ask of the running learner, and do to it.
class Learner {
 public:
  /// @{ Not copied: callbacks keep pointers to it.
  Learner() = default;
  Learner(const Learner&) = delete;
  Learner& operator=(const Learner&) = delete;
  virtual ~Learner() = default;
  /// @}

  virtual std::uint64_t num_timesteps() const = 0;       ///< steps of all environments together; see reset_num_timesteps
  virtual std::uint64_t total_timesteps() const = 0;     ///< where this `learn` ends
  virtual std::uint64_t num_episodes() const = 0;        ///< finished since num_timesteps was 0
  virtual std::uint64_t n_updates() const = 0;           ///< made so far
  virtual const UpdateMetrics& last_update() const = 0;  ///< zeros and NaN before the first
  virtual double mean_episode_return() const = 0;        ///< of the last stats_window_size episodes; NaN before the first
  virtual double mean_episode_length() const = 0;        ///< likewise, in steps
  virtual std::uint64_t wall_ms() const = 0;             ///< UTC, of the clock the learner was given
  virtual double elapsed_seconds() const = 0;            ///< since `learn` began
  /// Floating-point operations of training so far, nominal: forward F, forward and backward 3 F per row.
  virtual double total_flops() const = 0;
  /// A copy of the policy as it is now. Allocates.
  virtual InferencePolicy policy() const = 0;
  /// Writes a checkpoint. @throws IoError
  /// @throws CheckpointError between a rollout and its update, which are on_episode and on_rollout_end of a callback, and after
  ///         an exception within an iteration until another one is whole
  virtual void save(std::string_view path) const = 0;
  /// Writes the policy alone, with `info`, for `InferencePolicy::load`. @throws IoError
  virtual void export_policy(std::string_view path, const PolicyInfo& info) const = 0;
  virtual Logger* logger() const = 0;  ///< nullptr if nothing is logged
  /// What readers of the log and the manifest should know: settings that work but may not be meant, a load that was not exact.
  virtual std::vector<std::string> warnings() const { return {}; }

  std::optional<BestScore> best;             ///< kept by the EvalCallback whose name is "eval"
  std::map<std::string, std::string> notes;  ///< texts of callbacks and programs; saved and restored, never compared
};

/// Called by `learn` on the calling thread. Returning false stops after the current update. Calling `learn` throws.
class Callback {
 public:
  /// @{ Not copied: `learn` is given a pointer to it.
  Callback() = default;
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
  virtual ~Callback() = default;
  /// @}
  /// Under which a callback keeps its state in `Learner::notes`; no two of one `learn` may share it. Empty: it keeps none.
  virtual std::string_view state_name() const { return {}; }
  /// At the start of `learn`, before the first rollout.
  virtual void on_training_start(Learner&) {}
  /// Before each rollout.
  virtual void on_rollout_start(Learner&) {}
  /// After each rollout, before its update and after its `on_episode`s.
  virtual bool on_rollout_end(Learner&) { return true; }
  /// Finished episodes in (time, environment) order, after the rollout and before its update.
  virtual bool on_episode(Learner&, const EpisodeRecord&) { return true; }
  /// After each update; `last_update` has its figures.
  virtual bool on_update_end(Learner&) { return true; }
  /// Behind `on_update_end` of all callbacks, whatever their order: here a checkpoint has the state of all of them.
  virtual void on_checkpoint(Learner&) {}
  /// Also when a callback or the stop flag ended the training; not after an exception.
  virtual void on_training_end(Learner&) {}
};

/// What `learn` may be told. Callbacks, logs and the stop flag do not change what is learned, except by ending it;
/// `reset_num_timesteps` does: from 0, schedules begin anew and every environment starts its next episode.
struct LearnOptions {
  std::vector<Callback*> callbacks = {};  ///< called in order; must outlive the call
  Logger* logger = nullptr;               ///< nothing is logged without one; must outlive the call
  std::uint64_t log_interval = 1;         ///< updates between two dumps, >= 1
  /// true: count timesteps and episodes from 0. false: continue; total_timesteps then counts additional steps. As in
  /// Stable-Baselines3.
  bool reset_num_timesteps = true;
  const std::atomic<bool>* stop = nullptr;  ///< set from a signal handler or another thread: ends after the current update
};

/// How `learn` ended.
struct LearnResult {
  std::uint64_t num_timesteps = 0;  ///< when it ended
  std::uint64_t n_updates = 0;      ///< made so far, those of earlier calls included
  bool stopped = false;             ///< by a callback or the stop flag
};

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_LEARNER_HPP
