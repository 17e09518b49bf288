// SPDX-License-Identifier: MIT
/// @file
/// @brief Euclidean projections onto the sets a portfolio has to stay in: simplex with caps, gross, net, factors, bounds.
///
/// Every set is closed and convex; `project` finds its one nearest point. A set that holds a point leaves it as it is (but for
/// rounding). Clipping and dividing by the sum is not a projection: it breaks the cap again.
/// @par Source  Duchi et al. 2008, "Efficient projections onto the l1-ball for learning in high dimensions"
#ifndef RLX_RISK_PROJECTION_HPP
#define RLX_RISK_PROJECTION_HPP

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/risk/detail/checks.hpp>

namespace rlx::inline v0_1::risk {

/**
 * @brief A closed convex set of vectors with its Euclidean projection.
 *
 * | call | meaning |
 * |---|---|
 * | `size()` | length n of the vectors |
 * | `project(v, x)` | x becomes the nearest point to v; both of length n, x may be v |
 * | `violation(v)` | how far outside v is, in the unit of v; 0 inside, +infinity if v is not finite |
 */
template <class P>
concept Projection = requires(const P& p, std::span<const double> v, std::span<double> x) {
  { p.size() } -> std::same_as<std::size_t>;
  p.project(v, x);
  { p.violation(v) } -> std::convertible_to<double>;
};

/**
 * @brief The normals of the constraints that are tight at a point, and the projection onto what is left.
 *
 * Unit vectors are kept as fixed coordinates, so that hundreds of tight bounds cost nothing.
 */
class ActiveNormals {
 public:
  /// No normal yet, of vectors of length `size`.
  explicit ActiveNormals(std::size_t size) : fixed_(size, 0) {}

  /// Length of the vectors.
  std::size_t size() const noexcept { return fixed_.size(); }
  /// The unit vector of coordinate i. @param i  below size()
  void add_unit(std::size_t i) { fixed_[i] = 1; }
  /// A normal of zeros to fill in, of length size(); valid until the next call.
  std::span<double> add() {
    rows_.emplace_back(size(), 0.0);
    return rows_.back();
  }

  /**
   * @brief out = (I - N⁺N) u, with the normals as rows of N: the derivative of the projection in direction u.
   *
   * QR with row pivoting of the normals on the free coordinates; a pivot below 1e-10 of the largest ends the rank.
   * @param u, out  of length size(); out may be u
   * @par Complexity  O(rows² size)
   */
  void project_out(std::span<const double> u, std::span<double> out) const {
    std::copy(u.begin(), u.end(), out.begin());
    std::vector<std::vector<double>> rows = rows_;
    clear_fixed(out);
    for (auto& row : rows) clear_fixed(row);
    double largest = 0;
    for (std::size_t rank = 0; rank < rows.size(); ++rank) {
      std::size_t best = rank;
      double best_norm = 0;
      for (std::size_t r = rank; r < rows.size(); ++r) {
        if (const double norm = std::sqrt(dot(rows[r], rows[r])); norm > best_norm) best_norm = norm, best = r;
      }
      largest = std::max(largest, best_norm);
      if (!(best_norm > 1e-10 * largest)) return;
      std::swap(rows[rank], rows[best]);
      std::vector<double>& q = rows[rank];
      // Twice: a row that nearly lies in the span of those before would keep a part of it otherwise.
      for (std::size_t before = 0; before < rank; ++before) remove(q, rows[before]);
      best_norm = std::sqrt(dot(q, q));
      if (!(best_norm > 1e-10 * largest)) return;
      for (double& element : q) element /= best_norm;
      for (std::size_t r = rank + 1; r < rows.size(); ++r) remove(rows[r], q);
      remove(out, q);
    }
  }

 private:
  static double dot(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  }
  static void remove(std::span<double> from, std::span<const double> unit) {
    const double along = dot(from, unit);
    for (std::size_t i = 0; i < from.size(); ++i) from[i] -= along * unit[i];
  }
  void clear_fixed(std::span<double> row) const {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (fixed_[i] != 0) row[i] = 0;
    }
  }

  std::vector<char> fixed_;
  std::vector<std::vector<double>> rows_;
};

/// A Projection that can be differentiated: `active_normals(x, tolerance, normals)` adds the normals of what is tight at x.
template <class P>
concept DifferentiableProjection = Projection<P> &&
    requires(const P& p, std::span<const double> x, double tolerance, ActiveNormals& normals) {
  p.active_normals(x, tolerance, normals);
};

