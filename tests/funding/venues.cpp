// SPDX-License-Identifier: MIT
#include <rlx/funding/venues.hpp>

#include <string>
#include <vector>

#include "rlx_catch.hpp"

using namespace rlx::funding;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

TEST_CASE("Venues: built-in fees, intervals and rules", "[funding]") {
  const VenueTable table = VenueTable::builtin();
  REQUIRE(table.as_of() == "2025-11-01");
  struct Expected {
    const char* name;
    double maker, taker;
    int hours;
    LiquidationRule rule;
  };
  const std::vector<Expected> expected{
      {"binance", .0002, .0005, 8, LiquidationRule::mark},        {"bybit", .0002, .00055, 8, LiquidationRule::entry},
      {"okx", .0002, .0005, 8, LiquidationRule::mark_plus_taker}, {"hyperliquid", .00015, .00045, 1, LiquidationRule::mark},
      {"kucoin", .0002, .0006, 8, LiquidationRule::mark},         {"bitget", .0002, .0006, 8, LiquidationRule::mark},
      {"gate", .0002, .0006, 8, LiquidationRule::mark_plus_taker}};
  REQUIRE(table.size() == expected.size());
  for (const Expected& e : expected) {
    CAPTURE(e.name);
    const Venue& venue = table.at(table.find(e.name).value());
    REQUIRE(venue.maker == e.maker);
    REQUIRE(venue.taker == e.taker);
    REQUIRE(venue.default_interval_hours == e.hours);
    REQUIRE(venue.rule == e.rule);
    REQUIRE(venue.liquidation_fee == 0.005);
  }
  REQUIRE_FALSE(table.find("Binance").has_value());
  REQUIRE_THROWS_AS(table.at(99), rlx::ConfigError);
}

