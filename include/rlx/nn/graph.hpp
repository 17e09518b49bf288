// SPDX-License-Identifier: MIT
/// @file
/// @brief A network ready to run: forward and backward over rows, with parameters passed in and all memory planned before.
#ifndef RLX_NN_GRAPH_HPP
#define RLX_NN_GRAPH_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/nn/detail/aligned.hpp>
#include <rlx/nn/detail/attention.hpp>
#include <rlx/nn/detail/gemm.hpp>
#include <rlx/nn/detail/kernels.hpp>
#include <rlx/nn/detail/lstm.hpp>
#include <rlx/nn/graph_spec.hpp>
#include <rlx/nn/parameter_store.hpp>

namespace rlx::inline v0_1::nn {

template <std::floating_point S>
class Graph;

/**
 * @brief How the rows of a forward pass form sequences, and the state of a graph with lstm nodes before and after them.
 *
 * A state is h then c of every lstm node, in the order of the nodes: Graph::state_size() numbers per sequence, 0 at the start
 * of an episode. Graphs without state ignore all of it.
 */
template <std::floating_point S>
struct Recurrence {
  std::size_t sequences = 0;             ///< n: row t * n + i is step t of sequence i; divides the number of rows
  MatrixView<const S> state;             ///< [n, state_size()] before the first row
  std::span<const std::uint8_t> starts;  ///< [rows], not 0: an episode begins with this row, so the state before it is zero
  MatrixView<S> next_state;  ///< [n, state_size()] after the last row; may be the memory of `state`; empty: unwanted
};

/**
 * @brief Memory of one thread for one graph: values and gradients of up to `max_rows()` rows.
 *
 * Made by `Graph::make_workspace`. Views handed out are valid until the workspace is moved or destroyed; what they show changes
 * with the next forward or backward pass. Not for two threads at once.
 */
template <std::floating_point S>
class Workspace {
 public:
  /// Rows it has room for, as given to `Graph::make_workspace`.
  std::size_t max_rows() const noexcept { return max_rows_; }
  /// Rows of the last forward pass.
  std::size_t rows() const noexcept { return rows_; }
  /// Outputs of the graph.
  std::size_t num_outputs() const noexcept { return outputs_.size(); }

  /// Position of an output, to be looked up once; ConfigError if there is none of that name.
  std::size_t output_index(std::string_view name) const {
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (outputs_[i].name == name) return i;
    }
    throw ConfigError("the graph has no output '" + std::string(name) + "'");
  }
  /// @{ Output of the last forward pass: rows() x its width. ConfigError for an unknown name; an index is not checked.
  MatrixView<S> output(std::size_t index) { return view(values_, outputs_[index]); }
  MatrixView<const S> output(std::size_t index) const { return const_cast<Workspace*>(this)->output(index); }
  MatrixView<S> output(std::string_view name) { return output(output_index(name)); }
  MatrixView<const S> output(std::string_view name) const { return output(output_index(name)); }
  /// @}
  /// @{ Where the caller writes d(loss)/d(output). A forward pass sets it to 0; a backward pass uses it up.
  MatrixView<S> output_gradient(std::size_t index) { return view(gradients_, outputs_[index]); }
  MatrixView<S> output_gradient(std::string_view name) { return output_gradient(output_index(name)); }
  /// @}
  /// False if made for forward passes only.
  bool has_gradients() const noexcept { return !gradients_.empty(); }

 private:
  friend class Graph<S>;
  struct Output {
    std::string name;
    std::size_t offset, width;
  };
  MatrixView<S> view(detail::AlignedVector<S>& buffer, const Output& output) {
    return {buffer.data() + output.offset, rows_, output.width};
  }

  std::size_t max_rows_ = 0, rows_ = 0;
  detail::AlignedVector<S> values_, gradients_;  // node values and gradients, equal layout
  detail::AlignedVector<S> kept_;                // statistics and weights kept from forward to backward
  detail::AlignedVector<S> scratch_;
  std::vector<std::uint32_t> indices_;  // valid slots, maxima and categories; from all_slots_ on 0, 1, 2, ...
  std::vector<std::uint8_t> starts_;    // Recurrence::starts of the last forward pass; of graphs with state only
  std::size_t sequences_ = 0;           // Recurrence::sequences of the last forward pass
  std::size_t all_slots_ = 0;
  std::vector<std::size_t> value_offset_, kept_offset_, index_offset_;
  std::vector<Output> outputs_;
};

/**
 * @brief A network built from a GraphSpec. Immutable after `build`; parameters are passed in, so threads share one graph.
 *
 * forward and backward never allocate, use one thread, and give a row (with lstm nodes: a sequence) the same bits whatever rows
 * stand beside it; a gradient sums over rows in ascending blocks, so equal shards give equal bytes on any thread. A sequence
 * cut into several forward passes, the state carried on, gives the bits of one pass.
 */
template <std::floating_point S>
class Graph {
 public:
  /**
   * @brief Checks the specification, plans the passes and adds the tensors, all zero, to `store`.
   * @throws ShapeError naming node and sizes; ConfigError for a node that reaches no output, or a repeated or missing output
   */
  static Graph build(const GraphSpec& spec, ParameterStore<S>& store) {
    Graph graph;
    graph.spec_ = spec;
    graph.shapes_ = infer_shapes(spec);
    graph.flops_ = nn::flops_per_row(spec);
    graph.find_outputs();
    graph.add_tensors(store);
    graph.fuse();
    graph.place();
    graph.plan_gradients();
    return graph;
  }

