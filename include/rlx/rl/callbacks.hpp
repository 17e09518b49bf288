// SPDX-License-Identifier: MIT
/// @file
/// @brief What most training runs want beside learning: evaluation with the best model kept, early stops, checkpoints,
/// figures per source, a progress line.
#ifndef RLX_RL_CALLBACKS_HPP
#define RLX_RL_CALLBACKS_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/detail/strict_json.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/rl/checkpoint.hpp>
#include <rlx/rl/detail/learner_notes.hpp>
#include <rlx/rl/evaluation.hpp>
#include <rlx/rl/learner.hpp>
#include <rlx/rl/statistics.hpp>

namespace rlx::inline v0_1 {

/// What a frequency counts.
enum class CountUnit : std::uint8_t { timesteps, episodes };

namespace detail {

/// Says when a counter passes a multiple of a frequency; needs no state in a checkpoint.
class Milestones {
 public:
  Milestones(std::uint64_t every, CountUnit unit) : every_(every), unit_(unit) {
    if (every == 0) throw ConfigError("a callback's frequency is 0; it must be at least 1");
  }
  void start(const Learner& learner) { seen_ = count(learner); }
  /// The multiple that was passed since the last call, if any (the highest one).
  std::optional<std::uint64_t> passed(const Learner& learner) {
    const std::uint64_t before = std::exchange(seen_, count(learner));
    if (seen_ / every_ == before / every_) return std::nullopt;
    return seen_ / every_ * every_;
  }
  /// Whether the learner was at or behind a count when it was last looked at.
  bool reached(std::uint64_t at) const noexcept { return at <= seen_; }

 private:
  std::uint64_t count(const Learner& learner) const {
    return unit_ == CountUnit::timesteps ? learner.num_timesteps() : learner.num_episodes();
  }
  std::uint64_t every_;
  CountUnit unit_;
  std::uint64_t seen_ = 0;
};

}  // namespace detail

/// When and how an `EvalCallback` evaluates.
struct EvalCallbackConfig {
  std::uint64_t eval_freq = 10'000;       ///< evaluate at the first update end at or behind each multiple
  CountUnit unit = CountUnit::timesteps;  ///< what eval_freq counts
  std::size_t n_eval_episodes = 10;       ///< of each evaluation, >= 1
  bool deterministic = true;              ///< the most probable action; false: drawn
  /// While something is logged, also evaluate the policy's other half (drawn actions beside the most probable ones) on the same
  /// episodes: eval/sampled_reward (or deterministic_reward), and eval/deterministic_gain, deterministic less sampled per
  /// episode, with its 95 % bootstrap interval deterministic_gain_{low,high}.
  bool both = false;
  std::uint64_t seed = 0;                       ///< the same episodes at every evaluation
  std::size_t num_envs = 1;                     ///< copies of the environment, >= 1; changes nothing but the time it takes
  std::uint64_t max_episode_steps = 1'000'000;  ///< a longer episode is an EnvironmentError
  ThreadPool* pool = nullptr;        ///< evaluates copies in parallel; the learner's own pool is free during callbacks
  std::string best_model_path = {};  ///< checkpoint of the best model; empty: not saved
  std::size_t average_last = 1;      ///< the score compared is the mean over this many last evaluations
  std::function<double(const Evaluation&)> score = {};                         ///< default: mean_reward
  std::function<bool(Learner&, const Evaluation&)> callback_on_new_best = {};  ///< false stops training
  std::function<bool(Learner&, const Evaluation&)> callback_after_eval = {};   ///< false stops training
  /// Keys in the log begin with it, and what has to outlast an interruption is kept under it. A second EvalCallback of a run
  /// needs another; its best is its own, while that of "eval" is `Learner::best`.
  std::string name = "eval";
};

/// Evaluates the policy on environments of its own, logs it, and keeps the model with the highest score. A tie keeps the older
/// model, a score that is not finite never wins. The best score, the scores that are averaged and the counts are part of the
/// learner's checkpoints, so that an interruption changes nothing.
template <class MakeEnv>
class EvalCallback final : public Callback {
 public:
  /// @param make_env make_env(copy) returns an evaluation environment; never the one that is trained on.
  /// @param config   checked. @throws ConfigError for a 0 where 1 is the least, or an empty name
  EvalCallback(MakeEnv make_env, EvalCallbackConfig config = {})
      : make_env_(std::move(make_env)), config_(std::move(config)), milestones_(config_.eval_freq, config_.unit) {
    if (config_.average_last == 0) throw ConfigError("EvalCallbackConfig.average_last = 0; it must be at least 1");
    if (config_.n_eval_episodes == 0) throw ConfigError("EvalCallbackConfig.n_eval_episodes = 0; it must be at least 1");
    if (config_.name.empty()) throw ConfigError("EvalCallbackConfig.name is empty; it must be a name of its own");
  }

