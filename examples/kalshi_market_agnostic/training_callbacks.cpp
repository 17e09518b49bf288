// SPDX-License-Identifier: MIT
#include "training_callbacks.hpp"

#include <rlx/core/finite.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/rl/inference_policy.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace app {
namespace {

constexpr const char* history_note = "history";
constexpr const char* window_note = "history window";  // the record to come
constexpr const char* tally_note = "views";
constexpr std::uint64_t most_records = 400;

double or_zero(double value) { return rlx::is_finite(value) ? value : 0.0; }

}  // namespace

HistoryCallback::HistoryCallback(std::uint64_t total_steps, std::function<RolloutFigures()> rollout)
    : record_steps_(total_steps / most_records), rollout_(std::move(rollout)) {}

void HistoryCallback::on_training_start(rlx::Learner& learner) {
  if (const auto note = learner.notes.find(history_note); note != learner.notes.end())
    history_ = history_from_json(nlohmann::json::parse(note->second));
  recorded_at_ = learner.num_timesteps();
  if (const auto note = learner.notes.find(window_note); note != learner.notes.end()) {
    const nlohmann::json w = nlohmann::json::parse(note->second);
    recorded_at_ = w.at(0).get<std::uint64_t>();
    updates_ = w.at(1).get<std::size_t>();
    episodes_ = w.at(2).get<std::size_t>();
    rewards_ = w.at(3).get<double>();
    sum_.entropy = w.at(4).get<double>();
    sum_.legal_entropy = w.at(5).get<double>();
    sum_.approx_kl = w.at(6).get<double>();
    sum_.explained_variance = w.at(7).get<double>();
  }
}

bool HistoryCallback::on_episode(rlx::Learner&, const rlx::EpisodeRecord& record) {
  rewards_ += record.statistics.episode_return;
  ++episodes_;
  return true;
}

bool HistoryCallback::on_rollout_end(rlx::Learner& learner) {
  const RolloutFigures figures = rollout_();
  sum_.legal_entropy += figures.legal_entropy;
  if (rlx::Logger* const logger = learner.logger()) {
    logger->record_mean("rollout/value_mean", figures.value_mean);
    logger->record_mean("rollout/legal_entropy", figures.legal_entropy);
  }
  return true;
}

bool HistoryCallback::on_update_end(rlx::Learner& learner) {
  const rlx::UpdateMetrics& m = learner.last_update();
  ++updates_;
  sum_.entropy += or_zero(m.entropy);
  sum_.approx_kl = std::max(sum_.approx_kl, or_zero(m.approx_kl));
  sum_.explained_variance += or_zero(m.explained_variance);  // not defined where returns do not vary
  if (learner.num_timesteps() - recorded_at_ >= record_steps_) end_record(learner);
  learner.notes[window_note] = nlohmann::json({recorded_at_, updates_, episodes_, rewards_, sum_.entropy, sum_.legal_entropy,
                                               sum_.approx_kl, sum_.explained_variance})
                                   .dump();
  return true;
}

void HistoryCallback::end_record(rlx::Learner& learner) {
  const auto n = static_cast<double>(updates_);
  kalshi::UpdateRecord record{learner.num_timesteps(),    {}, sum_.entropy / n, sum_.legal_entropy / n, sum_.approx_kl,
                              sum_.explained_variance / n};
  if (episodes_ > 0) record.mean_reward = rewards_ / static_cast<double>(episodes_);
  history_.updates.push_back(record);
  sum_ = {};
  updates_ = episodes_ = 0;
  rewards_ = 0.0;
  recorded_at_ = learner.num_timesteps();
  keep(learner);
}

void HistoryCallback::add(const kalshi::EvaluationRecord& evaluation, rlx::Learner& learner) {
  history_.evaluations.push_back(evaluation);
  keep(learner);
}

void HistoryCallback::keep(rlx::Learner& learner) const { learner.notes[history_note] = to_json(history_).dump(); }

HeldOutCallback::HeldOutCallback(const Options& o, const Selection& held_out, const Selection& first_stage,
                                 std::string best_path, HistoryCallback& history, rlx::ThreadPool& threads)
    : o_(&o),
      held_out_(&held_out),
      first_stage_(&first_stage),
      best_path_(std::move(best_path)),
      history_(&history),
      threads_(&threads),
      milestones_(o.eval_every, rlx::CountUnit::timesteps) {}

void HeldOutCallback::on_training_start(rlx::Learner& learner) {
  milestones_.start(learner);
  begun_at_ = learner.num_timesteps();
}

bool HeldOutCallback::on_update_end(rlx::Learner& learner) {
  if (milestones_.passed(learner)) evaluate(learner);
  return true;
}

/// The last model is judged too, and a run too short for an evaluation still leaves a best one.
void HeldOutCallback::on_training_end(rlx::Learner& learner) {
  const bool complete = learner.num_timesteps() >= learner.total_timesteps();
  if (complete && evaluated_at_ != learner.num_timesteps()) evaluate(learner);
}

