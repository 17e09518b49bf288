// SPDX-License-Identifier: MIT
#include <rlx/nn/categorical.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/core/random.hpp>

#include "rlx_catch.hpp"

namespace {

namespace categorical = rlx::nn::categorical;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

const double nan_value = std::numeric_limits<double>::quiet_NaN();

rlx::RandomStream stream(std::uint64_t seed) { return rlx::RandomStream({.seed = seed, .purpose = rlx::Purpose::user}); }

template <class S>
void worked_example(double tolerance) {
  const std::vector<S> z{S(0.5), S(-1.2), S(2), S(0.3), S(-0.7)};
  const std::vector<std::uint8_t> mask{1, 0, 1, 1, 0};
  std::vector<S> p(5);
  categorical::probabilities(z, mask, p);
  const double expected_p[] = {0.158719582, 0, 0.711331815, 0.129948603, 0};
  const double expected_log_p[] = {-1.840616270, 0, -0.340616270, -2.040616270, 0};
  for (std::size_t i = 0; i < 5; ++i) {
    REQUIRE_THAT(static_cast<double>(p[i]), WithinAbs(expected_p[i], tolerance));
    const double log_p = static_cast<double>(categorical::log_prob(z, mask, i));
    if (mask[i] != 0) {
      REQUIRE_THAT(log_p, WithinAbs(expected_log_p[i], tolerance));
    } else {
      REQUIRE(p[i] == S(0));
      REQUIRE(log_p == -std::numeric_limits<double>::infinity());
    }
  }
  REQUIRE_THAT(static_cast<double>(categorical::entropy(z, mask)), WithinAbs(0.799608267, tolerance));
  std::vector<S> g(5);
  categorical::backward(z, mask, 2, S(1), S(0), g);
  const double expected_log_gradient[] = {-0.158719582, 0, 0.288668185, -0.129948603, 0};
  for (std::size_t i = 0; i < 5; ++i) REQUIRE_THAT(static_cast<double>(g[i]), WithinAbs(expected_log_gradient[i], tolerance));
  categorical::backward(z, mask, 2, S(0), S(1), g);
  const double expected_entropy_gradient[] = {0.165228355, 0, -0.326495611, 0.161267256, 0};
  for (std::size_t i = 0; i < 5; ++i)
    REQUIRE_THAT(static_cast<double>(g[i]), WithinAbs(expected_entropy_gradient[i], tolerance));
}

}  // namespace

TEST_CASE("categorical reproduces the worked example") {
  worked_example<float>(1e-6);
  worked_example<double>(1e-9);
}

TEST_CASE("categorical reproduces the gradients of Huang and Ontanon") {
  const std::vector<double> z{1, 1, 1, 1};
  std::vector<double> g(4);
  categorical::backward(z, {}, 0, 1.0, 0.0, g);
  REQUIRE_THAT(g[0], WithinAbs(0.75, 1e-15));
  for (std::size_t i = 1; i < 4; ++i) REQUIRE_THAT(g[i], WithinAbs(-0.25, 1e-15));
  const std::vector<std::uint8_t> mask{1, 1, 0, 1};
  categorical::backward(z, mask, 0, 1.0, 0.0, g);
  REQUIRE_THAT(g[0], WithinAbs(2.0 / 3, 1e-15));
  REQUIRE_THAT(g[1], WithinAbs(-1.0 / 3, 1e-15));
  REQUIRE(g[2] == 0.0);
  REQUIRE_THAT(g[3], WithinAbs(-1.0 / 3, 1e-15));
}

