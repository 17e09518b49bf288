// SPDX-License-Identifier: MIT
/// @file
/// @brief What an import read, repaired and left out.
#ifndef RLX_KALSHI_IMPORT_REPORT_HPP
#define RLX_KALSHI_IMPORT_REPORT_HPP

#include <cstdint>

namespace rlx::inline v0_1::kalshi {

/// Counts of one import. What a format does not have stays 0.
struct ImportReport {
  std::uint64_t rows = 0;                                ///< data rows of the CSV, or frames
  std::uint64_t markets = 0;                             ///< of the session, after the import
  std::uint64_t events = 0;                              ///< rows that the session received
  std::uint64_t snapshots = 0;                           ///< frames of this kind
  std::uint64_t deltas = 0;                              ///< frames of this kind
  std::uint64_t trades = 0;                              ///< frames of this kind
  std::uint64_t replies = 0;                             ///< `ok` and `subscribed`
  std::uint64_t unknown = 0;                             ///< frames of other types, skipped
  std::uint64_t gaps = 0;                                ///< places where sequence numbers are missing
  std::uint64_t duplicates = 0;                          ///< repeated sequence numbers or quotes, dropped
  std::uint64_t backwards = 0;                           ///< times earlier than the frame before, raised to it
  std::uint64_t before_snapshot = 0;                     ///< deltas and trades ahead of their market's first snapshot, skipped
  std::uint64_t same_millisecond = 0;                    ///< rows that share market and millisecond with the row before
  std::uint64_t one_sided = 0;                           ///< top-of-book rows with one bid only
  std::uint64_t empty = 0;                               ///< top-of-book rows without bids
  std::uint64_t locked = 0;                              ///< top-of-book rows with bid = ask
  std::uint64_t crossed = 0;                             ///< top-of-book rows with bid > ask
  bool operator==(const ImportReport&) const = default;  ///< Memberwise.
};

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_IMPORT_REPORT_HPP
