// SPDX-License-Identifier: MIT
/// @file
/// @brief Positions of records by their id, for joins over many records.
#ifndef RLX_SIGNALS_DETAIL_ID_TABLE_HPP
#define RLX_SIGNALS_DETAIL_ID_TABLE_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace rlx::signals::detail {

/**
 * @brief The position of each record's `signal_id`, built once; of equal ids the first counts.
 *
 * A flat table with linear probing, at most half full: a lookup touches one line of it and one record. Refers to the records,
 * which must stay where they are.
 */
template <class Record>
class IdTable {
 public:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  /// Requires fewer than 2^32 - 1 records.
  explicit IdTable(std::span<const Record> records) : records_(records), slots_(std::bit_ceil(2 * records.size() + 1)) {
    for (std::size_t i = 0; i < records.size(); ++i) {
      const std::size_t hash = std::hash<std::string_view>{}(records[i].signal_id);
      Slot& slot = slots_[place(records[i].signal_id, hash)];
      if (slot.position == none) slot = {tag(hash), static_cast<std::uint32_t>(i)};
    }
  }

  /// `none` for an id that no record has.
  std::uint32_t find(std::string_view id) const { return slots_[place(id, std::hash<std::string_view>{}(id))].position; }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t position = none;
  };

  static std::uint32_t tag(std::size_t hash) { return static_cast<std::uint32_t>(hash >> (sizeof(hash) * 4)); }
  /// The slot that holds the id, or the free one where it would go.
  std::size_t place(std::string_view id, std::size_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.position == none || (slot.tag == tag(hash) && records_[slot.position].signal_id == id)) return at;
    }
  }

  std::span<const Record> records_;
  std::vector<Slot> slots_;
};

}  // namespace rlx::signals::detail

#endif  // RLX_SIGNALS_DETAIL_ID_TABLE_HPP
