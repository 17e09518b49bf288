// SPDX-License-Identifier: MIT
#include <rlx/env/append_features.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/check_env.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/vector_env.hpp>

namespace {

/// Steps of the episode and their square.
struct Clock {
  std::vector<std::string> names() const { return {"steps", "steps_squared"}; }
  template <class E>
  void operator()(const E& env, std::span<float> row) const {
    row[0] = static_cast<float>(env.info().steps);
    row[1] = row[0] * row[0];
  }
};
struct Nothing {
  std::vector<std::string> names() const { return {}; }
  void operator()(const rlx::CartPole&, std::span<float>) const {}
};
/// The state that `InvalidActionEnv` shows anyway.
struct State {
  std::vector<std::string> names() const { return {"valid_actions"}; }
  void operator()(const rlx::InvalidActionEnv& env, std::span<float> row) const {
    std::array<std::uint8_t, 5> mask{};
    env.action_masks(mask);
    row[0] = 0;
    for (const std::uint8_t valid : mask) row[0] += valid;
  }
};

using Pole = rlx::AppendFeatures<rlx::CartPole, Clock>;
using Seller = rlx::AppendFeatures<rlx::PremiumSeller, Clock>;

}  // namespace

static_assert(rlx::Environment<Pole> && !rlx::MaskedEnvironment<Pole>);
static_assert(rlx::FeatureSource<Clock, rlx::CartPole> && !rlx::FeatureSource<State, rlx::CartPole>);

TEST_CASE("AppendFeatures: the inner row, then the columns of the source, at every reset and step", "[env]") {
  Pole env(rlx::CartPole(), Clock{});
  rlx::CartPole plain;
  REQUIRE(env.observation_space().size() == 6);
  REQUIRE(env.observation_space().high[5] == std::numeric_limits<float>::infinity());
  REQUIRE(env.observation_space().high[0] == plain.observation_space().high[0]);
  REQUIRE(env.num_features() == 2);
  std::array<float, 6> row{};
  std::array<float, 4> inner{};
  for (std::uint64_t episode = 0; episode < 2; ++episode) {
    env.reset(episode, row);
    plain.reset(episode, inner);
    REQUIRE(row == std::array<float, 6>{inner[0], inner[1], inner[2], inner[3], 0.0F, 0.0F});
    for (int step = 1; step <= 5; ++step) {
      const std::array<std::int32_t, 1> action{step % 2};
      REQUIRE(env.step(action, row).reward == plain.step(action, inner).reward);
      const auto n = static_cast<float>(step);
      REQUIRE(row == std::array<float, 6>{inner[0], inner[1], inner[2], inner[3], n, n * n});
    }
  }
  std::array<float, 5> narrow{};
  REQUIRE_THROWS_AS(env.reset(1, narrow), rlx::ShapeError);
  REQUIRE_THROWS_AS(env.step(std::array<std::int32_t, 1>{0}, narrow), rlx::ShapeError);
  rlx::AppendFeatures same(rlx::CartPole(), Nothing{});
  REQUIRE(same.num_features() == 0);
  REQUIRE_NOTHROW(same.reset(1, inner));
}

TEST_CASE("AppendFeatures: names, masks, metrics and the saved state pass through", "[env]") {
  static_assert(rlx::MaskedEnvironment<Seller> && rlx::SerializableEnvironment<Seller> && rlx::NamedLayout<Seller>);
  static_assert(rlx::ReportsMetrics<Seller> == rlx::ReportsMetrics<rlx::PremiumSeller>);
  Seller env(rlx::PremiumSeller({.loss_probability = 0, .episode_steps = 4}), Clock{});
  REQUIRE(env.observation_names() == std::vector<std::string>{"share_of_episode", "odd_step", "steps", "steps_squared"});
  std::array<float, 4> row{}, other{};
  env.reset(1, row);
  const std::array<std::int32_t, 1> action{0};
  env.step(action, row);
  std::vector<std::byte> bytes, plain;
  env.save_state(bytes);
  env.inner().save_state(plain);
  REQUIRE(bytes == plain);
  Seller copy(rlx::PremiumSeller({.loss_probability = 0, .episode_steps = 4}), Clock{});
  copy.load_state(bytes);
  std::array<std::uint8_t, 3> mask{}, inner_mask{};
  copy.action_masks(mask);
  env.inner().action_masks(inner_mask);
  REQUIRE(mask == inner_mask);
  env.step(action, row);
  copy.step(action, other);
  REQUIRE(row == other);
  REQUIRE(row[2] == 2.0F);
}

TEST_CASE("AppendFeatures: many at once, and check_env", "[env]") {
  rlx::ThreadPool pool(2);
  rlx::VectorEnv envs({.num_envs = 3, .seed = 5}, pool, [](std::size_t) { return Pole(rlx::CartPole(), Clock{}); });
  rlx::VectorEnv plain({.num_envs = 3, .seed = 5}, pool, [](std::size_t) { return rlx::CartPole(); });
  envs.reset();
  plain.reset();
  const std::array<std::int32_t, 3> actions{0, 1, 1};
  for (int step = 0; step < 60; ++step) {  // over several ends
    envs.step({actions.data(), 3, 1});
    plain.step({actions.data(), 3, 1});
    for (std::size_t e = 0; e < 3; ++e) {
      for (std::size_t i = 0; i < 4; ++i) REQUIRE(envs.observations()(e, i) == plain.observations()(e, i));
      REQUIRE(envs.observations()(e, 4) == static_cast<float>(plain.episode_length(e)));
    }
  }
  REQUIRE(envs.episode(0) > 2);
  const rlx::CheckReport report = rlx::check_env([] { return rlx::AppendFeatures(rlx::InvalidActionEnv(5, 2, 20), State{}); });
  CAPTURE(report.text());
  REQUIRE(report.findings.empty());
}
