// SPDX-License-Identifier: MIT
#include <rlx/rl/ppo_config.hpp>

#include <limits>
#include <string>

#include "rlx_catch.hpp"

using namespace rlx_test;

TEST_CASE("Defaults are Stable-Baselines3's", "[rl][ppo_config][detail_C3][detail_C13]") {
  const rlx::PpoConfig c;
  REQUIRE(c.learning_rate(0.5) == 3e-4);
  REQUIRE(c.n_steps == 2048);
  REQUIRE(c.batch_size == 64);
  REQUIRE(c.n_epochs == 10);
  REQUIRE(c.gamma == 0.99);
  REQUIRE(c.gae_lambda == 0.95);
  REQUIRE(c.clip_range(0.5) == 0.2);
  REQUIRE_FALSE(c.clip_range_vf);
  REQUIRE(c.normalize_advantage);
  REQUIRE(c.ent_coef(0.5) == 0.0);
  REQUIRE(c.vf_coef == 0.5);
  REQUIRE(c.max_grad_norm == 0.5);
  REQUIRE_FALSE(c.target_kl);
  REQUIRE(c.adam_eps == 1e-5);
  rlx::validate(c, 1);
}

TEST_CASE("Gradient shards follow the batch", "[rl][ppo_config]") {
  rlx::PpoConfig c;
  for (const auto& [batch, shards] : {std::pair{16U, 1U}, {64U, 2U}, {128U, 4U}, {256U, 8U}, {4096U, 8U}}) {
    c.batch_size = batch;
    REQUIRE(rlx::detail::choose_gradient_shards(c.gradient_shards, c.batch_size) == shards);
  }
  c.gradient_shards = 3;
  REQUIRE(rlx::detail::choose_gradient_shards(c.gradient_shards, c.batch_size) == 3);
}

TEST_CASE("A batch that does not divide the rollout is worth one warning", "[rl][ppo_config]") {
  rlx::PpoConfig c;
  REQUIRE(rlx::config_warnings(c, 3).empty());
  c.batch_size = 100;
  const auto warnings = rlx::config_warnings(c, 3);
  REQUIRE(warnings.size() == 1);
  REQUIRE_THAT(warnings[0], ContainsSubstring("batch_size 100 does not divide n_steps * num_envs = 6144"));
  REQUIRE_THAT(warnings[0], ContainsSubstring("has 44 rows"));
  REQUIRE_NOTHROW(rlx::validate(c, 3));
}

TEST_CASE("What cannot work names field, value and range", "[rl][ppo_config][errors]") {
  const auto message = [](auto change, std::size_t num_envs = 4) {
    rlx::PpoConfig c;
    change(c);
    try {
      rlx::validate(c, num_envs);
    } catch (const rlx::ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.gamma = -0.1; }), ContainsSubstring("PpoConfig.gamma = -0.1"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.gae_lambda = 2; }), ContainsSubstring("[0, 1]"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.vf_coef = std::numeric_limits<double>::quiet_NaN(); }),
               ContainsSubstring("vf_coef"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.adam_eps = 0; }), ContainsSubstring("adam_eps"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.clip_range_vf = -1.0; }), ContainsSubstring("clip_range_vf"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.ent_coef = -1.0; }), ContainsSubstring("ent_coef"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.clip_obs = 0; }), ContainsSubstring("clip_obs"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.clip_reward = -1; }), ContainsSubstring("clip_reward"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.stats_window_size = 0; }), ContainsSubstring("stats_window_size"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.gradient_shards = 65; }), ContainsSubstring("gradient_shards"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.batch_size = 2048 * 4 + 1; }), ContainsSubstring("n_steps * num_envs = 8192"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.n_steps = c.batch_size = 1; }, 1), ContainsSubstring("normalize_advantage"));
  REQUIRE_THAT(message([](rlx::PpoConfig& c) { c.n_steps = std::size_t{1} << 62U; }),  // times 4 it wraps round to 0
               ContainsSubstring("n_steps = 4611686018427387904; n_steps * num_envs must be below 2^32"));
  REQUIRE(message([](rlx::PpoConfig& c) { c.max_grad_norm = std::numeric_limits<double>::infinity(); }) == "accepted");
  REQUIRE(message([](rlx::PpoConfig& c) { c.learning_rate = rlx::nn::Schedule::linear(1e-3, 0.0); }) == "accepted");
  REQUIRE(message([](rlx::PpoConfig& c) { c.clip_range = rlx::nn::Schedule::linear(0.2, 0.0); }) == "accepted");
}
