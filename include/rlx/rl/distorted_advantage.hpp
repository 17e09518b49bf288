// SPDX-License-Identifier: MIT
/// @file
/// @brief Advantages under a distortion of the return: a policy that is averse to (or fond of) risk at every state.
#ifndef RLX_RL_DISTORTED_ADVANTAGE_HPP
#define RLX_RL_DISTORTED_ADVANTAGE_HPP

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/state.hpp>
#include <rlx/risk/distortion.hpp>
#include <rlx/rl/logger.hpp>
#include <rlx/rl/quantile_critic.hpp>
#include <rlx/rl/risk_objective.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1 {

/**
 * @brief Replaces the advantages by the influence function of rho_G: `Ppo<E, QuantileCritic, DistortedAdvantage>`.
 *
 * A_t = mean_j u(y_{t,j}) - mean_i u(theta_i(s_t)), u the utility of `risk::Influence` at the state's own atoms, y the critic's
 * targets. It is the gradient of rho_G(Z(s_t)) with respect to the probabilities of the actions at s_t, what follows held. What
 * is optimised is the risk of the return from each visited state on, not that of the whole episode: for that see episode CVaR.
 * theta (-2, 0, 1, 3), CVaR 0.5: A(y = -4) = -7.5, A(0.5) = 1, A(10) = 1.5.
 *
 * What matters to an averse policy is rare, so minibatches should be large enough to hold it: where advantages are normalised
 * over minibatches without a bad outcome, the good outcomes of a risky action look good. With PPO, `batch_size` of a whole
 * rollout is safe.
 *
 * With `risk::Distortion::mean()` the advantages stay as they are, those of the scalar critic with the same values.
 * "mean + w rho" is `mixture(w / (1 + w), mean, rho)`. Log: risk/distorted_value, the mean of rho_G over the rollout's states,
 * and risk/value, that of their means. The saved state is the distortion, which a load compares. After the first rollout
 * nothing is allocated; one thread, fixed order.
 *
 * Called DistortedAdvantage. @tparam Number  double; a parameter so that a program compiles only what it uses
 */
template <class Number>
class BasicDistortedAdvantage {
 public:
  /// Optimises the expectation under `distortion`; the identity leaves the advantages as they are.
  explicit BasicDistortedAdvantage(risk::Distortion distortion) : distortion_(std::move(distortion)) {}

  /// As given.
  const risk::Distortion& distortion() const noexcept { return distortion_; }

  /// Learners call it when they are compiled: the atoms are those of a QuantileCritic.
  template <class C>
  static constexpr void require_critic() {
    static_assert(
        std::derived_from<C, QuantileCritic>,
        "rlx: DistortedAdvantage reads the atoms of the return's distribution, which this critic does not have; write "
        "`Ppo<E, QuantileCritic, DistortedAdvantage>` and give the network MlpSpec::value = atoms");
  }

  /// @throws ShapeError if outputs and targets are not those of one QuantileCritic
  void on_rollout(const RolloutView& rollout, std::span<float> advantages) {
    const std::size_t k = rollout.critic_outputs.cols(), rows = rollout.n_steps * rollout.num_envs;
    if (rollout.critic_outputs.rows() != rows || advantages.size() != rows) {
      throw ShapeError("DistortedAdvantage: " + std::to_string(rollout.critic_outputs.rows()) + " rows of outputs and " +
                       std::to_string(advantages.size()) + " advantages, expected " + std::to_string(rows));
    }
    if (!influence_ || influence_->atoms() != k) {
      influence_.emplace(distortion_, k);
      weights_.resize(k);
      distortion_.weights(k, weights_);
      utilities_.resize(k);
      atoms_.resize(k);
    }
    const bool keep = distortion_.is_mean();
    double distorted = 0.0, plain = 0.0;
    for (std::size_t row = 0; row < rows; ++row) {
      quantile_atoms<float>(rollout.critic_outputs.row(row), atoms_);
      for (std::size_t i = 0; i < k; ++i) distorted += weights_[i] * static_cast<double>(atoms_[i]);
      plain += static_cast<double>(rollout.critic_outputs(row, 0));
      if (keep) continue;
      advantages[row] = static_cast<float>(influence_->advantage<float>(atoms_, rollout.targets.row(row), utilities_));
    }
    distorted_ = distorted / static_cast<double>(rows);
    plain_ = plain / static_cast<double>(rows);
  }

  /// 0: the risk is in the advantages.
  template <std::floating_point S>
  double loss(const BasicMinibatchView<S>&, const BasicLossGradient<S>&) const noexcept {
    return 0.0;
  }
  /// Writes `risk/distorted_value` and `risk/value`, means over the states of the last rollout.
  void record(Logger& logger) const {
    logger.record("risk/distorted_value", distorted_);
    logger.record("risk/value", plain_);
  }

  /// Mean of rho_G over the states of the last rollout, in the units of the (scaled) rewards.
  double distorted_value() const noexcept { return distorted_; }

  /// Enough of the distortion to recognise it: nothing else is kept.
  void save_state(StateWriter& writer) const { writer.write(distortion_.fingerprint()); }
  /// @throws CheckpointError  foreign bytes, or of another distortion.
  void load_state(StateReader& reader) {
    if (reader.read_vector<double>() != distortion_.fingerprint()) {
      throw CheckpointError(
          "state of a DistortedAdvantage: it was saved with another distortion; construct it as the run that was saved did");
    }
  }

 private:
  risk::Distortion distortion_;
  std::optional<risk::Influence> influence_;
  std::vector<double> weights_, utilities_;
  std::vector<float> atoms_;
  double distorted_ = 0.0, plain_ = 0.0;
};

/// As programs use it. @see BasicDistortedAdvantage
using DistortedAdvantage = BasicDistortedAdvantage<double>;

static_assert(RiskObjective<DistortedAdvantage>);

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_DISTORTED_ADVANTAGE_HPP
