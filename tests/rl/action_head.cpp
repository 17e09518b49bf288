// SPDX-License-Identifier: MIT
#include <rlx/rl/detail/action_head.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "rlx_catch.hpp"

using namespace rlx_test;
using rlx::detail::CategoricalHead;
using rlx::detail::DirichletHead;
using rlx::detail::GaussianHead;
using rlx::detail::HeadRow;
using rlx::detail::MultiCategoricalHead;

namespace {

using Mask = std::vector<std::uint8_t>;

/// Draws are reported as `evaluate` reports them, respect the mask, and the mode has the largest probability of all.
template <class Head>
void check_draws(const Head& head, const std::vector<double>& outputs, const Mask& mask, const std::vector<double>& log_std) {
  using A = typename Head::template Stored<double>;
  const HeadRow<double> row{outputs, mask, log_std};
  std::vector<A> best(head.action_width()), action(head.action_width());
  head.mode(row, std::span<A>(best));
  const double highest = head.evaluate(row, std::span<const A>(best)).log_prob;
  rlx::RandomStream random({3, rlx::Purpose::user});
  for (int i = 0; i < 200; ++i) {
    const auto drawn = head.sample(row, random, std::span<A>(action));
    const auto again = head.evaluate(row, std::span<const A>(action));
    REQUIRE_THAT(drawn.log_prob, WithinAbs(again.log_prob, 1e-9));
    REQUIRE_THAT(drawn.entropy, WithinAbs(again.entropy, 1e-12));
    if constexpr (Head::is_discrete) REQUIRE(drawn.log_prob <= highest + 1e-12);
    for (std::size_t k = 0; !mask.empty() && k < action.size(); ++k) {
      if constexpr (std::same_as<Head, CategoricalHead>) REQUIRE(mask[static_cast<std::size_t>(action[k])] != 0);
      if constexpr (std::same_as<Head, DirichletHead>) REQUIRE((action[k] == 0.0) == (mask[k] == 0));
    }
  }
  // d(log p) and d(H) by central differences.
  std::vector<double> d(outputs.size()), d_log_std(log_std.size());
  head.backward(row, std::span<const A>(action), 0.7, 0.3, std::span<double>(d), std::span<double>(d_log_std));
  const auto loss = [&](const std::vector<double>& o, const std::vector<double>& s) {
    const auto e = head.evaluate(HeadRow<double>{o, mask, s}, std::span<const A>(action));
    return 0.7 * e.log_prob + 0.3 * e.entropy;
  };
  const auto difference = [&](std::vector<double> o, std::vector<double> s, bool of_outputs, std::size_t i) {
    double& x = of_outputs ? o[i] : s[i];
    const double at = x;
    x = at + 1e-5;
    const double above = loss(o, s);
    x = at - 1e-5;
    return (above - loss(o, s)) / 2e-5;
  };
  for (std::size_t i = 0; i < d.size(); ++i) {
    if (!mask.empty() && mask[i] == 0) REQUIRE(d[i] == 0.0);
    REQUIRE_THAT(d[i], WithinAbs(difference(outputs, log_std, true, i), 1e-7));
  }
  for (std::size_t i = 0; i < d_log_std.size(); ++i)
    REQUIRE_THAT(d_log_std[i], WithinAbs(difference(outputs, log_std, false, i), 1e-7));
}

}  // namespace

TEST_CASE("One of n: the worked example, sizes and the logarithms of what may be chosen", "[rl][action_head]") {
  const CategoricalHead head(5);
  REQUIRE(head.distribution() == "categorical");
  REQUIRE(head.outputs() == 5);
  REQUIRE(head.mask_width() == 5);
  REQUIRE(head.action_width() == 1);
  REQUIRE(head.log_std_size() == 0);
  const std::vector<double> z{0.5, -1.2, 2.0, 0.3, -0.7};
  const Mask mask{1, 0, 1, 1, 0};
  const std::array<std::int32_t, 1> action{2};
  const auto e = head.evaluate(HeadRow<double>{z, mask, {}}, std::span<const std::int32_t>(action));
  REQUIRE_THAT(e.log_prob, WithinAbs(-0.340616270, 1e-9));
  REQUIRE_THAT(e.entropy, WithinAbs(0.799608267, 1e-9));
  std::vector<double> p(5);
  head.probabilities(HeadRow<double>{z, mask, {}}, std::span<double>(p));
  REQUIRE_THAT(p[0], WithinAbs(0.158719582, 1e-9));
  REQUIRE(p[1] == 0.0);
  REQUIRE_THAT(head.log_actions(), WithinAbs(std::log(5.0), 1e-15));
  REQUIRE_THAT(head.log_valid(mask), WithinAbs(std::log(3.0), 1e-15));
  REQUIRE(head.log_valid({}) == head.log_actions());
  REQUIRE(head.log_valid(Mask{0, 0, 1, 0, 0}) == 0.0);  // no choice
  REQUIRE(head.has_choice(Mask{0, 0, 1, 0, 0}));
  REQUIRE_FALSE(head.has_choice(Mask(5, 0)));
  check_draws(head, z, mask, {});
  check_draws(head, z, {}, {});
}

