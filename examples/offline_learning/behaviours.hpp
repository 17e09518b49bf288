// SPDX-License-Identifier: MIT
#ifndef EXAMPLES_OFFLINE_LEARNING_BEHAVIOURS_HPP
#define EXAMPLES_OFFLINE_LEARNING_BEHAVIOURS_HPP

#include <rlx/funding/baselines.hpp>
#include <rlx/funding/environment.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace app {

/// A fixed distribution over the valid actions.
struct FixedPolicy {
  std::vector<double> weights;
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t> mask, std::span<double> out, Workspace&) const {
    double sum = 0.0;
    for (std::size_t a = 0; a < out.size(); ++a) sum += mask[a] != 0 ? weights[a] : 0.0;
    for (std::size_t a = 0; a < out.size(); ++a) out[a] = mask[a] != 0 ? weights[a] / sum : 0.0;
  }
};

/// Pushes towards the side the pole leans to.
struct LeanPolicy {
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float> row, std::span<const std::uint8_t>, std::span<double> out, Workspace&) const {
    out[1] = row[2] > 0 ? 1.0 : 0.0;
    out[0] = 1.0 - out[1];
  }
};

/// A hand-written policy of the funding market, which reads the state behind the observation.
struct HysteresisBehaviour {
  const rlx::funding::FundingArbitrageEnv* env;
  struct Workspace {};
  Workspace make_workspace() const { return {}; }
  void probabilities(std::span<const float>, std::span<const std::uint8_t> mask, std::span<double> out, Workspace&) const {
    for (double& p : out) p = 0.0;
    out[static_cast<std::size_t>(rlx::funding::HysteresisPolicy().act(env->decision_state(), mask))] = 1.0;
  }
};

}  // namespace app

#endif  // EXAMPLES_OFFLINE_LEARNING_BEHAVIOURS_HPP
