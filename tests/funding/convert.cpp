// SPDX-License-Identifier: MIT
#include <rlx/funding/convert.hpp>

#include <string>

#include <rlx/funding/market_tape.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/io/mapped_file.hpp>

#include "funding/real_data.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::funding;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

// 2022-12-31 16:00, 2023-01-01 00:00 and 08:00 UTC
const std::string bars =
    "bar_open_ms_utc,exchange,symbol,contract,open,high,low,close,volume,funding_rate_settled_at_bar_open\n"
    "1672502400000,binance,BTCUSDT,perpetual,100,120,90,110,5,0.0001\n"
    "1672502400000,binance,BTCUSDCM,perpetual,100,120,90,110,5,0.0001\n"
    "1672502400000,binance,BTCUSDT,spot,100,120,90,110,5,\n"
    "1672531200000,binance,BTCUSDT,perpetual,111,112,105,106,5,0.0002\n"
    "1672560000000,binance,BTCUSDT,perpetual,104,108,103,107,5,\n";

// 2025-08-21 00:00, 01:00, 08:00 UTC
const std::string settlements =
    "settle_ms_utc,venue,venue_symbol,canonical_symbol,funding_rate,interval_hours,mark_price\n"
    "1755734400000,binance,BTCUSDT,BTC-USDT-PERP,0.0001,8,100\n"
    "1755734400000,binance,BTCUSDC,BTC-USDC-PERP,0.0001,8,101\n"
    "1755734400000,hyperliquid,BTC,BTC-USDC-PERP,1e-5,1,\n"
    "1755734400000,bybit,ETHUSDT,ETH-USDT-PERP,1e-5,8,\n"
    "1755738000000,hyperliquid,BTC,BTC-USDC-PERP,2e-5,1,\n"
    "1755738000000,hyperliquid,INJ,INJ-USDC-PERP,2e-5,1,\n"
    "1755741600000,hyperliquid,INJ,INJ-USDC-PERP,2e-5,,\n"
    "1755763200000,binance,INJUSDT,INJ-USDT-PERP,2e-5,8,14\n"
    "1755763200000,binance,BTCUSDC,BTC-USDC-PERP,0.0001,8,103\n"
    "1755763200000,hyperliquid,BTC,BTC-USDC-PERP,3e-5,1,\n"
    "1755766800000,hyperliquid,INJ,INJ-USDC-PERP,2e-5,1,\n";

const InstrumentData& find(const TapeData& data, const std::string& venue, const std::string& symbol) {
  for (const InstrumentData& one : data.instruments)
    if (one.venue == venue && one.symbol == symbol) return one;
  throw std::runtime_error("no " + venue + ' ' + symbol);
}

}  // namespace

TEST_CASE("Convert: of 8 h bars, the open is the price and the extremes belong to the next row", "[funding]") {
  const TapeData data = convert_spot_perp_8h({bars, "bars.csv"});
  REQUIRE(data.instruments.size() == 1);
  REQUIRE(data.report.dropped_inverse == 1);
  REQUIRE(data.report.dropped_other == 1);  // spot
  const InstrumentData& btc = data.instruments[0];
  REQUIRE(btc.rows.size() == 3);
  REQUIRE(btc.rows[0].price == 100);
  REQUIRE_FALSE(rlx::is_finite(btc.rows[0].low));
  REQUIRE(btc.rows[1].price == 111);
  REQUIRE(btc.rows[1].low == 90);
  REQUIRE(btc.rows[1].high == 120);
  REQUIRE(btc.rows[2].low == 104);  // the last bar's low was 105; the row's own price is part of its extremes
  REQUIRE(btc.rows[2].high == 112);
  REQUIRE_FALSE(rlx::is_finite(btc.rows[1].volume_quote_24h));
  REQUIRE(btc.settlements.size() == 2);  // an empty rate is no settlement
  REQUIRE(btc.settlements[1].rate == 0.0002);
  REQUIRE(btc.settlements[1].settle_ms == 1672531200000);
  REQUIRE(btc.settlements[1].interval_hours == 8);
  REQUIRE(data.report.files[0].ignored_columns == std::vector<std::string>{"close", "volume"});
}

TEST_CASE("Convert: the bars make canonical files", "[funding]") {
  TapeConfig config;
  config.step_ms = 8 * ms_per_hour;
  const TapeData data = convert_spot_perp_8h({bars, "bars.csv"});
  const std::string prices = prices_csv(data), funding = funding_csv(data);
  const MarketTape direct(data, config, VenueTable::builtin());
  const MarketTape read(read_tape_csv({{prices, "p"}, {funding, "f"}}, config, VenueTable::builtin()), config,
                        VenueTable::builtin());
  REQUIRE(read.sha256() == direct.sha256());
  REQUIRE(read.n_steps() == 3);
}

