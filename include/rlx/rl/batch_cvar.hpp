// SPDX-License-Identifier: MIT
/// @file
/// @brief Pathwise loss of a differentiable portfolio policy: mean, Sharpe ratio, entropy and the CVaR of a whole batch.
#ifndef RLX_RL_BATCH_CVAR_HPP
#define RLX_RL_BATCH_CVAR_HPP

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/risk/tail.hpp>

namespace rlx::inline v0_1 {

/// Weights of the parts of `PortfolioLoss`.
struct PortfolioLossConfig {
  risk::TailMass tail{0.05};    ///< alpha of the CVaR
  double cvar_weight = 0.0;     ///< w >= 0
  double sharpe_weight = 0.0;   ///< s_w >= 0; of the ratio per period, not annualised
  double entropy_weight = 0.0;  ///< e >= 0; a bonus, in nats
};

/**
 * @brief L = -(mean p + s_w S) - e H + w cvar(p) of outcomes p_i of a policy, i = 1..n.
 *
 * S = mean / sd (n - 1); H the mean over samples of the entropy of |weights| / sum |weights|; cvar that of `risk::tail`, a loss
 * with its fractional tail.
 *
 * Two passes, so that mean, Sharpe ratio and CVaR are those of all n outcomes whatever the size of a chunk: first run the
 * policy over all chunks and keep p and H, then ask `outcomes` for L and dL/dp, then run each chunk again and push dL/dp_i and
 * what `entropy` adds through it.
 * @code
 * for (chunk : chunks) forward(chunk, p, entropies);           // entropies[i] = loss.entropy(weights_i)
 * const auto value = loss.outcomes(p, d_p);                    // value.total - e * mean(entropies) is L
 * for (chunk : chunks) backward(chunk, d_p, d_weights);        // loss.entropy(weights_i, n, d_weights_i) adds the bonus
 * @endcode
 * Sums run in the order of i; one thread.
 *
 * Called PortfolioLoss. @tparam Number  double; a parameter so that a program compiles only what it uses
 */
template <class Number>
class BasicPortfolioLoss {
 public:
  /// Parts of the loss; `total` is their weighted sum without the entropy.
  struct Value {
    double total = 0.0;   ///< -(mean + s_w sharpe) + w cvar
    double mean = 0.0;    ///< of the outcomes
    double sharpe = 0.0;  ///< 0 with sharpe_weight = 0
    double cvar = 0.0;    ///< as a loss
  };

  /// @throws ConfigError naming field and range
  explicit BasicPortfolioLoss(const PortfolioLossConfig& config) : config_(config) {
    if (!is_finite(config.tail.alpha) || config.tail.alpha <= 0.0 || config.tail.alpha > 1.0)
      throw ConfigError("PortfolioLossConfig.tail = " + std::to_string(config.tail.alpha) + "; it must lie in (0, 1]");
    check("cvar_weight", config.cvar_weight);
    check("sharpe_weight", config.sharpe_weight);
    check("entropy_weight", config.entropy_weight);
  }

  /// As given.
  const PortfolioLossConfig& config() const noexcept { return config_; }
  /// Fewest outcomes of a batch: ceil(10 / alpha), so that ten of them are in the tail; at least 2.
  std::size_t fewest() const {
    const double k = 10.0 / config_.tail.alpha;
    return static_cast<std::size_t>(std::ceil(k - 1e-9 * k));
  }

