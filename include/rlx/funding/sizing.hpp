// SPDX-License-Identifier: MIT
/// @file
/// @brief How large an entry is and whether it is allowed: one function for the mask, the fill and live decisions.
#ifndef RLX_FUNDING_SIZING_HPP
#define RLX_FUNDING_SIZING_HPP

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include <rlx/funding/actions.hpp>
#include <rlx/funding/environment_config.hpp>
#include <rlx/funding/opportunity.hpp>
#include <rlx/funding/trading_config.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/funding/venues.hpp>

namespace rlx::funding {

/// The venue's terms for one instrument, resolved once so that no step compares names.
struct LegTerms {
  VenueId venue = 0;
  std::uint32_t account = 0;  ///< index of the venue among the portfolio's venues
  LiquidationRule rule = LiquidationRule::mark;
  double taker = 0.0;            ///< decimal
  double liquidation_fee = 0.0;  ///< decimal
  double lot = 0.0;              ///< coins; 0 = unknown
  std::span<const MaintenanceTier> tiers;  ///< lives in the venue table
};

/// What a fill is made from: the last known price and the state of the book; NaN = missing.
struct LegQuote {
  double price = 0.0;
  double bid_ask_bps = missing;
  double depth_usd = missing;
  bool fresh = false;
};

/// Both legs of a pair as an order sees them.
struct PairQuote {
  InstrumentId long_leg = no_id, short_leg = no_id;
  SymbolId symbol = no_id;
  LegQuote long_quote, short_quote;

