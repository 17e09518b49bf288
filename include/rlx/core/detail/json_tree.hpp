// SPDX-License-Identifier: MIT
/// @file
/// @brief A small JSON value for what the library itself writes and reads again (checkpoints, policies, notes), for headers
/// that must not cost what nlohmann/json costs every program that includes them. Its members have the names of nlohmann/json's,
/// so that code may be written once for both, and the texts are the same.
#ifndef RLX_CORE_DETAIL_JSON_TREE_HPP
#define RLX_CORE_DETAIL_JSON_TREE_HPP

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <rlx/core/detail/json_escape.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>

namespace rlx::inline v0_1::detail {

/// Values that one text may hold, itself and all inside: a value takes fifty times the two bytes that it may have in a file, so
/// that without a limit a small hostile file would ask for a lot of memory. What the library writes holds a few per name of an
/// observation or action.
inline constexpr std::size_t json_tree_max_values = std::size_t{1} << 18;

template <class Number>
struct BasicJsonMember;

/// A value; the members of an object are in the order of their keys. Numbers that are not finite become null.
/// Called JsonTree. @tparam Number  double; a parameter so that a program compiles only what it uses
template <class Number>
class BasicJsonTree {
 public:
  BasicJsonTree() noexcept = default;
  BasicJsonTree(std::nullptr_t) noexcept {}
  template <class T>
  requires(std::integral<T> || std::floating_point<T>) BasicJsonTree(T value)
  noexcept {
    if constexpr (std::same_as<T, bool>) {
      kind_ = Kind::boolean;
      bits_ = value ? 1 : 0;
    } else if constexpr (std::floating_point<T>) {
      if (!is_finite(value)) return;
      kind_ = Kind::floating;
      number_ = static_cast<Number>(value);
    } else {
      kind_ = std::unsigned_integral<T> ? Kind::natural : Kind::integer;
      bits_ = static_cast<std::uint64_t>(value);
    }
  }
  BasicJsonTree(std::string text) noexcept : kind_(Kind::text), text_(std::move(text)) {}
  BasicJsonTree(std::string_view text) : kind_(Kind::text), text_(text) {}
  BasicJsonTree(const char* text) : kind_(Kind::text), text_(text) {}
  /// An array. @{
  template <class T>
  BasicJsonTree(std::span<T> values) : kind_(Kind::array) {
    items_.reserve(values.size());
    for (const T& value : values) items_.emplace_back(value);
  }
  template <class T>
  BasicJsonTree(const std::vector<T>& values) : BasicJsonTree(std::span(values)) {}
  /// @}
  BasicJsonTree(const std::map<std::string, std::string>& texts) : kind_(Kind::object) {
    for (const auto& [key, text] : texts) keys_.push_back(key), items_.push_back(text);
  }

  static BasicJsonTree array() { return BasicJsonTree(Kind::array); }
  static BasicJsonTree object() { return BasicJsonTree(Kind::object); }
  static BasicJsonTree object(std::initializer_list<BasicJsonMember<Number>> members);

  bool is_null() const noexcept { return kind_ == Kind::null; }
  bool is_boolean() const noexcept { return kind_ == Kind::boolean; }
  bool is_number_unsigned() const noexcept { return kind_ == Kind::natural; }
  bool is_number_integer() const noexcept { return kind_ == Kind::integer || kind_ == Kind::natural; }
  bool is_number() const noexcept { return kind_ == Kind::floating || is_number_integer(); }
  bool is_string() const noexcept { return kind_ == Kind::text; }
  bool is_array() const noexcept { return kind_ == Kind::array; }
  bool is_object() const noexcept { return kind_ == Kind::object; }
  const char* type_name() const noexcept {
    static constexpr const char* names[] = {"null", "boolean", "number", "number", "number", "string", "array", "object"};
    return names[static_cast<std::size_t>(kind_)];
  }

  /// The value as a T: a number as any other kind of number, a text, an array of these. The caller has looked at its kind.
  template <class T>
  T get() const {
    if constexpr (std::same_as<T, bool>) {
      return bits_ != 0;
    } else if constexpr (std::integral<T>) {
      return kind_ == Kind::floating ? static_cast<T>(number_) : static_cast<T>(bits_);
    } else if constexpr (std::floating_point<T>) {
      return static_cast<T>(as_double());
    } else {
      return T(text_);
    }
  }

