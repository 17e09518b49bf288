// SPDX-License-Identifier: MIT
/// @file
/// @brief Deribit over HTTP: the networked model of Venue.
///
/// Every method is a JSON-RPC POST, so neither a secret nor a token is ever part of a URL; both are cut out of every message.
/// @par Source Deribit API v2 documentation
#ifndef RLX_OPTIONS_DERIBIT_CLIENT_HPP
#define RLX_OPTIONS_DERIBIT_CLIENT_HPP

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/io/http.hpp>
#include <rlx/options/attestation.hpp>
#include <rlx/options/credentials.hpp>
#include <rlx/options/deribit_codes.hpp>
#include <rlx/options/deribit_json.hpp>
#include <rlx/options/detail/hmac.hpp>
#include <rlx/io/detail/json_text.hpp>
#include <rlx/options/endpoint.hpp>
#include <rlx/options/error.hpp>
#include <rlx/options/fees.hpp>
#include <rlx/options/instrument.hpp>
#include <rlx/options/label.hpp>
#include <rlx/options/rate_limiter.hpp>
#include <rlx/options/venue.hpp>

namespace rlx::inline v0_1::options {

/// How a token is asked for.
enum class DeribitGrant : std::uint8_t {
  client_signature,   ///< the secret signs and is not sent
  client_credentials  ///< the secret is part of the request's body
};

/// Where and how DeribitClient asks.
struct DeribitConfig {
  Endpoint endpoint;                                    ///< of HostPolicy::resolve
  DeribitGrant grant = DeribitGrant::client_signature;  ///< how a token is asked for
  std::int64_t data_deadline_ms = 10'000;               ///< of one request
  std::int64_t order_deadline_ms = 5'000;               ///< of one request that places or cancels
  std::int64_t instruments_max_age_ms = 3'600'000;      ///< and never past 08:00 UTC, when new ones are listed
};

/**
 * @brief The exchange as a Venue: `HttpTransport` reaches it, `Clock` dates and paces the requests.
 *
 * A request is sent at most once; only one that was refused for its token (13009) and changes nothing twice is repeated, once,
 * after a new authentication. A refused order is returned (rejected, 13009, retryable) with the token already dropped, since an
 * order is resent only after a look-up, which is the caller's.
 *
 * Outcomes: confirmed = a result that could be read; rejected = an error that proves the request was not processed; unknown =
 * everything else (no reply, HTTP 5xx, unreadable, another id, 11094). Throws AttestationError for a reply without the right
 * `testnet` flag, after which only `cancel_by_label` of own labels is sent and everything else throws the same; SafetyError for
 * a redirect; VenueError where TLS fails.
 *
 * One thread. Transport and clock must outlive the client.
 */
template <io::HttpTransport T, Clock C>
class DeribitClient {
 public:
  /// Sends nothing yet. Empty `credentials`: public methods only.
  /// @throws SafetyError for an endpoint without host or of no network
  DeribitClient(DeribitConfig config, std::optional<Credentials> credentials, T& transport, C& clock)
      : config_(std::move(config)),
        credentials_(std::move(credentials)),
        transport_(transport),
        clock_(clock),
        data_bucket_(default_data_rate, default_data_burst),
        order_bucket_(default_order_rate, default_order_burst),
        instruments_bucket_(instruments_rate, 1.0) {
    if (config_.endpoint.host.empty() || config_.endpoint.environment == VenueEnvironment::paper)
      throw SafetyError("Deribit client: expected an endpoint of HostPolicy::resolve, found '" + config_.endpoint.host + "'");
  }

  /// What the endpoint stands for; `attest` makes the venue prove it.
  VenueEnvironment environment() const noexcept { return config_.endpoint.environment; }
  /// Whether a reply came from the wrong environment; see the class.
  bool is_halted() const noexcept { return mismatch_.has_value(); }
  /// Waits on the clock.
  void wait_ms(std::int64_t ms) { wait_on(clock_, ms); }

  /// `public/test`, whose reply is checked like every other.
  Outcome<Attestation> attest() {
    const auto tested = call<std::string>(data_request("public/test", Params()), deribit::read_test);
    if (!tested.is_confirmed() || !attestation_) return failed<Attestation>(tested);
    return Outcome<Attestation>::confirmed(*attestation_);
  }

  /// `public/get_time`: UTC ms.
  Outcome<std::int64_t> server_time_ms() {
    return call<std::int64_t>(data_request("public/get_time", Params()), deribit::read_integer);
  }

