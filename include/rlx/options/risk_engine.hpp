// SPDX-License-Identifier: MIT
/// @file
/// @brief May this order be sent? Hard gates that hold in every mode, then limits that training on testnet skips.
///
/// Every comparison is written so that a number that is not one denies.
#ifndef RLX_OPTIONS_RISK_ENGINE_HPP
#define RLX_OPTIONS_RISK_ENGINE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/options/agent_state.hpp>
#include <rlx/options/attestation.hpp>
#include <rlx/options/endpoint.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/margin.hpp>
#include <rlx/options/records.hpp>
#include <rlx/options/settings.hpp>

namespace rlx::inline v0_1::options {

/// The only reason of a check whose limits were skipped.
inline constexpr std::string_view training_skip_reason = "training_mode on testnet: risk checks skipped";

inline constexpr std::int64_t max_attestation_age_ms = 60'000;  ///< An older attestation denies every order.
inline constexpr std::int64_t max_clock_skew_ms = 10'000;  ///< Own clock and the venue's may differ by so much; more denies.

/// One order that this tick has allowed already, and what it does to the account if it fills.
struct ProjectedLeg {
  std::string underlying;      ///< "BTC"
  std::string symbol;          ///< the call that is traded
  std::int64_t expiry_ms = 0;  ///< UTC ms
  market::Fixed8 amount;       ///< contracts, > 0 sold, < 0 bought back
  double delta = 0.0;          ///< of one contract
  double margin = 0.0;         ///< initial margin of the leg in the settlement currency, < 0 released
};

/// What the check has to know beyond the state: the tick so far, and the agent's own safeguards. The caller makes one per tick.
struct ProjectedState {
  std::vector<ProjectedLeg> legs;  ///< kept by `project` and `project_close`; they count as open
  int legs_this_tick = 0;          ///< orders allowed so far, closing ones too
  bool kill_latched = false;       ///< see kill_switch.hpp
  bool plan_is_durable = false;    ///< the plan of this tick is on disk, and the journal takes records
  /// Highest equity of the UTC day per underlying, settlement currency, the present one included. One that is missing denies
  /// where daily_drawdown_limit_pct is on.
  std::map<std::string, double, std::less<>> day_peak_equity;
  HostPolicy hosts;  ///< tests pass a loopback policy
};

/// One order at the instant before it is sent. Without the ticker and the price of its symbol every order is denied.
struct OrderContext {
  LegRole role = LegRole::open;          ///< what the order is for
  std::int64_t now_ms = 0;               ///< the agent's clock
  std::optional<market::Fixed8> amount;  ///< contracts; empty: the action's size. A roll's second leg has what the first filled
  market::Fixed8 price;                  ///< limit
  std::optional<Ticker> ticker;          ///< of `order_symbol`, asked for after the decision
  std::optional<Margins> margins;        ///< the venue's own for the call that is sold, of a roll's first order the target;
                                         ///< empty: the formula
  bool label_conflict = false;           ///< the journal holds this label with another content
};

/// Which call an order of the action trades.
inline const std::string& order_symbol(const Action& action, LegRole role) noexcept {
  return role == LegRole::roll_open ? action.roll_to : action.symbol;
}

namespace detail {

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

inline const Instrument* find_instrument(const UnderlyingState& state, std::string_view symbol) {
  const auto found = std::find_if(state.instruments.begin(), state.instruments.end(),
                                  [&](const Instrument& one) { return one.symbol == symbol; });
  return found == state.instruments.end() ? nullptr : &*found;
}
inline const CandidateOption* find_candidate(const UnderlyingState& state, std::string_view symbol) {
  const auto found = std::find_if(state.candidates.begin(), state.candidates.end(),
                                  [&](const CandidateOption& one) { return one.symbol == symbol; });
  return found == state.candidates.end() ? nullptr : &*found;
}
inline const Position* find_position(const UnderlyingState& state, std::string_view symbol) {
  const auto found = std::find_if(state.positions.begin(), state.positions.end(),
                                  [&](const Position& one) { return one.symbol == symbol && one.size.sign() != 0; });
  return found == state.positions.end() ? nullptr : &*found;
}

/// Calls f(symbol, expiry_ms, amount, delta, margin, from_this_tick) for everything that is, or may become, a short call of the
/// underlying. Amounts below zero reduce. Margin is 0 where the account's own figure holds it already.
template <class F>
void for_each_short_call(const UnderlyingState& state, const ProjectedState& projected, F&& f) {
  for (const Position& position : state.positions) {
    if (position.type == OptionType::call && position.size.sign() < 0) {
      f(position.symbol, position.expiry_ms, -position.size, position.delta, 0.0, false);
    }
  }
  // The delta of an order that may fill: the candidate's; the most a call can have where it is none.
  const auto delta_of = [&](const std::string& symbol) {
    const CandidateOption* const candidate = find_candidate(state, symbol);
    return candidate != nullptr ? candidate->delta : 1.0;
  };
  for (const Order& order : state.open_orders) {
    if (order.side != Side::sell || order.state != OrderState::open || order.reduce_only) continue;
    const auto name = try_parse_instrument_name(order.symbol);
    if (!name || name->type != OptionType::call) continue;
    f(order.symbol, name->expiry_ms, order.amount - order.filled_amount, delta_of(order.symbol), 0.0, false);
  }
  for (const UnknownLeg& leg : state.unknown_legs) {
    const auto name = try_parse_instrument_name(leg.symbol);
    const CandidateOption* const candidate = find_candidate(state, leg.symbol);
    const double mark = candidate != nullptr ? candidate->mark.to_double() : 0.0;
    const double margin = name ? short_call_margin(state.index, name->strike, mark).initial : not_a_number;
    f(leg.symbol, name ? name->expiry_ms : 0, leg.amount, delta_of(leg.symbol), margin * leg.amount.to_double(), false);
  }
  for (const ProjectedLeg& leg : projected.legs) {
    if (leg.underlying == state.underlying) f(leg.symbol, leg.expiry_ms, leg.amount, leg.delta, leg.margin, true);
  }
}

/// Initial margin of one contract in the settlement currency.
inline double initial_margin(const Instrument& instrument, double index, double mark) {
  if (instrument.settlement == SettlementType::inverse) return short_call_margin(index, instrument.strike, mark).initial;
  return short_call_margin(index, instrument.strike, mark / index).initial * index;
}

/// One check: the order, what it refers to, and what it changes.
class OrderCheck {
 public:
  OrderCheck(const AgentState& state, const Action& action, const Settings& settings, const Attestation& attestation,
             const ProjectedState& projected, const OrderContext& order)
      : state_(state),
        action_(action),
        settings_(settings),
        attestation_(attestation),
        projected_(projected),
        order_(order),
        amount_(order.amount.value_or(action.size)) {
    underlying_ = state.find(action.underlying);
    sells_ = order.role == LegRole::open || order.role == LegRole::roll_open;
    adds_ = order.role != LegRole::close;
    if (underlying_ == nullptr) return;
    traded_ = find_instrument(*underlying_, order_symbol(action, order.role));
    opened_ = !adds_ ? nullptr : sells_ ? traded_ : find_instrument(*underlying_, action.roll_to);
  }

