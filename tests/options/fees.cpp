// SPDX-License-Identifier: MIT
#include <rlx/options/fees.hpp>

#include "rlx_catch.hpp"

#include <string>

using namespace rlx::options;
using rlx::market::Fixed8;

namespace {

Fixed8 d(const char* text) { return Fixed8::parse(text); }

const FeeSchedule paper;

}  // namespace

TEST_CASE("The fee of a fill is the smaller of commission and share of the price", "[options][fees]") {
  const auto fee = [](SettlementType settlement, Liquidity liquidity, const char* amount, const char* price) {
    return trade_fee(paper, settlement, liquidity, d(amount), d(price), d("90000"));
  };
  const auto inverse = SettlementType::inverse, linear = SettlementType::linear;
  CHECK(fee(inverse, Liquidity::taker, "0.1", "0.0001") == d("0.00000125"));  // worked: 0.125 * 0.0001 * 0.1
  CHECK(fee(inverse, Liquidity::maker, "0.1", "0.005") == d("0.00003"));      // 0.0003 * 0.1
  CHECK(fee(inverse, Liquidity::taker, "1", "0.0024") == d("0.0003"));        // both sides equal
  CHECK(fee(inverse, Liquidity::taker, "1", "0.0023") == d("0.0002875"));
  CHECK(fee(inverse, Liquidity::taker, "0", "0.01") == Fixed8());
  CHECK(fee(inverse, Liquidity::taker, "1", "0") == Fixed8());
  CHECK(fee(linear, Liquidity::maker, "0.1", "500") == d("0.9"));  // 0.0001 * 90000 * 0.1
  CHECK(fee(linear, Liquidity::taker, "0.1", "500") == d("4.5"));  // 0.0005 * 90000 * 0.1
  CHECK(fee(linear, Liquidity::taker, "0.1", "20") == d("0.25"));  // 0.125 * 20 * 0.1
  // An eighth of 1e-8 would round to 0 before it is multiplied by the amount.
  CHECK(fee(inverse, Liquidity::taker, "12", "0.00000001") == d("0.00000002"));  // 1.5 units
  CHECK_THROWS_AS(fee(inverse, Liquidity::taker, "-1", "0.01"), std::logic_error);
}

TEST_CASE("A short call that expires in the money loses the worked amount", "[options][fees]") {
  const Instrument call = paper_instrument("BTC-16JAN26-100000-C");
  const Fixed8 amount = d("0.1"), settled = d("104000");
  const Fixed8 received = premium(amount, d("0.0050"));
  const Fixed8 opening = trade_fee(paper, call.settlement, Liquidity::taker, amount, d("0.0050"), d("99000"));
  const Fixed8 owed = payoff(call, amount, settled);
  const Fixed8 delivery = delivery_fee(paper, call, amount, settled);
  CHECK(received == d("0.0005"));
  CHECK(opening == d("0.00003"));
  CHECK(owed == d("0.00384615"));
  CHECK(delivery == d("0.000015"));
  CHECK(received - opening - owed - delivery == d("-0.00339115"));
}

TEST_CASE("Payoffs by type and settlement", "[options][fees]") {
  const auto value = [](OptionType type, SettlementType settlement, const char* settled) {
    return payoff(type, settlement, d("100000"), d("1"), d(settled));
  };
  const auto inverse = SettlementType::inverse, linear = SettlementType::linear;
  CHECK(value(OptionType::call, inverse, "125000") == d("0.2"));  // 1 - 100/125
  CHECK(value(OptionType::call, inverse, "100000") == Fixed8());
  CHECK(value(OptionType::call, inverse, "80000") == Fixed8());
  CHECK(value(OptionType::put, inverse, "80000") == d("0.25"));  // 100/80 - 1
  CHECK(value(OptionType::put, inverse, "125000") == Fixed8());
  CHECK(value(OptionType::call, linear, "125000") == d("25000"));
  CHECK(value(OptionType::put, linear, "80000") == d("20000"));
  CHECK(value(OptionType::put, linear, "125000") == Fixed8());
  // The payoff in coin times the settlement price is the payoff in USD, to the rounding of the coin.
  for (const char* settled : {"100001", "104000", "123456.78", "987654.32"}) {
    const double coin = value(OptionType::call, inverse, settled).to_double();
    const double usd = value(OptionType::call, linear, settled).to_double();
    CHECK_THAT(coin * d(settled).to_double(), rlx_test::WithinAbs(usd, 0.5e-8 * d(settled).to_double() + 1e-9));
  }
  CHECK_THROWS_AS(value(OptionType::call, inverse, "0"), std::logic_error);
}

