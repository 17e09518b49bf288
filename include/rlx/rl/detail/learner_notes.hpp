// SPDX-License-Identifier: MIT
/// @file
/// @brief How the notes of a learner and its best score stand in a checkpoint.
#ifndef RLX_RL_DETAIL_LEARNER_NOTES_HPP
#define RLX_RL_DETAIL_LEARNER_NOTES_HPP

#include <cstdint>
#include <optional>
#include <string>

#include <rlx/core/detail/json_tree.hpp>
#include <rlx/core/detail/strict_json.hpp>
#include <rlx/core/error.hpp>
#include <rlx/rl/learner.hpp>

namespace rlx::inline v0_1::detail {

/// null stands for none.
template <class Best>
JsonTree best_to_json(const std::optional<Best>& best) {
  if (!best) return nullptr;
  return JsonTree::object({{"score", best->score}, {"num_timesteps", best->num_timesteps}, {"episode", best->episode}});
}
/// @throws ConfigError
template <class Json>
std::optional<BestScore> best_from_json(const Json& json, const std::string& where) {
  if (json.is_null()) return std::nullopt;
  BasicJsonObject<Json> in(json, where);
  return BestScore{in.template get<double>("score"), in.template get<std::uint64_t>("num_timesteps"),
                   in.template get<std::uint64_t>("episode")};
}

/// Calls `read` with the JSON of a note. @throws CheckpointError if `read` does not find what it expects
template <class F>
void read_note(const std::string& name, const std::string& text, F&& read) {
  try {
    read(JsonTree::parse(text, "note"));
  } catch (const Error& error) {
    throw CheckpointError("the note '" + name + "' of the learner is damaged: " + error.what());
  }
}

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_LEARNER_NOTES_HPP
