// SPDX-License-Identifier: MIT
#include <rlx/rl/losses.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>
#include <rlx/nn/gradient_check.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;
using rlx::ValueClip;

TEST_CASE("Clipped surrogate equals the worked examples", "[rl][losses][detail_C8]") {
  const auto high = rlx::clipped_surrogate(1.3, 2.0, 0.2);
  REQUIRE_THAT(high.objective, WithinAbs(2.4, 1e-12));
  REQUIRE(high.d_log_prob == 0.0);
  const auto low = rlx::clipped_surrogate(0.6, -1.5, 0.2);
  REQUIRE_THAT(low.objective, WithinAbs(-1.2, 1e-12));
  REQUIRE(low.d_log_prob == 0.0);
  // Outside the range on the side that makes things worse the gradient stays.
  const auto worse = rlx::clipped_surrogate(1.3, -2.0, 0.2);
  REQUIRE_THAT(worse.objective, WithinAbs(-2.6, 1e-12));
  REQUIRE_THAT(worse.d_log_prob, WithinAbs(-2.6, 1e-12));
  const auto inside = rlx::clipped_surrogate(1.1, 2.0, 0.2);
  REQUIRE_THAT(inside.d_log_prob, WithinAbs(2.2, 1e-12));
}

TEST_CASE("Value loss equals the worked examples", "[rl][losses][detail_C9]") {
  REQUIRE_THAT(rlx::value_loss(2.0, 1.0, 3.0).loss, WithinAbs(1.0, 1e-12));
  REQUIRE_THAT(rlx::value_loss(2.0, 1.0, 3.0).d_value, WithinAbs(-2.0, 1e-12));
  const auto sb3 = rlx::value_loss(2.0, 1.0, 3.0, 0.5, ValueClip::sb3);
  REQUIRE_THAT(sb3.loss, WithinAbs(2.25, 1e-12));
  REQUIRE(sb3.d_value == 0.0);
  const auto max = rlx::value_loss(2.0, 1.0, 3.0, 0.5, ValueClip::max);
  REQUIRE_THAT(max.loss, WithinAbs(1.125, 1e-12));
  REQUIRE(max.d_value == 0.0);
  const auto plain_side = rlx::value_loss(4.0, 1.0, 0.0, 0.5, ValueClip::max);
  REQUIRE_THAT(plain_side.loss, WithinAbs(8.0, 1e-12));
  REQUIRE_THAT(plain_side.d_value, WithinAbs(4.0, 1e-12));

  const std::vector<double> v{2.0, 2.0}, old{1.0, 1.9}, target{3.0, 3.0};
  std::vector<double> d(2);
  const double mean = rlx::value_loss<double>(v, old, target, 0.5, ValueClip::sb3, d);
  REQUIRE_THAT(mean, WithinAbs((2.25 + 1.0) / 2, 1e-12));
  REQUIRE(d[0] == 0.0);
  REQUIRE_THAT(d[1], WithinAbs(-1.0, 1e-12));
  d.pop_back();
  REQUIRE_THROWS_AS(rlx::value_loss<double>(v, old, target, 0.5, ValueClip::sb3, d), rlx::ShapeError);
}

TEST_CASE("Quantile Huber loss equals the worked examples", "[rl][losses]") {
  const std::vector<double> zeros(10, 0.0), ones(10, 1.0);
  std::vector<double> d(10);
  REQUIRE_THAT(rlx::quantile_huber<double>(zeros, ones, 1.0, rlx::Reduction::sum, d), WithinAbs(2.5, 1e-12));
  for (std::size_t i = 0; i < 10; ++i) REQUIRE_THAT(d[i], WithinAbs(-(static_cast<double>(i) + 0.5) / 10.0, 1e-12));
  REQUIRE_THAT(rlx::quantile_huber<double>(zeros, ones, 1.0, rlx::Reduction::mean, d), WithinAbs(0.25, 1e-12));

  const std::vector<double> two{0.0, 1.0}, target{2.0};
  std::vector<double> g(2);
  REQUIRE_THAT(rlx::quantile_huber<double>(two, target, 1.0, rlx::Reduction::mean, g), WithinAbs(0.375, 1e-12));
  REQUIRE_THAT(g[0], WithinAbs(-0.125, 1e-12));
  REQUIRE_THAT(g[1], WithinAbs(-0.375, 1e-12));
  // kappa 0 is the quantile loss itself: 0.25 * 2 + 0.75 * 1 below the target, (1 - tau) above it.
  REQUIRE_THAT(rlx::quantile_huber<double>(two, target, 0.0, rlx::Reduction::sum, g), WithinAbs(1.25, 1e-12));
  REQUIRE_THAT(g[1], WithinAbs(-0.75, 1e-12));
  const std::vector<double> below{-1.0};
  REQUIRE_THAT(rlx::quantile_huber<double>(two, below, 0.0, rlx::Reduction::sum, g), WithinAbs(0.75 * 1.0 + 0.25 * 2.0, 1e-12));
  REQUIRE_THAT(g[0], WithinAbs(0.75, 1e-12));

  const std::vector<float> floats{0.0F, 1.0F}, float_target{2.0F};
  std::vector<float> f(2);
  REQUIRE_THAT(rlx::quantile_huber<float>(floats, float_target, 1.0F, rlx::Reduction::mean, f), WithinAbs(0.375, 1e-6));
  REQUIRE(f[1] == -0.375F);

  REQUIRE_THROWS_AS(rlx::quantile_huber<double>({}, target, 1.0, rlx::Reduction::sum, {}), rlx::ShapeError);
  REQUIRE_THROWS_AS(rlx::quantile_huber<double>(two, {}, 1.0, rlx::Reduction::sum, g), rlx::ShapeError);
  REQUIRE_THROWS_AS(rlx::quantile_huber<double>(two, target, 1.0, rlx::Reduction::sum, d), rlx::ShapeError);
  REQUIRE_THROWS_AS(rlx::quantile_huber<double>(two, target, -1.0, rlx::Reduction::sum, g), rlx::ConfigError);
  REQUIRE_THROWS_AS(
      rlx::quantile_huber<double>(two, target, std::numeric_limits<double>::quiet_NaN(), rlx::Reduction::sum, g),
      rlx::ConfigError);
}

