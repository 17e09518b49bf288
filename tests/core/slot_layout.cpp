// SPDX-License-Identifier: MIT
#include <rlx/core/slot_layout.hpp>

#include "rlx_catch.hpp"

TEST_CASE("sizes of a slot layout", "[core]") {
  // The funding observation: 5 + 10 + 5 x 12 + 10 x 20 = 275 floats; 1 + 3 x 10 + 5 = 36 actions.
  rlx::SlotLayout layout{0, 5, 5, 10, {15, 5, 12, 0}, {75, 10, 20, 0}, 3};
  REQUIRE(layout.observation_size() == 275);
  layout.appended_width = 20;
  REQUIRE(layout.appended_offset() == 275);
  REQUIRE(layout.observation_size() == 295);
  REQUIRE(layout.num_actions() == 36);
}
