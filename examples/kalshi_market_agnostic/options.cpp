// SPDX-License-Identifier: MIT
#include "options.hpp"

#include "common/command_line.hpp"

#include <rlx/core/version.hpp>

#include <rlx/core/json.hpp>
#include <rlx/io/mapped_file.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

namespace app {
namespace {

constexpr const char* examples_text = R"(Examples:
  kalshi_market_agnostic import --format bbo-csv --utc-offset -08:00 --settlement settlement.csv --store markets.db day*.csv.gz
  kalshi_market_agnostic generate --events 100 --store synthetic.db
  kalshi_market_agnostic inspect --store markets.db
  kalshi_market_agnostic train --total-timesteps 1500000 --output run
  kalshi_market_agnostic train --store markets.db --strategy schedule --mirror --output run
  kalshi_market_agnostic frontier --events 200 --total-timesteps 500000 --cvar-weights 0,0.05,0.2 --cvar-alpha 0.1
  kalshi_market_agnostic evaluate --checkpoint run/best_model.safetensors --fill-sensitivity --report report.html
Without a command the program trains. Without --store a command works on the embedded synthetic set. Exit codes: 0 ok, 2 usage, 3 data or file, 4 configuration,
5 checkpoint, 6 numeric, 7 alarm or failed --require-targets, 130 interrupted after saving.)";

constexpr const char* store_help = "SQLite file of recorded sessions (default: the embedded synthetic set)";

void add_synthetic_flags(CLI::App& app, Options& o, const char* seed_flag) {
  const char* group = "Synthetic sessions";
  app.add_option("--events", o.events, "events, one a day, with two or three markets each")
      ->check(CLI::Range(1, 20'000))
      ->capture_default_str()
      ->group(group);
  app.add_option("--edge", o.edge, "planted edge: 1 quotes follow a belief that lags behind the news, 0 no edge at all")
      ->capture_default_str()
      ->group(group);
  app.add_option("--lag", o.lag, "groups of events over which that belief learns")->capture_default_str()->group(group);
  app.add_option(seed_flag, o.data_seed, "seed of the synthetic sessions")->capture_default_str()->group(group);
}

void add_session_flags(CLI::App& app, Options& o) {
  app.add_option("--store", o.store, store_help)->group("Sessions");
  add_synthetic_flags(app, o, "--data-seed");
}

void add_view_flags(CLI::App& app, Options& o) {
  const char* group = "Views: one market of one session, a whole episode";
  app.add_option("--min-length", o.min_length, "least decision groups")->capture_default_str()->group(group);
  app.add_option("--min-coverage", o.min_coverage, "least share of the session with two sides")
      ->capture_default_str()
      ->group(group);
  app.add_option("--min-quality", o.min_quality, "least share of sound rows")->capture_default_str()->group(group);
}

void add_import_flags(CLI::App& app, Options& o) {
  const char* group = "Import";
  app.add_option("FILES", o.files, "files, packed ones end in .gz; - reads standard input")->group(group);
  app.add_option("--format", o.format, "what the files are")
      ->check(CLI::IsMember({"bbo-csv", "ws-jsonl", "rest-json"}))
      ->required()
      ->group(group);
  app.add_option("--store", o.store, "SQLite file that gets the sessions; without it the files are only checked")->group(group);
  app.add_option("--utc-offset", o.utc_offset, "bbo-csv: offset of times without a zone, +HH:MM or -HH:MM")->group(group);
  app.add_option("--settlement", o.settlement, "CSV of results: market_ticker, inferred_result")->group(group);
  app.add_option("--close", o.close, "announced close: ticker (05:00 UTC after its date), ticker+HH:MM, a time, none")
      ->capture_default_str()
      ->group(group);
  app.add_option("--assumed-touch-size", o.assumed_touch_size, "bbo-csv: contracts at each best price")
      ->capture_default_str()
      ->group(group);
  app.add_option("--taken-at", o.taken_at, "rest-json: when the books were taken, which they do not tell")->group(group);
  app.add_option("--environment", o.environment, "noted in the session")
      ->check(CLI::IsMember({"production", "demo"}))
      ->capture_default_str()
      ->group(group);
  app.add_flag("--strict", o.strict, "refuse what is repaired and counted otherwise")->group(group);
}

void add_split_flags(CLI::App& app, Options& o) {
  const char* group = "Hold-out: views never trained on";
  app.add_option("--hold-out", o.hold_out, "least share of the views")->capture_default_str()->group(group);
  app.add_option("--split", o.split, "the last days, or events drawn by the seed")
      ->check(CLI::IsMember({"walk_forward", "random_events"}))
      ->capture_default_str()
      ->group(group);
}

void add_trading_flags(CLI::App& app, Options& o) {
  const char* group = "Trading";
  app.add_option("--layout", o.layout, "HOLD and four orders, or all price rules and sizes with CANCEL")
      ->check(CLI::IsMember({"five", "extended"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--price-rule", o.price_rule, "limit price of the five-action layout")
      ->check(CLI::IsMember({"cross", "join", "improve"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--contracts", o.contracts, "order size of the five-action layout")->capture_default_str()->group(group);
  app.add_option("--position-limit", o.position_limit, "contracts either way")->capture_default_str()->group(group);
  app.add_option("--latency-ms", o.latency_ms, "from a decision to the arrival of its order")
      ->check(CLI::Range(0.0, 60'000.0))
      ->capture_default_str()
      ->group(group);
}

void add_learning_flags(CLI::App& app, Options& o) {
  const char* group = "Training";
  const auto plain = [&](const char* name, auto& value, const char* text) {
    return app.add_option(name, value, text)->capture_default_str()->group(group);
  };
  plain("--strategy", o.strategy, "how the next view is chosen")
      ->check(CLI::IsMember({"hybrid", "schedule", "sequential", "curriculum", "balanced"}));
  plain("--total-timesteps", o.total_timesteps, "steps to train; phases are rescaled")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000'000}));
  plain("--n-envs", o.n_envs, "")->check(CLI::Range(1, 4'096));
  app.add_option("--learning-rate", o.learning_rate, "(default: 3e-4 of ppo, 7e-4 of a2c)")->group(group);
  plain("--learning-rate-schedule", o.learning_rate_schedule, "linear falls to 0 over the steps")
      ->check(CLI::IsMember({"linear", "constant"}));
  app.add_option("--n-steps", o.n_steps, "per environment and update (default: 2048 of ppo, 5 of a2c)")->group(group);
  plain("--batch-size", o.batch_size, "ppo: rows of a minibatch");
  plain("--n-epochs", o.n_epochs, "ppo: passes over a rollout");
  plain("--gamma", o.gamma, "");
  app.add_option("--gae-lambda", o.gae_lambda, "(default: 0.95 of ppo, 1 of a2c)")->group(group);
  plain("--clip-range", o.clip_range, "ppo");
  plain("--ent-coef", o.ent_coef, "");
  plain("--vf-coef", o.vf_coef, "");
  plain("--max-grad-norm", o.max_grad_norm, "");
  plain("--episodes-per-view", o.episodes_per_view, "budget of a sequential pass, target of the balanced phase")
      ->check(CLI::Range(1, 1'000'000));
  plain("--budget", o.budget, "sequential: how that is spread over the views")
      ->check(CLI::IsMember({"fixed", "proportional", "adaptive"}));
  plain("--stages", o.stages, "curriculum: stages by difficulty");
  plain("--stage-episodes", o.stage_episodes, "curriculum: episodes of each view of a stage");
  plain("--revisit", o.revisit, "curriculum: probability of a view of an earlier stage");
  app.add_flag("--mirror", o.mirror, "half of the episodes with YES and NO exchanged")->group(group);
}

void add_run_flags(CLI::App& app, Options& o) {
  const char* group = "Training";
  const auto plain = [&](const char* name, auto& value, const char* text) {
    return app.add_option(name, value, text)->capture_default_str()->group(group);
  };
  plain("--algorithm", o.algorithm, "a2c with SB3's values learns to HOLD: give it --ent-coef 0.1 --n-steps 256")
      ->check(CLI::IsMember({"ppo", "a2c"}));
  plain("--stop-after-steps", o.stop_after_steps, "stop early and save, as an interruption would; 0: do not");
  app.add_option("--length-groups", o.length_groups,
                 "edges such as 50,200,1000, decision groups: a model for each group of lengths")
      ->group(group);
  app.add_option("--init-from", o.init_from, "begin with the parameters of this checkpoint")->group(group);
  app.add_option("--resume", o.resume, "continue the run in this folder exactly where it stopped, with its flags")
      ->group(group);
  plain("--output", o.output, "folder of models, logs, manifest and report");
  plain("--eval-every", o.eval_every, "steps between evaluations on the held-out views");
  plain("--save-every", o.save_every, "steps between checkpoints");
  app.add_flag("--require-targets", o.require_targets, "exit code 7 unless every success check passes")->group(group);
}

void add_evaluate_flags(CLI::App& app, Options& o) {
  const char* group = "Evaluation";
  app.add_option("--checkpoint", o.checkpoints, "checkpoint or exported policy; of several the mean of the probabilities acts")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group(group);
  app.add_option("--views", o.views, "which views")
      ->check(CLI::IsMember({"held_out", "train", "all"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--policy", o.policy, "the most probable action, a drawn one, or both in the table")
      ->check(CLI::IsMember({"deterministic", "sampled", "both"}))
      ->capture_default_str()
      ->group(group);
  app.add_flag("--fill-sensitivity", o.fill_sensitivity, "also at several shares of decreases that count as trades")
      ->group(group);
  app.add_option("--record", o.record, "write every decision of the episodes as JSON lines, for imitation")->group(group);
  app.add_option("--report", o.report, "self-contained HTML report")->group(group);
}

void add_seed_flags(CLI::App& app, Options& o) {
  app.add_option("--seed", o.seed, "")->capture_default_str()->group("All commands");
  app.add_option("--threads", o.threads, "0: all of the machine; results do not depend on it")
      ->capture_default_str()
      ->group("All commands");
}

void add_common_flags(CLI::App& app, Options& o, std::string& config_path) {
  const char* group = "All commands";
  app.add_option("--config", config_path, "JSON file of flags; the command line wins")->group(group);
  app.add_flag("--quiet", o.quiet, "results and errors only")->group(group);
}

UnusedFlags unused_flags(const Options& o) {
  UnusedFlags unused;
  const auto add = [&unused](bool applies, std::initializer_list<const char*> names, const std::string& why) {
    if (!applies) return;
    for (const char* name : names) unused.emplace(name, why);
  };
  if (o.command == Command::import) {
    const std::string why = fmt::format("with --format {}", o.format);
    add(o.format != "bbo-csv", {"utc-offset", "assumed-touch-size"}, why);
    add(o.format != "rest-json", {"taken-at"}, why);
    add(o.format != "ws-jsonl", {"strict"}, why);
    add(o.format == "rest-json", {"environment"}, why);
    return unused;
  }
  if (o.command != Command::generate)
    add(!o.store.empty(), {"events", "edge", "lag", "data-seed"}, "with --store: it belongs to the embedded synthetic set");
  add(o.layout == "extended", {"price-rule", "contracts"}, "with --layout extended, which has all rules and its own sizes");
  if (o.command == Command::train || o.command == Command::frontier) {
    add(o.algorithm == "a2c", {"batch-size", "n-epochs", "clip-range"}, "with --algorithm a2c: it belongs to ppo");
    add(o.strategy != "sequential", {"budget"}, fmt::format("with --strategy {}: it belongs to sequential", o.strategy));
    add(o.strategy == "sequential" || o.strategy == "balanced", {"stages", "stage-episodes", "revisit"},
        fmt::format("with --strategy {}: it belongs to strategies with a curriculum", o.strategy));
  }
  return unused;
}

/// Values that the type of a flag does not exclude.
void check_values(const Options& o) {
  if (o.command == Command::evaluate && o.checkpoints.empty())
    throw UsageError("evaluate: name a model with --checkpoint, such as kalshi_run/best_model.safetensors");
  if (!o.resume.empty() && !o.init_from.empty())
    throw UsageError("--init-from has no effect with --resume, which continues with the parameters of its run");
  for (const auto& [flag, every] : {std::pair{"eval", o.eval_every}, std::pair{"save", o.save_every}})
    if (every == 0) throw UsageError(fmt::format("--{}-every 0: expected at least 1 step", flag));
  o.length_edges();
  if (o.command != Command::import) return;
  if (o.files.empty()) throw UsageError("import: name the files to read, or - for standard input");
  if (o.format == "rest-json" && o.taken_at.empty())
    throw UsageError("--format rest-json: say when the books were taken with --taken-at, such as 2024-06-01T12:00Z");
}

}  // namespace

kalshi::SyntheticConfig Options::synthetic() const {
  kalshi::SyntheticConfig config;
  config.sessions = events;
  config.edge = edge;
  config.lag = lag;
  config.validate();
  return config;
}

kalshi::ViewFilter Options::filter() const {
  kalshi::ViewFilter filter;
  filter.min_length = min_length;
  filter.min_coverage = min_coverage;
  filter.min_quality = min_quality;
  kalshi::validate(filter);
  return filter;
}

kalshi::KalshiEnvConfig Options::trading() const {
  kalshi::KalshiEnvConfig config;
  config.contracts_per_order = contracts;
  config.position_limit = position_limit;
  config.order_latency_us = static_cast<std::int64_t>(latency_ms * 1'000.0);
  config.fill.assumed_touch_size = 0;  // of data without sizes: what import --assumed-touch-size gave
  const auto rule = price_rule == "join"      ? kalshi::PriceRule::join
                    : price_rule == "improve" ? kalshi::PriceRule::improve
                                              : kalshi::PriceRule::cross;
  config.layout = layout == "five" ? kalshi::ActionLayout::five(rule) : kalshi::ActionLayout::extended();
  kalshi::validate(config);
  return config;
}

std::string Options::actions_text() const {
  const kalshi::ActionLayout actions = trading().layout.with_order_size(contracts);
  return fmt::format("{} actions, {}, orders of {} contracts, limit {}", actions.size(),
                     layout == "five" ? "rule " + price_rule : "all rules", fmt::join(actions.sizes(), "/"), position_limit);
}

std::vector<std::size_t> Options::length_edges() const {
  std::vector<std::size_t> edges;
  for (std::size_t begin = 0; begin < length_groups.size();) {
    const std::size_t end = std::min(length_groups.find(',', begin), length_groups.size());
    std::size_t length = 0;
    const auto [stop, error] = std::from_chars(length_groups.data() + begin, length_groups.data() + end, length);
    if (error != std::errc{} || stop != length_groups.data() + end) {
      throw UsageError(
          fmt::format("--length-groups {}: expected ascending lengths between commas, such as 50,200,1000", length_groups));
    }
    edges.push_back(length);
    begin = end + 1;
  }
  return edges;
}

std::size_t Options::thread_count() const {
  return threads > 0 ? threads : std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
}

std::string manifest_of_run(const std::string& folder) {
  const std::string own = folder + "/manifest.json", group = folder + "/group1/manifest.json";
  std::error_code failed;
  return !std::filesystem::exists(own, failed) && std::filesystem::exists(group, failed) ? group : own;
}

namespace {

/// The flags of the run that is resumed.
std::map<std::string, std::string> saved_flags(const std::string& folder) {
  std::map<std::string, std::string> flags;
  if (folder.empty()) return flags;
  const std::string path = manifest_of_run(folder);
  nlohmann::json manifest;
  try {
    manifest = rlx::parse_json(rlx::io::read_file(path), path);
  } catch (const rlx::Error& error) {
    throw rlx::CheckpointError(fmt::format("--resume {}: expected the --output folder of a run: {}", folder, error.what()));
  }
  if (!manifest.contains("flags") || !manifest["flags"].is_object())
    throw rlx::CheckpointError(fmt::format("{}: expected the key 'flags' with the flags of the run", path));
  for (const auto& [flag, value] : manifest["flags"].items()) {
    const bool own = flag == "output" || flag == "resume" || flag == "init-from" || flag == "quiet" || flag == "threads" ||
                     flag == "stop-after-steps" || flag == "require-targets";
    if (!own && value.is_string()) flags[flag] = value.get<std::string>();
  }
  return flags;
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv) {
  Options o;
  std::string config_path;
  CLI::App app{"Market-agnostic trading on recorded Kalshi order books: import, train, evaluate, inspect."};
  app.footer(examples_text);
  app.set_version_flag("--version", RLX_VERSION_STRING);
  app.require_subcommand(1);

  std::map<const CLI::App*, Command> commands;
  const auto add_command = [&](const char* name, const char* text, Command command) {
    CLI::App* const sub = app.add_subcommand(name, text);
    sub->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    commands[sub] = command;
    return sub;
  };
  CLI::App* const import = add_command("import", "read recorded files into a store", Command::import);
  add_import_flags(*import, o);
  import->get_option("FILES")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);

  CLI::App* const generate = add_command("generate", "make synthetic sessions whose true edge is known", Command::generate);
  generate->add_option("--store", o.store, "SQLite file that gets the sessions; without it they are only described")
      ->group("Synthetic sessions");
  add_synthetic_flags(*generate, o, "--seed");

  CLI::App* const train =
      add_command("train", "train an agent over many markets, judge it on markets never seen", Command::train);
  CLI::App* const evaluate = add_command("evaluate", "judge checkpoints beside the baselines", Command::evaluate);
  CLI::App* const frontier = add_command(
      "frontier", "train with several weights of the tail: mean against CVaR on markets never seen", Command::frontier);
  for (CLI::App* const command : {train, frontier, evaluate}) {
    add_session_flags(*command, o);
    add_view_flags(*command, o);
    add_split_flags(*command, o);
    add_trading_flags(*command, o);
    if (command != evaluate) add_learning_flags(*command, o);
    if (command == train) add_run_flags(*command, o);
    if (command == frontier) {
      add_sweep_flags(*command, o.sweep);
      command->add_option("--bootstrap", o.bootstrap, "resamples of the intervals")
          ->check(CLI::Range(40, 1'000'000))
          ->capture_default_str()
          ->group("Sweep");
    }
    if (command == evaluate) add_evaluate_flags(*command, o);
    add_seed_flags(*command, o);
  }

  CLI::App* const inspect = add_command("inspect", "show sessions, views, rejections and the 52 features", Command::inspect);
  add_session_flags(*inspect, o);
  add_view_flags(*inspect, o);
  inspect->add_option("--session", o.session, "this session only")->group("Inspect");
  inspect->add_option("--market", o.market, "this market only: every figure of its view")->group("Inspect");
  inspect->add_option("--seed", o.seed, "of the random actions behind the column statistics")
      ->capture_default_str()
      ->group("All commands");

  for (const auto& [sub, command] : commands) {
    CLI::App& each = *app.get_subcommand(sub->get_name());
    add_common_flags(each, o, config_path);
    refuse_wrapped_numbers(each);
  }

  o.command_line.assign(argv, argv + argc);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const CLI::App* const chosen =
      parse_command_line(app, std::move(arguments), config_path, "train", [&] { return saved_flags(o.resume); });
  if (chosen == nullptr) return std::nullopt;
  o.command = commands.at(chosen);
  if (!o.resume.empty() && train->get_option("--output")->count() == 0) o.output = o.resume;
  check_values(o);
  const UnusedFlags unused = unused_flags(o);
  UnusedFlags refused = unused;  // what a resumed run had may lose its effect by what is given now
  for (const auto& [flag, value] : saved_flags(o.resume)) {
    const CLI::Option* const option = chosen->get_option_no_throw("--" + flag);
    if (option != nullptr && option->count() == 1) refused.erase(flag);
  }
  refuse_unused_flags(refused, *chosen);
  o.flags = values_of(*chosen, unused);
  return o;
}

}  // namespace app
