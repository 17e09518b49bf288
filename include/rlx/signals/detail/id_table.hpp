// SPDX-License-Identifier: MIT
/// @file
/// @brief Positions of records by their id, for joins over many records.
#ifndef RLX_SIGNALS_DETAIL_ID_TABLE_HPP
#define RLX_SIGNALS_DETAIL_ID_TABLE_HPP

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace rlx::inline v0_1::signals::detail {

/**
 * @brief The position of each record's `signal_id`, built once; of equal ids the first counts.
 *
 * A flat table with linear probing, at most half full, and a copy of all ids in one text: records are too large for a cache to
 * hold many of them, and a join that compared with the ids in them would wait for memory at each.
 */
class IdTable {
 public:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  /// Requires fewer than 2^32 - 1 records. The records are not referred to later.
  template <class Record>
  explicit IdTable(const std::vector<Record>& records) : slots_(std::bit_ceil(2 * records.size() + 1)) {
    begins_.reserve(records.size() + 1);
    std::array<std::size_t, 16> hashes{};
    for (std::size_t begin = 0; begin < records.size(); begin += hashes.size()) {
      const std::size_t end = std::min(begin + hashes.size(), records.size());
      for (std::size_t i = begin; i < end; ++i) {
        if (i + 16 < records.size()) __builtin_prefetch(&records[i + 16].signal_id);
        const std::size_t hash = hashes[i - begin] = std::hash<std::string_view>{}(records[i].signal_id);
        __builtin_prefetch(&slots_[hash & (slots_.size() - 1)], 1);
        ids_.append(records[i].signal_id);
        begins_.push_back(ids_.size());
      }
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t hash = hashes[i - begin];
        Slot& slot = slots_[place(id_of(i), hash)];
        unique_ = unique_ && slot.position == none;
        if (slot.position == none) slot = {tag(hash), static_cast<std::uint32_t>(i)};
      }
    }
  }

  /// `none` for an id that no record has.
  std::uint32_t find(std::string_view id) const { return slots_[place(id, std::hash<std::string_view>{}(id))].position; }

  /**
   * @brief `find` for the `signal_id` of each of other records.
   *
   * Records follow their signals in much the same order. So after one that was found a few places behind its predecessor's, the
   * next places are looked at before the table, whose places are scattered.
   */
  template <class Record>
  std::vector<std::uint32_t> join(const std::vector<Record>& records) const {
    constexpr std::size_t near = 8;
    std::vector<std::uint32_t> positions;
    positions.reserve(records.size());
    std::size_t next = 0;
    bool in_order = unique_;
    for (const Record& record : records) {
      std::uint32_t position = none;
      if (in_order) {
        const std::size_t end = std::min(next + near, begins_.size() - 1);
        for (std::size_t at = next; at < end && position == none; ++at) {
          if (id_of(at) == record.signal_id) position = static_cast<std::uint32_t>(at);
        }
      }
      if (position == none) position = find(record.signal_id);
      positions.push_back(position);
      if (position == none) continue;
      in_order = unique_ && position >= next && position - next < near;
      next = position + std::size_t{1};
    }
    return positions;
  }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t position = none;
  };

  static std::uint32_t tag(std::size_t hash) { return static_cast<std::uint32_t>(hash >> (sizeof(hash) * 4)); }
  std::string_view id_of(std::size_t position) const {
    return std::string_view(ids_).substr(begins_[position], begins_[position + 1] - begins_[position]);
  }
  /// The slot that holds the id, or the free one where it would go.
  std::size_t place(std::string_view id, std::size_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.position == none || (slot.tag == tag(hash) && id_of(slot.position) == id)) return at;
    }
  }

  std::vector<Slot> slots_;
  std::string ids_;                        // all of them, one behind the other
  std::vector<std::size_t> begins_ = {0};  // in `ids_`, and the end
  bool unique_ = true;
};

}  // namespace rlx::inline v0_1::signals::detail

#endif  // RLX_SIGNALS_DETAIL_ID_TABLE_HPP
