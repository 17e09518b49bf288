// SPDX-License-Identifier: MIT
/// @file
/// @brief Errors, random streams, threads, reductions, hashes, clocks: what every other folder stands on. JSON apart:
/// core/json.hpp.
#ifndef RLX_CORE_HPP
#define RLX_CORE_HPP

#include <rlx/core/clock.hpp>
#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/core/hash.hpp>
#include <rlx/core/matrix.hpp>
#include <rlx/core/nearest.hpp>
#include <rlx/core/pcg64.hpp>
#include <rlx/core/random.hpp>
#include <rlx/core/reduction.hpp>
#include <rlx/core/running_mean_std.hpp>
#include <rlx/core/slot_layout.hpp>
#include <rlx/core/special_functions.hpp>
#include <rlx/core/state.hpp>
#include <rlx/core/thread_pool.hpp>
#include <rlx/core/version.hpp>

#endif  // RLX_CORE_HPP
