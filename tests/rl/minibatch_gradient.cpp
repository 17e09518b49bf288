// SPDX-License-Identifier: MIT
#include <rlx/rl/detail/minibatch_gradient.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <rlx/core/thread_pool.hpp>
#include <rlx/env/testing.hpp>
#include <rlx/env/vector_env.hpp>
#include <rlx/nn/networks.hpp>
#include <rlx/rl/detail/gradient_shards.hpp>
#include <rlx/rl/ppo.hpp>

#include "rlx_catch.hpp"

using namespace rlx_test;

namespace {

/// The default critic; notes which threads of the pool compute losses.
struct WatchedCritic : rlx::ScalarCritic {
  std::atomic<std::uint32_t>* threads = nullptr;
  double loss(const rlx::CriticBatch& batch, std::span<float> d_outputs) const {
    *threads |= 1U << rlx::ThreadPool::thread_index();
    return rlx::ScalarCritic::loss(batch, d_outputs);
  }
};

struct Trained {
  std::string hash;
  std::uint32_t threads = 0;  ///< a bit for each that computed losses
  std::size_t floats = 0;     ///< of the parameters
};

Trained train(std::size_t width, std::size_t threads) {
  std::atomic<std::uint32_t> seen{0};
  WatchedCritic critic;
  critic.threads = &seen;
  rlx::ThreadPool pool(threads);
  rlx::VectorEnv envs({.num_envs = 16, .seed = 3}, pool, [](std::size_t) { return rlx::InvalidActionEnv(7, 4, 11); });
  rlx::Ppo ppo({.learning_rate = 2e-3,
                .n_steps = 10,
                .batch_size = 64,
                .n_epochs = 2,
                .ent_coef = 0.01,
                .normalize_observation = true,
                .normalize_reward = true,
                .gradient_shards = 4,
                .seed = 5},
               envs, rlx::nn::mlp_actor_critic({.observation = 7, .action = 7, .pi = {width, width}, .vf = {width, width}}),
               pool, critic);
  ppo.learn(5 * 160);
  return {ppo.state_hash(), seen, ppo.parameters().parameters().size()};
}

}  // namespace

TEST_CASE("An update large enough for the pool runs on all its threads and gives the bytes of one",
          "[rl][minibatch_gradient]") {
  const Trained one = train(128, 1);
  REQUIRE(one.threads == 0b1U);
  REQUIRE(one.floats > rlx::detail::GradientShards::few_blocks * rlx::detail::GradientShards::block);
  struct Expected {
    std::size_t threads;
    std::uint32_t seen;
  };
  // Of 4 shards each of 2 threads gets two, of 8 threads every second gets one.
  for (const Expected& expected : {Expected{2, 0b11}, Expected{3, 0b111}, Expected{8, 0b10101010}}) {
    CAPTURE(expected.threads);
    const Trained several = train(128, expected.threads);
    REQUIRE(several.threads == expected.seen);
    REQUIRE(several.hash == one.hash);
  }
}

TEST_CASE("A small update stays on the calling thread and gives the bytes of one", "[rl][minibatch_gradient]") {
  const Trained one = train(8, 1), three = train(8, 3);
  REQUIRE(three.threads == 0b1U);
  REQUIRE(three.hash == one.hash);
}
