// SPDX-License-Identifier: MIT
#include <rlx/kalshi/ticker.hpp>
//
#include "rlx_catch.hpp"

using namespace rlx::kalshi;
using rlx_test::ContainsSubstring;

namespace {
constexpr Micros hour = 3'600'000'000;
Micros us(const char* text) { return rlx::io::parse_time_ms(text) * 1'000; }
}  // namespace

TEST_CASE("A ticker names its event and its series", "[kalshi][ticker]") {
  CHECK(event_of_ticker("KXHIGHNY-25DEC16-B32.5") == "KXHIGHNY-25DEC16");
  CHECK(series_of_ticker("KXHIGHNY-25DEC16-B32.5") == "KXHIGHNY");
  CHECK(event_of_ticker("PLAIN") == "PLAIN");
  CHECK(series_of_ticker("PLAIN") == "PLAIN");
}

TEST_CASE("A date in a ticker is exactly YYMMMDD and stands in the calendar", "[kalshi][ticker]") {
  CHECK(date_of_ticker("KXHIGHNY-25DEC16-B32.5") == us("2025-12-16"));
  CHECK(date_of_ticker("X-24FEB29") == us("2024-02-29"));
  CHECK_FALSE(date_of_ticker("X-25FEB29-A"));
  CHECK_FALSE(date_of_ticker("X-25DEC00-A"));
  CHECK_FALSE(date_of_ticker("X-25XYZ10-A"));
  CHECK_FALSE(date_of_ticker("X-2ADEC10-A"));
  CHECK_FALSE(date_of_ticker("KXBTCD-26JUL0317-T60499.99"));  // with an hour
  CHECK_FALSE(date_of_ticker("KXNEXTTEAMNBA-26LJAM-MIA"));
  CHECK_FALSE(date_of_ticker("25DEC16"));  // the series is no date
}

TEST_CASE("The close follows from the ticker, from a time, or is not known", "[kalshi][ticker]") {
  CHECK(CloseRule().close_of("KXHIGHNY-25DEC16-B32.5") == us("2025-12-17T05:00Z"));
  CHECK_FALSE(CloseRule().close_of("KXBTCD-26JUL0317-T60499.99"));
  CHECK(parse_close_rule("ticker").close_of("A-25DEC16-B") == us("2025-12-17T05:00Z"));
  CHECK(parse_close_rule("ticker+23:30").close_of("A-25DEC16-B") == us("2025-12-16") + 47 * hour / 2);
  CHECK_FALSE(parse_close_rule("none").close_of("A-25DEC16-B"));
  CHECK(parse_close_rule("2025-12-18T01:00Z").close_of("A") == us("2025-12-18T01:00Z"));
  for (const char* const text : {"", "ticker+", "ticker+1:00", "ticker+10:60", "ticker+10:00x", "tomorrow"}) {
    REQUIRE_THROWS_AS(parse_close_rule(text), rlx::ConfigError);
  }
  try {
    parse_close_rule("tomorrow");
  } catch (const rlx::ConfigError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("'tomorrow'") && ContainsSubstring("ticker+29:00"));
  }
}

TEST_CASE("Tickers that no exchange would list are refused", "[kalshi][ticker]") {
  REQUIRE_NOTHROW(check_ticker("KXHIGHNY-25DEC16-B32.5"));
  REQUIRE_NOTHROW(check_ticker(std::string(100, 'A')));
  REQUIRE_THROWS_AS(check_ticker(""), rlx::DataError);
  REQUIRE_THROWS_AS(check_ticker(std::string(101, 'A')), rlx::DataError);
  REQUIRE_THROWS_AS(check_ticker("A\nB"), rlx::DataError);
  REQUIRE_THROWS_AS(check_ticker("A\x7F"), rlx::DataError);
}
