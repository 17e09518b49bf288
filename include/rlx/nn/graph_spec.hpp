// SPDX-License-Identifier: MIT
/// @file
/// @brief A network as plain data: a list of nodes of a closed list, in topological order, and its named outputs.
///
/// A node's value is either flat (one row of `width` numbers per sample) or slotted (`slots` rows of `width` numbers per
/// sample, of which some may be invalid). Whatever an invalid slot holds, NaN included, reaches no output and no gradient.
#ifndef RLX_NN_GRAPH_SPEC_HPP
#define RLX_NN_GRAPH_SPEC_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>

namespace rlx::inline v0_1::nn {

/// The closed list of nodes. x is the (first) input; L = slots, E = width.
enum class NodeKind : std::uint8_t {
  input,       ///< the observation row; always node 0 and the only one of its kind
  slice,       ///< columns [begin, end) of x, flat or of every slot
  slots,       ///< columns [begin, begin + count * width) of a flat x as `count` slots; invalid ones read as 0
  linear,      ///< x W + b over the last axis, W stored [inputs, outputs]; the same W for every slot
  layer_norm,  ///< over the last axis, epsilon 1e-5, gain and bias
  tanh,        ///< elementwise
  relu,        ///< elementwise
  gelu,        ///< elementwise, exact: x Phi(x)
  silu,        ///< elementwise: x sigmoid(x)
  attention,   ///< multi-head self-attention over slots, projections with bias; invalid slots are no keys and give 0
  add,         ///< x + y of one shape; a flat y of x's width is added to every slot
  concat,      ///< along the last axis; all flat, or all slotted alike
  stack,       ///< flat inputs of one width become the slots of a slotted value, all valid
  mean_pool,   ///< mean over valid slots, 0 if there is none
  max_pool,    ///< maximum over valid slots, 0 if there is none
  flatten,     ///< [L, E] to L * E columns, invalid slots as 0
  lstm,        ///< long short-term memory over the steps of a sequence, flat; its value is h, the state is h and c
  embedding    ///< slotted x + a row of the table for each slot number; or the table's row of the category in a column of x
};

/// Names of the kinds in files and messages, in the order of NodeKind.
inline constexpr std::array<std::string_view, 18> node_kind_names = {
    "input",     "slice", "slots",  "linear", "layer_norm", "tanh",     "relu",    "gelu", "silu",
    "attention", "add",   "concat", "stack",  "mean_pool",  "max_pool", "flatten", "lstm", "embedding"};

/// "input", "slice", ...: the entry of `node_kind_names`.
inline std::string_view to_string(NodeKind kind) { return node_kind_names[static_cast<std::size_t>(kind)]; }

/// One node. Fields that its kind does not use keep their defaults.
struct NodeSpec {
  NodeKind kind = NodeKind::input;               ///< which fields below count follows from it
  std::string name = {};                         ///< unique; tensors are called "<name>.weight" and so on
  std::string group = {};                        ///< part of the network, copied to the tensors
  std::vector<std::size_t> inputs = {};          ///< earlier nodes
  std::size_t width = 0;                         ///< input, linear, lstm: columns; slots: columns of one slot;
                                                 ///< embedding of categories: columns of the table
  std::size_t begin = 0;                         ///< slice, slots: first column; embedding: the category's column
  std::size_t end = 0;                           ///< slice: one past the last column
  std::size_t count = 0;                         ///< slots: how many; embedding: categories 0..count-1, or 0: slot numbers
  std::optional<std::size_t> valid_column = {};  ///< slots: a slot is valid iff this column of it is not 0; none: all are valid
  std::size_t heads = 1;                         ///< attention; divides the width
  bool bias = true;                              ///< linear
  double gain = std::numbers::sqrt2;             ///< linear, attention: factor of the orthogonal initialisation
  std::size_t fan_in = 0;  ///< linear: inputs of the whole product that this node is a part of; 0: its own

  /// Memberwise.
  friend bool operator==(const NodeSpec&, const NodeSpec&) = default;
};

/// A value that the caller reads, and whose gradient the caller sets.
struct OutputSpec {
  std::string name;      ///< by which the caller finds it; unique in a graph
  std::size_t node = 0;  ///< index into GraphSpec::nodes; flat, and not the input

  /// Memberwise.
  friend bool operator==(const OutputSpec&, const OutputSpec&) = default;
};

/// A whole network. Build one with GraphBuilder or a function of networks.hpp, or read one with graph_json.hpp.
struct GraphSpec {
  std::vector<NodeSpec> nodes;      ///< in topological order; the first is the input
  std::vector<OutputSpec> outputs;  ///< at least one, of nodes that differ

