// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "report.hpp"

#include <rlx/core/version.hpp>
#include <rlx/funding/observation.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/csv.hpp>
#include <rlx/io/iso8601.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <thread>

namespace app {

std::size_t thread_count(const Options& o) {
  return o.threads != 0 ? o.threads : std::max(1U, std::thread::hardware_concurrency());
}

rlx::InferencePolicy load_policy(const std::string& path) {
  try {
    rlx::InferencePolicy policy = rlx::InferencePolicy::load(path);
    const auto& info = policy.layout().info;
    const auto hash = info.find("observation_hash");
    const std::string found = hash == info.end() ? "none" : hash->second;
    if (found != funding::observation_hash()) {
      throw rlx::CheckpointError(fmt::format("{}: observation layout {} differs from this program's {}; train it again", path,
                                             found, funding::observation_hash()));
    }
    return policy;
  } catch (const rlx::IoError& error) {
    throw rlx::CheckpointError(error.what());
  }
}

ScoreConfig score_config(const Options& o) {
  ScoreConfig config;
  config.environment = environment_config(o);
  config.environment.sample_random_config = false;
  config.bootstrap = o.bootstrap;
  config.seed = o.seed;
  config.deterministic = o.policy != "sampled";
  config.sampled = o.policy != "deterministic";
  return config;
}

std::vector<ScoreTable> judge(const std::vector<NamedAgent>& agents, const Data& data, const funding::Fold& fold,
                              const funding::Window& window, const Options& o, rlx::ThreadPool& threads) {
  ScoreConfig config = score_config(o);
  std::vector<std::pair<std::string, funding::TradingConfig>> members{
      {o.profile.empty() ? "given" : o.profile, config.environment.trading}};
  if (o.sample_random_config) members = evaluation_panel(o.seed);
  const funding::MarketTape& tape = *data.markets[0].tape;
  std::vector<ScoreTable> tables;
  for (const auto& [name, trading] : members) {
    config.environment.trading = trading;
    const funding::HysteresisPolicy tuned = tune_hysteresis(data.markets, fold.validation, config.environment, threads);
    tables.push_back(score(agents, data.markets, window, tuned, config, threads));
    tables.back().title =
        fmt::format("{}: {}; {} to {}, {} tape{}", name, trading.to_string(), rlx::io::format_date(tape.time(window.begin)),
                    rlx::io::format_date(tape.time(window.end - 1)), data.markets.size(), data.markets.size() == 1 ? "" : "s");
  }
  return tables;
}

void print_tables(const std::vector<ScoreTable>& tables) {
  for (const ScoreTable& table : tables) {
    fmt::print("\n{}\nhysteresis tuned on the validation window: enter within {:.0f} h of break-even, leave at {:.1f} bp/h\n{}",
               table.title, table.tuned.horizon_h, table.tuned.exit_net_bph, to_text_table(table).to_string());
    if (!table.clairvoyant_shares.empty()) {
      fmt::print("fixed coins, clairvoyant bound {:.2f} USD; share of it:", table.clairvoyant_usd);
      for (const auto& [name, share] : table.clairvoyant_shares) fmt::print("  {} {:.2f}", name, share);
      fmt::print("\n");
    }
  }
}

namespace {

/// The name of the configuration, where there are several.
std::string prefix(const std::vector<ScoreTable>& tables, const ScoreTable& table) {
  return tables.size() > 1 ? table.title.substr(0, table.title.find(':')) + ": " : "";
}

}  // namespace

void print_notes(const std::vector<ScoreTable>& tables) {
  for (const ScoreTable& table : tables) {
    if (const std::string note = table.interval_note(); !note.empty()) fmt::print("note: {}{}\n", prefix(tables, table), note);
    if (const std::string note = table.price_note(); !note.empty()) fmt::print("note: {}{}\n", prefix(tables, table), note);
  }
}

void print_verdict(const std::vector<ScoreTable>& tables) {
  for (const ScoreTable& table : tables) fmt::print("{}{}\n", prefix(tables, table), table.verdict());
}

void prepare_output(const char* flag, const std::string& path) {
  if (path.empty()) return;
  const std::filesystem::path file(path);
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (!failed && std::filesystem::is_directory(file)) failed = std::make_error_code(std::errc::is_a_directory);
  if (!failed && access(folder.c_str(), W_OK | X_OK) != 0) failed = std::error_code(errno, std::generic_category());
  if (failed) throw rlx::IoError(fmt::format("{} {}: {}", flag, path, failed.message()));
}

void write_trades(const std::string& path, const ScoreTable& table, const std::vector<Market>& markets) {
  rlx::io::CsvWriter csv;
  csv.row("tape", "symbol", "long_venue", "short_venue", "opened", "closed", "reason", "quantity", "mid_entry", "funding_usd",
          "price_usd", "fees_usd", "slippage_usd", "liquidation_usd", "total_usd");
  const PolicyScore& agent = table.agent();
  for (std::size_t i = 0; i < agent.runs.size(); ++i) {
    const funding::MarketTape& tape = *markets[i % markets.size()].tape;
    for (const funding::ClosedTrade& trade : agent.runs[i].trades) {
      const funding::Position& p = trade.position;
      const funding::Attribution& a = p.attribution;
      csv.row(static_cast<std::int64_t>(i), tape.symbol_name(p.symbol), tape.instruments()[p.long_leg.instrument].venue_name,
              tape.instruments()[p.short_leg.instrument].venue_name, rlx::io::format_time_ms(p.opened_ms),
              rlx::io::format_time_ms(trade.closed_ms), funding::to_string(trade.reason), p.quantity, p.mid_entry, a.funding,
              a.price, a.fees, a.slippage, a.liquidation, a.total());
    }
  }
  rlx::io::write_file_atomically(path, csv.take());
}

nlohmann::json to_json(const ScoreTable& table) {
  nlohmann::json rows = nlohmann::json::array();
  for (const PolicyScore& row : table.rows) {
    const funding::Attribution a = row.attribution();
    const auto per_tape = [n = static_cast<double>(row.runs.size())](double sum) { return sum / n; };
    rows.push_back({{"policy", row.name},
                    {"profit", row.profit.estimate},
                    {"profit_low95", row.profit.low},
                    {"profit_high95", row.profit.high},
                    {"minus_hold", {row.minus_hold.estimate, row.minus_hold.low, row.minus_hold.high}},
                    {"annual", row.annual},
                    {"sharpe", row.sharpe},
                    {"max_drawdown", row.max_drawdown},
                    {"trades", row.trades()},
                    {"win_rate", row.win_rate()},
                    {"mean_hold_h", row.mean_hold_hours()},
                    {"utilization", row.utilization()},
                    {"liquidations", row.liquidations()},
                    {"block_steps", row.block_steps},
                    {"tapes", row.runs.size()},
                    {"funding_usd", per_tape(a.funding)},
                    {"price_usd", per_tape(a.price)},
                    {"fees_usd", per_tape(a.fees)},
                    {"slippage_usd", per_tape(a.slippage)},
                    {"liquidation_usd", per_tape(a.liquidation)},
                    {"transfer_usd", per_tape(a.transfer)}});
  }
  nlohmann::json shares = nlohmann::json::object();
  for (const auto& [name, share] : table.clairvoyant_shares) shares[name] = share;
  return {{"title", table.title},
          {"verdict", table.verdict()},
          {"notes", nlohmann::json::array({table.interval_note(), table.price_note()})},
          {"rows", rows},
          {"clairvoyant_usd", table.clairvoyant_usd},
          {"clairvoyant_shares", shares}};
}

void fill_report(ReportInput& input, const Options& o, const Data& data, const std::vector<ScoreTable>& tables) {
  const funding::MarketTape& tape = *data.markets[0].tape;
  input.title = "Funding-rate arbitrage: " + (o.uses_files() ? std::string("given data") : o.synthetic + " synthetic market");
  for (const ScoreTable& table : tables) input.tables.push_back(&table);
  for (std::size_t i = 0; i < data.folds.size(); ++i) {
    const std::string suffix = data.folds.size() > 1 ? fmt::format(" {}", i + 1) : "";
    const funding::Fold& fold = data.folds[i];
    for (const auto& [name, window] :
         {std::pair{"train", fold.train}, std::pair{"validation", fold.validation}, std::pair{"test", fold.test}}) {
      input.split.push_back({name + suffix, tape.time(window.begin), tape.time(window.end - 1), window.size()});
    }
  }
  input.data = data_block(o, data);
  input.approximations = tape.report().approximations;
  for (const funding::DataWarning& w : funding::warnings(tape.report())) input.warnings.push_back(to_line(w));
  input.footer = fmt::format("rlx {}; {}", RLX_VERSION_STRING, fmt::join(o.command_line, " "));
  input.bootstrap = o.bootstrap;
  input.seed = o.seed;
}

int evaluate(const Options& o) {
  prepare_output("--report", o.report);
  prepare_output("--trades-output", o.trades_output);
  rlx::ThreadPool threads(thread_count(o));
  const rlx::InferencePolicy agent = load_policy(o.checkpoint);
  const Data data = load_data(o);
  const funding::Fold& fold = data.folds.back();
  const funding::Window window = window_of(data, o.window);
  if (!o.quiet) fmt::print("{}", data_block(o, data));
  print_warnings(o, data);
  const std::vector<ScoreTable> tables = judge({{"agent", &agent}}, data, fold, window, o, threads);
  print_tables(tables);
  ReportInput input;
  if (o.sensitivity) {
    input.sensitivity = sensitivity(agent, data.markets, window, score_config(o), threads);
    fmt::print("\nsensitivity of the agent\n{}", input.sensitivity->to_string());
  }
  if (!o.trades_output.empty()) write_trades(o.trades_output, tables.front(), data.markets);
  if (!o.report.empty()) {
    fill_report(input, o, data, tables);
    write_report(o.report, input);
    if (!o.quiet) fmt::print("\nreport: {}\n", o.report);
  }
  print_notes(tables);
  print_verdict(tables);
  return 0;
}

}  // namespace app
