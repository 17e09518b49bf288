// SPDX-License-Identifier: MIT
/// @file
/// @brief Risk at execution time: the distribution of the return of every action, and policies tilted or vetoed by its risk.
#ifndef RLX_RL_QUANTILE_Q_HPP
#define RLX_RL_QUANTILE_Q_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/state.hpp>
#include <rlx/nn/adam.hpp>
#include <rlx/nn/grad_norm.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/graph_builder.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/parameter_store.hpp>
#include <rlx/risk/distortion.hpp>
#include <rlx/rl/detail/quantile_head.hpp>
#include <rlx/rl/losses.hpp>
#include <rlx/rl/quantile_critic.hpp>

namespace rlx::inline v0_1 {

/// Sizes and training of a `QuantileQ`.
struct QuantileQConfig {
  std::size_t observation = 0;                 ///< floats of an observation, at least 1
  std::size_t actions = 0;                     ///< A, at least 1
  std::size_t atoms = 32;                      ///< K of each action, in [2, 512]
  std::vector<std::size_t> hidden = {64, 64};  ///< widths of the tanh layers
  double gamma = 0.99;                         ///< in [0, 1]
  double kappa_relative = 0.1;                 ///< threshold of the Huber loss as a share of the sd of the batch's targets
  std::optional<double> kappa_absolute = {};   ///< instead, in the units of the rewards; 0: the quantile loss itself
  Reduction reduction = Reduction::mean;       ///< mean: the size of the loss does not depend on K
  double learning_rate = 1e-3;                 ///< of Adam, > 0
  double max_grad_norm = 10.0;                 ///< > 0
  std::size_t max_batch = 256;                 ///< most rows of an update, at least 1
  std::uint64_t seed = 0;                      ///< of the initial parameters
};

/// Steps of one policy, B rows in any order. Where an episode was truncated, `next_observations` holds its last observation and
/// `next_actions` what the policy would do there.
struct QuantileQBatch {
  MatrixView<const float> observations;        ///< [B][D]
  std::span<const std::int32_t> actions;       ///< [B], taken, in [0, A)
  std::span<const float> rewards;              ///< [B], of those actions
  std::span<const std::uint8_t> terminated;    ///< [B]; non-zero: nothing follows
  MatrixView<const float> next_observations;   ///< [B][D]; not used where terminated, but finite
  std::span<const std::int32_t> next_actions;  ///< not read where terminated
};

/**
 * @brief Distribution of the return after (s, a) under the policy that made the data: A times K atoms, none of which cross.
 *
 * Targets y_j = r + gamma (1 - terminated) theta_j(s', a') with the action a' that was taken next, the loss of
 * `QuantileCritic`. One thread; the same bytes for the same seed and batches. Nothing is allocated after construction. Const
 * members may run on several threads, each with a workspace of its own.
 *
 * Called QuantileQ. @tparam S  float; a parameter so that a program compiles only what it uses
 */
template <class S>
class BasicQuantileQ {
 public:
  /// Scratch of one thread.
  using Workspace = nn::Workspace<S>;

  /// @throws ConfigError naming field and range
  explicit BasicQuantileQ(const QuantileQConfig& config)
      : config_(check(config)),
        graph_(nn::Graph<S>::build(spec(config_), store_)),
        adam_(store_),
        workspace_(graph_.make_workspace(config_.max_batch)),
        targets_(config_.max_batch * config_.atoms) {
    nn::initialize(store_, spec(config_), nn::Initialization::orthogonal, config_.seed);
  }

  /// As given.
  const QuantileQConfig& config() const noexcept { return config_; }
  /// @{ Parameters of the network; what is written there counts from the next call on.
  const nn::ParameterStore<S>& parameters() const noexcept { return store_; }
  nn::ParameterStore<S>& parameters() noexcept { return store_; }
  /// @}
  /// Scratch for one thread. Allocates.
  Workspace make_workspace() const { return graph_.make_workspace(1, false); }

