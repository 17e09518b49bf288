// SPDX-License-Identifier: MIT
/// @file
/// @brief Value at risk, conditional value at risk in every common convention, its gradient, and other measures of the tail.
///
/// An outcome is a profit, a return or the return of an episode: larger is better. A loss is its negative. `alpha` is the MASS
/// of the tail, never a confidence. Everything is computed in double.
#ifndef RLX_RISK_TAIL_HPP
#define RLX_RISK_TAIL_HPP

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/special_functions.hpp>
#include <rlx/risk/detail/checks.hpp>

namespace rlx::inline v0_1::risk {

/// Share of the worst outcomes that counts as the tail, in (0, 1].
struct TailMass {
  double alpha = 0.05;  ///< in (0, 1]; checked where it is used

  /// Tail of a confidence in [0, 1): 0.95 gives 0.05. @throws ConfigError
  static TailMass from_confidence(double confidence) {
    detail::require_argument(confidence >= 0 && confidence < 1, "TailMass::from_confidence: confidence", confidence,
                             "in [0, 1)");
    return {1 - confidence};
  }
  /// Memberwise.
  bool operator==(const TailMass&) const = default;
};

/// Which outcomes CVaR averages; n outcomes, k = alpha * n.
enum class TailConvention : std::uint8_t {
  rockafellar_uryasev,  ///< the k smallest, the last one by its fraction (default)
  floor_count,          ///< the max(1, floor(k)) smallest
  ceil_count,           ///< the ceil(k) smallest
  empyrical             ///< the int((n - 1) * alpha) + 1 smallest, as the package of that name
};

/// Which number VaR is.
enum class QuantileRule : std::uint8_t {
  order_statistic,  ///< the ceil(k)-th smallest outcome (default)
  linear            ///< interpolated at rank alpha * (n - 1), counted from 0
};

/// What a NaN among the data does. An infinity is refused in both cases.
enum class NanPolicy : std::uint8_t {
  reject,  ///< NumericError with the index
  omit     ///< left out and counted
};

/// The tail of a set of outcomes. `var` and `cvar` are losses: positive is bad.
struct TailResult {
  double var = 0;        ///< -(the ceil(k)-th smallest outcome), whatever the convention of the CVaR
  double cvar = 0;       ///< -tail_mean
  double tail_mean = 0;  ///< mean outcome of the tail
  double k = 0;          ///< alpha * n, taken as an integer when within 1e-9 * n of it
  std::size_t full = 0;  ///< outcomes that count whole
  /// Memberwise.
  bool operator==(const TailResult&) const = default;
};

/**
 * @brief Quantile by the linear rule: the value at position p * (n - 1) of the sorted numbers, interpolated.
 * @param values  at least one finite number; their order is changed. @param p  in [0, 1]
 * @throws ShapeError if empty, ConfigError for p
 * @par Complexity O(n), no allocation.
 * @par Source Hyndman & Fan 1996, type 7 (the default of NumPy and R)
 */
template <class = void>
double linear_quantile(std::span<double> values, double p) {
  if (values.empty()) throw ShapeError("linear_quantile: at least one value is needed, got none");
  if (!is_finite(p) || !(p >= 0 && p <= 1))
    throw ConfigError("linear_quantile: p must lie in [0, 1], got " + std::to_string(p));
  const double position = p * static_cast<double>(values.size() - 1);
  const auto lower = static_cast<std::size_t>(position);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(lower);
  std::nth_element(values.begin(), at, values.end());
  const double share = position - static_cast<double>(lower);
  if (share == 0) return *at;
  return *at + share * (*std::min_element(at + 1, values.end()) - *at);
}

/// The values that are not NaN, in order, into `kept` (its capacity is reused). @return how many were left out
/// @throws NumericError for an infinity, with its index
template <class = void>
std::size_t without_nan(std::span<const double> values, std::vector<double>& kept) {
  kept.resize(values.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (is_finite(values[i])) {
      kept[count++] = values[i];
    } else if ((std::bit_cast<std::uint64_t>(values[i]) << 12) == 0) {
      const std::string name = "values[" + std::to_string(i) + ']';
      throw NumericError(name + " is infinite; only NaN can be left out", name);
    }
  }
  kept.resize(count);
  return values.size() - count;
}

namespace detail {

template <class = void>
void check(TailMass mass) {
  require_argument(mass.alpha > 0 && mass.alpha <= 1, "TailMass.alpha", mass.alpha, "in (0, 1]");
}

/// alpha * n; an integer where it is one but for rounding, so that 0.07 * 100 has the ceiling 7.
inline double tail_count(double alpha, std::size_t n) {
  const auto size = static_cast<double>(n);
  const double k = alpha * size;
  const double nearest = std::round(k);
  return nearest >= 1 && std::fabs(k - nearest) <= 1e-9 * size ? nearest : k;
}

/**
 * The `count` smallest values, unordered but for the largest of them, which is the last. Large inputs are filtered first by a
 * threshold estimated from a sample of them: where the estimate is too low everything is selected from, so the result is exact.
 * @return  span into `scratch` of length `count`. @param count 1 to values.size()
 */
template <class = void>
std::span<double> smallest(std::span<const double> values, std::size_t count, std::vector<double>& scratch) {
  constexpr std::size_t sample_size = 2'048;
  const std::size_t n = values.size();
  const auto select = [&] {
    const auto end = scratch.begin() + static_cast<std::ptrdiff_t>(count);
    if (count < scratch.size()) std::nth_element(scratch.begin(), end - 1, scratch.end());
    if (count == scratch.size()) std::iter_swap(end - 1, std::max_element(scratch.begin(), end));
    return std::span<double>(scratch.data(), count);
  };
  if (n >= 8 * sample_size && count <= n / 2) {
    scratch.resize(n);
    const std::size_t stride = n / sample_size;
    for (std::size_t i = 0; i < sample_size; ++i) scratch[i] = values[i * stride];
    // Four standard deviations of the rank above the expected one: the estimate is too low once in some ten thousand inputs.
    const double expected = static_cast<double>(count) / static_cast<double>(n) * sample_size;
    const auto rank = std::min(sample_size - 1, static_cast<std::size_t>(expected + 4 * std::sqrt(expected) + 4));
    std::nth_element(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(rank),
                     scratch.begin() + static_cast<std::ptrdiff_t>(sample_size));
    const double threshold = scratch[rank];
    std::size_t kept = 0;
    for (const double value : values) {
      scratch[kept] = value;  // written always, kept when below: no branch to mispredict
      kept += static_cast<std::size_t>(value <= threshold);
    }
    if (kept >= count) {
      scratch.resize(kept);
      return select();
    }
  }
  scratch.assign(values.begin(), values.end());
  return select();
}

}  // namespace detail

/**
 * @brief VaR and CVaR of equally likely outcomes.
 *
 * (-6, -2, -1, 1, 3, 4, 7) with alpha 0.3: k 2.1, VaR 1, tail mean -(6 + 2 + 0.1) / 2.1 = -3.857143; -4 by `floor_count`, -3
 * by `ceil_count`.
 * @param outcomes    at least one, finite
 * @param mass        alpha
 * @param convention  which outcomes the CVaR averages; the VaR does not depend on it
 * @param scratch     overwritten; its capacity is reused, so that repeated calls do not allocate
 * @throws ConfigError for no outcome or alpha outside (0, 1]; NumericError with the index of a number that is not finite
 * @par Complexity  O(n) by selection
 * @par Determinism a function of the arguments; sums are in the order of the selection
 * @par Source      Rockafellar & Uryasev 2002, "Conditional value-at-risk for general loss distributions"
 */
template <class = void>
TailResult tail(std::span<const double> outcomes, TailMass mass, TailConvention convention, std::vector<double>& scratch) {
  detail::check(mass);
  detail::require_outcomes(outcomes, "tail");
  TailResult result;
  result.k = detail::tail_count(mass.alpha, outcomes.size());
  const auto rank = static_cast<std::size_t>(std::ceil(result.k));  // of the VaR, from 1
  const auto whole = static_cast<std::size_t>(result.k);
  std::size_t count = rank;  // outcomes with any weight
  double last_share = 1;     // of the largest of them
  switch (convention) {
    case TailConvention::rockafellar_uryasev:
      result.full = whole;
      last_share = result.k - static_cast<double>(rank - 1);
      break;
    case TailConvention::floor_count:
      result.full = count = std::max<std::size_t>(1, whole);
      break;
    case TailConvention::ceil_count:
      result.full = rank;
      break;
    case TailConvention::empyrical:
      result.full = count = static_cast<std::size_t>(static_cast<double>(outcomes.size() - 1) * mass.alpha) + 1;
      break;
  }
  std::span<double> worst = detail::smallest(outcomes, std::max(count, rank), scratch);
  if (count < rank) {  // the VaR is the largest of all; the tail ends one before it
    result.var = -worst.back();
    worst = worst.first(count);
  } else {
    if (count > rank) {
      std::nth_element(worst.begin(), worst.begin() + static_cast<std::ptrdiff_t>(rank - 1), worst.end());
    }
    result.var = -worst[rank - 1];
  }
  const double sum = std::accumulate(worst.begin(), worst.end() - 1, 0.0) + last_share * worst.back();
  result.tail_mean = sum / (static_cast<double>(count - 1) + last_share);
  result.cvar = -result.tail_mean;
  return result;
}

/// The same with memory of its own, O(n).
template <class = void>
TailResult tail(std::span<const double> outcomes, TailMass mass,
                TailConvention convention = TailConvention::rockafellar_uryasev) {
  std::vector<double> scratch;
  return tail(outcomes, mass, convention, scratch);
}

/**
 * @brief VaR and CVaR of outcomes with probabilities: mass alpha is consumed from the worst upwards.
 * @param outcomes       at least one, finite
 * @param probabilities  one for each outcome, at least 0; their sum is made 1
 * @param mass           alpha
 * @return  `k` is alpha times the number of outcomes and `full` counts the outcomes of positive probability that lie whole in
 *          the tail
 * @throws ConfigError (nothing given, alpha), ShapeError (sizes), NumericError (not finite; negative or only zeros)
 * @par Complexity  O(n log n), allocates O(n)
 */
template <class = void>
TailResult tail_weighted(std::span<const double> outcomes, std::span<const double> probabilities, TailMass mass) {
  detail::check(mass);
  detail::require_outcomes(outcomes, "tail_weighted");
  if (probabilities.size() != outcomes.size()) {
    throw ShapeError("tail_weighted: " + std::to_string(probabilities.size()) + " probabilities for " +
                     std::to_string(outcomes.size()) + " outcomes, expected one each");
  }
  detail::require_finite(probabilities, "probabilities");
  double total = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] < 0) {
      throw NumericError(
          "probabilities[" + std::to_string(i) + "] is " + std::to_string(probabilities[i]) + ", expected at least 0",
          "probabilities");
    }
    total += probabilities[i];
  }
  if (!(total > 0) || !is_finite(total)) {
    throw NumericError("probabilities sum to " + std::to_string(total) + ", expected a finite sum above 0", "probabilities");
  }
  std::vector<std::size_t> order(outcomes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return outcomes[a] < outcomes[b]; });
  TailResult result;
  result.k = detail::tail_count(mass.alpha, outcomes.size());
  double left = mass.alpha;
  double sum = 0;
  for (const std::size_t i : order) {
    const double p = probabilities[i] / total;
    if (!(p > 0)) continue;
    result.var = -outcomes[i];
    if (p < left - 1e-9) {
      sum += p * outcomes[i];
      left -= p;
      ++result.full;
    } else {
      if (p <= left + 1e-9) ++result.full;
      sum += left * outcomes[i];
      left = 0;
      break;
    }
  }
  result.tail_mean = sum / (mass.alpha - left);  // rounding may leave a rest when alpha is 1
  result.cvar = -result.tail_mean;
  return result;
}

