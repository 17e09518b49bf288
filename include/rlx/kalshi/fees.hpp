// SPDX-License-Identifier: MIT
/// @file
/// @brief Fees of a fill in integers: the trade fee, its rounding to the member's precision, and rebates per order.
/// @par Source Kalshi, "Fee Rounding" (docs.kalshi.com/getting_started/fee_rounding) and the published fee schedule
#ifndef RLX_KALSHI_FEES_HPP
#define RLX_KALSHI_FEES_HPP

#include <cstdint>
#include <string>

#include <rlx/core/error.hpp>
#include <rlx/kalshi/tick_grid.hpp>
#include <rlx/kalshi/types.hpp>

namespace rlx::inline v0_1::kalshi {

/// Whether an order met a resting one on arrival or was itself resting.
enum class Liquidity : std::uint8_t {
  taker,  ///< met resting orders at its arrival
  maker   ///< rested and was met
};

/// Rounding that the fills of one order have overpaid and not got back, in micro-dollars. Belongs to the order and spans its
/// taker and maker fills; 0..1 cent between fills.
struct OrderFeeAccumulator {
  Money rounding = 0;                                           ///< overpaid, micro-dollars
  bool operator==(const OrderFeeAccumulator&) const = default;  ///< Memberwise.
};

/// What one fill costs, in micro-dollars.
struct FeeCharge {
  Money trade_fee = 0;    ///< a multiple of 1e-4 dollar
  Money rounding = 0;     ///< what brings the change of cash to the member's precision
  Money rebate = 0;       ///< 0 or 1 cent: rounding of this order paid back
  Money cash_change = 0;  ///< gross - net(): all that the fill does to cash

