// SPDX-License-Identifier: MIT
/// @file
/// @brief The decision log: an append-only journal of JSON lines, chained by hash, that survives crashes and shows tampering.
///
/// Files `agent_decisions_YYYYMMDD.jsonl`, one for each UTC day, one JSON object a line:
/// `{"schema":1,"seq":7,"prev":"<64 hex>","type":"leg","log_timestamp":"2026-01-02T08:05:00.000Z",<body>,"crc":"<8 hex>"}`.
/// `seq` counts from 0 over all files; `prev` is the SHA-256 of the preceding line without its line end (64 zeros for the
/// first), also across midnight; `crc` is the CRC-32C of all bytes of the line before `,"crc"`.
#ifndef RLX_OPTIONS_DECISION_LOG_HPP
#define RLX_OPTIONS_DECISION_LOG_HPP

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/hash.hpp>
#include <rlx/io/append_file.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/detail/json_text.hpp>
#include <rlx/options/error.hpp>

namespace rlx::inline v0_1::options {

/// What a line of the log is about.
enum class RecordType : std::uint8_t {
  start,          ///< the agent started
  plan,           ///< what a tick is about to send
  leg,            ///< one change of state of one leg
  decision,       ///< the whole of a tick
  settlement,     ///< of one expired position
  reconcile,      ///< log and venue differed
  error,          ///< what ended a tick, not the agent
  kill,           ///< the kill switch latched
  kill_released,  ///< the first start after the latch was removed
  stop            ///< the agent ended by itself
};

/// The name of the enumerator, as a line has it; "?" for no such type.
constexpr std::string_view name_of(RecordType type) {
  constexpr std::string_view names[] = {"start",     "plan",  "leg",  "decision",      "settlement",
                                        "reconcile", "error", "kill", "kill_released", "stop"};
  const auto at = static_cast<std::size_t>(type);
  return at < std::size(names) ? names[at] : "?";
}

/// One record before it has a place in the log. records_json.hpp makes it of the typed records.
struct Record {
  RecordType type = RecordType::error;  ///< what it is about
  std::int64_t timestamp_ms = 0;        ///< UTC, years 1970 to 9999; chooses the file
  std::string members;                  ///< JSON text of the members of an object, without its braces

  Record() = default;
  /// @throws LogError if `body` is neither an object nor null
  Record(RecordType record_type, std::int64_t time, const nlohmann::ordered_json& body = nullptr)
      : type(record_type), timestamp_ms(time) {
    if (!body.is_object() && !body.is_null()) {
      throw LogError(std::string("decision log: the body of a record must be an object, found ") + body.type_name());
    }
    for (auto member = body.begin(); member != body.end(); ++member) {
      if (!members.empty()) members += ',';
      io::detail::append_json_string(members, member.key());
      members += ':';
      io::detail::append_json(members, member.value());
    }
  }
};

/// How far a record is on its way to the disk when `append` returns.
enum class Durability : std::uint8_t {
  buffered,  ///< handed to the operating system: it survives the end of this process
  fsync      ///< with everything before it on the device: it survives a power cut
};

/// One record as it stands in the log.
struct LogEntry {
  std::uint64_t seq = 0;                ///< number of the record in the whole log, from 0
  RecordType type = RecordType::error;  ///< what it is about
  std::int64_t timestamp_ms = 0;        ///< UTC ms
  std::string_view body;                ///< JSON text of the members, without braces; valid until the next entry
  std::string_view file;                ///< name of the file
  std::size_t line = 0;                 ///< 1-based

