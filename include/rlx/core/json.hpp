// SPDX-License-Identifier: MIT
/// @file
/// @brief Strict reading of JSON configurations: every key must be known, every value of the right type and in range.
///
/// This is the only header of core/ that costs what nlohmann/json costs; include it in `*_json.hpp` only.
#ifndef RLX_CORE_JSON_HPP
#define RLX_CORE_JSON_HPP

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/detail/strict_json.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>

namespace rlx::inline v0_1 {

/// The reader of nlohmann/json's objects.
using JsonObject = BasicJsonObject<nlohmann::json>;

/// Arrays and objects inside one another that parse_json accepts, unless it is told otherwise.
inline constexpr int max_json_depth = 200;

/**
 * @brief Parses a text; comments, trailing commas, trailing text, repeated keys and deep nesting are refused.
 * @param text       one JSON value in UTF-8
 * @param file       name for messages
 * @param max_depth  arrays and objects inside one another, at least 0
 * @tparam Json      nlohmann::json; a parameter so that only programs that call this compile the parser
 * @throws DataError with file, line and column
 */
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, const std::string& file, int max_depth = max_json_depth) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  std::string repeated;
  const auto watch = [&](int depth, typename Json::parse_event_t event, Json& parsed) {
    // Whoever walks the value later does so by recursion; a hostile file must not exhaust the stack.
    using Event = typename Json::parse_event_t;
    const bool opens = event == Event::object_start || event == Event::array_start;
    if (depth + (opens ? 1 : 0) > max_depth) {
      throw DataError(file, 0, 0, "nested deeper than " + std::to_string(max_depth) + " levels");
    }
    // The parser's own test of overflow is folded away under -ffast-math.
    if (event == Event::value && parsed.is_number_float() && !is_finite(parsed.template get<double>()))
      throw DataError(file, 0, 0, "not valid JSON: a number is too large");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(parsed.template get<std::string>()).second && repeated.empty())
      repeated = parsed.template get<std::string>();
    return true;
  };
  // The parser would take a NUL byte for the end of the text.
  if (text.find('\0') != std::string_view::npos) throw DataError(file, 0, 0, "not valid JSON: it contains a NUL byte");
  try {
    Json result = Json::parse(text.begin(), text.end(), watch);
    if (!repeated.empty()) throw DataError(file, 0, 0, "expected each key once per object, found '" + repeated + "' again");
    return result;
  } catch (const typename Json::parse_error& error) {
    const std::size_t at = error.byte == 0 ? 0 : std::min(error.byte - 1, text.size());
    std::size_t line = 1, column = 1;
    for (const char c : text.substr(0, at)) {
      column = c == '\n' ? 1 : column + 1;
      line += c == '\n' ? 1U : 0U;
    }
    throw DataError(file, line, column, std::string("not valid JSON: ") + error.what());
  } catch (const typename Json::out_of_range& error) {  // a number such as 1e400
    throw DataError(file, 0, 0, std::string("not valid JSON: ") + error.what());
  }
}

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_JSON_HPP
