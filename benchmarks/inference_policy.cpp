// SPDX-License-Identifier: MIT
/// @file
/// @brief One decision of an exported policy: median and 99.9 % latency, and the time to load the file.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <rlx/nn/initialization.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/inference_policy.hpp>

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void measure(const char* name, const rlx::nn::GraphSpec& spec, std::size_t observation, std::size_t actions, int decisions) {
  rlx::nn::ParameterStore<float> store;
  const auto graph = rlx::nn::Graph<float>::build(spec, store);
  rlx::nn::initialize(store, spec, rlx::nn::Initialization::orthogonal, 1);
  rlx::PolicyLayout layout;
  layout.observation_size = observation;
  layout.num_actions = actions;
  const std::string path = std::string("/tmp/rlx_benchmark_") + name + ".safetensors";
  rlx::InferencePolicy(spec, store, layout, nullptr).save(path);
  auto start = std::chrono::steady_clock::now();
  const auto policy = rlx::InferencePolicy::load(path);
  const double load = seconds_since(start);
  std::remove(path.c_str());

  auto workspace = policy.make_workspace();
  std::vector<float> row(observation, 0.5F);
  std::int32_t action = 0;
  std::vector<double> samples(static_cast<std::size_t>(decisions));
  for (double& sample : samples) {
    start = std::chrono::steady_clock::now();
    policy.act(row, {}, {&action, 1}, workspace);
    sample = 1e6 * seconds_since(start);
  }
  std::sort(samples.begin(), samples.end());
  std::printf(
      "{\"name\": \"act_%s\", \"value\": %.2f, \"unit\": \"us\", \"p999\": %.2f, \"load_ms\": %.2f, \"parameters\": %zu}\n",
      name, samples[samples.size() / 2], samples[samples.size() * 999 / 1000], 1e3 * load, policy.parameter_count());
}

}  // namespace

int main() {
  measure("mlp_4_64_64_2", rlx::nn::mlp_actor_critic({.observation = 4, .action = 2}), 4, 2, 100'000);
  rlx::nn::SlotSpec modular;
  modular.observation = 275;
  modular.action = 36;
  modular.flats = {{"config", 0, 5, 16}, {"portfolio", 5, 10, 32}};
  modular.slots = {{"positions", 15, 5, 12, 0, 32, 2, 64}, {"opportunities", 75, 10, 20, 0, 64, 4, 128}};
  measure("modular_792k", rlx::nn::slot_actor_critic(modular), 275, 36, 5'000);
}
