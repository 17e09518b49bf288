// SPDX-License-Identifier: MIT
#include <rlx/funding/opportunity_csv.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <rlx/io/csv.hpp>
#include <rlx/io/mapped_file.hpp>

#include "funding/real_data.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::funding;
using rlx_test::Approx;
using rlx_test::ContainsSubstring;

const std::string header =
    "entry_time,symbol,long_exchange,short_exchange,entry_long_price,entry_short_price,long_funding_rate,short_funding_rate,"
    "fund_apr,volume_24h";
const std::string extra =
    ",long_funding_interval_hours,short_funding_interval_hours,long_next_funding_time,short_next_funding_time,"
    "fund_profit_8h_24h_proj,fund_profit_8h_3d_proj,bidAskSpreadPercent,orderbookDepthUsd,price_spread_24h_avg";

// The worked example: -0.00082191 and -0.00024547 per hour, 5.7644 bp/h, 504.96144 % per year.
const std::string row = "2025-10-03T16:00:00Z,FUSDT,Binance,Bybit,100,100.5,-0.00082191,-0.00024547,504.96144,20000";
const std::string row_extra = ",1,1,2025-10-03T17:00:00Z,2025-10-03T17:00:00Z,0.16,0.08,0.05,60000,0.25";

TapeData read(const std::string& text, const OpportunityCsvOptions& options = {}, const TapeConfig& config = {},
              TapeData tape = {}) {
  return read_opportunities_csv({text, "list.csv"}, options, config, VenueTable::builtin(), std::move(tape));
}
MarketTape build(const std::string& text, const OpportunityCsvOptions& options = {}, const TapeConfig& config = {}) {
  return MarketTape(read(text, options, config), config, VenueTable::builtin());
}
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}
void refused(const std::string& text, const std::string& where, const std::string& says) {
  CAPTURE(text);
  REQUIRE_THROWS_AS(build(text), rlx::DataError);
  REQUIRE_THROWS_WITH(build(text), ContainsSubstring(where) && ContainsSubstring(says));
}

}  // namespace

