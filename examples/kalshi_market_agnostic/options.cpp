// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <rlx/core/version.hpp>

#include <fmt/format.h>

namespace app {
namespace {

constexpr const char* examples_text = R"(Examples:
  kalshi_market_agnostic import --format bbo-csv --utc-offset -08:00 --settlement settlement.csv --store markets.db day*.csv.gz
  kalshi_market_agnostic generate --events 100 --store synthetic.db
  kalshi_market_agnostic inspect --store markets.db
Without --store a command works on the embedded synthetic set. Exit codes: 0 ok, 2 usage, 3 data or file, 4 configuration,
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
  return unused;
}

/// Values that the type of a flag does not exclude.
void check_values(const Options& o) {
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

std::optional<Options> parse_options(int argc, char** argv) {
  Options o;
  std::string config_path;
  CLI::App app{"Market-agnostic trading on recorded Kalshi order books: import, generate and inspect sessions."};
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
  const CLI::App* const chosen = parse_command_line(app, {argv + 1, argv + argc}, config_path);
  if (chosen == nullptr) return std::nullopt;
  o.command = commands.at(chosen);
  check_values(o);
  const UnusedFlags unused = unused_flags(o);
  refuse_unused_flags(unused, *chosen);
  o.flags = values_of(*chosen, unused);
  return o;
}

}  // namespace app
