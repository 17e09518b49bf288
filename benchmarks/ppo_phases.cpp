// SPDX-License-Identifier: MIT
/// @file
/// @brief The phases of learning apart, on one thread: collection in steps/s, updates as a share of the machine's peak, the
/// cost of the checks as a share of collection, and throughput with an LSTM. Processor time, medians over iterations.
///
/// Usage: ppo_phases [part of a case's name, default all]
#include <cstdio>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/rl/ppo.hpp>

#include "common.hpp"
#include "phase_timer.hpp"

namespace {

struct Sizes {
  std::size_t num_envs, n_steps, batch_size, n_epochs;
  std::size_t iterations = 11;
};

rlx::PpoConfig ppo_config(const Sizes& sizes) {
  rlx::PpoConfig config;
  config.n_steps = sizes.n_steps;
  config.batch_size = sizes.batch_size;
  config.n_epochs = sizes.n_epochs;
  return config;
}

template <class Make>
void measure(const std::string& name, Make make, const rlx::nn::GraphSpec& graph, const Sizes& sizes, double peak) {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = sizes.num_envs, .seed = 1}, pool, make);
  rlx::Ppo ppo(ppo_config(sizes), envs, graph, pool);
  const std::size_t rows = sizes.num_envs * sizes.n_steps;
  bench::PhaseTimer timer;
  ppo.learn(rows);
  ppo.learn(rows * sizes.iterations, {.callbacks = {&timer}, .reset_num_timesteps = false});
  const double collection = bench::median(timer.collections), update = bench::median(timer.updates);
  bench::print("collect_" + name, static_cast<double>(rows) / collection, "steps/s");
  const double gflops =
      3e-9 * static_cast<double>(ppo.graph().flops_per_row()) * static_cast<double>(rows * sizes.n_epochs) / update;
  bench::print("update_" + name + "_of_peak", 100.0 * gflops / peak, "%",
               bench::member("gflops", gflops) + ", " + bench::member("machine_peak_gflops", peak) + ", " +
                   bench::member("steps_per_second", static_cast<double>(rows * sizes.n_epochs) / update));
}

/// Collections with and without all checks in turn; the median of the ratios of neighbours. Each learner exists twice, made in
/// both orders, since 1 % may come from where its memory lies.
template <class Make>
void measure_checks(const std::string& name, Make make, const rlx::nn::GraphSpec& graph, const Sizes& sizes) {
  rlx::ThreadPool pool(1);
  const std::size_t rows = sizes.num_envs * sizes.n_steps;
  using Env = std::invoke_result_t<Make, std::size_t>;
  struct Learner {
    Learner(bool checks, const Sizes& sizes, rlx::ThreadPool& pool, const Make& make, const rlx::nn::GraphSpec& graph)
        : envs({.num_envs = sizes.num_envs, .seed = 1, .check_finite = checks, .check_masks = checks}, pool, make),
          ppo(config(checks, sizes), envs, graph, pool) {}
    static rlx::PpoConfig config(bool checks, const Sizes& sizes) {
      rlx::PpoConfig config = ppo_config(sizes);
      config.check_finite = checks;
      return config;
    }
    double collect(std::size_t rows) {
      ppo.learn(rows, {.callbacks = {&timer}, .reset_num_timesteps = false});
      return timer.collections.back();
    }
    rlx::VectorEnv<Env> envs;
    rlx::Ppo<Env> ppo;
    bench::PhaseTimer timer;
  };
  Learner first(true, sizes, pool, make, graph), second(false, sizes, pool, make, graph),
      third(false, sizes, pool, make, graph), fourth(true, sizes, pool, make, graph);
  std::vector<double> shares, with, without;
  for (std::size_t i = 0; i < sizes.iterations + 1; ++i) {
    const double a = first.collect(rows), b = second.collect(rows), c = third.collect(rows), d = fourth.collect(rows);
    if (i == 0) continue;  // to warm up
    with.push_back((a + d) / 2);
    without.push_back((b + c) / 2);
    shares.push_back(100.0 * (with.back() - without.back()) / with.back());
  }
  bench::print(
      "checks_" + name, bench::median(shares), "% of collection",
      bench::member("with_ms", 1e3 * bench::median(with)) + ", " + bench::member("without_ms", 1e3 * bench::median(without)));
}

}  // namespace

int main(int argc, char** argv) {
  const char* const only = argc > 1 ? argv[1] : "";
  const auto wanted = [&](const char* name) { return std::strstr(name, only) != nullptr; };
  const double peak = bench::peak_gflops();
  const auto cart_pole = [](std::size_t) { return rlx::CartPole(); };
  const auto hidden_velocities = [](std::size_t) { return rlx::CartPoleWithoutVelocities(); };
  const auto wide = [](std::size_t) { return bench::WideEnv(); };
  const auto mlp = rlx::nn::mlp_actor_critic({.observation = 4, .action = 2});

  for (const std::size_t batch : {64U, 256U, 1024U}) {
    const std::string name = "64_64_n16_batch" + std::to_string(batch);
    if (wanted(name.c_str())) measure(name, cart_pole, mlp, {16, 512, batch, 2}, peak);
  }
  if (wanted("64_64_n64")) measure("64_64_n64_batch256", cart_pole, mlp, {64, 256, 256, 1}, peak);
  for (const std::size_t batch : {256U, 1024U}) {
    const std::string name = "792k_n16_batch" + std::to_string(batch);
    if (wanted(name.c_str())) measure(name, wide, bench::modular_792k(), {16, 64, batch, 1, 7}, peak);
  }
  if (wanted("checks_64_64_n16")) measure_checks("64_64_n16", cart_pole, mlp, {16, 512, 8192, 1, 101});
  if (wanted("checks_mlp_275_36_masked")) {
    measure_checks("mlp_275_36_masked_n16", wide, rlx::nn::mlp_actor_critic({.observation = 275, .action = 36}),
                   {16, 128, 2048, 1, 101});
  }
  for (const std::size_t width : {64U, 256U}) {
    const std::string name = "lstm" + std::to_string(width) + "_n16_batch512";
    if (!wanted(name.c_str())) continue;
    measure(name, hidden_velocities, rlx::nn::mlp_actor_critic({.observation = 2, .action = 2, .lstm = width}),
            {16, 128, 512, 1, 7}, peak);
  }
}
