// SPDX-License-Identifier: MIT
/// @file
/// @brief What makes CVaR a coherent measure, over random outcomes with and without ties; its other forms agree with it.
#include <rlx/risk/tail.hpp>

#include "rlx_catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/risk/distortion.hpp>
#include <rlx/risk/drawdown.hpp>

using namespace rlx;
using namespace rlx::risk;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

namespace {

constexpr double slack = 1e-12;

/// 1 to 40 outcomes: normal, or on a coarse grid with many ties.
std::vector<double> random_outcomes(RandomStream& random, std::size_t size = 0) {
  std::vector<double> x(size != 0 ? size : 1 + random.bounded(40));
  const bool has_ties = random.bounded(2) == 0;
  for (double& value : x) value = has_ties ? static_cast<double>(random.bounded(5)) - 2 : 3 * random.normal();
  return x;
}

TailMass random_mass(RandomStream& random, std::size_t n) {
  if (random.bounded(2) == 0) return {static_cast<double>(1 + random.bounded(n)) / static_cast<double>(n)};  // whole outcomes
  return {1 - random.uniform()};
}

template <class F>
void for_random_outcomes(std::uint32_t number, F&& f) {
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    RandomStream random({number, Purpose::user, i, 0});
    const std::vector<double> x = random_outcomes(random);
    const TailMass mass = random_mass(random, x.size());
    INFO("input " << i << ", " << x.size() << " outcomes, alpha " << mass.alpha);
    f(random, x, mass);
  }
}

double cvar(const std::vector<double>& x, TailMass mass) { return tail(x, mass).cvar; }

}  // namespace

TEST_CASE("CVaR is coherent and lies between VaR, EVaR and the greatest loss", "[risk][properties]") {
  for_random_outcomes(1, [](RandomStream& random, const std::vector<double>& x, TailMass mass) {
    const double base = cvar(x, mass);
    const double shift = 5 * random.normal(), scale = 3 * random.uniform();
    std::vector<double> moved = x, scaled = x, better = x;
    for (double& value : moved) value += shift;
    for (double& value : scaled) value *= scale;
    for (double& value : better) value += random.uniform();
    REQUIRE_THAT(cvar(moved, mass), WithinAbs(base - shift, slack * 100));
    REQUIRE_THAT(cvar(scaled, mass), WithinAbs(base * scale, slack * 100));
    REQUIRE(cvar(better, mass) <= base + slack);
    const std::vector<double> other = random_outcomes(random, x.size());
    std::vector<double> sum = x;
    for (std::size_t i = 0; i < x.size(); ++i) sum[i] += other[i];
    REQUIRE(cvar(sum, mass) <= base + cvar(other, mass) + slack * 100);
    REQUIRE(base >= tail(x, mass).var - slack);
    const double greatest_loss = -*std::min_element(x.begin(), x.end());
    REQUIRE(base <= greatest_loss + slack);
    REQUIRE(evar(x, mass) >= base - slack * 100);
    REQUIRE(evar(x, mass) <= greatest_loss);
  });
}

TEST_CASE("the tail mean is the maximum of the form of Rockafellar and Uryasev", "[risk][properties]") {
  for_random_outcomes(2, [](RandomStream&, const std::vector<double>& x, TailMass mass) {
    // The form is concave and piecewise linear with corners at the outcomes, so its maximum is at one of them.
    const auto form = [&](double z) {
      double short_of = 0;
      for (const double value : x) short_of += std::max(z - value, 0.0);
      return z - short_of / (mass.alpha * static_cast<double>(x.size()));
    };
    double greatest = form(x[0]);
    for (const double z : x) greatest = std::max(greatest, form(z));
    const TailResult result = tail(x, mass);
    REQUIRE_THAT(result.tail_mean, WithinAbs(greatest, 1e-6 * (1 + std::fabs(greatest)) * (mass.alpha < 1e-3 ? 1 : 1e-6)));
    REQUIRE_THAT(form(-result.var), WithinAbs(greatest, 1e-6 * (1 + std::fabs(greatest)) * (mass.alpha < 1e-3 ? 1 : 1e-6)));
  });
}

