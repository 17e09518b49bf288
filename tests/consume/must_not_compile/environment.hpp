// SPDX-License-Identifier: MIT
#ifndef RLX_TESTS_MUST_NOT_COMPILE_ENVIRONMENT_HPP
#define RLX_TESTS_MUST_NOT_COMPILE_ENVIRONMENT_HPP

#include <cstdint>
#include <span>

#include <rlx/env/check_env.hpp>
#include <rlx/env/time_limit.hpp>
#include <rlx/env/vector_env.hpp>

/// A sound environment; each case spoils one thing.
struct Sound {
  using ActionScalar = std::int32_t;
  struct Info {};
  rlx::Box box = rlx::Box::uniform(1, 0.0F, 1.0F);
  rlx::Discrete actions{2};
  Info nothing;
  const rlx::Box& observation_space() const { return box; }
  const rlx::Discrete& action_space() const { return actions; }
  const Info& info() const { return nothing; }
  void reset(std::uint64_t, std::span<float> row) { row[0] = 0.0F; }
  rlx::Transition step(std::span<const std::int32_t>, std::span<float> row) {
    row[0] = 1.0F;
    return {0.0, true, false};
  }
};

template <class E>
void make_vector() {
  rlx::ThreadPool pool(1);
  const rlx::VectorEnv envs({.num_envs = 2}, pool, [](std::size_t) { return E(); });
}

#endif  // RLX_TESTS_MUST_NOT_COMPILE_ENVIRONMENT_HPP