TEST_CASE("categorical: exp of the entropy of k equal logits is k, from 1 to 100,000 actions") {
  for (const std::size_t k : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{16}, std::size_t{17}, std::size_t{36},
                              std::size_t{1000}, std::size_t{100'000}}) {
    const std::vector<float> z(k, -3.5F);
    REQUIRE_THAT(std::exp(static_cast<double>(categorical::entropy(z))), WithinRel(static_cast<double>(k), 2e-5));
    REQUIRE_THAT(std::exp(categorical::entropy(std::vector<double>(k, 1e3))), WithinRel(static_cast<double>(k), 1e-9));
  }
}

TEST_CASE("categorical: a single valid action has probability 1, entropy 0 and gradients 0, whatever stands elsewhere") {
  for (std::size_t only = 0; only < 40; ++only) {
    std::vector<float> z(40, std::numeric_limits<float>::quiet_NaN());
    z[(only + 1) % 40] = std::numeric_limits<float>::infinity();
    z[only] = -1e30F;
    std::vector<std::uint8_t> mask(40, 0);
    mask[only] = 255;
    std::vector<float> out(40, 7.0F);
    categorical::probabilities(z, mask, out);
    for (std::size_t i = 0; i < 40; ++i) REQUIRE(out[i] == (i == only ? 1.0F : 0.0F));
    const auto e = categorical::evaluate(z, mask, only);
    REQUIRE(e.log_prob == 0.0F);
    REQUIRE(e.entropy == 0.0F);
    categorical::backward(z, mask, only, 2.0F, 3.0F, out);
    for (const float g : out) REQUIRE(g == 0.0F);
    REQUIRE(categorical::mode(z, mask) == only);
    for (const double u : {0.0, 0.5, 0.9999999}) REQUIRE(categorical::sample(z, mask, u) == only);
  }
}

TEST_CASE("categorical: extreme logits keep every figure finite") {
  const std::vector<float> z{1e30F, -1e30F, 1e30F, -std::numeric_limits<float>::infinity()};
  const auto e = categorical::evaluate(z, {}, 0);
  REQUIRE_THAT(static_cast<double>(e.log_prob), WithinAbs(-std::log(2.0), 1e-6));
  REQUIRE_THAT(static_cast<double>(e.entropy), WithinAbs(std::log(2.0), 1e-6));
  std::vector<float> g(4);
  categorical::backward(z, {}, 0, 1.0F, 1.0F, g);
  REQUIRE_THAT(static_cast<double>(g[0]), WithinAbs(0.5, 1e-6));
  REQUIRE(g[1] == 0.0F);
  REQUIRE_THAT(static_cast<double>(g[2]), WithinAbs(-0.5, 1e-6));
  REQUIRE(g[3] == 0.0F);
  REQUIRE(categorical::sample(z, {}, 0.9999999999) == 2);
}

TEST_CASE("categorical: a mask of ones gives the bits of no mask, and invalid NaN the bits of invalid zeros") {
  auto random = stream(1);
  for (const std::size_t n : {std::size_t{1}, std::size_t{5}, std::size_t{16}, std::size_t{36}, std::size_t{100}}) {
    std::vector<float> z(n);
    for (float& x : z) x = static_cast<float>(3 * random.normal());
    const std::vector<std::uint8_t> ones(n, 1);
    std::vector<float> a(n);
    std::vector<float> b(n);
    categorical::backward(z, {}, 0, 0.7F, -0.2F, a);
    categorical::backward(z, ones, 0, 0.7F, -0.2F, b);
    REQUIRE(std::memcmp(a.data(), b.data(), n * sizeof(float)) == 0);
    REQUIRE(categorical::entropy(z) == categorical::entropy(z, ones));
    const auto evaluated = categorical::evaluate(z, ones, 0);  // what it found out serves for the gradient
    REQUIRE(evaluated.summary.largest == *std::max_element(z.begin(), z.end()));
    REQUIRE(evaluated.summary.log_sum == std::log(evaluated.summary.sum));
    REQUIRE(evaluated.summary.entropy == evaluated.entropy);
    categorical::backward(z, ones, 0, 0.7F, -0.2F, b, evaluated.summary);
    REQUIRE(std::memcmp(a.data(), b.data(), n * sizeof(float)) == 0);

    std::vector<std::uint8_t> mask(n);
    for (std::size_t i = 0; i < n; ++i) mask[i] = i % 3 == 0 ? 1 : 0;
    std::vector<float> zero = z;
    for (std::size_t i = 0; i < n; ++i) {
      if (mask[i] == 0) {
        z[i] = std::numeric_limits<float>::quiet_NaN();
        zero[i] = 0;
      }
    }
    categorical::backward(z, mask, 0, 0.7F, -0.2F, a);
    categorical::backward(zero, mask, 0, 0.7F, -0.2F, b);
    REQUIRE(std::memcmp(a.data(), b.data(), n * sizeof(float)) == 0);
    REQUIRE(categorical::entropy(z, mask) == categorical::entropy(zero, mask));
  }
}

TEST_CASE("categorical: adding a constant to the logits changes nothing") {
  auto random = stream(2);
  std::vector<double> z(36);
  for (double& x : z) x = random.normal();
  std::vector<double> shifted = z;
  for (double& x : shifted) x += 8.0;
  REQUIRE_THAT(categorical::entropy(shifted), WithinRel(categorical::entropy(z), 1e-12));
  REQUIRE_THAT(categorical::log_prob(shifted, {}, 7), WithinRel(categorical::log_prob(z, {}, 7), 1e-12));
}

TEST_CASE("categorical: float figures agree with double ones to single precision") {
  auto random = stream(3);
  for (int repeat = 0; repeat < 200; ++repeat) {
    std::vector<float> z(36);
    for (float& x : z) x = static_cast<float>(5 * random.normal());
    const std::vector<double> exact(z.begin(), z.end());
    std::vector<std::uint8_t> mask(36);
    for (std::uint8_t& m : mask) m = random.bounded(2) != 0 ? 1 : 0;
    mask[4] = 1;
    REQUIRE_THAT(static_cast<double>(categorical::entropy(z, mask)), WithinAbs(categorical::entropy(exact, mask), 2e-6));
    REQUIRE_THAT(static_cast<double>(categorical::log_prob(z, mask, 4)),
                 WithinAbs(categorical::log_prob(exact, mask, 4), 4e-6));
    std::vector<float> p(36);
    std::vector<double> exact_p(36);
    categorical::probabilities(z, mask, p);
    categorical::probabilities(exact, mask, exact_p);
    for (std::size_t i = 0; i < 36; ++i) REQUIRE_THAT(static_cast<double>(p[i]), WithinAbs(exact_p[i], 1e-6));
  }
}

TEST_CASE("categorical: frequencies of a million samples lie within 5 standard errors, invalid actions never occur") {
  const std::vector<float> z{0.5F, -1.2F, 2.0F, 0.3F, -0.7F};
  const std::vector<std::uint8_t> mask{1, 0, 1, 1, 0};
  std::vector<float> p(5);
  categorical::probabilities(z, mask, p);
  std::vector<double> count(5);
  auto random = stream(4);
  constexpr double n = 1e6;
  for (int i = 0; i < 1'000'000; ++i) count[categorical::sample(z, mask, random.uniform())] += 1;
  for (std::size_t i = 0; i < 5; ++i) {
    const double expected = static_cast<double>(p[i]);
    REQUIRE(std::abs(count[i] / n - expected) <= 5 * std::sqrt(expected * (1 - expected) / n));
  }
}

TEST_CASE("categorical: gradients agree with central differences") {
  auto random = stream(5);
  std::vector<double> z(9);
  for (double& x : z) x = random.normal();
  const std::vector<std::uint8_t> mask{1, 0, 1, 1, 1, 0, 1, 0, 1};
  z[1] = nan_value;
  std::vector<double> g(9);
  categorical::backward(z, mask, 4, 1.3, -0.4, g);
  const auto loss = [&](std::size_t i, double h) {
    std::vector<double> moved = z;
    moved[i] += h;
    const auto e = categorical::evaluate(moved, mask, 4);
    return 1.3 * e.log_prob - 0.4 * e.entropy;
  };
  for (std::size_t i = 0; i < 9; ++i) {
    const double numeric = (loss(i, 1e-5) - loss(i, -1e-5)) / 2e-5;
    REQUIRE_THAT(g[i], WithinAbs(numeric, 1e-8));
    if (mask[i] == 0) REQUIRE(g[i] == 0.0);
  }
}

TEST_CASE("categorical: KL is 0 for equal rows and matches its definition") {
  const std::vector<double> p{0.5, -1.2, 2, 0.3};
  const std::vector<double> q{0.1, 5.0, 1, 0.2};
  const std::vector<std::uint8_t> mask{1, 0, 1, 1};
  REQUIRE_THAT(categorical::kl(p, p, mask), WithinAbs(0.0, 1e-15));
  double expected = 0;
  for (const std::size_t i : {std::size_t{0}, std::size_t{2}, std::size_t{3}}) {
    const double log_p = p[i] - std::log(std::exp(0.5) + std::exp(2.0) + std::exp(0.3));
    const double log_q = q[i] - std::log(std::exp(0.1) + std::exp(1.0) + std::exp(0.2));
    expected += std::exp(log_p) * (log_p - log_q);
  }
  REQUIRE_THAT(categorical::kl(p, q, mask), WithinAbs(expected, 1e-12));
}

TEST_CASE("categorical: the mode is the lowest index on ties, batches equal their rows") {
  REQUIRE(categorical::mode(std::vector<float>{1, 3, 3, 2}) == 1);
  std::vector<float> z{1, 3, 3, 2, 0, 5, 1, 1};
  std::vector<std::uint8_t> masks{1, 0, 1, 1, 1, 0, 1, 1};
  const rlx::MatrixView<const float> logits(z.data(), 2, 4);
  const rlx::MatrixView<const std::uint8_t> mask(masks.data(), 2, 4);
  std::vector<std::int32_t> actions(2);
  categorical::mode<float>(logits, mask, actions);
  REQUIRE(actions == std::vector<std::int32_t>{2, 2});
  std::vector<float> log_probs(2);
  std::vector<float> entropies(2);
  categorical::evaluate<float>(logits, mask, actions, log_probs, entropies);
  REQUIRE(log_probs[1] == categorical::log_prob(logits.row(1), mask.row(1), 2));
  REQUIRE(entropies[0] == categorical::entropy(logits.row(0), mask.row(0)));
  const std::vector<double> u{0.0, 0.999};
  categorical::sample<float>(logits, mask, u, actions, log_probs);
  REQUIRE(actions == std::vector<std::int32_t>{0, 3});
  std::vector<float> g(8);
  const std::vector<float> ones(2, 1.0F);
  categorical::backward<float>(logits, mask, actions, ones, ones, rlx::MatrixView<float>(g.data(), 2, 4));
  std::vector<float> row(4);
  categorical::backward(logits.row(1), mask.row(1), 3, 1.0F, 1.0F, row);
  for (std::size_t i = 0; i < 4; ++i) REQUIRE(g[4 + i] == row[i]);
}

TEST_CASE("categorical refuses what cannot be") {
  const std::vector<float> z{1, 2, 3};
  REQUIRE_THROWS_AS(categorical::entropy(z, std::vector<std::uint8_t>{0, 0, 0}), rlx::NumericError);
  REQUIRE_THROWS_AS(categorical::entropy(z, std::vector<std::uint8_t>{1, 1}), rlx::ShapeError);
  REQUIRE_THROWS_AS(categorical::log_prob(z, {}, 3), rlx::ShapeError);
  std::vector<float> g(3);
  const auto summary = categorical::evaluate(z, {}, 0).summary;
  REQUIRE_THROWS_AS(categorical::backward(z, std::vector<std::uint8_t>{1, 1}, 0, 1.0F, 0.0F, g, summary), rlx::ShapeError);
  REQUIRE_FALSE(rlx::is_finite(categorical::evaluate(std::vector<double>{1, nan_value}, {}, 0).log_prob));
}
