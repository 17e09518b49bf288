// SPDX-License-Identifier: MIT
/// @file
/// @brief Network updates (forward + backward) and rollout forwards on one thread, as GFLOP/s of nominal work and as a share of
///        the product's peak; median of 5. A minibatch of 128 rows runs as one shard and as 4 shards of 32.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/nn/adam.hpp>
#include <rlx/nn/categorical.hpp>
#include <rlx/nn/grad_norm.hpp>
#include <rlx/nn/graph.hpp>
#include <rlx/nn/initialization.hpp>
#include <rlx/nn/networks.hpp>

#include "common.hpp"

namespace {

namespace nn = rlx::nn;
using rlx::MatrixView;

/// Median processor seconds (other processes' time does not count) of one call over 5 runs of `repeats` calls.
template <class F>
double seconds_per_call(int repeats, F&& f) {
  f();
  double samples[5];
  for (double& sample : samples) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < repeats; ++i) f();
    sample = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / repeats;
  }
  std::sort(samples, samples + 5);
  return samples[2];
}

double peak = 0;  // GFLOP/s

void print(const std::string& name, double value, const char* unit) {
  std::printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"%s\", \"machine_peak_gflops\": %.1f}\n", name.c_str(), value,
              unit, peak);
  std::fflush(stdout);
}

/// Rows like the funding environment's: all opportunities valid, two positions open.
std::vector<float> observations(std::size_t rows, std::size_t width) {
  rlx::RandomStream random({.seed = 1, .purpose = rlx::Purpose::user});
  std::vector<float> in(rows * width);
  for (float& x : in) x = static_cast<float>(random.uniform(-1.0, 1.0));
  for (std::size_t r = 0; width == 275 && r < rows; ++r) {
    for (std::size_t s = 0; s < 5; ++s) in[r * width + 15 + 12 * s] = s < 2 ? 1.0F : 0.0F;
    for (std::size_t s = 0; s < 10; ++s) in[r * width + 75 + 20 * s] = 1.0F;
  }
  return in;
}

void bench_network(const std::string& name, const nn::GraphSpec& spec) {
  nn::ParameterStore<float> store;
  const auto graph = nn::Graph<float>::build(spec, store);
  nn::initialize(store, spec, nn::Initialization::orthogonal, 1);
  const std::span<const float> parameters = store.parameters();
  const std::vector<float> in = observations(128, graph.input_width());
  const double flops = static_cast<double>(graph.flops_per_row());
  const double work = flops * 128;
  const int repeats = std::max(1, static_cast<int>(4e9 / (3 * work)));
  const auto view = [&](std::size_t begin, std::size_t rows) {
    return MatrixView<const float>(in.data() + begin * graph.input_width(), rows, graph.input_width());
  };
  for (const std::size_t shard : {std::size_t{32}, std::size_t{128}}) {
    auto w = graph.make_workspace(shard);
    const std::size_t action = w.output_index("action");
    const std::size_t value = w.output_index("value");
    double forward_only = seconds_per_call(repeats, [&] {
      for (std::size_t r = 0; r < 128; r += shard) graph.forward(parameters, view(r, shard), w);
    });
    const double seconds = seconds_per_call(repeats, [&] {
      for (std::size_t r = 0; r < 128; r += shard) {
        graph.forward(parameters, view(r, shard), w);
        const auto actions = w.output_gradient(action);
        const auto values = w.output_gradient(value);
        for (std::size_t i = 0; i < shard; ++i) {
          std::fill_n(actions.row(i).data(), actions.cols(), 1e-3F);
          values(i, 0) = 1e-3F;
        }
        graph.backward(parameters, store.gradients(), w);
      }
    });
    const std::string suffix = "_shards_of_" + std::to_string(shard);
    print(name + "_forward" + suffix, 1e-9 * work / forward_only, "GFLOP/s");
    print(name + "_update" + suffix, 3e-9 * work / seconds, "GFLOP/s");
    print(name + "_update" + suffix + "_of_peak", 3e-9 * work / seconds / peak * 100, "%");
    if (shard == 32) {
      // Per environment step: one rollout row (in batches of 16) and 4 epochs of update.
      auto rollout = graph.make_workspace(16, false);
      const double row = seconds_per_call(repeats * 4, [&] { graph.forward(parameters, view(0, 16), rollout); }) / 16;
      print(name + "_ppo_steps_4_epochs", 1.0 / (row + 4 * seconds / 128), "steps/s");
    }
  }
  for (const std::size_t rows : {std::size_t{1}, std::size_t{8}, std::size_t{16}}) {
    auto w = graph.make_workspace(rows, false);
    const double seconds = seconds_per_call(repeats * 4, [&] { graph.forward(parameters, view(0, rows), w); });
    print(name + "_rollout_rows_" + std::to_string(rows), 1e6 * seconds, "us");
    print(name + "_rollout_rows_" + std::to_string(rows) + "_speed", 1e-9 * flops * static_cast<double>(rows) / seconds,
          "GFLOP/s");
  }
  nn::Adam adam(store);
  const double step = seconds_per_call(50, [&] {
    const double norm = nn::grad_norm(static_cast<const nn::ParameterStore<float>&>(store).gradients());
    adam.step(store, 0.0, nn::clip_factor(norm, 0.5));
  });
  print(name + "_norm_clip_adam", 1e6 * step, "us");
}

void bench_categorical() {
  const auto in = observations(1024, 36);
  std::vector<std::uint8_t> mask(36);
  for (std::size_t i = 0; i < 36; ++i) mask[i] = i % 3 == 0 ? 1 : 0;
  std::vector<float> g(36);
  float sum = 0;
  const double seconds = seconds_per_call(100, [&] {
    for (std::size_t r = 0; r < 1024; ++r) {
      const std::span<const float> logits(in.data() + r * 36, 36);
      const auto drawn = nn::categorical::sample_and_evaluate(logits, mask, 0.37);
      nn::categorical::backward(logits, mask, drawn.action, 1.0F, 0.1F, g);
      sum += drawn.log_prob + drawn.entropy + g[3];
    }
  });
  print(sum == 0 ? "never" : "categorical_36_sample_and_gradient", 1e9 * seconds / 1024, "ns");
}

void bench_philox() {
  constexpr std::size_t blocks = 4096;
  std::uint32_t sum = 0;
  const double seconds = seconds_per_call(100, [&] {
    rlx::RandomStream random({7, rlx::Purpose::user});
    for (std::size_t word = 0; word < 4 * blocks; ++word) sum += random.next_u32();
  });
  print(sum == 0 ? "never" : "philox_block", 1e9 * seconds / blocks, "ns");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "";
  const auto wanted = [&](const char* name) { return only.empty() || only == name; };
  peak = bench::peak_gflops();
  if (wanted("philox")) bench_philox();
  if (wanted("categorical")) bench_categorical();
  if (wanted("modular")) bench_network("modular", bench::modular_792k());
  if (wanted("pointer")) bench_network("pointer", bench::pointer_99k());
  if (wanted("cartpole")) bench_network("cartpole", nn::mlp_actor_critic({.observation = 4, .action = 2}));
  if (wanted("mlp52")) bench_network("mlp52", nn::mlp_actor_critic({.observation = 52, .action = 5}));
}
