// SPDX-License-Identifier: MIT
/// @file
/// @brief Index samples of one underlying: realised volatility over a window, and the index between samples.
#ifndef RLX_OPTIONS_REALIZED_VOL_HPP
#define RLX_OPTIONS_REALIZED_VOL_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/market/black76.hpp>
#include <rlx/options/chain.hpp>

namespace rlx::inline v0_1::options {

/// Which samples make a realised volatility, and how many it takes.
struct RealizedVolConfig {
  std::int64_t window_ms = 30LL * 86'400'000;   ///< before and up to the instant asked for
  std::size_t min_returns = 20;                 ///< fewer: unknown
  std::int64_t min_span_ms = 7LL * 86'400'000;  ///< first to last sample of the window; less: unknown
};

/// Index samples (t, S), strictly increasing in time. Queries are binary searches over sums that `append` keeps, so they
/// allocate nothing; nothing asked for a time t depends on samples after t, but for `index_at`.
class IndexHistory {
 public:
  /// @param keep_ms  samples that are older than the last one by more than this may be forgotten; default: none are
  explicit IndexHistory(std::int64_t keep_ms = std::numeric_limits<std::int64_t>::max()) : keep_ms_(keep_ms) {
    if (keep_ms <= 0) throw ConfigError("keep_ms: expected more than 0, found " + std::to_string(keep_ms));
  }

  /// Adds the next sample. O(1) amortised.
  /// @throws ParseError if t_ms is not after the last sample, or the index not finite and above 0; nothing is added then
  void append(std::int64_t t_ms, double index) {
    if (!is_finite(index) || !(index > 0.0)) {
      throw ParseError("index sample at " + std::to_string(t_ms) + ": expected a finite price above 0, found " +
                       std::to_string(index));
    }
    if (!samples_.empty() && t_ms <= samples_.back().t_ms) {
      throw ParseError("index sample at " + std::to_string(t_ms) + ": expected a time after the last sample's, " +
                       std::to_string(samples_.back().t_ms));
    }
    double squares = 0.0;
    if (!samples_.empty()) {
      const double change = std::log(index / samples_.back().index);
      squares = samples_.back().squares + change * change;
    }
    samples_.push_back({t_ms, index, squares});
    forget_old();
  }

  std::size_t size() const noexcept { return samples_.size() - first_; }  ///< Samples kept.
  bool empty() const noexcept { return size() == 0; }                     ///< Whether no sample is kept.
  /// Time of the oldest sample kept. @pre not empty
  std::int64_t first_ms() const { return samples_.at(first_).t_ms; }
  /// Time of the newest sample. @pre not empty
  std::int64_t last_ms() const { return samples_.at(samples_.size() - 1).t_ms; }
  /// Room for that many samples: appending them does not allocate.
  void reserve(std::size_t samples) { samples_.reserve(samples); }

  /**
   * @brief Annual volatility of the samples in [now - window, now], as a fraction: sqrt(sum of squared log returns / time
   *        covered), of zero mean, whatever the spacing.
   * @return  nothing where there are too few returns or they span too little time. O(log n), no allocation.
   */
  std::optional<double> realized_vol(std::int64_t now_ms, const RealizedVolConfig& config = {}) const noexcept {
    const std::size_t end = first_after(now_ms);
    return end == first_ ? std::nullopt : realized_vol_up_to(samples_[end - 1], end - 1, now_ms, config);
  }
  /// The same where the index of this very moment is known but not a sample yet: what `realized_vol` would say after
  /// `append(now_ms, index)`. A sample of that time or a later one takes precedence. O(log n), no allocation.
  /// @pre index finite and above 0
  std::optional<double> realized_vol(std::int64_t now_ms, double index, const RealizedVolConfig& config = {}) const noexcept {
    if (empty()) return {};
    if (last_ms() >= now_ms) return realized_vol(now_ms, config);
    const double change = std::log(index / samples_.back().index);
    return realized_vol_up_to({now_ms, index, samples_.back().squares + change * change}, samples_.size(), now_ms, config);
  }

  /// The index at any time between the first and the last sample: linear between its neighbours, with the distance of the two;
  /// exact, with gap 0, at a sample. Nothing outside. O(log n), no allocation.
  std::optional<IndexPoint> index_at(std::int64_t ts_ms) const noexcept {
    const std::size_t next = first_after(ts_ms);
    if (next == first_) return {};
    const Sample& before = samples_[next - 1];
    if (before.t_ms == ts_ms) return IndexPoint{before.index, 0};
    if (next == samples_.size()) return {};
    const Sample& after = samples_[next];
    const std::int64_t gap = after.t_ms - before.t_ms;
    const double share = static_cast<double>(ts_ms - before.t_ms) / static_cast<double>(gap);
    return IndexPoint{before.index + share * (after.index - before.index), gap};
  }

  /// The newest sample not after `ts_ms`: its index, with its age as the gap. Nothing before the first. O(log n).
  std::optional<IndexPoint> latest_at(std::int64_t ts_ms) const noexcept {
    const std::size_t next = first_after(ts_ms);
    if (next == first_) return {};
    return IndexPoint{samples_[next - 1].index, ts_ms - samples_[next - 1].t_ms};
  }

 private:
  struct Sample {
    std::int64_t t_ms;
    double index;
    double squares;  // sum of squared log returns up to this sample
  };

  // Over the window that ends now and whose newest sample, at position `last`, is `to`.
  std::optional<double> realized_vol_up_to(const Sample& to, std::size_t last, std::int64_t now_ms,
                                           const RealizedVolConfig& config) const noexcept {
    const std::size_t begin = first_after(now_ms - config.window_ms - 1);
    if (last <= begin || last - begin < config.min_returns) return {};
    const std::int64_t span = to.t_ms - samples_[begin].t_ms;
    if (span < config.min_span_ms) return {};
    return std::sqrt(std::max(to.squares - samples_[begin].squares, 0.0) / market::years_of(span));
  }

  std::size_t first_after(std::int64_t ts_ms) const noexcept {
    const auto found = std::upper_bound(samples_.begin() + static_cast<std::ptrdiff_t>(first_), samples_.end(), ts_ms,
                                        [](std::int64_t t, const Sample& sample) { return t < sample.t_ms; });
    return static_cast<std::size_t>(found - samples_.begin());
  }

  // Old samples are cut off when they are half of the memory, so that an append costs O(1) on average.
  void forget_old() {
    while (samples_.back().t_ms - samples_[first_].t_ms > keep_ms_) ++first_;
    if (first_ > 64 && first_ > samples_.size() / 2) {
      samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
  }

  std::vector<Sample> samples_;
  std::size_t first_ = 0;  // of the samples kept
  std::int64_t keep_ms_;
};

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_REALIZED_VOL_HPP
