// SPDX-License-Identifier: MIT
/// @file
/// @brief How a checkpoint is compared with the learner that loads it.
#ifndef RLX_RL_DETAIL_RUN_COMPARISON_HPP
#define RLX_RL_DETAIL_RUN_COMPARISON_HPP

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/error.hpp>
#include <rlx/io/safetensors.hpp>

namespace rlx::inline v0_1::detail {

/// Lists every key on which two flat JSON objects differ, "key: saved 1, here 2", except the allowed ones.
template <class Json>
void list_differences(const std::type_identity_t<Json>& saved, const Json& here, const std::vector<std::string>& allow,
                      std::vector<std::string>& out) {
  const auto allowed = [&](const std::string& key) { return std::find(allow.begin(), allow.end(), key) != allow.end(); };
  for (std::size_t i = 0; i < here.size(); ++i) {
    const std::string& key = here.keys()[i];
    if (allowed(key)) continue;
    const Json* const other = saved.find(key);
    if (other == saved.end()) {
      out.push_back(key + ": saved nothing, here " + here[i].dump());
    } else if (*other != here[i]) {
      out.push_back(key + ": saved " + other->dump() + ", here " + here[i].dump());
    }
  }
  for (const std::string& key : saved.keys()) {  // none if the file holds no object
    if (here.find(key) == here.end() && !allowed(key))
      out.push_back(key + ": saved " + saved.find(key)->dump() + ", here nothing");
  }
}

/// @throws CheckpointError listing the differences, if there are any.
inline void refuse_differences(const std::string& file, const std::vector<std::string>& differences) {
  if (differences.empty()) return;
  std::string text = file + " belongs to another run:";
  for (const std::string& line : differences) text += "\n  " + line;
  throw CheckpointError(text + "\nuse the saved values, or name the keys in LoadOptions.allow");
}

/// @throws CheckpointError for tensors that this learner did not write.
template <class File>
void refuse_other_tensors(const File& file, const std::vector<io::TensorView>& expected) {
  for (const io::TensorView& tensor : file.tensors()) {
    const bool known =
        std::any_of(expected.begin(), expected.end(), [&](const io::TensorView& e) { return e.name == tensor.name; });
    if (!known) throw CheckpointError(file.name() + ": tensor '" + tensor.name + "' does not belong to this learner");
  }
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_RUN_COMPARISON_HPP
