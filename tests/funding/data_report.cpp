// SPDX-License-Identifier: MIT
#include <rlx/funding/data_report.hpp>

#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/funding/convert.hpp>
#include <rlx/funding/market_tape.hpp>
#include <rlx/funding/synthetic_tape.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/io/mapped_file.hpp>

#include "funding/real_data.hpp"
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

SyntheticConfig small_market(SyntheticPreset preset, std::uint64_t seed, int step_minutes, int days) {
  SyntheticConfig config;
  config.preset = preset;
  config.seed = seed;
  config.step_minutes = step_minutes;
  config.days = days;
  config.majors = config.persistent = config.spiky = config.background = 1;
  return config;
}

// A market of bars of four rows each, in which the prices of the venue are `rows` rows older than their stamps say.
DataReport report_with_old_prices(const std::string& venue, std::size_t rows, int row_minutes = 15) {
  TapeData data = make_synthetic_tape(small_market(SyntheticPreset::calibrated, 1, row_minutes, 40)).tape->data();
  for (InstrumentData& one : data.instruments) {
    std::vector<PriceRow> bars;
    for (std::size_t i = 96; i < one.rows.size(); i += 4) {
      bars.push_back(one.rows[one.venue == venue ? i - rows : i]);
      bars.back().ts_ms = one.rows[i].ts_ms;
    }
    one.rows = std::move(bars);
  }
  TapeConfig config;
  config.step_ms = 4 * std::int64_t{row_minutes} * 60'000;
  return MarketTape(std::move(data), config, VenueTable::builtin()).report();
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

TEST_CASE("Data report: instruments that only one file knows", "[funding]") {
  InstrumentData a = steady("binance", "ETHUSDT", 480, 0.0001, 8), b = steady("bybit", "ETHUSDT", 480, 0.0001, 8);
  InstrumentData other = steady("bybit", "ETH-USDT", 480, 0.0001, 8);
  REQUIRE(report_of({a, b}).usable_pairs == 1);
  other.rows.clear();
  b.settlements.clear();
  const DataReport r = report_of({a, b, other});
  REQUIRE(r.unpriced == std::vector<std::string>{"bybit ETH-USDT"});
  REQUIRE(r.unsettled == std::vector<std::string>{"bybit ETHUSDT"});
  REQUIRE(r.usable_pairs == 0);
  REQUIRE(warns(r, "1 of 3 instruments have no prices: bybit ETH-USDT"));
  REQUIRE(warns(r, "1 of 3 instruments have prices but no settlements: bybit ETHUSDT"));
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

TEST_CASE("Data report: pairs that never pass the filter", "[funding]") {
  const auto market = [](float spread, float depth, float volume, int hours = 24 * 20) {
    InstrumentData a = steady("binance", "ETHUSDT", hours, 0.0001, 8), b = steady("bybit", "ETHUSDT", hours, 0.0001, 8);
    for (PriceRow& one : a.rows) {
      one.bid_ask_bps = spread;
      one.depth_usd = depth;
      one.volume_quote_24h = volume;
    }
    return std::vector<InstrumentData>{a, b};
  };
  REQUIRE(report_of(market(50.0F, 25'000.0F, 500'000.0F)).filtered_pairs == 0);  // at the limits
  const DataReport wide = report_of(market(51.0F, 25'000.0F, 500'000.0F));
  REQUIRE(wide.filtered_pairs == 1);
  REQUIRE(wide.never_narrow == 1);
  REQUIRE(wide.never_deep + wide.never_busy + wide.never_settled == 0);
  REQUIRE(warns(wide, "no pair ever passes the filter: of 2 instruments 1 always have too wide a spread"));
  REQUIRE(report_of(market(1.0F, 24'999.0F, 1e9F)).never_deep == 1);
  REQUIRE(warns(report_of(market(1.0F, 1e6F, 499'000.0F)), "1 too little volume"));
  const DataReport brief = report_of(market(1.0F, 1e6F, 1e9F, 20));
  REQUIRE(brief.never_settled == 2);
  REQUIRE(warns(brief, "2 too few settlements"));
  // One good hour is enough, and one good pair of many.
  std::vector<InstrumentData> once = market(51.0F, 1e6F, 1e9F);
  once[0].rows[7].bid_ask_bps = 3.0F;
  REQUIRE_FALSE(warns(report_of(once), "no pair ever"));
  std::vector<InstrumentData> more = market(51.0F, 1e6F, 1e9F);
  more.push_back(steady("okx", "ETHUSDT", 24 * 20, 0.0001, 8));
  const DataReport one_of_three = report_of(more);
  REQUIRE(one_of_three.pairs == 3);
  REQUIRE(one_of_three.filtered_pairs == 2);
  REQUIRE_FALSE(warns(one_of_three, "no pair ever"));
}

TEST_CASE("Data report: prices of a venue that are older than their stamps say", "[funding]") {
  REQUIRE(report_with_old_prices("bybit", 0).price_mismatches.empty());
  for (const char* venue : {"binance", "bybit"})
    for (const std::size_t rows : {2U, 3U, 4U, 6U, 8U, 12U, 96U}) {
      CAPTURE(venue, rows);
      const DataReport r = report_with_old_prices(venue, rows);
      REQUIRE(r.price_mismatches.size() == 4);  // one for each symbol
      for (const PriceMismatch& one : r.price_mismatches) {
        REQUIRE(one.first_venue == "binance");
        REQUIRE(one.second_venue == "bybit");
        REQUIRE(one.equal_bp > 5.0);
        REQUIRE(one.equal_bp > 0.5 * one.lagged_bp);
      }
      REQUIRE(warns(
          r, "prices of binance and bybit do not belong to the same time (" + r.price_mismatches[0].symbol + " and 3 more)"));
      REQUIRE_THAT(warnings(r)[0].advice,
                   ContainsSubstring("not real: shift or drop one venue") && ContainsSubstring("--common-prices"));
    }
  // Bars of 8 h, a whole and half a bar older.
  REQUIRE(report_with_old_prices("bybit", 4, 120).price_mismatches.size() == 4);
  REQUIRE(report_with_old_prices("bybit", 2, 120).price_mismatches.size() == 4);
}

TEST_CASE("Data report: spreads by hand, of other times and real", "[funding]") {
  // Prices rise by 1 % and fall again, in turn; the second venue does so a step later. One step apart they are equal.
  std::vector<InstrumentData> both{steady("binance", "ETHUSDT", 400, 0.0001, 8), steady("bybit", "ETHUSDT", 400, 0.0001, 8)};
  const auto level = [](std::size_t i) { return (i / 2) % 2 == 0 ? 100.0 : 101.0; };
  for (std::size_t i = 0; i < both[0].rows.size(); ++i) {
    both[0].rows[i].price = level(i + 1);
    both[1].rows[i].price = level(i);
  }
  // At equal steps the spread is 0 at every other step, else +-2e4 / 201 = 99.5 bp in turn; one step apart it is always 0.
  // Of the 400 pairs of steps from the second on, 200 are apart: the upper median of the distance from 0 is 99.5 bp.
  const DataReport r = report_of(both);
  REQUIRE(r.price_mismatches.size() == 1);
  REQUIRE(r.price_mismatches[0].symbol == "ETHUSDT");
  REQUIRE(r.price_mismatches[0].equal_bp == Approx(2e4 / 201.0));
  REQUIRE(r.price_mismatches[0].lagged_bp == 0.0);
  REQUIRE_THAT(to_text(r), ContainsSubstring("Pairs with prices of different times: 1") &&
                               ContainsSubstring("ETHUSDT, binance and bybit: median spread 99.5 bp at equal steps, 0.0 bp"));

  // Real spreads: a lasting premium of 50 bp, and one that is as large, but slow, beside moves of 10 bp.
  for (std::size_t i = 0; i < both[0].rows.size(); ++i) both[1].rows[i].price = 1.005 * both[0].rows[i].price;
  REQUIRE(report_of(both).price_mismatches.empty());
  for (std::size_t i = 0; i < both[0].rows.size(); ++i) {
    both[0].rows[i].price = 100.0 + 0.1 * (level(i) - 100.0);
    both[1].rows[i].price = both[0].rows[i].price * (1.0 + 0.005 * static_cast<double>(i / 40 % 3));
  }
  REQUIRE(report_of(both).price_mismatches.empty());
  // Too few steps to tell.
  for (std::size_t i = 0; i < both[0].rows.size(); ++i) {
    both[0].rows[i].price = level(i + 1);
    both[1].rows[i].price = level(i);
  }
  for (InstrumentData& one : both) one.rows.resize(25);
  REQUIRE(report_of(both).price_mismatches.empty());
}

TEST_CASE("Data report: bars longer than the step are compared with the bar before", "[funding]") {
  TapeData data = make_synthetic_tape(small_market(SyntheticPreset::calibrated, 3, 240, 120)).tape->data();
  const auto report_at = [&data](std::size_t rows) {
    TapeData bars = data;
    for (InstrumentData& one : bars.instruments)
      std::erase_if(one.rows, [&](PriceRow& row) {
        if (one.venue == "bybit") row.ts_ms += static_cast<std::int64_t>(rows) * 4 * ms_per_hour;
        return row.ts_ms % (8 * ms_per_hour) != 0;
      });
    return MarketTape(std::move(bars), {}, VenueTable::builtin()).report();
  };
  REQUIRE(report_at(0).price_mismatches.empty());
  REQUIRE(report_at(1).price_mismatches.size() == 4);
  REQUIRE(report_at(2).price_mismatches.size() == 4);
}

TEST_CASE("Data report: rates of a venue that come some settlements later", "[funding]") {
  // Both venues settle what one market decides, with noise of their own; Bybit does so `lag` settlements after Binance.
  const auto report_with = [](int lag, double noise, std::size_t settlements) {
    rlx::RandomStream random(rlx::StreamId{.seed = 5, .purpose = rlx::Purpose::user});
    std::vector<double> market;
    for (std::size_t i = 0; i < settlements + 10; ++i)
      market.push_back((i == 0 ? 0.0 : 0.7 * market.back()) + 1e-4 * random.normal());
    std::vector<InstrumentData> both;
    for (const char* venue : {"binance", "bybit"}) {
      both.push_back(steady(venue, "ETHUSDT", static_cast<int>(settlements) * 8, 0.0, 8));
      const int later = venue == std::string("bybit") ? lag : 0;
      for (std::size_t i = 0; i < both.back().settlements.size(); ++i)
        both.back().settlements[i].rate =
            market[static_cast<std::size_t>(static_cast<int>(i) + 5 - later)] + 1e-4 * noise * random.normal();
    }
    return report_of(both);
  };
  for (const int lag : {-3, -2, -1, 1, 2, 3}) {
    CAPTURE(lag);
    const DataReport r = report_with(lag, 0.5, 300);
    REQUIRE(r.rate_mismatches.size() == 1);
    REQUIRE(r.rate_mismatches[0].lag == lag);
    REQUIRE(r.rate_mismatches[0].symbols == 1);
    REQUIRE(r.rate_mismatches[0].lagged_correlation > 0.5);
    REQUIRE(warns(r, lag > 0 ? "what binance settles shows at bybit " + std::to_string(lag) + " settlement"
                             : "what bybit settles shows at binance " + std::to_string(-lag) + " settlement"));
    REQUIRE_THAT(to_text(r), ContainsSubstring("Venues with rates of different times: 1"));
  }
  REQUIRE(report_with(0, 0.5, 300).rate_mismatches.empty());
  REQUIRE(report_with(2, 20.0, 300).rate_mismatches.empty());  // nothing in common: nothing to tell
  REQUIRE(report_with(2, 0.5, 31).rate_mismatches.empty());    // too few to tell
}

TEST_CASE("Data report: rates that swing to and fro, or stand still, are of no other time", "[funding]") {
  // Opposite swings go together one settlement apart, to both sides.
  std::vector<InstrumentData> both{steady("binance", "ETHUSDT", 2'400, 0.0, 8), steady("bybit", "ETHUSDT", 2'400, 0.0, 8)};
  rlx::RandomStream random(rlx::StreamId{.seed = 6, .purpose = rlx::Purpose::user});
  for (std::size_t i = 0; i < both[0].settlements.size(); ++i) {
    const double swing = i % 2 == 0 ? 1e-4 : -1e-4;
    both[0].settlements[i].rate = swing + 2e-5 * random.normal();
    both[1].settlements[i].rate = -swing + 2e-5 * random.normal();
  }
  REQUIRE(report_of(both).rate_mismatches.empty());
  for (Settlement& s : both[1].settlements) s.rate = 1e-4;
  REQUIRE(report_of(both).rate_mismatches.empty());
}

TEST_CASE("Data report: no false alarm on synthetic markets", "[funding]") {
  for (const SyntheticPreset preset : {SyntheticPreset::calibrated, SyntheticPreset::planted})
    for (const int step_minutes : {5, 60})
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(static_cast<int>(preset), step_minutes, seed);
        const SyntheticTape market = make_synthetic_tape(small_market(preset, seed, step_minutes, step_minutes == 5 ? 15 : 60));
        REQUIRE(market.tape->report().price_mismatches.empty());
        REQUIRE(market.tape->report().rate_mismatches.empty());
      }
}

TEST_CASE("Data report: no false alarm on whole synthetic markets", "[funding][.slow]") {
  for (const SyntheticPreset preset : {SyntheticPreset::calibrated, SyntheticPreset::planted})
    for (const int step_minutes : {5, 60})
      for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(static_cast<int>(preset), step_minutes, seed);
        SyntheticConfig config;
        config.preset = preset;
        config.seed = seed;
        config.step_minutes = step_minutes;
        const SyntheticTape market = make_synthetic_tape(config);
        REQUIRE(market.tape->report().price_mismatches.empty());
        REQUIRE(market.tape->report().rate_mismatches.empty());
      }
}

TEST_CASE("Data report: in the real 8 h bars, Binance's prices are of other times than those of Bybit and OKX", "[funding]") {
  if (!rlx_test::have_funding_data("spot_perp_funding_8h_btc_eth.csv")) return;
  const std::string path = rlx_test::funding_data_path("spot_perp_funding_8h_btc_eth.csv");
  const rlx::io::MappedFile file(path);
  TapeConfig config;
  config.step_ms = 8 * ms_per_hour;
  const MarketTape tape(convert_spot_perp_8h({file.text(), path}), config, VenueTable::builtin());
  const DataReport& r = tape.report();
  REQUIRE(r.price_mismatches.size() == 4);
  for (const PriceMismatch& one : r.price_mismatches) REQUIRE(one.first_venue == "binance");  // Bybit and OKX agree
  // Worked out from the file on its own: 34.9 bp at equal stamps, 33.7 bp one bar apart; from the median they differ little.
  REQUIRE(r.price_mismatches[0].symbol == "BTCUSDT");
  REQUIRE(r.price_mismatches[0].second_venue == "bybit");
  REQUIRE(r.price_mismatches[0].equal_bp == Approx(34.9).margin(1.0));
  REQUIRE(r.price_mismatches[0].lagged_bp == Approx(33.7).margin(1.0));
  REQUIRE(warns(r, "prices of binance and bybit do not belong to the same time (BTCUSDT and 1 more)"));
  REQUIRE(warns(r, "prices of binance and okx do not belong to the same time (BTCUSDT and 1 more)"));
}

TEST_CASE("Data report: in the real 8 h bars, OKX settles two bars later what Binance and Bybit settle", "[funding]") {
  if (!rlx_test::have_funding_data("spot_perp_funding_8h_btc_eth.csv")) return;
  const std::string path = rlx_test::funding_data_path("spot_perp_funding_8h_btc_eth.csv");
  const rlx::io::MappedFile file(path);
  TapeConfig config;
  config.step_ms = 8 * ms_per_hour;
  const DataReport r = MarketTape(convert_spot_perp_8h({file.text(), path}), config, VenueTable::builtin()).report();
  // Worked out from the file on its own (correlation of changes, mean of BTC and ETH): Binance and OKX -0.054 at equal stamps,
  // 0.235 two apart; Bybit and OKX -0.021 and 0.185; Binance and Bybit 0.595 at equal stamps.
  REQUIRE(r.rate_mismatches.size() == 2);
  for (const RateMismatch& one : r.rate_mismatches) {
    REQUIRE(one.second_venue == "okx");
    REQUIRE(one.lag == 2);
    REQUIRE(one.symbols == 2);
  }
  REQUIRE(r.rate_mismatches[0].first_venue == "binance");
  REQUIRE(r.rate_mismatches[0].equal_correlation == Approx(-0.054).margin(0.001));
  REQUIRE(r.rate_mismatches[0].lagged_correlation == Approx(0.235).margin(0.001));
  REQUIRE(r.rate_mismatches[1].first_venue == "bybit");
  REQUIRE(r.rate_mismatches[1].lagged_correlation == Approx(0.185).margin(0.001));
  REQUIRE(warns(r, "rates of binance and okx do not belong to the same time: what binance settles shows at okx 2 settlements"));
}

TEST_CASE("Data report: the rates of the real settlements belong to their stamps", "[funding]") {
  if (!rlx_test::have_funding_data("settlements_binance_bybit_hyperliquid.csv.gz")) return;
  const std::string path = rlx_test::funding_data_path("settlements_binance_bybit_hyperliquid.csv.gz");
  const std::string text = rlx::io::gunzip_file(path);
  TapeConfig config;
  config.step_ms = 8 * ms_per_hour;
  const MarketTape tape(convert_settlements({text, path}), config, VenueTable::builtin());
  REQUIRE(tape.report().rate_mismatches.empty());
}

TEST_CASE("Data report: every warning has advice, and the text says all", "[funding]") {
  DataReport r;
  r.files = {{"prices.csv", 123, 45, {"note"}}};
  r.coverage = 0.5;
  r.stale_share = 0.5;
  r.volume_suspicious = true;
  r.pairs = 12;
  r.filtered_pairs = 12;
  r.conflicts = 1;
  r.duplicates = 2;
  r.out_of_order = 3;
  r.missing_settlements = 4;
  r.gaps = {{"binance X", 5, 12.5}};
  r.price_mismatches = {{"X", "binance", "bybit", 34.9, 33.7}, {"Y", "binance", "bybit", 34.9, 33.7}};
  r.rate_mismatches = {{"binance", "okx", 2, -1, 0.1, 0.4}};
  r.apr_mismatches = 6;
  r.late_detections = 11;
  r.implausible_stamps = 12;
  r.instruments = 9;
  r.unpriced = {"binance A", "binance B", "binance C", "binance D", "binance E"};
  r.unsettled = {"bybit A"};
  r.defaulted_intervals = 7;
  r.dropped_strategies = 8;
  r.dropped_inverse = 9;
  r.dropped_other = 10;
  r.step_ms = ms_per_hour;
  r.venues = {"binance"};
  r.approximations = {"something was assumed"};
  const std::string text = to_text(r);
  for (const char* part :
       {"prices.csv, 123 bytes, 45 rows",
        "note",
        "Duplicates: 2",
        "Conflicts: 1",
        "Out of order: 3",
        "binance X: 5 gaps, longest 12.5 h",
        "Missing settlements: 4",
        "Coverage: 50.00 %",
        "Stale share: 50.00 %",
        "APR mismatches: 6",
        "Rows detected after their time: 11",
        "Implausible next funding times: 12",
        "12 stated next funding times",
        "Instruments without prices: 5",
        "5 of 9 instruments have no prices: binance A, binance B, binance C and 2 more",
        "1 of 9 instruments have prices but no settlements: bybit A",
        "inverse contracts: 9",
        "other strategies: 8",
        "without use: 10",
        "something was assumed",
        "suspicious",
        "Pairs that never pass the filter: 12",
        "60 min",
        "different times: 2",
        "rates of different times: 1",
        "binance and okx: what okx settles shows at binance 1 settlement later (correlation of changes 0.40, "
        "at equal stamps 0.10; 2 symbols)"})
    REQUIRE_THAT(text, ContainsSubstring(part));
  for (const DataWarning& one : warnings(r)) {
    REQUIRE_FALSE(one.advice.empty());
    REQUIRE_THAT(text, ContainsSubstring("WARNING: " + one.finding + ". " + one.advice));
  }
  REQUIRE(warnings(r).size() == 17);
}