  /// Values of an array or an object. @{
  std::size_t size() const noexcept { return items_.size(); }
  const BasicJsonTree* begin() const noexcept { return items_.data(); }
  const BasicJsonTree* end() const noexcept { return items_.data() + items_.size(); }
  const BasicJsonTree& operator[](std::size_t i) const { return items_[i]; }
  void push_back(BasicJsonTree item) {
    kind_ = Kind::array;
    items_.push_back(std::move(item));
  }
  /// @}

  /// Keys of an object, in the order of its values.
  const std::vector<std::string>& keys() const noexcept { return keys_; }
  /// The value of a key; `end()` without one.
  const BasicJsonTree* find(std::string_view key) const noexcept {
    const std::size_t at = position(key);
    return at < keys_.size() && keys_[at] == key ? begin() + at : end();
  }
  /// The value of a key, which is added if it is new; null becomes an object.
  BasicJsonTree& operator[](std::string_view key) {
    kind_ = Kind::object;
    const std::size_t at = position(key);
    if (at == keys_.size() || keys_[at] != key) {
      keys_.emplace(keys_.begin() + static_cast<std::ptrdiff_t>(at), key);
      items_.emplace(items_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return items_[at];
  }

  /// Numbers by value, whatever their kind.
  friend bool operator==(const BasicJsonTree& a, const BasicJsonTree& b) noexcept {
    if (a.is_number() && b.is_number()) {
      if (!a.is_number_integer() || !b.is_number_integer()) return a.as_double() == b.as_double();
      return a.bits_ == b.bits_ && a.is_negative() == b.is_negative();
    }
    return a.kind_ == b.kind_ && a.bits_ == b.bits_ && a.text_ == b.text_ && a.keys_ == b.keys_ && a.items_ == b.items_;
  }

  /// @param indent  spaces of a level, each value on a line of its own; -1: one line without spaces
  /// @throws ConfigError for a text that is not UTF-8, or more than `json_tree_max_values`, which could not be read again
  std::string dump(int indent = -1) const {
    if (const std::size_t found = values(); found > json_tree_max_values) {
      throw ConfigError("expected at most " + std::to_string(json_tree_max_values) + " values in a JSON text, found " +
                        std::to_string(found) + "; give fewer names");
    }
    std::string out;
    append(out, indent, 0);
    return out;
  }

  /// Parses one JSON value of at most `json_tree_max_values`, as strictly as `parse_json`.
  /// @throws DataError with file, line and column
  static BasicJsonTree parse(std::string_view text, const std::string& file, int max_depth = 200);

 private:
  template <class Tree>
  friend class JsonTreeParser;
  enum class Kind : std::uint8_t { null, boolean, integer, natural, floating, text, array, object };
  explicit BasicJsonTree(Kind kind) noexcept : kind_(kind) {}

  /// This one and all inside.
  std::size_t values() const noexcept {
    std::size_t count = 1;
    for (const BasicJsonTree& item : items_) count += item.values();
    return count;
  }
  bool is_negative() const noexcept { return kind_ == Kind::integer && static_cast<std::int64_t>(bits_) < 0; }
  Number as_double() const noexcept {
    if (kind_ == Kind::floating) return number_;
    return is_negative() ? static_cast<Number>(static_cast<std::int64_t>(bits_)) : static_cast<Number>(bits_);
  }
  /// Of the first key that is not before `key`.
  std::size_t position(std::string_view key) const noexcept {
    std::size_t low = 0;
    for (std::size_t high = keys_.size(); low < high;) {
      const std::size_t middle = (low + high) / 2;
      if (keys_[middle].compare(key) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  void append(std::string& out, int indent, std::size_t depth) const {
    const auto new_line = [&](std::size_t levels) {
      if (indent < 0) return;
      out += '\n';
      out.append(levels * static_cast<std::size_t>(indent), ' ');
    };
    if (kind_ == Kind::null) {
      out += "null";
    } else if (kind_ == Kind::boolean) {
      out += bits_ != 0 ? "true" : "false";
    } else if (kind_ == Kind::text) {
      append_text(out, text_);
    } else if (!is_array() && !is_object()) {
      append_number(out);
    } else {
      out += is_array() ? '[' : '{';
      for (std::size_t i = 0; i < items_.size(); ++i) {
        if (i != 0) out += ',';
        new_line(depth + 1);
        if (is_object()) {
          append_text(out, keys_[i]);
          out += indent < 0 ? ":" : ": ";
        }
        items_[i].append(out, indent, depth + 1);
      }
      if (!items_.empty()) new_line(depth);
      out += is_array() ? ']' : '}';
    }
  }

  void append_number(std::string& out) const {
    char buffer[32];
    char* const last = buffer + sizeof buffer;
    if (kind_ != Kind::floating) {
      char* const end = is_negative() ? std::to_chars(buffer, last, static_cast<std::int64_t>(bits_)).ptr
                                      : std::to_chars(buffer, last, bits_).ptr;
      out.append(buffer, end);
      return;
    }
    // d.ddde+XX, the shortest digits that read back as the same number
    const std::string text(buffer, std::to_chars(buffer, last, number_, std::chars_format::scientific).ptr);
    const std::size_t e = text.find('e');
    const int exponent = std::stoi(text.substr(e + 1));
    if (text[0] == '-') out += '-';
    std::string digits;
    for (const char c : text.substr(0, e))
      if (c >= '0' && c <= '9') digits += c;
    const int n = static_cast<int>(digits.size());
    const auto zeros = [](int count) { return std::string(static_cast<std::size_t>(count), '0'); };
    if (exponent >= -4 && exponent < 0) {
      out += "0." + zeros(-exponent - 1) + digits;
    } else if (exponent >= 0 && exponent < 15) {
      if (n <= exponent + 1) {
        out += digits + zeros(exponent + 1 - n) + ".0";
      } else {
        out += digits.insert(static_cast<std::size_t>(exponent) + 1, 1, '.');
      }
    } else {
      out += n == 1 ? digits : digits.insert(1, 1, '.');
      out += text.substr(e);
    }
  }

  static void append_text(std::string& out, std::string_view text);

  Kind kind_ = Kind::null;
  std::uint64_t bits_ = 0;  // of a boolean or an integer
  Number number_ = 0;       // floating
  std::string text_;
  std::vector<std::string> keys_;     // of an object, ascending
  std::vector<BasicJsonTree> items_;  // of an array or an object
};

/// A key and its value, in braces.
template <class Number>
struct BasicJsonMember {
  std::string_view key;
  BasicJsonTree<Number> value;
};

template <class Number>
BasicJsonTree<Number> BasicJsonTree<Number>::object(std::initializer_list<BasicJsonMember<Number>> members) {
  BasicJsonTree result(Kind::object);
  for (const BasicJsonMember<Number>& member : members) result[member.key] = member.value;
  return result;
}

using JsonTree = BasicJsonTree<double>;

/// Bytes of the UTF-8 character that begins at `at`; 0 if there is none (RFC 3629).
inline std::size_t utf8_length(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U; };
  const unsigned first = byte(0), second = byte(1);
  const auto follows = [](unsigned b, unsigned low = 0x80, unsigned high = 0xBF) { return b >= low && b <= high; };
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(second) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    return follows(second, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) && follows(byte(2)) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool begins = follows(second, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF);
    return begins && follows(byte(2)) && follows(byte(3)) ? 4 : 0;
  }
  return 0;
}

template <class Number>
void BasicJsonTree<Number>::append_text(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0) {
      throw ConfigError("expected a text in UTF-8, found byte " + std::to_string(i) +
                        " to be none, in a text that begins with '" + std::string(text.substr(0, i)) + "'; convert it");
    }
    const char c = text[i];
    const std::size_t escape = std::string_view("\"\\\b\f\n\r\t").find(c);
    if (escape != std::string_view::npos) {
      out += '\\';
      out += "\"\\bfnrt"[escape];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += "01"[c >> 4];
      out += "0123456789abcdef"[c & 15];
    } else {
      out += text.substr(i, length);
    }
    i += length;
  }
  out += '"';
}

/// Recursive descent; every complaint is a DataError with file, line and column.
template <class Tree>
class JsonTreeParser {
 public:
  JsonTreeParser(std::string_view text, const std::string& file, int max_depth)
      : text_(text), file_(file), max_depth_(max_depth) {}

