// SPDX-License-Identifier: MIT
/// @file
/// @brief Writes a recorded episode as JSON lines.
#ifndef RLX_RL_RECORD_JSON_HPP
#define RLX_RL_RECORD_JSON_HPP

#include <cstddef>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <rlx/env/record_episode.hpp>
#include <rlx/io/jsonl.hpp>

namespace rlx::inline v0_1 {

/// Appends one line per kept step, then one line about the whole episode.
///
/// A step: `step` (from 1), `observation` (what the action was chosen from), `mask` (absent without masks), `action` (an
/// array, also of one number), `reward`, `terminated`, `truncated`. The last line: `metrics` (by name), `final_observation`
/// (after the last kept step), `seed`, `source`, `length`, `steps` (kept; fewer than `length` if the record was full) and
/// `episode_return`. Numbers that are not finite become null.
/// @throws IoError
template <class S>
void write_episode(io::JsonlWriter& out, const RecordedEpisode<S>& episode) {
  for (std::size_t t = 0; t < episode.steps(); ++t) {
    nlohmann::json line = {{"step", t + 1},
                           {"observation", episode.observations().row(t)},
                           {"action", episode.actions().row(t)},
                           {"reward", episode.rewards()[t]},
                           {"terminated", episode.terminated()[t] != 0},
                           {"truncated", episode.truncated()[t] != 0}};
    if (episode.masks().cols() != 0) line["mask"] = episode.masks().row(t);
    out.write(std::move(line));
  }
  nlohmann::json metrics = nlohmann::json::object();
  for (std::size_t i = 0; i < episode.metrics().size(); ++i) metrics[episode.metric_names()[i]] = episode.metrics()[i];
  out.write({{"metrics", std::move(metrics)},
             {"final_observation", episode.observations().row(episode.steps())},
             {"seed", episode.seed()},
             {"source", episode.source()},
             {"length", episode.length()},
             {"steps", episode.steps()},
             {"episode_return", episode.episode_return()}});
}

/// Writes a file of that episode alone; an older file is replaced. @throws IoError naming the path
template <class S>
void write_episode(const std::string& path, const RecordedEpisode<S>& episode) {
  io::JsonlWriter out(path, {.append = false, .flush_every = 0});
  write_episode(out, episode);
  out.flush();
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_RECORD_JSON_HPP
