// SPDX-License-Identifier: MIT
/// @file
/// @brief Accounts of a two-venue trade: free cash per venue, isolated margin per leg, five slots that stay put.
///
/// Every move of money is a posting of the double-entry ledger; the cash, margin and transit figures are its balances, the
/// equity is worked out from the marks, and both agree to 1e-9 USD.
#ifndef RLX_FUNDING_PORTFOLIO_HPP
#define RLX_FUNDING_PORTFOLIO_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/state.hpp>
#include <rlx/funding/attribution.hpp>
#include <rlx/funding/opportunity.hpp>
#include <rlx/funding/sizing.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/funding/venues.hpp>
#include <rlx/market/ledger.hpp>

namespace rlx::inline v0_1::funding {

using SlotId = std::size_t;  ///< index of a position slot, 0..4

/// Why a position ended.
enum class CloseReason : std::uint8_t {
  agent,                 ///< an EXIT
  stop_loss,             ///< its result fell to stop_loss_threshold
  liquidation,           ///< a price touched the liquidation price of the leg
  hedge_of_liquidation,  ///< the other leg was liquidated
  stale,                 ///< a price stayed stale for a day
  end_of_episode,        ///< EnvironmentConfig::close_at_end
  ruin,                  ///< equity fell to min_equity_ratio
  drawdown               ///< equity fell by max_drawdown from its peak
};

/// The enumerator's name.
constexpr std::string_view to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::agent:
      return "agent";
    case CloseReason::stop_loss:
      return "stop_loss";
    case CloseReason::liquidation:
      return "liquidation";
    case CloseReason::hedge_of_liquidation:
      return "hedge_of_liquidation";
    case CloseReason::stale:
      return "stale";
    case CloseReason::end_of_episode:
      return "end_of_episode";
    case CloseReason::ruin:
      return "ruin";
    case CloseReason::drawdown:
      return "drawdown";
  }
  return "";
}

/// Closed by a rule and not by the agent: stale legs pay extra.
constexpr bool is_forced(CloseReason reason) { return reason != CloseReason::agent; }

/// One leg of an open position.
struct Leg {
  InstrumentId instrument = no_id;  ///< index into the tape's instruments
  LegTerms terms;                   ///< without tiers
  MaintenanceTier tier;             ///< at the entry's notional
  double side = 1.0;                ///< +1 long, -1 short
  double fill = 0.0;                ///< entry price
  double mark = 0.0;                ///< last known price
  double value = 0.0;               ///< side q (mark - fill), USD, as booked
  double margin = 0.0;              ///< isolated margin, USD
  double liquidation_price = 0.0;   ///< USD; 0 or less: no price liquidates the leg
  double bid_ask_bps = missing;     ///< last known; a close pays it
  double depth_usd = missing;       ///< last known
  bool fresh = true;                ///< `mark` is within max_price_age_ms

  LegQuote quote() const { return {mark, bid_ask_bps, depth_usd, fresh}; }  ///< what a close now is made from
  /// side (P - P_liq) / P: negative past liquidation.
  double distance() const { return side * (mark - liquidation_price) / mark; }
};

/// An open pair: the same quantity long on one venue and short on another.
struct Position {
  PositionId id = 0;             ///< within the episode, from 1
  SymbolId symbol = no_id;       ///< of both legs
  double quantity = 0.0;         ///< coins on each leg
  Leg long_leg,                  ///< on the venue where the coin was bought
      short_leg;                 ///< on the venue where it was sold
  double mid_entry = 0.0;        ///< mean of the two prices (not fills) at entry
  double spread_entry_bp = 0.0;  ///< 1e4 (P_short - P_long) / mid at entry
  double funding = 0.0;          ///< settlements so far, USD
  double entry_fees = 0.0;       ///< USD, positive
  std::int64_t opened_ms = 0;    ///< ms UTC
  Attribution attribution;       ///< of this position so far; `total()` is its result

