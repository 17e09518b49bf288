// SPDX-License-Identifier: MIT
#include "scoring.hpp"

#include <rlx/core/random.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/risk/performance.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>

namespace app {
namespace {

using funding::Backtest;
using funding::DecisionState;
using rlx::risk::Interval;

/// A fresh policy for tape i; policies may carry state.
using MakePolicy =
    std::function<std::function<int(const DecisionState&, std::span<const float>, std::span<const std::uint8_t>)>(std::size_t)>;

std::vector<Backtest> run_on_all(const std::vector<Market>& markets, const funding::Window& window,
                                 const funding::EnvironmentConfig& config, rlx::ThreadPool& threads, const MakePolicy& make) {
  std::vector<Backtest> runs(markets.size());
  threads.run(markets.size(), [&](std::size_t i) { runs[i] = funding::backtest(markets[i].tape, config, window, make(i)); });
  return runs;
}

/// A day and three mean holding times, so that a trade mostly stays in one block.
std::size_t whole_block_steps(const std::vector<Backtest>& runs) {
  double hold_hours = 0.0;
  double closed = 0.0;
  for (const Backtest& run : runs) {
    hold_hours += run.info.hold_hours;
    closed += static_cast<double>(run.info.closed_trades);
  }
  const double hours = std::max(24.0, closed > 0.0 ? 3.0 * hold_hours / closed : 0.0);
  const double step_hours = static_cast<double>(runs[0].step_ms) / static_cast<double>(funding::ms_per_hour);
  return std::max<std::size_t>(static_cast<std::size_t>(std::ceil(hours / step_hours)), 1);
}

/// Interval of the mean profit per tape of `returns`, and of its difference to `baseline` on the same blocks.
Interval profit_interval(std::span<const double> returns, double tapes, const rlx::risk::BootstrapConfig& config) {
  const std::array<std::span<const double>, 1> series{returns};
  return rlx::risk::block_bootstrap(
      std::span<const std::span<const double>>(series),
      [tapes](std::span<const double> sums) { return std::expm1(sums[0] / tapes); }, config);
}

Interval difference_interval(std::span<const double> a, std::span<const double> b, double tapes,
                             const rlx::risk::BootstrapConfig& config) {
  const std::array<std::span<const double>, 2> series{a, b};
  return rlx::risk::block_bootstrap(
      std::span<const std::span<const double>>(series),
      [tapes](std::span<const double> sums) { return std::expm1(sums[0] / tapes) - std::expm1(sums[1] / tapes); }, config);
}

PolicyScore summarise(std::string name, std::vector<Backtest> runs, const PolicyScore* hold, const ScoreConfig& config) {
  PolicyScore row;
  row.name = std::move(name);
  row.runs = std::move(runs);
  const std::vector<double> returns = row.log_returns();
  const double tapes = static_cast<double>(row.runs.size());
  const std::size_t whole = whole_block_steps(row.runs);
  row.whole_blocks = returns.size() / whole;
  // Resamples of fewer than ten blocks hardly differ from each other; shorter blocks err less, and `interval_note` says so.
  row.block_steps = std::min(whole, std::max<std::size_t>(returns.size() / 10, 1));
  const rlx::risk::BootstrapConfig bootstrap{.block = row.block_steps, .replicates = config.bootstrap, .seed = config.seed};
  row.profit = profit_interval(returns, tapes, bootstrap);
  row.minus_hold = hold != nullptr ? difference_interval(returns, hold->log_returns(), tapes, bootstrap) : Interval{};
  const double steps_per_year = 365.0 * static_cast<double>(funding::ms_per_day) / static_cast<double>(row.runs[0].step_ms);
  const auto performance = rlx::risk::log_return_performance(returns, steps_per_year);
  row.annual = performance.annual_return;
  row.sharpe = performance.sharpe;
  for (const Backtest& run : row.runs) {
    row.max_drawdown =
        std::max(row.max_drawdown, rlx::risk::log_return_performance(run.log_returns, steps_per_year).max_drawdown);
  }
  return row;
}

double mean_profit_usd(const std::vector<Backtest>& runs) {
  double sum = 0.0;
  for (const Backtest& run : runs) sum += run.profit_usd();
  return sum / static_cast<double>(runs.size());
}

template <class Baseline>
MakePolicy every_tape(Baseline baseline) {
  return [baseline](std::size_t) { return funding::as_backtest_policy(baseline); };
}

MakePolicy oracle_of(const std::vector<Market>& markets) {
  return [&markets](std::size_t i) { return funding::as_backtest_policy(funding::PlantedOraclePolicy(markets[i].regimes)); };
}

MakePolicy agent_of(const rlx::InferencePolicy& agent, bool sampled, std::uint64_t seed) {
  return [&agent, sampled, seed](std::size_t i) {
    auto policy = std::make_shared<AgentPolicy>(agent, sampled ? std::optional<std::uint64_t>(seed + i) : std::nullopt);
    return [policy](const DecisionState& state, std::span<const float> observation, std::span<const std::uint8_t> mask) {
      return (*policy)(state, observation, mask);
    };
  };
}

bool synthetic(const std::vector<Market>& markets) {
  return std::none_of(markets.begin(), markets.end(), [](const Market& m) { return m.regimes.empty(); });
}

std::string percent(double share, int decimals = 2) { return rlx::io::fixed(100.0 * share, decimals); }
std::string interval_percent(const Interval& i) { return fmt::format("[{}, {}]", percent(i.low), percent(i.high)); }

}  // namespace

funding::Attribution PolicyScore::attribution() const {
  funding::Attribution sum;
  for (const Backtest& run : runs) sum += run.info.attribution;
  return sum;
}

std::int64_t PolicyScore::trades() const {
  std::int64_t sum = 0;
  for (const Backtest& run : runs) sum += run.info.trades;
  return sum;
}

std::int64_t PolicyScore::liquidations() const {
  std::int64_t sum = 0;
  for (const Backtest& run : runs) sum += run.info.liquidations;
  return sum;
}

std::int64_t PolicyScore::closed_trades() const {
  std::int64_t sum = 0;
  for (const Backtest& run : runs) sum += run.info.closed_trades;
  return sum;
}

double PolicyScore::win_rate() const {
  double wins = 0.0;
  for (const Backtest& run : runs) wins += static_cast<double>(run.info.wins);
  return closed_trades() > 0 ? wins / static_cast<double>(closed_trades()) : std::numeric_limits<double>::quiet_NaN();
}

double PolicyScore::mean_hold_hours() const {
  double hours = 0.0;
  for (const Backtest& run : runs) hours += run.info.hold_hours;
  return closed_trades() > 0 ? hours / static_cast<double>(closed_trades()) : std::numeric_limits<double>::quiet_NaN();
}

double PolicyScore::utilization() const {
  double sum = 0.0;
  for (const Backtest& run : runs) sum += run.utilization() / static_cast<double>(runs.size());
  return sum;
}

std::vector<double> PolicyScore::log_returns() const {
  std::vector<double> all;
  for (const Backtest& run : runs) all.insert(all.end(), run.log_returns.begin(), run.log_returns.end());
  return all;
}

const PolicyScore& ScoreTable::agent() const {
  const auto found = std::find_if(rows.begin(), rows.end(), [](const PolicyScore& row) { return row.agent; });
  RLX_REQUIRE(found != rows.end(), "the table has no agent");
  return *found;
}

std::string ScoreTable::scope() const {
  if (folds.empty()) return {};
  if (!pooled()) return fmt::format("fold {} of {}", folds.front(), of_folds);
  return fmt::format("folds {} to {} pooled", folds.front(), folds.back());
}

std::string ScoreTable::title() const {
  return fmt::format("{}: {}; {}{}{} to {}, {} tape{}", configuration, trading.to_string(), scope(), folds.empty() ? "" : ", ",
                     rlx::io::format_date(first_ms), rlx::io::format_date(last_ms), tapes(), tapes() == 1 ? "" : "s");
}

std::string ScoreTable::pooling() const {
  if (!pooled()) return {};
  return fmt::format(
      "pooled over {} folds, each fold's own model on its own test window: profit, interval and USD are means per fold{}; "
      "trades "
      "and liquidations are sums; max DD is the worst",
      folds.size(), tapes() > 1 ? " and tape" : "");
}

std::vector<std::string> ScoreTable::notes() const {
  std::vector<std::string> list{overlap, interval_note(), price_note()};
  list.erase(std::remove(list.begin(), list.end(), std::string()), list.end());
  return list;
}

std::string ScoreTable::interval_note() const {
  const std::size_t blocks = agent().whole_blocks;
  if (blocks >= 10 || agent().trades() == 0) return {};
  return fmt::format(
      "only {} block{} of three mean holding times fit the window, fewer than 10: the intervals are narrower than the truth",
      blocks, blocks == 1 ? "" : "s");
}

std::string ScoreTable::price_note() const {
  const funding::Attribution parts = agent().attribution();
  if (!(parts.total() > 0.0 && parts.price > 0.5 * parts.total())) return {};
  return fmt::format(
      "{:.0f} % of the agent's profit comes from price moves between venues, not from funding; check with validate-data "
      "that the venues' prices belong to the same time",
      100.0 * parts.price / parts.total());
}

std::string ScoreTable::verdict() const {
  const Interval& edge = agent().minus_hold;
  if (edge.low > 0.0) return "agent better than HOLD";
  if (edge.high < 0.0) return "agent worse than HOLD";
  return "no edge over HOLD at 95 %";
}

AgentPolicy::AgentPolicy(const rlx::InferencePolicy& policy, std::optional<std::uint64_t> seed)
    : policy_(&policy), workspace_(policy.make_workspace()), seed_(seed) {}

int AgentPolicy::operator()(const DecisionState&, std::span<const float> observation, std::span<const std::uint8_t> mask) {
  std::array<std::int32_t, 1> action{};
  rlx::RandomStream random({seed_.value_or(0), rlx::Purpose::evaluation_action, 0, step_++});
  policy_->act(observation, mask, action, workspace_, rlx::ActOptions{!seed_.has_value(), &random});
  return action[0];
}

funding::HysteresisPolicy tune_hysteresis(const std::vector<Market>& markets, const funding::Window& validation,
                                          const funding::EnvironmentConfig& config, rlx::ThreadPool& threads) {
  funding::HysteresisPolicy best;
  double best_growth = -std::numeric_limits<double>::infinity();
  for (const funding::HysteresisPolicy& candidate : funding::hysteresis_grid()) {
    double growth = 0.0;
    for (const Backtest& run : run_on_all(markets, validation, config, threads, every_tape(candidate)))
      growth += run.growth_per_day();
    if (growth > best_growth) {
      best_growth = growth;
      best = candidate;
    }
  }
  return best;
}

ScoreTable score(const std::vector<NamedAgent>& agents, const std::vector<Market>& markets, const funding::Window& window,
                 const funding::HysteresisPolicy& tuned, const ScoreConfig& config, rlx::ThreadPool& threads) {
  ScoreTable table;
  table.trading = config.environment.trading;
  table.tuned = tuned;
  const auto run = [&](const funding::EnvironmentConfig& environment, const MakePolicy& make) {
    return run_on_all(markets, window, environment, threads, make);
  };
  const PolicyScore hold = summarise("hold", run(config.environment, every_tape(funding::HoldPolicy{})), nullptr, config);
  const auto add = [&](std::string name, const MakePolicy& make, bool is_agent = false) {
    table.rows.push_back(summarise(std::move(name), run(config.environment, make), &hold, config));
    table.rows.back().agent = is_agent;
  };
  for (const NamedAgent& agent : agents) {
    if (config.deterministic) add(agent.name, agent_of(*agent.policy, false, config.seed), true);
    if (config.sampled) add(agent.name + ", sampled", agent_of(*agent.policy, true, config.seed), true);
  }
  table.rows.push_back(hold);
  add("hysteresis", every_tape(tuned));
  add("settlement timing", every_tape(funding::SettlementTimingPolicy{}));
  if (!synthetic(markets)) return table;
  add("planted oracle", oracle_of(markets));

  // The bound holds for fixed quantities, so everything is run once more with them.
  funding::EnvironmentConfig fixed = config.environment;
  fixed.sizing = funding::SizingMode::fixed_coins;
  std::vector<double> bounds(markets.size());
  threads.run(markets.size(),
              [&](std::size_t i) { bounds[i] = funding::clairvoyant_fixed_coins(*markets[i].tape, window, fixed).profit; });
  for (const double bound : bounds) table.clairvoyant_usd += bound / static_cast<double>(bounds.size());
  if (!(table.clairvoyant_usd > 0.0)) return table;
  const auto share = [&](const char* name, const MakePolicy& make) {
    table.clairvoyant_shares.emplace_back(name, mean_profit_usd(run(fixed, make)) / table.clairvoyant_usd);
  };
  share("agent", agent_of(*agents.front().policy, false, config.seed));
  share("hysteresis", every_tape(tuned));
  share("planted oracle", oracle_of(markets));
  return table;
}

ScoreTable pool_tables(const std::vector<ScoreTable>& tables, const ScoreConfig& config) {
  RLX_REQUIRE(!tables.empty(), "there are tables to pool");
  if (tables.size() == 1) return tables.front();
  const ScoreTable& last = tables.back();
  ScoreTable pooled = last;
  pooled.first_ms = tables.front().first_ms;
  pooled.folds.clear();
  for (const ScoreTable& table : tables) pooled.folds.insert(pooled.folds.end(), table.folds.begin(), table.folds.end());
  const auto runs_of = [&](std::size_t row) {
    std::vector<Backtest> runs;
    for (const ScoreTable& table : tables) runs.insert(runs.end(), table.rows[row].runs.begin(), table.rows[row].runs.end());
    return runs;
  };
  const auto hold_row =
      std::find_if(last.rows.begin(), last.rows.end(), [](const PolicyScore& row) { return row.name == "hold"; });
  RLX_REQUIRE(hold_row != last.rows.end(), "the table has HOLD");
  const PolicyScore hold = summarise("hold", runs_of(static_cast<std::size_t>(hold_row - last.rows.begin())), nullptr, config);
  for (std::size_t r = 0; r < pooled.rows.size(); ++r) {
    PolicyScore& row = pooled.rows[r];
    const bool agent = row.agent;
    row = row.name == "hold" ? hold : summarise(row.name, runs_of(r), &hold, config);
    row.agent = agent;
  }

  // Shares of the mean bound: a fold weighs as much as it had to offer.
  pooled.clairvoyant_usd = 0.0;
  for (auto& named : pooled.clairvoyant_shares) named.second = 0.0;
  for (const ScoreTable& table : tables) {
    pooled.clairvoyant_usd += table.clairvoyant_usd / static_cast<double>(tables.size());
    for (std::size_t i = 0; i < std::min(pooled.clairvoyant_shares.size(), table.clairvoyant_shares.size()); ++i) {
      pooled.clairvoyant_shares[i].second +=
          table.clairvoyant_shares[i].second * table.clairvoyant_usd / static_cast<double>(tables.size());
    }
  }
  for (auto& named : pooled.clairvoyant_shares) named.second /= pooled.clairvoyant_usd;
  return pooled;
}

std::vector<SensitivityRow> sensitivity(const std::vector<JudgedModel>& models, const std::vector<Market>& markets,
                                        const ScoreConfig& config, rlx::ThreadPool& threads) {
  std::vector<SensitivityRow> rows;
  for (const double fee_scale : {0.5, 1.0, 2.0}) {
    std::vector<Market> priced = markets;
    funding::EnvironmentConfig environment = config.environment;
    environment.execution.fee_scale = fee_scale;
    for (Market& market : priced) {
      funding::CostModel costs = market.tape->config().costs;
      costs.fee_scale = fee_scale;
      market.tape = market.tape->with_costs(costs);
    }
    for (const int delay : {0, 1}) {
      environment.execution.delay_steps = delay;
      for (const bool sampled : {false, true}) {
        std::vector<Backtest> runs;
        for (const JudgedModel& model : models) {
          std::vector<Backtest> of_model =
              run_on_all(priced, model.window, environment, threads, agent_of(*model.policy, sampled, config.seed));
          std::move(of_model.begin(), of_model.end(), std::back_inserter(runs));
        }
        rows.push_back({fee_scale, delay, sampled, summarise("agent", std::move(runs), nullptr, config)});
      }
    }
  }
  return rows;
}

rlx::io::TextTable to_text_table(const std::vector<SensitivityRow>& rows) {
  rlx::io::TextTable table({"fees", "delay", "policy", "profit %", "95 % interval", "trades", "max drawdown %"});
  for (const SensitivityRow& row : rows) {
    table.row({fmt::format("x{}", row.fee_scale), fmt::format("{} steps", row.delay_steps),
               row.sampled ? "sampled" : "deterministic", percent(row.score.profit.estimate),
               interval_percent(row.score.profit), std::to_string(row.score.trades()), percent(row.score.max_drawdown)});
  }
  return table;
}

std::vector<std::string> table_header() {
  return {"policy", "profit %", "95 % interval", "per year %", "Sharpe", "max DD %", "trades",      "win %",
          "hold h", "util %",   "funding",       "price",      "fees",   "slippage", "liquidation", "liquidations"};
}

std::vector<std::string> table_cells(const PolicyScore& row) {
  const funding::Attribution parts = row.attribution();
  const auto usd = [&](double value) { return rlx::io::fixed(value / static_cast<double>(row.runs.size()), 2); };
  return {row.name,
          percent(row.profit.estimate),
          interval_percent(row.profit),
          percent(row.annual),
          rlx::io::fixed(row.sharpe, 2),
          percent(row.max_drawdown),
          std::to_string(row.trades()),
          percent(row.win_rate(), 0),
          rlx::io::fixed(row.mean_hold_hours(), 1),
          percent(row.utilization(), 1),
          usd(parts.funding),
          usd(parts.price),
          usd(parts.fees),
          usd(parts.slippage),
          usd(parts.liquidation),
          std::to_string(row.liquidations())};
}

rlx::io::TextTable to_text_table(const ScoreTable& table) {
  rlx::io::TextTable text(table_header());
  for (const PolicyScore& row : table.rows) text.row(table_cells(row));
  return text;
}

std::vector<std::pair<std::string, funding::TradingConfig>> evaluation_panel(std::uint64_t seed) {
  using funding::TradingConfig;
  std::vector<std::pair<std::string, TradingConfig>> panel{{"conservative", TradingConfig::conservative()},
                                                           {"moderate", TradingConfig::moderate()},
                                                           {"aggressive", TradingConfig::aggressive()}};
  rlx::RandomStream stream({seed, rlx::Purpose::user, 0, 0});
  for (int i = 1; i <= 3; ++i) panel.emplace_back(fmt::format("draw {}", i), TradingConfig::sample_random(stream));
  return panel;
}

}  // namespace app
