// SPDX-License-Identifier: MIT
/// @file
/// @brief GraphSpec to and from JSON.
///
/// `{"nodes": [{"kind": "linear", "name": "actor.linear0", "group": "actor", "inputs": [0], "width": 64, ...}, ...],
///   "outputs": [{"name": "action", "node": 5}, ...]}`. A node has the fields of its kind and no others.
#ifndef RLX_NN_GRAPH_JSON_HPP
#define RLX_NN_GRAPH_JSON_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <rlx/core/error.hpp>
#include <rlx/core/json.hpp>
#include <rlx/core/nearest.hpp>
#include <rlx/nn/graph_spec.hpp>

namespace rlx::nn {

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

inline void write_json(nlohmann::json& json, const std::optional<std::size_t>& value) {
  if (value) {
    json = *value;
  } else {
    json = nullptr;
  }
}
template <class T>
void write_json(nlohmann::json& json, const T& value) {
  json = value;
}

}  // namespace detail

/// Writes every field of every node.
inline void to_json(nlohmann::json& json, const GraphSpec& spec) {
  json = {{"nodes", nlohmann::json::array()}, {"outputs", nlohmann::json::array()}};
  for (const NodeSpec& node : spec.nodes) {
    nlohmann::json entry = {
        {"kind", to_string(node.kind)}, {"name", node.name}, {"group", node.group}, {"inputs", node.inputs}};
    detail::visit_fields(node, [&](const char* key, const auto& value) { detail::write_json(entry[key], value); });
    json["nodes"].push_back(std::move(entry));
  }
  for (const OutputSpec& output : spec.outputs) json["outputs"].push_back({{"name", output.name}, {"node", output.node}});
}

/**
 * @brief Reads a graph; every key must be known and present.
 * @param json   as `to_json` writes it
 * @param where  name of the object in messages
 * @throws ConfigError for unknown, missing or mistyped keys; ShapeError naming the node whose sizes do not fit
 */
inline GraphSpec read_graph(const nlohmann::json& json, const std::string& where = "graph") {
  GraphSpec spec;
  JsonObject object(json, where);
  for (const nlohmann::json& entry : object.get<std::vector<nlohmann::json>>("nodes")) {
    JsonObject in(entry, where + ".nodes[" + std::to_string(spec.nodes.size()) + ']');
    NodeSpec node;
    node.kind = node_kind_from(in.get<std::string>("kind"), in.path("kind"));
    node.name = in.get<std::string>("name");
    node.group = in.get<std::string>("group");
    node.inputs = in.get<std::vector<std::size_t>>("inputs");
    detail::visit_fields(node, [&]<class T>(const char* key, T& value) { value = in.get<T>(key); });
    in.finish();
    spec.nodes.push_back(std::move(node));
  }
  for (const nlohmann::json& entry : object.get<std::vector<nlohmann::json>>("outputs")) {
    JsonObject in(entry, where + ".outputs[" + std::to_string(spec.outputs.size()) + ']');
    spec.outputs.push_back({in.get<std::string>("name"), in.get<std::size_t>("node")});
    in.finish();
  }
  object.finish();
  infer_shapes(spec);
  return spec;
}

/// As read_graph, for `json.get<GraphSpec>()`.
inline void from_json(const nlohmann::json& json, GraphSpec& spec) { spec = read_graph(json); }

}  // namespace rlx::nn

#endif  // RLX_NN_GRAPH_JSON_HPP
