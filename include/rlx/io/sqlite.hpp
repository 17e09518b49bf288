// SPDX-License-Identifier: MIT
/// @file
/// @brief Optional component (SQLite): databases, prepared statements and transactions. Part of no umbrella header; link with
/// `-lsqlite3`.
#ifndef RLX_IO_SQLITE_HPP
#define RLX_IO_SQLITE_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sqlite3.h>

#include <rlx/core/error.hpp>

namespace rlx::inline v0_1::io {

/// How a database is opened.
enum class SqliteMode : std::uint8_t {
  read_only,   ///< the file must exist
  read_write,  ///< the file must exist
  create       ///< read and write; makes the file if it does not exist
};

namespace detail {

/// What the user can do about a failure of SQLite.
inline const char* sqlite_remedy(int code) noexcept {
  switch (code & 0xFF) {
    case SQLITE_NOTADB:
      return "the file is no SQLite database; give the path of one, or of a new file";
    case SQLITE_CORRUPT:
      return "the file is damaged or cut off; restore a copy, or recover what is left with the sqlite3 program (.recover)";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another program has it locked; close that program or wait, then try again";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "it cannot be written; check the permissions of the file and its folder";
    case SQLITE_CANTOPEN:
      return "it cannot be opened; check that the path exists and may be read";
    case SQLITE_FULL:
      return "the disk is full; make room, then try again";
    default:
      return "check the file and the disk";
  }
}

[[noreturn]] inline void sqlite_failed(const std::string& path, int code, const char* text) {
  throw IoError(path + ": " + text + "; " + sqlite_remedy(code));
}

struct SqliteClose {
  void operator()(::sqlite3* database) const noexcept { ::sqlite3_close_v2(database); }
  void operator()(::sqlite3_stmt* statement) const noexcept { ::sqlite3_finalize(statement); }
};

}  // namespace detail

/// A prepared statement. Parameters count from 1, columns from 0. Must not outlive its database.
/// Every failure is an IoError with the path, SQLite's text and a remedy.
class SqliteStatement {
 public:
  /// As INTEGER.
  void bind(int parameter, std::int64_t value) { check(::sqlite3_bind_int64(statement_.get(), parameter, value)); }
  void bind(int parameter, double value) { check(::sqlite3_bind_double(statement_.get(), parameter, value)); }  ///< as REAL
  /// The text is not copied: it must live until the statement is reset or bound anew.
  void bind(int parameter, std::string_view text) {
    check(::sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), nullptr, SQLITE_UTF8));
  }
  void bind(int parameter, std::nullptr_t) { check(::sqlite3_bind_null(statement_.get(), parameter)); }  ///< as NULL
  /// An empty one as NULL.
  template <class T>
  void bind(int parameter, const std::optional<T>& value) {
    if (value) {
      bind(parameter, *value);
    } else {
      bind(parameter, nullptr);
    }
  }
  /// Integers of any width as INTEGER.
  template <class T>
  requires std::is_integral_v<T>
  void bind(int parameter, T value) { bind(parameter, static_cast<std::int64_t>(value)); }

  /// Goes to the next row; false after the last.
  bool step() {
    const int code = ::sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) fail(code);
    return false;
  }
  /// Ready to be bound and stepped again.
  void reset() noexcept { ::sqlite3_reset(statement_.get()); }
  /// Binds the parameters in order, runs the statement to its end and resets it.
  template <class... Values>
  void run(const Values&... values) {
    int parameter = 0;
    (bind(++parameter, values), ...);
    while (step()) {
    }
    reset();
  }

  /// The cell holds NULL.
  bool is_null(int column) const noexcept { return ::sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }
  /// The cell holds INTEGER.
  bool is_integer(int column) const noexcept { return ::sqlite3_column_type(statement_.get(), column) == SQLITE_INTEGER; }
  /// The cell holds TEXT.
  bool is_text(int column) const noexcept { return ::sqlite3_column_type(statement_.get(), column) == SQLITE_TEXT; }
  /// The value as an integer; what is none becomes one by SQLite's rules.
  std::int64_t integer(int column) const noexcept { return ::sqlite3_column_int64(statement_.get(), column); }
  /// Valid until the next step or reset; empty for NULL.
  std::string_view text(int column) const noexcept {
    const unsigned char* const bytes = ::sqlite3_column_text(statement_.get(), column);
    if (bytes == nullptr) return {};
    return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(::sqlite3_column_bytes(statement_.get(), column))};
  }

 private:
  friend class SqliteDatabase;
  SqliteStatement(::sqlite3_stmt* statement, const std::string& path) : statement_(statement), path_(&path) {}

  void check(int code) const {
    if (code != SQLITE_OK) fail(code);
  }
  [[noreturn]] void fail(int code) const {
    detail::sqlite_failed(*path_, code, ::sqlite3_errmsg(::sqlite3_db_handle(statement_.get())));
  }

  std::unique_ptr<::sqlite3_stmt, detail::SqliteClose> statement_;
  const std::string* path_;
};

