// SPDX-License-Identifier: MIT
#include <rlx/kalshi/fees.hpp>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::ContainsSubstring;

__extension__ using Integer = __int128;

// Exact rational arithmetic, from the definition in dollars and contracts.
struct Rational {
  Integer above = 1, below = 1;
  Rational times(std::int64_t numerator, std::int64_t denominator) const {
    Rational product{above * numerator, below * denominator};
    Integer a = product.above, b = product.below;
    while (b != 0) {
      const Integer rest = a % b;
      a = b;
      b = rest;
    }
    return {product.above / a, product.below / a};
  }
  Integer ceiling() const { return above / below + (above % below != 0 ? 1 : 0); }
};

// The fee in 1e-4 dollars: rate (1) x contracts x p (dollars) x (1 - p) x 10,000, rounded up.
Integer rational_fee(std::int64_t rate_e6, Count count, Price price) {
  if (rate_e6 == 0 || count == 0 || price == 0 || price == 10'000) return 0;
  return Rational{}
      .times(rate_e6, 1'000'000)
      .times(count, 100)
      .times(price, 10'000)
      .times(10'000 - price, 10'000)
      .times(10'000, 1)
      .ceiling();
}

// 200 sizes from a hundredth of a contract to the largest.
std::vector<Count> sizes() {
  std::vector<Count> found;
  for (Count size = 1; size <= 100; ++size) found.push_back(size);
  for (Count size = 137; found.size() < 199; size += size / 3 + 1) found.push_back(size);
  found.push_back(100'000'000'000'000);
  return found;
}

FeeSchedule direct_member(FeeSchedule fees) {
  fees.member_precision = 100;
  return fees;
}

Money gross_of(bool buy, Price price, Count count) { return buy ? -price * count : price * count; }

}  // namespace

static_assert(standard_fees(FeeType::quadratic) == FeeSchedule{});

TEST_CASE("100 contracts at one half pay 1.75 dollars as taker and 0.4375 as maker") {
  const FeeSchedule fees = standard_fees(FeeType::quadratic_with_maker_fees);
  REQUIRE(trade_fee(fees, Liquidity::taker, 5'000, contracts(100)) == 1'750'000);
  REQUIRE(trade_fee(fees, Liquidity::maker, 5'000, contracts(100)) == 437'500);
  REQUIRE(trade_fee(standard_fees(FeeType::quadratic), Liquidity::maker, 5'000, contracts(100)) == 0);
  REQUIRE(trade_fee(standard_fees(FeeType::none), Liquidity::taker, 5'000, contracts(100)) == 0);
  // One contract at 48 cents: 0.07 x 0.48 x 0.52 = 0.017472, up to 0.0175.
  REQUIRE(trade_fee(fees, Liquidity::taker, 4'800, contracts(1)) == 17'500);
  // A hundredth of a contract at one cent: 0.00000693, up to 0.0001.
  REQUIRE(trade_fee(fees, Liquidity::taker, 100, 1) == 100);
}

TEST_CASE("three fills of one order get back the cent that their rounding has overpaid") {
  // Price .055, one contract each, a trade fee of .0085 given (here as a flat fee).
  FeeSchedule fees = standard_fees(FeeType::flat);
  fees.taker_rate_e6 = 8'500;
  OrderFeeAccumulator order;
  const Money rebates[] = {0, 10'000, 0}, net[] = {15'000, 5'000, 15'000}, left[] = {6'500, 3'000, 9'500};
  for (int fill = 0; fill < 3; ++fill) {
    const FeeCharge charge = charge_fee(fees, Liquidity::taker, -55'000, 550, contracts(1), order);
    REQUIRE(charge.trade_fee == 8'500);
    REQUIRE(charge.rounding == 6'500);  // -.0635 becomes -.07
    REQUIRE(charge.rebate == rebates[fill]);
    REQUIRE(charge.net() == net[fill]);
    REQUIRE(charge.cash_change == -70'000 + rebates[fill]);
    REQUIRE(order.rounding == left[fill]);
  }
}

TEST_CASE("the accumulator spans taker and maker fills and rebates only beyond one cent") {
  const FeeSchedule fees = standard_fees(FeeType::quadratic);
  OrderFeeAccumulator order;
  // Taker at .055: fee .07 x .055 x .945 = .00363825, up to .0037; -.0587 becomes -.06.
  const FeeCharge taken = charge_fee(fees, Liquidity::taker, -55'000, 550, contracts(1), order);
  REQUIRE(taken == FeeCharge{3'700, 1'300, 0, -60'000});
  // Makers pay no fee, but -.055 becomes -.06.
  REQUIRE(charge_fee(fees, Liquidity::maker, -55'000, 550, contracts(1), order) == FeeCharge{0, 5'000, 0, -60'000});
  REQUIRE(order.rounding == 6'300);
  const FeeCharge third = charge_fee(fees, Liquidity::maker, -55'000, 550, contracts(1), order);
  REQUIRE(third == FeeCharge{0, 5'000, 10'000, -50'000});
  REQUIRE(third.net() == -5'000);  // it returns what the fills before have overpaid
  REQUIRE(order.rounding == 1'300);
  // Exactly one cent is not more than one cent.
  OrderFeeAccumulator exact;
  for (const Money rebate : {0, 0, 10'000}) {
    REQUIRE(charge_fee(fees, Liquidity::maker, -55'000, 550, contracts(1), exact).rebate == rebate);
  }
}

TEST_CASE("direct members are rounded to a hundredth of a cent") {
  const FeeSchedule fees = direct_member(standard_fees(FeeType::quadratic));
  OrderFeeAccumulator order;
  // -.0587 is a multiple of .0001 already.
  REQUIRE(charge_fee(fees, Liquidity::taker, -55'000, 550, contracts(1), order) == FeeCharge{3'700, 0, 0, -58'700});
  // .33 contracts at .055: gross -.01815, fee .0012006 up to .0013; -.01945 becomes -.0195.
  REQUIRE(charge_fee(fees, Liquidity::taker, -18'150, 550, 33, order) == FeeCharge{1'300, 50, 0, -19'500});
}

TEST_CASE("proceeds are rounded down as well as costs up") {
  const FeeSchedule fees = standard_fees(FeeType::quadratic);
  OrderFeeAccumulator order;
  // Selling 1 at .48: .48 - .0175 = .4625 becomes .46.
  REQUIRE(charge_fee(fees, Liquidity::taker, 480'000, 4'800, contracts(1), order) == FeeCharge{17'500, 2'500, 0, 460'000});
}

TEST_CASE("the older table rounds each fill up to the cent") {
  FeeSchedule fees = standard_fees(FeeType::quadratic_with_maker_fees);
  fees.rounding = FeeRounding::cent;
  // The exchange's published table, in dollars: price, taker 1, taker 100, maker 1, maker 100.
  struct Row {
    Price price;
    Money taker_1, taker_100, maker_1, maker_100;
  };
  for (const Row& row : {Row{500, 1, 34, 1, 9}, Row{1'000, 1, 63, 1, 16}, Row{2'500, 2, 132, 1, 33}, Row{5'000, 2, 175, 1, 44},
                         Row{7'500, 2, 132, 1, 33}, Row{9'000, 1, 63, 1, 16}, Row{9'500, 1, 34, 1, 9}}) {
    OrderFeeAccumulator order;
    const auto fee = [&](Liquidity liquidity, int count) {
      const Money gross = -row.price * contracts(count);
      const FeeCharge charge = charge_fee(fees, liquidity, gross, row.price, contracts(count), order);
      REQUIRE(charge.cash_change == gross - charge.net());
      return charge.net();
    };
    INFO(row.price);
    REQUIRE(fee(Liquidity::taker, 1) == cents(row.taker_1));
    REQUIRE(fee(Liquidity::taker, 100) == cents(row.taker_100));
    REQUIRE(fee(Liquidity::maker, 1) == cents(row.maker_1));
    REQUIRE(fee(Liquidity::maker, 100) == cents(row.maker_100));
    REQUIRE(order == OrderFeeAccumulator{});
  }
}

TEST_CASE("a schedule without fees charges no rounding either") {
  OrderFeeAccumulator order;
  REQUIRE(charge_fee(standard_fees(FeeType::none), Liquidity::taker, -18'150, 550, 33, order) == FeeCharge{0, 0, 0, -18'150});
  REQUIRE(order.rounding == 0);
}

TEST_CASE("flat fees are per contract and rounded up to a ten-thousandth of a dollar") {
  FeeSchedule fees = standard_fees(FeeType::flat);
  fees.taker_rate_e6 = 2'550;
  fees.maker_rate_e6 = 1;
  REQUIRE(trade_fee(fees, Liquidity::taker, 5'000, contracts(4)) == 10'200);
  REQUIRE(trade_fee(fees, Liquidity::taker, 100, contracts(1)) == 2'600);
  REQUIRE(trade_fee(fees, Liquidity::taker, 9'900, 1) == 100);
  REQUIRE(trade_fee(fees, Liquidity::maker, 5'000, contracts(1)) == 100);
}

TEST_CASE("a fee multiplier scales both rates: index series pay half") {
  const FeeSchedule half = scaled_fees(standard_fees(FeeType::quadratic_with_maker_fees), 500'000);
  REQUIRE(half.taker_rate_e6 == 35'000);
  REQUIRE(half.maker_rate_e6 == 8'750);
  REQUIRE(scaled_fees(half, 1'000'000) == half);
  REQUIRE(scaled_fees(standard_fees(FeeType::quadratic), 333'333).taker_rate_e6 == 23'334);
  REQUIRE(scaled_fees(half, 0).taker_rate_e6 == 0);
  REQUIRE_THROWS_AS(scaled_fees(half, -1), std::logic_error);
}

TEST_CASE("the integer fee equals exact rational arithmetic for every price and 200 sizes") {
  const std::vector<Count> counts = sizes();
  REQUIRE(counts.size() == 200);
  for (const TickGrid grid : {TickGrid::linear_cent, TickGrid::deci_cent, TickGrid::tapered_deci_cent}) {
    for (int tick = 0; tick < tick_count(grid); ++tick) {
      const Price price = tick_price(grid, tick);
      for (const Count count : counts) {
        // Both rates on the cent grid, one of them on the others, which contain its prices.
        for (const Liquidity liquidity : {Liquidity::taker, Liquidity::maker}) {
          if (grid != TickGrid::linear_cent && (liquidity == Liquidity::maker) != (tick % 2 == 0)) continue;
          const FeeSchedule fees = standard_fees(FeeType::quadratic_with_maker_fees);
          const Money fee = trade_fee(fees, liquidity, price, count);
          const Integer expected = 100 * rational_fee(liquidity == Liquidity::taker ? 70'000 : 17'500, count, price);
          if (fee != expected) FAIL("price " << price << ", count " << count << ": " << fee);
          if (fee != trade_fee(fees, liquidity, 10'000 - price, count)) FAIL("not symmetric at " << price);
        }
      }
    }
  }
}

TEST_CASE("one fill of n and n fills of 1 in one order differ by at most 1 cent and n hundredths") {
  for (const Money precision : {Money{10'000}, Money{100}}) {
    FeeSchedule fees = standard_fees(FeeType::quadratic_with_maker_fees);
    fees.member_precision = precision;
    for (int tick = 1; tick < 1'000; ++tick) {
      const Price price = tick_price(TickGrid::deci_cent, tick);
      for (const bool buy : {true, false}) {
        for (const Liquidity liquidity : {Liquidity::taker, Liquidity::maker}) {
          OrderFeeAccumulator order;
          Money paid = 0;
          for (int n = 1; n <= 100; ++n) {
            const Money gross = gross_of(buy, price, contracts(1));
            const FeeCharge charge = charge_fee(fees, liquidity, gross, price, contracts(1), order);
            paid += charge.net();
            OrderFeeAccumulator alone;
            const Money whole = charge_fee(fees, liquidity, n * gross, price, contracts(n), alone).net();
            const Money difference = paid < whole ? whole - paid : paid - whole;
            if (difference > 10'000 + n * 100) FAIL("price " << price << ", n " << n << ": " << difference);
            if (charge.net() <= -10'000) FAIL("a fill got back more than a cent at " << price);
            if (paid < 0 || order.rounding < 0 || order.rounding > 10'000) FAIL("accumulator at " << price << ", n " << n);
            if (charge.cash_change % precision != 0 || charge.cash_change != gross - charge.net()) FAIL("cash at " << price);
          }
          REQUIRE(paid > 0);
        }
      }
    }
  }
}

TEST_CASE("fees that could exceed the price paid are refused") {
  FeeSchedule fees = standard_fees(FeeType::quadratic_with_maker_fees);
  REQUIRE_NOTHROW(validate(fees, TickGrid::linear_cent));
  fees.taker_rate_e6 = 1'000'000;
  REQUIRE_NOTHROW(validate(fees, TickGrid::deci_cent));
  fees.taker_rate_e6 = 1'000'001;
  REQUIRE_THROWS_AS(validate(fees, TickGrid::deci_cent), rlx::ConfigError);
  REQUIRE_THROWS_WITH(validate(fees, TickGrid::deci_cent), ContainsSubstring("taker_rate_e6") && ContainsSubstring("1000001"));
  fees = standard_fees(FeeType::quadratic);
  fees.maker_rate_e6 = -1;
  REQUIRE_THROWS_WITH(validate(fees, TickGrid::linear_cent), ContainsSubstring("maker_rate_e6") && ContainsSubstring("-1"));
  FeeSchedule flat = standard_fees(FeeType::flat);
  flat.taker_rate_e6 = 10'000;  // one cent, the lowest price of the grid
  REQUIRE_NOTHROW(validate(flat, TickGrid::linear_cent));
  REQUIRE_THROWS_AS(validate(flat, TickGrid::deci_cent), rlx::ConfigError);
  for (const Money precision : {Money{0}, Money{-100}, Money{300}, Money{20'000}}) {
    FeeSchedule odd;
    odd.member_precision = precision;
    REQUIRE_THROWS_WITH(validate(odd, TickGrid::linear_cent), ContainsSubstring("member_precision"));
  }
  REQUIRE_NOTHROW(validate(direct_member({}), TickGrid::linear_cent));
}

TEST_CASE("no fee is computed of a price outside the dollar or of a negative count") {
  OrderFeeAccumulator order;
  REQUIRE_THROWS_AS(trade_fee({}, Liquidity::taker, 10'001, 100), std::logic_error);
  REQUIRE_THROWS_AS(trade_fee({}, Liquidity::taker, -1, 100), std::logic_error);
  REQUIRE_THROWS_AS(charge_fee({}, Liquidity::taker, 0, 5'000, -1, order), std::logic_error);
  REQUIRE(trade_fee({}, Liquidity::taker, 5'000, 0) == 0);
}
