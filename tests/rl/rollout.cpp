// SPDX-License-Identifier: MIT
#include <rlx/rl/rollout.hpp>

#include <vector>

#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

std::size_t bytes(const rlx::Rollout<>& r) {
  const auto size = [](const auto& v) { return v.size() * sizeof(v[0]); };
  return size(r.observations) + size(r.masks) + size(r.actions) + size(r.log_probs) + size(r.values) + size(r.rewards) +
         size(r.scaled_rewards) + size(r.final_values) + size(r.advantages) + size(r.targets) + size(r.terminated) +
         size(r.truncated) + size(r.critic_outputs) + size(r.final_critic_outputs) + size(r.returns);
}

}  // namespace

TEST_CASE("A rollout takes T N (4 D + 4 + M + 26) bytes and one row of current observations", "[rl][rollout]") {
  const rlx::Rollout r({.n_steps = 10, .num_envs = 3, .observation_size = 7, .mask_width = 5});
  REQUIRE(bytes(r) == 10 * 3 * (4 * 7 + 4 + 5 + 26) + 3 * (4 * 7 + 5));
}

TEST_CASE("With one critic output and target, values and returns are shared", "[rl][rollout]") {
  rlx::Rollout r({.n_steps = 4, .num_envs = 2, .observation_size = 1});
  REQUIRE(r.all_critic_outputs().data() == r.values.data());
  REQUIRE(r.gae_returns().data() == r.targets.data());
  rlx::Rollout wide({.n_steps = 4, .num_envs = 2, .observation_size = 1, .critic_outputs = 3, .target_width = 2});
  REQUIRE(wide.all_critic_outputs().cols() == 3);
  REQUIRE(wide.all_critic_outputs().data() != wide.values.data());
  REQUIRE(wide.gae_returns().size() == 8);
  REQUIRE(wide.targets.size() == 16);
}

TEST_CASE("The last rows become the first of the next rollout", "[rl][rollout]") {
  rlx::Rollout r({.n_steps = 2, .num_envs = 2, .observation_size = 2, .mask_width = 1});
  r.observations_at(2)(1, 1) = 9.0F;
  r.masks_at(2)(0, 0) = 1;
  r.begin_next();
  REQUIRE(r.observations_at(0)(1, 1) == 9.0F);
  REQUIRE(r.mask(0)[0] == 1);
  REQUIRE(r.observation(1)[1] == 9.0F);
}

TEST_CASE("Episodes are cut out with their whole returns", "[rl][rollout]") {
  rlx::Rollout r({.n_steps = 3, .num_envs = 2, .observation_size = 1});
  r.rewards = {1, 10, 2, 20, 4, 40};
  r.terminated = {0, 0, 1, 0, 0, 0};  // environment 0 ends at step 1
  r.truncated = {0, 0, 0, 0, 0, 1};   // environment 1 at step 2
  r.find_episodes();
  REQUIRE(r.episodes.size() == 3);
  const auto check = [&](std::size_t i, std::uint32_t env, std::uint32_t begin, std::uint32_t end, double total,
                         bool complete) {
    const rlx::EpisodeSlice& s = r.episodes[i];
    REQUIRE(s.env == env);
    REQUIRE(s.begin == begin);
    REQUIRE(s.end == end);
    REQUIRE(s.episode_return == total);
    REQUIRE(s.complete == complete);
  };
  check(0, 0, 0, 2, 3.0, true);
  check(1, 0, 2, 3, 4.0, false);
  check(2, 1, 0, 3, 70.0, true);
  r.terminated = {1, 0, 0, 0, 0, 0};
  r.truncated.assign(6, 0);
  r.find_episodes();
  check(0, 0, 0, 1, 5.0, true);  // 4 of the rollout before and 1
  check(2, 1, 0, 3, 70.0, false);
}

TEST_CASE("The sums of running episodes do not depend on whether the slices are wanted", "[rl][rollout]") {
  rlx::Rollout sliced({.n_steps = 3, .num_envs = 2, .observation_size = 1});
  sliced.rewards = {1.25F, 10, 0.1F, 20, 4, 40};
  sliced.terminated = {0, 0, 1, 0, 0, 0};
  sliced.truncated = {0, 1, 0, 0, 0, 0};
  rlx::Rollout summed = sliced;
  for (int i = 0; i < 2; ++i) {
    sliced.find_episodes();
    summed.add_rewards();
    REQUIRE(summed.running_returns == sliced.running_returns);
  }
  REQUIRE(summed.running_returns == std::vector<double>{4.0, 60.0});
}
