// SPDX-License-Identifier: MIT
/// @file
/// @brief GraphSpec to and from JSON.
///
/// `{"nodes": [{"kind": "linear", "name": "actor.linear0", "group": "actor", "inputs": [0], "width": 64, ...}, ...],
///   "outputs": [{"name": "action", "node": 5}, ...]}`. A node has the fields of its kind and no others.
#ifndef RLX_NN_GRAPH_JSON_HPP
#define RLX_NN_GRAPH_JSON_HPP

#include <concepts>

#include <nlohmann/json.hpp>

#include <rlx/core/json.hpp>
#include <rlx/nn/detail/graph_tree.hpp>
#include <rlx/nn/graph_spec.hpp>

namespace rlx::inline v0_1::nn {

/// Writes every field of every node. @tparam Json  nlohmann::json
template <std::same_as<nlohmann::json> Json>
void to_json(Json& json, const GraphSpec& spec) {
  json = detail::graph_tree<Json>(spec);
}

/// As read_graph, for `json.get<GraphSpec>()`. @tparam Json  nlohmann::json
template <std::same_as<nlohmann::json> Json>
void from_json(const Json& json, GraphSpec& spec) {
  spec = read_graph(json);
}

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_GRAPH_JSON_HPP
