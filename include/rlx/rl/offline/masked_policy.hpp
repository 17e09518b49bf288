// SPDX-License-Identifier: MIT
/// @file
/// @brief What offline learning and off-policy evaluation need of a policy: the probabilities of all actions.
#ifndef RLX_RL_OFFLINE_MASKED_POLICY_HPP
#define RLX_RL_OFFLINE_MASKED_POLICY_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace rlx::inline v0_1 {

namespace detail {
/// Digest of the observations and actions that a policy was made for, or that the policy inside was; empty: unknown.
template <class P>
std::string layout_digest(const P& policy) {
  if constexpr (requires { policy.layout().layout_sha256; }) {
    return policy.layout().layout_sha256;
  } else if constexpr (requires { policy.policy(); }) {
    return layout_digest(policy.policy());
  } else {
    return {};
  }
}

template <class P, class S>
concept GivesProbabilities = requires(const P& policy, std::span<const float> observation, std::span<const std::uint8_t> mask,
                                      std::span<S> out, typename P::Workspace& workspace) {
  policy.probabilities(observation, mask, out, workspace);
};
}  // namespace detail

/// Gives the probability of every action: exactly 0 where the mask forbids it, sum 1. `probabilities` may be called from
/// several threads, each with a workspace of its own. Numbers are float or double. If the workspace has `begin_episode()`, it
/// is called before the first observation of every episode. `InferencePolicy` and `UniformPolicy` are models. A policy with
/// `layout()`, or one whose `policy()` has it, is refused by logs of other observations or actions.
/// @code
/// policy.probabilities(observation /*[D]*/, mask /*[A], non-zero = valid*/, out /*[A]*/, workspace);
/// @endcode
template <class P>
concept MaskedPolicy = requires(const P& policy) {
  typename P::Workspace;
  { policy.make_workspace() } -> std::same_as<typename P::Workspace>;
}
&&(detail::GivesProbabilities<P, double> || detail::GivesProbabilities<P, float>);

/// A masked policy with the memory of one thread. The policy must outlive it. Does not allocate after the constructor.
template <MaskedPolicy P>
class PolicyProbabilities {
 public:
  /// `policy` must outlive this object; `actions` is A.
  PolicyProbabilities(const P& policy, std::size_t actions)
      : policy_(&policy), workspace_(policy.make_workspace()), numbers_(detail::GivesProbabilities<P, double> ? 0 : actions) {}

  /// Before the first observation of an episode.
  void begin_episode() {
    if constexpr (requires { workspace_.begin_episode(); }) workspace_.begin_episode();
  }
  /// Probabilities at a raw observation [D] with the mask [A] into `out` [A].
  void operator()(std::span<const float> observation, std::span<const std::uint8_t> mask, std::span<double> out) {
    if constexpr (detail::GivesProbabilities<P, double>) {
      policy_->probabilities(observation, mask, out, workspace_);
    } else {
      policy_->probabilities(observation, mask, std::span<float>(numbers_), workspace_);
      for (std::size_t a = 0; a < out.size(); ++a) out[a] = static_cast<double>(numbers_[a]);
    }
  }

 private:
  const P* policy_;
  typename P::Workspace workspace_;
  std::vector<float> numbers_;
};

/// Gives the value Q(s, a) of every action; entries of invalid actions may be anything and are never read.
template <class Q>
concept ActionValues = requires(const Q& q, std::span<const float> observation, std::span<const std::uint8_t> mask,
                                std::span<double> out) {
  typename Q::Workspace;
  { q.make_workspace() } -> std::same_as<typename Q::Workspace>;
  requires requires(typename Q::Workspace & workspace) { q.values(observation, mask, out, workspace); };
};

/// Every valid action with the same probability.
struct UniformPolicy {
  /// Nothing to remember.
  struct Workspace {};
  /// As `MaskedPolicy` asks.
  Workspace make_workspace() const { return {}; }
  /// 1 / (number of valid actions) where the mask allows, else 0; the observation is not read.
  void probabilities(std::span<const float>, std::span<const std::uint8_t> mask, std::span<double> out, Workspace&) const {
    double valid = 0;
    for (const std::uint8_t byte : mask) valid += byte != 0 ? 1 : 0;
    for (std::size_t a = 0; a < out.size(); ++a) out[a] = mask[a] != 0 ? 1 / valid : 0;
  }
};
static_assert(MaskedPolicy<UniformPolicy>);

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_OFFLINE_MASKED_POLICY_HPP
