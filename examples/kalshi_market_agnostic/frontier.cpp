// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "common/run_main.hpp"
#include "common/sweep.hpp"
#include "learner_setup.hpp"
#include "training_callbacks.hpp"

#include <rlx/env/vector_env.hpp>
#include <rlx/risk/tail.hpp>
#include <rlx/rl/evaluation.hpp>
#include <rlx/rl/ppo.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

namespace app {
namespace {

/// Every view once: rewards of whole episodes; views on one event belong together.
rlx::SweepOutcome play(const rlx::InferencePolicy& policy, const Selection& selection, const Options& o,
                       rlx::ThreadPool& threads) {
  const auto views = selection.set->views();
  const rlx::Evaluation played =
      rlx::evaluate_policy(policy, [&](std::size_t) { return Env(selection.set, o.trading()); },
                           {.n_eval_episodes = views.size(), .num_envs = threads.size(), .seed = o.seed, .pool = &threads});
  const auto names = Env::metric_names();
  const auto drawdown = static_cast<std::size_t>(std::find(names.begin(), names.end(), "max_drawdown") - names.begin());
  std::map<std::string, std::size_t, std::less<>> events;
  rlx::SweepOutcome outcome;
  for (const rlx::EpisodeStatistics& episode : played.episodes) {
    outcome.returns.push_back(episode.episode_return);
    outcome.drawdowns.push_back(episode.metrics[drawdown]);
    outcome.groups.push_back(
        events.try_emplace(std::string(views[episode.source].event_ticker()), events.size()).first->second);
  }
  return outcome;
}

/// Trains one cell and plays the held-out views with what its training ended with.
template <class Objective>
rlx::SweepOutcome train_cell(const rlx::SweepCell& cell, const Options& o, const Selection& training, const Selection& held_out,
                             rlx::ThreadPool& threads) {
  const std::shared_ptr<const kalshi::ViewSet> set = training_set(training, o.mirror);
  rlx::VectorEnv<Env> envs({.num_envs = o.n_envs, .seed = cell.seed}, threads,
                           [&](std::size_t) { return Env(set, o.trading()); });
  envs.set_sampler(ViewSampler(make_phases(o, training.infos), training.infos.size(), o.mirror));
  auto config = learner_config<rlx::PpoConfig>(o);
  config.seed = cell.seed;
  rlx::Ppo<Env, rlx::ScalarCritic, Objective> ppo(config, envs, network_of(envs.action_space()), threads, {},
                                                  objective_of<Objective>(cell));
  rlx::Logger logger;
  logger.add<WarningsToStderr>();
  ppo.learn(o.total_timesteps, {.logger = &logger, .stop = &interrupted});
  if (interrupted) return {};

  const rlx::InferencePolicy policy = ppo.policy();
  rlx::SweepOutcome outcome = play(policy, held_out, o, threads);
  outcome.var = rlx::risk::value_at_risk(play(policy, training, o, threads).returns, {cell.alpha});
  return outcome;
}

/// Ends a sweep that was interrupted.
struct Interrupted {};

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
  try {
    const rlx::Frontier found = rlx::run_sweep(sweep, [&](const rlx::SweepCell& cell) {
      rlx::SweepOutcome outcome = o.sweep.objective == "episode"
                                      ? train_cell<rlx::EpisodeCvar>(cell, o, training, held_out, threads)
                                      : train_cell<rlx::StepCvar>(cell, o, training, held_out, threads);
      if (interrupted) throw Interrupted();
      say(o, "trained with cvar_weight {}, seed {}\n", cell.weight, cell.seed);
      return outcome;
    });
    write_frontier(o.sweep, found,
                   {.title = "Kalshi: mean against CVaR of a held-out market", .unit = "$", .drawdown_unit = "$"});
  } catch (const Interrupted&) {
    return exit_interrupted;
  }
  return 0;
}

}  // namespace app