TEST_CASE("Components: the worked example, and no choice where one component has none", "[rl][action_head][detail_M1]") {
  const MultiCategoricalHead head({2, 3});
  REQUIRE(head.distribution() == "multi_categorical");
  REQUIRE(head.outputs() == 5);
  REQUIRE(head.mask_width() == 5);
  REQUIRE(head.action_width() == 2);
  const std::vector<double> z{0, 1, 2, 0, 1};
  const Mask mask{1, 1, 1, 0, 1};
  const std::array<std::int32_t, 2> action{1, 2};
  const auto e = head.evaluate(HeadRow<double>{z, mask, {}}, std::span<const std::int32_t>(action));
  REQUIRE_THAT(e.log_prob, WithinAbs(-1.6265233750, 1e-9));
  REQUIRE_THAT(e.entropy, WithinAbs(1.1644062178, 1e-9));
  REQUIRE_THAT(head.log_actions(), WithinAbs(std::log(6.0), 1e-15));
  REQUIRE_THAT(head.log_valid(mask), WithinAbs(std::log(4.0), 1e-15));
  REQUIRE(head.has_choice(mask));
  REQUIRE_FALSE(head.has_choice(Mask{1, 1, 0, 0, 0}));
  REQUIRE_FALSE(head.has_choice(Mask{0, 0, 1, 1, 1}));
  std::array<std::int32_t, 2> best{};
  head.mode(HeadRow<double>{z, mask, {}}, std::span<std::int32_t>(best));
  REQUIRE(best == std::array<std::int32_t, 2>{1, 0});
  check_draws(head, z, mask, {});
  check_draws(head, z, {}, {});
}

TEST_CASE("Numbers: the worked example, and clipping", "[rl][action_head][detail_K1][detail_K5]") {
  const float infinity = std::numeric_limits<float>::infinity();
  const GaussianHead head({-1.0F, -infinity}, {1.0F, infinity}, false);
  REQUIRE(head.distribution() == "gaussian");
  REQUIRE(head.mask_width() == 0);
  REQUIRE(head.log_std_size() == 2);
  const std::vector<double> mean{0.0, 0.0}, log_std{std::log(2.0), std::log(2.0)}, action{1.0, 1.0};
  const auto e = head.evaluate(HeadRow<double>{mean, {}, log_std}, std::span<const double>(action));
  REQUIRE_THAT(e.log_prob, WithinAbs(2 * -1.7370857138, 1e-9));
  REQUIRE_THAT(e.entropy, WithinAbs(2 * 2.1120857138, 1e-9));
  const std::vector<float> stored{-3.5F, -3.5F};
  std::vector<float> told(2);
  head.to_environment(stored, told);
  REQUIRE(told == std::vector<float>{-1.0F, -3.5F});
  check_draws(head, {0.3, -1.4}, {}, {-0.4, 0.6});
}