namespace detail {

/// Whether the distance of v can be computed: all finite. @throws ShapeError
inline bool is_measurable(std::span<const double> v, std::size_t expected, const char* set) {
  if (v.size() != expected) {
    throw ShapeError(std::string(set) + ": expected a vector of " + std::to_string(expected) + " elements, found " +
                     std::to_string(v.size()));
  }
  return first_non_finite(v) == v.size();
}

/// @throws ShapeError, NumericError
inline void require_projectable(std::span<const double> v, std::size_t expected, std::size_t result, const char* set) {
  if (v.size() != expected || result != expected) {
    throw ShapeError(std::string(set) + ": expected vectors of " + std::to_string(expected) + " elements, found " +
                     std::to_string(v.size()) + " and a result of " + std::to_string(result));
  }
  require_finite(v, "v");
}

/**
 * @brief tau with sum clamp(v_i - tau, 0, cap(i)) = sum; the sum falls in pieces between the breakpoints v_i and v_i - cap(i).
 *
 * The piece is found by halving the breakpoints around their median, which sorts no more of them than needed; tau on it is
 * exact.
 * @param sum  at least 0 and at most the sum of the caps (but for rounding)
 */
template <class Cap>
double water_level(std::span<const double> v, Cap&& cap, double sum) {
  const std::size_t n = v.size();
  std::vector<double> points(v.begin(), v.end());
  points.reserve(2 * n);
  for (std::size_t i = 0; i < n; ++i) {
    if (is_finite(cap(i))) points.push_back(v[i] - cap(i));
  }
  const auto filled = [&](double tau) {
    constexpr std::size_t lanes = 8;  // sums that do not wait for each other
    double parts[lanes] = {};
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      for (std::size_t l = 0; l < lanes; ++l) parts[l] += std::min(std::max(v[i + l] - tau, 0.0), cap(i + l));
    }
    for (; i < n; ++i) parts[0] += std::min(std::max(v[i] - tau, 0.0), cap(i));
    double total = 0;
    for (const double part : parts) total += part;
    return total;
  };
  double tau = -std::numeric_limits<double>::infinity();  // where the sum is not yet too small
  // A few halvings of the range leave few of many breakpoints, at a fraction of the cost of looking for their median.
  double low = *std::min_element(points.begin(), points.end());
  double high = *std::max_element(points.begin(), points.end());
  for (std::size_t left = points.size(); left > 16; left /= 2) {
    const double middle = low + (high - low) / 2;
    if (filled(middle) >= sum) {
      tau = low = middle;
    } else {
      high = middle;
    }
  }
  std::erase_if(points, [tau, high](double point) { return point <= tau || point > high; });
  for (auto first = points.begin(), last = points.end(); first != last;) {
    const auto middle = first + (last - first) / 2;
    std::nth_element(first, middle, last);
    if (filled(*middle) >= sum) {
      tau = *middle;
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  double level = -sum;
  double free = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (v[i] - cap(i) > tau) {
      level += cap(i);
    } else if (v[i] > tau) {
      level += v[i];
      free += 1;
    }
  }
  return free > 0 ? level / free : tau;
}

/// Nearest point to u with sum |x| <= radius, written over u.
inline void shrink_to_l1(std::span<double> u, double radius) {
  double gross = 0;
  std::vector<double> sizes(u.size());
  for (std::size_t i = 0; i < u.size(); ++i) gross += sizes[i] = std::fabs(u[i]);
  if (gross <= radius) return;
  const double tau = water_level(
      sizes, [](std::size_t) { return std::numeric_limits<double>::infinity(); }, radius);
  for (std::size_t i = 0; i < u.size(); ++i) u[i] = std::copysign(std::max(sizes[i] - tau, 0.0), u[i]);
}

/// Normals of a tight L1 ball around 0 at u: the signs on the support and the unit vectors off it.
/// @param index  coordinate of each element of u
template <class Index>
void l1_normals(std::span<const double> u, Index&& index, double radius, double tolerance, ActiveNormals& normals) {
  double gross = 0;
  for (const double element : u) gross += std::fabs(element);
  if (gross < radius - tolerance) return;
  const std::span<double> signs = normals.add();
  for (std::size_t i = 0; i < u.size(); ++i) {
    if (std::fabs(u[i]) <= tolerance) {
      normals.add_unit(index(i));
    } else {
      signs[index(i)] = u[i] > 0 ? 1 : -1;
    }
  }
}

/// Finite, or infinite on its own side. @throws ConfigError
inline void require_bounds(double lower, double upper, const std::string& name) {
  constexpr double none = std::numeric_limits<double>::infinity();
  const bool numbers = (is_finite(lower) || lower == -none) && (is_finite(upper) || upper == none);
  if (!numbers || lower > upper) {
    throw ConfigError(name + ": infeasible: expected a lower bound of at most the upper one, found " + std::to_string(lower) +
                      " and " + std::to_string(upper));
  }
}

inline void require_radius(double radius, const std::string& name) {
  require_argument(radius >= 0, name, radius, "finite and at least 0");
}

}  // namespace detail

