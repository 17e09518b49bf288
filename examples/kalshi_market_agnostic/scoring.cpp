// SPDX-License-Identifier: MIT
#include "scoring.hpp"

#include <rlx/io/number_text.hpp>
#include <rlx/kalshi/baselines.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>

namespace app {
namespace {

namespace baselines = kalshi::baselines;
using rlx::io::fixed;
using rlx::io::TextTable;

/// The configuration with a layout that crosses the spread, which some baselines need.
kalshi::KalshiEnvConfig crossing(kalshi::KalshiEnvConfig config) {
  const auto rules = config.layout.rules();
  if (std::find(rules.begin(), rules.end(), kalshi::PriceRule::cross) == rules.end())
    config.layout = kalshi::ActionLayout::five();
  return config;
}

template <class F>
double mean_over(const kalshi::EvaluationTable& table, F&& value) {
  double sum = 0.0;
  for (const kalshi::MarketResult& market : table.markets) sum += value(market);
  return sum / static_cast<double>(table.markets.size());
}

nlohmann::json json_of(const kalshi::Estimate& estimate) {
  nlohmann::json json = {{"value", estimate.value}};
  if (estimate.interval) json["interval"] = {estimate.interval->low, estimate.interval->high};
  return json;
}

nlohmann::json json_of(const kalshi::GroupResult& group) {
  nlohmann::json json = {{"name", group.name},
                         {"views", group.views},
                         {"events", group.events},
                         {"mean", json_of(group.mean)},
                         {"median", json_of(group.median)},
                         {"interquartile_mean", json_of(group.interquartile_mean)},
                         {"positive_share", json_of(group.positive_share)}};
  if (group.true_edge) json["true_edge"] = json_of(*group.true_edge);
  return json;
}

nlohmann::json json_of(const kalshi::MarketResult& m) {
  nlohmann::json json = {{"ticker", m.ticker},
                         {"session", m.session},
                         {"length", m.length},
                         {"coverage", m.coverage},
                         {"episodes", m.episodes},
                         {"reward_mean", m.reward_mean},
                         {"reward_std", m.reward_std},
                         {"reward_min", m.reward_min},
                         {"reward_max", m.reward_max},
                         {"success_rate", m.success_rate},
                         {"final_equity", m.final_equity},
                         {"steps", m.steps},
                         {"hold_share", m.hold_share},
                         {"held_share", m.held_share},
                         {"taker_fills", m.taker_fills},
                         {"maker_fills", m.maker_fills},
                         {"contracts", m.contracts},
                         {"fees", m.fees},
                         {"max_drawdown", m.max_drawdown},
                         {"illegal_actions", m.illegal_actions},
                         {"mark_usd", 1e-6 * static_cast<double>(m.attribution.mark)},
                         {"fills_usd", 1e-6 * static_cast<double>(m.attribution.fills)},
                         {"settlement_usd", 1e-6 * static_cast<double>(m.attribution.settlement)},
                         {"unexplained_usd", 1e-6 * static_cast<double>(m.unexplained)}};
  if (m.difficulty) json["difficulty"] = *m.difficulty;
  if (m.true_edge) json["true_edge"] = *m.true_edge;
  return json;
}

}  // namespace

kalshi::EvaluationConfig evaluation_config(const Options& o, const Selection& selection, rlx::ThreadPool& threads) {
  kalshi::EvaluationConfig config;
  config.seed = o.seed;
  config.difficulty = selection.difficulty;
  config.truths = selection.truths;
  config.pool = &threads;
  return config;
}

std::vector<PolicyRow> score_baselines(const Selection& selection, const Options& o, rlx::ThreadPool& threads) {
  const kalshi::EvaluationConfig config = evaluation_config(o, selection, threads);
  const kalshi::KalshiEnvConfig plain = o.trading(), cross = crossing(plain);
  const auto score = [&](auto policy, const kalshi::KalshiEnvConfig& environment) {
    return kalshi::evaluate_markets(policy, *selection.set, environment, config);
  };
  std::vector<PolicyRow> rows;
  rows.push_back({"hold", false, score(baselines::Hold{}, plain)});
  rows.push_back({"random", false, score(baselines::Random{}, plain)});
  rows.push_back({"favourite", false, score(baselines::Favourite{}, cross)});
  rows.push_back({"cross once", false, score(baselines::CrossOnce{}, cross)});
  rows.push_back({"passive maker", false, score(baselines::PassiveMaker{}, kalshi::passive_maker_config(plain))});
  if (!selection.truths.empty()) rows.push_back({"oracle", false, score(baselines::Oracle(selection.truths), cross)});
  return rows;
}

std::string text_of(const kalshi::Estimate& estimate, int decimals) {
  const std::string value = fixed(estimate.value, decimals);
  if (!estimate.interval) return value;
  return fmt::format("{} [{}, {}]", value, fixed(estimate.interval->low, decimals), fixed(estimate.interval->high, decimals));
}

TextTable comparison_table(std::span<const PolicyRow> rows) {
  TextTable table({"policy", "mean $", "95 % interval", "median", "IQM", "views + %", "events + %", "hold %", "taker", "maker",
                   "fees $", "max DD $", "agent's lead $", "true edge $"});
  for (const PolicyRow& row : rows) {
    const kalshi::EvaluationTable& t = row.table;
    const auto interval = t.total.mean.interval;
    double drawdown = 0.0;
    for (const kalshi::MarketResult& market : t.markets) drawdown = std::max(drawdown, market.max_drawdown);
    table.row({row.name, fixed(t.total.mean.value, 2),
               interval ? fmt::format("[{}, {}]", fixed(interval->low, 2), fixed(interval->high, 2)) : "-",
               fixed(t.total.median.value, 2), fixed(t.total.interquartile_mean.value, 2),
               fixed(100.0 * t.total.positive_share.value, 0), fixed(100.0 * t.consistency.value, 0),
               fixed(100.0 * t.hold_share, 1), fixed(mean_over(t, [](const auto& m) { return m.taker_fills; }), 1),
               fixed(mean_over(t, [](const auto& m) { return m.maker_fills; }), 1),
               fixed(mean_over(t, [](const auto& m) { return m.fees; }), 2), fixed(drawdown, 2),
               &row == rows.data() ? "-" : text_of(kalshi::mean_lead(rows.front().table, t)),
               t.total.true_edge ? text_of(*t.total.true_edge) : "-"});
  }
  return table;
}

TextTable check_table(std::span<const kalshi::Check> checks) {
  TextTable table({"", "criterion", "found"});
  for (const kalshi::Check& check : checks) table.row({check.passed ? "PASS" : "FAIL", check.criterion, check.found});
  table.align(2, rlx::io::Align::left);
  return table;
}

TextTable group_table(const kalshi::EvaluationTable& table) {
  TextTable groups({"group", "views", "events", "mean $", "median", "views + %"});
  for (const auto* const list : {&table.by_series, &table.by_difficulty}) {
    groups.rule();
    for (const kalshi::GroupResult& group : *list) {
      groups.row({group.name, std::to_string(group.views), std::to_string(group.events), text_of(group.mean),
                  text_of(group.median), fixed(100.0 * group.positive_share.value, 0)});
    }
  }
  return groups;
}

TextTable correlation_table(const kalshi::EvaluationTable& table) {
  TextTable correlations({"mean reward with", "Pearson", "Spearman"});
  for (const kalshi::Correlation& each : table.correlations) {
    correlations.row({each.with, each.pearson ? text_of(*each.pearson) : "-", each.spearman ? text_of(*each.spearman) : "-"});
  }
  return correlations;
}

TextTable sensitivity_table(std::span<const kalshi::FillSensitivity> rows) {
  TextTable table({"trade share", "mean $", "views + %", "maker fills"});
  for (const kalshi::FillSensitivity& row : rows) {
    table.row({fixed(row.trade_share, 2), text_of(row.table.total.mean), fixed(100.0 * row.table.total.positive_share.value, 0),
               fixed(mean_over(row.table, [](const auto& m) { return m.maker_fills; }), 1)});
  }
  return table;
}

TextTable market_table(const kalshi::EvaluationTable& table) {
  std::vector<const kalshi::MarketResult*> order;
  for (const kalshi::MarketResult& market : table.markets) order.push_back(&market);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->reward_mean < b->reward_mean; });
  TextTable markets({"market", "session", "length", "difficulty", "reward $", "final $", "taker", "maker", "contracts",
                     "fees $", "max DD $", "held %", "true edge $"});
  for (const kalshi::MarketResult* const m : order) {
    markets.row({m->ticker, std::to_string(m->session), std::to_string(m->length),
                 m->difficulty ? fixed(*m->difficulty, 2) : "-", fixed(m->reward_mean, 2), fixed(m->final_equity, 2),
                 fixed(m->taker_fills, 0), fixed(m->maker_fills, 0), fixed(m->contracts, 0), fixed(m->fees, 2),
                 fixed(m->max_drawdown, 2), fixed(100.0 * m->held_share, 0), m->true_edge ? fixed(*m->true_edge, 2) : "-"});
  }
  return markets;
}

