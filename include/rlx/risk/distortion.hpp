// SPDX-License-Identifier: MIT
/// @file
/// @brief Distortions of the distribution of outcomes: spectral risk measures and their influence functions.
#ifndef RLX_RISK_DISTORTION_HPP
#define RLX_RISK_DISTORTION_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/special_functions.hpp>
#include <rlx/risk/detail/checks.hpp>
#include <rlx/risk/tail.hpp>

namespace rlx::inline v0_1::risk {

/**
 * @brief A non-decreasing function G of [0, 1] onto itself, applied to the distribution function of OUTCOMES.
 *
 * Concave is averse: the measure, the integral of x dG(F(x)), then weighs the worst outcomes most. A mixture is itself a
 * distortion, and mixtures of mixtures are flattened, so copying one is cheap and evaluation does not recurse.
 * `mean + w * rho` is `mixture(w / (1 + w), mean, rho)` times 1 + w.
 * @par Source Wang 2000, "A class of distortion operators for pricing financial and insurance risks"; Acerbi 2002
 */
class Distortion {
 public:
  /// The identity: risk neutral.
  static Distortion mean() { return Distortion({Kind::mean, 0, 1}); }
  /// min(u / alpha, 1). @throws ConfigError for alpha outside (0, 1]
  static Distortion cvar(TailMass mass) {
    detail::check(mass);
    return Distortion({Kind::cvar, mass.alpha, 1});
  }
  /// The same by the number. @throws ConfigError for alpha outside (0, 1]
  static Distortion cvar(double alpha) { return cvar(TailMass{alpha}); }
  /// Phi(Phi^-1(u) + eta): mu - eta * sigma of a normal outcome. eta >= 0 is averse. @throws ConfigError if not finite
  static Distortion wang(double eta) {
    detail::require_argument(true, "Distortion::wang: eta", eta, "finite");
    return Distortion({Kind::wang, eta, 1});
  }
  /// eta >= 0: 1 - (1-u)^(1+eta), averse; eta < 0: u^(1+|eta|), seeking. @throws ConfigError if not finite
  static Distortion power(double eta) {
    detail::require_argument(true, "Distortion::power: eta", eta, "finite");
    return Distortion({Kind::power, eta, 1});
  }
  /// (1 - c) A(u) + c B(u) with c in [0, 1]. @throws ConfigError
  static Distortion mixture(double c, const Distortion& a, const Distortion& b) {
    detail::require_argument(c >= 0 && c <= 1, "Distortion::mixture: c", c, "in [0, 1]");
    Distortion result;
    result.append(1 - c, a);
    result.append(c, b);
    return result;
  }

  /// G(u). @param u in [0, 1]. @throws ConfigError
  double operator()(double u) const {
    detail::require_argument(u >= 0 && u <= 1, "Distortion: u", u, "in [0, 1]");
    double value = 0;
    for (const Component& one : components_) value += one.weight * evaluate(one, u);
    return std::min(value, 1.0);  // rounding of a mixture's weights
  }

  /// True if G is the identity, so that the measure is the mean.
  bool is_mean() const noexcept {
    return std::all_of(components_.begin(), components_.end(), [](const Component& one) {
      return one.kind == Kind::mean || (one.kind == Kind::cvar && one.parameter == 1) ||
             (one.kind != Kind::cvar && one.parameter == 0);
    });
  }

  /// Weights of K = `atoms` equal atoms in ascending order, into the K numbers of `out`: G(i/K) - G((i-1)/K). They sum to 1.
  /// @throws ConfigError for K < 2, ShapeError for out
  void weights(std::size_t atoms, std::span<double> out) const {
    require_atoms(atoms);
    if (out.size() != atoms) {
      throw ShapeError("Distortion::weights: room for " + std::to_string(out.size()) + " weights, expected " +
                       std::to_string(atoms));
    }
    double before = 0;
    for (std::size_t i = 0; i < atoms; ++i) {
      const double g = (*this)(static_cast<double>(i + 1) / static_cast<double>(atoms));
      out[i] = g - before;
      before = g;
    }
  }

  /// Utilities u(y) of outcomes y at a state with ascending atoms; see `Influence`. Makes its table on every call.
  void influence(std::span<const double> atoms, std::span<const double> y, std::span<double> out) const;

  /// Checks a number of atoms. @throws ConfigError below 2
  static void require_atoms(std::size_t atoms) {
    if (atoms < 2) throw ConfigError("Distortion: atoms must be at least 2, got " + std::to_string(atoms));
  }

  /// Memberwise: the same parts with the same weights in the same order.
  bool operator==(const Distortion&) const = default;

  /// Kind, parameter and weight of each part: distortions with the same numbers are the same, whatever their scale. Allocates
  std::vector<double> fingerprint() const {
    std::vector<double> numbers;
    for (const Component& one : components_) {
      numbers.insert(numbers.end(), {static_cast<double>(one.kind), one.parameter, one.weight});
    }
    return numbers;
  }

 private:
  enum class Kind : std::uint8_t { mean, cvar, wang, power };
  struct Component {
    Kind kind;
    double parameter;
    double weight;
    bool operator==(const Component&) const = default;
  };

  Distortion() = default;
  explicit Distortion(const Component& one) : components_{one} {}

  void append(double share, const Distortion& other) {
    if (share == 0) return;
    for (Component one : other.components_) {
      one.weight *= share;
      components_.push_back(one);
    }
  }

