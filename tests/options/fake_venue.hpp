// SPDX-License-Identifier: MIT
/// @file
/// @brief An exchange in memory on a virtual clock, between which and the agent requests and replies are lost, doubled,
/// delayed.
#ifndef RLX_TESTS_OPTIONS_FAKE_VENUE_HPP
#define RLX_TESTS_OPTIONS_FAKE_VENUE_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/market/black76.hpp>
#include <rlx/market/fixed8.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/venue.hpp>

namespace rlx_test {

using rlx::market::Fixed8;

/// What happens to one request.
enum class Fate {
  deliver,
  lose_request,      ///< never arrives
  lose_reply,        ///< is processed; the agent does not get to know
  delay,             ///< arrives after the agent's time-out
  duplicate,         ///< arrives twice
  answer_code,       ///< refused with `code`, not processed
  process_and_code,  ///< processed, answered with `code`: an internal error after the fact
  garble,            ///< processed; the reply has no order id
  wrong_flag,        ///< processed; the reply proves the wrong exchange
  end_before,        ///< the agent's process ends before the request leaves
  end_in_flight,     ///< the agent's process ends while an order is on its way; it arrives later
  end_after          ///< processed; the agent's process ends before the reply arrives
};
struct Verdict {
  Fate fate = Fate::deliver;
  int code = 0;
  std::int64_t delay_ms = 0;
};

/// The agent's process ends here. Not a std::exception.
struct AgentEnd {};

/// Models rlx::options::Venue.
class FakeVenue {
 public:
  static constexpr std::int64_t day_ms = 86'400'000;
  static constexpr std::int64_t start_ms = 1'767'340'800'000;  // 2026-01-02 08:00 UTC
  static constexpr std::int64_t time_out_ms = 2'000;

