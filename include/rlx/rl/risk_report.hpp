// SPDX-License-Identifier: MIT
/// @file
/// @brief What a risk objective measured on a rollout.
#ifndef RLX_RL_RISK_REPORT_HPP
#define RLX_RL_RISK_REPORT_HPP

#include <limits>

#include <rlx/core/state.hpp>
#include <rlx/rl/logger.hpp>

namespace rlx::inline v0_1 {

/// Figures of the last rollout, logged as `risk/<name>`. `var` and `cvar` are losses in the units of the raw rewards: positive
/// is bad. NaN before the first rollout and where there were too few outcomes.
struct RiskReport {
  double var = std::numeric_limits<double>::quiet_NaN();   ///< value at risk at the objective's tail mass
  double cvar = std::numeric_limits<double>::quiet_NaN();  ///< mean loss of that tail
  double tail_episodes = 0.0;        ///< alpha times the number of outcomes (episodes; steps for StepCvar); 10 are wanted
  double uncredited_fraction = 0.0;  ///< share of the steps whose episode has not ended yet, so that the term leaves them out
  double weight = 0.0;               ///< w of the term

  /// Writes `risk/name` for each figure.
  template <class Log>
  void record(Log& logger) const {
    logger.record("risk/var", var);
    logger.record("risk/cvar", cvar);
    logger.record("risk/tail_episodes", tail_episodes);
    logger.record("risk/uncredited_fraction", uncredited_fraction);
    logger.record("risk/weight", weight);
  }
  /// All figures, for checkpoints.
  void save_state(StateWriter& writer) const {
    for (const double figure : {var, cvar, tail_episodes, uncredited_fraction, weight}) writer.write(figure);
  }
  /// @throws CheckpointError  foreign bytes.
  void load_state(StateReader& reader) {
    for (double* figure : {&var, &cvar, &tail_episodes, &uncredited_fraction, &weight}) reader.read(*figure);
  }
};

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_RISK_REPORT_HPP