  /// The listed options of an underlying, ascending by symbol; valid until the next call for the same underlying. Kept for an
  /// hour, and not past 08:00 UTC.
  Outcome<std::span<const Instrument>> instruments(std::string_view ccy) {
    using Result = Outcome<std::span<const Instrument>>;
    const std::int64_t now = clock_.now_ms();
    const auto found = listed_.find(ccy);
    if (found == listed_.end() || now - found->second.fetched_ms >= config_.instruments_max_age_ms ||
        now < found->second.fetched_ms || expiry_day(now) != expiry_day(found->second.fetched_ms)) {
      Request request =
          data_request("public/get_instruments", Params().add("currency", ccy).add("kind", "option").add("expired", false));
      request.bucket = &instruments_bucket_;
      auto list = call<deribit::InstrumentList>(request, deribit::read_instruments);
      if (!list.is_confirmed()) return failed<std::span<const Instrument>>(list);
      Listed& listed = listed_[std::string(ccy)];
      listed.instruments = std::move(list.value->instruments);
      listed.reader = deribit::ChainReader(listed.instruments);
      listed.fetched_ms = now;
    }
    return Result::confirmed(std::span<const Instrument>(listed_.find(ccy)->second.instruments));
  }

  /// The whole chain: the book summary and the index, two requests. Points into the table of the last `instruments(ccy)`.
  Outcome<std::int64_t> chain(std::string_view ccy, ChainSnapshot& snapshot) {
    if (!listed_.contains(ccy)) {
      const auto listed = instruments(ccy);
      if (!listed.is_confirmed()) return failed<std::int64_t>(listed);
    }
    const auto index = index_price(ccy);
    if (!index.is_confirmed()) return failed<std::int64_t>(index);
    deribit::ChainReader& reader = listed_.find(ccy)->second.reader;
    auto read = call<std::int64_t>(
        data_request("public/get_book_summary_by_currency", Params().add("currency", ccy).add("kind", "option")),
        [&](deribit::Cursor json) {
          reader.read(json, snapshot);
          return std::int64_t{0};
        });
    if (!read.is_confirmed()) return read;
    snapshot.ts_ms = us_out_ > 0 ? us_out_ / 1000 : clock_.now_ms();
    snapshot.index = *index.value;
    return Outcome<std::int64_t>::confirmed(snapshot.ts_ms);
  }

  /// USD.
  Outcome<double> index_price(std::string_view ccy) {
    std::string name;
    for (const char c : ccy) name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return call<double>(data_request("public/get_index_price", Params().add("index_name", name + "_usd")),
                        deribit::read_index_price);
  }

  /// `public/ticker`.
  Outcome<Ticker> ticker(std::string_view symbol) {
    auto out = call<Ticker>(data_request("public/ticker", Params().add("instrument_name", symbol)), deribit::read_ticker);
    if (out.is_confirmed() && out.value->symbol != symbol)
      return Outcome<Ticker>::unknown("public/ticker: a reply for another instrument");
    return out;
  }

  /// Hourly closes of the perpetual, each at the end of its hour (the hour that is not over has its last price, dated ahead):
  /// where realised volatility begins.
  Outcome<std::vector<deribit::TimedValue>> hourly_closes(std::string_view ccy, std::int64_t from_ms, std::int64_t to_ms) {
    constexpr std::int64_t hour_ms = 3'600'000;
    auto closes = call<std::vector<deribit::TimedValue>>(
        data_request("public/get_tradingview_chart_data", Params()
                                                              .add("instrument_name", std::string(ccy) + "-PERPETUAL")
                                                              .add("start_timestamp", from_ms)
                                                              .add("end_timestamp", to_ms)
                                                              .add("resolution", "60")),
        deribit::read_chart_closes);
    if (closes.is_confirmed()) {
      for (deribit::TimedValue& close : *closes.value) close.ts_ms += hour_ms;  // the venue names the beginning
    }
    return closes;
  }

  /// Also sets the pace to 80 % of the limits that the venue says.
  Outcome<Account> account(std::string_view ccy) {
    auto out =
        call<Account>(private_request("private/get_account_summary", Params().add("currency", ccy).add("extended", true)),
                      deribit::read_account);
    if (!out.is_confirmed()) return out;
    if (out.value->currency != ccy)
      return Outcome<Account>::unknown("private/get_account_summary: a reply for another currency");
    const auto pace = [](TokenBucket& bucket, const RateLimit& limit) {
      if (limit.per_second > 0.0 && limit.burst > 0.0)
        bucket.set(used_part_of_limits * limit.per_second, std::max(1.0, used_part_of_limits * limit.burst));
    };
    pace(data_bucket_, out.value->limits.data);
    pace(order_bucket_, out.value->limits.orders);
    return out;
  }

