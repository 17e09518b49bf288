// SPDX-License-Identifier: MIT
/// @file
/// @brief What a market's ticker says: event, series, date; and the announced close that follows from the date.
#ifndef RLX_KALSHI_TICKER_HPP
#define RLX_KALSHI_TICKER_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/shown_text.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// The ticker without its last dash part; the whole of it if it has no dash.
constexpr std::string_view event_of_ticker(std::string_view ticker) noexcept { return ticker.substr(0, ticker.rfind('-')); }

/// The ticker up to its first dash.
constexpr std::string_view series_of_ticker(std::string_view ticker) noexcept { return ticker.substr(0, ticker.find('-')); }

/// Refuses what no exchange would list. @throws DataError if empty, longer than 100 bytes or with control characters
inline void check_ticker(std::string_view ticker) {
  bool clean = !ticker.empty() && ticker.size() <= 100;
  for (const char c : ticker) clean = clean && static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
  if (!clean) {
    throw DataError("expected a ticker of 1 to 100 bytes without control characters, found " + io::detail::shown_text(ticker));
  }
}

/// Midnight UTC of the date in the ticker, from a dash part that is exactly YYMMMDD such as `25DEC16`. Parts that go on, such
/// as `26JUL0317` with an hour, are no date.
constexpr std::optional<Micros> date_of_ticker(std::string_view ticker) noexcept {
  constexpr std::array<std::string_view, 12> months = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                       "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
  const auto digits = [](std::string_view text) {
    const bool both = text[0] >= '0' && text[0] <= '9' && text[1] >= '0' && text[1] <= '9';
    return both ? (text[0] - '0') * 10 + (text[1] - '0') : -1;
  };
  for (std::size_t dash = ticker.find('-'); dash != std::string_view::npos;) {
    const std::size_t next = ticker.find('-', dash + 1);
    const std::string_view part = ticker.substr(dash + 1, next == std::string_view::npos ? next : next - dash - 1);
    dash = next;
    if (part.size() != 7) continue;
    const std::int64_t year = 2000 + digits(part), day = digits(part.substr(5));
    for (std::size_t m = 0; m < months.size(); ++m) {
      if (part.substr(2, 3) != months[m]) continue;
      const auto month = static_cast<std::int64_t>(m) + 1;
      if (year < 2000 || day < 1 || day > io::detail::days_in_month(year, month)) continue;
      return io::detail::days_from_civil(year, month, day) * Micros{86'400'000'000};
    }
  }
  return std::nullopt;
}

/// How a market's announced close is found where no metadata give it. Never the recording's last time.
struct CloseRule {
  /// Where the close comes from.
  enum class Kind : std::uint8_t {
    ticker_date,  ///< `offset_us` after midnight UTC of the date in the ticker; unknown without a date
    fixed,        ///< `offset_us` since 1970 UTC for every market
    none          ///< unknown
  };
  Kind kind = Kind::ticker_date;                  ///< where the close comes from
  Micros offset_us = 29 * Micros{3'600'000'000};  ///< 05:00 UTC on the day after

  /// The close of a market; empty if it is not known.
  constexpr std::optional<Micros> close_of(std::string_view ticker) const noexcept {
    if (kind == Kind::none) return std::nullopt;
    if (kind == Kind::fixed) return offset_us;
    const std::optional<Micros> date = date_of_ticker(ticker);
    return date ? std::optional<Micros>(*date + offset_us) : std::nullopt;
  }
};

/// Reads `none`, `ticker` (05:00 UTC on the day after the date in the ticker), `ticker+HH:MM` (so long after that date's
/// midnight UTC, 00:00 to 99:59) or an ISO 8601 time. @throws ConfigError showing the text and the forms
inline CloseRule parse_close_rule(std::string_view text) {
  CloseRule rule;
  if (text == "ticker") return rule;
  if (text == "none") return {.kind = CloseRule::Kind::none, .offset_us = 0};
  if (text.starts_with("ticker+")) {
    io::detail::TimeScanner scan(text.substr(7));
    std::int64_t hours = 0, minutes = 0;
    if (scan.digits(2, 2, hours) && scan.take(':') && scan.digits(2, 2, minutes) && scan.done() && minutes < 60) {
      rule.offset_us = (hours * 60 + minutes) * 60'000'000;
      return rule;
    }
  } else if (const auto time = io::try_parse_time_ms(text)) {
    return {.kind = CloseRule::Kind::fixed, .offset_us = *time * 1'000};
  }
  throw ConfigError(
      "close: expected none, ticker, ticker+HH:MM such as ticker+29:00, or a time such as 2025-12-17T05:00Z, found " +
      io::detail::shown_text(text));
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_TICKER_HPP
