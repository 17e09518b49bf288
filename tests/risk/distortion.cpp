// SPDX-License-Identifier: MIT
#include <rlx/risk/distortion.hpp>

#include "counting_allocator.hpp"
#include "reference_series.hpp"
#include "rlx_catch.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

using namespace rlx;
using namespace rlx::risk;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
const std::vector<double> atoms{-1, 0, 1, 2};

std::vector<Distortion> all_kinds() {
  return {Distortion::mean(),     Distortion::cvar(0.05),
          Distortion::cvar(1),    Distortion::wang(1.5),
          Distortion::wang(-0.7), Distortion::power(9),
          Distortion::power(-2),  Distortion::mixture(0.3, Distortion::mean(), Distortion::cvar(0.1))};
}

}  // namespace

TEST_CASE("the worked distortion of the specification", "[risk][distortion]") {
  std::vector<double> weights(4);
  Distortion::power(1).weights(4, weights);
  REQUIRE(weights == std::vector<double>{0.4375, 0.3125, 0.1875, 0.0625});
  REQUIRE_THAT(distorted_mean(atoms, Distortion::power(1)), WithinAbs(-0.125, 1e-15));
  REQUIRE_THAT(distorted_mean(std::vector<double>{2, -1, 1, 0}, Distortion::power(1)), WithinAbs(-0.125, 1e-15));
}

TEST_CASE("each kind has its formula", "[risk][distortion]") {
  REQUIRE(Distortion::mean()(0.3) == 0.3);
  REQUIRE_THAT(Distortion::cvar(0.4)(0.1), WithinRel(0.25, 1e-15));
  REQUIRE(Distortion::cvar(0.4)(0.7) == 1);
  // Phi(Phi^-1(0.05) + 1.6448536269514722) = Phi(0).
  REQUIRE_THAT(Distortion::wang(1.6448536269514722)(0.05), WithinAbs(0.5, 1e-14));
  REQUIRE_THAT(Distortion::power(1)(0.25), WithinRel(1 - 0.75 * 0.75, 1e-15));
  REQUIRE_THAT(Distortion::power(-1)(0.25), WithinRel(0.25 * 0.25, 1e-15));
  const Distortion mixed = Distortion::mixture(0.25, Distortion::mean(), Distortion::cvar(0.5));
  REQUIRE_THAT(mixed(0.4), WithinRel(0.75 * 0.4 + 0.25 * 0.8, 1e-15));
  // A mixture of mixtures: 0.5 u + 0.5 (0.75 u + 0.25 min(2 u, 1)).
  REQUIRE_THAT(Distortion::mixture(0.5, Distortion::mean(), mixed)(0.8), WithinRel(0.4 + 0.5 * (0.6 + 0.25), 1e-15));
}

TEST_CASE("a distortion rises from 0 to 1, and its weights sum to 1", "[risk][distortion]") {
  for (const Distortion& g : all_kinds()) {
    REQUIRE(g(0) == 0);
    REQUIRE_THAT(g(1), WithinAbs(1, 1e-15));
    double before = 0;
    for (double u = 0; u <= 1; u += 1.0 / 64) {
      REQUIRE(g(u) >= before);
      before = g(u);
    }
    std::vector<double> weights(7);
    g.weights(7, weights);
    REQUIRE_THAT(std::accumulate(weights.begin(), weights.end(), 0.0), WithinAbs(1, 1e-14));
  }
}

TEST_CASE("CVaR of atoms is the fractional rule of the tail", "[risk][distortion]") {
  const std::vector<double> x = rlx_test::reference_series(97);
  for (const double alpha : {0.01, 0.05, 0.33, 1.0}) {
    REQUIRE_THAT(distorted_mean(x, Distortion::cvar(alpha)), WithinRel(tail(x, {alpha}).tail_mean, 1e-12));
  }
}

TEST_CASE("Wang's measure of a normal outcome is mu less eta sigma", "[risk][distortion]") {
  constexpr std::size_t n = 100'000;
  std::vector<double> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = 3 + 2 * normal_quantile((static_cast<double>(i) + 0.5) / n);
  for (const double eta : {0.5, 1.5, -0.5}) {
    REQUIRE_THAT(distorted_mean(x, Distortion::wang(eta)), WithinAbs(3 - 2 * eta, 1e-3));
  }
}

TEST_CASE("which distortion is the mean", "[risk][distortion]") {
  REQUIRE(Distortion::mean().is_mean());
  REQUIRE(Distortion::cvar(1).is_mean());
  REQUIRE(Distortion::wang(0).is_mean());
  REQUIRE(Distortion::power(0).is_mean());
  REQUIRE(Distortion::mixture(0, Distortion::mean(), Distortion::cvar(0.1)).is_mean());
  REQUIRE_FALSE(Distortion::mixture(0.1, Distortion::mean(), Distortion::cvar(0.1)).is_mean());
  REQUIRE_FALSE(Distortion::cvar(0.5).is_mean());
  REQUIRE(Distortion::cvar(0.5) == Distortion::cvar(TailMass{0.5}));
}

