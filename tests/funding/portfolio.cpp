// SPDX-License-Identifier: MIT
#include <rlx/funding/portfolio.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

#include <array>
#include <cmath>
#include <vector>

using namespace rlx::funding;
using rlx::market::EntryKind;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

constexpr std::int64_t t0 = 1'735'689'600'000;

// An account on two venues with simple terms: taker 5 and 5.5 bp, 1 % maintenance, 0.5 % liquidation fee.
class Desk {
 public:
  explicit Desk(LiquidationRule rule = LiquidationRule::mark, double capital = 10'000.0)
      : table("2025-01-01", {venue("longs", 0.0005, rule), venue("shorts", 0.00055, rule)}),
        portfolio(capital, std::array<VenueId, 2>{0, 1}, table) {
    portfolio.record_ledger(1000);
  }

  static Venue venue(const char* name, double taker, LiquidationRule rule) {
    Venue one;
    one.name = name;
    one.taker = taker;
    one.liquidation_fee = 0.005;
    one.rule = rule;
    one.classes = {{{}, {{0.0, 0.01, 0.0, 50.0}}}};
    return one;
  }

  OpenOrder order(double quantity, double long_price, double short_price, double leverage, SymbolId symbol = 0) const {
    const auto terms = [this](VenueId id) {
      const Venue& one = table.at(id);
      return LegTerms{id, id, one.rule, one.taker, one.liquidation_fee, 0.0, one.tiers("A")};
    };
    // A deep book without spread: fills are prices.
    return {{2 * symbol, 2 * symbol + 1, symbol, {long_price, 0.0, 1e300, true}, {short_price, 0.0, 1e300, true}},
            terms(0),
            terms(1),
            quantity,
            leverage};
  }
  void mark(SlotId slot, double long_price, double short_price, std::int64_t t = t0) {
    portfolio.mark(slot, 0, {long_price, 0.0, 1e300, true}, t);
    portfolio.mark(slot, 1, {short_price, 0.0, 1e300, true}, t);
  }
  const Position& at(SlotId slot) const { return *portfolio.slots()[slot]; }

  VenueTable table;
  Portfolio portfolio;
};

Settlement settlement(InstrumentId instrument, double rate, std::int64_t t, double hours = 8.0) {
  return {t, instrument, rate, hours};
}

}  // namespace

