// SPDX-License-Identifier: MIT
/// @file
/// @brief A trained policy for live use: one file in, one decision per call, no learner, no allocation, any number of threads.
#ifndef RLX_RL_INFERENCE_POLICY_HPP
#define RLX_RL_INFERENCE_POLICY_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/json.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/running_mean_std.hpp>
#include <rlx/core/version.hpp>
#include <rlx/io/safetensors.hpp>
#include <rlx/nn/categorical.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/graph_json.hpp>
#include <rlx/nn/parameter_store.hpp>
#include <rlx/rl/policy.hpp>

namespace rlx {

/// Texts that travel with an exported policy: data hashes, training summary. Free keys.
using PolicyInfo = std::map<std::string, std::string>;

/// What a policy expects and offers.
struct PolicyLayout {
  std::size_t observation_size = 0;
  std::size_t num_actions = 0;
  bool mask_required = false;                  ///< the environment had masks, so every call needs one
  std::vector<std::string> observation_names;  ///< empty if the environment has none
  std::vector<std::string> action_names;       ///< likewise
  std::string layout_sha256;                   ///< of sizes and names; equal layouts have equal hashes
  bool normalize_observation = false;
  double clip_obs = 10.0;
  PolicyInfo info;
};

/// Digest of the sizes and names of a layout.
inline std::string layout_hash(const PolicyLayout& layout) {
  std::string text = std::to_string(layout.observation_size) + ' ' + std::to_string(layout.num_actions) +
                     (layout.mask_required ? " mask" : " none");
  for (const auto* names : {&layout.observation_names, &layout.action_names}) {
    text += '\n';
    for (const std::string& name : *names) text += name + '\t';
  }
  return sha256_hex(text);
}

/// What is known of one decision.
struct Decision {
  float value = 0.0F;            ///< of the observation, in the learner's (scaled) units
  float log_probability = 0.0F;  ///< of the action taken
  float probability = 0.0F;
  float entropy = 0.0F;  ///< of the distribution, nats
};

namespace detail {

inline constexpr std::string_view policy_format = "rlx-policy";
inline constexpr std::string_view checkpoint_format = "rlx-checkpoint";

inline nlohmann::json layout_to_json(const PolicyLayout& layout) {
  return {{"observation_size", layout.observation_size},
          {"num_actions", layout.num_actions},
          {"mask", layout.mask_required ? "required" : "none"},
          {"observation_names", layout.observation_names},
          {"action_names", layout.action_names},
          {"layout_sha256", layout.layout_sha256},
          {"distribution", "categorical"},
          {"normalize_observation", layout.normalize_observation},
          {"clip_obs", layout.clip_obs},
          {"info", layout.info}};
}

inline PolicyLayout layout_from_json(const nlohmann::json& json, const std::string& where) {
  JsonObject object(json, where);
  PolicyLayout layout;
  std::string distribution;
  std::string mask;
  nlohmann::json info;
  object.read("observation_size", layout.observation_size);
  object.read("num_actions", layout.num_actions);
  object.read("mask", mask);
  object.read("observation_names", layout.observation_names);
  object.read("action_names", layout.action_names);
  object.read("layout_sha256", layout.layout_sha256);
  object.read("distribution", distribution);
  object.read("normalize_observation", layout.normalize_observation);
  object.read("clip_obs", layout.clip_obs);
  if (object.read("info", info)) {
    if (!info.is_object()) throw CheckpointError(where + ": info is not an object of texts");
    for (const auto& [key, value] : info.items()) layout.info[key] = json_as<std::string>(value, where + ".info." + key);
  }
  object.finish();
  if (distribution != "categorical") {
    throw CheckpointError(where + ": distribution '" + distribution + "' is not known to this version; expected 'categorical'");
  }
  layout.mask_required = mask == "required";
  return layout;
}

/// The "rlx" text of a file, parsed; whatever is wrong with it is a CheckpointError.
inline nlohmann::json read_metadata(const io::Safetensors& file) {
  try {
    return parse_json(file.metadata("rlx"), file.name());
  } catch (const DataError& error) {
    throw CheckpointError(file.name() + ": the metadata is not readable: " + error.what());
  }
}

/// Copies `policy/<tensor>` of a file into a store of the same layout.
inline void read_parameters(const io::Safetensors& file, nn::ParameterStore<float>& store) {
  for (std::size_t i = 0; i < store.layout().size(); ++i) {
    const nn::TensorInfo& tensor = store.layout()[i];
    file.read_into("policy/" + tensor.name, tensor.shape, store.parameters().subspan(tensor.offset, tensor.size));
  }
}

inline void append_parameters(const nn::ParameterStore<float>& store, std::vector<io::TensorView>& tensors) {
  for (const nn::TensorInfo& tensor : store.layout()) {
    tensors.push_back(
        io::tensor_view("policy/" + tensor.name, store.parameters().subspan(tensor.offset, tensor.size), tensor.shape));
  }
}

inline void read_normalizer(const io::Safetensors& file, const std::string& name, RunningMeanStd& statistics) {
  std::vector<double> mean(statistics.columns());
  std::vector<double> variance(statistics.columns());
  double count = 0.0;
  file.read_into("normalizer/" + name + "/mean", std::span<double>(mean));
  file.read_into("normalizer/" + name + "/var", std::span<double>(variance));
  file.read_into("normalizer/" + name + "/count", std::span<double>(&count, 1));
  try {
    statistics.set(mean, variance, count);
  } catch (const NumericError& error) {
    throw CheckpointError(file.name() + ": normalizer/" + name + ": " + error.what());
  }
}

inline void append_normalizer(const std::string& name, const RunningMeanStd& statistics, const double& count,
                              std::vector<io::TensorView>& tensors) {
  tensors.push_back(io::tensor_view("normalizer/" + name + "/mean", statistics.mean()));
  tensors.push_back(io::tensor_view("normalizer/" + name + "/var", statistics.variance()));
  tensors.push_back(io::tensor_view("normalizer/" + name + "/count", std::span<const double>(&count, 1)));
}

/// Columns of the observation that say whether a slot is filled. 0 means empty there, so they must not be shifted.
inline std::vector<std::size_t> validity_columns(const nn::GraphSpec& spec) {
  std::vector<std::size_t> columns;
  for (const nn::NodeSpec& node : spec.nodes) {
    if (node.kind != nn::NodeKind::slots || !node.valid_column) continue;
    std::size_t offset = node.begin;
    std::size_t input = node.inputs.at(0);
    for (; spec.nodes.at(input).kind == nn::NodeKind::slice; input = spec.nodes[input].inputs.at(0))
      offset += spec.nodes[input].begin;
    if (input != 0) continue;  // computed inside the network: the observation has no such column
    for (std::size_t s = 0; s < node.count; ++s) columns.push_back(offset + s * node.width + *node.valid_column);
  }
  return columns;
}

/// How observations reach the network: scaled by running statistics and clipped, except the validity columns.
struct ObservationScaling {
  double clip = 10.0;
  std::vector<std::size_t> unscaled;

