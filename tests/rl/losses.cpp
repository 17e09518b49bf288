// SPDX-License-Identifier: MIT
#include <rlx/rl/losses.hpp>

#include <cmath>
#include <vector>

#include <rlx/core/finite.hpp>

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
