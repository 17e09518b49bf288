// SPDX-License-Identifier: MIT
/// @file
/// @brief Puts the rows of one instrument in order of time, drops exact duplicates, settles or refuses conflicts, checks
/// values.
#ifndef RLX_FUNDING_DETAIL_SORT_ROWS_HPP
#define RLX_FUNDING_DETAIL_SORT_ROWS_HPP

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/funding/data_report.hpp>
#include <rlx/funding/tape_data.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/io/iso8601.hpp>

namespace rlx::inline v0_1::funding::detail {

inline std::string number_text(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), end.ptr);
}

inline bool valid_interval(double hours) {
  constexpr std::array<double, 6> known{1.0, 2.0, 4.0, 8.0, 12.0, 24.0};
  return std::find(known.begin(), known.end(), hours) != known.end();
}

inline std::string rate_problem(double rate) {
  if (is_finite(rate) && rate >= -0.5 && rate <= 0.5) return {};
  return "rate " + number_text(rate) + " is outside [-0.5, 0.5]: rates are decimal per interval (0.0001 = 1 bp), not percent";
}

inline std::string interval_problem(double hours) {
  if (valid_interval(hours)) return {};
  return "funding interval " + number_text(hours) + " h: expected 1, 2, 4, 8, 12 or 24";
}

/// Largest quoted spread: the distance of ask and bid over their middle reaches 20,000 bp where the bid is 0.
inline constexpr double max_bid_ask_bps = 20'000.0;

inline std::string bid_ask_problem(double bps) {
  if (!is_finite(bps) || (bps >= 0.0 && bps <= max_bid_ask_bps)) return {};
  return "bid_ask_bps " + number_text(bps) + ": expected 0 to 20000, or nothing; beyond it a sale would cost money";
}

inline std::string row_problem(const PriceRow& row) {
  if (std::string text = io::time_ms_problem(row.ts_ms); !text.empty()) return text;
  if (!is_finite(row.price) || row.price <= 0.0) return "price " + number_text(row.price) + ": expected a number > 0";
  if (is_finite(row.low) && (row.low > row.price || row.low <= 0.0))
    return "low " + number_text(row.low) + " must be above 0 and not above the price " + number_text(row.price);
  if (is_finite(row.high) && row.high < row.price)
    return "high " + number_text(row.high) + " is below the price " + number_text(row.price);
  for (const auto& [name, value] : {std::pair{"volume_quote_24h", row.volume_quote_24h}, std::pair{"depth_usd", row.depth_usd}})
    if (is_finite(value) && value < 0.0F)
      return std::string(name) + ' ' + number_text(static_cast<double>(value)) + ": expected a number >= 0, or nothing";
  return bid_ask_problem(static_cast<double>(row.bid_ask_bps));
}
inline std::string row_problem(const Settlement& row) {
  std::string text = io::time_ms_problem(row.settle_ms);
  if (text.empty()) text = rate_problem(row.rate);
  return text.empty() ? interval_problem(row.interval_hours) : text;
}
inline std::string row_problem(const IndicativeRate& row) {
  std::string text = io::time_ms_problem(row.ts_ms);
  if (text.empty()) text = rate_problem(row.rate);
  if (text.empty() && row.next_settle_ms != 0) text = io::time_ms_problem(row.next_settle_ms);
  if (text.empty() && row.next_settle_ms - row.ts_ms > 2 * ms_per_day)  // the longest interval is a day
    text = "next settlement " + io::format_time_ms(row.next_settle_ms) + " is more than two days after the row";
  return text.empty() && is_finite(row.interval_hours) ? interval_problem(row.interval_hours) : text;
}

inline std::int64_t row_time(const PriceRow& row) { return row.ts_ms; }
inline std::int64_t row_time(const Settlement& row) { return row.settle_ms; }
inline std::int64_t row_time(const IndicativeRate& row) { return row.ts_ms; }

