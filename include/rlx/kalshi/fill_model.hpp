// SPDX-License-Identifier: MIT
/// @file
/// @brief What becomes of an agent's orders on a recorded book: latency, arrival, consumed liquidity, queue place, expiry.
///
/// The recorded book never changes by own orders; what they have taken is remembered here. Integers throughout.
#ifndef RLX_KALSHI_FILL_MODEL_HPP
#define RLX_KALSHI_FILL_MODEL_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/state.hpp>
#include <rlx/kalshi/actions.hpp>
#include <rlx/kalshi/fees.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/tick_grid.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Assumptions about fills of resting orders.
struct FillConfig {
  double trade_share = 0.10;    ///< share of an unexplained decrease at the best level that was traded, 0..1
  double ahead_share = 0.50;    ///< share of the cancelled size that stood ahead of the order, 0..1
  int assumed_touch_size = 10;  ///< contracts at each touch of data without sizes; 0: what the recording says (its import's)
};

/// @throws ConfigError naming the field and its value
inline void validate(const FillConfig& config) {
  for (const auto& [name, share] : {std::pair<const char*, double>{"fill.trade_share", config.trade_share},
                                    std::pair<const char*, double>{"fill.ahead_share", config.ahead_share}}) {
    if (share >= 0.0 && share <= 1.0) continue;  // false for NaN
    throw ConfigError(std::string(name) + ": expected a share of 0..1, found " + std::to_string(share));
  }
  if (config.assumed_touch_size < 0) {
    throw ConfigError("fill.assumed_touch_size: expected at least 1 contract, or 0 for the recorded size, found " +
                      std::to_string(config.assumed_touch_size));
  }
}

/// A request on its way to the exchange.
struct Message {
  /// What is asked for.
  enum class Kind : std::uint8_t {
    place,  ///< a new order, in place of the one that works in its slot
    cancel  ///< the end of the working order
  };
  Kind kind = Kind::place;        ///< what is asked for
  BookSlot slot = BookSlot::bid;  ///< slot that it is for
  Price price = 0;                ///< limit, YES price
  Count count = 0;                ///< size, > 0 for `place`
  bool reduce_only = false;       ///< fills stop when nothing is held against the order
  bool cancel_other = false;      ///< also cancels the working order of the other slot
  Micros sent_us = 0;             ///< time of the decision
  Micros arrives_us = 0;          ///< first moment at which the exchange may act on it
  Micros ttl_us = 300'000'000;    ///< the order expires this long after its arrival
};

/// An order that rests in the book. `remaining` 0: none.
struct WorkingOrder {
  Price price = 0;             ///< YES price
  Count remaining = 0;         ///< contracts still to fill; 0: no order
  Count queue_ahead = 0;       ///< A: what is served before it at its price
  bool reduce_only = false;    ///< fills stop when nothing is held against the order
  Micros sent_us = 0;          ///< time of the decision
  Micros expires_us = 0;       ///< first moment at which it no longer works
  OrderFeeAccumulator fees{};  ///< rounding of its fills so far

  bool live() const noexcept { return remaining > 0; }  ///< true if there is an order
};

/// A fill that the market offers. The receiver says how much of it is taken; less than `count` cancels the rest of the order.
struct FillOffer {
  Micros ts_us = 0;                        ///< time of the fill
  BookSlot slot = BookSlot::bid;           ///< slot of the order
  Price price = 0;                         ///< YES price
  Count count = 0;                         ///< what can be had, above 0
  Liquidity liquidity = Liquidity::taker;  ///< taker: the order has just arrived; maker: it rested
  bool reduce_only = false;                ///< of the order: no more than what is held against it may be taken
  Price touch = 0;                         ///< of a taker: the best opposite price at its arrival; of a maker: `price`
  OrderFeeAccumulator& fees;               ///< of the order
};

/// What the orders of an episode have met, for alarms.
struct FillCounts {
  Count decreases = 0;         ///< decreases of levels at which an order rested first or in the queue
  Count filled_decreases = 0;  ///< the part of them that filled the order
  std::uint64_t expired = 0;   ///< orders that reached their time
  std::uint64_t voided = 0;    ///< messages without effect
  std::uint64_t cut = 0;       ///< orders cancelled because a fill was not taken whole
};

