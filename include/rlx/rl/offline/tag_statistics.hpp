// SPDX-License-Identifier: MIT
/// @file
/// @brief How the strategies of a log did against one another: figures of the rewards per tag.
#ifndef RLX_RL_OFFLINE_TAG_STATISTICS_HPP
#define RLX_RL_OFFLINE_TAG_STATISTICS_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/risk/bootstrap.hpp>
#include <rlx/risk/tail.hpp>
#include <rlx/rl/offline/dataset.hpp>

namespace rlx::inline v0_1 {

/// Figures of the rows of one strategy.
struct TagStatistics {
  std::string tag;                ///< name of the strategy
  std::size_t rows = 0;           ///< >= 1
  risk::Interval mean_reward;     ///< with the interval of a bootstrap over rows
  double hit_rate = 0;            ///< share of rows with a reward above 0
  double tail_mean = 0;           ///< mean of the worst rewards, the tail mass of them
  double worst = 0;               ///< lowest reward
  double total_pnl = 0;           ///< of the rows whose pnl is known
  std::size_t rows_with_pnl = 0;  ///< rows behind total_pnl
};

/// How they are computed.
struct TagStatisticsConfig {
  risk::TailMass tail{0.05};       ///< of tail_mean
  std::uint64_t seed = 0;          ///< of the bootstrap
  std::size_t replicates = 2'000;  ///< of the bootstrap
  double confidence = 0.95;        ///< of the interval, in (0, 1)
};

/// One entry per tag that has rows, in the order of `OfflineInfo::tags`. Rows are taken as independent, as the legs of a ladder
/// are; for long episodes compare episodes (`filter` and `evaluate_off_policy`) instead.
/// @throws ConfigError (config)
template <std::same_as<OfflineDataset> Data>
std::vector<TagStatistics> tag_statistics(const Data& data, const TagStatisticsConfig& config = {}) {
  std::vector<std::vector<double>> rewards(data.info().tags.size());
  std::vector<TagStatistics> all(rewards.size());
  for (std::size_t row = 0; row < data.size(); ++row) {
    const auto tag = static_cast<std::size_t>(data.columns().tag[row]);
    rewards[tag].push_back(data.reward(row));
    const double pnl = data.columns().pnl[row];
    if (!is_finite(pnl)) continue;
    all[tag].total_pnl += pnl;
    ++all[tag].rows_with_pnl;
  }
  std::vector<TagStatistics> found;
  for (std::size_t tag = 0; tag < all.size(); ++tag) {
    const std::vector<double>& x = rewards[tag];
    if (x.empty()) continue;
    TagStatistics& one = all[tag];
    one.tag = data.info().tags[tag];
    one.rows = x.size();
    one.mean_reward = risk::bootstrap_mean(
        x, {.block = 1, .replicates = config.replicates, .confidence = config.confidence, .seed = config.seed});
    one.tail_mean = risk::tail(x, config.tail).tail_mean;
    one.worst = x[0];
    for (const double reward : x) {
      one.hit_rate += reward > 0 ? 1 / static_cast<double>(x.size()) : 0;
      one.worst = std::min(one.worst, reward);
    }
    found.push_back(std::move(one));
  }
  return found;
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_TAG_STATISTICS_HPP
