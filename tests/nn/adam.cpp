// SPDX-License-Identifier: MIT
#include <rlx/nn/adam.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

using rlx_test::WithinAbs;
using rlx_test::WithinRel;

TEST_CASE("Adam reproduces the worked example") {
  std::vector<double> p{0.5};
  rlx::nn::BasicAdam<double> adam(1);
  const std::vector<double> first{0.4};
  adam.step(std::span(p), std::span<const double>(first), 0.01);
  REQUIRE_THAT(p[0], WithinAbs(0.4900002500, 1e-9));
  const std::vector<double> second{-0.1};
  adam.step(std::span(p), std::span<const double>(second), 0.01);
  REQUIRE_THAT(p[0], WithinAbs(0.4853057293, 1e-9));
  REQUIRE(adam.steps() == 2);

  std::vector<float> f{0.5F};
  rlx::nn::Adam single(1);
  const std::array<float, 1> g1{0.4F};
  const std::array<float, 1> g2{-0.1F};
  single.step(std::span(f), std::span<const float>(g1), 0.01);
  single.step(std::span(f), std::span<const float>(g2), 0.01);
  REQUIRE_THAT(static_cast<double>(f[0]), WithinAbs(0.4853057293, 1e-6));
}

TEST_CASE("Adam in float follows its formula in double over many sizes of gradient") {
  constexpr std::size_t n = 37;  // not a whole number of vectors
  std::vector<float> p(n, 1.0F);
  std::vector<double> exact(n, 1.0);
  std::vector<double> m(n, 0.0);
  std::vector<double> v(n, 0.0);
  rlx::nn::Adam adam(n, {.weight_decay = 0.1});
  for (int t = 1; t <= 20; ++t) {
    std::vector<float> g(n);
    for (std::size_t i = 0; i < n; ++i) {
      g[i] = static_cast<float>(std::pow(10.0, static_cast<double>(i % 19) - 12.0) * (t % 3 == 0 ? -1.0 : 1.0));
      const double scaled = static_cast<double>(g[i]) * 0.25;
      m[i] = 0.9 * m[i] + 0.1 * scaled;
      v[i] = 0.999 * v[i] + 0.001 * scaled * scaled;
      exact[i] -= 1e-3 * 0.1 * exact[i];
      exact[i] -= 1e-3 * (m[i] / (1 - std::pow(0.9, t))) / (std::sqrt(v[i] / (1 - std::pow(0.999, t))) + 1e-5);
    }
    adam.step(std::span(p), std::span<const float>(g), 1e-3, 0.25);
  }
  for (std::size_t i = 0; i < n; ++i) REQUIRE_THAT(static_cast<double>(p[i]), WithinAbs(exact[i], 2e-6));
}

TEST_CASE("Adam leaves padding at 0, allocates nothing, and resumes from its state to the bit") {
  rlx::nn::ParameterStore<float> store;
  store.add("a", {3});
  store.add("b", {5});
  for (float& x : store.tensor("a")) x = 1.0F;
  std::fill_n(store.gradient("b").begin(), 5, 0.5F);
  rlx::nn::Adam adam(store);
  const rlx_test::AllocationCounter counter;
  adam.step(store, 0.1);
  REQUIRE(counter.count() == 0);
  for (std::size_t i = 3; i < 16; ++i) REQUIRE(store.parameters()[i] == 0.0F);
  for (const float x : store.tensor("a")) REQUIRE(x == 1.0F);

  rlx::nn::ParameterStore<float> copy = store;
  rlx::nn::Adam resumed(copy);
  std::copy(adam.first_moment().begin(), adam.first_moment().end(), resumed.first_moment().begin());
  std::copy(adam.second_moment().begin(), adam.second_moment().end(), resumed.second_moment().begin());
  resumed.set_steps(adam.steps());
  adam.step(store, 0.1);
  resumed.step(copy, 0.1);
  REQUIRE(store.sha256() == copy.sha256());
}

TEST_CASE("Adam refuses impossible settings and other lengths") {
  using rlx::nn::Adam;
  REQUIRE_THROWS_AS(Adam(1, {.beta1 = 1.0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(Adam(1, {.beta2 = -0.1}), rlx::ConfigError);
  REQUIRE_THROWS_AS(Adam(1, {.epsilon = 0.0}), rlx::ConfigError);
  REQUIRE_THROWS_AS(Adam(1, {.weight_decay = std::numeric_limits<double>::quiet_NaN()}), rlx::ConfigError);
  std::vector<float> p(3);
  Adam adam(4);
  REQUIRE_THROWS_AS(adam.step(std::span(p), std::span<const float>(p), 0.1), rlx::ShapeError);
}
