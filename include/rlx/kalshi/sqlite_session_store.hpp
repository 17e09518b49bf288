// SPDX-License-Identifier: MIT
/// @file
/// @brief Sessions in a SQLite file, in the tables of the recorder that came before. Needs the component `sqlite`; part of no
/// umbrella header.
#ifndef RLX_KALSHI_SQLITE_SESSION_STORE_HPP
#define RLX_KALSHI_SQLITE_SESSION_STORE_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/parse_number.hpp>
#include <rlx/io/detail/shown_text.hpp>
#include <rlx/io/sqlite.hpp>
#include <rlx/kalshi/detail/decimal.hpp>
#include <rlx/kalshi/detail/json_cursor.hpp>
#include <rlx/kalshi/detail/market_quality.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/session.hpp>
#include <rlx/kalshi/session_builder.hpp>
#include <rlx/kalshi/session_store.hpp>
#include <rlx/kalshi/tick_grid.hpp>
#include <rlx/kalshi/ticker.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Version of the tables that this library writes; files of a newer one are refused.
inline constexpr std::int64_t session_schema_version = 1;

namespace detail {

/// Makes the tables that a file lacks.
inline constexpr const char* session_tables = R"sql(
CREATE TABLE IF NOT EXISTS rl_orderbook_sessions(session_id INTEGER PRIMARY KEY, market_tickers TEXT, started_at TEXT,
  ended_at TEXT, status TEXT, websocket_url TEXT, environment TEXT, connection_metadata TEXT, messages_received INTEGER,
  snapshots_count INTEGER, deltas_count INTEGER, last_message_at TEXT, error_message TEXT, created_at TEXT);
CREATE TABLE IF NOT EXISTS rl_orderbook_snapshots(id INTEGER PRIMARY KEY, session_id INTEGER, market_ticker TEXT,
  timestamp_ms INTEGER, sequence_number INTEGER, yes_bids TEXT, yes_asks TEXT, no_bids TEXT, no_asks TEXT, yes_spread INTEGER,
  no_spread INTEGER, yes_mid_price REAL, no_mid_price REAL, total_volume INTEGER, created_at TEXT);
CREATE TABLE IF NOT EXISTS rl_orderbook_deltas(id INTEGER PRIMARY KEY, session_id INTEGER, market_ticker TEXT,
  timestamp_ms INTEGER, sequence_number INTEGER, side TEXT, action TEXT, price INTEGER, old_size INTEGER, new_size INTEGER,
  created_at TEXT);
CREATE TABLE IF NOT EXISTS rl_orderbook_trades(id INTEGER PRIMARY KEY, session_id INTEGER, market_ticker TEXT,
  timestamp_ms INTEGER, sequence_number INTEGER, taker_side TEXT, yes_price INTEGER, size INTEGER, exchange_ts_us INTEGER);
CREATE TABLE IF NOT EXISTS rl_orderbook_gaps(id INTEGER PRIMARY KEY, session_id INTEGER, market_ticker TEXT,
  timestamp_ms INTEGER, expected INTEGER, got INTEGER, exchange_ts_us INTEGER);
CREATE TABLE IF NOT EXISTS rl_markets(ticker TEXT PRIMARY KEY, event_ticker TEXT, series_ticker TEXT, open_us INTEGER,
  close_us INTEGER, settlement_e4 INTEGER, grid TEXT, fee_type TEXT, taker_rate_e6 INTEGER, maker_rate_e6 INTEGER,
  fee_rounding TEXT, member_precision INTEGER, has_sizes INTEGER);
CREATE TABLE IF NOT EXISTS rl_session_markets(session_id INTEGER, market_ticker TEXT, duplicates INTEGER, backwards INTEGER,
  before_snapshot INTEGER, before_snapshot_us INTEGER, PRIMARY KEY(session_id, market_ticker)) WITHOUT ROWID;
)sql";

/// Columns that older files lack.
struct AddedColumn {
  const char *table, *name, *type;
};
/// Columns that this library adds to the older recorder's tables.
inline constexpr std::array<AddedColumn, 7> added_columns = {{
    {"rl_orderbook_sessions", "schema_version", "INTEGER"},
    {"rl_orderbook_sessions", "price_unit_e4", "INTEGER DEFAULT 100"},
    {"rl_orderbook_sessions", "count_unit_e2", "INTEGER DEFAULT 100"},
    {"rl_orderbook_sessions", "source", "TEXT"},
    {"rl_orderbook_snapshots", "exchange_ts_us", "INTEGER"},
    {"rl_orderbook_deltas", "exchange_ts_us", "INTEGER"},
    {"rl_session_markets", "before_snapshot_us", "INTEGER DEFAULT 0"},
}};

/// Tables with indexes by session, market and time.
inline constexpr std::array<const char*, 2> indexed_tables = {"rl_orderbook_snapshots", "rl_orderbook_deltas"};

/// By FeeType.
inline constexpr std::array<std::string_view, 4> fee_type_names = {"quadratic", "quadratic_with_maker_fees", "flat", "none"};
/// By FeeRounding.
inline constexpr std::array<std::string_view, 2> fee_rounding_names = {"centicent", "cent"};

/// JSON text of a string.
inline void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;  // tickers have no control characters
  }
  out += '"';
}

}  // namespace detail

