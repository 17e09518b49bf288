// SPDX-License-Identifier: MIT
/// @file
/// @brief Money of an option trade: premium, fee, payoff and delivery fee, exact in the settlement currency.
///
/// Every amount of money is one product of decimals, rounded once, half to even, when it moves.
/// @par Source Deribit, "Fees" (options: the smaller of a share of the underlying and 12.5 % of the option's price)
#ifndef RLX_OPTIONS_FEES_HPP
#define RLX_OPTIONS_FEES_HPP

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include <rlx/core/error.hpp>
#include <rlx/market/fixed8.hpp>
#include <rlx/options/instrument.hpp>

namespace rlx::inline v0_1::options {

/// Whether an order met a resting one on arrival or was itself resting.
enum class Liquidity : std::uint8_t {
  taker,  ///< met a resting one
  maker   ///< was resting
};

/// Fees of one settlement type, per contract: the smaller of a share of the underlying and a share of the option's own value.
struct FeeRates {
  market::Fixed8 maker;                                        ///< of the underlying: coin per coin, or times the index in USDC
  market::Fixed8 taker;                                        ///< in the same unit
  market::Fixed8 price_cap = market::Fixed8::parse("0.125");   ///< of the option's price
  market::Fixed8 delivery = market::Fixed8::parse("0.00015");  ///< of the underlying, at expiry
  market::Fixed8 payoff_cap = market::Fixed8::parse("0.125");  ///< of the payoff
  bool operator==(const FeeRates&) const = default;            ///< Memberwise.
};

/// Fees from a date on. The default is the paper venue's. On a network the fee of each trade is the truth and this only the
/// estimate before it.
struct FeeSchedule {
  std::string name = "paper";      ///< in messages; "none" alone may be without taker fees
  std::int64_t valid_from_ms = 0;  ///< UTC
  /// Of options in coin.
  FeeRates inverse = {.maker = market::Fixed8::parse("0.0003"), .taker = market::Fixed8::parse("0.0003")};
  /// Of options in USDC.
  FeeRates linear = {.maker = market::Fixed8::parse("0.0001"), .taker = market::Fixed8::parse("0.0005")};
  /// Options that expire at most this long after their listing have no delivery fee.
  std::int64_t free_delivery_life_ms = 86'400'000;

