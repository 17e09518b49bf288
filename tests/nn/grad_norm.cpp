// SPDX-License-Identifier: MIT
#include <rlx/nn/grad_norm.hpp>

#include <limits>
#include <vector>

#include <rlx/core/finite.hpp>

#include "rlx_catch.hpp"

using rlx_test::WithinAbs;
using rlx_test::WithinRel;

TEST_CASE("clipping reproduces the worked example") {
  std::vector<double> g{6, 8};
  REQUIRE(rlx::nn::grad_norm(std::span(g)) == 10.0);
  REQUIRE(rlx::nn::clip_grad_norm(std::span(g), 0.5) == 10.0);
  REQUIRE_THAT(g[0], WithinAbs(0.29999997, 1e-9));
  REQUIRE_THAT(g[1], WithinAbs(0.39999996, 1e-9));
}

TEST_CASE("gradients below the limit keep their bits") {
  std::vector<float> g{0.3F, -0.4F};
  REQUIRE_THAT(rlx::nn::clip_grad_norm(std::span(g), 0.6), WithinRel(0.5, 1e-7));
  REQUIRE(g == std::vector<float>{0.3F, -0.4F});
  REQUIRE(rlx::nn::clip_factor(0.0, 0.5) == 1.0);
}

TEST_CASE("the norm sums in double: a million small numbers beside a large one are not lost") {
  std::vector<float> g(1'000'003, 1e-4F);
  g[17] = 100.0F;
  REQUIRE_THAT(rlx::nn::grad_norm(std::span<const float>(g)), WithinRel(std::sqrt(10'000.0 + 1'000'002 * 1e-8), 1e-9));
}

TEST_CASE("a NaN in the gradients shows in the norm") {
  std::vector<float> g(40, 1.0F);
  g[39] = std::numeric_limits<float>::quiet_NaN();
  REQUIRE_FALSE(rlx::is_finite(rlx::nn::grad_norm(std::span(g))));
}
