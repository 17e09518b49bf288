// SPDX-License-Identifier: MIT
#include <rlx/kalshi/account.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include <rlx/core/random.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::ContainsSubstring;

Fill fill(Price price, Count dx, Money fee = 0) { return {0, price, dx, fee, Liquidity::taker}; }

// An exchange's own view: YES and NO contracts bought apart, pairs redeemed at a dollar.
struct PairAccount {
  Money cash;
  Count yes = 0, no = 0;
  void apply(const Fill& one) {
    if (one.dx > 0) {
      yes += one.dx;
      cash -= one.price * one.dx;
    } else {
      no -= one.dx;
      cash += (10'000 - one.price) * one.dx;
    }
    const Count pairs = std::min(yes, no);
    yes -= pairs;
    no -= pairs;
    cash += 10'000 * pairs - one.fee;
  }
  Money equity(const Touch& touch) const {
    return cash + (touch.bid ? yes * *touch.bid : 0) + (touch.ask ? no * (10'000 - *touch.ask) : 0);
  }
};

Touch mirrored(const Touch& touch) {
  Touch other;
  if (touch.ask) other.bid = 10'000 - *touch.ask;
  if (touch.bid) other.ask = 10'000 - *touch.bid;
  return other;
}

Touch random_touch(rlx::RandomStream& random) {
  Touch touch;
  const auto bid = static_cast<Price>(random.bounded(981)) * 10, spread = static_cast<Price>(1 + random.bounded(15)) * 10;
  if (random.bounded(10) != 0) touch.bid = bid;
  if (random.bounded(10) != 0) touch.ask = bid + spread;
  return touch;
}

}  // namespace

TEST_CASE("buying NO costs one less the bid and is worth one less the ask") {
  // Book 48/52 cents, no fee: BUY_NO 10 costs 5.20, is worth 4.80; the step loses the spread of .40.
  const Touch touch{4'800, 5'200};
  Account account(dollars(100));
  account.apply_fill(fill(4'800, -contracts(10)));
  REQUIRE(account.position() == -contracts(10));
  REQUIRE(account.cash() == dollars(100) - 5'200'000);
  REQUIRE(account.value(touch) == 4'800'000);
  REQUIRE(account.basis() == 5'200'000);
  REQUIRE(account.equity(touch) - dollars(100) == -400'000);
  // Selling the NO again at the ask pays 4.80.
  account.apply_fill(fill(5'200, contracts(10)));
  REQUIRE(account.cash() == dollars(100) - 400'000);
  REQUIRE(account.realized() == -400'000);
  REQUIRE(account.position() == 0);
  REQUIRE(account.basis() == 0);
}

TEST_CASE("a reduction takes the average cost, rounded down, out of the basis") {
  Account account(dollars(10));
  account.apply_fill(fill(1'000, contracts(1)));
  account.apply_fill(fill(2'000, contracts(2)));
  REQUIRE(account.basis() == 500'000);
  account.apply_fill(fill(3'000, -contracts(1), 20'000));
  REQUIRE(account.realized() == 300'000 - 166'666);
  REQUIRE(account.basis() == 333'334);
  REQUIRE(account.fees() == 20'000);
  REQUIRE(account.cash() == dollars(10) - 500'000 + 300'000 - 20'000);
  REQUIRE(account.unrealized({2'500, 2'600}) == 500'000 - 333'334);
  account.apply_fill(fill(2'500, -contracts(2)));
  REQUIRE(account.realized() == 300'000 - 166'666 + 500'000 - 333'334);
  REQUIRE(account.basis() == 0);
}

TEST_CASE("a fill through zero closes first, then opens the other side") {
  Account account(dollars(10));
  account.apply_fill(fill(4'000, contracts(5)));
  account.apply_fill(fill(5'000, -contracts(8)));
  REQUIRE(account.position() == -contracts(3));
  REQUIRE(account.realized() == 500'000);
  REQUIRE(account.basis() == 1'500'000);                                       // 3 NO at .50
  REQUIRE(account.cash() == dollars(10) - 2'000'000 + 2'500'000 - 1'500'000);  // 5 sold, 3 NO bought
  account.apply_fill(fill(4'500, contracts(4)));
  REQUIRE(account.position() == contracts(1));
  REQUIRE(account.realized() == 500'000 + 150'000);
  REQUIRE(account.basis() == 450'000);
}

TEST_CASE("a missing side is worth nothing") {
  Account account(dollars(10));
  account.apply_fill(fill(4'000, contracts(5)));
  REQUIRE(account.value({std::nullopt, 5'000}) == 0);
  REQUIRE(account.value({3'000, std::nullopt}) == 1'500'000);
  account.apply_fill(fill(4'000, -contracts(10)));
  REQUIRE(account.value({3'000, std::nullopt}) == 0);
  REQUIRE(account.value({std::nullopt, 4'500}) == 2'750'000);
}

TEST_CASE("settlement pays each side its part of the dollar") {
  struct Case {
    Price result;
    Money yes, no;  // of 10 contracts
  };
  for (const Case& one : {Case{10'000, 10'000'000, 0}, Case{0, 0, 10'000'000}, Case{3'700, 3'700'000, 6'300'000}}) {
    for (const bool yes : {true, false}) {
      INFO(one.result << " " << yes);
      Account account(dollars(100));
      account.apply_fill(fill(4'000, yes ? contracts(10) : -contracts(10), 30'000));
      const Money cost = yes ? 4'000'000 : 6'000'000, paid = yes ? one.yes : one.no;
      account.settle(one.result);
      REQUIRE(account.position() == 0);
      REQUIRE(account.basis() == 0);
      REQUIRE(account.cash() == dollars(100) - cost - 30'000 + paid);
      REQUIRE(account.realized() == paid - cost);
      REQUIRE(account.fees() == 30'000);
      REQUIRE(account.equity({}) == account.cash());
      const Account settled = account;
      account.settle(one.result);  // flat: nothing to pay
      REQUIRE(account == settled);
    }
  }
}

TEST_CASE("a fill beyond cash, price or size is refused and changes nothing") {
  Account account(dollars(1));
  account.apply_fill(fill(5'000, contracts(1)));
  const Account before = account;
  REQUIRE(account.can_pay(fill(5'000, contracts(1))));
  REQUIRE_FALSE(account.can_pay(fill(5'000, contracts(1), 1)));
  REQUIRE_THROWS_WITH(account.apply_fill(fill(5'000, contracts(1), 1)), ContainsSubstring("cash of 500000"));
  REQUIRE_THROWS_AS(account.apply_fill(fill(10'001, 100)), std::logic_error);
  REQUIRE_THROWS_AS(account.apply_fill(fill(-1, 100)), std::logic_error);
  REQUIRE_THROWS_AS(account.apply_fill(fill(0, max_level_size)), std::logic_error);
  REQUIRE_THROWS_AS(account.apply_fill(fill(0, std::numeric_limits<Count>::max())), std::logic_error);
  REQUIRE_THROWS_AS(account.apply_fill(fill(10'000, std::numeric_limits<Count>::min())), std::logic_error);
  REQUIRE_THROWS_AS(account.settle(10'001), std::logic_error);
  REQUIRE_THROWS_AS(account.settle(-1), std::logic_error);
  REQUIRE(account == before);
  REQUIRE_THROWS_AS(Account(-1), std::logic_error);
}

TEST_CASE("buying and selling at one price costs the fees alone") {
  rlx::RandomStream random(rlx::StreamId{.seed = 21, .purpose = rlx::Purpose::user});
  const FeeSchedule fees;
  for (int i = 0; i < 10'000; ++i) {
    const auto price = static_cast<Price>(10 * (1 + random.bounded(999)));
    const auto size = static_cast<Count>(1 + random.bounded(5'000));
    const Count dx = random.bounded(2) == 0 ? size : -size;
    Account account(dollars(1'000));
    Money paid = 0;
    for (const Count change : {dx, -dx}) {
      OrderFeeAccumulator order;
      const FeeCharge charge = charge_fee(fees, Liquidity::taker, account.gross(price, change), price, size, order);
      const Money cash = account.cash();
      account.apply_fill(fill(price, change, charge.net()));
      if (account.cash() != cash + charge.cash_change) FAIL("cash after a fill at " << price);
      paid += charge.net();
    }
    if (account.cash() != dollars(1'000) - paid || account.realized() != 0 || account.fees() != paid)
      FAIL(price << " x " << dx);
  }
}

TEST_CASE("a million random fills keep every identity to the micro-dollar") {
  rlx::RandomStream random(rlx::StreamId{.seed = 22, .purpose = rlx::Purpose::user});
  const FeeSchedule fees = standard_fees(FeeType::quadratic_with_maker_fees);
  constexpr Price results[] = {0, 10'000, 3'700};
  std::uint64_t booked = 0, refused = 0, flips = 0;
  for (int episode = 0; episode < 2'000; ++episode) {
    const Money start = dollars(static_cast<std::int64_t>(1 + random.bounded(200)));
    Account account(start), mirror(start);
    PairAccount pairs{start};
    Touch touch = random_touch(random);
    Money rewards = 0, equity = account.equity(touch), fees_paid = 0;
    OrderFeeAccumulator order;
    for (int i = 0; i < 500; ++i) {
      touch = random_touch(random);
      const auto price = static_cast<Price>(10 * random.bounded(1'001));
      const auto size = static_cast<Count>(1 + random.bounded(random.bounded(2) == 0 ? 3'000 : 100));
      const Count dx = random.bounded(2) == 0 ? size : -size;
      const Liquidity liquidity = random.bounded(3) == 0 ? Liquidity::maker : Liquidity::taker;
      if (random.bounded(3) == 0) order = {};
      const FeeCharge charge = charge_fee(fees, liquidity, account.gross(price, dx), price, size, order);
      const Fill one{i, price, dx, charge.net(), liquidity};
      const Fill other{i, 10'000 - price, -dx, charge.net(), liquidity};
      if (account.can_pay(one) != mirror.can_pay(other)) FAIL("the mirror pays otherwise");
      if (account.can_pay(one)) {
        flips += account.position() != 0 && (account.position() > 0) != (account.position() + dx > 0);
        account.apply_fill(one);
        mirror.apply_fill(other);
        pairs.apply(one);
        fees_paid += charge.net();
        ++booked;
      } else {
        ++refused;
      }
      const Money now = account.equity(touch);
      rewards += now - equity;
      equity = now;
      const bool identity =
          now == start + account.realized() + account.unrealized(touch) - account.fees() && account.fees() == fees_paid;
      const bool signs =
          account.cash() >= 0 && now >= 0 && account.basis() >= 0 && (account.position() != 0 || account.basis() == 0);
      const bool same_pairs =
          account.cash() == pairs.cash && account.position() == pairs.yes - pairs.no && now == pairs.equity(touch);
      const bool same_mirror = mirror.cash() == account.cash() && mirror.position() == -account.position() &&
                               mirror.equity(mirrored(touch)) == now && mirror.basis() == account.basis() &&
                               mirror.realized() == account.realized();
      if (!identity || !signs || !same_pairs || !same_mirror || rewards != now - start) {
        FAIL("episode " << episode << ", fill " << i << ": " << identity << signs << same_pairs << same_mirror);
      }
    }
    const Price result = results[episode % 3];
    const Money held =
        std::max(account.position(), Count{0}) * result + std::max(-account.position(), Count{0}) * (10'000 - result);
    const Money cash = account.cash();
    account.settle(result);
    mirror.settle(10'000 - result);
    rewards += account.equity(touch) - equity;
    const bool settled = account.cash() == cash + held && account.position() == 0 && account.basis() == 0 &&
                         account.cash() == start + account.realized() - account.fees() && mirror.cash() == account.cash() &&
                         rewards == account.cash() - start;
    if (!settled) FAIL("settlement of episode " << episode);
  }
  REQUIRE(booked > 500'000);
  REQUIRE(refused > 1'000);
  REQUIRE(flips > 10'000);
}

TEST_CASE("at one fixed book no sequence of fills from flat raises equity") {
  rlx::RandomStream random(rlx::StreamId{.seed = 23, .purpose = rlx::Purpose::user});
  for (const FeeType type : {FeeType::none, FeeType::quadratic}) {
    const FeeSchedule fees = standard_fees(type);
    for (int episode = 0; episode < 1'000; ++episode) {
      Touch touch = random_touch(random);
      Account account(dollars(100));
      for (int i = 0; i < 50; ++i) {
        const bool buy = random.bounded(2) == 0;
        const std::optional<Price> best = buy ? touch.ask : touch.bid;
        if (!best) continue;
        // At the touch or a worse level.
        const auto worse = static_cast<Price>(10 * random.bounded(5));
        const Price price = std::clamp(buy ? *best + worse : *best - worse, 0, 10'000);
        const auto size = static_cast<Count>(1 + random.bounded(2'000));
        const Count dx = buy ? size : -size;
        OrderFeeAccumulator order;
        const Money fee = charge_fee(fees, Liquidity::taker, account.gross(price, dx), price, size, order).net();
        const Money before = account.equity(touch);
        if (account.can_pay(fill(price, dx, fee))) account.apply_fill(fill(price, dx, fee));
        if (account.equity(touch) > before) FAIL(*best << ": " << dx << " at " << price);
      }
      REQUIRE(account.equity(touch) <= dollars(100));
    }
  }
}

TEST_CASE("an account is saved and read back, damaged bytes are refused") {
  Account account(dollars(100));
  account.apply_fill(fill(4'000, contracts(7), 12'345));
  account.apply_fill(fill(4'500, -contracts(2)));
  std::vector<std::byte> bytes;
  rlx::StateWriter out(bytes);
  account.save_state(out);
  Account read(0);
  rlx::StateReader in(bytes);
  read.load_state(in);
  in.expect_end();
  REQUIRE(read == account);
  REQUIRE(read.equity({4'000, 4'100}) == account.equity({4'000, 4'100}));

  const auto refused = [&](std::vector<std::byte> damaged) {
    Account target(dollars(3));
    rlx::StateReader reader(damaged);
    REQUIRE_THROWS_AS(target.load_state(reader), rlx::CheckpointError);
    REQUIRE(target == Account(dollars(3)));
  };
  refused({bytes.begin(), bytes.end() - 1});
  for (std::size_t field = 0; field < 6; ++field) {
    std::vector<std::byte> damaged = bytes;
    damaged[field * 8 + 7] ^= std::byte{0x40};
    refused(damaged);
    damaged[field * 8 + 7] ^= std::byte{0xC0};  // the sign
    refused(damaged);
  }
}

TEST_CASE("booking fills allocates nothing") {
  Account account(dollars(1'000));
  OrderFeeAccumulator order;
  const rlx_test::AllocationCounter counter;
  for (int i = 0; i < 100; ++i) {
    const Count dx = i % 2 == 0 ? 700 : -1'400;
    const FeeCharge charge = charge_fee({}, Liquidity::taker, account.gross(4'800, dx), 4'800, dx < 0 ? -dx : dx, order);
    account.apply_fill(fill(4'800, dx, charge.net()));
  }
  account.settle(10'000);
  REQUIRE(counter.count() == 0);
}