  /// Empty, or why no mode may send this.
  std::string hard_denial() const {
    for (const auto gate : {&OrderCheck::action_valid, &OrderCheck::kill_switch, &OrderCheck::attested, &OrderCheck::instrument,
                            &OrderCheck::size, &OrderCheck::price, &OrderCheck::quote, &OrderCheck::caps,
                            &OrderCheck::duplicates, &OrderCheck::journal}) {
      if (std::string why = (this->*gate)(); !why.empty()) return why;
    }
    return {};
  }

  /// Every limit that is exceeded. @pre no hard denial
  std::vector<std::string> soft_denials() const {
    std::vector<std::string> reasons;
    const auto check = [&](std::string why) {
      if (!why.empty()) reasons.push_back(std::move(why));
    };
    if (adds_) {
      check(equity_known());
      check(day_drawdown());
      check(margin_used());
      check(net_delta());
      check(expiry_exposure());
      if (order_.role == LegRole::open) check(coverage());
      check(liquidity());
    }
    if (!sells_) check(short_exists());
    return reasons;
  }

 private:
  using Fixed8 = market::Fixed8;

  template <class F>
  void each_short_call(const UnderlyingState& state, F&& f) const {
    for_each_short_call(state, projected_, f);
  }
  std::int64_t server_now_ms() const { return order_.now_ms + (state_.server_time_ms - state_.now_ms); }
  static std::string text(double value) { return io::trimmed(value, 8); }

