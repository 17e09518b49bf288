// SPDX-License-Identifier: MIT
#include <rlx/nn/tanh_gaussian.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/nn/gradient_check.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

namespace {

namespace gaussian = rlx::nn::gaussian;
namespace tanh_gaussian = rlx::nn::tanh_gaussian;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

rlx::RandomStream stream(std::uint64_t seed) { return rlx::RandomStream({.seed = seed, .purpose = rlx::Purpose::user}); }

template <class S>
void worked_example(double tolerance) {
  const std::vector<S> zero{0}, u{S(0.5)}, low{-1}, high{1};
  const auto e = tanh_gaussian::evaluate(zero, zero, u, low, high);
  REQUIRE_THAT(static_cast<double>(e.log_prob), WithinAbs(-0.8037095193, tolerance));
  REQUIRE_THAT(static_cast<double>(e.entropy), WithinAbs(1.4189385332, tolerance));  // log(2 pi e) / 2
}

}  // namespace

TEST_CASE("tanh Gaussian reproduces the worked example") {
  worked_example<float>(1e-6);
  worked_example<double>(1e-9);
}

TEST_CASE("tanh Gaussian: log pi is the change of variables, exact where tanh is flat") {
  const std::vector<double> zero{0}, low{-1}, high{4};
  const auto log_pi = [&](double u) { return tanh_gaussian::evaluate(zero, zero, std::vector<double>{u}, low, high).log_prob; };
  REQUIRE_THAT(log_pi(3), WithinAbs(-1.7165722559232575, 1e-12));  // log N(u) - log(2.5 sech(u)^2), mpmath
  REQUIRE_THAT(log_pi(-40), WithinRel(-723.22152362619872, 1e-14));
  REQUIRE(rlx::is_finite(log_pi(1e30)));
  REQUIRE(rlx::is_finite(log_pi(-1e30)));
}

TEST_CASE("tanh Gaussian: the density of the action integrates to 1") {
  const std::vector<double> mean{0.4}, log_std{-0.6}, low{-1}, high{4};
  double sum = 0;
  constexpr int cells = 50'000;
  constexpr double step = 5.0 / cells;
  for (int i = 0; i < cells; ++i) {
    const double a = -1 + (i + 0.5) * step;
    const std::array<double, 1> u{std::atanh((a + 1) / 2.5 - 1)};
    sum += step * std::exp(tanh_gaussian::evaluate(mean, log_std, u, low, high).log_prob);
  }
  REQUIRE_THAT(sum, WithinAbs(1.0, 1e-7));
}

TEST_CASE("tanh Gaussian: gradients agree with central differences") {
  auto random = stream(1);
  constexpr std::size_t n = 4;
  std::vector<double> parameters(2 * n), u(n);
  for (double& x : parameters) x = 0.7 * random.normal();
  for (double& x : u) x = random.normal();
  const std::vector<float> low{-1, -2, 0, 0.5F}, high{1, 3, 10, 0.75F};
  for (const auto& [d_log_prob, d_entropy] : {std::pair{1.0, 0.0}, std::pair{0.0, 1.0}, std::pair{1.3, -0.4}}) {
    const auto loss = [&, d_lp = d_log_prob, d_h = d_entropy](std::span<const double> at, std::span<double> gradient) {
      if (!gradient.empty())
        tanh_gaussian::backward(at.first(n), at.last(n), u, d_lp, d_h, gradient.first(n), gradient.last(n));
      const auto e = tanh_gaussian::evaluate(at.first(n), at.last(n), u, low, high);
      return d_lp * e.log_prob + d_h * e.entropy;
    };
    REQUIRE(rlx::nn::gradient_check(loss, parameters) <= 1e-7);
  }
}

TEST_CASE("tanh Gaussian: base entropy and KL agree with a million samples") {
  const std::vector<float> mean{0.3F, -1.0F}, log_std{-0.5F, 0.75F}, q_mean{-0.2F, 0.0F}, q_log_std{0.25F, 0.5F};
  const std::vector<float> low{-1, 0}, high{1, 5};
  std::vector<float> u(2);
  auto random = stream(2);
  constexpr int n = 1'000'000;
  double base_surprise = 0, ratio = 0;
  for (int i = 0; i < n; ++i) {
    const double log_pi = static_cast<double>(tanh_gaussian::sample_and_evaluate(mean, log_std, low, high, random, u).log_prob);
    base_surprise -= static_cast<double>(gaussian::evaluate(mean, log_std, u).log_prob);
    ratio += log_pi - static_cast<double>(tanh_gaussian::evaluate(q_mean, q_log_std, u, low, high).log_prob);
  }
  REQUIRE_THAT(static_cast<double>(tanh_gaussian::evaluate(mean, log_std, u, low, high).entropy),
               WithinRel(base_surprise / n, 0.01));
  REQUIRE_THAT(static_cast<double>(tanh_gaussian::kl(mean, log_std, q_mean, q_log_std)), WithinRel(ratio / n, 0.01));
}

