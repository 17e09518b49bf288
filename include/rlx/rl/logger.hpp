// SPDX-License-Identifier: MIT
/// @file
/// @brief Named numbers of a training run, collected and handed to outputs; those of the library are in log_outputs.hpp and
/// logger_json.hpp.
#ifndef RLX_RL_LOGGER_HPP
#define RLX_RL_LOGGER_HPP

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rlx/env/episode_statistics.hpp>

namespace rlx::inline v0_1 {

/// One dump: every key recorded since the one before, sorted by name.
struct LogRow {
  std::uint64_t step = 0;                                              ///< num_timesteps
  double wall_time = 0.0;                                              ///< UTC seconds since 1970
  const std::map<std::string, double, std::less<>>* values = nullptr;  ///< by key; lives as long as the call that gets it

  /// The value of a key; NaN if it was not recorded.
  template <std::convertible_to<std::string_view> Key>
  double at(const Key& key) const {
    const auto found = values->find(std::string_view(key));
    return found == values->end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
  }
};

/// A finished episode as outputs see it.
struct EpisodeRecord {
  std::uint64_t number = 0;           ///< episodes finished by the run so far, this one included
  std::uint64_t num_timesteps = 0;    ///< at the end of the rollout in which it ended
  double loss = 0.0;                  ///< of the last update before; NaN before the first
  double entropy = 0.0;               ///< likewise
  EpisodeStatistics statistics = {};  ///< return, length, source and metrics
};

/// A place where logs go. `open` is called at the start of `learn`, so that a path that cannot be written fails there.
class LogOutput {
 public:
  /// @{ Owned by a Logger, not copied.
  LogOutput() = default;
  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;
  virtual ~LogOutput() = default;
  /// @}
  /// @throws IoError
  virtual void open(double /*wall_time*/) {}
  /// One dump, once every `LearnOptions::log_interval` updates. @throws IoError
  virtual void write(const LogRow& row) = 0;
  /// Each finished episode, before the update that learns from it.
  virtual void episode(const EpisodeRecord&) {}
  /// A sentence about the whole run; files of figures leave it out.
  virtual void warning(std::string_view) {}
};

/// Collects numbers and hands them to outputs. One thread at a time; it changes nothing in training.
/// Called Logger. @tparam Number  double; a parameter so that a program compiles only what it uses
template <class Number>
class BasicLogger {
 public:
  /// Adds an output and returns it. `Output` is constructed from the arguments.
  template <class Output, class... Args>
  Output& add(Args&&... args) {
    auto output = std::make_unique<Output>(std::forward<Args>(args)...);
    Output& added = *output;
    outputs_.push_back(std::move(output));
    return added;
  }

  /// Remembers a number until the next dump; the last one counts.
  void record(std::string_view key, Number value) { slot(key) = {value, 1.0}; }
  /// Remembers the mean of all numbers given under this key until the next dump.
  void record_mean(std::string_view key, Number value) {
    Sum& sum = slot(key);
    sum.total += value;
    sum.count += 1.0;
  }
  /// The mean or number under a key, of this dump or the one before; NaN if there is none.
  Number value(std::string_view key) const {
    const auto found = sums_.find(key);
    if (found != sums_.end() && found->second.count > 0.0) return found->second.total / found->second.count;
    const auto last = values_.find(key);
    return last == values_.end() ? std::numeric_limits<Number>::quiet_NaN() : last->second;
  }

  /// Opens all outputs. @throws IoError
  void open(double wall_time) {
    for (const auto& output : outputs_) output->open(wall_time);
  }
  /// Hands a finished episode to every output.
  void episode(const EpisodeRecord& record) {
    for (const auto& output : outputs_) output->episode(record);
  }
  /// Says a sentence once, such as one of `Learner::warnings`.
  void warning(std::string_view text) {
    for (const auto& output : outputs_) output->warning(text);
  }
  /// Writes everything recorded since the last dump and forgets it.
  void dump(std::uint64_t step, double wall_time) {
    values_.clear();
    for (auto& [key, sum] : sums_) {
      if (sum.count > 0.0) values_.emplace(key, sum.total / sum.count);
      sum = {};
    }
    for (const auto& output : outputs_) output->write({step, wall_time, &values_});
  }

 private:
  struct Sum {
    Number total = 0;
    Number count = 0;
  };
  Sum& slot(std::string_view key) {
    const auto found = sums_.find(key);
    return found != sums_.end() ? found->second : sums_[std::string(key)];
  }

  std::vector<std::unique_ptr<LogOutput>> outputs_;
  std::map<std::string, Sum, std::less<>> sums_;
  std::map<std::string, Number, std::less<>> values_;
};

/// As learners take it. @see BasicLogger
using Logger = BasicLogger<double>;

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_LOGGER_HPP
