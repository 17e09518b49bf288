// SPDX-License-Identifier: MIT
#include <rlx/funding/tape_csv.hpp>

#include <cstdio>
#include <string>
#include <vector>

#include <rlx/io/atomic_file.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::funding;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

// 2025-10-01 00:00, 01:00 and 08:00 UTC
const std::string prices =
    "ts_ms_utc,venue,symbol,price,volume_quote_24h,bid_ask_bps,depth_usd,low,high\n"
    "1759276800000,binance,BTCUSDT,100,1e9,0.5,2e6,,\n"
    "1759276800000,bybit,BTCUSDT,100.2,,,,,\n"
    "1759280400000,binance,BTCUSDT,101,1e9,0.5,2e6,99,102\n"
    "1759280400000,bybit,BTCUSDT,101.3,,,,100,101.5\n"
    "1759305600000,binance,BTCUSDT,103,,,,,\n";
const std::string funding =
    "settle_ms_utc,venue,symbol,funding_rate,interval_hours\n"
    "1759276800000,binance,BTCUSDT,0.0001,8\n"
    "1759276800000,bybit,BTCUSDT,-5e-05,4\n"
    "1759305600000,binance,BTCUSDT,0.0002,8\n";

TapeData read(const std::string& p, const std::string& f, const TapeConfig& config = {}, const std::string& indicative = {},
              const std::string& instruments = {}) {
  TapeTexts texts{{p, "prices.csv"}, {f, "funding.csv"}};
  if (!indicative.empty()) texts.indicative = {indicative, "indicative.csv"};
  if (!instruments.empty()) texts.instruments = {instruments, "instruments.csv"};
  return read_tape_csv(texts, config, VenueTable::builtin());
}

MarketTape tape(const std::string& p, const std::string& f, const TapeConfig& config = {}) {
  return MarketTape(read(p, f, config), config, VenueTable::builtin());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

void refused(const std::string& p, const std::string& f, const std::string& where, const std::string& says) {
  CAPTURE(where, says);
  REQUIRE_THROWS_AS(tape(p, f), rlx::DataError);
  REQUIRE_THROWS_WITH(tape(p, f), ContainsSubstring(where) && ContainsSubstring(says));
}

struct TemporaryFiles {
  std::vector<std::string> paths;
  std::string add(const std::string& name, const std::string& text) {
    paths.push_back("tape_csv_test_" + name);
    rlx::io::write_file_atomically(paths.back(), text);
    return paths.back();
  }
  ~TemporaryFiles() {
    for (const std::string& path : paths) std::remove(path.c_str());
  }
};

}  // namespace

TEST_CASE("Tape CSV: the canonical files", "[funding]") {
  const MarketTape t = tape(prices, funding);
  REQUIRE(t.instruments().size() == 2);
  REQUIRE(t.n_steps() == 9);
  const PriceRow row = *t.leg(0, 1).row;
  REQUIRE(row.price == 101);
  REQUIRE(row.low == 99);
  REQUIRE(row.high == 102);
  REQUIRE(row.volume_quote_24h == 1e9F);
  REQUIRE(row.bid_ask_bps == 0.5F);
  REQUIRE(row.depth_usd == 2e6F);
  REQUIRE_FALSE(rlx::is_finite(t.leg(1, 0).row->volume_quote_24h));  // an empty cell is missing, never 0
  REQUIRE_FALSE(rlx::is_finite(t.leg(1, 0).row->low));
  REQUIRE(t.leg(1, 0).rho_bph == Approx(-0.125));
  REQUIRE(t.report().price_rows == 5);
  REQUIRE(t.report().settlements == 3);
  REQUIRE(t.report().files.size() == 2);
  REQUIRE(t.report().files[0].bytes == prices.size());
}

TEST_CASE("Tape CSV: columns in any order, aliases, extra columns listed, venues lower-cased", "[funding]") {
  const std::string p =
      "note,price,venue_symbol,canonical_symbol,exchange,ts_ms_utc,volume24h_base\n"
      "x,100,BTC,BTC-USDT-PERP,Binance,1759276800000,50\n";
  const std::string f =
      "interval_hours,funding_rate,symbol,exchange,settle_ms_utc\n1,0.0001,BTC-USDT-PERP,BINANCE,1759276800000\n";
  const TapeData data = read(p, f);
  REQUIRE(data.instruments.size() == 1);
  REQUIRE(data.instruments[0].venue == "binance");
  REQUIRE(data.instruments[0].symbol == "BTC-USDT-PERP");
  REQUIRE(data.instruments[0].rows[0].volume_quote_24h == 5000.0F);  // 50 coins at 100
  REQUIRE(data.report.files[0].ignored_columns == std::vector<std::string>{"note", "venue_symbol"});
}

