// SPDX-License-Identifier: MIT
/// @file
/// @brief Policies to measure an agent against: hold, random, favourite, cross once, passive maker, and the oracle that knows
/// the true probability of a synthetic market.
///
/// Every baseline is a `MarketPolicy`: `int act(const PolicyInput&)` returns a legal action. Its state belongs to one episode;
/// a copy of a fresh one plays the next.
#ifndef RLX_KALSHI_BASELINES_HPP
#define RLX_KALSHI_BASELINES_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/kalshi/actions.hpp>
#include <rlx/kalshi/environment.hpp>
#include <rlx/kalshi/fees.hpp>
#include <rlx/kalshi/synthetic_session.hpp>
#include <rlx/kalshi/types.hpp>
#include <rlx/kalshi/view_filter.hpp>

namespace rlx::inline v0_1::kalshi {

/// What a policy may look at when it decides.
struct PolicyInput {
  std::span<const float> observation;          ///< 52 features
  std::span<const std::uint8_t> mask;          ///< by action, 1 = legal
  const MarketAgnosticKalshiEnv& environment;  ///< book, account and orders; a trained policy has no use for it
  RandomStream& random;                        ///< of this decision: (seed, evaluation_action, episode, step)
};

/// Chooses an action of the environment's layout; may keep state within an episode.
template <class P>
concept MarketPolicy = std::copy_constructible<P> && requires(P& policy, const PolicyInput& input) {
  { policy.act(input) } -> std::convertible_to<int>;
};

namespace detail {

/// The largest legal order of that kind; -1 if none is legal or the layout has none.
inline int largest_legal(const PolicyInput& input, BaseAction base, PriceRule rule) {
  const ActionLayout& layout = input.environment.layout();
  const std::span<const int> sizes = layout.sizes();
  for (std::size_t i = sizes.size(); i-- > 0;) {
    const int id = layout.find({ActionKind::order, base, rule, sizes[i]});
    if (id >= 0 && input.mask[static_cast<std::size_t>(id)] != 0) return id;
  }
  return -1;
}

/// Adds YES if `yes`, else NO: closes what is held against it first.
inline BaseAction toward(bool yes, Count position) noexcept {
  if (yes) return position < 0 ? BaseAction::sell_no : BaseAction::buy_yes;
  return position > 0 ? BaseAction::sell_yes : BaseAction::buy_no;
}

/// f(p): taker fee of a contract in dollars, not rounded.
inline double unrounded_taker_fee(const FeeSchedule& fees, double p) noexcept {
  const double rate = static_cast<double>(fees.taker_rate_e6) * 1e-6;
  switch (fees.type) {
    case FeeType::none:
      return 0.0;
    case FeeType::flat:
      return rate;
    case FeeType::quadratic:
    case FeeType::quadratic_with_maker_fees:
      break;
  }
  return rate * p * (1.0 - p);
}

/// Dollars of a price.
inline double dollars_of(Price price) noexcept { return 1e-4 * static_cast<double>(price); }

/// The moment of `Favourite` and `CrossOnce`: 30 groups have passed and the spread is 5 cents or less.
inline bool quiet_moment(const MarketAgnosticKalshiEnv& environment) {
  constexpr std::size_t groups = 30;
  const auto& [bid, ask] = environment.info().touch;
  return environment.info().group >= groups && bid && ask && *ask - *bid <= 500;
}

}  // namespace detail

/// The configuration with a layout in which both sides can work at once, for orders of `contracts_per_order`; unchanged if its
/// layout is such a one.
inline KalshiEnvConfig passive_maker_config(KalshiEnvConfig config) {
  const std::span<const PriceRule> rules = config.layout.rules();
  const bool joins = std::find(rules.begin(), rules.end(), PriceRule::join) != rules.end();
  if (!joins || !config.layout.has_cancel()) config.layout = ActionLayout::extended({config.contracts_per_order});
  return config;
}

/// The truth behind each view, parallel to the set. The sessions must outlive the result.
/// @throws ConfigError for a view of none of the sessions
inline std::vector<const MarketTruth*> truths_of(const ViewSet& views, std::span<const SyntheticSession> sessions) {
  std::vector<const MarketTruth*> truths;
  truths.reserve(views.size());
  for (const MarketSessionView& view : views.views()) {
    const auto at = std::find_if(sessions.begin(), sessions.end(), [&view](const SyntheticSession& each) {
      return each.session->session_id() == view.session()->session_id();
    });
    const std::size_t market = at == sessions.end() ? 0 : at->session->find(view.market().ticker);
    if (at == sessions.end() || market == at->truth.markets.size()) {
      throw ConfigError("truth: expected a synthetic session with the market " + view.market().ticker +
                        ", found none; give the "
                        "sessions that the views were made of");
    }
    truths.push_back(&at->truth.markets[market]);
  }
  return truths;
}

/// p* of a view's YES contract at a time; of a mirrored view that of the other side.
inline double true_probability(const MarketTruth& truth, const MarketSessionView& view, Micros time_us) {
  const double p = truth.probability_at(time_us);
  return view.is_mirrored() ? 1.0 - p : p;
}

namespace baselines {

/// Never trades; its reward is exactly 0.
struct Hold {
  /// As `MarketPolicy` asks.
  int act(const PolicyInput&) const { return 0; }
};

/// Uniform over the legal actions, HOLD among them, on a third of the steps, else HOLD.
struct Random {
  /// As `MarketPolicy` asks.
  int act(const PolicyInput& input) const {
    if (input.random.bounded(3) != 0) return 0;
    const auto legal =
        static_cast<std::uint64_t>(std::count_if(input.mask.begin(), input.mask.end(), [](auto m) { return m != 0; }));
    std::uint64_t left = input.random.bounded(legal);
    std::size_t id = 0;
    while (input.mask[id] == 0 || left-- > 0) ++id;
    return static_cast<int>(id);
  }
};

/// Once, after 30 groups at a spread of at most 5 cents: crosses the spread for one order of the side whose mid is above 0.5,
/// and keeps it to the end. Needs a layout that crosses.
struct Favourite {
  bool bought = false;  ///< the order of the episode has been sent

