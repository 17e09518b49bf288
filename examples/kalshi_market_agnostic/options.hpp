// SPDX-License-Identifier: MIT
/// @file
/// @brief The flags of the program: one plain struct, filled from the command line and an optional JSON file.
#ifndef KALSHI_MARKET_AGNOSTIC_OPTIONS_HPP
#define KALSHI_MARKET_AGNOSTIC_OPTIONS_HPP

#include "common/sweep_options.hpp"
#include "common/usage_error.hpp"

#include <rlx/kalshi/environment.hpp>
#include <rlx/kalshi/synthetic_session.hpp>
#include <rlx/kalshi/view_filter.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace app {

namespace kalshi = rlx::kalshi;

enum class Command { import, generate, train, frontier, evaluate, inspect };

struct Options {
  Command command = Command::inspect;

  // import
  std::string format;
  std::vector<std::string> files;
  std::string utc_offset, settlement, taken_at;
  std::string close = "ticker";
  double assumed_touch_size = 10.0;  ///< contracts
  std::string environment = "production";
  bool strict = false;

  // sessions: a store, or the embedded synthetic set
  std::string store;
  std::size_t events = 100;
  double edge = 1.0, lag = 25.0;
  std::uint64_t data_seed = 7;

  // views
  std::size_t min_length = 50;
  double min_coverage = 0.10, min_quality = 0.95;

  // split
  double hold_out = 0.2;
  std::string split = "walk_forward";

  // environment
  std::string layout = "five", price_rule = "cross";
  int contracts = 10, position_limit = 100;
  double latency_ms = 100.0;

  // training
  std::string algorithm = "ppo", strategy = "hybrid";
  std::uint64_t total_timesteps = 4'000'000;
  std::uint64_t stop_after_steps = 0;  ///< stop early and save, as an interruption would; 0: do not
  std::size_t n_envs = 8, batch_size = 64, n_epochs = 10;
  std::optional<std::size_t> n_steps;               ///< default: 2048 of ppo, 5 of a2c
  std::optional<double> learning_rate, gae_lambda;  ///< default: 3e-4 and 0.95 of ppo, 7e-4 and 1 of a2c
  std::string learning_rate_schedule = "linear";
  double gamma = 0.99, clip_range = 0.2, ent_coef = 0.01, vf_coef = 0.5, max_grad_norm = 0.5;
  std::uint32_t episodes_per_view = 20;
  std::string budget = "fixed";
  std::size_t stages = 5;
  std::uint64_t stage_episodes = 50;
  double revisit = 0.2;
  std::string length_groups;
  bool mirror = false, require_targets = false;
  std::string init_from, resume, output = "kalshi_run";
  std::uint64_t eval_every = 100'000, save_every = 100'000;

  // frontier
  SweepOptions sweep;
  std::size_t bootstrap = 2'000;

  // evaluation
  std::vector<std::string> checkpoints;
  std::string views = "held_out", policy = "deterministic";
  bool fill_sensitivity = false;
  std::string record, report;

  // inspect
  std::optional<std::int64_t> session;  ///< none: all
  std::string market;

  // all
  std::uint64_t seed = 42;
  std::size_t threads = 0;  ///< 0: as many as the machine has
  bool quiet = false;

  std::vector<std::string> command_line;
  std::map<std::string, std::string> flags;  ///< every flag with a value that counts, given or default, for the manifest

  kalshi::SyntheticConfig synthetic() const;
  kalshi::ViewFilter filter() const;
  kalshi::KalshiEnvConfig trading() const;
  /// What the actions mean, for checkpoints: layout, price rule, sizes, limit.
  std::string actions_text() const;
  std::vector<std::size_t> length_edges() const;
  std::size_t thread_count() const;
};

/// The manifest of the run in an --output folder: its own, or that of its first length group.
std::string manifest_of_run(const std::string& folder);

/// Parses `argv` and, before it, the JSON file of `--config`; the command line wins.
/// @throws UsageError for an unknown flag, key, command or value, with the nearest name suggested.
/// @return nothing when help or the version was asked for; it has been printed then.
std::optional<Options> parse_options(int argc, char** argv);

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_OPTIONS_HPP
