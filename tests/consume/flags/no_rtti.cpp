// SPDX-License-Identifier: MIT
// Without run-time type information: samplers keep their type, a tape what was derived from it, an error of an environment
// arrives with its place.
#include "everything.hpp"

#include <cstdint>
#include <cstdio>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#ifdef __cpp_rtti
#  error "to be compiled with -fno-rtti"
#endif

namespace {

int failures = 0;
void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

struct First {
  std::size_t source(const rlx::EpisodeKey&) const { return 0; }
  void update(std::span<const rlx::EpisodeStatistics>) {}
  void save_state(rlx::StateWriter&) const {}
  void load_state(rlx::StateReader&) {}
};

struct Throwing : rlx::CartPole {
  rlx::Transition step(std::span<const std::int32_t>, std::span<float>) { throw std::runtime_error("the feed is gone"); }
};

}  // namespace

int main() {
  const rlx::AnyEpisodeSampler sampler{First{}};
  check(sampler.target<First>() != nullptr && sampler.target<rlx::CyclingSampler>() == nullptr, "a sampler keeps its type");

  const auto tape = rlx::funding::make_synthetic_tape({.seed = 7, .days = 20}).tape;
  rlx::funding::FundingArbitrageEnv one(tape), two(tape);  // share what the first derives
  std::vector<float> row(one.observation_space().size());
  one.reset(1, row);
  two.reset(1, row);
  check(rlx::first_non_finite(std::span<const float>(row)) == row.size(), "an environment of a shared tape");

  rlx::ThreadPool pool(2);
  rlx::VectorEnv envs({.num_envs = 2, .seed = 1}, pool, [](std::size_t) { return Throwing(); });
  envs.reset();
  const std::vector<std::int32_t> actions{0, 1};
  std::string message;
  try {
    envs.step({actions.data(), 2, 1});
  } catch (const rlx::EnvironmentError& error) {
    message = error.what();
  }
  check(message.find("the feed is gone") != std::string::npos && message.find("environment 0") != std::string::npos,
        message.c_str());
  return failures;
}
