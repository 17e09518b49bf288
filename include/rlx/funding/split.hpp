// SPDX-License-Identifier: MIT
/// @file
/// @brief Walk-forward split of a tape by time: train | embargo | validation | embargo | test.
#ifndef RLX_FUNDING_SPLIT_HPP
#define RLX_FUNDING_SPLIT_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/number_text.hpp>

namespace rlx::inline v0_1::funding {

/// Grid steps [begin, end) of a tape.
struct Window {
  std::size_t begin = 0;                                     ///< first step
  std::size_t end = 0;                                       ///< one past the last
  std::size_t size() const noexcept { return end - begin; }  ///< steps
  bool operator==(const Window&) const = default;            ///< Memberwise.
};

/// One fold of a walk-forward evaluation; the three windows are disjoint and in this order in time.
struct Fold {
  Window train,    ///< for the policy
      validation,  ///< for the choice among policies
      test;        ///< for the verdict
};

/// Shares of the windows and their distance.
struct SplitConfig {
  double train_fraction = 0.6;       ///< of the span less the embargoes, in (0, 1)
  double validation_fraction = 0.2;  ///< the same; the rest is the test window
  double embargo_hours = 24.0;       ///< gap on both sides of the validation window, >= 0
  std::size_t folds = 1;  ///< K anchored folds: all train from the start, their test windows are consecutive and disjoint
};

/// Splits `n_steps` grid steps.
///
/// @param n_steps    of the tape
/// @param step_ms    time between steps
/// @param config     shares, embargo, folds
/// @param min_steps  each window must hold at least this many steps (one episode)
/// @param start_ms   time of step 0, if the message of an error is to name times
/// @return `folds` folds; with K folds the test region of K = 1 is cut into K equal parts, and the validation window of a
///         fold lies directly before its test window
/// @throws ConfigError for fractions out of range and for windows that are too short, with times, lengths and what to
///         change.
inline std::vector<Fold> split_by_time(std::size_t n_steps, std::int64_t step_ms, const SplitConfig& config,
                                       std::size_t min_steps, std::optional<std::int64_t> start_ms = {}) {
  const auto bad_fraction = [](double value) { return !(value > 0.0 && value < 1.0); };
  if (bad_fraction(config.train_fraction) || bad_fraction(config.validation_fraction) ||
      !(config.train_fraction + config.validation_fraction < 1.0)) {
    throw ConfigError("train_fraction = " + std::to_string(config.train_fraction) +
                      " and validation_fraction = " + std::to_string(config.validation_fraction) +
                      ": expected two numbers above 0 with a sum below 1, so that a test window is left");
  }
  if (!(config.embargo_hours >= 0.0 && config.embargo_hours < 1e6)) {
    throw ConfigError("embargo_hours = " + std::to_string(config.embargo_hours) + ": expected 0 or more");
  }
  if (config.folds == 0) throw ConfigError("folds = 0: expected at least 1");

  const double hours = static_cast<double>(step_ms) / static_cast<double>(ms_per_hour);
  const auto embargo = static_cast<std::size_t>(std::ceil(config.embargo_hours / hours));
  const std::size_t span = n_steps > 2 * embargo ? n_steps - 2 * embargo : 0;
  const auto share = [](double fraction, std::size_t steps) {
    return static_cast<std::size_t>(fraction * static_cast<double>(steps));
  };
  const std::size_t train = share(config.train_fraction, span);
  const std::size_t validation = share(config.validation_fraction, span);
  const std::size_t test_region = span - train - validation;
  const std::size_t test = test_region / config.folds;
  const std::size_t needed = std::max<std::size_t>(min_steps, 1);
  if (std::min({train, validation, test}) < needed) {
    const auto length = [&](std::size_t steps) {
      return std::to_string(steps) + " steps (" + io::fixed(static_cast<double>(steps) * hours / 24.0, 2) + " days)";
    };
    const auto window = [&](std::size_t begin, std::size_t steps) {
      if (!start_ms || steps == 0) return length(steps);
      const auto time = [&](std::size_t step) {
        return io::format_time_ms(*start_ms + static_cast<std::int64_t>(step) * step_ms);
      };
      return length(steps) + " from " + time(begin) + " to " + time(begin + steps - 1);
    };
    const std::string whole = "the data of " + window(0, n_steps);
    if (span == 0) {
      throw ConfigError(whole + " are too short to split: the embargo of " + length(embargo) +
                        ", which stands twice, leaves nothing; use more data or a smaller embargo (--embargo-hours)");
    }
    const std::size_t free_train = share(config.train_fraction, n_steps);
    const std::size_t free_validation = share(config.validation_fraction, n_steps);
    const bool embargo_is_why =
        std::min({free_train, free_validation, (n_steps - free_train - free_validation) / config.folds}) >= needed;
    const std::size_t first_test = n_steps - test_region;
    throw ConfigError(whole + " are too short to split: train " + window(0, train) + ", validation " +
                      window(train + embargo, validation) + ", test " + window(first_test, test) + " per fold, embargo " +
                      length(embargo) + " twice; each window must hold one episode of " + length(min_steps) +
                      (embargo_is_why ? ": the embargo is too long for these data, without it they would do; use a smaller "
                                        "one (--embargo-hours), more data or shorter episodes"
                                      : ": use more data, shorter episodes (episode length), other fractions, a smaller "
                                        "embargo or fewer folds"));
  }

  std::vector<Fold> folds(config.folds);
  for (std::size_t i = 0; i < config.folds; ++i) {
    Fold& fold = folds[i];
    fold.test.begin = n_steps - test_region + i * test;
    fold.test.end = i + 1 == config.folds ? n_steps : fold.test.begin + test;
    fold.validation.end = fold.test.begin - embargo;
    fold.validation.begin = fold.validation.end - validation;
    fold.train.end = fold.validation.begin - embargo;
    fold.train.begin = 0;
  }
  return folds;
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_SPLIT_HPP
