// SPDX-License-Identifier: MIT
/// @file
/// @brief Agents in other processes, reached through two files: requests are appended to one, answers read from the other.
///
/// `outbox.jsonl` and `inbox.jsonl` hold one object a line:
/// `{"correlation_id":7,"crc32c":"1a2b3c4d","payload":{...},"schema":1, "seq":6,"topic":"risk","ts":1700000000.5}`. `crc32c` is
/// that of the canonical JSON (sorted keys, no spaces, shortest numbers) of the object without `crc32c`, as 8 lower-case
/// hexadecimal digits; `seq` counts the lines of the outbox from 0. A line without its line end is not yet there.
/// `inbox.offset` remembers how many bytes of the inbox have been read.
#ifndef RLX_SIGNALS_JOURNAL_TRANSPORT_HPP
#define RLX_SIGNALS_JOURNAL_TRANSPORT_HPP

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/io/append_file.hpp>
#include <rlx/signals/agent_io.hpp>
#include <rlx/signals/clock.hpp>
#include <rlx/signals/detail/canonical_json.hpp>
#include <rlx/signals/detail/records_tree.hpp>
#include <rlx/signals/flow_manager.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals {

/// One line of an outbox or inbox.
template <AnyJson J>
struct BasicJournalLine {
  std::uint64_t seq = 0;             ///< number of the line in its file, from 0 in an outbox
  std::uint64_t correlation_id = 0;  ///< of the request
  Topic topic = Topic::strategy;     ///< of the request
  double ts = 0.0;                   ///< seconds since 1970 UTC
  J payload{};                       ///< the request, or the answer to it
};
/// The line whose payload is Json; who uses it includes records_json.hpp.
using JournalLine = BasicJournalLine<Json>;

namespace detail {

/// CRC-32C as eight hexadecimal digits.
template <class = void>
std::string journal_crc(std::string_view text) {
  const std::uint32_t crc = crc32c(std::as_bytes(std::span(text.data(), text.size())));
  std::string digits(8, '0');
  for (std::size_t i = 0; i < 8; ++i) digits[i] = "0123456789abcdef"[crc >> (28 - 4 * i) & 0xFU];
  return digits;
}

}  // namespace detail

/// The text of a line with its crc and line end; what an agent writes to the inbox.
template <AnyJson J = Json>
std::string to_text(const BasicJournalLine<J>& line) {
  J json = detail::any_object<J>({{"schema", 1},
                                  {"seq", line.seq},
                                  {"correlation_id", line.correlation_id},
                                  {"topic", name_of(line.topic)},
                                  {"ts", line.ts},
                                  {"payload", line.payload}});
  json["crc32c"] = detail::journal_crc(detail::canonical_text(json));
  return detail::canonical_text(json) + '\n';
}

/// A line without its line end. @throws DataError beginning with `where`, such as "inbox.jsonl:7"
template <AnyJson J = Json>
BasicJournalLine<J> parse_journal_line(std::string_view text, const std::string& where, JsonLimits limits = {}) {
  const J json = parse_untrusted<J>(text, where, limits);
  const detail::RecordReader in(json, where);
  const std::string crc = in.text("crc32c");
  BasicJournalLine<J> line{in.count_or("seq", 0), in.count_or("correlation_id", 0),
                           in.template name<Topic>("topic", num_topics), in.number("ts"), in.value("payload")};
  if (in.find("correlation_id") == nullptr) throw DataError(where + ": expected a correlation_id, found none");
  if (in.find("schema") != nullptr && in.count_or("schema", 0) != 1) throw DataError(where + ": expected schema 1");
  const std::string wanted = detail::journal_crc(detail::canonical_text(detail::any_without<J>(json, "crc32c")));
  if (crc != wanted) {
    throw DataError(where + ": the line does not match its crc32c: expected " + wanted + ", found " + crc.substr(0, 16));
  }
  return line;
}

/// How a JournalTransport reads.
struct JournalConfig {
  Seconds poll = 0.01;     ///< between two looks at the inbox
  JsonLimits limits = {};  ///< of one line
};

/**
 * @brief A transport over two files of one directory, for one writer.
 *
 * A request counts as sent once it is on the device: `send` returns after the flush, and throws IoError where that is not sure.
 * Opening cuts an unfinished last line of the outbox (that request was never sent) and finds the execution requests that have
 * no answer in the part of the inbox that was read: `pending_executions`, which FlowManager takes over as unresolved. Nothing
 * is ever sent again. Those that were answered are `executed_before`, for FlowManager::restore.
 */
