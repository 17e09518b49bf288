// SPDX-License-Identifier: MIT
#include <rlx/kalshi/actions.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::kalshi;
using rlx_test::ContainsSubstring;

std::vector<std::uint8_t> mask_of(const ActionLayout& layout, const DecisionState& state) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(layout.size()), 7);
  write_action_mask(layout, state, mask);
  return mask;
}

// 48/52 cents, flat, $100.
DecisionState open_state() {
  DecisionState state;
  state.touch = {4'800, 5'200};
  state.open = true;
  state.cash = dollars(100);
  return state;
}

SlotStatus working_at(Price price, Count remaining, Money reserve = 0) { return {false, true, price, remaining, reserve}; }

using Mask = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("The five-action layout is HOLD and one order of each kind") {
  const ActionLayout layout = ActionLayout::five().with_order_size(10);
  REQUIRE(layout.size() == 5);
  REQUIRE(std::vector<std::string>(layout.names().begin(), layout.names().end()) ==
          std::vector<std::string>{"HOLD", "BUY_YES", "SELL_YES", "BUY_NO", "SELL_NO"});
  REQUIRE(layout.largest_order() == 10);
  REQUIRE_FALSE(layout.has_cancel());
  REQUIRE(layout.decode(0) == Action{});
  REQUIRE(layout.decode(3) == Action{ActionKind::order, BaseAction::buy_no, PriceRule::cross, 10});
  REQUIRE(layout.mirrored(0) == 0);
  REQUIRE(layout.mirrored(1) == 3);
  REQUIRE(layout.mirrored(2) == 4);
  REQUIRE(layout.mirrored(3) == 1);
  REQUIRE(layout.mirrored(4) == 2);
  REQUIRE(ActionLayout::five(PriceRule::join).decode(1).rule == PriceRule::join);
  REQUIRE_THROWS_AS(layout.decode(-1), rlx::InvalidActionError);
  REQUIRE_THROWS_WITH(layout.decode(5), ContainsSubstring("action 5") && ContainsSubstring("[0, 4]"));
}

TEST_CASE("The extended layout numbers base, rule and size as 2 + ((base * 3 + rule) * sizes + size)") {
  const ActionLayout layout = ActionLayout::extended();
  REQUIRE(layout.size() == 26);
  REQUIRE(layout.decode(1).kind == ActionKind::cancel);
  REQUIRE(layout.largest_order() == 20);
  const int sizes[] = {5, 20};
  for (int base = 0; base < 4; ++base) {
    for (int rule = 0; rule < 3; ++rule) {
      for (int size = 0; size < 2; ++size) {
        const int id = 2 + ((base * 3 + rule) * 2 + size);
        const Action expected{ActionKind::order, static_cast<BaseAction>(base), static_cast<PriceRule>(rule), sizes[size]};
        REQUIRE(layout.decode(id) == expected);
        REQUIRE(layout.find(expected) == id);
      }
    }
  }
  REQUIRE(layout.names()[2] == "BUY_YES JOIN 5");
  REQUIRE(layout.names()[1] == "CANCEL");
  REQUIRE(layout.names()[25] == "SELL_NO CROSS 20");
  REQUIRE(layout.mirrored(1) == 1);
  REQUIRE(layout.mirrored(2) == 14);
  REQUIRE(ActionLayout::extended({1, 2, 3}).size() == 38);
  REQUIRE(layout.with_order_size(10) == layout);
}

TEST_CASE("The general constructor gives the historical 21 actions and refuses lists that make no layout") {
  const ActionLayout layout({PriceRule::cross}, {5, 10, 20, 50, 100}, false);
  REQUIRE(layout.size() == 21);
  REQUIRE(layout.decode(20) == Action{ActionKind::order, BaseAction::sell_no, PriceRule::cross, 100});
  REQUIRE_THROWS_AS(ActionLayout({}, {5}, false), rlx::ConfigError);
  REQUIRE_THROWS_AS(ActionLayout({PriceRule::cross, PriceRule::join}, {5}, false), rlx::ConfigError);
  REQUIRE_THROWS_WITH(ActionLayout({PriceRule::cross}, {5, 5}, false), ContainsSubstring("{5, 5}"));
  REQUIRE_THROWS_AS(ActionLayout({PriceRule::cross}, {0}, false), rlx::ConfigError);
  REQUIRE_THROWS_AS(ActionLayout({PriceRule::cross}, {}, false), rlx::ConfigError);
  REQUIRE_THROWS_AS(ActionLayout::five().with_order_size(0), rlx::ConfigError);
}

