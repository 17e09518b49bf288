// SPDX-License-Identifier: MIT
#ifndef RLX_CURRICULUM_DETAIL_WEIGHTED_SOURCES_HPP
#define RLX_CURRICULUM_DETAIL_WEIGHTED_SOURCES_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/curriculum/detail/source_index.hpp>

namespace rlx::inline v0_1::curriculum::detail {

/// Draws a source with given masses, after no session's share exceeds its cap.
class WeightedSources {
 public:
  /// @param max_session_share  in (0, 1]; empty: max(0.1, 2 / number of sessions that have mass)
  WeightedSources(std::span<const EpisodeInfo> infos, std::optional<double> max_session_share)
      : index_(infos), cap_(max_session_share) {
    if (cap_ && !(*cap_ > 0.0 && *cap_ <= 1.0)) {
      throw ConfigError("max_session_share = " + std::to_string(*cap_) + ": expected a share in (0, 1]");
    }
    std::vector<std::int64_t> sessions;
    for (const EpisodeInfo& info : infos) sessions.push_back(info.session);
    std::sort(sessions.begin(), sessions.end());
    sessions.erase(std::unique(sessions.begin(), sessions.end()), sessions.end());
    for (const EpisodeInfo& info : infos) {
      const auto found = std::lower_bound(sessions.begin(), sessions.end(), info.session);
      session_.push_back(static_cast<std::size_t>(found - sessions.begin()));
    }
    if (cap_ && *cap_ * static_cast<double>(sessions.size()) < 1.0) {
      throw ConfigError(
          "max_session_share = " + std::to_string(*cap_) + " cannot hold with " + std::to_string(sessions.size()) +
          " sessions; expected at least 1 / sessions = " + std::to_string(1.0 / static_cast<double>(sessions.size())));
    }
    share_.resize(sessions.size());
    factor_.resize(sessions.size());
    probabilities_.resize(infos.size());
    cumulative_.resize(infos.size());
  }

  const SourceIndex& index() const noexcept { return index_; }
  std::size_t size() const noexcept { return index_.size(); }
  std::span<const double> probabilities() const noexcept { return probabilities_; }

  /// @param masses  >= 0, finite, one above 0
  void set_masses(std::span<const double> masses) {
    double total = 0.0;
    for (const double mass : masses) total += mass;
    RLX_REQUIRE(total > 0.0, "a sampler left no source to choose");
    std::fill(share_.begin(), share_.end(), 0.0);
    for (std::size_t i = 0; i < size(); ++i) share_[session_[i]] += masses[i] / total;
    find_factors();
    double sum = 0.0;
    for (std::size_t i = 0; i < size(); ++i) {
      probabilities_[i] = masses[i] / total * factor_[session_[i]];
      sum += probabilities_[i];
      cumulative_[i] = sum;
      if (masses[i] > 0.0) last_ = i;
    }
  }

  /// The first episodes of all environments are one systematic sample: each follows the probabilities, and two environments
  /// start at one source only if its probability exceeds 1 / num_envs.
  std::size_t draw(const EpisodeKey& key) const {
    const bool first = key.episode == 0;
    RandomStream random({.seed = key.seed,
                         .purpose = Purpose::curriculum,
                         .env = first ? start_stream : static_cast<std::uint32_t>(key.env),
                         .step = key.episode});
    double position = random.uniform();
    if (first) {
      position += static_cast<double>(key.env) / static_cast<double>(key.num_envs);
      position -= std::floor(position);
    }
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), position * cumulative_.back());
    const auto entry = static_cast<std::size_t>(found - cumulative_.begin());
    return index_.source(std::min(entry, last_), key);  // rounding may pass the last one
  }

 private:
  static constexpr std::uint32_t start_stream = 0xFFFFFFFEU;  // next to pass_stream

  /// Sessions above the cap are scaled down to it, the others up by one factor, until none exceeds.
  void find_factors() {
    std::size_t active = 0;
    for (const double share : share_) active += share > 0.0 ? 1 : 0;
    const double sessions = static_cast<double>(active);
    const double cap = cap_ ? std::max(*cap_, 1.0 / sessions) : std::max(0.1, 2.0 / sessions);
    std::fill(factor_.begin(), factor_.end(), 0.0);  // 0: not capped
    for (bool found = true; found;) {
      found = false;
      double capped = 0.0;
      double free = 0.0;
      for (std::size_t s = 0; s < share_.size(); ++s) (factor_[s] > 0.0 ? capped : free) += factor_[s] > 0.0 ? cap : share_[s];
      scale_ = free > 0.0 ? (1.0 - capped) / free : 1.0;
      for (std::size_t s = 0; s < share_.size(); ++s) {
        if (factor_[s] == 0.0 && share_[s] * scale_ > cap) {
          factor_[s] = cap / share_[s];
          found = true;
        }
      }
    }
    for (double& factor : factor_) factor = factor > 0.0 ? factor : scale_;
  }

  SourceIndex index_;
  std::optional<double> cap_;
  std::vector<std::size_t> session_;  // of each entry, dense
  std::vector<double> share_, factor_;
  std::vector<double> probabilities_, cumulative_;
  double scale_ = 1.0;
  std::size_t last_ = 0;
};

}  // namespace rlx::inline v0_1::curriculum::detail

#endif  // RLX_CURRICULUM_DETAIL_WEIGHTED_SOURCES_HPP