/**
 * @brief Satisfies SessionStore.
 *
 * Files of the older recorder load as they are (cents and whole contracts, no added columns or tables); the first `save` adds
 * what they lack. Written are 1e-4 dollar and 1e-2 contract. A delta's `new_size` is stored even below 0, so that damage stays
 * visible. Sequence numbers are given anew, per session; a gap takes the number that it misses. A description in `rl_markets`
 * holds for all sessions of its market.
 * One object per thread; several may read one file.
 */
class SqliteSessionStore {
 public:
  /// @param path     the database file
  /// @param mode     `create` also makes a new file
  /// @param close    announced close of markets that the file does not describe
  /// @param busy_ms  how long a lock of another program is waited for
  /// @throws IoError with path and remedy: no database, damaged, locked, or written by a newer version
  explicit SqliteSessionStore(std::string path, io::SqliteMode mode = io::SqliteMode::create, CloseRule close = {},
                              int busy_ms = 2'000)
      : database_(std::make_unique<io::SqliteDatabase>(std::move(path), mode, busy_ms)), close_(close) {
    if (!has_column("rl_orderbook_sessions", "schema_version")) return;
    io::SqliteStatement newest = database_->prepare("SELECT max(schema_version) FROM rl_orderbook_sessions");
    if (newest.step() && newest.integer(0) > session_schema_version) {
      throw IoError(path_text() + ": has schema_version " + std::to_string(newest.integer(0)) + "; this program reads up to " +
                    std::to_string(session_schema_version) + ": update it, or use a file that it wrote");
    }
  }

  /// All sessions by id, open ones too. @throws IoError, DataError for a damaged row
  std::vector<SessionSummary> list() const {
    std::vector<SessionSummary> result;
    if (!has_column("rl_orderbook_sessions", "session_id")) return result;
    const std::string source = column_or("rl_orderbook_sessions", "source", "NULL");
    io::SqliteStatement rows =
        database_->prepare("SELECT session_id, status, started_at, ended_at, market_tickers, environment, " + source +
                           " FROM rl_orderbook_sessions ORDER BY session_id");
    while (rows.step()) {
      SessionSummary& summary = result.emplace_back();
      const Place place{this, "rl_orderbook_sessions", rows.integer(0)};
      summary.id = rows.integer(0);
      summary.status = rows.text(1);
      summary.start_us = time_text(place, rows, 2).value_or(0);
      summary.end_us = time_text(place, rows, 3).value_or(0);
      summary.loadable = summary.status == "closed" && !rows.is_null(3);
      summary.markets = tickers(place, rows.text(4)).size();
      summary.environment = rows.text(5);
      summary.source = rows.text(6);
    }
    return result;
  }

  /// One session. @throws DataError listing the available ids if it is missing or not closed, or naming table and row of what
  /// is damaged; IoError, also for a file without the tables of snapshots and deltas
  std::shared_ptr<const SessionData> load(SessionId id) const {
    const std::vector<SessionSummary> sessions = list();
    const auto found =
        std::find_if(sessions.begin(), sessions.end(), [&](const SessionSummary& session) { return session.id == id; });
    if (found == sessions.end()) throw DataError(path_text() + ": " + detail::no_session(id, "is not in the store", sessions));
    if (!found->loadable) {
      throw DataError(path_text() + ": " +
                      detail::no_session(id,
                                         "has the status '" + found->status + "' and " + (found->end_us == 0 ? "no" : "an") +
                                             " end; expected 'closed' with an end",
                                         sessions));
    }
    Loading loading(id);
    loading.builder.set_source(found->source, found->environment);
    if (found->start_us != 0) loading.builder.set_span(found->start_us, found->end_us);
    read_session_row(loading);
    read_market_reports(loading);
    read_snapshots(loading);
    read_deltas(loading);
    read_trades(loading);
    read_gaps(loading);
    append_messages(loading);
    return loading.builder.finish();
  }

  /// Stores one session in one transaction and gives its id. @throws as save_all
  SessionId save(const SessionData& data) {
    const SessionData* const one = &data;
    return save_pointers(std::span(&one, 1)).front();
  }

  /**
   * @brief Stores several sessions in one transaction: all or, if anything fails, none.
   * @return their ids; a session with id 0 gets the next free one
   * @throws DataError if an id is taken, or if a market contradicts the file's description: another result, or sizes where
   *         there were none; IoError
   */
  std::vector<SessionId> save_all(std::span<const std::shared_ptr<const SessionData>> sessions) {
    std::vector<const SessionData*> pointers;
    for (const auto& session : sessions) pointers.push_back(session.get());
    return save_pointers(pointers);
  }

  /// All markets of all sessions by ticker.
  std::vector<MarketInfo> markets() const {
    std::map<std::string, MarketInfo> by_ticker = described_markets();
    if (has_column("rl_orderbook_sessions", "market_tickers")) {
      io::SqliteStatement rows = database_->prepare("SELECT session_id, market_tickers FROM rl_orderbook_sessions");
      while (rows.step()) {
        for (const std::string& ticker : tickers({this, "rl_orderbook_sessions", rows.integer(0)}, rows.text(1))) {
          if (by_ticker.find(ticker) != by_ticker.end()) continue;
          MarketInfo& info = by_ticker[ticker];
          info.ticker = ticker;
          info.event_ticker = event_of_ticker(ticker);
          info.series_ticker = series_of_ticker(ticker);
          info.close_us = close_.close_of(ticker);
        }
      }
    }
    std::vector<MarketInfo> result;
    for (auto& [ticker, info] : by_ticker) result.push_back(std::move(info));
    return result;
  }

 private:
  // Where in the file a value stands, for messages.
  struct Place {
    const SqliteSessionStore* store;
    const char* table;
    std::int64_t row;
    [[noreturn]] void fail(const std::string& problem) const {
      throw DataError(store->path_text() + ": " + table + ", row " + std::to_string(row) + ": " + problem);
    }
  };

  // A row of the session before it goes to the builder. Its place among the rows of its market: number, then gaps, snapshots
  // and the rest, then the order of reading.
  struct Message {
    std::int64_t seq;
    enum Rank : std::uint8_t { gap, snapshot, change } rank;
    EventRow row;
    std::size_t levels_begin, levels_end;  // of a snapshot
    std::int64_t old_size;                 // of a delta; repeated deltas agree in it
  };

  struct Loading {
    explicit Loading(SessionId session) : id(session), builder(session) {}
    SessionId id;
    SessionBuilder builder;
    std::int64_t price_unit = 100, count_unit = 100;
    std::vector<std::vector<Message>> messages;  // by handle
    std::vector<EventRow> levels;                // of all snapshots
    std::unordered_map<std::string, std::size_t> handles;
    std::map<std::string, MarketInfo> described;
    std::string last_ticker;
    std::size_t last = 0;
  };

  const std::string& path_text() const noexcept { return database_->path(); }

  // --- tables ---------------------------------------------------------------------------------------------------------

  bool has_column(const std::string& table, std::string_view column) const {
    io::SqliteStatement columns = database_->prepare("PRAGMA table_info(" + table + ")");
    while (columns.step()) {
      if (columns.text(1) == column) return true;
    }
    return false;
  }
  // Without these rows a session would look like one in which nothing happened.
  void require_table(const std::string& table) const {
    if (has_column(table, "id")) return;
    throw IoError(path_text() + ": has sessions but no table " + table +
                  " with a column id; restore the whole recording, or give the database that holds it");
  }
  std::string column_or(const std::string& table, const std::string& column, const std::string& otherwise) const {
    return has_column(table, column) ? column : otherwise;
  }

  void make_tables() {
    database_->execute(detail::session_tables);
    for (const detail::AddedColumn& column : detail::added_columns) {
      if (has_column(column.table, column.name)) continue;
      database_->execute(std::string("ALTER TABLE ") + column.table + " ADD COLUMN " + column.name + ' ' + column.type);
    }
  }
  void make_indexes() {
    for (const std::string table : detail::indexed_tables) {
      const std::string create = "CREATE INDEX IF NOT EXISTS " + table;
      database_->execute(create + "_session_market_sequence ON " + table + "(session_id, market_ticker, sequence_number)");
      database_->execute(create + "_market_time ON " + table + "(market_ticker, timestamp_ms)");
      database_->execute(create + "_session_time ON " + table + "(session_id, timestamp_ms)");
    }
  }
  void drop_indexes() {
    for (const std::string table : detail::indexed_tables) {
      for (const char* const name : {"_session_market_sequence", "_market_time", "_session_time"}) {
        database_->execute("DROP INDEX IF EXISTS " + table + name);
      }
    }
  }

  // --- reading --------------------------------------------------------------------------------------------------------

  static std::optional<Micros> time_text(const Place& place, const io::SqliteStatement& row, int column) {
    if (row.is_null(column)) return std::nullopt;
    const std::optional<Micros> time = detail::parse_time_us(row.text(column));
    if (!time) place.fail("expected a time such as 2025-12-04T20:27:16Z, found " + io::detail::shown_text(row.text(column)));
    return time;
  }

  static std::vector<std::string> tickers(const Place& place, std::string_view json) {
    std::vector<std::string> result;
    if (json.empty()) return result;
    const std::string name = place.store->path_text() + ": " + place.table + ", row " + std::to_string(place.row);
    detail::JsonCursor cursor(json, name, 0);
    std::string decoded;
    cursor.array([&] {
      result.emplace_back(cursor.string(decoded));
      try {
        check_ticker(result.back());
      } catch (const DataError& error) {
        place.fail(error.what());
      }
    });
    cursor.expect_end();
    return result;
  }

  static std::int64_t integer(const Place& place, const io::SqliteStatement& row, int column, const char* name) {
    if (!row.is_integer(column)) [[unlikely]]
      place.fail(std::string(name) + ": expected an integer, found " + io::detail::shown_text(row.text(column)));
    return row.integer(column);
  }
  static std::int64_t integer_or(const Place& place, const io::SqliteStatement& row, int column, const char* name,
                                 std::int64_t otherwise) {
    return row.is_null(column) ? otherwise : integer(place, row, column, name);
  }
  static Price own_price(const Place& place, std::int64_t value, std::int64_t unit) {
    if (value < 0 || value > one_dollar / unit) [[unlikely]]
      place.fail("price: expected 0.." + std::to_string(one_dollar / unit) + ", found " + std::to_string(value));
    return static_cast<Price>(value * unit);
  }
  static Count size(const Place& place, std::int64_t value, std::int64_t unit, const char* name) {
    const Count most = max_level_size / unit;
    if (value < -most || value > most) [[unlikely]]
      place.fail(std::string(name) + ": expected at most " + std::to_string(most) + ", found " + std::to_string(value));
    return value * unit;
  }
  static Micros time(const Place& place, const io::SqliteStatement& row, int ms_column, int us_column) {
    if (!row.is_null(us_column)) return integer(place, row, us_column, "exchange_ts_us");
    const std::int64_t ms = integer(place, row, ms_column, "timestamp_ms");
    if (ms < 0 || ms >= end_believed_us / 1'000) [[unlikely]]
      place.fail("timestamp_ms: expected milliseconds from 2020 to 2099, found " + std::to_string(ms));
    return ms * 1'000;
  }
  static BookSide side(const Place& place, const io::SqliteStatement& row, int column, const char* name) {
    const std::string_view word = row.text(column);
    if (word == "yes") return BookSide::yes;
    if (word != "no") [[unlikely]]
      place.fail(std::string(name) + ": expected yes or no, found " + io::detail::shown_text(word));
    return BookSide::no;
  }

  std::map<std::string, MarketInfo> described_markets() const {
    std::map<std::string, MarketInfo> result;
    if (!has_column("rl_markets", "ticker")) return result;
    io::SqliteStatement rows = database_->prepare(
        "SELECT ticker, event_ticker, series_ticker, open_us, close_us, settlement_e4, grid, fee_type, taker_rate_e6, "
        "maker_rate_e6, fee_rounding, member_precision, has_sizes, rowid FROM rl_markets");
    while (rows.step()) {
      const Place place{this, "rl_markets", rows.integer(13)};
      MarketInfo info;
      info.ticker = rows.text(0);
      info.event_ticker = rows.text(1);
      info.series_ticker = rows.text(2);
      if (!rows.is_null(3)) info.open_us = integer(place, rows, 3, "open_us");
      if (!rows.is_null(4)) info.close_us = integer(place, rows, 4, "close_us");
      if (!rows.is_null(5)) info.settlement = own_price(place, integer(place, rows, 5, "settlement_e4"), 1);
      const std::optional<TickGrid> grid = tick_grid_from_name(rows.text(6));
      if (!grid)
        place.fail("grid: expected linear_cent, deci_cent or tapered_deci_cent, found " + io::detail::shown_text(rows.text(6)));
      info.grid = *grid;
      info.fees.type = static_cast<FeeType>(word(place, "fee_type", rows.text(7), detail::fee_type_names));
      info.fees.taker_rate_e6 = integer(place, rows, 8, "taker_rate_e6");
      info.fees.maker_rate_e6 = integer(place, rows, 9, "maker_rate_e6");
      info.fees.rounding = static_cast<FeeRounding>(word(place, "fee_rounding", rows.text(10), detail::fee_rounding_names));
      info.fees.member_precision = integer(place, rows, 11, "member_precision");
      info.has_sizes = integer(place, rows, 12, "has_sizes") != 0;
      result.emplace(info.ticker, std::move(info));
    }
    return result;
  }
  template <std::size_t N>
  static std::size_t word(const Place& place, const char* column, std::string_view found,
                          const std::array<std::string_view, N>& words) {
    const auto at = std::find(words.begin(), words.end(), found);
    if (at == words.end()) {
      std::string expected;
      for (const std::string_view known : words) (expected += expected.empty() ? "" : ", ") += known;
      place.fail(std::string(column) + ": expected one of " + expected + ", found " + io::detail::shown_text(found));
    }
    return static_cast<std::size_t>(at - words.begin());
  }

  std::size_t handle(Loading& loading, const Place& place, std::string_view ticker) const {
    if (ticker == loading.last_ticker && !loading.last_ticker.empty()) return loading.last;
    loading.last_ticker = ticker;
    const auto [at, added] = loading.handles.try_emplace(loading.last_ticker, 0);
    if (added) {
      try {
        const auto described = loading.described.find(loading.last_ticker);
        if (described != loading.described.end()) {
          at->second = loading.builder.set_market(described->second);
        } else {
          at->second = loading.builder.market(ticker);
          loading.builder.set_close(at->second, close_.close_of(ticker));
        }
      } catch (const DataError& error) {
        place.fail(error.what());
      }
      loading.messages.resize(loading.builder.size());
    }
    return loading.last = at->second;
  }

  void read_session_row(Loading& loading) const {
    loading.described = described_markets();
    io::SqliteStatement row = database_->prepare(
        "SELECT market_tickers, " + column_or("rl_orderbook_sessions", "price_unit_e4", "100") + ", " +
        column_or("rl_orderbook_sessions", "count_unit_e2", "100") + " FROM rl_orderbook_sessions WHERE session_id = ?");
    row.bind(1, loading.id);
    if (!row.step()) return;
    const Place place{this, "rl_orderbook_sessions", loading.id};
    loading.price_unit = integer_or(place, row, 1, "price_unit_e4", 100);
    loading.count_unit = integer_or(place, row, 2, "count_unit_e2", 100);
    if (loading.price_unit < 1 || loading.price_unit > one_dollar || one_dollar % loading.price_unit != 0 ||
        loading.count_unit < 1 || loading.count_unit > 1'000'000) {
      place.fail("expected a price_unit_e4 that divides 10000 and a count_unit_e2 of 1..1000000, found " +
                 std::to_string(loading.price_unit) + " and " + std::to_string(loading.count_unit));
    }
    for (const std::string& ticker : tickers(place, row.text(0))) handle(loading, place, ticker);
  }

  void read_market_reports(Loading& loading) const {
    if (!has_column("rl_session_markets", "session_id")) return;
    io::SqliteStatement rows =
        database_->prepare("SELECT market_ticker, duplicates, backwards, before_snapshot, " +
                           std::string(has_column("rl_session_markets", "before_snapshot_us") ? "before_snapshot_us" : "0") +
                           " FROM rl_session_markets WHERE session_id = ?");
    rows.bind(1, loading.id);
    while (rows.step()) {
      const Place place{this, "rl_session_markets", loading.id};
      const std::size_t market = handle(loading, place, rows.text(0));
      constexpr std::int64_t most_counted = 1'000'000'000'000;
      const auto counted = [&](int column, const char* name) {
        const std::int64_t value = integer(place, rows, column, name);
        if (value < 0 || value > most_counted) {
          place.fail(std::string(name) + ": expected 0.." + std::to_string(most_counted) + ", found " + std::to_string(value));
        }
        return static_cast<std::uint64_t>(value);
      };
      loading.builder.count_duplicate(market, counted(1, "duplicates"));
      loading.builder.count_backwards(market, counted(2, "backwards"));
      loading.builder.count_before_snapshot(market, counted(3, "before_snapshot"), counted(4, "before_snapshot_us"));
    }
  }

  // The rows of a session in the order of their ids. They lie together as far as one program wrote them, so that the range of
  // ids is read and not row by row through an index.
  io::SqliteStatement rows_of(const Loading& loading, const std::string& table, const std::string& columns) const {
    io::SqliteStatement range = database_->prepare("SELECT min(id), max(id) FROM " + table + " WHERE session_id = ?");
    range.bind(1, loading.id);
    range.step();
    io::SqliteStatement rows = database_->prepare("SELECT id, market_ticker, " + columns + " FROM " + table +
                                                  " WHERE id BETWEEN ? AND ? AND +session_id = ? ORDER BY id");
    rows.bind(1, range.is_null(0) ? 1 : range.integer(0));
    rows.bind(2, range.is_null(1) ? 0 : range.integer(1));
    rows.bind(3, loading.id);
    return rows;
  }

  void read_snapshots(Loading& loading) const {
    const std::string table = "rl_orderbook_snapshots";
    require_table(table);
    io::SqliteStatement rows = rows_of(
        loading, table, "sequence_number, timestamp_ms, " + column_or(table, "exchange_ts_us", "NULL") + ", yes_bids, no_bids");
    while (rows.step()) {
      const Place place{this, "rl_orderbook_snapshots", rows.integer(0)};
      const std::size_t market = handle(loading, place, rows.text(1));
      const Micros now = time(place, rows, 3, 4);
      const std::size_t begin = loading.levels.size();
      read_levels(loading, place, rows.text(5), BookSide::yes, now);
      read_levels(loading, place, rows.text(6), BookSide::no, now);
      loading.messages[market].push_back({integer_or(place, rows, 2, "sequence_number", 0),
                                          Message::snapshot,
                                          {now, EventKind::book_clear, 0, 0},
                                          begin,
                                          loading.levels.size(),
                                          0});
    }
  }

  // {"price": size, ...} in the session's units.
  static void read_levels(Loading& loading, const Place& place, std::string_view json, BookSide of, Micros now) {
    if (json.empty()) return;
    const char* const column = of == BookSide::yes ? "yes_bids" : "no_bids";
    const std::string name =
        place.store->path_text() + ": " + place.table + ", row " + std::to_string(place.row) + ", " + column;
    detail::JsonCursor cursor(json, name, 0);
    if (cursor.is_null()) return cursor.skip();
    const auto whole = [&](std::string_view text) {
      std::int64_t value = 0;
      if (io::detail::parse_integer(text, value) != io::detail::NumberStatus::ok) [[unlikely]]
        place.fail(std::string(column) + ": expected an integer, found " + io::detail::shown_text(text));
      return value;
    };
    cursor.object([&](std::string_view key) {
      const Price own = own_price(place, whole(key), loading.price_unit);
      const Count level = size(place, whole(cursor.number()), loading.count_unit, column);
      const bool yes = of == BookSide::yes;
      loading.levels.push_back(
          {now, yes ? EventKind::level_set_yes : EventKind::level_set_no, yes ? own : one_dollar - own, level});
    });
    cursor.expect_end();
  }

  void read_deltas(Loading& loading) const {
    const std::string table = "rl_orderbook_deltas";
    require_table(table);
    io::SqliteStatement rows = rows_of(
        loading, table,
        "sequence_number, timestamp_ms, " + column_or(table, "exchange_ts_us", "NULL") + ", side, price, old_size, new_size");
    while (rows.step()) {
      const Place place{this, "rl_orderbook_deltas", rows.integer(0)};
      const std::size_t market = handle(loading, place, rows.text(1));
      const bool yes = side(place, rows, 5, "side") == BookSide::yes;
      const Price own = own_price(place, integer(place, rows, 6, "price"), loading.price_unit);
      const Count before = size(place, integer_or(place, rows, 7, "old_size", 0), loading.count_unit, "old_size");
      const Count after = size(place, integer(place, rows, 8, "new_size"), loading.count_unit, "new_size");
      loading.messages[market].push_back(
          {integer_or(place, rows, 2, "sequence_number", 0),
           Message::change,
           {time(place, rows, 3, 4), yes ? EventKind::level_delta_yes : EventKind::level_delta_no, yes ? own : one_dollar - own,
            after - before},
           0,
           0,
           before});
    }
  }

  void read_trades(Loading& loading) const {
    const std::string table = "rl_orderbook_trades";
    if (!has_column(table, "id")) return;
    io::SqliteStatement rows =
        rows_of(loading, table, "sequence_number, timestamp_ms, exchange_ts_us, taker_side, yes_price, size");
    while (rows.step()) {
      const Place place{this, "rl_orderbook_trades", rows.integer(0)};
      const std::size_t market = handle(loading, place, rows.text(1));
      const bool yes = side(place, rows, 5, "taker_side") == BookSide::yes;
      loading.messages[market].push_back({integer_or(place, rows, 2, "sequence_number", 0),
                                          Message::change,
                                          {time(place, rows, 3, 4), yes ? EventKind::trade_yes : EventKind::trade_no,
                                           own_price(place, integer(place, rows, 6, "yes_price"), loading.price_unit),
                                           size(place, integer(place, rows, 7, "size"), loading.count_unit, "size")},
                                          0,
                                          0,
                                          0});
    }
  }

  void read_gaps(Loading& loading) const {
    const std::string table = "rl_orderbook_gaps";
    if (!has_column(table, "expected")) return;
    // The shape of the specification has neither id nor microseconds.
    io::SqliteStatement rows = database_->prepare("SELECT rowid, market_ticker, expected, timestamp_ms, " +
                                                  column_or(table, "exchange_ts_us", "NULL") + " FROM " + table +
                                                  " WHERE session_id = ? ORDER BY rowid");
    rows.bind(1, loading.id);
    while (rows.step()) {
      const Place place{this, "rl_orderbook_gaps", rows.integer(0)};
      const Message message{
          integer(place, rows, 2, "expected"), Message::gap, {time(place, rows, 3, 4), EventKind::gap_begin, 0, 0}, 0, 0, 0};
      if (rows.is_null(1)) {
        for (auto& market : loading.messages) market.push_back(message);
      } else {
        loading.messages[handle(loading, place, rows.text(1))].push_back(message);
      }
    }
  }

  void append_messages(Loading& loading) const {
    const auto before = [](const Message& a, const Message& b) { return a.seq != b.seq ? a.seq < b.seq : a.rank < b.rank; };
    for (std::size_t market = 0; market < loading.messages.size(); ++market) {
      std::vector<Message>& messages = loading.messages[market];
      if (!std::is_sorted(messages.begin(), messages.end(), before)) {
        std::stable_sort(messages.begin(), messages.end(), before);
      }
      const Message* previous = nullptr;
      for (const Message& message : messages) {
        const bool repeated = previous != nullptr && message.rank == Message::change && message.seq > 0 &&
                              message.seq == previous->seq && message.row == previous->row &&
                              message.old_size == previous->old_size;
        previous = &message;
        if (repeated) {
          loading.builder.count_duplicate(market);
          continue;
        }
        try {
          loading.builder.append(market, message.row);
          for (std::size_t i = message.levels_begin; i < message.levels_end; ++i) {
            loading.builder.append(market, loading.levels[i]);
          }
        } catch (const DataError& error) {
          throw DataError(path_text() + ": session " + std::to_string(loading.id) + ": " + error.what());
        }
      }
      messages = {};
    }
  }

  // --- writing --------------------------------------------------------------------------------------------------------

  struct Inserts {
    io::SqliteStatement snapshot, delta, trade, gap;
  };

  std::vector<SessionId> save_pointers(std::span<const SessionData* const> sessions) {
    io::SqliteTransaction transaction(*database_);
    make_tables();
    // Building an index at the end costs half as much per row as keeping it up, but takes in the rows that were there.
    std::size_t added = 0;
    for (const SessionData* const session : sessions) added += session->events();
    io::SqliteStatement last = database_->prepare("SELECT coalesce(max(id), 0) FROM rl_orderbook_deltas");
    last.step();
    const bool rebuild = static_cast<std::int64_t>(added) > last.integer(0);
    last.reset();
    if (rebuild) drop_indexes();
    save_markets(sessions);
    Inserts inserts{
        database_->prepare(
            "INSERT INTO rl_orderbook_snapshots(session_id, market_ticker, timestamp_ms, sequence_number, yes_bids, "
            "yes_asks, no_bids, no_asks, yes_spread, no_spread, yes_mid_price, no_mid_price, total_volume, "
            "exchange_ts_us) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        database_->prepare(
            "INSERT INTO rl_orderbook_deltas(session_id, market_ticker, timestamp_ms, sequence_number, side, action, "
            "price, old_size, new_size, exchange_ts_us) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        database_->prepare(
            "INSERT INTO rl_orderbook_trades(session_id, market_ticker, timestamp_ms, sequence_number, taker_side, "
            "yes_price, size, exchange_ts_us) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"),
        database_->prepare(
            "INSERT INTO rl_orderbook_gaps(session_id, market_ticker, timestamp_ms, expected, got, exchange_ts_us) "
            "VALUES(?, ?, ?, ?, ?, ?)")};
    std::vector<SessionId> ids;
    for (const SessionData* const session : sessions) ids.push_back(save_session(*session, inserts));
    make_indexes();
    transaction.commit();
    return ids;
  }

  // A session's description of a market joined with the one that the file has.
  void save_markets(std::span<const SessionData* const> sessions) {
    std::map<std::string, MarketInfo> known = described_markets();
    std::set<std::string> changed;
    for (const SessionData* const session : sessions) {
      for (const MarketInfo& market : session->markets()) {
        const auto [at, is_new] = known.try_emplace(market.ticker, market);
        changed.insert(market.ticker);
        if (is_new) continue;
        MarketInfo joined = market;
        const MarketInfo& old = at->second;
        if (old.settlement && market.settlement && *old.settlement != *market.settlement) {
          throw DataError(market.ticker + ": two results, " + std::to_string(*old.settlement) + " in " + path_text() + " and " +
                          std::to_string(*market.settlement) + " now; a market has one");
        }
        if (old.has_sizes != market.has_sizes) {
          throw DataError(market.ticker + ": " + path_text() + (old.has_sizes ? " has it with" : " has it without") +
                          " sizes; keep recordings with and without sizes of one market in different files");
        }
        if (!joined.settlement) joined.settlement = old.settlement;
        if (!joined.open_us) joined.open_us = old.open_us;
        if (!joined.close_us) joined.close_us = old.close_us;
        if (tick_count(old.grid) > tick_count(joined.grid)) joined.grid = old.grid;
        at->second = std::move(joined);
      }
    }
    io::SqliteStatement insert =
        database_->prepare("INSERT OR REPLACE INTO rl_markets VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (const std::string& ticker : changed) {
      const MarketInfo& info = known.at(ticker);
      insert.run(std::string_view(info.ticker), std::string_view(info.event_ticker), std::string_view(info.series_ticker),
                 info.open_us, info.close_us, info.settlement, tick_grid_name(info.grid),
                 detail::fee_type_names[static_cast<std::size_t>(info.fees.type)], info.fees.taker_rate_e6,
                 info.fees.maker_rate_e6, detail::fee_rounding_names[static_cast<std::size_t>(info.fees.rounding)],
                 info.fees.member_precision, info.has_sizes);
    }
  }

  SessionId save_session(const SessionData& data, Inserts& inserts) {
    SessionId id = data.session_id();
    if (id == 0) {
      io::SqliteStatement last = database_->prepare("SELECT coalesce(max(session_id), 0) FROM rl_orderbook_sessions");
      last.step();
      id = std::max<SessionId>(last.integer(0), 0) + 1;
    } else {
      io::SqliteStatement taken = database_->prepare("SELECT 1 FROM rl_orderbook_sessions WHERE session_id = ?");
      taken.bind(1, id);
      if (taken.step()) {
        throw DataError(path_text() + ": session " + std::to_string(id) +
                        " is in the store already; save it under another number or under 0");
      }
    }
    std::string tickers_json = "[";
    io::SqliteStatement counts = database_->prepare("INSERT INTO rl_session_markets VALUES(?, ?, ?, ?, ?, ?)");
    for (std::size_t m = 0; m < data.markets().size(); ++m) {
      const std::string& ticker = data.markets()[m].ticker;
      const MarketReport& report = data.reports()[m];
      if (m != 0) tickers_json += ',';
      detail::append_json_text(tickers_json, ticker);
      counts.run(id, std::string_view(ticker), report.duplicates, report.backwards, report.before_snapshot,
                 report.before_snapshot_us);
    }
    tickers_json += ']';
    const std::vector<std::int64_t> numbers = sequence_numbers(data);
    const SessionReport report = data.report();
    const bool timed = data.end_us() != 0;
    const std::string start = timed ? detail::format_time_us(data.start_us()) : "1970-01-01T00:00:00Z";
    const std::string end = timed ? detail::format_time_us(data.end_us()) : start;
    database_
        ->prepare(
            "INSERT INTO rl_orderbook_sessions(session_id, market_tickers, started_at, ended_at, status, environment, "
            "messages_received, snapshots_count, deltas_count, last_message_at, created_at, schema_version, price_unit_e4, "
            "count_unit_e2, source) VALUES(?, ?, ?, ?, 'closed', ?, ?, ?, ?, ?, ?, ?, 1, 1, ?)")
        .run(id, std::string_view(tickers_json), std::string_view(start), std::string_view(end),
             std::string_view(data.environment()), report.total.snapshots + report.total.deltas + report.total.trades,
             report.total.snapshots, report.total.deltas, std::string_view(end), std::string_view(end), session_schema_version,
             std::string_view(data.source()));
    std::size_t first = 0;
    for (std::size_t m = 0; m < data.markets().size(); ++m)
      first += save_events(data, m, id, std::span(numbers).subspan(first), inserts);
    return id;
  }

  // A number for every row, market by market: messages of all markets counted in the order of time. The levels of a snapshot
  // share its number.
  static std::vector<std::int64_t> sequence_numbers(const SessionData& data) {
    struct Next {
      Micros time;
      std::size_t market, row;
      bool operator>(const Next& other) const {
        return time != other.time ? time > other.time : market != other.market ? market > other.market : row > other.row;
      }
    };
    std::priority_queue<Next, std::vector<Next>, std::greater<>> queue;
    std::vector<std::size_t> begin;
    std::size_t rows = 0;
    for (std::size_t m = 0; m < data.markets().size(); ++m) {
      begin.push_back(rows);
      const EventColumns columns = data.columns(m);
      rows += columns.size();
      if (columns.size() != 0) queue.push({columns.ts_us[0], m, 0});
    }
    std::vector<std::int64_t> numbers(rows);
    for (std::int64_t number = 1; !queue.empty(); ++number) {
      Next next = queue.top();
      queue.pop();
      const EventColumns columns = data.columns(next.market);
      do {
        numbers[begin[next.market] + next.row] = number;
        ++next.row;
      } while (next.row < columns.size() && is_level(columns.kind[next.row]));
      if (next.row == columns.size()) continue;
      next.time = columns.ts_us[next.row];
      queue.push(next);
    }
    return numbers;
  }
  static bool is_level(EventKind kind) noexcept { return kind == EventKind::level_set_yes || kind == EventKind::level_set_no; }

  // Writes the rows of one market and gives their number.
  static std::size_t save_events(const SessionData& data, std::size_t market, SessionId id,
                                 std::span<const std::int64_t> numbers, Inserts& inserts) {
    const EventColumns rows = data.columns(market);
    const std::string_view ticker = data.markets()[market].ticker;
    OrderBook book(data.markets()[market].grid);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const EventRow row = rows.row(i);
      const std::int64_t ms = detail::milliseconds_of(row.ts_us);
      switch (row.kind) {
        case EventKind::book_clear: {
          std::size_t end = i + 1;
          while (end < rows.size() && is_level(rows.kind[end])) ++end;
          for (std::size_t r = i; r < end; ++r) book.apply(rows.row(r));
          save_snapshot(rows, i, end, book, id, ticker, ms, numbers[i], inserts.snapshot);
          i = end - 1;
          break;
        }
        case EventKind::level_delta_yes:
        case EventKind::level_delta_no: {
          const bool yes = row.kind == EventKind::level_delta_yes;
          const Count before = book.size_at(yes ? BookSide::yes : BookSide::no, row.price), after = before + row.count;
          book.apply(row);
          inserts.delta.run(id, ticker, ms, numbers[i], std::string_view(yes ? "yes" : "no"),
                            std::string_view(after <= 0    ? "remove"
                                             : before == 0 ? "add"
                                                           : "update"),
                            yes ? row.price : one_dollar - row.price, before, after, row.ts_us);
          break;
        }
        case EventKind::trade_yes:
        case EventKind::trade_no:
          inserts.trade.run(id, ticker, ms, numbers[i], std::string_view(row.kind == EventKind::trade_yes ? "yes" : "no"),
                            row.price, row.count, row.ts_us);
          break;
        case EventKind::gap_begin:
          book.apply(row);
          inserts.gap.run(id, ticker, ms, numbers[i], numbers[i] + 1, row.ts_us);
          break;
        case EventKind::gap_end:  // follows from the snapshot behind it
        case EventKind::level_set_yes:
        case EventKind::level_set_no:
          break;
      }
    }
    return rows.size();
  }

  static void save_snapshot(const EventColumns& rows, std::size_t begin, std::size_t end, const OrderBook& book, SessionId id,
                            std::string_view ticker, std::int64_t ms, std::int64_t number, io::SqliteStatement& insert) {
    std::array<std::string, 4> maps;  // YES bids, YES asks, NO bids, NO asks
    for (std::string& map : maps) map = "{";
    const auto add = [](std::string& map, Price price, Count level) {
      if (map.size() > 1) map += ',';
      ((map += '"') += std::to_string(price)) += "\":";
      map += std::to_string(level);
    };
    for (std::size_t i = begin + 1; i < end; ++i) {
      const bool yes = rows.kind[i] == EventKind::level_set_yes;
      add(maps[yes ? 0 : 1], rows.price[i], rows.count[i]);
      add(maps[yes ? 3 : 2], one_dollar - rows.price[i], rows.count[i]);
    }
    for (std::string& map : maps) map += '}';
    const auto [bid, ask] = book.touch();
    std::optional<Price> spread;
    std::optional<double> yes_mid, no_mid;
    if (bid && ask) {
      spread = *ask - *bid;
      yes_mid = 0.5 * static_cast<double>(*bid + *ask);
      no_mid = static_cast<double>(one_dollar) - *yes_mid;
    }
    insert.run(id, ticker, ms, number, std::string_view(maps[0]), std::string_view(maps[1]), std::string_view(maps[2]),
               std::string_view(maps[3]), spread, spread, yes_mid, no_mid, book.total(BookSide::yes) + book.total(BookSide::no),
               rows.ts_us[begin]);
  }

  std::unique_ptr<io::SqliteDatabase> database_;
  CloseRule close_;
};

static_assert(SessionStore<SqliteSessionStore>);

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_SQLITE_SESSION_STORE_HPP
