// SPDX-License-Identifier: MIT
#include <rlx/nn/gaussian.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/nn/gradient_check.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

namespace {

namespace gaussian = rlx::nn::gaussian;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

rlx::RandomStream stream(std::uint64_t seed) { return rlx::RandomStream({.seed = seed, .purpose = rlx::Purpose::user}); }

template <class S>
void worked_example(double tolerance) {
  const std::vector<S> mean{0};
  const std::vector<S> log_std{std::log(S(2))};
  const auto e = gaussian::evaluate(mean, log_std, std::vector<S>{1});
  REQUIRE_THAT(static_cast<double>(e.log_prob), WithinAbs(-1.7370857138, tolerance));
  REQUIRE_THAT(static_cast<double>(e.entropy), WithinAbs(2.1120857138, tolerance));
}

}  // namespace

TEST_CASE("Gaussian reproduces the worked example") {
  worked_example<float>(1e-6);
  worked_example<double>(1e-9);
}

TEST_CASE("Gaussian: log p, entropy and KL are sums over the components") {
  const std::vector<double> mean{0.3, -1, 2}, log_std{-0.5, 0.1, 0}, q_mean{-0.2, -1, 1}, q_log_std{0.25, 0.1, 0};
  const std::vector<double> action{0.1, 0.2, 1.5};
  double log_prob = 0, entropy = 0, divergence = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::vector<double> m{mean[i]}, s{log_std[i]}, qm{q_mean[i]}, qs{q_log_std[i]}, a{action[i]};
    log_prob += gaussian::evaluate(m, s, a).log_prob;
    entropy += gaussian::evaluate(m, s, a).entropy;
    divergence += gaussian::kl(m, s, qm, qs);
  }
  const auto e = gaussian::evaluate(mean, log_std, action);
  REQUIRE_THAT(e.log_prob, WithinAbs(log_prob, 1e-14));
  REQUIRE_THAT(e.entropy, WithinAbs(entropy, 1e-14));
  REQUIRE_THAT(gaussian::kl(mean, log_std, q_mean, q_log_std), WithinAbs(divergence, 1e-14));
}

TEST_CASE("Gaussian: KL meets the integral of its definition and keeps small values") {
  const std::vector<double> mean{0.3}, log_std{-0.5}, q_mean{-0.2}, q_log_std{0.25};
  REQUIRE_THAT(gaussian::kl(mean, log_std, q_mean, q_log_std), WithinRel(0.43738141253829409, 1e-14));  // mpmath quad
  REQUIRE(gaussian::kl(mean, log_std, mean, log_std) == 0.0);
  const std::vector<double> close{-0.5 + 1.2345e-8};
  const double r = close[0] - log_std[0];  // (sigma_p / sigma_q)^2 = exp(2r): the divergence is r^2 + 2 r^3 / 3 + ...
  REQUIRE_THAT(gaussian::kl(mean, close, mean, log_std), WithinRel(r * r, 1e-6));
}

TEST_CASE("Gaussian: gradients agree with central differences") {
  auto random = stream(1);
  constexpr std::size_t n = 5;
  std::vector<double> parameters(2 * n), action(n);
  for (double& x : parameters) x = 0.7 * random.normal();
  for (double& x : action) x = random.normal();
  for (const auto& [d_log_prob, d_entropy] : {std::pair{1.0, 0.0}, std::pair{0.0, 1.0}, std::pair{1.3, -0.4}}) {
    const auto loss = [&, d_lp = d_log_prob, d_h = d_entropy](std::span<const double> at, std::span<double> gradient) {
      if (!gradient.empty())
        gaussian::backward(at.first(n), at.last(n), action, d_lp, d_h, gradient.first(n), gradient.last(n));
      const auto e = gaussian::evaluate(at.first(n), at.last(n), action);
      return d_lp * e.log_prob + d_h * e.entropy;
    };
    REQUIRE(rlx::nn::gradient_check(loss, parameters) <= 1e-7);
  }
}

