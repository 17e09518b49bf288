// SPDX-License-Identifier: MIT
/// @file
/// @brief The injected clock as signals/ uses it: seconds since 1970, and waiting that a stop request ends at once.
#ifndef RLX_SIGNALS_CLOCK_HPP
#define RLX_SIGNALS_CLOCK_HPP

#include <algorithm>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <type_traits>

#include <rlx/core/clock.hpp>

namespace rlx::inline v0_1::signals {

/// A duration, or a time since 1970-01-01 UTC.
using Seconds = double;

/// A clock that knows best how to wait for its own time. Models rlx::Clock too.
///
/// `wait_until(t, stop)` returns true once `now_ms() >= 1000*t`, false as soon as a stop was requested before.
template <class C>
concept WaitableClock = rlx::Clock<C> && requires(C& clock, double t, std::stop_token stop) {
  { clock.wait_until(t, stop) } -> std::convertible_to<bool>;
};

/**
 * @brief Any clock, by reference; converts from every rlx::Clock, which must outlive it.
 *
 * With a SystemClock waiting sleeps; a clock with a `wait_until` of its own is asked; any other clock (ManualClock) is looked
 * at every millisecond of real time until someone has moved it, which may be another thread. Copies refer to the same clock. As
 * safe between threads as the clock itself. No allocation.
 */
class ClockRef {
 public:
  /// Refers to a clock, which must outlive this object.
  template <class C>
  requires(rlx::Clock<C> && !std::same_as<std::remove_cv_t<C>, ClockRef>) ClockRef(C& clock)
  noexcept  // NOLINT(google-explicit-constructor): a reference to a clock is a clock
      : object_(const_cast<std::remove_cv_t<C>*>(&clock)), calls_(&calls_of<C>) {}

  /// Seconds since 1970-01-01 UTC.
  Seconds now() const { return static_cast<double>(calls_->now_ms(object_)) * 1e-3; }
  /// Milliseconds since 1970-01-01 UTC.
  std::int64_t now_ms() const { return calls_->now_ms(object_); }
  /// Seconds since any origin, never going back.
  Seconds monotonic_seconds() const { return calls_->monotonic_seconds(object_); }
  /// Returns true once the clock shows `t` or later; false at once when a stop is requested before.
  bool wait_until(Seconds t, const std::stop_token& stop = {}) const { return calls_->wait_until(object_, t, stop); }

 private:
  struct Calls {
    std::int64_t (*now_ms)(void*);
    double (*monotonic_seconds)(void*);
    bool (*wait_until)(void*, double, const std::stop_token&);
  };

  template <class C>
  static bool wait(C& clock, double t, const std::stop_token& stop) {
    if constexpr (WaitableClock<C>) {
      return clock.wait_until(t, stop);
    } else {
      // A correction of the machine's clock is noticed after a minute at most.
      const double longest = std::same_as<std::remove_cv_t<C>, SystemClock> ? 60.0 : 1e-3;
      std::mutex mutex;
      std::condition_variable_any changed;
      std::unique_lock lock(mutex);
      for (;;) {
        if (stop.stop_requested()) return false;
        const double left = t - static_cast<double>(clock.now_ms()) * 1e-3;
        if (!(left > 0.0)) return true;
        changed.wait_for(lock, stop, std::chrono::duration<double>(std::min(left, longest)), [] { return false; });
      }
    }
  }

  template <class C>
  static constexpr Calls calls_of = {
      [](void* clock) { return static_cast<std::int64_t>(static_cast<C*>(clock)->now_ms()); },
      [](void* clock) { return static_cast<double>(static_cast<C*>(clock)->monotonic_seconds()); },
      [](void* clock, double t, const std::stop_token& stop) { return wait(*static_cast<C*>(clock), t, stop); }};

  void* object_;
  const Calls* calls_;
};

}  // namespace rlx::inline v0_1::signals

#endif  // RLX_SIGNALS_CLOCK_HPP
