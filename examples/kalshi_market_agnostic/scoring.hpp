// SPDX-License-Identifier: MIT
/// @file
/// @brief Agents beside the baselines on the same views, and how their figures are shown.
#ifndef KALSHI_MARKET_AGNOSTIC_SCORING_HPP
#define KALSHI_MARKET_AGNOSTIC_SCORING_HPP

#include "ensemble.hpp"
#include "views.hpp"

#include <rlx/core/thread_pool.hpp>
#include <rlx/io/text_table.hpp>
#include <rlx/kalshi/evaluation.hpp>
#include <rlx/kalshi/success_checks.hpp>

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string>
#include <vector>

namespace app {

/// One policy on one selection.
struct PolicyRow {
  std::string name;
  bool agent = false;
  kalshi::EvaluationTable table;
};

/// The settings of every table about a selection.
kalshi::EvaluationConfig evaluation_config(const Options& o, const Selection& selection, rlx::ThreadPool& threads);

/// hold, random, favourite, cross_once, passive_maker, and the oracle where the truth is known.
std::vector<PolicyRow> score_baselines(const Selection& selection, const Options& o, rlx::ThreadPool& threads);

/// A line for each policy; the first one is the agent, whose lead over the others is paired by view.
rlx::io::TextTable comparison_table(std::span<const PolicyRow> rows);
rlx::io::TextTable check_table(std::span<const kalshi::Check> checks);
/// Mean reward by series and by fifths of difficulty.
rlx::io::TextTable group_table(const kalshi::EvaluationTable& table);
rlx::io::TextTable correlation_table(const kalshi::EvaluationTable& table);
rlx::io::TextTable sensitivity_table(std::span<const kalshi::FillSensitivity> rows);
/// A line for each view, worst first.
rlx::io::TextTable market_table(const kalshi::EvaluationTable& table);

/// "1.23 [0.45, 2.01]", without brackets where there is no interval.
std::string text_of(const kalshi::Estimate& estimate, int decimals = 2);

/// Whether the agent earns: the last line of train and evaluate.
std::string verdict(const kalshi::EvaluationTable& table);

nlohmann::json to_json(const kalshi::EvaluationTable& table);
nlohmann::json to_json(const kalshi::TrainingHistory& history);
/// @throws nlohmann::json::exception for another form
kalshi::TrainingHistory history_from_json(const nlohmann::json& json);

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_SCORING_HPP