TEST_CASE("Delivery fees are capped by the payoff and spared for options of a day", "[options][fees]") {
  Instrument call = paper_instrument("BTC-16JAN26-100000-C");
  CHECK(delivery_fee(paper, call, d("1"), d("99999")) == Fixed8());
  // Payoff 1 - 100000/100050 = 0.00049975; an eighth of it, 0.0000624688 by one rounding, is less than 0.00015.
  CHECK(delivery_fee(paper, call, d("1"), d("100050")) == d("0.00006247"));
  CHECK(delivery_fee(paper, call, d("2"), d("125000")) == d("0.0003"));
  call.creation_ms = call.expiry_ms - 86'400'000;
  CHECK(delivery_fee(paper, call, d("1"), d("125000")) == Fixed8());
  call.creation_ms -= 1;
  CHECK(delivery_fee(paper, call, d("1"), d("125000")) == d("0.00015"));
  const Instrument put = paper_instrument("BTC_USDC-16JAN26-100000-P");
  CHECK(delivery_fee(paper, put, d("0.5"), d("80000")) == d("6"));          // 0.00015 * 80000 * 0.5
  CHECK(delivery_fee(paper, put, d("0.5"), d("99999.9")) == d("0.00625"));  // 0.125 * 0.1 * 0.5
}

TEST_CASE("A schedule without fees has to be asked for", "[options][fees]") {
  const FeeSchedule none = FeeSchedule::none();
  CHECK_NOTHROW(validate(paper));
  CHECK_NOTHROW(validate(none));
  const Instrument call = paper_instrument("BTC-16JAN26-100000-C");
  CHECK(trade_fee(none, call.settlement, Liquidity::taker, d("1"), d("0.1"), d("90000")) == Fixed8());
  CHECK(delivery_fee(none, call, d("1"), d("125000")) == Fixed8());
  FeeSchedule disguised = none;
  disguised.name = "paper";
  CHECK_THROWS_AS(validate(disguised), rlx::ConfigError);
  CHECK_THROWS_WITH(validate(disguised), rlx_test::ContainsSubstring("FeeSchedule::none()"));
  FeeSchedule negative;
  negative.linear.delivery = d("-0.1");
  CHECK_THROWS_WITH(validate(negative),
                    rlx_test::ContainsSubstring("fees.linear.delivery") && rlx_test::ContainsSubstring("-0.1"));
}

TEST_CASE("A venue's commissions take the place of the schedule's", "[options][fees]") {
  Instrument call = paper_instrument("BTC-16JAN26-100000-C");
  call.maker_commission = 0.0001;
  call.taker_commission = 0.0002;
  const FeeSchedule listed = with_commissions_of(call);
  CHECK(listed.inverse.maker == d("0.0001"));
  CHECK(listed.inverse.taker == d("0.0002"));
  CHECK(listed.linear == paper.linear);
  CHECK(trade_fee(listed, call.settlement, Liquidity::taker, d("1"), d("0.1"), d("90000")) == d("0.0002"));
}

TEST_CASE("Premiums in USD follow the settlement", "[options][fees]") {
  CHECK(premium_usd(SettlementType::inverse, 0.005, 90'000) == Approx(450.0));
  CHECK(premium_usd(SettlementType::linear, 450.0, 90'000) == 450.0);
}
