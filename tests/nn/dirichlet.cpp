// SPDX-License-Identifier: MIT
#include <rlx/nn/dirichlet.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include <rlx/core/finite.hpp>
#include <rlx/nn/gradient_check.hpp>

#include "counting_allocator.hpp"
#include "rlx_catch.hpp"

namespace {

namespace dirichlet = rlx::nn::dirichlet;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

rlx::RandomStream stream(std::uint64_t seed) { return rlx::RandomStream({.seed = seed, .purpose = rlx::Purpose::user}); }

/// z with softplus(z) + 1 = alpha.
double z_of(double alpha) { return std::log(std::expm1(alpha - 1)); }

template <class S>
double sum_of(const std::vector<S>& w) {
  double sum = 0;
  for (const S x : w) sum += static_cast<double>(x);
  return sum;
}

template <class S>
bool same_bits(const std::vector<S>& a, const std::vector<S>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(S)) == 0;
}

template <class S>
void worked_example(double tolerance) {
  const std::vector<S> z{static_cast<S>(z_of(2)), static_cast<S>(z_of(3)), static_cast<S>(z_of(5))};
  const std::vector<S> w{S(0.2), S(0.3), S(0.5)};
  const auto e = dirichlet::evaluate(z, {}, w);
  REQUIRE_THAT(static_cast<double>(e.log_prob), WithinAbs(2.1406542258, tolerance));
  REQUIRE_THAT(static_cast<double>(e.entropy), WithinAbs(-1.4611820247, tolerance));
  std::vector<S> mean(3);
  dirichlet::mode(z, {}, mean);
  for (std::size_t i = 0; i < 3; ++i)
    REQUIRE_THAT(static_cast<double>(mean[i]), WithinAbs(static_cast<double>(w[i]), tolerance));
}

/// Five entries of which the third takes no part; its neighbours are the four of the reference figures below.
struct Masked {
  static constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> z{0.5, -1.25, nan, 2, 0.75};
  std::vector<double> q{1.5, 0.25, nan, -1, 3};
  std::vector<double> w{0.125, 0.25, nan, 0.5, 0.125};
  std::vector<std::uint8_t> mask{1, 1, 0, 1, 1};
};

}  // namespace

TEST_CASE("Dirichlet reproduces the worked example") {
  worked_example<float>(1e-6);
  worked_example<double>(1e-9);
}

TEST_CASE("Dirichlet agrees with mpmath, whatever stands in invalid entries") {
  const Masked m;
  const auto e = dirichlet::evaluate(m.z, m.mask, m.w);
  REQUIRE_THAT(e.log_prob, WithinRel(2.5472562618737032, 1e-13));
  REQUIRE_THAT(e.entropy, WithinRel(-2.4092578945614925, 1e-13));
  REQUIRE_THAT(dirichlet::kl(m.z, m.q, m.mask), WithinRel(1.857990917224687, 1e-13));
  REQUIRE_THAT(dirichlet::kl(m.z, m.z, m.mask), WithinAbs(0.0, 1e-14));
  const std::array<double, 5> log_prob_gradient{-0.25306252998866255, 0.20436505552470197, 0, 0.36461467679592011,
                                                -0.34508729868804454};
  const std::array<double, 5> entropy_gradient{-0.048160772292138249, 0.057949715916256903, 0, -0.21061806534429384,
                                               -0.077408752689470214};
  std::vector<double> g(5, 7.0);
  dirichlet::backward(m.z, m.mask, m.w, 1.0, 0.0, g);
  for (std::size_t i = 0; i < 5; ++i) REQUIRE_THAT(g[i], WithinAbs(log_prob_gradient[i], 1e-14));
  dirichlet::backward(m.z, m.mask, m.w, 0.0, 1.0, g);
  for (std::size_t i = 0; i < 5; ++i) REQUIRE_THAT(g[i], WithinAbs(entropy_gradient[i], 1e-14));
  REQUIRE(g[2] == 0.0);
}

TEST_CASE("Dirichlet: the flattest density is uniform") {
  const std::vector<double> z(4, -1e30);  // alpha = 1
  const auto e = dirichlet::evaluate(z, {}, std::vector<double>{0.1, 0.2, 0.3, 0.4});
  REQUIRE_THAT(e.log_prob, WithinRel(std::log(6.0), 1e-14));  // the simplex of 3 dimensions has volume 1/3!
  REQUIRE_THAT(e.entropy, WithinRel(-std::log(6.0), 1e-14));
  REQUIRE_THAT(dirichlet::evaluate(z, {}, std::vector<double>{0, 0.5, 0.5, 0}).log_prob, WithinRel(std::log(6.0), 1e-14));
}