  /// What it was built from.
  const GraphSpec& spec() const noexcept { return spec_; }
  /// Columns of the observation row.
  std::size_t input_width() const noexcept { return shapes_[0].width; }
  /// Outputs of the specification, in its order.
  std::size_t num_outputs() const noexcept { return spec_.outputs.size(); }
  /// Position of an output, as in Workspace; ConfigError if there is none of that name.
  std::size_t output_index(std::string_view name) const {
    for (std::size_t i = 0; i < spec_.outputs.size(); ++i) {
      if (spec_.outputs[i].name == name) return i;
    }
    throw ConfigError("the graph has no output '" + std::string(name) + "'");
  }
  /// Columns of an output; ConfigError if there is none of that name.
  std::size_t output_width(std::string_view name) const { return output_width(output_index(name)); }
  /// Columns of the output at that position; std::out_of_range if there is none.
  std::size_t output_width(std::size_t index) const { return shapes_[spec_.outputs.at(index).node].width; }
  /// Floating-point operations of one forward row (nn::flops_per_row).
  std::uint64_t flops_per_row() const noexcept { return flops_; }
  /// Numbers of one sequence's state: h and c of every lstm node; 0 without any.
  std::size_t state_size() const noexcept { return state_size_; }
  /// Length that parameter and gradient buffers must have: the store's, padding included.
  std::size_t parameters_size() const noexcept { return parameters_size_; }

  /// Memory for up to `max_rows` rows. Without gradients it holds about half and serves forward passes only.
  Workspace<S> make_workspace(std::size_t max_rows, bool with_gradients = true) const {
    if (max_rows == 0) throw ConfigError("Graph::make_workspace: max_rows is 0, expected at least 1");
    Workspace<S> w;
    w.max_rows_ = max_rows;
    w.value_offset_.resize(nodes_.size());
    w.kept_offset_.resize(nodes_.size());
    w.index_offset_.resize(nodes_.size());
    std::size_t values = 0;
    std::size_t kept = 0;
    std::size_t indices = 0;
    std::size_t scratch = 0;
    std::size_t slots = 0;
    for (std::size_t i = nodes_.size(); i-- > 0;) {  // a node's host comes after it
      const Node& node = nodes_[i];
      if (node.host == i) {
        w.value_offset_[i] = values;
        values += detail::padded<S>(max_rows * shapes_[i].rows() * shapes_[i].width);
      } else {
        w.value_offset_[i] = w.value_offset_[node.host] + node.host_offset;
      }
      w.kept_offset_[i] = kept;
      kept += detail::padded<S>(max_rows * kept_per_row(i));
      w.index_offset_[i] = indices;
      indices += max_rows * indices_per_row(i);
      if (node.kind == NodeKind::attention) {
        const auto shape = attention_shape(i);
        scratch = std::max(scratch, detail::padded<S>(max_rows * shape.slots * 4 * shape.width) + shape.scratch_size());
      }
      if (node.kind == NodeKind::lstm && with_gradients) {
        scratch = std::max(scratch, (6 * max_rows + 4 * shapes_[i].width) * shapes_[i].width);
      }
      slots = std::max(slots, shapes_[i].slots);
    }
    w.values_.resize(values);
    if (with_gradients) w.gradients_.resize(values);
    w.kept_.resize(kept);
    w.scratch_.resize(scratch);
    w.indices_.resize(indices + slots);
    w.starts_.resize(state_size_ == 0 ? 0 : max_rows);
    w.all_slots_ = indices;
    for (std::size_t s = 0; s < slots; ++s)
      w.indices_[indices + s] = static_cast<std::uint32_t>(s);  // for values without a mask
    for (const OutputSpec& output : spec_.outputs) {
      w.outputs_.push_back({output.name, w.value_offset_[output.node], shapes_[output.node].width});
    }
    return w;
  }

  /**
   * @brief Computes all outputs of `in` [rows, input_width()] into the workspace and sets the output gradients to 0.
   * @param params  the store's parameters (or a copy of equal layout)
   * @param in      one observation per row; copied
   * @param w       made by this graph; its last pass is overwritten
   * @throws ShapeError if rows exceed the workspace, or a width or the parameters' length does not fit; ConfigError for a
   *         graph with state
   */
  void forward(std::span<const S> params, MatrixView<const S> in, Workspace<S>& w) const {
    forward(params, in, w, Recurrence<S>{});
  }

  /**
   * @brief The same for sequences of rows, whose state passes from step to step and from `state` to `next_state`.
   * @throws ShapeError also if the sequences do not divide the rows, or state, starts or next_state do not fit; ConfigError
   *         for a graph with state and 0 sequences
   */
  void forward(std::span<const S> params, MatrixView<const S> in, Workspace<S>& w, const Recurrence<S>& recurrence) const {
    check_call(params.size(), w);
    if (in.cols() != input_width() || in.rows() > w.max_rows_) {
      throw ShapeError("Graph::forward: found " + std::to_string(in.rows()) + " rows of " + std::to_string(in.cols()) +
                       ", expected at most " + std::to_string(w.max_rows_) + " rows of " + std::to_string(input_width()));
    }
    if (state_size_ != 0) check_recurrence(in.rows(), recurrence);
    w.rows_ = in.rows();
    if (state_size_ != 0) {
      w.sequences_ = recurrence.sequences;
      std::copy(recurrence.starts.begin(), recurrence.starts.end(), w.starts_.begin());
    }
    detail::copy_rows<S>(w.rows_, input_width(), {in.data(), in.stride()}, value(w, 0), false);
    for (const std::size_t step : steps_) forward_step(step, params.data(), w, recurrence);
    if (!w.has_gradients()) return;
    for (const OutputSpec& output : spec_.outputs)
      detail::zero_rows<S>(w.rows_, shapes_[output.node].width, gradient(w, output.node));
  }

  /**
   * @brief Adds the parameters' gradients of the last forward pass to `grads`, from the output gradients in the workspace.
   *
   * Through time over the whole sequences of that pass, cut where an episode starts; none flows into the state before them.
   * @param params  those of the forward pass
   * @param grads   buffer of the parameters' layout; added to, so zero it first
   * @param w       where the forward pass ran; its output gradients are used up
   * @throws ShapeError as forward, or for a workspace without gradients
   */
  void backward(std::span<const S> params, std::span<S> grads, Workspace<S>& w) const {
    check_call(params.size(), w);
    if (grads.size() != parameters_size_ || !w.has_gradients()) {
      throw ShapeError("Graph::backward: expected a workspace with gradients and " + std::to_string(parameters_size_) +
                       " gradient elements, found " + std::to_string(grads.size()));
    }
    for (std::size_t i = steps_.size(); i-- > 0;) backward_step(steps_[i], params.data(), grads.data(), w);
  }

