// SPDX-License-Identifier: MIT
#include <rlx/kalshi/wire.hpp>
//
#include <fstream>
#include <string>
#include <vector>

#include "counting_allocator.hpp"
#include "real_data.hpp"
#include "rlx_catch.hpp"

using namespace rlx::kalshi;
using rlx_test::ContainsSubstring;

namespace {

using K = EventKind;
constexpr Micros received = 1'760'000'000'000'000;

struct Parsed {
  FrameInfo info;
  std::string ticker;
  std::vector<EventRow> rows;
};

Parsed parse(const std::string& json, WireConfig config = {}) {
  WireParser parser(std::move(config));
  Parsed result;
  result.info = parser.parse(json, received, [&](const WireEvent& event) {
    result.ticker = event.ticker;
    result.rows.push_back(event.row);
    CHECK(event.sid == 1);
  });
  CHECK(result.info.rows == result.rows.size());
  return result;
}

std::string delta(const std::string& members) {
  return R"({"type":"orderbook_delta","sid":1,"seq":5,"msg":{"market_ticker":"M",)" + members + "}}";
}
std::string snapshot(const std::string& members) {
  return R"({"type":"orderbook_snapshot","sid":1,"seq":5,"msg":{"market_ticker":"M")" + members + "}}";
}
std::string trade(const std::string& members) {
  return R"({"type":"trade","sid":1,"msg":{"market_ticker":"M",)" + members + "}}";
}

void refused(const std::string& json, const std::string& words, WireConfig config = {}) {
  INFO(json);
  WireParser parser(std::move(config));
  try {
    parser.parse(json, received, [](const WireEvent&) { FAIL("the sink got a row of a damaged frame"); });
    FAIL("accepted");
  } catch (const rlx::DataError& error) {
    CHECK_THAT(error.what(), ContainsSubstring(words));
    CHECK(error.line() == 1);
    CHECK(error.column() >= 1);
  }
}

}  // namespace

TEST_CASE("A current delta: decimal text, microseconds, NO prices mirrored", "[kalshi][wire]") {
  const Parsed p = parse(delta(R"("market_id":"x","price_dollars":"0.7400","delta_fp":"-1.84","side":"no",)"
                               R"("ts":"2026-07-01T02:31:45.308599Z","ts_ms":1782873105308)"));
  CHECK(p.info.type == FrameType::delta);
  CHECK(p.info.seq == 5);
  CHECK(p.info.dated);
  CHECK(p.ticker == "M");
  CHECK(p.rows == std::vector<EventRow>{{1'782'873'105'308'599, K::level_delta_no, 2'600, -184}});
}

TEST_CASE("A legacy delta: whole cents and contracts, the time of receipt", "[kalshi][wire]") {
  const Parsed p = parse(delta(R"("price":46,"delta":-54,"side":"yes")"));
  CHECK_FALSE(p.info.dated);
  CHECK(p.rows == std::vector<EventRow>{{received, K::level_delta_yes, 4'600, -5'400}});
}

