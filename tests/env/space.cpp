// SPDX-License-Identifier: MIT
#include <rlx/env/space.hpp>

#include "rlx_catch.hpp"

#include <cstdint>
#include <type_traits>

static_assert(rlx::ActionSpace<rlx::Discrete> && rlx::ActionSpace<const rlx::Box&> && rlx::ActionSpace<rlx::MultiDiscrete>);
static_assert(rlx::ActionSpace<rlx::Simplex> && !rlx::ActionSpace<int> && !rlx::ActionSpace<rlx::Box*>);
static_assert(std::is_same_v<rlx::ActionScalarOf<rlx::Discrete>, std::int32_t>);
static_assert(std::is_same_v<rlx::ActionScalarOf<rlx::MultiDiscrete>, std::int32_t>);
static_assert(std::is_same_v<rlx::ActionScalarOf<rlx::Box>, float> && std::is_same_v<rlx::ActionScalarOf<rlx::Simplex>, float>);

TEST_CASE("spaces: widths of action and mask rows", "[env]") {
  REQUIRE(rlx::action_width(rlx::Discrete{5}) == 1);
  REQUIRE(rlx::mask_width(rlx::Discrete{5}) == 5);
  REQUIRE(rlx::action_width(rlx::MultiDiscrete{{2, 3, 4}}) == 3);
  REQUIRE(rlx::mask_width(rlx::MultiDiscrete{{2, 3, 4}}) == 9);
  REQUIRE(rlx::action_width(rlx::Box::uniform(6, -1.0F, 1.0F)) == 6);
  REQUIRE(rlx::mask_width(rlx::Box::uniform(6, -1.0F, 1.0F)) == 0);
  REQUIRE(rlx::action_width(rlx::Simplex{8}) == 8);
  REQUIRE(rlx::mask_width(rlx::Simplex{8}) == 8);
}

TEST_CASE("spaces: equal when every number is", "[env]") {
  REQUIRE(rlx::Box::uniform(2, -1.0F, 1.0F) == rlx::Box{{-1.0F, -1.0F}, {1.0F, 1.0F}});
  REQUIRE_FALSE(rlx::Box::uniform(2, -1.0F, 1.0F) == rlx::Box{{-1.0F, -1.0F}, {1.0F, 2.0F}});
  REQUIRE_FALSE(rlx::MultiDiscrete{{2, 3}} == rlx::MultiDiscrete{{3, 2}});
  REQUIRE(rlx::Simplex{3} == rlx::Simplex{3});
  REQUIRE(rlx::Box::uniform(3, 0.0F, 1.0F).size() == 3);
}
