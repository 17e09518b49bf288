// SPDX-License-Identifier: MIT
/// @file
/// @brief Which sources are held out, and groups of sources by length.
#ifndef RLX_CURRICULUM_SPLIT_HPP
#define RLX_CURRICULUM_SPLIT_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/random.hpp>
#include <rlx/curriculum/episode_info.hpp>

namespace rlx::inline v0_1::curriculum {

/// Which sources are held out.
enum class HoldOutKind : std::uint8_t {
  walk_forward,  ///< the last days: the future is judged by the past
  random_events  ///< groups that share events or days, drawn by the seed
};

/// How much is held out, and by which rule.
struct HoldOutConfig {
  double share = 0.2;                            ///< least share of the sources that is held out, in (0, 1)
  HoldOutKind kind = HoldOutKind::walk_forward;  ///< which sources
  std::uint64_t seed = 0;                        ///< of random_events
};

/// Why a source is on neither side.
enum class DropReason : std::uint8_t {
  event_in_training,  ///< lies in the last days, but its event has sources before them
  embargo             ///< ends after the first held-out source begins
};

/// A source that is on neither side.
struct DroppedSource {
  std::size_t source = 0;                                 ///< number, as in EpisodeInfo
  DropReason reason = DropReason::embargo;                ///< why it was dropped
  bool operator==(const DroppedSource&) const = default;  ///< Memberwise.
};

/// Source numbers, each ascending; every source is in exactly one list.
struct Split {
  std::vector<std::size_t> training;              ///< to learn from
  std::vector<std::size_t> held_out;              ///< to judge by
  std::vector<DroppedSource> dropped;             ///< in neither, with the reason
  bool operator==(const Split&) const = default;  ///< Memberwise.
};

/**
 * @brief Divides sources into training and held out, so that no event is on both sides.
 *
 * `walk_forward`: the smallest number of last days that holds `share` of the sources. An event on both sides keeps its
 * sources before those days and loses the others. Then training sources that end after the first held-out source begins are
 * dropped (embargo). `random_events`: sources that share an event or a day form components; these are drawn in an order
 * shuffled by the seed until `share` of the sources is held out.
 * The result does not depend on the order of `sources`.
 *
 * @throws ConfigError  the share is not in (0, 1), all sources lie on one day, fewer than 5 components (random_events), or a
 *                      side would be empty; with the number of days and events
 */
inline Split hold_out(std::span<const EpisodeInfo> sources, const HoldOutConfig& config = {});

/// The sources whose numbers are listed, in the order of `sources`.
inline std::vector<EpisodeInfo> select_sources(std::span<const EpisodeInfo> sources, std::span<const std::size_t> numbers) {
  const std::set<std::size_t> wanted(numbers.begin(), numbers.end());
  std::vector<EpisodeInfo> selected;
  for (const EpisodeInfo& info : sources) {
    if (wanted.count(info.source) != 0) selected.push_back(info);
  }
  return selected;
}

/// Groups of sources with length in [edges[i], edges[i+1]), the last one without an end; shorter sources are in none.
/// @throws ConfigError  no edge, or edges that do not ascend
inline std::vector<std::vector<EpisodeInfo>> group_by_length(std::span<const EpisodeInfo> sources,
                                                             std::span<const std::size_t> edges) {
  if (edges.empty()) throw ConfigError("length groups: expected at least one edge, such as 50,200,1000");
  for (std::size_t i = 1; i < edges.size(); ++i) {
    if (edges[i] <= edges[i - 1]) {
      throw ConfigError("length groups: edge " + std::to_string(edges[i]) + " after " + std::to_string(edges[i - 1]) +
                        "; expected ascending lengths");
    }
  }
  std::vector<std::vector<EpisodeInfo>> groups(edges.size());
  for (const EpisodeInfo& info : sources) {
    const auto after = std::upper_bound(edges.begin(), edges.end(), info.length);
    if (after != edges.begin()) groups[static_cast<std::size_t>(after - edges.begin()) - 1].push_back(info);
  }
  return groups;
}

namespace detail {

/// Groups of connected entries: union-find with path halving.
class Components {
 public:
  explicit Components(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  std::size_t find(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    a = find(a);
    b = find(b);
    parent_[std::max(a, b)] = std::min(a, b);  // the root is the first member
  }

 private:
  std::vector<std::size_t> parent_;
};

/// Whether the count is at least the share of n, up to the rounding of share x n.
inline bool holds_share(std::size_t count, double share, std::size_t n) {
  return static_cast<double>(count) >= share * static_cast<double>(n) - 1e-9;
}

/// `walk_forward`: fills the three lists of `split`, in the order of `infos`.
inline void hold_out_last_days(const std::vector<EpisodeInfo>& infos, double share, Split& split) {
  std::map<std::int32_t, std::size_t> per_day;
  for (const EpisodeInfo& info : infos) ++per_day[info.day];
  std::int32_t first_day = 0;
  std::size_t count = 0;
  for (auto day = per_day.rbegin(); day != per_day.rend(); ++day) {
    first_day = day->first;
    if (holds_share(count += day->second, share, infos.size())) break;
  }
  std::set<std::uint32_t> training_events;
  for (const EpisodeInfo& info : infos) {
    if (info.day < first_day) training_events.insert(info.event);
  }
  std::optional<std::int64_t> begin_us;
  for (const EpisodeInfo& info : infos) {
    if (info.day < first_day) continue;
    if (training_events.count(info.event) != 0) {
      split.dropped.push_back({info.source, DropReason::event_in_training});
    } else {
      split.held_out.push_back(info.source);
      begin_us = std::min(begin_us.value_or(info.start_us), info.start_us);
    }
  }
  for (const EpisodeInfo& info : infos) {
    if (info.day >= first_day) continue;
    if (begin_us && info.end_us > *begin_us) {
      split.dropped.push_back({info.source, DropReason::embargo});
    } else {
      split.training.push_back(info.source);
    }
  }
}

/// @return the number of components
inline std::size_t hold_out_components(const std::vector<EpisodeInfo>& infos, const HoldOutConfig& config, Split& split) {
  Components components(infos.size());
  std::map<std::uint32_t, std::size_t> of_event;
  std::map<std::int32_t, std::size_t> of_day;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    components.join(i, of_event.emplace(infos[i].event, i).first->second);
    components.join(i, of_day.emplace(infos[i].day, i).first->second);
  }
  std::vector<std::vector<std::size_t>> members(infos.size());
  for (std::size_t i = 0; i < infos.size(); ++i) members[components.find(i)].push_back(infos[i].source);
  members.erase(std::remove_if(members.begin(), members.end(), [](const auto& list) { return list.empty(); }), members.end());
  std::vector<std::uint32_t> order(members.size());
  RandomStream random({.seed = config.seed, .purpose = Purpose::curriculum});
  permutation(random, order);
  for (const std::uint32_t i : order) {
    std::vector<std::size_t>& side =
        holds_share(split.held_out.size(), config.share, infos.size()) ? split.training : split.held_out;
    side.insert(side.end(), members[i].begin(), members[i].end());
  }
  return members.size();
}

}  // namespace detail

inline Split hold_out(std::span<const EpisodeInfo> sources, const HoldOutConfig& config) {
  std::vector<EpisodeInfo> infos(sources.begin(), sources.end());
  std::sort(infos.begin(), infos.end(), [](const EpisodeInfo& a, const EpisodeInfo& b) { return a.source < b.source; });
  std::set<std::int32_t> days;
  std::set<std::uint32_t> events;
  for (const EpisodeInfo& info : infos) {
    days.insert(info.day);
    events.insert(info.event);
  }
  const auto impossible = [&](const std::string& why) {
    return ConfigError("hold-out of " + std::to_string(config.share) + " is impossible: " + why + "; found " +
                       std::to_string(infos.size()) + " sources of " + std::to_string(days.size()) + " days and " +
                       std::to_string(events.size()) + " events");
  };
  if (!(config.share > 0.0 && config.share < 1.0)) throw impossible("expected a share above 0 and below 1");
  if (days.size() < 2) throw impossible("expected sources of at least two days; add data of other days");

  Split split;
  if (config.kind == HoldOutKind::walk_forward) {
    detail::hold_out_last_days(infos, config.share, split);
  } else {
    const std::size_t components = detail::hold_out_components(infos, config, split);
    if (components < 5) {
      throw impossible("expected at least 5 components that share no event and no day, found " + std::to_string(components));
    }
  }
  if (split.training.empty()) throw impossible("no training source is left; hold out less or add data of earlier days");
  if (split.held_out.empty()) throw impossible("every source of the last days belongs to an event that began before them");
  std::sort(split.training.begin(), split.training.end());
  std::sort(split.held_out.begin(), split.held_out.end());
  std::sort(split.dropped.begin(), split.dropped.end(),
            [](const DroppedSource& a, const DroppedSource& b) { return a.source < b.source; });
  return split;
}

}  // namespace rlx::inline v0_1::curriculum

#endif  // RLX_CURRICULUM_SPLIT_HPP