  explicit FakeVenue(rlx::ManualClock& clock) : clock_(&clock) {
    markets_.resize(2);
    markets_[0] = {"BTC", 90'000.0, {}};
    markets_[1] = {"ETH", 3'000.0, {}};
    for (Market& market : markets_) {
      for (const std::int64_t days : {2, 7, 14, 28}) {
        for (int k = -1; k <= 7; ++k) {
          rlx::options::InstrumentName name;
          name.underlying = market.name;
          name.expiry_ms = start_ms + days * day_ms;
          name.strike = std::round(market.index * (1.0 + 0.02 * k * (days > 7 ? 2 : 1)));
          market.instruments.push_back(rlx::options::paper_instrument(name));
        }
      }
      cash[market.name] = Fixed8::from_integer(market.name == "BTC" ? 20 : 200);
    }
  }

  // --- what the world does -------------------------------------------------------------------------------------------------

  std::function<Verdict(std::string_view method)> fate = [](std::string_view) { return Verdict{}; };
  rlx::options::VenueEnvironment kind = rlx::options::VenueEnvironment::testnet;
  bool flag = true;  ///< what replies say of themselves
  bool refuses_equal_labels = true;
  bool listed = true;        ///< the instruments are open
  std::int64_t skew_ms = 0;  ///< server time - agent's clock
  std::int64_t latency_ms = 5;
  Fixed8 depth = Fixed8::from_integer(1'000);  ///< contracts that an order can take at once
  std::optional<rlx::options::Margins> margin;  ///< of every sale; empty: the venue does not say it
  double spread = 0.03;                        ///< half, part of the mark

  std::map<std::string, Fixed8> cash, fees;  ///< by currency; fees were taken out of the cash
  std::map<std::string, Fixed8> held;        ///< by symbol
  std::vector<rlx::options::Order> orders;
  std::vector<rlx::options::Settlement> settled;
  std::vector<std::string> methods;  ///< of every request that left the agent
  std::size_t requests = 0;

  std::int64_t now_ms() const { return clock_->now_ms() + skew_ms; }
  void set_index(std::string_view ccy, double index) { market(ccy).index = index; }
  double index(std::string_view ccy) const { return const_cast<FakeVenue*>(this)->market(ccy).index; }

  /// Orders that have arrived by now, and settlements that are due.
  void pump() {
    // By time of arrival: a late request can overtake nothing.
    std::stable_sort(late_.begin(), late_.end(), [](const Late& a, const Late& b) { return a.at_ms < b.at_ms; });
    while (!late_.empty() && late_.front().at_ms <= now_ms()) {
      const Late late = late_.front();
      late_.erase(late_.begin());
      process(late.request, late.at_ms);
    }
    for (auto position = held.begin(); position != held.end();) {
      const rlx::options::Instrument& instrument = *find(position->first);
      if (instrument.expiry_ms > now_ms()) {
        ++position;
        continue;
      }
      const double price = index(instrument.underlying);
      rlx::options::Settlement done;
      done.symbol = position->first;
      done.underlying = instrument.underlying;
      done.ts_ms = instrument.expiry_ms;
      done.amount = position->second;
      done.settlement_price = price;
      const double payoff = std::max(0.0, 1.0 - instrument.strike / price);
      done.payoff = multiply(abs(position->second), Fixed8::from_double(payoff));
      cash[instrument.underlying] -= done.payoff;
      if (position->second.sign() != 0) settled.push_back(done);
      position = held.erase(position);
    }
    for (auto& order : orders) {
      if (order.state == rlx::options::OrderState::open && find(order.symbol)->expiry_ms <= now_ms()) {
        order.state = rlx::options::OrderState::cancelled;
      }
    }
  }

  /// Somebody buys from a resting order.
  void fill_resting(std::size_t i, Fixed8 amount) {
    rlx::options::Order& order = orders.at(i);
    if (order.state != rlx::options::OrderState::open) return;
    fill(order, min(amount, order.amount - order.filled_amount), order.price);
  }
  std::size_t open_count() const {
    return static_cast<std::size_t>(
        std::count_if(orders.begin(), orders.end(), [](const auto& o) { return o.state == rlx::options::OrderState::open; }));
  }
  std::size_t late_count() const { return late_.size(); }

  // --- Venue ---------------------------------------------------------------------------------------------------------------

  rlx::options::VenueEnvironment environment() const { return kind; }
  rlx::options::Outcome<rlx::options::Attestation> attest() {
    return read<rlx::options::Attestation>("attest", [&] {
      return kind == rlx::options::VenueEnvironment::paper
                 ? rlx::options::Attestation::paper(clock_->now_ms())
                 : rlx::options::Attestation::from_reply(kind, "fake", flag, clock_->now_ms());
    });
  }
  rlx::options::Outcome<std::int64_t> server_time_ms() {
    return read<std::int64_t>("server_time", [&] { return now_ms(); });
  }
  rlx::options::Outcome<std::span<const rlx::options::Instrument>> instruments(std::string_view ccy) {
    return read<std::span<const rlx::options::Instrument>>("instruments", [&] {
      for (auto& one : market(ccy).instruments) one.open = listed;
      return std::span<const rlx::options::Instrument>(market(ccy).instruments);
    });
  }
  rlx::options::Outcome<std::int64_t> chain(std::string_view ccy, rlx::options::ChainSnapshot& snapshot) {
    return read<std::int64_t>("chain", [&] {
      const Market& one = market(ccy);
      snapshot.ts_ms = now_ms();
      snapshot.index = one.index;
      snapshot.quotes.clear();
      snapshot.rejected_rows = snapshot.duplicate_rows = 0;
      for (std::uint32_t i = 0; i < one.instruments.size(); ++i) {
        if (one.instruments[i].expiry_ms <= now_ms()) continue;
        const rlx::options::Ticker quote = quote_of(one.instruments[i]);
        rlx::options::ChainQuote row;
        row.instrument = i;
        row.bid = quote.bid;
        row.ask = quote.ask;
        row.mark = quote.mark;
        row.mark_iv = quote.mark_iv;
        row.forward = quote.forward;
        row.delta = quote.delta;
        row.open_interest = quote.open_interest;
        row.quote_ms = now_ms();
        snapshot.quotes.push_back(row);
      }
      return snapshot.ts_ms;
    });
  }
  rlx::options::Outcome<double> index_price(std::string_view ccy) {
    return read<double>("index", [&] { return market(ccy).index; });
  }
  rlx::options::Outcome<rlx::options::Ticker> ticker(std::string_view symbol) {
    return read<rlx::options::Ticker>("ticker", [&] { return quote_of(*find(symbol)); });
  }
  rlx::options::Outcome<rlx::options::Account> account(std::string_view ccy) {
    return read<rlx::options::Account>("account", [&] {
      rlx::options::Account account;
      account.currency = ccy;
      account.equity = cash[std::string(ccy)];
      for (const auto& [symbol, size] : held) {
        if (find(symbol)->underlying == ccy) account.equity += multiply(size, quote_of(*find(symbol)).mark);
      }
      account.available_funds = account.equity;
      return account;
    });
  }
  rlx::options::Outcome<std::vector<rlx::options::Position>> positions(std::string_view ccy) {
    return read<std::vector<rlx::options::Position>>("positions", [&] {
      std::vector<rlx::options::Position> result;
      for (const auto& [symbol, size] : held) {
        const rlx::options::Instrument& instrument = *find(symbol);
        if (instrument.underlying != ccy || size.sign() == 0) continue;
        rlx::options::Position& one = result.emplace_back();
        const rlx::options::Ticker quote = quote_of(instrument);
        one.symbol = symbol;
        one.underlying = ccy;
        one.strike = instrument.strike;
        one.expiry_ms = instrument.expiry_ms;
        one.size = size;
        one.mark = quote.mark;
        one.delta = quote.delta;
      }
      return result;
    });
  }
  rlx::options::Outcome<std::vector<rlx::options::Order>> open_orders(std::string_view ccy) {
    return orders_where("open_orders", [&](const rlx::options::Order& order) {
      return order.state == rlx::options::OrderState::open && find(order.symbol)->underlying == ccy;
    });
  }
  rlx::options::Outcome<std::vector<rlx::options::Order>> orders_by_label(std::string_view ccy, std::string_view label) {
    return orders_where("orders_by_label", [&](const rlx::options::Order& order) {
      return order.label == label && find(order.symbol)->underlying == ccy;
    });
  }
  rlx::options::Outcome<std::vector<rlx::options::Settlement>> settlements(std::string_view ccy, std::int64_t since_ms) {
    return read<std::vector<rlx::options::Settlement>>("settlements", [&] {
      std::vector<rlx::options::Settlement> result;
      for (const auto& one : settled) {
        if (one.underlying == ccy && one.ts_ms >= since_ms) result.push_back(one);
      }
      return result;
    });
  }
  rlx::options::Outcome<rlx::options::Order> submit(const rlx::options::OrderRequest& request) {
    using Result = rlx::options::Outcome<rlx::options::Order>;
    const Verdict verdict = next("submit");
    switch (verdict.fate) {
      case Fate::lose_request:
        clock_->advance_ms(time_out_ms);
        pump();
        return Result::unknown("time-out");
      case Fate::delay:
        late_.push_back({now_ms() + verdict.delay_ms, request});
        clock_->advance_ms(time_out_ms);
        pump();
        return Result::unknown("time-out");
      case Fate::end_in_flight:
        late_.push_back({now_ms() + verdict.delay_ms, request});
        throw AgentEnd{};
      case Fate::answer_code:
        return refused<rlx::options::Order>(verdict.code);
      case Fate::duplicate:
        late_.push_back({now_ms() + verdict.delay_ms, request});
        break;
      default:
        break;
    }
    Result result = process(request, now_ms());
    return after<rlx::options::Order>(verdict, std::move(result));
  }
  rlx::options::Outcome<rlx::options::Order> cancel(std::string_view order_id) {
    using Result = rlx::options::Outcome<rlx::options::Order>;
    const Verdict verdict = next("cancel");
    if (verdict.fate == Fate::lose_request || verdict.fate == Fate::delay) {
      clock_->advance_ms(time_out_ms);
      return Result::unknown("time-out");
    }
    if (verdict.fate == Fate::answer_code) return refused<rlx::options::Order>(verdict.code);
    Result result = Result::rejected(11044, "not_open_order", false);
    for (auto& order : orders) {
      if (order.order_id != order_id || order.state != rlx::options::OrderState::open) continue;
      order.state = rlx::options::OrderState::cancelled;
      result = Result::confirmed(order);
    }
    return after<rlx::options::Order>(verdict, std::move(result));
  }
  rlx::options::Outcome<int> cancel_by_label(std::string_view ccy, std::string_view label) {
    return cancel_where("cancel_by_label", [&](const rlx::options::Order& order) {
      return order.label == label && find(order.symbol)->underlying == ccy;
    });
  }
  rlx::options::Outcome<int> cancel_all() {
    return cancel_where("cancel_all", [](const rlx::options::Order&) { return true; });
  }
  rlx::options::Outcome<rlx::options::Margins> margins(std::string_view, Fixed8, Fixed8) {
    auto outcome = read<rlx::options::Margins>("margins", [&] { return margin.value_or(rlx::options::Margins{}); });
    return margin ? outcome : rlx::options::Outcome<rlx::options::Margins>::rejected(11029, "not available", false);
  }

  const rlx::options::Instrument* find(std::string_view symbol) const {
    for (const Market& one : markets_) {
      for (const auto& instrument : one.instruments) {
        if (instrument.symbol == symbol) return &instrument;
      }
    }
    return nullptr;
  }
  rlx::options::Ticker quote_of(const rlx::options::Instrument& instrument) const {
    rlx::options::Ticker quote;
    const double index = this->index(instrument.underlying);
    const double sigma = 0.5;
    const auto value = rlx::market::black76(rlx::market::OptionType::call, index, instrument.strike,
                                            rlx::market::years_of(instrument.expiry_ms - now_ms()), sigma);
    quote.symbol = instrument.symbol;
    quote.mark = Fixed8::from_double(value.price / index);
    quote.bid = round_price_down(instrument, Fixed8::from_double(value.price / index * (1.0 - spread)));
    quote.ask = round_price_up(instrument, Fixed8::from_double(value.price / index * (1.0 + spread)));
    quote.bid_amount = quote.ask_amount = depth;
    quote.mark_iv = sigma;
    quote.delta = value.delta;
    quote.index = quote.forward = index;
    quote.open_interest = 500.0;
    quote.quote_ms = now_ms();
    return quote;
  }

 private:
  struct Market {
    std::string name;
    double index = 0.0;
    std::vector<rlx::options::Instrument> instruments;
  };
  struct Late {
    std::int64_t at_ms;
    rlx::options::OrderRequest request;
  };

  Market& market(std::string_view ccy) { return ccy == "BTC" ? markets_[0] : markets_[1]; }

  Verdict next(std::string_view method) {
    ++requests;
    methods.emplace_back(method);
    const Verdict verdict = fate(method);
    if (verdict.fate == Fate::end_before) throw AgentEnd{};
    clock_->advance_ms(latency_ms);
    pump();
    return verdict;
  }
  template <class T>
  rlx::options::Outcome<T> refused(int code) {
    return rlx::options::Outcome<T>::rejected(code, "code " + std::to_string(code), false);
  }
  // What is left of a reply once the request was processed.
  template <class T>
  rlx::options::Outcome<T> after(const Verdict& verdict, rlx::options::Outcome<T> result) {
    switch (verdict.fate) {
      case Fate::lose_reply:
        clock_->advance_ms(time_out_ms);
        pump();
        return rlx::options::Outcome<T>::unknown("time-out");
      case Fate::process_and_code:
        return rlx::options::Outcome<T>::unknown("internal error", verdict.code);
      case Fate::garble:
        if constexpr (requires { result.value->order_id; }) {
          if (result.value) result.value->order_id.clear();
          return result;
        } else {
          return rlx::options::Outcome<T>::unknown("truncated");
        }
      case Fate::wrong_flag:
        throw rlx::options::AttestationError("attestation: the reply says mainnet");
      case Fate::end_after:
        throw AgentEnd{};
      default:
        return result;
    }
  }
  template <class T, class F>
  rlx::options::Outcome<T> read(std::string_view method, F&& f) {
    const Verdict verdict = next(method);
    if (verdict.fate == Fate::lose_request || verdict.fate == Fate::delay) {
      clock_->advance_ms(time_out_ms);
      return rlx::options::Outcome<T>::unknown("time-out");
    }
    if (verdict.fate == Fate::answer_code) return refused<T>(verdict.code);
    if (verdict.fate == Fate::garble) return rlx::options::Outcome<T>::unknown("not JSON");
    return after<T>(verdict, rlx::options::Outcome<T>::confirmed(f()));
  }
  template <class F>
  rlx::options::Outcome<std::vector<rlx::options::Order>> orders_where(std::string_view method, F&& wanted) {
    return read<std::vector<rlx::options::Order>>(method, [&] {
      std::vector<rlx::options::Order> result;
      for (const auto& order : orders) {
        if (wanted(order)) result.push_back(order);
      }
      return result;
    });
  }
  template <class F>
  rlx::options::Outcome<int> cancel_where(std::string_view method, F&& wanted) {
    return read<int>(method, [&] {
      int count = 0;
      for (auto& order : orders) {
        if (order.state != rlx::options::OrderState::open || !wanted(order)) continue;
        order.state = rlx::options::OrderState::cancelled;
        ++count;
      }
      return count;
    });
  }

  rlx::options::Outcome<rlx::options::Order> process(const rlx::options::OrderRequest& request, std::int64_t at_ms) {
    using Result = rlx::options::Outcome<rlx::options::Order>;
    const rlx::options::Instrument* const instrument = find(request.symbol);
    if (request.valid_until_ms != 0 && at_ms > request.valid_until_ms) return Result::rejected(13888, "timed_out", false);
    if (instrument == nullptr || instrument->expiry_ms <= at_ms) return Result::rejected(13020, "not_found", false);
    const auto same = [&](const auto& order) { return order.label == request.label; };
    if (refuses_equal_labels && std::any_of(orders.begin(), orders.end(), same)) {
      return Result::rejected(13032, "label not unique", false);
    }
    if (!is_on_tick(*instrument, request.price) || request.price.sign() <= 0) return Result::rejected(-32602, "price", false);
    const rlx::options::Ticker quote = quote_of(*instrument);
    const bool sells = request.side == rlx::options::Side::sell;
    const Fixed8 opposite = sells ? quote.bid : quote.ask;
    const bool crosses = opposite.sign() > 0 && (sells ? request.price <= opposite : request.price >= opposite);
    if (request.post_only && crosses) return Result::rejected(11054, "post_only_reject", false);
    Fixed8 amount = request.amount;
    if (request.reduce_only) amount = min(amount, max(Fixed8(), -held[request.symbol]));
    if (amount.sign() <= 0) return Result::rejected(-32602, "nothing to reduce", false);
    rlx::options::Order order;
    order.order_id = "o" + std::to_string(orders.size() + 1);
    order.label = request.label;
    order.symbol = request.symbol;
    order.side = request.side;
    order.amount = amount;
    order.price = request.price;
    order.reduce_only = request.reduce_only;
    order.created_ms = at_ms;
    orders.push_back(order);
    if (crosses && min(amount, depth).sign() > 0) fill(orders.back(), min(amount, depth), opposite);
    if (orders.back().state == rlx::options::OrderState::open &&
        request.time_in_force == rlx::options::TimeInForce::immediate_or_cancel) {
      orders.back().state = rlx::options::OrderState::cancelled;
    }
    return Result::confirmed(orders.back());
  }

  void fill(rlx::options::Order& order, Fixed8 amount, Fixed8 price) {
    if (amount.sign() <= 0) return;
    const std::string& ccy = find(order.symbol)->underlying;
    const Fixed8 fee = multiply(amount, min(Fixed8::parse("0.0003"), multiply(price, Fixed8::parse("0.125"))));
    const Fixed8 premium = multiply(amount, price);
    const bool sells = order.side == rlx::options::Side::sell;
    cash[ccy] += sells ? premium : -premium;
    cash[ccy] -= fee;
    fees[ccy] += fee;
    held[order.symbol] += sells ? -amount : amount;
    order.average_price = divide(multiply(order.average_price, order.filled_amount) + premium, order.filled_amount + amount);
    order.filled_amount += amount;
    order.fee += fee;
    if (order.filled_amount == order.amount) order.state = rlx::options::OrderState::filled;
    rlx::options::Fill done;
    done.trade_id = order.order_id + "-" + std::to_string(order.fills.size() + 1);
    done.ts_ms = now_ms();
    done.amount = amount;
    done.price = price;
    done.fee = fee;
    done.index = index(ccy);
    order.fills.push_back(done);
  }

  rlx::ManualClock* clock_;
  std::vector<Market> markets_;
  std::vector<Late> late_;
};

static_assert(rlx::options::Venue<FakeVenue>);

}  // namespace rlx_test

#endif  // RLX_TESTS_OPTIONS_FAKE_VENUE_HPP
