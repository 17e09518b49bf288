// SPDX-License-Identifier: MIT
/// @file
/// @brief What a trained policy expects and offers: sizes, names, distribution, scaling.
#ifndef RLX_RL_POLICY_LAYOUT_HPP
#define RLX_RL_POLICY_LAYOUT_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <rlx/core/hash.hpp>

namespace rlx::inline v0_1 {

template <class S>
class BasicInferencePolicy;
/// A trained policy for live use, complete with <rlx/rl/inference_policy.hpp>.
using InferencePolicy = BasicInferencePolicy<float>;

/// Texts that travel with an exported policy: data hashes, training summary. Free keys.
using PolicyInfo = std::map<std::string, std::string>;

/// What a policy expects and offers.
struct PolicyLayout {
  std::size_t observation_size = 0;  ///< floats of an observation, raw
  std::size_t num_actions = 0;       ///< width of the network's output "action": choices, means or weights
  /// "categorical", "multi_categorical", "gaussian", "tanh_gaussian" or "dirichlet".
  std::string distribution = "categorical";
  std::vector<std::int64_t> nvec = {};  ///< multi_categorical: choices per component
  /// @{ Gaussians: bounds of the action, may be infinite.
  std::vector<float> low = {}, high = {};
  /// @}
  bool mask_required = false;                       ///< the environment had masks, so every call needs one
  std::vector<std::string> observation_names = {};  ///< empty if the environment has none
  std::vector<std::string> action_names = {};       ///< likewise
  std::string layout_sha256 = {};                   ///< of sizes and names; equal layouts have equal hashes
  bool normalize_observation = false;               ///< whether observations are scaled by the statistics in the file
  double clip_obs = 10.0;                           ///< limit of a scaled number
  PolicyInfo info = {};                             ///< what was exported with it
};

/// Digest of the sizes and names of a layout.
inline std::string layout_hash(const PolicyLayout& layout) {
  std::string text = std::to_string(layout.observation_size) + ' ' + std::to_string(layout.num_actions) +
                     (layout.mask_required ? " mask" : " none");
  if (layout.distribution != "categorical") text += ' ' + layout.distribution;
  for (const std::int64_t n : layout.nvec) text += ' ' + std::to_string(n);
  for (const auto* bounds : {&layout.low, &layout.high})
    for (const float x : *bounds) text += ' ' + std::to_string(std::bit_cast<std::uint32_t>(x));
  for (const auto* names : {&layout.observation_names, &layout.action_names}) {
    text += '\n';
    for (const std::string& name : *names) text += name + '\t';
  }
  return sha256_hex(text);
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_POLICY_LAYOUT_HPP