template <io::AppendFiles Files = io::PosixFiles>
class JournalTransport {
 public:
  /// `files` must outlive the transport. @throws IoError  the directory cannot be written, or another transport holds it;
  /// DataError  a damaged outbox, with file and line; ConfigError  poll not above 0
  JournalTransport(std::string directory, Files& files, JournalConfig config = {})
      : files_(&files),
        directory_(std::move(directory)),
        config_(config),
        lock_(take_lock()),
        outbox_(path("outbox.jsonl"), files) {
    if (!(config.poll > 0.0))
      throw ConfigError("poll: expected a number of seconds above 0, found " + std::to_string(config.poll));
    read_outbox();
    read_offset();
    read_answers();
  }
  /// The same over the operating system's files.
  explicit JournalTransport(std::string directory, JournalConfig config = {}) requires std::same_as<Files, io::PosixFiles>
      : JournalTransport(std::move(directory), posix(), config) {}

  /// Greater than all in the outbox, so that an old answer never fits a new request.
  std::uint64_t next_correlation_id() const noexcept { return next_id_; }
  /// Execution requests of earlier processes without an answer that was read, with the answer that came since, if any.
  const std::vector<PendingExecution>& pending_executions() const noexcept { return pending_; }
  /// Commands of earlier processes that were executed, by an answer that was read, the oldest first.
  const std::vector<PendingExecution>& executed_before() const noexcept { return executed_before_; }

  /// @throws IoError  the request may or may not be on the device
  void send(const AgentRequest& request) {
    if (!failure_.empty()) throw IoError("outbox: stopped after an earlier failure (" + failure_ + "); open it anew");
    const std::string text =
        to_text<Tree>({next_seq_, request.correlation_id, request.topic, request.sent_at, request.payload.to_json<Tree>()});
    failure_ = "a write was interrupted";
    try {
      outbox_.append(text);
      outbox_.sync();
    } catch (const IoError& error) {
      failure_ = error.what();
      throw;
    }
    failure_.clear();
    waiting_topic_ = request.topic;
    ++next_seq_;
    next_id_ = std::max(next_id_, request.correlation_id + 1);
  }

  /// The next line of the inbox; a damaged one is a failure of the request that waits.
  std::optional<AgentResponse> wait(std::uint64_t correlation_id, const ClockRef& clock, Seconds d) {
    const Seconds deadline = clock.now() + d;
    for (;;) {
      if (std::optional<std::string> line = next_line()) {
        const std::string where = "inbox.jsonl:" + std::to_string(inbox_line_);
        AgentResponse response{correlation_id, Topic::strategy, clock.now(), {}};
        try {
          const auto parsed = parse_journal_line<Tree>(*line, where, config_.limits);
          response.correlation_id = parsed.correlation_id;
          response.topic = parsed.topic;
          response.body = detail::canonical_text(parsed.payload);
        } catch (const DataError& error) {
          response.topic = waiting_topic_;
          response.body = AgentFailure{error.what()};
        }
        return response;
      }
      const Seconds now = clock.now();
      if (!(now < deadline)) return std::nullopt;
      clock.wait_until(std::min(now + config_.poll, deadline));
    }
  }

  /// Path as given.
  const std::string& directory() const noexcept { return directory_; }

 private:
  using Tree = detail::Tree;

  static io::PosixFiles& posix() {
    static io::PosixFiles files;  // stateless
    return files;
  }
  std::string path(const char* name) const { return directory_ + '/' + name; }

  io::FileLock<Files> take_lock() {
    io::make_directories(directory_, *files_);
    const int descriptor = files_->lock(path("journal.lock"));
    if (descriptor >= 0) return io::FileLock<Files>::adopt(descriptor, *files_);
    if (errno == EWOULDBLOCK) throw IoError("journal directory '" + directory_ + "': another transport writes here");
    io::detail::throw_io_error("lock", path("journal.lock"), errno);
  }

