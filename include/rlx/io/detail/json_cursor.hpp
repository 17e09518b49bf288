// SPDX-License-Identifier: MIT
/// @file
/// @brief Walks over JSON text without building a tree: nothing is allocated unless a string has escapes.
#ifndef RLX_IO_DETAIL_JSON_CURSOR_HPP
#define RLX_IO_DETAIL_JSON_CURSOR_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <rlx/core/detail/json_escape.hpp>
#include <rlx/core/error.hpp>
#include <rlx/io/detail/shown_text.hpp>

namespace rlx::inline v0_1::io::detail {

/// A position in JSON text (RFC 8259). Every complaint is a DataError `file:line:column`, the column being a byte of the text.
/// Values nested deeper than 64 are refused. Bytes above 0x7F pass unread.
class JsonCursor {
 public:
  /// @param line  of the first byte; line ends inside the text do not count, so that frames of one line are meant
  JsonCursor(std::string_view text, const std::string& file, std::size_t line) noexcept
      : begin_(text.data()), p_(text.data()), end_(text.data() + text.size()), file_(&file), line_(line) {}

  /// The same text at another position.
  JsonCursor at(std::size_t offset) const noexcept {
    JsonCursor other = *this;
    other.p_ = begin_ + offset;
    return other;
  }
  std::size_t offset() const noexcept { return static_cast<std::size_t>(p_ - begin_); }

  /// The next byte that is no white space; 0 at the end.
  char peek() noexcept {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t')) ++p_;
    return p_ == end_ ? '\0' : *p_;
  }
  /// Takes `c` if it is the next byte.
  bool take(char c) noexcept {
    if (peek() != c || p_ == end_) return false;
    ++p_;
    return true;
  }
  void expect_end() {
    if (peek() != '\0' || p_ != end_) fail("expected nothing more after the JSON value");
  }

  /// Calls f(std::string_view key) for each member; f reads or skips the value and does not keep the key.
  template <class F>
  void object(F&& f) {
    if (!take('{')) fail("expected an object {...}");
    if (take('}')) return;
    std::string decoded;
    do {
      if (peek() != '"') fail("expected a key in double quotes");
      const std::string_view key = string(decoded);
      if (!take(':')) fail("expected : after a key");
      f(key);
    } while (take(','));
    if (!take('}')) fail("expected , or } after a member");
  }
  /// Calls f() for each element; f reads or skips it.
  template <class F>
  void array(F&& f) {
    if (!take('[')) fail("expected an array [...]");
    if (take(']')) return;
    do {
      f();
    } while (take(','));
    if (!take(']')) fail("expected , or ] after an element");
  }
  /// A string without its quotes: a piece of the text, or `decoded` if it has escapes.
  std::string_view string(std::string& decoded) {
    if (!take('"')) fail("expected a text in double quotes");
    const char* const first = p_;
    while (p_ != end_ && *p_ != '"' && *p_ != '\\' && static_cast<unsigned char>(*p_) >= 0x20) ++p_;
    if (p_ == end_ || *p_ != '"') [[unlikely]]
      return string_with_escapes(first, decoded);
    return {first, static_cast<std::size_t>(p_++ - first)};
  }
  /// A number as it is written.
  std::string_view number() {
    peek();
    const char* const first = p_;
    const auto digits = [&] {
      const char* const start = p_;
      while (p_ != end_ && *p_ >= '0' && *p_ <= '9') ++p_;
      return p_ - start;
    };
    if (p_ != end_ && *p_ == '-') ++p_;
    const bool zero = p_ != end_ && *p_ == '0';
    const auto whole = digits();
    bool good = whole > 0 && (!zero || whole == 1);
    if (good && p_ != end_ && *p_ == '.') {
      ++p_;
      good = digits() > 0;
    }
    if (good && p_ != end_ && (*p_ == 'e' || *p_ == 'E')) {
      ++p_;
      if (p_ != end_ && (*p_ == '+' || *p_ == '-')) ++p_;
      good = digits() > 0;
    }
    if (!good) {
      p_ = first;
      fail("expected a number");
    }
    return {first, static_cast<std::size_t>(p_ - first)};
  }
  /// Checks and passes over any value.
  void skip(int depth = 0) {
    std::string decoded;
    switch (peek()) {
      case '"':
        string(decoded);
        return;
      case '{':
        if (depth == 64) fail("expected at most 64 levels of nesting");
        return object([&](std::string_view) { skip(depth + 1); });
      case '[':
        if (depth == 64) fail("expected at most 64 levels of nesting");
        return array([&] { skip(depth + 1); });
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        number();
    }
  }
  bool is_null() noexcept { return peek() == 'n'; }

  /// DataError at the current position that shows the text there.
  [[noreturn, gnu::cold, gnu::noinline]] void fail(const std::string& message) const {
    const std::string found = p_ == end_ ? "the end" : shown_text({p_, static_cast<std::size_t>(end_ - p_)}, 24);
    fail_with(message + ", found " + found);
  }
  /// The same without the text that stands there.
  [[noreturn, gnu::cold, gnu::noinline]] void fail_with(const std::string& message) const {
    throw DataError(*file_, line_, offset() + 1, message);
  }

 private:
  void word(std::string_view expected) {
    const std::string_view rest(p_, static_cast<std::size_t>(end_ - p_));
    if (!rest.starts_with(expected)) fail("expected a JSON value");
    p_ += expected.size();
  }

  std::string_view string_with_escapes(const char* first, std::string& decoded) {
    decoded.assign(first, p_);
    for (;;) {
      if (p_ == end_) fail("expected \" at the end of a text");
      const char c = *p_;
      if (c == '"') {
        ++p_;
        return decoded;
      }
      if (static_cast<unsigned char>(c) < 0x20) fail("expected a text without control characters");
      if (c != '\\') {
        decoded += c;
        ++p_;
        continue;
      }
      std::size_t at = offset();
      const char* const wrong = rlx::detail::append_json_escape(decoded, {begin_, static_cast<std::size_t>(end_ - begin_)}, at);
      p_ = begin_ + at;
      if (wrong != nullptr) fail(wrong);
    }
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  const std::string* file_;
  std::size_t line_;
};

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_JSON_CURSOR_HPP
