// SPDX-License-Identifier: MIT
#include <rlx/funding/attribution.hpp>

#include "rlx_catch.hpp"

using namespace rlx::funding;
using rlx::market::EntryKind;
using rlx::market::Ledger;

TEST_CASE("attribution: parts by kind, of everything and of one position", "[funding][attribution]") {
  Ledger ledger;
  const auto cash = ledger.add_account("cash", true), margin = ledger.add_account("margin", true);
  const auto capital = ledger.add_account("capital", false), income = ledger.add_account("income", false);
  ledger.record(16);
  ledger.post(0, 0, cash, capital, 100.0, EntryKind::capital);
  ledger.post(1, 1, margin, cash, 40.0, EntryKind::margin);
  ledger.post(1, 1, income, cash, 1.0, EntryKind::fee);
  ledger.post(2, 1, margin, income, 5.0, EntryKind::price);
  ledger.post(3, 2, cash, income, 0.5, EntryKind::funding);
  ledger.post(3, 2, income, cash, 0.25, EntryKind::slippage);
  ledger.post(4, 2, income, cash, 2.0, EntryKind::liquidation);
  ledger.post(4, 0, income, cash, 1.0, EntryKind::transfer_fee);
  const Attribution all = attribute(ledger);
  REQUIRE(all == Attribution{0.5, 5.0, -1.0, -0.25, -2.0, -1.0});
  REQUIRE(all.total() == ledger.equity() - 100.0);
  REQUIRE(attribute(ledger, PositionId{1}) == Attribution{0.0, 5.0, -1.0, 0.0, 0.0, 0.0});
  REQUIRE(attribute(ledger, PositionId{2}) == Attribution{0.5, 0.0, 0.0, -0.25, -2.0, 0.0});
  Attribution sum = attribute(ledger, PositionId{1});
  sum += attribute(ledger, PositionId{2});
  sum.transfer -= 1.0;
  REQUIRE(sum == all);
}

TEST_CASE("attribution: of one position needs recorded entries", "[funding][attribution]") {
  const Ledger ledger;
  REQUIRE(attribute(ledger) == Attribution{});
  REQUIRE_THROWS_AS(attribute(ledger, PositionId{1}), rlx::StateError);
}
