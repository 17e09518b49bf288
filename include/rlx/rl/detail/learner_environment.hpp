// SPDX-License-Identifier: MIT
/// @file
/// @brief Compile errors that say what a learner trains on.
#ifndef RLX_RL_DETAIL_LEARNER_ENVIRONMENT_HPP
#define RLX_RL_DETAIL_LEARNER_ENVIRONMENT_HPP

#include <rlx/env/batch_environment.hpp>
#include <rlx/env/detail/environment_members.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/vector_env.hpp>

namespace rlx::inline v0_1::detail {

template <class V>
inline constexpr bool is_vector_env = false;
template <class E>
inline constexpr bool is_vector_env<VectorEnv<E>> = true;

/// Stands for the environment type where something else than a `VectorEnv` was passed to a learner.
template <class V>
struct NoVectorEnv {};

/// What learners are specialised for, to say in one sentence what is wrong.
template <class E>
concept NotTrainable = !Environment<E> && !BatchEnvironment<E>;

/// Instantiated with a type that no learner can be trained on: the first sentence says why.
template <class E>
struct TrainableEnvironment : EnvironmentMembers<E> {};

template <class V>
struct TrainableEnvironment<NoVectorEnv<V>> {
  static_assert(!is_statistics_wrapper<V>,
                "rlx: a learner keeps running statistics of its own; pass the unwrapped VectorEnv and set "
                "normalize_observation / normalize_reward in the learner's configuration");
  static_assert(is_statistics_wrapper<V>,
                "rlx: a learner trains on a VectorEnv; pass `rlx::VectorEnv envs({.num_envs = 8}, pool, make)` instead");
};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_LEARNER_ENVIRONMENT_HPP
