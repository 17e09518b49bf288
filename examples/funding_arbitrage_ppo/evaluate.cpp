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

using rlx::risk::Interval;

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
    ScoreTable& table = tables.emplace_back(score(agents, data.markets, window, tuned, config, threads));
    table.configuration = name;
    table.first_ms = tape.time(window.begin);
    table.last_ms = tape.time(window.end - 1);
    table.of_folds = data.folds.size();
    if (table.of_folds > 1 && !(window == data.range)) table.folds = {static_cast<std::size_t>(&fold - data.folds.data()) + 1};
  }
  return tables;
}

std::string tuning(const ScoreTable& table) {
  if (table.pooled()) return "hysteresis tuned on the validation window of each fold";
  return fmt::format("hysteresis tuned on the validation window: enter within {:.0f} h of break-even, leave at {:.1f} bp/h",
                     table.tuned.horizon_h, table.tuned.exit_net_bph);
}

void print_tables(const std::vector<ScoreTable>& tables) {
  for (const ScoreTable& table : tables) {
    fmt::print("\n{}\n{}\n{}", table.title(), table.pooled() ? table.pooling() + "\n" + tuning(table) : tuning(table),
               to_text_table(table).to_string());
    if (!table.clairvoyant_shares.empty()) {
      fmt::print("fixed coins, clairvoyant bound {:.2f} USD; share of it:", table.clairvoyant_usd);
      for (const auto& [name, share] : table.clairvoyant_shares) fmt::print("  {} {:.2f}", name, share);
      fmt::print("\n");
    }
  }
}

namespace {

/// The name of the configuration, where there are several, and the folds, where they are pooled.
std::string prefix(const std::vector<ScoreTable>& tables, const ScoreTable& table) {
  std::string text = tables.size() > 1 ? table.configuration : "";
  if (table.pooled()) text += (text.empty() ? "" : ", ") + table.scope();
  return text.empty() ? text : text + ": ";
}

}  // namespace

void print_notes(const std::vector<ScoreTable>& tables) {
  for (const ScoreTable& table : tables)
    for (const std::string& note : table.notes()) fmt::print("note: {}{}\n", prefix(tables, table), note);
}

void print_verdict(const std::vector<ScoreTable>& tables) {
  for (const ScoreTable& table : tables) fmt::print("{}{}\n", prefix(tables, table), table.verdict());
}

Sensitivity judge_sensitivity(const std::vector<JudgedModel>& models, const ScoreTable& headline, const Data& data,
                              const Options& o, rlx::ThreadPool& threads) {
  ScoreConfig config = score_config(o);
  config.environment.trading = headline.trading;
  Sensitivity result{fmt::format("{}: {}", headline.configuration, headline.trading.to_string()),
                     sensitivity(models, data.markets, config, threads)};
  if (!headline.folds.empty()) result.title += "; " + headline.scope();
  fmt::print("\nsensitivity of the agent, {}\n{}", result.title, to_text_table(result.rows).to_string());
  return result;
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

void write_trades(const std::string& path, const std::vector<ScoreTable>& tables, const std::vector<Market>& markets) {
  rlx::io::CsvWriter csv;
  csv.row("configuration", "fold", "tape", "symbol", "long_venue", "short_venue", "opened", "closed", "reason", "quantity",
          "mid_entry", "funding_usd", "price_usd", "fees_usd", "slippage_usd", "liquidation_usd", "total_usd");
  for (const ScoreTable& table : tables) {
    const PolicyScore& agent = table.agent();
    for (std::size_t i = 0; i < agent.runs.size(); ++i) {
      const std::size_t index = i % markets.size();
      const std::size_t fold = table.folds.empty() ? 1 : table.folds[i / markets.size()];
      const funding::MarketTape& tape = *markets[index].tape;
      for (const funding::ClosedTrade& trade : agent.runs[i].trades) {
        const funding::Position& p = trade.position;
        const funding::Attribution& a = p.attribution;
        csv.row(table.configuration, static_cast<std::int64_t>(fold), static_cast<std::int64_t>(index + 1),
                tape.symbol_name(p.symbol), tape.instruments()[p.long_leg.instrument].venue_name,
                tape.instruments()[p.short_leg.instrument].venue_name, rlx::io::format_time_ms(p.opened_ms),
                rlx::io::format_time_ms(trade.closed_ms), funding::to_string(trade.reason), p.quantity, p.mid_entry, a.funding,
                a.price, a.fees, a.slippage, a.liquidation, a.total());
      }
    }
  }
  rlx::io::write_file_atomically(path, csv.take());
}

nlohmann::json to_json(const ScoreTable& table) {
  nlohmann::json rows = nlohmann::json::array();
  for (const PolicyScore& row : table.rows) {
    const funding::Attribution a = row.attribution();
    const auto per_run = [n = static_cast<double>(row.runs.size())](double sum) { return sum / n; };
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
                    {"tapes", table.tapes()},
                    {"funding_usd", per_run(a.funding)},
                    {"price_usd", per_run(a.price)},
                    {"fees_usd", per_run(a.fees)},
                    {"slippage_usd", per_run(a.slippage)},
                    {"liquidation_usd", per_run(a.liquidation)},
                    {"transfer_usd", per_run(a.transfer)}});
  }
  nlohmann::json shares = nlohmann::json::object();
  for (const auto& [name, share] : table.clairvoyant_shares) shares[name] = share;
  const Interval& edge = table.agent().minus_hold;
  return {{"title", table.title()},
          {"configuration", table.configuration},
          {"folds", table.folds},
          {"from", rlx::io::format_time_ms(table.first_ms)},
          {"to", rlx::io::format_time_ms(table.last_ms)},
          {"verdict", table.verdict()},
          {"minus_hold", edge.estimate},
          {"minus_hold_low95", edge.low},
          {"minus_hold_high95", edge.high},
          {"overlaps_training", !table.overlap.empty()},
          {"notes", table.notes()},
          {"rows", rows},
          {"clairvoyant_usd", table.clairvoyant_usd},
          {"clairvoyant_shares", shares}};
}