  /// `row` and `out` may not overlap. Until the statistics hold a row the observation passes unchanged.
  void apply(const RunningMeanStd& statistics, std::span<const float> row, std::span<float> out) const {
    if (statistics.count() < 1.0) {
      std::copy(row.begin(), row.end(), out.begin());
      return;
    }
    statistics.normalize(row, out, clip);
    for (const std::size_t column : unscaled) out[column] = row[column];
  }
};

/// Probability-weighted critics have several outputs; their mean is the value.
inline float mean_output(std::span<const float> outputs) {
  float sum = 0.0F;
  for (const float o : outputs) sum += o;
  return outputs.size() == 1 ? outputs[0] : sum / static_cast<float>(outputs.size());
}

}  // namespace detail

/// Parameters, observation scaling and mask rule of a trained policy. Immutable: all calls are safe from any thread, each with
/// a workspace of its own, and allocate nothing.
/// @code
/// const auto policy = rlx::InferencePolicy::load("policy.safetensors");
/// auto workspace = policy.make_workspace();
/// std::int32_t action = 0;
/// const rlx::Decision decision = policy.act(observation, mask, {&action, 1}, workspace);
/// @endcode
class InferencePolicy {
 public:
  /// Scratch memory of one thread.
  struct Workspace {
    nn::Workspace<float> network;
    std::vector<float> observation;
  };

  /// From a policy file or a full checkpoint. @throws IoError, CheckpointError
  static InferencePolicy load(std::string_view path) { return read(io::Safetensors::open(std::string(path))); }
  /// The same from memory, which is not kept. @throws CheckpointError
  static InferencePolicy from_bytes(std::span<const std::byte> bytes) { return read(io::Safetensors::from_bytes(bytes)); }

