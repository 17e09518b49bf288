// SPDX-License-Identifier: MIT
/// @file
/// @brief The strict reading of core/json.hpp without the JSON library: templates for nlohmann::json and for JsonTree.
#ifndef RLX_CORE_DETAIL_STRICT_JSON_HPP
#define RLX_CORE_DETAIL_STRICT_JSON_HPP

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

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/nearest.hpp>

namespace rlx::inline v0_1 {
namespace detail {

/// A JSON value of either kind as one line.
template <class Json>
std::string json_text(const Json& value) {
  if constexpr (requires { typename Json::error_handler_t; }) {  // nlohmann/json refuses text that is not UTF-8 otherwise
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  } else {
    return value.dump();
  }
}

/// Keys of a JSON object of either kind, ascending.
template <class Json>
std::vector<std::string> json_keys(const Json& object) {
  if constexpr (requires { object.keys(); }) {
    return object.keys();
  } else {
    std::vector<std::string> keys;
    for (const auto& item : object.items()) keys.push_back(item.key());
    return keys;
  }
}

/// A short text of a value for messages.
template <class Json>
std::string json_excerpt(const Json& value) {
  std::string text = json_text(value);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return std::string(value.type_name()) + ' ' + text;
}

/// Throws the ConfigError of a value that is not what was expected.
template <class Json>
[[noreturn]] void json_wrong(const std::string& path, const std::string& expected, const Json& found) {
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
 * T is bool, an integer, a floating-point number (a JSON integer is accepted), std::string, Json, or a std::vector,
 * std::array (exact length) or std::optional (null = empty) of these.
 * @tparam Json  nlohmann::json; the library's own files: detail::JsonTree
 * @param value  only read
 * @param path  where the value stands, for messages, such as "ppo.learning_rate"
 * @throws ConfigError naming the path, the expected type or range and the value found
 */
template <class T, class Json>
T json_as(const Json& value, const std::string& path) {
  if constexpr (std::is_same_v<T, Json>) {
    return value;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) detail::json_wrong(path, "true or false", value);
    return value.template get<bool>();
  } else if constexpr (std::integral<T>) {
    const std::string expected = "an integer between " + std::to_string(std::numeric_limits<T>::min()) + " and " +
                                 std::to_string(std::numeric_limits<T>::max());
    if (!value.is_number_integer()) detail::json_wrong(path, expected, value);
    const bool fits = value.is_number_unsigned() ? std::in_range<T>(value.template get<std::uint64_t>())
                                                 : std::in_range<T>(value.template get<std::int64_t>());
    if (!fits) detail::json_wrong(path, expected, value);
    return value.template get<T>();
  } else if constexpr (std::floating_point<T>) {
    if (!value.is_number()) detail::json_wrong(path, "a number", value);
    const T number = value.template get<T>();
    if (!is_finite(number)) detail::json_wrong(path, "a number that is finite", value);
    return number;
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!value.is_string()) detail::json_wrong(path, "a text in quotes", value);
    return value.template get<std::string>();
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
 * @tparam Json  nlohmann::json, as which it is called JsonObject; the library's own files: detail::JsonTree
 */
template <class Json>
class BasicJsonObject {
 public:
  /// @param object  not copied, so it must outlive this reader
  /// @param where  name of the object in messages, such as a file name or "ppo"
  BasicJsonObject(const Json& object, std::string where) : object_(&object), where_(std::move(where)) {
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
    const Json* const found = find(key);
    return found == nullptr ? std::move(fallback) : json_as<T>(*found, path(key));
  }

  /// Overwrites `target` if the key is present. @return whether it was
  template <class T>
  bool read(std::string_view key, T& target) {
    const Json* const found = find(key);
    if (found == nullptr) return false;
    target = json_as<T>(*found, path(key));
    return true;
  }

  /// As `read`, for an enumeration written as one of a few names.
  template <class E>
  requires std::is_enum_v<E>
  bool read_name(std::string_view key, E& target, std::initializer_list<std::pair<std::string_view, E>> names) {
    const Json* const found = find(key);
    if (found == nullptr) return false;
    std::string known;
    for (const auto& [name, entry] : names) {
      if (found->is_string() && found->template get<std::string>() == name) {
        target = entry;
        return true;
      }
      known += (known.empty() ? "'" : ", '") + std::string(name) + '\'';
    }
    detail::json_wrong(path(key), "one of " + known, *found);
  }

  /// The raw value of a key that must be present.
  const Json& value(std::string_view key) {
    const Json* const found = find(key);
    if (found == nullptr) {
      const std::string meant = nearest(key, detail::json_keys(*object_));
      throw ConfigError("missing key '" + std::string(key) + "' in " + where_ +
                        (meant.empty() ? std::string() : ": is '" + meant + "' a misspelling of it?"));
    }
    return *found;
  }

  /// A reader of an object inside this one; the key must be present. Finish it like any other.
  BasicJsonObject object(std::string_view key) { return {value(key), path(key)}; }

  /// Path of a key in messages.
  std::string path(std::string_view key) const { return where_ + '.' + std::string(key); }

  /// @throws ConfigError for the first key that was never asked for, with the nearest one that was
  void finish() const {
    for (const std::string& found : detail::json_keys(*object_)) {
      if (known_.count(found) != 0) continue;
      const std::string meant = nearest(found, known_);
      std::string text = "unknown key '" + found + "' in " + where_;
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
  const Json* find(std::string_view key) {
    const auto [known, added] = known_.emplace(key);
    static_cast<void>(added);
    const auto found = object_->find(*known);
    return found == object_->end() ? nullptr : &*found;
  }

  const Json* object_;
  std::string where_;
  std::set<std::string> known_;
};

namespace detail {
template <class Number>
class BasicJsonTree;
using JsonTree = BasicJsonTree<double>;
using JsonTreeObject = BasicJsonObject<JsonTree>;
}  // namespace detail

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_DETAIL_STRICT_JSON_HPP