  double mid() const { return 0.5 * (long_quote.price + short_quote.price); }
};

inline PairQuote quote_of(const Opportunity& opportunity) {
  return {opportunity.long_leg,
          opportunity.short_leg,
          opportunity.symbol,
          {opportunity.long_price, opportunity.long_bid_ask_bps, opportunity.long_depth_usd, opportunity.long_fresh},
          {opportunity.short_price, opportunity.short_bid_ask_bps, opportunity.short_depth_usd, opportunity.short_fresh}};
}

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
inline double taker_fill(const LegQuote& quote, int direction, double quantity, const CostModel& costs, double extra_bps = 0.0) {
  return fill_price(quote.price, direction, half_spread_bps(quote.bid_ask_bps, costs) + extra_bps,
                    impact_bps(quantity * quote.price, quote.depth_usd, costs));
}

/// Why an entry is not allowed, in the order in which the conditions are tested.
enum class EntryCheck : std::uint8_t {
  allowed,
  empty_slot,
  stale_price,
  symbol_held,
  no_free_position,
  below_minimum,
  not_enough_cash,
  utilization_cap,
  depth_share
};

constexpr std::string_view to_string(EntryCheck check) {
  switch (check) {
    case EntryCheck::allowed: return "allowed";
    case EntryCheck::empty_slot: return "the opportunity slot is empty";
    case EntryCheck::stale_price: return "a leg has no fresh price";
    case EntryCheck::symbol_held: return "the symbol is already held";
    case EntryCheck::no_free_position: return "max_positions are open";
    case EntryCheck::below_minimum: return "the quantity is below one lot or the least notional";
    case EntryCheck::not_enough_cash: return "margin and fee exceed the free cash of a venue";
    case EntryCheck::utilization_cap: return "margin in use would exceed target_utilization";
    case EntryCheck::depth_share: return "a leg would take too large a share of the known depth";
  }
  return "";
}

/// What the account brings to the question. Amounts in USD.
struct AccountView {
  double equity = 0.0;
  double margin = 0.0;  ///< in use, over all venues
  double free_long = 0.0, free_short = 0.0;
  int open_positions = 0;
  bool symbol_held = false;
};

/// Settings that decide a size, gathered once per decision.
struct SizingRules {
  const TradingConfig* trading = nullptr;
  const ExecutionConfig* execution = nullptr;
  CostModel costs;
  SizingMode mode = SizingMode::available_margin;
  double initial_capital = 0.0;
};

/// An entry worked out in full. Quantities are valid from `below_minimum` on; nothing before that.
struct EntryPlan {
  EntryCheck check = EntryCheck::empty_slot;
  double quantity = 0.0;  ///< coins, equal on both legs
  double leverage = 0.0;
  double long_fill = 0.0, short_fill = 0.0;
};

/// Maintenance rate that limits leverage: the tier's, plus the taker fee where the venue's rule has it.
inline double effective_maintenance(const LegTerms& terms, const MaintenanceTier& tier) {
  return tier.rate + (terms.rule == LiquidationRule::mark_plus_taker ? terms.taker : 0.0);
}

/// min(max_leverage, tier's maximum, 1 / (m' + b (1 + m'))) over both legs; the tier is read at `stake` (no iteration).
inline double entry_leverage(const TradingConfig& trading, const LegTerms& long_terms, const LegTerms& short_terms, double stake) {
  double leverage = trading.max_leverage;
  for (const LegTerms* terms : {&long_terms, &short_terms}) {
    const MaintenanceTier& tier = tier_at(terms->tiers, stake);
    const double cap = maximum_buffered_leverage(effective_maintenance(*terms, tier), trading.liquidation_buffer);
    leverage = std::min(leverage, std::min(tier.max_leverage, cap));
  }
  return leverage;
}

/// The coarser lot of two legs; an unknown lot is the power of ten below 5 USD worth of coins.
inline double common_lot(double long_lot, double short_lot, double mid) {
  const double lot = std::max(long_lot, short_lot);
  return lot > 0.0 ? lot : std::pow(10.0, std::floor(std::log10(5.0 / mid)));
}

/// Stake per leg in USD before rounding to lots.
inline double entry_stake(const SizingRules& rules, double least_free_cash, double leverage, Size size) {
  const double base = rules.mode == SizingMode::fixed_coins ? rules.initial_capital : 2.0 * least_free_cash;
  const double multiplier = rules.execution->multipliers[static_cast<std::size_t>(size)];
  return base * leverage * rules.trading->target_utilization / rules.trading->max_positions * multiplier;
}

/// Works out an entry and the first condition that forbids it. Allocates nothing.
/// @param reference_mid  mid at the start of the window (fixed_coins: the quantity does not follow the price); else unused
/// @param lot  `common_lot` of the pair at its present mid
inline EntryPlan plan_entry(const PairQuote& quote, const LegTerms& long_terms, const LegTerms& short_terms,
                            const AccountView& account, const SizingRules& rules, Size size, double reference_mid, double lot) {
  EntryPlan plan;
  if (!quote.long_quote.fresh || !quote.short_quote.fresh) {
    plan.check = EntryCheck::stale_price;
    return plan;
  }
  if (account.symbol_held) {
    plan.check = EntryCheck::symbol_held;
    return plan;
  }
  if (account.open_positions >= rules.trading->max_positions) {
    plan.check = EntryCheck::no_free_position;
    return plan;
  }
  const bool fixed = rules.mode == SizingMode::fixed_coins;
  const double least_free = std::max(0.0, std::min(account.free_long, account.free_short));
  plan.leverage = entry_leverage(*rules.trading, long_terms, short_terms,
                                 entry_stake(rules, least_free, rules.trading->max_leverage, size));
  const double stake = entry_stake(rules, least_free, plan.leverage, size);
  if (fixed) {
    plan.quantity = stake / reference_mid;
  } else {
    // A stake that is a whole number of lots must not lose one to rounding.
    plan.quantity = static_cast<double>(static_cast<std::int64_t>(std::min(stake / quote.mid() / lot + 1e-9, 9e15))) * lot;
  }
  const double long_notional = plan.quantity * quote.long_quote.price;
  const double short_notional = plan.quantity * quote.short_quote.price;
  if (!(plan.quantity > 0.0) || !(std::min(long_notional, short_notional) >= rules.execution->min_notional)) {
    plan.check = EntryCheck::below_minimum;
    return plan;
  }
  plan.long_fill = taker_fill(quote.long_quote, +1, plan.quantity, rules.costs);
  plan.short_fill = taker_fill(quote.short_quote, -1, plan.quantity, rules.costs);
  if (fixed) {
    plan.check = EntryCheck::allowed;
    return plan;
  }
  const double long_margin = plan.quantity * plan.long_fill / plan.leverage;
  const double short_margin = plan.quantity * plan.short_fill / plan.leverage;
  const double long_fee = long_terms.taker * rules.costs.fee_scale * plan.quantity * plan.long_fill;
  const double short_fee = short_terms.taker * rules.costs.fee_scale * plan.quantity * plan.short_fill;
  if (!(long_margin + long_fee <= account.free_long) || !(short_margin + short_fee <= account.free_short)) {
    plan.check = EntryCheck::not_enough_cash;
    return plan;
  }
  const double slippage = plan.quantity * (plan.long_fill - quote.long_quote.price) +
                          plan.quantity * (quote.short_quote.price - plan.short_fill);
  const double equity_after = account.equity - long_fee - short_fee - slippage;
  if (!(account.margin + long_margin + short_margin <= rules.trading->target_utilization * equity_after)) {
    plan.check = EntryCheck::utilization_cap;
    return plan;
  }
  // Written so that an unknown depth (NaN) passes.
  if (long_notional > rules.execution->max_depth_share * quote.long_quote.depth_usd ||
      short_notional > rules.execution->max_depth_share * quote.short_quote.depth_usd) {
    plan.check = EntryCheck::depth_share;
    return plan;
  }
  plan.check = EntryCheck::allowed;
  return plan;
}

}  // namespace rlx::funding

#endif  // RLX_FUNDING_SIZING_HPP
