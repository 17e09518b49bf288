// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "common/train_sweep.hpp"
#include "learner_setup.hpp"

#include <rlx/env/append_features.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/funding/environment.hpp>
#include <rlx/funding/pair_forecasts.hpp>
#include <rlx/risk/tail.hpp>
#include <rlx/rl/evaluation.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace app {
namespace {

/// Episodes of one tape share its days. With fewer tapes than this an interval over tapes would mean nothing.
constexpr std::size_t least_groups = 5;

/// The tail of the offered pairs with --tail-features, else no columns.
struct TailColumns {
  std::optional<funding::PairTailFeatures> features;

  std::vector<std::string> names() const { return features ? features->names() : std::vector<std::string>(); }
  void operator()(const funding::FundingArbitrageEnv& env, std::span<float> row) const {
    if (features) (*features)(env, row);
  }
};
using SeeingEnv = rlx::AppendFeatures<funding::FundingArbitrageEnv, TailColumns>;

/// What all cells share.
struct Frontier {
  const Options& o;
  const Data& data;
  rlx::ThreadPool& threads;
  std::vector<TailColumns> columns;  ///< of each tape

  Frontier(const Options& options, const Data& markets, rlx::ThreadPool& pool)
      : o(options), data(markets), threads(pool), columns(markets.markets.size()) {
    if (!o.tail_features) return;
    threads.run(columns.size(), [&](std::size_t i) {
      const funding::PairHistory history{.mass = {o.sweep.alpha}};
      auto forecasts = funding::PairForecasts::from_history(*data.markets[i].tape, history);
      columns[i].features.emplace(std::make_shared<const funding::PairForecasts>(std::move(forecasts)));
    });
  }

  SeeingEnv make(std::size_t i, const funding::EnvironmentConfig& config) const {
    const std::size_t tape = i % data.markets.size();
    return SeeingEnv(funding::FundingArbitrageEnv(data.markets[tape].tape, config), columns[tape]);
  }

  /// Profits of whole episodes in percent of the capital, and the greatest drawdown of each as a share.
  rlx::SweepOutcome play(const rlx::InferencePolicy& policy, const funding::Window& window) const {
    const std::size_t tapes = data.markets.size();
    funding::EnvironmentConfig config = environment_config(o);
    config.window_begin = window.begin;
    config.window_end = window.end - 1;
    config.close_at_end = true;
    const rlx::Evaluation played = rlx::evaluate_policy(policy, [&](std::size_t i) { return make(i, config); },
                                                        {.n_eval_episodes = o.held_out_episodes,
                                                         .num_envs = std::min<std::size_t>(o.held_out_episodes, 8 * tapes),
                                                         .seed = o.seed,
                                                         .pool = &threads});
    rlx::SweepOutcome outcome;
    for (const rlx::EpisodeStatistics& episode : played.episodes) {
      outcome.returns.push_back(episode.metrics[metric_index<SeeingEnv>("profit_pct")]);
      outcome.drawdowns.push_back(episode.metrics[metric_index<SeeingEnv>("max_drawdown")]);
      if (tapes >= least_groups) outcome.groups.push_back(episode.env % tapes);
    }
    return outcome;
  }

  /// Trains one cell and plays the test window with what its training ended with.
  template <class Objective>
  rlx::SweepOutcome operator()(const rlx::SweepCell& cell, std::type_identity<Objective>) const {
    const funding::Fold& fold = data.folds.front();
    const Sizes sizes = sizes_of(o);
    funding::EnvironmentConfig config = environment_config(o);
    config.window_begin = fold.train.begin;
    config.window_end = fold.train.end - 1;
    rlx::VectorEnv envs({.num_envs = sizes.n_envs, .seed = cell.seed}, threads, [&](std::size_t i) { return make(i, config); });
    const std::size_t appended = envs.environment(0).num_features();
    const rlx::InferencePolicy policy =
        train_cell<Objective>(cell, ppo_config(o, sizes), envs, network_of(o, appended), sizes.total_steps, threads);
    rlx::SweepOutcome outcome = play(policy, fold.test);
    outcome.var = rlx::risk::value_at_risk(play(policy, fold.validation).returns, {cell.alpha});
    return outcome;
  }
};

}  // namespace

int frontier(const Options& o) {
  const rlx::CvarSweep sweep = sweep_of(o.sweep, o.seed, o.bootstrap);
  prepare_frontier(o.sweep);
  rlx::ThreadPool threads(thread_count(o));
  const Data data = load_data(o);
  if (!o.quiet) fmt::print("{}", data_block(o, data));
  print_warnings(o, data);
  check_windows(o, data);
  if (data.markets.size() < least_groups) {
    fmt::print(
        "note: episodes of one tape overlap in time, so the intervals are too narrow; with --tapes {} or more, tapes are "
        "resampled\n",
        least_groups);
  }
  return run_frontier(
      o.sweep, sweep, o.quiet,
      {.title = fmt::format("Funding arbitrage: mean against CVaR of an episode of {} days", o.episode_length_days),
       .unit = "% of the capital",
       .decimals = 3,
       .drawdown_factor = 100.0,
       .drawdown_unit = "%"},
      Frontier(o, data, threads));
}

}  // namespace app