TEST_CASE("Opportunity CSV: one row gives prices, rates, stamps and one candidate", "[funding]") {
  const MarketTape tape = build(header + extra + '\n' + row + row_extra + '\n');
  REQUIRE(tape.n_steps() == 1);
  REQUIRE(tape.opportunities(0).size() == 1);
  const Opportunity o = tape.opportunities(0)[0];
  REQUIRE(tape.instruments()[o.long_leg].venue_name == "binance");
  REQUIRE(o.pair.net_bph == Approx(5.7644));
  REQUIRE(o.pair.net24_bph == Approx(0.16 / 0.08));  // no history: the projections stand in
  REQUIRE(o.pair.net72_bph == Approx(0.08 / 0.08));
  REQUIRE(o.pair.spread_mean_bp == Approx(25.0));
  REQUIRE(o.long_interval_h == 1.0);
  REQUIRE(o.long_next_ms == tape.time(0) + ms_per_hour);
  REQUIRE(o.volume_usd == Approx(2e6));  // 20,000 coins at 100, the smaller of the legs
  REQUIRE(o.depth_usd == Approx(60'000));
  REQUIRE(o.long_bid_ask_bps == Approx(5.0));
  REQUIRE(tape.report().apr_mismatches == 0);
  REQUIRE(tape.report().opportunity_rows == 1);
  REQUIRE(tape.report().approximations.size() == 1);
  OpportunityCsvOptions quote;
  quote.volume_is_base = false;
  REQUIRE(build(header + extra + '\n' + replaced(row, "20000", "700000") + row_extra + '\n', quote)
              .opportunities(0)[0]
              .volume_usd == Approx(700'000));
}

TEST_CASE("Opportunity CSV: camelCase names and the other time column", "[funding]") {
  const std::string camel =
      "hourly_timestamp,symbol,longExchange,shortExchange,longExchangePrice,shortExchangePrice,longFundingRate,"
      "shortFundingRate,fundApr,"
      "volume24h,longFundingIntervalHours,shortFundingIntervalHours\n";
  const MarketTape a = build(camel + row + ",1,1\n");
  REQUIRE(a.opportunities(0).size() == 1);
  REQUIRE(a.opportunities(0)[0].pair.net_bph == Approx(5.7644));
}

TEST_CASE("Opportunity CSV: a column in two spellings is refused", "[funding]") {
  const std::string twice = header + ",longExchange\n" + row + ",okx\n";
  refused(twice, "list.csv:1", "'long_exchange' and 'longExchange', two spellings of one column");
  refused(header + extra + ",orderbook_depth_usd\n" + row + row_extra + ",1\n", "list.csv:1", "orderbookDepthUsd");
  // Another name for the same thing is no other spelling: the first of the list counts.
  const MarketTape tape = build(header + ",hourly_timestamp\n" + row + ",2025-10-04T00:00:00Z\n");
  REQUIRE(tape.time(0) == 1'759'507'200'000);
}

TEST_CASE("Opportunity CSV: rows outside of the range are left out of all counts", "[funding]") {
  const std::string text = header + '\n' + row + '\n' + replaced(row, "T16:", "T20:") + '\n';
  REQUIRE(build(text).report().opportunity_rows == 2);
  REQUIRE(build(text).report().defaulted_intervals == 2);
  TapeConfig config;
  config.end_ms = 1'759'507'200'000 + ms_per_hour;
  const MarketTape cut = build(text, {}, config);
  REQUIRE(cut.report().opportunity_rows == 1);
  REQUIRE(cut.report().defaulted_intervals == 1);
  config.end_ms = 1'759'507'200'000;
  REQUIRE_THROWS_WITH(build(text, {}, config), ContainsSubstring("no data from the beginning to before 2025-10-03T16:00:00Z"));
}

TEST_CASE("Opportunity CSV: candidates are those of the last step, latest per pair, direction as given", "[funding]") {
  const std::string text = header + extra + '\n' + row + row_extra + '\n' +
                           replaced(replaced(row, "T16:00:00", "T16:20:00"), "Binance,Bybit", "Bybit,Binance") + row_extra +
                           '\n' + replaced(row, "T16:00:00", "T16:40:00") + row_extra + '\n' +
                           replaced(replaced(row, "T16:00:00", "T18:00:00"), "FUSDT", "GUSDT") + row_extra + '\n';
  const MarketTape tape = build(text);
  REQUIRE(tape.n_steps() == 3);
  REQUIRE(tape.opportunities(0).size() == 1);
  REQUIRE(tape.opportunities(1).size() == 1);
  REQUIRE(tape.instruments()[tape.opportunities(1)[0].long_leg].venue_name == "binance");
  REQUIRE(tape.opportunities(2).size() == 1);
  REQUIRE(tape.symbol_name(tape.opportunities(2)[0].symbol) == "GUSDT");
}

TEST_CASE("Opportunity CSV: the settled rate is the last one seen at or before the stamp", "[funding]") {
  // Seen at 16:00 with -0.00082191, at 18:30 with 0.001, at 20:00 with 0.002; hourly stamps, the file ends at 20:00.
  const std::string text = header + extra + '\n' + row + row_extra + '\n' +
                           replaced(replaced(row, "T16:00:00", "T18:30:00"), "-0.00082191", "0.001") + ",1,1,,,,,,,\n" +
                           replaced(replaced(row, "T16:00:00", "T20:00:00"), "-0.00082191", "0.002") + ",1,1,,,,,,,\n";
  const TapeData data = read(text);
  const std::vector<Settlement>& s = data.instruments[0].settlements;
  REQUIRE(s.size() == 4);  // 17, 18, 19, 20 h
  REQUIRE(s[0].rate == -0.00082191);
  REQUIRE(s[1].rate == -0.00082191);
  REQUIRE(s[2].rate == 0.001);
  REQUIRE(s[3].rate == 0.002);
  REQUIRE(s[3].settle_ms - s[0].settle_ms == 3 * ms_per_hour);
  REQUIRE(data.report.apr_mismatches == 2);
}

TEST_CASE("Opportunity CSV: stamps without a stated time are multiples of the interval", "[funding]") {
  const std::string text = header + ",long_funding_interval_hours,short_funding_interval_hours\n" + row + ",4,8\n" +
                           replaced(row, "T16:00:00", "T23:30:00") + ",4,8\n";
  const TapeData data = read(text);
  REQUIRE(data.instruments[0].settlements[0].settle_ms % (4 * ms_per_hour) == 0);
  REQUIRE(data.instruments[0].settlements.size() == 2);  // 20:00, 00:00
  REQUIRE(data.instruments[1].settlements.size() == 1);  // 00:00
  REQUIRE(data.instruments[0].indicative[0].next_settle_ms == data.instruments[0].settlements[0].settle_ms);
}

TEST_CASE("Opportunity CSV: a stated next funding time that cannot be is counted and not used", "[funding]") {
  const auto leg_of = [](const std::string& next) {
    const auto file = header + extra + '\n' + row + replaced(row_extra, "2025-10-03T17:00:00Z", next) + '\n';
    const MarketTape tape = build(file);
    return std::pair(tape.leg(*tape.find("binance", "FUSDT"), 0).next_settle_ms, tape.report().implausible_stamps);
  };
  const std::int64_t five_pm = rlx::io::parse_time_ms("2025-10-03T17:00:00Z");
  REQUIRE(leg_of("2025-10-03T16:30:00Z") == std::pair(five_pm - ms_per_hour / 2, std::size_t{0}));
  for (const char* next : {"2025-10-03T17:00:01Z", "2025-10-05T17:00:00Z", "2098-01-01T00:00:00Z", "2025-10-03T16:00:00Z"})
    REQUIRE(leg_of(next) == std::pair(five_pm, std::size_t{1}));
}

TEST_CASE("Opportunity CSV: 8 h where no interval is given, counted", "[funding]") {
  const MarketTape tape = build(header + '\n' + row + '\n');
  REQUIRE(tape.report().defaulted_intervals == 1);
  REQUIRE(tape.opportunities(0)[0].long_interval_h == 8.0);
  REQUIRE(tape.report().apr_mismatches == 1);  // the stated APR was of hourly rates
}

TEST_CASE("Opportunity CSV: rows of other strategies are dropped and counted", "[funding]") {
  const std::string text =
      header + ",subType\n" + row + ",1\n" + replaced(row, "FUSDT", "GUSDT") + ",3\n" + replaced(row, "FUSDT", "HUSDT") + ",\n";
  const MarketTape tape = build(text);
  REQUIRE(tape.report().dropped_strategies == 1);
  REQUIRE(tape.n_symbols() == 2);
  REQUIRE_THROWS_WITH(build(header + ",subType\n" + row + ",3\n"), ContainsSubstring("subType"));
}

TEST_CASE("Opportunity CSV: times", "[funding]") {
  const auto time_of = [](const std::string& text, const OpportunityCsvOptions& options = {}) {
    return read(header + '\n' + replaced(row, "2025-10-03T16:00:00Z", text) + '\n', options).instruments[0].rows[0].ts_ms;
  };
  const std::int64_t expected = 1'759'507'200'000;
  REQUIRE(time_of("2025-10-03T16:00:00Z") == expected);
  REQUIRE(time_of("2025-10-03T18:00:00+02:00") == expected);
  REQUIRE(time_of("2025-10-03 16:00:00") == expected);  // without a zone: UTC
  REQUIRE(time_of("1759507200000") == expected);
  REQUIRE_THROWS_AS(time_of("10/3/2025 16:00:00"), rlx::DataError);
  OpportunityCsvOptions mdy, dmy;
  mdy.date_order = rlx::io::DateOrder::mdy;
  dmy.date_order = rlx::io::DateOrder::dmy;
  REQUIRE(time_of("10/3/2025 16:00:00", mdy) == expected);
  REQUIRE(time_of("3/10/2025 16:00:00", dmy) == expected);
  refused(header + '\n' + replaced(row, "2025-10-03T16:00:00Z", "1759507200") + '\n', "list.csv:2:1", "multiply by 1000");
  refused(header + '\n' + replaced(row, "2025-10-03T16:00:00Z", "yesterday") + '\n', "list.csv:2:1", "yesterday");
}

TEST_CASE("Opportunity CSV: bad rows are told with line and column", "[funding]") {
  const auto with = [](const std::string& from, const std::string& to) {
    return header + '\n' + row + '\n' + replaced(replaced(row, "T16", "T17"), from, to) + '\n';
  };
  refused(with("Binance,Bybit", "Binance,Binance"), "list.csv:3", "two different venues");
  refused(with("Bybit", "Nowhere"), "list.csv:3", "unknown venue 'Nowhere'");
  refused(with(",100,", ",0,"), "list.csv:3", "price 0");
  refused(with(",100,", ",nan,"), "list.csv:3", "nan");
  refused(with("-0.00082191", "-0.82191"), "list.csv:3", "[-0.5, 0.5]");
  refused(with(",20000", ",-20000"), "list.csv:3", "-20000");
  refused(with(",20000", ""), "list.csv:3", "fields");
  refused(header + ",bidAskSpreadPercent\n" + row + ",200.5\n", "list.csv:2", "expected 0 to 20000");
  refused(header + ",bidAskSpreadPercent\n" + row + ",-1\n", "list.csv:2", "expected 0 to 20000");
  refused(header + ",long_funding_interval_hours\n" + row + ",5\n", "list.csv:2", "1, 2, 4, 8, 12 or 24");
  refused(header + '\n', "list.csv", "no rows");
  refused("", "list.csv", "no rows");
  refused(replaced(header, "fund_apr,volume_24h", "fund_app,volume") + '\n' + row + '\n', "list.csv:1", "fund_apr");
  refused(replaced(header, "fund_apr,volume_24h", "fund_app,volume") + '\n' + row + '\n', "list.csv:1", "volume_24h");
  REQUIRE_THROWS_AS(MarketTape::from_opportunities_csv("no_such_list.csv", {}, {}, VenueTable::builtin()), rlx::DataError);
}

TEST_CASE("Opportunity CSV: rows detected after their own time know the future: counted, refused when strict", "[funding]") {
  const auto report_of = [](const std::string& first, const std::string& second) {
    return build(header + ",detectedAt\n" + row + ',' + first + '\n' + replaced(row, "T16", "T17") + ',' + second + '\n')
        .report();
  };
  const DataReport good = report_of("2025-10-03T16:00:00Z", "");  // detected in time, and not said
  REQUIRE(good.late_detections == 0);
  REQUIRE_FALSE(fails_strict_check(good));
  const DataReport late = report_of("2025-10-03T16:00:00.001Z", "2025-10-03T19:30:00+02:00");
  REQUIRE(late.late_detections == 2);
  REQUIRE(fails_strict_check(late));
  REQUIRE(warnings(late)[0].strict);
  REQUIRE_THAT(warnings(late)[0].finding, ContainsSubstring("2 rows were detected after the time they are stamped with"));
  REQUIRE_THAT(warnings(late)[0].advice, ContainsSubstring("entry_time"));
  REQUIRE(build(replaced(header, "entry_time", "detected_at,entry_time") + "\n1759510800000," + row + '\n')
              .report()
              .late_detections == 1);
  // Rows of other strategies are not used, and not counted.
  REQUIRE(
      build(header + ",detectedAt,subType\n" + row + ",,1\n" + row + ",2025-10-04T00:00:00Z,3\n").report().late_detections ==
      0);
  refused(header + ",detectedAt\n" + row + ",soon\n", "list.csv:2", "soon");
}

TEST_CASE("Opportunity CSV: duplicates and conflicts", "[funding]") {
  REQUIRE(build(header + '\n' + row + '\n' + row + '\n').report().duplicates == 1);
  const std::string conflict = header + '\n' + row + '\n' + replaced(row, ",100,", ",101,") + '\n';
  refused(conflict, "list.csv:3", "line 2");
  TapeConfig last;
  last.conflict_last_wins = true;
  const MarketTape tape = build(conflict, {}, last);
  REQUIRE(tape.report().conflicts == 1);
  REQUIRE(tape.leg(0, 0).row->price == 101);
}

TEST_CASE("Opportunity CSV: one leg in several pairs of a time is one price row", "[funding]") {
  const MarketTape tape = build(header + '\n' + row + '\n' + replaced(row, "Bybit", "OKX") + '\n');
  REQUIRE(tape.instruments().size() == 3);
  REQUIRE(tape.report().price_rows == 3);
  REQUIRE(tape.opportunities(0).size() == 1);  // one per symbol
}

TEST_CASE("Opportunity CSV: two pairs of a time that disagree on a leg are a conflict", "[funding]") {
  const auto with_okx = [](const std::string& from, const std::string& to) {
    return replaced(replaced(row, "Bybit", "OKX"), from, to) + '\n';
  };
  const std::string first = header + '\n' + row + '\n';
  const std::string dearer = with_okx(",100,", ",101,");
  refused(first + dearer, "list.csv:3", "binance FUSDT at 2025-10-03T16:00:00");
  refused(first + dearer, "price 101", "conflicts with line 2 (price 100, rate -0.00082191 per 8 h)");
  refused(first + dearer, "list.csv:3", "--on-conflict last");
  refused(header + '\n' + dearer + row + '\n', "list.csv:3", "price 100");  // the later line is named, whatever the order
  refused(first + with_okx("-0.00082191", "0.002"), "list.csv:3", "rate 0.002");
  refused(header + ",long_funding_interval_hours\n" + row + ",4\n" + replaced(row, "Bybit", "OKX") + ",8\n", "list.csv:3",
          "per 8 h");
  // The other leg of another pair, at another time, or another volume: no conflict.
  REQUIRE(build(first + with_okx("T16", "T17") + replaced(dearer, "T16", "T18")).report().conflicts == 0);
  REQUIRE(build(first + with_okx("20000", "30000")).report().conflicts == 0);

  TapeConfig last;
  last.conflict_last_wins = true;
  const auto price_of = [&last](const std::string& text) {
    const MarketTape tape = build(text, {}, last);
    REQUIRE(tape.report().conflicts == 1);
    return tape.leg(tape.find("binance", "FUSDT").value(), 0).row->price;
  };
  REQUIRE(price_of(first + dearer) == 101);
  REQUIRE(price_of(header + '\n' + dearer + row + '\n') == 100);
  // Bybit's pair stands before OKX's in order of venues, but after it in the file.
  REQUIRE(price_of(header + '\n' + replaced(replaced(row, "T16", "T15"), "100.5", "100.6") + '\n' + dearer + row + '\n') ==
          100);
  // Prices of the tape files decide where they are given.
  TapeData base;
  base.instruments.resize(1);
  base.instruments[0].venue = "binance";
  base.instruments[0].symbol = "FUSDT";
  REQUIRE_NOTHROW(read(first + dearer, {}, {}, std::move(base)));
}

TEST_CASE("Opportunity CSV: with tape files the list gives candidates only", "[funding]") {
  TapeData base;
  for (const char* venue : {"binance", "bybit"}) {
    InstrumentData& one = base.instruments.emplace_back();
    one.venue = venue;
    one.symbol = "FUSDT";
    PriceRow price;
    price.ts_ms = 1'759'507'200'000;
    price.price = 7;
    one.rows.push_back(price);
    one.settlements.push_back({price.ts_ms, 0, 0.0001, 8});
  }
  const TapeData data = read(header + '\n' + row + '\n', {}, {}, std::move(base));
  REQUIRE(data.instruments[0].rows.size() == 1);
  REQUIRE(data.instruments[0].indicative.empty());
  const MarketTape tape(data, {}, VenueTable::builtin());
  REQUIRE(tape.opportunities(0).size() == 1);
  REQUIRE(tape.opportunities(0)[0].long_price == 7);
}

TEST_CASE("Opportunity CSV: the real sample agrees with the formulas to 1e-6", "[funding]") {
  if (!rlx_test::have_funding_data("opportunities_sample.csv")) return;
  const std::string path = rlx_test::funding_data_path("opportunities_sample.csv");
  const auto tape = MarketTape::from_opportunities_csv(path, {}, {}, VenueTable::builtin());
  const DataReport& report = tape->report();
  REQUIRE(report.files[0].rows == 118);
  REQUIRE(report.opportunity_rows == 113);
  REQUIRE(report.dropped_strategies == 5);
  REQUIRE(report.apr_mismatches == 0);
  REQUIRE(report.defaulted_intervals == 0);
  REQUIRE(report.late_detections == 84);  // stamped weeks before, or rounded down to the half hour
  std::size_t listed = 0;
  for (std::size_t k = 0; k < tape->n_steps(); ++k) listed += tape->opportunities(k).size();
  REQUIRE(listed > 20);

  const rlx::io::MappedFile file(path);
  rlx::io::CsvReader rows(file.text(), path,
                          {{.name = "longFundingRate"},
                           {.name = "longFundingIntervalHours"},
                           {.name = "shortFundingRate"},
                           {.name = "shortFundingIntervalHours"},
                           {.name = "fundApr"},
                           {.name = "fundProfit8h"}});
  while (rows.next()) {
    const double net = net_rate_bph(rows.number(0), rows.number(1), rows.number(2), rows.number(3));
    CAPTURE(rows.line());
    REQUIRE(fund_apr(net) == Approx(rows.number(4)).epsilon(1e-6));
    REQUIRE(fund_profit_8h(net) == Approx(rows.number(5)).epsilon(1e-6));
  }
}
