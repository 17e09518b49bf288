// SPDX-License-Identifier: MIT
#include <rlx/kalshi/import_bbo.hpp>
//
#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <vector>

#include <rlx/io/gzip.hpp>
#include <rlx/io/mapped_file.hpp>

#include "real_data.hpp"
#include "rlx_catch.hpp"

using namespace rlx::kalshi;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

namespace {

using K = EventKind;
const std::string header = "timestamp,market_ticker,best_yes_bid,best_no_bid,implied_no_ask,implied_yes_ask\n";
constexpr Micros noon_utc = 1'765'886'400'000'000;  // 2025-12-16T12:00Z

BboImportConfig pacific() {
  BboImportConfig config;
  config.utc_offset_us = parse_utc_offset("-08:00");
  config.file = "x.csv";
  return config;
}

struct Imported {
  ImportReport report;
  std::shared_ptr<const SessionData> session;
};
Imported import(const std::string& rows, const BboImportConfig& config = pacific()) {
  SessionBuilder builder;
  Imported result;
  result.report = import_bbo_csv(std::string_view(rows), config, builder);
  result.session = builder.finish();
  return result;
}

void refused(const std::string& rows, const std::string& words) {
  INFO(rows);
  try {
    import(rows);
    FAIL("accepted");
  } catch (const rlx::DataError& error) {
    CHECK_THAT(error.what(), ContainsSubstring(words));
  }
}

}  // namespace

