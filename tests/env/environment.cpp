// SPDX-License-Identifier: MIT
#include <rlx/env/environment.hpp>

#include "rlx_catch.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace {

/// The archetype: exactly what the concept asks for, no more.
struct Archetype {
  using ActionScalar = std::int32_t;
  rlx::Box box = rlx::Box::uniform(1, 0.0F, 1.0F);
  rlx::Discrete actions{2};
  struct Info {
  } nothing;
  const rlx::Box& observation_space() const { return box; }
  const rlx::Discrete& action_space() const { return actions; }
  void reset(std::uint64_t, std::span<float> row) { row[0] = 0.0F; }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    row[0] = 1.0F;
    return {static_cast<double>(action[0]), true, false};
  }
  const Info& info() const { return nothing; }
};

// Near misses: each lacks one thing.
struct ReturnsBool : Archetype {
  bool step(std::span<const std::int32_t>, std::span<float>) { return true; }
};
struct UnseededReset : Archetype {
  void reset(std::span<float>) {}
};
struct IntegerSpace : Archetype {
  int action_space() const { return 2; }
};
struct MutableInfo : Archetype {
  const Info& info() { return nothing; }
};

struct Everything : Archetype {
  void action_masks(std::span<std::uint8_t>) const {}
  std::size_t num_sources() const { return 1; }
  void set_source(std::size_t) {}
  static std::array<std::string_view, 1> metric_names() { return {"x"}; }
  void metrics(std::span<double>) const {}
  void save_state(std::vector<std::byte>&) const {}
  void load_state(std::span<const std::byte>) {}
  std::vector<std::string> observation_names() const { return {"x"}; }
  std::array<const char*, 2> action_names() const { return {"a", "b"}; }
  void corrupt_future(std::uint64_t) {}
};
struct MutableMasks : Archetype {
  void action_masks(std::span<std::uint8_t>) {}
};
struct SaveOnly : Archetype {
  void save_state(std::vector<std::byte>&) const {}
};

static_assert(rlx::Environment<Archetype>);
static_assert(!rlx::Environment<ReturnsBool> && !rlx::Environment<UnseededReset> && !rlx::Environment<IntegerSpace>);
static_assert(!rlx::Environment<MutableInfo> && !rlx::Environment<int>);
static_assert(rlx::MaskedEnvironment<Everything> && !rlx::MaskedEnvironment<Archetype> &&
              !rlx::MaskedEnvironment<MutableMasks>);
static_assert(rlx::SourcedEnvironment<Everything> && !rlx::SourcedEnvironment<Archetype>);
static_assert(rlx::ReportsMetrics<Everything> && !rlx::ReportsMetrics<Archetype>);
static_assert(rlx::SerializableEnvironment<Everything> && !rlx::SerializableEnvironment<SaveOnly>);
static_assert(rlx::NamedLayout<Everything> && !rlx::NamedLayout<Archetype>);
static_assert(rlx::HasFuture<Everything> && !rlx::HasFuture<Archetype>);

}  // namespace

TEST_CASE("Environment: the smallest model steps", "[env]") {
  Archetype env;
  std::array<float, 1> row{};
  env.reset(1, row);
  const std::array<std::int32_t, 1> action{1};
  const rlx::Transition t = env.step(action, row);
  REQUIRE(t.reward == 1.0);
  REQUIRE(t.terminated);
  REQUIRE(row[0] == 1.0F);
}