TEST_CASE("Tape CSV: the unit of the volume can be given", "[funding]") {
  TapeConfig config;
  config.volume_is_base = true;
  const std::string p = "ts_ms_utc,venue,symbol,price,volume_quote_24h\n1759276800000,binance,BTCUSDT,100,50\n";
  REQUIRE(read(p, funding).instruments[0].rows[0].volume_quote_24h == 50.0F);
  REQUIRE(read(p, funding, config).instruments[0].rows[0].volume_quote_24h == 5000.0F);
}

TEST_CASE("Tape CSV: indicative rates and instruments", "[funding]") {
  const TapeData data = read(prices, funding, {},
                             "ts_ms_utc,venue,symbol,indicative_rate,next_settle_ms_utc\n"
                             "1759277800000,binance,BTCUSDT,0.0003,1759305600000\n1759277900000,bybit,BTCUSDT,0.0004,\n",
                             "venue,symbol,lot,contract\nbinance,BTCUSDT,0.001,linear\nbybit,BTCUSDT,,\n");
  REQUIRE(data.instruments[0].indicative[0].rate == 0.0003);
  REQUIRE(data.instruments[0].indicative[0].next_settle_ms == 1759305600000);
  REQUIRE(data.instruments[1].indicative[0].next_settle_ms == 0);
  REQUIRE(data.instruments[0].lot == 0.001);
  REQUIRE(data.instruments[1].lot == 0.0);
  const TapeData far =
      read(prices, funding, {},
           "ts_ms_utc,venue,symbol,indicative_rate,next_settle_ms_utc\n"
           "1759277800000,binance,BTCUSDT,0.0003,1759305600000\n1759277900000,binance,BTCUSDT,0.0003,1859305600000\n");
  REQUIRE_THROWS_WITH(MarketTape(far, {}, VenueTable::builtin()),
                      ContainsSubstring("indicative.csv:3") && ContainsSubstring("more than two days after the row"));
  const auto with = [](const std::string& rows) { return read(prices, funding, {}, {}, "venue,symbol,lot,contract\n" + rows); };
  REQUIRE_THROWS_WITH(with("binance,BTCUSD,1,inverse\n"),
                      ContainsSubstring("instruments.csv:2") && ContainsSubstring("inverse"));
  REQUIRE_THROWS_WITH(with("binance,BTCUSDT,-1,\n"), ContainsSubstring("lot -1"));
  REQUIRE_THROWS_WITH(with("binance,BTCUSDT,1,spot\n"), ContainsSubstring("linear or inverse"));
}

TEST_CASE("Tape CSV: an instrument has one lot", "[funding]") {
  const std::string two = "venue,symbol,lot\nbinance,BTCUSDT,0.001\nbybit,BTCUSDT,0.01\nbinance,BTCUSDT,0.002\n";
  REQUIRE_THROWS_AS(read(prices, funding, {}, {}, two), rlx::DataError);
  REQUIRE_THROWS_WITH(read(prices, funding, {}, {}, two), ContainsSubstring("instruments.csv:4:") &&
                                                              ContainsSubstring("0.002") &&
                                                              ContainsSubstring("0.001 on line 2"));
  TapeConfig last;
  last.conflict_last_wins = true;
  const TapeData settled = read(prices, funding, last, {}, two);
  REQUIRE(settled.instruments[0].lot == 0.002);
  REQUIRE(settled.report.conflicts == 1);
  const TapeData again = read(prices, funding, {}, {}, replaced(two, "0.002", "0.001"));
  REQUIRE(again.report.duplicates == 1);
  REQUIRE(again.instruments[0].lot == 0.001);
}