  /// One step of Adam on the batch. @return the loss before it
  /// @throws ShapeError (sizes, actions), NumericError if loss or gradient is not finite: the parameters are those before
  double update(const QuantileQBatch& batch) {
    check(batch);
    if (const std::size_t bad = first_non_finite(batch.rewards); bad != batch.rewards.size())
      throw NumericError("QuantileQ::update: rewards[" + std::to_string(bad) + "] is not finite", "rewards", adam_.steps());
    const std::size_t n = batch.observations.rows(), k = config_.atoms;
    graph_.forward(std::as_const(store_).parameters(), batch.next_observations, workspace_);
    const std::span<float> targets = std::span(targets_).first(n * k);
    for (std::size_t i = 0; i < n; ++i) {
      const std::span<float> y = targets.subspan(i * k, k);
      if (batch.terminated[i] != 0) {
        std::fill(y.begin(), y.end(), batch.rewards[i]);
        continue;
      }
      atoms_of(std::as_const(workspace_).output(0).row(i), batch.next_actions[i], y);
      for (float& x : y) x = batch.rewards[i] + static_cast<float>(config_.gamma) * x;
    }
    const float kappa = static_cast<float>(config_.kappa_absolute.value_or(config_.kappa_relative * deviation(targets)));

    graph_.forward(std::as_const(store_).parameters(), batch.observations, workspace_);
    const MatrixView<const float> outputs = std::as_const(workspace_).output(0);
    const MatrixView<float> d_outputs = workspace_.output_gradient(0);
    std::array<float, detail::max_atoms> theta, slopes, d_theta;
    const std::span<float> atom(theta.data(), k), slope(slopes.data(), k), d_atom(d_theta.data(), k);
    const float share = 1.0F / static_cast<float>(n);
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t at = static_cast<std::size_t>(batch.actions[i]) * k;
      const std::span<float> d_row = d_outputs.row(i);
      std::fill(d_row.begin(), d_row.end(), 0.0F);
      detail::quantile_head<float>(outputs.row(i).subspan(at, k), atom, slope);
      sum += quantile_huber<float>(atom, targets.subspan(i * k, k), kappa, config_.reduction, d_atom);
      detail::quantile_head_backward<float>(slope, d_atom, share, d_row.subspan(at, k));
    }
    std::fill(store_.gradients().begin(), store_.gradients().end(), 0.0F);
    graph_.backward(std::as_const(store_).parameters(), store_.gradients(), workspace_);
    const double norm = nn::grad_norm(store_.gradients());
    if (!is_finite(sum) || !is_finite(norm)) {
      throw NumericError("QuantileQ::update: loss or gradient is not finite at step " + std::to_string(adam_.steps()) +
                             "; the parameters are those before it; look at the rewards or lower learning_rate",
                         "q", adam_.steps());
    }
    adam_.step(store_, config_.learning_rate, nn::clip_factor(norm, config_.max_grad_norm));
    return sum / static_cast<double>(n);
  }

  /// K ascending atoms of the return after one action. @throws ShapeError
  void atoms(std::span<const float> observation, std::int32_t action, std::span<float> out, Workspace& workspace) const {
    require(out.size() == config_.atoms && is_action(action), "atoms: an action or room for atoms", "A and K");
    atoms_of(forward(observation, workspace), action, out);
  }

  /// rho of every action, valid or not: `weights` (K, of `risk::Distortion::weights`) times its atoms; `rho` has room for A.
  /// @throws ShapeError
  void risk(std::span<const float> observation, std::span<const double> weights, std::span<double> rho,
            Workspace& workspace) const {
    require(weights.size() == config_.atoms && rho.size() == config_.actions, "risk: weights or room for rho", "K and A");
    const std::span<const float> outputs = forward(observation, workspace);
    std::array<float, detail::max_atoms> theta;
    const std::span<float> atom(theta.data(), config_.atoms);
    for (std::size_t a = 0; a < config_.actions; ++a) {
      atoms_of(outputs, static_cast<std::int32_t>(a), atom);
      rho[a] = 0.0;
      for (std::size_t i = 0; i < atom.size(); ++i) rho[a] += weights[i] * static_cast<double>(atom[i]);
    }
  }

  /// Parameters and optimiser; `load_state` throws CheckpointError for bytes of another size, then nothing changes.
  void save_state(StateWriter& out) const {
    out.write(adam_.steps());
    out.write(store_.parameters());
    out.write(adam_.first_moment());
    out.write(adam_.second_moment());
  }
  /// The inverse of `save_state`. @throws CheckpointError
  void load_state(StateReader& in) {
    const auto steps = in.read<std::uint64_t>();
    std::vector<float> numbers(3 * store_.parameters().size());
    const std::size_t n = store_.parameters().size();
    for (std::size_t part = 0; part < 3; ++part) in.read_into(std::span(numbers).subspan(part * n, n));
    const auto copy = [&](std::size_t part, std::span<float> to) {
      std::copy_n(numbers.begin() + static_cast<std::ptrdiff_t>(part * n), n, to.begin());
    };
    copy(0, store_.parameters());
    copy(1, adam_.first_moment());
    copy(2, adam_.second_moment());
    adam_.set_steps(steps);
  }