  /// The members as an object. @throws LogError naming file and line if they are not JSON (a line made by something else)
  nlohmann::ordered_json json() const;
};

/// An unfinished last line: what a crash in the middle of a write leaves behind.
struct TornTail {
  std::string file;          ///< name of the log file
  std::size_t line = 0;      ///< 1-based
  std::uint64_t seq = 0;     ///< that the record would have had
  std::uint64_t offset = 0;  ///< first byte of the torn line
  std::uint64_t size = 0;    ///< bytes
};

/// What checking a whole log gave.
struct LogSummary {
  std::uint64_t records = 0;     ///< whole lines
  std::size_t files = 0;         ///< one for each UTC day that has records
  std::string last_hash;         ///< SHA-256 of the last whole line; 64 zeros where there is none
  std::optional<TornTail> torn;  ///< a torn last line, which is not counted
};

namespace detail {

inline constexpr std::string_view log_prefix = "agent_decisions_";
inline constexpr std::string_view log_suffix = ".jsonl";
inline constexpr std::string_view log_lock_name = "agent_decisions.lock";

/// `agent_decisions_20260102.jsonl`
inline std::string log_file_name(std::int64_t timestamp_ms) {
  std::string day = io::format_date(timestamp_ms);
  std::erase(day, '-');
  return std::string(log_prefix) + day + std::string(log_suffix);
}

inline bool is_log_file(std::string_view name) {
  return name.size() == log_prefix.size() + 8 + log_suffix.size() && name.starts_with(log_prefix) &&
         name.ends_with(log_suffix) &&
         std::all_of(name.begin() + log_prefix.size(), name.begin() + log_prefix.size() + 8,
                     [](char c) { return c >= '0' && c <= '9'; });
}

/// `2026-01-02T08:05:00.000Z`, always with milliseconds.
inline std::string log_timestamp(std::int64_t timestamp_ms) {
  std::string text = io::format_time_ms(timestamp_ms);
  if (text.find('.') == std::string::npos) text.insert(text.size() - 1, ".000");
  return text;
}

inline std::string crc_text(std::string_view bytes) {
  const std::uint32_t crc = crc32c(std::as_bytes(std::span(bytes.data(), bytes.size())));
  std::string text(8, '0');
  for (std::size_t i = 0; i < 8; ++i) text[i] = "0123456789abcdef"[crc >> (28 - 4 * i) & 0xFU];
  return text;
}

/// Takes fixed text and fields off the front of a line.
class LineScanner {
 public:
  explicit LineScanner(std::string_view line) : rest_(line) {}
  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  std::string_view take_until(char end) {
    const std::string_view field = rest_.substr(0, rest_.find(end));
    rest_.remove_prefix(field.size());
    return field;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// Follows the chain line by line.
class LogChain {
 public:
  std::uint64_t next_seq = 0;
  std::string last_hash = std::string(64, '0');

  /// Whether the line carries the crc of its own bytes: if not, its write did not finish or it was changed.
  static bool intact(std::string_view line) {
    constexpr std::size_t tail = 18;  // ,"crc":"01234567"}
    if (line.size() < tail) return false;
    const std::string_view end = line.substr(line.size() - tail);
    const std::string_view bytes = line.substr(0, line.size() - tail);
    return end.starts_with(",\"crc\":\"") && end.ends_with("\"}") && end.substr(8, 8) == crc_text(bytes);
  }

  /// Checks an intact line and moves on. @return what is wrong with it; empty: nothing
  std::string accept(std::string_view line, LogEntry& entry) {
    LineScanner scan(line.substr(0, line.size() - 18));
    if (!scan.take("{\"schema\":1,\"seq\":")) return "expected a record of schema 1";
    if (const std::string_view seq = scan.take_until(','); seq != std::to_string(next_seq)) {
      return "expected record " + std::to_string(next_seq) + ", found " + std::string(seq.substr(0, 30)) +
             ": records are missing or were put in";
    }
    if (!scan.take(",\"prev\":\"") || scan.take_until('"') != last_hash) {
      return "\"prev\" is not the hash of the record before: one of the two was changed";
    }
    if (!scan.take("\",\"type\":\"")) return "expected \"type\" after \"prev\"";
    const std::string_view type = scan.take_until('"');
    std::size_t t = 0;
    while (t <= static_cast<std::size_t>(RecordType::stop) && name_of(static_cast<RecordType>(t)) != type) ++t;
    if (t > static_cast<std::size_t>(RecordType::stop)) return "unknown type '" + std::string(type.substr(0, 30)) + '\'';
    if (!scan.take("\",\"log_timestamp\":\"")) return "expected \"log_timestamp\" after \"type\"";
    const std::string_view time = scan.take_until('"');
    const std::optional<std::int64_t> ms = io::try_parse_time_ms(time);
    if (!ms || log_timestamp(*ms) != time || !scan.take("\"")) return "expected a time such as 2026-01-02T08:05:00.000Z";
    std::string_view body = scan.rest();
    if (!body.empty() && body.front() != ',') return "expected ',' after \"log_timestamp\"";
    if (!body.empty()) body.remove_prefix(1);
    entry.seq = next_seq++;
    entry.type = static_cast<RecordType>(t);
    entry.timestamp_ms = *ms;
    entry.body = body;
    last_hash = sha256_hex(line);
    return {};
  }
};

/// Walks over one file. @param may_be_torn  the last file of the log: its last line may be unfinished
/// @throws LogError with file and line
template <class F>
std::optional<TornTail> walk_log_file(const std::string& name, std::string_view text, bool may_be_torn, LogChain& chain,
                                      F&& each) {
  std::size_t line_number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t found = text.find('\n', begin);
    const std::size_t end = found == std::string_view::npos ? text.size() : found;
    const std::string_view line = text.substr(begin, end - begin);
    const bool last = end + 1 >= text.size();
    ++line_number;
    const auto fail = [&](const std::string& problem) {
      throw LogError(name + ':' + std::to_string(line_number) + ": " + problem +
                     "; the log is not repaired by itself: restore the file, or move the folder away to begin a new log");
    };
    if (found == std::string_view::npos || !LogChain::intact(line)) {
      if (!last || !may_be_torn) fail("the record does not match its crc: it was changed, or is cut off");
      return TornTail{name, line_number, chain.next_seq, begin, text.size() - begin};
    }
    LogEntry entry;
    entry.file = name;
    entry.line = line_number;
    if (const std::string problem = chain.accept(line, entry); !problem.empty()) fail(problem);
    each(entry);
    begin = end + 1;
  }
  return std::nullopt;
}

inline std::vector<std::string> log_files(std::vector<std::string> names) {
  std::erase_if(names, [](const std::string& name) { return !is_log_file(name); });
  return names;
}

}  // namespace detail

inline nlohmann::ordered_json LogEntry::json() const {
  const auto fail = [this](const std::string& why) {
    throw LogError(std::string(file) + ':' + std::to_string(line) + ": the members of the record are not JSON: " + why);
  };
  // Whoever walks over the value does so by recursion: a hostile file must not exhaust the stack.
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > 100) fail("nested deeper than 100 levels");
    } else if (c == '}' || c == ']') {
      if (--depth < 0) fail("a bracket that closes nothing");
    } else if (c == '\0') {
      fail("it contains a NUL byte");
    }
  }
  try {
    return nlohmann::ordered_json::parse("{" + std::string(body) + "}");
  } catch (const nlohmann::ordered_json::exception& error) {
    fail(error.what());
  }
  return {};
}

