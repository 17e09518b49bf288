// SPDX-License-Identifier: MIT
/// @file
/// @brief A critic that learns the distribution of the return: K quantiles that cannot cross.
///
/// The network's output "value" has K raw columns (`MlpSpec::value` = K). Their atoms are
/// theta_i = z_1 + c_i - mean(c) with c_1 = 0 and c_i = sum of softplus(z_j) over 2 <= j <= i, at levels (i - 0.5) / K; their
/// mean is z_1, which is the value that advantages, bootstraps and logs use.
#ifndef RLX_RL_QUANTILE_CRITIC_HPP
#define RLX_RL_QUANTILE_CRITIC_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/state.hpp>
#include <rlx/nn/detail/simd.hpp>
#include <rlx/rl/critic.hpp>
#include <rlx/rl/detail/quantile_head.hpp>
#include <rlx/rl/losses.hpp>
#include <rlx/rl/rollout.hpp>

namespace rlx::inline v0_1 {

/// Atoms of the raw outputs of a quantile head, ascending, with mean z_1. K = 3, increments (1, 3), z_1 = 1: (-2/3, 1/3, 10/3).
/// @param outputs  K >= 1 raw numbers. @param atoms  K. @throws ShapeError. @par Complexity O(K), no allocation
template <std::floating_point S>
void quantile_atoms(std::span<const S> outputs, std::type_identity_t<std::span<S>> atoms) {
  if (outputs.empty() || atoms.size() != outputs.size()) {
    throw ShapeError("quantile_atoms: " + std::to_string(outputs.size()) + " outputs and room for " +
                     std::to_string(atoms.size()) + " atoms; expected at least one, and as much room");
  }
  detail::quantile_head(outputs, atoms, std::span<S>());
}

/// How many steps of real rewards stand in a target before the atoms of the state reached do.
enum class QuantileTarget : std::uint8_t {
  one_step,       ///< 1
  n_step,         ///< QuantileCriticConfig::n_steps
  lambda_mixture  ///< drawn for each atom: 1, and one more with probability gae_lambda, again and again
};

/// Settings of a `QuantileCritic`.
struct QuantileCriticConfig {
  std::size_t atoms = 32;                     ///< K, in [2, 512]
  double kappa_relative = 0.1;                ///< threshold of the Huber loss as a share of the sd of the rollout's targets
  std::optional<double> kappa_absolute = {};  ///< instead, in the units of the (scaled) rewards; 0: the quantile loss itself
  Reduction reduction = Reduction::mean;      ///< mean: the size of the loss does not depend on K
  QuantileTarget target = QuantileTarget::lambda_mixture;  ///< how far targets look ahead
  std::size_t n_steps = 1;                                 ///< of QuantileTarget::n_step, at least 1
};

/**
 * @brief Quantile regression of the return's whole distribution (Dabney et al. 2018) as a `Critic`.
 *
 * Targets of step t: y_j = R_{t:t+n} + gamma^n theta_j(s_{t+n}), j = 1..K, n as `QuantileTarget` says. n stops at a termination
 * (nothing is added), at a truncation (atoms of the episode's last observation) and at the edge of the rollout (atoms of the
 * last observation). With `lambda_mixture` each atom draws its own n from stream (seed, critic_target, environment, step), so
 * that a target is a sample of the mixture of the n-step distributions and keeps its spread; atoms of different n are never
 * averaged. Rewards are the scaled ones.
 *
 * Not with `normalize_value` or `clip_range_vf` (ConfigError): increments cannot be rescaled or clipped exactly; use
 * `normalize_reward`. Every sum has a fixed order, so results do not depend on threads. After the first rollout nothing is
 * allocated. Nothing is kept from one update to the next; the saved state is the configuration, which a load compares.
 * @par Source Dabney et al. 2018, "Distributional reinforcement learning with quantile regression"; Nam, Kim & Park 2021,
 *      "GMAC: a distributional perspective on actor-critic framework" (mixtures)
 *
 * Called QuantileCritic. @tparam Number  double; a parameter so that a program compiles only what it uses
 */
template <class Number>
class BasicQuantileCritic {
 public:
  /// @throws ConfigError naming field and range
  explicit BasicQuantileCritic(const QuantileCriticConfig& config = {}) : config_(config) {
    detail::check_atoms("QuantileCriticConfig", config.atoms);
    detail::check_kappa("QuantileCriticConfig", "kappa_relative", config.kappa_relative);
    if (config.kappa_absolute) detail::check_kappa("QuantileCriticConfig", "kappa_absolute", *config.kappa_absolute);
    if (config.n_steps == 0) throw ConfigError("QuantileCriticConfig.n_steps = 0; it must be at least 1");
    kappa_ = config.kappa_absolute.value_or(0.0);
  }

