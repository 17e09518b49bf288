// SPDX-License-Identifier: MIT
#include <rlx/io/iso8601.hpp>

#include "rlx_catch.hpp"

#include <cstdint>
#include <string>

#include <rlx/core/random.hpp>

using rlx::io::DateOrder;
using rlx::io::format_date;
using rlx::io::format_time_ms;
using rlx::io::parse_time_ms;
using rlx::io::time_ms_problem;
using rlx::io::try_parse_time_ms;
using rlx_test::ContainsSubstring;

TEST_CASE("ISO 8601 times are read as milliseconds UTC", "[io][iso8601]") {
  // Expected values from `date -u -d ... +%s`.
  REQUIRE(parse_time_ms("1970-01-01T00:00:00Z") == 0);
  REQUIRE(parse_time_ms("2025-10-25T15:30:59Z") == 1'761'406'259'000);
  REQUIRE(parse_time_ms("2025-10-25T15:30:59") == 1'761'406'259'000);
  REQUIRE(parse_time_ms("2025-10-25 15:30:59") == 1'761'406'259'000);
  REQUIRE(parse_time_ms("2025-10-25t15:30:59z") == 1'761'406'259'000);
  REQUIRE(parse_time_ms("2025-10-25T15:30") == 1'761'406'200'000);
  REQUIRE(parse_time_ms("2025-10-25") == 1'761'350'400'000);
  REQUIRE(parse_time_ms("2025-10-25T15:30:59.382273Z") == 1'761'406'259'382);
  REQUIRE(parse_time_ms("2025-10-25T15:30:59.5") == 1'761'406'259'500);
  REQUIRE(parse_time_ms("2025-10-25T15:30:59,05Z") == 1'761'406'259'050);
  REQUIRE(parse_time_ms("2025-10-25T15:30:59.9999999999Z") == 1'761'406'259'999);
  REQUIRE(parse_time_ms("2025-10-25T15:30:59+02:00") == 1'761'406'259'000 - 7'200'000);
  REQUIRE(parse_time_ms("2025-10-25T15:30:59-0530") == 1'761'406'259'000 + 19'800'000);
  REQUIRE(parse_time_ms("2025-10-25T15:30:59.001+02") == 1'761'406'259'001 - 7'200'000);
  REQUIRE(parse_time_ms("2025-10-25 15:30+00:00") == 1'761'406'200'000);
  REQUIRE(parse_time_ms("2024-02-29") == 1'709'164'800'000);
  REQUIRE(parse_time_ms("2000-02-29") == 951'782'400'000);
  REQUIRE(parse_time_ms("1969-12-31T23:59:59.999Z") == -1);
  REQUIRE(parse_time_ms("1900-01-01") == -2'208'988'800'000);
  REQUIRE(parse_time_ms("9999-12-31T23:59:59Z") == 253'402'300'799'000);
  REQUIRE(parse_time_ms("0000-01-01") == -62'167'219'200'000);
}

TEST_CASE("texts that are not times are refused", "[io][iso8601]") {
  for (const char* text : {"",
                           "2025",
                           "2025-10",
                           "2025-13-01",
                           "2025-00-01",
                           "2025-02-29",
                           "1900-02-29",
                           "2025-04-31",
                           "2025-10-00",
                           "2025-10-25T",
                           "2025-10-25T15",
                           "2025-10-25T24:00",
                           "2025-10-25T15:60",
                           "2025-10-25T15:30:60",
                           "2025-10-25T15:30:",
                           "2025-10-25T15:30:59.",
                           "2025-10-25T15:30:59ZZ",
                           "2025-10-25T15:30:59 Z",
                           "2025-10-25T15:30:59+2",
                           "2025-10-25T15:30:59+24:00",
                           "2025-10-25T15:30:59+02:",
                           "2025-10-25T15:30:59+02:60",
                           "2025-10-25T15:30:59+02:00x",
                           "2025-10-25Z",
                           " 2025-10-25",
                           "2025-10-25 ",
                           "25-10-2025",
                           "2025-1-2",
                           "20251025",
                           "-2025-10-25",
                           "1761406259000",
                           "now",
                           "10/25/2025",
                           "2025/10/25",
                           "2025-10-25T5:30"}) {
    INFO(text);
    REQUIRE_FALSE(try_parse_time_ms(text).has_value());
    REQUIRE_THROWS_AS(parse_time_ms(text), rlx::DataError);
  }
  REQUIRE_THROWS_WITH(parse_time_ms("soon"), "expected a time such as 2025-10-25T15:30:59Z, found 'soon'");
}

TEST_CASE("slash dates are read only in the order given", "[io][iso8601]") {
  REQUIRE(parse_time_ms("10/25/2025", DateOrder::mdy) == 1'761'350'400'000);
  REQUIRE(parse_time_ms("25/10/2025", DateOrder::dmy) == 1'761'350'400'000);
  REQUIRE(parse_time_ms("10/25/2025 15:30:59", DateOrder::mdy) == 1'761'406'259'000);
  REQUIRE(parse_time_ms("3/4/2025 9:05", DateOrder::mdy) == parse_time_ms("2025-03-04T09:05"));
  REQUIRE(parse_time_ms("3/4/2025 9:05", DateOrder::dmy) == parse_time_ms("2025-04-03T09:05"));
  REQUIRE(parse_time_ms("2025-10-25T15:30:59Z", DateOrder::dmy) == 1'761'406'259'000);
  REQUIRE_FALSE(try_parse_time_ms("25/10/2025", DateOrder::mdy).has_value());
  REQUIRE_FALSE(try_parse_time_ms("10/25/25", DateOrder::mdy).has_value());
  REQUIRE_FALSE(try_parse_time_ms("10/25/2025T15:30", DateOrder::mdy).has_value());
  REQUIRE_THROWS_WITH(parse_time_ms("3/4/2025"), ContainsSubstring("a slash date needs its order, mdy or dmy, to be given"));
}

TEST_CASE("times are written so that they read back", "[io][iso8601]") {
  REQUIRE(format_time_ms(0) == "1970-01-01T00:00:00Z");
  REQUIRE(format_time_ms(1'761'406'259'382) == "2025-10-25T15:30:59.382Z");
  REQUIRE(format_time_ms(1'761'406'259'007) == "2025-10-25T15:30:59.007Z");
  REQUIRE(format_time_ms(-1) == "1969-12-31T23:59:59.999Z");
  REQUIRE(format_time_ms(-62'167'219'200'000) == "0000-01-01T00:00:00Z");
  REQUIRE(format_date(1'761'406'259'382) == "2025-10-25");
  REQUIRE(format_date(-86'400'001) == "1969-12-30");

  rlx::RandomStream random({.seed = 2, .purpose = rlx::Purpose::user});
  constexpr std::int64_t first = -62'167'219'200'000;
  constexpr std::uint64_t range = 253'402'300'800'000 + 62'167'219'200'000;
  for (int i = 0; i < 20'000; ++i) {
    const std::int64_t time = first + static_cast<std::int64_t>(random.next_u64() % range);
    REQUIRE(parse_time_ms(format_time_ms(time)) == time);
  }
  // Every day of 400 years, the length of the calendar's cycle.
  std::int64_t expected = parse_time_ms("1800-01-01");
  for (std::int64_t year = 1800; year < 2200; ++year) {
    for (std::int64_t month = 1; month <= 12; ++month) {
      for (std::int64_t day = 1; day <= rlx::io::detail::days_in_month(year, month); ++day) {
        if (rlx::io::detail::days_from_civil(year, month, day) * 86'400'000 != expected)
          FAIL("wrong day " << year << '-' << month << '-' << day);
        expected += 86'400'000;
      }
    }
  }
  REQUIRE(expected == parse_time_ms("2200-01-01"));
}

TEST_CASE("time stamps in another unit are recognised", "[io][iso8601]") {
  REQUIRE(time_ms_problem(1'761'406'259'000).empty());
  REQUIRE(time_ms_problem(1'230'768'000'000).empty());
  REQUIRE(time_ms_problem(1'761'406'259) == "1761406259 looks like seconds; multiply by 1000");
  REQUIRE(time_ms_problem(1'761'406'259'000'000) == "1761406259000000 looks like microseconds; divide by 1000");
  REQUIRE(time_ms_problem(1'761'406'259'000'000'000) == "1761406259000000000 looks like nanoseconds; divide by 1000000");
  REQUIRE(time_ms_problem(0) == "0 is not a time in milliseconds between 2009 and 2100");
  REQUIRE_THAT(time_ms_problem(-5), ContainsSubstring("is not a time in milliseconds"));
  REQUIRE_FALSE(time_ms_problem(1'230'767'999'999).empty());
  REQUIRE_FALSE(time_ms_problem(4'102'444'800'000).empty());
  REQUIRE(parse_time_ms("2009-01-01") == rlx::io::first_plausible_ms);
  REQUIRE(parse_time_ms("2100-01-01") == rlx::io::end_plausible_ms);
}