std::string verdict(const kalshi::EvaluationTable& table) {
  const auto& mean = table.total.mean;
  if (!mean.interval)
    return fmt::format("mean {:.2f} $ per market; too few events for an interval, so nothing is claimed", mean.value);
  if (mean.interval->low > 0.0) return "agent better than HOLD";
  if (mean.interval->high < 0.0) return "agent worse than HOLD";
  return "no edge over HOLD at 95 %";
}

nlohmann::json to_json(const kalshi::EvaluationTable& table) {
  nlohmann::json json = {
      {"total", json_of(table.total)},
      {"consistency", json_of(table.consistency)},
      {"hold_share", table.hold_share},
      {"histogram", {{"low", table.histogram.low}, {"width", table.histogram.width}, {"counts", table.histogram.counts}}}};
  for (const char* const name : {"by_series", "by_difficulty", "correlations", "markets", "always_failing", "alarms"})
    json[name] = nlohmann::json::array();
  for (const auto& group : table.by_series) json["by_series"].push_back(json_of(group));
  for (const auto& group : table.by_difficulty) json["by_difficulty"].push_back(json_of(group));
  for (const auto& each : table.correlations) {
    nlohmann::json row = {{"with", each.with}};
    if (each.pearson) row["pearson"] = json_of(*each.pearson);
    if (each.spearman) row["spearman"] = json_of(*each.spearman);
    json["correlations"].push_back(std::move(row));
  }
  for (const auto& market : table.markets) json["markets"].push_back(json_of(market));
  for (const std::size_t source : table.always_failing) json["always_failing"].push_back(table.markets[source].ticker);
  for (const auto& alarm : table.alarms) json["alarms"].push_back(alarm.ticker + ": " + alarm.text);
  return json;
}

