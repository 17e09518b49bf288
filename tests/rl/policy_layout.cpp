// SPDX-License-Identifier: MIT
#include <rlx/rl/policy_layout.hpp>

#include <set>
#include <string>
#include <vector>

#include "rlx_catch.hpp"

TEST_CASE("The digest of a layout is that of its sizes and names as text", "[rl][policy_layout]") {
  rlx::PolicyLayout layout{.observation_size = 4, .num_actions = 2};
  REQUIRE(rlx::layout_hash(layout) == rlx::sha256_hex("4 2 none\n\n"));
  layout.mask_required = true;
  layout.observation_names = {"x", "v", "angle", "omega"};
  layout.action_names = {"left", "right"};
  REQUIRE(rlx::layout_hash(layout) == rlx::sha256_hex("4 2 mask\nx\tv\tangle\tomega\t\nleft\tright\t"));
  // 1.5 has the bits 0x3FC00000.
  const rlx::PolicyLayout box{
      .observation_size = 3, .num_actions = 1, .distribution = "gaussian", .low = {-1.5F}, .high = {1.5F}};
  REQUIRE(rlx::layout_hash(box) == rlx::sha256_hex("3 1 none gaussian 3217031168 1069547520\n\n"));
}

TEST_CASE("Layouts that a policy could not exchange have different digests, what travels with a file does not count",
          "[rl][policy_layout]") {
  const rlx::PolicyLayout base{
      .observation_size = 4, .num_actions = 2, .observation_names = {"a", "b", "c", "d"}, .action_names = {"left", "right"}};
  std::vector<rlx::PolicyLayout> others(9, base);
  others[0].observation_size = 5;
  others[1].num_actions = 3;
  others[2].mask_required = true;
  others[3].distribution = "dirichlet";
  others[4].observation_names = {"ab", "c", "d"};
  others[5].observation_names = {"b", "a", "c", "d"};
  others[6].action_names = {"right", "left"};
  others[7].nvec = {2};
  others[8].low = {0.0F};
  std::set<std::string> digests{rlx::layout_hash(base)};
  for (const rlx::PolicyLayout& other : others) digests.insert(rlx::layout_hash(other));
  REQUIRE(digests.size() == others.size() + 1);

  rlx::PolicyLayout same = base;
  same.info = {{"data", "abc"}};
  same.normalize_observation = true;
  same.clip_obs = 5.0;
  same.layout_sha256 = "other";
  REQUIRE(rlx::layout_hash(same) == rlx::layout_hash(base));
}
