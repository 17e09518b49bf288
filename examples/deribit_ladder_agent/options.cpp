// SPDX-License-Identifier: MIT
#include "options.hpp"

#include "common/command_line.hpp"

#include <rlx/core/json.hpp>
#include <rlx/core/version.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/options/endpoint.hpp>
#include <rlx/options/training_profile_json.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

namespace app {
namespace {

constexpr const char* examples_text = R"(Examples:
  deribit_ladder_agent run                                                  rules on paper, a synthetic market, a day
  TRAINING_MODE=on deribit_ladder_agent run --log-dir paper                 the training ladder there
  TRAINING_MODE=on deribit_ladder_agent replay chains.csv.gz --index index.csv
  deribit_ladder_agent report paper --html report.html
  deribit_ladder_agent export-dataset paper -o dataset.csv
  deribit_ladder_agent train --chain chains.csv.gz --index index.csv --output trained
There is no way to mainnet. Exit codes: 0 ok, 1 data, file or venue, 2 usage or settings, 3 kill switch, 4 attestation or
safety, 5 reconciliation, 6 decision log, 130 training interrupted after saving.)";

constexpr const char* settings_text = R"(
Settings are environment variables (TRAINING_MODE, UNDERLYINGS, DRY_RUN, ORDER_STYLE ...), or members of the --settings file in
lower case; the environment wins. Examples:
)";

constexpr const char* run_text = R"(  deribit_ladder_agent run --ticks 100
  TRAINING_MODE=on ORDER_STYLE=take_bid deribit_ladder_agent run --chain chains.csv.gz --index index.csv
  TRAINING_MODE=on DRY_RUN=false DERIBIT_CREDENTIALS_FILE=key.json deribit_ladder_agent run --venue testnet --log-dir testnet
Testnet keys come from DERIBIT_CLIENT_ID and DERIBIT_CLIENT_SECRET, or from the file (mode 0600) that
DERIBIT_CREDENTIALS_FILE names. Ctrl-C ends the agent after its tick: resting orders are cancelled, `stop` is logged.)";

constexpr const char* replay_text = R"(  TRAINING_MODE=on deribit_ladder_agent replay chains_6h.csv.gz --index index_path.csv
  TRAINING_MODE=on deribit_ladder_agent replay --log-dir synthetic
One tick per snapshot; every order takes the bid. The folder of the log also gets dataset.csv, report.json and report.html.)";

constexpr const char* export_text = R"(Examples:
  deribit_ladder_agent export-dataset replay_run -o legs.csv
  deribit_ladder_agent export-dataset replay_run -o candidates.jsonl --format jsonl --table candidates)";

constexpr const char* report_text = R"(Examples:
  deribit_ladder_agent report replay_run
  deribit_ladder_agent report replay_run --json report.json --html report.html)";

constexpr const char* verify_text = R"(Examples:
  deribit_ladder_agent verify replay_run)";

constexpr const char* train_text = R"(  deribit_ladder_agent train --planted-edge 0.2
  deribit_ladder_agent train --chain chains_6h.csv.gz --index index_path.csv --output trained
The policy learns on the earlier part of the data and is judged on the later one, which it has not seen.)";

