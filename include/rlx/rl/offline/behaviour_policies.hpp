// SPDX-License-Identifier: MIT
/// @file
/// @brief Policies that logs are made with and judged by: with a share of chance, or without any.
#ifndef RLX_RL_OFFLINE_BEHAVIOUR_POLICIES_HPP
#define RLX_RL_OFFLINE_BEHAVIOUR_POLICIES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/offline/masked_policy.hpp>

namespace rlx::inline v0_1 {

/// The most probable valid action of a trained policy with probability 1, as `act` with `deterministic` chooses it. Called
/// GreedyPolicy. @tparam S  number type of the network
template <class S>
class BasicGreedyPolicy {
 public:
  /// Of the policy inside.
  using Workspace = typename BasicInferencePolicy<S>::Workspace;

  /// Kept inside; its actions must be Discrete.
  explicit BasicGreedyPolicy(BasicInferencePolicy<S> policy) : policy_(std::move(policy)) {}

  /// As given.
  const BasicInferencePolicy<S>& policy() const noexcept { return policy_; }
  /// For one thread, at the start of an episode.
  Workspace make_workspace() const { return policy_.make_workspace(); }
  /// As `MaskedPolicy` asks; `out` has A numbers. @throws ShapeError, NumericError as InferencePolicy::act
  void probabilities(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<double> out,
                     Workspace& workspace) const {
    if (out.size() != policy_.layout().num_actions) {
      throw ShapeError("GreedyPolicy: room for " + std::to_string(out.size()) + " actions, expected " +
                       std::to_string(policy_.layout().num_actions));
    }
    std::int32_t action = 0;
    policy_.act(observation, mask, std::span(&action, 1), workspace);
    std::fill(out.begin(), out.end(), 0.0);
    out[static_cast<std::size_t>(action)] = 1.0;
  }

 private:
  BasicInferencePolicy<S> policy_;
};

/// As the library uses it. @see BasicGreedyPolicy
using GreedyPolicy = BasicGreedyPolicy<float>;
static_assert(MaskedPolicy<GreedyPolicy>);

/// Another policy with a share of chance: (1 - share) p + share / |A| on the |A| valid actions. Every valid action then has a
/// propensity of at least share / |A|, which importance weights need.
template <MaskedPolicy P>
class ExploringPolicy {
 public:
  /// Memory of one thread: that of the other policy and room for its numbers.
  class Workspace {
   public:
    /// Before the first observation of an episode.
    void begin_episode() {
      if constexpr (requires(typename P::Workspace & w) { w.begin_episode(); }) policy_.begin_episode();
    }

   private:
    friend class ExploringPolicy;
    explicit Workspace(typename P::Workspace policy) : policy_(std::move(policy)) {}
    typename P::Workspace policy_;
    std::vector<float> numbers_;  // of policies whose probabilities are float; as long as the last call's
  };

  /// @throws ConfigError for a share outside [0, 1]
  ExploringPolicy(P policy, double share) : policy_(std::move(policy)), share_(share) {
    if (!(share >= 0 && share <= 1))
      throw ConfigError("ExploringPolicy: share = " + std::to_string(share) + ", expected a number in [0, 1]");
  }

  /// The other policy, as given.
  const P& policy() const noexcept { return policy_; }
  /// For one thread, at the start of an episode.
  Workspace make_workspace() const { return Workspace(policy_.make_workspace()); }
  /// As `MaskedPolicy` asks; `out` has A numbers. @throws what the other policy throws
  void probabilities(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<double> out,
                     Workspace& workspace) const {
    if constexpr (detail::GivesProbabilities<P, double>) {
      policy_.probabilities(observation, mask, out, workspace.policy_);
    } else {
      workspace.numbers_.resize(out.size());
      policy_.probabilities(observation, mask, std::span<float>(workspace.numbers_), workspace.policy_);
      std::copy(workspace.numbers_.begin(), workspace.numbers_.end(), out.begin());
    }
    double valid = 0.0;
    for (const std::uint8_t byte : mask) valid += byte != 0 ? 1.0 : 0.0;
    for (std::size_t a = 0; a < out.size(); ++a) out[a] = mask[a] != 0 ? (1 - share_) * out[a] + share_ / valid : 0.0;
  }

 private:
  P policy_;
  double share_;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_BEHAVIOUR_POLICIES_HPP
