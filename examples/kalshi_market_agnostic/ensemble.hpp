// SPDX-License-Identifier: MIT
/// @file
/// @brief Trained policies acting as one: the mean of their probabilities.
#ifndef KALSHI_MARKET_AGNOSTIC_ENSEMBLE_HPP
#define KALSHI_MARKET_AGNOSTIC_ENSEMBLE_HPP

#include <rlx/core/error.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/policy.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace app {

/// One or more policies of the same actions. Safe from several threads, each with a workspace.
class Ensemble {
 public:
  struct Workspace {
    std::vector<rlx::InferencePolicy::Workspace> members;
    std::vector<float> probabilities, mean;
    void begin_episode() {
      for (auto& member : members) member.begin_episode();
    }
  };

  explicit Ensemble(std::vector<rlx::InferencePolicy> members) : members_(std::move(members)) {
    if (members_.empty()) throw rlx::ConfigError("an ensemble needs a policy");
  }

  const rlx::InferencePolicy& front() const { return members_.front(); }
  Workspace make_workspace() const {
    Workspace workspace;
    for (const rlx::InferencePolicy& member : members_) workspace.members.push_back(member.make_workspace());
    workspace.probabilities.resize(front().layout().num_actions);
    workspace.mean.resize(front().layout().num_actions);
    return workspace;
  }

  /// The most probable action, the first of several; or one drawn from the mean of the probabilities.
  void act(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<std::int32_t> action,
           Workspace& workspace, const rlx::ActOptions& options) const {
    std::fill(workspace.mean.begin(), workspace.mean.end(), 0.0F);
    for (std::size_t m = 0; m < members_.size(); ++m) {
      members_[m].probabilities(observation, mask, workspace.probabilities, workspace.members[m]);
      for (std::size_t a = 0; a < workspace.mean.size(); ++a) workspace.mean[a] += workspace.probabilities[a];
    }
    std::size_t choice =
        static_cast<std::size_t>(std::max_element(workspace.mean.begin(), workspace.mean.end()) - workspace.mean.begin());
    if (!options.deterministic) {
      double left = options.random->uniform() * static_cast<double>(members_.size());
      for (std::size_t a = 0; a < workspace.mean.size(); ++a) {
        if (workspace.mean[a] <= 0.0F) continue;
        choice = a;  // the last possible one if rounding leaves a rest
        if ((left -= static_cast<double>(workspace.mean[a])) < 0.0) break;
      }
    }
    action[0] = static_cast<std::int32_t>(choice);
  }

 private:
  std::vector<rlx::InferencePolicy> members_;
};

}  // namespace app

#endif  // KALSHI_MARKET_AGNOSTIC_ENSEMBLE_HPP
