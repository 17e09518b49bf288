// SPDX-License-Identifier: MIT
/// @file
/// @brief PPO with the default critic and objective; ../same_bytes.sh compiles it with and without the calls of risk
/// objectives.
#include <rlx/core/thread_pool.hpp>
#include <rlx/env/classic/premium_seller.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/ppo.hpp>

#include <time.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace {

/// Masks and metrics, so that a hook in the step of either would show.
struct Seller : rlx::PremiumSeller {
  static std::array<std::string_view, 1> metric_names() { return {"steps"}; }
  void metrics(std::span<double> values) const { values[0] = static_cast<double>(info().steps); }
};

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

/// [STEPS]: processor seconds of the training, and the hash of what it learned.
int main(int argc, char** argv) {
  const auto steps = static_cast<std::uint64_t>(argc > 1 ? std::atoi(argv[1]) : 32'768);
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs({.num_envs = 8, .seed = 1}, pool, [](std::size_t) { return Seller(); });
  rlx::PpoConfig config;
  config.n_steps = 128;
  config.n_epochs = 2;
  rlx::Ppo ppo(config, envs, rlx::nn::mlp_actor_critic({.observation = 2, .action = 3, .pi = {16}, .vf = {16}}), pool);
  ppo.learn(steps / 8);  // warm
  const double begin = processor_seconds();
  ppo.learn(steps);
  std::printf("{\"name\": \"ppo_default_objective\", \"value\": %.6f, \"unit\": \"s\", \"hash\": \"%s\"}\n",
              processor_seconds() - begin, ppo.state_hash().c_str());
}