  /// Fee of the fill: above -1 cent, and over the fills of an order never below 0 in sum. A single fill is below 0 if the
  /// cent that it gets back is more than it pays: a maker without fee that pays half a cent of rounding. The exchange calls net
  /// fees "always >= 0", which of single fills contradicts its own accumulator; a rebate held back until a fill pays as much
  /// would cost an order of many small fills more than one fill of the same size, without limit.
  constexpr Money net() const noexcept { return trade_fee + rounding - rebate; }
  bool operator==(const FeeCharge&) const = default;  ///< Memberwise.
};

/// The published rates of a type: quadratic 70,000 / 0, with maker fees 70,000 / 17,500; flat and none: 0 / 0.
constexpr FeeSchedule standard_fees(FeeType type) noexcept {
  FeeSchedule fees;
  fees.type = type;
  const bool quadratic = type == FeeType::quadratic || type == FeeType::quadratic_with_maker_fees;
  fees.taker_rate_e6 = quadratic ? 70'000 : 0;
  fees.maker_rate_e6 = type == FeeType::quadratic_with_maker_fees ? 17'500 : 0;
  return fees;
}

namespace detail {

/// Products of a rate, a size and two prices.
__extension__ using Wide = __int128;

/// Up to a whole number. @pre value >= 0
constexpr Money ceil_div(Wide value, std::int64_t divisor) noexcept {  // value >= 0
  return static_cast<Money>((value + divisor - 1) / divisor);
}

/// The largest multiple of `unit` that is not above the value. @pre unit > 0
constexpr Money floor_to(Money value, Money unit) noexcept {
  const Money rest = value % unit;
  return value - (rest < 0 ? rest + unit : rest);
}

}  // namespace detail

/// The schedule of a series with a fee multiplier: both rates times multiplier_e6 / 10^6, rounded up. Index series: 500,000.
/// @pre multiplier_e6 >= 0
constexpr FeeSchedule scaled_fees(FeeSchedule fees, std::int64_t multiplier_e6) {
  RLX_REQUIRE(multiplier_e6 >= 0, "a fee multiplier is not negative");
  fees.taker_rate_e6 = detail::ceil_div(detail::Wide{fees.taker_rate_e6} * multiplier_e6, 1'000'000);
  fees.maker_rate_e6 = detail::ceil_div(detail::Wide{fees.maker_rate_e6} * multiplier_e6, 1'000'000);
  return fees;
}

/// Refuses schedules by which a fee could exceed the price paid, negative rates and precisions that a cent is no multiple of.
/// @throws ConfigError naming the field and its value
inline void validate(const FeeSchedule& fees, TickGrid grid) {
  const auto check = [&](const char* name, std::int64_t rate) {
    std::int64_t most = 1'000'000;  // rate p (1 - p) <= p and <= 1 - p
    if (fees.type == FeeType::flat) most = Money{tick_price(grid, 1)} * one_contract;
    if (rate >= 0 && rate <= most) return;
    throw ConfigError(std::string("fees.") + name + ": expected 0.." + std::to_string(most) +
                      (fees.type == FeeType::flat ? " micro-dollars per contract" : " (1e-6 of p (1 - p))") + ", found " +
                      std::to_string(rate) + "; a higher fee could exceed the price paid");
  };
  check("taker_rate_e6", fees.taker_rate_e6);
  check("maker_rate_e6", fees.maker_rate_e6);
  const Money precision = fees.member_precision;
  if (precision <= 0 || cents(1) % precision != 0) {
    throw ConfigError(
        "fees.member_precision: expected a divisor of 10000 micro-dollars (10000: one cent; direct members: 100), "
        "found " +
        std::to_string(precision));
  }
}

/// Fee of `count` at `price` before any rounding to the cent: ceil(rate_e6 q p (10,000 - p) / 10^12) ten-thousandths of a
/// dollar, in micro-dollars. Flat fees are rounded up to the same unit. Symmetric in p and 10,000 - p.
/// @pre 0 <= price <= 10,000, 0 <= count <= max_level_size
constexpr Money trade_fee(const FeeSchedule& fees, Liquidity liquidity, Price price, Count count) {
  RLX_REQUIRE(price >= 0 && price <= one_dollar && count >= 0, "a fee needs a price of 0..10000 and a count of at least 0");
  const detail::Wide size = detail::Wide{liquidity == Liquidity::taker ? fees.taker_rate_e6 : fees.maker_rate_e6} * count;
  switch (fees.type) {
    case FeeType::none:
      return 0;
    case FeeType::flat:
      return 100 * detail::ceil_div(size, 100 * one_contract);
    case FeeType::quadratic:
    case FeeType::quadratic_with_maker_fees:
      break;
  }
  return 100 * detail::ceil_div(size * (std::int64_t{price} * (one_dollar - price)), 1'000'000'000'000);
}

/// Charges one fill. No rounding is charged where the schedule has no fees.
/// @param fees       of the market
/// @param liquidity  chooses the rate
/// @param gross      change of cash by the fill without fee: negative for purchases
/// @param price      YES price
/// @param count      size of the fill, above 0
/// @param order      the accumulator of the order that is filled
constexpr FeeCharge charge_fee(const FeeSchedule& fees, Liquidity liquidity, Money gross, Price price, Count count,
                               OrderFeeAccumulator& order) {
  FeeCharge charge;
  charge.trade_fee = trade_fee(fees, liquidity, price, count);
  if (fees.type != FeeType::none) {
    if (fees.rounding == FeeRounding::cent) {
      charge.rounding = -detail::floor_to(-charge.trade_fee, cents(1)) - charge.trade_fee;
    } else {
      const Money exact = gross - charge.trade_fee;
      charge.rounding = exact - detail::floor_to(exact, fees.member_precision);
      order.rounding += charge.rounding;
      if (order.rounding > cents(1)) {
        charge.rebate = cents(1);
        order.rounding -= cents(1);
      }
    }
  }
  charge.cash_change = gross - charge.net();
  return charge;
}

}  // namespace rlx::inline v0_1::kalshi

#endif  // RLX_KALSHI_FEES_HPP
