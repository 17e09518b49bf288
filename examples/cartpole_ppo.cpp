// SPDX-License-Identifier: MIT
// Trains CartPole-v1 to 500 points in seconds, judges it on episodes it never saw, and exports the policy.
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/callbacks.hpp>
#include <rlx/rl/evaluation.hpp>
#include <rlx/rl/log_outputs.hpp>
#include <rlx/rl/ppo.hpp>

int main(int argc, char** argv) try {
  const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const auto make_env = [](std::size_t) { return rlx::CartPole(); };

  rlx::ThreadPool threads(2);
  rlx::VectorEnv envs({.num_envs = 8, .seed = seed}, threads, make_env);
  rlx::Ppo ppo({.learning_rate = rlx::nn::Schedule::linear(1e-3, 0.0),
                .n_steps = 32,
                .batch_size = 256,
                .n_epochs = 20,
                .gamma = 0.98,
                .gae_lambda = 0.8,
                .clip_range = rlx::nn::Schedule::linear(0.2, 0.0),
                .seed = seed},
               envs, rlx::nn::mlp_actor_critic({.observation = 4, .action = 2}), threads);

  rlx::Logger logger;
  logger.add<rlx::ConsoleTable>(std::cout);
  rlx::EvalCallback evaluation(make_env, {.eval_freq = 20'000, .n_eval_episodes = 20, .pool = &threads});
  ppo.learn(100'000, {.callbacks = {&evaluation}, .logger = &logger, .log_interval = 100});

  const rlx::Evaluation result = rlx::evaluate_policy(ppo.policy(), make_env, {.n_eval_episodes = 100, .seed = seed + 1'000});
  std::printf("reward of 100 new episodes: %.1f (95 %% interval %.1f to %.1f)\n", result.mean_reward, result.interval.low,
              result.interval.high);
  ppo.export_policy("cartpole_policy.safetensors");
  std::printf("policy written to cartpole_policy.safetensors\n");
  return 0;
} catch (const rlx::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
