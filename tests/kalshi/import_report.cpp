// SPDX-License-Identifier: MIT
#include <rlx/kalshi/import_report.hpp>
//
#include "rlx_catch.hpp"

TEST_CASE("An import report begins at nothing and compares all its counts", "[kalshi][import_report]") {
  rlx::kalshi::ImportReport a, b;
  CHECK(a == b);
  b.crossed = 1;
  CHECK_FALSE(a == b);
}