  std::string_view state_name() const override { return config_.name; }

  /// @throws IoError if no best model could be saved, CheckpointError if what a checkpoint kept for this callback is damaged
  void on_training_start(Learner& learner) override {
    milestones_.start(learner);
    if (!config_.best_model_path.empty()) io::require_writable(config_.best_model_path);
    const bool unsaved = is_new_best_;
    recall(learner);
    // An exception of another callback came between a new best and its file; the learner is still the model that won.
    is_new_best_ = unsaved && best_ && best_->num_timesteps == learner.num_timesteps();
    on_checkpoint(learner);
  }

  /// `callback_on_new_best` and `callback_after_eval` are called here; the best model's file is written in `on_checkpoint`.
  bool on_update_end(Learner& learner) override {
    if (!milestones_.passed(learner)) return true;
    last_ = evaluate(learner);
    history_.push_back({learner.num_timesteps(), config_.score ? config_.score(*last_) : last_->mean_reward});
    recent_.push_back(history_.back().second);
    if (recent_.size() > config_.average_last) recent_.erase(recent_.begin());
    const double score = mean_of(recent_);
    if (Logger* const logger = learner.logger()) logger->record(config_.name + "/score", score);
    is_new_best_ = is_finite(score) && (!best_ || score > best_->score);
    if (is_new_best_) {
      best_ = BestScore{score, learner.num_timesteps(), learner.num_episodes()};
      if (is_main()) learner.best = best_;
    }
    ++evaluations_;
    without_improvement_ = is_new_best_ ? 0 : without_improvement_ + 1;
    last_->rank = {score, best_ ? best_->score : std::numeric_limits<double>::quiet_NaN(), evaluations_, without_improvement_};
    remember(learner);
    bool go_on = true;
    if (is_new_best_ && config_.callback_on_new_best) go_on = config_.callback_on_new_best(learner, *last_);
    if (config_.callback_after_eval) go_on = config_.callback_after_eval(learner, *last_) && go_on;
    return go_on;
  }

  void on_checkpoint(Learner& learner) override {
    if (std::exchange(is_new_best_, false) && !config_.best_model_path.empty()) learner.save(config_.best_model_path);
  }

  /// Step and score (before averaging) of every evaluation of this object.
  const std::vector<std::pair<std::uint64_t, double>>& history() const noexcept { return history_; }
  /// The last evaluation; empty before the first.
  const std::optional<Evaluation>& last() const noexcept { return last_; }
  /// The best one of the run, with its averaged score.
  const std::optional<BestScore>& best() const noexcept { return best_; }

 private:
  bool is_main() const { return config_.name == "eval"; }

  template <class L>  // of a policy that the caller knows whole
  Evaluation evaluate(const L& learner) {
    const EvaluationConfig config{.n_eval_episodes = config_.n_eval_episodes,
                                  .deterministic = config_.deterministic,
                                  .num_envs = config_.num_envs,
                                  .seed = config_.seed,
                                  .max_episode_steps = config_.max_episode_steps,
                                  .pool = config_.pool};
    const auto policy = learner.policy();
    Logger* const logger = learner.logger();
    if (logger == nullptr) return evaluate_policy(policy, make_env_, config);
    const auto record = [&](const std::string& key, double value) { logger->record(config_.name + '/' + key, value); };
    Evaluation result;
    if (config_.both) {
      EvaluationPair pair = evaluate_both(policy, make_env_, config);
      record(config_.deterministic ? "sampled_reward" : "deterministic_reward",
             config_.deterministic ? pair.sampled.mean_reward : pair.deterministic.mean_reward);
      record("deterministic_gain", pair.mean_difference);
      record("deterministic_gain_low", pair.interval.low);
      record("deterministic_gain_high", pair.interval.high);
      result = std::move(config_.deterministic ? pair.deterministic : pair.sampled);
    } else {
      result = evaluate_policy(policy, make_env_, config);
    }
    record("mean_reward", result.mean_reward);
    record("std_reward", result.std_reward);
    record("mean_ep_length", result.mean_length);
    for (const MetricMean& metric : result.metrics) record(metric.name, metric.mean);
    return result;
  }

