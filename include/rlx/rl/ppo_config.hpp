// SPDX-License-Identifier: MIT
/// @file
/// @brief What PPO can be told, under Stable-Baselines3's names and with its defaults.
#ifndef RLX_RL_PPO_CONFIG_HPP
#define RLX_RL_PPO_CONFIG_HPP

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/nn/schedule.hpp>
#include <rlx/rl/detail/config_checks.hpp>
#include <rlx/rl/losses.hpp>

namespace rlx::inline v0_1 {

/// Configuration of `Ppo`. A schedule is a number or a function of the progress remaining (1 at the start, 0 at the end); it is
/// evaluated after each rollout, before its update.
struct PpoConfig {
  nn::Schedule learning_rate = 3e-4;               ///< of the optimiser, >= 0
  std::size_t n_steps = 2048;                      ///< per environment and rollout, >= 1
  std::size_t batch_size = 64;                     ///< rows of a minibatch, in [1, n_steps * num_envs]
  std::size_t n_epochs = 10;                       ///< passes over a rollout, >= 1
  double gamma = 0.99;                             ///< discount, [0, 1]
  double gae_lambda = 0.95;                        ///< [0, 1]
  nn::Schedule clip_range = 0.2;                   ///< > 0
  std::optional<nn::Schedule> clip_range_vf = {};  ///< empty: values are not clipped; in the units of the (scaled) return
  ValueClip value_clip = ValueClip::sb3;           ///< read if clip_range_vf is set
  bool normalize_advantage = true;                 ///< per minibatch
  nn::Schedule ent_coef = 0.0;                     ///< weight of the entropy bonus, >= 0
  double vf_coef = 0.5;                            ///< weight of the value loss, >= 0
  double max_grad_norm = 0.5;                      ///< > 0; infinity: no limit
  std::optional<double> target_kl = {};  ///< > 0; the update ends at a minibatch whose approx_kl exceeds 1.5 times this
  bool normalize_observation = false;    ///< by running mean and deviation of each number; the policy keeps them
  bool normalize_reward = false;         ///< divide rewards by the standard deviation of the discounted return
  bool normalize_value = false;          ///< the critic learns (R - mean) / std of the returns; not with normalize_reward
  double clip_obs = 10.0;                ///< > 0, after normalisation
  double clip_reward = 10.0;             ///< > 0, after scaling
  double adam_eps = 1e-5;                ///< > 0, added to the root of the second moment
  double weight_decay = 0.0;             ///< decoupled
  bool ortho_init = true;                ///< orthogonal with the gains of the graph; false: as torch initialises
  bool squash = false;                   ///< Box actions: squash samples into the bounds by tanh; false: clip them
  double log_std_init = 0.0;             ///< Box actions: ln of the initial standard deviation
  std::size_t stats_window_size = 100;   ///< finished episodes behind rollout/ep_rew_mean, >= 1
  std::size_t gradient_shards = 0;       ///< parts of a minibatch that may run in parallel; 0: clamp(batch_size / 32, 1, 8),
                                         ///< with an lstm clamp(sequences / 8, 1, 8)
  std::uint64_t seed = 0;                ///< of parameters, actions and shuffles
  bool check_finite = true;              ///< stop with NumericError on logits, values, losses or gradients that are not finite
};

/// Calls `f(name, field)` for every field, in the order of the struct.
template <class Config, class F>
requires std::same_as<std::remove_const_t<Config>, PpoConfig>
void for_each_field(Config& config, F&& f) {
  f("learning_rate", config.learning_rate);
  f("n_steps", config.n_steps);
  f("batch_size", config.batch_size);
  f("n_epochs", config.n_epochs);
  f("gamma", config.gamma);
  f("gae_lambda", config.gae_lambda);
  f("clip_range", config.clip_range);
  f("clip_range_vf", config.clip_range_vf);
  f("value_clip", config.value_clip);
  f("normalize_advantage", config.normalize_advantage);
  f("ent_coef", config.ent_coef);
  f("vf_coef", config.vf_coef);
  f("max_grad_norm", config.max_grad_norm);
  f("target_kl", config.target_kl);
  f("normalize_observation", config.normalize_observation);
  f("normalize_reward", config.normalize_reward);
  f("normalize_value", config.normalize_value);
  f("clip_obs", config.clip_obs);
  f("clip_reward", config.clip_reward);
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

/// Checks every field. With `recurrent` the network has an lstm, so minibatches are whole sequences.
/// @throws ConfigError naming the field, its value and its range.
inline void validate(const PpoConfig& config, std::size_t num_envs, bool recurrent = false) {
  const detail::ConfigChecks check("PpoConfig");
  check.on_policy(config, num_envs);
  check.positive("n_epochs", config.n_epochs);
  check.positive("batch_size", config.batch_size);
  check.schedule("clip_range", config.clip_range, false);
  if (config.clip_range_vf) check.schedule("clip_range_vf", *config.clip_range_vf, false);
  if (config.target_kl) check.above_zero("target_kl", *config.target_kl);

  const std::size_t rows = config.n_steps * num_envs;
  if (config.batch_size > rows) {
    check.fail("batch_size", std::to_string(config.batch_size),
               "it exceeds n_steps * num_envs = " + std::to_string(rows) + "; lower it or collect longer rollouts");
  }
  if (recurrent && config.batch_size % config.n_steps != 0) {
    check.fail(
        "batch_size", std::to_string(config.batch_size),
        "with an lstm a minibatch holds whole sequences: it must be a multiple of n_steps = " + std::to_string(config.n_steps));
  }
  if (config.gradient_shards > config.batch_size) {
    check.fail("gradient_shards", std::to_string(config.gradient_shards),
               "a shard needs a row: at most batch_size (0 chooses a number)");
  }
}

/// What a run should say once, in its log and its manifest, of a configuration that works but may not be meant.
inline std::vector<std::string> config_warnings(const PpoConfig& config, std::size_t num_envs) {
  std::vector<std::string> found;
  const std::size_t rows = config.n_steps * num_envs;
  if (const std::size_t rest = rows % config.batch_size; rest != 0) {
    found.push_back("batch_size " + std::to_string(config.batch_size) + " does not divide n_steps * num_envs = " +
                    std::to_string(rows) + ": the last minibatch of every epoch has " + std::to_string(rest) + " rows");
  }
  return found;
}

}  // namespace rlx::inline v0_1

#endif  // RLX_RL_PPO_CONFIG_HPP