  void read_outbox() {
    const std::string text = io::read_all(path("outbox.jsonl"), *files_);
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::string where = "outbox.jsonl:" + std::to_string(next_seq_ + 1);
      // A request may be as long as its signal; only its nesting is limited.
      const auto line = parse_journal_line<Tree>(std::string_view(text).substr(begin, end - begin), where, {npos, 200});
      if (line.seq != next_seq_) {
        throw DataError(where + ": expected seq " + std::to_string(next_seq_) + ", found " + std::to_string(line.seq));
      }
      ++next_seq_;
      next_id_ = std::max(next_id_, line.correlation_id + 1);
      if (line.topic != Topic::execution) continue;
      const detail::RecordReader payload(line.payload, where + ": payload");
      executions_[line.correlation_id] = {trade_command_from_json(payload.value("command")), payload.number_or("notional", 0.0),
                                          line.ts, std::nullopt};
    }
    if (begin < text.size()) {  // this request never counted as sent
      outbox_.cut(begin);
      outbox_.sync();
    }
  }

  void read_offset() {
    if (files_->exists(path("inbox.offset")) == 0) return;
    const std::string text = io::read_all(path("inbox.offset"), *files_);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset_);
    if (error != std::errc{} || end != text.data() + text.size()) {
      throw DataError("inbox.offset: expected a number of bytes, found '" + text.substr(0, 40) + '\'');
    }
  }

  // Which executions are answered, by the part of the inbox that was read; which answers came since.
  void read_answers() {
    const std::string text =
        files_->exists(path("inbox.jsonl")) == 0 ? std::string() : io::read_all(path("inbox.jsonl"), *files_);
    if (offset_ > text.size()) {
      throw DataError("inbox.offset: " + std::to_string(offset_) + " bytes were read, but inbox.jsonl has " +
                      std::to_string(text.size()) + "; restore the inbox");
    }
    std::size_t number = 0;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      ++number;
      if (begin < offset_) inbox_line_ = number;
      const std::optional<bool> executed =
          answer_in(std::string_view(text).substr(begin, end - begin), "inbox.jsonl:" + std::to_string(number));
      if (!executed) continue;
      const auto request = executions_.find(answered_);
      if (begin < offset_) {
        request->second.executed = executed;
        if (*executed) executed_before_.push_back(std::move(request->second));
        executions_.erase(request);
      } else if (!request->second.executed) {
        request->second.executed = executed;
      }
    }
    for (auto& [id, request] : executions_) pending_.push_back(std::move(request));
    executions_.clear();
  }

  // The answer to one of `executions_`, whose id goes to `answered_`; nothing for any other line, also a damaged one.
  std::optional<bool> answer_in(std::string_view text, const std::string& where) {
    try {
      const auto line = parse_journal_line<Tree>(text, where, config_.limits);
      const auto request = executions_.find(line.correlation_id);
      if (line.topic != Topic::execution || request == executions_.end()) return std::nullopt;
      const auto answer = parse_answer(detail::canonical_text(line.payload), Topic::execution, config_.limits);
      const auto* const verdict = std::get_if<AgentVerdict>(&answer);
      if (verdict == nullptr || verdict->signal_id != request->second.command.signal_id) return std::nullopt;
      answered_ = line.correlation_id;
      return verdict->yes;
    } catch (const DataError&) {
      return std::nullopt;
    }
  }

  // The next whole line of the inbox, which then counts as read.
  std::optional<std::string> next_line() {
    std::size_t end = buffer_.find('\n');
    if (end == std::string::npos) {
      const std::string inbox = path("inbox.jsonl");
      if (files_->exists(inbox) == 0) return std::nullopt;
      if constexpr (requires { files_->read_from(inbox, offset_, buffer_); }) {
        if (files_->read_from(inbox, offset_, buffer_) != 0) io::detail::throw_io_error("read", inbox, errno);
      } else {
        const std::string text = io::read_all(inbox, *files_);
        buffer_ = offset_ < text.size() ? text.substr(static_cast<std::size_t>(offset_)) : std::string();
      }
      end = buffer_.find('\n');
      if (end == std::string::npos) return std::nullopt;
    }
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    offset_ += end + 1;
    ++inbox_line_;
    io::replace_file(path("inbox.offset"), std::to_string(offset_), *files_);
    return line;
  }

  Files* files_;
  std::string directory_;
  JournalConfig config_;
  io::FileLock<Files> lock_;
  io::AppendFile<Files> outbox_;
  std::string failure_;
  std::uint64_t next_seq_ = 0;
  std::uint64_t next_id_ = 1;
  Topic waiting_topic_ = Topic::strategy;
  std::uint64_t offset_ = 0;    // bytes of the inbox that were read
  std::size_t inbox_line_ = 0;  // lines of it that were read
  std::string buffer_;          // bytes of the inbox after them
  std::map<std::uint64_t, PendingExecution> executions_;
  std::uint64_t answered_ = 0;
  std::vector<PendingExecution> pending_;
  std::vector<PendingExecution> executed_before_;
};

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_JOURNAL_TRANSPORT_HPP
