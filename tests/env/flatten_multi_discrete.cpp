// SPDX-License-Identifier: MIT
#include <rlx/env/flatten_multi_discrete.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/env/check_env.hpp>
#include <rlx/env/testing.hpp>

namespace {

/// Two components (2 and 3 choices); the mask is settable; the reward spells the choices.
struct Masked {
  using ActionScalar = std::int32_t;
  struct Info {
  } nothing;
  rlx::Box box = rlx::Box::uniform(1, 0.0F, 1.0F);
  rlx::MultiDiscrete actions{{2, 3}};
  std::array<std::uint8_t, 5> mask{1, 1, 1, 1, 1};
  const rlx::Box& observation_space() const { return box; }
  const rlx::MultiDiscrete& action_space() const { return actions; }
  const Info& info() const { return nothing; }
  void reset(std::uint64_t, std::span<float> row) { row[0] = 0; }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    row[0] = 1;
    return {10.0 * action[0] + action[1], true, false};
  }
  void action_masks(std::span<std::uint8_t> row) const { std::copy(mask.begin(), mask.end(), row.begin()); }
  std::array<std::string, 1> observation_names() const { return {"x"}; }
  std::array<std::string, 5> action_names() const { return {"hold", "buy", "small", "medium", "large"}; }
};

}  // namespace

static_assert(rlx::MaskedEnvironment<rlx::FlattenMultiDiscrete<Masked>>);
static_assert(rlx::NamedLayout<rlx::FlattenMultiDiscrete<Masked>>);
static_assert(!rlx::MaskedEnvironment<rlx::FlattenMultiDiscrete<rlx::IdentityMultiDiscreteEnv>>);
static_assert(rlx::SerializableEnvironment<rlx::FlattenMultiDiscrete<rlx::IdentityMultiDiscreteEnv>>);

TEST_CASE("FlattenMultiDiscrete: the first component changes slowest, both ways", "[env]") {
  rlx::FlattenMultiDiscrete env{Masked{}};
  REQUIRE(env.action_space().n == 6);
  std::array<std::int32_t, 2> choices{};
  env.decode(4, choices);
  REQUIRE(choices == std::array<std::int32_t, 2>{1, 1});
  for (std::int32_t flat = 0; flat < 6; ++flat) {
    env.decode(flat, choices);
    REQUIRE(env.encode(choices) == flat);
    std::array<float, 1> row{};
    env.reset(0, row);
    REQUIRE(env.step(std::array{flat}, row).reward == 10.0 * (flat / 3) + flat % 3);
  }
  const std::array<std::int32_t, 2> outside{1, 3};
  REQUIRE_THROWS_AS(env.encode(outside), rlx::InvalidActionError);
  std::array<float, 1> row{};
  env.reset(0, row);
  REQUIRE_THROWS_AS(env.step(std::array<std::int32_t, 1>{6}, row), rlx::InvalidActionError);
  REQUIRE_THROWS_AS(env.step(std::array<std::int32_t, 1>{-1}, row), rlx::InvalidActionError);
}

TEST_CASE("FlattenMultiDiscrete: a combination is valid when each of its choices is", "[env]") {
  Masked inner;
  inner.mask = {1, 0, 0, 1, 1};
  const rlx::FlattenMultiDiscrete env{inner};
  std::array<std::uint8_t, 6> row{};
  env.action_masks(row);
  REQUIRE(row == std::array<std::uint8_t, 6>{0, 1, 1, 0, 0, 0});
  std::array<std::uint8_t, 5> shorter{};
  REQUIRE_THROWS_AS(env.action_masks(shorter), rlx::ShapeError);
}

TEST_CASE("FlattenMultiDiscrete: names are joined", "[env]") {
  const rlx::FlattenMultiDiscrete env{Masked{}};
  REQUIRE(env.action_names().size() == 6);
  REQUIRE(env.action_names()[0] == "hold + small");
  REQUIRE(env.action_names()[5] == "buy + large");
}

TEST_CASE("FlattenMultiDiscrete: too many combinations are refused", "[env]") {
  REQUIRE_THROWS_AS(rlx::FlattenMultiDiscrete(rlx::IdentityMultiDiscreteEnv({300, 300})), rlx::ConfigError);
  REQUIRE(rlx::FlattenMultiDiscrete(rlx::IdentityMultiDiscreteEnv({300, 300}), 90'000).action_space().n == 90'000);
}

TEST_CASE("FlattenMultiDiscrete: keeps the rules of an environment", "[env]") {
  rlx::require_valid_env([] { return rlx::FlattenMultiDiscrete(rlx::IdentityMultiDiscreteEnv({2, 3})); });
}
