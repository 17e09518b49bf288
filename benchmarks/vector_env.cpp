// SPDX-License-Identifier: MIT
/// @file
/// @brief Nanoseconds per environment step of VectorEnv on one thread, rows and statistics included: the overhead with an empty
///        environment, with and without its checks, CartPole and CartPoleBatch. Processor time, median of 9.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <span>
#include <string>
#include <vector>

#include <rlx/env/classic/cart_pole.hpp>
#include <rlx/env/classic/cart_pole_batch.hpp>
#include <rlx/env/vector_env.hpp>

namespace {

/// Does nothing but end its episodes after 200 steps; 36 actions, all valid.
struct EmptyEnv {
  using ActionScalar = std::int32_t;
  struct Info {};
  rlx::Box box = rlx::Box::uniform(4, 0.0F, 1.0F);
  rlx::Discrete actions{36};
  Info nothing;
  int steps = 0;
  const rlx::Box& observation_space() const { return box; }
  const rlx::Discrete& action_space() const { return actions; }
  const Info& info() const { return nothing; }
  void reset(std::uint64_t, std::span<float> row) {
    std::fill(row.begin(), row.end(), 0.0F);
    steps = 0;
  }
  rlx::Transition step(std::span<const std::int32_t>, std::span<float>) { return {1.0, false, ++steps == 200}; }
};

template <class Make>
void measure(const std::string& name, rlx::VectorEnvConfig config, Make make) {
  rlx::ThreadPool pool(1);
  rlx::VectorEnv envs(config, pool, make);
  const std::size_t n = config.num_envs;
  std::vector<std::int32_t> actions(64 * n);
  for (std::size_t i = 0; i < actions.size(); ++i) actions[i] = static_cast<std::int32_t>((i * 2654435761U >> 13) & 1U);
  envs.reset();
  const std::size_t steps = 1'000'000 / n;
  const auto rows = envs.own_rows();
  double samples[9];
  for (double& sample : samples) {
    const std::clock_t start = std::clock();
    envs.for_each_shard([&](auto& shard) {
      for (std::size_t t = 0; t < steps; ++t) shard.step({actions.data() + t % 64 * n, n, 1}, rows);
    });
    sample = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC * 1e9 / static_cast<double>(n * steps);
  }
  std::sort(samples, samples + 9);
  std::printf("{\"name\": \"vector_env_%s_n%zu\", \"value\": %.4g, \"unit\": \"ns/step\"}\n", name.c_str(), n, samples[4]);
}

}  // namespace

int main() {
  const auto empty = [](std::size_t) { return EmptyEnv(); };
  const auto pole = [](std::size_t) { return rlx::CartPole(); };
  measure("empty", {.num_envs = 256}, empty);
  measure("empty_unchecked", {.num_envs = 256, .check_finite = false, .check_masks = false}, empty);
  for (const std::size_t n : {1U, 16U, 256U}) measure("cart_pole", {.num_envs = n}, pole);
  measure("cart_pole_unchecked", {.num_envs = 256, .check_finite = false}, pole);
  measure("cart_pole_batch", {.num_envs = 4096}, [](std::size_t size) { return rlx::CartPoleBatch(size); });
}
