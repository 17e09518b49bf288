// SPDX-License-Identifier: MIT
#include "training_callbacks.hpp"

#include <rlx/core/finite.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/rl/evaluation.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/log_outputs.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace app {
namespace {

constexpr const char* history_note = "validation_history";
constexpr std::size_t averaged_evaluations = 3;

nlohmann::json read_history(const rlx::Learner& learner) {
  const auto found = learner.notes.find(history_note);
  return found == learner.notes.end() ? nlohmann::json::array() : nlohmann::json::parse(found->second);
}

double now_seconds(const rlx::Learner& learner) { return static_cast<double>(learner.wall_ms()) * 1e-3; }

}  // namespace

ValidationCallback::ValidationCallback(const Options& o, const Data& data, const funding::Fold& fold, std::string best_path,
                                       MonitorCallback& monitor, rlx::ThreadPool& threads)
    : o_(&o),
      data_(&data),
      window_(fold.validation),
      best_path_(std::move(best_path)),
      monitor_(&monitor),
      threads_(&threads),
      milestones_(o.eval_every, rlx::CountUnit::episodes) {}

void ValidationCallback::on_training_start(rlx::Learner& learner) { milestones_.start(learner); }

bool ValidationCallback::on_update_end(rlx::Learner& learner) {
  if (milestones_.passed(learner)) evaluate(learner);
  return true;
}

void ValidationCallback::on_training_end(rlx::Learner& learner) {
  if (learner.num_timesteps() >= learner.total_timesteps()) choose_one(learner);
}

void ValidationCallback::choose_one(rlx::Learner& learner) {
  if (!learner.best) evaluate(learner);
}

void ValidationCallback::forget(rlx::Learner& learner) {
  learner.best.reset();
  learner.notes.erase(history_note);
}

void ValidationCallback::evaluate(rlx::Learner& learner) {
  const rlx::InferencePolicy policy = learner.policy();
  funding::EnvironmentConfig config = score_config(*o_).environment;
  std::vector<funding::TradingConfig> members{config.trading};
  if (o_->sample_random_config) {
    members.clear();
    for (const auto& [name, trading] : evaluation_panel(o_->seed)) members.push_back(trading);
  }

  // The whole window, once for each tape and configuration.
  const std::size_t tapes = data_->markets.size();
  std::vector<funding::Backtest> runs(tapes * members.size());
  threads_->run(runs.size(), [&](std::size_t i) {
    funding::EnvironmentConfig member = config;
    member.trading = members[i / tapes];
    runs[i] = funding::backtest(data_->markets[i % tapes].tape, member, window_, AgentPolicy(policy));
  });
  Evaluation e;
  e.step = learner.num_timesteps();
  e.episode = learner.num_episodes();
  for (const funding::Backtest& run : runs) {
    e.growth_per_day += run.growth_per_day() / static_cast<double>(runs.size());
    e.trades += static_cast<double>(run.info.trades) / static_cast<double>(runs.size());
    e.max_drawdown = std::max(e.max_drawdown, run.info.max_drawdown);
  }

  // Episodes inside the window, for the figure that the seed prints.
  funding::EnvironmentConfig episodes = environment_config(*o_);
  episodes.window_begin = window_.begin;
  episodes.window_end = window_.end - 1;
  episodes.close_at_end = true;
  const rlx::Evaluation reward = rlx::evaluate_policy(
      policy, [&](std::size_t i) { return funding::FundingArbitrageEnv(data_->markets[i % tapes].tape, episodes); },
      {.n_eval_episodes = o_->eval_episodes,
       .num_envs = std::min<std::size_t>(o_->eval_episodes, 8 * tapes),
       .seed = o_->seed,
       .pool = threads_});
  e.reward_mean = reward.mean_reward;
  e.reward_std = reward.std_reward;

  nlohmann::json history = read_history(learner);
  history.push_back(
      {{"step", e.step}, {"episode", e.episode}, {"growth_per_day", e.growth_per_day}, {"reward_mean", e.reward_mean}});
  const std::size_t n = std::min(averaged_evaluations, history.size());
  for (std::size_t i = history.size() - n; i < history.size(); ++i) {
    e.score += history[i]["growth_per_day"].get<double>() / static_cast<double>(n);
  }
  history.back()["score"] = e.score;
  learner.notes[history_note] = history.dump();
  evaluations_.push_back(e);
  monitor_->evaluated(e, learner);

  say(*o_, "Eval Mean Reward: {:.2f} ± {:.2f}   (episode {}, score {:+.4f} % per day)\n", e.reward_mean, e.reward_std,
      e.episode, 100.0 * e.score);
  if (rlx::is_finite(e.score) && (!learner.best || e.score > learner.best->score)) {
    learner.best = rlx::BestScore{e.score, e.step, e.episode};
    learner.save(best_path_);
    say(*o_, "Best Model Saved: {}\n", best_path_);
  }
}

std::size_t ValidationCallback::candidates(const rlx::Learner& learner) { return read_history(learner).size(); }
nlohmann::json ValidationCallback::history_json(const rlx::Learner& learner) { return read_history(learner); }

MonitorCallback::MonitorCallback(const Options& o) : o_(&o) {}

