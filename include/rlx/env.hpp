// SPDX-License-Identifier: MIT
/// @file
/// @brief The environment contract, vector environments, wrappers, classic and testing environments.
#ifndef RLX_ENV_HPP
#define RLX_ENV_HPP

#include <rlx/env/append_features.hpp>
#include <rlx/env/batch_environment.hpp>
#include <rlx/env/check_env.hpp>
#include <rlx/env/classic/acrobot.hpp>
#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/cart_pole_batch.hpp>
#include <rlx/env/classic/mountain_car.hpp>
#include <rlx/env/classic/pendulum.hpp>
#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/env/classic/two_arm_bandit.hpp>
#include <rlx/env/environment.hpp>
#include <rlx/env/episode_sampler.hpp>
#include <rlx/env/episode_statistics.hpp>
#include <rlx/env/flatten_multi_discrete.hpp>
#include <rlx/env/normalize_observation.hpp>
#include <rlx/env/normalize_reward.hpp>
#include <rlx/env/record_episode.hpp>
#include <rlx/env/running_return.hpp>
#include <rlx/env/space.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/time_limit.hpp>
#include <rlx/env/vector_env.hpp>

#endif  // RLX_ENV_HPP
