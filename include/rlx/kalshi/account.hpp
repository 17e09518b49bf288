// SPDX-License-Identifier: MIT
/// @file
/// @brief Cash and position in one market, exact in micro-dollars: fills, average-cost basis, equity, settlement.
#ifndef RLX_KALSHI_ACCOUNT_HPP
#define RLX_KALSHI_ACCOUNT_HPP

#include <algorithm>
#include <cstdint>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/core/state.hpp>
#include <rlx/kalshi/fees.hpp>
#include <rlx/kalshi/order_book.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// One fill of an order.
struct Fill {
  Micros ts_us = 0;  ///< time of the fill
  Price price = 0;   ///< YES price
  Count dx = 0;      ///< change of the signed YES-equivalent position: buying YES or selling NO is positive
  Money fee = 0;     ///< net fee, FeeCharge::net()
  Liquidity liquidity = Liquidity::taker;        ///< taker: the order met resting ones at once
  bool operator==(const Fill&) const = default;  ///< Memberwise.
};

/// Change of cash when position x changes by dx at a YES price, without fee: -(p dx + 10,000 (x'^- - x^-)). NO costs 1 - p, and
/// a closed pair returns its dollar. Micro-dollars.
constexpr Money gross_cash(Count x, Count dx, Price price) noexcept {
  const Count short_before = std::max(-x, Count{0}), short_after = std::max(-(x + dx), Count{0});
  return -(price * dx + one_dollar * (short_after - short_before));
}

/// What a position is worth at the touch: YES at the bid, NO at 10,000 - ask; nothing where the side is missing. Micro-dollars.
constexpr Money value_of(Count x, const Touch& touch) noexcept {
  if (x >= 0) return touch.bid ? x * *touch.bid : 0;
  return touch.ask ? -x * (one_dollar - *touch.ask) : 0;
}

/// Cash, position and average-cost basis of one market. Identity at every moment, to the micro-dollar:
/// `equity = starting cash + realized + (value - basis) - fees`. Cash is never below 0.
class Account {
 public:
  /// Flat, with `cash` micro-dollars. @pre cash >= 0
  explicit Account(Money cash) : cash_(cash), starting_cash_(cash) {
    RLX_REQUIRE(cash >= 0, "an account starts with cash of at least 0, found " + std::to_string(cash));
  }

  /// Cash change of a fill of dx at `price`, without fee, given what is held. @see gross_cash
  Money gross(Price price, Count dx) const noexcept { return gross_cash(position_, dx, price); }

  /// True if the fill leaves cash of at least 0.
  bool can_pay(const Fill& fill) const noexcept { return cash_ + gross(fill.price, fill.dx) - fill.fee >= 0; }

  /// Books a fill with its fee; one that goes through zero closes first, then opens.
  /// @throws std::logic_error (account unchanged) for a price outside 0..10,000, a position beyond max_level_size or a fill
  /// that
  ///         cash does not pay
  void apply_fill(const Fill& fill) {
    RLX_REQUIRE(fill.price >= 0 && fill.price <= one_dollar,
                "fill at price " + std::to_string(fill.price) + " outside 0..10000");
    RLX_REQUIRE(fill.dx >= -max_level_size - position_ && fill.dx <= max_level_size - position_,
                "fill of " + std::to_string(fill.dx) + " takes the position of " + std::to_string(position_) + " beyond " +
                    std::to_string(max_level_size));
    RLX_REQUIRE(can_pay(fill), "fill of " + std::to_string(fill.dx) + " at " + std::to_string(fill.price) + " with fee " +
                                   std::to_string(fill.fee) + " exceeds cash of " + std::to_string(cash_) +
                                   "; cut it to what cash allows");
    cash_ += gross(fill.price, fill.dx) - fill.fee;
    fees_ += fill.fee;
    const Count closing = position_ > 0 ? std::clamp(-fill.dx, Count{0}, position_) : std::clamp(fill.dx, Count{0}, -position_);
    if (closing > 0) reduce(closing, fill.price);
    const Count opening = (fill.dx < 0 ? -fill.dx : fill.dx) - closing;
    basis_ += opening * (fill.dx > 0 ? fill.price : one_dollar - fill.price);
    position_ += fill.dx;
  }

  /// Pays the result: YES contracts receive `value`, NO contracts 10,000 - value, without fee; the account is flat then.
  /// @param value  0..10,000; YES = 10,000. @throws std::logic_error outside
  void settle(Price value) {
    RLX_REQUIRE(value >= 0 && value <= one_dollar, "settlement at " + std::to_string(value) + " outside 0..10000");
    const Count held = position_ < 0 ? -position_ : position_;
    if (held == 0) return;
    cash_ += gross(value, -position_);
    reduce(held, value);
    position_ = 0;
  }

  Money starting_cash() const noexcept { return starting_cash_; }  ///< cash before the first fill
  Money cash() const noexcept { return cash_; }                    ///< micro-dollars, never below 0
  /// Signed YES-equivalent contracts: NO is negative.
  Count position() const noexcept { return position_; }
  /// Cost of what is held, without fees.
  Money basis() const noexcept { return basis_; }
  /// Profit of what has been closed or settled, before fees.
  Money realized() const noexcept { return realized_; }
  /// Net fees paid.
  Money fees() const noexcept { return fees_; }
  /// Worth of the position at the touch. @see value_of
  Money value(const Touch& touch) const noexcept { return value_of(position_, touch); }
  /// value - basis.
  Money unrealized(const Touch& touch) const noexcept { return value(touch) - basis_; }
  /// cash + value.
  Money equity(const Touch& touch) const noexcept { return cash_ + value(touch); }

  bool operator==(const Account&) const = default;  ///< Memberwise.

  /// Appends every figure of the account.
  void save_state(StateWriter& out) const {
    for (const std::int64_t field : {cash_, starting_cash_, position_, basis_, realized_, fees_}) out.write(field);
  }
  /// @throws CheckpointError for short input or numbers that no account can have; the account stays as it was
  void load_state(StateReader& in) {
    Account read(0);
    for (std::int64_t* const field :
         {&read.cash_, &read.starting_cash_, &read.position_, &read.basis_, &read.realized_, &read.fees_}) {
      in.read(*field);
    }
    // What holds for every account, in wide numbers: damaged fields may be of any size.
    const detail::Wide cash = detail::Wide{read.starting_cash_} + read.realized_ - read.basis_ - read.fees_;
    const detail::Wide held = read.position_ < 0 ? -detail::Wide{read.position_} : detail::Wide{read.position_};
    if (read.cash_ < 0 || read.starting_cash_ < 0 || cash != read.cash_ || held > max_level_size || read.basis_ < 0 ||
        read.basis_ > held * one_dollar) {
      throw CheckpointError(
          "account state: expected cash = starting cash + realized - basis - fees >= 0 and a basis of at most one dollar per "
          "contract, found cash " +
          std::to_string(read.cash_) + " and position " + std::to_string(read.position_) + "; the state is damaged");
    }
    *this = read;
  }

 private:
  // Takes `count` of what is held out of the basis at its average cost.
  void reduce(Count count, Price yes_price) {
    const Count held = position_ < 0 ? -position_ : position_;
    const Money proceeds = count * (position_ > 0 ? yes_price : one_dollar - yes_price);
    const auto cost = static_cast<Money>(detail::Wide{basis_} * count / held);
    realized_ += proceeds - cost;
    basis_ -= cost;
  }

  Money cash_, starting_cash_;
  Count position_ = 0;
  Money basis_ = 0, realized_ = 0, fees_ = 0;
};

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_ACCOUNT_HPP
