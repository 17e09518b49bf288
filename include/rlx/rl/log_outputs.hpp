// SPDX-License-Identifier: MIT
/// @file
/// @brief Where the numbers of a training run are written: a table, a line, CSV, TensorBoard; as JSON lines: logger_json.hpp.
#ifndef RLX_RL_LOG_OUTPUTS_HPP
#define RLX_RL_LOG_OUTPUTS_HPP

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/io/atomic_file.hpp>
#include <rlx/io/detail/output_file.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/io/tensorboard.hpp>
#include <rlx/rl/logger.hpp>

namespace rlx::inline v0_1 {

/// Stable-Baselines3's table, one section per part before the slash.
/// Called ConsoleTable. @tparam Row  LogRow; a parameter so that a program compiles only what it uses
template <class Row>
class BasicConsoleTable final : public LogOutput {
 public:
  /// @param out must outlive this object.
  explicit BasicConsoleTable(std::ostream& out) : out_(&out) {}

  void write(const LogRow& row) override {
    std::vector<std::pair<std::string, std::string>> lines;
    std::size_t left = 0;
    std::size_t right = 0;
    std::string section;
    for (const auto& [key, value] : *row.values) {
      const std::size_t slash = key.find('/');
      const std::string part = slash == std::string::npos ? std::string() : key.substr(0, slash + 1);
      if (!part.empty() && part != section) lines.emplace_back(part, "");
      section = part;
      lines.emplace_back(part.empty() ? key : "   " + key.substr(slash + 1), text(value));
    }
    for (const auto& [name, value] : lines) left = std::max(left, name.size()), right = std::max(right, value.size());
    const std::string rule(left + right + 7, '-');
    std::string table = rule + '\n';
    for (const auto& [name, value] : lines) {
      table +=
          "| " + name + std::string(left - name.size(), ' ') + " | " + value + std::string(right - value.size(), ' ') + " |\n";
    }
    *out_ << table << rule << '\n';
    out_->flush();
  }
  void warning(std::string_view text) override { *out_ << "warning: " << text << '\n'; }

 private:
  static std::string text(double value) {
    if (!is_finite(value)) return "nan";
    const bool whole = value > -1e15 && value < 1e15 && value == static_cast<double>(static_cast<std::int64_t>(value));
    if (whole) return std::to_string(static_cast<std::int64_t>(value));
    const double size = value < 0 ? -value : value;
    return size >= 1e-3 && size < 1e7 ? io::fixed(value, size < 1 ? 4 : size < 100 ? 3 : 1) : shortest(value);
  }
  static std::string shortest(double value) {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific, 3).ptr;
    return {buffer, end};
  }

  std::ostream* out_;
};

/// As programs use it. @see BasicConsoleTable
using ConsoleTable = BasicConsoleTable<LogRow>;

/// One line per logged episode: `Episode 10:  Reward: 3.92    | Loss: 4.24   | Entropy: 2.27`, loss and entropy of the last
/// update before it.
class EpisodeLine final : public LogOutput {
 public:
  /// @param out must outlive this object. @param every write each episode whose number is a multiple of it, >= 1.
  explicit EpisodeLine(std::ostream& out, std::uint64_t every = 1) : out_(&out), every_(every == 0 ? 1 : every) {}

  void write(const LogRow&) override {}
  void episode(const EpisodeRecord& record) override {
    if (record.number % every_ != 0) return;
    *out_ << line(record.number, record.statistics.episode_return, record.loss, record.entropy) << '\n';
    out_->flush();
  }

  void warning(std::string_view text) override { *out_ << "warning: " << text << '\n'; }

  /// The line without its end; a figure that is not known yet is a dash.
  static std::string line(std::uint64_t number, double reward, double loss, double entropy) {
    return pad("Episode " + std::to_string(number) + ':', 13) + "Reward: " + pad(io::fixed(reward, 2), 8) +
           "| Loss: " + pad(io::fixed(loss, 2), 6) + "| Entropy: " + io::fixed(entropy, 2);
  }

 private:
  static std::string pad(std::string text, std::size_t width) {
    const std::size_t shown = text == io::missing_number ? 1 : text.size();
    text.append(shown < width ? width - shown : 1, ' ');
    return text;
  }

  std::ostream* out_;
  std::uint64_t every_;
};

namespace detail {

/// Cuts a file of lines in front of the first complete one whose step is above `last_step`, and of a torn last one. A process
/// that was killed has logged behind its last checkpoint; the run that continues from there logs those steps again.
/// @param step_of  step of a line; nothing if the line has none, which keeps it
template <class StepOf>
void cut_log(const std::string& path, std::uint64_t last_step, StepOf&& step_of) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 && errno == ENOENT) return;
  const std::string text = io::read_file(path);
  const std::string_view all = text;
  std::size_t kept = 0;
  for (std::size_t end = 0; (end = all.find('\n', kept)) != std::string_view::npos; kept = end + 1) {
    const std::optional<double> step = step_of(all.substr(kept, end - kept));
    if (step && *step > static_cast<double>(last_step)) break;
  }
  if (kept != text.size()) io::write_file_atomically(path, all.substr(0, kept));
}

}  // namespace detail

/// A log that is continued keeps all its lines.
inline constexpr std::uint64_t every_step = std::numeric_limits<std::uint64_t>::max();

