// SPDX-License-Identifier: MIT
#include "options.hpp"

#include "common/command_line.hpp"

#include <rlx/core/version.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <utility>

namespace app {
namespace {

using rlx::funding::TradingConfig;

constexpr const char* examples_text = R"(Examples:
  funding_arbitrage_ppo train --synthetic planted --tapes 8 --network pointer --total-steps 1000000 --report report.html
  funding_arbitrage_ppo --data-path opportunities.csv --sample-random-config --num-episodes 2000 --eval-every 100
  funding_arbitrage_ppo evaluate --checkpoint checkpoints/best_model.safetensors --sensitivity
  funding_arbitrage_ppo frontier --synthetic planted --tapes 8 --network pointer --total-steps 200000 --cvar-weights 0,0.1,0.3
  funding_arbitrage_ppo infer --checkpoint checkpoints/best_model.safetensors --episodes 5
  funding_arbitrage_ppo generate-data --synthetic calibrated --days 120 --output-dir data
  funding_arbitrage_ppo validate-data --prices-path data/prices.csv --funding-path data/funding.csv
Without a command the program trains. Exit codes: 0 ok, 2 usage, 3 data, 4 configuration, 5 checkpoint, 6 numeric, 130 interrupted.)";

void add_data_flags(CLI::App& app, Options& o) {
  const char* group = "Data";
  app.add_option("--data-path", o.data_path, "opportunity CSV (the seed's format)")->group(group);
  app.add_option("--prices-path", o.prices_path, "tape: prices CSV; goes with --funding-path")->group(group);
  app.add_option("--funding-path", o.funding_path, "tape: settlements CSV")->group(group);
  app.add_option("--indicative-path", o.indicative_path, "tape: indicative rates CSV (optional)")->group(group);
  app.add_option("--synthetic", o.synthetic, "embedded market, used when no file is given")
      ->check(CLI::IsMember({"calibrated", "planted"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--tapes", o.tapes, "number of synthetic tapes; environment i uses tape i mod n")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str()
      ->group(group);
  app.add_option("--days", o.days, "length of a synthetic tape in days; 0: the preset's own")
      ->check(CLI::Range(0, 36'500))
      ->capture_default_str()
      ->group(group);
  app.add_option("--venues-path", o.venues_path, "JSON that overrides fees, tiers and rules of venues")->group(group);
  app.add_option("--instruments-path", o.instruments_path, "CSV venue,symbol,lot: quantity steps")->group(group);
  app.add_option("--step-minutes", o.step_minutes, "decision step")
      ->check(CLI::IsMember({5, 15, 30, 60, 120, 240, 480}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--start", o.start, "use data from this time on (ISO 8601, UTC)")->group(group);
  app.add_option("--end", o.end, "use data before this time (ISO 8601, UTC)")->group(group);
  app.add_option("--volume-unit", o.volume_unit, "unit of volume columns (default: quote for tapes, base for --data-path)")
      ->check(CLI::IsMember({"quote", "base"}))
      ->group(group);
  app.add_option("--date-order", o.date_order, "how to read dates with slashes")
      ->check(CLI::IsMember({"mdy", "dmy"}))
      ->group(group);
  app.add_option("--on-conflict", o.on_conflict, "two different rows with one key")
      ->check(CLI::IsMember({"error", "last"}))
      ->capture_default_str()
      ->group(group);
  app.add_flag("--strict-data", o.strict_data, "refuse data with coverage below 80 % or with rows that know the future")
      ->group(group);
  app.add_flag("--derive-intervals", o.derive_intervals,
               "take settlement intervals from the stamps where the column is missing")
      ->group(group);
}

void add_config_flags(CLI::App& app, Options& o) {
  const char* group = "Trading configuration";
  app.add_option("--profile", o.profile, "preset: 1x/.4/2, 3x/.6/3, 5x/.75/5; flags below override it")
      ->check(CLI::IsMember({"conservative", "moderate", "aggressive"}))
      ->group(group);
  app.add_option("--max-leverage", o.max_leverage, "1 to 10 (default 1)")->group(group);
  app.add_option("--target-utilization", o.target_utilization, "0 to 1 (default 0.5)")->group(group);
  app.add_option("--max-positions", o.max_positions, "1 to 5 (default 3)")->group(group);
  app.add_option("--stop-loss", o.stop_loss, "-0.10 to 0; 0 is off (default -0.02)")->group(group);
  app.add_option("--liquidation-buffer", o.liquidation_buffer, "0.05 to 0.50 (default 0.15)")->group(group);
  app.add_flag("--sample-random-config", o.sample_random_config, "every episode draws a configuration: one model for all users")
      ->group(group);
  app.add_option("--initial-capital", o.initial_capital, "USD, 1000 to 1e9")->capture_default_str()->group(group);
  app.add_option("--episode-length-days", o.episode_length_days, "length of a training episode")
      ->capture_default_str()
      ->group(group);
}

void add_learning_flags(CLI::App& app, Options& o) {
  const char* group = "Training";
  app.add_option("--num-episodes", o.num_episodes, "episodes to train")->capture_default_str()->group(group);
  app.add_option("--total-steps", o.total_steps, "environment steps to train; replaces --num-episodes")
      ->check(CLI::Validator(
          [](std::string& text) {
            return text.find_first_not_of('0') == std::string::npos ? "expected at least 1, found '" + text + "'"
                                                                    : std::string();
          },
          ""))
      ->group(group);
  app.add_option("--network", o.network, "modular: 791,989 parameters; pointer: 99,014")
      ->check(CLI::IsMember({"modular", "pointer"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--n-envs", o.n_envs, "parallel environments")->capture_default_str()->group(group);
  app.add_option("--rollout-steps", o.rollout_steps, "steps per environment and update")->capture_default_str()->group(group);
  app.add_option("--batch-size", o.batch_size, "rows of a minibatch")->capture_default_str()->group(group);
  app.add_option("--n-epochs", o.n_epochs, "passes over a rollout")->capture_default_str()->group(group);
  app.add_option("--learning-rate", o.learning_rate, "Adam")->capture_default_str()->group(group);
  app.add_option("--lr-schedule", o.lr_schedule, "linear falls to 0")
      ->check(CLI::IsMember({"linear", "constant"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--gamma", o.gamma, "discount per step (default exp(-step hours / 336))")->group(group);
  app.add_option("--gae-lambda", o.gae_lambda, "")->capture_default_str()->group(group);
  app.add_option("--clip-range", o.clip_range, "")->capture_default_str()->group(group);
  app.add_option("--value-coef", o.value_coef, "")->capture_default_str()->group(group);
  app.add_option("--entropy-coef", o.entropy_coef, "at the start")->capture_default_str()->group(group);
  app.add_option("--final-entropy-coef", o.final_entropy_coef, "at the end, linear between")
      ->capture_default_str()
      ->group(group);
  app.add_option("--max-grad-norm", o.max_grad_norm, "")->capture_default_str()->group(group);
  app.add_option("--target-kl", o.target_kl, "an update stops beyond 1.5 times this; 0 is off")
      ->capture_default_str()
      ->group(group);
  app.add_option("--reward-scale", o.reward_scale, "100: a reward of 1 is 1 %")->capture_default_str()->group(group);
  app.add_option("--shaping-scale", o.shaping_scale, "potential of accrued funding; 0 is off")
      ->capture_default_str()
      ->group(group);
}

void add_run_flags(CLI::App& app, Options& o) {
  const char* group = "Training";
  app.add_option("--stop-after-steps", o.stop_after_steps, "save and stop here, to be continued with --resume-from; 0: do not")
      ->capture_default_str()
      ->group(group);
  app.add_option("--eval-every", o.eval_every, "episodes between evaluations on the validation window")
      ->capture_default_str()
      ->group(group);
  app.add_option("--eval-episodes", o.eval_episodes, "episodes behind `Eval Mean Reward`")->capture_default_str()->group(group);
  app.add_option("--save-every", o.save_every, "episodes between checkpoints")->capture_default_str()->group(group);
  app.add_option("--log-interval", o.log_interval, "episodes between console lines")->capture_default_str()->group(group);
  app.add_option("--checkpoint-dir", o.checkpoint_dir, "")->capture_default_str()->group(group);
  app.add_option("--resume-from", o.resume_from,
                 "continue exactly where this checkpoint stopped; with --walk-forward above 1: the folder of the run")
      ->group(group);
  app.add_flag("--allow-data-change", o.allow_data_change,
               "resume although data, venue table or seed differ; the best model is chosen anew")
      ->group(group);
  app.add_option("--tensorboard-dir", o.tensorboard_dir, "write TensorBoard events here")->group(group);
}

void add_window_flags(CLI::App& app, Options& o) {
  const char* group = "Split by time";
  app.add_option("--train-fraction", o.train_fraction, "")->capture_default_str()->group(group);
  app.add_option("--val-fraction", o.val_fraction, "")->capture_default_str()->group(group);
  app.add_option("--embargo-hours", o.embargo_hours, "gap between the windows")->capture_default_str()->group(group);
}

void add_split_flags(CLI::App& app, Options& o) {
  add_window_flags(app, o);
  app.add_option("--walk-forward", o.walk_forward, "anchored folds with consecutive test windows")
      ->check(CLI::Range(1, 100))
      ->capture_default_str()
      ->group("Split by time");
}

void add_bootstrap_flag(CLI::App& app, Options& o, const char* group) {
  app.add_option("--bootstrap", o.bootstrap, "resamples of the intervals")
      ->check(CLI::Range(40, 1'000'000))
      ->capture_default_str()
      ->group(group);
}

void add_report_flags(CLI::App& app, Options& o) {
  const char* group = "Report";
  app.add_option("--policy", o.policy, "which agent rows the table has")
      ->check(CLI::IsMember({"deterministic", "sampled", "both"}))
      ->capture_default_str()
      ->group(group);
  app.add_flag("--sensitivity", o.sensitivity, "also fees x0.5/x1/x2 and execution delay 0/1")->group(group);
  add_bootstrap_flag(app, o, group);
  app.add_option("--trades-output", o.trades_output, "CSV of the agent's closed positions, by configuration, fold and tape")
      ->group(group);
  app.add_option("--report", o.report, "self-contained HTML report")->group(group);
}

void add_common_flags(CLI::App& app, Options& o) {
  const char* group = "All commands";
  app.add_option("--seed", o.seed, "")->capture_default_str()->group(group);
  app.add_option("--threads", o.threads, "0: all of the machine; results do not depend on it")
      ->capture_default_str()
      ->group(group);
  app.add_option("--device", o.device, "cpu or auto; nothing here needs a GPU")->capture_default_str()->group(group);
  app.add_flag("--quiet", o.quiet, "tables and errors only")->group(group);
}

UnusedFlags unused_flags(const Options& o, const CLI::App& command) {
  UnusedFlags unused;
  const auto add = [&unused](bool applies, std::initializer_list<const char*> names, const std::string& why) {
    if (!applies) return;
    for (const char* name : names) unused.emplace(name, why);
  };
  if (o.command == Command::generate_data) {  // a conversion takes what its file holds
    add(!o.from.empty(), {"synthetic", "days", "step-minutes", "seed"},
        fmt::format("with --from {}: it belongs to synthetic data; leave one of them out", o.from));
    return unused;
  }
  if (!o.state.empty()) {  // a state holds its market and its trading configuration
    for (const CLI::Option* option : command.get_options()) unused.emplace(option->get_single_name(), "with --state");
    for (const char* name : {"state", "checkpoint", "enter-threshold", "exit-threshold", "venues-path", "seed", "threads",
                             "device", "quiet", "config"})
      unused.erase(name);
    return unused;
  }
  add(o.uses_files(), {"synthetic", "tapes", "days"},
      "with data files: it belongs to the embedded market; leave one of them out");
  add(!o.uses_files(), {"volume-unit", "on-conflict", "strict-data"}, "without data files, such as --data-path");
  add(o.sample_random_config,
      {"profile", "max-leverage", "target-utilization", "max-positions", "stop-loss", "liquidation-buffer"},
      "with --sample-random-config: every episode draws its own, and the tables show a fixed panel; leave one of them out");
  add(o.data_path.empty(), {"date-order"}, "without --data-path: other files have their times in milliseconds");
  add(o.funding_path.empty(), {"derive-intervals"}, "without --funding-path");
  return unused;
}

/// Values that the type of a flag does not exclude, and flags that would have no effect.
void check_values(const Options& o) {
  if (o.funding_path.empty() != o.prices_path.empty())
    throw UsageError("--prices-path and --funding-path go together; one of them is missing");
  if (!o.indicative_path.empty() && o.prices_path.empty())
    throw UsageError("--indicative-path goes with --prices-path and --funding-path");
  if (!o.instruments_path.empty() && o.prices_path.empty())
    throw UsageError("--instruments-path goes with --prices-path and --funding-path");
  if (!o.resume_from.empty() && std::filesystem::is_directory(o.resume_from) != (o.walk_forward > 1)) {
    throw UsageError(o.walk_forward > 1
                         ? fmt::format("--resume-from {}: with --walk-forward above 1, name the folder of the run (its "
                                       "--checkpoint-dir), which holds fold1, fold2 and so on",
                                       o.resume_from)
                         : fmt::format("--resume-from {0}: is a folder; name a checkpoint, such as {0}/final_model.safetensors",
                                       o.resume_from));
  }
  if (!(o.initial_capital >= 1e3 && o.initial_capital <= 1e9)) {
    throw rlx::ConfigError(fmt::format(
        "--initial-capital {}: expected 1000 to 1e9 USD; with less, orders fall below the least size, with more, no market is "
        "deep enough",
        o.initial_capital));
  }
  if (o.num_episodes == 0 && o.total_steps == 0) throw UsageError("--num-episodes 0: expected at least 1");
  if (o.n_envs == 0) throw UsageError("--n-envs 0: expected at least 1");
  for (const auto& [flag, threshold] : {std::pair{"enter", o.enter_threshold}, std::pair{"exit", o.exit_threshold}}) {
    if (!(threshold >= 0.0 && threshold <= 1.0))
      throw UsageError(fmt::format("--{}-threshold {}: expected a probability from 0 to 1", flag, threshold));
  }
  if (!o.from.empty() && o.input.empty()) throw UsageError(fmt::format("--from {}: name the file with --input", o.from));
  if (o.from.empty() && !o.input.empty())
    throw UsageError("--input: say what it is with --from spot-perp-8h or --from settlements");
  if (!o.common_prices.empty() && o.from != "spot-perp-8h") throw UsageError("--common-prices goes with --from spot-perp-8h");
}

void check_device(const Options& o) {
  if (o.device == "cpu" || o.device == "auto") return;
  if (o.device == "cuda") throw UsageError("--device cuda: this build computes on the CPU; use --threads N to use more cores");
  throw UsageError(fmt::format("--device {}: expected cpu or auto", o.device));
}

}  // namespace

TradingConfig Options::trading() const {
  TradingConfig config;
  if (profile == "conservative") config = TradingConfig::conservative();
  if (profile == "moderate") config = TradingConfig::moderate();
  if (profile == "aggressive") config = TradingConfig::aggressive();
  if (max_leverage) config.max_leverage = *max_leverage;
  if (target_utilization) config.target_utilization = *target_utilization;
  if (max_positions) config.max_positions = *max_positions;
  if (stop_loss) config.stop_loss_threshold = *stop_loss;
  if (liquidation_buffer) config.liquidation_buffer = *liquidation_buffer;
  config.validate();
  return config;
}

std::size_t Options::episode_steps() const {
  const double steps = std::round(episode_length_days * 24.0 * 60.0 / step_minutes);
  if (!(steps >= 1.0 && steps <= 1e9)) {
    throw rlx::ConfigError(fmt::format("--episode-length-days = {}: expected between one and 1e9 steps of {} minutes",
                                       episode_length_days, step_minutes));
  }
  return static_cast<std::size_t>(steps);
}

double Options::discount() const { return gamma.value_or(std::exp(-(step_minutes / 60.0) / 336.0)); }

std::optional<Options> parse_options(int argc, char** argv) {
  Options o;
  CLI::App app{"Funding-rate arbitrage between exchanges: train, judge and run a PPO agent."};
  app.footer(examples_text);
  app.set_version_flag("--version", RLX_VERSION_STRING);
  app.require_subcommand(1);

  std::map<CLI::App*, Command> commands;
  const auto add_command = [&](const char* name, const char* text, Command command) {
    CLI::App* sub = app.add_subcommand(name, text);
    sub->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    commands[sub] = command;
    return sub;
  };
  CLI::App* train =
      add_command("train", "train an agent, choose the best model, score it once on the test window", Command::train);
  CLI::App* frontier = add_command("frontier", "train with several weights of the tail: mean against CVaR on the test window",
                                   Command::frontier);
  CLI::App* evaluate = add_command("evaluate", "score a checkpoint beside the baselines", Command::evaluate);
  CLI::App* infer = add_command("infer", "run episodes with a checkpoint, or decide on states given as JSON", Command::infer);
  CLI::App* generate =
      add_command("generate-data", "write a synthetic tape as CSV, or convert real files", Command::generate_data);
  CLI::App* validate = add_command("validate-data", "check data files and say what to do", Command::validate_data);

  std::string config_path;
  for (CLI::App* command : {train, frontier, evaluate, infer, generate, validate}) {
    command->add_option("--config", config_path, "JSON file of flags; the command line wins")->group("All commands");
    if (command != generate) add_data_flags(*command, o);
    if (command != generate && command != validate) add_config_flags(*command, o);
    if (command == train || command == frontier) add_learning_flags(*command, o);
    if (command == train) add_run_flags(*command, o);
    if (command == train || command == evaluate) {
      add_split_flags(*command, o);
      add_report_flags(*command, o);
    }
    add_common_flags(*command, o);
  }
  add_window_flags(*frontier, o);
  add_bootstrap_flag(*frontier, o, "Sweep");
  add_sweep_flags(*frontier, o.sweep);
  frontier
      ->add_flag("--tail-features", o.tail_features, "show VaR and CVaR of each offered pair's next step, from its past week")
      ->group("Sweep");
  frontier->add_option("--held-out-episodes", o.held_out_episodes, "episodes of the test window that judge a policy")
      ->check(CLI::Range(2, 1'000'000))
      ->capture_default_str()
      ->group("Sweep");
  add_split_flags(*infer, o);
  for (CLI::App* command : {evaluate, infer}) {
    command->add_option("--checkpoint", o.checkpoint, "checkpoint or exported policy")->capture_default_str()->group("Model");
    command->add_option("--window", o.window, "part of the data")
        ->check(CLI::IsMember({"test", "val", "train", "all"}))
        ->capture_default_str()
        ->group("Model");
  }
  evaluate->add_option("--json-output", o.json_output, "JSON of all figures of the tables")->group("Report");
  infer->add_option("--episodes", o.episodes, "")->capture_default_str()->group("Model");
  infer->add_option("--state", o.state, "FILE or -: one state as JSON per line in, one decision per line out")->group("Model");
  infer
      ->add_option("--states-output", o.states_output,
                   "write every state of the episodes as JSON lines, in the form of --state")
      ->group("Model");
  infer->add_option("--enter-threshold", o.enter_threshold, "an ENTER less probable than this becomes HOLD")->group("Model");
  infer->add_option("--exit-threshold", o.exit_threshold, "an EXIT less probable than this becomes HOLD")->group("Model");
  generate->add_option("--synthetic", o.synthetic, "which market")
      ->check(CLI::IsMember({"calibrated", "planted"}))
      ->capture_default_str()
      ->group("Data");
  generate->add_option("--days", o.days, "length in days; 0: the preset's own")
      ->check(CLI::Range(0, 36'500))
      ->capture_default_str()
      ->group("Data");
  generate->add_option("--step-minutes", o.step_minutes, "rows of the tape")
      ->check(CLI::IsMember({5, 15, 30, 60, 120, 240, 480}))
      ->capture_default_str()
      ->group("Data");
  generate->add_option("--venues-path", o.venues_path, "JSON that defines venues beside the table's, or overrides them")
      ->group("Data");
  generate->add_option("--output-dir", o.output_dir, "where prices.csv and funding.csv go")
      ->capture_default_str()
      ->group("Data");
  generate->add_option("--from", o.from, "convert a real file instead")
      ->check(CLI::IsMember({"spot-perp-8h", "settlements"}))
      ->group("Data");
  generate->add_option("--input", o.input, "the file to convert; .gz is unpacked")->group("Data");
  generate
      ->add_option("--common-prices", o.common_prices,
                   "with --from spot-perp-8h: this venue's prices for all venues, where their bars are of different times; no "
                   "spreads are left")
      ->group("Data");

  for (CLI::App* command : {train, frontier, evaluate, infer, generate, validate}) refuse_wrapped_numbers(*command);

  o.command_line.assign(argv, argv + argc);
  CLI::App* const chosen = parse_command_line(app, {argv + 1, argv + argc}, config_path, "train");
  if (chosen == nullptr) return std::nullopt;
  o.command = commands.at(chosen);
  check_device(o);
  check_values(o);
  const UnusedFlags unused = unused_flags(o, *chosen);
  refuse_unused_flags(unused, *chosen);
  o.flags = values_of(*chosen, unused);
  return o;
}

}  // namespace app
