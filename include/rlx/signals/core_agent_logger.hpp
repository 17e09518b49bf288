// SPDX-License-Identifier: MIT
/// @file
/// @brief The hash-chained log of a core agent, its files, and the check that nothing in it was changed.
///
/// One JSON object a line: `{"fields":{...},"kind":"action","name":"store_signal","seq":0,"ts":"1970-01-01T00:00:00Z",
/// "prev":"<64 hex>","hash":"<64 hex>"}`. `hash` is the SHA-256 of `prev` followed by the canonical JSON of the record without
/// `prev` and `hash`, which is the line's beginning; the first `prev` is 64 zeros. Files `core_agent.<n>.log`, n from 0.
#ifndef RLX_SIGNALS_CORE_AGENT_LOGGER_HPP
#define RLX_SIGNALS_CORE_AGENT_LOGGER_HPP

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <unistd.h>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/io/append_file.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/signals/clock.hpp>
#include <rlx/signals/detail/any_json.hpp>
#include <rlx/signals/detail/canonical_json.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// What a record is about; one for each `log_*` method.
enum class LogKind : std::uint8_t {
  action,
  error,
  info,
  metric,
  signal_processing,
  signal_filtering,
  agent_coordination,
  trade_command,
  flow_management,
  system_operation
};
/// Enumerators of LogKind.
inline constexpr std::size_t num_log_kinds = 10;

/// Name of the enumerator, as `kind` in a record; "?" for a value that is none.
constexpr std::string_view name_of(LogKind kind) {
  constexpr std::string_view names[] = {"action",
                                        "error",
                                        "info",
                                        "metric",
                                        "signal_processing",
                                        "signal_filtering",
                                        "agent_coordination",
                                        "trade_command",
                                        "flow_management",
                                        "system_operation"};
  return static_cast<std::size_t>(kind) < std::size(names) ? names[static_cast<std::size_t>(kind)] : "?";
}

/// One line of a log, checked.
struct LogLine {
  std::uint64_t seq = 0;    ///< number of the record in the whole log, from 0
  std::string_view record;  ///< canonical JSON of {fields, kind, name, seq, ts} without its last brace; valid during the call
  std::string_view file;    ///< name of the file
  std::size_t line = 0;     ///< 1-based

  /// The record as an object. @throws DataError with file and line if it is not JSON
  template <AnyJson J = Json>
  J json() const {
    try {
      return detail::any_of_tree<J>(tree());
    } catch (const DataError&) {
      throw DataError(std::string(file), line, 0, "the record is not a JSON object");
    }
  }

 private:
  rlx::detail::JsonTree tree() const {
    rlx::detail::JsonTree result = rlx::detail::JsonTree::parse(std::string(record) + '}', std::string(file));
    if (!result.is_object()) throw DataError("an object was expected");
    return result;
  }
};

/// The fields of a record that a sink asks for: `LogFields::object({{"files", 3}, {"last_file", name}})`.
using LogFields = rlx::detail::JsonTree;

/// The first record of a log that is not as it was written.
struct BadRecord {
  std::string file;       ///< name of the file
  std::size_t line = 0;   ///< 1-based
  std::uint64_t seq = 0;  ///< the number the record should have had
  std::string problem;    ///< what is wrong
};

/// What checking a log gave.
struct LogVerification {
  bool ok = true;                ///< every record is as it was written
  std::uint64_t records = 0;     ///< good ones, before the first bad one
  std::uint64_t first_seq = 0;   ///< above 0 if old files were removed, as an anchor record says
  std::size_t files = 0;         ///< read, up to that of the first bad record
  std::uint64_t bytes = 0;       ///< of the good records
  std::string last_hash;         ///< 64 zeros for an empty log
  std::optional<BadRecord> bad;  ///< present exactly if not `ok`
  bool torn = false;             ///< the bad record is an unfinished last line, as a crash leaves it: opening the log cuts it