  /// No fees at all: for studies that ask for it.
  static FeeSchedule none() {
    FeeSchedule schedule;
    schedule.name = "none";
    schedule.inverse = schedule.linear = FeeRates{.maker = {}, .taker = {}, .price_cap = {}, .delivery = {}, .payoff_cap = {}};
    return schedule;
  }
  /// Those of a settlement type; valid as long as the schedule.
  const FeeRates& rates(SettlementType settlement) const noexcept {
    return settlement == SettlementType::inverse ? inverse : linear;
  }
  bool operator==(const FeeSchedule&) const = default;  ///< Memberwise.
};

/// The schedule with the commissions that a venue lists for an instrument in the place of its own.
/// @throws NumericError if they are not finite
inline FeeSchedule with_commissions_of(const Instrument& instrument, FeeSchedule schedule = {}) {
  FeeRates& rates = instrument.settlement == SettlementType::inverse ? schedule.inverse : schedule.linear;
  rates.maker = market::Fixed8::from_double(instrument.maker_commission);
  rates.taker = market::Fixed8::from_double(instrument.taker_commission);
  return schedule;
}

/// Refuses rates outside 0..1, and a schedule without taker fees that does not call itself "none".
/// @throws ConfigError naming the field and its value
inline void validate(const FeeSchedule& schedule) {
  const auto check_rates = [&](const char* type, const FeeRates& rates) {
    const auto check = [&](const char* field, market::Fixed8 rate) {
      if (rate >= market::Fixed8() && rate <= market::Fixed8::from_integer(1)) return;
      throw ConfigError(std::string("fees.") + type + '.' + field + ": expected a fraction of 0..1, found " + rate.to_string());
    };
    check("maker", rates.maker);
    check("taker", rates.taker);
    check("price_cap", rates.price_cap);
    check("delivery", rates.delivery);
    check("payoff_cap", rates.payoff_cap);
    if (schedule.name != "none" && (rates.taker.sign() == 0 || rates.price_cap.sign() == 0)) {
      throw ConfigError(std::string("fees.") + type + ".taker: 0 in the schedule '" + schedule.name +
                        "'; a schedule without fees must be asked for as FeeSchedule::none()");
    }
  };
  check_rates("inverse", schedule.inverse);
  check_rates("linear", schedule.linear);
}

/// What a buyer pays for `amount` contracts at `price`, in the settlement currency.
inline market::Fixed8 premium(market::Fixed8 amount, market::Fixed8 price) { return multiply(amount, price); }

/// USD value of one contract at a price in the settlement currency: coin prices times the index, USDC prices as they are.
constexpr double premium_usd(SettlementType settlement, double price, double index) noexcept {
  return settlement == SettlementType::inverse ? price * index : price;
}

/**
 * @brief Fee of a fill that opens or closes, in the settlement currency.
 * @param schedule    rates
 * @param settlement  which of them
 * @param liquidity   whether the taker's or the maker's
 * @param amount      contracts, at least 0
 * @param price       of one contract in the settlement currency, at least 0
 * @param index       of the underlying in USD, at least 0; only linear options use it
 */
inline market::Fixed8 trade_fee(const FeeSchedule& schedule, SettlementType settlement, Liquidity liquidity,
                                market::Fixed8 amount, market::Fixed8 price, market::Fixed8 index) {
  RLX_REQUIRE(amount.sign() >= 0 && price.sign() >= 0 && index.sign() >= 0,
              "a fee needs amount, price and index of at least 0");
  const FeeRates& rates = schedule.rates(settlement);
  const market::Fixed8 commission = liquidity == Liquidity::taker ? rates.taker : rates.maker;
  const market::Fixed8 capped = multiply(rates.price_cap, price, amount);
  // The smaller of two products is the smaller of their rounded values: rounding keeps the order.
  return min(capped,
             settlement == SettlementType::inverse ? multiply(commission, amount) : multiply(commission, index, amount));
}

/**
 * @brief What the seller owes the buyer of `amount` contracts at expiry, in the settlement currency; at least 0.
 * @param type              call or put
 * @param settlement        which currency
 * @param strike            USD
 * @param amount            contracts, at least 0
 * @param settlement_price  index at expiry in USD, above 0
 */
inline market::Fixed8 payoff(OptionType type, SettlementType settlement, market::Fixed8 strike, market::Fixed8 amount,
                             market::Fixed8 settlement_price) {
  RLX_REQUIRE(amount.sign() >= 0 && settlement_price.sign() > 0, "a payoff needs an amount of at least 0 and a price above 0");
  const market::Fixed8 value = type == OptionType::call ? settlement_price - strike : strike - settlement_price;
  if (value.sign() <= 0) return {};
  return settlement == SettlementType::inverse ? multiply_divide(amount, value, settlement_price) : multiply(amount, value);
}
/// The same by an instrument's terms. @throws NumericError if its strike has no exact decimal in range
inline market::Fixed8 payoff(const Instrument& instrument, market::Fixed8 amount, market::Fixed8 settlement_price) {
  return payoff(instrument.type, instrument.settlement, market::Fixed8::from_double(instrument.strike), amount,
                settlement_price);
}

/**
 * @brief Fee of the delivery of `amount` contracts at expiry, in the settlement currency; 0 without payoff and for options
 *        that were listed at most `free_delivery_life_ms` before their expiry (an unknown listing time counts as earlier).
 * @param schedule          rates
 * @param instrument        terms of the option
 * @param amount            contracts, at least 0
 * @param settlement_price  index at expiry in USD, above 0
 */
inline market::Fixed8 delivery_fee(const FeeSchedule& schedule, const Instrument& instrument, market::Fixed8 amount,
                                   market::Fixed8 settlement_price) {
  RLX_REQUIRE(amount.sign() >= 0 && settlement_price.sign() > 0, "a fee needs an amount of at least 0 and a price above 0");
  if (instrument.creation_ms != 0 && instrument.expiry_ms - instrument.creation_ms <= schedule.free_delivery_life_ms) return {};
  const FeeRates& rates = schedule.rates(instrument.settlement);
  const market::Fixed8 strike = market::Fixed8::from_double(instrument.strike);
  const market::Fixed8 value = instrument.type == OptionType::call ? settlement_price - strike : strike - settlement_price;
  if (value.sign() <= 0) return {};
  if (instrument.settlement == SettlementType::inverse) {
    return min(multiply(rates.delivery, amount), multiply_divide(rates.payoff_cap, amount, value, settlement_price));
  }
  return min(multiply(rates.delivery, settlement_price, amount), multiply(rates.payoff_cap, value, amount));
}

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_FEES_HPP
