// SPDX-License-Identifier: MIT
/// @file
/// @brief The JSON text at the head of a safetensors file: a strict reader of exactly that shape, and the matching writer.
///
/// Own code where a JSON library is at hand, because the reader must refuse duplicate keys and stray bytes, must know where
/// the digest stands, and must never allocate more than the header's own size.
#ifndef RLX_IO_DETAIL_SAFETENSORS_HEADER_HPP
#define RLX_IO_DETAIL_SAFETENSORS_HEADER_HPP

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/detail/json_escape.hpp>
#include <rlx/core/error.hpp>
#include <rlx/io/detail/shown_text.hpp>

namespace rlx::inline v0_1::io::detail {

/// One tensor as the header describes it; nothing is checked yet.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

/// Reads the header. Every complaint is a CheckpointError that begins with the file's name.
/// @tparam Text  std::string_view; a parameter so that a program compiles only what it uses
template <class Text>
class SafetensorsHeaderReader {
 public:
  SafetensorsHeaderReader(Text text, std::string_view file) : text_(text), file_(file) {}

  void read() {
    if (text_.empty() || text_.front() != '{') fail("the header must begin with '{'");
    object([this](std::string key) {
      if (key == "__metadata__") {
        if (std::exchange(has_metadata_, true)) fail("'__metadata__' occurs twice");
        read_metadata();
      } else {
        read_tensor(std::move(key));
      }
    });
    skip_space();
    if (position_ != text_.size()) fail("text after the end of the header");
  }

  std::vector<std::pair<std::string, std::string>> metadata;  // in file order; the caller refuses duplicate keys
  std::vector<SafetensorsEntry> tensors;                      // in file order
  std::size_t digest_position = std::string_view::npos;       // of the first character of the value of "sha256"

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw CheckpointError(std::string(file_) + ": header byte " + std::to_string(position_) + ": " + what);
  }

  void skip_space() {
    while (position_ < text_.size() && std::string_view(" \t\r\n").find(text_[position_]) != std::string_view::npos)
      ++position_;
  }
  bool accept(char c) {
    skip_space();
    if (position_ == text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }
  void expect(char c) {
    if (accept(c)) return;
    fail("expected '" + std::string(1, c) + "', found " +
         (position_ == text_.size() ? std::string("the end of the header") : shown_text(text_.substr(position_, 1))));
  }

  // Calls value(key) after each `"key":`.
  template <class Value>
  void object(Value&& value) {
    expect('{');
    if (accept('}')) return;
    do {
      std::string key = string();
      expect(':');
      value(std::move(key));
    } while (accept(','));
    expect('}');
  }

  void read_metadata() {
    object([this](std::string key) {
      skip_space();
      if (key == "sha256") digest_position = position_ + 1;
      std::string value = string();
      metadata.emplace_back(std::move(key), std::move(value));
    });
  }

  void read_tensor(std::string name) {
    SafetensorsEntry entry;
    entry.name = std::move(name);
    unsigned seen = 0;
    object([&](const std::string& key) {
      const unsigned bit = key == "dtype" ? 1U : key == "shape" ? 2U : key == "data_offsets" ? 4U : 0U;
      if (bit == 0) fail("tensor " + shown_text(entry.name) + ": unknown key " + shown_text(key));
      if ((seen & bit) != 0) fail("tensor " + shown_text(entry.name) + ": '" + key + "' occurs twice");
      seen |= bit;
      if (bit == 1) {
        entry.dtype = string();
        return;
      }
      std::vector<std::uint64_t> numbers = integers();
      if (bit == 2) {
        entry.shape = std::move(numbers);
      } else {
        if (numbers.size() != 2) fail("tensor " + shown_text(entry.name) + ": data_offsets must be two numbers");
        entry.begin = numbers[0];
        entry.end = numbers[1];
      }
    });
    if (seen != 7) fail("tensor " + shown_text(entry.name) + " must have dtype, shape and data_offsets");
    tensors.push_back(std::move(entry));
  }

  std::vector<std::uint64_t> integers() {
    std::vector<std::uint64_t> numbers;
    expect('[');
    if (accept(']')) return numbers;
    do {
      skip_space();
      const std::size_t begin = position_;
      std::uint64_t number = 0;
      for (; position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9'; ++position_) {
        const auto digit = static_cast<std::uint64_t>(text_[position_] - '0');
        if (number > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) fail("a number above 64 bits");
        number = number * 10 + digit;
      }
      if (position_ == begin) fail("expected a number without sign or fraction");
      if (position_ - begin > 1 && text_[begin] == '0') fail("a number with a leading zero");
      numbers.push_back(number);
    } while (accept(','));
    expect(']');
    return numbers;
  }

  std::string string() {
    expect('"');
    std::string out;
    for (;;) {
      if (position_ == text_.size()) fail("a string without its closing quote");
      const char c = text_[position_];
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character inside a string");
      if (c == '\\') {
        if (const char* const wrong = rlx::detail::append_json_escape(out, text_, position_)) fail(wrong);
        continue;
      }
      ++position_;
      if (c == '"') return out;
      out += c;
    }
  }

  Text text_;
  std::string_view file_;
  std::size_t position_ = 0;
  bool has_metadata_ = false;
};

/// Appends `text` as a JSON string of a header: bytes from 0x20 on stay as they are.
inline void append_header_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_SAFETENSORS_HEADER_HPP