  /// Open positions in options of an underlying, own and other.
  Outcome<std::vector<Position>> positions(std::string_view ccy) {
    return call<std::vector<Position>>(
        private_request("private/get_positions", Params().add("currency", ccy).add("kind", "option")), deribit::read_positions);
  }

  /// Resting orders on options of an underlying, own and other.
  Outcome<std::vector<Order>> open_orders(std::string_view ccy) {
    return call<std::vector<Order>>(
        private_request("private/get_open_orders_by_currency", Params().add("currency", ccy).add("kind", "option")),
        deribit::read_orders);
  }

  /// Closed orders too; the trades of those that have filled are asked for, one request each, since their fees are the truth.
  Outcome<std::vector<Order>> orders_by_label(std::string_view ccy, std::string_view label) {
    auto orders = call<std::vector<Order>>(
        private_request("private/get_order_state_by_label", Params().add("currency", ccy).add("label", label)),
        deribit::read_orders);
    if (!orders.is_confirmed()) return orders;
    for (Order& order : *orders.value) {
      if (order.label != label)
        return Outcome<std::vector<Order>>::unknown("private/get_order_state_by_label: an order with another label");
      if (const auto filled = add_fills(order); !filled.is_confirmed()) return failed<std::vector<Order>>(filled);
    }
    return orders;
  }

  /// Deliveries at or after an instant. The price is the venue's; payoff and delivery fee follow from it.
  Outcome<std::vector<Settlement>> settlements(std::string_view ccy, std::int64_t since_ms) {
    std::vector<Settlement> out;
    std::string continuation;
    for (int page = 0; page < 100; ++page) {
      Params params = Params().add("currency", ccy).add("type", "delivery").add("count", std::int64_t{1000});
      if (!continuation.empty()) params.add("continuation", continuation);
      auto read = call<deribit::DeliveryPage>(private_request("private/get_settlement_history_by_currency", std::move(params)),
                                              deribit::read_deliveries);
      if (!read.is_confirmed()) return failed<std::vector<Settlement>>(read);
      bool older = false;
      for (const deribit::Delivery& delivery : read.value->deliveries) {
        older = older || delivery.ts_ms < since_ms;
        if (delivery.ts_ms < since_ms) continue;
        const auto settlement = settlement_of(delivery);
        if (!settlement)
          return Outcome<std::vector<Settlement>>::unknown("a delivery of " + delivery.symbol + " that cannot be");
        out.push_back(*settlement);
      }
      if (older || read.value->continuation.empty() || read.value->continuation == continuation) break;
      continuation = read.value->continuation;
    }
    return Outcome<std::vector<Settlement>>::confirmed(std::move(out));
  }

  /// @throws ConfigError for a request without label, with one of more than 64 characters, or with amount or price not above 0
  Outcome<Order> submit(const OrderRequest& order) {
    if (order.label.empty() || order.label.size() > 64 || order.amount.sign() <= 0 || order.price.sign() <= 0)
      throw ConfigError("order of " + order.symbol + ": expected a label of 1 to 64 characters and amount and price above 0");
    Params params;
    params.add("instrument_name", order.symbol).add("amount", order.amount).add("type", "limit").add("price", order.price);
    params.add("time_in_force",
               order.time_in_force == TimeInForce::good_til_cancelled ? "good_til_cancelled" : "immediate_or_cancel");
    if (order.post_only) params.add("post_only", true).add("reject_post_only", true);
    if (order.reduce_only) params.add("reduce_only", true);
    params.add("label", order.label);
    if (order.valid_until_ms > 0) params.add("valid_until", order.valid_until_ms);
    Request request = order_request(order.side == Side::sell ? "private/sell" : "private/buy", std::move(params));
    request.repeatable = false;
    auto out = call<Order>(request, deribit::read_placed_order);
    if (out.is_confirmed() && (out.value->label != order.label || out.value->symbol != order.symbol ||
                               out.value->side != order.side || out.value->amount != order.amount)) {
      return Outcome<Order>::unknown(std::string(request.method) + ": the reply is of another order");
    }
    return out;
  }