/// An open database; one object per thread. Does not move, since statements refer to it.
class SqliteDatabase {
 public:
  /// @param path     name of the file
  /// @param mode     whether it may be written and made
  /// @param busy_ms  how long a lock of another program is waited for
  /// @throws IoError with path and remedy if the file cannot be opened, is no database or is shorter than it says
  SqliteDatabase(std::string path, SqliteMode mode, int busy_ms = 2'000) : path_(std::move(path)) {
    check_length();
    const int access = mode == SqliteMode::read_only    ? SQLITE_OPEN_READONLY
                       : mode == SqliteMode::read_write ? SQLITE_OPEN_READWRITE
                                                        : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    ::sqlite3* opened = nullptr;
    const int code = ::sqlite3_open_v2(path_.c_str(), &opened, access | SQLITE_OPEN_NOMUTEX, nullptr);
    database_.reset(opened);
    if (code != SQLITE_OK) detail::sqlite_failed(path_, code, ::sqlite3_errstr(code));
    ::sqlite3_busy_timeout(opened, busy_ms);
    execute("SELECT count(*) FROM sqlite_master");  // the file is read only now
  }
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  const std::string& path() const noexcept { return path_; }  ///< as given to the constructor

  /// Runs one or several statements, rows being passed over.
  void execute(const std::string& sql) {
    const int code = ::sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) detail::sqlite_failed(path_, code, ::sqlite3_errmsg(database_.get()));
  }
  /// Compiles one statement; what follows it in `sql` is ignored.
  SqliteStatement prepare(std::string_view sql) {
    ::sqlite3_stmt* statement = nullptr;
    const int code = ::sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
    if (code != SQLITE_OK) detail::sqlite_failed(path_, code, ::sqlite3_errmsg(database_.get()));
    return {statement, path_};
  }

 private:
  // SQLite notices a missing end only when it reads there. Bytes 16, 28, 24 and 92 of the header: page size, number of pages,
  // and two counters that agree if that number is right (SQLite, "Database File Format", section 1.3).
  void check_length() const {
    std::ifstream file(path_, std::ios::binary | std::ios::ate);
    if (!file) return;  // sqlite3_open_v2 says why
    const auto size = static_cast<std::uint64_t>(file.tellg());
    std::array<char, 100> header{};
    if (size < header.size() || !file.seekg(0).read(header.data(), header.size())) return;
    const auto number = [&](std::size_t at, std::size_t bytes) {
      std::uint64_t value = 0;
      for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(header[at + i]);
      return value;
    };
    if (std::string_view(header.data(), 15) != "SQLite format 3") return;
    const std::uint64_t page = number(16, 2) == 1 ? 65'536 : number(16, 2);
    if (number(24, 4) == number(92, 4) && size < page * number(28, 4)) {
      detail::sqlite_failed(path_, SQLITE_CORRUPT, "the file is shorter than its header says");
    }
  }

  std::string path_;
  std::unique_ptr<::sqlite3, detail::SqliteClose> database_;
};

/// Everything between construction and `commit`, or nothing: without `commit` it is rolled back.
class SqliteTransaction {
 public:
  /// Takes the write lock at once. @throws IoError if another program has it
  explicit SqliteTransaction(SqliteDatabase& database) : database_(&database) { database.execute("BEGIN IMMEDIATE"); }
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;
  ~SqliteTransaction() {
    if (database_ == nullptr) return;
    try {
      database_->execute("ROLLBACK");
    } catch (const IoError&) {
      // After some errors SQLite has rolled back by itself already.
    }
  }
  /// Keeps the changes; to be called once.
  void commit() {
    database_->execute("COMMIT");
    database_ = nullptr;
  }

 private:
  SqliteDatabase* database_;
};

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_SQLITE_HPP