/**
 * @brief Weights of the outcomes in the tail mean: its derivative with respect to each outcome. They sum to 1.
 *
 * 1/k below the VaR; the rest, 1 - (number below)/k, is shared equally by the outcomes equal to the VaR, so that equal outcomes
 * have equal weights in any order; 0 above.
 * @param outcomes   at least one, finite
 * @param mass       alpha
 * @param omega_out  one for each outcome
 * @throws as `tail`; ShapeError for omega_out. @par Complexity O(n), allocates a copy
 */
template <class = void>
void tail_weights(std::span<const double> outcomes, TailMass mass, std::span<double> omega_out) {
  detail::check(mass);
  detail::require_outcomes(outcomes, "tail_weights");
  if (omega_out.size() != outcomes.size()) {
    throw ShapeError("tail_weights: room for " + std::to_string(omega_out.size()) + " weights, expected " +
                     std::to_string(outcomes.size()) + ", one for each outcome");
  }
  const double k = detail::tail_count(mass.alpha, outcomes.size());
  std::vector<double> scratch;
  const double quantile = detail::smallest(outcomes, static_cast<std::size_t>(std::ceil(k)), scratch).back();
  std::size_t below = 0, equal = 0;
  for (const double x : outcomes) {
    below += static_cast<std::size_t>(x < quantile);
    equal += static_cast<std::size_t>(x == quantile);
  }
  const double rest = (1 - static_cast<double>(below) / k) / static_cast<double>(equal);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    omega_out[i] = outcomes[i] < quantile ? 1 / k : outcomes[i] == quantile ? rest : 0.0;
  }
}

