// SPDX-License-Identifier: MIT
#include <rlx/env/testing.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <rlx/env/classic/acrobot.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/mountain_car.hpp>
#include <rlx/env/classic/pendulum.hpp>

using rlx_test::ContainsSubstring;

static_assert(rlx::Environment<rlx::IdentityEnv> && !rlx::MaskedEnvironment<rlx::IdentityEnv>);
static_assert(rlx::Environment<rlx::IdentityMultiDiscreteEnv> && rlx::Environment<rlx::IdentityBoxEnv>);
static_assert(rlx::MaskedEnvironment<rlx::InvalidActionEnv>);
static_assert(rlx::Environment<rlx::RingEnv> && rlx::ReportsMetrics<rlx::CountEnv>);
static_assert(rlx::SerializableEnvironment<rlx::InvalidActionEnv> && rlx::SerializableEnvironment<rlx::RingEnv>);

namespace {
std::size_t hot(std::span<const float> row) {
  std::size_t found = row.size();
  float sum = 0.0F;
  for (std::size_t i = 0; i < row.size(); ++i) {
    sum += row[i];
    if (row[i] == 1.0F) found = i;
  }
  REQUIRE(sum == 1.0F);
  REQUIRE(found < row.size());
  return found;
}
}  // namespace

TEST_CASE("IdentityEnv: +1 for the state that is shown, truncated after 100, states uniform", "[env]") {
  rlx::IdentityEnv env(4);
  std::array<float, 4> row{};
  std::array<int, 4> counts{};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    env.reset(seed, row);
    double total = 0.0;
    for (int i = 1; i <= 100; ++i) {
      const std::size_t state = hot(row);
      ++counts[state];
      const bool right = i % 2 == 0;
      const std::array<std::int32_t, 1> action{static_cast<std::int32_t>(right ? state : (state + 1) % 4)};
      const rlx::Transition t = env.step(action, row);
      REQUIRE(t.reward == (right ? 1.0 : 0.0));
      REQUIRE(t.truncated == (i == 100));
      REQUIRE_FALSE(t.terminated);
      total += t.reward;
    }
    REQUIRE(total == 50.0);
  }
  // 5,000 draws of 4 states: chi-square with 3 degrees of freedom, 99.9 % below 16.27.
  double chi = 0.0;
  for (const int c : counts) chi += (c - 1250.0) * (c - 1250.0) / 1250.0;
  REQUIRE(chi < 16.27);
}

TEST_CASE("IdentityMultiDiscreteEnv: every component must be right", "[env]") {
  rlx::IdentityMultiDiscreteEnv env({2, 3});
  REQUIRE(env.observation_space().size() == 5);
  std::array<float, 5> row{};
  env.reset(3, row);
  for (int i = 0; i < 50; ++i) {
    const auto a = static_cast<std::int32_t>(hot(std::span<const float>(row).first(2)));
    const auto b = static_cast<std::int32_t>(hot(std::span<const float>(row).last(3)));
    const std::array<std::int32_t, 2> action{a, i % 2 == 0 ? b : (b + 1) % 3};
    REQUIRE(env.step(action, row).reward == (i % 2 == 0 ? 1.0 : 0.0));
  }
  const std::array<std::int32_t, 2> out{0, 3};
  REQUIRE_THROWS_WITH(env.step(out, row), ContainsSubstring("action[1] = 3 is not in [0, 3)"));
  REQUIRE_THROWS_AS(rlx::IdentityMultiDiscreteEnv({2, 0}), rlx::ConfigError);
}

TEST_CASE("IdentityBoxEnv: near enough is right", "[env]") {
  rlx::IdentityBoxEnv env(0.5);
  std::array<float, 1> row{};
  env.reset(3, row);
  double sum = 0.0;
  for (int i = 0; i < 100; ++i) {
    const float offset = i % 2 == 0 ? 0.499F : 0.501F;
    sum += static_cast<double>(row[0]);
    REQUIRE(std::abs(row[0]) <= 1.0F);
    const std::array<float, 1> action{row[0] + (i % 4 < 2 ? offset : -offset)};
    REQUIRE(env.step(action, row).reward == (i % 2 == 0 ? 1.0 : 0.0));
  }
  REQUIRE(std::abs(sum / 100.0) < 0.3);  // mean of U(-1,1): standard error 0.058
  env.reset(4, row);
  const std::array<float, 1> nan{std::numeric_limits<float>::quiet_NaN()};
  REQUIRE_THROWS_AS(env.step(nan, row), rlx::InvalidActionError);
  REQUIRE_THROWS_AS(rlx::IdentityBoxEnv(0.0), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::IdentityBoxEnv(std::numeric_limits<double>::infinity()), rlx::ConfigError);
}

