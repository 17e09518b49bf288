// SPDX-License-Identifier: MIT
/// @file
/// @brief Deribit's JSON-RPC replies as the library's types: the envelope, then the result of each method; no tree is built.
///
/// Every function complains with DataError `METHOD:line:column: field 'NAME': ...`. Numbers of a reply stay decimals (Fixed8)
/// where they are money; implied volatilities are percent on the wire and fractions here.
/// @par Source Deribit API v2 documentation
#ifndef RLX_OPTIONS_DERIBIT_JSON_HPP
#define RLX_OPTIONS_DERIBIT_JSON_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/shown_text.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/detail/wire_fields.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/venue.hpp>

namespace rlx::inline v0_1::options::deribit {

/// The members around a result. Exactly one of `result_at` and the error is there.
struct Envelope {
  std::optional<std::int64_t> id;        ///< empty: missing or no integer
  std::optional<bool> testnet;           ///< empty: missing or no boolean
  std::optional<std::size_t> result_at;  ///< where the result begins in the text; empty: an error
  int code = 0;                          ///< of the error
  std::string message;                   ///< of the error, with its reason and parameter; at most about 300 printable bytes
  std::int64_t us_out = 0;               ///< server time of the reply, microseconds; 0: not said
};

namespace detail {

using options::detail::JsonCursor;
using options::detail::WireFields;

template <std::size_t N>
using Names = std::array<std::string_view, N>;

inline constexpr double percent = 100.0;  // implied volatilities on the wire

/// Calls f(cursor) for every object of the array at `json`.
template <class F>
void each_object(JsonCursor& json, F&& f) {
  json.array([&] { f(json); });
}

inline void expect_not_negative(const JsonCursor& json, std::string_view name, market::Fixed8 value) {
  if (value.sign() < 0) json.fail_with("field '" + std::string(name) + "': expected at least 0, found " + value.to_string());
}

}  // namespace detail

/// Reads the envelope of a reply and checks the whole text to be JSON. `method` is for messages.
/// @throws DataError unless it is one JSON object with "jsonrpc":"2.0" and either a result or an error with an integer code;
///         names that occur twice are refused
inline Envelope read_envelope(std::string_view text, const std::string& method) {
  enum : std::size_t { jsonrpc, id, result, error, testnet, us_out };
  static constexpr detail::Names<6> names = {"jsonrpc", "id", "result", "error", "testnet", "usOut"};
  detail::JsonCursor json(text, method, 1);
  // Not WireFields: a result of null is a result.
  std::array<std::optional<std::size_t>, 6> at;
  json.object([&](std::string_view key) {
    json.peek();
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (key != names[i]) continue;
      if (at[i]) json.fail_with("field '" + std::string(key) + "': expected once in a reply");
      at[i] = json.offset();
    }
    json.skip();
  });
  json.expect_end();
  const auto value = [&](std::size_t i) { return json.at(*at[i]); };
  const auto integer = [&](std::size_t i) -> std::optional<std::int64_t> {
    std::int64_t number = 0;
    detail::JsonCursor cursor = at[i] ? value(i) : json;
    if (!at[i] || (cursor.peek() != '-' && (cursor.peek() < '0' || cursor.peek() > '9'))) return {};
    if (io::detail::parse_integer(cursor.number(), number) != io::detail::NumberStatus::ok) return {};
    return number;
  };

  std::string decoded;
  if (!at[jsonrpc] || value(jsonrpc).peek() != '"' || value(jsonrpc).string(decoded) != "2.0")
    json.fail_with("field 'jsonrpc': expected \"2.0\"");
  Envelope out;
  out.id = integer(id);
  out.us_out = integer(us_out).value_or(0);
  if (at[testnet] && (value(testnet).peek() == 't' || value(testnet).peek() == 'f')) out.testnet = value(testnet).peek() == 't';
  if (at[result].has_value() == at[error].has_value()) {
    json.fail_with(at[result] ? "expected either 'result' or 'error', found both"
                              : "expected 'result' or 'error', found neither");
  }
  out.result_at = at[result];
  if (!at[error]) return out;

