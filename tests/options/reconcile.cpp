// SPDX-License-Identifier: MIT
#include <rlx/options/reconcile.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "options/agent_rig.hpp"
#include "options/fake_venue.hpp"
#include "options/memory_files.hpp"
#include "rlx_catch.hpp"

using namespace rlx::options;
using rlx::market::Fixed8;
using rlx_test::ContainsSubstring;
using rlx_test::FakeVenue;
using rlx_test::Fate;
using rlx_test::LadderRig;
using rlx_test::MemoryFiles;
using rlx_test::Verdict;

namespace {

struct World {
  rlx::ManualClock clock{FakeVenue::start_ms};
  FakeVenue venue{clock};
  MemoryFiles files;
  Settings settings = rlx_test::rig_settings(true);
  std::unique_ptr<LadderRig> rig;

  World() { settings.underlyings = {"BTC"}; }
  void start() {
    rig.reset();
    rig = std::make_unique<LadderRig>(clock, venue, files, settings);
    rig->start();
  }
  TickReport tick() {
    const TickReport report = rig->agent().run_tick();
    clock.advance_ms(1'000);
    return report;
  }
  std::vector<ReconcileRecord> records() {
    std::vector<ReconcileRecord> found;
    for_each_record(LogReader("log", files), [&](const auto& record) {
      if constexpr (std::is_same_v<std::decay_t<decltype(record)>, ReconcileRecord>) found.push_back(record);
    });
    return found;
  }
};

constexpr std::string_view foreign_call = "BTC-9JAN26-99000-C";

Order foreign_order(const FakeVenue& venue, std::string label) {
  Order order;
  order.order_id = "theirs";
  order.label = std::move(label);
  order.symbol = foreign_call;
  order.amount = Fixed8::parse("0.1");
  order.price = Fixed8::parse("0.01");
  order.created_ms = venue.now_ms();
  return order;
}

}  // namespace

TEST_CASE("Orders and positions of others are counted in the caps and never touched") {
  World world;
  world.settings.training_max_open_calls_per_underlying = 4;
  world.settings.order_style = OrderStyle::take_bid;
  world.venue.held[std::string(foreign_call)] = Fixed8::parse("-0.3");
  world.venue.orders.push_back(foreign_order(world.venue, "desk"));
  world.venue.orders.back().symbol = "BTC-16JAN26-100800-C";
  world.start();
  CHECK(world.tick().decision.execution.legs.size() == 2);  // four calls may be open, two are theirs
  for (int i = 0; i < 8; ++i) {
    world.clock.advance_ms(FakeVenue::day_ms - 3'600'000);
    world.tick();
  }
  CHECK(world.venue.orders.front().order_id == "theirs");
  for (const Order& order : world.venue.orders) {
    if (order.order_id != "theirs") CHECK(order.symbol != foreign_call);
  }
  CHECK(world.records().empty());
}

TEST_CASE("A label of ours that the log does not know: no start, and the running agent halts") {
  World world;
  world.venue.orders.push_back(foreign_order(world.venue, "rlx1-0123456789012345678901234567890123456789"));
  CHECK_THROWS_WITH(world.start(), ContainsSubstring("theirs") && ContainsSubstring("does not know"));
  CHECK(world.venue.orders[0].state == OrderState::open);  // whose it is, nobody knows
  CHECK_FALSE(world.rig->kill().is_latched());
  world.venue.orders[0].state = OrderState::cancelled;
  world.start();
  world.tick();
  world.venue.orders[0].state = OrderState::open;
  const std::size_t before = world.venue.orders.size();
  const TickReport report = world.tick();
  CHECK(report.stop == StopCause::reconciliation);
  CHECK(report.decision.decision_source == DecisionSource::halted);
  CHECK(world.venue.orders.size() == before);
  CHECK(world.venue.open_count() == 1);  // our resting orders do not stay without anyone to follow them
}

TEST_CASE("A position that is not the sum of the fills halts") {
  for (const std::string_view size : {"-0.3", "0", "0.1"}) {
    World world;
    world.settings.order_style = OrderStyle::take_bid;
    world.start();
    world.tick();
    REQUIRE_FALSE(world.venue.held.empty());
    const std::string symbol = world.venue.held.begin()->first;
    world.venue.held[symbol] = Fixed8::parse(size);
    const TickReport report = world.tick();
    CHECK(report.stop == StopCause::reconciliation);
    CHECK_THAT(report.stop_reason,
               ContainsSubstring(symbol) && ContainsSubstring("-0.1") && ContainsSubstring("POSITION_RECONCILE_ACTION"));
    REQUIRE_THROWS_AS(world.start(), ReconciliationError);
    REQUIRE(world.records().size() == 2);
    CHECK_FALSE(world.records()[0].adopted);
    CHECK(world.records()[0].venue_size == Fixed8::parse(size));
  }
}

TEST_CASE("auto_heal adopts the venue's position once, also over a restart") {
  World world;
  world.settings.order_style = OrderStyle::take_bid;
  world.settings.position_reconcile_action = ReconcileAction::auto_heal;
  world.start();
  world.tick();
  const std::string symbol = world.venue.held.begin()->first;
  world.venue.held[symbol] = Fixed8::parse("-0.3");
  CHECK(world.tick().stop == StopCause::none);
  REQUIRE(world.records().size() == 1);
  CHECK(world.records()[0].adopted);
  CHECK(world.records()[0].log_size == Fixed8::parse("-0.1"));
  CHECK(world.rig->agent().book().positions().at(symbol) == Fixed8::parse("-0.3"));
  CHECK(world.tick().stop == StopCause::none);
  world.start();
  CHECK(world.tick().stop == StopCause::none);
  CHECK(world.records().size() == 1);
  // A label of ours from elsewhere halts all the same.
  world.venue.orders.push_back(foreign_order(world.venue, "rlx1-0123456789012345678901234567890123456789"));
  CHECK(world.tick().stop == StopCause::reconciliation);
}

TEST_CASE("A fill between two requests of one tick is no contradiction") {
  World world;
  world.start();
  world.tick();
  REQUIRE(world.venue.open_count() == 5);
  bool filled = false;
  world.venue.fate = [&](std::string_view method) {
    if (method == "positions" && !filled) {  // after the orders were followed
      filled = true;
      world.venue.fill_resting(0, Fixed8::parse("0.1"));
    }
    return Verdict{};
  };
  CHECK(world.tick().stop == StopCause::none);
  CHECK(filled);
  CHECK(world.records().empty());
}

TEST_CASE("The symbol of an unresolved leg is not compared and counts as open") {
  World world;
  world.settings.order_style = OrderStyle::take_bid;
  world.settings.training_max_calls_per_underlying = 1;
  world.start();
  bool lost = false;
  world.venue.fate = [&](std::string_view method) {
    if (method == "submit" && !lost) {
      lost = true;
      return Verdict{Fate::lose_reply, 0, 0};
    }
    return lost && method == "orders_by_label" ? Verdict{Fate::lose_reply, 0, 0} : Verdict{};
  };
  const TickReport first = world.tick();
  REQUIRE(first.decision.execution.legs.size() == 1);
  CHECK(first.decision.execution.legs[0].state == LegState::unknown);
  const TickReport second = world.tick();
  CHECK(second.stop == StopCause::none);
  for (const Action& leg : second.decision.ladder) CHECK(leg.symbol != first.decision.ladder[0].symbol);
  const auto unknown = unknown_legs(world.rig->agent().book());
  REQUIRE(unknown.size() >= 1);
  CHECK(unknown[0].symbol == first.decision.ladder[0].symbol);
  CHECK(unknown[0].amount == Fixed8::parse("0.1"));
  world.venue.fate = [](std::string_view) { return Verdict{}; };
  CHECK(world.tick().stop == StopCause::none);
  CHECK(unknown_legs(world.rig->agent().book()).empty());
}

TEST_CASE("A settlement waits for the last fill of its symbol, and a difference is kept in the log") {
  World world;
  world.settings.order_style = OrderStyle::take_bid;
  world.start();
  world.tick();
  const auto soon = std::find_if(world.venue.held.begin(), world.venue.held.end(),
                                 [](const auto& entry) { return entry.first.starts_with("BTC-4JAN26"); });
  REQUIRE(soon != world.venue.held.end());
  const std::string symbol = soon->first;
  world.clock.advance_ms(2 * FakeVenue::day_ms - 20 - world.clock.now_ms() + FakeVenue::start_ms);
  soon->second = Fixed8::parse("-0.3");  // between the last tick and the expiry
  world.clock.advance_ms(1'000);
  CHECK(world.tick().stop == StopCause::none);
  const auto records = world.records();
  REQUIRE(records.size() == 1);
  CHECK(records[0].symbol == symbol);
  CHECK(records[0].log_size == Fixed8::parse("-0.1"));
  CHECK_THAT(records[0].message, ContainsSubstring("-0.3"));
  CHECK(world.tick().stop == StopCause::none);
  CHECK(world.records().size() == 1);
}

TEST_CASE("Positions that the log never traded are named") {
  LegBook book;
  std::vector<Position> positions(2);
  positions[0].symbol = "A";
  positions[0].size = Fixed8::parse("-1");
  positions[1].symbol = "B";
  CHECK(external_symbols(book, positions) == std::vector<std::string>{"A"});
}