 private:
  // One node with what was decided about it at build time. Nodes that another one computes (a fused activation's linear) have
  // no step of their own; `nodes_[activation].kind` is then linear, add or layer_norm.
  struct Node {
    NodeKind kind = NodeKind::input;
    NodeKind activation = NodeKind::input;  // applied to the result in place; input: none
    std::vector<std::size_t> inputs;
    std::vector<bool> accumulate;  // d(input) is added to (true) or written (false)
    std::size_t tensors[4] = {};   // offsets in the parameters
    std::size_t spec = 0;          // index of the NodeSpec with the fields
    std::size_t host = 0;          // node whose value contains this one's; itself: own memory
    std::size_t host_offset = 0;
    std::size_t stride = 0;
    std::size_t state = 0;  // lstm: position of h in a sequence's state
    bool has_bias = true;
    bool needs_gradient = false;  // a parameter lies upstream
  };

  void find_outputs() {
    if (spec_.outputs.empty()) throw ConfigError("the graph has no outputs; expected at least one");
    for (std::size_t i = 0; i < spec_.outputs.size(); ++i) {
      const OutputSpec& output = spec_.outputs[i];
      if (output.node >= spec_.nodes.size())
        throw ShapeError("output '" + output.name + "' names node " + std::to_string(output.node) + " of " +
                         std::to_string(spec_.nodes.size()));
      if (!shapes_[output.node].is_flat()) {
        detail::shape_error(spec_.nodes[output.node], "is output '" + output.name + "' but slotted; flatten or pool it first");
      }
      if (output.node == 0) throw ConfigError("output '" + output.name + "' is the input itself; expected a computed node");
      for (std::size_t j = 0; j < i; ++j) {
        if (spec_.outputs[j].name == output.name)
          throw ConfigError("output '" + output.name + "' is declared twice; names must be unique");
        if (spec_.outputs[j].node == output.node)
          throw ConfigError("outputs '" + spec_.outputs[j].name + "' and '" + output.name + "' are one node");
      }
    }
  }

  bool is_output(std::size_t node) const {
    return std::any_of(spec_.outputs.begin(), spec_.outputs.end(), [&](const OutputSpec& o) { return o.node == node; });
  }