/**
 * @brief Up to one working order and one message under way per slot, on the recorded book of one market.
 *
 * Feed, for every run of events of one millisecond T: `advance(book, T)` (arrivals and expiries before T), every event through
 * `on_event`, then `advance(book, T + 1)` (those at T). So ties go to the market. At equal times expiries come first, then
 * messages in the order of sending.
 *
 * Choices where several are possible: a message that arrives while the book is broken is void; a trade credits its level
 * through the whole second after it, and at most 256 trades are remembered; a message for a slot whose old order was filled
 * completely is void as a whole; if the old order ended otherwise, its fills reduce the new one.
 *
 * `OnFill` is `Count f(const FillOffer&)`: how much is taken, 0..count. Nothing allocates after the first `reset` on a grid.
 */
class FillModel {
 public:
  /// @throws ConfigError for shares outside 0..1 or an assumed size below 0
  explicit FillModel(const FillConfig& config = {}) : config_(config) {
    validate(config);
    trade_ppm_ = std::llround(config.trade_share * 1e6);
    ahead_ppm_ = std::llround(config.ahead_share * 1e6);
  }

  /// No orders, messages or consumption; for a market on `grid`. Allocates only if no earlier grid had as many ticks.
  void reset(TickGrid grid, bool has_sizes) {
    grid_ = grid;
    has_sizes_ = has_sizes;
    ticks_ = static_cast<std::size_t>(tick_count(grid));
    if (consumed_.size() != 2 * ticks_ || consumed_levels_ != 0) consumed_.assign(2 * ticks_, 0);
    consumed_levels_ = 0;
    slots_ = {};
    credits_begin_ = credits_end_ = 0;
    touch_consumed_ = {};
    last_touch_ = {};
    counts_ = {};
    sequence_ = 0;
    next_due_us_ = never;
    in_snapshot_ = touch_changed_ = false;
  }

  /// Puts a message on its way. @throws std::logic_error if one is under way for the slot, or for a bad size or price
  void send(const Message& message) {
    Slot& slot = slots_[index_of(message.slot)];
    RLX_REQUIRE(!slot.in_flight, "send: a message is under way for the slot; wait for its arrival");
    RLX_REQUIRE(message.kind == Message::Kind::cancel || (message.count > 0 && on_grid(grid_, message.price)),
                "send: expected a size above 0 and a price of the grid, found " + std::to_string(message.count) + " at " +
                    std::to_string(message.price));
    slot.in_flight = true;
    slot.message = message;
    slot.filled_since = 0;
    slot.replaced_full = false;
    slot.sequence = sequence_++;
    next_due_us_ = std::min(next_due_us_, message.arrives_us);
  }

  /// Arrivals and expiries at times below `until_us`, in the order of time, against the book as it stands.
  template <class OnFill>
  void advance(const OrderBook& book, Micros until_us, OnFill&& on_fill) {
    if (in_snapshot_) settle_snapshot(book, on_fill);
    if (touch_changed_) settle_touch(book, on_fill);
    while (next_due_us_ < until_us) {
      due(book, on_fill);
      schedule();
    }
  }

  /// Applies one recorded event to the book and fills the resting orders that it meets.
  template <class OnFill>
  void on_event(OrderBook& book, const EventRow& event, OnFill&& on_fill) {
    switch (event.kind) {
      case EventKind::level_delta_yes:
      case EventKind::level_set_yes:
        return on_level(book, event, BookSide::yes, on_fill);
      case EventKind::level_delta_no:
      case EventKind::level_set_no:
        return on_level(book, event, BookSide::no, on_fill);
      case EventKind::trade_yes:  // a taker of YES meets NO bids
        return credit(event, BookSide::no);
      case EventKind::trade_no:
        return credit(event, BookSide::yes);
      case EventKind::book_clear:
        if (in_snapshot_) settle_snapshot(book, on_fill);
        in_snapshot_ = has_sizes_;
        touch_changed_ = !has_sizes_;
        last_event_us_ = event.ts_us;
        break;
      case EventKind::gap_begin:
        if (in_snapshot_) settle_snapshot(book, on_fill);
        slots_[0].order = slots_[1].order = {};
        schedule();
        break;
      case EventKind::gap_end:
        break;
    }
    book.apply(event);
  }