  /// The same as `ok`.
  explicit operator bool() const noexcept { return ok; }
};

namespace detail {

/// How the name of a log file begins; its number follows.
inline constexpr std::string_view agent_log_prefix = "core_agent.";
/// How the name ends.
inline constexpr std::string_view agent_log_suffix = ".log";
/// Name of the record that tells of removed files.
inline constexpr std::string_view anchor_name = "remove_log_files";

/// `prev` of the first record.
inline std::string zero_hash() { return std::string(64, '0'); }

/// The n of `core_agent.<n>.log`; nothing for other names.
template <class = void>
std::optional<std::uint64_t> agent_log_number(std::string_view name) {
  if (!name.starts_with(agent_log_prefix) || !name.ends_with(agent_log_suffix)) return std::nullopt;
  name.remove_prefix(agent_log_prefix.size());
  if (name.size() <= agent_log_suffix.size()) return std::nullopt;
  name.remove_suffix(agent_log_suffix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size() || (name.size() > 1 && name.front() == '0')) return std::nullopt;
  return number;
}
/// Name of the file of a number.
template <class = void>
std::string agent_log_name(std::uint64_t number) {
  return std::string(agent_log_prefix) + std::to_string(number) + std::string(agent_log_suffix);
}
/// Numbers of the log files among the names, ascending.
template <class = void>
std::vector<std::uint64_t> agent_log_numbers(const std::vector<std::string>& names) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : names) {
    if (const auto number = agent_log_number(name)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

/// Follows a chain line by line.
template <class Hash>
struct BasicAgentLogChain {
  std::uint64_t next_seq = 0;
  std::string last_hash = zero_hash();
  bool started = false;  // the first record of a shortened log gives its own place

  static constexpr std::string_view prev_text = ",\"prev\":\"";
  static constexpr std::string_view hash_text = "\",\"hash\":\"";
  static constexpr std::size_t tail_size = prev_text.size() + 64 + hash_text.size() + 64 + 2;

  /// Closes a record: `line` holds it up to, without, its last brace. Appends the rest of the line and its end.
  void seal(std::string& line) {
    const std::string hash = Hash().update(last_hash).update(line).update("}").hex();
    line.append(prev_text).append(last_hash).append(hash_text).append(hash).append("\"}\n");
    last_hash = hash;
    ++next_seq;
    started = true;
  }

  /// Checks a line without its end. @return what is wrong with it; empty: nothing
  std::string accept(std::string_view line, std::string_view& record) {
    constexpr std::string_view broken = "the line is not a record of this log: it was changed, or is cut off";
    if (line.size() < tail_size || line.front() != '{') return std::string(broken);
    record = line.substr(0, line.size() - tail_size);
    std::string_view tail = line.substr(record.size());
    const std::string_view prev = tail.substr(prev_text.size(), 64);
    const std::string_view hash = tail.substr(prev_text.size() + 64 + hash_text.size(), 64);
    if (!tail.starts_with(prev_text) || tail.substr(prev_text.size() + 64, hash_text.size()) != hash_text ||
        !tail.ends_with("\"}")) {
      return std::string(broken);
    }
    const std::size_t at = record.rfind(",\"seq\":");
    std::uint64_t seq = 0;
    if (at == std::string_view::npos) return std::string(broken);
    const char* const begin = record.data() + at + 7;
    const auto [end, error] = std::from_chars(begin, record.data() + record.size(), seq);
    if (error != std::errc{} || end == record.data() + record.size() || *end != ',') return std::string(broken);
    if (!started) {
      next_seq = seq;
      last_hash = prev;
      started = true;
    }
    if (seq != next_seq) {
      return "expected record " + std::to_string(next_seq) + ", found " + std::to_string(seq) +
             ": records were removed, put in or swapped";
    }
    if (prev != last_hash) return "\"prev\" is not the hash of the record before: one of the two was changed";
    if (Hash().update(prev).update(record).update("}").hex() != hash) {
      return "the hash does not fit the record: it was changed";
    }
    last_hash = hash;
    ++next_seq;
    return {};
  }
};
using AgentLogChain = BasicAgentLogChain<Sha256>;

}  // namespace detail

/**
 * @brief Reads a log directory, checking every record before it is given to `each(const LogLine&)`; stops at the first bad one.
 *
 * A log whose oldest files were removed is good if a later record of the chain, the anchor, tells number and hash of the last
 * record removed. One file at a time in memory; nothing is changed, also while a logger writes.
 * @throws IoError if the directory or a file cannot be read; what `each` throws
 */
template <io::AppendFiles Files, class F>
LogVerification read_log(const std::string& directory, Files& files, F&& each) {
  LogVerification result;
  detail::AgentLogChain chain;
  const std::vector<std::uint64_t> numbers = detail::agent_log_numbers(io::list_directory(directory, files));
  std::optional<std::pair<std::uint64_t, std::string>> gap;  // last record before the first file: wants an anchor
  std::string first_file;
  const auto fail = [&](const std::string& file, std::size_t line, std::uint64_t seq, std::string problem) {
    result.ok = false;
    result.bad = BadRecord{file, line, seq, std::move(problem)};
  };
  for (std::size_t i = 0; i < numbers.size() && result.ok; ++i) {
    const std::string name = detail::agent_log_name(numbers[i]);
    const std::string text = io::read_all(directory + '/' + name, files);
    ++result.files;
    if (i > 0 && numbers[i] != numbers[i - 1] + 1) {
      fail(name, 1, chain.next_seq, detail::agent_log_name(numbers[i - 1] + 1) + " is missing");
      break;
    }
    std::size_t line_number = 0;
    for (std::size_t begin = 0; begin < text.size();) {
      ++line_number;
      const std::size_t end = text.find('\n', begin);
      if (end == std::string::npos) {
        result.torn = i + 1 == numbers.size();
        fail(name, line_number, chain.next_seq, "the last line is not finished");
        break;
      }
      const bool first = !chain.started;
      const std::string_view line = std::string_view(text).substr(begin, end - begin);
      std::string_view record;
      if (std::string problem = chain.accept(line, record); !problem.empty()) {
        fail(name, line_number, chain.next_seq, std::move(problem));
        break;
      }
      const LogLine entry{chain.next_seq - 1, record, name, line_number};
      if (first) {
        first_file = name;
        result.first_seq = entry.seq;
        const std::string_view prev = line.substr(record.size() + detail::AgentLogChain::prev_text.size(), 64);
        if (entry.seq > 0) {
          gap.emplace(entry.seq - 1, prev);
        } else if (prev != detail::zero_hash()) {
          fail(name, line_number, 0, "the first record does not begin a chain");
          break;
        }
      }
      if (gap && record.find(detail::anchor_name) != std::string_view::npos) {
        using detail::Tree;
        const auto equals = [](const Tree& object, std::string_view key, const Tree& expected) {
          const Tree* const found = object.find(key);
          return found != object.end() && *found == expected;
        };
        const auto json = entry.template json<Tree>();
        const Tree* const fields = json.find("fields");
        if (fields != json.end() && equals(json, "name", detail::anchor_name) && equals(*fields, "last_seq", gap->first) &&
            equals(*fields, "last_hash", gap->second)) {
          gap.reset();
        }
      }
      each(entry);
      ++result.records;
      result.bytes += line.size() + 1;
      begin = end + 1;
    }
  }
  if (result.ok && gap) {
    fail(first_file, 1, 0,
         "the records before " + std::to_string(gap->first + 1) + " are missing and no anchor record tells of their removal");
  }
  result.last_hash = chain.last_hash;
  return result;
}

/// Checks a whole log over any files. @throws IoError
template <io::AppendFiles Files>
LogVerification verify_log(const std::string& directory, Files& files) {
  return read_log(directory, files, [](const LogLine&) {});
}
/// Checks a whole log: fine, or the first bad record. Whole lines that were removed at the end leave a chain that is whole: who
/// must find that keeps `records` and `last_hash` elsewhere and compares them. @throws IoError if the directory cannot be read
template <io::AppendFiles Files = io::PosixFiles>
LogVerification verify_log(const std::string& directory) {
  Files files;
  return verify_log(directory, files);
}

/**
 * @brief Where a CoreAgentLogger writes. A user's own sink derives from it; `append` must throw where a line may be lost.
 *
 * Calls come from one thread at a time.
 */
class LogSink {
 public:
  /// A record that the logger writes on behalf of its sink.
  struct Note {
    std::string name;  ///< of the record
    LogFields fields;  ///< an object
  };
  /// Where the chain stands.
  struct End {
    std::uint64_t next_seq = 0;                   ///< number of the next record
    std::string last_hash = detail::zero_hash();  ///< 64 zeros for an empty log
  };

  virtual ~LogSink() = default;
  /// The end of what is there already, asked once.
  virtual End end() { return {}; }
  /// Notes about the opening, asked once; written before anything else.
  virtual std::vector<Note> opening_notes() { return {}; }
  /// Takes one whole line. @throws IoError
  virtual void append(std::string_view line) = 0;
  /// Everything appended survives a power cut. @throws IoError
  virtual void sync() {}
  /// Told before a line of `size` bytes: a new file may begin. @return a note to write first, if old files are to go
  virtual std::optional<Note> make_room(std::size_t size, const End& at) {
    static_cast<void>(size);
    static_cast<void>(at);
    return std::nullopt;
  }
  /// The note of `make_room` is written and durable.
  virtual void remove_old() {}
};

/// Keeps the lines in memory.
class MemoryLog : public LogSink {
 public:
  void append(std::string_view line) override { text_ += line; }
  /// All lines.
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

/// How the files of a log are cut.
struct LogFilesConfig {
  std::uint64_t max_bytes = std::uint64_t{10} << 20;  ///< of one file, unless a single line is longer
  std::size_t max_files = 100;                        ///< the oldest go, leaving an anchor record
};

/**
 * @brief The files of a log in one directory, for one writer.
 *
 * Opening makes the directory, takes its lock (`core_agent.lock`, holding the writer's process id), checks the whole chain, and
 * moves an unfinished last line to `<file>.<seq>.torn`. A process id left by a writer that did not end properly is reported by
 * a record, as is a torn line. Any other damage refuses to open.
 */
template <io::AppendFiles Files = io::PosixFiles>
class LogDirectory : public LogSink {
 public:
  /// `files` must outlive this object.
  /// @throws IoError  the directory cannot be written, or another writer holds it; DataError  a damaged log, naming the record;
  /// ConfigError  `max_bytes` or `max_files` 0
  LogDirectory(std::string directory, Files& files, LogFilesConfig config = {})
      : files_(&files), directory_(std::move(directory)), config_(config), lock_(take_lock()) {
    if (config.max_bytes == 0 || config.max_files == 0) {
      throw ConfigError("log files: expected max_bytes and max_files of at least 1, found " + std::to_string(config.max_bytes) +
                        " and " + std::to_string(config.max_files));
    }
    const std::string lock_path = directory_ + "/core_agent.lock";
    if (const std::string old = files.exists(lock_path) == 0 ? "" : io::read_all(lock_path, files); !old.empty()) {
      notes_.push_back({"stale_lock", LogFields::object({{"process", old.substr(0, 20)}})});
    }
    holder_.emplace(lock_path, files);
    holder_->cut(0);
    holder_->append(std::to_string(::getpid()));
    check();
  }
  ~LogDirectory() override {
    try {
      holder_->cut(0);
    } catch (...) {  // the id stays, as after a crash, and the next writer reports it
    }
  }
  LogDirectory(const LogDirectory&) = delete;
  LogDirectory& operator=(const LogDirectory&) = delete;

  End end() override { return end_; }
  std::vector<Note> opening_notes() override { return std::move(notes_); }
  void append(std::string_view line) override {
    if (!file_) open_file(numbers_.empty() ? 0 : numbers_.back());
    file_->append(line);
    size_ += line.size();
  }
  void sync() override {
    if (file_) file_->sync();
  }
  std::optional<Note> make_room(std::size_t size, const End& at) override {
    if (size_ == 0 || size_ + size <= config_.max_bytes) return std::nullopt;
    file_->sync();  // a power cut can then tear the newest file only
    lasts_.back() = at;
    open_file(numbers_.back() + 1);
    if (numbers_.size() <= config_.max_files) return std::nullopt;
    const std::size_t going = numbers_.size() - config_.max_files;
    const End& last = lasts_[going - 1];
    return Note{std::string(detail::anchor_name), LogFields::object({{"files", going},
                                                                     {"last_file", detail::agent_log_name(numbers_[going - 1])},
                                                                     {"last_seq", last.next_seq - 1},
                                                                     {"last_hash", last.last_hash}})};
  }
  void remove_old() override {
    while (numbers_.size() > config_.max_files) {
      const std::string path = directory_ + '/' + detail::agent_log_name(numbers_.front());
      if (files_->unlink(path) != 0) io::detail::throw_io_error("remove", path, errno);
      if (files_->sync_directory(directory_) != 0) io::detail::throw_io_error("flush directory", directory_, errno);
      numbers_.erase(numbers_.begin());
      lasts_.erase(lasts_.begin());
    }
  }
  /// Path as given.
  const std::string& directory() const noexcept { return directory_; }

 private:
  io::FileLock<Files> take_lock() {
    io::make_directories(directory_, *files_);
    const std::string path = directory_ + "/core_agent.lock";
    const int descriptor = files_->lock(path);
    if (descriptor >= 0) return io::FileLock<Files>::adopt(descriptor, *files_);
    if (errno != EWOULDBLOCK) io::detail::throw_io_error("lock", path, errno);
    std::string holder;
    if (files_->read(path, holder) != 0 || holder.empty()) holder = "unknown";
    throw IoError("log directory '" + directory_ + "': process " + holder.substr(0, 20) +
                  " writes here; use one directory for each writer");
  }

  void check() {
    std::uint64_t before_last = 0;  // bytes of all files but the newest
    std::string current;
    LogVerification log = read_log(directory_, *files_, [&](const LogLine& line) {
      if (current != line.file) {
        current = line.file;
        numbers_.push_back(*detail::agent_log_number(line.file));
        lasts_.push_back({});
        before_last = 0;
      }
      before_last += line.record.size() + detail::AgentLogChain::tail_size + 1;
      // The hash of the last line of each file is needed when the file is removed.
      lasts_.back().next_seq = line.seq + 1;
      lasts_.back().last_hash.assign(line.record.data() + line.record.size() + detail::AgentLogChain::tail_size - 66, 64);
    });
    end_ = numbers_.empty() ? End{} : lasts_.back();
    if (!log.ok && !log.torn) {
      throw DataError(
          log.bad->file, log.bad->line, 0,
          log.bad->problem +
              "; the log is not repaired by itself: restore the file, or move the directory away to begin a new log");
    }
    const std::vector<std::string> names = io::list_directory(directory_, *files_);
    const std::vector<std::uint64_t> all = detail::agent_log_numbers(names);
    // A newest file without a whole record is a file all the same.
    if (!all.empty() && (numbers_.empty() || numbers_.back() != all.back())) {
      numbers_.push_back(all.back());
      lasts_.push_back(end_);
      before_last = 0;
    }
    size_ = before_last;
    if (log.torn) move_torn(log.bad->file, before_last);
    const std::string mark = '.' + std::to_string(end_.next_seq) + ".torn";
    for (const std::string& name : log.torn ? io::list_directory(directory_, *files_) : names) {
      // A torn line whose record was not written: the process ended between the two.
      if (name.ends_with(mark)) notes_.insert(notes_.begin(), {"torn_line", LogFields::object({{"kept_as", name}})});
    }
    if (end_.next_seq == 0) notes_.insert(notes_.begin(), {"open_log", LogFields::object({{"schema", 1}})});
    if (!numbers_.empty()) {
      open_file(numbers_.back());
      file_->sync();  // what this process builds upon must not vanish behind its own durable records
    }
  }

  // First a durable copy, then the cut: a crash in between leaves the line in both places.
  void move_torn(const std::string& name, std::uint64_t good) {
    const std::string path = directory_ + '/' + name;
    const std::string text = io::read_all(path, *files_);
    io::replace_file(path + '.' + std::to_string(end_.next_seq) + ".torn", std::string_view(text).substr(good), *files_);
    io::AppendFile<Files> file(path, *files_);
    file.cut(good);
    file.sync();
  }

  void open_file(std::uint64_t number) {
    file_.emplace(directory_ + '/' + detail::agent_log_name(number), *files_);
    if (numbers_.empty() || numbers_.back() != number) {
      numbers_.push_back(number);
      lasts_.push_back({});
      size_ = 0;
    }
  }

  Files* files_;
  std::string directory_;
  LogFilesConfig config_;
  io::FileLock<Files> lock_;
  std::optional<io::AppendFile<Files>> holder_;  // of the process id in the lock file
  std::vector<std::uint64_t> numbers_;           // of the files that are there, ascending
  std::vector<End> lasts_;                       // the chain at the end of each
  std::optional<io::AppendFile<Files>> file_;    // the newest
  std::uint64_t size_ = 0;                       // of it
  End end_;
  std::vector<Note> notes_;
};

/// What a logger does with each record.
struct LoggerConfig {
  /// Members of `fields`, at any depth and in any case of letters, that are written as "***".
  std::vector<std::string> redact = {"api_key", "secret", "token", "password", "private_key", "signature"};
  bool sync_each = false;  ///< every record survives a power cut before the call returns
};

/// What a logger has written.
struct LogStats {
  std::uint64_t records = 0;                           ///< written by this logger
  std::array<std::uint64_t, num_log_kinds> by_kind{};  ///< index: LogKind
  std::uint64_t bytes = 0;                             ///< of them, line ends included
  std::uint64_t next_seq = 0;                          ///< number of the next record
  std::string last_hash;                               ///< of the newest record; 64 zeros without one
};

/**
 * @brief Writes what a core agent does, one record for each call, into a chain that shows every later change.
 *
 * The record is handed to the operating system before a call returns. A call that cannot write throws IoError, and so does
 * every later one: whoever calls first and acts afterwards does nothing that is not in the log. Calls may come from any thread.
 * Field values are written canonically; secrets are redacted by name.
 * Called CoreAgentLogger. @tparam Config  LoggerConfig; a parameter so that a program compiles only what it uses
 */
template <class Config>
class BasicCoreAgentLogger {
 public:
  /// Files of a directory, given by its name; a template, so that only who opens one compiles LogDirectory.
  /// @throws as LogDirectory
  template <std::convertible_to<std::string> Name>
  BasicCoreAgentLogger(const Name& directory, ClockRef clock, Config config = {}, LogFilesConfig files = {})
      : BasicCoreAgentLogger(std::make_unique<LogDirectory<>>(directory, posix(), files), clock, std::move(config)) {}
  /// A sink of the caller's, which must outlive the logger.
  BasicCoreAgentLogger(LogSink& sink, ClockRef clock, Config config = {})
      : sink_(&sink), clock_(clock), config_(std::move(config)) {
    begin();
  }
  /// A sink that the logger owns.
  BasicCoreAgentLogger(std::unique_ptr<LogSink> sink, ClockRef clock, Config config = {})
      : owned_(std::move(sink)), sink_(owned_.get()), clock_(clock), config_(std::move(config)) {
    begin();
  }

  /// One record each. `name` says what was done or found, `fields` is an object with the details: Json, in braces too, or
  /// LogFields; nullptr: none.
  /// @throws IoError if the record could not be written; DataError if `fields` is neither an object nor null
  template <class Fields = Json>
  void log_action(std::string_view name, const Fields& fields) {
    write(LogKind::action, name, fields);
  }
  /// Without fields.
  void log_action(std::string_view name) { write(LogKind::action, name, nullptr); }
  /// As `log_action`, of another kind.
  template <class Fields = Json>
  void log_error(std::string_view name, const Fields& fields) {
    write(LogKind::error, name, fields);
  }
  /// Without fields.
  void log_error(std::string_view name) { write(LogKind::error, name, nullptr); }
  /// As `log_action`, of another kind.
  template <class Fields = Json>
  void log_info(std::string_view name, const Fields& fields) {
    write(LogKind::info, name, fields);
  }
  /// Without fields.
  void log_info(std::string_view name) { write(LogKind::info, name, nullptr); }
  /// As `log_action`, with a member "value" added to the fields.
  template <class Fields = Json>
  void log_metric(std::string_view name, double value, const Fields& fields) {
    std::conditional_t<AnyJson<Fields>, Fields, typename detail::JsonOf<Fields>::type> all = fields;
    if (all.is_null()) all = decltype(all)::object();
    if (all.is_object()) all["value"] = value;
    write(LogKind::metric, name, all);
  }
  /// Without other fields.
  void log_metric(std::string_view name, double value) { write(LogKind::metric, name, LogFields::object({{"value", value}})); }
  /// As `log_action`, of another kind.
  template <class Fields = Json>
  void log_signal_processing(std::string_view name, const Fields& fields) {
    write(LogKind::signal_processing, name, fields);
  }
  /// Without fields.
  void log_signal_processing(std::string_view name) { write(LogKind::signal_processing, name, nullptr); }
  /// As `log_action`, of another kind.
  template <class Fields = Json>
  void log_signal_filtering(std::string_view name, const Fields& fields) {
    write(LogKind::signal_filtering, name, fields);
  }
  /// Without fields.
  void log_signal_filtering(std::string_view name) { write(LogKind::signal_filtering, name, nullptr); }
  /// As `log_action`, of another kind.
  template <class Fields = Json>
  void log_agent_coordination(std::string_view name, const Fields& fields) {
    write(LogKind::agent_coordination, name, fields);
  }
  /// Without fields.
  void log_agent_coordination(std::string_view name) { write(LogKind::agent_coordination, name, nullptr); }
  /// As `log_action`, of another kind.
  template <class Fields = Json>
  void log_trade_command(std::string_view name, const Fields& fields) {
    write(LogKind::trade_command, name, fields);
  }
  /// Without fields.
  void log_trade_command(std::string_view name) { write(LogKind::trade_command, name, nullptr); }
  /// As `log_action`, of another kind.
  template <class Fields = Json>
  void log_flow_management(std::string_view name, const Fields& fields) {
    write(LogKind::flow_management, name, fields);
  }
  /// Without fields.
  void log_flow_management(std::string_view name) { write(LogKind::flow_management, name, nullptr); }
  /// As `log_action`, of another kind.
  template <class Fields = Json>
  void log_system_operation(std::string_view name, const Fields& fields) {
    write(LogKind::system_operation, name, fields);
  }
  /// Without fields.
  void log_system_operation(std::string_view name) { write(LogKind::system_operation, name, nullptr); }

  /// Records actions by name and subject, one record each: `context.set_observer(logger.recorder())`. The logger must outlive
  /// it.
  auto recorder() {
    return [this](std::string_view action, std::string_view subject) {
      log_action(action, LogFields::object({{"id", subject}}));
    };
  }

  /// Everything logged so far survives a power cut once this returns. @throws IoError
  void sync() {
    const std::scoped_lock lock(mutex_);
    guarded([this] { sink_->sync(); });
  }

  /// What this logger has written, and where the chain stands.
  LogStats get_stats() const {
    const std::scoped_lock lock(mutex_);
    LogStats stats = stats_;
    stats.next_seq = chain_.next_seq;
    stats.last_hash = chain_.last_hash;
    return stats;
  }

 private:
  static io::PosixFiles& posix() {
    static io::PosixFiles files;  // stateless
    return files;
  }

  void begin() {
    for (std::string& name : config_.redact) {
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    const LogSink::End end = sink_->end();
    chain_.next_seq = end.next_seq;
    chain_.last_hash = end.last_hash;
    chain_.started = true;
    for (const LogSink::Note& note : sink_->opening_notes()) write(LogKind::system_operation, note.name, note.fields);
  }

  template <class Fields>
  void write(LogKind kind, std::string_view name, const Fields& fields) {
    if constexpr (std::same_as<Fields, std::nullptr_t>) {
      write_fields(kind, name, [](std::string& text) { text = "{}"; });
    } else if constexpr (!AnyJson<Fields>) {  // what Json is made of without a word
      const typename detail::JsonOf<Fields>::type json = fields;
      write(kind, name, json);
    } else if (fields.is_null()) {
      write(kind, name, nullptr);
    } else {
      if (!fields.is_object()) {
        throw DataError(std::string("log record '") + std::string(name) + "': expected fields that are an object, found " +
                        fields.type_name());
      }
      write_fields(kind, name, [&](std::string& text) { detail::append_canonical(text, fields, config_.redact); });
    }
  }

  template <class Append>
  void write_fields(LogKind kind, std::string_view name, const Append& append_fields) {
    const std::scoped_lock lock(mutex_);
    guarded([&] {
      fields_.clear();
      append_fields(fields_);
      // A record is at most this much longer than its fields and name.
      constexpr std::size_t frame = 400;
      const auto note = sink_->make_room(fields_.size() + name.size() + frame, {chain_.next_seq, chain_.last_hash});
      if (note) {
        append(LogKind::system_operation, note->name, detail::canonical_text(note->fields));
        sink_->sync();
        sink_->remove_old();
      }
      append(kind, name, fields_);
      if (config_.sync_each) sink_->sync();
    });
  }

  void append(LogKind kind, std::string_view name, std::string_view fields) {
    line_.clear();
    line_.append("{\"fields\":").append(fields).append(",\"kind\":\"").append(name_of(kind)).append("\",\"name\":");
    io::detail::append_json_string(line_, name);
    line_.append(",\"seq\":");
    io::detail::append_json_integer(line_, chain_.next_seq);
    line_.append(",\"ts\":\"").append(io::format_time_ms(clock_.now_ms())).append("\"");
    detail::AgentLogChain after = chain_;
    after.seal(line_);
    sink_->append(line_);
    chain_ = std::move(after);
    ++stats_.records;
    ++stats_.by_kind[static_cast<std::size_t>(kind)];
    stats_.bytes += line_.size();
  }

  // Whatever ends a call early leaves the log closed.
  template <class F>
  void guarded(F&& call) {
    if (!failure_.empty()) throw IoError("log: stopped after an earlier failure (" + failure_ + "); open it anew");
    failure_ = "a write was interrupted";
    try {
      call();
    } catch (const IoError& error) {
      failure_ = error.what();
      throw;
    }
    failure_.clear();
  }

  mutable std::mutex mutex_;
  std::unique_ptr<LogSink> owned_;
  LogSink* sink_;
  ClockRef clock_;
  Config config_;
  detail::AgentLogChain chain_;
  LogStats stats_;
  std::string line_, fields_, failure_;
};

/// As the library uses it. @see BasicCoreAgentLogger
using CoreAgentLogger = BasicCoreAgentLogger<LoggerConfig>;

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_CORE_AGENT_LOGGER_HPP
