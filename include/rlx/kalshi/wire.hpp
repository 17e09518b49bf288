// SPDX-License-Identifier: MIT
/// @file
/// @brief Frames of the exchange's websocket as events, in the current fixed-point and the legacy cent form; sequence numbers.
/// @par Source Kalshi API documentation, channels orderbook_delta and trade
#ifndef RLX_KALSHI_WIRE_HPP
#define RLX_KALSHI_WIRE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/detail/decimal.hpp>
#include <rlx/kalshi/detail/json_cursor.hpp>
#include <rlx/kalshi/detail/wire_values.hpp>
#include <rlx/kalshi/session_builder.hpp>
#include <rlx/kalshi/ticker.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// How frames are read and recordings of them imported.
struct WireConfig {
  bool strict = false;                ///< import: throw where rows would be repaired and counted
  std::optional<TickGrid> grid = {};  ///< prices must lie on it; empty: any tenth of a cent, each market gets its coarsest grid
  CloseRule close = {};               ///< import: announced close of the markets
  std::string file = "frames";        ///< name for messages
  std::string environment = {};       ///< import: `production` or `demo`, noted in the session
};

/// One row of a frame.
struct WireEvent {
  std::string_view ticker;  ///< valid during the call of the sink
  EventRow row;             ///< the row itself
  std::int64_t sid = -1;    ///< subscription; -1 where the frame has none
  std::int64_t seq = -1;    ///< sequence number; -1 where the frame has none
};

/// What a frame is, by its `type`.
enum class FrameType : std::uint8_t {
  snapshot,    ///< the whole book of a market
  delta,       ///< a change of one level
  trade,       ///< a trade
  ok,          ///< reply that uses a sequence number
  subscribed,  ///< reply without one
  other        ///< any other type: skipped
};

/// What a frame was.
struct FrameInfo {
  FrameType type = FrameType::other;  ///< by its `type`
  std::int64_t sid = -1;              ///< subscription; -1 where the frame has none
  std::int64_t seq = -1;              ///< sequence number; -1 where the frame has none
  bool dated = false;                 ///< false: its rows have the time of receipt
  std::size_t rows = 0;               ///< given to the sink
};

/**
 * @brief Reads frames {type, sid, seq, msg}, one JSON object each.
 *
 * A snapshot gives `book_clear` and a row for each level, YES levels first; a delta or trade gives one row. Prices and sizes
 * are decimal text and never pass through a double; NO prices become YES prices. The sink gets nothing of a frame that is
 * damaged. Allocates only while its buffer grows to the largest snapshot. One object per thread.
 */
class WireParser {
 public:
  /// The next frame is number 1 of `config.file`.
  explicit WireParser(WireConfig config = {}) : config_(std::move(config)), values_(config_.grid) {}

  const WireConfig& config() const noexcept { return config_; }  ///< as given
  /// Number of the next frame in its file, from 1, for messages; every frame is one more.
  void set_line(std::size_t line) noexcept { line_ = line; }

  /**
   * @brief Reads one frame.
   * @param json         its text; only read during the call
   * @param received_us  time of rows whose frame has no `ts` or `ts_ms`
   * @param sink         called as sink(const WireEvent&) for each row
   * @throws DataError `file:line:column: field ...` for text that is no JSON object, a missing field, a wrong type, a price
   *         outside 0..1 or off the grid, too many decimals, an unknown side, a negative snapshot size, a level named twice, a
   *         time before 2020 or after 2099, or a ticker that no exchange would list
   */
  template <class Sink>
  FrameInfo parse(std::string_view json, Micros received_us, Sink&& sink) {
    FrameInfo info;
    const std::string_view ticker = read(json, received_us, info);
    for (const EventRow& row : rows_) sink(WireEvent{ticker, row, info.sid, info.seq});
    info.rows = rows_.size();
    return info;
  }

 private:
  using Cursor = detail::JsonCursor;
  using Form = detail::WireForm;
  static constexpr std::size_t absent = std::numeric_limits<std::size_t>::max();

  // The members that are read; where the value of each stands in the text.
  enum Key : std::size_t {
    type,
    sid,
    seq,
    msg,
    market_ticker,
    yes_fp,
    no_fp,
    yes,
    no,
    price_dollars,
    delta_fp,
    price,
    delta,
    side,
    yes_price_dollars,
    count_fp,
    yes_price,
    count,
    taker_side,
    ts,
    ts_ms,
    num_keys
  };
  static constexpr std::array<std::string_view, num_keys> names = {
      "type",      "sid",           "seq",        "msg",   "market_ticker", "yes_dollars_fp", "no_dollars_fp",     "yes",
      "no",        "price_dollars", "delta_fp",   "price", "delta",         "side",           "yes_price_dollars", "count_fp",
      "yes_price", "count",         "taker_side", "ts",    "ts_ms"};

