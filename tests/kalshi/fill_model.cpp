// SPDX-License-Identifier: MIT
#include <rlx/kalshi/fill_model.hpp>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::ContainsSubstring;

constexpr Micros second = 1'000'000;

struct Taken {
  Micros ts_us;
  BookSlot slot;
  Price price;
  Count count;
  Liquidity liquidity;
  bool operator==(const Taken&) const = default;
};

// A book and its orders, fed group by group as the environment does.
struct Market {
  explicit Market(const FillConfig& config = {}, bool has_sizes = true, TickGrid grid = TickGrid::linear_cent)
      : book(grid), model(config) {
    model.reset(grid, has_sizes);
  }

  Count take(const FillOffer& offer) {
    const Count count = std::min(offer.count, most);
    most -= count;
    if (count > 0) fills.push_back({offer.ts_us, offer.slot, offer.price, count, offer.liquidity});
    return count;
  }
  void wait(Micros until) {
    model.advance(book, until, [this](const FillOffer& offer) { return take(offer); });
  }
  void group(Micros time, std::initializer_list<EventRow> rows) {
    wait(time);
    for (EventRow row : rows) {
      row.ts_us = time;
      model.on_event(book, row, [this](const FillOffer& offer) { return take(offer); });
    }
    wait(time + 1);
  }
  void send(BookSlot slot, Price price, Count count, Micros sent, Micros latency = 100'000) {
    Message message;
    message.slot = slot;
    message.price = price;
    message.count = count;
    message.sent_us = sent;
    message.arrives_us = sent + latency;
    model.send(message);
  }
  const WorkingOrder& bid() const { return model.slot(BookSlot::bid); }
  const WorkingOrder& ask() const { return model.slot(BookSlot::ask); }

  OrderBook book;
  FillModel model;
  std::vector<Taken> fills;
  Count most = std::numeric_limits<Count>::max();  // that the account takes in all
};

EventRow yes(Price price, Count change) { return {0, EventKind::level_delta_yes, price, change}; }
EventRow no(Price price, Count change) { return {0, EventKind::level_delta_no, price, change}; }
constexpr EventRow clear{0, EventKind::book_clear, 0, 0};

Taken taker(Micros ts, BookSlot slot, Price price, Count count) { return {ts, slot, price, count, Liquidity::taker}; }
Taken maker(Micros ts, BookSlot slot, Price price, Count count) { return {ts, slot, price, count, Liquidity::maker}; }

}  // namespace