  /// Cancels by the venue's id; the order as it ended, with its fills.
  Outcome<Order> cancel(std::string_view order_id) {
    auto out = call<Order>(order_request("private/cancel", Params().add("order_id", order_id)), deribit::read_single_order);
    if (!out.is_confirmed()) return out;
    if (out.value->order_id != order_id) return Outcome<Order>::unknown("private/cancel: a reply for another order");
    if (const auto filled = add_fills(*out.value); !filled.is_confirmed()) return failed<Order>(filled);
    return out;
  }

  /// The one request that is still sent after an attestation mismatch, for labels of this agent.
  Outcome<int> cancel_by_label(std::string_view ccy, std::string_view label) {
    Request request = order_request("private/cancel_by_label", Params().add("label", label).add("currency", ccy));
    request.allowed_when_halted = is_own_label(label);
    return count_of(call<std::int64_t>(request, deribit::read_integer));
  }

  /// Orders of others of the account too.
  Outcome<int> cancel_all() {
    return count_of(call<std::int64_t>(order_request("private/cancel_all", Params()), deribit::read_integer));
  }

  /// Of a sale. The venue does not say the maintenance margin: it stays 0.
  Outcome<Margins> margins(std::string_view symbol, market::Fixed8 amount, market::Fixed8 price) {
    return call<Margins>(private_request("private/get_margins",
                                         Params().add("instrument_name", symbol).add("amount", amount).add("price", price)),
                         deribit::read_sell_margins);
  }

  /// Gets a token if there is none that is good for longer; the private methods do so by themselves.
  Outcome<bool> authenticate() {
    if (!token_.empty() && clock_.monotonic_seconds() < renew_at_) return Outcome<bool>::confirmed(true);
    if (!credentials_)
      return Outcome<bool>::rejected(no_credentials, "no credentials: set DERIBIT_CLIENT_ID and DERIBIT_CLIENT_SECRET", false);
    Params params;
    const std::string id(credentials_->client_id);
    if (config_.grant == DeribitGrant::client_signature) {
      const std::int64_t now = clock_.now_ms();
      const std::string time = std::to_string(now);
      const std::string nonce = sha256_hex(id + '|' + time + '|' + std::to_string(next_id_)).substr(0, 16);
      params.add("grant_type", "client_signature")
          .add("client_id", id)
          .add("timestamp", now)
          .add("nonce", nonce)
          .add("data", "");
      params.add("signature", detail::hmac_sha256_hex(credentials_->client_secret.reveal(), time + '\n' + nonce + '\n'));
    } else {
      params.add("grant_type", "client_credentials").add("client_id", id);
      params.add("client_secret", credentials_->client_secret.reveal());
    }
    params.add("scope", "trade:read_write account:read wallet:none");
    Request request = data_request("public/auth", std::move(params));
    request.reply_is_secret = true;
    const double asked_at = clock_.monotonic_seconds();
    auto token = call<deribit::Token>(request, deribit::read_token);
    if (!token.is_confirmed()) return failed<bool>(token);
    token_ = Secret(token.value->access_token);
    Secret::wipe(token.value->access_token);
    Secret::wipe(token.value->refresh_token);
    renew_at_ = asked_at + 0.8 * static_cast<double>(token.value->expires_in_s);
    return Outcome<bool>::confirmed(true);
  }

 private:
  static constexpr int no_credentials = 13004;  // the venue's own code for credentials that are not good

  /// The params object of a request, member by member.
  class Params {
   public:
    Params& add(std::string_view name, std::string_view value) {
      key(name);
      io::detail::append_json_string(text_, value);
      return *this;
    }
    Params& add(std::string_view name, const char* value) { return add(name, std::string_view(value)); }
    Params& add(std::string_view name, market::Fixed8 value) { return raw(name, value.to_string()); }
    Params& add(std::string_view name, std::int64_t value) { return raw(name, std::to_string(value)); }
    Params& add(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
    std::string text() const { return '{' + text_ + '}'; }

   private:
    void key(std::string_view name) {
      if (!text_.empty()) text_ += ',';
      text_ += '"';
      text_ += name;
      text_ += "\":";
    }
    Params& raw(std::string_view name, const std::string& value) {
      key(name);
      text_ += value;
      return *this;
    }
    std::string text_;
  };

  struct Request {
    std::string method;
    Params params;
    TokenBucket* bucket = nullptr;
    std::int64_t deadline_ms = 0;
    bool is_private = false;
    bool repeatable = true;        // once more after a new authentication
    bool reply_is_secret = false;  // nothing of it in messages
    bool allowed_when_halted = false;
  };