  static double evaluate(const Component& one, double u) {
    switch (one.kind) {
      case Kind::mean:
        return u;
      case Kind::cvar:
        return std::min(u / one.parameter, 1.0);
      case Kind::wang:
        return u <= 0 || u >= 1 ? u : normal_cdf(normal_quantile(u) + one.parameter);
      case Kind::power:
        return one.parameter >= 0 ? 1 - std::pow(1 - u, 1 + one.parameter) : std::pow(u, 1 - one.parameter);
    }
    return u;
  }

  std::vector<Component> components_;
};

/// rho_G of equally likely outcomes in any order: the spectral measure of the sample, larger is better. CVaR's distortion gives
/// the tail mean of Rockafellar and Uryasev, a single outcome itself. O(n log n), allocates a copy.
/// @throws ConfigError if empty, NumericError if one is not finite
inline double distorted_mean(std::span<const double> outcomes, const Distortion& distortion) {
  detail::require_outcomes(outcomes, "distorted_mean");
  std::vector<double> sorted(outcomes.begin(), outcomes.end());
  std::sort(sorted.begin(), sorted.end());
  double sum = 0, before = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double g = distortion(static_cast<double>(i + 1) / static_cast<double>(sorted.size()));
    sum += (g - before) * sorted[i];
    before = g;
  }
  return sum;
}

/**
 * @brief Influence function of rho_G at a distribution given by K atoms, with the slopes of G computed once.
 *
 * The distribution is the piecewise linear one through (theta_i, tau_i), tau_i = (i - 0.5)/K. The utility u is continuous with
 * u(theta_1) = 0 and slope K (G(tau_{i+1}) - G(tau_i)) between theta_i and theta_{i+1}, G(tau_1)/tau_1 below and
 * (1 - G(tau_K))/(1 - tau_K) above. `advantage` is the exact gradient of rho_G with respect to the probabilities of the actions
 * that lead to the targets. Atoms must ascend; that is not checked. Constant after construction: threads may share one.
 */
class Influence {
 public:
  /// Of `atoms` atoms, K >= 2. `distortion` is not kept. @throws ConfigError. @par Complexity O(K), the only allocation
  Influence(const Distortion& distortion, std::size_t atoms) : slopes_(atoms + 1) {
    Distortion::require_atoms(atoms);
    const auto k = static_cast<double>(atoms);
    double before = distortion(0.5 / k);
    slopes_[0] = before * 2 * k;
    for (std::size_t i = 1; i < atoms; ++i) {
      const double g = distortion((static_cast<double>(i) + 0.5) / k);
      slopes_[i] = k * (g - before);
      before = g;
    }
    slopes_[atoms] = (1 - before) * 2 * k;
  }

  /// K.
  std::size_t atoms() const noexcept { return slopes_.size() - 1; }
  /// K + 1 slopes of u: below the first atom, between successive ones, above the last.
  std::span<const double> slopes() const noexcept { return slopes_; }

  /// u at the atoms, from 0 at the first. @param theta, out K each
  template <std::floating_point S>
  void atom_utilities(std::span<const S> theta, std::span<double> out) const {
    require_size(theta.size(), "atoms");
    require_size(out.size(), "utilities");
    out[0] = 0;
    for (std::size_t i = 1; i < theta.size(); ++i) {
      out[i] = out[i - 1] + slopes_[i] * (static_cast<double>(theta[i]) - static_cast<double>(theta[i - 1]));
    }
  }

  /// u(y), with the ascending atoms `theta` and what `atom_utilities` wrote for them. @par Complexity O(log K)
  template <std::floating_point S>
  double utility(std::span<const S> theta, std::span<const double> utilities, double y) const noexcept {
    std::size_t above = 0;  // number of atoms at most y
    for (std::size_t left = theta.size(); left != 0;) {
      const std::size_t half = (left + 1) / 2;
      if (static_cast<double>(theta[above + half - 1]) <= y) above += half;
      left -= half;
    }
    const std::size_t anchor = above == 0 ? 0 : above - 1;
    return utilities[anchor] + slopes_[above] * (y - static_cast<double>(theta[anchor]));
  }

  /**
   * @brief mean_j u(y_j) - mean_i u(theta_i): how much better than the state's own distribution the targets are.
   * @param theta    ascending atoms of the state, K. @param targets  one or more outcomes
   * @param scratch  K numbers, overwritten
   * @throws ShapeError. @par Complexity O(K + M log K), no allocation
   */
  template <std::floating_point S>
  double advantage(std::span<const S> theta, std::span<const S> targets, std::span<double> scratch) const {
    atom_utilities(theta, scratch);
    if (targets.empty()) throw ShapeError("Influence::advantage: at least one target is needed, got none");
    double own = 0;
    for (const double u : scratch) own += u;
    double reached = 0;
    for (const S y : targets) reached += utility(theta, std::span<const double>(scratch), static_cast<double>(y));
    return reached / static_cast<double>(targets.size()) - own / static_cast<double>(theta.size());
  }

 private:
  void require_size(std::size_t size, const char* what) const {
    if (size != atoms()) {
      throw ShapeError("Influence: " + std::to_string(size) + ' ' + what + ", expected " + std::to_string(atoms()));
    }
  }

  std::vector<double> slopes_;
};

inline void Distortion::influence(std::span<const double> atoms, std::span<const double> y, std::span<double> out) const {
  const Influence table(*this, atoms.size());
  if (out.size() != y.size()) {
    throw ShapeError("Distortion::influence: room for " + std::to_string(out.size()) + " utilities, expected " +
                     std::to_string(y.size()));
  }
  std::vector<double> utilities(atoms.size());
  table.atom_utilities(atoms, std::span<double>(utilities));
  for (std::size_t j = 0; j < y.size(); ++j) out[j] = table.utility(atoms, std::span<const double>(utilities), y[j]);
}

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_DISTORTION_HPP