  enum : std::size_t { code, message, data };
  static constexpr detail::Names<3> error_names = {"code", "message", "data"};
  detail::JsonCursor error_json = value(error);
  const detail::WireFields fields(error_json, error_names);
  const std::int64_t number = fields.integer(code);
  if (number < std::numeric_limits<int>::min() || number > std::numeric_limits<int>::max())
    fields.fail(code, fields.value(code), "a code of 32 bits");
  out.code = static_cast<int>(number);
  out.message = io::detail::printable(fields.text_or(message, ""), 100);
  if (fields.has(data) && fields.value(data).peek() == '{') {
    enum : std::size_t { reason, param };
    static constexpr detail::Names<2> data_names = {"reason", "param"};
    detail::JsonCursor data_json = fields.value(data);
    const detail::WireFields more(data_json, data_names);
    for (const std::size_t i : {std::size_t{reason}, std::size_t{param}}) {
      if (more.has(i) && more.value(i).peek() == '"') out.message += ": " + io::detail::printable(more.text(i), 80);
    }
  }
  return out;
}

/// A cursor at the result. @pre there is one; text and method outlive the cursor
inline io::detail::JsonCursor result_of(std::string_view text, const Envelope& envelope, const std::string& method) {
  RLX_REQUIRE(envelope.result_at.has_value(), "a reply with an error has no result");
  return io::detail::JsonCursor(text, method, 1).at(*envelope.result_at);
}

/// Where a reader begins: at the result of a reply, or at a part of it.
using Cursor = io::detail::JsonCursor;

/// `public/auth`. The strings are secrets.
struct Token {
  std::string access_token;       ///< goes with every private request
  std::string refresh_token;      ///< empty where the venue gives none
  std::int64_t expires_in_s = 0;  ///< seconds from the reply on
  std::string scope;              ///< rights granted; empty where the venue does not say
};

/// @throws DataError also for a token that is not printable ASCII without blanks: it travels in a header
inline Token read_token(Cursor json) {
  enum : std::size_t { access_token, refresh_token, expires_in, scope };
  static constexpr detail::Names<4> names = {"access_token", "refresh_token", "expires_in", "scope"};
  const detail::WireFields fields(json, names);
  Token token{fields.text(access_token), fields.text_or(refresh_token, ""), fields.integer(expires_in),
              fields.text_or(scope, "")};
  bool good = !token.access_token.empty() && token.access_token.size() <= 4096;
  for (const char c : token.access_token) good = good && c > 0x20 && c < 0x7F;
  if (!good) json.fail_with("field 'access_token': expected 1 to 4096 printable characters without blanks");
  if (token.expires_in_s <= 0) fields.fail(expires_in, fields.value(expires_in), "seconds above 0");
  return token;
}

/// A bare integer: `public/get_time` (ms), `private/cancel_by_label`, `private/cancel_all` (orders cancelled).
inline std::int64_t read_integer(Cursor json) {
  std::int64_t number = 0;
  if (io::detail::parse_integer(Cursor(json).number(), number) != io::detail::NumberStatus::ok)
    json.fail("expected an integer");
  return number;
}

/// `public/test`: the version of the API.
inline std::string read_test(Cursor json) {
  static constexpr detail::Names<1> names = {"version"};
  return detail::WireFields(json, names).text(0);
}

/// `public/get_index_price`, USD.
inline double read_index_price(Cursor json) {
  static constexpr detail::Names<1> names = {"index_price"};
  const detail::WireFields fields(json, names);
  const double index = fields.number(0);
  if (!(index > 0.0)) fields.fail(0, fields.value(0), "a number above 0");
  return index;
}

/// The options of `public/get_instruments`, ascending by symbol; futures and others are left out.
struct InstrumentList {
  std::vector<Instrument> instruments;  ///< ascending by symbol, none twice
  std::uint32_t rejected_rows = 0;      ///< options dropped: unreadable, or terms that contradict the name
};

