// SPDX-License-Identifier: MIT
/// @file
/// @brief The members of one JSON object, found once and read by number, without a tree.
#ifndef RLX_OPTIONS_DETAIL_WIRE_FIELDS_HPP
#define RLX_OPTIONS_DETAIL_WIRE_FIELDS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <rlx/io/detail/json_cursor.hpp>
#include <rlx/io/detail/parse_number.hpp>
#include <rlx/market/fixed8.hpp>

namespace rlx::inline v0_1::options::detail {

using io::detail::JsonCursor;

/**
 * @brief Walks over the object at a cursor and remembers where the members of some names are.
 *
 * A member that is null counts as absent. Reading one complains as `METHOD:line:column: field 'NAME': expected ..., found ...`
 * (DataError). Allocates only for strings with escapes.
 */
template <std::size_t N>
class WireFields {
 public:
  /// @param json  moved behind the object
  /// @param keys  must outlive the fields
  /// @throws DataError for damaged text and for a name that occurs twice
  WireFields(JsonCursor& json, const std::array<std::string_view, N>& keys) : json_(json), keys_(&keys) {
    at_.fill(absent);
    json.object([&](std::string_view key) {
      json.peek();
      for (std::size_t i = 0; i < N; ++i) {
        if (key != keys[i]) continue;
        if (at_[i] != absent) json.fail_with("field '" + std::string(key) + "': expected once per object");
        at_[i] = json.offset();
        break;
      }
      json.skip();
    });
    for (std::size_t& at : at_) {
      if (at != absent && json.at(at).is_null()) at = absent;
    }
  }

  bool has(std::size_t i) const noexcept { return at_[i] != absent; }
  /// A cursor at the value.
  JsonCursor value(std::size_t i) const {
    if (!has(i)) json_.fail_with("field '" + std::string((*keys_)[i]) + "' is missing");
    return json_.at(at_[i]);
  }
  /// A piece of the reply, or of `decoded` if it has escapes.
  std::string_view view(std::size_t i, std::string& decoded) const {
    JsonCursor json = value(i);
    if (json.peek() != '"') fail(i, json, "a text in double quotes");
    return json.string(decoded);
  }
  std::string text(std::size_t i) const {
    std::string decoded;
    return std::string(view(i, decoded));
  }
  std::string text_or(std::size_t i, std::string_view fallback) const { return has(i) ? text(i) : std::string(fallback); }
  bool boolean(std::size_t i) const {
    JsonCursor json = value(i);
    const char first = json.peek();
    if (first != 't' && first != 'f') fail(i, json, "true or false");
    return first == 't';
  }
  bool boolean_or(std::size_t i, bool fallback) const { return has(i) ? boolean(i) : fallback; }
  std::int64_t integer(std::size_t i) const {
    JsonCursor json = value(i);
    std::int64_t number = 0;
    if (!is_number(json) || io::detail::parse_integer(JsonCursor(json).number(), number) != io::detail::NumberStatus::ok)
      fail(i, json, "an integer");
    return number;
  }
  std::int64_t integer_or(std::size_t i, std::int64_t fallback) const { return has(i) ? integer(i) : fallback; }
  /// A finite number.
  double number(std::size_t i) const {
    JsonCursor json = value(i);
    double number = 0.0;
    if (!is_number(json) || io::detail::parse_double(JsonCursor(json).number(), number) != io::detail::NumberStatus::ok)
      fail(i, json, "a finite number");
    return number;
  }
  double number_or(std::size_t i, double fallback) const { return has(i) ? number(i) : fallback; }
  /// A decimal: exact up to 8 places, further ones rounded half to even.
  market::Fixed8 money(std::size_t i) const {
    const double rough = number(i);
    if (!(rough > -9e10 && rough < 9e10)) fail(i, value(i), "a decimal below 90,000,000,000");
    const std::string_view text = value(i).number();
    const std::size_t point = text.find('.');
    const bool exact =
        text.find_first_of("eE") == std::string_view::npos && (point == std::string_view::npos || text.size() - point - 1 <= 8);
    return exact ? market::Fixed8::parse(text) : market::Fixed8::from_double(rough);
  }
  market::Fixed8 money_or_zero(std::size_t i) const { return has(i) ? money(i) : market::Fixed8(); }

  [[noreturn, gnu::cold, gnu::noinline]] void fail(std::size_t i, const JsonCursor& json, const char* expected) const {
    json.fail("field '" + std::string((*keys_)[i]) + "': expected " + expected);
  }

 private:
  static constexpr std::size_t absent = std::numeric_limits<std::size_t>::max();
  static bool is_number(JsonCursor json) {
    const char first = json.peek();
    return first == '-' || (first >= '0' && first <= '9');
  }

  JsonCursor json_;
  const std::array<std::string_view, N>* keys_;
  std::array<std::size_t, N> at_;
};

}  // namespace rlx::inline v0_1::options::detail

#endif  // RLX_OPTIONS_DETAIL_WIRE_FIELDS_HPP