TEST_CASE("Dirichlet: the density of two weights integrates to 1") {
  const std::vector<double> z{z_of(2.3), z_of(4.1)};
  double sum = 0;
  constexpr int cells = 20'000;
  for (int i = 0; i < cells; ++i) {
    const double first = (i + 0.5) / cells;
    sum += std::exp(dirichlet::evaluate(z, {}, std::array<double, 2>{first, 1 - first}).log_prob) / cells;
  }
  REQUIRE_THAT(sum, WithinAbs(1.0, 1e-7));
}

TEST_CASE("Dirichlet: gradients agree with central differences") {
  auto random = stream(1);
  for (int repeat = 0; repeat < 5; ++repeat) {
    std::vector<double> z(6), w(6);
    for (double& x : z) x = 1.5 * random.normal();
    std::vector<std::uint8_t> mask{1, 0, 1, 1, 0, 1};
    dirichlet::sample_and_evaluate(z, mask, random, w);
    w[1] = w[4] = std::numeric_limits<double>::quiet_NaN();
    for (const auto& [d_log_prob, d_entropy] : {std::pair{1.0, 0.0}, std::pair{0.0, 1.0}, std::pair{1.3, -0.4}}) {
      const auto loss = [&, d_lp = d_log_prob, d_h = d_entropy](std::span<const double> at, std::span<double> gradient) {
        if (!gradient.empty()) dirichlet::backward(at, mask, w, d_lp, d_h, gradient);
        const auto e = dirichlet::evaluate(at, mask, w);
        return d_lp * e.log_prob + d_h * e.entropy;
      };
      REQUIRE(rlx::nn::gradient_check(loss, z) <= 1e-7);
    }
  }
}

TEST_CASE("Dirichlet: entropy, KL and mean agree with a million samples, whose sums are 1") {
  const std::vector<float> z{0.5F, 9.0F, -1.25F, 2.0F}, q{1.5F, 9.0F, 0.25F, 1.0F};
  const std::vector<std::uint8_t> mask{1, 0, 1, 1};
  std::vector<float> w(4), mean(4);
  dirichlet::mode(z, mask, mean);
  auto random = stream(2);
  constexpr int n = 1'000'000;
  double surprise = 0, ratio = 0, worst_sum = 0;
  std::array<double, 4> sum{}, squares{};
  bool invalid = false;
  for (int i = 0; i < n; ++i) {
    const double log_p = static_cast<double>(dirichlet::sample_and_evaluate(z, mask, random, w).log_prob);
    surprise -= log_p;
    ratio += log_p - static_cast<double>(dirichlet::evaluate(q, mask, w).log_prob);
    worst_sum = std::max(worst_sum, std::abs(sum_of(w) - 1));
    invalid = invalid || w[1] != 0.0F;
    for (std::size_t k = 0; k < 4; ++k) {
      const double d = static_cast<double>(w[k]) - static_cast<double>(mean[k]);
      sum[k] += d;
      squares[k] += d * d;
    }
  }
  REQUIRE_FALSE(invalid);
  REQUIRE(worst_sum <= 1e-6);
  REQUIRE_THAT(static_cast<double>(dirichlet::evaluate(z, mask, w).entropy), WithinRel(surprise / n, 0.01));
  REQUIRE_THAT(static_cast<double>(dirichlet::kl(z, q, mask)), WithinRel(ratio / n, 0.01));
  for (std::size_t k = 0; k < 4; ++k) REQUIRE(std::abs(sum[k] / n) <= 5 * std::sqrt(squares[k] / n / n));
}

