// SPDX-License-Identifier: MIT
/// @file
/// @brief Keeps environments that show the running return at the quantile that a risk objective estimates.
#ifndef RLX_RL_FOLLOW_NU_HPP
#define RLX_RL_FOLLOW_NU_HPP

#include <cstddef>

#include <rlx/core/finite.hpp>
#include <rlx/rl/learner.hpp>

namespace rlx::inline v0_1 {

/**
 * @brief Callback: before each rollout the environments, which are `RunningReturn`s, get the nu that the objective last
 * estimated, so that observations show the distance to it. The first observation of a rollout was written before.
 *
 * Unlike other callbacks it changes what is learned. It keeps no state: nu is part of the objective's and of the
 * environments'.
 * @tparam L a learner with `objective().report()`. @tparam V a vector environment of `RunningReturn`
 */
template <class L, class V>
class FollowNu final : public Callback {
 public:
  /// @param learner,envs  must outlive this object; `envs` are those of the learner.
  FollowNu(const L& learner, V& envs) : learner_(&learner), envs_(&envs) {}

  /// Sets nu of every environment; leaves it where the objective has no estimate yet.
  void on_rollout_start(Learner&) override {
    const double nu = -learner_->objective().report().var;
    if (!is_finite(nu)) return;
    for (std::size_t e = 0; e < envs_->num_envs(); ++e) envs_->environment(e).set_nu(nu);
  }

 private:
  const L* learner_;
  V* envs_;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_FOLLOW_NU_HPP