  /// As given.
  const QuantileCriticConfig& config() const noexcept { return config_; }
  /// K, as `Critic` asks.
  std::size_t outputs() const noexcept { return config_.atoms; }
  /// z_1, the mean of the atoms.
  float value(CriticRow out) const { return out[0]; }
  /// K, as `Critic` asks.
  std::size_t target_width() const noexcept { return config_.atoms; }
  /// @param row  K raw outputs. @param out  K atoms, ascending. @throws ShapeError
  void atoms(CriticRow row, std::span<float> out) const { quantile_atoms(row, out); }
  /// Threshold of the Huber loss since the last `prepare`, in the units of the (scaled) rewards.
  double kappa() const noexcept { return kappa_; }

  /// What of a learner's configuration does not go with quantiles; learners ask when they are made.
  /// @throws ConfigError
  template <class Config>
  void check(const Config& config, const std::string& learner) const {
    if constexpr (requires { config.clip_range_vf; }) {
      if (config.clip_range_vf) {
        throw ConfigError(learner +
                          "Config.clip_range_vf is set; a QuantileCritic cannot clip its increments exactly: leave it empty");
      }
    }
    if (config.normalize_value) {
      throw ConfigError(learner +
                        "Config.normalize_value = true; the increments of a QuantileCritic cannot be rescaled exactly: use "
                        "normalize_reward");
    }
  }

  /// Writes the targets and sets kappa. Only one thread may call it, and not during `loss`: what it keeps for the update
  /// (kappa) and for speed (scratch) is all that changes.
  /// @param rollout  with outputs of width K. @param targets  [T N][K].
  /// @throws ShapeError, NumericError naming step and environment. @par Complexity O(T N K)
  void prepare(const RolloutView& rollout, std::span<float> targets) const {
    const std::size_t steps = rollout.n_steps, envs = rollout.num_envs, k = config_.atoms;
    if (targets.size() != steps * envs * k || rollout.critic_outputs.cols() != k) {
      throw ShapeError("QuantileCritic::prepare: room for " + std::to_string(targets.size()) +
                       " targets and outputs of width " + std::to_string(rollout.critic_outputs.cols()) + ", expected " +
                       std::to_string(steps * envs * k) + " and " + std::to_string(k));
    }
    // The targets' own rows hold the atoms first: row t needs those of later rows only, so ascending t may overwrite them.
    const auto row = [&](std::size_t t, std::size_t n) { return targets.subspan((t * envs + n) * k, k); };
    for (std::size_t i = 0; i < steps * envs; ++i) atoms(rollout.critic_outputs.row(i), targets.subspan(i * k, k));
    discounts_.resize(steps + 1);
    discounts_[0] = 1.0;
    for (std::size_t n = 1; n <= steps; ++n) discounts_[n] = discounts_[n - 1] * rollout.gamma;
    togo_.resize(steps + 1);
    boundary_.resize(k);
    for (std::size_t n = 0; n < envs; ++n) {
      std::size_t begin = 0;
      while (begin < steps) {
        std::size_t end = begin;  // one behind the segment: the rest of an episode, or of the rollout
        bool ended = false;
        while (end < steps && !ended) {
          ended = rollout.terminated[end * envs + n] != 0 || rollout.truncated[end * envs + n] != 0;
          ++end;
        }
        const std::size_t last = (end - 1) * envs + n;
        const bool terminated = rollout.terminated[last] != 0;
        if (!terminated) {
          atoms(ended ? rollout.final_critic_outputs.row(last) : rollout.last_critic_outputs.row(n), boundary_);
        } else {
          std::fill(boundary_.begin(), boundary_.end(), 0.0F);
        }
        // Discounted sums from t to the segment's end: those of n steps are differences of two, without division.
        togo_[end] = 0.0;
        for (std::size_t t = end; t-- > begin;) {
          togo_[t] = static_cast<double>(rollout.scaled_rewards[t * envs + n]) + rollout.gamma * togo_[t + 1];
        }
        for (std::size_t t = begin; t < end; ++t) {
          const std::span<float> y = row(t, n);
          draw_steps(rollout, t, n, end - t);
          for (std::size_t j = 0; j < k; ++j) {
            const std::size_t ahead = steps_[j], at = t + ahead;
            const float reached = at == end ? boundary_[j] : row(at, n)[j];
            y[j] = static_cast<float>(togo_[t] + discounts_[ahead] * (static_cast<double>(reached) - togo_[at]));
          }
        }
        begin = end;
      }
    }
    if (const std::size_t bad = first_non_finite(std::span<const float>(targets)); bad != targets.size()) {
      throw NumericError("QuantileCritic: target " + std::to_string(bad % k) + " of step " + std::to_string(bad / k / envs) +
                             " is not finite; look at rewards and outputs, or set normalize_reward",
                         "targets", bad / k / envs, bad / k % envs);
    }
    kappa_ = config_.kappa_absolute.value_or(config_.kappa_relative * deviation(targets));
  }