/// Value at risk as a loss (positive is bad). @throws as `tail`. @par Complexity O(n), allocates a copy
template <class = void>
double value_at_risk(std::span<const double> outcomes, TailMass mass, QuantileRule rule = QuantileRule::order_statistic) {
  detail::check(mass);
  detail::require_outcomes(outcomes, "value_at_risk");
  std::vector<double> scratch;
  if (rule == QuantileRule::order_statistic) {
    const double k = detail::tail_count(mass.alpha, outcomes.size());
    return -detail::smallest(outcomes, static_cast<std::size_t>(std::ceil(k)), scratch).back();
  }
  const double position = mass.alpha * static_cast<double>(outcomes.size() - 1);
  const auto lower = static_cast<std::size_t>(position);
  const double share = position - static_cast<double>(lower);
  const std::span<double> worst = detail::smallest(outcomes, lower + (share > 0 ? 2 : 1), scratch);
  if (share == 0) return -worst.back();
  const double below = *std::max_element(worst.begin(), worst.end() - 1);
  return -(below + share * (worst.back() - below));
}

/**
 * @brief Entropic value at risk, the tightest Chernoff bound of VaR: inf over t > 0 of t ln(mean(e^(L/t)) / alpha), L the loss.
 *
 * At most the greatest loss; exactly that loss when its share of the outcomes is at least alpha, and the mean loss for alpha 1.
 * @throws as `tail`. @par Complexity O(n) for each of some ten Newton steps, no allocation
 * @par Source Ahmadi-Javid 2012, "Entropic value-at-risk: a new coherent risk measure"
 */