TEST_CASE("Convert: bad bars are told with line and column", "[funding]") {
  const auto with = [](const std::string& from, const std::string& to) {
    std::string text = bars;
    return text.replace(text.find(from), from.size(), to);
  };
  const auto convert = [](const std::string& text) { return convert_spot_perp_8h({text, "bars.csv"}); };
  REQUIRE_THROWS_WITH(convert(with(",100,", ",0,")), ContainsSubstring("bars.csv:2:") && ContainsSubstring("price 0"));
  REQUIRE_THROWS_WITH(convert(with("binance", "nowhere")),
                      ContainsSubstring("bars.csv:2:") && ContainsSubstring("unknown venue"));
  REQUIRE_THROWS_WITH(convert(with("0.0001", "0.9")), ContainsSubstring("bars.csv:2:") && ContainsSubstring("[-0.5, 0.5]"));
  REQUIRE_THROWS_WITH(convert(with("1672502400000", "1672502400")), ContainsSubstring("multiply by 1000"));
  REQUIRE_THROWS_WITH(convert(bars.substr(0, bars.find('\n') + 1)), ContainsSubstring("no rows"));
  REQUIRE_THROWS_WITH(convert(bars.substr(0, bars.find('\n') + 1) + "1672502400000,binance,BTCUSDT,spot,100,120,90,110,5,\n"),
                      ContainsSubstring("linear perpetual"));
}

TEST_CASE("Convert: the prices of one venue for all, with the rates of each", "[funding]") {
  // Bybit's first bar is Binance's second, and it has none where Binance has its third.
  const std::string both = bars +
                           "1672531200000,bybit,BTCUSDT,perpetual,95,99,91,98,5,0.0004\n"
                           "1672588800000,bybit,BTCUSDT,perpetual,97,98,96,97,5,-0.0003\n"
                           "1672588800000,binance,BTCUSDT,perpetual,107,109,101,102,5,0.0001\n"
                           "1672617600000,binance,BTCUSDT,perpetual,102,103,100,101,5,0.0001\n";
  const TapeData data = convert_spot_perp_8h({both, "bars.csv"}, VenueTable::builtin(), {.common_prices = "Binance"});
  REQUIRE(find(data, "binance", "BTCUSDT").rows.size() == 5);
  const InstrumentData& bybit = find(data, "bybit", "BTCUSDT");
  REQUIRE(bybit.rows.size() == 3);  // from its first to its last stamp
  REQUIRE(bybit.rows[0].ts_ms == 1672531200000);
  REQUIRE(bybit.rows[0].price == 111);
  REQUIRE_FALSE(rlx::is_finite(bybit.rows[0].low));
  REQUIRE_FALSE(rlx::is_finite(bybit.rows[0].high));
  REQUIRE(bybit.rows[1].price == 104);
  REQUIRE(bybit.rows[1].low == 104);
  REQUIRE(bybit.rows[1].high == 112);
  REQUIRE(bybit.rows[2].price == 107);
  REQUIRE(bybit.rows[2].low == 103);
  REQUIRE(bybit.rows[2].high == 108);
  REQUIRE(bybit.settlements.size() == 2);
  REQUIRE(bybit.settlements[0].rate == 0.0004);
  REQUIRE(bybit.settlements[1].rate == -0.0003);
  REQUIRE_THAT(data.report.approximations[0],
               ContainsSubstring("Binance") && ContainsSubstring("no information on the spread"));
  const TapeData own = convert_spot_perp_8h({both, "bars.csv"});
  REQUIRE(find(own, "bybit", "BTCUSDT").rows[0].price == 95);
  REQUIRE(own.report.approximations.size() == 1);

  const auto with = [&both](const std::string& venue, const std::string& more = "") {
    return convert_spot_perp_8h({both + more, "bars.csv"}, VenueTable::builtin(), {.common_prices = venue});
  };
  for (const char* venue : {"okx", "nowhere"})
    REQUIRE_THROWS_WITH(with(venue),
                        ContainsSubstring(venue) && ContainsSubstring("bars.csv") && ContainsSubstring("binance, bybit"));
  REQUIRE_THROWS_WITH(with("bybit", "1672531200000,binance,ETHUSDT,perpetual,95,99,91,98,5,0.0004\n"),
                      ContainsSubstring("no prices of it for ETHUSDT"));
  REQUIRE_THROWS_AS(with("okx"), rlx::ConfigError);
}

TEST_CASE("Convert: settlements get Binance's newest mark at or before their stamp", "[funding]") {
  const TapeData data = convert_settlements({settlements, "settlements.csv"});
  // USDT and USDC contracts are different instruments with their own marks.
  REQUIRE(find(data, "binance", "BTC-USDT-PERP").rows[0].price == 100);
  REQUIRE(find(data, "binance", "BTC-USDC-PERP").rows[0].price == 101);
  const InstrumentData& hyper = find(data, "hyperliquid", "BTC-USDC-PERP");
  REQUIRE(hyper.rows.size() == 3);
  REQUIRE(hyper.rows[0].price == 101);
  REQUIRE(hyper.rows[1].price == 101);  // 01:00: nothing newer than midnight
  REQUIRE(hyper.rows[1].ts_ms == 1755738000000);
  REQUIRE(hyper.rows[2].price == 103);
  REQUIRE(hyper.settlements.size() == 3);
  // INJ-USDC has no mark of its own: that of the coin's other contract. Its first stamp lies before any mark.
  const InstrumentData& inj = find(data, "hyperliquid", "INJ-USDC-PERP");
  REQUIRE(inj.rows.size() == 1);
  REQUIRE(inj.rows[0].price == 14);
  REQUIRE(inj.settlements.size() == 2);  // the row without an interval is left out
  REQUIRE(find(data, "bybit", "ETH-USDT-PERP").rows.empty());
  REQUIRE(data.report.dropped_other == 3);  // ETH without a mark, INJ before the first, the row without an interval
  REQUIRE(data.report.approximations.size() == 1);
  REQUIRE_THAT(data.report.approximations[0], ContainsSubstring("Binance") && ContainsSubstring("spread"));
}

