// SPDX-License-Identifier: MIT
/// @file
/// @brief Walk-forward split of a tape by time: train | embargo | validation | embargo | test.
#ifndef RLX_FUNDING_SPLIT_HPP
#define RLX_FUNDING_SPLIT_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/funding/types.hpp>

namespace rlx::funding {

/// Grid steps [begin, end) of a tape.
struct Window {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t size() const noexcept { return end - begin; }
  bool operator==(const Window&) const = default;
};

/// One fold of a walk-forward evaluation; the three windows are disjoint and in this order in time.
struct Fold {
  Window train, validation, test;
};

struct SplitConfig {
  double train_fraction = 0.6;       ///< of the span less the embargoes, in (0, 1)
  double validation_fraction = 0.2;  ///< the same; the rest is the test window
  double embargo_hours = 24.0;       ///< gap on both sides of the validation window, >= 0
  std::size_t folds = 1;  ///< K anchored folds: all train from the start, their test windows are consecutive and disjoint
};

/// Splits `n_steps` grid steps.
///
/// @param min_steps  each window must hold at least this many steps (one episode)
/// @return `folds` folds; with K folds the test region of K = 1 is cut into K equal parts, and the validation window of a
///         fold lies directly before its test window
/// @throws ConfigError for fractions out of range and for windows that are too short, with the lengths and what to change.
inline std::vector<Fold> split_by_time(std::size_t n_steps, std::int64_t step_ms, const SplitConfig& config,
                                       std::size_t min_steps) {
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
  const auto train = static_cast<std::size_t>(config.train_fraction * static_cast<double>(span));
  const auto validation = static_cast<std::size_t>(config.validation_fraction * static_cast<double>(span));
  const std::size_t test_region = span - train - validation;
  const std::size_t test = test_region / config.folds;
  const std::size_t shortest = std::min({train, validation, test});
  if (shortest < min_steps || shortest == 0) {
    const auto length = [&](std::size_t steps) {
      return std::to_string(steps) + " steps (" + std::to_string(static_cast<double>(steps) * hours / 24.0) + " days)";
    };
    throw ConfigError("the tape of " + length(n_steps) + " is too short to split: train " + length(train) + ", validation " +
                      length(validation) + ", test " + length(test) + " per fold, embargo " + length(embargo) +
                      " twice; each window must hold one episode of " + length(min_steps) +
                      ": use more data, shorter episodes (episode length), other fractions, a smaller embargo or fewer folds");
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

}  // namespace rlx::funding

#endif  // RLX_FUNDING_SPLIT_HPP