TEST_CASE("Tape CSV: a range leaves out all that is stamped outside of it", "[funding]") {
  TapeConfig config;
  config.first_ms = 1'759'280'400'000;  // 01:00
  config.end_ms = 1'759'305'600'000;    // 08:00, not included
  const MarketTape cut = tape(prices, funding, config);
  REQUIRE(cut.report().price_rows == 2);
  REQUIRE(cut.report().settlements == 0);
  REQUIRE(cut.report().first_ms == config.first_ms);
  REQUIRE(cut.n_steps() == 1);
  // A conflict outside of the range is none, and the lines of one inside are those of the file.
  const std::string conflicts = prices + "1759276800000,binance,BTCUSDT,90,,,,,\n";
  REQUIRE_THROWS_AS(tape(conflicts, funding), rlx::DataError);
  REQUIRE_NOTHROW(tape(conflicts, funding, config));
  REQUIRE_THROWS_WITH(tape(prices + "1759280400000,bybit,BTCUSDT,90,,,,,\n", funding, config),
                      ContainsSubstring("prices.csv:7") && ContainsSubstring("line 5"));
  config.first_ms = 1'759'363'200'000;  // the next day
  REQUIRE_THROWS_AS(tape(prices, funding, config), rlx::ConfigError);
  REQUIRE_THROWS_WITH(tape(prices, funding, config), ContainsSubstring("no data from 2025-10-02T00:00:00Z"));
}

TEST_CASE("Tape CSV: intervals can be derived from the stamps", "[funding]") {
  const std::string f =
      "settle_ms_utc,venue,symbol,funding_rate\n"
      "1759276800000,binance,BTCUSDT,1e-4\n1759305600000,binance,BTCUSDT,1e-4\n1759320000000,binance,BTCUSDT,1e-4\n";
  TapeConfig config;
  config.derive_intervals = true;
  const TapeData data = read(prices, f, config);
  REQUIRE(data.instruments[0].settlements[0].interval_hours == 8);
  REQUIRE(data.instruments[0].settlements[1].interval_hours == 8);
  REQUIRE(data.instruments[0].settlements[2].interval_hours == 4);
  const TapeData late = read(prices, f + "1759334400007,binance,BTCUSDT,1e-4\n", config);  // some milliseconds late
  REQUIRE(late.instruments[0].settlements[3].interval_hours == 4);
  const std::string odd = f + "1759330800000,binance,BTCUSDT,1e-4\n";  // 3 h later
  REQUIRE_THROWS_WITH(read(prices, odd, config), ContainsSubstring("funding.csv:5") && ContainsSubstring("3 h"));
  REQUIRE_THROWS_WITH(read(prices, f), ContainsSubstring("interval_hours"));  // not asked for: required
}

TEST_CASE("Tape CSV: missing, empty and header-only files", "[funding]") {
  TemporaryFiles files;
  const std::string p = files.add("prices.csv", prices), f = files.add("funding.csv", funding);
  const std::string empty = files.add("empty.csv", ""),
                    header = files.add("header.csv", prices.substr(0, prices.find('\n') + 1));
  const auto load = [](const std::string& a, const std::string& b) {
    return MarketTape::from_csv({a, b, {}}, {}, VenueTable::builtin());
  };
  REQUIRE(load(p, f)->n_steps() == 9);
  for (const std::string& bad : {std::string("no_such_file.csv"), empty, header}) {
    CAPTURE(bad);
    REQUIRE_THROWS_AS(load(bad, f), rlx::DataError);
    REQUIRE_THROWS_WITH(load(bad, f), ContainsSubstring(bad) && ContainsSubstring("no rows") && ContainsSubstring("expected"));
  }
  REQUIRE_THROWS_AS(load(p, ""), rlx::ConfigError);
}

TEST_CASE("Tape CSV: missing columns are all named, with close names", "[funding]") {
  const std::string p = replaced(replaced(prices, "price,", "pryce,"), "ts_ms_utc", "ts");
  refused(p, funding, "prices.csv:1", "ts_ms_utc");
  refused(p, funding, "prices.csv:1", "pryce");
  refused(prices, replaced(funding, "funding_rate", "rate"), "funding.csv:1", "funding_rate");
}