 private:
  static const QuantileQConfig& check(const QuantileQConfig& config) {
    const auto positive = [](const char* field, std::size_t value) {
      if (value == 0) throw ConfigError("QuantileQConfig." + std::string(field) + " = 0; it must be at least 1");
    };
    positive("observation", config.observation);
    positive("actions", config.actions);
    positive("max_batch", config.max_batch);
    for (const std::size_t width : config.hidden) positive("hidden", width);
    detail::check_atoms("QuantileQConfig", config.atoms);
    detail::check_kappa("QuantileQConfig", "kappa_relative", config.kappa_relative);
    if (config.kappa_absolute) detail::check_kappa("QuantileQConfig", "kappa_absolute", *config.kappa_absolute);
    if (!is_finite(config.gamma) || config.gamma < 0.0 || config.gamma > 1.0)
      throw ConfigError("QuantileQConfig.gamma = " + std::to_string(config.gamma) + "; it must lie in [0, 1]");
    for (const auto& [field, value] :
         {std::pair{"learning_rate", config.learning_rate}, {"max_grad_norm", config.max_grad_norm}}) {
      if (!is_finite(value) || value <= 0.0) {
        throw ConfigError("QuantileQConfig." + std::string(field) + " = " + std::to_string(value) +
                          "; it must be above 0 and finite");
      }
    }
    return config;
  }
  static nn::GraphSpec spec(const QuantileQConfig& config) {
    nn::GraphBuilder graph;
    auto x = graph.input(config.observation);
    graph.group("critic");
    for (const std::size_t width : config.hidden) x = x.linear(width).tanh();
    graph.output("q", x.linear(config.actions * config.atoms, {.gain = 1.0}));
    return graph.spec();
  }
  bool is_action(std::int32_t action) const { return action >= 0 && static_cast<std::size_t>(action) < config_.actions; }
  void require(bool fits, const char* what, const char* expected) const {
    if (fits) return;
    throw ShapeError("QuantileQ::" + std::string(what) + " does not fit, expected " + expected +
                     " with A = " + std::to_string(config_.actions) + ", K = " + std::to_string(config_.atoms) +
                     ", D = " + std::to_string(config_.observation));
  }
  void check(const QuantileQBatch& batch) const {
    const std::size_t n = batch.observations.rows();
    require(n >= 1 && n <= config_.max_batch, "update: the number of rows", "1 to max_batch");
    require(batch.observations.cols() == config_.observation && batch.next_observations.cols() == config_.observation &&
                batch.next_observations.rows() == n,
            "update: observations", "[B][D]");
    require(batch.actions.size() == n && batch.rewards.size() == n && batch.terminated.size() == n &&
                batch.next_actions.size() == n,
            "update: a column", "B entries");
    for (std::size_t i = 0; i < n; ++i) {
      require(is_action(batch.actions[i]) && (batch.terminated[i] != 0 || is_action(batch.next_actions[i])),
              "update: an action", "0 to A - 1");
    }
  }
  std::span<const float> forward(std::span<const float> observation, Workspace& workspace) const {
    require(observation.size() == config_.observation, "observation", "D floats");
    graph_.forward(store_.parameters(), MatrixView<const float>(observation.data(), 1, observation.size()), workspace);
    return std::as_const(workspace).output(0).row(0);
  }
  void atoms_of(std::span<const float> outputs, std::int32_t action, std::span<float> out) const {
    quantile_atoms<float>(outputs.subspan(static_cast<std::size_t>(action) * config_.atoms, config_.atoms), out);
  }
  static double deviation(std::span<const float> x) {
    double mean = 0.0, squares = 0.0;
    for (const float value : x) mean += static_cast<double>(value);
    mean /= static_cast<double>(x.size());
    for (const float value : x) squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
    return std::sqrt(squares / static_cast<double>(x.size()));
  }