  /// The working order of a slot; `live()` tells whether there is one.
  const WorkingOrder& slot(BookSlot slot) const noexcept { return slots_[index_of(slot)].order; }
  /// The message under way for a slot; null if there is none.
  const Message* in_flight(BookSlot slot) const noexcept {
    const Slot& s = slots_[index_of(slot)];
    return s.in_flight ? &s.message : nullptr;
  }
  /// Contracts that the message under way would place by now: its size less what the order that it replaces has been filled
  /// since; 0 without one, for a cancellation, and if that order was filled completely.
  Count pending_size(BookSlot slot) const noexcept {
    const Slot& s = slots_[index_of(slot)];
    if (!s.in_flight || s.message.kind == Message::Kind::cancel || s.replaced_full) return 0;
    return std::max(s.message.count - s.filled_since, Count{0});
  }
  /// True if nothing works and nothing is under way.
  bool idle() const noexcept {
    return !slots_[0].in_flight && !slots_[1].in_flight && !slots_[0].order.live() && !slots_[1].order.live();
  }
  /// Cancels every order and forgets every message, as at the end of an episode.
  void cancel_all() noexcept {
    slots_ = {};
    next_due_us_ = never;
  }

  /// What may still be taken of a level: displayed less consumed; of data without sizes the assumed size at the touch only.
  Count available(const OrderBook& book, BookSide side, Price price) const {
    if (has_sizes_) return book.size_at(side, price) - consumed_at(side, price);
    const Touch touch = book.touch();
    const std::optional<Price>& best = side == BookSide::yes ? touch.bid : touch.ask;
    return best == price ? left_at_touch(book, side, price) : 0;
  }
  /// c: how much of a level we have taken. Data without sizes: of the touch of that side, whatever the price.
  Count consumed(BookSide side, Price price) const {
    return has_sizes_ ? consumed_at(side, price) : touch_consumed_[static_cast<std::size_t>(side)];
  }
  const FillCounts& counts() const noexcept { return counts_; }  ///< since the last `reset`
  const FillConfig& config() const noexcept { return config_; }  ///< as given

  /// Calls f(Price, Count) for the levels of `side` from the best on, with what may still be taken of each; false ends.
  template <class F>
  void for_each_available(const OrderBook& book, BookSide side, F&& f) const {
    if (has_sizes_) {
      book.for_each_level(side, max_tick_count,
                          [&](Price price, Count size) { return f(price, size - consumed_at(side, price)); });
    } else if (const Touch touch = book.touch(); const auto best = side == BookSide::yes ? touch.bid : touch.ask) {
      f(*best, left_at_touch(book, side, *best));
    }
  }

  /// Everything but configuration, grid and kind of data.
  void save_state(StateWriter& out) const;
  /// After `reset` for the same market. @throws CheckpointError for short input or numbers that no episode gives
  void load_state(StateReader& in);

 private:
  static constexpr Micros never = std::numeric_limits<Micros>::max();
  static constexpr Micros credit_life_us = 1'000'000;
  static constexpr std::size_t most_credits = 256;

  struct Slot {
    WorkingOrder order{};
    bool in_flight = false;
    Message message{};
    Count filled_since = 0;      // of the old order since the message was sent
    bool replaced_full = false;  // the old order was filled completely since then
    std::uint64_t sequence = 0;  // of sending
  };
  // Reported trades of a level that no decrease has explained yet.
  struct Credit {
    Micros ts_us = 0;
    std::int32_t tick = 0;  // own index over both sides
    Count left = 0;
  };

  std::size_t consumed_index(BookSide side, Price price) const {
    return (side == BookSide::yes ? 0 : ticks_) + static_cast<std::size_t>(tick_index(grid_, price));
  }
  Count consumed_at(BookSide side, Price price) const {
    return consumed_levels_ == 0 ? 0 : consumed_[consumed_index(side, price)];
  }
  void set_consumed(std::size_t index, Count value) noexcept {
    consumed_levels_ += (value != 0) - (consumed_[index] != 0);
    consumed_[index] = value;
  }
  // Of data without sizes: what may still be taken of the best price of a side.
  Count left_at_touch(const OrderBook& book, BookSide side, Price best) const {
    const Count size = config_.assumed_touch_size > 0 ? contracts(config_.assumed_touch_size) : book.size_at(side, best);
    return std::max(Count{0}, size - touch_consumed_[static_cast<std::size_t>(side)]);
  }

