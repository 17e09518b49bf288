// SPDX-License-Identifier: MIT
/// @file
/// @brief The flags of the program: one plain struct, filled from the command line and an optional JSON file.
#ifndef FUNDING_ARBITRAGE_PPO_OPTIONS_HPP
#define FUNDING_ARBITRAGE_PPO_OPTIONS_HPP

#include "common/sweep_options.hpp"
#include "common/usage_error.hpp"

#include <rlx/funding/trading_config.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace app {

enum class Command { train, frontier, evaluate, infer, generate_data, validate_data };

struct Options {
  Command command = Command::train;

  // data
  std::string data_path, prices_path, funding_path, indicative_path;
  std::string synthetic = "calibrated";  ///< calibrated | planted, used when no file is given
  std::size_t tapes = 1;
  int days = 0;  ///< length of a synthetic tape; 0: the preset's own
  std::string venues_path, instruments_path;
  int step_minutes = 60;
  std::string start, end;
  std::string volume_unit;  ///< quote | base; empty: quote for tapes, base for opportunity files
  std::string date_order;   ///< mdy | dmy; empty: slash dates are refused
  std::string on_conflict = "error";
  bool strict_data = false, derive_intervals = false;

  // trading configuration
  std::string profile;
  std::optional<double> max_leverage, target_utilization, stop_loss, liquidation_buffer;
  std::optional<int> max_positions;
  bool sample_random_config = false;
  double initial_capital = 10'000.0;
  double episode_length_days = 7.0;

  // training
  std::uint64_t num_episodes = 1'000;
  std::uint64_t total_steps = 0;       ///< 0: num_episodes episodes
  std::uint64_t stop_after_steps = 0;  ///< stop early and save, as an interruption would; 0: do not
  std::string network = "modular";
  std::size_t n_envs = 16, rollout_steps = 128, batch_size = 128, n_epochs = 4;
  double learning_rate = 3e-4;
  std::string lr_schedule = "linear";
  std::optional<double> gamma;  ///< default exp(-step hours / 336)
  double gae_lambda = 0.95, clip_range = 0.2, value_coef = 0.5;
  double entropy_coef = 0.01, final_entropy_coef = 0.001;
  double max_grad_norm = 0.5, target_kl = 0.05;
  double reward_scale = 100.0, shaping_scale = 0.0;
  std::uint64_t eval_every = 50, eval_episodes = 20, save_every = 100, log_interval = 10;
  std::string checkpoint_dir = "checkpoints", resume_from, tensorboard_dir;
  bool allow_data_change = false;
  double train_fraction = 0.6, val_fraction = 0.2, embargo_hours = 24.0;
  std::size_t walk_forward = 1;

  // frontier
  SweepOptions sweep;
  std::size_t held_out_episodes = 200;
  bool tail_features = false;

  // evaluation and inference
  std::string checkpoint = "checkpoints/best_model.safetensors";
  std::string window = "test";
  std::string policy = "both";
  bool sensitivity = false;
  std::size_t bootstrap = 2'000;
  std::string trades_output, json_output, report;
  std::size_t episodes = 5;
  std::string state, states_output;
  double enter_threshold = 0.0, exit_threshold = 0.0;

  // data generation
  std::string output_dir = "data", from, input;
  std::string common_prices;  ///< venue whose prices stand for all; empty: each venue has its own

  // all
  std::uint64_t seed = 42;
  std::size_t threads = 0;  ///< 0: as many as the machine has
  std::string device = "cpu";
  bool quiet = false;

  std::vector<std::string> command_line;
  std::map<std::string, std::string> flags;  ///< every flag with a value that counts, given or default, for the manifest

  rlx::funding::TradingConfig trading() const;
  std::size_t episode_steps() const;
  double discount() const;
  bool uses_files() const { return !data_path.empty() || !prices_path.empty() || !funding_path.empty(); }
};

/// Parses `argv` and, before it, the JSON file of `--config`; the command line wins.
/// @throws UsageError for an unknown flag, key, command or value, with the nearest name suggested.
/// @return nothing when help or the version was asked for; it has been printed then.
std::optional<Options> parse_options(int argc, char** argv);

}  // namespace app

#endif  // FUNDING_ARBITRAGE_PPO_OPTIONS_HPP
