// SPDX-License-Identifier: MIT
/// @file
/// @brief What A2C is told: Stable-Baselines3's names and defaults.
#ifndef RLX_RL_A2C_CONFIG_HPP
#define RLX_RL_A2C_CONFIG_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <rlx/nn/schedule.hpp>
#include <rlx/rl/detail/config_checks.hpp>

namespace rlx::inline v0_1 {

/// Configuration of `A2c`. A schedule is a number or a function of the progress remaining (1 at the start, 0 at the end); it is
/// evaluated after each rollout, before its update.
struct A2cConfig {
  nn::Schedule learning_rate = 7e-4;    ///< of the optimiser, >= 0
  std::size_t n_steps = 5;              ///< per environment and rollout, >= 1; one step is taken on the whole rollout
  double gamma = 0.99;                  ///< discount, [0, 1]
  double gae_lambda = 1.0;              ///< [0, 1]
  nn::Schedule ent_coef = 0.0;          ///< weight of the entropy bonus, >= 0
  double vf_coef = 0.5;                 ///< weight of the value loss, >= 0
  double max_grad_norm = 0.5;           ///< > 0; infinity: no limit
  bool normalize_advantage = false;     ///< over the whole rollout
  bool normalize_observation = false;   ///< by running mean and deviation of each number; the policy keeps them
  bool normalize_reward = false;        ///< divide rewards by the standard deviation of the discounted return
  bool normalize_value = false;         ///< the critic learns (R - mean) / std of the returns; not with normalize_reward
  double clip_obs = 10.0;               ///< > 0, after normalisation
  double clip_reward = 10.0;            ///< > 0, after scaling
  bool use_rms_prop = true;             ///< false: Adam
  double rms_prop_alpha = 0.99;         ///< [0, 1)
  double rms_prop_eps = 1e-5;           ///< > 0
  double adam_eps = 1e-5;               ///< > 0, added to the root of the second moment; read without use_rms_prop
  double weight_decay = 0.0;            ///< decoupled; Adam only
  bool ortho_init = true;               ///< orthogonal with the gains of the graph; false: as torch initialises
  bool squash = false;                  ///< Box actions: squash samples into the bounds by tanh; false: clip them
  double log_std_init = 0.0;            ///< Box actions: ln of the initial standard deviation
  std::size_t stats_window_size = 100;  ///< finished episodes behind rollout/ep_rew_mean, >= 1
  std::size_t gradient_shards = 0;      ///< parts of a rollout that may run in parallel; 0: clamp(rows / 32, 1, 8)
  std::uint64_t seed = 0;               ///< of parameters and actions
  bool check_finite = true;             ///< stop with NumericError on logits, values, losses or gradients that are not finite
};

/// Calls `f(name, field)` for every field, in the order of the struct. @tparam Config A2cConfig, const or not
template <class Config, class F>
requires std::same_as<std::remove_const_t<Config>, A2cConfig>
void for_each_field(Config& config, F&& f) {
  f("learning_rate", config.learning_rate);
  f("n_steps", config.n_steps);
  f("gamma", config.gamma);
  f("gae_lambda", config.gae_lambda);
  f("ent_coef", config.ent_coef);
  f("vf_coef", config.vf_coef);
  f("max_grad_norm", config.max_grad_norm);
  f("normalize_advantage", config.normalize_advantage);
  f("normalize_observation", config.normalize_observation);
  f("normalize_reward", config.normalize_reward);
  f("normalize_value", config.normalize_value);
  f("clip_obs", config.clip_obs);
  f("clip_reward", config.clip_reward);
  f("use_rms_prop", config.use_rms_prop);
  f("rms_prop_alpha", config.rms_prop_alpha);
  f("rms_prop_eps", config.rms_prop_eps);
  f("adam_eps", config.adam_eps);
  f("weight_decay", config.weight_decay);
  f("ortho_init", config.ortho_init);
  f("squash", config.squash);
  f("log_std_init", config.log_std_init);
  f("stats_window_size", config.stats_window_size);
  f("gradient_shards", config.gradient_shards);
  f("seed", config.seed);
  f("check_finite", config.check_finite);
}

/// @throws ConfigError naming the field, its value and its range.
inline void validate(const A2cConfig& config, std::size_t num_envs) {
  const detail::ConfigChecks check("A2cConfig");
  check.on_policy(config, num_envs);
  check.above_zero("rms_prop_eps", config.rms_prop_eps);
  check.share("rms_prop_alpha", config.rms_prop_alpha);
  if (config.rms_prop_alpha >= 1.0)
    check.fail("rms_prop_alpha", std::to_string(config.rms_prop_alpha), "it must lie in [0, 1)");
  if (config.use_rms_prop && config.weight_decay != 0.0) {
    check.fail("weight_decay", std::to_string(config.weight_decay), "RMSprop has none; set use_rms_prop = false for Adam");
  }
  const std::size_t rows = config.n_steps * num_envs;
  if (config.gradient_shards > rows) {
    check.fail("gradient_shards", std::to_string(config.gradient_shards),
               "a shard needs a row: at most n_steps * num_envs (0 chooses a number)");
  }
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_A2C_CONFIG_HPP