  /// Unrealised P&L of both legs against their fills.
  double price_pnl() const { return long_leg.value + short_leg.value; }
  /// What the stop-loss looks at: (price P&L + funding - entry fees) / (2 q mid at entry).
  double result_share() const { return (price_pnl() + funding - entry_fees) / (2.0 * quantity * mid_entry); }
  double margin() const { return long_leg.margin + short_leg.margin; }  ///< of both legs, USD
};

/// An order for both legs, worked out by `plan_entry`.
struct OpenOrder {
  PairQuote quote;        ///< prices of both legs
  LegTerms long_terms,    ///< of the leg to buy
      short_terms;        ///< of the leg to sell
  double quantity = 0.0;  ///< coins on each leg
  double leverage = 1.0;  ///< of both legs
};

/// A position that has ended.
struct ClosedTrade {
  Position position;                        ///< as it was after its last posting; `position.attribution.total()` is its result
  SlotId slot = 0;                          ///< where it was held
  std::int64_t closed_ms = 0;               ///< ms UTC
  CloseReason reason = CloseReason::agent;  ///< why the pair ended
  CloseReason long_reason = CloseReason::agent,  ///< why its long leg ended
      short_reason = CloseReason::agent;         ///< why its short leg ended; differs after a liquidation only
};
/// A closed slot gives its trade.
using CloseResult = ClosedTrade;

/// What a price row did to the leg of an instrument.
struct LiquidationResult {
  bool liquidated = false;  ///< false: the other members mean nothing
  double fill = 0.0;        ///< of the liquidated leg
  double insurance = 0.0;   ///< loss beyond the margin, carried by the venue's insurance fund, USD
  ClosedTrade trade;        ///< valid if `liquidated`; the other leg was closed at the same row
};

/// Rules of the account beside the prices.
struct PortfolioRules {
  CostModel costs{};                             ///< of every fill
  double stale_extra_bps = 50.0;                 ///< added to the forced close of a stale leg
  std::int64_t grace_ms = 0;                     ///< see ExecutionConfig
  double transfer_fee = 1.0;                     ///< USD, from the sum sent
  std::int64_t transfer_delay_ms = ms_per_hour;  ///< from sending to arrival
  bool unlimited_cash = false;                   ///< free cash may fall below 0: debits never touch a margin
};

/// The account. No member function allocates after construction unless the ledger records; none is safe for two threads.
class Portfolio {
 public:
  /**
   * @brief An account with its capital split equally over `venues`.
   * @param initial_capital  USD, above 0
   * @param venues  venues that may be traded; ids of `table`. The order gives the account index of `LegTerms`.
   * @param table   taker fees and names, read here only
   * @param rules   costs, transfers and limits
   * @throws ConfigError  no venue, a venue twice, an unknown venue, capital not positive
   */
  Portfolio(double initial_capital, std::span<const VenueId> venues, const VenueTable& table, const PortfolioRules& rules = {})
      : venues_(venues.begin(), venues.end()), rules_(rules), initial_capital_(initial_capital) {
    if (!is_finite(initial_capital) || initial_capital <= 0.0)
      throw ConfigError("initial_capital: expected a positive amount in USD");
    if (venues.empty()) throw ConfigError("portfolio: expected at least one venue");
    for (std::size_t i = 0; i < venues_.size(); ++i) {
      if (std::count(venues_.begin(), venues_.end(), venues_[i]) != 1)
        throw ConfigError("portfolio: venue '" + table.at(venues_[i]).name + "' is given twice");
      takers_.push_back(table.at(venues_[i]).taker);
      cash_.push_back(ledger_.add_account("cash " + table.at(venues_[i]).name, true));
    }
    for (SlotId slot = 0; slot < max_position_slots; ++slot) {
      for (const char* leg : {" long", " short"}) {
        margin_accounts_[2 * slot + (leg[1] == 's' ? 1U : 0U)] =
            ledger_.add_account("margin " + std::to_string(slot) + leg, true);
        value_accounts_[2 * slot + (leg[1] == 's' ? 1U : 0U)] =
            ledger_.add_account("value " + std::to_string(slot) + leg, true);
      }
    }
    transit_ = ledger_.add_account("transit", true);
    capital_ = ledger_.add_account("capital", false);
    price_ = ledger_.add_account("price", false);
    funding_ = ledger_.add_account("funding", false);
    fees_ = ledger_.add_account("fees", false);
    slippage_ = ledger_.add_account("slippage", false);
    liquidation_ = ledger_.add_account("liquidation fees", false);
    insurance_ = ledger_.add_account("insurance", false);
    transfer_fees_ = ledger_.add_account("transfer fees", false);
    reset(initial_capital, 0);
  }

