// SPDX-License-Identifier: MIT
/// @file
/// @brief Learning from logs: datasets, behaviour cloning, CQL, IQL, fine-tuning, off-policy evaluation.
#ifndef RLX_RL_OFFLINE_HPP
#define RLX_RL_OFFLINE_HPP

#include <rlx/rl/offline/action_network.hpp>
#include <rlx/rl/offline/behaviour_cloning.hpp>
#include <rlx/rl/offline/behaviour_policies.hpp>
#include <rlx/rl/offline/cql.hpp>
#include <rlx/rl/offline/dataset.hpp>
#include <rlx/rl/offline/fine_tune.hpp>
#include <rlx/rl/offline/fqe.hpp>
#include <rlx/rl/offline/import.hpp>
#include <rlx/rl/offline/iql.hpp>
#include <rlx/rl/offline/kl_reference.hpp>
#include <rlx/rl/offline/masked_policy.hpp>
#include <rlx/rl/offline/ope.hpp>
#include <rlx/rl/offline/record_episodes.hpp>
#include <rlx/rl/offline/tag_statistics.hpp>
#include <rlx/rl/offline/transitions.hpp>

#endif  // RLX_RL_OFFLINE_HPP
