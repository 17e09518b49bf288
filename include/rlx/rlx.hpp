// SPDX-License-Identifier: MIT
/// @file
/// @brief The whole core library. Learning from logs has an umbrella of its own, rlx/rl/offline.hpp, and so has each domain, such
/// as rlx/funding.hpp.
#ifndef RLX_RLX_HPP
#define RLX_RLX_HPP

#include <rlx/core.hpp>
#include <rlx/env.hpp>
#include <rlx/io.hpp>
#include <rlx/nn.hpp>
#include <rlx/risk.hpp>
#include <rlx/rl.hpp>

#endif  // RLX_RLX_HPP