void HeldOutCallback::evaluate(rlx::Learner& learner) {
  evaluated_at_ = learner.num_timesteps();
  const rlx::InferencePolicy policy = learner.policy();
  const auto play = [&](const Selection& selection) {
    kalshi::EvaluationConfig config = evaluation_config(*o_, selection, *threads_);
    config.resamples = 0;
    return kalshi::evaluate_markets(policy, *selection.set, o_->trading(), config);
  };
  const kalshi::EvaluationTable held_out = play(*held_out_), first_stage = play(*first_stage_);
  const double score = held_out.total.mean.value;
  history_->add({learner.num_timesteps(), score, first_stage.total.mean.value}, learner);

  double std_sum = 0.0, fills = 0.0;
  for (const kalshi::MarketResult& market : held_out.markets) {
    std_sum += (market.reward_mean - score) * (market.reward_mean - score);
    fills += market.taker_fills + market.maker_fills;
  }
  const auto n = static_cast<double>(held_out.markets.size());
  if (rlx::Logger* const logger = learner.logger()) {
    logger->record("eval/mean_reward", score);
    logger->record("eval/std_reward", std::sqrt(std_sum / n));
    logger->record("eval/positive_share", held_out.total.positive_share.value);
    logger->record("eval/consistency", held_out.consistency.value);
    logger->record("eval/hold_share", held_out.hold_share);
    logger->record("eval/fills", fills / n);
    logger->record("eval/first_stage_mean_reward", first_stage.total.mean.value);
    if (held_out.total.true_edge) logger->record("eval/true_edge", held_out.total.true_edge->value);
  }
  const bool better = rlx::is_finite(score) && (!learner.best || score > learner.best->score);
  if (better) {
    learner.best = rlx::BestScore{score, learner.num_timesteps(), learner.num_episodes()};
    learner.save(best_path_);
  }
  const auto done = static_cast<double>(learner.num_timesteps() - begun_at_);
  const double left = static_cast<double>(learner.total_timesteps()) - static_cast<double>(learner.num_timesteps());
  const std::string eta = done > 0.0 ? rlx::io::duration_text(std::max(left, 0.0) * learner.elapsed_seconds() / done) : "?";
  say(*o_, "step {:>10}  {:5.1f} %  {:>8} left  held-out mean {:8.3f} $  {:3.0f} % of {} views positive  hold {:5.1f} %{}{}\n",
      learner.num_timesteps(),
      std::min(100.0, 100.0 * static_cast<double>(learner.num_timesteps()) / static_cast<double>(learner.total_timesteps())),
      eta, score, 100.0 * held_out.total.positive_share.value, held_out.markets.size(), 100.0 * held_out.hold_share,
      held_out.total.true_edge ? fmt::format("  true edge {:7.3f} $", held_out.total.true_edge->value) : "",
      better ? "  best" : "");
}

bool SamplerCallback::on_update_end(rlx::Learner& learner) {
  const auto events = events_();
  for (; told_ < events.size(); ++told_)
    say(*o_, "step {:>10}  {}\n", learner.num_timesteps(), curriculum::to_string(events[told_]));
  return true;
}

void TallyCallback::on_training_start(rlx::Learner& learner) {
  const auto note = learner.notes.find(tally_note);
  if (note == learner.notes.end()) return;
  const nlohmann::json saved = nlohmann::json::parse(note->second);
  for (std::size_t i = 0; i < tallies_.size() && i < saved.size(); ++i) {
    const nlohmann::json& t = saved[i];
    tallies_[i] = {t.at(0).get<std::uint64_t>(), t.at(1).get<std::uint64_t>(), t.at(2).get<std::uint64_t>(),
                   t.at(3).get<double>(),        t.at(4).get<double>(),        t.at(5).get<double>(),
                   t.at(6).get<double>(),        t.at(7).get<double>()};
  }
}

bool TallyCallback::on_episode(rlx::Learner& learner, const rlx::EpisodeRecord& record) {
  const std::size_t view = record.statistics.source % tallies_.size();
  ViewTally& tally = tallies_[view];
  const double reward = record.statistics.episode_return;
  tally.low = tally.episodes == 0 ? reward : std::min(tally.low, reward);
  tally.high = tally.episodes == 0 ? reward : std::max(tally.high, reward);
  ++tally.episodes;
  tally.wins += reward > 0.0 ? 1 : 0;
  tally.steps += record.statistics.length;
  const double before = reward - tally.mean;
  tally.mean += before / static_cast<double>(tally.episodes);
  tally.squares += before * (reward - tally.mean);
  tally.equity += record.statistics.metrics[0];  // final_equity
  changed_ = true;
  if (rlx::Logger* const logger = learner.logger()) {
    const auto n = static_cast<double>(tally.episodes);
    const std::string key = "sources/" + names_[view] + '/';
    logger->record(key + "ep_rew_std", std::sqrt(tally.squares / n));
    logger->record(key + "ep_rew_min", tally.low);
    logger->record(key + "ep_rew_max", tally.high);
    logger->record(key + "final_equity", tally.equity / n);
  }
  return true;
}

bool TallyCallback::on_update_end(rlx::Learner& learner) {
  if (!std::exchange(changed_, false)) return true;
  nlohmann::json saved = nlohmann::json::array();
  for (const ViewTally& t : tallies_)
    saved.push_back({t.episodes, t.wins, t.steps, t.mean, t.squares, t.low, t.high, t.equity});
  learner.notes[tally_note] = saved.dump();
  return true;
}

}  // namespace app
