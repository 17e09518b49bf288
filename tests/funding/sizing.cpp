// SPDX-License-Identifier: MIT
#include <rlx/funding/sizing.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstdlib>
#include <string>

#include <rlx/core/random.hpp>

using namespace rlx::funding;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

// One pair on binance and bybit with the tiers of a small coin; 5,000 USD free on each venue.
struct Desk {
  VenueTable venues = VenueTable::builtin();
  LegTerms long_terms = terms("binance", 0), short_terms = terms("bybit", 1);
  PairQuote quote{0, 1, 0, {100.0, 0.0, 1e12, true}, {100.0, 0.0, 1e12, true}};
  AccountView account{10'000.0, 0.0, 5'000.0, 5'000.0, 0, false};
  TradingConfig trading = TradingConfig::moderate();
  ExecutionConfig execution;

  LegTerms terms(const char* name, std::uint32_t index) const {
    const Venue& venue = venues.at(*venues.find(name));
    return {*venues.find(name), index, venue.rule, venue.taker, venue.liquidation_fee, 0.0, venue.tiers("WIFUSDT")};
  }
  SizingRules rules(SizingMode mode = SizingMode::available_margin) const {
    return {&trading, &execution, costs_of(execution, 10'000.0), mode, 10'000.0};
  }
  EntryPlan plan(Size size, SizingMode mode = SizingMode::available_margin, double reference_mid = 0.0) const {
    const SizingRules all = rules(mode);
    return EntryPlanner(quote, long_terms, short_terms, account, all, reference_mid).plan(size);
  }
};

}  // namespace

TEST_CASE("sizing: the example of the specification", "[funding][sizing]") {
  // 10,000 USD on two venues, moderate: 2 * 5,000 * 3 * 0.6 / 3 * {0.1, 0.2, 0.3}; 100 USD per coin, lot 0.01.
  const Desk desk;
  REQUIRE_THAT(desk.plan(Size::small).quantity * 100.0, WithinRel(600.0, 1e-12));
  REQUIRE_THAT(desk.plan(Size::medium).quantity * 100.0, WithinRel(1200.0, 1e-12));
  REQUIRE_THAT(desk.plan(Size::large).quantity * 100.0, WithinRel(1800.0, 1e-12));
  REQUIRE(desk.plan(Size::large).leverage == 3.0);
}

TEST_CASE("sizing: the buffer lowers leverage", "[funding][sizing]") {
  // Worked in the specification: m' = .01.
  REQUIRE_THAT(maximum_buffered_leverage(0.01, 0.15), WithinAbs(6.19195, 1e-5));
  REQUIRE_THAT(maximum_buffered_leverage(0.01, 0.30), WithinAbs(3.19489, 1e-5));
  Desk desk;
  desk.trading.max_leverage = 10.0;
  desk.trading.liquidation_buffer = 0.30;
  REQUIRE_THAT(desk.plan(Size::large).leverage, WithinRel(1.0 / (0.02 + 0.30 * 1.02), 1e-12));  // m' = .02 for small coins
}

TEST_CASE("sizing: the worse leg, its taker rule and the tier's own limit bind", "[funding][sizing]") {
  Desk desk;
  desk.trading.max_leverage = 10.0;
  desk.trading.liquidation_buffer = 0.10;
  desk.short_terms.rule = LiquidationRule::mark_plus_taker;
  REQUIRE_THAT(entry_leverage(desk.trading, desk.long_terms, desk.short_terms, 1'000.0),
               WithinRel(1.0 / (0.02055 + 0.10 * 1.02055), 1e-12));
  // Above 50,000 USD the tier is 5 %: 1 / (.05055 + .10 * 1.05055); above 250,000 the tier allows 5x.
  REQUIRE_THAT(entry_leverage(desk.trading, desk.long_terms, desk.short_terms, 50'000.0),
               WithinRel(1.0 / (0.05055 + 0.10 * 1.05055), 1e-12));
  desk.trading.liquidation_buffer = 0.05;
  REQUIRE(entry_leverage(desk.trading, desk.long_terms, desk.short_terms, 250'000.0) == 5.0);
}

TEST_CASE("sizing: buffered leverage gives the initial distance on 1,000 inputs", "[funding][sizing]") {
  rlx::RandomStream random(rlx::StreamId{.seed = 9});
  for (int i = 0; i < 1000; ++i) {
    MaintenanceTier tier;
    tier.rate = random.uniform(0.002, 0.1);
    const double buffer = random.uniform(0.05, 0.5), taker = random.uniform(0.0, 0.001), price = random.uniform(0.01, 50'000.0);
    for (const LiquidationRule rule : {LiquidationRule::mark, LiquidationRule::mark_plus_taker, LiquidationRule::entry}) {
      const double maintenance = tier.rate + (rule == LiquidationRule::mark_plus_taker ? taker : 0.0);
      const double leverage = maximum_buffered_leverage(maintenance, buffer);
      for (const int side : {+1, -1}) {
        const double liquidation = liquidation_price(rule, side, 2.0, price, 2.0 * price / leverage, tier, taker);
        REQUIRE(side * (price - liquidation) / price >= buffer - 1e-12);
      }
    }
  }
}

TEST_CASE("sizing: lots", "[funding][sizing]") {
  REQUIRE(common_lot(0.1, 1.0, 100.0) == 1.0);
  REQUIRE(common_lot(0.0, 0.5, 100.0) == 0.5);
  REQUIRE(common_lot(0.0, 0.0, 100.0) == 0.01);   // 10^floor(log10 0.05)
  REQUIRE(common_lot(0.0, 0.0, 0.00005) == 1e5);  // 5 / 5e-5 = 1e5
  REQUIRE(common_lot(0.0, 0.0, 60'000.0) == 1e-5);
  Desk desk;
  desk.long_terms.lot = 4.0;
  REQUIRE(desk.plan(Size::small).quantity == 4.0);  // 6 coins round down to one lot of 4
  desk.long_terms.lot = 7.0;
  REQUIRE(desk.plan(Size::small).check == EntryCheck::below_minimum);
  REQUIRE(desk.plan(Size::medium).quantity == 7.0);  // 12 coins
}

TEST_CASE("sizing: a stake of whole lots loses none to rounding", "[funding][sizing]") {
  Desk desk;
  desk.trading.max_leverage = 1.0;
  for (int lots = 1; lots < 400; ++lots) {
    desk.long_terms.lot = 2.0 / lots;  // the SMALL stake of 200 USD is exactly `lots` lots
    REQUIRE_THAT(desk.plan(Size::small).quantity, WithinRel(2.0, 1e-9));
  }
}

TEST_CASE("sizing: power of ten below", "[funding][sizing]") {
  for (const double x : {1e-9, 0.00123, 0.05, 0.1, 0.5, 1.0, 9.99, 10.0, 12345.0}) {
    const double p = power_of_ten_below(x);
    REQUIRE(p <= x);
    REQUIRE(10.0 * p > x * (1.0 - 1e-12));
  }
  REQUIRE(power_of_ten_below(0.0) == 1e-12);
  REQUIRE(power_of_ten_below(3e20) == 1e12);
  rlx::RandomStream random(rlx::StreamId{.seed = 1});
  for (int i = 0; i < 100'000; ++i) {
    const double x = std::exp(random.uniform(-27.6, 27.6));
    const double p = power_of_ten_below(x);
    if (!(p <= x && x < 10.0 * p * (1.0 + 1e-15))) FAIL("power of ten below " << x << ": " << p);
  }
  for (int exponent = -12; exponent <= 12; ++exponent) {
    const double power = std::strtod(("1e" + std::to_string(exponent)).c_str(), nullptr);
    REQUIRE(power_of_ten_below(power) == power);
    if (exponent > -12) REQUIRE(power_of_ten_below(std::nextafter(power, 0.0)) < power);
  }
}

TEST_CASE("sizing: fixed coins do not follow price or cash", "[funding][sizing]") {
  Desk desk;
  const double expected = 0.3 * 10'000.0 * 3.0 * 0.6 / 3.0 / 80.0;  // mult E0 L utilisation / max_positions / reference mid
  REQUIRE_THAT(desk.plan(Size::large, SizingMode::fixed_coins, 80.0).quantity, WithinRel(expected, 1e-12));
  desk.account.free_long = 1.0;
  desk.quote.long_quote.price = desk.quote.short_quote.price = 200.0;
  const EntryPlan plan = desk.plan(Size::large, SizingMode::fixed_coins, 80.0);
  REQUIRE(plan.check == EntryCheck::allowed);
  REQUIRE_THAT(plan.quantity, WithinRel(expected, 1e-12));
}

TEST_CASE("sizing: each condition alone forbids an entry", "[funding][sizing]") {
  const Desk good;
  REQUIRE(good.plan(Size::large).check == EntryCheck::allowed);
  const auto check = [](auto&& change) {
    Desk desk;
    change(desk);
    return desk.plan(Size::large).check;
  };
  REQUIRE(check([](Desk& d) { d.quote.long_quote.fresh = false; }) == EntryCheck::stale_price);
  REQUIRE(check([](Desk& d) { d.quote.short_quote.fresh = false; }) == EntryCheck::stale_price);
  REQUIRE(check([](Desk& d) { d.account.symbol_held = true; }) == EntryCheck::symbol_held);
  REQUIRE(check([](Desk& d) { d.account.open_positions = 3; }) == EntryCheck::no_free_position);
  REQUIRE(check([](Desk& d) { d.account.free_long = 10.0; }) == EntryCheck::below_minimum);
  REQUIRE(check([](Desk& d) { d.short_terms.lot = 19.0; }) == EntryCheck::below_minimum);
  REQUIRE(check([](Desk& d) { d.execution.min_notional = 1800.1; }) == EntryCheck::below_minimum);
  REQUIRE(check([](Desk& d) { d.execution.multipliers[2] = 3.0; }) == EntryCheck::not_enough_cash);
  REQUIRE(check([](Desk& d) { d.account.margin = 4900.0; }) == EntryCheck::utilization_cap);
  REQUIRE(check([](Desk& d) { d.quote.long_quote.depth_usd = 17'999.0; }) == EntryCheck::depth_share);
  REQUIRE(check([](Desk& d) { d.quote.short_quote.depth_usd = 17'999.0; }) == EntryCheck::depth_share);
  REQUIRE(check([](Desk& d) { d.quote.short_quote.depth_usd = missing; }) == EntryCheck::allowed);
}

TEST_CASE("sizing: the shortcut of the mask always agrees with the full plan", "[funding][sizing]") {
  rlx::RandomStream random(rlx::StreamId{.seed = 11});
  std::array<int, 9> seen{};
  for (int i = 0; i < 200'000; ++i) {
    Desk desk;
    desk.trading = TradingConfig::sample_random(random);
    desk.trading.target_utilization = random.uniform(0.0, 1.0);
    const double scale = std::exp(random.uniform(-4.0, 4.0));
    desk.account = {10'000.0 * scale,
                    random.uniform(0.0, 6'000.0) * scale,
                    random.uniform(-10.0, 6'000.0) * scale,
                    random.uniform(-10.0, 6'000.0) * scale,
                    static_cast<int>(random.bounded(5)),
                    random.bounded(20) == 0};
    const double price = std::exp(random.uniform(-8.0, 11.0));
    desk.quote.long_quote = {price, random.uniform(0.0, 50.0), std::exp(random.uniform(8.0, 14.0)), random.bounded(30) != 0};
    desk.quote.short_quote = {price * random.uniform(0.98, 1.02), missing, missing, true};
    if (random.bounded(2) == 0) desk.execution.multipliers = {0.3, 0.6, random.uniform(0.5, 3.0)};
    const SizingRules rules = desk.rules();
    const EntryPlanner planner(desk.quote, desk.long_terms, desk.short_terms, desk.account, rules, 0.0);
    for (const Size size : {Size::small, Size::medium, Size::large}) {
      const EntryCheck check = planner.plan(size).check;
      ++seen[static_cast<std::size_t>(check)];
      if (planner.allowed()[static_cast<std::size_t>(size)] != (check == EntryCheck::allowed))
        FAIL("the shortcut disagrees: " << to_string(check));
    }
  }
  for (std::size_t check = 0; check < seen.size(); ++check) {
    if (static_cast<EntryCheck>(check) != EntryCheck::empty_slot) REQUIRE(seen[check] > 100);
  }
}
