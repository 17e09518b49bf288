// SPDX-License-Identifier: MIT
/// @file
/// @brief Steps per second of PPO: CartPole with small networks, and 275 inputs with 36 masked actions through the modular and
/// the pointer network; A2C on CartPole; the seconds of a whole training on Pendulum. With one thread in processor time, so
/// that other processes do not count; with more in wall time.
///
/// Arguments: threads (default 1), part of a case's name (default all).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/pendulum.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/rl/a2c.hpp>
#include <rlx/rl/ppo.hpp>

#include "common.hpp"

namespace {

/// Median of five measurements, each of `updates` iterations.
template <template <class...> class Algorithm, class Config, class Make>
void measure(const char* name, rlx::ThreadPool& pool, Make make, std::size_t num_envs, const Config& config,
             const rlx::nn::GraphSpec& graph, std::uint64_t updates, double peak) {
  rlx::VectorEnv envs({.num_envs = num_envs, .seed = 1}, pool, make);
  Algorithm learner(config, envs, graph, pool);
  const std::uint64_t steps = updates * config.n_steps * num_envs;
  learner.learn(config.n_steps * num_envs);
  std::vector<double> rates, cpu_rates;
  const double flops_before = learner.total_flops();
  double cpu_total = 0.0;
  for (int i = 0; i < 5; ++i) {
    const double start = bench::wall_seconds(), cpu_start = bench::cpu_seconds();
    learner.learn(steps, {.reset_num_timesteps = false});
    const double cpu = bench::cpu_seconds() - cpu_start;
    rates.push_back(static_cast<double>(steps) / (bench::wall_seconds() - start));
    cpu_rates.push_back(static_cast<double>(steps) / cpu);
    cpu_total += cpu;
  }
  const double gflops = (learner.total_flops() - flops_before) * 1e-9 / cpu_total;
  bench::print(name, bench::median(pool.size() == 1 ? cpu_rates : rates), "steps/s",
               bench::member("wall", bench::median(rates)) + ", " + bench::member("best_wall", bench::quantile(rates, 1.0)) +
                   ", " + bench::member("threads", static_cast<double>(pool.size())) + ", " +
                   bench::member("parameters", static_cast<double>(learner.parameters().count())) + ", " +
                   bench::member("gflops", gflops) + ", " + bench::member("machine_peak_gflops", peak));
}

/// A whole training: 303,104 steps, 4 x 1,024 per rollout, minibatches of 256, 2 epochs, two networks of 64-64.
void measure_pendulum(rlx::ThreadPool& pool) {
  rlx::PpoConfig config;
  config.n_steps = 1024;
  config.batch_size = 256;
  config.n_epochs = 2;
  const auto graph = rlx::nn::mlp_actor_critic({.observation = 3, .action = 1});
  std::vector<double> seconds, cpu_seconds;
  for (int i = 0; i < 3; ++i) {
    rlx::VectorEnv envs({.num_envs = 4, .seed = 1}, pool, [](std::size_t) { return rlx::Pendulum(); });
    rlx::Ppo ppo(config, envs, graph, pool);
    const double start = bench::wall_seconds(), cpu_start = bench::cpu_seconds();
    ppo.learn(303'000);
    seconds.push_back(bench::wall_seconds() - start);
    cpu_seconds.push_back(bench::cpu_seconds() - cpu_start);
  }
  bench::print(
      "ppo_pendulum_303k", bench::median(pool.size() == 1 ? cpu_seconds : seconds), "s",
      bench::member("wall", bench::median(seconds)) + ", " + bench::member("threads", static_cast<double>(pool.size())));
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t threads = argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 1;
  const char* const only = argc > 2 ? argv[2] : "";
  const auto wanted = [&](const char* name) { return std::strstr(name, only) != nullptr; };
  const double peak = bench::peak_gflops();
  rlx::ThreadPool pool(threads);
  const auto cart_pole = [](std::size_t) { return rlx::CartPole(); };
  const auto wide = [](std::size_t) { return bench::WideEnv(); };
  const rlx::nn::GraphSpec mlp = rlx::nn::mlp_actor_critic({.observation = 4, .action = 2});

  rlx::PpoConfig sb3;
  sb3.seed = 1;
  rlx::PpoConfig fast = sb3;
  fast.n_steps = 128;
  fast.batch_size = 256;
  fast.n_epochs = 4;
  rlx::PpoConfig funding = fast;
  funding.batch_size = 128;
  funding.ent_coef = 0.01;
  funding.normalize_reward = true;
  if (wanted("cartpole_sb3_defaults_n8")) measure<rlx::Ppo>("cartpole_sb3_defaults_n8", pool, cart_pole, 8, sb3, mlp, 1, peak);
  if (wanted("cartpole_batch256_n16")) measure<rlx::Ppo>("cartpole_batch256_n16", pool, cart_pole, 16, fast, mlp, 10, peak);
  if (wanted("a2c_cartpole_n16")) measure<rlx::A2c>("a2c_cartpole_n16", pool, cart_pole, 16, rlx::A2cConfig{}, mlp, 200, peak);
  if (wanted("ppo_pendulum_303k")) measure_pendulum(pool);
  if (wanted("modular_792k_batch128_n16"))
    measure<rlx::Ppo>("modular_792k_batch128_n16", pool, wide, 16, funding, bench::modular_792k(), 1, peak);
  if (wanted("pointer_99k_batch128_n16"))
    measure<rlx::Ppo>("pointer_99k_batch128_n16", pool, wide, 16, funding, bench::pointer_99k(), 4, peak);
}
