// SPDX-License-Identifier: MIT
/// @file
/// @brief The core library as far as it needs no other one: headers that bring nlohmann/json (`*_json.hpp`, core/json.hpp,
/// io/jsonl.hpp) or xtensor (io/npy.hpp) are named by who wants them, since they double what a file costs to
/// compile. Learning from logs has an umbrella of its own, rlx/rl/offline.hpp, and so has each domain, such as rlx/funding.hpp.
#ifndef RLX_RLX_HPP
#define RLX_RLX_HPP

#include <rlx/core.hpp>
#include <rlx/env.hpp>
#include <rlx/io.hpp>
#include <rlx/nn.hpp>
#include <rlx/risk.hpp>
#include <rlx/rl.hpp>

#endif  // RLX_RLX_HPP
