// SPDX-License-Identifier: MIT
#include <rlx/rl/offline/masked_policy.hpp>

#include "rlx_catch.hpp"

#include <cstdint>
#include <vector>

namespace {

/// Writes floats, and counts episodes in its workspace.
struct FloatPolicy {
  struct Workspace {
    int episodes = 0;
    void begin_episode() { ++episodes; }
  };
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t>, std::span<float> out, Workspace& w) const {
    out[0] = w.episodes == 1 ? 0.25F : 0.0F;
    out[1] = 1.0F - out[0];
  }
};
struct NoProbabilities {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
};

}  // namespace

static_assert(rlx::MaskedPolicy<FloatPolicy>);
static_assert(!rlx::MaskedPolicy<NoProbabilities>);

TEST_CASE("MaskedPolicy: numbers of both kinds are read as double, episodes are announced", "[offline]") {
  const FloatPolicy policy;
  rlx::PolicyProbabilities chooser(policy, 2);
  std::vector<double> out(2);
  const std::vector<std::uint8_t> mask = {1, 1};
  chooser.begin_episode();
  chooser({}, mask, out);
  REQUIRE(out == std::vector<double>{0.25, 0.75});
}

TEST_CASE("UniformPolicy: valid actions share the probability", "[offline]") {
  const rlx::UniformPolicy policy;
  rlx::PolicyProbabilities chooser(policy, 4);
  std::vector<double> out(4);
  const std::vector<std::uint8_t> mask = {1, 0, 1, 0};
  chooser({}, mask, out);
  REQUIRE(out == std::vector<double>{0.5, 0, 0.5, 0});
}