TEST_CASE("Venues: tiers by coin and notional", "[funding]") {
  const Venue venue = VenueTable::builtin().at(0);
  REQUIRE(venue.tier("BTCUSDT", 0).rate == 0.005);
  REQUIRE(venue.tier("BTCUSDT", 999'999).max_leverage == 100);
  REQUIRE(venue.tier("BTCUSDT", 1'000'000).rate == 0.01);
  REQUIRE(venue.tier("ETH-USDC-PERP", 20e6).rate == 0.025);
  REQUIRE(venue.tier("SOLUSDT", 250'000).max_leverage == 25);
  REQUIRE(venue.tier("DOT/USDT:USDT", 3e6).rate == 0.05);
  REQUIRE(venue.tier("WIFUSDT", 49'999).rate == 0.02);
  REQUIRE(venue.tier("BTCDOMUSDT", 1).rate == 0.02);  // not BTC
  REQUIRE(venue.tier("WIFUSDT", 1e9).max_leverage == 5);
}

TEST_CASE("Venues: the maintenance margin is continuous at the tier edges", "[funding]") {
  const VenueTable table = VenueTable::builtin();
  for (const Venue& venue : table.venues())
    for (const TierClass& group : venue.classes)
      for (std::size_t i = 1; i < group.tiers.size(); ++i) {
        const MaintenanceTier& low = group.tiers[i - 1];
        const MaintenanceTier& high = group.tiers[i];
        const double at = high.notional_floor;
        REQUIRE(at * low.rate - low.cum == Approx(at * high.rate - high.cum).margin(1e-9));
      }
  // 1,000,000 (0.01 - 0.005) = 5,000; plus 10,000,000 (0.025 - 0.01) = 155,000.
  const std::vector<MaintenanceTier>& btc = table.at(0).classes[0].tiers;
  REQUIRE(btc[1].cum == Approx(5'000.0));
  REQUIRE(btc[2].cum == Approx(155'000.0));
}

TEST_CASE("Venues: coin of a symbol", "[funding]") {
  REQUIRE(base_coin("BTCUSDT") == "BTC");
  REQUIRE(base_coin("BTC-USDC-PERP") == "BTC");
  REQUIRE(base_coin("BTC/USDT:USDT") == "BTC");
  REQUIRE(base_coin("BTC_USDT") == "BTC");
  REQUIRE(base_coin("BTCPERP") == "BTC");
  REQUIRE(base_coin("1000PEPEUSDT") == "1000PEPE");
  REQUIRE(base_coin("BTC") == "BTC");
  REQUIRE(base_coin("USDT") == "USDT");
}

TEST_CASE("Venues: liquidation prices of the three rules, both sides", "[funding]") {
  const MaintenanceTier tier{0, 0.01, 0, 50};
  const auto price = [&](LiquidationRule rule, int side) { return liquidation_price(rule, side, 2, 100, 50, tier, 0.0005); };
  REQUIRE(price(LiquidationRule::mark, 1) == Approx(75.7576).epsilon(1e-6));
  REQUIRE(price(LiquidationRule::mark, -1) == Approx(123.7624).epsilon(1e-6));
  REQUIRE(price(LiquidationRule::mark_plus_taker, 1) == Approx(75.7959).epsilon(1e-6));
  REQUIRE(price(LiquidationRule::mark_plus_taker, -1) == Approx(123.7011).epsilon(1e-6));
  REQUIRE(price(LiquidationRule::entry, 1) == Approx(76.0));
  REQUIRE(price(LiquidationRule::entry, -1) == Approx(124.0));
  // At that price, margin plus profit is the maintenance margin, also with a maintenance amount.
  const MaintenanceTier high{250'000, 0.02, 2'500, 25};
  for (const LiquidationRule rule : {LiquidationRule::mark, LiquidationRule::mark_plus_taker})
    for (const int side : {1, -1}) {
      const double q = 30'000, entry = 10, margin = 40'000;
      const double p = liquidation_price(rule, side, q, entry, margin, high, 0.0005);
      REQUIRE(margin + side * q * (p - entry) == Approx(maintenance_margin(rule, q, p, entry, high, 0.0005)));
    }
}

TEST_CASE("Venues: the buffered leverage keeps the initial distance", "[funding]") {
  REQUIRE(maximum_buffered_leverage(0.01, 0.15) == Approx(6.19195).epsilon(1e-6));
  REQUIRE(maximum_buffered_leverage(0.01, 0.30) == Approx(3.19489).epsilon(1e-6));
  for (int i = 0; i < 10; ++i)
    for (int j = 0; j < 10; ++j) {
      const double m = 0.002 + 0.01 * i, buffer = 0.05 + 0.05 * j, taker = 0.0005, q = 3, entry = 20;
      for (const LiquidationRule rule : {LiquidationRule::mark, LiquidationRule::mark_plus_taker, LiquidationRule::entry})
        for (const int side : {1, -1}) {
          const double maintenance = m + (rule == LiquidationRule::mark_plus_taker ? taker : 0.0);
          const double leverage = maximum_buffered_leverage(maintenance, buffer);
          const double p = liquidation_price(rule, side, q, entry, q * entry / leverage, {0, m, 0, 100}, taker);
          REQUIRE(side * (entry - p) / entry >= buffer - 1e-12);
        }
    }
}

TEST_CASE("Venues: merging replaces by name and keeps ids", "[funding]") {
  VenueTable table = VenueTable::builtin();
  const std::string before = table.sha256();
  Venue bybit = table.at(table.find("bybit").value());
  bybit.taker = 0.0004;
  Venue own = bybit;
  own.name = "own";
  table.merge(VenueTable("2026-01-01", {own, bybit}));
  REQUIRE(table.size() == 8);
  REQUIRE(table.find("bybit").value() == 1);
  REQUIRE(table.at(1).taker == 0.0004);
  REQUIRE(table.find("own").value() == 7);
  REQUIRE(table.as_of() == "2026-01-01");
  REQUIRE(table.sha256() != before);
}

TEST_CASE("Venues: a symbol without tiers is refused by name", "[funding]") {
  Venue venue = VenueTable::builtin().at(0);
  venue.classes.pop_back();
  REQUIRE_THROWS_WITH(venue.tiers("WIFUSDT"), ContainsSubstring("WIFUSDT") && ContainsSubstring("binance"));
}
