// SPDX-License-Identifier: MIT
/// @file
/// @brief How large an entry is and whether it is allowed: one function for the mask, the fill and live decisions.
#ifndef RLX_FUNDING_SIZING_HPP
#define RLX_FUNDING_SIZING_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <rlx/core/finite.hpp>
#include <rlx/funding/actions.hpp>
#include <rlx/funding/environment_config.hpp>
#include <rlx/funding/opportunity.hpp>
#include <rlx/funding/trading_config.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/funding/venues.hpp>

namespace rlx::inline v0_1::funding {

/// The venue's terms for one instrument, resolved once so that no step compares names.
struct LegTerms {
  VenueId venue = 0;                             ///< index into the venue table
  std::uint32_t account = 0;                     ///< index of the venue among the portfolio's venues
  LiquidationRule rule = LiquidationRule::mark;  ///< what liquidates a leg there
  double taker = 0.0;                            ///< decimal
  double liquidation_fee = 0.0;                  ///< decimal
  double lot = 0.0;                              ///< coins; 0 = unknown
  std::span<const MaintenanceTier> tiers;        ///< lives in the venue table
};

/// What a fill is made from: the last known price and the state of the book; NaN = missing.
struct LegQuote {
  double price = 0.0;            ///< last known, USD
  double bid_ask_bps = missing;  ///< quoted spread
  double depth_usd = missing;    ///< depth of the book
  bool fresh = false;            ///< the price is within max_price_age_ms
};

/// Both legs of a pair as an order sees them.
struct PairQuote {
  InstrumentId long_leg = no_id,  ///< what would be bought
      short_leg = no_id;          ///< what would be sold
  SymbolId symbol = no_id;        ///< of both legs
  LegQuote long_quote,            ///< of `long_leg`
      short_quote;                ///< of `short_leg`

