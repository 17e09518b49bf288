// SPDX-License-Identifier: MIT
/// @file
/// @brief Which episode comes next: passes, stages, balance, refinement, phases, and the hold-out split.
#ifndef RLX_CURRICULUM_HPP
#define RLX_CURRICULUM_HPP

#include <rlx/curriculum/balanced.hpp>
#include <rlx/curriculum/budget.hpp>
#include <rlx/curriculum/difficulty.hpp>
#include <rlx/curriculum/episode_info.hpp>
#include <rlx/curriculum/phased.hpp>
#include <rlx/curriculum/progressive.hpp>
#include <rlx/curriculum/refinement.hpp>
#include <rlx/curriculum/sequential.hpp>
#include <rlx/curriculum/split.hpp>

#endif  // RLX_CURRICULUM_HPP