TEST_CASE("tail weights sum to 1, make the tail mean, and follow their outcomes in any order", "[risk][properties]") {
  for_random_outcomes(3, [](RandomStream& random, const std::vector<double>& x, TailMass mass) {
    std::vector<double> omega(x.size()), again(x.size()), shuffled(x.size());
    tail_weights(x, mass, omega);
    double sum = 0, mean = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      REQUIRE(omega[i] >= 0);
      sum += omega[i];
      mean += omega[i] * x[i];
    }
    REQUIRE_THAT(sum, WithinAbs(1, slack));
    REQUIRE_THAT(mean, WithinAbs(tail(x, mass).tail_mean, slack * 100));
    std::vector<std::uint32_t> order(x.size());
    permutation(random, order);
    for (std::size_t i = 0; i < x.size(); ++i) shuffled[i] = x[order[i]];
    tail_weights(shuffled, mass, again);
    for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(again[i] == omega[order[i]]);
  });
}

TEST_CASE("tail weights are the central differences of the tail mean away from ties", "[risk][properties]") {
  for (std::uint32_t i = 0; i < 200; ++i) {
    RandomStream random({4, Purpose::user, i, 0});
    std::vector<double> x(2 + random.bounded(30));
    for (std::size_t j = 0; j < x.size(); ++j) x[j] = static_cast<double>(j) + 0.5 * random.uniform();  // at least 0.5 apart
    const TailMass mass{1 - random.uniform()};
    std::vector<double> omega(x.size());
    tail_weights(x, mass, omega);
    constexpr double h = 1e-4;
    for (std::size_t j = 0; j < x.size(); ++j) {
      std::vector<double> up = x, down = x;
      up[j] += h;
      down[j] -= h;
      REQUIRE_THAT((tail(up, mass).tail_mean - tail(down, mass).tail_mean) / (2 * h), WithinAbs(omega[j], 1e-9));
    }
  }
}