  /// Back to an untouched account with this capital.
  void reset(double initial_capital, std::int64_t t_ms) {
    ledger_.clear();
    for (auto& slot : slots_) slot.reset();
    transfer_ = {};
    next_id_ = 1;
    open_ = 0;
    initial_capital_ = initial_capital;
    const double share = initial_capital / static_cast<double>(venues_.size());
    for (const market::AccountId account : cash_) post(t_ms, account, capital_, share, market::EntryKind::capital);
  }

  // --- questions ---------------------------------------------------------------------------------------------------------

  std::span<const VenueId> venues() const noexcept { return venues_; }  ///< by account index
  double initial_capital() const noexcept { return initial_capital_; }  ///< USD
  /// An empty one holds no position.
  std::span<const std::optional<Position>, max_position_slots> slots() const noexcept { return slots_; }
  int open_positions() const noexcept { return open_; }              ///< slots that are taken
  const market::Ledger& ledger() const noexcept { return ledger_; }  ///< all postings since the last reset
  const PortfolioRules& rules() const noexcept { return rules_; }    ///< as given
  /// Keeps the single entries from now on, see market::Ledger.
  void record_ledger(std::size_t reserve) { ledger_.record(reserve); }

  double free_cash_at(std::size_t account) const { return ledger_.balance(cash_[account]); }  ///< USD, by account index
  /// @throws ConfigError for a venue the account is not on
  double free_cash(VenueId venue) const { return free_cash_at(account_of(venue)); }
  double transit() const { return ledger_.balance(transit_); }  ///< money on its way between venues, USD

  /// Margin in use over all legs, USD.
  double margin() const {
    double sum = 0.0;
    for (const auto& slot : slots_)
      if (slot) sum += slot->margin();
    return sum;
  }

  /// Sum of free cash, margin, money under way and unrealised P&L at the marks.
  double equity() const {
    double sum = transit();
    for (const market::AccountId account : cash_) sum += ledger_.balance(account);
    for (const auto& slot : slots_) {
      if (!slot) continue;
      sum += slot->margin() +
             slot->quantity * ((slot->long_leg.mark - slot->long_leg.fill) - (slot->short_leg.mark - slot->short_leg.fill));
    }
    return sum;
  }

  /// Margin in use / equity.
  double margin_utilization() const { return margin() / equity(); }

  /// Smallest signed distance of any leg to its liquidation price; +infinity without a position.
  double min_liquidation_distance() const {
    double least = std::numeric_limits<double>::infinity();
    for (const auto& slot : slots_)
      if (slot) least = std::min({least, slot->long_leg.distance(), slot->short_leg.distance()});
    return least;
  }

  /// Margin of both legs of a pair, USD: 1,000 per leg at 5x needs 400.
  static double required_margin(double notional_per_leg, double leverage) { return 2.0 * notional_per_leg / leverage; }

  /// Whether a slot is free and each venue's free cash covers the leg's margin and taker fee.
  bool can_open(double notional_per_leg, double leverage, VenueId long_venue, VenueId short_venue) const {
    const auto covered = [&](VenueId venue) {
      const std::size_t account = account_of(venue);
      const double fee = takers_[account] * rules_.costs.fee_scale * notional_per_leg;
      return notional_per_leg / leverage + fee <= free_cash_at(account);
    };
    return open_ < static_cast<int>(max_position_slots) && covered(long_venue) && covered(short_venue);
  }

  /// Slot that holds the symbol.
  std::optional<SlotId> slot_of(SymbolId symbol) const {
    for (SlotId slot = 0; slot < max_position_slots; ++slot)
      if (slots_[slot] && slots_[slot]->symbol == symbol) return slot;
    return std::nullopt;
  }
  bool holds(SymbolId symbol) const { return slot_of(symbol).has_value(); }  ///< one of the slots has it

