// SPDX-License-Identifier: MIT
#include <rlx/funding/data_report.hpp>

#include <string>
#include <vector>

#include <rlx/funding/market_tape.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::funding;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

constexpr std::int64_t start_ms = 1'735'689'600'000;

InstrumentData steady(const char* venue, const char* symbol, int hours, double rate, int interval) {
  InstrumentData one;
  one.venue = venue;
  one.symbol = symbol;
  for (int h = 0; h <= hours; ++h) {
    PriceRow row;
    row.ts_ms = start_ms + h * ms_per_hour;
    row.price = 100;
    one.rows.push_back(row);
    if (h % interval == 0) one.settlements.push_back({row.ts_ms, 0, rate, static_cast<double>(interval)});
  }
  return one;
}

DataReport report_of(std::vector<InstrumentData> instruments) {
  TapeData data;
  data.instruments = std::move(instruments);
  return MarketTape(std::move(data), {}, VenueTable::builtin()).report();
}

bool warns(const DataReport& report, const std::string& text) {
  for (const DataWarning& one : warnings(report))
    if (one.finding.find(text) != std::string::npos) {
      REQUIRE_FALSE(one.advice.empty());
      return true;
    }
  return false;
}

}  // namespace

TEST_CASE("Data report: counts of clean data, and no warning", "[funding]") {
  const DataReport r =
      report_of({steady("binance", "ETHUSDT", 24 * 20, 0.0001, 8), steady("bybit", "ETHUSDT", 24 * 20, -0.0004, 8)});
  REQUIRE(r.price_rows == 2 * 481);
  REQUIRE(r.settlements == 2 * 61);
  REQUIRE(r.symbols == 1);
  REQUIRE(r.instruments == 2);
  REQUIRE(r.pairs == 1);
  REQUIRE(r.venues == std::vector<std::string>{"binance", "bybit"});
  REQUIRE(r.steps == 481);
  REQUIRE(r.history_days == Approx(20.0));
  REQUIRE(r.coverage == 1.0);
  REQUIRE(r.missing_settlements == 0);
  REQUIRE(r.rate_quantiles_bp[3] == Approx(4.0));
  REQUIRE(warnings(r).empty());
  REQUIRE_FALSE(fails_strict_check(r));
}

TEST_CASE("Data report: gaps, missing settlements and interval changes", "[funding]") {
  InstrumentData a = steady("binance", "ETHUSDT", 480, 0.0001, 8), b = steady("bybit", "ETHUSDT", 480, 0.0001, 4);
  a.rows.erase(a.rows.begin() + 100, a.rows.begin() + 110);
  a.settlements.erase(a.settlements.begin() + 5, a.settlements.begin() + 7);
  const DataReport r = report_of({a, b});
  REQUIRE(r.gaps.size() == 1);
  REQUIRE(r.gaps[0].instrument == "binance ETHUSDT");
  REQUIRE(r.gaps[0].count == 1);
  REQUIRE(r.gaps[0].longest_hours == Approx(11.0));
  REQUIRE(r.missing_settlements == 2);
  REQUIRE(r.interval_differences == 1);
  REQUIRE(r.interval_changes == 0);
  // Hours 99 to 110: the price is fresh for two hours, stale for eight.
  REQUIRE(r.coverage == Approx(1.0 - 8.0 / 962.0));
  REQUIRE(warns(r, "2 settlements are missing"));
  REQUIRE(warns(r, "price gaps"));
  InstrumentData c = steady("binance", "ETHUSDT", 480, 0.0001, 8);
  for (std::size_t i = 30; i < c.settlements.size(); ++i) c.settlements[i].interval_hours = 4;
  const DataReport changed = report_of({c});
  REQUIRE(changed.interval_changes == 1);
  REQUIRE(changed.missing_settlements == 31);  // stamps 8 h apart that say 4 h
}

TEST_CASE("Data report: thin coverage, one venue, short history", "[funding]") {
  InstrumentData a = steady("binance", "ETHUSDT", 100, 0.0001, 8);
  a.rows.erase(a.rows.begin() + 10, a.rows.end() - 1);
  const DataReport r = report_of({a});
  REQUIRE(r.coverage < 0.8);
  REQUIRE(fails_strict_check(r));
  REQUIRE(warns(r, "below 80 %"));
  REQUIRE(warns(r, "two venues"));
  REQUIRE(warns(r, "days long"));
}

TEST_CASE("Data report: a small BTC volume is suspicious", "[funding]") {
  InstrumentData a = steady("binance", "BTCUSDT", 100, 0.0001, 8);
  REQUIRE_FALSE(report_of({a}).volume_suspicious);  // not given
  a.rows[5].volume_quote_24h = 9.9e6F;
  REQUIRE(report_of({a}).volume_suspicious);
  REQUIRE(warns(report_of({a}), "BTC"));
  a.rows[6].volume_quote_24h = 1e9F;
  REQUIRE_FALSE(report_of({a}).volume_suspicious);
}

TEST_CASE("Data report: every warning has advice, and the text says all", "[funding]") {
  DataReport r;
  r.files = {{"prices.csv", 123, 45, {"note"}}};
  r.coverage = 0.5;
  r.stale_share = 0.5;
  r.volume_suspicious = true;
  r.conflicts = 1;
  r.duplicates = 2;
  r.out_of_order = 3;
  r.missing_settlements = 4;
  r.gaps = {{"binance X", 5, 12.5}};
  r.apr_mismatches = 6;
  r.defaulted_intervals = 7;
  r.dropped_strategies = 8;
  r.dropped_inverse = 9;
  r.dropped_other = 10;
  r.step_ms = ms_per_hour;
  r.venues = {"binance"};
  r.approximations = {"something was assumed"};
  const std::string text = to_text(r);
  for (const char* part : {"prices.csv, 123 bytes, 45 rows", "note", "Duplicates: 2", "Conflicts: 1", "Out of order: 3",
                           "binance X: 5 gaps, longest 12.5 h", "Missing settlements: 4", "Coverage: 50.00 %",
                           "Stale share: 50.00 %", "APR mismatches: 6", "inverse contracts: 9", "other strategies: 8",
                           "without use: 10", "something was assumed", "suspicious", "60 min"})
    REQUIRE_THAT(text, ContainsSubstring(part));
  for (const DataWarning& one : warnings(r)) {
    REQUIRE_FALSE(one.advice.empty());
    REQUIRE_THAT(text, ContainsSubstring("WARNING: " + one.finding + ". " + one.advice));
  }
  REQUIRE(warnings(r).size() == 11);
}
