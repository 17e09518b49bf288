// SPDX-License-Identifier: MIT
/// @file
/// @brief Ready-made actor-critic networks: MLPs with or without LSTM, a modular network over slots, and a pointer network.
///
/// Every graph has the outputs "action" (logits or means) and "value".
#ifndef RLX_NN_NETWORKS_HPP
#define RLX_NN_NETWORKS_HPP

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/slot_layout.hpp>
#include <rlx/nn/graph_builder.hpp>
#include <rlx/nn/graph_spec.hpp>

namespace rlx::inline v0_1::nn {

/// @{ Gains of the orthogonal initialisation of the two heads ("37 implementation details of PPO", detail 2).
inline constexpr double policy_gain = 0.01;
inline constexpr double value_gain = 1.0;
/// @}

/// Two MLPs, separate or with a common part, with or without memory.
struct MlpSpec {
  std::size_t observation = 0;             ///< columns of the observation
  std::size_t action = 0;                  ///< columns of the "action" output
  std::vector<std::size_t> pi = {64, 64};  ///< hidden widths of the actor
  std::vector<std::size_t> vf = {64, 64};  ///< hidden widths of the critic
  NodeKind activation = NodeKind::tanh;    ///< tanh, relu, gelu or silu
  std::size_t value = 1;                   ///< columns of the "value" output: 1, or the number of quantiles
  bool share_features = false;             ///< one trunk for actor and critic: the LSTM if there is one, else the hidden layers
  std::size_t lstm = 0;  ///< width of an LSTM before the hidden layers (sb3-contrib's RecurrentPPO: 256); 0: none
};

/**
 * @brief Actor and critic: an optional LSTM, hidden layers, a linear head (SB3's MlpPolicy, sb3-contrib's MlpLstmPolicy).
 *
 * Groups "actor" and "critic", and "trunk" for what they share. With `share_features` and an LSTM both read its value through
 * hidden layers of their own; without an LSTM both heads read the last of the common hidden layers.
 * @throws ConfigError if the hidden layers are to be shared but `pi` and `vf` differ, or for another activation;
 *         ShapeError for a width of 0
 */
inline GraphSpec mlp_actor_critic(const MlpSpec& spec) {
  using Value = GraphBuilder::Value;
  const bool share_layers = spec.share_features && spec.lstm == 0;
  if (share_layers && spec.pi != spec.vf) {
    const auto text = [](const std::vector<std::size_t>& widths) {
      std::string joined;
      for (const std::size_t width : widths) joined += (joined.empty() ? "" : ", ") + std::to_string(width);
      return "[" + joined + "]";
    };
    throw ConfigError("MlpSpec: share_features without an LSTM shares the hidden layers, found pi = " + text(spec.pi) +
                      " and vf = " + text(spec.vf) + "; make them equal");
  }
  GraphBuilder graph;
  const auto memory = [&](const Value& h) { return spec.lstm == 0 ? h : h.lstm(spec.lstm); };
  const auto layers = [&](Value h, const std::vector<std::size_t>& hidden) {
    for (const std::size_t width : hidden) h = h.linear(width).activation(spec.activation);
    return h;
  };
  Value x = graph.input(spec.observation);
  if (spec.share_features) {
    graph.group("trunk");
    x = share_layers ? layers(x, spec.pi) : memory(x);
  }
  const auto tower = [&](const char* group, const std::vector<std::size_t>& hidden, std::size_t outputs, double gain) {
    graph.group(group);
    const Value h = spec.share_features ? x : memory(x);
    return (share_layers ? h : layers(h, hidden)).linear(outputs, {.gain = gain});
  };
  graph.output("action", tower("actor", spec.pi, spec.action, policy_gain));
  graph.output("value", tower("critic", spec.vf, spec.value, value_gain));
  return graph.spec();
}

/// Columns [offset, offset + width) of the observation.
struct FlatBlock {
  std::string name = {};    ///< also the group of its parameters
  std::size_t offset = 0;   ///< first column
  std::size_t width = 0;    ///< columns
  std::size_t hidden = 64;  ///< width of its embedding
};

/// `count` slots of `width` columns from column `offset` on.
struct SlotBlock {
  std::string name = {};                        ///< also the group of its parameters
  std::size_t offset = 0;                       ///< first column of the first slot
  std::size_t count = 0;                        ///< slots
  std::size_t width = 0;                        ///< columns of one slot
  std::optional<std::size_t> valid_column = 0;  ///< column of a slot that is 0 in an empty slot; none: all slots are valid
  std::size_t hidden = 64;                      ///< width of one slot's embedding
  std::size_t heads = 4;                        ///< attention heads, a divisor of `hidden`
  std::size_t output = 128;                     ///< width of the whole block's embedding
};

/// A modular network over flat and slotted parts of the observation.
struct SlotSpec {
  std::size_t observation = 0;              ///< columns of the observation
  std::size_t action = 0;                   ///< columns of the "action" output
  std::vector<FlatBlock> flats = {};        ///< blocks of plain columns
  std::vector<SlotBlock> slots = {};        ///< blocks of slots; with `flats` at least one block
  std::size_t fusion = 256;                 ///< width of the tokens, one for each block
  std::size_t fusion_heads = 4;             ///< a divisor of `fusion`
  std::size_t feed_forward = 512;           ///< hidden width of the tokens' MLP
  std::vector<std::size_t> pi = {128, 64};  ///< hidden widths of the actor
  std::vector<std::size_t> vf = {128, 64};  ///< hidden widths of the critic
  std::size_t value = 1;                    ///< columns of the "value" output
};

/**
 * @brief Modular actor-critic: one encoder for each block, attention between the blocks' tokens, two ReLU heads.
 *
 * Flat block: linear, layer_norm, relu, linear, layer_norm. Slot block: shared linear, layer_norm, relu; attention + residual +
 * layer_norm; flatten (invalid slots as 0), linear, layer_norm. Fusion: each block to a token; attention + residual +
 * layer_norm; feed-forward + residual + layer_norm; mean over tokens. Groups: the blocks' names, "fusion", "actor", "critic".
 * The valid columns must reach the network unscaled, since 0 means empty.
 */
inline GraphSpec slot_actor_critic(const SlotSpec& spec) {
  if (spec.flats.empty() && spec.slots.empty())
    throw ConfigError("SlotSpec: found neither flats nor slots, expected at least one block");
  using Value = GraphBuilder::Value;
  GraphBuilder graph;
  const Value x = graph.input(spec.observation);
  std::vector<Value> blocks;
  for (const FlatBlock& flat : spec.flats) {
    graph.group(flat.name);
    const Value h = x.slice(flat.offset, flat.offset + flat.width).linear(flat.hidden).layer_norm().relu();
    blocks.push_back(h.linear(flat.hidden).layer_norm());
  }
  for (const SlotBlock& block : spec.slots) {
    graph.group(block.name);
    const Value h =
        x.slots(block.offset, block.count, block.width, block.valid_column).linear(block.hidden).layer_norm().relu();
    const Value mixed = h.add(h.attention(block.heads)).layer_norm();
    blocks.push_back(mixed.flatten().linear(block.output).layer_norm());
  }
  graph.group("fusion");
  std::vector<Value> tokens;
  for (const Value& block : blocks) tokens.push_back(block.linear(spec.fusion));
  const Value stacked = graph.stack(tokens);
  const Value attended = stacked.add(stacked.attention(spec.fusion_heads)).layer_norm();
  const Value expanded = attended.linear(spec.feed_forward).relu().linear(spec.fusion);
  const Value features = attended.add(expanded).layer_norm().mean_pool();
  const auto tower = [&](const char* group, const std::vector<std::size_t>& hidden, std::size_t outputs, double gain) {
    graph.group(group);
    Value h = features;
    for (const std::size_t width : hidden) h = h.linear(width).relu();
    return h.linear(outputs, {.gain = gain});
  };
  graph.output("action", tower("actor", spec.pi, spec.action, policy_gain));
  graph.output("value", tower("critic", spec.vf, spec.value, value_gain));
  return graph.spec();
}

/// A set of interchangeable slots, each of which may be pointed at.
struct PointerSet {
  std::string name = {};                        ///< group of the encoder's parameters
  std::string head = {};                        ///< group of the head's parameters
  std::size_t offset = 0;                       ///< first column of the first slot
  std::size_t count = 0;                        ///< slots
  std::size_t width = 0;                        ///< columns of one slot
  std::optional<std::size_t> valid_column = 0;  ///< column of a slot that is 0 in an empty slot; none: all slots are valid
  std::size_t choices = 1;                      ///< logits for each slot, such as sizes of an entry; 0: no head
};

/// A pointer network: every slot of a set is scored by the same weights.
struct PointerSpec {
  std::size_t observation = 0;        ///< columns of the observation
  std::size_t context_offset = 0;     ///< first column of what belongs to no slot
  std::size_t context_width = 0;      ///< columns of it
  std::vector<PointerSet> sets = {};  ///< in the order of their logits
  std::size_t hidden = 64;            ///< width of the encoders and heads
  std::size_t trunk = 128;            ///< width of the global vector
  std::size_t value = 1;              ///< columns of the "value" output

