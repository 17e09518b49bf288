// SPDX-License-Identifier: MIT
#include <rlx/options/instrument.hpp>

#include "rlx_catch.hpp"

#include <string>

#include <rlx/core/random.hpp>

#include "real_data.hpp"

using namespace rlx::options;
using rlx::market::Fixed8;

namespace {

Fixed8 d(const char* text) { return Fixed8::parse(text); }

}  // namespace

TEST_CASE("Instrument names are read", "[options][instrument]") {
  const InstrumentName call = parse_instrument_name("BTC-16JAN26-95000-C");
  CHECK(call.underlying == "BTC");
  CHECK(call.settlement == SettlementType::inverse);
  CHECK(call.expiry_ms == 1'768'550'400'000);  // 2026-01-16 08:00:00 UTC
  CHECK(call.strike == 95'000);
  CHECK(call.type == OptionType::call);
  CHECK(call.expiry_text == "16JAN26");
  const InstrumentName put = parse_instrument_name("XRP_USDC-19DEC25-2d4-P");
  CHECK(put.underlying == "XRP");
  CHECK(put.settlement == SettlementType::linear);
  CHECK(put.strike == 2.4);
  CHECK(put.type == OptionType::put);
  CHECK(parse_instrument_name("ETH-5JUN26-3000-C").expiry_ms == 1'780'646'400'000);  // 2026-06-05 08:00:00 UTC
  CHECK(parse_instrument_name("DOGE_USDC-5JUN26-0d125-C").strike == 0.125);
  CHECK(parse_instrument_name("BTC-29FEB28-95000-C").expiry_ms == 1'835'424'000'000);
}

TEST_CASE("What is not an instrument name is refused with its text", "[options][instrument]") {
  for (const char* text : {"",
                           "BTC",
                           "BTC-PERPETUAL",
                           "BTC-16JAN26",
                           "BTC-16JAN26-95000",
                           "BTC-16JAN26-95000-X",
                           "BTC-16JAN26-95000-c",
                           "BTC-16JAN26-95000-C-1",
                           "BTC-16JAN26-95000-C ",
                           "btc-16JAN26-95000-C",
                           "-16JAN26-95000-C",
                           "_USDC-16JAN26-95000-C",
                           "BTC_USDT-16JAN26-95000-C",
                           "ABCDEFGHIJKLM-16JAN26-95000-C",
                           "BTC-31FEB26-95000-C",
                           "BTC-29FEB26-95000-C",
                           "BTC-31APR26-95000-C",
                           "BTC-0JAN26-95000-C",
                           "BTC-00JAN26-95000-C",
                           "BTC-05JAN26-95000-C",
                           "BTC-32JAN26-95000-C",
                           "BTC-16Jan26-95000-C",
                           "BTC-16JAM26-95000-C",
                           "BTC-16JAN2026-95000-C",
                           "BTC-16JAN6-95000-C",
                           "BTC-JAN26-95000-C",
                           "BTC-116JAN26-95000-C",
                           "BTC-16JAN26-0-C",
                           "BTC-16JAN26-0d0-C",
                           "BTC-16JAN26--5-C",
                           "BTC-16JAN26-1.5-C",
                           "BTC-16JAN26-1e5-C",
                           "BTC-16JAN26-095000-C",
                           "BTC-16JAN26-d5-C",
                           "BTC-16JAN26-5d-C",
                           "BTC-16JAN26-1d2d3-C",
                           "BTC-16JAN26--C",
                           "BTC-16JAN26-9999999999999999999999999-C",
                           "BTC--95000-C"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_instrument_name(text), rlx::ParseError);
    CHECK_FALSE(try_parse_instrument_name(text).has_value());
  }
  CHECK_THROWS_WITH(parse_instrument_name("BTC-31FEB26-95000-C"),
                    rlx_test::ContainsSubstring("'BTC-31FEB26-95000-C'") && rlx_test::ContainsSubstring("expiry"));
  CHECK_THROWS_WITH(parse_instrument_name("BTC-16JAN26-0-C"), rlx_test::ContainsSubstring("strike"));
}

TEST_CASE("Instrument names are written as they are read", "[options][instrument]") {
  for (const char* text : {"BTC-16JAN26-95000-C", "XRP_USDC-19DEC25-2d4-P", "ETH-5JUN26-3000-C", "DOGE_USDC-1MAY30-0d0125-P",
                           "BTC_USDC-29FEB28-100000-P"}) {
    CHECK(format_instrument_name(parse_instrument_name(text)) == text);
  }
  rlx::RandomStream random(rlx::StreamId{.seed = 1, .purpose = rlx::Purpose::user});
  for (int i = 0; i < 20'000; ++i) {
    InstrumentName name;
    name.underlying = random.bounded(2) == 0 ? "BTC" : "SOL";
    name.settlement = random.bounded(2) == 0 ? SettlementType::inverse : SettlementType::linear;
    name.type = random.bounded(2) == 0 ? OptionType::call : OptionType::put;
    name.expiry_ms = (10'957 + static_cast<std::int64_t>(random.bounded(36'525))) * 86'400'000 + expiry_time_of_day_ms;
    name.strike = static_cast<double>(1 + random.bounded(1'000'000)) / (random.bounded(2) == 0 ? 1.0 : 1'000.0);
    name.expiry_text = format_expiry(name.expiry_ms);
    REQUIRE(parse_instrument_name(format_instrument_name(name)) == name);
  }
  CHECK_THROWS_AS(format_expiry(-1), std::logic_error);
  CHECK_THROWS_AS(format_expiry(4'102'444'800'000), std::logic_error);  // 2100-01-01
}