TEST_CASE("Dirichlet: samples of many weights sum to 1, stay above the floor and are evaluated as stored") {
  auto random = stream(3);
  for (const std::size_t n : {std::size_t{2}, std::size_t{16}, std::size_t{1000}}) {
    std::vector<float> z(n), w(n);
    for (float& x : z) x = static_cast<float>(20 * random.normal());
    const auto drawn = dirichlet::sample_and_evaluate(z, {}, random, w);
    REQUIRE_THAT(sum_of(w), WithinAbs(1.0, 1e-6));
    REQUIRE(drawn.log_prob == dirichlet::evaluate(z, {}, w).log_prob);
    REQUIRE(drawn.entropy == dirichlet::evaluate(z, {}, w).entropy);
    for (const float x : w) REQUIRE(x > 0.99e-10F);
  }
  const std::vector<float> z{1e14F, -1e30F};  // the second weight is of the order of 1e-14
  std::vector<float> w(2);
  const auto drawn = dirichlet::sample_and_evaluate(z, {}, random, w);
  REQUIRE_THAT(static_cast<double>(w[1]), WithinRel(dirichlet::smallest_weight, 1e-6));
  REQUIRE(rlx::is_finite(drawn.log_prob));
}

TEST_CASE("Dirichlet: a single valid entry has weight 1, log p 0, entropy 0 and no gradient") {
  auto random = stream(4);
  for (std::size_t only = 0; only < 5; ++only) {
    std::vector<float> z(5, std::numeric_limits<float>::quiet_NaN());
    z[(only + 1) % 5] = std::numeric_limits<float>::infinity();
    z[only] = 3.7F;
    std::vector<std::uint8_t> mask(5, 0);
    mask[only] = 255;
    std::vector<float> w(5, 7.0F);
    const auto drawn = dirichlet::sample_and_evaluate(z, mask, random, w);
    REQUIRE(drawn.log_prob == 0.0F);
    REQUIRE(drawn.entropy == 0.0F);
    for (std::size_t i = 0; i < 5; ++i) REQUIRE(w[i] == (i == only ? 1.0F : 0.0F));
    REQUIRE(dirichlet::kl(z, std::vector<float>(5, 1.0F), mask) == 0.0F);
    std::vector<float> out(5, 7.0F);
    dirichlet::mode(z, mask, out);
    REQUIRE(out == w);
    dirichlet::backward(z, mask, w, 2.0F, 3.0F, out);
    for (const float g : out) REQUIRE(g == 0.0F);

    w[only] = 0.9999F;  // the weight is 1 by definition, however it was rounded on its way
    REQUIRE(dirichlet::evaluate(z, mask, w).log_prob == 0.0F);
    dirichlet::backward(z, mask, w, 2.0F, 3.0F, out);
    for (const float g : out) REQUIRE(g == 0.0F);
  }
}

TEST_CASE("Dirichlet: a mask of ones gives the bits of no mask, invalid NaN those of invalid zeros") {
  auto random = stream(5);
  std::vector<float> z(9), a(9), b(9), w(9), v(9);
  for (float& x : z) x = static_cast<float>(2 * random.normal());
  const std::vector<std::uint8_t> ones(9, 1), some{1, 0, 1, 1, 0, 0, 1, 1, 1};
  auto first = stream(6);
  auto second = first;
  const auto masked = dirichlet::sample_and_evaluate(z, ones, first, w);
  const auto unmasked = dirichlet::sample_and_evaluate(z, {}, second, v);
  REQUIRE(same_bits(w, v));
  REQUIRE(masked.log_prob == unmasked.log_prob);
  REQUIRE(masked.entropy == unmasked.entropy);
  REQUIRE(dirichlet::kl(z, w, ones) == dirichlet::kl(z, w, {}));
  dirichlet::backward(z, ones, w, 0.7F, -0.2F, a);
  dirichlet::backward(z, {}, w, 0.7F, -0.2F, b);
  REQUIRE(same_bits(a, b));
  dirichlet::mode(z, ones, a);
  dirichlet::mode(z, {}, b);
  REQUIRE(same_bits(a, b));

  std::vector<float> zero = z, zero_w = w;
  for (std::size_t i = 0; i < 9; ++i) {
    if (some[i] != 0) continue;
    z[i] = w[i] = std::numeric_limits<float>::quiet_NaN();
    zero[i] = zero_w[i] = 0;
  }
  REQUIRE(dirichlet::evaluate(z, some, w).log_prob == dirichlet::evaluate(zero, some, zero_w).log_prob);
  REQUIRE(dirichlet::evaluate(z, some, w).entropy == dirichlet::evaluate(zero, some, zero_w).entropy);
  dirichlet::backward(z, some, w, 0.7F, -0.2F, a);
  dirichlet::backward(zero, some, zero_w, 0.7F, -0.2F, b);
  REQUIRE(same_bits(a, b));
  dirichlet::sample_and_evaluate(z, some, first, a);
  dirichlet::sample_and_evaluate(zero, some, second, b);
  REQUIRE(same_bits(a, b));
}

