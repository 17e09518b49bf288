// SPDX-License-Identifier: MIT
/// @file
/// @brief Advantage estimation: one long rollout, and many environments; medians of 21 runs.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

#include <rlx/rl/gae.hpp>

namespace {

double median_seconds(std::size_t steps, std::size_t envs) {
  const std::size_t n = steps * envs;
  std::vector<float> rewards(n), values(n), final_values(n), last(envs, 0.1F), advantages(n), returns(n);
  std::vector<std::uint8_t> terminated(n), truncated(n);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < n; ++i) {
    state = state * 1664525U + 1013904223U;
    rewards[i] = static_cast<float>(state >> 8) * 0x1.0p-24F;
    values[i] = 1.0F - rewards[i];
    terminated[i] = (state >> 16) % 200 == 0;
    truncated[i] = (state >> 16) % 211 == 0;
  }
  std::vector<double> samples(21);
  for (double& sample : samples) {
    const auto start = std::chrono::steady_clock::now();
    rlx::compute_gae(rlx::GaeInput<float>{rewards, values, final_values, terminated, truncated, last, steps, envs}, 0.99F,
                     0.95F, advantages, returns);
    sample = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  std::sort(samples.begin(), samples.end());
  return samples[10];
}

}  // namespace

int main() {
  std::printf("{\"name\": \"gae_t32768_n1\", \"value\": %.1f, \"unit\": \"us\"}\n", 1e6 * median_seconds(32'768, 1));
  std::printf("{\"name\": \"gae_t2048_n256\", \"value\": %.3f, \"unit\": \"ns/step\"}\n",
              1e9 * median_seconds(2'048, 256) / (2'048 * 256));
}