TEST_CASE("An order walks the levels up to its limit on arrival and rests with the rest") {
  Market market;
  market.group(0, {no(5'200, 300), no(5'300, 500), no(5'400, 900), yes(5'300, 0), yes(4'800, 700)});
  market.send(BookSlot::bid, 5'300, 1'000, 0);
  market.group(99'000, {yes(4'700, 100)});
  REQUIRE(market.fills.empty());
  REQUIRE(market.model.in_flight(BookSlot::bid) != nullptr);
  market.group(101'000, {yes(4'700, 100)});
  REQUIRE(market.fills == std::vector{taker(100'000, BookSlot::bid, 5'200, 300), taker(100'000, BookSlot::bid, 5'300, 500)});
  REQUIRE(market.model.in_flight(BookSlot::bid) == nullptr);
  REQUIRE(market.bid().remaining == 200);
  REQUIRE(market.bid().queue_ahead == 0);
  REQUIRE(market.model.available(market.book, BookSide::no, 5'200) == 0);
  REQUIRE(market.model.available(market.book, BookSide::no, 5'400) == 900);
}

TEST_CASE("Ties go to the market: what arrives at the time of a group meets the book after it") {
  Market market;
  market.group(0, {no(5'200, 1'000)});
  market.send(BookSlot::bid, 5'200, 400, 0);
  market.group(100'000, {no(5'200, -1'000)});
  REQUIRE(market.fills.empty());
  REQUIRE(market.bid().remaining == 400);

  Market earlier;
  earlier.group(0, {no(5'200, 1'000)});
  earlier.send(BookSlot::bid, 5'200, 400, 0, 99'999);
  earlier.group(100'000, {no(5'200, -1'000)});
  REQUIRE(earlier.fills == std::vector{taker(99'999, BookSlot::bid, 5'200, 400)});
}

TEST_CASE("Consumed liquidity: worked numbers, a level of 50 of which 30 are taken") {
  const struct {
    Count then, now, free;
  } cases[] = {{4'000, 4'000, 1'000}, {6'000, 6'000, 3'000}, {2'500, 2'500, 0}, {0, 5'000, 5'000}};
  for (const auto& c : cases) {
    Market market;
    market.group(0, {no(5'200, 5'000)});
    market.send(BookSlot::bid, 5'200, 3'000, 0, 0);
    market.wait(1);
    REQUIRE(market.fills == std::vector{taker(0, BookSlot::bid, 5'200, 3'000)});
    market.group(second, {no(5'200, c.then - 5'000)});
    if (c.now != c.then) market.group(2 * second, {no(5'200, c.now - c.then)});
    REQUIRE(market.model.available(market.book, BookSide::no, 5'200) == c.free);
    market.send(BookSlot::bid, 5'200, 9'900, 3 * second, 0);
    market.fills.clear();
    market.wait(3 * second + 1);
    Count taken = 0;
    for (const Taken& fill : market.fills) taken += fill.count;
    REQUIRE(taken == c.free);
  }
}

TEST_CASE("In a snapshot consumption and queue follow each level once, after the whole of it") {
  Market market;
  market.group(0, {no(5'200, 5'000), yes(4'800, 10'000)});
  market.send(BookSlot::bid, 5'200, 3'000, 0, 0);
  market.wait(1);
  market.send(BookSlot::bid, 4'800, 1'000, 1, 0);
  market.wait(2);
  REQUIRE(market.bid().queue_ahead == 10'000);
  market.group(second, {clear,
                        {0, EventKind::level_set_yes, 4'800, 6'000},
                        {0, EventKind::level_set_yes, 4'700, 100},
                        {0, EventKind::level_set_no, 5'200, 4'000}});
  REQUIRE(market.model.available(market.book, BookSide::no, 5'200) == 1'000);
  REQUIRE(market.bid().queue_ahead == 6'000);
  REQUIRE(market.bid().remaining == 1'000);

  // A snapshot whose best ask has come down to the order fills it as growth would have.
  market.fills.clear();
  market.group(2 * second, {clear, {0, EventKind::level_set_no, 4'700, 400}, {0, EventKind::level_set_yes, 4'600, 400}});
  REQUIRE(market.fills == std::vector{maker(2 * second, BookSlot::bid, 4'800, 400)});
  REQUIRE(market.bid().remaining == 600);
  REQUIRE(market.bid().queue_ahead == 0);
}

TEST_CASE("The queue: worked numbers, 100 ahead and a best level that falls by 20") {
  Market market;
  market.group(0, {yes(4'800, 10'000), no(5'200, 100)});
  market.send(BookSlot::bid, 4'800, 1'000, 0, 0);
  market.wait(1);
  REQUIRE(market.bid().queue_ahead == 10'000);
  market.group(second, {yes(4'800, 10'000)});  // what comes later stands behind
  REQUIRE(market.bid().queue_ahead == 10'000);
  market.group(2 * second, {yes(4'800, -2'000)});
  REQUIRE(market.bid().queue_ahead == 8'900);  // 2 traded, 9 of the 18 cancelled stood ahead
  // A level that is not the best trades nothing: half of what goes was ahead.
  market.group(3 * second, {yes(4'900, 100), yes(4'800, -1'000)});
  REQUIRE(market.bid().queue_ahead == 8'400);
  // Never more than the level shows.
  market.group(4 * second, {yes(4'800, -15'000)});
  REQUIRE(market.book.size_at(BookSide::yes, 4'800) == 2'000);
  REQUIRE(market.bid().queue_ahead == 900);
  REQUIRE(market.fills.empty());
  market.group(5 * second, {yes(4'900, -100), yes(4'800, -2'000)});
  REQUIRE(market.bid().queue_ahead == 0);

  // Without anyone behind, the level itself bounds the queue: 100 ahead of a level that falls to 80 are 80.
  Market alone;
  alone.group(0, {yes(4'800, 10'000)});
  alone.send(BookSlot::bid, 4'800, 1'000, 0, 0);
  alone.group(second, {yes(4'800, -2'000)});
  REQUIRE(alone.bid().queue_ahead == 8'000);
}

TEST_CASE("Reported trades serve the queue and then the order, a report after its delta is lost") {
  for (const bool mirrored : {false, true}) {
    const auto at = [&](Price p) { return mirrored ? 10'000 - p : p; };
    const auto own = [&](Price p, Count n) { return mirrored ? no(at(p), n) : yes(at(p), n); };
    const auto trade = [&](Price p, Count n) {
      return EventRow{0, mirrored ? EventKind::trade_yes : EventKind::trade_no, at(p), n};
    };
    const BookSlot slot = mirrored ? BookSlot::ask : BookSlot::bid;
    Market market;
    market.group(0, {own(4'800, 1'000)});
    market.send(slot, at(4'800), 500, 0, 0);
    market.wait(1);
    market.group(second, {own(4'800, 500)});
    market.group(2 * second, {trade(4'800, 1'200), own(4'800, -1'200)});
    REQUIRE(market.fills == std::vector{maker(2 * second, slot, at(4'800), 200)});
    REQUIRE(market.model.slot(slot).queue_ahead == 0);
    REQUIRE(market.model.slot(slot).remaining == 300);
    // A second and a microsecond later the report has lapsed: a tenth of the decrease is taken for traded.
    market.fills.clear();
    market.group(3 * second, {own(4'800, 2'000), trade(4'800, 100)});
    market.group(4 * second + 1, {own(4'800, -100)});
    REQUIRE(market.fills == std::vector{maker(4 * second + 1, slot, at(4'800), 10)});
    // Through the whole second after it counts.
    market.fills.clear();
    market.group(5 * second, {trade(4'800, 100)});
    market.group(6 * second, {own(4'800, -100)});
    REQUIRE(market.fills == std::vector{maker(6 * second, slot, at(4'800), 100)});
    // After its delta: no more than the share that the delta gave.
    market.fills.clear();
    market.group(7 * second, {own(4'800, -100), trade(4'800, 100)});
    REQUIRE(market.fills == std::vector{maker(7 * second, slot, at(4'800), 10)});
  }
}

TEST_CASE("Trades before an order arrives spend their report on the decrease that they explain") {
  Market market;
  market.group(0, {yes(4'800, 1'000)});
  market.group(second, {{0, EventKind::trade_no, 4'800, 300}, yes(4'800, -300)});
  market.send(BookSlot::bid, 4'800, 500, second, 0);
  market.wait(second + 1);
  REQUIRE(market.bid().queue_ahead == 700);
  market.group(second + 1'000, {yes(4'800, 700), yes(4'800, -200)});
  REQUIRE(market.bid().queue_ahead == 590);  // 20 by share, 90 of 180 cancelled
}

TEST_CASE("An order better than the best bid meets the trades of the best, one behind it does not") {
  Market market;
  market.group(0, {yes(4'800, 1'000), no(5'200, 1'000)});
  market.send(BookSlot::bid, 4'900, 500, 0, 0);
  market.wait(1);
  REQUIRE(market.bid().queue_ahead == 0);
  market.group(second, {yes(4'800, -1'000)});
  REQUIRE(market.fills == std::vector{maker(second, BookSlot::bid, 4'900, 100)});
  market.fills.clear();
  market.group(2 * second, {yes(4'800, 100), yes(4'700, 500)});
  market.group(3 * second, {yes(4'700, -500)});  // not the best level
  REQUIRE(market.fills.empty());
  market.send(BookSlot::bid, 4'600, 500, 3 * second, 0);
  market.wait(3 * second + 1);
  market.group(4 * second, {yes(4'800, -100)});
  REQUIRE(market.fills.empty());
}

TEST_CASE("What comes to the other side at the order's price or better would have crossed it") {
  Market market({.trade_share = 0.0});
  market.group(0, {yes(4'800, 1'000), no(5'200, 1'000)});
  market.send(BookSlot::bid, 4'800, 500, 0, 0);
  market.wait(1);
  market.group(second, {yes(4'800, -1'000), no(4'700, 200)});
  REQUIRE(market.fills == std::vector{maker(second, BookSlot::bid, 4'800, 200)});
  REQUIRE(market.model.available(market.book, BookSide::no, 4'700) == 0);
  market.group(2 * second, {no(4'700, -200), no(4'800, 900)});
  REQUIRE(market.fills.back() == maker(2 * second, BookSlot::bid, 4'800, 300));
  REQUIRE_FALSE(market.bid().live());
  REQUIRE(market.model.available(market.book, BookSide::no, 4'800) == 600);
}

TEST_CASE("With a trade share of 0 resting orders fill by crossing or reported trades only") {
  Market market({.trade_share = 0.0});
  market.group(0, {yes(4'800, 1'000)});
  market.send(BookSlot::bid, 4'800, 500, 0, 0);
  market.wait(1);
  market.group(second, {yes(4'800, -1'000)});
  market.group(2 * second, {yes(4'800, 1'000), yes(4'800, -1'000)});
  REQUIRE(market.fills.empty());
}

TEST_CASE("Replacing: fills since the sending reduce the new order, after a complete fill the message is void") {
  Market market;
  market.group(0, {yes(4'800, 1'000)});
  market.send(BookSlot::bid, 4'900, 500, 0, 0);
  market.wait(1);
  market.send(BookSlot::bid, 4'700, 800, second);
  market.group(second + 1'000, {no(4'900, 200)});
  REQUIRE(market.fills.back() == maker(second + 1'000, BookSlot::bid, 4'900, 200));
  REQUIRE(market.model.pending_size(BookSlot::bid) == 600);
  market.wait(second + 100'001);
  REQUIRE(market.bid().price == 4'700);
  REQUIRE(market.bid().remaining == 600);

  market.send(BookSlot::bid, 4'600, 900, 2 * second);
  market.group(2 * second + 1'000, {no(4'700, 600)});
  REQUIRE_FALSE(market.bid().live());
  REQUIRE(market.model.pending_size(BookSlot::bid) == 0);
  market.wait(3 * second);
  REQUIRE_FALSE(market.bid().live());
  REQUIRE(market.model.counts().voided == 1);

  // A new order smaller than what was filled: the old one ends, nothing takes its place.
  market.send(BookSlot::bid, 4'500, 900, 3 * second, 0);
  market.wait(3 * second + 1);
  market.send(BookSlot::bid, 4'400, 100, 4 * second);
  market.group(4 * second + 1'000, {no(4'500, 300)});
  market.wait(5 * second);
  REQUIRE(market.model.idle());
}

TEST_CASE("An own order of the other slot that would be met is cancelled first") {
  Market market;
  market.group(0, {yes(4'000, 1'000), no(6'000, 1'000)});
  market.send(BookSlot::ask, 5'000, 500, 0, 0);
  market.wait(1);
  market.send(BookSlot::bid, 4'900, 500, 1, 0);
  market.wait(2);
  REQUIRE(market.ask().live());
  market.send(BookSlot::bid, 5'000, 500, 2, 0);
  market.wait(3);
  REQUIRE_FALSE(market.ask().live());
  REQUIRE(market.bid().remaining == 500);
  market.send(BookSlot::ask, 5'000, 200, 3, 0);
  market.wait(4);
  REQUIRE_FALSE(market.bid().live());
  REQUIRE(market.fills.empty());
}

TEST_CASE("A message of the five-action layout also ends the other slot's order, on arrival") {
  Market market;
  market.group(0, {yes(4'000, 1'000), no(6'000, 1'000)});
  market.send(BookSlot::ask, 5'000, 500, 0, 0);
  market.wait(1);
  Message message;
  message.slot = BookSlot::bid;
  message.price = 4'500;
  message.count = 100;
  message.cancel_other = true;
  message.arrives_us = 50;
  market.model.send(message);
  market.wait(50);
  REQUIRE(market.ask().live());
  market.wait(51);
  REQUIRE_FALSE(market.ask().live());
  REQUIRE(market.bid().live());
}

TEST_CASE("Orders expire, at equal times before messages, messages in the order of sending") {
  Market market;
  market.group(0, {yes(4'000, 1'000), no(6'000, 1'000)});
  Message message;
  message.price = 4'500;
  message.count = 100;
  message.arrives_us = 10;
  message.ttl_us = 90;
  market.model.send(message);
  market.wait(100);
  REQUIRE(market.bid().expires_us == 100);
  message.kind = Message::Kind::cancel;
  message.arrives_us = 100;
  market.model.send(message);
  market.wait(101);
  REQUIRE(market.model.counts().expired == 1);
  REQUIRE(market.model.idle());

  // Both arrive at once: the later one meets the order of the earlier one and cancels it.
  market.send(BookSlot::ask, 5'000, 100, 200, 100);
  market.send(BookSlot::bid, 5'000, 100, 250, 50);
  market.wait(301);
  REQUIRE(market.bid().live());
  REQUIRE_FALSE(market.ask().live());
}

TEST_CASE("A gap cancels working orders, and messages that arrive before the next snapshot are void") {
  Market market;
  market.group(0, {yes(4'000, 1'000), no(6'000, 1'000)});
  market.send(BookSlot::bid, 4'500, 100, 0, 0);
  market.wait(1);
  market.send(BookSlot::ask, 5'500, 100, second, 100'000);
  market.group(second + 1'000, {{0, EventKind::gap_begin, 0, 0}});
  REQUIRE_FALSE(market.bid().live());
  market.wait(2 * second);
  REQUIRE(market.model.idle());
  REQUIRE(market.model.counts().voided == 1);
  market.send(BookSlot::ask, 5'500, 100, 2 * second, second);
  market.group(2 * second + 1'000, {{0, EventKind::gap_end, 0, 0}, clear, {0, EventKind::level_set_yes, 5'500, 50}});
  market.wait(3 * second + 1);
  REQUIRE(market.fills == std::vector{taker(3 * second, BookSlot::ask, 5'500, 50)});
}

TEST_CASE("What the account does not take cancels the order") {
  Market market;
  market.group(0, {no(5'200, 300), no(5'300, 500)});
  market.most = 400;
  market.send(BookSlot::bid, 5'300, 1'000, 0, 0);
  market.wait(1);
  REQUIRE(market.fills == std::vector{taker(0, BookSlot::bid, 5'200, 300), taker(0, BookSlot::bid, 5'300, 100)});
  REQUIRE(market.model.idle());
  REQUIRE(market.model.counts().cut == 1);
  REQUIRE(market.model.available(market.book, BookSide::no, 5'300) == 400);
}

TEST_CASE("Without sizes each touch holds ten contracts until its price changes, and nothing stands behind it") {
  Market market({}, false);
  market.group(0, {yes(4'800, 1), no(5'200, 1), no(5'300, 1)});
  market.send(BookSlot::bid, 5'300, 3'000, 0, 0);
  market.wait(1);
  REQUIRE(market.fills == std::vector{taker(0, BookSlot::bid, 5'200, 1'000)});
  REQUIRE(market.bid().remaining == 2'000);
  REQUIRE(market.bid().queue_ahead == 0);
  market.group(second, {yes(4'700, 1)});  // the ask's price stands
  REQUIRE(market.fills.size() == 1);
  // Removed and back within one millisecond: no change.
  market.group(2 * second, {no(5'200, -1), no(5'200, 1)});
  REQUIRE(market.fills.size() == 1);
  market.group(3 * second, {no(5'200, -1)});  // the best ask is 53 now: it reaches the order
  REQUIRE(market.fills.back() == maker(3 * second, BookSlot::bid, 5'300, 1'000));
  market.group(4 * second, {no(5'000, 1)});
  REQUIRE(market.fills.back() == maker(4 * second, BookSlot::bid, 5'300, 1'000));
  REQUIRE_FALSE(market.bid().live());
}

TEST_CASE("Without sizes an assumed size of 0 takes the size that the import recorded") {
  for (const Count size : {contracts(1), contracts(10)}) {
    Market market({.assumed_touch_size = 0}, false);
    market.group(0, {yes(4'800, size), no(5'200, size)});
    market.send(BookSlot::bid, 5'200, contracts(20), 0, 0);
    market.wait(1);
    REQUIRE(market.fills == std::vector{taker(0, BookSlot::bid, 5'200, size)});
    REQUIRE(market.model.available(market.book, BookSide::no, 5'200) == 0);
  }
}

TEST_CASE("Without sizes no trade and no decrease fills a resting order") {
  Market market({.trade_share = 1.0}, false);
  market.group(0, {yes(4'800, 1), no(5'200, 1)});
  market.send(BookSlot::ask, 5'000, 1'000, 0, 0);
  market.wait(1);
  market.group(second, {{0, EventKind::trade_yes, 5'200, 500}, no(5'200, -1), no(5'300, 1)});
  REQUIRE(market.fills.empty());
  market.group(2 * second, {yes(5'000, 1)});
  REQUIRE(market.fills == std::vector{maker(2 * second, BookSlot::ask, 5'000, 1'000)});
}

TEST_CASE("The first events of a market without sizes do not refresh what was taken at an unchanged touch") {
  Market market({}, false);
  market.group(0, {yes(4'800, 1), no(5'200, 1)});
  market.send(BookSlot::bid, 5'200, 600, 0, 0);
  market.group(second, {yes(4'800, -1), yes(4'700, 1)});
  market.send(BookSlot::bid, 5'200, 600, second, 0);
  market.wait(second + 1);
  REQUIRE(market.fills == std::vector{taker(0, BookSlot::bid, 5'200, 600), taker(second, BookSlot::bid, 5'200, 400)});
}

TEST_CASE("Fill settings outside their range are refused with the field and the value") {
  REQUIRE_THROWS_WITH(FillModel({.trade_share = 1.5}), ContainsSubstring("trade_share") && ContainsSubstring("1.5"));
  REQUIRE_THROWS_AS(FillModel({.ahead_share = -0.1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(FillModel({.trade_share = std::numeric_limits<double>::quiet_NaN()}), rlx::ConfigError);
  REQUIRE_THROWS_WITH(FillModel({.assumed_touch_size = -1}), ContainsSubstring("assumed_touch_size"));
  Market market;
  market.send(BookSlot::bid, 5'000, 100, 0);
  REQUIRE_THROWS_AS(market.send(BookSlot::bid, 5'000, 100, 0), std::logic_error);
  REQUIRE_THROWS_AS(market.send(BookSlot::ask, 5'050, 100, 0), std::logic_error);
  REQUIRE_THROWS_AS(market.send(BookSlot::ask, 5'000, 0, 0), std::logic_error);
}

TEST_CASE("A fill model restored from its state goes on equally, damaged bytes are refused") {
  const auto prepare = [](Market& market) {
    market.group(0, {yes(4'800, 1'000), no(5'200, 1'000)});
    market.send(BookSlot::bid, 5'200, 400, 0, 0);
    market.wait(1);
    market.send(BookSlot::bid, 4'800, 500, 1, 0);
    market.wait(2);
    market.group(second, {{0, EventKind::trade_no, 4'800, 300}});
    market.send(BookSlot::ask, 5'500, 400, second);
  };
  Market one, two;
  prepare(one);
  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  one.model.save_state(writer);
  two.book = one.book;
  rlx::StateReader reader(bytes);
  two.model.load_state(reader);
  reader.expect_end();
  one.fills.clear();
  for (Market* const market : {&one, &two}) {
    market->group(second + 500'000, {yes(4'800, -900), no(5'200, -700)});
    market->group(2 * second, {yes(5'500, 100), no(4'800, 900)});
  }
  REQUIRE(one.fills == two.fills);
  REQUIRE(one.fills.size() >= 2);
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    rlx::StateReader shorter(std::span<const std::byte>(bytes).first(size));
    REQUIRE_THROWS_AS(two.model.load_state(shorter), rlx::CheckpointError);
  }
}

TEST_CASE("Orders and fills allocate nothing on a grid that was seen") {
  Market market;
  market.fills.reserve(100);
  const auto before = rlx_test::allocations();
  for (int round = 0; round < 3; ++round) {
    market.book.reset(TickGrid::linear_cent);
    market.model.reset(TickGrid::linear_cent, true);
    market.group(0, {yes(4'800, 1'000), no(5'200, 1'000)});
    market.send(BookSlot::bid, 5'200, 1'400, 0);
    market.group(second, {{0, EventKind::trade_yes, 5'200, 100}, no(5'200, -500), yes(5'200, 20), no(5'200, 500)});
  }
  REQUIRE(rlx_test::allocations() == before);
}
