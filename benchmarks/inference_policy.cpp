// SPDX-License-Identifier: MIT
/// @file
/// @brief One decision of a policy: median and 99.9 % latency. The time to load a policy is in checkpoint.cpp.
#include <cstdio>
#include <string>
#include <vector>

#include <rlx/nn/initialization.hpp>
#include <rlx/rl/inference_policy.hpp>

#include "common.hpp"

namespace {

void measure(const std::string& name, const rlx::nn::GraphSpec& spec, std::size_t observation, std::size_t actions,
             std::size_t decisions) {
  rlx::nn::ParameterStore<float> store;
  const auto graph = rlx::nn::Graph<float>::build(spec, store);
  rlx::nn::initialize(store, spec, rlx::nn::Initialization::orthogonal, 1);
  rlx::PolicyLayout layout;
  layout.observation_size = observation;
  layout.num_actions = actions;
  const rlx::InferencePolicy policy(spec, store, layout, nullptr);
  auto workspace = policy.make_workspace();
  std::vector<float> row(observation, 0.5F);
  std::int32_t action = 0;
  std::vector<double> wall(decisions), cpu(decisions);
  for (double& sample : wall) {
    const double start = bench::wall_seconds();
    policy.act(row, {}, {&action, 1}, workspace);
    sample = 1e6 * (bench::wall_seconds() - start);
  }
  for (double& sample : cpu) {
    const double start = bench::cpu_seconds();
    policy.act(row, {}, {&action, 1}, workspace);
    sample = 1e6 * (bench::cpu_seconds() - start);
  }
  bench::print("act_" + name, bench::median(wall), "us",
               bench::member("p999", bench::quantile(wall, 0.999)) + ", " +
                   bench::member("cpu_time_p999", bench::quantile(cpu, 0.999)) + ", " +
                   bench::member("parameters", static_cast<double>(policy.parameter_count())));
  // In processor time, since on a shared machine the slowest decisions are those that were interrupted.
  bench::print("act_" + name + "_p999_of_median", bench::quantile(cpu, 0.999) / bench::median(cpu), "times");
}

}  // namespace

int main() {
  measure("4_64_64_2", rlx::nn::mlp_actor_critic({.observation = 4, .action = 2}), 4, 2, 100'000);
  measure("792k", bench::modular_792k(), 275, 36, 10'000);
}
