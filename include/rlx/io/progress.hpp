// SPDX-License-Identifier: MIT
/// @file
/// @brief Progress with rate and remaining time, written through a function that the caller passes.
#ifndef RLX_IO_PROGRESS_HPP
#define RLX_IO_PROGRESS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/io/number_text.hpp>
#include <rlx/io/text_table.hpp>

namespace rlx::inline v0_1::io {

/// What a Progress shows and how often.
struct ProgressConfig {
  std::uint64_t total = 0;         ///< units of the whole work; 0: unknown, then neither share nor remaining time is shown
  std::uint64_t already_done = 0;  ///< units done before this run (after a resume); they do not count for the rate
  std::string label{};             ///< text at the beginning of the line
  std::string unit = "steps";      ///< name of what is counted
  bool terminal = false;           ///< true: one line redrawn in place (`\r`); false: whole lines, rarely
  double interval_seconds = 0;     ///< least time between two outputs; 0: 0.2 s on a terminal, 10 s otherwise
};

/**
 * @brief Tells how far a long run is.
 *
 * A line reads `train  [#########           ]  45 %  450k / 1M steps  9.8k steps/s  left 56 s  note`. The rate is the mean
 * since the start, from which the remaining time follows. On a terminal the line begins with `\r`, covers what the previous one
 * left, and `finish` ends it with `\n`; otherwise every output is one whole line. Whether the output is a terminal is the
 * caller's knowledge: nothing is asked of the system, nothing is printed here, and time comes from the given clock only.
 * @code
 * rlx::SystemClock clock;
 * rlx::io::Progress progress({.total = 1'000'000, .label = "train", .terminal = true}, clock,
 *                        [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); });
 * progress.update(128);
 * progress.finish();
 * @endcode
 */
template <Clock C>
class Progress {
 public:
  /// @param config  what is shown and how often
  /// @param clock   must outlive this object
  /// @param output  receives the text; called from `update` and `finish` only
  /// @throws ConfigError without an output function or with an interval that is negative or not finite.
  Progress(ProgressConfig config, C& clock, std::function<void(std::string_view)> output)
      : config_(std::move(config)), clock_(&clock), output_(std::move(output)), done_(config_.already_done) {
    if (!output_) throw ConfigError("Progress: an output function is needed, got an empty one");
    if (!is_finite(config_.interval_seconds) || config_.interval_seconds < 0) {
      throw ConfigError("ProgressConfig.interval_seconds must be finite and >= 0, got " +
                        std::to_string(config_.interval_seconds));
    }
    if (config_.interval_seconds == 0) config_.interval_seconds = config_.terminal ? 0.2 : 10;
    start_ = last_ = clock_->monotonic_seconds();
  }

  /// Sets the work done so far (an absolute count; a smaller one than before is allowed) and writes if it is time.
  /// @param done  in the unit of `ProgressConfig::total`
  /// @param note  short text at the end of the line, such as the last reward
  void update(std::uint64_t done, std::string_view note = {}) {
    done_ = done;
    const double now = clock_->monotonic_seconds();
    if (now - last_ >= config_.interval_seconds) write(now, note, false);
  }

  /// Writes the last line, whatever the interval. A second call does nothing.
  void finish(std::string_view note = {}) {
    if (finished_) return;
    finished_ = true;
    write(clock_->monotonic_seconds(), note, true);
  }

  /// The line that would be written now, without `\r` and `\n`.
  std::string line(std::string_view note = {}) const { return line_at(clock_->monotonic_seconds(), note); }

 private:
  std::string line_at(double now, std::string_view note) const {
    const auto count = [](std::uint64_t n) { return compact(static_cast<double>(n)); };
    const double elapsed = now - start_;
    const auto fresh = static_cast<double>(done_ - std::min(done_, config_.already_done));
    const double rate = elapsed > 0 ? fresh / elapsed : 0;
    std::string text = config_.label;
    const auto part = [&](const std::string& piece) { text.append(text.empty() ? "" : "  ").append(piece); };
    if (config_.total != 0) {
      const double share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(config_.total));
      const auto filled = static_cast<std::size_t>(share * 20);
      if (config_.terminal) part('[' + std::string(filled, '#') + std::string(20 - filled, ' ') + ']');
      // Rounding down: 100 % means that all is done.
      part(std::to_string(static_cast<int>(share * 100)) + " %");
      part(count(done_) + " / " + count(config_.total) + ' ' + config_.unit);
    } else {
      part(count(done_) + ' ' + config_.unit);
    }
    part(compact(rate) + ' ' + config_.unit + "/s");
    if (finished_) {
      part("took " + duration_text(elapsed));
    } else if (config_.total > done_ && rate > 0) {
      part("left " + duration_text(static_cast<double>(config_.total - done_) / rate));
    }
    if (!note.empty()) part(std::string(note));
    return text;
  }
  void write(double now, std::string_view note, bool last) {
    std::string text = line_at(now, note);
    last_ = now;
    if (config_.terminal) {
      const std::size_t width = display_width(text);
      if (width < shown_width_) text.append(shown_width_ - width, ' ');
      shown_width_ = width;
      text.insert(0, 1, '\r');
    }
    if (last || !config_.terminal) text += '\n';
    output_(text);
  }

  ProgressConfig config_;
  C* clock_;
  std::function<void(std::string_view)> output_;
  std::uint64_t done_;
  double start_ = 0;
  double last_ = 0;
  std::size_t shown_width_ = 0;
  bool finished_ = false;
};

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_PROGRESS_HPP
