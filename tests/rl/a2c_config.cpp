// SPDX-License-Identifier: MIT
#include <rlx/rl/a2c_config.hpp>

#include <limits>
#include <string>
#include <vector>

#include "rlx_catch.hpp"

using namespace rlx_test;

TEST_CASE("A2C's defaults are Stable-Baselines3's", "[rl][a2c_config]") {
  const rlx::A2cConfig c;
  REQUIRE(c.learning_rate(0.5) == 7e-4);
  REQUIRE(c.n_steps == 5);
  REQUIRE(c.gamma == 0.99);
  REQUIRE(c.gae_lambda == 1.0);
  REQUIRE(c.ent_coef(0.5) == 0.0);
  REQUIRE(c.vf_coef == 0.5);
  REQUIRE(c.max_grad_norm == 0.5);
  REQUIRE(c.use_rms_prop);
  REQUIRE(c.rms_prop_alpha == 0.99);
  REQUIRE(c.rms_prop_eps == 1e-5);
  REQUIRE_FALSE(c.normalize_advantage);
  REQUIRE_FALSE(c.normalize_observation);
  REQUIRE_FALSE(c.normalize_reward);
  REQUIRE_FALSE(c.normalize_value);
  REQUIRE(c.ortho_init);
  REQUIRE_FALSE(c.squash);
  REQUIRE(c.log_std_init == 0.0);
  REQUIRE(c.stats_window_size == 100);
  REQUIRE_NOTHROW(rlx::validate(c, 1));
}

TEST_CASE("Every field is visited once, in the order of the struct", "[rl][a2c_config]") {
  rlx::A2cConfig c;
  std::vector<std::string> names;
  rlx::for_each_field(c, [&](const char* name, auto&) { names.emplace_back(name); });
  REQUIRE(names.size() == 25);
  REQUIRE(names.front() == "learning_rate");
  REQUIRE(names.back() == "check_finite");
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) REQUIRE(names[i] != names[j]);
  }
}

TEST_CASE("What A2C cannot work with names field, value and range", "[rl][a2c_config][errors]") {
  const auto message = [](auto change, std::size_t num_envs = 4) {
    rlx::A2cConfig c;
    change(c);
    try {
      rlx::validate(c, num_envs);
    } catch (const rlx::ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  using C = rlx::A2cConfig;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  REQUIRE_THAT(message([](C& c) { c.n_steps = 0; }), ContainsSubstring("A2cConfig.n_steps = 0"));
  REQUIRE_THAT(message([](C& c) { c.stats_window_size = 0; }), ContainsSubstring("stats_window_size = 0"));
  REQUIRE_THAT(message([](C& c) { c.gamma = 1.5; }), ContainsSubstring("A2cConfig.gamma = 1.5"));
  REQUIRE_THAT(message([&](C& c) { c.gae_lambda = nan; }), ContainsSubstring("gae_lambda"));
  REQUIRE_THAT(message([](C& c) { c.learning_rate = -1e-3; }), ContainsSubstring("learning_rate"));
  REQUIRE_THAT(message([](C& c) { c.ent_coef = -1.0; }), ContainsSubstring("ent_coef"));
  REQUIRE_THAT(message([&](C& c) { c.vf_coef = nan; }), ContainsSubstring("vf_coef"));
  REQUIRE_THAT(message([](C& c) { c.max_grad_norm = 0; }), ContainsSubstring("max_grad_norm"));
  REQUIRE_THAT(message([](C& c) { c.clip_obs = -1; }), ContainsSubstring("clip_obs"));
  REQUIRE_THAT(message([&](C& c) { c.clip_reward = nan; }), ContainsSubstring("clip_reward"));
  REQUIRE_THAT(message([](C& c) { c.rms_prop_alpha = 1.0; }), ContainsSubstring("A2cConfig.rms_prop_alpha = 1"));
  REQUIRE_THAT(message([](C& c) { c.rms_prop_alpha = -0.1; }), ContainsSubstring("rms_prop_alpha"));
  REQUIRE_THAT(message([](C& c) { c.rms_prop_eps = 0; }), ContainsSubstring("rms_prop_eps"));
  REQUIRE_THAT(message([&](C& c) { c.adam_eps = infinity; }), ContainsSubstring("adam_eps"));
  REQUIRE_THAT(message([](C& c) { c.weight_decay = 0.1; }), ContainsSubstring("use_rms_prop = false"));
  REQUIRE_THAT(message([&](C& c) { c.log_std_init = nan; }), ContainsSubstring("log_std_init"));
  REQUIRE_THAT(message([](C& c) { c.gradient_shards = 21; }), ContainsSubstring("gradient_shards = 21"));
  REQUIRE_THAT(message([](C& c) { c.normalize_reward = c.normalize_value = true; }), ContainsSubstring("normalize_value"));
  const auto one_row = [](C& c) {
    c.n_steps = 1;
    c.normalize_advantage = true;
  };
  REQUIRE_THAT(message(one_row, 1), ContainsSubstring("A2cConfig.normalize_advantage"));
  REQUIRE(message(one_row, 2) == "accepted");
  REQUIRE(message([](C& c) { c.gradient_shards = 20; }) == "accepted");
  REQUIRE(message([&](C& c) { c.max_grad_norm = c.clip_obs = c.clip_reward = infinity; }) == "accepted");
  REQUIRE(message([](C& c) { c.learning_rate = rlx::nn::Schedule::linear(7e-4, 0.0); }) == "accepted");
  REQUIRE(message([](C& c) {
            c.use_rms_prop = false;
            c.weight_decay = 0.1;
          }) == "accepted");
}