TEST_CASE("Quotes become a snapshot and changes of the two best levels", "[kalshi][import_bbo]") {
  const Imported data = import(header +
                               "2025-12-16T04:00:00.000123,E-25DEC16-A,45,50,55,50\n"
                               "2025-12-16T04:00:01,E-25DEC16-A,46,50,54,50\n"
                               "2025-12-16T04:00:01.000900,E-25DEC16-A,47,52,53,48\n"
                               "2025-12-16T04:00:02,E-25DEC16-A,0,52,100,48\n"
                               "2025-12-16T04:00:03,E-25DEC16-A,0,52,100,48\n"
                               "2025-12-16T04:00:04,E-25DEC16-A,47,0,53,100\n"
                               "2025-12-16T04:00:05,E-25DEC16-A,0,0,100,100\n");
  const EventColumns rows = data.session->columns(0);
  const std::vector<EventRow> expected = {
      {noon_utc + 123, K::book_clear, 0, 0},
      {noon_utc + 123, K::level_set_yes, 4'500, 1'000},
      {noon_utc + 123, K::level_set_no, 5'000, 1'000},
      {noon_utc + 1'000'000, K::level_delta_yes, 4'500, -1'000},
      {noon_utc + 1'000'000, K::level_delta_yes, 4'600, 1'000},
      {noon_utc + 1'000'900, K::level_delta_yes, 4'600, -1'000},
      {noon_utc + 1'000'900, K::level_delta_no, 5'000, -1'000},
      {noon_utc + 1'000'900, K::level_delta_yes, 4'700, 1'000},
      {noon_utc + 1'000'900, K::level_delta_no, 4'800, 1'000},
      {noon_utc + 2'000'000, K::level_delta_yes, 4'700, -1'000},
      {noon_utc + 4'000'000, K::level_delta_no, 4'800, -1'000},
      {noon_utc + 4'000'000, K::level_delta_yes, 4'700, 1'000},
      {noon_utc + 5'000'000, K::level_delta_yes, 4'700, -1'000},
  };
  REQUIRE(rows.size() == expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows.row(i) == expected[i]);
  CHECK(data.report.rows == 7);
  CHECK(data.report.events == 13);
  CHECK(data.report.duplicates == 1);
  CHECK(data.report.same_millisecond == 1);
  CHECK(data.report.one_sided == 3);
  CHECK(data.report.empty == 1);
  CHECK(data.report.locked == 0);
  const MarketInfo& market = data.session->markets()[0];
  CHECK_FALSE(market.has_sizes);
  CHECK(market.close_us == noon_utc + Micros{17} * 3'600'000'000);
  CHECK(market.event_ticker == "E-25DEC16");
  CHECK(data.session->source() == "bbo-csv");
  CHECK(data.session->environment() == "production");
}

TEST_CASE("Locked and crossed quotes, markets of one file, zoned times, a stream", "[kalshi][import_bbo]") {
  BboImportConfig config;
  config.assumed_touch_size = contracts(3);
  std::istringstream stream(header +
                            "2025-12-16T12:00:00Z,A,45,55,55,45\n"
                            "2025-12-16T13:00:01+01:00,B,46,55,54,45\n");
  SessionBuilder builder;
  const ImportReport report = import_bbo_csv(stream, config, builder);
  CHECK(report.locked == 1);
  CHECK(report.crossed == 1);
  CHECK(report.markets == 2);
  const auto session = builder.finish();
  CHECK(session->columns(1).row(0).ts_us == noon_utc + 1'000'000);
  CHECK(session->columns(1).row(1).count == 300);
  CHECK(session->columns(0).row(2) == EventRow{noon_utc, K::level_set_no, 4'500, 300});
}

TEST_CASE("Naive times need an offset, and offsets have one form", "[kalshi][import_bbo]") {
  try {
    import(header + "2025-12-16T04:00:00,A,45,50,55,50\n", {});
    FAIL("accepted");
  } catch (const rlx::ConfigError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("--utc-offset -08:00"));
  }
  CHECK(parse_utc_offset("-08:00") == Micros{-8} * 3'600'000'000);
  CHECK(parse_utc_offset("+05:30") == Micros{11} * 1'800'000'000);
  for (const char* const text : {"", "8", "08:00", "-8:00", "+0800", "+08:60", "+15:00", "+08:00 ", "PST"}) {
    REQUIRE_THROWS_AS(parse_utc_offset(text), rlx::ConfigError);
  }
  BboImportConfig config = pacific();
  config.assumed_touch_size = 0;
  REQUIRE_THROWS_AS(import(header, config), rlx::ConfigError);
}

TEST_CASE("Damaged files name line and column", "[kalshi][import_bbo]") {
  const std::string good = "2025-12-16T04:00:00,A,45,50,55,50\n";
  refused("timestamp,market_ticker,best_yes_bid,best_no_bid,implied_yes_ask,implied_no_ask\n" + good,
          "x.csv:1:1: the header differs; expected timestamp,market_ticker");
  refused("timestamp,market_ticker\n", "expected timestamp,market_ticker,best_yes_bid");
  refused("", "x.csv");
  refused(header + good + "2025-12-16T04:00:00,A,45,50,55\n", "x.csv:3");
  refused(header + "2025-12-16T04:00:00,A,45,50,56,50\n",
          "x.csv:2:29: column 'implied_no_ask': expected 100 - bid = 55, found 56");
  refused(header + "2025-12-16T04:00:00,A,45,50,55,51\n", "column 'implied_yes_ask'");
  refused(header + "2025-12-16T04:00:00,A,100,50,0,50\n", "column 'best_yes_bid': expected a bid of 1 to 99");
  refused(header + "2025-12-16T04:00:00,A,45,-1,55,101\n", "column 'best_no_bid'");
  refused(header + "2025-12-16T04:00:00,A,45.5,50,54.5,50\n", "column 'best_yes_bid'");
  refused(header + "2025-12-16T04:00:00,,45,50,55,50\n", "column 'market_ticker': expected a ticker");
  refused(header + "2025-12-36T04:00:00,A,45,50,55,50\n", "column 'timestamp': expected a time");
  refused(header + "2019-12-16T04:00:00,A,45,50,55,50\n", "column 'timestamp'");
  refused(header + "2100-12-16T04:00:00,A,45,50,55,50\n", "column 'timestamp'");
}

TEST_CASE("Results: yes, no and unresolved, with any line ends", "[kalshi][import_bbo]") {
  const MarketResults results =
      read_results_csv("event,market_ticker,rows,inferred_result\r\nE,E-A,5,yes\r\nE,E-B,5,no\r\nE,E-C,5,unresolved\r\n");
  CHECK(results == MarketResults{{"E-A", 10'000}, {"E-B", 0}});
  const auto fails = [](const std::string& rows, const char* words, bool exclusive = true) {
    try {
      read_results_csv("market_ticker,result\n" + rows, "s.csv", exclusive);
      return false;
    } catch (const rlx::DataError& error) {
      CHECK_THAT(error.what(), ContainsSubstring(words));
      return true;
    }
  };
  CHECK(fails("E-A,maybe\n", "s.csv:2:5: column 'inferred_result': expected yes, no or unresolved, found 'maybe'"));
  CHECK(fails("E-A,yes\nE-A,yes\n", "s.csv:3:1: column 'market_ticker': two results for E-A"));
  CHECK(fails("E-A,yes\nE-B,yes\n", "a second winner"));
  CHECK_FALSE(fails("E-A,yes\nE-B,yes\n", "", false));
  CHECK_FALSE(fails("E-A,yes\nF-B,yes\n", ""));
  CHECK(fails(",yes\n", "expected a ticker"));
  REQUIRE_THROWS_AS(read_results_csv("market_ticker\nA\n"), rlx::DataError);
}

TEST_CASE("Results go to their markets, and one for an unknown market is refused", "[kalshi][import_bbo]") {
  std::array<SessionBuilder, 2> builders;
  builders[0].market("E-A");
  builders[1].market("E-B");
  REQUIRE_THROWS_AS(apply_results({{"E-X", 0}}, builders), rlx::DataError);
  apply_results({{"E-A", 10'000}, {"E-B", 0}, {"OLD", 0}}, builders, {"OLD"});
  CHECK(builders[0].finish()->markets()[0].settlement == 10'000);
  REQUIRE_THROWS_AS(apply_results({{"E-B", 10'000}}, std::span(builders).subspan(1)), rlx::DataError);
}

TEST_CASE("The recorded events: 623,754 rows, 90 markets with results", "[kalshi][import_bbo][real]") {
  const std::string folder = "kxhighny_bbo/";
  if (!rlx_test::have_kalshi_data(folder + "settlement_inferred.csv")) return;
  std::vector<SessionBuilder> builders;
  ImportReport sum;
  for (const char* const day : {"05", "06", "07", "08", "10", "11", "12", "13", "14", "15", "16", "19", "20", "21", "22"}) {
    BboImportConfig config = pacific();
    config.file = rlx_test::kalshi_data_path(folder + "market_data_KXHIGHNY-25DEC" + day + ".csv.gz");
    const std::string text = rlx::io::gunzip_file(config.file);
    const ImportReport report = import_bbo_csv(std::string_view(text), config, builders.emplace_back());
    CHECK(report.markets == 6);
    CHECK(report.backwards == 0);
    sum.rows += report.rows;
    sum.markets += report.markets;
    sum.one_sided += report.one_sided;
    sum.empty += report.empty;
    sum.locked += report.locked;
    sum.crossed += report.crossed;
    sum.duplicates += report.duplicates;
  }
  CHECK(sum.rows == 623'754);
  CHECK(sum.markets == 90);
  CHECK(sum.one_sided > 0);
  CHECK(sum.empty > 0);
  CHECK(sum.locked > 0);
  CHECK(sum.crossed > 0);
  CHECK(sum.duplicates > 0);

  // The same list with CR LF as line ends gives the same results.
  const std::string list = rlx::io::read_file(rlx_test::kalshi_data_path(folder + "settlement_inferred.csv"));
  std::string line_feeds, both;
  for (const char c : list) {
    if (c == '\r') continue;
    line_feeds += c;
    (both += c == '\n' ? "\r" : "") += c;
  }
  const MarketResults results = read_results_csv(line_feeds);
  CHECK(results.size() == 90);
  CHECK(read_results_csv(both) == results);
  apply_results(results, builders);
  for (SessionBuilder& builder : builders) {
    const auto session = builder.finish();
    CHECK(session->data_quality_score() > 0.999);
    std::size_t winners = 0;
    for (const MarketInfo& market : session->markets()) {
      REQUIRE(market.settlement);
      winners += *market.settlement == 10'000 ? 1 : 0;
      // 05:00 UTC on the day after the date in the ticker; the recording ends before.
      CHECK(*market.close_us % 86'400'000'000 == Micros{5} * 3'600'000'000);
    }
    CHECK(winners == 1);
  }
}