/**
 * @brief Reads a log without changing it, one file at a time in memory.
 *
 * A log that is being written may be read; a last line that is not finished then counts as torn and is left out.
 */
class LogReader {
 public:
  /// @throws LogError naming the folder if it cannot be listed. `files` must outlive this object.
  template <io::AppendFiles Files>
  LogReader(std::string directory, Files& files)
      : directory_(std::move(directory)), read_([&files](const std::string& path) {
          try {
            return io::read_all(path, files);
          } catch (const IoError& error) {
            throw LogError(std::string("decision log: ") + error.what());
          }
        }) {
    try {
      names_ = detail::log_files(io::list_directory(directory_, files));
    } catch (const IoError& error) {
      throw LogError(std::string("decision log: ") + error.what());
    }
  }
  /// The same over the operating system's files.
  explicit LogReader(std::string directory) : LogReader(std::move(directory), posix()) {}

  /// Names of the files, oldest first.
  const std::vector<std::string>& file_names() const noexcept { return names_; }

  /// Calls `each(const LogEntry&)` for every record in order, each checked before it is given: crc, number, hash of its
  /// predecessor. @throws LogError `file:line: ...` at the first fault that is not a torn last line
  template <class F>
  LogSummary for_each(F&& each) const {
    detail::LogChain chain;
    LogSummary summary;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const std::string text = read_(directory_ + '/' + names_[i]);
      summary.torn = detail::walk_log_file(names_[i], text, i + 1 == names_.size(), chain, each);
    }
    summary.records = chain.next_seq;
    summary.files = names_.size();
    summary.last_hash = chain.last_hash;
    return summary;
  }
  /// Checks every record. @throws LogError as `for_each`
  LogSummary verify() const {
    return for_each([](const LogEntry&) {});
  }

 private:
  static io::PosixFiles& posix() {
    static io::PosixFiles files;  // stateless
    return files;
  }

  std::string directory_;
  std::function<std::string(const std::string&)> read_;
  std::vector<std::string> names_;
};