  /// From parts, for learners. The store must have the layout of the graph.
  InferencePolicy(nn::GraphSpec spec, const nn::ParameterStore<float>& parameters, PolicyLayout layout,
                  const RunningMeanStd* statistics)
      : InferencePolicy(std::move(spec), std::move(layout)) {
    if (parameters.layout() != store_.layout()) throw ShapeError("InferencePolicy: the parameters do not belong to this graph");
    std::copy(parameters.parameters().begin(), parameters.parameters().end(), store_.parameters().begin());
    if (statistics != nullptr) statistics_.set(statistics->mean(), statistics->variance(), statistics->count());
  }

  const PolicyLayout& layout() const noexcept { return layout_; }
  const nn::GraphSpec& graph() const noexcept { return spec_; }
  /// Number of parameters.
  std::size_t parameter_count() const noexcept { return store_.count(); }
  Workspace make_workspace() const {
    return {graph_.make_workspace(1, false), std::vector<float>(layout_.normalize_observation ? layout_.observation_size : 0)};
  }

  /// Chooses an action.
  /// @param observation raw, `layout().observation_size` numbers. @param mask one byte per action, non-zero = valid; empty only
  ///        if the policy needs none. @param action one number, written.
  /// @throws ShapeError for a wrong size, a missing mask or one without a valid action; NumericError if the observation or
  ///         the network's outputs are not finite; ConfigError for a draw without random numbers.
  Decision act(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<std::int32_t> action,
               Workspace& workspace, ActOptions options = {}) const {
    const std::span<const float> logits = evaluate(observation, mask, workspace);
    if (action.size() != 1) {
      throw ShapeError("InferencePolicy::act: action has " + std::to_string(action.size()) + " numbers, expected 1");
    }
    if (options.deterministic) {
      action[0] = static_cast<std::int32_t>(nn::categorical::mode(logits, mask));
    } else {
      if (options.random == nullptr) {
        throw ConfigError("InferencePolicy::act: ActOptions.random must be set when deterministic is false");
      }
      action[0] = static_cast<std::int32_t>(nn::categorical::sample(logits, mask, options.random->uniform()));
    }
    const auto row = nn::categorical::evaluate(logits, mask, static_cast<std::size_t>(action[0]));
    return {detail::mean_output(workspace.network.output(value_).row(0)), row.log_prob, std::exp(row.log_prob), row.entropy};
  }

  /// Probabilities of all actions, exactly 0 for invalid ones. @param p `layout().num_actions` numbers, written.
  void probabilities(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<float> p,
                     Workspace& workspace) const {
    if (p.size() != layout_.num_actions) {
      throw ShapeError("InferencePolicy::probabilities: room for " + std::to_string(p.size()) + " actions, expected " +
                       std::to_string(layout_.num_actions));
    }
    nn::categorical::probabilities(evaluate(observation, mask, workspace), mask, p);
  }

  /// Name of an action; its number as text if the environment gave no names. Allocates. @throws ShapeError outside the range
  std::string action_name(std::size_t i) const {
    if (i >= layout_.num_actions) {
      throw ShapeError("action " + std::to_string(i) + " does not exist; the policy has " +
                       std::to_string(layout_.num_actions));
    }
    return layout_.action_names.empty() ? std::to_string(i) : layout_.action_names[i];
  }

  /// Writes a policy file: parameters, observation statistics, layout. @throws IoError; the old file stays on failure
  void save(const std::string& path, const PolicyInfo& info = {}) const {
    PolicyLayout layout = layout_;
    for (const auto& [key, value] : info) layout.info[key] = value;
    const nlohmann::json root = {{"format", detail::policy_format},
                                 {"version", 1},
                                 {"library", RLX_VERSION_STRING},
                                 {"policy", detail::layout_to_json(layout)},
                                 {"graph", nlohmann::json(spec_)}};
    std::vector<io::TensorView> tensors;
    detail::append_parameters(store_, tensors);
    const double count = statistics_.count();
    if (layout_.normalize_observation) detail::append_normalizer("observation", statistics_, count, tensors);
    io::write_safetensors(path, {{"rlx", root.dump()}}, tensors);
  }

