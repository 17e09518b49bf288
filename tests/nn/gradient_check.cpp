// SPDX-License-Identifier: MIT
#include <rlx/nn/gradient_check.hpp>

#include <vector>

#include "rlx_catch.hpp"

namespace {

/// x0^3 + 2 x1, with the gradient off by a factor where asked.
auto cubic(double factor) {
  return [factor](std::span<const double> x, std::span<double> gradient) {
    if (!gradient.empty()) {
      gradient[0] = 3 * x[0] * x[0] * factor;
      gradient[1] = 2;
    }
    return x[0] * x[0] * x[0] + 2 * x[1];
  };
}

}  // namespace

TEST_CASE("a right gradient passes, a wrong one shows its relative error, the point is restored") {
  std::vector<double> x{0.7, -3.0};
  REQUIRE(rlx::nn::gradient_check(cubic(1.0), std::span(x)) <= 1e-9);
  REQUIRE_THAT(rlx::nn::gradient_check(cubic(1.01), std::span(x)), rlx_test::WithinAbs(0.01 / 1.01, 1e-6));
  REQUIRE(x == std::vector<double>{0.7, -3.0});
}

TEST_CASE("a gradient that is not finite never passes") {
  std::vector<double> x{0.7, -3.0};
  REQUIRE(rlx::nn::gradient_check(cubic(std::numeric_limits<double>::quiet_NaN()), std::span(x)) ==
          std::numeric_limits<double>::infinity());
}

TEST_CASE("max_checks spaces the checked parameters evenly") {
  std::vector<double> x(10, 1.0);
  std::vector<int> moved(10, 0);
  const auto f = [&](std::span<const double> p, std::span<double>) {
    for (std::size_t i = 0; i < 10; ++i) moved[i] += p[i] != 1.0 ? 1 : 0;
    return 0.0;
  };
  REQUIRE(rlx::nn::gradient_check(f, std::span(x), {.max_checks = 2}) == 0.0);
  REQUIRE(moved == std::vector<int>{2, 0, 0, 0, 0, 2, 0, 0, 0, 0});
}