/**
 * @brief The one writer of a log.
 *
 * Opening locks the folder, checks the whole chain, and moves an unfinished last line to `<file>.torn-<seq>`; any other damage
 * refuses to open. Records of an earlier day than the newest file (a clock that was set back) go into the newest file. After a
 * failed write the log takes no further record: open it anew. Move-only, one thread.
 *
 * The bytes depend on the records alone: equal records in equal order give equal files.
 */
template <io::AppendFiles Files = io::PosixFiles>
class DecisionLog {
 public:
  /// Opens the log of a folder, which is made if it is missing. `files` must outlive the log.
  /// @throws LogError  another writer; `file:line: ...` for damage; or the system's text
  static DecisionLog open(const std::string& directory, Files& files) {
    try {
      return DecisionLog(directory, files);
    } catch (const IoError& error) {
      throw LogError(std::string("decision log: ") + error.what());
    }
  }
  /// The same over the operating system's files.
  static DecisionLog open(const std::string& directory) requires std::same_as<Files, io::PosixFiles> {
    static io::PosixFiles files;  // stateless
    return open(directory, files);
  }

  /**
   * @brief Writes one record; when it returns the record is as durable as asked.
   * @throws LogError  the record could not be written (it may still be found in the log later: it is then whole, or torn and
   * moved away at the next opening), or the log has failed before
   */
  void append(const Record& record, Durability durability = Durability::buffered) {
    if (!failure_.empty()) throw LogError("decision log: stopped after an earlier failure (" + failure_ + "); open it anew");
    // Another year would not have four digits, and its file would not be found again.
    if (record.timestamp_ms < 0 || record.timestamp_ms >= 253'402'300'800'000) {
      throw LogError("decision log: the time of a record must lie in the years 1970 to 9999, got " +
                     std::to_string(record.timestamp_ms) + " ms");
    }
    line_.clear();
    line_ += "{\"schema\":1,\"seq\":";
    io::detail::append_json_integer(line_, chain_.next_seq);
    line_.append(",\"prev\":\"").append(chain_.last_hash).append("\",\"type\":\"").append(name_of(record.type));
    line_.append("\",\"log_timestamp\":\"").append(detail::log_timestamp(record.timestamp_ms)).append("\"");
    if (!record.members.empty()) line_.append(",").append(record.members);
    const std::string crc = detail::crc_text(line_);
    line_.append(",\"crc\":\"").append(crc).append("\"}");
    const std::string hash = sha256_hex(line_);
    line_ += '\n';
    // Whatever ends this call early, a failed write or the simulated end of the process in a test, leaves the log closed.
    failure_ = "a write was interrupted";
    try {
      const std::string name = detail::log_file_name(record.timestamp_ms);
      if (!file_ || name > name_) roll_to(name);
      file_->append(line_);
      if (durability == Durability::fsync) file_->sync();
    } catch (const IoError& error) {
      failure_ = error.what();
      throw LogError("decision log: record " + std::to_string(chain_.next_seq) + ": " + failure_);
    }
    failure_.clear();
    chain_.last_hash = hash;
    ++chain_.next_seq;
  }

