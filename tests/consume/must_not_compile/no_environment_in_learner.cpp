// SPDX-License-Identifier: MIT
// expect: the environment has no `void reset(std::uint64_t seed, std::span<float> row)`
#include "learner.hpp"

struct Unseeded : Sound {
  void reset(std::span<float> row) { row[0] = 0.0F; }
};
struct Agent {
  rlx::Ppo<Unseeded> ppo;
};
