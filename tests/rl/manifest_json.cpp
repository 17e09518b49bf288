// SPDX-License-Identifier: MIT
#include <rlx/rl/manifest_json.hpp>

#include <cstdio>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include <rlx/env/testing.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/ppo.hpp>
#include <rlx/rl/config_json.hpp>

#include "rl/fake_learner.hpp"
#include "rlx_catch.hpp"

using namespace rlx_test;

TEST_CASE("The manifest follows the run", "[rl][manifest]") {
  const std::string path = "/tmp/rlx_test_manifest_" + std::to_string(::getpid()) + ".json";
  const auto read = [&] {
    std::ifstream file(path);
    return nlohmann::json::parse(file);
  };
  FakeLearner learner;
  learner.total = 100;
  learner.mean = std::numeric_limits<double>::quiet_NaN();
  rlx::RunManifest manifest(path);
  manifest.fields["command"] = "train --seed 1";
  rlx::ManifestCallback callback(manifest, "best_model.safetensors");
  callback.on_training_start(learner);
  REQUIRE(read()["status"] == "running");
  REQUIRE(read()["started_ms"] == 1000);
  REQUIRE(read()["command"] == "train --seed 1");

  learner.steps = 40;
  learner.best = rlx::BestScore{2.5, 40, 3};
  callback.on_checkpoint(learner);
  REQUIRE(read()["best"]["value"] == 2.5);
  REQUIRE(read()["best"]["file"] == "best_model.safetensors");
  REQUIRE(read()["best"]["step"] == 40);
  callback.on_training_end(learner);
  REQUIRE(read()["flops"] == 3e9);
  REQUIRE(read()["status"] == "stopped");
  REQUIRE(read()["steps"] == 40);
  REQUIRE(read()["final"]["ep_rew_mean"].is_null());
  learner.steps = 100;
  callback.on_training_end(learner);
  REQUIRE(read()["status"] == "finished");
  // A resumed run knows its best model from the checkpoint: the step is that of the model, not of the resumption.
  rlx::RunManifest continued(path);
  rlx::ManifestCallback again(continued, "best_model.safetensors");
  again.on_training_start(learner);
  again.on_checkpoint(learner);
  REQUIRE(read()["best"]["step"] == 40);
  REQUIRE(read()["best"]["episode"] == 3);
  manifest.failed(rlx::NumericError("the loss is not finite"));
  REQUIRE(read()["status"] == "failed");
  REQUIRE(read()["error"] == "the loss is not finite");
  std::remove(path.c_str());
  rlx::RunManifest nowhere("/nonexistent/manifest.json");
  REQUIRE_THROWS_AS(nowhere.write(), rlx::IoError);
}

TEST_CASE("The manifest has every field that a run is repeated from", "[rl][manifest]") {
  const std::string stem = "/tmp/rlx_test_run_" + std::to_string(::getpid());
  const auto read = [&] {
    std::ifstream file(stem + ".json");
    return nlohmann::json::parse(file);
  };
  std::ofstream(stem + ".csv") << "abc";
  rlx::ThreadPool pool(2);
  rlx::VectorEnv envs({.num_envs = 4, .seed = 5}, pool, [](std::size_t) { return rlx::InvalidActionEnv(6, 2, 16); });
  rlx::Ppo ppo({.n_steps = 16, .batch_size = 64, .n_epochs = 1, .seed = 5}, envs,
               rlx::nn::mlp_actor_critic({.observation = 6, .action = 6, .pi = {8}, .vf = {8}}), pool);
  rlx::RunManifest manifest(stem + ".json");
  manifest.describe("InvalidActionEnv", ppo, envs, pool);
  rlx::DataFile data = rlx::describe_file(stem.substr(5) + ".csv", "/tmp");
  data.rows = 1;
  data.first_time_ms = 0;
  data.last_time_ms = 1'700'000'000'000;
  manifest.add_data_file(data);
  std::vector<std::string> checkpoints{"a.safetensors"};
  rlx::ManifestCallback record(manifest, "best.safetensors", [&] { return checkpoints; });
  rlx::recording_failure(manifest, [&] { return ppo.learn(128, {.callbacks = {&record}}); });

  const nlohmann::json run = read();
  REQUIRE(run["status"] == "finished");
  REQUIRE(run["library"] == RLX_VERSION_STRING);
  for (const char* const text : {"compiler", "compiler_flags", "instruction_set", "scalar", "backend", "processor"}) {
    CAPTURE(text);
    REQUIRE_FALSE(run[text].get<std::string>().empty());
  }
  REQUIRE(run["threads"] == 2);
  REQUIRE(run["shards"]["environments"] == 2);
  REQUIRE(run["shards"]["gradient"] == 2);
  REQUIRE(run["seeds"] == nlohmann::json{5});
  REQUIRE(run["config"]["n_steps"] == 16);
  REQUIRE(run["config_sha256"].get<std::string>().size() == 64);
  REQUIRE(run["environment"]["name"] == "InvalidActionEnv");
  REQUIRE(run["environment"]["observation_space"] == nlohmann::json{{"type", "box"}, {"size", 6}});
  REQUIRE(run["environment"]["action_space"] == nlohmann::json{{"type", "discrete"}, {"n", 6}});
  REQUIRE(run["environment"]["seed"] == envs.config().seed);
  REQUIRE(run["environment"]["layout_sha256"].get<std::string>().size() == 64);
  // Two towers 6 -> 8 -> {6, 1}, weights and biases.
  REQUIRE(run["parameters"] == (6 * 8 + 8) + (8 * 6 + 6) + (6 * 8 + 8) + (8 + 1));
  REQUIRE(run["flops_per_row"] > 0);
  REQUIRE(run["flops"] > 0);
  REQUIRE(run["steps"] == 128);
  REQUIRE(run["updates"] == 2);
  REQUIRE(run["wall_seconds"] >= 0);
  REQUIRE(run["final"]["ep_len_mean"] == 16);
  REQUIRE(run["checkpoints"] == checkpoints);
  REQUIRE(run["data_files"][0]["path"] == stem.substr(5) + ".csv");
  REQUIRE(run["data_files"][0]["bytes"] == 3);
  // FIPS 180-2, the digest of "abc".
  REQUIRE(run["data_files"][0]["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  REQUIRE(run["data_files"][0]["rows"] == 1);
  REQUIRE(run["data_files"][0]["first_time"] == "1970-01-01T00:00:00Z");
  REQUIRE(run["data_files"][0]["last_time"] == "2023-11-14T22:13:20Z");

  // An exception, also a nested one, leaves its message, and goes on; the next start clears it.
  const auto fail = [&] {
    rlx::recording_failure(manifest, [&] {
      try {
        throw std::runtime_error("no price");
      } catch (...) {
        std::throw_with_nested(rlx::EnvironmentError("environment 3 failed at step 7", 3, 7));
      }
    });
  };
  REQUIRE_THROWS_AS(fail(), rlx::EnvironmentError);
  REQUIRE(read()["status"] == "failed");
  REQUIRE(read()["error"] == "environment 3 failed at step 7: no price");
  ppo.learn(64, {.callbacks = {&record}});
  REQUIRE_FALSE(read().contains("error"));
  std::remove((stem + ".json").c_str());
  std::remove((stem + ".csv").c_str());
  // If the manifest cannot be written either, the first error is the one that counts.
  rlx::RunManifest nowhere("/nonexistent/manifest.json");
  REQUIRE_THROWS_WITH(rlx::recording_failure(nowhere, [] { throw rlx::NumericError("the loss is nan"); }),
                      ContainsSubstring("the loss is nan"));
}