/// 0 <= x_i <= cap_i and sum x = total: long-only weights with a cap.
class CappedSimplex {
 public:
  /// One cap for all. @throws ConfigError  size 0, cap or total not finite or below 0, or "infeasible": size * cap < total
  CappedSimplex(std::size_t size, double cap, double total = 1) : CappedSimplex(std::vector<double>(size, cap), total) {}
  /// A cap for every asset. @throws ConfigError
  CappedSimplex(std::vector<double> caps, double total) : caps_(std::move(caps)), total_(total) {
    if (caps_.empty()) throw ConfigError("CappedSimplex: no caps, expected one for every asset");
    detail::require_argument(total >= 0, "CappedSimplex: total", total, "finite and at least 0");
    double room = 0;
    for (std::size_t i = 0; i < caps_.size(); ++i) {
      detail::require_argument(caps_[i] >= 0, "CappedSimplex: caps[" + std::to_string(i) + ']', caps_[i],
                               "finite and at least 0");
      room += caps_[i];
    }
    if (room < total * (1 - 1e-12)) {
      throw ConfigError("CappedSimplex: infeasible: the caps add up to " + std::to_string(room) + ", the total is " +
                        std::to_string(total) + " (violation " + std::to_string(total - room) +
                        "); raise the caps or lower the total");
    }
  }

  /// Length of the vectors: one cap each.
  std::size_t size() const noexcept { return caps_.size(); }
  /// x_i = clamp(v_i - tau, 0, cap_i); O(n log n), exact. @throws ShapeError, NumericError naming the element of v
  void project(std::span<const double> v, std::span<double> x) const {
    detail::require_projectable(v, size(), x.size(), "CappedSimplex");
    const double tau = detail::water_level(
        v, [this](std::size_t i) { return caps_[i]; }, total_);
    for (std::size_t i = 0; i < v.size(); ++i) x[i] = std::clamp(v[i] - tau, 0.0, caps_[i]);
  }
  /// The greatest of |sum v - total|, -v_i and v_i - cap_i.
  double violation(std::span<const double> v) const {
    if (!detail::is_measurable(v, size(), "CappedSimplex")) return std::numeric_limits<double>::infinity();
    double worst = 0;
    double sum = 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      sum += v[i];
      worst = std::max({worst, -v[i], v[i] - caps_[i]});
    }
    return std::max(worst, std::fabs(sum - total_));
  }
  /// The ones vector, and the unit vectors of assets at a bound.
  void active_normals(std::span<const double> x, double tolerance, ActiveNormals& normals) const {
    std::ranges::fill(normals.add(), 1.0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i] <= tolerance || x[i] >= caps_[i] - tolerance) normals.add_unit(i);
    }
  }

 private:
  std::vector<double> caps_;
  double total_;
};

/// sum |x_i - centre_i| <= radius: gross leverage with centre 0, turnover with the previous weights as centre.
class L1Ball {
 public:
  /// Around 0. @throws ConfigError  size 0, or a radius that is not finite or below 0
  L1Ball(std::size_t size, double radius) : L1Ball(std::vector<double>(size, 0.0), radius) {}
  /// Around `centre`. @throws ConfigError; NumericError for a centre that is not finite
  L1Ball(std::vector<double> centre, double radius) : centre_(std::move(centre)), radius_(radius) {
    if (centre_.empty()) throw ConfigError("L1Ball: no elements, expected at least one");
    detail::require_radius(radius, "L1Ball: radius");
    detail::require_finite(centre_, "L1Ball: centre");
  }