  // True if an order of the slot would trade with a level of the other side at that price.
  static bool meets(BookSlot slot, Price level, Price limit) noexcept {
    return slot == BookSlot::bid ? level <= limit : level >= limit;
  }
  static bool better(BookSlot slot, Price a, Price b) noexcept { return slot == BookSlot::bid ? a > b : a < b; }
  static Count share_of(Count count, std::int64_t ppm) noexcept {
    return static_cast<Count>(detail::Wide{count} * ppm / 1'000'000);
  }

  void schedule() noexcept {
    next_due_us_ = never;
    for (const Slot& slot : slots_) {
      if (slot.order.live()) next_due_us_ = std::min(next_due_us_, slot.order.expires_us);
      if (slot.in_flight) next_due_us_ = std::min(next_due_us_, slot.message.arrives_us);
    }
  }

  // The one event at next_due_us_: an expiry first, else the message sent first.
  template <class OnFill>
  void due(const OrderBook& book, OnFill& on_fill) {
    for (Slot& slot : slots_) {
      if (slot.order.live() && slot.order.expires_us == next_due_us_) {
        slot.order = {};
        ++counts_.expired;
        return;
      }
    }
    Slot* first = nullptr;
    for (Slot& slot : slots_) {
      if (!slot.in_flight || slot.message.arrives_us != next_due_us_) continue;
      if (first == nullptr || slot.sequence < first->sequence) first = &slot;
    }
    arrive(book, *first, on_fill);
  }

  template <class OnFill>
  void arrive(const OrderBook& book, Slot& slot, OnFill& on_fill) {
    const Message message = slot.message;
    slot.in_flight = false;
    if (slot.replaced_full || book.broken()) {
      ++counts_.voided;
      return;
    }
    slot.order = {};
    if (message.kind == Message::Kind::cancel) return;
    WorkingOrder& other = slots_[index_of(opposite(message.slot))].order;
    if (message.cancel_other || (other.live() && meets(message.slot, other.price, message.price))) other = {};
    WorkingOrder& order = slot.order;
    order.price = message.price;
    order.remaining = message.count - slot.filled_since;
    order.reduce_only = message.reduce_only;
    order.sent_us = message.sent_us;
    order.expires_us = message.arrives_us + message.ttl_us;
    if (order.remaining <= 0) {
      order = {};
      return;
    }
    const BookSide against = side_of(opposite(message.slot));
    std::optional<Price> touch;
    for_each_available(book, against, [&](Price price, Count free) {
      if (!order.live() || !meets(message.slot, price, message.price)) return false;
      if (!touch) touch = price;
      const Count count = std::min(order.remaining, free);
      if (count > 0) consume(against, price, fill(slot, message.slot, message.arrives_us, price, count, *touch, on_fill));
      return order.live();
    });
    if (order.live() && has_sizes_) {
      const BookSide own = side_of(message.slot);
      order.queue_ahead = book.size_at(own, order.price) - consumed_at(own, order.price);
    }
  }

  void consume(BookSide side, Price price, Count count) {
    if (has_sizes_) {
      const std::size_t index = consumed_index(side, price);
      set_consumed(index, consumed_[index] + count);
    } else {
      touch_consumed_[static_cast<std::size_t>(side)] += count;
    }
  }

  // Offers a fill of the slot's order and books what is taken.
  template <class OnFill>
  Count offer(Slot& slot, const FillOffer& offered, OnFill& on_fill) {
    const Count taken = on_fill(offered);
    RLX_ASSERT(taken >= 0 && taken <= offered.count);
    if (slot.in_flight) slot.filled_since += taken;
    slot.order.remaining -= taken;
    if (slot.order.remaining == 0) {
      if (slot.in_flight) slot.replaced_full = true;
      slot.order = {};
    } else if (taken < offered.count) {
      slot.order = {};
      ++counts_.cut;
    }
    return taken;
  }
  template <class OnFill>
  Count fill(Slot& slot, BookSlot side, Micros ts_us, Price price, Count count, Price touch, OnFill& on_fill) {
    return offer(slot, {ts_us, side, price, count, Liquidity::taker, slot.order.reduce_only, touch, slot.order.fees}, on_fill);
  }
  template <class OnFill>
  Count fill_resting(BookSlot side, Micros ts_us, Count count, OnFill& on_fill) {
    Slot& slot = slots_[index_of(side)];
    const Price price = slot.order.price;
    const Count taken =
        offer(slot, {ts_us, side, price, count, Liquidity::maker, slot.order.reduce_only, price, slot.order.fees}, on_fill);
    if (!slot.order.live()) schedule();
    return taken;
  }