  std::string action_valid() const {  // H1
    const auto fits = [&] {
      switch (action_.type) {
        case ActionType::open_covered_call:
          return order_.role == LegRole::open;
        case ActionType::close_covered_call:
          return order_.role == LegRole::close;
        case ActionType::roll_covered_call:
          return order_.role == LegRole::roll_close || order_.role == LegRole::roll_open;
        default:
          return false;
      }
    };
    if (action_.type == ActionType::training_ladder)
      return "H1 action: TRAINING_LADDER is logged, never executed; check its legs";
    if (!fits()) {
      return "H1 action: " + std::string(name_of(action_.type)) + " has no order of role " + std::string(name_of(order_.role));
    }
    if (action_.underlying.empty() || action_.symbol.empty()) return "H1 action: underlying or symbol is missing";
    if (action_.type == ActionType::roll_covered_call && (action_.roll_to.empty() || action_.roll_to == action_.symbol)) {
      return "H1 action: a roll needs another call to roll to, found '" + action_.roll_to + "'";
    }
    if (action_.mode == AgentMode::training && !action_.strategy) return "H1 action: a training action needs its strategy";
    if (!(action_.propensity > 0.0 && action_.propensity <= 1.0)) {
      return "H1 action: the propensity must lie in (0, 1], found " + text(action_.propensity);
    }
    if (const auto& seen = action_.diagnostics) {
      for (const double value : {seen->delta, seen->dte, seen->premium_usd, seen->ivrv}) {
        if (!is_finite(value)) return "H1 action: a diagnostic is not finite";
      }
    }
    return {};
  }

  std::string kill_switch() const {  // H2
    if (projected_.kill_latched) return "H2 kill switch: latched";
    if (settings_.kill_switch_enabled) return "H2 kill switch: kill_switch_enabled is set";
    return {};
  }

  std::string attested() const {  // H3
    const std::int64_t age = order_.now_ms - attestation_.at_ms();
    if (!(age >= 0 && age <= max_attestation_age_ms)) {
      return "H3 attestation: " + std::to_string(age) + " ms old, must be 0 to " + std::to_string(max_attestation_age_ms);
    }
    const VenueEnvironment found = attestation_.environment();
    if (found != VenueEnvironment::paper && settings_.deribit_env != name_of(found)) {
      return "H3 attestation: the venue is " + std::string(name_of(found)) + ", deribit_env is " + settings_.deribit_env;
    }
    const bool training = settings_.training_mode || action_.mode == AgentMode::training;
    if (training && (found == VenueEnvironment::mainnet || !settings_.is_training_on_testnet(projected_.hosts))) {
      return "H3 attestation: training needs training_mode, a testnet or paper venue, deribit_env testnet and a testnet host";
    }
    return {};
  }

