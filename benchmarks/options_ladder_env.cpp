// SPDX-License-Identifier: MIT
/// @file
/// @brief LadderEnv on loaded data: steps per second with uniform actions and with none, resets, and making a tape.
///
/// Usage: options_ladder_env [files of recorded chains and of index samples; default: the synthetic chain]
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <rlx/core/random.hpp>
#include <rlx/io/gzip.hpp>
#include <rlx/options/ladder_env.hpp>
#include <rlx/options/ladder_tape.hpp>
#include <rlx/options/recorded_chain.hpp>
#include <rlx/options/synthetic_chain.hpp>

#include "common.hpp"

namespace {

using namespace rlx::options;

constexpr std::uint64_t steps = 100'000;

/// `acts`: an action uniform over the mask; else none.
double steps_per_second(LadderEnv& env, bool acts) {
  rlx::RandomStream random({3, rlx::Purpose::action});
  std::vector<float> row(env.observation_size());
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(env.action_space().n));
  std::vector<double> rates;
  std::uint64_t episode = 0;
  for (int run = 0; run < 5; ++run) {
    bool ended = true;
    const double start = bench::cpu_seconds();
    for (std::uint64_t step = 0; step < steps; ++step) {
      if (ended) env.reset(episode++, row);
      env.action_masks(mask);
      std::int32_t action = 0;
      if (acts) {
        const auto legal = static_cast<std::uint64_t>(std::count(mask.begin(), mask.end(), std::uint8_t{1}));
        auto left = static_cast<std::int64_t>(random.bounded(legal));
        while (mask[static_cast<std::size_t>(action)] == 0 || left-- > 0) ++action;
      }
      const rlx::Transition t = env.step(std::span<const std::int32_t>(&action, 1), row);
      ended = t.terminated || t.truncated;
    }
    rates.push_back(static_cast<double>(steps) / (bench::cpu_seconds() - start));
  }
  return bench::median(rates);
}

template <class Chain>
void measure(const Chain& chain) {
  const double start = bench::cpu_seconds();
  const auto tape = std::make_shared<const LadderTape>(chain);
  bench::print("options_ladder_tape", bench::cpu_seconds() - start, "s",
               bench::member("snapshots", static_cast<double>(tape->size())));
  LadderEnv env(tape);
  bench::print("options_ladder_env_uniform", steps_per_second(env, true), "steps/s");
  bench::print("options_ladder_env_none", steps_per_second(env, false), "steps/s");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> paths(argv + 1, argv + argc);
  if (paths.empty()) {
    measure(SyntheticChain());
  } else {
    measure(load_recorded_chain(paths, {}, [](const std::string& path) { return rlx::io::gunzip_file(path); }));
  }
}
