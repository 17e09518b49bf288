// SPDX-License-Identifier: MIT
#include <rlx/risk/projection.hpp>

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

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

// The least that a Projection has.
struct Archetype {
  std::size_t size() const;
  void project(std::span<const double>, std::span<double>) const;
  float violation(std::span<const double>) const;
};
static_assert(Projection<Archetype>);
static_assert(!DifferentiableProjection<Archetype>);
struct WithNormals : Archetype {
  void active_normals(std::span<const double>, double, ActiveNormals&) const;
};
static_assert(DifferentiableProjection<WithNormals>);

struct SizeIsInt : Archetype {
  int size() const;
};
struct ProjectIsNotConst : Archetype {
  void project(std::span<const double>, std::span<double>);
};
struct ProjectReturnsCopy : Archetype {
  std::vector<double> project(std::span<const double>) const;
};
struct ViolationIsText : Archetype {
  std::string violation(std::span<const double>) const;
};
static_assert(!Projection<SizeIsInt> && !Projection<ProjectIsNotConst> && !Projection<ProjectReturnsCopy> &&
              !Projection<ViolationIsText>);
static_assert(DifferentiableProjection<CappedSimplex> && DifferentiableProjection<L1Ball> &&
              DifferentiableProjection<GroupGross> && DifferentiableProjection<Box> && DifferentiableProjection<Slab>);

template <Projection P>
std::vector<double> project(const P& set, std::vector<double> v) {
  set.project(v, v);  // in place
  return v;
}

void require_equal(const std::vector<double>& found, const std::vector<double>& expected, double tolerance = 1e-12) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO("element " << i);
    REQUIRE_THAT(found[i], WithinAbs(expected[i], tolerance));
  }
}

}  // namespace

TEST_CASE("capped simplex: worked example and caps of every kind", "[risk][projection]") {
  const CappedSimplex simplex(4, 0.4);
  require_equal(project(simplex, {0.7, 0.4, 0.2, 0.1}), {0.4, 0.36666666666666667, 0.16666666666666667, 0.06666666666666667});
  // Without a cap that binds: tau = (0.9 + 0.5 - 1)/2.
  require_equal(project(CappedSimplex(3, 1.0), {0.9, 0.5, -0.1}), {0.7, 0.3, 0.0});
  // By hand: asset 0 stops at 0.2, 0.8 is shared by (0.5 - tau) + (0.4 - tau).
  require_equal(project(CappedSimplex({0.2, 1.0, 1.0}, 1.0), {5.0, 0.5, 0.4}), {0.2, 0.45, 0.35});
  // Exactly enough room, no mass, a cap of 0, ties.
  require_equal(project(CappedSimplex(4, 0.25), {9.0, -9.0, 0.0, 1.0}), {0.25, 0.25, 0.25, 0.25});
  require_equal(project(CappedSimplex(2, 1.0, 0.0), {3.0, 4.0}), {0.0, 0.0});
  require_equal(project(CappedSimplex({0.0, 1.0, 1.0}, 1.0), {9.0, 1.0, 1.0}), {0.0, 0.5, 0.5});
  require_equal(project(CappedSimplex(3, 0.5), {1.0, 1.0, 1.0}), {1.0 / 3, 1.0 / 3, 1.0 / 3});
  // Ten times 0.1 is not 1 in binary, and feasible all the same.
  require_equal(project(CappedSimplex(10, 0.1), std::vector<double>(10, 1.0)), std::vector<double>(10, 0.1));
  // Numbers far from each other keep the sum.
  const std::vector<double> far = project(CappedSimplex(3, 0.5), {1e9, -1e9, 1e9 + 1e-6});
  REQUIRE_THAT(simplex.violation(std::vector<double>{0.4, 0.4, 0.2, 0.0}), WithinAbs(0.0, 1e-15));
  REQUIRE_THAT(far[0] + far[1] + far[2], WithinAbs(1.0, 1e-9));
}

