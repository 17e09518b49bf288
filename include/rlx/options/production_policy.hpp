// SPDX-License-Identifier: MIT
/// @file
/// @brief The rules that decide outside of training: roll, close, open or do nothing, one action per tick.
#ifndef RLX_OPTIONS_PRODUCTION_POLICY_HPP
#define RLX_OPTIONS_PRODUCTION_POLICY_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/options/action.hpp>
#include <rlx/options/agent_state.hpp>
#include <rlx/options/candidate_option.hpp>
#include <rlx/options/detail/order_size.hpp>
#include <rlx/options/settings.hpp>

namespace rlx::inline v0_1::options {

/**
 * @brief Score of a candidate: ln(1 + premium_usd) - 5(delta - d)^2 - 2((dte - D)/max(D, 1))^2 + max(ivrv - ivrv_min, 0).
 *
 * d and D are the middles of the range. NaN where an input is NaN or the premium is below -1.
 */
inline double candidate_score(const CandidateOption& candidate, const CandidateRange& range) {
  const double delta = candidate.delta - 0.5 * (range.delta_min + range.delta_max);
  const double middle = 0.5 * (range.dte_min + range.dte_max);
  const double dte = (candidate.dte - middle) / std::max(middle, 1.0);
  return std::log1p(candidate.premium_usd) - 5.0 * delta * delta - 2.0 * dte * dte +
         std::max(candidate.ivrv - range.ivrv_min, 0.0);
}

/// Probability that a choice with exploration took the candidate of that rank (0 = best of `k`): 1 - e + e/k, else e/k.
constexpr double choice_propensity(double explore_prob, std::size_t k, std::size_t rank) noexcept {
  const double share = explore_prob / static_cast<double>(k);
  return rank == 0 ? 1.0 - explore_prob + share : share;
}

namespace detail {

struct ScoredCandidate {
  const CandidateOption* candidate = nullptr;
  double score = 0.0;
};

/// One tick of the rules.
class RuleDecision {
 public:
  RuleDecision(const AgentState& state, const Settings& settings, RandomStream& random)
      : state_(state), settings_(settings), random_(random), range_(settings.effective_range()) {}

  Action run() {
    for (const std::string& underlying : settings_.underlyings) {
      const UnderlyingState* const one = state_.find(underlying);
      if (one == nullptr) {
        note(underlying, "no state");
        continue;
      }
      if (auto action = decide(*one)) return *action;
    }
    Action nothing = make(ActionType::do_nothing);
    nothing.reasoning = reasons_.empty() ? "No underlying is configured" : reasons_;
    return nothing;
  }

 private:
  struct Choice {
    const CandidateOption* candidate = nullptr;
    double propensity = 1.0;
  };

  std::optional<Action> decide(const UnderlyingState& one) {
    bool open = false;
    for (const Position& position : one.positions) {
      if (position.type != OptionType::call || position.size.sign() >= 0) continue;
      open = true;
      // What others hold is counted, not touched; an expired call is settled, not traded; an unknown leg is resolved first.
      if (is_external(one, position.symbol) || position.expiry_ms <= state_.now_ms || is_unknown(one, position.symbol))
        continue;
      if (const auto why = reason_to_roll(one, position)) return roll_or_close(one, position, *why);
    }
    if (open) {
      note(one.underlying, "the open short call needs no roll");
      return {};
    }
    // A resting or unknown sell becomes an open call at any moment: it counts as one.
    if (!one.unknown_legs.empty() || std::any_of(one.open_orders.begin(), one.open_orders.end(), is_resting_sell)) {
      note(one.underlying, "a sell order is pending");
      return {};
    }
    const Choice choice = choose(one, {});
    if (choice.candidate == nullptr) {
      note(one.underlying, one.candidates.empty() ? "no candidates" : "no candidate is in range");
      return {};
    }
    Action action = make(ActionType::open_covered_call);
    action.underlying = one.underlying;
    action.symbol = choice.candidate->symbol;
    action.size = order_size(settings_.default_order_size.find(one.underlying), one, action.symbol);
    describe(action, choice);
    action.reasoning = "No open short call on " + one.underlying + ": sell the " +
                       (choice.propensity == 1.0 ? "best candidate" : "candidate chosen with exploration");
    return action;
  }

  /// Why the call has to be rolled; empty if not.
  std::optional<std::string> reason_to_roll(const UnderlyingState& one, const Position& position) const {
    const double dte_days = std::floor(static_cast<double>(position.expiry_ms - state_.now_ms) / 86'400'000.0);
    const double otm_pct = (position.strike - one.index) / one.index * 100.0;
    if (dte_days < 1) return "less than a day to expiry";
    if (one.index > position.strike && dte_days <= 2) return "in the money close to expiry";
    if (otm_pct < 2 && dte_days <= 1) return "near the money a day before expiry";
    return {};
  }

  Action roll_or_close(const UnderlyingState& one, const Position& position, const std::string& why) {
    const Choice choice = choose(one, position.symbol);
    Action action = make(choice.candidate == nullptr ? ActionType::close_covered_call : ActionType::roll_covered_call);
    action.underlying = one.underlying;
    action.symbol = position.symbol;
    action.size = -position.size;
    if (choice.candidate != nullptr) {
      action.roll_to = choice.candidate->symbol;
      describe(action, choice);
      action.reasoning = "Roll the short call on " + one.underlying + ": " + why;
    } else {
      action.reasoning = "Close the short call on " + one.underlying + ": " + why + ", and no candidate to roll to";
    }
    return action;
  }