TEST_CASE("Gaussian: backward overwrites the mean's gradient and adds to the one all states share") {
  const std::vector<double> mean{0}, log_std{std::log(2.0)}, action{1};
  std::vector<double> d_mean{7}, d_log_std{10};
  gaussian::backward(mean, log_std, action, 1.0, 0.5, d_mean, d_log_std);
  REQUIRE_THAT(d_mean[0], WithinAbs(0.25, 1e-15));
  REQUIRE_THAT(d_log_std[0], WithinAbs(10 - 0.75 + 0.5, 1e-15));
  gaussian::backward(mean, log_std, action, 1.0, 0.5, d_mean, d_log_std);
  REQUIRE_THAT(d_mean[0], WithinAbs(0.25, 1e-15));
  REQUIRE_THAT(d_log_std[0], WithinAbs(10 - 1.5 + 1, 1e-15));
}

TEST_CASE("Gaussian: the density integrates to 1") {
  const std::vector<double> mean{0.3}, log_std{-0.7};
  double sum = 0;
  constexpr double step = 1e-3;
  for (double a = -10 + step / 2; a < 10; a += step) {
    sum += step * std::exp(gaussian::evaluate(mean, log_std, std::array<double, 1>{a}).log_prob);
  }
  REQUIRE_THAT(sum, WithinAbs(1.0, 1e-9));
}

TEST_CASE("Gaussian: entropy and KL agree with a million samples, so do mean and variance") {
  const std::vector<float> mean{0.3F, -1.0F}, log_std{-0.5F, 0.75F}, q_mean{-0.2F, 0.0F}, q_log_std{0.25F, 0.5F};
  std::vector<float> action(2);
  auto random = stream(2);
  constexpr int n = 1'000'000;
  double surprise = 0, ratio = 0, sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double log_p = static_cast<double>(gaussian::sample_and_evaluate(mean, log_std, random, action).log_prob);
    surprise -= log_p;
    ratio += log_p - static_cast<double>(gaussian::evaluate(q_mean, q_log_std, action).log_prob);
    const double d = static_cast<double>(action[0]) - 0.3;
    sum += d;
    squares += d * d;
  }
  REQUIRE_THAT(static_cast<double>(gaussian::evaluate(mean, log_std, action).entropy), WithinRel(surprise / n, 0.01));
  REQUIRE_THAT(static_cast<double>(gaussian::kl(mean, log_std, q_mean, q_log_std)), WithinRel(ratio / n, 0.01));
  const double variance = std::exp(-1.0);
  REQUIRE(std::abs(sum / n) <= 5 * std::sqrt(variance / n));
  REQUIRE(std::abs(squares / n - variance) <= 5 * variance * std::sqrt(2.0 / n));
}

TEST_CASE("Gaussian: a sample's log p is that of the stored number, with one normal per component") {
  const std::vector<float> mean{0.3F, -1.0F, 1e6F}, log_std{-0.5F, 2.0F, -20.0F};
  std::vector<float> action(3);
  auto random = stream(3);
  auto same = random;
  const auto drawn = gaussian::sample_and_evaluate(mean, log_std, random, action);
  const auto stored = gaussian::evaluate(mean, log_std, action);
  REQUIRE(drawn.log_prob == stored.log_prob);
  REQUIRE(drawn.entropy == stored.entropy);
  for (std::size_t i = 0; i < 3; ++i) {
    const double expected = static_cast<double>(mean[i]) + std::exp(static_cast<double>(log_std[i])) * same.normal();
    REQUIRE(action[i] == static_cast<float>(expected));
  }
}

