// SPDX-License-Identifier: MIT
#include <rlx/rl/gae.hpp>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

template <class S>
struct Case {
  std::size_t T = 0, N = 0;
  std::vector<S> rewards, values, final_values, last_values, advantages, returns;
  std::vector<std::uint8_t> terminated, truncated;

  Case(std::size_t steps, std::size_t envs)
      : T(steps),
        N(envs),
        rewards(steps * envs),
        values(steps * envs),
        final_values(steps * envs),
        last_values(envs),
        advantages(steps * envs),
        returns(steps * envs),
        terminated(steps * envs),
        truncated(steps * envs) {}

  static Case random(std::size_t steps, std::size_t envs, unsigned seed) {
    Case c(steps, envs);
    std::mt19937 bits(seed);
    const auto number = [&] { return static_cast<S>(bits() % 2000) / S{1000} - S{1}; };
    for (auto* v : {&c.rewards, &c.values, &c.final_values, &c.last_values}) {
      for (S& x : *v) x = number();
    }
    for (auto& x : c.terminated) x = bits() % 7 == 0;
    for (auto& x : c.truncated) x = bits() % 9 == 0;
    return c;
  }

  rlx::GaeInput<S> input() const { return {rewards, values, final_values, terminated, truncated, last_values, T, N}; }
  void run(S gamma, S lambda) { rlx::compute_gae(input(), gamma, lambda, advantages, returns); }
};

}  // namespace

TEST_CASE("GAE equals the worked example", "[rl][gae][detail_C5]") {
  Case<double> c(8, 1);
  c.rewards = {1, -.5, .25, 2, 0, 1.5, -1, .75};
  c.values = {.5, .4, .3, .8, -.2, .1, .6, .9};
  c.terminated[3] = 1;
  c.truncated[5] = 1;
  c.final_values[5] = 0.7;
  c.last_values = {1.1};
  c.run(0.99, 0.95);
  const std::vector<double> expected{1.98349949, 1.1562993, 1.8706, 1.2, 2.2674665, 2.093, 0.1741295, 0.939};
  for (std::size_t t = 0; t < 8; ++t) {
    REQUIRE_THAT(c.advantages[t], WithinAbs(expected[t], 1e-7));
    REQUIRE_THAT(c.returns[t], WithinAbs(expected[t] + c.values[t], 1e-7));
  }
}

TEST_CASE("lambda 1, gamma 1, V 0 gives rewards-to-go, lambda 0 gives delta", "[rl][gae]") {
  Case<double> c = Case<double>::random(20, 3, 1);
  std::fill(c.values.begin(), c.values.end(), 0.0);
  std::fill(c.final_values.begin(), c.final_values.end(), 0.0);
  std::fill(c.last_values.begin(), c.last_values.end(), 0.0);
  c.run(1.0, 1.0);
  for (std::size_t n = 0; n < c.N; ++n) {
    double togo = 0;
    for (std::size_t t = c.T; t-- > 0;) {
      const std::size_t i = t * c.N + n;
      togo = c.rewards[i] + (c.terminated[i] || c.truncated[i] ? 0.0 : togo);
      REQUIRE_THAT(c.advantages[i], WithinAbs(togo, 1e-12));
    }
  }

  Case<double> d = Case<double>::random(20, 3, 2);
  d.run(0.9, 0.0);
  for (std::size_t n = 0; n < d.N; ++n) {
    for (std::size_t t = 0; t < d.T; ++t) {
      const std::size_t i = t * d.N + n;
      const double next = t + 1 == d.T ? d.last_values[n] : d.values[i + d.N];
      const double bootstrap = d.terminated[i] ? 0.0 : d.truncated[i] ? d.final_values[i] : next;
      REQUIRE_THAT(d.advantages[i], WithinAbs(d.rewards[i] + 0.9 * bootstrap - d.values[i], 1e-12));
    }
  }
}