  void add_tensors(ParameterStore<S>& store) {
    nodes_.resize(spec_.nodes.size());
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const NodeSpec& node = spec_.nodes[i];
      nodes_[i].kind = node.kind;
      nodes_[i].inputs = node.inputs;
      nodes_[i].spec = i;
      nodes_[i].has_bias = node.bias;
      if (node.kind == NodeKind::lstm) {
        nodes_[i].state = state_size_;
        state_size_ += 2 * node.width;
      }
      bool parameters = false;
      if (!node.inputs.empty()) {
        std::size_t k = 0;
        for (TensorSpec& tensor : tensors_of(node, shapes_[node.inputs[0]])) {
          const TensorId id = store.add(node.name + '.' + tensor.suffix, std::move(tensor.shape), node.group);
          nodes_[i].tensors[k++] = store.layout()[id].offset;
          parameters = true;
        }
      }
      nodes_[i].needs_gradient = parameters || std::any_of(node.inputs.begin(), node.inputs.end(),
                                                           [&](std::size_t x) { return nodes_[x].needs_gradient; });
    }
    parameters_size_ = store.parameters().size();
  }

  // Number of uses of each node's value, outputs included.
  std::vector<std::size_t> uses() const {
    std::vector<std::size_t> count(nodes_.size(), 0);
    for (const Node& node : nodes_) {
      for (const std::size_t input : node.inputs) ++count[input];
    }
    for (const OutputSpec& output : spec_.outputs) ++count[output.node];
    return count;
  }

  // A relu or tanh that alone uses a linear (relu also: add, layer_norm) takes over that node's work and computes in place.
  void fuse() {
    const std::vector<std::size_t> count = uses();
    std::vector<bool> absorbed(nodes_.size(), false);
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
      if (count[i] == 0) throw ConfigError("node '" + spec_.nodes[i].name + "' reaches no output; use it or leave it out");
      const NodeKind kind = nodes_[i].kind;
      if (kind != NodeKind::relu && kind != NodeKind::tanh) continue;
      const std::size_t x = nodes_[i].inputs[0];
      const NodeKind inner = nodes_[x].kind;
      const bool fits =
          inner == NodeKind::linear || ((inner == NodeKind::add || inner == NodeKind::layer_norm) && kind == NodeKind::relu);
      if (!fits || count[x] != 1 || nodes_[x].activation != NodeKind::input) continue;
      Node node = nodes_[x];
      node.activation = kind;
      nodes_[i] = node;
      absorbed[x] = true;
    }
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
      if (absorbed[i]) {
        nodes_[i].inputs.clear();
      } else {
        steps_.push_back(i);
      }
    }
    absorbed_ = std::move(absorbed);
  }

  // Inputs that only a concat or stack uses live inside its value, so that joining costs nothing.
  void place() {
    const std::vector<std::size_t> count = uses();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i].host = i;
      nodes_[i].stride = shapes_[i].width;
    }
    for (std::size_t i = nodes_.size(); i-- > 0;) {
      Node& node = nodes_[i];
      if (node.kind != NodeKind::concat && node.kind != NodeKind::stack) continue;
      std::size_t position = 0;
      for (const std::size_t x : node.inputs) {
        if (x != 0 && count[x] == 1) {
          nodes_[x].host = i;
          nodes_[x].host_offset = node.kind == NodeKind::concat ? position : position * node.stride;
          nodes_[x].stride = node.kind == NodeKind::concat ? node.stride : node.inputs.size() * node.stride;
        }
        position += node.kind == NodeKind::concat ? shapes_[x].width : 1;
      }
    }
  }

  void plan_gradients() {
    std::vector<bool> written(nodes_.size(), false);
    for (const OutputSpec& output : spec_.outputs) written[output.node] = true;
    for (std::size_t i = steps_.size(); i-- > 0;) {
      Node& node = nodes_[steps_[i]];
      for (const std::size_t x : node.inputs) {
        node.accumulate.push_back(written[x]);
        written[x] = true;
      }
    }
  }

  detail::AttentionShape<S> attention_shape(std::size_t i) const {
    return {shapes_[i].slots, shapes_[i].width, spec_.nodes[nodes_[i].spec].heads};
  }

  // layer_norm: statistics. attention: projected Q, K, V, the heads' outputs and the weights. lstm: gates, h and c before the
  // step, c after it.
  std::size_t kept_per_row(std::size_t i) const {
    if (absorbed_[i]) return 0;
    if (nodes_[i].kind == NodeKind::layer_norm) return 2 * shapes_[i].rows();
    if (nodes_[i].kind == NodeKind::lstm) return 7 * shapes_[i].width;
    if (nodes_[i].kind != NodeKind::attention) return 0;
    const auto shape = attention_shape(i);
    return shape.slots * 4 * shape.width + shape.weights_size();
  }

  // slots: number of valid ones, then their indices. max_pool: slot of each maximum. embedding: categories.
  std::size_t indices_per_row(std::size_t i) const {
    if (nodes_[i].kind == NodeKind::slots) return shapes_[i].slots + 1;
    if (nodes_[i].kind == NodeKind::embedding) return spec_.nodes[i].count == 0 ? 0 : shapes_[i].rows();
    return nodes_[i].kind == NodeKind::max_pool ? shapes_[i].width : 0;
  }

  void check_call(std::size_t params, const Workspace<S>& w) const {
    if (params != parameters_size_ || w.value_offset_.size() != nodes_.size()) {
      throw ShapeError("Graph: expected a workspace of this graph and " + std::to_string(parameters_size_) +
                       " parameters (padding included), found " + std::to_string(params));
    }
  }

  void check_recurrence(std::size_t rows, const Recurrence<S>& recurrence) const {
    const std::size_t n = recurrence.sequences;
    if (n == 0) {
      throw ConfigError("Graph::forward: " + text_of_state() +
                        ", but the call does not say how rows form sequences; pass a Recurrence with at least 1 sequence");
    }
    const auto refuse = [&](const std::string& found, const std::string& expected) {
      throw ShapeError("Graph::forward: " + text_of_state() + ": found " + found + ", expected " + expected);
    };
    if (rows == 0 || rows % n != 0)
      refuse(std::to_string(rows) + " rows", "a positive multiple of " + std::to_string(n) + " sequences");
    const auto check = [&](const char* name, std::size_t found_rows, std::size_t found_columns) {
      if (found_rows != n || found_columns != state_size_) {
        refuse(std::string(name) + " of " + std::to_string(found_rows) + " x " + std::to_string(found_columns),
               std::to_string(n) + " x " + std::to_string(state_size_));
      }
    };
    check("a state", recurrence.state.rows(), recurrence.state.cols());
    if (!recurrence.next_state.empty()) check("a next_state", recurrence.next_state.rows(), recurrence.next_state.cols());
    if (recurrence.starts.size() != rows)
      refuse(std::to_string(recurrence.starts.size()) + " starts", std::to_string(rows) + ", one for each row");
  }

  std::string text_of_state() const {
    const auto node = std::find_if(spec_.nodes.begin(), spec_.nodes.end(),
                                   [](const NodeSpec& candidate) { return candidate.kind == NodeKind::lstm; });
    return "node '" + node->name + "' (lstm) needs the state of each sequence (" + std::to_string(state_size_) + " numbers)";
  }

  detail::Rows<S> value(Workspace<S>& w, std::size_t i) const {
    return {w.values_.data() + w.value_offset_[i], nodes_[i].stride};
  }
  detail::Rows<const S> const_value(const Workspace<S>& w, std::size_t i) const {
    return {w.values_.data() + w.value_offset_[i], nodes_[i].stride};
  }
  detail::Rows<S> gradient(Workspace<S>& w, std::size_t i) const {
    return {w.gradients_.data() + w.value_offset_[i], nodes_[i].stride};
  }
  detail::Rows<const S> const_gradient(const Workspace<S>& w, std::size_t i) const {
    return {w.gradients_.data() + w.value_offset_[i], nodes_[i].stride};
  }
  static detail::Rows<const S> constant(detail::Rows<S> x) { return {x.data, x.stride}; }

  // Valid slots of one sample, ascending.
  std::span<const std::uint32_t> valid(const Workspace<S>& w, const NodeShape& shape, std::size_t row) const {
    if (shape.mask == NodeShape::no_mask) return std::span(w.indices_).subspan(w.all_slots_, shape.slots);
    const std::uint32_t* p = w.indices_.data() + w.index_offset_[shape.mask] + row * (shape.slots + 1);
    return {p + 1, p[0]};
  }

  void forward_step(std::size_t i, const S* params, Workspace<S>& w, const Recurrence<S>& recurrence) const {
    const Node& node = nodes_[i];
    const NodeSpec& spec = spec_.nodes[node.spec];
    const NodeShape& shape = shapes_[i];
    const std::size_t samples = w.rows_;
    const std::size_t rows = samples * shape.rows();
    const detail::Rows<S> y = value(w, i);
    const detail::Rows<const S> x = const_value(w, node.inputs[0]);
    const NodeShape& x_shape = shapes_[node.inputs[0]];
    const bool relu = node.activation == NodeKind::relu;
    switch (node.kind) {
      case NodeKind::input:
        break;
      case NodeKind::slice:
        detail::copy_rows<S>(rows, shape.width, {x.data + spec.begin, x.stride}, y, false);
        break;
      case NodeKind::slots:
        forward_slots(spec, shape, x, y, w.indices_.data() + w.index_offset_[i], samples);
        break;
      case NodeKind::linear: {
        const S* bias = node.has_bias ? params + node.tensors[1] : nullptr;
        detail::product_ab<S>(rows, shape.width, x_shape.width, x.data, x.stride, params + node.tensors[0], shape.width, y.data,
                              y.stride, false, bias, relu ? detail::Epilogue::relu : detail::Epilogue::none);
        if (node.activation == NodeKind::tanh) detail::activate<S>(NodeKind::tanh, rows, shape.width, constant(y), y);
        break;
      }
      case NodeKind::layer_norm:
        detail::layer_norm_forward<S>(rows, shape.width, x, params + node.tensors[0], params + node.tensors[1], y,
                                      w.kept_.data() + w.kept_offset_[i], relu);
        break;
      case NodeKind::tanh:
      case NodeKind::relu:
      case NodeKind::gelu:
      case NodeKind::silu:
        detail::activate<S>(node.kind, rows, shape.width, x, y);
        break;
      case NodeKind::attention:
        forward_attention(i, params, w);
        break;
      case NodeKind::add:
        forward_add(i, w);
        break;
      case NodeKind::concat:
      case NodeKind::stack: {
        std::size_t position = 0;
        for (const std::size_t input : node.inputs) {
          const bool concat = node.kind == NodeKind::concat;
          if (nodes_[input].host != i) {
            const detail::Rows<S> part{y.data + (concat ? position : position * y.stride),
                                       concat ? y.stride : shape.slots * y.stride};
            detail::copy_rows<S>(samples * shapes_[input].rows(), shapes_[input].width, const_value(w, input), part, false);
          }
          position += concat ? shapes_[input].width : 1;
        }
        break;
      }
      case NodeKind::mean_pool:
        detail::zero_rows<S>(samples, shape.width, y);
        for (std::size_t r = 0; r < samples; ++r) {
          const auto slots = valid(w, x_shape, r);
          if (slots.empty()) continue;
          S* to = y.row(r);
          for (const std::uint32_t s : slots) {
            const S* from = x.row(r * x_shape.slots + s);
            for (std::size_t j = 0; j < shape.width; ++j) to[j] += from[j];
          }
          const S factor = S(1) / static_cast<S>(slots.size());
          for (std::size_t j = 0; j < shape.width; ++j) to[j] *= factor;
        }
        break;
      case NodeKind::max_pool:
        detail::zero_rows<S>(samples, shape.width, y);
        for (std::size_t r = 0; r < samples; ++r) {
          S* to = y.row(r);
          std::uint32_t* best = w.indices_.data() + w.index_offset_[i] + r * shape.width;
          bool first = true;
          for (const std::uint32_t s : valid(w, x_shape, r)) {
            const S* from = x.row(r * x_shape.slots + s);
            for (std::size_t j = 0; j < shape.width; ++j) {
              const bool larger = first || from[j] > to[j];
              to[j] = larger ? from[j] : to[j];
              best[j] = larger ? s : best[j];
            }
            first = false;
          }
        }
        break;
      case NodeKind::flatten:
        detail::zero_rows<S>(samples, shape.width, y);
        for (std::size_t r = 0; r < samples; ++r) {
          for (const std::uint32_t s : valid(w, x_shape, r))
            std::copy_n(x.row(r * x_shape.slots + s), x_shape.width, y.row(r) + s * x_shape.width);
        }
        break;
      case NodeKind::lstm:
        forward_lstm(i, params, w, recurrence);
        break;
      case NodeKind::embedding: {
        const S* table = params + node.tensors[0];
        std::uint32_t* categories = w.indices_.data() + w.index_offset_[i];
        for (std::size_t r = 0; r < rows; ++r) {
          if (spec.count == 0) {
            const S* from = x.row(r);
            const S* number = table + r % shape.slots * shape.width;
            S* to = y.row(r);
            detail::for_each_vector<S>(shape.width, [&](auto get, auto put) { put(to, get(from) + get(number)); });
          } else {
            categories[r] = category(x.row(r)[spec.begin], spec.count);
            std::copy_n(table + categories[r] * shape.width, shape.width, y.row(r));
          }
        }
        break;
      }
    }
  }

  static void forward_slots(const NodeSpec& spec, const NodeShape& shape, detail::Rows<const S> x, detail::Rows<S> y,
                            std::uint32_t* valid, std::size_t samples) {
    for (std::size_t r = 0; r < samples; ++r, valid += shape.slots + 1) {
      std::uint32_t count = 0;
      for (std::size_t s = 0; s < shape.slots; ++s) {
        const S* from = x.row(r) + spec.begin + s * shape.width;
        S* to = y.row(r * shape.slots + s);
        if (!spec.valid_column || from[*spec.valid_column] != S(0)) {
          valid[++count] = static_cast<std::uint32_t>(s);
          std::copy_n(from, shape.width, to);
        } else {
          std::fill_n(to, shape.width, S(0));  // whatever stands in an empty slot, NaN included, ends here
        }
      }
      valid[0] = count;
    }
  }

  void forward_add(std::size_t i, Workspace<S>& w) const {
    const Node& node = nodes_[i];
    const NodeShape& shape = shapes_[i];
    const bool relu = node.activation == NodeKind::relu;
    const std::size_t repeat = shapes_[node.inputs[1]].is_flat() ? shape.rows() : 1;
    const detail::Rows<S> y = value(w, i);
    const detail::Rows<const S> a = const_value(w, node.inputs[0]);
    const detail::Rows<const S> b = const_value(w, node.inputs[1]);
    for (std::size_t r = 0; r < w.rows_ * shape.rows(); ++r) {
      const S* left = a.row(r);
      const S* right = b.row(r / repeat);
      S* to = y.row(r);
      detail::for_each_vector<S>(shape.width, [&](auto get, auto put) {
        const detail::Vec<S> v = get(left) + get(right);
        put(to, relu ? detail::rectify<S>(v) : v);
      });
    }
  }

  // Environments must send whole numbers in [0, count); whatever else arrives is moved to the nearest, NaN and infinities to 0.
  static std::uint32_t category(S x, std::size_t count) {
    if (!is_finite(x)) return 0;
    return static_cast<std::uint32_t>(std::clamp(x + S(0.5), S(0), static_cast<S>(count - 1)));
  }

  struct LstmMemory {
    detail::Rows<S> gates, h_before, c_before, c;  // of every row
    detail::Rows<S> d_gates;                       // of every row
    detail::Rows<S> dh, dc;                        // of every sequence, through the step after
    S* transposed;                                 // the hidden weight
  };
  LstmMemory lstm_memory(std::size_t i, Workspace<S>& w) const {
    const std::size_t width = shapes_[i].width;
    const std::size_t block = w.max_rows_ * width;
    S* kept = w.kept_.data() + w.kept_offset_[i];
    S* scratch = w.scratch_.data();
    return {{kept, 4 * width},    {kept + 4 * block, width},    {kept + 5 * block, width},    {kept + 6 * block, width},
            {scratch, 4 * width}, {scratch + 4 * block, width}, {scratch + 5 * block, width}, scratch + 6 * block};
  }

  void forward_lstm(std::size_t i, const S* params, Workspace<S>& w, const Recurrence<S>& recurrence) const {
    const Node& node = nodes_[i];
    const LstmMemory m = lstm_memory(i, w);
    const std::size_t width = shapes_[i].width;
    const std::size_t inputs = shapes_[node.inputs[0]].width;
    const std::size_t n = recurrence.sequences;
    const detail::Rows<const S> x = const_value(w, node.inputs[0]);
    const detail::Rows<S> y = value(w, i);
    const auto set_before = [&](std::size_t row, const S* h, const S* c) {
      if (w.starts_[row] != 0) {
        std::fill_n(m.h_before.row(row), width, S(0));
        std::fill_n(m.c_before.row(row), width, S(0));
      } else {
        std::copy_n(h, width, m.h_before.row(row));
        std::copy_n(c, width, m.c_before.row(row));
      }
    };
    for (std::size_t s = 0; s < n; ++s) {
      const S* state = recurrence.state.data() + s * recurrence.state.stride() + node.state;
      set_before(s, state, state + width);
    }
    detail::product_ab<S>(w.rows_, 4 * width, inputs, x.data, x.stride, params + node.tensors[0], 4 * width, m.gates.data,
                          m.gates.stride, false, params + node.tensors[2]);
    for (std::size_t first = 0; first < w.rows_; first += n) {
      detail::product_ab<S>(n, 4 * width, width, m.h_before.row(first), m.h_before.stride, params + node.tensors[1], 4 * width,
                            m.gates.row(first), m.gates.stride, true);
      for (std::size_t row = first; row < first + n; ++row) {
        detail::lstm_forward<S>(width, m.gates.row(row), m.c_before.row(row), m.c.row(row), y.row(row));
        if (row + n < w.rows_) set_before(row + n, y.row(row), m.c.row(row));
      }
    }
    if (recurrence.next_state.empty()) return;
    for (std::size_t s = 0; s < n; ++s) {
      const std::size_t row = w.rows_ - n + s;
      S* state = recurrence.next_state.data() + s * recurrence.next_state.stride() + node.state;
      std::copy_n(y.row(row), width, state);
      std::copy_n(m.c.row(row), width, state + width);
    }
  }

  void backward_lstm(std::size_t i, const S* params, S* grads, Workspace<S>& w) const {
    const Node& node = nodes_[i];
    const LstmMemory m = lstm_memory(i, w);
    const std::size_t width = shapes_[i].width;
    const std::size_t source = node.inputs[0];
    const std::size_t inputs = shapes_[source].width;
    const std::size_t rows = w.rows_;
    const std::size_t n = w.sequences_;
    const detail::Rows<const S> x = const_value(w, source);
    const detail::Rows<S> g = gradient(w, i);
    // Transposed once: a product with few rows reads its right side in place, but would have to turn it at every step.
    const S* hidden_weight = params + node.tensors[1];
    for (std::size_t j = 0; j < width; ++j) {
      for (std::size_t k = 0; k < 4 * width; ++k) m.transposed[k * width + j] = hidden_weight[j * 4 * width + k];
    }
    detail::zero_rows<S>(n, width, m.dh);
    detail::zero_rows<S>(n, width, m.dc);
    for (std::size_t first = rows; first > 0;) {
      first -= n;
      for (std::size_t s = 0; s < n; ++s) {
        const std::size_t row = first + s;
        detail::lstm_backward<S>(width, m.gates.row(row), m.c_before.row(row), m.c.row(row), g.row(row), m.dh.row(s),
                                 m.dc.row(s), m.d_gates.row(row));
      }
      if (first == 0) break;
      detail::product_ab<S>(n, width, 4 * width, m.d_gates.row(first), m.d_gates.stride, m.transposed, width, m.dh.data,
                            m.dh.stride);
      for (std::size_t s = 0; s < n; ++s) {
        if (w.starts_[first + s] == 0) continue;
        std::fill_n(m.dh.row(s), width, S(0));
        std::fill_n(m.dc.row(s), width, S(0));
      }
    }
    detail::add_column_sums<S>(rows, 4 * width, constant(m.d_gates), grads + node.tensors[2]);
    detail::product_atb<S>(inputs, 4 * width, rows, x.data, x.stride, m.d_gates.data, m.d_gates.stride, grads + node.tensors[0],
                           4 * width, true);
    detail::product_atb<S>(width, 4 * width, rows, m.h_before.data, m.h_before.stride, m.d_gates.data, m.d_gates.stride,
                           grads + node.tensors[1], 4 * width, true);
    if (nodes_[source].needs_gradient) {
      const detail::Rows<S> dx = gradient(w, source);
      detail::product_abt<S>(rows, inputs, 4 * width, m.d_gates.data, m.d_gates.stride, params + node.tensors[0], 4 * width,
                             dx.data, dx.stride, node.accumulate[0]);
    }
  }

  struct AttentionMemory {
    detail::Rows<S> qkv, heads;
    S* weights;
    detail::Rows<S> d_qkv, d_heads;
    S* scratch;
  };
  AttentionMemory attention_memory(std::size_t i, Workspace<S>& w) const {
    const std::size_t width = shapes_[i].width;
    const std::size_t rows = w.max_rows_ * shapes_[i].slots;
    S* kept = w.kept_.data() + w.kept_offset_[i];
    S* scratch = w.scratch_.data();
    return {{kept, 3 * width},    {kept + rows * 3 * width, width},    kept + rows * 4 * width,
            {scratch, 3 * width}, {scratch + rows * 3 * width, width}, scratch + detail::padded<S>(rows * 4 * width)};
  }

  void forward_attention(std::size_t i, const S* params, Workspace<S>& w) const {
    const Node& node = nodes_[i];
    const NodeShape& shape = shapes_[i];
    const auto attention = attention_shape(i);
    const AttentionMemory m = attention_memory(i, w);
    const std::size_t width = shape.width;
    const std::size_t rows = w.rows_ * shape.slots;
    const detail::Rows<const S> x = const_value(w, node.inputs[0]);
    const detail::Rows<S> y = value(w, i);
    detail::product_ab<S>(rows, 3 * width, width, x.data, x.stride, params + node.tensors[0], 3 * width, m.qkv.data,
                          m.qkv.stride, false, params + node.tensors[1]);
    for (std::size_t r = 0; r < w.rows_; ++r) {
      detail::attention_forward<S>(attention, valid(w, shape, r), {m.qkv.row(r * shape.slots), m.qkv.stride},
                                   {m.heads.row(r * shape.slots), m.heads.stride}, m.weights + r * attention.weights_size(),
                                   m.scratch);
    }
    detail::product_ab<S>(rows, width, width, m.heads.data, m.heads.stride, params + node.tensors[2], width, y.data, y.stride,
                          false, params + node.tensors[3]);
    zero_invalid_rows(shape, y, w);
  }

  void zero_invalid_rows(const NodeShape& shape, detail::Rows<S> x, const Workspace<S>& w) const {
    if (shape.mask == NodeShape::no_mask) return;
    for (std::size_t r = 0; r < w.rows_; ++r) {
      const auto slots = valid(w, shape, r);
      std::size_t next = 0;
      for (std::size_t s = 0; s < shape.slots; ++s) {
        if (next < slots.size() && slots[next] == s) {
          ++next;
        } else {
          std::fill_n(x.row(r * shape.slots + s), shape.width, S(0));
        }
      }
    }
  }

  void backward_step(std::size_t i, const S* params, S* grads, Workspace<S>& w) const {
    const Node& node = nodes_[i];
    if (!node.needs_gradient) return;
    const NodeSpec& spec = spec_.nodes[node.spec];
    const NodeShape& shape = shapes_[i];
    const std::size_t samples = w.rows_;
    const std::size_t rows = samples * shape.rows();
    const std::size_t source = node.inputs[0];
    const detail::Rows<S> g = gradient(w, i);
    const detail::Rows<const S> y = const_value(w, i);
    const detail::Rows<const S> x = const_value(w, source);
    const NodeShape& x_shape = shapes_[source];
    const std::size_t x_rows = samples * x_shape.rows();
    const bool wanted = nodes_[source].needs_gradient;
    const bool accumulate = node.accumulate[0];
    const detail::Rows<S> dx = wanted ? gradient(w, source) : detail::Rows<S>{};
    switch (node.kind) {
      case NodeKind::input:
        break;
      case NodeKind::slice:
        if (!accumulate) detail::zero_rows<S>(x_rows, x_shape.width, dx);
        detail::copy_rows<S>(rows, shape.width, constant(g), {dx.data + spec.begin, dx.stride}, true);
        break;
      case NodeKind::slots:
        if (!accumulate) detail::zero_rows<S>(x_rows, x_shape.width, dx);
        for (std::size_t r = 0; r < samples; ++r) {
          const NodeShape own{shape.width, shape.slots, spec.valid_column ? node.spec : NodeShape::no_mask};
          for (const std::uint32_t s : valid(w, own, r)) {
            detail::copy_rows<S>(1, shape.width, {g.row(r * shape.slots + s), 0}, {dx.row(r) + spec.begin + s * shape.width, 0},
                                 true);
          }
        }
        break;
      case NodeKind::linear:
        if (node.activation != NodeKind::input)
          detail::activation_gradient_in_place<S>(node.activation, rows, shape.width, y, g);
        if (node.has_bias) detail::add_column_sums<S>(rows, shape.width, constant(g), grads + node.tensors[1]);
        detail::product_atb<S>(x_shape.width, shape.width, rows, x.data, x.stride, g.data, g.stride, grads + node.tensors[0],
                               shape.width, true);
        if (wanted) {
          detail::product_abt<S>(rows, x_shape.width, shape.width, g.data, g.stride, params + node.tensors[0], shape.width,
                                 dx.data, dx.stride, accumulate);
        }
        break;
      case NodeKind::layer_norm:
        detail::layer_norm_backward<S>(rows, shape.width, x, w.kept_.data() + w.kept_offset_[i], params + node.tensors[0], y,
                                       node.activation == NodeKind::relu, constant(g), grads + node.tensors[0],
                                       grads + node.tensors[1], dx, accumulate);
        break;
      case NodeKind::tanh:
      case NodeKind::relu:
      case NodeKind::gelu:
      case NodeKind::silu:
        detail::activation_gradient<S>(node.kind, rows, shape.width, x, y, constant(g), dx, accumulate);
        break;
      case NodeKind::attention:
        backward_attention(i, params, grads, w);
        break;
      case NodeKind::add: {
        if (node.activation != NodeKind::input)
          detail::activation_gradient_in_place<S>(node.activation, rows, shape.width, y, g);
        if (wanted) detail::copy_rows<S>(rows, shape.width, constant(g), dx, accumulate);
        const std::size_t other = node.inputs[1];
        if (!nodes_[other].needs_gradient) break;
        const detail::Rows<S> dy = gradient(w, other);
        if (shape.is_flat() || !shapes_[other].is_flat()) {
          detail::copy_rows<S>(rows, shape.width, constant(g), dy, node.accumulate[1]);
        } else {
          if (!node.accumulate[1]) detail::zero_rows<S>(samples, shape.width, dy);
          for (std::size_t r = 0; r < samples; ++r) {
            detail::add_column_sums<S>(shape.slots, shape.width, {g.row(r * shape.slots), g.stride}, dy.row(r));
          }
        }
        break;
      }
      case NodeKind::concat:
      case NodeKind::stack: {
        std::size_t position = 0;
        for (std::size_t k = 0; k < node.inputs.size(); ++k) {
          const std::size_t input = node.inputs[k];
          const bool concat = node.kind == NodeKind::concat;
          if (nodes_[input].host != i && nodes_[input].needs_gradient) {
            const detail::Rows<const S> part{g.data + (concat ? position : position * g.stride),
                                             concat ? g.stride : shape.slots * g.stride};
            detail::copy_rows<S>(samples * shapes_[input].rows(), shapes_[input].width, part, gradient(w, input),
                                 node.accumulate[k]);
          }
          position += concat ? shapes_[input].width : 1;
        }
        break;
      }
      case NodeKind::mean_pool:
        if (!accumulate) detail::zero_rows<S>(x_rows, x_shape.width, dx);
        for (std::size_t r = 0; r < samples; ++r) {
          const auto slots = valid(w, x_shape, r);
          const S factor = slots.empty() ? S(0) : S(1) / static_cast<S>(slots.size());
          const S* from = g.row(r);
          for (const std::uint32_t s : slots) {
            S* to = dx.row(r * x_shape.slots + s);
            for (std::size_t j = 0; j < shape.width; ++j) to[j] += from[j] * factor;
          }
        }
        break;
      case NodeKind::max_pool:
        if (!accumulate) detail::zero_rows<S>(x_rows, x_shape.width, dx);
        for (std::size_t r = 0; r < samples; ++r) {
          if (valid(w, x_shape, r).empty()) continue;
          const std::uint32_t* best = w.indices_.data() + w.index_offset_[i] + r * shape.width;
          for (std::size_t j = 0; j < shape.width; ++j) dx.row(r * x_shape.slots + best[j])[j] += g.row(r)[j];
        }
        break;
      case NodeKind::flatten:
        if (!accumulate) detail::zero_rows<S>(x_rows, x_shape.width, dx);
        for (std::size_t r = 0; r < samples; ++r) {
          for (const std::uint32_t s : valid(w, x_shape, r)) {
            detail::copy_rows<S>(1, x_shape.width, {g.row(r) + s * x_shape.width, 0}, {dx.row(r * x_shape.slots + s), 0}, true);
          }
        }
        break;
      case NodeKind::lstm:
        backward_lstm(i, params, grads, w);
        break;
      case NodeKind::embedding: {
        const std::uint32_t* categories = w.indices_.data() + w.index_offset_[i];
        for (std::size_t r = 0; r < rows; ++r) {
          const std::size_t entry = spec.count == 0 ? r % shape.slots : categories[r];
          detail::add_column_sums<S>(1, shape.width, {g.row(r), 0}, grads + node.tensors[0] + entry * shape.width);
        }
        if (!wanted) break;
        if (spec.count == 0) {
          detail::copy_rows<S>(rows, shape.width, constant(g), dx, accumulate);
        } else if (!accumulate) {
          detail::zero_rows<S>(rows, x_shape.width, dx);  // a category has no slope
        }
        break;
      }
    }
  }

  void backward_attention(std::size_t i, const S* params, S* grads, Workspace<S>& w) const {
    const Node& node = nodes_[i];
    const NodeShape& shape = shapes_[i];
    const auto attention = attention_shape(i);
    const AttentionMemory m = attention_memory(i, w);
    const std::size_t width = shape.width;
    const std::size_t rows = w.rows_ * shape.slots;
    const std::size_t source = node.inputs[0];
    const detail::Rows<const S> x = const_value(w, source);
    const detail::Rows<S> g = gradient(w, i);
    zero_invalid_rows(shape, g, w);  // those rows of the result are the constant 0
    detail::add_column_sums<S>(rows, width, constant(g), grads + node.tensors[3]);
    detail::product_atb<S>(width, width, rows, m.heads.data, m.heads.stride, g.data, g.stride, grads + node.tensors[2], width,
                           true);
    detail::product_abt<S>(rows, width, width, g.data, g.stride, params + node.tensors[2], width, m.d_heads.data,
                           m.d_heads.stride, false);
    for (std::size_t r = 0; r < w.rows_; ++r) {
      detail::attention_backward<S>(
          attention, valid(w, shape, r), {m.qkv.row(r * shape.slots), m.qkv.stride}, m.weights + r * attention.weights_size(),
          {m.d_heads.row(r * shape.slots), m.d_heads.stride}, {m.d_qkv.row(r * shape.slots), m.d_qkv.stride}, m.scratch);
    }
    detail::add_column_sums<S>(rows, 3 * width, constant(m.d_qkv), grads + node.tensors[1]);
    detail::product_atb<S>(width, 3 * width, rows, x.data, x.stride, m.d_qkv.data, m.d_qkv.stride, grads + node.tensors[0],
                           3 * width, true);
    if (nodes_[source].needs_gradient) {
      const detail::Rows<S> dx = gradient(w, source);
      detail::product_abt<S>(rows, width, 3 * width, m.d_qkv.data, m.d_qkv.stride, params + node.tensors[0], 3 * width, dx.data,
                             dx.stride, node.accumulate[0]);
    }
  }

  GraphSpec spec_;
  std::vector<NodeShape> shapes_;
  std::vector<Node> nodes_;
  std::vector<std::size_t> steps_;  // nodes that compute, in topological order
  std::vector<bool> absorbed_;
  std::size_t state_size_ = 0;
  std::uint64_t flops_ = 0;
  std::size_t parameters_size_ = 0;
};

#ifdef RLX_COMPILED  // cmake/rlxCompiled.cpp holds it
extern template class Graph<float>;
#endif

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_GRAPH_HPP
