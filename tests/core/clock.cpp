// SPDX-License-Identifier: MIT
#include <rlx/core/clock.hpp>

#include "rlx_catch.hpp"

static_assert(rlx::Clock<rlx::SystemClock> && rlx::Clock<rlx::ManualClock>);
static_assert(rlx::Clock<const rlx::SystemClock>);

namespace {
struct OnlyWallTime {
  long long now_ms() { return 0; }
};
struct Frozen {  // the smallest model
  long long now_ms() { return 0; }
  double monotonic_seconds() { return 0.0; }
};
static_assert(!rlx::Clock<OnlyWallTime>);
static_assert(rlx::Clock<Frozen>);
}  // namespace

TEST_CASE("a manual clock moves only when it is told", "[core][clock]") {
  rlx::ManualClock clock(1'700'000'000'000);
  CHECK(clock.now_ms() == 1'700'000'000'000);
  CHECK(clock.monotonic_seconds() == 0.0);
  clock.advance_ms(1500);
  CHECK(clock.now_ms() == 1'700'000'001'500);
  CHECK_THAT(clock.monotonic_seconds(), rlx_test::WithinAbs(1.5, 1e-12));
  clock.set_ms(5);  // a correction of the wall clock does not move the monotonic one
  CHECK(clock.now_ms() == 5);
  CHECK_THAT(clock.monotonic_seconds(), rlx_test::WithinAbs(1.5, 1e-12));
}

TEST_CASE("the system clock counts milliseconds since 1970 and never goes back", "[core][clock]") {
  const rlx::SystemClock clock;
  CHECK(clock.now_ms() > 1'700'000'000'000);   // November 2023
  CHECK(clock.now_ms() < 10'000'000'000'000);  // the year 2286
  const double before = clock.monotonic_seconds();
  CHECK(clock.monotonic_seconds() >= before);
}
