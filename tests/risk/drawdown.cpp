// SPDX-License-Identifier: MIT
#include <rlx/risk/drawdown.hpp>

#include "counting_allocator.hpp"
#include "reference_series.hpp"
#include "rlx_catch.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

using namespace rlx;
using namespace rlx::risk;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
const std::vector<double> example{100, 110, 99, 105, 88, 112};
}  // namespace

TEST_CASE("the worked drawdown path of the specification", "[risk][drawdown]") {
  std::vector<double> series(6), velocity(6);
  drawdown_series(example, DrawdownKind::compounded, series);
  const std::vector<double> expected{0, 0, 0.1, 5.0 / 110, 0.2, 0};
  for (std::size_t t = 0; t < 6; ++t) REQUIRE_THAT(series[t], WithinAbs(expected[t], 1e-15));
  drawdown_velocity(series, 2, velocity);
  REQUIRE_FALSE(is_finite(velocity[0]));
  REQUIRE_FALSE(is_finite(velocity[1]));
  REQUIRE_THAT(velocity[4], WithinAbs(0.05, 1e-15));

  const DrawdownSummary result = drawdown(example, DrawdownKind::compounded, {.tail = {0.4}, .lag = 2});
  REQUIRE(result.bars == 5);
  REQUIRE_THAT(result.maximum, WithinAbs(0.2, 1e-15));
  REQUIRE(result.max_bar == 4);
  REQUIRE(result.longest == 3);
  REQUIRE(result.duration == 0);
  REQUIRE(result.current == 0);
  REQUIRE_FALSE(result.unfinished);
  REQUIRE_THAT(result.velocity, WithinAbs((0 - 5.0 / 110) / 2, 1e-15));
  REQUIRE_THAT(result.max_velocity, WithinAbs(0.05, 1e-15));
  // Over the five return bars 0, 0.1, 5/110, 0.2, 0; the two worst are 0.2 and 0.1.
  REQUIRE_THAT(result.average, WithinAbs((0.3 + 5.0 / 110) / 5, 1e-15));
  REQUIRE_THAT(result.ulcer, WithinAbs(std::sqrt((0.05 + 25.0 / 12'100) / 5), 1e-15));
  REQUIRE_THAT(result.drawdown_at_risk, WithinAbs(0.1, 1e-15));
  REQUIRE_THAT(result.conditional_drawdown_at_risk, WithinAbs(0.15, 1e-15));
}

TEST_CASE("an additive path is measured in its own unit and may be negative", "[risk][drawdown]") {
  // 0, 2, -1, -1, 1, 2, 1: drawdowns 0, 0, 3, 3, 1, 0, 1.
  const std::vector<double> path = path_from_returns(std::vector<double>{2, -3, 0, 2, 1, -1}, DrawdownKind::additive);
  REQUIRE(path == std::vector<double>{0, 2, -1, -1, 1, 2, 1});
  const DrawdownSummary result = drawdown(path, DrawdownKind::additive);
  REQUIRE(result.maximum == 3);
  REQUIRE(result.max_bar == 2);
  REQUIRE(result.longest == 3);
  REQUIRE(result.duration == 1);
  REQUIRE(result.unfinished);
  REQUIRE(result.current == 1);
  REQUIRE_THAT(result.average, WithinRel(8.0 / 6, 1e-15));
  REQUIRE_THAT(result.velocity, WithinRel(0.2, 1e-15));  // the default lag of 5 bars: (1 - 0)/5
}

TEST_CASE("a compounded path of returns", "[risk][drawdown]") {
  const std::vector<double> path = path_from_returns(std::vector<double>{0.1, -0.1}, DrawdownKind::compounded, 100);
  REQUIRE(path.size() == 3);
  REQUIRE_THAT(path[1], WithinRel(110.0, 1e-15));
  REQUIRE_THAT(path[2], WithinRel(99.0, 1e-15));
  REQUIRE(path_from_returns({}, DrawdownKind::compounded) == std::vector<double>{1});
  REQUIRE_THROWS_WITH(path_from_returns(std::vector<double>{0.1, -1}, DrawdownKind::compounded), ContainsSubstring("at bar 2"));
}

TEST_CASE("the starting value is a peak, and an open drawdown counts as longest", "[risk][drawdown]") {
  const DrawdownSummary result = drawdown(std::vector<double>{100, 50, 60, 70}, DrawdownKind::compounded);
  REQUIRE(result.maximum == 0.5);
  REQUIRE(result.longest == 3);
  REQUIRE(result.duration == 3);
  REQUIRE(result.unfinished);
  REQUIRE_FALSE(is_finite(result.velocity));  // fewer bars than the lag
}

TEST_CASE("a path of one value has no return bars", "[risk][drawdown]") {
  const DrawdownSummary result = drawdown(std::vector<double>{100}, DrawdownKind::compounded);
  REQUIRE(result.bars == 0);
  REQUIRE(result.maximum == 0);
  REQUIRE_FALSE(is_finite(result.ulcer));
  REQUIRE_FALSE(is_finite(result.average));
  REQUIRE_FALSE(is_finite(result.drawdown_at_risk));
}

TEST_CASE("the tracker gives at every bar what the whole path so far gives", "[risk][drawdown]") {
  const std::vector<double> returns = rlx_test::reference_returns();
  for (const DrawdownKind kind : {DrawdownKind::compounded, DrawdownKind::additive}) {
    const std::vector<double> path = path_from_returns(returns, kind);
    DrawdownTracker tracker(kind, 3);
    for (std::size_t t = 0; t < path.size(); ++t) {
      tracker.update(path[t]);
      if (t % 37 != 0) continue;
      const DrawdownSummary whole = drawdown(std::span(path).first(t + 1), kind, {.lag = 3});
      REQUIRE(tracker.current() == whole.current);
      REQUIRE(tracker.maximum() == whole.maximum);
      REQUIRE(tracker.duration() == whole.duration);
      REQUIRE(tracker.longest() == whole.longest);
      if (t >= 3) REQUIRE_THAT(tracker.velocity(), WithinAbs(whole.velocity, 1e-15));
    }
  }
}

TEST_CASE("the tracker survives a restart with its peak and allocates nothing per bar", "[risk][drawdown]") {
  DrawdownTracker tracker(DrawdownKind::compounded, 2);
  for (const double equity : {100.0, 110.0, 99.0}) tracker.update(equity);
  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  tracker.save_state(writer);
  DrawdownTracker other(DrawdownKind::compounded, 2);
  StateReader reader(bytes);
  other.load_state(reader);
  reader.expect_end();
  REQUIRE(other.peak() == 110);
  for (const double equity : {105.0, 88.0}) {
    const rlx_test::AllocationCounter count;
    REQUIRE(other.update(equity) == tracker.update(equity));
    REQUIRE(count.count() == 0);
  }
  REQUIRE_THAT(other.velocity(), WithinAbs(0.05, 1e-15));
  REQUIRE(other.bars() == 5);

  DrawdownTracker longer(DrawdownKind::compounded, 4), additive(DrawdownKind::additive, 2);
  StateReader again(bytes), third(bytes);
  REQUIRE_THROWS_AS(longer.load_state(again), CheckpointError);
  REQUIRE_THROWS_AS(additive.load_state(third), CheckpointError);
  REQUIRE(longer.bars() == 0);
}

TEST_CASE("paths that have no drawdown are refused with their bar", "[risk][drawdown]") {
  std::vector<double> out(3);
  REQUIRE_THROWS_AS(drawdown({}, DrawdownKind::compounded), ConfigError);
  REQUIRE_THROWS_AS(drawdown_series({}, DrawdownKind::additive, {}), ConfigError);
  REQUIRE_THROWS_AS(drawdown(example, DrawdownKind::compounded, {.lag = 0}), ConfigError);
  REQUIRE_THROWS_AS(drawdown(example, DrawdownKind::compounded, {.tail = {0}}), ConfigError);
  REQUIRE_THROWS_AS(DrawdownTracker(DrawdownKind::additive, 0), ConfigError);
  REQUIRE_THROWS_WITH(drawdown(std::vector<double>{100, 0, 5}, DrawdownKind::compounded), ContainsSubstring("at bar 1"));
  REQUIRE_THROWS_AS(drawdown(std::vector<double>{1, 2, -1}, DrawdownKind::compounded), NumericError);
  REQUIRE_THROWS_AS(drawdown(std::vector<double>{1, not_a_number}, DrawdownKind::additive), NumericError);
  REQUIRE_THROWS_AS(drawdown_series(example, DrawdownKind::compounded, out), ShapeError);
  REQUIRE_THROWS_AS(drawdown_velocity(example, 2, out), ShapeError);
  REQUIRE_THROWS_AS(path_from_returns(std::vector<double>{not_a_number}, DrawdownKind::additive), NumericError);
  DrawdownTracker tracker;
  tracker.update(100);
  REQUIRE_THROWS_AS(tracker.update(0), NumericError);
  REQUIRE(tracker.bars() == 1);
  REQUIRE(tracker.update(90) == 1 - 90.0 / 100);
}