TEST_CASE("Gaussian: every figure stays finite over the range of log_std") {
  auto random = stream(4);
  for (float log_std = -20; log_std <= 2; log_std += 0.5F) {
    const std::vector<float> mean{1.5F, -1e30F}, log_stds{log_std, log_std};
    std::vector<float> action(2), d_mean(2), d_log_std(2);
    for (int repeat = 0; repeat < 20; ++repeat) {
      const auto e = gaussian::sample_and_evaluate(mean, log_stds, random, action);
      gaussian::backward(mean, log_stds, action, 1.0F, 1.0F, d_mean, d_log_std);
      REQUIRE(rlx::is_finite(e.log_prob));
      REQUIRE(rlx::is_finite(e.entropy));
      REQUIRE(rlx::first_non_finite(d_mean) == 2);
      REQUIRE(rlx::first_non_finite(d_log_std) == 2);
    }
  }
}

TEST_CASE("Gaussian: the mode is the mean, actions are clipped to the bounds") {
  const std::vector<float> mean{0.5F, -3.0F, 8.0F, 4.0F};
  std::vector<float> action(4);
  gaussian::mode(mean, action);
  REQUIRE(action == mean);
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> low{-1, -1, -1, -infinity}, high{1, 1, 1, infinity};
  std::vector<float> clipped(4);
  gaussian::clip(action, low, high, clipped);
  REQUIRE(clipped == std::vector<float>{0.5F, -1.0F, 1.0F, 4.0F});
  gaussian::clip(action, low, high, action);
  REQUIRE(action == clipped);
}

TEST_CASE("Gaussian: a mean in double takes actions and bounds in float") {
  const std::vector<double> mean{0}, log_std{std::log(2.0)};
  const std::vector<float> action{1};
  REQUIRE_THAT(gaussian::evaluate(mean, log_std, action).log_prob, WithinAbs(-1.7370857138, 1e-9));
  std::vector<double> d_mean(1), d_log_std(1), clipped(1);
  gaussian::backward(mean, log_std, action, 1.0, 0.0, d_mean, d_log_std);
  REQUIRE_THAT(d_mean[0], WithinAbs(0.25, 1e-15));
  gaussian::clip(std::vector<double>{3}, action, action, clipped);
  REQUIRE(clipped[0] == 1.0);
}

TEST_CASE("Gaussian refuses rows of different lengths") {
  const std::vector<double> two(2), three(3);
  std::vector<double> out(2), longer(3);
  auto random = stream(5);
  REQUIRE_THROWS_AS(gaussian::evaluate(two, three, two), rlx::ShapeError);
  REQUIRE_THROWS_AS(gaussian::evaluate(two, two, three), rlx::ShapeError);
  REQUIRE_THROWS_AS(gaussian::sample_and_evaluate(two, two, random, longer), rlx::ShapeError);
  REQUIRE_THROWS_AS(gaussian::mode(two, longer), rlx::ShapeError);
  REQUIRE_THROWS_AS(gaussian::kl(two, two, three, two), rlx::ShapeError);
  REQUIRE_THROWS_AS(gaussian::backward(two, two, two, 1.0, 1.0, longer, out), rlx::ShapeError);
  REQUIRE_THROWS_AS(gaussian::backward(two, two, two, 1.0, 1.0, out, longer), rlx::ShapeError);
  REQUIRE_THROWS_AS(gaussian::clip(two, three, two, out), rlx::ShapeError);
}

TEST_CASE("Gaussian does not allocate") {
  const std::vector<float> mean{0.5F, -3.0F}, log_std{0.1F, 0.2F}, low{-1, -1}, high{1, 1};
  std::vector<float> action(2), d_mean(2), d_log_std(2);
  auto random = stream(6);
  float sum = 0;
  const rlx_test::AllocationCounter counter;
  sum += gaussian::sample_and_evaluate(mean, log_std, random, action).log_prob;
  sum += gaussian::evaluate(mean, log_std, action).log_prob + gaussian::kl(mean, log_std, low, log_std);
  gaussian::backward(mean, log_std, action, 1.0F, 1.0F, d_mean, d_log_std);
  gaussian::clip(action, low, high, action);
  gaussian::mode(mean, action);
  const auto allocations = counter.count();
  REQUIRE(allocations == 0);
  REQUIRE(rlx::is_finite(sum));
}