  struct Listed {
    std::vector<Instrument> instruments;
    deribit::ChainReader reader;
    std::int64_t fetched_ms = 0;
  };

  Request data_request(std::string method, Params params) {
    return {std::move(method), std::move(params), &data_bucket_, config_.data_deadline_ms, false, true, false, false};
  }
  Request private_request(std::string method, Params params) {
    Request request = data_request(std::move(method), std::move(params));
    request.is_private = true;
    return request;
  }
  Request order_request(std::string method, Params params) {
    return {std::move(method), std::move(params), &order_bucket_, config_.order_deadline_ms, true, true, false, false};
  }

  /// One JSON-RPC call. `read` makes a Value of a cursor at the result.
  template <class Value, class Read>
  Outcome<Value> call(const Request& request, Read&& read) {
    if (mismatch_ && !request.allowed_when_halted) throw AttestationError(*mismatch_);
    for (int attempt = 0;; ++attempt) {
      if (request.is_private) {
        if (mismatch_ && token_.empty())
          return Outcome<Value>::unknown(request.method + ": no token, and none is asked for after an attestation mismatch");
        if (!mismatch_) {
          const auto ready = authenticate();
          if (!ready.is_confirmed()) return failed<Value>(ready);
        }
      }
      Outcome<Value> out = send_once<Value>(request, read);
      const bool refused = out.kind == OutcomeKind::rejected && classify_code(out.code) == CodeClass::token;
      if (!refused || !request.is_private) return out;
      token_ = Secret();
      out.retryable = attempt == 0;
      if (attempt > 0 || !request.repeatable || mismatch_) return out;
    }
  }

  template <class Value, class Read>
  Outcome<Value> send_once(const Request& request, Read&& read) {
    request.bucket->take(clock_);
    const std::int64_t id = next_id_++;
    io::HttpRequest http;
    http.host = config_.endpoint.host;
    http.port = config_.endpoint.port;
    http.path = "/api/v2/" + request.method;
    http.deadline_ms = request.deadline_ms;
    http.body = "{\"jsonrpc\":\"2.0\",\"id\":" + std::to_string(id) + ",\"method\":\"" + request.method +
                "\",\"params\":" + request.params.text() + '}';
    if (request.is_private) http.headers.emplace_back("Authorization", "Bearer " + std::string(token_.reveal()));
    io::HttpResult result = transport_.send(http);
    Secret::wipe(http.body);
    for (auto& [name, value] : http.headers) Secret::wipe(value);

    if (const auto* const failure = std::get_if<io::HttpFailure>(&result)) {
      const std::string message = shown(request.method + ": " + std::string(name_of(failure->kind)) + ": " + failure->message);
      if (failure->kind == io::HttpFailureKind::tls)
        throw VenueError(message + ". Nothing was sent; there is no switch to ignore it");
      if (failure->kind == io::HttpFailureKind::redirect)
        throw SafetyError(message + ": " + config_.endpoint.host + " must answer itself");
      return Outcome<Value>::unknown(message);
    }
    const auto& reply = std::get<io::HttpReply>(result);
    const auto unknown = [&](const std::string& why, int code) {
      return Outcome<Value>::unknown(shown(request.method + ": HTTP " + std::to_string(reply.status) + ": " + why), code);
    };
    const int http_code = reply.status >= 500 ? reply.status : 0;
    deribit::Envelope envelope;
    try {
      envelope = deribit::read_envelope(reply.body, request.method);
    } catch (const DataError& error) {
      return unknown(request.reply_is_secret ? "the reply cannot be read" : error.what(), http_code);
    }
    attest_reply(envelope);
    if (envelope.id != id) return unknown("the reply of another request", http_code);
    if (reply.status >= 500) return unknown(envelope.message, envelope.code != 0 ? envelope.code : http_code);
    if (!envelope.result_at) return refused<Value>(request, envelope);
    if (reply.status != 200) return unknown("a result with this status", 0);
    try {
      us_out_ = envelope.us_out;
      return Outcome<Value>::confirmed(read(deribit::result_of(reply.body, envelope, request.method)));
    } catch (const DataError& error) {
      return unknown(request.reply_is_secret ? "the result cannot be read" : error.what(), 0);
    }
  }

  /// Every reply says which exchange it is of. @throws AttestationError
  void attest_reply(const deribit::Envelope& envelope) {
    if (mismatch_) return;  // known; this is the reply to a cancel
    try {
      attestation_ =
          Attestation::from_reply(config_.endpoint.environment, config_.endpoint.host, envelope.testnet, clock_.now_ms());
    } catch (const AttestationError& error) {
      mismatch_ = error.what();
      attestation_.reset();
      throw;
    }
  }

