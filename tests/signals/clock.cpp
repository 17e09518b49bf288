// SPDX-License-Identifier: MIT
#include <rlx/signals/clock.hpp>

#include <atomic>
#include <stop_token>
#include <thread>

#include "rlx_catch.hpp"

using namespace rlx::signals;

namespace {

// Jumps to the time that is waited for.
struct JumpingClock {
  std::int64_t ms = 0;
  std::int64_t now_ms() const { return ms; }
  double monotonic_seconds() const { return static_cast<double>(ms) * 1e-3; }
  bool wait_until(double t, const std::stop_token& stop) {
    if (stop.stop_requested()) return false;
    ms = static_cast<std::int64_t>(t * 1000.0);
    return true;
  }
};
static_assert(WaitableClock<JumpingClock> && !WaitableClock<rlx::ManualClock>);

// Moved by one thread and read by another.
struct SharedClock {
  std::atomic<std::int64_t> ms{0};
  std::int64_t now_ms() const { return ms; }
  double monotonic_seconds() const { return 0.0; }
};

}  // namespace

TEST_CASE("clock reference: seconds of any clock, also a constant one", "[signals]") {
  rlx::ManualClock clock(1'500);
  const ClockRef ref = clock;
  REQUIRE(ref.now() == 1.5);
  clock.advance_ms(250);
  REQUIRE(ref.now() == 1.75);
  REQUIRE(ref.now_ms() == 1750);
  REQUIRE(ref.monotonic_seconds() == 0.25);
  const rlx::SystemClock system;
  REQUIRE(ClockRef(system).now() > 1.7e9);
}

TEST_CASE("clock reference: waiting ends at the time, before it only on a stop", "[signals]") {
  rlx::SystemClock system;
  const ClockRef machine = system;
  REQUIRE(machine.wait_until(0.0));
  const double start = machine.now();
  REQUIRE(machine.wait_until(start + 0.02));
  REQUIRE(machine.now() >= start + 0.019);

  std::stop_source stopped;
  stopped.request_stop();
  REQUIRE_FALSE(machine.wait_until(start + 1e6, stopped.get_token()));
  // A stop that comes while one waits ends an endless wait.
  std::stop_source later;
  std::jthread stopper([&] { later.request_stop(); });
  REQUIRE_FALSE(machine.wait_until(start + 1e6, later.get_token()));

  JumpingClock jumping;
  REQUIRE(ClockRef(jumping).wait_until(7.5));
  REQUIRE(jumping.ms == 7500);
}

TEST_CASE("clock reference: a clock that is moved by hand is waited for until someone moves it", "[signals]") {
  SharedClock clock;
  std::jthread mover([&] {
    clock.ms = 1000;
    clock.ms = 2000;
  });
  REQUIRE(ClockRef(clock).wait_until(2.0));
  REQUIRE(clock.ms == 2000);
}
