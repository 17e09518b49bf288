// SPDX-License-Identifier: MIT
#include <rlx/kalshi/import_ws.hpp>
//
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <rlx/kalshi/detail/decimal.hpp>
#include <rlx/kalshi/order_book.hpp>

#include "real_data.hpp"
#include "rlx_catch.hpp"

using namespace rlx::kalshi;
using rlx_test::ContainsSubstring;

namespace {

using K = EventKind;
const char* const capture = "ws_capture/session_demo_2026-07-01.jsonl";

std::string snapshot(int seq, const std::string& ticker, const std::string& more = "") {
  return R"({"type":"orderbook_snapshot","sid":1,"seq":)" + std::to_string(seq) + R"(,"msg":{"market_ticker":")" + ticker +
         R"(","yes_dollars_fp":[["0.4500","1.00"]])" + more + "}}\n";
}
std::string delta(int seq, const std::string& ticker, const std::string& second) {
  return R"({"type":"orderbook_delta","sid":1,"seq":)" + std::to_string(seq) + R"(,"msg":{"market_ticker":")" + ticker +
         R"(","price_dollars":"0.4400","delta_fp":"2.00","side":"yes")" +
         (second.empty() ? "" : ",\"ts\":\"2026-07-01T02:31:" + second + "Z\"") + "}}\n";
}
Micros at(Micros seconds) { return 1'782'873'060'000'000 + seconds * 1'000'000; }  // 02:31:00

struct Imported {
  ImportReport report;
  std::shared_ptr<const SessionData> session;
};
Imported import(const std::string& text, WireConfig config = {}) {
  std::istringstream stream(text);
  SessionBuilder builder;
  Imported result;
  result.report = import_ws_jsonl(stream, config, builder);
  result.session = builder.finish();
  return result;
}

// The book after all events, and whether it was ever crossed or broken.
struct Replayed {
  OrderBook book;
  bool crossed = false;
};
Replayed replay(const SessionData& session, std::size_t market) {
  Replayed result{OrderBook(session.markets()[market].grid)};
  const EventColumns rows = session.columns(market);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    result.book.apply(rows.row(i));
    const bool group_ends = i + 1 == rows.size() || rows.ts_us[i + 1] / 1'000 != rows.ts_us[i] / 1'000;
    result.crossed = result.crossed || (group_ends && result.book.crossed());
  }
  return result;
}