TEST_CASE("Tape CSV: wrong cells are shown with file, line and column", "[funding]") {
  refused(replaced(prices, ",101,", ",abc,"), funding, "prices.csv:4:", "abc");
  refused(replaced(prices, ",101,", ",nan,"), funding, "prices.csv:4:", "nan");
  refused(replaced(prices, ",101,", ",inf,"), funding, "prices.csv:4:", "inf");
  refused(replaced(prices, ",101,", ",,"), funding, "prices.csv:4:", "price");
  refused(replaced(prices, ",99,102", ",99"), funding, "prices.csv:4", "fields");
  refused(replaced(prices, "bybit", "\"bybit"), funding, "prices.csv:3", "quote");
  refused(prices, replaced(funding, ",0.0001,", ",1e-4x,"), "funding.csv:2:", "1e-4x");
  refused(replaced(prices, ",BTCUSDT,101,", ",,101,"), funding, "prices.csv:4:", "symbol");
}

TEST_CASE("Tape CSV: values outside their limits", "[funding]") {
  refused(replaced(prices, ",101,", ",0,"), funding, "prices.csv:4", "price 0");
  refused(replaced(prices, ",101,", ",-3,"), funding, "prices.csv:4", "-3");
  refused(replaced(prices, ",99,102", ",101.5,102"), funding, "prices.csv:4", "low 101.5");
  refused(replaced(prices, ",99,102", ",99,100.5"), funding, "prices.csv:4", "high 100.5");
  // A spread is at most 20,000 bp, where the bid is 0: beyond it a sale would have a price below 0.
  refused(replaced(prices, "101,1e9,0.5,", "101,1e9,20001,"), funding, "prices.csv:4:39", "expected 0 to 20000");
  refused(replaced(prices, "101,1e9,0.5,", "101,1e9,-1,"), funding, "prices.csv:4:39", "expected 0 to 20000");
  REQUIRE_NOTHROW(tape(replaced(prices, "101,1e9,0.5,", "101,1e9,20000,"), funding));
  refused(prices, replaced(funding, "0.0001,8", "0.6,8"), "funding.csv:2", "[-0.5, 0.5]");
  refused(prices, replaced(funding, "0.0001,8", "0.0001,3"), "funding.csv:2", "1, 2, 4, 8, 12 or 24");
}

TEST_CASE("Tape CSV: time stamps in seconds and microseconds are recognised", "[funding]") {
  refused(replaced(prices, "1759280400000,binance", "1759280400,binance"), funding, "prices.csv:4",
          "looks like seconds; multiply by 1000");
  refused(replaced(prices, "1759280400000,binance", "1759280400000000,binance"), funding, "prices.csv:4", "microseconds");
  refused(prices, replaced(funding, "1759305600000", "1759305600"), "funding.csv:4", "looks like seconds; multiply by 1000");
}

TEST_CASE("Tape CSV: unknown venues are refused unless the table has them", "[funding]") {
  const std::string p = replaced(prices, "bybit", "newvenue");
  refused(p, funding, "prices.csv:3", "unknown venue 'newvenue'");
  VenueTable venues = VenueTable::builtin();
  Venue own = venues.at(0);
  own.name = "newvenue";
  venues.merge(VenueTable("2026-01-01", {own}));
  REQUIRE(read_tape_csv({{p, "p"}, {funding, "f"}}, {}, venues).instruments.size() == 3);
}

TEST_CASE("Tape CSV: duplicates dropped, conflicts told with both lines, order restored", "[funding]") {
  const std::string again = prices + "1759280400000,binance,BTCUSDT,101,1e9,0.5,2e6,99,102\n";
  const DataReport report = tape(again, funding).report();
  REQUIRE(report.duplicates == 1);
  REQUIRE(report.out_of_order == 1);
  const std::string conflict = prices + "1759280400000,binance,BTCUSDT,101.5,,,,,\n";
  refused(conflict, funding, "prices.csv:7", "line 4");
  TapeConfig last;
  last.conflict_last_wins = true;
  const MarketTape settled = tape(conflict, funding, last);
  REQUIRE(settled.report().conflicts == 1);
  REQUIRE(settled.leg(0, 1).row->price == 101.5);
  refused(prices, funding + "1759276800000,binance,BTCUSDT,0.0003,8\n", "funding.csv:5", "line 2");
}

TEST_CASE("Tape CSV: what is written reads back bit for bit", "[funding]") {
  const MarketTape first = tape(prices, funding);
  const TapeData data = first.data();
  const MarketTape again = tape(prices_csv(data), funding_csv(data));
  REQUIRE(again.sha256() == first.sha256());
}