TEMPLATE_TEST_CASE("N environments together equal N separate calls", "[rl][gae]", float, double) {
  // 5: none of the blocks of 8 and 16; the others: each of them and a rest.
  for (const std::size_t envs : {5U, 8U, 16U, 27U, 41U}) {
    for (const std::size_t steps : {1U, 33U}) {
      Case<TestType> all = Case<TestType>::random(steps, envs, 3);
      all.run(TestType(0.99), TestType(0.95));
      for (std::size_t n = 0; n < all.N; ++n) {
        Case<TestType> one(all.T, 1);
        for (std::size_t t = 0; t < all.T; ++t) {
          one.rewards[t] = all.rewards[t * all.N + n];
          one.values[t] = all.values[t * all.N + n];
          one.final_values[t] = all.final_values[t * all.N + n];
          one.terminated[t] = all.terminated[t * all.N + n];
          one.truncated[t] = all.truncated[t * all.N + n];
        }
        one.last_values[0] = all.last_values[n];
        one.run(TestType(0.99), TestType(0.95));
        for (std::size_t t = 0; t < all.T; ++t) {
          const std::size_t i = t * all.N + n;
          REQUIRE_THAT(static_cast<double>(one.advantages[t]), WithinAbs(static_cast<double>(all.advantages[i]), 1e-5));
          REQUIRE_THAT(static_cast<double>(one.returns[t]), WithinAbs(static_cast<double>(all.returns[i]), 1e-5));
        }
      }
    }
  }
}

TEST_CASE("Nothing crosses the end of an episode", "[rl][gae]") {
  for (const std::size_t envs : {2U, 29U}) {
    Case<double> a = Case<double>::random(16, envs, 4);
    for (std::size_t n = 0; n < envs; ++n) {
      a.terminated[8 * envs + n] = 0;
      a.truncated[8 * envs + n] = 1;
    }
    Case<double> b = a;
    for (std::size_t i = 9 * envs; i < b.rewards.size(); ++i) {
      b.rewards[i] = std::numeric_limits<double>::quiet_NaN();
      b.values[i] = -1e300;
    }
    a.run(0.99, 0.95);
    b.run(0.99, 0.95);
    for (std::size_t i = 0; i < 9 * envs; ++i) REQUIRE(a.advantages[i] == b.advantages[i]);
  }
}

TEST_CASE("A truncation equals a cut with the reward augmented by gamma V(final)", "[rl][gae]") {
  Case<double> a = Case<double>::random(40, 3, 5);
  Case<double> b = a;
  for (std::size_t i = 0; i < a.rewards.size(); ++i) {
    if (a.truncated[i] && !a.terminated[i]) b.rewards[i] += 0.99 * a.final_values[i];
    b.terminated[i] = a.terminated[i] || a.truncated[i];
    b.truncated[i] = 0;
  }
  a.run(0.99, 0.95);
  b.run(0.99, 0.95);
  for (std::size_t i = 0; i < a.rewards.size(); ++i) REQUIRE_THAT(a.advantages[i], WithinAbs(b.advantages[i], 1e-12));
}

TEST_CASE("Terminated and truncated together count as terminated", "[rl][gae]") {
  Case<double> a = Case<double>::random(30, 2, 6);
  Case<double> b = a;
  for (std::size_t i = 0; i < a.rewards.size(); ++i) {
    if (a.terminated[i]) {
      a.truncated[i] = 1;
      b.truncated[i] = 0;
    }
  }
  a.run(0.9, 0.8);
  b.run(0.9, 0.8);
  REQUIRE(a.advantages == b.advantages);
}

TEST_CASE("One step and a wrong size", "[rl][gae]") {
  Case<double> c(1, 2);
  c.rewards = {1.0, 2.0};
  c.values = {0.5, 0.5};
  c.last_values = {1.0, -1.0};
  c.returns = {7.0, 7.0};  // stale numbers must not enter
  c.run(0.5, 0.9);
  REQUIRE_THAT(c.advantages[0], WithinAbs(1.0 + 0.5 - 0.5, 1e-15));
  REQUIRE_THAT(c.advantages[1], WithinAbs(2.0 - 0.5 - 0.5, 1e-15));
  c.values.pop_back();
  REQUIRE_THROWS_AS(c.run(0.5, 0.9), rlx::ShapeError);
}