  std::string instrument() const {  // H4
    if (underlying_ == nullptr) return "H4 instrument: the state has no underlying " + action_.underlying;
    if (std::string why = tradable(order_symbol(action_, order_.role), sells_); !why.empty()) return why;
    return order_.role == LegRole::roll_close ? tradable(action_.roll_to, true) : std::string();
  }
  std::string tradable(const std::string& symbol, bool for_open) const {
    const Instrument* const found = find_instrument(*underlying_, symbol);
    if (found == nullptr) return "H4 instrument: " + symbol + " is not listed";
    if (found->underlying != action_.underlying) {
      return "H4 instrument: " + symbol + " is not on " + action_.underlying + " but on " + found->underlying;
    }
    if (!(found->strike > 0.0)) return "H4 instrument: " + symbol + " has no strike";
    if (!found->open) return "H4 instrument: " + symbol + " is not open";
    if (found->type != OptionType::call) return "H4 instrument: " + symbol + " is not a call";
    const std::int64_t left = found->expiry_ms - server_now_ms();
    if (!(left > 0)) return "H4 instrument: " + symbol + " has expired";
    if (for_open && !(left >= std::int64_t{settings_.min_time_to_expiry_min} * 60'000)) {
      return "H4 instrument: " + symbol + " expires in less than " + std::to_string(settings_.min_time_to_expiry_min) + " min";
    }
    return {};
  }

  std::string size() const {  // H5
    const auto sized = [&](const Instrument& one) -> std::string {
      if (amount_.sign() <= 0) return "H5 size: must be above 0, found " + amount_.to_string();
      if (one.minimum_size.sign() <= 0 || !amount_.is_multiple_of(one.minimum_size)) {
        return "H5 size: " + amount_.to_string() + " is not a multiple of the minimum " + one.minimum_size.to_string();
      }
      return {};
    };
    if (std::string why = sized(*traded_); !why.empty()) return why;
    if (adds_ && !sells_) {
      if (std::string why = sized(*opened_); !why.empty()) return why;
    }
    const double limit = settings_.hard_max_leg_size.find(action_.underlying).value_or(not_a_number);
    if (!(amount_.to_double() <= limit && amount_.to_double() <= hard_bound_leg_size(action_.underlying))) {
      return "H5 size: " + amount_.to_string() + " is above hard_max_leg_size " + text(limit);
    }
    return {};
  }

  std::string price() const {  // H6
    const Fixed8 price = order_.price;
    if (!order_.ticker) return "H6 price: the order has no ticker";
    if (price.sign() <= 0) {
      const bool quoted = (sells_ ? order_.ticker->bid : order_.ticker->ask).sign() > 0;
      const std::string why = quoted ? "" : sells_ ? ": the book has no bid" : ": the book has no ask";
      return "H6 price: must be above 0, found " + price.to_string() + why;
    }
    const Fixed8 tick = tick_at(*traded_, price);
    if (tick.sign() <= 0 || !price.is_multiple_of(tick)) {
      return "H6 price: " + price.to_string() + " is not a multiple of the tick " + tick.to_string();
    }
    const Fixed8 mark = order_.ticker->mark;
    if (mark.sign() <= 0) return "H6 price: the mark is unknown";
    const Fixed8 room = max(tick * 5, divide(mark, Fixed8::from_integer(sells_ ? 4 : 2)));
    if (abs(price - mark) > room) {
      return "H6 price: " + price.to_string() + " is further than " + room.to_string() + " from the mark " + mark.to_string();
    }
    return {};
  }

  std::string quote() const {  // H7
    const Ticker& ticker = *order_.ticker;
    const std::int64_t skew = state_.server_time_ms - state_.now_ms;
    if (!(skew <= max_clock_skew_ms && skew >= -max_clock_skew_ms)) {
      return "H7 quote: the clock differs from the venue's by " + std::to_string(skew) + " ms";
    }
    if (ticker.symbol != order_symbol(action_, order_.role)) return "H7 quote: the ticker is that of " + ticker.symbol;
    const std::int64_t age = server_now_ms() - ticker.quote_ms;
    if (!(age <= settings_.max_quote_age_ms && age >= -max_clock_skew_ms)) {
      return "H7 quote: " + std::to_string(age) + " ms old, the limit is " + std::to_string(settings_.max_quote_age_ms);
    }
    const bool has_bid = ticker.bid.sign() > 0, has_ask = ticker.ask.sign() > 0;
    if (has_bid && has_ask && ticker.bid > ticker.ask) {
      return "H7 quote: crossed, bid " + ticker.bid.to_string() + " above ask " + ticker.ask.to_string();
    }
    const bool needs_bid = sells_;
    const bool needs_ask = !sells_ || settings_.order_style == OrderStyle::post_only;
    if ((needs_bid && !has_bid) || (needs_ask && !has_ask)) return "H7 quote: one-sided";
    return {};
  }

  std::string caps() const {  // H8
    const int legs = projected_.legs_this_tick + 1;
    if (!(legs <= settings_.hard_max_legs_per_tick && legs <= hard_bound_legs_per_tick)) {
      return "H8 caps: leg " + std::to_string(legs) + " of this tick, hard_max_legs_per_tick is " +
             std::to_string(settings_.hard_max_legs_per_tick);
    }
    if (adds_) {
      double notional = 0.0;
      for (const UnderlyingState& one : state_.underlyings) {
        Fixed8 open = sells_ && &one == underlying_ ? amount_ : Fixed8();  // a roll opens what it closes
        each_short_call(one, [&](auto&, auto, Fixed8 amount, auto, auto, auto) { open += amount; });
        // An index that is not a number matters only where something is open.
        // Units first: 1.1 is no double, and 1.1 coins at 90 000 are not above 99 000.
        if (open.sign() != 0) notional += static_cast<double>(open.units()) * one.index / static_cast<double>(Fixed8::scale);
      }
      if (!(notional <= settings_.hard_max_open_notional_usd && notional <= hard_bound_open_notional_usd)) {
        return "H8 caps: " + text(notional) + " USD of calls would be open, hard_max_open_notional_usd is " +
               text(settings_.hard_max_open_notional_usd);
      }
    }
    return action_.mode == AgentMode::training && adds_ ? training_caps() : std::string();
  }
  std::string training_caps() const {
    // Each distinct symbol is one leg, whatever its amount.
    std::vector<std::string_view> open;
    int this_tick = 0, of_expiry = 0;
    each_short_call(*underlying_, [&](const std::string& symbol, std::int64_t expiry_ms, Fixed8 amount, auto, auto, bool now) {
      if (amount.sign() < 0) return;
      this_tick += now ? 1 : 0;
      if (std::find(open.begin(), open.end(), symbol) != open.end()) return;
      open.push_back(symbol);
      of_expiry += expiry_ms == opened_->expiry_ms ? 1 : 0;
    });
    const auto exceeded = [](const char* name, int count, int limit) {
      return "H8 caps: " + std::to_string(count) + " legs, " + name + " is " + std::to_string(limit);
    };
    if (!(this_tick + 1 <= settings_.training_max_calls_per_underlying)) {
      return exceeded("training_max_calls_per_underlying", this_tick + 1, settings_.training_max_calls_per_underlying);
    }
    if (!(of_expiry + 1 <= settings_.training_max_calls_per_expiry)) {
      return exceeded("training_max_calls_per_expiry", of_expiry + 1, settings_.training_max_calls_per_expiry);
    }
    const int all = static_cast<int>(open.size()) + 1;
    if (!(all <= settings_.training_max_open_calls_per_underlying)) {
      return exceeded("training_max_open_calls_per_underlying", all, settings_.training_max_open_calls_per_underlying);
    }
    return {};
  }

  std::string duplicates() const {  // H9
    if (order_.label_conflict) return "H9 duplicate: the journal holds this label with another content";
    if (!adds_) return {};
    const std::string& symbol = opened_->symbol;
    const auto same = [&](const auto& one) { return one.symbol == symbol; };
    const auto resting = [&](const Order& one) { return one.symbol == symbol && one.state == OrderState::open; };
    const auto sold = [&](const ProjectedLeg& one) { return one.symbol == symbol && one.amount.sign() > 0; };
    const auto& here = *underlying_;
    if (find_position(here, symbol) != nullptr || std::any_of(here.open_orders.begin(), here.open_orders.end(), resting) ||
        std::any_of(here.unknown_legs.begin(), here.unknown_legs.end(), same) ||
        std::any_of(projected_.legs.begin(), projected_.legs.end(), sold)) {
      return "H9 duplicate: " + symbol + " is open or resting already";
    }
    return {};
  }

  std::string journal() const {  // H10
    return projected_.plan_is_durable ? std::string() : "H10 log: the plan is not on disk, so nothing is sent";
  }

  std::string equity_known() const {  // S1
    return underlying_->account.equity.sign() > 0 ? std::string()
                                                  : "S1 equity: " + underlying_->account.equity.to_string() + " is not above 0";
  }

  std::string day_drawdown() const {  // S2
    const double limit = settings_.daily_drawdown_limit_pct;
    if (limit <= 0.0) return {};  // off
    const auto found = projected_.day_peak_equity.find(action_.underlying);
    const double peak = found == projected_.day_peak_equity.end() ? not_a_number : found->second;
    const double lost = peak > 0.0 ? (peak - underlying_->account.equity.to_double()) / peak * 100.0 : not_a_number;
    if (!(lost < limit)) return "S2 day drawdown: " + text(lost) + " %, the limit is " + text(limit) + " %";
    return {};
  }

  /// A number of the call that the action opens: of the ticker at its own order, of its candidate before the close of a roll.
  double mark_of_opened() const {
    if (sells_) return order_.ticker->mark.to_double();
    const CandidateOption* const target = find_candidate(*underlying_, action_.roll_to);
    return target != nullptr ? target->mark.to_double() : not_a_number;
  }
  double delta_of_opened() const {
    if (sells_) return order_.ticker->delta;
    const CandidateOption* const target = find_candidate(*underlying_, action_.roll_to);
    return target != nullptr ? target->delta : not_a_number;
  }

  std::string margin_used() const {  // S3
    const UnderlyingState& here = *underlying_;
    double used = here.account.initial_margin.to_double();
    each_short_call(here, [&](auto&, auto, auto, auto, double margin, auto) { used += margin; });
    if (order_.margins) {
      used += order_.margins->initial.to_double();
    } else {
      used += amount_.to_double() * initial_margin(*opened_, here.index, mark_of_opened());
    }
    if (const Position* const closed = sells_ ? nullptr : find_position(here, action_.symbol)) {
      used -= amount_.to_double() * initial_margin(*traded_, here.index, closed->mark.to_double());
    }
    const double percent = used / here.account.equity.to_double() * 100.0;
    const double limit = settings_.max_margin_used_pct * 0.9;
    if (!(percent < limit))
      return "S3 margin: " + text(percent) + " % used after the leg, must stay below " + text(limit) + " %";
    return {};
  }

  std::string net_delta() const {  // S4
    const UnderlyingState& here = *underlying_;
    double net = -amount_.to_double() * delta_of_opened();
    for (const Position& position : here.positions) {
      if (position.type == OptionType::put || position.size.sign() > 0) net += position.size.to_double() * position.delta;
    }
    each_short_call(here, [&](auto&, auto, Fixed8 amount, double delta, auto, auto) { net -= amount.to_double() * delta; });
    if (const Position* const closed = sells_ ? nullptr : find_position(here, action_.symbol)) {
      net += amount_.to_double() * closed->delta;
    }
    const double limit = settings_.max_net_delta_abs.find(action_.underlying).value_or(not_a_number);
    if (!(std::fabs(net) <= limit)) return "S4 net delta: " + text(net) + " after the leg, the limit is " + text(limit);
    return {};
  }

  std::string expiry_exposure() const {  // S5
    Fixed8 open = amount_;
    if (!sells_ && traded_->expiry_ms == opened_->expiry_ms) open -= amount_;
    each_short_call(*underlying_, [&](auto&, std::int64_t expiry_ms, Fixed8 amount, auto, auto, auto) {
      if (expiry_ms == opened_->expiry_ms) open += amount;
    });
    const double limit = settings_.effective_max_expiry_exposure().find(action_.underlying).value_or(not_a_number);
    if (!(open.to_double() <= limit)) {
      return "S5 expiry exposure: " + open.to_string() + " after the leg, the limit is " + text(limit);
    }
    return {};
  }

  std::string coverage() const {  // S6
    const Account& account = underlying_->account;
    if (account.currency != action_.underlying) return "S6 coverage: the account holds " + account.currency + ", no coin";
    Fixed8 free = account.equity;
    each_short_call(*underlying_, [&](auto&, auto, Fixed8 amount, auto, auto, auto) { free -= amount; });
    if (!(free >= amount_)) {
      return "S6 coverage: " + free.to_string() + " " + account.currency + " free, " + amount_.to_string() + " needed";
    }
    return {};
  }

  std::string liquidity() const {  // S7
    double spread_pct = not_a_number, open_interest = not_a_number;
    if (sells_) {
      const Ticker& ticker = *order_.ticker;
      const double bid = ticker.bid.to_double(), ask = ticker.ask.to_double();
      if (bid > 0.0 && ask > 0.0) spread_pct = (ask - bid) / (0.5 * (bid + ask)) * 100.0;
      open_interest = ticker.open_interest;
    } else if (const CandidateOption* const target = find_candidate(*underlying_, action_.roll_to)) {
      spread_pct = target->spread_pct;
      open_interest = target->open_interest;
    }
    const double least = settings_.liquidity_min_open_interest.find(action_.underlying).value_or(not_a_number);
    if (!(spread_pct <= settings_.liquidity_max_spread_pct)) {
      return "S7 liquidity: spread " + text(spread_pct) + " %, the limit is " + text(settings_.liquidity_max_spread_pct) + " %";
    }
    if (!(open_interest >= least)) return "S7 liquidity: open interest " + text(open_interest) + ", at least " + text(least);
    return {};
  }

  std::string short_exists() const {  // S8
    const Position* const position = find_position(*underlying_, action_.symbol);
    Fixed8 open = position != nullptr ? -position->size : Fixed8();
    for (const ProjectedLeg& leg : projected_.legs) {
      if (leg.symbol == action_.symbol && leg.amount.sign() < 0) open += leg.amount;
    }
    if (!(open >= amount_))
      return "S8 position: " + open.to_string() + " short of " + action_.symbol + ", " + amount_.to_string() + " to close";
    return {};
  }

  const AgentState& state_;
  const Action& action_;
  const Settings& settings_;
  const Attestation& attestation_;
  const ProjectedState& projected_;
  const OrderContext& order_;
  Fixed8 amount_;
  const UnderlyingState* underlying_ = nullptr;
  const Instrument* traded_ = nullptr;  // what the order buys or sells
  const Instrument* opened_ = nullptr;  // the call that the action sells: of a roll's first order, its target
  bool sells_ = false;                  // this order sells
  bool adds_ = false;                   // this order, or the one after it, sells
};

}  // namespace detail

/**
 * @brief Whether an order may be sent now.
 *
 * The hard gates H1 to H10 run in their order and the first denial ends the check; S1 to S8 then give every limit that is
 * exceeded. Training on testnet (`is_training_on_testnet`, with an attestation that holds) skips S1 to S8 and says so with
 * `training_skip_reason`. DO_NOTHING always passes. A close passes S1 to S7: no limit blocks a reduction of risk. The first
 * order of a roll is checked for what the whole roll leads to, so that nothing is closed that cannot be opened again.
 *
 * There is no attestation that stands for "none": without one the caller has nothing to call this with.
 * @param state        of the tick
 * @param action       that the order belongs to
 * @param settings     limits, and whether it is training
 * @param attestation  what the venue proved to be
 * @param projected    the tick so far; `project` has to be told of every order that was allowed
 * @param order        the order itself, with the quote just read
 * @return  each reason begins with the name of its row ("H6", "S3")
 */
inline RiskCheck check_action_allowed(const AgentState& state, const Action& action, const Settings& settings,
                                      const Attestation& attestation, const ProjectedState& projected,
                                      const OrderContext& order) {
  if (action.type == ActionType::do_nothing) return {};
  const detail::OrderCheck check(state, action, settings, attestation, projected, order);
  if (std::string why = check.hard_denial(); !why.empty()) return {false, {std::move(why)}};
  if (settings.is_training_on_testnet(projected.hosts)) return {true, {std::string(training_skip_reason)}};
  std::vector<std::string> reasons = check.soft_denials();
  const bool allowed = reasons.empty();
  return {allowed, std::move(reasons)};
}

/// Takes an allowed order into the projection: a sold call counts as open from here on, an order to buy back counts as a leg
/// only until `project_close` says what it filled.
/// @pre check_action_allowed has allowed it
inline void project(ProjectedState& projected, const AgentState& state, const Action& action, const OrderContext& order) {
  if (action.type == ActionType::do_nothing) return;
  ++projected.legs_this_tick;
  if (order.role != LegRole::open && order.role != LegRole::roll_open) return;
  const std::string& symbol = order_symbol(action, order.role);
  const UnderlyingState* const underlying = state.find(action.underlying);
  const Instrument* const instrument = underlying != nullptr ? detail::find_instrument(*underlying, symbol) : nullptr;
  RLX_REQUIRE(instrument != nullptr && order.ticker, "project: an order that the risk check cannot have allowed");
  const market::Fixed8 amount = order.amount.value_or(action.size);
  const double margin = order.margins ? order.margins->initial.to_double()
                                      : amount.to_double() * detail::initial_margin(*instrument, underlying->index,
                                                                                    order.ticker->mark.to_double());
  projected.legs.push_back({action.underlying, symbol, instrument->expiry_ms, amount, order.ticker->delta, margin});
}

/// Takes what a close, or the first order of a roll, has filled out of the open calls.
/// @param projected  of the tick; changed
/// @param state      of the tick
/// @param action     the close or roll; one whose position is not in the state changes nothing
/// @param filled     contracts; 0 or less changes nothing
inline void project_close(ProjectedState& projected, const AgentState& state, const Action& action, market::Fixed8 filled) {
  const UnderlyingState* const underlying = state.find(action.underlying);
  const Position* const position = underlying != nullptr ? detail::find_position(*underlying, action.symbol) : nullptr;
  const Instrument* const instrument = underlying != nullptr ? detail::find_instrument(*underlying, action.symbol) : nullptr;
  if (filled.sign() <= 0 || position == nullptr || instrument == nullptr) return;
  const double margin = filled.to_double() * detail::initial_margin(*instrument, underlying->index, position->mark.to_double());
  projected.legs.push_back({action.underlying, action.symbol, instrument->expiry_ms, -filled, position->delta, -margin});
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_RISK_ENGINE_HPP