  /// Memberwise.
  friend bool operator==(const GraphSpec&, const GraphSpec&) = default;
};

/// Shape of a node's value.
struct NodeShape {
  static constexpr std::size_t no_mask = static_cast<std::size_t>(-1);  ///< `mask` of a value whose slots are all valid
  std::size_t width = 0;                                                ///< numbers of a row
  std::size_t slots = 0;                                                ///< 0: flat
  std::size_t mask = no_mask;  ///< slots node whose valid column rules; no_mask: all valid

  /// Rows of `width` numbers per sample.
  std::size_t rows() const { return slots == 0 ? 1 : slots; }
  /// One row without slots.
  bool is_flat() const { return slots == 0; }
  /// Memberwise.
  friend bool operator==(const NodeShape&, const NodeShape&) = default;
};

/// A tensor that a node owns.
struct TensorSpec {
  std::string suffix;              ///< of its name, after the node's and a dot: "weight", "bias", ...
  std::vector<std::size_t> shape;  ///< row-major extents, each at least 1
};

/// Largest width, column, slot count or head count of a node; keeps a hostile file from asking for absurd memory.
inline constexpr std::size_t max_extent = std::size_t{1} << 20;

namespace detail {

[[noreturn]] inline void shape_error(const NodeSpec& node, const std::string& text) {
  throw ShapeError("node '" + node.name + "' (" + std::string(to_string(node.kind)) + "): " + text);
}

inline std::string text_of(const NodeShape& shape) {
  const std::string width = std::to_string(shape.width);
  return shape.is_flat() ? "[" + width + "]" : "[" + std::to_string(shape.slots) + " slots, " + width + "]";
}

template <class Spec>
NodeShape shape_of(const Spec& spec, std::size_t index, const std::vector<NodeShape>& shapes) {
  const NodeSpec& node = spec.nodes[index];
  const auto number_of_inputs = [&](std::size_t low, std::size_t high) {
    if (node.inputs.size() < low || node.inputs.size() > high) {
      shape_error(node, "found " + std::to_string(node.inputs.size()) + " inputs, expected " +
                            (low == high ? std::to_string(low) : "at least " + std::to_string(low)));
    }
  };
  constexpr std::size_t any = static_cast<std::size_t>(-1);
  for (const std::size_t input : node.inputs) {
    if (input >= index)
      shape_error(node, "input " + std::to_string(input) + " is not an earlier node than " + std::to_string(index));
  }
  if ((node.kind == NodeKind::input) != (index == 0)) shape_error(node, "the input must be node 0, and node 0 the only input");
  for (const std::size_t extent : {node.width, node.begin, node.end, node.count, node.heads, node.fan_in}) {
    if (extent > max_extent) {
      shape_error(node, "found a size of " + std::to_string(extent) + ", expected at most " + std::to_string(max_extent));
    }
  }
  switch (node.kind) {
    case NodeKind::input: {
      number_of_inputs(0, 0);
      if (node.width == 0) shape_error(node, "width is 0, expected at least 1");
      return {node.width};
    }
    case NodeKind::add:
      number_of_inputs(2, 2);
      break;
    case NodeKind::concat:
    case NodeKind::stack:
      number_of_inputs(1, any);
      break;
    default:
      number_of_inputs(1, 1);
      break;
  }
  const NodeShape x = shapes[node.inputs[0]];
  switch (node.kind) {
    case NodeKind::slice: {
      if (node.begin >= node.end || node.end > x.width) {
        shape_error(node, "columns [" + std::to_string(node.begin) + ", " + std::to_string(node.end) +
                              ") are empty or outside the input's " + std::to_string(x.width));
      }
      return {node.end - node.begin, x.slots, x.mask};
    }
    case NodeKind::slots: {
      if (!x.is_flat()) shape_error(node, "expected a flat input, found " + text_of(x));
      if (node.count == 0 || node.width == 0) shape_error(node, "count and width must be at least 1");
      if (node.begin + node.count * node.width > x.width) {
        shape_error(node, std::to_string(node.count) + " slots of " + std::to_string(node.width) + " from column " +
                              std::to_string(node.begin) + " do not fit into the input's " + std::to_string(x.width));
      }
      if (node.valid_column && *node.valid_column >= node.width) {
        shape_error(node, "valid_column " + std::to_string(*node.valid_column) + " is outside the slot's " +
                              std::to_string(node.width) + " columns");
      }
      return {node.width, node.count, node.valid_column ? index : NodeShape::no_mask};
    }
    case NodeKind::linear: {
      if (node.width == 0) shape_error(node, "width is 0, expected at least 1");
      if (node.fan_in != 0 && node.fan_in < x.width) {
        shape_error(node, "fan_in " + std::to_string(node.fan_in) + " is less than the node's own " + std::to_string(x.width) +
                              " inputs");
      }
      return {node.width, x.slots, x.mask};
    }
    case NodeKind::lstm: {
      if (!x.is_flat()) shape_error(node, "expected a flat input, found " + text_of(x));
      if (node.width == 0) shape_error(node, "width is 0, expected at least 1");
      return {node.width};
    }
    case NodeKind::embedding: {
      if (node.count == 0) {
        if (x.is_flat())
          shape_error(node, "expected a slotted input, found " + text_of(x) + "; for categories give their count");
        if (node.width != 0 || node.begin != 0)
          shape_error(node, "found width " + std::to_string(node.width) + " and begin " + std::to_string(node.begin) +
                                " without a count of categories; slot numbers take the input's width, leave both 0");
        return x;
      }
      if (node.width == 0) shape_error(node, "width is 0, expected at least 1");
      if (node.begin >= x.width) {
        shape_error(node, "the category's column " + std::to_string(node.begin) + " is outside the input's " +
                              std::to_string(x.width) + " columns");
      }
      return {node.width, x.slots, x.mask};
    }
    case NodeKind::attention: {
      if (x.is_flat()) shape_error(node, "expected a slotted input, found " + text_of(x));
      if (node.heads == 0 || x.width % node.heads != 0) {
        shape_error(node, "width " + std::to_string(x.width) + " is not divisible by " + std::to_string(node.heads) + " heads");
      }
      return x;
    }
    case NodeKind::add: {
      const NodeShape y = shapes[node.inputs[1]];
      if (y.width != x.width || (!y.is_flat() && (y.slots != x.slots || y.mask != x.mask))) {
        shape_error(node, "cannot add " + text_of(y) + " to " + text_of(x) +
                              "; expected one shape and mask, or a flat second input of the same width");
      }
      return x;
    }
    case NodeKind::concat: {
      NodeShape sum = x;
      sum.width = 0;
      for (const std::size_t input : node.inputs) {
        const NodeShape& y = shapes[input];
        if (y.slots != x.slots || y.mask != x.mask)
          shape_error(node, "cannot join " + text_of(y) + " to " + text_of(x) + "; slots or masks differ");
        sum.width += y.width;
      }
      return sum;
    }
    case NodeKind::stack: {
      for (const std::size_t input : node.inputs) {
        if (shapes[input] != NodeShape{x.width}) {
          shape_error(node, "expected flat inputs of width " + std::to_string(x.width) + ", found " + text_of(shapes[input]));
        }
      }
      return {x.width, node.inputs.size()};
    }
    case NodeKind::mean_pool:
    case NodeKind::max_pool: {
      if (x.is_flat()) shape_error(node, "expected a slotted input, found " + text_of(x));
      return {x.width};
    }
    case NodeKind::flatten: {
      if (x.is_flat()) shape_error(node, "expected a slotted input, found " + text_of(x));
      return {x.width * x.slots};
    }
    default:
      return x;
  }
}

}  // namespace detail

/**
 * @brief Shapes of all nodes, in their order.
 * @throws ShapeError naming the first node whose inputs, columns or sizes do not fit, or a repeated node name
 * @tparam Spec  GraphSpec, here as below; a parameter so that a program compiles only what it calls
 */
template <class Spec>
std::vector<NodeShape> infer_shapes(const Spec& spec) {
  std::vector<NodeShape> shapes;
  if (spec.nodes.empty()) throw ShapeError("the graph has no nodes; expected at least an input");
  for (std::size_t i = 0; i < spec.nodes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (spec.nodes[j].name == spec.nodes[i].name)
        detail::shape_error(spec.nodes[i], "the name is used twice; names must be unique");
    }
    shapes.push_back(detail::shape_of(spec, i, shapes));
    if (shapes.back().width > max_extent || shapes.back().slots > max_extent) {
      detail::shape_error(spec.nodes[i],
                          "has shape " + detail::text_of(shapes.back()) + ", expected at most " + std::to_string(max_extent));
    }
  }
  return shapes;
}

