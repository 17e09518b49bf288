// SPDX-License-Identifier: MIT
// Projections on random vectors: feasible, idempotent, non-expansive, nearest by Karush-Kuhn-Tucker and against an exhaustive
// search of the faces in three dimensions, derivative against finite differences.
#include <rlx/risk/constraint_set.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/risk/tail.hpp>

#include "rlx_catch.hpp"

namespace {

using namespace rlx::risk;
using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
Vector minus(const Vector& a, const Vector& b) {
  Vector result(a);
  for (std::size_t i = 0; i < a.size(); ++i) result[i] -= b[i];
  return result;
}
double distance(const Vector& a, const Vector& b) {
  const Vector d = minus(a, b);
  return std::sqrt(dot(d, d));
}

// a'x <= b.
struct HalfSpace {
  Vector a;
  double b;
};

// The nearest point of {x : a'x <= b for all} in three dimensions: every face by up to three of the planes is tried.
Vector nearest_by_faces(const std::vector<HalfSpace>& spaces, const Vector& v) {
  Vector best;
  double best_distance = std::numeric_limits<double>::infinity();
  const auto consider = [&](const Vector& x) {
    for (const HalfSpace& space : spaces) {
      if (dot(space.a, x) > space.b + 1e-10) return;
    }
    if (const double d = distance(x, v); d < best_distance) best_distance = d, best = x;
  };
  // x = v - N' (N N')^-1 (N v - b), by Gauss elimination of the small system.
  const auto onto = [&](const std::vector<std::size_t>& face) -> std::optional<Vector> {
    const std::size_t m = face.size();
    std::vector<Vector> system(m, Vector(m + 1));
    for (std::size_t r = 0; r < m; ++r) {
      for (std::size_t c = 0; c < m; ++c) system[r][c] = dot(spaces[face[r]].a, spaces[face[c]].a);
      system[r][m] = dot(spaces[face[r]].a, v) - spaces[face[r]].b;
    }
    for (std::size_t k = 0; k < m; ++k) {
      std::size_t pivot = k;
      for (std::size_t r = k; r < m; ++r) pivot = std::fabs(system[r][k]) > std::fabs(system[pivot][k]) ? r : pivot;
      if (std::fabs(system[pivot][k]) < 1e-9) return std::nullopt;
      std::swap(system[k], system[pivot]);
      for (std::size_t r = 0; r < m; ++r) {
        if (r == k) continue;
        const double factor = system[r][k] / system[k][k];
        for (std::size_t c = k; c <= m; ++c) system[r][c] -= factor * system[k][c];
      }
    }
    Vector x = v;
    for (std::size_t k = 0; k < m; ++k) {
      const double multiplier = system[k][m] / system[k][k];
      for (std::size_t i = 0; i < x.size(); ++i) x[i] -= multiplier * spaces[face[k]].a[i];
    }
    return x;
  };
  consider(v);
  for (std::size_t i = 0; i < spaces.size(); ++i) {
    if (const auto x = onto({i})) consider(*x);
    for (std::size_t j = i + 1; j < spaces.size(); ++j) {
      if (const auto x = onto({i, j})) consider(*x);
      for (std::size_t k = j + 1; k < spaces.size(); ++k) {
        if (const auto x = onto({i, j, k})) consider(*x);
      }
    }
  }
  return best;
}

// A set and the same set as half-spaces of three dimensions.
struct Described {
  ConstraintSet set;
  std::vector<HalfSpace> spaces;
  std::string text;
};

void add_bounds(Described& d, const Vector& lower, const Vector& upper) {
  for (std::size_t i = 0; i < 3; ++i) {
    Vector unit(3, 0.0);
    unit[i] = 1;
    d.spaces.push_back({unit, upper[i]});
    unit[i] = -1;
    d.spaces.push_back({unit, -lower[i]});
  }
}
void add_gross(Described& d, const std::array<int, 3>& members, const Vector& centre, double radius) {
  for (int signs = 0; signs < 8; ++signs) {
    Vector a(3, 0.0);
    bool is_new = true;
    for (std::size_t i = 0; i < 3; ++i) {
      const bool negative = (signs >> i) % 2 == 1;
      if (members[i] == 0 && negative) is_new = false;
      if (members[i] != 0) a[i] = negative ? -1 : 1;
    }
    if (is_new) d.spaces.push_back({a, radius + dot(a, centre)});
  }
}

Described random_set(rlx::RandomStream& random) {
  Described d;
  const auto pick = [&](double chance) { return random.uniform() < chance; };
  const Vector zero(3, 0.0);
  if (pick(0.4)) {
    Vector caps{random.uniform(0.2, 1.0), random.uniform(0.2, 1.0), random.uniform(0.2, 1.0)};
    const double total = random.uniform(0.3, 0.95) * (caps[0] + caps[1] + caps[2]);
    d.set.add(CappedSimplex(caps, total), "simplex");
    add_bounds(d, zero, caps);
    d.spaces.push_back({Vector(3, 1.0), total});
    d.spaces.push_back({Vector(3, -1.0), -total});
  }
  if (pick(0.5)) {
    const double radius = random.uniform(0.5, 2.0);
    d.set.add(L1Ball(3, radius), "gross");
    add_gross(d, {1, 1, 1}, zero, radius);
  }
  if (pick(0.3)) {
    const Vector centre{random.uniform(-0.3, 0.3), random.uniform(-0.3, 0.3), random.uniform(-0.3, 0.3)};
    const double radius = random.uniform(0.5, 2.0);
    d.set.add(L1Ball(centre, radius), "turnover");
    add_gross(d, {1, 1, 1}, centre, radius);
  }
  if (pick(0.4)) {
    const double radius = random.uniform(0.3, 1.0);
    d.set.add(GroupGross(3, {0, 2}, radius), "sector gross");
    add_gross(d, {1, 0, 1}, zero, radius);
  }
  if (pick(0.5)) {
    const Vector a{random.normal(), random.normal(), random.normal()};
    const double width = random.uniform(0.05, 0.5);
    d.set.add(Slab(a, -width, width), "factor");
    d.spaces.push_back({a, width});
    d.spaces.push_back({minus(zero, a), width});
  }
  if (pick(0.4) || d.set.num_sets() == 0) {
    const Vector lower{random.uniform(-1, 0), random.uniform(-1, 0), random.uniform(-1, 0)};
    const Vector upper{random.uniform(0.1, 1), random.uniform(0.1, 1), random.uniform(0.1, 1)};
    d.set.add(Box(lower, upper), "box");
    add_bounds(d, lower, upper);
  }
  for (const SetViolation& each : d.set.violations(zero)) d.text += each.name + ' ';
  return d;
}

Vector random_vector(rlx::RandomStream& random, std::size_t n, double scale) {
  Vector v(n);
  for (double& element : v) element = scale * random.normal();
  return v;
}

}  // namespace

