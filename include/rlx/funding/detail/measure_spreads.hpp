// SPDX-License-Identifier: MIT
/// @file
/// @brief Finds venues whose prices of a symbol do not belong to the same time.
#ifndef RLX_FUNDING_DETAIL_MEASURE_SPREADS_HPP
#define RLX_FUNDING_DETAIL_MEASURE_SPREADS_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <rlx/funding/data_report.hpp>
#include <rlx/funding/types.hpp>

namespace rlx::inline v0_1::funding::detail {

/// The prices of one instrument on the grid: rows, and how many of them are usable at each step.
struct GridPrices {
  std::span<const PriceRow> rows;
  std::span<const std::uint32_t> counts;

  const PriceRow* at(std::size_t k) const { return counts[k] == 0 ? nullptr : &rows[counts[k] - 1]; }
};

inline double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Median distance from the median; a premium that lasts is real and does not count.
inline double median_deviation(std::vector<double>& values) {
  const double middle = median_of(values);
  for (double& value : values) value = std::fabs(value - middle);
  return median_of(values);
}

// Every step that is looked at: at most about 2,000, and no multiple of 2 or 3 apart, so that all hours of the day and all rows
// of a bar longer than a step are met.
inline std::size_t sample_stride(std::size_t steps) {
  constexpr std::size_t most_samples = 2'000;
  std::size_t stride = (steps + most_samples - 1) / most_samples;
  while (stride > 1 && (stride % 2 == 0 || stride % 3 == 0)) ++stride;
  return std::max<std::size_t>(stride, 1);
}

/**
 * The prices of two venues whose stamps agree lie far closer together at equal steps than with one of them a step older. Stamps
 * that are half a step apart, or more, make the spread as large as a step's move. Told from a real spread, which is large but
 * slow, by a second sign: from step to step it changes about as much as the price itself does.
 */
inline std::optional<PriceMismatch> find_mismatch(const GridPrices& a, const GridPrices& b, std::int64_t start_ms,
                                                  std::int64_t step_ms, std::int64_t max_age_ms) {
  constexpr double agreeing_bp = 5.0;  // smaller spreads earn nothing after costs, whatever they come from
  constexpr std::size_t min_samples = 30;
  const auto distance = [](const PriceRow& x, const PriceRow& y) { return 2e4 * (y.price - x.price) / (x.price + y.price); };
  std::vector<double> equal, older_a, older_b, changes, moves;
  const std::size_t steps = a.counts.size() - 1, stride = sample_stride(steps);
  for (std::size_t k = stride; k < steps; k += stride) {
    const std::int64_t oldest = start_ms + static_cast<std::int64_t>(k) * step_ms - max_age_ms;
    const PriceRow *a0 = a.at(k), *b0 = b.at(k), *a1 = a.at(k - 1), *b1 = b.at(k - 1);
    if (a1 == nullptr || b1 == nullptr || a0->ts_ms < oldest || b0->ts_ms < oldest) continue;
    equal.push_back(distance(*a0, *b0));
    if (a0 != a1) older_a.push_back(distance(*a1, *b0));
    if (b0 != b1) older_b.push_back(distance(*a0, *b1));
    if (a0 == a1 || b0 == b1) continue;
    changes.push_back(std::fabs(equal.back() - distance(*a1, *b1)));
    moves.push_back(std::min(std::fabs(distance(*a1, *a0)), std::fabs(distance(*b1, *b0))));
  }
  if (changes.size() < min_samples) return std::nullopt;  // then the others have as many
  PriceMismatch found;
  found.equal_bp = median_deviation(equal);
  found.lagged_bp = std::min(median_deviation(older_a), median_deviation(older_b));
  if (!(found.equal_bp > agreeing_bp && found.equal_bp > 0.5 * found.lagged_bp)) return std::nullopt;
  if (!(median_of(changes) > 0.5 * median_of(moves))) return std::nullopt;
  return found;
}

// @param row_counts per instrument: number of usable rows at each grid time, one entry more than steps
inline void measure_spreads(DataReport& report, std::span<const Instrument> instruments,
                            std::span<const std::span<const PriceRow>> rows,
                            std::span<const std::span<const std::uint32_t>> row_counts, std::int64_t start_ms,
                            std::int64_t step_ms, std::int64_t max_age_ms) {
  for (std::size_t i = 0; i < instruments.size(); ++i)
    for (std::size_t j = i + 1; j < instruments.size() && instruments[j].symbol == instruments[i].symbol; ++j) {
      const GridPrices a{rows[i], row_counts[i]}, b{rows[j], row_counts[j]};
      std::optional<PriceMismatch> found = find_mismatch(a, b, start_ms, step_ms, max_age_ms);
      if (!found) continue;
      found->symbol = instruments[i].symbol_name;
      found->first_venue = instruments[i].venue_name;
      found->second_venue = instruments[j].venue_name;
      report.price_mismatches.push_back(std::move(*found));
    }
}

}  // namespace rlx::inline v0_1::funding::detail

#endif  // RLX_FUNDING_DETAIL_MEASURE_SPREADS_HPP
