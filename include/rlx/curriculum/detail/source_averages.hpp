// SPDX-License-Identifier: MIT
#ifndef RLX_CURRICULUM_DETAIL_SOURCE_AVERAGES_HPP
#define RLX_CURRICULUM_DETAIL_SOURCE_AVERAGES_HPP

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/state.hpp>

namespace rlx::inline v0_1::curriculum::detail {

/// Exponential averages of each entry's return and success (return > 0).
class SourceAverages {
 public:
  SourceAverages(std::size_t entries, double alpha)
      : alpha_(alpha), returns_(entries, std::numeric_limits<double>::quiet_NaN()), success_(entries, 0.5) {
    if (!(alpha > 0.0 && alpha <= 1.0)) {
      throw ConfigError("alpha = " + std::to_string(alpha) + ": expected the weight of a new episode, in (0, 1]");
    }
  }

  void add(std::size_t entry, double episode_return) {
    double& average = returns_[entry];
    average = is_finite(average) ? average + alpha_ * (episode_return - average) : episode_return;
    success_[entry] += alpha_ * ((episode_return > 0.0 ? 1.0 : 0.0) - success_[entry]);
  }

  /// NaN before the first episode of an entry; started at its first return.
  const std::vector<double>& returns() const noexcept { return returns_; }
  /// Started at 0.5.
  const std::vector<double>& success() const noexcept { return success_; }

  void save_state(StateWriter& writer) const {
    writer.write(returns_);
    writer.write(success_);
  }
  void load_state(StateReader& reader) {
    reader.read_into(returns_);
    reader.read_into(success_);
  }

 private:
  double alpha_;
  std::vector<double> returns_, success_;
};

}  // namespace rlx::inline v0_1::curriculum::detail

#endif  // RLX_CURRICULUM_DETAIL_SOURCE_AVERAGES_HPP
