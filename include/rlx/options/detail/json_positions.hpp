// SPDX-License-Identifier: MIT
/// @file
/// @brief Line and column of the values of a JSON text, for messages: the JSON library keeps none.
#ifndef RLX_OPTIONS_DETAIL_JSON_POSITIONS_HPP
#define RLX_OPTIONS_DETAIL_JSON_POSITIONS_HPP

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace rlx::inline v0_1::options::detail {

/// 1-based; 0 where unknown. Columns count bytes.
struct TextPosition {
  std::size_t line = 0, column = 0;

  /// `:3:12`, or nothing.
  std::string text() const { return line == 0 ? std::string() : ':' + std::to_string(line) + ':' + std::to_string(column); }
};

struct JsonPositions {
  std::map<std::string, TextPosition, std::less<>> values;  ///< "a", "a.b", "a[2]"
  std::map<std::string, TextPosition, std::less<>> keys;    ///< "a", "a.b"
  std::optional<std::pair<std::string, TextPosition>> repeated;

  TextPosition value(std::string_view path) const {
    const auto found = values.find(path);
    return found == values.end() ? TextPosition{} : found->second;
  }
  TextPosition key(std::string_view path) const {
    const auto found = keys.find(path);
    return found == keys.end() ? TextPosition{} : found->second;
  }
};

/// Values of the outermost two levels. Any text is accepted: what is no JSON gives positions up to the fault, or nonsense.
inline JsonPositions locate_json(std::string_view text) {
  struct Level {
    bool object = false;
    std::string path;  // of the container
    std::string key;
    std::size_t index = 0;
    bool expects_key = false;
  };
  JsonPositions found;
  std::vector<Level> levels;
  std::size_t at = 0, line = 1, line_start = 0;
  const auto here = [&] { return TextPosition{line, at - line_start + 1}; };
  const auto path = [&]() -> std::string {
    if (levels.empty()) return {};
    const Level& top = levels.back();
    if (!top.object) return top.path + '[' + std::to_string(top.index) + ']';
    return top.path.empty() ? top.key : top.path + '.' + top.key;
  };
  const auto recorded = [&] { return !levels.empty() && levels.size() <= 2; };
  const auto record_value = [&] {
    if (recorded()) found.values.emplace(path(), here());
  };
  while (at < text.size()) {
    const char c = text[at];
    if (c == '\n') {
      ++line;
      line_start = at + 1;
    } else if (c == '{' || c == '[') {
      if (levels.size() > 200) return found;
      record_value();
      Level inner;
      inner.object = inner.expects_key = c == '{';
      if (levels.size() < 2) inner.path = path();
      levels.push_back(std::move(inner));
    } else if (c == '}' || c == ']') {
      if (!levels.empty()) levels.pop_back();
    } else if (c == ',') {
      if (!levels.empty()) {
        levels.back().expects_key = levels.back().object;
        ++levels.back().index;
      }
    } else if (c == '"') {
      std::size_t end = at + 1;
      while (end < text.size() && text[end] != '"' && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
      if (end >= text.size() || text[end] != '"') return found;
      if (levels.empty() || !levels.back().expects_key) {
        record_value();
      } else {
        levels.back().expects_key = false;
        const auto key = nlohmann::json::parse(text.substr(at, end + 1 - at), nullptr, false);
        if (!key.is_string()) return found;
        levels.back().key = key.get_ref<const std::string&>();
        if (recorded() && !found.keys.emplace(path(), here()).second && !found.repeated) found.repeated = {path(), here()};
      }
      at = end;
    } else if (c != ' ' && c != '\t' && c != '\r' && c != ':') {
      record_value();
      while (at + 1 < text.size() && std::string_view(",]} \t\r\n").find(text[at + 1]) == std::string_view::npos) ++at;
    }
    ++at;
  }
  return found;
}

}  // namespace rlx::inline v0_1::options::detail

#endif  // RLX_OPTIONS_DETAIL_JSON_POSITIONS_HPP