  /// Length of the vectors: that of the centre.
  std::size_t size() const noexcept { return centre_.size(); }
  /// Soft threshold; O(n log n), exact. @throws ShapeError, NumericError naming the element of v
  void project(std::span<const double> v, std::span<double> x) const {
    detail::require_projectable(v, size(), x.size(), "L1Ball");
    if (violation(v) <= 0) {
      std::copy(v.begin(), v.end(), x.begin());
      return;
    }
    for (std::size_t i = 0; i < v.size(); ++i) x[i] = v[i] - centre_[i];
    detail::shrink_to_l1(x, radius_);
    for (std::size_t i = 0; i < v.size(); ++i) x[i] += centre_[i];
  }
  /// By how much the sum of absolute differences exceeds the radius.
  double violation(std::span<const double> v) const {
    if (!detail::is_measurable(v, size(), "L1Ball")) return std::numeric_limits<double>::infinity();
    double gross = 0;
    for (std::size_t i = 0; i < v.size(); ++i) gross += std::fabs(v[i] - centre_[i]);
    return std::max(0.0, gross - radius_);
  }
  /// At the radius the signs of x - centre, and the unit vectors where x is at the centre; nothing inside.
  void active_normals(std::span<const double> x, double tolerance, ActiveNormals& normals) const {
    std::vector<double> u(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) u[i] = x[i] - centre_[i];
    detail::l1_normals(
        u, [](std::size_t i) { return i; }, radius_, tolerance, normals);
  }

 private:
  std::vector<double> centre_;
  double radius_;
};

/// sum over a group of |x_i| <= radius: gross of a sector. The assets outside the group are free.
class GroupGross {
 public:
  /// @param size     length of the vectors
  /// @param members  indices of the group, each once, below size
  /// @param radius   greatest gross of the group, finite and at least 0. @throws ConfigError
  GroupGross(std::size_t size, std::vector<std::size_t> members, double radius)
      : size_(size), members_(std::move(members)), radius_(radius) {
    detail::require_radius(radius, "GroupGross: radius");
    std::vector<std::size_t> sorted = members_;
    std::sort(sorted.begin(), sorted.end());
    if (sorted.empty() || sorted.back() >= size || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
      throw ConfigError("GroupGross: expected members below " + std::to_string(size) + ", at least one, none twice");
    }
  }

  /// Length of the vectors, not of the group.
  std::size_t size() const noexcept { return size_; }
  /// Soft threshold in the group. @throws ShapeError, NumericError naming the element of v
  void project(std::span<const double> v, std::span<double> x) const {
    detail::require_projectable(v, size_, x.size(), "GroupGross");
    std::vector<double> group = gather(v);
    detail::shrink_to_l1(group, radius_);
    std::copy(v.begin(), v.end(), x.begin());
    for (std::size_t i = 0; i < members_.size(); ++i) x[members_[i]] = group[i];
  }
  /// By how much the group's gross exceeds the radius.
  double violation(std::span<const double> v) const {
    if (!detail::is_measurable(v, size_, "GroupGross")) return std::numeric_limits<double>::infinity();
    double gross = 0;
    for (const std::size_t i : members_) gross += std::fabs(v[i]);
    return std::max(0.0, gross - radius_);
  }
  /// At the radius the signs of x in the group, and the unit vectors of its members at 0; nothing inside.
  void active_normals(std::span<const double> x, double tolerance, ActiveNormals& normals) const {
    detail::l1_normals(
        gather(x), [this](std::size_t i) { return members_[i]; }, radius_, tolerance, normals);
  }

 private:
  std::vector<double> gather(std::span<const double> v) const {
    std::vector<double> group(members_.size());
    for (std::size_t i = 0; i < group.size(); ++i) group[i] = v[members_[i]];
    return group;
  }

  std::size_t size_;
  std::vector<std::size_t> members_;
  double radius_;
};

/// lower_i <= x_i <= upper_i; an infinite bound is none.
class Box {
 public:
  /// @throws ConfigError  sizes differ or are 0, a bound is NaN, or "infeasible": lower above upper
  Box(std::vector<double> lower, std::vector<double> upper) : lower_(std::move(lower)), upper_(std::move(upper)) {
    if (lower_.empty() || lower_.size() != upper_.size()) {
      throw ConfigError("Box: expected as many lower as upper bounds, at least one; found " + std::to_string(lower_.size()) +
                        " and " + std::to_string(upper_.size()));
    }
    for (std::size_t i = 0; i < lower_.size(); ++i) {
      detail::require_bounds(lower_[i], upper_[i], "Box: element " + std::to_string(i));
    }
  }
  /// The same bounds for all.
  Box(std::size_t size, double lower, double upper) : Box(std::vector<double>(size, lower), std::vector<double>(size, upper)) {}
  /// |x_i - previous_i| <= limit_i: what the liquidity of each asset lets one trade. @throws ConfigError  sizes differ, limit <
  /// 0
  static Box around(std::span<const double> previous, std::span<const double> limit) {
    if (previous.size() != limit.size()) {
      throw ConfigError("Box::around: expected " + std::to_string(previous.size()) + " limits, found " +
                        std::to_string(limit.size()));
    }
    std::vector<double> lower(previous.size()), upper(previous.size());
    for (std::size_t i = 0; i < previous.size(); ++i) lower[i] = previous[i] - limit[i], upper[i] = previous[i] + limit[i];
    return Box(std::move(lower), std::move(upper));
  }