  /// Index among this account's venues. @throws ConfigError for another venue
  std::size_t account_of(VenueId venue) const {
    const auto found = std::find(venues_.begin(), venues_.end(), venue);
    if (found == venues_.end()) throw ConfigError("venue id " + std::to_string(venue) + ": not among the account's venues");
    return static_cast<std::size_t>(found - venues_.begin());
  }

  // --- orders ------------------------------------------------------------------------------------------------------------

  /// Fills both legs and puts the pair into the lowest free slot. @throws std::logic_error without a free slot or quantity
  SlotId open(const OpenOrder& order, std::int64_t t_ms) {
    const auto free_slot = std::find_if(slots_.begin(), slots_.end(), [](const auto& slot) { return !slot.has_value(); });
    RLX_REQUIRE(free_slot != slots_.end(), "Portfolio::open: all five slots are taken");
    RLX_REQUIRE(order.quantity > 0.0 && order.leverage > 0.0, "Portfolio::open: quantity and leverage must be positive");
    const auto slot = static_cast<SlotId>(free_slot - slots_.begin());
    Position& position = free_slot->emplace();
    position.id = next_id_++;
    position.symbol = order.quote.symbol;
    position.quantity = order.quantity;
    position.mid_entry = order.quote.mid();
    position.spread_entry_bp = 1e4 * (order.quote.short_quote.price - order.quote.long_quote.price) / position.mid_entry;
    position.opened_ms = t_ms;
    open_leg(slot, order.quote.long_leg, order.long_terms, order.quote.long_quote, +1.0, order.leverage, t_ms);
    open_leg(slot, order.quote.short_leg, order.short_terms, order.quote.short_quote, -1.0, order.leverage, t_ms);
    ++open_;
    return slot;
  }

  /// Buys and sells the long leg of an order whose short leg did not fill: both fees, both fills, no position kept.
  ClosedTrade open_and_undo(const OpenOrder& order, std::int64_t t_ms) {
    const auto free_slot = std::find_if(slots_.begin(), slots_.end(), [](const auto& slot) { return !slot.has_value(); });
    RLX_REQUIRE(free_slot != slots_.end(), "Portfolio::open_and_undo: all five slots are taken");
    const auto slot = static_cast<SlotId>(free_slot - slots_.begin());
    Position& position = free_slot->emplace();
    position.id = next_id_++;
    position.symbol = order.quote.symbol;
    position.quantity = order.quantity;
    position.mid_entry = order.quote.mid();
    position.opened_ms = t_ms;
    open_leg(slot, order.quote.long_leg, order.long_terms, order.quote.long_quote, +1.0, order.leverage, t_ms);
    close_leg(slot, position.long_leg, 0.0, t_ms);
    const ClosedTrade trade{position, slot, t_ms, CloseReason::agent, CloseReason::agent, CloseReason::agent};
    free_slot->reset();
    return trade;
  }

  /// Closes both legs at their last quotes. Stale legs pay `stale_extra_bps` more if the close is forced.
  /// @throws std::logic_error if the slot is empty
  CloseResult close(SlotId slot, std::int64_t t_ms, CloseReason reason) {
    RLX_REQUIRE(slot < max_position_slots && slots_[slot].has_value(), "Portfolio::close: the slot is empty");
    Position& position = *slots_[slot];
    for (Leg* leg : {&position.long_leg, &position.short_leg}) {
      close_leg(slot, *leg, is_forced(reason) && !leg->fresh ? rules_.stale_extra_bps : 0.0, t_ms);
    }
    return finish(slot, t_ms, reason);
  }

  // --- events ------------------------------------------------------------------------------------------------------------

  /// Marks one leg (0 long, 1 short) to a new quote and posts the revaluation.
  void mark(SlotId slot, int leg_index, const LegQuote& quote, std::int64_t t_ms) {
    Position& position = *slots_[slot];
    Leg& leg = leg_index == 0 ? position.long_leg : position.short_leg;
    leg.bid_ask_bps = quote.bid_ask_bps;
    leg.depth_usd = quote.depth_usd;
    leg.fresh = quote.fresh;
    revalue(slot, leg, quote.price, t_ms);
  }

