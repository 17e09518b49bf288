// SPDX-License-Identifier: MIT
/// @file
/// @brief Reading and writing of graph_json.hpp without the JSON library: templates for nlohmann::json and for JsonTree.
#ifndef RLX_NN_DETAIL_GRAPH_TREE_HPP
#define RLX_NN_DETAIL_GRAPH_TREE_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rlx/core/detail/strict_json.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/nearest.hpp>
#include <rlx/nn/graph_spec.hpp>

namespace rlx::inline v0_1::nn {

/// Kind of a name; ConfigError with the nearest one if there is none.
inline NodeKind node_kind_from(std::string_view name, const std::string& where) {
  for (std::size_t i = 0; i < node_kind_names.size(); ++i) {
    if (node_kind_names[i] == name) return static_cast<NodeKind>(i);
  }
  const std::string meant = nearest(name, node_kind_names);
  throw ConfigError(where + ": unknown node kind '" + std::string(name) + "'" +
                    (meant.empty() ? std::string() : "; did you mean '" + meant + "'?"));
}

namespace detail {

/// Calls read(key, field) for the fields of the node's kind, for writing and reading alike.
template <class Node, class F>
void visit_fields(Node& node, F&& field) {
  switch (node.kind) {
    case NodeKind::input:
      field("width", node.width);
      break;
    case NodeKind::slice:
      field("begin", node.begin);
      field("end", node.end);
      break;
    case NodeKind::slots:
      field("begin", node.begin);
      field("count", node.count);
      field("width", node.width);
      field("valid_column", node.valid_column);
      break;
    case NodeKind::linear:
      field("width", node.width);
      field("bias", node.bias);
      field("gain", node.gain);
      field("fan_in", node.fan_in);
      break;
    case NodeKind::lstm:
      field("width", node.width);
      break;
    case NodeKind::embedding:
      field("begin", node.begin);
      field("count", node.count);
      field("width", node.width);
      break;
    case NodeKind::attention:
      field("heads", node.heads);
      field("gain", node.gain);
      break;
    default:
      break;
  }
}

/// Every field of every node.
template <class Json>
Json graph_tree(const GraphSpec& spec) {
  Json nodes = Json::array(), outputs = Json::array();
  for (const NodeSpec& node : spec.nodes) {
    Json entry = Json::object();
    entry["kind"] = to_string(node.kind);
    entry["name"] = node.name;
    entry["group"] = node.group;
    entry["inputs"] = node.inputs;
    visit_fields(node, [&]<class T>(const char* key, const T& value) {
      if constexpr (std::is_same_v<T, std::optional<std::size_t>>) {
        entry[key] = value ? Json(*value) : Json();
      } else {
        entry[key] = value;
      }
    });
    nodes.push_back(std::move(entry));
  }
  for (const OutputSpec& output : spec.outputs) {
    Json entry = Json::object();
    entry["name"] = output.name;
    entry["node"] = output.node;
    outputs.push_back(std::move(entry));
  }
  Json graph = Json::object();
  graph["nodes"] = std::move(nodes);
  graph["outputs"] = std::move(outputs);
  return graph;
}

}  // namespace detail

/**
 * @brief Reads a graph; every key must be known and present.
 * @tparam Json  nlohmann::json; the library's own files: rlx::detail::JsonTree
 * @param json   as `to_json` writes it
 * @param where  name of the object in messages
 * @throws ConfigError for unknown, missing or mistyped keys; ShapeError naming the node whose sizes do not fit
 */
template <class Json>
GraphSpec read_graph(const Json& json, const std::string& where = "graph") {
  GraphSpec spec;
  BasicJsonObject<Json> object(json, where);
  for (const Json& entry : object.template get<std::vector<Json>>("nodes")) {
    BasicJsonObject<Json> in(entry, where + ".nodes[" + std::to_string(spec.nodes.size()) + ']');
    NodeSpec node;
    node.kind = node_kind_from(in.template get<std::string>("kind"), in.path("kind"));
    node.name = in.template get<std::string>("name");
    node.group = in.template get<std::string>("group");
    node.inputs = in.template get<std::vector<std::size_t>>("inputs");
    detail::visit_fields(node, [&]<class T>(const char* key, T& value) { value = in.template get<T>(key); });
    in.finish();
    spec.nodes.push_back(std::move(node));
  }
  for (const Json& entry : object.template get<std::vector<Json>>("outputs")) {
    BasicJsonObject<Json> in(entry, where + ".outputs[" + std::to_string(spec.outputs.size()) + ']');
    spec.outputs.push_back({in.template get<std::string>("name"), in.template get<std::size_t>("node")});
    in.finish();
  }
  object.finish();
  infer_shapes(spec);
  return spec;
}

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_DETAIL_GRAPH_TREE_HPP
