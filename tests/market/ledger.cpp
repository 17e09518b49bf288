// SPDX-License-Identifier: MIT
#include <rlx/market/ledger.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

#include <cmath>

#include <rlx/core/random.hpp>
#include <rlx/market/fixed8.hpp>

using rlx::market::AccountId;
using rlx::market::EntryKind;
using rlx::market::Ledger;
using rlx_test::WithinAbs;

namespace {

struct Books {
  Ledger ledger;
  AccountId cash = ledger.add_account("cash", true);
  AccountId margin = ledger.add_account("margin", true);
  AccountId capital = ledger.add_account("capital", false);
  AccountId fees = ledger.add_account("fees", false);
  AccountId price = ledger.add_account("price", false);
};

}  // namespace

TEST_CASE("ledger: balances by hand", "[market][ledger]") {
  Books b;
  b.ledger.post(1, 0, b.cash, b.capital, 1000.0, EntryKind::capital);
  b.ledger.post(2, 1, b.margin, b.cash, 200.0, EntryKind::margin);
  b.ledger.post(2, 1, b.fees, b.cash, 1.5, EntryKind::fee);
  b.ledger.post(3, 1, b.margin, b.price, 12.0, EntryKind::price);
  REQUIRE(b.ledger.balance(b.cash) == 798.5);
  REQUIRE(b.ledger.balance(b.margin) == 212.0);
  REQUIRE(b.ledger.balance(b.capital) == -1000.0);
  REQUIRE(b.ledger.equity() == 1010.5);
  REQUIRE(b.ledger.total(EntryKind::fee) == -1.5);
  REQUIRE(b.ledger.total(EntryKind::price) == 12.0);
  REQUIRE(b.ledger.total(EntryKind::margin) == 0.0);
  REQUIRE(b.ledger.posted() == 4);
  REQUIRE(b.ledger.entries().empty());
  REQUIRE(b.ledger.name(b.margin) == "margin");
}

TEST_CASE("ledger: debits equal credits, and profit and loss is the change of equity", "[market][ledger]") {
  Books b;
  b.ledger.post(0, 0, b.cash, b.capital, 10'000.0, EntryKind::capital);
  rlx::RandomStream random(rlx::StreamId{.seed = 1});
  const EntryKind gains[] = {EntryKind::price, EntryKind::funding, EntryKind::fee, EntryKind::slippage, EntryKind::liquidation};
  for (int i = 0; i < 10'000; ++i) {
    const double amount = random.uniform(-50.0, 50.0);
    if (random.bounded(3) == 0) {
      b.ledger.post(i, 1, b.margin, b.cash, amount, EntryKind::margin);
    } else {
      const AccountId asset = random.bounded(2) == 0 ? b.cash : b.margin;
      b.ledger.post(i, 1, asset, b.price, amount, gains[random.bounded(5)]);
    }
    double sum = 0.0;
    for (AccountId account = 0; account < b.ledger.n_accounts(); ++account) sum += b.ledger.balance(account);
    REQUIRE(std::abs(sum) < 1e-8);
  }
  double change = 0.0;
  for (std::size_t kind = 0; kind < rlx::market::n_entry_kinds; ++kind) {
    if (is_profit_and_loss(static_cast<EntryKind>(kind))) change += b.ledger.total(static_cast<EntryKind>(kind));
  }
  REQUIRE_THAT(b.ledger.equity() - 10'000.0, WithinAbs(change, 1e-8));
}

TEST_CASE("ledger: entries are kept on request, in order", "[market][ledger]") {
  Books b;
  b.ledger.record(8);
  b.ledger.post(5, 7, b.fees, b.cash, 2.0, EntryKind::fee);
  REQUIRE(b.ledger.entries().size() == 1);
  REQUIRE(b.ledger.entries()[0] == rlx::market::LedgerEntry{5, 7, b.fees, b.cash, 2.0, EntryKind::fee});
  b.ledger.clear();
  REQUIRE(b.ledger.entries().empty());
  REQUIRE(b.ledger.posted() == 0);
  REQUIRE(b.ledger.equity() == 0.0);
  REQUIRE(b.ledger.recording());
}

TEST_CASE("ledger: posting allocates only beyond the reserve", "[market][ledger]") {
  Books b, recorded;
  recorded.ledger.record(100);
  const rlx_test::AllocationCounter counter;
  for (int i = 0; i < 100; ++i) {
    b.ledger.post(i, 0, b.cash, b.price, 1.0, EntryKind::price);
    recorded.ledger.post(i, 0, recorded.cash, recorded.price, 1.0, EntryKind::price);
  }
  recorded.ledger.clear();
  REQUIRE(counter.count() == 0);
}

TEST_CASE("ledger: balances are saved and restored, foreign ones refused", "[market][ledger]") {
  Books b, other;
  b.ledger.post(0, 0, b.cash, b.capital, 100.0, EntryKind::capital);
  b.ledger.post(1, 0, b.fees, b.cash, 3.0, EntryKind::fee);
  other.ledger.restore(b.ledger.balances());
  REQUIRE(other.ledger.equity() == 97.0);
  REQUIRE(other.ledger.total(EntryKind::fee) == -3.0);
  Ledger small;
  REQUIRE_THROWS_AS(small.restore(b.ledger.balances()), rlx::StateError);
  REQUIRE_THROWS_AS(b.ledger.add_account("late", true), rlx::StateError);
}

TEST_CASE("ledger: an exact amount is kept to the last unit", "[market][ledger]") {
  using rlx::market::Fixed8;
  rlx::market::BasicLedger<Fixed8> ledger;
  const AccountId cash = ledger.add_account("cash", true), fees = ledger.add_account("fees", false);
  const Fixed8 unit = Fixed8::from_units(1);
  ledger.post(0, 0, cash, fees, Fixed8::from_integer(90'000'000), EntryKind::capital);  // a double would lose the units below
  for (int i = 0; i < 1000; ++i) ledger.post(0, 0, fees, cash, unit, EntryKind::fee);
  REQUIRE(ledger.balance(cash) == Fixed8::parse("89999999.99999"));
  REQUIRE(ledger.total(EntryKind::fee) == Fixed8::parse("-0.00001"));
  REQUIRE(ledger.equity() + ledger.balance(fees) == Fixed8());
}