TEST_CASE("L1 ball: soft threshold around a centre", "[risk][projection]") {
  // By hand: |v| = (3, 1, 0.5), radius 2: tau = 1 leaves one asset.
  require_equal(project(L1Ball(3, 2.0), {3.0, -1.0, 0.5}), {2.0, 0.0, 0.0});
  // tau = (3 + 2 - 2)/2.
  require_equal(project(L1Ball(2, 2.0), {3.0, -2.0}), {1.5, -0.5});
  require_equal(project(L1Ball(2, 2.0), {1.0, -0.5}), {1.0, -0.5});
  require_equal(project(L1Ball(2, 0.0), {1.0, -0.5}), {0.0, 0.0});
  // Turnover of at most 0.2 from (0.5, 0.5): both may move by 0.1.
  require_equal(project(L1Ball(std::vector<double>{0.5, 0.5}, 0.2), {1.0, 0.0}), {0.6, 0.4});
  REQUIRE_THAT(L1Ball(std::vector<double>{0.5, 0.5}, 0.2).violation(std::vector<double>{1.0, 0.0}), WithinAbs(0.8, 1e-15));
}

TEST_CASE("gross of a group leaves the others alone", "[risk][projection]") {
  const GroupGross set(4, {3, 1}, 2.0);
  require_equal(project(set, {7.0, 3.0, -7.0, -2.0}), {7.0, 1.5, -7.0, -0.5});
  REQUIRE_THAT(set.violation(std::vector<double>{7.0, 3.0, -7.0, -2.0}), WithinAbs(3.0, 1e-15));
  require_equal(project(set, {7.0, 1.0, -7.0, -1.0}), {7.0, 1.0, -7.0, -1.0});
}

TEST_CASE("box and liquidity", "[risk][projection]") {
  require_equal(project(Box(3, -1.0, 1.0), {2.0, -3.0, 0.5}), {1.0, -1.0, 0.5});
  const std::vector<double> previous{0.1, 0.2}, limit{0.05, 0.0};
  require_equal(project(Box::around(previous, limit), {1.0, 1.0}), {0.15, 0.2});
  require_equal(project(Box({-infinity, 0.0}, {0.0, infinity}), {-9.0, 9.0}), {-9.0, 9.0});
  REQUIRE(Box(2, -1.0, 1.0).violation(std::vector<double>{0.0, -3.0}) == 2.0);
}

TEST_CASE("slab: net, sector and factor", "[risk][projection]") {
  // Net of 3 down to 1: each gives 2/2.
  require_equal(project(Slab::net(2, 1.0), {2.0, 1.0}), {1.0, 0.0});
  // a = (3, 4): a'v = 11, upper 6, the step is 5/25.
  const Slab factor({3.0, 4.0}, -1.0, 6.0);
  require_equal(project(factor, {1.0, 2.0}), {0.4, 1.2});
  REQUIRE_THAT(factor.violation(std::vector<double>{1.0, 2.0}), WithinAbs(1.0, 1e-15));  // 5 over the length of a
  const std::vector<std::size_t> sector{0, 2};
  require_equal(project(Slab::group(3, sector, 0.0, 1.0), {2.0, 5.0, 1.0}), {1.0, 5.0, 0.0});
  require_equal(project(Slab({1.0}, -infinity, 0.0), {-7.0}), {-7.0});
}

