// SPDX-License-Identifier: MIT
/// @file
/// @brief Steps per second of PPO: CartPole with small networks, and 275 inputs with 36 masked actions through the modular and
/// the pointer network. Arguments: threads (default 1), only this case (default all).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/detail/gemm.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/ppo.hpp>

namespace {

/// 275 numbers that change every step, 36 actions of which 26 are invalid, episodes of 168 steps: the size of the funding
/// environment without its work.
class WideEnv {
 public:
  using ActionScalar = std::int32_t;
  struct Info {};
  const rlx::Box& observation_space() const { return box_; }
  const rlx::Discrete& action_space() const { return actions_; }
  const Info& info() const { return info_; }
  void reset(std::uint64_t seed, std::span<float> row) {
    state_ = seed;
    steps_ = 0;
    write(row);
  }
  rlx::Transition step(std::span<const std::int32_t> action, std::span<float> row) {
    write(row);
    return {action[0] % 2 == 0 ? 0.1 : -0.1, false, ++steps_ == 168};
  }
  void action_masks(std::span<std::uint8_t> mask) const {
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = (i + state_) % 36 < 10 ? 1 : 0;
  }

 private:
  void write(std::span<float> row) {
    for (float& x : row) {
      state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
      x = static_cast<float>(state_ >> 40) * 0x1.0p-24F - 0.5F;
    }
  }
  rlx::Box box_ = rlx::Box::uniform(275, -1.0F, 1.0F);
  rlx::Discrete actions_{36};
  Info info_;
  std::uint64_t state_ = 0;
  int steps_ = 0;
};

rlx::nn::SlotSpec modular() {
  rlx::nn::SlotSpec spec;
  spec.observation = 275;
  spec.action = 36;
  spec.flats = {{"config", 0, 5, 16}, {"portfolio", 5, 10, 32}};
  spec.slots = {{"positions", 15, 5, 12, 0, 32, 2, 64}, {"opportunities", 75, 10, 20, 0, 64, 4, 128}};
  return spec;
}

rlx::nn::PointerSpec pointer() {
  rlx::nn::PointerSpec spec;
  spec.observation = 275;
  spec.context_width = 15;
  spec.sets = {{"opportunities", "enter", 75, 10, 20, 0, 3}, {"positions", "exit", 15, 5, 12, 0, 1}};
  return spec;
}

double peak_gflops() {
  constexpr std::size_t n = 1024;
  const std::vector<float> a(n * n, 0.5F), b(n * n, 0.25F);
  std::vector<float> c(n * n);
  std::vector<double> samples(3);
  for (double& sample : samples) {
    const auto start = std::chrono::steady_clock::now();
    rlx::nn::detail::product_ab<float>(n, n, n, a.data(), n, b.data(), n, c.data(), n);
    sample = 2e-9 * n * n * n / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  std::sort(samples.begin(), samples.end());
  return samples[1];
}

/// Median of five measurements, each of `updates` iterations.
template <class Make>
void measure(const char* name, rlx::ThreadPool& pool, Make make, std::size_t num_envs, const rlx::PpoConfig& config,
             const rlx::nn::GraphSpec& graph, std::uint64_t updates, double peak) {
  rlx::VectorEnv envs({.num_envs = num_envs, .seed = 1}, pool, make);
  rlx::Ppo ppo(config, envs, graph, pool);
  const std::uint64_t steps = updates * config.n_steps * num_envs;
  ppo.learn(config.n_steps * num_envs);
  std::vector<double> rates;
  const double flops_before = ppo.total_flops();
  double seconds_total = 0.0;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    ppo.learn(steps, {.reset_num_timesteps = false});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    rates.push_back(static_cast<double>(steps) / seconds);
    seconds_total += seconds;
  }
  std::sort(rates.begin(), rates.end());
  const double gflops = (ppo.total_flops() - flops_before) * 1e-9 / seconds_total;
  std::printf(
      "{\"name\": \"%s\", \"value\": %.0f, \"unit\": \"steps/s\", \"threads\": %zu, \"best\": %.0f, \"parameters\": %zu, "
      "\"gflops\": %.1f, \"machine_peak_gflops\": %.1f}\n",
      name, rates[2], pool.size(), rates.back(), ppo.parameters().count(), gflops, peak);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t threads = argc > 1 ? static_cast<std::size_t>(std::atoi(argv[1])) : 1;
  const char* const only = argc > 2 ? argv[2] : "";
  const auto wanted = [&](const char* name) { return std::strstr(name, only) != nullptr; };
  const double peak = peak_gflops();
  rlx::ThreadPool pool(threads);
  const auto cart_pole = [](std::size_t) { return rlx::CartPole(); };
  const auto wide = [](std::size_t) { return WideEnv(); };
  const rlx::nn::GraphSpec mlp = rlx::nn::mlp_actor_critic({.observation = 4, .action = 2});

  rlx::PpoConfig sb3;
  sb3.seed = 1;
  rlx::PpoConfig fast = sb3;
  fast.n_steps = 128;
  fast.batch_size = 256;
  fast.n_epochs = 4;
  rlx::PpoConfig funding = fast;
  funding.batch_size = 128;
  funding.target_kl.reset();
  funding.ent_coef = 0.01;
  funding.normalize_reward = true;
  if (wanted("cartpole_sb3")) measure("cartpole_sb3_defaults_n8", pool, cart_pole, 8, sb3, mlp, 1, peak);
  if (wanted("cartpole_batch256")) measure("cartpole_batch256_n16", pool, cart_pole, 16, fast, mlp, 10, peak);
  if (wanted("modular"))
    measure("modular_792k_batch128_n16", pool, wide, 16, funding, rlx::nn::slot_actor_critic(modular()), 1, peak);
  if (wanted("pointer"))
    measure("pointer_99k_batch128_n16", pool, wide, 16, funding, rlx::nn::pointer_actor_critic(pointer()), 4, peak);
}
