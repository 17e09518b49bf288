// SPDX-License-Identifier: MIT
/// @file
/// @brief Finds venues whose settled rates do not belong to the same settlement.
#ifndef RLX_FUNDING_DETAIL_MEASURE_RATES_HPP
#define RLX_FUNDING_DETAIL_MEASURE_RATES_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/funding/data_report.hpp>
#include <rlx/funding/types.hpp>

namespace rlx::inline v0_1::funding::detail {

/// The rates of one instrument by settlement: `values[i]` belongs to settlement `first + i`, counted in intervals since 1970.
struct RateSeries {
  double interval_hours = 0.0;
  std::int64_t first = 0;
  std::vector<double> values;  // missing where there is no settlement

  explicit RateSeries(std::span<const Settlement> settlements) {
    if (settlements.empty()) return;
    interval_hours = settlements.back().interval_hours;
    const double length = interval_hours * static_cast<double>(ms_per_hour);
    const auto slot = [length](const Settlement& s) { return std::llround(static_cast<double>(s.settle_ms) / length); };
    first = slot(settlements.front());
    values.assign(static_cast<std::size_t>(slot(settlements.back()) - first) + 1, missing);
    for (const Settlement& s : settlements)
      if (s.interval_hours == interval_hours) values[static_cast<std::size_t>(slot(s) - first)] = s.rate;
  }

  double at(std::int64_t slot) const {
    const std::int64_t i = slot - first;
    return i >= 0 && i < static_cast<std::int64_t>(values.size()) ? values[static_cast<std::size_t>(i)] : missing;
  }
};

// Empty where one of the two does not vary.
inline std::optional<double> correlation(std::span<const double> x, std::span<const double> y) {
  constexpr double nothing = 1e-12;  // of the mean square: what rounding leaves of a constant
  const auto n = static_cast<double>(x.size());
  double x_sum = 0.0, y_sum = 0.0, x_square = 0.0, y_square = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x_sum += x[i];
    y_sum += y[i];
    x_square += x[i] * x[i];
    y_square += y[i] * y[i];
  }
  double xx = 0.0, yy = 0.0, xy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - x_sum / n, dy = y[i] - y_sum / n;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  if (!(xx > nothing * x_square && yy > nothing * y_square)) return std::nullopt;
  return xy / std::sqrt(xx * yy);
}

/// How the rates of two venues go together when the second's are taken `lag` settlements later, over all their symbols.
class RateLags {
 public:
  static constexpr int most = 3;

  // Adds a symbol. Ones with unequal intervals, too few settlements or constant rates say nothing.
  void add(const RateSeries& a, const RateSeries& b) {
    constexpr std::size_t min_samples = 30;
    if (a.interval_hours != b.interval_hours) return;
    std::array<Sums, lags> more{};
    std::vector<double> a_level, b_level, a_change, b_change;
    for (int lag = -most; lag <= most; ++lag) {
      for (std::vector<double>* list : {&a_level, &b_level, &a_change, &b_change}) list->clear();
      for (std::int64_t slot = a.first + 1; slot < a.first + static_cast<std::int64_t>(a.values.size()); ++slot) {
        const double a0 = a.at(slot), a1 = a.at(slot - 1), b0 = b.at(slot + lag), b1 = b.at(slot + lag - 1);
        if (!is_finite(a0) || !is_finite(a1) || !is_finite(b0) || !is_finite(b1)) continue;
        a_level.push_back(a0);
        b_level.push_back(b0);
        a_change.push_back(a0 - a1);
        b_change.push_back(b0 - b1);
      }
      if (a_level.size() < min_samples) return;
      const std::optional<double> level = correlation(a_level, b_level), change = correlation(a_change, b_change);
      if (!level || !change) return;
      const auto n = static_cast<double>(a_level.size());
      more[index(lag)] = {n, n * *level, n * *change};
    }
    for (std::size_t i = 0; i < lags; ++i) {
      sums_[i].weight += more[i].weight;
      sums_[i].level += more[i].level;
      sums_[i].change += more[i].change;
    }
    ++symbols_;
  }

  /**
   * The lag at which the changes of the rates go together, if it is clearly another than 0: far beyond chance (5 standard
   * errors) and twice as much as at equal settlements and at the opposite lag, while the rates themselves agree better too.
   * Rates that swing to and fro go together at lags of both signs; stamps that are wrong, at one.
   */
  std::optional<RateMismatch> mismatch() const {
    if (symbols_ == 0) return std::nullopt;
    int best = 1;
    for (int lag = -most; lag <= most; ++lag)
      if (lag != 0 && change(lag) > change(best)) best = lag;
    const double others = std::max(std::fabs(change(0)), std::fabs(change(-best)));
    const double error = 1.0 / std::sqrt(std::min(sums_[index(0)].weight, sums_[index(best)].weight));
    if (!(change(best) - others > 5.0 * error && change(best) > 2.0 * others && change(best) > 0.1)) return std::nullopt;
    if (!(level(best) > level(0))) return std::nullopt;
    RateMismatch found;
    found.symbols = symbols_;
    found.lag = best;
    found.equal_correlation = change(0);
    found.lagged_correlation = change(best);
    return found;
  }

 private:
  static constexpr std::size_t lags = 2 * most + 1;
  struct Sums {
    double weight = 0.0, level = 0.0, change = 0.0;
  };

  static std::size_t index(int lag) { return static_cast<std::size_t>(lag + most); }
  double level(int lag) const { return sums_[index(lag)].level / sums_[index(lag)].weight; }
  double change(int lag) const { return sums_[index(lag)].change / sums_[index(lag)].weight; }

  std::array<Sums, lags> sums_{};
  std::size_t symbols_ = 0;
};

inline void measure_rates(DataReport& report, std::span<const Instrument> instruments,
                          std::span<const std::span<const Settlement>> settlements) {
  std::vector<RateSeries> rates;
  rates.reserve(settlements.size());
  for (const std::span<const Settlement> one : settlements) rates.emplace_back(one);
  std::map<std::pair<VenueId, VenueId>, RateLags> pairs;
  std::map<VenueId, std::string> names;
  for (std::size_t i = 0; i < instruments.size(); ++i) {
    names.emplace(instruments[i].venue, instruments[i].venue_name);
    for (std::size_t j = i + 1; j < instruments.size() && instruments[j].symbol == instruments[i].symbol; ++j)
      pairs[{instruments[i].venue, instruments[j].venue}].add(rates[i], rates[j]);
  }
  for (const auto& [venues, lags] : pairs) {
    std::optional<RateMismatch> found = lags.mismatch();
    if (!found) continue;
    found->first_venue = names.at(venues.first);
    found->second_venue = names.at(venues.second);
    report.rate_mismatches.push_back(std::move(*found));
  }
}

}  // namespace rlx::inline v0_1::funding::detail

#endif  // RLX_FUNDING_DETAIL_MEASURE_RATES_HPP