  std::string note() const { return "evaluations of " + config_.name; }
  void remember(Learner& learner) const {
    const auto state = detail::JsonTree::object({{"recent", recent_},
                                                 {"evaluations", evaluations_},
                                                 {"without_improvement", without_improvement_},
                                                 {"best", detail::best_to_json(best_)}});
    learner.notes[note()] = state.dump();
  }
  /// What the learner knows of evaluations under this name is what this object goes on from.
  void recall(const Learner& learner) {
    recent_.clear();
    evaluations_ = without_improvement_ = 0;
    best_ = is_main() ? learner.best : std::nullopt;
    const auto found = learner.notes.find(note());
    if (found == learner.notes.end()) return;
    detail::read_note(found->first, found->second, [&](const detail::JsonTree& state) {
      detail::JsonTreeObject in(state, "evaluations");
      for (const auto& score : in.get<std::vector<std::optional<double>>>("recent"))  // null: not finite
        recent_.push_back(score.value_or(std::numeric_limits<double>::quiet_NaN()));
      if (recent_.size() > config_.average_last)
        recent_.erase(recent_.begin(), recent_.end() - static_cast<std::ptrdiff_t>(config_.average_last));
      evaluations_ = in.get<std::uint64_t>("evaluations");
      without_improvement_ = in.get<std::uint64_t>("without_improvement");
      const std::optional<BestScore> best = detail::best_from_json(in.value("best"), in.path("best"));
      if (!is_main()) best_ = best;
    });
  }

  MakeEnv make_env_;
  EvalCallbackConfig config_;
  detail::Milestones milestones_;
  std::vector<std::pair<std::uint64_t, double>> history_;
  std::vector<double> recent_;  ///< scores that are averaged, oldest first
  std::optional<Evaluation> last_;
  std::optional<BestScore> best_;
  std::uint64_t evaluations_ = 0, without_improvement_ = 0;
  bool is_new_best_ = false;  ///< and its model is not saved yet
};

/// Stops when the best score reaches a threshold; give it to `EvalCallbackConfig::callback_on_new_best`.
class StopTrainingOnRewardThreshold {
 public:
  /// @param reward_threshold  in the units of the score, at or above which training stops. @throws ConfigError unless finite
  explicit StopTrainingOnRewardThreshold(double reward_threshold) : threshold_(reward_threshold) {
    if (!is_finite(reward_threshold)) {
      throw ConfigError("StopTrainingOnRewardThreshold: reward_threshold = " + std::to_string(reward_threshold) +
                        "; it must be finite");
    }
  }
  /// False, which stops, once the best score has reached the threshold.
  bool operator()(const Learner&, const Evaluation& evaluation) const {
    return !is_finite(evaluation.rank.best_score) || evaluation.rank.best_score < threshold_;
  }

 private:
  double threshold_;
};

/// Stops when evaluations bring no better model any more; give it to `EvalCallbackConfig::callback_after_eval`. As in
/// Stable-Baselines3, the first `min_evals` evaluations are not judged, and the one after `max_no_improvement_evals` without
/// a better best score in a row stops. The EvalCallback does the counting, also across an interruption.
class StopTrainingOnNoModelImprovement {
 public:
  /// @param max_no_improvement_evals more evaluations in a row than this without a better score stop the training.
  /// @param min_evals first evaluations that are not judged.
  explicit StopTrainingOnNoModelImprovement(std::size_t max_no_improvement_evals, std::size_t min_evals = 0)
      : max_(max_no_improvement_evals), min_(min_evals) {}

  /// False, which stops, after too many evaluations without a better score.
  bool operator()(const Learner&, const Evaluation& evaluation) const {
    const EvaluationRank& rank = evaluation.rank;
    const std::uint64_t judged = rank.evaluations - std::min<std::uint64_t>(rank.evaluations, min_);
    return std::min(judged, rank.without_improvement) <= max_;
  }