 private:
  InferencePolicy(nn::GraphSpec spec, PolicyLayout layout)
      : spec_(std::move(spec)),
        layout_(std::move(layout)),
        graph_(nn::Graph<float>::build(spec_, store_)),
        statistics_(layout_.observation_size),
        scaling_{layout_.clip_obs, detail::validity_columns(spec_)} {
    action_ = graph_.output_index("action");
    value_ = graph_.output_index("value");
    if (graph_.input_width() != layout_.observation_size || graph_.output_width("action") != layout_.num_actions) {
      throw ShapeError("InferencePolicy: the graph maps " + std::to_string(graph_.input_width()) + " inputs to " +
                       std::to_string(graph_.output_width("action")) + " actions, the layout says " +
                       std::to_string(layout_.observation_size) + " and " + std::to_string(layout_.num_actions));
    }
  }

  static InferencePolicy read(const io::Safetensors& file) {
    const nlohmann::json root = detail::read_metadata(file);
    try {
      const auto format = root.value("format", std::string());
      if (format != detail::policy_format && format != detail::checkpoint_format) {
        throw CheckpointError(file.name() + ": format '" + format + "' is neither a policy nor a checkpoint of this library");
      }
      if (root.value("version", 0) != 1) {
        throw CheckpointError(file.name() + ": version " + root.value("version", nlohmann::json()).dump() + ", expected 1");
      }
      InferencePolicy policy(nn::read_graph(root.at("graph"), file.name() + ".graph"),
                             detail::layout_from_json(root.at("policy"), file.name()));
      detail::read_parameters(file, policy.store_);
      if (policy.layout_.normalize_observation) detail::read_normalizer(file, "observation", policy.statistics_);
      return policy;
    } catch (const nlohmann::json::exception& error) {
      throw CheckpointError(file.name() + ": the metadata is damaged: " + error.what());
    } catch (const ConfigError& error) {
      throw CheckpointError(file.name() + ": " + error.what());
    } catch (const ShapeError& error) {
      throw CheckpointError(file.name() + ": " + error.what());
    }
  }

  /// Runs the network; the logits are finite where the mask is valid.
  std::span<const float> evaluate(std::span<const float> observation, std::span<const std::uint8_t> mask,
                                  Workspace& workspace) const {
    if (observation.size() != layout_.observation_size) {
      throw ShapeError("InferencePolicy: the observation has " + std::to_string(observation.size()) + " numbers, expected " +
                       std::to_string(layout_.observation_size));
    }
    if (mask.empty() ? layout_.mask_required : mask.size() != layout_.num_actions) {
      throw ShapeError("InferencePolicy: the mask has " + std::to_string(mask.size()) + " entries, expected " +
                       std::to_string(layout_.num_actions) + " (this policy was trained with" +
                       (layout_.mask_required ? "" : "out") + " masks)");
    }
    if (!mask.empty() && std::all_of(mask.begin(), mask.end(), [](std::uint8_t m) { return m == 0; })) {
      throw ShapeError("InferencePolicy: the mask allows no action; at least one must be valid");
    }
    if (const std::size_t bad = first_non_finite(observation); bad != observation.size()) {
      const std::string name = layout_.observation_names.empty() ? std::string() : " (" + layout_.observation_names[bad] + ')';
      throw NumericError("InferencePolicy: observation[" + std::to_string(bad) + ']' + name + " is not finite",
                         "observation[" + std::to_string(bad) + ']');
    }
    std::span<const float> row = observation;
    if (layout_.normalize_observation) {
      scaling_.apply(statistics_, observation, workspace.observation);
      row = workspace.observation;
    }
    graph_.forward(store_.parameters(), MatrixView<const float>(row.data(), 1, row.size()), workspace.network);
    const std::span<const float> logits = workspace.network.output(action_).row(0);
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if ((mask.empty() || mask[i] != 0) && !is_finite(logits[i])) {
        throw NumericError("InferencePolicy: the logit of action " + std::to_string(i) + " is not finite", "action");
      }
    }
    return logits;
  }

  nn::GraphSpec spec_;
  PolicyLayout layout_;
  nn::ParameterStore<float> store_;
  nn::Graph<float> graph_;
  RunningMeanStd statistics_;
  detail::ObservationScaling scaling_;
  std::size_t action_ = 0;
  std::size_t value_ = 0;
};

}  // namespace rlx

#endif  // RLX_RL_INFERENCE_POLICY_HPP