inline bool same_value(double a, double b) { return is_finite(a) ? is_finite(b) && a == b : !is_finite(b); }
inline bool same_row(const PriceRow& a, const PriceRow& b) {
  const auto same = [](float x, float y) { return same_value(static_cast<double>(x), static_cast<double>(y)); };
  return a.price == b.price && same_value(a.low, b.low) && same_value(a.high, b.high) &&
         same(a.volume_quote_24h, b.volume_quote_24h) && same(a.bid_ask_bps, b.bid_ask_bps) && same(a.depth_usd, b.depth_usd);
}
inline bool same_row(const Settlement& a, const Settlement& b) {
  return a.rate == b.rate && a.interval_hours == b.interval_hours;
}
inline bool same_row(const IndicativeRate& a, const IndicativeRate& b) {
  return a.rate == b.rate && same_value(a.interval_hours, b.interval_hours) && a.next_settle_ms == b.next_settle_ms;
}

inline std::string row_text(const PriceRow& row) { return "price " + number_text(row.price); }
inline std::string row_text(const Settlement& row) {
  return "rate " + number_text(row.rate) + " per " + number_text(row.interval_hours) + " h";
}
inline std::string row_text(const IndicativeRate& row) { return "rate " + number_text(row.rate); }

struct RowSorter {
  const std::string& instrument;  // for messages
  bool last_wins;
  DataReport& report;

  // @param lines line of each row in `file`, or empty
  template <class Row>
  std::vector<Row> sort(std::vector<Row> rows, std::vector<std::uint32_t> lines, const std::string& file) const {
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (const std::string problem = row_problem(rows[i]); !problem.empty())
        throw DataError(file, lines.empty() ? 0 : lines[i], 0, instrument + ": " + problem);
    order(rows, lines);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const bool repeated = kept > 0 && row_time(rows[kept - 1]) == row_time(rows[i]);
      if (!repeated) {
        move_to(rows, lines, i, kept++);
      } else if (same_row(rows[kept - 1], rows[i])) {
        ++report.duplicates;
      } else {
        if (!last_wins) refuse(rows[kept - 1], rows[i], lines, kept - 1, i, file);
        ++report.conflicts;
        move_to(rows, lines, i, kept - 1);
      }
    }
    rows.resize(kept);
    rows.shrink_to_fit();
    return rows;
  }

 private:
  template <class Row>
  void order(std::vector<Row>& rows, std::vector<std::uint32_t>& lines) const {
    std::size_t misplaced = 0;
    for (std::size_t i = 1, latest = 0; i < rows.size(); ++i) {
      if (row_time(rows[i]) < row_time(rows[latest])) {
        ++misplaced;
      } else {
        latest = i;
      }
    }
    report.out_of_order += misplaced;
    if (misplaced == 0) return;
    std::vector<std::uint32_t> at(rows.size());
    std::iota(at.begin(), at.end(), 0U);
    // In file order among equals, so that "the last wins" means the last of the file.
    std::stable_sort(at.begin(), at.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return row_time(rows[a]) < row_time(rows[b]); });
    std::vector<Row> sorted;
    sorted.reserve(rows.size());
    std::vector<std::uint32_t> sorted_lines;
    for (const std::uint32_t i : at) {
      sorted.push_back(rows[i]);
      if (!lines.empty()) sorted_lines.push_back(lines[i]);
    }
    rows = std::move(sorted);
    lines = std::move(sorted_lines);
  }

  template <class Row>
  static void move_to(std::vector<Row>& rows, std::vector<std::uint32_t>& lines, std::size_t from, std::size_t to) {
    if (from == to) return;
    rows[to] = rows[from];
    if (!lines.empty()) lines[to] = lines[from];
  }

  template <class Row>
  [[noreturn]] void refuse(const Row& first, const Row& second, const std::vector<std::uint32_t>& lines, std::size_t i,
                           std::size_t j, const std::string& file) const {
    const std::string where = lines.empty() ? "an earlier row" : "line " + std::to_string(lines[i]);
    throw DataError(file, lines.empty() ? 0 : lines[j], 0,
                    instrument + " at " + std::to_string(row_time(second)) + ": " + row_text(second) + " conflicts with " +
                        where + " (" + row_text(first) + "); remove one row, or keep the last with --on-conflict last");
  }
};

}  // namespace rlx::inline v0_1::funding::detail

#endif  // RLX_FUNDING_DETAIL_SORT_ROWS_HPP
