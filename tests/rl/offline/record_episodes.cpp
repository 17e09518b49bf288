// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/record_episodes.hpp>

#include "rlx_catch.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/env/flatten_multi_discrete.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/time_limit.hpp>

namespace {

/// 0.6 for the first and 0.4 for the second action.
struct SixFour {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t>, std::span<double> out, Workspace&) const {
    std::fill(out.begin(), out.end(), 0.0);
    out[0] = 0.6;
    out[1] = 0.4;
  }
};

/// Always the second action, without probabilities.
struct Second {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void act(std::span<const float>, std::span<const std::uint8_t>, std::span<std::int32_t> action, Workspace&,
           rlx::ActOptions) const {
    action[0] = 1;
  }
};

}  // namespace

TEST_CASE("record_episodes: rows hold what the environment showed and the policy did", "[offline]") {
  rlx::PremiumSeller env({.episode_steps = 4});
  rlx::RecordOptions<rlx::PremiumSeller> options;
  options.episodes = 500;
  options.seed = 3;
  options.currency = "USD";
  options.tag = [](const rlx::PremiumSeller&, std::int32_t action) { return action == 0 ? "unhedged" : "hedged"; };
  options.risk_names = {"steps"};
  options.risk = [](const rlx::PremiumSeller& e, std::span<float> out) { out[0] = static_cast<float>(e.info().steps); };
  const rlx::OfflineDataset data = rlx::record_episodes(env, SixFour{}, options);
  REQUIRE(data.size() == 2'000);
  REQUIRE(data.episodes().size() == 500);
  REQUIRE(data.info().propensity_source == rlx::PropensitySource::logged);
  double unhedged = 0;
  for (std::size_t row = 0; row < data.size(); ++row) {
    const bool odd = row % 2 == 1;
    REQUIRE(data.mask(row)[2] == (odd ? 0 : 1));
    REQUIRE(data.observation(row)[1] == (odd ? 1.0F : 0.0F));
    REQUIRE(data.propensity(row) == (data.action(row) == 0 ? 0.6 : 0.4));
    REQUIRE(data.behaviour_probs(row)[0] == 0.6F);
    REQUIRE(data.tag(row) == (data.action(row) == 0 ? "unhedged" : "hedged"));
    REQUIRE(data.columns().risk[row] == static_cast<float>(row % 4));
    REQUIRE(data.reward(row) == data.columns().pnl[row]);
    REQUIRE((data.action(row) == 0 ? data.reward(row) == 1 || data.reward(row) == -50 : data.reward(row) == 0.3));
    REQUIRE(data.terminated(row) == (row % 4 == 3));
    unhedged += data.action(row) == 0 ? 1 : 0;
  }
  REQUIRE(std::abs(unhedged / 2'000 - 0.6) < 4 * std::sqrt(0.24 / 2'000));  // four standard deviations

  rlx::PremiumSeller again({.episode_steps = 4});
  REQUIRE(rlx::record_episodes(again, SixFour{}, options).columns().action == data.columns().action);
}

TEST_CASE("record_episodes: a policy without probabilities is deterministic", "[offline]") {
  rlx::TimeLimit<rlx::CartPole> env(rlx::CartPole(), 5);
  rlx::RecordOptions<rlx::TimeLimit<rlx::CartPole>> options;
  options.episodes = 3;
  options.time_ns = [](const auto& e) { return static_cast<std::int64_t>(e.max_episode_steps()); };
  REQUIRE_THROWS_AS(rlx::record_episodes(env, Second{}, options), rlx::DataError);  // time stands still
  options.time_ns = {};
  const rlx::OfflineDataset data = rlx::record_episodes(env, Second{}, options);
  REQUIRE(data.info().propensity_source == rlx::PropensitySource::deterministic);
  REQUIRE(data.size() == 15);
  for (std::size_t row = 0; row < data.size(); ++row) {
    REQUIRE(data.action(row) == 1);
    REQUIRE(std::isnan(data.propensity(row)));
  }
  REQUIRE(data.truncated(4));
  REQUIRE(data.bootstraps(4));
  REQUIRE(data.next_observation(4)[0] != data.observation(5)[0]);  // the end of this episode, not the start of the next
  REQUIRE_FALSE(data.has_behaviour_probs());
}

TEST_CASE("record_episodes: combined choices are recorded through the flattening wrapper", "[offline]") {
  rlx::FlattenMultiDiscrete env(rlx::IdentityMultiDiscreteEnv({2, 3}, 10));
  rlx::RecordOptions<decltype(env)> options;
  options.episodes = 2;
  const rlx::OfflineDataset data = rlx::record_episodes(env, rlx::UniformPolicy{}, options);
  REQUIRE(data.action_count() == 6);
  REQUIRE(data.size() == 20);
  REQUIRE(data.propensity(0) == 1.0 / 6);
  options.max_episode_steps = 5;
  REQUIRE_THROWS_AS(rlx::record_episodes(env, rlx::UniformPolicy{}, options), rlx::EnvironmentError);
  options.episodes = 0;
  REQUIRE_THROWS_AS(rlx::record_episodes(env, rlx::UniformPolicy{}, options), rlx::ConfigError);
}

TEST_CASE("record_episodes: the digest is that of a policy for the environment", "[offline]") {
  rlx::PremiumSeller env;
  const rlx::OfflineDataset data = rlx::record_episodes(env, SixFour{});
  rlx::PolicyLayout layout;
  layout.observation_size = 2;
  layout.num_actions = 3;
  layout.mask_required = true;
  layout.observation_names = {"share_of_episode", "odd_step"};
  layout.action_names = {"unhedged", "hedged", "stay_out"};
  REQUIRE(data.info().obs_spec_hash == rlx::layout_hash(layout));
}
