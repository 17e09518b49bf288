// SPDX-License-Identifier: MIT
#include <rlx/nn/detail/simd.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "rlx_catch.hpp"

namespace {

namespace detail = rlx::nn::detail;

/// Value of a vector function at one float, taken from the last lane.
template <class F>
double at(F&& f, float x) {
  return static_cast<double>(f(detail::broadcast<float>(x))[detail::lanes<float> - 1]);
}
const auto exp_of = [](detail::Vec<float> x) { return detail::exp(x); };
const auto tanh_of = [](detail::Vec<float> x) { return detail::tanh(x); };
const auto root_of = [](detail::Vec<float> x) { return detail::square_root(x); };

}  // namespace

TEST_CASE("exp is within 2e-7 of the exact value from -87 to 88") {
  double worst = 0;
  for (int i = -870'000; i <= 880'000; i += 37) {
    const float x = static_cast<float>(i) * 1e-4F;
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(at(exp_of, x) - exact) / exact);
  }
  REQUIRE(worst <= 2e-7);
  REQUIRE(at(exp_of, 0.0F) == 1.0);
  REQUIRE(at(exp_of, -1e30F) == 0.0);
  REQUIRE(at(exp_of, -88.0F) == 0.0);
  REQUIRE(at(exp_of, 89.0F) > 1e38);
}

TEST_CASE("tanh is within 4e-7 of the exact value, odd, and saturates at 1") {
  double worst = 0;
  for (int i = 1; i <= 100'000; i += 7) {
    const float x = static_cast<float>(i) * 1e-4F;
    const double exact = std::tanh(static_cast<double>(x));
    worst = std::max(worst, std::abs(at(tanh_of, x) - exact) / exact);
    REQUIRE(at(tanh_of, -x) == -at(tanh_of, x));
  }
  REQUIRE(worst <= 4e-7);
  REQUIRE(at(tanh_of, 0.0F) == 0.0);
  REQUIRE(at(tanh_of, 1e-20F) == static_cast<double>(1e-20F));
  REQUIRE(at(tanh_of, 100.0F) == 1.0);
  REQUIRE(at(tanh_of, -1e30F) == -1.0);
}

TEST_CASE("the square root is within 1.3e-7 of the exact value over the whole range, 0 included") {
  double worst = 0;
  for (int exponent = -120; exponent <= 120; ++exponent) {
    for (int i = 0; i < 50; ++i) {
      const float x = std::ldexp(1.0F + static_cast<float>(i) / 50.0F, exponent);
      const double exact = std::sqrt(static_cast<double>(x));
      worst = std::max(worst, std::abs(at(root_of, x) - exact) / exact);
    }
  }
  REQUIRE(worst <= 1.3e-7);
  REQUIRE(at(root_of, 0.0F) == 0.0);
}

TEST_CASE("reductions and transposition see every lane once") {
  constexpr std::size_t n = detail::lanes<float>;
  float values[n];
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>(1 << (i % 20)) * (i == 1 ? 64.0F : 1.0F);
  float sum = 0;
  for (const float x : values) sum += x;
  REQUIRE(detail::sum_lanes<float>(detail::load(values)) == sum);
  REQUIRE(detail::max_lanes<float>(detail::load(values)) == *std::max_element(values, values + n));

  detail::Vec<float> square[n];
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) square[i][j] = static_cast<float>(i * n + j);
  }
  detail::transpose<float>(square);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) REQUIRE(square[i][j] == static_cast<float>(j * n + i));
  }
}

TEST_CASE("partial loads and stores touch only what exists") {
  constexpr std::size_t n = detail::lanes<double>;
  for (std::size_t count = 0; count <= n; ++count) {
    const std::vector<double> from(count, 3.0);
    const auto v = detail::load_partial<double>(from.data(), count, -1.0);
    for (std::size_t i = 0; i < n; ++i) REQUIRE(v[i] == (i < count ? 3.0 : -1.0));
    std::vector<double> to(n + 1, 5.0);
    detail::store_partial<double>(to.data(), v, count);
    for (std::size_t i = 0; i <= n; ++i) REQUIRE(to[i] == (i < count ? 3.0 : 5.0));
  }
}

TEST_CASE("rectify cuts negative numbers and keeps NaN of either sign") {
  const auto rectified = [](float x) { return detail::rectify<float>(detail::broadcast<float>(x))[0]; };
  REQUIRE(rectified(-2.0F) == 0.0F);
  REQUIRE(rectified(3.0F) == 3.0F);
  REQUIRE(std::bit_cast<std::uint32_t>(rectified(-0.0F)) == 0U);
  REQUIRE(rectified(-std::numeric_limits<float>::infinity()) == 0.0F);
  const float nan_value = std::numeric_limits<float>::quiet_NaN();
  REQUIRE((std::bit_cast<std::uint32_t>(rectified(nan_value)) & 0x7F800000U) == 0x7F800000U);
  REQUIRE((std::bit_cast<std::uint32_t>(rectified(-nan_value)) & 0x7F800000U) == 0x7F800000U);
}
