// SPDX-License-Identifier: MIT
/// @file
/// @brief Heap memory of a learner against the formula: rollout + 4 x parameters + gradient shards x parameters + one workspace
/// per thread + finished-episode records (at most T N); and heap allocations of the second to the tenth iteration.
///
/// The program counts what `operator new` is asked for.
#include <cstdio>
#include <string>
#include <vector>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/rl/ppo.hpp>

#include "common.hpp"
#include "counted_memory.hpp"

namespace {

template <class Make>
void measure(const std::string& name, Make make, std::size_t num_envs, const rlx::PpoConfig& config,
             const rlx::nn::GraphSpec& spec, std::size_t threads) {
  rlx::ThreadPool pool(threads);
  rlx::VectorEnv envs({.num_envs = num_envs, .seed = 1}, pool, make);
  const std::size_t before = bench::live_bytes;
  rlx::Ppo ppo(config, envs, spec, pool);
  const std::size_t built = bench::live_bytes - before;
  const std::size_t rows = config.n_steps * num_envs;
  ppo.learn(2 * rows);
  const std::size_t after_two = bench::live_bytes - before, allocations_of_two = bench::allocations;
  ppo.learn(8 * rows, {.reset_num_timesteps = false});
  const std::size_t allocated = bench::allocations - allocations_of_two;
  const std::size_t after_ten = bench::live_bytes - before;

  const std::size_t shard_rows = std::max((config.batch_size + ppo.gradient_shards() - 1) / ppo.gradient_shards(),
                                          (num_envs + envs.num_shards() - 1) / envs.num_shards());
  const std::size_t before_workspace = bench::live_bytes;
  const auto workspace = ppo.graph().make_workspace(shard_rows);
  const std::size_t workspace_bytes = bench::live_bytes - before_workspace;

  const std::size_t observation = envs.observation_size(), mask = envs.mask_width();
  const auto mebibytes = [](std::size_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024.0); };
  const std::size_t rollout = rows * (4 * observation + 4 * envs.action_width() + mask + 26);
  const std::size_t parameters = 4 * ppo.parameters().parameters().size();
  const std::size_t learned = (4 + ppo.gradient_shards()) * parameters;
  const std::size_t episodes = rows * sizeof(rlx::EpisodeStatistics);
  const std::size_t formula = rollout + learned + threads * workspace_bytes + episodes;
  bench::print("memory_" + name, static_cast<double>(after_ten) / static_cast<double>(formula), "of the formula",
               bench::member("mebibytes", mebibytes(after_ten)) + ", " +
                   bench::member("formula_mebibytes", mebibytes(formula)) + ", " +
                   bench::member("rollout", mebibytes(rollout)) + ", " + bench::member("parameters", mebibytes(learned)) +
                   ", " + bench::member("workspaces", mebibytes(threads * workspace_bytes)) + ", " +
                   bench::member("episodes", mebibytes(episodes)) + ", " + bench::member("built", mebibytes(built)) + ", " +
                   bench::member("after_two_iterations", mebibytes(after_two)));
  bench::print("allocations_" + name, static_cast<double>(allocated), "in iterations 3 to 10");
}

}  // namespace

int main() {
  rlx::PpoConfig config;
  const auto cart_pole = [](std::size_t) { return rlx::CartPole(); };
  const auto wide = [](std::size_t) { return bench::WideEnv(); };
  measure("64_64_sb3_defaults_n8", cart_pole, 8, config, rlx::nn::mlp_actor_critic({.observation = 4, .action = 2}), 1);
  config.n_steps = 128;
  config.batch_size = 256;
  config.n_epochs = 1;
  measure("792k_n16", wide, 16, config, bench::modular_792k(), 2);
}
