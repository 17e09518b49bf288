// SPDX-License-Identifier: MIT
/// @file
/// @brief The part of a `frontier` command that is the same for every market: the trainings and how the sweep ends.
#ifndef EXAMPLES_COMMON_TRAIN_SWEEP_HPP
#define EXAMPLES_COMMON_TRAIN_SWEEP_HPP

#include "run_main.hpp"
#include "sweep.hpp"

#include <rlx/core/thread_pool.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/graph_spec.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/ppo.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string_view>
#include <type_traits>

namespace app {

/// Ends a sweep that was interrupted.
struct Interrupted {};

/// Trains a cell; the seed of `config` is replaced by the cell's. @throws Interrupted
template <class Objective, class E>
rlx::InferencePolicy train_cell(const rlx::SweepCell& cell, rlx::PpoConfig config, rlx::VectorEnv<E>& envs,
                                const rlx::nn::GraphSpec& network, std::uint64_t steps, rlx::ThreadPool& threads) {
  config.seed = cell.seed;
  rlx::Ppo<E, rlx::ScalarCritic, Objective> ppo(config, envs, network, threads, {}, objective_of<Objective>(cell));
  rlx::Logger logger;
  logger.add<WarningsToStderr>();
  ppo.learn(steps, {.logger = &logger, .stop = &interrupted});
  if (interrupted) throw Interrupted();
  return ppo.policy();
}

/// Sweeps, prints a line for each training and writes the frontier.
/// @param play  SweepOutcome(const SweepCell&, std::type_identity<Objective>): trains the cell and plays what judges it
/// @return the exit code
template <class Play>
int run_frontier(const SweepOptions& o, const rlx::CvarSweep& sweep, bool quiet, const rlx::FrontierText& text, Play&& play) {
  try {
    const rlx::Frontier found = rlx::run_sweep(sweep, [&](const rlx::SweepCell& cell) {
      rlx::SweepOutcome outcome = o.objective == "episode" ? play(cell, std::type_identity<rlx::EpisodeCvar>{})
                                                           : play(cell, std::type_identity<rlx::StepCvar>{});
      if (!quiet) fmt::print("trained with cvar_weight {}, seed {}\n", cell.weight, cell.seed);
      std::fflush(stdout);
      return outcome;
    });
    write_frontier(o, found, text);
  } catch (const Interrupted&) {
    return exit_interrupted;
  }
  return 0;
}

/// Index of a metric among an environment's names.
template <class E>
std::size_t metric_index(std::string_view name) {
  std::size_t i = 0;
  for (const auto& metric : E::metric_names()) {
    if (std::string_view(metric) == name) return i;
    ++i;
  }
  throw rlx::ConfigError(fmt::format("the environment reports no metric '{}'", name));
}

}  // namespace app

#endif  // EXAMPLES_COMMON_TRAIN_SWEEP_HPP
