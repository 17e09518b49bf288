// SPDX-License-Identifier: MIT
/// @file
/// @brief Option instruments: their names, their terms and the price grid of their orders.
/// @par Source Deribit, "Naming of instruments" and `public/get_instruments`
#ifndef RLX_OPTIONS_INSTRUMENT_HPP
#define RLX_OPTIONS_INSTRUMENT_HPP

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/io/detail/parse_number.hpp>
#include <rlx/io/detail/shown_text.hpp>
#include <rlx/io/iso8601.hpp>
#include <rlx/market/black76.hpp>
#include <rlx/market/fixed8.hpp>

namespace rlx::inline v0_1::options {

using market::OptionType;

/// What an option is quoted, margined and settled in.
enum class SettlementType : std::uint8_t {
  inverse,  ///< in coin per coin
  linear    ///< in USDC per coin
};

/// Options expire at 08:00:00 UTC.
inline constexpr std::int64_t expiry_time_of_day_ms = 8 * 3'600'000;

/// The parts of a name such as `BTC-16JAN26-95000-C` or `XRP_USDC-19DEC25-2d4-P`.
struct InstrumentName {
  std::string underlying;                                  ///< `BTC`, `XRP`: without `_USDC`
  SettlementType settlement = SettlementType::inverse;     ///< linear where the name has `_USDC`
  std::int64_t expiry_ms = 0;                              ///< 08:00 UTC of the day named
  double strike = 0.0;                                     ///< above 0
  OptionType type = OptionType::call;                      ///< `C` or `P`
  std::string expiry_text;                                 ///< `16JAN26`, as in the name
  bool operator==(const InstrumentName&) const = default;  ///< Memberwise.
};

namespace detail {

inline constexpr std::array<std::string_view, 12> month_names = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                                 "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
inline constexpr std::string_view linear_suffix = "_USDC";

/// Cuts `text` at the first '-' and returns what was before it; nothing if there is none.
constexpr std::optional<std::string_view> take_part(std::string_view& text) noexcept {
  const std::size_t end = text.find('-');
  if (end == std::string_view::npos) return {};
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

/// DMMMYY at 08:00 UTC; nothing if it is not a date of the calendar in that form.
constexpr std::optional<std::int64_t> expiry_ms_of(std::string_view text) noexcept {
  if (text.size() != 6 && text.size() != 7) return {};
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  const std::size_t month_at = text.size() - 5;
  if (!digit(0) || text[0] == '0' || (month_at == 2 && !digit(1)) || !digit(month_at + 3) || !digit(month_at + 4)) return {};
  std::int64_t month = 0;
  for (std::size_t i = 0; i < month_names.size(); ++i) {
    if (text.substr(month_at, 3) == month_names[i]) month = static_cast<std::int64_t>(i) + 1;
  }
  if (month == 0) return {};
  const std::int64_t day = month_at == 1 ? text[0] - '0' : (text[0] - '0') * 10 + (text[1] - '0');
  const std::int64_t year = 2000 + (text[month_at + 3] - '0') * 10 + (text[month_at + 4] - '0');
  if (day > io::detail::days_in_month(year, month)) return {};
  return io::detail::days_from_civil(year, month, day) * 86'400'000 + expiry_time_of_day_ms;
}

/// `95000`, `2d4`; nothing if it is not a positive decimal in that form.
inline std::optional<double> strike_of(std::string_view text) noexcept {
  std::array<char, 24> decimal{};
  if (text.empty() || text.size() > decimal.size()) return {};
  std::size_t points = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool point = text[i] == 'd';
    if (!point && (text[i] < '0' || text[i] > '9')) return {};
    points += point ? 1 : 0;
    decimal[i] = point ? '.' : text[i];
  }
  if (points > 1 || text.front() == 'd' || text.back() == 'd') return {};
  if (text[0] == '0' && text.size() > 1 && text[1] != 'd') return {};
  double strike = 0.0;
  if (io::detail::parse_double(std::string_view(decimal.data(), text.size()), strike) != io::detail::NumberStatus::ok)
    return {};
  return strike > 0.0 ? std::optional(strike) : std::nullopt;
}

/// Fills `name`; null, or which part is wrong.
inline const char* read_instrument_name(std::string_view text, InstrumentName& name) {
  const auto base = take_part(text);
  const auto expiry = base ? take_part(text) : std::nullopt;
  const auto strike = expiry ? take_part(text) : std::nullopt;
  if (!strike) return "it does not have four parts joined by '-'";
  std::string_view underlying = *base;
  const bool linear = underlying.ends_with(linear_suffix);
  if (linear) underlying.remove_suffix(linear_suffix.size());
  if (underlying.empty() || underlying.size() > 12) return "the underlying is empty or too long";
  for (const char c : underlying) {
    if ((c < 'A' || c > 'Z') && (c < '0' || c > '9')) return "the underlying is not of capital letters and digits";
  }
  const auto expiry_ms = expiry_ms_of(*expiry);
  if (!expiry_ms) return "the expiry is not a date such as 16JAN26 or 5JUN26";
  const auto value = strike_of(*strike);
  if (!value) return "the strike is not a number above 0 such as 95000 or 2d4";
  if (text != "C" && text != "P") return "the type is not C or P";
  name.underlying = underlying;
  name.settlement = linear ? SettlementType::linear : SettlementType::inverse;
  name.expiry_ms = *expiry_ms;
  name.strike = *value;
  name.type = text == "C" ? OptionType::call : OptionType::put;
  name.expiry_text = *expiry;
  return nullptr;
}

}  // namespace detail

/// The parts of an instrument's name. About 100 ns; no allocation for the usual lengths.
/// @throws ParseError naming the text and the part that is wrong
inline InstrumentName parse_instrument_name(std::string_view text) {
  InstrumentName name;
  if (const char* const why = detail::read_instrument_name(text, name)) {
    throw ParseError("expected an option name such as BTC-16JAN26-95000-C or XRP_USDC-19DEC25-2d4-P, found " +
                     io::detail::shown_text(text) + ": " + why);
  }
  return name;
}

/// The same; nothing where the text is not a name.
inline std::optional<InstrumentName> try_parse_instrument_name(std::string_view text) {
  InstrumentName name;
  if (detail::read_instrument_name(text, name) != nullptr) return {};
  return name;
}

/// The date of an expiry as names write it: `16JAN26`, `5JUN26`. @pre 2000 <= year <= 2099
inline std::string format_expiry(std::int64_t expiry_ms) {
  const io::detail::CivilDate date = io::detail::civil_from_days(expiry_ms / 86'400'000);
  RLX_REQUIRE(expiry_ms >= 0 && date.year >= 2000 && date.year <= 2099, "an expiry must lie between 2000 and 2099");
  const std::string year = std::to_string(date.year);
  return std::to_string(date.day) + std::string(detail::month_names[static_cast<std::size_t>(date.month - 1)]) + year.substr(2);
}

/// The venue's name of an instrument; `expiry_text` is not used. `parse_instrument_name` gives the same parts back.
inline std::string format_instrument_name(const InstrumentName& name) {
  std::array<char, 340> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), name.strike, std::chars_format::fixed).ptr;
  std::string strike(buffer.data(), end);
  if (const std::size_t point = strike.find('.'); point != std::string::npos) strike[point] = 'd';
  std::string text = name.underlying;
  if (name.settlement == SettlementType::linear) text += detail::linear_suffix;
  text += '-' + format_expiry(name.expiry_ms) + '-' + strike;
  return text += name.type == OptionType::call ? "-C" : "-P";
}

