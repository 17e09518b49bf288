// SPDX-License-Identifier: MIT
// expect: ActionScalar must be std::int32_t for Discrete and MultiDiscrete, float for Box and Simplex
#include "environment.hpp"

struct Float : Sound {
  using ActionScalar = float;
  rlx::Transition step(std::span<const float>, std::span<float>) { return {}; }
};
void f() { make_vector<Float>(); }