  /// The share of these rows in the mean over the minibatch of the quantile Huber loss; adds its derivative with respect to the
  /// raw outputs. Several threads may call it at once.
  template <std::floating_point S>
  double loss(const BasicCriticBatch<S>& batch, std::type_identity_t<std::span<S>> d_outputs) const {
    const std::size_t k = config_.atoms;
    const S share = S{1} / static_cast<S>(batch.batch_rows);
    std::array<S, detail::max_atoms> theta, slopes, d_theta;
    const std::span<S> atom(theta.data(), k), slope(slopes.data(), k), d_atom(d_theta.data(), k);
    double sum = 0.0;
    for (std::size_t i = 0; i < batch.outputs.rows(); ++i) {
      detail::quantile_head<S>(batch.outputs.row(i), atom, slope);
      sum += quantile_huber<S>(atom, batch.targets.row(i), static_cast<S>(kappa_), config_.reduction, d_atom);
      detail::quantile_head_backward<S>(slope, d_atom, share, d_outputs.subspan(i * k, k));
    }
    return sum / static_cast<double>(batch.batch_rows);
  }

  /// The configuration, to be recognised by `load_state`.
  void save_state(StateWriter& writer) const { writer.write(fingerprint()); }
  /// @throws CheckpointError  foreign bytes, or of another configuration.
  void load_state(StateReader& reader) {
    if (reader.read<std::array<double, 6>>() != fingerprint()) {
      throw CheckpointError(
          "state of a QuantileCritic: it was saved with another configuration; construct it as the run that was saved did");
    }
  }

 private:
  std::array<double, 6> fingerprint() const {
    return {static_cast<double>(config_.atoms),    config_.kappa_relative,
            config_.kappa_absolute.value_or(-1.0), static_cast<double>(config_.reduction),
            static_cast<double>(config_.target),   static_cast<double>(config_.n_steps)};
  }

  /// How many steps each atom looks ahead of step t, at most `room`, which is at least 1.
  void draw_steps(const RolloutView& rollout, std::size_t t, std::size_t n, std::size_t room) const {
    steps_.resize(config_.atoms);
    const double lambda = rollout.gae_lambda;
    if (config_.target != QuantileTarget::lambda_mixture || room == 1 || lambda <= 0.0 || lambda >= 1.0) {
      const std::size_t wanted = config_.target == QuantileTarget::one_step ? 1
                                 : config_.target == QuantileTarget::n_step ? config_.n_steps
                                 : lambda >= 1.0                            ? room
                                                                            : 1;
      std::fill(steps_.begin(), steps_.end(), std::min(wanted, room));
      return;
    }
    RandomStream random(
        {rollout.seed, Purpose::critic_target, static_cast<std::uint32_t>(n), rollout.update * rollout.n_steps + t});
    const float inverse = static_cast<float>(1.0 / std::log(lambda));
    const auto most = static_cast<float>(room - 1);
    constexpr std::size_t width = nn::detail::lanes<float>;
    std::array<float, detail::max_atoms + width> logs;
    const std::size_t k = config_.atoms, padded = (k + width - 1) / width * width;
    for (std::size_t j = 0; j < k; ++j) logs[j] = 1.0F - random.uniform<float>();
    std::fill(logs.begin() + static_cast<std::ptrdiff_t>(k), logs.begin() + static_cast<std::ptrdiff_t>(padded), 1.0F);
    for (std::size_t j = 0; j < padded; j += width)
      nn::detail::store<float>(logs.data() + j, detail::log_lanes(nn::detail::load<float>(logs.data() + j)));
    for (std::size_t j = 0; j < k; ++j)  // P(more than m) = lambda^m
      steps_[j] = 1 + static_cast<std::size_t>(std::min(std::max(logs[j] * inverse, 0.0F), most));
  }

  static double deviation(std::span<const float> x) {
    // Eight sums side by side, since each addition to one sum waits for the one before.
    const auto mean_of = [&](auto&& term) {
      std::array<double, 8> sums{};
      const std::size_t whole = x.size() / 8 * 8;
      for (std::size_t i = 0; i < whole; i += 8)
        for (std::size_t j = 0; j < 8; ++j) sums[j] += term(static_cast<double>(x[i + j]));
      for (std::size_t i = whole; i < x.size(); ++i) sums[i - whole] += term(static_cast<double>(x[i]));
      return ((sums[0] + sums[1]) + (sums[2] + sums[3]) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))) /
             static_cast<double>(std::max<std::size_t>(x.size(), 1));
    };
    const double mean = mean_of([](double value) { return value; });
    return std::sqrt(mean_of([mean](double value) { return (value - mean) * (value - mean); }));
  }

  QuantileCriticConfig config_;
  // `prepare` is const in the concept; what it computes for the update that follows is not the critic's own state.
  mutable double kappa_ = 0.0;
  mutable std::vector<double> togo_, discounts_;
  mutable std::vector<float> boundary_;
  mutable std::vector<std::size_t> steps_;
};

/// As programs use it. @see BasicQuantileCritic
using QuantileCritic = BasicQuantileCritic<double>;

static_assert(Critic<QuantileCritic>);

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_QUANTILE_CRITIC_HPP
