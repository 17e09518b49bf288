// SPDX-License-Identifier: MIT
#include <rlx/nn/multi_discrete.hpp>

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

namespace categorical = rlx::nn::categorical;
namespace multi_discrete = rlx::nn::multi_discrete;
using rlx_test::ContainsSubstring;
using rlx_test::WithinAbs;
using rlx_test::WithinRel;

rlx::RandomStream stream(std::uint64_t seed) { return rlx::RandomStream({.seed = seed, .purpose = rlx::Purpose::user}); }

template <class S>
bool same_bits(const std::vector<S>& a, const std::vector<S>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(S)) == 0;
}

template <class S>
void worked_example(double tolerance) {
  const std::vector<S> z{0, 1, 2, 0, 1};
  const std::vector<std::uint8_t> mask{1, 1, 1, 0, 1};
  const std::vector<std::int64_t> nvec{2, 3};
  const std::vector<std::int32_t> action{1, 2};
  const auto e = multi_discrete::evaluate(z, mask, nvec, action);
  REQUIRE_THAT(static_cast<double>(e.log_prob), WithinAbs(-1.6265233750, tolerance));
  REQUIRE_THAT(static_cast<double>(e.entropy), WithinAbs(1.1644062178, tolerance));
}

/// Components of very different sizes, some entries invalid and NaN.
struct Case {
  std::vector<std::int64_t> nvec{3, 1, 40, 17, 2};
  std::vector<float> p, q;
  std::vector<std::uint8_t> mask;
  std::vector<std::int32_t> action;

  explicit Case(std::uint64_t seed) {
    auto random = stream(seed);
    for (const std::int64_t n : nvec) {
      const auto chosen = random.bounded(static_cast<std::uint64_t>(n));
      action.push_back(static_cast<std::int32_t>(chosen));
      for (std::int64_t i = 0; i < n; ++i) {
        const bool valid = static_cast<std::uint64_t>(i) == chosen || random.bounded(3) != 0;
        mask.push_back(valid ? 1 : 0);
        p.push_back(valid ? static_cast<float>(2 * random.normal()) : std::numeric_limits<float>::quiet_NaN());
        q.push_back(valid ? static_cast<float>(2 * random.normal()) : std::numeric_limits<float>::quiet_NaN());
      }
    }
  }
};

}  // namespace

TEST_CASE("multi-discrete reproduces the worked example") {
  worked_example<float>(1e-6);
  worked_example<double>(1e-9);
}

TEST_CASE("multi-discrete equals its categoricals bit by bit") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Case c(seed);
    const std::size_t n = c.p.size();
    auto random = stream(100 + seed);
    auto same_random = random;
    std::vector<std::int32_t> drawn(c.nvec.size()), expected_drawn(c.nvec.size());
    std::vector<std::int32_t> mode(c.nvec.size()), expected_mode(c.nvec.size());
    std::vector<float> probabilities(n), expected_probabilities(n), gradient(n), expected_gradient(n);
    float log_prob = 0, entropy = 0, drawn_log_prob = 0, divergence = 0;
    std::size_t begin = 0;
    for (std::size_t k = 0; k < c.nvec.size(); ++k) {
      const auto size = static_cast<std::size_t>(c.nvec[k]);
      const auto z = std::span(c.p).subspan(begin, size);
      const auto mask = std::span(c.mask).subspan(begin, size);
      const auto action = static_cast<std::size_t>(c.action[k]);
      log_prob += categorical::log_prob(z, mask, action);
      entropy += categorical::entropy(z, mask);
      divergence += categorical::kl(z, std::span(c.q).subspan(begin, size), mask);
      const auto sample = categorical::sample_and_evaluate(z, mask, same_random.uniform());
      expected_drawn[k] = static_cast<std::int32_t>(sample.action);
      drawn_log_prob += sample.log_prob;
      expected_mode[k] = static_cast<std::int32_t>(categorical::mode(z, mask));
      categorical::probabilities(z, mask, std::span(expected_probabilities).subspan(begin, size));
      categorical::backward(z, mask, action, 0.7F, -0.3F, std::span(expected_gradient).subspan(begin, size));
      begin += size;
    }
    const auto e = multi_discrete::evaluate(c.p, c.mask, c.nvec, c.action);
    REQUIRE(e.log_prob == log_prob);
    REQUIRE(e.entropy == entropy);
    REQUIRE(multi_discrete::kl(c.p, c.q, c.mask, c.nvec) == divergence);
    const auto sample = multi_discrete::sample_and_evaluate(c.p, c.mask, c.nvec, random, drawn);
    REQUIRE(drawn == expected_drawn);
    REQUIRE(sample.log_prob == drawn_log_prob);
    REQUIRE(sample.entropy == entropy);
    REQUIRE(random.next_u64() == same_random.next_u64());
    multi_discrete::mode(c.p, c.mask, c.nvec, mode);
    REQUIRE(mode == expected_mode);
    multi_discrete::probabilities(c.p, c.mask, c.nvec, probabilities);
    REQUIRE(same_bits(probabilities, expected_probabilities));
    gradient.assign(n, 7.0F);
    multi_discrete::backward(c.p, c.mask, c.nvec, c.action, 0.7F, -0.3F, gradient);
    REQUIRE(same_bits(gradient, expected_gradient));
  }
}