/// From this price on the tick is another one.
struct TickStep {
  market::Fixed8 above_price;                        ///< from here on, settlement currency
  market::Fixed8 tick_size;                          ///< prices are its multiples
  bool operator==(const TickStep&) const = default;  ///< Memberwise.
};

/// What a venue says of one option.
struct Instrument {
  std::string symbol;                                   ///< `BTC-16JAN26-95000-C`
  std::string underlying;                               ///< `BTC`
  std::string currency;                                 ///< of price, margin and settlement: `BTC`, `USDC`
  OptionType type = OptionType::call;                   ///< call or put
  SettlementType settlement = SettlementType::inverse;  ///< what `currency` is: coin or USDC
  double strike = 0.0;                                  ///< USD
  std::int64_t expiry_ms = 0;                           ///< UTC ms
  std::int64_t creation_ms = 0;                         ///< when it was listed; 0: unknown
  market::Fixed8 tick_size;                             ///< below the first step
  market::Fixed8 minimum_size;                          ///< contracts; amounts are its multiples
  std::vector<TickStep> tick_steps;                     ///< ascending
  double maker_commission = 0.0;                        ///< fraction of the underlying
  double taker_commission = 0.0;                        ///< fraction of the underlying
  bool open = true;                                     ///< whether the venue takes orders for it
  bool operator==(const Instrument&) const = default;   ///< Memberwise.
};

