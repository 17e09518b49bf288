// SPDX-License-Identifier: MIT
#include <rlx/options/paper_venue.hpp>

#include "rlx_catch.hpp"
#include "scripted_chain.hpp"

#include <array>
#include <map>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/options/synthetic_chain.hpp>

using namespace rlx::options;
using rlx::ManualClock;
using rlx::market::EntryKind;
using rlx::market::Fixed8;
using rlx_test::ContainsSubstring;
using rlx_test::ScriptedChain;
using rlx_test::WithinAbs;

static_assert(Venue<PaperVenue<SyntheticChain>>);

namespace {

constexpr std::int64_t expiry = 1'768'550'400'000;  // 2026-01-16 08:00 UTC
constexpr std::int64_t hour_ms = 3'600'000;

// One call with strike 100 000, quoted at 0.0050/0.0060, then 0.0065/0.0070, then settled at 104 000.
struct Rig {
  ScriptedChain source;
  std::uint32_t call = source.list("BTC-16JAN26-100000-C");
  ManualClock clock;

  Rig() {
    auto& market = source.markets["BTC"];
    market.settlement_index = 104'000;
    const std::vector<std::array<const char*, 3>> quotes{{"0.0050", "0.0060", "0.0055"}, {"0.0065", "0.0070", "0.0068"}};
    for (std::size_t i = 0; i < 3; ++i) {
      ChainSnapshot& snapshot = market.snapshots.emplace_back();
      snapshot.ts_ms = expiry + (static_cast<std::int64_t>(i) - 2) * 6 * hour_ms + 5 * 60'000;
      snapshot.index = 96'000;
      if (i < 2) {
        snapshot.quotes = {ScriptedChain::quote(call, quotes[i][0], quotes[i][1], quotes[i][2], 96'000, snapshot.ts_ms)};
      }
    }
  }
  static PaperVenueConfig config() {
    PaperVenueConfig config;
    config.underlyings = {"BTC"};
    return config;
  }
  static OrderRequest order(Side side, const char* amount, const char* price) {
    OrderRequest request;
    request.side = side;
    request.symbol = "BTC-16JAN26-100000-C";
    request.underlying = "BTC";
    request.amount = Fixed8::parse(amount);
    request.price = Fixed8::parse(price);
    request.label = "a label";
    return request;
  }
};

Fixed8 cash(const PaperVenue<ScriptedChain>& venue) { return venue.ledger("BTC").balance(0); }

}  // namespace

TEST_CASE("paper venue: a short call from sale to settlement, worked by hand", "[options][paper_venue]") {
  Rig rig;
  PaperVenue venue(rig.source, rig.clock, Rig::config());
  REQUIRE(rig.clock.now_ms() == rig.source.ts_ms(0));
  OrderRequest request = Rig::order(Side::sell, "0.1", "0.0050");
  request.time_in_force = TimeInForce::immediate_or_cancel;
  const auto sold = venue.submit(request);
  REQUIRE(sold.is_confirmed());
  REQUIRE(sold.value->state == OrderState::filled);
  REQUIRE(sold.value->average_price == Fixed8::parse("0.005"));
  REQUIRE(sold.value->fee == Fixed8::parse("0.00003"));
  REQUIRE(cash(venue) == Fixed8::parse("2.00047"));  // 2 + 0.1 * 0.0050 - 0.00003
  // Equity counts the short call at its mark: 2.00047 - 0.1 * 0.0055.
  REQUIRE(venue.account("BTC").value->equity == Fixed8::parse("1.99992"));
  REQUIRE(venue.positions("BTC").value->at(0).size == Fixed8::parse("-0.1"));

  REQUIRE(venue.advance());
  REQUIRE(venue.account("BTC").value->equity == Fixed8::parse("1.99979"));  // mark 0.0068
  REQUIRE(venue.advance());
  const auto settled = *venue.settlements("BTC", 0).value;
  REQUIRE(settled.size() == 1);
  REQUIRE(settled[0].payoff == Fixed8::parse("0.00384615"));  // 0.1 * 4 000 / 104 000
  REQUIRE(settled[0].delivery_fee == Fixed8::parse("0.000015"));
  REQUIRE(settled[0].ts_ms == expiry);
  REQUIRE(settled[0].gap_ms == hour_ms);
  // The specification's figure: P&L -0.00339115 BTC.
  REQUIRE(cash(venue) == Fixed8::parse("2") - Fixed8::parse("0.00339115"));
  REQUIRE(venue.positions("BTC").value->empty());
  REQUIRE_FALSE(venue.advance());
  REQUIRE(venue.settlements("BTC", expiry + 1).value->empty());
}

TEST_CASE("paper venue: what one order takes is gone for the next, until the next snapshot", "[options][paper_venue]") {
  Rig rig;
  PaperVenue venue(rig.source, rig.clock, Rig::config());
  OrderRequest request = Rig::order(Side::sell, "0.7", "0.0050");
  request.time_in_force = TimeInForce::immediate_or_cancel;
  REQUIRE(venue.submit(request).value->filled_amount == Fixed8::parse("0.7"));
  REQUIRE(venue.ticker(request.symbol).value->bid_amount == Fixed8::parse("0.3"));
  const auto second = venue.submit(request);
  REQUIRE(second.value->filled_amount == Fixed8::parse("0.3"));
  REQUIRE(second.value->state == OrderState::cancelled);  // the rest of an immediate-or-cancel order
  REQUIRE(venue.submit(request).value->filled_amount == Fixed8());
  venue.advance();
  REQUIRE(venue.ticker(request.symbol).value->bid_amount == Fixed8::parse("1"));
}

TEST_CASE("paper venue: a resting sell fills at its own limit, and only when a later bid reaches it",
          "[options][paper_venue]") {
  Rig rig;
  PaperVenue venue(rig.source, rig.clock, Rig::config());
  OrderRequest request = Rig::order(Side::sell, "0.2", "0.0060");
  request.post_only = true;
  const auto resting = venue.submit(request);
  REQUIRE(resting.value->state == OrderState::open);
  REQUIRE(venue.open_orders("BTC").value->size() == 1);
  REQUIRE(venue.orders_by_label("BTC", "a label").value->size() == 1);
  request.price = Fixed8::parse("0.0070");
  const auto higher = venue.submit(request);
  venue.advance();  // bid 0.0065: above the first limit, below the second
  const auto orders = *venue.orders_by_label("BTC", "a label").value;
  REQUIRE(orders[0].state == OrderState::filled);
  REQUIRE(orders[0].average_price == Fixed8::parse("0.0060"));
  REQUIRE(orders[1].state == OrderState::open);
  REQUIRE(orders[1].filled_amount == Fixed8());
  venue.advance();  // expiry: what rests is cancelled
  REQUIRE(venue.open_orders("BTC").value->empty());
}

TEST_CASE("paper venue: buys mirror sells at the ask", "[options][paper_venue]") {
  Rig rig;
  PaperVenue venue(rig.source, rig.clock, Rig::config());
  REQUIRE(venue.submit(Rig::order(Side::sell, "0.3", "0.0050")).value->state == OrderState::filled);
  OrderRequest close = Rig::order(Side::buy, "0.5", "0.0060");
  close.reduce_only = true;
  close.time_in_force = TimeInForce::immediate_or_cancel;
  const auto closed = venue.submit(close);
  REQUIRE(closed.value->filled_amount == Fixed8::parse("0.3"));  // no more than the position
  REQUIRE(closed.value->average_price == Fixed8::parse("0.0060"));
  REQUIRE(venue.positions("BTC").value->empty());
  // 0.3 * (0.0050 - 0.0060) and twice 0.3 * 0.0003.
  REQUIRE(cash(venue) == Fixed8::parse("2") - Fixed8::parse("0.0003") - Fixed8::parse("0.00018"));
  const auto again = venue.submit(close);
  REQUIRE(again.kind == OutcomeKind::rejected);
  REQUIRE_THAT(again.message, ContainsSubstring("reduce_only"));
}

TEST_CASE("paper venue: rejections carry the venue's codes", "[options][paper_venue]") {
  Rig rig;
  PaperVenue venue(rig.source, rig.clock, Rig::config());
  OrderRequest crossing = Rig::order(Side::sell, "0.1", "0.0050");
  crossing.post_only = true;
  REQUIRE(venue.submit(crossing).code == 11054);
  REQUIRE(venue.submit(Rig::order(Side::sell, "0.1", "0.0052")).code == -32602);   // tick 0.0005 from 0.005 on
  REQUIRE(venue.submit(Rig::order(Side::sell, "0.15", "0.0050")).code == -32602);  // minimum 0.1
  REQUIRE(venue.submit(Rig::order(Side::sell, "50", "0.0055")).code == 10009);     // margin 0.11 and more a coin, 2 coins
  OrderRequest late = Rig::order(Side::sell, "0.1", "0.0055");
  late.valid_until_ms = rig.clock.now_ms() - 1;
  REQUIRE(venue.submit(late).code == 13888);
  OrderRequest unknown = late;
  unknown.symbol = "BTC-16JAN26-1-C";
  REQUIRE(venue.submit(unknown).code == 13020);
  REQUIRE(venue.ticker("BTC-16JAN26-1-C").code == 13020);
  REQUIRE(venue.cancel("paper-99").code == 10004);
  REQUIRE(venue.open_orders("BTC").value->empty());
  REQUIRE(cash(venue) == Fixed8::parse("2"));
  const auto order = venue.submit(Rig::order(Side::sell, "0.1", "0.0055"));
  REQUIRE(venue.cancel(order.value->order_id).value->state == OrderState::cancelled);
  REQUIRE(venue.cancel(order.value->order_id).code == 11044);
  venue.submit(Rig::order(Side::sell, "0.1", "0.0055"));
  venue.submit(Rig::order(Side::sell, "0.1", "0.0055"));
  REQUIRE(*venue.cancel_by_label("BTC", "a label").value == 2);
  venue.submit(Rig::order(Side::sell, "0.1", "0.0055"));
  REQUIRE(*venue.cancel_all().value == 1);
}

TEST_CASE("paper venue: margins and configuration", "[options][paper_venue]") {
  Rig rig;
  PaperVenue venue(rig.source, rig.clock, Rig::config());
  // S 96 000, K 100 000: 0.15 - 4/96 = 0.108333...; plus mark 0.0055, for 0.1.
  REQUIRE(venue.margins("BTC-16JAN26-100000-C", Fixed8::parse("0.1"), Fixed8::parse("0.0055")).value->initial ==
          Fixed8::parse("0.01138333"));
  REQUIRE(venue.attest().value->environment() == VenueEnvironment::paper);
  PaperVenueConfig free = Rig::config();
  free.fees.inverse.taker = Fixed8();
  REQUIRE_THROWS_WITH((PaperVenue(rig.source, rig.clock, free)), ContainsSubstring("FeeSchedule::none()"));
  PaperVenueConfig slow = Rig::config();
  slow.latency_ms = 250;
  PaperVenue delayed(rig.source, rig.clock, slow);
  const std::int64_t before = rig.clock.now_ms();
  delayed.submit(Rig::order(Side::sell, "0.1", "0.0055"));
  REQUIRE(rig.clock.now_ms() == before + 250);
}

TEST_CASE("paper venue: a snapshot is loaded once, however often it is asked for", "[options][paper_venue]") {
  Rig rig;
  PaperVenue venue(rig.source, rig.clock, Rig::config());
  venue.submit(Rig::order(Side::sell, "0.1", "0.0050"));
  ChainSnapshot snapshot;
  for (const int loads : {1, 2}) {
    for (int i = 0; i < 3; ++i) {
      REQUIRE(venue.chain("BTC", snapshot).value == rig.source.ts_ms(venue.snapshot()));
      REQUIRE(snapshot.quotes.at(0).bid == venue.ticker("BTC-16JAN26-100000-C").value->bid);
    }
    REQUIRE(rig.source.loads == loads);
    venue.advance();
  }
}

TEST_CASE("paper venue: linear calls trade with what the venue starts with", "[options][paper_venue]") {
  ScriptedChain source;
  const std::uint32_t call = source.list("BTC_USDC-16JAN26-100000-C");
  ChainSnapshot& snapshot = source.markets["BTC"].snapshots.emplace_back();
  snapshot.ts_ms = expiry - 24 * hour_ms;
  snapshot.index = 96'000;
  snapshot.quotes = {ScriptedChain::quote(call, "480", "500", "490", 96'000, snapshot.ts_ms)};
  ManualClock clock;
  PaperVenue venue(source, clock, Rig::config());
  REQUIRE(venue.account("BTC").value->currency == "USDC");
  OrderRequest request = Rig::order(Side::sell, "0.1", "480");
  request.symbol = "BTC_USDC-16JAN26-100000-C";
  REQUIRE(venue.submit(request).value->state == OrderState::filled);
}

TEST_CASE("paper venue: money is conserved to the last unit over 10 000 random orders", "[options][paper_venue]") {
  const SyntheticChain chain({.seed = 9, .snapshots = 200});
  ManualClock clock;
  PaperVenueConfig config;
  config.balances = {{"BTC", Fixed8::from_integer(50)}, {"ETH", Fixed8::from_integer(500)}};
  PaperVenue venue(chain, clock, config);
  rlx::RandomStream random({77, rlx::Purpose::user});
  ChainSnapshot snapshot;
  std::size_t filled = 0;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    for (const std::string ccy : {"BTC", "ETH"}) {
      static_cast<void>(venue.chain(ccy, snapshot));
      for (int k = 0; k < 25; ++k) {
        const ChainQuote& quote = snapshot.quotes[random.bounded(snapshot.quotes.size())];
        const Instrument& instrument = chain.instruments(i, ccy)[quote.instrument];
        OrderRequest request;
        request.side = random.bounded(2) == 0 ? Side::buy : Side::sell;
        request.symbol = instrument.symbol;
        request.underlying = ccy;
        request.amount = instrument.minimum_size * static_cast<int>(1 + random.bounded(12));
        const Fixed8 base = random.bounded(2) == 0 ? quote.bid : quote.ask;
        request.price = round_price_up(instrument, max(base, instrument.tick_size));
        request.reduce_only = random.bounded(8) == 0;
        request.post_only = random.bounded(4) == 0;
        request.label = "x";
        if (random.bounded(3) == 0) request.time_in_force = TimeInForce::immediate_or_cancel;
        const auto outcome = venue.submit(request);
        if (outcome.is_confirmed() && outcome.value->filled_amount.sign() > 0) ++filled;
      }
      // Cash = deposit + what trades brought - what went to fees, and nothing else.
      const auto& ledger = venue.ledger(ccy);
      Fixed8 sum;
      for (rlx::market::AccountId account = 0; account < ledger.n_accounts(); ++account) sum += ledger.balance(account);
      REQUIRE(sum == Fixed8());
      REQUIRE(ledger.balance(0) == config.balances.find(ccy)->second + ledger.total(EntryKind::premium) +
                                       ledger.total(EntryKind::payoff) + ledger.total(EntryKind::fee));
      // Position = sum of fills, less what has settled; equity = cash + positions at their marks.
      std::map<std::string, Fixed8> held;
      const std::vector<Order> orders = *venue.orders_by_label(ccy, "x").value;
      for (const Order& order : orders) {
        Fixed8 amount, fee;
        for (const Fill& fill : order.fills) amount += fill.amount, fee += fill.fee;
        REQUIRE(amount == order.filled_amount);
        REQUIRE(fee == order.fee);
        REQUIRE(order.filled_amount <= order.amount);
        held[order.symbol] += order.side == Side::buy ? amount : -amount;
      }
      const std::vector<Settlement> settled = *venue.settlements(ccy, 0).value;
      for (const Settlement& done : settled) {
        REQUIRE(held[done.symbol] == done.amount);
        held.erase(done.symbol);
      }
      Fixed8 equity = ledger.balance(0);
      const std::vector<Position> positions = *venue.positions(ccy).value;
      for (const Position& position : positions) {
        REQUIRE(held[position.symbol] == position.size);
        held.erase(position.symbol);
        equity += multiply(position.size, position.mark);
      }
      for (const auto& [symbol, rest] : held) REQUIRE(rest == Fixed8());
      REQUIRE(venue.account(ccy).value->equity == equity);
    }
    venue.advance();
  }
  REQUIRE(filled > 3'000);
}