TEST_CASE("multi-discrete: a mask of ones gives the bits of no mask, invalid NaN those of invalid zeros") {
  Case c(3);
  std::vector<float> a(c.p.size()), b(c.p.size());
  std::vector<float> zero = c.p;
  for (std::size_t i = 0; i < zero.size(); ++i)
    if (c.mask[i] == 0) zero[i] = 0;
  multi_discrete::backward(c.p, c.mask, c.nvec, c.action, 1.3F, 0.4F, a);
  multi_discrete::backward(zero, c.mask, c.nvec, c.action, 1.3F, 0.4F, b);
  REQUIRE(same_bits(a, b));
  REQUIRE(multi_discrete::evaluate(c.p, c.mask, c.nvec, c.action).entropy ==
          multi_discrete::evaluate(zero, c.mask, c.nvec, c.action).entropy);

  const std::vector<std::uint8_t> ones(zero.size(), 1);
  multi_discrete::backward(zero, ones, c.nvec, c.action, 1.3F, 0.4F, a);
  multi_discrete::backward(zero, {}, c.nvec, c.action, 1.3F, 0.4F, b);
  REQUIRE(same_bits(a, b));
  const auto masked = multi_discrete::evaluate(zero, ones, c.nvec, c.action);
  const auto unmasked = multi_discrete::evaluate(zero, {}, c.nvec, c.action);
  REQUIRE(masked.log_prob == unmasked.log_prob);
  REQUIRE(masked.entropy == unmasked.entropy);
}

TEST_CASE("multi-discrete: gradients agree with central differences") {
  auto random = stream(5);
  const std::vector<std::int64_t> nvec{4, 2, 3};
  const std::vector<std::uint8_t> mask{1, 0, 1, 1, 1, 1, 0, 1, 1};
  const std::vector<std::int32_t> action{3, 0, 1};
  std::vector<double> z(9);
  for (double& x : z) x = random.normal();
  for (const auto& [d_log_prob, d_entropy] : {std::pair{1.0, 0.0}, std::pair{0.0, 1.0}}) {
    const auto loss = [&, d_lp = d_log_prob, d_h = d_entropy](std::span<const double> at, std::span<double> gradient) {
      if (!gradient.empty()) multi_discrete::backward(at, mask, nvec, action, d_lp, d_h, gradient);
      const auto e = multi_discrete::evaluate(at, mask, nvec, action);
      return d_lp * e.log_prob + d_h * e.entropy;
    };
    REQUIRE(rlx::nn::gradient_check(loss, z) <= 1e-7);
  }
}

TEST_CASE("multi-discrete: entropy and KL agree with a million samples, invalid choices never occur") {
  const std::vector<float> p{0.5F, -1.0F, 1.0F, 0.0F, 2.0F};
  const std::vector<float> q{-0.5F, 1.0F, 0.0F, 0.0F, 0.5F};
  const std::vector<std::uint8_t> mask{1, 1, 1, 0, 1};
  const std::vector<std::int64_t> nvec{2, 3};
  std::vector<std::int32_t> action(2);
  auto random = stream(6);
  constexpr int n = 1'000'000;
  double surprise = 0;
  double ratio = 0;
  bool invalid = false;
  for (int i = 0; i < n; ++i) {
    const double log_p = static_cast<double>(multi_discrete::sample_and_evaluate(p, mask, nvec, random, action).log_prob);
    invalid = invalid || action[1] == 1;
    surprise -= log_p;
    ratio += log_p - static_cast<double>(multi_discrete::evaluate(q, mask, nvec, action).log_prob);
  }
  REQUIRE_FALSE(invalid);
  REQUIRE_THAT(static_cast<double>(multi_discrete::evaluate(p, mask, nvec, action).entropy), WithinRel(surprise / n, 0.01));
  REQUIRE_THAT(static_cast<double>(multi_discrete::kl(p, q, mask, nvec)), WithinRel(ratio / n, 0.01));
}