TEST_CASE("projection onto any intersection: the nearest point of an exhaustive search", "[properties][risk]") {
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  std::size_t feasible = 0, refused = 0;
  for (int round = 0; round < 400; ++round) {
    const Described d = random_set(random);
    const Vector v = random_vector(random, 3, 1.0);
    const Vector w = random_vector(random, 3, 1.0);
    INFO("round " << round << ": " << d.text);
    const Vector expected = nearest_by_faces(d.spaces, v);
    Vector x(3), y(3);
    if (expected.empty()) {
      if (refused < 20) REQUIRE_THROWS_AS(d.set.project(v, x), rlx::ConfigError);
      ++refused;
      continue;
    }
    ++feasible;
    const ProjectionReport report = d.set.project(v, x);
    REQUIRE(report.violation <= 1e-9);
    REQUIRE(report.kkt_residual <= 1e-8);
    REQUIRE(distance(x, expected) <= 1e-7);
    d.set.project(w, y);
    REQUIRE(distance(x, y) <= distance(v, w) + 1e-9);                       // non-expansive
    REQUIRE(dot(minus(v, x), minus(y, x)) <= 1e-8 * (1 + distance(v, x)));  // the angle to every feasible point is blunt
    Vector again(3);
    d.set.project(x, again);
    REQUIRE(distance(again, x) <= 1e-8);
  }
  REQUIRE(feasible > 300);
}

TEST_CASE("projection onto one set: feasible, idempotent, non-expansive, optimal", "[properties][risk]") {
  rlx::RandomStream random({.seed = 2, .purpose = rlx::Purpose::user});
  const auto check = [&](const auto& set, std::size_t n, double scale) {
    const Vector v = random_vector(random, n, scale), w = random_vector(random, n, scale);
    Vector x(n), y(n), again(n);
    set.project(v, x);
    set.project(w, y);
    set.project(x, again);
    const double size = 1 + scale * std::sqrt(static_cast<double>(n));
    REQUIRE(set.violation(x) <= 1e-12 * size * std::sqrt(static_cast<double>(n)));
    REQUIRE(distance(again, x) <= 1e-12 * size);
    REQUIRE(distance(x, y) <= distance(v, w) * (1 + 1e-12));
    REQUIRE(dot(minus(v, x), minus(y, x)) <= 1e-11 * size * size);
    REQUIRE(dot(minus(w, y), minus(x, y)) <= 1e-11 * size * size);
  };
  for (int round = 0; round < 300; ++round) {
    const std::size_t n = 1 + random.bounded(60);
    const double scale = std::pow(10.0, random.uniform(-3.0, 3.0));
    Vector caps(n), lower(n), upper(n);
    double room = 0;
    for (std::size_t i = 0; i < n; ++i) {
      room += caps[i] = random.uniform() < 0.1 ? 0.0 : random.uniform();
      lower[i] = random.uniform(-1.0, 0.5);
      upper[i] = lower[i] + random.uniform();
    }
    check(CappedSimplex(caps, room * random.uniform()), n, scale);
    check(CappedSimplex(n, 1.0, static_cast<double>(n) * random.uniform()), n, scale);
    check(L1Ball(random_vector(random, n, 0.3), random.uniform(0.0, 3.0)), n, scale);
    std::vector<std::size_t> group{0};
    if (n > 2) group = {n - 1, n / 2};
    check(GroupGross(n, group, random.uniform()), n, scale);
    check(Box(lower, upper), n, scale);
    check(Slab(random_vector(random, n, 1.0), -random.uniform(), random.uniform()), n, scale);
  }
}