TEST_CASE("tanh Gaussian: a sample is the Gaussian's and its log pi is that of the stored u") {
  const std::vector<float> mean{0.3F, -1.0F}, log_std{-0.5F, 2.0F}, low{-1, 0}, high{1, 5};
  std::vector<float> u(2), raw(2);
  auto random = stream(3);
  auto same = random;
  const auto drawn = tanh_gaussian::sample_and_evaluate(mean, log_std, low, high, random, u);
  gaussian::sample_and_evaluate(mean, log_std, same, raw);
  REQUIRE(u == raw);
  REQUIRE(drawn.log_prob == tanh_gaussian::evaluate(mean, log_std, u, low, high).log_prob);
  tanh_gaussian::mode(mean, u);
  REQUIRE(u == mean);
}

TEST_CASE("tanh Gaussian: actions follow the formula and never leave the bounds") {
  const std::vector<double> u{0, 0.5, -2}, low{-1, 0, 2}, high{1, 10, 3};
  std::vector<double> a(3);
  tanh_gaussian::to_action(u, low, high, a);
  REQUIRE_THAT(a[0], WithinAbs(0.0, 1e-15));
  REQUIRE_THAT(a[1], WithinAbs(5 * (1 + std::tanh(0.5)), 1e-13));
  REQUIRE_THAT(a[2], WithinAbs(2.5 - 0.5 * std::tanh(2.0), 1e-15));

  auto random = stream(4);
  for (int repeat = 0; repeat < 2000; ++repeat) {
    const auto bottom = static_cast<float>(random.normal());
    const std::vector<float> lower(6, bottom), upper(6, bottom + static_cast<float>(random.uniform(1e-6, 3.0)));
    const std::vector<float> raw{-1e30F, -20.0F, static_cast<float>(-9 * random.uniform()), 9.5F, 20.0F, 1e30F};
    std::vector<float> action(6);
    tanh_gaussian::to_action(raw, lower, upper, action);
    for (std::size_t i = 0; i < 6; ++i) {
      REQUIRE(action[i] >= lower[i]);
      REQUIRE(action[i] <= upper[i]);
    }
    REQUIRE(action[0] == lower[0]);
    REQUIRE(action[5] == upper[5]);

    const double x = random.normal();
    const double y = random.normal();
    const std::vector<double> double_low{std::min(x, y)}, double_high{std::max(x, y)};
    std::vector<double> top(1);
    tanh_gaussian::to_action(std::vector<double>{40}, double_low, double_high, top);
    REQUIRE(top[0] <= double_high[0]);
    REQUIRE_THAT(top[0], WithinAbs(double_high[0], 1e-14));
  }
}

TEST_CASE("tanh Gaussian: every figure stays finite over the range of log_std") {
  auto random = stream(5);
  for (float log_std = -20; log_std <= 2; log_std += 0.5F) {
    const std::vector<float> mean{1.5F, -1e30F}, log_stds{log_std, log_std}, low{-1, -1}, high{1, 1};
    std::vector<float> u(2), d_mean(2), d_log_std(2);
    const auto e = tanh_gaussian::sample_and_evaluate(mean, log_stds, low, high, random, u);
    tanh_gaussian::backward(mean, log_stds, u, 1.0F, 1.0F, d_mean, d_log_std);
    REQUIRE(rlx::is_finite(e.log_prob));
    REQUIRE(rlx::is_finite(e.entropy));
    REQUIRE(rlx::first_non_finite(d_mean) == 2);
    REQUIRE(rlx::first_non_finite(d_log_std) == 2);
  }
}

TEST_CASE("tanh Gaussian refuses rows of different lengths") {
  const std::vector<double> two(2), three(3), low(2, -1.0), high(2, 1.0);
  std::vector<double> out(2), longer(3);
  auto random = stream(6);
  REQUIRE_THROWS_AS(tanh_gaussian::evaluate(two, two, three, low, high), rlx::ShapeError);
  REQUIRE_THROWS_AS(tanh_gaussian::evaluate(two, two, two, three, high), rlx::ShapeError);
  REQUIRE_THROWS_AS(tanh_gaussian::sample_and_evaluate(two, two, low, three, random, out), rlx::ShapeError);
  REQUIRE_THROWS_AS(tanh_gaussian::sample_and_evaluate(two, two, low, high, random, longer), rlx::ShapeError);
  REQUIRE_THROWS_AS(tanh_gaussian::mode(two, longer), rlx::ShapeError);
  REQUIRE_THROWS_AS(tanh_gaussian::to_action(two, low, three, out), rlx::ShapeError);
  REQUIRE_THROWS_AS(tanh_gaussian::to_action(two, low, high, longer), rlx::ShapeError);
}

TEST_CASE("tanh Gaussian does not allocate") {
  const std::vector<float> mean{0.5F, -3.0F}, log_std{0.1F, 0.2F}, low{-1, -1}, high{1, 1};
  std::vector<float> u(2), d_mean(2), d_log_std(2);
  auto random = stream(7);
  float sum = 0;
  const rlx_test::AllocationCounter counter;
  sum += tanh_gaussian::sample_and_evaluate(mean, log_std, low, high, random, u).log_prob;
  sum += tanh_gaussian::evaluate(mean, log_std, u, low, high).log_prob + tanh_gaussian::kl(mean, log_std, low, log_std);
  tanh_gaussian::backward(mean, log_std, u, 1.0F, 1.0F, d_mean, d_log_std);
  tanh_gaussian::to_action(u, low, high, u);
  tanh_gaussian::mode(mean, u);
  const auto allocations = counter.count();
  REQUIRE(allocations == 0);
  REQUIRE(rlx::is_finite(sum));
}
