// SPDX-License-Identifier: MIT
/// @file
/// @brief Agent and baselines side by side on one window: paths, intervals, table, verdict.
#ifndef FUNDING_ARBITRAGE_PPO_SCORING_HPP
#define FUNDING_ARBITRAGE_PPO_SCORING_HPP

#include <rlx/core/thread_pool.hpp>
#include <rlx/funding/backtest.hpp>
#include <rlx/io/text_table.hpp>
#include <rlx/risk/bootstrap.hpp>
#include <rlx/rl/inference_policy.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace app {

namespace funding = rlx::funding;

/// A tape and, where it is synthetic, the truth behind it.
struct Market {
  std::shared_ptr<const funding::MarketTape> tape;
  std::vector<funding::RegimeLabel> regimes;  ///< empty for real data
};

/// What all policies of one table share.
struct ScoreConfig {
  funding::EnvironmentConfig environment;
  std::size_t bootstrap = 2'000;
  std::uint64_t seed = 42;
  bool deterministic = true, sampled = true;  ///< which agent rows there are
};

/// One policy over all tapes of a window.
struct PolicyScore {
  std::string name;
  bool agent = false;
  std::vector<funding::Backtest> runs;  ///< one per tape
  rlx::risk::Interval profit;           ///< mean over the tapes, share of capital, 95 %
  rlx::risk::Interval minus_hold;       ///< paired difference to HOLD
  double annual = 0.0, sharpe = 0.0, max_drawdown = 0.0;
  std::size_t block_steps = 1;   ///< of the bootstrap, capped at a tenth of the returns
  std::size_t whole_blocks = 0;  ///< blocks of a day and three mean holding times that fit: about the independent observations

  funding::Attribution attribution() const;  ///< sum over the tapes, USD
  std::int64_t trades() const;
  std::int64_t liquidations() const;
  std::int64_t closed_trades() const;
  double win_rate() const;                  ///< share of the closed trades with a profit after all costs; NaN without one
  double mean_hold_hours() const;           ///< NaN without a closed trade
  double utilization() const;               ///< margin in use, share of equity, mean over the steps and tapes
  std::vector<double> log_returns() const;  ///< all tapes, one after another
};

/// A table of policies under one trading configuration.
struct ScoreTable {
  std::string configuration;  ///< its name: "given", "moderate", "draw 2"
  funding::TradingConfig trading;
  std::int64_t first_ms = 0, last_ms = 0;  ///< first and last step of the window; pooled: of the first and the last one
  std::vector<std::size_t> folds;          ///< of a walk-forward, counted from 1, whose test windows these are; else empty
  std::size_t of_folds = 1;                ///< folds of that walk-forward
  std::string overlap;                     ///< that the model knows the window from its training; empty: it does not
  std::vector<PolicyScore> rows;
  funding::HysteresisPolicy tuned;
  /// Fixed coins only: share of the clairvoyant profit by agent, hysteresis, oracle; empty without a clairvoyant bound.
  std::vector<std::pair<std::string, double>> clairvoyant_shares;
  double clairvoyant_usd = 0.0;

  const PolicyScore& agent() const;
  std::size_t tapes() const { return agent().runs.size() / std::max<std::size_t>(folds.size(), 1); }
  bool pooled() const { return folds.size() > 1; }
  std::string scope() const;  ///< "fold 2 of 3", "folds 1 to 3 pooled"; empty without a walk-forward
  std::string title() const;  ///< configuration, folds, window and tapes
  /// How the figures of a pooled table came about; empty for any other.
  std::string pooling() const;
  /// Everything to know beside the verdict, most serious first.
  std::vector<std::string> notes() const;
  /// What to know beside the verdict: that too few trades fit the window for its interval to be believed. Else empty.
  std::string interval_note() const;
  /// The same: that most of the agent's profit is price moves between the venues. Else empty.
  std::string price_note() const;
  std::string verdict() const;  ///< "agent better than HOLD", "no edge over HOLD at 95 %" or "agent worse than HOLD"
};

/// The agent as a backtest policy. `seed` empty: the most probable action, else drawn.
class AgentPolicy {
 public:
  explicit AgentPolicy(const rlx::InferencePolicy& policy, std::optional<std::uint64_t> seed = {});
  int operator()(const funding::DecisionState&, std::span<const float> observation, std::span<const std::uint8_t> mask);

 private:
  const rlx::InferencePolicy* policy_;
  rlx::InferencePolicy::Workspace workspace_;
  std::optional<std::uint64_t> seed_;
  std::uint64_t step_ = 0;
};

/// The hysteresis rule with the settings that grow fastest on `validation`, chosen as the agent's model is.
funding::HysteresisPolicy tune_hysteresis(const std::vector<Market>& markets, const funding::Window& validation,
                                          const funding::EnvironmentConfig& config, rlx::ThreadPool& threads);

/// A trained policy and what the table calls it.
struct NamedAgent {
  std::string name;
  const rlx::InferencePolicy* policy = nullptr;
};

/// Scores the agents, the first of which is the one that is judged, and every baseline on `window`.
ScoreTable score(const std::vector<NamedAgent>& agents, const std::vector<Market>& markets, const funding::Window& window,
                 const funding::HysteresisPolicy& tuned, const ScoreConfig& config, rlx::ThreadPool& threads);

/// The tables of the folds of a walk-forward as one: the same policies over all test windows.
ScoreTable pool_tables(const std::vector<ScoreTable>& tables, const ScoreConfig& config);

/// A model and the window that it is judged on: one for each fold.
struct JudgedModel {
  const rlx::InferencePolicy* policy = nullptr;
  funding::Window window;
};

/// The agent under other costs and delays.
struct SensitivityRow {
  double fee_scale = 1.0;
  int delay_steps = 0;
  bool sampled = false;
  PolicyScore score;
};

/// Fees x0.5/x1/x2, execution delay 0/1, deterministic and sampled; the windows of all models together, as in `pool_tables`.
std::vector<SensitivityRow> sensitivity(const std::vector<JudgedModel>& models, const std::vector<Market>& markets,
                                        const ScoreConfig& config, rlx::ThreadPool& threads);
rlx::io::TextTable to_text_table(const std::vector<SensitivityRow>& rows);

/// Header and cells of the table, for terminal and report.
std::vector<std::string> table_header();
std::vector<std::string> table_cells(const PolicyScore& row);
rlx::io::TextTable to_text_table(const ScoreTable& table);

/// The fixed panel of configurations that a model for sampled configurations is judged on: three presets, three seeded draws.
std::vector<std::pair<std::string, funding::TradingConfig>> evaluation_panel(std::uint64_t seed);

}  // namespace app

#endif  // FUNDING_ARBITRAGE_PPO_SCORING_HPP
