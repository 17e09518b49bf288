// SPDX-License-Identifier: MIT
#ifndef RLX_TESTS_MUST_NOT_COMPILE_LEARNER_HPP
#define RLX_TESTS_MUST_NOT_COMPILE_LEARNER_HPP

#include <rlx/env/normalize_observation.hpp>
#include <rlx/env/normalize_reward.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/a2c.hpp>
#include <rlx/rl/ppo.hpp>

#include "environment.hpp"

inline rlx::nn::GraphSpec graph() { return rlx::nn::mlp_actor_critic({.observation = 1, .action = 2}); }

#endif  // RLX_TESTS_MUST_NOT_COMPILE_LEARNER_HPP