void MonitorCallback::on_training_start(rlx::Learner& learner) {
  first_step_ = learner.num_timesteps();
  if (!o_->tensorboard_dir.empty())
    tensorboard_ = std::make_unique<rlx::io::TensorBoardWriter>(o_->tensorboard_dir, now_seconds(learner));
}

double MonitorCallback::fps(const rlx::Learner& learner) const {
  const double seconds = learner.elapsed_seconds();
  return seconds > 0.0 ? static_cast<double>(learner.num_timesteps() - first_step_) / seconds : 0.0;
}

bool MonitorCallback::on_episode(rlx::Learner& learner, const rlx::EpisodeRecord& record) {
  const rlx::UpdateMetrics& m = learner.last_update();
  const bool updated = learner.n_updates() > 0;
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  if (record.number % std::max<std::uint64_t>(o_->log_interval, 1) == 0) {
    say(*o_, "{} | Mean(100): {:.2f} | KL: {} | Clipfrac: {} | FPS: {:.0f}\n",
        rlx::EpisodeLine::line(record.number, record.statistics.episode_return, updated ? m.loss : unknown,
                               updated ? m.entropy : unknown),
        learner.mean_episode_return(), rlx::io::fixed(updated ? m.approx_kl : unknown, 4),
        rlx::io::fixed(updated ? m.clip_fraction : unknown, 3), fps(learner));
  }
  const auto names = funding::FundingArbitrageEnv::metric_names();
  for (std::size_t i = 0; i < names.size() && i < record.statistics.num_metrics; ++i) {
    if (names[i] == "liquidations") warn_of_liquidations(learner, record.number, record.statistics.metrics[i]);
    if (!tensorboard_) continue;
    for (const char* part : {"funding", "price", "fees", "slippage", "liquidation"}) {
      if (names[i] == part) {
        tensorboard_->add_scalar(std::string("pnl/") + part, record.statistics.metrics[i], record.number, now_seconds(learner));
      }
    }
  }
  if (tensorboard_) {
    tensorboard_->add_scalar("train/reward", record.statistics.episode_return, record.number, now_seconds(learner));
    tensorboard_->add_scalar("train/episode_length", static_cast<double>(record.statistics.length), record.number,
                             now_seconds(learner));
  }
  return true;
}

void MonitorCallback::warn_of_liquidations(const rlx::Learner& learner, std::uint64_t episode, double count) {
  if (!(count > 0.0)) return;
  if (warned_at_update_ && learner.n_updates() - *warned_at_update_ < rlx::HealthLimits{}.quiet_updates) return;
  warned_at_update_ = learner.n_updates();
  warnings_.push_back({learner.num_timesteps(), "liquidations", count,
                       fmt::format("liquidations: {:.0f} in episode {}: {}", count, episode, loss_advice)});
  say(*o_, "warning: {}\n", warnings_.back().text);
}

bool MonitorCallback::on_update_end(rlx::Learner& learner) {
  const rlx::UpdateMetrics& m = learner.last_update();
  LearningPoint point;
  point.steps = learner.num_timesteps();
  point.mean_reward = learner.mean_episode_return();
  point.score = std::numeric_limits<double>::quiet_NaN();
  point.entropy = m.entropy_rescaled;
  point.kl = m.approx_kl;
  point.value_loss = m.value_loss;
  points_.push_back(point);
  if (tensorboard_) {
    const std::pair<const char*, double> figures[] = {{"train/mean100", learner.mean_episode_return()},
                                                      {"train/fps", fps(learner)},
                                                      {"train/policy_loss", m.policy_gradient_loss},
                                                      {"train/value_loss", m.value_loss},
                                                      {"train/entropy", m.entropy},
                                                      {"train/entropy36", m.entropy_rescaled},
                                                      {"train/kl", m.approx_kl},
                                                      {"train/clip_fraction", m.clip_fraction},
                                                      {"train/explained_variance", m.explained_variance},
                                                      {"train/learning_rate", m.learning_rate}};
    for (const auto& [tag, value] : figures)
      if (rlx::is_finite(value)) tensorboard_->add_scalar(tag, value, learner.num_timesteps(), now_seconds(learner));
    tensorboard_->flush();
  }
  return true;
}

void MonitorCallback::evaluated(const ValidationCallback::Evaluation& e, const rlx::Learner& learner) {
  if (!tensorboard_) return;
  const std::pair<const char*, double> figures[] = {{"eval/score", e.score},
                                                    {"eval/reward_mean", e.reward_mean},
                                                    {"eval/reward_std", e.reward_std},
                                                    {"eval/trades", e.trades},
                                                    {"eval/max_drawdown", e.max_drawdown}};
  for (const auto& [tag, value] : figures) tensorboard_->add_scalar(tag, value, e.step, now_seconds(learner));
  tensorboard_->flush();
}

std::vector<LearningPoint> MonitorCallback::learning(const ValidationCallback& validation) const {
  std::vector<LearningPoint> points = points_;
  for (const ValidationCallback::Evaluation& e : validation.evaluations()) {
    for (LearningPoint& point : points)
      if (point.steps == e.step) point.score = e.score;
  }
  return points;
}

}  // namespace app