/// @throws DataError unless the result is an array; a row that cannot be used is dropped and counted
inline InstrumentList read_instruments(Cursor json) {
  enum : std::size_t {
    kind,
    name,
    base_currency,
    settlement_currency,
    strike,
    option_type,
    expiration,
    creation,
    tick_size,
    tick_steps,
    min_trade_amount,
    maker,
    taker,
    is_active,
    state
  };
  static constexpr detail::Names<15> names = {"kind",
                                              "instrument_name",
                                              "base_currency",
                                              "settlement_currency",
                                              "strike",
                                              "option_type",
                                              "expiration_timestamp",
                                              "creation_timestamp",
                                              "tick_size",
                                              "tick_size_steps",
                                              "min_trade_amount",
                                              "maker_commission",
                                              "taker_commission",
                                              "is_active",
                                              "state"};
  InstrumentList list;
  detail::each_object(json, [&](Cursor& row) {
    const detail::WireFields fields(row, names);
    try {
      if (fields.text(kind) != "option") return;
      Instrument out;
      out.symbol = fields.text(name);
      const InstrumentName parts = parse_instrument_name(out.symbol);
      out.underlying = parts.underlying;
      out.type = parts.type;
      out.settlement = parts.settlement;
      out.currency =
          fields.text_or(settlement_currency, parts.settlement == SettlementType::linear ? "USDC" : parts.underlying);
      out.strike = fields.number_or(strike, parts.strike);
      out.expiry_ms = fields.integer(expiration);
      out.creation_ms = fields.integer_or(creation, 0);
      out.tick_size = fields.money(tick_size);
      out.minimum_size = fields.money(min_trade_amount);
      out.maker_commission = fields.number_or(maker, 0.0);
      out.taker_commission = fields.number_or(taker, 0.0);
      out.open = fields.boolean_or(is_active, true) && fields.text_or(state, "open") == "open";
      bool good = out.strike == parts.strike && out.expiry_ms == parts.expiry_ms && out.tick_size.sign() > 0 &&
                  out.minimum_size.sign() > 0 &&
                  fields.text_or(option_type, parts.type == OptionType::call ? "call" : "put") ==
                      (parts.type == OptionType::call ? "call" : "put");
      if (fields.has(tick_steps)) {
        Cursor steps = fields.value(tick_steps);
        detail::each_object(steps, [&](Cursor& step) {
          static constexpr detail::Names<2> step_names = {"above_price", "tick_size"};
          const detail::WireFields parts_of_step(step, step_names);
          out.tick_steps.push_back({parts_of_step.money(0), parts_of_step.money(1)});
        });
      }
      market::Fixed8 before;
      for (const TickStep& step : out.tick_steps) {
        good = good && step.tick_size.sign() > 0 && step.above_price > before;
        before = step.above_price;
      }
      if (!good) row.fail_with("terms that contradict the name, or ticks and sizes that are not above 0");
      list.instruments.push_back(std::move(out));
    } catch (const DataError&) {
      ++list.rejected_rows;
    }
  });
  std::sort(list.instruments.begin(), list.instruments.end(),
            [](const Instrument& a, const Instrument& b) { return a.symbol < b.symbol; });
  const auto twice = std::unique(list.instruments.begin(), list.instruments.end(),
                                 [](const Instrument& a, const Instrument& b) { return a.symbol == b.symbol; });
  list.rejected_rows += static_cast<std::uint32_t>(list.instruments.end() - twice);
  list.instruments.erase(twice, list.instruments.end());
  return list;
}

/// Reads `public/get_book_summary_by_currency` against one instrument table, again and again without allocating.
class ChainReader {
 public:
  /// @param instruments  the table that the quotes point into
  explicit ChainReader(std::span<const Instrument> instruments = {}) {
    index_.reserve(instruments.size());
    for (std::size_t i = 0; i < instruments.size(); ++i) index_.emplace(instruments[i].symbol, static_cast<std::uint32_t>(i));
    seen_.assign(instruments.size(), 0);
  }