  /// As `MarketPolicy` asks.
  int act(const PolicyInput& input) {
    if (bought || !detail::quiet_moment(input.environment)) return 0;
    const auto& [bid, ask] = input.environment.info().touch;
    const Price twice_mid = *bid + *ask;
    if (twice_mid == one_dollar) return 0;
    const int id =
        detail::largest_legal(input, twice_mid > one_dollar ? BaseAction::buy_yes : BaseAction::buy_no, PriceRule::cross);
    bought = id >= 0;
    return std::max(id, 0);
  }
};

/// As `Favourite`, but the side is a coin's.
struct CrossOnce {
  bool bought = false;        ///< the order of the episode has been sent
  std::optional<bool> yes{};  ///< the coin, tossed at the first such moment

  /// As `MarketPolicy` asks.
  int act(const PolicyInput& input) {
    if (bought || !detail::quiet_moment(input.environment)) return 0;
    if (!yes) yes = input.random.bounded(2) == 1;
    const int id = detail::largest_legal(input, *yes ? BaseAction::buy_yes : BaseAction::buy_no, PriceRule::cross);
    bought = id >= 0;
    return std::max(id, 0);
  }
};

/// Rests an order at each touch while the limit allows, and follows the touch. Needs `passive_maker_config`.
struct PassiveMaker {
  /// As `MarketPolicy` asks.
  int act(const PolicyInput& input) const {
    const Count position = input.environment.info().position;
    // The mask forbids an order where one works already, so what is legal is what is missing or has left the touch.
    for (const bool yes : {position <= 0, position > 0}) {
      const int id = detail::largest_legal(input, detail::toward(yes, position), PriceRule::join);
      if (id >= 0) return id;
    }
    return 0;
  }
};

/// Knows p*: crosses for YES when p* - a - f(a) exceeds 1 cent, for NO when b - p* - f(b) does, and closes first what it holds
/// against that.
class Oracle {
 public:
  /// @param truths  by source of the environment, see `truths_of`; must outlive the policy
  explicit Oracle(std::span<const MarketTruth* const> truths) : truths_(truths) {}

  /// As `MarketPolicy` asks.
  int act(const PolicyInput& input) const {
    constexpr double margin = 0.01;
    const MarketAgnosticKalshiEnv& environment = input.environment;
    const EpisodeInfoKalshi& info = environment.info();
    RLX_REQUIRE(info.source < truths_.size(), "Oracle: no truth of source " + std::to_string(info.source));
    const double p = true_probability(*truths_[info.source], environment.view(), info.time_us);
    const FeeSchedule& fees = environment.decision_state().fees;
    for (const bool yes : {true, false}) {
      const std::optional<Price>& price = yes ? info.touch.ask : info.touch.bid;
      if (!price) continue;
      const double at = detail::dollars_of(*price);
      if ((yes ? p - at : at - p) - detail::unrounded_taker_fee(fees, at) <= margin) continue;
      return std::max(detail::largest_legal(input, detail::toward(yes, info.position), PriceRule::cross), 0);
    }
    return 0;
  }

 private:
  std::span<const MarketTruth* const> truths_;
};

}  // namespace baselines

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_BASELINES_HPP
