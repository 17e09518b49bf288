// SPDX-License-Identifier: MIT
/// @file
/// @brief A stop that stays on, over restarts too, until an operator with a name and a reason releases it.
///
/// For a domain whose only answer is "trade" or "do not trade" this is the whole switch; KillSwitch uses it for its latched
/// states.
#ifndef RLX_RISK_KILL_LATCH_HPP
#define RLX_RISK_KILL_LATCH_HPP

#include <algorithm>
#include <concepts>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <rlx/core/error.hpp>

namespace rlx::inline v0_1::risk {

/**
 * @brief Where one short text survives the end of the process; io::StateFile is a model.
 *
 * | call | meaning |
 * |---|---|
 * | `load()` | the text that was stored last, and durable; nothing only if there surely is none. Throws Error for what is there
 * and cannot be read | | `store(text)` | replaces the text, whole or not at all; durable when it returns. Throws Error |
 */
template <class T>
concept DurableText = requires(T& record, std::string_view text) {
  { record.load() } -> std::same_as<std::optional<std::string>>;
  record.store(text);
};

/// A text that ends with the process: for tests, and where the state is kept in a record of the owner's.
struct MemoryText {
  /// What was stored last; empty: nothing yet.
  std::optional<std::string> text;
  /// As `DurableText` asks.
  std::optional<std::string> load() const { return text; }
  /// As `DurableText` asks.
  void store(std::string_view value) { text = std::string(value); }
};
static_assert(DurableText<MemoryText>);

namespace detail {
inline bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }
inline std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}
/// @throws ConfigError  unless both say something
inline void require_operator(std::string_view operator_id, std::string_view reason) {
  if (!is_blank(operator_id) && !is_blank(reason)) return;
  throw ConfigError(std::string("a release needs ") + (is_blank(operator_id) ? "an operator id" : "a reason") +
                    ", found an empty text; the state is unchanged");
}
}  // namespace detail

/**
 * @brief Latched or not, why, and the record of it.
 *
 * The record is the line of the reason; a release adds the line `released by <operator>: <reason>`. Anything else that is found
 * at the start, an empty, cut or unreadable record too, is a latch. One thread at a time.
 * @tparam Record  MemoryText forgets at the end of the process
 */
template <DurableText Record = MemoryText>
class KillLatch {
 public:
  /// Takes over what the record holds. @param record  must outlive this object
  explicit KillLatch(Record& record) : record_(&record) {
    try {
      const std::optional<std::string> text = record.load();
      if (!text) return;
      const std::size_t line = text->find('\n');
      reason_ = text->substr(0, line);
      const std::string_view rest = line == std::string::npos ? std::string_view() : std::string_view(*text).substr(line + 1);
      // Reasons are one line, so none of them can look like a release.
      latched_ = !(rest.starts_with(release_mark) && rest.find('\n') == rest.size() - 1);
      if (!latched_) reason_.clear();
      durable_ = true;
    } catch (const Error& error) {
      latched_ = true;
      reason_ = std::string("unreadable record: ") + error.what();
    }
  }

  /// From the first `latch`, or a record found at the start, until a release.
  bool latched() const noexcept { return latched_; }
  /// Why, as given to the first `latch`; empty if not latched.
  const std::string& reason() const noexcept { return reason_; }

  /**
   * @brief Latches, in memory first, then durably. The first reason is kept.
   *
   * Never throws for the record: where it cannot be stored the latch holds in memory all the same, and the next call stores it.
   * @param reason  line ends become spaces
   * @return empty once it is durable, or what the record said
   */
  std::string latch(std::string reason) {
    if (!latched_) {
      reason_ = detail::one_line(std::move(reason));
      latched_ = true;
      durable_ = false;
    }
    if (durable_) return {};
    try {
      record_->store(reason_ + '\n');
      durable_ = true;
      return {};
    } catch (const std::exception& error) {
      return error.what();
    }
  }

  /// Releases; durable when it returns. Nothing happens if it is not latched.
  /// @throws ConfigError  operator or reason blank; Error of the record. It stays latched then
  void release(std::string_view operator_id, std::string_view reason) {
    detail::require_operator(operator_id, reason);
    if (!latched_) return;
    record_->store(reason_ + '\n' + std::string(release_mark) +
                   detail::one_line(std::string(operator_id) + ": " + std::string(reason)) + '\n');
    latched_ = false;
    durable_ = true;
    reason_.clear();
  }

 private:
  static constexpr std::string_view release_mark = "released by ";

  Record* record_;
  std::string reason_;
  bool latched_ = false, durable_ = false;
};

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_KILL_LATCH_HPP
