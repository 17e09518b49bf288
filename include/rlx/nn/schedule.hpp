// SPDX-License-Identifier: MIT
/// @file
/// @brief A hyper-parameter as a function of the progress that remains.
#ifndef RLX_NN_SCHEDULE_HPP
#define RLX_NN_SCHEDULE_HPP

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>

namespace rlx::inline v0_1::nn {

/**
 * @brief Value as a function of `progress_remaining` p, 1 at the start of training and 0 at its end.
 *
 * A number converts to the constant schedule, as in Stable-Baselines3. p outside [0, 1] counts as the nearer end.
 */
class Schedule {
 public:
  /// The four shapes; each has a function of its name that makes one.
  enum class Kind : std::uint8_t {
    constant,  ///< one value throughout
    linear,    ///< straight from start to end
    cosine,    ///< half a cosine from start to end
    piecewise  ///< straight between given points
  };
  /// A corner of a piecewise schedule.
  struct Point {
    double progress_remaining = 0;  ///< in [0, 1]: 1 at the start of training
    double value = 0;               ///< there; finite
    /// Memberwise.
    friend bool operator==(const Point&, const Point&) = default;
  };

  /// Implicit on purpose: `Schedule learning_rate = 3e-4`.
  Schedule(double value) : Schedule(Kind::constant, {{1.0, value}}) {}

  /// The same value throughout; ConfigError if it is not finite.
  static Schedule constant(double value) { return Schedule(value); }
  /// b + (a - b) p: from `a` at the start to `b` at the end.
  static Schedule linear(double a, double b) { return Schedule(Kind::linear, {{1.0, a}, {0.0, b}}); }
  /// b + (a - b) (1 - cos(pi p)) / 2.
  static Schedule cosine(double a, double b) { return Schedule(Kind::cosine, {{1.0, a}, {0.0, b}}); }
  /// Linear between points given in descending order of progress_remaining, constant outside; ConfigError otherwise.
  static Schedule piecewise(std::vector<Point> points) { return Schedule(Kind::piecewise, std::move(points)); }

  /// Value at `p` = progress_remaining.
  double operator()(double p) const {
    p = p < 0.0 ? 0.0 : (p > 1.0 ? 1.0 : p);
    const Point& first = points_.front();
    const Point& last = points_.back();
    switch (kind_) {
      case Kind::constant:
        return first.value;
      case Kind::linear:
        return last.value + (first.value - last.value) * p;
      case Kind::cosine:
        return last.value + (first.value - last.value) * (1.0 - std::cos(std::numbers::pi * p)) / 2.0;
      case Kind::piecewise:
        break;
    }
    if (p >= first.progress_remaining) return first.value;
    for (std::size_t i = 1; i < points_.size(); ++i) {
      const Point& a = points_[i - 1];
      const Point& b = points_[i];
      if (p >= b.progress_remaining) {
        return b.value + (a.value - b.value) * (p - b.progress_remaining) / (a.progress_remaining - b.progress_remaining);
      }
    }
    return last.value;
  }

  /// Which function made it.
  Kind kind() const noexcept { return kind_; }
  /// The numbers that define it: one for constant, start and end for linear and cosine, the corners for piecewise.
  const std::vector<Point>& points() const noexcept { return points_; }

  /// Memberwise.
  friend bool operator==(const Schedule&, const Schedule&) = default;

 private:
  Schedule(Kind kind, std::vector<Point> points) : kind_(kind), points_(std::move(points)) {
    if (points_.empty()) throw ConfigError("Schedule::piecewise: found no points, expected at least one");
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const Point& point = points_[i];
      if (!is_finite(point.value) || !(point.progress_remaining >= 0.0 && point.progress_remaining <= 1.0)) {
        throw ConfigError("Schedule: point " + std::to_string(i) + " has progress_remaining " +
                          std::to_string(point.progress_remaining) + " and value " + std::to_string(point.value) +
                          "; expected progress in [0, 1] and a finite value");
      }
      if (i > 0 && point.progress_remaining >= points_[i - 1].progress_remaining) {
        throw ConfigError("Schedule::piecewise: progress_remaining of point " + std::to_string(i) +
                          " is not below that of the point before; "
                          "list the points from the start of training (1) to its end (0)");
      }
    }
  }

  Kind kind_;
  std::vector<Point> points_;
};

}  // namespace rlx::inline v0_1::nn

#endif  // RLX_NN_SCHEDULE_HPP