TEST_CASE("Squashed numbers: the worked example, bounds that are needed", "[rl][action_head]") {
  const GaussianHead head({-1.0F}, {1.0F}, true);
  REQUIRE(head.distribution() == "tanh_gaussian");
  const std::vector<double> mean{0.0}, log_std{0.0}, u{0.5};
  const auto e = head.evaluate(HeadRow<double>{mean, {}, log_std}, std::span<const double>(u));
  REQUIRE_THAT(e.log_prob, WithinAbs(-0.8037095193, 1e-9));
  REQUIRE_THAT(e.entropy, WithinAbs(0.5 * std::log(2 * 3.14159265358979323846) + 0.5, 1e-12));  // of the Gaussian
  const GaussianHead wide({0.0F}, {4.0F}, true);
  std::vector<float> told(1);
  wide.to_environment(std::vector<float>{0.5F}, told);
  REQUIRE_THAT(static_cast<double>(told[0]), WithinAbs((std::tanh(0.5) + 1) * 2, 1e-6));
  wide.to_environment(std::vector<float>{50.0F}, told);
  REQUIRE(told[0] == 4.0F);
  // The mode is that of the Gaussian; what the environment gets is its image.
  std::vector<double> best(1);
  wide.mode(HeadRow<double>{std::vector<double>{0.7}, {}, log_std}, std::span<double>(best));
  REQUIRE(best[0] == 0.7);
  check_draws(GaussianHead({-1.0F, 2.0F}, {1.0F, 3.0F}, true), {0.3, -1.4}, {}, {-0.4, 0.6});
  const float infinity = std::numeric_limits<float>::infinity();
  REQUIRE_THROWS_WITH(GaussianHead({-1.0F, 0.0F}, {1.0F, infinity}, true), ContainsSubstring("element 1"));
  REQUIRE_THROWS_AS(GaussianHead({-infinity}, {1.0F}, true), rlx::ConfigError);
}

TEST_CASE("Weights: the worked example, exact zeros, and one valid asset", "[rl][action_head]") {
  const DirichletHead head(3);
  REQUIRE(head.distribution() == "dirichlet");
  REQUIRE(head.outputs() == 3);
  REQUIRE(head.mask_width() == 3);
  // alpha = softplus(z) + 1 = (2, 3, 5).
  std::vector<double> z;
  for (const double alpha : {2.0, 3.0, 5.0}) z.push_back(std::log(std::expm1(alpha - 1)));
  const std::vector<double> w{0.2, 0.3, 0.5};
  const auto e = head.evaluate(HeadRow<double>{z, {}, {}}, std::span<const double>(w));
  REQUIRE_THAT(e.log_prob, WithinAbs(2.1406542258, 1e-9));
  REQUIRE_THAT(e.entropy, WithinAbs(-1.4611820247, 1e-9));
  std::vector<double> best(3);
  head.mode(HeadRow<double>{z, {}, {}}, std::span<double>(best));
  for (std::size_t i = 0; i < 3; ++i) REQUIRE_THAT(best[i], WithinAbs(w[i], 1e-12));  // alpha / 10
  const Mask one{0, 1, 0};
  rlx::RandomStream random({3, rlx::Purpose::user});
  const auto alone = head.sample(HeadRow<double>{z, one, {}}, random, std::span<double>(best));
  REQUIRE(best == std::vector<double>{0.0, 1.0, 0.0});
  REQUIRE(alone.log_prob == 0.0);
  REQUIRE(alone.entropy == 0.0);
  REQUIRE(head.has_choice(one));
  REQUIRE_FALSE(head.has_choice(Mask(3, 0)));
  check_draws(head, z, {}, {});
  check_draws(head, z, {1, 0, 1}, {});
}

TEST_CASE("What a mask forbids is never read", "[rl][action_head]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> z{0.4, nan, -0.2};
  const Mask mask{1, 0, 1};
  rlx::RandomStream random({3, rlx::Purpose::user});
  const auto check = [&](const auto& head, auto action) {
    const HeadRow<double> row{z, mask, {}};
    using A = typename decltype(action)::value_type;
    const auto drawn = head.sample(row, random, std::span<A>(action));
    REQUIRE(rlx::is_finite(drawn.log_prob));
    REQUIRE(rlx::is_finite(drawn.entropy));
    std::vector<double> d(3, nan);
    head.backward(row, std::span<const A>(action), 1.0, 1.0, std::span<double>(d), std::span<double>());
    REQUIRE(d[1] == 0.0);
    REQUIRE(rlx::is_finite(d[0]));
    REQUIRE(rlx::is_finite(d[2]));
  };
  check(CategoricalHead(3), std::vector<std::int32_t>(1));
  check(MultiCategoricalHead({3}), std::vector<std::int32_t>(1));
  check(DirichletHead(3), std::vector<double>(3));
}