TEST_CASE("sets that cannot be are refused with their numbers", "[risk][projection]") {
  REQUIRE_THROWS_WITH(CappedSimplex(2, 0.4),
                      ContainsSubstring("infeasible") && ContainsSubstring("0.8") && ContainsSubstring("violation 0.2"));
  REQUIRE_THROWS_AS(CappedSimplex(2, 0.4), rlx::ConfigError);
  REQUIRE_THROWS_AS(CappedSimplex(0, 0.4), rlx::ConfigError);
  REQUIRE_THROWS_WITH(CappedSimplex({1.0, -0.5}, 1.0), ContainsSubstring("caps[1]"));
  REQUIRE_THROWS_WITH(CappedSimplex({1.0, nan_value}, 1.0), ContainsSubstring("caps[1]"));
  REQUIRE_THROWS_WITH(CappedSimplex(2, 1.0, -1.0), ContainsSubstring("total"));
  REQUIRE_THROWS_WITH(L1Ball(2, -1.0), ContainsSubstring("radius"));
  REQUIRE_THROWS_WITH(L1Ball(2, nan_value), ContainsSubstring("radius"));
  REQUIRE_THROWS_AS(L1Ball(0, 1.0), rlx::ConfigError);
  REQUIRE_THROWS_AS(L1Ball(std::vector<double>{nan_value}, 1.0), rlx::NumericError);
  REQUIRE_THROWS_AS(GroupGross(3, {}, 1.0), rlx::ConfigError);
  REQUIRE_THROWS_AS(GroupGross(3, {3}, 1.0), rlx::ConfigError);
  REQUIRE_THROWS_AS(GroupGross(3, {1, 1}, 1.0), rlx::ConfigError);
  REQUIRE_THROWS_AS(GroupGross(3, {1}, infinity), rlx::ConfigError);
  REQUIRE_THROWS_WITH(Box({0.0, 2.0}, {1.0, 1.0}), ContainsSubstring("infeasible") && ContainsSubstring("element 1"));
  REQUIRE_THROWS_AS(Box({nan_value}, {1.0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(Box({infinity}, {infinity}), rlx::ConfigError);
  REQUIRE_THROWS_AS(Box({0.0}, {1.0, 2.0}), rlx::ConfigError);
  const std::vector<double> two{0.0, 0.0}, one{0.1}, negative{0.1, -0.1};
  REQUIRE_THROWS_AS(Box::around(two, one), rlx::ConfigError);
  REQUIRE_THROWS_AS(Box::around(two, negative), rlx::ConfigError);
  REQUIRE_THROWS_AS(Slab({0.0, 0.0}, 0.0, 1.0), rlx::ConfigError);
  REQUIRE_THROWS_AS(Slab({1.0, nan_value}, 0.0, 1.0), rlx::NumericError);
  REQUIRE_THROWS_WITH(Slab({1.0}, 2.0, 1.0), ContainsSubstring("infeasible"));
  REQUIRE_THROWS_AS(Slab({1.0}, nan_value, 1.0), rlx::ConfigError);
  const std::vector<std::size_t> outside{5};
  REQUIRE_THROWS_AS(Slab::group(3, outside, 0.0, 1.0), rlx::ConfigError);
}

TEST_CASE("a vector that is not finite or of another size is refused, and never counts as inside", "[risk][projection]") {
  const auto check = [](const auto& set) {
    const std::vector<double> bad{0.1, nan_value, 0.2}, good{0.1, 0.2, 0.3};
    std::vector<double> x{7.0, 7.0, 7.0}, shorter{7.0, 7.0};
    REQUIRE_THROWS_WITH(set.project(bad, x), ContainsSubstring("v[1]"));
    REQUIRE_THROWS_AS(set.project(bad, x), rlx::NumericError);
    REQUIRE_THROWS_AS(set.project(good, shorter), rlx::ShapeError);
    REQUIRE_THROWS_AS(set.project(shorter, shorter), rlx::ShapeError);
    REQUIRE_THROWS_AS(set.violation(shorter), rlx::ShapeError);
    REQUIRE(set.violation(bad) == infinity);
    REQUIRE(x == std::vector<double>{7.0, 7.0, 7.0});
  };
  check(CappedSimplex(3, 0.5));
  check(L1Ball(3, 1.0));
  check(GroupGross(3, {0, 1}, 1.0));
  check(Box(3, 0.0, 1.0));
  check(Slab::net(3, 1.0));
}

TEST_CASE("normals are taken away whatever their rank", "[risk][projection]") {
  ActiveNormals normals(4);
  normals.add_unit(3);
  std::span<double> row = normals.add();
  row[0] = 1, row[1] = 1;
  row = normals.add();  // the same direction, with a part on the fixed coordinate
  row[0] = 2, row[1] = 2, row[3] = 5;
  row = normals.add();  // 1e-13 away from it
  row[0] = 1, row[1] = 1 + 1e-13;
  const std::vector<double> u{3.0, 1.0, 7.0, 9.0};
  std::vector<double> out(4);
  normals.project_out(u, out);
  require_equal(out, {1.0, -1.0, 7.0, 0.0});

  ActiveNormals full(2);
  for (const double angle : {0.0, 1.0}) {
    row = full.add();
    row[0] = 1, row[1] = angle;
  }
  row = full.add();
  row[0] = 3, row[1] = -1;
  std::vector<double> v{1.0, 2.0};
  full.project_out(v, v);
  require_equal(v, {0.0, 0.0});
}
