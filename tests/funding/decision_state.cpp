// SPDX-License-Identifier: MIT
#include <rlx/funding/decision_state.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>

using namespace rlx::funding;
using rlx_test::WithinAbs;

namespace {

// Two instruments, one listed pair, one open position in another symbol.
struct Scene {
  Scene() {
    Opportunity& o = opportunities[0];
    o.long_leg = 0;
    o.short_leg = 1;
    o.symbol = 0;
    o.long_price = o.short_price = 100.0;
    o.long_depth_usd = o.short_depth_usd = 1e6;
    o.long_bid_ask_bps = o.short_bid_ask_bps = 2.0;
    for (std::size_t i = 0; i < 4; ++i) {
      const Venue& venue = table.at(static_cast<VenueId>(i % 2));
      terms[i] = {
          static_cast<VenueId>(i % 2), static_cast<std::uint32_t>(i % 2), venue.rule, venue.taker, venue.liquidation_fee, 0.0,
          venue.tiers("WIFUSDT")};
    }
    position.id = 1;
    position.symbol = 1;
    position.quantity = 2.0;
    position.mid_entry = 50.0;
    for (Leg* leg : {&position.long_leg, &position.short_leg}) {
      leg->fill = leg->mark = 50.0;
      leg->margin = 20.0;
    }
    position.long_leg.instrument = 2;
    position.short_leg.instrument = 3;
    position.short_leg.side = -1.0;
    state.time_ms = 1'735'689'600'000;
    state.initial_capital = state.equity = state.peak_equity = 10'000.0;
    state.free_cash = cash;
    state.trading = TradingConfig::moderate();
    state.opportunities = std::span<const Opportunity>(opportunities.data(), 1);
    state.terms = terms;
    state.positions[2] = {&position, {}, {}, {}};
    state.positions[2].long_leg.fresh = state.positions[2].short_leg.fresh = true;
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  std::array<std::uint8_t, 36> mask() const {
    std::array<std::uint8_t, 36> row{};
    write_action_mask(state, row);
    return row;
  }

  VenueTable table = VenueTable::builtin();
  std::array<Opportunity, 1> opportunities{};
  std::array<LegTerms, 4> terms{};
  std::array<double, 2> cash{4'980.0, 4'980.0};
  Position position;
  DecisionState state;
};

// ENTER 0 LARGE after a change, and the reason where it is forbidden.
std::string why_not_large(const std::function<void(Scene&)>& change) {
  Scene scene;
  change(scene);
  const bool allowed = scene.mask()[21] != 0;
  const std::string why = why_forbidden(scene.state, 21);
  REQUIRE(allowed == why.empty());
  return why;
}

}  // namespace

TEST_CASE("mask: what is allowed in a plain state", "[funding][mask]") {
  const Scene scene;
  const auto mask = scene.mask();
  for (std::size_t action = 0; action < 36; ++action) {
    CAPTURE(action);
    const bool expected = action == 0 || action == 1 || action == 11 || action == 21 || action == 33;
    REQUIRE(mask[action] == (expected ? 1 : 0));
    REQUIRE(why_forbidden(scene.state, static_cast<int>(action)).empty() == expected);
  }
}

TEST_CASE("mask: each condition alone switches an entry off", "[funding][mask]") {
  REQUIRE(why_not_large([](Scene&) {}).empty());
  REQUIRE(why_not_large([](Scene& s) { s.state.opportunities = {}; }) == to_string(EntryCheck::empty_slot));
  REQUIRE(why_not_large([](Scene& s) { s.opportunities[0].long_fresh = false; }) == to_string(EntryCheck::stale_price));
  REQUIRE(why_not_large([](Scene& s) { s.opportunities[0].short_fresh = false; }) == to_string(EntryCheck::stale_price));
  REQUIRE(why_not_large([](Scene& s) { s.position.symbol = 0; }) == to_string(EntryCheck::symbol_held));
  REQUIRE(why_not_large([](Scene& s) { s.state.trading.max_positions = 1; }) == to_string(EntryCheck::no_free_position));
  REQUIRE(why_not_large([](Scene& s) { s.terms[1].lot = 50.0; }) == to_string(EntryCheck::below_minimum));
  REQUIRE(why_not_large([](Scene& s) { s.state.execution.min_notional = 5'000.0; }) == to_string(EntryCheck::below_minimum));
  REQUIRE(why_not_large([](Scene& s) { s.cash[0] = 0.0; }) == to_string(EntryCheck::below_minimum));
  REQUIRE(why_not_large([](Scene& s) { s.state.execution.multipliers[2] = 3.0; }) == to_string(EntryCheck::not_enough_cash));
  REQUIRE(why_not_large([](Scene& s) { s.position.long_leg.margin = 5'000.0; }) == to_string(EntryCheck::utilization_cap));
  REQUIRE(why_not_large([](Scene& s) { s.opportunities[0].long_depth_usd = 10'000.0; }) == to_string(EntryCheck::depth_share));
  REQUIRE(why_not_large([](Scene& s) { s.opportunities[0].short_depth_usd = 10'000.0; }) == to_string(EntryCheck::depth_share));
  REQUIRE(why_not_large([](Scene& s) { s.opportunities[0].short_depth_usd = missing; }).empty());
}

TEST_CASE("mask: the utilisation cap counts the margin after entry against the equity after costs", "[funding][mask]") {
  // LARGE: 1,792.8 USD a leg at 3x needs about 1,195.2 of margin; with 40 in use the cap is reached at equity 0.6 E = M.
  Scene scene;
  const EntryPlan plan = plan_entry(scene.state, 0, Size::large);
  const double margin = 40.0 + plan.quantity * (plan.long_fill + plan.short_fill) / plan.leverage;
  const double costs = plan.quantity * (plan.long_fill * 0.0005 + plan.short_fill * 0.00055 + plan.long_fill - plan.short_fill);
  scene.state.equity = margin / 0.6 + costs + 1e-6;
  REQUIRE(scene.mask()[21] == 1);
  scene.state.equity -= 2e-6;
  REQUIRE(scene.mask()[21] == 0);
}

TEST_CASE("mask: each condition alone switches an exit off", "[funding][mask]") {
  Scene scene;
  REQUIRE(can_exit(scene.state, 2));
  scene.state.positions[2].long_leg.fresh = false;
  REQUIRE(scene.mask()[33] == 0);
  scene.state.positions[2].long_leg.fresh = true;
  scene.state.positions[2].short_leg.fresh = false;
  REQUIRE(scene.mask()[33] == 0);
  scene.state.positions[2].position = nullptr;
  REQUIRE(why_forbidden(scene.state, 33) == "the position slot is empty");
  REQUIRE(scene.mask()[0] == 1);
}

TEST_CASE("mask: rows of another length are refused", "[funding][mask]") {
  const Scene scene;
  std::array<std::uint8_t, 37> row{};
  REQUIRE_THROWS_AS(write_action_mask(scene.state, row), rlx::ConfigError);
}

TEST_CASE("decision state: accrued funding by hand", "[funding][decision_state]") {
  Scene scene;
  PositionState& held = scene.state.positions[2];
  REQUIRE(accrued_share(scene.state) == 0.0);  // no stamp yet
  held.long_leg.rho_bph = -1.0;
  held.long_leg.last_settle_ms = scene.state.time_ms - 3 * ms_per_hour;
  held.short_leg.rho_bph = 2.0;
  held.short_leg.last_settle_ms = scene.state.time_ms - ms_per_hour;
  // 2 coins at 50: (1 bp/h * 3 h + 2 bp/h * 1 h) of 100 USD, over 10,000.
  REQUIRE_THAT(accrued_share(scene.state), WithinAbs(100.0 * 5e-4 / 10'000.0, 1e-15));
  REQUIRE(scene.state.open_positions() == 1);
  REQUIRE(scene.state.margin() == 40.0);
  REQUIRE(scene.state.holds(1));
  REQUIRE_FALSE(scene.state.holds(0));
}