TEST_CASE("multi-discrete: extreme logits keep every figure finite") {
  const std::vector<float> z{1e30F, -1e30F, -1e30F, -1e30F, 1e30F};
  const std::vector<std::int64_t> nvec{2, 3};
  const std::vector<std::int32_t> action{0, 2};
  const auto e = multi_discrete::evaluate(z, {}, nvec, action);
  REQUIRE(e.log_prob == 0.0F);
  REQUIRE(e.entropy == 0.0F);
  std::vector<float> g(5, 7.0F);
  multi_discrete::backward(z, {}, nvec, action, 1.0F, 1.0F, g);
  for (const float x : g) REQUIRE(x == 0.0F);
}

TEST_CASE("multi-discrete refuses what cannot be and names the component") {
  const std::vector<double> z{0, 1, 2, 0, 1};
  const std::vector<std::int64_t> nvec{2, 3};
  const std::vector<std::int32_t> action{1, 2};
  std::vector<std::int32_t> out(2);
  std::vector<double> g(5);
  const std::vector<std::uint8_t> none_in_second{1, 0, 0, 0, 0};
  REQUIRE_THROWS_AS(multi_discrete::evaluate(z, none_in_second, nvec, action), rlx::NumericError);
  REQUIRE_THROWS_WITH(multi_discrete::mode(z, none_in_second, nvec, out), ContainsSubstring("component 1"));
  REQUIRE_THROWS_WITH(multi_discrete::evaluate(z, {}, nvec, std::vector<std::int32_t>{1, 3}), ContainsSubstring("component 1"));
  REQUIRE_THROWS_AS(multi_discrete::evaluate(z, {}, nvec, std::vector<std::int32_t>{1, -1}), rlx::ShapeError);
  REQUIRE_THROWS_AS(multi_discrete::evaluate(z, {}, nvec, std::vector<std::int32_t>{1}), rlx::ShapeError);
  REQUIRE_THROWS_AS(multi_discrete::evaluate(z, {}, std::vector<std::int64_t>{2, 2}, action), rlx::ShapeError);
  REQUIRE_THROWS_AS(multi_discrete::evaluate(z, std::vector<std::uint8_t>{1, 1}, nvec, action), rlx::ShapeError);
  REQUIRE_THROWS_AS(multi_discrete::probabilities(z, {}, nvec, std::span(g).first(4)), rlx::ShapeError);
  REQUIRE_THROWS_AS(multi_discrete::kl(z, std::span(g).first(4), {}, nvec), rlx::ShapeError);
  REQUIRE_THROWS_AS(multi_discrete::backward(z, {}, nvec, action, 1.0, 1.0, std::span(g).first(4)), rlx::ShapeError);
  const auto invalid = multi_discrete::evaluate(z, std::vector<std::uint8_t>{1, 0, 1, 1, 1}, nvec, action);
  REQUIRE(invalid.log_prob == -std::numeric_limits<double>::infinity());
}

TEST_CASE("multi-discrete does not allocate") {
  Case c(9);
  auto random = stream(10);
  std::vector<std::int32_t> action(c.nvec.size());
  std::vector<float> out(c.p.size());
  float sum = 0;
  const rlx_test::AllocationCounter counter;
  sum += multi_discrete::sample_and_evaluate(c.p, c.mask, c.nvec, random, action).log_prob;
  sum += multi_discrete::evaluate(c.p, c.mask, c.nvec, action).log_prob;
  sum += multi_discrete::kl(c.p, c.q, c.mask, c.nvec);
  multi_discrete::backward(c.p, c.mask, c.nvec, action, 1.0F, 1.0F, out);
  multi_discrete::probabilities(c.p, c.mask, c.nvec, out);
  multi_discrete::mode(c.p, c.mask, c.nvec, action);
  const auto allocations = counter.count();
  REQUIRE(allocations == 0);
  REQUIRE(rlx::is_finite(sum));
}
