// SPDX-License-Identifier: MIT
#include <rlx/rl/config_json.hpp>

#include <limits>

#include "rlx_catch.hpp"

using namespace rlx_test;

TEST_CASE("A configuration survives JSON", "[rl][config_json]") {
  rlx::PpoConfig c;
  c.learning_rate = rlx::nn::Schedule::linear(3e-4, 0.0);
  c.clip_range = rlx::nn::Schedule::piecewise({{1.0, 0.3}, {0.5, 0.2}});
  c.clip_range_vf = rlx::nn::Schedule::cosine(0.4, 0.1);
  c.ent_coef = 0.01;
  c.target_kl = 0.05;
  c.value_clip = rlx::ValueClip::max;
  c.max_grad_norm = std::numeric_limits<double>::infinity();
  c.normalize_reward = true;
  c.seed = 0xFFFFFFFFFFFFFFFFULL;
  const nlohmann::json json = rlx::config_to_json(c);
  const rlx::PpoConfig back = rlx::ppo_config_from_json(nlohmann::json::parse(json.dump()));
  REQUIRE(rlx::config_to_json(back) == json);
  REQUIRE(back.learning_rate == c.learning_rate);
  REQUIRE(back.clip_range == c.clip_range);
  REQUIRE(*back.clip_range_vf == *c.clip_range_vf);
  REQUIRE(*back.target_kl == 0.05);
  REQUIRE(back.value_clip == rlx::ValueClip::max);
  REQUIRE(back.max_grad_norm == std::numeric_limits<double>::infinity());
  REQUIRE(back.seed == c.seed);
  REQUIRE(rlx::config_hash(json) == rlx::config_hash(rlx::config_to_json(back)));
  REQUIRE(rlx::config_hash(json) != rlx::config_hash(rlx::config_to_json(rlx::PpoConfig{})));
}

TEST_CASE("Unknown keys and wrong types are refused with the nearest key", "[rl][config_json][errors]") {
  REQUIRE_THROWS_WITH(rlx::ppo_config_from_json({{"n_step", 5}}), ContainsSubstring("did you mean 'n_steps'"));
  REQUIRE_THROWS_AS(rlx::ppo_config_from_json({{"n_steps", -5}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::ppo_config_from_json({{"gamma", "high"}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::ppo_config_from_json({{"value_clip", "none"}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::ppo_config_from_json({{"learning_rate", {{"kind", "linear"}, {"start", 1.0}}}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::ppo_config_from_json(nlohmann::json::array()), rlx::ConfigError);
  REQUIRE(rlx::ppo_config_from_json({{"n_steps", 5}}).n_steps == 5);
}

TEST_CASE("A2C's configuration survives JSON", "[rl][config_json]") {
  rlx::A2cConfig c;
  c.learning_rate = rlx::nn::Schedule::linear(7e-4, 0.0);
  c.ent_coef = rlx::nn::Schedule::cosine(0.1, 0.01);
  c.n_steps = 8;
  c.gae_lambda = 0.9;
  c.use_rms_prop = false;
  c.weight_decay = 0.01;
  c.rms_prop_alpha = 0.95;
  c.rms_prop_eps = 1e-6;
  c.clip_obs = std::numeric_limits<double>::infinity();
  c.normalize_value = true;
  c.squash = true;
  c.log_std_init = -0.5;
  c.seed = 17;
  const nlohmann::json json = rlx::config_to_json(c);
  const rlx::A2cConfig back = rlx::a2c_config_from_json(nlohmann::json::parse(json.dump()));
  REQUIRE(rlx::config_to_json(back) == json);
  REQUIRE(back.learning_rate == c.learning_rate);
  REQUIRE(back.ent_coef == c.ent_coef);
  REQUIRE(back.clip_obs == c.clip_obs);
  REQUIRE_FALSE(back.use_rms_prop);
  REQUIRE(back.rms_prop_alpha == 0.95);
  REQUIRE(back.log_std_init == -0.5);
  REQUIRE(rlx::config_hash(json) != rlx::config_hash(rlx::config_to_json(rlx::A2cConfig{})));
  REQUIRE(json.size() == 25);
}

TEST_CASE("A2C's unknown keys are refused with the nearest key", "[rl][config_json][errors]") {
  REQUIRE_THROWS_WITH(rlx::a2c_config_from_json({{"use_rmsprop", false}}), ContainsSubstring("did you mean 'use_rms_prop'"));
  REQUIRE_THROWS_WITH(rlx::a2c_config_from_json({{"n_step", 5}}), ContainsSubstring("did you mean 'n_steps'"));
  REQUIRE_THROWS_AS(rlx::a2c_config_from_json({{"clip_range", 0.2}}), rlx::ConfigError);  // PPO's
  REQUIRE_THROWS_AS(rlx::a2c_config_from_json({{"use_rms_prop", 1}}), rlx::ConfigError);
  REQUIRE(rlx::a2c_config_from_json({{"use_rms_prop", false}}).use_rms_prop == false);
}
