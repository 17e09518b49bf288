// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "common/train_sweep.hpp"
#include "learner_setup.hpp"
#include "training_callbacks.hpp"

#include <rlx/env/vector_env.hpp>
#include <rlx/risk/tail.hpp>
#include <rlx/rl/evaluation.hpp>

#include <map>
#include <string>

namespace app {
namespace {

/// Every view once: rewards of whole episodes; views on one event belong together.
rlx::SweepOutcome play(const rlx::InferencePolicy& policy, const Selection& selection, const Options& o,
                       rlx::ThreadPool& threads) {
  const auto views = selection.set->views();
  const rlx::Evaluation played =
      rlx::evaluate_policy(policy, [&](std::size_t) { return Env(selection.set, o.trading()); },
                           {.n_eval_episodes = views.size(), .num_envs = threads.size(), .seed = o.seed, .pool = &threads});
  std::map<std::string, std::size_t, std::less<>> events;
  rlx::SweepOutcome outcome;
  for (const rlx::EpisodeStatistics& episode : played.episodes) {
    outcome.returns.push_back(episode.episode_return);
    outcome.drawdowns.push_back(episode.metrics[metric_index<Env>("max_drawdown")]);
    outcome.groups.push_back(
        events.try_emplace(std::string(views[episode.source].event_ticker()), events.size()).first->second);
  }
  return outcome;
}

}  // namespace

int frontier(const Options& o) {
  const rlx::CvarSweep sweep = sweep_of(o.sweep, o.seed, o.bootstrap);
  prepare_frontier(o.sweep);
  rlx::ThreadPool threads(o.thread_count());
  Recordings recordings = load_recordings(o);
  Views views = make_views(recordings, o);
  const curriculum::Split split = split_views(views, o);
  const Selection training = select(recordings, views, split.training, "training");
  const Selection held_out = select(recordings, views, split.held_out, "held out");
  say(o, "sessions   {} ({})\nviews      {} to train on, {} held out ({})\n", recordings.listed.size(), recordings.origin,
      training.infos.size(), held_out.infos.size(), o.split);

  // Trains one cell and plays the held-out views with what its training ended with.
  const auto cell_outcome = [&]<class Objective>(const rlx::SweepCell& cell, std::type_identity<Objective>) {
    const std::shared_ptr<const kalshi::ViewSet> set = training_set(training, o.mirror);
    rlx::VectorEnv<Env> envs({.num_envs = o.n_envs, .seed = cell.seed}, threads,
                             [&](std::size_t) { return Env(set, o.trading()); });
    envs.set_sampler(ViewSampler(make_phases(o, training.infos), training.infos.size(), o.mirror));
    const rlx::InferencePolicy policy = train_cell<Objective>(cell, learner_config<rlx::PpoConfig>(o), envs,
                                                              network_of(envs.action_space()), o.total_timesteps, threads);
    rlx::SweepOutcome outcome = play(policy, held_out, o, threads);
    outcome.var = rlx::risk::value_at_risk(play(policy, training, o, threads).returns, {cell.alpha});
    return outcome;
  };
  return run_frontier(o.sweep, sweep, o.quiet,
                      {.title = "Kalshi: mean against CVaR of a held-out market", .unit = "$", .drawdown_unit = "$"},
                      cell_outcome);
}

}  // namespace app
