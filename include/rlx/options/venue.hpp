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

namespace rlx::inline v0_1::options {

/// What is known of a request after it was sent.
enum class OutcomeKind : std::uint8_t {
  confirmed,  ///< a parsed result
  rejected,   ///< a parsed error that proves the request was not processed
  unknown     ///< time-out, broken connection, unreadable reply, HTTP 5xx: it may or may not have been processed
};

/// The result of one request. `value` is there exactly when `kind` is confirmed; `code` and `message` are the venue's own.
template <class T>
struct Outcome {
  OutcomeKind kind = OutcomeKind::unknown;  ///< what is known of the request
  std::optional<T> value;                   ///< the parsed result; empty unless confirmed
  int code = 0;                             ///< the venue's error code; 0 where there is none
  std::string message;                      ///< why it is rejected or unknown; empty where confirmed
  bool retryable = false;                   ///< a rejection that a later resend may overcome

  /// A parsed result.
  static Outcome confirmed(T value) {
    Outcome outcome;
    outcome.kind = OutcomeKind::confirmed;
    outcome.value = std::move(value);
    return outcome;
  }
  /// A parsed error; `code` and `message` are the venue's.
  static Outcome rejected(int code, std::string message, bool retryable) {
    Outcome outcome;
    outcome.kind = OutcomeKind::rejected;
    outcome.code = code;
    outcome.message = std::move(message);
    outcome.retryable = retryable;
    return outcome;
  }
  /// Neither proved: a time-out or an unreadable reply, with the reason in `message`.
  static Outcome unknown(std::string message, int code = 0) {
    Outcome outcome;
    outcome.code = code;
    outcome.message = std::move(message);
    return outcome;
  }
  /// Whether `value` is there.
  bool is_confirmed() const noexcept { return kind == OutcomeKind::confirmed; }
};

/// Which way an order trades.
enum class Side : std::uint8_t { buy, sell };
/// How long an order may rest.
enum class TimeInForce : std::uint8_t {
  good_til_cancelled,  ///< until it fills, is cancelled or its option expires
  immediate_or_cancel  ///< what does not fill on arrival is cancelled
};

/// A limit order. Prices and amounts exact, amounts in contracts.
struct OrderRequest {
  Side side = Side::sell;                                       ///< buys or sells
  std::string symbol;                                           ///< instrument name, "BTC-16JAN26-95000-C"
  std::string underlying;                                       ///< of the symbol, "BTC"
  market::Fixed8 amount;                                        ///< contracts, a multiple of the instrument's minimum
  market::Fixed8 price;                                         ///< limit in the settlement currency, a multiple of the tick
  TimeInForce time_in_force = TimeInForce::good_til_cancelled;  ///< whether it may rest
  bool post_only = false;                                       ///< rejected (not repriced) when it would cross
  bool reduce_only = false;                                     ///< fills only as far as it makes a position smaller
  std::string label;                                            ///< at most 64 characters
  std::int64_t valid_until_ms = 0;                       ///< server time after which the venue drops the request; 0 = none
  bool operator==(const OrderRequest&) const = default;  ///< Memberwise.
};

/// What the venue says of an order.
enum class OrderState : std::uint8_t {
  open,       ///< rests in the book, perhaps filled in part
  filled,     ///< whole amount
  cancelled,  ///< the rest of it; something may have been filled before
  rejected    ///< never entered the book
};

/// One execution of an order.
struct Fill {
  std::string trade_id;                          ///< the venue's
  std::int64_t ts_ms = 0;                        ///< venue's time, UTC ms
  market::Fixed8 amount;                         ///< contracts, > 0
  market::Fixed8 price;                          ///< settlement currency per contract
  market::Fixed8 fee;                            ///< settlement currency, > 0 is paid
  double index = 0.0;                            ///< USD at the fill
  bool operator==(const Fill&) const = default;  ///< Memberwise.
};

/// An order as the venue reports it; `fills` as far as the venue lists them with the order.
struct Order {
  std::string order_id;                           ///< the venue's
  std::string label;                              ///< of the request; may be empty or foreign
  std::string symbol;                             ///< instrument name
  Side side = Side::sell;                         ///< buys or sells
  OrderState state = OrderState::open;            ///< as the venue reports it
  market::Fixed8 amount;                          ///< contracts, filled ones too
  market::Fixed8 price;                           ///< limit, settlement currency
  market::Fixed8 filled_amount;                   ///< contracts
  market::Fixed8 average_price;                   ///< settlement currency per contract; 0 where nothing is filled
  market::Fixed8 fee;                             ///< of all fills, settlement currency
  bool reduce_only = false;                       ///< as requested
  std::int64_t created_ms = 0;                    ///< venue's time, UTC ms
  std::vector<Fill> fills;                        ///< in the order given; may be empty though something is filled
  bool operator==(const Order&) const = default;  ///< Memberwise.
};

/// Requests a second that the venue grants, and how many at once.
struct RateLimit {
  double per_second = 0.0;  ///< requests; 0: the venue says nothing
  double burst = 0.0;       ///< requests at once; 0: the venue says nothing
};
/// The limits of an account, by what is asked.
struct RateLimits {
  RateLimit data;    ///< requests that only read
  RateLimit orders;  ///< requests that send or cancel
};

/// Money in one settlement currency.
struct Account {
  std::string currency;               ///< settlement currency, "BTC" or "USDC"
  market::Fixed8 equity;              ///< balance with positions at their marks
  market::Fixed8 available_funds;     ///< free for new margin
  market::Fixed8 initial_margin;      ///< held for what is open
  market::Fixed8 maintenance_margin;  ///< below which the venue liquidates
  RateLimits limits;                  ///< all 0 where the venue says nothing
};

/// One open option position.
struct Position {
  std::string symbol;                                ///< instrument name
  std::string underlying;                            ///< "BTC"
  OptionType type = OptionType::call;                ///< call or put
  double strike = 0.0;                               ///< USD
  std::int64_t expiry_ms = 0;                        ///< UTC ms
  market::Fixed8 size;                               ///< contracts, < 0 short
  market::Fixed8 average_price;                      ///< of its trades, settlement currency per contract
  market::Fixed8 mark;                               ///< settlement currency per contract
  double delta = 0.0;                                ///< of one contract, 0 to 1 for calls
  bool operator==(const Position&) const = default;  ///< Memberwise.
};

/// The best prices of one instrument now.
struct Ticker {
  std::string symbol;          ///< instrument name
  market::Fixed8 bid;          ///< settlement currency; 0 = none
  market::Fixed8 ask;          ///< settlement currency; 0 = none
  market::Fixed8 mark;         ///< settlement currency; 0 = none
  market::Fixed8 bid_amount;   ///< contracts at the bid; 0 = none
  market::Fixed8 ask_amount;   ///< contracts at the ask; 0 = none
  double mark_iv = 0.0;        ///< decimal fraction
  double delta = 0.0;          ///< of one contract, 0 to 1 for calls
  double index = 0.0;          ///< USD
  double forward = 0.0;        ///< price of the underlying for this expiry, USD
  double open_interest = 0.0;  ///< contracts; NaN where the venue gives none
  std::int64_t quote_ms = 0;   ///< when the venue made the quote, UTC ms
};

/// Margin that an order would need, settlement currency.
struct Margins {
  market::Fixed8 initial;      ///< to open it
  market::Fixed8 maintenance;  ///< to keep it
};

/// A settlement of an expired position.
struct Settlement {
  std::string symbol;             ///< instrument name
  std::string underlying;         ///< "BTC"
  std::int64_t ts_ms = 0;         ///< venue's time, UTC ms
  market::Fixed8 amount;          ///< contracts, < 0 short
  double settlement_price = 0.0;  ///< USD
  std::int64_t gap_ms = 0;        ///< distance of the index samples around it; 0 where the venue published the price
  market::Fixed8 payoff;          ///< paid by the short side, settlement currency, >= 0
  market::Fixed8 delivery_fee;    ///< >= 0
  bool operator==(const Settlement&) const = default;  ///< Memberwise.
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

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_VENUE_HPP
