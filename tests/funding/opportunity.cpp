// SPDX-License-Identifier: MIT
#include <rlx/funding/opportunity.hpp>

#include "rlx_catch.hpp"

using namespace rlx::funding;
using rlx_test::Approx;

TEST_CASE("Opportunity: worked example of net rate, eight hours and year", "[funding]") {
  const double net = net_rate_bph(-0.00082191, 1, -0.00024547, 1);
  REQUIRE(net == Approx(5.7644).epsilon(1e-12));
  REQUIRE(fund_profit_8h(net) == Approx(0.461152).epsilon(1e-12));
  REQUIRE(fund_apr(net) == Approx(504.96144).epsilon(1e-12));
}

TEST_CASE("Opportunity: rates of different intervals are compared per hour", "[funding]") {
  // 8 bp per 8 h and 1 bp per 1 h are the same carry.
  REQUIRE(net_rate_bph(0.0008, 8, 0.0001, 1) == Approx(0.0).margin(1e-15));
  REQUIRE(net_rate_bph(0.0001, 4, 0.0001, 1) == Approx(0.75));
}

TEST_CASE("Opportunity: costs", "[funding]") {
  const CostModel costs;
  REQUIRE(half_spread_bps(3.0, costs) == 1.5);
  REQUIRE(half_spread_bps(0.0, costs) == 0.0);
  REQUIRE(half_spread_bps(missing, costs) == 1.0);
  REQUIRE(impact_bps(1'000, 250'000, costs) == Approx(0.04));
  REQUIRE(impact_bps(1'000, missing, costs) == Approx(0.04));
  REQUIRE(impact_bps(1e9, 1'000, costs) == 100.0);
  REQUIRE(impact_bps(1'000, 0.0, costs) == 100.0);  // known to be empty, not unknown
  REQUIRE(impact_bps(0.0, 0.0, costs) == 0.0);
  REQUIRE(fill_price(100, 1, 2, 3) == Approx(100.05));
  REQUIRE(fill_price(100, -1, 2, 3) == Approx(99.95));
  REQUIRE(fill_price(100, -1, 10'000, 100) == 0.0);  // no bid: a sale brings nothing, and costs nothing
  // 2 (5 + 1 + 0.04) on one leg.
  REQUIRE(leg_round_trip_bp(0.0005, missing, missing, costs) == Approx(12.08));
  CostModel doubled;
  doubled.fee_scale = 2.0;
  doubled.reference_notional = 0.0;
  REQUIRE(leg_round_trip_bp(0.0005, 2.0, missing, doubled) == Approx(22.0));
}

TEST_CASE("Opportunity: break-even and score", "[funding]") {
  REQUIRE(break_even_hours(24, 2) == 12.0);
  REQUIRE(break_even_hours(24, 0) > 1e300);
  REQUIRE(break_even_hours(24, -1) > 1e300);
  REQUIRE(opportunity_score(1.0, 0.5, 24.0) == -6.0);
}
