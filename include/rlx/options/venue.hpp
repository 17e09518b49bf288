// SPDX-License-Identifier: MIT
/// @file
/// @brief What the agent asks of an exchange: a concept with the paper venue and the Deribit client as models.
#ifndef RLX_OPTIONS_VENUE_HPP
#define RLX_OPTIONS_VENUE_HPP

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/market/fixed8.hpp>
#include <rlx/options/attestation.hpp>
#include <rlx/options/chain.hpp>
#include <rlx/options/instrument.hpp>

namespace rlx::options {

/// What is known of a request after it was sent.
enum class OutcomeKind : std::uint8_t {
  confirmed,  ///< a parsed result
  rejected,   ///< a parsed error that proves the request was not processed
  unknown     ///< time-out, broken connection, unreadable reply, HTTP 5xx: it may or may not have been processed
};

/// The result of one request. `value` is there exactly when `kind` is confirmed; `code` and `message` are the venue's own.
template <class T>
struct Outcome {
  OutcomeKind kind = OutcomeKind::unknown;
  std::optional<T> value;
  int code = 0;  ///< the venue's error code; 0 where there is none
  std::string message;
  bool retryable = false;  ///< a rejection that a later resend may overcome

  static Outcome confirmed(T value) {
    Outcome outcome;
    outcome.kind = OutcomeKind::confirmed;
    outcome.value = std::move(value);
    return outcome;
  }
  static Outcome rejected(int code, std::string message, bool retryable) {
    Outcome outcome;
    outcome.kind = OutcomeKind::rejected;
    outcome.code = code;
    outcome.message = std::move(message);
    outcome.retryable = retryable;
    return outcome;
  }
  static Outcome unknown(std::string message, int code = 0) {
    Outcome outcome;
    outcome.code = code;
    outcome.message = std::move(message);
    return outcome;
  }
  bool is_confirmed() const noexcept { return kind == OutcomeKind::confirmed; }
};

enum class Side : std::uint8_t { buy, sell };
enum class TimeInForce : std::uint8_t { good_til_cancelled, immediate_or_cancel };

/// A limit order. Prices and amounts exact, amounts in contracts.
struct OrderRequest {
  Side side = Side::sell;
  std::string symbol;
  std::string underlying;
  market::Fixed8 amount, price;
  TimeInForce time_in_force = TimeInForce::good_til_cancelled;
  bool post_only = false;  ///< rejected (not repriced) when it would cross
  bool reduce_only = false;
  std::string label;                ///< at most 64 characters
  std::int64_t valid_until_ms = 0;  ///< server time after which the venue drops the request; 0 = none
  bool operator==(const OrderRequest&) const = default;
};

enum class OrderState : std::uint8_t { open, filled, cancelled, rejected };

/// One execution of an order.
struct Fill {
  std::string trade_id;
  std::int64_t ts_ms = 0;
  market::Fixed8 amount, price;
  market::Fixed8 fee;  ///< settlement currency, > 0 is paid
  double index = 0.0;  ///< USD at the fill
  bool operator==(const Fill&) const = default;
};

/// An order as the venue reports it; `fills` as far as the venue lists them with the order.
struct Order {
  std::string order_id, label, symbol;
  Side side = Side::sell;
  OrderState state = OrderState::open;
  market::Fixed8 amount, price;
  market::Fixed8 filled_amount, average_price;  ///< average_price 0 where nothing is filled
  market::Fixed8 fee;                           ///< of all fills, settlement currency
  bool reduce_only = false;
  std::int64_t created_ms = 0;
  std::vector<Fill> fills;
  bool operator==(const Order&) const = default;
};

/// Requests a second that the venue grants, and how many at once.
struct RateLimit {
  double per_second = 0.0, burst = 0.0;  ///< 0: the venue says nothing
};
struct RateLimits {
  RateLimit data, orders;
};

/// Money in one settlement currency.
struct Account {
  std::string currency;
  market::Fixed8 equity, available_funds, initial_margin, maintenance_margin;
  RateLimits limits;
};

/// One open option position.
struct Position {
  std::string symbol, underlying;
  OptionType type = OptionType::call;
  double strike = 0.0;
  std::int64_t expiry_ms = 0;
  market::Fixed8 size;  ///< contracts, < 0 short
  market::Fixed8 average_price, mark;
  double delta = 0.0;  ///< of one contract, 0 to 1 for calls
  bool operator==(const Position&) const = default;
};

/// The best prices of one instrument now.
struct Ticker {
  std::string symbol;
  market::Fixed8 bid, ask, mark;  ///< 0 = none
  market::Fixed8 bid_amount, ask_amount;
  double mark_iv = 0.0;  ///< decimal fraction
  double delta = 0.0;
  double index = 0.0, forward = 0.0;  ///< USD
  double open_interest = 0.0;
  std::int64_t quote_ms = 0;
};

/// Margin that an order would need, settlement currency.
struct Margins {
  market::Fixed8 initial, maintenance;
};

/// A settlement of an expired position.
struct Settlement {
  std::string symbol, underlying;
  std::int64_t ts_ms = 0;
  market::Fixed8 amount;          ///< contracts, < 0 short
  double settlement_price = 0.0;  ///< USD
  std::int64_t gap_ms = 0;        ///< distance of the index samples around it; 0 where the venue published the price
  market::Fixed8 payoff;          ///< paid by the short side, settlement currency, >= 0
  market::Fixed8 delivery_fee;    ///< >= 0
  bool operator==(const Settlement&) const = default;
};

/// An exchange, real or on paper. One thread. Requests never throw for what an exchange may do (time-outs, rejections: see
/// Outcome); they throw SafetyError and AttestationError, after which only `cancel_by_label` of own labels is sent.
///
/// `ccy` is an underlying ("BTC"). `chain` fills a buffer as ChainSource::load does, with indices into `instruments(ccy)`.
/// `attest()` asks the venue who it is. `orders_by_label` lists closed orders too. `settlements(ccy, since_ms)`: those at or
/// after an instant.
template <class V>
concept Venue = requires(V venue, std::string_view ccy, std::string_view text, ChainSnapshot& snapshot,
                         const OrderRequest& request, market::Fixed8 amount, market::Fixed8 price, std::int64_t ms) {
  { venue.environment() } -> std::same_as<VenueEnvironment>;
  { venue.attest() } -> std::same_as<Outcome<Attestation>>;
  { venue.server_time_ms() } -> std::same_as<Outcome<std::int64_t>>;
  { venue.instruments(ccy) } -> std::same_as<Outcome<std::span<const Instrument>>>;
  { venue.chain(ccy, snapshot) } -> std::same_as<Outcome<std::int64_t>>;  // ts of the snapshot
  { venue.index_price(ccy) } -> std::same_as<Outcome<double>>;
  { venue.ticker(text) } -> std::same_as<Outcome<Ticker>>;
  { venue.account(ccy) } -> std::same_as<Outcome<Account>>;
  { venue.positions(ccy) } -> std::same_as<Outcome<std::vector<Position>>>;
  { venue.open_orders(ccy) } -> std::same_as<Outcome<std::vector<Order>>>;
  { venue.orders_by_label(ccy, text) } -> std::same_as<Outcome<std::vector<Order>>>;
  { venue.settlements(ccy, ms) } -> std::same_as<Outcome<std::vector<Settlement>>>;
  { venue.submit(request) } -> std::same_as<Outcome<Order>>;
  { venue.cancel(text) } -> std::same_as<Outcome<Order>>;
  { venue.cancel_by_label(ccy, text) } -> std::same_as<Outcome<int>>;  // orders cancelled
  { venue.cancel_all() } -> std::same_as<Outcome<int>>;
  { venue.margins(text, amount, price) } -> std::same_as<Outcome<Margins>>;
};

}  // namespace rlx::options

#endif  // RLX_OPTIONS_VENUE_HPP