  // Remembers where the members of the object at the cursor stand and passes over them.
  void locate(Cursor& json, std::size_t first, std::size_t last) {
    json.object([&](std::string_view key) {
      json.peek();
      for (std::size_t k = first; k < last; ++k) {
        if (key == names[k]) {
          at_[k] = json.offset();
          break;
        }
      }
      json.skip();
    });
  }

  bool has(Key key) const noexcept { return at_[key] != absent; }
  Cursor field(const Cursor& object, Key key) const {
    if (!has(key)) object.fail_with("field '" + std::string(names[key]) + "' is missing");
    return object.at(at_[key]);
  }
  std::string_view text(const Cursor& object, Key key, std::string& decoded) const {
    Cursor json = field(object, key);
    if (json.peek() != '"') detail::WireValues::fail(json, names[key], "a text in double quotes");
    return json.string(decoded);
  }
  std::int64_t integer(const Cursor& object, Key key) const {
    Cursor json = field(object, key);
    const Cursor start = json;
    std::int64_t value = 0;
    const char next = json.peek();
    const bool number = next == '-' || (next >= '0' && next <= '9');
    if (!number || io::detail::parse_integer(json.number(), value) != io::detail::NumberStatus::ok || value < 0) [[unlikely]]
      detail::WireValues::fail(start, names[key], "an integer of at least 0");
    return value;
  }
  BookSide side_of(const Cursor& object, Key key) {
    const std::string_view word = text(object, key, word_);
    if (word == "yes") return BookSide::yes;
    if (word != "no") [[unlikely]]
      detail::WireValues::fail(field(object, key), names[key], "\"yes\" or \"no\"");
    return BookSide::no;
  }

  // Fills rows_ and info; gives the ticker.
  std::string_view read(std::string_view frame, Micros received_us, FrameInfo& info) {
    rows_.clear();
    at_.fill(absent);
    Cursor json(frame, config_.file, line_++);
    const Cursor object = json;
    locate(json, type, market_ticker);
    json.expect_end();
    const std::string_view word = text(object, type, word_);
    info.type = word == "orderbook_delta"      ? FrameType::delta
                : word == "orderbook_snapshot" ? FrameType::snapshot
                : word == "trade"              ? FrameType::trade
                : word == "ok"                 ? FrameType::ok
                : word == "subscribed"         ? FrameType::subscribed
                                               : FrameType::other;
    const bool book = info.type == FrameType::delta || info.type == FrameType::snapshot;
    if (book || has(sid)) info.sid = integer(object, sid);
    if (book || has(seq)) info.seq = integer(object, seq);
    if (!book && info.type != FrameType::trade && info.type != FrameType::subscribed) return {};

    Cursor message = field(object, msg);
    if (message.peek() != '{') detail::WireValues::fail(message, names[msg], "an object {...}");
    const Cursor body = message;
    if (info.type == FrameType::subscribed) {
      at_[sid] = absent;
      locate(message, sid, seq);
      if (has(sid)) info.sid = integer(body, sid);
      return {};
    }
    locate(message, market_ticker, num_keys);
    const std::string_view ticker = text(body, market_ticker, ticker_);
    try {
      check_ticker(ticker);
    } catch (const DataError& error) {
      field(body, market_ticker).fail_with("field 'market_ticker': " + std::string(error.what()));
    }
    const std::optional<Micros> time = time_of(body);
    info.dated = time.has_value();
    const Micros now = time.value_or(received_us);
    switch (info.type) {
      case FrameType::snapshot:
        rows_.push_back({now, EventKind::book_clear, 0, 0});
        levels(body, has(yes_fp) ? yes_fp : yes, BookSide::yes, now);
        levels(body, has(no_fp) ? no_fp : no, BookSide::no, now);
        break;
      case FrameType::delta: {
        const bool current = has(price_dollars) || has(delta_fp) || !has(price);
        const Price at = price_of(body, current ? price_dollars : price);
        const Count change = count_of(body, current ? delta_fp : delta, true);
        const bool is_yes = side_of(body, side) == BookSide::yes;
        rows_.push_back(
            {now, is_yes ? EventKind::level_delta_yes : EventKind::level_delta_no, is_yes ? at : one_dollar - at, change});
        break;
      }
      default: {  // trade
        const bool current = has(yes_price_dollars) || has(count_fp) || !has(yes_price);
        const Price at = price_of(body, current ? yes_price_dollars : yes_price);
        const Count size = count_of(body, current ? count_fp : count, false);
        const bool is_yes = side_of(body, taker_side) == BookSide::yes;
        rows_.push_back({now, is_yes ? EventKind::trade_yes : EventKind::trade_no, at, size});
      }
    }
    return ticker;
  }

