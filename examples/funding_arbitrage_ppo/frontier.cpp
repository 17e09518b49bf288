// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "common/run_main.hpp"
#include "common/sweep.hpp"
#include "learner_setup.hpp"

#include <rlx/env/vector_env.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/risk/tail.hpp>
#include <rlx/rl/evaluation.hpp>
#include <rlx/rl/ppo.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace app {
namespace {

/// Episodes of one tape share its days. With fewer tapes than this an interval over tapes would mean nothing.
constexpr std::size_t least_groups = 5;

/// Profits of whole episodes in percent of the capital, and the greatest drawdown of each as a share.
rlx::SweepOutcome play(const rlx::InferencePolicy& policy, const Options& o, const Data& data, const funding::Window& window,
                       rlx::ThreadPool& threads) {
  const std::size_t tapes = data.markets.size();
  funding::EnvironmentConfig config = environment_config(o);
  config.window_begin = window.begin;
  config.window_end = window.end - 1;
  config.close_at_end = true;
  const rlx::Evaluation played = rlx::evaluate_policy(
      policy, [&](std::size_t i) { return funding::FundingArbitrageEnv(data.markets[i % tapes].tape, config); },
      {.n_eval_episodes = o.held_out_episodes,
       .num_envs = std::min<std::size_t>(o.held_out_episodes, 8 * tapes),
       .seed = o.seed,
       .pool = &threads});
  const auto metric = [names = funding::FundingArbitrageEnv::metric_names()](std::string_view name) {
    return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  rlx::SweepOutcome outcome;
  for (const rlx::EpisodeStatistics& episode : played.episodes) {
    outcome.returns.push_back(episode.metrics[metric("profit_pct")]);
    outcome.drawdowns.push_back(episode.metrics[metric("max_drawdown")]);
    if (tapes >= least_groups) outcome.groups.push_back(episode.env % tapes);
  }
  return outcome;
}

/// Trains one cell and plays the test window with what its training ended with.
template <class Objective>
rlx::SweepOutcome train_cell(const rlx::SweepCell& cell, const Options& o, const Data& data, rlx::ThreadPool& threads) {
  const funding::Fold& fold = data.folds.front();
  const Sizes sizes = sizes_of(o);
  funding::EnvironmentConfig environment = environment_config(o);
  environment.window_begin = fold.train.begin;
  environment.window_end = fold.train.end - 1;
  rlx::VectorEnv envs({.num_envs = sizes.n_envs, .seed = cell.seed}, threads, [&](std::size_t i) {
    return funding::FundingArbitrageEnv(data.markets[i % data.markets.size()].tape, environment);
  });
  rlx::PpoConfig config = ppo_config(o, sizes);
  config.seed = cell.seed;
  rlx::Ppo<funding::FundingArbitrageEnv, rlx::ScalarCritic, Objective> ppo(config, envs, network_of(o), threads, {},
                                                                           objective_of<Objective>(cell));
  rlx::Logger logger;
  logger.add<WarningsToStderr>();
  ppo.learn(sizes.total_steps, {.logger = &logger, .stop = &interrupted});
  if (interrupted) return {};

  const rlx::InferencePolicy policy = ppo.policy();
  rlx::SweepOutcome outcome = play(policy, o, data, fold.test, threads);
  outcome.var = rlx::risk::value_at_risk(play(policy, o, data, fold.validation, threads).returns, {cell.alpha});
  return outcome;
}

/// Ends a sweep that was interrupted.
struct Interrupted {};

}  // namespace

int frontier(const Options& o) {
  const rlx::CvarSweep sweep = sweep_of(o.sweep, o.seed, o.bootstrap);
  prepare_frontier(o.sweep);
  rlx::ThreadPool threads(thread_count(o));
  const Data data = load_data(o);
  if (!o.quiet) fmt::print("{}", data_block(o, data));
  print_warnings(o, data);
  check_windows(o, data);
  try {
    const rlx::Frontier found = rlx::run_sweep(sweep, [&](const rlx::SweepCell& cell) {
      rlx::SweepOutcome outcome = o.sweep.objective == "episode" ? train_cell<rlx::EpisodeCvar>(cell, o, data, threads)
                                                                 : train_cell<rlx::StepCvar>(cell, o, data, threads);
      if (interrupted) throw Interrupted();
      if (!o.quiet) fmt::print("trained with cvar_weight {}, seed {}\n", cell.weight, cell.seed);
      std::fflush(stdout);
      return outcome;
    });
    if (data.markets.size() < least_groups) {
      fmt::print(
          "note: episodes of one tape overlap in time, so the intervals are too narrow; with --tapes {} or more, tapes are "
          "resampled\n",
          least_groups);
    }
    write_frontier(
        o.sweep, found,
        {.title = fmt::format("Funding arbitrage: mean against CVaR of an episode of {} days", o.episode_length_days),
         .unit = "% of the capital",
         .decimals = 3,
         .drawdown_factor = 100.0,
         .drawdown_unit = "%"});
  } catch (const Interrupted&) {
    return exit_interrupted;
  }
  return 0;
}

}  // namespace app