  QuantileQConfig config_;
  nn::ParameterStore<S> store_;
  nn::Graph<S> graph_;
  nn::BasicAdam<S> adam_;
  Workspace workspace_;
  std::vector<float> targets_;
};

/// As programs use it. @see BasicQuantileQ
using QuantileQ = BasicQuantileQ<float>;

namespace detail {

/// @throws ShapeError, NumericError
inline void check_risks(const char* who, std::size_t actions, std::span<const std::uint8_t> mask, std::span<const double> rho,
                        std::size_t room) {
  if (rho.size() != actions || room != actions || (!mask.empty() && mask.size() != actions)) {
    throw ShapeError(std::string(who) + ": " + std::to_string(rho.size()) + " risks, a mask of " + std::to_string(mask.size()) +
                     " and room for " + std::to_string(room) + ", expected " + std::to_string(actions) + " each");
  }
  for (std::size_t a = 0; a < actions; ++a) {
    if ((mask.empty() || mask[a] != 0) && !is_finite(rho[a]))
      throw NumericError(std::string(who) + ": rho[" + std::to_string(a) + "] is not finite", "rho");
  }
}
/// Valid action of the greatest rho, the lowest on ties. @throws NumericError if none is valid
inline std::size_t least_risk(const char* who, std::span<const std::uint8_t> mask, std::span<const double> rho) {
  std::size_t best = rho.size();
  for (std::size_t a = 0; a < rho.size(); ++a) {
    if ((mask.empty() || mask[a] != 0) && (best == rho.size() || rho[a] > rho[best])) best = a;
  }
  if (best == rho.size()) throw NumericError(std::string(who) + ": no action is valid, expected at least one", "mask");
  return best;
}

}  // namespace detail

/// pi'(a) proportional to pi(a) exp(kappa (rho_a - max rho)) on valid actions. The result is again a row of logits, so that
/// `nn::categorical` draws from pi' and gives its exact log-probability for the log.
struct RiskTilt {
  double kappa = 1.0;  ///< per unit of rho, >= 0; 0 leaves the policy as it is

  /// @param logits  of pi, A. @param mask  A, or empty: all valid. @param rho  A; those of invalid actions are not read
  /// @param out  A, may be `logits` themselves; invalid entries are copied
  /// @throws ConfigError (kappa), ShapeError, NumericError. @par Complexity O(A), no allocation
  void apply(std::span<const float> logits, std::span<const std::uint8_t> mask, std::span<const double> rho,
             std::span<float> out) const {
    detail::check_kappa("RiskTilt", "kappa", kappa);
    detail::check_risks("RiskTilt", logits.size(), mask, rho, out.size());
    const double best = rho[detail::least_risk("RiskTilt", mask, rho)];
    for (std::size_t a = 0; a < logits.size(); ++a) {
      const bool valid = mask.empty() || mask[a] != 0;
      out[a] = valid ? static_cast<float>(static_cast<double>(logits[a]) + kappa * (rho[a] - best)) : logits[a];
    }
  }
};

/// Makes invalid what has rho below a floor; if nothing remains, the valid action with the greatest rho stays. The result is a
/// mask, so that `nn::categorical` draws from the policy that is left and gives its exact log-probability.
struct RiskVeto {
  double floor = 0.0;  ///< in the units of rho, finite

  /// @param mask  A, or empty: all valid. @param rho  A; those of invalid actions are not read. @param out  A
  /// @return how many valid actions were vetoed. @throws ConfigError (floor), ShapeError, NumericError. @par Complexity O(A)
  std::size_t apply(std::span<const std::uint8_t> mask, std::span<const double> rho, std::span<std::uint8_t> out) const {
    if (!is_finite(floor)) throw ConfigError("RiskVeto.floor is not finite; it must be a number in the units of rho");
    detail::check_risks("RiskVeto", rho.size(), mask, rho, out.size());
    const std::size_t best = detail::least_risk("RiskVeto", mask, rho);
    std::size_t vetoed = 0;
    for (std::size_t a = 0; a < rho.size(); ++a) {
      const bool valid = mask.empty() || mask[a] != 0;
      const bool stays = valid && (rho[a] >= floor || (a == best && rho[best] < floor));
      vetoed += valid && !stays ? 1U : 0U;
      out[a] = stays ? 1 : 0;
    }
    return vetoed;
  }
};

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_QUANTILE_Q_HPP
