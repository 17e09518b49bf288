// SPDX-License-Identifier: MIT
/// @file
/// @brief The text forms of a DataReport.
#ifndef RLX_FUNDING_DETAIL_DATA_REPORT_TEXT_HPP
#define RLX_FUNDING_DETAIL_DATA_REPORT_TEXT_HPP

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <rlx/funding/data_report.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/io/number_text.hpp>

namespace rlx::inline v0_1::funding {

namespace detail {

inline std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// The first few of a list.
inline std::string some_of(const std::vector<std::string>& words) {
  constexpr std::size_t shown = 3;
  if (words.size() <= shown) return joined(words);
  return joined({words.begin(), words.begin() + shown}) + " and " + std::to_string(words.size() - shown) + " more";
}

// One finding for each pair of venues, however many symbols.
inline std::vector<DataWarning> mismatch_warnings(const DataReport& r) {
  std::vector<DataWarning> list;
  std::vector<std::pair<std::string, std::string>> told;
  for (const PriceMismatch& first : r.price_mismatches) {
    const auto venues = std::make_pair(first.first_venue, first.second_venue);
    if (std::find(told.begin(), told.end(), venues) != told.end()) continue;
    told.push_back(venues);
    const auto symbols = std::count_if(r.price_mismatches.begin(), r.price_mismatches.end(), [&](const PriceMismatch& one) {
      return one.first_venue == venues.first && one.second_venue == venues.second;
    });
    list.push_back({"the prices of " + venues.first + " and " + venues.second + " do not belong to the same time (" +
                        first.symbol + (symbols > 1 ? " and " + std::to_string(symbols - 1) + " more" : "") +
                        "): their median spread at equal steps is " + io::fixed(first.equal_bp, 1) +
                        " bp, and with one of them a step older " + io::fixed(first.lagged_bp, 1) + " bp",
                    "profits from the spread are not real: shift or drop one venue, or convert with --common-prices"});
  }
  return list;
}

inline std::string rate_mismatch_text(const RateMismatch& one) {
  const auto distance = static_cast<std::size_t>(one.lag < 0 ? -one.lag : one.lag);
  const std::string& early = one.lag < 0 ? one.second_venue : one.first_venue;
  const std::string& late = one.lag < 0 ? one.first_venue : one.second_venue;
  return "what " + early + " settles shows at " + late + ' ' + std::to_string(distance) +
         (distance == 1 ? " settlement later" : " settlements later") + " (correlation of changes " +
         io::fixed(one.lagged_correlation, 2) + ", at equal stamps " + io::fixed(one.equal_correlation, 2) + "; " +
         std::to_string(one.symbols) + (one.symbols == 1 ? " symbol)" : " symbols)");
}

}  // namespace detail

inline std::vector<DataWarning> warnings(const DataReport& r) {
  std::vector<DataWarning> list;
  const auto warn = [&list](bool applies, std::string finding, std::string advice, bool strict = false) {
    if (applies) list.push_back({std::move(finding), std::move(advice), strict});
  };
  constexpr bool strict = true;
  const auto number = [](std::size_t n) { return std::to_string(n); };
  warn(r.late_detections > 0, number(r.late_detections) + " rows were detected after the time they are stamped with",
       "prices and rates of a later time count as known before it, so results on such rows are too good: export the time of "
       "detection as entry_time; --strict-data refuses such data",
       strict);
  for (DataWarning& one : detail::mismatch_warnings(r)) list.push_back(std::move(one));
  for (const RateMismatch& one : r.rate_mismatches)
    warn(true,
         "the settled rates of " + one.first_venue + " and " + one.second_venue +
             " do not belong to the same time: " + detail::rate_mismatch_text(one),
         "their net rate is not what a position would have earned: shift the stamps of one venue, or drop it");
  warn(r.coverage < 0.8, "coverage is " + io::fixed(100.0 * r.coverage, 1) + " %, below 80 %",
       "positions would be held at stale prices: fill the gaps, drop symbols that come and go, or use a longer step "
       "(--step-minutes); --strict-data refuses such data",
       strict);
  warn(r.volume_suspicious, "the 24 h volume of BTC stays below 10 M USD",
       "the column probably counts coins: pass --volume-unit base, or name it volume24h_base");
  warn(r.conflicts > 0, number(r.conflicts) + " rows had the key of another row but other values; the last one was kept",
       "find out which source is right and remove the other");
  warn(r.missing_settlements > 0, number(r.missing_settlements) + " settlements are missing",
       "nothing is paid for them: download the missing hours again, or cut the range with --start and --end");
  warn(!r.gaps.empty(), number(r.gaps.size()) + " instruments have price gaps that make them stale",
       "fill the gaps, or expect masked exits and dearer forced closes there");
  warn(r.apr_mismatches > 0,
       number(r.apr_mismatches) + " rows state a fund_apr that differs from their own rates by more than 1 %",
       "check rates and intervals of these rows: the stated APR is not used");
  warn(r.defaulted_intervals > 0, number(r.defaulted_intervals) + " rows have no funding interval; 8 h was assumed",
       "add long_funding_interval_hours and short_funding_interval_hours: a wrong interval is a wrong rate per hour");
  warn(r.implausible_stamps > 0,
       number(r.implausible_stamps) + " stated next funding times do not lie within one interval after their row",
       "the next multiple of the interval from midnight was taken instead: check the column and its time zone");
  warn(!r.unpriced.empty(),
       number(r.unpriced.size()) + " of " + number(r.instruments) +
           " instruments have no prices: " + detail::some_of(r.unpriced),
       "nothing can be traded there: name venue and symbol alike in both files, or add their prices");
  warn(!r.unsettled.empty(),
       number(r.unsettled.size()) + " of " + number(r.instruments) +
           " instruments have prices but no settlements: " + detail::some_of(r.unsettled),
       "nothing is offered there: name venue and symbol alike in both files, or add their settlements");
  warn(r.pairs == 0, "no symbol is on two venues", "add a second venue: without a pair there is nothing to trade");
  warn(r.pairs > 0 && r.filtered_pairs == r.pairs,
       "no pair ever passes the filter: of " + number(r.instruments) + " instruments " + number(r.never_narrow) +
           " always have too wide a spread, " + number(r.never_deep) + " too little depth, " + number(r.never_busy) +
           " too little volume, " + number(r.never_settled) + " too few settlements or too short a history",
       "nothing can be traded: check the units of spread, depth and volume (--volume-unit), or use more data");
  warn(r.history_days < 14.0, "the history is " + io::fixed(r.history_days, 1) + " days long",
       "train on at least 14 days, better 60: split, embargo and episodes must fit in");
  warn(r.duplicates > 0, number(r.duplicates) + " exact duplicate rows were dropped",
       "nothing to do; check the export if unexpected");
  warn(r.out_of_order > 0, number(r.out_of_order) + " rows were out of order and have been sorted", "nothing to do");
  return list;
}

inline bool fails_strict_check(const DataReport& r) {
  const std::vector<DataWarning> list = warnings(r);
  return std::any_of(list.begin(), list.end(), [](const DataWarning& one) { return one.strict; });
}

inline std::string to_text(const DataReport& r) {
  std::string text;
  const auto line = [&text](const std::string& name, const std::string& value) { text += name + ": " + value + '\n'; };
  const auto count = [&line](const std::string& name, std::size_t n) { line(name, std::to_string(n)); };
  for (const DataFileNote& file : r.files) {
    line("File", file.path + ", " + std::to_string(file.bytes) + " bytes, " + std::to_string(file.rows) + " rows");
    if (!file.ignored_columns.empty()) line("  ignored columns", detail::joined(file.ignored_columns));
  }
  count("Price rows", r.price_rows);
  count("Settlements", r.settlements);
  if (r.indicative_rows > 0) count("Indicative rates", r.indicative_rows);
  if (r.opportunity_rows > 0) count("Opportunities", r.opportunity_rows);
  line("Date range", io::format_time_ms(r.first_ms) + " to " + io::format_time_ms(r.last_ms) + " (" +
                         io::fixed(r.history_days, 1) + " days)");
  line("Grid", std::to_string(r.steps) + " steps of " + std::to_string(r.step_ms / 60'000) + " min");
  line("Venues", detail::joined(r.venues));
  line("Symbols", std::to_string(r.symbols) + " (" + std::to_string(r.instruments) + " instruments, " +
                      std::to_string(r.pairs) + " pairs)");
  count("Duplicates", r.duplicates);
  count("Conflicts", r.conflicts);
  count("Out of order", r.out_of_order);
  std::size_t gaps = 0;
  for (const PriceGaps& one : r.gaps) gaps += one.count;
  line("Gaps", std::to_string(gaps) + " in " + std::to_string(r.gaps.size()) + " instruments");
  constexpr std::size_t shown_gaps = 10;
  for (std::size_t i = 0; i < r.gaps.size() && i < shown_gaps; ++i)
    line("  " + r.gaps[i].instrument,
         std::to_string(r.gaps[i].count) + " gaps, longest " + io::fixed(r.gaps[i].longest_hours, 1) + " h");
  if (r.gaps.size() > shown_gaps) text += "  and " + std::to_string(r.gaps.size() - shown_gaps) + " more\n";
  count("Pairs with prices of different times", r.price_mismatches.size());
  constexpr std::size_t shown_pairs = 10;
  for (std::size_t i = 0; i < r.price_mismatches.size() && i < shown_pairs; ++i) {
    const PriceMismatch& one = r.price_mismatches[i];
    line("  " + one.symbol + ", " + one.first_venue + " and " + one.second_venue,
         "median spread " + io::fixed(one.equal_bp, 1) + " bp at equal steps, " + io::fixed(one.lagged_bp, 1) +
             " bp one step apart");
  }
  if (r.price_mismatches.size() > shown_pairs)
    text += "  and " + std::to_string(r.price_mismatches.size() - shown_pairs) + " more\n";
  count("Venues with rates of different times", r.rate_mismatches.size());
  for (const RateMismatch& one : r.rate_mismatches)
    line("  " + one.first_venue + " and " + one.second_venue, detail::rate_mismatch_text(one));
  count("Missing settlements", r.missing_settlements);
  count("Interval changes", r.interval_changes);
  count("Symbols with unequal intervals between venues", r.interval_differences);
  line("Stale share", io::fixed(100.0 * r.stale_share, 2) + " %");
  line("Coverage", io::fixed(100.0 * r.coverage, 2) + " %");
  line("|rate| per 8 h in bp", "median " + io::fixed(r.rate_quantiles_bp[0], 3) + ", 90 % " +
                                   io::fixed(r.rate_quantiles_bp[1], 3) + ", 99 % " + io::fixed(r.rate_quantiles_bp[2], 3) +
                                   ", largest " + io::fixed(r.rate_quantiles_bp[3], 3));
  if (!r.unpriced.empty()) count("Instruments without prices", r.unpriced.size());
  if (!r.unsettled.empty()) count("Instruments without settlements", r.unsettled.size());
  count("Pairs that never pass the filter", r.filtered_pairs);
  line("Volume unit", r.volume_suspicious ? "suspicious (BTC below 10 M USD)" : "plausible or not given");
  if (r.late_detections > 0) count("Rows detected after their time", r.late_detections);
  if (r.implausible_stamps > 0) count("Implausible next funding times", r.implausible_stamps);
  count("APR mismatches", r.apr_mismatches);
  if (r.dropped_strategies > 0) count("Dropped rows of other strategies", r.dropped_strategies);
  if (r.dropped_inverse > 0) count("Dropped rows of inverse contracts", r.dropped_inverse);
  if (r.dropped_other > 0) count("Dropped rows without use", r.dropped_other);
  for (const std::string& one : r.approximations) line("Approximation", one);
  for (const DataWarning& one : warnings(r)) text += "WARNING: " + one.finding + ". " + one.advice + ".\n";
  return text;
}

}  // namespace rlx::inline v0_1::funding

#endif  // RLX_FUNDING_DETAIL_DATA_REPORT_TEXT_HPP
