// SPDX-License-Identifier: MIT
#include <rlx/rl/action_log.hpp>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "rl/training_run.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

std::vector<nlohmann::json> lines_of(const std::string& path) {
  std::vector<nlohmann::json> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

/// Acts out a log: with its seed and its actions, an episode gives the rewards and the end that the log names.
template <class Case>
void require_traceable(std::size_t lstm = 0) {
  using L = rlx::Ppo<typename Case::Env>;
  rlx::PpoConfig config;
  config.n_steps = 30;
  config.batch_size = 30 * 4;
  config.n_epochs = 2;
  config.squash = Case::squash;
  TrainingRun<L, typename Case::Env> run(config, Case::graph(lstm), Case::make, 2, 4);
  const ScratchFile file(std::string("actions_") + Case::name);
  rlx::ActionLog log(run.learner, file.path, {.observations = true});
  run.learner.learn(3 * run.rollout(), {.callbacks = {&log}});
  const std::vector<nlohmann::json> lines = lines_of(file.path);
  REQUIRE(lines.size() == 3 * run.rollout());
  REQUIRE(log.lines() == lines.size());

  std::map<std::size_t, std::vector<nlohmann::json>> by_env;
  for (const nlohmann::json& line : lines) by_env[line.at("env")].push_back(line);
  REQUIRE(by_env.size() == 4);
  std::size_t ends = 0, masked = 0;
  for (const auto& [e, steps] : by_env) {
    typename Case::Env env = Case::make(e);
    std::vector<float> row(run.envs.observation_size());
    std::vector<std::uint8_t> mask(run.envs.mask_width());
    std::uint64_t episode = 1'000'000;
    for (std::size_t t = 0; t < steps.size(); ++t) {
      const nlohmann::json& step = steps[t];
      REQUIRE(step.at("timestep") == (t + 1) * 4);
      REQUIRE(step.at("update") == t / 30);
      if (step.at("episode") != episode) {
        REQUIRE(step.at("episode") == (t == 0 ? 0 : episode + 1));
        REQUIRE((t == 0 || steps[t - 1].at("terminated") == true || steps[t - 1].at("truncated") == true));
        episode = step.at("episode");
        env.reset(rlx::RandomStream({3, rlx::Purpose::environment_reset, static_cast<std::uint32_t>(e), episode}).next_u64(),
                  row);
      }
      REQUIRE(step.at("observation").get<std::vector<float>>() == row);
      if constexpr (rlx::MaskedEnvironment<typename Case::Env>) {
        env.action_masks(mask);
        std::string text;
        for (const std::uint8_t valid : mask) text += valid != 0 ? '1' : '0';
        REQUIRE(step.at("mask") == text);
        masked += text.find('0') != std::string::npos ? 1 : 0;
      } else {
        REQUIRE_FALSE(step.contains("mask"));
      }
      const auto action = step.at("action").get<std::vector<typename Case::Env::ActionScalar>>();
      REQUIRE(step.contains("drawn") == L::transforms_actions);
      const rlx::Transition result = env.step(action, row);
      REQUIRE(step.at("reward").get<float>() == static_cast<float>(result.reward));
      REQUIRE(step.at("terminated") == result.terminated);
      REQUIRE(step.at("truncated") == result.truncated);
      REQUIRE(step.at("log_prob").is_number());
      REQUIRE(step.at("value").is_number());
      ends += result.terminated || result.truncated ? 1 : 0;
    }
  }
  REQUIRE(ends > 8);
  if constexpr (rlx::MaskedEnvironment<typename Case::Env>) REQUIRE(masked > 0);
}

}  // namespace

TEST_CASE("Every action of training can be acted out again from its line", "[rl][action_log]") {
  require_traceable<Choices>();
  require_traceable<Numbers>();
  require_traceable<Squashed>(8);
  require_traceable<Weights>();
}

TEST_CASE("An action log appends, changes nothing, and belongs to one learner", "[rl][action_log]") {
  using Run = TrainingRun<rlx::Ppo<NumbersEnv>, NumbersEnv>;
  rlx::PpoConfig config;
  config.n_steps = 16;
  const auto make = [&] { return std::make_unique<Run>(config, Numbers::graph(), Numbers::make, 1, 4); };
  const auto watched = make(), plain = make(), other = make();
  const ScratchFile file("actions_append");
  for (int part = 0; part < 2; ++part) {
    rlx::ActionLog log(watched->learner, file.path);
    watched->learner.learn(64, {.callbacks = {&log}, .reset_num_timesteps = false});
    plain->learner.learn(64, {.reset_num_timesteps = false});
    REQUIRE(log.lines() == 64);
  }
  REQUIRE(watched->learner.state_hash() == plain->learner.state_hash());
  const std::vector<nlohmann::json> lines = lines_of(file.path);
  REQUIRE(lines.size() == 128);
  REQUIRE(lines.back().at("timestep") == 128);
  REQUIRE_FALSE(lines.back().contains("observation"));
  rlx::ActionLog log(watched->learner, file.path, {.append = false});
  REQUIRE_THROWS_AS(other->learner.learn(64, {.callbacks = {&log}}), rlx::ConfigError);
  REQUIRE_THROWS_AS(rlx::ActionLog(watched->learner, "/nonexistent/actions.jsonl"), rlx::IoError);
}
