// SPDX-License-Identifier: MIT
/// @file
/// @brief Writes a GraphSpec as a chain of calls.
#ifndef RLX_NN_GRAPH_BUILDER_HPP
#define RLX_NN_GRAPH_BUILDER_HPP

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/nn/graph_spec.hpp>

namespace rlx::inline v0_1::nn {

/// What a linear layer may deviate in.
struct LinearOptions {
  bool bias = true;                   ///< a bias is added to every output
  double gain = std::numbers::sqrt2;  ///< factor of the orthogonal initialisation
  std::size_t fan_in = 0;             ///< inputs of the whole product it is a part of; 0: its own
};

/**
 * @brief Builds a graph node by node; shapes are checked at every call (ShapeError names the node).
 *
 * ```
 * GraphBuilder graph;
 * const auto x = graph.input(4);
 * graph.output("action", x.linear(64).tanh().linear(2, {.gain = 0.01}));
 * graph.output("value", x.linear(64).tanh().linear(1, {.gain = 1.0}));
 * const GraphSpec spec = graph.spec();
 * ```
 * Nodes are named "<group>.<kind><number>", counted per group and kind. The builder must outlive its values.
 */
class GraphBuilder {
 public:
  /// A node, as something to call the next layer on. A cheap handle.
  class Value {
   public:
    /// Columns [begin, end), of a flat value or of every slot.
    Value slice(std::size_t begin, std::size_t end) const {
      return next(NodeSpec{.kind = NodeKind::slice, .begin = begin, .end = end});
    }
    /// Columns [offset, offset + count * width) of a flat value as `count` slots of `width` columns. A slot is empty where its
    /// column `valid_column`, counted within the slot, is 0; without one all slots are valid.
    Value slots(std::size_t offset, std::size_t count, std::size_t width, std::optional<std::size_t> valid_column = {}) const {
      return next(
          NodeSpec{.kind = NodeKind::slots, .width = width, .begin = offset, .count = count, .valid_column = valid_column});
    }
    /// x W + b with `outputs` columns; the same W for every slot.
    Value linear(std::size_t outputs, LinearOptions options = {}) const {
      return next(NodeSpec{
          .kind = NodeKind::linear, .width = outputs, .bias = options.bias, .gain = options.gain, .fan_in = options.fan_in});
    }
    /// Normalised over the last axis, then a learned gain and bias.
    Value layer_norm() const { return next(NodeSpec{.kind = NodeKind::layer_norm}); }
    /// @{ Elementwise; gelu is the exact x Phi(x), silu x sigmoid(x).
    Value tanh() const { return next(NodeSpec{.kind = NodeKind::tanh}); }
    Value relu() const { return next(NodeSpec{.kind = NodeKind::relu}); }
    Value gelu() const { return next(NodeSpec{.kind = NodeKind::gelu}); }
    Value silu() const { return next(NodeSpec{.kind = NodeKind::silu}); }
    /// @}
    /// tanh, relu, gelu or silu.
    Value activation(NodeKind kind) const {
      if (kind != NodeKind::tanh && kind != NodeKind::relu && kind != NodeKind::gelu && kind != NodeKind::silu) {
        throw ConfigError("activation: expected tanh, relu, gelu or silu, found " + std::string(to_string(kind)));
      }
      return next(NodeSpec{.kind = kind});
    }
    /// Memory over the steps of a sequence: the value is h of width `hidden`.
    Value lstm(std::size_t hidden) const { return next(NodeSpec{.kind = NodeKind::lstm, .width = hidden}); }
    /// Adds a learned row to every slot, one for each slot number.
    Value embedding() const { return next(NodeSpec{.kind = NodeKind::embedding}); }
    /// A learned row of `width` numbers for the category 0..count-1 that stands in `column`, of a flat value or of every slot.
    Value embedding(std::size_t column, std::size_t count, std::size_t width) const {
      if (count == 0) throw ConfigError("embedding: count is 0, expected at least 1 category");
      return next(NodeSpec{.kind = NodeKind::embedding, .width = width, .begin = column, .count = count});
    }
    /// Multi-head self-attention over the slots; `heads` divides the width.
    Value attention(std::size_t heads) const { return next(NodeSpec{.kind = NodeKind::attention, .heads = heads}); }
    /// Sum with a value of the same shape, or with a flat one that is added to every slot.
    Value add(const Value& other) const {
      return builder_->append(NodeSpec{.kind = NodeKind::add, .inputs = {node_, other.node_}});
    }
    /// Mean over the valid slots, 0 without one; flat.
    Value mean_pool() const { return next(NodeSpec{.kind = NodeKind::mean_pool}); }
    /// Maximum over the valid slots, 0 without one; flat.
    Value max_pool() const { return next(NodeSpec{.kind = NodeKind::max_pool}); }
    /// Slots one after another as columns of a flat value, invalid ones as 0.
    Value flatten() const { return next(NodeSpec{.kind = NodeKind::flatten}); }

    /// Index into GraphSpec::nodes.
    std::size_t node() const { return node_; }
    /// Valid until the next node is added.
    const NodeShape& shape() const { return builder_->shapes_[node_]; }

   private:
    friend class GraphBuilder;
    Value(GraphBuilder& builder, std::size_t node) : builder_(&builder), node_(node) {}
    Value next(NodeSpec node) const {
      node.inputs = {node_};
      return builder_->append(std::move(node));
    }

    GraphBuilder* builder_;
    std::size_t node_;
  };

  GraphBuilder() = default;
  GraphBuilder(const GraphBuilder&) = delete;
  GraphBuilder& operator=(const GraphBuilder&) = delete;

  /// The observation row of `width` columns; the first call.
  Value input(std::size_t width) { return append(NodeSpec{.kind = NodeKind::input, .width = width}); }
  /// Joined along the last axis: all flat, or all slotted alike.
  Value concat(const std::vector<Value>& values) { return join(NodeKind::concat, values); }
  /// Flat values of one width as the slots of a slotted value, all valid.
  Value stack(const std::vector<Value>& values) { return join(NodeKind::stack, values); }
  /// Names the part of the network that the following nodes belong to.
  void group(std::string name) { group_ = std::move(name); }
  /// Declares an output; several may name one node only if their names differ.
  void output(std::string name, const Value& value) { spec_.outputs.push_back({std::move(name), value.node()}); }
  /// The graph built so far.
  const GraphSpec& spec() const { return spec_; }

 private:
  Value join(NodeKind kind, const std::vector<Value>& values) {
    NodeSpec node{.kind = kind};
    for (const Value& value : values) node.inputs.push_back(value.node());
    return append(std::move(node));
  }

  Value append(NodeSpec node) {
    const std::string prefix = (group_.empty() ? "" : group_ + ".") + std::string(to_string(node.kind));
    std::size_t number = 0;
    for (const NodeSpec& other : spec_.nodes) number += other.group == group_ && other.kind == node.kind ? 1 : 0;
    node.name = node.kind == NodeKind::input ? "input" : prefix + std::to_string(number);
    node.group = group_;
    spec_.nodes.push_back(std::move(node));
    shapes_.push_back(detail::shape_of(spec_, spec_.nodes.size() - 1, shapes_));
    return Value(*this, spec_.nodes.size() - 1);
  }

  GraphSpec spec_;
  std::vector<NodeShape> shapes_;
  std::string group_;
};

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_GRAPH_BUILDER_HPP
