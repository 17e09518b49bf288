// SPDX-License-Identifier: MIT
/// @file
/// @brief Compile errors that name the member which an environment lacks.
#ifndef RLX_ENV_DETAIL_ENVIRONMENT_MEMBERS_HPP
#define RLX_ENV_DETAIL_ENVIRONMENT_MEMBERS_HPP

#include <concepts>
#include <cstdint>
#include <span>
#include <type_traits>

#include <rlx/env/environment.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1::detail {

template <class E>
inline constexpr bool names_action_scalar = requires {
  typename E::ActionScalar;
};
template <class E>
inline constexpr bool offers_observation_space = requires(const E& env) {
  { env.observation_space() } -> std::convertible_to<const Box&>;
};
template <class E>
inline constexpr bool offers_action_space = requires(const E& env) {
  { env.action_space() } -> ActionSpace;
};
template <class E>
inline constexpr bool offers_reset = requires(E& env, std::uint64_t seed, std::span<float> row) {
  { env.reset(seed, row) } -> std::same_as<void>;
};
template <class E>
inline constexpr bool offers_step = requires(E& env, std::span<const typename E::ActionScalar> action, std::span<float> row) {
  { env.step(action, row) } -> std::same_as<Transition>;
};
template <class E>
inline constexpr bool offers_info = requires(const E& env) {
  env.info();
};

/// Instantiated with a type that does not model `Environment`: the first sentence names what is missing.
template <class E>
struct EnvironmentMembers {
  static_assert(names_action_scalar<E>,
                "rlx: the environment has no `using ActionScalar = std::int32_t;` (float for Box and Simplex actions)");
  static_assert(offers_observation_space<E>, "rlx: the environment has no `const rlx::Box& observation_space() const`");
  static_assert(offers_action_space<E>,
                "rlx: the environment has no `const rlx::Discrete& action_space() const` "
                "(or MultiDiscrete, Box, Simplex)");
  static_assert(offers_reset<E>, "rlx: the environment has no `void reset(std::uint64_t seed, std::span<float> row)`");
  static_assert(
      !names_action_scalar<E> || offers_step<E>,
      "rlx: the environment has no `rlx::Transition step(std::span<const ActionScalar> action, std::span<float> row)`");
  static_assert(offers_info<E>, "rlx: the environment has no `const Info& info() const`");
};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_ENV_DETAIL_ENVIRONMENT_MEMBERS_HPP