  /// Fills the quotes and the counts; `ts_ms` and `index` stay with the caller, since this reply has neither. A row that is
  /// unreadable, negative, crossed, without mark IV or forward, or of an instrument that is not in the table is dropped and
  /// counted. A price of null or 0 is no price.
  /// @throws DataError where the result is no array
  void read(Cursor json, ChainSnapshot& out) {
    enum : std::size_t { name, bid, ask, mark, mark_iv, forward, open_interest, created };
    static constexpr detail::Names<8> names = {"instrument_name", "bid_price",        "ask_price",     "mark_price",
                                               "mark_iv",         "underlying_price", "open_interest", "creation_timestamp"};
    out.quotes.clear();
    out.rejected_rows = out.duplicate_rows = 0;
    std::fill(seen_.begin(), seen_.end(), std::uint8_t{0});
    json.array([&] {
      if (json.peek() != '{') {
        json.skip();
        ++out.rejected_rows;
        return;
      }
      try {
        const detail::WireFields fields(json, names);
        const auto found = index_.find(fields.view(name, decoded_));
        if (found == index_.end()) {
          ++out.rejected_rows;
          return;
        }
        ChainQuote quote;
        quote.instrument = found->second;
        if (seen_[quote.instrument] != 0) {
          ++out.duplicate_rows;
          return;
        }
        quote.bid = fields.money_or_zero(bid);
        quote.ask = fields.money_or_zero(ask);
        quote.mark = fields.money_or_zero(mark);
        quote.forward = fields.number(forward);
        quote.mark_iv = fields.number(mark_iv) / detail::percent;
        quote.open_interest = fields.number_or(open_interest, std::numeric_limits<double>::quiet_NaN());
        quote.quote_ms = fields.integer_or(created, 0);
        const bool crossed = quote.bid.sign() > 0 && quote.ask.sign() > 0 && quote.bid > quote.ask;
        if (crossed || quote.bid.sign() < 0 || quote.ask.sign() < 0 || quote.mark.sign() < 0 || !(quote.forward > 0.0) ||
            !(quote.mark_iv >= 0.0) || quote.open_interest < 0.0) {
          ++out.rejected_rows;
          return;
        }
        seen_[quote.instrument] = 1;
        out.quotes.push_back(quote);
      } catch (const DataError&) {
        ++out.rejected_rows;
      }
    });
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> index_;
  std::string decoded_;
  std::vector<std::uint8_t> seen_;
};

/// `public/ticker` and `public/get_order_book`. Prices of 0 are none; what the venue does not say stays 0.
inline Ticker read_ticker(Cursor json) {
  enum : std::size_t {
    name,
    bid,
    bid_amount,
    ask,
    ask_amount,
    mark,
    mark_iv,
    greeks,
    index,
    forward,
    open_interest,
    timestamp
  };
  static constexpr detail::Names<12> names = {"instrument_name", "best_bid_price",   "best_bid_amount", "best_ask_price",
                                              "best_ask_amount", "mark_price",       "mark_iv",         "greeks",
                                              "index_price",     "underlying_price", "open_interest",   "timestamp"};
  const detail::WireFields fields(json, names);
  Ticker out;
  out.symbol = fields.text(name);
  out.bid = fields.money_or_zero(bid);
  out.bid_amount = fields.money_or_zero(bid_amount);
  out.ask = fields.money_or_zero(ask);
  out.ask_amount = fields.money_or_zero(ask_amount);
  out.mark = fields.money(mark);
  out.mark_iv = fields.number_or(mark_iv, 0.0) / detail::percent;
  out.index = fields.number(index);
  out.forward = fields.number_or(forward, 0.0);
  out.open_interest = fields.number_or(open_interest, 0.0);
  out.quote_ms = fields.integer(timestamp);
  if (fields.has(greeks)) {
    static constexpr detail::Names<1> greek_names = {"delta"};
    Cursor at = fields.value(greeks);
    out.delta = detail::WireFields(at, greek_names).number_or(0, 0.0);
  }
  detail::expect_not_negative(json, names[bid], out.bid);
  detail::expect_not_negative(json, names[ask], out.ask);
  detail::expect_not_negative(json, names[mark], out.mark);
  return out;
}

/// `private/get_account_summary`. Limits: requests a second and bursts as the venue grants them; 0 where it does not say.
inline Account read_account(Cursor json) {
  enum : std::size_t { currency, equity, available, initial, maintenance, limits };
  static constexpr detail::Names<6> names = {"currency",           "equity", "available_funds", "initial_margin",
                                             "maintenance_margin", "limits"};
  const detail::WireFields fields(json, names);
  Account out;
  out.currency = fields.text(currency);
  out.equity = fields.money(equity);
  out.available_funds = fields.money(available);
  out.initial_margin = fields.money(initial);
  out.maintenance_margin = fields.money(maintenance);
  if (!fields.has(limits) || fields.value(limits).peek() != '{') return out;

  // A folder of objects; where one is absent or of another form, its limit stays unknown.
  const auto inside = [](std::optional<Cursor> at, std::string_view name) -> std::optional<Cursor> {
    if (!at || at->peek() != '{') return {};
    const detail::Names<1> one = {name};
    const detail::WireFields found(*at, one);
    return found.has(0) ? std::optional(found.value(0)) : std::nullopt;
  };
  const auto limit = [](std::optional<Cursor> at) -> RateLimit {
    static constexpr detail::Names<2> one = {"rate", "burst"};
    if (!at || at->peek() != '{') return {};
    const detail::WireFields found(*at, one);
    return {found.number_or(0, 0.0), found.number_or(1, 0.0)};
  };
  const Cursor all = fields.value(limits);
  out.limits.data = limit(inside(all, "non_matching_engine"));
  out.limits.orders = limit(inside(inside(inside(all, "matching_engine"), "trading"), "total"));
  return out;
}

/// The options of `private/get_positions`; rows of size 0 and other instruments are left out.
inline std::vector<Position> read_positions(Cursor json) {
  enum : std::size_t { kind, name, size, direction, average, mark, delta };
  static constexpr detail::Names<7> names = {"kind",          "instrument_name", "size", "direction",
                                             "average_price", "mark_price",      "delta"};
  std::vector<Position> out;
  detail::each_object(json, [&](Cursor& row) {
    const detail::WireFields fields(row, names);
    if (fields.text_or(kind, "option") != "option") return;
    Position position;
    position.symbol = fields.text(name);
    const auto parts = try_parse_instrument_name(position.symbol);
    if (!parts) row.fail_with("field 'instrument_name': expected an option, found " + io::detail::shown_text(position.symbol));
    position.underlying = parts->underlying;
    position.type = parts->type;
    position.strike = parts->strike;
    position.expiry_ms = parts->expiry_ms;
    const std::string side = fields.text(direction);
    if (side != "buy" && side != "sell" && side != "zero") fields.fail(direction, fields.value(direction), "buy, sell or zero");
    position.size = abs(fields.money(size));
    if (position.size.sign() == 0) return;
    if (side == "sell") position.size = -position.size;
    position.average_price = fields.money_or_zero(average);
    position.mark = fields.money_or_zero(mark);
    position.delta = fields.number_or(delta, 0.0) / position.size.to_double();  // on the wire it is of the whole position
    out.push_back(std::move(position));
  });
  return out;
}

/// One trade of an order.
inline Fill read_fill(Cursor& json) {
  enum : std::size_t { trade_id, timestamp, amount, price, fee, index };
  static constexpr detail::Names<6> names = {"trade_id", "timestamp", "amount", "price", "fee", "index_price"};
  const detail::WireFields fields(json, names);
  Fill fill{fields.text(trade_id), fields.integer(timestamp), fields.money(amount),
            fields.money(price),   fields.money(fee),         fields.number_or(index, 0.0)};
  if (fill.amount.sign() <= 0) fields.fail(amount, fields.value(amount), "an amount above 0");
  detail::expect_not_negative(json, names[price], fill.price);
  constexpr auto most = market::Fixed8::from_integer(100'000);  // the fees of a reply must have a sum
  if (abs(fill.fee) > most) fields.fail(fee, fields.value(fee), "a fee of at most 100,000");
  return fill;
}

/// An array of trades, or `private/get_user_trades_by_order` where it wraps them as {"trades":[...]}.
inline std::vector<Fill> read_fills(Cursor json) {
  static constexpr detail::Names<1> names = {"trades"};
  if (json.peek() == '{') json = detail::WireFields(json, names).value(0);
  std::vector<Fill> fills;
  detail::each_object(json, [&](Cursor& row) { fills.push_back(read_fill(row)); });
  return fills;
}

/// The trades of an order, and the sum of their fees.
inline void set_fills(Order& order, std::vector<Fill> fills) {
  order.fee = {};
  for (const Fill& fill : fills) order.fee += fill.fee;
  order.fills = std::move(fills);
}

/// One order. A price that is a text ("market_price") is no limit and becomes 0.
/// @throws DataError also for an unknown state, an order without id, or more filled than its amount
inline Order read_order(Cursor& json) {
  enum : std::size_t { order_id, label, name, direction, state, amount, price, filled, average, reduce_only, created };
  static constexpr detail::Names<11> names = {
      "order_id", "label",         "instrument_name", "direction",   "order_state",       "amount",
      "price",    "filled_amount", "average_price",   "reduce_only", "creation_timestamp"};
  const detail::WireFields fields(json, names);
  Order out;
  out.order_id = fields.text(order_id);
  out.label = fields.text_or(label, "");
  out.symbol = fields.text(name);
  const std::string side = fields.text(direction);
  if (side != "buy" && side != "sell") fields.fail(direction, fields.value(direction), "buy or sell");
  out.side = side == "buy" ? Side::buy : Side::sell;
  const std::string is = fields.text(state);
  if (is == "open" || is == "untriggered") {
    out.state = OrderState::open;
  } else if (is == "filled") {
    out.state = OrderState::filled;
  } else if (is == "cancelled") {
    out.state = OrderState::cancelled;
  } else if (is == "rejected") {
    out.state = OrderState::rejected;
  } else {
    fields.fail(state, fields.value(state), "open, untriggered, filled, cancelled or rejected");
  }
  out.amount = fields.money(amount);
  if (fields.value(price).peek() != '"') out.price = fields.money(price);
  out.filled_amount = fields.money_or_zero(filled);
  out.average_price = out.filled_amount.sign() == 0 ? market::Fixed8() : fields.money_or_zero(average);
  out.reduce_only = fields.boolean_or(reduce_only, false);
  out.created_ms = fields.integer_or(created, 0);
  if (out.order_id.empty()) fields.fail(order_id, fields.value(order_id), "an id");
  if (out.filled_amount.sign() < 0 || out.filled_amount > out.amount)
    fields.fail(filled, fields.value(filled), "0 to the amount of the order");
  if (out.state == OrderState::filled && out.filled_amount != out.amount)
    json.fail_with("field 'order_state': filled, but filled_amount " + out.filled_amount.to_string() + " of " +
                   out.amount.to_string());
  return out;
}

/// `private/cancel`, `private/get_order_state`: one order.
inline Order read_single_order(Cursor json) { return read_order(json); }

/// `private/get_open_orders_by_currency`, `..._by_label`, `private/get_order_state_by_label`: orders, closed ones too.
inline std::vector<Order> read_orders(Cursor json) {
  std::vector<Order> orders;
  detail::each_object(json, [&](Cursor& row) { orders.push_back(read_order(row)); });
  return orders;
}

/// `private/buy`, `private/sell`, `private/edit`: the order with its trades.
inline Order read_placed_order(Cursor json) {
  static constexpr detail::Names<2> names = {"order", "trades"};
  const detail::WireFields fields(json, names);
  Cursor at = fields.value(0);
  Order order = read_order(at);
  if (fields.has(1)) set_fills(order, read_fills(fields.value(1)));
  return order;
}

/// `private/get_margins` for a sale: the initial margin; the venue does not say the maintenance margin, which stays 0.
inline Margins read_sell_margins(Cursor json) {
  static constexpr detail::Names<1> names = {"sell"};
  const detail::WireFields fields(json, names);
  return {fields.money(0), {}};
}

/// A value at a time.
struct TimedValue {
  std::int64_t ts_ms = 0;                              ///< UTC ms
  double value = 0.0;                                  ///< above 0 where a reader of this file made it
  bool operator==(const TimedValue&) const = default;  ///< Memberwise.
};

/// The closes of `public/get_tradingview_chart_data`; none for the status `no_data`.
/// @throws DataError unless times ascend, closes are above 0 and both are equally many
inline std::vector<TimedValue> read_chart_closes(Cursor json) {
  enum : std::size_t { ticks, close, status };
  static constexpr detail::Names<3> names = {"ticks", "close", "status"};
  const detail::WireFields fields(json, names);
  if (fields.text_or(status, "ok") == "no_data") return {};
  std::vector<TimedValue> out;
  Cursor times = fields.value(ticks);
  times.array([&] {
    const std::int64_t ts = read_integer(times);
    times.skip();
    if (!out.empty() && ts <= out.back().ts_ms) times.fail_with("field 'ticks': expected ascending times");
    out.push_back({ts, 0.0});
  });
  std::size_t n = 0;
  Cursor closes = fields.value(close);
  closes.array([&] {
    double value = 0.0;
    if (io::detail::parse_double(closes.number(), value) != io::detail::NumberStatus::ok || !(value > 0.0))
      closes.fail_with("field 'close': expected numbers above 0");
    if (n < out.size()) out[n].value = value;
    ++n;
  });
  if (n != out.size())
    json.fail_with("expected as many 'close' as 'ticks', found " + std::to_string(n) + " and " + std::to_string(out.size()));
  return out;
}

/// The closes of `public/get_volatility_index_data`, in the unit of the reply (its documentation shows fractions, live replies
/// are percent).
inline std::vector<TimedValue> read_volatility_index(Cursor json) {
  static constexpr detail::Names<1> names = {"data"};
  const detail::WireFields fields(json, names);
  std::vector<TimedValue> out;
  Cursor rows = fields.value(0);
  rows.array([&] {
    TimedValue row;
    std::size_t column = 0;
    rows.array([&] {
      double value = 0.0;
      const std::string_view text = rows.number();
      if (column == 0) {
        if (io::detail::parse_integer(text, row.ts_ms) != io::detail::NumberStatus::ok)
          rows.fail_with("field 'data': expected a time in ms first");
      } else if (io::detail::parse_double(text, value) != io::detail::NumberStatus::ok) {
        rows.fail_with("field 'data': expected finite numbers");
      }
      if (column == 4) row.value = value;
      ++column;
    });
    if (column != 5) rows.fail_with("field 'data': expected rows of time, open, high, low, close");
    out.push_back(row);
  });
  return out;
}

/// `public/get_delivery_prices`: expiry times (08:00 UTC of the dates) and prices, in the order of the reply.
inline std::vector<TimedValue> read_delivery_prices(Cursor json) {
  static constexpr detail::Names<1> names = {"data"};
  static constexpr detail::Names<2> row_names = {"date", "delivery_price"};
  const detail::WireFields fields(json, names);
  std::vector<TimedValue> out;
  Cursor rows = fields.value(0);
  detail::each_object(rows, [&](Cursor& row) {
    const detail::WireFields one(row, row_names);
    const auto ms = io::parse_time_ms(one.text(0));
    out.push_back({ms + expiry_time_of_day_ms, one.number(1)});
    if (!(out.back().value > 0.0)) one.fail(1, one.value(1), "a price above 0");
  });
  return out;
}

/// A delivery of `private/get_settlement_history_by_currency`.
struct Delivery {
  std::string symbol;       ///< of an option
  std::int64_t ts_ms = 0;   ///< UTC ms
  market::Fixed8 position;  ///< contracts, < 0 short
  double index = 0.0;       ///< settlement price, USD
};
/// One page of the history.
struct DeliveryPage {
  std::vector<Delivery> deliveries;  ///< in the venue's order
  std::string continuation;          ///< for the next page; empty: the last one
};

/// Rows of another type than `delivery` and of other instruments than options are left out.
inline DeliveryPage read_deliveries(Cursor json) {
  static constexpr detail::Names<2> names = {"settlements", "continuation"};
  enum : std::size_t { type, name, timestamp, position, index };
  static constexpr detail::Names<5> row_names = {"type", "instrument_name", "timestamp", "position", "index_price"};
  const detail::WireFields fields(json, names);
  DeliveryPage page;
  if (fields.has(1) && fields.value(1).peek() == '"') page.continuation = fields.text(1);
  if (page.continuation == "none") page.continuation.clear();
  Cursor rows = fields.value(0);
  detail::each_object(rows, [&](Cursor& row) {
    const detail::WireFields one(row, row_names);
    if (one.text(type) != "delivery" || !try_parse_instrument_name(one.text(name))) return;
    Delivery delivery{one.text(name), one.integer(timestamp), one.money(position), one.number(index)};
    if (!(delivery.index > 0.0)) one.fail(index, one.value(index), "a price above 0");
    page.deliveries.push_back(std::move(delivery));
  });
  return page;
}

}  // namespace rlx::inline v0_1::options::deribit

#endif  // RLX_OPTIONS_DERIBIT_JSON_HPP