TEST_CASE("equal probabilities give the unweighted tail, and a probability counts like copies", "[risk][properties]") {
  for_random_outcomes(5, [](RandomStream& random, const std::vector<double>& x, TailMass mass) {
    const TailResult plain = tail(x, mass);
    const TailResult weighted = tail_weighted(x, std::vector<double>(x.size(), 0.3), mass);
    REQUIRE(weighted.var == plain.var);
    REQUIRE_THAT(weighted.tail_mean, WithinAbs(plain.tail_mean, slack * 1'000));
    std::vector<double> copies, counts(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      counts[i] = static_cast<double>(random.bounded(4) + (i == 0 ? 1 : 0));
      copies.insert(copies.end(), static_cast<std::size_t>(counts[i]), x[i]);
    }
    REQUIRE_THAT(tail_weighted(x, counts, mass).tail_mean, WithinAbs(cvar(copies, mass) * -1, slack * 1'000));
  });
}

TEST_CASE("every averse distortion lies between the worst outcome and the mean", "[risk][properties]") {
  for_random_outcomes(6, [](RandomStream& random, const std::vector<double>& x, TailMass mass) {
    double mean = 0;
    for (const double value : x) mean += value / static_cast<double>(x.size());
    const double worst = *std::min_element(x.begin(), x.end());
    for (const Distortion& g :
         {Distortion::cvar(mass), Distortion::wang(2 * random.uniform()), Distortion::power(9 * random.uniform()),
          Distortion::mixture(random.uniform(), Distortion::mean(), Distortion::cvar(mass))}) {
      REQUIRE(distorted_mean(x, g) <= mean + slack * 100);
      REQUIRE(distorted_mean(x, g) >= worst - slack * 100);
    }
  });
}

TEST_CASE("CVaR minimised over scenarios of three assets agrees with a grid", "[risk][properties]") {
  // The gradient of the tail mean of the portfolios' outcomes is the scenarios' mean under the tail weights.
  constexpr std::size_t scenarios = 60;
  const TailMass mass{0.2};
  std::vector<std::array<double, 3>> returns(scenarios);
  RandomStream random({7, Purpose::user, 0, 0});
  for (auto& row : returns) {
    const double market = random.normal();
    row = {0.02 + 0.8 * market + 0.5 * random.normal(), 0.01 - 0.3 * market + 0.6 * random.normal(), 0.9 * random.normal()};
  }
  std::vector<double> outcomes(scenarios), omega(scenarios), scratch;
  const auto outcomes_of = [&](const std::array<double, 3>& w) {
    for (std::size_t s = 0; s < scenarios; ++s) {
      outcomes[s] = w[0] * returns[s][0] + w[1] * returns[s][1] + w[2] * returns[s][2];
    }
  };
  const auto value = [&](const std::array<double, 3>& w) {
    outcomes_of(w);
    return tail(outcomes, mass, TailConvention::rockafellar_uryasev, scratch).cvar;
  };
  const auto project = [](std::array<double, 3>& w) {  // on the simplex: shift by tau, found by bisection
    double low = -10, high = 10;
    const std::array<double, 3> v = w;
    for (int i = 0; i < 60; ++i) {
      const double tau = 0.5 * (low + high);
      double sum = 0;
      for (const double value_i : v) sum += std::max(value_i - tau, 0.0);
      (sum > 1 ? low : high) = tau;
    }
    for (std::size_t i = 0; i < 3; ++i) w[i] = std::max(v[i] - high, 0.0);
  };
  std::array<double, 3> w{1.0 / 3, 1.0 / 3, 1.0 / 3};
  double descended = value(w);
  for (int step = 1; step <= 40'000; ++step) {
    outcomes_of(w);
    tail_weights(outcomes, mass, omega);
    for (std::size_t i = 0; i < 3; ++i) {
      double gradient = 0;
      for (std::size_t s = 0; s < scenarios; ++s) gradient -= omega[s] * returns[s][i];
      w[i] -= 0.02 / std::sqrt(static_cast<double>(step)) * gradient;
    }
    project(w);
    descended = std::min(descended, value(w));
  }
  // A grid of 0.01, refined twice around its best point.
  std::array<double, 3> best{1, 0, 0};
  double on_grid = value(best), width = 1, step = 0.01;
  std::array<double, 3> centre{0.5, 0.5, 0};
  for (int level = 0; level < 3; ++level) {
    for (double a = std::max(0.0, centre[0] - width); a <= std::min(1.0, centre[0] + width); a += step) {
      for (double b = std::max(0.0, centre[1] - width); b <= std::min(1.0 - a, centre[1] + width); b += step) {
        const double found = value({a, b, 1 - a - b});
        if (found < on_grid) {
          on_grid = found;
          best = {a, b, 1 - a - b};
        }
      }
    }
    centre = best;
    width = 2 * step;
    step /= 20;
  }
  REQUIRE_THAT(descended, WithinAbs(on_grid, 1e-5));
}

TEST_CASE("a rising path has no drawdown and a scaled path the same one", "[risk][properties]") {
  for (std::uint32_t i = 0; i < 200; ++i) {
    RandomStream random({8, Purpose::user, i, 0});
    std::vector<double> rising{100}, path{100}, scaled{100 * 64.0};  // a power of two changes no bit of a ratio
    for (std::size_t t = 0; t < 100; ++t) {
      rising.push_back(rising.back() * (1 + random.uniform()));
      path.push_back(path.back() * std::exp(0.1 * random.normal()));
      scaled.push_back(64 * path.back());
    }
    const DrawdownSummary none = drawdown(rising, DrawdownKind::compounded);
    REQUIRE(none.maximum == 0);
    REQUIRE(none.longest == 0);
    REQUIRE(none.ulcer == 0);
    REQUIRE(none.conditional_drawdown_at_risk == 0);
    const DrawdownSummary a = drawdown(path, DrawdownKind::compounded), b = drawdown(scaled, DrawdownKind::compounded);
    REQUIRE(a.maximum == b.maximum);
    REQUIRE(a.longest == b.longest);
    REQUIRE(a.ulcer == b.ulcer);
    REQUIRE(a.max_velocity == b.max_velocity);
    REQUIRE(a.conditional_drawdown_at_risk == b.conditional_drawdown_at_risk);
    REQUIRE(a.drawdown_at_risk <= a.conditional_drawdown_at_risk);
    REQUIRE(a.conditional_drawdown_at_risk <= a.maximum + slack);
    REQUIRE(a.average <= a.ulcer + slack);
  }
}
