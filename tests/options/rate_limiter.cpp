// SPDX-License-Identifier: MIT
#include <rlx/options/rate_limiter.hpp>

#include <chrono>
#include <limits>

#include "rlx_catch.hpp"

using namespace rlx::options;

TEST_CASE("a bucket gives its burst at once and then its rate", "[options][rate]") {
  TokenBucket bucket(4.0, 16.0);
  for (int i = 0; i < 16; ++i) CHECK(bucket.try_take(100.0));
  CHECK_FALSE(bucket.try_take(100.0));
  CHECK(bucket.wait_seconds(100.0) == 0.25);
  CHECK_FALSE(bucket.try_take(100.2));
  CHECK(bucket.try_take(100.25));
  CHECK_FALSE(bucket.try_take(90.0));  // time that goes back is no time
  CHECK_FALSE(bucket.try_take(100.25));
  CHECK(bucket.try_take(1000.0));
  bucket.drain(1000.0);
  CHECK(bucket.wait_seconds(1000.0) == 0.25);
  bucket.set(1.0, 2.0);
  CHECK(bucket.wait_seconds(1000.0) == 1.0);
}

TEST_CASE("limits must be numbers above zero", "[options][rate]") {
  CHECK_THROWS_AS(TokenBucket(0.0, 1.0), rlx::ConfigError);
  CHECK_THROWS_AS(TokenBucket(1.0, 0.5), rlx::ConfigError);
  CHECK_THROWS_AS(TokenBucket(std::numeric_limits<double>::quiet_NaN(), 1.0), rlx::ConfigError);
  CHECK_THROWS_AS(TokenBucket(1.0, std::numeric_limits<double>::infinity()), rlx::ConfigError);
}

TEST_CASE("no window of a simulated hour holds more than rate and burst allow", "[options][rate]") {
  // A venue that refuses above 5 a second with bursts of 20 never refuses who takes four fifths.
  rlx::ManualClock clock;
  TokenBucket own(default_order_rate, default_order_burst);
  TokenBucket venue(5.0, 20.0);
  int sent = 0, refused = 0;
  while (clock.monotonic_seconds() < 3600.0) {
    own.take(clock);
    refused += venue.try_take(clock.monotonic_seconds()) ? 0 : 1;
    ++sent;
  }
  CHECK(refused == 0);
  CHECK(sent > 4 * 3600);
  CHECK(sent <= 4 * 3600 + 17);
}

TEST_CASE("waiting moves a clock that can be moved and sleeps on the machine's", "[options][rate]") {
  rlx::ManualClock manual;
  wait_on(manual, 1'500);
  wait_on(manual, -5);
  CHECK(manual.monotonic_seconds() == 1.5);
  rlx::SystemClock system;
  const double before = system.monotonic_seconds();
  wait_on(system, 20);
  CHECK(system.monotonic_seconds() - before >= 0.02);
}
