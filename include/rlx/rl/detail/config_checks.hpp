// SPDX-License-Identifier: MIT
/// @file
/// @brief Checks that the configurations of the learners share; each failure names field, value and range.
#ifndef RLX_RL_DETAIL_CONFIG_CHECKS_HPP
#define RLX_RL_DETAIL_CONFIG_CHECKS_HPP

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <rlx/core/error.hpp>
#include <rlx/core/finite.hpp>
#include <rlx/nn/schedule.hpp>

namespace rlx::inline v0_1::detail {

/// 0 chooses clamp(rows / 32, 1, 8) for rows, clamp(sequences / 8, 1, 8) for the sequences of an lstm: its products have one
/// row per sequence, so few sequences to a shard would starve them.
inline std::size_t choose_gradient_shards(std::size_t given, std::size_t batch_units, bool recurrent = false) {
  return given != 0 ? given : std::clamp<std::size_t>(batch_units / (recurrent ? 8 : 32), 1, 8);
}

class ConfigChecks {
 public:
  explicit ConfigChecks(std::string type) : type_(std::move(type)) {}

  [[noreturn]] void fail(const char* field, const std::string& value, const std::string& range) const {
    throw ConfigError(type_ + '.' + field + " = " + value + "; " + range);
  }
  void positive(const char* field, std::size_t value) const {
    if (value == 0) fail(field, "0", "it must be at least 1");
  }
  void above_zero(const char* field, double value) const {
    if (!is_finite(value) || value <= 0.0) fail(field, std::to_string(value), "it must be above 0 and finite");
  }
  /// Infinity, told from NaN on its bits so that this holds under -ffast-math, switches a limit off.
  void limit(const char* field, double value) const {
    const bool infinite = std::bit_cast<std::uint64_t>(value) == 0x7FF0000000000000ULL;
    if (!infinite && (!is_finite(value) || value <= 0.0)) fail(field, std::to_string(value), "it must be above 0");
  }
  void share(const char* field, double value) const {
    if (!is_finite(value) || value < 0.0 || value > 1.0) fail(field, std::to_string(value), "it must lie in [0, 1]");
  }
  void not_negative(const char* field, double value) const {
    if (!is_finite(value) || value < 0.0) fail(field, std::to_string(value), "it must be finite and at least 0");
  }
  /// A schedule is looked at where it is used: at its ends and between.
  void schedule(const char* field, const nn::Schedule& s, bool zero_at_end) const {
    for (const double p : {1.0, 0.75, 0.5, 0.25, 0.0}) {
      const double value = s(p);
      if (!is_finite(value) || value < 0.0 || (value == 0.0 && !zero_at_end && p > 0.0)) {
        fail(field, std::to_string(value) + " at progress remaining " + std::to_string(p),
             zero_at_end ? "it must be finite and at least 0" : "it must be above 0");
      }
    }
  }

  /// The fields that every on-policy learner has.
  template <class Config>
  void on_policy(const Config& config, std::size_t num_envs) const {
    positive("n_steps", config.n_steps);
    positive("stats_window_size", config.stats_window_size);
    share("gamma", config.gamma);
    share("gae_lambda", config.gae_lambda);
    schedule("learning_rate", config.learning_rate, true);
    schedule("ent_coef", config.ent_coef, true);
    not_negative("vf_coef", config.vf_coef);
    not_negative("weight_decay", config.weight_decay);
    limit("max_grad_norm", config.max_grad_norm);
    limit("clip_obs", config.clip_obs);
    limit("clip_reward", config.clip_reward);
    above_zero("adam_eps", config.adam_eps);
    if (!is_finite(config.log_std_init)) fail("log_std_init", std::to_string(config.log_std_init), "it must be finite");
    if (config.n_steps > 0xFFFFFFFFU / std::max<std::size_t>(num_envs, 1)) {  // before the product, which may wrap round
      fail("n_steps", std::to_string(config.n_steps), "n_steps * num_envs must be below 2^32");
    }
    const std::size_t rows = config.n_steps * num_envs;
    if (rows == 1 && config.normalize_advantage) {
      fail("normalize_advantage", "true", "a rollout of one row cannot be normalised; collect longer rollouts");
    }
    if (config.normalize_reward && config.normalize_value) {
      fail("normalize_value", "true", "it scales returns that normalize_reward has scaled already; set one of the two");
    }
  }

 private:
  std::string type_;
};

}  // namespace rlx::inline v0_1::detail

#endif  // RLX_RL_DETAIL_CONFIG_CHECKS_HPP
