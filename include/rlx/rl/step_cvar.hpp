// SPDX-License-Identifier: MIT
/// @file
/// @brief A risk objective: the sum of rewards plus a weight times the tail mean of the steps' outcomes.
#ifndef RLX_RL_STEP_CVAR_HPP
#define RLX_RL_STEP_CVAR_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/state.hpp>
#include <rlx/risk/tail.hpp>
#include <rlx/rl/detail/tail_term.hpp>
#include <rlx/rl/logger.hpp>
#include <rlx/rl/risk_objective.hpp>
#include <rlx/rl/risk_report.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1 {

/// Tail, weight and outcomes of a `StepCvar`.
struct StepCvarConfig {
  risk::TailMass tail{0.05};               ///< share of the steps that is the tail
  double cvar_weight = 0.0;                ///< w, at least 0
  std::optional<double> tail_lambda = {};  ///< lambda of the term, in [0, 1]; empty: the learner's gae_lambda; 1: unbiased
  bool use_metric = false;  ///< outcomes are the environment's metric named `step_pnl` after each step, not the raw reward
};

/**
 * @brief Maximises E[sum r] + w (CVaR_alpha of the outcome of a step, for each step), CVaR as a mean outcome.
 *
 * The outcomes p of all T N steps of a rollout give nu (VaR) and C (CVaR), as outcomes, and c_t = (nu - C) - (nu - p_t)+ /
 * alpha, whose mean is 0, so that nothing is gained by ending an episode early. Then, after GAE and before the normalisation of
 * advantages, A_t += (w / s) sum over l of (gamma tail_lambda)^l c_{t+l}, cut at the ends of episodes and of the rollout; s is
 * what the rewards were divided by. Outcomes (-4, 0, 1, 3, 5) with alpha 0.4 give nu = 0, C = -2, c = (-8, 2, 2, 2, 2).
 *
 * This is GAE on r + w c with a critic that values r alone.
 * @par Determinism  a function of the rollout, without state; runs on one thread. Allocates in the first rollout only
 * @par Source       Rockafellar & Uryasev 2002 (the form of c); Schulman et al. 2016 (the sum)
 *
 * Called StepCvar. @tparam Number  double; a parameter so that a program compiles only what it uses
 */
template <class Number>
class BasicStepCvar {
 public:
  /// @throws ConfigError naming the field.
  explicit BasicStepCvar(StepCvarConfig config = {}) : config_(config) {
    detail::check_tail_config("StepCvarConfig", config.tail, config.cvar_weight);
    if (config.tail_lambda && !(*config.tail_lambda >= 0 && *config.tail_lambda <= 1)) {
      throw ConfigError("StepCvarConfig.tail_lambda = " + std::to_string(*config.tail_lambda) + ", expected in [0, 1]");
    }
  }

  /// Adds the term to `advantages` [T][N]. @throws ConfigError (fewer than 1 / alpha steps), NumericError (an outcome that is
  /// not finite)
  void on_rollout(const RolloutView& rollout, std::span<float> advantages) {
    const std::span<const float> source = config_.use_metric ? rollout.step_pnl : rollout.rewards;
    const std::size_t rows = rollout.rewards.size();
    if (source.size() != rows) {
      throw ConfigError(
          "StepCvarConfig.use_metric: the rollout has no values of the metric `step_pnl`; it needs a learner "
          "that collects them and an environment that reports a metric of this name");
    }
    outcomes_.assign(source.begin(), source.end());
    report_ = {};
    report_.weight = config_.cvar_weight;
    report_.tail_episodes = config_.tail.alpha * static_cast<double>(rows);
    if (report_.tail_episodes < 1 - 1e-9) {
      throw ConfigError("StepCvar: a rollout of " + std::to_string(rollout.n_steps) + " x " + std::to_string(rollout.num_envs) +
                        " steps has less than one step in a tail of alpha = " + std::to_string(config_.tail.alpha) +
                        "; raise n_steps or alpha");
    }
    const detail::TailTerm term = detail::TailTerm::of(outcomes_, config_.tail, scratch_);
    report_.var = -term.nu;
    report_.cvar = -term.tail_mean;
    if (config_.cvar_weight == 0.0) return;

    const std::size_t n = rollout.num_envs;
    const double decay = rollout.gamma * config_.tail_lambda.value_or(rollout.gae_lambda);
    const double scale = config_.cvar_weight / rollout.reward_scale;
    carried_.assign(n, 0.0);
    for (std::size_t t = rollout.n_steps; t-- > 0;) {
      for (std::size_t e = 0; e < n; ++e) {
        const std::size_t row = t * n + e;
        const bool ended = (rollout.terminated[row] | rollout.truncated[row]) != 0;
        carried_[e] = term(outcomes_[row]) + (ended ? 0.0 : decay * carried_[e]);
        advantages[row] += static_cast<float>(scale * carried_[e]);
      }
    }
  }

  /// 0: the term is in the advantages.
  template <std::floating_point S>
  double loss(const BasicMinibatchView<S>&, const BasicLossGradient<S>&) const noexcept {
    return 0.0;
  }
  /// Writes the figures of `report()`.
  void record(Logger& logger) const { report_.record(logger); }

  /// As given.
  const StepCvarConfig& config() const noexcept { return config_; }
  /// Of the last rollout; its outcomes are steps.
  const RiskReport& report() const noexcept { return report_; }
  /// Whether the learner has to read the metric `step_pnl` after every step.
  bool wants_step_pnl() const noexcept { return config_.use_metric; }

  /// Configuration and report, for checkpoints.
  void save_state(StateWriter& writer) const {
    writer.write(config_.tail.alpha);
    writer.write(config_.cvar_weight);
    writer.write(config_.tail_lambda.value_or(-1.0));
    writer.write(static_cast<std::uint64_t>(config_.use_metric));
    report_.save_state(writer);
  }
  /// @throws CheckpointError  foreign bytes, or of another configuration.
  void load_state(StateReader& reader) {
    detail::expect_saved(reader, "tail.alpha", config_.tail.alpha);
    detail::expect_saved(reader, "cvar_weight", config_.cvar_weight);
    detail::expect_saved(reader, "tail_lambda (-1: gae_lambda)", config_.tail_lambda.value_or(-1.0));
    detail::expect_saved(reader, "use_metric", static_cast<std::uint64_t>(config_.use_metric));
    report_.load_state(reader);
  }

 private:
  StepCvarConfig config_;
  RiskReport report_;
  std::vector<double> outcomes_, scratch_, carried_;
};

/// As programs use it. @see BasicStepCvar
using StepCvar = BasicStepCvar<double>;

static_assert(RiskObjective<StepCvar>);

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_STEP_CVAR_HPP