TEST_CASE("A reserve is the opening part's cost with its fee, up to the cent, and two cents") {
  const FeeSchedule fees;
  // 10 at .52: 5.20 and .07 * 10 * .52 * .48 = .174720, up to .1748: 5.3748.
  REQUIRE(order_reserve(fees, BookSlot::bid, 5'200, contracts(10), 0) == cents(540));
  // NO at 1 - .48 costs the same, .52.
  REQUIRE(order_reserve(fees, BookSlot::ask, 4'800, contracts(10), 0) == cents(540));
  // 4 of the 10 close NO contracts: 6 at .52 and the fee of 10.
  REQUIRE(order_reserve(fees, BookSlot::bid, 5'200, contracts(10), -contracts(4)) == cents(332));
  REQUIRE(order_reserve(fees, BookSlot::bid, 5'200, contracts(10), -contracts(10)) == 0);
  REQUIRE(order_reserve(fees, BookSlot::ask, 5'200, contracts(10), contracts(25)) == 0);
  REQUIRE(order_reserve(standard_fees(FeeType::none), BookSlot::bid, 5'200, contracts(10), 0) == cents(522));
  // Until it is replaced, an order at .60 may take 3 of the 10: 3 * .60 + 7 * .52 = 5.44, fees .0504 and .1224 (rounded up).
  REQUIRE(order_reserve(fees, BookSlot::bid, 5'200, contracts(10), 0, {6'000, contracts(3)}) == cents(564));
  REQUIRE(order_reserve(fees, BookSlot::bid, 5'200, contracts(10), 0, {4'000, contracts(3)}) == cents(540));
}

TEST_CASE("Flat, one may buy either contract, with a contract only add to it or sell it") {
  const ActionLayout layout = ActionLayout::five().with_order_size(10);
  DecisionState state = open_state();
  REQUIRE(mask_of(layout, state) == Mask{1, 1, 0, 1, 0});
  REQUIRE(plan_order(layout, state, 1) == OrderPlan{BookSlot::bid, 5'200, contracts(10), false});
  REQUIRE(plan_order(layout, state, 3) == OrderPlan{BookSlot::ask, 4'800, contracts(10), false});
  state.position = contracts(4);
  REQUIRE(mask_of(layout, state) == Mask{1, 1, 1, 0, 0});
  REQUIRE(plan_order(layout, state, 2) == OrderPlan{BookSlot::ask, 4'800, contracts(4), true});
  state.position = -contracts(25) - 50;
  REQUIRE(mask_of(layout, state) == Mask{1, 0, 0, 1, 1});
  REQUIRE(plan_order(layout, state, 4) == OrderPlan{BookSlot::bid, 5'200, contracts(10), true});
  state.position = -50;  // half a contract may be sold
  REQUIRE(plan_order(layout, state, 4)->count == 50);
  state.position = contracts(95) + 50;  // whole contracts up to the limit
  REQUIRE(plan_order(layout, state, 1)->count == contracts(4));
  state.position = contracts(99) + 50;
  REQUIRE(mask_of(layout, state) == Mask{1, 0, 1, 0, 0});
}

TEST_CASE("No order without the touch it needs, in a crossed or broken book, or while a message is under way") {
  const ActionLayout layout = ActionLayout::five().with_order_size(10);
  DecisionState state = open_state();
  state.touch.ask.reset();
  REQUIRE(mask_of(layout, state) == Mask{1, 0, 0, 1, 0});
  state = open_state();
  state.open = false;
  REQUIRE(mask_of(layout, state) == Mask{1, 0, 0, 0, 0});
  state = open_state();
  state.slots[0].in_flight = true;
  REQUIRE(mask_of(layout, state) == Mask{1, 0, 0, 1, 0});
}

TEST_CASE("The repetition of a working order is HOLD, another price is a new order") {
  const ActionLayout layout = ActionLayout::five().with_order_size(10);
  DecisionState state = open_state();
  state.slots[0] = working_at(5'200, contracts(3));
  REQUIRE(mask_of(layout, state) == Mask{1, 0, 0, 1, 0});
  state.slots[0] = working_at(5'100, contracts(3));
  REQUIRE(mask_of(layout, state) == Mask{1, 1, 0, 1, 0});
}

TEST_CASE("An order is as large as cash beyond the other slot's reserve allows") {
  const ActionLayout layout = ActionLayout::five().with_order_size(10);
  DecisionState state = open_state();
  state.cash = cents(540);
  REQUIRE(plan_order(layout, state, 1)->count == contracts(10));
  state.cash = cents(540) - 1;
  REQUIRE(plan_order(layout, state, 1)->count == contracts(9));
  state.cash = cents(40);  // one costs .52
  REQUIRE(mask_of(layout, state) == Mask{1, 0, 0, 0, 0});
  state.cash = cents(640);
  state.slots[1] = working_at(4'900, contracts(2), cents(100));
  REQUIRE(plan_order(layout, state, 1)->count == contracts(10));
  state.slots[1].reserve = cents(101);
  REQUIRE(plan_order(layout, state, 1)->count == contracts(9));
}

TEST_CASE("JOIN takes the own side's best, IMPROVE a tick more if it stays inside the spread") {
  DecisionState state = open_state();
  REQUIRE(limit_price(state, BookSlot::bid, PriceRule::join) == 4'800);
  REQUIRE(limit_price(state, BookSlot::ask, PriceRule::join) == 5'200);
  REQUIRE(limit_price(state, BookSlot::bid, PriceRule::improve) == 4'900);
  REQUIRE(limit_price(state, BookSlot::ask, PriceRule::improve) == 5'100);
  state.touch = {5'100, 5'200};
  REQUIRE_FALSE(limit_price(state, BookSlot::bid, PriceRule::improve));
  REQUIRE_FALSE(limit_price(state, BookSlot::ask, PriceRule::improve));
  state.grid = TickGrid::deci_cent;
  REQUIRE(limit_price(state, BookSlot::bid, PriceRule::improve) == 5'110);
  state.grid = TickGrid::tapered_deci_cent;
  state.touch = {980, 1'100};
  REQUIRE(limit_price(state, BookSlot::bid, PriceRule::improve) == 990);
  REQUIRE(limit_price(state, BookSlot::ask, PriceRule::improve) == 1'000);
  state.touch = {9'990, std::nullopt};
  REQUIRE_FALSE(limit_price(state, BookSlot::bid, PriceRule::improve));
  REQUIRE_FALSE(limit_price(state, BookSlot::ask, PriceRule::join));
}

TEST_CASE("Of several sizes that come to the same order the smallest is legal") {
  const ActionLayout layout({PriceRule::cross}, {5, 10, 20, 50, 100}, false);
  DecisionState state = open_state();
  state.position = contracts(7);
  Mask expected(21, 0);
  expected[0] = 1;
  for (const int id : {1, 2, 3, 4, 5}) expected[static_cast<std::size_t>(id)] = 1;  // BUY_YES 5 .. 93
  expected[6] = expected[7] = 1;                                                    // SELL_YES 5 and 7
  REQUIRE(mask_of(layout, state) == expected);
  REQUIRE(plan_order(layout, state, 7)->count == contracts(7));
  REQUIRE_FALSE(plan_order(layout, state, 8));
  REQUIRE(plan_order(layout, state, 5)->count == contracts(93));
}

TEST_CASE("CANCEL is legal while a slot works and no message for it is under way") {
  const ActionLayout layout = ActionLayout::extended();
  DecisionState state = open_state();
  REQUIRE(mask_of(layout, state)[1] == 0);
  state.slots[1] = working_at(5'100, contracts(3));
  REQUIRE(mask_of(layout, state)[1] == 1);
  state.slots[1].in_flight = true;
  REQUIRE(mask_of(layout, state)[1] == 0);
  state.slots[0] = working_at(4'800, contracts(3));
  REQUIRE(mask_of(layout, state)[1] == 1);
  std::vector<std::uint8_t> row(25);
  REQUIRE_THROWS_AS(write_action_mask(layout, state, row), rlx::ShapeError);
}

// Written from the rules alone: sizes by trial, prices by trial, legality by comparing effects.
TEST_CASE("The mask equals a search over all effects in random states") {
  rlx::RandomStream random({11, rlx::Purpose::user});
  const auto below = [&random](std::int64_t n) {
    return static_cast<std::int64_t>(random.bounded(static_cast<std::uint64_t>(n)));
  };
  const ActionLayout layouts[] = {ActionLayout::five().with_order_size(10),
                                  ActionLayout::five(PriceRule::improve).with_order_size(3), ActionLayout::extended(),
                                  ActionLayout({PriceRule::cross}, {5, 10, 20, 50, 100}, false),
                                  ActionLayout({PriceRule::join, PriceRule::cross}, {1, 2, 40}, true)};
  std::size_t legal = 0;
  for (int round = 0; round < 20'000; ++round) {
    DecisionState state;
    state.grid = static_cast<TickGrid>(below(3));
    const int ticks = tick_count(state.grid);
    const int bid = static_cast<int>(below(ticks - 1)), ask = bid + 1 + static_cast<int>(below(std::min(4, ticks - 1 - bid)));
    if (below(8) != 0) state.touch.bid = tick_price(state.grid, bid);
    if (below(8) != 0) state.touch.ask = tick_price(state.grid, ask);
    state.open = below(10) != 0;
    state.position_limit = contracts(below(2) == 0 ? 100 : 20);
    state.position = below(3) == 0 ? 0 : below(2 * state.position_limit + 1) - state.position_limit;
    if (below(2) == 0) state.position = state.position / 100 * 100;
    state.cash = below(3) == 0 ? dollars(1 + below(100)) : below(cents(800));
    for (SlotStatus& slot : state.slots) {
      slot.in_flight = below(6) == 0;
      slot.working = below(3) == 0;
      if (!slot.working) continue;
      slot.price = tick_price(state.grid, std::clamp(bid - 2 + static_cast<int>(below(6)), 0, ticks - 1));
      slot.remaining = contracts(1 + below(50));
      slot.reserve = below(2) == 0 ? 0 : below(cents(300));
    }
    for (const ActionLayout& layout : layouts) {
      std::set<std::tuple<BookSlot, Price, Count>> effects;
      const Mask mask = mask_of(layout, state);
      for (int id = 0; id < layout.size(); ++id) {
        const Action& action = layout.decode(id);
        bool expected = action.kind == ActionKind::hold;
        if (action.kind == ActionKind::cancel) {
          for (const SlotStatus& slot : state.slots) expected = expected || (state.open && slot.working && !slot.in_flight);
        } else if (action.kind == ActionKind::order) {
          const bool yes = action.base == BaseAction::buy_yes || action.base == BaseAction::sell_yes;
          const bool buy = action.base == BaseAction::buy_yes || action.base == BaseAction::buy_no;
          const BookSlot slot = yes == buy ? BookSlot::bid : BookSlot::ask;
          const auto own = slot == BookSlot::bid ? state.touch.bid : state.touch.ask;
          const auto other = slot == BookSlot::bid ? state.touch.ask : state.touch.bid;
          Price price = -1;
          if (action.rule == PriceRule::cross) price = other.value_or(-1);
          if (action.rule == PriceRule::join) price = own.value_or(-1);
          if (action.rule == PriceRule::improve && own) {
            const int way = slot == BookSlot::bid ? 1 : -1;
            for (Price p = *own + 10 * way; p > 0 && p < 10'000 && price < 0; p += 10 * way) {
              if (on_grid(state.grid, p)) price = p;
            }
            if (price >= 0 && other && (price - *other) * way >= 0) price = -1;
          }
          const Count held = yes ? std::max(state.position, Count{0}) : std::max(-state.position, Count{0});
          const bool position_fits = buy ? (yes ? state.position >= 0 : state.position <= 0) : held > 0;
          const SlotStatus& status = state.slots[slot == BookSlot::bid ? 0 : 1];
          if (position_fits && price >= 0 && state.open && !status.in_flight && !(status.working && status.price == price)) {
            Count size = 0;
            if (!buy) {
              size = std::min(contracts(action.contracts), held);
            } else {
              const Money available = state.cash - state.slots[slot == BookSlot::bid ? 1 : 0].reserve;
              const ReplacedOrder replaced{status.price, status.working ? status.remaining : 0};
              for (Count q = 100; q <= contracts(action.contracts) && q <= state.position_limit - held; q += 100) {
                if (order_reserve(state.fees, slot, price, q, state.position, replaced) <= available) size = q;
              }
            }
            expected = size > 0 && effects.insert({slot, price, size}).second;
            if (expected) REQUIRE(plan_order(layout, state, id) == OrderPlan{slot, price, size, !buy});
          }
        }
        legal += expected ? 1 : 0;
        if ((mask[static_cast<std::size_t>(id)] == 1) != expected) {
          CAPTURE(round, id, state.position, state.cash);
          REQUIRE((mask[static_cast<std::size_t>(id)] == 1) == expected);
        }
        if (action.kind == ActionKind::order && !expected) REQUIRE_FALSE(plan_order(layout, state, id));
      }
    }
  }
  REQUIRE(legal > 100'000);
}