TEST_CASE("InvalidActionEnv: k wrong actions are invalid, the right one never, each wrong one equally often", "[env]") {
  rlx::InvalidActionEnv env(5, 3);
  std::array<float, 5> row{};
  std::array<std::uint8_t, 5> mask{};
  std::array<int, 5> invalid_at_distance{};
  const std::array<std::int32_t, 1> action{0};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    env.reset(seed, row);
    for (int i = 0; i < 100; ++i) {
      const std::size_t state = hot(row);
      env.action_masks(mask);
      int invalid = 0;
      for (std::size_t a = 0; a < 5; ++a) {
        if (mask[a] != 0) continue;
        ++invalid;
        ++invalid_at_distance[(a + 5 - state) % 5];
      }
      REQUIRE(invalid == 3);
      REQUIRE(env.step(action, row).reward == (state == 0 ? 1.0 : 0.0));
    }
  }
  REQUIRE(invalid_at_distance[0] == 0);
  // 5,000 steps, each wrong action invalid with probability 3/4: standard error sqrt(5000 * 3/16) = 30.6; 5 of them.
  for (std::size_t d = 1; d < 5; ++d) REQUIRE(std::abs(invalid_at_distance[d] - 3750) < 153);
  REQUIRE_THROWS_WITH(rlx::InvalidActionEnv(5, 5), ContainsSubstring("k < n"));
  REQUIRE_THROWS_AS(rlx::InvalidActionEnv(5, -1), rlx::ConfigError);
  REQUIRE_NOTHROW(rlx::InvalidActionEnv(1, 0));
}

TEST_CASE("RingEnv: round and round, reward 1, no end", "[env]") {
  rlx::RingEnv env(4);
  std::array<float, 4> row{};
  const std::array<std::int32_t, 1> action{1};
  env.reset(8, row);
  for (std::size_t i = 0; i < 1000; ++i) {
    REQUIRE(hot(row) == i % 4);
    const rlx::Transition t = env.step(action, row);
    REQUIRE(t.reward == 1.0);
    REQUIRE_FALSE((t.terminated || t.truncated));
  }
}

TEST_CASE("CountEnv: counts, pays the action, terminates at max", "[env]") {
  rlx::CountEnv env(3);
  std::array<float, 1> row{};
  std::array<double, 1> metric{};
  env.reset(0, row);
  REQUIRE(row[0] == 0.0F);
  for (std::int32_t i = 1; i <= 3; ++i) {
    const std::array<std::int32_t, 1> action{2 * i};
    const rlx::Transition t = env.step(action, row);
    REQUIRE(row[0] == static_cast<float>(i));
    REQUIRE(t.reward == 2.0 * i);
    REQUIRE(t.terminated == (i == 3));
    REQUIRE_FALSE(t.truncated);
  }
  env.metrics(metric);
  REQUIRE(metric[0] == 3.0);
  env.reset(0, row);
  env.metrics(metric);
  REQUIRE(metric[0] == 0.0);
}

TEST_CASE("Testing environments: a saved episode continues in another object", "[env]") {
  rlx::InvalidActionEnv a(7, 4), b(7, 4);
  std::array<float, 7> row_a{}, row_b{};
  std::array<std::uint8_t, 7> mask_a{}, mask_b{};
  const std::array<std::int32_t, 1> action{3};
  a.reset(5, row_a);
  for (int i = 0; i < 30; ++i) a.step(action, row_a);
  std::vector<std::byte> bytes;
  a.save_state(bytes);
  b.load_state(bytes);
  for (int i = 30; i < 100; ++i) {
    a.action_masks(mask_a);
    b.action_masks(mask_b);
    REQUIRE(mask_a == mask_b);
    const rlx::Transition x = a.step(action, row_a), y = b.step(action, row_b);
    REQUIRE(row_a == row_b);
    REQUIRE(x.reward == y.reward);
    REQUIRE(x.truncated == y.truncated);
  }
  REQUIRE_THROWS_AS(b.load_state(std::span<const std::byte>(bytes).first(4)), rlx::CheckpointError);
  REQUIRE_THROWS_AS(b.step(action, row_b), rlx::StateError);
}

