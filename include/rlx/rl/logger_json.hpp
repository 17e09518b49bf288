// SPDX-License-Identifier: MIT
/// @file
/// @brief Logs as JSON lines: one object per dump, one per finished episode.
#ifndef RLX_RL_LOGGER_JSON_HPP
#define RLX_RL_LOGGER_JSON_HPP

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <rlx/io/jsonl.hpp>
#include <rlx/rl/log_outputs.hpp>

namespace rlx::inline v0_1 {

/// `progress.jsonl` with one line per dump and, if named, `episodes.jsonl` with one line per finished episode. Numbers that are
/// not finite are null.
/// Called JsonlOutput. @tparam Json  nlohmann::json; a parameter so that a program compiles only what it uses
template <class Json>
class BasicJsonlOutput final : public LogOutput {
 public:
  /// @param progress_path,episodes_path empty: not written.
  /// @param append     keep the lines that are there, for a run that is resumed; false: the files begin anew
  /// @param last_step  of the checkpoint that is resumed: lines of later steps are dropped, since they come again
  explicit BasicJsonlOutput(std::string progress_path, std::string episodes_path = {}, bool append = true,
                            std::uint64_t last_step = every_step)
      : progress_path_(std::move(progress_path)),
        episodes_path_(std::move(episodes_path)),
        append_(append),
        last_step_(last_step) {}

  void open(double) override {
    if (!progress_path_.empty() && !progress_) progress_ = writer(progress_path_);
    if (!episodes_path_.empty() && !episodes_) episodes_ = writer(episodes_path_);
  }
  void write(const LogRow& row) override {
    open(row.wall_time);
    if (!progress_) return;
    Json line = {{"step", row.step}, {"wall_time", row.wall_time}};
    for (const auto& [key, value] : *row.values) line[key] = value;
    progress_->write(std::move(line));
  }
  void episode(const EpisodeRecord& record) override {
    if (!episodes_) return;
    const EpisodeStatistics& e = record.statistics;
    Json line = {{"number", record.number},
                 {"step", record.num_timesteps},
                 {"env", e.env},
                 {"episode", e.episode},
                 {"seed", e.seed},
                 {"source", e.source},
                 {"return", e.episode_return},
                 {"length", e.length},
                 {"terminated", e.terminated},
                 {"truncated", e.truncated}};
    line["metrics"] = Json::array();
    for (const double metric : e.reported_metrics()) line["metrics"].push_back(metric);
    episodes_->write(std::move(line));
  }

 private:
  std::unique_ptr<io::BasicJsonlWriter<Json>> writer(const std::string& path) const {
    if (append_ && last_step_ != every_step) {
      detail::cut_log(path, last_step_, [](std::string_view line) -> std::optional<double> {
        const Json parsed = Json::parse(line, nullptr, false);
        if (!parsed.is_object() || !parsed.contains("step") || !parsed["step"].is_number()) return std::nullopt;
        return parsed["step"].template get<double>();
      });
    }
    return std::make_unique<io::BasicJsonlWriter<Json>>(path, io::JsonlConfig{.append = append_});
  }

  std::string progress_path_, episodes_path_;
  bool append_;
  std::uint64_t last_step_;
  std::unique_ptr<io::BasicJsonlWriter<Json>> progress_, episodes_;
};

/// As programs use it. @see BasicJsonlOutput
using JsonlOutput = BasicJsonlOutput<nlohmann::json>;

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_LOGGER_JSON_HPP