/// `progress.csv`: one row per dump, `nan` where a number is not finite, nothing where a key was not recorded. A row is
/// appended; only a key that appears later rewrites the file with the longer header, through a temporary file. Memory does not
/// grow with the rows.
/// Called CsvOutput. @tparam Row  LogRow; a parameter so that a program compiles only what it uses
template <class Row>
class BasicCsvOutput final : public LogOutput {
 public:
  /// @param path       of the file; nothing is opened yet
  /// @param append     keep the rows that are there, but no torn last one, for a run that is resumed; false: begin anew
  /// @param last_step  of the checkpoint that is resumed: rows of later steps are dropped, since they come again
  explicit BasicCsvOutput(std::string path, bool append = true, std::uint64_t last_step = every_step)
      : path_(std::move(path)), append_(append), last_step_(last_step) {}

  /// @throws IoError; DataError if the file to be continued is no log of this class
  void open(double) override {
    if (file_) return;
    if (append_) continue_file();
    if (columns_.empty()) io::write_file_atomically(path_, std::string_view());
    file_ = std::make_unique<io::detail::OutputFile>(path_, true);
  }
  void write(const LogRow& row) override {
    open(row.wall_time);
    const std::size_t known = columns_.size();
    if (known == 0) columns_.emplace_back(step_column);
    for (const auto& [key, value] : *row.values) {
      if (std::find(columns_.begin(), columns_.end(), key) == columns_.end()) columns_.push_back(key);
    }
    if (columns_.size() != known) lengthen(columns_.size() - known);
    std::string line = number(static_cast<double>(row.step));
    for (std::size_t c = 1; c < columns_.size(); ++c) {
      const auto found = row.values->find(columns_[c]);
      line += ',' + (found == row.values->end() ? std::string() : number(found->second));
    }
    file_->write(line + '\n');
    file_->flush();
  }

 private:
  static constexpr std::string_view step_column = "time/total_timesteps";

  static std::string number(double value) {
    if (!is_finite(value)) return "nan";
    std::array<char, 40> buffer;
    return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
  }
  void continue_file() {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0 && errno == ENOENT) return;
    std::string text = io::read_file(path_);
    if (text.find('\n') == std::string::npos) return;  // empty, or its first line is torn: it begins anew
    text.resize(text.find('\n'));
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      columns_.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    if (columns_.front() != step_column) {
      throw DataError("'" + path_ + "' is no log: expected the first column '" + std::string(step_column) + "', found '" +
                      columns_.front() + "'; name another file");
    }
    detail::cut_log(path_, last_step_, [](std::string_view line) -> std::optional<double> {
      double step = 0.0;
      if (std::from_chars(line.data(), line.data() + line.size(), step).ec != std::errc()) return std::nullopt;  // the header
      return step;
    });
  }
  /// Writes the header anew and `added` empty cells at the end of every row.
  void lengthen(std::size_t added) {
    file_.reset();
    const std::string old = io::read_file(path_);
    std::string text;
    for (std::size_t c = 0; c < columns_.size(); ++c) text += (c == 0 ? "" : ",") + columns_[c];
    text += '\n';
    const std::string cells(added, ',');
    for (std::size_t begin = old.find('\n') + 1; begin != 0 && begin < old.size();) {
      const std::size_t end = old.find('\n', begin);
      text.append(old, begin, end - begin).append(cells) += '\n';
      begin = end + 1;
    }
    io::write_file_atomically(path_, text);
    file_ = std::make_unique<io::detail::OutputFile>(path_, true);
  }

  std::string path_;
  bool append_;
  std::uint64_t last_step_;
  std::vector<std::string> columns_;
  std::unique_ptr<io::detail::OutputFile> file_;
};

/// As programs use it. @see BasicCsvOutput
using CsvOutput = BasicCsvOutput<LogRow>;

/// An event file for TensorBoard in a directory; keys are the tags. The returns of the episodes between two dumps become a
/// histogram, `rollout/ep_rew`.
/// Called TensorBoardOutput. @tparam Row  LogRow; a parameter so that a program compiles only what it uses
template <class Row>
class BasicTensorBoardOutput final : public LogOutput {
 public:
  /// @param directory  where the event file is made when `learn` starts
  explicit BasicTensorBoardOutput(std::string directory) : directory_(std::move(directory)) {}

  void open(double wall_time) override {
    if (!writer_) writer_ = std::make_unique<io::TensorBoardWriter>(directory_, wall_time);
  }
  void write(const LogRow& row) override {
    open(row.wall_time);
    for (const auto& [key, value] : *row.values) {
      if (is_finite(value)) writer_->add_scalar(key, value, row.step, row.wall_time);
    }
    writer_->add_histogram("rollout/ep_rew", returns_, row.step, row.wall_time);
    returns_.clear();
    writer_->flush();
  }
  void episode(const EpisodeRecord& record) override { returns_.push_back(record.statistics.episode_return); }

 private:
  std::string directory_;
  std::unique_ptr<io::TensorBoardWriter> writer_;
  std::vector<double> returns_;  // of the episodes since the last dump
};

/// As programs use it. @see BasicTensorBoardOutput
using TensorBoardOutput = BasicTensorBoardOutput<LogRow>;

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_LOG_OUTPUTS_HPP
