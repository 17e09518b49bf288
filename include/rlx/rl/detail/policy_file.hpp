// SPDX-License-Identifier: MIT
/// @file
/// @brief What policies and checkpoints have in common as files: layout, parameters, statistics.
#ifndef RLX_RL_DETAIL_POLICY_FILE_HPP
#define RLX_RL_DETAIL_POLICY_FILE_HPP

#include <array>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/detail/strict_json.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/running_mean_std.hpp>
#include <rlx/io/safetensors.hpp>
#include <rlx/nn/graph_spec.hpp>
#include <rlx/nn/parameter_store.hpp>
#include <rlx/rl/detail/value_scale.hpp>
#include <rlx/rl/policy_layout.hpp>

// Templates over io::Safetensors and lists of its tensors, so that a program compiles only what it uses.
namespace rlx::inline v0_1::detail {

inline constexpr std::string_view policy_format = "rlx-policy";
inline constexpr std::string_view checkpoint_format = "rlx-checkpoint";

/// null stands for an infinite bound.
template <class Json>
std::vector<float> bounds_from_json(const Json& json, float infinite, const std::string& where) {
  if (!json.is_array()) throw CheckpointError(where + ": expected an array of numbers or null");
  std::vector<float> bounds;
  for (const Json& x : json) bounds.push_back(x.is_null() ? infinite : json_as<float>(x, where));
  return bounds;
}

/// An object of texts. @throws ConfigError naming what is none
template <class Json>
std::map<std::string, std::string> texts_from_json(const Json& json, const std::string& where) {
  BasicJsonObject<Json> object(json, where);
  std::map<std::string, std::string> texts;
  for (const std::string& key : json_keys(json)) texts[key] = object.template get<std::string>(key);
  return texts;
}

template <class Json>
Json layout_to_json(const PolicyLayout& layout) {
  return Json::object({{"observation_size", layout.observation_size},
                       {"num_actions", layout.num_actions},
                       {"mask", layout.mask_required ? "required" : "none"},
                       {"observation_names", layout.observation_names},
                       {"action_names", layout.action_names},
                       {"layout_sha256", layout.layout_sha256},
                       {"distribution", layout.distribution},
                       {"nvec", layout.nvec},
                       {"low", layout.low},
                       {"high", layout.high},
                       {"normalize_observation", layout.normalize_observation},
                       {"clip_obs", layout.clip_obs},
                       {"info", layout.info}});
}

template <class Json>
PolicyLayout layout_from_json(const Json& json, const std::string& where) {
  BasicJsonObject<Json> object(json, where);
  PolicyLayout layout;
  std::string mask;
  Json info, low, high;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  object.read("observation_size", layout.observation_size);
  object.read("num_actions", layout.num_actions);
  object.read("mask", mask);
  object.read("observation_names", layout.observation_names);
  object.read("action_names", layout.action_names);
  object.read("layout_sha256", layout.layout_sha256);
  object.read("distribution", layout.distribution);
  object.read("nvec", layout.nvec);
  if (object.read("low", low)) layout.low = bounds_from_json(low, -infinity, where + ".low");
  if (object.read("high", high)) layout.high = bounds_from_json(high, infinity, where + ".high");
  object.read("normalize_observation", layout.normalize_observation);
  if (object.has("clip_obs")) {  // null stands for no limit
    const auto limit = object.template get<std::optional<double>>("clip_obs");
    layout.clip_obs = limit.value_or(std::numeric_limits<double>::infinity());
    if (limit && *limit <= 0.0) throw CheckpointError(where + ".clip_obs: expected a number above 0 or null");
  }
  if (object.read("info", info)) layout.info = texts_from_json(info, where + ".info");
  object.finish();
  if (mask != "required" && mask != "none")
    throw CheckpointError(where + ".mask: expected \"required\" or \"none\", found \"" + mask + '"');
  layout.mask_required = mask == "required";
  return layout;
}

/// The "rlx" text of a file, parsed; whatever is wrong with it is a CheckpointError.
template <class File>
JsonTree read_metadata(const File& file) {
  try {
    return JsonTree::parse(file.metadata("rlx"), file.name());
  } catch (const DataError& error) {
    throw CheckpointError(file.name() + ": the metadata is not readable: " + error.what());
  }
}

/// Before memory is taken for what a graph claims: the file has all its tensors, in these shapes. @throws CheckpointError
template <class File>
void require_parameters(const File& file, const nn::GraphSpec& spec) {
  const std::vector<nn::NodeShape> shapes = nn::infer_shapes(spec);
  for (const nn::NodeSpec& node : spec.nodes) {
    if (node.inputs.empty()) continue;
    for (const nn::TensorSpec& tensor : nn::tensors_of(node, shapes[node.inputs[0]])) {
      const io::TensorView& found = file.at("policy/" + node.name + '.' + std::string(tensor.suffix));
      if (found.shape != tensor.shape) {
        throw CheckpointError(file.name() + ": tensor '" + found.name + "' has shape " + io::detail::shape_text(found.shape) +
                              ", expected " + io::detail::shape_text(tensor.shape));
      }
    }
  }
}

/// Copies `policy/<tensor>` of a file into a store of the same layout.
template <class S>
void read_parameters(const io::Safetensors& file, nn::ParameterStore<S>& store) {
  for (std::size_t i = 0; i < store.layout().size(); ++i) {
    const nn::TensorInfo& tensor = store.layout()[i];
    file.read_into("policy/" + tensor.name, tensor.shape, store.parameters().subspan(tensor.offset, tensor.size));
  }
}

template <class S>
void append_parameters(const nn::ParameterStore<S>& store, std::vector<io::TensorView>& tensors) {
  for (const nn::TensorInfo& tensor : store.layout()) {
    tensors.push_back(
        io::tensor_view("policy/" + tensor.name, store.parameters().subspan(tensor.offset, tensor.size), tensor.shape));
  }
}

template <class File>
void read_normalizer(const File& file, const std::string& name, RunningMeanStd& statistics) {
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

/// @throws CheckpointError
template <class File>
ValueScale read_value_scale(const File& file) {
  std::array<double, 3> value{};
  const std::span<double> numbers(value);
  file.read_into("normalizer/value/mean", numbers.subspan(0, 1));
  file.read_into("normalizer/value/var", numbers.subspan(1, 1));
  file.read_into("normalizer/value/count", numbers.subspan(2, 1));
  if (first_non_finite(std::span<const double>(value)) != value.size() || value[1] < 0.0 || value[2] < 0.0) {
    throw CheckpointError(file.name() + ": normalizer/value: expected finite numbers and a variance and count of at least 0");
  }
  ValueScale scale;
  scale.set(value[0], value[1], value[2]);
  return scale;
}

template <class Tensors>
void append_normalizer(const std::string& name, const RunningMeanStd& statistics, const double& count, Tensors& tensors) {
  tensors.push_back(io::tensor_view("normalizer/" + name + "/mean", statistics.mean()));
  tensors.push_back(io::tensor_view("normalizer/" + name + "/var", statistics.variance()));
  tensors.push_back(io::tensor_view("normalizer/" + name + "/count", std::span<const double>(&count, 1)));
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_POLICY_FILE_HPP