  // A set or a delta.
  template <class OnFill>
  void on_level(OrderBook& book, const EventRow& event, BookSide side, OnFill& on_fill) {
    const bool set = event.kind == EventKind::level_set_yes || event.kind == EventKind::level_set_no;
    if (in_snapshot_) {
      if (set) return book.apply(event);
      settle_snapshot(book, on_fill);
    }
    if (!has_sizes_) {
      touch_changed_ = true;
      last_event_us_ = event.ts_us;
      return book.apply(event);
    }
    const bool resting = slots_[0].order.live() || slots_[1].order.live();
    if (!resting && consumed_levels_ == 0 && credits_begin_ == credits_end_) return book.apply(event);
    const Count before = book.size_at(side, event.price);
    const std::optional<Price> best = side == BookSide::yes ? book.best_bid() : book.best_ask();
    book.apply(event);
    const Count after = book.size_at(side, event.price);
    if (after == before) return;
    if (consumed_levels_ != 0) {
      const std::size_t index = consumed_index(side, event.price);
      if (consumed_[index] > after) set_consumed(index, after);
    }
    if (after < before) {
      fallen(event, side, before - after, after, *best, on_fill);
    } else {
      grown(event, side, after, on_fill);
    }
  }

  // A level fell by `decrease`; `best` was the best price of its side before.
  template <class OnFill>
  void fallen(const EventRow& event, BookSide side, Count decrease, Count after, Price best, OnFill& on_fill) {
    const Count reported = credits_begin_ == credits_end_ ? 0 : take_credit(event, side, decrease);
    const BookSlot own = side == BookSide::yes ? BookSlot::bid : BookSlot::ask;
    WorkingOrder& order = slots_[index_of(own)].order;
    if (!order.live()) return;
    const Count traded = reported > 0 ? reported : event.price == best ? share_of(decrease, trade_ppm_) : 0;
    if (event.price == order.price) {
      counts_.decreases += decrease;
      const Count ahead = order.queue_ahead, served = std::min(ahead, traded);
      order.queue_ahead = std::min(after, std::max(Count{0}, ahead - served - share_of(decrease - traded, ahead_ppm_)));
      const Count count = std::min(order.remaining, traded - served);
      if (count > 0) counts_.filled_decreases += fill_resting(own, event.ts_us, count, on_fill);
    } else if (event.price == best && better(own, order.price, event.price)) {
      counts_.decreases += decrease;
      const Count count = std::min(order.remaining, traded);
      if (count > 0) counts_.filled_decreases += fill_resting(own, event.ts_us, count, on_fill);
    }
  }

  // A level grew: an order of the other slot at that price or better would have met what came.
  template <class OnFill>
  void grown(const EventRow& event, BookSide side, Count after, OnFill& on_fill) {
    const BookSlot slot = side == BookSide::yes ? BookSlot::ask : BookSlot::bid;
    const WorkingOrder& order = slots_[index_of(slot)].order;
    if (!order.live() || !meets(slot, event.price, order.price)) return;
    const Count count = std::min(order.remaining, after - consumed_at(side, event.price));
    if (count > 0) consume(side, event.price, fill_resting(slot, event.ts_us, count, on_fill));
  }

  // After a whole snapshot: consumption and queue by the new sizes, then what stands against resting orders.
  template <class OnFill>
  void settle_snapshot(const OrderBook& book, OnFill& on_fill) {
    in_snapshot_ = false;
    if (consumed_levels_ != 0) {
      for (const BookSide side : {BookSide::yes, BookSide::no}) {
        for (std::size_t tick = 0; tick < ticks_; ++tick) {
          const std::size_t index = (side == BookSide::yes ? 0 : ticks_) + tick;
          if (consumed_[index] == 0) continue;
          const Count size = book.size_at(side, tick_price(grid_, static_cast<int>(tick)));
          if (consumed_[index] > size) set_consumed(index, size);
        }
      }
    }
    for (const BookSlot slot : {BookSlot::bid, BookSlot::ask}) {
      WorkingOrder& order = slots_[index_of(slot)].order;
      if (!order.live()) continue;
      order.queue_ahead = std::min(order.queue_ahead, book.size_at(side_of(slot), order.price));
      meet_touch(book, slot, on_fill);
    }
  }

