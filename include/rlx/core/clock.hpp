// SPDX-License-Identifier: MIT
/// @file
/// @brief Time is passed in: the machine's clock, or one that a test or a replay moves by hand.
#ifndef RLX_CORE_CLOCK_HPP
#define RLX_CORE_CLOCK_HPP

#include <time.h>  // <chrono> costs every program its calendars and string streams

#include <concepts>
#include <cstdint>

namespace rlx::inline v0_1 {

/// A source of time. `now_ms()`: UTC in milliseconds since 1970-01-01. `monotonic_seconds()`: never goes back, any origin.
///
/// The library never reads a clock that it was not given.
template <class C>
concept Clock = requires(C& clock) {
  { clock.now_ms() } -> std::convertible_to<std::int64_t>;
  { clock.monotonic_seconds() } -> std::convertible_to<double>;
};

/// The machine's clock. Stateless; safe from any thread.
class SystemClock {
 public:
  /// UTC milliseconds since 1970-01-01.
  std::int64_t now_ms() const noexcept {
    const timespec now = read(CLOCK_REALTIME);
    return std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
  }
  /// Seconds since an unspecified origin; never goes back.
  double monotonic_seconds() const noexcept {
    const timespec now = read(CLOCK_MONOTONIC);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  }

 private:
  static timespec read(clockid_t clock) noexcept {
    timespec now{};
    ::clock_gettime(clock, &now);  // cannot fail with these two
    return now;
  }
};

/// A clock that stands still until it is moved. Not safe for a reader and a mover at the same time.
class ManualClock {
 public:
  /// Stands at `now_ms`, UTC milliseconds since 1970-01-01.
  explicit ManualClock(std::int64_t now_ms = 0) noexcept : now_ms_(now_ms) {}

  /// UTC milliseconds since 1970-01-01, as last set or advanced.
  std::int64_t now_ms() const noexcept { return now_ms_; }
  /// Sum of all advances, in seconds; `set_ms` does not change it.
  double monotonic_seconds() const noexcept { return static_cast<double>(advanced_ms_) * 1e-3; }

  /// Moves both times. @param ms  at least 0 for `monotonic_seconds` to keep its promise
  void advance_ms(std::int64_t ms) noexcept {
    now_ms_ += ms;
    advanced_ms_ += ms;
  }
  /// Sets the UTC time only, as a correction of the machine's clock would.
  void set_ms(std::int64_t now_ms) noexcept { now_ms_ = now_ms; }

 private:
  std::int64_t now_ms_;
  std::int64_t advanced_ms_ = 0;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_CORE_CLOCK_HPP
