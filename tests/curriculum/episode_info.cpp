// SPDX-License-Identifier: MIT
#include <rlx/curriculum/episode_info.hpp>

#include "rlx_catch.hpp"

#include <type_traits>

using rlx::curriculum::EndReason;
using rlx::curriculum::SamplerEvent;
using rlx::curriculum::SamplerEventKind;

namespace {
struct Logs {
  std::span<const SamplerEvent> events() const { return {}; }
};
struct Silent {};
static_assert(rlx::curriculum::ReportsEvents<Logs> && !rlx::curriculum::ReportsEvents<Silent>);
static_assert(std::is_trivially_copyable_v<SamplerEvent> && std::has_unique_object_representations_v<SamplerEvent>);
}  // namespace

TEST_CASE("events are lines that a program prints", "[curriculum]") {
  using rlx::curriculum::to_string;
  REQUIRE(to_string({SamplerEventKind::stage_ended, EndReason::episodes, 0, 1, 1'000, 52'000}) ==
          "phase 1, stage 2 ended: episodes (1000 episodes, 52000 steps)");
  REQUIRE(to_string({SamplerEventKind::phase_ended, EndReason::steps, 2, 0, 7, 900}) ==
          "phase 3 ended: steps (7 episodes, 900 steps)");
  REQUIRE(to_string({SamplerEventKind::target_reached, EndReason::episodes, 0, 0, 30, 40}) ==
          "phase 1, target reached: episodes (30 episodes, 40 steps)");
}