  // Data without sizes: the touch as the group of events leaves it.
  template <class OnFill>
  void settle_touch(const OrderBook& book, OnFill& on_fill) {
    touch_changed_ = false;
    const Touch touch = book.touch();
    if (touch.bid != last_touch_.bid) touch_consumed_[0] = 0;
    if (touch.ask != last_touch_.ask) touch_consumed_[1] = 0;
    last_touch_ = touch;
    for (const BookSlot slot : {BookSlot::bid, BookSlot::ask}) {
      if (slots_[index_of(slot)].order.live()) meet_touch(book, slot, on_fill);
    }
  }

  // Fills a resting order, at its own price, from the levels that reach it.
  template <class OnFill>
  void meet_touch(const OrderBook& book, BookSlot slot, OnFill& on_fill) {
    const WorkingOrder& order = slots_[index_of(slot)].order;
    const BookSide against = side_of(opposite(slot));
    for_each_available(book, against, [&](Price price, Count free) {
      if (!order.live() || !meets(slot, price, order.price)) return false;
      const Count count = std::min(order.remaining, free);
      if (count > 0) consume(against, price, fill_resting(slot, last_event_us_, count, on_fill));
      return order.live();
    });
  }

  void credit(const EventRow& trade, BookSide side) {
    if (!has_sizes_ || trade.count <= 0) return;
    forget_credits(trade.ts_us);
    if (credits_end_ - credits_begin_ == most_credits) ++credits_begin_;
    credits_[credits_end_++ % most_credits] = {trade.ts_us, static_cast<std::int32_t>(consumed_index(side, trade.price)),
                                               trade.count};
  }
  void forget_credits(Micros now_us) noexcept {
    while (credits_begin_ != credits_end_) {
      const Credit& oldest = credits_[credits_begin_ % most_credits];
      if (oldest.left > 0 && now_us - oldest.ts_us <= credit_life_us) return;
      ++credits_begin_;
    }
  }
  // How much of a decrease reported trades explain; it is taken from them, the oldest first.
  Count take_credit(const EventRow& event, BookSide side, Count decrease) {
    forget_credits(event.ts_us);
    const auto tick = static_cast<std::int32_t>(consumed_index(side, event.price));
    Count taken = 0;
    for (std::uint64_t i = credits_begin_; i != credits_end_ && taken < decrease; ++i) {
      Credit& credit = credits_[i % most_credits];
      if (credit.tick != tick) continue;
      const Count part = std::min(credit.left, decrease - taken);
      credit.left -= part;
      taken += part;
    }
    return taken;
  }

  template <class S, class F>
  static void for_each_field(S& slot, F&& f) {
    const auto all = [&f](auto&... fields) { (f(fields), ...); };
    auto& [order, in_flight, message, filled_since, replaced_full, sequence] = slot;
    all(order.price, order.remaining, order.queue_ahead, order.reduce_only, order.sent_us, order.expires_us,
        order.fees.rounding);
    all(in_flight, message.kind, message.slot, message.price, message.count, message.reduce_only, message.cancel_other,
        message.sent_us, message.arrives_us, message.ttl_us, filled_since, replaced_full, sequence);
  }

  FillConfig config_;
  std::int64_t trade_ppm_ = 0, ahead_ppm_ = 0;
  TickGrid grid_ = TickGrid::linear_cent;
  bool has_sizes_ = true;
  bool in_snapshot_ = false;    // with sizes: from book_clear until the snapshot is complete
  bool touch_changed_ = false;  // without sizes: events since the last look at the touch
  std::size_t ticks_ = 0;
  std::vector<Count> consumed_;  // [2][ticks]: of YES bids, of NO bids
  std::int64_t consumed_levels_ = 0;
  std::array<Count, 2> touch_consumed_{};
  Touch last_touch_;
  Micros last_event_us_ = 0;
  std::array<Slot, 2> slots_{};
  std::uint64_t sequence_ = 0;
  Micros next_due_us_ = never;
  std::array<Credit, most_credits> credits_{};
  std::uint64_t credits_begin_ = 0, credits_end_ = 0;
  FillCounts counts_;
};

