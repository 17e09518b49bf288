// SPDX-License-Identifier: MIT
/// @file
/// @brief Token buckets: requests wait on the clock until the venue's limits allow them; none is dropped.
#ifndef RLX_OPTIONS_RATE_LIMITER_HPP
#define RLX_OPTIONS_RATE_LIMITER_HPP

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <thread>

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>

namespace rlx::inline v0_1::options {

/// Lets time pass: a clock that offers `wait_ms` or `advance_ms` (ManualClock) is moved, with any other the thread sleeps.
template <Clock C>
void wait_on(C& clock, std::int64_t ms) {
  if (ms <= 0) return;
  if constexpr (requires { clock.wait_ms(ms); }) {
    clock.wait_ms(ms);
  } else if constexpr (requires { clock.advance_ms(ms); }) {
    clock.advance_ms(ms);
  } else {
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  }
}

/// A bucket of `burst` tokens that refills at `per_second`. Full at the start. Times are monotonic seconds of any origin; one
/// that goes back counts as no time passed.
class TokenBucket {
 public:
  /// @throws ConfigError unless 0 < per_second and 1 <= burst, both finite
  TokenBucket(double per_second, double burst) { set(per_second, burst); }

  /// Changes the limits; what is in the bucket stays, up to the new burst.
  void set(double per_second, double burst) {
    if (!(per_second > 0.0 && per_second <= 1e9 && burst >= 1.0 && burst <= 1e9)) {
      throw ConfigError("rate limit: expected a rate above 0 and a burst of at least 1 request, found " +
                        std::to_string(per_second) + " per second and " + std::to_string(burst));
    }
    tokens_ = burst_ == 0.0 ? burst : std::min(tokens_, burst);
    per_second_ = per_second;
    burst_ = burst;
  }
  double per_second() const noexcept { return per_second_; }  ///< As set last.
  double burst() const noexcept { return burst_; }            ///< As set last.

  /// Seconds until one token is there; 0 = now.
  double wait_seconds(double now) {
    refill(now);
    return tokens_ >= 1.0 ? 0.0 : (1.0 - tokens_) / per_second_;
  }
  /// Takes one token if there is one.
  bool try_take(double now) {
    refill(now);
    if (tokens_ < 1.0) return false;
    tokens_ -= 1.0;
    return true;
  }
  /// Takes one token, waiting on the clock for it.
  template <Clock C>
  void take(C& clock) {
    while (!try_take(clock.monotonic_seconds())) {
      const double seconds = wait_seconds(clock.monotonic_seconds());
      wait_on(clock, std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(seconds * 1e3))));
    }
  }
  /// Empties the bucket: the venue said that there were too many requests.
  void drain(double now) {
    refill(now);
    tokens_ = 0.0;
  }

 private:
  void refill(double now) {
    if (started_ && now > last_) tokens_ = std::min(burst_, tokens_ + (now - last_) * per_second_);
    last_ = started_ ? std::max(last_, now) : now;
    started_ = true;
  }

  double per_second_ = 0.0, burst_ = 0.0, tokens_ = 0.0;
  double last_ = 0.0;
  bool started_ = false;
};

/// Requests a second for data before the venue has said its own limits: 80 % of 20.
inline constexpr double default_data_rate = 16.0;
/// Requests at once for data before the venue has said its own limits: 80 % of 100.
inline constexpr double default_data_burst = 80.0;
/// Requests a second for orders before the venue has said its own limits: 80 % of 5.
inline constexpr double default_order_rate = 4.0;
/// Requests at once for orders before the venue has said its own limits: 80 % of 20.
inline constexpr double default_order_burst = 16.0;
/// Requests a second for `public/get_instruments`, which has its own limit.
inline constexpr double instruments_rate = 0.8;
/// The part of a venue's limits that is used.
inline constexpr double used_part_of_limits = 0.8;

}  // namespace rlx::inline v0_1::options

#endif  // RLX_OPTIONS_RATE_LIMITER_HPP