TEST_CASE("Snapshots in both forms, where a side may be null or absent", "[kalshi][wire]") {
  const std::vector<EventRow> expected = {{received, K::book_clear, 0, 0},
                                          {received, K::level_set_yes, 100, 140'647'486},
                                          {received, K::level_set_yes, 200, 100},
                                          {received, K::level_set_no, 9'000, 50}};
  CHECK(parse(snapshot(R"(,"yes_dollars_fp":[["0.0100","1406474.86"],["0.02","1"]],"no_dollars_fp":[["0.1","0.5"]])")).rows ==
        expected);
  const Parsed legacy = parse(snapshot(R"(,"yes":[[1,300],[45,20]],"no":null)"));
  CHECK(legacy.rows == std::vector<EventRow>{{received, K::book_clear, 0, 0},
                                             {received, K::level_set_yes, 100, 30'000},
                                             {received, K::level_set_yes, 4'500, 2'000}});
  CHECK(parse(snapshot("")).rows.size() == 1);
}

TEST_CASE("Trades in both forms, with seconds or milliseconds", "[kalshi][wire]") {
  const Parsed current = parse(
      trade(R"("yes_price_dollars":"0.4810","count_fp":"12.50","taker_side":"no","ts":1782873105,"ts_ms":1782873105308)"));
  CHECK(current.info.seq == -1);
  CHECK(current.rows == std::vector<EventRow>{{1'782'873'105'308'000, K::trade_no, 4'810, 1'250}});
  CHECK(parse(trade(R"("yes_price":36,"no_price":64,"count":136,"taker_side":"yes","ts":1782873105)")).rows ==
        std::vector<EventRow>{{1'782'873'105'000'000, K::trade_yes, 3'600, 13'600}});
}

TEST_CASE("Replies, other types, member order, white space and escapes", "[kalshi][wire]") {
  CHECK(parse(R"({"type":"ok","id":6,"sid":1,"seq":1,"msg":{"market_tickers":["A"]}})").info.type == FrameType::ok);
  const Parsed subscribed = parse(R"({"type":"subscribed","id":2,"msg":{"channel":"orderbook_delta","sid":3}})");
  CHECK(subscribed.info.type == FrameType::subscribed);
  CHECK(subscribed.info.sid == 3);
  CHECK(subscribed.info.seq == -1);
  const Parsed other = parse(R"({"type":"ticker","sid":9,"seq":4,"msg":17})");
  CHECK(other.info.type == FrameType::other);
  CHECK(other.info.seq == 4);
  CHECK(other.rows.empty());
  const Parsed p = parse(
      "\t{ \"msg\" : {\"side\":\"y\\u0065s\", \"price\": 46 ,\"delta\":1,\"m\\u0061rket_ticker\":\"A\\u002dB\\\"\"},\n "
      "\"seq\":5, \"sid\":1,\"type\":\"orderbook_delta\", \"more\": [true,false,null,{\"a\":-1.5e3}] } ");
  CHECK(p.ticker == "A-B\"");
  CHECK(p.rows == std::vector<EventRow>{{received, K::level_delta_yes, 4'600, 100}});
}

TEST_CASE("Prices and sizes are exact where a double is not", "[kalshi][wire]") {
  CHECK(parse(delta(R"("price_dollars":"0.2900","delta_fp":"999999999999.99","side":"yes")")).rows[0].count ==
        99'999'999'999'999);
  CHECK(parse(delta(R"("price_dollars":"1.0000","delta_fp":"-0.01","side":"yes")")).rows[0].price == 10'000);
  CHECK(parse(delta(R"("price_dollars":"0","delta_fp":"0","side":"yes")")).rows[0].price == 0);
}

TEST_CASE("Damaged frames name line, column, field and what was expected", "[kalshi][wire]") {
  const std::string good = R"("delta_fp":"1.00","side":"yes")";
  for (const char* const text : {"", "[]", "{", "{}x", "nul", "{\"type\":\"ok\",}", "{\"type\" \"ok\"}", "{\"type\":ok}",
                                 "{type:1}", "{\"type\":\"ok\"} {}", "\"ok\"", "{\"type\":\"o\nk\"}", "{\"type\":\"\\x\"}",
                                 "{\"type\":01}", "{\"type\":\"\\ud800\"}"}) {
    refused(text, "expected");
  }
  refused(R"({"sid":1})", "field 'type' is missing");
  refused(R"({"type":1})", "field 'type': expected a text");
  refused(R"({"type":"orderbook_delta","seq":1,"msg":{}})", "field 'sid' is missing");
  refused(R"({"type":"orderbook_delta","sid":1,"msg":{}})", "field 'seq' is missing");
  refused(R"({"type":"orderbook_delta","sid":1,"seq":"1","msg":{}})", "field 'seq': expected an integer");
  refused(R"({"type":"orderbook_delta","sid":1,"seq":1.5,"msg":{}})", "field 'seq': expected an integer");
  refused(R"({"type":"orderbook_delta","sid":1,"seq":-1,"msg":{}})", "field 'seq': expected an integer");
  refused(R"({"type":"orderbook_delta","sid":1,"seq":1})", "field 'msg' is missing");
  refused(R"({"type":"orderbook_delta","sid":1,"seq":1,"msg":[]})", "field 'msg': expected an object");
  refused(R"({"type":"orderbook_delta","sid":1,"seq":1,"msg":{}})", "field 'market_ticker' is missing");
  refused(R"({"type":"orderbook_delta","sid":1,"seq":1,"msg":{"market_ticker":""}})", "ticker of 1 to 100 bytes");
  refused(delta(R"("price_dollars":"0.5")"), "field 'delta_fp' is missing");
  refused(delta(R"("price_dollars":"0.5","delta_fp":"1")"), "field 'side' is missing");
  refused(delta(R"("price_dollars":"0.5","delta_fp":"1","side":"both")"), "field 'side': expected \"yes\" or \"no\"");
  refused(delta("\"price_dollars\":0.5," + good), "field 'price_dollars': expected a price as text");
  refused(delta(R"("price":"46","delta":1,"side":"yes")"), "field 'price': expected a price in whole cents");
  for (const char* const price : {"", "nan", "1e-1", "0.00001", "-0.01", "1.0001", "1.01", ".5", "1.", "+0.5", "0.5 ", "0x1",
                                  "inf", "0.0005", "99999999999999999999"}) {
    refused(delta("\"price_dollars\":\"" + std::string(price) + "\"," + good), "found '" + std::string(price) + "'");
  }
  for (const char* const count : {"", "nan", "1e3", "0.001", "1.", "--1", "1000000000000.01", "9999999999999999999"}) {
    refused(delta("\"price_dollars\":\"0.5\",\"delta_fp\":\"" + std::string(count) + "\",\"side\":\"yes\""),
            "found '" + std::string(count) + "'");
  }
  for (const char* const price : {"101", "-1", "4.5", "46e0", "99999999999999999999"}) {
    refused(delta("\"price\":" + std::string(price) + ",\"delta\":1,\"side\":\"yes\""), "found '" + std::string(price) + "'");
  }
  refused(snapshot(R"(,"yes_dollars_fp":[["0.01","-1.00"]])"), "field 'yes_dollars_fp': expected a size of at least 0");
  refused(snapshot(R"(,"yes_dollars_fp":[["0.01","1"],["0.0100","2"]])"), "twice");
  refused(snapshot(R"(,"no":[[1,1],[1,2]])"), "twice");
  refused(snapshot(R"(,"no":{"1":1})"), "field 'no': expected a list");
  refused(snapshot(R"(,"no":[[1]])"), "a size after the price");
  refused(snapshot(R"(,"no":[[1,2,3]])"), "] after price and size");
  refused(snapshot(R"(,"no":[1,2])"), "a level [price, size]");
  refused(trade(R"("yes_price":36,"count":-1,"taker_side":"yes")"), "found '-1'");
  refused(delta("\"price_dollars\":\"0.5\",\"ts\":\"yesterday\"," + good), "field 'ts': expected a time");
  refused(delta("\"price_dollars\":\"0.5\",\"ts\":\"2019-12-31T23:59:59Z\"," + good), "field 'ts'");
  refused(delta("\"price_dollars\":\"0.5\",\"ts_ms\":4102444800000," + good), "field 'ts_ms'");
  refused(delta("\"price_dollars\":\"0.5\",\"ts_ms\":9223372036854775807," + good), "field 'ts_ms'");
  refused(std::string(R"({"type":"ok","deep":)") + std::string(100, '[') + std::string(100, ']') + "}",
          "at most 64 levels of nesting");
}

TEST_CASE("A column points at the value, a line at the frame", "[kalshi][wire]") {
  WireParser parser(WireConfig{.strict = false, .file = "capture.jsonl"});
  const std::string json = delta(R"("price_dollars":"7.1","delta_fp":"1","side":"yes")");
  parser.parse(R"({"type":"ok"})", received, [](const WireEvent&) {});
  try {
    parser.parse(json, received, [](const WireEvent&) {});
    FAIL("accepted");
  } catch (const rlx::DataError& error) {
    CHECK(error.file() == "capture.jsonl");
    CHECK(error.line() == 2);
    CHECK(error.column() == json.find("\"7.1\"") + 1);
  }
}

TEST_CASE("A given grid refuses prices between its ticks", "[kalshi][wire]") {
  const std::string json = delta(R"("price_dollars":"0.4810","delta_fp":"1","side":"yes")");
  CHECK(parse(json).rows[0].price == 4'810);
  refused(json, "grid linear_cent", WireConfig{.strict = false, .grid = TickGrid::linear_cent});
}

TEST_CASE("Sequence numbers are contiguous within a subscription", "[kalshi][wire]") {
  using V = SequenceTracker::Verdict;
  SequenceTracker tracker;
  CHECK(tracker.on(1, 5) == V::ok);
  CHECK(tracker.on(2, 1) == V::ok);
  CHECK(tracker.on(1, 6) == V::ok);
  CHECK(tracker.on(1, 6) == V::duplicate);
  CHECK(tracker.on(1, 4) == V::duplicate);
  CHECK(tracker.on(1, 9) == V::gap);
  CHECK(tracker.on(1, 10) == V::ok);
  CHECK(tracker.on(2, 2) == V::ok);
  tracker.restart(1);  // goes on: nothing was lost
  CHECK(tracker.on(1, 11) == V::ok);
  tracker.restart(1);  // begins again
  CHECK(tracker.on(1, 1) == V::gap);
  CHECK(tracker.on(1, 2) == V::ok);
  CHECK(tracker.on(1, 1) == V::duplicate);
}

TEST_CASE("Frames are read without allocation once the buffers have grown", "[kalshi][wire]") {
  WireParser parser;
  const std::string book =
      snapshot(R"(,"yes_dollars_fp":[["0.0100","1406474.86"],["0.02","1"]],"no_dollars_fp":[["0.1","0.5"]])");
  const std::string change =
      delta(R"("price_dollars":"0.7400","delta_fp":"-1.84","side":"no","ts":"2026-07-01T02:31:45.308599Z")");
  std::size_t rows = 0;
  const auto sink = [&](const WireEvent&) { ++rows; };
  parser.parse(book, received, sink);
  const rlx_test::AllocationCounter counter;
  for (int i = 0; i < 10; ++i) {
    parser.parse(book, received, sink);
    parser.parse(change, received, sink);
  }
  CHECK(counter.count() == 0);
  CHECK(rows == 4 + 10 * 5);
}

TEST_CASE("The recorded session is contiguous and in the current form", "[kalshi][wire][real]") {
  if (!rlx_test::have_kalshi_data("ws_capture/session_demo_2026-07-01.jsonl")) return;
  std::ifstream file(rlx_test::kalshi_data_path("ws_capture/session_demo_2026-07-01.jsonl"));
  WireParser parser;
  SequenceTracker tracker;
  std::int64_t expected = 1;
  std::size_t frames = 0, snapshots = 0, deltas = 0;
  for (std::string line; std::getline(file, line); ++frames) {
    const FrameInfo info = parser.parse(line, received, [](const WireEvent&) {});
    snapshots += info.type == FrameType::snapshot ? 1 : 0;
    deltas += info.type == FrameType::delta ? 1 : 0;
    if (info.seq < 0) continue;
    REQUIRE(info.seq == expected++);
    REQUIRE(tracker.on(info.sid, info.seq) == SequenceTracker::Verdict::ok);
  }
  CHECK(frames == 2'896);
  CHECK(expected == 2'895);
  CHECK(snapshots == 5);
  CHECK(deltas == 2'885);
}