  /// Value of the loss but for its entropy, and dL/dp. @param p  n >= fewest() outcomes. @param d_p  n, written
  /// @throws ConfigError (too few), ShapeError, NumericError if one is not finite, or if they do not vary and the Sharpe ratio
  ///         has a weight. @par Complexity O(n) on average, allocates scratch
  Value outcomes(std::span<const double> p, std::span<double> d_p) const {
    if (p.size() < fewest()) {
      throw ConfigError("PortfolioLoss: " + std::to_string(p.size()) + " outcomes, expected at least " +
                        std::to_string(fewest()) + " = ceil(10 / alpha): add samples to the batch or raise alpha");
    }
    if (d_p.size() != p.size()) {
      throw ShapeError("PortfolioLoss: room for " + std::to_string(d_p.size()) + " derivatives, expected " +
                       std::to_string(p.size()));
    }
    Value value;
    value.cvar = risk::tail(p, config_.tail).cvar;  // checks that all are finite
    risk::tail_weights(p, config_.tail, d_p);
    const double n = static_cast<double>(p.size());
    for (const double x : p) value.mean += x;
    value.mean /= n;
    double d_mean_part = 0.0, d_deviation_part = 0.0;  // dS/dp_i = d_mean_part - (p_i - mean) d_deviation_part
    if (config_.sharpe_weight > 0.0) {
      double squares = 0.0;
      for (const double x : p) squares += (x - value.mean) * (x - value.mean);
      const double sd = std::sqrt(squares / (n - 1.0));
      if (!(sd > 1e-12 * std::abs(value.mean))) {  // what rounding leaves of equal outcomes
        throw NumericError("PortfolioLoss: all " + std::to_string(p.size()) +
                               " outcomes are equal, so that their Sharpe ratio is not defined; set sharpe_weight = 0",
                           "p");
      }
      value.sharpe = value.mean / sd;
      d_mean_part = 1.0 / (n * sd);
      d_deviation_part = value.mean / ((n - 1.0) * sd * sd * sd);
    }
    for (std::size_t i = 0; i < p.size(); ++i) {
      const double d_sharpe = d_mean_part - (p[i] - value.mean) * d_deviation_part;
      d_p[i] = -1.0 / n - config_.sharpe_weight * d_sharpe - config_.cvar_weight * d_p[i];
    }
    value.total = -(value.mean + config_.sharpe_weight * value.sharpe) + config_.cvar_weight * value.cvar;
    return value;
  }

  /// Entropy of |w| / sum |w| in nats, 0 if all weights are 0.
  template <std::floating_point S>
  double entropy(std::span<const S> weights) const {
    double sum = 0.0, terms = 0.0;
    for (const S w : weights) {
      const double size = std::abs(static_cast<double>(w));
      sum += size;
      if (size > 0.0) terms += size * std::log(size);
    }
    return sum > 0.0 ? std::log(sum) - terms / sum : 0.0;
  }

  /// The same, and adds d(-e H / n)/d(weights) of one of n samples to `d_weights`; weights of 0, where H has no derivative, get
  /// nothing. @throws ShapeError
  template <std::floating_point S>
  double entropy(std::span<const S> weights, std::size_t n, std::span<S> d_weights) const {
    if (d_weights.size() != weights.size()) {
      throw ShapeError("PortfolioLoss::entropy: room for " + std::to_string(d_weights.size()) + " derivatives, expected " +
                       std::to_string(weights.size()));
    }
    const double h = entropy(weights);
    double sum = 0.0;
    for (const S w : weights) sum += std::abs(static_cast<double>(w));
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double size = std::abs(static_cast<double>(weights[i]));
      if (!(size > 0.0)) continue;
      const double slope = (-std::log(size / sum) - h) / sum;  // dH/d|w_i|
      d_weights[i] -= static_cast<S>(config_.entropy_weight / static_cast<double>(n) * (weights[i] < S{0} ? -slope : slope));
    }
    return h;
  }

 private:
  static void check(const char* field, double value) {
    if (!is_finite(value) || value < 0.0) {
      throw ConfigError("PortfolioLossConfig." + std::string(field) + " = " + std::to_string(value) +
                        "; it must be finite and at least 0");
    }
  }

  PortfolioLossConfig config_;
};

/// As programs use it. @see BasicPortfolioLoss
using PortfolioLoss = BasicPortfolioLoss<double>;

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_BATCH_CVAR_HPP
