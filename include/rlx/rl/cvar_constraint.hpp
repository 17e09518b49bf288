// SPDX-License-Identifier: MIT
/// @file
/// @brief A risk objective: the mean of the episodes' returns under a floor for their tail mean.
#ifndef RLX_RL_CVAR_CONSTRAINT_HPP
#define RLX_RL_CVAR_CONSTRAINT_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/state.hpp>
#include <rlx/rl/episode_cvar.hpp>
#include <rlx/rl/logger.hpp>
#include <rlx/rl/risk_objective.hpp>
#include <rlx/rl/risk_report.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1 {

/// The bound on the tail and how fast the weight moves towards it.
struct CvarConstraintConfig {
  EpisodeCvarConfig episode = {};  ///< tail, sample and, as `cvar_weight`, the weight that training begins with
  double c_min = 0.0;              ///< the mean return of the tail should not be below this
  double eta = 0.05;               ///< change of the weight for each unit of the tail mean below c_min, above 0
  double w_max = 100.0;            ///< the weight stays in [0, w_max]; finite
};

/**
 * @brief Maximises E[G] subject to CVaR_alpha(G) >= c_min, CVaR as a mean outcome, by a multiplier that learns.
 *
 * A rollout gets the term of `EpisodeCvar` with the present w, and all advantages are divided by 1 + w; then w becomes
 * clamp(w + eta (c_min - C), 0, w_max). Where too few episodes ended to know C, w stays.
 * @throws what EpisodeCvar throws. @par Source Chow et al. 2018, "Risk-constrained reinforcement learning with percentile risk
 * criteria"
 *
 * Called CvarConstraint. @tparam Number  double; a parameter so that a program compiles only what it uses
 */
template <class Number>
class BasicCvarConstraint {
 public:
  /// @throws ConfigError naming the field.
  explicit BasicCvarConstraint(CvarConstraintConfig config = {}) : config_(config), episode_(config.episode) {
    const auto require = [](bool holds, const char* name, double value, const char* expected) {
      if (!is_finite(value) || !holds) {
        throw ConfigError("CvarConstraintConfig." + std::string(name) + " = " + std::to_string(value) + ", expected " +
                          expected);
      }
    };
    require(true, "c_min", config.c_min, "a finite number");
    require(config.eta > 0, "eta", config.eta, "a finite number above 0");
    require(config.w_max >= config.episode.cvar_weight, "w_max", config.w_max,
            "a finite number of at least episode.cvar_weight, the weight that training begins with");
  }

  /// Changes `advantages` [T][N] and then the weight. @throws ConfigError, NumericError
  void on_rollout(const RolloutView& rollout, std::span<float> advantages) {
    const double w = episode_.weight();
    episode_.on_rollout(rollout, advantages);
    const auto share = static_cast<float>(1 / (1 + w));
    for (float& a : advantages) a *= share;
    const double tail_mean = -episode_.report().cvar;
    if (is_finite(tail_mean))
      episode_.set_weight(std::clamp(w + config_.eta * (config_.c_min - tail_mean), 0.0, config_.w_max));
  }

  /// 0: the term is in the advantages.
  template <std::floating_point S>
  double loss(const BasicMinibatchView<S>&, const BasicLossGradient<S>&) const noexcept {
    return 0.0;
  }
  /// As `RiskObjective` asks.
  void record(Logger& logger) const { episode_.record(logger); }

  /// As given.
  const CvarConstraintConfig& config() const noexcept { return config_; }
  /// Of the last rollout, with the weight that it was given.
  const RiskReport& report() const noexcept { return episode_.report(); }
  /// w of the next rollout.
  double weight() const noexcept { return episode_.weight(); }

  /// Configuration, weight and sample, for checkpoints.
  void save_state(StateWriter& writer) const {
    for (const double number : {config_.c_min, config_.eta, config_.w_max}) writer.write(number);
    episode_.save_state(writer);
  }
  /// @throws CheckpointError  foreign bytes, or of another configuration.
  void load_state(StateReader& reader) {
    detail::expect_saved(reader, "c_min", config_.c_min);
    detail::expect_saved(reader, "eta", config_.eta);
    detail::expect_saved(reader, "w_max", config_.w_max);
    episode_.load_state(reader);
  }

 private:
  CvarConstraintConfig config_;
  BasicEpisodeCvar<Number> episode_;
};

/// As programs use it. @see BasicCvarConstraint
using CvarConstraint = BasicCvarConstraint<double>;

static_assert(RiskObjective<CvarConstraint>);

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_CVAR_CONSTRAINT_HPP