/// Tensors of a node whose first input has shape `x`; the order is that of the parameter store.
template <class Node>
std::vector<TensorSpec> tensors_of(const Node& node, const NodeShape& x) {
  const std::size_t inputs = x.width;
  switch (node.kind) {
    case NodeKind::linear: {
      std::vector<TensorSpec> tensors{{"weight", {inputs, node.width}}};
      if (node.bias) tensors.push_back({"bias", {node.width}});
      return tensors;
    }
    case NodeKind::layer_norm:
      return {{"gain", {inputs}}, {"bias", {inputs}}};
    case NodeKind::attention:
      return {{"in_weight", {inputs, 3 * inputs}},
              {"in_bias", {3 * inputs}},
              {"out_weight", {inputs, inputs}},
              {"out_bias", {inputs}}};
    case NodeKind::lstm:  // columns: gates input, forget, cell, output, `width` each
      return {{"input_weight", {inputs, 4 * node.width}},
              {"hidden_weight", {node.width, 4 * node.width}},
              {"bias", {4 * node.width}}};
    case NodeKind::embedding:
      if (node.count == 0) return {{"weight", {x.slots, x.width}}};
      return {{"weight", {node.count, node.width}}};
    default:
      return {};
  }
}

/// Parameters of all nodes, padding not counted.
template <class Spec>
std::uint64_t parameter_count(const Spec& spec) {
  const std::vector<NodeShape> shapes = infer_shapes(spec);
  std::uint64_t sum = 0;
  for (const NodeSpec& node : spec.nodes) {
    if (node.inputs.empty()) continue;
    for (const TensorSpec& tensor : tensors_of(node, shapes[node.inputs[0]])) {
      std::uint64_t size = 1;
      for (const std::size_t extent : tensor.shape) size *= extent;
      sum += size;
    }
  }
  return sum;
}

