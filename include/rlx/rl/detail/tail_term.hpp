// SPDX-License-Identifier: MIT
/// @file
/// @brief What the CVaR objectives share: the term of one outcome, the checks of their configurations.
#ifndef RLX_RL_DETAIL_TAIL_TERM_HPP
#define RLX_RL_DETAIL_TAIL_TERM_HPP

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/state.hpp>
#include <rlx/risk/tail.hpp>

namespace rlx::inline v0_1::detail {

/// (nu - C) - (nu - x)+ / alpha: an outcome's share of the tail mean. Its mean over the outcomes that gave nu and C is 0.
struct TailTerm {
  double nu = 0.0;         ///< the outcome at the quantile, -VaR
  double tail_mean = 0.0;  ///< C, -CVaR
  double alpha = 1.0;

  /// Of outcomes, at least one and finite. @param scratch reused
  static TailTerm of(std::span<const double> outcomes, risk::TailMass mass, std::vector<double>& scratch) {
    const risk::TailResult found = risk::tail(outcomes, mass, risk::TailConvention::rockafellar_uryasev, scratch);
    return {-found.var, found.tail_mean, mass.alpha};
  }
  /// Of a quantile known beforehand: C is what Rockafellar and Uryasev's form gives at it.
  static TailTerm at(double nu, std::span<const double> outcomes, risk::TailMass mass) {
    double below = 0.0;
    for (const double x : outcomes) below += std::max(nu - x, 0.0);
    return {nu, nu - below / (mass.alpha * static_cast<double>(outcomes.size())), mass.alpha};
  }

  double operator()(double outcome) const { return (nu - tail_mean) - std::max(nu - outcome, 0.0) / alpha; }
};

/// @throws ConfigError naming `owner`
inline void check_tail_config(std::string_view owner, risk::TailMass mass, double weight) {
  const std::string who(owner);
  if (!(mass.alpha > 0 && mass.alpha <= 1)) {
    throw ConfigError(who + ".tail.alpha = " + std::to_string(mass.alpha) + ", expected in (0, 1]");
  }
  if (!is_finite(weight) || weight < 0) {
    throw ConfigError(who + ".cvar_weight = " + std::to_string(weight) + ", expected a finite number of at least 0");
  }
}

/// Reads a number of the configuration back. @throws CheckpointError if this object has another
template <class T>
void expect_saved(StateReader& reader, std::string_view name, T own) {
  const T saved = reader.read<T>();
  if (saved != own) {
    throw CheckpointError("state of a risk objective: saved with " + std::string(name) + " = " + std::to_string(saved) +
                          ", this one has " + std::to_string(own) + "; construct it as the run that was saved did");
  }
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_TAIL_TERM_HPP