  /// The best candidate, or one of the best few in mode research; none if nothing passes.
  Choice choose(const UnderlyingState& one, std::string_view rolled) {
    std::vector<ScoredCandidate> scored;
    const double floor = settings_.premium_min_usd.find(one.underlying).value_or(0.0);
    for (const CandidateOption& candidate : one.candidates) {
      // In training the state holds the profiles' candidates; the rules keep to their own ranges.
      const bool in_range = candidate.delta >= range_.delta_min && candidate.delta <= range_.delta_max &&
                            candidate.dte >= range_.dte_min && candidate.dte <= range_.dte_max &&
                            candidate.premium_usd >= floor && candidate.ivrv >= range_.ivrv_min;
      if (!in_range || (range_.ivrv_min > 0.0 && !candidate.ivrv_known)) continue;
      if (candidate.symbol == rolled || is_occupied(one, candidate.symbol)) continue;
      const double score = candidate_score(candidate, range_);
      if (is_finite(score)) scored.push_back({&candidate, score});
    }
    if (scored.empty()) return {};
    const double target = 0.5 * (range_.delta_min + range_.delta_max);
    const auto better = [target](const ScoredCandidate& a, const ScoredCandidate& b) {
      if (a.score != b.score) return a.score > b.score;
      const double distance_a = std::fabs(a.candidate->delta - target), distance_b = std::fabs(b.candidate->delta - target);
      if (distance_a != distance_b) return distance_a < distance_b;
      if (a.candidate->expiry_ms != b.candidate->expiry_ms) return a.candidate->expiry_ms < b.candidate->expiry_ms;
      if (a.candidate->strike != b.candidate->strike) return a.candidate->strike < b.candidate->strike;
      return a.candidate->symbol < b.candidate->symbol;
    };
    const bool explores = settings_.mode == AgentMode::research && settings_.explore_prob > 0.0 && settings_.explore_top_k > 0;
    const std::size_t k = explores ? std::min(scored.size(), static_cast<std::size_t>(settings_.explore_top_k)) : 1;
    std::partial_sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(k), scored.end(), better);
    if (!explores) return {scored.front().candidate, 1.0};
    const bool explore = random_.uniform() < settings_.explore_prob;
    const std::size_t rank = explore ? static_cast<std::size_t>(random_.bounded(k)) : 0;
    return {scored[rank].candidate, choice_propensity(settings_.explore_prob, k, rank)};
  }

  static bool is_resting_sell(const Order& order) { return order.side == Side::sell && order.state == OrderState::open; }
  static bool is_external(const UnderlyingState& one, std::string_view symbol) {
    return std::find(one.external_symbols.begin(), one.external_symbols.end(), symbol) != one.external_symbols.end();
  }
  static bool is_unknown(const UnderlyingState& one, std::string_view symbol) {
    return std::any_of(one.unknown_legs.begin(), one.unknown_legs.end(), [&](const auto& leg) { return leg.symbol == symbol; });
  }
  static bool is_occupied(const UnderlyingState& one, std::string_view symbol) {
    return is_unknown(one, symbol) ||
           std::any_of(one.positions.begin(), one.positions.end(),
                       [&](const Position& position) { return position.symbol == symbol && position.size.sign() < 0; }) ||
           std::any_of(one.open_orders.begin(), one.open_orders.end(),
                       [&](const Order& order) { return order.symbol == symbol && is_resting_sell(order); });
  }

  Action make(ActionType type) const {
    Action action;
    action.type = type;
    action.mode = settings_.mode;
    action.policy_version = settings_.policy_version;
    action.decision_source = DecisionSource::rule_based;
    return action;
  }

  static void describe(Action& action, const Choice& choice) {
    const CandidateOption& candidate = *choice.candidate;
    action.diagnostics = {candidate.delta, candidate.dte, candidate.premium_usd, candidate.ivrv};
    action.propensity = choice.propensity;
  }

  void note(const std::string& underlying, std::string_view why) {
    if (!reasons_.empty()) reasons_ += "; ";
    reasons_ += underlying;
    reasons_ += ": ";
    reasons_ += why;
  }

  const AgentState& state_;
  const Settings& settings_;
  RandomStream& random_;
  CandidateRange range_;
  std::string reasons_;
};

}  // namespace detail

/**
 * @brief What the rules do this tick: one action, or DO_NOTHING with the reason of every underlying.
 *
 * Underlyings in the order of the settings. For each: the first own short call that is due is rolled into the best candidate of
 * another symbol, or closed where there is none; without an open short call (and without a pending sell) the best candidate is
 * opened. Due means: less than one whole day left, or in the money with at most two, or less than 2 % out of the money with at
 * most one.
 *
 * The rules have no memory: an action that was denied or did not fill (a close where nobody offers the call) is proposed again
 * at the next tick, before everything behind it. To get out of a call that is due goes before any new one; the reasons of the
 * risk check say each time why it does not happen.
 *
 * In mode research, with probability `explore_prob`, one of the best `explore_top_k` is taken at random; the action carries the
 * probability of its choice. Training settings play no part.
 * @param state     of the tick
 * @param settings  mode, ranges, sizes and exploration
 * @param random    drawn from only when a candidate is chosen in mode research
 */
inline Action rule_decide_action(const AgentState& state, const Settings& settings, RandomStream& random) {
  return detail::RuleDecision(state, settings, random).run();
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_PRODUCTION_POLICY_HPP