template <class = void>
double evar(std::span<const double> outcomes, TailMass mass) {
  detail::check(mass);
  detail::require_outcomes(outcomes, "evar");
  const auto n = static_cast<double>(outcomes.size());
  const auto [low, high] = std::minmax_element(outcomes.begin(), outcomes.end());
  const double worst = *low;
  const double range = *high - worst;
  const auto multiplicity = static_cast<double>(std::count(outcomes.begin(), outcomes.end(), worst));
  if (detail::tail_count(mass.alpha, outcomes.size()) <= multiplicity) return -worst;
  if (mass.alpha == 1) return -std::accumulate(outcomes.begin(), outcomes.end(), 0.0) / n;

  // With losses d = worst - x <= 0 relative to the greatest, value(t) = t (ln mean e^(d/t) - ln alpha) is convex in t. Its
  // slope is negative near 0, positive far out, and grows by Var(d)/t^2 per unit of ln t, Var under weights e^(d/t).
  const double log_alpha = std::log(mass.alpha);
  double value = 0, slope = 0, growth = 0;
  const auto evaluate = [&](double log_t) {
    const double t = std::exp(log_t);
    double sum = 0, first = 0, second = 0;
    for (const double x : outcomes) {
      const double d = (worst - x) / t;
      const double weight = std::exp(d);
      sum += weight;
      first += weight * d;
      second += weight * d * d;
    }
    const double mean = first / sum;
    const double log_mean = std::log(sum / n);
    value = t * (log_mean - log_alpha);
    slope = log_mean - log_alpha - mean;
    growth = second / sum - mean * mean;
  };
  double at = std::log(range);
  evaluate(at);
  double left = at, right = at;
  constexpr double reach = 80;  // e^80 times the range: alpha is 1 but for rounding, and the value is the mean
  if (slope < 0) {
    while (slope < 0 && right < at + reach) evaluate(right += 2);
  } else {
    while (slope > 0 && left > at - reach) evaluate(left -= 2);
  }
  double best = value;
  at = 0.5 * (left + right);
  for (int step = 0; step < 200; ++step) {
    evaluate(at);
    best = std::min(best, value);
    (slope < 0 ? left : right) = at;
    double next = growth > 0 ? at - slope / growth : left - 1;
    if (!(next > left && next < right)) next = 0.5 * (left + right);
    const double move = std::fabs(next - at);
    at = next;
    if (move < 1e-12 || right - left < 1e-12) break;
  }
  return -worst + std::min(best, 0.0);
}

