// SPDX-License-Identifier: MIT
/// @file
/// @brief The report of a run: one HTML page with inline pictures that needs nothing from outside.
#ifndef FUNDING_ARBITRAGE_PPO_REPORT_HPP
#define FUNDING_ARBITRAGE_PPO_REPORT_HPP

#include "scoring.hpp"

#include <rlx/io/text_table.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace app {

/// One point of the learning curves; what was not measured there is NaN.
struct LearningPoint {
  static constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();
  std::uint64_t steps = 0;            ///< environment steps so far, ascending
  double mean_reward = not_measured;  ///< of the last 100 episodes
  double score = not_measured;        ///< mean log growth per day on the validation window
  double entropy = not_measured;      ///< rescaled to 36 actions (H')
  double kl = not_measured;           ///< between old and new policy in this update
  double value_loss = not_measured;
};

/// How one model was trained and chosen.
struct LearningRun {
  std::string name;  ///< "fold 2 of 3"; empty for a single one
  std::vector<LearningPoint> points;
  std::optional<std::uint64_t> chosen_steps;  ///< where in training the chosen model stood; marked in the curves
  std::size_t candidates = 0;                 ///< models compared on the validation window; 0: not known
  std::string chosen;                         ///< how the model was chosen
};

/// The sensitivity of the agent and what it is of.
struct Sensitivity {
  std::string title;  ///< configuration and folds
  std::vector<SensitivityRow> rows;
};

/// A part of the data, by time.
struct SplitLine {
  std::string name;  ///< "train", "embargo", "validation", "test"
  std::int64_t from_ms = 0, to_ms = 0;
  std::size_t steps = 0;
};

/// What the page shows. Parts that are empty are left out.
struct ReportInput {
  std::string title;
  std::vector<const ScoreTable*> tables;       ///< one for each configuration, at least one; the first is the headline
  std::vector<const ScoreTable*> fold_tables;  ///< behind pooled tables: those of each fold
  std::string tuning;                          ///< how the hysteresis rule of the headline table was tuned
  std::optional<Sensitivity> sensitivity;
  std::vector<LearningRun> learning;  ///< one for each fold
  std::vector<SplitLine> split;
  std::string data;                         ///< text of the data report
  std::vector<std::string> approximations;  ///< what the data does not say and was assumed
  std::vector<std::string> warnings;        ///< of data and training, with advice
  std::string manifest;                     ///< JSON, folded
  std::string footer;                       ///< version, time, command line
  std::size_t bootstrap = 2'000;            ///< resamples and seed of the band around the agent's equity; with those of
  std::uint64_t seed = 42;                  ///< the table (ScoreConfig), the band ends at the table's interval
};

/// The page. A function of the input; about 300 kB, 2 MB at most for 10,000 steps.
/// @throws ConfigError without a table
std::string report_html(const ReportInput& input);

/// Writes `report_html` whole or not at all. @throws ConfigError, IoError
void write_report(const std::string& path, const ReportInput& input);

}  // namespace app

#endif  // FUNDING_ARBITRAGE_PPO_REPORT_HPP