  Tree whole() {
    Tree result = value(0);
    skip_space();
    if (at_ != text_.size()) fail("text after the end of the value");
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    std::size_t line = 1, column = 1;
    for (std::size_t i = 0; i < at_ && i < text_.size(); ++i) {
      column = text_[i] == '\n' ? 1 : column + 1;
      if (text_[i] == '\n') ++line;
    }
    throw DataError(file_, line, column, "not valid JSON: " + what);
  }
  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool is_digit() const noexcept { return peek() >= '0' && peek() <= '9'; }
  void skip_space() noexcept {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail("expected '" + std::string(1, c) + '\'');
  }

  Tree value(int depth) {
    skip_space();
    if (++values_ > json_tree_max_values) fail("more than " + std::to_string(json_tree_max_values) + " values");
    const bool opens = peek() == '{' || peek() == '[';
    if (depth + (opens ? 1 : 0) > max_depth_) fail("nested deeper than " + std::to_string(max_depth_) + " levels");
    if (peek() == '{') return object(depth + 1);
    if (peek() == '[') return array(depth + 1);
    if (peek() == '"') return string();
    if (is_digit() || peek() == '-') return number();
    for (const std::string_view word : {"null", "true", "false"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return word == "null" ? Tree() : Tree(word == "true");
    }
    fail("expected a value");
  }

  Tree object(int depth) {
    std::map<std::string, Tree> members;
    expect('{');
    if (accept('}')) return Tree::object();
    do {
      skip_space();
      const auto [entry, is_new] = members.try_emplace(string());
      if (!is_new) fail("expected each key once per object, found '" + entry->first + "' again");
      expect(':');
      entry->second = value(depth);
    } while (accept(','));
    expect('}');
    Tree result = Tree::object();
    for (auto& [key, entry] : members) result.keys_.push_back(key), result.items_.push_back(std::move(entry));
    return result;
  }

  Tree array(int depth) {
    Tree result = Tree::array();
    expect('[');
    if (accept(']')) return result;
    do result.push_back(value(depth));
    while (accept(','));
    expect(']');
    return result;
  }

  void digits() {
    if (!is_digit()) fail("expected a digit");
    while (is_digit()) ++at_;
  }
  Tree number() {
    const std::size_t begin = at_;
    const bool negative = peek() == '-';
    if (negative) ++at_;
    const bool zero = peek() == '0';
    const std::size_t first = at_;
    digits();
    if (zero && at_ - first > 1) fail("a number with a leading zero");
    bool whole = true;
    if (peek() == '.') whole = false, ++at_, digits();
    if (peek() == 'e' || peek() == 'E') {
      whole = false, ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      digits();
    }
    const char* const from = text_.data() + begin;
    const char* const to = text_.data() + at_;
    std::uint64_t natural = 0;
    std::int64_t integer = 0;
    if (whole && !negative && std::from_chars(from, to, natural).ec == std::errc()) return natural;
    if (whole && negative && std::from_chars(from, to, integer).ec == std::errc()) return integer;
    double real = 0.0;
    if (std::from_chars(from, to, real).ec != std::errc()) fail("a number out of the range of double precision");
    return real;
  }

  std::string string() {
    if (!accept('"')) fail("expected a text in quotes");
    std::string out;
    while (at_ < text_.size()) {
      const std::size_t length = utf8_length(text_, at_);
      if (length == 0) fail("a byte that is not UTF-8");
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character inside a text");
      if (c == '\\') {
        if (const char* const wrong = append_json_escape(out, text_, at_)) fail(wrong);
      } else {
        out += c == '"' ? std::string_view() : text_.substr(at_, length);
        at_ += length;
        if (c == '"') return out;
      }
    }
    fail("a text without its closing quote");
  }

  std::string_view text_;
  const std::string& file_;
  int max_depth_;
  std::size_t at_ = 0, values_ = 0;
};

template <class Number>
BasicJsonTree<Number> BasicJsonTree<Number>::parse(std::string_view text, const std::string& file, int max_depth) {
  return JsonTreeParser<BasicJsonTree>(text, file, max_depth).whole();
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_CORE_DETAIL_JSON_TREE_HPP