nlohmann::json to_json(const kalshi::TrainingHistory& history) {
  nlohmann::json updates = nlohmann::json::array(), evaluations = nlohmann::json::array();
  for (const kalshi::UpdateRecord& u : history.updates) {
    updates.push_back({u.timesteps, u.mean_reward ? nlohmann::json(*u.mean_reward) : nlohmann::json(), u.entropy,
                       u.legal_entropy, u.approx_kl, u.explained_variance});
  }
  for (const kalshi::EvaluationRecord& e : history.evaluations) {
    evaluations.push_back(
        {e.timesteps, e.held_out_mean, e.first_stage_mean ? nlohmann::json(*e.first_stage_mean) : nlohmann::json()});
  }
  return {{"updates", std::move(updates)}, {"evaluations", std::move(evaluations)}};
}

kalshi::TrainingHistory history_from_json(const nlohmann::json& json) {
  const auto maybe = [](const nlohmann::json& value) {
    return value.is_null() ? std::optional<double>() : std::optional(value.get<double>());
  };
  kalshi::TrainingHistory history;
  for (const nlohmann::json& u : json.at("updates")) {
    history.updates.push_back({u.at(0).get<std::uint64_t>(), maybe(u.at(1)), u.at(2).get<double>(), u.at(3).get<double>(),
                               u.at(4).get<double>(), u.at(5).get<double>()});
  }
  for (const nlohmann::json& e : json.at("evaluations"))
    history.evaluations.push_back({e.at(0).get<std::uint64_t>(), e.at(1).get<double>(), maybe(e.at(2))});
  return history;
}

}  // namespace app