  /// Columns of the "action" output.
  std::size_t action() const {
    std::size_t sum = 1;
    for (const PointerSet& set : sets) sum += set.choices * set.count;
    return sum;
  }
};

/**
 * @brief Pointer actor-critic, equivariant under permutations of the slots of each set.
 *
 * Logits: HOLD | for each set, for each choice: all its slots. The global vector g is a linear, layer_norm, relu of the
 * context's encoding and of the mean and maximum over each set's valid slots (0 if there are none). A head scores relu(W [slot,
 * g] + b); its product with g is computed once per row. Logits of empty slots are 0 and meant to be masked. Groups: "context",
 * the sets' names, "trunk", "hold", the sets' heads, "value".
 */
inline GraphSpec pointer_actor_critic(const PointerSpec& spec) {
  using Value = GraphBuilder::Value;
  GraphBuilder graph;
  const Value x = graph.input(spec.observation);
  const auto encode = [&](const Value& input) {
    return input.linear(spec.hidden).layer_norm().relu().linear(spec.hidden).relu();
  };
  graph.group("context");
  std::vector<Value> summary{encode(x.slice(spec.context_offset, spec.context_offset + spec.context_width))};
  std::vector<Value> encoded;
  for (const PointerSet& set : spec.sets) {
    graph.group(set.name);
    encoded.push_back(encode(x.slots(set.offset, set.count, set.width, set.valid_column)));
    summary.push_back(encoded.back().mean_pool());
    summary.push_back(encoded.back().max_pool());
  }
  graph.group("trunk");
  const Value g = graph.concat(summary).linear(spec.trunk).layer_norm().relu();
  graph.group("hold");
  std::vector<Value> logits{g.linear(spec.hidden).relu().linear(1, {.gain = policy_gain})};
  for (std::size_t k = 0; k < spec.sets.size(); ++k) {
    const PointerSet& set = spec.sets[k];
    if (set.choices == 0) continue;
    graph.group(set.head);
    const std::size_t fan_in = spec.hidden + spec.trunk;
    const Value own = encoded[k].linear(spec.hidden, {.fan_in = fan_in});
    const Value shared = g.linear(spec.hidden, {.bias = false, .fan_in = fan_in});
    const Value scores = own.add(shared).relu().linear(set.choices, {.gain = policy_gain});
    for (std::size_t c = 0; c < set.choices; ++c) logits.push_back(scores.slice(c, c + 1).flatten());
  }
  graph.group("action");
  graph.output("action", graph.concat(logits));
  graph.group("value");
  graph.output("value", g.linear(spec.hidden).relu().linear(spec.value, {.gain = value_gain}));
  return graph.spec();
}

/// The modular network of a slot layout: 16 and 32 wide for settings and account, 32 wide (2 heads) for positions, 64 wide (4
/// heads) for opportunities, 32 for appended columns if there are any. The funding observation gives 791,989 parameters.
inline GraphSpec slot_actor_critic(const SlotLayout& layout) {
  const auto& held = layout.positions;
  const auto& offered = layout.opportunities;
  SlotSpec spec;
  spec.observation = layout.observation_size();
  spec.action = layout.num_actions();
  spec.flats = {{"config", layout.config_offset, layout.config_width, 16},
                {"portfolio", layout.portfolio_offset, layout.portfolio_width, 32}};
  if (layout.appended_width > 0) spec.flats.push_back({"appended", layout.appended_offset(), layout.appended_width, 32});
  spec.slots = {{"positions", held.offset, held.count, held.width, held.valid_column, 32, 2, 64},
                {"opportunities", offered.offset, offered.count, offered.width, offered.valid_column, 64, 4, 128}};
  return slot_actor_critic(spec);
}

/// The pointer network of a slot layout, whose settings and account lie side by side: 99,014 parameters for the funding
/// observation. Appended columns are one more set, of one slot, that nothing points at. @throws ConfigError if the account does
/// not follow the settings
inline GraphSpec pointer_actor_critic(const SlotLayout& layout) {
  if (layout.config_offset + layout.config_width != layout.portfolio_offset)
    throw ConfigError("SlotLayout: portfolio_offset = " + std::to_string(layout.portfolio_offset) + ", expected " +
                      std::to_string(layout.config_offset + layout.config_width) +
                      ", the end of the settings: the pointer network reads both as one context");
  const auto& held = layout.positions;
  const auto& offered = layout.opportunities;
  PointerSpec spec;
  spec.observation = layout.observation_size();
  spec.context_offset = layout.config_offset;
  spec.context_width = layout.config_width + layout.portfolio_width;
  spec.sets = {{"opportunities", "enter", offered.offset, offered.count, offered.width, offered.valid_column, layout.sizes},
               {"positions", "exit", held.offset, held.count, held.width, held.valid_column, 1}};
  if (layout.appended_width > 0) {
    spec.sets.push_back({"appended", {}, layout.appended_offset(), 1, layout.appended_width, std::nullopt, 0});
  }
  return pointer_actor_critic(spec);
}

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_NETWORKS_HPP
