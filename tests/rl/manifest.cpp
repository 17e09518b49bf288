// SPDX-License-Identifier: MIT
#include <rlx/rl/manifest.hpp>

#include <cstdio>
#include <fstream>
#include <limits>
#include <string>
#include <unistd.h>

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
  callback.on_update_end(learner);
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
  again.on_update_end(learner);
  REQUIRE(read()["best"]["step"] == 40);
  REQUIRE(read()["best"]["episode"] == 3);
  manifest.failed(rlx::NumericError("the loss is not finite"));
  REQUIRE(read()["status"] == "failed");
  REQUIRE(read()["error"] == "the loss is not finite");
  std::remove(path.c_str());
  rlx::RunManifest nowhere("/nonexistent/manifest.json");
  REQUIRE_THROWS_AS(nowhere.write(), rlx::IoError);
}