  /// Length of the vectors: one pair of bounds each.
  std::size_t size() const noexcept { return lower_.size(); }
  /// Clamp. @throws ShapeError, NumericError naming the element of v
  void project(std::span<const double> v, std::span<double> x) const {
    detail::require_projectable(v, size(), x.size(), "Box");
    for (std::size_t i = 0; i < v.size(); ++i) x[i] = std::clamp(v[i], lower_[i], upper_[i]);
  }
  /// The greatest distance of an element from its bounds.
  double violation(std::span<const double> v) const {
    if (!detail::is_measurable(v, size(), "Box")) return std::numeric_limits<double>::infinity();
    double worst = 0;
    for (std::size_t i = 0; i < v.size(); ++i) worst = std::max({worst, lower_[i] - v[i], v[i] - upper_[i]});
    return worst;
  }
  /// The unit vectors of elements at a bound.
  void active_normals(std::span<const double> x, double tolerance, ActiveNormals& normals) const {
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i] <= lower_[i] + tolerance || x[i] >= upper_[i] - tolerance) normals.add_unit(i);
    }
  }

 private:
  std::vector<double> lower_, upper_;
};

/// lower <= a'x <= upper: net exposure (a of ones), net of a sector, exposure to a factor. An infinite bound is none.
class Slab {
 public:
  /// @throws ConfigError  a is zero, a bound is NaN, or "infeasible": lower above upper; NumericError  a is not finite
  Slab(std::vector<double> a, double lower, double upper) : a_(std::move(a)), lower_(lower), upper_(upper) {
    detail::require_finite(a_, "Slab: a");
    for (const double element : a_) squares_ += element * element;
    if (!(squares_ > 0)) throw ConfigError("Slab: a must have an element that is not 0");
    detail::require_bounds(lower, upper, "Slab");
  }
  /// |sum x| <= limit. @throws ConfigError
  static Slab net(std::size_t size, double limit) { return Slab(std::vector<double>(size, 1.0), -limit, limit); }
  /// lower <= sum over `members` of x <= upper. @throws ConfigError
  static Slab group(std::size_t size, std::span<const std::size_t> members, double lower, double upper) {
    std::vector<double> a(size);
    for (const std::size_t i : members) {
      if (i >= size) throw ConfigError("Slab::group: member " + std::to_string(i) + " is not below " + std::to_string(size));
      a[i] = 1;
    }
    return Slab(std::move(a), lower, upper);
  }

  /// Length of the vectors: that of a.
  std::size_t size() const noexcept { return a_.size(); }
  /// x = v + (clamp(a'v, lower, upper) - a'v) / (a'a) a. @throws ShapeError, NumericError naming the element of v
  void project(std::span<const double> v, std::span<double> x) const {
    detail::require_projectable(v, size(), x.size(), "Slab");
    const double exposure = exposure_of(v);
    const double step = (std::clamp(exposure, lower_, upper_) - exposure) / squares_;
    for (std::size_t i = 0; i < v.size(); ++i) x[i] = v[i] + step * a_[i];
  }
  /// Euclidean distance to the slab.
  double violation(std::span<const double> v) const {
    if (!detail::is_measurable(v, size(), "Slab")) return std::numeric_limits<double>::infinity();
    const double exposure = exposure_of(v);
    return std::max({0.0, lower_ - exposure, exposure - upper_}) / std::sqrt(squares_);
  }
  /// a, if a bound is reached. The tolerance is a distance, as in violation().
  void active_normals(std::span<const double> x, double tolerance, ActiveNormals& normals) const {
    const double exposure = exposure_of(x);
    tolerance *= std::sqrt(squares_);
    if (exposure <= lower_ + tolerance || exposure >= upper_ - tolerance) std::ranges::copy(a_, normals.add().begin());
  }

 private:
  double exposure_of(std::span<const double> v) const {
    double sum = 0;
    for (std::size_t i = 0; i < v.size(); ++i) sum += a_[i] * v[i];
    return sum;
  }

  std::vector<double> a_;
  double lower_, upper_;
  double squares_ = 0;
};

}  // namespace rlx::inline v0_1::risk

#endif  // RLX_RISK_PROJECTION_HPP