  /// Books a funding payment for the leg of that instrument, if it is held and was opened before the stamp (plus grace).
  /// Credits go to free cash; debits come from free cash, then from the margin; what is left falls to the insurance fund.
  void settle(const Settlement& settlement, double mark) {
    for (SlotId slot = 0; slot < max_position_slots; ++slot) {
      if (!slots_[slot]) continue;
      Position& position = *slots_[slot];
      if (position.opened_ms - rules_.grace_ms >= settlement.settle_ms) continue;
      for (Leg* leg : {&position.long_leg, &position.short_leg})
        if (leg->instrument == settlement.instrument) settle_leg(slot, *leg, settlement, mark);
    }
  }

  /**
   * @brief Liquidates the leg of an instrument if a price row touches its liquidation price, and closes the other leg.
   *
   * The fill is the worse of liquidation price and row price, never beyond bankruptcy; the fee comes from the margin, a
   * negative rest is carried by the insurance fund. The other leg is closed at its last quote, as a taker, at full cost.
   * @param instrument  of the row
   * @param low         lowest price of the row; NaN: `price` stands in
   * @param high        highest price of the row; NaN: `price` stands in
   * @param price       of the row
   * @param t_ms        time of the row
   */
  LiquidationResult check_liquidation(InstrumentId instrument, double low, double high, double price, std::int64_t t_ms) {
    for (SlotId slot = 0; slot < max_position_slots; ++slot) {
      if (!slots_[slot]) continue;
      Position& position = *slots_[slot];
      const bool is_long = position.long_leg.instrument == instrument;
      if (!is_long && position.short_leg.instrument != instrument) continue;
      Leg& leg = is_long ? position.long_leg : position.short_leg;
      const double extreme = is_long ? low : high;
      const double worst = !is_finite(extreme) ? price : is_long ? std::min(extreme, price) : std::max(extreme, price);
      if (!(leg.side * (worst - leg.liquidation_price) <= 0.0)) return {};
      return liquidate(slot, leg, is_long ? position.short_leg : position.long_leg, price, t_ms);
    }
    return {};
  }

  /// Starts a transfer of half the difference between the richest and the poorest venue if it exceeds `threshold` of the
  /// equity. One transfer at a time; the fee is taken from the sum sent. Returns the amount that will arrive, 0 if none
  /// started.
  double rebalance(double threshold, std::int64_t t_ms) {
    if (transfer_.active || cash_.size() < 2) return 0.0;
    std::size_t richest = 0, poorest = 0;
    for (std::size_t i = 1; i < cash_.size(); ++i) {
      if (free_cash_at(i) > free_cash_at(richest)) richest = i;
      if (free_cash_at(i) < free_cash_at(poorest)) poorest = i;
    }
    const double difference = free_cash_at(richest) - free_cash_at(poorest);
    if (!(difference > threshold * equity())) return 0.0;
    const double amount = 0.5 * difference;
    if (!(amount > rules_.transfer_fee)) return 0.0;
    post(t_ms, transfer_fees_, cash_[richest], rules_.transfer_fee, market::EntryKind::transfer_fee);
    post(t_ms, transit_, cash_[richest], amount - rules_.transfer_fee, market::EntryKind::transfer);
    transfer_ = {true, poorest, t_ms + rules_.transfer_delay_ms};
    return amount - rules_.transfer_fee;
  }

  /// Time at which the transfer under way arrives; empty without one.
  std::optional<std::int64_t> transfer_arrival() const {
    return transfer_.active ? std::optional<std::int64_t>(transfer_.arrives_ms) : std::nullopt;
  }
  /// Credits the transfer if it has arrived by `t_ms`.
  void arrive(std::int64_t t_ms) {
    if (!transfer_.active || transfer_.arrives_ms > t_ms) return;
    post(transfer_.arrives_ms, cash_[transfer_.account], transit_, transit(), market::EntryKind::transfer);
    transfer_.active = false;
  }

  // --- state -------------------------------------------------------------------------------------------------------------