  double mid() const { return 0.5 * (long_quote.price + short_quote.price); }  ///< mean of the two prices
};

/// As the list of opportunities shows it.
inline PairQuote quote_of(const Opportunity& opportunity) {
  return {opportunity.long_leg,
          opportunity.short_leg,
          opportunity.symbol,
          {opportunity.long_price, opportunity.long_bid_ask_bps, opportunity.long_depth_usd, opportunity.long_fresh},
          {opportunity.short_price, opportunity.short_bid_ask_bps, opportunity.short_depth_usd, opportunity.short_fresh}};
}

/// Of one leg; price 0 and not fresh where it has no price yet.
inline LegQuote quote_of(const LegView& leg) {
  if (leg.row == nullptr) return {};
  return {leg.row->price, static_cast<double>(leg.row->bid_ask_bps), static_cast<double>(leg.row->depth_usd), leg.fresh};
}

/// The cost numbers of an execution configuration.
inline CostModel costs_of(const ExecutionConfig& execution, double initial_capital) {
  CostModel costs;
  costs.fee_scale = execution.fee_scale;
  costs.impact_bps = execution.impact_bps;
  costs.default_half_spread_bps = execution.default_half_spread_bps;
  costs.default_depth_usd = execution.default_depth_usd;
  costs.reference_notional = 0.1 * initial_capital;
  return costs;
}

/// Fill of a taker order of `quantity` coins; `direction` +1 buys, -1 sells; `extra_bps` on top of half-spread and impact.
inline double taker_fill(const LegQuote& quote, int direction, double quantity, const CostModel& costs,
                         double extra_bps = 0.0) {
  return fill_price(quote.price, direction, half_spread_bps(quote.bid_ask_bps, costs) + extra_bps,
                    impact_bps(quantity * quote.price, quote.depth_usd, costs));
}

/// Why an entry is not allowed, in the order in which the conditions are tested.
enum class EntryCheck : std::uint8_t {
  allowed,           ///< nothing forbids it
  empty_slot,        ///< no opportunity is listed there
  stale_price,       ///< a leg has no fresh price
  symbol_held,       ///< a position of the symbol is open
  no_free_position,  ///< max_positions are open
  below_minimum,     ///< less than one lot or than min_notional
  not_enough_cash,   ///< margin and fee exceed the free cash of a venue
  utilization_cap,   ///< margin in use would exceed target_utilization
  depth_share        ///< a leg would take more than max_depth_share of the known depth
};

/// The condition in words.
constexpr std::string_view to_string(EntryCheck check) {
  switch (check) {
    case EntryCheck::allowed:
      return "allowed";
    case EntryCheck::empty_slot:
      return "the opportunity slot is empty";
    case EntryCheck::stale_price:
      return "a leg has no fresh price";
    case EntryCheck::symbol_held:
      return "the symbol is already held";
    case EntryCheck::no_free_position:
      return "max_positions are open";
    case EntryCheck::below_minimum:
      return "the quantity is below one lot or the least notional";
    case EntryCheck::not_enough_cash:
      return "margin and fee exceed the free cash of a venue";
    case EntryCheck::utilization_cap:
      return "margin in use would exceed target_utilization";
    case EntryCheck::depth_share:
      return "a leg would take too large a share of the known depth";
  }
  return "";
}

/// What the account brings to the question. Amounts in USD.
struct AccountView {
  double equity = 0.0;       ///< mark to market
  double margin = 0.0;       ///< in use, over all venues
  double free_long = 0.0,    ///< free cash of the long leg's venue
      free_short = 0.0;      ///< free cash of the short leg's venue
  int open_positions = 0;    ///< of any symbol
  bool symbol_held = false;  ///< one of them is of this symbol
};

/// Settings that decide a size, gathered once per decision.
struct SizingRules {
  const TradingConfig* trading = nullptr;          ///< never nullptr in use; not owned
  const ExecutionConfig* execution = nullptr;      ///< never nullptr in use; not owned
  CostModel costs;                                 ///< of the fills
  SizingMode mode = SizingMode::available_margin;  ///< what limits a stake
  double initial_capital = 0.0;                    ///< USD; the stake of `fixed_coins` follows from it
};

/// An entry worked out: quantity and leverage from `below_minimum` on, fills only where that is passed.
struct EntryPlan {
  EntryCheck check = EntryCheck::empty_slot;  ///< the first condition that forbids it, or `allowed`
  double quantity = 0.0;                      ///< coins, equal on both legs
  double leverage = 0.0;                      ///< of both legs
  double long_fill = 0.0,                     ///< price that the long leg pays, USD
      short_fill = 0.0;                       ///< price that the short leg gets, USD
};

/// Maintenance rate that limits leverage: the tier's, plus the taker fee where the venue's rule has it.
inline double effective_maintenance(const LegTerms& terms, const MaintenanceTier& tier) {
  return tier.rate + (terms.rule == LiquidationRule::mark_plus_taker ? terms.taker : 0.0);
}

/// min(max_leverage, tier's maximum, 1 / (m' + b (1 + m'))) over both legs; the tier is read at `stake` (no iteration).
inline double entry_leverage(const TradingConfig& trading, const LegTerms& long_terms, const LegTerms& short_terms,
                             double stake) {
  double leverage = trading.max_leverage, least_margin = 0.0;  // least initial margin as a share: the inverse of the cap
  for (const LegTerms* terms : {&long_terms, &short_terms}) {
    const MaintenanceTier& tier = tier_at(terms->tiers, stake);
    const double maintenance = effective_maintenance(*terms, tier);
    leverage = std::min(leverage, tier.max_leverage);
    least_margin = std::max(least_margin, maintenance + trading.liquidation_buffer * (1.0 + maintenance));
  }
  return leverage * least_margin <= 1.0 ? leverage : 1.0 / least_margin;
}

/// Largest power of ten that is not above x, for 1e-12 <= x <= 1e12; the nearest end of that range beyond it.
inline double power_of_ten_below(double x) {
  static constexpr std::array<double, 25> powers{1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0,
                                                 1e1,   1e2,   1e3,   1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11, 1e12};
  if (!(x >= powers.front())) return powers.front();
  if (x >= powers.back()) return powers.back();
  // floor(log10) is within one of the binary exponent times log10(2); one comparison settles it without a search.
  const auto exponent = static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(x) >> 52) - 1023;
  const auto guess = static_cast<std::size_t>(((exponent * 1233) >> 12) + 12);
  return guess + 1 < powers.size() && powers[guess + 1] <= x ? powers[guess + 1] : powers[guess];
}