 private:
  std::size_t max_, min_;
};

/// When and where a `CheckpointCallback` saves.
struct CheckpointCallbackConfig {
  std::uint64_t save_freq = 100'000;      ///< save at the first update end at or behind each multiple
  CountUnit unit = CountUnit::timesteps;  ///< what save_freq counts
  std::string path = ".";                 ///< existing directory
  std::string prefix = "checkpoint";  ///< checkpoint_ep200.safetensors by episodes, checkpoint_100000.safetensors by timesteps
  /// Remove older ones of this run, also those that an earlier process wrote before the run was resumed; 0: keep all.
  std::size_t keep_last = 0;
  std::string final_name = {};  ///< also save at the end under this name, such as "final_model"; empty: do not
};

/// Saves the learner now and then, whole, so that training can continue from there; its place among the callbacks is free.
/// With `keep_last` a checkpoint lists the milestones of those before it that are kept, so that a resumed run removes them in
/// their turn.
/// Called CheckpointCallback. @tparam L  Learner; a parameter so that a program compiles only what it uses
template <class L>
class BasicCheckpointCallback final : public Callback {
 public:
  /// Nothing is written before training starts.
  explicit BasicCheckpointCallback(CheckpointCallbackConfig config)
      : config_(std::move(config)), milestones_(config_.save_freq, config_.unit) {}

  /// @throws IoError if nothing could be saved, CheckpointError if what a checkpoint kept for this callback is damaged
  void on_training_start(Learner& learner) override {
    milestones_.start(learner);
    io::require_writable(file(config_.prefix));
    if (kept_.empty()) recall(learner);
  }

  void on_checkpoint(Learner& learner) override {
    const std::optional<std::uint64_t> at = milestones_.passed(learner);
    if (!at) return;
    std::vector<std::uint64_t> kept = kept_;
    std::erase(kept, *at);  // a second `learn` from 0 overwrites the files of the first
    kept.push_back(*at);
    if (config_.keep_last != 0) remember(learner, kept);
    learner.save(file_of(*at));
    kept_ = std::move(kept);
    while (config_.keep_last != 0 && kept_.size() > config_.keep_last) {
      const std::string oldest = file_of(kept_.front());
      std::remove(oldest.c_str());
      std::remove(description_path(oldest).c_str());
      kept_.erase(kept_.begin());
    }
  }

  void on_training_end(Learner& learner) override {
    if (!config_.final_name.empty()) learner.save(file(config_.final_name));
  }

  /// Files of the run that are kept, oldest first; those of earlier processes only with `keep_last`.
  std::vector<std::string> saved() const {
    std::vector<std::string> files;
    for (const std::uint64_t at : kept_) files.push_back(file_of(at));
    return files;
  }

 private:
  std::string file(const std::string& name) const { return config_.path + '/' + name + ".safetensors"; }
  std::string stem() const { return config_.prefix + (config_.unit == CountUnit::episodes ? "_ep" : "_"); }
  std::string file_of(std::uint64_t at) const { return file(stem() + std::to_string(at)); }

  std::string note() const { return "checkpoints " + stem(); }
  /// Notes the last of `kept`, which includes the file that is about to be written.
  void remember(L& learner, const std::vector<std::uint64_t>& kept) const {
    const auto last = static_cast<std::ptrdiff_t>(std::min(kept.size(), config_.keep_last));
    learner.notes[note()] = detail::JsonTree(std::vector<std::uint64_t>(kept.end() - last, kept.end())).dump();
  }
  void recall(const L& learner) {
    const auto found = learner.notes.find(note());
    if (config_.keep_last == 0 || found == learner.notes.end()) return;
    detail::read_note(found->first, found->second, [&](const detail::JsonTree& milestones) {
      for (const std::uint64_t at : json_as<std::vector<std::uint64_t>>(milestones, "milestones"))
        if (milestones_.reached(at)) kept_.push_back(at);  // a training from 0 leaves the files of the one before
    });
  }

  CheckpointCallbackConfig config_;
  detail::Milestones milestones_;
  std::vector<std::uint64_t> kept_;  // milestones whose files are kept, oldest first
};

/// As programs use it. @see BasicCheckpointCallback
using CheckpointCallback = BasicCheckpointCallback<Learner>;

/// Figures of the episodes of one source.
struct SourceSummary {
  std::size_t source = 0;                                        ///< number of the source, from 0
  std::uint64_t episodes = 0;                                    ///< finished; the other figures are of these
  double mean_reward = 0.0;                                      ///< of the raw returns
  double std_reward = 0.0;                                       ///< divided by n
  double min_reward = std::numeric_limits<double>::infinity();   ///< lowest return; infinity without episodes
  double max_reward = -std::numeric_limits<double>::infinity();  ///< highest return; -infinity without episodes
  double mean_length = 0.0;                                      ///< steps
  double success_rate = 0.0;                                     ///< share of episodes with a return above 0
};

/// Tells the episodes of a training run apart by the source they came from (market, data file, level): totals of the run here,
/// and `sources/<name>/{ep_rew_mean,ep_len_mean,success_rate}` of the episodes since the last dump in the log.
/// @par Allocation  one summary for each source up to the highest seen; three log keys for each source that had an episode
/// Called SourceStatistics. @tparam L  Learner; a parameter so that a program compiles only what it uses
template <class L>
class BasicSourceStatistics final : public Callback {
 public:
  /// @param names of sources 0, 1, ... as the log shows them; a source without one is shown by its number.
  explicit BasicSourceStatistics(std::vector<std::string> names = {}) : names_(std::move(names)) {}