TEST_CASE("Convert: settlements without any mark cannot be valued", "[funding]") {
  const std::string text =
      "settle_ms_utc,venue,canonical_symbol,funding_rate,interval_hours,mark_price\n1755734400000,bybit,X,0.0001,8,\n";
  REQUIRE_THROWS_WITH(convert_settlements({text, "settlements.csv"}), ContainsSubstring("no mark"));
}

TEST_CASE("Convert: real 8 h bars", "[funding]") {
  if (!rlx_test::have_funding_data("spot_perp_funding_8h_btc_eth.csv")) return;
  const std::string path = rlx_test::funding_data_path("spot_perp_funding_8h_btc_eth.csv");
  const rlx::io::MappedFile file(path);
  TapeConfig config;
  config.step_ms = 8 * ms_per_hour;
  const MarketTape tape(convert_spot_perp_8h({file.text(), path}), config, VenueTable::builtin());
  REQUIRE(tape.n_symbols() == 2);
  REQUIRE(tape.instruments().size() == 6);
  REQUIRE(tape.n_steps() == 1365);
  REQUIRE(tape.report().dropped_inverse == 8190);
  REQUIRE(tape.report().dropped_other == 8190);
  REQUIRE(tape.report().coverage == 1.0);
  // The first Binance bars: open 16537.5 then the next open; the first bar's low 16488 and high 16557.1 come with the second.
  const InstrumentId btc = tape.find("binance", "BTCUSDT").value();
  REQUIRE(tape.leg(btc, 0).row->price == 16537.5);
  REQUIRE(tape.leg(btc, 1).row->low == 16488.0);
  REQUIRE(tape.leg(btc, 1).row->high == 16557.1);
  REQUIRE(tape.leg(btc, 0).settled_bph == Approx(0.125));

  // With Binance's prices for all, nothing is left of the spread that the stamps of the other venues make.
  const MarketTape common(convert_spot_perp_8h({file.text(), path}, VenueTable::builtin(), {.common_prices = "binance"}),
                          config, VenueTable::builtin());
  REQUIRE(tape.report().price_mismatches.size() == 4);
  REQUIRE(common.report().price_mismatches.empty());
  REQUIRE(common.n_steps() == 1365);
  REQUIRE(common.report().coverage == 1.0);
  REQUIRE(common.report().settlements == tape.report().settlements);
  const InstrumentId bybit = common.find("bybit", "BTCUSDT").value();
  REQUIRE(common.leg(bybit, 1).row->low == 16488.0);
  for (std::size_t k = 0; k < common.n_steps(); ++k) {
    REQUIRE(common.pair(btc, bybit, k).spread_bp == 0.0);
    REQUIRE(common.leg(bybit, k).settled_bph == tape.leg(bybit, k).settled_bph);
  }
}

TEST_CASE("Convert: real settlements make a tape of 8 h steps", "[funding]") {
  if (!rlx_test::have_funding_data("settlements_binance_bybit_hyperliquid.csv.gz")) return;
  const std::string path = rlx_test::funding_data_path("settlements_binance_bybit_hyperliquid.csv.gz");
  const std::string text = rlx::io::gunzip_file(path);
  TapeConfig config;
  config.step_ms = 8 * ms_per_hour;
  const MarketTape tape(convert_settlements({text, path}), config, VenueTable::builtin());
  REQUIRE(tape.report().files[0].rows == 155'210);
  REQUIRE(tape.report().settlements == 155'209);    // one row has no interval
  REQUIRE(tape.report().missing_settlements == 1);  // where that row was left out
  REQUIRE(tape.instruments().size() == 93);
  REQUIRE(tape.venue_ids().size() == 3);
  REQUIRE(tape.n_steps() == 669);
  REQUIRE(tape.report().coverage > 0.99);
  std::size_t listed = 0;
  for (std::size_t k = 0; k < tape.n_steps(); ++k) listed += tape.opportunities(k).size();
  REQUIRE(listed > 6000);
  // BTC quoted in USDC and in USDT are two symbols; within a symbol all venues share the mark.
  REQUIRE(tape.find("hyperliquid", "BTC-USDC-PERP").has_value());
  REQUIRE_FALSE(tape.find("hyperliquid", "BTC-USDT-PERP").has_value());
  const PairView btc =
      tape.pair(tape.find("binance", "BTC-USDC-PERP").value(), tape.find("hyperliquid", "BTC-USDC-PERP").value(), 300);
  REQUIRE(btc.spread_bp == 0.0);
}
