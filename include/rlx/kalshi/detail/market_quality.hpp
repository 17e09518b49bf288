// SPDX-License-Identifier: MIT
/// @file
/// @brief One replay of a market's rows that counts clamps and judges the recording.
#ifndef RLX_KALSHI_DETAIL_MARKET_QUALITY_HPP
#define RLX_KALSHI_DETAIL_MARKET_QUALITY_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/session.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi::detail {

/// Whole milliseconds of a time; the events of one decision group share them.
constexpr std::int64_t milliseconds_of(Micros us) noexcept { return us / 1'000 - (us % 1'000 < 0 ? 1 : 0); }

/// Share `part / whole`, at most 1; 0 of nothing.
constexpr double share(std::uint64_t part, std::uint64_t whole) noexcept {
  return whole == 0 ? 0.0 : std::min(static_cast<double>(part) / static_cast<double>(whole), 1.0);
}

/**
 * @brief Replays a market's rows, counts the clamped deltas into `report` and gives the quality (1-g)(1-k)(1-n)(1-o).
 *
 * g: share of the time in gaps or between the first row and the first snapshot; k: share of the decision groups outside gaps
 * that end crossed or locked; n: share of deltas clamped; o: share of rows repeated or dated backwards. Groups at the end that
 * leave both sides empty, the closing marker, enter neither g nor k. 0 without a snapshot.
 * @param book  only for its memory
 * @throws DataError for a level named twice in a snapshot, and as OrderBook::apply
 */
inline double measure_market(const EventColumns& rows, TickGrid grid, OrderBook& book, MarketReport& report) {
  book.reset(grid);
  std::uint64_t groups = 0, crossed = 0, kept_groups = 0, kept_crossed = 0;
  Micros broken_us = 0, kept_broken_us = 0, kept_end_us = 0, broken_since = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const EventRow row = rows.row(i);
    const bool snapshot_level = row.kind == EventKind::level_set_yes || row.kind == EventKind::level_set_no;
    if (snapshot_level && book.size_at(row.kind == EventKind::level_set_yes ? BookSide::yes : BookSide::no, row.price) != 0) {
      throw DataError("a snapshot names the level at YES price " + std::to_string(row.price) +
                      " (1e-4 dollar) twice; expected every level once");
    }
    const bool was_broken = book.broken();
    book.apply(row);
    if (book.broken() && !was_broken) broken_since = row.ts_us;
    if (was_broken && !book.broken()) broken_us += row.ts_us - broken_since;
    if (i + 1 < rows.size() && milliseconds_of(rows.ts_us[i + 1]) == milliseconds_of(row.ts_us)) continue;
    if (!book.broken()) {
      ++groups;
      crossed += book.crossed() ? 1 : 0;
    }
    if (book.broken() || book.levels(BookSide::yes) + book.levels(BookSide::no) > 0) {
      kept_groups = groups;
      kept_crossed = crossed;
      kept_end_us = row.ts_us;
      kept_broken_us = broken_us + (book.broken() ? row.ts_us - broken_since : 0);
    }
  }
  report.clamped = book.clamped();
  if (report.snapshots == 0 || kept_groups == 0) return 0.0;
  const auto without_book = static_cast<Micros>(report.before_snapshot_us);
  const Micros time = kept_end_us - rows.ts_us[0] + without_book;
  const double in_gaps = time == 0 ? 0.0 : static_cast<double>(kept_broken_us + without_book) / static_cast<double>(time);
  return (1.0 - in_gaps) * (1.0 - share(kept_crossed, kept_groups)) * (1.0 - share(report.clamped, report.deltas)) *
         (1.0 - share(report.duplicates + report.backwards, report.events + report.duplicates));
}

}  // namespace rlx::inline v0_1::kalshi::detail

#endif  // RLX_KALSHI_DETAIL_MARKET_QUALITY_HPP