TEST_CASE("Prices are rounded to the tick of their step", "[options][instrument]") {
  const Instrument btc = paper_instrument("BTC-16JAN26-95000-C");
  CHECK(tick_at(btc, d("0.0049")) == d("0.0001"));
  CHECK(tick_at(btc, d("0.005")) == d("0.0005"));
  CHECK(tick_at(btc, d("0.0051")) == d("0.0005"));
  CHECK(is_on_tick(btc, d("0.0049")));
  CHECK_FALSE(is_on_tick(btc, d("0.0051")));
  CHECK(round_price_up(btc, d("0.00485")) == d("0.0049"));
  CHECK(round_price_up(btc, d("0.00491")) == d("0.005"));
  CHECK(round_price_up(btc, d("0.005")) == d("0.005"));
  CHECK(round_price_up(btc, d("0.00500001")) == d("0.0055"));
  CHECK(round_price_down(btc, d("0.0054")) == d("0.005"));
  CHECK(round_price_down(btc, d("0.005")) == d("0.005"));
  CHECK(round_price_down(btc, d("0.00499")) == d("0.0049"));
  CHECK(round_price_down(btc, d("0.00005")) == d("0"));
}

TEST_CASE("Rounding crosses steps that are no multiples of the ticks", "[options][instrument]") {
  Instrument odd;
  odd.tick_size = d("0.003");
  odd.tick_steps = {{d("0.005"), d("0.002")}, {d("0.01"), d("0.0105")}};
  // Valid: 0, 0.003 | 0.006, 0.008 | 0.0105, 0.021, ...
  CHECK(round_price_up(odd, d("0.0031")) == d("0.006"));
  CHECK(round_price_up(odd, d("0.005")) == d("0.006"));
  CHECK(round_price_up(odd, d("0.0081")) == d("0.0105"));
  CHECK(round_price_up(odd, d("0.0106")) == d("0.021"));
  CHECK(round_price_down(odd, d("0.0209")) == d("0.0105"));
  CHECK(round_price_down(odd, d("0.0104")) == d("0.008"));
  CHECK(round_price_down(odd, d("0.0059")) == d("0.003"));
  CHECK(round_price_down(odd, d("0.005")) == d("0.003"));
  for (std::int64_t units = 0; units <= 3'000'000; units += 12'345) {
    const Fixed8 price = Fixed8::from_units(units);
    const Fixed8 up = round_price_up(odd, price), down = round_price_down(odd, price);
    CAPTURE(price.to_string(), up.to_string(), down.to_string());
    REQUIRE((down <= price && price <= up));
    REQUIRE((is_on_tick(odd, up) && is_on_tick(odd, down)));
    REQUIRE((round_price_up(odd, down) == down && round_price_down(odd, up) == up));
  }
}

TEST_CASE("The paper venue's table holds its terms", "[options][instrument]") {
  const Instrument btc = paper_instrument("BTC-16JAN26-95000-C", 7);
  CHECK(btc.symbol == "BTC-16JAN26-95000-C");
  CHECK(btc.underlying == "BTC");
  CHECK(btc.currency == "BTC");
  CHECK(btc.minimum_size == d("0.1"));
  CHECK(btc.maker_commission == 0.0003);
  CHECK(btc.taker_commission == 0.0003);
  CHECK(btc.creation_ms == 7);
  CHECK(btc.open);
  const Instrument eth = paper_instrument("ETH-16JAN26-3000-P");
  CHECK(eth.minimum_size == d("1"));
  CHECK(eth.tick_size == btc.tick_size);
  CHECK(eth.tick_steps == btc.tick_steps);
  CHECK(eth.type == OptionType::put);
  const Instrument xrp = paper_instrument("XRP_USDC-19DEC25-2d4-C");
  CHECK(xrp.currency == "USDC");
  CHECK(xrp.settlement == SettlementType::linear);
  CHECK(xrp.taker_commission == 0.0005);
  CHECK(xrp.maker_commission == 0.0001);
  CHECK(xrp.tick_size == d("0.0005"));
  CHECK(xrp.minimum_size == d("1000"));
  CHECK(paper_instrument("BTC_USDC-19DEC25-95000-C").tick_size == d("5"));
  CHECK(paper_instrument("ETH_USDC-19DEC25-3000-C").minimum_size == d("0.1"));
  CHECK_THROWS_AS(paper_instrument("SOL_USDC-16JAN26-200-C"), rlx::ConfigError);
  CHECK_THROWS_AS(paper_instrument("XRP-16JAN26-2d4-C"), rlx::ConfigError);
  CHECK_THROWS_AS(paper_instrument("SOL-16JAN26-200-C"), rlx::ConfigError);
}
