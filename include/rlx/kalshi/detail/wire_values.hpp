// SPDX-License-Identifier: MIT
/// @file
/// @brief Prices, sizes and level lists as the exchange writes them, in its current and its legacy form.
#ifndef RLX_KALSHI_DETAIL_WIRE_VALUES_HPP
#define RLX_KALSHI_DETAIL_WIRE_VALUES_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rlx/io/detail/parse_number.hpp>
#include <rlx/io/detail/shown_text.hpp>
#include <rlx/kalshi/detail/decimal.hpp>
#include <rlx/kalshi/detail/json_cursor.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/tick_grid.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi::detail {

/// How a value is written.
enum class WireForm : std::uint8_t {
  text,    ///< current: dollars and contracts as decimal text, "0.7400" and "-1.84"
  number,  ///< legacy: whole cents and contracts
  either   ///< REST: decided by each value
};

/// Reads values of one field; `field` is for messages.
class WireValues {
 public:
  WireValues(std::optional<TickGrid> grid) : grid_(grid) {}

  /// A price in its own (YES or NO) terms. @throws DataError naming field and text
  Price price(JsonCursor& json, std::string_view field, WireForm form) {
    const JsonCursor start = json;
    const std::string_view text = token(json, field, form, "a price as text such as \"0.7400\"", "a price in whole cents");
    std::optional<std::int64_t> value = is_text_ ? parse_decimal(text, 4) : whole(text);
    if (value && !is_text_) value = *value > 100 ? one_dollar + 1 : *value * 100;
    const TickGrid grid = grid_.value_or(TickGrid::deci_cent);
    if (!value || *value < 0 || *value > one_dollar || !on_grid(grid, static_cast<Price>(*value))) [[unlikely]] {
      fail(start, field,
           std::string(is_text_ ? "a price of 0 to 1 dollar with at most 4 decimals" : "a price of 0 to 100 whole cents") +
               " on the grid " + std::string(tick_grid_name(grid)),
           text);
    }
    return static_cast<Price>(*value);
  }

  /// A number of contracts. @throws DataError naming field and text
  Count count(JsonCursor& json, std::string_view field, WireForm form, bool may_be_negative) {
    const JsonCursor start = json;
    const std::string_view text = token(json, field, form, "a size as text such as \"12.50\"", "a size in whole contracts");
    std::optional<std::int64_t> value = is_text_ ? parse_decimal(text, 2) : whole(text);
    constexpr Count most = max_level_size;
    const Count limit = is_text_ ? most : most / one_contract;
    if (!value || *value > limit || *value < (may_be_negative ? -limit : 0)) [[unlikely]] {
      fail(start, field,
           std::string(may_be_negative ? "a change" : "a size of at least 0") +
               (is_text_ ? " in contracts with at most 2 decimals" : " in whole contracts"),
           text);
    }
    return is_text_ ? *value : *value * one_contract;
  }

  /// A list [[price, size], ...] or null: calls f(Price own_terms, Count) for each level. @throws DataError also for a level
  /// that stands there twice
  template <class F>
  void levels(JsonCursor& json, std::string_view field, WireForm form, F&& f) {
    if (json.is_null()) return json.skip();
    if (json.peek() != '[') fail(json, field, "a list [[price, size], ...] or null");
    std::array<std::uint64_t, (max_tick_count + 63) / 64> seen{};
    json.array([&] {
      const JsonCursor start = json;
      if (!json.take('[')) fail(json, field, "a level [price, size]");
      const Price level = price(json, field, form);
      if (!json.take(',')) fail(json, field, "a size after the price");
      const Count size = count(json, field, form, false);
      if (!json.take(']')) fail(json, field, "] after price and size");
      const auto tick = static_cast<std::size_t>(find_tick(TickGrid::deci_cent, level));
      const std::uint64_t bit = std::uint64_t{1} << tick % 64;
      if ((seen[tick / 64] & bit) != 0) [[unlikely]]
        fail(start, field, "every level once; the level at " + format_decimal(level, 4) + " dollar stands there twice");
      seen[tick / 64] |= bit;
      f(level, size);
    });
  }

  [[noreturn, gnu::cold, gnu::noinline]] static void fail(const JsonCursor& at, std::string_view field,
                                                          const std::string& expected) {
    JsonCursor value = at;
    value.peek();
    value.fail("field '" + std::string(field) + "': expected " + expected);
  }

 private:
  [[noreturn, gnu::cold, gnu::noinline]] static void fail(const JsonCursor& at, std::string_view field,
                                                          const std::string& expected, std::string_view text) {
    JsonCursor value = at;
    value.peek();
    value.fail_with("field '" + std::string(field) + "': expected " + expected + ", found " + io::detail::shown_text(text));
  }

  static std::optional<std::int64_t> whole(std::string_view text) {
    std::int64_t value = 0;
    if (io::detail::parse_integer(text, value) != io::detail::NumberStatus::ok) return std::nullopt;
    return value;
  }

  std::string_view token(JsonCursor& json, std::string_view field, WireForm form, const char* as_text, const char* as_number) {
    const char next = json.peek();
    is_text_ = next == '"';
    const bool is_number = next == '-' || (next >= '0' && next <= '9');
    if (is_text_ ? form == WireForm::number : !is_number || form == WireForm::text) [[unlikely]]
      fail(json, field, form == WireForm::number ? as_number : as_text);
    return is_text_ ? json.string(decoded_) : json.number();
  }

  std::optional<TickGrid> grid_;
  std::string decoded_;
  bool is_text_ = false;
};

}  // namespace rlx::inline v0_1::kalshi::detail

#endif  // RLX_KALSHI_DETAIL_WIRE_VALUES_HPP
