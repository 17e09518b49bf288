// SPDX-License-Identifier: MIT
/// @file
/// @brief An exchange without an exchange: orders fill against the quotes of a series of chains; models Venue.
#ifndef RLX_OPTIONS_PAPER_VENUE_HPP
#define RLX_OPTIONS_PAPER_VENUE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/market/fixed8.hpp>
#include <rlx/market/ledger.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/fees.hpp>
#include <rlx/options/leg_mark.hpp>
#include <rlx/options/margin.hpp>
#include <rlx/options/venue.hpp>

namespace rlx::inline v0_1::options {

/// What the paper venue starts with and how it fills.
struct PaperVenueConfig {
  FeeSchedule fees = {};  ///< of fills and deliveries
  /// Contracts that one side of one symbol holds per snapshot; an underlying that is not named has `other_depth`.
  std::map<std::string, market::Fixed8, std::less<>> assumed_depth{{"BTC", market::Fixed8::from_integer(1)},
                                                                   {"ETH", market::Fixed8::from_integer(10)}};
  market::Fixed8 other_depth = market::Fixed8::from_integer(1);  ///< contracts, as `assumed_depth`
  /// Deposits by settlement currency.
  std::map<std::string, market::Fixed8, std::less<>> balances{{"BTC", market::Fixed8::from_integer(2)},
                                                              {"ETH", market::Fixed8::from_integer(20)},
                                                              {"USDC", market::Fixed8::from_integer(200'000)}};
  std::vector<std::string> underlyings{"BTC", "ETH"};  ///< that the source has and the venue trades
  std::int64_t latency_ms = 0;                         ///< by which every order moves the clock before it is seen
};

/**
 * @brief Paper trading over any ChainSource.
 *
 * Time stands at one snapshot until `advance` moves to the next one. A sell at or below the bid fills at the bid, up to the
 * assumed depth of that symbol and snapshot: what one order takes is gone for the next. What is left rests (or is cancelled,
 * for immediate-or-cancel) and fills at its own limit when the bid of a *later* snapshot reaches it. Buys mirror this at the
 * ask. A post-only order that would cross is rejected (11054). Expired positions settle at 08:00 UTC on the source's index, at
 * the `advance` that passes the instant. Fees are charged on every fill, delivery fees at settlement; every movement is a
 * double entry in an exact ledger per currency, so that deposits, trades and fees always add up to the balances.
 *
 * Rejections carry the venue's codes where there is one (10009 not enough funds, 11054, 13888 past valid_until, 13020 unknown
 * instrument, -32602 an invalid price, amount or label). One thread; source and clock outlive the venue.
 */
template <ChainSource Source>
class PaperVenue {
 public:
  /// Starts at the first snapshot and sets the clock to its instant.
  /// @throws ConfigError for a source without snapshots or a bad fee schedule
  PaperVenue(const Source& source, ManualClock& clock, PaperVenueConfig config = {})
      : source_(&source), clock_(&clock), config_(std::move(config)) {
    if (source.size() == 0) throw ConfigError("paper venue: the chain source has no snapshot");
    validate(config_.fees);
    for (const std::string& name : config_.underlyings) {
      Market& market = markets_.emplace_back();
      market.name = name;
      const auto table = source.instruments(0, name);
      for (std::uint32_t i = 0; i < table.size(); ++i) market.by_symbol.emplace(table[i].symbol, i);
      market.quote_of.assign(table.size(), none);
      market.currency = table.empty() ? name : table.front().currency;
    }
    for (const auto& [currency, amount] : config_.balances) {
      Book& book = book_of(currency);
      book.ledger.post(source.ts_ms(0), 0, book.cash, book.capital, amount, market::EntryKind::capital);
    }
    load(0);
  }
  PaperVenue(const PaperVenue&) = delete;
  PaperVenue& operator=(const PaperVenue&) = delete;

  // --- time --------------------------------------------------------------------------------------------------------------

  std::size_t snapshot() const noexcept { return current_; }                ///< Number of the snapshot at which time stands.
  bool at_end() const noexcept { return current_ + 1 == source_->size(); }  ///< Whether it is the last one.

  /// Moves to the next snapshot: expired positions settle, orders on expired instruments are cancelled, resting orders fill
  /// where the new quotes reach them. The clock is set to the snapshot's instant unless it is later already.
  /// @return false at the last snapshot; nothing happens then
  bool advance() {
    if (at_end()) return false;
    load(current_ + 1);
    settle_expired();
    for (auto& resting : orders_) {
      if (resting.order.state == OrderState::open) match(resting, true);
    }
    return true;
  }

  // --- Venue -------------------------------------------------------------------------------------------------------------

  VenueEnvironment environment() const noexcept { return VenueEnvironment::paper; }  ///< As `Venue` asks: paper.
  /// As `Venue` asks; always confirmed.
  Outcome<Attestation> attest() const { return Outcome<Attestation>::confirmed(Attestation::paper(clock_->now_ms())); }
  /// As `Venue` asks: the clock given.
  Outcome<std::int64_t> server_time_ms() const { return Outcome<std::int64_t>::confirmed(clock_->now_ms()); }

  /// As `Venue` asks: the source's table at the present snapshot.
  Outcome<std::span<const Instrument>> instruments(std::string_view ccy) const {
    return Outcome<std::span<const Instrument>>::confirmed(source_->instruments(current_, ccy));
  }
  /// As `Venue` asks. @throws ConfigError for an underlying that is not in the configuration
  Outcome<std::int64_t> chain(std::string_view ccy, ChainSnapshot& snapshot) const {
    snapshot = market(ccy).chain;
    return Outcome<std::int64_t>::confirmed(snapshot.ts_ms);
  }
  /// As `Venue` asks, of the present snapshot. @throws ConfigError as `chain`
  Outcome<double> index_price(std::string_view ccy) const { return Outcome<double>::confirmed(market(ccy).chain.index); }

  /// As `Venue` asks. Without a quote now: no bid and ask, and a mark by `value_leg`; amounts are the depth that is left.
  Outcome<Ticker> ticker(std::string_view symbol) const {
    const auto [market, position] = find(symbol);
    if (!market) return unknown_instrument<Ticker>(symbol);
    const Instrument& instrument = table(*market)[position];
    Ticker ticker;
    ticker.symbol = symbol;
    ticker.index = market->chain.index;
    ticker.quote_ms = market->chain.ts_ms;
    const LegMark value = value_of(*market, position);
    ticker.mark = market::Fixed8::from_double(value.price);
    ticker.mark_iv = value.iv;
    ticker.delta = value.delta;
    ticker.forward = market->chain.index * value.forward_ratio;
    ticker.open_interest = std::numeric_limits<double>::quiet_NaN();
    if (const ChainQuote* quote = quote_of(*market, position)) {
      ticker.bid = quote->bid;
      ticker.ask = quote->ask;
      ticker.mark = quote->mark;
      ticker.open_interest = quote->open_interest;
      ticker.quote_ms = quote->quote_ms;
      if (quote->bid.sign() > 0) ticker.bid_amount = depth_left(*market, instrument.symbol, Side::sell);
      if (quote->ask.sign() > 0) ticker.ask_amount = depth_left(*market, instrument.symbol, Side::buy);
    }
    return Outcome<Ticker>::confirmed(std::move(ticker));
  }

  /// Balances of the currency that the underlying settles in; positions count at their marks.
  Outcome<Account> account(std::string_view ccy) {
    const Market& one = market(ccy);
    Account account;
    account.currency = one.currency;
    Book& book = book_of(one.currency);
    account.equity = book.ledger.balance(book.cash);
    for (const auto& [symbol, held] : positions_) {
      const auto [of_symbol, position] = find(symbol);
      if (of_symbol->currency != one.currency) continue;
      const Instrument& instrument = table(*of_symbol)[position];
      account.equity += multiply(held.size, held.mark_price());
      const auto [initial, maintenance] = margin_of(*of_symbol, instrument, held.size, held.mark.price);
      account.initial_margin += initial;
      account.maintenance_margin += maintenance;
    }
    account.available_funds = account.equity - account.initial_margin;
    return Outcome<Account>::confirmed(std::move(account));
  }

  /// As `Venue` asks; by symbol.
  Outcome<std::vector<Position>> positions(std::string_view ccy) const {
    std::vector<Position> result;
    for (const auto& [symbol, held] : positions_) {
      const auto [of_symbol, position] = find(symbol);
      if (of_symbol->name != ccy) continue;
      const Instrument& instrument = table(*of_symbol)[position];
      Position& one = result.emplace_back();
      one.symbol = symbol;
      one.underlying = of_symbol->name;
      one.type = instrument.type;
      one.strike = instrument.strike;
      one.expiry_ms = instrument.expiry_ms;
      one.size = held.size;
      one.average_price = held.average_price;
      one.mark = held.mark_price();
      one.delta = held.mark.delta;
    }
    return Outcome<std::vector<Position>>::confirmed(std::move(result));
  }

  /// As `Venue` asks; in the order of their sending.
  Outcome<std::vector<Order>> open_orders(std::string_view ccy) const {
    return orders_where([&](const Resting& one) { return one.order.state == OrderState::open && one.market->name == ccy; });
  }
  /// As `Venue` asks; in the order of their sending.
  Outcome<std::vector<Order>> orders_by_label(std::string_view ccy, std::string_view label) const {
    return orders_where([&](const Resting& one) { return one.order.label == label && one.market->name == ccy; });
  }
  /// As `Venue` asks; in the order of time.
  Outcome<std::vector<Settlement>> settlements(std::string_view ccy, std::int64_t since_ms) const {
    std::vector<Settlement> result;
    for (const Settlement& one : settlements_) {
      if (one.underlying == ccy && one.ts_ms >= since_ms) result.push_back(one);
    }
    return Outcome<std::vector<Settlement>>::confirmed(std::move(result));
  }

  /// As `Venue` asks: fills what the present quotes allow at once.
  Outcome<Order> submit(const OrderRequest& request) {
    clock_->advance_ms(config_.latency_ms);
    const auto [of_symbol, position] = find(request.symbol);
    if (!of_symbol) return unknown_instrument<Order>(request.symbol);
    const Instrument& instrument = table(*of_symbol)[position];
    if (instrument.expiry_ms <= clock_->now_ms() || instrument.creation_ms > of_symbol->chain.ts_ms) {
      return Outcome<Order>::rejected(13020, "not_found: " + request.symbol + " is not listed now", false);
    }
    if (request.valid_until_ms != 0 && clock_->now_ms() > request.valid_until_ms) {
      return Outcome<Order>::rejected(13888, "timed_out: valid_until has passed", false);
    }
    if (const std::string fault = fault_of(request, instrument); !fault.empty()) {
      return Outcome<Order>::rejected(-32602, "Invalid params: " + fault, false);
    }
    market::Fixed8 amount = request.amount;
    if (request.reduce_only) {
      const auto held = positions_.find(request.symbol);
      const market::Fixed8 size = held == positions_.end() ? market::Fixed8() : held->second.size;
      const bool reduces = request.side == Side::buy ? size.sign() < 0 : size.sign() > 0;
      if (!reduces) return Outcome<Order>::rejected(-32602, "Invalid params: reduce_only without a position to reduce", false);
      amount = min(amount, abs(size));
    }
    if (request.post_only && crosses(*of_symbol, position, request.side, request.price)) {
      return Outcome<Order>::rejected(11054, "post_only_reject", false);
    }
    if (!request.reduce_only && request.side == Side::sell) {
      // Margin beyond the premium that the sale brings in.
      const auto [initial, maintenance] =
          margin_of(*of_symbol, instrument, -amount, quote_mark(*of_symbol, position).to_double());
      const Account funds = *account(of_symbol->name).value;
      if (funds.available_funds < initial - multiply(amount, request.price)) {
        return Outcome<Order>::rejected(10009, "not_enough_funds", false);
      }
    }
    Resting& resting = orders_.emplace_back();
    resting.market = of_symbol;
    resting.instrument = position;
    Order& order = resting.order;
    order.order_id = "paper-" + std::to_string(orders_.size());
    order.label = request.label;
    order.symbol = request.symbol;
    order.side = request.side;
    order.amount = amount;
    order.price = request.price;
    order.reduce_only = request.reduce_only;
    order.created_ms = clock_->now_ms();
    match(resting, false);
    if (order.state == OrderState::open && request.time_in_force == TimeInForce::immediate_or_cancel) {
      order.state = OrderState::cancelled;
    }
    return Outcome<Order>::confirmed(order);
  }

  /// As `Venue` asks. Rejected: 11044 for an order that is not open, 10004 for one that is not known.
  Outcome<Order> cancel(std::string_view order_id) {
    for (Resting& one : orders_) {
      if (one.order.order_id != order_id) continue;
      if (one.order.state != OrderState::open) {
        return Outcome<Order>::rejected(11044, "not_open_order", false);
      }
      one.order.state = OrderState::cancelled;
      return Outcome<Order>::confirmed(one.order);
    }
    return Outcome<Order>::rejected(10004, "order_not_found", false);
  }
  /// As `Venue` asks: the number of orders that were open.
  Outcome<int> cancel_by_label(std::string_view ccy, std::string_view label) {
    return cancel_where([&](const Resting& one) { return one.market->name == ccy && one.order.label == label; });
  }
  /// As `Venue` asks: the number of orders that were open.
  Outcome<int> cancel_all() {
    return cancel_where([](const Resting&) { return true; });
  }

  /// Margin of a short call by `short_call_margin`; long options and puts need none here beyond their price.
  Outcome<Margins> margins(std::string_view symbol, market::Fixed8 amount, market::Fixed8 price) const {
    const auto [of_symbol, position] = find(symbol);
    if (!of_symbol) return unknown_instrument<Margins>(symbol);
    const auto [initial, maintenance] = margin_of(*of_symbol, table(*of_symbol)[position], -amount, price.to_double());
    return Outcome<Margins>::confirmed({initial, maintenance});
  }

  // --- books -------------------------------------------------------------------------------------------------------------

  /// The exact ledger of one settlement currency: accounts cash (asset), capital, trades and fees. @throws DataError
  const market::BasicLedger<market::Fixed8>& ledger(std::string_view currency) const {
    const auto found = books_.find(currency);
    if (found == books_.end()) throw DataError("paper venue: no account in " + std::string(currency));
    return found->second.ledger;
  }

 private:
  static constexpr std::uint32_t none = 0xFFFF'FFFF;

  struct Depth {
    std::string symbol;
    Side side;
    market::Fixed8 taken;
  };
  struct Market {
    std::string name, currency;
    std::unordered_map<std::string_view, std::uint32_t> by_symbol;  // views into the source's table
    ChainSnapshot chain;
    std::vector<std::uint32_t> quote_of;  // quote of an instrument in `chain`, or none
    std::vector<Depth> taken;             // of this snapshot
  };
  struct Held {
    market::Fixed8 size, average_price;
    LegMark mark;
    market::Fixed8 mark_price() const { return market::Fixed8::from_double(mark.price); }
  };
  struct Resting {
    Order order;
    Market* market = nullptr;
    std::uint32_t instrument = 0;
  };
  struct Book {
    market::BasicLedger<market::Fixed8> ledger;
    market::AccountId cash = ledger.add_account("cash", true), capital = ledger.add_account("capital", false),
                      trades = ledger.add_account("trades", false), fees = ledger.add_account("fees", false);
  };

  std::span<const Instrument> table(const Market& one) const { return source_->instruments(current_, one.name); }
  const Market& market(std::string_view ccy) const {
    for (const Market& one : markets_) {
      if (one.name == ccy) return one;
    }
    throw ConfigError(
        "paper venue: no underlying '" + std::string(ccy) + "'; it was made for " +
        (markets_.empty() ? std::string("none") : markets_.front().name + " and the others of its configuration"));
  }
  Book& book_of(const std::string& currency) { return books_[currency]; }

  std::pair<Market*, std::uint32_t> find(std::string_view symbol) {
    for (Market& one : markets_) {
      if (const auto found = one.by_symbol.find(symbol); found != one.by_symbol.end()) return {&one, found->second};
    }
    return {nullptr, none};
  }
  std::pair<const Market*, std::uint32_t> find(std::string_view symbol) const {
    return const_cast<PaperVenue*>(this)->find(symbol);
  }
  const ChainQuote* quote_of(const Market& one, std::uint32_t position) const {
    const std::uint32_t at = one.quote_of[position];
    return at == none ? nullptr : &one.chain.quotes[at];
  }
  market::Fixed8 quote_mark(const Market& one, std::uint32_t position) const {
    const ChainQuote* quote = quote_of(one, position);
    return quote ? quote->mark : market::Fixed8::from_double(value_of(one, position).price);
  }
  /// Looks at the other quotes of the snapshot only where it does not quote the instrument itself.
  LegMark value_of(const Market& one, std::uint32_t position, const LegMark& last = {}) const {
    const ChainQuote* const quote = quote_of(one, position);
    const std::span<const ChainQuote> quotes = quote ? std::span(quote, 1) : std::span(one.chain.quotes);
    return value_leg(one.chain.ts_ms, one.chain.index, quotes, table(one), position, last);
  }

  void load(std::size_t i) {
    current_ = i;
    for (Market& one : markets_) {
      for (const ChainQuote& quote : one.chain.quotes) one.quote_of[quote.instrument] = none;
      source_->load(i, one.name, one.chain);
      for (std::uint32_t q = 0; q < one.chain.quotes.size(); ++q) one.quote_of[one.chain.quotes[q].instrument] = q;
      one.taken.clear();
    }
    if (clock_->now_ms() < source_->ts_ms(i)) {
      clock_->advance_ms(i == 0 ? 0 : source_->ts_ms(i) - clock_->now_ms());
      clock_->set_ms(source_->ts_ms(i));
    }
    for (auto& [symbol, held] : positions_) {
      const auto [of_symbol, position] = find(symbol);
      held.mark = value_of(*of_symbol, position, held.mark);
    }
  }

  market::Fixed8 depth_left(const Market& one, std::string_view symbol, Side side) const {
    const auto named = config_.assumed_depth.find(one.name);
    market::Fixed8 depth = named == config_.assumed_depth.end() ? config_.other_depth : named->second;
    for (const Depth& used : one.taken) {
      if (used.symbol == symbol && used.side == side) depth -= used.taken;
    }
    return max(depth, market::Fixed8());
  }

  /// The price on the other side of the book; empty where there is none.
  std::optional<market::Fixed8> opposite(const Market& one, std::uint32_t position, Side side) const {
    const ChainQuote* quote = quote_of(one, position);
    if (!quote) return {};
    const market::Fixed8 price = side == Side::sell ? quote->bid : quote->ask;
    return price.sign() > 0 ? std::optional(price) : std::nullopt;
  }
  bool crosses(const Market& one, std::uint32_t position, Side side, market::Fixed8 limit) const {
    const auto price = opposite(one, position, side);
    return price && (side == Side::sell ? limit <= *price : limit >= *price);
  }

  std::string fault_of(const OrderRequest& request, const Instrument& instrument) const {
    if (request.price.sign() <= 0 || !is_on_tick(instrument, request.price)) {
      return "price " + request.price.to_string() + " is not on a tick";
    }
    if (request.amount.sign() <= 0 || !request.amount.is_multiple_of(instrument.minimum_size)) {
      return "amount " + request.amount.to_string() + " is not a multiple of " + instrument.minimum_size.to_string();
    }
    if (request.label.size() > 64) return "label longer than 64 characters";
    return {};
  }

  /// Fills what the present quotes allow: a new order at the quote, a resting one at its own limit.
  void match(Resting& resting, bool was_resting) {
    Market& one = *resting.market;
    Order& order = resting.order;
    if (!crosses(one, resting.instrument, order.side, order.price)) return;
    const market::Fixed8 price = was_resting ? order.price : *opposite(one, resting.instrument, order.side);
    market::Fixed8 amount = min(order.amount - order.filled_amount, depth_left(one, order.symbol, order.side));
    if (order.reduce_only) {
      const auto held = positions_.find(order.symbol);
      amount = min(amount, held == positions_.end() ? market::Fixed8() : abs(held->second.size));
    }
    if (amount.sign() <= 0) return;
    one.taken.push_back({order.symbol, order.side, amount});
    fill(resting, amount, price, was_resting ? Liquidity::maker : Liquidity::taker);
  }

  void fill(Resting& resting, market::Fixed8 amount, market::Fixed8 price, Liquidity liquidity) {
    Market& one = *resting.market;
    Order& order = resting.order;
    const Instrument& instrument = table(one)[resting.instrument];
    const auto index = market::Fixed8::from_double(one.chain.index);
    Fill fill{.trade_id = "paper-trade-" + std::to_string(++trades_),
              .ts_ms = clock_->now_ms(),
              .amount = amount,
              .price = price,
              .fee = trade_fee(config_.fees, instrument.settlement, liquidity, amount, price, index),
              .index = one.chain.index};
    Book& book = book_of(one.currency);
    const market::Fixed8 premium = options::premium(amount, price);
    book.ledger.post(fill.ts_ms, trades_, book.cash, book.trades, order.side == Side::sell ? premium : -premium,
                     market::EntryKind::premium);
    book.ledger.post(fill.ts_ms, trades_, book.fees, book.cash, fill.fee, market::EntryKind::fee);
    order.average_price = divide(multiply(order.average_price, order.filled_amount) + premium, order.filled_amount + amount);
    order.filled_amount += amount;
    order.fee += fill.fee;
    if (order.filled_amount == order.amount) order.state = OrderState::filled;
    order.fills.push_back(std::move(fill));
    hold(order.symbol, order.side == Side::sell ? -amount : amount, price, one, resting.instrument);
  }

  void hold(const std::string& symbol, market::Fixed8 change, market::Fixed8 price, const Market& one, std::uint32_t position) {
    Held& held = positions_[symbol];
    const market::Fixed8 before = held.size;
    held.size += change;
    if (held.size.sign() == 0) {
      positions_.erase(symbol);
      return;
    }
    if (before.sign() == 0 || before.sign() != held.size.sign()) {
      held.average_price = price;
    } else if (before.sign() == change.sign()) {
      held.average_price = divide(multiply(held.average_price, abs(before)) + multiply(price, abs(change)), abs(held.size));
    }
    held.mark = value_of(one, position, held.mark);
  }

  struct MarginAmounts {
    market::Fixed8 initial, maintenance;
  };
  /// Linear options: the same rates of the index, in USDC.
  MarginAmounts margin_of(const Market& one, const Instrument& instrument, market::Fixed8 size, double mark) const {
    if (size.sign() >= 0 || instrument.type != OptionType::call) return {};
    const double unit = instrument.settlement == SettlementType::inverse ? 1.0 : one.chain.index;
    const MarginRates rates = short_call_margin(one.chain.index, instrument.strike, mark / unit);
    return {multiply(abs(size), market::Fixed8::from_double(rates.initial * unit)),
            multiply(abs(size), market::Fixed8::from_double(rates.maintenance * unit))};
  }

  void settle_expired() {
    const std::int64_t now = source_->ts_ms(current_);
    for (auto held = positions_.begin(); held != positions_.end();) {
      const auto [of_symbol, position] = find(held->first);
      const Instrument& instrument = table(*of_symbol)[position];
      if (instrument.expiry_ms > now) {
        ++held;
        continue;
      }
      const IndexPoint at_expiry = source_->index_at(instrument.expiry_ms, of_symbol->name);
      const auto price = market::Fixed8::from_double(at_expiry.value);
      const market::Fixed8 size = held->second.size;
      Settlement done{.symbol = held->first,
                      .underlying = of_symbol->name,
                      .ts_ms = instrument.expiry_ms,
                      .amount = size,
                      .settlement_price = at_expiry.value,
                      .gap_ms = at_expiry.gap_ms,
                      .payoff = options::payoff(instrument, abs(size), price),
                      .delivery_fee = options::delivery_fee(config_.fees, instrument, abs(size), price)};
      Book& book = book_of(of_symbol->currency);
      book.ledger.post(done.ts_ms, 0, book.cash, book.trades, size.sign() < 0 ? -done.payoff : done.payoff,
                       market::EntryKind::payoff);
      book.ledger.post(done.ts_ms, 0, book.fees, book.cash, done.delivery_fee, market::EntryKind::fee);
      settlements_.push_back(std::move(done));
      held = positions_.erase(held);
    }
    for (Resting& one : orders_) {
      if (one.order.state == OrderState::open && table(*one.market)[one.instrument].expiry_ms <= now) {
        one.order.state = OrderState::cancelled;
      }
    }
  }

  template <class Predicate>
  Outcome<std::vector<Order>> orders_where(Predicate&& wanted) const {
    std::vector<Order> result;
    for (const Resting& one : orders_) {
      if (wanted(one)) result.push_back(one.order);
    }
    return Outcome<std::vector<Order>>::confirmed(std::move(result));
  }
  template <class Predicate>
  Outcome<int> cancel_where(Predicate&& wanted) {
    int cancelled = 0;
    for (Resting& one : orders_) {
      if (one.order.state != OrderState::open || !wanted(one)) continue;
      one.order.state = OrderState::cancelled;
      ++cancelled;
    }
    return Outcome<int>::confirmed(cancelled);
  }
  template <class T>
  static Outcome<T> unknown_instrument(std::string_view symbol) {
    return Outcome<T>::rejected(13020, "not_found: no instrument '" + std::string(symbol) + "'", false);
  }

  const Source* source_;
  ManualClock* clock_;
  PaperVenueConfig config_;
  std::vector<Market> markets_;  // filled in the constructor: addresses stay
  std::map<std::string, Book, std::less<>> books_;
  std::map<std::string, Held, std::less<>> positions_;
  std::vector<Resting> orders_;
  std::vector<Settlement> settlements_;
  std::size_t current_ = 0;
  std::uint64_t trades_ = 0;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_PAPER_VENUE_HPP