  /// Everything but recorded ledger entries. Terms of the legs are not written; `load` asks for them by instrument.
  void save(StateWriter& out) const {
    const market::Ledger::Balances balances = ledger_.balances();
    out.write(balances.accounts);
    out.write(balances.totals);
    out.write(balances.posted);
    out.write(initial_capital_);
    out.write(next_id_);
    out.write(static_cast<std::uint8_t>(transfer_.active));
    out.write(static_cast<std::uint64_t>(transfer_.account));
    out.write(transfer_.arrives_ms);
    for (const auto& slot : slots_) {
      out.write(static_cast<std::uint8_t>(slot.has_value()));
      if (slot) save_position(out, *slot);
    }
  }

  /// Continues from what `save` wrote.
  /// @param in        at the first byte of it
  /// @param terms_of  InstrumentId -> const LegTerms&, throws for an unknown instrument
  /// @throws CheckpointError for bytes of another account
  template <class TermsOf>
  void load(StateReader& in, TermsOf&& terms_of) {
    std::vector<double> accounts(ledger_.n_accounts());
    in.read_into(accounts);
    market::Ledger::Balances balances{accounts, {}, 0};
    in.read(balances.totals);
    in.read(balances.posted);
    ledger_.restore(balances);
    in.read(initial_capital_);
    in.read(next_id_);
    transfer_.active = in.template read<std::uint8_t>() != 0;
    transfer_.account = static_cast<std::size_t>(in.template read<std::uint64_t>());
    in.read(transfer_.arrives_ms);
    if (transfer_.account >= cash_.size()) throw CheckpointError("portfolio state: a transfer to an unknown venue");
    open_ = 0;
    for (auto& slot : slots_) {
      slot.reset();
      if (in.template read<std::uint8_t>() == 0) continue;
      load_position(in, slot.emplace(), terms_of);
      ++open_;
    }
  }

 private:
  struct Transfer {
    bool active = false;
    std::size_t account = 0;
    std::int64_t arrives_ms = 0;
  };

  void post(std::int64_t t_ms, market::AccountId debit, market::AccountId credit, double amount, market::EntryKind kind,
            PositionId position = 0) {
    ledger_.post(t_ms, position, debit, credit, amount, kind);
  }

  std::size_t index_of(SlotId slot, const Leg& leg) const { return 2 * slot + (leg.side > 0.0 ? 0U : 1U); }
  market::AccountId cash_of(const Leg& leg) const { return cash_[leg.terms.account]; }

  void open_leg(SlotId slot, InstrumentId instrument, const LegTerms& terms, const LegQuote& quote, double side,
                double leverage, std::int64_t t_ms) {
    Position& position = *slots_[slot];
    Leg& leg = side > 0.0 ? position.long_leg : position.short_leg;
    leg.instrument = instrument;
    leg.terms = terms;
    leg.terms.tiers = {};  // the tier is kept by value, so a position does not refer to a venue table
    leg.side = side;
    leg.fill = taker_fill(quote, side > 0.0 ? +1 : -1, position.quantity, rules_.costs);
    leg.mark = quote.price;
    leg.bid_ask_bps = quote.bid_ask_bps;
    leg.depth_usd = quote.depth_usd;
    leg.fresh = quote.fresh;
    leg.margin = position.quantity * leg.fill / leverage;
    leg.tier = tier_at(terms.tiers, position.quantity * leg.fill);
    leg.value = side * position.quantity * (leg.mark - leg.fill);
    update_liquidation_price(position, leg);
    post(t_ms, margin_accounts_[index_of(slot, leg)], cash_of(leg), leg.margin, market::EntryKind::margin, position.id);
    post_cost(t_ms, position, value_accounts_[index_of(slot, leg)], -leg.value);
    position.entry_fees += pay_fee(t_ms, position, leg, leg.fill);
  }

  // Slippage: the distance between mark and fill, as a positive cost on an asset account.
  void post_cost(std::int64_t t_ms, Position& position, market::AccountId account, double cost) {
    post(t_ms, slippage_, account, cost, market::EntryKind::slippage, position.id);
    position.attribution.slippage -= cost;
  }

