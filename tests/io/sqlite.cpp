// SPDX-License-Identifier: MIT
#include <rlx/io/sqlite.hpp>
//
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

#include "rlx_catch.hpp"
#include "temporary_file.hpp"

using namespace rlx::io;
using rlx_test::ContainsSubstring;

namespace {

template <class F>
void fails(F&& f, const std::string& path, const std::string& remedy) {
  try {
    f();
    FAIL("accepted");
  } catch (const rlx::IoError& error) {
    CHECK_THAT(error.what(), ContainsSubstring(path + ": ") && ContainsSubstring(remedy));
  }
}

}  // namespace

TEST_CASE("SQLite: values of every type go in and come out", "[io][sqlite]") {
  const rlx_test::TemporaryFile file;
  SqliteDatabase database(file.path, SqliteMode::create);
  CHECK(database.path() == file.path);
  database.execute("CREATE TABLE t(a, b, c, d, e, f)");
  SqliteStatement insert = database.prepare("INSERT INTO t VALUES(?, ?, ?, ?, ?, ?)");
  insert.run(std::int64_t{1} << 62, 0.5, std::string_view("x\0y", 3), nullptr, std::optional<int>(7), std::optional<int>());
  insert.run(-1, 0.25, std::string("text"), true, std::optional<double>(2.5), 'a' == 'b');
  SqliteStatement rows = database.prepare("SELECT * FROM t WHERE a > ? ORDER BY a DESC");
  rows.bind(1, -5);
  REQUIRE(rows.step());
  CHECK(rows.integer(0) == std::int64_t{1} << 62);
  CHECK(rows.is_integer(0));
  CHECK_FALSE(rows.is_integer(1));
  CHECK(rows.text(1) == "0.5");
  CHECK(rows.text(2) == std::string_view("x\0y", 3));
  CHECK(rows.is_text(2));
  CHECK(rows.is_null(3));
  CHECK(rows.text(3).empty());
  CHECK(rows.integer(4) == 7);
  CHECK(rows.is_null(5));
  REQUIRE(rows.step());
  CHECK(rows.integer(3) == 1);
  CHECK_FALSE(rows.step());
  rows.reset();
  CHECK(rows.step());
}

TEST_CASE("SQLite: a transaction is whole or nothing", "[io][sqlite]") {
  const rlx_test::TemporaryFile file;
  SqliteDatabase database(file.path, SqliteMode::create);
  database.execute("CREATE TABLE t(a)");
  const auto count = [&] {
    SqliteStatement rows = database.prepare("SELECT count(*) FROM t");
    rows.step();
    return rows.integer(0);
  };
  {
    SqliteTransaction transaction(database);
    database.execute("INSERT INTO t VALUES(1)");
  }
  CHECK(count() == 0);
  {
    SqliteTransaction transaction(database);
    database.execute("INSERT INTO t VALUES(1)");
    transaction.commit();
  }
  CHECK(count() == 1);
}

TEST_CASE("SQLite: failures name the path and what to do", "[io][sqlite]") {
  const rlx_test::TemporaryFile file;
  fails([] { SqliteDatabase("/nonexistent/x.db", SqliteMode::create); }, "/nonexistent/x.db", "check that the path exists");
  fails([] { SqliteDatabase("/nonexistent/x.db", SqliteMode::read_only); }, "/nonexistent/x.db", "check that the path exists");
  {
    SqliteDatabase database(file.path, SqliteMode::create);
    fails([&] { database.execute("SELECT missing"); }, file.path, "no such column");
    fails([&] { database.prepare("SELEC 1"); }, file.path, "syntax error");
    database.execute("CREATE TABLE t(a UNIQUE)");
    SqliteStatement insert = database.prepare("INSERT INTO t VALUES(1)");
    insert.run();
    fails([&] { insert.run(); }, file.path, "UNIQUE");
    SqliteDatabase reader(file.path, SqliteMode::read_only, 0);
    fails([&] { reader.execute("INSERT INTO t VALUES(2)"); }, file.path, "it cannot be written");
    SqliteDatabase other(file.path, SqliteMode::read_write, 0);
    SqliteTransaction transaction(database);
    fails([&] { SqliteTransaction second(other); }, file.path, "another program has it locked");
  }
  std::ofstream(file.path) << "timestamp,market_ticker\nand other text that is no database, longer than a hundred bytes: "
                              "0123456789012345678901234567890123456789";
  fails([&] { SqliteDatabase(file.path, SqliteMode::read_only); }, file.path, "no SQLite database");
}

TEST_CASE("SQLite: a file that was cut off is noticed when it is opened", "[io][sqlite]") {
  const rlx_test::TemporaryFile file;
  {
    SqliteDatabase database(file.path, SqliteMode::create);
    database.execute(
        "CREATE TABLE t(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "INSERT INTO t SELECT i FROM n");
  }
  struct ::stat info {};
  REQUIRE(::stat(file.path.c_str(), &info) == 0);
  for (const long size : {static_cast<long>(info.st_size) - 1, static_cast<long>(info.st_size) / 2, 4'096L, 200L}) {
    REQUIRE(::truncate(file.path.c_str(), size) == 0);
    fails([&] { SqliteDatabase(file.path, SqliteMode::read_only); }, file.path, "damaged or cut off");
  }
}
