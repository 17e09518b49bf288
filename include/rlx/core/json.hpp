// SPDX-License-Identifier: MIT
/// @file
/// @brief Strict reading of JSON configurations: every key must be known, every value of the right type and in range.
///
/// This is the only header of core/ that costs what nlohmann/json costs; include it in `*_json.hpp` only.
#ifndef RLX_CORE_JSON_HPP
#define RLX_CORE_JSON_HPP

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/nearest.hpp>

namespace rlx {
namespace detail {

/// A short text of a value for messages.
inline std::string json_excerpt(const nlohmann::json& value) {
  std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return std::string(value.type_name()) + ' ' + text;
}

/// Throws the ConfigError of a value that is not what was expected.
[[noreturn]] inline void json_wrong(const std::string& path, const std::string& expected, const nlohmann::json& found) {
  throw ConfigError(path + ": expected " + expected + ", found " + json_excerpt(found));
}

/// True for `std::vector`.
template <class T>
inline constexpr bool is_vector_v = false;
template <class T>
inline constexpr bool is_vector_v<std::vector<T>> = true;
/// True for `std::optional`.
template <class T>
inline constexpr bool is_optional_v = false;
template <class T>
inline constexpr bool is_optional_v<std::optional<T>> = true;
/// True for `std::array`.
template <class T>
inline constexpr bool is_std_array_v = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array_v<std::array<T, N>> = true;

/// False for every T: a `static_assert` on it fails only where it is instantiated.
template <class T>
inline constexpr bool always_false_v = false;

}  // namespace detail

/**
 * @brief A JSON value as exactly a T: nothing is converted, truncated or wrapped around.
 *
 * T is bool, an integer, a floating-point number (a JSON integer is accepted), std::string, nlohmann::json, or a std::vector,
 * std::array (exact length) or std::optional (null = empty) of these.
 * @param value  only read
 * @param path  where the value stands, for messages, such as "ppo.learning_rate"
 * @throws ConfigError naming the path, the expected type or range and the value found
 */
template <class T>
T json_as(const nlohmann::json& value, const std::string& path) {
  if constexpr (std::is_same_v<T, nlohmann::json>) {
    return value;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) detail::json_wrong(path, "true or false", value);
    return value.get<bool>();
  } else if constexpr (std::integral<T>) {
    const std::string expected = "an integer between " + std::to_string(std::numeric_limits<T>::min()) + " and " +
                                 std::to_string(std::numeric_limits<T>::max());
    if (!value.is_number_integer()) detail::json_wrong(path, expected, value);
    const bool fits =
        value.is_number_unsigned() ? std::in_range<T>(value.get<std::uint64_t>()) : std::in_range<T>(value.get<std::int64_t>());
    if (!fits) detail::json_wrong(path, expected, value);
    return value.get<T>();
  } else if constexpr (std::floating_point<T>) {
    if (!value.is_number()) detail::json_wrong(path, "a number", value);
    const T number = value.get<T>();
    if (!is_finite(number)) detail::json_wrong(path, "a number that is finite", value);
    return number;
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!value.is_string()) detail::json_wrong(path, "a text in quotes", value);
    return value.get<std::string>();
  } else if constexpr (detail::is_optional_v<T>) {
    if (value.is_null()) return std::nullopt;
    return json_as<typename T::value_type>(value, path);
  } else if constexpr (detail::is_vector_v<T>) {
    if (!value.is_array()) detail::json_wrong(path, "an array", value);
    T result;
    result.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i)
      result.push_back(json_as<typename T::value_type>(value[i], path + '[' + std::to_string(i) + ']'));
    return result;
  } else if constexpr (detail::is_std_array_v<T>) {
    T result{};
    if (!value.is_array() || value.size() != result.size())
      detail::json_wrong(path, "an array of " + std::to_string(result.size()), value);
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i] = json_as<typename T::value_type>(value[i], path + '[' + std::to_string(i) + ']');
    return result;
  } else {
    static_assert(detail::always_false_v<T>,
                  "json_as reads bool, numbers, std::string, nlohmann::json and vectors, "
                  "arrays and optionals of these; read a struct through JsonObject");
  }
}

/**
 * @brief Reads the members of one JSON object and refuses those nobody asked for.
 *
 * @code
 * rlx::JsonObject in(json, "ppo");
 * in.read("n_steps", config.n_steps);              // keeps the default if the key is absent
 * config.name = in.get<std::string>("name");       // must be there
 * in.finish();                                     // unknown key 'n_step' in ppo: did you mean 'n_steps'?
 * @endcode
 * Every call throws ConfigError with the path of the value. The object must outlive the reader.
 */
class JsonObject {
 public:
  /// @param object  not copied, so it must outlive this reader
  /// @param where  name of the object in messages, such as a file name or "ppo"
  JsonObject(const nlohmann::json& object, std::string where) : object_(&object), where_(std::move(where)) {
    if (!object.is_object()) detail::json_wrong(where_, "an object", object);
  }

  /// Name of the object in messages, as given.
  const std::string& where() const noexcept { return where_; }

  /// True if the key is present; the key counts as known from then on.
  bool has(std::string_view key) { return find(key) != nullptr; }

  /// The value of a key that must be present.
  template <class T>
  T get(std::string_view key) {
    return json_as<T>(value(key), path(key));
  }

