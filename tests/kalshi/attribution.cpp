// SPDX-License-Identifier: MIT
#include <rlx/kalshi/attribution.hpp>

#include <rlx/kalshi/account.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;

constexpr Touch old_book{4'800, 5'200}, new_book{5'000, 5'300};

}  // namespace

TEST_CASE("A step is split into mark, fills, fees and settlement, by hand") {
  // 10 YES bought at .50 before; 5 more at .52 in the step, fee 2 cents; the book moves from 48/52 to 50/53; the result is YES.
  Account account(dollars(100));
  account.apply_fill({0, 5'000, contracts(10), 0, Liquidity::taker});
  AttributionMeter meter;
  meter.begin(account.position(), account.equity(old_book), old_book);
  const Fill fill{1, 5'200, contracts(5), cents(2), Liquidity::taker};
  account.apply_fill(fill);
  meter.add_fill(fill.price, fill.dx, fill.fee);
  meter.at_book(new_book);
  REQUIRE(meter.unexplained(account.equity(new_book)) == 0);
  account.settle(10'000);
  meter.settle(10'000);
  const Attribution& parts = meter.parts();
  REQUIRE(parts.mark == cents(20));    // 10 x (.50 - .48)
  REQUIRE(parts.fills == -cents(10));  // 5 x (.50 - .52)
  REQUIRE(parts.fees == cents(2));
  REQUIRE(parts.settlement == cents(750));  // 15 x (1 - .50)
  REQUIRE(parts.total() == cents(758));
  REQUIRE(meter.unexplained(account.equity(new_book)) == 0);
}

TEST_CASE("A liquidation is the payment less the value at the touch") {
  Account account(dollars(100));
  account.apply_fill({0, 5'200, -contracts(10), 0, Liquidity::taker});  // 10 NO at .48
  AttributionMeter meter;
  meter.begin(account.position(), account.equity(old_book), old_book);
  meter.at_book(old_book);
  const Fill fill{1, 5'300, contracts(6), cents(3), Liquidity::taker};  // 6 NO sold at .47, the others are worth nothing
  account.apply_fill(fill);
  meter.add_liquidation(fill.price, fill.dx, fill.fee);
  account.settle(10'000);
  meter.settle(10'000);
  REQUIRE(meter.parts().settlement == cents(282 - 480));
  REQUIRE(meter.parts().fees == cents(3));
  REQUIRE(meter.unexplained(account.equity(old_book)) == 0);
}

TEST_CASE("Accounts that forget a fee, a price or a fill leave a part unexplained") {
  const Fill fill{1, 5'200, -contracts(5), cents(2), Liquidity::taker};
  const auto unexplained = [&](const Fill& booked) {
    Account account(dollars(100));
    AttributionMeter meter;
    meter.begin(0, account.equity(old_book), old_book);
    meter.add_fill(fill.price, fill.dx, fill.fee);
    account.apply_fill(booked);
    meter.at_book(new_book);
    return meter.unexplained(account.equity(new_book));
  };
  REQUIRE(unexplained(fill) == 0);
  Fill wrong = fill;
  wrong.fee = 0;
  REQUIRE(unexplained(wrong) == cents(2));
  wrong = fill;
  wrong.price += 100;
  REQUIRE(unexplained(wrong) == cents(5));
  wrong = fill;
  wrong.dx = 0;
  wrong.fee = 0;
  REQUIRE(unexplained(wrong) != 0);

  // The dollar of a pair credited on top of a valued opposite position: selling what is not held as free money.
  AttributionMeter meter;
  meter.begin(0, dollars(100), old_book);
  meter.add_fill(4'800, -contracts(1), 0);
  meter.at_book(old_book);
  const Money broken = dollars(100) + 4'800 * contracts(1) + value_of(-contracts(1), old_book);
  REQUIRE(meter.unexplained(broken) == dollars(1));
}