/// The tick at a price: that of the last step at or below it.
inline market::Fixed8 tick_at(const Instrument& instrument, market::Fixed8 price) {
  market::Fixed8 tick = instrument.tick_size;
  for (const TickStep& step : instrument.tick_steps) {
    if (price >= step.above_price) tick = step.tick_size;
  }
  return tick;
}

/// Whether an order may have this price.
inline bool is_on_tick(const Instrument& instrument, market::Fixed8 price) {
  return price.is_multiple_of(tick_at(instrument, price));
}

/// The lowest valid price that is not below `price`. @pre every tick > 0, steps ascending
inline market::Fixed8 round_price_up(const Instrument& instrument, market::Fixed8 price) {
  const auto& steps = instrument.tick_steps;
  market::Fixed8 tick = instrument.tick_size;
  market::Fixed8 from = price;  // where the search inside the current step begins
  for (const TickStep& step : steps) {
    const market::Fixed8 found = from.round_up_to(tick);
    // A multiple of the lower tick at or beyond the step is not valid there unless it is one of the step's own.
    if (found < step.above_price) return found;
    from = max(price, step.above_price);
    tick = step.tick_size;
  }
  return from.round_up_to(tick);
}

/// The highest valid price that is not above `price`. @pre every tick > 0, steps ascending
inline market::Fixed8 round_price_down(const Instrument& instrument, market::Fixed8 price) {
  const auto& steps = instrument.tick_steps;
  market::Fixed8 from = price;
  for (std::size_t i = steps.size(); i-- > 0;) {
    if (from < steps[i].above_price) continue;
    const market::Fixed8 found = from.round_down_to(steps[i].tick_size);
    if (found >= steps[i].above_price) return found;
    from = steps[i].above_price - market::Fixed8::from_units(1);
  }
  return from.round_down_to(instrument.tick_size);
}

/**
 * @brief An instrument by the table of the paper venue; on a network the terms come from the venue itself.
 *
 * Inverse BTC and ETH: tick 0.0001 below 0.005, then 0.0005, minimum 0.1 BTC and 1 ETH, commission 0.0003. Linear BTC, ETH and
 * XRP: ticks 5, 0.2 and 0.0005 USDC, minimum 0.01, 0.1 and 1000, maker 0.0001, taker 0.0005; ticks and sizes as the recorded
 * quotes of December 2025 show them.
 * @param name         parts of its name
 * @param creation_ms  when it was listed; 0: unknown
 * @throws ConfigError for other underlyings
 */
inline Instrument paper_instrument(const InstrumentName& name, std::int64_t creation_ms = 0) {
  using market::Fixed8;
  Instrument instrument;
  instrument.symbol = format_instrument_name(name);
  instrument.underlying = name.underlying;
  instrument.type = name.type;
  instrument.settlement = name.settlement;
  instrument.strike = name.strike;
  instrument.expiry_ms = name.expiry_ms;
  instrument.creation_ms = creation_ms;
  const bool btc = name.underlying == "BTC", eth = name.underlying == "ETH";
  const bool linear = name.settlement == SettlementType::linear;
  if (!btc && !eth && !(linear && name.underlying == "XRP")) {
    throw ConfigError("the paper venue lists inverse options on BTC and ETH and linear ones on BTC, ETH and XRP, found " +
                      io::detail::shown_text(instrument.symbol) + "; give the instrument's own terms");
  }
  if (linear) {
    instrument.currency = "USDC";
    instrument.tick_size = Fixed8::parse(btc ? "5" : eth ? "0.2" : "0.0005");
    instrument.minimum_size = Fixed8::parse(btc ? "0.01" : eth ? "0.1" : "1000");
    instrument.maker_commission = 0.0001;
    instrument.taker_commission = 0.0005;
  } else {
    instrument.currency = name.underlying;
    instrument.tick_size = Fixed8::parse("0.0001");
    instrument.tick_steps = {{Fixed8::parse("0.005"), Fixed8::parse("0.0005")}};
    instrument.minimum_size = Fixed8::parse(btc ? "0.1" : "1");
    instrument.maker_commission = instrument.taker_commission = 0.0003;
  }
  return instrument;
}
/// The same by the name itself. @throws what parse_instrument_name throws
inline Instrument paper_instrument(std::string_view name, std::int64_t creation_ms = 0) {
  return paper_instrument(parse_instrument_name(name), creation_ms);
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_INSTRUMENT_HPP