std::string read_capture() {
  std::ifstream file(rlx_test::kalshi_data_path(capture));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("Frames without time take the running maximum, early ones the first dated frame's time", "[kalshi][import_ws]") {
  const Imported data = import(snapshot(1, "A") + snapshot(2, "B") + "\n" + delta(3, "A", "10") + snapshot(4, "C") +
                               delta(5, "B", "09.5") + delta(6, "C", "11"));
  REQUIRE(data.session->markets().size() == 3);
  CHECK(data.session->columns(0).ts_us[0] == at(10));
  CHECK(data.session->columns(1).ts_us[0] == at(10));
  CHECK(data.session->columns(1).ts_us[2] == at(10));  // 9.5 s raised
  CHECK(data.session->columns(2).ts_us[0] == at(10));
  CHECK(data.session->columns(2).ts_us[2] == at(11));
  CHECK(data.report.backwards == 1);
  CHECK(data.session->reports()[1].backwards == 1);
  CHECK(data.report.rows == 6);
  CHECK(data.report.snapshots == 3);
  CHECK(data.report.deltas == 3);
  CHECK(data.session->source() == "ws-jsonl");
}

TEST_CASE("A missing number breaks every market of the subscription until its next snapshot", "[kalshi][import_ws]") {
  const std::string other =
      R"({"type":"orderbook_snapshot","sid":2,"seq":1,"msg":{"market_ticker":"Z","yes":[[4,5]],"ts_ms":1782873061000}})"
      "\n";
  const Imported data = import(snapshot(1, "A") + snapshot(2, "B") + other + delta(3, "A", "10") + delta(5, "A", "20") +
                               delta(6, "B", "21") + snapshot(7, "B", R"(,"ts":"2026-07-01T02:31:22Z")") + delta(8, "A", "23"));
  CHECK(data.report.gaps == 1);
  const EventColumns a = data.session->columns(0), b = data.session->columns(1), z = data.session->columns(2);
  CHECK(a.row(3) == EventRow{at(20), K::gap_begin, 0, 0});
  CHECK(b.row(2) == EventRow{at(20), K::gap_begin, 0, 0});
  CHECK(b.row(4) == EventRow{at(22), K::gap_end, 0, 0});
  CHECK(b.row(5) == EventRow{at(22), K::book_clear, 0, 0});
  CHECK(z.size() == 2);
  CHECK(replay(*data.session, 0).book.broken());
  CHECK_FALSE(replay(*data.session, 1).book.broken());
}

TEST_CASE("Repeats are dropped, deltas before a snapshot skipped, other types counted", "[kalshi][import_ws]") {
  const Imported data = import(delta(1, "A", "09") + snapshot(2, "A") + delta(3, "A", "10") + delta(3, "A", "10") +
                               R"({"type":"ticker","sid":1,"seq":4,"msg":{}})"
                               "\n"
                               R"({"type":"ok","sid":1,"seq":5,"msg":{}})"
                               "\n" +
                               delta(6, "A", "11"));
  CHECK(data.report.duplicates == 1);
  CHECK(data.report.before_snapshot == 1);
  CHECK(data.report.unknown == 1);
  CHECK(data.report.replies == 1);
  CHECK(data.report.gaps == 0);
  CHECK(data.session->reports()[0].duplicates == 1);
  CHECK(data.session->reports()[0].before_snapshot == 1);
  CHECK(data.session->columns(0).size() == 4);
}

TEST_CASE("Strict throws with the line where rows would be repaired", "[kalshi][import_ws]") {
  const WireConfig strict{.strict = true, .file = "x.jsonl"};
  const auto fails = [&](const std::string& text, const char* where) {
    REQUIRE_NOTHROW(import(text));
    try {
      import(text, strict);
      return false;
    } catch (const rlx::DataError& error) {
      CHECK_THAT(error.what(), ContainsSubstring(where));
      return true;
    }
  };
  CHECK(fails(delta(1, "A", "09"), "x.jsonl:1: A: the row at"));
  CHECK(fails(snapshot(1, "A") + delta(2, "A", "10") + delta(3, "A", "09"), "x.jsonl:3: the frame is dated"));
}

TEST_CASE("Damage stops the import at its line, and a recording needs a time", "[kalshi][import_ws]") {
  try {
    import(snapshot(1, "A") + "\n{\"type\":", {.strict = false, .file = "x.jsonl"});
    FAIL("accepted");
  } catch (const rlx::DataError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("x.jsonl:3:9: "));
  }
  REQUIRE_THROWS_AS(import(snapshot(1, "A")), rlx::DataError);
  CHECK(import("").report == ImportReport{});
}

