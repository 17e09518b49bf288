// SPDX-License-Identifier: MIT
/// @file
/// @brief An environment that steps many of its kind at once.
#ifndef RLX_ENV_BATCH_ENVIRONMENT_HPP
#define RLX_ENV_BATCH_ENVIRONMENT_HPP

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <rlx/core/matrix.hpp>
#include <rlx/env/space.hpp>

namespace rlx::inline v0_1 {

/// `size()` environments in one object, usually as a structure of arrays, so that the compiler vectorises the step over them.
///
/// `reset(i, seed, row)` starts an episode of environment i. `step` steps all of them: row i of every argument belongs to
/// environment i; it writes every float of the observations, every reward, and 0 or 1 into every flag, and does not restart
/// ended episodes, which the caller does by `reset`. Masks, sources, metrics and saved state are not supported.
/// `VectorEnv` makes one batch per shard and calls the factory with the size of that shard.
///
/// A model: `CartPoleBatch` in rlx/env/classic/cart_pole_batch.hpp.
template <class B>
concept BatchEnvironment = requires(B& batch, const B& constant, std::size_t i, std::uint64_t seed, std::span<float> row,
                                    MatrixView<const typename B::ActionScalar> actions, MatrixView<float> observations,
                                    std::span<double> rewards, std::span<std::uint8_t> terminated,
                                    std::span<std::uint8_t> truncated) {
  { constant.size() } -> std::same_as<std::size_t>;
  { constant.observation_space() } -> std::convertible_to<const Box&>;
  { constant.action_space() } -> ActionSpace;
  { batch.reset(i, seed, row) } -> std::same_as<void>;
  { batch.step(actions, observations, rewards, terminated, truncated) } -> std::same_as<void>;
};

}  // namespace rlx::inline v0_1

#endif  // RLX_ENV_BATCH_ENVIRONMENT_HPP
