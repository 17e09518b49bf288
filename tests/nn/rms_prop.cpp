// SPDX-License-Identifier: MIT
#include <rlx/nn/rms_prop.hpp>

#include <vector>

#include "rlx_catch.hpp"

using rlx_test::WithinAbs;

TEST_CASE("RMSprop reproduces the worked example") {
  std::vector<double> p{0.5};
  rlx::nn::BasicRmsProp<double> optimizer(1);
  const std::vector<double> first{0.4};
  optimizer.step(std::span(p), std::span<const double>(first), 7e-4);
  REQUIRE_THAT(p[0], WithinAbs(0.4930017496, 1e-9));
  const std::vector<double> second{-0.1};
  optimizer.step(std::span(p), std::span<const double>(second), 7e-4);
  REQUIRE_THAT(p[0], WithinAbs(0.4947071296, 1e-9));

  std::vector<float> f(17, 0.5F);
  rlx::nn::RmsProp single(17);
  const std::vector<float> g(17, 0.8F);
  single.step(std::span(f), std::span<const float>(g), 7e-4, 0.5);
  for (const float x : f) REQUIRE_THAT(static_cast<double>(x), WithinAbs(0.4930017496, 1e-6));
}

TEST_CASE("RMSprop refuses impossible settings and other lengths") {
  using rlx::nn::RmsProp;
  REQUIRE_THROWS_AS(RmsProp(1, {.alpha = 1.5}), rlx::ConfigError);
  REQUIRE_THROWS_AS(RmsProp(1, {.epsilon = 0}), rlx::ConfigError);
  std::vector<float> p(3);
  RmsProp optimizer(4);
  REQUIRE_THROWS_AS(optimizer.step(std::span(p), std::span<const float>(p), 0.1), rlx::ShapeError);
}