/// The coarser lot of two legs; an unknown lot is the power of ten below 5 USD worth of coins.
inline double common_lot(double long_lot, double short_lot, double mid) {
  const double lot = std::max(long_lot, short_lot);
  return lot > 0.0 ? lot : power_of_ten_below(5.0 / mid);
}

/**
 * @brief Entries of all sizes into one pair; what the sizes share is worked out once. Allocates nothing.
 *
 * Refers to the quote, terms and rules it was made from. The sizes follow 2 min(free) L target_utilization / max_positions x
 * multiplier, rounded down to lots; the same quantity goes to both legs.
 */
class EntryPlanner {
 public:
  /// @param quote          both legs as the decision sees them
  /// @param long_terms     of the leg to buy
  /// @param short_terms    of the leg to sell
  /// @param account        equity, margin and free cash
  /// @param rules          settings and costs
  /// @param reference_mid  mid at the start of the window (fixed_coins: the quantity does not follow the price; NaN, unknown:
  ///                       no quantity); else unused
  EntryPlanner(const PairQuote& quote, const LegTerms& long_terms, const LegTerms& short_terms, const AccountView& account,
               const SizingRules& rules, double reference_mid)
      : quote_(quote), long_terms_(long_terms), short_terms_(short_terms), account_(account), rules_(rules) {
    if (!quote.long_quote.fresh || !quote.short_quote.fresh) {
      refused_ = EntryCheck::stale_price;
    } else if (account.symbol_held) {
      refused_ = EntryCheck::symbol_held;
    } else if (account.open_positions >= rules.trading->max_positions) {
      refused_ = EntryCheck::no_free_position;
    }
    const bool fixed = rules.mode == SizingMode::fixed_coins;
    const double capital = fixed ? rules.initial_capital : 2.0 * std::max(0.0, std::min(account.free_long, account.free_short));
    stake_at_1x_ = capital * rules.trading->target_utilization / static_cast<double>(rules.trading->max_positions);
    lot_ = fixed ? 0.0 : common_lot(long_terms.lot, short_terms.lot, quote.mid());
    lots_per_usd_ = !fixed ? 1.0 / (quote.mid() * lot_) : is_finite(reference_mid) ? 1.0 / reference_mid : 0.0;
  }

  /// The entry in full, with the first condition that forbids it.
  EntryPlan plan(Size size) const {
    EntryPlan plan = sized(size);
    if (plan.check != EntryCheck::allowed) return plan;
    plan.long_fill = taker_fill(quote_.long_quote, +1, plan.quantity, rules_.costs);
    plan.short_fill = taker_fill(quote_.short_quote, -1, plan.quantity, rules_.costs);
    if (rules_.mode == SizingMode::fixed_coins) return plan;
    const double long_margin = plan.quantity * plan.long_fill / plan.leverage;
    const double short_margin = plan.quantity * plan.short_fill / plan.leverage;
    const double long_fee = long_terms_.taker * rules_.costs.fee_scale * plan.quantity * plan.long_fill;
    const double short_fee = short_terms_.taker * rules_.costs.fee_scale * plan.quantity * plan.short_fill;
    const double slippage = plan.quantity * (plan.long_fill - quote_.long_quote.price) +
                            plan.quantity * (quote_.short_quote.price - plan.short_fill);
    const double equity_after = account_.equity - long_fee - short_fee - slippage;
    if (!(long_margin + long_fee <= account_.free_long) || !(short_margin + short_fee <= account_.free_short)) {
      plan.check = EntryCheck::not_enough_cash;
    } else if (!(account_.margin + long_margin + short_margin <= rules_.trading->target_utilization * equity_after)) {
      plan.check = EntryCheck::utilization_cap;
    } else if (exceeds_depth(plan.quantity)) {
      plan.check = EntryCheck::depth_share;
    }
    return plan;
  }

