// SPDX-License-Identifier: MIT
/// @file
/// @brief What loading a checkpoint may be told, and where its description stands.
#ifndef RLX_RL_CHECKPOINT_HPP
#define RLX_RL_CHECKPOINT_HPP

#include <string>
#include <string_view>
#include <vector>

namespace rlx::inline v0_1 {

/// How strictly `load` compares.
struct LoadOptions {
  /// Keys that may differ, as the error names them: "learning_rate", "data_sha256", ... Sizes (num_envs, the layout, what is
  /// normalised) cannot: their tensors would not fit.
  std::vector<std::string> allow = {};
  /// Require the state of the environments. false: where they have none or refuse it (other data), new episodes are started.
  bool exact = true;
};

/// Where the metadata of a checkpoint stands, indented, for people: `<name>.json` beside `<name>.safetensors`. Never read.
inline std::string description_path(const std::string& checkpoint) {
  const std::string_view extension = ".safetensors";
  const bool has = std::string_view(checkpoint).ends_with(extension);
  return checkpoint.substr(0, checkpoint.size() - (has ? extension.size() : 0)) + ".json";
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_CHECKPOINT_HPP