/**
 * @brief Floating-point operations of one forward row, nominal (as if every slot were valid): linear 2 in out per slot,
 *        attention 8 L E^2 + 4 L^2 E, lstm 8 H (in + H), everything else 0.
 */
template <class Spec>
std::uint64_t flops_per_row(const Spec& spec) {
  const std::vector<NodeShape> shapes = infer_shapes(spec);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < spec.nodes.size(); ++i) {
    const NodeSpec& node = spec.nodes[i];
    if (node.inputs.empty()) continue;
    const NodeShape& x = shapes[node.inputs[0]];
    const std::uint64_t slots = x.rows();
    const std::uint64_t width = x.width;
    if (node.kind == NodeKind::linear) sum += 2 * slots * width * node.width;
    if (node.kind == NodeKind::attention) sum += 8 * slots * width * width + 4 * slots * slots * width;
    if (node.kind == NodeKind::lstm) sum += 8 * node.width * (width + node.width);
  }
  return sum;
}

/**
 * @brief Columns of the observation whose numbers stand for something and must reach the network unscaled: whether a slot is
 *        filled, and categories. Ascending, each once.
 *
 * Nodes that only move columns (slice, slots, concat, stack, flatten) are followed; what a graph computes is no such column.
 */
template <class Spec>
std::vector<std::size_t> unscaled_columns(const Spec& spec) {
  constexpr std::size_t computed = static_cast<std::size_t>(-1);
  const std::vector<NodeShape> shapes = infer_shapes(spec);
  std::vector<std::vector<std::size_t>> origin(spec.nodes.size());  // column of the observation, per slot; empty: all computed
  std::vector<std::size_t> columns;
  const auto keep = [&](std::size_t column) {
    if (column != computed) columns.push_back(column);
  };
  for (std::size_t i = 0; i < spec.nodes.size(); ++i) {
    const NodeSpec& node = spec.nodes[i];
    const auto append = [&](std::size_t input, std::size_t begin, std::size_t end) {
      for (std::size_t j = begin; j < end; ++j) origin[i].push_back(origin[input].empty() ? computed : origin[input][j]);
    };
    if (node.kind == NodeKind::input) {
      for (std::size_t j = 0; j < node.width; ++j) origin[i].push_back(j);
      continue;
    }
    if (std::all_of(node.inputs.begin(), node.inputs.end(), [&](std::size_t input) { return origin[input].empty(); })) continue;
    const NodeShape& x = shapes[node.inputs[0]];
    const std::vector<std::size_t>& from = origin[node.inputs[0]];
    switch (node.kind) {
      case NodeKind::slice:
        for (std::size_t s = 0; s < x.rows(); ++s) append(node.inputs[0], s * x.width + node.begin, s * x.width + node.end);
        break;
      case NodeKind::slots:
        append(node.inputs[0], node.begin, node.begin + node.count * node.width);
        for (std::size_t s = 0; node.valid_column && s < node.count; ++s) keep(origin[i][s * node.width + *node.valid_column]);
        break;
      case NodeKind::concat:
      case NodeKind::stack:
      case NodeKind::flatten:
        for (std::size_t s = 0; s < x.rows(); ++s) {
          for (const std::size_t input : node.inputs) append(input, s * shapes[input].width, (s + 1) * shapes[input].width);
        }
        break;
      case NodeKind::embedding:
        for (std::size_t s = 0; node.count != 0 && s < x.rows(); ++s) keep(from[s * x.width + node.begin]);
        break;
      default:
        break;
    }
  }
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return columns;
}

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_GRAPH_SPEC_HPP