TEST_CASE("Dirichlet: large alpha keeps its accuracy, extreme logits keep every figure finite") {
  const std::vector<double> z{1e6, 1e6}, q{1e6, 1e6 + 1000};  // softplus(1e6) = 1e6 in double
  const auto e = dirichlet::evaluate(z, {}, std::vector<double>{0.5, 0.5});
  REQUIRE_THAT(e.log_prob, WithinAbs(7.0285378916172573, 1e-7));  // mpmath
  REQUIRE_THAT(e.entropy, WithinAbs(-6.5285382666170073, 1e-7));
  REQUIRE_THAT(dirichlet::kl(z, q, {}), WithinAbs(0.24987501047383703, 1e-7));

  auto random = stream(7);
  for (const auto& row : {std::vector<float>{1e30F, -1e30F, 0.0F}, std::vector<float>{1e30F, 1e30F, 1e30F},
                          std::vector<float>{-1e30F, -1e30F, -1e30F}, std::vector<float>{1e6F, 0.0F, -88.0F}}) {
    std::vector<float> w(3), g(3);
    const auto drawn = dirichlet::sample_and_evaluate(row, {}, random, w);
    REQUIRE(rlx::is_finite(drawn.log_prob));
    REQUIRE(rlx::is_finite(drawn.entropy));
    REQUIRE_THAT(sum_of(w), WithinAbs(1.0, 1e-6));
    dirichlet::backward(row, {}, w, 1.0F, 1.0F, g);
    REQUIRE(rlx::first_non_finite(g) == 3);
    dirichlet::mode(row, {}, w);
    REQUIRE_THAT(sum_of(w), WithinAbs(1.0, 1e-6));
  }
}

TEST_CASE("Dirichlet refuses what cannot be") {
  auto random = stream(8);
  const std::vector<double> z{1, 2, 3}, w{0.2, 0.3, 0.5};
  std::vector<double> out(3), shorter(2);
  const std::vector<std::uint8_t> none{0, 0, 0}, two{1, 1};
  REQUIRE_THROWS_AS(dirichlet::evaluate(z, none, w), rlx::NumericError);
  REQUIRE_THROWS_AS(dirichlet::mode(z, none, out), rlx::NumericError);
  REQUIRE_THROWS_AS(dirichlet::sample_and_evaluate(z, none, random, out), rlx::NumericError);
  REQUIRE_THROWS_AS(dirichlet::evaluate(z, two, w), rlx::ShapeError);
  REQUIRE_THROWS_AS(dirichlet::evaluate(z, {}, shorter), rlx::ShapeError);
  REQUIRE_THROWS_AS(dirichlet::sample_and_evaluate(z, {}, random, shorter), rlx::ShapeError);
  REQUIRE_THROWS_AS(dirichlet::mode(z, {}, shorter), rlx::ShapeError);
  REQUIRE_THROWS_AS(dirichlet::kl(z, shorter, {}), rlx::ShapeError);
  REQUIRE_THROWS_AS(dirichlet::backward(z, {}, w, 1.0, 1.0, shorter), rlx::ShapeError);
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const std::vector<double> broken{1, bad, 3};
    REQUIRE_THROWS_AS(dirichlet::sample_and_evaluate(broken, {}, random, out), rlx::NumericError);
    REQUIRE_FALSE(rlx::is_finite(dirichlet::evaluate(broken, {}, w).log_prob));
  }
}

TEST_CASE("Dirichlet does not allocate") {
  auto random = stream(9);
  const std::vector<float> z{0.5F, 9.0F, -1.25F, 2.0F};
  const std::vector<std::uint8_t> mask{1, 0, 1, 1};
  std::vector<float> w(4), out(4);
  float sum = 0;
  const rlx_test::AllocationCounter counter;
  sum += dirichlet::sample_and_evaluate(z, mask, random, w).log_prob;
  sum += dirichlet::evaluate(z, mask, w).log_prob + dirichlet::kl(z, w, mask);
  dirichlet::backward(z, mask, w, 1.0F, 1.0F, out);
  dirichlet::mode(z, mask, out);
  const auto allocations = counter.count();
  REQUIRE(allocations == 0);
  REQUIRE(rlx::is_finite(sum));
}