TEST_CASE("portfolio: the capital is split equally", "[funding][portfolio]") {
  const Desk desk;
  REQUIRE(desk.portfolio.free_cash(0) == 5'000.0);
  REQUIRE(desk.portfolio.free_cash(1) == 5'000.0);
  REQUIRE(desk.portfolio.equity() == 10'000.0);
  REQUIRE(desk.portfolio.margin_utilization() == 0.0);
  REQUIRE(desk.portfolio.min_liquidation_distance() > 1e300);
  REQUIRE_THROWS_AS(desk.portfolio.free_cash(7), rlx::ConfigError);
}

TEST_CASE("portfolio: bad accounts are refused", "[funding][portfolio]") {
  const VenueTable table = VenueTable::builtin();
  REQUIRE_THROWS_AS(Portfolio(0.0, std::array<VenueId, 1>{0}, table), rlx::ConfigError);
  REQUIRE_THROWS_AS(Portfolio(100.0, std::span<const VenueId>{}, table), rlx::ConfigError);
  REQUIRE_THROWS_AS(Portfolio(100.0, std::array<VenueId, 2>{1, 1}, table), rlx::ConfigError);
  REQUIRE_THROWS_AS(Portfolio(100.0, std::array<VenueId, 1>{99}, table), rlx::ConfigError);
}

TEST_CASE("portfolio: required margin", "[funding][portfolio]") {
  REQUIRE(Portfolio::required_margin(1'000.0, 5.0) == 400.0);
  REQUIRE(Portfolio::required_margin(1'000.0, 1.0) == 2'000.0);
}

TEST_CASE("portfolio: can_open counts margin and fee on each venue", "[funding][portfolio]") {
  const Desk desk;
  REQUIRE(desk.portfolio.can_open(1'000.0, 5.0, 0, 1));
  // 5,000 free: N / 1 + 5.5 bp N <= 5,000 up to N = 4,997.25 on the dearer venue.
  REQUIRE(desk.portfolio.can_open(4'997.0, 1.0, 0, 1));
  REQUIRE_FALSE(desk.portfolio.can_open(4'998.0, 1.0, 0, 1));
  REQUIRE_THROWS_AS(desk.portfolio.can_open(1.0, 1.0, 0, 5), rlx::ConfigError);
}

TEST_CASE("portfolio: opening moves margin and fees, equity falls by the fees", "[funding][portfolio]") {
  Desk desk;
  const SlotId slot = desk.portfolio.open(desk.order(10.0, 100.0, 100.2, 2.0), t0);
  REQUIRE(slot == 0);
  REQUIRE_THAT(desk.portfolio.free_cash(0), WithinAbs(5'000.0 - 500.0 - 0.5, 1e-9));
  REQUIRE_THAT(desk.portfolio.free_cash(1), WithinAbs(5'000.0 - 501.0 - 0.5511, 1e-9));
  REQUIRE_THAT(desk.portfolio.margin(), WithinAbs(1'001.0, 1e-9));
  REQUIRE_THAT(desk.portfolio.equity(), WithinAbs(10'000.0 - 1.0511, 1e-9));
  REQUIRE_THAT(desk.at(0).entry_fees, WithinAbs(1.0511, 1e-12));
  REQUIRE(desk.at(0).long_leg.side == 1.0);
  REQUIRE(desk.at(0).short_leg.side == -1.0);
}

TEST_CASE("portfolio: both legs hold the same quantity", "[funding][portfolio]") {
  Desk desk;
  desk.portfolio.open(desk.order(10.0, 100.0, 150.0, 2.0), t0);
  // A price that moves on both venues alike cancels exactly: q (dP - dP).
  desk.mark(0, 110.0, 160.0);
  REQUIRE_THAT(desk.at(0).price_pnl(), WithinAbs(0.0, 1e-12));
}

TEST_CASE("portfolio: the worked trade of the specification", "[funding][portfolio]") {
  Desk desk;
  const SlotId slot = desk.portfolio.open(desk.order(10.0, 100.0, 100.2, 3.0), t0);
  desk.portfolio.settle(settlement(0, -0.0005, t0 + 1), 101.0);  // long receives 10 * 101 * .0005 = .505
  desk.portfolio.settle(settlement(1, +0.0003, t0 + 1), 101.1);  // short receives 10 * 101.1 * .0003 = .3033
  desk.mark(slot, 102.0, 102.05);
  const ClosedTrade trade = desk.portfolio.close(slot, t0 + 2, CloseReason::agent);
  const Attribution& parts = trade.position.attribution;
  REQUIRE_THAT(parts.price, WithinAbs(1.5, 1e-9));
  REQUIRE_THAT(parts.funding, WithinAbs(0.8083, 1e-9));
  REQUIRE_THAT(parts.fees, WithinAbs(-2.122375, 1e-9));
  REQUIRE_THAT(parts.slippage, WithinAbs(0.0, 1e-9));
  REQUIRE_THAT(parts.total(), WithinAbs(0.185925, 1e-9));
  REQUIRE_THAT(desk.portfolio.equity(), WithinAbs(10'000.185925, 1e-9));
  REQUIRE_THAT(attribute(desk.portfolio.ledger(), trade.position.id).total(), WithinAbs(0.185925, 1e-9));
  REQUIRE(desk.portfolio.margin() == 0.0);
}

TEST_CASE("portfolio: half-spread and impact are slippage on entry and exit", "[funding][portfolio]") {
  Desk desk;
  OpenOrder order = desk.order(10.0, 100.0, 100.0, 2.0);
  order.quote.long_quote = {100.0, 4.0, 100'000.0, true};     // half-spread 2 bp, impact 10 * 1,000 / 100,000 = 0.1 bp
  order.quote.short_quote = {100.0, missing, missing, true};  // half-spread 1 bp, impact 10 * 1,000 / 250,000 = 0.04 bp
  desk.portfolio.open(order, t0);
  REQUIRE_THAT(desk.at(0).long_leg.fill, WithinRel(100.0 * (1.0 + 2.1e-4), 1e-14));
  REQUIRE_THAT(desk.at(0).short_leg.fill, WithinRel(100.0 * (1.0 - 1.04e-4), 1e-14));
  const ClosedTrade trade = desk.portfolio.close(0, t0, CloseReason::agent);
  // Each way 2.1 and 1.04 bp of 1,000 USD.
  REQUIRE_THAT(trade.position.attribution.slippage, WithinAbs(-2.0 * (0.21 + 0.104), 1e-9));
}

TEST_CASE("portfolio: liquidation prices of the three rules on both sides", "[funding][portfolio]") {
  // q = 2, P0 = 100, M = 50 (4x), m = .01, taker .0005 and .00055: the specification's table for equal takers.
  const MaintenanceTier tier{0.0, 0.01, 0.0, 50.0};
  REQUIRE_THAT(liquidation_price(LiquidationRule::mark, +1, 2, 100, 50, tier, 0.0005), WithinAbs(75.7576, 5e-5));
  REQUIRE_THAT(liquidation_price(LiquidationRule::mark, -1, 2, 100, 50, tier, 0.0005), WithinAbs(123.7624, 5e-5));
  REQUIRE_THAT(liquidation_price(LiquidationRule::mark_plus_taker, +1, 2, 100, 50, tier, 0.0005), WithinAbs(75.7959, 5e-5));
  REQUIRE_THAT(liquidation_price(LiquidationRule::mark_plus_taker, -1, 2, 100, 50, tier, 0.0005), WithinAbs(123.7011, 5e-5));
  REQUIRE_THAT(liquidation_price(LiquidationRule::entry, +1, 2, 100, 50, tier, 0.0005), WithinAbs(76.0, 1e-12));
  REQUIRE_THAT(liquidation_price(LiquidationRule::entry, -1, 2, 100, 50, tier, 0.0005), WithinAbs(124.0, 1e-12));
  Desk desk(LiquidationRule::entry);
  desk.portfolio.open(desk.order(2.0, 100.0, 100.0, 4.0), t0);
  REQUIRE_THAT(desk.at(0).long_leg.liquidation_price, WithinAbs(76.0, 1e-12));
  REQUIRE_THAT(desk.at(0).short_leg.liquidation_price, WithinAbs(124.0, 1e-12));
}

TEST_CASE("portfolio: the distance is negative past liquidation", "[funding][portfolio]") {
  Desk desk(LiquidationRule::entry);
  desk.portfolio.open(desk.order(2.0, 100.0, 100.0, 4.0), t0);
  REQUIRE_THAT(desk.portfolio.min_liquidation_distance(), WithinAbs(0.24, 1e-12));
  desk.mark(0, 75.0, 100.0);
  REQUIRE_THAT(desk.at(0).long_leg.distance(), WithinAbs(-1.0 / 75.0, 1e-12));
  desk.mark(0, 100.0, 125.0);
  REQUIRE_THAT(desk.at(0).short_leg.distance(), WithinAbs(-1.0 / 125.0, 1e-12));
  REQUIRE(desk.portfolio.min_liquidation_distance() < 0.0);
}

TEST_CASE("portfolio: maintenance is continuous at the tier edges", "[funding][portfolio]") {
  const VenueTable table = VenueTable::builtin();
  for (const char* symbol : {"BTCUSDT", "SOLUSDT", "WIFUSDT"}) {
    const auto tiers = table.at(0).tiers(symbol);
    for (std::size_t i = 1; i < tiers.size(); ++i) {
      const double edge = tiers[i].notional_floor;
      const double below = maintenance_margin(LiquidationRule::mark, 1.0, edge, edge, tiers[i - 1], 0.0);
      const double above = maintenance_margin(LiquidationRule::mark, 1.0, edge, edge, tiers[i], 0.0);
      REQUIRE_THAT(above, WithinAbs(below, 1e-9));
    }
  }
}

TEST_CASE("portfolio: slots stay put after an exit in the middle", "[funding][portfolio]") {
  Desk desk;
  for (SymbolId symbol = 0; symbol < 4; ++symbol) {
    REQUIRE(desk.portfolio.open(desk.order(1.0, 100.0, 100.0, 2.0, symbol), t0) == symbol);
  }
  desk.portfolio.close(1, t0 + 1, CloseReason::agent);
  REQUIRE(desk.at(0).symbol == 0);
  REQUIRE_FALSE(desk.portfolio.slots()[1].has_value());
  REQUIRE(desk.at(2).symbol == 2);
  REQUIRE(desk.at(3).symbol == 3);
  REQUIRE_FALSE(desk.portfolio.holds(1));
  REQUIRE(desk.portfolio.slot_of(2) == SlotId{2});
  // The lowest free slot is taken, and ids never repeat.
  REQUIRE(desk.portfolio.open(desk.order(1.0, 100.0, 100.0, 2.0, 9), t0 + 2) == 1);
  REQUIRE(desk.at(1).id == 5);
  REQUIRE(desk.portfolio.open_positions() == 4);
}

TEST_CASE("portfolio: a sixth position and an empty slot are programming errors", "[funding][portfolio]") {
  Desk desk;
  for (SymbolId symbol = 0; symbol < 5; ++symbol) desk.portfolio.open(desk.order(1.0, 100.0, 100.0, 2.0, symbol), t0);
  REQUIRE_THROWS_AS(desk.portfolio.open(desk.order(1.0, 100.0, 100.0, 2.0, 5), t0), std::logic_error);
  desk.portfolio.close(3, t0, CloseReason::agent);
  REQUIRE_THROWS_AS(desk.portfolio.close(3, t0, CloseReason::agent), std::logic_error);
  REQUIRE_THROWS_AS(desk.portfolio.open(desk.order(0.0, 100.0, 100.0, 2.0, 5), t0), std::logic_error);
}

TEST_CASE("portfolio: funding is mark times rate, positive rates are paid by longs", "[funding][portfolio]") {
  Desk desk;
  desk.portfolio.open(desk.order(10.0, 100.0, 100.0, 2.0), t0);
  const double before = desk.portfolio.free_cash(0);
  desk.portfolio.settle(settlement(0, 0.001, t0 + 5), 120.0);
  REQUIRE_THAT(desk.portfolio.free_cash(0) - before, WithinAbs(-1.2, 1e-9));
  desk.portfolio.settle(settlement(0, -0.002, t0 + 6), 120.0);
  REQUIRE_THAT(desk.portfolio.free_cash(0) - before, WithinAbs(1.2, 1e-9));
  desk.portfolio.settle(settlement(1, -0.001, t0 + 6), 120.0);
  REQUIRE_THAT(desk.at(0).funding, WithinAbs(0.0, 1e-9));
  desk.portfolio.settle(settlement(17, 0.1, t0 + 6), 120.0);  // not held
  REQUIRE_THAT(desk.at(0).funding, WithinAbs(0.0, 1e-9));
}

TEST_CASE("portfolio: a stamp at the entry is not paid, with a grace it is", "[funding][portfolio]") {
  Desk desk;
  desk.portfolio.open(desk.order(10.0, 100.0, 100.0, 2.0), t0);
  desk.portfolio.settle(settlement(0, 0.001, t0), 100.0);
  REQUIRE(desk.at(0).funding == 0.0);
  desk.portfolio.settle(settlement(0, 0.001, t0 + 1), 100.0);
  REQUIRE_THAT(desk.at(0).funding, WithinAbs(-1.0, 1e-12));

  PortfolioRules rules;
  rules.grace_ms = 15'000;
  Portfolio tolerant(10'000.0, std::array<VenueId, 2>{0, 1}, desk.table, rules);
  tolerant.open(desk.order(10.0, 100.0, 100.0, 2.0), t0);
  tolerant.settle(settlement(0, 0.001, t0 - 15'000), 100.0);
  REQUIRE(tolerant.slots()[0]->funding == 0.0);
  tolerant.settle(settlement(0, 0.001, t0 - 14'999), 100.0);
  REQUIRE_THAT(tolerant.slots()[0]->funding, WithinAbs(-1.0, 1e-12));
}

TEST_CASE("portfolio: a debit beyond the free cash comes from the margin, then from the insurance", "[funding][portfolio]") {
  Desk desk(LiquidationRule::mark, 2'000.0);
  desk.portfolio.open(desk.order(10.0, 99.0, 99.0, 1.0), t0);  // margin 990; 10 less 0.495 stay free
  const double free = desk.portfolio.free_cash(0);
  const double liquidation_before = desk.at(0).long_leg.liquidation_price;
  desk.portfolio.settle(settlement(0, 0.05, t0 + 1), 100.0);  // 50 USD
  REQUIRE_THAT(desk.portfolio.free_cash(0), WithinAbs(0.0, 1e-12));
  REQUIRE_THAT(desk.at(0).long_leg.margin, WithinAbs(990.0 - (50.0 - free), 1e-9));
  REQUIRE(desk.at(0).long_leg.liquidation_price > liquidation_before);
  for (int i = 2; i < 24; ++i) desk.portfolio.settle(settlement(0, 0.05, t0 + i), 100.0);
  REQUIRE_THAT(desk.at(0).long_leg.margin, WithinAbs(0.0, 1e-9));
  REQUIRE(desk.at(0).attribution.liquidation > 0.0);  // carried by the insurance fund
  REQUIRE_THAT(desk.portfolio.equity(), WithinAbs(desk.portfolio.ledger().equity(), 1e-9));
}

TEST_CASE("portfolio: liquidation by hand", "[funding][portfolio]") {
  Desk desk(LiquidationRule::entry);
  desk.portfolio.open(desk.order(2.0, 100.0, 100.0, 4.0), t0);  // margin 50 each, long dies at 76
  desk.mark(0, 80.0, 80.5, t0 + 1);
  REQUIRE_FALSE(desk.portfolio.check_liquidation(0, 76.01, 81.0, 80.0, t0 + 1).liquidated);
  const LiquidationResult result = desk.portfolio.check_liquidation(0, 75.9, 81.0, 80.0, t0 + 1);
  REQUIRE(result.liquidated);
  REQUIRE(result.fill == 76.0);  // the row's price recovered: the liquidation price is the worse
  REQUIRE(result.insurance == 0.0);
  REQUIRE(result.trade.reason == CloseReason::liquidation);
  REQUIRE(result.trade.long_reason == CloseReason::liquidation);
  REQUIRE(result.trade.short_reason == CloseReason::hedge_of_liquidation);
  const Attribution& parts = result.trade.position.attribution;
  REQUIRE_THAT(parts.price, WithinAbs(2.0 * -24.0 + 2.0 * 19.5, 1e-9));
  REQUIRE_THAT(parts.liquidation, WithinAbs(-0.005 * 2.0 * 76.0, 1e-9));
  REQUIRE_THAT(parts.fees, WithinAbs(-(0.0005 * 200.0 + 0.00055 * 200.0 + 0.00055 * 161.0), 1e-9));
  // Long venue: margin 50 - 48 loss - 0.76 fee come back.
  REQUIRE_THAT(desk.portfolio.free_cash(0), WithinAbs(5'000.0 - 50.0 - 0.1 + 1.24, 1e-9));
  REQUIRE(desk.portfolio.open_positions() == 0);
  REQUIRE_THAT(desk.portfolio.equity(), WithinAbs(10'000.0 + parts.total(), 1e-9));
}

TEST_CASE("portfolio: a short leg is liquidated by the high, or by the price where highs are missing", "[funding][portfolio]") {
  Desk desk(LiquidationRule::entry);
  desk.portfolio.open(desk.order(2.0, 100.0, 100.0, 4.0), t0);
  desk.mark(0, 124.5, 124.5);
  REQUIRE_FALSE(desk.portfolio.check_liquidation(1, 10.0, 123.9, 123.0, t0).liquidated);
  const LiquidationResult result = desk.portfolio.check_liquidation(1, missing, missing, 124.5, t0);
  REQUIRE(result.liquidated);
  REQUIRE(result.fill == 124.5);  // the row's price is worse than 124, and above bankruptcy at 125
}

TEST_CASE("portfolio: a gap past bankruptcy falls to the insurance fund", "[funding][portfolio]") {
  Desk desk(LiquidationRule::entry);
  desk.portfolio.open(desk.order(2.0, 100.0, 100.0, 4.0), t0);  // bankrupt at 75
  desk.mark(0, 60.0, 60.0);
  const LiquidationResult result = desk.portfolio.check_liquidation(0, 60.0, 100.0, 60.0, t0 + 1);
  REQUIRE(result.fill == 75.0);
  REQUIRE_THAT(result.insurance, WithinAbs(0.005 * 2.0 * 75.0, 1e-9));  // the fee, which no margin is left for
  REQUIRE_THAT(result.trade.position.attribution.liquidation, WithinAbs(0.0, 1e-9));
  REQUIRE_THAT(desk.portfolio.free_cash(0), WithinAbs(5'000.0 - 50.0 - 0.1, 1e-9));  // the loss ends at the margin
  bool posted = false;
  for (const auto& entry : desk.portfolio.ledger().entries())
    posted |= desk.portfolio.ledger().name(entry.credit) == "insurance" && std::abs(entry.amount - 0.75) < 1e-9;
  REQUIRE(posted);
}

TEST_CASE("portfolio: transfers", "[funding][portfolio]") {
  Desk desk;
  desk.portfolio.open(desk.order(10.0, 100.0, 100.0, 2.0), t0);
  REQUIRE(desk.portfolio.rebalance(0.20, t0) == 0.0);  // balanced
  // Price up 200: the long venue gains 2,000 when the pair is closed.
  desk.mark(0, 300.0, 300.0);
  desk.portfolio.close(0, t0 + 1, CloseReason::agent);
  const double rich = desk.portfolio.free_cash(0), poor = desk.portfolio.free_cash(1), equity = desk.portfolio.equity();
  REQUIRE((rich - poor) / equity > 0.20);
  const double sent = desk.portfolio.rebalance(0.20, t0 + 2);
  REQUIRE_THAT(sent, WithinAbs(0.5 * (rich - poor) - 1.0, 1e-9));
  REQUIRE_THAT(desk.portfolio.free_cash(0), WithinAbs(rich - sent - 1.0, 1e-9));
  REQUIRE_THAT(desk.portfolio.free_cash(1), WithinAbs(poor, 1e-9));
  REQUIRE_THAT(desk.portfolio.transit(), WithinAbs(sent, 1e-9));
  REQUIRE_THAT(desk.portfolio.equity(), WithinAbs(equity - 1.0, 1e-9));
  REQUIRE(desk.portfolio.rebalance(0.0, t0 + 3) == 0.0);  // one at a time
  REQUIRE(desk.portfolio.transfer_arrival() == t0 + 2 + ms_per_hour);
  desk.portfolio.arrive(t0 + 1 + ms_per_hour);
  REQUIRE_THAT(desk.portfolio.free_cash(1), WithinAbs(poor, 1e-9));
  desk.portfolio.arrive(t0 + 2 + ms_per_hour);
  REQUIRE_THAT(desk.portfolio.free_cash(1), WithinAbs(poor + sent, 1e-9));
  REQUIRE(desk.portfolio.transit() == 0.0);
  REQUIRE_FALSE(desk.portfolio.transfer_arrival().has_value());
  REQUIRE_THAT(attribute(desk.portfolio.ledger()).transfer, WithinAbs(-1.0, 1e-12));
}

TEST_CASE("portfolio: a forced close of a stale leg pays the extra, an agent's close does not", "[funding][portfolio]") {
  const auto cost_of = [](CloseReason reason, bool fresh) {
    Desk desk;
    desk.portfolio.open(desk.order(10.0, 100.0, 100.0, 2.0), t0);
    desk.portfolio.mark(0, 0, {100.0, 0.0, 1e300, fresh}, t0);
    return desk.portfolio.close(0, t0 + 1, reason).position.attribution.slippage;
  };
  REQUIRE_THAT(cost_of(CloseReason::agent, true), WithinAbs(0.0, 1e-9));
  for (const CloseReason reason : {CloseReason::stop_loss, CloseReason::ruin, CloseReason::end_of_episode}) {
    REQUIRE_THAT(cost_of(reason, true), WithinAbs(0.0, 1e-9));
    REQUIRE_THAT(cost_of(reason, false), WithinAbs(-5.0, 1e-9));  // 50 bp of one leg's 1,000 USD
  }
}

TEST_CASE("portfolio: an order whose second leg fails costs both ways of the first", "[funding][portfolio]") {
  Desk desk;
  const ClosedTrade trade = desk.portfolio.open_and_undo(desk.order(10.0, 100.0, 100.0, 2.0), t0);
  REQUIRE_THAT(trade.position.attribution.total(), WithinAbs(-2.0 * 0.0005 * 1'000.0, 1e-9));
  REQUIRE_THAT(desk.portfolio.equity(), WithinAbs(9'999.0, 1e-9));
  REQUIRE(desk.portfolio.open_positions() == 0);
  REQUIRE(desk.portfolio.free_cash(1) == 5'000.0);
}

TEST_CASE("portfolio: nothing allocates after construction", "[funding][portfolio]") {
  Desk desk;
  const OpenOrder order = desk.order(10.0, 100.0, 100.2, 2.0);
  const rlx_test::AllocationCounter counter;
  desk.portfolio.reset(10'000.0, t0);
  desk.portfolio.open(order, t0);
  desk.mark(0, 101.0, 101.0);
  desk.portfolio.settle(settlement(0, 0.0001, t0 + 1), 100.0);
  desk.portfolio.close(0, t0 + 2, CloseReason::agent);
  desk.portfolio.rebalance(0.0, t0 + 2);
  desk.portfolio.arrive(t0 + 3 * ms_per_hour);
  REQUIRE(counter.count() == 0);
}

TEST_CASE("portfolio: saved and loaded accounts go on alike", "[funding][portfolio]") {
  Desk desk, other;
  desk.portfolio.open(desk.order(10.0, 100.0, 100.2, 2.0), t0);
  desk.portfolio.open(desk.order(3.0, 50.0, 50.1, 3.0, 1), t0);
  desk.portfolio.close(0, t0, CloseReason::agent);
  desk.mark(1, 51.0, 50.9);
  desk.portfolio.rebalance(0.0, t0);
  std::vector<std::byte> bytes;
  rlx::StateWriter writer(bytes);
  desk.portfolio.save(writer);
  const OpenOrder order = desk.order(1.0, 1.0, 1.0, 1.0);
  rlx::StateReader reader(bytes);
  other.portfolio.load(reader, [&](InstrumentId id) { return id % 2 == 0 ? order.long_terms : order.short_terms; });
  reader.expect_end();
  for (Desk* one : {&desk, &other}) {
    one->mark(1, 52.0, 51.0);
    one->portfolio.settle(settlement(2, 0.001, t0 + 9), 52.0);
    one->portfolio.arrive(t0 + 2 * ms_per_hour);
    one->portfolio.close(1, t0 + 9, CloseReason::stop_loss);
  }
  REQUIRE(other.portfolio.equity() == desk.portfolio.equity());
  REQUIRE(other.portfolio.free_cash(0) == desk.portfolio.free_cash(0));
  REQUIRE(attribute(other.portfolio.ledger()) == attribute(desk.portfolio.ledger()));
}
