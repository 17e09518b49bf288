// SPDX-License-Identifier: MIT
/// @file
/// @brief The fill model against a slow one written from its rules, and what must hold for any orders on any market.
#include <rlx/kalshi/fill_model.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;

constexpr Micros millisecond = 1'000;

struct Group {
  Micros time = 0;
  std::vector<EventRow> rows;
  std::vector<Message> messages;  // sent after the group
};

struct Taken {
  Micros ts_us;
  BookSlot slot;
  Price price;
  Count count;
  Liquidity liquidity;
  bool operator==(const Taken&) const = default;
};

// What the account takes of an offer: now and then less than all.
Count accepted(Micros ts_us, Price price, Count count) {
  const auto mixed = static_cast<std::uint64_t>(ts_us * 31 + price * 7 + count) * 0x9E3779B97F4A7C15ULL >> 40;
  return mixed % 29 == 0 ? count / 2 : count;
}

// A dense market of ten prices, crossed at times, with trades before and after their decreases, snapshots and gaps.
std::vector<Group> random_groups(std::uint64_t seed, std::size_t n) {
  rlx::RandomStream random({seed, rlx::Purpose::user});
  const auto below = [&random](std::int64_t k) {
    return static_cast<std::int64_t>(random.bounded(static_cast<std::uint64_t>(k)));
  };
  const auto price = [&](BookSide side) {  // YES bids mostly below, NO bids mostly above
    const auto cents_ = side == BookSide::yes ? 45 + below(6) + below(2) * below(4) : 55 - below(6) - below(2) * below(4);
    return static_cast<Price>(100 * cents_);
  };
  std::vector<Group> groups(n);
  OrderBook book(TickGrid::linear_cent);
  Micros time = 1'700'000'000'000'000;
  std::array<bool, 2> busy{};
  std::array<Micros, 2> busy_until{};
  for (std::size_t g = 0; g < n; ++g) {
    time += millisecond * (1 + below(below(4) == 0 ? 1'500 : 60));
    Group& group = groups[g];
    group.time = time;
    const auto push = [&](EventKind kind, Price p, Count count) {
      group.rows.push_back({time + below(2) * 500, kind, p, count});
      group.rows.back().ts_us =
          std::max(group.rows.back().ts_us, group.rows.size() > 1 ? group.rows[group.rows.size() - 2].ts_us : 0);
      book.apply(group.rows.back());
    };
    const auto snapshot = [&] {
      push(EventKind::book_clear, 0, 0);
      for (const BookSide side : {BookSide::yes, BookSide::no}) {
        for (Price p = 4'400; p <= 5'600; p += 100) {
          const bool usual = side == BookSide::yes ? p < 5'000 : p > 5'000;
          if (below(usual ? 2 : 20) == 0) {
            push(side == BookSide::yes ? EventKind::level_set_yes : EventKind::level_set_no, p, 1 + below(3'000));
          }
        }
      }
    };
    if (g == 0) snapshot();
    const auto events = 1 + below(4);
    for (std::int64_t e = 0; e < events; ++e) {
      const BookSide side = below(2) == 0 ? BookSide::yes : BookSide::no;
      const EventKind delta = side == BookSide::yes ? EventKind::level_delta_yes : EventKind::level_delta_no;
      const EventKind trade = side == BookSide::yes ? EventKind::trade_no : EventKind::trade_yes;
      const auto what = below(60);
      if (what == 0) {
        push(EventKind::gap_begin, 0, 0);
      } else if (what == 1) {
        push(EventKind::gap_end, 0, 0);
        snapshot();
      } else if (what == 2) {
        snapshot();
      } else if (what < 15) {
        const auto best = side == BookSide::yes ? book.best_bid() : book.best_ask();
        const Price p = best && below(4) != 0 ? *best : price(side);
        const Count count = 1 + below(1'000);
        if (below(3) == 0) push(delta, p, -count / 2);
        push(trade, p, count);
        if (below(3) != 0) push(delta, p, -count);
      } else {
        const Price p = price(side);
        const Count held = book.size_at(side, p);
        push(delta, p, below(2) == 0 ? 1 + below(2'000) : below(3) == 0 ? -held : -(1 + below(held + 100)));
      }
    }
    for (std::size_t s = 0; s < 2; ++s) {
      if (busy[s] && busy_until[s] <= time) busy[s] = false;
      if (busy[s] || below(3) != 0) continue;
      Message message;
      message.kind = below(8) == 0 ? Message::Kind::cancel : Message::Kind::place;
      message.slot = static_cast<BookSlot>(s);
      message.price = static_cast<Price>(100 * (44 + below(13)));
      message.count = 1 + below(2'500);
      message.cancel_other = below(5) == 0;
      message.sent_us = time;
      message.arrives_us = time + (below(2) == 0 ? 100 * millisecond : below(900) * millisecond + below(2) * 700);
      message.ttl_us = (1 + below(40)) * 100 * millisecond;
      busy[s] = true;
      busy_until[s] = message.arrives_us;
      group.messages.push_back(message);
    }
  }
  return groups;
}

// Straight from the rules, with maps; nothing is remembered that could be looked up.
class Slow {
 public:
  Slow(const FillConfig& config, bool has_sizes) : config_(config), sized_(has_sizes) {}

  struct Order {
    bool on = false;
    Price price = 0;
    Count size = 0, ahead = 0;
    Micros expires = 0;
  };
  struct Sent {
    bool on = false;
    Message message;
    Count filled = 0;
    bool complete = false;
    int number = 0;
  };

  void send(const Message& message) { sent_[s_of(message.slot)] = {true, message, 0, false, count_++}; }
  void group(const Group& group) {
    happen(group.time);
    for (std::size_t i = 0; i < group.rows.size();) i = event(group.rows, i);
    if (sized_) {
      happen(group.time + 1);
      return;
    }
    Micros changed = 0;  // when the book was last written to
    for (const EventRow& row : group.rows) {
      if (row.kind <= EventKind::level_delta_no) changed = row.ts_us;
    }
    if (changed != 0) look_at_touch(changed);
    happen(group.time + 1);
  }
  const Order& order(BookSlot slot) const { return orders_[s_of(slot)]; }
  const Sent& sent(BookSlot slot) const { return sent_[s_of(slot)]; }
  Count free(std::size_t side, Price price) const {
    if (sized_) return at(book_[side], price) - at(taken_[side], price);
    if (best(side) != price) return 0;
    const int assumed = config_.assumed_touch_size;
    return std::max<Count>(0, (assumed == 0 ? at(book_[side], price) : contracts(assumed)) - touch_taken_[side]);
  }

  std::vector<Taken> fills;

 private:
  static std::size_t s_of(BookSlot slot) { return slot == BookSlot::bid ? 0 : 1; }
  static Count at(const std::map<Price, Count>& map, Price price) {
    const auto found = map.find(price);
    return found == map.end() ? 0 : found->second;
  }
  // Prices as the bidder of side s sees them: higher is better.
  static Price seen(std::size_t s, Price yes_price) { return s == 0 ? yes_price : 10'000 - yes_price; }
  std::optional<Price> best(std::size_t s) const {
    if (book_[s].empty()) return std::nullopt;
    return s == 0 ? book_[s].rbegin()->first : book_[s].begin()->first;
  }
  void put(std::size_t side, Price price, Count size) {
    if (size > 0) {
      book_[side][price] = size;
    } else {
      book_[side].erase(price);
    }
  }

  // One due thing at a time, the earliest first.
  void happen(Micros until) {
    for (;;) {
      Micros when = until;
      int what = -1;  // 0, 1: expiry; 2, 3: arrival
      for (int s = 0; s < 2; ++s) {
        const Order& order = orders_[static_cast<std::size_t>(s)];
        if (order.on && order.expires < when) when = order.expires, what = s;
      }
      for (int s = 0; s < 2; ++s) {
        const Sent& sent = sent_[static_cast<std::size_t>(s)];
        if (!sent.on) continue;
        const bool first =
            what >= 2 && sent.message.arrives_us == when && sent.number < sent_[static_cast<std::size_t>(what - 2)].number;
        if (sent.message.arrives_us < when || first) when = sent.message.arrives_us, what = 2 + s;
      }
      if (what < 0) return;
      if (what < 2) {
        orders_[static_cast<std::size_t>(what)].on = false;
      } else {
        arrive(static_cast<std::size_t>(what - 2));
      }
    }
  }

  void arrive(std::size_t s) {
    const Sent sent = sent_[s];
    sent_[s].on = false;
    const Message& message = sent.message;
    if (sent.complete || broken_) return;
    orders_[s].on = false;
    if (message.kind == Message::Kind::cancel) return;
    Order& other = orders_[1 - s];
    if (message.cancel_other || (other.on && seen(s, other.price) <= seen(s, message.price))) other.on = false;
    Order order{true, message.price, message.count - sent.filled, 0, message.arrives_us + message.ttl_us};
    if (order.size <= 0) return;
    orders_[s] = order;
    std::vector<Price> levels;
    for (const auto& [price, size] : book_[1 - s]) levels.push_back(price);
    if (s == 1) std::reverse(levels.begin(), levels.end());  // the best for us first
    for (const Price price : levels) {
      if (!orders_[s].on || seen(s, price) > seen(s, message.price)) break;
      fill(s, message.arrives_us, price, price, std::min(orders_[s].size, free(1 - s, price)), Liquidity::taker, true);
    }
    if (orders_[s].on && sized_) orders_[s].ahead = at(book_[s], message.price) - at(taken_[s], message.price);
  }

  // `level`: where it is taken from, if it is.
  void fill(std::size_t s, Micros ts, Price price, Price level, Count count, Liquidity liquidity, bool takes) {
    if (count <= 0) return;
    const Count taken = accepted(ts, price, count);
    if (taken > 0) fills.push_back({ts, s == 0 ? BookSlot::bid : BookSlot::ask, price, taken, liquidity});
    if (takes && sized_) taken_[1 - s][level] += taken;
    if (takes && !sized_) touch_taken_[1 - s] += taken;
    orders_[s].size -= taken;
    if (sent_[s].on) sent_[s].filled += taken;
    if (orders_[s].size == 0 && sent_[s].on) sent_[s].complete = true;
    if (orders_[s].size == 0 || taken < count) orders_[s].on = false;
  }

  std::size_t event(const std::vector<EventRow>& rows, std::size_t i) {
    const EventRow& row = rows[i];
    switch (row.kind) {
      case EventKind::gap_begin:
        broken_ = true;
        orders_[0].on = orders_[1].on = false;
        break;
      case EventKind::gap_end:
        break;
      case EventKind::book_clear: {
        broken_ = false;
        book_[0].clear();
        book_[1].clear();
        for (++i; i < rows.size() && (rows[i].kind == EventKind::level_set_yes || rows[i].kind == EventKind::level_set_no);
             ++i) {
          put(rows[i].kind == EventKind::level_set_yes ? 0 : 1, rows[i].price, rows[i].count);
        }
        if (sized_) after_snapshot(row.ts_us);
        return i;
      }
      case EventKind::trade_yes:
      case EventKind::trade_no:
        trades_.push_back({row.ts_us, row.kind == EventKind::trade_yes ? std::size_t{1} : 0, row.price, row.count});
        break;
      default:
        if (!broken_) level(row);
    }
    return i + 1;
  }

  void level(const EventRow& row) {
    const std::size_t side = row.kind == EventKind::level_delta_yes ? 0 : 1;
    const std::optional<Price> best_before = best(side);
    const Count before = at(book_[side], row.price), after = std::max<Count>(0, before + row.count);
    put(side, row.price, after);
    if (!sized_ || before == after) return;
    taken_[side][row.price] = std::min(at(taken_[side], row.price), after);
    if (after < before) {
      const Count fall = before - after;
      Count reported = 0;
      for (Trade& trade : trades_) {
        if (trade.side != side || trade.price != row.price || row.ts_us - trade.ts > 1'000'000) continue;
        const Count part = std::min(trade.left, fall - reported);
        trade.left -= part;
        reported += part;
      }
      Order& order = orders_[side];
      if (!order.on) return;
      Count traded = reported;
      if (reported == 0 && row.price == *best_before)
        traded = std::llround(std::floor(config_.trade_share * static_cast<double>(fall) + 1e-9));
      if (row.price == order.price) {
        const Count ahead = order.ahead;
        const Count cancelled_ahead = std::llround(std::floor(config_.ahead_share * static_cast<double>(fall - traded) + 1e-9));
        order.ahead = std::min(after, std::max<Count>(0, std::max<Count>(0, ahead - traded) - cancelled_ahead));
        fill(side, row.ts_us, order.price, 0, std::min(order.size, traded - std::min(ahead, traded)), Liquidity::maker, false);
      } else if (seen(side, row.price) < seen(side, order.price) && row.price == *best_before) {
        fill(side, row.ts_us, order.price, 0, std::min(order.size, traded), Liquidity::maker, false);
      }
    } else {
      const std::size_t s = 1 - side;
      Order& order = orders_[s];
      if (!order.on || seen(s, row.price) > seen(s, order.price)) return;
      fill(s, row.ts_us, order.price, row.price, std::min(order.size, free(side, row.price)), Liquidity::maker, true);
    }
  }

  void after_snapshot(Micros ts) {
    for (std::size_t side = 0; side < 2; ++side) {
      for (auto& [price, count] : taken_[side]) count = std::min(count, at(book_[side], price));
    }
    for (std::size_t s = 0; s < 2; ++s) {
      orders_[s].ahead = std::min(orders_[s].ahead, at(book_[s], orders_[s].price));
      meet(s, ts);
    }
  }
  void look_at_touch(Micros ts) {
    for (std::size_t side = 0; side < 2; ++side) {
      if (best(side) != last_best_[side]) touch_taken_[side] = 0;
      last_best_[side] = best(side);
    }
    for (std::size_t s = 0; s < 2; ++s) meet(s, ts);
  }
  void meet(std::size_t s, Micros ts) {
    for (Price own = 0; own <= 10'000 && orders_[s].on; own += 100) {  // rising in our terms: the best for us first
      const Price price = seen(s, own);
      if (own > seen(s, orders_[s].price)) break;
      if (at(book_[1 - s], price) > 0) {
        fill(s, ts, orders_[s].price, price, std::min(orders_[s].size, free(1 - s, price)), Liquidity::maker, true);
      }
    }
  }

  struct Trade {
    Micros ts;
    std::size_t side;
    Price price;
    Count left;
  };

  FillConfig config_;
  bool sized_;
  bool broken_ = false;
  std::array<std::map<Price, Count>, 2> book_, taken_;
  std::array<Count, 2> touch_taken_{};
  std::array<std::optional<Price>, 2> last_best_{};
  std::array<Order, 2> orders_{};
  std::array<Sent, 2> sent_{};
  std::vector<Trade> trades_;
  int count_ = 0;
};

// The model on groups as the environment feeds them.
struct Fast {
  Fast(const FillConfig& config, bool has_sizes) : book(TickGrid::linear_cent), model(config) {
    model.reset(TickGrid::linear_cent, has_sizes);
  }
  template <class Check>
  void group(const Group& group, Check&& check) {
    const auto take = [&](const FillOffer& offer) {
      const Count taken = accepted(offer.ts_us, offer.price, offer.count);
      check(offer);
      if (taken > 0) fills.push_back({offer.ts_us, offer.slot, offer.price, taken, offer.liquidity});
      return taken;
    };
    model.advance(book, group.time, take);
    for (const EventRow& row : group.rows) model.on_event(book, row, take);
    model.advance(book, group.time + 1, take);
  }
  OrderBook book;
  FillModel model;
  std::vector<Taken> fills;
};

}  // namespace

TEST_CASE("Orders fill as in a slow model written from the rules") {
  std::size_t makers = 0, takers = 0, voided = 0, expired = 0, cut = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    const bool has_sizes = seed % 4 != 0;
    const FillConfig config{.trade_share = seed % 3 == 0 ? 0.0 : 0.25 * static_cast<double>(seed % 5),
                            .ahead_share = seed % 7 == 0 ? 1.0 : 0.5,
                            .assumed_touch_size = seed % 8 == 0 ? 0 : 10};
    Slow slow(config, has_sizes);
    Fast fast(config, has_sizes);
    for (const Group& group : random_groups(seed, 1'500)) {
      slow.group(group);
      fast.group(group, [](const FillOffer&) {});
      CAPTURE(seed, group.time);
      REQUIRE(slow.fills == fast.fills);
      makers += static_cast<std::size_t>(
          std::count_if(fast.fills.begin(), fast.fills.end(), [](const Taken& f) { return f.liquidity == Liquidity::maker; }));
      takers += static_cast<std::size_t>(
          std::count_if(fast.fills.begin(), fast.fills.end(), [](const Taken& f) { return f.liquidity == Liquidity::taker; }));
      slow.fills.clear();
      fast.fills.clear();
      bool equal = true;
      for (const BookSlot slot : {BookSlot::bid, BookSlot::ask}) {
        const Slow::Order& order = slow.order(slot);
        const WorkingOrder& working = fast.model.slot(slot);
        equal = equal && order.on == working.live() && slow.sent(slot).on == (fast.model.in_flight(slot) != nullptr);
        if (order.on) {
          equal =
              equal && order.price == working.price && order.size == working.remaining && order.expires == working.expires_us;
          equal = equal && (!has_sizes || order.ahead == working.queue_ahead);
        }
      }
      for (Price p = 0; p <= 10'000; p += 100) {
        equal = equal && slow.free(0, p) == fast.model.available(fast.book, BookSide::yes, p) &&
                slow.free(1, p) == fast.model.available(fast.book, BookSide::no, p);
      }
      REQUIRE(equal);
      for (const Message& message : group.messages) {
        if (fast.model.in_flight(message.slot) != nullptr) continue;
        slow.send(message);
        fast.model.send(message);
      }
    }
    voided += fast.model.counts().voided;
    expired += fast.model.counts().expired;
    cut += fast.model.counts().cut;
  }
  CAPTURE(makers, takers, voided, expired, cut);
  REQUIRE(makers > 5'000);
  REQUIRE(takers > 20'000);
  REQUIRE(std::min({voided, expired, cut}) > 500);
}

TEST_CASE("Takers take no more than is left, queues stay within their level, nothing fills before its arrival") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Fast fast({}, true);
    std::array<Micros, 2> arrives{};
    for (const Group& group : random_groups(seed, 1'000)) {
      fast.group(group, [&](const FillOffer& offer) {
        REQUIRE(offer.count > 0);
        REQUIRE(offer.ts_us >= arrives[index_of(offer.slot)]);
        if (offer.liquidity == Liquidity::maker) return;
        const BookSide against = side_of(opposite(offer.slot));
        REQUIRE(offer.count <= fast.model.available(fast.book, against, offer.price));
        REQUIRE((offer.slot == BookSlot::bid ? offer.price >= offer.touch : offer.price <= offer.touch));
      });
      for (const BookSlot slot : {BookSlot::bid, BookSlot::ask}) {
        const WorkingOrder& order = fast.model.slot(slot);
        if (!order.live()) continue;
        REQUIRE(order.queue_ahead >= 0);
        REQUIRE(order.queue_ahead <= fast.book.size_at(side_of(slot), order.price));
      }
      for (Price p = 0; p <= 10'000; p += 100) {
        for (const BookSide side : {BookSide::yes, BookSide::no}) {
          if (fast.model.available(fast.book, side, p) < 0 || fast.model.consumed(side, p) < 0) FAIL("more taken than shown");
        }
      }
      for (const Message& message : group.messages) {
        if (fast.model.in_flight(message.slot) != nullptr) continue;
        if (!fast.model.slot(message.slot).live()) arrives[index_of(message.slot)] = message.arrives_us;
        fast.model.send(message);
      }
    }
  }
}

TEST_CASE("With a later arrival an order never fills earlier") {
  rlx::RandomStream random({5, rlx::Purpose::user});
  std::size_t filled = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    const bool has_sizes = seed % 3 != 0;
    auto groups = random_groups(1'000 + seed, 200);
    for (Group& group : groups) {  // one connected market
      std::erase_if(group.rows, [](const EventRow& row) { return row.kind == EventKind::gap_begin; });
    }
    Message message;
    message.slot = random.bounded(2) == 0 ? BookSlot::bid : BookSlot::ask;
    message.price = static_cast<Price>(100 * (44 + random.bounded(13)));
    message.count = 500;
    message.sent_us = groups[20].time;
    message.ttl_us = 1'000'000'000;
    Micros before = 0;
    for (const Micros latency : {0, 50'000, 100'000, 400'000, 1'000'000, 5'000'000}) {
      Fast fast({}, has_sizes);
      message.arrives_us = message.sent_us + latency;
      for (std::size_t g = 0; g < groups.size(); ++g) {
        fast.group(groups[g], [](const FillOffer&) {});
        if (g == 20) fast.model.send(message);
      }
      const Micros first = fast.fills.empty() ? groups.back().time + 1 : fast.fills.front().ts_us;
      CAPTURE(seed, latency);
      REQUIRE(first >= before);
      before = first;
      filled += fast.fills.empty() ? 0 : 1;
    }
  }
  REQUIRE(filled > 300);
}

TEST_CASE("With a trade share of 0 and no reported trades, orders fill on arrival or by crossing only") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Fast fast({.trade_share = 0.0}, true);
    for (Group group : random_groups(2'000 + seed, 500)) {
      std::erase_if(group.rows,
                    [](const EventRow& row) { return row.kind == EventKind::trade_yes || row.kind == EventKind::trade_no; });
      if (group.rows.empty()) continue;
      fast.group(group, [&](const FillOffer& offer) {
        if (offer.liquidity == Liquidity::taker) return;
        const auto best = offer.slot == BookSlot::bid ? fast.book.best_ask() : fast.book.best_bid();
        REQUIRE(best);
        REQUIRE((offer.slot == BookSlot::bid ? *best <= offer.price : *best >= offer.price));
      });
      REQUIRE(fast.model.counts().filled_decreases == 0);
      for (const Message& message : group.messages) {
        if (fast.model.in_flight(message.slot) == nullptr) fast.model.send(message);
      }
    }
  }
}