nlohmann::json to_json(const Sensitivity& sensitivity) {
  nlohmann::json rows = nlohmann::json::array();
  for (const SensitivityRow& row : sensitivity.rows) {
    rows.push_back({{"fee_scale", row.fee_scale},
                    {"delay_steps", row.delay_steps},
                    {"policy", row.sampled ? "sampled" : "deterministic"},
                    {"profit", row.score.profit.estimate},
                    {"profit_low95", row.score.profit.low},
                    {"profit_high95", row.score.profit.high},
                    {"trades", row.score.trades()},
                    {"max_drawdown", row.score.max_drawdown}});
  }
  return {{"title", sensitivity.title}, {"rows", rows}};
}

nlohmann::json to_json(const std::vector<ScoreTable>& tables) {
  nlohmann::json list = nlohmann::json::array();
  for (const ScoreTable& table : tables) list.push_back(to_json(table));
  return list;
}

std::map<std::string, std::string> known_data(const Options& o, const Data& data, const funding::Fold& fold) {
  const funding::MarketTape& tape = *data.markets[0].tape;
  std::string tapes;
  for (const Market& market : data.markets) tapes += (tapes.empty() ? "" : " ") + market.tape->sha256().substr(0, 16);
  return {{"known_from", rlx::io::format_time_ms(tape.time(fold.train.begin))},
          {"known_to", rlx::io::format_time_ms(tape.time(fold.validation.end - 1))},
          {"known_tapes", tapes},
          {"known_source", o.uses_files() ? "files" : "synthetic"}};
}

std::string overlap_with_training(const rlx::InferencePolicy& policy, const Options& o, const Data& data,
                                  const funding::Window& window) {
  const auto& info = policy.layout().info;
  const auto text = [&info](const char* key) {
    const auto found = info.find(key);
    return found == info.end() ? std::string() : found->second;
  };
  if (text("known_from").empty() || text("known_to").empty()) return {};
  const funding::MarketTape& tape = *data.markets[0].tape;
  const bool apart = tape.time(window.begin) > rlx::io::parse_time_ms(text("known_to")) ||
                     tape.time(window.end - 1) < rlx::io::parse_time_ms(text("known_from"));
  if (apart) return {};
  const std::string known = text("known_tapes");
  const bool shared = std::any_of(data.markets.begin(), data.markets.end(), [&](const Market& market) {
    return known.find(market.tape->sha256().substr(0, 16)) != std::string::npos;
  });
  // Other synthetic tapes are another market; other files may hold the same one.
  if (!shared && !(o.uses_files() && text("known_source") == "files")) return {};
  return fmt::format("the model was trained and chosen on {} to {}{}: figures of this window are not out of sample",
                     text("known_from"), text("known_to"), shared ? "" : " of other files");
}

void warn_of_overlap(const std::string& overlap) {
  if (!overlap.empty()) fmt::print(stderr, "funding_arbitrage_ppo: warning: {}\n", overlap);
}

void fill_report(ReportInput& input, const Options& o, const Data& data, const std::vector<ScoreTable>& tables) {
  const funding::MarketTape& tape = *data.markets[0].tape;
  input.title = "Funding-rate arbitrage: " + (o.uses_files() ? std::string("given data") : o.synthetic + " synthetic market");
  for (const ScoreTable& table : tables) input.tables.push_back(&table);
  input.tuning = tuning(tables.front());
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
  prepare_output("--json-output", o.json_output);
  rlx::ThreadPool threads(thread_count(o));
  const rlx::InferencePolicy agent = load_policy(o.checkpoint);
  const Data data = load_data(o);
  const funding::Fold& fold = data.folds.back();
  const funding::Window window = window_of(data, o.window);
  if (!o.quiet) fmt::print("{}", data_block(o, data));
  print_warnings(o, data);
  const std::string overlap = overlap_with_training(agent, o, data, window);
  warn_of_overlap(overlap);
  std::vector<ScoreTable> tables = judge({{"agent", &agent}}, data, fold, window, o, threads);
  for (ScoreTable& table : tables) table.overlap = overlap;
  print_tables(tables);
  nlohmann::json json = {{"command", o.command_line},
                         {"flags", o.flags},
                         {"checkpoint", {{"file", o.checkpoint}, {"info", agent.layout().info}}},
                         {"data", {{"sha256", data.sha256}, {"venues_sha256", data.venues_sha256}}},
                         {"window", o.window},
                         {"overlaps_training", !overlap.empty()},
                         {"tables", to_json(tables)}};
  ReportInput input;
  if (o.sensitivity) {
    input.sensitivity = judge_sensitivity({{&agent, window}}, tables.front(), data, o, threads);
    json["sensitivity"] = to_json(*input.sensitivity);
  }
  const std::string manifest = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  if (!o.trades_output.empty()) write_trades(o.trades_output, tables, data.markets);
  if (!o.json_output.empty()) rlx::io::write_file_atomically(o.json_output, manifest + '\n');
  if (!o.report.empty()) {
    fill_report(input, o, data, tables);
    input.manifest = manifest;
    write_report(o.report, input);
    if (!o.quiet) fmt::print("\nreport: {}\n", o.report);
  }
  print_notes(tables);
  print_verdict(tables);
  return 0;
}

}  // namespace app
