// SPDX-License-Identifier: MIT
/// @file
/// @brief Where the change of equity came from: four parts, exact in micro-dollars, computed beside the account.
#ifndef RLX_KALSHI_ATTRIBUTION_HPP
#define RLX_KALSHI_ATTRIBUTION_HPP

#include <rlx/kalshi/account.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Parts of a change of equity, micro-dollars.
struct Attribution {
  Money mark = 0;        ///< what was held before, new book less old book
  Money fills = 0;       ///< value of what was traded at the new book, and its cash
  Money fees = 0;        ///< net fees paid, liquidation included; a cost
  Money settlement = 0;  ///< payment for the result, or by liquidation, less the value at the touch

  /// Change of equity that the parts explain.
  constexpr Money total() const noexcept { return mark + fills - fees + settlement; }
  /// Adds part by part.
  constexpr Attribution& operator+=(const Attribution& other) noexcept {
    mark += other.mark;
    fills += other.fills;
    fees += other.fees;
    settlement += other.settlement;
    return *this;
  }
  bool operator==(const Attribution&) const = default;  ///< Memberwise.
};

/// Splits the change of equity of one step. It keeps its own position from the fills it is told, so an account that books
/// anything else leaves a part unexplained. Call in the order of the members; allocates nothing.
class AttributionMeter {
 public:
  /// Before the step.
  /// @param position  held before it
  /// @param equity    at `touch`
  /// @param touch     of the old book
  constexpr void begin(Count position, Money equity, const Touch& touch) noexcept {
    *this = AttributionMeter();
    before_ = held_ = position;
    equity_ = equity;
    touch_ = touch;
  }
  /// A fill of an order, with its net fee.
  constexpr void add_fill(Price price, Count dx, Money fee) noexcept {
    parts_.fills += gross_cash(held_, dx, price);
    parts_.fees += fee;
    held_ += dx;
  }
  /// The new book: marks what was held and values what was traded.
  constexpr void at_book(const Touch& touch) noexcept {
    parts_.mark = value_of(before_, touch) - value_of(before_, touch_);
    parts_.fills += value_of(held_, touch) - value_of(before_, touch);
    touch_ = touch;
  }
  /// A fill of the liquidation at the end.
  constexpr void add_liquidation(Price price, Count dx, Money fee) noexcept {
    parts_.settlement += gross_cash(held_, dx, price) + value_of(held_ + dx, touch_) - value_of(held_, touch_);
    parts_.fees += fee;
    held_ += dx;
  }
  /// The result, or what is left for nothing: YES contracts receive `value`, NO contracts 10,000 - value.
  constexpr void settle(Price value) noexcept {
    parts_.settlement += gross_cash(held_, -held_, value) - value_of(held_, touch_);
    held_ = 0;
  }

  const Attribution& parts() const noexcept { return parts_; }  ///< of the step so far
  /// What the parts leave of the change to `equity`; anything but 0 is an error in the books.
  constexpr Money unexplained(Money equity) const noexcept { return equity - equity_ - parts_.total(); }

 private:
  Attribution parts_;
  Count before_ = 0, held_ = 0;
  Money equity_ = 0;
  Touch touch_;
};

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_ATTRIBUTION_HPP
