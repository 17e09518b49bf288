// SPDX-License-Identifier: MIT
/// @file
/// @brief What evaluation needs of anything that chooses actions: a trained policy, or a baseline written by hand.
#ifndef RLX_RL_POLICY_HPP
#define RLX_RL_POLICY_HPP

#include <concepts>
#include <cstdint>
#include <span>

#include <rlx/core/random.hpp>

namespace rlx::inline v0_1 {

/// How an action is chosen.
struct ActOptions {
  bool deterministic = true;       ///< the most probable valid action; false: drawn from the distribution
  RandomStream* random = nullptr;  ///< source of the draw; must be set if not deterministic
};

/// Chooses one action from one observation. `act` may be called from several threads, each with a workspace of its own.
/// A model, the policy that always takes action 0:
/// @code
/// struct Hold {
///   struct Workspace {};
///   Workspace make_workspace() const { return {}; }
///   void act(std::span<const float>, std::span<const std::uint8_t>, std::span<std::int32_t> action, Workspace&,
///   rlx::ActOptions) const {
///     action[0] = 0;
///   }
/// };
/// @endcode
/// If the workspace has `begin_episode()`, it is called before the first action of every episode.
/// @tparam A number type of an action: std::int32_t, or float for Box and Simplex
template <class P, class A = std::int32_t>
concept Policy = requires(const P& policy, std::span<const float> observation, std::span<const std::uint8_t> mask,
                          std::span<A> action, ActOptions options) {
  typename P::Workspace;
  { policy.make_workspace() } -> std::same_as<typename P::Workspace>;
  requires requires(typename P::Workspace & workspace) { policy.act(observation, mask, action, workspace, options); };
};

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_POLICY_HPP