  /// Whether each size is allowed, as `plan(size).check` says, mostly without working out the fills: bounds on them decide all
  /// but the close cases.
  std::array<bool, 3> allowed() const {
    std::array<bool, 3> result{};
    if (refused_ != EntryCheck::allowed) return result;
    // A fill is at most `worst` from its price (impact is capped at 100 bp).
    const double widest = std::max(half_spread_bps(quote_.long_quote.bid_ask_bps, rules_.costs),
                                   half_spread_bps(quote_.short_quote.bid_ask_bps, rules_.costs));
    const double worst = 1e-4 * (widest + 100.0);
    const double dearest_price = std::max(quote_.long_quote.price, quote_.short_quote.price) * (1.0 + worst);
    const double cost_rate = std::max(long_terms_.taker, short_terms_.taker) * rules_.costs.fee_scale + worst;
    const double least_free = std::min(account_.free_long, account_.free_short);
    const double target = rules_.trading->target_utilization;
    for (const Size size : {Size::small, Size::medium, Size::large}) {
      const EntryPlan sketch = sized(size);
      bool& is_allowed = result[static_cast<std::size_t>(size)];
      if (sketch.check != EntryCheck::allowed) continue;
      if (rules_.mode == SizingMode::fixed_coins) {
        is_allowed = true;
        continue;
      }
      if (exceeds_depth(sketch.quantity)) continue;
      const double dearest = sketch.quantity * dearest_price;
      const double margin = dearest * inverse_leverage_;
      const double cost = dearest * cost_rate;
      constexpr double slack = 1.0 + 1e-9;  // covers rounding
      const bool surely = (margin + cost) * slack <= least_free &&
                          (account_.margin + 2.0 * margin) * slack <= target * (account_.equity - 2.0 * cost);
      is_allowed = surely || plan(size).check == EntryCheck::allowed;
    }
    return result;
  }

 private:
  // Leverage and quantity; refused for what the pair or the minimum forbids.
  EntryPlan sized(Size size) const {
    EntryPlan plan;
    plan.check = refused_;
    if (refused_ != EntryCheck::allowed) return plan;
    const double stake_at_1x = stake_at_1x_ * rules_.execution->multipliers[static_cast<std::size_t>(size)];
    plan.leverage = leverage_at(stake_at_1x * rules_.trading->max_leverage);
    const double units = stake_at_1x * plan.leverage * lots_per_usd_;
    // A stake that is a whole number of lots must not lose one to rounding.
    plan.quantity = rules_.mode == SizingMode::fixed_coins
                        ? units
                        : static_cast<double>(static_cast<std::int64_t>(std::min(units + 1e-9, 9e15))) * lot_;
    const double cheapest = std::min(quote_.long_quote.price, quote_.short_quote.price);
    if (!(plan.quantity > 0.0) || !(plan.quantity * cheapest >= rules_.execution->min_notional)) {
      plan.check = EntryCheck::below_minimum;
    }
    return plan;
  }

  // The sizes mostly read the same tiers.
  double leverage_at(double stake) const {
    const MaintenanceTier* const long_tier = &tier_at(long_terms_.tiers, stake);
    const MaintenanceTier* const short_tier = &tier_at(short_terms_.tiers, stake);
    if (long_tier != long_tier_ || short_tier != short_tier_) {
      long_tier_ = long_tier;
      short_tier_ = short_tier;
      leverage_ = entry_leverage(*rules_.trading, long_terms_, short_terms_, stake);
      inverse_leverage_ = 1.0 / leverage_;
    }
    return leverage_;
  }

  bool exceeds_depth(double quantity) const {
    const double share = rules_.execution->max_depth_share;
    const auto exceeds = [&](const LegQuote& leg) {
      return is_finite(leg.depth_usd) && quantity * leg.price > share * leg.depth_usd;
    };
    return exceeds(quote_.long_quote) || exceeds(quote_.short_quote);
  }

  const PairQuote& quote_;
  const LegTerms& long_terms_;
  const LegTerms& short_terms_;
  const AccountView& account_;
  const SizingRules& rules_;
  EntryCheck refused_ = EntryCheck::allowed;
  double stake_at_1x_ = 0.0;  // USD per leg before leverage and multiplier
  double lot_ = 0.0, lots_per_usd_ = 0.0;
  mutable const MaintenanceTier* long_tier_ = nullptr;
  mutable const MaintenanceTier* short_tier_ = nullptr;
  mutable double leverage_ = 1.0, inverse_leverage_ = 1.0;
};

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_SIZING_HPP
