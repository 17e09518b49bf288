// SPDX-License-Identifier: MIT
/// @file
/// @brief How difficult a source is, relative to the sources that are trained on.
#ifndef RLX_CURRICULUM_DIFFICULTY_HPP
#define RLX_CURRICULUM_DIFFICULTY_HPP

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/curriculum/episode_info.hpp>

namespace rlx::inline v0_1::curriculum {

/// F(x) = share of the given values below x plus half the share equal to x; the mean of F over those values is 1/2.
/// Queries take O(log n) and allocate nothing; safe from any thread.
class MidRank {
 public:
  /// @param values  finite; an empty set gives F = 1/2 everywhere
  explicit MidRank(std::vector<double> values) : sorted_(std::move(values)) { std::sort(sorted_.begin(), sorted_.end()); }

  /// @return in [0, 1]
  double operator()(double x) const noexcept {
    if (sorted_.empty()) return 0.5;
    const auto [first, last] = std::equal_range(sorted_.begin(), sorted_.end(), x);
    const auto twice = (first - sorted_.begin()) + (last - sorted_.begin());
    return static_cast<double>(twice) / (2.0 * static_cast<double>(sorted_.size()));
  }

 private:
  std::vector<double> sorted_;
};

/// One statistic of a source.
struct DifficultyTerm {
  double weight = 1.0;          ///< >= 0
  bool more_is_easier = false;  ///< use 1 - F instead of F
};

/// Spread, volatility and coverage of a market, in this order: tight, calm and well covered is easy.
inline std::vector<DifficultyTerm> market_difficulty_terms() { return {{0.3, false}, {0.5, false}, {0.2, true}}; }

/// Weighted mean of the terms' ranks among the training sources: 0 easy .. 1 hard. Held-out sources are scored with the ranks
/// of the training sources, so that nothing is learned from them.
class DifficultyScale {
 public:
  /// @param terms     statistics that count, in the order of the columns
  /// @param training  [sources][terms]: the statistics of the training sources
  /// @throws ConfigError  no term, a negative weight, no weight above 0, no source, a statistic that is not finite
  /// @throws ShapeError   another number of columns than terms
  DifficultyScale(std::vector<DifficultyTerm> terms, MatrixView<const double> training);

  /// @param statistics  one number for each term, finite
  /// @throws ShapeError, NumericError
  double operator()(std::span<const double> statistics) const;

 private:
  std::vector<DifficultyTerm> terms_;
  std::vector<MidRank> ranks_;
  double total_weight_ = 0.0;
};

/// The sources from easy to hard; equal ones by their source number.
inline std::vector<EpisodeInfo> sorted_by_difficulty(std::span<const EpisodeInfo> sources) {
  std::vector<EpisodeInfo> sorted(sources.begin(), sources.end());
  std::sort(sorted.begin(), sorted.end(), [](const EpisodeInfo& a, const EpisodeInfo& b) {
    return a.difficulty != b.difficulty ? a.difficulty < b.difficulty : a.source < b.source;
  });
  return sorted;
}

inline DifficultyScale::DifficultyScale(std::vector<DifficultyTerm> terms, MatrixView<const double> training)
    : terms_(std::move(terms)) {
  if (terms_.empty()) throw ConfigError("difficulty: expected at least one term");
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    if (!(terms_[i].weight >= 0.0 && is_finite(terms_[i].weight))) {
      throw ConfigError("difficulty: weight[" + std::to_string(i) + "] = " + std::to_string(terms_[i].weight) +
                        ": expected 0 or more");
    }
    total_weight_ += terms_[i].weight;
  }
  if (!(total_weight_ > 0.0)) throw ConfigError("difficulty: every weight is 0; expected one above 0");
  if (training.rows() == 0) throw ConfigError("difficulty: no training source to rank against");
  if (training.cols() != terms_.size()) {
    throw ShapeError("difficulty: " + std::to_string(terms_.size()) + " terms, but statistics of " +
                     std::to_string(training.cols()) + " columns");
  }
  for (std::size_t column = 0; column < terms_.size(); ++column) {
    std::vector<double> values(training.rows());
    for (std::size_t row = 0; row < values.size(); ++row) {
      values[row] = training(row, column);
      if (!is_finite(values[row])) {
        throw ConfigError("difficulty: statistic[" + std::to_string(row) + "][" + std::to_string(column) +
                          "] is not finite; filter such sources out");
      }
    }
    ranks_.emplace_back(std::move(values));
  }
}

inline double DifficultyScale::operator()(std::span<const double> statistics) const {
  if (statistics.size() != terms_.size()) {
    throw ShapeError("difficulty: expected " + std::to_string(terms_.size()) + " statistics, found " +
                     std::to_string(statistics.size()));
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    if (!is_finite(statistics[i])) throw NumericError("difficulty: statistic[" + std::to_string(i) + "] is not finite");
    const double rank = ranks_[i](statistics[i]);
    sum += terms_[i].weight * (terms_[i].more_is_easier ? 1.0 - rank : rank);
  }
  return sum / total_weight_;
}

}  // namespace rlx::inline v0_1::curriculum

#endif  // RLX_CURRICULUM_DIFFICULTY_HPP