TEST_CASE("the worked influence of the specification", "[risk][distortion]") {
  // theta (-2, 0, 1, 3), CVaR 0.5: u = (0, 4, 5, 5), A(-4) = -7.5, A(0.5) = 1, A(10) = 1.5.
  const std::vector<double> theta{-2, 0, 1, 3};
  const Influence influence(Distortion::cvar(0.5), 4);
  std::vector<double> u(4);
  influence.atom_utilities(std::span<const double>(theta), std::span<double>(u));
  REQUIRE(u == std::vector<double>{0, 4, 5, 5});
  for (const auto& [y, expected] : {std::pair{-4.0, -7.5}, std::pair{0.5, 1.0}, std::pair{10.0, 1.5}}) {
    const double advantage =
        influence.advantage(std::span<const double>(theta), std::span<const double>(&y, 1), std::span<double>(u));
    REQUIRE_THAT(advantage, WithinAbs(expected, 1e-14));
  }
  std::vector<double> out(3);
  Distortion::cvar(0.5).influence(theta, std::vector<double>{-4, 0.5, 10}, out);
  REQUIRE(out == std::vector<double>{-4, 4.5, 5});
}

TEST_CASE("the influence of the mean is the difference of means", "[risk][distortion]") {
  const std::vector<float> theta{-2, 0, 0, 1.5F, 7};
  const std::vector<float> targets{3, -9, 0, 20};
  std::vector<double> scratch(5);
  const Influence influence(Distortion::mean(), 5);
  for (const double slope : influence.slopes()) REQUIRE_THAT(slope, WithinAbs(1, 1e-14));
  const double advantage =
      influence.advantage(std::span<const float>(theta), std::span<const float>(targets), std::span<double>(scratch));
  REQUIRE_THAT(advantage, WithinAbs(3.5 - 1.3, 1e-13));
}

TEST_CASE("the influence is the derivative of the measure", "[risk][distortion]") {
  // rho of (1 - e) F + e delta_y by numeric integration over x; its difference for two y inside the atoms does not depend on
  // how F ends.
  const std::vector<double> theta{-2, 0, 1, 3};
  const auto F = [&](double x) {
    if (x <= -3) return 0.0;
    if (x >= 4) return 1.0;
    const double at[][2] = {{-3, 0}, {-2, 0.125}, {0, 0.375}, {1, 0.625}, {3, 0.875}, {4, 1}};
    for (std::size_t i = 1; i < 6; ++i) {
      if (x <= at[i][0]) {
        return at[i - 1][1] + (x - at[i - 1][0]) / (at[i][0] - at[i - 1][0]) * (at[i][1] - at[i - 1][1]);
      }
    }
    return 1.0;
  };
  const Distortion g = Distortion::power(2);
  const auto rho = [&](double e, double y) {  // x at the top less the integral of G(F)
    constexpr int n = 200'000;
    double integral = 0;
    for (int i = 0; i < n; ++i) {
      const double x = -3 + 7 * (i + 0.5) / n;
      integral += g((1 - e) * F(x) + (x >= y ? e : 0.0)) * 7 / n;
    }
    return 4 - integral;
  };
  const Influence influence(g, 4);
  std::vector<double> u(4);
  influence.atom_utilities(std::span<const double>(theta), std::span<double>(u));
  const double e = 1e-4;
  const auto utility = [&](double y) {
    return influence.utility(std::span<const double>(theta), std::span<const double>(u), y);
  };
  for (const auto& [a, b] : {std::pair{-2.0, 0.0}, std::pair{0.0, 1.0}, std::pair{1.0, 3.0}, std::pair{-2.0, 3.0}}) {
    REQUIRE_THAT((rho(e, b) - rho(e, a)) / e, WithinRel(utility(b) - utility(a), 2e-3));
  }
}

TEST_CASE("the influence of many states allocates nothing", "[risk][distortion]") {
  const Influence influence(Distortion::wang(0.7), 4);
  const std::vector<float> theta{-2, 0, 1, 3};
  std::vector<double> scratch(4);
  const rlx_test::AllocationCounter count;
  influence.advantage(std::span<const float>(theta), std::span<const float>(theta), std::span<double>(scratch));
  REQUIRE(count.count() == 0);
}

TEST_CASE("distortions that are none are refused", "[risk][distortion]") {
  REQUIRE_THROWS_WITH(Distortion::wang(not_a_number), ContainsSubstring("Distortion::wang: eta"));
  REQUIRE_THROWS_WITH(Distortion::power(not_a_number), ContainsSubstring("Distortion::power: eta"));
  REQUIRE_THROWS_AS(Distortion::cvar(0), ConfigError);
  REQUIRE_THROWS_AS(Distortion::cvar(1.5), ConfigError);
  REQUIRE_THROWS_AS(Distortion::mixture(1.1, Distortion::mean(), Distortion::mean()), ConfigError);
  REQUIRE_THROWS_AS(Distortion::mean()(1.5), ConfigError);
  REQUIRE_THROWS_AS(Distortion::mean()(not_a_number), ConfigError);
  std::vector<double> one(1);
  REQUIRE_THROWS_WITH(Distortion::mean().weights(1, one), ContainsSubstring("atoms must be at least 2, got 1"));
  REQUIRE_THROWS_AS(Distortion::mean().weights(4, one), ShapeError);
  REQUIRE_THROWS_AS(Influence(Distortion::mean(), 1), ConfigError);
  REQUIRE_THROWS_AS(Distortion::mean().influence(atoms, atoms, one), ShapeError);
  const Influence influence(Distortion::mean(), 4);
  std::vector<double> scratch(4);
  REQUIRE_THROWS_AS(
      influence.advantage(std::span<const double>(one), std::span<const double>(atoms), std::span<double>(scratch)),
      ShapeError);
  REQUIRE_THROWS_AS(influence.advantage(std::span<const double>(atoms), std::span<const double>(), std::span<double>(scratch)),
                    ShapeError);
  REQUIRE_THROWS_AS(distorted_mean({}, Distortion::mean()), ConfigError);
  REQUIRE_THROWS_AS(distorted_mean(std::vector<double>{not_a_number}, Distortion::mean()), NumericError);
}
