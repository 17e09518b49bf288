// SPDX-License-Identifier: MIT
#include <rlx/rl/detail/optimizer.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;
using rlx::detail::Optimizer;

namespace {

constexpr std::size_t size = 1000;

Optimizer make(bool adam) {
  if (adam) return Optimizer(rlx::nn::Adam(size, {.epsilon = 1e-5, .weight_decay = 0.01}));
  return Optimizer(rlx::nn::RmsProp(size, {.alpha = 0.99, .epsilon = 1e-5}));
}

std::vector<float> normals(std::uint64_t seed) {
  rlx::RandomStream random({seed, rlx::Purpose::user});
  std::vector<float> numbers(size);
  for (float& x : numbers) x = static_cast<float>(random.normal());
  return numbers;
}

}  // namespace

TEST_CASE("Steps by ranges, in any order, are whole steps to the bit", "[rl][optimizer]") {
  for (const bool adam : {true, false}) {
    Optimizer whole = make(adam), ranges = make(adam);
    std::vector<float> a = normals(1), b = a;
    for (std::uint64_t step = 2; step < 7; ++step) {
      const std::vector<float> gradient = normals(step);
      whole.begin_step(3e-3, 0.7);
      whole.apply(a, gradient, 0, size);
      ranges.begin_step(3e-3, 0.7);
      // Cut at places that are no multiple of a vector's width.
      ranges.apply(b, gradient, 333, 331);
      ranges.apply(b, gradient, 664, 336);
      ranges.apply(b, gradient, 0, 1);
      ranges.apply(b, gradient, 1, 332);
      CAPTURE(adam, step);
      REQUIRE(a == b);
    }
  }
}

TEST_CASE("Adam and RMSprop step as worked out by hand", "[rl][optimizer][detail_C3]") {
  // theta 0.5, first g = 0.4, then g = -0.1.
  const auto steps = [](Optimizer optimizer, double rate) {
    std::vector<float> p{0.5F};
    std::vector<double> seen;
    for (const float g : {0.4F, -0.1F}) {
      const std::vector<float> gradient{g};
      optimizer.begin_step(rate, 1.0);
      optimizer.apply(p, gradient, 0, 1);
      seen.push_back(static_cast<double>(p[0]));
    }
    return seen;
  };
  const auto adam = steps(Optimizer(rlx::nn::Adam(1, {.epsilon = 1e-5})), 0.01);
  REQUIRE_THAT(adam[0], WithinAbs(0.4900002500, 1e-6));
  REQUIRE_THAT(adam[1], WithinAbs(0.4853057293, 1e-6));
  const auto rms_prop = steps(Optimizer(rlx::nn::RmsProp(1, {.alpha = 0.99, .epsilon = 1e-5})), 7e-4);
  REQUIRE_THAT(rms_prop[0], WithinAbs(0.4930017496, 1e-6));
  REQUIRE_THAT(rms_prop[1], WithinAbs(0.4947071296, 1e-6));
}

TEST_CASE("The factor of the gradient is that of the clipped gradient", "[rl][optimizer][detail_C11]") {
  for (const bool adam : {true, false}) {
    Optimizer scaled = make(adam), direct = make(adam);
    std::vector<float> a = normals(1), b = a;
    const std::vector<float> gradient = normals(2);
    std::vector<float> smaller = gradient;
    for (float& g : smaller) g *= 0.25F;
    scaled.begin_step(1e-3, 0.25);
    scaled.apply(a, gradient, 0, size);
    direct.begin_step(1e-3, 1.0);
    direct.apply(b, smaller, 0, size);
    REQUIRE(a == b);
  }
}

TEST_CASE("A saved and restored optimiser goes on to the bit", "[rl][optimizer]") {
  for (const bool adam : {true, false}) {
    CAPTURE(adam);
    Optimizer first = make(adam);
    std::vector<float> a = normals(1);
    for (std::uint64_t step = 2; step < 5; ++step) {
      first.begin_step(1e-3, 1.0);
      first.apply(a, normals(step), 0, size);
    }
    REQUIRE(first.steps() == (adam ? 3 : 0));
    std::vector<rlx::io::TensorView> tensors;
    first.append_state(tensors);
    REQUIRE(tensors.size() == (adam ? 2 : 1));
    REQUIRE(tensors.back().name == "optimizer/v");
    const std::vector<std::byte> bytes = rlx::io::to_safetensors({}, tensors);
    Optimizer second = make(adam);
    second.read_state(rlx::io::Safetensors::from_bytes(bytes));
    second.set_steps(first.steps());
    std::vector<float> b = a;
    first.begin_step(1e-3, 1.0);
    first.apply(a, normals(9), 0, size);
    second.begin_step(1e-3, 1.0);
    second.apply(b, normals(9), 0, size);
    REQUIRE(a == b);
    // The other kind's state is no substitute.
    if (!adam) {
      Optimizer other = make(true);
      REQUIRE_THROWS_AS(other.read_state(rlx::io::Safetensors::from_bytes(bytes)), rlx::CheckpointError);
    }
  }
}