TEST_CASE("A configured grid and close rule describe the markets", "[kalshi][import_ws]") {
  WireConfig config;
  config.grid = TickGrid::deci_cent;
  config.environment = "demo";
  const Imported data = import(snapshot(1, "A-25DEC16-B1") + delta(2, "A-25DEC16-B1", "10"), config);
  CHECK(data.session->markets()[0].grid == TickGrid::deci_cent);
  CHECK(data.session->markets()[0].close_us == 1'765'947'600'000'000);
  CHECK(data.session->environment() == "demo");
}

TEST_CASE("The recorded session has no gap, no clamp and no crossed book", "[kalshi][import_ws][real]") {
  if (!rlx_test::have_kalshi_data(capture)) return;
  const Imported data = import(read_capture());
  CHECK(data.report.rows == 2'896);
  CHECK(data.report.markets == 5);
  CHECK(data.report.snapshots == 5);
  CHECK(data.report.deltas == 2'885);
  CHECK(data.report.replies == 6);
  CHECK(data.report.unknown == 0);
  CHECK(data.report.gaps == 0);
  CHECK(data.report.duplicates == 0);
  for (std::size_t m = 0; m < 5; ++m) {
    const std::string& ticker = data.session->markets()[m].ticker;
    INFO(ticker);
    const Replayed replayed = replay(*data.session, m);
    CHECK(replayed.book.clamped() == 0);
    CHECK_FALSE(replayed.crossed);
    CHECK(data.session->data_quality_score(m) == 1.0);
    CHECK(data.session->markets()[m].grid == TickGrid::linear_cent);
    CHECK_FALSE(data.session->markets()[m].close_us);
    if (ticker.ends_with("GSW")) CHECK(replayed.book.touch() == Touch{4'700, 4'800});
    if (ticker.ends_with("MIA")) CHECK(replayed.book.touch() == Touch{1'600, 1'700});
  }
}

TEST_CASE("One delta taken out of the recording is one gap, and the books stay broken", "[kalshi][import_ws][real]") {
  if (!rlx_test::have_kalshi_data(capture)) return;
  std::string text = read_capture();
  std::size_t begin = 0;
  for (int line = 0; line < 1'500; ++line) begin = text.find('\n', begin) + 1;
  REQUIRE(text.compare(begin, 26, R"({"type":"orderbook_delta",)") == 0);
  text.erase(begin, text.find('\n', begin) + 1 - begin);
  const Imported data = import(text);
  CHECK(data.report.gaps == 1);
  for (std::size_t m = 0; m < 5; ++m) {
    CHECK(data.session->reports()[m].gaps == 1);
    CHECK(replay(*data.session, m).book.broken());
    if (m >= 2) CHECK(data.session->data_quality_score(m) < 1.0);  // the first two have no rows after the gap
  }
}

// Rounded to whole contracts the recording can be told in both forms; the sizes are rounded, not their changes, so that no
// error adds up.
TEST_CASE("Legacy and current frames of one recording give equal books", "[kalshi][import_ws][real]") {
  if (!rlx_test::have_kalshi_data(capture)) return;
  std::istringstream lines(read_capture());
  std::string legacy, current;
  std::map<std::pair<std::string, std::pair<bool, Price>>, Count> exact;
  const auto rounded = [](Count size) { return (size + 50) / 100; };
  WireParser parser;
  for (std::string line; std::getline(lines, line);) {
    std::vector<EventRow> rows;
    std::string ticker;
    const FrameInfo info = parser.parse(line, 0, [&](const WireEvent& event) {
      rows.push_back(event.row);
      ticker = event.ticker;
    });
    const std::string head = "\"sid\":1,\"seq\":" + std::to_string(info.seq) + ",\"msg\":{\"market_ticker\":\"" + ticker + '"';
    if (info.type == FrameType::snapshot) {
      std::string sides[2][2];
      for (std::size_t i = 1; i < rows.size(); ++i) {
        const bool yes = rows[i].kind == K::level_set_yes;
        const Price own = yes ? rows[i].price : 10'000 - rows[i].price;
        exact[{ticker, {yes, own}}] = rows[i].count;
        const std::string size = std::to_string(rounded(rows[i].count));
        (sides[0][yes] += sides[0][yes].empty() ? "" : ",") += "[" + std::to_string(own / 100) + "," + size + "]";
        (sides[1][yes] += sides[1][yes].empty() ? "" : ",") +=
            "[\"" + detail::format_decimal(own, 4) + "\",\"" + size + ".00\"]";
      }
      legacy += R"({"type":"orderbook_snapshot",)" + head + ",\"yes\":[" + sides[0][1] + "],\"no\":[" + sides[0][0] + "]}}\n";
      current += R"({"type":"orderbook_snapshot",)" + head + ",\"yes_dollars_fp\":[" + sides[1][1] + "],\"no_dollars_fp\":[" +
                 sides[1][0] + "]}}\n";
    } else if (info.type == FrameType::delta) {
      const bool yes = rows[0].kind == K::level_delta_yes;
      const Price own = yes ? rows[0].price : 10'000 - rows[0].price;
      Count& size = exact[{ticker, {yes, own}}];
      const Count change = rounded(size + rows[0].count) - rounded(size);
      size += rows[0].count;
      const std::string tail = std::string(",\"side\":\"") + (yes ? "yes" : "no") + "\",\"ts\":\"" +
                               detail::format_time_us(rows[0].ts_us) + "\"}}\n";
      legacy += R"({"type":"orderbook_delta",)" + head + ",\"price\":" + std::to_string(own / 100) +
                ",\"delta\":" + std::to_string(change) + tail;
      current += R"({"type":"orderbook_delta",)" + head + ",\"price_dollars\":\"" + detail::format_decimal(own, 4) +
                 "\",\"delta_fp\":\"" + std::to_string(change) + ".00\"" + tail;
    } else if (info.seq > 0) {
      const std::string reply = R"({"type":"ok","sid":1,"seq":)" + std::to_string(info.seq) + "}\n";
      legacy += reply;
      current += reply;
    }
  }
  const Imported a = import(legacy), b = import(current), original = import(read_capture());
  CHECK(a.report.gaps == 0);
  CHECK(a.session->sha256() == b.session->sha256());
  for (std::size_t m = 0; m < 5; ++m) {
    const OrderBook book = replay(*a.session, m).book, exact_book = replay(*original.session, m).book;
    for (const BookSide side : {BookSide::yes, BookSide::no}) {
      for (Price price = 0; price <= 10'000; price += 100) {
        const Count difference = book.size_at(side, price) - exact_book.size_at(side, price);
        REQUIRE(difference <= 50);
        REQUIRE(difference >= -50);
      }
    }
  }
}