  double pay_fee(std::int64_t t_ms, Position& position, const Leg& leg, double fill) {
    const double fee = leg.terms.taker * rules_.costs.fee_scale * position.quantity * fill;
    post(t_ms, fees_, cash_of(leg), fee, market::EntryKind::fee, position.id);
    position.attribution.fees -= fee;
    return fee;
  }

  void revalue(SlotId slot, Leg& leg, double price, std::int64_t t_ms) {
    Position& position = *slots_[slot];
    const double value = leg.side * position.quantity * (price - leg.fill);
    const double gain = value - leg.value;
    leg.mark = price;
    if (gain == 0.0) return;
    leg.value = value;
    position.attribution.price += gain;
    post(t_ms, value_accounts_[index_of(slot, leg)], price_, gain, market::EntryKind::price, position.id);
  }

  static void update_liquidation_price(const Position& position, Leg& leg) {
    leg.liquidation_price = liquidation_price(leg.terms.rule, leg.side > 0.0 ? +1 : -1, position.quantity, leg.fill, leg.margin,
                                              leg.tier, leg.terms.taker);
  }

  void settle_leg(SlotId slot, Leg& leg, const Settlement& settlement, double mark) {
    Position& position = *slots_[slot];
    const double cash = -leg.side * position.quantity * mark * settlement.rate;
    position.funding += cash;
    position.attribution.funding += cash;
    const double from_cash = rules_.unlimited_cash ? cash : std::max(cash, -std::max(free_cash_at(leg.terms.account), 0.0));
    post(settlement.settle_ms, cash_of(leg), funding_, from_cash, market::EntryKind::funding, position.id);
    const double rest = cash - from_cash;  // <= 0
    if (rest == 0.0) return;
    const market::AccountId margin_account = margin_accounts_[index_of(slot, leg)];
    post(settlement.settle_ms, margin_account, funding_, rest, market::EntryKind::funding, position.id);
    leg.margin += rest;
    if (leg.margin < 0.0) {
      post(settlement.settle_ms, margin_account, insurance_, -leg.margin, market::EntryKind::liquidation, position.id);
      position.attribution.liquidation -= leg.margin;
      leg.margin = 0.0;
    }
    update_liquidation_price(position, leg);
  }

  // Taker close at the last quote; margin and value go to the venue's free cash.
  void close_leg(SlotId slot, Leg& leg, double extra_bps, std::int64_t t_ms) {
    Position& position = *slots_[slot];
    const double fill = taker_fill(leg.quote(), leg.side > 0.0 ? -1 : +1, position.quantity, rules_.costs, extra_bps);
    const market::AccountId value_account = value_accounts_[index_of(slot, leg)];
    post_cost(t_ms, position, value_account, leg.side * position.quantity * (leg.mark - fill));
    pay_fee(t_ms, position, leg, fill);
    post(t_ms, cash_of(leg), value_account, ledger_.balance(value_account), market::EntryKind::settle_value, position.id);
    return_margin(slot, leg, t_ms);
    leg.mark = fill;
    leg.value = 0.0;
  }

  void return_margin(SlotId slot, Leg& leg, std::int64_t t_ms) {
    const market::AccountId account = margin_accounts_[index_of(slot, leg)];
    post(t_ms, cash_of(leg), account, ledger_.balance(account), market::EntryKind::margin, slots_[slot]->id);
    leg.margin = 0.0;
  }

