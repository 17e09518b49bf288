// SPDX-License-Identifier: MIT
/// @file
/// @brief A sweep whose answer is known, made beside the gates and judged by a test.
#ifndef RLX_TESTS_LEARNING_PREMIUM_SELLER_HPP
#define RLX_TESTS_LEARNING_PREMIUM_SELLER_HPP

#include <rlx/rl/cvar_sweep.hpp>

namespace rlx_learning {

/// Trains PremiumSeller with StepCvar(0.05) of four weights, two on each side of 0.02.
rlx::Frontier premium_seller_frontier();

}  // namespace rlx_learning

#endif  // RLX_TESTS_LEARNING_PREMIUM_SELLER_HPP
