// SPDX-License-Identifier: MIT
/// @file
/// @brief Where the ticks of a chart stand and what they say.
#ifndef RLX_IO_DETAIL_CHART_AXIS_HPP
#define RLX_IO_DETAIL_CHART_AXIS_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/io/number_text.hpp>

namespace rlx::inline v0_1::io::detail {

struct Tick {
  double value = 0;
  std::string label{};
  std::string context{};  ///< second line: the day or year that the labels from here on belong to
};

struct Axis {
  double low = 0, high = 1;
  std::vector<Tick> ticks{};
};

/// Smallest of 1, 2, 2.5, 5 times a power of ten that is at least `raw` (> 0).
inline double nice_step(double raw) {
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

/// Digits after the point that show multiples of `step` exactly.
inline int step_decimals(double step) {
  int decimals = 0;
  for (double scaled = step; decimals < 12 && std::fabs(scaled - std::round(scaled)) > 1e-6 * scaled; scaled *= 10) ++decimals;
  return decimals;
}

/// With the typographic minus of charts.
inline std::string with_minus(const std::string& text) {
  return !text.empty() && text[0] == '-' ? "\xE2\x88\x92" + text.substr(1) : text;
}

/// Text of a tick whose neighbours are `step` away and of which none is larger than `largest` in magnitude.
inline std::string tick_label(double value, double step, double largest) {
  if (std::fabs(value) < step * 1e-6) return "0";
  if (largest >= 1e15 || largest < 1e-4) {
    const double power = std::floor(std::log10(std::fabs(value)) + 1e-12);
    return with_minus(trimmed(value / std::pow(10.0, power), 3)) + 'e' + with_minus(fixed(power, 0));
  }
  if (largest >= 20'000 && step >= 500) {
    const auto [unit, letter] = largest >= 1e12  ? std::pair(1e12, 'T')
                                : largest >= 1e9 ? std::pair(1e9, 'B')
                                : largest >= 1e6 ? std::pair(1e6, 'M')
                                                 : std::pair(1e3, 'k');
    if (step_decimals(step / unit) <= 3) return with_minus(fixed(value / unit, step_decimals(step / unit)) + letter);
  }
  return with_minus(grouped(value, step_decimals(step)));
}

/// Axis for numbers. @param expand widen to whole ticks (vertical axes); otherwise low and high stay (horizontal ones)
inline Axis number_axis(double low, double high, std::size_t most_ticks, bool expand, std::string_view suffix = {}) {
  const double size = std::max(std::fabs(low), std::fabs(high));
  // A flat curve gets room on both sides, and never a step below the resolution of the numbers.
  if (!(high - low > size * 1e-12)) {
    const double room = size > 0 ? size * 0.05 : 1.0;
    low -= room;
    high += room;
  }
  const double step = nice_step((high - low) / static_cast<double>(std::max<std::size_t>(most_ticks, 2)));
  Axis axis{low, high, {}};
  const double first = expand ? std::floor(low / step + 1e-9) : std::ceil(low / step - 1e-9);
  const double last = expand ? std::ceil(high / step - 1e-9) : std::floor(high / step + 1e-9);
  if (expand) {
    axis.low = first * step;
    axis.high = last * step;
  }
  const double largest = std::max(std::fabs(first), std::fabs(last)) * step;
  for (double i = first; i <= last; ++i) {
    axis.ticks.push_back({i * step, tick_label(i * step, step, largest) + std::string(suffix), {}});
  }
  return axis;
}

/// Axis for UTC times in milliseconds since 1970. The range stays as it is.
inline Axis time_axis(double low_ms, double high_ms, std::size_t most_ticks) {
  using namespace std::chrono;
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::int64_t minute = 60'000;
  constexpr std::int64_t hour = 60 * minute;
  constexpr std::int64_t day = 24 * hour;
  if (!(high_ms > low_ms)) {
    low_ms -= static_cast<double>(hour);
    high_ms += static_cast<double>(hour);
  }
  Axis axis{low_ms, high_ms, {}};
  const double raw = (high_ms - low_ms) / static_cast<double>(std::max<std::size_t>(most_ticks, 2));
  const auto floor_to = [](double ms, std::int64_t unit) {
    return static_cast<std::int64_t>(std::floor(ms / static_cast<double>(unit)));
  };
  const auto date_of = [&](std::int64_t ms) { return year_month_day(sys_days(days(floor_to(static_cast<double>(ms), day)))); };
  const auto year_text = [](const year_month_day& d) { return std::to_string(static_cast<int>(d.year())); };
  const auto day_text = [&](const year_month_day& d) {
    return std::to_string(static_cast<unsigned>(d.day())) + ' ' + std::string(months[static_cast<unsigned>(d.month()) - 1]);
  };
  year_month_day previous{};
  const auto add = [&](std::int64_t ms, std::int64_t step) {
    if (static_cast<double>(ms) < low_ms || static_cast<double>(ms) > high_ms) return;
    const year_month_day date = date_of(ms);
    const bool begins = axis.ticks.empty();
    const bool new_year = begins || date.year() != previous.year();
    Tick tick{static_cast<double>(ms), {}, {}};
    if (step < day) {
      const std::int64_t minutes = (ms - floor_to(static_cast<double>(ms), day) * day) / minute;
      tick.label = std::to_string(minutes / 60) + ':' + std::to_string(minutes % 60);
      if (minutes / 60 < 10) tick.label.insert(0, 1, '0');
      if (minutes % 60 < 10) tick.label.insert(tick.label.size() - 1, 1, '0');
      if (begins || date != previous) tick.context = day_text(date) + (new_year ? ' ' + year_text(date) : "");
    } else if (step < 28 * day) {
      tick.label = day_text(date);
      if (new_year) tick.context = year_text(date);
    } else if (step < 365 * day) {
      tick.label = months[static_cast<unsigned>(date.month()) - 1];
      if (new_year) tick.context = year_text(date);
    } else {
      tick.label = year_text(date);
    }
    previous = date;
    axis.ticks.push_back(std::move(tick));
  };

  for (const std::int64_t step :
       {minute, 5 * minute, 15 * minute, 30 * minute, hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 7 * day, 14 * day}) {
    if (static_cast<double>(step) < raw) continue;
    // Weeks begin on Mondays: day 4 since 1970 was one.
    const std::int64_t origin = step % (7 * day) == 0 ? 4 * day : 0;
    const std::int64_t first = floor_to(low_ms - static_cast<double>(origin), step) * step + origin;
    for (std::int64_t ms = first; static_cast<double>(ms) <= high_ms; ms += step) add(ms, step);
    return axis;
  }
  double month_step = 0;
  for (const double count : {1.0, 2.0, 3.0, 6.0, 12.0}) {
    if (month_step == 0 && count * 30.44 * static_cast<double>(day) >= raw * 0.999) month_step = count;
  }
  if (month_step == 0) month_step = 12 * nice_step(std::max(1.0, raw / (365.25 * static_cast<double>(day))));
  // Steps of 2.5 years do not exist in whole months of January.
  const auto step = static_cast<std::int64_t>(month_step > 12 ? std::ceil(month_step / 12) * 12 : month_step);
  const year_month_day from = date_of(static_cast<std::int64_t>(low_ms));
  std::int64_t index = static_cast<int>(from.year()) * std::int64_t{12} + static_cast<unsigned>(from.month()) - 1;
  index -= ((index % step) + step) % step;
  for (;; index += step) {
    const auto of_year = static_cast<unsigned>(((index % 12) + 12) % 12);
    const auto in_year = static_cast<int>((index - of_year) / 12);
    const sys_days first(year_month_day(year(in_year), month(of_year + 1), std::chrono::day(1)));
    const std::int64_t ms = first.time_since_epoch().count() * day;
    if (static_cast<double>(ms) > high_ms) return axis;
    add(ms, step >= 12 ? 365 * day : 28 * day);
  }
}

}  // namespace rlx::inline v0_1::io::detail

#endif  // RLX_IO_DETAIL_CHART_AXIS_HPP
