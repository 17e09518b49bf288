// SPDX-License-Identifier: MIT
/// @file
/// @brief Fills a DataReport from sorted rows: gaps, missing settlements, intervals, coverage, sizes of rates.
#ifndef RLX_FUNDING_DETAIL_MEASURE_DATA_HPP
#define RLX_FUNDING_DETAIL_MEASURE_DATA_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/funding/data_report.hpp>
#include <rlx/funding/detail/measure_rates.hpp>
#include <rlx/funding/detail/measure_spreads.hpp>
#include <rlx/funding/tape_data.hpp>
#include <rlx/funding/types.hpp>
#include <rlx/funding/venues.hpp>

namespace rlx::inline v0_1::funding::detail {

inline void measure_gaps(DataReport& report, const Instrument& instrument, std::span<const PriceRow> rows,
                         std::int64_t max_age) {
  PriceGaps gaps;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const std::int64_t distance = rows[i].ts_ms - rows[i - 1].ts_ms;
    if (distance <= max_age) continue;
    ++gaps.count;
    gaps.longest_hours = std::max(gaps.longest_hours, static_cast<double>(distance) / static_cast<double>(ms_per_hour));
  }
  if (gaps.count == 0) return;
  gaps.instrument = instrument.venue_name + ' ' + instrument.symbol_name;
  report.gaps.push_back(gaps);
}

inline void measure_settlements(DataReport& report, std::span<const Settlement> settlements) {
  for (std::size_t i = 1; i < settlements.size(); ++i) {
    const double hours =
        static_cast<double>(settlements[i].settle_ms - settlements[i - 1].settle_ms) / static_cast<double>(ms_per_hour);
    const double absent = std::floor(hours / settlements[i].interval_hours + 0.5) - 1.0;
    if (absent >= 1.0) report.missing_settlements += static_cast<std::size_t>(absent);
    if (settlements[i].interval_hours != settlements[i - 1].interval_hours) ++report.interval_changes;
  }
}

inline std::array<double, 4> quantiles(std::vector<double> values) {
  std::array<double, 4> result{};
  if (values.empty()) return result;
  const auto at = [&](double q) {
    const auto n = static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + n, values.end());
    return values[static_cast<std::size_t>(n)];
  };
  result = {at(0.5), at(0.9), at(0.99), at(1.0)};
  return result;
}

// Instruments that are at no time within the limits of the filter, and the pairs that are never offered for it.
inline void measure_filter(DataReport& report, std::span<const Instrument> instruments,
                           std::span<const std::span<const PriceRow>> rows,
                           std::span<const std::span<const Settlement>> settlements, std::int64_t last_ms,
                           const OpportunityFilter& filter, bool history_rule) {
  const auto within = [](float value, auto&& good) { return !is_finite(value) || good(static_cast<double>(value)); };
  const auto passes = [&](std::size_t i) {
    bool narrow = false, deep = false, busy = false, all = false;
    for (std::size_t r = 0; r < rows[i].size() && !all; ++r) {
      const PriceRow& row = rows[i][r];
      const bool spread = within(row.bid_ask_bps, [&](double x) { return x <= filter.max_bid_ask_bps; });
      const bool depth = within(row.depth_usd, [&](double x) { return x >= filter.min_depth; });
      const bool volume = within(row.volume_quote_24h, [&](double x) { return x >= filter.min_volume; });
      narrow |= spread;
      deep |= depth;
      busy |= volume;
      all = spread && depth && volume;
    }
    const double known = settlements[i].empty() ? -1.0 : static_cast<double>(last_ms - settlements[i].front().settle_ms);
    const bool old = !history_rule || (settlements[i].size() >= filter.min_settlements &&
                                       known >= filter.min_history_h * static_cast<double>(ms_per_hour));
    const bool priced = !rows[i].empty();  // what has no prices is told by `measure_matches`
    report.never_narrow += priced && !narrow;
    report.never_deep += priced && !deep;
    report.never_busy += priced && !busy;
    report.never_settled += !old;
    return all && old;
  };
  for (std::size_t i = 0, j = 0; i < instruments.size(); i = j) {
    std::size_t passing = 0;
    for (; j < instruments.size() && instruments[j].symbol == instruments[i].symbol; ++j) passing += passes(j);
    const std::size_t all = j - i;
    report.filtered_pairs += all * (all - 1) / 2 - (passing > 0 ? passing * (passing - 1) / 2 : 0);
  }
}

