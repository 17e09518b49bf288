// SPDX-License-Identifier: MIT
/// @file
/// @brief Checkpoints of a learner with the 792K network: saving with the flush to the disk, loading into a learner and as a
/// policy. Wall time, medians of 11.
///
/// Usage: checkpoint [directory of the file, default .]
#include <cstdio>
#include <string>
#include <vector>

#include <rlx/env/vector_env.hpp>
#include <rlx/io/mapped_file.hpp>
#include <rlx/rl/ppo.hpp>

#include "common.hpp"

namespace {

template <class F>
void measure(const char* name, const std::string& more, F&& f) {
  std::vector<double> samples(11);
  for (double& sample : samples) {
    const double start = bench::wall_seconds();
    f();
    sample = 1e3 * (bench::wall_seconds() - start);
  }
  bench::print(name, bench::median(samples), "ms",
               more + ", " + bench::member("fastest", bench::quantile(samples, 0.0)) + ", " +
                   bench::member("slowest", bench::quantile(samples, 1.0)));
}

double megabytes(const std::string& path) { return 1e-6 * static_cast<double>(rlx::io::MappedFile(path).bytes().size()); }

}  // namespace

int main(int argc, char** argv) {
  const std::string path = std::string(argc > 1 ? argv[1] : ".") + "/rlx_benchmark_checkpoint";
  const std::string whole = path + ".safetensors", policy = path + "_policy.safetensors";
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 16, .seed = 1}, pool, [](std::size_t) { return bench::WideEnv(); });
  rlx::PpoConfig config;
  config.n_steps = 16;
  config.batch_size = 256;
  config.n_epochs = 1;
  rlx::Ppo ppo(config, envs, bench::modular_792k(), pool);
  ppo.learn(config.n_steps * envs.num_envs());  // moments that are not zero

  ppo.save(whole);
  ppo.export_policy(policy);
  const std::string whole_size = bench::member("megabytes", megabytes(whole));
  measure("save_792k", whole_size, [&] { ppo.save(whole); });
  measure("load_792k_learner", whole_size, [&] { ppo.load(whole); });
  measure("load_792k_policy_of_checkpoint", whole_size, [&] { rlx::InferencePolicy::load(whole); });
  measure("load_792k_policy", bench::member("megabytes", megabytes(policy)), [&] { rlx::InferencePolicy::load(policy); });
  for (const std::string& file : {whole, whole + ".json", path + ".json", policy}) std::remove(file.c_str());
}