  /// Everything appended so far survives a power cut once this returns. @throws LogError
  void sync() {
    if (!failure_.empty()) throw LogError("decision log: stopped after an earlier failure (" + failure_ + "); open it anew");
    failure_ = "a flush was interrupted";
    try {
      if (file_) file_->sync();
    } catch (const IoError& error) {
      failure_ = error.what();
      throw LogError("decision log: " + failure_);
    }
    failure_.clear();
  }

  /// Number of the next record; records before it are in the log.
  std::uint64_t next_seq() const noexcept { return chain_.next_seq; }
  /// SHA-256 of the last line; 64 zeros before the first record.
  const std::string& last_hash() const noexcept { return chain_.last_hash; }
  /// The unfinished line that opening moved away; worth an `error` record.
  const std::optional<TornTail>& torn() const noexcept { return torn_; }
  /// False once a write has failed.
  bool healthy() const noexcept { return failure_.empty(); }
  /// As given when it was opened.
  const std::string& directory() const noexcept { return directory_; }

 private:
  DecisionLog(const std::string& directory, Files& files)
      : files_(&files), directory_(directory), lock_(lock_directory(directory, files)) {
    const std::vector<std::string> names = detail::log_files(io::list_directory(directory, files));
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::string text = io::read_all(directory_ + '/' + names[i], files);
      torn_ = detail::walk_log_file(names[i], text, i + 1 == names.size(), chain_, [](const LogEntry&) {});
      if (torn_) move_torn(std::string_view(text).substr(torn_->offset));
    }
    if (names.empty()) return;
    name_ = names.back();
    file_.emplace(directory_ + '/' + name_, files);
    // What this process builds upon must not vanish behind its own durable records.
    file_->sync();
    if (files.sync_directory(directory_) != 0) io::detail::throw_io_error("flush directory", directory_, errno);
  }

  static io::FileLock<Files> lock_directory(const std::string& directory, Files& files) {
    io::make_directories(directory, files);
    const std::string path = directory + '/' + std::string(detail::log_lock_name);
    const int descriptor = files.lock(path);
    if (descriptor >= 0) return io::FileLock<Files>::adopt(descriptor, files);
    if (errno == EWOULDBLOCK) throw LogError("decision log: another writer holds " + path + "; one agent per log folder");
    io::detail::throw_io_error("lock", path, errno);
  }

  // First a durable copy, then the cut: a crash in between leaves the line in both places.
  void move_torn(std::string_view bytes) {
    const std::string path = directory_ + '/' + torn_->file;
    {
      io::AppendFile<Files> copy(path + ".torn-" + std::to_string(torn_->seq), *files_);
      copy.append(bytes);
      copy.sync();
    }
    io::AppendFile<Files> file(path, *files_);
    file.cut(torn_->offset);
    file.sync();
  }

  // The old day is made durable first, so that a power cut can tear the newest file only.
  void roll_to(const std::string& name) {
    if (file_) file_->sync();
    file_.emplace(directory_ + '/' + name, *files_);
    name_ = name;
  }

  Files* files_;
  std::string directory_;
  io::FileLock<Files> lock_;
  detail::LogChain chain_;
  std::optional<TornTail> torn_;
  std::optional<io::AppendFile<Files>> file_;
  std::string name_;  // of the newest file; empty before the first record
  std::string line_;  // buffer
  std::string failure_;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_DECISION_LOG_HPP