void add_market_flags(CLI::App& app, Options& o) {
  const char* group = "Market: recorded chains, or the synthetic one";
  if (o.command != Command::replay)
    app.add_option("--chain", o.chain, "files of recorded chains, packed ones too")->group(group);
  app.add_option("--index", o.index, "file of index samples: ts_ms, btc_index, eth_index")->group(group);
  app.add_option("--data-seed", o.data_seed, "seed of the synthetic chain")->capture_default_str()->group(group);
  app.add_option("--step-minutes", o.step_minutes,
                 o.command == Command::run ? "between snapshots of the synthetic chain (default: 1)"
                                           : "between snapshots of the synthetic chain (default: 360)")
      ->check(CLI::Range(1.0, 10'080.0))
      ->group(group);
  if (o.command == Command::run) return;
  app.add_option("--snapshots", o.snapshots, "of the synthetic chain")
      ->check(CLI::Range(2, 100'000))
      ->capture_default_str()
      ->group(group);
  if (o.command == Command::train) {
    app.add_option("--planted-edge", o.planted_edge, "synthetic: calls of delta 0.25 to 0.35 sell for more by this share")
        ->check(CLI::Range(-0.9, 5.0))
        ->capture_default_str()
        ->group(group);
  }
}

void add_agent_flags(CLI::App& app, Options& o) {
  const char* group = "Agent";
  app.add_option("--settings", o.settings, "JSON file of settings; environment variables win")->group(group);
  app.add_option("--profiles", o.profiles, "JSON file of training profiles")->group(group);
}

void add_log_dir(CLI::App& app, Options& o, const char* text) { app.add_option("--log-dir", o.log_dir, text)->group("Agent"); }

void add_log(CLI::App& app, Options& o) {
  app.add_option("LOGDIR", o.log, "folder of a decision log")->required()->group("Log");
}

void add_run_flags(CLI::App& app, Options& o) {
  o.command = Command::run;
  add_market_flags(app, o);
  add_agent_flags(app, o);
  app.add_option("--venue", o.venue, "where orders go; there is no mainnet")
      ->check(CLI::IsMember({"paper", "testnet"}))
      ->capture_default_str()
      ->group("Agent");
  app.add_option("--ticks", o.ticks, "decisions to take (default: 288 on the synthetic chain, else to the end)")
      ->group("Agent");
  add_log_dir(app, o, "folder of decision log and kill latch (default on paper: paper_run)");
  app.footer(std::string(settings_text) + run_text);
}

void add_replay_flags(CLI::App& app, Options& o) {
  o.command = Command::replay;
  app.add_option("FILES", o.chain, "files of recorded chains, packed ones too (default: the synthetic chain)")
      ->group("Market: recorded chains, or the synthetic one");
  add_market_flags(app, o);
  add_agent_flags(app, o);
  add_log_dir(app, o, "folder of the log, without one as yet (default: replay_run)");
  app.footer(std::string(settings_text) + replay_text);
}

void add_export_flags(CLI::App& app, Options& o) {
  add_log(app, o);
  app.add_option("-o,--output", o.output, "file to write; - is standard output")->required()->group("Dataset");
  app.add_option("--format", o.format, "")->check(CLI::IsMember({"csv", "jsonl"}))->capture_default_str()->group("Dataset");
  app.add_option("--table", o.table, "one row per leg decided, or per candidate seen")
      ->check(CLI::IsMember({"legs", "candidates"}))
      ->capture_default_str()
      ->group("Dataset");
  app.footer(export_text);
}

void add_report_flags(CLI::App& app, Options& o) {
  add_log(app, o);
  app.add_option("--json", o.json, "also write all figures as JSON")->group("Report");
  app.add_option("--html", o.html, "also write a self-contained page")->group("Report");
  app.footer(report_text);
}

void add_train_flags(CLI::App& app, Options& o) {
  o.command = Command::train;
  add_market_flags(app, o);
  add_agent_flags(app, o);
  const char* group = "Training";
  const auto plain = [&](const char* name, auto& value, const char* text) {
    return app.add_option(name, value, text)->capture_default_str()->group(group);
  };
  plain("--total-steps", o.total_steps, "decisions to learn from")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  plain("--n-envs", o.n_envs, "environments, by turns one of each underlying")->check(CLI::Range(1, 1'024));
  plain("--train-share", o.train_share, "share of the snapshots to learn on, the earliest")->check(CLI::Range(0.1, 0.9));
  plain("--learning-rate", o.learning_rate, "")->check(CLI::Range(1e-9, 1.0));
  plain("--gamma", o.gamma, "")->check(CLI::Range(0.0, 1.0));
  plain("--ent-coef", o.ent_coef, "")->check(CLI::Range(0.0, 1.0));
  plain("--seed", o.seed, "");
  plain("--threads", o.threads, "0: all of the machine; results do not depend on it");
  o.output = "ladder_run";
  plain("--output", o.output, "folder of policy.safetensors, checkpoint and result.json");
  app.footer(std::string(settings_text) + train_text);
}

void check_values(const Options& o, const CLI::App& command) {
  UnusedFlags unused;
  const auto add = [&](bool applies, std::initializer_list<const char*> names, const char* why) {
    if (!applies) return;
    for (const char* name : names) unused.emplace(name, why);
  };
  add(!o.chain.empty(), {"data-seed", "step-minutes", "snapshots", "planted-edge"},
      "with recorded chains: it belongs to the synthetic one");
  add(o.chain.empty(), {"index"}, "without recorded chains: the synthetic one has its own");
  add(o.command == Command::run && o.venue == "testnet", {"chain", "index", "data-seed", "step-minutes"},
      "with --venue testnet, which has a market of its own");
  refuse_unused_flags(unused, command);
}

/// Whether the settings file says something of this name.
bool file_has(const std::string& path, const char* name) {
  if (path.empty()) return false;
  const nlohmann::json json = nlohmann::json::parse(rlx::io::read_file(path), nullptr, false);
  return json.is_object() && json.contains(name);
}

/// The first of name, name-2, name-3 … that does not exist.
std::string free_folder(const std::string& name) {
  std::error_code ignored;
  std::string folder = name;
  for (int i = 2; std::filesystem::exists(folder, ignored); ++i) folder = fmt::format("{}-{}", name, i);
  return folder;
}

opt::TrainingProfiles read_profiles(const std::string& path) {
  const nlohmann::json json = rlx::parse_json(rlx::io::read_file(path), path);
  try {
    return opt::training_profiles_from_json(json);
  } catch (const rlx::ConfigError& error) {
    throw rlx::ConfigError(path + ": " + error.what());
  }
}

}  // namespace

std::size_t Options::thread_count() const {
  return threads > 0 ? threads : std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
}

std::optional<Options> parse_options(int argc, char** argv) {
  Options o;
  o.command_line.assign(argv, argv + argc);
  CLI::App app(
      "Sells ladders of short calls on paper or on Deribit's testnet, tells its training profiles apart, learns which to use",
      "deribit_ladder_agent");
  app.set_version_flag("--version", "deribit_ladder_agent " RLX_VERSION_STRING);
  app.footer(examples_text);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  struct Entry {
    Command command;
    const char *name, *text;
    void (*add)(CLI::App&, Options&);
  };
  const Entry entries[] = {
      {Command::run, "run", "trade on the paper venue or on testnet", add_run_flags},
      {Command::replay, "replay", "one tick per snapshot of a series; writes log, dataset and report", add_replay_flags},
      {Command::export_dataset, "export-dataset", "the legs or candidates of a log as CSV or JSON lines", add_export_flags},
      {Command::report, "report", "how the profiles of a log performed, and whether they differ", add_report_flags},
      {Command::verify, "verify", "check every record of a log",
       [](CLI::App& sub, Options& all) {
         add_log(sub, all);
         sub.footer(verify_text);
       }},
      {Command::train, "train", "learn which profiles to use when, and compare with fixed ones", add_train_flags},
  };
  for (const Entry& entry : entries) {
    CLI::App* const sub = app.add_subcommand(entry.name, entry.text);
    o.command = entry.command;
    entry.add(*sub, o);
    sub->add_flag("--quiet", o.quiet, "results and errors only")->group("All commands");
    refuse_wrapped_numbers(*sub);
  }
  const CLI::App* const command = parse_command_line(app, {argv + 1, argv + argc}, "", "run");
  if (command == nullptr) return std::nullopt;
  for (const Entry& entry : entries)
    if (command->get_name() == entry.name) o.command = entry.command;
  check_values(o, *command);
  return o;
}

Agent load_agent(const Options& o) {
  Agent agent;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (const std::size_t at = text.find('='); at != std::string::npos)
      agent.environment[text.substr(0, at)] = text.substr(at + 1);
  }
  opt::EnvironmentVariables variables = agent.environment;
  const bool paper = o.venue == "paper";
  if (!o.settings.empty()) opt::load_settings({}, &o.settings);  // its faults first, before anything is read from it
  if (paper && !variables.contains("DRY_RUN") && !file_has(o.settings, "dry_run")) variables["DRY_RUN"] = "false";
  if (!o.log_dir.empty()) {
    variables["LOG_DIR"] = o.log_dir;
  } else if (paper && !variables.contains("LOG_DIR") && !file_has(o.settings, "log_dir")) {
    variables["LOG_DIR"] = free_folder(o.command == Command::replay ? "replay_run" : "paper_run");
  }
  agent.profiles = o.profiles.empty() ? opt::get_training_profiles() : read_profiles(o.profiles);
  agent.settings = opt::load_settings(variables, o.settings.empty() ? nullptr : &o.settings, agent.profiles);
  // Paper speaks to no host, and still refuses a host, environment and training mode that testnet would refuse.
  opt::HostPolicy().resolve(agent.settings.deribit_base_url, agent.settings.deribit_env, agent.settings.training_mode);
  return agent;
}

}  // namespace app