  template <class Value>
  Outcome<Value> refused(const Request& request, const deribit::Envelope& envelope) {
    const CodeClass what = classify_code(envelope.code, envelope.message.substr(0, envelope.message.find(':')));
    const std::string message = shown(envelope.message);
    if (envelope.code == code_too_many_requests) request.bucket->drain(clock_.monotonic_seconds());
    if (what == CodeClass::unknown) return Outcome<Value>::unknown(message, envelope.code);
    // One code for both forms of the same thing.
    const int code = what == CodeClass::timed_out ? 13888 : envelope.code;
    return Outcome<Value>::rejected(code, message, what == CodeClass::retryable || what == CodeClass::token);
  }

  /// The same failure for another type of value.
  template <class Value, class Other>
  static Outcome<Value> failed(const Outcome<Other>& other) {
    Outcome<Value> out;
    out.kind = other.is_confirmed() ? OutcomeKind::unknown : other.kind;
    out.code = other.code;
    out.message = other.message;
    out.retryable = other.retryable;
    return out;
  }
  static Outcome<int> count_of(const Outcome<std::int64_t>& counted) {
    if (!counted.is_confirmed()) return failed<int>(counted);
    if (*counted.value < 0 || *counted.value > 1'000'000)
      return Outcome<int>::unknown("a count of " + std::to_string(*counted.value));
    return Outcome<int>::confirmed(static_cast<int>(*counted.value));
  }

  Outcome<bool> add_fills(Order& order) {
    if (order.filled_amount.sign() == 0 || !order.fills.empty()) return Outcome<bool>::confirmed(true);
    auto fills = call<std::vector<Fill>>(
        private_request("private/get_user_trades_by_order", Params().add("order_id", order.order_id).add("historical", false)),
        deribit::read_fills);
    if (!fills.is_confirmed()) return failed<bool>(fills);
    deribit::set_fills(order, std::move(*fills.value));
    return Outcome<bool>::confirmed(true);
  }

  /// Empty where the figures leave the range of money.
  std::optional<Settlement> settlement_of(const deribit::Delivery& delivery) const {
    const InstrumentName name = parse_instrument_name(delivery.symbol);
    Instrument terms;
    terms.underlying = name.underlying;
    terms.type = name.type;
    terms.settlement = name.settlement;
    terms.strike = name.strike;
    terms.expiry_ms = name.expiry_ms;
    if (const auto listed = listed_.find(name.underlying); listed != listed_.end()) {
      for (const Instrument& one : listed->second.instruments) {
        if (one.symbol == delivery.symbol) terms = one;
      }
    }
    const bool possible =
        delivery.index >= 1e-4 && delivery.index <= 1e8 && terms.strike <= 1e8 &&
        abs(delivery.position).to_double() * std::max(terms.strike / delivery.index, std::max(terms.strike, delivery.index)) <=
            9e10;
    if (!possible) return {};
    const market::Fixed8 price = market::Fixed8::from_double(delivery.index);
    const market::Fixed8 amount = abs(delivery.position);
    Settlement out;
    out.symbol = delivery.symbol;
    out.underlying = name.underlying;
    out.ts_ms = delivery.ts_ms;
    out.amount = delivery.position;
    out.settlement_price = delivery.index;
    out.payoff = payoff(terms, amount, price);
    out.delivery_fee = delivery_fee(FeeSchedule(), terms, amount, price);
    return out;
  }

  static constexpr std::int64_t expiry_day(std::int64_t ms) noexcept { return (ms - expiry_time_of_day_ms) / 86'400'000; }

  /// A message without secrets, whatever the server put into it.
  std::string shown(std::string message) const {
    if (credentials_) message = without_secret(message, credentials_->client_secret.reveal());
    if (credentials_) message = without_secret(message, credentials_->client_id);
    return without_secret(message, token_.reveal());
  }

  DeribitConfig config_;
  std::optional<Credentials> credentials_;
  T& transport_;
  C& clock_;
  TokenBucket data_bucket_, order_bucket_, instruments_bucket_;
  std::map<std::string, Listed, std::less<>> listed_;
  std::optional<Attestation> attestation_;
  std::optional<std::string> mismatch_;
  Secret token_;
  double renew_at_ = 0.0;
  std::int64_t next_id_ = 1;
  std::int64_t us_out_ = 0;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_DERIBIT_CLIENT_HPP
