// SPDX-License-Identifier: MIT
#include <rlx/kalshi/sqlite_session_store.hpp>
//
#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/kalshi/import_bbo.hpp>
#include <rlx/kalshi/import_ws.hpp>

#include "../io/temporary_file.hpp"
#include "real_data.hpp"
#include "rlx_catch.hpp"

using namespace rlx::kalshi;
using rlx::io::SqliteMode;
using rlx_test::ContainsSubstring;
using rlx_test::TemporaryFile;

namespace {

using K = EventKind;
constexpr Micros t0 = 1'750'000'000'000'000;
constexpr Micros ms = 1'000;

bool equal_columns(const SessionData& a, const SessionData& b) {
  if (a.markets().size() != b.markets().size()) return false;
  for (std::size_t m = 0; m < a.markets().size(); ++m) {
    const EventColumns x = a.columns(m), y = b.columns(m);
    const bool same = std::equal(x.ts_us.begin(), x.ts_us.end(), y.ts_us.begin(), y.ts_us.end()) &&
                      std::equal(x.kind.begin(), x.kind.end(), y.kind.begin(), y.kind.end()) &&
                      std::equal(x.price.begin(), x.price.end(), y.price.begin(), y.price.end()) &&
                      std::equal(x.count.begin(), x.count.end(), y.count.begin(), y.count.end());
    if (!same || !(a.markets()[m] == b.markets()[m]) || !(a.reports()[m] == b.reports()[m])) return false;
  }
  return a.start_us() == b.start_us() && a.end_us() == b.end_us();
}

// A session with everything: random rows of all kinds, gaps, clamps, repeats, several grids, a market without rows.
std::shared_ptr<const SessionData> random_session(std::uint64_t seed, SessionId id = 0) {
  rlx::RandomStream random(rlx::StreamId{.seed = seed, .purpose = rlx::Purpose::user});
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random.bounded(n)); };
  SessionBuilder builder(id);
  builder.set_source("random", "demo");
  builder.set_span(t0 - 77, t0 + 1);
  for (int m = 0; m < 5; ++m) {
    MarketInfo info;
    info.ticker = "S-" + std::to_string(seed) + "-M" + std::to_string(m);
    info.event_ticker = "an event";
    info.grid = m == 0 ? TickGrid::deci_cent : m == 1 ? TickGrid::tapered_deci_cent : TickGrid::linear_cent;
    info.fees = {m == 2 ? FeeType::flat : FeeType::quadratic_with_maker_fees, 12'345, 678, FeeRounding::cent, 100};
    if (m != 3) info.close_us = t0 + m;
    if (m == 2) info.open_us = t0 - 5;
    if (m == 1) info.settlement = 3'700;
    info.has_sizes = m != 2;
    builder.set_market(info);
  }
  Micros now = t0;
  for (int i = 0; i < 400; ++i) {
    now += below(3) == 0 ? below(5'000) : -below(2) * below(40);
    const auto market = static_cast<std::size_t>(below(4));  // the fifth has no rows
    const TickGrid grid = builder.info(market).grid;
    const auto price = [&] { return tick_price(grid, static_cast<int>(below(static_cast<std::uint64_t>(tick_count(grid))))); };
    switch (below(12)) {
      case 0:
        builder.append(market, {now, K::book_clear, 0, 0});
        for (int tick = static_cast<int>(below(20)); tick < tick_count(grid); tick += 1 + static_cast<int>(below(40))) {
          builder.append(market,
                         {now, below(2) == 0 ? K::level_set_yes : K::level_set_no, tick_price(grid, tick), below(9'000)});
        }
        break;
      case 1:
        builder.append(market, {now, K::gap_begin, 0, 0});
        break;
      case 2:
        builder.append(market, {now, below(2) == 0 ? K::trade_yes : K::trade_no, price(), below(500)});
        break;
      case 3:
        builder.count_duplicate(market);
        break;
      default:
        builder.append(market, {now, below(2) == 0 ? K::level_delta_yes : K::level_delta_no, price(), below(4'000) - 1'000});
    }
  }
  return builder.finish();
}

void fails_with(SqliteSessionStore& store, SessionId id, const std::string& words) {
  try {
    store.load(id);
    FAIL("accepted");
  } catch (const rlx::DataError& error) {
    CHECK_THAT(error.what(), ContainsSubstring(words));
  }
}

// The tables as the recorder before made them: cents, whole contracts, no added columns.
constexpr const char* older_tables = R"sql(
CREATE TABLE rl_orderbook_sessions(session_id INTEGER PRIMARY KEY, market_tickers TEXT, started_at TEXT, ended_at TEXT,
  status TEXT, websocket_url TEXT, environment TEXT, connection_metadata TEXT, messages_received INTEGER,
  snapshots_count INTEGER, deltas_count INTEGER, last_message_at TEXT, error_message TEXT, created_at TEXT);
CREATE TABLE rl_orderbook_snapshots(id INTEGER PRIMARY KEY, session_id INTEGER, market_ticker TEXT, timestamp_ms INTEGER,
  sequence_number INTEGER, yes_bids TEXT, yes_asks TEXT, no_bids TEXT, no_asks TEXT, yes_spread INTEGER, no_spread INTEGER,
  yes_mid_price REAL, no_mid_price REAL, total_volume INTEGER, created_at TEXT);
CREATE TABLE rl_orderbook_deltas(id INTEGER PRIMARY KEY, session_id INTEGER, market_ticker TEXT, timestamp_ms INTEGER,
  sequence_number INTEGER, side TEXT, action TEXT, price INTEGER, old_size INTEGER, new_size INTEGER, created_at TEXT);
INSERT INTO rl_orderbook_sessions(session_id, market_tickers, started_at, ended_at, status) VALUES
  (4, '["X-25DEC16-B", "X-25DEC16-A"]', '2025-12-16 10:00:00.250000+00:00', '2025-12-16T11:00:00Z', 'closed'),
  (5, '[]', '2025-12-16T12:00:00Z', NULL, 'active'),
  (6, '[]', '2025-12-16T12:00:00Z', NULL, 'closed');
INSERT INTO rl_orderbook_deltas(session_id, market_ticker, timestamp_ms, sequence_number, side, action, price, old_size,
  new_size)
  VALUES (4, 'X-25DEC16-A', 1765880000200, 4, 'no', 'add', 60, NULL, 7),
         (4, 'X-25DEC16-A', 1765880000100, 3, 'yes', 'update', 45, 10, 4),
         (4, 'X-25DEC16-A', 1765880000300, 5, 'yes', 'remove', 45, 4, -2),
         (4, 'X-25DEC16-A', 1765880000300, 5, 'yes', 'remove', 45, 4, -2);
INSERT INTO rl_orderbook_snapshots(session_id, market_ticker, timestamp_ms, sequence_number, yes_bids, yes_asks, no_bids)
  VALUES (4, 'X-25DEC16-A', 1765880000000, 3, '{"45": 10, "40": 2}', '{"99": 1}', '{"50": 3}'),
         (4, 'X-25DEC16-B', 1765880000000, 2, NULL, NULL, '{}');
)sql";

}  // namespace

TEST_CASE("SQLite store: what is saved comes back, byte for byte", "[kalshi][sqlite_session_store]") {
  const TemporaryFile file;
  std::vector<std::shared_ptr<const SessionData>> sessions;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) sessions.push_back(random_session(seed));
  {
    SqliteSessionStore store(file.path);
    CHECK(store.list().empty());
    CHECK(store.markets().empty());
    CHECK(store.save(*sessions[0]) == 1);
    const std::vector<SessionId> ids = store.save_all(std::span(sessions).subspan(1));
    REQUIRE(ids.size() == 19);
    CHECK(ids.back() == 20);
  }
  SqliteSessionStore store(file.path, SqliteMode::read_only);
  const auto list = store.list();
  REQUIRE(list.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) {
    INFO("session " << i);
    const auto loaded = store.load(list[i].id);
    REQUIRE(equal_columns(*loaded, *sessions[i]));
    CHECK(loaded->sha256() == sessions[i]->sha256());
    CHECK(loaded->data_quality_score() == sessions[i]->data_quality_score());
    CHECK(loaded->session_id() == list[i].id);
    CHECK(loaded->source() == "random");
    CHECK(loaded->environment() == "demo");
    CHECK(list[i].loadable);
    CHECK(list[i].markets == 5);
    CHECK(list[i].start_us == sessions[i]->start_us());
    CHECK(list[i].end_us == sessions[i]->end_us());
  }
  const auto markets = store.markets();
  REQUIRE(markets.size() == 100);
  CHECK(std::is_sorted(markets.begin(), markets.end(), [](const auto& a, const auto& b) { return a.ticker < b.ticker; }));
}

TEST_CASE("SQLite store: the order of the markets does not matter", "[kalshi][sqlite_session_store]") {
  const auto build = [](const std::vector<const char*>& tickers) {
    SessionBuilder builder;
    for (const char* const ticker : tickers) builder.append(ticker, {t0, K::book_clear, 0, 0});
    for (const char* const ticker : tickers) builder.append(ticker, {t0 + ms, K::level_delta_yes, 4'500, ticker[0] * 100});
    return builder.finish();
  };
  const TemporaryFile a, b;
  SqliteSessionStore store_a(a.path), store_b(b.path);
  store_a.save(*build({"A", "B", "C"}));
  store_b.save(*build({"C", "A", "B"}));
  CHECK(equal_columns(*store_a.load(1), *store_b.load(1)));

  // Rows inserted in another order, market by market backwards.
  rlx::io::SqliteDatabase database(b.path, SqliteMode::read_write);
  database.execute(
      "CREATE TABLE copy AS SELECT * FROM rl_orderbook_deltas; DELETE FROM rl_orderbook_deltas;"
      "UPDATE copy SET id = 100 - id; INSERT INTO rl_orderbook_deltas SELECT * FROM copy ORDER BY id;");
  CHECK(equal_columns(*store_a.load(1), *store_b.load(1)));
}

TEST_CASE("SQLite store: a file of the older recorder loads, and is completed by the first save",
          "[kalshi][sqlite_session_store]") {
  const TemporaryFile file;
  { rlx::io::SqliteDatabase(file.path, SqliteMode::create).execute(older_tables); }
  SqliteSessionStore store(file.path, SqliteMode::read_write);
  const auto list = store.list();
  REQUIRE(list.size() == 3);
  CHECK(list[0].loadable);
  CHECK_FALSE(list[1].loadable);
  CHECK(list[1].status == "active");
  CHECK_FALSE(list[2].loadable);
  fails_with(store, 5, "session 5 has the status 'active' and no end; expected 'closed' with an end; available: 4");
  fails_with(store, 6, "session 6");
  fails_with(store, 1, "session 1 is not in the store; available: 4");

  const auto check = [&] {
    const auto session = store.load(4);
    REQUIRE(session->markets().size() == 2);
    CHECK(session->start_us() == 1'765'879'200'250'000);
    CHECK(session->end_us() == 1'765'882'800'000'000);
    CHECK(session->markets()[0].close_us == 1'765'947'600'000'000);
    const EventColumns rows = session->columns(0);
    const Micros at = 1'765'880'000'000'000;
    const std::vector<EventRow> expected = {{at, K::book_clear, 0, 0},
                                            {at, K::level_set_yes, 4'500, 1'000},
                                            {at, K::level_set_yes, 4'000, 200},
                                            {at, K::level_set_no, 5'000, 300},
                                            {at + 100 * ms, K::level_delta_yes, 4'500, -600},
                                            {at + 200 * ms, K::level_delta_no, 4'000, 700},
                                            {at + 300 * ms, K::level_delta_yes, 4'500, -600}};
    REQUIRE(rows.size() == expected.size());
    for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows.row(i) == expected[i]);
    CHECK(session->reports()[0].duplicates == 1);
    CHECK(session->reports()[0].clamped == 1);  // -2 contracts are still visible
    CHECK(session->columns(1).size() == 1);
  };
  check();
  CHECK(store.markets().size() == 2);
  CHECK(store.save(*random_session(3)) == 7);
  check();
  CHECK(equal_columns(*store.load(7), *random_session(3)));
  CHECK(store.markets().size() == 7);
}

TEST_CASE("SQLite store: gaps of a whole session break every market", "[kalshi][sqlite_session_store]") {
  const TemporaryFile file;
  rlx::io::SqliteDatabase database(file.path, SqliteMode::create);
  database.execute(older_tables);
  // The table in its plain form, without id and microseconds.
  database.execute(
      "CREATE TABLE rl_orderbook_gaps(session_id, market_ticker, timestamp_ms, expected, got);"
      "INSERT INTO rl_orderbook_gaps VALUES(4, NULL, 1765880000150, 4, 9)");
  const auto session = SqliteSessionStore(file.path).load(4);
  CHECK(session->columns(0).row(5) == EventRow{1'765'880'000'150'000, K::gap_begin, 0, 0});
  CHECK(session->reports()[1].gaps == 1);
}

TEST_CASE("SQLite store: nothing is written unless everything is", "[kalshi][sqlite_session_store]") {
  const TemporaryFile file;
  SqliteSessionStore store(file.path);
  store.save(*random_session(1, 5));
  const std::vector<std::shared_ptr<const SessionData>> two = {random_session(2), random_session(3, 5)};
  try {
    store.save_all(two);
    FAIL("accepted");
  } catch (const rlx::DataError& error) {
    CHECK_THAT(error.what(), ContainsSubstring(file.path + ": session 5 is in the store already"));
  }
  CHECK(store.list().size() == 1);
  CHECK(store.markets().size() == 5);
  CHECK(equal_columns(*store.load(5), *random_session(1)));
  CHECK(store.save(*random_session(2)) == 6);
}

TEST_CASE("SQLite store: descriptions of one market are joined, contradictions refused", "[kalshi][sqlite_session_store]") {
  const auto session = [](std::optional<Price> settlement, std::optional<Micros> close, TickGrid grid, bool has_sizes) {
    SessionBuilder builder;
    MarketInfo info;
    info.ticker = "S-E-M";
    info.settlement = settlement;
    info.close_us = close;
    info.grid = grid;
    info.has_sizes = has_sizes;
    builder.append(builder.set_market(info), {t0, K::book_clear, 0, 0});
    return builder.finish();
  };
  const TemporaryFile file;
  SqliteSessionStore store(file.path);
  store.save(*session({}, t0 + 1, TickGrid::deci_cent, true));
  store.save(*session(10'000, {}, TickGrid::linear_cent, true));
  const MarketInfo joined = store.markets().at(0);
  CHECK(joined.settlement == 10'000);
  CHECK(joined.close_us == t0 + 1);
  CHECK(joined.grid == TickGrid::deci_cent);
  CHECK(store.load(1)->markets()[0] == joined);
  REQUIRE_THROWS_AS(store.save(*session(0, {}, TickGrid::deci_cent, true)), rlx::DataError);
  REQUIRE_THROWS_AS(store.save(*session({}, {}, TickGrid::deci_cent, false)), rlx::DataError);
  CHECK(store.list().size() == 2);
}

TEST_CASE("SQLite store: damaged rows name table and row", "[kalshi][sqlite_session_store]") {
  const auto damaged = [](const std::string& sql, const std::string& words) {
    INFO(sql);
    const TemporaryFile file;
    rlx::io::SqliteDatabase database(file.path, SqliteMode::create);
    database.execute(older_tables);
    database.execute(sql);
    SqliteSessionStore store(file.path);
    fails_with(store, 4, words);
  };
  damaged("UPDATE rl_orderbook_deltas SET side = 'both' WHERE id = 2",
          "rl_orderbook_deltas, row 2: side: expected yes or no, found 'both'");
  damaged("UPDATE rl_orderbook_deltas SET price = 101 WHERE id = 2", "row 2: price: expected 0..100, found 101");
  damaged("UPDATE rl_orderbook_deltas SET price = 'x' WHERE id = 2", "row 2: price: expected an integer, found 'x'");
  damaged("UPDATE rl_orderbook_deltas SET price = 45.5 WHERE id = 2", "row 2: price: expected an integer, found '45.5'");
  damaged("UPDATE rl_orderbook_deltas SET new_size = 9223372036854775807 WHERE id = 2", "row 2: new_size: expected at most");
  damaged("UPDATE rl_orderbook_deltas SET new_size = NULL WHERE id = 2", "row 2: new_size: expected an integer");
  damaged("UPDATE rl_orderbook_deltas SET timestamp_ms = 5 WHERE id = 2", "2020");
  damaged("UPDATE rl_orderbook_deltas SET timestamp_ms = -5 WHERE id = 2", "row 2: timestamp_ms");
  damaged("UPDATE rl_orderbook_deltas SET market_ticker = '' WHERE id = 2", "row 2: expected a ticker");
  damaged("UPDATE rl_orderbook_snapshots SET yes_bids = '{\"45\": 1.5}' WHERE id = 1",
          "row 1: yes_bids: expected an integer, found '1.5'");
  damaged("UPDATE rl_orderbook_snapshots SET yes_bids = '{\"45\": -1}' WHERE id = 1", "not below 0");
  damaged("UPDATE rl_orderbook_snapshots SET yes_bids = '{\"45\": 1, \"45\": 2}' WHERE id = 1", "twice");
  damaged("UPDATE rl_orderbook_snapshots SET no_bids = '[45, 1]' WHERE id = 1", "row 1, no_bids: expected an object");
  damaged("UPDATE rl_orderbook_snapshots SET no_bids = '{\"45\": 1' WHERE id = 1", "row 1, no_bids: expected , or }");
  damaged("UPDATE rl_orderbook_sessions SET market_tickers = '[1]' WHERE session_id = 4", "row 4: expected a text");
  damaged("UPDATE rl_orderbook_sessions SET ended_at = 'soon' WHERE session_id = 4", "row 4: expected a time");
  damaged("ALTER TABLE rl_orderbook_sessions ADD COLUMN price_unit_e4 INTEGER DEFAULT 3", "price_unit_e4 that divides 10000");
}

TEST_CASE("SQLite store: whatever a cell holds, a load gives a session or a data error", "[kalshi][sqlite_session_store]") {
  const TemporaryFile file;
  {
    SqliteSessionStore store(file.path);
    store.save(*random_session(4));
  }
  const std::vector<std::pair<const char*, std::vector<const char*>>> tables = {
      {"rl_orderbook_sessions",
       {"market_tickers", "started_at", "ended_at", "status", "price_unit_e4", "count_unit_e2", "schema_version", "source"}},
      {"rl_orderbook_snapshots",
       {"session_id", "market_ticker", "timestamp_ms", "exchange_ts_us", "sequence_number", "yes_bids", "no_bids"}},
      {"rl_orderbook_deltas",
       {"session_id", "market_ticker", "timestamp_ms", "exchange_ts_us", "sequence_number", "side", "price", "old_size",
        "new_size"}},
      {"rl_orderbook_trades", {"market_ticker", "exchange_ts_us", "sequence_number", "taker_side", "yes_price", "size"}},
      {"rl_orderbook_gaps", {"market_ticker", "exchange_ts_us", "expected", "got"}},
      {"rl_markets", {"ticker", "close_us", "settlement_e4", "grid", "fee_type", "taker_rate_e6", "fee_rounding", "has_sizes"}},
      {"rl_session_markets", {"duplicates", "backwards", "before_snapshot", "before_snapshot_us"}}};
  const std::vector<const char*> values = {"NULL",
                                           "0",
                                           "-1",
                                           "7",
                                           "9223372036854775807",
                                           "-9223372036854775808",
                                           "1.5",
                                           "1e300",
                                           "''",
                                           "'yes'",
                                           "'[]'",
                                           "'{}'",
                                           "'{\"1\":2}'",
                                           "'['",
                                           "'nan'",
                                           "x'00ff80'",
                                           "'2025-01-01'",
                                           "'a\nb'"};
  const std::string sound = rlx::io::read_file(file.path);
  std::size_t loads = 0, refusals = 0;
  for (const auto& [table, columns] : tables) {
    for (const char* const column : columns) {
      for (const char* const value : values) {
        INFO(table << '.' << column << " = " << value);
        std::ofstream(file.path, std::ios::binary | std::ios::trunc) << sound;
        try {
          {
            rlx::io::SqliteDatabase database(file.path, SqliteMode::read_write);
            database.execute("PRAGMA synchronous = OFF");
            const bool has_rowid = std::string_view(table) != "rl_session_markets";
            database.execute(std::string("UPDATE ") + table + " SET " + column + " = " + value +
                             (has_rowid ? std::string(" WHERE rowid = (SELECT min(rowid) FROM ") + table + ")" : ""));
          }
          SqliteSessionStore store(file.path, SqliteMode::read_only);
          store.list();
          store.markets();
          const double quality = store.load(1)->data_quality_score();
          REQUIRE((quality >= 0.0 && quality <= 1.0));
          ++loads;
        } catch (const rlx::DataError&) {
          ++refusals;
        } catch (const rlx::IoError&) {
          ++refusals;  // a newer schema_version
        }
      }
    }
  }
  CHECK(loads > 100);
  CHECK(refusals > 100);
}

TEST_CASE("SQLite store: files that are none of ours", "[kalshi][sqlite_session_store]") {
  const TemporaryFile file;
  {
    SqliteSessionStore store(file.path);
    store.save(*random_session(1));
    const std::shared_ptr<const SessionData> more = random_session(2);
    rlx::io::SqliteDatabase other(file.path, SqliteMode::read_write);
    rlx::io::SqliteTransaction lock(other);
    SqliteSessionStore impatient(file.path, SqliteMode::read_write, {}, 0);
    REQUIRE_THROWS_AS(impatient.save(*more), rlx::IoError);
    lock.commit();
    other.execute("UPDATE rl_orderbook_sessions SET schema_version = 2");
  }
  try {
    SqliteSessionStore store(file.path);
    FAIL("accepted");
  } catch (const rlx::IoError& error) {
    CHECK_THAT(error.what(), ContainsSubstring(file.path + ": has schema_version 2"));
  }
  std::ofstream(file.path, std::ios::trunc)
      << "no database but a text that is somewhat longer than the header of one would be, "
         "which has a hundred bytes";
  REQUIRE_THROWS_AS(SqliteSessionStore(file.path), rlx::IoError);
  REQUIRE_THROWS_AS(SqliteSessionStore("/nonexistent/x.db", SqliteMode::read_only), rlx::IoError);
}

TEST_CASE("SQLite store: sessions whose rows are not there are refused, not taken for quiet ones",
          "[kalshi][sqlite_session_store]") {
  for (const std::string table : {"rl_orderbook_snapshots", "rl_orderbook_deltas"}) {
    for (const std::string& change : {"DROP TABLE " + table, "ALTER TABLE " + table + " RENAME COLUMN id TO number"}) {
      INFO(change);
      const TemporaryFile file;
      rlx::io::SqliteDatabase database(file.path, SqliteMode::create);
      database.execute(older_tables);
      const SqliteSessionStore store(file.path);
      REQUIRE_NOTHROW(store.load(4));
      database.execute(change);
      try {
        store.load(4);
        FAIL("accepted");
      } catch (const rlx::IoError& error) {
        CHECK_THAT(error.what(), ContainsSubstring(file.path + ": has sessions but no table " + table + " with a column id"));
      }
    }
  }
}

TEST_CASE("SQLite store: the recorded capture and quotes come back", "[kalshi][sqlite_session_store][real]") {
  const std::string capture = "ws_capture/session_demo_2026-07-01.jsonl";
  const std::string quotes = "kxhighny_bbo/market_data_KXHIGHNY-25DEC07.csv.gz";
  if (!rlx_test::have_kalshi_data(capture) || !rlx_test::have_kalshi_data(quotes)) return;
  std::vector<std::shared_ptr<const SessionData>> sessions;
  SessionBuilder builder;
  std::ifstream frames(rlx_test::kalshi_data_path(capture));
  import_ws_jsonl(frames, {}, builder);
  sessions.push_back(builder.finish());
  BboImportConfig config;
  config.utc_offset_us = parse_utc_offset("-08:00");
  import_bbo_csv(std::string_view(rlx::io::gunzip_file(rlx_test::kalshi_data_path(quotes))), config, builder);
  sessions.push_back(builder.finish());
  const TemporaryFile file;
  SqliteSessionStore store(file.path);
  store.save_all(sessions);
  for (const SessionId id : {1, 2}) {
    const auto loaded = store.load(id);
    CHECK(equal_columns(*loaded, *sessions[static_cast<std::size_t>(id - 1)]));
  }
}