  /// The value of a key, or `fallback` if it is absent.
  template <class T>
  T get_or(std::string_view key, T fallback) {
    const nlohmann::json* const found = find(key);
    return found == nullptr ? std::move(fallback) : json_as<T>(*found, path(key));
  }

  /// Overwrites `target` if the key is present. @return whether it was
  template <class T>
  bool read(std::string_view key, T& target) {
    const nlohmann::json* const found = find(key);
    if (found == nullptr) return false;
    target = json_as<T>(*found, path(key));
    return true;
  }

  /// As `read`, for an enumeration written as one of a few names.
  template <class E>
  requires std::is_enum_v<E>
  bool read_name(std::string_view key, E& target, std::initializer_list<std::pair<std::string_view, E>> names) {
    const nlohmann::json* const found = find(key);
    if (found == nullptr) return false;
    std::string known;
    for (const auto& [name, entry] : names) {
      if (found->is_string() && found->get_ref<const std::string&>() == name) {
        target = entry;
        return true;
      }
      known += (known.empty() ? "'" : ", '") + std::string(name) + '\'';
    }
    detail::json_wrong(path(key), "one of " + known, *found);
  }

  /// The raw value of a key that must be present.
  const nlohmann::json& value(std::string_view key) {
    const nlohmann::json* const found = find(key);
    if (found == nullptr) {
      std::vector<std::string> present;
      for (const auto& item : object_->items()) present.push_back(item.key());
      const std::string meant = nearest(key, present);
      throw ConfigError("missing key '" + std::string(key) + "' in " + where_ +
                        (meant.empty() ? std::string() : ": is '" + meant + "' a misspelling of it?"));
    }
    return *found;
  }

  /// A reader of an object inside this one; the key must be present. Finish it like any other.
  JsonObject object(std::string_view key) { return {value(key), path(key)}; }

  /// Path of a key in messages.
  std::string path(std::string_view key) const { return where_ + '.' + std::string(key); }

  /// @throws ConfigError for the first key that was never asked for, with the nearest one that was
  void finish() const {
    for (const auto& item : object_->items()) {
      if (known_.count(item.key()) != 0) continue;
      const std::string meant = nearest(item.key(), known_);
      std::string text = "unknown key '" + item.key() + "' in " + where_;
      if (!meant.empty()) {
        text += ": did you mean '" + meant + "'?";
      } else if (known_.empty()) {
        text += ": no key is known here, remove it";
      } else {
        text += ": expected one of";
        for (const std::string& key : known_) text += (key == *known_.begin() ? " '" : ", '") + key + '\'';
      }
      throw ConfigError(text);
    }
  }

 private:
  const nlohmann::json* find(std::string_view key) {
    const auto [known, added] = known_.emplace(key);
    static_cast<void>(added);
    const auto found = object_->find(*known);
    return found == object_->end() ? nullptr : &*found;
  }

  const nlohmann::json* object_;
  std::string where_;
  std::set<std::string> known_;
};

/// Arrays and objects inside one another that parse_json accepts, unless it is told otherwise.
inline constexpr int max_json_depth = 200;

/**
 * @brief Parses a text; comments, trailing commas, trailing text, repeated keys and deep nesting are refused.
 * @param text       one JSON value in UTF-8
 * @param file       name for messages
 * @param max_depth  arrays and objects inside one another, at least 0
 * @throws DataError with file, line and column
 */
inline nlohmann::json parse_json(std::string_view text, const std::string& file, int max_depth = max_json_depth) {
  using nlohmann::json;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  std::string repeated;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    // Whoever walks the value later does so by recursion; a hostile file must not exhaust the stack.
    const bool opens = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if (depth + (opens ? 1 : 0) > max_depth) {
      throw DataError(file, 0, 0, "nested deeper than " + std::to_string(max_depth) + " levels");
    }
    // The parser's own test of overflow is folded away under -ffast-math.
    if (event == json::parse_event_t::value && parsed.is_number_float() && !is_finite(parsed.get<double>()))
      throw DataError(file, 0, 0, "not valid JSON: a number is too large");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second && repeated.empty())
      repeated = parsed.get<std::string>();
    return true;
  };
  // The parser would take a NUL byte for the end of the text.
  if (text.find('\0') != std::string_view::npos) throw DataError(file, 0, 0, "not valid JSON: it contains a NUL byte");
  try {
    json result = json::parse(text.begin(), text.end(), watch);
    if (!repeated.empty()) throw DataError(file, 0, 0, "expected each key once per object, found '" + repeated + "' again");
    return result;
  } catch (const json::parse_error& error) {
    const std::size_t at = error.byte == 0 ? 0 : std::min(error.byte - 1, text.size());
    std::size_t line = 1, column = 1;
    for (const char c : text.substr(0, at)) {
      column = c == '\n' ? 1 : column + 1;
      line += c == '\n' ? 1U : 0U;
    }
    throw DataError(file, line, column, std::string("not valid JSON: ") + error.what());
  } catch (const json::out_of_range& error) {  // a number such as 1e400
    throw DataError(file, 0, 0, std::string("not valid JSON: ") + error.what());
  }
}

}  // namespace rlx

#endif  // RLX_CORE_JSON_HPP