  LiquidationResult liquidate(SlotId slot, Leg& leg, Leg& other, double row_price, std::int64_t t_ms) {
    Position& position = *slots_[slot];
    LiquidationResult result;
    result.liquidated = true;
    const double bankruptcy = leg.fill - leg.side * leg.margin / position.quantity;
    const bool is_long = leg.side > 0.0;
    const double worse = is_long ? std::min(leg.liquidation_price, row_price) : std::max(leg.liquidation_price, row_price);
    result.fill = is_long ? std::max(worse, bankruptcy) : std::min(worse, bankruptcy);
    revalue(slot, leg, result.fill, t_ms);
    const market::AccountId margin_account = margin_accounts_[index_of(slot, leg)];
    const market::AccountId value_account = value_accounts_[index_of(slot, leg)];
    post(t_ms, margin_account, value_account, ledger_.balance(value_account), market::EntryKind::settle_value, position.id);
    const double fee = leg.terms.liquidation_fee * position.quantity * result.fill;
    post(t_ms, liquidation_, margin_account, fee, market::EntryKind::liquidation, position.id);
    position.attribution.liquidation -= fee;
    const double rest = ledger_.balance(margin_account);
    if (rest < 0.0) {
      result.insurance = -rest;
      post(t_ms, margin_account, insurance_, -rest, market::EntryKind::liquidation, position.id);
      position.attribution.liquidation -= rest;
    }
    return_margin(slot, leg, t_ms);
    leg.value = 0.0;
    close_leg(slot, other, other.fresh ? 0.0 : rules_.stale_extra_bps, t_ms);
    result.trade = finish(slot, t_ms, CloseReason::liquidation);
    (is_long ? result.trade.short_reason : result.trade.long_reason) = CloseReason::hedge_of_liquidation;
    return result;
  }

  ClosedTrade finish(SlotId slot, std::int64_t t_ms, CloseReason reason) {
    const ClosedTrade trade{*slots_[slot], slot, t_ms, reason, reason, reason};
    slots_[slot].reset();
    --open_;
    return trade;
  }

  static void save_leg(StateWriter& out, const Leg& leg) {
    out.write(leg.instrument);
    for (const double value : {leg.tier.notional_floor, leg.tier.rate, leg.tier.cum, leg.tier.max_leverage, leg.side, leg.fill,
                               leg.mark, leg.value, leg.margin, leg.liquidation_price, leg.bid_ask_bps, leg.depth_usd})
      out.write(value);
    out.write(static_cast<std::uint8_t>(leg.fresh));
  }
  template <class TermsOf>
  static void load_leg(StateReader& in, Leg& leg, TermsOf&& terms_of) {
    in.read(leg.instrument);
    leg.terms = terms_of(leg.instrument);
    leg.terms.tiers = {};
    for (double* value : {&leg.tier.notional_floor, &leg.tier.rate, &leg.tier.cum, &leg.tier.max_leverage, &leg.side, &leg.fill,
                          &leg.mark, &leg.value, &leg.margin, &leg.liquidation_price, &leg.bid_ask_bps, &leg.depth_usd})
      in.read(*value);
    leg.fresh = in.template read<std::uint8_t>() != 0;
  }
  static void save_position(StateWriter& out, const Position& position) {
    out.write(position.id);
    out.write(position.symbol);
    for (const double value :
         {position.quantity, position.mid_entry, position.spread_entry_bp, position.funding, position.entry_fees})
      out.write(value);
    out.write(position.opened_ms);
    out.write(position.attribution);
    save_leg(out, position.long_leg);
    save_leg(out, position.short_leg);
  }
  template <class TermsOf>
  static void load_position(StateReader& in, Position& position, TermsOf&& terms_of) {
    in.read(position.id);
    in.read(position.symbol);
    for (double* value :
         {&position.quantity, &position.mid_entry, &position.spread_entry_bp, &position.funding, &position.entry_fees})
      in.read(*value);
    in.read(position.opened_ms);
    in.read(position.attribution);
    load_leg(in, position.long_leg, terms_of);
    load_leg(in, position.short_leg, terms_of);
  }

  std::vector<VenueId> venues_;
  PortfolioRules rules_;
  double initial_capital_ = 0.0;
  market::Ledger ledger_;
  std::vector<market::AccountId> cash_;
  std::vector<double> takers_;
  std::array<market::AccountId, 2 * max_position_slots> margin_accounts_{}, value_accounts_{};
  market::AccountId transit_ = 0, capital_ = 0, price_ = 0, funding_ = 0, fees_ = 0, slippage_ = 0, liquidation_ = 0,
                    insurance_ = 0, transfer_fees_ = 0;
  std::array<std::optional<Position>, max_position_slots> slots_;
  Transfer transfer_;
  PositionId next_id_ = 1;
  int open_ = 0;
};

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_PORTFOLIO_HPP
