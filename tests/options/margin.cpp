// SPDX-License-Identifier: MIT
#include <rlx/options/margin.hpp>

#include "rlx_catch.hpp"

using rlx::options::short_call_margin;
using rlx_test::WithinAbs;

TEST_CASE("margin: a short call, worked by hand", "[options][margin]") {
  // S 90 000, K 99 000: OTM/S = 0.1, so max(0.15 - 0.1, 0.10) = 0.10; mark 0.0125.
  REQUIRE_THAT(short_call_margin(90'000, 99'000, 0.0125).initial, WithinAbs(0.1125, 1e-12));
  REQUIRE_THAT(short_call_margin(90'000, 99'000, 0.0125).maintenance, WithinAbs(0.0875, 1e-12));
  // At the money nothing is deducted; in the money OTM is 0, not negative.
  REQUIRE_THAT(short_call_margin(90'000, 90'000, 0.03).initial, WithinAbs(0.18, 1e-12));
  REQUIRE_THAT(short_call_margin(90'000, 80'000, 0.12).initial, WithinAbs(0.27, 1e-12));
  // 2.5 % out of the money: 0.15 - 0.025.
  REQUIRE_THAT(short_call_margin(80'000, 82'000, 0.02).initial, WithinAbs(0.145, 1e-12));
}
