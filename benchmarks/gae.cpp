// SPDX-License-Identifier: MIT
/// @file
/// @brief Advantage estimation: one long rollout, and many environments; processor time, medians of 21 runs. Beside them the
/// time to copy two of the five arrays read into the two written, which the memory alone takes.
#include <cstdint>
#include <string>
#include <vector>

#include <rlx/rl/gae.hpp>

#include "common.hpp"

namespace {

template <class F>
std::vector<double> seconds(F&& f) {
  std::vector<double> samples(21);
  for (double& sample : samples) {
    const double start = bench::cpu_seconds();
    f();
    sample = bench::cpu_seconds() - start;
  }
  return samples;
}

/// @param scale  from seconds of a run to the unit
void measure(const char* name, std::size_t steps, std::size_t envs, const char* unit, double scale) {
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
  const auto gae = seconds([&] {
    rlx::compute_gae(rlx::GaeInput<float>{rewards, values, final_values, terminated, truncated, last, steps, envs}, 0.99F,
                     0.95F, advantages, returns);
  });
  const auto copy = seconds([&] {
    std::copy(rewards.begin(), rewards.end(), advantages.begin());
    std::copy(values.begin(), values.end(), returns.begin());
  });
  bench::print(
      name, scale * bench::median(gae), unit,
      bench::member("fastest", scale * bench::quantile(gae, 0.0)) + ", " + bench::member("copy", scale * bench::median(copy)));
}

}  // namespace

int main() {
  measure("gae_t32768_n1", 32'768, 1, "us", 1e6);
  measure("gae_t2048_n256", 2'048, 256, "ns/step", 1e9 / (2'048 * 256));
}
