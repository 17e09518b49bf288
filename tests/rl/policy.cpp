// SPDX-License-Identifier: MIT
#include <rlx/rl/policy.hpp>

#include "rlx_catch.hpp"

namespace {

struct Hold {  // the model of the concept's comment
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void act(std::span<const float>, std::span<const std::uint8_t>, std::span<std::int32_t> action, Workspace&,
           rlx::ActOptions) const {
    action[0] = 0;
  }
};
struct NoWorkspace {  // a near miss
  void act(std::span<const float>, std::span<const std::uint8_t>, std::span<std::int32_t>, int&, rlx::ActOptions) const {}
};
static_assert(rlx::Policy<Hold>);
static_assert(!rlx::Policy<NoWorkspace>);

}  // namespace

TEST_CASE("A policy by hand acts", "[rl][policy]") {
  std::int32_t action = 5;
  Hold::Workspace workspace;
  Hold().act({}, {}, {&action, 1}, workspace, {});
  REQUIRE(action == 0);
  REQUIRE(rlx::ActOptions{}.deterministic);
}
