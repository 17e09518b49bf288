// SPDX-License-Identifier: MIT
/// @file
/// @brief PPO, evaluation, callbacks, logs, checkpoints, policies for live use. Learning from logs has an umbrella of its own,
/// rlx/rl/offline.hpp; rl/*_json.hpp (configurations, logs, manifests, recorded episodes) are named by who wants them.
#ifndef RLX_RL_HPP
#define RLX_RL_HPP

#include <rlx/rl/a2c.hpp>
#include <rlx/rl/a2c_config.hpp>
#include <rlx/rl/action_log.hpp>
#include <rlx/rl/batch_cvar.hpp>
#include <rlx/rl/callbacks.hpp>
#include <rlx/rl/checkpoint.hpp>
#include <rlx/rl/critic.hpp>
#include <rlx/rl/cvar_constraint.hpp>
#include <rlx/rl/cvar_sweep.hpp>
#include <rlx/rl/distorted_advantage.hpp>
#include <rlx/rl/episode_cvar.hpp>
#include <rlx/rl/evaluation.hpp>
#include <rlx/rl/follow_nu.hpp>
#include <rlx/rl/gae.hpp>
#include <rlx/rl/health.hpp>
#include <rlx/rl/inference_policy.hpp>
#include <rlx/rl/learner.hpp>
#include <rlx/rl/log_outputs.hpp>
#include <rlx/rl/logger.hpp>
#include <rlx/rl/losses.hpp>
#include <rlx/rl/policy.hpp>
#include <rlx/rl/policy_layout.hpp>
#include <rlx/rl/ppo.hpp>
#include <rlx/rl/ppo_config.hpp>
#include <rlx/rl/quantile_critic.hpp>
#include <rlx/rl/quantile_q.hpp>
#include <rlx/rl/risk_objective.hpp>
#include <rlx/rl/risk_report.hpp>
#include <rlx/rl/rollout.hpp>
#include <rlx/rl/statistics.hpp>
#include <rlx/rl/step_cvar.hpp>

#endif  // RLX_RL_HPP