inline void FillModel::save_state(StateWriter& out) const {
  RLX_REQUIRE(!in_snapshot_ && !touch_changed_, "save_state: expected to stand after a group; call advance first");
  for (const Slot& slot : slots_) for_each_field(slot, [&out](const auto& field) { out.write(field); });
  out.write(static_cast<std::uint64_t>(consumed_levels_));
  for (std::size_t i = 0; i < consumed_.size(); ++i) {
    if (consumed_[i] == 0) continue;
    out.write(static_cast<std::uint64_t>(i));
    out.write(consumed_[i]);
  }
  for (const Count count : touch_consumed_) out.write(count);
  out.write(last_touch_.bid.value_or(-1));
  out.write(last_touch_.ask.value_or(-1));
  out.write(last_event_us_);
  out.write(sequence_);
  out.write(credits_end_ - credits_begin_);
  for (std::uint64_t i = credits_begin_; i != credits_end_; ++i) {
    const Credit& credit = credits_[i % most_credits];
    out.write(credit.ts_us);
    out.write(credit.tick);
    out.write(credit.left);
  }
  for (const Count count : {counts_.decreases, counts_.filled_decreases}) out.write(count);
  for (const std::uint64_t count : {counts_.expired, counts_.voided, counts_.cut}) out.write(count);
}

inline void FillModel::load_state(StateReader& in) {
  const auto require = [](bool sound) {
    if (!sound) throw CheckpointError("fill model state: a number that no episode gives; the state is damaged");
  };
  const auto read_flag = [&](bool& flag) {
    const auto byte = in.read<std::uint8_t>();
    require(byte <= 1);
    flag = byte == 1;
  };
  std::array<Slot, 2> slots{};
  for (std::size_t s = 0; s < 2; ++s) {
    Slot& slot = slots[s];
    for_each_field(slot, [&](auto& field) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, bool>) {
        read_flag(field);
      } else {
        in.read(field);
      }
    });
    const auto sound_size = [](Count count) { return count >= 0 && count <= max_level_size; };
    require(sound_size(slot.order.remaining) && sound_size(slot.order.queue_ahead) && on_grid(grid_, slot.order.price));
    require(sound_size(slot.message.count) && sound_size(slot.filled_since) && on_grid(grid_, slot.message.price));
    require(slot.order.fees.rounding >= 0 && slot.order.fees.rounding <= cents(1));
    require(static_cast<std::uint8_t>(slot.message.kind) <= 1 && (!slot.in_flight || index_of(slot.message.slot) == s));
  }
  const auto levels = in.read<std::uint64_t>();
  require(levels <= consumed_.size());
  std::fill(consumed_.begin(), consumed_.end(), Count{0});
  consumed_levels_ = 0;
  for (std::uint64_t i = 0; i < levels; ++i) {
    const auto index = in.read<std::uint64_t>();
    const auto count = in.read<Count>();
    require(index < consumed_.size() && count > 0 && count <= max_level_size);
    set_consumed(static_cast<std::size_t>(index), count);
  }
  for (Count& count : touch_consumed_) {
    in.read(count);
    require(count >= 0 && count <= (config_.assumed_touch_size > 0 ? contracts(config_.assumed_touch_size) : max_level_size));
  }
  for (std::optional<Price>* const best : {&last_touch_.bid, &last_touch_.ask}) {
    const auto price = in.read<Price>();
    require(price >= -1 && price <= one_dollar);
    *best = price < 0 ? std::optional<Price>() : std::optional<Price>(price);
  }
  in.read(last_event_us_);
  in.read(sequence_);
  const auto credits = in.read<std::uint64_t>();
  require(credits <= most_credits);
  credits_begin_ = credits_end_ = 0;
  for (std::uint64_t i = 0; i < credits; ++i) {
    Credit& credit = credits_[credits_end_++];
    in.read(credit.ts_us);
    in.read(credit.tick);
    in.read(credit.left);
    require(credit.left >= 0 && credit.left <= max_level_size && credit.tick >= 0);
  }
  for (Count* const count : {&counts_.decreases, &counts_.filled_decreases}) in.read(*count);
  for (std::uint64_t* const count : {&counts_.expired, &counts_.voided, &counts_.cut}) in.read(*count);
  slots_ = slots;
  in_snapshot_ = touch_changed_ = false;
  schedule();
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_FILL_MODEL_HPP
