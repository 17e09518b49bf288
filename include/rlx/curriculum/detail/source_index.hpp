// SPDX-License-Identifier: MIT
#ifndef RLX_CURRICULUM_DETAIL_SOURCE_INDEX_HPP
#define RLX_CURRICULUM_DETAIL_SOURCE_INDEX_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/state.hpp>
#include <rlx/curriculum/episode_info.hpp>
#include <rlx/env/episode_sampler.hpp>

namespace rlx::inline v0_1::curriculum::detail {

/// Source numbers of a sampler's entries, both ways.
class SourceIndex {
 public:
  explicit SourceIndex(std::span<const EpisodeInfo> infos) {
    if (infos.empty()) throw ConfigError("sampler: no source to choose from");
    for (std::size_t i = 0; i < infos.size(); ++i) {
      sources_.push_back(infos[i].source);
      sorted_.emplace_back(infos[i].source, i);
    }
    std::sort(sorted_.begin(), sorted_.end());
    const auto twice =
        std::adjacent_find(sorted_.begin(), sorted_.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
    if (twice != sorted_.end()) {
      throw ConfigError("sampler: source " + std::to_string(twice->first) + " is listed twice; expected each source once");
    }
  }

  std::size_t size() const noexcept { return sources_.size(); }

  /// Entry of a source; `size()` for a source that is not listed.
  std::size_t entry(std::size_t source) const noexcept {
    const auto found = std::lower_bound(sorted_.begin(), sorted_.end(), std::pair<std::size_t, std::size_t>{source, 0});
    return found != sorted_.end() && found->first == source ? found->second : size();
  }

  /// Source of an entry. @throws ConfigError if the environment has no such source
  std::size_t source(std::size_t entry, const EpisodeKey& key) const {
    const std::size_t source = sources_[entry];
    if (source >= key.num_sources) {
      throw ConfigError("sampler: source " + std::to_string(source) + " was chosen, but the environment has " +
                        std::to_string(key.num_sources) + "; build the sampler from the environment's own sources");
    }
    return source;
  }

  void save_state(StateWriter& writer) const {
    writer.write(static_cast<std::uint64_t>(size()));
    for (const std::size_t source : sources_) writer.write(static_cast<std::uint64_t>(source));
  }
  /// @throws CheckpointError if the state was saved for other sources
  void check_state(StateReader& reader) const {
    const auto count = reader.read<std::uint64_t>();
    if (count != size()) {
      throw CheckpointError("sampler: saved for " + std::to_string(count) + " sources, found " + std::to_string(size()) +
                            "; resume with the sources of the saved run");
    }
    for (std::size_t i = 0; i < size(); ++i) {
      const auto saved = reader.read<std::uint64_t>();
      if (saved != sources_[i]) {
        throw CheckpointError("sampler: entry " + std::to_string(i) + " was source " + std::to_string(saved) + ", found " +
                              std::to_string(sources_[i]) + "; resume with the sources of the saved run");
      }
    }
  }

 private:
  std::vector<std::size_t> sources_;
  std::vector<std::pair<std::size_t, std::size_t>> sorted_;  // (source, entry)
};

}  // namespace rlx::inline v0_1::curriculum::detail

#endif  // RLX_CURRICULUM_DETAIL_SOURCE_INDEX_HPP