TEST_CASE("The gradient of the quantile Huber loss agrees with central differences", "[rl][losses]") {
  rlx::RandomStream random({5, rlx::Purpose::user});
  for (const double kappa : {0.0, 0.3, 1.0}) {
    for (const auto reduction : {rlx::Reduction::sum, rlx::Reduction::mean}) {
      std::vector<double> current(7), target(5);
      const auto near_a_kink = [&] {  // at u = 0 and |u| = kappa
        for (const double q : current)
          for (const double y : target)
            if (std::min(std::abs(y - q), std::abs(std::abs(y - q) - kappa)) < 1e-3) return true;
        return false;
      };
      do {
        for (double& q : current) q = random.normal();
        for (double& y : target) y = random.normal();
      } while (near_a_kink());
      std::vector<double> scratch(current.size());
      const double worst = rlx::nn::gradient_check(
          [&](std::span<const double> q, std::span<double> gradient) {
            return rlx::quantile_huber(q, target, kappa, reduction, gradient.empty() ? std::span(scratch) : gradient);
          },
          current);
      REQUIRE(worst <= 1e-7);
    }
  }
}

TEST_CASE("Advantages are normalised with n - 1, a single one stays", "[rl][losses][detail_C7]") {
  std::vector<double> a{1.0, 2.0, 3.0, 6.0};  // mean 3, variance (4 + 1 + 0 + 9) / 3
  rlx::normalize_advantages<double>(a);
  const double std = std::sqrt(14.0 / 3.0);
  REQUIRE_THAT(a[0], WithinAbs(-2.0 / (std + 1e-8), 1e-12));
  REQUIRE_THAT(a[3], WithinAbs(3.0 / (std + 1e-8), 1e-12));
  std::vector<float> one{5.0F};
  rlx::normalize_advantages<float>(one);
  REQUIRE(one[0] == 5.0F);
}

TEST_CASE("Divergence, clip fraction and explained variance", "[rl][losses][detail_C12]") {
  const std::vector<double> log_ratios{std::log(0.8), std::log(1.25)};
  REQUIRE_THAT(rlx::approx_kl_k1<double>(log_ratios), WithinAbs(0.0, 1e-15));
  REQUIRE_THAT(rlx::approx_kl<double>(log_ratios), WithinAbs(0.025, 1e-12));
  REQUIRE_THAT(rlx::clip_fraction<double>(log_ratios, 0.22), WithinAbs(0.5, 1e-15));
  REQUIRE(rlx::approx_kl<double>({}) == 0.0);

  const std::vector<double> returns{1.0, 2.0, 3.0, 4.0};
  REQUIRE_THAT(rlx::explained_variance<double>(returns, returns), WithinAbs(1.0, 1e-15));
  const std::vector<double> shifted{2.0, 3.0, 4.0, 5.0};
  REQUIRE_THAT(rlx::explained_variance<double>(shifted, returns), WithinAbs(1.0, 1e-15));
  const std::vector<double> zero(4, 0.0);
  REQUIRE_THAT(rlx::explained_variance<double>(zero, returns), WithinAbs(0.0, 1e-15));
  REQUIRE(!rlx::is_finite(rlx::explained_variance<double>(returns, zero)));
}