// Instruments that only one of the two files knows, and the pairs for which there is all that trading needs.
inline void measure_matches(DataReport& report, std::span<const Instrument> instruments,
                            std::span<const std::span<const PriceRow>> rows,
                            std::span<const std::span<const Settlement>> settlements, bool candidates_only) {
  for (std::size_t i = 0, j = 0; i < instruments.size(); i = j) {
    std::size_t usable = 0;
    for (; j < instruments.size() && instruments[j].symbol == instruments[i].symbol; ++j) {
      const std::string name = instruments[j].venue_name + ' ' + instruments[j].symbol_name;
      if (rows[j].empty()) {
        report.unpriced.push_back(name);
      } else if (settlements[j].empty() && !candidates_only) {
        report.unsettled.push_back(name);
      } else {
        ++usable;
      }
    }
    report.usable_pairs += usable > 0 ? usable * (usable - 1) / 2 : 0;
  }
}

// @param row_counts per instrument: number of usable rows at each grid time, one entry more than steps
inline void measure(DataReport& report, std::span<const Instrument> instruments,
                    std::span<const std::span<const PriceRow>> rows, std::span<const std::span<const Settlement>> settlements,
                    std::span<const std::span<const std::uint32_t>> row_counts, std::int64_t start_ms,
                    const TapeConfig& config) {
  report.instruments = instruments.size();
  std::int64_t first = std::numeric_limits<std::int64_t>::max(), last = std::numeric_limits<std::int64_t>::min();
  std::size_t seen = 0, fresh = 0;
  std::vector<double> rates;
  double largest_btc_volume = -1.0;
  for (std::size_t i = 0; i < instruments.size(); ++i) {
    report.price_rows += rows[i].size();
    report.settlements += settlements[i].size();
    if (!rows[i].empty()) {
      first = std::min(first, rows[i].front().ts_ms);
      last = std::max(last, rows[i].back().ts_ms);
    }
    if (!settlements[i].empty()) {
      first = std::min(first, settlements[i].front().settle_ms);
      last = std::max(last, settlements[i].back().settle_ms);
    }
    measure_gaps(report, instruments[i], rows[i], config.max_price_age_ms);
    measure_settlements(report, settlements[i]);
    for (const Settlement& s : settlements[i]) rates.push_back(std::fabs(8e4 * s.rate / s.interval_hours));
    for (std::size_t k = 0; k + 1 < row_counts[i].size(); ++k) {
      const std::size_t n = row_counts[i][k];
      if (n == 0) continue;
      ++seen;
      const std::int64_t t = start_ms + static_cast<std::int64_t>(k) * config.step_ms;
      if (t - rows[i][n - 1].ts_ms <= config.max_price_age_ms) ++fresh;
    }
    if (base_coin(instruments[i].symbol_name) == "BTC")
      for (const PriceRow& row : rows[i])
        if (is_finite(row.volume_quote_24h))
          largest_btc_volume = std::max(largest_btc_volume, static_cast<double>(row.volume_quote_24h));
  }
  report.first_ms = first;
  report.last_ms = last;
  report.history_days = static_cast<double>(last - first) / static_cast<double>(ms_per_day);
  report.coverage = seen == 0 ? 1.0 : static_cast<double>(fresh) / static_cast<double>(seen);
  report.stale_share = 1.0 - report.coverage;
  report.rate_quantiles_bp = quantiles(std::move(rates));
  report.volume_suspicious = largest_btc_volume >= 0.0 && largest_btc_volume < 10e6;
  std::stable_sort(report.gaps.begin(), report.gaps.end(),
                   [](const PriceGaps& a, const PriceGaps& b) { return a.count > b.count; });
  for (std::size_t i = 0, j = 0; i < instruments.size(); i = j) {
    double smallest = std::numeric_limits<double>::infinity(), largest = 0.0;
    for (; j < instruments.size() && instruments[j].symbol == instruments[i].symbol; ++j) {
      if (settlements[j].empty()) continue;
      smallest = std::min(smallest, settlements[j].back().interval_hours);
      largest = std::max(largest, settlements[j].back().interval_hours);
    }
    if (largest > smallest) ++report.interval_differences;
  }
  measure_rates(report, instruments, settlements);
  measure_spreads(report, instruments, rows, row_counts, start_ms, config.step_ms, config.max_price_age_ms);
}

}  // namespace rlx::inline v0_1::funding::detail

#endif  // RLX_FUNDING_DETAIL_MEASURE_DATA_HPP