TEST_CASE("derivative of the projection against finite differences", "[properties][risk]") {
  rlx::RandomStream random({.seed = 3, .purpose = rlx::Purpose::user});
  int compared = 0;
  for (int round = 0; round < 120; ++round) {
    const std::size_t n = 8;
    ConstraintSet set;
    set.add(CappedSimplex(n, 0.3), "weights");
    Vector previous(n, 1.0 / static_cast<double>(n));
    if (round % 2 == 0) set.add(L1Ball(previous, 0.6), "turnover");
    if (round % 3 == 0) set.add(Slab(random_vector(random, n, 1.0), -0.1, 0.4), "factor");
    if (round % 5 == 0) set.add(GroupGross(n, {1, 3, 5}, 0.4), "sector");
    const Vector v = random_vector(random, n, 0.2);
    Vector x(n);
    try {
      set.project(v, x);
    } catch (const rlx::ConfigError&) {
      continue;  // this factor cannot be met
    }
    Vector u = random_vector(random, n, 1.0), out(n), tangent(n);
    set.vjp(x, u, out);
    const Vector direction = random_vector(random, n, 1.0);
    set.vjp(x, direction, tangent);
    REQUIRE(std::fabs(dot(out, direction) - dot(u, tangent)) < 1e-10);  // symmetric

    constexpr double step = 1e-5;
    Vector up(n), down(n), middle(n);
    const auto moved = [&](double by, Vector& result) {
      Vector at = v;
      for (std::size_t i = 0; i < n; ++i) at[i] += by * direction[i];
      set.project(at, result);
    };
    moved(step, up);
    moved(-step, down);
    moved(0, middle);
    // A kink between the two points: one-sided slopes differ, and there is no derivative to compare with.
    double kink = 0, error = 0;
    for (std::size_t i = 0; i < n; ++i) {
      kink = std::max(kink, std::fabs(up[i] + down[i] - 2 * middle[i]) / step);
      error = std::max(error, std::fabs((up[i] - down[i]) / (2 * step) - tangent[i]));
    }
    if (kink > 1e-6) continue;
    INFO(round);
    REQUIRE(error < 1e-6);
    ++compared;
  }
  REQUIRE(compared > 80);
}

TEST_CASE("least CVaR of three assets by projected subgradient: as the grid finds it", "[properties][risk]") {
  rlx::RandomStream random({.seed = 4, .purpose = rlx::Purpose::user});
  constexpr std::size_t scenarios = 400;
  constexpr TailMass mass{0.1};
  std::vector<std::array<double, 3>> returns(scenarios);
  for (auto& row : returns) {
    const double market = random.normal();
    row = {0.0005 + 0.010 * market, 0.0003 + 0.004 * market + 0.008 * random.normal(),
           0.0004 - 0.002 * market + 0.015 * random.normal()};
  }
  Vector outcomes(scenarios), omega(scenarios);
  const auto cvar = [&](double a, double b, double c) {
    for (std::size_t s = 0; s < scenarios; ++s) outcomes[s] = a * returns[s][0] + b * returns[s][1] + c * returns[s][2];
    return tail(outcomes, mass).cvar;
  };
  constexpr double cap = 0.6;
  double on_grid = 1, at_a = 0, at_b = 0;
  const auto search = [&](double centre_a, double centre_b, double reach, int points) {
    for (int i = -points; i <= points; ++i) {
      for (int j = -points; j <= points; ++j) {
        const double a = centre_a + reach * i / points, b = centre_b + reach * j / points, c = 1 - a - b;
        if (std::min({a, b, c}) < 0 || std::max({a, b, c}) > cap) continue;
        if (const double value = cvar(a, b, c); value < on_grid) on_grid = value, at_a = a, at_b = b;
      }
    }
  };
  search(0.3, 0.3, 0.3, 30);
  for (double reach = 0.02; reach > 1e-4; reach /= 5) search(at_a, at_b, reach, 10);

  const CappedSimplex weights(3, cap);
  Vector w(3, 1.0 / 3);
  double best = 1;
  for (int step = 1; step <= 3000; ++step) {
    best = std::min(best, cvar(w[0], w[1], w[2]));
    tail_weights(outcomes, mass, omega);
    Vector slope(3, 0.0);  // of the CVaR: minus the mean of the tail
    for (std::size_t s = 0; s < scenarios; ++s) {
      for (std::size_t i = 0; i < 3; ++i) slope[i] -= omega[s] * returns[s][i];
    }
    for (std::size_t i = 0; i < 3; ++i) w[i] -= 5.0 / std::sqrt(step) * slope[i];
    weights.project(w, w);
  }
  REQUIRE(std::fabs(best - on_grid) < 1e-5);
  REQUIRE(cvar(1.0 / 3, 1.0 / 3, 1.0 / 3) > on_grid + 1e-4);  // the start is not the answer
}
