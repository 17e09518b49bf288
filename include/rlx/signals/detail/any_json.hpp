// SPDX-License-Identifier: MIT
/// @file
/// @brief What the code for records needs of a JSON value, for nlohmann::json and for the library's own JsonTree.
#ifndef RLX_SIGNALS_DETAIL_ANY_JSON_HPP
#define RLX_SIGNALS_DETAIL_ANY_JSON_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/detail/strict_json.hpp>
#include <rlx/signals/records.hpp>

namespace rlx::inline v0_1::signals::detail {

/// The library's own value.
using Tree = rlx::detail::JsonTree;

/// Json, which is looked at only where T is known.
template <class T>
struct JsonOf {
  using type = Json;
};

/// A member of an object.
template <class J>
struct AnyMember {
  std::string_view key;
  J value;
};

/// An object.
template <AnyJson J>
J any_object(std::initializer_list<AnyMember<J>> members) {
  J json = J::object();
  for (const AnyMember<J>& member : members) json[std::string(member.key)] = member.value;
  return json;
}

/// An object of numbers.
template <AnyJson J, class Counts>
J any_counts(const Counts& counts) {
  J json = J::object();
  for (const auto& [name, count] : counts) json[name] = count;
  return json;
}

/// The same value of another kind.
template <AnyJson J>
J any_of_tree(const Tree& tree) {
  if constexpr (std::same_as<J, Tree>) {
    return tree;
  } else if (tree.is_object()) {
    J json = J::object();
    for (std::size_t i = 0; i < tree.size(); ++i) json[tree.keys()[i]] = any_of_tree<J>(tree[i]);
    return json;
  } else if (tree.is_array()) {
    J json = J::array();
    for (const Tree& element : tree) json.push_back(any_of_tree<J>(element));
    return json;
  } else if (tree.is_string()) {
    return tree.get<std::string>();
  } else if (tree.is_number_unsigned()) {
    return tree.get<std::uint64_t>();
  } else if (tree.is_number_integer()) {
    return tree.get<std::int64_t>();
  } else if (tree.is_number()) {
    return tree.get<double>();
  } else {
    return tree.is_null() ? J(nullptr) : J(tree.get<bool>());
  }
}

/// Parses a text as strictly as `parse_json`. @throws DataError with file, line and column
template <AnyJson J>
J any_parse(std::string_view text, const std::string& where, int max_depth = 200) {
  return any_of_tree<J>(Tree::parse(text, where, max_depth));
}

/// An object less one member.
template <AnyJson J>
J any_without(const J& object, const std::string& left_out) {
  J json = J::object();
  for (const std::string& key : rlx::detail::json_keys(object)) {
    if (key != left_out) json[key] = *object.find(key);
  }
  return json;
}

}  // namespace rlx::inline v0_1::signals::detail

#endif  // RLX_SIGNALS_DETAIL_ANY_JSON_HPP
