// SPDX-License-Identifier: MIT
/// @file
/// @brief Times as text: ISO 8601 and slash dates to milliseconds UTC since 1970, and back. No time zones, no locale.
#ifndef RLX_IO_ISO8601_HPP
#define RLX_IO_ISO8601_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/shown_text.hpp>

namespace rlx::inline v0_1::io {

/// Order of the parts of a slash date such as 10/25/2025; such a date is never guessed.
enum class DateOrder : std::uint8_t {
  none,  ///< slash dates are refused
  mdy,   ///< month/day/year
  dmy,   ///< day/month/year
};

namespace detail {

/// Days from 1970-01-01 of a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms").
constexpr std::int64_t days_from_civil(std::int64_t year, std::int64_t month, std::int64_t day) noexcept {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

struct CivilDate {
  std::int64_t year, month, day;
};

/// The inverse, from the same source.
constexpr CivilDate civil_from_days(std::int64_t days) noexcept {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

constexpr std::int64_t days_in_month(std::int64_t year, std::int64_t month) noexcept {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/// Walks over a time text; every step says whether it found what it looked for.
class TimeScanner {
 public:
  explicit constexpr TimeScanner(std::string_view text) noexcept : rest_(text) {}

  constexpr bool done() const noexcept { return rest_.empty(); }
  constexpr bool take(char c) noexcept {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// Between `least` and `most` digits, as many as there are.
  constexpr bool digits(std::size_t least, std::size_t most, std::int64_t& value) noexcept {
    std::size_t count = 0;
    value = 0;
    for (; count < most && count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9'; ++count) {
      value = value * 10 + (rest_[count] - '0');
    }
    rest_.remove_prefix(count);
    return count >= least;
  }
  /// Digits of a second's fraction as whole milliseconds; finer digits are cut off.
  constexpr bool fraction_ms(std::int64_t& ms) noexcept {
    std::size_t count = 0;
    ms = 0;
    for (; count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9'; ++count) {
      if (count < 3) ms = ms * 10 + (rest_[count] - '0');
    }
    for (std::size_t i = count; i < 3; ++i) ms *= 10;
    rest_.remove_prefix(count);
    return count > 0;
  }

 private:
  std::string_view rest_;
};

}  // namespace detail

/**
 * @brief A date or date-time as milliseconds UTC since 1970-01-01; nothing if the text is not one.
 *
 * Accepted: `2025-10-25`, `2025-10-25T15:30`, `2025-10-25 15:30:59`, with a fraction of the second (cut to milliseconds) and
 * with `Z`, `+02:00`, `+0200` or `+02`; without a zone it is UTC. With `order` also `10/25/2025`, `10/25/2025 9:05[:00]`,
 * which is UTC. Years 0000 to 9999; dates are checked against the calendar; leap seconds do not exist in this scale.
 *
 * No allocation, never throws, no locale.
 */
constexpr std::optional<std::int64_t> try_parse_time_ms(std::string_view text, DateOrder order = DateOrder::none) noexcept {
  detail::TimeScanner scan(text);
  std::int64_t year = 0, month = 0, day = 0;
  const bool slashes = text.substr(0, 3).find('/') != std::string_view::npos;
  if (slashes) {
    std::int64_t first = 0, second = 0;
    if (order == DateOrder::none || !scan.digits(1, 2, first) || !scan.take('/') || !scan.digits(1, 2, second) ||
        !scan.take('/') || !scan.digits(4, 4, year)) {
      return std::nullopt;
    }
    month = order == DateOrder::mdy ? first : second;
    day = order == DateOrder::mdy ? second : first;
  } else if (!scan.digits(4, 4, year) || !scan.take('-') || !scan.digits(2, 2, month) || !scan.take('-') ||
             !scan.digits(2, 2, day)) {
    return std::nullopt;
  }
  if (month < 1 || month > 12 || day < 1 || day > detail::days_in_month(year, month)) return std::nullopt;

  std::int64_t hour = 0, minute = 0, second = 0, ms = 0, offset_minutes = 0;
  if (!scan.done()) {
    if (!scan.take(' ') && (slashes || (!scan.take('T') && !scan.take('t')))) return std::nullopt;
    if (!scan.digits(slashes ? 1 : 2, 2, hour) || !scan.take(':') || !scan.digits(2, 2, minute)) return std::nullopt;
    if (scan.take(':')) {
      if (!scan.digits(2, 2, second)) return std::nullopt;
      if ((scan.take('.') || scan.take(',')) && !scan.fraction_ms(ms)) return std::nullopt;
    }
    if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
    if (!scan.take('Z') && !scan.take('z')) {
      const bool east = scan.take('+');
      if (east || scan.take('-')) {
        std::int64_t hours = 0, minutes = 0;
        if (!scan.digits(2, 2, hours)) return std::nullopt;
        if ((scan.take(':') || !scan.done()) && !scan.digits(2, 2, minutes)) return std::nullopt;
        if (hours > 23 || minutes > 59) return std::nullopt;
        offset_minutes = (east ? 1 : -1) * (hours * 60 + minutes);
      }
    }
    if (!scan.done()) return std::nullopt;
  }
  const std::int64_t minutes = (detail::days_from_civil(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
  return (minutes * 60 + second) * 1000 + ms;
}

/// The same; what is not a time is an error. @throws DataError showing the text and the accepted forms
inline std::int64_t parse_time_ms(std::string_view text, DateOrder order = DateOrder::none) {
  if (const auto time = try_parse_time_ms(text, order)) return *time;
  const bool needs_order =
      order == DateOrder::none && (try_parse_time_ms(text, DateOrder::mdy) || try_parse_time_ms(text, DateOrder::dmy));
  throw DataError("expected a time such as 2025-10-25T15:30:59Z, found " + detail::shown_text(text) +
                  (needs_order ? "; a slash date needs its order, mdy or dmy, to be given" : ""));
}

/// `2025-10-25T15:30:59Z`, or with `.382` where the milliseconds are not zero. For years 0000 to 9999 `parse_time_ms` gives
/// the same number back.
inline std::string format_time_ms(std::int64_t time_ms) {
  constexpr std::int64_t ms_per_day = 86'400'000;
  const std::int64_t days = time_ms / ms_per_day - (time_ms % ms_per_day < 0 ? 1 : 0);
  const std::int64_t ms = time_ms - days * ms_per_day;
  const detail::CivilDate date = detail::civil_from_days(days);
  std::string text;
  const auto append = [&text](std::int64_t value, std::size_t width) {
    const std::string digits = std::to_string(value < 0 ? -value : value);
    if (value < 0) text += '-';
    if (digits.size() < width) text.append(width - digits.size(), '0');
    text += digits;
  };
  append(date.year, 4);
  text += '-';
  append(date.month, 2);
  text += '-';
  append(date.day, 2);
  text += 'T';
  append(ms / 3'600'000, 2);
  text += ':';
  append(ms / 60'000 % 60, 2);
  text += ':';
  append(ms / 1000 % 60, 2);
  if (ms % 1000 != 0) {
    text += '.';
    append(ms % 1000, 3);
  }
  return text + 'Z';
}

/// `2025-10-25`, the UTC day of a time.
inline std::string format_date(std::int64_t time_ms) {
  const std::string text = format_time_ms(time_ms);
  return text.substr(0, text.find('T'));
}

/// First and last millisecond in which a market time stamp is believed: 2009-01-01 to 2100-01-01 (exclusive).
inline constexpr std::int64_t first_plausible_ms = 1'230'768'000'000;
inline constexpr std::int64_t end_plausible_ms = 4'102'444'800'000;  ///< 2100-01-01, exclusive

/// Whether a number can be a time stamp in milliseconds: 2009 to 2099.
constexpr bool plausible_time_ms(std::int64_t value) noexcept {
  return value >= first_plausible_ms && value < end_plausible_ms;
}

/// What is wrong with a time stamp that should be in milliseconds; empty if nothing is. Seconds, microseconds and
/// nanoseconds are recognised: "1761406259 looks like seconds; multiply by 1000".
inline std::string time_ms_problem(std::int64_t value) {
  if (plausible_time_ms(value)) return {};
  const std::string shown = std::to_string(value);
  if (value >= first_plausible_ms / 1000 && value < end_plausible_ms / 1000) {
    return shown + " looks like seconds; multiply by 1000";
  }
  if (plausible_time_ms(value / 1000)) return shown + " looks like microseconds; divide by 1000";
  if (plausible_time_ms(value / 1'000'000)) return shown + " looks like nanoseconds; divide by 1000000";
  return shown + " is not a time in milliseconds between 2009 and 2100";
}

}  // namespace rlx::inline v0_1::io

#endif  // RLX_IO_ISO8601_HPP