  bool on_episode(Learner& learner, const EpisodeRecord& record) override {
    const EpisodeStatistics& episode = record.statistics;
    const double reward = episode.episode_return;
    const auto length = static_cast<double>(episode.length);
    const double success = reward > 0.0 ? 1.0 : 0.0;
    for (std::size_t s = sums_.size(); s <= episode.source; ++s) sums_.push_back({.source = s});
    SourceSummary& sum = sums_[episode.source];  // std_reward holds the sum of squared deviations until it is read
    const auto n = static_cast<double>(++sum.episodes);
    const double before = reward - sum.mean_reward;
    sum.mean_reward += before / n;
    sum.std_reward += before * (reward - sum.mean_reward);
    sum.min_reward = std::min(sum.min_reward, reward);
    sum.max_reward = std::max(sum.max_reward, reward);
    sum.mean_length += (length - sum.mean_length) / n;
    sum.success_rate += (success - sum.success_rate) / n;
    if (Logger* const logger = learner.logger()) {
      const std::string key = "sources/" + name(episode.source) + '/';
      logger->record_mean(key + "ep_rew_mean", reward);
      logger->record_mean(key + "ep_len_mean", length);
      logger->record_mean(key + "success_rate", success);
    }
    return true;
  }

  /// Totals of every source that had an episode, by number.
  std::vector<SourceSummary> summaries() const {
    std::vector<SourceSummary> result;
    for (const SourceSummary& sum : sums_) {
      if (sum.episodes == 0) continue;
      result.push_back(sum);
      result.back().std_reward = std::sqrt(sum.std_reward / static_cast<double>(sum.episodes));
    }
    return result;
  }
  /// As the log shows the source: its name or its number.
  std::string name(std::size_t source) const { return source < names_.size() ? names_[source] : std::to_string(source); }

 private:
  std::vector<std::string> names_;
  std::vector<SourceSummary> sums_;
};

/// As programs use it. @see BasicSourceStatistics
using SourceStatistics = BasicSourceStatistics<Learner>;

/// A line that is written over itself: share done, steps per second, time left, mean reward. Only for a terminal.
/// Called ProgressBar. @tparam L  Learner; a parameter so that a program compiles only what it uses
template <class L>
class BasicProgressBar final : public Callback {
 public:
  /// @param out must outlive this object. @param is_terminal nothing is written if false.
  BasicProgressBar(std::ostream& out, bool is_terminal) : out_(&out), on_(is_terminal) {}

  void on_training_start(Learner& learner) override { begin_ = learner.num_timesteps(); }
  bool on_update_end(Learner& learner) override {
    if (!on_) return true;
    const double seconds = learner.elapsed_seconds();
    const auto done = static_cast<double>(learner.num_timesteps() - begin_);
    const auto all = static_cast<double>(learner.total_timesteps() - begin_);
    const double rate = seconds > 0.0 ? done / seconds : 0.0;
    std::string text = '\r' + io::fixed(std::min(100.0, 100.0 * done / std::max(all, 1.0)), 1) + " %  " + io::compact(rate) +
                       " steps/s  " + (rate > 0.0 ? io::duration_text((all - done) / rate) : std::string("?")) + " left";
    if (is_finite(learner.mean_episode_return())) text += "  reward " + io::fixed(learner.mean_episode_return(), 2);
    const std::size_t width = text.size();
    if (width < width_) text.append(width_ - width, ' ');
    width_ = width;
    *out_ << text;
    out_->flush();
    return true;
  }
  void on_training_end(Learner&) override {
    if (on_) *out_ << '\n';
  }

 private:
  std::ostream* out_;
  bool on_;
  std::uint64_t begin_ = 0;
  std::size_t width_ = 0;
};

/// As programs use it. @see BasicProgressBar
using ProgressBar = BasicProgressBar<Learner>;

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_CALLBACKS_HPP
