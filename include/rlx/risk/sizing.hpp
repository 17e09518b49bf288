// SPDX-License-Identifier: MIT
/// @file
/// @brief Numbers that bound the size of a position: a fraction of Kelly, drawdown scale, leverage caps, concentration.
///
/// They are features as well as limits: write them to the replay rows. Input that is not finite gives the most careful answer
/// instead of an error, since these run on every bar.
#ifndef RLX_RISK_SIZING_HPP
#define RLX_RISK_SIZING_HPP

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/risk/detail/checks.hpp>

namespace rlx::inline v0_1::risk {

/// A fifth of the Kelly fraction, clamp(0.2 * edge / sigma^2, 0, cap): (0.002, 0.08) gives 0.0625. 0 if sigma <= 0 or anything
/// is not finite.
/// @param edge expected fractional move per period. @param sigma its standard deviation per period. @param cap at least 0
inline double kelly_lite(double edge, double sigma, double cap = 0.15) noexcept {
  if (!is_finite(edge) || !is_finite(sigma) || !is_finite(cap) || !(sigma > 0) || !(cap > 0)) return 0;
  const double fraction = 0.2 * edge / sigma / sigma;
  return fraction > 0 ? std::min(fraction, cap) : 0;
}

/// Factor on sizes in a drawdown: clamp(1 - drawdown/cap, min_scale, 1); `min_scale` for a drawdown that is not finite.
/// `cap` is the drawdown at which it would be 0, above 0; `min_scale` in [0, 1]. @throws ConfigError
inline double drawdown_scale(double drawdown, double cap, double min_scale = 0) {
  detail::require_argument(cap > 0, "drawdown_scale: cap", cap, "finite and above 0");
  detail::require_argument(min_scale >= 0 && min_scale <= 1, "drawdown_scale: min_scale", min_scale, "in [0, 1]");
  return is_finite(drawdown) ? std::clamp(1 - drawdown / cap, min_scale, 1.0) : min_scale;
}

/**
 * @brief Stops entries at a drawdown and allows them again at a smaller one.
 *
 * Its state is one flag, which a program that restarts saves and gives back to `restore`.
 */
class EntrySuspension {
 public:
  /// @param suspend drawdown from which entries stop, above 0. @param resume at or below which they go on, in [0, suspend]
  /// @throws ConfigError
  EntrySuspension(double suspend, double resume) : suspend_(suspend), resume_(resume) {
    detail::require_argument(suspend > 0, "EntrySuspension.suspend", suspend, "finite and above 0");
    detail::require_argument(resume >= 0 && resume <= suspend, "EntrySuspension.resume", resume, "in [0, suspend]");
  }
  /// Resumes at 0.8 of `suspend`.
  explicit EntrySuspension(double suspend) : EntrySuspension(suspend, 0.8 * suspend) {}

  /// Takes the drawdown of a bar; one that is not finite suspends. @return whether entries are suspended now
  bool update(double drawdown) noexcept {
    if (!is_finite(drawdown) || drawdown >= suspend_) {
      suspended_ = true;
    } else if (drawdown <= resume_) {
      suspended_ = false;
    }
    return suspended_;
  }
  bool suspended() const noexcept { return suspended_; }             ///< as of the last update; false before the first
  void restore(bool suspended) noexcept { suspended_ = suspended; }  ///< Takes up the state of an earlier run.
  /// Memberwise.
  bool operator==(const EntrySuspension&) const = default;

 private:
  double suspend_, resume_;
  bool suspended_ = false;
};

/// Sum of absolute weights. @throws NumericError if one is not finite
inline double gross_leverage(std::span<const double> weights) {
  detail::require_finite(weights, "weights");
  double gross = 0;
  for (const double w : weights) gross += std::fabs(w);
  return gross;
}

/// Factor in [0, 1] that brings a gross leverage to at most the cap: min(1, cap/gross); 0 for one that is not finite.
/// @throws ConfigError for a cap below 0 or not finite
inline double leverage_scale(double gross, double cap) {
  detail::require_argument(cap >= 0, "leverage_scale: cap", cap, "finite and at least 0");
  if (!is_finite(gross)) return 0;
  return gross > cap ? cap / gross : 1;
}

/// Herfindahl-Hirschman index, the sum of squared shares of the absolute weights: 1/n if equal, 1 for a single position, 0
/// without one. @throws NumericError if a weight is not finite
inline double concentration(std::span<const double> weights) {
  const double gross = gross_leverage(weights);
  if (!(gross > 0)) return 0;
  double sum = 0;
  for (const double w : weights) sum += (w / gross) * (w / gross);
  return sum;
}

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_SIZING_HPP