  static constexpr Form form_of(Key key) noexcept {
    const bool legacy = key == yes || key == no || key == price || key == delta || key == yes_price || key == count;
    return legacy ? Form::number : Form::text;
  }
  Price price_of(const Cursor& body, Key key) {
    Cursor json = field(body, key);
    return values_.price(json, names[key], form_of(key));
  }
  Count count_of(const Cursor& body, Key key, bool may_be_negative) {
    Cursor json = field(body, key);
    return values_.count(json, names[key], form_of(key), may_be_negative);
  }
  void levels(const Cursor& body, Key key, BookSide of, Micros now) {
    if (!has(key)) return;  // an empty side
    Cursor json = body.at(at_[key]);
    values_.levels(json, names[key], form_of(key), [&](Price own, Count size) {
      const bool is_yes = of == BookSide::yes;
      rows_.push_back(
          {now, is_yes ? EventKind::level_set_yes : EventKind::level_set_no, is_yes ? own : one_dollar - own, size});
    });
  }

  // `ts` as text has microseconds; older frames have whole seconds there, and milliseconds beside them.
  std::optional<Micros> time_of(const Cursor& body) {
    std::optional<Micros> time;
    Key key = ts;
    if (has(ts) && field(body, ts).peek() == '"') {
      time = detail::parse_time_us(text(body, ts, word_));
    } else if (has(ts_ms)) {
      key = ts_ms;
      time = scaled(integer(body, ts_ms), 1'000);
    } else if (has(ts)) {
      time = scaled(integer(body, ts), 1'000'000);
    } else {
      return std::nullopt;
    }
    if (!time || *time < first_believed_us || *time >= end_believed_us) [[unlikely]] {
      detail::WireValues::fail(field(body, key), names[key],
                               key == ts ? "a time from 2020 to 2099 such as \"2026-07-01T02:31:45.308599Z\""
                                         : "a time from 2020 to 2099 in milliseconds since 1970 UTC");
    }
    return time;
  }
  static std::optional<Micros> scaled(std::int64_t value, Micros unit) noexcept {
    if (value > end_believed_us / unit) return std::nullopt;
    return value * unit;
  }

  WireConfig config_;
  detail::WireValues values_;
  std::size_t line_ = 1;
  std::array<std::size_t, num_keys> at_{};
  std::vector<EventRow> rows_;
  std::string word_, ticker_;  // only texts with escapes
};

/// Checks that sequence numbers are contiguous. They count over all markets and replies of a subscription.
class SequenceTracker {
 public:
  /// What a sequence number means.
  enum class Verdict : std::uint8_t {
    ok,         ///< the next number, or the first of its subscription
    duplicate,  ///< seen before: drop the frame
    gap         ///< numbers are missing in front of it
  };

  /// Notes the next frame of subscription `sid`.
  Verdict on(std::int64_t sid, std::int64_t seq) {
    Subscription& s = of(sid);
    const std::int64_t expected = s.last + 1;
    const bool first = s.last < 0;
    const bool anew = std::exchange(s.restarted, false) && seq <= s.last;
    if (!first && !anew && seq <= s.last) return Verdict::duplicate;
    s.last = seq;
    return first || (seq == expected && !anew) ? Verdict::ok : Verdict::gap;
  }
  /// The subscription was made anew: its numbers may begin again, which counts as a gap.
  void restart(std::int64_t sid) { of(sid).restarted = true; }

 private:
  struct Subscription {
    std::int64_t sid, last = -1;
    bool restarted = false;
  };
  Subscription& of(std::int64_t sid) {
    for (Subscription& s : subscriptions_) {
      if (s.sid == sid) return s;
    }
    return subscriptions_.emplace_back(Subscription{sid});
  }
  std::vector<Subscription> subscriptions_;  // a handful
};

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_WIRE_HPP
