// SPDX-License-Identifier: MIT
#include <rlx/risk/constraint_set.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "rlx_catch.hpp"

using namespace rlx::risk;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;

namespace {

void require_equal(const std::vector<double>& found, const std::vector<double>& expected, double tolerance) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO("element " << i);
    REQUIRE_THAT(found[i], WithinAbs(expected[i], tolerance));
  }
}

// A set of the user: the ball of radius 1, without normals.
struct Ball {
  std::size_t size() const { return 2; }
  void project(std::span<const double> v, std::span<double> x) const {
    const double length = std::max(1.0, std::hypot(v[0], v[1]));
    for (std::size_t i = 0; i < 2; ++i) x[i] = v[i] / length;
  }
  double violation(std::span<const double> v) const { return std::max(0.0, std::hypot(v[0], v[1]) - 1.0); }
};

}  // namespace

TEST_CASE("gross and net together: worked example", "[risk][projection]") {
  ConstraintSet set;
  set.add(L1Ball(3, 1.5), "gross").add(Slab::net(3, 0.5), "net");
  const std::vector<double> v{0.9, 0.6, -0.5};
  std::vector<double> x(3);
  const ProjectionReport report = set.project(v, x);
  require_equal(x, {0.65, 0.35, -0.5}, 1e-9);
  REQUIRE(report.converged);
  REQUIRE(report.violation <= 1e-9);
  REQUIRE(report.kkt_residual <= 1e-8);
  // The point that plain alternating projection ends at is feasible too, and farther away: v - x is not allowed to favour it.
  const std::vector<double> alternating{0.6222, 0.3222, -0.4444};
  double product = 0;
  for (std::size_t i = 0; i < 3; ++i) product += (v[i] - x[i]) * (alternating[i] - x[i]);
  REQUIRE(product < 0.0);
  REQUIRE(set.violation(alternating) < 1e-4);

  // In place.
  std::vector<double> same = v;
  set.project(same, same);
  REQUIRE(same == x);
}

TEST_CASE("one set is its own projection, and a point inside stays", "[risk][projection]") {
  ConstraintSet set;
  set.add(CappedSimplex(4, 0.4), "weights");
  std::vector<double> x{0.7, 0.4, 0.2, 0.1};
  const ProjectionReport report = set.project(x, x);
  require_equal(x, {0.4, 0.36666666666666667, 0.16666666666666667, 0.06666666666666667}, 1e-15);
  REQUIRE(report.cycles == 2);

  ConstraintSet wide;
  wide.add(Box(2, -1.0, 1.0), "box").add(Slab::net(2, 3.0), "net");
  std::vector<double> inside{0.25, -0.5};
  const ProjectionReport still = wide.project(inside, inside);
  REQUIRE(inside == std::vector<double>{0.25, -0.5});
  REQUIRE(still.violation == 0.0);
  REQUIRE(still.worst.empty());
}

TEST_CASE("an intersection without a point names the two sets and leaves the weights", "[risk][projection]") {
  ConstraintSet set;
  set.add(Box(2, 0.0, 10.0), "long only").add(Slab({1.0, 1.0}, 5.0, 6.0), "net of 5").add(L1Ball(2, 1.0), "gross of 1");
  const std::vector<double> v{1.0, 2.0};
  std::vector<double> previous{0.5, 0.25};
  try {
    set.project(v, previous);
    FAIL("expected a refusal");
  } catch (const rlx::ConfigError& error) {
    REQUIRE_THAT(error.what(), ContainsSubstring("infeasible"));
    REQUIRE_THAT(error.what(), ContainsSubstring("'net of 5' by"));
    REQUIRE_THAT(error.what(), ContainsSubstring("'long only'") || ContainsSubstring("'gross of 1'"));
  }
  REQUIRE(previous == std::vector<double>{0.5, 0.25});
  const std::vector<SetViolation> all = set.violations(v);
  REQUIRE(all.size() == 3);
  REQUIRE(all[0].violation == 0.0);
  REQUIRE_THAT(all[1].violation, WithinAbs(1.4142135623730951, 1e-12));  // 2 over the square root of 2
  REQUIRE(all[2].name == "gross of 1");
  REQUIRE_THAT(all[2].violation, WithinAbs(2.0, 1e-12));
}

TEST_CASE("derivative: by hand, and refused where a set has no normals", "[risk][projection]") {
  // At (0.4, 0.3667, 0.1667, 0.0667) asset 0 is at its cap, the others share: J = I - 11'/3 on them.
  ConstraintSet set;
  set.add(CappedSimplex(4, 0.4), "weights");
  std::vector<double> x{0.7, 0.4, 0.2, 0.1};
  set.project(x, x);
  std::vector<double> out(4);
  set.vjp(x, std::vector<double>{5.0, 3.0, 0.0, 0.0}, out);
  require_equal(out, {0.0, 2.0, -1.0, -1.0}, 1e-12);

  // The worked example: only the net binds strictly; the gross is tight as well, with the signs (1, 1, -1).
  ConstraintSet both;
  both.add(L1Ball(3, 1.5), "gross").add(Slab::net(3, 0.5), "net");
  std::vector<double> point{0.9, 0.6, -0.5};
  both.project(point, point);
  std::vector<double> upstream{1.0, 0.0, 4.0};
  both.vjp(point, upstream, upstream);
  require_equal(upstream, {0.5, -0.5, 0.0}, 1e-9);

  ConstraintSet own;
  own.add(Ball{}, "ball").add(Box(2, 0.0, 2.0), "box");
  std::vector<double> corner{3.0, -1.0};
  own.project(corner, corner);
  require_equal(corner, {1.0, 0.0}, 1e-9);
  REQUIRE_THROWS_WITH(own.vjp(corner, corner, corner), ContainsSubstring("'ball'"));
}

TEST_CASE("sets of sets, and misuse", "[risk][projection]") {
  ConstraintSet inner;
  inner.add(L1Ball(3, 1.5), "gross").add(Slab::net(3, 0.5), "net");
  ConstraintSet outer;
  outer.add(std::move(inner), "leverage").add(Box(3, -1.0, 0.5), "bounds");
  std::vector<double> x{0.9, 0.6, -0.5};
  const ProjectionReport report = outer.project(x, x);
  REQUIRE(outer.violation(x) <= 1e-9);
  REQUIRE(report.kkt_residual <= 1e-8);
  // By hand: x0 at 0.5; the net of 0.5 is met with (0.5, 0.5, -0.5) and the gross of 1.5 too.
  require_equal(x, {0.5, 0.5, -0.5}, 1e-8);

  ConstraintSet set;
  REQUIRE_THROWS_AS(set.project(x, x), rlx::ConfigError);
  REQUIRE_THROWS_AS(set.vjp(x, x, x), rlx::ConfigError);
  REQUIRE(set.violation(x) == 0.0);
  set.add(Box(3, 0.0, 1.0), "box");
  REQUIRE_THROWS_AS(set.add(Box(3, 0.0, 1.0), ""), rlx::ConfigError);
  REQUIRE_THROWS_WITH(set.add(Box(3, 0.0, 1.0), "box"), ContainsSubstring("taken"));
  REQUIRE_THROWS_AS(set.add(Box(2, 0.0, 1.0), "other"), rlx::ShapeError);
  std::vector<double> two(2);
  REQUIRE_THROWS_AS(set.project(two, two), rlx::ShapeError);
  REQUIRE_THROWS_AS(set.vjp(x, two, x), rlx::ShapeError);
  x[1] = std::numeric_limits<double>::quiet_NaN();
  REQUIRE_THROWS_AS(set.project(x, x), rlx::NumericError);
}