TEST_CASE("SimplexBanditEnv: pays the weight of the paying asset, which is shown and never masked", "[env]") {
  rlx::SimplexBanditEnv env;
  REQUIRE(env.observation_space().size() == 16);
  std::array<float, 16> row{};
  std::array<std::uint8_t, 8> mask{};
  std::array<int, 8> pays{}, masked{};
  const auto forbidden = [&](const std::array<float, 8>& weights) {
    REQUIRE_THROWS_AS(env.step(weights, row), rlx::InvalidActionError);
  };
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    env.reset(seed, row);
    for (int i = 1; i <= 100; ++i) {
      const std::size_t paying = hot(std::span<const float>(row).first(8));
      ++pays[paying];
      env.action_masks(mask);
      REQUIRE(mask[paying] == 1);
      std::size_t other = 8, closed = 8;
      int invalid = 0;
      for (std::size_t a = 0; a < 8; ++a) {
        REQUIRE(row[8 + a] == static_cast<float>(mask[a]));
        if (mask[a] == 0) {
          ++invalid;
          ++masked[a];
          closed = a;
        } else if (a != paying) {
          other = a;
        }
      }
      REQUIRE(invalid == 3);
      std::array<float, 8> weights{};
      weights[paying] = 0.75F;
      weights[closed] = 0.25F;
      forbidden(weights);
      weights[closed] = 0.0F;
      forbidden(weights);  // sums to 0.75
      weights[other] = 0.25F;
      const rlx::Transition t = env.step(weights, row);
      REQUIRE(t.reward == 0.75);
      REQUIRE(t.truncated == (i == 100));
      REQUIRE_FALSE(t.terminated);
    }
  }
  // 4,000 steps: pays with probability 1/8 (standard error 20.9), masked with 3/8 (30.6); 5 of them.
  for (std::size_t a = 0; a < 8; ++a) {
    REQUIRE(std::abs(pays[a] - 500) < 105);
    REQUIRE(std::abs(masked[a] - 1500) < 153);
  }
  env.reset(1, row);
  std::array<float, 8> weights{};
  weights[0] = -1.0F;
  weights[1] = 2.0F;
  forbidden(weights);
  REQUIRE_THROWS_WITH(rlx::SimplexBanditEnv(3, 3), ContainsSubstring("k < n"));
}

TEST_CASE("CartPoleWithoutVelocities: the first and third number of CartPole, the same episodes", "[env]") {
  rlx::CartPole full;
  rlx::CartPoleWithoutVelocities partial;
  std::array<float, 4> a{};
  std::array<float, 2> b{};
  full.reset(123, a);
  partial.reset(123, b);
  REQUIRE(partial.observation_space().high[0] == full.observation_space().high[0]);
  REQUIRE(partial.observation_space().high[1] == full.observation_space().high[2]);
  for (bool end = false; !end;) {
    REQUIRE(b[0] == a[0]);
    REQUIRE(b[1] == a[2]);
    const std::array<std::int32_t, 1> action{1};
    const rlx::Transition x = full.step(action, a), y = partial.step(action, b);
    REQUIRE(x.terminated == y.terminated);
    end = x.terminated;
  }
}

namespace {

/// Rows of observations, actions and masks that are one too short or too long are refused, and nothing is written beside them.
template <class E>
void require_row_lengths(E env) {
  using Scalar = typename E::ActionScalar;
  const std::size_t size = env.observation_space().size(), width = rlx::action_width(env.action_space());
  std::vector<float> row(size + 2, 7.0F);
  std::vector<Scalar> action(width + 1, Scalar{0});
  const std::span<float> fits = std::span(row).first(size);
  const auto valid = std::span<const Scalar>(action).first(width);
  for (const std::size_t wrong : {size - 1, size + 1}) {
    REQUIRE_THROWS_AS(env.reset(1, std::span(row).first(wrong)), rlx::ShapeError);
  }
  env.reset(1, fits);
  for (const std::size_t wrong : {size - 1, size + 1}) {
    REQUIRE_THROWS_AS(env.step(valid, std::span(row).first(wrong)), rlx::ShapeError);
  }
  for (const std::size_t wrong : {width - 1, width + 1}) {
    REQUIRE_THROWS_AS(env.step(std::span<const Scalar>(action).first(wrong), fits), rlx::ShapeError);
  }
  if constexpr (rlx::MaskedEnvironment<E>) {
    std::vector<std::uint8_t> mask(rlx::mask_width(env.action_space()) + 1);
    REQUIRE_THROWS_AS(env.action_masks(mask), rlx::ShapeError);
    REQUIRE_THROWS_AS(env.action_masks(std::span(mask).first(mask.size() - 2)), rlx::ShapeError);
  }
  REQUIRE(row[size] == 7.0F);
  REQUIRE(row[size + 1] == 7.0F);
}

}  // namespace

TEST_CASE("Rows of another length are refused by every environment of the library", "[env]") {
  require_row_lengths(rlx::CartPole());
  require_row_lengths(rlx::MountainCar());
  require_row_lengths(rlx::Pendulum());
  require_row_lengths(rlx::Acrobot());
  require_row_lengths(rlx::IdentityEnv(4));
  require_row_lengths(rlx::IdentityMultiDiscreteEnv({2, 3}));
  require_row_lengths(rlx::IdentityBoxEnv(0.5));
  require_row_lengths(rlx::InvalidActionEnv(4, 2));
  require_row_lengths(rlx::SimplexBanditEnv(4, 1));
  require_row_lengths(rlx::RingEnv(4));
  require_row_lengths(rlx::CountEnv(3));
  require_row_lengths(rlx::CartPoleWithoutVelocities());
}