/// Entropic risk: theta * ln(mean(e^(L/theta)) / alpha), L the loss. Alpha 1 is the plain entropic measure.
/// `theta` is above 0 and finite; the smaller, the more averse. @throws as `tail`; ConfigError for theta
/// @par Source Föllmer & Schied, "Stochastic finance", section 4.9
template <class = void>
double entropic_risk(std::span<const double> outcomes, double theta, TailMass mass = {1}) {
  detail::check(mass);
  detail::require_argument(theta > 0, "entropic_risk: theta", theta, "finite and above 0");
  detail::require_outcomes(outcomes, "entropic_risk");
  const double worst = *std::min_element(outcomes.begin(), outcomes.end());
  double sum = 0;
  for (const double x : outcomes) sum += std::exp((worst - x) / theta);
  return -worst + theta * std::log(sum / (static_cast<double>(outcomes.size()) * mass.alpha));
}

/// Root of the mean squared shortfall below the mean. @throws ConfigError if empty, NumericError
template <class = void>
double semi_deviation(std::span<const double> outcomes) {
  detail::require_outcomes(outcomes, "semi_deviation");
  const auto n = static_cast<double>(outcomes.size());
  const double mean = std::accumulate(outcomes.begin(), outcomes.end(), 0.0) / n;
  double squares = 0;
  for (const double x : outcomes) squares += x < mean ? (x - mean) * (x - mean) : 0.0;
  return std::sqrt(squares / n);
}

/// Mean of |x_i - x_j| over pairs i < j; NaN for a single outcome. O(n log n), allocates a copy. @throws as `semi_deviation`
template <class = void>
double gini_mean_difference(std::span<const double> outcomes) {
  detail::require_outcomes(outcomes, "gini_mean_difference");
  if (outcomes.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(outcomes.begin(), outcomes.end());
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  double sum = 0;  // the i-th smallest is the larger of i pairs and the smaller of n - 1 - i
  for (std::size_t i = 0; i < sorted.size(); ++i) sum += (2 * static_cast<double>(i) - (n - 1)) * sorted[i];
  return sum / (0.5 * n * (n - 1));
}

/// CVaR of a normal outcome as a loss: sigma * pdf(z_alpha) / alpha - mu, with sigma at least 0. @throws ConfigError
template <class = void>
double normal_cvar(double mu, double sigma, TailMass mass) {
  detail::check(mass);
  detail::require_argument(true, "normal_cvar: mu", mu, "finite");
  detail::require_argument(sigma >= 0, "normal_cvar: sigma", sigma, "finite and at least 0");
  if (mass.alpha == 1) return -mu;
  return sigma * normal_pdf(normal_quantile(mass.alpha)) / mass.alpha - mu;
}

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_TAIL_HPP
